//! The steps that are about several devices at a time.

use std::fmt;

use moxnas_core::disk::DeviceId;
use serde::{Deserialize, Serialize};

use super::Profile;
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
            DevicesStep::WriteUnit { .. } | DevicesStep::MountDegraded { .. } => Vec::new(),
        }
    }

    /// The devices that the step touches.
    #[must_use]
    pub fn touches(&self) -> Vec<&DeviceId> {
        match self {
            DevicesStep::Make { devices, .. } | DevicesStep::WriteUnit { devices, .. } => {
                devices.iter().collect()
            }
            DevicesStep::MountDegraded { device, .. } => vec![device],
        }
    }

    /// In words, for plans that are shown.
    #[must_use]
    pub fn describe(&self, pool: &PoolName) -> String {
        match self {
            DevicesStep::Make { devices, profile } => {
                format!("make one btrfs, {profile}, on {}", listed(devices))
            }
            DevicesStep::WriteUnit { .. } => format!("write the mount unit of pool {pool}"),
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
