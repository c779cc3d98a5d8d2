//! The one comparison: what should be there, and what is.

use std::collections::{BTreeMap, BTreeSet};

use moxnas_core::disk::DeviceId;

use super::{Difference, ExpectedArray, Named, Place, What, Whereabouts, carries, mounts, places};
use crate::{
    health::{Health, health},
    model::{Array, Inventory, Role},
};

/// What is not as it should be: of each expected array in turn, then arrays that nobody expects.
#[must_use]
pub fn compare(expected: &[ExpectedArray], seen: &Inventory) -> Vec<Difference> {
    let named = Named::of(seen);
    let mut found = Vec::new();
    for it in expected {
        let (name, what) = match seen.by_uuid(&it.uuid) {
            Some(array) => (&array.name, of_array(it, array, seen, &named)),
            None => (&it.name, vec![missing(it, &named)]),
        };
        found.extend(what.into_iter().map(|what| Difference {
            uuid: Some(it.uuid.clone()),
            array: name.clone(),
            what,
        }));
    }
    let is_expected = |array: &Array| {
        expected
            .iter()
            .any(|it| Some(&it.uuid) == array.uuid.as_ref())
    };
    let foreign = seen.arrays.iter().filter(|it| !is_expected(it));
    found.extend(foreign.map(|it| Difference {
        uuid: it.uuid.clone(),
        array: it.name.clone(),
        what: What::Foreign {
            home: it.name.split_once(':').map(|(home, _)| home.to_owned()),
        },
    }));
    found
}

fn missing(expected: &ExpectedArray, named: &Named<'_>) -> What {
    let (mut present, mut without, mut absent) = (Vec::new(), Vec::new(), Vec::new());
    for id in expected.devices() {
        match named.find(id) {
            Some(device) if carries(device, &expected.uuid) => &mut present,
            Some(_) => &mut without,
            None => &mut absent,
        }
        .push(id.clone());
    }
    What::ArrayMissing {
        present,
        without,
        absent,
        mounts: expected.mounts.iter().cloned().collect(),
    }
}

fn of_array(
    expected: &ExpectedArray,
    array: &Array,
    seen: &Inventory,
    named: &Named<'_>,
) -> Vec<What> {
    let mut found = Vec::new();
    if array.name != expected.name {
        found.push(What::Renamed {
            expected: expected.name.clone(),
        });
    }
    let is_known = array.state.is_started() && expected.slots > 0;
    if is_known && (array.slots, &array.level) != (expected.slots, &expected.level) {
        found.push(What::Reshaped {
            expected_level: expected.level.clone(),
            expected_slots: expected.slots,
            level: array.level.clone(),
            slots: array.slots,
        });
    }
    if expected.degraded_at_boot && !is_whole(array) {
        found.push(What::DegradedAtBoot);
    }
    of_members(expected, array, named, &mut found);
    let mounted = mounts(array, seen);
    let away = expected.mounts.difference(&mounted);
    found.extend(away.map(|at| What::MountMissing { at: at.clone() }));
    let new = mounted.difference(&expected.mounts);
    found.extend(new.map(|at| What::MountUnexpected { at: at.clone() }));
    found
}

/// Whether nothing is missing in an array.
#[must_use]
pub(super) fn is_whole(array: &Array) -> bool {
    matches!(health(array).0, Health::Optimal { .. })
}

fn of_members(expected: &ExpectedArray, array: &Array, named: &Named<'_>, found: &mut Vec<What>) {
    let places: BTreeMap<DeviceId, Place> = places(array).into_iter().collect();
    let is_in = |id: &DeviceId| places.contains_key(&named.current(id));
    let mut missing: Vec<&DeviceId> = expected.members.iter().chain(&expected.journal).collect();
    missing.retain(|it| !is_in(it));
    let mut spares: Vec<&DeviceId> = expected.spares.iter().collect();
    spares.retain(|it| !is_in(it));

    if array.state.is_started() {
        let wait = places.values().filter(|it| **it == Place::Spare);
        let (should, present) = (expected.spares.len(), wait.count());
        if present < should {
            found.push(What::FewerSpares {
                expected: u32::try_from(should).unwrap_or(u32::MAX),
                present: u32::try_from(present).unwrap_or(u32::MAX),
                missing: spares.drain(..).cloned().collect(),
            });
        }
    }
    missing.extend(spares);

    // What took the place of a missing member: a device nobody expects, or a spare.
    let known: BTreeSet<DeviceId> = expected.devices().map(|it| named.current(it)).collect();
    let waiting: BTreeSet<DeviceId> = expected.spares.iter().map(|it| named.current(it)).collect();
    let (mut new, mut took_over) = (Vec::new(), Vec::new());
    for (device, place) in &places {
        if !known.contains(device) {
            new.push(device.clone());
        } else if *place == Place::Slot && waiting.contains(device) {
            took_over.push(device.clone());
        }
    }
    let mut others = new.iter().chain(&took_over).cloned();
    let count = missing.len();
    for id in missing {
        found.push(What::MemberMissing {
            device: id.clone(),
            whereabouts: whereabouts(id, array, named),
            replaced_by: others.next(),
        });
    }
    let left = new.into_iter().skip(count);
    found.extend(left.map(|device| What::MemberUnexpected { device }));
}

fn whereabouts(id: &DeviceId, array: &Array, named: &Named<'_>) -> Whereabouts {
    match named.find(id) {
        None => Whereabouts::Absent,
        Some(device) => match array.member(&device.id) {
            Some(member) if member.role == Role::Faulty => Whereabouts::Faulty,
            _ => Whereabouts::Outside,
        },
    }
}
