//! Hand-computed: what is left of machines when a device leaves.

mod steps;

use std::{sync::Arc, time::Duration};

use moxnas_core::{
    disk::{BlockDevice, BlockKind, Bus},
    sim::{DiskSpec, SimMachine},
};

use super::*;
use crate::{
    Change, CreateArray, Grow, Health, Inventory, Level, RaidBackend, Role, SimRaid, SyncAction,
    plan,
};

const TB: u64 = 1_000_000_000_000;

/// A machine with disks A to F of 4 TB that spin.
fn six_disks() -> SimRaid {
    let machine = SimMachine::new(7);
    for serial in ["A", "B", "C", "D", "E", "F"] {
        machine.plug(DiskSpec::hdd(serial, 4 * TB));
    }
    SimRaid::new(machine)
}

fn run(raid: &SimRaid, change: &Change) {
    let plan = plan(&raid.observe().unwrap(), change).unwrap();
    crate::execute(raid, &plan.steps).unwrap();
}

fn ids(raid: &SimRaid, names: &[&str]) -> Vec<moxnas_core::disk::DeviceId> {
    let seen = raid.observe().unwrap();
    let id = |it: &&str| seen.devices.resolve(it).unwrap().id.clone();
    names.iter().map(id).collect()
}

fn create(raid: &SimRaid, name: &str, level: Level, members: &[&str], spares: &[&str]) {
    let wish = CreateArray {
        spares: ids(raid, spares),
        ..CreateArray::new(name.parse().unwrap(), level, ids(raid, members))
    };
    run(raid, &Change::Create(wish));
    settle(raid);
}

fn settle(raid: &SimRaid) {
    raid.machine().advance(Duration::from_secs(30 * 24 * 3600));
    raid.observe().unwrap();
}

/// A machine with one array, of which nothing runs.
fn tank(level: Level, members: &[&str], spares: &[&str]) -> SimRaid {
    let raid = six_disks();
    create(&raid, "tank", level, members, spares);
    raid
}

fn mount(raid: &SimRaid, array: &str, at: &str) {
    let uuid = raid.observe().unwrap().find(array).unwrap().uuid.clone();
    let id = format!("md-uuid-{}", uuid.unwrap());
    raid.machine().state().mounts.push((id, at.to_owned()));
}

fn leaves(seen: &Inventory, name: &str) -> Leaving {
    if_it_leaves(seen, seen.devices.resolve(name).unwrap())
}

/// The one array, if the disk leaves.
fn without(raid: &SimRaid, name: &str) -> ArrayWithout {
    let mut leaving = leaves(&raid.observe().unwrap(), name);
    assert_eq!(leaving.arrays.len(), 1, "{leaving:#?}");
    leaving.arrays.remove(0)
}

fn degraded(missing: u32, can_lose: u32) -> Health {
    Health::Degraded { missing, can_lose }
}

#[test]
fn every_level_loses_what_it_has_to_lose() {
    let lost = Health::Failed { missing: 1 };
    for (level, members, can_lose, after) in [
        (Level::Raid0, &["A", "B"][..], 0, lost),
        (Level::Raid1, &["A", "B"], 1, degraded(1, 0)),
        (Level::Raid1, &["A", "B", "C"], 2, degraded(1, 1)),
        (Level::Raid4, &["A", "B", "C"], 1, degraded(1, 0)),
        (Level::Raid5, &["A", "B", "C"], 1, degraded(1, 0)),
        (Level::Raid6, &["A", "B", "C", "D"], 2, degraded(1, 1)),
        (Level::Raid10, &["A", "B", "C", "D"], 1, degraded(1, 0)),
        (Level::Raid10, &["A", "B", "C"], 1, degraded(1, 0)),
    ] {
        let raid = tank(level.clone(), members, &[]);
        mount(&raid, "tank", "/srv");
        let leaving = leaves(&raid.observe().unwrap(), "A");
        let [it] = &leaving.arrays[..] else { panic!() };
        assert_eq!(it.before, Health::Optimal { can_lose }, "{level}");
        assert_eq!(it.after, after, "{level}");
        assert_eq!(it.used_by.len(), 1, "{level}");
        if after == lost {
            assert_eq!(
                (it.outcome, &it.repair),
                (Outcome::Lost, &Repair::Impossible)
            );
            assert_eq!(leaving.verdict(), Verdict::DataLost);
            assert_eq!(leaving.lost[0].array.as_deref(), Some("tank"));
            assert_eq!(leaving.lost[0].uses.len(), 1);
            continue;
        }
        assert_eq!(it.outcome, Outcome::Weakened, "{level}");
        assert_eq!(leaving.verdict(), Verdict::LessRedundancy);
        assert_eq!(leaving.lost, []);
        let next = after == degraded(1, 0);
        assert_eq!(it.notes.contains(&Note::NoneToLose), next, "{level}");
        let Repair::NewDevice { then, work, size } = &it.repair else {
            panic!("{level}: {:?}", it.repair)
        };
        assert_eq!(*then, Health::Optimal { can_lose });
        assert_eq!(size.0, work.per_member.0 + 4096);
        assert_eq!(leaves(&raid.observe().unwrap(), "F").arrays, []);
        assert_eq!(
            leaves(&raid.observe().unwrap(), "F").verdict(),
            Verdict::Harmless
        );
    }
}

