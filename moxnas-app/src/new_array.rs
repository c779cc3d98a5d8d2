//! A device that is not there yet: plans that go on with the array that they make.
//!
//! A new array gets its UUID, and by it the id of its device, when it is made. Until then a device
//! stands for it that no machine can have.

use std::fmt;

use moxnas_core::{
    disk::{BlockDevice, BlockKind, DeviceId, Signature},
    units::Bytes,
};
use moxnas_pool::plan::Step;
use moxnas_raid::{CreateArray, Inventory, plan::made};
use serde::Serialize;

/// A step of pools on the array that an earlier step of the same plan makes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OnNewArray {
    /// The array, as it is to be made.
    pub array: CreateArray,
    /// The step, on the [`device`] that stands for it.
    pub step: Step,
}

/// The array that was to be made is not what is there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotThatArray {
    /// It is not there.
    #[error("there is no array {0}")]
    Gone(String),
    /// An array of its name is of another level, shape or other members.
    #[error("the array {0} is another one than that which was made")]
    Another(String),
    /// It has no name that stays.
    #[error("the device of array {0} has no name that stays the same")]
    Unidentified(String),
}

impl NotThatArray {
    /// What would help.
    #[must_use]
    pub fn hint(&self) -> String {
        "somebody has changed the arrays meanwhile: `moxnas array list` shows them".to_owned()
    }
}

impl OnNewArray {
    /// The step on the array that is there by now, if it is the one that was to be made: of its name,
    /// its level and just its devices.
    pub fn resolve(&self, seen: &Inventory) -> Result<Step, NotThatArray> {
        let name = || self.array.name.to_string();
        let array = made(seen, &self.array).ok_or_else(|| {
            let is_there = seen.find(self.array.name.as_str()).is_some();
            match is_there {
                true => NotThatArray::Another(name()),
                false => NotThatArray::Gone(name()),
            }
        })?;
        match seen.devices.get(&array.kernel_name).map(|it| &it.id) {
            Some(id @ DeviceId::Md(_)) => Ok(self.step.clone().on(id.clone())),
            _ => Err(NotThatArray::Unidentified(name())),
        }
    }
}

impl fmt::Display for OnNewArray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.step.to_string();
        let name = format!("the new array {}", self.array.name);
        f.write_str(&text.replace(&id().to_string(), &name))
    }
}

/// The id that stands for that of an array which is not there. No link of udev has such a name.
#[must_use]
pub fn id() -> DeviceId {
    DeviceId::Md("(of the new array)".to_owned())
}

/// What stands for the device of an array which is not there. What is on it nobody knows: where its
/// members were in such an array before, all comes back that was not at their beginnings and ends.
#[must_use]
pub fn device(size: Bytes) -> BlockDevice {
    BlockDevice {
        name: "(the new array)".to_owned(),
        id: id(),
        aliases: Vec::new(),
        number: (0, 0),
        size,
        read_only: false,
        kind: BlockKind::Md,
        slaves: Vec::new(),
        signatures: vec![Signature::unknown()],
        mounts: Vec::new(),
        swap: false,
    }
}
