//! What is written in the form of the kernel or of mdadm.conf is read as it was meant.

use std::{collections::BTreeMap, fmt::Write};

use moxnas_raid::{
    conf::{self, Conf},
    mdstat::{
        self, Bitmap, Copies, Layout, Mdstat, MdstatArray, MdstatMember, MemberFlag, Metadata,
        Progress, ReadAhead, ReadOnly, State, Sync, SyncAction, SyncState,
    },
};
use proptest::prelude::*;

/// What a personality prints of its own, and the fields that this fills.
fn any_shape() -> impl Strategy<
    Value = (
        &'static str,
        Option<u32>,
        Option<u64>,
        Option<u64>,
        Option<Layout>,
    ),
> {
    let kib = || (0_u32..20).prop_map(|it| 1_u64 << it);
    let copies = (
        1_u32..4,
        1_u32..4,
        any::<bool>(),
        prop::option::of(2_u32..9),
    )
        .prop_map(|(near, far, offset, devices_per_set)| Copies {
            near,
            far,
            offset: offset && far > 1,
            devices_per_set: devices_per_set.filter(|_| far > 1),
        });
    // Of a layout without copies the kernel prints nothing.
    let copies = copies.prop_map(|it| (it != Copies::default()).then_some(Layout::Copies(it)));
    let faults = prop::sample::select(vec!["WriteTransient=3(10)", "ReadFixable=1", "nfaults=2"]);
    let faulty = prop::collection::vec(faults.prop_map(str::to_owned), 1..3);
    let parity = (prop::sample::select(vec![4_u32, 5, 6]), kib(), 0_u32..21);
    prop_oneof![
        Just(("raid1", None, None, None, None)),
        kib().prop_map(|chunk| ("raid0", None, Some(chunk), None, None)),
        kib().prop_map(|rounding| ("linear", None, None, Some(rounding), None)),
        (kib(), copies).prop_map(|(chunk, copies)| ("raid10", None, Some(chunk), None, copies)),
        faulty.prop_map(|modes| ("faulty", None, None, None, Some(Layout::Faulty { modes }))),
        parity.prop_map(|(level, chunk, algorithm)| {
            let name = ["raid4", "raid5", "raid6"][level as usize - 4];
            (
                name,
                Some(level),
                Some(chunk),
                None,
                Some(Layout::Parity { algorithm }),
            )
        }),
    ]
}

fn any_member() -> impl Strategy<Value = MdstatMember> {
    use MemberFlag::{Faulty, Journal, Replacement, Spare, WriteMostly};
    let flags =
        prop::sample::subsequence(vec![WriteMostly, Journal, Faulty, Spare, Replacement], 0..3);
    (
        "sd[a-z]{1,3}[0-9]{0,2}|nvme[0-9]n1(p[0-9])?|cciss/c0d[0-9]p1|md12[0-9]",
        0_u32..5000,
        flags,
    )
        .prop_map(|(device, number, flags)| MdstatMember {
            device,
            number,
            flags: flags.into_iter().collect(),
        })
}

fn any_sync() -> impl Strategy<Value = Sync> {
    use SyncAction::{Check, Recovery, Repair, Reshape, Resync};
    let running = (
        0_u32..=1000,
        any::<u64>(),
        any::<u64>(),
        0_u32..1_000_000,
        0_u64..1 << 40,
    )
        .prop_map(|(percent, one, other, finish, speed)| {
            SyncState::Running(Progress {
                percent: f64::from(percent) / 10.0,
                done: one.min(other),
                total: one.max(other),
                finish_minutes: Some(f64::from(finish) / 10.0),
                speed_kib_s: Some(speed),
            })
        });
    let waits = prop::sample::select(vec![
        SyncState::Delayed,
        SyncState::Pending,
        SyncState::Remote,
    ]);
    let action = prop::sample::select(vec![Resync, Recovery, Check, Repair, Reshape]);
    (action, prop_oneof![3 => running, 1 => waits])
        .prop_map(|(action, state)| Sync { action, state })
}

