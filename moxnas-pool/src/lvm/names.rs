//! What volumes are called, see "VALID NAMES" of lvm(8).

use std::fmt;

use moxnas_core::{disk::DeviceId, units::Bytes};

use crate::{
    dataset::{DatasetName, SnapshotName},
    model::{Filesystem, PoolName},
};

/// The thin pool of a group.
pub const THIN: &str = "thin";
/// What LVM calls the volume in which a thin pool keeps what it knows of its volumes.
pub const METADATA: &str = "thin_tmeta";
/// The volume that is the folder of a pool.
pub const ROOT: &str = "root";
/// How large it is. Nothing but the folders of the datasets is meant to be in it.
pub const ROOT_SIZE: Bytes = Bytes(64 << 20);
/// What sizes of volumes are made of: the extent that vgcreate(8) takes if nothing else is said.
pub const EXTENT: u64 = 4 << 20;
/// The longest name of a device that device-mapper takes, in bytes.
const LONGEST: usize = 127;

/// A volume of a pool, by what its name says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Volume {
    /// The thin pool.
    Thin,
    /// The folder of the pool.
    Root,
    /// A dataset.
    Dataset(DatasetName),
    /// A snapshot of a dataset.
    Snapshot(DatasetName, SnapshotName),
    /// What was a dataset until a rollback set it aside.
    Aside(DatasetName),
    /// What is to become a dataset.
    New(DatasetName),
}

impl Volume {
    /// What this name says; `None`: it is none of MoxNAS.
    #[must_use]
    pub fn parse(name: &str) -> Option<Volume> {
        let (kind, rest) = match name {
            THIN => return Some(Volume::Thin),
            ROOT => return Some(Volume::Root),
            other => other.split_once('.')?,
        };
        let dataset = || rest.parse().ok();
        match kind {
            "d" => dataset().map(Volume::Dataset),
            "r" => dataset().map(Volume::Aside),
            "n" => dataset().map(Volume::New),
            "s" => {
                let (dataset, snapshot) = rest.split_once('.')?;
                // No colon may be in a name of LVM, and no plus sign in one of ours.
                let snapshot = snapshot.replace('+', ":");
                Some(Volume::Snapshot(
                    dataset.parse().ok()?,
                    snapshot.parse().ok()?,
                ))
            }
            _ => None,
        }
    }

    /// Whether device-mapper takes the name, in the group of this pool.
    #[must_use]
    pub fn fits(&self, pool: &PoolName) -> bool {
        mapped_name(pool, self).len() <= LONGEST
    }
}

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Volume::Thin => f.write_str(THIN),
            Volume::Root => f.write_str(ROOT),
            Volume::Dataset(dataset) => write!(f, "d.{dataset}"),
            Volume::Aside(dataset) => write!(f, "r.{dataset}"),
            Volume::New(dataset) => write!(f, "n.{dataset}"),
            Volume::Snapshot(dataset, snapshot) => {
                let snapshot = snapshot.as_str().replace(':', "+");
                write!(f, "s.{dataset}.{snapshot}")
            }
        }
    }
}

/// The volume group of a pool.
#[must_use]
pub fn group(pool: &PoolName) -> String {
    format!("moxnas_{pool}")
}

/// The block device of the metadata of a thin pool.
pub(crate) fn mapped_metadata(pool: &PoolName) -> DeviceId {
    let group = group(pool).replace('-', "--");
    DeviceId::Dm(format!("{group}-{METADATA}"))
}

/// A volume as the commands of LVM name it.
pub(crate) fn named(pool: &PoolName, volume: &Volume) -> String {
    format!("{}/{volume}", group(pool))
}

/// Where a volume is found while it is active.
#[must_use]
pub fn path(pool: &PoolName, volume: &Volume) -> String {
    format!("/dev/{}", named(pool, volume))
}

fn mapped_name(pool: &PoolName, volume: &Volume) -> String {
    // A dash parts group and volume, so one that is in a name is written twice.
    let [group, volume] = [group(pool), volume.to_string()].map(|it| it.replace('-', "--"));
    format!("{group}-{volume}")
}

/// The block device of a volume.
#[must_use]
pub fn mapped(pool: &PoolName, volume: &Volume) -> DeviceId {
    DeviceId::Dm(mapped_name(pool, volume))
}

/// The smallest device of which a pool is made: the folder of the pool, and room for what LVM writes down.
#[must_use]
pub fn smallest(filesystem: Filesystem) -> Bytes {
    Bytes(ROOT_SIZE.0 + filesystem.smallest_device().0 + (32 << 20))
}

/// As many whole extents as fit into so much: no volume is larger than was said.
#[must_use]
pub fn whole_extents(size: Bytes) -> Bytes {
    Bytes(size.0 - size.0 % EXTENT)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As lvm2 2.03.16 and 2.03.31 name devices.
    #[test]
    fn dashes_are_doubled() {
        let pool = "on-disk".parse().unwrap();
        let volume = Volume::Dataset("my-data".parse().unwrap());
        assert_eq!(
            mapped(&pool, &volume),
            DeviceId::Dm("moxnas_on--disk-d.my--data".to_owned())
        );
        assert_eq!(path(&pool, &volume), "/dev/moxnas_on-disk/d.my-data");
    }

    #[test]
    fn what_is_none_of_ours_has_no_meaning() {
        for name in [
            "",
            "data",
            "x.data",
            "d.",
            "s.data",
            "s.data.",
            "thin_tdata",
            "[lvol0_pmspare]",
        ] {
            assert_eq!(Volume::parse(name), None, "{name:?}");
        }
    }

    #[test]
    fn too_long_is_told_before_it_is_tried() {
        let pool = "p".repeat(32).parse().unwrap();
        let dataset: DatasetName = "d".repeat(64).parse().unwrap();
        assert!(Volume::Dataset(dataset.clone()).fits(&pool));
        let snapshot = "s".repeat(64).parse().unwrap();
        assert!(!Volume::Snapshot(dataset, snapshot).fits(&pool));
    }

    proptest! {
        #[test]
        fn what_is_named_is_read(dataset in "[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}", snapshot in "[a-zA-Z0-9][a-zA-Z0-9_:-]{0,63}") {
            let (dataset, snapshot): (DatasetName, SnapshotName) = (dataset.parse().unwrap(), snapshot.parse().unwrap());
            for volume in [
                Volume::Dataset(dataset.clone()),
                Volume::Aside(dataset.clone()),
                Volume::New(dataset.clone()),
                Volume::Snapshot(dataset, snapshot),
            ] {
                prop_assert_eq!(Volume::parse(&volume.to_string()), Some(volume));
            }
        }
    }
}
