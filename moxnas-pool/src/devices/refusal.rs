//! Why not. Said before anything was touched.

use moxnas_core::{disk::DeviceId, units::Bytes};

use super::Profile;
use crate::model::{Filesystem, PoolName};

/// Why a wish about a filesystem over several devices is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing else spreads by itself.
    #[error("{0} is made on one device: only btrfs has several of its own")]
    OnlyBtrfs(Filesystem),
    /// What is written when the power fails may take older data with it.
    #[error(
        "btrfs with {0} may lose data that was written long ago when the power fails while it writes \
         (the write hole): its own manual page advises against it"
    )]
    WriteHole(Profile),
    /// The profile needs more.
    #[error("{profile} needs {need} devices at least, and {got} are given")]
    TooFew {
        /// Which.
        profile: Profile,
        /// How many it needs.
        need: usize,
        /// How many there are.
        got: usize,
    },
    /// It would be in it twice.
    #[error("{0} is named twice")]
    Twice(DeviceId),
    /// mkfs.btrfs wants more room on each.
    #[error("{device} has {has}, and each device of a btrfs over several needs {need}")]
    TooSmall {
        /// The device.
        device: DeviceId,
        /// How much it needs.
        need: Bytes,
        /// How much there is.
        has: Bytes,
    },
    /// What is on those that are missing is nowhere else.
    #[error(
        "{missing} devices of pool {pool} are not there, and {profile} can do without {may_lose}"
    )]
    TooManyMissing {
        /// The pool.
        pool: PoolName,
        /// How many are missing.
        missing: usize,
        /// How its data are put on them.
        profile: Profile,
        /// How many may be missing.
        may_lose: usize,
    },
    /// Each has a size of its own.
    #[error("pool {0} is on several devices, which are not grown at once")]
    NoGrow(PoolName),
}

impl Refusal {
    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::OnlyBtrfs(_) => "filesystem_on_one_device",
            Refusal::WriteHole(_) => "profile_not_safe",
            Refusal::TooFew { .. } => "too_few_devices",
            Refusal::Twice(_) => "device_named_twice",
            Refusal::TooSmall { .. } => "device_too_small",
            Refusal::TooManyMissing { .. } => "too_many_devices_missing",
            Refusal::NoGrow(_) => "grow_not_offered",
        }
    }

    /// What would help.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Refusal::OnlyBtrfs(_) => {
                "make an array of the devices first: `--level` and `--member` in place of `--device`; or \
                 choose btrfs"
                    .to_owned()
            }
            Refusal::WriteHole(_) => {
                "choose raid1 or raid1c3; or make an array with parity (`--level raid6` and `--member`) \
                 and a pool on that"
                    .to_owned()
            }
            Refusal::TooFew { .. } => "name more devices, or choose another profile".to_owned(),
            Refusal::Twice(_) => "name each device once".to_owned(),
            Refusal::TooSmall { .. } => "choose a larger device".to_owned(),
            Refusal::TooManyMissing { pool, .. } => format!(
                "put the disks back in; what can be read without them shows `mount -o ro,degraded`; \
                 `moxnas pool export {pool}` forgets the pool"
            ),
            Refusal::NoGrow(pool) => format!(
                "`btrfs filesystem resize NUMBER:max /srv/{pool}` for each device that has become \
                 larger, by its number in `btrfs filesystem show`"
            ),
        }
    }
}
