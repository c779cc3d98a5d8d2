//! What runs by itself, and when.
//!
//! A schedule is a line in [`SCHEDULES`], or somebody has made it: then the database has what it does
//! ([`Work`]). Of each the database knows when it runs next and what an administrator has set instead.
//! When its time has come, a job is made and the next time written down *in one transaction*: a run is
//! neither lost nor made twice, whenever the service stops. A time that passed while the service did
//! not run is caught up with once. What came of a run is what its job says, never what the schedule
//! believes.
//!
//! Times are those of the machine's clock, so that a simulated machine moved forward by a week has
//! its weekly runs.

mod made;
mod rule;
mod tick;
mod work;

use std::{borrow::Cow, time::Duration};

use serde_json::{Value, json};

pub(crate) use self::made::NewSchedule;
pub use self::{
    made::ScheduleRefusal,
    rule::{Rule, RuleError},
    work::Work,
};
use crate::{
    jobs::{self, Job},
    store::{Job as Run, ScheduleSettings, StoredSchedule},
};

/// A schedule, of the program or made by somebody.
#[derive(Clone, Debug)]
pub struct Scheduled {
    /// Its name.
    pub name: Cow<'static, str>,
    /// The name for people.
    pub title: Cow<'static, str>,
    /// What it does, in a sentence.
    pub about: Cow<'static, str>,
    /// When it runs, unless an administrator says otherwise: a calendar expression.
    pub expression: Cow<'static, str>,
    /// The time of day at which a run is paused.
    pub pause_at: Option<&'static str>,
    /// Longest delay. Each machine has its own, always the same.
    pub jitter: Duration,
    /// Schedules of one group do not run at the same time.
    pub group: Option<Cow<'static, str>>,
    /// The kind of its jobs.
    pub kind: &'static str,
    /// What it does, if somebody has made it.
    pub work: Option<Work>,
}

/// All schedules of the program. A feature that has one adds a line.
pub static SCHEDULES: &[Scheduled] = &[
    Scheduled {
        name: Cow::Borrowed("raid_scrub"),
        title: Cow::Borrowed("Check of all arrays"),
        about: Cow::Borrowed(
            "Reads all of every array and compares the copies, one array after the other",
        ),
        expression: Cow::Borrowed("Sun 01:00"),
        pause_at: None,
        jitter: Duration::ZERO,
        group: Some(Cow::Borrowed("disks")),
        kind: jobs::raid_scrub::ScrubAll::KIND,
        work: None,
    },
    Scheduled {
        name: Cow::Borrowed("db_maintenance"),
        title: Cow::Borrowed("Care of the database"),
        about: Cow::Borrowed("Looks whether the database is sound, and forgets what is too old"),
        expression: Cow::Borrowed("03:30"),
        pause_at: None,
        jitter: Duration::from_secs(15 * 60),
        group: Some(Cow::Borrowed("database")),
        kind: jobs::db_maintenance::MaintainDatabase::KIND,
        work: None,
    },
    Scheduled {
        name: Cow::Borrowed("config_backup"),
        title: Cow::Borrowed("Backup of settings and database"),
        about: Cow::Borrowed(
            "Writes the database and the settings to the data folder, and reads them back",
        ),
        expression: Cow::Borrowed("02:30"),
        pause_at: None,
        jitter: Duration::from_secs(15 * 60),
        group: Some(Cow::Borrowed("database")),
        kind: jobs::config_backup::BackUp::KIND,
        work: None,
    },
];

impl Scheduled {
    /// What its jobs take.
    fn args(&self, rule: &Rule) -> Value {
        match &self.work {
            Some(work) => work.args(rule),
            None => json!({}),
        }
    }

    /// What counts: what was set, or else what the program says.
    fn rule(&self, set: &ScheduleSettings) -> Result<Rule, RuleError> {
        let pause_at = match set.pause_at.as_deref() {
            Some("") => None,
            Some(set) => Some(set),
            None => self.pause_at,
        };
        let jitter = set.jitter_s.and_then(|it| u64::try_from(it).ok());
        Rule::new(
            set.expression.as_deref().unwrap_or(&self.expression),
            set.timezone.as_deref(),
            pause_at,
            jitter.map_or(self.jitter, Duration::from_secs),
        )
    }
}

/// A schedule as it stands.
#[derive(Clone, Debug)]
pub struct ScheduleView {
    /// What it is.
    pub scheduled: Scheduled,
    /// What the database says of it.
    pub stored: StoredSchedule,
    /// What counts.
    pub rule: Rule,
    /// Its last job, running or over.
    pub last: Option<Run>,
}
