//! SNIA's Disk Data Format, as `mdadm --examine` prints it.

use serde::{Deserialize, Serialize};

use super::blocks::{self, Block};
use super::values;
use crate::parsed::{Line, Log, Reason, hexadecimal, number, once};

/// The metadata of a container, which each of its disks carries.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ddf {
    /// `de11de11`.
    pub magic: Option<u64>,
    /// Revision of the format: `01.02.00`.
    pub version: Option<String>,
    /// Identity of the controller.
    pub controller_guid: Option<DdfGuid>,
    /// Identity of the container.
    pub container_guid: Option<DdfGuid>,
    /// How often the metadata changed.
    pub sequence: Option<u64>,
    /// Whether the second header is there: `yes` or `no`.
    pub redundant_header: Option<String>,
    /// Number of arrays.
    pub virtual_disk_count: Option<u32>,
    /// The arrays.
    pub virtual_disks: Vec<DdfVirtualDisk>,
    /// Room for disks in the table.
    pub physical_disk_count: Option<u32>,
    /// The disks.
    pub physical_disks: Vec<DdfPhysicalDisk>,
    /// Other fields, verbatim.
    pub other: Vec<(String, String)>,
}

/// 24 bytes, partly text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DdfGuid {
    /// Six groups of eight hexadecimal digits.
    pub hex: String,
    /// Its text and time of creation, as mdadm reads them out.
    pub text: Option<String>,
}

/// An array in the container. All are fields `Key[index]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DdfVirtualDisk {
    /// Its number.
    pub index: u32,
    /// Identity.
    pub guid: Option<DdfGuid>,
    /// Number of the unit.
    pub unit: Option<u32>,
    /// `Optimal, Consistent`, ….
    pub state: Option<String>,
    /// `Fully Initialised`, ….
    pub init_state: Option<String>,
    /// `Read/Write`, ….
    pub access: Option<String>,
    /// Name; may be empty.
    pub name: Option<String>,
    /// Members with number and first KiB: `2 (0@0K 1@0K)`.
    pub raid_devices: Option<String>,
    /// Chunk in sectors.
    pub chunk_sectors: Option<u64>,
    /// Level in DDF's words: `RAID1`.
    pub raid_level: Option<String>,
    /// What each member gives, in KiB.
    pub device_size_kib: Option<u64>,
    /// Size in KiB.
    pub array_size_kib: Option<u64>,
    /// Other fields, verbatim.
    pub other: Vec<(String, String)>,
}

/// A disk of the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DdfPhysicalDisk {
    /// Its number; disks that the metadata does not list have none.
    pub number: Option<u32>,
    /// Its reference number, hexadecimal.
    pub reference: u64,
    /// Room for arrays, in KiB.
    pub size_kib: Option<u64>,
    /// Its node.
    pub device: Option<String>,
    /// Type and state: `active/Online, SMART-errors`.
    pub state: Option<String>,
}

/// What the lines without a colon are.
#[derive(Clone, Copy)]
enum Table {
    None,
    Listed,
    Unlisted,
}

pub(super) fn read(block: &Block<'_>, log: &mut Log) -> Ddf {
    let mut ddf = Ddf::default();
    let mut other = Vec::new();
    let mut table = Table::None;
    let mut last_guid = String::new();
    for &line in &block.lines {
        let text = line.trimmed();
        if let Some(inner) = text.strip_prefix('(').and_then(|it| it.strip_suffix(')')) {
            let guid = guid_of(&mut ddf, &last_guid).filter(|it| it.text.is_none());
            match guid {
                Some(guid) => guid.text = Some(inner.to_owned()),
                None => log.add(line, Reason::Orphan),
            }
        } else if text.starts_with("Number ") && text.contains("RefNo") {
            table = Table::Listed;
        } else if text.starts_with("Physical disks not in metadata") {
            table = Table::Unlisted;
        } else if let Some((key, _)) = blocks::key_value(line) {
            if key.contains("GUID") {
                key.clone_into(&mut last_guid);
            }
            blocks::file(line, log, &mut other, |key, value| {
                field(&mut ddf, key, value)
            });
        } else {
            let disk = disk(line, table);
            ddf.physical_disks.extend(log.keep(line, disk));
        }
    }
    ddf.other = other;
    ddf
}

fn guid_of<'a>(ddf: &'a mut Ddf, key: &str) -> Option<&'a mut DdfGuid> {
    match key {
        "Controller GUID" => ddf.controller_guid.as_mut(),
        "Container GUID" => ddf.container_guid.as_mut(),
        "" => None,
        _ => ddf.virtual_disks.last_mut()?.guid.as_mut(),
    }
}

