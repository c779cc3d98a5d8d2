//! Which of a disk's names is its own.
//!
//! The names are those of udev's `60-persistent-storage.rules`, `60-scsi_id` and sg3-utils'
//! `55-scsi-sg3_id.rules`.

use std::cmp::Reverse;

use super::{
    super::{Disk, DiskId},
    attrs::Attrs,
};

/// The best of a disk's links under `/dev/disk/by-id`.
pub(super) fn from_links<'a>(links: impl Iterator<Item = &'a str>, disk: &Disk) -> Option<DiskId> {
    let has_serial = disk.serial.as_deref().is_some_and(is_serial);
    links
        .filter_map(|link| {
            let id: DiskId = link.parse().ok()?;
            Some((rank(link, has_serial)?, id))
        })
        // Of two NVMe names the longer ends with the number of the namespace; the shorter is
        // claimed by all namespaces of a controller.
        .min_by_key(|(rank, id)| (*rank, Reverse(id.as_str().len()), id.clone()))
        .map(|(_, id)| id)
}

/// How good a name is, best first; `None` when it is no name of a disk's own.
///
/// First come numbers that are unique in the world and the same behind every cable and bridge.
/// Then names made of model and serial number, which need one: udev makes `ata-MODEL` of a disk
/// without. Among those `ata-` stands for the disk itself, whatever it is plugged into, before
/// what SCSI layers make of it and before `usb-`, whose serial number may be the enclosure's.
/// Names such as `lvm-pv-uuid-` tell what is on the disk.
fn rank(link: &str, has_serial: bool) -> Option<usize> {
    let in_the_world = [
        "wwn-0x",
        "nvme-eui.",
        "nvme-uuid.",
        "scsi-3",
        "scsi-2",
        "scsi-8",
    ];
    if let Some(rank) = in_the_world.iter().position(|it| link.starts_with(it)) {
        let number = link.get(in_the_world[rank].len()..)?;
        return is_world_wide(number).then_some(rank);
    }
    // `nvme-nvme.VENDOR-SERIAL-MODEL-NAMESPACE` in hexadecimal digits: nobody can read it.
    let of_serial = [
        "nvme-nvme.",
        "nvme-",
        "ata-",
        "mmc-",
        "scsi-1",
        "scsi-S",
        "scsi-0",
        "virtio-",
        "usb-",
    ];
    let rank = of_serial
        .iter()
        .position(|it| link.starts_with(it))
        .filter(|_| has_serial)?;
    Some(in_the_world.len() + if rank == 0 { of_serial.len() } else { rank })
}

/// A disk's name from what the kernel says of it, the same that udev would make of it: for
/// machines without udev, such as containers, and for the moment before udev has seen a disk.
pub(super) fn from_kernel(attrs: &Attrs<'_>, disk: &Disk) -> Option<DiskId> {
    let wwid = attrs.text("wwid").or_else(|| attrs.text("device/wwid"));
    if let Some(id) = wwid.and_then(|it| from_wwid(&it)) {
        return Some(id);
    }
    let name = attrs.folder.rsplit('/').next()?;
    let serial = disk.serial.as_deref().filter(|it| is_serial(it))?;
    let model = || disk.model.as_deref();
    let text = if name.starts_with("nvme") {
        format!("nvme-{}_{serial}_{}", model()?, attrs.text("nsid")?)
    } else if name.starts_with("vd") {
        format!("virtio-{serial}")
    } else if name.starts_with("mmc") {
        format!("mmc-{}_{serial}", model()?)
    } else {
        return None;
    };
    as_link(&text).parse().ok()
}

fn from_wwid(wwid: &str) -> Option<DiskId> {
    let (kind, number) = wwid.split_once('.')?;
    let text = match kind {
        "naa" if is_world_wide(number) => format!("wwn-0x{number}"),
        "eui" | "uuid" if is_world_wide(number) => format!("nvme-{wwid}"),
        "t10" => format!("scsi-1{number}"),
        _ => return None,
    };
    as_link(&text).parse().ok()
}

/// What udev makes of a text before it puts it into a link.
fn as_link(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let allowed = |it: char| it.is_ascii_alphanumeric() || "#+-.:=@_".contains(it);
    words
        .join("_")
        .chars()
        .map(|it| if allowed(it) { it } else { '_' })
        .collect()
}

/// Whether a number can be somebody's: bridges and virtual machines make some up of zeros.
pub(super) fn is_world_wide(number: &str) -> bool {
    let digits: Vec<u8> = number.bytes().filter(|it| *it != b'-').collect();
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        // An iSCSI name after `scsi-8`.
        return !digits.is_empty();
    }
    let body = match digits.as_slice() {
        // QEMU's NVMe disks are numbered in the order in which they were plugged in.
        [b'5', b'2', b'5', b'4', b'0', b'0', body @ ..] if body.len() == 10 => body,
        // Format 5 and 6 of a World Wide Name: the digit of the format, then the company.
        [b'5' | b'6', body @ ..] if matches!(body.len(), 15 | 31) => body,
        body => body,
    };
    let significant = body.iter().skip_while(|it| **it == b'0').count();
    let same = body.iter().all(|it| Some(it) == body.first());
    significant > 4 && !same
}

