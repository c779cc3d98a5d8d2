//! Sessions, one's own and those of others.

use std::sync::Arc;

use super::auth::own_login;
use crate::{
    actor::{Actor, Role},
    app::App,
    error::Error,
    operation::{Effect, Operation, Query},
    store::StandingSession,
};

/// One's own sessions.
#[derive(Clone, Copy, Debug)]
pub struct SessionList;

/// End one of one's own sessions.
#[derive(Clone, Debug)]
pub struct SessionRevoke {
    /// Its id.
    pub session: String,
}

/// The sessions of a login.
#[derive(Clone, Debug)]
pub struct UserSessionList {
    /// Name of the login.
    pub username: String,
}

/// End one session of a login.
#[derive(Clone, Debug)]
pub struct UserSessionRevoke {
    /// Name of the login.
    pub username: String,
    /// The session's id.
    pub session: String,
}

/// End all sessions of a login.
#[derive(Clone, Debug)]
pub struct UserSessionRevokeAll {
    /// Name of the login.
    pub username: String,
}

/// Sessions that stand, and the one that the caller is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// Youngest first, a thousand at most.
    pub all: Vec<StandingSession>,
    /// Id of the caller's.
    pub current: Option<String>,
}

operation!(SessionList, "session_list", Some(Role::User), Sessions);
operation!(SessionRevoke, "session_revoke", Some(Role::User), ());
operation!(
    UserSessionList,
    "user_session_list",
    Some(Role::Admin),
    Sessions,
    username
);
operation!(
    UserSessionRevoke,
    "user_session_revoke",
    Some(Role::Admin),
    (),
    username
);
operation!(
    UserSessionRevokeAll,
    "user_session_revoke_all",
    Some(Role::Admin),
    (),
    username
);

impl Query for SessionList {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<Sessions, Error> {
        Ok(Sessions {
            all: app.auth.sessions(own_login(actor)?).await?,
            current: actor.session().map(str::to_owned),
        })
    }
}

impl Query for SessionRevoke {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<(), Error> {
        let login = own_login(actor)?;
        Ok(app.auth.revoke_session(login, &self.session).await?)
    }
}

impl Query for UserSessionList {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<Sessions, Error> {
        let login = app.auth.named(&self.username).await?.id;
        Ok(Sessions {
            all: app.auth.sessions(login).await?,
            current: actor.session().map(str::to_owned),
        })
    }
}

impl Query for UserSessionRevoke {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<(), Error> {
        let login = app.auth.named(&self.username).await?.id;
        Ok(app.auth.revoke_session(login, &self.session).await?)
    }
}

impl Query for UserSessionRevokeAll {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<(), Error> {
        let login = app.auth.named(&self.username).await?.id;
        app.auth.revoke_sessions(login).await?;
        Ok(())
    }
}
