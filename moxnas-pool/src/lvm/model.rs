//! What a look tells of thin volumes, and what only LVM tells.

use serde::{Deserialize, Serialize};

use crate::{
    dataset::{DatasetName, SnapshotName},
    devices::Devices,
    directory::Directory,
    model::{Filesystem, Standing},
};

/// What a pool is made of. ZFS would be a kind of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Kind {
    /// One filesystem on one device, in which all datasets are.
    #[default]
    Filesystem,
    /// One btrfs on several devices.
    Devices(Devices),
    /// A thin pool of LVM, with a filesystem for each dataset.
    Thin(Thin),
    /// A folder of a filesystem that is somebody else's, as the host of a container gives it.
    Directory(Directory),
}

impl Kind {
    /// Whether a dataset of such a pool is a volume of its own that is not mounted.
    #[must_use]
    pub fn is_away(&self, dataset: &str) -> bool {
        match self {
            Kind::Thin(thin) => !thin.is_mounted(dataset),
            Kind::Filesystem | Kind::Devices(_) | Kind::Directory(_) => false,
        }
    }
}

/// The volumes of a pool, as far as the kernel and the units tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thin {
    /// The UUID of the physical volume that they are on.
    pub physical: String,
    /// Whether the kernel has them: LVM activates them when it finds the device.
    pub is_active: bool,
    /// Whether the kernel has its metadata by themselves, which somebody goes over or was stopped at. Its
    /// volumes cannot be had meanwhile.
    #[serde(default)]
    pub is_open: bool,
    /// The datasets that have a unit or a volume that is active, by name.
    pub datasets: Vec<Mounting>,
    /// The snapshots that the kernel has, as somebody looks into them, by dataset and name.
    #[serde(default)]
    pub shown: Vec<Shown>,
}

/// A snapshot whose volume is active.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shown {
    /// Of which dataset.
    pub dataset: DatasetName,
    /// The snapshot.
    pub snapshot: SnapshotName,
    /// Whether it is mounted where it should be. If not, somebody was stopped before or after that.
    pub is_mounted: bool,
}

/// How a dataset is mounted that is a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mounting {
    /// The dataset.
    pub dataset: DatasetName,
    /// What is on its volume.
    pub filesystem: Filesystem,
    /// Whether it has a unit.
    pub has_unit: bool,
    /// Whether its volume is active.
    pub is_active: bool,
    /// Whether it is mounted where it should be.
    pub is_mounted: bool,
    /// The kernel lets nothing be written to it, though its unit says nothing of the kind.
    pub is_forced_read_only: bool,
}

impl Thin {
    /// How this dataset is mounted.
    #[must_use]
    pub fn find(&self, dataset: &str) -> Option<&Mounting> {
        self.datasets
            .iter()
            .find(|it| it.dataset.as_str() == dataset)
    }

    /// Whether this dataset is mounted.
    #[must_use]
    pub fn is_mounted(&self, dataset: &str) -> bool {
        self.find(dataset).is_some_and(|it| it.is_mounted)
    }

    /// How this snapshot is shown; `None`: the kernel does not have it.
    #[must_use]
    pub fn shown(&self, dataset: &str, snapshot: &str) -> Option<&Shown> {
        let is_it =
            |it: &&Shown| it.dataset.as_str() == dataset && it.snapshot.as_str() == snapshot;
        self.shown.iter().find(is_it)
    }

    /// What is wrong with the datasets of a pool that is mounted, and how it is for that.
    pub(crate) fn judge(&self, reasons: &mut Vec<String>) -> Standing {
        let mut standing = Standing::Mounted;
        for it in &self.datasets {
            let dataset = &it.dataset;
            if it.is_forced_read_only {
                reasons.push(format!(
                    "the kernel lets nothing be written to dataset {dataset} any more"
                ));
                standing = Standing::ReadOnly;
            } else if !it.is_mounted {
                reasons.push(match it.is_active {
                    true => format!("dataset {dataset} is not mounted"),
                    false => format!("the volume of dataset {dataset} is not there"),
                });
                if standing == Standing::Mounted {
                    standing = Standing::Damaged;
                }
            }
        }
        standing
    }
}

/// How full a thin pool is, and what else only LVM tells of it, see lvs(8).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// How much of its data is taken, in hundredths of a percent.
    pub data: u32,
    /// How much is taken of the room for what it knows of its volumes, in hundredths of a percent.
    pub metadata: u32,
    /// Its metadata have to be checked before they can be relied on.
    pub needs_check: bool,
    /// What LVM says is wrong (`lv_health_status`): `out_of_data`, `metadata_read_only`, `failed`.
    pub health: Option<String>,
}

/// From here on somebody is told, in hundredths of a percent.
const ALMOST_FULL: u32 = 8_000;
const FULL: u32 = 10_000;

impl Fill {
    /// Whether nothing more can be written to it that needs room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.data >= FULL || self.metadata >= FULL || self.health.is_some()
    }

    /// How a pool is for it, with the reasons; `None`: there is nothing to say.
    #[must_use]
    pub fn judge(&self) -> Option<(Standing, Vec<String>)> {
        let mut reasons = Vec::new();
        if self.needs_check {
            reasons.push("the metadata of its thin pool have to be checked".to_owned());
        }
        if let Some(health) = &self.health {
            reasons.push(format!("LVM says of its thin pool: {health}"));
        }
        for (taken, what) in [(self.data, "data"), (self.metadata, "metadata")] {
            if taken >= ALMOST_FULL {
                let (whole, part) = (taken / 100, taken % 100);
                reasons.push(format!(
                    "the {what} of its thin pool are {whole}.{part:02} % full: when they are full, \
                     what is written to any of its datasets is refused"
                ));
            }
        }
        let standing = match (self.needs_check, self.is_full()) {
            (true, _) => Standing::Damaged,
            (false, true) => Standing::ReadOnly,
            (false, false) => Standing::Mounted,
        };
        (!reasons.is_empty()).then_some((standing, reasons))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_almost_full_is_told_so() {
        let fill = |data, metadata| Fill {
            data,
            metadata,
            ..Fill::default()
        };
        assert_eq!(fill(7_999, 1_200).judge(), None);
        let (standing, reasons) = fill(8_005, 1_200).judge().unwrap();
        assert_eq!((standing, reasons.len()), (Standing::Mounted, 1));
        assert!(reasons[0].contains("80.05 %"), "{reasons:?}");
        for full in [fill(FULL, 0), fill(0, FULL)] {
            assert_eq!(full.judge().unwrap().0, Standing::ReadOnly);
        }
        let unchecked = Fill {
            needs_check: true,
            ..fill(0, 0)
        };
        assert_eq!(unchecked.judge().unwrap().0, Standing::Damaged);
    }
}
