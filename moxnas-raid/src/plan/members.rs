//! Members come and go: add, fail, remove, replace.

use moxnas_core::{
    disk::{BlockDevice, DeviceId},
    plan::Plan,
    units::Bytes,
};

use super::{
    ArrayRef, MEMBER, Refusal, Step, array_evidence, colon_form,
    device::{give_up, usable},
    lowered_redundancy,
    settings::check_writable,
};
use crate::{
    geometry,
    health::{Health, health},
    model::{Array, Inventory, Member, Role, SyncAction, SyncState},
    shape::Consistency,
};

pub(super) fn plan_add(
    seen: &Inventory,
    array: &Array,
    id: &DeviceId,
    as_spare: bool,
) -> Result<Plan<Step>, Refusal> {
    check_takes_devices(array)?;
    if as_spare && let Some(slot) = unfilled(array) {
        return Err(Refusal::WouldFill {
            device: id.clone(),
            array: array.name.clone(),
            slot,
        });
    }
    let device = usable(seen, id)?;
    check_fits(seen, array, device)?;
    let mut plan = Plan {
        evidence: vec![array_evidence(array)],
        ..Plan::default()
    };
    give_up(&seen.devices, device, &mut plan);
    plan.steps.push(Step::Add {
        array: ArrayRef::of(array),
        device: id.clone(),
    });
    Ok(plan)
}

/// A slot that is empty and that no spare will fill.
fn unfilled(array: &Array) -> Option<u32> {
    let filling = |slot: u32| {
        let fills = Role::Recovering { slot };
        array.members.iter().any(|it| it.role == fills)
    };
    let empty = array.missing_slots();
    let mut empty = empty.into_iter().filter(|slot| !filling(*slot));
    empty.nth(array.spares().count())
}

/// A member that was away comes back with what it had, if a bitmap says what changed meanwhile.
pub(super) fn plan_readd(
    seen: &Inventory,
    array: &Array,
    id: &DeviceId,
) -> Result<Plan<Step>, Refusal> {
    check_takes_devices(array)?;
    let refuse = |why| {
        Err(Refusal::NotTakenBack {
            device: id.clone(),
            array: array.name.clone(),
            why,
        })
    };
    let device = match array.member(id) {
        Some(Member {
            role: Role::Faulty,
            device: DeviceId::Gone(_),
            ..
        }) => return refuse("it is not there"),
        Some(it) if it.role == Role::Faulty => seen.devices.by_id(id),
        Some(_) => {
            return Err(Refusal::MemberActive {
                array: array.name.clone(),
                device: id.clone(),
            });
        }
        None => Some(usable(seen, id)?),
    };
    let Some(device) = device else {
        return Err(Refusal::NoSuchDevice(id.clone()));
    };
    let is_of_it = device.signatures.iter().any(|it| {
        let uuid = it.uuid.as_deref().map(colon_form);
        it.kind == MEMBER && uuid == array.uuid
    });
    if !is_of_it {
        return refuse("it carries no superblock of this array");
    }
    if array.missing_slots().is_empty() {
        return refuse("no member is missing");
    }
    if health(array).0.can_lose().is_none() {
        return refuse("the array has failed: stop it, and assemble it with all its members");
    }
    if array.consistency != Consistency::Bitmap.word() {
        return refuse("without a bitmap nobody knows what changed while it was away");
    }
    let mut plan = Plan {
        evidence: vec![array_evidence(array), seen.devices.evidence(device)],
        ..Plan::default()
    };
    if array.member(id).is_some() {
        plan.warnings.push(format!(
            "md threw {id} out: if it was not by hand, look at what the disk says of itself first"
        ));
    }
    plan.steps.push(Step::ReAdd {
        array: ArrayRef::of(array),
        device: id.clone(),
    });
    Ok(plan)
}

pub(super) fn plan_fail(array: &Array, id: &DeviceId) -> Result<Plan<Step>, Refusal> {
    check_takes_devices(array)?;
    let member = member(array, id)?;
    if member.role == Role::Faulty {
        return Err(Refusal::AlreadyFaulty {
            array: array.name.clone(),
            device: id.clone(),
        });
    }
    let after = without(array, id);
    let complete = |array: &Array| health(array).0.can_lose().is_some();
    if !complete(&after) {
        return Err(Refusal::WouldLoseData {
            array: array.name.clone(),
            device: id.clone(),
        });
    }
    let mut plan = Plan {
        evidence: vec![array_evidence(array)],
        ..Plan::default()
    };
    plan.dangers.push(lowered_redundancy(array, &after));
    plan.steps.push(Step::Fail {
        array: ArrayRef::of(array),
        device: id.clone(),
    });
    Ok(plan)
}

pub(super) fn plan_remove(array: &Array, id: &DeviceId) -> Result<Plan<Step>, Refusal> {
    // Before it is started, all its members look like spares.
    if !array.state.is_started() {
        return Err(Refusal::NotStarted(array.name.clone()));
    }
    check_writable(array)?;
    let member = member(array, id)?;
    let mut plan = Plan {
        evidence: vec![array_evidence(array)],
        ..Plan::default()
    };
    match member.role {
        Role::Faulty => (),
        Role::Spare if array.spares().count() == 1 => {
            plan.warnings
                .push(format!("{} has no spare afterwards", array.name));
        }
        Role::Spare => (),
        Role::Active { .. }
        | Role::Recovering { .. }
        | Role::Replacement { .. }
        | Role::Journal => {
            return Err(Refusal::MemberActive {
                array: array.name.clone(),
                device: id.clone(),
            });
        }
    }
    plan.steps.push(Step::Remove {
        array: ArrayRef::of(array),
        device: id.clone(),
    });
    Ok(plan)
}

