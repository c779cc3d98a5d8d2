//! What LVM says of volumes, and what of their steps is done without a program.

use std::{
    collections::BTreeSet,
    fs,
    time::{Duration, SystemTime},
};

use moxnas_core::{
    cmd::CmdError,
    disk::{DeviceId, DiskBackend as _, SystemDisks},
    units::Bytes,
};
use serde::Deserialize;

use super::{SystemPools, argv, btrfs::Odd, folders, path_of};
use crate::{
    backend::BackendError,
    dataset::{
        Contents, Counting, Dataset, DatasetName, Snapshot, Space, Usage, dataset_path,
        snapshot_path,
    },
    lvm::{self, Fill, GroupStep, ThinUnit, Volume, VolumeStep, VolumeUnit, is_physical_uuid},
    model::{Filesystem, Pool, PoolName},
    unit::{MountUnit, UNIT_FOLDER, is_uuid, mount_point, unit_of},
};

/// What lvs(8) prints by `--reportformat json`.
#[derive(Deserialize)]
struct Report {
    report: Vec<Lists>,
}

#[derive(Deserialize)]
struct Lists {
    lv: Vec<Said>,
}

/// What it says of a volume. All of it is text, and what does not apply is empty.
#[derive(Deserialize)]
struct Said {
    lv_name: String,
    lv_uuid: String,
    lv_size: String,
    origin_uuid: String,
    data_percent: String,
    metadata_percent: String,
    lv_time: String,
    lv_permissions: String,
    lv_health_status: String,
    lv_check_needed: String,
    thin_id: String,
}

impl Said {
    fn size(&self) -> Result<Bytes, Odd> {
        self.lv_size.parse().map(Bytes).map_err(|_| self.odd())
    }

    fn odd(&self) -> Odd {
        let Said {
            lv_name,
            lv_size,
            data_percent,
            thin_id,
            ..
        } = self;
        Odd::Volume(format!("{lv_name} {lv_size} {data_percent} {thin_id}"))
    }

    /// How much of it is taken; `None`: it is not active.
    fn used(&self) -> Result<Option<Bytes>, Odd> {
        let taken = hundredths(&self.data_percent).ok_or_else(|| self.odd())?;
        let Some(taken) = taken else {
            return Ok(None);
        };
        let used = u128::from(self.size()?.0) * u128::from(taken) / 10_000;
        Ok(u64::try_from(used).ok().map(Bytes))
    }

    fn created(&self) -> Option<SystemTime> {
        let seconds = self.lv_time.parse().ok()?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
    }
}

/// A percentage with two decimals, in hundredths; `Some(None)` where none is said.
fn hundredths(text: &str) -> Option<Option<u32>> {
    if text.is_empty() {
        return Some(None);
    }
    let (whole, part) = text.split_once('.')?;
    let (whole, part): (u32, u32) = match part.len() {
        2 => (whole.parse().ok()?, part.parse().ok()?),
        _ => return None,
    };
    Some(Some(whole.checked_mul(100)?.checked_add(part)?))
}

/// What is in a pool of thin volumes, by what [`argv::volumes`] says.
pub(super) fn contents(said: &str) -> Result<Contents, Odd> {
    let report: Report = serde_json::from_str(said).map_err(|err| Odd::Volume(err.to_string()))?;
    let all: Vec<Said> = report.report.into_iter().flat_map(|it| it.lv).collect();
    let mut contents = Contents {
        counting: Counting::On,
        ..Contents::default()
    };
    for it in &all {
        match Volume::parse(&it.lv_name) {
            Some(Volume::Root) => (),
            Some(Volume::Thin) => {
                (contents.space, contents.thin) = pool_of(it)?;
            }
            Some(Volume::Dataset(name)) => contents.datasets.push(dataset(name, it, &all)?),
            Some(Volume::Aside(name)) => contents.replaced.push(dataset(name, it, &all)?),
            Some(Volume::Snapshot(dataset, name)) => contents.snapshots.push(Snapshot {
                dataset,
                name,
                id: it.thin_id.parse().map_err(|_| it.odd())?,
                uuid: it.lv_uuid.clone(),
                read_only: it.lv_permissions == "read-only",
                created: it.created(),
                received: None,
                held: BTreeSet::new(),
                usage: None,
            }),
            Some(Volume::New(_)) | None => contents.others.push(it.lv_name.clone()),
        }
    }
    contents.sort();
    Ok(contents)
}

