//! What btrfs-progs and the kernel say of subvolumes, see btrfs-subvolume(8) and btrfs(5).

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::SystemTime,
};

use jiff::{civil::DateTime, tz::TimeZone};
use moxnas_core::{
    root::{FileError, Root},
    units::Bytes,
};

use crate::dataset::{Contents, Counting, Found, Usage};

/// A line of `btrfs subvolume list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subvolume {
    /// Its number.
    pub id: u64,
    /// Its UUID.
    pub uuid: Option<String>,
    /// The UUID of what it is a snapshot of.
    pub parent_uuid: Option<String>,
    /// The UUID of what it is a copy of, elsewhere; only of one that arrived as a whole.
    pub received_uuid: Option<String>,
    /// When it was made, where the list says it: of snapshots.
    pub created: Option<SystemTime>,
    /// Its path in the filesystem.
    pub path: String,
}

/// What was said that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Odd {
    /// A line that is none of a list of subvolumes.
    #[error("btrfs subvolume list says {0:?}")]
    Line(String),
    /// Two subvolumes with one path: one of them has a line break in its name.
    #[error("two subvolumes are said to be {0:?}")]
    Twice(String),
    /// A line that tells no project of a folder.
    #[error("lsattr says {0:?}")]
    Attributes(String),
    /// A line that tells nothing of a project.
    #[error("xfs_quota says {0:?}")]
    Quota(String),
    /// A line that tells nothing of a device.
    #[error("btrfs device usage says {0:?}")]
    Usage(String),
    /// What is no report of volumes.
    #[error("lvs says {0:?}")]
    Volume(String),
}

impl Subvolume {
    /// Read a line, with whichever of `-p -c -u -q -R -s` it was asked for. Times are in UTC, as the
    /// command has no other time zone.
    pub fn parse(line: &str) -> Result<Subvolume, Odd> {
        let odd = || Odd::Line(line.to_owned());
        let (facts, path) = line.split_once(" path ").ok_or_else(odd)?;
        let mut words = facts.split_whitespace();
        let mut found = Subvolume {
            id: 0,
            uuid: None,
            parent_uuid: None,
            received_uuid: None,
            created: None,
            path: path.to_owned(),
        };
        let uuid = |it: &str| (it != "-").then(|| it.to_owned());
        let mut has_id = false;
        while let Some(key) = words.next() {
            let mut value = || words.next().ok_or_else(odd);
            match key {
                "ID" => {
                    found.id = value()?.parse().map_err(|_| odd())?;
                    has_id = true;
                }
                "uuid" => found.uuid = uuid(value()?),
                "parent_uuid" => found.parent_uuid = uuid(value()?),
                "otime" => found.created = time(value()?, value()?),
                "top" => _ = (value()?, value()?),
                "received_uuid" => found.received_uuid = uuid(value()?),
                "gen" | "cgen" | "parent" => _ = value()?,
                _ => return Err(odd()),
            }
        }
        match has_id {
            true => Ok(found),
            false => Err(odd()),
        }
    }
}

fn time(day: &str, time: &str) -> Option<SystemTime> {
    let at: DateTime = format!("{day}T{time}").parse().ok()?;
    Some(TimeZone::UTC.to_timestamp(at).ok()?.into())
}

/// The three lists of subvolumes, by [`argv::subvolumes`](super::argv::subvolumes).
#[derive(Clone, Copy, Debug)]
pub struct Lists<'a> {
    /// All there are.
    pub all: &'a str,
    /// Those that are read-only.
    pub read_only: &'a str,
    /// Those that are snapshots, with their times.
    pub snapshots: &'a str,
}

/// What of a subvolume is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// What it takes.
    pub usage: Option<Usage>,
    /// What it may refer to.
    pub quota: Option<Bytes>,
}

