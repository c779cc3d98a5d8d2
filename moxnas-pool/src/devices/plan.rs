//! What is done to several devices of one filesystem: facts and a wish give steps, or the reason why not.

use std::collections::BTreeSet;

use moxnas_core::{
    disk::{BlockDevice, DeviceId},
    plan::{Danger, Plan},
    units::Bytes,
};
use serde::{Deserialize, Serialize};

use super::{Devices, DevicesStep, Profile, Refusal as Why, noted};
use crate::{
    model::{Filesystem, Pool, PoolName, devices_with},
    plan::{Facts, ImportPool, MountOption, Refusal, Step, give_up, usable, usable_but_read_only},
};

/// What mkfs.btrfs 6.2 asks of each of several devices.
pub(super) const SMALLEST: Bytes = Bytes(131_072_000);

/// A pool that is to be made on several devices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateOnDevices {
    /// Its name.
    pub name: PoolName,
    /// The devices.
    pub devices: Vec<DeviceId>,
    /// What to make on them; all but btrfs is refused.
    pub filesystem: Filesystem,
    /// How data are put on them.
    pub profile: Profile,
    /// How to mount it.
    pub options: Vec<MountOption>,
}

pub(super) fn refuse<T>(why: Why) -> Result<T, Refusal> {
    Err(Refusal::Devices(why))
}

pub(super) fn step(pool: &PoolName, step: DevicesStep) -> Step {
    Step::Devices {
        pool: pool.clone(),
        step,
    }
}

pub(crate) fn create(facts: Facts<'_>, wish: &CreateOnDevices) -> Result<Plan<Step>, Refusal> {
    let CreateOnDevices {
        name,
        devices,
        filesystem,
        profile,
        options,
    } = wish;
    let (profile, got) = (*profile, devices.len());
    if *filesystem != Filesystem::Btrfs {
        return refuse(Why::OnlyBtrfs(*filesystem));
    }
    if !profile.is_safe() {
        return refuse(Why::WriteHole(profile));
    }
    let need = profile.least();
    if got < need {
        return refuse(Why::TooFew { profile, need, got });
    }
    let mut plan = Plan::default();
    let (mut seen, mut sizes) = (BTreeSet::new(), Vec::new());
    for id in devices {
        let device = usable(facts.devices, id)?;
        if !seen.insert(&device.name) {
            return refuse(Why::Twice(id.clone()));
        }
        if device.size < SMALLEST {
            return refuse(Why::TooSmall {
                device: id.clone(),
                need: SMALLEST,
                has: device.size,
            });
        }
        sizes.push(device.size);
        give_up(facts.devices, device, &mut plan);
    }
    let make = DevicesStep::Make {
        devices: devices.clone(),
        profile,
    };
    plan.steps.push(step(name, make));
    take_in(&mut plan, name, devices, Some(profile), options);
    let (room, may_lose) = (profile.room(&sizes), profile.may_lose());
    plan.warnings.push(Filesystem::Btrfs.reason().to_owned());
    plan.warnings.push(match may_lose {
        0 => format!("there is room for about {room}, and no device may be lost"),
        1 => format!("there is room for about {room}; one device may be lost"),
        many => format!("there is room for about {room}; {many} devices may be lost"),
    });
    Ok(plan)
}

fn take_in(
    plan: &mut Plan<Step>,
    name: &PoolName,
    devices: &[DeviceId],
    profile: Option<Profile>,
    options: &[MountOption],
) {
    let unit = DevicesStep::WriteUnit {
        devices: devices.to_vec(),
        profile,
        options: options.iter().map(ToString::to_string).collect(),
        missing: Vec::new(),
    };
    plan.steps.push(step(name, unit));
    plan.steps.push(Step::Mount { pool: name.clone() });
}

