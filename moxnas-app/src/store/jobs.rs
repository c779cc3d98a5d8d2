//! Jobs: what runs, what ran, and what each has said.

use std::{collections::BTreeMap, time::SystemTime};

use serde_json::Value;
use sqlx::FromRow;

use super::{
    Store, StoreError, Write,
    audit::words,
    engine::{on_pool, on_tx},
    failed, from_millis, to_millis,
};

words! {
    /// Where a job stands.
    JobState {
        /// It waits for its turn.
        Queued = "queued",
        /// It runs.
        Running = "running",
        /// Its window is closed; it goes on when that opens.
        Paused = "paused",
        /// It did what it should.
        Succeeded = "succeeded",
        /// It did not; `error` says why.
        Failed = "failed",
        /// Somebody ended it.
        Cancelled = "cancelled",
        /// Its time came and it was not begun; `message` says why.
        Skipped = "skipped",
    }
}

impl JobState {
    /// Whether nothing more will come.
    #[must_use]
    pub fn is_over(self) -> bool {
        !matches!(
            self,
            JobState::Queued | JobState::Running | JobState::Paused
        )
    }
}

words! {
    /// How much a line of a job's log matters.
    Level {
        /// Good to know.
        Info = "info",
        /// Worth a look.
        Warning = "warning",
        /// Why it failed.
        Error = "error",
    }
}

/// A job to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    /// Unique, and later ones are greater.
    pub id: String,
    /// What sort of work.
    pub kind: String,
    /// What it holds until it is over.
    pub object: String,
    /// What the work takes.
    pub args: Value,
    /// The job that it is a part of.
    pub parent: Option<String>,
    /// The job that it repeats.
    pub retry_of: Option<String>,
    /// How often it was tried, this time included.
    pub attempt: i64,
    /// The schedule that made it.
    pub schedule: Option<String>,
    /// On whose behalf it runs.
    pub actor: String,
    /// How the caller proved who it is.
    pub via: String,
    /// Ties it to the log and the audit records.
    pub request_id: String,
    /// The time now.
    pub at: SystemTime,
}

/// A job.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// What it was made with; `at` is when.
    pub new: NewJob,
    /// The machine it runs on.
    pub node: String,
    /// Where it stands.
    pub state: JobState,
    /// Parts of 10,000; `None`: nobody can tell.
    pub progress: Option<u16>,
    /// What it does now, or what came of it, in words.
    pub message: Option<String>,
    /// When it began.
    pub started_at: Option<SystemTime>,
    /// When it was over.
    pub finished_at: Option<SystemTime>,
    /// When somebody wanted it to end.
    pub cancel_requested_at: Option<SystemTime>,
    /// What it needs to go on after a restart of the service.
    pub checkpoint: Option<Value>,
    /// What came of it.
    pub result: Option<Value>,
    /// Stable word for why it failed.
    pub error_code: Option<String>,
    /// Why it failed, in words.
    pub error: Option<String>,
}

/// A line of a job's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// From 1, without gaps.
    pub seq: i64,
    /// When.
    pub at: SystemTime,
    /// How much it matters.
    pub level: Level,
    /// What was said.
    pub line: String,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// One of those that are over.
    pub state: JobState,
    /// In words.
    pub message: Option<String>,
    /// What came of it.
    pub result: Option<Value>,
    /// Stable word and words for why it failed.
    pub error: Option<(String, String)>,
}

/// Which jobs are wanted; `None` stands for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// In this state.
    pub state: Option<JobState>,
    /// Of this kind.
    pub kind: Option<String>,
    /// Made by this schedule.
    pub schedule: Option<String>,
    /// Parts of this job.
    pub parent: Option<String>,
    /// Older than the job of this id.
    pub before: Option<String>,
}

macro_rules! job_columns {
    () => {
        "id, node, kind, object, args, state, progress, message, parent, retry_of, attempt,
         schedule, actor, via, request_id, created_at, started_at, finished_at,
         cancel_requested_at, checkpoint, result, error_code, error"
    };
}

impl Store {
    /// The job of this id.
    pub async fn job(&self, id: &str) -> Result<Option<Job>, StoreError> {
        let row: Option<Row> = on_pool!(self, db => sqlx::query_as(
            concat!("SELECT ", job_columns!(), " FROM job WHERE id = $1"),
        )
        .bind(id)
        .fetch_optional(db)
        .await)
        .map_err(failed("read a job"))?;
        row.map(read).transpose()
    }

