//! What to expect after a change that somebody wished.

use std::collections::BTreeMap;

use moxnas_core::disk::DeviceId;

use super::{ExpectedArray, carries, find, places};
use crate::model::{Array, Inventory};

/// What is expected after a change, from what was seen before and after it.
///
/// What the change did is agreed to, and nothing else: a member that was missing before is expected
/// as before. An array that is stopped stays expected; one that was deleted does not. An array that
/// nobody expected is expected when the change has put it into the block of MoxNAS in mdadm.conf.
#[must_use]
pub fn follow(
    expected: &[ExpectedArray],
    before: &Inventory,
    after: &Inventory,
) -> Vec<ExpectedArray> {
    let mut follows = Vec::new();
    for it in expected {
        match (before.by_uuid(&it.uuid), after.by_uuid(&it.uuid)) {
            (_, None) if is_deleted(&it.uuid, before, after) => (),
            (_, None) => follows.push(it.clone()),
            (None, Some(array)) => follows.push(ExpectedArray {
                name: array.name.clone(),
                ..it.clone()
            }),
            (Some(was), Some(is)) => follows.push(changed(it, (was, before), (is, after))),
        }
    }
    let is_expected = |uuid: &str| expected.iter().any(|it| it.uuid == uuid);
    let is_ours = |uuid: &str| {
        let began_now = !before.conf.ours.contains_key(uuid) || before.by_uuid(uuid).is_none();
        after.conf.ours.contains_key(uuid) && began_now
    };
    let new = after.arrays.iter().filter(|it| {
        let uuid = it.uuid.as_deref();
        uuid.is_some_and(|it| !is_expected(it) && is_ours(it))
    });
    follows.extend(new.filter_map(|it| ExpectedArray::of(it, after)));
    follows
}

fn is_deleted(uuid: &str, before: &Inventory, after: &Inventory) -> bool {
    let is_there = |seen: &Inventory| seen.devices.by_name.values().any(|it| carries(it, uuid));
    let was_ours = before.conf.ours.contains_key(uuid) && !after.conf.ours.contains_key(uuid);
    was_ours || (is_there(before) && !is_there(after))
}

fn changed(
    expected: &ExpectedArray,
    (was, before): (&Array, &Inventory),
    (is, after): (&Array, &Inventory),
) -> ExpectedArray {
    let (old, new): (BTreeMap<_, _>, BTreeMap<_, _>) = (
        places(was).into_iter().collect(),
        places(is).into_iter().collect(),
    );
    let mut follows = by_current_names(expected, before, after);
    if was.name != is.name {
        follows.name.clone_from(&is.name);
    }
    let was_known = was.state.is_started() || expected.slots == 0;
    let is_other = (was.slots, &was.level) != (is.slots, &is.level);
    if is.state.is_started() && was_known && is_other {
        follows.level = is.level.clone();
        follows.slots = is.slots;
    }
    for device in old.keys().filter(|it| !new.contains_key(it)) {
        follows.take_out(device);
    }
    for (device, place) in new {
        let before = old.get(&device);
        let is_known = follows.devices().any(|it| *it == device);
        // What has changed its place before this change has not done so by this change.
        if before != Some(&place) && (before.is_none() || is_known) {
            follows.take_out(&device);
            follows.put(device, place);
        }
    }
    follows.fill_slots();
    follows
}

/// The same, with the names that its devices have now.
fn by_current_names(
    expected: &ExpectedArray,
    before: &Inventory,
    after: &Inventory,
) -> ExpectedArray {
    let current = |id: &DeviceId| {
        let found = find(after, id).or_else(|| find(before, id));
        found.map_or_else(|| id.clone(), |it| it.id.clone())
    };
    ExpectedArray {
        members: expected.members.iter().map(current).collect(),
        spares: expected.spares.iter().map(current).collect(),
        journal: expected.journal.as_ref().map(current),
        ..expected.clone()
    }
}
