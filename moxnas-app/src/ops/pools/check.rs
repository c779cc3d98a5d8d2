//! Going over the filesystem of a pool, which takes as long as it takes.

use moxnas_pool as pool;

use super::{PoolChange, find};
use crate::{
    actor::Role,
    error::Error,
    jobs::pool_check::CheckPool,
    operation::{Change as _, LongChange, Operation},
    seen::Seen,
};

/// Go over the filesystem of a pool: ext4 and xfs while it is not mounted, btrfs either way; of thin volumes
/// over the metadata of the thin pool and the filesystem of each dataset.
#[derive(Clone, Debug)]
pub struct PoolCheck {
    /// Its name.
    pub pool: String,
    /// Put right what is wrong.
    pub repair: bool,
}

operation!(PoolCheck, "pool_check", Some(Role::Admin), (), pool);

impl PoolChange for PoolCheck {
    fn wish(&self, _: &Seen) -> Result<pool::plan::Change, Error> {
        let (pool, repair) = (self.pool.clone(), self.repair);
        Ok(pool::plan::Change::Check { pool, repair })
    }

    fn check(&self, after: &Seen) -> Result<(), Error> {
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