/// Whether a serial number can be one: not blank, not one character throughout, and not the
/// `0123456789ABCDEF` of cheap USB bridges.
fn is_serial(serial: &str) -> bool {
    let serial = serial.trim();
    let same = serial.chars().all(|it| serial.starts_with(it));
    let counted = serial.len() >= 8 && "0123456789ABCDEF".contains(&serial.to_ascii_uppercase());
    let nobody = ["none", "unknown", "n/a", "null"].contains(&serial.to_ascii_lowercase().as_str());
    !same && !counted && !nobody
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(links: &[&str], serial: Option<&str>, expect: Option<&str>) {
        let disk = Disk {
            serial: serial.map(str::to_owned),
            ..Disk::default()
        };
        let id = from_links(links.iter().copied(), &disk);
        assert_eq!(id.as_ref().map(DiskId::as_str), expect, "{links:?}");
        let id = from_links(links.iter().rev().copied(), &disk);
        assert_eq!(
            id.as_ref().map(DiskId::as_str),
            expect,
            "{links:?} in another order"
        );
    }

    #[test]
    fn the_best_name_wins_in_any_order() {
        let serial = Some("WD-WCC7K0AB");
        let ata = "ata-WDC_WD40EFRX-68N32N0_WD-WCC7K0AB";
        check(
            &[ata, "wwn-0x50014ee2b1c2d3e4"],
            serial,
            Some("wwn-0x50014ee2b1c2d3e4"),
        );
        check(
            &[ata, "scsi-SATA_WDC_WD40EFRX-68N_WD-WCC7K0AB"],
            serial,
            Some(ata),
        );
        check(
            &["usb-WD_My_Book_575834-0:0", ata, "lvm-pv-uuid-Zk1"],
            serial,
            Some(ata),
        );
        let eui = "nvme-eui.0025385b71b0aabb";
        let plain = "nvme-Samsung_SSD_970_S4EWNX0M";
        check(
            &[plain, eui, "nvme-uuid.6b5e0c1a-0000"],
            Some("S4EWNX0M"),
            Some(eui),
        );
        check(
            &[plain, "nvme-Samsung_SSD_970_S4EWNX0M_1"],
            Some("S4EWNX0M"),
            Some("nvme-Samsung_SSD_970_S4EWNX0M_1"),
        );
        check(
            &["nvme-nvme.1af4-4c41-5145-00000001", plain],
            Some("S4EWNX0M"),
            Some(plain),
        );
        check(
            &["scsi-0QEMU_QEMU_HARDDISK_L1", "scsi-35000c500a1b2c3d4"],
            Some("L1"),
            Some("scsi-35000c500a1b2c3d4"),
        );
    }

    #[test]
    fn nonsense_is_nobody() {
        check(&["wwn-0x0000000000000000"], None, None);
        check(
            &["wwn-0x5000000000000001", "ata-DISK_S1"],
            Some("S1"),
            Some("ata-DISK_S1"),
        );
        check(&["nvme-eui.0000000000000000"], None, None);
        check(
            &["nvme-eui.5254000000000003", "nvme-QEMU_NVMe_Ctrl_A1"],
            Some("A1"),
            Some("nvme-QEMU_NVMe_Ctrl_A1"),
        );
        check(&["ata-QEMU_HARDDISK"], None, None);
        check(&["usb-Generic_Flash_Disk-0:0"], Some("  "), None);
        check(
            &["usb-JMicron_0123456789ABCDEF-0:0"],
            Some("0123456789ABCDEF"),
            None,
        );
        check(&["ata-DISK_00000000"], Some("00000000"), None);
        check(
            &["wwn-0x5000c500a1b2c3d4-part1", "lvm-pv-uuid-a", "../../sda"],
            Some("S1"),
            None,
        );
        check(
            &["nvme-eui.00000000000000010026b7683c8f4d15"],
            None,
            Some("nvme-eui.00000000000000010026b7683c8f4d15"),
        );
    }

    #[test]
    fn the_kernels_numbers_give_udevs_names() {
        for (wwid, id) in [
            ("naa.5000c500a1b2c3d4", Some("wwn-0x5000c500a1b2c3d4")),
            ("eui.0025385b71b0aabb", Some("nvme-eui.0025385b71b0aabb")),
            (
                "t10.ATA     DISK MODEL   SERIAL1",
                Some("scsi-1ATA_DISK_MODEL_SERIAL1"),
            ),
            ("naa.0000000000000000", None),
            ("nvme.1af4-4c41-5145-00000001", None),
            ("", None),
        ] {
            assert_eq!(from_wwid(wwid).as_ref().map(DiskId::as_str), id, "{wwid}");
        }
    }
}
