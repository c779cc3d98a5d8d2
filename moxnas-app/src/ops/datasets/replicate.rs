//! Replicas: what is in a dataset, also in another pool.

use moxnas_core::plan::Plan;
use moxnas_pool::{
    dataset::{DatasetName, SnapshotName},
    plan::Step,
    remote::TargetName,
    replica::{self, Replicate, Side},
};

use super::{contents, contents_of, known, not};
use crate::{
    answers::Question,
    error::Error,
    jobs::dataset_replicate::Replication,
    machine::AppStep,
    operation::{Change, Lane, LongChange},
    ops::targets::found,
    seen::Seen,
    targets::TargetError,
};

/// Make a replica of a dataset in another pool, or bring it up to date.
#[derive(Clone, Debug)]
pub struct DatasetReplicate {
    /// Its pool.
    pub pool: String,
    /// Its name.
    pub dataset: String,
    /// The other pool.
    pub to_pool: String,
    /// What it is to be called there; `None`: as it is there already, else as here.
    pub to: Option<DatasetName>,
    /// Compare what arrived byte by byte with what was sent.
    pub compare: bool,
    /// The machine that has the other pool; `None`: this one.
    pub target: Option<TargetName>,
}

impl DatasetReplicate {
    fn sides<'a>(&self, seen: &'a Seen) -> Result<[Side<'a>; 2], Error> {
        let side = |pool| -> Result<Side<'a>, Error> {
            let (pool, asked) = known(seen, pool)?;
            let contents = contents(pool, asked)?;
            Ok(Side { pool, contents })
        };
        let Some(name) = &self.target else {
            return Ok([side(&self.pool)?, side(&self.to_pool)?]);
        };
        let target = found(&seen.targets, name.as_str())?;
        let pool = self.to_pool.parse()?;
        if !target.pools.contains(&pool) {
            let target = name.to_string();
            return Err(TargetError::OtherPool { target, pool }.into());
        }
        let from = side(&self.pool)?;
        let facts = seen.there(name, &pool)?;
        let (pool, contents) = (&facts.pool, &facts.contents);
        Ok([from, Side { pool, contents }])
    }

    fn wish(&self, compare: bool) -> Replicate {
        Replicate {
            dataset: self.dataset.clone(),
            to: self.to.clone(),
            compare,
            target: self.target.clone(),
        }
    }

    fn plan_of(&self, seen: &Seen, compare: bool) -> Result<Plan<Step>, Error> {
        let [from, to] = self.sides(seen)?;
        Ok(replica::plan(from, to, &self.wish(compare))?)
    }

    /// Nothing more is to be sent but what was taken meanwhile: that is for the next time.
    pub(crate) fn verify_sent(
        &self,
        after: &Seen,
        is_new: impl Fn(&SnapshotName) -> bool,
    ) -> Result<(), Error> {
        let left = self.plan_of(after, false)?.steps;
        let is_sent = |it: &&Step| sent(it).is_some_and(|it| !is_new(it));
        let has_new = left.iter().any(|it| sent(it).is_some_and(&is_new));
        // Copying is never over, and what is to be held or deleted then belongs to what is new.
        let is_owed = |it: &&Step| !has_new && !matches!(it, Step::Replicate { .. });
        match left.iter().find(is_sent).or(left.iter().find(is_owed)) {
            Some(step) => not(format!("there is still something to do: {step}")),
            None => Ok(()),
        }
    }
}

/// The snapshot that a step sends.
pub(crate) fn sent(step: &Step) -> Option<&SnapshotName> {
    match step {
        Step::Replicate { step, .. } => step.sent(),
        _ => None,
    }
}

impl Change for DatasetReplicate {
    const LANE: Lane = Lane::Storage;

    fn asks(&self, seen: &Seen) -> Vec<Question> {
        let mut asks: Vec<Question> = contents_of(seen, &self.pool).into_iter().collect();
        let target = self.target.as_ref();
        match (target, self.to_pool.parse()) {
            (None, _) => asks.extend(contents_of(seen, &self.to_pool)),
            (Some(name), Ok(pool)) => {
                let target = seen.targets.find(name.as_str());
                let target = target.filter(|it| it.pools.contains(&pool)).cloned();
                asks.extend(target.map(|it| Question::Target(Box::new(it), pool)));
            }
            (Some(_), Err(_)) => (),
        }
        asks
    }

    fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        Ok(self.plan_of(seen, self.compare)?.map(AppStep::Pool))
    }

    fn etag(&self, _: &Seen) -> Option<String> {
        None
    }

    /// Nothing more is to be sent; what was copied was compared.
    fn verify(&self, after: &Seen) -> Result<(), Error> {
        self.verify_sent(after, |_| false)
    }
}

impl LongChange for DatasetReplicate {
    type Job = Replication;

    fn job(&self, seen: &Seen) -> Result<Replication, Error> {
        let [from, to] = self.sides(seen)?;
        Ok(Replication {
            pool: self.pool.clone(),
            dataset: self.dataset.clone(),
            to_pool: self.to_pool.clone(),
            to: replica::target(from, to, &self.wish(self.compare))?,
            compare: self.compare,
            target: self.target.clone(),
            fingerprint: Some(self.plan(seen)?.fingerprint().to_string()),
            overwrite: false,
        })
    }
}
