//! What a machine looks like right after a step, while what the step began still runs.

use moxnas_core::{disk::DeviceId, units::Bytes};

use super::{
    Scrub, Step,
    members::without,
    predict::{
        become_grown, change, count_missing, holds_still, make_writable, member, predict, promote,
        set_paused, take_back, wake,
    },
};
use crate::{
    geometry,
    growth::{GrowWork, Grown, array_grown},
    model::{Array, ArrayState, Inventory, Role, SyncAction, SyncState},
};

/// The facts right after the step, in the same scope as those of [`predict`]: the worst that is
/// seen before what it began comes to its end.
#[must_use]
pub fn at_once(seen: &Inventory, step: &Step) -> Inventory {
    let mut after = seen.clone();
    match step {
        Step::Create(new) => {
            after = predict(seen, step);
            if let Some(made) = after.arrays.last_mut().filter(|_| !new.assume_clean) {
                begin_first(made);
            }
        }
        Step::Add { array, device } => change(&mut after, &array.uuid, |array| {
            array.members.push(member(device, Role::Spare));
            wake_up(array);
            begin(array);
        }),
        Step::ReAdd { array, device } => change(&mut after, &array.uuid, |array| {
            if let Some(slot) = take_back(array, device) {
                array
                    .members
                    .push(member(device, Role::Recovering { slot }));
            }
            wake_up(array);
            begin(array);
        }),
        Step::Grow {
            array, grow, add, ..
        } => change(&mut after, &array.uuid, |array| {
            if let Ok(to) = array_grown(array, grow) {
                begin_to_grow(array, &to, add);
            }
        }),
        Step::SetReadOnly {
            array,
            read_only: false,
        } => change(&mut after, &array.uuid, |array| {
            make_writable(array);
            begin_what_waits(array);
            begin(array);
        }),
        Step::SetPaused { array, paused } => change(&mut after, &array.uuid, |array| {
            set_paused(array, *paused);
            if !paused && array.reshape.is_some() {
                array.sync = running(SyncAction::Reshape, array);
            }
            begin(array);
        }),
        Step::Fail { array, device } => change(&mut after, &array.uuid, |array| {
            *array = without(array, device);
            promote(array);
            if array.sync.action() == Some(SyncAction::Resync) && !holds_still(array) {
                array.sync = SyncState::Idle;
            }
            begin(array);
        }),
        Step::Remove { array, device } => change(&mut after, &array.uuid, |array| {
            array.members.retain(|it| it.device != *device);
            count_missing(array);
        }),
        Step::Replace {
            array,
            device,
            with,
        } => change(&mut after, &array.uuid, |array| {
            let slot = array.member(device).and_then(crate::model::Member::slot);
            wake_up(array);
            for member in array.members.iter_mut().filter(|it| it.device == *with) {
                member.role = slot.map_or(member.role, |slot| Role::Replacement { slot });
            }
            begin(array);
        }),
        Step::Scrub { array, scrub } => change(&mut after, &array.uuid, |array| {
            let action = match scrub {
                Scrub::Check => SyncAction::Check,
                Scrub::Repair => SyncAction::Repair,
                Scrub::Idle => {
                    array.sync = SyncState::Idle;
                    return;
                }
            };
            // What has to be filled goes first (`md_check_recovery` in md.c).
            wake_up(array);
            begin(array);
            if array.sync.action().is_none() {
                array.sync = running(action, array);
            }
        }),
        Step::WipeSignatures { .. }
        | Step::SetReadOnly { .. }
        | Step::SetConsistency { .. }
        | Step::SetSpeed { .. }
        | Step::SetSpareGroup { .. }
        | Step::Stop { .. }
        | Step::Start { .. }
        | Step::Assemble { .. }
        | Step::ZeroSuperblock { .. }
        | Step::Record { .. }
        | Step::Forget { .. }
        | Step::UpdateInitramfs { .. } => return predict(seen, step),
    }
    after
}

/// md itself writes to an array that is changed: what waited for that begins.
fn wake_up(array: &mut Array) {
    wake(array);
    begin_what_waits(array);
}

/// What waits begins, in the order of [`begin`].
fn begin_what_waits(array: &mut Array) {
    if let SyncState::Pending { action } = array.sync {
        array.sync = match action {
            SyncAction::Reshape => running(action, array),
            _ => SyncState::Idle,
        };
    }
}

/// The work begins that a new form takes.
fn begin_to_grow(array: &mut Array, to: &Grown, add: &[DeviceId]) {
    let (size, old_level) = (array.size, array.level.clone());
    become_grown(array, to, add);
    match to.work {
        GrowWork::Fill => begin(array),
        GrowWork::Resync { .. } => {
            array.size = to.now.size();
            array.resync_due = true;
            array.sync = running(SyncAction::Resync, array);
        }
        GrowWork::Reshape(old) => {
            array.size = size;
            array.reshape = Some(old);
            if old_level != array.level {
                // Another level begins without its new member.
                begin(array);
            }
            array.sync = running(SyncAction::Reshape, array);
        }
    }
}

/// As `mdadm --create` does it: RAID 4 and 5 begin degraded and fill a member, the other levels with
/// redundancy make all their members agree.
fn begin_first(array: &mut Array) {
    if !geometry::is_redundant(&array.level) {
        return;
    }
    let keeps_journal = array.members.iter().any(|it| it.role == Role::Journal);
    let Some(slot) = geometry::filled_first(&array.level, array.slots, keeps_journal) else {
        array.sync = running(SyncAction::Resync, array);
        array.resync_due = true;
        return;
    };
    for member in &mut array.members {
        if member.role == (Role::Active { slot }) {
            member.role = Role::Recovering { slot };
        }
    }
    count_missing(array);
    array.sync = running(SyncAction::Recover, array);
}

/// Let spares begin to take empty slots. Where there are none, what makes copies agree goes on, see
/// `md_check_recovery` in md.c; that of it which runs is not held up.
fn begin(array: &mut Array) {
    let missing = array.missing_slots();
    let is_complete = array.state != ArrayState::Broken
        && geometry::can_lose(&array.level, array.layout, array.slots, &missing).is_some();
    let waits = holds_still(array)
        || matches!(
            array.sync.action(),
            Some(SyncAction::Resync | SyncAction::Reshape)
        );
    if waits || !is_complete {
        return;
    }
    for slot in missing {
        let fills = Role::Recovering { slot };
        if array.members.iter().any(|it| it.role == fills) {
            continue;
        }
        if let Some(spare) = array.members.iter_mut().find(|it| it.role == Role::Spare) {
            spare.role = fills;
        }
    }
    if array.members.iter().any(|it| it.role.is_filled_now()) {
        array.sync = running(SyncAction::Recover, array);
    } else if array.resync_due && array.sync.action().is_none() {
        array.sync = running(SyncAction::Resync, array);
    }
}

fn running(action: SyncAction, array: &Array) -> SyncState {
    SyncState::Running {
        action,
        done: Some(Bytes(0)),
        of: Some(array.component_size),
        speed: None,
    }
}
