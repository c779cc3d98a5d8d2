//! The wish for a new array.

use clap::Args;
use moxnas_app::ops::arrays::ArrayCreate;
use moxnas_core::{
    names::{BadName, Why},
    units::Bytes,
};
use moxnas_raid as raid;
use poem_openapi::{Enum, Object};

/// Create an array from whole disks or partitions
#[derive(Clone, Debug, PartialEq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct CreateArray {
    /// Name of the new array: letters, digits, `-` and `_`, 32 at most
    #[oai(validator(max_length = 32))]
    pub name: String,
    /// How data is spread over the members
    #[arg(long, value_enum)]
    pub level: Level,
    /// Devices in the order of their slots, by id, serial number or path; all data on them is lost
    #[arg(long = "member", value_name = "DEVICE", required = true)]
    #[oai(validator(max_items = 1024))]
    pub members: Vec<String>,
    /// Devices that wait for a member to fail; all data on them is lost
    #[arg(long = "spare", value_name = "DEVICE")]
    #[oai(default, validator(max_items = 1024))]
    pub spares: Vec<String>,
    /// Bytes per chunk, a power of two from 4096 up; 524288 if left out
    #[arg(long = "chunk", value_name = "BYTES")]
    #[oai(skip_serializing_if_is_none)]
    pub chunk_bytes: Option<u64>,
    /// How parity or copies are laid out; left-symmetric or n2 if left out
    #[arg(
        long,
        value_enum,
        hide_possible_values = true,
        value_name = "n2|f2|o2|left-symmetric|…"
    )]
    #[oai(skip_serializing_if_is_none)]
    pub layout: Option<Layout>,
    /// Where members keep what they remember of the array: 1.0 at their end, 1.1 at their start,
    /// 1.2 (if left out) 4 KiB behind it
    #[arg(
        long,
        value_enum,
        hide_possible_values = true,
        value_name = "1.0|1.1|1.2"
    )]
    #[oai(skip_serializing_if_is_none)]
    pub metadata: Option<Metadata>,
    /// How an unclean stop is healed; by a bitmap if left out, where there is redundancy
    #[arg(long, value_enum)]
    #[oai(skip_serializing_if_is_none)]
    pub consistency: Option<Consistency>,
    /// The device that a journal is kept on; all data on it is lost
    #[arg(long, value_name = "DEVICE")]
    #[oai(skip_serializing_if_is_none)]
    pub journal: Option<String>,
    /// Members of a mirror that are read only when no other can be: slow or remote ones
    #[arg(long = "write-mostly", value_name = "DEVICE")]
    #[oai(default, validator(max_items = 1024))]
    pub write_mostly: Vec<String>,
    /// Do not make copies or parity agree, because they do already: the reason. If they do not, a
    /// member that fails takes data with it
    #[arg(long = "assume-clean", value_name = "REASON")]
    #[oai(skip_serializing_if_is_none, validator(max_length = 200))]
    pub assume_clean: Option<String>,
}

/// How parity or copies are laid out, by the names of mdadm(8)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, clap::ValueEnum)]
#[oai(rename_all = "kebab-case")]
pub enum Layout {
    /// RAID 5 and 6: what is usual
    LeftSymmetric,
    /// RAID 5 and 6
    LeftAsymmetric,
    /// RAID 5 and 6
    RightSymmetric,
    /// RAID 5 and 6
    RightAsymmetric,
    /// RAID 5 and 6: all parity on the first members
    ParityFirst,
    /// RAID 5 and 6: all parity on the last members
    ParityLast,
    /// RAID 10: two copies side by side
    N2,
    /// RAID 10: three copies side by side
    N3,
    /// RAID 10: four copies side by side
    N4,
    /// RAID 10: two copies far from each other
    F2,
    /// RAID 10: three copies far from each other
    F3,
    /// RAID 10: two copies, the second one stripe further
    O2,
    /// RAID 10: three copies, each one stripe further
    O3,
}

