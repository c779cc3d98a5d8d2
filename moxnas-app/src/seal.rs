//! Secrets that must be read again in clear, such as those of second factors: sealed with a key that
//! is not in the database.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use sha2::{Digest, Sha256};

const FILE: &str = "seal.key";
const BYTES: usize = 32;
const NONCE: usize = 24;

/// Seals and opens. Cheap to clone.
#[derive(Clone)]
pub struct Sealer(Arc<Key>);

struct Key {
    id: String,
    cipher: XChaCha20Poly1305,
}

/// What may stand in the database.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Which key sealed it.
    pub key_id: String,
    /// Nonce and ciphertext.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl Sealer {
    /// The key in this folder; made at the first call.
    pub fn load_or_make(folder: &Path) -> Result<Sealer, SealError> {
        let path = folder.join(FILE);
        let failed = |source| SealError::File {
            path: path.clone(),
            source,
        };
        if !path.try_exists().map_err(failed)? {
            make(folder, &path).map_err(failed)?;
        }
        let file = File::open(&path).map_err(failed)?;
        if file.metadata().map_err(failed)?.mode() & 0o077 != 0 {
            return Err(SealError::Exposed(path));
        }
        let mut bytes = Vec::new();
        file.take(BYTES as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        let key: [u8; BYTES] = bytes.try_into().map_err(|_| SealError::Damaged(path))?;
        Ok(Sealer::of(&key))
    }

    /// A key that ends with the process, and all it sealed with it.
    pub fn random() -> Result<Sealer, SealError> {
        let mut key = [0; BYTES];
        getrandom::fill(&mut key).map_err(SealError::Random)?;
        Ok(Sealer::of(&key))
    }

    fn of(key: &[u8; BYTES]) -> Sealer {
        let digest = Sha256::digest(key);
        Sealer(Arc::new(Key {
            id: data_encoding::HEXLOWER.encode(&digest[..4]),
            cipher: XChaCha20Poly1305::new(key.into()),
        }))
    }

    /// Seal `clear` under a name, without which it is not opened again.
    ///
    /// # Panics
    /// If the system gives no random bytes.
    #[must_use]
    pub fn seal(&self, name: &str, clear: &[u8]) -> Sealed {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).expect("the system gave random bytes when the key was read");
        let payload = Payload {
            msg: clear,
            aad: name.as_bytes(),
        };
        let text = self.0.cipher.encrypt(&XNonce::from(nonce), payload);
        let mut bytes = nonce.to_vec();
        bytes.extend(text.expect("a secret is shorter than 256 GB"));
        Sealed {
            key_id: self.0.id.clone(),
            bytes,
        }
    }

    /// What was sealed under this name.
    pub fn open(&self, name: &str, sealed: &Sealed) -> Result<Vec<u8>, SealError> {
        if sealed.key_id != self.0.id {
            return Err(SealError::Key(sealed.key_id.clone()));
        }
        let (nonce, text) = sealed
            .bytes
            .split_first_chunk::<NONCE>()
            .ok_or_else(|| SealError::Forged(name.to_owned()))?;
        let payload = Payload {
            msg: text,
            aad: name.as_bytes(),
        };
        let opened = self.0.cipher.decrypt(&XNonce::from(*nonce), payload);
        opened.map_err(|_| SealError::Forged(name.to_owned()))
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(..)")
    }
}

/// Written beside and linked into place: never half a key, and never over one that is there.
fn make(folder: &Path, path: &Path) -> io::Result<()> {
    let mut key = [0; BYTES];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    let beside = folder.join(format!(".{FILE}.{}", std::process::id()));
    let written = (|| {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(&key)?;
        file.sync_all()?;
        match fs::hard_link(&beside, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            done => done,
        }?;
        File::open(folder)?.sync_all()
    })();
    // Whatever came of it; nothing reads this name.
    let _ = fs::remove_file(&beside);
    written
}

/// Why something was not sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The file of the key could not be read or written.
    #[error("the sealing key {} cannot be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others can read the file.
    #[error("the sealing key {} is open to others: its mode should be 600", .0.display())]
    Exposed(PathBuf),
    /// The file does not hold a key. It is left alone.
    #[error("the sealing key {} is damaged", .0.display())]
    Damaged(PathBuf),
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
    /// It was sealed with a key that is not here.
    #[error("it was sealed with the key {0}, which is not here")]
    Key(String),
    /// It is not what was sealed under this name.
    #[error("the secret {0} is not as it was sealed")]
    Forged(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_under_its_name_with_its_key_only() {
        let folder = tempfile::tempdir().unwrap();
        let sealer = Sealer::load_or_make(folder.path()).unwrap();
        let sealed = sealer.seal("totp:1", b"secret");
        let again = Sealer::load_or_make(folder.path()).unwrap();
        assert_eq!(again.open("totp:1", &sealed).unwrap(), b"secret");
        assert!(again.open("totp:2", &sealed).is_err());
        assert!(Sealer::random().unwrap().open("totp:1", &sealed).is_err());
        let mut forged = sealed;
        *forged.bytes.last_mut().unwrap() ^= 1;
        assert!(again.open("totp:1", &forged).is_err());
    }
}
