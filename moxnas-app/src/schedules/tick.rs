//! Looking whose time has come, and what was wished of schedules.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use moxnas_core::chain::chain;
use serde_json::json;

use super::{Rule, SCHEDULES, ScheduleView, Scheduled, find};
use crate::{
    app::App,
    error::Error,
    jobs::{self, Origin, Wanted},
    store::{Job, JobFilter, JobState, ScheduleSettings, StoredSchedule, Write},
};

/// A run that begins this much later than planned was caught up with.
const LATE: Duration = Duration::from_secs(5 * 60);

impl App {
    /// Begin what is due, pause what may not go on. The names of what was begun.
    ///
    /// What one schedule ran into does not keep the others from running.
    pub async fn run_due_schedules(self: &Arc<Self>) -> Vec<&'static str> {
        let mut begun = Vec::new();
        let known = self.store.schedules().await.unwrap_or_default();
        for scheduled in SCHEDULES {
            let known = known.iter().find(|it| it.name == scheduled.name);
            if known.is_some_and(|it| self.is_quiet(scheduled, it)) {
                continue;
            }
            match self.tick(scheduled).await {
                Ok(true) => begun.push(scheduled.name),
                Ok(false) => (),
                Err(err) => tracing::error!("schedule {}: {}", scheduled.name, chain(&err)),
            }
        }
        begun
    }

    /// Whether there is surely nothing to do: the usual case, told without a transaction.
    fn is_quiet(&self, it: &Scheduled, stored: &StoredSchedule) -> bool {
        let now = self.machine.clock.now();
        let Ok(rule) = it.rule(&stored.set) else {
            return false;
        };
        let next = rule.next_after(now, &self.store.node().id, it.name);
        let waits = stored.next_at.is_some_and(|at| now < at) && stored.next_at <= next;
        (waits || !stored.enabled) && rule.window.is_none()
    }

    async fn tick(self: &Arc<Self>, it: &'static Scheduled) -> Result<bool, Error> {
        let now = self.machine.clock.now();
        let not_over = self.store.jobs_not_over().await?;
        let mut write = self.store.begin_write().await?;
        let mut stored = self.stored(&mut write, it, now).await?;
        let rule = it.rule(&stored.set)?;
        let own = not_over
            .iter()
            .find(|job| job.new.schedule.as_deref() == Some(it.name));
        if let Some(own) = own
            && own.state == JobState::Running
            && own.new.actor == Origin::schedule(it.name, String::new()).actor
            && !rule.is_open(now)
        {
            drop(write);
            self.want(&own.new.id, Wanted::Pause).await?;
            return Ok(false);
        }
        let next = rule.next_after(now, &self.store.node().id, it.name);
        let due = stored.next_at.filter(|at| *at <= now && stored.enabled);
        let Some(due) = due else {
            // Also where the clock was set back: the far future is no time to wait for.
            let is_wrong = match (stored.next_at, next) {
                (Some(stored), Some(next)) => stored > next,
                (stored, next) => stored.is_some() != next.is_some(),
            };
            if is_wrong && stored.enabled {
                stored.next_at = next;
                write.put_schedule(&stored, now).await?;
                write.commit().await?;
            }
            return Ok(false);
        };
        if self.group_is_busy(it, &not_over) {
            // It stays due.
            return Ok(false);
        }
        stored.next_at = next;
        let origin = Origin::schedule(it.name, format!("{}-{}", it.name, millis(due)));
        let kind = jobs::find(it.kind).expect("a schedule's kind has a line in the table");
        let object = kind.object(&it.args())?;
        let new = self.new_job(kind, it.args(), object, &origin)?;
        let paused = own.filter(|own| own.state == JobState::Paused);
        let skipped = match own {
            Some(_) if paused.is_none() => Some("the run before it is not over".to_owned()),
            _ if !rule.is_open(now) => {
                Some("its window had closed before it could begin".to_owned())
            }
            None => {
                let holder = write.holder(&new.object).await?;
                holder.map(|it| format!("job {it} does the same work"))
            }
            Some(_) => None,
        };
        if let Some(why) = skipped {
            write.add_skipped_job(&new, &why).await?;
            write.put_schedule(&stored, now).await?;
            write.commit().await?;
            return Ok(false);
        }
        stored.last_at = Some(now);
        write.put_schedule(&stored, now).await?;
        if let Some(paused) = paused {
            // In the same transaction: whoever is killed here resumes it at the next start.
            let id = &paused.new.id;
            write.set_job_state(id, JobState::Queued, now).await?;
            write.commit().await?;
            self.run_new_job(id).await?;
            return Ok(true);
        }
        let late = now.duration_since(due).is_ok_and(|it| it > LATE);
        let detail = json!({ "schedule": it.name, "due": millis(due), "caught_up": late });
        self.add_job(&mut write, &new, &origin, None, detail)
            .await?;
        write.commit().await?;
        self.run_new_job(&new.id).await?;
        Ok(true)
    }

    /// What the database knows of a schedule; at first, when it will run.
    async fn stored(
        &self,
        write: &mut Write,
        it: &Scheduled,
        now: SystemTime,
    ) -> Result<StoredSchedule, Error> {
        if let Some(stored) = write.schedule(it.name).await? {
            return Ok(stored);
        }
        let set = ScheduleSettings::default();
        let next_at = it
            .rule(&set)?
            .next_after(now, &self.store.node().id, it.name);
        let stored = StoredSchedule {
            name: it.name.to_owned(),
            set,
            enabled: true,
            next_at,
            last_at: None,
        };
        write.put_schedule(&stored, now).await?;
        Ok(stored)
    }

    fn group_is_busy(&self, it: &Scheduled, not_over: &[Job]) -> bool {
        let others = not_over.iter().filter(|job| job.state != JobState::Paused);
        let mut groups = others
            .filter_map(|job| job.new.schedule.as_deref())
            .filter(|name| *name != it.name)
            .filter_map(find)
            .filter_map(|other| other.group);
        it.group
            .is_some_and(|group| groups.any(|other| other == group))
    }

    /// All schedules as they stand.
    pub(crate) async fn schedules(&self) -> Result<Vec<ScheduleView>, Error> {
        let mut views = Vec::new();
        for scheduled in SCHEDULES {
            views.push(self.schedule(scheduled).await?);
        }
        Ok(views)
    }

    /// A schedule as it stands.
    pub(crate) async fn schedule(&self, it: &Scheduled) -> Result<ScheduleView, Error> {
        let now = self.machine.clock.now();
        let mut write = self.store.begin_write().await?;
        let stored = self.stored(&mut write, it, now).await?;
        write.commit().await?;
        let filter = JobFilter {
            schedule: Some(it.name.to_owned()),
            ..JobFilter::default()
        };
        Ok(ScheduleView {
            scheduled: *it,
            rule: it.rule(&stored.set)?,
            stored,
            last: self.store.jobs(&filter, 1).await?.pop(),
        })
    }

    /// Set a schedule anew. When it runs next follows from that.
    pub(crate) async fn set_schedule(
        &self,
        it: &Scheduled,
        change: impl FnOnce(&mut StoredSchedule),
    ) -> Result<(), Error> {
        let now = self.machine.clock.now();
        let mut write = self.store.begin_write().await?;
        let mut stored = self.stored(&mut write, it, now).await?;
        change(&mut stored);
        let rule: Rule = it.rule(&stored.set)?;
        let next = rule.next_after(now, &self.store.node().id, it.name);
        if next.is_none() && stored.enabled {
            return Err(super::RuleError::Never(rule.calendar.to_string()).into());
        }
        stored.next_at = next.filter(|_| stored.enabled);
        write.put_schedule(&stored, now).await?;
        Ok(write.commit().await?)
    }

    /// Run a schedule now, whatever its time.
    pub(crate) async fn run_schedule_now(
        self: &Arc<Self>,
        it: &Scheduled,
        origin: Origin,
    ) -> Result<Job, Error> {
        let origin = Origin {
            schedule: Some(it.name.to_owned()),
            ..origin
        };
        let kind = jobs::find(it.kind).expect("a schedule's kind has a line in the table");
        let object = kind.object(&it.args())?;
        let new = self.new_job(kind, it.args(), object, &origin)?;
        let mut write = self.store.begin_write().await?;
        let detail = json!({ "schedule": it.name });
        self.add_job(&mut write, &new, &origin, None, detail)
            .await?;
        write.commit().await?;
        self.run_new_job(&new.id).await
    }
}

fn millis(at: SystemTime) -> u128 {
    at.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis()
}
