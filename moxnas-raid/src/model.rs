//! The nouns: md arrays as the kernel has them, and everything beside them that a plan needs.
//!
//! The words are those of the kernel, see Documentation/admin-guide/md.rst.

use std::{collections::BTreeSet, fmt, str::FromStr};

use moxnas_core::{
    disk::{BlockDevices, DeviceId},
    units::Bytes,
};
use serde::{Deserialize, Serialize};

use crate::conf::Conf;

/// Everything there is to know of arrays and block devices, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// The assembled arrays, by kernel name; inactive ones too.
    pub arrays: Vec<Array>,
    /// All block devices.
    pub devices: BlockDevices,
    /// What mdadm.conf says.
    pub conf: Conf,
    /// Arrays, or facts of arrays, that could not be read. The others are not affected.
    pub errors: Vec<String>,
}

impl Inventory {
    /// The array that a person means: its name, its UUID, its kernel name, or a path below `/dev`
    /// of these.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<&Array> {
        let name = text
            .strip_prefix("/dev/md/")
            .or_else(|| text.strip_prefix("/dev/"));
        let name = name.unwrap_or(text);
        let by = |fits: &dyn Fn(&Array) -> bool| self.arrays.iter().find(|it| fits(it));
        by(&|it| it.name == name)
            .or_else(|| by(&|it| it.uuid.as_deref() == Some(name)))
            .or_else(|| by(&|it| it.kernel_name == name))
    }

    /// The array with this UUID.
    #[must_use]
    pub fn by_uuid(&self, uuid: &str) -> Option<&Array> {
        self.arrays
            .iter()
            .find(|it| it.uuid.as_deref() == Some(uuid))
    }
}

/// An md array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Array {
    /// Who it is: four groups of eight hexadecimal digits. `None` when nothing tells, and then
    /// nothing can be done with it.
    pub uuid: Option<String>,
    /// Its name below `/dev/md`, unique on this machine. Foreign arrays carry the name of their
    /// machine: `other:tank`.
    pub name: String,
    /// What the kernel calls it now: `md127`.
    pub kernel_name: String,
    /// How data is spread over the members.
    pub level: Level,
    /// Version of the superblock: `1.2`, `0.90`, or `external:…`.
    pub metadata: String,
    /// What the kernel calls `array_state`.
    pub state: ArrayState,
    /// What runs in the background.
    pub sync: SyncState,
    /// Copies or parity are not known to agree, whether or not a resync runs: `resync_start`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resync_due: bool,
    /// How many members it should have, spares not counted: `raid_disks`.
    pub slots: u32,
    /// How many of them are missing by the kernel's own count. `None` for levels that have none to
    /// spare.
    pub degraded: Option<u32>,
    /// Size of the array.
    pub size: Bytes,
    /// What is used of each member: `component_size`.
    pub component_size: Bytes,
    /// How many bytes stand on one member before the next one is used. `None` where the level has
    /// no chunks.
    pub chunk: Option<Bytes>,
    /// The kernel's number for how parity or copies are laid out, see md.c; 0 if the level has no
    /// choice.
    pub layout: u32,
    /// Its members: disks in their slots, spares, failed ones, in the order of their numbers.
    pub members: Vec<Member>,
    /// How an unclean stop is healed: `resync`, `bitmap`, `journal`, `ppl`, `none`, or as the
    /// kernel says.
    pub consistency: String,
    /// Sectors found different by the last check, in bytes. What it means depends on the level.
    pub mismatch: Option<Bytes>,
    /// How far, on each member, the last check or repair had come when it was ended before its
    /// end; the next one goes on there. `None`: the last one read everything, or there was none.
    /// The kernel notes it every sixteenth of the way and every 10 s (`resync_min` in md.c).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scrub_stopped_at: Option<Bytes>,
    /// What it was before the reshape that runs or waits. `None`: there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reshape: Option<Reshape>,
    /// How fast what runs in the background may be. `None` for levels that have nothing to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_limits: Option<SpeedLimits>,
}

/// The shape from which an array is being reshaped. The array itself has the numbers it will have,
/// but for its size, which comes with the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reshape {
    /// How many members it had.
    pub slots: u32,
    /// The kernel's number of its old layout.
    pub layout: u32,
    /// Its old chunk.
    pub chunk: Option<Bytes>,
}

/// Between which bounds md lets what runs in the background go, per member and second:
/// `sync_speed_min`, which it takes although somebody else uses the disks, and `sync_speed_max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpeedLimits {
    /// The lower one.
    pub min: SpeedLimit,
    /// The upper one.
    pub max: SpeedLimit,
}

/// One bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpeedLimit {
    /// Bytes per second of each member.
    pub per_second: Bytes,
    /// Said for this array. Otherwise it is what `/proc/sys/dev/raid` says for all. It is forgotten
    /// when the array stops.
    pub is_own: bool,
}

