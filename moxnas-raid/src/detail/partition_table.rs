//! What `mdadm --examine` prints of a disk with a partition table and no superblock.

use serde::{Deserialize, Serialize};

use super::blocks::{self, Block};
use crate::parsed::{Log, Reason, hexadecimal, number, once};

/// A partition table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PartitionTable {
    /// `aa55`.
    pub mbr_magic: Option<u64>,
    /// `EFI PART` as a number.
    pub gpt_magic: Option<u64>,
    /// Revision of the GPT.
    pub gpt_revision: Option<u64>,
    /// Its partitions.
    pub partitions: Vec<Partition>,
    /// Other fields, verbatim.
    pub other: Vec<(String, String)>,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// Its place in the table, from 0.
    pub index: u32,
    /// Length in sectors of 512 bytes.
    pub sectors: u64,
    /// First sector.
    pub start: u64,
    /// Type in an MBR, `fd` for Linux RAID.
    pub kind: Option<u64>,
}

pub(super) fn read(block: &Block<'_>, log: &mut Log) -> PartitionTable {
    let mut table = PartitionTable::default();
    let mut other = Vec::new();
    for &line in &block.lines {
        blocks::file(line, log, &mut other, |key, value| {
            field(&mut table, key, value)
        });
    }
    table.other = other;
    table
}

fn field(it: &mut PartitionTable, key: &str, value: &str) -> Result<bool, Reason> {
    match key {
        "MBR Magic" => once(
            &mut it.mbr_magic,
            "MBR magic",
            hexadecimal("MBR magic", value),
        )?,
        "GPT Magic" => once(
            &mut it.gpt_magic,
            "GPT magic",
            hexadecimal("GPT magic", value),
        )?,
        "GPT Revision" => {
            once(
                &mut it.gpt_revision,
                "GPT revision",
                number("GPT revision", value),
            )?;
        }
        _ => {
            let index = key
                .strip_prefix("Partition[")
                .and_then(|it| it.strip_suffix(']'));
            let Some(index) = index else { return Ok(false) };
            it.partitions.push(partition(index, value)?);
        }
    }
    Ok(true)
}

/// `497664 sectors at 2048 (type fd)`.
fn partition(index: &str, value: &str) -> Result<Partition, Reason> {
    let words: Vec<&str> = value.split_whitespace().collect();
    let (sectors, start, kind) = match words.as_slice() {
        [sectors, "sectors", "at", start] => (sectors, start, None),
        [sectors, "sectors", "at", start, "(type", kind] => (sectors, start, Some(kind)),
        _ => return Err(Reason::UnknownLine),
    };
    let kind = kind
        .map(|it| hexadecimal("type", it.trim_end_matches(')')))
        .transpose()?;
    Ok(Partition {
        index: number("partition", index)?,
        sectors: number("sectors", sectors)?,
        start: number("start", start)?,
        kind,
    })
}
