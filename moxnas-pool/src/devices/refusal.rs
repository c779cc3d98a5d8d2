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
    /// It is no btrfs, or a btrfs on one device where several are needed.
    #[error("pool {0} is not a btrfs on several devices")]
    NotSeveral(PoolName),
    /// One thing at a time.
    #[error("pool {pool} is busy: {what}")]
    Busy {
        /// The pool.
        pool: PoolName,
        /// With what, in the words of the kernel.
        what: String,
    },
    /// There would be fewer copies than there should be.
    #[error("{count} devices of pool {pool} are not there")]
    Lacks {
        /// The pool.
        pool: PoolName,
        /// How many.
        count: usize,
    },
    /// Seen with Linux 6.1 and 6.12: the folder of the device stays in `/sys/fs/btrfs/UUID/devinfo` although what it
    /// shows is freed, and whoever reads in it is killed in the kernel, a look of ours as well.
    #[error(
        "Linux leaves a trace in /sys of a device that is removed from a pool while it is missing, and \
         kills whoever reads it"
    )]
    RemovesMissing(PoolName),
    /// It has nothing of it, or not any more.
    #[error("pool {pool} uses no device {device}")]
    NoMember {
        /// The pool.
        pool: PoolName,
        /// What was said.
        device: String,
    },
    /// It came back while the pool was mounted.
    #[error(
        "{device} is one of the devices of pool {pool} and is not used before it is mounted again"
    )]
    Idle {
        /// The pool.
        pool: PoolName,
        /// The device.
        device: DeviceId,
    },
    /// The others are too few for the profile.
    #[error("{profile} needs {need} devices at least, and pool {pool} would have {left}")]
    TooFewLeft {
        /// The pool.
        pool: PoolName,
        /// How its data are put on them.
        profile: Profile,
        /// How many that needs.
        need: usize,
        /// How many there would be.
        left: usize,
    },
    /// What there is does not go on them.
    #[error("pool {pool} has {used} in it, and there would be room for {room}")]
    NoRoom {
        /// The pool.
        pool: PoolName,
        /// What is taken.
        used: Bytes,
        /// What there would be room for.
        room: Bytes,
    },
    /// What is on one does not go on the other.
    #[error("{device} has {has}, and the device that it is to replace {need}")]
    Smaller {
        /// The device.
        device: DeviceId,
        /// How much it needs.
        need: Bytes,
        /// How much there is.
        has: Bytes,
    },
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
            Refusal::NotSeveral(_) => "not_several_devices",
            Refusal::Busy { .. } => "pool_busy",
            Refusal::Lacks { .. } => "pool_lacks_devices",
            Refusal::RemovesMissing(_) => "removes_missing_device",
            Refusal::NoMember { .. } => "no_such_pool_device",
            Refusal::Idle { .. } => "pool_device_idle",
            Refusal::TooFewLeft { .. } => "too_few_devices_left",
            Refusal::NoRoom { .. } => "too_little_room_left",
            Refusal::Smaller { .. } => "replacement_too_small",
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
            Refusal::NotSeveral(pool) => format!(
                "a btrfs on one device gets a second one by `moxnas pool device add {pool} DEVICE`"
            ),
            Refusal::Busy { .. } => {
                "wait for it, or cancel its job: `moxnas job list` shows it".to_owned()
            }
            Refusal::Lacks { pool, .. } => format!(
                "`moxnas pool device replace {pool} missing DEVICE` puts another one in the place of a \
                 missing one"
            ),
            Refusal::RemovesMissing(pool) => format!(
                "`moxnas pool device replace {pool} missing DEVICE` puts another one in its place; that one may \
                 be removed then"
            ),
            Refusal::NoMember { pool, .. } => {
                format!("`moxnas pool show {pool}` names its devices")
            }
            Refusal::Idle { pool, .. } => format!(
                "`moxnas pool unmount {pool}` and `moxnas pool mount {pool}`, then `moxnas pool check \
                 {pool} --repair`"
            ),
            Refusal::TooFewLeft { pool, .. } => format!(
                "`moxnas pool device replace {pool} OLD NEW` puts another one in its place; or add one \
                 first: `moxnas pool device add {pool} DEVICE`"
            ),
            Refusal::NoRoom { pool, .. } => format!(
                "add a device first: `moxnas pool device add {pool} DEVICE`; or delete what is not \
                 needed, snapshots as well"
            ),
            Refusal::Smaller { .. } => "choose one that is as large".to_owned(),
        }
    }
}