impl From<Layout> for raid::Layout {
    fn from(it: Layout) -> raid::Layout {
        match it {
            Layout::LeftSymmetric => raid::Layout::LeftSymmetric,
            Layout::LeftAsymmetric => raid::Layout::LeftAsymmetric,
            Layout::RightSymmetric => raid::Layout::RightSymmetric,
            Layout::RightAsymmetric => raid::Layout::RightAsymmetric,
            Layout::ParityFirst => raid::Layout::ParityFirst,
            Layout::ParityLast => raid::Layout::ParityLast,
            Layout::N2 => raid::Layout::Near(2),
            Layout::N3 => raid::Layout::Near(3),
            Layout::N4 => raid::Layout::Near(4),
            Layout::F2 => raid::Layout::Far(2),
            Layout::F3 => raid::Layout::Far(3),
            Layout::O2 => raid::Layout::Offset(2),
            Layout::O3 => raid::Layout::Offset(3),
        }
    }
}

/// Where members keep what they remember of the array
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, clap::ValueEnum)]
pub enum Metadata {
    /// At their end
    #[oai(rename = "1.0")]
    #[value(name = "1.0")]
    V1_0,
    /// At their start
    #[oai(rename = "1.1")]
    #[value(name = "1.1")]
    V1_1,
    /// 4 KiB behind their start
    #[oai(rename = "1.2")]
    #[value(name = "1.2")]
    V1_2,
}

impl From<Metadata> for raid::Metadata {
    fn from(it: Metadata) -> raid::Metadata {
        match it {
            Metadata::V1_0 => raid::Metadata::V1_0,
            Metadata::V1_1 => raid::Metadata::V1_1,
            Metadata::V1_2 => raid::Metadata::V1_2,
        }
    }
}

/// How an unclean stop is healed
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, clap::ValueEnum)]
#[oai(rename_all = "lowercase")]
pub enum Consistency {
    /// All of the array is made to agree
    Resync,
    /// What was being written is made to agree: the members remember where
    Bitmap,
    /// By a journal on a device of its own (RAID 4, 5 and 6)
    Journal,
    /// By a log of partial parity on the members (RAID 5)
    Ppl,
}

impl From<Consistency> for raid::Consistency {
    fn from(it: Consistency) -> raid::Consistency {
        match it {
            Consistency::Resync => raid::Consistency::Resync,
            Consistency::Bitmap => raid::Consistency::Bitmap,
            Consistency::Journal => raid::Consistency::Journal,
            Consistency::Ppl => raid::Consistency::Ppl,
        }
    }
}

/// Levels that can be made
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, clap::ValueEnum)]
#[oai(rename_all = "lowercase")]
pub enum Level {
    /// Striped, no redundancy
    Raid0,
    /// Mirrored
    Raid1,
    /// Striped, parity on one member
    Raid4,
    /// Striped, parity spread: one member may fail
    Raid5,
    /// Striped, two parities: two members may fail
    Raid6,
    /// Striped and mirrored
    Raid10,
}

impl From<Level> for raid::Level {
    fn from(it: Level) -> raid::Level {
        match it {
            Level::Raid0 => raid::Level::Raid0,
            Level::Raid1 => raid::Level::Raid1,
            Level::Raid4 => raid::Level::Raid4,
            Level::Raid5 => raid::Level::Raid5,
            Level::Raid6 => raid::Level::Raid6,
            Level::Raid10 => raid::Level::Raid10,
        }
    }
}

/// What stands in the place of an array's name in a path of this interface: an array of this name
/// could not be asked for.
const RESERVED: [&str; 3] = ["assemble", "expected", "move-spare"];

impl TryFrom<CreateArray> for ArrayCreate {
    type Error = BadName;

    fn try_from(it: CreateArray) -> Result<ArrayCreate, BadName> {
        let CreateArray {
            name,
            level,
            members,
            spares,
            chunk_bytes,
            layout,
            metadata,
            consistency,
            journal,
            write_mostly,
            assume_clean,
        } = it;
        if RESERVED.contains(&name.as_str()) {
            return Err(BadName {
                kind: moxnas_core::names::ArrayName::KIND,
                why: Why::Reserved,
                text: name,
            });
        }
        Ok(ArrayCreate {
            name: name.parse()?,
            level: level.into(),
            members,
            spares,
            chunk: chunk_bytes.map(Bytes),
            layout: layout.map(Into::into),
            metadata: metadata.map(Into::into).unwrap_or_default(),
            consistency: consistency.map(Into::into),
            journal,
            write_mostly,
            assume_clean,
        })
    }
}
