//! Facts and a wish give steps, or the reason why not.

mod devices;
mod options;
mod refusal;
mod step;

use std::collections::BTreeSet;

use moxnas_core::{
    disk::{BlockDevice, BlockDevices, DeviceId},
    plan::{Danger, Plan},
};
use serde::{Deserialize, Serialize};

use devices::filesystem_on;
pub(crate) use devices::{give_up, usable, usable_but_read_only};
pub use options::MountOption;
use options::{check_options, import_options};
pub use refusal::Refusal;
pub use step::{Part, Step};

use crate::{
    dataset,
    devices::{self as several, CreateOnDevices},
    directory::{self, CreateDirectory},
    lvm::{self, Kind},
    model::{Filesystem, Pool, PoolName, Pools, Standing},
    unit::{MountUnit, mount_point},
};

/// What somebody wishes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum Change {
    /// Make a filesystem on a device and mount it, now and at each start of the machine.
    Create(CreatePool),
    /// Make one btrfs on several devices and mount it, now and at each start of the machine.
    CreateOnDevices(CreateOnDevices),
    /// Make a pool of a folder of the host. Nothing is made in it but its mark.
    CreateDirectory(CreateDirectory),
    /// Take a filesystem in that is on a device already. Nothing on it is changed, but for what the
    /// filesystem itself writes when it is mounted.
    Import(ImportPool),
    /// Mount it, now and at each start.
    Mount {
        /// Its name.
        pool: String,
    },
    /// Unmount it, and leave it so.
    Unmount {
        /// Its name.
        pool: String,
    },
    /// Forget it: unmount it, and leave the filesystem as it is.
    Export {
        /// Its name.
        pool: String,
    },
    /// Forget it, and what is on it.
    Delete {
        /// Its name.
        pool: String,
    },
    /// Let its filesystem have all of a device that has become larger.
    Grow {
        /// Its name.
        pool: String,
    },
    /// Go over its filesystem.
    Check {
        /// Its name.
        pool: String,
        /// Put right what is wrong.
        repair: bool,
    },
}

/// A pool that is to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatePool {
    /// Its name.
    pub name: PoolName,
    /// The device: an array, a disk, a partition or a logical volume.
    pub device: DeviceId,
    /// What to make on it.
    pub filesystem: Filesystem,
    /// Whether its datasets are to be thin volumes with such a filesystem each.
    #[serde(default)]
    pub thin: bool,
    /// How to mount it. What says nothing of quotas gets [`PROJECT_QUOTAS`] where datasets need them.
    pub options: Vec<MountOption>,
}

impl CreatePool {
    /// How it is mounted: as was said, and as its datasets need.
    #[must_use]
    pub fn mount_options(&self) -> Vec<MountOption> {
        let mut options = self.options.clone();
        let says = |it: &MountOption| it.as_str().contains("quota");
        if !self.thin && self.filesystem != Filesystem::Btrfs && !options.iter().any(says) {
            options.push(PROJECT_QUOTAS.parse().expect("it is an option"));
        }
        options
    }
}

/// The option by which ext4 and xfs count what each project takes, see xfs(5).
pub const PROJECT_QUOTAS: &str = "prjquota";

/// A filesystem that is to become a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportPool {
    /// The name that it gets.
    pub name: PoolName,
    /// The device that it is on.
    pub device: DeviceId,
    /// Nothing may be written.
    pub read_only: bool,
    /// How to mount it.
    pub options: Vec<MountOption>,
}

/// What the planner goes by.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The block devices.
    pub devices: &'a BlockDevices,
    /// The pools.
    pub pools: &'a Pools,
}

/// What has to be done for a wish. Pure: the same facts and the same wish give the same plan.
pub fn plan(facts: Facts<'_>, change: &Change) -> Result<Plan<Step>, Refusal> {
    match change {
        Change::Create(wish) => create(facts, wish),
        Change::CreateOnDevices(wish) => {
            check_name(facts, &wish.name, None)?;
            check_options(&wish.options)?;
            several::create(facts, wish)
        }
        Change::CreateDirectory(wish) => {
            check_name(facts, &wish.name, Some(wish.folder.path.as_str()))?;
            directory::create(facts, wish)
        }
        Change::Import(wish) => import(facts, wish),
        Change::Mount { pool } => mount(facts, find(facts, pool)?),
        Change::Unmount { pool } => match find(facts, pool)? {
            it if is_directory(it) => refuse_to(it, directory::Refusal::HostMounts),
            it => Ok(unmount(facts, it)),
        },
        Change::Export { pool } => Ok(export(facts, find(facts, pool)?)),
        Change::Delete { pool } => delete(facts, find(facts, pool)?),
        Change::Grow { pool } => grow(facts, find(facts, pool)?),
        Change::Check { pool, repair } => check(facts, find(facts, pool)?, *repair),
    }
}

