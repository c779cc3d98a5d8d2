//! Whether a device may be used, and what giving it away means.

use moxnas_core::{
    disk::{BlockDevice, BlockDevices, BlockKind, DeviceId},
    plan::{Danger, Plan},
};

use super::{Refusal, Step};
use crate::{model::Filesystem, unit::is_uuid};

/// The device, if nothing is in the way of making a filesystem on all of it.
pub(crate) fn usable<'a>(
    devices: &'a BlockDevices,
    id: &DeviceId,
) -> Result<&'a BlockDevice, Refusal> {
    usable_but_read_only(devices, id, false)
}

/// The same; one that is only to be read may be read-only.
pub(crate) fn usable_but_read_only<'a>(
    devices: &'a BlockDevices,
    id: &DeviceId,
    may_be_read_only: bool,
) -> Result<&'a BlockDevice, Refusal> {
    let mut named = devices.same_id(id);
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
    let uses = devices.uses(&device.name);
    let of = uses.iter().find(|it| it.is_system()).or(uses.first());
    if let Some(of) = of {
        let (device, of) = (id.clone(), of.clone());
        return Err(match of.is_system() {
            true => Refusal::SystemDisk { device, of },
            false => Refusal::InUse { device, of },
        });
    }
    if !id.is_stable() {
        return Err(Refusal::Unidentified(id.clone()));
    }
    if device.read_only && !may_be_read_only {
        return Err(Refusal::ReadOnly(id.clone()));
    }
    Ok(device)
}

/// The one filesystem on a device.
pub(super) fn filesystem_on(device: &BlockDevice) -> Result<(Filesystem, String), Refusal> {
    let none = |found: String| Refusal::NoFilesystem {
        device: device.id.clone(),
        found,
    };
    let [signature] = &device.signatures[..] else {
        return Err(none(device.content()));
    };
    let filesystem = signature.kind.parse();
    let uuid = signature.uuid.clone().filter(|it| is_uuid(it));
    match (filesystem, uuid) {
        (Ok(filesystem), Some(uuid)) => Ok((filesystem, uuid)),
        _ => Err(none(device.content())),
    }
}

/// Add to a plan what giving a device away means: the wiping, the danger, the evidence.
pub(crate) fn give_up(devices: &BlockDevices, device: &BlockDevice, plan: &mut Plan<Step>) {
    let parts = devices
        .holders(&device.name)
        .filter(|it| matches!(it.kind, BlockKind::Partition { .. }) && !it.signatures.is_empty());
    let mut content = vec![device.content()];
    for part in parts {
        content.push(format!("{}: {}", part.name, part.content()));
        plan.steps.push(Step::WipeSignatures {
            device: part.id.clone(),
        });
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
