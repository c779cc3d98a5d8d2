//! Block devices: what they are, what is on them, what uses them.
//!
//! Identity is a [`DeviceId`], made from what udev puts under `/dev/disk/by-id`. A kernel name
//! such as `sda` is a fact about this minute and nothing more.

mod id;
mod real;
mod sanitize;
mod sim;
mod speed;
mod stack;
mod work;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use id::{BadDeviceId, DeviceId, DiskId};
pub(crate) use real::{MOUNTINFO, SWAPS};
pub use real::{Mount, SystemDiskWork, SystemDisks, mounts, work_argv};
pub use sanitize::{
    CommandBlock, Language, Sanitize, SanitizeMethod, SanitizeState, sanitize_command,
};
pub use sim::{SimDiskWork, SimDisks};
pub use speed::{Expected, expected};
pub use stack::{ResolveError, Use};
pub use work::{
    Abilities, BadFault, BadPlace, DiskStep, DiskWork, Locator, NoSelfTests, OpenDisk, SelfTest,
    SelfTests, Stretch, WorkError,
};

use crate::{root::FileError, units::Bytes};

/// All block devices of a machine at one moment, by kernel name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockDevices {
    /// The devices. Hidden NVMe multipath nodes, empty loop devices, optical and RAM disks are
    /// left out.
    pub by_name: BTreeMap<String, BlockDevice>,
    /// What could not be read, in words, beside all that could.
    pub errors: Vec<String>,
}

/// One block device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockDevice {
    /// What the kernel calls it now, such as `sda` or `nvme0n1p2`.
    pub name: String,
    /// Who it is.
    pub id: DeviceId,
    /// Other names of the same device: its links under `/dev/disk/by-id`, without the folder.
    pub aliases: Vec<String>,
    /// Major and minor number.
    pub number: (u32, u32),
    /// Size of the whole device.
    pub size: Bytes,
    /// Whether the kernel refuses writes.
    pub read_only: bool,
    /// Disk, partition, array, …
    pub kind: BlockKind,
    /// Kernel names of the devices it is made of; of a partition, its disk.
    pub slaves: Vec<String>,
    /// What is on it, as udev found: partition table, filesystem, RAID superblock, swap. It is
    /// [`Signature::unknown`] where udev has not looked, for which none would be a lie.
    pub signatures: Vec<Signature>,
    /// Where it is mounted.
    pub mounts: Vec<String>,
    /// Whether the kernel swaps to it.
    pub swap: bool,
}

/// What sort of block device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum BlockKind {
    /// A whole physical (or virtual) disk.
    Disk(Disk),
    /// A partition, numbered from 1.
    Partition {
        /// Its number in the table.
        number: u32,
    },
    /// An md array.
    Md,
    /// A device-mapper device: logical volume, encrypted volume, multipath.
    Dm {
        /// Its name under `/dev/mapper`.
        name: String,
        /// Its device-mapper UUID, whose prefix tells what made it: `LVM-…`, `CRYPT-…`, `mpath-…`.
        uuid: Option<String>,
    },
    /// Anything else, such as a loop device.
    Other,
}

/// What is known of a disk. What the disk does not say is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// Model as the disk says it.
    pub model: Option<String>,
    /// Vendor; for SATA disks the kernel says `ATA`, which is left out.
    pub vendor: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// World wide name: `0x5000…` or `eui.…`.
    pub wwn: Option<String>,
    /// Firmware revision.
    pub firmware: Option<String>,
    /// How it is attached.
    pub bus: Bus,
    /// Whether it spins: `queue/rotational`.
    pub rotational: Option<bool>,
    /// Whether it is made to be taken out.
    pub removable: bool,
    /// Logical sector size in bytes.
    pub logical_sector: u32,
    /// Physical sector size in bytes.
    pub physical_sector: u32,
}

/// How a disk is attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bus {
    /// SATA or PATA.
    Ata,
    /// SAS, or SCSI without further word.
    Scsi,
    /// NVMe.
    Nvme,
    /// USB.
    Usb,
    /// Virtio of a virtual machine.
    Virtio,
    /// SD card or eMMC.
    Mmc,
    /// None of these, or it could not be told.
    #[default]
    Unknown,
}

/// A mark on a device that says what is on it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Signature {
    /// As libblkid names it: `ext4`, `gpt`, `linux_raid_member`, `LVM2_member`, `swap`.
    pub kind: String,
    /// Its UUID; of a RAID member, the UUID of the array.
    pub uuid: Option<String>,
    /// Its label; of a RAID member, the name of the array.
    pub label: Option<String>,
    /// Of a btrfs, the UUID of this device among those that it is on: two devices with one are copies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
}

impl Signature {
    /// A signature without label.
    pub fn new(kind: &str, uuid: &str) -> Signature {
        Signature {
            kind: kind.to_owned(),
            uuid: Some(uuid.to_owned()),
            label: None,
            member: None,
        }
    }

    /// Stands for whatever may be on a device at which udev has not looked.
    #[must_use]
    pub fn unknown() -> Signature {
        Signature {
            kind: "unknown".to_owned(),
            uuid: None,
            label: None,
            member: None,
        }
    }

    /// For people and for evidence: `ext4 "media" 1234-…`.
    #[must_use]
    pub fn describe(&self) -> String {
        let label = self
            .label
            .as_ref()
            .map(|it| format!(" {it:?}"))
            .unwrap_or_default();
        let uuid = self
            .uuid
            .as_ref()
            .map(|it| format!(" {it}"))
            .unwrap_or_default();
        let member = self
            .member
            .as_ref()
            .map(|it| format!(" device {it}"))
            .unwrap_or_default();
        format!("{}{label}{uuid}{member}", self.kind)
    }
}

/// What this crate needs from a machine with disks.
pub trait DiskBackend: Send + Sync {
    /// All block devices at one moment, without opening any of them and without starting a
    /// program: a disk that hangs does not delay it.
    fn devices(&self) -> Result<BlockDevices, ObserveError>;
}

/// The block devices could not be listed at all.
#[derive(Debug, thiserror::Error)]
#[error("the block devices could not be read")]
pub struct ObserveError(#[from] FileError);
