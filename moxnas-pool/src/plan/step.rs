//! The steps of a plan: small, closed, and complete in themselves.

use std::fmt;

use moxnas_core::disk::DeviceId;
use serde::{Deserialize, Serialize};

use crate::{
    dataset::{self, DatasetName},
    devices::DevicesStep,
    directory::{DirectoryStep, FolderPath},
    lvm::GroupStep,
    model::{Filesystem, PoolName},
    remote::TargetName,
    replica::{self, Route},
    unit::mount_point,
};

/// One thing that a backend can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum Step {
    /// Erase every signature on a device.
    WipeSignatures {
        /// The device.
        device: DeviceId,
    },
    /// Make a filesystem.
    MakeFilesystem {
        /// The device.
        device: DeviceId,
        /// What.
        filesystem: Filesystem,
        /// Its label; `None`: the name of the pool is too long for one.
        label: Option<PoolName>,
    },
    /// Write the unit that mounts a pool, by the UUID of the filesystem that is on the device by then.
    WriteUnit {
        /// The pool.
        pool: PoolName,
        /// The device.
        device: DeviceId,
        /// What is on it.
        filesystem: Filesystem,
        /// How to mount it.
        options: Vec<String>,
    },
    /// Mount a pool, now and at each start of the machine.
    Mount {
        /// The pool.
        pool: PoolName,
    },
    /// Unmount a pool.
    Unmount {
        /// The pool.
        pool: PoolName,
    },
    /// Mount a pool no more at a start of the machine.
    Disable {
        /// The pool.
        pool: PoolName,
    },
    /// Take the unit of a pool away.
    RemoveUnit {
        /// The pool.
        pool: PoolName,
    },
    /// Let the filesystem of a pool have all of its device, while it is mounted.
    Grow {
        /// The pool.
        pool: PoolName,
        /// The device.
        device: DeviceId,
        /// What is on it.
        filesystem: Filesystem,
    },
    /// Go over a filesystem that is not mounted.
    Check {
        /// The pool.
        pool: PoolName,
        /// The device.
        device: DeviceId,
        /// What of the pool is on it.
        #[serde(default)]
        part: Part,
        /// What is on it.
        filesystem: Filesystem,
        /// Put right what is wrong, or give it up.
        repair: bool,
    },
    /// Read all of a btrfs that is mounted, and compare it with its checksums.
    Scrub {
        /// The pool.
        pool: PoolName,
        /// Put right what another copy has right.
        repair: bool,
    },
    /// Count errors of a btrfs from none on.
    ForgetErrors {
        /// The pool.
        pool: PoolName,
    },
    /// Do something to the volumes of a pool as a whole.
    Thin {
        /// The pool.
        pool: PoolName,
        /// What.
        #[serde(rename = "thin")]
        step: GroupStep,
    },
    /// Do something with several devices of a pool.
    Devices {
        /// The pool.
        pool: PoolName,
        /// What.
        #[serde(rename = "devices")]
        step: DevicesStep,
    },
    /// Do something about a folder that is a pool.
    Directory {
        /// The pool.
        pool: PoolName,
        /// The folder.
        path: FolderPath,
        /// What.
        #[serde(rename = "directory")]
        step: DirectoryStep,
    },
    /// Do something in a pool.
    Inside {
        /// The pool.
        pool: PoolName,
        /// What.
        #[serde(rename = "inside")]
        step: dataset::Step,
    },
    /// Do something in a pool of another machine.
    There {
        /// The machine.
        target: TargetName,
        /// The pool.
        pool: PoolName,
        /// What: hold a snapshot, hold it no more, or delete what arrived of one.
        #[serde(rename = "there")]
        step: dataset::Step,
    },
    /// Do something on the way from one pool to another.
    Replicate {
        /// From where to where.
        route: Route,
        /// What.
        #[serde(rename = "replicate")]
        step: replica::Step,
    },
}

/// What of a pool has a filesystem of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// There is one for all of it.
    #[default]
    Whole,
    /// The folder of a pool of thin volumes.
    Folder,
    /// A dataset that is a thin volume.
    Dataset(DatasetName),
}

impl Step {
    /// Whether it goes over something and says what it found.
    #[must_use]
    pub fn is_check(&self) -> bool {
        match self {
            Step::Check { .. } | Step::Scrub { .. } => true,
            Step::Thin { step, .. } => *step == GroupStep::CheckMetadata,
            _ => false,
        }
    }

    /// Whether nothing is lost by it.
    #[must_use]
    pub fn is_reversible(&self) -> bool {
        match self {
            Step::Inside { step, .. } | Step::There { step, .. } => step.destroys().is_none(),
            Step::Check { repair, .. } => !repair,
            // Files that were there are deleted or overwritten.
            Step::Replicate { step, .. } => !matches!(step, replica::Step::Copy { .. }),
            Step::Thin { step, .. } => step.is_reversible(),
            other => other.destroys().is_empty(),
        }
    }

