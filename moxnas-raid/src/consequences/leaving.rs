//! A device that leaves now: what still runs, what is at risk, and how long the repair takes.

use std::{collections::BTreeSet, fmt};

use moxnas_core::{
    disk::{BlockDevice, BlockKind, DeviceId, Use},
    units::Bytes,
};
use serde::{Deserialize, Serialize};

use super::{
    estimate::{Estimate, Work, estimate, left_to_fill, working},
    tower::{array_of, gone_with, leaving_members, without_all},
};
use crate::{
    health::{Health, Reason, health},
    model::{Array, ArrayState, Inventory, Level, Member, Role, SyncAction, SyncState},
    plan::{MEMBER, colon_form, needed_size, refilled},
};

/// What happens if a device leaves now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaving {
    /// The device.
    pub device: DeviceId,
    /// What the kernel calls it now.
    pub kernel_name: String,
    /// The arrays that it, or one of its partitions, is a member of, by name. With an array that is
    /// lost, also those that have it as a member.
    pub arrays: Vec<ArrayWithout>,
    /// The data that is lost, or cannot be reached any more.
    pub lost: Vec<LostData>,
    /// What nobody can tell.
    pub unclear: Vec<Unclear>,
}

/// An array if a device leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrayWithout {
    /// Its name.
    pub name: String,
    /// How data is spread over the members.
    pub level: Level,
    /// Its size.
    pub size: Bytes,
    /// Its members that leave: the device, or partitions of it.
    pub members: Vec<DeviceId>,
    /// How it is now.
    pub before: Health,
    /// How it is at once, before anything is put in their place.
    pub after: Health,
    /// Why it is not optimal then.
    pub reasons: Vec<Reason>,
    /// What that means.
    pub outcome: Outcome,
    /// What brings it back to what it was.
    pub repair: Repair,
    /// What its owner should know beside that.
    pub notes: Vec<Note>,
    /// What stands on it: it goes on, or ends, with the array.
    pub used_by: Vec<Use>,
}

/// What it means for an array that a device leaves. Ordered: what comes later is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It goes on as it is.
    Unharmed,
    /// Its data was not complete before.
    LostBefore,
    /// It goes on with less redundancy.
    Weakened,
    /// It can be read, and takes no more writes.
    ReadOnly,
    /// It is not started, or not understood: nobody can tell.
    Unclear,
    /// Its data is not complete any more.
    Lost,
}

/// What brings an array back to what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Repair {
    /// There is nothing to repair.
    NotNeeded,
    /// What waits in the array takes over by itself.
    Spare {
        /// What may. Which of several does is the kernel's choice.
        candidates: Vec<DeviceId>,
        /// What has to be done.
        work: Work,
        /// How the array is when it is done.
        then: Health,
    },
    /// A new device has to be given to the array.
    NewDevice {
        /// How large it has to be.
        size: Bytes,
        /// What has to be done, with a device like the others.
        work: Work,
        /// How the array is when it is done.
        then: Health,
    },
    /// Only the device itself can bring the data back.
    Impossible,
    /// Nobody can tell.
    Unclear,
}

/// What the owner of an array should know of a member that leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// No redundancy is left.
    NoneToLose,
    /// Copies or parity do not agree yet.
    NotInSync,
    /// No spare waits any more.
    NoSpareLeft,
    /// A member was being filled.
    FillingEnds,
    /// The journal leaves.
    JournalLeaves,
    /// A spare waits, and does not begin before something is written.
    WaitsForWrite,
    /// Nothing in the background may begin.
    Frozen,
    /// If the same device comes back, little has to be written.
    ComesBackFast,
    /// Other arrays on the same disks have to be filled too, and md does one after the other.
    TakesTurns,
}

/// Data that is lost, or cannot be reached any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostData {
    /// The block device with it.
    pub device: DeviceId,
    /// What the kernel calls it now.
    pub kernel_name: String,
    /// The array that it is.
    pub array: Option<String>,
    /// What is on it, in words.
    pub content: String,
    /// Its size.
    pub size: Bytes,
    /// Where it is mounted, or that it is swapped to.
    pub uses: Vec<Use>,
}

/// Something that nobody can tell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Unclear {
    /// An array that is not started: which members it needs is known to its members only.
    NotStarted {
        /// Its name.
        array: String,
    },
    /// An array that this program does not understand.
    NotUnderstood {
        /// Its name.
        array: String,
    },
    /// A member of an array that is not assembled.
    NotAssembled {
        /// The device that carries the superblock.
        device: DeviceId,
        /// The array's name, as the superblock has it.
        array: String,
    },
    /// An array that could not be read.
    NotRead {
        /// What the kernel calls it.
        kernel_name: String,
    },
}

