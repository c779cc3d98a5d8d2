//! Going over the filesystem of a pool, which takes as long as it takes.

use moxnas_core::plan::Plan;
use moxnas_pool::{
    self as pool,
    plan::{Facts, Step},
};

use super::find;
use crate::{
    actor::Role,
    error::Error,
    jobs::pool_check::CheckPool,
    machine::AppStep,
    operation::{Change, Lane, LongChange, Operation},
    seen::Seen,
};

/// Go over the filesystem of a pool: ext4 and xfs while it is not mounted, btrfs either way.
#[derive(Clone, Debug)]
pub struct PoolCheck {
    /// Its name.
    pub pool: String,
    /// Put right what is wrong.
    pub repair: bool,
}

operation!(PoolCheck, "pool_check", Some(Role::Admin), (), pool);

impl PoolCheck {
    fn steps(&self, seen: &Seen) -> Result<Plan<Step>, Error> {
        let facts = Facts {
            devices: &seen.raid.devices,
            pools: &seen.pools,
        };
        let (pool, repair) = (self.pool.clone(), self.repair);
        Ok(pool::plan::plan(
            facts,
            &pool::plan::Change::Check { pool, repair },
        )?)
    }
}

impl Change for PoolCheck {
    const LANE: Lane = Lane::Storage;

    fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        Ok(self.steps(seen)?.map(AppStep::Pool))
    }

    fn etag(&self, _: &Seen) -> Option<String> {
        None
    }

    fn verify(&self, after: &Seen) -> Result<(), Error> {
        find(after, &self.pool).map(drop)
    }
}

impl LongChange for PoolCheck {
    type Job = CheckPool;

    fn job(&self, seen: &Seen) -> Result<CheckPool, Error> {
        Ok(CheckPool {
            pool: find(seen, &self.pool)?.name.to_string(),
            repair: self.repair,
            fingerprint: self.plan(seen)?.fingerprint().to_string(),
        })
    }
}