/// Put together what a pool has in it. `counted` tells what is counted of a subvolume.
///
/// Whoever may write to a pool may make subvolumes in it, and may put a line break into a name: two
/// lines that claim the same path are an error, and nothing is believed.
pub fn contents(
    lists: Lists<'_>,
    counted: impl Fn(u64) -> Result<Counted, FileError>,
) -> Result<Result<Contents, Odd>, FileError> {
    let parsed = || -> Result<_, Odd> {
        let all = parse(lists.all)?;
        Ok((all, parse(lists.read_only)?, parse(lists.snapshots)?))
    };
    let (all, read_only, snapshots) = match parsed() {
        Ok(lists) => lists,
        Err(odd) => return Ok(Err(odd)),
    };
    let mut contents = Contents::default();
    for (path, it) in all {
        let is_same = |other: &&Subvolume| other.id == it.id;
        let read_only = read_only.get(&path).filter(is_same).is_some();
        let created = snapshots.get(&path).filter(is_same);
        let created = created.and_then(|it| it.created);
        let Counted { usage, quota } = counted(it.id)?;
        contents.take_in(Found {
            path,
            id: it.id,
            uuid: it.uuid.unwrap_or_default(),
            origin: it.parent_uuid,
            read_only,
            created,
            received: it.received_uuid,
            quota,
            usage,
        });
    }
    contents.sort();
    Ok(Ok(contents))
}

fn parse(list: &str) -> Result<BTreeMap<String, Subvolume>, Odd> {
    let mut found = BTreeMap::new();
    for line in list.lines() {
        let it = Subvolume::parse(line)?;
        match found.entry(it.path.clone()) {
            Entry::Vacant(entry) => _ = entry.insert(it),
            Entry::Occupied(_) => return Err(Odd::Twice(it.path)),
        }
    }
    Ok(found)
}

/// Where the kernel tells the quota groups of a filesystem.
fn groups(uuid: &str) -> String {
    format!("/sys/fs/btrfs/{uuid}/qgroups")
}

/// Whether it counts.
pub(super) fn counting(root: &Root, uuid: &str) -> Result<Counting, FileError> {
    let is = |file: &str| -> Result<bool, FileError> {
        let text = root.read(format!("{}/{file}", groups(uuid)))?;
        Ok(text.is_some_and(|it| it.trim() == "1"))
    };
    Ok(match (is("enabled")?, is("inconsistent")?) {
        (false, _) => Counting::Off,
        (true, true) => Counting::Rescan,
        (true, false) => Counting::On,
    })
}

/// What is counted of one subvolume: sysfs tells it without asking the filesystem. `max_referenced`
/// counts where the first bit of `limit_flags` says so.
pub(super) fn counted(
    root: &Root,
    uuid: &str,
    id: u64,
    counting: Counting,
) -> Result<Counted, FileError> {
    if counting == Counting::Off {
        return Ok(Counted::default());
    }
    let folder = format!("{}/0_{id}", groups(uuid));
    let number = |file: &str| -> Result<Option<u64>, FileError> {
        let text = root.read(format!("{folder}/{file}"))?;
        Ok(text.and_then(|it| it.trim().parse().ok()))
    };
    let usage = match counting {
        Counting::On => number("referenced")?.zip(number("exclusive")?),
        _ => None,
    };
    let is_limited = number("limit_flags")?.is_some_and(|it| it & 1 == 1);
    let quota = match is_limited {
        true => number("max_referenced")?.map(Bytes),
        false => None,
    };
    Ok(Counted {
        usage: usage.map(|(referenced, exclusive)| Usage {
            referenced: Bytes(referenced),
            exclusive: Bytes(exclusive),
        }),
        quota,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_line_break_deceives_nobody() {
        let honest = "ID 256 gen 7 cgen 7 parent 5 top level 5 parent_uuid - received_uuid - uuid u \
                      path data\n";
        let evil = "ID 257 gen 8 cgen 8 parent 256 top level 256 parent_uuid - received_uuid - uuid \
                    v path data/x\nID 999 gen 1 cgen 1 parent 5 top level 5 parent_uuid - \
                    received_uuid - uuid w path data\n";
        let all = format!("{honest}{evil}");
        let lists = Lists {
            all: &all,
            read_only: "",
            snapshots: "",
        };
        let found = contents(lists, |_| Ok(Counted::default())).unwrap();
        assert_eq!(found, Err(Odd::Twice("data".to_owned())));
    }
}
