//! Quantities that carry their unit in the type.

use std::{fmt, iter::Sum, ops, str::FromStr};

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

/// A text that is no number of bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no size: a whole number, and B, kB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB or \
     K, M, G, T (powers of 1024)"
)]
pub struct BadBytes(pub String);

/// As truncate(1) reads them: `500GB` are decimal, `500GiB` and `500G` are not.
impl FromStr for Bytes {
    type Err = BadBytes;

    fn from_str(text: &str) -> Result<Bytes, BadBytes> {
        let bad = || BadBytes(text.to_owned());
        let trimmed = text.trim();
        let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = trimmed.split_at(digits);
        let number: u64 = number.parse().map_err(|_| bad())?;
        let unit = unit.trim_start();
        let unit = unit.to_ascii_lowercase();
        let letters = ["k", "m", "g", "t", "p"].into_iter().zip(1..);
        let factor =
            match unit.as_str() {
                "" | "b" => Some(1),
                unit => letters.into_iter().find_map(|(letter, power)| {
                    match unit.strip_prefix(letter)? {
                        "b" => Some(1000_u64.pow(power)),
                        "" | "ib" => Some(1024_u64.pow(power)),
                        _ => None,
                    }
                }),
            };
        let bytes = factor.and_then(|it| number.checked_mul(it));
        bytes.map(Bytes).ok_or_else(bad)
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
    use super::{BadBytes, Bytes};

    #[test]
    fn sizes_are_read_as_truncate_reads_them() {
        for (text, bytes) in [
            ("0", 0),
            ("7 B", 7),
            ("1kB", 1000),
            ("1K", 1024),
            ("2MiB", 2 << 20),
            ("500GB", 500_000_000_000),
            ("500g", 500 << 30),
            (" 3 TiB ", 3 << 40),
            ("4PB", 4_000_000_000_000_000),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for text in [
            "",
            "G",
            "-1",
            "1.5G",
            "1 G B",
            "1X",
            "99999999999G",
            "1ib",
            "10bb",
        ] {
            let bad = Err(BadBytes(text.to_owned()));
            assert_eq!(text.parse::<Bytes>(), bad, "{text}");
        }
    }

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
