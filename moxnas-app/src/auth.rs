//! Who someone is: passwords in, tokens out, tokens back in.
//!
//! A login with a password begins a *session*. It gets an access token (a JWT, minutes) and a
//! refresh token (random text, days, works once, answered with the next). The access token names
//! the session, and the session is looked up at every request, in memory: so its end, and a change
//! of role, count at once and not when the token has expired.
//!
//! What is *not* here: who may do what (`App::call`), and the audit of logins (the operations,
//! which know the request).

mod attempts;
mod first_start;
mod key;
mod known;
mod manage;
mod name;
mod password;
mod rules;
mod secret;
mod session;
mod token;

use std::{fmt, sync::Arc, time::Duration};

use moxnas_core::clock::Clock;

use self::{attempts::Attempts, known::KnownSessions, password::Passwords, token::AccessTokens};
pub use self::{
    first_start::{FirstStart, Terminal},
    key::{KeyError, SigningKey},
    name::{LoginName, LoginNameError},
    password::PasswordError,
    rules::WeakPassword,
    secret::Secret,
    session::{LoginInfo, Session},
    token::TokenError,
};
use crate::{
    actor::{Actor, Role, Via},
    store::{Credentials, Login, SessionState, Store, StoreError},
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
    known: KnownSessions,
}

impl Auth {
    /// There must be one for a database: it remembers what sessions are worth.
    #[must_use]
    pub fn new(store: Store, key: &SigningKey, clock: Arc<dyn Clock>) -> Auth {
        Auth(Arc::new(Inner {
            store,
            clock,
            tokens: AccessTokens::new(key),
            passwords: Passwords::default(),
            attempts: Attempts::default(),
            known: KnownSessions::default(),
        }))
    }

    /// Who shows this access token.
    pub async fn authenticate(&self, token: &str) -> Result<Identity, AuthError> {
        let now = self.0.clock.now();
        let claims = self.0.tokens.read(token, now)?;
        let state = match self.0.known.get(&claims.sid, now) {
            Ok(state) => state,
            Err(generation) => {
                let state = self.0.store.session(&claims.sid).await?;
                let state = Arc::new(state.ok_or(AuthError::SessionEnded)?);
                self.0.known.learn(&claims.sid, &state, now, generation);
                state
            }
        };
        standing(&state)?;
        Ok(Identity {
            login: state.login.id,
            username: state.login.username.clone(),
            role: state.login.role,
            session: claims.sid,
        })
    }

    /// The login whose password this is. Takes the same steps for names that do not exist.
    async fn check_password(
        &self,
        username: &str,
        password: &str,
        address: Option<&str>,
    ) -> Result<Checked, AuthError> {
        let name = username.parse::<LoginName>().ok();
        // Names that no login can have are one name here, or they would fill the memory.
        let name = name.as_ref().map_or("", LoginName::as_str);
        let begun = self.0.attempts.begin(name, address, self.0.clock.now());
        begun.map_err(|retry_after| AuthError::TooManyAttempts { retry_after })?;
        let found = match self.find(name, password).await {
            Ok(found) => found.ok_or(AuthError::WrongCredentials)?,
            Err(error) => {
                self.0.attempts.take_back(name, address);
                return Err(error);
            }
        };
        self.0.attempts.succeeded(name, address);
        // Said only to who knows the password.
        if found.login.disabled {
            return Err(AuthError::LoginDisabled);
        }
        Ok(Checked {
            login: found.login,
            password_hash: found.password_hash,
        })
    }

    async fn find(&self, name: &str, password: &str) -> Result<Option<Credentials>, AuthError> {
        let found = self.0.store.credentials(name).await?;
        let hash = found.as_ref().and_then(|it| it.password_hash.clone());
        let right = self.0.passwords.verify(password, hash).await?;
        Ok(found.filter(|_| right))
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
            auth.0.known.forget();
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

/// Who shows a valid access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Number of the login.
    pub login: i64,
    /// Its name.
    pub username: String,
    /// What it may do at this moment.
    pub role: Role,
    /// The session the token belongs to.
    pub session: String,
}

impl Identity {
    /// The caller this makes.
    #[must_use]
    pub fn actor(&self, address: Option<String>, request_id: impl Into<String>) -> Actor {
        Actor {
            name: self.username.clone(),
            role: Some(self.role),
            via: Via::Token,
            address,
            request_id: request_id.into(),
        }
    }
}

/// Why someone is not let in, or a login is not changed.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// No such login, no password, or another one; never said which.
    #[error("wrong name or password")]
    WrongCredentials,
    /// Too many failures for this name from this address.
    #[error("too many failed attempts: try again in {} s", retry_after.as_secs().max(1))]
    TooManyAttempts {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The login was disabled.
    #[error("the login is disabled")]
    LoginDisabled,
    /// The access token is not valid.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The session was logged out, revoked, or is not known.
    #[error("the session has ended: log in again")]
    SessionEnded,
    /// No such refresh token.
    #[error("the refresh token is not known")]
    RefreshUnknown,
    /// It was not used in time.
    #[error("the refresh token has expired: log in again")]
    RefreshExpired,
    /// It was used before. One of two holders has stolen it, so the session was ended.
    #[error("the refresh token was used before, so its session was ended: log in again")]
    RefreshReused {
        /// Whose it was, for the audit log.
        username: String,
    },
    /// There is no login of this name.
    #[error("there is no login named {0}")]
    NoSuchLogin(String),
    /// A login cannot have this name.
    #[error(transparent)]
    Name(#[from] LoginNameError),
    /// A login cannot have this password.
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    /// A password could not be hashed or checked.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
    /// The database failed, or refused a name that is taken.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The service stops, or has a bug.
    #[error("the service stopped in the middle of it")]
    Stopped(#[source] tokio::task::JoinError),
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

/// Run in a task of its own: a caller that goes away does not stop it half-way.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, AuthError>> + Send + 'static,
) -> Result<T, AuthError> {
    tokio::spawn(work).await.map_err(AuthError::Stopped)?
}
