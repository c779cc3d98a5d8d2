//! A simulated disk: what it is, and what is on it.

use serde::{Deserialize, Serialize};

use crate::{
    disk::{Bus, Disk, DiskId, SanitizeMethod, Signature},
    units::Bytes,
};

use super::surface::{Erasing, Surface};

/// A disk as it leaves the factory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskSpec {
    /// Serial number. Empty: the disk tells none.
    pub serial: String,
    /// World wide name such as `0x5000c500a1b2c3d4`, if it has one.
    pub wwn: Option<String>,
    /// Model.
    pub model: String,
    /// Firmware revision.
    pub firmware: String,
    /// How it is attached.
    pub bus: Bus,
    /// Whether it spins.
    pub rotational: bool,
    /// Size.
    pub size: Bytes,
    /// Sizes of its partitions, in order.
    #[serde(default)]
    pub partitions: Vec<Bytes>,
    /// Whether it has media errors: an array that reads or writes all of it throws it out.
    #[serde(default)]
    pub failing: bool,
    /// Whether it discards what nobody needs. What was discarded then reads as zeros.
    #[serde(default)]
    pub discards: bool,
    /// How it can erase itself.
    #[serde(default)]
    pub sanitizes: Vec<SanitizeMethod>,
    /// The enclosure and the slot that it is in, if that has a light.
    #[serde(default)]
    pub slot: Option<(String, String)>,
}

impl DiskSpec {
    fn new(serial: &str, size: u64, bus: Bus, model: &str, rotational: bool) -> DiskSpec {
        // FNV-1a: the name must be the same on every run, and differ from disk to disk.
        let hash = serial
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        let tail = hash & 0x000f_ffff_ffff;
        let wwn = match bus {
            Bus::Nvme => format!("eui.002538{tail:010x}"),
            _ => format!("0x5000c5{tail:010x}"),
        };
        DiskSpec {
            serial: serial.to_owned(),
            wwn: Some(wwn),
            model: model.to_owned(),
            firmware: "SIM1".to_owned(),
            bus,
            rotational,
            size: Bytes(size),
            partitions: Vec::new(),
            failing: false,
            discards: !rotational,
            sanitizes: match (bus, rotational) {
                (_, false) => vec![SanitizeMethod::Crypto, SanitizeMethod::Block],
                (Bus::Scsi, true) => vec![SanitizeMethod::Overwrite],
                _ => Vec::new(),
            },
            slot: None,
        }
    }

    /// Bytes per second that it writes and reads all along.
    #[must_use]
    pub fn speed(&self) -> u64 {
        match (self.bus, self.rotational) {
            (Bus::Nvme, _) => 1_000_000_000,
            (_, true) => 150_000_000,
            (_, false) => 400_000_000,
        }
    }

    /// A SATA disk that spins, of `size` bytes.
    #[must_use]
    pub fn hdd(serial: &str, size: u64) -> DiskSpec {
        DiskSpec::new(serial, size, Bus::Ata, "SIM HDD", true)
    }

    /// A SATA solid state disk of `size` bytes.
    #[must_use]
    pub fn ssd(serial: &str, size: u64) -> DiskSpec {
        DiskSpec::new(serial, size, Bus::Ata, "SIM SSD", false)
    }

    /// An NVMe disk of `size` bytes.
    #[must_use]
    pub fn nvme(serial: &str, size: u64) -> DiskSpec {
        DiskSpec::new(serial, size, Bus::Nvme, "SIM NVMe", false)
    }

    /// A SAS disk that spins, of `size` bytes.
    #[must_use]
    pub fn sas(serial: &str, size: u64) -> DiskSpec {
        DiskSpec::new(serial, size, Bus::Scsi, "SIM SAS", true)
    }

    /// The link under `/dev/disk/by-id` that udev would make first, if any.
    #[must_use]
    pub fn link(&self) -> Option<String> {
        self.links().into_iter().next()
    }

    /// All links under `/dev/disk/by-id` that udev would make.
    #[must_use]
    pub fn links(&self) -> Vec<String> {
        let mut links = Vec::new();
        let prefix = match self.bus {
            Bus::Nvme => "nvme",
            Bus::Ata => "ata",
            Bus::Usb => "usb",
            Bus::Virtio => "virtio",
            Bus::Mmc => "mmc",
            Bus::Scsi | Bus::Unknown => "scsi",
        };
        if let Some(wwn) = &self.wwn {
            links.push(if self.bus == Bus::Nvme {
                format!("nvme-{wwn}")
            } else {
                format!("wwn-{wwn}")
            });
        }
        if !self.serial.is_empty() {
            let model = self.model.replace(' ', "_");
            links.push(format!("{prefix}-{model}_{}", self.serial));
        }
        links
    }

    /// The facts a machine would read of it.
    #[must_use]
    pub fn facts(&self) -> Disk {
        Disk {
            model: Some(self.model.clone()),
            vendor: None,
            serial: (!self.serial.is_empty()).then(|| self.serial.clone()),
            wwn: self.wwn.clone(),
            firmware: Some(self.firmware.clone()),
            bus: self.bus,
            rotational: Some(self.rotational),
            removable: self.bus == Bus::Usb,
            logical_sector: 512,
            physical_sector: if self.bus == Bus::Nvme { 512 } else { 4096 },
        }
    }
}

/// A disk in, or once in, a simulated machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimDisk {
    /// What it is.
    pub spec: DiskSpec,
    /// What the kernel calls it; `None` while it is out.
    pub kernel_name: Option<String>,
    /// The link under `/dev/disk/by-id` that udev would make first, if any.
    pub id: Option<DiskId>,
    /// What was written to it, as far as anybody minds. Survives a power cut.
    pub surface: Surface,
    /// Whether it erases itself, or did. Goes on over a power cut.
    pub erasing: Option<Erasing>,
    /// Whether the light of its slot is on.
    pub light: bool,
    /// Somebody has it for themselves. Ends with a power cut.
    pub taken: bool,
}

/// What is on a device. Survives a power cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Marks of filesystems, partition tables and RAID members.
    pub signatures: Vec<Signature>,
    /// The RAID superblock, in the words of the layer that wrote it.
    pub superblock: Option<serde_json::Value>,
    /// The signatures were overwritten. Whoever has the device in use has them in memory, and does not
    /// notice before it is used anew.
    pub is_overwritten: bool,
}

impl Contents {
    /// Whoever had the device in use has let it go.
    pub fn let_go(&mut self) {
        if std::mem::take(&mut self.is_overwritten) {
            self.signatures.clear();
        }
    }
}
