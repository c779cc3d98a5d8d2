//! What is done to a database on the machine itself, by root, whether or not the service runs.
//!
//! These are no operations: they are for when there is no service to ask, or none that could be
//! believed.

use std::{
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use moxnas_core::{
    chain::chain,
    clock::{Clock as _, SystemClock},
};
use serde_json::json;

use crate::{
    app::App,
    audit::{AuditError, AuditKey, AuditLog, chain::Verdict, mark::Mark},
    in_use::{InUse, InUseError},
    seal::{SealError, Sealer},
    store::{
        self, Chains, DatabaseUrl, Dump, DumpError, Entry, Finding, Node, NodeError, Outcome,
        Phase, RestoreError, Restored, Step, Store, StoreError, newest_schema,
    },
};

/// Why it could not be done.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The id of the machine.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The audit log.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The keys of secrets.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The backup could not be made.
    #[error(transparent)]
    Dump(#[from] DumpError),
    /// The backup was not restored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The backup was restored, and the mark of the audit log is still the old one.
    #[error("the backup was restored, but {} cannot be put aside", path.display())]
    Mark {
        /// The mark.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The service runs.
    #[error(transparent)]
    InUse(#[from] InUseError),
    /// There is no key to verify with.
    #[error("there is no key of the audit log in {}", .0.display())]
    NoKey(PathBuf),
}

impl OfflineError {
    /// What can be done about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            OfflineError::Store(StoreError::Older { .. }) => {
                Some("bring it up to date first: moxnas db migrate")
            }
            OfflineError::NoKey(_) => Some(
                "name the data folder that belongs to the database; an export is verified without a key",
            ),
            OfflineError::Seal(err) => err.hint(),
            OfflineError::Restore(err) => err.hint(),
            OfflineError::Dump(DumpError::Exists(_)) => Some("name a file that is not there"),
            OfflineError::Mark { .. } => Some("move the file away, and run `moxnas audit verify`"),
            OfflineError::InUse(InUseError::Taken(_)) => {
                Some("stop the service first: systemctl stop moxnas")
            }
            _ => None,
        }
    }
}

/// Prove that the audit log of a database is as it was written. Changes nothing.
pub async fn verify_audit(url: &DatabaseUrl, folder: &Path) -> Result<Verdict, OfflineError> {
    let key = AuditKey::load(folder)?.ok_or_else(|| OfflineError::NoKey(folder.to_owned()))?;
    let store = Store::open_as_is(url, Node::known(folder)?).await?;
    store.needs_newest_schema().await?;
    let verdict = AuditLog::with_key(store.clone(), key, folder)
        .verify(Chains::All)
        .await;
    store.close().await;
    Ok(verdict?)
}

/// The schema before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// Before.
    pub from: i64,
    /// After.
    pub to: i64,
}

/// Bring the schema of a database up to date.
pub async fn migrate(url: &DatabaseUrl, folder: &Path) -> Result<Migrated, OfflineError> {
    let store = Store::open_as_is(url, Node::known(folder)?).await?;
    let (from, to) = (store.schema().await?, newest_schema());
    store.migrate_to(to).await?;
    store.close().await;
    Ok(Migrated { from, to })
}

/// Seal all secrets with a new key and forget the others, and write down that it was done; the
/// answer is how many secrets there are. Refused while the service runs: it has the keys loaded.
pub async fn rotate_keys(url: &DatabaseUrl, folder: &Path) -> Result<u64, OfflineError> {
    let _alone = InUse::alone(folder)?;
    let store = Store::open_as_is(url, Node::known(folder)?).await?;
    store.needs_newest_schema().await?;
    let now = SystemClock.now();
    let rotated = Sealer::load_or_make(folder)?.rotate(&store, now).await;
    let mut entry = Entry::new(
        now,
        &App::this_process("rotate-keys"),
        "secret_keys_rotate",
        Phase::Outcome,
    );
    entry.result = Some(match &rotated {
        Ok(_) => Outcome::Ok,
        Err(_) => Outcome::Failed,
    });
    store.append_audit(&entry).await?;
    store.close().await;
    Ok(rotated?)
}

