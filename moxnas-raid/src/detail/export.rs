//! `mdadm --detail --export` and `mdadm --examine --export`: the same for programs.

use serde::{Deserialize, Serialize};

use super::blocks::Message;
use super::values;
use crate::parsed::{Line, Log, Parsed, Reason, lines, number, once};

/// The `KEY=value` lines of one device.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Export {
    /// `MD_LEVEL`: `raid1`, `container`.
    pub level: Option<String>,
    /// `MD_DEVICES`: slots of an array, disks of a container.
    pub devices: Option<u32>,
    /// `MD_METADATA`: `1.2`, `imsm`.
    pub metadata: Option<String>,
    /// `MD_CONTAINER`: node of the container it lies in.
    pub container: Option<String>,
    /// `MD_MEMBER`: which of the container's arrays.
    pub member: Option<String>,
    /// `MD_UUID`: identity of the array, four groups of eight digits.
    pub uuid: Option<String>,
    /// `MD_NAME`: name in the superblock, `host:name` or `name`.
    pub name: Option<String>,
    /// `MD_DEVNAME`: the array's name under `/dev/md/`.
    pub devname: Option<String>,
    /// `MD_ARRAY_SIZE`: rounded for people, `1072.69MB`. Not to be calculated with.
    pub array_size: Option<String>,
    /// `MD_UPDATE_TIME`: last change of the superblock, in seconds since 1970 (of a 0.90 superblock
    /// mdadm gives the creation).
    pub update_time: Option<u64>,
    /// `MD_CREATION_TIME`: in seconds since 1970, imsm only.
    pub creation_time: Option<u64>,
    /// `MD_DEV_UUID`: identity of the examined member.
    pub dev_uuid: Option<String>,
    /// `MD_EVENTS`: how often the superblock changed.
    pub events: Option<u64>,
    /// `MD_RESHAPE_ACTIVE`.
    pub reshape_active: Option<bool>,
    /// `MD_DEVICE_…_ROLE` and `MD_DEVICE_…_DEV`, in mdadm's order.
    pub members: Vec<ExportMember>,
    /// Other keys, verbatim.
    pub other: Vec<(String, String)>,
    /// What mdadm said about its own work.
    pub messages: Vec<Message>,
}

/// A member of an array.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ExportMember {
    /// Its name in the keys: that in sysfs with everything but letters and digits made `_`,
    /// `dev_sda1`.
    pub key: String,
    /// Its slot, if it has one.
    pub role: Option<ExportRole>,
    /// Its node.
    pub device: Option<String>,
}

/// What a member is to its array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportRole {
    /// Has this slot.
    Slot(u32),
    /// Has none; a failed member says so too.
    Spare,
}

/// Reads the output of `mdadm --detail --export` or `mdadm --examine --export` for one device. A
/// second value of a key is an error: mdadm puts nothing between the outputs of several devices.
pub fn parse_export(text: &str) -> Parsed<Export> {
    let (mut export, mut log) = (Export::default(), Log::default());
    for line in lines(text) {
        if line.trimmed().is_empty() {
            continue;
        }
        match Message::of(line) {
            Some(message) => export.messages.push(message),
            None => {
                let result = pair(line).and_then(|(key, value)| field(&mut export, key, value));
                log.keep(line, result);
            }
        }
    }
    log.with(export)
}

fn pair(line: Line<'_>) -> Result<(&str, &str), Reason> {
    let (key, value) = line.trimmed().split_once('=').ok_or(Reason::UnknownLine)?;
    let is_key = key.starts_with(|it: char| it.is_ascii_alphabetic())
        && key
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || it == b'_');
    if is_key {
        Ok((key, value))
    } else {
        Err(Reason::UnknownLine)
    }
}

fn field(it: &mut Export, key: &str, value: &str) -> Result<(), Reason> {
    let text = |field| values::text(field, value);
    match key {
        "MD_LEVEL" => once(&mut it.level, "MD_LEVEL", text("MD_LEVEL")),
        "MD_DEVICES" => once(&mut it.devices, "MD_DEVICES", number("MD_DEVICES", value)),
        "MD_METADATA" => once(&mut it.metadata, "MD_METADATA", text("MD_METADATA")),
        "MD_CONTAINER" => once(&mut it.container, "MD_CONTAINER", text("MD_CONTAINER")),
        "MD_MEMBER" => once(&mut it.member, "MD_MEMBER", text("MD_MEMBER")),
        "MD_UUID" => once(&mut it.uuid, "MD_UUID", values::uuid("MD_UUID", value)),
        "MD_NAME" => once(&mut it.name, "MD_NAME", text("MD_NAME")),
        "MD_DEVNAME" => once(&mut it.devname, "MD_DEVNAME", text("MD_DEVNAME")),
        "MD_ARRAY_SIZE" => once(&mut it.array_size, "MD_ARRAY_SIZE", text("MD_ARRAY_SIZE")),
        "MD_UPDATE_TIME" => once(
            &mut it.update_time,
            "MD_UPDATE_TIME",
            number("MD_UPDATE_TIME", value),
        ),
        "MD_CREATION_TIME" => once(
            &mut it.creation_time,
            "MD_CREATION_TIME",
            number("MD_CREATION_TIME", value),
        ),
        "MD_DEV_UUID" => once(
            &mut it.dev_uuid,
            "MD_DEV_UUID",
            values::uuid("MD_DEV_UUID", value),
        ),
        "MD_EVENTS" => once(&mut it.events, "MD_EVENTS", number("MD_EVENTS", value)),
        "MD_RESHAPE_ACTIVE" => {
            let active = match value {
                "True" => Ok(true),
                "False" => Ok(false),
                _ => Err(Reason::UnknownWord(value.to_owned())),
            };
            once(&mut it.reshape_active, "MD_RESHAPE_ACTIVE", active)
        }
        _ => match member_key(key) {
            Some((name, Kind::Role)) => once(&mut member(it, name).role, "role", role(value)),
            Some((name, Kind::Device)) => {
                once(&mut member(it, name).device, "device", text("device"))
            }
            None => {
                it.other.push((key.to_owned(), value.to_owned()));
                Ok(())
            }
        },
    }
}

enum Kind {
    Role,
    Device,
}

/// `MD_DEVICE_dev_sda1_ROLE`; the name between may itself contain `_DEV`.
fn member_key(key: &str) -> Option<(&str, Kind)> {
    let key = key.strip_prefix("MD_DEVICE_")?;
    match key.strip_suffix("_ROLE") {
        Some(name) => Some((name, Kind::Role)),
        None => Some((key.strip_suffix("_DEV")?, Kind::Device)),
    }
}

fn role(value: &str) -> Result<ExportRole, Reason> {
    if value == "spare" {
        Ok(ExportRole::Spare)
    } else {
        number("role", value).map(ExportRole::Slot)
    }
}

fn member<'a>(export: &'a mut Export, key: &str) -> &'a mut ExportMember {
    let members = &mut export.members;
    let at = members
        .iter()
        .position(|it| it.key == key)
        .unwrap_or_else(|| {
            members.push(ExportMember {
                key: key.to_owned(),
                ..ExportMember::default()
            });
            members.len().saturating_sub(1)
        });
    members.get_mut(at).expect("at is a place in the list")
}
