//! The sysfs reader against captured machines.

mod agreement;
mod damage;

pub(crate) use damage::copy_tree;

use std::fmt::Write;

use moxnas_core::disk::DeviceId;
use moxnas_raid::{Array, Health, Level, MemberFlag, Role, SyncState, health};
use serde::Serialize;

use crate::captured;

/// What matters of an array, in few lines.
#[derive(Serialize)]
struct Compact<'a> {
    array: String,
    uuid: Option<&'a str>,
    slots: u32,
    degraded: Option<u32>,
    size_kib: u64,
    component_kib: u64,
    chunk_kib: Option<u64>,
    layout: u32,
    consistency: &'a str,
    mismatch: Option<u64>,
    sync: &'a SyncState,
    members: Vec<String>,
    health: Health,
    reasons: Vec<String>,
}

fn compact(array: &Array) -> Compact<'_> {
    let (health, reasons) = health(array);
    Compact {
        array: format!(
            "{} {}: {} {}, {}",
            array.kernel_name, array.name, array.level, array.metadata, array.state
        ),
        uuid: array.uuid.as_deref(),
        slots: array.slots,
        degraded: array.degraded,
        size_kib: array.size.kib(),
        component_kib: array.component_size.kib(),
        chunk_kib: array.chunk.map(|it| it.kib()),
        layout: array.layout,
        consistency: &array.consistency,
        mismatch: array.mismatch.map(|it| it.0),
        sync: &array.sync,
        members: array.members.iter().map(member).collect(),
        health,
        reasons: reasons.iter().map(ToString::to_string).collect(),
    }
}

fn member(it: &moxnas_raid::Member) -> String {
    let mut text = format!("{} {}", it.kernel_name, it.role);
    if let Some(slot) = it.slot() {
        write!(text, " in slot {slot}").unwrap();
    }
    if !it.flags.is_empty() {
        write!(text, " {:?}", it.flags).unwrap();
    }
    if it.errors > 0 {
        write!(text, ", {} errors", it.errors).unwrap();
    }
    write!(text, ": {}", it.device).unwrap();
    text
}

#[test]
fn every_captured_machine_is_read() {
    for it in captured::all() {
        let seen = it.observe();
        assert_eq!(seen.errors, Vec::<String>::new(), "{}", it.title());
        assert_eq!(seen.devices.errors, Vec::<String>::new(), "{}", it.title());
        let arrays: Vec<Compact<'_>> = seen.arrays.iter().map(compact).collect();
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_json_snapshot!(format!("{}__{}", it.suite, it.state), arrays);
        });
    }
}

fn only_array(it: &captured::Captured) -> Array {
    let mut arrays = it.observe().arrays;
    assert_eq!(arrays.len(), 1, "{}", it.title());
    arrays.remove(0)
}

#[test]
fn a_dead_array_is_never_called_well() {
    for it in captured::named("raid5-two-members-gone-mounted") {
        let array = only_array(&it);
        assert_eq!(health(&array).0, Health::Failed { missing: 2 });
    }
    for it in captured::named("raid5-inactive-incomplete") {
        assert_eq!(health(&only_array(&it)).0, Health::Inactive);
    }
}

/// md never marks a member of a level without redundancy as faulty: that its device has left is
/// seen only by the link that leads nowhere.
#[test]
fn a_stripe_that_lost_a_member_has_failed() {
    for it in captured::named("raid0-clean") {
        let copy = damage::Copy::of(&it);
        copy.remove("sys/block/sdb");
        let array = copy.observe().arrays.remove(0);
        let gone = DeviceId::Gone("sdb".to_owned());
        assert_eq!(array.member(&gone).unwrap().role, Role::Active { slot: 1 });
        assert_eq!(health(&array).0, Health::Failed { missing: 1 });
    }
}

#[test]
fn an_array_that_was_not_started_still_says_who_it_is() {
    for it in captured::named("raid5-inactive-incomplete") {
        let array = only_array(&it);
        assert_eq!(array.name, "r5");
        assert!(array.uuid.is_some());
        assert_eq!(array.spares().count(), 2, "roles are not known yet");
        assert_eq!(array.level, Level::Other("unknown".to_owned()));
    }
}

#[test]
fn containers_and_their_volumes_are_told_apart() {
    for (state, name) in [
        ("ddf-container-with-volume", "ddf0"),
        ("imsm-container-with-volume", "imsm0"),
    ] {
        for it in captured::named(state) {
            let seen = it.observe();
            let [volume, container] = seen.arrays.as_slice() else {
                panic!("{}: {:?}", it.title(), seen.arrays);
            };
            assert_eq!(
                (container.name.as_str(), &container.level),
                (name, &Level::Container)
            );
            assert_eq!(container.members.len(), 4);
            assert_eq!(health(container).0, Health::Optimal { can_lose: 0 });
            assert_eq!(volume.name, "volume");
            assert!(volume.metadata.starts_with("external:/md127/"));
            assert_ne!(volume.uuid, container.uuid);
        }
    }
}

#[test]
fn an_array_of_another_machine_keeps_its_name() {
    for it in captured::named("raid1-foreign-homehost") {
        assert_eq!(only_array(&it).name, "other:tank");
        let copy = damage::Copy::of(&it);
        // As where mdadm has no map any more.
        copy.edit("run/udev/data/b9:127", |it| {
            it.replace("E:MD_DEVNAME=other:tank\n", "")
        });
        assert_eq!(copy.observe().arrays[0].name, "other:tank");
        copy.edit("run/udev/data/b9:127", |it| {
            it.replace("MD_NAME=other:", "MD_NAME=lab:")
        });
        assert_eq!(copy.observe().arrays[0].name, "tank");
    }
}

#[test]
fn roles_and_flags_of_special_members() {
    let of = |state: &str| {
        captured::named(state)
            .iter()
            .map(only_array)
            .collect::<Vec<_>>()
    };
    for array in of("raid1-write-mostly") {
        let marked = |it: &&moxnas_raid::Member| it.flags.contains(&MemberFlag::WriteMostly);
        assert_eq!(array.members.iter().filter(marked).count(), 1);
    }
    for array in of("raid5-with-journal") {
        assert!(array.members.iter().any(|it| it.role == Role::Journal));
        assert_eq!(array.consistency, "journal");
    }
    for array in of("raid5-replace-running") {
        assert!(
            array.members[0]
                .flags
                .contains(&MemberFlag::WantReplacement)
        );
        assert_eq!(array.members[1].role, Role::Replacement { slot: 0 });
    }
    for array in of("raid5-reshape-running") {
        assert_eq!(array.slots, 4, "`4 (3)` is 4");
    }
}
