//! What runs by itself, and when.
//!
//! A schedule is a line in [`SCHEDULES`]; the database knows when it runs next and what an
//! administrator has set instead. When its time has come, a job is made and the next time written
//! down *in one transaction*: a run is neither lost nor made twice, whenever the service stops.
//! A time that passed while the service did not run is caught up with once. What came of a run is
//! what its job says, never what the schedule believes.
//!
//! Times are those of the machine's clock, so that a simulated machine moved forward by a week has
//! its weekly runs.

mod rule;
mod tick;

use std::time::Duration;

use serde_json::{Value, json};

pub use self::rule::{Rule, RuleError};
use crate::{
    jobs::{self, Job},
    store::{Job as Run, ScheduleSettings, StoredSchedule},
};

/// A schedule of the program.
#[derive(Clone, Copy, Debug)]
pub struct Scheduled {
    /// Its name.
    pub name: &'static str,
    /// The name for people.
    pub title: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// When it runs, unless an administrator says otherwise: a calendar expression.
    pub expression: &'static str,
    /// The time of day at which a run is paused.
    pub pause_at: Option<&'static str>,
    /// Longest delay. Each machine has its own, always the same.
    pub jitter: Duration,
    /// Schedules of one group do not run at the same time.
    pub group: Option<&'static str>,
    /// The kind of its jobs.
    pub kind: &'static str,
}

/// All schedules. A feature that has one adds a line.
pub const SCHEDULES: &[Scheduled] = &[
    Scheduled {
        name: "raid_scrub",
        title: "Check of all arrays",
        about: "Reads all of every array and compares the copies, one array after the other",
        expression: "Sun 01:00",
        pause_at: None,
        jitter: Duration::ZERO,
        group: Some("disks"),
        kind: jobs::raid_scrub::ScrubAll::KIND,
    },
    Scheduled {
        name: "db_maintenance",
        title: "Care of the database",
        about: "Looks whether the database is sound, and forgets what is too old",
        expression: "03:30",
        pause_at: None,
        jitter: Duration::from_secs(15 * 60),
        group: Some("database"),
        kind: jobs::db_maintenance::MaintainDatabase::KIND,
    },
    Scheduled {
        name: "config_backup",
        title: "Backup of settings and database",
        about: "Writes the database and the settings to the data folder, and reads them back",
        expression: "02:30",
        pause_at: None,
        jitter: Duration::from_secs(15 * 60),
        group: Some("database"),
        kind: jobs::config_backup::BackUp::KIND,
    },
];

/// The schedule of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Scheduled> {
    SCHEDULES.iter().find(|it| it.name == name)
}

impl Scheduled {
    /// What its jobs take: nothing yet.
    fn args(&self) -> Value {
        json!({})
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
            set.expression.as_deref().unwrap_or(self.expression),
            set.timezone.as_deref(),
            pause_at,
            jitter.map_or(self.jitter, Duration::from_secs),
        )
    }
}

/// A schedule as it stands.
#[derive(Clone, Debug)]
pub struct ScheduleView {
    /// What the program says of it.
    pub scheduled: Scheduled,
    /// What the database says of it.
    pub stored: StoredSchedule,
    /// What counts.
    pub rule: Rule,
    /// Its last job, running or over.
    pub last: Option<Run>,
}
