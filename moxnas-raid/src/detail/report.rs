//! `mdadm --detail`.

use serde::{Deserialize, Serialize};

use super::blocks::{self, Block, Message};
use super::member_table::{self, MemberRow};
use super::values::{self, DeltaDevices, Name};
use crate::mdstat::{SyncAction, SyncState};
use crate::parsed::{Log, Parsed, Reason, number, once};

/// The output of `mdadm --detail` for one or several arrays.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Details {
    /// The arrays in the order of the text.
    pub arrays: Vec<Detail>,
    /// What mdadm said about its own work.
    pub messages: Vec<Message>,
}

/// What `mdadm --detail` prints of an array.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Detail {
    /// The array as it was named on the command line.
    pub device: String,
    /// The container it lies in; such an array has no `version`.
    pub container: Option<ContainerPlace>,
    /// Version of the superblock: `1.2`, `0.90`, `imsm`.
    pub version: Option<String>,
    /// Local time of creation.
    pub creation_time: Option<String>,
    /// `raid1`, `container`, ….
    pub raid_level: Option<String>,
    /// Size of the array in KiB.
    pub array_size_kib: Option<u64>,
    /// What each member gives, in KiB.
    pub used_dev_size_kib: Option<u64>,
    /// Slots.
    pub raid_devices: Option<u32>,
    /// Members in whatever role.
    pub total_devices: Option<u32>,
    /// The minor number a 0.90 array wants.
    pub preferred_minor: Option<u32>,
    /// Whether members have superblocks.
    pub persistence: Option<Persistence>,
    /// Where the write-intent bitmap is.
    pub intent_bitmap: Option<IntentBitmap>,
    /// Local time of the last change of the superblocks.
    pub update_time: Option<String>,
    /// Words of `State :`, such as `clean`, `degraded`, `FAILED`, `recovering`, `Not Started`.
    pub state: Vec<String>,
    /// `(DELAYED)`, `(PENDING)` or `(REMOTE)` after the state: why the sync it names does not run.
    pub sync_waits: Option<SyncState>,
    /// Slots with a member in sync.
    pub active_devices: Option<u32>,
    /// Members that are not failed.
    pub working_devices: Option<u32>,
    /// Failed members.
    pub failed_devices: Option<u32>,
    /// Spares.
    pub spare_devices: Option<u32>,
    /// `left-symmetric`, `near=2`, ….
    pub layout: Option<String>,
    /// Chunk in KiB.
    pub chunk_size_kib: Option<u64>,
    /// Rounding of a linear array in KiB.
    pub rounding_kib: Option<u64>,
    /// How it is made to agree after an unclean stop: `resync`, `bitmap`, `journal`, `ppl`, `none`.
    pub consistency_policy: Option<String>,
    /// Work that runs.
    pub sync_status: Option<SyncStatus>,
    /// How the number of slots changes.
    pub delta_devices: Option<DeltaDevices>,
    /// Level after the reshape.
    pub new_level: Option<String>,
    /// Layout after the reshape.
    pub new_layout: Option<String>,
    /// Chunk after the reshape, in KiB.
    pub new_chunk_kib: Option<u64>,
    /// Name in the superblock, version 1 only.
    pub name: Option<Name>,
    /// Cluster that shares the array.
    pub cluster_name: Option<String>,
    /// Identity of the array, four groups of eight digits.
    pub uuid: Option<String>,
    /// This host, where mdadm says after the UUID that a 0.90 array belongs to it.
    pub local_host: Option<String>,
    /// How often the superblocks changed.
    pub events: Option<u64>,
    /// Arrays that lie in this container, by node.
    pub member_arrays: Option<Vec<String>>,
    /// Slots, then everything that has none.
    pub members: Vec<MemberRow>,
    /// Other fields, verbatim.
    pub other: Vec<(String, String)>,
}

/// An array's place in a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerPlace {
    /// Node of the container.
    pub container: String,
    /// Which of its arrays.
    pub member: String,
}

/// Whether members have superblocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Persistence {
    /// They have.
    Persistent,
    /// The array is known only while it runs.
    NotPersistent,
}

/// Where the write-intent bitmap is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentBitmap {
    /// Beside the superblocks.
    Internal,
    /// Beside the superblocks, one for each node of a cluster.
    Clustered,
    /// In this file.
    File(String),
}

/// Work that runs over the array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncStatus {
    /// Which. mdadm says `Rebuild` for a recovery.
    pub action: SyncAction,
    /// How far, in whole percent.
    pub percent: u8,
}

/// Reads the output of `mdadm --detail`.
pub fn parse_detail(text: &str) -> Parsed<Details> {
    let blocks::Blocks {
        blocks,
        messages,
        mut log,
    } = blocks::split(text);
    let arrays = blocks.iter().map(|it| read(it, &mut log)).collect();
    log.with(Details { arrays, messages })
}

fn read(block: &Block<'_>, log: &mut Log) -> Detail {
    let mut detail = Detail {
        device: block.device.to_owned(),
        ..Detail::default()
    };
    let mut other = Vec::new();
    let mut in_table = false;
    for &line in &block.lines {
        if member_table::is_head(line) {
            if in_table {
                log.add(line, Reason::Twice("table of members".into()));
            }
            in_table = true;
            continue;
        }
        if in_table {
            let words: Vec<&str> = line.trimmed().split_whitespace().collect();
            let row = member_table::row(&words, line, log);
            detail.members.extend(log.keep(line, row));
            continue;
        }
        // A GUID in a DDF container's detail ends on a line of its own.
        if let Some((_, value)) = other.last_mut().filter(|(key, _): &&mut (String, String)| {
            key.ends_with("GUID") && line.trimmed().starts_with('(')
        }) {
            value.push(' ');
            value.push_str(line.trimmed());
            continue;
        }
        blocks::file(line, log, &mut other, |key, value| {
            field(&mut detail, key, value)
        });
    }
    detail.other = other;
    detail
}

