//! `mdadm --examine`: what stands on a device.

use serde::{Deserialize, Serialize};

use super::blocks::{self, Block, Message};
use super::ddf::{self, Ddf};
use super::imsm::{self, Imsm};
use super::native::{self, Native};
use super::partition_table::{self, PartitionTable};
use crate::parsed::{Log, Parsed};

/// The output of `mdadm --examine` for one or several devices.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Examined {
    /// The devices in the order of the text.
    pub devices: Vec<Examine>,
    /// What mdadm said about its own work, such as `No md superblock detected on /dev/sda.`
    pub messages: Vec<Message>,
}

/// What stands on one device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Examine {
    /// The device as it was named on the command line.
    pub device: String,
    /// What was found.
    pub superblock: Superblock,
}

/// The formats that mdadm knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Superblock {
    /// md's own, version 0.90 or 1.x.
    Native(Box<Native>),
    /// Intel Matrix Storage.
    Imsm(Box<Imsm>),
    /// SNIA's Common RAID Disk Data Format.
    Ddf(Box<Ddf>),
    /// No superblock, but a partition table.
    Partitions(PartitionTable),
}

/// Reads the output of `mdadm --examine`.
pub fn parse_examine(text: &str) -> Parsed<Examined> {
    let blocks::Blocks {
        blocks,
        messages,
        mut log,
    } = blocks::split(text);
    let devices = blocks
        .iter()
        .map(|block| Examine {
            device: block.device.to_owned(),
            superblock: superblock(block, &mut log),
        })
        .collect();
    log.with(Examined { devices, messages })
}

/// The format is told by the magic; without one the fields are read as md's own.
fn superblock(block: &Block<'_>, log: &mut Log) -> Superblock {
    for (key, value) in block.lines.iter().filter_map(|it| blocks::key_value(*it)) {
        match (key, value) {
            ("MBR Magic" | "GPT Magic", _) => {
                return Superblock::Partitions(partition_table::read(block, log));
            }
            ("Magic", value) if value.starts_with("Intel Raid ISM") => {
                return Superblock::Imsm(Box::new(imsm::read(block, log)));
            }
            ("Magic", "de11de11") | ("Controller GUID", _) => {
                return Superblock::Ddf(Box::new(ddf::read(block, log)));
            }
            _ => {}
        }
    }
    Superblock::Native(Box::new(native::read(block, log)))
}
