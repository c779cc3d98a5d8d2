//! What is made of texts of `/proc/mdstat`, whole and damaged.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::parsed::Reason;

/// In the form of Linux 6.12: every kind of line, one array of each kind.
const WHOLE: &str = "\
Personalities : [raid1] [raid6] [raid5] [raid4] [raid10] [linear]
md0 : active raid1 sdb1[2] sda1[0]
      1046528 blocks super 1.2 [2/1] [U_]
      [==>..................]  recovery = 12.6% (132096/1046528) finish=0.1min speed=132096K/sec
      bitmap: 1/1 pages [4KB], 65536KB chunk, file: /boot/md\\040bitmap

md1 : active (auto-read-only) raid5 sdf1[3](R) sde1[2](W)(J) sdd1[1](F) sdc1[0]
      2093056 blocks super 1.2 level 5, 512k chunk, algorithm 2 [3/2] [U_U]
      \tresync=PENDING

md2 : broken raid10 sdh1[1](F) sdg1[0](F)
      1046528 blocks super 1.0 512K chunks 2 near-copies 2 offset-copies [2/0] [__]

md127 : inactive sdj[1](S) sdi[0](S)
      5544 blocks super external:imsm

md126 : active (read-only) linear sdl1[1] sdk1[0]
      2095104 blocks super non-persistent 0k rounding

md_home : active raid6 sdp[3] sdo[2] sdn[1] sdm[0]
      2093056 blocks level 6, 64k chunk, algorithm 2 [4/4] [UUUU]
      [====================>]  check =100.0% (1046528/1046528) finish=0.0min speed=200000K/sec
      bitmap: 0/1 pages [0KB], 512B chunk

unused devices: sdx sdy
";

fn whole() -> Mdstat {
    parse(WHOLE).strict().expect("the text is whole")
}

fn array(text: &str) -> MdstatArray {
    let parsed = parse(text);
    assert_eq!(parsed.errors, [], "{text}");
    parsed
        .value
        .arrays
        .into_iter()
        .next()
        .expect("there is one")
}

#[test]
fn every_kind_of_line_is_read() {
    let mdstat = whole();
    let md0 = mdstat.array("md0").unwrap();
    let bitmap = md0.bitmap.as_ref().unwrap();
    assert_eq!(bitmap.file.as_deref(), Some("/boot/md bitmap"));
    assert_eq!(bitmap.chunk_bytes, 64 << 20);
    assert_eq!((md0.raid_disks, md0.in_sync), (Some(2), Some(1)));

    let md1 = mdstat.array("md1").unwrap();
    assert_eq!(md1.read_only, ReadOnly::AutoReadOnly);
    let flags: Vec<String> = md1
        .members
        .iter()
        .map(|it| it.flags.iter().map(|it| it.letter()).collect())
        .collect();
    assert_eq!(flags, ["R", "WJ", "F", ""]);
    assert_eq!(
        md1.sync,
        Some(Sync {
            action: SyncAction::Resync,
            state: SyncState::Pending
        })
    );

    let md2 = mdstat.array("md2").unwrap();
    assert_eq!(md2.state, State::Broken);
    let copies = Copies {
        near: 2,
        far: 2,
        offset: true,
        devices_per_set: None,
    };
    assert_eq!(md2.layout, Some(Layout::Copies(copies)));

    let md127 = mdstat.array("md127").unwrap();
    assert_eq!(md127.personality, None);
    assert_eq!(md127.metadata, Some(Metadata::External("imsm".to_owned())));

    let md126 = mdstat.array("md126").unwrap();
    assert_eq!(md126.metadata, Some(Metadata::NonPersistent));
    assert_eq!(md126.rounding_kib, Some(0));

    let home = mdstat.array("md_home").unwrap();
    assert_eq!(
        home.metadata.as_ref().map(Metadata::to_string).as_deref(),
        Some("0.90")
    );
    assert_eq!(home.bitmap.as_ref().map(|it| it.chunk_bytes), Some(512));
    let SyncState::Running(progress) = &home.sync.as_ref().unwrap().state else {
        panic!()
    };
    assert_eq!(progress.percent, 100.0);
    assert_eq!(
        mdstat.unused,
        Some(vec!["sdx".to_owned(), "sdy".to_owned()])
    );
}