fn find<'a>(facts: Facts<'a>, pool: &str) -> Result<&'a Pool, Refusal> {
    let found = facts.pools.find(pool);
    found.ok_or_else(|| Refusal::NoSuchPool(pool.to_owned()))
}

fn create(facts: Facts<'_>, wish: &CreatePool) -> Result<Plan<Step>, Refusal> {
    check_name(facts, &wish.name, None)?;
    check_options(&wish.options)?;
    if wish.thin {
        return lvm::create(facts, wish);
    }
    let device = usable(facts.devices, &wish.device)?;
    let need = wish.filesystem.smallest_device();
    if device.size < need {
        return Err(Refusal::TooSmall {
            device: device.id.clone(),
            filesystem: wish.filesystem,
            need,
            has: device.size,
        });
    }
    let mut plan = Plan::default();
    give_up(facts.devices, device, &mut plan);
    let label = wish.name.as_str();
    plan.steps.push(Step::MakeFilesystem {
        device: device.id.clone(),
        filesystem: wish.filesystem,
        label: (label.len() <= wish.filesystem.label_max()).then(|| wish.name.clone()),
    });
    let options = wish.mount_options();
    take_in(&mut plan, &wish.name, device, wish.filesystem, &options);
    plan.warnings.push(wish.filesystem.reason().to_owned());
    Ok(plan)
}

fn import(facts: Facts<'_>, wish: &ImportPool) -> Result<Plan<Step>, Refusal> {
    check_name(facts, &wish.name, None)?;
    check_options(&wish.options)?;
    let options = import_options(wish);
    if let Some(plan) = lvm::import(facts, wish, &options)? {
        return Ok(plan);
    }
    let device = usable_but_read_only(facts.devices, &wish.device, wish.read_only)?;
    let (filesystem, uuid) = filesystem_on(device)?;
    let known = facts.pools.all.iter().find(|it| it.uuid == uuid);
    if let Some(pool) = known {
        return Err(Refusal::IsPool {
            device: device.id.clone(),
            pool: pool.name.clone(),
        });
    }
    let found = (filesystem, uuid.as_str());
    if let Some(plan) = several::import(facts, wish, found, &options)? {
        return Ok(plan);
    }
    let copies = crate::model::devices_with(facts.devices, filesystem, &uuid);
    let copies: BTreeSet<String> = copies.map(|it| it.id.to_string()).collect();
    if copies.len() > 1 {
        return Err(Refusal::Cloned {
            uuid,
            devices: copies.into_iter().collect(),
        });
    }
    let mut plan = Plan::default();
    plan.evidence.push(facts.devices.evidence(device));
    take_in(&mut plan, &wish.name, device, filesystem, &options);
    if !wish.read_only {
        plan.warnings.push(
            "the filesystem writes to its device when it is mounted, as after an unclean stop; \
             read-only first shows what is on it"
                .to_owned(),
        );
    }
    Ok(plan)
}

/// The unit, and mounting it.
fn take_in(
    plan: &mut Plan<Step>,
    name: &PoolName,
    device: &BlockDevice,
    filesystem: Filesystem,
    options: &[MountOption],
) {
    plan.steps.push(Step::WriteUnit {
        pool: name.clone(),
        device: device.id.clone(),
        filesystem,
        options: options.iter().map(ToString::to_string).collect(),
    });
    plan.steps.push(Step::Mount { pool: name.clone() });
}

fn mount(facts: Facts<'_>, pool: &Pool) -> Result<Plan<Step>, Refusal> {
    if let Kind::Directory(it) = &pool.kind {
        return directory::mount(pool, it);
    }
    let verdict = pool.judge();
    let mut plan = Plan::default();
    let Some(device) = device_of(facts, pool) else {
        return Err(Refusal::DeviceMissing {
            pool: pool.name.clone(),
            uuid: pool.uuid.clone(),
        });
    };
    match verdict.standing {
        Standing::Mounted | Standing::Damaged | Standing::ReadOnly if !is_thin(pool) => {
            return Ok(plan);
        }
        Standing::Mounted | Standing::Damaged | Standing::ReadOnly => (),
        Standing::Missing if let Kind::Devices(devices) = &pool.kind => {
            let mut plan = several::mount(pool, devices)?;
            plan.evidence.push(facts.devices.evidence(device));
            return Ok(plan);
        }
        Standing::Confused | Standing::Missing => {
            return Err(Refusal::Confused {
                pool: pool.name.clone(),
                why: verdict.reasons.join("; "),
            });
        }
        Standing::Unmounted => (),
    }
    plan.evidence.push(facts.devices.evidence(device));
    if let Kind::Thin(thin) = &pool.kind {
        lvm::mount(pool, thin, verdict.standing, &mut plan)?;
        return Ok(plan);
    }
    plan.steps.push(Step::Mount {
        pool: pool.name.clone(),
    });
    Ok(plan)
}

