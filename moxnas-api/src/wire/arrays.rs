//! md arrays.

mod create;
mod grow;

use clap::Args;
use moxnas_app::{
    Seen,
    ops::arrays::{ArrayScrub, ArrayView, MemberAdd},
};
use moxnas_core::disk::{DeviceId, Use};
use moxnas_raid::{self as raid, Health, Reason, Role, SyncState, health, plan::Scrub};
use poem_openapi::{Enum, Object};
use time::OffsetDateTime;

use super::timestamp;

pub use create::{Consistency, CreateArray, Layout, Level, Metadata};
pub use grow::{GrowArray, SetArray};

/// Give an array one more device
#[derive(Clone, Debug, PartialEq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct AddMember {
    /// The device, by id, serial number or path; all data on it is lost
    pub device: String,
    /// It is to wait as a spare: refused where it would fill an empty slot at once
    #[arg(long)]
    #[oai(default)]
    pub spare: bool,
}

impl AddMember {
    /// The operation for an array.
    #[must_use]
    pub fn of(self, array: String) -> MemberAdd {
        MemberAdd {
            array,
            device: self.device,
            as_spare: self.spare,
        }
    }
}

/// Put another device in the place of a member
#[derive(Clone, Debug, PartialEq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct ReplaceMember {
    /// The new device; a spare of the array if left out. All data on it is lost
    #[arg(long = "with", value_name = "DEVICE")]
    #[oai(skip_serializing_if_is_none)]
    pub with: Option<String>,
}

/// Begin or end reading all of an array
#[derive(Clone, Debug, PartialEq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct ScrubArray {
    /// What to do
    #[arg(long, value_enum, default_value = "check")]
    pub action: ScrubAction,
}

/// What to do about differences between copies
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, clap::ValueEnum)]
#[oai(rename_all = "lowercase")]
pub enum ScrubAction {
    /// Read all and count them
    Check,
    /// Read all and make copies agree
    Repair,
    /// Stop reading
    Idle,
}

impl ScrubArray {
    /// The operation for an array.
    #[must_use]
    pub fn of(self, array: String) -> ArrayScrub {
        let scrub = match self.action {
            ScrubAction::Check => Scrub::Check,
            ScrubAction::Repair => Scrub::Repair,
            ScrubAction::Idle => Scrub::Idle,
        };
        ArrayScrub { array, scrub }
    }
}

/// Start an array that is stopped or was started in part
#[derive(Clone, Debug, PartialEq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct AssembleArray {
    /// Its name or its UUID
    pub array: String,
}

/// An md array
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Array {
    /// Its name, unique on this machine
    pub name: String,
    /// Four groups of eight hexadecimal digits; left out if nothing tells
    pub uuid: Option<String>,
    /// Its device node at this moment
    pub device: String,
    /// `raid0`, `raid1`, `raid4`, `raid5`, `raid6`, `raid10`, or as the kernel says
    pub level: String,
    /// Version of its superblock
    pub metadata: String,
    /// What the kernel calls `array_state`
    pub state: String,
    /// The verdict, with its reasons
    pub health: ArrayHealth,
    /// What runs in the background
    pub sync: Sync,
    /// Its size
    pub size_bytes: u64,
    /// What is used of each member; left out for levels that use all of it
    pub component_size_bytes: Option<u64>,
    /// Bytes per chunk, where the level has chunks
    pub chunk_bytes: Option<u64>,
    /// How many members it should have, spares not counted
    pub slots: u32,
    /// Its members, by slot, then spares and faulty ones
    pub members: Vec<Member>,
    /// How an unclean stop is healed: `bitmap`, `resync`, `journal`, …
    pub consistency: String,
    /// What the last check found different; what it means depends on the level
    pub mismatch_bytes: Option<u64>,
    /// What it was before the reshape that runs or waits; left out: there is none
    pub reshape: Option<Reshape>,
    /// Copies or parity are not known to agree, whether or not that is being mended now
    pub resync_due: bool,
    /// How fast what runs in the background may be; left out for levels that have nothing to run
    pub speed_limits: Option<SpeedLimits>,
    /// The arrays of this group share their spares; left out: it is in none
    pub spare_group: Option<String>,
    /// Whether mdadm.conf names it, so that it comes back under its name
    pub in_mdadm_conf: bool,
    /// What is on it
    pub content: String,
    /// What uses it, in words
    pub used_by: Vec<String>,
    /// When the machine was looked at
    pub as_of: OffsetDateTime,
}

