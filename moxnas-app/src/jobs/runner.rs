//! Beginning jobs, running them, ending them, and finding them again after a restart.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use moxnas_core::chain::chain;
use serde_json::{Value, json};
use tokio::{sync::watch, task::AbortHandle};

use super::{Done, Job, JobError, Kind, Run, Wanted, find};
use crate::{
    actor::{Actor, Via},
    app::App,
    error::Error,
    event_count::EventCount,
    store::{Ending, Entry, Job as Row, JobFilter, JobState, Level, NewJob, Outcome, Phase, Write},
};

/// The jobs that run in this process.
#[derive(Debug)]
pub struct Jobs {
    active: Mutex<BTreeMap<String, Active>>,
    /// Counts the jobs that came to an end or stopped for now.
    ended: EventCount,
    /// How many wait for the machine or for another job.
    resting: watch::Sender<usize>,
    last_id: Mutex<(u64, u16)>,
}

/// A job waits while it has this.
pub(super) struct Rest<'a>(&'a Jobs);

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        self.0.resting.send_modify(|it| *it -= 1);
    }
}

#[derive(Debug)]
struct Active {
    wanted: watch::Sender<Wanted>,
    task: AbortHandle,
}

/// On whose behalf a job runs, and what it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Name of the caller.
    pub actor: String,
    /// How the caller proved who it is.
    pub via: String,
    /// Where the caller was.
    pub address: Option<String>,
    /// Ties it to the log and the audit records.
    pub request_id: String,
    /// The job that it is a part of.
    pub parent: Option<String>,
    /// The job that it repeats, and how often that was tried.
    pub retry_of: Option<(String, i64)>,
    /// The schedule that made it.
    pub schedule: Option<String>,
}

impl Origin {
    /// A caller.
    #[must_use]
    pub fn caller(actor: &Actor) -> Origin {
        Origin {
            actor: actor.name.clone(),
            via: actor.via.to_string(),
            address: actor.address.clone(),
            request_id: actor.request_id.clone(),
            parent: None,
            retry_of: None,
            schedule: None,
        }
    }

    /// A schedule, by itself.
    #[must_use]
    pub fn schedule(name: &str, request_id: String) -> Origin {
        Origin {
            actor: format!("schedule:{name}"),
            via: Via::InProcess.to_string(),
            address: None,
            request_id,
            parent: None,
            retry_of: None,
            schedule: Some(name.to_owned()),
        }
    }

    pub(super) fn of(row: &Row) -> Origin {
        Origin {
            actor: row.new.actor.clone(),
            via: row.new.via.clone(),
            address: None,
            request_id: row.new.request_id.clone(),
            parent: row.new.parent.clone(),
            retry_of: None,
            schedule: None,
        }
    }
}

impl Default for Jobs {
    fn default() -> Jobs {
        Jobs {
            active: Mutex::default(),
            ended: EventCount::default(),
            resting: watch::channel(0).0,
            last_id: Mutex::default(),
        }
    }
}

impl Jobs {
    /// Unique, and greater than all before: milliseconds, a counter, and chance.
    fn new_id(&self, now: SystemTime) -> Result<String, Error> {
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|err| Error::Auth(crate::auth::AuthError::Random(err)))?;
        let millis = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        let mut last = self.last_id.lock().expect("no holder of this lock panics");
        *last = match *last {
            (before, count) if before >= millis => (before, count.wrapping_add(1)),
            _ => (millis, 0),
        };
        let (millis, count) = *last;
        Ok(format!(
            "{millis:012x}{count:04x}{:016x}",
            u64::from_be_bytes(random)
        ))
    }

    /// The ids of the jobs that run.
    #[must_use]
    pub fn active(&self) -> Vec<String> {
        let active = self.active.lock().expect("no holder of this lock panics");
        active.keys().cloned().collect()
    }

    /// A job waits from here until the answer is dropped.
    pub(super) fn rest(&self) -> Rest<'_> {
        self.resting.send_modify(|it| *it += 1);
        Rest(self)
    }

    /// Wait until all jobs wait: for a look at the machine, or for one another. On a runtime of one
    /// thread nothing of them happens then before somebody looks, or wants something of them.
    pub async fn all_rest(&self) {
        let mut resting = self.resting.subscribe();
        loop {
            resting.mark_unchanged();
            let mut ended = self.ended.now();
            // Those who were just told of something have not taken it in yet.
            for _ in 0..2 {
                tokio::task::yield_now().await;
            }
            let at_rest = *resting.borrow();
            if at_rest >= self.active().len() {
                return;
            }
            tokio::select! {
                biased;
                _ = resting.changed() => (),
                () = self.ended.beyond(&mut ended) => (),
            }
        }
    }

    /// Drop all jobs where they are, as if the process had been killed. The database still has
    /// them.
    pub fn kill(&self) {
        let mut active = self.active.lock().expect("no holder of this lock panics");
        for it in active.values() {
            it.task.abort();
        }
        active.clear();
    }
}

