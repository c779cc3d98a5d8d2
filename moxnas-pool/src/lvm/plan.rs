//! What is done to a pool of thin volumes as a whole: facts and a wish give steps, or the reason why not.

use moxnas_core::{
    disk::{BlockDevice, BlockDevices, BlockKind, DeviceId},
    plan::{Danger, Plan},
};

use super::{
    GroupStep, Refusal as Why, Shown, Thin, Volume, VolumeStep, group, look::filesystem_on, mapped,
    smallest,
};
use crate::{
    dataset,
    model::{Filesystem, Pool, PoolName, Standing},
    plan::{CreatePool, Facts, ImportPool, MountOption, Refusal, Step, give_up, usable},
};

/// A step in the volume group of this pool.
pub(super) fn thin(pool: &PoolName, step: GroupStep) -> Step {
    Step::Thin {
        pool: pool.clone(),
        step,
    }
}

/// A step about one of its datasets.
fn volume(pool: &PoolName, step: VolumeStep) -> Step {
    Step::Inside {
        pool: pool.clone(),
        step: dataset::Step::Volume { step },
    }
}

fn refuse<T>(why: Why) -> Result<T, Refusal> {
    Err(dataset::Refusal::Thin(why).into())
}

/// A group on a device, a thin pool that has all of it, and its folder. Nothing is overwritten that the
/// plan does not show: the commands of LVM ask before they do, and nobody answers them.
pub(crate) fn create(facts: Facts<'_>, wish: &CreatePool) -> Result<Plan<Step>, Refusal> {
    let (name, filesystem) = (&wish.name, wish.filesystem);
    if filesystem == Filesystem::Btrfs {
        return refuse(Why::NotOnThin(filesystem));
    }
    let mut plan = Plan::default();
    let device = match left_over(facts.devices, &wish.device, name) {
        Some(device) => {
            plan.steps.push(thin(name, GroupStep::RemoveGroup));
            plan.warnings.push(format!(
                "the volume group {} is on it, which is no pool: it is deleted first",
                group(name)
            ));
            device
        }
        None => usable(facts.devices, &wish.device)?,
    };
    let need = smallest(filesystem);
    if device.size < need {
        return Err(Refusal::TooSmall {
            device: device.id.clone(),
            filesystem,
            need,
            has: device.size,
        });
    }
    give_up(facts.devices, device, &mut plan);
    say_volumes(facts.devices, device, &mut plan);
    let root = mapped(name, &Volume::Root);
    let label = name.as_str().len() <= Filesystem::Ext4.label_max();
    plan.steps.extend([
        thin(
            name,
            GroupStep::MakeGroup {
                device: device.id.clone(),
            },
        ),
        thin(name, GroupStep::MakeThinPool),
        thin(name, GroupStep::RefuseWhenFull),
        thin(name, GroupStep::MakeRoot),
        Step::MakeFilesystem {
            device: root,
            filesystem: Filesystem::Ext4,
            label: label.then(|| name.clone()),
        },
        write_unit(wish, &device.id),
        Step::Mount { pool: name.clone() },
    ]);
    plan.warnings.push(
        "datasets may be promised more than there is; when the thin pool is full, what is written to \
         any of them is refused"
            .to_owned(),
    );
    plan.warnings.push(format!(
        "data belong into datasets: the folder of the pool itself has {}",
        super::ROOT_SIZE
    ));
    Ok(plan)
}

fn write_unit(wish: &CreatePool, device: &DeviceId) -> Step {
    let options = wish.mount_options();
    let step = GroupStep::WriteUnit {
        device: device.clone(),
        filesystem: wish.filesystem,
        options: options.iter().map(MountOption::to_string).collect(),
    };
    thin(&wish.name, step)
}

/// The device, if all that uses it are volumes of a group of this name that are used by nobody: what a
/// try before this one has left, or a pool that was exported.
fn left_over<'a>(
    devices: &'a BlockDevices,
    id: &DeviceId,
    pool: &PoolName,
) -> Option<&'a BlockDevice> {
    let device = devices.by_id(id)?;
    let tower = devices.tower(&device.name);
    let mut above = tower.iter().filter(|it| it.name != device.name).peekable();
    above.peek()?;
    let is_idle = |it: &&BlockDevice| it.mounts.is_empty() && !it.swap;
    let all = tower.iter().all(is_idle) && above.all(|it| is_volume_of(it, pool));
    all.then_some(device)
}

