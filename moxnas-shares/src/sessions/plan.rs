//! Whether a session can be ended, and what that means for whoever has it.

use std::fmt;

use moxnas_core::plan::Plan;
use serde::{Deserialize, Serialize};

use super::model::{Protocol, SessionId, Sessions};

/// A session is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which.
    pub session: SessionId,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "end session {}", self.session)
    }
}

/// Why nothing is planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody is connected so, or not any more.
    #[error("there is no session {0}")]
    NotFound(SessionId),
}

impl Refusal {
    /// A stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::NotFound(_) => "session_not_found",
        }
    }

    /// What would help.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Refusal::NotFound(_) => "look again: it may have ended by itself".to_owned(),
        }
    }
}

/// What has to be done to end a session, and who loses what by it.
pub fn plan(seen: &Sessions, id: SessionId) -> Result<Plan<Step>, Refusal> {
    let found = seen.sessions.iter().find(|it| it.id == id);
    let session = found.ok_or(Refusal::NotFound(id))?;
    let mut plan = Plan {
        steps: vec![Step { session: id }],
        ..Plan::default()
    };
    plan.evidence.push(format!(
        "session {id}: {:?} from {:?}",
        session.user, session.address
    ));
    for file in session.files.iter().filter(|it| it.writes) {
        plan.warnings.push(format!(
            "{} is open for writing: what the client has not sent is lost",
            file.path
        ));
    }
    for other in &seen.sessions {
        if other.id != id && is_same_connection(other.id, id) {
            let user = other.user.as_deref().unwrap_or("somebody");
            plan.warnings.push(format!(
                "{user} uses the same connection, and is cut off too"
            ));
        }
    }
    if id.protocol() != Protocol::Ftp {
        plan.warnings
            .push("most clients connect again by themselves".to_owned());
    }
    Ok(plan)
}

fn is_same_connection(a: SessionId, b: SessionId) -> bool {
    match (a, b) {
        (SessionId::Smb { process: a, .. }, SessionId::Smb { process: b, .. }) => a == b,
        _ => false,
    }
}

/// Whether a session is gone.
#[must_use]
pub fn is_gone(after: &Sessions, id: SessionId) -> bool {
    after.sessions.iter().all(|it| it.id != id)
}
