//! Schedules: what runs by itself.

mod make;

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, SystemTime},
};

pub use self::make::{ScheduleDelete, ScheduleReplica, ScheduleSnapshots, When};
use crate::{
    actor::{Actor, Role},
    app::App,
    error::Error,
    jobs::Origin,
    operation::{Effect, Operation, Query},
    schedules::ScheduleView,
    store::{Job, JobFilter, JobState, ScheduleSettings},
};

/// The longest span of a timeline.
const SPAN: Duration = Duration::from_secs(400 * 24 * 3600);
/// How many planned runs of a schedule a timeline shows.
const PLANNED: usize = 500;
/// How many runs of all schedules it shows, the newest.
const RAN: u32 = 10_000;

/// List all schedules.
#[derive(Clone, Copy, Debug)]
pub struct ScheduleList;

/// Show a schedule.
#[derive(Clone, Debug)]
pub struct ScheduleGet {
    /// Its name.
    pub schedule: String,
}

/// Set a schedule anew; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct ScheduleChange {
    /// Its name.
    pub schedule: String,
    /// When it runs; empty: as the program says.
    pub expression: Option<String>,
    /// The zone of its hours; empty: the machine's.
    pub timezone: Option<String>,
    /// When a run is paused; empty: never.
    pub pause_at: Option<String>,
    /// Longest delay in seconds.
    pub jitter_s: Option<u32>,
    /// Whether it runs.
    pub enabled: Option<bool>,
}

/// Enable or disable a schedule.
#[derive(Clone, Debug)]
pub struct ScheduleToggle {
    /// Its name.
    pub schedule: String,
    /// Whether it runs.
    pub enabled: bool,
}

/// Run a schedule now.
#[derive(Clone, Debug)]
pub struct ScheduleRun {
    /// Its name.
    pub schedule: String,
}

/// Repeat the last run of a schedule, which failed.
#[derive(Clone, Debug)]
pub struct ScheduleRetry {
    /// Its name.
    pub schedule: String,
}

/// The runs of a schedule, newest first.
#[derive(Clone, Debug)]
pub struct ScheduleHistory {
    /// Its name.
    pub schedule: String,
    /// Only runs before this one.
    pub before: Option<String>,
    /// How many at most.
    pub limit: u32,
}

/// What ran and what will run in a span of time.
#[derive(Clone, Debug)]
pub struct ScheduleTimeline {
    /// From when; a day ago if left out.
    pub from: Option<SystemTime>,
    /// Until when; a week ahead if left out.
    pub to: Option<SystemTime>,
}

/// A run in a timeline.
#[derive(Clone, Debug)]
pub struct TimelineEntry {
    /// Which schedule.
    pub schedule: String,
    /// When it ran, or will.
    pub at: SystemTime,
    /// The job, if it ran.
    pub job: Option<Job>,
}

operation!(
    ScheduleList,
    "schedule_list",
    Some(Role::Viewer),
    Vec<ScheduleView>
);
operation!(
    ScheduleGet,
    "schedule_get",
    Some(Role::Viewer),
    ScheduleView,
    schedule
);
operation!(
    ScheduleChange,
    "schedule_change",
    Some(Role::Admin),
    ScheduleView,
    schedule
);
operation!(
    ScheduleToggle,
    "schedule_toggle",
    Some(Role::Admin),
    ScheduleView,
    schedule
);
operation!(
    ScheduleRun,
    "schedule_run",
    Some(Role::Operator),
    Job,
    schedule
);
operation!(
    ScheduleRetry,
    "schedule_retry",
    Some(Role::Operator),
    Job,
    schedule
);
operation!(
    ScheduleHistory,
    "schedule_history",
    Some(Role::Viewer),
    Vec<Job>,
    schedule
);
operation!(
    ScheduleTimeline,
    "schedule_timeline",
    Some(Role::Viewer),
    Vec<TimelineEntry>
);

impl Query for ScheduleList {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<Vec<ScheduleView>, Error> {
        app.schedules().await
    }
}

