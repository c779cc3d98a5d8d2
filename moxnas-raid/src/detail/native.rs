//! md's own superblock, as `mdadm --examine` prints it.

use serde::{Deserialize, Serialize};

use super::blocks::{self, Block};
use super::member_table::{self, MemberRow};
use super::values::{self, Checksum, DeltaDevices, Name, Unit};
use crate::parsed::{Line, Log, Reason, hexadecimal, number, once, signed};

/// A superblock of version 0.90 or 1.x.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Native {
    /// `a92b4efc`.
    pub magic: Option<u64>,
    /// `1.2`; version 0 with its patch level, `0.90.00`.
    pub version: Option<String>,
    /// Features a reader must know, bits `MD_FEATURE_*` of md_p.h.
    pub feature_map: Option<u64>,
    /// Identity of the array, four groups of eight digits.
    pub array_uuid: Option<String>,
    /// This host, where mdadm says after the UUID that a 0.90 array belongs to it.
    pub local_host: Option<String>,
    /// Name of the array, version 1 only.
    pub name: Option<Name>,
    /// Cluster that shares the array.
    pub cluster_name: Option<String>,
    /// Local time of the array's creation.
    pub creation_time: Option<String>,
    /// Level of the array.
    pub raid_level: Option<String>,
    /// Slots of the array.
    pub raid_devices: Option<u32>,
    /// Members in whatever role, 0.90 only.
    pub total_devices: Option<u32>,
    /// The minor number the array wants, 0.90 only.
    pub preferred_minor: Option<u32>,
    /// Room for data on this device, in sectors.
    pub avail_dev_size_sectors: Option<u64>,
    /// Size of the array in KiB.
    pub array_size_kib: Option<u64>,
    /// What each member gives, in sectors; not printed if that is all the room.
    pub used_dev_size_sectors: Option<u64>,
    /// First sector of data.
    pub data_offset_sectors: Option<u64>,
    /// First sector of data after the reshape.
    pub new_offset_sectors: Option<u64>,
    /// Sector of the superblock.
    pub super_offset_sectors: Option<u64>,
    /// Sectors recovered so far, on a member being filled.
    pub recovery_offset_sectors: Option<u64>,
    /// Room before and after the data.
    pub unused_space: Option<UnusedSpace>,
    /// `clean` or `active`, then remarks such as `TRUNCATED DEVICE`.
    pub state: Option<String>,
    /// Identity of this member.
    pub device_uuid: Option<String>,
    /// Where the write-intent bitmap is.
    pub internal_bitmap: Option<InternalBitmap>,
    /// Where the partial parity log is.
    pub ppl: Option<Ppl>,
    /// How far the reshape is, in KiB of the array.
    pub reshape_position_kib: Option<u64>,
    /// How the number of slots changes.
    pub delta_devices: Option<DeltaDevices>,
    /// Level after the reshape.
    pub new_level: Option<String>,
    /// Layout after the reshape.
    pub new_layout: Option<String>,
    /// Chunk after the reshape, in KiB.
    pub new_chunk_kib: Option<u64>,
    /// `write-mostly`, `failfast`.
    pub flags: Vec<String>,
    /// Local time of the superblock's last change.
    pub update_time: Option<String>,
    /// Where bad blocks are listed.
    pub bad_block_log: Option<BadBlockLog>,
    /// Whether the superblock is whole.
    pub checksum: Option<Checksum>,
    /// How often the superblock changed; the member with the most knows best.
    pub events: Option<u64>,
    /// `left-symmetric`, `near=2`, ….
    pub layout: Option<String>,
    /// Chunk in KiB.
    pub chunk_size_kib: Option<u64>,
    /// Rounding of a linear array in KiB.
    pub rounding_kib: Option<u64>,
    /// What this device is, version 1 only.
    pub device_role: Option<DeviceRole>,
    /// A letter for each slot as this member last knew: `A` active, `.` missing, `R` replacing.
    pub array_state: Option<String>,
    /// Roles by descriptor, printed with a warning where two devices claim a slot.
    pub inconsistent_roles: Option<Vec<RoleEntry>>,
    /// Counts in the superblock, 0.90 only: active, working, failed and spare devices.
    pub active_devices: Option<u32>,
    /// Members not failed, 0.90 only.
    pub working_devices: Option<u32>,
    /// Failed members, 0.90 only.
    pub failed_devices: Option<u32>,
    /// Spares, 0.90 only.
    pub spare_devices: Option<u32>,
    /// Members as this one last knew, 0.90 only.
    pub members: Vec<NativeRow>,
    /// Other fields, verbatim.
    pub other: Vec<(String, String)>,
}