fn any_bitmap() -> impl Strategy<Value = Bitmap> {
    let chunk = prop_oneof![Just(512_u64), (0_u32..30).prop_map(|it| 1024 << it)];
    let file = prop::option::of("/[a-zA-Z0-9 \t\n.é]{1,20}[a-z]");
    (any::<u64>(), any::<u64>(), any::<u64>(), chunk, file).prop_map(
        |(pages, pages_total, kib, chunk_bytes, file)| Bitmap {
            pages,
            pages_total,
            kib,
            chunk_bytes,
            file,
        },
    )
}

fn any_metadata() -> impl Strategy<Value = Metadata> {
    let external = prop::sample::select(vec!["imsm", "ddf", "/md127/0", "-md127/1"]);
    prop_oneof![
        3 => (0_u32..3).prop_map(|minor| Metadata::Native { major: 1, minor }),
        1 => (90_u32..92).prop_map(|minor| Metadata::Native { major: 0, minor }),
        1 => external.prop_map(|it| Metadata::External(it.to_owned())),
        1 => Just(Metadata::NonPersistent),
    ]
}

fn any_array() -> impl Strategy<Value = MdstatArray> {
    let state = prop::sample::select(vec![State::Active, State::Inactive, State::Broken]);
    let read_only = prop::sample::select(vec![
        ReadOnly::No,
        ReadOnly::ReadOnly,
        ReadOnly::AutoReadOnly,
    ]);
    let kernel = (state, read_only, any_metadata(), any::<u64>());
    let slots = prop::option::of((any::<u32>(), any::<u32>(), "[U_]{1,30}"));
    let members = prop::collection::vec(any_member(), 1..20);
    let below = (prop::option::of(any_sync()), prop::option::of(any_bitmap()));
    (
        "md[0-9]{1,3}|md_d[0-9]|md_[a-z]{1,9}",
        kernel,
        any_shape(),
        members,
        slots,
        below,
    )
        .prop_map(
            |(
                name,
                (state, read_only, metadata, blocks),
                shape,
                members,
                slots,
                (sync, bitmap),
            )| {
                let (personality, level, chunk_kib, rounding_kib, layout) = shape;
                // An array that does not run has no personality to print anything.
                let runs = state != State::Inactive;
                let slots = slots.filter(|_| runs);
                MdstatArray {
                    name,
                    state,
                    read_only,
                    personality: runs.then(|| personality.to_owned()),
                    members,
                    blocks: Some(blocks),
                    metadata: Some(metadata),
                    level: level.filter(|_| runs),
                    chunk_kib: chunk_kib.filter(|_| runs),
                    rounding_kib: rounding_kib.filter(|_| runs),
                    layout: layout.filter(|_| runs),
                    raid_disks: slots.as_ref().map(|it| it.0),
                    in_sync: slots.as_ref().map(|it| it.1),
                    map: slots.map(|it| it.2),
                    sync,
                    bitmap,
                }
            },
        )
}

fn any_mdstat() -> impl Strategy<Value = Mdstat> {
    let read_ahead = prop_oneof![
        Just(ReadAhead::NotSet),
        any::<u64>().prop_map(ReadAhead::Sectors)
    ];
    (
        prop::collection::vec("[a-z]{3,9}[0-9]{0,2}", 0..8),
        prop::option::of(read_ahead),
        prop::option::of(any::<u64>()),
        prop::collection::vec(any_array(), 0..8),
        prop::option::of(prop::collection::vec("sd[a-z]", 0..3)),
    )
        .prop_map(|(personalities, read_ahead, events, mut arrays, unused)| {
            arrays.sort_by(|a, b| a.name.cmp(&b.name));
            arrays.dedup_by(|a, b| a.name == b.name);
            Mdstat {
                personalities,
                read_ahead,
                events,
                arrays,
                unused,
            }
        })
}

