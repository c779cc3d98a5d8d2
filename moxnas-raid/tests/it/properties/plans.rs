//! Plans on random machines.

use std::collections::BTreeSet;

use moxnas_core::disk::{BlockKind, DeviceId};
use moxnas_raid::{
    Array, ArrayState, Change, Grow, Health, Inventory, Role, Step, execute, health,
    plan::{plan, predict, unset},
};
use proptest::prelude::*;

use crate::world::{Event, World, any_disks, any_events, any_wish, good_disks, is_nested};

/// The devices of which a wish speaks: those it names, with what stands on their partitions, and
/// the members of the array it names.
pub(super) fn spoken_of(seen: &Inventory, change: &Change) -> BTreeSet<DeviceId> {
    let mut named: BTreeSet<DeviceId> = BTreeSet::new();
    let array = match change {
        Change::Create(want) => {
            named.extend(want.devices().cloned());
            None
        }
        Change::Add { array, device, .. }
        | Change::ReAdd { array, device }
        | Change::Fail { array, device }
        | Change::Remove { array, device } => {
            named.insert(device.clone());
            Some(array)
        }
        Change::Replace {
            array,
            device,
            with,
        } => {
            named.insert(device.clone());
            named.extend(with.clone());
            Some(array)
        }
        Change::Grow { array, add, .. } => {
            named.extend(add.iter().cloned());
            Some(array)
        }
        Change::MoveSpare => {
            // The spares, and the arrays that take them.
            let members = seen.arrays.iter().flat_map(|it| &it.members);
            named.extend(members.map(|it| it.device.clone()));
            None
        }
        Change::Set { array, .. }
        | Change::Scrub { array, .. }
        | Change::Stop { array }
        | Change::Assemble { array }
        | Change::Delete { array } => Some(array),
    };
    let parts = seen.devices.by_name.values().filter(|part| {
        let disk = part.slaves.first().and_then(|it| seen.devices.get(it));
        matches!(part.kind, BlockKind::Partition { .. })
            && disk.is_some_and(|it| named.contains(&it.id))
    });
    let parts: Vec<DeviceId> = parts.map(|it| it.id.clone()).collect();
    named.extend(parts);
    if let Some(name) = array {
        let members = seen.find(name).into_iter().flat_map(|it| &it.members);
        named.extend(members.map(|it| it.device.clone()));
        // A stopped array is named by what its members remember.
        let remember = |label: &Option<String>| {
            label
                .as_ref()
                .is_some_and(|it| it.rsplit(':').next() == Some(name))
        };
        let stopped = seen.devices.by_name.values().filter(|it| {
            it.signatures
                .iter()
                .any(|it| remember(&it.label) || it.uuid.as_ref() == Some(name))
        });
        let is_stopped = seen.find(name).is_none();
        if matches!(change, Change::Assemble { .. })
            || (is_stopped && matches!(change, Change::Delete { .. }))
        {
            named.extend(stopped.map(|it| it.id.clone()));
        }
    }
    named
}

/// What people would compare of an array: name, size, slots, devices, the faulty ones of them, roles,
/// health. Which of several spares takes a slot is the kernel's choice.
type Shape = (
    String,
    u64,
    u32,
    BTreeSet<DeviceId>,
    BTreeSet<DeviceId>,
    Vec<Role>,
    Health,
);

fn shape(array: &Array) -> Shape {
    let devices = array.members.iter().map(|it| it.device.clone());
    let faulty = array.members.iter().filter(|it| it.role == Role::Faulty);
    let faulty = faulty.map(|it| it.device.clone());
    let mut roles: Vec<Role> = array.members.iter().map(|it| it.role).collect();
    roles.sort_unstable();
    (
        array.name.clone(),
        array.size.0,
        array.slots,
        devices.collect(),
        faulty.collect(),
        roles,
        health(array).0,
    )
}

