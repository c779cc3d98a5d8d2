//! Secrets that have to be read again in clear, sealed with a key that is not in the database.
//!
//! Passwords are hashed and tokens are digested; what is left, such as the secret of a second
//! factor, has to be known again. It is sealed with XChaCha20-Poly1305, its name authenticated
//! along with it, so that a row of the database cannot be put in the place of another.
//!
//! The keys are in `secrets.key` in the data folder, one a line, the newest first: its id and 64
//! hexadecimal digits. The id is derived from the key, so that a damaged file is noticed. The
//! newest key seals, all of them open. [`Sealer::rotate`] makes a new one, seals everything again
//! and drops the others: a backup of the database from before can then be restored, but its
//! secrets cannot be opened. Whoever has to open them keeps a copy of the key file from that time.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::{
    hex::{hex, random_bytes, unhex},
    private_file::{self, PrivateFileError},
    store::{Store, StoreError, StoredSecret, Write},
};

const FILE: &str = "secrets.key";
const HEADER: &str = "moxnas keys 1";
const KEY: usize = 32;
/// Bytes of the nonce before a ciphertext.
const NONCE: usize = 24;

/// Seals and opens. Cheap to clone; all clones have the same keys.
#[derive(Clone)]
pub struct Sealer(Arc<Shared>);

struct Shared {
    /// `None`: the keys end with the process.
    path: Option<PathBuf>,
    ring: RwLock<Vec<Key>>,
    /// Random, and mixed into nonces with a counter: sealing cannot fail for lack of randomness.
    salt: [u8; KEY],
    sealed: AtomicU64,
}

/// Something sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Which key sealed it.
    pub key_id: String,
    /// Nonce and ciphertext.
    pub bytes: Vec<u8>,
}

/// Why something could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The key file cannot be used.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The key file does not hold keys. It is left alone.
    #[error("the key file {} is damaged in line {line}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        line: usize,
    },
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
    /// No key of this id.
    #[error("{name} was sealed with the key {key_id}, which is not in {FILE}")]
    NoSuchKey {
        /// What was to be opened.
        name: String,
        /// What it takes.
        key_id: String,
    },
    /// The bytes, or the name they are kept under, are not what was sealed.
    #[error("{0} cannot be opened: it is not what was sealed under this name")]
    Forged(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SealError {
    /// What can be done about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            SealError::File(PrivateFileError::Exposed { .. }) => Some(
                "find out who could read it; then set its mode to 600 and run `moxnas db rotate-keys`",
            ),
            SealError::Damaged { .. } | SealError::NoSuchKey { .. } => {
                Some("put the key file back that belongs to this database")
            }
            _ => None,
        }
    }
}

#[derive(Clone)]
struct Key {
    id: String,
    bytes: [u8; KEY],
}

impl Key {
    fn new(bytes: [u8; KEY]) -> Key {
        let mut digest = Sha256::new();
        digest.update(b"moxnas key id\n");
        digest.update(bytes);
        Key {
            id: hex(&digest.finalize()[..8]),
            bytes,
        }
    }

    fn random() -> Result<Key, SealError> {
        Ok(Key::new(random_bytes().map_err(SealError::Random)?))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.bytes.into())
    }
}

impl Sealer {
    /// The keys in this folder; the first is made at the first call.
    pub fn load_or_make(folder: &Path) -> Result<Sealer, SealError> {
        let path = folder.join(FILE);
        if let Some(ring) = load(&path)? {
            return Sealer::new(Some(path), ring);
        }
        private_file::make(&path, render(&[Key::random()?]).as_bytes())?;
        // Read it back: when two start at once, one of them made it.
        let ring = load(&path)?.ok_or_else(|| SealError::Damaged {
            path: path.clone(),
            line: 1,
        })?;
        Sealer::new(Some(path), ring)
    }

    /// The keys in this folder, if there are any.
    pub fn load(folder: &Path) -> Result<Option<Sealer>, SealError> {
        let path = folder.join(FILE);
        let ring = load(&path)?;
        ring.map(|ring| Sealer::new(Some(path), ring)).transpose()
    }

    /// Keys that end with the process.
    pub fn random() -> Result<Sealer, SealError> {
        Sealer::new(None, vec![Key::random()?])
    }

    fn new(path: Option<PathBuf>, ring: Vec<Key>) -> Result<Sealer, SealError> {
        Ok(Sealer(Arc::new(Shared {
            path,
            ring: RwLock::new(ring),
            salt: random_bytes().map_err(SealError::Random)?,
            sealed: AtomicU64::new(0),
        })))
    }

    /// Seal something under a name; it opens under this name alone.
    #[must_use]
    pub fn seal(&self, name: &str, clear: &[u8]) -> Sealed {
        let ring = self.0.ring.read().expect("no holder of this lock panics");
        let key = ring.first().expect("a ring has at least one key");
        let nonce = self.nonce(name, clear);
        let payload = Payload {
            msg: clear,
            aad: name.as_bytes(),
        };
        let text = key
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a secret is shorter than 256 GiB, the most that the cipher takes");
        Sealed {
            key_id: key.id.clone(),
            bytes: [&nonce[..], &text].concat(),
        }
    }

