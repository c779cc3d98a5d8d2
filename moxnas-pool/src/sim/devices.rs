//! Several devices of one filesystem of a machine that is not there.

use std::collections::BTreeSet;

use moxnas_core::{
    disk::{BlockDevice, DeviceId},
    sim::SimState,
    units::Bytes,
};

use super::{
    SimPools, check_folder, failed, new_uuid,
    spread::{Known, Spread, blank, member_on, sign},
};
use crate::{
    backend::BackendError,
    devices::{DevicesStep, Profile},
    lvm::Kind,
    model::{Filesystem, PoolName, Pools},
    plan::unit,
    real::{devices_unit, path_of},
    unit::{MountUnit, UNIT_FOLDER, mount_point},
};

impl SimPools {
    pub(super) fn perform_devices(
        &self,
        pool: &PoolName,
        step: &DevicesStep,
    ) -> Result<(), BackendError> {
        let mut state = self.state();
        match step {
            DevicesStep::Make { devices, profile } => {
                let (uuid, on) = make(&mut state, pool, devices)?;
                let spread = Spread::new(*profile, on);
                let mut volumes = self.volumes();
                let volume = volumes.entry(uuid).or_default();
                volume.size = Some(spread.room());
                volume.spread = spread;
                Ok(())
            }
            DevicesStep::WriteUnit {
                devices,
                profile,
                options,
                missing,
            } => write_unit(&mut state, pool, devices, *profile, (options, missing)),
            DevicesStep::Add { .. }
            | DevicesStep::Remove { .. }
            | DevicesStep::Replace { .. }
            | DevicesStep::Balance { .. }
            | DevicesStep::Resize { .. }
            | DevicesStep::End { .. } => self.change_devices(&mut state, pool, step),
            DevicesStep::MountDegraded { .. } => {
                check_folder(&state, pool)?;
                let unit = super::unit_file(&state, pool)?;
                let there = on(&state, &unit, &self.known());
                let missing = unit
                    .devices
                    .as_ref()
                    .map_or(0, |it| it.members.len().saturating_sub(there.len()));
                let may_lose = unit.devices.as_ref().and_then(|it| it.profile);
                let may_lose = may_lose.map_or(1, Profile::may_lose);
                if there.is_empty() || missing > may_lose {
                    return Err(failed("wrong fs type, bad option, bad superblock"));
                }
                take_up(&mut state, &unit, there);
                Ok(())
            }
        }
    }

    /// What the kernel knows of those that are mounted.
    pub(super) fn take_spread(&self, pools: &mut Pools) {
        for pool in pools.all.iter_mut().filter(|it| it.is_mounted) {
            if let Kind::Devices(it) = &mut pool.kind {
                self.show_spread(&pool.uuid, it);
            }
        }
    }
}

/// The UUID of the filesystem; and of each device its UUID among them, and its size.
fn make(
    state: &mut SimState,
    pool: &PoolName,
    devices: &[DeviceId],
) -> Result<(String, Vec<(String, Bytes)>), BackendError> {
    let mut sizes = Vec::new();
    for device in devices {
        sizes.push(blank(state, device)?);
    }
    let uuid = new_uuid(state);
    let mut on = Vec::new();
    for (device, size) in devices.iter().zip(sizes) {
        let member = new_uuid(state);
        sign(state, device, pool, &uuid, &member);
        on.push((member, size));
    }
    Ok((uuid, on))
}

fn write_unit(
    state: &mut SimState,
    pool: &PoolName,
    ids: &[DeviceId],
    profile: Option<Profile>,
    (options, missing): (&[String], &[String]),
) -> Result<(), BackendError> {
    let seen = state.block_devices();
    let mut found: Vec<&BlockDevice> = Vec::new();
    for id in ids {
        let device = seen.by_id(id);
        found.push(device.ok_or_else(|| BackendError::DeviceGone(id.clone()))?);
    }
    let (uuid, mut noted) = devices_unit(&found, ids, profile)?;
    noted.members.extend(missing.iter().cloned());
    let mut unit = unit(pool, Filesystem::Btrfs, options, uuid);
    unit.devices = Some(noted);
    state.files.insert(path_of(pool), unit.render());
    Ok(())
}

/// Whether a pool has several devices, of which some can leave it mounted.
pub(super) fn are_several(state: &SimState) -> bool {
    let files = state.folder(UNIT_FOLDER);
    let mut texts = files
        .iter()
        .filter_map(|it| state.files.get(&format!("{UNIT_FOLDER}/{it}")));
    texts.any(|it| it.contains("\nMembers="))
}

/// The members of the filesystem of a unit that are there. What was copied from one is none, and neither
/// is what was one once.
fn on(state: &SimState, unit: &MountUnit, known: &Known) -> Vec<DeviceId> {
    let members = known.get(&unit.uuid);
    let mut seen = BTreeSet::new();
    let mut found: Vec<DeviceId> = Vec::new();
    for id in state.contents.keys().filter_map(|it| it.parse().ok()) {
        let Some(member) = member_on(state, &id, &unit.uuid) else {
            continue;
        };
        let is_known = members.is_none_or(|it| it.contains(&member));
        if is_known && state.size_of(&id).is_some() && seen.insert(member) {
            found.push(id);
        }
    }
    found
}

fn take_up(state: &mut SimState, unit: &MountUnit, devices: Vec<DeviceId>) {
    for device in devices {
        let mount = (device.to_string(), unit.at());
        if !state.mounts.contains(&mount) {
            state.mounts.push(mount);
        }
    }
}

/// As systemd does: not before all of them are there.
pub(super) fn mount_all(
    state: &mut SimState,
    unit: &MountUnit,
    known: &Known,
) -> Result<(), BackendError> {
    // What is mounted without some of them stays so.
    if state
        .mounts
        .iter()
        .any(|(_, at)| *at == mount_point(&unit.name))
    {
        return Ok(());
    }
    let there = on(state, unit, known);
    let noted = unit.devices.as_ref().map_or(1, |it| it.members.len());
    let all = known.get(&unit.uuid).map_or(noted, BTreeSet::len);
    if there.len() < all {
        return Err(failed("a job for its device timed out"));
    }
    take_up(state, unit, there);
    Ok(())
}
