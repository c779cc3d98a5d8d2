//! Work that goes on after its request was answered.
//!
//! A job is a row in the database before it does anything, and stays there when it is over. It
//! holds one object (`array:tank`) until then, so that no two work on the same thing; it never
//! holds a lane for long. The service may die at any moment: at its next start every job that was
//! not over is run again, *with what it had noted* (see [`Run::checkpoint`]), and finds out from the
//! machine what became of its work: done, still going on, or gone. So a job is never lost, and
//! never does its work twice.
//!
//! A kind of job is a type that implements [`Job`] and has a line in [`KINDS`].

pub mod array_scrub;
pub mod config_backup;
pub mod dataset_replicate;
pub mod dataset_snapshots;
pub mod db_maintenance;
pub mod disk_burn_in;
mod disk_pass;
pub mod disk_wipe;
pub mod initramfs_update;
pub mod pool_check;
pub mod pool_devices;
pub mod raid_scrub;
mod run;
mod runner;

use std::pin::Pin;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

pub use self::{
    run::{Run, Wanted},
    runner::{Jobs, Origin},
};
use crate::{
    actor::Role,
    error::Error,
    store::{Job as Row, StoreError},
};

/// A kind of work. Its fields are what the database keeps of it.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Stable. Where an operation begins the job it is the operation's name.
    const KIND: &'static str;
    /// The lowest role that may cancel or repeat it.
    const NEEDS: Role;

    /// What it holds until it is over.
    fn object(&self) -> String;

    /// Why nobody can end it any more, given what it noted; `None`: it can be ended.
    fn why_not_stopped(&self, _: Option<&Value>) -> Option<String> {
        None
    }

    /// Do it, or find out what became of it. Where it says how far it is it must also look at what
    /// is [`Run::wanted`].
    fn run(self, run: &mut Run) -> impl Future<Output = Result<Done, JobError>> + Send;
}

/// What came of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// In words.
    pub message: String,
    /// In figures.
    pub result: Value,
}

impl Done {
    /// Nothing to say beside these words.
    pub fn said(message: impl Into<String>) -> Done {
        Done {
            message: message.into(),
            result: json!({}),
        }
    }
}

/// Why a job did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Somebody ended it.
    #[error("it was cancelled")]
    Cancelled,
    /// Its window has closed. It goes on when that opens again.
    #[error("it was paused")]
    Paused,
    /// The service or the machine stopped in the middle, and the work did not survive that.
    #[error("{0}")]
    Interrupted(String),
    /// What it worked on does not allow it, or is gone.
    #[error("{why}")]
    Failed {
        /// A stable word.
        code: &'static str,
        /// In words.
        why: String,
    },
    /// An operation that it needed failed.
    #[error(transparent)]
    Operation(#[from] Error),
}

impl JobError {
    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            JobError::Cancelled => "cancelled",
            JobError::Paused => "paused",
            JobError::Interrupted(_) => "interrupted",
            JobError::Failed { code, .. } => code,
            JobError::Operation(err) => err.code(),
        }
    }
}

impl JobError {
    /// A step of a plan failed.
    pub(crate) fn step_failed(why: String, hint: Option<String>) -> JobError {
        JobError::failed("step_failed", why, hint)
    }

    /// Something failed that has a word of its own.
    pub(crate) fn failed(code: &'static str, why: String, hint: Option<String>) -> JobError {
        JobError::Failed {
            code,
            why: match hint {
                Some(hint) => format!("{why}: {hint}"),
                None => why,
            },
        }
    }
}

impl From<StoreError> for JobError {
    fn from(err: StoreError) -> JobError {
        JobError::Operation(err.into())
    }
}

impl Kind {
    /// What a job with these arguments holds.
    pub(crate) fn object(&self, args: &Value) -> Result<String, Error> {
        (self.object)(args).map_err(|err| Error::Invalid(format!("the job cannot be read: {err}")))
    }
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<Done, JobError>> + Send + 'a>>;

/// What the service knows of a kind of job.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// The lowest role that may cancel or repeat it.
    pub needs: Role,
    object: fn(&Value) -> Result<String, serde_json::Error>,
    why_not_stopped: fn(&Value, Option<&Value>) -> Option<String>,
    run: for<'a> fn(Value, &'a mut Run) -> Running<'a>,
}

const fn kind<J: Job>() -> Kind {
    Kind {
        name: J::KIND,
        needs: J::NEEDS,
        object: |args| Ok(serde_json::from_value::<J>(args.clone())?.object()),
        why_not_stopped: |args, noted| {
            let job = serde_json::from_value::<J>(args.clone()).ok()?;
            job.why_not_stopped(noted)
        },
        run: |args, run| {
            Box::pin(async move {
                let job: J = serde_json::from_value(args).map_err(|err| JobError::Failed {
                    code: "job_not_understood",
                    why: format!("the job was written by another release: {err}"),
                })?;
                job.run(run).await
            })
        },
    }
}

/// All kinds of jobs.
pub const KINDS: &[Kind] = &[
    kind::<array_scrub::ScrubArray>(),
    kind::<raid_scrub::ScrubAll>(),
    kind::<config_backup::BackUp>(),
    kind::<db_maintenance::MaintainDatabase>(),
    kind::<disk_wipe::WipeDisk>(),
    kind::<disk_burn_in::BurnIn>(),
    kind::<initramfs_update::UpdateInitramfs>(),
    kind::<pool_check::CheckPool>(),
    kind::<pool_devices::BalancePool>(),
    kind::<pool_devices::RemoveDevice>(),
    kind::<pool_devices::ReplaceDevice>(),
    kind::<dataset_replicate::Replication>(),
    kind::<dataset_snapshots::KeepSnapshots>(),
];

/// Why nobody can end a job any more; `None`: it can be ended.
#[must_use]
pub(crate) fn why_not_stopped(job: &Row) -> Option<String> {
    (find(&job.new.kind)?.why_not_stopped)(&job.new.args, job.checkpoint.as_ref())
}

/// The kind of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|it| it.name == name)
}
