//! What `/proc/mdstat` says.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The whole of `/proc/mdstat`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Mdstat {
    /// Levels the kernel has code for at this moment (`raid1`, `raid6`, …), from `Personalities :`.
    pub personalities: Vec<String>,
    /// `read_ahead …`, printed by kernels up to 2.4.
    pub read_ahead: Option<ReadAhead>,
    /// `Event: N`, a counter of changes, printed by the first 2.6 kernels.
    pub events: Option<u64>,
    /// The arrays in the order of the text. Two of one name are kept, with an error.
    pub arrays: Vec<MdstatArray>,
    /// Devices from `unused devices:`, empty for `<none>`. `None`: the line is missing, which it is
    /// where a text was cut.
    pub unused: Option<Vec<String>>,
}

impl Mdstat {
    /// The array of this name, `md0` or `md_home`.
    pub fn array(&self, name: &str) -> Option<&MdstatArray> {
        self.arrays.iter().find(|it| it.name == name)
    }
}

/// How far the kernel reads ahead on arrays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadAhead {
    /// `read_ahead not set`.
    NotSet,
    /// `read_ahead N sectors`, of 512 bytes.
    Sectors(u64),
}

/// One array.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MdstatArray {
    /// Kernel name without `/dev/`: `md0`, `md_d0`, `md_home`.
    pub name: String,
    /// Whether it runs.
    pub state: State,
    /// Whether it takes writes.
    pub read_only: ReadOnly,
    /// The code that runs it: `raid1`, `linear`, …. Inactive arrays have none.
    pub personality: Option<String>,
    /// Member devices in the kernel's order, which is not the order of slots.
    pub members: Vec<MdstatMember>,
    /// Size in KiB. Of an inactive array it is the sum of its members' sizes.
    pub blocks: Option<u64>,
    /// Format of the superblocks. `None` only where the line that would tell is missing.
    pub metadata: Option<Metadata>,
    /// `level N`, printed by raid4, raid5 and raid6.
    pub level: Option<u32>,
    /// Chunk in KiB.
    pub chunk_kib: Option<u64>,
    /// Rounding of a linear array in KiB.
    pub rounding_kib: Option<u64>,
    /// How data is laid out, where the level leaves a choice.
    pub layout: Option<Layout>,
    /// Slots of the array: the first number of `[4/3]`.
    pub raid_disks: Option<u32>,
    /// Slots with a member in sync: the second number of `[4/3]`.
    pub in_sync: Option<u32>,
    /// A letter for each slot, `U` up and `_` not: `UU_U`.
    pub map: Option<String>,
    /// Work that runs or waits over the whole array.
    pub sync: Option<Sync>,
    /// The write-intent bitmap.
    pub bitmap: Option<Bitmap>,
}

impl MdstatArray {
    pub(super) fn new(name: &str, state: State) -> Self {
        MdstatArray {
            name: name.to_owned(),
            state,
            read_only: ReadOnly::No,
            personality: None,
            members: Vec::new(),
            blocks: None,
            metadata: None,
            level: None,
            chunk_kib: None,
            rounding_kib: None,
            layout: None,
            raid_disks: None,
            in_sync: None,
            map: None,
            sync: None,
            bitmap: None,
        }
    }

    /// Whether a device of this kernel name (`sda1`) is a member, in whatever role.
    pub fn is_member(&self, device: &str) -> bool {
        self.members.iter().any(|it| it.device == device)
    }
}

/// Whether an array runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It runs, perhaps degraded.
    Active,
    /// Members are known but it does not run; containers are always inactive.
    Inactive,
    /// Too many members failed while it ran (`MD_BROKEN`).
    Broken,
}

/// Whether an array takes writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadOnly {
    /// It takes writes.
    No,
    /// `(read-only)`: it refuses writes.
    ReadOnly,
    /// `(auto-read-only)`: it becomes writable at the first write; until then no sync runs.
    AutoReadOnly,
}

/// A member device, printed as `sdb1[2](F)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MdstatMember {
    /// Kernel name without `/dev/`; may contain a slash (`cciss/c0d0p1`).
    pub device: String,
    /// Number of the descriptor in the superblock. It is the slot only on an array whose members
    /// were never replaced.
    pub number: u32,
    /// What is special about it; none for a member in sync or being recovered.
    pub flags: BTreeSet<MemberFlag>,
}

/// A letter after a member, in the kernel's order of printing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberFlag {
    /// `W`: read only if no other member can be.
    WriteMostly,
    /// `J`: holds the journal, not data.
    Journal,
    /// `F`: failed.
    Faulty,
    /// `S`: has no slot.
    Spare,
    /// `R`: being filled to take over another member's slot.
    Replacement,
    /// A letter this version does not know; there is an error for it too.
    Other(char),
}