/// The shape from which an array is being reshaped
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Reshape {
    /// How many members it had
    pub slots: u32,
    /// The kernel's number of its old layout
    pub layout: u32,
    /// Bytes per chunk that it had
    pub chunk_bytes: Option<u64>,
}

/// Between which bounds md lets what runs in the background go
#[derive(Clone, Debug, PartialEq, Eq, Object)]
pub struct SpeedLimits {
    /// Bytes per second of each member that it takes although somebody else uses the disks
    pub min_bytes_per_s: u64,
    /// Whether that was said for this array; otherwise it is the bound of all arrays
    pub min_is_own: bool,
    /// Bytes per second of each member that it does not go beyond
    pub max_bytes_per_s: u64,
    /// Whether that was said for this array; otherwise it is the bound of all arrays
    pub max_is_own: bool,
}

/// The verdict on an array
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ArrayHealth {
    /// The verdict
    pub verdict: Verdict,
    /// How many members may fail, whichever they are; left out if it cannot be told or is too late
    pub can_lose: Option<u32>,
    /// How many slots are not filled
    pub missing: u32,
    /// Why, in words
    pub reasons: Vec<String>,
}

/// How an array is
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum Verdict {
    /// Every slot is filled
    Optimal,
    /// Works with members missing
    Degraded,
    /// Not started
    Inactive,
    /// The data is not complete
    Failed,
    /// It cannot be judged
    Unknown,
}

impl From<Health> for Verdict {
    fn from(it: Health) -> Verdict {
        match it {
            Health::Optimal { .. } => Verdict::Optimal,
            Health::Degraded { .. } => Verdict::Degraded,
            Health::Inactive => Verdict::Inactive,
            Health::Failed { .. } => Verdict::Failed,
            Health::Unknown => Verdict::Unknown,
        }
    }
}

/// How many slots are not filled.
pub(super) fn missing(health: Health) -> u32 {
    match health {
        Health::Degraded { missing, .. } | Health::Failed { missing } => missing,
        Health::Optimal { .. } | Health::Inactive | Health::Unknown => 0,
    }
}

impl ArrayHealth {
    fn new(health: Health, reasons: &[Reason]) -> ArrayHealth {
        ArrayHealth {
            verdict: health.into(),
            can_lose: health.can_lose(),
            missing: missing(health),
            reasons: reasons.iter().map(Reason::to_string).collect(),
        }
    }
}

/// What runs in the background
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Sync {
    /// Whether something runs
    pub state: SyncWord,
    /// `resync`, `recover`, `check`, `repair` or `reshape`
    pub action: Option<String>,
    /// How far it is, 0 to 100
    pub percent: Option<f64>,
    /// Bytes of each member done
    pub done_bytes: Option<u64>,
    /// Bytes of each member in all
    pub total_bytes: Option<u64>,
    /// Bytes per second of each member
    pub speed_bytes_per_s: Option<u64>,
    /// Seconds left at this speed
    pub remaining_s: Option<u64>,
}

/// Whether something runs in the background
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum SyncWord {
    /// Nothing
    Idle,
    /// Nothing, and nothing may start
    Frozen,
    /// Something
    Running,
    /// It waits for another array on the same disks
    Delayed,
    /// It waits for the array to become writable
    Pending,
}

impl From<&SyncState> for Sync {
    fn from(it: &SyncState) -> Sync {
        let mut sync = Sync {
            state: SyncWord::Idle,
            action: it.action().map(|it| it.to_string()),
            percent: None,
            done_bytes: None,
            total_bytes: None,
            speed_bytes_per_s: None,
            remaining_s: None,
        };
        match it {
            SyncState::Idle => (),
            SyncState::Frozen => sync.state = SyncWord::Frozen,
            SyncState::Delayed { .. } => sync.state = SyncWord::Delayed,
            SyncState::Pending { .. } => sync.state = SyncWord::Pending,
            SyncState::Running {
                action: _,
                done,
                of,
                speed,
            } => {
                sync.state = SyncWord::Running;
                sync.done_bytes = done.map(|it| it.0);
                sync.total_bytes = of.map(|it| it.0);
                sync.speed_bytes_per_s = speed.map(|it| it.0);
                if let (Some(done), Some(of)) = (done, of.filter(|it| it.0 > 0)) {
                    let tenths = u128::from(done.0) * 1000 / u128::from(of.0);
                    sync.percent = Some(f64::from(u16::try_from(tenths).unwrap_or(1000)) / 10.0);
                    let left = of.0.saturating_sub(done.0);
                    sync.remaining_s = speed.and_then(|it| left.checked_div(it.0));
                }
            }
        }
        sync
    }
}