    /// Up to `limit` jobs of this machine, newest first.
    pub async fn jobs(&self, filter: &JobFilter, limit: u32) -> Result<Vec<Job>, StoreError> {
        let JobFilter {
            state,
            kind,
            schedule,
            parent,
            before,
        } = filter;
        let rows: Vec<Row> = on_pool!(self, db => sqlx::query_as(
            concat!(
                "SELECT ", job_columns!(), " FROM job WHERE node = $1
                 AND ($2 IS NULL OR state = $2) AND ($3 IS NULL OR kind = $3)
                 AND ($4 IS NULL OR schedule = $4) AND ($5 IS NULL OR parent = $5)
                 AND ($6 IS NULL OR id < $6) ORDER BY id DESC LIMIT $7"
            ),
        )
        .bind(&self.node.id)
        .bind(state.map(JobState::as_str))
        .bind(kind)
        .bind(schedule)
        .bind(parent)
        .bind(before)
        .bind(i64::from(limit))
        .fetch_all(db)
        .await)
        .map_err(failed("list the jobs"))?;
        rows.into_iter().map(read).collect()
    }

    /// Up to `limit` jobs that schedules of this machine made in a span of time, newest first.
    pub async fn scheduled_jobs(
        &self,
        (from, to): (SystemTime, SystemTime),
        limit: u32,
    ) -> Result<Vec<Job>, StoreError> {
        let rows: Vec<Row> = on_pool!(self, db => sqlx::query_as(
            concat!(
                "SELECT ", job_columns!(), " FROM job
                 WHERE node = $1 AND schedule IS NOT NULL AND created_at BETWEEN $2 AND $3
                 ORDER BY id DESC LIMIT $4"
            ),
        )
        .bind(&self.node.id)
        .bind(to_millis(from))
        .bind(to_millis(to))
        .bind(i64::from(limit))
        .fetch_all(db)
        .await)
        .map_err(failed("list the jobs of the schedules"))?;
        rows.into_iter().map(read).collect()
    }

    /// The last job of each schedule of this machine.
    pub async fn last_runs(&self) -> Result<BTreeMap<String, Job>, StoreError> {
        let rows: Vec<Row> = on_pool!(self, db => sqlx::query_as(
            concat!(
                "SELECT ", job_columns!(), " FROM job WHERE id IN (
                    SELECT max(id) FROM job
                    WHERE node = $1 AND schedule IS NOT NULL GROUP BY schedule)"
            ),
        )
        .bind(&self.node.id)
        .fetch_all(db)
        .await)
        .map_err(failed("list the last runs of the schedules"))?;
        let named = |row| {
            let job = read(row)?;
            Ok((job.new.schedule.clone().unwrap_or_default(), job))
        };
        rows.into_iter().map(named).collect()
    }

    /// All jobs of this machine that are not over, oldest first.
    pub async fn jobs_not_over(&self) -> Result<Vec<Job>, StoreError> {
        let rows: Vec<Row> = on_pool!(self, db => sqlx::query_as(
            concat!(
                "SELECT ", job_columns!(), " FROM job
                 WHERE node = $1 AND state IN ('queued', 'running', 'paused') ORDER BY id"
            ),
        )
        .bind(&self.node.id)
        .fetch_all(db)
        .await)
        .map_err(failed("list the jobs that are not over"))?;
        rows.into_iter().map(read).collect()
    }

    /// Up to `limit` lines of a job's log after the one numbered `after`.
    pub async fn job_log(
        &self,
        id: &str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<LogLine>, StoreError> {
        let rows: Vec<(i64, i64, String, String)> = on_pool!(self, db => sqlx::query_as(
            "SELECT seq, at, level, line FROM job_log
             WHERE job_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        )
        .bind(id)
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(db)
        .await)
        .map_err(failed("read the log of a job"))?;
        let line = |(seq, at, level, line): (i64, i64, String, String)| {
            let level = level.parse().map_err(unknown)?;
            let at = from_millis(at);
            Ok(LogLine {
                seq,
                at,
                level,
                line,
            })
        };
        rows.into_iter().map(line).collect()
    }
}

impl Write {
    /// Make a job that waits for its turn.
    ///
    /// # Errors
    /// [`StoreError::Held`] if another job that is not over holds the object.
    pub async fn add_job(&mut self, new: &NewJob) -> Result<(), StoreError> {
        if let Some(holder) = self.holder(&new.object).await? {
            return Err(StoreError::Held {
                object: new.object.clone(),
                holder,
            });
        }
        self.insert_job(new, JobState::Queued, None).await
    }

    /// Write down a job that was not begun, and why.
    pub async fn add_skipped_job(&mut self, new: &NewJob, why: &str) -> Result<(), StoreError> {
        self.insert_job(new, JobState::Skipped, Some(why)).await
    }

