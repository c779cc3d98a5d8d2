//! What a machine looks like right after a step, while what the step began still runs.

use moxnas_core::units::Bytes;

use super::{
    Scrub, Step,
    members::without,
    predict::{change, count_missing, member, predict, promote, wake},
};
use crate::{
    geometry,
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
        Step::Fail { array, device } => change(&mut after, &array.uuid, |array| {
            *array = without(array, device);
            promote(array);
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
        | Step::Stop { .. }
        | Step::Start { .. }
        | Step::Assemble { .. }
        | Step::ZeroSuperblock { .. }
        | Step::Record { .. }
        | Step::Forget { .. } => return predict(seen, step),
    }
    after
}

/// md itself writes to an array that is changed: what waited for that begins.
fn wake_up(array: &mut Array) {
    wake(array);
    if let SyncState::Pending { action } = array.sync {
        array.sync = running(action, array);
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

/// Let spares begin to take empty slots. What makes copies agree comes first.
fn begin(array: &mut Array) {
    let missing = array.missing_slots();
    let is_complete = array.state != ArrayState::Broken
        && geometry::can_lose(&array.level, array.layout, array.slots, &missing).is_some();
    let waits = array.state == ArrayState::ReadAuto
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
    let is_filled = |role: Role| matches!(role, Role::Recovering { .. } | Role::Replacement { .. });
    if array.members.iter().any(|it| is_filled(it.role)) {
        array.sync = running(SyncAction::Recover, array);
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
