//! The seam between judgement and machine.

use moxnas_core::{cmd::CmdError, root::FileError};

use super::model::{SessionId, Sessions};

/// What this crate needs from a machine that others are connected to.
pub trait SessionBackend: Send + Sync {
    /// Everybody who is connected. What one protocol does not tell is named in
    /// [`Sessions::unknown`], beside all that the others tell.
    fn observe(&self) -> Result<Sessions, BackendError>;

    /// End a session: that it is gone already is no error. The client may come back at once.
    fn disconnect(&self, session: SessionId) -> Result<(), BackendError>;
}

/// The machine did not do as it was told.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// A program failed.
    #[error(transparent)]
    Command(#[from] CmdError),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// What a program or the kernel says is not what it is documented to.
    #[error("what {by} says cannot be read: {why}")]
    Unreadable {
        /// Who says it.
        by: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The process did not take the signal.
    #[error("session {session} could not be ended")]
    NotEnded {
        /// Which.
        session: SessionId,
        /// Why.
        source: std::io::Error,
    },
    /// Something was arranged to go wrong.
    #[error("{0}")]
    Injected(String),
}

impl BackendError {
    /// A stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            BackendError::Command(_) => "session_command_failed",
            BackendError::File(_) => "session_file_failed",
            BackendError::Unreadable { .. } => "session_unreadable",
            BackendError::NotEnded { .. } => "session_not_ended",
            BackendError::Injected(_) => "injected",
        }
    }

    /// What would help.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            BackendError::Command(err) => err.hint(),
            BackendError::File(_) | BackendError::NotEnded { .. } => {
                Some("run MoxNAS as root".to_owned())
            }
            BackendError::Unreadable { by, .. } => Some(format!("look at what {by} says by hand")),
            BackendError::Injected(_) => None,
        }
    }
}
