//! What is made of texts of mdadm, whole and damaged.

use proptest::prelude::*;

use super::*;
use crate::mdstat::{SyncAction, SyncState};
use crate::parsed::{Parsed, Reason};

/// In the form of mdadm 4.4: an array of each kind.
const DETAIL: &str = "\
/dev/md0:
           Version : 1.2
     Creation Time : Sat Nov  1 10:00:00 2025
        Raid Level : raid10
        Array Size : 2093056 (2044.00 MiB 2143.29 MB)
     Used Dev Size : 1046528 (1022.00 MiB 1071.64 MB)
      Raid Devices : 4
     Total Devices : 5
       Persistence : Superblock is persistent

     Intent Bitmap : Internal

       Update Time : Sat Nov  1 10:05:00 2025
             State : clean, degraded, recovering\u{20}
    Active Devices : 3
   Working Devices : 4
    Failed Devices : 1
     Spare Devices : 1

            Layout : near=2
        Chunk Size : 512K

Consistency Policy : bitmap

    Rebuild Status : 12% complete

              Name : nas:tank  (local to host nas)
              UUID : 01234567:89abcdef:01234567:89abcdef
            Events : 42

    Number   Major   Minor   RaidDevice State
       0       8       16        0      active sync set-A   /dev/sdb
       5       8       80        1      spare rebuilding   /dev/sdf
       2       8       48        2      active sync set-A writemostly   /dev/sdd
       -       0        0        3      removed

       1       8       32        -      faulty failfast   /dev/sdc
       6       8       96        -      journal   missing

/dev/md1:
           Version : 0.90
     Creation Time : Sat Nov  1 10:00:00 2025
        Raid Level : raid5
        Array Size : 2093056 (2044.00 MiB 2143.29 MB)
     Used Dev Size : unknown
      Raid Devices : 3
     Total Devices : 3
   Preferred Minor : 1
       Persistence : Superblock is not persistent

     Intent Bitmap : /boot/bitmap

             State : active, resyncing, Not Started (PENDING)\u{20}
    Reshape Status : 28% complete
     Delta Devices : -1, (4->3)
         New Level : raid6
        New Layout : left-symmetric-6
     New Chunksize : 64K

              UUID : 01234567:89abcdef:01234567:89abcdee (local to host nas)
            Events : 1.2

    Number   Major   Minor   RaidDevice State
       0       8        1        0      active sync   /dev/sda1

/dev/md126:
         Container : /dev/md/imsm0, member 0
        Raid Level : raid1
              UUID : 01234567:89abcdef:01234567:89abcded

    Number   Major   Minor   RaidDevice State
       1       8       16        0      active sync   /dev/sdb

/dev/md127:
           Version : imsm
        Raid Level : container
     Total Devices : 2

   Working Devices : 2

    Container GUID : 4C696E75:782D4D44:DEADBEEF:00000000:3F403D1A:2A51E3C9
                  (Linux-MD 11/01/25 10:00:00)
     Member Arrays : /dev/md/vol0 /dev/md126

    Number   Major   Minor   RaidDevice

       -       8        0        -        /dev/sda
       -       8       16        -        /dev/sdb
";

/// The forms of mdadm 4.4 (version 1.2), mdadm 3 (0.90), and of metadata that md does not write.
const EXAMINE: &str = "\
/dev/sda:
          Magic : a92b4efc
        Version : 1.2
    Feature Map : 0x4d
     Array UUID : 01234567:89abcdef:01234567:89abcdef
           Name : nas:tank  (local to host nas)
  Creation Time : Sat Nov  1 10:00:00 2025
     Raid Level : raid5
   Raid Devices : 4

 Avail Dev Size : 2093056 sectors (1022.00 MiB 1071.64 MB)
     Array Size : 3139584 KiB (2.99 GiB 3.21 GB)
  Used Dev Size : 2093000 sectors (1021.97 MiB 1071.62 MB)
    Data Offset : 4096 sectors
     New Offset : 2048 sectors
   Super Offset : 8 sectors
