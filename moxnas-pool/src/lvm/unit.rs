//! The `.mount` unit of a dataset that is a thin volume, and what the unit of its pool says besides.

use crate::{
    dataset::{DatasetName, dataset_path},
    model::{Filesystem, PoolName},
    unit::{mount_point, unit_of},
};

use super::{Volume, path};

const MARK: &str = "# Made by MoxNAS: dataset ";

/// What the unit of a pool says of its thin volumes, in a section that systemd passes over
/// (systemd.unit(5): those that begin with `X-`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThinUnit {
    /// The UUID of the physical volume that the group is on.
    pub physical: String,
    /// The filesystem that its datasets are made with.
    pub filesystem: Filesystem,
}

/// The unit of a dataset: which volume is mounted where, with which options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeUnit {
    /// Its pool.
    pub pool: PoolName,
    /// The dataset.
    pub dataset: DatasetName,
    /// What is on its volume.
    pub filesystem: Filesystem,
    /// Options of mount(8), beside those of which `render` sees to it that they are there.
    pub options: Vec<String>,
}

/// Whether a text may be the UUID of a physical volume, see pvs(8): 32 letters and digits with dashes.
#[must_use]
pub fn is_physical_uuid(text: &str) -> bool {
    let is_fine = |it: u8| it.is_ascii_alphanumeric() || it == b'-';
    text.len() == 38 && text.bytes().all(is_fine)
}

impl VolumeUnit {
    /// The text of the file. By `discard` what is deleted is given back to all of the pool. A rolled back
    /// xfs has the UUID of its snapshot, which says nothing as volumes are mounted by their names
    /// (`nouuid`).
    #[must_use]
    pub fn render(&self) -> String {
        let VolumeUnit {
            pool,
            dataset,
            filesystem,
            options,
        } = self;
        let mut all = vec!["nofail", "discard"];
        if *filesystem == Filesystem::Xfs {
            all.push("nouuid");
        }
        all.extend(options.iter().map(String::as_str));
        let what = path(pool, &Volume::Dataset(dataset.clone()));
        let (at, all) = (dataset_path(pool, dataset), all.join(","));
        let wanted_by = unit_of(&mount_point(pool));
        format!(
            "{MARK}{pool}/{dataset}\n\
             [Unit]\n\
             Description=Dataset {dataset} of pool {pool}\n\
             \n\
             [Mount]\n\
             What={what}\n\
             Where={at}\n\
             Type={filesystem}\n\
             Options={all}\n\
             \n\
             [Install]\n\
             WantedBy={wanted_by}\n"
        )
    }

    /// The file that it is in.
    #[must_use]
    pub fn file(pool: &PoolName, dataset: &DatasetName) -> String {
        unit_of(&dataset_path(pool, dataset))
    }

    /// What is on the volume, as its unit says.
    #[must_use]
    pub fn filesystem(text: &str) -> Option<Filesystem> {
        let kind = text.lines().find_map(|it| it.strip_prefix("Type="));
        kind?.parse().ok()
    }

    /// Whose unit this is, by its first line; `None` for one that is no unit of a dataset.
    #[must_use]
    pub fn owner(text: &str) -> Option<(PoolName, DatasetName)> {
        let (pool, dataset) = text.lines().next()?.strip_prefix(MARK)?.split_once('/')?;
        Some((pool.parse().ok()?, dataset.parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_mounted_by_its_name_and_with_its_pool() {
        let unit = VolumeUnit {
            pool: "on-disk".parse().unwrap(),
            dataset: "data".parse().unwrap(),
            filesystem: Filesystem::Xfs,
            options: vec!["noatime".to_owned()],
        };
        let text = unit.render();
        for line in [
            "What=/dev/moxnas_on-disk/d.data",
            "Where=/srv/on-disk/data",
            "Options=nofail,discard,nouuid,noatime",
            "WantedBy=srv-on\\x2ddisk.mount",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} in {text}");
        }
        assert_eq!(VolumeUnit::filesystem(&text), Some(Filesystem::Xfs));
        assert_eq!(VolumeUnit::owner(&text), Some((unit.pool, unit.dataset)));
        assert_eq!(VolumeUnit::owner(&text.replacen('#', ";", 1)), None);
    }

    #[test]
    fn a_physical_volume_is_told_by_its_uuid() {
        assert!(is_physical_uuid("1M0lun-1fjZ-Sn2x-Ue7h-peK1-vJUh-ksbvpO"));
        for text in ["", "1M0lun", "../../../../../../../../../../etc/xxxx"] {
            assert!(!is_physical_uuid(text), "{text:?}");
        }
    }
}
