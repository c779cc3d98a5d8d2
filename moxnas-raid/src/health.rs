//! The verdict on an array, with its reasons. Derived from facts each time, never stored.

use std::fmt;

use moxnas_core::disk::DeviceId;
use serde::{Deserialize, Serialize};

use crate::{
    geometry,
    model::{Array, ArrayState, Level, Member, Role, SyncAction, SyncState},
    shape::Consistency,
};

/// How an array is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Health {
    /// Every slot is filled.
    Optimal {
        /// How many members may fail, whichever they are.
        can_lose: u32,
    },
    /// Works with members missing.
    Degraded {
        /// How many slots are not filled.
        missing: u32,
        /// How many more members may fail, whichever they are.
        can_lose: u32,
    },
    /// Not started: nothing can be read.
    Inactive,
    /// The data is not complete.
    Failed {
        /// How many slots are not filled.
        missing: u32,
    },
    /// It cannot be judged, and is not called healthy.
    Unknown,
}

impl Health {
    /// How many members may fail without loss; `None` when that cannot be told or it is too late.
    #[must_use]
    pub fn can_lose(self) -> Option<u32> {
        match self {
            Health::Optimal { can_lose } | Health::Degraded { can_lose, .. } => Some(can_lose),
            Health::Inactive | Health::Failed { .. } | Health::Unknown => None,
        }
    }

    /// One word for lists.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Health::Optimal { .. } => "optimal",
            Health::Degraded { .. } => "degraded",
            Health::Inactive => "inactive",
            Health::Failed { .. } => "failed",
            Health::Unknown => "unknown",
        }
    }
}

/// A fact that makes an array worse than optimal, or that its owner should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum Reason {
    /// No member fills the slot.
    SlotEmpty {
        /// The slot, from 0.
        slot: u32,
    },
    /// The slot is being filled.
    SlotRecovering {
        /// The slot, from 0.
        slot: u32,
        /// By which member.
        device: DeviceId,
    },
    /// A member was thrown out.
    MemberFaulty {
        /// Which.
        device: DeviceId,
    },
    /// A member's device has left, and the array still lists it.
    MemberGone {
        /// What the kernel called it.
        kernel_name: String,
    },
    /// The kernel says that it does not work.
    Broken,
    /// The kernel counts missing members that its list of members does not explain.
    KernelCountsMore {
        /// How many the kernel says are missing.
        degraded: u32,
    },
    /// Its journal is not there: md fails all writes (`log_failed` in raid5.c).
    JournalGone,
    /// Copies or parity do not agree yet: a failure now may cost data.
    NotInSync,
    /// It is auto-read-only: what has to be filled or made to agree waits for the first write.
    WaitsForWrite,
    /// What runs in the background is held up: nothing is filled.
    Paused,
    /// Nothing can be written.
    ReadOnly,
    /// The last check found differences.
    Mismatch {
        /// How many bytes.
        bytes: u64,
    },
    /// It was not started.
    NotStarted,
    /// It has no redundancy by its level.
    NoRedundancy,
    /// Its level is not known to this program.
    UnknownLevel {
        /// The kernel's word.
        level: String,
    },
    /// The kernel's word for its state is not known to this program.
    UnknownState {
        /// The kernel's word.
        state: String,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::SlotEmpty { slot } => write!(f, "slot {slot} is empty"),
            Reason::SlotRecovering { slot, device } => {
                write!(f, "slot {slot} is being filled by {device}")
            }
            Reason::MemberFaulty { device } => write!(f, "{device} is faulty"),
            Reason::MemberGone { kernel_name } => write!(f, "the device {kernel_name} has left"),
            Reason::Broken => f.write_str("the kernel calls it broken"),
            Reason::KernelCountsMore { degraded } => {
                write!(f, "the kernel counts {degraded} members missing")
            }
            Reason::JournalGone => f.write_str("its journal is gone: nothing can be written"),
            Reason::NotInSync => {
                f.write_str("copies or parity do not agree yet, a failure now may cost data")
            }
            Reason::WaitsForWrite => {
                f.write_str("it is auto-read-only: nothing is filled before something is written")
            }
            Reason::Paused => {
                f.write_str("what runs in the background is paused: nothing is filled")
            }
            Reason::ReadOnly => f.write_str("it is read-only: nothing can be written"),
            Reason::Mismatch { bytes } => write!(f, "the last check found {bytes} bytes different"),
            Reason::NotStarted => f.write_str("it is not started"),
            Reason::NoRedundancy => f.write_str("its level has no redundancy"),
            Reason::UnknownLevel { level } => write!(f, "the level {level:?} is not known"),
            Reason::UnknownState { state } => write!(f, "the state {state:?} is not known"),
        }
    }
}

