//! Logins and sessions.

use moxnas_app::{
    auth::{Enrolment, LoginInfo, Secret, Session},
    ops::auth,
};
use poem_openapi::{Enum, Object};

/// Name and password
#[derive(Clone, PartialEq, Eq, Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct Login {
    /// Name of the login
    #[oai(validator(max_length = 128))]
    pub username: String,
    /// Its password
    #[oai(validator(max_length = 1024))]
    pub password: String,
    /// For a login with a second factor (`totp_required`): the code that the app shows, or a
    /// recovery code
    #[oai(validator(max_length = 64))]
    pub totp: Option<String>,
    /// Set the cookie `moxnas_session` too, for a browser; false if left out
    pub cookie: Option<bool>,
}

/// The second token of a session
#[derive(Clone, PartialEq, Eq, Object)]
#[oai(deny_unknown_fields)]
pub struct Refresh {
    /// The refresh token; it works once
    #[oai(validator(max_length = 256))]
    pub refresh_token: String,
}

/// A session
#[derive(Clone, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Tokens {
    /// Sent with every request: `Authorization: Bearer …`
    pub token: String,
    /// Sent once, for the next pair of tokens
    pub refresh_token: String,
    /// Seconds until `token` expires
    pub expires_in: u64,
    /// Where a cookie was asked for: sent as `X-CSRF-Token` with every change that the cookie
    /// authenticates
    pub csrf_token: Option<String>,
    /// Whose session it is
    pub user: User,
}

/// A login
#[derive(Clone, Debug, PartialEq, Eq, Object)]
pub struct User {
    /// Its number
    pub id: i64,
    /// Its name
    pub username: String,
    /// What it may do
    pub role: Role,
}

/// Who asks
#[derive(Clone, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Me {
    /// Name of the login, or of the user on this machine
    pub username: String,
    /// What it may do
    pub role: Role,
    /// How that was proved: `token`, `cookie`, `api-key:7`, `socket:0`, `in-process`
    pub via: String,
    /// Where a cookie did: sent as `X-CSRF-Token` with every change
    pub csrf_token: Option<String>,
}

/// One's own password, and the one that takes its place
#[derive(Clone, PartialEq, Eq, Object)]
#[oai(deny_unknown_fields)]
pub struct ChangePassword {
    /// The password so far
    #[oai(validator(max_length = 1024))]
    pub old: String,
    /// The new password, 12 characters or more
    #[oai(validator(max_length = 1024))]
    pub new: String,
}

/// The password, shown again
#[derive(Clone, PartialEq, Eq, Object)]
#[oai(deny_unknown_fields)]
pub struct EnrolTotp {
    /// The password of one's own login
    #[oai(validator(max_length = 1024))]
    pub password: String,
}

/// A second factor that waits for its first code
#[derive(Clone, PartialEq, Eq, Object)]
pub struct TotpSecret {
    /// For typing into an app: base32
    pub secret: String,
    /// The same for a QR code: `otpauth://totp/…`
    pub url: String,
}

/// A code
#[derive(Clone, PartialEq, Eq, Object)]
#[oai(deny_unknown_fields)]
pub struct ConfirmTotp {
    /// The code that the app shows
    #[oai(validator(max_length = 64))]
    pub code: String,
}

/// Recovery codes
#[derive(Clone, PartialEq, Eq, Object)]
pub struct RecoveryCodes {
    /// Each works once in place of a code. They are shown this once
    pub recovery_codes: Vec<String>,
}

/// The password and a code, shown again
#[derive(Clone, PartialEq, Eq, Object)]
#[oai(deny_unknown_fields)]
pub struct DisableTotp {
    /// The password of one's own login
    #[oai(validator(max_length = 1024))]
    pub password: String,
    /// The code that the app shows, or a recovery code
    #[oai(validator(max_length = 64))]
    pub code: String,
}

/// A new password
#[derive(Clone, PartialEq, Eq, Object)]
#[oai(deny_unknown_fields)]
pub struct NewPassword {
    /// The password, 12 characters or more
    #[oai(validator(max_length = 1024))]
    pub password: String,
}

/// What a login may do; each role includes those before it
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, serde::Serialize, clap::ValueEnum)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees and changes what is its own
    User,
    /// Reads everything but secrets and the audit log
    Viewer,
    /// Runs what loses no data
    Operator,
    /// Everything
    Admin,
}

impl From<moxnas_app::Role> for Role {
    fn from(it: moxnas_app::Role) -> Role {
        match it {
            moxnas_app::Role::User => Role::User,
            moxnas_app::Role::Viewer => Role::Viewer,
            moxnas_app::Role::Operator => Role::Operator,
            moxnas_app::Role::Admin => Role::Admin,
        }
    }
}

impl From<Role> for moxnas_app::Role {
    fn from(it: Role) -> moxnas_app::Role {
        match it {
            Role::User => moxnas_app::Role::User,
            Role::Viewer => moxnas_app::Role::Viewer,
            Role::Operator => moxnas_app::Role::Operator,
            Role::Admin => moxnas_app::Role::Admin,
        }
    }
}

impl From<Enrolment> for TotpSecret {
    fn from(it: Enrolment) -> TotpSecret {
        let Enrolment { secret, url } = it;
        TotpSecret {
            secret: secret.expose().to_owned(),
            url: url.expose().to_owned(),
        }
    }
}

impl From<Vec<Secret>> for RecoveryCodes {
    fn from(it: Vec<Secret>) -> RecoveryCodes {
        RecoveryCodes {
            recovery_codes: it.iter().map(|it| it.expose().to_owned()).collect(),
        }
    }
}

impl From<Session> for Tokens {
    fn from(it: Session) -> Tokens {
        let LoginInfo { id, username, role } = it.login;
        Tokens {
            token: it.token.expose().to_owned(),
            refresh_token: it.refresh_token.expose().to_owned(),
            expires_in: it.expires_in.as_secs(),
            csrf_token: it.csrf_token.map(|it| it.expose().to_owned()),
            user: User {
                id,
                username,
                role: role.into(),
            },
        }
    }
}

impl From<auth::Me> for Me {
    fn from(it: auth::Me) -> Me {
        let auth::Me { actor, csrf_token } = it;
        // Nobody without a role gets as far as being told who it is.
        let role = actor.role.unwrap_or(moxnas_app::Role::User).into();
        Me {
            username: actor.name,
            role,
            via: actor.via.to_string(),
            csrf_token: csrf_token.map(|it| it.expose().to_owned()),
        }
    }
}
