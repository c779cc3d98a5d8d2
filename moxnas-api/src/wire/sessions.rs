//! Sessions, as people look at them.

use moxnas_app::{ops::sessions::Sessions, store::StandingSession};
use poem_openapi::{Enum, Object};
use time::OffsetDateTime;

use super::timestamp;

/// A session that stands
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct LoginSession {
    /// Its name, for ending it
    pub id: String,
    /// What its client shows
    pub kind: SessionKind,
    /// It is the one that asks
    pub current: bool,
    /// When it was begun
    pub created_at: OffsetDateTime,
    /// When it ends by itself, unless it goes on
    pub expires_at: OffsetDateTime,
    /// When it was last used, to the minute; left out if it never was
    pub last_seen_at: Option<OffsetDateTime>,
    /// Where it was begun from; left out if on the machine itself
    pub address: Option<String>,
    /// What the client called itself; left out if it did not
    pub user_agent: Option<String>,
}

/// What the client of a session shows
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum SessionKind {
    /// Tokens
    Token,
    /// A cookie, in a browser
    Cookie,
}

/// A page of sessions
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct SessionPage {
    /// The sessions, youngest first, a thousand at most
    pub items: Vec<LoginSession>,
    /// Always left out: there is one page
    pub next: Option<String>,
}

impl From<Sessions> for SessionPage {
    fn from(it: Sessions) -> SessionPage {
        let one = |session: StandingSession| {
            let StandingSession {
                id,
                address,
                user_agent,
                has_cookie,
                created_at,
                expires_at,
                last_seen_at,
            } = session;
            LoginSession {
                kind: match has_cookie {
                    true => SessionKind::Cookie,
                    false => SessionKind::Token,
                },
                current: it.current.as_deref() == Some(&id),
                id,
                created_at: timestamp(created_at),
                expires_at: timestamp(expires_at),
                last_seen_at: last_seen_at.map(timestamp),
                address,
                user_agent,
            }
        };
        SessionPage {
            items: it.all.into_iter().map(one).collect(),
            next: None,
        }
    }
}
