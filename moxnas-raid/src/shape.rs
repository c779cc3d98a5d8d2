//! The shape of an array: what mdadm(8) is told beside its name and its devices.

use std::{fmt, str::FromStr};

use moxnas_core::units::Bytes;
use serde::{Deserialize, Serialize};

use crate::{geometry, model::Level};

/// How an array is made of its members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// How data is spread over the members.
    pub level: Level,
    /// How parity or copies are laid out, where the level has a choice.
    pub layout: Option<Layout>,
    /// Bytes per chunk, where the level has chunks.
    pub chunk: Option<Bytes>,
    /// Where the members keep what they remember of the array.
    pub metadata: Metadata,
    /// How an unclean stop is healed.
    pub consistency: Consistency,
}

impl Shape {
    /// The layout as the kernel counts it.
    #[must_use]
    pub fn layout_number(&self) -> u32 {
        self.layout
            .map_or_else(|| geometry::default_layout(&self.level), Layout::number)
    }
}

/// How parity or copies are laid out, by the names of mdadm(8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Layout {
    /// Parity moves from the last member to the first, data starts at the first member.
    LeftAsymmetric,
    /// Parity moves from the first member to the last, data starts at the first member.
    RightAsymmetric,
    /// Parity moves from the last member to the first, data starts behind it. What mdadm takes when
    /// nothing is named: long reads use all members.
    LeftSymmetric,
    /// Parity moves from the first member to the last, data starts behind it.
    RightSymmetric,
    /// All parity is on the first member.
    ParityFirst,
    /// All parity is on the last member, as in RAID 4.
    ParityLast,
    /// Copies of a chunk stand side by side: so many.
    Near(u8),
    /// Copies stand in other parts of the members: so many. Reads fast, writes slowly.
    Far(u8),
    /// Copies stand one stripe further: so many.
    Offset(u8),
}

const PARITY: [(Layout, &str); 6] = [
    (Layout::LeftAsymmetric, "left-asymmetric"),
    (Layout::RightAsymmetric, "right-asymmetric"),
    (Layout::LeftSymmetric, "left-symmetric"),
    (Layout::RightSymmetric, "right-symmetric"),
    (Layout::ParityFirst, "parity-first"),
    (Layout::ParityLast, "parity-last"),
];

impl Layout {
    /// The kernel's number: `ALGORITHM_*` in raid5.h, `near | far << 8 | offset << 16` in raid10.c.
    #[must_use]
    pub fn number(self) -> u32 {
        let copies = |near: u8, far: u8| u32::from(near) | u32::from(far) << 8;
        match self {
            Layout::LeftAsymmetric => 0,
            Layout::RightAsymmetric => 1,
            Layout::LeftSymmetric => 2,
            Layout::RightSymmetric => 3,
            Layout::ParityFirst => 4,
            Layout::ParityLast => 5,
            Layout::Near(near) => copies(near, 1),
            Layout::Far(far) => copies(1, far),
            Layout::Offset(far) => copies(1, far) | 1 << 16,
        }
    }

    /// The layout that the kernel gives this number at a level; `None` for those that mdadm has no
    /// name for, or that are no choice.
    #[must_use]
    pub fn of_number(level: &Level, number: u32) -> Option<Layout> {
        let copies = |it: u32| u8::try_from(it & 0xff).ok();
        match level {
            Level::Raid5 | Level::Raid6 => PARITY
                .iter()
                .map(|(layout, _)| *layout)
                .find(|it| it.number() == number),
            Level::Raid10 => match (number & 0xff, number >> 8 & 0xff, number >> 16) {
                (near, 1, 0) => copies(near).map(Layout::Near),
                (1, far, 0) => copies(far).map(Layout::Far),
                (1, far, 1) => copies(far).map(Layout::Offset),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether it is a layout of the level.
    #[must_use]
    pub fn fits(self, level: &Level) -> bool {
        match self {
            Layout::Near(copies) | Layout::Far(copies) | Layout::Offset(copies) => {
                *level == Level::Raid10 && copies >= 2
            }
            _ => matches!(level, Level::Raid5 | Level::Raid6),
        }
    }

    /// How often each chunk is kept, where the layout says so.
    #[must_use]
    pub fn copies(self) -> Option<u8> {
        match self {
            Layout::Near(copies) | Layout::Far(copies) | Layout::Offset(copies) => Some(copies),
            _ => None,
        }
    }
}

/// As mdadm(8) takes it: `left-symmetric`, `n2`, `f2`, `o2`.
impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Layout::Near(copies) => write!(f, "n{copies}"),
            Layout::Far(copies) => write!(f, "f{copies}"),
            Layout::Offset(copies) => write!(f, "o{copies}"),
            parity => {
                let named = PARITY.iter().find(|(layout, _)| layout == parity);
                f.pad(named.expect("every other layout is in the table").1)
            }
        }
    }
}

