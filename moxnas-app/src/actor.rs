//! Who asks: the one thing that access checks and audit need to know about a caller.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::auth::Scopes;

/// Someone who calls an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Name of the login, or a word for callers without one.
    pub name: String,
    /// What the caller may; `None` when not logged in.
    pub role: Option<Role>,
    /// How the caller proved who it is.
    pub via: Via,
    /// Address of the client, without port; `None` for callers on this machine.
    pub address: Option<String>,
    /// Ties the answer, the log and the audit records together.
    pub request_id: String,
    /// What was shown, where the operation has to know it.
    pub credential: Credential,
}

/// What a caller has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Credential {
    /// Nothing, or nothing but being on this machine: there is no login behind it.
    #[default]
    None,
    /// The token or the cookie of a session.
    Session {
        /// Number of the login.
        login: i64,
        /// Id of the session.
        session: String,
    },
    /// An API key.
    ApiKey {
        /// Number of the login that it belongs to.
        login: i64,
        /// What its owner calls it.
        name: String,
        /// The operations that it opens.
        scopes: Arc<Scopes>,
    },
}

impl Actor {
    /// A caller who showed no credential.
    #[must_use]
    pub fn nobody(request_id: impl Into<String>) -> Actor {
        Actor {
            name: "nobody".to_owned(),
            role: None,
            via: Via::Nobody,
            address: None,
            request_id: request_id.into(),
            credential: Credential::None,
        }
    }

    /// The number of the login behind the caller.
    #[must_use]
    pub fn login(&self) -> Option<i64> {
        match &self.credential {
            Credential::None => None,
            Credential::Session { login, .. } | Credential::ApiKey { login, .. } => Some(*login),
        }
    }

    /// The session that the caller is in.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        match &self.credential {
            Credential::Session { session, .. } => Some(session),
            Credential::None | Credential::ApiKey { .. } => None,
        }
    }

    /// Whether the caller is known by being on this machine, and not by something that could have
    /// been stolen.
    #[must_use]
    pub fn is_on_this_machine(&self) -> bool {
        matches!(self.via, Via::Socket { .. } | Via::InProcess)
    }

    /// Whether the caller's role is `needs` or above.
    #[must_use]
    pub fn may(&self, needs: Role) -> bool {
        self.role >= Some(needs)
    }
}

/// What a login may do. Each role includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees and changes what is its own.
    User,
    /// Reads everything but secrets and the audit log.
    Viewer,
    /// Runs what loses no data.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// All roles, lowest first.
    pub const ALL: [Role; 4] = [Role::User, Role::Viewer, Role::Operator, Role::Admin];

    /// The word used on the wire and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Role::User => "user",
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Role, UnknownRole> {
        let found = Role::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

impl TryFrom<String> for Role {
    type Error = UnknownRole;

    fn try_from(text: String) -> Result<Role, UnknownRole> {
        text.parse()
    }
}

/// A word that names no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no role `{0}`: roles are user, viewer, operator and admin")]
pub struct UnknownRole(pub String);

/// How a caller proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// An access token.
    Token,
    /// The cookie of a browser's session.
    Cookie,
    /// An API key.
    ApiKey {
        /// Its number.
        id: i64,
    },
    /// The Unix socket, where the kernel says which user is at the other end.
    Socket {
        /// The user's number.
        uid: u32,
    },
    /// A caller in this very process: `--local`, or the service itself.
    InProcess,
    /// It did not.
    Nobody,
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Via::Token => f.write_str("token"),
            Via::Cookie => f.write_str("cookie"),
            Via::ApiKey { id } => write!(f, "api-key:{id}"),
            Via::Socket { uid } => write!(f, "socket:{uid}"),
            Via::InProcess => f.write_str("in-process"),
            Via::Nobody => f.write_str("nobody"),
        }
    }
}
