//! Facts and a wish give steps, or this refusal.

mod retry;

use std::{sync::Arc, time::Duration};

use moxnas_core::{
    disk::{DeviceId, Signature},
    sim::{DiskSpec, SimMachine},
    units::Bytes,
};

use super::*;
use crate::{
    backend::RaidBackend,
    health::Health,
    model::{ArrayState, Role, SyncState},
    shape::{Consistency, Layout},
    sim::SimRaid,
};

const TB: u64 = 1_000_000_000_000;

/// A machine with disks A to F of 4 TB.
fn six_disks() -> SimRaid {
    let machine = SimMachine::new(7);
    for serial in ["A", "B", "C", "D", "E", "F"] {
        machine.plug(DiskSpec::hdd(serial, 4 * TB));
    }
    SimRaid::new(machine)
}

fn ids(raid: &SimRaid, serials: &[&str]) -> Vec<DeviceId> {
    let seen = raid.observe().unwrap();
    serials
        .iter()
        .map(|it| seen.devices.resolve(it).unwrap().id.clone())
        .collect()
}

fn id(raid: &SimRaid, serial: &str) -> DeviceId {
    ids(raid, &[serial]).remove(0)
}

fn create(raid: &SimRaid, level: Level, serials: &[&str]) -> Change {
    Change::Create(CreateArray::new(
        "tank".parse().unwrap(),
        level,
        ids(raid, serials),
    ))
}

fn run(raid: &SimRaid, change: &Change) {
    let plan = plan(&raid.observe().unwrap(), change).unwrap();
    crate::execute(raid, &plan.steps).unwrap();
}

fn refusal(raid: &SimRaid, change: &Change) -> String {
    plan(&raid.observe().unwrap(), change)
        .unwrap_err()
        .to_string()
}

fn done(raid: &SimRaid) {
    raid.machine().advance(Duration::from_secs(3600 * 24 * 3));
}

fn tank(raid: &SimRaid) -> Array {
    raid.observe().unwrap().find("tank").unwrap().clone()
}

/// A running RAID 5 of A, B and C.
fn raid5() -> SimRaid {
    let raid = six_disks();
    run(&raid, &create(&raid, Level::Raid5, &["A", "B", "C"]));
    done(&raid);
    raid
}

fn on(array: &str) -> String {
    array.to_owned()
}

#[test]
fn create_wipes_what_is_there_makes_the_array_and_names_it() {
    let raid = six_disks();
    let a = id(&raid, "A");
    raid.machine()
        .state()
        .contents_mut(&a)
        .signatures
        .push(Signature::new("ext4", "1234"));
    let plan = plan(
        &raid.observe().unwrap(),
        &create(&raid, Level::Raid6, &["A", "B", "C", "D"]),
    );
    let plan = plan.unwrap();
    let text: Vec<String> = plan.steps.iter().map(ToString::to_string).collect();
    assert_eq!(
        text,
        [
            format!("erase all signatures on {a}"),
            "create raid6 array tank of 4 devices".to_owned(),
            "name tank in mdadm.conf".to_owned(),
        ]
    );
    assert_eq!(plan.dangers.len(), 4);
    assert!(
        plan.dangers[0].to_string().contains("ext4 1234"),
        "{}",
        plan.dangers[0]
    );
}

#[test]
fn new_data_on_a_disk_is_another_plan() {
    let raid = six_disks();
    let change = create(&raid, Level::Raid1, &["A", "B"]);
    let fingerprint = || {
        plan(&raid.observe().unwrap(), &change)
            .unwrap()
            .fingerprint()
    };
    let before = fingerprint();
    assert_eq!(before, fingerprint());
    let a = id(&raid, "A");
    raid.machine()
        .state()
        .contents_mut(&a)
        .signatures
        .push(Signature::new("xfs", "1"));
    let marked = fingerprint();
    assert_ne!(before, marked);
    raid.machine().state().contents_mut(&a).signatures[0].uuid = Some("2".to_owned());
    assert_ne!(marked, fingerprint());
}

