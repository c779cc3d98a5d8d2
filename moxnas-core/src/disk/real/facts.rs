//! What a disk says of itself.

use super::{
    super::{Bus, Disk},
    attrs::Attrs,
    identity::is_world_wide,
    udev::Entry,
};

/// Facts of the disk whose folder is `attrs`. udev has asked the disk itself, so its words are
/// longer than those of the kernel's SCSI layer, which cuts an ATA model at 16 characters.
pub(super) fn disk(attrs: &Attrs<'_>, entry: Option<&Entry<'_>>) -> Disk {
    let nothing = Entry::default();
    let entry = entry.unwrap_or(&nothing);
    let device = attrs.below("device");
    let name = attrs.folder.rsplit('/').next().unwrap_or_default();
    let bus = bus(name, attrs, &device, entry);
    let is_mmc = bus == Bus::Mmc;
    Disk {
        model: entry
            .get_decoded("ID_MODEL")
            .or_else(|| device.text(if is_mmc { "name" } else { "model" })),
        vendor: vendor(bus, &device),
        serial: serial(bus, attrs, &device, entry),
        wwn: wwn(bus, attrs, &device, entry),
        firmware: entry
            .get("ID_REVISION")
            .map(str::to_owned)
            .or_else(|| device.text("firmware_rev"))
            .or_else(|| device.text(if is_mmc { "fwrev" } else { "rev" })),
        bus,
        rotational: attrs.flag("queue/rotational"),
        removable: attrs.flag("removable").unwrap_or_default(),
        logical_sector: sector(attrs, "queue/logical_block_size"),
        physical_sector: sector(attrs, "queue/physical_block_size"),
    }
}

fn bus(name: &str, attrs: &Attrs<'_>, device: &Attrs<'_>, entry: &Entry<'_>) -> Bus {
    for (prefix, bus) in [
        ("nvme", Bus::Nvme),
        ("vd", Bus::Virtio),
        ("mmcblk", Bus::Mmc),
    ] {
        if name.starts_with(prefix) {
            return bus;
        }
    }
    let path = attrs.root.link(&attrs.folder).unwrap_or_default();
    let on = |prefix: &str| {
        path.iter()
            .filter_map(|it| it.to_str()?.strip_prefix(prefix))
            .any(|it| it.starts_with(|it: char| it.is_ascii_digit()))
    };
    match entry.get("ID_BUS") {
        _ if on("usb") => Bus::Usb,
        _ if on("ata") => Bus::Ata,
        Some("usb") => Bus::Usb,
        // Also a SATA disk behind a SAS controller.
        Some("ata") => Bus::Ata,
        Some("scsi") => Bus::Scsi,
        _ if device.text("vendor").as_deref() == Some("ATA") => Bus::Ata,
        _ if name.starts_with("sd") => Bus::Scsi,
        _ => Bus::Unknown,
    }
}

fn vendor(bus: Bus, device: &Attrs<'_>) -> Option<String> {
    // Elsewhere the file holds the number of a PCI vendor, or there is none.
    if !matches!(bus, Bus::Ata | Bus::Scsi | Bus::Usb) {
        return None;
    }
    device.text("vendor").filter(|it| it != "ATA")
}

fn serial(bus: Bus, attrs: &Attrs<'_>, device: &Attrs<'_>, entry: &Entry<'_>) -> Option<String> {
    let serial = match bus {
        Bus::Virtio => attrs.text("serial"),
        Bus::Nvme | Bus::Mmc => device.text("serial"),
        _ => None,
    };
    serial
        .or_else(|| entry.get("ID_SCSI_SERIAL").map(str::to_owned))
        .or_else(|| serial_short(entry).map(str::to_owned))
        .or_else(|| {
            // Page 0x80 as the disk gave it: four bytes of header, then text.
            let page: String = device.text("vpd_pg80")?.chars().skip(4).collect();
            let serial = page.trim();
            (!serial.is_empty()).then(|| serial.to_owned())
        })
}

/// `ID_SERIAL_SHORT`, which of a SCSI disk may be its World Wide Name: `ID_SERIAL` then is the
/// same after a digit for the kind of name.
fn serial_short<'a>(entry: &Entry<'a>) -> Option<&'a str> {
    let short = entry.get("ID_SERIAL_SHORT")?;
    let before = entry.get("ID_SERIAL").and_then(|it| it.strip_suffix(short));
    let is_name = matches!(before, Some("2" | "3" | "8"));
    (!is_name).then_some(short)
}

fn wwn(bus: Bus, attrs: &Attrs<'_>, device: &Attrs<'_>, entry: &Entry<'_>) -> Option<String> {
    let told = ["ID_WWN_WITH_EXTENSION", "ID_WWN"]
        .iter()
        .find_map(|it| entry.get(it));
    let wwn = told.map(str::to_owned).or_else(|| {
        let wwid = if bus == Bus::Nvme {
            attrs.text("wwid")
        } else {
            device.text("wwid")
        }?;
        Some(
            wwid.strip_prefix("naa.")
                .map_or(wwid.clone(), |it| format!("0x{it}")),
        )
    })?;
    let number = ["0x", "eui.", "uuid."]
        .iter()
        .find_map(|it| wwn.strip_prefix(it))?;
    is_world_wide(number).then_some(wwn)
}

fn sector(attrs: &Attrs<'_>, attr: &str) -> u32 {
    attrs.number(attr).unwrap_or_else(|| {
        attrs
            .errors
            .add(format!("{} is not there: taken for 512", attrs.path(attr)));
        512
    })
}