pub(super) fn plan_replace(
    seen: &Inventory,
    array: &Array,
    id: &DeviceId,
    with: Option<&DeviceId>,
) -> Result<Plan<Step>, Refusal> {
    check_takes_devices(array)?;
    let member = member(array, id)?;
    let name = array.name.clone();
    let target = ArrayRef::of(array);
    let mut plan = Plan {
        evidence: vec![array_evidence(array)],
        ..Plan::default()
    };

    let spare = match with {
        None => Some(
            array
                .spares()
                .next()
                .ok_or(Refusal::NoSpare(name.clone()))?,
        ),
        Some(with) => array.spares().find(|it| it.device == *with),
    };
    let with = spare.map_or(with, |it| Some(&it.device)).cloned();
    let with = with.ok_or(Refusal::NoSpare(name.clone()))?;
    if spare.is_none() {
        let device = usable(seen, &with)?;
        check_fits(seen, array, device)?;
        give_up(&seen.devices, device, &mut plan);
    }
    let add = |plan: &mut Plan<Step>| {
        if spare.is_none() {
            plan.steps.push(Step::Add {
                array: target.clone(),
                device: with.clone(),
            });
        }
    };

    match member.role {
        Role::Active { .. } if member.works() => {
            if array.missing() > 0 {
                // The kernel would give the new device to the empty slot instead.
                return Err(Refusal::degraded(array));
            }
            // What is not known to agree would be copied, and be called safe before it is.
            if array.sync == SyncState::Frozen {
                return Err(Refusal::Paused(name));
            }
            // One that waits for the first write is being replaced already.
            let slot = member.slot();
            let replaces = |it: Role| matches!(it, Role::Replacement { .. }) && it.slot() == slot;
            if array.members.iter().any(|it| replaces(it.role)) {
                return Err(Refusal::busy(array, SyncAction::Recover));
            }
            if let Some(action @ SyncAction::Resync) = array.sync.action() {
                return Err(Refusal::busy(array, action));
            }
            add(&mut plan);
            plan.steps.push(Step::Replace {
                array: target,
                device: id.clone(),
                with,
            });
        }
        // The last member of a mirror md keeps, although it is gone.
        Role::Active { .. } if health(array).0.can_lose().is_none() => {
            return Err(Refusal::degraded(array));
        }
        Role::Active { .. } | Role::Faulty => {
            plan.steps.push(Step::Remove {
                array: target.clone(),
                device: id.clone(),
            });
            add(&mut plan);
            if matches!(health(array).0, Health::Failed { .. }) {
                plan.warnings.push(format!(
                    "{name} has failed: a new member brings nothing back"
                ));
            }
        }
        Role::Recovering { .. } | Role::Replacement { .. } => {
            return Err(Refusal::busy(array, SyncAction::Recover));
        }
        Role::Spare | Role::Journal => {
            return Err(Refusal::MemberActive {
                array: name,
                device: id.clone(),
            });
        }
    }
    Ok(plan)
}

fn member<'a>(array: &'a Array, id: &DeviceId) -> Result<&'a Member, Refusal> {
    let unknown = || Refusal::NoSuchMember {
        array: array.name.clone(),
        device: id.clone(),
    };
    array.member(id).ok_or_else(unknown)
}

/// Whether members may come and go at all.
fn check_takes_devices(array: &Array) -> Result<(), Refusal> {
    check_writable(array)?;
    if !geometry::is_redundant(&array.level) {
        let level = array.level.clone();
        return Err(Refusal::NotRedundant {
            array: array.name.clone(),
            level,
        });
    }
    match array.sync.action() {
        Some(action @ SyncAction::Reshape) => Err(Refusal::busy(array, action)),
        _ => Ok(()),
    }
}

pub(super) fn check_fits(
    seen: &Inventory,
    array: &Array,
    device: &BlockDevice,
) -> Result<(), Refusal> {
    // An array cannot be made of itself, nor of what stands on it.
    let tower = seen.devices.tower(&array.kernel_name);
    if tower.iter().any(|it| it.name == device.name) {
        return Err(Refusal::StandsOnArray {
            device: device.id.clone(),
            array: array.name.clone(),
        });
    }
    let need = needed_size(array);
    if device.size < need {
        return Err(Refusal::TooSmall {
            device: device.id.clone(),
            has: device.size,
            need,
        });
    }
    Ok(())
}

/// How large a device has to be to become a member: 4 KiB for the superblock; where the data
/// begins, mdadm adapts to the array.
pub(crate) fn needed_size(array: &Array) -> Bytes {
    Bytes(array.component_size.0 + 4096)
}

/// The array with one member thrown out and nothing put in its place yet.
pub(crate) fn without(array: &Array, id: &DeviceId) -> Array {
    let mut after = array.clone();
    for member in after.members.iter_mut().filter(|it| it.device == *id) {
        member.role = Role::Faulty;
    }
    // What the kernel counts and its list does not explain stays missing.
    let more = after.missing_slots().len() - array.missing_slots().len();
    let more = u32::try_from(more).unwrap_or(u32::MAX);
    after.degraded = after.degraded.map(|it| it.saturating_add(more));
    if let SyncState::Running {
        action: SyncAction::Check | SyncAction::Repair,
        ..
    } = after.sync
    {
        after.sync = SyncState::Idle;
    }
    after
}
