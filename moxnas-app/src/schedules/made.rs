//! Making schedules, and keeping them with the datasets that they are about.

use moxnas_core::plan::Danger;
use moxnas_pool::{plan::Step, replica};

use super::{ScheduleView, Scheduled, Work, work::NotRead};
use crate::{
    app::App,
    error::Error,
    jobs::{dataset_replicate::Replication, dataset_snapshots::KeepSnapshots},
    machine::AppStep,
    operation::{Change, LongChange, Moved},
    ops::{
        datasets::{DatasetReplicate, SnapshotCreate},
        schedules::When,
    },
    store::{MadeSchedule, ScheduleSettings, StoredSchedule},
};

/// Why a schedule was not made, or cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleRefusal {
    /// It would neither take snapshots nor delete any.
    #[error("a schedule that takes no snapshots and keeps them all does nothing")]
    DoesNothing,
    /// Its runs delete files that nobody was shown.
    #[error(
        "each run makes {to} the same as {of}: files there that are not here would be deleted, and \
         those that differ overwritten"
    )]
    Overwrites {
        /// What is copied.
        of: String,
        /// To where.
        to: String,
    },
    /// Its first run would lose something else.
    #[error("its first run would lose: {0}")]
    LosesAtFirst(String),
    /// It is one of the program.
    #[error("{0} belongs to MoxNAS and cannot be deleted")]
    OfTheProgram(String),
    /// What it does was written down by another release.
    #[error(transparent)]
    NotRead(#[from] NotRead),
}

impl ScheduleRefusal {
    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            ScheduleRefusal::DoesNothing => "schedule_does_nothing",
            ScheduleRefusal::Overwrites { .. } => "schedule_overwrites",
            ScheduleRefusal::LosesAtFirst(_) => "schedule_loses_at_first",
            ScheduleRefusal::OfTheProgram(_) => "schedule_of_the_program",
            ScheduleRefusal::NotRead(_) => "schedule_not_read",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            ScheduleRefusal::DoesNothing => {
                "say how many are to be kept, such as `--keep-daily 7`, or let it take snapshots"
                    .to_owned()
            }
            ScheduleRefusal::Overwrites { .. } => {
                "say `--overwrite` (`overwrite: true`) if that is what you want".to_owned()
            }
            ScheduleRefusal::LosesAtFirst(_) => {
                "replicate once by hand, with `moxnas dataset replicate`, and confirm its plan; then \
                 make the schedule"
                    .to_owned()
            }
            ScheduleRefusal::OfTheProgram(name) => {
                format!("`moxnas schedule disable {name}` keeps it from running")
            }
            ScheduleRefusal::NotRead(_) => {
                "make it anew: `moxnas schedule snapshots`, `moxnas schedule replica`".to_owned()
            }
        }
    }
}

/// A schedule as somebody wishes it.
#[derive(Clone, Debug)]
pub(crate) struct NewSchedule {
    /// What it does.
    pub(crate) work: Work,
    /// When.
    pub(crate) when: When,
}

impl App {
    /// Whether a dataset can have snapshots by a schedule.
    pub(crate) async fn check_snapshots(&self, it: &KeepSnapshots) -> Result<(), Error> {
        if !it.takes && !it.keep.has_rules() {
            return Err(ScheduleRefusal::DoesNothing.into());
        }
        let prune = it.prune();
        let seen = self.look_for(&prune).await?;
        prune.plan(&seen)?;
        if it.takes {
            let take: SnapshotCreate = it.take(self.machine.clock.now());
            take.plan(&seen)?;
        }
        Ok(())
    }