impl App {
    /// Begin a job. It is in the database, and the intent in the audit log, when this returns.
    pub async fn begin_job<J: Job>(
        self: &Arc<Self>,
        origin: &Origin,
        work: &J,
    ) -> Result<Row, Error> {
        let args = serde_json::to_value(work).expect("jobs are plain data");
        let kind = find(J::KIND).expect("every kind has a line in the table");
        let new = self.new_job(kind, args, work.object(), origin)?;
        let mut write = self.store.begin_write().await?;
        self.add_job(&mut write, &new, origin, None, json!({}))
            .await?;
        write.commit().await?;
        self.run_new_job(&new.id).await
    }

    /// Begin a job that does the same as one that is over.
    pub(crate) async fn repeat_job(
        self: &Arc<Self>,
        origin: &Origin,
        job: &Row,
    ) -> Result<Row, Error> {
        let kind = find(&job.new.kind).ok_or_else(|| {
            Error::Invalid(format!("this release knows no {} jobs", job.new.kind))
        })?;
        let object = kind.object(&job.new.args)?;
        let new = self.new_job(kind, job.new.args.clone(), object, origin)?;
        let mut write = self.store.begin_write().await?;
        self.add_job(&mut write, &new, origin, None, json!({}))
            .await?;
        write.commit().await?;
        self.run_new_job(&new.id).await
    }

    /// A job that is not yet in the database.
    pub(crate) fn new_job(
        &self,
        kind: &Kind,
        args: Value,
        object: String,
        origin: &Origin,
    ) -> Result<NewJob, Error> {
        let at = self.machine.clock.now();
        let (retry_of, tried) = origin.retry_of.clone().unzip();
        Ok(NewJob {
            id: self.jobs.new_id(at)?,
            kind: kind.name.to_owned(),
            object,
            args,
            parent: origin.parent.clone(),
            retry_of,
            attempt: tried.unwrap_or(0) + 1,
            schedule: origin.schedule.clone(),
            actor: origin.actor.clone(),
            via: origin.via.clone(),
            request_id: origin.request_id.clone(),
            at,
        })
    }

    /// Put a job and its intent into a transaction.
    pub(crate) async fn add_job(
        &self,
        write: &mut Write,
        new: &NewJob,
        origin: &Origin,
        fingerprint: Option<String>,
        mut detail: Value,
    ) -> Result<(), Error> {
        write.add_job(new).await?;
        detail["job"] = json!(new.id);
        let mut entry = self.job_entry(new, Phase::Intent, detail);
        entry.address = origin.address.clone();
        entry.fingerprint = fingerprint;
        write.append_audit(&entry).await?;
        Ok(())
    }

    /// Run a job that was just put into the database.
    pub(crate) async fn run_new_job(self: &Arc<Self>, id: &str) -> Result<Row, Error> {
        let row = self.existing_job(id).await?;
        self.spawn_job(row.clone());
        Ok(row)
    }

    /// Run everything that was not over when the service last stopped.
    pub async fn resume_jobs(self: &Arc<Self>) -> Result<usize, Error> {
        let mut resumed = 0;
        for row in self.store.jobs_not_over().await? {
            let goes_on = row.state != JobState::Paused || row.cancel_requested_at.is_some();
            if goes_on && !self.is_active(&row.new.id) {
                self.spawn_job(row);
                resumed += 1;
            }
        }
        Ok(resumed)
    }

    /// Go on with a job that was paused.
    pub(crate) async fn resume_job(self: &Arc<Self>, id: &str) -> Result<(), Error> {
        let now = self.machine.clock.now();
        let mut write = self.store.begin_write().await?;
        let paused = write.job(id).await?;
        if let Some(row) = paused.filter(|it| it.state == JobState::Paused) {
            // Before it runs: whoever waits for it must not find it paused still.
            write.set_job_state(id, JobState::Queued, now).await?;
            write.commit().await?;
            self.spawn_job(row);
        }
        Ok(())
    }

