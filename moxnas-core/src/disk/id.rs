//! Who a block device is, whatever the kernel calls it today.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The longest name accepted; udev's links are shorter.
const MAX_LEN: usize = 200;

/// A disk's stable name: a link under `/dev/disk/by-id`, such as `wwn-0x5000c500a1b2c3d4` or
/// `nvme-eui.0025385b71b0aabb`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct DiskId(String);

impl DiskId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A device that can be named without its kernel name.
///
/// As text it is its link under `/dev/disk/by-id` where it has one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum DeviceId {
    /// A whole disk.
    Disk(DiskId),
    /// A partition of a disk: `…-part1`.
    Partition(DiskId, u32),
    /// An md array, by its UUID as mdadm(8) writes it: `md-uuid-3a1b…:…:…:…`.
    Md(String),
    /// A partition of an md array: `md-uuid-…-part1`.
    MdPartition(String, u32),
    /// A device-mapper device by its name: `dm-name-vg0-data`.
    Dm(String),
    /// A device without anything stable to call it by: `kernel:sdb`. It is shown and not used.
    Kernel(String),
    /// A member that an array still lists although its device has left: `gone:sdb`.
    Gone(String),
}

/// A text is no device id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the id of a device")]
pub struct BadDeviceId(pub String);

impl DeviceId {
    /// The device node that stays right when kernel names change.
    #[must_use]
    pub fn path(&self) -> Option<String> {
        match self {
            DeviceId::Kernel(_) | DeviceId::Gone(_) => None,
            _ => Some(format!("/dev/disk/by-id/{self}")),
        }
    }

    /// Whether it stays the same across reboots.
    #[must_use]
    pub fn is_stable(&self) -> bool {
        self.path().is_some()
    }
}

impl fmt::Display for DiskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceId::Disk(disk) => f.pad(disk.as_str()),
            DeviceId::Partition(disk, number) => f.pad(&format!("{disk}-part{number}")),
            DeviceId::Md(uuid) => f.pad(&format!("md-uuid-{uuid}")),
            DeviceId::MdPartition(uuid, number) => f.pad(&format!("md-uuid-{uuid}-part{number}")),
            DeviceId::Dm(name) => f.pad(&format!("dm-name-{name}")),
            DeviceId::Kernel(name) => f.pad(&format!("kernel:{name}")),
            DeviceId::Gone(name) => f.pad(&format!("gone:{name}")),
        }
    }
}

/// What udev lets stand in a link: it replaces everything else by `_`.
fn is_link_name(text: &str) -> bool {
    let allowed = |it: char| it.is_ascii_alphanumeric() || "#+-.:=@_".contains(it);
    !text.is_empty()
        && text.len() <= MAX_LEN
        && !text.starts_with(['-', '.'])
        && text.chars().all(allowed)
}

impl FromStr for DiskId {
    type Err = BadDeviceId;
    fn from_str(text: &str) -> Result<DiskId, BadDeviceId> {
        let other = ["md-uuid-", "dm-name-", "gone:", "kernel:"];
        let fits = is_link_name(text)
            && !other.iter().any(|it| text.starts_with(it))
            && partition_number(text).is_none();
        if fits {
            Ok(DiskId(text.to_owned()))
        } else {
            Err(BadDeviceId(text.to_owned()))
        }
    }
}

fn partition_number(text: &str) -> Option<(&str, u32)> {
    let (disk, number) = text.rsplit_once("-part")?;
    let number: u32 = number.parse().ok()?;
    (number > 0 && text.ends_with(&format!("-part{number}"))).then_some((disk, number))
}

impl FromStr for DeviceId {
    type Err = BadDeviceId;
    fn from_str(text: &str) -> Result<DeviceId, BadDeviceId> {
        if !is_link_name(text) {
            return Err(BadDeviceId(text.to_owned()));
        }
        let rest = |prefix| {
            text.strip_prefix(prefix)
                .filter(|it| !it.is_empty())
                .map(str::to_owned)
        };
        if let Some(uuid) = rest("md-uuid-") {
            return Ok(match partition_number(&uuid) {
                Some((array, number)) => DeviceId::MdPartition(array.to_owned(), number),
                None => DeviceId::Md(uuid),
            });
        }
        if let Some(name) = rest("dm-name-") {
            return Ok(DeviceId::Dm(name));
        }
        if let Some(name) = rest("gone:") {
            return Ok(DeviceId::Gone(name));
        }
        if let Some(name) = rest("kernel:") {
            return Ok(DeviceId::Kernel(name));
        }
        match partition_number(text) {
            Some((disk, number)) => Ok(DeviceId::Partition(disk.parse()?, number)),
            None => Ok(DeviceId::Disk(text.parse()?)),
        }
    }
}

impl TryFrom<String> for DiskId {
    type Error = BadDeviceId;
    fn try_from(text: String) -> Result<DiskId, BadDeviceId> {
        text.parse()
    }
}

impl From<DiskId> for String {
    fn from(it: DiskId) -> String {
        it.0
    }
}

impl TryFrom<String> for DeviceId {
    type Error = BadDeviceId;
    fn try_from(text: String) -> Result<DeviceId, BadDeviceId> {
        text.parse()
    }
}

impl From<DeviceId> for String {
    fn from(it: DeviceId) -> String {
        it.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kind_is_read_back() {
        for text in [
            "wwn-0x5000c500a1b2c3d4",
            "nvme-eui.0025385b71b0aabb-part12",
            "md-uuid-3a1b5c7d:11223344:55667788:99aabbcc",
            "md-uuid-3a1b5c7d:11223344:55667788:99aabbcc-part2",
            "dm-name-vg0-data",
            "gone:sdb",
            "kernel:sdb1",
            "ata-WDC_WD40EFRX-68N32N0_WD-WCC7K0ABCDEF",
        ] {
            assert_eq!(text.parse::<DeviceId>().unwrap().to_string(), text);
        }
        let partition = "wwn-0x5-part1".parse::<DeviceId>().unwrap();
        assert_eq!(
            partition,
            DeviceId::Partition(DiskId("wwn-0x5".to_owned()), 1)
        );
        for text in [
            "",
            "-x",
            "../../etc",
            "a b",
            "/dev/sda",
            "a\nb",
            "md-uuid-",
            "wwn-1-part1-part2",
        ] {
            assert!(text.parse::<DeviceId>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_parses_is_shown_as_it_was(text in ".{0,40}") {
            if let Ok(id) = text.parse::<DeviceId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
