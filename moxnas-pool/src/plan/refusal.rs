//! Why a wish is not granted.

use moxnas_core::{
    disk::{DeviceId, Use},
    units::Bytes,
};

use super::MountOption;
use crate::{
    dataset, devices, directory,
    model::{Filesystem, PoolName, Standing},
    replica,
};

/// Why a wish is not granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A pool of that name is there.
    #[error("a pool named {pool} exists already")]
    NameTaken {
        /// Its name.
        pool: PoolName,
        /// How it is.
        standing: Standing,
    },
    /// Something is mounted there.
    #[error("{device} is mounted at {at} already")]
    PlaceTaken {
        /// Where.
        at: String,
        /// What.
        device: DeviceId,
    },
    /// No pool of that name.
    #[error("there is no pool {0}")]
    NoSuchPool(String),
    /// Nothing of that id.
    #[error("there is no device {0}")]
    NoSuchDevice(DeviceId),
    /// Two devices say that they are this one.
    #[error("{device} may be any of {}: two devices have one id", names.join(", "))]
    NotUnique {
        /// The id.
        device: DeviceId,
        /// The kernel names.
        names: Vec<String>,
    },
    /// The running system stands on it.
    #[error("the system itself stands on {device}: {of}")]
    SystemDisk {
        /// The device.
        device: DeviceId,
        /// How.
        of: Use,
    },
    /// Something uses it.
    #[error("{device} is in use: {of}")]
    InUse {
        /// The device.
        device: DeviceId,
        /// By what.
        of: Use,
    },
    /// It has no name that stays.
    #[error("{0} has no name that stays the same")]
    Unidentified(DeviceId),
    /// The kernel refuses writes.
    #[error("{0} is read-only")]
    ReadOnly(DeviceId),
    /// The filesystem does not fit.
    #[error("{device} has {has}, and {filesystem} needs {need}")]
    TooSmall {
        /// The device.
        device: DeviceId,
        /// What.
        filesystem: Filesystem,
        /// How much it needs.
        need: Bytes,
        /// How much there is.
        has: Bytes,
    },
    /// There is nothing to take in.
    #[error("{device} holds no ext4, xfs or btrfs, but: {found}")]
    NoFilesystem {
        /// The device.
        device: DeviceId,
        /// What is on it.
        found: String,
    },
    /// It is one already.
    #[error("{device} is pool {pool} already")]
    IsPool {
        /// The device.
        device: DeviceId,
        /// The pool.
        pool: PoolName,
    },
    /// Two devices have the same filesystem.
    #[error("the filesystem {uuid} is on {}: one is a copy, and which would be mounted is chance", devices.join(", "))]
    Cloned {
        /// The UUID.
        uuid: String,
        /// The devices.
        devices: Vec<String>,
    },
    /// No device has its filesystem.
    #[error("no device has the filesystem {uuid} of pool {pool}")]
    DeviceMissing {
        /// The pool.
        pool: PoolName,
        /// The UUID.
        uuid: String,
    },
    /// It is not clear what it is.
    #[error("pool {pool} is not what it should be: {why}")]
    Confused {
        /// The pool.
        pool: PoolName,
        /// Why.
        why: String,
    },
    /// What is on it cannot be relied on.
    #[error("pool {pool} has to be checked first: {why}")]
    Damaged {
        /// The pool.
        pool: PoolName,
        /// Why.
        why: String,
    },
    /// It can only be gone over while nobody uses it.
    #[error("{filesystem} cannot be checked while it is mounted, and pool {pool} is")]
    CheckNeedsUnmount {
        /// The pool.
        pool: PoolName,
        /// What is on it.
        filesystem: Filesystem,
    },
    /// No program puts it right without a risk of making it worse.
    #[error(
        "btrfs is not repaired while it is not mounted: `btrfs check --repair` may make it worse"
    )]
    NoSafeRepair(PoolName),
    /// It is mounted somewhere else too.
    #[error("the filesystem of pool {pool} is mounted at {at} too")]
    MountedElsewhere {
        /// The pool.
        pool: PoolName,
        /// Where.
        at: String,
    },
    /// An option that does not go with a unit.
    #[error("the mount option {option} cannot be given: {why}")]
    BadOption {
        /// The option.
        option: MountOption,
        /// Why.
        why: &'static str,
    },
    /// It is about several devices.
    #[error(transparent)]
    Devices(#[from] devices::Refusal),
    /// It is about a folder of the host.
    #[error(transparent)]
    Directory(#[from] directory::Refusal),
    /// It is about what is in the pool.
    #[error(transparent)]
    Inside(#[from] dataset::Refusal),
    /// It is about two pools.
    #[error(transparent)]
    Replica(#[from] replica::Refusal),
}

impl Refusal {
    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::NameTaken { .. } => "pool_name_taken",
            Refusal::PlaceTaken { .. } => "mount_point_taken",
            Refusal::NoSuchPool(_) => "pool_not_found",
            Refusal::NoSuchDevice(_) => "device_not_found",
            Refusal::NotUnique { .. } => "device_not_unique",
            Refusal::SystemDisk { .. } => "system_disk",
            Refusal::InUse { .. } => "device_in_use",
            Refusal::Unidentified(_) => "device_unidentified",
            Refusal::ReadOnly(_) => "device_read_only",
            Refusal::TooSmall { .. } => "device_too_small",
            Refusal::NoFilesystem { .. } => "no_filesystem",
            Refusal::IsPool { .. } => "is_pool_already",
            Refusal::Cloned { .. } => "filesystem_cloned",
            Refusal::DeviceMissing { .. } => "pool_device_missing",
            Refusal::Confused { .. } => "pool_confused",
            Refusal::Damaged { .. } => "pool_damaged",
            Refusal::CheckNeedsUnmount { .. } => "check_needs_unmount",
            Refusal::NoSafeRepair(_) => "no_safe_repair",
            Refusal::MountedElsewhere { .. } => "mounted_elsewhere",
            Refusal::BadOption { .. } => "bad_mount_option",
            Refusal::Devices(refusal) => refusal.code(),
            Refusal::Directory(refusal) => refusal.code(),
            Refusal::Inside(refusal) => refusal.code(),
            Refusal::Replica(refusal) => refusal.code(),
        }
    }

    /// What would help.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            // A try before this one may have come as far as that.
            Refusal::NameTaken {
                pool,
                standing: Standing::Unmounted | Standing::Damaged,
            } => format!("`moxnas pool mount {pool}` mounts it whole; else choose another name"),
            Refusal::NameTaken { pool, .. } => {
                format!("choose another name; `moxnas pool export {pool}` frees this one")
            }
            Refusal::PlaceTaken { at, .. } => format!("choose another name, or `umount {at}`"),
            Refusal::NoSuchPool(_) => "`moxnas pool list` shows the pools".to_owned(),
            Refusal::NoSuchDevice(_) => "`moxnas disk list` shows the devices".to_owned(),
            Refusal::NotUnique { .. } => "take one of them out, or give it another id".to_owned(),
            Refusal::SystemDisk { .. } => "choose another device".to_owned(),
            Refusal::InUse { of, .. } => match of {
                Use::Mount { at, .. } => format!(
                    "`umount {at}` first; `moxnas pool import` takes a filesystem in that stays"
                ),
                Use::Swap { device } => format!("`swapoff {device}` first"),
                Use::Holder { device } => format!("make the pool on {device}"),
            },
            Refusal::Unidentified(_) => {
                "give the disk a partition table, whose partitions have ids of their own".to_owned()
            }
            Refusal::ReadOnly(_) => {
                "an array is made writable by `moxnas array set NAME --read-only false`".to_owned()
            }
            Refusal::TooSmall { .. } => "choose a larger device, or another filesystem".to_owned(),
            Refusal::NoFilesystem { .. } => {
                "`moxnas pool create` makes one, and all data on the device is lost".to_owned()
            }
            Refusal::IsPool { pool, .. } => format!("`moxnas pool mount {pool}` mounts it"),
            Refusal::Cloned { .. } => {
                "take one of the disks out, or give the copy a UUID of its own (tune2fs -U, \
                 xfs_admin -U, btrfstune -u)"
                    .to_owned()
            }
            Refusal::DeviceMissing { pool, .. } => format!(
                "put the disk back in or assemble its array; `moxnas pool export {pool}` forgets it"
            ),
            Refusal::Confused { .. } => "`moxnas pool show` says what is in the way".to_owned(),
            Refusal::Damaged { pool, .. } => format!(
                "save what can be read; then `moxnas pool check {pool}`, which wants ext4 and xfs to \
                 be unmounted first"
            ),
            Refusal::CheckNeedsUnmount { pool, .. } => format!(
                "`moxnas pool unmount {pool}` first, and `moxnas pool mount {pool}` afterwards"
            ),
            Refusal::NoSafeRepair(pool) => format!(
                "`moxnas pool mount {pool}`, then `moxnas pool check {pool} --repair` puts right what \
                 has another copy; what has none comes from a backup"
            ),
            Refusal::MountedElsewhere { at, .. } => format!("`umount {at}` first"),
            Refusal::BadOption { .. } => "leave it out".to_owned(),
            Refusal::Devices(refusal) => refusal.hint(),
            Refusal::Directory(refusal) => refusal.hint(),
            Refusal::Inside(refusal) => return refusal.hint(),
            Refusal::Replica(refusal) => refusal.hint(),
        })
    }
}