pub(super) fn wished(before: &Inventory, seen: &Inventory, change: &Change) -> Result<(), String> {
    let find = |name: &String| seen.find(name).ok_or(format!("there is no {name}"));
    let check = |it: bool, text: &str| if it { Ok(()) } else { Err(text.to_owned()) };
    match change {
        Change::Create(want) => {
            let array = find(&want.name.to_string())?;
            let slot = |it: &DeviceId| array.member(it).and_then(|it| it.slot());
            // A mirror is read from the first ones.
            let is_mostly_written = |it: &&DeviceId| want.write_mostly.contains(it);
            let (last, first): (Vec<_>, Vec<_>) = want.members.iter().partition(is_mostly_written);
            let in_order = (0..)
                .zip(first.into_iter().chain(last))
                .all(|(place, it)| slot(it) == Some(place));
            check(in_order, "the members are not in their order")?;
            check(
                array.spares().count() == want.spares.len(),
                "the spares do not wait",
            )?;
            let uuid = array.uuid.as_deref().unwrap_or_default();
            check(seen.conf.names(uuid), "mdadm.conf does not name it")
        }
        Change::Add {
            array,
            device,
            as_spare,
        } => {
            let array = find(array)?;
            let member = array.member(device);
            check(member.is_some(), "it is no member")?;
            let waits = array.spares().next().is_some();
            check(!as_spare || waits, "no spare waits")
        }
        Change::ReAdd { array, device } => {
            let works = find(array)?.member(device).is_some_and(|it| it.works());
            check(works, "it does not work")
        }
        Change::Grow { array, grow, .. } => {
            let array = find(array)?;
            check(array.reshape.is_none(), "it is still reshaped")?;
            match grow {
                Grow::Members { slots } => check(array.slots == *slots, "it has other slots"),
                Grow::Level { level } => check(array.level == *level, "it has another level"),
                Grow::Layout { layout } => {
                    check(array.layout == layout.number(), "it has another layout")
                }
                Grow::Chunk { chunk } => check(array.chunk == Some(*chunk), "another chunk"),
                Grow::Size => {
                    let was = before.find(&array.name).map(|it| it.size);
                    check(was < Some(array.size), "it is not larger")
                }
            }
        }
        Change::Set { array, settings } => {
            let array = find(array)?;
            let unset = unset(seen, array, settings);
            unset.map_or(Ok(()), |it| Err(format!("{it} is not as wished")))
        }
        Change::Fail { array, device } => {
            let works = find(array)?.member(device).is_some_and(|it| it.works());
            check(!works, "it still works")
        }
        Change::Remove { array, device } => {
            check(find(array)?.member(device).is_none(), "it is still listed")
        }
        Change::Replace {
            array,
            device,
            with,
        } => {
            let array = find(array)?;
            check(
                !array.member(device).is_some_and(|it| it.works()),
                "it still works",
            )?;
            let there = with.as_ref().is_none_or(|it| array.member(it).is_some());
            check(there, "the new one is not there")
        }
        Change::Scrub { .. } | Change::MoveSpare => Ok(()),
        Change::Stop { array } => check(seen.find(array).is_none(), "it is still there"),
        Change::Assemble { array } => check(find(array)?.state.is_started(), "it does not run"),
        Change::Delete { array } => {
            check(seen.find(array).is_none(), "it is still there")?;
            let members = before.find(array).into_iter().flat_map(|it| &it.members);
            let left = members
                .filter_map(|it| seen.devices.by_id(&it.device))
                .any(|it| !it.signatures.is_empty());
            check(!left, "a superblock is left")
        }
    }
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(96))]

    #[test]
    fn a_plan_touches_what_the_wish_speaks_of(
        disks in any_disks(), events in any_events(12), wishes in prop::collection::vec(any_wish(), 8),
    ) {
        let mut world = World::new(&disks);
        for event in &events {
            world.happen(event);
        }
        for wish in &wishes {
            let change = world.change(wish);
            let seen = world.observe();
            let Ok(plan) = plan(&seen, &change) else { continue };
            let spoken_of = spoken_of(&seen, &change);
            let steps = &plan.steps;
            for step in steps {
                for device in step.touches().into_iter().chain(step.destroys()) {
                    prop_assert!(spoken_of.contains(device), "{change:?}: {step} touches {device}");
                    prop_assert!(device.is_stable() || matches!(step, Step::Remove { .. } | Step::Fail { .. }), "{step}");
                }
                let dangers = !step.destroys().is_empty() && !matches!(step, Step::ZeroSuperblock { .. });
                prop_assert!(!dangers || plan.needs_confirmation(), "{step} needs no confirmation");
            }
            let again = moxnas_raid::plan(&world.observe(), &change).unwrap();
            prop_assert_eq!(plan.fingerprint(), again.fingerprint());
        }
    }

    /// What is refused for what was seen is said; what is not refused can be done.
    #[test]
    fn a_plan_can_be_carried_out(disks in any_disks(), events in any_events(12), wishes in prop::collection::vec(any_wish(), 4)) {
        let mut world = World::new(&disks);
        for event in &events {
            world.happen(event);
        }
        for wish in &wishes {
            let change = world.change(wish);
            let seen = world.observe();
            if let Ok(plan) = plan(&seen, &change)
                && !is_nested(&plan)
            {
                let done = execute(&world.raid, &plan.steps);
                // Whether an array has enough members to start is known to its members only, and md
                // throws no member out of an array that has failed.
                let may_fail = |it: &Step| match it {
                    // So it is with what a member missed that comes back.
                    Step::Start { .. } | Step::Assemble { .. } | Step::ReAdd { .. } => true,
                    Step::Fail { array, .. } => {
                        let array = seen.by_uuid(&array.uuid).unwrap();
                        matches!(health(array).0, Health::Failed { .. })
                    }
                    _ => false,
                };
                prop_assert!(done.is_ok() || plan.steps.iter().any(may_fail), "{change:?}\n{:?}\n{:?}\n{done:?}", plan.steps, seen.arrays);
            }
        }
    }

    /// On disks that do not fail, a plan ends where it was said to end, and where it was wished to.
    #[test]
    fn a_plan_ends_as_predicted_and_as_wished(
        disks in good_disks(), events in any_events(12), wishes in prop::collection::vec(any_wish(), 6),
    ) {
        let mut world = World::new(&disks);
        for event in &events {
            world.happen(event);
        }
        for wish in &wishes {
            world.settle();
            let change = world.change(wish);
            let seen = world.observe();
            let Ok(plan) = plan(&seen, &change) else { continue };
            let predicted = plan.steps.iter().fold(seen.clone(), |seen, step| predict(&seen, step));
            if is_nested(&plan) || execute(&world.raid, &plan.steps).is_err() {
                continue;
            }
            world.settle();
            let found = world.observe();
            let wished = wished(&seen, &found, &change);
            prop_assert!(wished.is_ok(), "{wished:?}: {change:?}\n{:?}\n{:?}", seen.arrays, found.arrays);
            // What an array that is not started will be is known to its members only, and so is the
            // slot that one of them comes back to.
            if matches!(change, Change::Assemble { .. } | Change::ReAdd { .. }) {
                continue;
            }
            let shapes = |seen: &Inventory| seen.arrays.iter().map(shape).collect::<BTreeSet<_>>();
            prop_assert_eq!(shapes(&predicted), shapes(&found), "{:?}\n{:?}\n{:#?}", change, plan.steps, seen.arrays);
        }
    }

    #[test]
    fn whatever_happens_nothing_panics_and_no_dead_array_is_called_well(disks in any_disks(), events in any_events(40)) {
        let mut world = World::new(&disks);
        for event in &events {
            world.happen(event);
            for array in world.observe().arrays {
                let (is, reasons) = health(&array);
                let gone = array.members.iter().any(|it| it.slot().is_some() && matches!(it.device, DeviceId::Gone(_)));
                let is_well = matches!(is, Health::Optimal { .. });
                prop_assert!(!is_well || !gone, "{array:?}");
                prop_assert!(is_well || !reasons.is_empty(), "{array:?}");
                if let Event::Wait(_) = event {
                    let missing = array.missing_slots().len();
                    // The last member of a mirror md counts as there, although it is gone.
                    let is_broken = array.state == ArrayState::Broken;
                    prop_assert!(array.degraded.is_none_or(|it| is_broken || it as usize == missing));
                }
            }
        }
    }
}
