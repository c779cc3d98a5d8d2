//! The volumes of a pool among the block devices of a look.

use std::collections::BTreeMap;

use moxnas_core::disk::{BlockDevice, BlockDevices, DeviceId};

use super::{Kind, Mounting, Shown, Thin, ThinUnit, Volume, mapped, mapped_metadata};
use crate::{
    dataset::{DatasetName, dataset_path, snapshot_path},
    model::{Filesystem, Pool, PoolName},
    unit::MountUnit,
};

/// What libblkid calls a physical volume of LVM.
pub(crate) const PHYSICAL: &str = "LVM2_member";

/// The volumes of a pool among these devices: by name, as LVM names the devices of volumes.
fn volumes_of<'a>(among: &[&'a BlockDevice], pool: &PoolName) -> Vec<(Volume, &'a BlockDevice)> {
    let prefix = mapped(pool, &Volume::Root).to_string();
    let prefix = prefix.strip_suffix(super::ROOT).unwrap_or(&prefix);
    let volume = |it: &&'a BlockDevice| -> Option<(Volume, &'a BlockDevice)> {
        let id = it.id.to_string();
        let name = id.strip_prefix(prefix)?.replace("--", "-");
        let volume = Volume::parse(&name)?;
        // Whatever the name was taken for, it has to lead back to this device.
        (mapped(pool, &volume) == it.id).then_some((volume, *it))
    };
    among.iter().filter_map(volume).collect()
}

/// The datasets of a pool among these devices.
pub(crate) fn datasets_of<'a>(
    among: &[&'a BlockDevice],
    pool: &PoolName,
) -> Vec<(DatasetName, &'a BlockDevice)> {
    let dataset = |(volume, device)| match volume {
        Volume::Dataset(dataset) => Some((dataset, device)),
        _ => None,
    };
    volumes_of(among, pool)
        .into_iter()
        .filter_map(dataset)
        .collect()
}

/// The snapshots of a pool that somebody looks into.
fn shown(tower: &[&BlockDevice], pool: &PoolName) -> Vec<Shown> {
    let snapshot = |(volume, device): (Volume, &BlockDevice)| match volume {
        Volume::Snapshot(dataset, snapshot) => {
            let at = snapshot_path(pool, &dataset, &snapshot);
            Some(Shown {
                is_mounted: device.mounts.contains(&at),
                dataset,
                snapshot,
            })
        }
        _ => None,
    };
    let all = volumes_of(tower, pool).into_iter();
    let mut all: Vec<Shown> = all.filter_map(snapshot).collect();
    all.sort();
    all
}

/// A pool of thin volumes, as the kernel and these units show it.
pub(crate) fn pool(
    devices: &BlockDevices,
    unit: MountUnit,
    thin: ThinUnit,
    with_unit: &[(DatasetName, Option<Filesystem>)],
) -> Pool {
    let at = unit.at();
    let ThinUnit {
        physical,
        filesystem,
    } = thin;
    let all = devices.by_name.values();
    let mut on: Vec<&BlockDevice> = all.filter(|it| is_physical(it, &physical)).collect();
    on.sort_by_key(|it| it.id.to_string());
    let root = mapped(&unit.name, &Volume::Root);
    let stands_on = |it: &BlockDevice, id: &DeviceId| {
        let tower = devices.tower(&it.name);
        tower.iter().any(|it| it.id == *id)
    };
    // The one that is in use first, if any: it is the pool, whatever the others are.
    on.sort_by_key(|it| !stands_on(it, &root));
    let tower = on.first().map(|it| devices.tower(&it.name));
    let tower = tower.unwrap_or_default();
    let folder = tower.iter().find(|it| it.id == root);
    let mounted_there = |it: &&BlockDevice| it.mounts.contains(&at);
    let covering = devices.by_name.values().filter(mounted_there);
    let covering = covering.filter(|it| folder.is_none_or(|folder| folder.name != it.name));
    let datasets = mountings(&tower, &unit.name, filesystem, with_unit);
    let shown = shown(&tower, &unit.name);
    let metadata = mapped_metadata(&unit.name);
    Pool {
        covered_by: covering
            .map(|it| it.id.clone())
            .min_by_key(ToString::to_string),
        device: on.first().map(|it| it.id.clone()),
        clones: on.iter().skip(1).map(|it| it.id.clone()).collect(),
        size: on.first().map(|it| it.size),
        is_mounted: folder.is_some_and(|it| it.mounts.contains(&at)),
        kind: Kind::Thin(Thin {
            physical,
            is_active: folder.is_some(),
            is_open: folder.is_none() && tower.iter().any(|it| it.id == metadata),
            datasets,
            shown,
        }),
        name: unit.name,
        filesystem,
        uuid: unit.uuid,
        options: unit.options,
        at,
        is_wanted: false,
        is_forced_read_only: false,
        errors: Vec::new(),
        last_error: None,
    }
}

/// What is on a volume is what its superblock says; of one that is not active, what its unit says.
fn mountings(
    tower: &[&BlockDevice],
    pool: &PoolName,
    of_pool: Filesystem,
    with_unit: &[(DatasetName, Option<Filesystem>)],
) -> Vec<Mounting> {
    let active: BTreeMap<DatasetName, &BlockDevice> =
        datasets_of(tower, pool).into_iter().collect();
    let units: BTreeMap<&DatasetName, Option<Filesystem>> =
        with_unit.iter().map(|(it, on)| (it, *on)).collect();
    let mut names: Vec<DatasetName> = active
        .keys()
        .chain(units.keys().copied())
        .cloned()
        .collect();
    names.sort();
    names.dedup();
    let one = |dataset: DatasetName| {
        let at = dataset_path(pool, &dataset);
        let (device, unit) = (active.get(&dataset), units.get(&dataset));
        let found = device.and_then(|it| filesystem_on(it));
        Mounting {
            filesystem: found.or(unit.copied().flatten()).unwrap_or(of_pool),
            has_unit: unit.is_some(),
            is_active: device.is_some(),
            is_mounted: device.is_some_and(|it| it.mounts.contains(&at)),
            is_forced_read_only: false,
            dataset,
        }
    };
    names.into_iter().map(one).collect()
}

/// What is on a volume, by its superblock.
pub(crate) fn filesystem_on(volume: &BlockDevice) -> Option<Filesystem> {
    let mut all = volume.signatures.iter();
    all.find_map(|it| it.kind.parse().ok())
}

fn is_physical(device: &BlockDevice, uuid: &str) -> bool {
    let mut signatures = device.signatures.iter();
    signatures.any(|it| it.kind == PHYSICAL && it.uuid.as_deref() == Some(uuid))
}
