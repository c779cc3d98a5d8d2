//! The key that access tokens are signed with.
//!
//! It is a file of its own and not in the database: who reads a backup of the database, or writes
//! to it, still cannot make a token.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::secret::{hex, random_bytes};

const FILE: &str = "jwt.key";
const BYTES: usize = 32;

/// The key that access tokens are signed with.
#[derive(Clone)]
pub struct SigningKey([u8; BYTES]);

impl SigningKey {
    /// The key in this folder; made at the first call.
    pub fn load_or_make(folder: &Path) -> Result<SigningKey, KeyError> {
        let path = folder.join(FILE);
        match load(&path) {
            Err(KeyError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            done => return done,
        }
        make(folder, &path)?;
        // Read it back: when two start at once, one of them made it.
        load(&path)
    }

    /// A key that ends with the process, and all tokens with it.
    pub fn random() -> Result<SigningKey, KeyError> {
        Ok(SigningKey(random_bytes().map_err(KeyError::Random)?))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file could not be read.
    #[error("the signing key {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file could not be written.
    #[error("the signing key {} cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file does not hold a key. It is left alone.
    #[error("the signing key {} is damaged: it is {length} bytes long and should be {BYTES}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Its length in bytes, counted no further than one above what is right.
        length: usize,
    },
    /// Others can read or write the file, so it is no secret.
    #[error("the signing key {} is open to others: its mode is {mode:o} and should be 600", path.display())]
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

fn load(path: &Path) -> Result<SigningKey, KeyError> {
    let unreadable = |source| KeyError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    let mut bytes = Vec::new();
    file.take(BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    let length = bytes.len();
    let key = bytes.try_into().map_err(|_| KeyError::Damaged {
        path: path.to_owned(),
        length,
    })?;
    Ok(SigningKey(key))
}

/// Written beside and linked into place, so that no crash leaves half a key, and never over one
/// that is there.
fn make(folder: &Path, path: &Path) -> Result<(), KeyError> {
    let key = SigningKey::random()?;
    let suffix = hex(&random_bytes::<8>().map_err(KeyError::Random)?);
    let beside = folder.join(format!(".{FILE}.{suffix}"));
    let written = (|| {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(key.bytes())?;
        file.sync_all()?;
        match fs::hard_link(&beside, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            done => done,
        }?;
        File::open(folder)?.sync_all()
    })();
    // Whatever came of it; nothing reads this name.
    let _ = fs::remove_file(&beside);
    written.map_err(|source| KeyError::Write {
        path: path.to_owned(),
        source,
    })
}
