//! What the simulation shows, written as the files of a machine, is read back the same.

use std::collections::BTreeMap;

use moxnas_core::units::Bytes;
use moxnas_raid::{Inventory, Level, Role, SyncAction, SyncState, mdstat};
use proptest::prelude::*;

use crate::{
    captured,
    render::{self, render},
    world::{World, any_disks, any_events},
};

/// The inventory as far as files can say it.
fn expressible(mut seen: Inventory) -> Inventory {
    for array in &mut seen.arrays {
        if let SyncState::Running { done, speed, .. } = &mut array.sync {
            // mdstat counts in KiB, and sysfs lags behind it.
            *done = done.map(|it| Bytes::from_kib(it.kib()));
            *speed = speed.map(|it| Bytes::from_kib(it.kib()));
        }
    }
    for device in seen.devices.by_name.values_mut() {
        // Neither links nor slaves have an order on a machine.
        device.aliases.sort_unstable();
        device.slaves.sort_unstable();
    }
    seen
}

/// Role and slot as far as mdstat tells them.
fn letter(role: Role) -> Option<mdstat::MemberFlag> {
    match role {
        Role::Active { .. } | Role::Recovering { .. } => None,
        Role::Replacement { .. } => Some(mdstat::MemberFlag::Replacement),
        Role::Spare => Some(mdstat::MemberFlag::Spare),
        Role::Faulty => Some(mdstat::MemberFlag::Faulty),
        Role::Journal => Some(mdstat::MemberFlag::Journal),
    }
}

fn check_mdstat(seen: &Inventory) {
    let text = render::mdstat(seen);
    let parsed = mdstat::parse(&text)
        .strict()
        .unwrap_or_else(|it| panic!("{it:?} in {text}"));
    assert_eq!(parsed.arrays.len(), seen.arrays.len());
    for array in &seen.arrays {
        let found = parsed.array(&array.kernel_name).unwrap();
        let is_started = array.state.is_started();
        assert_eq!(found.state != mdstat::State::Inactive, is_started);
        let level = is_started.then(|| array.level.to_string());
        assert_eq!(found.personality, level);
        let flags = |it: &mdstat::MdstatMember| (it.device.clone(), it.flags.first().copied());
        let members: BTreeMap<_, _> = found.members.iter().map(flags).collect();
        let expected = array
            .members
            .iter()
            .map(|it| (it.kernel_name.clone(), letter(it.role)));
        assert_eq!(members, expected.collect());
        assert_eq!(found.blocks, Some(array.size.kib()));
        assert_eq!(found.chunk_kib, array.chunk.map(|it| it.kib()));
        if is_started && array.level != Level::Raid0 {
            assert_eq!(found.raid_disks, Some(array.slots));
            let missing = array.degraded.unwrap();
            assert_eq!(found.in_sync, Some(array.slots - missing));
        }
        let action = array.sync.action().map(|it| match it {
            SyncAction::Resync | SyncAction::Repair => mdstat::SyncAction::Resync,
            SyncAction::Recover => mdstat::SyncAction::Recovery,
            SyncAction::Check => mdstat::SyncAction::Check,
            SyncAction::Reshape => mdstat::SyncAction::Reshape,
        });
        assert_eq!(found.sync.as_ref().map(|it| it.action), action);
    }
}

fn check(seen: &Inventory) -> Result<(), TestCaseError> {
    check_mdstat(seen);
    let dir = captured::scratch();
    render(seen, dir.path());
    let expected = expressible(seen.clone());
    let found = expressible(captured::observe(dir.path()));
    prop_assert_eq!(&found.errors, &expected.errors);
    prop_assert_eq!(&found.devices.errors, &expected.devices.errors);
    prop_assert_eq!(&found.arrays, &expected.arrays);
    for (name, device) in &expected.devices.by_name {
        prop_assert_eq!(found.devices.get(name), Some(device));
    }
    prop_assert_eq!(found, expected);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_simulation_shows_is_read_back(disks in any_disks(), events in any_events(24)) {
        let mut world = World::new(&disks);
        for (place, event) in events.iter().enumerate() {
            world.happen(event);
            if place % 8 == 3 || place + 1 == events.len() {
                check(&world.observe())?;
            }
        }
    }
}
