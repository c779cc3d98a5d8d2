//! Schedules that somebody makes.

use clap::Args;
use moxnas_app::{
    ops::schedules::{ScheduleReplica, ScheduleSnapshots, When},
    schedules::Work,
};
use moxnas_core::names::BadName;
use poem_openapi::Object;

use crate::wire::{datasets::KeepRules, replicas::ReplicateDataset};

/// What snapshots begin with if nobody says it.
const PREFIX: &str = "auto";

/// Have snapshots of a dataset taken, and those deleted that are not to be kept
#[derive(Clone, Debug, PartialEq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct MakeSnapshotSchedule {
    /// Its pool
    #[oai(validator(max_length = 32))]
    pub pool: String,
    /// The dataset
    #[oai(validator(max_length = 64))]
    pub dataset: String,
    /// When: a calendar expression of systemd or cron, such as `hourly` or `Mon..Fri 18:00`
    #[arg(long = "at", value_name = "EXPR")]
    #[oai(validator(max_length = 1000))]
    pub expression: String,
    /// Whose hours and days count, such as Europe/Berlin; left out: the machine's
    #[arg(long, value_name = "ZONE")]
    #[oai(validator(max_length = 100))]
    pub timezone: Option<String>,
    /// What the names of the snapshots begin with, the time in UTC follows; left out: `auto`. Only
    /// snapshots that are named so are ever deleted by it
    #[arg(long, value_name = "WORD")]
    #[oai(validator(max_length = 40))]
    pub prefix: Option<String>,
    /// Take none and only delete, as where snapshots arrive from elsewhere
    #[arg(long)]
    #[oai(default)]
    pub prune_only: bool,
    /// How many stay; left out: all do, and take more and more
    #[command(flatten)]
    pub keep: Option<KeepRules>,
}

/// Have a replica of a dataset brought up to date
#[derive(Clone, Debug, PartialEq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct MakeReplicaSchedule {
    /// Its pool
    #[oai(validator(max_length = 32))]
    pub pool: String,
    /// The dataset
    #[oai(validator(max_length = 64))]
    pub dataset: String,
    /// To where
    #[command(flatten)]
    pub replica: ReplicateDataset,
    /// When: a calendar expression of systemd or cron, such as `02:00`
    #[arg(long = "at", value_name = "EXPR")]
    #[oai(validator(max_length = 1000))]
    pub expression: String,
    /// Whose hours count, such as Europe/Berlin; left out: the machine's
    #[arg(long, value_name = "ZONE")]
    #[oai(validator(max_length = 100))]
    pub timezone: Option<String>,
    /// Agree that files there that are not here are deleted, and those that differ overwritten. It has to
    /// be said where files are copied, as not both pools are btrfs
    #[arg(long)]
    #[oai(default)]
    pub overwrite: bool,
}

/// What a schedule does that keeps snapshots
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct SnapshotSchedule {
    /// The pool
    pub pool: String,
    /// The dataset
    pub dataset: String,
    /// What the names of its snapshots begin with
    pub prefix: String,
    /// Whether it takes none, and only deletes
    pub prune_only: bool,
    /// How many stay; left out: all do
    pub keep: Option<KeepRules>,
}

/// What a schedule does that keeps a replica
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ReplicaSchedule {
    /// The pool
    pub pool: String,
    /// The dataset
    pub dataset: String,
    /// The machine that has the other pool; left out: this one
    pub target: Option<String>,
    /// The other pool
    pub to_pool: String,
    /// What it is called there
    pub to_dataset: String,
    /// Whether what arrives is compared byte by byte
    pub compare: bool,
    /// Whether files there are deleted and overwritten
    pub overwrite: bool,
}

impl TryFrom<MakeSnapshotSchedule> for ScheduleSnapshots {
    type Error = BadName;

    fn try_from(it: MakeSnapshotSchedule) -> Result<ScheduleSnapshots, BadName> {
        Ok(ScheduleSnapshots {
            pool: it.pool,
            dataset: it.dataset,
            when: When {
                expression: it.expression,
                timezone: it.timezone,
            },
            prefix: it.prefix.as_deref().unwrap_or(PREFIX).parse()?,
            takes: !it.prune_only,
            keep: it.keep.map(Into::into).unwrap_or_default(),
        })
    }
}

impl TryFrom<MakeReplicaSchedule> for ScheduleReplica {
    type Error = BadName;

    fn try_from(it: MakeReplicaSchedule) -> Result<ScheduleReplica, BadName> {
        Ok(ScheduleReplica {
            replica: it.replica.of(it.pool, it.dataset)?,
            when: When {
                expression: it.expression,
                timezone: it.timezone,
            },
            overwrite: it.overwrite,
        })
    }
}

/// What a schedule does, told apart by what it does.
pub(super) fn work(it: Work) -> (Option<SnapshotSchedule>, Option<ReplicaSchedule>) {
    match it {
        Work::Snapshots(it) => {
            let keep = it.keep.has_rules().then(|| it.keep.into());
            let snapshots = SnapshotSchedule {
                pool: it.pool,
                dataset: it.dataset,
                prefix: it.prefix.to_string(),
                prune_only: !it.takes,
                keep,
            };
            (Some(snapshots), None)
        }
        Work::Replica(it) => {
            let replica = ReplicaSchedule {
                pool: it.pool,
                dataset: it.dataset,
                target: it.target.map(|it| it.to_string()),
                to_pool: it.to_pool,
                to_dataset: it.to.to_string(),
                compare: it.compare,
                overwrite: it.overwrite,
            };
            (None, Some(replica))
        }
    }
}
