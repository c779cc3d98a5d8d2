//! The steps of plans for thin volumes.

use std::fmt;

use moxnas_core::{disk::DeviceId, units::Bytes};
use serde::{Deserialize, Serialize};

use super::VolumeUnit;
use crate::{
    dataset::{DatasetName, SnapshotName},
    model::{Filesystem, PoolName},
};

/// One thing that is done to the volumes of a pool as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum GroupStep {
    /// Make the volume group of a pool on a device.
    MakeGroup {
        /// The device.
        device: DeviceId,
    },
    /// Make a thin pool of all that the group has.
    MakeThinPool,
    /// Let a thin pool that is full refuse at once what needs more.
    RefuseWhenFull,
    /// Make the volume that is the folder of the pool.
    MakeRoot,
    /// Write the unit that mounts the folder, by the UUIDs that are on both devices by then.
    WriteUnit {
        /// The device of the group.
        device: DeviceId,
        /// What its datasets are made with.
        filesystem: Filesystem,
        /// How to mount it, and them.
        options: Vec<String>,
    },
    /// Let the kernel have the volumes, but for snapshots.
    Activate,
    /// Let the kernel have none of the volumes any more.
    Deactivate,
    /// Let the kernel have the metadata of the thin pool by themselves, to be read only.
    OpenMetadata,
    /// Go over the metadata of the thin pool.
    CheckMetadata,
    /// Let the kernel have the metadata of the thin pool by themselves no more.
    CloseMetadata,
    /// Delete the group and all of its volumes.
    RemoveGroup,
    /// Let the group have all of a device that has become larger.
    GrowDevice {
        /// The device.
        device: DeviceId,
    },
    /// Let the thin pool have all that its group has.
    GrowThinPool,
}

impl GroupStep {
    /// The device whose data the step destroys.
    #[must_use]
    pub fn destroys(&self) -> Option<&DeviceId> {
        match self {
            GroupStep::MakeGroup { device } => Some(device),
            _ => None,
        }
    }

    /// Whether nothing is lost by it.
    #[must_use]
    pub fn is_reversible(&self) -> bool {
        self.destroys().is_none() && *self != GroupStep::RemoveGroup
    }

    /// The device that it touches.
    #[must_use]
    pub fn touches(&self) -> Option<&DeviceId> {
        match self {
            GroupStep::MakeGroup { device }
            | GroupStep::WriteUnit { device, .. }
            | GroupStep::GrowDevice { device } => Some(device),
            _ => None,
        }
    }

    /// The same step on another device, if it is on one.
    pub(crate) fn on(&mut self, other: DeviceId) {
        match self {
            GroupStep::MakeGroup { device }
            | GroupStep::WriteUnit { device, .. }
            | GroupStep::GrowDevice { device } => *device = other,
            _ => (),
        }
    }
}

impl fmt::Display for GroupStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GroupStep::MakeGroup { device } => write!(f, "make a volume group on {device}"),
            GroupStep::MakeThinPool => f.write_str("make a thin pool of all that the group has"),
            GroupStep::RefuseWhenFull => {
                f.write_str("let the thin pool refuse what is written when it is full")
            }
            GroupStep::MakeRoot => f.write_str("make the volume that is the folder of the pool"),
            GroupStep::WriteUnit { .. } => f.write_str("write the mount unit of the folder"),
            GroupStep::Activate => f.write_str("activate the volumes"),
            GroupStep::Deactivate => f.write_str("let the kernel have the volumes no more"),
            GroupStep::OpenMetadata => {
                f.write_str("let the kernel have the metadata of the thin pool, read-only")
            }
            GroupStep::CheckMetadata => f.write_str("check the metadata of the thin pool"),
            GroupStep::CloseMetadata => {
                f.write_str("let the kernel have the metadata of the thin pool no more")
            }
            GroupStep::RemoveGroup => f.write_str("delete the volume group with all its volumes"),
            GroupStep::GrowDevice { device } => {
                write!(f, "let the volume group have all of {device}")
            }
            GroupStep::GrowThinPool => f.write_str("let the thin pool have all that the group has"),
        }
    }
}

