//! A plan that is cut short on any machine: what is then planned for the same wish ends in it, or the
//! refusal says why not.

use moxnas_core::{disk::DeviceId, sim::Fault};
use moxnas_raid::{Change, Inventory, Step, execute, plan::plan};
use proptest::prelude::*;

use super::plans::{spoken_of, wished};
use crate::world::{Disk, Event, Wish, World, any_events, any_wish, good_disks, is_nested};

/// The machine after all that happened to it, at rest.
fn lived(disks: &[Disk], events: &[Event]) -> World {
    let mut world = World::new(disks);
    for event in events {
        world.happen(event);
    }
    world.settle();
    world
}

/// Carry the plan out up to the step `at`, which is struck, and try again. `false`: there is no
/// such step.
fn strike(
    world: &mut World,
    wish: &Wish,
    at: usize,
    fault: fn(String) -> Fault,
) -> Result<bool, String> {
    let change = world.change(wish);
    let before = world.observe();
    let Ok(first) = plan(&before, &change) else {
        return Ok(false);
    };
    let Some(step) = first.steps.get(at).filter(|_| !is_nested(&first)) else {
        return Ok(false);
    };
    if execute(&world.raid, &first.steps[..at]).is_err() {
        return Ok(false);
    }
    let contents = |world: &World| world.raid.machine().state().contents.clone();
    let (was, mut spoken_of_all) = (contents(world), spoken_of(&before, &change));
    world.raid.machine().inject(fault(step.to_string()));
    if execute(&world.raid, &first.steps[at..]).is_ok() {
        return Err(format!("{step} was not struck"));
    }
    spoken_of_all.extend(spoken_of(&world.observe(), &change));
    let mut end = try_again(world, &change, &before);
    // A power cut takes faulty members off the list of their array. What they remember is an array that
    // is stopped, and deleted when the same is wished once more.
    if matches!(change, Change::Delete { .. }) && end.is_err() {
        spoken_of_all.extend(spoken_of(&world.observe(), &change));
        end = try_again(world, &change, &before);
    }
    for (name, is) in contents(world) {
        let is_other = !name
            .parse()
            .is_ok_and(|it: DeviceId| spoken_of_all.contains(&it));
        let was = was.get(&name).map(|it| &it.signatures);
        if is_other && was.is_some_and(|it| *it != is.signatures) {
            return Err(format!("{name} was touched: {change:?}"));
        }
    }
    end.map(|()| true)
        .map_err(|why| format!("{why}: {change:?}"))
}

fn try_again(world: &World, change: &Change, before: &Inventory) -> Result<(), String> {
    let again = match plan(&world.observe(), change) {
        Ok(again) => again,
        Err(refusal) if refusal.to_string().is_empty() => {
            return Err("no reason is given".to_owned());
        }
        Err(_) => return Ok(()),
    };
    if let Err(stopped) = execute(&world.raid, &again.steps) {
        // Whether an array has enough members to start, and what one missed that comes back, is known
        // to its members only.
        let only_it_knows = |it: &Step| {
            matches!(
                it,
                Step::Start { .. } | Step::Assemble { .. } | Step::ReAdd { .. }
            )
        };
        return match again.steps.iter().any(only_it_knows) {
            true => Ok(()),
            false => Err(format!("{stopped:?}")),
        };
    }
    world.settle();
    wished(before, &world.observe(), change)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whichever_step_is_struck_trying_again_ends_in_the_wish_or_says_why_not(
        disks in good_disks(), events in any_events(8), wish in any_wish(), power in any::<bool>(),
    ) {
        let fault = |matching| Fault::StepFails { matching };
        let cut = |matching| Fault::PowerCut { matching };
        for at in 0.. {
            let mut world = lived(&disks, &events);
            match strike(&mut world, &wish, at, if power { cut } else { fault }) {
                Ok(true) => (),
                Ok(false) => break,
                Err(why) => prop_assert!(false, "{why} at {at}\n{:?}", world.observe().arrays),
            }
        }
    }
}