    /// What a schedule is to do that brings a replica up to date, if that loses nothing that nobody
    /// has agreed to.
    pub(crate) async fn check_replica(
        &self,
        wish: &DatasetReplicate,
        overwrite: bool,
    ) -> Result<Replication, Error> {
        let seen = self.look_for(wish).await?;
        let plan = wish.plan(&seen)?;
        let job = Replication {
            fingerprint: None,
            overwrite,
            ..wish.job(&seen)?
        };
        let copies = |it: &AppStep| {
            let AppStep::Pool(Step::Replicate { step, .. }) = it else {
                return false;
            };
            matches!(step, replica::Step::Copy { .. })
        };
        let is_copied = plan.steps.iter().any(copies);
        match (is_copied, plan.dangers.first()) {
            (true, _) if !overwrite => {
                let (of, to) = (format!("{}/{}", job.pool, job.dataset), job.end());
                Err(ScheduleRefusal::Overwrites { of, to }.into())
            }
            (false, Some(Danger::DestroysData { device, content })) => {
                let lost = format!("{content} ({device})");
                Err(ScheduleRefusal::LosesAtFirst(lost).into())
            }
            _ => Ok(job),
        }
    }

    /// Make a schedule, or make it anew. It runs by itself from its next time on.
    pub(crate) async fn make_schedule(
        &self,
        new: NewSchedule,
        by: &str,
    ) -> Result<ScheduleView, Error> {
        let now = self.machine.clock.now();
        let name = new.work.name();
        let made = MadeSchedule {
            name: name.clone(),
            expression: new.when.expression,
            kind: new.work.kind().to_owned(),
            args: new.work.stored(),
            made_at: self.wall_now(),
            made_by: by.to_owned(),
        };
        let it = Scheduled::made(&made).map_err(ScheduleRefusal::from)?;
        let mut write = self.store.begin_write().await?;
        let known = write.schedule(&name).await?;
        let mut stored = StoredSchedule {
            name: name.clone(),
            set: ScheduleSettings {
                timezone: new.when.timezone,
                ..ScheduleSettings::default()
            },
            enabled: true,
            next_at: None,
            last_at: known.and_then(|it| it.last_at),
        };
        self.plan_next(&it, &mut stored, now)?;
        write.put_made_schedule(&made).await?;
        write.put_schedule(&stored, now).await?;
        write.commit().await?;
        self.schedule(&name).await
    }

    /// Forget a schedule that somebody has made. What it made stays.
    pub(crate) async fn delete_schedule(&self, name: &str) -> Result<(), Error> {
        if self.find_schedule(name).await?.work.is_none() {
            return Err(ScheduleRefusal::OfTheProgram(name.to_owned()).into());
        }
        let mut write = self.store.begin_write().await?;
        write.delete_made_schedule(name).await?;
        Ok(write.commit().await?)
    }

    /// The schedules of a dataset that moved, or of what it is a replica of, and what each is to do from
    /// then on; `None`: there is nothing left to do.
    pub(crate) async fn schedules_of(
        &self,
        moved: &Moved,
    ) -> Result<Vec<(MadeSchedule, Option<Work>)>, Error> {
        let follow = |it: MadeSchedule| {
            let work = Scheduled::made(&it).ok()?.work?;
            let after = work.clone().after(moved);
            (after.as_ref() != Some(&work)).then_some((it, after))
        };
        let all = self.store.made_schedules().await?.into_iter();
        Ok(all.filter_map(follow).collect())
    }

    /// Keep the schedules with their datasets, of which one has another name now, or is gone.
    pub(crate) async fn schedules_follow(&self, moved: &Moved) -> Result<(), Error> {
        let changed = self.schedules_of(moved).await?;
        if changed.is_empty() {
            return Ok(());
        }
        let now = self.machine.clock.now();
        let mut write = self.store.begin_write().await?;
        for (it, after) in changed {
            let Some(followed) = after else {
                write.delete_made_schedule(&it.name).await?;
                continue;
            };
            let stored = write.schedule(&it.name).await?;
            write.delete_made_schedule(&it.name).await?;
            let renamed = MadeSchedule {
                name: followed.name(),
                args: followed.stored(),
                ..it
            };
            write.put_made_schedule(&renamed).await?;
            if let Some(mut stored) = stored {
                stored.name = renamed.name;
                write.put_schedule(&stored, now).await?;
            }
        }
        Ok(write.commit().await?)
    }
}
