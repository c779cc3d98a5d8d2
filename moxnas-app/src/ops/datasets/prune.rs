//! Deleting the snapshots that the rules do not keep.

use std::time::SystemTime;

use moxnas_core::plan::Plan;
use moxnas_pool::{
    dataset::{Retention, Sight, Snapshot, plan_prune},
    model::PoolName,
    plan::Step,
    prune::TimeZone,
};

use super::{contents, contents_of, known, not, refused};
use crate::{
    answers::Question,
    error::Error,
    machine::AppStep,
    operation::{Change, Lane},
    seen::Seen,
};

/// Delete the snapshots of a dataset that the rules do not keep.
#[derive(Clone, Debug)]
pub struct SnapshotPrune {
    /// Its pool.
    pub pool: String,
    /// The dataset.
    pub dataset: String,
    /// What to keep.
    pub retention: Retention,
    /// Whose days count.
    pub zone: TimeZone,
}

/// What is left of the snapshots of a dataset.
#[derive(Clone, Debug)]
pub struct PrunedView {
    /// Its pool.
    pub pool: PoolName,
    /// The snapshots, the oldest first, and how somebody comes to look into them.
    pub left: Vec<(Snapshot, Sight)>,
    /// When that was asked.
    pub as_of: SystemTime,
}

impl SnapshotPrune {
    fn plan_on(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        let (pool, asked) = known(seen, &self.pool)?;
        let contents = contents(pool, asked)?;
        let plan = plan_prune(pool, contents, &self.dataset, &self.retention, &self.zone);
        Ok(plan.map_err(refused)?.map(|step| {
            let pool = pool.name.clone();
            AppStep::Pool(Step::Inside { pool, step })
        }))
    }
}

impl Change for SnapshotPrune {
    const LANE: Lane = Lane::Storage;

    fn asks(&self, seen: &Seen) -> Vec<Question> {
        contents_of(seen, &self.pool)
    }

    fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        self.plan_on(seen)
    }

    fn etag(&self, _: &Seen) -> Option<String> {
        None
    }

    /// By the same rules nothing more goes.
    fn verify(&self, after: &Seen) -> Result<PrunedView, Error> {
        if let Some(step) = self.plan_on(after)?.steps.first() {
            return not(format!("there is still something to do: {step}"));
        }
        let (pool, asked) = known(after, &self.pool)?;
        let left = contents(pool, asked)?.snapshots_of(&self.dataset);
        Ok(PrunedView {
            pool: pool.name.clone(),
            left: left
                .map(|it| (it.clone(), pool.sight(&it.dataset, &it.name)))
                .collect(),
            as_of: asked.as_of,
        })
    }
}
