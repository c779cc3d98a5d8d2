//! Intel Matrix Storage metadata, as `mdadm --examine` prints it.

use serde::{Deserialize, Serialize};

use super::blocks::{self, Block};
use super::values::{self, Checksum, Unit};
use crate::parsed::{Log, Reason, hexadecimal, number, once};

/// The metadata of a container, which each of its disks carries.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Imsm {
    /// The signature.
    pub magic: Option<String>,
    /// Version of the format: `1.2.02`.
    pub version: Option<String>,
    /// Family at creation.
    pub orig_family: Option<u64>,
    /// Family; a rebuilt container has a new one.
    pub family: Option<u64>,
    /// How often the metadata changed.
    pub generation: Option<u64>,
    /// Local time of creation, from mdadm 4.
    pub creation_time: Option<String>,
    /// `All supported`, or what is not.
    pub attributes: Option<String>,
    /// Identity of the container, four groups of eight digits.
    pub uuid: Option<String>,
    /// Whether the metadata is whole.
    pub checksum: Option<Checksum>,
    /// Length of the metadata in sectors.
    pub mpb_sectors: Option<u32>,
    /// Number of disks.
    pub disk_count: Option<u32>,
    /// Number of volumes.
    pub volume_count: Option<u32>,
    /// The disks; the examined one stands first.
    pub disks: Vec<ImsmDisk>,
    /// The arrays in the container.
    pub volumes: Vec<ImsmVolume>,
    /// Parts with a title of their own: the log of bad blocks, the record of a migration.
    pub sections: Vec<ImsmSection>,
    /// Other fields of the container, verbatim.
    pub other: Vec<(String, String)>,
}

/// A disk of the container.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ImsmDisk {
    /// Its number; spares have none.
    pub index: Option<u32>,
    /// Its serial number.
    pub serial: String,
    /// `active`, `spare`, `failed`, ….
    pub state: Option<String>,
    /// Identifier, hexadecimal.
    pub id: Option<u64>,
    /// Room for volumes, in sectors.
    pub usable_sectors: Option<u64>,
    /// Other fields, verbatim.
    pub other: Vec<(String, String)>,
}

/// A value, and what it was before the migration that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migrating<T> {
    /// The value to be.
    pub now: T,
    /// The value that was; `None` when nothing migrates.
    pub from: Option<T>,
}

/// An array in the container.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ImsmVolume {
    /// Its name.
    pub name: String,
    /// Identity, four groups of eight digits.
    pub uuid: Option<String>,
    /// Level as a number.
    pub raid_level: Option<Migrating<u32>>,
    /// Members.
    pub members: Option<Migrating<u32>>,
    /// A letter for each slot, `U` up and `_` not.
    pub slots: Option<Migrating<String>>,
    /// Slot that failed, or `none`.
    pub failed_disk: Option<String>,
    /// Slot of the examined disk, `?` if it has none, with `(out-of-sync)` where that is so.
    pub this_slot: Option<String>,
    /// Bytes of a sector.
    pub sector_size: Option<u32>,
    /// Size in sectors.
    pub array_sectors: Option<u64>,
    /// What each member gives, in sectors.
    pub per_dev_sectors: Option<u64>,
    /// First sector on each member.
    pub sector_offset: Option<u64>,
    /// Stripes.
    pub num_stripes: Option<u64>,
    /// Chunk in KiB.
    pub chunk_kib: Option<Migrating<u64>>,
    /// `idle`, `initialize`, `rebuild`, `migrating`, ….
    pub migrate_state: Option<String>,
    /// `normal`, `degraded`, `failed`, `uninitialized`.
    pub map_state: Option<Migrating<String>>,
    /// How far the migration is.
    pub checkpoint: Option<String>,
    /// `clean` or `dirty`.
    pub dirty_state: Option<String>,
    /// Other fields, verbatim.
    pub other: Vec<(String, String)>,
}

/// A part with a title.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ImsmSection {
    /// `Migration Record Information`, with what stands beside it.
    pub title: String,
    /// Its fields, verbatim.
    pub fields: Vec<(String, String)>,
}

/// What the fields that follow belong to.
enum Part {
    Container,
    Disk,
    Volume,
    Section,
}

pub(super) fn read(block: &Block<'_>, log: &mut Log) -> Imsm {
    let mut imsm = Imsm::default();
    let mut other = Vec::new();
    let mut part = Part::Container;
    for &line in &block.lines {
        let text = line.trimmed();
        if let Some(name) = text.strip_prefix('[').and_then(|it| it.strip_suffix("]:")) {
            imsm.volumes.push(ImsmVolume {
                name: name.to_owned(),
                ..ImsmVolume::default()
            });
            part = Part::Volume;
            continue;
        }
        if let Some(title) = title(text) {
            imsm.sections.push(ImsmSection {
                title,
                fields: Vec::new(),
            });
            part = Part::Section;
            continue;
        }
        // Printed instead of the record on disks that do not carry it.
        if text.starts_with("Examine one of ") {
            other.push((text.to_owned(), String::new()));
            continue;
        }
        if let Some((index, serial)) = blocks::key_value(line).and_then(serial) {
            let index = index.and_then(|it| log.keep(line, number("disk", it)));
            let serial = serial.to_owned();
            imsm.disks.push(ImsmDisk {
                index,
                serial,
                ..ImsmDisk::default()
            });
            part = Part::Disk;
            continue;
        }
        match (
            &part,
            imsm.disks.last_mut(),
            imsm.volumes.last_mut(),
            imsm.sections.last_mut(),
        ) {
            (Part::Disk, Some(disk), _, _) => {
                let mut rest = std::mem::take(&mut disk.other);
                blocks::file(line, log, &mut rest, |key, value| {
                    disk_field(disk, key, value)
                });
                disk.other = rest;
            }
            (Part::Volume, _, Some(volume), _) => {
                let mut rest = std::mem::take(&mut volume.other);
                blocks::file(line, log, &mut rest, |key, value| {
                    volume_field(volume, key, value)
                });
                volume.other = rest;
            }
            (Part::Section, _, _, Some(section)) => {
                blocks::file(line, log, &mut section.fields, |_, _| Ok(false));
            }
            _ => blocks::file(line, log, &mut other, |key, value| {
                field(&mut imsm, key, value)
            }),
        }
    }
    imsm.other = other;
    imsm
}

