//! Devices of a btrfs that come, go and change places while the pool is mounted.

use std::sync::Arc;

use moxnas_core::plan::Plan;
use moxnas_pool::{
    dataset::Contents,
    devices::{self, Devices, Old, Profile},
    lvm::Kind,
    model::Pool,
    plan::Facts,
};

use super::{PoolView, contents_of, device, find, view};
use crate::{
    actor::Role,
    answers::Question,
    error::Error,
    jobs::pool_devices::{BalancePool, RemoveDevice, ReplaceDevice},
    machine::AppStep,
    operation::{Change, Lane, LongChange, Operation},
    seen::Seen,
};

/// Take another device into a pool of btrfs.
#[derive(Clone, Debug)]
pub struct PoolDeviceAdd {
    /// The pool.
    pub pool: String,
    /// The device, as people name it: also by the name of an array.
    pub device: String,
}

/// Let a device go, after what is on it was moved to the others.
#[derive(Clone, Debug)]
pub struct PoolDeviceRemove {
    /// The pool.
    pub pool: String,
    /// The device, as people name it; or its UUID among those of the pool; or `missing`.
    pub device: String,
}

/// Put a device in the place of another one.
#[derive(Clone, Debug)]
pub struct PoolDeviceReplace {
    /// The pool.
    pub pool: String,
    /// The device that goes, as for [`PoolDeviceRemove`].
    pub old: String,
    /// The device that comes, as people name it.
    pub new: String,
}

/// Let all devices of a pool have their share.
#[derive(Clone, Debug)]
pub struct PoolBalance {
    /// The pool.
    pub pool: String,
    /// How data are to be put on them from now on; `None`: as before.
    pub profile: Option<Profile>,
}

operation!(
    PoolDeviceAdd,
    "pool_device_add",
    Some(Role::Admin),
    PoolView,
    pool
);
operation!(
    PoolDeviceRemove,
    "pool_device_remove",
    Some(Role::Admin),
    (),
    pool
);
operation!(
    PoolDeviceReplace,
    "pool_device_replace",
    Some(Role::Admin),
    (),
    pool
);
operation!(PoolBalance, "pool_balance", Some(Role::Admin), (), pool);

/// A change that the pool crate plans by what the filesystem says of its devices.
trait DevicesChange: Operation {
    fn pool(&self) -> &str;

    /// The same in the words of the pool crate.
    fn wish(&self, seen: &Seen) -> Result<devices::Change, Error>;

    /// What to answer, if the machine is as promised.
    fn check(&self, after: &Seen, devices: &Devices) -> Result<Self::Output, Error>;
}

macro_rules! changes {
    ($($type:ty),*) => {$(
        impl Change for $type {
            const LANE: Lane = Lane::Storage;

            fn asks(&self, seen: &Seen) -> Vec<Question> {
                contents_of(seen, &self.pool)
            }

            fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
                let pool = find(seen, self.pool())?;
                let facts = Facts {
                    devices: &seen.raid.devices,
                    pools: &seen.pools,
                };
                let wish = self.wish(seen)?;
                let plan = devices::plan(facts, pool, &*contents(seen, pool)?, &wish)?;
                Ok(plan.map(AppStep::Pool))
            }

            fn etag(&self, _: &Seen) -> Option<String> {
                None
            }

            fn verify(&self, after: &Seen) -> Result<Self::Output, Error> {
                match &find(after, self.pool())?.kind {
                    Kind::Devices(it) => self.check(after, it),
                    _ => not(format!("pool {} is on one device", self.pool())),
                }
            }
        }
    )*};
}
changes!(
    PoolDeviceAdd,
    PoolDeviceRemove,
    PoolDeviceReplace,
    PoolBalance
);

/// What the filesystem said; of a pool that is not mounted it says nothing.
fn contents(seen: &Seen, pool: &Pool) -> Result<Arc<Contents>, Error> {
    match seen.answers.contents.get(&pool.name).map(|it| &it.said) {
        Some(Ok(contents)) => Ok(contents.clone()),
        Some(Err(why)) if pool.is_mounted => {
            let (pool, why) = (pool.name.clone(), why.clone());
            let refusal = moxnas_pool::dataset::Refusal::NotKnown { pool, why };
            Err(moxnas_pool::plan::Refusal::from(refusal).into())
        }
        _ => Ok(Arc::default()),
    }
}

fn not<T>(why: String) -> Result<T, Error> {
    Err(Error::NotVerified(why))
}

/// The device that is to go: by what it is in the pool, or as people name devices.
fn old(seen: &Seen, pool: &str, text: &str) -> Result<Old, Error> {
    if text == "missing" {
        return Ok(Old::Missing);
    }
    if let Kind::Devices(devices) = &find(seen, pool)?.kind
        && devices.members.iter().any(|it| it.uuid == text)
    {
        return Ok(Old::Member(text.to_owned()));
    }
    Ok(Old::Device(device(seen, text)?))
}