#[test]
fn what_old_and_rare_kernels_print() {
    let parsed = parse("Personalities : [raid0]\nread_ahead 1024 sectors\nEvent: 7\n");
    assert_eq!(parsed.errors, []);
    assert_eq!(parsed.value.read_ahead, Some(ReadAhead::Sectors(1024)));
    assert_eq!(parsed.value.events, Some(7));
    assert_eq!(
        parse("read_ahead not set\n").value.read_ahead,
        Some(ReadAhead::NotSet)
    );

    let stuck = array("md0 : active(auto-read-only) raid1 sda1[0]\n 5 blocks [2/1] [U_]\n");
    assert_eq!(stuck.read_only, ReadOnly::AutoReadOnly);

    // A container without disks has everything on one line.
    let empty = array("md127 : inactive super external:ddf\n       \n");
    assert_eq!(empty.metadata, Some(Metadata::External("ddf".to_owned())));

    let faulty =
        array("md0 : active faulty sda[0]\n 5 blocks super 1.2 ReadTransient=1(2) nfaults=3\n");
    let modes = ["ReadTransient=1(2)", "nfaults=3"]
        .map(str::to_owned)
        .to_vec();
    assert_eq!(faulty.layout, Some(Layout::Faulty { modes }));

    let sets = array(
        "md0 : active raid10 sda[0]\n 5 blocks 4K chunks 2 far-copies 3 devices per set [1/1] [U]\n",
    );
    let copies = Copies {
        near: 1,
        far: 2,
        offset: false,
        devices_per_set: Some(3),
    };
    assert_eq!(sets.layout, Some(Layout::Copies(copies)));
}

#[test]
fn work_that_waits() {
    let check = |text: &str, action, state| {
        let text = format!("md0 : active raid1 sda[0]\n 5 blocks [1/1] [U]\n\t{text}\n");
        assert_eq!(array(&text).sync, Some(Sync { action, state }), "{text}");
    };
    check("resync=DELAYED", SyncAction::Resync, SyncState::Delayed);
    check("resync=REMOTE", SyncAction::Resync, SyncState::Remote);
    check("recover=REMOTE", SyncAction::Recovery, SyncState::Remote);
    check("reshape=REMOTE", SyncAction::Reshape, SyncState::Remote);
    check("check=DELAYED", SyncAction::Check, SyncState::Delayed);
}

#[test]
fn places_in_containers() {
    let place = |text: &str| {
        Metadata::External(text.to_owned())
            .container_member()
            .map(|it| (it.container.to_owned(), it.member.to_owned()))
    };
    let expected = Some(("md127".to_owned(), "0".to_owned()));
    assert_eq!(place("/md127/0"), expected);
    assert_eq!(place("-md127/0"), expected);
    assert_eq!(place("imsm"), None);
}

#[test]
fn what_is_damaged_is_an_error_with_its_line() {
    let word = |it: &str| Reason::UnknownWord(it.to_owned());
    let check = |text: &str, line, reason: Reason| {
        let errors = parse(text).errors;
        let found = errors
            .iter()
            .any(|it| it.line == line && it.reason == reason);
        assert!(found, "{text}: {errors:#?}");
    };
    const HEAD: &str = "md0 : active raid1 sda[0]";
    check("md0 active raid1 sda[0]\n", 1, Reason::UnknownLine);
    check("md0 : \n", 1, Reason::Missing("state".into()));
    check(
        "md0 : active sda[0]\n",
        1,
        Reason::Missing("personality".into()),
    );
    check(&format!("{HEAD} sdb[]\n"), 1, word("sdb[]"));
    check(&format!("{HEAD} sdb[1](F\n"), 1, word("sdb[1](F"));
    check(
        &format!("{HEAD} sdb[4294967296]\n"),
        1,
        Reason::TooLarge {
            field: "member".into(),
            text: "4294967296".to_owned(),
        },
    );
    check(
        &format!("{HEAD}\n 99999999999999999999 blocks [1/1] [U]\n"),
        2,
        Reason::TooLarge {
            field: "blocks".into(),
            text: "99999999999999999999".to_owned(),
        },
    );
    check(&format!("{HEAD}\n 5 blocks [1/1] [UX]\n"), 2, word("[UX]"));
    check(
        &format!("{HEAD}\n 5 blocks [1/1] [U] [U]\n"),
        2,
        Reason::Twice("map of devices".into()),
    );
    check(&format!("{HEAD}\n\n 5 blocks\n"), 3, Reason::BlankBefore);
    check(
        &format!("{HEAD}\n"),
        1,
        Reason::Missing("status line".into()),
    );
    check("Personalities : [raid1] raid5\n", 1, word("raid5"));
    check(
        "unused devices:\n",
        1,
        Reason::Missing("unused device, nor <none>".into()),
    );

    let sync = |it: &str| format!("{HEAD}\n 5 blocks\n [>.]  {it}\n");
    check(&sync("recvery = 1.0% (1/2)"), 3, word("recvery"));
    check(
        &sync("resync = 1.0%"),
        3,
        Reason::Missing("progress".into()),
    );
    check(
        &sync("resync = 1.0% (1/2) finish=1.0min"),
        3,
        Reason::Missing("speed".into()),
    );
    check(
        &sync("resync = 1.0% (3/2) finish=1.0min speed=1K/sec"),
        3,
        Reason::Nonsense {
            field: "progress".into(),
            text: "3/2".to_owned(),
        },
    );
}

#[test]
fn an_unknown_flag_is_kept_and_told() {
    let parsed = parse("md0 : active raid1 sda[0](Z)\n 5 blocks\n");
    let flags = parsed
        .value
        .arrays
        .first()
        .and_then(|it| Some(it.members.first()?.flags.clone()));
    assert_eq!(flags, Some(BTreeSet::from([MemberFlag::Other('Z')])));
    assert_eq!(parsed.errors.len(), 1);
}

