//! Every command that MoxNAS can run for this crate, and that it runs no other.

mod run;

use std::{collections::BTreeSet, fs, sync::Arc};

use moxnas_core::{
    chain::chain,
    cmd::{Output, ScriptedRunner},
    disk::DeviceId,
    names::ArrayName,
    root::Root,
    units::Bytes,
};
use moxnas_raid::{
    BackendError, Consistency, Grow, Layout, Level, Mdadm, Metadata, RaidBackend, Shape, Step,
    conf::CONF_PATH,
    initramfs::KernelRelease,
    plan::{ArrayRef, NewArray, Scrub, SpeedWish},
    real::argv::{TOOLS, UPDATE_INITRAMFS, argv, probes},
};
use proptest::prelude::*;

use crate::captured;

const UUID: &str = "3aaa0122:29827cfa:5331ad66:ca767371";

fn tank() -> ArrayRef {
    ArrayRef {
        uuid: UUID.to_owned(),
        kernel_name: "md127".to_owned(),
        name: "tank".to_owned(),
    }
}

fn id(text: &str) -> DeviceId {
    text.parse().unwrap()
}

fn create(level: Level, members: &[&str], spares: &[&str], chunk: Option<u64>) -> Step {
    let ids = |list: &[&str]| list.iter().map(|it| id(it)).collect();
    made(shape(level, chunk), ids(members), ids(spares))
}

/// As a plan has it when nothing but the level is named.
fn shape(level: Level, chunk: Option<u64>) -> Shape {
    let consistency = match moxnas_raid::geometry::is_redundant(&level) {
        true => Consistency::Bitmap,
        false => Consistency::None,
    };
    Shape {
        level,
        layout: None,
        chunk: chunk.map(Bytes),
        metadata: Metadata::V1_2,
        consistency,
    }
}

fn made(shape: Shape, members: Vec<DeviceId>, spares: Vec<DeviceId>) -> Step {
    Step::Create(NewArray {
        name: "tank".parse().unwrap(),
        shape,
        members,
        write_mostly: 0,
        spares,
        journal: None,
        assume_clean: false,
    })
}

fn with_journal(journal: DeviceId) -> Step {
    let mut step = create(Level::Raid5, &["wwn-0x5", "wwn-0x6", "wwn-0x7"], &[], None);
    if let Step::Create(new) = &mut step {
        new.journal = Some(journal);
    }
    step
}

fn grow(grow: Grow, slots: Option<u32>, add: &[&str]) -> Step {
    Step::Grow {
        array: tank(),
        grow,
        slots,
        add: add.iter().map(|it| id(it)).collect(),
    }
}

fn to_level(level: Level) -> Grow {
    Grow::Level { level }
}

fn consistency(was: Consistency, consistency: Consistency) -> Step {
    Step::SetConsistency {
        array: tank(),
        was,
        consistency,
    }
}

