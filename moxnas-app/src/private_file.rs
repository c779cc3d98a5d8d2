//! Small files that only their owner may read: keys, and what is authenticated with them.
//!
//! They are written beside and moved into place, so that no crash leaves half of one. A file that
//! others can open is refused and left alone: what it holds may be known to them.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::hex::random_bytes;

/// None of these files is longer; a longer one is somebody else's.
const LONGEST: u64 = 64 * 1024;

/// Why a private file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// It could not be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It could not be written.
    #[error("{} cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others can read or write it.
    #[error("{} is open to others: its mode is {mode:o} and should be 600", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
}

/// The bytes of the file; `None`: it is not there.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, PrivateFileError> {
    let unreadable = |source| PrivateFileError::Read {
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(unreadable(err)),
    };
    let mode = file.metadata().map_err(unreadable)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(PrivateFileError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    let mut bytes = Vec::new();
    file.take(LONGEST)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(Some(bytes))
}

/// Write the file unless it is there; then its text stays as it is.
pub(crate) fn make(path: &Path, bytes: &[u8]) -> Result<(), PrivateFileError> {
    write(path, bytes, |beside| match fs::hard_link(beside, path) {
        // Another process was first: its file counts.
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done,
    })
}

/// Write the file, over one that is there.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), PrivateFileError> {
    write(path, bytes, |beside| fs::rename(beside, path))
}

fn write(
    path: &Path,
    bytes: &[u8],
    into_place: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<(), PrivateFileError> {
    let suffix = u64::from_be_bytes(random_bytes().map_err(PrivateFileError::Random)?);
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!(".{name}.{suffix:016x}"));
    let written = (|| {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        into_place(&beside)?;
        File::open(folder)?.sync_all()
    })();
    // Whatever came of it; nothing reads this name.
    let _ = fs::remove_file(&beside);
    written.map_err(|source| PrivateFileError::Write {
        path: path.to_owned(),
        source,
    })
}
