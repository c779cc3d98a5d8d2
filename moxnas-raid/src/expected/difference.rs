//! What is not as it should be, in words, and what to do about it.

use std::fmt;

use moxnas_core::disk::DeviceId;
use serde::{Deserialize, Serialize};

use crate::model::Level;

/// Something about an array is not as somebody has agreed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Who the array is.
    pub uuid: Option<String>,
    /// Its name: the one it has, and that of a missing array is the one it should have.
    pub array: String,
    /// What is different.
    pub what: What,
}

/// What is different.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum What {
    /// The array is not assembled.
    ArrayMissing {
        /// The devices that are there and carry a part of it.
        present: Vec<DeviceId>,
        /// The devices that are there and carry no part of it any more.
        without: Vec<DeviceId>,
        /// The devices that are not there.
        absent: Vec<DeviceId>,
        /// Where it should be mounted.
        mounts: Vec<String>,
    },
    /// A member, or the journal, is not in the array.
    MemberMissing {
        /// The member.
        device: DeviceId,
        /// Where it is.
        whereabouts: Whereabouts,
        /// What is in its place.
        replaced_by: Option<DeviceId>,
    },
    /// Too few devices wait.
    FewerSpares {
        /// How many should.
        expected: u32,
        /// How many do.
        present: u32,
        /// Spares that are not in the array.
        missing: Vec<DeviceId>,
    },
    /// It was not whole when the machine was started, and still is not.
    DegradedAtBoot,
    /// Nobody has agreed to the array.
    Foreign {
        /// The machine that it says it belongs to, where that is another one.
        home: Option<String>,
    },
    /// The array has another name.
    Renamed {
        /// The name it should have.
        expected: String,
    },
    /// The array has another level, or another number of slots.
    Reshaped {
        /// The level it should have.
        expected_level: Level,
        /// How many members it should have.
        expected_slots: u32,
        /// The level it has.
        level: Level,
        /// How many members it has.
        slots: u32,
    },
    /// A device is in the array beside those that should be.
    MemberUnexpected {
        /// The device.
        device: DeviceId,
    },
    /// The array, or what stands on it, is not mounted where it should be.
    MountMissing {
        /// Where.
        at: String,
    },
    /// The array, or what stands on it, is mounted where nobody has agreed to.
    MountUnexpected {
        /// Where.
        at: String,
    },
}

/// Where a device is that should be in an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whereabouts {
    /// Not in the machine.
    Absent,
    /// In the array, which has thrown it out.
    Faulty,
    /// In the machine, and not in the array.
    Outside,
}

