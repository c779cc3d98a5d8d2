//! How long it takes to write or read all of a disk: between two bounds, and from what they come.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Bus, Disk};
use crate::units::Bytes;

/// How long something takes that a disk does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// Not faster than this; `None`: nobody can tell.
    pub at_least: Option<Duration>,
    /// Not slower than this, unless the disk has other work to do.
    pub at_most: Option<Duration>,
    /// From what both were derived, or why they cannot be told.
    pub because: String,
}

impl Expected {
    /// A time that somebody says by itself.
    #[must_use]
    pub fn told(time: Duration, because: &str) -> Expected {
        Expected {
            at_least: None,
            at_most: Some(time),
            because: because.to_owned(),
        }
    }

    /// Nobody can tell.
    #[must_use]
    pub fn unknown(because: impl Into<String>) -> Expected {
        Expected {
            at_least: None,
            at_most: None,
            because: because.into(),
        }
    }
}

/// How long it takes to go over so many bytes of a disk, all of them one after the other.
#[must_use]
pub fn expected(disk: &Disk, bytes: Bytes) -> Expected {
    let (slowest, fastest, why) = match (disk.bus, disk.rotational) {
        (Bus::Virtio, _) => {
            return Expected::unknown(
                "it is a disk of a virtual machine, and what is under it may be any",
            );
        }
        (Bus::Usb, _) => (
            30_000_000,
            400_000_000,
            "USB 2 gives no more than the lower one",
        ),
        (Bus::Mmc, _) => (10_000_000, 90_000_000, "memory cards differ that much"),
        (_, Some(true)) => (
            80_000_000,
            280_000_000,
            "disks that spin are half as fast on their inner tracks",
        ),
        (Bus::Nvme, _) => (
            200_000_000,
            3_000_000_000,
            "flash becomes slower when it is written for long",
        ),
        (_, Some(false)) => (
            100_000_000,
            550_000_000,
            "flash becomes slower when it is written for long",
        ),
        (_, None) => return Expected::unknown("it does not tell whether it spins"),
    };
    Expected {
        at_least: Some(Duration::from_secs(bytes.0 / fastest)),
        at_most: Some(Duration::from_secs(bytes.0.div_ceil(slowest))),
        because: format!(
            "assuming {}/s to {}/s: {why}",
            Bytes(slowest),
            Bytes(fastest)
        ),
    }
}