/// 4 TB less 128 MiB and the superblock, over 204.8 MB/s and over 80 MB/s.
#[test]
fn the_time_of_a_repair_is_a_range_with_its_reason() {
    let Repair::NewDevice { work, .. } = without(&tank(Level::Raid1, &["A", "B"], &[]), "A").repair
    else {
        panic!()
    };
    assert_eq!(work.action, SyncAction::Recover);
    assert_eq!(work.per_member.0, 3_999_864_717_312);
    let Estimate::Between {
        at_least,
        at_most,
        basis,
    } = work.time
    else {
        panic!()
    };
    assert_eq!(at_least, Duration::from_secs(19_530));
    assert_eq!(at_most, Duration::from_secs(49_999));
    assert_eq!(
        basis.to_string(),
        "assuming 80.0 MB/s to 204.8 MB/s: disks that spin are half as fast on their inner tracks"
    );
}

/// What runs at 180 MB/s half way in began at 240 and will end at 120: speed falls evenly to a half.
#[test]
fn what_runs_tells_how_fast_it_is() {
    let raid = tank(Level::Raid6, &["A", "B", "C", "D"], &[]);
    run(
        &raid,
        &Change::Fail {
            array: "tank".to_owned(),
            device: ids(&raid, &["A"]).remove(0),
        },
    );
    run(
        &raid,
        &Change::Add {
            array: "tank".to_owned(),
            device: ids(&raid, &["E"]).remove(0),
            as_spare: false,
        },
    );
    let all = raid.observe().unwrap().arrays[0].component_size.0;
    raid.machine()
        .advance(Duration::from_secs(all / 180_000_000 / 2));
    let it = without(&raid, "B");
    assert_eq!((it.before, it.after), (degraded(1, 1), degraded(2, 0)));
    let Repair::NewDevice { work, then, .. } = &it.repair else {
        panic!("{:?}", it.repair)
    };
    // E, and a new device for B.
    assert_eq!(*then, Health::Optimal { can_lose: 2 });
    let Estimate::Between {
        at_least,
        at_most,
        basis,
    } = &work.time
    else {
        panic!()
    };
    // The outermost tracks would give 240 MB/s, and md takes 200,000 KiB/s.
    assert_eq!(at_least.as_secs(), all / (200_000 * 1024));
    assert_eq!(at_most.as_secs(), all.div_ceil(120_000_000));
    assert_eq!(
        basis.to_string(),
        "from the recover that runs at 180.0 MB/s now, and disks that spin are half as fast on \
         their inner tracks"
    );
    // The one that is being filled is not missed yet, but its filling is.
    let filled = without(&raid, "E");
    assert_eq!(
        (filled.before, filled.after),
        (degraded(1, 1), degraded(1, 1))
    );
    assert_eq!(filled.outcome, Outcome::Unharmed);
    assert_eq!(filled.notes, [Note::FillingEnds]);
    assert!(matches!(filled.repair, Repair::NewDevice { .. }));
}

#[test]
fn what_cannot_be_known_is_not_made_up() {
    let machine = SimMachine::new(7);
    for serial in ["A", "B"] {
        machine.plug(DiskSpec {
            bus: Bus::Virtio,
            ..DiskSpec::hdd(serial, TB)
        });
    }
    let raid = SimRaid::new(machine);
    create(&raid, "tank", Level::Raid1, &["A", "B"], &[]);
    let Repair::NewDevice { work, .. } = without(&raid, "A").repair else {
        panic!()
    };
    let Estimate::Unknown { because } = work.time else {
        panic!()
    };
    assert!(because.ends_with("is a disk of a virtual machine, and what is under it may be any"));
}