/// Every variant of a step, with devices of every kind. The match makes sure that none is missing.
fn steps() -> Vec<Step> {
    let disk = || id("wwn-0x5000c500a1b2c3d4");
    let part = || id("nvme-eui.0025385b71b0aabb-part2");
    let gone = || DeviceId::Gone("sdb".to_owned());
    let array = tank;
    let steps = vec![
        Step::WipeSignatures { device: disk() },
        Step::WipeSignatures { device: part() },
        create(Level::Raid1, &["wwn-0x5", "wwn-0x6"], &[], None),
        create(Level::Raid0, &["wwn-0x5", "wwn-0x6"], &[], Some(65536)),
        create(
            Level::Raid4,
            &["wwn-0x5", "wwn-0x6", "wwn-0x7"],
            &[],
            Some(524_288),
        ),
        create(
            Level::Raid5,
            &["wwn-0x5-part1", "md-uuid-1:2:3:4", "md-uuid-1:2:3:5-part1"],
            &["dm-name-vg0-data"],
            Some(524_288),
        ),
        create(
            Level::Raid6,
            &["wwn-0x5", "wwn-0x6", "wwn-0x7", "wwn-0x8"],
            &[],
            Some(4096),
        ),
        create(
            Level::Raid10,
            &["wwn-0x5", "wwn-0x6"],
            &["wwn-0x7"],
            Some(524_288),
        ),
        made(
            Shape {
                consistency: Consistency::Resync,
                ..shape(Level::Raid1, None)
            },
            vec![id("wwn-0x5"), id("wwn-0x6")],
            Vec::new(),
        ),
        Step::Create(NewArray {
            name: "slow".parse().unwrap(),
            shape: Shape {
                metadata: Metadata::V1_0,
                ..shape(Level::Raid1, None)
            },
            members: vec![id("wwn-0x5"), id("wwn-0x6"), id("wwn-0x7")],
            write_mostly: 2,
            spares: Vec::new(),
            journal: None,
            assume_clean: true,
        }),
        Step::Create(NewArray {
            name: "kept".parse().unwrap(),
            shape: Shape {
                layout: Some(Layout::RightSymmetric),
                consistency: Consistency::Journal,
                ..shape(Level::Raid6, Some(65536))
            },
            members: ["wwn-0x5", "wwn-0x6", "wwn-0x7", "wwn-0x8"]
                .map(id)
                .to_vec(),
            write_mostly: 0,
            spares: vec![id("wwn-0x9")],
            journal: Some(id("wwn-0xa")),
            assume_clean: false,
        }),
        made(
            Shape {
                metadata: Metadata::V1_1,
                consistency: Consistency::Ppl,
                ..shape(Level::Raid5, Some(65536))
            },
            ["wwn-0x5", "wwn-0x6", "wwn-0x7"].map(id).to_vec(),
            Vec::new(),
        ),
        made(
            Shape {
                layout: Some(Layout::Offset(3)),
                ..shape(Level::Raid10, Some(65536))
            },
            ["wwn-0x5", "wwn-0x6", "wwn-0x7"].map(id).to_vec(),
            Vec::new(),
        ),
        Step::Add {
            array: array(),
            device: disk(),
        },
        Step::Fail {
            array: array(),
            device: disk(),
        },
        Step::Fail {
            array: array(),
            device: gone(),
        },
        Step::Remove {
            array: array(),
            device: part(),
        },
        Step::Remove {
            array: array(),
            device: gone(),
        },
        Step::Replace {
            array: array(),
            device: disk(),
            with: part(),
        },
        Step::Scrub {
            array: array(),
            scrub: Scrub::Check,
        },
        Step::Scrub {
            array: array(),
            scrub: Scrub::Repair,
        },
        Step::Scrub {
            array: array(),
            scrub: Scrub::Idle,
        },
        Step::Stop { array: array() },
        Step::Start { array: array() },
        Step::Assemble {
            uuid: UUID.to_owned(),
            name: "tank".to_owned(),
            members: vec![disk(), part()],
        },
        Step::ZeroSuperblock { device: disk() },
        Step::Record {
            name: "tank".parse().unwrap(),
        },
        Step::Forget {
            uuid: UUID.to_owned(),
        },
        Step::UpdateInitramfs {
            kernel: KernelRelease::new("6.1.0-40-amd64").unwrap(),
        },
        Step::ReAdd {
            array: array(),
            device: disk(),
        },
        Step::SetReadOnly {
            array: array(),
            read_only: true,
        },
        Step::SetReadOnly {
            array: array(),
            read_only: false,
        },
        Step::SetPaused {
            array: array(),
            paused: true,
        },
        Step::SetPaused {
            array: array(),
            paused: false,
        },
        consistency(Consistency::Resync, Consistency::Bitmap),
        consistency(Consistency::Bitmap, Consistency::Resync),
        consistency(Consistency::Ppl, Consistency::Resync),
        Step::SetSpeed {
            array: array(),
            min: Some(SpeedWish::OfAll),
            max: Some(SpeedWish::Own(Bytes::from_kib(50_000))),
        },
        Step::SetSpareGroup {
            array: array(),
            group: Some("attic".parse().unwrap()),
        },
        Step::SetSpareGroup {
            array: array(),
            group: None,
        },
        grow(Grow::Members { slots: 5 }, None, &[]),
        grow(Grow::Size, None, &[]),
        grow(to_level(Level::Raid5), None, &[]),
        grow(to_level(Level::Raid6), Some(4), &[]),
        grow(to_level(Level::Raid10), Some(4), &["wwn-0x5", "wwn-0x6"]),
        grow(
            Grow::Layout {
                layout: Layout::RightSymmetric,
            },
            None,
            &[],
        ),
        grow(
            Grow::Chunk {
                chunk: Bytes(65536),
            },
            None,
            &[],
        ),
    ];
    let variant = |step: &Step| match step {
        Step::WipeSignatures { .. } => 0,
        Step::Create(_) => 1,
        Step::Add { .. } => 2,
        Step::Fail { .. } => 3,
        Step::Remove { .. } => 4,
        Step::Replace { .. } => 5,
        Step::Scrub { .. } => 6,
        Step::Stop { .. } => 7,
        Step::Start { .. } => 8,
        Step::Assemble { .. } => 9,
        Step::ZeroSuperblock { .. } => 10,
        Step::Record { .. } => 11,
        Step::Forget { .. } => 12,
        Step::ReAdd { .. } => 13,
        Step::Grow { .. } => 14,
        Step::SetReadOnly { .. } => 15,
        Step::SetPaused { .. } => 16,
        Step::SetConsistency { .. } => 17,
        Step::SetSpeed { .. } => 18,
        Step::SetSpareGroup { .. } => 19,
        Step::UpdateInitramfs { .. } => 20,
    };
    let all: BTreeSet<i32> = steps.iter().map(variant).collect();
    assert_eq!(all.len(), 21);
    steps
}