/// As `md_seq_show` of drivers/md/md.c writes it.
fn render(mdstat: &Mdstat) -> String {
    let mut text = "Personalities : ".to_owned();
    for name in &mdstat.personalities {
        write!(text, "[{name}] ").unwrap();
    }
    text += "\n";
    match mdstat.read_ahead {
        Some(ReadAhead::NotSet) => text += "read_ahead not set\n",
        Some(ReadAhead::Sectors(sectors)) => {
            writeln!(text, "read_ahead {sectors} sectors").unwrap()
        }
        None => (),
    }
    if let Some(events) = mdstat.events {
        writeln!(text, "Event: {events}").unwrap();
    }
    for array in &mdstat.arrays {
        text += &first_line(array);
        text += &second_line(array);
        text += &array.sync.as_ref().map(sync_line).unwrap_or_default();
        text += &array.bitmap.as_ref().map(bitmap_line).unwrap_or_default();
        text += "\n";
    }
    match mdstat.unused.as_deref() {
        None => text,
        Some([]) => text + "unused devices: <none>\n",
        Some(names) => text + &format!("unused devices: {}\n", names.join(" ")),
    }
}

fn first_line(array: &MdstatArray) -> String {
    let state = match array.state {
        State::Active => "active",
        State::Inactive => "inactive",
        State::Broken => "broken",
    };
    let read_only = match array.read_only {
        ReadOnly::No => "",
        ReadOnly::ReadOnly => " (read-only)",
        ReadOnly::AutoReadOnly => " (auto-read-only)",
    };
    let mut text = format!("{} : {state}{read_only}", array.name);
    if let Some(personality) = &array.personality {
        write!(text, " {personality}").unwrap();
    }
    for member in &array.members {
        write!(text, " {}[{}]", member.device, member.number).unwrap();
        for flag in &member.flags {
            write!(text, "({})", flag.letter()).unwrap();
        }
    }
    text + "\n"
}

fn second_line(array: &MdstatArray) -> String {
    let mut text = format!("      {} blocks", array.blocks.unwrap());
    let metadata = array.metadata.as_ref().unwrap();
    // That of old is not printed.
    if metadata.to_string() != "0.90" {
        write!(text, " super {metadata}").unwrap();
    }
    if let Some(level) = array.level {
        write!(text, " level {level},").unwrap();
    }
    match (array.chunk_kib, &array.layout) {
        (Some(chunk), Some(Layout::Parity { algorithm })) => {
            write!(text, " {chunk}k chunk, algorithm {algorithm}").unwrap();
        }
        (Some(chunk), layout) => write!(text, " {chunk}K chunks{}", copies(layout)).unwrap(),
        (None, Some(Layout::Faulty { modes })) => write!(text, " {}", modes.join(" ")).unwrap(),
        _ => (),
    }
    if let Some(rounding) = array.rounding_kib {
        write!(text, " {rounding}k rounding").unwrap();
    }
    if let (Some(disks), Some(in_sync), Some(map)) = (array.raid_disks, array.in_sync, &array.map) {
        write!(text, " [{disks}/{in_sync}] [{map}]").unwrap();
    }
    text + "\n"
}

fn copies(layout: &Option<Layout>) -> String {
    let Some(Layout::Copies(copies)) = layout else {
        return String::new();
    };
    let mut text = String::new();
    if copies.near > 1 {
        write!(text, " {} near-copies", copies.near).unwrap();
    }
    if copies.far > 1 {
        let kind = if copies.offset { "offset" } else { "far" };
        write!(text, " {} {kind}-copies", copies.far).unwrap();
    }
    if let Some(set) = copies.devices_per_set {
        write!(text, " {set} devices per set").unwrap();
    }
    text
}

