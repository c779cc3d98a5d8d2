//! Sessions, listed and ended by those who look at them.

use super::{Auth, AuthError, LoginName};
use crate::store::{Login, Revoked, StandingSession};

impl Auth {
    /// The login of this name.
    pub async fn named(&self, username: &str) -> Result<Login, AuthError> {
        let name: LoginName = username.parse()?;
        let found = self.0.store.login(name.as_str()).await?;
        found.ok_or_else(|| AuthError::NoSuchLogin(name.to_string()))
    }

    /// The sessions of a login that stand, youngest first.
    pub async fn sessions(&self, login: i64) -> Result<Vec<StandingSession>, AuthError> {
        Ok(self.0.store.sessions_of(login, self.0.clock.now()).await?)
    }

    /// End one session of a login. Counts from the moment the call returns.
    pub async fn revoke_session(&self, login: i64, session: &str) -> Result<(), AuthError> {
        let (auth, session) = (self.clone(), session.to_owned());
        self.change(async move {
            let mut write = auth.0.store.begin_write().await?;
            let now = auth.0.clock.now();
            let stood = write
                .revoke_session_of(login, &session, Revoked::Listed, now)
                .await?;
            write.commit().await?;
            match stood {
                true => Ok(()),
                false => Err(AuthError::NoSuchSession(session)),
            }
        })
        .await
    }

    /// End all sessions of a login; the answer is how many stood.
    pub async fn revoke_sessions(&self, login: i64) -> Result<u64, AuthError> {
        let auth = self.clone();
        self.change(async move {
            let mut write = auth.0.store.begin_write().await?;
            let now = auth.0.clock.now();
            let ended = write
                .revoke_sessions_of(login, Revoked::Listed, now)
                .await?;
            write.commit().await?;
            Ok(ended)
        })
        .await
    }
}
