//! What a machine will look like after a step, once nothing runs in the background any more.

use std::collections::BTreeSet;

use moxnas_core::{disk::DeviceId, units::Bytes};

use super::{NewArray, Scrub, SpeedWish, Step};
use crate::{
    geometry,
    growth::{Form, GrowWork, Grown, array_grown, new_slots},
    model::{Array, ArrayState, Inventory, Level, Member, MemberFlag, Role, SpeedLimit, SyncState},
    shape::Consistency,
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
        Step::ReAdd { array, device } => settle(&mut after, &array.uuid, |array| {
            if let Some(slot) = take_back(array, device) {
                array.members.push(member(device, Role::Active { slot }));
            }
            wake(array);
            fill(array);
        }),
        Step::Grow {
            array, grow, add, ..
        } => settle(&mut after, &array.uuid, |array| {
            if let Ok(to) = array_grown(array, grow) {
                become_grown(array, &to, add);
                array.size = to.now.size();
                fill(array);
            }
        }),
        Step::SetReadOnly { array, read_only } => settle(&mut after, &array.uuid, |array| {
            match read_only {
                true => array.state = ArrayState::ReadOnly,
                false => make_writable(array),
            }
            fill(array);
        }),
        Step::SetPaused { array, paused } => settle(&mut after, &array.uuid, |array| {
            set_paused(array, *paused);
            fill(array);
        }),
        Step::SetConsistency {
            array, consistency, ..
        } => change(&mut after, &array.uuid, |array| {
            array.consistency = consistency.word().to_owned();
        }),
        Step::SetSpeed { array, min, max } => change(&mut after, &array.uuid, |array| {
            if let Some(limits) = &mut array.speed_limits {
                limit(&mut limits.min, *min);
                limit(&mut limits.max, *max);
            }
        }),
        Step::SetSpareGroup { array, group } => {
            let groups = &mut after.conf.spare_groups;
            match group {
                Some(group) => groups.insert(array.uuid.clone(), group.to_string()),
                None => groups.remove(&array.uuid),
            };
        }
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
        | Step::UpdateInitramfs { .. }
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

/// Whether nothing may be written in the background now.
pub(super) fn holds_still(array: &Array) -> bool {
    matches!(array.state, ArrayState::ReadAuto | ArrayState::ReadOnly)
        || array.sync == SyncState::Frozen
}

fn is_complete(array: &Array) -> bool {
    let missing = array.missing_slots();
    array.state != ArrayState::Broken
        && geometry::can_lose(&array.level, array.layout, array.slots, &missing).is_some()
}

/// What waits goes on waiting, and of data that is not complete nothing is moved or made to agree;
/// everything else comes to its end.
fn finish(array: &mut Array) {
    if !is_complete(array) {
        array.sync = SyncState::Idle;
    } else if !holds_still(array) {
        array.sync = SyncState::Idle;
        array.resync_due = false;
        if array.reshape.take().is_some() {
            array.size = Form::of(array).size();
        }
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
    // Recovery writes.
    if holds_still(array) {
        return count_missing(array);
    }
    let is_complete = is_complete(array);
    for slot in array.missing_slots().into_iter().filter(|_| is_complete) {
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
    let missing = array.missing();
    array.degraded = array.degraded.map(|_| missing);
}

/// Let the array be written.
pub(super) fn make_writable(array: &mut Array) {
    if matches!(array.state, ArrayState::ReadAuto | ArrayState::ReadOnly) {
        array.state = ArrayState::Clean;
    }
}

/// Hold up what runs, or let it go on. md takes either for a sign that the array may be written.
pub(super) fn set_paused(array: &mut Array, paused: bool) {
    wake(array);
    array.sync = match paused {
        true => SyncState::Frozen,
        false => SyncState::Idle,
    };
}

/// The slot that a member comes back to, as far as anybody can tell; its entry as a faulty one goes.
pub(super) fn take_back(array: &mut Array, device: &DeviceId) -> Option<u32> {
    array.members.retain(|it| it.device != *device);
    array.missing_slots().into_iter().next()
}

/// The array with its new numbers. Its size changes when the work is done.
pub(super) fn become_grown(array: &mut Array, to: &Grown, add: &[DeviceId]) {
    let was = Form::of(array);
    let filled = array.members.iter().filter_map(Member::slot).collect();
    let moved = new_slots(&was, &to.now, &filled);
    for member in &mut array.members {
        if let Role::Active { slot } = &mut member.role {
            *slot = moved.get(slot).copied().unwrap_or(*slot);
        }
    }
    array
        .members
        .extend(add.iter().map(|it| member(it, Role::Spare)));
    let had_redundancy = geometry::is_redundant(&was.level);
    if !had_redundancy && geometry::is_redundant(&to.now.level) {
        array.degraded = Some(0);
        array.consistency = Consistency::Resync.word().to_owned();
    }
    let is_moved = matches!(to.work, GrowWork::Reshape(_)) && was.level == to.now.level;
    array.level = to.now.level.clone();
    array.slots = to.now.slots;
    array.layout = to.now.layout;
    array.chunk = to.now.chunk;
    array.component_size = to.now.component;
    if is_moved {
        // Where nothing is on them yet, new members are complete.
        for slot in array.missing_slots() {
            let waits = |it: &&mut Member| it.role == Role::Spare;
            if let Some(spare) = array.members.iter_mut().find(waits) {
                spare.role = Role::Active { slot };
            }
        }
    }
    count_missing(array);
}

fn limit(now: &mut SpeedLimit, wish: Option<SpeedWish>) {
    match wish {
        None => (),
        Some(SpeedWish::Own(per_second)) => {
            *now = SpeedLimit {
                per_second,
                is_own: true,
            }
        }
        Some(SpeedWish::OfAll) => now.is_own = false,
    }
}

pub(super) fn member(device: &DeviceId, role: Role) -> Member {
    Member {
        device: device.clone(),
        kernel_name: String::new(),
        role,
        flags: BTreeSet::new(),
        errors: 0,
        usable: None,
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
        resync_due: false,
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
        reshape: None,
        speed_limits: None,
    }
}