#[test]
fn a_device_in_use_is_refused_and_says_by_whom() {
    let machine = SimMachine::new(7);
    machine.plug(DiskSpec {
        partitions: vec![Bytes(TB), Bytes(TB)],
        ..DiskSpec::nvme("SYS", 2 * TB)
    });
    machine.plug(DiskSpec {
        partitions: vec![Bytes(TB)],
        ..DiskSpec::hdd("DATA", 2 * TB)
    });
    machine.plug(DiskSpec::hdd("FREE", 2 * TB));
    machine.plug(DiskSpec {
        serial: String::new(),
        wwn: None,
        ..DiskSpec::hdd("", 2 * TB)
    });
    machine.plug(DiskSpec::hdd("SMALL", 1 << 20));
    let raid = SimRaid::new(Arc::clone(&machine));
    let seen = raid.observe().unwrap();
    let part = |name: &str| seen.devices.get(name).unwrap().id.to_string();
    machine
        .state()
        .mounts
        .push((part("nvme0n1p2"), "/".to_owned()));
    machine
        .state()
        .mounts
        .push((part("sda1"), "/srv/data".to_owned()));
    let nameless = DeviceId::Kernel("sdc".to_owned());
    let with = |device: DeviceId| {
        let members = vec![id(&raid, "FREE"), device];
        refusal(
            &raid,
            &Change::Create(CreateArray::new(
                "tank".parse().unwrap(),
                Level::Raid1,
                members,
            )),
        )
    };
    for (device, expected) in [
        (
            id(&raid, "SYS"),
            "carries the running system: nvme0n1p2 is mounted at /",
        ),
        (id(&raid, "DATA"), "is in use: sda1 is mounted at /srv/data"),
        (id(&raid, "FREE"), "is named more than once"),
        (
            id(&raid, "SMALL"),
            "holds 1.0 MB, at least 16.8 MB are needed",
        ),
        (nameless, "tells neither WWN nor serial number"),
        ("wwn-0x1".parse().unwrap(), "there is no device wwn-0x1"),
    ] {
        let text = with(device);
        assert!(
            text.contains(expected),
            "{text:?} does not say {expected:?}"
        );
    }
    // A free partition of a disk whose other partition is in use may be given away.
    let free = seen.devices.get("nvme0n1p1").unwrap().id.clone();
    let members = vec![id(&raid, "FREE"), free];
    let want = CreateArray::new("tank".parse().unwrap(), Level::Raid1, members);
    assert!(plan(&raid.observe().unwrap(), &Change::Create(want)).is_ok());
}

