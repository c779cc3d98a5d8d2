//! The audit log as the service keeps it: tied together, marked, trimmed, and checked.
//!
//! What is proven, and against whom:
//!
//! - Who can write to the database alone, by whatever way, cannot change, remove, insert or swap
//!   records without [`AuditLog::verify`] naming the first that is wrong: [`chain`] ties them to
//!   each other, retention writes down where the log begins with a key that is not in the database,
//!   and the [`mark`] remembers how long it was.
//! - What was appended since the mark was last written (about [`MARK_EVERY`] records, or those of
//!   an hour) can be cut off the end, or written anew, unnoticed.
//! - Records from before the chain are shown, and prove nothing.
//! - Who is root on the machine reads the key and can write another history from end to end. No
//!   file of this machine can prevent that. Against it the log is sent elsewhere as it grows, see
//!   [`crate::settings`], and exports are kept elsewhere: a later log that does not go on from
//!   them is another one.
//!
//! Nothing here can be switched off by a caller: there is no operation that changes a record, and
//! the retention time is a setting in a file of root's.

pub mod chain;
pub mod export;
pub mod forward;
mod key;
pub mod mark;
pub mod syslog;

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use tokio::sync::Mutex;

pub use self::key::AuditKey;
use self::{
    chain::{Broken, MarkFound, Verdict, Why},
    forward::Forwarding,
    mark::{Mark, MarkRead},
};
use crate::{
    private_file::PrivateFileError,
    store::{Chains, Dropped, Store, StoreError},
};

/// The mark is written when so many records were appended since the last time.
pub const MARK_EVERY: i64 = 100;
/// Retention leaves so many records, however old they are.
pub const KEEP_AT_LEAST: u32 = 1000;
/// A day of retention.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Why the log could not be kept as it should.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// A file of the data folder cannot be used.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The key file does not hold a key. It is left alone.
    #[error("the key of the audit log {} is damaged: it does not hold 64 hexadecimal digits", .0.display())]
    Damaged(PathBuf),
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The audit log of this machine.
#[derive(Debug)]
pub struct AuditLog {
    store: Store,
    key: AuditKey,
    /// `None`: there is no data folder, and the log ends with the process.
    mark: Option<PathBuf>,
    /// Held while the mark is read and written; the record it was last written for.
    marked: Mutex<i64>,
    forwarding: std::sync::Mutex<Option<Forwarding>>,
}

impl AuditLog {
    /// The log of a database, with the key and the mark in a data folder.
    pub fn open(store: Store, folder: Option<&Path>) -> Result<AuditLog, AuditError> {
        let key = match folder {
            Some(folder) => AuditKey::load_or_make(folder)?,
            None => AuditKey::random()?,
        };
        Ok(AuditLog {
            store,
            key,
            mark: folder.map(Mark::path),
            marked: Mutex::new(0),
            forwarding: std::sync::Mutex::default(),
        })
    }

    /// The log with a key that is there already. Nothing is made.
    #[must_use]
    pub fn with_key(store: Store, key: AuditKey, folder: &Path) -> AuditLog {
        AuditLog {
            store,
            key,
            mark: Some(Mark::path(folder)),
            marked: Mutex::new(0),
            forwarding: std::sync::Mutex::default(),
        }
    }

    /// The data folder, if there is one.
    #[must_use]
    pub fn folder(&self) -> Option<PathBuf> {
        Some(self.mark.as_ref()?.parent()?.to_owned())
    }

    /// How sending records elsewhere goes; `None`: nobody asked for it.
    #[must_use]
    pub fn forwarding(&self) -> Option<Forwarding> {
        let forwarding = self.forwarding.lock();
        forwarding.expect("no holder of this lock panics").clone()
    }

    pub(crate) fn forwarded(&self, state: Forwarding) {
        let mut forwarding = self
            .forwarding
            .lock()
            .expect("no holder of this lock panics");
        *forwarding = Some(state);
    }

    /// Go along the chains and hold them against the mark. Changes nothing.
    pub async fn verify(&self, chains: Chains) -> Result<Verdict, AuditError> {
        let read = self.read_mark()?;
        let mark = match &read {
            MarkRead::Mark(mark) if mark.node == self.store.node().id => Some(mark),
            _ => None,
        };
        let verified = self.store.verify_audit(chains, Some(&self.key), mark).await;
        let mut verdict = verified?;
        let is_foreign = matches!(&read, MarkRead::Mark(_)) && mark.is_none();
        if read == MarkRead::Forged || is_foreign {
            verdict.mark = MarkFound::Fails;
            verdict.broken.get_or_insert(Broken {
                seq: None,
                why: Why::MarkForged,
            });
        }
        Ok(verdict)
    }

    /// Move the mark to the end of the log, if the log goes on from where the mark is.
    ///
    /// `false`: it does not, and the mark stays where it is.
    pub async fn move_mark(&self) -> Result<bool, AuditError> {
        let Some(path) = &self.mark else {
            return Ok(true);
        };
        let mut marked = self.marked.lock().await;
        let head = match self.read_mark()? {
            MarkRead::None => Some(self.store.audit_head().await?),
            MarkRead::Mark(mark) if mark.node == self.store.node().id => {
                self.store.audit_head_behind(&mark, &self.key).await?
            }
            MarkRead::Forged | MarkRead::Mark(_) => None,
        };
        let Some((seq, hash)) = head else {
            return Ok(false);
        };
        if seq > 0 {
            let node = self.store.node().id.clone();
            Mark { node, seq, hash }.write(path, &self.key)?;
        }
        *marked = seq;
        Ok(true)
    }

    /// The record that this process last wrote the mark for; 0: none so far.
    pub async fn marked(&self) -> i64 {
        *self.marked.lock().await
    }

    /// Drop records older than so many days; 0 keeps all for ever. The mark moves on first, so
    /// that what is left is known.
    pub async fn drop_old(&self, days: u32, now: SystemTime) -> Result<Dropped, AuditError> {
        let Some(time) = (days > 0).then(|| now.checked_sub(DAY * days)).flatten() else {
            return Ok(Dropped::Records(0));
        };
        let kept = |why| Dropped::Kept(Broken { seq: None, why });
        if !self.move_mark().await? {
            // What was cut off, or put in its place, must not get lost in what is dropped.
            let verdict = self.verify(Chains::Own).await?;
            let broken = verdict.broken;
            return Ok(broken.map_or_else(|| kept(Why::MarkForged), Dropped::Kept));
        }
        let dropped = self
            .store
            .drop_audit_before(time, KEEP_AT_LEAST, &self.key, now)
            .await?;
        self.move_mark().await?;
        Ok(dropped)
    }

    fn read_mark(&self) -> Result<MarkRead, AuditError> {
        match &self.mark {
            Some(path) => Mark::read(path, &self.key),
            None => Ok(MarkRead::None),
        }
    }
}