fn field(it: &mut Detail, key: &str, value: &str) -> Result<bool, Reason> {
    let text = |field| values::text(field, value);
    match key {
        "Container" => once(&mut it.container, "container", container(value))?,
        "Version" => once(&mut it.version, "version", text("version"))?,
        "Creation Time" => once(
            &mut it.creation_time,
            "creation time",
            text("creation time"),
        )?,
        "Raid Level" => once(&mut it.raid_level, "level", text("level"))?,
        "Array Size" => once(&mut it.array_size_kib, "size", values::kib("size", value))?,
        "Used Dev Size" if value == "unknown" => return Ok(false),
        // `Device Size` before mdadm 3.
        "Used Dev Size" | "Device Size" => {
            let size = values::kib("used device size", value);
            once(&mut it.used_dev_size_kib, "used device size", size)?;
        }
        "Raid Devices" => count(&mut it.raid_devices, "raid devices", value)?,
        "Total Devices" => count(&mut it.total_devices, "total devices", value)?,
        "Preferred Minor" => count(&mut it.preferred_minor, "preferred minor", value)?,
        "Persistence" => {
            let persistence = match value {
                "Superblock is persistent" => Persistence::Persistent,
                "Superblock is not persistent" => Persistence::NotPersistent,
                _ => return Ok(false),
            };
            once(&mut it.persistence, "persistence", Ok(persistence))?;
        }
        "Intent Bitmap" => {
            let bitmap = match value {
                "Internal" => IntentBitmap::Internal,
                "Internal(Clustered)" => IntentBitmap::Clustered,
                path if path.starts_with('/') => IntentBitmap::File(path.to_owned()),
                _ => return Ok(false),
            };
            once(&mut it.intent_bitmap, "bitmap", Ok(bitmap))?;
        }
        "Update Time" => once(&mut it.update_time, "update time", text("update time"))?,
        "State" => state(it, value)?,
        "Active Devices" => count(&mut it.active_devices, "active devices", value)?,
        "Working Devices" => count(&mut it.working_devices, "working devices", value)?,
        "Failed Devices" => count(&mut it.failed_devices, "failed devices", value)?,
        "Spare Devices" => count(&mut it.spare_devices, "spare devices", value)?,
        "Layout" => once(&mut it.layout, "layout", text("layout"))?,
        "Chunk Size" => {
            once(
                &mut it.chunk_size_kib,
                "chunk",
                values::chunk_kib("chunk", value),
            )?;
        }
        "Rounding" => {
            once(
                &mut it.rounding_kib,
                "rounding",
                values::chunk_kib("rounding", value),
            )?;
        }
        "Consistency Policy" => {
            once(
                &mut it.consistency_policy,
                "consistency policy",
                text("consistency policy"),
            )?;
        }
        "Rebuild Status" => status(it, SyncAction::Recovery, value)?,
        "Resync Status" => status(it, SyncAction::Resync, value)?,
        "Reshape Status" => status(it, SyncAction::Reshape, value)?,
        "Check Status" => status(it, SyncAction::Check, value)?,
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
        "Name" => once(&mut it.name, "name", Ok(values::name(value)))?,
        "Cluster Name" => once(&mut it.cluster_name, "cluster name", text("cluster name"))?,
        "UUID" => {
            let Name { text, local_host } = values::name(value);
            once(&mut it.uuid, "UUID", values::uuid("UUID", &text))?;
            it.local_host = local_host;
        }
        "Events" => once(&mut it.events, "events", values::events(value))?,
        "Member Arrays" => {
            let arrays = value.split_whitespace().map(str::to_owned).collect();
            once(&mut it.member_arrays, "member arrays", Ok(arrays))?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn count(slot: &mut Option<u32>, field: &'static str, value: &str) -> Result<(), Reason> {
    once(slot, field, number(field, value))
}

fn container(value: &str) -> Result<ContainerPlace, Reason> {
    match value.split_once(", member ") {
        Some((container, member)) => Ok(ContainerPlace {
            container: container.to_owned(),
            member: member.to_owned(),
        }),
        None => Err(Reason::Nonsense {
            field: "container".into(),
            text: value.to_owned(),
        }),
    }
}

fn state(it: &mut Detail, value: &str) -> Result<(), Reason> {
    if !it.state.is_empty() {
        return Err(Reason::Twice("state".into()));
    }
    let (words, waits) = match value.strip_suffix(')').and_then(|it| it.rsplit_once(" (")) {
        Some((words, waits)) => (words, Some(waits)),
        None => (value, None),
    };
    it.state = words
        .split(',')
        .map(str::trim)
        .filter(|it| !it.is_empty())
        .map(str::to_owned)
        .collect();
    it.sync_waits = match waits {
        None => None,
        Some("DELAYED") => Some(SyncState::Delayed),
        Some("PENDING") => Some(SyncState::Pending),
        Some("REMOTE") => Some(SyncState::Remote),
        Some(word) => return Err(Reason::UnknownWord(word.to_owned())),
    };
    Ok(())
}

fn status(it: &mut Detail, action: SyncAction, value: &str) -> Result<(), Reason> {
    const FIELD: &str = "status";
    let nonsense = || Reason::Nonsense {
        field: FIELD.into(),
        text: value.to_owned(),
    };
    let digits = value.strip_suffix("% complete").ok_or_else(nonsense)?;
    let percent = number(FIELD, digits)?;
    if percent > 100 {
        return Err(nonsense());
    }
    once(
        &mut it.sync_status,
        FIELD,
        Ok(SyncStatus { action, percent }),
    )
}
