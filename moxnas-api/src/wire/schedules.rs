//! Schedules.

mod make;

use std::borrow::Cow;

use clap::Args;
use moxnas_app::{
    ops::schedules::{ScheduleChange, TimelineEntry},
    schedules::ScheduleView,
    store,
};
use poem_openapi::Object;
use time::OffsetDateTime;

pub use self::make::{
    MakeReplicaSchedule, MakeSnapshotSchedule, ReplicaSchedule, SnapshotSchedule,
};
use super::{
    jobs::{Job, JobState},
    timestamp,
};

/// Something that runs by itself
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Schedule {
    /// Its name
    pub name: String,
    /// Its name for people
    pub display_name: String,
    /// What it does
    pub description: String,
    /// When it runs: a calendar expression of systemd or cron, in its normal form
    pub expression: String,
    /// The same in words
    pub interval_display: String,
    /// Where its hours are meant: a name of IANA, or `the machine's`
    pub timezone: String,
    /// The time of day at which a run is paused, to go on in the next window
    pub pause_at: Option<String>,
    /// Longest delay in seconds; each machine has its own
    pub jitter_s: u64,
    /// Schedules of one group do not run at the same time
    pub group: Option<String>,
    /// The kind of its jobs
    pub kind: String,
    /// Whether it runs by itself
    pub is_enabled: bool,
    /// Whether a job of it is not over
    pub is_running: bool,
    /// When it runs next, by the machine's clock
    pub next_run_at: Option<OffsetDateTime>,
    /// When it last began
    pub last_run_at: Option<OffsetDateTime>,
    /// How its last job stands
    pub last_status: Option<JobState>,
    /// Why its last job failed
    pub last_error: Option<String>,
    /// How long its last job took, in milliseconds
    pub last_duration_ms: Option<u64>,
    /// Its last job
    pub last_job: Option<String>,
    /// Whether it can be run now by hand
    pub can_run_manually: bool,
    /// What it does, if somebody made it to keep snapshots
    pub snapshots: Option<SnapshotSchedule>,
    /// What it does, if somebody made it to keep a replica
    pub replica: Option<ReplicaSchedule>,
}

/// All schedules
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct SchedulePage {
    /// The schedules, by name
    pub items: Vec<Schedule>,
    /// There is one page
    pub next: Option<String>,
}

/// What is to be different about a schedule; what is left out stays
#[derive(Clone, Debug, Default, PartialEq, Object, Args)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct ChangeSchedule {
    /// When it runs: a calendar expression of systemd or cron; empty: as it was made
    #[arg(long, value_name = "EXPR")]
    #[oai(validator(max_length = 1000))]
    pub expression: Option<String>,
    /// Where its hours are meant, such as Europe/Berlin; empty: the machine's
    #[arg(long, value_name = "ZONE")]
    #[oai(validator(max_length = 100))]
    pub timezone: Option<String>,
    /// The time of day at which a run is paused, such as 07:00; empty: never
    #[arg(long, value_name = "TIME")]
    #[oai(validator(max_length = 100))]
    pub pause_at: Option<String>,
    /// Longest delay in seconds
    #[arg(long, value_name = "SECONDS")]
    #[oai(validator(maximum(value = "86400")))]
    pub jitter_s: Option<u32>,
    /// Whether it runs by itself
    #[arg(long, value_name = "true|false")]
    pub enabled: Option<bool>,
}

/// Whether a schedule is to run by itself
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(deny_unknown_fields)]
pub struct ToggleSchedule {
    /// Whether it runs by itself
    pub enabled: bool,
}

/// What ran and what will run
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Timeline {
    /// The runs, by time
    pub items: Vec<TimelineRun>,
}

/// A run that was, or will be
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct TimelineRun {
    /// The schedule
    pub schedule: String,
    /// When it began, or will
    pub at: OffsetDateTime,
    /// Its job; left out where it has not begun yet
    pub job: Option<Job>,
}

impl ChangeSchedule {
    /// The operation for a schedule.
    #[must_use]
    pub fn of(self, schedule: String) -> ScheduleChange {
        let ChangeSchedule {
            expression,
            timezone,
            pause_at,
            jitter_s,
            enabled,
        } = self;
        ScheduleChange {
            schedule,
            expression,
            timezone,
            pause_at,
            jitter_s,
            enabled,
        }
    }
}

impl From<ScheduleView> for Schedule {
    fn from(it: ScheduleView) -> Schedule {
        let ScheduleView {
            scheduled,
            stored,
            rule,
            last,
        } = it;
        let last = last.map(Job::from);
        let (snapshots, replica) = scheduled.work.map(make::work).unwrap_or_default();
        let words = match &rule.window {
            Some(window) => window.describe(),
            None => rule.calendar.describe(),
        };
        Schedule {
            name: scheduled.name.into_owned(),
            display_name: scheduled.title.into_owned(),
            description: scheduled.about.into_owned(),
            expression: rule.calendar.to_string(),
            interval_display: words,
            timezone: rule.zone_name(),
            pause_at: rule.window.as_ref().map(|it| it.closes.to_string()),
            jitter_s: rule.jitter.as_secs(),
            group: scheduled.group.map(Cow::into_owned),
            kind: scheduled.kind.to_owned(),
            is_enabled: stored.enabled,
            is_running: last.as_ref().is_some_and(|it| !it.state.is_over()),
            next_run_at: stored.next_at.map(timestamp),
            last_run_at: stored.last_at.map(timestamp),
            last_status: last.as_ref().map(|it| it.state),
            last_error: last.as_ref().and_then(|it| it.error.clone()),
            last_duration_ms: last.as_ref().and_then(|it| it.duration_ms),
            last_job: last.map(|it| it.id),
            can_run_manually: true,
            snapshots,
            replica,
        }
    }
}

impl From<TimelineEntry> for TimelineRun {
    fn from(it: TimelineEntry) -> TimelineRun {
        let TimelineEntry { schedule, at, job } = it;
        TimelineRun {
            schedule,
            at: timestamp(at),
            job: job.map(|it: store::Job| it.into()),
        }
    }
}
