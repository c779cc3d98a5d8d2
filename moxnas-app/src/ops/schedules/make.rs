//! Schedules that somebody makes: snapshots and replicas of datasets.

use std::sync::Arc;

use moxnas_pool::{dataset::SnapshotPrefix, prune::Keep};

use crate::{
    actor::{Actor, Role},
    app::App,
    error::Error,
    jobs::dataset_snapshots::KeepSnapshots,
    operation::{Effect, Operation, Query},
    ops::datasets::DatasetReplicate,
    schedules::{NewSchedule, ScheduleView, Work},
};

/// When a schedule runs that somebody makes.
#[derive(Clone, Debug)]
pub struct When {
    /// A calendar expression of systemd or cron.
    pub expression: String,
    /// Whose hours and days count: a name of IANA; `None`: the machine's.
    pub timezone: Option<String>,
}

/// Have snapshots of a dataset taken, and those deleted that are not to be kept. A schedule of the
/// same dataset and the same prefix is set anew.
#[derive(Clone, Debug)]
pub struct ScheduleSnapshots {
    /// Its pool.
    pub pool: String,
    /// Its name.
    pub dataset: String,
    /// When.
    pub when: When,
    /// What the names of the snapshots begin with. Only those are deleted.
    pub prefix: SnapshotPrefix,
    /// Take one each time, or only delete.
    pub takes: bool,
    /// How many stay; without any rule all do.
    pub keep: Keep,
}

/// Have a replica of a dataset brought up to date. A schedule of the same replica is set anew.
#[derive(Clone, Debug)]
pub struct ScheduleReplica {
    /// What is replicated, and to where.
    pub replica: DatasetReplicate,
    /// When.
    pub when: When,
    /// That files of the replica are deleted and overwritten is meant. Nothing is where snapshots are
    /// sent.
    pub overwrite: bool,
}

/// Delete a schedule that somebody has made. The snapshots and replicas stay.
#[derive(Clone, Debug)]
pub struct ScheduleDelete {
    /// Its name.
    pub schedule: String,
}

impl Operation for ScheduleSnapshots {
    const NAME: &'static str = "schedule_snapshots";
    const NEEDS: Option<Role> = Some(Role::Admin);
    type Output = ScheduleView;

    fn object(&self) -> Option<String> {
        Some(format!("{}/{}", self.pool, self.dataset))
    }
}

impl Operation for ScheduleReplica {
    const NAME: &'static str = "schedule_replica";
    const NEEDS: Option<Role> = Some(Role::Admin);
    type Output = ScheduleView;

    fn object(&self) -> Option<String> {
        Some(format!("{}/{}", self.replica.pool, self.replica.dataset))
    }
}

operation!(
    ScheduleDelete,
    "schedule_delete",
    Some(Role::Admin),
    (),
    schedule
);

impl Query for ScheduleSnapshots {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<ScheduleView, Error> {
        let work = KeepSnapshots {
            pool: self.pool,
            dataset: self.dataset,
            prefix: self.prefix,
            takes: self.takes,
            keep: self.keep,
            timezone: None,
        };
        app.check_snapshots(&work).await?;
        let new = NewSchedule {
            work: Work::Snapshots(work),
            when: self.when,
        };
        app.make_schedule(new, &actor.name).await
    }
}

impl Query for ScheduleReplica {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<ScheduleView, Error> {
        let work = app.check_replica(&self.replica, self.overwrite).await?;
        let new = NewSchedule {
            work: Work::Replica(work),
            when: self.when,
        };
        app.make_schedule(new, &actor.name).await
    }
}

impl Query for ScheduleDelete {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<(), Error> {
        app.delete_schedule(&self.schedule).await
    }
}