Recovery Offset : 1024 sectors
   Unused Space : before=3968 sectors, after=-8 sectors DEVICE TOO SMALL
          State : active TRUNCATED DEVICE
    Device UUID : 11111111:22222222:33333333:44444444

            PPL : 2048 sectors at offset -2056 sectors from superblock
  Reshape pos'n : 6144 (6.00 MiB 6.29 MB)
  Delta Devices : 1 (3->4)
  New Chunksize : 64K

          Flags : write-mostly failfast
    Update Time : Sat Nov  1 10:05:00 2025
  Bad Block Log : 512 entries available at offset 16 sectors - bad blocks present.
       Checksum : c0ffee - expected d00d
         Events : 42

         Layout : left-symmetric
     Chunk Size : 512K

   Device Role : Replacement device 2
   Array State : AR.? ('A' == active, '.' == missing, 'R' == replacing)
WARNING Array state is inconsistent - each number should appear only once
 0:0 1:1 2:- 3:1
/dev/sdb1:
          Magic : a92b4efc
        Version : 0.90.00
           UUID : 01234567:89abcdef:01234567:89abcdee (local to host nas)
  Creation Time : Sat Nov  1 10:00:00 2025
     Raid Level : raid1
  Used Dev Size : 1048512 (1023.94 MiB 1073.68 MB)
     Array Size : 1048512 (1023.94 MiB 1073.68 MB)
   Raid Devices : 2
  Total Devices : 2
Preferred Minor : 0

    Update Time : Sat Nov  1 10:05:00 2025
          State : clean
Internal Bitmap : present
 Active Devices : 2
Working Devices : 2
 Failed Devices : 0
  Spare Devices : 0
       Checksum : 9d1ea2c3 - correct
         Events : 20


      Number   Major   Minor   RaidDevice State
this     0       8       17        0      active sync   /dev/sdb1

   0     0       8       17        0      active sync   /dev/sdb1
   1     1       0        0        1      faulty removed
/dev/sdc:
   MBR Magic : aa55
Partition[0] :       497664 sectors at         2048 (type fd)
/dev/sdd:
    GPT Magic : 5452415020494645
 GPT Revision : 65536
  Partition[00] :      2093056 sectors at         2048
/dev/sde:
          Magic : de11de11
        Version : 01.02.00
Controller GUID : 4C696E75:782D4D44:DEADBEEF:00000000:3F403D1A:2A51E3C9
                  (Linux-MD)
 Container GUID : 4C696E75:782D4D44:DEADBEEF:00000000:3F403D1A:2A51E3C9
                  (Linux-MD 11/01/25 10:00:00)
            Seq : 00000003
  Redundant hdr : yes
  Virtual Disks : 1

      VD GUID[0] : 4C696E75:782D4D44:DEADBEEF:00000000:3F403D1A:2A51E3C9
                  (Linux-MD 11/01/25 10:00:00)
         unit[0] : 0
        state[0] : Optimal, Consistent
   init state[0] : Fully Initialised
       access[0] : Read/Write
         Name[0] : vol0
 Raid Devices[0] : 2 (0@0K 1@0K)
   Chunk Size[0] : 128 sectors
   Raid Level[0] : RAID1
  Secondary Position[0] : 1 of 2
  Device Size[0] : 1048576
   Array Size[0] : 1048576

 Physical Disks : 1023
      Number    RefNo      Size       Device      Type/State
         0    0ba1b5c6   1015808K /dev/sde        active/Online
         1    5a5a5a5a   1015808K                 /Offline, Failed, Missing
 Physical disks not in metadata!:
   12345678 /dev/sdf
/dev/sdg:
          Magic : Intel Raid ISM Cfg Sig.
        Version : 1.3.00
     Attributes : All supported
  Disk00 Serial : ABC
          State : active

[vol0]:
       Subarray : 0
     RAID Level : 5 <-- 0
    Sector Size : 512
  Migrate State : migrating
     RWH Policy : off

Migration Record Information: Empty
              Examine one of first two disks in array

Bad Block Management Log:
       Log Size : 0

    Disk Serial : SPARE
          State : spare
";

fn detail() -> Vec<Detail> {
    parse_detail(DETAIL)
        .strict()
        .expect("the text is whole")
        .arrays
}