#[test]
fn the_mirror_of_a_missing_half_is_all_there_is() {
    let raid = tank(Level::Raid10, &["A", "B", "C", "D"], &[]);
    raid.machine().pull("A").unwrap();
    // Slots 0 and 1 hold the same chunks, 2 and 3 the others.
    let partner = without(&raid, "B");
    assert_eq!(partner.before, degraded(1, 0));
    assert_eq!(partner.after, Health::Failed { missing: 2 });
    assert_eq!(partner.outcome, Outcome::Lost);
    for other in ["C", "D"] {
        let other = without(&raid, other);
        assert_eq!(other.after, degraded(2, 0));
        assert_eq!(other.outcome, Outcome::Weakened);
        assert!(other.notes.contains(&Note::NoneToLose));
    }
}

#[test]
fn a_degraded_array_has_nothing_left_to_lose() {
    let raid = tank(Level::Raid5, &["A", "B", "C"], &[]);
    mount(&raid, "tank", "/srv/media");
    raid.machine().pull("C").unwrap();
    let seen = raid.observe().unwrap();
    let leaving = leaves(&seen, "A");
    assert_eq!(leaving.verdict(), Verdict::DataLost);
    assert_eq!(leaving.arrays[0].after, Health::Failed { missing: 2 });
    let lost: Vec<String> = leaving.lost[0]
        .uses
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(lost, ["md127 is mounted at /srv/media"]);

    // And once it has failed, nothing more can be lost with it.
    raid.machine().pull("A").unwrap();
    let dead = leaves(&raid.observe().unwrap(), "B");
    assert_eq!(dead.arrays[0].outcome, Outcome::LostBefore);
    assert_eq!(dead.arrays[0].repair, Repair::NotNeeded);
    assert_eq!((dead.lost, dead.unclear), (vec![], vec![]));
}

#[test]
fn a_spare_takes_over_and_is_missed_itself() {
    let raid = tank(Level::Raid5, &["A", "B", "C"], &["D"]);
    let it = without(&raid, "A");
    assert_eq!(it.after, degraded(1, 0));
    let Repair::Spare {
        candidates,
        work,
        then,
    } = &it.repair
    else {
        panic!("{:?}", it.repair)
    };
    assert_eq!(*candidates, ids(&raid, &["D"]));
    assert_eq!(
        work.per_member,
        raid.observe().unwrap().arrays[0].component_size
    );
    assert_eq!(*then, Health::Optimal { can_lose: 1 });
    let spare = without(&raid, "D");
    assert_eq!(spare.before, spare.after);
    assert_eq!(
        (spare.outcome, &spare.repair),
        (Outcome::Unharmed, &Repair::NotNeeded)
    );
    assert_eq!(spare.notes, [Note::NoSpareLeft]);

    // After a boot nothing is written before somebody writes.
    raid.machine().reboot();
    let waiting = without(&raid, "A");
    assert!(waiting.notes.contains(&Note::WaitsForWrite));
    assert!(matches!(
        waiting.repair,
        Repair::Spare {
            then: Health::Optimal { can_lose: 1 },
            ..
        }
    ));
}

/// Disks that spin and flash are as fast as they may be, and neither faster nor slower.
#[test]
fn a_repair_takes_as_long_as_was_said() {
    for disk in [DiskSpec::hdd, DiskSpec::ssd] {
        let machine = SimMachine::new(7);
        for serial in ["A", "B", "C"] {
            machine.plug(disk(serial, 4 * TB));
        }
        let raid = SimRaid::new(machine);
        create(&raid, "tank", Level::Raid1, &["A", "B"], &["C"]);
        mount(&raid, "tank", "/srv");
        let Repair::Spare { work, then, .. } = without(&raid, "A").repair else {
            panic!()
        };
        let Estimate::Between {
            at_least, at_most, ..
        } = work.time
        else {
            panic!()
        };
        let machine = raid.machine();
        machine.pull("A").unwrap();
        let is = || crate::health(&raid.observe().unwrap().arrays[0]).0;
        machine.advance(at_least - Duration::from_secs(1));
        assert_eq!(is(), degraded(1, 0));
        machine.advance(at_most - at_least + Duration::from_secs(1));
        assert_eq!(is(), then);
    }
}

