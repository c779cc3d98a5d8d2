//! How a simulated btrfs is on its devices, as it says itself.

use std::collections::{BTreeMap, BTreeSet};

use moxnas_core::{
    disk::{BlockDevices, DeviceId, Signature},
    sim::SimState,
    units::Bytes,
};

use super::{SimPools, failed, free, new_uuid};
use crate::{
    backend::BackendError,
    dataset::Contents,
    devices::{Devices, DevicesStep, OnDevice, Profile},
    lvm::Kind,
    model::{Filesystem, Pool, PoolName},
};

/// The devices of a filesystem, by their numbers; of one that has only one, none.
#[derive(Clone, Debug, Default)]
pub(super) struct Spread {
    devices: BTreeMap<u64, On>,
    /// The highest number that it ever gave away.
    last: u64,
    profile: Option<Profile>,
    /// Some of what it has was written while there were too few devices for its profile.
    has_single: bool,
}

#[derive(Clone, Debug)]
struct On {
    /// Its UUID among them.
    member: String,
    size: Bytes,
}

/// Which devices there are of each filesystem, by its UUID, as the filesystem says: others have an old
/// superblock of it.
pub(super) type Known = BTreeMap<String, BTreeSet<String>>;

impl Spread {
    /// One that is new on these devices, given by their UUIDs among them.
    pub(super) fn new(
        profile: Profile,
        devices: impl IntoIterator<Item = (String, Bytes)>,
    ) -> Self {
        let mut spread = Spread {
            profile: Some(profile),
            ..Spread::default()
        };
        for (member, size) in devices {
            spread.add(member, size);
        }
        spread
    }

    fn add(&mut self, member: String, size: Bytes) {
        self.last += 1;
        self.devices.insert(self.last, On { member, size });
    }

    /// What there is room for.
    pub(super) fn room(&self) -> Bytes {
        let sizes: Vec<Bytes> = self.devices.values().map(|it| it.size).collect();
        self.profile.unwrap_or(Profile::Single).room(&sizes)
    }

    pub(super) fn members(&self) -> BTreeSet<String> {
        self.devices.values().map(|it| it.member.clone()).collect()
    }

    fn find(&mut self, number: u64) -> Result<&mut On, BackendError> {
        let on = self.devices.get_mut(&number);
        on.ok_or_else(|| failed(&format!("unable to find device {number}")))
    }

    fn profiles(&self) -> Vec<String> {
        let profile = self.profile.unwrap_or(Profile::Single);
        let single = self.has_single.then_some(Profile::Single);
        let all: BTreeSet<&str> = single
            .iter()
            .chain([&profile])
            .map(|it| it.word())
            .collect();
        all.into_iter().map(str::to_owned).collect()
    }
}

impl SimPools {
    /// The devices of filesystems that have several.
    pub(super) fn known(&self) -> Known {
        let volumes = self.volumes();
        let several = volumes
            .iter()
            .filter(|(_, it)| !it.spread.devices.is_empty());
        several
            .map(|(uuid, it)| (uuid.clone(), it.spread.members()))
            .collect()
    }

    /// What the kernel shows of a filesystem that is mounted.
    pub(super) fn show_spread(&self, uuid: &str, devices: &mut Devices) {
        if let Some(volume) = self.volumes().get(uuid) {
            devices.profiles = volume.spread.profiles();
            devices.numbers = volume.spread.devices.keys().copied().collect();
        }
    }

    /// What the filesystem says of its devices. `found` are those that there are.
    pub(super) fn told_of_devices(
        &self,
        pool: &Pool,
        found: &BlockDevices,
        contents: &mut Contents,
    ) {
        let Kind::Devices(devices) = &pool.kind else {
            return;
        };
        let volumes = self.volumes();
        let Some(volume) = volumes.get(&pool.uuid) else {
            return;
        };
        let name = |member: &str| {
            let mut all = devices.members.iter();
            let it = all.find(|it| it.uuid == member && it.in_use)?;
            Some(found.by_id(it.device.as_ref()?)?.name.clone())
        };
        let all = volume.spread.devices.iter();
        contents.devices = all
            .map(|(number, on)| OnDevice {
                number: *number,
                name: name(&on.member),
                size: on.size,
                allocated: Bytes(contents.space.used.0.min(on.size.0)),
            })
            .collect();
    }

