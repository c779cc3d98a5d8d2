//! The seam between judgement and machine.

use std::io;

use moxnas_core::{folder::FolderPath, root::FileError};

use super::{IdMap, Last, SharePath, Trail};

/// What this module needs from a machine that has files.
///
/// A backend reports. What follows from it is settled by [`explain`](super::explain()), and is the
/// same for every backend.
pub trait PathBackend: Send + Sync {
    /// Everything on the way from `/` to a path of the share that is this folder. Symbolic links
    /// are followed, those within the share only as far as they stay in it. Nothing but folders and
    /// the place itself is touched, and no file is read; it takes as long as the filesystem does.
    fn trail(&self, share: &FolderPath, path: &SharePath, last: Last) -> Result<Trail, TrailError>;

    /// Which numbers of users and groups there are.
    fn ids(&self) -> Result<IdMap, TrailError>;
}

/// The way to a path could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum TrailError {
    /// A place on the way.
    #[error("{path} could not be looked at")]
    Place {
        /// Which.
        path: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// A file of the kernel.
    #[error(transparent)]
    File(#[from] FileError),
    /// What a file of the kernel says is not understood.
    #[error("{path} says what is not understood: {text:?}")]
    Odd {
        /// Which.
        path: &'static str,
        /// What it says.
        text: String,
    },
}

impl TrailError {
    /// A stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            TrailError::Place { .. } => "path_not_looked_at",
            TrailError::File(_) => "ids_not_read",
            TrailError::Odd { .. } => "ids_not_understood",
        }
    }

    /// What would help.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            TrailError::Place { .. } => Some(
                "check the filesystem that it is on; the log of the kernel says more".to_owned(),
            ),
            TrailError::File(_) | TrailError::Odd { .. } => {
                Some("see that /proc is mounted".to_owned())
            }
        }
    }
}
