//! One process at a time changes the machine.

use std::{fs, io, os::unix::fs::OpenOptionsExt, path::Path};

use nix::fcntl::{Flock, FlockArg};

/// Held by the process that may change the machine; let go when dropped or when the process ends.
#[derive(Debug)]
pub struct MachineLock(#[expect(dead_code, reason = "held, not read")] Flock<fs::File>);

/// The lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("another MoxNAS process changes this machine")]
    Taken,
    /// The lock file could not be opened.
    #[error("the lock file {path} could not be opened")]
    Open {
        /// The lock file.
        path: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
}

impl MachineLock {
    /// Take the lock at once or say who has it; never waits.
    pub fn take(path: &Path) -> Result<MachineLock, LockError> {
        let open = |cause| LockError::Open {
            path: path.display().to_string(),
            cause,
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(open)?;
        }
        let file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path)
            .map_err(open)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(MachineLock(lock)),
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => Err(LockError::Taken),
            Err((_, errno)) => Err(open(errno.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_that_the_lock_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run/lock");
        let first = MachineLock::take(&path).unwrap();
        assert!(matches!(MachineLock::take(&path), Err(LockError::Taken)));
        drop(first);
        MachineLock::take(&path).unwrap();
    }
}