fn is_thin(pool: &Pool) -> bool {
    matches!(pool.kind, Kind::Thin(_))
}

fn is_directory(pool: &Pool) -> bool {
    matches!(pool.kind, Kind::Directory(_))
}

/// What only the host can do.
fn refuse_to<T>(pool: &Pool, why: fn(PoolName) -> directory::Refusal) -> Result<T, Refusal> {
    Err(Refusal::Directory(why(pool.name.clone())))
}

fn unmount(facts: Facts<'_>, pool: &Pool) -> Plan<Step> {
    let mut plan = Plan::default();
    stop(facts, pool, &mut plan);
    plan
}

/// Whatever is mounted is unmounted. Also what is not: it would come back with the next start.
fn stop(facts: Facts<'_>, pool: &Pool, plan: &mut Plan<Step>) {
    if let Some(device) = device_of(facts, pool) {
        plan.evidence.push(facts.devices.evidence(device));
    }
    if let Kind::Thin(thin) = &pool.kind {
        lvm::stop(pool, thin, plan);
    }
    plan.steps.push(Step::Unmount {
        pool: pool.name.clone(),
    });
    // Not before: what is in use stays mounted, and stays so after a restart.
    plan.steps.push(Step::Disable {
        pool: pool.name.clone(),
    });
    if pool.is_mounted {
        plan.dangers.push(Danger::Stops {
            object: format!("pool {} at {}", pool.name, pool.at),
        });
    }
}

fn export(facts: Facts<'_>, pool: &Pool) -> Plan<Step> {
    if let Kind::Directory(it) = &pool.kind {
        return directory::export(pool, it);
    }
    let mut plan = unmount(facts, pool);
    if let Kind::Thin(thin) = &pool.kind {
        lvm::export(pool, thin, &mut plan);
    }
    plan.steps.push(Step::RemoveUnit {
        pool: pool.name.clone(),
    });
    plan
}

fn delete(facts: Facts<'_>, pool: &Pool) -> Result<Plan<Step>, Refusal> {
    if is_directory(pool) {
        return refuse_to(pool, directory::Refusal::HostDeletes);
    }
    if !pool.clones.is_empty() {
        return Err(Refusal::Confused {
            pool: pool.name.clone(),
            why: pool.judge().reasons.join("; "),
        });
    }
    let Some(device) = device_of(facts, pool) else {
        return Err(Refusal::DeviceMissing {
            pool: pool.name.clone(),
            uuid: pool.uuid.clone(),
        });
    };
    let elsewhere = device.mounts.iter().find(|it| **it != pool.at);
    if let Some(at) = elsewhere {
        return Err(Refusal::MountedElsewhere {
            pool: pool.name.clone(),
            at: at.clone(),
        });
    }
    let mut plan = unmount(facts, pool);
    match &pool.kind {
        Kind::Thin(thin) => return lvm::delete(facts, pool, thin, device, plan),
        Kind::Devices(devices) => return several::delete(facts, pool, devices, plan),
        Kind::Filesystem | Kind::Directory(_) => (),
    }
    plan.steps.push(Step::WipeSignatures {
        device: device.id.clone(),
    });
    // Last: as long as there is something left to do the pool has its name.
    plan.steps.push(Step::RemoveUnit {
        pool: pool.name.clone(),
    });
    plan.dangers.push(Danger::DestroysData {
        device: device.id.to_string(),
        content: device.content(),
    });
    Ok(plan)
}

fn grow(facts: Facts<'_>, pool: &Pool) -> Result<Plan<Step>, Refusal> {
    if is_directory(pool) {
        return refuse_to(pool, directory::Refusal::HostGrows);
    }
    if let Kind::Devices(devices) = &pool.kind {
        return several::grow(facts, pool, devices);
    }
    let verdict = pool.judge();
    let Some(device) = device_of(facts, pool) else {
        return Err(Refusal::DeviceMissing {
            pool: pool.name.clone(),
            uuid: pool.uuid.clone(),
        });
    };
    match verdict.standing {
        Standing::Mounted => (),
        Standing::Damaged | Standing::ReadOnly => {
            return Err(Refusal::Damaged {
                pool: pool.name.clone(),
                why: verdict.reasons.join("; "),
            });
        }
        Standing::Unmounted | Standing::Missing | Standing::Confused => {
            return Err(dataset::Refusal::NotMounted(pool.name.clone()).into());
        }
    }
    if device.read_only || pool.options.iter().any(|it| it == "ro") {
        return Err(dataset::Refusal::ReadOnly(pool.name.clone()).into());
    }
    let mut plan = Plan::default();
    plan.evidence.push(facts.devices.evidence(device));
    if is_thin(pool) {
        lvm::grow(pool, device, &mut plan);
        return Ok(plan);
    }
    plan.steps.push(Step::Grow {
        pool: pool.name.clone(),
        device: device.id.clone(),
        filesystem: pool.filesystem,
    });
    if pool.filesystem == Filesystem::Xfs {
        plan.warnings
            .push("xfs cannot be made smaller again".to_owned());
    }
    Ok(plan)
}

