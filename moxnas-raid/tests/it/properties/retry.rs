//! Whichever step fails, in whichever way: trying again from what is then there ends in the wish,
//! or says why not, and nothing that nobody spoke of is touched.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use moxnas_core::{
    disk::{DeviceId, Signature},
    sim::{Contents, DiskSpec, Fault, SimMachine},
    units::Bytes,
};
use moxnas_raid::{
    ArraySettings, ArrayState, Change, Consistency, CreateArray, Grow, Level, RaidBackend, SimRaid,
    execute,
    plan::{GroupWish, Scrub, plan},
};

use super::plans::spoken_of;

const SIZE: u64 = 1 << 30;

/// Eight disks: A to D are an array with one spare, E to H are free, F with data on a partition.
fn machine() -> SimRaid {
    let machine = SimMachine::new(3);
    for serial in ["A", "B", "C", "D", "E", "F", "G", "H"] {
        let partitions = if serial == "F" {
            vec![Bytes(SIZE / 2)]
        } else {
            Vec::new()
        };
        machine.plug(DiskSpec {
            partitions,
            ..DiskSpec::hdd(serial, SIZE)
        });
    }
    let raid = SimRaid::new(machine);
    {
        let part = id(&raid, "sdf1");
        let (e, f) = (id(&raid, "E"), id(&raid, "F"));
        let mut state = raid.machine().state();
        state
            .contents_mut(&part)
            .signatures
            .push(Signature::new("ext4", "1"));
        state
            .contents_mut(&f)
            .signatures
            .push(Signature::new("gpt", "2"));
        state
            .contents_mut(&e)
            .signatures
            .push(Signature::new("xfs", "3"));
    }
    let want = CreateArray {
        spares: vec![id(&raid, "D")],
        ..CreateArray::new(
            "tank".parse().unwrap(),
            Level::Raid5,
            ids(&raid, &["A", "B", "C"]),
        )
    };
    try_it(&raid, &Change::Create(want)).unwrap();
    settle(&raid);
    raid
}

fn id(raid: &SimRaid, text: &str) -> DeviceId {
    raid.observe()
        .unwrap()
        .devices
        .resolve(text)
        .unwrap()
        .id
        .clone()
}

fn ids(raid: &SimRaid, serials: &[&str]) -> Vec<DeviceId> {
    serials.iter().map(|it| id(raid, it)).collect()
}

fn settle(raid: &SimRaid) {
    raid.machine().advance(Duration::from_secs(24 * 3600));
    raid.observe().unwrap();
}

fn try_it(raid: &SimRaid, change: &Change) -> Result<(), String> {
    let plan = plan(&raid.observe().unwrap(), change).map_err(|it| it.to_string())?;
    execute(raid, &plan.steps).map_err(|it| moxnas_core::chain::chain(&*it))
}

/// A wish, and what has to be done to the machine before.
struct Case {
    name: &'static str,
    change: fn(&SimRaid) -> Change,
    before: fn(&SimRaid),
    is_reached: fn(&SimRaid) -> bool,
}

fn tank() -> String {
    "tank".to_owned()
}

fn works(raid: &SimRaid, serial: &str) -> bool {
    let seen = raid.observe().unwrap();
    let device = id(raid, serial);
    seen.find("tank")
        .is_some_and(|it| it.member(&device).is_some_and(|it| it.works()))
}

fn lists(raid: &SimRaid, serial: &str) -> bool {
    let seen = raid.observe().unwrap();
    let device = id(raid, serial);
    seen.find("tank")
        .is_some_and(|it| it.member(&device).is_some())
}

fn is_running(raid: &SimRaid) -> bool {
    raid.observe()
        .unwrap()
        .find("tank")
        .is_some_and(|it| it.state.is_started())
}

