//! Hand-made: what somebody is told when an array is not as it was agreed to.

use std::time::Duration;

use moxnas_core::sim::{DiskSpec, SimMachine};

use super::*;
use crate::{Change, CreateArray, RaidBackend, SimRaid, plan};

const TB: u64 = 1_000_000_000_000;

/// A machine with disks A to F, and an array of some of them.
fn tank(level: Level, members: &[&str], spares: &[&str]) -> SimRaid {
    let machine = SimMachine::new(7);
    for serial in ["A", "B", "C", "D", "E", "F"] {
        machine.plug(DiskSpec::hdd(serial, 4 * TB));
    }
    let raid = SimRaid::new(machine);
    let wish = CreateArray {
        spares: ids(&raid, spares),
        ..CreateArray::new("tank".parse().unwrap(), level, ids(&raid, members))
    };
    run(&raid, &Change::Create(wish));
    settle(&raid);
    raid
}

fn ids(raid: &SimRaid, names: &[&str]) -> Vec<DeviceId> {
    let seen = raid.observe().unwrap();
    let id = |it: &&str| seen.devices.resolve(it).unwrap().id.clone();
    names.iter().map(id).collect()
}

fn id(raid: &SimRaid, name: &str) -> DeviceId {
    ids(raid, &[name]).remove(0)
}

fn settle(raid: &SimRaid) {
    raid.machine().advance(Duration::from_secs(30 * 24 * 3600));
    raid.observe().unwrap();
}

fn run(raid: &SimRaid, change: &Change) {
    let plan = plan(&raid.observe().unwrap(), change).unwrap();
    crate::execute(raid, &plan.steps).unwrap();
}

fn agreed(raid: &SimRaid) -> Vec<ExpectedArray> {
    ExpectedArray::all_of(&raid.observe().unwrap())
}

fn told(expected: &[ExpectedArray], raid: &SimRaid) -> Vec<What> {
    let found = compare(expected, &raid.observe().unwrap());
    for it in &found {
        assert!(!it.to_string().is_empty() && !it.remedy().is_empty());
    }
    found.into_iter().map(|it| it.what).collect()
}

fn pull(raid: &SimRaid, name: &str) {
    raid.machine().pull(name).unwrap();
}

#[test]
fn a_member_that_leaves_is_named() {
    let raid = tank(Level::Raid1, &["A", "B"], &[]);
    let expected = agreed(&raid);
    assert_eq!(told(&expected, &raid), []);
    let device = id(&raid, "B");
    pull(&raid, "B");
    let missing = What::MemberMissing {
        device,
        whereabouts: Whereabouts::Absent,
        replaced_by: None,
    };
    assert_eq!(told(&expected, &raid), [missing]);
    assert_eq!(told(&agreed(&raid), &raid), []);
}

#[test]
fn a_spare_that_took_over_is_missed_as_a_spare() {
    let raid = tank(Level::Raid1, &["A", "B"], &["C"]);
    let expected = agreed(&raid);
    let (b, c) = (id(&raid, "B"), id(&raid, "C"));
    let array = "tank".parse().unwrap();
    let device = b.clone();
    run(&raid, &Change::Fail { array, device });
    settle(&raid);
    let fewer = What::FewerSpares {
        expected: 1,
        present: 0,
        missing: Vec::new(),
    };
    let missing = What::MemberMissing {
        device: b,
        whereabouts: Whereabouts::Faulty,
        replaced_by: Some(c),
    };
    assert_eq!(told(&expected, &raid), [fewer, missing]);
}

#[test]
fn a_spare_that_leaves_is_one_fact_and_not_two() {
    let raid = tank(Level::Raid5, &["A", "B", "C"], &["D"]);
    let (expected, d) = (agreed(&raid), id(&raid, "D"));
    pull(&raid, "D");
    let fewer = What::FewerSpares {
        expected: 1,
        present: 0,
        missing: vec![d],
    };
    assert_eq!(told(&expected, &raid), [fewer]);
}

/// It lasts until the machine is started anew.
#[test]
fn a_snapshot_that_somebody_looks_into_is_not_expected() {
    let raid = tank(Level::Raid1, &["A", "B"], &[]);
    let uuid = raid.observe().unwrap().find("tank").unwrap().uuid.clone();
    let node = format!("md-uuid-{}", uuid.unwrap());
    let expected = agreed(&raid);
    let at = "/srv/tank/.snapshots/data/monday".to_owned();
    raid.machine().state().mounts.push((node, at));
    assert_eq!(told(&expected, &raid), []);
    let expected = agreed(&raid);
    raid.machine().state().mounts.clear();
    assert_eq!(told(&expected, &raid), []);
}