#[test]
fn refusals_of_shape() {
    let raid = six_disks();
    let all = |level, serials: &[&str], change: &dyn Fn(&mut CreateArray)| {
        let Change::Create(mut want) = create(&raid, level, serials) else {
            unreachable!()
        };
        change(&mut want);
        refusal(&raid, &Change::Create(want))
    };
    let as_is = |_: &mut CreateArray| ();
    assert_eq!(
        all(Level::Raid6, &["A", "B", "C"], &as_is),
        "raid6 needs at least 4 members, got 3"
    );
    assert_eq!(
        all(Level::Linear, &["A", "B"], &as_is),
        "arrays of level linear cannot be made"
    );
    assert_eq!(
        all(Level::Raid0, &["A", "B"], &|it| it.spares =
            ids(&raid, &["C"])),
        "raid0 has no redundancy and cannot use spares"
    );
    assert_eq!(
        all(Level::Raid1, &["A", "B"], &|it| it.chunk =
            Some(Bytes(65536))),
        "a chunk of 65.5 kB cannot be used with raid1"
    );
    type Bend<'a> = &'a dyn Fn(&mut CreateArray);
    let unfit: [(Level, Bend, &str); 11] = [
        (
            Level::Raid5,
            &|it| it.layout = Some(Layout::Near(2)),
            "layout cannot be as wished with raid5: the level has no such layout",
        ),
        (
            Level::Raid4,
            &|it| it.layout = Some(Layout::LeftSymmetric),
            "layout cannot be as wished with raid4: the level has no such layout",
        ),
        (
            Level::Raid10,
            &|it| it.layout = Some(Layout::Far(4)),
            "raid10 needs at least 4 members, got 3",
        ),
        (
            Level::Raid6,
            &|it| it.consistency = Some(Consistency::Ppl),
            "raid6 needs at least 4 members, got 3",
        ),
        (
            Level::Raid1,
            &|it| it.consistency = Some(Consistency::Ppl),
            "consistency cannot be as wished with raid1: the level cannot have it",
        ),
        (
            Level::Raid5,
            &|it| it.consistency = Some(Consistency::Journal),
            "consistency cannot be as wished with raid5: a journal needs a device",
        ),
        (
            Level::Raid5,
            &|it| {
                it.journal = Some(id(&raid, "D"));
                it.consistency = Some(Consistency::Bitmap);
            },
            "consistency cannot be as wished with raid5: with a journal it is `journal`",
        ),
        (
            Level::Raid5,
            &|it| it.write_mostly = [id(&raid, "A")].into(),
            "write-mostly cannot be as wished with raid5: only a mirror can be read elsewhere",
        ),
        (
            Level::Raid1,
            &|it| it.write_mostly = ids(&raid, &["A", "B", "C"]).into_iter().collect(),
            "write-mostly cannot be as wished with raid1: some member has to be read",
        ),
        (
            Level::Raid0,
            &|it| it.assume_clean = Some("new".to_owned()),
            "assume-clean cannot be as wished with raid0: there is nothing that could agree",
        ),
        (
            Level::Raid1,
            &|it| it.assume_clean = Some(" ".to_owned()),
            "assume-clean cannot be as wished with raid1: it takes a reason",
        ),
    ];
    for (level, change, why) in unfit {
        assert_eq!(all(level, &["A", "B", "C"], change), why);
    }
    run(&raid, &create(&raid, Level::Raid1, &["A", "B"]));
    assert_eq!(
        refusal(&raid, &create(&raid, Level::Raid1, &["C", "D"])),
        "an array named tank exists already"
    );
    let Change::Create(mut want) = create(&raid, Level::Raid1, &["B", "C"]) else {
        unreachable!()
    };
    want.name = "other".parse().unwrap();
    assert!(refusal(&raid, &Change::Create(want)).ends_with("is a member of array tank"));
}

#[test]
fn a_failed_member_is_replaced_by_the_spare_and_removed() {
    let raid = raid5();
    assert_eq!(
        crate::health(&tank(&raid)).0,
        Health::Optimal { can_lose: 1 }
    );
    run(
        &raid,
        &Change::Add {
            array: on("tank"),
            device: id(&raid, "D"),
            as_spare: true,
        },
    );
    assert_eq!(tank(&raid).spares().count(), 1);

    let fail = Change::Fail {
        array: on("tank"),
        device: id(&raid, "B"),
    };
    let fail_plan = plan(&raid.observe().unwrap(), &fail).unwrap();
    assert_eq!(
        fail_plan.dangers[0].to_string(),
        "tank can lose 0 more members afterwards, 1 before"
    );
    run(&raid, &fail);
    assert_eq!(
        crate::health(&tank(&raid)).0,
        Health::Degraded {
            missing: 1,
            can_lose: 0
        }
    );
    assert!(matches!(tank(&raid).sync, SyncState::Running { .. }));
    let lose = Change::Fail {
        array: on("tank"),
        device: id(&raid, "A"),
    };
    assert!(refusal(&raid, &lose).contains("would lose redundancy it does not have"));

    done(&raid);
    assert_eq!(
        crate::health(&tank(&raid)).0,
        Health::Optimal { can_lose: 1 }
    );
    run(
        &raid,
        &Change::Remove {
            array: on("tank"),
            device: id(&raid, "B"),
        },
    );
    assert_eq!(tank(&raid).members.len(), 3);
    let active = Change::Remove {
        array: on("tank"),
        device: id(&raid, "A"),
    };
    assert!(refusal(&raid, &active).ends_with("is an active member of array tank"));
}

