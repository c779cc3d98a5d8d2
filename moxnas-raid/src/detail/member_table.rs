//! The table of members: `Number   Major   Minor   RaidDevice State`.

use serde::{Deserialize, Serialize};

use crate::parsed::{Line, Log, Reason, number};

/// A row of the table: a member, or a slot without one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRow {
    /// Number of the descriptor; `None` for an empty slot and on inactive arrays.
    pub number: Option<u32>,
    /// Major number of the device; 0 for an empty slot.
    pub major: u32,
    /// Minor number of the device; 0 for an empty slot.
    pub minor: u32,
    /// The slot; `None` for spares, journals, and failed members that lost theirs.
    pub raid_device: Option<u32>,
    /// What it is, in mdadm's order; empty on inactive arrays and containers.
    pub state: Vec<MemberWord>,
    /// The node under `/dev`.
    pub device: Option<String>,
}

impl MemberRow {
    /// Whether mdadm says this of it.
    pub fn is(&self, word: MemberWord) -> bool {
        self.state.contains(&word)
    }
}

/// A word in the table's last column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberWord {
    /// Failed.
    Faulty,
    /// Has a slot and works in it.
    Active,
    /// Holds all of its slot's data.
    Sync,
    /// `set-A`: which copy of raid10 it belongs to.
    Set(char),
    /// The slot is empty.
    Removed,
    /// Read only if no other member can be.
    WriteMostly,
    /// Requests to it fail without retries.
    Failfast,
    /// Holds the journal.
    Journal,
    /// Not in sync and not failed.
    Spare,
    /// A spare being filled, having a slot.
    Rebuilding,
    /// The kernel has it but `/dev` does not.
    Missing,
}

impl MemberWord {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "faulty" => MemberWord::Faulty,
            "active" => MemberWord::Active,
            "sync" => MemberWord::Sync,
            "removed" => MemberWord::Removed,
            "writemostly" | "write-mostly" => MemberWord::WriteMostly,
            "failfast" => MemberWord::Failfast,
            "journal" => MemberWord::Journal,
            "spare" => MemberWord::Spare,
            "rebuilding" => MemberWord::Rebuilding,
            "missing" => MemberWord::Missing,
            _ => {
                let mut letters = word.strip_prefix("set-")?.chars();
                return match (letters.next(), letters.next()) {
                    (Some(letter), None) => Some(MemberWord::Set(letter)),
                    _ => None,
                };
            }
        })
    }
}

/// Whether the line is the head of the table.
pub(super) fn is_head(line: Line<'_>) -> bool {
    let words: Vec<&str> = line.trimmed().split_whitespace().collect();
    matches!(
        words.as_slice(),
        ["Number", "Major", "Minor", "RaidDevice"]
            | ["Number", "Major", "Minor", "RaidDevice", "State"]
    )
}

/// Reads a row from its words. A word that is not known leaves the row usable.
pub(super) fn row(words: &[&str], line: Line<'_>, log: &mut Log) -> Result<MemberRow, Reason> {
    let [own, major, minor, raid_device, words @ ..] = words else {
        return Err(Reason::UnknownLine);
    };
    let mut row = MemberRow {
        number: optional("number", own)?,
        major: number("major", major)?,
        minor: number("minor", minor)?,
        raid_device: optional("raid device", raid_device)?,
        state: Vec::new(),
        device: None,
    };
    for word in words {
        if row.device.is_none() && word.starts_with('/') {
            row.device = Some((*word).to_owned());
            continue;
        }
        match MemberWord::of(word) {
            Some(word) => row.state.push(word),
            None => log.add(line, Reason::UnknownWord((*word).to_owned())),
        }
    }
    Ok(row)
}

/// `-` for none; the table in a 0.90 superblock prints `-1`.
fn optional(field: &'static str, text: &str) -> Result<Option<u32>, Reason> {
    if matches!(text, "-" | "-1") {
        Ok(None)
    } else {
        number(field, text).map(Some)
    }
}