/// Whether the kernel works with a device.
fn is_in(after: &Seen, devices: &Devices, name: &str) -> Result<bool, Error> {
    let id = device(after, name)?;
    let mut all = devices.members.iter();
    Ok(all.any(|it| it.in_use && it.device.as_ref() == Some(&id)))
}

/// All devices are there, are noted, and have data as they should.
fn is_whole(pool: &str, devices: &Devices) -> Result<(), Error> {
    if devices.lost() > 0 || devices.missing().next().is_some() {
        return not(format!("not all devices of pool {pool} are there"));
    }
    if let Some(it) = devices.members.iter().find(|it| it.in_use != it.is_noted) {
        return not(format!(
            "the unit of pool {pool} is not right about {}",
            it.uuid
        ));
    }
    has_profile(pool, devices, devices.wished())
}

fn has_profile(pool: &str, devices: &Devices, profile: Profile) -> Result<(), Error> {
    let other = devices.profiles.iter().find(|it| *it != profile.word());
    other.map_or(Ok(()), |it| {
        not(format!("some data of pool {pool} have the profile {it}"))
    })
}

impl DevicesChange for PoolDeviceAdd {
    fn pool(&self) -> &str {
        &self.pool
    }

    fn wish(&self, seen: &Seen) -> Result<devices::Change, Error> {
        let device = device(seen, &self.device)?;
        Ok(devices::Change::Add { device })
    }

    fn check(&self, after: &Seen, devices: &Devices) -> Result<PoolView, Error> {
        match is_in(after, devices, &self.device)? {
            true => view(after, &self.pool),
            false => not(format!("pool {} does not use {}", self.pool, self.device)),
        }
    }
}

impl DevicesChange for PoolDeviceRemove {
    fn pool(&self) -> &str {
        &self.pool
    }

    fn wish(&self, seen: &Seen) -> Result<devices::Change, Error> {
        let old = old(seen, &self.pool, &self.device)?;
        Ok(devices::Change::Remove { old })
    }

    fn check(&self, after: &Seen, devices: &Devices) -> Result<(), Error> {
        let is_left = match old(after, &self.pool, &self.device) {
            Ok(Old::Device(_)) => is_in(after, devices, &self.device)?,
            Ok(Old::Member(_)) => true,
            // There may be others, which are missing still.
            Ok(Old::Missing) | Err(_) => false,
        };
        match is_left {
            true => not(format!("pool {} still has {}", self.pool, self.device)),
            false => Ok(()),
        }
    }
}

impl DevicesChange for PoolDeviceReplace {
    fn pool(&self) -> &str {
        &self.pool
    }

    fn wish(&self, seen: &Seen) -> Result<devices::Change, Error> {
        Ok(devices::Change::Replace {
            old: old(seen, &self.pool, &self.old)?,
            new: device(seen, &self.new)?,
        })
    }

    fn check(&self, after: &Seen, devices: &Devices) -> Result<(), Error> {
        if !is_in(after, devices, &self.new)? {
            return not(format!("pool {} does not use {}", self.pool, self.new));
        }
        if let Ok(Old::Device(_)) = old(after, &self.pool, &self.old)
            && is_in(after, devices, &self.old)?
        {
            return not(format!("pool {} still uses {}", self.pool, self.old));
        }
        // Another one may be missing.
        match devices.lost() {
            0 => is_whole(&self.pool, devices),
            _ => Ok(()),
        }
    }
}

impl DevicesChange for PoolBalance {
    fn pool(&self) -> &str {
        &self.pool
    }

    fn wish(&self, _: &Seen) -> Result<devices::Change, Error> {
        let profile = self.profile;
        Ok(devices::Change::Balance { profile })
    }

    fn check(&self, _: &Seen, devices: &Devices) -> Result<(), Error> {
        let wished = self.profile.unwrap_or(devices.wished());
        has_profile(&self.pool, devices, wished)
    }
}

impl LongChange for PoolDeviceRemove {
    type Job = RemoveDevice;

    fn job(&self, seen: &Seen) -> Result<RemoveDevice, Error> {
        Ok(RemoveDevice {
            pool: find(seen, &self.pool)?.name.to_string(),
            device: self.device.clone(),
            fingerprint: self.plan(seen)?.fingerprint().to_string(),
        })
    }
}

impl LongChange for PoolDeviceReplace {
    type Job = ReplaceDevice;

    fn job(&self, seen: &Seen) -> Result<ReplaceDevice, Error> {
        Ok(ReplaceDevice {
            pool: find(seen, &self.pool)?.name.to_string(),
            old: self.old.clone(),
            new: self.new.clone(),
            fingerprint: self.plan(seen)?.fingerprint().to_string(),
        })
    }
}

impl LongChange for PoolBalance {
    type Job = BalancePool;

    fn job(&self, seen: &Seen) -> Result<BalancePool, Error> {
        Ok(BalancePool {
            pool: find(seen, &self.pool)?.name.to_string(),
            profile: self.profile,
            fingerprint: self.plan(seen)?.fingerprint().to_string(),
        })
    }
}
