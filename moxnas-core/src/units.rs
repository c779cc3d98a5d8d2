//! Quantities that carry their unit in the type.

use std::{fmt, iter::Sum, ops};

use serde::{Deserialize, Serialize};

/// A number of bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl Bytes {
    /// 1,024 bytes.
    pub const KIB: Bytes = Bytes(1 << 10);
    /// 1,048,576 bytes.
    pub const MIB: Bytes = Bytes(1 << 20);

    /// From 512-byte sectors, the unit of `/sys/block/*/size` whatever the disk's own sector is.
    #[must_use]
    pub fn from_sectors(sectors: u64) -> Bytes {
        Bytes(sectors.saturating_mul(512))
    }

    /// From KiB, the unit of `/proc/mdstat` and of most of md's files.
    #[must_use]
    pub fn from_kib(kib: u64) -> Bytes {
        Bytes(kib.saturating_mul(1024))
    }

    /// In KiB, rounded down.
    #[must_use]
    pub fn kib(self) -> u64 {
        self.0 / 1024
    }

    /// In 512-byte sectors, rounded down.
    #[must_use]
    pub fn sectors(self) -> u64 {
        self.0 / 512
    }
}

impl ops::Add for Bytes {
    type Output = Bytes;
    fn add(self, other: Bytes) -> Bytes {
        Bytes(self.0.saturating_add(other.0))
    }
}

impl Sum for Bytes {
    fn sum<I: Iterator<Item = Bytes>>(all: I) -> Bytes {
        all.fold(Bytes(0), ops::Add::add)
    }
}

/// Decimal units, as disks are sold: `4.0 TB`.
impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
        #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
        let mut value = self.0 as f64;
        let mut unit = 0;
        // 999.95 would be shown as 1000.0.
        while value >= 999.95 && unit < UNITS.len() - 1 {
            value /= 1000.0;
            unit += 1;
        }
        match unit {
            0 => f.pad(&format!("{} B", self.0)),
            _ => f.pad(&format!("{value:.1} {}", UNITS[unit])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Bytes;

    #[test]
    fn bytes_are_shown_as_disks_are_sold() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (999_949_999_999, "999.9 GB"),
            (999_950_000_000, "1.0 TB"),
            (4_000_787_030_016, "4.0 TB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }
}