fn cases() -> Vec<Case> {
    let cases = vec![
        Case {
            name: "create",
            change: |raid| {
                Change::Create(CreateArray {
                    spares: ids(raid, &["H"]),
                    ..CreateArray::new(
                        "data".parse().unwrap(),
                        Level::Raid1,
                        ids(raid, &["E", "F"]),
                    )
                })
            },
            before: |_| (),
            is_reached: |raid| {
                let seen = raid.observe().unwrap();
                let uuid = seen.find("data").and_then(|it| it.uuid.clone());
                uuid.is_some_and(|it| seen.conf.names(&it))
            },
        },
        Case {
            name: "add a device with data on a partition",
            change: |raid| Change::Add {
                array: tank(),
                device: id(raid, "F"),
                as_spare: false,
            },
            before: |_| (),
            is_reached: |raid| lists(raid, "F"),
        },
        Case {
            name: "fail",
            change: |raid| Change::Fail {
                array: tank(),
                device: id(raid, "A"),
            },
            before: |_| (),
            is_reached: |raid| !works(raid, "A"),
        },
        Case {
            name: "remove the spare",
            change: |raid| Change::Remove {
                array: tank(),
                device: id(raid, "D"),
            },
            before: |_| (),
            is_reached: |raid| !lists(raid, "D"),
        },
        Case {
            name: "replace a working member by a new device",
            change: |raid| Change::Replace {
                array: tank(),
                device: id(raid, "B"),
                with: Some(id(raid, "F")),
            },
            before: |_| (),
            is_reached: |raid| works(raid, "F") && !works(raid, "B"),
        },
        Case {
            name: "replace a working member by the spare",
            change: |raid| Change::Replace {
                array: tank(),
                device: id(raid, "B"),
                with: None,
            },
            before: |_| (),
            is_reached: |raid| works(raid, "D") && !works(raid, "B"),
        },
        Case {
            name: "replace a faulty member",
            change: |raid| Change::Replace {
                array: tank(),
                device: id(raid, "A"),
                with: Some(id(raid, "E")),
            },
            before: |raid| {
                let spare = Change::Remove {
                    array: tank(),
                    device: id(raid, "D"),
                };
                try_it(raid, &spare).unwrap();
                try_it(
                    raid,
                    &Change::Fail {
                        array: tank(),
                        device: id(raid, "A"),
                    },
                )
                .unwrap();
            },
            is_reached: |raid| works(raid, "E") && !lists(raid, "A"),
        },
        Case {
            name: "scrub",
            change: |_| Change::Scrub {
                array: tank(),
                scrub: Scrub::Check,
            },
            before: |_| (),
            is_reached: is_running,
        },
        Case {
            name: "take a member back",
            change: |raid| Change::ReAdd {
                array: tank(),
                device: id(raid, "A"),
            },
            before: |raid| {
                let device = id(raid, "D");
                let spare = Change::Remove {
                    array: tank(),
                    device,
                };
                try_it(raid, &spare).unwrap();
                let device = id(raid, "A");
                let fail = Change::Fail {
                    array: tank(),
                    device,
                };
                try_it(raid, &fail).unwrap();
            },
            is_reached: |raid| works(raid, "A"),
        },
        Case {
            name: "grow by a spare and a new device",
            change: |raid| Change::Grow {
                array: tank(),
                grow: Grow::Members { slots: 5 },
                add: ids(raid, &["F"]),
            },
            before: |_| (),
            is_reached: |raid| {
                let seen = raid.observe().unwrap();
                let tank = seen.find("tank").unwrap();
                tank.slots == 5 && tank.missing_slots().is_empty() && tank.reshape.is_none()
            },
        },
        Case {
            name: "grow to another level",
            change: |_| Change::Grow {
                array: tank(),
                grow: Grow::Level {
                    level: Level::Raid6,
                },
                add: Vec::new(),
            },
            before: |_| (),
            is_reached: |raid| {
                let seen = raid.observe().unwrap();
                let tank = seen.find("tank").unwrap();
                tank.level == Level::Raid6 && tank.missing_slots().is_empty()
            },
        },
        Case {
            name: "set several things",
            change: |_| Change::Set {
                array: tank(),
                settings: ArraySettings {
                    read_only: Some(true),
                    consistency: Some(Consistency::Resync),
                    spare_group: Some(GroupWish::Join("attic".parse().unwrap())),
                    ..ArraySettings::default()
                },
            },
            before: |_| (),
            is_reached: |raid| {
                let seen = raid.observe().unwrap();
                let tank = seen.find("tank").unwrap();
                tank.state == ArrayState::ReadOnly
                    && tank.consistency == "resync"
                    && !seen.conf.spare_groups.is_empty()
            },
        },
        Case {
            name: "move a spare within its group",
            change: |_| Change::MoveSpare,
            before: |raid| {
                let want = CreateArray::new(
                    "data".parse().unwrap(),
                    Level::Raid1,
                    ids(raid, &["E", "G"]),
                );
                try_it(raid, &Change::Create(want)).unwrap();
                settle(raid);
                for array in ["tank", "data"] {
                    let settings = ArraySettings {
                        spare_group: Some(GroupWish::Join("attic".parse().unwrap())),
                        ..ArraySettings::default()
                    };
                    let array = array.to_owned();
                    try_it(raid, &Change::Set { array, settings }).unwrap();
                }
                let fail = Change::Fail {
                    array: "data".to_owned(),
                    device: id(raid, "G"),
                };
                try_it(raid, &fail).unwrap();
            },
            is_reached: |raid| {
                let seen = raid.observe().unwrap();
                let data = seen.find("data").unwrap();
                data.missing_slots().is_empty() && !lists(raid, "D")
            },
        },
        Case {
            name: "stop",
            change: |_| Change::Stop { array: tank() },
            before: |_| (),
            is_reached: |raid| raid.observe().unwrap().find("tank").is_none(),
        },
        Case {
            name: "assemble",
            change: |_| Change::Assemble { array: tank() },
            before: |raid| try_it(raid, &Change::Stop { array: tank() }).unwrap(),
            is_reached: is_running,
        },
        Case {
            name: "start what waits for a member",
            change: |_| Change::Assemble { array: tank() },
            before: |raid| {
                raid.machine().state().take_out("C").unwrap();
                raid.machine().reboot();
                assert!(!is_running(raid));
            },
            is_reached: is_running,
        },
        Case {
            name: "delete",
            change: |_| Change::Delete { array: tank() },
            before: |_| (),
            is_reached: |raid| {
                let seen = raid.observe().unwrap();
                let clean = |serial| seen.devices.resolve(serial).unwrap().signatures.is_empty();
                seen.find("tank").is_none()
                    && ["A", "B", "C", "D"].into_iter().all(clean)
                    && seen.conf.ours.is_empty()
            },
        },
    ];
    // A wish that is not in the list does not compile here, or is missed below.
    let raid = machine();
    let number = |it: &Case| match (it.change)(&raid) {
        Change::Create(_) => 0,
        Change::Add { .. } => 1,
        Change::Fail { .. } => 2,
        Change::Remove { .. } => 3,
        Change::Replace { .. } => 4,
        Change::Scrub { .. } => 5,
        Change::ReAdd { .. } => 6,
        Change::Grow { .. } => 7,
        Change::Set { .. } => 8,
        Change::MoveSpare => 9,
        Change::Stop { .. } => 10,
        Change::Assemble { .. } => 11,
        Change::Delete { .. } => 12,
    };
    let mut seen: Vec<i32> = cases.iter().map(number).collect();
    seen.dedup();
    assert!((0..13).eq(seen));
    cases
}

