//! Losing a member never makes an array look better.

use std::collections::BTreeSet;

use moxnas_core::{disk::DeviceId, units::Bytes};
use moxnas_raid::{Array, ArrayState, Health, Level, Member, Role, SyncState, health};
use proptest::prelude::*;

fn any_role(slots: u32) -> impl Strategy<Value = Role> {
    prop_oneof![
        12 => (0..slots).prop_map(|slot| Role::Active { slot }),
        2 => (0..slots).prop_map(|slot| Role::Recovering { slot }),
        1 => (0..slots).prop_map(|slot| Role::Replacement { slot }),
        1 => Just(Role::Spare),
        1 => Just(Role::Faulty),
        1 => Just(Role::Journal),
    ]
}

/// Arrays that the kernel would show, and some that it would not.
fn any_array() -> impl Strategy<Value = Array> {
    let levels = [
        "linear",
        "raid0",
        "raid1",
        "raid4",
        "raid5",
        "raid6",
        "raid10",
        "container",
        "faulty",
    ];
    let states = [
        "inactive",
        "clean",
        "active",
        "readonly",
        "read-auto",
        "broken",
        "strange",
    ];
    let layouts = vec![0, 2, 0x102, 0x103, 0x201, 0x202, 0x1_0201];
    (1_u32..8).prop_flat_map(move |slots| {
        let in_order = Just(
            (0..slots)
                .map(|slot| Role::Active { slot })
                .collect::<Vec<_>>(),
        );
        let any = prop::collection::vec(any_role(slots), 0..8);
        (
            prop::sample::select(levels.to_vec()),
            prop_oneof![1 => Just("clean"), 1 => prop::sample::select(states.to_vec())],
            prop::sample::select(layouts.clone()),
            prop::option::of(prop_oneof![3 => Just(0_u32), 1 => 0..4_u32]),
            prop_oneof![in_order, any],
        )
            .prop_map(move |(level, state, layout, degraded, roles)| {
                array(slots, level, state, layout, degraded, &roles)
            })
    })
}

fn array(
    slots: u32,
    level: &str,
    state: &str,
    layout: u32,
    degraded: Option<u32>,
    roles: &[Role],
) -> Array {
    let member = |(place, role): (usize, &Role)| Member {
        device: format!("wwn-0x500{place}").parse().unwrap(),
        kernel_name: format!("sd{place}"),
        role: *role,
        flags: BTreeSet::new(),
        errors: 0,
        usable: None,
    };
    Array {
        uuid: None,
        name: "tank".to_owned(),
        kernel_name: "md127".to_owned(),
        level: Level::from(level.to_owned()),
        metadata: "1.2".to_owned(),
        state: ArrayState::from(state.to_owned()),
        sync: SyncState::Idle,
        slots,
        degraded,
        size: Bytes(0),
        component_size: Bytes(0),
        chunk: None,
        layout,
        members: roles.iter().enumerate().map(member).collect(),
        consistency: String::new(),
        mismatch: None,
        scrub_stopped_at: None,
        reshape: None,
        speed_limits: None,
        resync_due: false,
    }
}

/// The better, the greater. That nothing can be said is not better than that all is lost, nor worse.
fn rank(array: &Array) -> Option<(u32, u32)> {
    match health(array).0 {
        Health::Optimal { can_lose } => Some((2, can_lose)),
        Health::Degraded { can_lose, .. } => Some((1, can_lose)),
        Health::Failed { .. } => Some((0, 0)),
        Health::Inactive | Health::Unknown => None,
    }
}

/// All the ways in which the kernel may show that a member is lost.
fn losses(array: &Array) -> Vec<Array> {
    let mut all = Vec::new();
    for at in 0..array.members.len() {
        let mut faulty = array.clone();
        faulty.members[at].role = Role::Faulty;
        all.push(faulty);
        let mut gone = array.clone();
        gone.members[at].device = DeviceId::Gone(gone.members[at].kernel_name.clone());
        all.push(gone);
        let mut removed = array.clone();
        removed.members.remove(at);
        all.push(removed);
    }
    let counted = all.clone().into_iter().map(|mut it| {
        it.degraded = it.degraded.map(|it| it + 1);
        it
    });
    let counted: Vec<Array> = counted.collect();
    // Where the kernel counts members that its list does not explain, a loss that it does not count
    // explains one of them, and more is known than before.
    let is_explained = |it: &Array| it.degraded.unwrap_or(0) as usize <= it.missing_slots().len();
    if !is_explained(array) {
        all.clear();
    }
    all.extend(counted);
    let mut broken = array.clone();
    if array.state.is_started() {
        broken.state = ArrayState::Broken;
        all.push(broken);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_loss_never_improves_health(array in any_array()) {
        let Some(before) = rank(&array) else { return Ok(()) };
        for after in losses(&array) {
            prop_assert!(rank(&after).is_none_or(|it| it <= before), "{:?} -> {:?}: {after:?}", health(&array), health(&after));
        }
    }

    /// Whatever may be lost as was promised can be lost.
    #[test]
    fn what_may_be_lost_can_be_lost(array in any_array()) {
        let Some(can_lose) = health(&array).0.can_lose() else { return Ok(()) };
        let mut less = vec![array];
        for _ in 0..can_lose {
            less = less.iter().flat_map(|it| losses(it).into_iter().filter(|it| it.state != ArrayState::Broken)).collect();
            less.truncate(200);
        }
        for array in less {
            // The kernel's count cannot rise by a member that held nothing.
            if array.degraded.unwrap_or(0) as usize <= array.missing_slots().len() {
                prop_assert!(!matches!(health(&array).0, Health::Failed { .. }), "{array:?}");
            }
        }
    }
}

/// Too many gone, whichever they are, is never anything but failed.
#[test]
fn no_dead_array_is_called_well() {
    for (level, layout, slots, may_lose) in [
        ("raid0", 0, 2, 0_usize),
        ("linear", 0, 3, 0),
        ("raid1", 0, 3, 2),
        ("raid4", 0, 4, 1),
        ("raid5", 2, 4, 1),
        ("raid6", 2, 5, 2),
        ("raid10", 0x102, 4, 2),
        ("raid10", 0x201, 4, 2),
        ("raid10", 0x103, 5, 3),
    ] {
        let roles: Vec<Role> = (0..slots).map(|slot| Role::Active { slot }).collect();
        for lost in 0..1_u32 << slots {
            let mut array = array(slots, level, "clean", layout, None, &roles);
            for slot in 0..slots {
                if lost >> slot & 1 == 1 {
                    array.members[slot as usize].device = DeviceId::Gone("sdx".to_owned());
                }
            }
            let (is, reasons) = health(&array);
            let count = lost.count_ones() as usize;
            assert_eq!(matches!(is, Health::Optimal { .. }), lost == 0, "{array:?}");
            if count > may_lose {
                assert!(
                    matches!(is, Health::Failed { .. }),
                    "{level} without {lost:b}: {is:?}"
                );
            }
            assert!(lost == 0 || reasons.len() >= 2 * count, "{reasons:?}");
        }
    }
}
