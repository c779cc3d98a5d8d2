//! A disk of a lab machine, and how QEMU is told of it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// How a disk is attached. All but SATA can be plugged while the machine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    Nvme,
    Scsi,
    Virtio,
    Usb,
    Sata,
}

impl Bus {
    /// Part of the serials that are made up for disks of this bus.
    fn label(self) -> &'static str {
        match self {
            Self::Nvme => "NVME",
            Self::Scsi => "SCSI",
            Self::Virtio => "VIRTIO",
            Self::Usb => "USB",
            Self::Sata => "SATA",
        }
    }

    /// Whether a disk needs a slot of its own on the PCI bus.
    pub(super) fn is_pci(self) -> bool {
        matches!(self, Self::Nvme | Self::Virtio)
    }
}

/// A disk to be plugged in: empty unless its file is given.
#[derive(Clone, Debug)]
pub struct Disk {
    pub bus: Bus,
    pub size: u64,
    /// `LAB`, the bus and the disk's number where none is given.
    pub serial: Option<String>,
    /// Turns a minute; SCSI and SATA only, and none for a solid-state disk.
    pub rpm: Option<u16>,
    /// First sector and number of sectors, of 512 bytes, that cannot be read.
    pub bad_sectors: Option<(u64, u64)>,
    /// A raw image to use, instead of a new one that goes with the machine.
    pub file: Option<PathBuf>,
}

impl Disk {
    #[must_use]
    pub fn new(bus: Bus, size: u64) -> Self {
        Self {
            bus,
            size,
            serial: None,
            rpm: None,
            bad_sectors: None,
            file: None,
        }
    }

    #[must_use]
    pub fn nvme(size: u64) -> Self {
        Self::new(Bus::Nvme, size)
    }

    #[must_use]
    pub fn scsi(size: u64) -> Self {
        Self::new(Bus::Scsi, size)
    }

    #[must_use]
    pub fn virtio(size: u64) -> Self {
        Self::new(Bus::Virtio, size)
    }

    #[must_use]
    pub fn usb(size: u64) -> Self {
        Self::new(Bus::Usb, size)
    }

    #[must_use]
    pub fn sata(size: u64) -> Self {
        Self::new(Bus::Sata, size)
    }

    #[must_use]
    pub fn serial(mut self, serial: &str) -> Self {
        self.serial = Some(serial.to_owned());
        self
    }

    #[must_use]
    pub fn rpm(mut self, rpm: u16) -> Self {
        self.rpm = Some(rpm);
        self
    }

    #[must_use]
    pub fn bad_sectors(mut self, first: u64, count: u64) -> Self {
        self.bad_sectors = Some((first, count));
        self
    }

    #[must_use]
    pub fn file(mut self, file: &Path) -> Self {
        self.file = Some(file.to_owned());
        self
    }
}

/// A disk that belongs to a machine, in a slot or out of it.
#[derive(Debug)]
pub(super) struct Owned {
    pub(super) disk: Disk,
    /// Its place in the order in which disks were given to the machine.
    pub(super) number: usize,
    pub(super) serial: String,
    pub(super) file: PathBuf,
    pub(super) place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the machine; with the PCI port it sits in, if it needs one and the machine is on.
    In(Option<usize>),
    Out,
}

impl Owned {
    pub(super) fn new(disk: Disk, number: usize, folder: &Path) -> Self {
        let made_up = || format!("LAB{}{number:02}", disk.bus.label());
        let serial = disk.serial.clone().unwrap_or_else(made_up);
        let file = disk
            .file
            .clone()
            .unwrap_or_else(|| folder.join(format!("disk{number:02}.img")));
        Self {
            disk,
            number,
            serial,
            file,
            place: Place::In(None),
        }
    }

    /// Its name among QEMU's devices.
    pub(super) fn device_id(&self) -> String {
        format!("disk{}", self.number)
    }

    /// Its name among QEMU's block nodes.
    pub(super) fn node_name(&self) -> String {
        format!("node{}", self.number)
    }

    pub(super) fn blockdev(&self) -> Value {
        let mut file = json!({"driver": "file", "filename": self.file, "aio": "threads"});
        if let Some((first, count)) = self.disk.bad_sectors {
            let error = |sector| json!({"event": "none", "iotype": "read", "errno": 5, "sector": sector, "once": false});
            let errors: Vec<Value> = (first..first + count).map(error).collect();
            file = json!({"driver": "blkdebug", "image": file, "inject-error": errors});
        }
        json!({"node-name": self.node_name(), "driver": "raw", "discard": "unmap", "file": file})
    }

    /// `port` is a PCI port for those that need one, and the SATA port for those.
    pub(super) fn device(&self, port: Option<usize>) -> Value {
        let number = self.number;
        let wwn = 0x5000_c500_0000_0000_u64 + number as u64;
        let mut device = match self.disk.bus {
            Bus::Nvme => json!({"driver": "nvme"}),
            Bus::Virtio => json!({"driver": "virtio-blk-pci"}),
            Bus::Scsi => json!({
                "driver": "scsi-hd", "bus": "scsi0.0", "scsi-id": number, "wwn": wwn,
                "vendor": "LABCORP", "product": "LAB SAS DISK",
            }),
            Bus::Usb => json!({"driver": "usb-storage", "bus": "xhci.0"}),
            Bus::Sata => json!({"driver": "ide-hd", "model": "LAB SATA DISK", "wwn": wwn}),
        };
        device["id"] = self.device_id().into();
        device["drive"] = self.node_name().into();
        device["serial"] = self.serial.clone().into();
        if let Some(port) = port {
            let bus = if self.disk.bus == Bus::Sata {
                "ide."
            } else {
                "port"
            };
            device["bus"] = format!("{bus}{port}").into();
        }
        if let (Some(rpm), Bus::Scsi | Bus::Sata) = (self.disk.rpm, self.disk.bus) {
            device["rotation_rate"] = rpm.into();
        }
        device
    }
}
