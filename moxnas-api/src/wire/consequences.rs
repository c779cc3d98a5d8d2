//! What follows: from a disk that leaves, and from work in the background.

use moxnas_app::ops::disks::ConsequencesView;
use moxnas_core::disk::{DeviceId, Use};
use moxnas_raid::{Health, consequences as inside};
use poem_openapi::{Enum, Object};
use time::OffsetDateTime;

use super::{arrays::Verdict, timestamp};

/// What happens if a disk leaves now
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct DiskConsequences {
    /// The disk's stable id
    pub id: String,
    /// What the kernel calls it now
    pub kernel_name: String,
    /// Model
    pub model: Option<String>,
    /// Serial number
    pub serial: Option<String>,
    /// All of it in one word
    pub verdict: LeavingVerdict,
    /// The same in a few words
    pub summary: String,
    /// The arrays that it, or one of its partitions, is a member of
    pub arrays: Vec<ArrayWithout>,
    /// The data that is lost, or cannot be reached any more
    pub lost: Vec<LostData>,
    /// What nobody can tell, in words
    pub unclear: Vec<String>,
    /// When the machine was looked at
    pub as_of: OffsetDateTime,
}

/// What it means that a disk leaves: the worst there is
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum LeavingVerdict {
    /// Nothing that is known of changes
    Harmless,
    /// Everything goes on, with less redundancy
    LessRedundancy,
    /// Something takes no more writes
    NoWrites,
    /// Nobody can tell
    Unclear,
    /// Data is lost
    DataLost,
    /// The running system itself stands on it
    SystemLost,
}

/// An array if a disk leaves
#[derive(Clone, Debug, PartialEq, Object)]
pub struct ArrayWithout {
    /// Its name
    pub name: String,
    /// Its level
    pub level: String,
    /// Its size
    pub size_bytes: u64,
    /// Ids of its members that leave: the disk, or partitions of it
    pub members: Vec<String>,
    /// What that means for it
    pub outcome: ArrayOutcome,
    /// How it is now
    pub before: ShortHealth,
    /// How it is at once, before anything is put in their place
    pub after: ShortHealth,
    /// Why it is not optimal then, in words
    pub reasons: Vec<String>,
    /// What brings it back to what it was
    pub repair: ArrayRepair,
    /// What its owner should know beside that, in words
    pub notes: Vec<String>,
    /// What stands on it, in words: it goes on, or ends, with the array
    pub used_by: Vec<String>,
}

/// What it means for an array that a disk leaves
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum ArrayOutcome {
    /// It goes on as it is
    Unharmed,
    /// Its data was not complete before
    LostBefore,
    /// It goes on with less redundancy
    Weakened,
    /// It can be read, and takes no more writes
    ReadOnly,
    /// It is not started, or not understood: nobody can tell
    Unclear,
    /// Its data is not complete any more
    Lost,
}

/// How an array is, in short
#[derive(Clone, Copy, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ShortHealth {
    /// The verdict
    pub verdict: Verdict,
    /// How many members may fail, whichever they are; left out if it cannot be told or is too late
    pub can_lose: Option<u32>,
    /// How many slots are not filled
    pub missing: u32,
}

/// What brings an array back to what it was
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ArrayRepair {
    /// What does
    pub by: RepairBy,
    /// Ids of what takes over by itself; which of several does is the kernel's choice
    pub candidates: Vec<String>,
    /// How large a new device has to be
    pub new_device_bytes: Option<u64>,
    /// What has to be done
    pub work: Option<BackgroundWork>,
    /// How the array is when it is done
    pub then: Option<ShortHealth>,
}

/// What brings an array back to what it was
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum RepairBy {
    /// There is nothing to repair
    NotNeeded,
    /// What waits in the array takes over by itself
    Spare,
    /// A new device has to be given to the array
    NewDevice,
    /// Only the disk itself can bring the data back
    Impossible,
    /// Nobody can tell
    Unclear,
}

/// Something that md does in the background
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct BackgroundWork {
    /// `resync`, `recover`, `check`, `repair` or `reshape`
    pub action: String,
    /// How much of each member is read; on a member that is filled, written
    pub bytes_per_member: u64,
    /// It does not take less; left out if unknown
    pub at_least_s: Option<u64>,
    /// It does not take more, unless the disks have other work to do; left out if unknown
    pub at_most_s: Option<u64>,
    /// What the time was derived from
    pub basis: TimeBasis,
    /// The same in words; why the time is unknown, if it is
    pub because: String,
}

/// What a time was derived from
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum TimeBasis {
    /// The speed of what runs on the array now
    Observed,
    /// What such disks usually reach
    Assumed,
    /// There is nothing to derive it from
    Unknown,
}

/// Data that is lost, or cannot be reached any more
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct LostData {
    /// Id of the block device with it
    pub device: String,
    /// What the kernel calls it now
    pub kernel_name: String,
    /// The array that it is
    pub array: Option<String>,
    /// What is on it
    pub content: String,
    /// Its size
    pub size_bytes: u64,
    /// Where it is mounted, in words
    pub used_by: Vec<String>,
}