#[test]
fn every_line_of_detail_is_read() {
    let arrays = detail();
    let [md0, md1, md126, md127] = arrays.as_slice() else {
        panic!()
    };
    assert_eq!(md0.state, ["clean", "degraded", "recovering"]);
    assert_eq!(
        md0.sync_status,
        Some(SyncStatus {
            action: SyncAction::Recovery,
            percent: 12
        })
    );
    assert_eq!(
        md0.name.as_ref().map(|it| it.text.as_str()),
        Some("nas:tank")
    );
    let slots: Vec<Option<u32>> = md0.members.iter().map(|it| it.raid_device).collect();
    assert_eq!(slots, [Some(0), Some(1), Some(2), Some(3), None, None]);
    let states: Vec<&[MemberWord]> = md0.members.iter().map(|it| it.state.as_slice()).collect();
    use MemberWord::*;
    assert_eq!(
        states,
        [
            &[Active, Sync, Set('A')][..],
            &[Spare, Rebuilding],
            &[Active, Sync, Set('A'), WriteMostly],
            &[Removed],
            &[Faulty, Failfast],
            &[Journal, Missing],
        ]
    );

    assert_eq!(md1.state, ["active", "resyncing", "Not Started"]);
    assert_eq!(md1.sync_waits, Some(SyncState::Pending));
    assert_eq!(
        md1.delta_devices,
        Some(DeltaDevices {
            delta: -1,
            from: 4,
            to: 3
        })
    );
    assert_eq!(
        md1.intent_bitmap,
        Some(IntentBitmap::File("/boot/bitmap".to_owned()))
    );
    assert_eq!(md1.events, Some((1 << 32) + 2));
    assert_eq!(md1.local_host.as_deref(), Some("nas"));
    assert_eq!(
        md1.other,
        [("Used Dev Size".to_owned(), "unknown".to_owned())]
    );

    let container = md126
        .container
        .as_ref()
        .map(|it| (it.container.as_str(), it.member.as_str()));
    assert_eq!(container, Some(("/dev/md/imsm0", "0")));

    assert_eq!(md127.member_arrays.as_ref().map(Vec::len), Some(2));
    assert_eq!(md127.members.len(), 2);
    let [(key, guid)] = md127.other.as_slice() else {
        panic!("{:?}", md127.other)
    };
    assert!(key == "Container GUID" && guid.ends_with("(Linux-MD 11/01/25 10:00:00)"));
}

#[test]
fn every_line_of_examine_is_read() {
    let devices = parse_examine(EXAMINE)
        .strict()
        .expect("the text is whole")
        .devices;
    let blocks: Vec<&Superblock> = devices.iter().map(|it| &it.superblock).collect();
    let [
        Superblock::Native(sda),
        Superblock::Native(sdb1),
        Superblock::Partitions(sdc),
        Superblock::Partitions(sdd),
        Superblock::Ddf(sde),
        Superblock::Imsm(sdg),
    ] = blocks.as_slice()
    else {
        panic!("{blocks:#?}")
    };
    assert_eq!(
        sda.unused_space,
        Some(UnusedSpace {
            before: 3968,
            after: -8
        })
    );
    assert_eq!(
        sda.ppl,
        Some(Ppl {
            size: 2048,
            offset: -2056
        })
    );
    assert_eq!(sda.device_role, Some(DeviceRole::Replacement(2)));
    assert_eq!(sda.array_state.as_deref(), Some("AR.?"));
    assert_eq!(sda.inconsistent_roles.as_ref().map(Vec::len), Some(4));
    assert_eq!(sda.flags, ["write-mostly", "failfast"]);
    let checksum = Checksum {
        value: 0xc0_ffee,
        correct: false,
        expected: Some(0xd00d),
    };
    assert_eq!(sda.checksum, Some(checksum));
    assert_eq!(sda.other, []);

    assert_eq!(sdb1.used_dev_size_sectors, Some(1_048_512 * 2));
    assert_eq!(sdb1.internal_bitmap, Some(InternalBitmap::Present));
    let rows: Vec<RowName> = sdb1.members.iter().map(|it| it.row).collect();
    assert_eq!(
        rows,
        [RowName::This, RowName::Number(0), RowName::Number(1)]
    );

    let part = Partition {
        index: 0,
        sectors: 497_664,
        start: 2048,
        kind: Some(0xfd),
    };
    assert_eq!(sdc.partitions, [part]);
    assert_eq!(sdd.gpt_revision, Some(65536));
    assert_eq!(sdd.partitions.len(), 1);

    let [vol0] = sde.virtual_disks.as_slice() else {
        panic!()
    };
    assert_eq!(vol0.chunk_sectors, Some(128));
    assert_eq!(
        vol0.other,
        [("Secondary Position".to_owned(), "1 of 2".to_owned())]
    );
    assert!(vol0.guid.as_ref().is_some_and(|it| it.text.is_some()));
    let disks: Vec<(Option<&str>, Option<&str>)> = sde
        .physical_disks
        .iter()
        .map(|it| (it.device.as_deref(), it.state.as_deref()))
        .collect();
    assert_eq!(
        disks,
        [
            (Some("/dev/sde"), Some("active/Online")),
            (None, Some("/Offline, Failed, Missing")),
            (Some("/dev/sdf"), None),
        ]
    );

    assert_eq!(
        sdg.disks.iter().map(|it| it.index).collect::<Vec<_>>(),
        [Some(0), None]
    );
    let level = sdg.volumes.first().and_then(|it| it.raid_level.clone());
    assert_eq!(
        level,
        Some(Migrating {
            now: 5,
            from: Some(0)
        })
    );
    let titles: Vec<&str> = sdg.sections.iter().map(|it| it.title.as_str()).collect();
    assert_eq!(
        titles,
        [
            "Migration Record Information Empty",
            "Bad Block Management Log"
        ]
    );
}

