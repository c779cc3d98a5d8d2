//! Logins and sessions.

use std::sync::Arc;

use serde_json::json;

use crate::{
    actor::{Actor, Role, Via},
    app::App,
    auth::{AuthError, Browser, LoginAttempt, Secret, Session},
    error::Error,
    operation::{Effect, Operation, Query},
    store::{Entry, Outcome, Phase},
};

/// Begin a session with a password, and a code where the login has a second factor.
#[derive(Clone, Debug)]
pub struct AuthLogin {
    /// Name of the login.
    pub username: String,
    /// Its password.
    pub password: Secret,
    /// A code of the second factor, or a recovery code.
    pub code: Option<Secret>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// Whether a cookie is wanted.
    pub browser: Browser,
}

/// Go on with a session.
#[derive(Clone, Debug)]
pub struct AuthRefresh {
    /// The refresh token.
    pub refresh_token: Secret,
}

/// End the session that the caller is in.
#[derive(Clone, Copy, Debug)]
pub struct AuthLogout;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct AuthMe;

/// What a caller is told about itself.
#[derive(Clone, Debug)]
pub struct Me {
    /// Who asks.
    pub actor: Actor,
    /// For a caller by cookie: what its pages show with each change they ask for.
    pub csrf_token: Option<Secret>,
}

/// Change one's own password. All other sessions end.
#[derive(Clone, Debug)]
pub struct AuthPassword {
    /// The password so far.
    pub old: Secret,
    /// The new password.
    pub new: Secret,
}

operation!(AuthLogin, "auth_login", None, Session);
operation!(AuthRefresh, "auth_refresh", None, Session);
operation!(AuthLogout, "auth_logout", Some(Role::User), (); keys: MayNot);
operation!(AuthMe, "auth_me", Some(Role::User), Me);
operation!(AuthPassword, "auth_password", Some(Role::User), (); keys: MayNot);

impl Query for AuthLogin {
    // It keeps its own record: a login, not an intent and an outcome.
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<Session, Error> {
        // The name as typed, cut: it may be a password in the wrong field.
        let name: String = self.username.chars().take(32).collect();
        let attempt = LoginAttempt {
            username: self.username,
            password: self.password,
            code: self.code,
            address: actor.address.clone(),
            user_agent: self.user_agent,
            browser: self.browser,
        };
        let session = app.auth.login_with(attempt).await;
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
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<(), Error> {
        match actor.session() {
            Some(session) => Ok(app.auth.logout_session(session).await?),
            // Who came by the socket has no session to end.
            None => Ok(()),
        }
    }
}

impl Query for AuthMe {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<Me, Error> {
        let session = actor.session().filter(|_| actor.via == Via::Cookie);
        Ok(Me {
            actor: actor.clone(),
            csrf_token: session.map(|it| app.auth.csrf_token(it)),
        })
    }
}

impl Query for AuthPassword {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<(), Error> {
        let (login, old, new) = (own_login(actor)?, &self.old, &self.new);
        let keep = actor.session();
        let changed = app
            .auth
            .change_password(login, old.expose(), new.expose(), keep);
        Ok(changed.await?)
    }
}

/// The login of a caller who has one.
pub(super) fn own_login(actor: &Actor) -> Result<i64, Error> {
    let login = actor.login();
    login.ok_or_else(|| Error::NoLogin(actor.name.clone()))
}
