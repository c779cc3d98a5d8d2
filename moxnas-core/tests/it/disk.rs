//! Block devices of machines that are folders.

use std::{collections::BTreeSet, fs};

use moxnas_core::{
    disk::{BlockDevice, BlockDevices, BlockKind, Bus, Disk, DiskBackend, Signature, SystemDisks},
    root::Root,
    units::Bytes,
};

use crate::tree::Tree;

const MD_UUID: &str = "3aaa0122:29827cfa:5331ad66:ca767371";
const MD_DASHES: &str = "3aaa0122-2982-7cfa-5331-ad66ca767371";

fn names(seen: &BlockDevices) -> Vec<&str> {
    seen.by_name.keys().map(String::as_str).collect()
}

fn id(seen: &BlockDevices, name: &str) -> String {
    seen.get(name).unwrap().id.to_string()
}

fn as_disk(device: &BlockDevice) -> &Disk {
    match &device.kind {
        BlockKind::Disk(disk) => disk,
        other => panic!("{} is {other:?}", device.name),
    }
}

/// A SATA disk with two partitions, of which the second is a member of an array.
fn sata() -> Tree {
    Tree::new()
        .disk(
            "sda",
            "8:0",
            "pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0",
        )
        .attrs(
            "sda",
            "device/vendor=ATA device/model=WDC_WD40EFRX-68N device/rev=0A82",
        )
        .udev(
            "8:0",
            "S:disk/by-id/ata-WDC_WD40EFRX-68N32N0_WD-WCC7K0AB
             S:disk/by-id/wwn-0x50014ee2b1c2d3e4
             S:disk/by-path/pci-0000:00:17.0-ata-1
             E:ID_BUS=ata
             E:ID_MODEL=WDC_WD40EFRX-68N32N0
             E:ID_MODEL_ENC=WDC\\x20WD40EFRX-68N32N0\\x20\\x20
             E:ID_REVISION=82.00A82
             E:ID_SERIAL=WDC_WD40EFRX-68N32N0_WD-WCC7K0AB
             E:ID_SERIAL_SHORT=WD-WCC7K0AB
             E:ID_WWN=0x50014ee2b1c2d3e4
             E:ID_PART_TABLE_TYPE=gpt
             E:ID_PART_TABLE_UUID=6d9c3f0e-1111-2222-3333-444455556666",
        )
        .part("sda", "sda1", "8:1")
        .udev(
            "8:1",
            "S:disk/by-id/wwn-0x50014ee2b1c2d3e4-part1
             S:disk/by-label/My\\x20data
             E:ID_PART_TABLE_TYPE=gpt
             E:ID_FS_TYPE=ext4
             E:ID_FS_UUID=0b1c2d3e-aaaa-bbbb-cccc-ddddeeeeffff
             E:ID_FS_LABEL=My_data
             E:ID_FS_LABEL_ENC=My\\x20data",
        )
        .part("sda", "sda2", "8:2")
        .udev(
            "8:2",
            &format!(
                "E:ID_FS_TYPE=linux_raid_member\nE:ID_FS_UUID={MD_DASHES}\nE:ID_FS_LABEL=nas:data"
            ),
        )
}

#[test]
fn a_disk_says_who_it_is_and_what_is_on_it() {
    let seen = sata().look_clean();
    let sda = seen.get("sda").unwrap();
    assert_eq!(sda.id.to_string(), "wwn-0x50014ee2b1c2d3e4");
    assert_eq!(
        sda.aliases,
        [
            "ata-WDC_WD40EFRX-68N32N0_WD-WCC7K0AB",
            "wwn-0x50014ee2b1c2d3e4"
        ]
    );
    assert_eq!(
        (sda.number, sda.size, sda.read_only),
        ((8, 0), Bytes(4_000_787_030_016), false)
    );
    assert_eq!(
        sda.signatures,
        [Signature::new(
            "gpt",
            "6d9c3f0e-1111-2222-3333-444455556666"
        )]
    );
    let text = |it: &str| Some(it.to_owned());
    assert_eq!(
        *as_disk(sda),
        Disk {
            model: text("WDC WD40EFRX-68N32N0"),
            vendor: None,
            serial: text("WD-WCC7K0AB"),
            wwn: text("0x50014ee2b1c2d3e4"),
            firmware: text("82.00A82"),
            bus: Bus::Ata,
            rotational: Some(true),
            removable: false,
            logical_sector: 512,
            physical_sector: 4096,
        }
    );
    let sda1 = seen.get("sda1").unwrap();
    assert_eq!(sda1.id.to_string(), "wwn-0x50014ee2b1c2d3e4-part1");
    assert_eq!(
        (&sda1.kind, sda1.slaves.as_slice()),
        (&BlockKind::Partition { number: 1 }, &["sda".to_owned()][..])
    );
    let ext4 = Signature::new("ext4", "0b1c2d3e-aaaa-bbbb-cccc-ddddeeeeffff");
    assert_eq!(
        sda1.signatures,
        [Signature {
            label: text("My data"),
            ..ext4
        }]
    );
}

