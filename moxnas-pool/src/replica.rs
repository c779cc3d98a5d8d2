//! Replicas: what is in a dataset, also in another pool.
//!
//! From btrfs to btrfs the snapshots of a dataset are sent, each as what it differs by from the one
//! before (btrfs-send(8)). They arrive at `/srv/POOL/.snapshots/DATASET/NAME`, where they are snapshots
//! without a dataset until somebody clones one. A snapshot that arrived as a whole has the UUID of the
//! one that it is a copy of, and cannot be written; one that did not has neither, and is sent anew. So
//! it is known after any interruption what is there, and nothing has to be written down of it.
//!
//! Where one of the two is no btrfs, the files are copied (rsync(1)) into a dataset of the other pool,
//! and compared byte by byte afterwards.

mod plan;
mod refusal;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use plan::{SOURCE, Side, hold_of, plan, target};
pub use refusal::Refusal;

use crate::{
    dataset::{DatasetName, SnapshotName, dataset_path, snapshot_path},
    model::PoolName,
    remote::TargetName,
};

/// A replica that is to be made, or brought up to date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replicate {
    /// The dataset.
    pub dataset: String,
    /// The dataset that it is to be in the other pool; `None`: the one that it is there already, else
    /// one of the same name.
    pub to: Option<DatasetName>,
    /// Compare what arrived byte by byte with what was sent. What is copied always is.
    pub compare: bool,
    /// The machine that has the other pool; `None`: this one.
    #[serde(default)]
    pub target: Option<TargetName>,
}

/// From where to where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The pool.
    pub from: PoolName,
    /// The dataset.
    pub dataset: DatasetName,
    /// The other pool.
    pub to: PoolName,
    /// What the dataset is there.
    pub as_dataset: DatasetName,
    /// The machine that has the other pool; `None`: this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetName>,
}

impl Route {
    /// The other dataset, as `POOL/DATASET` or `MACHINE:POOL/DATASET`.
    #[must_use]
    pub fn end(&self) -> String {
        let Route { to, as_dataset, .. } = self;
        match &self.target {
            Some(target) => format!("{target}:{to}/{as_dataset}"),
            None => format!("{to}/{as_dataset}"),
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} to {}", self.from, self.dataset, self.end())
    }
}

/// One thing that is done on the way from pool to pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum Step {
    /// Send a snapshot.
    Send {
        /// The snapshot.
        snapshot: SnapshotName,
        /// The one that both have, from which on it is sent; `None`: all of it is.
        base: Option<SnapshotName>,
        /// When it was taken.
        taken: Option<std::time::SystemTime>,
    },
    /// Make the files of a dataset those of this one.
    Copy {
        /// Those of this snapshot; `None`: as they are now.
        snapshot: Option<SnapshotName>,
    },
    /// Read both, and compare them byte by byte.
    Compare {
        /// A snapshot; `None`: the dataset as it is now.
        snapshot: Option<SnapshotName>,
        /// With what.
        with: Counterpart,
    },
}

/// What something is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counterpart {
    /// The dataset of the other pool.
    Dataset,
    /// The snapshot of the same name there.
    Snapshot,
}

impl Step {
    /// The snapshot that it sends.
    #[must_use]
    pub fn sent(&self) -> Option<&SnapshotName> {
        match self {
            Step::Send { snapshot, .. } => Some(snapshot),
            Step::Copy { .. } | Step::Compare { .. } => None,
        }
    }

    /// Where what is read is.
    #[must_use]
    pub fn source(&self, route: &Route) -> String {
        let snapshot = match self {
            Step::Send { snapshot, .. } => Some(snapshot),
            Step::Copy { snapshot } | Step::Compare { snapshot, .. } => snapshot.as_ref(),
        };
        match snapshot {
            Some(snapshot) => snapshot_path(&route.from, &route.dataset, snapshot),
            None => dataset_path(&route.from, &route.dataset),
        }
    }

    /// Where it is or will be in the other pool.
    #[must_use]
    pub fn target(&self, route: &Route) -> String {
        let snapshot = match self {
            Step::Send { snapshot, .. } => Some(snapshot),
            Step::Compare {
                snapshot,
                with: Counterpart::Snapshot,
            } => snapshot.as_ref(),
            Step::Compare { .. } | Step::Copy { .. } => None,
        };
        match snapshot {
            Some(snapshot) => snapshot_path(&route.to, &route.as_dataset, snapshot),
            None => dataset_path(&route.to, &route.as_dataset),
        }
    }

    /// In words, for plans that are shown.
    #[must_use]
    pub fn describe(&self, route: &Route) -> String {
        let Route { from, dataset, .. } = route;
        let end = route.end();
        match self {
            Step::Send {
                snapshot,
                base: None,
                ..
            } => format!("send all of {from}/{dataset}@{snapshot} to {end}"),
            Step::Send {
                snapshot,
                base: Some(base),
                ..
            } => format!("send what {from}/{dataset}@{snapshot} differs by from {base} to {end}"),
            Step::Copy { snapshot: None } => {
                format!("make the files of {end} those of {from}/{dataset}")
            }
            Step::Copy {
                snapshot: Some(snapshot),
            } => {
                format!("make the files of {end} those of {from}/{dataset}@{snapshot}")
            }
            Step::Compare { snapshot, .. } => {
                let at = snapshot.as_ref().map(|it| format!("@{it}"));
                let at = at.unwrap_or_default();
                format!("compare {end} with {from}/{dataset}{at}, byte by byte")
            }
        }
    }
}