#[test]
fn an_array_that_is_not_there_says_which_of_its_devices_are() {
    let raid = tank(Level::Raid1, &["A", "B"], &[]);
    let uuid = raid.observe().unwrap().find("tank").unwrap().uuid.clone();
    let node = format!("md-uuid-{}", uuid.unwrap());
    let mounted = (node, "/srv/tank".to_owned());
    raid.machine().state().mounts.push(mounted);
    let (expected, a, b) = (agreed(&raid), id(&raid, "A"), id(&raid, "B"));
    raid.machine().state().mounts.clear();
    let at = "/srv/tank".to_owned();
    assert_eq!(
        told(&expected, &raid),
        [What::MountMissing { at: at.clone() }]
    );

    let array = "tank".parse().unwrap();
    run(&raid, &Change::Stop { array });
    pull(&raid, "B");
    let missing = What::ArrayMissing {
        present: vec![a],
        without: Vec::new(),
        absent: vec![b],
        mounts: vec![at],
    };
    assert_eq!(told(&expected, &raid), [missing]);
}

/// Whoever has a pool mounted or unmounted is not told of it as a surprise; what was away before is
/// missed all the same.
#[test]
fn what_a_change_mounts_is_expected_from_then_on() {
    let raid = tank(Level::Raid1, &["A", "B"], &[]);
    let uuid = raid.observe().unwrap().find("tank").unwrap().uuid.clone();
    let node = format!("md-uuid-{}", uuid.unwrap());
    let mount = |places: &[&str]| {
        let mounts = places.iter().map(|at| (node.clone(), (*at).to_owned()));
        raid.machine().state().mounts = mounts.collect();
        raid.observe().unwrap()
    };
    let away = |at: &str| vec![What::MountMissing { at: at.to_owned() }];
    mount(&["/srv/old"]);
    let expected = agreed(&raid);
    let before = mount(&[]);
    let after = mount(&["/srv/tank"]);
    let expected = follow(&expected, &before, &after);
    assert_eq!(told(&expected, &raid), away("/srv/old"));
    mount(&["/srv/old"]);
    assert_eq!(told(&expected, &raid), away("/srv/tank"));

    let before = mount(&["/srv/old", "/srv/tank"]);
    let after = mount(&["/srv/old"]);
    let expected = follow(&expected, &before, &after);
    assert_eq!(told(&expected, &raid), []);
}

#[test]
fn what_nobody_has_accepted_is_foreign() {
    let raid = tank(Level::Raid1, &["A", "B"], &[]);
    assert_eq!(told(&[], &raid), [What::Foreign { home: None }]);
    let mut seen = raid.observe().unwrap();
    seen.arrays[0].name = "other:tank".to_owned();
    let home = Some("other".to_owned());
    assert_eq!(compare(&[], &seen)[0].what, What::Foreign { home });
    let expected = "tank".to_owned();
    assert_eq!(
        compare(&agreed(&raid), &seen)[0].what,
        What::Renamed { expected }
    );
}

#[test]
fn an_array_that_was_not_whole_at_boot_is_told_until_it_is() {
    let raid = tank(Level::Raid1, &["A", "B"], &[]);
    let mut expected = agreed(&raid);
    expected[0].degraded_at_boot = true;
    assert_eq!(told(&expected, &raid), []);
    pull(&raid, "B");
    assert_eq!(told(&expected, &raid)[0], What::DegradedAtBoot);
}

#[test]
fn a_device_is_known_by_its_other_names() {
    let raid = tank(Level::Raid1, &["A", "B"], &[]);
    let expected = agreed(&raid);
    let mut seen = raid.observe().unwrap();
    let text = serde_json::to_string(&seen).unwrap();
    let b = id(&raid, "B").to_string();
    seen = serde_json::from_str(&text.replace(&format!("\"{b}\""), "\"ata-B\"")).unwrap();
    let device = seen.devices.by_name.values_mut();
    for device in device.filter(|it| it.id.to_string() == "ata-B") {
        device.aliases.push(b.clone());
    }
    assert_eq!(compare(&expected, &seen), []);
}

#[test]
fn a_change_is_followed_and_what_was_missing_before_is_not_forgotten() {
    let raid = tank(Level::Raid1, &["A", "B"], &[]);
    let expected = agreed(&raid);
    let b = id(&raid, "B");
    pull(&raid, "B");
    let before = raid.observe().unwrap();
    let device = id(&raid, "C");
    let array = "tank".parse().unwrap();
    run(
        &raid,
        &Change::Add {
            array,
            device,
            as_spare: false,
        },
    );
    settle(&raid);
    let after = raid.observe().unwrap();
    let follows = follow(&expected, &before, &after);
    let missing = What::MemberMissing {
        device: b,
        whereabouts: Whereabouts::Absent,
        replaced_by: None,
    };
    assert_eq!(told(&follows, &raid), [missing]);
}