/// The spare waits until the reshape has ended, of which nobody knows when.
#[test]
fn a_repair_after_a_reshape_takes_nobody_knows_how_long() {
    let raid = six_disks();
    create(&raid, "tank", Level::Raid5, &["A", "B", "C"], &["E"]);
    mount(&raid, "tank", "/srv");
    run(
        &raid,
        &Change::Grow {
            array: "tank".to_owned(),
            grow: Grow::Members { slots: 4 },
            add: ids(&raid, &["D"]),
        },
    );
    let it = without(&raid, "A");
    assert_eq!(it.after, degraded(1, 0));
    let Repair::Spare { work, .. } = it.repair else {
        panic!("{it:#?}")
    };
    assert!(matches!(work.time, Estimate::Unknown { .. }), "{work:#?}");
}

/// A new RAID 6 whose parity does not agree yet.
#[test]
fn what_does_not_agree_yet_may_be_wrong_afterwards() {
    let raid = six_disks();
    let wish = CreateArray::new(
        "tank".parse().unwrap(),
        Level::Raid6,
        ids(&raid, &["A", "B", "C", "D"]),
    );
    run(&raid, &Change::Create(wish));
    let it = without(&raid, "A");
    assert_eq!(it.before, Health::Optimal { can_lose: 0 });
    assert_eq!(it.after, degraded(1, 0));
    assert_eq!(
        it.notes,
        [Note::NoneToLose, Note::NotInSync, Note::ComesBackFast]
    );
}

/// Disks A, B and C with two partitions each.
fn partitioned() -> SimRaid {
    let machine = SimMachine::new(7);
    for serial in ["A", "B", "C"] {
        machine.plug(DiskSpec {
            partitions: vec![moxnas_core::units::Bytes(TB); 2],
            ..DiskSpec::hdd(serial, 4 * TB)
        });
    }
    SimRaid::new(machine)
}

#[test]
fn a_disk_takes_its_partitions_along() {
    let raid = partitioned();
    create(&raid, "one", Level::Raid1, &["sda1", "sdb1"], &[]);
    create(&raid, "two", Level::Raid5, &["sda2", "sdb2", "sdc2"], &[]);
    let seen = raid.observe().unwrap();
    let told = |name: &str| -> Vec<(String, Health)> {
        let leaving = leaves(&seen, name);
        leaving
            .arrays
            .iter()
            .map(|it| (it.name.clone(), it.after))
            .collect()
    };
    let (one, two) = (
        ("one".to_owned(), degraded(1, 0)),
        ("two".to_owned(), degraded(1, 0)),
    );
    assert_eq!(told("A"), [one.clone(), two.clone()]);
    assert_eq!(told("sda1"), [one]);
    assert_eq!(told("sda2"), std::slice::from_ref(&two));
    assert_eq!(told("C"), [two]);
    let both = leaves(&seen, "A");
    assert_eq!(both.verdict(), Verdict::LessRedundancy);
    let takes_turns = |it: &ArrayWithout| it.notes.contains(&Note::TakesTurns);
    assert!(both.arrays.iter().all(takes_turns));
    assert!(!leaves(&seen, "C").arrays.iter().any(takes_turns));
}

#[test]
fn two_members_on_one_disk_are_lost_together() {
    let raid = partitioned();
    create(&raid, "both", Level::Raid1, &["sda1", "sda2"], &[]);
    let leaving = leaves(&raid.observe().unwrap(), "A");
    assert_eq!(leaving.arrays[0].members.len(), 2);
    assert_eq!(leaving.arrays[0].after, Health::Failed { missing: 2 });
    assert_eq!(leaving.verdict(), Verdict::DataLost);
}

#[test]
fn an_array_that_does_not_run_says_nothing_of_what_it_needs() {
    let raid = tank(Level::Raid5, &["A", "B", "C"], &[]);
    raid.machine().state().take_out("C").unwrap();
    raid.machine().reboot();
    let inactive = leaves(&raid.observe().unwrap(), "A");
    assert_eq!(inactive.arrays[0].before, Health::Inactive);
    assert_eq!(inactive.arrays[0].repair, Repair::Unclear);
    assert_eq!(inactive.verdict(), Verdict::Unclear);
    let array = "tank".to_owned();
    assert_eq!(inactive.unclear, [Unclear::NotStarted { array }]);

    let raid = tank(Level::Raid5, &["A", "B", "C"], &[]);
    let array = "tank".to_owned();
    run(&raid, &Change::Stop { array });
    let stopped = leaves(&raid.observe().unwrap(), "A");
    assert_eq!(stopped.arrays, []);
    assert!(
        stopped.unclear[0]
            .to_string()
            .contains("which is not assembled"),
        "{stopped:?}"
    );
}