/// All of it in one word. Ordered: what comes later is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing that is known of changes.
    Harmless,
    /// Everything goes on, with less redundancy.
    LessRedundancy,
    /// Something takes no more writes.
    NoWrites,
    /// Nobody can tell.
    Unclear,
    /// Data is lost.
    DataLost,
    /// The running system itself stands on it.
    SystemLost,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Harmless => "nothing is lost, and no redundancy",
            Verdict::LessRedundancy => "no data is lost, redundancy is",
            Verdict::NoWrites => "no data is lost, but something takes no more writes",
            Verdict::Unclear => "nobody can tell whether data is lost",
            Verdict::DataLost => "data is lost",
            Verdict::SystemLost => "the running system ends, it stands on this",
        })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Note::NoneToLose => "the next member that fails may take all data with it",
            Note::NotInSync => {
                "copies or parity do not agree yet: some data may be wrong afterwards"
            }
            Note::NoSpareLeft => "no spare waits any more",
            Note::FillingEnds => "a member is being filled, which ends or begins anew",
            Note::JournalLeaves => {
                "without its journal it takes no more writes; in write-back mode, what only the \
                 journal held is lost"
            }
            Note::WaitsForWrite => {
                "it is auto-read-only: nothing is filled before something is written"
            }
            Note::Frozen => "it is frozen: nothing is filled before somebody sets it to idle",
            Note::ComesBackFast => {
                "if the same device comes back, only what was written meanwhile is filled"
            }
            Note::TakesTurns => {
                "arrays on the same disks are filled one after the other: the times add up"
            }
        })
    }
}

impl fmt::Display for Unclear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unclear::NotStarted { array } => write!(
                f,
                "{array} is not started: which members it needs is known to its members only"
            ),
            Unclear::NotUnderstood { array } => {
                write!(f, "{array} is of a level or in a state that is not known")
            }
            Unclear::NotAssembled { device, array } => write!(
                f,
                "{device} is a member of {array}, which is not assembled: whether it can be \
                 spared is known to its members only"
            ),
            Unclear::NotRead { kernel_name } => {
                write!(f, "{kernel_name} stands on it and could not be read")
            }
        }
    }
}

impl Leaving {
    /// All of it in one word: the worst there is.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let arrays = self.arrays.iter().map(|it| match it.outcome {
            Outcome::Unharmed | Outcome::LostBefore => Verdict::Harmless,
            Outcome::Weakened => Verdict::LessRedundancy,
            Outcome::ReadOnly => Verdict::NoWrites,
            Outcome::Unclear => Verdict::Unclear,
            Outcome::Lost => Verdict::DataLost,
        });
        let lost = self
            .lost
            .iter()
            .map(|it| match it.uses.iter().any(Use::is_system) {
                true => Verdict::SystemLost,
                false => Verdict::DataLost,
            });
        let unclear = self.unclear.iter().map(|_| Verdict::Unclear);
        arrays
            .chain(lost)
            .chain(unclear)
            .max()
            .unwrap_or(Verdict::Harmless)
    }
}

/// What happens if the device leaves now, with everything on it. A disk takes its partitions along.
#[must_use]
pub fn if_it_leaves(seen: &Inventory, device: &BlockDevice) -> Leaving {
    let gone = gone_with(seen, device);
    let mut arrays = Vec::new();
    let mut unclear = Vec::new();
    for array in &seen.arrays {
        let leaving = leaving_members(array, &gone);
        // The arrays within a container list its disks themselves.
        if leaving.is_empty() || array.level == Level::Container {
            continue;
        }
        let without = array_without(seen, array, &leaving);
        if without.outcome == Outcome::Unclear {
            unclear.push(match array.state.is_started() {
                false => Unclear::NotStarted {
                    array: array.name.clone(),
                },
                true => Unclear::NotUnderstood {
                    array: array.name.clone(),
                },
            });
        }
        arrays.push(without);
    }
    arrays.sort_by(|a, b| a.name.cmp(&b.name));
    let is_filled = |it: &&mut ArrayWithout| {
        matches!(it.repair, Repair::Spare { .. } | Repair::NewDevice { .. })
    };
    let filled: Vec<&mut ArrayWithout> = arrays.iter_mut().filter(is_filled).collect();
    if filled.len() > 1 {
        filled
            .into_iter()
            .for_each(|it| it.notes.push(Note::TakesTurns));
    }
    let mut lost = Vec::new();
    for device in gone.iter().filter_map(|it| seen.devices.get(it)) {
        lost.extend(lost_data(seen, device));
        unclear.extend(unassembled(seen, device));
    }
    unclear.extend(unread(seen, &gone));
    Leaving {
        device: device.id.clone(),
        kernel_name: device.name.clone(),
        arrays,
        lost,
        unclear,
    }
}