impl Query for ScheduleGet {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<ScheduleView, Error> {
        app.schedule(&self.schedule).await
    }
}

impl Query for ScheduleChange {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<ScheduleView, Error> {
        app.set_schedule(&self.schedule, |stored| {
            let ScheduleSettings {
                expression,
                timezone,
                pause_at,
                jitter_s,
            } = &mut stored.set;
            let set = |field: &mut Option<String>, to: Option<String>| {
                if let Some(to) = to {
                    *field = Some(to).filter(|it| !it.is_empty());
                }
            };
            set(expression, self.expression);
            set(timezone, self.timezone);
            // Empty is a wish of its own here: never.
            *pause_at = self.pause_at.or_else(|| pause_at.take());
            *jitter_s = self.jitter_s.map(i64::from).or(*jitter_s);
            stored.enabled = self.enabled.unwrap_or(stored.enabled);
        })
        .await?;
        app.schedule(&self.schedule).await
    }
}

impl Query for ScheduleToggle {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<ScheduleView, Error> {
        app.set_schedule(&self.schedule, |stored| stored.enabled = self.enabled)
            .await?;
        app.schedule(&self.schedule).await
    }
}

impl Query for ScheduleRun {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<Job, Error> {
        app.run_schedule_now(&self.schedule, Origin::caller(actor))
            .await
    }
}

impl Query for ScheduleRetry {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<Job, Error> {
        let view = app.schedule(&self.schedule).await?;
        let Some(last) = view.last else {
            return Err(Error::NotFound {
                what: "run of",
                name: self.schedule,
            });
        };
        match last.state {
            JobState::Failed | JobState::Cancelled => (),
            state => {
                return Err(Error::JobIsNotFailed {
                    job: last.new.id,
                    state,
                });
            }
        }
        let origin = Origin {
            retry_of: Some((last.new.id.clone(), last.new.attempt)),
            schedule: last.new.schedule.clone(),
            ..Origin::caller(actor)
        };
        app.repeat_job(&origin, &last).await
    }
}

impl Query for ScheduleHistory {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<Vec<Job>, Error> {
        app.find_schedule(&self.schedule).await?;
        let filter = JobFilter {
            schedule: Some(self.schedule),
            before: self.before,
            ..JobFilter::default()
        };
        Ok(app.store.jobs(&filter, self.limit).await?)
    }
}

impl Query for ScheduleTimeline {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<Vec<TimelineEntry>, Error> {
        let day = Duration::from_secs(24 * 3600);
        let now = app.machine.clock.now();
        let (from, to) = (
            self.from.unwrap_or(now - day),
            self.to.unwrap_or(now + 7 * day),
        );
        match to.duration_since(from) {
            Ok(span) if span <= SPAN => (),
            _ => {
                return Err(Error::Invalid(
                    "a timeline goes from a time to a later one, at most 400 days".to_owned(),
                ));
            }
        }
        let schedules = app.schedules().await?;
        let names: BTreeSet<&str> = schedules.iter().map(|it| &*it.scheduled.name).collect();
        let ran = app.store.scheduled_jobs((from, to), RAN).await?;
        let entry = |job: Job| {
            let name = job.new.schedule.as_deref();
            // Of one that is deleted nothing is told.
            let schedule = name.filter(|it| names.contains(it))?.to_owned();
            let at = job.new.at;
            let job = Some(job);
            Some(TimelineEntry { schedule, at, job })
        };
        let mut entries: Vec<TimelineEntry> = ran.into_iter().filter_map(entry).collect();
        for view in &schedules {
            let name = view.scheduled.name.to_string();
            if view.stored.enabled {
                let node = &app.store.node().id;
                let planned = view.rule.between((from.max(now), to), PLANNED, node, &name);
                let entry = |at| TimelineEntry {
                    schedule: name.clone(),
                    at,
                    job: None,
                };
                entries.extend(planned.into_iter().map(entry));
            }
        }
        entries.sort_by_key(|it| it.at);
        Ok(entries)
    }
}
