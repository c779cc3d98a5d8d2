//! What to expect after a change that somebody wished.

use std::collections::BTreeMap;

use moxnas_core::disk::DeviceId;

use super::{ExpectedArray, Named, carries, mounts, places};
use crate::model::{Array, Inventory};

/// What is expected after a change, from what was seen before and after it.
///
/// What the change did is agreed to, and nothing else: a member or a mount that was missing before is
/// expected as before. An array that is stopped stays expected; one that was deleted does not. An array that
/// nobody expected is expected when the change has put it into the block of MoxNAS in mdadm.conf.
#[must_use]
pub fn follow(
    expected: &[ExpectedArray],
    before: &Inventory,
    after: &Inventory,
) -> Vec<ExpectedArray> {
    let (named_before, named_after) = (Named::of(before), Named::of(after));
    let mut follows = Vec::new();
    for it in expected {
        match (before.by_uuid(&it.uuid), after.by_uuid(&it.uuid)) {
            (_, None) if is_deleted(&it.uuid, before, after) => (),
            (_, None) => follows.push(it.clone()),
            (None, Some(array)) => follows.push(ExpectedArray {
                name: array.name.clone(),
                ..it.clone()
            }),
            (Some(was), Some(is)) => {
                let current = |id: &DeviceId| named_after.current(&named_before.current(id));
                let mut follow = changed(&by_other_names(it, current), was, is);
                let (old, new) = (mounts(was, before), mounts(is, after));
                follow
                    .mounts
                    .retain(|at| !old.contains(at) || new.contains(at));
                follow.mounts.extend(new.difference(&old).cloned());
                follows.push(follow);
            }
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

fn changed(expected: &ExpectedArray, was: &Array, is: &Array) -> ExpectedArray {
    let (old, new): (BTreeMap<_, _>, BTreeMap<_, _>) = (
        places(was).into_iter().collect(),
        places(is).into_iter().collect(),
    );
    let mut follows = expected.clone();
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

fn by_other_names(expected: &ExpectedArray, name: impl Fn(&DeviceId) -> DeviceId) -> ExpectedArray {
    ExpectedArray {
        members: expected.members.iter().map(&name).collect(),
        spares: expected.spares.iter().map(&name).collect(),
        journal: expected.journal.as_ref().map(name),
        ..expected.clone()
    }
}
