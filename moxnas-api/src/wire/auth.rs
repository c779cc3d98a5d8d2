//! Logins and sessions.

use moxnas_app::{
    Actor,
    auth::{LoginInfo, Session},
};
use poem_openapi::{Enum, Object};

/// Name and password
#[derive(Clone, PartialEq, Eq, Object)]
#[oai(deny_unknown_fields)]
pub struct Login {
    /// Name of the login
    #[oai(validator(max_length = 128))]
    pub username: String,
    /// Its password
    #[oai(validator(max_length = 1024))]
    pub password: String,
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
pub struct Tokens {
    /// Sent with every request: `Authorization: Bearer …`
    pub token: String,
    /// Sent once, for the next pair of tokens
    pub refresh_token: String,
    /// Seconds until `token` expires
    pub expires_in: u64,
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
#[derive(Clone, Debug, PartialEq, Eq, Object)]
pub struct Me {
    /// Name of the login, or of the user on this machine
    pub username: String,
    /// What it may do
    pub role: Role,
    /// How that was proved: `token`, `socket:0`, `in-process`
    pub via: String,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
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

impl From<Session> for Tokens {
    fn from(it: Session) -> Tokens {
        let LoginInfo { id, username, role } = it.login;
        Tokens {
            token: it.token.expose().to_owned(),
            refresh_token: it.refresh_token.expose().to_owned(),
            expires_in: it.expires_in.as_secs(),
            user: User {
                id,
                username,
                role: role.into(),
            },
        }
    }
}

impl From<Actor> for Me {
    fn from(it: Actor) -> Me {
        // Nobody without a role gets as far as being told who it is.
        let role = it.role.unwrap_or(moxnas_app::Role::User).into();
        Me {
            username: it.name,
            role,
            via: it.via.to_string(),
        }
    }
}