impl MemberFlag {
    pub(super) fn of(letter: char) -> Self {
        match letter {
            'W' => MemberFlag::WriteMostly,
            'J' => MemberFlag::Journal,
            'F' => MemberFlag::Faulty,
            'S' => MemberFlag::Spare,
            'R' => MemberFlag::Replacement,
            other => MemberFlag::Other(other),
        }
    }

    /// The kernel's letter for it.
    pub fn letter(self) -> char {
        match self {
            MemberFlag::WriteMostly => 'W',
            MemberFlag::Journal => 'J',
            MemberFlag::Faulty => 'F',
            MemberFlag::Spare => 'S',
            MemberFlag::Replacement => 'R',
            MemberFlag::Other(letter) => letter,
        }
    }
}

/// Format of an array's superblocks. Its `Display` is the kernel's `metadata_version`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metadata {
    /// md's own. The kernel prints nothing for 0.90.
    Native {
        /// 0 or 1.
        major: u32,
        /// 90 or 91 (reshaping) of version 0; 0, 1 or 2 of version 1.
        minor: u32,
    },
    /// Kept by a program, not by the kernel: `imsm` or `ddf` of a container, `/md127/0` of an array
    /// in the container md127 (`-md127/0` while the program must not change it).
    External(String),
    /// No superblock: the array is known only while it runs.
    NonPersistent,
}

impl Metadata {
    /// The version that the kernel does not name.
    pub(super) const V0_90: Metadata = Metadata::Native {
        major: 0,
        minor: 90,
    };

    /// Where the array lies, if it lies in a container.
    pub fn container_member(&self) -> Option<ContainerMember<'_>> {
        let Metadata::External(text) = self else {
            return None;
        };
        let (container, member) = text.strip_prefix(['/', '-'])?.split_once('/')?;
        Some(ContainerMember { container, member })
    }
}

/// An array's place in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ContainerMember<'a> {
    /// Kernel name of the container, `md127`.
    pub container: &'a str,
    /// Which of its arrays, as the metadata's own format names it; a number for imsm and ddf.
    pub member: &'a str,
}

impl fmt::Display for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Metadata::Native { major, minor } => write!(f, "{major}.{minor}"),
            Metadata::External(text) => write!(f, "external:{text}"),
            Metadata::NonPersistent => f.write_str("non-persistent"),
        }
    }
}

/// How data is laid out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// `algorithm N` of raid4, raid5 and raid6: 2 is left-symmetric.
    Parity {
        /// The kernel's number, `ALGORITHM_*` in raid5.h.
        algorithm: u32,
    },
    /// Copies of raid10.
    Copies(Copies),
    /// Modes of the `faulty` personality, a device that fails on purpose, verbatim.
    Faulty {
        /// `WriteTransient=3(10)`, `nfaults=2`, ….
        modes: Vec<String>,
    },
}

/// Copies of raid10; the kernel prints only those above 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copies {
    /// Copies beside one another.
    pub near: u32,
    /// Copies in another place of the members.
    pub far: u32,
    /// Whether the far copies are in the next stripe (`offset-copies`), not in another section.
    pub offset: bool,
    /// `N devices per set`, where far copies stay within sets.
    pub devices_per_set: Option<u32>,
}

impl Default for Copies {
    fn default() -> Self {
        Copies {
            near: 1,
            far: 1,
            offset: false,
            devices_per_set: None,
        }
    }
}

/// Work over the whole array.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sync {
    /// Which.
    pub action: SyncAction,
    /// Whether it runs or why it waits.
    pub state: SyncState,
}

/// Which work. The kernel prints a running repair as `resync`, and says `resync` for whatever is
/// delayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncAction {
    /// Making copies or parity agree.
    Resync,
    /// Filling a spare or replacement.
    Recovery,
    /// Reading all and counting what does not agree.
    Check,
    /// Reading all and correcting it.
    Repair,
    /// Changing level, number of members, chunk or layout.
    Reshape,
}

/// Whether the work runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncState {
    /// It runs.
    Running(Progress),
    /// It waits for an array on the same disks.
    Delayed,
    /// It starts when the array becomes writable.
    Pending,
    /// Another node of the cluster does it.
    Remote,
}

/// How far the work is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// In percent, with tenths.
    pub percent: f64,
    /// Done, in KiB of a member (of the array for reshape and raid10).
    pub done: u64,
    /// Of so much, in KiB.
    pub total: u64,
    /// Minutes to go, with tenths. `None`, with an error, where the line was cut.
    pub finish_minutes: Option<f64>,
    /// In KiB per second. `None`, with an error, where the line was cut.
    pub speed_kib_s: Option<u64>,
}

/// A write-intent bitmap in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bitmap {
    /// Pages in memory; near 0 when nothing was written for a while.
    pub pages: u64,
    /// Pages if all were in memory.
    pub pages_total: u64,
    /// Memory in KiB.
    pub kib: u64,
    /// Bytes of a member that one bit stands for.
    pub chunk_bytes: u64,
    /// The file it is kept in; else it is beside the superblocks.
    pub file: Option<String>,
}