/// One thing that is done to a dataset that is a thin volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum VolumeStep {
    /// Make the volume that is to become a dataset.
    Make {
        /// The dataset.
        dataset: DatasetName,
        /// How large.
        size: Bytes,
    },
    /// Make it of a snapshot, with which it shares all data at first.
    MakeOf {
        /// The dataset to be.
        dataset: DatasetName,
        /// Of which dataset the snapshot is.
        of: DatasetName,
        /// The snapshot.
        snapshot: SnapshotName,
    },
    /// Make a filesystem on it.
    Format {
        /// The dataset.
        dataset: DatasetName,
        /// What.
        filesystem: Filesystem,
    },
    /// Give it its name: now it is the dataset.
    Name {
        /// The dataset.
        dataset: DatasetName,
    },
    /// Delete what an earlier try left of it.
    RemoveNew {
        /// The dataset.
        dataset: DatasetName,
    },
    /// Write the unit that mounts a dataset.
    WriteUnit {
        /// The dataset.
        dataset: DatasetName,
        /// What is on it.
        filesystem: Filesystem,
        /// How to mount it.
        options: Vec<String>,
    },
    /// Mount a dataset, now and whenever its pool is.
    Mount {
        /// The dataset.
        dataset: DatasetName,
    },
    /// Unmount a dataset.
    Unmount {
        /// The dataset.
        dataset: DatasetName,
    },
    /// Take the unit of a dataset away.
    RemoveUnit {
        /// The dataset.
        dataset: DatasetName,
    },
    /// Make a volume larger.
    Grow {
        /// The dataset.
        dataset: DatasetName,
        /// How large.
        size: Bytes,
    },
    /// Let its filesystem have all of it, while it is mounted.
    GrowFilesystem {
        /// The dataset.
        dataset: DatasetName,
        /// What is on it.
        filesystem: Filesystem,
    },
    /// Give a snapshot to another name.
    RenameSnapshot {
        /// Of which dataset.
        dataset: DatasetName,
        /// The snapshot.
        snapshot: SnapshotName,
        /// What the dataset is to be called.
        to: DatasetName,
    },
    /// Give the volume of a dataset another name.
    Rename {
        /// The dataset.
        dataset: DatasetName,
        /// Its name to be.
        to: DatasetName,
    },
    /// Delete a dataset.
    Remove {
        /// The dataset.
        dataset: DatasetName,
    },
    /// Keep a dataset as it is now.
    TakeSnapshot {
        /// The dataset.
        dataset: DatasetName,
        /// The name that the snapshot gets.
        snapshot: SnapshotName,
    },
    /// Delete a snapshot.
    RemoveSnapshot {
        /// Of which dataset.
        dataset: DatasetName,
        /// The snapshot.
        snapshot: SnapshotName,
    },
    /// Let the kernel have a snapshot.
    ActivateSnapshot {
        /// Of which dataset.
        dataset: DatasetName,
        /// The snapshot.
        snapshot: SnapshotName,
    },
    /// Mount a snapshot, read-only, until the machine is started anew.
    MountSnapshot {
        /// Of which dataset.
        dataset: DatasetName,
        /// The snapshot.
        snapshot: SnapshotName,
        /// What is on it.
        filesystem: Filesystem,
    },
    /// Unmount a snapshot.
    UnmountSnapshot {
        /// Of which dataset.
        dataset: DatasetName,
        /// The snapshot.
        snapshot: SnapshotName,
    },
    /// Let the kernel have a snapshot no more.
    DeactivateSnapshot {
        /// Of which dataset.
        dataset: DatasetName,
        /// The snapshot.
        snapshot: SnapshotName,
    },
    /// Set a dataset aside under another name.
    SetAside {
        /// The dataset.
        dataset: DatasetName,
    },
    /// Make the dataset anew, of a snapshot.
    Restore {
        /// The dataset.
        dataset: DatasetName,
        /// The snapshot.
        snapshot: SnapshotName,
    },
    /// Keep what was set aside as a snapshot.
    KeepAside {
        /// The dataset.
        dataset: DatasetName,
        /// The name that the snapshot gets.
        snapshot: SnapshotName,
    },
    /// Delete what was set aside.
    RemoveAside {
        /// The dataset.
        dataset: DatasetName,
    },
}

