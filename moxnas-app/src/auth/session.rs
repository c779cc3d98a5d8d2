//! Sessions: from a password to a pair of tokens, and from one pair to the next.

use std::time::Duration;

use super::{
    Auth, AuthError, Checked, Secret, Source, cookie, standing, to_the_end,
    token::{self, ACCESS_LIFE, REFRESH_LIFE},
};
use crate::{
    actor::Role,
    store::{Login, NewSession, Revoked, Write},
};

/// A session that has begun or goes on.
#[derive(Clone, Debug)]
pub struct Session {
    /// What [`crate::actor::Actor::session`] says for its tokens.
    pub id: String,
    /// Shown with every request.
    pub token: Secret,
    /// Shown once, for the next [`Session`].
    pub refresh_token: Secret,
    /// How long `token` lasts.
    pub expires_in: Duration,
    /// For a browser that asked for one: sent with every request, for [`super::COOKIE_LIFE`].
    pub cookie: Option<Secret>,
    /// What its pages show with each change they ask for by the cookie.
    pub csrf_token: Option<Secret>,
    /// Whose.
    pub login: LoginInfo,
}

/// What a login is told about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginInfo {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub username: String,
    /// What it may do.
    pub role: Role,
}

/// What somebody who logs in brings.
#[derive(Clone, Debug)]
pub struct LoginAttempt {
    /// As typed.
    pub username: String,
    /// As typed.
    pub password: Secret,
    /// A code of the second factor, or a recovery code.
    pub code: Option<Secret>,
    /// Address of the client, without port.
    pub address: Option<String>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// Whether a cookie is wanted.
    pub browser: Browser,
}

/// Whether a session gets a cookie beside its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Browser {
    /// It does.
    Cookie,
    /// It lives by its tokens alone.
    TokensOnly,
}

/// The longest that is kept of what a client calls itself, in characters.
const USER_AGENT: usize = 256;

impl Auth {
    /// Begin a session with a password alone. `address` is that of the client, without port.
    pub async fn login(
        &self,
        username: &str,
        password: &str,
        address: Option<&str>,
    ) -> Result<Session, AuthError> {
        self.login_with(LoginAttempt {
            username: username.to_owned(),
            password: password.into(),
            code: None,
            address: address.map(str::to_owned),
            user_agent: None,
            browser: Browser::TokensOnly,
        })
        .await
    }

    /// Begin a session. A login with a second factor is asked for its code
    /// ([`AuthError::TotpRequired`]) by whom has shown the password; a wrong code is a failed
    /// attempt like a wrong password.
    pub async fn login_with(&self, attempt: LoginAttempt) -> Result<Session, AuthError> {
        let source = Source::Network(attempt.address.as_deref());
        let password = attempt.password.expose();
        let checked = self
            .check_password(&attempt.username, password, source)
            .await?;
        let name = checked.login.username.as_str();
        if checked.login.has_totp {
            let Some(code) = &attempt.code else {
                self.0.attempts.take_back(name, source);
                return Err(AuthError::TotpRequired);
            };
            let taken = self.take_code(checked.login.id, code.expose()).await;
            match taken {
                Ok(true) => {}
                Ok(false) => return Err(AuthError::TotpWrong),
                Err(error) => {
                    self.0.attempts.take_back(name, source);
                    return Err(error);
                }
            }
        }
        self.0.attempts.succeeded(name, source);
        let auth = self.clone();
        to_the_end(async move { auth.begin_session(&checked, attempt).await }).await
    }

    /// Go on with a session: the refresh token is used up, the answer has the next.
    pub async fn refresh(&self, refresh_token: &str) -> Result<Session, AuthError> {
        let hash = token::refresh_token_hash(refresh_token).ok_or(AuthError::RefreshUnknown)?;
        let auth = self.clone();
        to_the_end(async move { auth.rotate(&hash).await }).await
    }

