//! Pools, datasets and snapshots.

use std::str::FromStr;

use clap::Subcommand;
use moxnas_api::wire::{
    attributes::DatasetAttributes,
    datasets::{CloneSnapshot, CreateDataset, CreateSnapshot, PruneSnapshots, RenameDataset},
    pools::{
        AddPoolDevice, BalancePool, CheckPool, CreatePool, ImportPool, RemovePoolDevice,
        ReplacePoolDevice,
    },
    replicas::{HoldSnapshot, ReplicateDataset},
};
use moxnas_core::units::{BadBytes, Bytes};

use super::Patience;

#[derive(Debug, Subcommand)]
pub(crate) enum PoolVerb {
    /// List all pools
    List,
    /// Show a pool
    Show {
        /// Name of the pool
        pool: String,
    },
    /// Make a filesystem and a pool of it: on a device (--device), or on a new array of the pool's
    /// name (--level, --member); all that is on the devices is lost
    Create(CreatePool),
    /// Make a pool of a filesystem that is there
    Import(ImportPool),
    /// Mount a pool, now and at each start of the machine
    Mount {
        /// Name of the pool
        pool: String,
    },
    /// Unmount a pool, and leave it so
    Unmount {
        /// Name of the pool
        pool: String,
    },
    /// Let the filesystem of a pool have all of its device, which has become larger
    Grow {
        /// Name of the pool
        pool: String,
    },
    /// Go over the filesystem of a pool, or repair it (--repair); ext4 and xfs have to be unmounted, and of
    /// thin volumes each dataset is gone over
    /// first
    Check {
        /// Name of the pool
        pool: String,
        #[command(flatten)]
        body: CheckPool,
        #[command(flatten)]
        patience: Patience,
    },
    /// Take devices into a pool of btrfs, let them go, or put others in their place
    Device {
        #[command(subcommand)]
        verb: PoolDeviceVerb,
    },
    /// Let all devices of a pool of btrfs have their share, or put its data on them in another way
    Balance {
        /// Name of the pool
        pool: String,
        #[command(flatten)]
        body: BalancePool,
        #[command(flatten)]
        patience: Patience,
    },
    /// Forget a pool, and leave what is on it
    Export {
        /// Name of the pool
        pool: String,
    },
    /// Delete a pool and all that is on it
    Delete {
        /// Name of the pool
        pool: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PoolDeviceVerb {
    /// Take another device in; all that is on it is lost
    Add {
        /// Name of the pool
        pool: String,
        #[command(flatten)]
        body: AddPoolDevice,
    },
    /// Let a device go, after what is on it was moved to the others
    Remove {
        /// Name of the pool
        pool: String,
        #[command(flatten)]
        body: RemovePoolDevice,
        #[command(flatten)]
        patience: Patience,
    },
    /// Put a device in the place of another one, be that there or `missing`; all that is on the new one
    /// is lost
    Replace {
        /// Name of the pool
        pool: String,
        #[command(flatten)]
        body: ReplacePoolDevice,
        #[command(flatten)]
        patience: Patience,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum DatasetVerb {
    /// List all datasets
    List {
        /// Those of this pool only
        #[arg(long)]
        pool: Option<String>,
        /// Ask the pools first, which takes as long as they take to answer
        #[arg(long)]
        fresh: bool,
    },
    /// Show a dataset
    Show {
        /// Name of its pool
        pool: String,
        /// Name of the dataset
        dataset: String,
    },
    /// Make a dataset
    Create(CreateDataset),
    /// Say whose a dataset is, who may what, how it compresses and when to warn; what is left out stays
    ///
    /// It is about the folder of the dataset: files that are in it stay as they are.
    Set {
        /// Name of its pool
        pool: String,
        /// Name of the dataset
        dataset: String,
        #[command(flatten)]
        body: DatasetAttributes,
    },
    /// Say how much a dataset may take
    Quota {
        /// Name of its pool
        pool: String,
        /// Name of the dataset
        dataset: String,
        /// Such as 500GB or 500GiB; `none`: as much as the pool has
        #[arg(value_name = "SIZE")]
        size: Limit,
    },
    /// Give a dataset another name, and its snapshots with it
    Rename {
        /// Name of its pool
        pool: String,
        /// Name of the dataset
        dataset: String,
        #[command(flatten)]
        body: RenameDataset,
    },
    /// Make a replica of a dataset in another pool, or bring it up to date
    ///
    /// From btrfs to btrfs the snapshots are sent that the other pool does not have yet; they are
    /// snapshots there, of which `moxnas snapshot clone` makes a dataset. Else files are copied into a
    /// dataset of the other pool, and compared.
    Replicate {
        /// Name of its pool
        pool: String,
        /// Name of the dataset
        dataset: String,
        #[command(flatten)]
        body: ReplicateDataset,
        #[command(flatten)]
        patience: Patience,
    },
    /// Delete a dataset and all that is in it
    Delete {
        /// Name of its pool
        pool: String,
        /// Name of the dataset
        dataset: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SnapshotVerb {
    /// List all snapshots
    List {
        /// Those of this pool only
        #[arg(long)]
        pool: Option<String>,
        /// Those of datasets of this name only
        #[arg(long)]
        dataset: Option<String>,
        /// Ask the pools first, which takes as long as they take to answer
        #[arg(long)]
        fresh: bool,
    },
    /// Keep a dataset as it is now
    Create(CreateSnapshot),
    /// Delete the snapshots of a dataset that the rules do not keep, each with the reason
    ///
    /// The rules are those of Proxmox Backup, see `moxnas prune simulate --help`.
    Prune(PruneSnapshots),
    /// Delete a snapshot
    Delete {
        /// Name of the pool
        pool: String,
        /// Name of the dataset
        dataset: String,
        /// Name of the snapshot
        snapshot: String,
    },
    /// Hold a snapshot, so that it is not deleted
    Hold {
        /// Name of the pool
        pool: String,
        /// Name of the dataset
        dataset: String,
        /// Name of the snapshot
        snapshot: String,
        #[command(flatten)]
        body: HoldSnapshot,
    },
    /// Hold a snapshot no more
    Release {
        /// Name of the pool
        pool: String,
        /// Name of the dataset
        dataset: String,
        /// Name of the snapshot
        snapshot: String,
        #[command(flatten)]
        body: HoldSnapshot,
    },
    /// Mount a snapshot, so that it can be looked into
    ///
    /// That of a thin volume is mounted read-only below the folder of its pool, until it is unmounted or
    /// the machine is started anew. Those of btrfs are always there, and nothing has to be done.
    Mount {
        /// Name of the pool
        pool: String,
        /// Name of the dataset
        dataset: String,
        /// Name of the snapshot
        snapshot: String,
    },
    /// Unmount a snapshot that was mounted to be looked into
    Unmount {
        /// Name of the pool
        pool: String,
        /// Name of the dataset
        dataset: String,
        /// Name of the snapshot
        snapshot: String,
    },
    /// Make a dataset of a snapshot, which shares all data with it at first
    Clone {
        /// Name of the pool
        pool: String,
        /// Name of the dataset
        dataset: String,
        /// Name of the snapshot
        snapshot: String,
        #[command(flatten)]
        body: CloneSnapshot,
    },
    /// Make a dataset what it was; what it is now is kept as a snapshot
    Rollback {
        /// Name of the pool
        pool: String,
        /// Name of the dataset
        dataset: String,
        /// Name of the snapshot
        snapshot: String,
    },
}

/// A size, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit(pub(crate) Option<Bytes>);

impl FromStr for Limit {
    type Err = BadBytes;

    fn from_str(text: &str) -> Result<Limit, BadBytes> {
        match text {
            "none" => Ok(Limit(None)),
            size => Ok(Limit(Some(size.parse()?))),
        }
    }
}
