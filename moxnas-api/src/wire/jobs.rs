//! Jobs.

use moxnas_app::store;
use poem_openapi::{Enum, Object, types::Any};
use serde_json::Value;
use time::OffsetDateTime;

use super::timestamp;

/// Where a job stands
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, clap::ValueEnum)]
#[oai(rename_all = "lowercase")]
pub enum JobState {
    /// It waits for its turn
    Queued,
    /// It runs
    Running,
    /// Its window is closed; it goes on when that opens
    Paused,
    /// It did what it should
    Succeeded,
    /// It did not; `error` says why
    Failed,
    /// Somebody ended it
    Cancelled,
    /// Its time came and it was not begun; `message` says why
    Skipped,
}

/// Work that goes on after its request was answered
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Job {
    /// Unique; later jobs have greater ones
    pub id: String,
    /// What sort of work
    pub kind: String,
    /// What it holds until it is over; one job at a time may
    pub object: String,
    /// What the work takes
    pub args: Any<Value>,
    /// Where it stands
    pub state: JobState,
    /// How far it is, 0 to 100; left out where nobody can tell
    pub progress_percent: Option<f64>,
    /// What it does, or what came of it, in words
    pub message: Option<String>,
    /// The job that it is a part of
    pub parent: Option<String>,
    /// The job that it repeats
    pub retry_of: Option<String>,
    /// How often it was tried, this time included
    pub attempt: i64,
    /// The schedule that it belongs to
    pub schedule: Option<String>,
    /// On whose behalf it runs
    pub actor: String,
    /// Ties it to the log and the audit records
    pub request_id: String,
    /// When it was made, by the machine's clock like all its times
    pub created_at: OffsetDateTime,
    /// When it began
    pub started_at: Option<OffsetDateTime>,
    /// When it was over
    pub finished_at: Option<OffsetDateTime>,
    /// How long it ran, in milliseconds
    pub duration_ms: Option<u64>,
    /// Somebody wants it to end
    pub cancel_requested: bool,
    /// What came of it, in figures
    pub result: Option<Any<Value>>,
    /// Stable word for why it failed
    pub error_code: Option<String>,
    /// Why it failed, in words
    pub error: Option<String>,
}

/// A page of jobs, newest first
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct JobPage {
    /// The jobs
    pub items: Vec<Job>,
    /// `cursor` of the next page; left out on the last one
    pub next: Option<String>,
}

/// How much a line matters
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum LogLevel {
    /// Good to know
    Info,
    /// Worth a look
    Warning,
    /// Why it failed
    Error,
}

/// A line of a job's log
#[derive(Clone, Debug, PartialEq, Object)]
pub struct LogLine {
    /// From 1, without gaps
    pub seq: i64,
    /// When
    pub at: OffsetDateTime,
    /// How much it matters
    pub level: LogLevel,
    /// What was said
    pub line: String,
}

/// Lines of a job's log, in their order
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct LogPage {
    /// The lines
    pub items: Vec<LogLine>,
    /// `cursor` of the next lines; left out where there are none yet
    pub next: Option<String>,
}

impl From<store::JobState> for JobState {
    fn from(it: store::JobState) -> JobState {
        match it {
            store::JobState::Queued => JobState::Queued,
            store::JobState::Running => JobState::Running,
            store::JobState::Paused => JobState::Paused,
            store::JobState::Succeeded => JobState::Succeeded,
            store::JobState::Failed => JobState::Failed,
            store::JobState::Cancelled => JobState::Cancelled,
            store::JobState::Skipped => JobState::Skipped,
        }
    }
}

impl From<JobState> for store::JobState {
    fn from(it: JobState) -> store::JobState {
        match it {
            JobState::Queued => store::JobState::Queued,
            JobState::Running => store::JobState::Running,
            JobState::Paused => store::JobState::Paused,
            JobState::Succeeded => store::JobState::Succeeded,
            JobState::Failed => store::JobState::Failed,
            JobState::Cancelled => store::JobState::Cancelled,
            JobState::Skipped => store::JobState::Skipped,
        }
    }
}

impl JobState {
    /// Whether nothing more will come.
    #[must_use]
    pub fn is_over(self) -> bool {
        store::JobState::from(self).is_over()
    }
}

impl From<store::Job> for Job {
    fn from(it: store::Job) -> Job {
        let store::Job {
            new,
            node: _,
            state,
            progress,
            message,
            started_at,
            finished_at,
            cancel_requested_at,
            checkpoint: _,
            result,
            error_code,
            error,
        } = it;
        let took = started_at.zip(finished_at);
        let took = took.and_then(|(from, to)| to.duration_since(from).ok());
        Job {
            id: new.id,
            kind: new.kind,
            object: new.object,
            args: Any(new.args),
            state: state.into(),
            progress_percent: progress.map(|it| f64::from(it) / 100.0),
            message,
            parent: new.parent,
            retry_of: new.retry_of,
            attempt: new.attempt,
            schedule: new.schedule,
            actor: new.actor,
            request_id: new.request_id,
            created_at: timestamp(new.at),
            started_at: started_at.map(timestamp),
            finished_at: finished_at.map(timestamp),
            duration_ms: took.and_then(|it| u64::try_from(it.as_millis()).ok()),
            cancel_requested: cancel_requested_at.is_some(),
            result: result.map(Any),
            error_code,
            error,
        }
    }
}

impl From<store::LogLine> for LogLine {
    fn from(it: store::LogLine) -> LogLine {
        let store::LogLine {
            seq,
            at,
            level,
            line,
        } = it;
        let level = match level {
            store::Level::Info => LogLevel::Info,
            store::Level::Warning => LogLevel::Warning,
            store::Level::Error => LogLevel::Error,
        };
        LogLine {
            seq,
            at: timestamp(at),
            level,
            line,
        }
    }
}