    /// Wait until a job is over, or paused.
    pub async fn wait_for_job(&self, id: &str) -> Result<Row, Error> {
        loop {
            let mut ended = self.jobs.ended.now();
            let row = self.existing_job(id).await?;
            if row.state.is_over() || row.state == JobState::Paused {
                return Ok(row);
            }
            let rests = self.jobs.rest();
            self.jobs.ended.beyond(&mut ended).await;
            drop(rests);
        }
    }

    /// Tell a job what is wanted of it. One that does not run is ended here.
    pub(crate) async fn want(self: &Arc<Self>, id: &str, wanted: Wanted) -> Result<(), Error> {
        if wanted == Wanted::Cancel {
            let now = self.machine.clock.now();
            let mut write = self.store.begin_write().await?;
            write.request_cancel(id, now).await?;
            write.commit().await?;
        }
        let told = {
            let active = self
                .jobs
                .active
                .lock()
                .expect("no holder of this lock panics");
            active.get(id).map(|it| it.wanted.send_replace(wanted))
        };
        if told.is_none() && wanted == Wanted::Cancel {
            // It is paused, or was never begun: then there is nothing to stop.
            let row = self.existing_job(id).await?;
            self.stop_parts(id).await?;
            self.end_job(&row, Err(JobError::Cancelled)).await?;
        }
        Ok(())
    }

