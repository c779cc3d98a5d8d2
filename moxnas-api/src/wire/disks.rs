//! Disks.

use moxnas_app::{
    Seen,
    disk_plan::{self, multipath_of},
    ops::disks::{DiskBurnIn, DiskLocate, DiskView, DiskWipe, why_not_usable},
};
use moxnas_core::disk::{self as inside, BlockDevice, BlockKind};
use poem_openapi::{Enum, Object};
use time::OffsetDateTime;

use super::{arrays::uses, timestamp};

/// A whole disk
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Disk {
    /// Its stable id: a link under `/dev/disk/by-id`; `kernel:sdb` if it tells nothing stable
    pub id: String,
    /// What the kernel calls it now
    pub kernel_name: String,
    /// Its other links under `/dev/disk/by-id`
    pub aliases: Vec<String>,
    /// Model
    pub model: Option<String>,
    /// Vendor
    pub vendor: Option<String>,
    /// Serial number
    pub serial: Option<String>,
    /// World wide name
    pub wwn: Option<String>,
    /// Firmware revision
    pub firmware: Option<String>,
    /// Its size
    pub size_bytes: u64,
    /// How it is attached
    pub bus: Bus,
    /// Whether it spins; left out if unknown
    pub rotational: Option<bool>,
    /// Whether it is made to be taken out
    pub removable: bool,
    /// Whether the kernel refuses writes
    pub read_only: bool,
    /// Logical sector size
    pub logical_sector_bytes: u32,
    /// Physical sector size
    pub physical_sector_bytes: u32,
    /// Temperature in degrees Celsius; left out if unknown
    pub temperature_celsius: Option<f64>,
    /// Why the temperature is not known
    pub temperature_unknown_because: Option<String>,
    /// What is on it: partition table, filesystem, RAID superblock
    pub content: String,
    /// Its partitions
    pub partitions: Vec<Partition>,
    /// What uses it, in words
    pub used_by: Vec<String>,
    /// The array that lists it or one of its partitions as a member
    pub array: Option<String>,
    /// The multipath device that it is one of the paths to, by its name under `/dev/mapper`
    pub multipath: Option<String>,
    /// Whether it discards what nobody needs
    pub can_discard: bool,
    /// Whether the light of its slot can be switched; by ledctl that shows when it is tried
    pub can_locate: bool,
    /// Whether the light of its slot was on when MoxNAS last asked the enclosure, which is when it
    /// switches it; left out if it has not asked, or nobody can tell
    pub locating: Option<bool>,
    /// Whether it may be given to an array
    pub usable: bool,
    /// Why not
    pub not_usable_because: Option<String>,
    /// What can be done about it
    pub remedy: Option<String>,
    /// When the machine was looked at
    pub as_of: OffsetDateTime,
}

/// A partition of a disk
#[derive(Clone, Debug, PartialEq, Eq, Object)]
pub struct Partition {
    /// Its stable id
    pub id: String,
    /// What the kernel calls it now
    pub kernel_name: String,
    /// Its number in the table
    pub number: u32,
    /// Its size
    pub size_bytes: u64,
    /// What is on it
    pub content: String,
    /// Where it is mounted
    pub mounts: Vec<String>,
}

/// How a disk is attached
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum Bus {
    /// SATA or PATA
    Ata,
    /// SAS or SCSI
    Scsi,
    /// NVMe
    Nvme,
    /// USB
    Usb,
    /// Virtio of a virtual machine
    Virtio,
    /// SD card or eMMC
    Mmc,
    /// It could not be told
    Unknown,
}

impl From<inside::Bus> for Bus {
    fn from(it: inside::Bus) -> Bus {
        match it {
            inside::Bus::Ata => Bus::Ata,
            inside::Bus::Scsi => Bus::Scsi,
            inside::Bus::Nvme => Bus::Nvme,
            inside::Bus::Usb => Bus::Usb,
            inside::Bus::Virtio => Bus::Virtio,
            inside::Bus::Mmc => Bus::Mmc,
            inside::Bus::Unknown => Bus::Unknown,
        }
    }
}

impl Disk {
    /// A disk as it was seen. Other block devices are shown with what they have.
    #[must_use]
    pub fn new(device: &BlockDevice, seen: &Seen) -> Disk {
        let facts = match &device.kind {
            BlockKind::Disk(facts) => facts.clone(),
            _ => inside::Disk::default(),
        };
        let can = seen.abilities_of(&device.name);
        let why_not = why_not_usable(seen, device);
        let (not_usable_because, remedy) = why_not.unzip();
        let inside::Disk {
            model,
            vendor,
            serial,
            wwn,
            firmware,
            bus,
            rotational,
            removable,
            logical_sector,
            physical_sector,
        } = facts;
        Disk {
            id: device.id.to_string(),
            kernel_name: device.name.clone(),
            aliases: device.aliases.clone(),
            model,
            vendor,
            serial,
            wwn,
            firmware,
            size_bytes: device.size.0,
            bus: bus.into(),
            rotational,
            removable,
            read_only: device.read_only,
            logical_sector_bytes: logical_sector,
            physical_sector_bytes: physical_sector,
            temperature_celsius: None,
            temperature_unknown_because: Some("this release does not read SMART".to_owned()),
            content: device.content(),
            partitions: partitions(device, seen),
            used_by: uses(seen, &device.name),
            array: array_of(device, seen),
            multipath: multipath_of(&seen.raid.devices, &device.name).map(str::to_owned),
            can_discard: can.discard_max.0 > 0,
            can_locate: can.locator.is_some(),
            locating: seen.answers.light(&device.id),
            usable: not_usable_because.is_none(),
            not_usable_because,
            remedy: remedy.flatten(),
            as_of: timestamp(seen.as_of),
        }
    }
}

