//! Why someone is not let in, or a login is not changed.

use std::time::Duration;

use super::{BadScope, LoginNameError, PasswordError, TokenError, WeakPassword};
use crate::{error::Kind, seal::SealError, store::StoreError};

/// Why someone is not let in, or a login is not changed.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// No such login, no password, or another one; never said which.
    #[error("wrong name or password")]
    WrongCredentials,
    /// The password of somebody who is logged in already.
    #[error("the password is not right")]
    WrongPassword,
    /// Too many failures for this name from this address, or from this address for many names.
    #[error("too many failed attempts: try again in {} s", retry_after.as_secs().max(1))]
    TooManyAttempts {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The login was disabled.
    #[error("the login is disabled")]
    LoginDisabled,
    /// The password was right, and there is a second factor.
    #[error("the login has a second factor: a code is required")]
    TotpRequired,
    /// The password was right, and the code was not, or was taken before.
    #[error("the code is not right, or was used before")]
    TotpWrong,
    /// The same of somebody who is logged in already.
    #[error("the code is not right, or was used before")]
    CodeWrong,
    /// The second factor is asked for already.
    #[error("the login has a second factor already")]
    TotpActive,
    /// There is no second factor.
    #[error("the login has no second factor")]
    NoTotp,
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
    /// A change was asked for by a cookie, and not by a page of this service.
    #[error("the request may come from another site: {0}")]
    Csrf(&'static str),
    /// No such API key.
    #[error("the API key is not known")]
    KeyUnknown,
    /// Somebody ended it.
    #[error("the API key was ended")]
    KeyRevoked,
    /// It ended by itself.
    #[error("the API key has expired")]
    KeyExpired,
    /// It is allowed elsewhere.
    #[error("the API key may not be used from {0}")]
    KeyNetwork(String),
    /// No key can be like this.
    #[error("the API key cannot be made: {0}")]
    BadKey(String),
    /// A key cannot have this scope.
    #[error(transparent)]
    Scope(#[from] BadScope),
    /// There is no API key of this number, or it is another's.
    #[error("there is no API key {0}")]
    NoSuchKey(i64),
    /// There is no such session of this login, or it has ended.
    #[error("there is no session {0}")]
    NoSuchSession(String),
    /// There is no login of this name.
    #[error("there is no login named {0}")]
    NoSuchLogin(String),
    /// Without it nobody could administer the machine over the network.
    #[error("{0} is the last enabled admin with a password")]
    LastAdmin(String),
    /// One could lock oneself out by it.
    #[error("{0} is your own login: another admin can do this")]
    OwnLogin(String),
    /// A login cannot have this name.
    #[error(transparent)]
    Name(#[from] LoginNameError),
    /// A login cannot have this password.
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    /// A password could not be hashed or checked.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The secret of a second factor could not be opened.
    #[error(transparent)]
    Seal(#[from] SealError),
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

impl AuthError {
    /// What sort of failure it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            AuthError::TooManyAttempts { .. } => Kind::TooMany,
            AuthError::NoSuchLogin(_) | AuthError::NoSuchKey(_) | AuthError::NoSuchSession(_) => {
                Kind::NotFound
            }
            // Not 401: the session is good, and renewing it would not help.
            AuthError::WrongPassword
            | AuthError::CodeWrong
            | AuthError::BadKey(_)
            | AuthError::Scope(_)
            | AuthError::Name(_)
            | AuthError::Weak(_) => Kind::Invalid,
            AuthError::LastAdmin(_)
            | AuthError::OwnLogin(_)
            | AuthError::TotpActive
            | AuthError::NoTotp
            | AuthError::Store(StoreError::NameTaken(_)) => Kind::Conflict,
            AuthError::Csrf(_) => Kind::Forbidden,
            AuthError::Password(PasswordError::Busy) => Kind::Unavailable,
            AuthError::Store(_)
            | AuthError::Password(_)
            | AuthError::Seal(_)
            | AuthError::Random(_)
            | AuthError::Stopped(_) => Kind::Internal,
            AuthError::WrongCredentials
            | AuthError::LoginDisabled
            | AuthError::TotpRequired
            | AuthError::TotpWrong
            | AuthError::Token(_)
            | AuthError::SessionEnded
            | AuthError::RefreshUnknown
            | AuthError::RefreshExpired
            | AuthError::RefreshReused { .. }
            | AuthError::KeyUnknown
            | AuthError::KeyRevoked
            | AuthError::KeyExpired
            | AuthError::KeyNetwork(_) => Kind::Unauthenticated,
        }
    }

    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            AuthError::WrongCredentials => "wrong_credentials",
            AuthError::WrongPassword => "wrong_password",
            AuthError::TooManyAttempts { .. } => "too_many_attempts",
            AuthError::LoginDisabled => "login_disabled",
            AuthError::TotpRequired => "totp_required",
            AuthError::TotpWrong | AuthError::CodeWrong => "totp_wrong",
            AuthError::TotpActive => "totp_active",
            AuthError::NoTotp => "totp_missing",
            AuthError::Token(_) => "token_invalid",
            AuthError::SessionEnded => "session_ended",
            AuthError::RefreshUnknown => "refresh_unknown",
            AuthError::RefreshExpired => "refresh_expired",
            AuthError::RefreshReused { .. } => "refresh_reused",
            AuthError::Csrf(_) => "csrf",
            AuthError::KeyUnknown => "key_unknown",
            AuthError::KeyRevoked => "key_revoked",
            AuthError::KeyExpired => "key_expired",
            AuthError::KeyNetwork(_) => "key_network",
            AuthError::BadKey(_) => "key_invalid",
            AuthError::Scope(_) => "scope_invalid",
            AuthError::NoSuchKey(_) => "key_not_found",
            AuthError::NoSuchSession(_) => "session_not_found",
            AuthError::NoSuchLogin(_) => "login_not_found",
            AuthError::LastAdmin(_) => "last_admin",
            AuthError::OwnLogin(_) => "own_login",
            AuthError::Name(_) => "login_name_invalid",
            AuthError::Weak(_) => "password_weak",
            AuthError::Store(StoreError::NameTaken(_)) => "login_name_taken",
            AuthError::Store(_) => "database",
            AuthError::Password(PasswordError::Busy) => "busy",
            AuthError::Password(_)
            | AuthError::Seal(_)
            | AuthError::Random(_)
            | AuthError::Stopped(_) => "internal",
        }
    }

    /// What the caller can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            AuthError::TotpRequired => {
                Some("send `totp` too: the code that the app shows, or a recovery code")
            }
            AuthError::TotpWrong | AuthError::CodeWrong => {
                Some("wait for the next code: each works once; check the clock of the device")
            }
            AuthError::TotpActive => Some("take the old one away first: DELETE /api/auth/totp"),
            AuthError::Csrf(_) => {
                Some("send X-CSRF-Token, which GET /api/auth/me answers, or a bearer token")
            }
            AuthError::LastAdmin(_) => Some("make another login an admin with a password first"),
            AuthError::Password(PasswordError::Busy) => Some("try again in a moment"),
            AuthError::KeyUnknown
            | AuthError::KeyRevoked
            | AuthError::KeyExpired
            | AuthError::KeyNetwork(_) => Some("`moxnas key list` shows the keys that work"),
            _ => None,
        }
    }
}