    /// The devices whose data the step destroys.
    #[must_use]
    pub fn destroys(&self) -> Vec<&DeviceId> {
        match self {
            Step::WipeSignatures { device } | Step::MakeFilesystem { device, .. } => vec![device],
            Step::Thin { step, .. } => step.destroys().into_iter().collect(),
            Step::Devices { step, .. } => step.destroys(),
            Step::WriteUnit { .. }
            | Step::Mount { .. }
            | Step::Unmount { .. }
            | Step::Disable { .. }
            | Step::RemoveUnit { .. }
            | Step::Grow { .. }
            | Step::Check { .. }
            | Step::Scrub { .. }
            | Step::ForgetErrors { .. }
            | Step::Directory { .. }
            | Step::Inside { .. }
            | Step::There { .. }
            | Step::Replicate { .. } => Vec::new(),
        }
    }

    /// The same step on another device, if it is on one.
    #[must_use]
    pub fn on(mut self, other: DeviceId) -> Step {
        match &mut self {
            Step::WipeSignatures { device }
            | Step::MakeFilesystem { device, .. }
            | Step::WriteUnit { device, .. }
            | Step::Grow { device, .. }
            | Step::Check { device, .. } => *device = other,
            Step::Thin { step, .. } => step.on(other),
            Step::Mount { .. }
            | Step::Unmount { .. }
            | Step::Disable { .. }
            | Step::RemoveUnit { .. }
            | Step::Scrub { .. }
            | Step::ForgetErrors { .. }
            | Step::Devices { .. }
            | Step::Directory { .. }
            | Step::Inside { .. }
            | Step::There { .. }
            | Step::Replicate { .. } => (),
        }
        self
    }

    /// The devices that the step touches.
    #[must_use]
    pub fn touches(&self) -> Vec<&DeviceId> {
        match self {
            Step::WriteUnit { device, .. }
            | Step::Grow { device, .. }
            | Step::Check { device, .. } => vec![device],
            Step::Thin { step, .. } => step.touches().into_iter().collect(),
            Step::Devices { step, .. } => step.touches(),
            other => other.destroys(),
        }
    }

    /// The pool that the step is about as a whole, and not only something in it.
    #[must_use]
    pub fn pool(&self) -> Option<&PoolName> {
        match self {
            Step::WriteUnit { pool, .. }
            | Step::Mount { pool }
            | Step::Unmount { pool }
            | Step::Disable { pool }
            | Step::RemoveUnit { pool }
            | Step::Grow { pool, .. }
            | Step::Check { pool, .. }
            | Step::Scrub { pool, .. }
            | Step::Thin { pool, .. }
            | Step::Devices { pool, .. }
            | Step::Directory { pool, .. }
            | Step::ForgetErrors { pool } => Some(pool),
            Step::WipeSignatures { .. }
            | Step::MakeFilesystem { .. }
            | Step::Inside { .. }
            | Step::There { .. }
            | Step::Replicate { .. } => None,
        }
    }
}

/// What it does, for plans that are shown.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::WipeSignatures { device } => write!(f, "erase all signatures on {device}"),
            Step::MakeFilesystem {
                device, filesystem, ..
            } => {
                write!(f, "make the filesystem {filesystem} on {device}")
            }
            Step::WriteUnit { pool, .. } => write!(f, "write the mount unit of pool {pool}"),
            Step::Mount { pool } => {
                write!(
                    f,
                    "mount {pool} at {}, now and at each start",
                    mount_point(pool)
                )
            }
            Step::Unmount { pool } => {
                write!(f, "unmount {pool} from {}", mount_point(pool))
            }
            Step::Disable { pool } => write!(f, "mount {pool} no more at a start of the machine"),
            Step::RemoveUnit { pool } => write!(f, "remove the mount unit of pool {pool}"),
            Step::Grow { pool, device, .. } => {
                write!(f, "let the filesystem of pool {pool} have all of {device}")
            }
            Step::Check {
                pool,
                device,
                part,
                filesystem,
                repair,
            } => {
                let verb = if *repair { "repair" } else { "check" };
                match part {
                    Part::Whole => write!(f, "{verb} the {filesystem} of pool {pool} on {device}"),
                    Part::Folder => {
                        write!(f, "{verb} the {filesystem} of the folder of pool {pool}")
                    }
                    Part::Dataset(dataset) => {
                        write!(
                            f,
                            "{verb} the {filesystem} of dataset {dataset} in pool {pool}"
                        )
                    }
                }
            }
            Step::Scrub {
                pool,
                repair: false,
            } => write!(
                f,
                "read all of pool {pool} and compare it with its checksums"
            ),
            Step::Scrub { pool, repair: true } => {
                write!(
                    f,
                    "read all of pool {pool} and put right what another copy has right"
                )
            }
            Step::ForgetErrors { pool } => write!(f, "count errors of pool {pool} from none on"),
            Step::Thin { pool, step } => write!(f, "for pool {pool}: {step}"),
            Step::Devices { pool, step } => f.write_str(&step.describe(pool)),
            Step::Directory { pool, path, step } => f.write_str(&step.describe(pool, path)),
            Step::Inside { pool, step } => write!(f, "in pool {pool}: {step}"),
            Step::There { target, pool, step } => write!(f, "in pool {pool} on {target}: {step}"),
            Step::Replicate { route, step } => f.write_str(&step.describe(route)),
        }
    }
}