/// Whether a device is a volume in the group of this pool.
fn is_volume_of(device: &BlockDevice, pool: &PoolName) -> bool {
    let prefix = mapped(pool, &Volume::Root).to_string();
    let prefix = prefix.strip_suffix(super::ROOT).unwrap_or(&prefix);
    matches!(&device.kind, BlockKind::Dm { .. }) && device.id.to_string().starts_with(prefix)
}

/// Say of a device that is given up which volumes go with it.
fn say_volumes(devices: &BlockDevices, device: &BlockDevice, plan: &mut Plan<Step>) {
    let tower = devices.tower(&device.name);
    let volumes = tower.iter().filter(|it| !it.signatures.is_empty());
    let volumes = volumes.filter_map(|it| match &it.kind {
        BlockKind::Dm { name, .. } => Some(format!("{name}: {}", it.content())),
        _ => None,
    });
    let volumes: Vec<String> = volumes.collect();
    for danger in &mut plan.dangers {
        if let Danger::DestroysData { content, .. } = danger
            && !volumes.is_empty()
        {
            *content = format!("{content}; {}", volumes.join("; "));
        }
    }
}

/// The datasets that have to be mounted still, each with its unit.
fn mount_datasets(pool: &Pool, volumes: &Thin, plan: &mut Plan<Step>) {
    for it in volumes.datasets.iter().filter(|it| !it.is_mounted) {
        let dataset = it.dataset.clone();
        if !it.has_unit {
            let step = VolumeStep::WriteUnit {
                dataset: dataset.clone(),
                filesystem: it.filesystem,
                options: pool.options.clone(),
            };
            plan.steps.push(volume(&pool.name, step));
        }
        plan.steps
            .push(volume(&pool.name, VolumeStep::Mount { dataset }));
    }
}

/// Whatever of it is not mounted.
pub(crate) fn mount(
    pool: &Pool,
    volumes: &Thin,
    standing: Standing,
    plan: &mut Plan<Step>,
) -> Result<(), Refusal> {
    if standing == Standing::Unmounted {
        if volumes.is_open {
            plan.steps.push(thin(&pool.name, GroupStep::CloseMetadata));
        }
        if !volumes.is_active {
            plan.steps.push(thin(&pool.name, GroupStep::Activate));
        }
        plan.steps.push(Step::Mount {
            pool: pool.name.clone(),
        });
    }
    mount_datasets(pool, volumes, plan);
    Ok(())
}

/// A snapshot that somebody looks into is unmounted, and its volume is not active any more.
pub(crate) fn hide(shown: &Shown, mut push: impl FnMut(VolumeStep)) {
    let Shown {
        dataset,
        snapshot,
        is_mounted,
    } = shown;
    if *is_mounted {
        push(VolumeStep::UnmountSnapshot {
            dataset: dataset.clone(),
            snapshot: snapshot.clone(),
        });
    }
    push(VolumeStep::DeactivateSnapshot {
        dataset: dataset.clone(),
        snapshot: snapshot.clone(),
    });
}

/// Snapshots that somebody looks into and the datasets go first: who keeps one from being unmounted is
/// said of it.
pub(crate) fn stop(pool: &Pool, volumes: &Thin, plan: &mut Plan<Step>) {
    for it in &volumes.shown {
        hide(it, |step| plan.steps.push(volume(&pool.name, step)));
    }
    for it in volumes.datasets.iter().filter(|it| it.is_mounted) {
        let dataset = it.dataset.clone();
        plan.steps
            .push(volume(&pool.name, VolumeStep::Unmount { dataset }));
    }
}

fn remove_units(pool: &Pool, volumes: &Thin, plan: &mut Plan<Step>) {
    for it in volumes.datasets.iter().filter(|it| it.has_unit) {
        let dataset = it.dataset.clone();
        plan.steps
            .push(volume(&pool.name, VolumeStep::RemoveUnit { dataset }));
    }
}

/// The volumes stay active, as any block device stays.
pub(crate) fn export(pool: &Pool, volumes: &Thin, plan: &mut Plan<Step>) {
    remove_units(pool, volumes, plan);
    plan.warnings.push(format!(
        "its volumes stay active: `vgchange --activate n {}` before its device is taken out",
        group(&pool.name)
    ));
}