impl Difference {
    /// Whether something is lost or may soon be. The rest is for somebody to agree to.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        match self.what {
            What::ArrayMissing { .. }
            | What::MemberMissing { .. }
            | What::FewerSpares { .. }
            | What::DegradedAtBoot
            | What::MountMissing { .. } => true,
            What::Foreign { .. }
            | What::Renamed { .. }
            | What::Reshaped { .. }
            | What::MemberUnexpected { .. }
            | What::MountUnexpected { .. } => false,
        }
    }

    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.what {
            What::ArrayMissing { .. } => "array_missing",
            What::MemberMissing { .. } => "member_missing",
            What::FewerSpares { .. } => "fewer_spares",
            What::DegradedAtBoot => "degraded_at_boot",
            What::Foreign { .. } => "foreign_array",
            What::Renamed { .. } => "renamed",
            What::Reshaped { .. } => "reshaped",
            What::MemberUnexpected { .. } => "member_unexpected",
            What::MountMissing { .. } => "mount_missing",
            What::MountUnexpected { .. } => "mount_unexpected",
        }
    }

    /// What to do about it, if it is not to be agreed to.
    #[must_use]
    pub fn remedy(&self) -> String {
        let name = &self.array;
        let unless = format!("; if that is meant, `moxnas array accept {name}`");
        let first = match &self.what {
            What::ArrayMissing {
                present, absent, ..
            } => match (present.is_empty(), absent.is_empty()) {
                (true, true) => "restore it from a backup".to_owned(),
                (true, false) => "put its disks in".to_owned(),
                (false, true) => format!("`moxnas array assemble {name}` starts it"),
                (false, false) => format!(
                    "put the others in, or start it with what is there: \
                     `moxnas array assemble {name}`"
                ),
            },
            What::MemberMissing {
                replaced_by: Some(_),
                ..
            } => "look whether the new member is the right one".to_owned(),
            What::MemberMissing {
                device,
                whereabouts,
                ..
            } => match whereabouts {
                Whereabouts::Absent => {
                    format!("put it in again, or another disk: `moxnas array add {name} DEVICE`")
                }
                Whereabouts::Faulty => {
                    format!("`moxnas array replace {name} {device} --with DEVICE`")
                }
                Whereabouts::Outside => format!("`moxnas array add {name} {device}`"),
            },
            What::FewerSpares { .. } => format!("`moxnas array add {name} DEVICE`"),
            What::DegradedAtBoot => {
                format!("`moxnas array show {name}` says what it lacks; give it that")
            }
            What::Foreign { .. } | What::MountUnexpected { .. } => {
                return format!("`moxnas array accept {name}`, or take it away");
            }
            What::Renamed { expected } => format!(
                "stop it and assemble it again, it is to be called {expected} in mdadm.conf"
            ),
            What::Reshaped { .. } | What::MemberUnexpected { .. } => {
                return format!("look who has changed it{unless}");
            }
            What::MountMissing { at } => format!("mount it: `mount {at}`"),
        };
        first + &unless
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.array;
        match &self.what {
            What::ArrayMissing {
                present,
                without,
                absent,
                mounts,
            } => {
                write!(f, "array {name} is not there: ")?;
                let mut parts = Vec::new();
                let mut add = |devices: &[DeviceId], what: &str| {
                    if !devices.is_empty() {
                        parts.push(format!("{what} {}", listed(devices)));
                    }
                };
                add(present, "of its devices there are");
                add(without, "no part of it any more is on");
                add(absent, "the machine has no");
                if parts.is_empty() {
                    parts.push("none of its devices is known".to_owned());
                }
                f.write_str(&parts.join("; "))?;
                match mounts.is_empty() {
                    true => Ok(()),
                    false => write!(f, "; so nothing is at {}", mounts.join(", ")),
                }
            }
            What::MemberMissing {
                device,
                whereabouts,
                replaced_by,
            } => {
                write!(f, "member {device} of array {name} ")?;
                f.write_str(match whereabouts {
                    Whereabouts::Absent => "is not in the machine",
                    Whereabouts::Faulty => "was thrown out as faulty",
                    Whereabouts::Outside => "is in the machine and not in the array",
                })?;
                match replaced_by {
                    Some(other) => write!(f, ", in its place is {other}"),
                    None => Ok(()),
                }
            }
            What::FewerSpares {
                expected,
                present,
                missing,
            } => {
                write!(
                    f,
                    "array {name} should have {expected} spares and has {present}"
                )?;
                match missing.is_empty() {
                    true => f.write_str(": one has taken a slot"),
                    false => write!(f, ": {} left", listed(missing)),
                }
            }
            What::DegradedAtBoot => {
                write!(
                    f,
                    "array {name} was not whole when the machine was started, nor is it now"
                )
            }
            What::Foreign { home: Some(home) } => write!(
                f,
                "array {name} carries the name of the machine {home}, and nobody has accepted it"
            ),
            What::Foreign { home: None } => write!(
                f,
                "nobody has accepted array {name}: MoxNAS did not make it, or not to its end"
            ),
            What::Renamed { expected } => write!(f, "array {expected} is called {name} now"),
            What::Reshaped {
                expected_level,
                expected_slots,
                level,
                slots,
            } => write!(
                f,
                "array {name} should be {expected_level} of {expected_slots} members \
                 and is {level} of {slots}"
            ),
            What::MemberUnexpected { device } => {
                write!(f, "{device} is in array {name}, and nobody has accepted it")
            }
            What::MountMissing { at } => write!(f, "array {name} is not mounted at {at}"),
            What::MountUnexpected { at } => {
                write!(
                    f,
                    "array {name} is mounted at {at}, and nobody has accepted that"
                )
            }
        }
    }
}

fn listed(devices: &[DeviceId]) -> String {
    let words: Vec<String> = devices.iter().map(ToString::to_string).collect();
    words.join(", ")
}
