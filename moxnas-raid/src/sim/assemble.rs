//! Putting arrays together from what their members remember, as mdadm and udev's rules do.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use moxnas_core::{disk::DeviceId, sim::SimState};

use super::{
    SuperRole, Superblock,
    kernel::Kernel,
    live::{Live, LiveMember},
};
use crate::{backend::BackendError, model::Role};

/// How long udev's rule waits for missing members: mdadm-last-resort@.timer.
const LAST_RESORT: Duration = Duration::from_secs(30);

/// A device with a superblock.
struct Found {
    kernel_name: String,
    device: DeviceId,
    superblock: Superblock,
}

impl Kernel {
    /// The machine came up: everything that has a superblock is offered to md.
    pub(super) fn come_up(&mut self, state: &mut SimState, now: SystemTime) {
        let mut by_array: BTreeMap<String, Vec<Found>> = BTreeMap::new();
        for found in self.unheld(state) {
            by_array
                .entry(found.superblock.uuid.clone())
                .or_default()
                .push(found);
        }
        for found in by_array.into_values() {
            self.put_together(found, state, now);
        }
    }

    /// A disk appeared: a member of an array that waits for it joins; of a stopped one, the array
    /// begins to wait for the others. A running array takes spares, but no old member back: it is
    /// probably missing because it failed (Incremental.c).
    pub(super) fn device_came(&mut self, name: &str, state: &mut SimState, now: SystemTime) {
        let id = state.id_of(name);
        let contents = id.and_then(|it| state.contents.get(&it.to_string()));
        if contents.is_none_or(|it| it.superblock.is_none()) {
            return;
        }
        let found: Vec<Found> = self
            .unheld(state)
            .into_iter()
            .filter(|it| it.kernel_name == name)
            .collect();
        for it in found {
            let uuid = it.superblock.uuid.clone();
            let same = self
                .arrays
                .iter()
                .find(|(_, live)| live.superblock.uuid == uuid);
            match same.map(|(name, live)| (name.clone(), live.started)) {
                Some((running, true)) => {
                    if it.superblock.role == SuperRole::Spare
                        && let Some(live) = self.arrays.get_mut(&running)
                    {
                        live.add_member(it.kernel_name, it.device, state);
                    }
                    continue;
                }
                Some((waiting, false)) => {
                    self.arrays.remove(&waiting);
                }
                None => (),
            }
            let all = self
                .unheld(state)
                .into_iter()
                .filter(|it| it.superblock.uuid == uuid);
            self.put_together(all.collect(), state, now);
        }
    }

    /// `mdadm --assemble` with the devices named: starts if all that were active are there.
    pub(super) fn assemble(
        &mut self,
        uuid: &str,
        name: &str,
        members: &[DeviceId],
        state: &mut SimState,
    ) -> Result<(), BackendError> {
        let mut found = self.unheld(state);
        found.retain(|it| it.superblock.uuid == uuid && members.contains(&it.device));
        let failed = |why: &str| Err(BackendError::Injected(format!("{name}: {why}")));
        if found.is_empty() {
            return failed("no recogniseable superblock");
        }
        let mut live = joined(found);
        live.name = name.to_owned();
        let is_whole = has_all_that_were_active(&live);
        if !is_whole || !live.start(state) {
            return failed("not enough devices to start the array");
        }
        self.arrays.insert(self.free_name(), live);
        Ok(())
    }

    fn put_together(&mut self, found: Vec<Found>, state: &mut SimState, now: SystemTime) {
        if found.is_empty() {
            return;
        }
        let mut live = joined(found);
        if !has_all_that_were_active(&live) || !live.start(state) {
            live.start_at = Some(now + LAST_RESORT);
        }
        self.arrays.insert(self.free_name(), live);
    }

    /// The devices with a superblock that no array holds.
    fn unheld(&self, state: &SimState) -> Vec<Found> {
        let held: BTreeSet<&str> = self
            .arrays
            .values()
            .flat_map(|it| it.members.iter().map(|it| it.kernel_name.as_str()))
            .collect();
        let devices = state.block_devices();
        let found = devices
            .by_name
            .values()
            .filter(|it| !held.contains(it.name.as_str()));
        found
            .filter_map(|it| {
                let superblock = state.contents_of(&it.id).superblock?;
                Some(Found {
                    kernel_name: it.name.clone(),
                    device: it.id.clone(),
                    superblock: serde_json::from_value(superblock).ok()?,
                })
            })
            .collect()
    }
}

/// The array as its freshest member has it. Members that missed something are left out, unless
/// another one has their slot by now: then they come back as spares.
fn joined(mut found: Vec<Found>) -> Live {
    let newest = found
        .iter()
        .map(|it| it.superblock.events)
        .max()
        .unwrap_or(0);
    let template = found.iter().find(|it| it.superblock.events == newest);
    let superblock = template.expect("found is not empty").superblock.clone();
    let mut members: Vec<LiveMember> = Vec::new();
    found.sort_by_key(|it| Reverse(it.superblock.events));
    for it in found {
        // One change may have been on its way to the members when power was cut.
        let is_old = it.superblock.events + 1 < newest;
        // A replacement shares the slot with the member that it is to replace.
        let holds = |slot: u32| {
            members.iter().any(|it: &LiveMember| {
                it.slot() == Some(slot) && !matches!(it.role, Role::Replacement { .. })
            })
        };
        let role = match it.superblock.role {
            SuperRole::Spare => Role::Spare,
            SuperRole::Journal if is_old => continue,
            SuperRole::Journal => Role::Journal,
            SuperRole::Active(slot) | SuperRole::Recovering(slot) if holds(slot) => Role::Spare,
            // The fresher ones know of a member that was thrown out, which itself does not.
            SuperRole::Active(slot) if is_old || !superblock.in_sync.contains(&slot) => continue,
            SuperRole::Active(slot) => Role::Active { slot },
            _ if is_old => continue,
            SuperRole::Recovering(slot) => Role::Recovering { slot },
            SuperRole::Replacement(slot) => Role::Replacement { slot },
        };
        members.push(LiveMember {
            write_mostly: it.superblock.write_mostly,
            ..LiveMember::new(it.kernel_name, it.device, role)
        });
    }
    Live::new(superblock, members)
}

fn has_all_that_were_active(live: &Live) -> bool {
    let here: BTreeSet<u32> = live
        .members
        .iter()
        .filter_map(|it| match it.role {
            Role::Active { slot } => Some(slot),
            _ => None,
        })
        .collect();
    live.superblock.in_sync.is_subset(&here)
}
