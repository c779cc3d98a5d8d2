//! The steps of a plan: small, closed, and complete in themselves.

use std::fmt;

use moxnas_core::{
    disk::DeviceId,
    names::{ArrayName, SpareGroup},
};
use serde::{Deserialize, Serialize};

use super::SpeedWish;
use crate::{
    growth::Grow,
    initramfs::KernelRelease,
    model::Array,
    shape::{Consistency, Shape},
};

/// An array that exists. A backend refuses when the kernel name belongs to another one by now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrayRef {
    /// Who it is.
    pub uuid: String,
    /// What the kernel called it when the plan was made.
    pub kernel_name: String,
    /// What people call it.
    pub name: String,
}

impl ArrayRef {
    /// The array, which must have a UUID.
    pub(super) fn of(array: &Array) -> ArrayRef {
        ArrayRef {
            uuid: array.uuid.clone().unwrap_or_default(),
            kernel_name: array.kernel_name.clone(),
            name: array.name.clone(),
        }
    }
}

/// What to do about differences between copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scrub {
    /// Read all and count them.
    Check,
    /// Read all and make them agree.
    Repair,
    /// Stop doing either.
    Idle,
}

impl fmt::Display for Scrub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Scrub::Check => "check",
            Scrub::Repair => "repair",
            Scrub::Idle => "idle",
        })
    }
}

/// An array that is to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewArray {
    /// Its name.
    pub name: ArrayName,
    /// How it is made of its members.
    pub shape: Shape,
    /// Devices in the order of their slots.
    pub members: Vec<DeviceId>,
    /// How many of them, counted from the last, are read only when nothing else can be.
    pub write_mostly: usize,
    /// Devices that wait.
    pub spares: Vec<DeviceId>,
    /// The device that the journal is kept on.
    pub journal: Option<DeviceId>,
    /// Copies and parity are taken to agree.
    pub assume_clean: bool,
}

impl NewArray {
    /// All its devices: members, spares, journal.
    pub fn devices(&self) -> impl Iterator<Item = &DeviceId> {
        let listed = self.members.iter().chain(&self.spares);
        listed.chain(&self.journal)
    }

    /// The place of the first member that is read only when nothing else can be.
    #[must_use]
    pub fn first_write_mostly(&self) -> usize {
        self.members.len().saturating_sub(self.write_mostly)
    }
}

/// One thing that a backend can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum Step {
    /// Erase every signature on a device.
    WipeSignatures {
        /// The device.
        device: DeviceId,
    },
    /// Make an array and start it.
    Create(NewArray),
    /// Give a device to an array. It fills an empty slot at once, or waits.
    Add {
        /// The array.
        array: ArrayRef,
        /// The device.
        device: DeviceId,
    },
    /// Give an array a member back that it had: md fills what changed meanwhile.
    ReAdd {
        /// The array.
        array: ArrayRef,
        /// The device.
        device: DeviceId,
    },
    /// Make more of an array, or move its data to another shape.
    Grow {
        /// The array.
        array: ArrayRef,
        /// What is to be different.
        grow: Grow,
        /// How many members it has then, if another level needs more.
        slots: Option<u32>,
        /// The devices that an array without redundancy is given as it grows.
        add: Vec<DeviceId>,
    },
    /// Let nothing be written any more, or again.
    SetReadOnly {
        /// The array.
        array: ArrayRef,
        /// Which.
        read_only: bool,
    },
    /// Hold up all that runs in the background, or let it go on.
    SetPaused {
        /// The array.
        array: ArrayRef,
        /// Which.
        paused: bool,
    },
    /// Give an array a bitmap, or take it or the partial parity log away.
    SetConsistency {
        /// The array.
        array: ArrayRef,
        /// What it has.
        was: Consistency,
        /// [`Consistency::Bitmap`] or [`Consistency::Resync`].
        consistency: Consistency,
    },
    /// Bound what runs in the background.
    SetSpeed {
        /// The array.
        array: ArrayRef,
        /// The lower bound; `None`: as it is.
        min: Option<SpeedWish>,
        /// The upper bound; `None`: as it is.
        max: Option<SpeedWish>,
    },
    /// Let an array share spares with others.
    SetSpareGroup {
        /// The array.
        array: ArrayRef,
        /// The group; `None`: none.
        group: Option<SpareGroup>,
    },
    /// Mark a member as faulty.
    Fail {
        /// The array.
        array: ArrayRef,
        /// The member.
        device: DeviceId,
    },
    /// Take a faulty member or a spare off the list.
    Remove {
        /// The array.
        array: ArrayRef,
        /// The member.
        device: DeviceId,
    },
    /// Fill a spare with what a member has, then let it take the slot.
    Replace {
        /// The array.
        array: ArrayRef,
        /// The member.
        device: DeviceId,
        /// The spare.
        with: DeviceId,
    },
    /// Begin or end reading all of an array.
    Scrub {
        /// The array.
        array: ArrayRef,
        /// What to do.
        scrub: Scrub,
    },
    /// Stop an array.
    Stop {
        /// The array.
        array: ArrayRef,
    },
    /// Start an array that has all its members listed and was not started.
    Start {
        /// The array.
        array: ArrayRef,
    },
    /// Put an array together from its members and start it.
    Assemble {
        /// Who it is.
        uuid: String,
        /// What it will be called below `/dev/md`.
        name: String,
        /// Its members.
        members: Vec<DeviceId>,
    },
    /// Make a device forget that it was a member.
    ZeroSuperblock {
        /// The device.
        device: DeviceId,
    },
    /// Name an array in mdadm.conf, so that it comes back under its name.
    Record {
        /// The array.
        name: ArrayName,
    },
    /// Take an array out of the block that MoxNAS keeps in mdadm.conf.
    Forget {
        /// Who it is.
        uuid: String,
    },
    /// Make the image again that a kernel starts with, with the mdadm.conf of now.
    UpdateInitramfs {
        /// The kernel.
        kernel: KernelRelease,
    },
}