fn array_without(seen: &Inventory, array: &Array, leaving: &[&Member]) -> ArrayWithout {
    let after = without_all(array, leaving);
    let (before, (health_after, mut reasons)) = (health(array).0, health(&after));
    // What leaves is not called faulty: that it leaves was the question.
    reasons.retain(|it| match it {
        Reason::MemberFaulty { device } => leaving.iter().all(|it| it.device != *device),
        _ => true,
    });
    let outcome = outcome(array, &after, leaving);
    ArrayWithout {
        name: array.name.clone(),
        level: array.level.clone(),
        size: array.size,
        members: leaving.iter().map(|it| it.device.clone()).collect(),
        before,
        after: health_after,
        reasons,
        outcome,
        repair: repair(seen, array, &after, leaving, outcome),
        notes: notes(array, &after, leaving, outcome),
        used_by: seen.devices.uses(&array.kernel_name),
    }
}

fn outcome(before: &Array, after: &Array, leaving: &[&Member]) -> Outcome {
    match (health(before).0, health(after).0) {
        (Health::Inactive | Health::Unknown, _) | (_, Health::Inactive | Health::Unknown) => {
            Outcome::Unclear
        }
        (Health::Failed { .. }, _) => Outcome::LostBefore,
        (_, Health::Failed { .. }) => Outcome::Lost,
        _ if leaving.iter().any(|it| it.role == Role::Journal) => Outcome::ReadOnly,
        (before, after) if before == after => Outcome::Unharmed,
        _ => Outcome::Weakened,
    }
}

fn repair(
    seen: &Inventory,
    before: &Array,
    after: &Array,
    leaving: &[&Member],
    outcome: Outcome,
) -> Repair {
    match outcome {
        Outcome::Unclear => return Repair::Unclear,
        Outcome::Lost => return Repair::Impossible,
        Outcome::LostBefore => return Repair::NotNeeded,
        Outcome::Unharmed | Outcome::Weakened | Outcome::ReadOnly => (),
    }
    // What was being filled for an empty slot is missed like what filled it.
    let vacated: BTreeSet<u32> = leaving
        .iter()
        .filter(|it| matches!(it.role, Role::Active { .. } | Role::Recovering { .. }))
        .filter_map(|it| it.slot())
        .collect();
    if vacated.is_empty() {
        return Repair::NotNeeded;
    }
    let begun: Vec<&Member> = after
        .members
        .iter()
        .filter(|it| matches!(it.role, Role::Replacement { slot } if vacated.contains(&slot)))
        .collect();
    let spares = after.spares().filter(|it| is_there(it));
    let candidates: Vec<DeviceId> = match begun.is_empty() {
        true => spares.map(|it| it.device.clone()).collect(),
        false => begun.iter().map(|it| it.device.clone()).collect(),
    };
    let all = before.component_size;
    let least = match begun.is_empty() {
        true => all,
        false => left_to_fill(before).unwrap_or(all),
    };
    let time = match before.reshape {
        None => estimate(seen, Some(before), &working(after), least, all),
        Some(_) => Estimate::Unknown {
            because: "a reshape goes on first, and how long that takes is not known".to_owned(),
        },
    };
    let work = Work {
        action: SyncAction::Recover,
        per_member: all,
        time,
    };
    if candidates.is_empty() {
        let size = needed_size(before);
        let then = health(&refilled(with_new(after, vacated.len()))).0;
        Repair::NewDevice { size, work, then }
    } else {
        let mut written = after.clone();
        if written.state == ArrayState::ReadAuto {
            written.state = ArrayState::Clean;
        }
        let then = health(&refilled(written)).0;
        Repair::Spare {
            candidates,
            work,
            then,
        }
    }
}

fn is_there(member: &Member) -> bool {
    !matches!(member.device, DeviceId::Gone(_))
}