fn title(text: &str) -> Option<String> {
    let (title, rest) = text.split_once(':')?;
    let known = matches!(
        title,
        "Migration Record Information" | "Bad Block Management Log"
    );
    known.then(|| [title, rest.trim()].join(" ").trim_end().to_owned())
}

/// `Disk00 Serial : X`, or `Disk Serial : X` of a spare.
fn serial<'a>((key, value): (&'a str, &'a str)) -> Option<(Option<&'a str>, &'a str)> {
    let index = key.strip_prefix("Disk")?.strip_suffix("Serial")?.trim();
    Some(((!index.is_empty()).then_some(index), value))
}

fn field(it: &mut Imsm, key: &str, value: &str) -> Result<bool, Reason> {
    let text = |field| values::text(field, value);
    match key {
        "Magic" => once(&mut it.magic, "magic", text("magic"))?,
        "Version" => once(&mut it.version, "version", text("version"))?,
        "Orig Family" => once(&mut it.orig_family, "family", hexadecimal("family", value))?,
        "Family" => once(&mut it.family, "family", hexadecimal("family", value))?,
        "Generation" => once(
            &mut it.generation,
            "generation",
            hexadecimal("generation", value),
        )?,
        "Creation Time" => once(
            &mut it.creation_time,
            "creation time",
            text("creation time"),
        )?,
        "Attributes" => once(&mut it.attributes, "attributes", text("attributes"))?,
        "UUID" => once(&mut it.uuid, "UUID", values::uuid("UUID", value))?,
        "Checksum" => once(&mut it.checksum, "checksum", values::checksum(value))?,
        "MPB Sectors" => once(&mut it.mpb_sectors, "sectors", number("sectors", value))?,
        "Disks" => once(&mut it.disk_count, "disks", number("disks", value))?,
        "RAID Devices" => once(&mut it.volume_count, "volumes", number("volumes", value))?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn disk_field(it: &mut ImsmDisk, key: &str, value: &str) -> Result<bool, Reason> {
    match key {
        "State" => once(&mut it.state, "state", values::text("state", value))?,
        "Id" => once(&mut it.id, "id", hexadecimal("id", value))?,
        "Usable Size" => {
            let size = values::sectors("usable size", value, Unit::Sectors);
            once(&mut it.usable_sectors, "usable size", size)?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn volume_field(it: &mut ImsmVolume, key: &str, value: &str) -> Result<bool, Reason> {
    let text = |field| values::text(field, value);
    let sectors = |field| values::sectors(field, value, Unit::Sectors);
    match key {
        "UUID" => once(&mut it.uuid, "UUID", values::uuid("UUID", value))?,
        "RAID Level" => {
            once(
                &mut it.raid_level,
                "level",
                migrating(value, |it| number("level", it)),
            )?;
        }
        "Members" => {
            once(
                &mut it.members,
                "members",
                migrating(value, |it| number("members", it)),
            )?;
        }
        "Slots" => once(&mut it.slots, "slots", migrating(value, slots))?,
        "Failed disk" => once(&mut it.failed_disk, "failed disk", text("failed disk"))?,
        "This Slot" => once(&mut it.this_slot, "slot", text("slot"))?,
        "Sector Size" => once(
            &mut it.sector_size,
            "sector size",
            number("sector size", value),
        )?,
        "Array Size" => once(&mut it.array_sectors, "size", sectors("size"))?,
        "Per Dev Size" => once(
            &mut it.per_dev_sectors,
            "member size",
            sectors("member size"),
        )?,
        "Sector Offset" => once(&mut it.sector_offset, "offset", number("offset", value))?,
        "Num Stripes" => once(&mut it.num_stripes, "stripes", number("stripes", value))?,
        "Chunk Size" => {
            let kib = |it: &str| number("chunk", it.strip_suffix(" KiB").unwrap_or(it));
            once(&mut it.chunk_kib, "chunk", migrating(value, kib))?;
        }
        "Migrate State" => once(&mut it.migrate_state, "migration", text("migration"))?,
        "Map State" => {
            let state = migrating(value, |it| values::text("map state", it));
            once(&mut it.map_state, "map state", state)?;
        }
        "Checkpoint" => once(&mut it.checkpoint, "checkpoint", text("checkpoint"))?,
        "Dirty State" => once(&mut it.dirty_state, "dirty state", text("dirty state"))?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// `5 <-- 0`: the new value and the old.
fn migrating<T>(
    text: &str,
    read: impl Fn(&str) -> Result<T, Reason>,
) -> Result<Migrating<T>, Reason> {
    match text.split_once(" <-- ") {
        Some((now, from)) => Ok(Migrating {
            now: read(now.trim())?,
            from: Some(read(from.trim())?),
        }),
        None => Ok(Migrating {
            now: read(text)?,
            from: None,
        }),
    }
}

fn slots(text: &str) -> Result<String, Reason> {
    text.strip_prefix('[')
        .and_then(|it| it.strip_suffix(']'))
        .filter(|it| it.bytes().all(|it| matches!(it, b'U' | b'_')))
        .map(str::to_owned)
        .ok_or_else(|| Reason::UnknownWord(text.to_owned()))
}