/// The filesystem on a device with all others that it is on; `None`: it is on one.
pub(crate) fn import(
    facts: Facts<'_>,
    wish: &ImportPool,
    (filesystem, uuid): (Filesystem, &str),
    options: &[MountOption],
) -> Result<Option<Plan<Step>>, Refusal> {
    let with: Vec<&BlockDevice> = devices_with(facts.devices, filesystem, uuid).collect();
    let Some(noted) = noted(&with, uuid) else {
        return Ok(None);
    };
    if with.len() > noted.members.len() {
        return Err(Refusal::Cloned {
            uuid: uuid.to_owned(),
            devices: with.iter().map(|it| it.id.to_string()).collect(),
        });
    }
    let mut plan = Plan::default();
    let mut devices = Vec::new();
    for it in with {
        let device = usable_but_read_only(facts.devices, &it.id, wish.read_only)?;
        plan.evidence.push(facts.devices.evidence(device));
        devices.push(device.id.clone());
    }
    take_in(&mut plan, &wish.name, &devices, None, options);
    plan.warnings.push(format!(
        "its filesystem is on {} devices here; if it has more, it is not mounted without them",
        devices.len()
    ));
    Ok(Some(plan))
}

/// With fewer devices than it has, if its data have copies on those that are there. Agreed to each time:
/// what is written meanwhile has fewer copies.
pub(crate) fn mount(pool: &Pool, devices: &Devices) -> Result<Plan<Step>, Refusal> {
    let missing = devices.missing().count();
    let profile = devices.profile.unwrap_or(Profile::Raid1);
    let may_lose = profile.may_lose();
    if missing > may_lose {
        return refuse(Why::TooManyMissing {
            pool: pool.name.clone(),
            missing,
            profile,
            may_lose,
        });
    }
    let mut plan = Plan::default();
    let device = devices.there().next().cloned();
    let device = device.ok_or_else(|| Refusal::DeviceMissing {
        pool: pool.name.clone(),
        uuid: pool.uuid.clone(),
    })?;
    let mount = DevicesStep::MountDegraded {
        device,
        options: pool.options.clone(),
    };
    plan.steps.push(step(&pool.name, mount));
    let number = |it: usize| u32::try_from(it).unwrap_or(u32::MAX);
    plan.dangers.push(Danger::LowersRedundancy {
        object: format!("what is written to pool {}", pool.name),
        before: number(may_lose),
        after: number(may_lose - missing),
    });
    plan.warnings.push(format!(
        "it is mounted until it is unmounted, and not at the next start of the machine; `moxnas pool \
         device replace {} missing DEVICE` puts another device in the place of the missing one",
        pool.name
    ));
    Ok(plan)
}

/// Each has a size of its own, and is given to the filesystem by its number.
pub(crate) fn grow(
    facts: Facts<'_>,
    pool: &Pool,
    devices: &Devices,
) -> Result<Plan<Step>, Refusal> {
    super::changes::can_change(pool, devices)?;
    let mut plan = Plan::default();
    for device in devices.there().filter_map(|it| facts.devices.by_id(it)) {
        plan.evidence.push(facts.devices.evidence(device));
    }
    for number in &devices.numbers {
        let number = *number;
        plan.steps
            .push(step(&pool.name, DevicesStep::Resize { number }));
    }
    Ok(plan)
}

/// All of its devices that are there.
pub(crate) fn delete(
    facts: Facts<'_>,
    pool: &Pool,
    devices: &Devices,
    mut plan: Plan<Step>,
) -> Result<Plan<Step>, Refusal> {
    for device in devices.there().filter_map(|it| facts.devices.by_id(it)) {
        if let Some(at) = device.mounts.iter().find(|it| **it != pool.at) {
            return Err(Refusal::MountedElsewhere {
                pool: pool.name.clone(),
                at: at.clone(),
            });
        }
        plan.evidence.push(facts.devices.evidence(device));
        plan.steps.push(Step::WipeSignatures {
            device: device.id.clone(),
        });
        plan.dangers.push(Danger::DestroysData {
            device: device.id.to_string(),
            content: device.content(),
        });
    }
    // Last: as long as there is something left to do the pool has its name.
    plan.steps.push(Step::RemoveUnit {
        pool: pool.name.clone(),
    });
    let missing = devices.missing().count();
    if missing > 0 {
        plan.warnings.push(format!(
            "{missing} of its devices are not there, and keep what is on them"
        ));
    }
    Ok(plan)
}