/// How data is spread.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum Level {
    /// One member after the other.
    Linear,
    /// Striped, without redundancy.
    Raid0,
    /// Mirrored.
    Raid1,
    /// Striped, with parity on one member.
    Raid4,
    /// Striped, with parity spread.
    Raid5,
    /// Striped, with two parities spread.
    Raid6,
    /// Striped and mirrored.
    Raid10,
    /// A set of disks whose arrays another metadata format describes (IMSM, DDF).
    Container,
    /// A word that this program does not know.
    Other(String),
}

/// The names the kernel uses.
const LEVELS: [(Level, &str); 8] = [
    (Level::Linear, "linear"),
    (Level::Raid0, "raid0"),
    (Level::Raid1, "raid1"),
    (Level::Raid4, "raid4"),
    (Level::Raid5, "raid5"),
    (Level::Raid6, "raid6"),
    (Level::Raid10, "raid10"),
    (Level::Container, "container"),
];

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Level::Other(word) => f.pad(word),
            known => {
                let named = LEVELS.iter().find(|(level, _)| level == known);
                f.pad(named.expect("every level but Other is in the table").1)
            }
        }
    }
}

impl From<String> for Level {
    fn from(word: String) -> Level {
        let known = LEVELS.iter().find(|(_, name)| *name == word);
        known.map_or(Level::Other(word), |(level, _)| level.clone())
    }
}

impl From<Level> for String {
    fn from(level: Level) -> String {
        level.to_string()
    }
}

/// What the kernel calls `array_state`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum ArrayState {
    /// No members.
    Clear,
    /// Members, not started.
    Inactive,
    /// Requests wait.
    Suspended,
    /// No writes.
    ReadOnly,
    /// No writes until the first one.
    ReadAuto,
    /// Nothing to write, marked so on the members.
    Clean,
    /// Being written.
    Active,
    /// A write waits for the members to be marked.
    WritePending,
    /// Was written a moment ago.
    ActiveIdle,
    /// So many members of a level without redundancy are gone that it cannot work.
    Broken,
    /// A word that this program does not know.
    Other(String),
}

const STATES: [(ArrayState, &str); 10] = [
    (ArrayState::Clear, "clear"),
    (ArrayState::Inactive, "inactive"),
    (ArrayState::Suspended, "suspended"),
    (ArrayState::ReadOnly, "readonly"),
    (ArrayState::ReadAuto, "read-auto"),
    (ArrayState::Clean, "clean"),
    (ArrayState::Active, "active"),
    (ArrayState::WritePending, "write-pending"),
    (ArrayState::ActiveIdle, "active-idle"),
    (ArrayState::Broken, "broken"),
];

impl fmt::Display for ArrayState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArrayState::Other(word) => f.pad(word),
            known => {
                let named = STATES.iter().find(|(state, _)| state == known);
                f.pad(named.expect("every state but Other is in the table").1)
            }
        }
    }
}

impl From<String> for ArrayState {
    fn from(word: String) -> ArrayState {
        let known = STATES.iter().find(|(_, name)| *name == word);
        known.map_or(ArrayState::Other(word), |(state, _)| state.clone())
    }
}

impl From<ArrayState> for String {
    fn from(state: ArrayState) -> String {
        state.to_string()
    }
}

impl ArrayState {
    /// Whether the array was started.
    #[must_use]
    pub fn is_started(&self) -> bool {
        !matches!(self, ArrayState::Clear | ArrayState::Inactive)
    }
}

/// What runs in the background: the kernel's `sync_action`, with how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum SyncState {
    /// Nothing.
    Idle,
    /// Nothing, and nothing may start.
    Frozen,
    /// Something.
    Running {
        /// What.
        action: SyncAction,
        /// How much of each member is done; `None` in the first moments.
        done: Option<Bytes>,
        /// How much of each member there is.
        of: Option<Bytes>,
        /// Bytes per second of each member, as the kernel says.
        speed: Option<Bytes>,
    },
    /// Waits for another array on the same disks.
    Delayed {
        /// What waits.
        action: SyncAction,
    },
    /// Waits for the array to become writable.
    Pending {
        /// What waits.
        action: SyncAction,
    },
}

impl SyncState {
    /// What runs or waits.
    #[must_use]
    pub fn action(&self) -> Option<SyncAction> {
        match self {
            SyncState::Idle | SyncState::Frozen => None,
            SyncState::Running { action, .. }
            | SyncState::Delayed { action }
            | SyncState::Pending { action } => Some(*action),
        }
    }
}

/// What md can do in the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncAction {
    /// Makes copies and parity agree after an unclean stop or for the first time.
    Resync,
    /// Fills a member that takes a slot.
    Recover,
    /// Reads all and counts what does not agree.
    Check,
    /// Reads all and makes it agree.
    Repair,
    /// Changes level, number of members or chunk.
    Reshape,
}

impl SyncAction {
    /// The word in `sync_action`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            SyncAction::Resync => "resync",
            SyncAction::Recover => "recover",
            SyncAction::Check => "check",
            SyncAction::Repair => "repair",
            SyncAction::Reshape => "reshape",
        }
    }
}

