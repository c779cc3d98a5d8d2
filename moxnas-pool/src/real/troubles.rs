//! What the kernel says of filesystems that are mounted: it keeps all of it in memory, and answers
//! without asking a disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use moxnas_core::{
    chain::chain,
    disk::{BlockDevices, DeviceId, Mount, mounts},
    root::{FileError, Root},
};

use super::heard::Heard;
use crate::{
    dataset::{DatasetName, dataset_path},
    lvm::{Kind, Volume, mapped},
    model::{ErrorCount, Filesystem, Pool, Pools},
    unit::{WANTED_FOLDER, unit_of},
};

/// Add to pools whether they are to be mounted, whether they can be written, and what their
/// filesystems have counted.
pub(super) fn find(
    root: &Root,
    devices: &BlockDevices,
    pools: &mut Pools,
    heard: &Mutex<Heard>,
) -> Result<(), FileError> {
    if pools.all.is_empty() {
        return Ok(());
    }
    let mut heard = heard.lock().expect("no holder of this lock panics");
    if let Err(err) = heard.listen(root) {
        pools.errors.push(chain(&err));
    }
    let wanted: BTreeSet<String> = root.list(WANTED_FOLDER)?.into_iter().collect();
    let mounts = mounts(root)?;
    // The last one that is mounted at a place is the one that is seen there.
    let mounted: BTreeMap<&str, &Mount> = mounts.iter().map(|it| (it.at.as_str(), it)).collect();
    for pool in &mut pools.all {
        pool.is_wanted = wanted.contains(&unit_of(&pool.at));
        if !pool.is_mounted {
            continue;
        }
        let is_ro = |options: &[String]| options.iter().any(|it| it == "ro");
        let forced = !is_ro(&pool.options);
        if let Kind::Thin(thin) = &mut pool.kind {
            for it in &mut thin.datasets {
                let at = dataset_path(&pool.name, &it.dataset);
                let mount = mounted.get(at.as_str());
                it.is_forced_read_only = forced && mount.is_some_and(|it| is_ro(&it.options));
            }
        }
        let mount = mounted.get(pool.at.as_str());
        pool.is_forced_read_only =
            mount.is_some_and(|it| is_ro(&it.options)) && !is_ro(&pool.options);
        if let Kind::Devices(it) = &mut pool.kind {
            let data = root.list(format!("/sys/fs/btrfs/{}/allocation/data", pool.uuid))?;
            it.profiles = data.into_iter().filter(|it| is_profile(it)).collect();
            let folder = format!("/sys/fs/btrfs/{}", pool.uuid);
            let numbers = root.list(format!("{folder}/devinfo"))?.into_iter();
            // What takes the place of another one has 0 until it has it.
            let numbers = numbers.filter_map(|it| it.parse().ok());
            it.numbers = numbers.filter(|it| *it != 0).collect();
            it.numbers.sort_unstable();
            let busy = root.read(format!("{folder}/exclusive_operation"))?;
            let busy = busy.map(|it| it.trim().to_owned());
            it.busy = busy.filter(|it| !it.is_empty() && it != "none");
        }
        match errors(root, devices, pool) {
            Ok(errors) => pool.errors = errors,
            Err(err) => pools
                .errors
                .push(format!("pool {}: {}", pool.name, chain(&err))),
        }
        tell(&heard, devices, pool);
    }
    Ok(())
}

/// Add to a pool what was heard of the filesystems on its devices.
fn tell(heard: &Heard, devices: &BlockDevices, pool: &mut Pool) {
    let name = |it: &DeviceId| devices.by_id(it).map(|it| it.name.clone());
    match &pool.kind {
        Kind::Filesystem => {
            if let Some(device) = pool.device.as_ref().and_then(name) {
                pool.is_forced_read_only |= heard.tell(&device, pool);
            }
        }
        Kind::Thin(thin) => {
            let all = thin.datasets.iter().filter(|it| it.is_mounted);
            let names: Vec<DatasetName> = all.map(|it| it.dataset.clone()).collect();
            for dataset in names {
                let volume = mapped(&pool.name, &Volume::Dataset(dataset.clone()));
                let is_stopped = name(&volume).is_some_and(|it| heard.tell(&it, pool));
                if let Kind::Thin(thin) = &mut pool.kind
                    && let Some(it) = thin.datasets.iter_mut().find(|it| it.dataset == dataset)
                {
                    it.is_forced_read_only |= is_stopped;
                }
            }
        }
        // btrfs counts its errors, and says among the options of the mount that it takes no writes.
        Kind::Devices(_) | Kind::Directory(_) => (),
    }
}