/// All volumes of it, and what LVM has written on its device.
pub(crate) fn delete(
    facts: Facts<'_>,
    pool: &Pool,
    volumes: &Thin,
    device: &BlockDevice,
    mut plan: Plan<Step>,
) -> Result<Plan<Step>, Refusal> {
    let tower = facts.devices.tower(&device.name);
    let below = format!("{}/", pool.at);
    let mut places = tower.iter().flat_map(|it| &it.mounts);
    if let Some(at) = places.find(|it| **it != pool.at && !it.starts_with(&below)) {
        return Err(Refusal::MountedElsewhere {
            pool: pool.name.clone(),
            at: at.clone(),
        });
    }
    if volumes.is_active {
        plan.steps.push(thin(&pool.name, GroupStep::RemoveGroup));
    }
    plan.steps.push(Step::WipeSignatures {
        device: device.id.clone(),
    });
    remove_units(pool, volumes, &mut plan);
    // Last: as long as there is something left to do the pool has its name.
    plan.steps.push(Step::RemoveUnit {
        pool: pool.name.clone(),
    });
    plan.dangers.push(Danger::DestroysData {
        device: device.id.to_string(),
        content: device.content(),
    });
    say_volumes(facts.devices, device, &mut plan);
    Ok(plan)
}

/// The group first, then the thin pool in it. Datasets keep their sizes.
pub(crate) fn grow(pool: &Pool, device: &BlockDevice, plan: &mut Plan<Step>) {
    let step = GroupStep::GrowDevice {
        device: device.id.clone(),
    };
    plan.steps.push(thin(&pool.name, step));
    plan.steps.push(thin(&pool.name, GroupStep::GrowThinPool));
    plan.warnings
        .push("datasets keep their sizes: `moxnas dataset quota` lets one have more".to_owned());
}

/// Whether a device is a physical volume of LVM.
fn is_physical(device: &BlockDevice) -> bool {
    let mut all = device.signatures.iter();
    all.any(|it| it.kind == super::PHYSICAL)
}

/// A group that a pool of this name was made of, here or elsewhere; `None`: the device is none of LVM.
pub(crate) fn import(
    facts: Facts<'_>,
    wish: &ImportPool,
    options: &[MountOption],
) -> Result<Option<Plan<Step>>, Refusal> {
    let Some(device) = facts.devices.by_id(&wish.device) else {
        return Ok(None);
    };
    if !is_physical(device) {
        return Ok(None);
    }
    let name = &wish.name;
    let tower = facts.devices.tower(&device.name);
    if let Some(of) = facts
        .devices
        .uses(&device.name)
        .into_iter()
        .find(|it| !matches!(it, moxnas_core::disk::Use::Holder { .. }))
    {
        return Err(Refusal::InUse {
            device: device.id.clone(),
            of,
        });
    }
    if tower.len() == 1 {
        return refuse(Why::NotActive(group(name)));
    }
    let root = mapped(name, &Volume::Root);
    if !tower.iter().any(|it| it.id == root) {
        return refuse(Why::NotAPool {
            device: device.id.to_string(),
            volume: root.to_string(),
        });
    }
    let volumes = super::datasets_of(&tower, name);
    let filesystem = volumes.iter().find_map(|(_, it)| filesystem_on(it));
    let filesystem = filesystem.unwrap_or(Filesystem::Ext4);
    let options: Vec<String> = options.iter().map(ToString::to_string).collect();
    let mut plan = Plan::default();
    plan.evidence.push(facts.devices.evidence(device));
    plan.steps.push(thin(
        name,
        GroupStep::WriteUnit {
            device: device.id.clone(),
            filesystem,
            options: options.clone(),
        },
    ));
    plan.steps.push(Step::Mount { pool: name.clone() });
    for (dataset, volume_of) in volumes {
        let step = VolumeStep::WriteUnit {
            dataset: dataset.clone(),
            filesystem: filesystem_on(volume_of).unwrap_or(filesystem),
            options: options.clone(),
        };
        plan.steps.push(volume(name, step));
        plan.steps.push(volume(name, VolumeStep::Mount { dataset }));
    }
    Ok(Some(plan))
}