#[test]
fn what_is_no_place_for_data_is_left_out() {
    let mut tree = Tree::new()
        .disk("nvme0n1", "259:0", "virtual/nvme-subsystem/nvme-subsys0")
        .attrs("nvme0n1", "wwid=eui.0025385b71b0aabb")
        .udev("259:0", "S:disk/by-id/nvme-eui.0025385b71b0aabb")
        .disk("nvme0c0n1", "259:1", "pci0000:00/nvme/nvme0")
        .attrs("nvme0c0n1", "hidden=1")
        .disk("loop1", "7:1", "virtual")
        .file("sys/block/loop1/loop/backing_file", "/srv/image\n")
        .udev("7:1", "I:1");
    for name in ["sr0", "ram0", "fd0", "loop0", "zram0"] {
        tree = tree.disk(name, "1:0", "virtual");
    }
    tree = tree.disk("sdb", "8:16", "virtual").attrs("sdb", "size=0");
    let seen = tree.look_clean();
    assert_eq!(names(&seen), ["loop1", "nvme0n1"]);
    assert_eq!(id(&seen, "nvme0n1"), "nvme-eui.0025385b71b0aabb");
    assert_eq!(as_disk(seen.get("nvme0n1").unwrap()).bus, Bus::Nvme);
}

#[test]
fn an_array_is_known_by_whoever_knows_it() {
    let members = || sata().stacked("md127", "9:127", &["sda2"]);
    let map = "md127 1.2 2201aa3a:fa7c8229:66ad3153:717376ca /dev/md/data\n";
    let wanted = format!("md-uuid-{MD_UUID}");
    for (from, tree) in [
        (
            "the kernel",
            members().attrs("md127", &format!("md/uuid={MD_DASHES}")),
        ),
        (
            "udev",
            members().udev("9:127", &format!("E:MD_UUID={MD_UUID}")),
        ),
        ("mdadm", members().file("run/mdadm/map", map)),
        ("a member", members()),
        (
            "the kernel, superblock 0.90",
            members()
                .attrs("md127", "md/uuid=2201aa3a-fa7c-8229-66ad-3153717376ca")
                .attrs("md127", "md/metadata_version=0.90"),
        ),
    ] {
        let seen = tree.look_clean();
        assert_eq!(id(&seen, "md127"), wanted, "from {from}");
        assert_eq!(seen.get("md127").unwrap().slaves, ["sda2"]);
        let uses: Vec<String> = seen.uses("sda").iter().map(ToString::to_string).collect();
        assert_eq!(uses, ["md127 is made of it"]);
    }
    let unknown = Tree::new().stacked("md127", "9:127", &[]).look_clean();
    assert_eq!(id(&unknown, "md127"), "kernel:md127");
}

#[test]
fn an_array_that_does_not_run_is_shown_with_its_members() {
    let seen = sata()
        .attrs("md127", "size=0 ro=0 dev=9:127 md/array_state=inactive")
        .link("sys/block/md127/md/dev-sda2/block", "../../../sda/sda2")
        .link("sys/block/md127/md/dev-sdx/block", "../../../sdx")
        .look_clean();
    let md = seen.get("md127").unwrap();
    assert_eq!(
        (md.size, md.slaves.as_slice()),
        (Bytes(0), &["sda2".to_owned()][..])
    );
    assert_eq!(
        (&md.kind, md.signatures.as_slice()),
        (&BlockKind::Md, &[][..])
    );
    assert_eq!(id(&seen, "md127"), format!("md-uuid-{MD_UUID}"));
}