#[test]
fn every_command() {
    let mut table = String::new();
    for step in steps() {
        table += &format!("{step}\n");
        let cmds = argv(&step).unwrap();
        if cmds.is_empty() {
            let file = match &step {
                Step::SetSpeed { .. } => "sync_speed_min and sync_speed_max",
                _ => "mdadm.conf",
            };
            table += &format!("    (writes {file})\n");
        }
        for cmd in cmds {
            assert!(TOOLS.contains(&cmd.tool) || cmd.tool == UPDATE_INITRAMFS);
            table += &format!("    {cmd}\n");
        }
    }
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("commands", table);
    });
}

#[test]
fn a_device_without_a_stable_path_is_in_no_command() {
    for unstable in [
        DeviceId::Kernel("sdb".to_owned()),
        DeviceId::Gone("sdb".to_owned()),
    ] {
        let device = || unstable.clone();
        let stable = || id("wwn-0x5");
        let wrong = [
            Step::WipeSignatures { device: device() },
            Step::ZeroSuperblock { device: device() },
            Step::Add {
                array: tank(),
                device: device(),
            },
            Step::Replace {
                array: tank(),
                device: device(),
                with: stable(),
            },
            Step::Replace {
                array: tank(),
                device: stable(),
                with: device(),
            },
            made(
                shape(Level::Raid1, None),
                vec![stable(), device()],
                Vec::new(),
            ),
            made(
                shape(Level::Raid1, None),
                vec![stable(), stable()],
                vec![device()],
            ),
            with_journal(device()),
            Step::Assemble {
                uuid: UUID.to_owned(),
                name: "tank".to_owned(),
                members: vec![stable(), device()],
            },
        ];
        for step in wrong {
            let err = argv(&step).expect_err(&step.to_string());
            assert!(matches!(err, BackendError::DeviceGone(_)), "{step}: {err}");
        }
    }
    // The array's own list is another matter, but only for devices that left.
    for step in [
        Step::Fail {
            array: tank(),
            device: DeviceId::Kernel("sdb".to_owned()),
        },
        Step::Remove {
            array: tank(),
            device: DeviceId::Kernel("sdb".to_owned()),
        },
    ] {
        argv(&step).expect_err(&step.to_string());
    }
}

