//! How block devices stand on each other, and what uses them.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use super::{BlockDevice, BlockDevices, BlockKind, DeviceId, Disk};

/// Something that uses a block device, or a device that stands on it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Use {
    /// A filesystem on it is mounted.
    Mount {
        /// The device that is mounted.
        device: String,
        /// Where.
        at: String,
    },
    /// The kernel swaps to it.
    Swap {
        /// The device that is swapped to.
        device: String,
    },
    /// An array, a logical volume or an encrypted volume is made of it.
    Holder {
        /// The kernel name of what holds it.
        device: String,
    },
}

impl Use {
    /// Whether the running system itself stands on it.
    #[must_use]
    pub fn is_system(&self) -> bool {
        match self {
            Use::Mount { at, .. } => {
                let folders = [
                    "/",
                    "/boot",
                    "/boot/efi",
                    "/efi",
                    "/usr",
                    "/var",
                    "/etc",
                    "/home",
                ];
                folders.contains(&at.as_str())
            }
            Use::Swap { .. } => true,
            Use::Holder { .. } => false,
        }
    }
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Use::Mount { device, at } => write!(f, "{device} is mounted at {at}"),
            Use::Swap { device } => write!(f, "{device} is swapped to"),
            Use::Holder { device } => write!(f, "{device} is made of it"),
        }
    }
}

/// A text does not lead to exactly one device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Nothing of that name.
    #[error("there is no device {0}")]
    Unknown(String),
    /// More than one device of that name, such as two disks with one serial number.
    #[error("{text} may be any of {}", candidates.join(", "))]
    Ambiguous {
        /// What was asked for.
        text: String,
        /// The kernel names.
        candidates: Vec<String>,
    },
}

impl BlockDevices {
    /// The device of this kernel name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&BlockDevice> {
        self.by_name.get(name)
    }

    /// The device with this id. Two devices with one id are nobody: see [`Self::same_id`].
    #[must_use]
    pub fn by_id(&self, id: &DeviceId) -> Option<&BlockDevice> {
        let mut found = self.by_name.values().filter(|it| it.id == *id);
        found.next().filter(|_| found.next().is_none())
    }

    /// All devices that claim this id; more than one for clones and broken enclosures.
    pub fn same_id<'a>(&'a self, id: &DeviceId) -> impl Iterator<Item = &'a BlockDevice> + use<'a> {
        let id = id.clone();
        self.by_name.values().filter(move |it| it.id == id)
    }

    /// The whole disks.
    pub fn disks(&self) -> impl Iterator<Item = &BlockDevice> {
        self.by_name
            .values()
            .filter(|it| matches!(it.kind, BlockKind::Disk(_)))
    }

    /// The device a person means: an id, another name under `/dev/disk/by-id`, a serial number, a
    /// kernel name, or any of these as a path below `/dev`.
    pub fn resolve(&self, text: &str) -> Result<&BlockDevice, ResolveError> {
        let name = text.rsplit_once('/').map_or(text, |(_, name)| name);
        let is_path = text.starts_with("/dev/");
        let id = name.parse::<DeviceId>().ok();
        let found: Vec<&BlockDevice> = self
            .by_name
            .values()
            .filter(|it| {
                it.name == name
                    || Some(&it.id) == id.as_ref()
                    || it.aliases.iter().any(|alias| alias == name)
                    || (!is_path && it.serial() == Some(name))
                    || (is_path && it.is_mapped_as(text))
            })
            .collect();
        match found.as_slice() {
            [] => Err(ResolveError::Unknown(text.to_owned())),
            [one] => Ok(one),
            many => Err(ResolveError::Ambiguous {
                text: text.to_owned(),
                candidates: many.iter().map(|it| it.name.clone()).collect(),
            }),
        }
    }

    /// The devices directly on top of this one: partitions, arrays, volumes.
    pub fn holders<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a BlockDevice> {
        self.by_name
            .values()
            .filter(move |it| it.slaves.iter().any(|slave| slave == name))
    }

    /// What was seen of a device and of everything on top of it: the evidence of a plan that is about
    /// the device.
    #[must_use]
    pub fn evidence(&self, device: &BlockDevice) -> String {
        let tower: Vec<String> = self
            .tower(&device.name)
            .iter()
            .map(|it| format!("{} {} {}", it.id, it.size.0, it.content()))
            .collect();
        format!("device {} [{}]", device.id, tower.join(", "))
    }

    /// The device and everything on top of it, however far up.
    #[must_use]
    pub fn tower(&self, name: &str) -> Vec<&BlockDevice> {
        let mut seen = BTreeSet::new();
        let mut all: Vec<&BlockDevice> = self.get(name).into_iter().collect();
        let mut next = 0;
        while let Some(device) = all.get(next) {
            if seen.insert(device.name.clone()) {
                all.extend(
                    self.holders(&device.name)
                        .filter(|it| !seen.contains(&it.name)),
                );
            }
            next += 1;
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all.dedup_by(|a, b| a.name == b.name);
        all
    }

    /// What is known of the disk that a device is or is a partition of.
    #[must_use]
    pub fn disk_below(&self, name: &str) -> Option<&Disk> {
        let device = self.get(name)?;
        match &device.kind {
            BlockKind::Disk(disk) => Some(disk),
            BlockKind::Partition { .. } => self.disk_below(device.slaves.first()?),
            BlockKind::Md | BlockKind::Dm { .. } | BlockKind::Other => None,
        }
    }

    /// All uses of the device and of everything on top of it. A partition by itself is no use.
    #[must_use]
    pub fn uses(&self, name: &str) -> Vec<Use> {
        let mut uses = Vec::new();
        for device in self.tower(name) {
            let named = || device.name.clone();
            let mounts = device.mounts.iter();
            uses.extend(mounts.map(|at| Use::Mount {
                device: named(),
                at: at.clone(),
            }));
            if device.swap {
                uses.push(Use::Swap { device: named() });
            }
            let is_part = matches!(device.kind, BlockKind::Partition { .. });
            if device.name != name && !is_part {
                uses.push(Use::Holder { device: named() });
            }
        }
        uses
    }
}

impl BlockDevice {
    /// The serial number, of a disk that tells one.
    #[must_use]
    pub fn serial(&self) -> Option<&str> {
        match &self.kind {
            BlockKind::Disk(disk) => disk.serial.as_deref(),
            _ => None,
        }
    }

    fn is_mapped_as(&self, path: &str) -> bool {
        let BlockKind::Dm { name, .. } = &self.kind else {
            return false;
        };
        path.strip_prefix("/dev/mapper/") == Some(name)
    }

    /// What is on it, in words.
    #[must_use]
    pub fn content(&self) -> String {
        if self.signatures.is_empty() {
            return "no signature".to_owned();
        }
        let all: Vec<String> = self
            .signatures
            .iter()
            .map(super::Signature::describe)
            .collect();
        all.join(", ")
    }
}