/// Room around the data, in sectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnusedSpace {
    /// Between superblock and data.
    pub before: u64,
    /// After the data; negative if the device is too small for it.
    pub after: i64,
}

/// Where the write-intent bitmap is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InternalBitmap {
    /// In its fixed place behind a 0.90 superblock.
    Present,
    /// So many sectors after the superblock, or before it.
    At(i64),
}

/// The partial parity log, in sectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ppl {
    /// Length.
    pub size: u64,
    /// Distance from the superblock.
    pub offset: i64,
}

/// The list of bad blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadBlockLog {
    /// Entries it has room for.
    pub entries: u64,
    /// Distance from the superblock in sectors.
    pub offset: i64,
    /// Whether it has any.
    pub bad_blocks_present: bool,
}

/// What a device is to its array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceRole {
    /// Has this slot.
    Active(u32),
    /// Is to take over this slot.
    Replacement(u32),
    /// Has none; a failed member says so too.
    Spare,
    /// Holds the journal.
    Journal,
}

/// A descriptor and its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleEntry {
    /// The descriptor.
    pub number: u32,
    /// Its slot, if it has one.
    pub raid_device: Option<u32>,
}

/// A row of the table in a 0.90 superblock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NativeRow {
    /// Which descriptor.
    pub row: RowName,
    /// The member.
    pub member: MemberRow,
}

/// First column of the table in a 0.90 superblock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowName {
    /// `this`: the device the superblock stands on.
    This,
    /// A descriptor.
    Number(u32),
}

const WARNING: &str = "WARNING Array state is inconsistent";

pub(super) fn read(block: &Block<'_>, log: &mut Log) -> Native {
    let mut native = Native::default();
    let mut other = Vec::new();
    let (mut in_table, mut in_roles) = (false, false);
    for &line in &block.lines {
        let text = line.trimmed();
        if member_table::is_head(line) {
            in_table = true;
        } else if text.starts_with(WARNING) {
            in_roles = true;
        } else if blocks::key_value(line).is_some() {
            // mdadm before 4 prints 0.90 sizes in KiB and 1.x sizes in sectors, both without unit.
            let bare = match &native.version {
                Some(version) if version.starts_with("0.") => Unit::Kib,
                _ => Unit::Sectors,
            };
            blocks::file(line, log, &mut other, |key, value| {
                field(&mut native, key, value, bare)
            });
        } else if in_roles {
            in_roles = false;
            let roles = roles(text);
            log.keep(line, once(&mut native.inconsistent_roles, "roles", roles));
        } else if in_table {
            let row = row(line, log);
            native.members.extend(log.keep(line, row));
        } else {
            log.add(line, Reason::UnknownLine);
        }
    }
    native.other = other;
    native
}

