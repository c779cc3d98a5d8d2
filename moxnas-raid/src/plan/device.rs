//! Whether a device may become a member, and what is lost if it does.

use moxnas_core::{
    disk::{BlockDevice, BlockDevices, BlockKind, DeviceId},
    plan::{Danger, Plan},
};

use super::{Refusal, Step};
use crate::model::Inventory;

/// The device, if nothing is in the way of giving all of it to an array.
pub fn usable<'a>(seen: &'a Inventory, id: &DeviceId) -> Result<&'a BlockDevice, Refusal> {
    let mut named = seen.devices.same_id(id);
    let device = named
        .next()
        .ok_or_else(|| Refusal::NoSuchDevice(id.clone()))?;
    let others: Vec<String> = named.map(|it| it.name.clone()).collect();
    if !others.is_empty() {
        let names = std::iter::once(device.name.clone()).chain(others).collect();
        return Err(Refusal::NotUnique {
            device: id.clone(),
            names,
        });
    }
    if let Some(array) = array_with(seen, &device.name) {
        return Err(Refusal::MemberOf {
            device: id.clone(),
            array,
        });
    }
    let uses = seen.devices.uses(&device.name);
    if let Some(of) = uses.iter().find(|it| it.is_system()) {
        return Err(Refusal::SystemDisk {
            device: id.clone(),
            of: of.clone(),
        });
    }
    if let Some(of) = uses.into_iter().next() {
        return Err(Refusal::InUse {
            device: id.clone(),
            of,
        });
    }
    if !id.is_stable() {
        return Err(Refusal::Unidentified(id.clone()));
    }
    if device.read_only {
        return Err(Refusal::ReadOnly(id.clone()));
    }
    Ok(device)
}

/// The array that lists the device itself as a member.
fn array_with(seen: &Inventory, name: &str) -> Option<String> {
    let lists = |it: &&crate::model::Array| {
        it.members
            .iter()
            .any(|it| it.kernel_name == name && !matches!(it.device, DeviceId::Gone(_)))
    };
    seen.arrays.iter().find(lists).map(|it| it.name.clone())
}

/// Add to a plan what giving the device away means: the wiping, the danger, the evidence.
pub(super) fn give_up(devices: &BlockDevices, device: &BlockDevice, plan: &mut Plan<Step>) {
    // What stood on partitions would come back with a new partition table in the same place.
    let parts = devices
        .holders(&device.name)
        .filter(|it| matches!(it.kind, BlockKind::Partition { .. }) && !it.signatures.is_empty());
    let mut content = vec![device.content()];
    for part in parts {
        content.push(format!("{}: {}", part.name, part.content()));
        if part.id.is_stable() {
            plan.steps.push(Step::WipeSignatures {
                device: part.id.clone(),
            });
        }
    }
    if !device.signatures.is_empty() {
        plan.steps.push(Step::WipeSignatures {
            device: device.id.clone(),
        });
    }
    plan.evidence.push(devices.evidence(device));
    plan.dangers.push(Danger::DestroysData {
        device: device.id.to_string(),
        content: content.join("; "),
    });
}