/// Write the whole database to a new file. The service may run.
pub async fn backup(url: &DatabaseUrl, folder: &Path, to: &Path) -> Result<Dump, OfflineError> {
    let store = Store::open_as_is(url, Node::known(folder)?).await?;
    let done = store.dump(to, SystemClock.now()).await;
    store.close().await;
    Ok(done?)
}

/// What a check of a database found.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What the audit log proves; `None`: the folder has no key for it.
    pub audit: Option<Verdict>,
    /// How many secrets can be opened.
    pub secrets: u64,
    /// What is wrong; empty if nothing is.
    pub findings: Vec<Finding>,
}

/// Check a database and what belongs to it in the data folder. Changes nothing.
pub async fn check(url: &DatabaseUrl, folder: &Path) -> Result<Checked, OfflineError> {
    let store = Store::open_as_is(url, Node::known(folder)?).await?;
    let mut findings = store.check().await?;
    let audit = match AuditKey::load(folder)? {
        None => None,
        Some(key) => {
            let log = AuditLog::with_key(store.clone(), key, folder);
            Some(log.verify(Chains::All).await?)
        }
    };
    let broken = audit.iter().flat_map(|it| {
        let chains = it.chains.iter().filter_map(|it| it.broken.as_ref());
        chains.chain(&it.broken)
    });
    let broken = broken.map(|it| Finding(format!("the audit log: {it}")));
    findings.extend(broken);
    // The first of these was found without the key already.
    findings.dedup();
    let (mut secrets, stored) = (0, store.secrets().await?);
    let sealer = match stored.is_empty() {
        true => None,
        false => Sealer::load(folder)?,
    };
    for it in &stored {
        let opened = match &sealer {
            Some(sealer) => sealer.open(&it.name, &it.sealed).map(|_| ()),
            None => Err(SealError::NoSuchKey {
                name: it.name.clone(),
                key_id: it.sealed.key_id.clone(),
            }),
        };
        match opened {
            Ok(()) => secrets += 1,
            Err(err) => findings.push(Finding(chain(&err))),
        }
    }
    store.close().await;
    Ok(Checked {
        audit,
        secrets,
        findings,
    })
}

/// Restore a backup, and write down that it was done. Refused while the service runs.
///
/// The mark of the audit log is put aside: the log that was restored may end before it.
pub async fn restore(
    backup: &Path,
    url: &DatabaseUrl,
    folder: &Path,
    go_on: impl FnMut(Step) -> bool,
) -> Result<Restored, OfflineError> {
    let _alone = InUse::alone(folder)?;
    let node = Node::of_folder(folder, "unnamed")?;
    let now = SystemClock.now();
    let restored = store::restore(backup, url, &node, now, go_on).await?;
    let mark = Mark::path(folder);
    if mark.exists() {
        let since = now.duration_since(SystemTime::UNIX_EPOCH);
        let millis = since.unwrap_or_default().as_millis();
        let aside = mark.with_file_name(format!("audit.mark.before-restore-{millis}"));
        let renamed = std::fs::rename(&mark, &aside);
        renamed.map_err(|source| OfflineError::Mark { path: mark, source })?;
    }
    let store = Store::open_as_is(url, node).await?;
    let mut entry = Entry::new(
        now,
        &App::this_process("restore"),
        "database_restore",
        Phase::Outcome,
    );
    entry.result = Some(Outcome::Ok);
    entry.object = Some(url.to_string());
    entry.detail = json!({
        "sha256": restored.dump.sha256,
        "made_at": restored.dump.header.made_at,
        "of": restored.dump.header.node,
        "kept": restored.kept.as_ref().map(|it| it.display().to_string()),
    });
    store.append_audit(&entry).await?;
    let log = AuditLog::open(store.clone(), Some(folder))?;
    log.move_mark().await?;
    store.close().await;
    Ok(restored)
}
