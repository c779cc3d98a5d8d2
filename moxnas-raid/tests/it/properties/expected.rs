//! What is expected, held against random machines.

use moxnas_raid::{
    Array, Inventory, Role, execute,
    expected::{Difference, ExpectedArray, What, compare, follow},
    plan::plan,
};
use proptest::prelude::*;

use crate::world::{World, any_disks, any_events, any_wish, is_nested};

fn what(found: Vec<Difference>) -> Vec<What> {
    found.into_iter().map(|it| it.what).collect()
}

fn without(seen: &Inventory, change: impl FnOnce(&mut Array), uuid: &str) -> Inventory {
    let mut seen = seen.clone();
    let array = seen
        .arrays
        .iter_mut()
        .find(|it| it.uuid.as_deref() == Some(uuid));
    change(array.unwrap());
    seen
}

/// Every single loss gives its difference, and nothing that is lost gives none.
fn check_losses(seen: &Inventory) {
    let expected = ExpectedArray::all_of(seen);
    assert_eq!(compare(&expected, seen), []);
    for it in &expected {
        let mut gone = seen.clone();
        gone.arrays
            .retain(|array| array.uuid.as_ref() != Some(&it.uuid));
        let found = compare(&expected, &gone);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].uuid.as_ref(), Some(&it.uuid));
        assert!(matches!(found[0].what, What::ArrayMissing { .. }) && found[0].is_fault());

        let renamed = without(seen, |array| array.name.push_str("-2"), &it.uuid);
        let expected_name = it.name.clone();
        let renamed = what(compare(&expected, &renamed));
        assert_eq!(
            renamed,
            [What::Renamed {
                expected: expected_name
            }]
        );

        for lost in it.devices() {
            let left = without(
                seen,
                |array| array.members.retain(|member| member.device != *lost),
                &it.uuid,
            );
            let found = what(compare(&expected, &left));
            let is_told = |told: &What| match told {
                What::MemberMissing { device, .. } => device == lost,
                What::FewerSpares { missing, .. } => missing.contains(lost),
                _ => false,
            };
            assert_eq!(found.len(), 1, "{lost} of {it:?}: {found:?}");
            assert!(is_told(&found[0]), "{lost} of {it:?}: {found:?}");
        }
        let less = without(
            seen,
            |array| array.members.retain(|member| member.role != Role::Spare),
            &it.uuid,
        );
        assert_eq!(
            compare(&expected, &less).is_empty(),
            !has_spare(seen, &it.uuid)
        );
    }
    let foreign = what(compare(&[], seen));
    assert_eq!(foreign.len(), seen.arrays.len());
    assert!(foreign.iter().all(|it| matches!(it, What::Foreign { .. })));
}

fn has_spare(seen: &Inventory, uuid: &str) -> bool {
    let array = seen.by_uuid(uuid).unwrap();
    let mut members = array.members.iter();
    members.any(|it| it.role == Role::Spare && it.device.is_stable())
}

proptest! {
    #[test]
    fn each_loss_is_told_and_what_is_agreed_to_is_not(
        disks in any_disks(),
        events in any_events(12),
    ) {
        let mut world = World::new(&disks);
        for event in &events {
            world.happen(event);
            check_losses(&world.observe());
        }
    }

    /// What somebody wished is no difference afterwards, at once and at rest, but that an array
    /// which was stopped is not there.
    #[test]
    fn what_was_wished_is_expected(
        disks in any_disks(),
        events in any_events(8),
        wishes in proptest::collection::vec(any_wish(), 1..8),
    ) {
        let mut world = World::new(&disks);
        for event in &events {
            world.happen(event);
        }
        for wish in &wishes {
            let change = world.change(wish);
            let before = world.observe();
            let expected = ExpectedArray::all_of(&before);
            let Ok(plan) = plan(&before, &change) else {
                continue;
            };
            if is_nested(&plan) || execute(&world.raid, &plan.steps).is_err() {
                continue;
            }
            let after = world.observe();
            let follows = follow(&expected, &before, &after);
            for it in compare(&follows, &after) {
                let was_there = before.by_uuid(it.uuid.as_deref().unwrap_or_default()).is_some();
                let is_wished = match it.what {
                    What::ArrayMissing { .. } => was_there,
                    // Assembled, and never agreed to.
                    What::Foreign { .. } => !was_there,
                    _ => false,
                };
                prop_assert!(is_wished, "{change:?}: {it:?}\n{follows:#?}");
            }
        }
    }
}