fn partitions(disk: &BlockDevice, seen: &Seen) -> Vec<Partition> {
    let held = seen.raid.devices.holders(&disk.name);
    let mut all: Vec<Partition> = held
        .filter_map(|it| match it.kind {
            BlockKind::Partition { number } => Some(Partition {
                id: it.id.to_string(),
                kernel_name: it.name.clone(),
                number,
                size_bytes: it.size.0,
                content: it.content(),
                mounts: it.mounts.clone(),
            }),
            _ => None,
        })
        .collect();
    all.sort_by_key(|it| it.number);
    all
}

fn array_of(disk: &BlockDevice, seen: &Seen) -> Option<String> {
    let names: Vec<&str> = seen
        .raid
        .devices
        .tower(&disk.name)
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    let lists = |it: &&moxnas_raid::Array| {
        it.members.iter().any(|it| {
            names.contains(&it.kernel_name.as_str())
                && !matches!(it.device, inside::DeviceId::Gone(_))
        })
    };
    seen.raid
        .arrays
        .iter()
        .find(lists)
        .map(|it| it.name.clone())
}

impl From<DiskView> for Disk {
    fn from(it: DiskView) -> Disk {
        Disk::new(&it.device, &it.seen)
    }
}

/// How thoroughly a disk is wiped
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, clap::ValueEnum)]
#[oai(rename_all = "snake_case")]
pub enum WipeLevel {
    /// Nothing is recognized on it any more; the data is there
    Signatures,
    /// The disk is told that nobody needs what is on it; what that means is its affair
    Discard,
    /// All that can be addressed is overwritten with zeros, and some of it read back
    Overwrite,
    /// The disk erases itself, also what cannot be addressed; nothing stops that
    Sanitize,
}

/// How a disk erases itself
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, clap::ValueEnum)]
#[oai(rename_all = "snake_case")]
pub enum SanitizeMethod {
    /// It forgets its key
    Crypto,
    /// It erases its flash
    Block,
    /// It overwrites itself with zeros
    Overwrite,
}

/// How a disk is to be wiped
#[derive(Clone, Debug, PartialEq, Object, clap::Args)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct WipeDisk {
    /// How thoroughly
    #[arg(long, value_enum)]
    pub level: WipeLevel,
    /// How it erases itself, for the level sanitize; the first of these that it can if left out
    #[arg(long, value_enum)]
    pub method: Option<SanitizeMethod>,
}

/// How a disk is to be tried out
#[derive(Clone, Debug, PartialEq, Object, clap::Args)]
#[oai(deny_unknown_fields)]
pub struct BurnInDisk {
    /// How often all of it is written and read: with 0xaa, 0x55, 0xff and 0x00, in this order
    #[arg(long, default_value_t = 4)]
    #[oai(
        default = "four",
        validator(minimum(value = "1"), maximum(value = "4"))
    )]
    pub passes: u8,
}

fn four() -> u8 {
    4
}

/// What a light is to do
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(deny_unknown_fields)]
pub struct LocateDisk {
    /// Whether it is to be on
    pub on: bool,
}

impl WipeDisk {
    /// The operation.
    #[must_use]
    pub fn of(self, disk: String) -> DiskWipe {
        let level = match self.level {
            WipeLevel::Signatures => disk_plan::WipeLevel::Signatures,
            WipeLevel::Discard => disk_plan::WipeLevel::Discard,
            WipeLevel::Overwrite => disk_plan::WipeLevel::Overwrite,
            WipeLevel::Sanitize => disk_plan::WipeLevel::Sanitize,
        };
        let method = self.method.map(|it| match it {
            SanitizeMethod::Crypto => inside::SanitizeMethod::Crypto,
            SanitizeMethod::Block => inside::SanitizeMethod::Block,
            SanitizeMethod::Overwrite => inside::SanitizeMethod::Overwrite,
        });
        DiskWipe {
            disk,
            level,
            method,
        }
    }
}

impl BurnInDisk {
    /// The operation.
    #[must_use]
    pub fn of(self, disk: String) -> DiskBurnIn {
        let passes = self.passes;
        DiskBurnIn { disk, passes }
    }
}

impl LocateDisk {
    /// The operation.
    #[must_use]
    pub fn of(self, disk: String) -> DiskLocate {
        let on = self.on;
        DiskLocate { disk, on }
    }
}

/// A page of disks
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct DiskPage {
    /// The disks, by id
    pub items: Vec<Disk>,
    /// The `cursor` of the next page; left out on the last one
    pub next: Option<String>,
    /// When the machine was looked at
    pub as_of: OffsetDateTime,
    /// What could not be read, beside all that could
    pub errors: Vec<String>,
}