#[test]
fn lines_of_a_lost_array_do_not_go_to_the_one_before() {
    let text = WHOLE.replace("md1 : active", "md1 : actve");
    let parsed = parse(&text);
    let mut wanted = whole();
    wanted.arrays.retain(|it| it.name != "md1");
    assert_eq!(parsed.value, wanted);
    assert_eq!(
        parsed.errors.iter().map(|it| it.line).collect::<Vec<_>>(),
        [7, 8, 9]
    );
}

#[test]
fn json_goes_both_ways() {
    let json = serde_json::to_string(&parse(&format!("{WHOLE}garbage\n"))).unwrap();
    let back: Parsed<Mdstat> = serde_json::from_str(&json).unwrap();
    assert_eq!(back, parse(&format!("{WHOLE}garbage\n")));
}

/// The array a line of `WHOLE` belongs to; a blank line belongs to the one before.
fn owner(line: usize) -> Option<String> {
    let lines = WHOLE.lines().take(line.saturating_add(1));
    lines
        .filter_map(|it| it.split_once(" : "))
        .last()
        .map(|(name, _)| name.to_owned())
}

/// Every array but `except` is as it was.
fn assert_others_unchanged(text: &str, except: &[Option<String>]) {
    let parsed = parse(text);
    for array in whole().arrays {
        if except.contains(&Some(array.name.clone())) {
            continue;
        }
        assert!(
            parsed.value.arrays.contains(&array),
            "{} changed in\n{text}",
            array.name
        );
    }
}

fn joined<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    lines.into_iter().flat_map(|it| [it, "\n"]).collect()
}

/// One of `WHOLE`'s lines.
fn any_line() -> impl Strategy<Value = usize> {
    0..WHOLE.lines().count()
}

proptest! {
    #[test]
    fn nothing_panics(bytes: Vec<u8>, text: String, soup in soup()) {
        parse(&String::from_utf8_lossy(&bytes));
        parse(&text);
        parse(&soup);
    }

    #[test]
    fn a_line_that_is_gone_harms_its_array_only(at in any_line()) {
        let lines = WHOLE.lines().enumerate().filter(|it| it.0 != at).map(|it| it.1);
        assert_others_unchanged(&joined(lines), &[owner(at)]);
    }

    #[test]
    fn a_line_that_is_doubled_harms_its_array_only(at in any_line()) {
        let lines = WHOLE.lines().enumerate();
        let lines = lines.flat_map(|it| std::iter::repeat_n(it.1, if it.0 == at { 2 } else { 1 }));
        assert_others_unchanged(&joined(lines), &[owner(at)]);
    }

    #[test]
    fn a_line_that_is_cut_harms_its_array_only(at in any_line(), keep in 0_usize..100) {
        let lines = WHOLE.lines().enumerate();
        let lines = lines.map(|it| if it.0 == at { it.1.get(..keep).unwrap_or(it.1) } else { it.1 });
        assert_others_unchanged(&joined(lines), &[owner(at)]);
    }

    #[test]
    fn a_line_that_is_put_in_harms_its_array_only(at in any_line(), line in "\\PC{0,40}|[^\n]{0,20}") {
        prop_assume!(!line.contains('\r'));
        let mut lines: Vec<&str> = WHOLE.lines().collect();
        lines.insert(at, &line);
        let text = joined(lines);
        // Before the first line of an array it stands behind the one before.
        let is_between = WHOLE.lines().nth(at).is_some_and(|it| it.contains(" : "));
        let owner = at.checked_sub(1).and_then(owner);
        assert_others_unchanged(&text, if is_between { &[] } else { std::slice::from_ref(&owner) });
        if !line.trim().is_empty() {
            prop_assert!(!parse(&text).errors.is_empty() || parse(&text).value != whole());
        }
    }

    #[test]
    fn a_text_that_ends_early_keeps_what_came_before(end in 0..WHOLE.len()) {
        let text = &WHOLE[..end];
        let last = text.lines().count().checked_sub(1).and_then(owner);
        let parsed = parse(text);
        let arrays = whole().arrays;
        let complete = arrays.iter().position(|it| Some(&it.name) == last.as_ref()).unwrap_or(0);
        for array in arrays.iter().take(complete) {
            prop_assert!(parsed.value.arrays.contains(array));
        }
    }

    #[test]
    fn damaged_bytes_harm_their_array_only(at in 0..WHOLE.len(), letter in "[ -~]") {
        let Some((before, after)) = WHOLE.split_at_checked(at) else { return Ok(()) };
        prop_assume!(!after.starts_with('\n'));
        let text = [before, &letter, after.get(1..).unwrap_or_default()].concat();
        assert_others_unchanged(&text, &[owner(before.matches('\n').count())]);
    }
}

/// Words the parser knows, in no order.
fn soup() -> impl Strategy<Value = String> {
    let words: Vec<&str> = WHOLE
        .split_inclusive([' ', '\n', '[', ']', '=', '('])
        .collect();
    prop::collection::vec(prop::sample::select(words), 0..60).prop_map(|it| it.concat())
}