fn pool_of(it: &Said) -> Result<(Space, Option<Fill>), Odd> {
    let size = it.size()?;
    let used = it.used()?.unwrap_or_default();
    let percent = |text: &str| hundredths(text).ok_or_else(|| it.odd());
    let fill = Fill {
        data: percent(&it.data_percent)?.unwrap_or_default(),
        metadata: percent(&it.metadata_percent)?.unwrap_or_default(),
        needs_check: it.lv_check_needed == "check needed",
        health: Some(it.lv_health_status.clone()).filter(|it| !it.is_empty()),
    };
    let space = Space {
        size,
        used,
        available: Bytes(size.0.saturating_sub(used.0)),
        inodes: None,
    };
    Ok((space, Some(fill)))
}

/// What it shares with others is not counted: what only it has is what it takes where it shares nothing.
fn dataset(name: DatasetName, it: &Said, all: &[Said]) -> Result<Dataset, Odd> {
    let origin = Some(it.origin_uuid.clone()).filter(|it| !it.is_empty());
    let is_shared = origin.is_some() || all.iter().any(|other| other.origin_uuid == it.lv_uuid);
    let usage = it.used()?.map(|used| Usage {
        referenced: used,
        exclusive: if is_shared { Bytes(0) } else { used },
    });
    Ok(Dataset {
        name,
        id: it.thin_id.parse().map_err(|_| it.odd())?,
        uuid: Some(it.lv_uuid.clone()),
        origin,
        read_only: it.lv_permissions == "read-only",
        quota: Some(it.size()?),
        usage,
        folder: None,
    })
}

impl SystemPools {
    pub(super) fn volumes(&self, pool: &Pool) -> Result<Contents, BackendError> {
        let mut contents = contents(&self.asked_of_volumes(&pool.name)?)?;
        contents.take_notes(|it| folders::note(&self.root, &pool.name, it))?;
        Ok(contents)
    }

    fn asked_of_volumes(&self, pool: &PoolName) -> Result<String, BackendError> {
        Ok(self.runner.run(&argv::volumes(pool))?.text())
    }

    /// What comes before the command of a step; whether that is needed still.
    pub(super) fn before_group(
        &self,
        pool: &PoolName,
        step: &GroupStep,
    ) -> Result<bool, BackendError> {
        match step {
            GroupStep::MakeGroup { device } => self.check_blank(device)?,
            GroupStep::WriteUnit {
                device,
                filesystem,
                options,
            } => self.write_group_unit(pool, device, *filesystem, options)?,
            // lvextend(8) calls it an error when there is nothing to do.
            GroupStep::GrowThinPool => {
                let free = self.runner.run(&argv::free_extents(pool))?.text();
                return Ok(free.trim() != "0");
            }
            _ => (),
        }
        Ok(true)
    }

    fn write_group_unit(
        &self,
        pool: &PoolName,
        device: &DeviceId,
        filesystem: Filesystem,
        options: &[String],
    ) -> Result<(), BackendError> {
        let seen = SystemDisks::new(self.root.clone()).devices()?;
        let unit = group_unit(&seen, pool, device, filesystem, options)?;
        Ok(self
            .root
            .replace(path_of(pool), unit.render().as_bytes(), 0o644)?)
    }