    /// The job that holds the object on this machine.
    pub async fn holder(&mut self, object: &str) -> Result<Option<String>, StoreError> {
        let node = self.node.id.clone();
        on_tx!(self, db => sqlx::query_scalar(
            "SELECT id FROM job WHERE node = $1 AND object = $2
             AND state IN ('queued', 'running', 'paused')",
        )
        .bind(&node)
        .bind(object)
        .fetch_optional(db)
        .await)
        .map_err(failed("look for the holder of an object"))
    }

    async fn insert_job(
        &mut self,
        new: &NewJob,
        state: JobState,
        message: Option<&str>,
    ) -> Result<(), StoreError> {
        let node = self.node.id.clone();
        let over = state.is_over().then(|| to_millis(new.at));
        on_tx!(self, db => sqlx::query(
            "INSERT INTO job (id, node, kind, object, args, state, message, parent, retry_of,
                              attempt, schedule, actor, via, request_id, created_at, finished_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        )
        .bind(&new.id)
        .bind(&node)
        .bind(&new.kind)
        .bind(&new.object)
        .bind(new.args.to_string())
        .bind(state.as_str())
        .bind(message)
        .bind(&new.parent)
        .bind(&new.retry_of)
        .bind(new.attempt)
        .bind(&new.schedule)
        .bind(&new.actor)
        .bind(&new.via)
        .bind(&new.request_id)
        .bind(to_millis(new.at))
        .bind(over)
        .execute(db)
        .await
        .map(|it| it.rows_affected()))
        .map_err(failed("make a job"))?;
        Ok(())
    }

    /// The job of this id.
    pub async fn job(&mut self, id: &str) -> Result<Option<Job>, StoreError> {
        let row: Option<Row> = on_tx!(self, db => sqlx::query_as(
            concat!("SELECT ", job_columns!(), " FROM job WHERE id = $1"),
        )
        .bind(id)
        .fetch_optional(db)
        .await)
        .map_err(failed("read a job"))?;
        row.map(read).transpose()
    }

    /// A job that is not over runs now, or waits. When it first began stays.
    pub async fn set_job_state(
        &mut self,
        id: &str,
        state: JobState,
        at: SystemTime,
    ) -> Result<(), StoreError> {
        let started = (state == JobState::Running).then(|| to_millis(at));
        on_tx!(self, db => sqlx::query(
            "UPDATE job SET state = $2, started_at = coalesce(started_at, $3)
             WHERE id = $1 AND state IN ('queued', 'running', 'paused')",
        )
        .bind(id)
        .bind(state.as_str())
        .bind(started)
        .execute(db)
        .await
        .map(|it| it.rows_affected()))
        .map_err(failed("begin a job"))?;
        Ok(())
    }

    /// How far a job is.
    pub async fn set_job_progress(
        &mut self,
        id: &str,
        progress: Option<u16>,
        message: Option<&str>,
    ) -> Result<(), StoreError> {
        on_tx!(self, db => sqlx::query(
            "UPDATE job SET progress = $2, message = $3
             WHERE id = $1 AND state IN ('queued', 'running', 'paused')",
        )
        .bind(id)
        .bind(progress.map(i64::from))
        .bind(message)
        .execute(db)
        .await
        .map(|it| it.rows_affected()))
        .map_err(failed("note the progress of a job"))?;
        Ok(())
    }

    /// What a job needs to go on after a restart.
    pub async fn set_job_checkpoint(&mut self, id: &str, to: &Value) -> Result<(), StoreError> {
        on_tx!(self, db => sqlx::query("UPDATE job SET checkpoint = $2 WHERE id = $1")
            .bind(id)
            .bind(to.to_string())
            .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("keep the checkpoint of a job"))?;
        Ok(())
    }

    /// Somebody wants a job to end. Whether it was not over.
    pub async fn request_cancel(&mut self, id: &str, at: SystemTime) -> Result<bool, StoreError> {
        let rows = on_tx!(self, db => sqlx::query(
            "UPDATE job SET cancel_requested_at = coalesce(cancel_requested_at, $2)
             WHERE id = $1 AND state IN ('queued', 'running', 'paused')",
        )
        .bind(id)
        .bind(to_millis(at))
        .execute(db)
        .await
        .map(|it| it.rows_affected()))
        .map_err(failed("cancel a job"))?;
        Ok(rows == 1)
    }