/// A word that is no layout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a layout: left-symmetric and its like, or n2, f2, o2")]
pub struct UnknownLayout(pub String);

impl FromStr for Layout {
    type Err = UnknownLayout;
    fn from_str(word: &str) -> Result<Layout, UnknownLayout> {
        let unknown = || UnknownLayout(word.to_owned());
        if let Some((layout, _)) = PARITY.iter().find(|(_, name)| *name == word) {
            return Ok(*layout);
        }
        let make = match word.chars().next() {
            Some('n') => Layout::Near,
            Some('f') => Layout::Far,
            Some('o') => Layout::Offset,
            _ => return Err(unknown()),
        };
        match word[1..].parse() {
            Ok(copies @ 2..) if word[1..].bytes().all(|it| it.is_ascii_digit()) => Ok(make(copies)),
            _ => Err(unknown()),
        }
    }
}

impl TryFrom<String> for Layout {
    type Error = UnknownLayout;
    fn try_from(word: String) -> Result<Layout, UnknownLayout> {
        word.parse()
    }
}

impl From<Layout> for String {
    fn from(layout: Layout) -> String {
        layout.to_string()
    }
}

/// Where a member keeps what it remembers of the array, see md(4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Metadata {
    /// At the end of the member, with its data from the start: a boot loader that knows no md can
    /// read a mirror.
    #[serde(rename = "1.0")]
    V1_0,
    /// At the start of the member.
    #[serde(rename = "1.1")]
    V1_1,
    /// 4 KiB from the start of the member. What mdadm takes when nothing is named.
    #[default]
    #[serde(rename = "1.2")]
    V1_2,
}

impl Metadata {
    /// As mdadm(8) takes it and the kernel shows it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Metadata::V1_0 => "1.0",
            Metadata::V1_1 => "1.1",
            Metadata::V1_2 => "1.2",
        }
    }
}

/// How an unclean stop is healed, by the words of the kernel (`consistency_policy` in md.rst).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consistency {
    /// There is nothing to heal: the level has no redundancy.
    None,
    /// All of the array is made to agree.
    Resync,
    /// The members remember which parts were being written; those are made to agree.
    Bitmap,
    /// What is written goes to a device of its own first. Closes the write hole of RAID 4, 5 and 6.
    Journal,
    /// The parity of what is being written is kept beside it. Closes the write hole of RAID 5.
    Ppl,
}

impl Consistency {
    /// The kernel's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Consistency::None => "none",
            Consistency::Resync => "resync",
            Consistency::Bitmap => "bitmap",
            Consistency::Journal => "journal",
            Consistency::Ppl => "ppl",
        }
    }

    /// Whether an array of the level can have it.
    #[must_use]
    pub fn fits(self, level: &Level) -> bool {
        match self {
            Consistency::None => !geometry::is_redundant(level),
            Consistency::Resync | Consistency::Bitmap => geometry::is_redundant(level),
            Consistency::Journal => geometry::has_parity(level),
            Consistency::Ppl => *level == Level::Raid5,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_named_and_numbered_as_mdadm_and_the_kernel_do() {
        for (word, number, level) in [
            ("left-symmetric", 2, Level::Raid5),
            ("parity-last", 5, Level::Raid6),
            ("n2", 0x102, Level::Raid10),
            ("f2", 0x201, Level::Raid10),
            ("o3", 0x10301, Level::Raid10),
        ] {
            let layout: Layout = word.parse().unwrap();
            assert_eq!(layout.to_string(), word);
            assert_eq!(layout.number(), number);
            assert_eq!(Layout::of_number(&level, number), Some(layout));
            assert!(layout.fits(&level));
        }
        for word in ["", "n", "n1", "n0", "n300", "n+2", "x2", "left", "ö2"] {
            assert!(word.parse::<Layout>().is_err(), "{word}");
        }
        assert!(!Layout::Near(2).fits(&Level::Raid1));
        assert!(!Layout::LeftSymmetric.fits(&Level::Raid4));
    }
}