/// What may stand at the beginning of an argument with a dash.
const OPTIONS: [&str; 28] = [
    "--action=",
    "--add",
    "--all",
    "--assemble",
    "--assume-clean",
    "--bitmap=",
    "--chunk=",
    "--consistency-policy=",
    "--create",
    "--fail",
    "--layout=",
    "--level=",
    "--manage",
    "--metadata=",
    "--name=",
    "--raid-devices=",
    "--remove",
    "--replace",
    "--run",
    "--spare-devices=",
    "--stop",
    "--timeout=",
    "--uuid=",
    "--with",
    "--write-journal=",
    "--write-mostly",
    "--zero-superblock",
    "--settle",
];

fn any_device() -> impl Strategy<Value = DeviceId> {
    // Whatever a person types, as far as it is taken for an id.
    let typed = "[-#+.:=@_a-zA-Z0-9]{1,20}";
    let prefixed = "(md-uuid-|dm-name-|gone:|wwn-)[-#+.:=@_a-zA-Z0-9]{1,12}(-part[1-9])?";
    prop_oneof![typed, prefixed].prop_filter_map("no id", |it| it.parse().ok())
}

fn any_name() -> impl Strategy<Value = ArrayName> {
    "[-_a-zA-Z0-9]{1,32}".prop_filter_map("no name", |it| it.parse().ok())
}

fn any_step() -> impl Strategy<Value = Step> {
    let level = prop::sample::select(vec![
        Level::Raid0,
        Level::Raid1,
        Level::Raid4,
        Level::Raid5,
        Level::Raid6,
        Level::Raid10,
    ]);
    let layout = prop::sample::select(vec![
        None,
        Some(Layout::Near(3)),
        Some(Layout::LeftAsymmetric),
        Some(Layout::ParityFirst),
    ]);
    let consistency = prop::sample::select(vec![
        Consistency::None,
        Consistency::Resync,
        Consistency::Bitmap,
        Consistency::Ppl,
        Consistency::Journal,
    ]);
    let chunk = prop::option::of((12_u32..20).prop_map(|it| Bytes(1 << it)));
    let shape = (level, layout, chunk, consistency).prop_map(|it| Shape {
        level: it.0,
        layout: it.1,
        chunk: it.2,
        metadata: Metadata::V1_2,
        consistency: it.3,
    });
    let create = (
        any_name(),
        shape,
        prop::collection::vec(any_device(), 1..4),
        prop::collection::vec(any_device(), 0..2),
        prop::option::of(any_device()),
        any::<bool>(),
        0_usize..4,
    )
        .prop_map(
            |(name, shape, members, spares, journal, assume_clean, last)| {
                Step::Create(NewArray {
                    name,
                    shape,
                    write_mostly: last.min(members.len()),
                    members,
                    spares,
                    journal,
                    assume_clean,
                })
            },
        );
    let device = any_device();
    let simple =
        (0_usize..7, device, any_device(), any_name()).prop_map(|(which, device, with, name)| {
            let array = tank();
            match which {
                0 => Step::WipeSignatures { device },
                1 => Step::ZeroSuperblock { device },
                2 => Step::Add { array, device },
                3 => Step::Fail { array, device },
                4 => Step::Remove { array, device },
                5 => Step::Replace {
                    array,
                    device,
                    with,
                },
                _ => Step::Assemble {
                    uuid: UUID.to_owned(),
                    name: name.to_string(),
                    members: vec![device, with],
                },
            }
        });
    prop_oneof![create, simple]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_but_an_option_of_ours_looks_like_one(step in any_step()) {
        let Ok(cmds) = argv(&step) else { return Ok(()) };
        for cmd in cmds {
            for word in &cmd.words()[1..] {
                if word.starts_with('-') {
                    let ours = OPTIONS.iter().any(|it| match it.strip_suffix('=') {
                        Some(_) => word.starts_with(it),
                        None => word == it,
                    });
                    prop_assert!(ours, "{word:?} in {cmd}");
                }
                prop_assert!(!word.is_empty() && !word.contains(char::is_whitespace), "{word:?} in {cmd}");
            }
        }
    }
}