impl fmt::Display for SyncAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A word that is no sync action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a sync action")]
pub struct UnknownAction(pub String);

impl FromStr for SyncAction {
    type Err = UnknownAction;
    fn from_str(word: &str) -> Result<SyncAction, UnknownAction> {
        use SyncAction::{Check, Recover, Repair, Reshape, Resync};
        let all = [Resync, Recover, Check, Repair, Reshape];
        let found = all.into_iter().find(|it| it.word() == word);
        found.ok_or_else(|| UnknownAction(word.to_owned()))
    }
}

/// A device's place in an array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Who it is. [`DeviceId::Gone`] when the device left and the array still lists it.
    pub device: DeviceId,
    /// What the kernel calls it, or called it.
    pub kernel_name: String,
    /// What it does in the array.
    pub role: Role,
    /// More of what the kernel says of it.
    pub flags: BTreeSet<MemberFlag>,
    /// Read errors that were corrected, since the array was started.
    pub errors: u64,
    /// What it could give to the array: `dev-*/size`. More than is used where another member has
    /// less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usable: Option<Bytes>,
}

impl Member {
    /// Whether it holds its share of the data, complete and readable.
    #[must_use]
    pub fn works(&self) -> bool {
        matches!(self.role, Role::Active { .. }) && !matches!(self.device, DeviceId::Gone(_))
    }

    /// The slot it fills, completely or not yet.
    #[must_use]
    pub fn slot(&self) -> Option<u32> {
        self.role.slot()
    }
}

/// What a member does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Role {
    /// Fills its slot.
    Active {
        /// Counted from 0.
        slot: u32,
    },
    /// Is being filled to take its slot.
    Recovering {
        /// Counted from 0.
        slot: u32,
    },
    /// Is being filled to take the slot of a member that still works.
    Replacement {
        /// Counted from 0.
        slot: u32,
    },
    /// Waits.
    Spare,
    /// Was thrown out and is still listed.
    Faulty,
    /// Keeps the journal of a RAID 4, 5 or 6.
    Journal,
}

impl Role {
    /// The slot that is filled, completely or not yet.
    #[must_use]
    pub fn slot(self) -> Option<u32> {
        match self {
            Role::Active { slot } | Role::Recovering { slot } | Role::Replacement { slot } => {
                Some(slot)
            }
            Role::Spare | Role::Faulty | Role::Journal => None,
        }
    }

    /// Whether it is being filled, or waits for that.
    #[must_use]
    pub fn is_filled_now(self) -> bool {
        matches!(self, Role::Recovering { .. } | Role::Replacement { .. })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Role::Active { .. } => "active",
            Role::Recovering { .. } => "recovering",
            Role::Replacement { .. } => "replacement",
            Role::Spare => "spare",
            Role::Faulty => "faulty",
            Role::Journal => "journal",
        })
    }
}

/// More of what the kernel says of a member, in `dev-*/state`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberFlag {
    /// Read only when nothing else can be.
    WriteMostly,
    /// Waits for somebody to acknowledge a failure.
    Blocked,
    /// A write failed once.
    WriteError,
    /// Shall be replaced as soon as there is a spare.
    WantReplacement,
    /// Its bad blocks are kept by somebody else.
    ExternalBbl,
    /// Requests to it may fail fast.
    Failfast,
    /// A word that this program does not know.
    Other(String),
}

impl Array {
    /// Put the members in their order: by slot, then spares, journal, and faulty ones.
    pub(crate) fn sort_members(&mut self) {
        let rank = |role: Role| match role {
            Role::Active { .. } => 0,
            Role::Recovering { .. } => 1,
            Role::Replacement { .. } => 2,
            Role::Journal => 3,
            Role::Spare => 4,
            Role::Faulty => 5,
        };
        self.members.sort_by_key(|it| {
            (
                it.slot().unwrap_or(u32::MAX),
                rank(it.role),
                it.kernel_name.clone(),
            )
        });
    }

    /// How many slots no member fills completely.
    #[must_use]
    pub fn missing(&self) -> u32 {
        u32::try_from(self.missing_slots().len()).unwrap_or(u32::MAX)
    }

    /// The slots that no member fills completely.
    #[must_use]
    pub fn missing_slots(&self) -> BTreeSet<u32> {
        let filled: BTreeSet<u32> = self
            .members
            .iter()
            .filter(|it| it.works())
            .filter_map(Member::slot)
            .collect();
        (0..self.slots)
            .filter(|slot| !filled.contains(slot))
            .collect()
    }

    /// The member that a person means: an id, or a kernel name.
    #[must_use]
    pub fn member(&self, device: &DeviceId) -> Option<&Member> {
        self.members.iter().find(|it| it.device == *device)
    }

    /// Members that wait.
    pub fn spares(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|it| it.role == Role::Spare)
    }

    /// How to call it in a command: the device node of this minute.
    #[must_use]
    pub fn node(&self) -> String {
        format!("/dev/{}", self.kernel_name)
    }
}
