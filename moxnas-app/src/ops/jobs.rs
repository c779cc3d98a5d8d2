//! Jobs: what runs and what ran.

use std::sync::Arc;

use crate::{
    actor::{Actor, Role},
    app::App,
    error::Error,
    jobs::{self, Origin, Wanted},
    operation::{Effect, Operation, Query},
    store::{Job, JobFilter, JobState, LogLine},
};

/// List jobs, newest first.
#[derive(Clone, Debug, Default)]
pub struct JobList {
    /// Which.
    pub filter: JobFilter,
    /// How many at most.
    pub limit: u32,
}

/// Show a job.
#[derive(Clone, Debug)]
pub struct JobGet {
    /// Its id.
    pub job: String,
}

/// Read the log of a job.
#[derive(Clone, Debug)]
pub struct JobLog {
    /// Its id.
    pub job: String,
    /// Only lines after this one.
    pub after: i64,
    /// How many at most.
    pub limit: u32,
}

/// End a job.
#[derive(Clone, Debug)]
pub struct JobCancel {
    /// Its id.
    pub job: String,
}

/// Do a job again that failed or was cancelled.
#[derive(Clone, Debug)]
pub struct JobRetry {
    /// Its id.
    pub job: String,
}

operation!(JobList, "job_list", Some(Role::Viewer), Vec<Job>);
operation!(JobGet, "job_get", Some(Role::Viewer), Job, job);
operation!(JobLog, "job_log", Some(Role::Viewer), Vec<LogLine>, job);
// Each kind says by itself what it takes to end or repeat one: this is the least.
operation!(JobCancel, "job_cancel", Some(Role::Operator), Job, job);
operation!(JobRetry, "job_retry", Some(Role::Operator), Job, job);

impl Query for JobList {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<Vec<Job>, Error> {
        Ok(app.store.jobs(&self.filter, self.limit).await?)
    }
}

impl Query for JobGet {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<Job, Error> {
        app.existing_job(&self.job).await
    }
}

impl Query for JobLog {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<Vec<LogLine>, Error> {
        app.existing_job(&self.job).await?;
        Ok(app.store.job_log(&self.job, self.after, self.limit).await?)
    }
}

impl Query for JobCancel {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<Job, Error> {
        let job = app.existing_job(&self.job).await?;
        may(actor, &job)?;
        if job.state.is_over() {
            return Err(Error::JobIsOver {
                job: self.job,
                state: job.state,
            });
        }
        if let Some(why) = jobs::why_not_stopped(&job) {
            return Err(Error::JobCannotStop { job: self.job, why });
        }
        app.want(&self.job, Wanted::Cancel).await?;
        app.existing_job(&self.job).await
    }
}

impl Query for JobRetry {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<Job, Error> {
        let job = app.existing_job(&self.job).await?;
        may(actor, &job)?;
        match job.state {
            JobState::Failed | JobState::Cancelled => (),
            state => {
                return Err(Error::JobIsNotFailed {
                    job: self.job,
                    state,
                });
            }
        }
        if job.new.parent.is_some() {
            return Err(Error::Invalid(
                "this job is a part of another one: repeat that one".to_owned(),
            ));
        }
        let origin = Origin {
            retry_of: Some((job.new.id.clone(), job.new.attempt)),
            schedule: job.new.schedule.clone(),
            ..Origin::caller(actor)
        };
        app.repeat_job(&origin, &job).await
    }
}

/// Who may end or repeat a job may also begin one of its kind.
fn may(actor: &Actor, job: &Job) -> Result<(), Error> {
    let needs = jobs::find(&job.new.kind).map_or(Role::Admin, |it| it.needs);
    if actor.may(needs) {
        return Ok(());
    }
    Err(Error::Forbidden {
        actor: actor.name.clone(),
        needs,
    })
}