    /// What comes before the command of a step; whether that is needed still.
    pub(super) fn before_volume(
        &self,
        pool: &PoolName,
        step: &VolumeStep,
    ) -> Result<bool, BackendError> {
        match step {
            VolumeStep::WriteUnit { dataset, .. } => {
                let text = step.unit(pool).map(|it| it.render());
                let file = unit_file(pool, dataset);
                self.root
                    .replace(file, text.unwrap_or_default().as_bytes(), 0o644)?;
            }
            VolumeStep::RemoveUnit { dataset } => {
                self.root.remove(wanted(pool, dataset))?;
                self.root.remove(unit_file(pool, dataset))?;
                // Empty folders only; else they are not gone, and nothing is lost.
                let links = wanted_folder(pool);
                for folder in [dataset_path(pool, dataset), links] {
                    _ = fs::remove_dir(self.root.path(folder));
                }
            }
            VolumeStep::Mount { dataset } => self.check_folder(dataset_path(pool, dataset))?,
            VolumeStep::MountSnapshot {
                dataset, snapshot, ..
            } => {
                let at = snapshot_path(pool, dataset, snapshot);
                self.check_folder(at.clone())?;
                folders::make_folder(&self.root, &at)?;
            }
            // There is none of that name, so nothing was written down of it.
            VolumeStep::TakeSnapshot { dataset, snapshot } => {
                self.root
                    .remove(crate::dataset::note_path(pool, dataset, snapshot))?;
            }
            // What it is held for has to be there as soon as it is.
            VolumeStep::RenameSnapshot {
                dataset,
                snapshot,
                to,
            } => folders::copy_note(&self.root, pool, snapshot, [dataset, to])?,
            // lvextend(8) calls it an error when it is as large already.
            VolumeStep::Grow { dataset, size } => {
                let contents = contents(&self.asked_of_volumes(pool)?)?;
                let has = contents.dataset(dataset.as_str()).and_then(|it| it.quota);
                return Ok(has.is_none_or(|has| has < *size));
            }
            _ => (),
        }
        Ok(true)
    }

    /// Why a step failed, in place of an error that does not say it.
    pub(super) fn volume_failed(
        &self,
        pool: &PoolName,
        step: &VolumeStep,
        err: CmdError,
    ) -> BackendError {
        match step {
            VolumeStep::Unmount { dataset } => self.busy(dataset_path(pool, dataset), err),
            VolumeStep::UnmountSnapshot { dataset, snapshot } => {
                self.busy(snapshot_path(pool, dataset, snapshot), err)
            }
            VolumeStep::Mount { dataset } => {
                self.not_mounted(pool, &dataset_path(pool, dataset), err)
            }
            _ => err.into(),
        }
    }
}

/// The unit of a pool, by the UUIDs that are on its device and on its folder.
pub(crate) fn group_unit(
    seen: &moxnas_core::disk::BlockDevices,
    pool: &PoolName,
    device: &DeviceId,
    filesystem: Filesystem,
    options: &[String],
) -> Result<MountUnit, BackendError> {
    let uuid = |id: &DeviceId, kind: &str| -> Result<Option<String>, BackendError> {
        let found = seen.by_id(id);
        let found = found.ok_or_else(|| BackendError::DeviceGone(id.clone()))?;
        let mut signatures = found.signatures.iter();
        let signature = signatures.find(|it| it.kind == kind);
        Ok(signature.and_then(|it| it.uuid.clone()))
    };
    let physical = uuid(device, lvm::PHYSICAL)?.filter(|it| is_physical_uuid(it));
    let physical = physical.ok_or_else(|| BackendError::NotPhysical(device.clone()))?;
    let root = lvm::mapped(pool, &Volume::Root);
    let folder = uuid(&root, Filesystem::Ext4.word())?.filter(|it| is_uuid(it));
    Ok(MountUnit {
        devices: None,
        name: pool.clone(),
        filesystem: Filesystem::Ext4,
        uuid: folder.ok_or(BackendError::NoFilesystem {
            device: root,
            filesystem: Filesystem::Ext4,
        })?,
        options: options.to_vec(),
        thin: Some(ThinUnit {
            physical,
            filesystem,
        }),
    })
}

/// Where the unit of a dataset is.
#[must_use]
pub fn unit_file(pool: &PoolName, dataset: &DatasetName) -> String {
    format!("{UNIT_FOLDER}/{}", VolumeUnit::file(pool, dataset))
}

/// The link by which the unit of the pool wants it.
pub(crate) fn wanted(pool: &PoolName, dataset: &DatasetName) -> String {
    let file = VolumeUnit::file(pool, dataset);
    format!("{}/{file}", wanted_folder(pool))
}