#[test]
fn replace_keeps_redundancy_while_it_runs() {
    let raid = raid5();
    let change = Change::Replace {
        array: on("tank"),
        device: id(&raid, "B"),
        with: Some(id(&raid, "E")),
    };
    run(&raid, &change);
    raid.machine().advance(Duration::from_secs(60));
    assert_eq!(
        crate::health(&tank(&raid)).0,
        Health::Optimal { can_lose: 1 }
    );
    assert!(
        tank(&raid)
            .members
            .iter()
            .any(|it| it.role == Role::Replacement { slot: 1 })
    );
    done(&raid);
    let after = tank(&raid);
    assert_eq!(
        after.member(&id(&raid, "E")).unwrap().role,
        Role::Active { slot: 1 }
    );
    assert_eq!(after.member(&id(&raid, "B")).unwrap().role, Role::Faulty);
    let none = Change::Replace {
        array: on("tank"),
        device: id(&raid, "A"),
        with: None,
    };
    assert_eq!(refusal(&raid, &none), "array tank has no spare");
}

/// It goes on as soon as the array can be written, and would be in the way of what comes after.
#[test]
fn a_replacement_that_waits_is_not_in_the_way_of_other_settings() {
    let raid = raid5();
    let replace = Change::Replace {
        array: on("tank"),
        device: id(&raid, "B"),
        with: Some(id(&raid, "E")),
    };
    run(&raid, &replace);
    let mut seen = raid.observe().unwrap();
    seen.arrays[0].state = ArrayState::ReadAuto;
    seen.arrays[0].sync = SyncState::Idle;
    let set = |read_only| Change::Set {
        array: on("tank"),
        settings: ArraySettings {
            read_only,
            consistency: Some(Consistency::Resync),
            ..ArraySettings::default()
        },
    };
    assert_eq!(
        plan(&seen, &set(Some(true))).unwrap_err().to_string(),
        "consistency cannot be as wished with raid5: the replacement of a member goes on with it: \
         make it read-only after that"
    );
    assert_eq!(plan(&seen, &set(None)).unwrap().steps.len(), 2);
}

#[test]
fn scrub_needs_something_to_compare_and_nothing_else_running() {
    let raid = raid5();
    let scrub = |scrub| Change::Scrub {
        array: on("tank"),
        scrub,
    };
    assert_eq!(
        refusal(&raid, &scrub(Scrub::Idle)),
        "no check or repair runs on array tank"
    );
    run(&raid, &scrub(Scrub::Check));
    assert_eq!(
        refusal(&raid, &scrub(Scrub::Repair)),
        "array tank is busy with a check"
    );
    run(&raid, &scrub(Scrub::Idle));
    assert_eq!(tank(&raid).sync, SyncState::Idle);
    raid.machine().pull("A").unwrap();
    assert_eq!(
        refusal(&raid, &scrub(Scrub::Check)),
        "array tank has 1 members missing"
    );
}