impl Step {
    /// The array that has to be there for it.
    #[must_use]
    pub fn array(&self) -> Option<&ArrayRef> {
        match self {
            Step::Add { array, .. }
            | Step::ReAdd { array, .. }
            | Step::Grow { array, .. }
            | Step::SetReadOnly { array, .. }
            | Step::SetPaused { array, .. }
            | Step::SetConsistency { array, .. }
            | Step::SetSpeed { array, .. }
            | Step::SetSpareGroup { array, .. }
            | Step::Fail { array, .. }
            | Step::Remove { array, .. }
            | Step::Replace { array, .. }
            | Step::Scrub { array, .. }
            | Step::Stop { array }
            | Step::Start { array } => Some(array),
            Step::WipeSignatures { .. }
            | Step::Create(_)
            | Step::Assemble { .. }
            | Step::ZeroSuperblock { .. }
            | Step::Record { .. }
            | Step::Forget { .. }
            | Step::UpdateInitramfs { .. } => None,
        }
    }

    /// The device whose data the step destroys.
    #[must_use]
    pub fn destroys(&self) -> Vec<&DeviceId> {
        match self {
            Step::WipeSignatures { device } | Step::ZeroSuperblock { device } => vec![device],
            Step::Add { device, .. } => vec![device],
            Step::Create(new) => new.devices().collect(),
            Step::Grow { add, .. } => add.iter().collect(),
            Step::ReAdd { .. }
            | Step::SetReadOnly { .. }
            | Step::SetPaused { .. }
            | Step::SetConsistency { .. }
            | Step::SetSpeed { .. }
            | Step::SetSpareGroup { .. }
            | Step::Fail { .. }
            | Step::Remove { .. }
            | Step::Replace { .. }
            | Step::Scrub { .. }
            | Step::Stop { .. }
            | Step::Start { .. }
            | Step::Assemble { .. }
            | Step::Record { .. }
            | Step::Forget { .. }
            | Step::UpdateInitramfs { .. } => Vec::new(),
        }
    }

