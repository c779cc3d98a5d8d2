//! The product's own eyes and hands in the guest.

use anyhow::{Context as _, Result};
use moxnas_raid::{Inventory, Mdadm, RaidBackend as _, Step};

use super::guard::lab_disk;

pub(super) fn observe() -> Result<Inventory> {
    Ok(Mdadm::system().observe()?)
}

/// Third lock: every device that the step touches is one of the lab.
pub(super) fn apply(step: &Step) -> Result<()> {
    let raid = Mdadm::system();
    let seen = raid.observe()?;
    for id in step.touches() {
        // One that has left cannot be destroyed any more.
        if let Some(device) = seen.devices.by_id(id) {
            lab_disk(&device.name)?;
        }
    }
    if let Some(array) = step.array() {
        lab_disk(&array.kernel_name)?;
    }
    raid.apply(step).with_context(|| step.to_string())
}
