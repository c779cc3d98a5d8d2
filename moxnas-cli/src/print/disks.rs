//! Disks for people.

use moxnas_api::wire::disks::{Bus, Disk, DiskPage};

use super::{bytes, lines};

/// All disks, one a line.
pub(super) fn table(page: &DiskPage) -> String {
    if page.items.is_empty() {
        return "there are no disks".to_owned();
    }
    let mut table = super::table(&["NAME", "SERIAL", "MODEL", "SIZE", "KIND", "STATUS", "ID"]);
    for it in &page.items {
        table.add_row([
            it.kernel_name.clone(),
            it.serial.clone().unwrap_or_else(|| "-".to_owned()),
            it.model.clone().unwrap_or_else(|| "-".to_owned()),
            bytes(it.size_bytes),
            kind(it),
            status(it),
            it.id.clone(),
        ]);
    }
    lines(&table)
}

fn kind(it: &Disk) -> String {
    let bus = match it.bus {
        Bus::Ata => "SATA",
        Bus::Scsi => "SAS",
        Bus::Nvme => return "NVMe".to_owned(),
        Bus::Usb => "USB",
        Bus::Virtio => "virtio",
        Bus::Mmc => "MMC",
        Bus::Unknown => "?",
    };
    match it.rotational {
        Some(true) => format!("{bus} HDD"),
        Some(false) => format!("{bus} SSD"),
        None => bus.to_owned(),
    }
}

fn status(it: &Disk) -> String {
    match (&it.array, it.usable) {
        (Some(array), _) => format!("in {array}"),
        _ if it.multipath.is_some() => "a path".to_owned(),
        (None, true) if it.content == "no signature" => "free".to_owned(),
        (None, true) => "free, not empty".to_owned(),
        (None, false) if it.used_by.is_empty() => "not usable".to_owned(),
        (None, false) => "in use".to_owned(),
    }
}

/// One disk with everything about it.
pub(super) fn sheet(it: &Disk) -> String {
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
    let mut facts = vec![
        ("id", it.id.clone()),
        ("name", it.kernel_name.clone()),
        ("model", known(&it.model)),
        ("serial", known(&it.serial)),
        ("wwn", known(&it.wwn)),
        ("firmware", known(&it.firmware)),
        ("kind", kind(it)),
        (
            "size",
            format!("{} ({} bytes)", bytes(it.size_bytes), it.size_bytes),
        ),
        (
            "sectors",
            format!("{}/{}", it.logical_sector_bytes, it.physical_sector_bytes),
        ),
        ("content", it.content.clone()),
        ("status", status(it)),
    ];
    facts.extend(it.multipath.iter().map(|map| ("path to", map.clone())));
    facts.extend(it.used_by.iter().map(|it| ("used by", it.clone())));
    facts.extend(
        it.not_usable_because
            .iter()
            .map(|it| ("not usable", it.clone())),
    );
    facts.extend(it.remedy.iter().map(|it| ("remedy", it.clone())));
    facts.push(
        match (&it.temperature_celsius, &it.temperature_unknown_because) {
            (Some(celsius), _) => ("temperature", format!("{celsius} °C")),
            (None, why) => ("temperature", format!("unknown: {}", known(why))),
        },
    );
    let can = [
        (it.can_discard, "discard"),
        (it.can_locate, "show where it is"),
    ];
    let can: Vec<&str> = can.iter().filter(|it| it.0).map(|it| it.1).collect();
    if !can.is_empty() {
        facts.push(("can", can.join(", ")));
    }
    if let Some(on) = it.locating {
        facts.push(("light", if on { "on" } else { "off" }.to_owned()));
    }
    let others = it.aliases.iter().filter(|alias| **alias != it.id);
    facts.extend(others.map(|it| ("also", it.clone())));
    let mut text: Vec<String> = facts
        .iter()
        .map(|(key, value)| format!("{key:<13}{value}"))
        .collect();
    for part in &it.partitions {
        let mounts = part.mounts.join(", ");
        let mounted = if mounts.is_empty() {
            mounts
        } else {
            format!(", mounted at {mounts}")
        };
        let size = bytes(part.size_bytes);
        text.push(format!(
            "partition {:<3}{size}, {}{mounted}",
            part.number, part.content
        ));
    }
    text.join("\n")
}