impl From<ConsequencesView> for DiskConsequences {
    fn from(it: ConsequencesView) -> DiskConsequences {
        let ConsequencesView {
            device,
            leaving,
            seen,
        } = it;
        let verdict = leaving.verdict();
        let facts = seen.raid.devices.disk_below(&device.name);
        let inside::Leaving {
            device: id,
            kernel_name,
            arrays,
            lost,
            unclear,
        } = leaving;
        DiskConsequences {
            id: id.to_string(),
            kernel_name,
            model: facts.and_then(|it| it.model.clone()),
            serial: facts.and_then(|it| it.serial.clone()),
            verdict: verdict.into(),
            summary: verdict.to_string(),
            arrays: arrays.into_iter().map(ArrayWithout::from).collect(),
            lost: lost.into_iter().map(LostData::from).collect(),
            unclear: unclear.iter().map(inside::Unclear::to_string).collect(),
            as_of: timestamp(seen.as_of),
        }
    }
}

impl From<inside::Verdict> for LeavingVerdict {
    fn from(it: inside::Verdict) -> LeavingVerdict {
        match it {
            inside::Verdict::Harmless => LeavingVerdict::Harmless,
            inside::Verdict::LessRedundancy => LeavingVerdict::LessRedundancy,
            inside::Verdict::NoWrites => LeavingVerdict::NoWrites,
            inside::Verdict::Unclear => LeavingVerdict::Unclear,
            inside::Verdict::DataLost => LeavingVerdict::DataLost,
            inside::Verdict::SystemLost => LeavingVerdict::SystemLost,
        }
    }
}

impl From<inside::ArrayWithout> for ArrayWithout {
    fn from(it: inside::ArrayWithout) -> ArrayWithout {
        let inside::ArrayWithout {
            name,
            level,
            size,
            members,
            before,
            after,
            reasons,
            outcome,
            repair,
            notes,
            used_by,
        } = it;
        ArrayWithout {
            name,
            level: level.to_string(),
            size_bytes: size.0,
            members: words(&members),
            outcome: outcome.into(),
            before: before.into(),
            after: after.into(),
            reasons: words(&reasons),
            repair: repair.into(),
            notes: words(&notes),
            used_by: words(&used_by),
        }
    }
}

impl From<inside::Outcome> for ArrayOutcome {
    fn from(it: inside::Outcome) -> ArrayOutcome {
        match it {
            inside::Outcome::Unharmed => ArrayOutcome::Unharmed,
            inside::Outcome::LostBefore => ArrayOutcome::LostBefore,
            inside::Outcome::Weakened => ArrayOutcome::Weakened,
            inside::Outcome::ReadOnly => ArrayOutcome::ReadOnly,
            inside::Outcome::Unclear => ArrayOutcome::Unclear,
            inside::Outcome::Lost => ArrayOutcome::Lost,
        }
    }
}

impl From<Health> for ShortHealth {
    fn from(it: Health) -> ShortHealth {
        ShortHealth {
            verdict: it.into(),
            can_lose: it.can_lose(),
            missing: super::arrays::missing(it),
        }
    }
}

impl From<inside::Repair> for ArrayRepair {
    fn from(it: inside::Repair) -> ArrayRepair {
        let plain = |by| ArrayRepair {
            by,
            candidates: Vec::new(),
            new_device_bytes: None,
            work: None,
            then: None,
        };
        match it {
            inside::Repair::NotNeeded => plain(RepairBy::NotNeeded),
            inside::Repair::Impossible => plain(RepairBy::Impossible),
            inside::Repair::Unclear => plain(RepairBy::Unclear),
            inside::Repair::Spare {
                candidates,
                work,
                then,
            } => ArrayRepair {
                candidates: candidates.iter().map(DeviceId::to_string).collect(),
                work: Some(work.into()),
                then: Some(then.into()),
                ..plain(RepairBy::Spare)
            },
            inside::Repair::NewDevice { size, work, then } => ArrayRepair {
                new_device_bytes: Some(size.0),
                work: Some(work.into()),
                then: Some(then.into()),
                ..plain(RepairBy::NewDevice)
            },
        }
    }
}

impl From<inside::Work> for BackgroundWork {
    fn from(it: inside::Work) -> BackgroundWork {
        let inside::Work {
            action,
            per_member,
            time,
        } = it;
        let (bounds, basis, because) = match time {
            inside::Estimate::Between {
                at_least,
                at_most,
                basis,
            } => {
                let word = match basis {
                    inside::Basis::Observed { .. } => TimeBasis::Observed,
                    inside::Basis::Assumed { .. } => TimeBasis::Assumed,
                };
                (Some((at_least, at_most)), word, basis.to_string())
            }
            inside::Estimate::Unknown { because } => (None, TimeBasis::Unknown, because),
        };
        BackgroundWork {
            action: action.to_string(),
            bytes_per_member: per_member.0,
            at_least_s: bounds.map(|it| it.0.as_secs()),
            at_most_s: bounds.map(|it| it.1.as_secs()),
            basis,
            because,
        }
    }
}

impl From<inside::LostData> for LostData {
    fn from(it: inside::LostData) -> LostData {
        let inside::LostData {
            device,
            kernel_name,
            array,
            content,
            size,
            uses,
        } = it;
        LostData {
            device: device.to_string(),
            kernel_name,
            array,
            content,
            size_bytes: size.0,
            used_by: uses.iter().map(Use::to_string).collect(),
        }
    }
}

fn words<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(T::to_string).collect()
}