    /// End the session that a refresh token, used or not, belongs to.
    pub async fn logout(&self, refresh_token: &str) -> Result<(), AuthError> {
        let hash = token::refresh_token_hash(refresh_token).ok_or(AuthError::RefreshUnknown)?;
        let auth = self.clone();
        self.change(async move {
            let mut write = auth.0.store.begin_write().await?;
            let token = write
                .refresh_token(&hash)
                .await?
                .ok_or(AuthError::RefreshUnknown)?;
            write
                .revoke_session(&token.session, Revoked::Logout, auth.0.clock.now())
                .await?;
            Ok(write.commit().await?)
        })
        .await
    }

    /// End the session of an access token; see [`crate::actor::Actor::session`].
    pub async fn logout_session(&self, session: &str) -> Result<(), AuthError> {
        let (auth, session) = (self.clone(), session.to_owned());
        self.change(async move {
            let mut write = auth.0.store.begin_write().await?;
            write
                .revoke_session(&session, Revoked::Logout, auth.0.clock.now())
                .await?;
            Ok(write.commit().await?)
        })
        .await
    }

    async fn begin_session(
        &self,
        checked: &Checked,
        attempt: LoginAttempt,
    ) -> Result<Session, AuthError> {
        let mut write = self.0.store.begin_write().await?;
        // Checking took a while: the password may be another by now, or the login disabled.
        let found = write.credentials(&checked.login.username).await?;
        let found = found.filter(|it| it.password_hash == checked.password_hash);
        let login = found.ok_or(AuthError::WrongCredentials)?.login;
        if login.disabled {
            return Err(AuthError::LoginDisabled);
        }
        let at = self.0.clock.now();
        let id = token::new_session_id().map_err(AuthError::Random)?;
        write.forget_expired(at).await?;
        write.logged_in(login.id, at).await?;
        let cookie = match attempt.browser {
            Browser::Cookie => Some(cookie::new_cookie().map_err(AuthError::Random)?),
            Browser::TokensOnly => None,
        };
        let user_agent = attempt.user_agent;
        let new = NewSession {
            id: id.clone(),
            login: login.id,
            address: attempt.address,
            user_agent: user_agent.map(|it| it.chars().take(USER_AGENT).collect()),
            cookie_hash: cookie.as_ref().map(|(_, hash)| *hash),
            at,
            expires_at: at + REFRESH_LIFE,
        };
        write.begin_session(&new).await?;
        let mut session = self.issue(write, id, &login).await?;
        if let Some((text, _)) = cookie {
            session.csrf_token = Some(self.csrf_token(&session.id));
            session.cookie = Some(text);
        }
        Ok(session)
    }

    async fn rotate(&self, hash: &[u8; 32]) -> Result<Session, AuthError> {
        let mut write = self.0.store.begin_write().await?;
        let token = write
            .refresh_token(hash)
            .await?
            .ok_or(AuthError::RefreshUnknown)?;
        standing(&token.state)?;
        let now = self.0.clock.now();
        if token.used_at.is_some() {
            write
                .revoke_session(&token.session, Revoked::Reuse, now)
                .await?;
            let done = write.commit().await;
            self.forget();
            done?;
            return Err(AuthError::RefreshReused {
                username: token.state.login.username,
            });
        }
        if now >= token.expires_at {
            return Err(AuthError::RefreshExpired);
        }
        write.use_refresh_token(token.id, now).await?;
        self.issue(write, token.session, &token.state.login).await
    }

    /// The next pair of tokens of a session, and the end of the transaction that they are part of.
    async fn issue(
        &self,
        mut write: Write,
        session: String,
        login: &Login,
    ) -> Result<Session, AuthError> {
        let now = self.0.clock.now();
        let (refresh_token, hash) = token::new_refresh_token().map_err(AuthError::Random)?;
        let token = self.0.tokens.issue(login.id, &session, now)?;
        write
            .add_refresh_token(&session, &hash, now, now + REFRESH_LIFE)
            .await?;
        write.commit().await?;
        let login = LoginInfo {
            id: login.id,
            username: login.username.clone(),
            role: login.role,
        };
        Ok(Session {
            id: session,
            token,
            refresh_token,
            expires_in: ACCESS_LIFE,
            cookie: None,
            csrf_token: None,
            login,
        })
    }
}