#[test]
fn a_partition_of_an_array_has_a_name_that_stays() {
    let seen = sata()
        .stacked("md127", "9:127", &["sda2"])
        .part("md127", "md127p1", "259:3")
        .udev("259:3", &format!("S:disk/by-id/md-uuid-{MD_UUID}-part1"))
        .look_clean();
    let part = seen.get("md127p1").unwrap();
    assert_eq!(
        part.id.path().unwrap(),
        format!("/dev/disk/by-id/md-uuid-{MD_UUID}-part1")
    );
    assert!(seen.resolve(&part.id.path().unwrap()).is_ok());
    assert_eq!(part.slaves, ["md127"]);
}

#[test]
fn mounts_and_swap_reach_the_disk_below() {
    let seen = sata()
        .stacked("md127", "9:127", &["sda2"])
        .stacked("dm-0", "253:0", &["md127"])
        .attrs("dm-0", "dm/name=vg0-data dm/uuid=LVM-Zk1")
        .udev(
            "253:0",
            "S:disk/by-id/dm-name-vg0-data\nS:mapper/vg0-data\nS:vg0/data",
        )
        .stacked("dm-1", "253:1", &["md127"])
        .attrs("dm-1", "dm/name=vg0-swap")
        .udev("253:1", "S:vg0/swap")
        .stacked("zram0", "252:0", &[])
        .udev("252:0", "I:1")
        .file(
            "proc/self/mountinfo",
            "27 1 8:1 / / rw - ext4 /dev/root rw\n\
             28 27 8:1 /srv /export/my\\040data rw - ext4 /dev/sda1 rw\n\
             29 27 0:40 /@a /pool rw - btrfs /dev/mapper/vg0-data rw\n\
             30 27 0:41 / /proc rw - proc proc rw\n\
             31 27 0:42 / /mnt/phone rw - fuse.mtp /dev/fuse rw\n",
        )
        .file(
            "proc/swaps",
            "Filename Type Size Used Priority\n/dev/vg0/swap partition 1 0 -2\n\
             /dev/zram0 partition 1 0 100\n/swapfile file 1 0 -3\n",
        )
        .look_clean();
    assert_eq!(seen.get("sda1").unwrap().mounts, ["/", "/export/my data"]);
    assert_eq!(seen.get("dm-0").unwrap().mounts, ["/pool"]);
    assert_eq!(id(&seen, "dm-0"), "dm-name-vg0-data");
    let swaps: Vec<&str> = seen
        .by_name
        .values()
        .filter(|it| it.swap)
        .map(|it| it.name.as_str())
        .collect();
    assert_eq!(swaps, ["dm-1", "zram0"]);
    assert_eq!(seen.get("zram0").unwrap().kind, BlockKind::Other);
    assert_eq!(seen.uses("sda").len(), 7, "{:?}", seen.uses("sda"));
}

#[test]
fn a_btrfs_on_two_disks_uses_both() {
    let seen = sata()
        .disk(
            "sdb",
            "8:16",
            "pci0000:00/0000:00:17.0/ata2/host1/target1:0:0/1:0:0:0",
        )
        .udev("8:16", "E:ID_FS_TYPE=btrfs")
        .disk(
            "sdc",
            "8:32",
            "pci0000:00/0000:00:17.0/ata3/host2/target2:0:0/2:0:0:0",
        )
        .udev("8:32", "E:ID_FS_TYPE=btrfs")
        .link("sys/fs/btrfs/6d9c3f0e/devices/sdb", "../../../../block/sdb")
        .link("sys/fs/btrfs/6d9c3f0e/devices/sdc", "../../../../block/sdc")
        .file(
            "proc/self/mountinfo",
            "29 27 0:40 / /pool rw - btrfs /dev/sdc rw\n",
        )
        .look_clean();
    for name in ["sdb", "sdc"] {
        assert_eq!(seen.get(name).unwrap().mounts, ["/pool"], "{name}");
    }
}