#[test]
fn what_an_array_threw_out_it_does_not_miss() {
    let raid = tank(Level::Raid1, &["A", "B"], &[]);
    let (array, device) = ("tank".to_owned(), ids(&raid, &["A"]).remove(0));
    run(
        &raid,
        &Change::Fail {
            array: array.clone(),
            device: device.clone(),
        },
    );
    assert_eq!(without(&raid, "A").outcome, Outcome::Unharmed);
    run(&raid, &Change::Remove { array, device });
    let removed = leaves(&raid.observe().unwrap(), "A");
    assert_eq!(removed.verdict(), Verdict::Harmless, "{removed:?}");
}

#[test]
fn the_running_system_is_not_a_file_system_like_others() {
    let machine = SimMachine::new(7);
    let parts = vec![moxnas_core::units::Bytes(TB); 2];
    machine.plug(DiskSpec {
        partitions: parts,
        ..DiskSpec::nvme("SYS", 2 * TB)
    });
    let raid = SimRaid::new(Arc::clone(&machine));
    let root = ids(&raid, &["nvme0n1p2"]).remove(0).to_string();
    machine.state().mounts.push((root, "/".to_owned()));
    let seen = raid.observe().unwrap();
    assert_eq!(leaves(&seen, "SYS").verdict(), Verdict::SystemLost);
    assert_eq!(leaves(&seen, "SYS").lost[0].kernel_name, "nvme0n1p2");
    assert_eq!(leaves(&seen, "nvme0n1p1").verdict(), Verdict::Harmless);
}

/// A device that stands on others, beside those that are there.
fn stack(seen: &mut Inventory, name: &str, uuid: &str, slaves: &[&str]) {
    let device = BlockDevice {
        name: name.to_owned(),
        id: format!("dm-name-{name}").parse().unwrap(),
        aliases: Vec::new(),
        number: (253, 0),
        size: moxnas_core::units::Bytes(TB),
        read_only: false,
        kind: BlockKind::Dm {
            name: name.to_owned(),
            uuid: Some(uuid.to_owned()),
        },
        slaves: slaves.iter().map(|it| (*it).to_owned()).collect(),
        signatures: Vec::new(),
        mounts: vec![format!("/srv/{name}")],
        swap: false,
    };
    seen.devices.by_name.insert(name.to_owned(), device);
}

#[test]
fn what_stands_on_a_lost_array_is_lost_and_two_ways_to_a_disk_are_two() {
    let raid = tank(Level::Raid0, &["A", "B"], &[]);
    let mut seen = raid.observe().unwrap();
    stack(&mut seen, "vg-data", "LVM-1", &["md127"]);
    stack(&mut seen, "mpatha", "mpath-1", &["sde", "sdf"]);
    let lost: Vec<String> = leaves(&seen, "A")
        .lost
        .iter()
        .map(|it| it.kernel_name.clone())
        .collect();
    assert_eq!(lost, ["md127", "vg-data"]);
    assert_eq!(leaves(&seen, "E").lost, []);
    seen.devices.by_name.remove("sdf");
    seen.devices
        .by_name
        .get_mut("mpatha")
        .unwrap()
        .slaves
        .truncate(1);
    assert_eq!(leaves(&seen, "E").lost[0].kernel_name, "mpatha");
}

#[test]
fn journals_and_arrays_that_could_not_be_read() {
    let raid = tank(Level::Raid5, &["A", "B", "C"], &["D"]);
    let mut seen = raid.observe().unwrap();
    let spare = seen.arrays[0]
        .members
        .iter_mut()
        .find(|it| it.role == Role::Spare);
    spare.unwrap().role = Role::Journal;
    let journal = leaves(&seen, "D");
    assert_eq!(journal.arrays[0].outcome, Outcome::ReadOnly);
    assert_eq!(journal.arrays[0].notes, [Note::JournalLeaves]);
    assert_eq!(journal.verdict(), Verdict::NoWrites);

    seen.arrays.clear();
    let unread = leaves(&seen, "A");
    assert!(unread.unclear.contains(&Unclear::NotRead {
        kernel_name: "md127".to_owned()
    }));
    assert_eq!(unread.verdict(), Verdict::Unclear);
}