impl VolumeStep {
    /// The unit that it writes, if it writes one.
    #[must_use]
    pub fn unit(&self, pool: &PoolName) -> Option<VolumeUnit> {
        let VolumeStep::WriteUnit {
            dataset,
            filesystem,
            options,
        } = self
        else {
            return None;
        };
        Some(VolumeUnit {
            pool: pool.clone(),
            dataset: dataset.clone(),
            filesystem: *filesystem,
            options: options.clone(),
        })
    }

    /// What of the pool is lost by it, in words.
    #[must_use]
    pub fn destroys(&self) -> Option<String> {
        match self {
            VolumeStep::Remove { dataset } => Some(format!("dataset {dataset}")),
            VolumeStep::RemoveSnapshot { dataset, snapshot } => {
                Some(format!("snapshot {snapshot} of {dataset}"))
            }
            _ => None,
        }
    }
}

impl fmt::Display for VolumeStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VolumeStep::Make { dataset, size } => {
                write!(f, "make a thin volume of {size} for {dataset}")
            }
            VolumeStep::MakeOf {
                dataset,
                of,
                snapshot,
            } => write!(f, "make a volume for {dataset} of {of}@{snapshot}"),
            VolumeStep::Format {
                dataset,
                filesystem,
            } => write!(f, "make the filesystem {filesystem} for {dataset}"),
            VolumeStep::Name { dataset } => write!(f, "let that volume be the dataset {dataset}"),
            VolumeStep::RemoveNew { dataset } => {
                write!(f, "delete what an earlier try to make {dataset} has left")
            }
            VolumeStep::WriteUnit { dataset, .. } => {
                write!(f, "write the mount unit of {dataset}")
            }
            VolumeStep::Mount { dataset } => {
                write!(f, "mount {dataset}, now and whenever its pool is")
            }
            VolumeStep::Unmount { dataset } => write!(f, "unmount {dataset}"),
            VolumeStep::RemoveUnit { dataset } => write!(f, "remove the mount unit of {dataset}"),
            VolumeStep::Grow { dataset, size } => {
                write!(f, "make the volume of {dataset} as large as {size}")
            }
            VolumeStep::GrowFilesystem { dataset, .. } => {
                write!(f, "let the filesystem of {dataset} have all of its volume")
            }
            VolumeStep::RenameSnapshot {
                dataset,
                snapshot,
                to,
            } => write!(
                f,
                "rename the snapshot {dataset}@{snapshot} to {to}@{snapshot}"
            ),
            VolumeStep::Rename { dataset, to } => {
                write!(f, "rename the volume of {dataset} to that of {to}")
            }
            VolumeStep::Remove { dataset } => write!(f, "delete the volume of {dataset}"),
            VolumeStep::TakeSnapshot { dataset, snapshot } => {
                write!(f, "take the snapshot {dataset}@{snapshot}")
            }
            VolumeStep::RemoveSnapshot { dataset, snapshot } => {
                write!(f, "delete the snapshot {dataset}@{snapshot}")
            }
            VolumeStep::ActivateSnapshot { dataset, snapshot } => {
                write!(f, "let the kernel have the snapshot {dataset}@{snapshot}")
            }
            VolumeStep::MountSnapshot {
                dataset, snapshot, ..
            } => write!(
                f,
                "mount the snapshot {dataset}@{snapshot}, read-only, until it is unmounted or the \
                 machine is started anew"
            ),
            VolumeStep::UnmountSnapshot { dataset, snapshot } => {
                write!(f, "unmount the snapshot {dataset}@{snapshot}")
            }
            VolumeStep::DeactivateSnapshot { dataset, snapshot } => {
                write!(
                    f,
                    "let the kernel have the snapshot {dataset}@{snapshot} no more"
                )
            }
            VolumeStep::SetAside { dataset } => {
                write!(f, "set {dataset} as it is now aside, under another name")
            }
            VolumeStep::Restore { dataset, snapshot } => {
                write!(f, "make {dataset} anew of its snapshot {snapshot}")
            }
            VolumeStep::KeepAside { dataset, snapshot } => write!(
                f,
                "keep what was {dataset} until now as its snapshot {snapshot}"
            ),
            VolumeStep::RemoveAside { dataset } => {
                write!(
                    f,
                    "delete what was set aside of {dataset}, which is a snapshot now"
                )
            }
        }
    }
}
