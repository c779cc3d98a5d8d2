//! How a btrfs puts its data on devices, see mkfs.btrfs(8).

use std::{fmt, str::FromStr};

use moxnas_core::units::Bytes;
use serde::{Deserialize, Serialize};

/// How many copies there are of data, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// One copy of data, two of metadata.
    Single,
    /// Two copies, on two devices.
    Raid1,
    /// Two copies, in stripes over all devices.
    Raid10,
    /// Three copies, on three devices.
    Raid1c3,
    /// Four copies, on four devices.
    Raid1c4,
    /// Parity, which is not offered.
    Raid5,
    /// Two parities, which are not offered.
    Raid6,
}

/// A word that is no profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is none of the profiles single, raid1, raid10, raid1c3 and raid1c4")]
pub struct OtherProfile(pub String);

impl Profile {
    /// All of them.
    pub const ALL: [Profile; 7] = [
        Profile::Single,
        Profile::Raid1,
        Profile::Raid10,
        Profile::Raid1c3,
        Profile::Raid1c4,
        Profile::Raid5,
        Profile::Raid6,
    ];

    /// As mkfs.btrfs(8) and the kernel name it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Profile::Single => "single",
            Profile::Raid1 => "raid1",
            Profile::Raid10 => "raid10",
            Profile::Raid1c3 => "raid1c3",
            Profile::Raid1c4 => "raid1c4",
            Profile::Raid5 => "raid5",
            Profile::Raid6 => "raid6",
        }
    }

    /// Whether the kernel's own pages say that it can be relied on: of parity they do not, as what is
    /// being written when the power fails may take older data with it (btrfs(5), RAID56 STATUS).
    #[must_use]
    pub fn is_safe(self) -> bool {
        !matches!(self, Profile::Raid5 | Profile::Raid6)
    }

    /// The profile of metadata that goes with it: what says where data are has two copies at least.
    #[must_use]
    pub fn of_metadata(self) -> Profile {
        match self {
            Profile::Single => Profile::Raid1,
            other => other,
        }
    }

    /// How many devices it needs: what mkfs.btrfs 6.2 asks for, but for the one that `single` would do
    /// with, which is no pool over several.
    #[must_use]
    pub fn least(self) -> usize {
        match self {
            Profile::Single | Profile::Raid1 | Profile::Raid10 | Profile::Raid5 => 2,
            Profile::Raid1c3 | Profile::Raid6 => 3,
            Profile::Raid1c4 => 4,
        }
    }

    /// How many devices may be lost without losing data.
    #[must_use]
    pub fn may_lose(self) -> usize {
        match self {
            Profile::Single => 0,
            Profile::Raid1 | Profile::Raid10 | Profile::Raid5 => 1,
            Profile::Raid1c3 | Profile::Raid6 => 2,
            Profile::Raid1c4 => 3,
        }
    }

    /// How much there is room for on devices of these sizes, but for what the filesystem takes itself.
    /// Each copy is on a device of its own, so that the largest may have room that is of no use.
    #[must_use]
    pub fn room(self, sizes: &[Bytes]) -> Bytes {
        let copies = 1 + self.may_lose();
        let mut sizes: Vec<u64> = sizes.iter().map(|it| it.0).collect();
        sizes.sort_unstable();
        let without = |largest: usize| -> u64 {
            let left = sizes.len().saturating_sub(largest);
            sizes[..left].iter().sum::<u64>() / (copies - largest) as u64
        };
        Bytes((0..copies).map(without).min().unwrap_or_default())
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Profile {
    type Err = OtherProfile;

    fn from_str(text: &str) -> Result<Profile, OtherProfile> {
        let found = Profile::ALL.into_iter().find(|it| it.word() == text);
        found.ok_or_else(|| OtherProfile(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_take_room_on_devices_of_their_own() {
        let room = |profile: Profile, sizes: &[u64]| {
            let sizes: Vec<Bytes> = sizes.iter().copied().map(Bytes).collect();
            profile.room(&sizes).0
        };
        assert_eq!(room(Profile::Single, &[100, 300]), 400);
        assert_eq!(room(Profile::Raid1, &[100, 100]), 100);
        // The second half of the large one has no counterpart.
        assert_eq!(room(Profile::Raid1, &[100, 300]), 100);
        assert_eq!(room(Profile::Raid1, &[100, 200, 300]), 300);
        assert_eq!(room(Profile::Raid1c3, &[100, 100, 300]), 100);
        assert_eq!(room(Profile::Raid1c4, &[100; 4]), 100);
        assert_eq!(room(Profile::Raid1, &[]), 0);
    }

    #[test]
    fn each_profile_is_read_as_it_is_written() {
        for it in Profile::ALL {
            assert_eq!(it.word().parse(), Ok(it));
            assert!(it.may_lose() < it.least());
        }
        assert!("raid0".parse::<Profile>().is_err());
    }
}