/// ext4 and xfs while they are not mounted; btrfs either way.
fn check(facts: Facts<'_>, pool: &Pool, repair: bool) -> Result<Plan<Step>, Refusal> {
    let name = &pool.name;
    if is_directory(pool) {
        return refuse_to(pool, directory::Refusal::HostChecks);
    }
    let verdict = pool.judge();
    let Some(device) = device_of(facts, pool) else {
        return Err(Refusal::DeviceMissing {
            pool: name.clone(),
            uuid: pool.uuid.clone(),
        });
    };
    if matches!(verdict.standing, Standing::Confused | Standing::Missing) {
        return Err(Refusal::Confused {
            pool: name.clone(),
            why: verdict.reasons.join("; "),
        });
    }
    if let Kind::Thin(thin) = &pool.kind {
        return lvm::check(facts, pool, thin, device, repair);
    }
    let elsewhere = device.mounts.iter().find(|it| **it != pool.at);
    let mut plan = Plan::default();
    plan.evidence.push(facts.devices.evidence(device));
    if pool.is_mounted {
        if pool.filesystem != Filesystem::Btrfs {
            return Err(Refusal::CheckNeedsUnmount {
                pool: name.clone(),
                filesystem: pool.filesystem,
            });
        }
        if repair && pool.is_forced_read_only {
            return Err(dataset::Refusal::ForcedReadOnly(name.clone()).into());
        }
        if repair && pool.options.iter().any(|it| it == "ro") {
            return Err(dataset::Refusal::ReadOnly(name.clone()).into());
        }
        plan.steps.push(Step::Scrub {
            pool: name.clone(),
            repair,
        });
        if repair {
            plan.steps.push(Step::ForgetErrors { pool: name.clone() });
        }
        return Ok(plan);
    }
    if let Some(at) = elsewhere {
        return Err(Refusal::MountedElsewhere {
            pool: name.clone(),
            at: at.clone(),
        });
    }
    if repair && pool.filesystem == Filesystem::Btrfs {
        return Err(Refusal::NoSafeRepair(name.clone()));
    }
    if repair && device.read_only {
        return Err(Refusal::ReadOnly(device.id.clone()));
    }
    plan.steps.push(Step::Check {
        pool: name.clone(),
        device: device.id.clone(),
        part: Part::Whole,
        filesystem: pool.filesystem,
        repair,
    });
    if repair {
        plan.dangers.push(Danger::GivesUpDamaged {
            object: format!("the {} of pool {name}", pool.filesystem),
        });
    }
    Ok(plan)
}

fn device_of<'a>(facts: Facts<'a>, pool: &Pool) -> Option<&'a BlockDevice> {
    facts.devices.by_id(pool.device.as_ref()?)
}

/// Nothing has the name, and nothing is at the place that goes with it, unless that is to be the pool.
fn check_name(facts: Facts<'_>, name: &PoolName, itself: Option<&str>) -> Result<(), Refusal> {
    if let Some(pool) = facts.pools.find(name.as_str()) {
        return Err(Refusal::NameTaken {
            pool: name.clone(),
            standing: pool.judge().standing,
        });
    }
    let at = mount_point(name);
    if itself == Some(&at) {
        return Ok(());
    }
    let mounted = facts
        .devices
        .by_name
        .values()
        .find(|it| it.mounts.contains(&at));
    match mounted {
        Some(device) => Err(Refusal::PlaceTaken {
            at,
            device: device.id.clone(),
        }),
        None => Ok(()),
    }
}

/// The unit of a step that writes one, once the filesystem's UUID is known.
pub(crate) fn unit(
    pool: &PoolName,
    filesystem: Filesystem,
    options: &[String],
    uuid: String,
) -> MountUnit {
    MountUnit {
        name: pool.clone(),
        filesystem,
        uuid,
        options: options.to_vec(),
        thin: None,
        devices: None,
    }
}
