//! What is said before is what happens: of devices that leave, and of every step of a plan.

use std::{collections::BTreeMap, time::Duration};

use moxnas_core::plan::Danger;
use moxnas_raid::{
    ArrayState, Change, Health, Inventory, RaidBackend, Step,
    consequences::{Estimate, Outcome, Repair, if_it_leaves, lowest, outlook},
    health,
    plan::plan,
};
use proptest::prelude::*;

use crate::world::{World, any_disks, any_events, any_wish, good_disks, is_nested};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Each array by name, with how it is.
fn all_health(seen: &Inventory) -> BTreeMap<String, Health> {
    let one = |it: &moxnas_raid::Array| (it.name.clone(), health(it).0);
    seen.arrays.iter().map(one).collect()
}

/// Whether an array is worse off than a caller was told it would be at its worst.
fn is_below(found: Health, promised: u32) -> bool {
    match found {
        Health::Optimal { can_lose } | Health::Degraded { can_lose, .. } => can_lose < promised,
        Health::Failed { .. } => true,
        Health::Inactive | Health::Unknown => false,
    }
}

proptest! {
    #![proptest_config(config(192))]

    /// No plan brings redundancy below what its caller confirmed: not after any of its steps, and not
    /// while what they began runs.
    #[test]
    fn no_plan_goes_below_what_was_confirmed(
        disks in good_disks(), events in any_events(16), wishes in prop::collection::vec(any_wish(), 8),
    ) {
        let mut world = World::new(&disks);
        for event in &events {
            world.happen(event);
        }
        for wish in &wishes {
            let change = world.change(wish);
            let seen = world.observe();
            let Ok(plan) = plan(&seen, &change) else { continue };
            if is_nested(&plan) {
                continue;
            }
            let told = outlook(&seen, &plan.steps);
            prop_assert_eq!(told.len(), plan.steps.len());
            // An array that no step changes has to stay as it is.
            let mut promised: BTreeMap<String, u32> = all_health(&seen)
                .into_iter()
                .filter_map(|(name, is)| Some((name, is.can_lose()?)))
                .collect();
            for low in lowest(&told) {
                prop_assert_eq!(promised.get(&low.array), Some(&low.before));
                let is_confirmed = plan.dangers.iter().any(|it| matches!(
                    it, Danger::LowersRedundancy { object, after, .. } if *object == low.array && *after <= low.lowest
                ));
                prop_assert!(low.lowest >= low.before || is_confirmed, "{change:?} lowers {low:?} in silence");
                promised.insert(low.array, low.lowest);
            }
            let look = |when: &str| {
                for (name, is) in all_health(&world.observe()) {
                    let broken = promised.get(&name).is_some_and(|it| is_below(is, *it));
                    prop_assert!(!broken, "{when}, {name} is {is:?}, promised was {promised:?}\n{change:?}\n{told:#?}\n{:#?}", seen.arrays);
                }
                Ok(())
            };
            for step in &plan.steps {
                if world.raid.apply(step).is_err() {
                    break;
                }
                look(&step.to_string())?;
            }
            for seconds in [1, 60, 3600, 36_000] {
                world.raid.machine().advance(Duration::from_secs(seconds));
                look(&format!("after {seconds} s"))?;
            }
        }
    }

    /// What is shown right after each step is what was said of it, where nothing runs before.
    #[test]
    fn each_step_looks_as_was_said(
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
            // What an array that is not started will be is known to its members only.
            if is_nested(&plan) || matches!(change, Change::Assemble { .. }) {
                continue;
            }
            let told = outlook(&seen, &plan.steps);
            let mut began = None;
            let mut is_done = true;
            for (step, told) in plan.steps.iter().zip(&told) {
                if world.raid.apply(step).is_err() {
                    is_done = false;
                    break;
                }
                let Some(stage) = &told.array else { continue };
                let found = world.observe();
                let found = found.find(&stage.name);
                let shown = found.map(|it| (health(it).0, it.size));
                // A member that comes back may have missed nothing.
                if matches!(step, Step::ReAdd { .. }) {
                    let at_once = stage.at_once.and_then(|it| it.health.can_lose());
                    prop_assert!(shown.and_then(|it| it.0.can_lose()) >= at_once, "{step}");
                    continue;
                }
                prop_assert_eq!(stage.at_once.map(|it| (it.health, it.size)), shown, "{}\n{:#?}", step, seen.arrays);
                // What is to begin has begun, unless it is done already, as with tiny arrays; and
                // nothing else has.
                let runs = found.filter(|it| !matches!(it.state, ArrayState::ReadAuto | ArrayState::ReadOnly)).and_then(|it| it.sync.action());
                began = told.work.as_ref().map(|it| it.action).or(began);
                prop_assert!(runs.is_none() || runs == began, "{step}: {runs:?}\n{:#?}", seen.arrays);
                if let Some(work) = &told.work {
                    prop_assert!(runs.is_none_or(|it| it == work.action), "{step}: {work:?}, {runs:?}");
                    prop_assert!(runs.is_some() || work.per_member.0 < 1 << 30, "{step}: {work:?}");
                }
            }
            world.settle();
            if is_done && let Some(stage) = told.iter().rev().find_map(|it| it.array.as_ref()) {
                let found = world.observe();
                let shown = found.find(&stage.name).map(|it| (health(it).0, it.size));
                prop_assert_eq!(stage.in_the_end.map(|it| (it.health, it.size)), shown, "{:?}\n{:#?}", plan.steps, seen.arrays);
            }
        }
    }

    /// Pull any disk: every array is then as was said, and so is what comes of it.
    #[test]
    fn a_disk_that_leaves_leaves_what_was_said(disks in good_disks(), events in any_events(12), at in 0_usize..9) {
        let replay = || {
            let mut world = World::new(&disks);
            for event in &events {
                world.happen(event);
            }
            world
        };
        let world = replay();
        let seen = world.observe();
        let all: Vec<_> = seen.devices.disks().collect();
        let Some(disk) = all.get(at.checked_rem(all.len()).unwrap_or(0)) else { return Ok(()) };
        let said = if_it_leaves(&seen, disk);
        let before = all_health(&seen);
        world.raid.machine().pull(disk.serial().unwrap()).unwrap();
        let found = all_health(&world.observe());
        for (name, was) in &before {
            let is = found.get(name);
            let Some(told) = said.arrays.iter().find(|it| it.name == *name) else {
                prop_assert_eq!(is, Some(was), "of {} nothing was said", name);
                continue;
            };
            prop_assert_eq!(told.before, *was);
            match told.outcome {
                Outcome::Unharmed | Outcome::Weakened | Outcome::ReadOnly => prop_assert_eq!(is, Some(&told.after), "{:#?}", seen.arrays),
                Outcome::Lost => {
                    prop_assert!(is.is_none_or(|it| matches!(it, Health::Failed { .. })), "{name} is {is:?}\n{:#?}", seen.arrays);
                    prop_assert!(said.lost.iter().any(|it| it.array.as_ref() == Some(name)));
                }
                Outcome::LostBefore | Outcome::Unclear => (),
            }
        }
        // Spares take over when somebody writes.
        let takes_over = said.arrays.iter().find_map(|it| match &it.repair {
            Repair::Spare { work, then, .. } => Some((it, work, then)),
            _ => None,
        });
        if let Some((told, work, then)) = takes_over {
            let machine = world.raid.machine();
            let id = world.observe().find(&told.name).and_then(|it| it.uuid.clone()).unwrap();
            machine.state().mounts.push((format!("md-uuid-{id}"), "/srv/written".to_owned()));
            world.observe();
            // Of arrays on the same disks one works at a time.
            let works = |it: &moxnas_raid::Array| it.name != told.name && it.sync.action().is_some();
            if world.observe().arrays.iter().any(works) {
                return Ok(());
            }
            let is_optimal = || all_health(&world.observe())[&told.name] == *then;
            if let Estimate::Between { at_least, at_most, .. } = work.time {
                let early = at_least.saturating_sub(Duration::from_secs(1));
                machine.advance(early);
                prop_assert!(early.is_zero() || !is_optimal() || told.after == *then, "done before {at_least:?}");
                machine.advance(at_most.saturating_sub(early) + Duration::from_secs(1));
                prop_assert!(is_optimal(), "not done after {at_most:?}: {:#?}", world.observe().arrays);
            }
        }
    }

    /// Whatever a machine is like, nothing panics, and an array that dies is never called weakened.
    #[test]
    fn whatever_leaves_no_loss_is_silent(disks in any_disks(), events in any_events(30)) {
        let mut world = World::new(&disks);
        for event in &events {
            world.happen(event);
            let seen = world.observe();
            for device in seen.devices.by_name.values() {
                let said = if_it_leaves(&seen, device);
                for array in &said.arrays {
                    let is_dead = matches!(array.after, Health::Failed { .. });
                    let was_dead = matches!(array.before, Health::Failed { .. });
                    prop_assert_eq!(array.outcome == Outcome::Lost, is_dead && !was_dead);
                    prop_assert!(array.after.can_lose() <= array.before.can_lose());
                }
                for stage in &said.lost {
                    prop_assert!(seen.devices.get(&stage.kernel_name).is_some());
                }
            }
        }
    }
}

#[test]
fn a_step_outlook_speaks_of_no_array_where_none_changes() {
    let wipe = Step::WipeSignatures {
        device: "wwn-0x1".parse().unwrap(),
    };
    let told = outlook(&Inventory::default(), &[wipe]);
    assert_eq!(told[0].array, None);
    assert_eq!(told[0].work, None);
}