    /// All devices that the step touches.
    #[must_use]
    pub fn touches(&self) -> Vec<&DeviceId> {
        match self {
            Step::WipeSignatures { device }
            | Step::ZeroSuperblock { device }
            | Step::Add { device, .. }
            | Step::ReAdd { device, .. }
            | Step::Fail { device, .. }
            | Step::Remove { device, .. } => vec![device],
            Step::Replace { device, with, .. } => vec![device, with],
            Step::Create(_) | Step::Grow { .. } => self.destroys(),
            Step::SetReadOnly { .. }
            | Step::SetPaused { .. }
            | Step::SetConsistency { .. }
            | Step::SetSpeed { .. }
            | Step::SetSpareGroup { .. } => Vec::new(),
            Step::Assemble { members, .. } => members.iter().collect(),
            Step::Scrub { .. }
            | Step::Stop { .. }
            | Step::Start { .. }
            | Step::Record { .. }
            | Step::Forget { .. }
            | Step::UpdateInitramfs { .. } => Vec::new(),
        }
    }

    /// Whether another step can undo it without loss.
    #[must_use]
    pub fn is_reversible(&self) -> bool {
        self.destroys().is_empty() && !matches!(self, Step::Fail { .. } | Step::Grow { .. })
    }
}

/// What it does, for plans that are shown.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::WipeSignatures { device } => write!(f, "erase all signatures on {device}"),
            Step::Create(new) => write!(f, "create {new}"),
            Step::Add { array, device } => write!(f, "add {device} to {}", array.name),
            Step::ReAdd { array, device } => write!(f, "take {device} back into {}", array.name),
            Step::Grow { array, grow, .. } => write!(f, "grow {} {grow}", array.name),
            Step::SetReadOnly { array, read_only } => match read_only {
                true => write!(f, "make {} read-only", array.name),
                false => write!(f, "let {} be written", array.name),
            },
            Step::SetPaused { array, paused } => match paused {
                true => write!(f, "hold up what runs on {} in the background", array.name),
                false => write!(f, "let what runs on {} in the background go on", array.name),
            },
            Step::SetConsistency {
                array, consistency, ..
            } => {
                write!(
                    f,
                    "have {} healed by {} after an unclean stop",
                    array.name,
                    consistency.word()
                )
            }
            Step::SetSpeed { array, min, max } => {
                write!(f, "limit what runs on {} in the background", array.name)?;
                let mut limit = |word: &str, wish: &Option<SpeedWish>| match wish {
                    None => Ok(()),
                    Some(SpeedWish::Own(it)) => write!(f, ", {word} {it}/s"),
                    Some(SpeedWish::OfAll) => write!(f, ", {word} as for all arrays"),
                };
                limit("at least", min)?;
                limit("at most", max)
            }
            Step::SetSpareGroup { array, group } => match group {
                Some(group) => write!(f, "put {} into the spare group {group}", array.name),
                None => write!(f, "take {} out of its spare group", array.name),
            },
            Step::Fail { array, device } => write!(f, "mark {device} as faulty in {}", array.name),
            Step::Remove { array, device } => write!(f, "remove {device} from {}", array.name),
            Step::Replace {
                array,
                device,
                with,
            } => {
                write!(f, "replace {device} in {} with {with}", array.name)
            }
            Step::Scrub {
                array,
                scrub: Scrub::Idle,
            } => write!(f, "end the scrub of {}", array.name),
            Step::Scrub { array, scrub } => write!(f, "start a {scrub} of {}", array.name),
            Step::Stop { array } => write!(f, "stop {}", array.name),
            Step::Start { array } => write!(f, "start {} with the members it has", array.name),
            Step::Assemble { name, members, .. } => {
                write!(f, "assemble {name} from {} devices", members.len())
            }
            Step::ZeroSuperblock { device } => write!(f, "erase the md superblock on {device}"),
            Step::Record { name } => write!(f, "name {name} in mdadm.conf"),
            Step::Forget { uuid } => write!(f, "take array {uuid} out of mdadm.conf"),
            Step::UpdateInitramfs { kernel } => {
                write!(f, "make the initramfs of kernel {kernel} again")
            }
        }
    }
}

impl fmt::Display for NewArray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (level, devices) = (&self.shape.level, self.members.len());
        write!(f, "{level} array {} of {devices} devices", self.name)?;
        if let Some(layout) = self.shape.layout {
            write!(f, " in the layout {layout}")?;
        }
        if !self.spares.is_empty() {
            write!(f, " and {} spares", self.spares.len())?;
        }
        match &self.journal {
            Some(journal) => write!(f, " with its journal on {journal}"),
            None => Ok(()),
        }
    }
}
