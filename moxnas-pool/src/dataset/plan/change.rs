//! What somebody wishes of what is in a pool.

use moxnas_core::units::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    dataset::{Account, Attributes, DatasetName, HoldName, SnapshotName},
    model::Filesystem,
};

/// What somebody wishes of what is in a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum Change {
    /// Make a dataset.
    Create(CreateDataset),
    /// Make a dataset, and say something of its folder.
    CreateWith {
        /// The dataset.
        wish: CreateDataset,
        /// What is said of its folder.
        attributes: Attributes<Account>,
    },
    /// Say something else of the folder of a dataset.
    Set {
        /// Its name.
        dataset: String,
        /// What.
        attributes: Attributes<Account>,
    },
    /// Say how much a dataset may refer to.
    SetQuota {
        /// Its name.
        dataset: String,
        /// How much; `None`: as much as the pool has.
        quota: Option<Bytes>,
    },
    /// Give a dataset another name, and its snapshots with it.
    Rename {
        /// Its name.
        dataset: String,
        /// Its name to be.
        to: DatasetName,
    },
    /// Delete a dataset and all that is in it.
    Delete {
        /// Its name.
        dataset: String,
    },
    /// Keep a dataset as it is now.
    TakeSnapshot {
        /// Its name.
        dataset: String,
        /// The name that the snapshot gets.
        snapshot: SnapshotName,
    },
    /// Delete a snapshot.
    DeleteSnapshot {
        /// The dataset.
        dataset: String,
        /// Its name.
        snapshot: String,
    },
    /// Let a snapshot not be deleted as long as it is held for this.
    Hold {
        /// The dataset.
        dataset: String,
        /// Its name.
        snapshot: String,
        /// What for.
        hold: HoldName,
    },
    /// Hold a snapshot for this no more.
    Release {
        /// The dataset.
        dataset: String,
        /// Its name.
        snapshot: String,
        /// What for.
        hold: HoldName,
    },
    /// Make a dataset of a snapshot.
    Clone {
        /// The dataset.
        dataset: String,
        /// The snapshot.
        snapshot: String,
        /// What to make.
        to: CreateDataset,
    },
    /// Make a dataset what it was. What it is now is kept as a snapshot.
    Rollback {
        /// The dataset.
        dataset: String,
        /// The snapshot that has what it was.
        snapshot: String,
    },
    /// Let somebody look into a snapshot, until the machine is started anew.
    MountSnapshot {
        /// The dataset.
        dataset: String,
        /// The snapshot.
        snapshot: String,
    },
    /// Nobody looks into a snapshot any more.
    UnmountSnapshot {
        /// The dataset.
        dataset: String,
        /// The snapshot.
        snapshot: String,
    },
}

/// A dataset that is to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateDataset {
    /// Its name.
    pub name: DatasetName,
    /// How much it may refer to; `None`: as much as the pool has.
    pub quota: Option<Bytes>,
    /// The filesystem of its own that it gets, where each dataset has one; `None`: that of the pool.
    #[serde(default)]
    pub filesystem: Option<Filesystem>,
}