/// The array with as many new devices as have left.
fn with_new(array: &Array, count: usize) -> Array {
    let mut array = array.clone();
    // md writes to an array that it is given a device for.
    if array.state == ArrayState::ReadAuto {
        array.state = ArrayState::Clean;
    }
    let new = |number: usize| Member {
        device: DeviceId::Kernel(format!("new {number}")),
        kernel_name: String::new(),
        role: Role::Spare,
        flags: BTreeSet::new(),
        errors: 0,
        usable: None,
    };
    array.members.extend((0..count).map(new));
    array
}

fn notes(before: &Array, after: &Array, leaving: &[&Member], outcome: Outcome) -> Vec<Note> {
    let mut notes = BTreeSet::new();
    let had = |is: &dyn Fn(Role) -> bool| leaving.iter().any(|it| is(it.role));
    if had(&|it| it == Role::Journal) {
        notes.insert(Note::JournalLeaves);
    }
    if had(&Role::is_filled_now) {
        notes.insert(Note::FillingEnds);
    }
    let spares = after.spares().filter(|it| is_there(it)).count();
    if had(&|it| it == Role::Spare) && before.state.is_started() && spares == 0 {
        notes.insert(Note::NoSpareLeft);
    }
    if outcome == Outcome::Weakened {
        if health(after).0.can_lose() == Some(0) {
            notes.insert(Note::NoneToLose);
        }
        if before.sync.action() == Some(SyncAction::Resync) {
            notes.insert(Note::NotInSync);
        }
        match spares {
            0 if before.consistency == "bitmap" => {
                notes.insert(Note::ComesBackFast);
            }
            0 => (),
            _ if before.state == ArrayState::ReadAuto => {
                notes.insert(Note::WaitsForWrite);
            }
            _ if before.sync == SyncState::Frozen => {
                notes.insert(Note::Frozen);
            }
            _ => (),
        }
    }
    notes.into_iter().collect()
}

/// What is lost with a block device that goes: what it is itself, not what stands on it.
fn lost_data(seen: &Inventory, device: &BlockDevice) -> Option<LostData> {
    let mut uses = seen.devices.uses(&device.name);
    uses.retain(|it| match it {
        Use::Mount { device: name, .. } | Use::Swap { device: name } => *name == device.name,
        Use::Holder { .. } => false,
    });
    let array = array_of(seen, device);
    let is_top = seen.devices.holders(&device.name).next().is_none();
    let is_volume = matches!(device.kind, BlockKind::Dm { .. });
    let has_data = || device.signatures.iter().any(|it| it.kind != MEMBER);
    let is_lost = array.is_some()
        || !uses.is_empty()
        || is_top && (is_volume || has_data() && !is_member(seen, device));
    is_lost.then(|| LostData {
        device: device.id.clone(),
        kernel_name: device.name.clone(),
        array: array.map(|it| it.name.clone()),
        content: device.content(),
        size: device.size,
        uses,
    })
}

/// Whether an array lists it.
fn is_member(seen: &Inventory, device: &BlockDevice) -> bool {
    let members = seen.arrays.iter().flat_map(|it| &it.members);
    members
        .filter(|it| is_there(it))
        .any(|it| it.kernel_name == device.name)
}

/// A superblock of an array that does not run. What an array that runs has thrown out it does not
/// miss.
fn unassembled(seen: &Inventory, device: &BlockDevice) -> Option<Unclear> {
    if is_member(seen, device) {
        return None;
    }
    let signature = device.signatures.iter().find(|it| it.kind == MEMBER)?;
    let uuid = signature.uuid.as_deref().map(colon_form);
    let runs = uuid.as_deref().is_some_and(|it| seen.by_uuid(it).is_some());
    let name = signature.label.clone().or(uuid);
    (!runs).then(|| Unclear::NotAssembled {
        device: device.id.clone(),
        array: name.unwrap_or_else(|| "an array without name".to_owned()),
    })
}

/// Arrays of which the kernel has a block device, and nothing else could be read.
fn unread(seen: &Inventory, gone: &BTreeSet<String>) -> Vec<Unclear> {
    let all = seen.devices.by_name.values();
    let unread = all.filter(|it| {
        matches!(it.kind, BlockKind::Md)
            && array_of(seen, it).is_none()
            && !gone.contains(&it.name)
            && it.slaves.iter().any(|it| gone.contains(it))
    });
    unread
        .map(|it| Unclear::NotRead {
            kernel_name: it.name.clone(),
        })
        .collect()
}
