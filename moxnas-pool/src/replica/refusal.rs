//! Why a replica is not made. Said before anything was touched.

use moxnas_core::units::Bytes;

use crate::{
    dataset::{DatasetName, SnapshotName},
    model::PoolName,
    remote::TargetName,
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
    /// Files are copied only on one machine.
    #[error("only snapshots of btrfs are sent to {target}, and one of the two pools has none")]
    OnlySent {
        /// The other machine.
        target: TargetName,
    },
    /// It does not fit.
    #[error("{end} has room for {has}, and {need} would be sent at least")]
    NoRoom {
        /// The other pool, with its machine.
        end: String,
        /// How much the first snapshot is.
        need: Bytes,
        /// How much there is.
        has: Bytes,
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
            Refusal::OnlySent { .. } => "replica_needs_btrfs",
            Refusal::NoRoom { .. } => "no_room_there",
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
            Refusal::OnlySent { .. } => {
                "choose pools of btrfs on both machines; on one machine files are copied from and to \
                 any filesystem"
                    .to_owned()
            }
            Refusal::NoRoom { .. } => {
                "make room there, or delete the oldest snapshots here, which are sent first".to_owned()
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