    /// Open what was sealed under this name.
    pub fn open(&self, name: &str, sealed: &Sealed) -> Result<Vec<u8>, SealError> {
        let ring = self.0.ring.read().expect("no holder of this lock panics");
        let key = ring.iter().find(|it| it.id == sealed.key_id);
        let key = key.ok_or_else(|| SealError::NoSuchKey {
            name: name.to_owned(),
            key_id: sealed.key_id.clone(),
        })?;
        let forged = || SealError::Forged(name.to_owned());
        let (nonce, text) = sealed
            .bytes
            .split_first_chunk::<NONCE>()
            .ok_or_else(forged)?;
        let payload = Payload {
            msg: text,
            aad: name.as_bytes(),
        };
        key.cipher()
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| forged())
    }

    /// Never the same twice: the counter sees to it within this process, the salt among processes,
    /// and the text itself where a machine was copied while it ran.
    fn nonce(&self, name: &str, clear: &[u8]) -> [u8; NONCE] {
        let mut mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(&self.0.salt)
            .expect("a key of any length will do");
        mac.update(&self.0.sealed.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        mac.update(&(name.len() as u64).to_be_bytes());
        mac.update(name.as_bytes());
        mac.update(clear);
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&mac.finalize().into_bytes()[..NONCE]);
        nonce
    }

    /// Make a new key, seal every secret of the database with it, and drop the other keys; the
    /// answer is how many secrets there are.
    ///
    /// Stopped at any point, every secret can be opened: a key is in the file before anything is
    /// sealed with it, and leaves it after nothing is. No other process may have the keys loaded.
    pub async fn rotate(&self, store: &Store, now: SystemTime) -> Result<u64, SealError> {
        self.add_key()?;
        let mut write = store.begin_write().await?;
        let sealed = self.seal_again(&mut write, now).await?;
        write.commit().await?;
        self.drop_old_keys(store).await?;
        Ok(sealed)
    }

    /// First part of [`Sealer::rotate`]: a new key, which seals from now on.
    pub fn add_key(&self) -> Result<(), SealError> {
        let key = Key::random()?;
        let mut ring = self.0.ring.write().expect("no holder of this lock panics");
        let mut more = ring.clone();
        more.insert(0, key);
        self.keep(&more)?;
        *ring = more;
        Ok(())
    }

    /// Second part: every secret, sealed with the newest key. Counts when `write` is committed.
    pub async fn seal_again(&self, write: &mut Write, now: SystemTime) -> Result<u64, SealError> {
        let secrets = write.secrets().await?;
        for StoredSecret { name, sealed, .. } in &secrets {
            let clear = self.open(name, sealed)?;
            write
                .put_secret(name, &self.seal(name, &clear), now)
                .await?;
        }
        Ok(secrets.len() as u64)
    }

    /// Last part: keys that nothing in the database is sealed with are forgotten, but for the
    /// newest.
    pub async fn drop_old_keys(&self, store: &Store) -> Result<(), SealError> {
        // Under the write lock, so that no other writer seals with one of them meanwhile.
        let mut write = store.begin_write().await?;
        let secrets = write.secrets().await?;
        let mut ring = self.0.ring.write().expect("no holder of this lock panics");
        let is_used = |key: &Key| secrets.iter().any(|it| it.sealed.key_id == key.id);
        let mut fewer = ring.clone();
        let mut newest = true;
        fewer.retain(|key| std::mem::take(&mut newest) || is_used(key));
        self.keep(&fewer)?;
        *ring = fewer;
        Ok(())
    }

    fn keep(&self, ring: &[Key]) -> Result<(), SealError> {
        match &self.0.path {
            Some(path) => Ok(private_file::replace(path, render(ring).as_bytes())?),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(..)")
    }
}

fn render(ring: &[Key]) -> String {
    let mut text = format!("{HEADER}\n");
    for key in ring {
        text += &format!("{} {}\n", key.id, hex(&key.bytes));
    }
    text
}

fn load(path: &Path) -> Result<Option<Vec<Key>>, SealError> {
    let Some(bytes) = private_file::read(path)? else {
        return Ok(None);
    };
    let damaged = |line| SealError::Damaged {
        path: path.to_owned(),
        line,
    };
    let text = String::from_utf8(bytes).map_err(|_| damaged(1))?;
    // The end of the last line shows that nothing was cut off.
    let lines = text.strip_suffix('\n').ok_or_else(|| damaged(1))?;
    let mut lines = lines.split('\n');
    if lines.next() != Some(HEADER) {
        return Err(damaged(1));
    }
    let mut ring = Vec::new();
    for (number, line) in (2..).zip(lines) {
        let read = || {
            let (id, key) = line.split_once(' ')?;
            let key = Key::new(unhex(key)?.try_into().ok()?);
            (key.id == id).then_some(key)
        };
        ring.push(read().ok_or_else(|| damaged(number))?);
    }
    if ring.is_empty() {
        return Err(damaged(2));
    }
    Ok(Some(ring))
}
