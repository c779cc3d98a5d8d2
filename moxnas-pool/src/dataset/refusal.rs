//! Why not. Said before anything was touched.

use moxnas_core::units::Bytes;

use super::{AccountKind, AccountName, DatasetName, SnapshotName};
use crate::{
    directory, lvm,
    model::{Filesystem, PoolName},
};

/// Why a wish about what is in a pool is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Only a dataset that is a volume has a filesystem of its own.
    #[error(
        "all datasets of pool {pool} are in one filesystem: none of them can be {filesystem} by itself"
    )]
    OneFilesystem {
        /// The pool.
        pool: PoolName,
        /// What was wished.
        filesystem: Filesystem,
    },
    /// Its filesystem has no snapshots.
    #[error("pool {pool} is {filesystem}, which has no snapshots")]
    NoSnapshots {
        /// The pool.
        pool: PoolName,
        /// What it is.
        filesystem: Filesystem,
    },
    /// Nobody counts what a folder takes.
    #[error("pool {pool} is {filesystem} without project quotas, by which its datasets are made")]
    NoProjectQuota {
        /// The pool.
        pool: PoolName,
        /// What it is.
        filesystem: Filesystem,
    },
    /// It is a project together with others, and so is its quota.
    #[error("{pool}/{dataset} is project {project} together with {}", others.join(", "))]
    ProjectShared {
        /// The pool.
        pool: PoolName,
        /// The dataset.
        dataset: DatasetName,
        /// The number of the project.
        project: u32,
        /// The other datasets.
        others: Vec<String>,
    },
    /// Less than the filesystem can count.
    #[error("a quota of {quota} is less than a block of 4 KiB")]
    QuotaTooSmall {
        /// How much was wished.
        quota: Bytes,
    },
    /// Nobody can look into it.
    #[error("pool {0} is not mounted")]
    NotMounted(PoolName),
    /// Its filesystem could not be asked.
    #[error("what is in pool {pool} is not known: {why}")]
    NotKnown {
        /// The pool.
        pool: PoolName,
        /// Why.
        why: String,
    },
    /// Nothing can be written to it.
    #[error("pool {0} is mounted read-only")]
    ReadOnly(PoolName),
    /// Its filesystem came upon an error.
    #[error("the kernel lets nothing be written to pool {0} any more")]
    ForcedReadOnly(PoolName),
    /// No such dataset.
    #[error("pool {pool} has no dataset {dataset}")]
    NoSuchDataset {
        /// The pool.
        pool: PoolName,
        /// The name.
        dataset: String,
    },
    /// No such snapshot.
    #[error("{pool}/{dataset} has no snapshot {snapshot}")]
    NoSuchSnapshot {
        /// The pool.
        pool: PoolName,
        /// The dataset.
        dataset: String,
        /// The name.
        snapshot: String,
    },
    /// The name is in use.
    #[error("pool {pool} has a dataset {dataset} already")]
    DatasetExists {
        /// The pool.
        pool: PoolName,
        /// The name.
        dataset: DatasetName,
    },
    /// Something that is no dataset has the name.
    #[error("pool {pool} has something else named {dataset}")]
    PlaceTaken {
        /// The pool.
        pool: PoolName,
        /// The name.
        dataset: DatasetName,
    },
    /// The name is in use.
    #[error("{pool}/{dataset} has a snapshot {snapshot} already")]
    SnapshotExists {
        /// The pool.
        pool: PoolName,
        /// The dataset.
        dataset: DatasetName,
        /// The name.
        snapshot: SnapshotName,
    },
    /// It is a folder of the filesystem, and nothing that is mounted.
    #[error(
        "{} is always there: a snapshot of btrfs is not mounted",
        super::snapshot_path(pool, dataset, snapshot)
    )]
    SnapshotAlwaysThere {
        /// The pool.
        pool: PoolName,
        /// The dataset.
        dataset: DatasetName,
        /// The name.
        snapshot: SnapshotName,
    },
    /// Somebody needs it.
    #[error("{pool}/{dataset}@{snapshot} is held for {}", holds.join(", "))]
    SnapshotHeld {
        /// The pool.
        pool: PoolName,
        /// The dataset.
        dataset: DatasetName,
        /// The name.
        snapshot: SnapshotName,
        /// What for.
        holds: Vec<String>,
    },
    /// Deleting it would leave its snapshots without it.
    #[error("{pool}/{dataset} has {count} snapshots, such as {first}")]
    HasSnapshots {
        /// The pool.
        pool: PoolName,
        /// The dataset.
        dataset: DatasetName,
        /// How many.
        count: usize,
        /// One of them.
        first: SnapshotName,
    },
    /// There are snapshots under the name already, and it would not be known whose they are.
    #[error("there are snapshots of an earlier {dataset} in pool {pool}, such as {first}")]
    SnapshotsOfAnother {
        /// The pool.
        pool: PoolName,
        /// The name.
        dataset: DatasetName,
        /// One of them.
        first: SnapshotName,
    },
    /// Somebody made subvolumes in it, which no snapshot has.
    #[error("{pool}/{dataset} has subvolumes in it: {}", paths.join(", "))]
    HasSubvolumes {
        /// The pool.
        pool: PoolName,
        /// The dataset.
        dataset: DatasetName,
        /// Their paths in the pool.
        paths: Vec<String>,
    },
    /// Part of it is still elsewhere.
    #[error("a rollback of {pool}/{dataset} was interrupted")]
    RollbackUnfinished {
        /// The pool.
        pool: PoolName,
        /// The dataset.
        dataset: DatasetName,
    },
    /// Nobody is called so.
    #[error("this machine knows no {} {name}", kind.word())]
    NoSuchAccount {
        /// What.
        kind: AccountKind,
        /// The name.
        name: AccountName,
    },
    /// Whoever knows the names of users and groups did not answer.
    #[error("whether there is a {} {name} is not known: {why}", kind.word())]
    AccountNotKnown {
        /// What.
        kind: AccountKind,
        /// The name.
        name: AccountName,
        /// Why.
        why: String,
    },
    /// Its filesystem keeps nothing but modes.
    #[error("pool {0} is mounted so that it has no access control lists")]
    NoAcl(PoolName),
    /// Its filesystem compresses nothing.
    #[error("pool {pool} is {filesystem}, which does not compress")]
    NoCompression {
        /// The pool.
        pool: PoolName,
        /// What it is.
        filesystem: Filesystem,
    },
    /// What is said of it could not be read.
    #[error("the folder of {pool}/{dataset} could not be looked at")]
    FolderNotKnown {
        /// The pool.
        pool: PoolName,
        /// The dataset.
        dataset: DatasetName,
    },
    /// It is about thin volumes.
    #[error(transparent)]
    Thin(#[from] lvm::Refusal),
    /// It is about a folder of the host.
    #[error(transparent)]
    Directory(#[from] directory::Refusal),
}

impl Refusal {
    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::OneFilesystem { .. } => "one_filesystem",
            Refusal::NoSnapshots { .. } => "no_snapshots",
            Refusal::NoProjectQuota { .. } => "no_project_quota",
            Refusal::ProjectShared { .. } => "project_shared",
            Refusal::QuotaTooSmall { .. } => "quota_too_small",
            Refusal::NotMounted(_) => "pool_not_mounted",
            Refusal::NotKnown { .. } => "pool_contents_unknown",
            Refusal::ReadOnly(_) => "pool_read_only",
            Refusal::ForcedReadOnly(_) => "pool_forced_read_only",
            Refusal::NoSuchDataset { .. } => "dataset_not_found",
            Refusal::NoSuchSnapshot { .. } => "snapshot_not_found",
            Refusal::DatasetExists { .. } | Refusal::PlaceTaken { .. } => "dataset_name_taken",
            Refusal::SnapshotExists { .. } => "snapshot_name_taken",
            Refusal::SnapshotAlwaysThere { .. } => "snapshot_always_there",
            Refusal::SnapshotHeld { .. } => "snapshot_held",
            Refusal::HasSnapshots { .. } => "dataset_has_snapshots",
            Refusal::SnapshotsOfAnother { .. } => "snapshots_of_another",
            Refusal::HasSubvolumes { .. } => "dataset_has_subvolumes",
            Refusal::RollbackUnfinished { .. } => "rollback_unfinished",
            Refusal::NoSuchAccount { .. } => "account_not_found",
            Refusal::AccountNotKnown { .. } => "account_not_known",
            Refusal::NoAcl(_) => "acl_not_offered",
            Refusal::NoCompression { .. } => "compression_not_offered",
            Refusal::FolderNotKnown { .. } => "folder_not_known",
            Refusal::Thin(refusal) => refusal.code(),
            Refusal::Directory(refusal) => refusal.code(),
        }
    }

    /// What would make it possible, if that can be told.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Refusal::OneFilesystem { .. } => {
                "leave `--fs` out; in a pool of thin volumes each dataset may have another: `moxnas pool \
                 create NAME --device … --kind thin`"
                    .to_owned()
            }
            Refusal::NoSnapshots { .. } => {
                "a pool of btrfs has them: `moxnas pool create NAME --device … --fs btrfs`"
                    .to_owned()
            }
            Refusal::NoProjectQuota { pool, filesystem } => {
                let export = format!("`moxnas pool export {pool}`");
                let import = format!("`moxnas pool import {pool} --device … --option prjquota`");
                match filesystem {
                    Filesystem::Ext4 => format!(
                        "{export}, then `tune2fs -O project,quota -Q prjquota DEVICE`, then {import}"
                    ),
                    _ => format!("take it in again with them: {export}, then {import}"),
                }
            }
            Refusal::ProjectShared { .. } => {
                "give one of them a project of its own: `chattr -R -p NUMBER FOLDER`".to_owned()
            }
            Refusal::QuotaTooSmall { .. } => "allow more, or no quota at all".to_owned(),
            Refusal::NotMounted(pool) => format!("mount it: `moxnas pool mount {pool}`"),
            Refusal::NotKnown { pool, .. } => {
                format!("`moxnas pool show {pool}` says how it is")
            }
            Refusal::ReadOnly(pool) => format!(
                "take it in again so that it can be written: `moxnas pool export {pool}`, then \
                 `moxnas pool import {pool} --device …`"
            ),
            Refusal::ForcedReadOnly(pool) => format!(
                "`journalctl -k` says what it came upon; `moxnas pool unmount {pool}`, then `moxnas \
                 pool check {pool}`"
            ),
            Refusal::NoSuchDataset { pool, .. } => {
                format!("`moxnas dataset list --pool {pool}` shows its datasets")
            }
            Refusal::NoSuchSnapshot { pool, dataset, .. } => {
                format!("`moxnas snapshot list --pool {pool} --dataset {dataset}` shows them")
            }
            Refusal::DatasetExists { pool, dataset } => {
                format!(
                    "choose another name, or look at it: `moxnas dataset show {pool} {dataset}`"
                )
            }
            Refusal::PlaceTaken { .. } | Refusal::SnapshotExists { .. } => {
                "choose another name".to_owned()
            }
            Refusal::SnapshotAlwaysThere {
                pool,
                dataset,
                snapshot,
            } => format!(
                "leave it as it is; `moxnas snapshot delete {pool} {dataset} {snapshot}` deletes it"
            ),
            Refusal::SnapshotHeld {
                pool,
                dataset,
                snapshot,
                holds,
            } => {
                let hold = holds.first().map_or("", String::as_str);
                format!("`moxnas snapshot release {pool} {dataset} {snapshot} --hold {hold}`")
            }
            Refusal::HasSnapshots { pool, dataset, .. } => format!(
                "delete them first: `moxnas snapshot list --pool {pool} --dataset {dataset}` shows \
                 them"
            ),
            Refusal::SnapshotsOfAnother { .. } => {
                "choose another name, or delete those snapshots first".to_owned()
            }
            Refusal::HasSubvolumes { .. } => {
                "MoxNAS did not make them: `btrfs subvolume delete` does away with them".to_owned()
            }
            Refusal::NoSuchAccount { kind, .. } => match kind {
                AccountKind::User => "`getent passwd` shows whom it knows; a number does as well",
                AccountKind::Group => "`getent group` shows whom it knows; a number does as well",
            }
            .to_owned(),
            Refusal::AccountNotKnown { .. } => {
                "a number does as well, which nobody has to know".to_owned()
            }
            Refusal::NoAcl(pool) => format!(
                "`moxnas pool export {pool}`, then `moxnas pool import {pool} --device …` without the \
                 option noacl"
            ),
            Refusal::NoCompression { .. } => {
                "a pool of btrfs does: `moxnas pool create NAME --device … --fs btrfs`".to_owned()
            }
            Refusal::FolderNotKnown { pool, .. } => {
                format!("`journalctl -k` may say why; `moxnas pool show {pool}` says how it is")
            }
            Refusal::Thin(refusal) => refusal.hint(),
            Refusal::Directory(refusal) => refusal.hint(),
            Refusal::RollbackUnfinished { pool, dataset } => format!(
                "roll it back again, which ends it: `moxnas snapshot rollback {pool} {dataset} …`"
            ),
        })
    }
}