/// Where systemctl(1) links the units that the unit of a pool wants.
fn wanted_folder(pool: &PoolName) -> String {
    format!("{UNIT_FOLDER}/{}.wants", unit_of(&mount_point(pool)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Standing;

    macro_rules! captured {
        ($name:literal) => {
            [
                include_str!(concat!(
                    "../../fixtures/linux-6.1.0/lvm2-2.03.16/",
                    $name,
                    ".json"
                )),
                include_str!(concat!(
                    "../../fixtures/linux-6.12.117/lvm2-2.03.31/",
                    $name,
                    ".json"
                )),
            ]
        };
    }

    fn names(contents: &Contents) -> (Vec<&str>, Vec<&str>, Vec<&str>) {
        let datasets = contents.datasets.iter().map(|it| it.name.as_str());
        let snapshots = contents.snapshots.iter().map(|it| it.name.as_str());
        let aside = contents.replaced.iter().map(|it| it.name.as_str());
        (datasets.collect(), snapshots.collect(), aside.collect())
    }

    #[test]
    fn volumes_are_told_by_their_names() {
        for said in captured!("at-rest") {
            let contents = contents(said).unwrap();
            let all = ["monday", "auto-2026-11-21T14:00:00"];
            assert_eq!(names(&contents).1.len(), all.len());
            assert!(all.iter().all(|it| contents.snapshot("data", it).is_some()));
            let data = contents.dataset("data").unwrap();
            assert_eq!(data.quota, Some(Bytes(1 << 30)));
            let usage = data.usage.unwrap();
            assert!(usage.referenced > Bytes(20 << 20) && usage.exclusive == Bytes(0));
            assert!(
                contents
                    .snapshots
                    .iter()
                    .all(|it| it.read_only && it.created.is_some())
            );
            assert_eq!(contents.space.size, Bytes(406_847_488));
            assert_eq!(contents.thin.clone().unwrap().judge(), None);
            assert!(contents.others.is_empty());
        }
    }

    #[test]
    fn an_interrupted_rollback_is_seen() {
        for said in captured!("set-aside") {
            assert_eq!(names(&contents(said).unwrap()).2, ["data"]);
            assert_eq!(contents(said).unwrap().datasets, []);
        }
        for said in captured!("rolled-back") {
            let contents = contents(said).unwrap();
            let (data, aside) = (contents.dataset("data").unwrap(), &contents.replaced[0]);
            let monday = contents.snapshot("data", "monday").unwrap();
            assert_eq!(data.origin.as_deref(), Some(monday.uuid.as_str()));
            assert!(aside.id < data.id);
        }
        for said in captured!("kept") {
            let contents = contents(said).unwrap();
            let (_, snapshots, aside) = names(&contents);
            assert_eq!(aside, [""; 0]);
            assert!(snapshots.contains(&"before-monday"), "{snapshots:?}");
        }
    }

    #[test]
    fn what_is_being_made_is_no_dataset_yet() {
        for said in captured!("making") {
            let contents = contents(said).unwrap();
            assert_eq!(contents.datasets, []);
            assert_eq!(contents.others, ["n.data"]);
        }
        for said in captured!("no-volumes") {
            assert_eq!(contents(said).unwrap().thin, None);
        }
    }

    #[test]
    fn what_is_not_active_tells_less() {
        for said in captured!("inactive") {
            let contents = contents(said).unwrap();
            assert_eq!(contents.dataset("data").unwrap().usage, None);
        }
    }

    #[test]
    fn a_full_pool_says_so() {
        let said = include_str!("../../fixtures/linux-6.1.0/lvm2-2.03.16/full.json");
        let fill = contents(said).unwrap().thin.unwrap();
        assert!(fill.is_full());
        let (standing, reasons) = fill.judge().unwrap();
        assert_eq!(standing, Standing::ReadOnly);
        assert!(reasons[0].contains("out_of_data"), "{reasons:?}");
    }

    #[test]
    fn what_cannot_be_is_an_error() {
        let [said, _] = captured!("at-rest");
        for (old, new) in [
            ("\"lv_size\":\"1073741824\"", "\"lv_size\":\"many\""),
            ("\"thin_id\":\"2\"", "\"thin_id\":\"\""),
            ("\"lv_uuid\"", "\"uuid\""),
        ] {
            assert!(said.contains(old), "{old}");
            assert!(contents(&said.replacen(old, new, 1)).is_err(), "{old}");
        }
        assert!(contents("").is_err());
        for (text, is) in [
            ("12.34", Some(Some(1_234))),
            ("", Some(None)),
            ("1", None),
            ("1.2", None),
        ] {
            assert_eq!(hundredths(text), is, "{text:?}");
        }
    }
}