fn field(it: &mut Native, key: &str, value: &str, bare: Unit) -> Result<bool, Reason> {
    let text = |field| values::text(field, value);
    let sectors = |field| values::sectors(field, value, bare);
    match key {
        "Magic" => once(&mut it.magic, "magic", hexadecimal("magic", value))?,
        "Version" => once(&mut it.version, "version", text("version"))?,
        "Feature Map" => {
            let digits = value.strip_prefix("0x").unwrap_or(value);
            once(
                &mut it.feature_map,
                "feature map",
                hexadecimal("feature map", digits),
            )?;
        }
        "Array UUID" | "UUID" => {
            let Name { text, local_host } = values::name(value);
            once(
                &mut it.array_uuid,
                "array UUID",
                values::uuid("array UUID", &text),
            )?;
            it.local_host = local_host;
        }
        "Name" => once(&mut it.name, "name", Ok(values::name(value)))?,
        "Cluster Name" => once(&mut it.cluster_name, "cluster name", text("cluster name"))?,
        "Creation Time" => once(
            &mut it.creation_time,
            "creation time",
            text("creation time"),
        )?,
        "Raid Level" => once(&mut it.raid_level, "level", text("level"))?,
        "Raid Devices" => count(&mut it.raid_devices, "raid devices", value)?,
        "Total Devices" => count(&mut it.total_devices, "total devices", value)?,
        "Preferred Minor" => count(&mut it.preferred_minor, "preferred minor", value)?,
        "Avail Dev Size" => {
            once(
                &mut it.avail_dev_size_sectors,
                "available size",
                sectors("available size"),
            )?;
        }
        "Array Size" => once(&mut it.array_size_kib, "size", values::kib("size", value))?,
        "Used Dev Size" => {
            once(
                &mut it.used_dev_size_sectors,
                "used size",
                sectors("used size"),
            )?;
        }
        "Data Offset" => once(
            &mut it.data_offset_sectors,
            "data offset",
            sectors("data offset"),
        )?,
        "New Offset" => once(
            &mut it.new_offset_sectors,
            "new offset",
            sectors("new offset"),
        )?,
        "Super Offset" => {
            once(
                &mut it.super_offset_sectors,
                "super offset",
                sectors("super offset"),
            )?;
        }
        "Recovery Offset" => {
            once(
                &mut it.recovery_offset_sectors,
                "recovery offset",
                sectors("recovery offset"),
            )?;
        }
        "Unused Space" => once(&mut it.unused_space, "unused space", unused_space(value))?,
        "State" => once(&mut it.state, "state", text("state"))?,
        "Device UUID" => {
            once(
                &mut it.device_uuid,
                "device UUID",
                values::uuid("device UUID", value),
            )?;
        }
        "Internal Bitmap" => once(&mut it.internal_bitmap, "bitmap", internal_bitmap(value))?,
        "PPL" => once(&mut it.ppl, "PPL", ppl(value))?,
        "Reshape pos'n" => {
            let position = values::kib("reshape position", value);
            once(&mut it.reshape_position_kib, "reshape position", position)?;
        }
        "Delta Devices" => {
            once(
                &mut it.delta_devices,
                "delta devices",
                values::delta_devices(value),
            )?;
        }
        "New Level" => once(&mut it.new_level, "new level", text("new level"))?,
        "New Layout" => once(&mut it.new_layout, "new layout", text("new layout"))?,
        "New Chunksize" => {
            once(
                &mut it.new_chunk_kib,
                "new chunk",
                values::chunk_kib("new chunk", value),
            )?;
        }
        "Flags" if it.flags.is_empty() => {
            it.flags = value.split_whitespace().map(str::to_owned).collect();
        }
        "Flags" => return Err(Reason::Twice("flags".into())),
        "Update Time" => once(&mut it.update_time, "update time", text("update time"))?,
        "Bad Block Log" => once(&mut it.bad_block_log, "bad block log", bad_block_log(value))?,
        "Checksum" => once(&mut it.checksum, "checksum", values::checksum(value))?,
        "Events" => once(&mut it.events, "events", values::events(value))?,
        "Layout" => once(&mut it.layout, "layout", text("layout"))?,
        "Chunk Size" => once(
            &mut it.chunk_size_kib,
            "chunk",
            values::chunk_kib("chunk", value),
        )?,
        "Rounding" => {
            once(
                &mut it.rounding_kib,
                "rounding",
                values::chunk_kib("rounding", value),
            )?;
        }
        "Device Role" => once(&mut it.device_role, "device role", device_role(value))?,
        "Array State" => {
            // The legend is the same on every device.
            let letters = value.split_once(" (").map_or(value, |(letters, _)| letters);
            once(
                &mut it.array_state,
                "array state",
                Ok(letters.trim().to_owned()),
            )?;
        }
        "Active Devices" => count(&mut it.active_devices, "active devices", value)?,
        "Working Devices" => count(&mut it.working_devices, "working devices", value)?,
        "Failed Devices" => count(&mut it.failed_devices, "failed devices", value)?,
        "Spare Devices" => count(&mut it.spare_devices, "spare devices", value)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn count(slot: &mut Option<u32>, field: &'static str, value: &str) -> Result<(), Reason> {
    once(slot, field, number(field, value))
}

/// `before=1960 sectors, after=0 sectors`, with `DEVICE TOO SMALL` where after is negative.
fn unused_space(value: &str) -> Result<UnusedSpace, Reason> {
    let words: Vec<&str> = value.split_whitespace().collect();
    let [before, "sectors,", after, "sectors", rest @ ..] = words.as_slice() else {
        return Err(Reason::UnknownLine);
    };
    let (Some(before), Some(after)) =
        (before.strip_prefix("before="), after.strip_prefix("after="))
    else {
        return Err(Reason::UnknownLine);
    };
    if !matches!(rest, [] | ["DEVICE", "TOO", "SMALL"]) {
        return Err(Reason::UnknownWord(rest.join(" ")));
    }
    Ok(UnusedSpace {
        before: number("unused space", before)?,
        after: signed("unused space", after)?,
    })
}

fn internal_bitmap(value: &str) -> Result<InternalBitmap, Reason> {
    if value == "present" {
        return Ok(InternalBitmap::Present);
    }
    let sectors = value
        .strip_suffix(" sectors from superblock")
        .ok_or(Reason::UnknownLine)?;
    signed("bitmap", sectors).map(InternalBitmap::At)
}

fn ppl(value: &str) -> Result<Ppl, Reason> {
    let (size, offset) = value
        .strip_suffix(" sectors from superblock")
        .and_then(|it| it.split_once(" sectors at offset "))
        .ok_or(Reason::UnknownLine)?;
    Ok(Ppl {
        size: number("PPL", size)?,
        offset: signed("PPL", offset)?,
    })
}

fn bad_block_log(value: &str) -> Result<BadBlockLog, Reason> {
    let (value, present) = match value.strip_suffix(" - bad blocks present.") {
        Some(value) => (value, true),
        None => (value, false),
    };
    let (entries, offset) = value
        .strip_suffix(" sectors")
        .and_then(|it| it.split_once(" entries available at offset "))
        .ok_or(Reason::UnknownLine)?;
    Ok(BadBlockLog {
        entries: number("bad block log", entries)?,
        offset: signed("bad block log", offset)?,
        bad_blocks_present: present,
    })
}

fn device_role(value: &str) -> Result<DeviceRole, Reason> {
    const FIELD: &str = "device role";
    if let Some(slot) = value.strip_prefix("Active device ") {
        return number(FIELD, slot).map(DeviceRole::Active);
    }
    if let Some(slot) = value.strip_prefix("Replacement device ") {
        return number(FIELD, slot).map(DeviceRole::Replacement);
    }
    match value {
        "spare" => Ok(DeviceRole::Spare),
        "Journal" => Ok(DeviceRole::Journal),
        _ => Err(Reason::UnknownWord(value.to_owned())),
    }
}

/// `0:1 1:0 2:-`.
fn roles(text: &str) -> Result<Vec<RoleEntry>, Reason> {
    text.split_whitespace()
        .map(|word| {
            let (own, slot) = word
                .split_once(':')
                .ok_or_else(|| Reason::UnknownWord(word.to_owned()))?;
            let raid_device = if slot == "-" {
                None
            } else {
                Some(number("raid device", slot)?)
            };
            Ok(RoleEntry {
                number: number("number", own)?,
                raid_device,
            })
        })
        .collect()
}

/// `this     0       8        1        0      active sync   /dev/sda1`.
fn row(line: Line<'_>, log: &mut Log) -> Result<NativeRow, Reason> {
    let words: Vec<&str> = line.trimmed().split_whitespace().collect();
    let (first, rest) = words.split_first().ok_or(Reason::UnknownLine)?;
    let row = match *first {
        "this" => RowName::This,
        digits => RowName::Number(number("row", digits)?),
    };
    let member = member_table::row(rest, line, log)?;
    Ok(NativeRow { row, member })
}