/// A device's place in an array
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Member {
    /// Its id; `gone:sdb` if its device has left
    pub device: String,
    /// What the kernel calls it, or called it
    pub kernel_name: String,
    /// Model of the disk
    pub model: Option<String>,
    /// Serial number of the disk
    pub serial: Option<String>,
    /// `active`, `recovering`, `replacement`, `spare`, `faulty` or `journal`
    pub role: String,
    /// Its slot, from 0; spares and faulty ones have none
    pub slot: Option<u32>,
    /// More of what the kernel says: `write_mostly`, `want_replacement`, …
    pub flags: Vec<String>,
    /// Read errors that were corrected since the array was started
    pub errors: u64,
    /// What it could give to the array, which may use less
    pub usable_bytes: Option<u64>,
}

impl Array {
    /// An array as it was seen.
    #[must_use]
    pub fn new(array: &raid::Array, seen: &Seen) -> Array {
        let (verdict, reasons) = health(array);
        let node = seen.raid.devices.get(&array.kernel_name);
        Array {
            name: array.name.clone(),
            uuid: array.uuid.clone(),
            device: array.node(),
            level: array.level.to_string(),
            metadata: array.metadata.clone(),
            state: array.state.to_string(),
            health: ArrayHealth::new(verdict, &reasons),
            sync: Sync::from(&array.sync),
            size_bytes: array.size.0,
            component_size_bytes: Some(array.component_size.0).filter(|it| *it > 0),
            chunk_bytes: array.chunk.map(|it| it.0),
            slots: array.slots,
            members: array
                .members
                .iter()
                .map(|it| Member::new(it, seen))
                .collect(),
            consistency: array.consistency.clone(),
            mismatch_bytes: array.mismatch.map(|it| it.0),
            reshape: array.reshape.map(|it| Reshape {
                slots: it.slots,
                layout: it.layout,
                chunk_bytes: it.chunk.map(|it| it.0),
            }),
            resync_due: array.resync_due,
            speed_limits: array.speed_limits.map(|it| SpeedLimits {
                min_bytes_per_s: it.min.per_second.0,
                min_is_own: it.min.is_own,
                max_bytes_per_s: it.max.per_second.0,
                max_is_own: it.max.is_own,
            }),
            spare_group: array
                .uuid
                .as_ref()
                .and_then(|it| seen.raid.conf.spare_group(it).map(str::to_owned)),
            in_mdadm_conf: array
                .uuid
                .as_ref()
                .is_some_and(|it| seen.raid.conf.names(it)),
            content: node.map_or_else(|| "unknown".to_owned(), |it| it.content()),
            used_by: uses(seen, &array.kernel_name),
            as_of: timestamp(seen.as_of),
        }
    }
}

pub(super) fn uses(seen: &Seen, kernel_name: &str) -> Vec<String> {
    seen.raid
        .devices
        .uses(kernel_name)
        .iter()
        .map(Use::to_string)
        .collect()
}

impl From<ArrayView> for Array {
    fn from(it: ArrayView) -> Array {
        Array::new(&it.array, &it.seen)
    }
}

