//! What a machine will look like after a step, once nothing runs in the background any more.

use std::collections::BTreeSet;

use moxnas_core::{disk::DeviceId, units::Bytes};

use super::{NewArray, Scrub, Step};
use crate::{
    geometry,
    model::{Array, ArrayState, Inventory, Level, Member, MemberFlag, Role, SyncState},
};

/// The facts after the step. Only what this crate answers for changes: arrays, their members,
/// mdadm.conf. Tests compare it with what a backend shows.
#[must_use]
pub fn predict(seen: &Inventory, step: &Step) -> Inventory {
    let mut after = seen.clone();
    match step {
        Step::Create(new) => after.arrays.push(new_array(seen, new)),
        Step::Add { array, device } => settle(&mut after, &array.uuid, |array| {
            array.members.push(member(device, Role::Spare));
            wake(array);
            fill(array);
        }),
        Step::Fail { array, device } => settle(&mut after, &array.uuid, |array| {
            *array = super::members::without(array, device);
            fill(array);
        }),
        Step::Remove { array, device } => settle(&mut after, &array.uuid, |array| {
            array.members.retain(|it| it.device != *device);
            fill(array);
        }),
        Step::Replace {
            array,
            device,
            with,
        } => settle(&mut after, &array.uuid, |array| {
            let slot = array.member(device).and_then(Member::slot);
            wake(array);
            for member in &mut array.members {
                match slot {
                    Some(slot) if member.device == *with => member.role = Role::Active { slot },
                    _ if member.device == *device => member.role = Role::Faulty,
                    _ => (),
                }
            }
        }),
        Step::Scrub {
            array,
            scrub: Scrub::Check | Scrub::Repair,
        } => settle(&mut after, &array.uuid, |array| {
            wake(array);
            fill(array);
        }),
        Step::Stop { array } => {
            after
                .arrays
                .retain(|it| it.uuid.as_deref() != Some(array.uuid.as_str()));
        }
        Step::Start { array } => settle(&mut after, &array.uuid, |array| {
            array.state = ArrayState::ReadAuto;
            fill(array);
        }),
        Step::Forget { uuid } => {
            after.conf.ours.remove(uuid);
        }
        Step::Record { .. }
        | Step::Assemble { .. }
        | Step::WipeSignatures { .. }
        | Step::ZeroSuperblock { .. }
        | Step::Scrub { .. } => (),
    }
    after
}

/// An array once nothing runs in the background any more: spares have taken empty slots.
pub(crate) fn refilled(mut array: Array) -> Array {
    fill(&mut array);
    finish(&mut array);
    array
}

pub(super) fn change(seen: &mut Inventory, uuid: &str, how: impl FnOnce(&mut Array)) {
    let mut arrays = seen.arrays.iter_mut();
    if let Some(array) = arrays.find(|it| it.uuid.as_deref() == Some(uuid)) {
        how(array);
    }
}

/// As [`change`], and let what runs come to its end.
fn settle(seen: &mut Inventory, uuid: &str, how: impl FnOnce(&mut Array)) {
    change(seen, uuid, |array| {
        how(array);
        finish(array);
    });
}

/// What waits for the first write goes on waiting, everything else comes to its end.
fn finish(array: &mut Array) {
    if array.state != ArrayState::ReadAuto {
        array.sync = SyncState::Idle;
        finish_replacements(array);
    }
}

/// What is being filled beside a member that works takes its place in the end.
fn finish_replacements(array: &mut Array) {
    let filled: Vec<u32> = array
        .members
        .iter()
        .filter_map(|it| match it.role {
            Role::Replacement { slot } => Some(slot),
            _ => None,
        })
        .collect();
    for member in &mut array.members {
        member.role = match member.role {
            Role::Active { slot } if filled.contains(&slot) => Role::Faulty,
            Role::Replacement { slot } => Role::Active { slot },
            other => other,
        };
    }
}

/// md itself writes to an array that is changed.
pub(super) fn wake(array: &mut Array) {
    if array.state == ArrayState::ReadAuto {
        array.state = ArrayState::Clean;
    }
}

/// Let spares take empty slots, as they will when recovery is done. Of data that is not complete
/// nothing is recovered.
fn fill(array: &mut Array) {
    promote(array);
    // Recovery writes, and does not begin before somebody else has written.
    if array.state == ArrayState::ReadAuto {
        return count_missing(array);
    }
    let missing = array.missing_slots();
    let is_complete = array.state != ArrayState::Broken
        && geometry::can_lose(&array.level, array.layout, array.slots, &missing).is_some();
    for slot in missing.into_iter().filter(|_| is_complete) {
        let waiting = |it: &&mut Member| {
            matches!(it.role, Role::Spare) || it.role == Role::Recovering { slot }
        };
        if let Some(spare) = array.members.iter_mut().find(waiting) {
            spare.role = Role::Active { slot };
        }
    }
    count_missing(array);
}

/// A replacement of what has failed goes on as the only one in its slot.
pub(super) fn promote(array: &mut Array) {
    let missing = array.missing_slots();
    for member in &mut array.members {
        if let Role::Replacement { slot } = member.role
            && missing.contains(&slot)
        {
            member.role = Role::Recovering { slot };
        }
    }
}

pub(super) fn count_missing(array: &mut Array) {
    let missing = u32::try_from(array.missing_slots().len()).unwrap_or(u32::MAX);
    array.degraded = array.degraded.map(|_| missing);
}

pub(super) fn member(device: &DeviceId, role: Role) -> Member {
    Member {
        device: device.clone(),
        kernel_name: String::new(),
        role,
        flags: BTreeSet::new(),
        errors: 0,
    }
}

fn new_array(seen: &Inventory, new: &NewArray) -> Array {
    let NewArray {
        name,
        shape,
        members,
        spares,
        journal,
        ..
    } = new;
    let (level, chunk, layout) = (&shape.level, shape.chunk, shape.layout_number());
    let slots = u32::try_from(members.len()).unwrap_or(u32::MAX);
    let first = new.first_write_mostly();
    let active = (0..).zip(members).map(|(slot, it)| {
        let mut member = member(it, Role::Active { slot });
        if slot as usize >= first {
            member.flags.insert(MemberFlag::WriteMostly);
        }
        member
    });
    let kept = journal.iter().map(|it| member(it, Role::Journal));
    let waiting = spares.iter().map(|it| member(it, Role::Spare));
    let size_of = |id: &DeviceId| seen.devices.by_id(id).map_or(Bytes(0), |it| it.size);
    let usable = |id: &DeviceId| geometry::component_size(size_of(id), shape);
    let all = members.iter().chain(spares);
    let component = all.map(usable).min().unwrap_or_default();
    let component = geometry::used_component(level, layout, chunk, slots, component);
    let size = match level {
        // Stripes go on over the larger members when the smaller ones are full.
        Level::Raid0 => members.iter().map(usable).sum(),
        _ => geometry::array_size(level, layout, chunk, slots, component).unwrap_or_default(),
    };
    Array {
        uuid: None,
        name: name.to_string(),
        kernel_name: String::new(),
        level: level.clone(),
        metadata: shape.metadata.word().to_owned(),
        state: ArrayState::Clean,
        sync: SyncState::Idle,
        slots,
        degraded: geometry::is_redundant(level).then_some(0),
        size,
        component_size: component,
        chunk,
        layout,
        members: active.chain(waiting).chain(kept).collect(),
        consistency: String::new(),
        mismatch: None,
        scrub_stopped_at: None,
    }
}
