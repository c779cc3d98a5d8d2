//! Replicas: what is in a dataset, also in another pool.

use moxnas_core::plan::Plan;
use moxnas_pool::{
    dataset::DatasetName,
    plan::Step,
    replica::{self, Replicate, Side},
};

use super::{contents, contents_of, known, not};
use crate::{
    answers::Question,
    error::Error,
    jobs::dataset_replicate::Replication,
    machine::AppStep,
    operation::{Change, Lane, LongChange},
    seen::Seen,
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
}

impl DatasetReplicate {
    fn sides<'a>(&self, seen: &'a Seen) -> Result<[Side<'a>; 2], Error> {
        let side = |pool| -> Result<Side<'a>, Error> {
            let (pool, asked) = known(seen, pool)?;
            let contents = contents(pool, asked)?;
            Ok(Side { pool, contents })
        };
        Ok([side(&self.pool)?, side(&self.to_pool)?])
    }

    fn wish(&self, compare: bool) -> Replicate {
        Replicate {
            dataset: self.dataset.clone(),
            to: self.to.clone(),
            compare,
            target: None,
        }
    }

    fn plan_of(&self, seen: &Seen, compare: bool) -> Result<Plan<Step>, Error> {
        let [from, to] = self.sides(seen)?;
        Ok(replica::plan(from, to, &self.wish(compare))?)
    }
}

impl Change for DatasetReplicate {
    const LANE: Lane = Lane::Storage;

    fn asks(&self, seen: &Seen) -> Vec<Question> {
        let pools = [&self.pool, &self.to_pool];
        pools.iter().flat_map(|it| contents_of(seen, it)).collect()
    }

    fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        Ok(self.plan_of(seen, self.compare)?.map(AppStep::Pool))
    }

    fn etag(&self, _: &Seen) -> Option<String> {
        None
    }

    /// Nothing more is to be sent; what was copied was compared.
    fn verify(&self, after: &Seen) -> Result<(), Error> {
        let left = self.plan_of(after, false)?.steps;
        let is_sent = |it: &&Step| {
            let Step::Replicate { step, .. } = it else {
                return true;
            };
            matches!(step, replica::Step::Send { .. })
        };
        match left.iter().find(is_sent) {
            Some(step) => not(format!("there is still something to do: {step}")),
            None => Ok(()),
        }
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
            fingerprint: self.plan(seen)?.fingerprint().to_string(),
        })
    }
}
