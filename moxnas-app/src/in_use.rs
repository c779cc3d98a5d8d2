//! Whether a data folder is in use.
//!
//! Every process that keeps its data in a folder holds a shared lock on a file there; who replaces
//! what others have open takes it alone.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

const FILE: &str = "in-use";

/// Let go when dropped or when the process ends.
#[derive(Debug)]
pub struct InUse(#[expect(dead_code, reason = "held, not read")] File);

/// The folder cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum InUseError {
    /// Somebody else has it.
    #[error("another MoxNAS process uses {}", .0.display())]
    Taken(PathBuf),
    /// The file could not be made or locked.
    #[error("{} cannot be locked", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl InUse {
    /// Use the folder beside others; never waits.
    pub fn shared(folder: &Path) -> Result<InUse, InUseError> {
        InUse::take(folder, File::try_lock_shared)
    }

    /// Use the folder alone; never waits.
    pub fn alone(folder: &Path) -> Result<InUse, InUseError> {
        InUse::take(folder, File::try_lock)
    }

    fn take(
        folder: &Path,
        lock: impl FnOnce(&File) -> Result<(), TryLockError>,
    ) -> Result<InUse, InUseError> {
        let path = folder.join(FILE);
        let failed = |source| InUseError::File {
            path: path.clone(),
            source,
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(failed)?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match lock(&file) {
            Ok(()) => Ok(InUse(file)),
            Err(TryLockError::WouldBlock) => Err(InUseError::Taken(folder.to_owned())),
            Err(TryLockError::Error(err)) => Err(failed(err)),
        }
    }
}