fn sync_line(sync: &Sync) -> String {
    let action = match sync.action {
        SyncAction::Resync => "resync",
        SyncAction::Recovery => "recovery",
        SyncAction::Check => "check",
        SyncAction::Repair => "repair",
        SyncAction::Reshape => "reshape",
    };
    match &sync.state {
        SyncState::Delayed => format!("      \t{action}=DELAYED\n"),
        SyncState::Pending => format!("      \t{action}=PENDING\n"),
        SyncState::Remote => format!("      \t{action}=REMOTE\n"),
        SyncState::Running(it) => format!(
            "      [==>.................]  {action} ={:5.1}% ({}/{}) finish={:.1}min speed={}K/sec\n",
            it.percent,
            it.done,
            it.total,
            it.finish_minutes.unwrap(),
            it.speed_kib_s.unwrap()
        ),
    }
}

fn bitmap_line(it: &Bitmap) -> String {
    let chunk = match it.chunk_bytes {
        bytes @ 0..1024 => format!("{bytes}B"),
        bytes => format!("{}KB", bytes / 1024),
    };
    let file = it.file.as_ref().map_or(String::new(), |it| {
        let escaped = it
            .replace(' ', "\\040")
            .replace('\t', "\\011")
            .replace('\n', "\\012");
        format!(", file: {escaped}")
    });
    format!(
        "      bitmap: {}/{} pages [{}KB], {chunk} chunk{file}\n",
        it.pages, it.pages_total, it.kib
    )
}

fn any_conf() -> impl Strategy<Value = Conf> {
    let arrays = || {
        prop::collection::btree_map(
            "[0-9a-f]{8}(:[0-9a-f]{8}){3}",
            "/dev/md/[a-zA-Z0-9_.-]{1,20}",
            0..6,
        )
    };
    let groups = prop::collection::vec(prop::option::of("[a-z0-9_-]{1,8}"), 12);
    (arrays(), arrays(), groups).prop_map(|(mut ours, others, groups)| {
        ours.retain(|uuid, _| !others.contains_key(uuid));
        // A name means one array, in our block.
        let by_name: BTreeMap<String, String> =
            ours.into_iter().map(|(uuid, name)| (name, uuid)).collect();
        let ours: BTreeMap<String, String> = by_name
            .into_iter()
            .map(|(name, uuid)| (uuid, name))
            .collect();
        let all = ours.keys().chain(others.keys()).cloned();
        let grouped = all.zip(groups).filter_map(|(uuid, it)| Some((uuid, it?)));
        let spare_groups = grouped.collect();
        Conf {
            ours,
            others,
            spare_groups,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mdstat_is_read_as_it_was_written(wanted in any_mdstat()) {
        let text = render(&wanted);
        let parsed = mdstat::parse(&text);
        prop_assert_eq!(&parsed.errors, &[], "{}", text);
        prop_assert_eq!(parsed.value, wanted, "{}", text);
    }

    /// In whatever order the arrays came, and with what others wrote around them.
    #[test]
    fn mdadm_conf_is_read_as_it_was_written(wanted in any_conf(), comment in "[a-z #]{0,20}", at in 0_usize..6) {
        let mut text = format!("HOMEHOST <system>\n# {comment}\n");
        let others: Vec<String> = wanted.others.iter().map(|(uuid, name)| conf::array_line(uuid, name, wanted.spare_group(uuid))).collect();
        let (before, after) = others.split_at(at.min(others.len()));
        text.extend(before.iter().flat_map(|it| [it.as_str(), "\n"]));
        for (uuid, name) in &wanted.ours {
            text = conf::with_array(&text, uuid, name);
            text = conf::with_spare_group(&text, uuid, wanted.spare_group(uuid));
        }
        text.extend(after.iter().flat_map(|it| [it.as_str(), "\n"]));
        prop_assert_eq!(Conf::parse(&text), wanted.clone(), "{}", text);
        let none = wanted.ours.keys().fold(text, |text, uuid| conf::without_array(&text, uuid));
        prop_assert_eq!(Conf::parse(&none).others, wanted.others);
        prop_assert!(!none.contains("MoxNAS"));
    }
}
