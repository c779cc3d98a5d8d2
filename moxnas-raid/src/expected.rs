//! What arrays should be there, held against what is there. Pure.
//!
//! An expectation is what somebody has agreed to; it says nothing of what is. Members are remembered
//! by their stable ids, and by any other name that the same device has. A member without anything
//! stable to call it by cannot be remembered.

mod compare;
mod difference;
mod follow;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use moxnas_core::{
    disk::{BlockDevice, DeviceId, Signature, Use},
    names::SNAPSHOT_FOLDER,
};
use serde::{Deserialize, Serialize};

pub use compare::compare;
pub use difference::{Difference, What, Whereabouts};
pub use follow::follow;

use crate::{
    model::{Array, Inventory, Level, Role},
    plan::{MEMBER, colon_form},
};

/// An array that should be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectedArray {
    /// Who it is.
    pub uuid: String,
    /// Its name below `/dev/md`.
    pub name: String,
    /// How data is spread over its members.
    pub level: Level,
    /// How many members it should have, spares not counted. 0 for an array that was not started
    /// when it was agreed to, of which neither this nor the level is known.
    pub slots: u32,
    /// The devices that fill its slots.
    pub members: BTreeSet<DeviceId>,
    /// The devices that wait. Which of all these waits is the kernel's choice, so only their number
    /// is held against what is there.
    pub spares: BTreeSet<DeviceId>,
    /// The device that its journal is kept on.
    pub journal: Option<DeviceId>,
    /// Where it is mounted: it, or what stands on it.
    pub mounts: BTreeSet<String>,
    /// Whether it was not whole when it was first seen after the machine was last started.
    pub degraded_at_boot: bool,
}

impl ExpectedArray {
    /// The array as it is. `None` for one without a UUID, which nobody could tell from another.
    #[must_use]
    pub fn of(array: &Array, seen: &Inventory) -> Option<ExpectedArray> {
        let started = array.state.is_started();
        let mut expected = ExpectedArray {
            uuid: array.uuid.clone()?,
            name: array.name.clone(),
            level: array.level.clone(),
            slots: if started { array.slots } else { 0 },
            members: BTreeSet::new(),
            spares: BTreeSet::new(),
            journal: None,
            mounts: mounts(array, seen),
            degraded_at_boot: false,
        };
        for (device, place) in places(array) {
            expected.put(device, place);
        }
        expected.fill_slots();
        Some(expected)
    }

    /// All arrays as they are.
    #[must_use]
    pub fn all_of(seen: &Inventory) -> Vec<ExpectedArray> {
        let all = seen.arrays.iter();
        all.filter_map(|it| ExpectedArray::of(it, seen)).collect()
    }

    /// All its devices.
    pub fn devices(&self) -> impl Iterator<Item = &DeviceId> {
        let listed = self.members.iter().chain(&self.spares);
        listed.chain(&self.journal)
    }

    fn put(&mut self, device: DeviceId, place: Place) {
        match place {
            Place::Slot => {
                self.members.insert(device);
            }
            Place::Spare => {
                self.spares.insert(device);
            }
            Place::Journal => self.journal = Some(device),
        }
    }

    fn take_out(&mut self, device: &DeviceId) {
        self.members.remove(device);
        self.spares.remove(device);
        if self.journal.as_ref() == Some(device) {
            self.journal = None;
        }
    }

    /// A spare does not stay one while there is a slot for it: md lets it wait for a moment only.
    fn fill_slots(&mut self) {
        let slots = usize::try_from(self.slots).unwrap_or(usize::MAX);
        while self.members.len() < slots
            && let Some(spare) = self.spares.pop_first()
        {
            self.members.insert(spare);
        }
    }
}

/// What a device does for an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Slot,
    Spare,
    Journal,
}

/// What the array has, and is to keep: a member that failed, or is being replaced, is on its way
/// out.
fn places(array: &Array) -> Vec<(DeviceId, Place)> {
    let started = array.state.is_started();
    let is_replaced = |role: Role| match role {
        Role::Active { slot } => array
            .members
            .iter()
            .any(|it| it.role == Role::Replacement { slot }),
        _ => false,
    };
    let stay = array
        .members
        .iter()
        .filter(|it| it.device.is_stable() && !is_replaced(it.role));
    stay.filter_map(|it| {
        let place = match it.role {
            Role::Faulty => return None,
            // What is in an array that is not started has no role yet.
            Role::Spare if started => Place::Spare,
            Role::Journal => Place::Journal,
            Role::Spare
            | Role::Active { .. }
            | Role::Recovering { .. }
            | Role::Replacement { .. } => Place::Slot,
        };
        Some((it.device.clone(), place))
    })
    .collect()
}

/// Whoever looks into a snapshot has it mounted until the machine is started anew: nobody expects it then.
fn mounts(array: &Array, seen: &Inventory) -> BTreeSet<String> {
    let uses = seen.devices.uses(&array.kernel_name);
    let is_snapshot = |at: &str| at.split('/').any(|it| it == SNAPSHOT_FOLDER);
    let mounted = uses.into_iter().filter_map(|it| match it {
        Use::Mount { at, .. } => Some(at).filter(|at| !is_snapshot(at)),
        Use::Swap { .. } | Use::Holder { .. } => None,
    });
    mounted.collect()
}

/// The devices by all their stable names: udev may prefer another of them by now.
struct Named<'a> {
    by_id: BTreeMap<&'a DeviceId, &'a BlockDevice>,
    by_alias: BTreeMap<&'a str, &'a BlockDevice>,
}

impl<'a> Named<'a> {
    fn of(seen: &'a Inventory) -> Named<'a> {
        let all = || seen.devices.by_name.values();
        let aliases = all().flat_map(|it| it.aliases.iter().map(move |alias| (&**alias, it)));
        Named {
            by_id: all().map(|it| (&it.id, it)).collect(),
            by_alias: aliases.collect(),
        }
    }

    /// The device that is remembered by an id.
    fn find(&self, id: &DeviceId) -> Option<&'a BlockDevice> {
        let by_id = self.by_id.get(id).copied();
        by_id.or_else(|| self.by_alias.get(&*id.to_string()).copied())
    }

    /// The id that a device has now, or had.
    fn current(&self, id: &DeviceId) -> DeviceId {
        self.find(id).map_or_else(|| id.clone(), |it| it.id.clone())
    }
}

/// Whether the device says that it is a member of the array.
fn carries(device: &BlockDevice, uuid: &str) -> bool {
    let is_its = |it: &Signature| {
        let of = it.uuid.as_deref().map(colon_form);
        it.kind == MEMBER && of.as_deref() == Some(uuid)
    };
    device.signatures.iter().any(is_its)
}
