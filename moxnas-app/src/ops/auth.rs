//! Logins and sessions.

use std::sync::Arc;

use serde_json::json;

use crate::{
    actor::{Actor, Role, Via},
    app::App,
    auth::{AuthError, Secret, Session},
    error::Error,
    operation::{Effect, Operation, Query},
    store::{Entry, Outcome, Phase},
};

/// Begin a session with a password.
#[derive(Clone, Debug)]
pub struct AuthLogin {
    /// Name of the login.
    pub username: String,
    /// Its password.
    pub password: Secret,
}

/// Go on with a session.
#[derive(Clone, Debug)]
pub struct AuthRefresh {
    /// The refresh token.
    pub refresh_token: Secret,
}

/// End a session.
#[derive(Clone, Debug)]
pub struct AuthLogout {
    /// The session of the access token that was shown.
    pub session: Option<String>,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct AuthMe;

/// Give a login another password.
#[derive(Clone, Debug)]
pub struct UserPasswd {
    /// Name of the login.
    pub username: String,
    /// The new password.
    pub password: Secret,
}

operation!(AuthLogin, "auth_login", None, Session);
operation!(AuthRefresh, "auth_refresh", None, Session);
operation!(AuthLogout, "auth_logout", Some(Role::User), ());
operation!(AuthMe, "auth_me", Some(Role::User), Actor);
operation!(UserPasswd, "user_passwd", Some(Role::Admin), (), username);

impl Query for AuthLogin {
    // It keeps its own record: a login, not an intent and an outcome.
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<Session, Error> {
        let address = actor.address.as_deref();
        let session = app
            .auth
            .login(&self.username, self.password.expose(), address)
            .await;
        // The name as typed, cut: it may be a password in the wrong field.
        let name: String = self.username.chars().take(32).collect();
        record(app, actor, Self::NAME, &name, session.as_ref().err()).await?;
        Ok(session?)
    }
}

impl Query for AuthRefresh {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<Session, Error> {
        let session = app.auth.refresh(self.refresh_token.expose()).await;
        // Every few minutes all day long: only what is odd is worth a record.
        if let Err(AuthError::RefreshReused { username }) = &session {
            record(app, actor, Self::NAME, username, session.as_ref().err()).await?;
        }
        Ok(session?)
    }
}

async fn record(
    app: &App,
    actor: &Actor,
    operation: &str,
    name: &str,
    failure: Option<&AuthError>,
) -> Result<(), Error> {
    let mut entry = Entry::new(app.wall_now(), actor, operation, Phase::Login);
    entry.object = Some(name.to_owned());
    entry.result = Some(if failure.is_none() {
        Outcome::Ok
    } else {
        Outcome::Failed
    });
    if let Some(failure) = failure {
        entry.detail = json!({ "cause": failure.to_string() });
    }
    app.store.append_audit(&entry).await?;
    Ok(())
}

impl Query for AuthLogout {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<(), Error> {
        match &self.session {
            Some(session) => Ok(app.auth.logout_session(session).await?),
            // Who came by the socket has no session to end.
            None => Ok(()),
        }
    }
}

impl Query for AuthMe {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, _: &Arc<App>, actor: &Actor) -> Result<Actor, Error> {
        Ok(actor.clone())
    }
}

impl Query for UserPasswd {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<(), Error> {
        // Who stole a session must not be able to take the login over with it.
        if actor.via == Via::Token {
            return Err(Error::Invalid(
                "passwords of others are set on the machine itself: `moxnas user passwd`"
                    .to_owned(),
            ));
        }
        Ok(app
            .auth
            .set_password(&self.username, self.password.expose())
            .await?)
    }
}