    /// Cancel the parts of a job that are not over, and wait for them: no part outlives its whole.
    async fn stop_parts(self: &Arc<Self>, id: &str) -> Result<(), Error> {
        for part in self.parts_of(id).await? {
            if !part.state.is_over() {
                Box::pin(self.want(&part.new.id, Wanted::Cancel)).await?;
                self.wait_for_job(&part.new.id).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn existing_job(&self, id: &str) -> Result<Row, Error> {
        let row = self.store.job(id).await?;
        row.ok_or_else(|| Error::NotFound {
            what: "job",
            name: id.to_owned(),
        })
    }

    /// The parts of a job.
    pub(crate) async fn parts_of(&self, id: &str) -> Result<Vec<Row>, Error> {
        let filter = JobFilter {
            parent: Some(id.to_owned()),
            ..JobFilter::default()
        };
        Ok(self.store.jobs(&filter, 1000).await?)
    }

    fn is_active(&self, id: &str) -> bool {
        let active = self
            .jobs
            .active
            .lock()
            .expect("no holder of this lock panics");
        active.contains_key(id)
    }

    fn spawn_job(self: &Arc<Self>, row: Row) {
        let wanted = match row.cancel_requested_at {
            Some(_) => Wanted::Cancel,
            None => Wanted::Run,
        };
        let (sender, receiver) = watch::channel(wanted);
        let id = row.new.id.clone();
        let app = Arc::clone(self);
        // Held while the task is made, so that it cannot be over before it is known.
        let mut active = self
            .jobs
            .active
            .lock()
            .expect("no holder of this lock panics");
        if active.contains_key(&id) {
            return;
        }
        let task = tokio::spawn(async move { app.live(row, receiver).await });
        let task = task.abort_handle();
        active.insert(
            id,
            Active {
                wanted: sender,
                task,
            },
        );
    }

    /// The life of a job in this process.
    async fn live(self: Arc<Self>, row: Row, wanted: watch::Receiver<Wanted>) {
        let id = row.new.id.clone();
        let work = {
            let (app, id) = (Arc::clone(&self), id.clone());
            // A task of its own, so that a panic is a failure and not an end without a word.
            AbortOnDrop(tokio::spawn(async move { app.work(id, wanted).await }))
        };
        let outcome = match work.join().await {
            Ok(outcome) => outcome,
            Err(err) => Err(JobError::Operation(Error::Bug(err))),
        };
        let ended = async {
            if !matches!(outcome, Err(JobError::Paused)) {
                self.stop_parts(&id).await?;
            }
            self.end_job(&row, outcome).await
        };
        if let Err(err) = ended.await {
            // The row stays as it is: the next start runs the job again, and finds it done.
            tracing::error!("job {id} could not be ended: {}", chain(&err));
        }
        let mut active = self
            .jobs
            .active
            .lock()
            .expect("no holder of this lock panics");
        active.remove(&id);
        drop(active);
        self.jobs.ended.add();
    }

    async fn work(
        self: Arc<Self>,
        id: String,
        wanted: watch::Receiver<Wanted>,
    ) -> Result<Done, JobError> {
        let Some(row) = self.set_running(&id).await? else {
            // It came to its end while somebody wanted it to be run again.
            return Err(JobError::Cancelled);
        };
        self.tell_job(&row);
        let kind = find(&row.new.kind).ok_or_else(|| JobError::Failed {
            code: "job_not_understood",
            why: format!("this release knows no jobs of the kind {}", row.new.kind),
        })?;
        if row.cancel_requested_at.is_some() && row.checkpoint.is_none() {
            return Err(JobError::Cancelled);
        }
        let args = row.new.args.clone();
        let mut run = Run::new(Arc::clone(&self), row, wanted);
        (kind.run)(args, &mut run).await
    }

    /// The job as it is now, if it is not over: from here on it runs.
    async fn set_running(&self, id: &str) -> Result<Option<Row>, JobError> {
        let now = self.machine.clock.now();
        let mut write = self.store.begin_write().await?;
        let Some(mut row) = write.job(id).await?.filter(|it| !it.state.is_over()) else {
            return Ok(None);
        };
        write.set_job_state(id, JobState::Running, now).await?;
        if row.started_at.is_some() {
            let line = "run again after it was paused or the service was restarted";
            write.add_job_log(id, now, Level::Info, line).await?;
        }
        write.commit().await?;
        row.state = JobState::Running;
        row.started_at.get_or_insert(now);
        Ok(Some(row))
    }

    /// Write down how a job ended, once, together with its audit record.
    async fn end_job(&self, row: &Row, outcome: Result<Done, JobError>) -> Result<(), Error> {
        let now = self.machine.clock.now();
        let mut write = self.store.begin_write().await?;
        if matches!(outcome, Err(JobError::Paused)) {
            write
                .set_job_state(&row.new.id, JobState::Paused, now)
                .await?;
            write.commit().await?;
            let state = JobState::Paused;
            self.tell_job(&Row {
                state,
                ..row.clone()
            });
            return Ok(());
        }
        let ending = ending(outcome);
        if !write.end_job(&row.new.id, &ending, now).await? {
            return Ok(());
        }
        if let Some((_, error)) = &ending.error {
            write
                .add_job_log(&row.new.id, now, Level::Error, error)
                .await?;
        }
        let code = ending.error.as_ref().map(|it| &it.0);
        let detail = json!({ "job": row.new.id, "state": ending.state.as_str(), "code": code });
        let mut entry = self.job_entry(&row.new, Phase::Outcome, detail);
        entry.result = Some(match ending.state {
            JobState::Succeeded => Outcome::Ok,
            _ => Outcome::Failed,
        });
        write.append_audit(&entry).await?;
        write.commit().await?;
        self.tell_job(&Row {
            state: ending.state,
            message: ending.message.or(ending.error.map(|it| it.1)),
            ..row.clone()
        });
        Ok(())
    }

    fn job_entry(&self, new: &NewJob, phase: Phase, detail: Value) -> Entry {
        Entry {
            at: self.wall_now(),
            actor: new.actor.clone(),
            via: new.via.clone(),
            address: None,
            operation: new.kind.clone(),
            object: Some(new.object.clone()),
            phase,
            result: None,
            fingerprint: None,
            request_id: new.request_id.clone(),
            detail,
        }
    }

    /// Tell listeners how a job gets on.
    pub(crate) fn tell_job(&self, row: &Row) {
        let share = row.progress.map(|it| f64::from(it) / 100.0);
        let message = match (&row.message, share) {
            (Some(message), Some(share)) if !row.state.is_over() => {
                format!("{message} ({share:.1} %)")
            }
            (Some(message), _) => message.clone(),
            (None, _) => format!("{} of {}: {}", row.new.kind, row.new.object, row.state),
        };
        let at = self.machine.clock.now();
        self.events
            .tell("job", row.new.id.clone(), row.state.as_str(), message, at);
    }
}

fn ending(outcome: Result<Done, JobError>) -> Ending {
    match outcome {
        Ok(Done { message, result }) => Ending {
            state: JobState::Succeeded,
            message: Some(message),
            result: Some(result),
            error: None,
        },
        Err(err) => Ending {
            state: match err {
                JobError::Cancelled => JobState::Cancelled,
                _ => JobState::Failed,
            },
            message: None,
            result: None,
            error: Some((err.code().to_owned(), chain(&err))),
        },
    }
}

/// A task that ends with who waits for it.
struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> AbortOnDrop<T> {
    async fn join(mut self) -> Result<T, tokio::task::JoinError> {
        (&mut self.0).await
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