fn field(it: &mut Ddf, key: &str, value: &str) -> Result<bool, Reason> {
    if let Some((key, index)) = key.strip_suffix(']').and_then(|it| it.split_once('[')) {
        let disk = virtual_disk(it, number("virtual disk", index)?);
        return virtual_field(disk, key, value);
    }
    let text = |field| values::text(field, value);
    match key {
        "Magic" => once(&mut it.magic, "magic", hexadecimal("magic", value))?,
        "Version" => once(&mut it.version, "version", text("version"))?,
        "Controller GUID" => once(&mut it.controller_guid, "controller GUID", guid(value))?,
        "Container GUID" => once(&mut it.container_guid, "container GUID", guid(value))?,
        "Seq" => once(&mut it.sequence, "sequence", hexadecimal("sequence", value))?,
        "Redundant hdr" => {
            once(
                &mut it.redundant_header,
                "redundant header",
                text("redundant header"),
            )?;
        }
        "Virtual Disks" => {
            once(
                &mut it.virtual_disk_count,
                "virtual disks",
                number("virtual disks", value),
            )?;
        }
        "Physical Disks" => {
            once(
                &mut it.physical_disk_count,
                "physical disks",
                number("physical disks", value),
            )?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn virtual_disk(ddf: &mut Ddf, index: u32) -> &mut DdfVirtualDisk {
    let disks = &mut ddf.virtual_disks;
    let at = disks
        .iter()
        .position(|it| it.index == index)
        .unwrap_or_else(|| {
            disks.push(DdfVirtualDisk {
                index,
                ..DdfVirtualDisk::default()
            });
            disks.len().saturating_sub(1)
        });
    disks.get_mut(at).expect("at is a place in the list")
}

fn virtual_field(it: &mut DdfVirtualDisk, key: &str, value: &str) -> Result<bool, Reason> {
    let text = |field| values::text(field, value);
    match key {
        "VD GUID" => once(&mut it.guid, "GUID", guid(value))?,
        "unit" => once(&mut it.unit, "unit", number("unit", value))?,
        "state" => once(&mut it.state, "state", text("state"))?,
        "init state" => once(&mut it.init_state, "init state", text("init state"))?,
        "access" => once(&mut it.access, "access", text("access"))?,
        "Name" => once(&mut it.name, "name", Ok(value.to_owned()))?,
        "Raid Devices" => once(&mut it.raid_devices, "raid devices", text("raid devices"))?,
        "Chunk Size" => {
            once(
                &mut it.chunk_sectors,
                "chunk",
                number("chunk", value.trim_end_matches(" sectors")),
            )?;
        }
        "Raid Level" => once(&mut it.raid_level, "level", text("level"))?,
        "Device Size" => {
            once(
                &mut it.device_size_kib,
                "device size",
                number("device size", value),
            )?;
        }
        "Array Size" => once(&mut it.array_size_kib, "size", number("size", value))?,
        _ => it.other.push((key.to_owned(), value.to_owned())),
    }
    Ok(true)
}

fn guid(value: &str) -> Result<DdfGuid, Reason> {
    let is_group = |it: &str| it.len() == 8 && it.bytes().all(|it| it.is_ascii_hexdigit());
    if !value.split(':').all(is_group) {
        return Err(Reason::Nonsense {
            field: "GUID".into(),
            text: value.to_owned(),
        });
    }
    Ok(DdfGuid {
        hex: value.to_owned(),
        text: None,
    })
}

/// `0    0ba1b5c6   1953514584K /dev/sda        active/Online`; not listed, `0ba1b5c6 /dev/sda`.
fn disk(line: Line<'_>, table: Table) -> Result<DdfPhysicalDisk, Reason> {
    let words: Vec<&str> = line.trimmed().split_whitespace().collect();
    let node = |it: &str| it.starts_with("/dev/").then(|| it.to_owned());
    match (table, words.as_slice()) {
        (Table::Listed, [own, reference, size, rest @ ..]) => {
            let device = rest.first().and_then(|it| node(it));
            let state = rest.iter().skip(usize::from(device.is_some())).copied();
            let state = state.collect::<Vec<_>>().join(" ");
            Ok(DdfPhysicalDisk {
                number: Some(number("number", own)?),
                reference: hexadecimal("reference", reference)?,
                size_kib: Some(values::chunk_kib("size", size)?),
                device,
                state: (!state.is_empty()).then_some(state),
            })
        }
        (Table::Unlisted, [reference, device]) => Ok(DdfPhysicalDisk {
            number: None,
            reference: hexadecimal("reference", reference)?,
            size_kib: None,
            device: node(device),
            state: None,
        }),
        _ => Err(Reason::UnknownLine),
    }
}