    /// A job is over, once and for all. Whether it was not before.
    pub async fn end_job(
        &mut self,
        id: &str,
        how: &Ending,
        at: SystemTime,
    ) -> Result<bool, StoreError> {
        let (code, error) = how.error.clone().unzip();
        let complete = (how.state == JobState::Succeeded).then_some(10_000_i64);
        let rows = on_tx!(self, db => sqlx::query(
            "UPDATE job SET state = $2, message = $3, result = $4, error_code = $5, error = $6,
                            finished_at = $7, progress = coalesce($8, progress)
             WHERE id = $1 AND state IN ('queued', 'running', 'paused')",
        )
        .bind(id)
        .bind(how.state.as_str())
        .bind(&how.message)
        .bind(how.result.as_ref().map(Value::to_string))
        .bind(&code)
        .bind(&error)
        .bind(to_millis(at))
        .bind(complete)
        .execute(db)
        .await
        .map(|it| it.rows_affected()))
        .map_err(failed("end a job"))?;
        Ok(rows == 1)
    }

    /// Add a line to a job's log.
    pub async fn add_job_log(
        &mut self,
        id: &str,
        at: SystemTime,
        level: Level,
        line: &str,
    ) -> Result<(), StoreError> {
        on_tx!(self, db => sqlx::query(
            "INSERT INTO job_log (job_id, seq, at, level, line)
             SELECT $1, coalesce(max(seq), 0) + 1, $2, $3, $4 FROM job_log WHERE job_id = $1",
        )
        .bind(id)
        .bind(to_millis(at))
        .bind(level.as_str())
        .bind(line)
        .execute(db)
        .await
        .map(|it| it.rows_affected()))
        .map_err(failed("add to the log of a job"))?;
        Ok(())
    }

    /// Drop jobs of this machine that were over before `at`, with their logs, a whole never without
    /// its parts; how many.
    pub async fn drop_jobs_before(&mut self, at: SystemTime) -> Result<u64, StoreError> {
        macro_rules! old {
            () => {
                "FROM job WHERE node = $1 AND finished_at < $2
                 AND (parent IS NULL OR parent IN (SELECT id FROM job WHERE finished_at < $2))
                 AND NOT EXISTS (SELECT 1 FROM job AS part WHERE part.parent = job.id
                                 AND (part.finished_at IS NULL OR part.finished_at >= $2))"
            };
        }
        let node = self.node.id.clone();
        // Counted before: a part may go with its whole, and SQLite does not count those.
        let count: i64 = on_tx!(self, db => sqlx::query_scalar(concat!("SELECT count(*) ", old!()))
            .bind(&node)
            .bind(to_millis(at))
            .fetch_one(db)
            .await)
        .map_err(failed("count old jobs"))?;
        on_tx!(self, db => sqlx::query(concat!("DELETE ", old!()))
            .bind(&node)
            .bind(to_millis(at))
            .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("drop old jobs"))?;
        Ok(count.unsigned_abs())
    }
}

fn unknown(word: super::audit::UnknownWord) -> StoreError {
    failed("read a job")(sqlx::Error::Decode(Box::new(word)))
}

#[derive(FromRow)]
struct Row {
    id: String,
    node: String,
    kind: String,
    object: String,
    args: String,
    state: String,
    progress: Option<i64>,
    message: Option<String>,
    parent: Option<String>,
    retry_of: Option<String>,
    attempt: i64,
    schedule: Option<String>,
    actor: String,
    via: String,
    request_id: String,
    created_at: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    cancel_requested_at: Option<i64>,
    checkpoint: Option<String>,
    result: Option<String>,
    error_code: Option<String>,
    error: Option<String>,
}

fn read(row: Row) -> Result<Job, StoreError> {
    let json = |text: &str| {
        serde_json::from_str(text)
            .map_err(|err| failed("read a job")(sqlx::Error::Decode(Box::new(err))))
    };
    let maybe = |text: Option<String>| text.as_deref().map(json).transpose();
    Ok(Job {
        new: NewJob {
            id: row.id,
            kind: row.kind,
            object: row.object,
            args: json(&row.args)?,
            parent: row.parent,
            retry_of: row.retry_of,
            attempt: row.attempt,
            schedule: row.schedule,
            actor: row.actor,
            via: row.via,
            request_id: row.request_id,
            at: from_millis(row.created_at),
        },
        node: row.node,
        state: row.state.parse().map_err(unknown)?,
        progress: row.progress.map(|it| u16::try_from(it).unwrap_or(10_000)),
        message: row.message,
        started_at: row.started_at.map(from_millis),
        finished_at: row.finished_at.map(from_millis),
        cancel_requested_at: row.cancel_requested_at.map(from_millis),
        checkpoint: maybe(row.checkpoint)?,
        result: maybe(row.result)?,
        error_code: row.error_code,
        error: row.error,
    })
}