#[test]
fn stop_assemble_and_delete() {
    let raid = raid5();
    let uuid = tank(&raid).uuid.unwrap();
    raid.machine()
        .state()
        .mounts
        .push((format!("md-uuid-{uuid}"), "/srv".to_owned()));
    let delete = Change::Delete { array: on("tank") };
    assert_eq!(
        refusal(&raid, &delete),
        "array tank is in use: md127 is mounted at /srv"
    );
    raid.machine().state().mounts.clear();

    run(&raid, &Change::Stop { array: on("tank") });
    assert_eq!(raid.observe().unwrap().arrays.len(), 0);
    assert!(refusal(&raid, &create(&raid, Level::Raid1, &["E", "F"])).contains("exists already"));
    run(&raid, &Change::Assemble { array: on("tank") });
    assert_eq!(
        crate::health(&tank(&raid)).0,
        Health::Optimal { can_lose: 1 }
    );
    assert!(raid.observe().unwrap().conf.ours.contains_key(&uuid));

    run(&raid, &delete);
    let seen = raid.observe().unwrap();
    assert!(seen.arrays.is_empty() && seen.conf.ours.is_empty());
    assert!(
        seen.devices.disks().all(|it| it.signatures.is_empty()),
        "a superblock is left"
    );
}

/// The figures shown before are those of the array that is made.
#[test]
fn prediction_and_observation_agree() {
    for (level, serials) in [
        (Level::Raid0, &["A", "B"][..]),
        (Level::Raid1, &["A", "B", "C"]),
        (Level::Raid5, &["A", "B", "C"]),
        (Level::Raid6, &["A", "B", "C", "D", "E"]),
        (Level::Raid10, &["A", "B", "C"]),
    ] {
        let raid = six_disks();
        let before = raid.observe().unwrap();
        let steps = plan(&before, &create(&raid, level, serials)).unwrap().steps;
        let predicted = steps.iter().fold(before, |seen, step| predict(&seen, step));
        crate::execute(&raid, &steps).unwrap();
        done(&raid);
        let (expected, found) = (predicted.find("tank").unwrap(), tank(&raid));
        assert_eq!(expected.size, found.size);
        assert_eq!(crate::health(expected).0, crate::health(&found).0);
        let roles = |array: &Array| -> Vec<_> {
            array
                .members
                .iter()
                .map(|it| (it.device.clone(), it.role))
                .collect()
        };
        assert_eq!(roles(expected), roles(&found));
    }
}

#[test]
fn a_reboot_with_a_member_missing_starts_degraded_after_the_timer() {
    let raid = raid5();
    raid.machine().reboot();
    assert_eq!(
        crate::health(&tank(&raid)).0,
        Health::Optimal { can_lose: 1 }
    );
    raid.machine().pull("C").unwrap();
    raid.machine().reboot();
    // It was pulled while running, so that the others know it is not needed.
    assert_eq!(
        crate::health(&tank(&raid)).0,
        Health::Degraded {
            missing: 1,
            can_lose: 0
        }
    );
    let raid = raid5();
    {
        let machine = raid.machine();
        machine.state().take_out("C").unwrap();
        machine.reboot();
    }
    assert_eq!(crate::health(&tank(&raid)).0, Health::Inactive);
    raid.machine().advance(Duration::from_secs(31));
    assert_eq!(
        crate::health(&tank(&raid)).0,
        Health::Degraded {
            missing: 1,
            can_lose: 0
        }
    );
}

#[test]
fn an_array_that_died_in_a_reshape_is_not_said_to_end_it() {
    let raid = raid5();
    let array = raid.observe().unwrap().arrays.remove(0);
    let mounted = format!("md-uuid-{}", array.uuid.as_ref().unwrap());
    let at = "/srv/tank".to_owned();
    raid.machine().state().mounts.push((mounted, at));
    run(
        &raid,
        &Change::Grow {
            array: on("tank"),
            grow: Grow::Members { slots: 4 },
            add: ids(&raid, &["D"]),
        },
    );
    raid.observe().unwrap();
    let lost = id(&raid, "A");
    for serial in ["A", "B"] {
        raid.machine().pull(serial).unwrap();
    }
    let seen = raid.observe().unwrap();
    let array = &seen.arrays[0];
    assert!(array.reshape.is_some(), "{array:#?}");
    let step = Step::Remove {
        array: ArrayRef::of(array),
        device: lost,
    };
    let after = predict(&seen, &step);
    assert_eq!(after.arrays[0].size, array.size);
    assert!(after.arrays[0].reshape.is_some());
}