/// How the array is, and why.
#[must_use]
pub fn health(array: &Array) -> (Health, Vec<Reason>) {
    let mut reasons = reasons(array);
    if !array.state.is_started() {
        let is_container = array.level == Level::Container;
        let health = if is_container {
            Health::Optimal { can_lose: 0 }
        } else {
            Health::Inactive
        };
        if !is_container {
            reasons.insert(0, Reason::NotStarted);
        }
        return (health, reasons);
    }
    if let ArrayState::Other(state) = &array.state {
        reasons.insert(
            0,
            Reason::UnknownState {
                state: state.clone(),
            },
        );
        return (Health::Unknown, reasons);
    }
    if let Level::Other(level) = &array.level {
        reasons.insert(
            0,
            Reason::UnknownLevel {
                level: level.clone(),
            },
        );
        return (Health::Unknown, reasons);
    }

    let missing = array.missing_slots();
    let count = u32::try_from(missing.len()).unwrap_or(u32::MAX);
    let degraded = array.degraded.unwrap_or(0);
    if degraded > count {
        reasons.push(Reason::KernelCountsMore { degraded });
    }
    let can_lose = geometry::can_lose(&array.level, array.layout, array.slots, &missing);
    // Where the two counts differ, the worse one is believed.
    let unexplained = degraded.saturating_sub(count);
    let can_lose = can_lose.and_then(|it| it.checked_sub(unexplained));
    // Parity that does not agree would make up the data of a member that fails now.
    let can_lose = match geometry::has_parity(&array.level) && is_resyncing(array) {
        true => can_lose.map(|_| 0),
        false => can_lose,
    };
    let missing = count.max(degraded);
    let health = match can_lose {
        None => Health::Failed { missing },
        Some(_) if array.state == ArrayState::Broken => Health::Failed { missing },
        Some(can_lose) if missing == 0 && !lost_its_journal(array) => Health::Optimal { can_lose },
        Some(can_lose) => Health::Degraded { missing, can_lose },
    };
    (health, reasons)
}

/// What is on it can be read, but not changed.
fn lost_its_journal(array: &Array) -> bool {
    let keeps_it =
        |it: &Member| it.role == Role::Journal && !matches!(it.device, DeviceId::Gone(_));
    array.consistency == Consistency::Journal.word() && !array.members.iter().any(keeps_it)
}

/// Whether copies and parity are not known to agree: a resync runs, or waits, if only for something
/// else to end.
fn is_resyncing(array: &Array) -> bool {
    let is_due = array.resync_due && array.state.is_started();
    is_due || array.sync.action() == Some(SyncAction::Resync)
}

/// Debian has md start every array auto-read-only. A spare does not take over before the first
/// write, which an idle array may never see.
fn waits_for_write(array: &Array) -> bool {
    let is_due = match array.sync.action() {
        Some(_) => true,
        None => {
            let could_fill = |it: &Member| {
                matches!(
                    it.role,
                    Role::Spare | Role::Recovering { .. } | Role::Replacement { .. }
                )
            };
            !array.missing_slots().is_empty() && array.members.iter().any(could_fill)
        }
    };
    array.state == ArrayState::ReadAuto && is_due
}

fn reasons(array: &Array) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if array.state == ArrayState::Broken {
        reasons.push(Reason::Broken);
    }
    for member in &array.members {
        if let DeviceId::Gone(kernel_name) = &member.device {
            reasons.push(Reason::MemberGone {
                kernel_name: kernel_name.clone(),
            });
        } else if member.role == Role::Faulty {
            reasons.push(Reason::MemberFaulty {
                device: member.device.clone(),
            });
        }
    }
    if array.state.is_started() {
        let filling = |slot: u32| {
            let fills = |it: &&Member| it.role == Role::Recovering { slot };
            array.members.iter().find(fills).map(|it| it.device.clone())
        };
        reasons.extend(
            array
                .missing_slots()
                .into_iter()
                .map(|slot| match filling(slot) {
                    Some(device) => Reason::SlotRecovering { slot, device },
                    None => Reason::SlotEmpty { slot },
                }),
        );
    }
    if lost_its_journal(array) {
        reasons.push(Reason::JournalGone);
    }
    if is_resyncing(array) {
        reasons.push(Reason::NotInSync);
    }
    if waits_for_write(array) {
        reasons.push(Reason::WaitsForWrite);
    }
    if array.sync == SyncState::Frozen {
        reasons.push(Reason::Paused);
    }
    if array.state == ArrayState::ReadOnly {
        reasons.push(Reason::ReadOnly);
    }
    if let Some(bytes) = array.mismatch.filter(|it| it.0 > 0) {
        reasons.push(Reason::Mismatch { bytes: bytes.0 });
    }
    if array.state.is_started() && matches!(array.level, Level::Raid0 | Level::Linear) {
        reasons.push(Reason::NoRedundancy);
    }
    reasons
}
