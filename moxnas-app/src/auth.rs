//! Who someone is: passwords in, tokens out, tokens back in.
//!
//! A login with a password begins a *session*. It gets an access token (a JWT, minutes) and a
//! refresh token (random text, days, works once, answered with the next). The access token names
//! the session, and the session is looked up at every request, in memory: so its end, and a change
//! of role, count at once and not when the token has expired.
//!
//! What is *not* here: who may do what (`App::call`), and the audit of logins (the operations,
//! which know the request).

mod api_key;
mod attempts;
mod cookie;
mod first_start;
mod key;
mod known;
mod manage;
mod name;
mod password;
mod refusal;
mod rules;
mod scopes;
mod second_factor;
mod secret;
mod session;
mod session_list;
mod token;
mod totp;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::SystemTime};

use moxnas_core::clock::Clock;

use self::{
    api_key::KnownKey,
    attempts::{Attempts, Source},
    cookie::CsrfKey,
    known::{Known, Seen},
    password::Passwords,
    token::AccessTokens,
};
pub use self::{
    api_key::{KeyWish, MadeKey},
    cookie::COOKIE_LIFE,
    first_start::{FirstStart, Terminal},
    key::{KeyError, SigningKey},
    manage::{LoginChange, LoginWish},
    name::{LoginName, LoginNameError},
    password::PasswordError,
    refusal::AuthError,
    rules::WeakPassword,
    scopes::{BadScope, Scope, Scopes},
    second_factor::Enrolment,
    secret::Secret,
    session::{Browser, LoginAttempt, LoginInfo, Session},
    token::TokenError,
};
use crate::{
    actor::{Actor, Credential, Role, Via},
    seal::Sealer,
    store::{Credentials, Login, SessionState, Store},
};

/// Checks credentials and keeps sessions. Cheap to clone.
#[derive(Clone)]
pub struct Auth(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    tokens: AccessTokens,
    passwords: Passwords,
    attempts: Attempts,
    sealer: Sealer,
    csrf: CsrfKey,
    known: Known<SessionState>,
    known_keys: Known<KnownKey>,
    /// The session of a cookie, and when it was begun.
    known_cookies: Known<(String, SystemTime)>,
}

impl Auth {
    /// There must be one for a database: it remembers what sessions are worth.
    #[must_use]
    pub fn new(store: Store, key: &SigningKey, sealer: Sealer, clock: Arc<dyn Clock>) -> Auth {
        Auth(Arc::new(Inner {
            store,
            clock,
            tokens: AccessTokens::new(key),
            passwords: Passwords::default(),
            attempts: Attempts::default(),
            sealer,
            csrf: CsrfKey::of(key),
            known: Known::default(),
            known_keys: Known::default(),
            known_cookies: Known::default(),
        }))
    }

    /// Who shows this access token.
    pub async fn authenticate(&self, token: &str) -> Result<Identity, AuthError> {
        let claims = self.0.tokens.read(token, self.0.clock.now())?;
        self.identify(claims.sid, Via::Token).await
    }

    /// Whose session this is, if it stands.
    async fn identify(&self, session: String, via: Via) -> Result<Identity, AuthError> {
        let now = self.0.clock.now();
        let seen = match self.0.known.get(&session, now) {
            Ok(seen) => seen,
            Err(generation) => {
                let state = self.0.store.session(&session).await?;
                let state = state.ok_or(AuthError::SessionEnded)?;
                let used_at = state.last_seen_at;
                let seen = Arc::new(Seen::new(state, used_at));
                self.0.known.learn(&session, &seen, now, generation);
                seen
            }
        };
        standing(&seen.state)?;
        if seen.is_due(now) {
            let (auth, session) = (self.clone(), session.clone());
            tokio::spawn(async move {
                let done = auth.0.store.touch_session(&session, now).await;
                not_written(done);
            });
        }
        let login = &seen.state.login;
        Ok(Identity {
            login: login.id,
            username: login.username.clone(),
            role: login.role,
            via,
            credential: Credential::Session {
                login: login.id,
                session,
            },
        })
    }

