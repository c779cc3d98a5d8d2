//! Datasets and snapshots, as they were found.

use std::{collections::BTreeSet, time::SystemTime};

pub(crate) use moxnas_core::names::SNAPSHOT_FOLDER as SNAPSHOTS;
use moxnas_core::units::Bytes;
use serde::{Deserialize, Serialize};

use super::{Folder, HoldName, Note};
use crate::{
    devices::{OnDevice, Underway},
    directory::Mark,
    lvm::Fill,
    model::PoolName,
    unit::mount_point,
};

moxnas_core::name_type! {
    /// Name of a dataset: its folder in the pool.
    DatasetName, "name of a dataset", 64, |it| it.is_ascii_alphanumeric() || it == '-' || it == '_'
}

moxnas_core::name_type! {
    /// Name of a snapshot: its folder among the snapshots of its dataset.
    SnapshotName, "name of a snapshot", 64,
    |it| it.is_ascii_alphanumeric() || it == '-' || it == '_' || it == ':'
}

/// What the name of a folder begins with that is to become a dataset.
pub(crate) const NEW: &str = ".new-";
/// What the name of a dataset begins with that a rollback has in hand.
pub(crate) const REPLACED: &str = ".rollback-";

/// What is in a pool, as its filesystem says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// How full it is.
    pub space: Space,
    /// Whether what each dataset takes is counted and can be limited.
    pub counting: Counting,
    /// The datasets, by name.
    pub datasets: Vec<Dataset>,
    /// The snapshots, by dataset, the oldest first.
    pub snapshots: Vec<Snapshot>,
    /// What an interrupted rollback left: the subvolume at [`replaced_path`], by the dataset it is for.
    pub replaced: Vec<Dataset>,
    /// Subvolumes and folders that are none of these, by their paths in the pool.
    pub others: Vec<String>,
    /// The numbers of the projects that something belongs to or that are limited, but for 0, to which
    /// everything else belongs.
    #[serde(default)]
    pub projects: BTreeSet<u32>,
    /// How full its thin pool is, of a pool that has one.
    #[serde(default)]
    pub thin: Option<Fill>,
    /// Whether its folder is the one that was made a pool, of a pool that is a folder of the host.
    #[serde(default)]
    pub directory: Option<Mark>,
    /// The devices that it is on, of a btrfs that has several.
    #[serde(default)]
    pub devices: Vec<OnDevice>,
    /// What it is at that takes long, of a btrfs.
    #[serde(default)]
    pub underway: Option<Underway>,
}

/// Whether a filesystem counts what each dataset takes: by the quota groups of btrfs(5), or the project
/// quotas of xfs(5) and ext4(5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counting {
    /// It does not.
    #[default]
    Off,
    /// It counts anew what was there before. Until that is done nobody knows.
    Rescan,
    /// It does.
    On,
}

/// How full a filesystem is, see statvfs(3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    /// What it holds at most, without what its own structures take.
    pub size: Bytes,
    /// What is taken.
    pub used: Bytes,
    /// What somebody who is not root can still write.
    pub available: Bytes,
    /// How many files it can hold; `None`: as many as there is space for.
    pub inodes: Option<Inodes>,
}

/// Files that a filesystem can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inodes {
    /// How many there can be.
    pub total: u64,
    /// How many there are.
    pub used: u64,
}

/// What a dataset takes. Folders share nothing: there both are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// All that can be reached through it, whoever shares it.
    pub referenced: Bytes,
    /// What only it refers to: what deleting it gives back.
    pub exclusive: Bytes,
}

/// A place for data of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dataset {
    /// Its name.
    pub name: DatasetName,
    /// The number of its subvolume, of which a later one has a larger number; or of its project; or of
    /// the inode of its folder, in a folder of the host.
    pub id: u64,
    /// The UUID of its subvolume; `None`: it is a folder.
    pub uuid: Option<String>,
    /// The UUID of the subvolume that it is a clone of.
    pub origin: Option<String>,
    /// Nothing can be written to it.
    pub read_only: bool,
    /// What may be referenced, a byte more is refused to whoever writes it; `None`: as much as the
    /// pool has.
    pub quota: Option<Bytes>,
    /// What it takes; `None`: nobody counts it.
    pub usage: Option<Usage>,
    /// What is said of its folder; `None`: it is not mounted, or could not be looked at.
    #[serde(default)]
    pub folder: Option<Folder>,
}

/// A dataset as it was at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Of which dataset.
    pub dataset: DatasetName,
    /// Its name.
    pub name: SnapshotName,
    /// The number of its subvolume.
    pub id: u64,
    /// The UUID of its subvolume.
    pub uuid: String,
    /// Nothing can be written to it, as it should be.
    pub read_only: bool,
    /// When it was taken; `None`: nobody knows.
    pub created: Option<SystemTime>,
    /// The UUID of the subvolume that it is a copy of, on another filesystem; `None`: it was taken
    /// here, or did not arrive as a whole.
    pub received: Option<String>,
    /// What it is held for: it is not deleted as long as there is something.
    pub held: BTreeSet<HoldName>,
    /// What it takes; `None`: nobody counts it.
    pub usage: Option<Usage>,
}

/// A subvolume as a backend found it.
pub(crate) struct Found {
    /// Its path in the pool.
    pub(crate) path: String,
    pub(crate) id: u64,
    pub(crate) uuid: String,
    pub(crate) origin: Option<String>,
    pub(crate) read_only: bool,
    pub(crate) created: Option<SystemTime>,
    pub(crate) received: Option<String>,
    pub(crate) quota: Option<Bytes>,
    pub(crate) usage: Option<Usage>,
}