#[test]
fn export_has_its_members() {
    let text = "MD_LEVEL=raid1\nMD_DEVICES=2\nMD_METADATA=1.2\nMD_RESHAPE_ACTIVE=False\n\
        MD_NAME=nas:a=b\nMD_DEVICE_dev_sda_ROLE=0\nMD_DEVICE_dev_sda_DEV=/dev/sda\n\
        MD_DEVICE_dev_sdb_ROLE=spare\nMD_DEVICE_dev_sdb_DEV=/dev/sdb\nMD_NEW=1\n";
    let export = parse_export(text).strict().expect("the text is whole");
    assert_eq!(export.name.as_deref(), Some("nas:a=b"));
    assert_eq!(export.reshape_active, Some(false));
    let roles: Vec<Option<ExportRole>> = export.members.iter().map(|it| it.role).collect();
    assert_eq!(roles, [Some(ExportRole::Slot(0)), Some(ExportRole::Spare)]);
    assert_eq!(export.other, [("MD_NEW".to_owned(), "1".to_owned())]);
}

#[test]
fn scan_has_quotes_and_continuation() {
    let text = "ARRAY /dev/md/tank  level=raid1 metadata=1.2 num-devices=2 UUID=01234567:89abcdef:01234567:89abcdef name='nas:my tank'\n   spares=1   devices=/dev/sda,/dev/sdb\nINACTIVE-ARRAY /dev/md1 metadata=1.2   missing   missing\nmdadm: cannot open /dev/md2\n   lost=1\n";
    let parsed = parse_scan(text);
    let [tank, inactive] = parsed.value.arrays.as_slice() else {
        panic!()
    };
    assert_eq!(tank.name.as_deref(), Some("nas:my tank"));
    assert_eq!(tank.devices, ["/dev/sda", "/dev/sdb"]);
    assert_eq!(tank.spares, Some(1));
    assert!(inactive.inactive && !tank.inactive);
    assert_eq!((inactive.missing, tank.missing), (2, 0));
    assert_eq!(parsed.value.messages.len(), 1);
    assert_eq!(
        parsed
            .errors
            .iter()
            .map(|it| (it.line, &it.reason))
            .collect::<Vec<_>>(),
        [(5, &Reason::Orphan)]
    );
}

#[test]
fn what_is_damaged_is_an_error() {
    let check = |line: &str| {
        let parsed = parse_detail(&format!("/dev/md0:\n  Version : 1.2\n{line}\n"));
        assert_eq!(
            parsed.errors.iter().map(|it| it.line).collect::<Vec<_>>(),
            [3],
            "{line}"
        );
    };
    check("garbage");
    check("  Version : 1.2");
    check("  Raid Devices : -1");
    check("  Raid Devices : 4294967296");
    check("  Array Size : 12 parsecs");
    check("  Array Size : 12 (1 GiB");
    check("  UUID : 0123");
    check("  Rebuild Status : 101% complete");
    check("  State : clean (ASLEEP)");
    check("  Delta Devices : x");
    check("  Creation Time :");
}