#[test]
fn without_udev_the_kernels_numbers_serve() {
    let place = "pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0";
    let tree = Tree::new()
        .disk("sda", "8:0", place)
        .attrs("sda", "device/wwid=naa.5000c500a1b2c3d4")
        .part("sda", "sda1", "8:1")
        .disk("sdb", "8:16", place)
        .file("sys/block/sdb/device/vpd_pg80", b"\x00\x80\x00\x08SERIAL01")
        .disk("nvme0n1", "259:0", "virtual/nvme-subsystem/nvme-subsys0")
        .attrs(
            "nvme0n1",
            "wwid=nvme.1af4-4c41-5145-00000001 nsid=1 device/serial=LAB01",
        )
        .file(
            "sys/block/nvme0n1/device/model",
            "QEMU NVMe Ctrl                          \n",
        )
        .disk("vda", "254:0", "pci0000:00/0000:00:02.0/virtio1")
        .attrs("vda", "serial=LABVIRT00 device/vendor=0x1af4")
        .disk("vdb", "254:16", "pci0000:00/0000:00:03.0/virtio2");
    fs::remove_dir_all(tree.path().join("run/udev")).unwrap();
    let seen = tree.look();
    assert_eq!(
        seen.errors,
        ["/run/udev/data is not there: what is on the devices is not known"]
    );
    let ids: Vec<String> = seen.by_name.keys().map(|it| id(&seen, it)).collect();
    assert_eq!(
        ids,
        [
            "nvme-QEMU_NVMe_Ctrl_LAB01_1",
            "wwn-0x5000c500a1b2c3d4",
            "wwn-0x5000c500a1b2c3d4-part1",
            "kernel:sdb",
            "virtio-LABVIRT00",
            "kernel:vdb",
        ]
    );
    assert_eq!(seen.get("sdb").unwrap().serial(), Some("SERIAL01"));
    assert_eq!(as_disk(seen.get("vda").unwrap()).vendor, None);
    for device in seen.by_name.values() {
        assert_eq!(device.signatures, [Signature::unknown()], "{}", device.name);
    }
}

#[test]
fn what_cannot_be_read_is_told_beside_the_rest() {
    let tree = sata()
        .attrs("sda", "ro=maybe")
        .udev("8:1", "S:disk/by-id/wwn-0x50014ee2b1c2d3e4-part1\nnonsense")
        .file(
            "proc/self/mountinfo",
            "27 1 8:1 / / rw - ext4 /dev/sda1 rw\n28 27 8:1\n",
        )
        .file("proc/swaps", "/dev/sdq1 partition 1 0 -2\n");
    let seen = tree.look();
    assert_eq!(names(&seen), ["sda", "sda1", "sda2"]);
    assert_eq!(seen.get("sda1").unwrap().mounts, ["/"]);
    assert_eq!(
        seen.errors,
        [
            "/sys/block/sda/ro is \"maybe\", which is no number",
            "/run/udev/data/b8:1: line 2 is not understood: \"nonsense\"",
            "/proc/self/mountinfo: line 2 is not understood: \"28 27 8:1\"",
            "/dev/sdq1 is swapped to and not known",
        ]
    );
    let nothing = tempfile::tempdir().unwrap();
    let seen = SystemDisks::new(Root::fixture(nothing.path()))
        .devices()
        .unwrap();
    assert_eq!(
        (seen.by_name.len(), seen.errors.len()),
        (0, 4),
        "{:?}",
        seen.errors
    );
}

#[test]
fn a_device_that_leaves_while_it_is_read_is_skipped() {
    let tree = sata();
    fs::remove_file(tree.path().join("sys/block/sda/sda2/dev")).unwrap();
    assert_eq!(names(&tree.look_clean()), ["sda", "sda1"]);
    fs::remove_file(tree.path().join("sys/block/sda/size")).unwrap();
    assert_eq!(names(&tree.look_clean()), [""; 0]);
}

#[test]
fn this_machine_can_be_read() {
    let seen = SystemDisks::new(Root::system()).devices().unwrap();
    let numbers: BTreeSet<(u32, u32)> = seen.by_name.values().map(|it| it.number).collect();
    assert_eq!(numbers.len(), seen.by_name.len());
    for device in seen.by_name.values() {
        let slaves = device.slaves.iter().all(|it| seen.get(it).is_some());
        assert!(slaves, "{} is made of {:?}", device.name, device.slaves);
    }
}
