//! Disks that come and go.

use std::{
    collections::BTreeMap,
    fs::File,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;

use super::{DISK_PATIENCE, FIRST_DISK_PORT, Machine};
use crate::lab::{
    Bus, Disk,
    disk::{Owned, Place},
    qemu::PCI_PORTS,
    wire::Request,
};

const POLL: Duration = Duration::from_millis(20);

impl Machine {
    /// The kernel's name of the disk with this serial: `sda`, `nvme0n1`.
    pub fn disk(&mut self, serial: &str) -> Result<String> {
        let mut disks = self.disks_by_serial()?;
        disks
            .remove(serial)
            .with_context(|| format!("the guest has no disk {serial}, but {disks:?}"))
    }

    /// The node of the disk with this serial: `/dev/sda`.
    pub fn node(&mut self, serial: &str) -> Result<String> {
        Ok(format!("/dev/{}", self.disk(serial)?))
    }

    /// Kernel names of the disks the guest sees, by serial; the root disk is among them.
    pub fn disks_by_serial(&mut self) -> Result<BTreeMap<String, String>> {
        self.ask(&Request::Disks)
    }

    /// Takes a disk out of the running machine.
    pub fn pull(&mut self, serial: &str) -> Result<()> {
        let index = self.find(serial)?;
        let Owned { place, disk, .. } = &self.disks[index];
        ensure!(*place != Place::Out, "{serial} is out already");
        ensure!(
            disk.bus != Bus::Sata,
            "{serial}: SATA disks cannot be pulled here"
        );
        let (device, node) = (self.disks[index].device_id(), self.disks[index].node_name());
        let qmp = &mut self.power()?.qmp;
        qmp.call("device_del", json!({"id": device}))?;
        qmp.wait_for("DEVICE_DELETED", &device)
            .with_context(|| format!("cannot pull {serial}"))?;
        qmp.call("blockdev-del", json!({"node-name": node}))?;
        self.disks[index].place = Place::Out;
        let began = Instant::now();
        while self.disks_by_serial()?.contains_key(serial) {
            ensure!(
                began.elapsed() < DISK_PATIENCE,
                "the guest still sees {serial}"
            );
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Puts a disk that was pulled back in.
    pub fn plug_back(&mut self, serial: &str) -> Result<()> {
        let index = self.find(serial)?;
        ensure!(
            self.disks[index].place == Place::Out,
            "{serial} is in the machine"
        );
        self.disks[index].place = Place::In(None);
        if self.power.is_none() {
            return Ok(());
        }
        self.insert(index)?;
        self.wait_for_disks()
    }

    /// Puts a new disk in. Returns its serial.
    pub fn plug(&mut self, disk: Disk) -> Result<String> {
        let owned = Owned::new(disk, self.disks.len(), &self.files.folder);
        create_file(&owned)?;
        let serial = owned.serial.clone();
        self.disks.push(owned);
        if self.power.is_some() {
            self.insert(self.disks.len() - 1)?;
            self.wait_for_disks()?;
        }
        Ok(serial)
    }

    /// Takes a disk out of the machine while it is off.
    pub fn without(&mut self, serial: &str) -> Result<()> {
        ensure!(
            self.power.is_none(),
            "the machine is on: pull {serial} instead"
        );
        let index = self.find(serial)?;
        self.disks[index].place = Place::Out;
        Ok(())
    }

    /// Sets the bits of an NVMe disk's critical warning: 1 spare low, 2 temperature, 4 reliability
    /// degraded, 8 read-only, 16 backup of volatile memory failed.
    pub fn nvme_warning(&mut self, serial: &str, bits: u8) -> Result<()> {
        let index = self.find(serial)?;
        let path = format!("/machine/peripheral/{}", self.disks[index].device_id());
        let set = json!({"path": path, "property": "smart_critical_warning", "value": bits});
        self.power()?.qmp.call("qom-set", set)?;
        Ok(())
    }

    /// From now on a disk takes and gives no more than this a second.
    pub fn slow_down(&mut self, serial: &str, bytes_per_second: u64) -> Result<()> {
        let index = self.find(serial)?;
        let throttle = json!({
            "id": self.disks[index].device_id(), "bps": bytes_per_second,
            "bps_rd": 0, "bps_wr": 0, "iops": 0, "iops_rd": 0, "iops_wr": 0,
        });
        self.power()?.qmp.call("block_set_io_throttle", throttle)?;
        Ok(())
    }

    /// Makes a disk bigger, as its owner's storage would.
    pub fn grow_disk(&mut self, serial: &str, size: u64) -> Result<()> {
        let index = self.find(serial)?;
        let resize = json!({"node-name": self.disks[index].node_name(), "size": size});
        self.power()?.qmp.call("block_resize", resize)?;
        Ok(())
    }

    /// Returns once the guest sees all disks that are in the machine, and udev knows them.
    pub(super) fn wait_for_disks(&mut self) -> Result<()> {
        let began = Instant::now();
        loop {
            let seen = self.disks_by_serial()?;
            let inside = self.disks.iter().filter(|it| it.place != Place::Out);
            let missing: Vec<&str> = inside
                .map(|it| it.serial.as_str())
                .filter(|&it| !seen.contains_key(it))
                .collect();
            if missing.is_empty() {
                break;
            }
            if began.elapsed() > DISK_PATIENCE {
                bail!("the guest does not see {missing:?}, only {seen:?}");
            }
            thread::sleep(POLL);
        }
        self.run(["udevadm", "settle", "--timeout=120"]).map(drop)
    }

    /// Plugs a disk of this machine into QEMU.
    pub(super) fn insert(&mut self, index: usize) -> Result<()> {
        let port = if self.disks[index].disk.bus.is_pci() {
            let taken = |port| {
                self.disks
                    .iter()
                    .any(|it| it.place == Place::In(Some(port)))
            };
            let free = (FIRST_DISK_PORT..PCI_PORTS).find(|&it| !taken(it));
            Some(free.context("the machine has no free PCI port")?)
        } else {
            None
        };
        let disk = &mut self.disks[index];
        disk.place = Place::In(port);
        let (blockdev, device, serial) = (disk.blockdev(), disk.device(port), disk.serial.clone());
        let qmp = &mut self.power()?.qmp;
        qmp.call("blockdev-add", blockdev)
            .and_then(|_| qmp.call("device_add", device))
            .with_context(|| format!("cannot plug {serial}"))
            .map(drop)
    }

    fn find(&self, serial: &str) -> Result<usize> {
        let found = self.disks.iter().position(|it| it.serial == serial);
        found.with_context(|| format!("the machine has no disk {serial}"))
    }
}

/// New disks are empty; one that has a file already keeps what is in it.
pub(super) fn create_file(disk: &Owned) -> Result<()> {
    if disk.file.exists() {
        return Ok(());
    }
    let file = File::create_new(&disk.file).and_then(|it| it.set_len(disk.disk.size));
    file.with_context(|| format!("cannot create {}", disk.file.display()))
}
