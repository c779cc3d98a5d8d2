//! Devices of a pool that come, go and change places.

use clap::Args;
use moxnas_app::ops::pools::{PoolBalance, PoolDeviceAdd, PoolDeviceRemove, PoolDeviceReplace};
use poem_openapi::Object;

use super::Profile;

/// A device that a pool gets
#[derive(Clone, Debug, PartialEq, Eq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct AddPoolDevice {
    /// The device: the name of an array, or an id, serial number or path; all data on it is lost
    #[oai(validator(max_length = 256))]
    pub device: String,
}

/// A device that a pool is to do without
#[derive(Clone, Debug, PartialEq, Eq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct RemovePoolDevice {
    /// The device: the name of an array, or an id, serial number or path; or its UUID among the devices
    /// of the pool; or `missing`, for one that is not there and that the filesystem does without already
    #[oai(validator(max_length = 256))]
    pub device: String,
}

/// A device that gets the place of another one
#[derive(Clone, Debug, PartialEq, Eq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct ReplacePoolDevice {
    /// The device that goes: the name of an array, or an id, serial number or path; or its UUID among the
    /// devices of the pool; or `missing`, for one that is not there
    #[oai(validator(max_length = 256))]
    pub old: String,
    /// The device that comes: the name of an array, or an id, serial number or path; all data on it is
    /// lost
    #[oai(validator(max_length = 256))]
    pub new: String,
}

/// How data are to be put on the devices of a pool
#[derive(Clone, Copy, Debug, PartialEq, Eq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct BalancePool {
    /// From now on; as before if left out
    #[arg(long, value_enum)]
    #[oai(skip_serializing_if_is_none)]
    pub profile: Option<Profile>,
}

impl AddPoolDevice {
    /// The operation.
    pub(crate) fn of(self, pool: String) -> PoolDeviceAdd {
        let device = self.device;
        PoolDeviceAdd { pool, device }
    }
}

impl RemovePoolDevice {
    /// The operation.
    pub(crate) fn of(self, pool: String) -> PoolDeviceRemove {
        let device = self.device;
        PoolDeviceRemove { pool, device }
    }
}

impl ReplacePoolDevice {
    /// The operation.
    pub(crate) fn of(self, pool: String) -> PoolDeviceReplace {
        let ReplacePoolDevice { old, new } = self;
        PoolDeviceReplace { pool, old, new }
    }
}

impl BalancePool {
    /// The operation.
    pub(crate) fn of(self, pool: String) -> PoolBalance {
        let profile = self.profile.map(Into::into);
        PoolBalance { pool, profile }
    }
}