#[test]
fn another_arrays_lines_do_not_go_to_the_one_before() {
    let text = DETAIL.replace("/dev/md1:\n", "");
    let parsed = parse_detail(&text);
    let mut wanted = detail();
    wanted.retain(|it| it.device != "/dev/md1");
    assert_eq!(parsed.value.arrays, wanted);
    assert!(parsed.errors.iter().all(|it| it.reason == Reason::Orphan));
}

#[test]
fn json_goes_both_ways() {
    fn check<T>(parsed: Parsed<T>)
    where
        T: PartialEq + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
    {
        let json = serde_json::to_string(&parsed).unwrap();
        assert_eq!(serde_json::from_str::<Parsed<T>>(&json).unwrap(), parsed);
    }
    check(parse_detail(DETAIL));
    check(parse_examine(EXAMINE));
    check(parse_export(EXAMINE));
    check(parse_scan(EXAMINE));
    check(parse_platform(EXAMINE));
}

fn parse_all(text: &str) {
    parse_detail(text);
    parse_examine(text);
    parse_export(text);
    parse_scan(text);
    parse_platform(text);
}

/// The device a line belongs to.
fn owner(text: &str, line: usize) -> Option<String> {
    let lines = text.lines().take(line.saturating_add(1));
    let devices = lines.filter_map(|it| it.strip_prefix("/dev/")?.strip_suffix(':'));
    devices.last().map(|it| format!("/dev/{it}"))
}

/// Every device but that of `line` is as it was. A name that is damaged gives its lines to no one.
fn assert_others_unchanged(before: (&str, &str), line: usize) {
    let (detail_text, examine_text) = before;
    let mut wanted = detail();
    wanted.retain(|it| Some(&it.device) != owner(DETAIL, line).as_ref());
    let arrays = parse_detail(detail_text).value.arrays;
    for array in wanted {
        assert!(
            arrays.contains(&array),
            "{} changed in\n{detail_text}",
            array.device
        );
    }
    let mut wanted = parse_examine(EXAMINE).value.devices;
    wanted.retain(|it| Some(&it.device) != owner(EXAMINE, line).as_ref());
    let devices = parse_examine(examine_text).value.devices;
    for device in wanted {
        assert!(
            devices.contains(&device),
            "{} changed in\n{examine_text}",
            device.device
        );
    }
}

/// Both texts with a change to one line.
fn assert_harmless(at: usize, change: impl Fn(&str) -> String) {
    let apply = |text: &str| -> String {
        let lines = text.lines().enumerate();
        lines
            .map(|it| {
                if it.0 == at {
                    change(it.1)
                } else {
                    format!("{}\n", it.1)
                }
            })
            .collect()
    };
    assert_others_unchanged((&apply(DETAIL), &apply(EXAMINE)), at);
}

fn any_line() -> impl Strategy<Value = usize> {
    0..EXAMINE.lines().count().max(DETAIL.lines().count())
}

proptest! {
    #[test]
    fn nothing_panics(bytes: Vec<u8>, text: String, soup in soup()) {
        parse_all(&String::from_utf8_lossy(&bytes));
        parse_all(&text);
        parse_all(&soup);
    }

    #[test]
    fn a_line_that_is_gone_harms_its_device_only(at in any_line()) {
        assert_harmless(at, |_| String::new());
    }

    #[test]
    fn a_line_that_is_doubled_harms_its_device_only(at in any_line()) {
        assert_harmless(at, |it| format!("{it}\n{it}\n"));
    }

    #[test]
    fn a_line_that_is_cut_harms_its_device_only(at in any_line(), keep in 0_usize..100) {
        assert_harmless(at, |it| format!("{}\n", it.get(..keep).unwrap_or(it)));
    }

    #[test]
    fn a_line_that_is_put_in_harms_its_device_only(at in any_line(), line in "[^\n\r]{0,30}") {
        assert_harmless(at, |it| format!("{it}\n{line}\n"));
    }
}

/// Words the parsers know, in no order.
fn soup() -> impl Strategy<Value = String> {
    let words: Vec<&str> = [DETAIL, EXAMINE]
        .iter()
        .flat_map(|it| it.split_inclusive([' ', '\n', '[', ']', ':', '(']))
        .collect();
    prop::collection::vec(prop::sample::select(words), 0..80).prop_map(|it| it.concat())
}