impl Snapshot {
    /// By which its copies elsewhere are known: a copy of a copy is one of the first.
    #[must_use]
    pub fn identity(&self) -> &str {
        self.received.as_deref().unwrap_or(&self.uuid)
    }
}

impl Dataset {
    /// A plain folder, of which nothing is counted.
    pub(crate) fn folder(name: DatasetName, inode: u64) -> Dataset {
        Dataset {
            name,
            id: inode,
            uuid: None,
            origin: None,
            read_only: false,
            quota: None,
            usage: None,
            folder: None,
        }
    }

    /// What somebody should be told of it, a sentence each.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        let soft = self.folder.as_ref().and_then(|it| it.soft_quota);
        let Some(soft) = soft else {
            return Vec::new();
        };
        let name = &self.name;
        let reason = match self.usage.map(|it| it.referenced) {
            Some(used) if used > soft => {
                format!("dataset {name} takes {used}, which is more than its soft quota of {soft}")
            }
            Some(_) => return Vec::new(),
            None => {
                format!("dataset {name} has a soft quota, and nobody has counted what it takes")
            }
        };
        vec![reason]
    }
}

impl Contents {
    /// Take in what was found: where a subvolume is says what it is.
    pub(crate) fn take_in(&mut self, it: Found) {
        let below = it.path.strip_prefix(SNAPSHOTS);
        let below = below.and_then(|it| it.strip_prefix('/')?.split_once('/'));
        if let Some((dataset, name)) = below
            && let (Ok(dataset), Ok(name)) = (dataset.parse(), name.parse())
        {
            return self.snapshots.push(Snapshot {
                dataset,
                name,
                id: it.id,
                uuid: it.uuid,
                read_only: it.read_only,
                created: it.created,
                received: it.received,
                held: BTreeSet::new(),
                usage: it.usage,
            });
        }
        let replaced = it.path.strip_prefix(REPLACED).map(str::parse);
        let (list, name) = match (it.path.parse(), replaced) {
            (Ok(name), _) => (&mut self.datasets, name),
            (Err(_), Some(Ok(name))) => (&mut self.replaced, name),
            _ => return self.others.push(it.path),
        };
        list.push(Dataset {
            name,
            id: it.id,
            uuid: Some(it.uuid),
            origin: it.origin,
            read_only: it.read_only,
            quota: it.quota,
            usage: it.usage,
            folder: None,
        });
    }

    /// The dataset of this name.
    #[must_use]
    pub fn dataset(&self, name: &str) -> Option<&Dataset> {
        let found = self
            .datasets
            .binary_search_by(|it| it.name.as_str().cmp(name));
        found.ok().map(|at| &self.datasets[at])
    }

    /// The snapshots of this dataset, the oldest first.
    pub fn snapshots_of(&self, dataset: &str) -> std::slice::Iter<'_, Snapshot> {
        self.snapshots_from(dataset)
            .chunk_by(|one, other| one.dataset == other.dataset)
            .next()
            .filter(|it| it[0].dataset.as_str() == dataset)
            .unwrap_or_default()
            .iter()
    }

    /// The snapshots of this dataset and of all behind it. Beside ten thousands of others they are
    /// found at once, as the list is in order.
    #[must_use]
    pub fn snapshots_from(&self, dataset: &str) -> &[Snapshot] {
        let before = |it: &Snapshot| it.dataset.as_str() < dataset;
        &self.snapshots[self.snapshots.partition_point(before)..]
    }

    /// The snapshot of this name.
    #[must_use]
    pub fn snapshot(&self, dataset: &str, name: &str) -> Option<&Snapshot> {
        self.snapshots_of(dataset)
            .find(|it| it.name.as_str() == name)
    }

    /// What is written down of snapshots; `read` has the note of one.
    pub(crate) fn take_notes<E>(
        &mut self,
        mut read: impl FnMut(&Snapshot) -> Result<Note, E>,
    ) -> Result<(), E> {
        for it in &mut self.snapshots {
            let note = read(it)?;
            it.held = note.held;
            // Of one that was taken here the filesystem itself says when.
            it.created = note.taken.filter(|_| it.received.is_some()).or(it.created);
        }
        Ok(())
    }

    /// In the order that is promised.
    pub(crate) fn sort(&mut self) {
        self.datasets.sort_by(|a, b| a.name.cmp(&b.name));
        self.replaced.sort_by(|a, b| a.name.cmp(&b.name));
        self.snapshots
            .sort_by(|a, b| (&a.dataset, a.created, a.id).cmp(&(&b.dataset, b.created, b.id)));
        self.others.sort();
    }
}

/// Where a dataset is.
#[must_use]
pub fn dataset_path(pool: &PoolName, dataset: &DatasetName) -> String {
    format!("{}/{dataset}", mount_point(pool))
}

/// Where a folder is that is to become a dataset.
#[must_use]
pub fn new_path(pool: &PoolName, dataset: &DatasetName) -> String {
    format!("{}/{NEW}{dataset}", mount_point(pool))
}

/// Where the snapshots of a dataset are.
#[must_use]
pub fn snapshot_folder(pool: &PoolName, dataset: &DatasetName) -> String {
    format!("{}/{SNAPSHOTS}/{dataset}", mount_point(pool))
}

/// Where a snapshot is.
#[must_use]
pub fn snapshot_path(pool: &PoolName, dataset: &DatasetName, snapshot: &SnapshotName) -> String {
    format!("{}/{snapshot}", snapshot_folder(pool, dataset))
}

/// Where a rollback has what is to become the dataset, and then what was it.
#[must_use]
pub fn replaced_path(pool: &PoolName, dataset: &DatasetName) -> String {
    format!("{}/{REPLACED}{dataset}", mount_point(pool))
}
