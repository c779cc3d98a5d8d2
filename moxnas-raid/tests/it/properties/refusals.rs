//! Refusals are for people and for programs.

use std::collections::{BTreeMap, BTreeSet};

use moxnas_core::{
    disk::{DeviceId, Use},
    units::Bytes,
};
use moxnas_raid::{Level, Refusal, SyncAction, growth::CannotGrow, plan::plan};
use proptest::prelude::*;

use crate::world::{World, any_disks, any_events, any_wish};

/// One of each.
fn all() -> Vec<Refusal> {
    let device = || -> DeviceId { "wwn-0x5".parse().unwrap() };
    let array = || "tank".to_owned();
    let of = || Use::Swap {
        device: "sda2".to_owned(),
    };
    let action = SyncAction::Resync;
    let level = Level::Raid5;
    let all = vec![
        Refusal::NameTaken("tank".parse().unwrap()),
        Refusal::LevelNotMade(Level::Linear),
        Refusal::TooFewMembers {
            level: level.clone(),
            need: 3,
            got: 2,
        },
        Refusal::Twice(device()),
        Refusal::SparesUseless(Level::Raid0),
        Refusal::BadChunk {
            chunk: Bytes(5),
            level: level.clone(),
        },
        Refusal::NoSuchDevice(device()),
        Refusal::NotUnique {
            device: device(),
            names: vec!["sda".to_owned(), "sdb".to_owned()],
        },
        Refusal::Unidentified(device()),
        Refusal::ReadOnly(device()),
        Refusal::SystemDisk {
            device: device(),
            of: of(),
        },
        Refusal::InUse {
            device: device(),
            of: of(),
        },
        Refusal::MemberOf {
            device: device(),
            array: array(),
        },
        Refusal::TooSmall {
            device: device(),
            has: Bytes(1),
            need: Bytes(2),
        },
        Refusal::NoSuchArray(array()),
        Refusal::NoIdentity { array: array() },
        Refusal::ForeignMetadata {
            array: array(),
            metadata: "external:imsm".to_owned(),
        },
        Refusal::NoSuchMember {
            array: array(),
            device: device(),
        },
        Refusal::MemberActive {
            array: array(),
            device: device(),
        },
        Refusal::AlreadyFaulty {
            array: array(),
            device: device(),
        },
        Refusal::WouldLoseData {
            array: array(),
            device: device(),
        },
        Refusal::NotRedundant {
            array: array(),
            level,
        },
        Refusal::NotStarted(array()),
        Refusal::AlreadyStarted(array()),
        Refusal::Busy {
            array: array(),
            action,
        },
        Refusal::Degraded {
            array: array(),
            missing: 1,
        },
        Refusal::NoScrub(array()),
        Refusal::NoSpare(array()),
        Refusal::ArrayInUse {
            array: array(),
            of: of(),
        },
        Refusal::NothingToAssemble(array()),
        Refusal::StandsOnArray {
            device: device(),
            array: array(),
        },
        Refusal::OptionUnfit {
            option: "layout",
            level: Level::Raid1,
            why: "the level has no such layout",
        },
        Refusal::NotNamed(device()),
        Refusal::ArrayReadOnly(array()),
        Refusal::Paused(array()),
        Refusal::CannotGrow {
            array: array(),
            why: CannotGrow::NotOffered("md cannot move far copies"),
        },
        Refusal::WouldShrink(array()),
        Refusal::MembersLeft {
            array: array(),
            working: 3,
        },
        Refusal::TooFewSpares {
            array: array(),
            need: 2,
            has: 1,
        },
        Refusal::TooManyDevices {
            array: array(),
            need: 1,
        },
        Refusal::WouldFill {
            device: device(),
            array: array(),
            slot: 1,
        },
        Refusal::NotTakenBack {
            device: device(),
            array: array(),
            why: "no member is missing",
        },
        Refusal::BadSpeed {
            array: array(),
            why: "the lower limit is above the upper one",
        },
        Refusal::NotInOurConf(array()),
        Refusal::NoSpareHasToMove,
        Refusal::NoInitramfs,
        Refusal::InitramfsNotKnown("/boot could not be listed".to_owned()),
    ];
    // A variant that is not in the list does not compile here, or is missed below.
    let number = |it: &Refusal| match it {
        Refusal::NameTaken(_) => 0,
        Refusal::LevelNotMade(_) => 1,
        Refusal::TooFewMembers { .. } => 2,
        Refusal::Twice(_) => 3,
        Refusal::SparesUseless(_) => 4,
        Refusal::BadChunk { .. } => 5,
        Refusal::NoSuchDevice(_) => 6,
        Refusal::NotUnique { .. } => 7,
        Refusal::Unidentified(_) => 8,
        Refusal::ReadOnly(_) => 9,
        Refusal::SystemDisk { .. } => 10,
        Refusal::InUse { .. } => 11,
        Refusal::MemberOf { .. } => 12,
        Refusal::TooSmall { .. } => 13,
        Refusal::NoSuchArray(_) => 14,
        Refusal::NoIdentity { .. } => 15,
        Refusal::ForeignMetadata { .. } => 16,
        Refusal::NoSuchMember { .. } => 17,
        Refusal::MemberActive { .. } => 18,
        Refusal::AlreadyFaulty { .. } => 19,
        Refusal::WouldLoseData { .. } => 20,
        Refusal::NotRedundant { .. } => 21,
        Refusal::NotStarted(_) => 22,
        Refusal::AlreadyStarted(_) => 23,
        Refusal::Busy { .. } => 24,
        Refusal::Degraded { .. } => 25,
        Refusal::NoScrub(_) => 26,
        Refusal::NoSpare(_) => 27,
        Refusal::ArrayInUse { .. } => 28,
        Refusal::NothingToAssemble(_) => 29,
        Refusal::StandsOnArray { .. } => 30,
        Refusal::OptionUnfit { .. } => 31,
        Refusal::NotNamed(_) => 32,
        Refusal::ArrayReadOnly(_) => 33,
        Refusal::Paused(_) => 34,
        Refusal::CannotGrow { .. } => 35,
        Refusal::WouldShrink(_) => 36,
        Refusal::MembersLeft { .. } => 37,
        Refusal::TooFewSpares { .. } => 38,
        Refusal::TooManyDevices { .. } => 39,
        Refusal::WouldFill { .. } => 40,
        Refusal::NotTakenBack { .. } => 41,
        Refusal::BadSpeed { .. } => 42,
        Refusal::NotInOurConf(_) => 43,
        Refusal::NoSpareHasToMove => 44,
        Refusal::NoInitramfs => 45,
        Refusal::InitramfsNotKnown(_) => 46,
    };
    assert!((0..47).eq(all.iter().map(number)));
    all
}

