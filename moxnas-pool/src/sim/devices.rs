//! Several devices of one filesystem of a machine that is not there.

use moxnas_core::{
    disk::{BlockDevice, DeviceId, Signature},
    sim::SimState,
    units::Bytes,
};

use super::{SimPools, check_folder, failed, free, new_uuid};
use crate::{
    backend::BackendError,
    devices::{DevicesStep, DevicesUnit, Profile},
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
                let uuid = make(&mut state, pool, devices)?;
                let sizes: Vec<Bytes> = devices.iter().filter_map(|it| state.size_of(it)).collect();
                self.volumes().entry(uuid).or_default().size = Some(profile.room(&sizes));
                Ok(())
            }
            DevicesStep::WriteUnit {
                devices,
                profile,
                options,
            } => write_unit(&mut state, pool, devices, *profile, options),
            DevicesStep::MountDegraded { .. } => {
                check_folder(&state, pool)?;
                let unit = super::unit_file(&state, pool)?;
                let there = on(&state, &unit);
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

    /// The profile of all data is what was wished: nothing here is ever put on other devices.
    pub(super) fn take_profiles(&self, pools: &mut Pools) {
        for pool in pools.all.iter_mut().filter(|it| it.is_mounted) {
            if let Kind::Devices(it) = &mut pool.kind {
                it.profiles = it.profile.iter().map(ToString::to_string).collect();
            }
        }
    }
}

fn make(
    state: &mut SimState,
    pool: &PoolName,
    devices: &[DeviceId],
) -> Result<String, BackendError> {
    for device in devices {
        free(state, device)?;
        if let Some(found) = state.contents_of(device).signatures.first() {
            return Err(BackendError::NotBlank {
                device: device.clone(),
                found: found.kind.clone(),
            });
        }
    }
    let uuid = new_uuid(state);
    for device in devices {
        let signature = Signature {
            label: Some(pool.to_string()),
            member: Some(new_uuid(state)),
            ..Signature::new(Filesystem::Btrfs.word(), &uuid)
        };
        state.contents_mut(device).signatures.push(signature);
    }
    Ok(uuid)
}

fn write_unit(
    state: &mut SimState,
    pool: &PoolName,
    ids: &[DeviceId],
    profile: Option<Profile>,
    options: &[String],
) -> Result<(), BackendError> {
    let seen = state.block_devices();
    let mut found: Vec<&BlockDevice> = Vec::new();
    for id in ids {
        let device = seen.by_id(id);
        found.push(device.ok_or_else(|| BackendError::DeviceGone(id.clone()))?);
    }
    let (uuid, noted) = devices_unit(&found, ids, profile)?;
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

/// The members of the filesystem of a unit that are there.
fn on(state: &SimState, unit: &MountUnit) -> Vec<DeviceId> {
    let with = state.contents.iter().filter(|(_, it)| {
        let mut all = it.signatures.iter();
        all.any(|it| it.kind == "btrfs" && it.uuid.as_ref() == Some(&unit.uuid))
    });
    let ids = with.filter_map(|(id, _)| id.parse().ok());
    ids.filter(|it: &DeviceId| state.size_of(it).is_some())
        .collect()
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
    noted: &DevicesUnit,
) -> Result<(), BackendError> {
    // What is mounted without some of them stays so.
    if state
        .mounts
        .iter()
        .any(|(_, at)| *at == mount_point(&unit.name))
    {
        return Ok(());
    }
    let there = on(state, unit);
    if there.len() < noted.members.len() {
        return Err(failed("a job for its device timed out"));
    }
    take_up(state, unit, there);
    Ok(())
}
