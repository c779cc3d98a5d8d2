//! Why a replica is not made. Said before anything was touched.

use crate::{
    dataset::{DatasetName, SnapshotName},
    model::PoolName,
};

/// Why a replica is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It would be lost with what it is a replica of.
    #[error("a replica of {pool}/{dataset} in pool {pool} itself would be lost with it")]
    SamePool {
        /// The pool.
        pool: PoolName,
        /// The dataset.
        dataset: DatasetName,
    },
    /// Snapshots are what is sent.
    #[error("{pool}/{dataset} has no snapshot that could be sent")]
    NoSnapshot {
        /// The pool.
        pool: PoolName,
        /// The dataset.
        dataset: DatasetName,
    },
    /// There is something else under that name.
    #[error("{pool}/{dataset} is no replica of {of}: they have no snapshot in common")]
    NothingInCommon {
        /// The other pool.
        pool: PoolName,
        /// The dataset there.
        dataset: DatasetName,
        /// What was to be sent, as `POOL/DATASET`.
        of: String,
    },
    /// Another snapshot has the name.
    #[error("{pool}/{dataset} has another snapshot named {snapshot}")]
    SnapshotDiffers {
        /// The other pool.
        pool: PoolName,
        /// The dataset there.
        dataset: DatasetName,
        /// The name.
        snapshot: SnapshotName,
    },
}

impl Refusal {
    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::SamePool { .. } => "replica_in_same_pool",
            Refusal::NoSnapshot { .. } => "no_snapshot_to_send",
            Refusal::NothingInCommon { .. } => "replica_has_nothing_in_common",
            Refusal::SnapshotDiffers { .. } => "replica_snapshot_differs",
        }
    }

    /// What would make it possible.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Refusal::SamePool { pool, dataset } => format!(
                "choose another pool; within one pool `moxnas snapshot clone {pool} {dataset} …` \
                 makes a second dataset of a snapshot"
            ),
            Refusal::NoSnapshot { pool, dataset } => {
                format!("take one: `moxnas snapshot create {pool} {dataset} NAME`")
            }
            Refusal::NothingInCommon { .. } => {
                "give the replica another name with `--as`, or delete what is there".to_owned()
            }
            Refusal::SnapshotDiffers {
                pool,
                dataset,
                snapshot,
            } => format!(
                "look at what it is, then `moxnas snapshot delete {pool} {dataset} {snapshot}`; or \
                 give the replica another name with `--as`"
            ),
        }
    }
}
