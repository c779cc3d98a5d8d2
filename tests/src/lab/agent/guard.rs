//! The locks that keep the lab off real machines and real disks.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result, bail, ensure};

/// Only the lab's image has it.
const MARKER: &str = "/etc/moxnas-lab";
/// What serials of disks that may be destroyed begin with.
const LAB_SERIAL: &str = "LAB";

/// First and second lock: this system was made by the lab, and it runs in QEMU.
pub(super) fn require_lab() -> Result<()> {
    ensure!(
        Path::new(MARKER).exists(),
        "this is no lab machine: {MARKER} is not there"
    );
    let vendor = fs::read_to_string("/sys/class/dmi/id/sys_vendor").unwrap_or_default();
    ensure!(
        vendor.trim() == "QEMU",
        "this is no lab machine: its vendor is {:?}",
        vendor.trim()
    );
    Ok(())
}

/// Third lock: is this block device one a test may destroy? A partition is as its disk; an array is
/// when all it stands on are.
pub fn lab_disk(kernel_name: &str) -> Result<()> {
    ensure!(
        !kernel_name.contains('/'),
        "{kernel_name} is no kernel name of a block device"
    );
    let folder = fs::canonicalize(Path::new("/sys/class/block").join(kernel_name))
        .with_context(|| format!("there is no block device {kernel_name}"))?;
    if folder.join("partition").exists() {
        let disk = folder
            .parent()
            .and_then(Path::file_name)
            .context("a partition without disk")?;
        return lab_disk(&disk.to_string_lossy());
    }
    let below: Vec<_> = fs::read_dir(folder.join("slaves"))
        .into_iter()
        .flatten()
        .flatten()
        .collect();
    if !below.is_empty() {
        return below
            .iter()
            .try_for_each(|it| lab_disk(&it.file_name().to_string_lossy()));
    }
    match serial(&folder) {
        Some(serial) if serial.starts_with(LAB_SERIAL) => Ok(()),
        Some(serial) => bail!("{kernel_name} has the serial {serial}: it is no disk of the lab"),
        None => bail!("{kernel_name} has no serial: it is no disk of the lab"),
    }
}

/// Kernel names of whole disks that have a serial.
pub(super) fn disks_by_serial() -> Result<BTreeMap<String, String>> {
    let mut disks = BTreeMap::new();
    for entry in fs::read_dir("/sys/block")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let folder = Path::new("/sys/block").join(&name);
        // A path of an NVMe disk that has several is hidden; the disk itself is not.
        let hidden = fs::read_to_string(folder.join("hidden")).is_ok_and(|it| it.trim() == "1");
        let node = Path::new("/dev").join(&name).exists();
        if let Some(serial) = serial(&folder).filter(|_| node && !hidden) {
            disks.insert(serial, name);
        }
    }
    Ok(disks)
}

/// NVMe and virtio have a file for it; SCSI and SATA disks page 0x80 of their vital product data,
/// after a head of four bytes.
fn serial(folder: &Path) -> Option<String> {
    let text = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let page = || {
        let bytes = fs::read(folder.join("device/vpd_pg80")).ok()?;
        Some(String::from_utf8_lossy(bytes.get(4..)?).into_owned())
    };
    let serial = text("serial")
        .or_else(|| text("device/serial"))
        .or_else(page)?;
    let serial = serial.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!serial.is_empty()).then(|| serial.to_owned())
}