    /// A step that changes the devices of a filesystem that is mounted.
    pub(super) fn change_devices(
        &self,
        state: &mut SimState,
        pool: &PoolName,
        step: &DevicesStep,
    ) -> Result<(), BackendError> {
        let (unit, _) = self.mounted(state, pool)?;
        let (uuid, at) = (unit.uuid.clone(), unit.at());
        let mut volumes = self.volumes();
        let volume = volumes.entry(uuid.clone()).or_default();
        let spread = &mut volume.spread;
        if spread.devices.is_empty() {
            // It was on one until now.
            let device = state.mounts.iter().find(|(_, it)| *it == at);
            let device: Option<DeviceId> = device.and_then(|(it, _)| it.parse().ok());
            let device = device.ok_or_else(|| failed("not mounted"))?;
            let member = member_on(state, &device, &uuid).unwrap_or_default();
            let size = volume.size.or(state.size_of(&device)).unwrap_or_default();
            *spread = Spread::new(Profile::Single, [(member, size)]);
        }
        match step {
            DevicesStep::Add { device } => {
                let (member, size) = (new_uuid(state), blank(state, device)?);
                sign(state, device, pool, &uuid, &member);
                state.mounts.push((device.to_string(), at));
                spread.add(member, size);
            }
            DevicesStep::Remove { device, number, .. } => {
                let profile = spread.profile.unwrap_or(Profile::Single);
                if spread.devices.len() <= profile.least() {
                    return Err(failed("unable to go below the devices of the profile"));
                }
                spread.find(*number)?;
                spread.devices.remove(number);
                let_go(state, device, &at);
            }
            DevicesStep::Replace {
                old,
                number,
                device,
                stay,
            } => {
                let size = blank(state, device)?;
                let on = spread.find(*number)?;
                if size < on.size {
                    return Err(failed("target device smaller than source device"));
                }
                let member = on.member.clone();
                sign(state, device, pool, &uuid, &member);
                state.mounts.push((device.to_string(), at.clone()));
                match old {
                    Some(old) => let_go(state, old, &at),
                    // What it writes meanwhile is not on the one that comes.
                    None => {
                        let least = spread.profile.map_or(0, Profile::least);
                        spread.has_single |= stay.len() < least;
                    }
                }
            }
            DevicesStep::Balance { convert, .. } => {
                if let Some(profile) = convert {
                    spread.profile = Some(*profile);
                    spread.has_single = false;
                }
            }
            DevicesStep::Resize { number } => {
                let member = spread.find(*number)?.member.clone();
                let mut all = state.contents.keys().filter_map(|it| it.parse().ok());
                let on = all.find(|it: &DeviceId| {
                    member_on(state, it, &uuid).as_ref() == Some(&member)
                        && state.size_of(it).is_some()
                });
                let size = on.and_then(|it| state.size_of(&it));
                spread.find(*number)?.size = size.ok_or_else(|| failed("no such device"))?;
            }
            // Nothing takes any time here.
            DevicesStep::End { .. } => return Err(failed("Transport endpoint is not connected")),
            DevicesStep::Make { .. }
            | DevicesStep::WriteUnit { .. }
            | DevicesStep::MountDegraded { .. } => (),
        }
        volume.size = Some(volume.spread.room());
        Ok(())
    }
}

/// The UUID of a device among those of a filesystem, be it there or not.
pub(super) fn member_on(state: &SimState, device: &DeviceId, uuid: &str) -> Option<String> {
    let on = state.contents.get(&device.to_string())?;
    let is_it = |it: &&Signature| it.kind == "btrfs" && it.uuid.as_deref() == Some(uuid);
    on.signatures.iter().find(is_it)?.member.clone()
}

/// Its size, if it holds nothing and nobody uses it.
pub(super) fn blank(state: &SimState, device: &DeviceId) -> Result<Bytes, BackendError> {
    free(state, device)?;
    if let Some(found) = state.contents_of(device).signatures.first() {
        return Err(BackendError::NotBlank {
            device: device.clone(),
            found: found.kind.clone(),
        });
    }
    let size = state.size_of(device);
    size.ok_or_else(|| BackendError::DeviceGone(device.clone()))
}

pub(super) fn sign(
    state: &mut SimState,
    device: &DeviceId,
    pool: &PoolName,
    uuid: &str,
    member: &str,
) {
    let signature = Signature {
        label: Some(pool.to_string()),
        member: Some(member.to_owned()),
        ..Signature::new(Filesystem::Btrfs.word(), uuid)
    };
    state.contents_mut(device).signatures.push(signature);
}

/// The kernel erases what it has of the filesystem.
fn let_go(state: &mut SimState, device: &DeviceId, at: &str) {
    let id = device.to_string();
    state.mounts.retain(|(it, place)| *it != id || place != at);
    state.contents_mut(device).signatures.clear();
}
