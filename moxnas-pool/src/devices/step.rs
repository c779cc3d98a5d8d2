//! The steps that are about several devices at a time.

use std::fmt;

use moxnas_core::disk::DeviceId;
use serde::{Deserialize, Serialize};

use super::{Profile, Task};
use crate::model::PoolName;

/// One thing that a backend can do with the devices of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum DevicesStep {
    /// Make one btrfs on all of them.
    Make {
        /// The devices.
        devices: Vec<DeviceId>,
        /// How data are put on them.
        profile: Profile,
    },
    /// Write the unit that mounts it, with the UUIDs that are on the devices by then.
    WriteUnit {
        /// The devices.
        devices: Vec<DeviceId>,
        /// How data are put on them.
        profile: Option<Profile>,
        /// How to mount it.
        options: Vec<String>,
        /// The UUIDs of devices that are noted although they are not there.
        #[serde(default)]
        missing: Vec<String>,
    },
    /// Take another device in.
    Add {
        /// The device.
        device: DeviceId,
    },
    /// Move what is on a device to the others, and let it go.
    Remove {
        /// The device.
        device: DeviceId,
        /// Its number in the filesystem.
        number: u64,
        /// The devices that stay.
        stay: Vec<DeviceId>,
    },
    /// Put a device in the place of another one.
    Replace {
        /// The device that goes; `None`: it is not there, and is read from the copies.
        old: Option<DeviceId>,
        /// Its number in the filesystem, which the other one gets.
        number: u64,
        /// The device that comes.
        device: DeviceId,
        /// The devices that stay.
        stay: Vec<DeviceId>,
    },
    /// Write what there is anew, such that all devices have their share.
    Balance {
        /// Only what has another profile than this one.
        convert: Option<Profile>,
        /// Also if there are fewer copies afterwards.
        lowers: bool,
    },
    /// Let the filesystem have all of a device.
    Resize {
        /// The number of the device.
        number: u64,
    },
    /// End what the filesystem is at. No plan has it: it is what becomes of a job that is cancelled.
    End {
        /// What.
        task: Task,
    },
    /// Mount it without the devices that are not there, until it is unmounted.
    MountDegraded {
        /// One that is there.
        device: DeviceId,
        /// How to mount it, beside that.
        options: Vec<String>,
    },
}

impl DevicesStep {
    /// The devices whose data the step destroys.
    #[must_use]
    pub fn destroys(&self) -> Vec<&DeviceId> {
        match self {
            DevicesStep::Make { devices, .. } => devices.iter().collect(),
            DevicesStep::Add { device } | DevicesStep::Replace { device, .. } => vec![device],
            DevicesStep::WriteUnit { .. }
            | DevicesStep::Remove { .. }
            | DevicesStep::Balance { .. }
            | DevicesStep::Resize { .. }
            | DevicesStep::End { .. }
            | DevicesStep::MountDegraded { .. } => Vec::new(),
        }
    }

    /// The devices that the step touches.
    #[must_use]
    pub fn touches(&self) -> Vec<&DeviceId> {
        match self {
            DevicesStep::Make { devices, .. } | DevicesStep::WriteUnit { devices, .. } => {
                devices.iter().collect()
            }
            DevicesStep::Add { device }
            | DevicesStep::MountDegraded { device, .. }
            | DevicesStep::Remove { device, .. } => {
                vec![device]
            }
            DevicesStep::Replace { old, device, .. } => old.iter().chain([device]).collect(),
            DevicesStep::Balance { .. } | DevicesStep::Resize { .. } | DevicesStep::End { .. } => {
                Vec::new()
            }
        }
    }

    /// The devices that udev has to look at again afterwards: those on which the filesystem wrote what
    /// they are, and those that it calls ready only now that all are there.
    pub(crate) fn changes(&self) -> Vec<&DeviceId> {
        match self {
            DevicesStep::Remove { stay, .. } | DevicesStep::Replace { stay, .. } => {
                self.touches().into_iter().chain(stay).collect()
            }
            other => other.destroys(),
        }
    }

    /// In words, for plans that are shown.
    #[must_use]
    pub fn describe(&self, pool: &PoolName) -> String {
        let name = |it: &Option<DeviceId>| {
            let it = it.as_ref();
            it.map_or_else(
                || "the device that is missing".to_owned(),
                ToString::to_string,
            )
        };
        match self {
            DevicesStep::Make { devices, profile } => {
                format!("make one btrfs, {profile}, on {}", listed(devices))
            }
            DevicesStep::WriteUnit { .. } => format!("write the mount unit of pool {pool}"),
            DevicesStep::Add { device } => format!("take {device} into pool {pool}"),
            DevicesStep::Remove { device, .. } => {
                format!("move what is on {device} to the others of pool {pool}")
            }
            DevicesStep::Replace { old, device, .. } => {
                format!("put {device} in the place of {} in pool {pool}", name(old))
            }
            DevicesStep::Balance { convert: None, .. } => {
                format!("write all of pool {pool} anew, such that all devices have their share")
            }
            DevicesStep::Balance {
                convert: Some(profile),
                ..
            } => format!("write what is not {profile} in pool {pool} anew as {profile}"),
            DevicesStep::Resize { number } => {
                format!("let the filesystem of pool {pool} have all of its device {number}")
            }
            DevicesStep::End { task } => format!("end the {} in pool {pool}", task.word()),
            DevicesStep::MountDegraded { .. } => {
                format!("mount {pool} without what is not there, until it is unmounted")
            }
        }
    }
}

fn listed<T: fmt::Display>(all: &[T]) -> String {
    let all: Vec<String> = all.iter().map(ToString::to_string).collect();
    all.join(", ")
}
