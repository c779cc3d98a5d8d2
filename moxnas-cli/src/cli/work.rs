//! Jobs and schedules.

use clap::{Args, Subcommand};
use moxnas_api::wire::{
    jobs::JobState,
    schedules::{ChangeSchedule, MakeReplicaSchedule, MakeSnapshotSchedule},
};

/// Whether to stay with a job.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Patience {
    /// Do not stay with the job until it is over
    #[arg(long)]
    pub(crate) detach: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobVerb {
    /// List jobs, newest first
    List {
        /// How many at most
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
        /// Only those that stand so
        #[arg(long, value_enum)]
        state: Option<JobState>,
    },
    /// Show a job
    Show(JobId),
    /// Show what a job has said
    Log(JobId),
    /// Stay with a job until it is over
    Follow(JobId),
    /// End a job
    Cancel(JobId),
    /// Repeat a job that failed or was cancelled
    Retry {
        #[command(flatten)]
        job: JobId,
        #[command(flatten)]
        patience: Patience,
    },
}

#[derive(Debug, Args)]
pub(crate) struct JobId {
    /// Id of the job
    pub(crate) job: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleVerb {
    /// List all schedules
    List,
    /// Show a schedule
    Show(ScheduleName),
    /// Have snapshots of a dataset taken, and those deleted that are not to be kept
    ///
    /// Such as `moxnas schedule snapshots tank photos --at hourly --keep-hourly 24 --keep-daily 30`.
    /// `moxnas prune simulate --every hourly …` shows what would be left in a year.
    Snapshots(MakeSnapshotSchedule),
    /// Have a replica of a dataset brought up to date
    ///
    /// Such as `moxnas schedule replica tank photos --to backup --at 02:00`.
    Replica(MakeReplicaSchedule),
    /// Delete a schedule that somebody has made; its snapshots and replicas stay
    Delete(ScheduleName),
    /// Set a schedule anew; what is left out stays
    Change {
        #[command(flatten)]
        schedule: ScheduleName,
        #[command(flatten)]
        body: ChangeSchedule,
    },
    /// Let a schedule run by itself
    Enable(ScheduleName),
    /// Let a schedule run no more by itself
    Disable(ScheduleName),
    /// Run a schedule now
    Run {
        #[command(flatten)]
        schedule: ScheduleName,
        #[command(flatten)]
        patience: Patience,
    },
    /// Repeat the last run of a schedule, which failed
    Retry {
        #[command(flatten)]
        schedule: ScheduleName,
        #[command(flatten)]
        patience: Patience,
    },
    /// Show the runs of a schedule, newest first
    History {
        #[command(flatten)]
        schedule: ScheduleName,
        /// How many at most
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// Show what ran since yesterday and what will run in a week
    Timeline,
    /// Show when a calendar expression comes next; needs no machine
    Next(NextRuns),
}

#[derive(Debug, Args)]
pub(crate) struct ScheduleName {
    /// Name of the schedule
    pub(crate) schedule: String,
}

#[derive(Debug, Args)]
pub(crate) struct NextRuns {
    /// A calendar expression of systemd or cron, such as "Sun 01:00" or "30 2 * * *"
    pub(crate) expression: String,
    /// After which moment; now if left out
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// How many
    #[arg(long, default_value_t = 10)]
    pub(crate) count: usize,
    /// Where the hours are meant, such as Europe/Berlin; here if left out
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<String>,
}
