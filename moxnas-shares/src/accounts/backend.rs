//! The seam between judgement and machine.

use moxnas_core::{cmd::CmdError, root::FileError};

use super::{BadRecord, model::Accounts, plan::Step};

/// What this crate needs from a machine that has users.
///
/// A backend reports and obeys. It never decides whether a step is wise: that was settled by
/// [`plan`](super::plan::plan()), and is the same for every backend.
pub trait AccountBackend: Send + Sync {
    /// The users and groups of the machine's own files, and what Samba knows of them. What is known
    /// to a directory of the network only is not among them. A line that could not be read is named
    /// in [`Accounts::errors`], beside all that could.
    fn observe(&self) -> Result<Accounts, BackendError>;

    /// Do one step. When this returns `Ok`, the next look shows the effect.
    ///
    /// [`Step::SetPassword`] sets it in all databases or in none: if one of them does not take it,
    /// the others have the former one again. It never enables who is disabled. Where the former one
    /// could not be put back, the error is [`BackendError::HalfChanged`].
    fn apply(&self, step: &Step) -> Result<(), BackendError>;
}

/// The machine did not do as it was told. No password is in it.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// A program failed.
    #[error(transparent)]
    Command(#[from] CmdError),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// What MoxNAS remembers of numbers cannot be read.
    #[error(transparent)]
    Record(#[from] BadRecord),
    /// There is no such file on a machine that has users.
    #[error("{0} is not there")]
    NoFile(&'static str),
    /// A program said that it had done its work, and had not.
    #[error("`{0}` was done without an error, and nothing shows it")]
    NotDone(String),
    /// Processes of the user are running.
    #[error("{user} is logged in")]
    LoggedIn {
        /// The user.
        user: String,
        /// What userdel(8) said.
        source: CmdError,
    },
    /// The password was set in one database, could not be set in all, and the former one could not
    /// be put back.
    #[error(
        "{user} has the new password in the system and may have the former one elsewhere: it could not \
         be put back ({why})"
    )]
    HalfChanged {
        /// The user.
        user: String,
        /// Why it could not be put back.
        why: String,
        /// Why it was not set everywhere.
        source: Box<BackendError>,
    },
    /// The simulation was told to fail.
    #[error("{0}")]
    Injected(String),
}

/// Stopped part way through the steps of this module.
pub type Stopped = moxnas_core::plan::Stopped<Step, BackendError>;

/// Carry out steps on a backend.
pub fn execute(backend: &dyn AccountBackend, steps: &[Step]) -> Result<(), Box<Stopped>> {
    moxnas_core::plan::execute(steps, |step| backend.apply(step))
}

impl BackendError {
    /// What would make it work, if that can be told.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            BackendError::Command(err) => err.hint(),
            BackendError::Record(_) => Some(
                "put the line right, or take it out if its number was never given to anybody"
                    .to_owned(),
            ),
            BackendError::LoggedIn { user, .. } => Some(format!(
                "the account is disabled already; `loginctl terminate-user {user}` ends what runs, then \
                 delete again"
            )),
            BackendError::HalfChanged { user, .. } => Some(format!(
                "set the password of {user} again, or disable the account"
            )),
            _ => None,
        }
    }
}
