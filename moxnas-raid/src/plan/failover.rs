//! A spare of one array goes to another of its group that needs it.

use moxnas_core::plan::Plan;

use super::{ArrayRef, Step, array_evidence, members::check_fits};
use crate::{
    geometry,
    model::{Array, ArrayState, Inventory, Role, SyncAction, SyncState},
};

/// What is to be done now, if anything: the first array, by name, that has an empty slot and no
/// spare of its own gets the smallest spare that fits from an array of its spare group that is whole.
///
/// As `mdadm --monitor` does it (mdadm.conf(5), `spare-group`); one move at a time, so that the next
/// look decides on the next.
#[must_use]
pub fn failover(seen: &Inventory) -> Option<Plan<Step>> {
    let mut needy: Vec<&Array> = seen.arrays.iter().filter(|it| needs_spare(it)).collect();
    needy.sort_by(|a, b| a.name.cmp(&b.name));
    needy.into_iter().find_map(|array| {
        let group = group_of(seen, array)?;
        let givers = seen.arrays.iter().filter(|it| {
            it.uuid != array.uuid && group_of(seen, it) == Some(group) && can_give(it)
        });
        let fitting = givers.flat_map(|giver| {
            giver.spares().filter_map(move |spare| {
                let device = seen.devices.by_id(&spare.device)?;
                check_fits(seen, array, device).ok()?;
                Some((device.size, giver, device))
            })
        });
        let (_, giver, device) = fitting.min_by_key(|(size, giver, device)| {
            (*size, giver.name.clone(), device.id.to_string())
        })?;
        let id = device.id.clone();
        Some(Plan {
            evidence: vec![array_evidence(array), array_evidence(giver)],
            steps: vec![
                Step::Remove {
                    array: ArrayRef::of(giver),
                    device: id.clone(),
                },
                Step::ZeroSuperblock { device: id.clone() },
                Step::Add {
                    array: ArrayRef::of(array),
                    device: id,
                },
            ],
            warnings: vec![format!(
                "the spare goes from {} to {}, which has an empty slot",
                giver.name, array.name
            )],
            ..Plan::default()
        })
    })
}

fn group_of<'a>(seen: &'a Inventory, array: &Array) -> Option<&'a str> {
    seen.conf.spare_group(array.uuid.as_deref()?)
}

/// Whether it has an empty slot that nothing fills, and md would let a spare fill it.
fn needs_spare(array: &Array) -> bool {
    let missing = array.missing_slots();
    let is_filled = |it: Role| matches!(it, Role::Recovering { .. } | Role::Spare);
    let may_change = array.state.is_started()
        && !matches!(array.state, ArrayState::ReadOnly | ArrayState::Broken)
        && array.sync != SyncState::Frozen
        && array.sync.action() != Some(SyncAction::Reshape);
    may_change
        && !missing.is_empty()
        && !array.members.iter().any(|it| is_filled(it.role))
        && geometry::is_redundant(&array.level)
        && geometry::can_lose(&array.level, array.layout, array.slots, &missing).is_some()
}

/// Whether it can do without its spares: no member is missing, and nothing moves them.
fn can_give(array: &Array) -> bool {
    array.state.is_started()
        && array.state != ArrayState::ReadOnly
        && array.missing_slots().is_empty()
        && array.degraded.unwrap_or(0) == 0
        && array.sync.action() != Some(SyncAction::Reshape)
}
