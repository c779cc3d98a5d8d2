//! Jobs.

use moxnas_app::{
    ops::jobs::{JobCancel, JobGet, JobList, JobLog, JobRetry},
    store::{self, JobFilter},
};
use poem::web::Data;
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use super::{Page, Tag};
use crate::{
    Shared,
    caller::Caller,
    problem::{Answer, Problem},
    wire::jobs as wire,
};

/// Jobs.
pub(crate) struct Jobs;

/// Work was begun.
#[derive(ApiResponse)]
pub(crate) enum Begun {
    /// It goes on as this job
    #[oai(status = 202)]
    Begun(
        Json<wire::Job>,
        /// Where the job is
        #[oai(header = "Location")]
        String,
    ),
}

impl From<store::Job> for Begun {
    fn from(job: store::Job) -> Begun {
        let location = format!("/api/jobs/{}", job.new.id);
        Begun::Begun(Json(job.into()), location)
    }
}

/// One page of jobs; `limit` and one more were asked for.
pub(super) fn page_of(mut jobs: Vec<store::Job>, limit: usize) -> wire::JobPage {
    let is_cut = jobs.len() > limit;
    jobs.truncate(limit);
    wire::JobPage {
        next: jobs.last().filter(|_| is_cut).map(|it| it.new.id.clone()),
        items: jobs.into_iter().map(wire::Job::from).collect(),
    }
}

impl Page {
    /// What to ask the database for, to know whether there is more.
    pub(super) fn one_more(&self) -> u32 {
        u32::try_from(self.limit + 1).unwrap_or(u32::MAX)
    }
}

#[OpenApi(prefix_path = "/jobs", tag = "Tag::Jobs")]
impl Jobs {
    /// List jobs, newest first
    #[oai(path = "/", method = "get", operation_id = "job_list")]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the request"
    )]
    async fn list(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// How many at most, 1 to 1000; 100 if left out
        limit: Query<Option<usize>>,
        /// `next` of the page before
        cursor: Query<Option<String>>,
        /// Only those that stand so
        state: Query<Option<wire::JobState>>,
        /// Only those of this kind
        kind: Query<Option<String>>,
        /// Only those of this schedule
        schedule: Query<Option<String>>,
        /// Only the parts of this job
        parent: Query<Option<String>>,
    ) -> Answer<Json<wire::JobPage>> {
        let page = Page::new(limit.0, cursor.0)?;
        let list = JobList {
            limit: page.one_more(),
            filter: JobFilter {
                state: state.0.map(Into::into),
                kind: kind.0,
                schedule: schedule.0,
                parent: parent.0,
                before: page.cursor,
            },
        };
        let jobs = app.call(&caller.actor, list).await?;
        Ok(Json(page_of(jobs, page.limit)))
    }

    /// Show a job
    #[oai(path = "/:job", method = "get", operation_id = "job_get")]
    async fn get(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Id of the job
        job: Path<String>,
    ) -> Answer<Json<wire::Job>> {
        let job = app.call(&caller.actor, JobGet { job: job.0 }).await?;
        Ok(Json(job.into()))
    }

    /// Read the log of a job
    #[oai(path = "/:job/log", method = "get", operation_id = "job_log")]
    async fn log(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Id of the job
        job: Path<String>,
        /// How many lines at most, 1 to 1000; 100 if left out
        limit: Query<Option<usize>>,
        /// `next` of the page before: the number of its last line
        #[oai(validator(pattern = "^[0-9]{1,18}$"))]
        cursor: Query<Option<String>>,
    ) -> Answer<Json<wire::LogPage>> {
        let page = Page::new(limit.0, cursor.0)?;
        let after = page.cursor.as_deref().unwrap_or("0").parse();
        let after = after.map_err(|_| {
            Problem::invalid("`cursor` is `next` of the page before")
                .field("cursor", "the number of a line")
        })?;
        let log = JobLog {
            job: job.0,
            after,
            limit: page.one_more(),
        };
        let mut lines = app.call(&caller.actor, log).await?;
        let is_cut = lines.len() > page.limit;
        lines.truncate(page.limit);
        let next = lines.last().filter(|_| is_cut).map(|it| it.seq.to_string());
        let items = lines.into_iter().map(wire::LogLine::from).collect();
        Ok(Json(wire::LogPage { items, next }))
    }

    /// End a job
    ///
    /// The answer comes at once; the job is over when it has undone or finished what it must.
    #[oai(path = "/:job/cancel", method = "post", operation_id = "job_cancel")]
    async fn cancel(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Id of the job
        job: Path<String>,
    ) -> Answer<Json<wire::Job>> {
        let job = app.call(&caller.actor, JobCancel { job: job.0 }).await?;
        Ok(Json(job.into()))
    }

    /// Repeat a job that failed or was cancelled
    #[oai(path = "/:job/retry", method = "post", operation_id = "job_retry")]
    async fn retry(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Id of the job
        job: Path<String>,
    ) -> Answer<Begun> {
        let job = app.call(&caller.actor, JobRetry { job: job.0 }).await?;
        Ok(job.into())
    }
}