    /// The login whose password this is. Takes the same steps for names that do not exist.
    ///
    /// The attempt counts as failed until [`Attempts::succeeded`] is told otherwise.
    async fn check_password(
        &self,
        username: &str,
        password: &str,
        source: Source<'_>,
    ) -> Result<Checked, AuthError> {
        let name = username.parse::<LoginName>().ok();
        // Names that no login can have are one name here, or they would fill the memory.
        let name = name.as_ref().map_or("", LoginName::as_str);
        let begun = self.0.attempts.begin(name, source, self.0.clock.now());
        begun.map_err(|retry_after| AuthError::TooManyAttempts { retry_after })?;
        let found = match self.find(name, password).await {
            Ok(found) => found.ok_or(AuthError::WrongCredentials)?,
            Err(error) => {
                self.0.attempts.take_back(name, source);
                return Err(error);
            }
        };
        // Said only to who knows the password.
        if found.login.disabled {
            self.0.attempts.succeeded(name, source);
            return Err(AuthError::LoginDisabled);
        }
        Ok(Checked {
            login: found.login,
            password_hash: found.password_hash,
        })
    }

    /// The same for somebody who is logged in, before something that a stolen session must not do.
    /// Counted apart from logins: guesses from elsewhere must not keep the owner from it.
    async fn prove_password(&self, login: i64, password: &str) -> Result<Checked, AuthError> {
        let found = self.0.store.credentials_of(login).await?;
        let found = found.ok_or_else(|| AuthError::NoSuchLogin(login.to_string()))?;
        let name = &found.login.username;
        let checked = self.check_password(name, password, Source::Proof).await;
        if checked.is_ok() {
            self.0.attempts.succeeded(name, Source::Proof);
        }
        checked.map_err(|error| match error {
            AuthError::WrongCredentials => AuthError::WrongPassword,
            other => other,
        })
    }

    async fn find(&self, name: &str, password: &str) -> Result<Option<Credentials>, AuthError> {
        let found = self.0.store.credentials(name).await?;
        let hash = found.as_ref().and_then(|it| it.password_hash.clone());
        let right = self.0.passwords.verify(password, hash).await?;
        Ok(found.filter(|_| right))
    }

    /// What was known of sessions and keys may be so no longer.
    fn forget(&self) {
        self.0.known.forget();
        self.0.known_keys.forget();
        self.0.known_cookies.forget();
    }

    /// Do something that ends sessions or changes what they are worth.
    async fn change<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, AuthError>> + Send + 'static,
    ) -> Result<T, AuthError> {
        let auth = self.clone();
        to_the_end(async move {
            let done = work.await;
            // Also after a failure: what failed may be the answer and not the change.
            auth.forget();
            done
        })
        .await
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Auth(..)")
    }
}

/// A login and the very hash its password was right for.
struct Checked {
    login: Login,
    password_hash: Option<String>,
}

/// Who shows a valid credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Number of the login.
    pub login: i64,
    /// Its name.
    pub username: String,
    /// What it may do at this moment.
    pub role: Role,
    /// How that was proved.
    pub via: Via,
    /// What was shown.
    pub credential: Credential,
}

impl Identity {
    /// The caller this makes.
    #[must_use]
    pub fn actor(&self, address: Option<String>, request_id: impl Into<String>) -> Actor {
        Actor {
            name: self.username.clone(),
            role: Some(self.role),
            via: self.via,
            address,
            request_id: request_id.into(),
            credential: self.credential.clone(),
        }
    }
}

fn standing(state: &SessionState) -> Result<(), AuthError> {
    if state.login.disabled {
        return Err(AuthError::LoginDisabled);
    }
    match state.revoked_at {
        Some(_) => Err(AuthError::SessionEnded),
        None => Ok(()),
    }
}

/// That a credential is in use is worth a line, not a failure.
fn not_written(done: Result<(), crate::store::StoreError>) {
    if let Err(error) = done {
        tracing::warn!("{}", moxnas_core::chain::chain(&error));
    }
}

/// Run in a task of its own: a caller that goes away does not stop it half-way.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, AuthError>> + Send + 'static,
) -> Result<T, AuthError> {
    tokio::spawn(work).await.map_err(AuthError::Stopped)?
}