/// What a filesystem has counted, see the kernel's Documentation/ABI/testing/sysfs-fs-ext4 and
/// -btrfs; what xfs comes upon is in the log only.
fn errors(root: &Root, devices: &BlockDevices, pool: &Pool) -> Result<Vec<ErrorCount>, FileError> {
    let mut found = BTreeMap::new();
    if let Kind::Thin(thin) = &pool.kind {
        let volumes = thin.datasets.iter().filter(|it| it.is_mounted);
        let volumes = volumes.map(|it| Volume::Dataset(it.dataset.clone()));
        for volume in volumes.chain([Volume::Root]) {
            if let Some(device) = devices.by_id(&mapped(&pool.name, &volume)) {
                let file = format!("/sys/fs/ext4/{}/errors_count", device.name);
                let text = root.read(file)?.unwrap_or_default();
                count(&mut found, &format!("errors_count {text}"));
            }
        }
        return Ok(listed(found));
    }
    match pool.filesystem {
        Filesystem::Ext4 => {
            let device = pool.device.as_ref().and_then(|it| devices.by_id(it));
            if let Some(device) = device {
                let file = format!("/sys/fs/ext4/{}/errors_count", device.name);
                let text = root.read(file)?.unwrap_or_default();
                count(&mut found, &format!("errors_count {text}"));
            }
        }
        Filesystem::Btrfs => {
            let folder = format!("/sys/fs/btrfs/{}/devinfo", pool.uuid);
            let numbers = root.list(&folder)?;
            let there = root.list(format!("/sys/fs/btrfs/{}/devices", pool.uuid))?;
            // Seen with Linux 6.1 and 6.12: of a device that somebody removed while it was missing the folder stays,
            // and whoever reads in it is killed. Which it is nobody can tell without reading.
            if numbers.len() > there.len() {
                return Ok(Vec::new());
            }
            for device in numbers {
                let text = root.read(format!("{folder}/{device}/error_stats"))?;
                for line in text.unwrap_or_default().lines() {
                    count(&mut found, line);
                }
            }
        }
        Filesystem::Xfs => (),
    }
    Ok(listed(found))
}

/// Whether a folder there is named after a profile, see btrfs(5); others hold numbers.
fn is_profile(name: &str) -> bool {
    name.starts_with("raid") || ["single", "dup"].contains(&name)
}

fn listed(found: BTreeMap<String, u64>) -> Vec<ErrorCount> {
    let errors = found.into_iter();
    errors
        .map(|(what, count)| ErrorCount { what, count })
        .collect()
}

/// A line such as `corruption_errs 3`, added to those of other devices.
fn count(found: &mut BTreeMap<String, u64>, line: &str) {
    if let Some((what, number)) = line.trim().split_once(' ')
        && let Ok(number @ 1..) = number.trim().parse::<u64>()
    {
        *found.entry(what.to_owned()).or_default() += number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Linux 6.1 shows it.
    #[test]
    fn errors_of_all_devices_are_counted_together() {
        let mut found = BTreeMap::new();
        for line in [
            "write_errs 0",
            "read_errs 2",
            "corruption_errs 3",
            "corruption_errs 4",
            "errors_count 1\n",
            "",
            "x",
            "y z",
        ] {
            count(&mut found, line);
        }
        let all = [
            ("corruption_errs", 7),
            ("errors_count", 1),
            ("read_errs", 2),
        ];
        assert_eq!(found, all.map(|(what, it)| (what.to_owned(), it)).into());
    }
}