/// What stands on the devices that nobody spoke of.
fn others(raid: &SimRaid, change: &Change) -> BTreeMap<String, Contents> {
    let seen = raid.observe().unwrap();
    let spoken_of = spoken_of(&seen, change);
    let mut contents = raid.machine().state().contents.clone();
    contents.retain(|name, it| {
        *it != Contents::default() && !spoken_of.iter().any(|it| it.to_string() == *name)
    });
    contents
}

/// Strike the step, then try again until nothing changes any more. Says how it ended.
fn strike(case: &Case, at: usize, fault: fn(String) -> Fault) -> String {
    let raid = machine();
    (case.before)(&raid);
    let change = (case.change)(&raid);
    let before = others(&raid, &change);
    let steps = plan(&raid.observe().unwrap(), &change).unwrap().steps;
    execute(&raid, &steps[..at]).unwrap();
    raid.machine().inject(fault(steps[at].to_string()));
    execute(&raid, &steps[at..]).unwrap_err();
    let end = match try_it(&raid, &change) {
        Ok(()) => {
            settle(&raid);
            assert!(
                (case.is_reached)(&raid),
                "{} at {at}: {:?}",
                case.name,
                raid.observe().unwrap().arrays
            );
            "done".to_owned()
        }
        Err(why) => {
            assert!(!why.is_empty());
            why
        }
    };
    // A spare that was removed may have come back by itself after a power cut: it is still as it was.
    let after = raid.machine().state().contents.clone();
    for (device, contents) in before {
        // Time goes on for arrays nobody spoke of; their members are still theirs.
        assert_eq!(
            after.get(&device).map(|it| &it.signatures),
            Some(&contents.signatures),
            "{}: {device}",
            case.name
        );
    }
    format!("{}: {end}", steps[at])
}

#[test]
fn every_change_can_be_tried_again_or_says_why_not() {
    let mut table = String::new();
    for case in cases() {
        writeln!(table, "{}", case.name).unwrap();
        let raid = machine();
        (case.before)(&raid);
        let change = (case.change)(&raid);
        let steps = plan(&raid.observe().unwrap(), &change).unwrap().steps;
        for at in 0..steps.len() {
            let failed = strike(&case, at, |matching| Fault::StepFails { matching });
            let cut = strike(&case, at, |matching| Fault::PowerCut { matching });
            writeln!(table, "  fails at {failed}").unwrap();
            writeln!(table, "  power cut before {cut}").unwrap();
        }
    }
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("retries", table);
    });
}