impl Member {
    fn new(member: &raid::Member, seen: &Seen) -> Member {
        let raid::Member {
            device,
            kernel_name,
            role,
            flags,
            errors,
            usable,
        } = member;
        let disk = match device {
            DeviceId::Gone(_) => None,
            _ => seen.raid.devices.disk_below(kernel_name),
        };
        let word = |flag: &raid::MemberFlag| match flag {
            raid::MemberFlag::WriteMostly => "write_mostly".to_owned(),
            raid::MemberFlag::Blocked => "blocked".to_owned(),
            raid::MemberFlag::WriteError => "write_error".to_owned(),
            raid::MemberFlag::WantReplacement => "want_replacement".to_owned(),
            raid::MemberFlag::ExternalBbl => "external_bbl".to_owned(),
            raid::MemberFlag::Failfast => "failfast".to_owned(),
            raid::MemberFlag::Other(word) => word.clone(),
        };
        Member {
            device: device.to_string(),
            kernel_name: kernel_name.clone(),
            model: disk.and_then(|it| it.model.clone()),
            serial: disk.and_then(|it| it.serial.clone()),
            role: role.to_string(),
            slot: member.slot(),
            flags: flags.iter().map(word).collect(),
            errors: *errors,
            usable_bytes: usable.map(|it| it.0),
        }
    }
}

/// A page of arrays
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ArrayPage {
    /// The arrays, by name
    pub items: Vec<Array>,
    /// The `cursor` of the next page; left out on the last one
    pub next: Option<String>,
    /// When the machine was looked at
    pub as_of: OffsetDateTime,
    /// What could not be read, beside all that could
    pub errors: Vec<String>,
}

/// All arrays in the words of the earlier systems
#[derive(Clone, Debug, PartialEq, Object)]
pub struct RaidStatus {
    /// The arrays, by name
    pub arrays: Vec<RaidStatusArray>,
}

/// An array in the words of the earlier systems
#[derive(Clone, Debug, PartialEq, Object)]
pub struct RaidStatusArray {
    /// Its name
    pub name: String,
    /// Its level
    pub level: String,
    /// How it is
    pub state: RaidStatusWord,
    /// Its size
    pub size_bytes: u64,
    /// Its members
    pub devices: Vec<RaidStatusDevice>,
    /// What runs in the background
    pub sync: Sync,
}

/// How an array is, in the words of the earlier systems
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum RaidStatusWord {
    /// Every slot is filled
    Healthy,
    /// Works with members missing
    Degraded,
    /// Works with members missing, and one is being filled
    Rebuilding,
    /// The data is not complete, or it cannot be told
    Failed,
    /// Not started
    Inactive,
}

/// A member in the words of the earlier systems
#[derive(Clone, Debug, PartialEq, Eq, Object)]
pub struct RaidStatusDevice {
    /// What the kernel calls it
    pub name: String,
    /// What it does
    pub state: RaidStatusRole,
}

/// What a member does, in the words of the earlier systems
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum RaidStatusRole {
    /// Holds its share of the data, or is being filled with it
    Active,
    /// Waits
    Spare,
    /// Was thrown out, or has left
    Failed,
}

impl RaidStatus {
    /// All arrays of a look.
    #[must_use]
    pub fn new(seen: &Seen) -> RaidStatus {
        let mut arrays: Vec<_> = seen.raid.arrays.iter().map(RaidStatusArray::new).collect();
        arrays.sort_by(|a, b| a.name.cmp(&b.name));
        RaidStatus { arrays }
    }
}

impl RaidStatusArray {
    fn new(array: &raid::Array) -> RaidStatusArray {
        let recovers = array.sync.action() == Some(raid::SyncAction::Recover);
        let state = match health(array).0 {
            Health::Optimal { .. } => RaidStatusWord::Healthy,
            Health::Degraded { .. } if recovers => RaidStatusWord::Rebuilding,
            Health::Degraded { .. } => RaidStatusWord::Degraded,
            Health::Inactive => RaidStatusWord::Inactive,
            // The old words have none for "cannot be told", and green it must not be.
            Health::Failed { .. } | Health::Unknown => RaidStatusWord::Failed,
        };
        let device = |it: &raid::Member| RaidStatusDevice {
            name: it.kernel_name.clone(),
            state: match it.role {
                _ if matches!(it.device, DeviceId::Gone(_)) => RaidStatusRole::Failed,
                Role::Faulty => RaidStatusRole::Failed,
                Role::Spare => RaidStatusRole::Spare,
                Role::Active { .. }
                | Role::Recovering { .. }
                | Role::Replacement { .. }
                | Role::Journal => RaidStatusRole::Active,
            },
        };
        RaidStatusArray {
            name: array.name.clone(),
            level: array.level.to_string(),
            state,
            size_bytes: array.size.0,
            devices: array.members.iter().map(device).collect(),
            sync: Sync::from(&array.sync),
        }
    }
}
