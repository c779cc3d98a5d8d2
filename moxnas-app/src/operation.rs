//! What a caller can ask for: the one definition that access, audit and every frontend share.

use std::sync::Arc;

use moxnas_core::plan::{Fingerprint, Plan};
use moxnas_pool::dataset::DatasetName;
use moxnas_shares::model::Intent;

use crate::{
    actor::{Actor, Role},
    answers::Question,
    app::App,
    error::Error,
    jobs::Job,
    machine::AppStep,
    seen::Seen,
};

/// Something that a caller can ask for.
pub trait Operation: Sized + Send + Sync + 'static {
    /// Stable: the operation id in the OpenAPI document and the verb in the audit log.
    const NAME: &'static str;
    /// The lowest role that may; `None`: no login is needed.
    const NEEDS: Option<Role>;
    /// Whether an API key opens it.
    const KEYS: Keys = Keys::May;
    /// What it answers.
    type Output: Send + Sync + 'static;

    /// What it is about, for the audit log.
    fn object(&self) -> Option<String> {
        None
    }
}

/// Whether an API key opens an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// One whose scopes cover it.
    May,
    /// None: it makes or changes what people log in with, and a key must not become more than it is.
    MayNot,
}

/// Whether a call leaves a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing is different afterwards.
    Read,
    /// Something in MoxNAS itself is.
    Write,
}

/// An operation that does not touch the machine.
pub trait Query: Operation {
    /// Whether it is audited and runs to its end although the caller went away.
    const EFFECT: Effect;

    /// Do it. Access was checked.
    fn run(
        self,
        app: &Arc<App>,
        actor: &Actor,
    ) -> impl Future<Output = Result<Self::Output, Error>> + Send;
}

/// An operation that changes the machine: planned on a fresh look, confirmed, carried out step by
/// step, looked at again.
pub trait Change: Operation {
    /// What it must not run beside.
    const LANE: Lane;

    /// A second lane that it must not run beside either.
    fn also(&self) -> Option<Lane> {
        None
    }

    /// What has to be asked before this can be planned, and again before it is verified.
    fn asks(&self, _: &Seen) -> Vec<Question> {
        Vec::new()
    }

    /// What would be done. Pure.
    fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error>;

    /// The tag of the configuration that it changes, for callers that insist on what they saw.
    fn etag(&self, seen: &Seen) -> Option<String>;

    /// What the database has to follow once it is done.
    fn moved(&self) -> Option<Moved> {
        None
    }

    /// What is meant to be offered to the network once it is done, against which the machine is held
    /// afterwards beside [`verify`](Change::verify); `None`: what is meant already.
    fn offers(&self, _: &Seen) -> Result<Option<Intent>, Error> {
        Ok(None)
    }

    /// Whether the machine is now as was promised, and what to answer.
    fn verify(&self, after: &Seen) -> Result<Self::Output, Error>;
}

/// What a change has moved that the database knows by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moved {
    /// A dataset has another name.
    Renamed {
        /// Its pool.
        pool: String,
        /// What it was called.
        from: String,
        /// What it is called.
        to: DatasetName,
    },
    /// A dataset is gone, or a pool with all of its datasets.
    Gone {
        /// The pool.
        pool: String,
        /// The dataset; `None`: all.
        dataset: Option<String>,
    },
}

/// A change that goes on after its request was answered: with a job.
pub trait LongChange: Change {
    /// What makes the change.
    type Job: Job;

    /// The job that will make it.
    fn job(&self, seen: &Seen) -> Result<Self::Job, Error>;
}

/// Changes of one lane run one after the other. Whoever needs two takes them in the order here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Disks, arrays, pools.
    Storage,
    /// What is offered to the network, and to whom: shares, users and groups.
    Shares,
}

/// What the caller says beside the wish.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// The plan that the caller looked at and agrees with.
    pub confirm: Option<Fingerprint>,
    /// The configuration that the caller believes to be there.
    pub if_match: Option<String>,
}