fn is_word(code: &str) -> bool {
    code.split('_')
        .all(|it| !it.is_empty() && it.bytes().all(|it| it.is_ascii_lowercase()))
}

/// The codes are part of the interface: programs compare them.
#[test]
fn codes_are_stable_and_unique() {
    let all = all();
    let codes: BTreeSet<&str> = all.iter().map(Refusal::code).collect();
    assert_eq!(codes.len(), all.len());
    let table: BTreeMap<&str, String> = all
        .iter()
        .map(|it| {
            assert!(is_word(it.code()), "{}", it.code());
            let hint = it.hint().map(|it| format!(" ({it})")).unwrap_or_default();
            (it.code(), format!("{it}{hint}"))
        })
        .collect();
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_json_snapshot!("refusals", table);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_refusal_gives_its_reason(disks in any_disks(), events in any_events(12), wishes in prop::collection::vec(any_wish(), 12)) {
        let mut world = World::new(&disks);
        for event in &events {
            world.happen(event);
        }
        for wish in &wishes {
            let change = world.change(wish);
            if let Err(refusal) = plan(&world.observe(), &change) {
                prop_assert!(!refusal.to_string().is_empty());
                prop_assert!(is_word(refusal.code()));
                prop_assert!(refusal.hint().is_none_or(|it| !it.is_empty()));
            }
        }
    }
}
