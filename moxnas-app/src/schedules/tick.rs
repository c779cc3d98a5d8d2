//! Looking whose time has come, and what was wished of schedules.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use moxnas_core::chain::chain;
use serde_json::json;

use super::{Rule, SCHEDULES, ScheduleRefusal, ScheduleView, Scheduled};
use crate::{
    app::App,
    error::Error,
    jobs::{self, Origin, Wanted},
    store::{Job, JobFilter, JobState, ScheduleSettings, StoredSchedule, Write},
};

/// A schedule, and what the database knows of it.
pub(super) type Known = (Scheduled, Option<StoredSchedule>);

/// A run that begins this much later than planned was caught up with.
const LATE: Duration = Duration::from_secs(5 * 60);

impl App {
    /// Begin what is due, pause what may not go on. The names of what was begun.
    ///
    /// What one schedule ran into does not keep the others from running.
    pub async fn run_due_schedules(self: &Arc<Self>) -> Vec<String> {
        let mut begun = Vec::new();
        let all = match self.known_schedules().await {
            Ok(all) => all,
            Err(err) => {
                tracing::error!("the schedules: {}", chain(&err));
                return begun;
            }
        };
        for (scheduled, known) in &all {
            if known
                .as_ref()
                .is_some_and(|it| self.is_quiet(scheduled, it))
            {
                continue;
            }
            match self.tick(scheduled, &all).await {
                Ok(true) => begun.push(scheduled.name.to_string()),
                Ok(false) => (),
                Err(err) => tracing::error!("schedule {}: {}", scheduled.name, chain(&err)),
            }
        }
        begun
    }

    /// All schedules, those of the program first, and what the database knows of each.
    pub(super) async fn known_schedules(&self) -> Result<Vec<Known>, Error> {
        let stored = self.store.schedules().await?.into_iter();
        let mut stored: BTreeMap<String, StoredSchedule> =
            stored.map(|it| (it.name.clone(), it)).collect();
        let made = self.store.made_schedules().await?.into_iter();
        let made = made.filter_map(|it| match Scheduled::made(&it) {
            Ok(made) => Some(made),
            Err(err) => {
                tracing::error!("schedule {} was written by another release: {err}", it.name);
                None
            }
        });
        let known = |it: Scheduled| {
            let stored = stored.remove(&*it.name);
            (it, stored)
        };
        Ok(SCHEDULES.iter().cloned().chain(made).map(known).collect())
    }

    /// The schedule of this name.
    pub(crate) async fn find_schedule(&self, name: &str) -> Result<Scheduled, Error> {
        if let Some(found) = SCHEDULES.iter().find(|it| it.name == name) {
            return Ok(found.clone());
        }
        let made = self.store.made_schedule(name).await?;
        let made = made.ok_or_else(|| Error::NotFound {
            what: "schedule",
            name: name.to_owned(),
        })?;
        Ok(Scheduled::made(&made).map_err(ScheduleRefusal::from)?)
    }

    /// Whether there is surely nothing to do: the usual case, told without a transaction.
    fn is_quiet(&self, it: &Scheduled, stored: &StoredSchedule) -> bool {
        let now = self.machine.clock.now();
        let Ok(rule) = it.rule(&stored.set) else {
            return false;
        };
        let next = rule.next_after(now, &self.store.node().id, &it.name);
        let waits = stored.next_at.is_some_and(|at| now < at) && stored.next_at <= next;
        (waits || !stored.enabled) && rule.window.is_none()
    }

    async fn tick(self: &Arc<Self>, it: &Scheduled, all: &[Known]) -> Result<bool, Error> {
        let now = self.machine.clock.now();
        let not_over = self.store.jobs_not_over().await?;
        let mut write = self.store.begin_write().await?;
        let Some(mut stored) = self.stored(&mut write, it, now).await? else {
            // Somebody has just deleted it.
            return Ok(false);
        };
        let rule = it.rule(&stored.set)?;
        let own = not_over
            .iter()
            .find(|job| job.new.schedule.as_deref() == Some(&*it.name));
        if let Some(own) = own
            && own.state == JobState::Running
            && own.new.actor == Origin::schedule(&it.name, String::new()).actor
            && !rule.is_open(now)
        {
            drop(write);
            self.want(&own.new.id, Wanted::Pause).await?;
            return Ok(false);
        }
        let next = rule.next_after(now, &self.store.node().id, &it.name);
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
        if group_is_busy(it, all, &not_over) {
            // It stays due.
            return Ok(false);
        }
        stored.next_at = next;
        let origin = Origin::schedule(&it.name, format!("{}-{}", it.name, millis(due)));
        let kind = jobs::find(it.kind).expect("a schedule's kind has a line in the table");
        let args = it.args(&rule);
        let object = kind.object(&args)?;
        let new = self.new_job(kind, args, object, &origin)?;
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

    /// What the database knows of a schedule; at first, when it will run. `None`: nobody has it any
    /// more.
    async fn stored(
        &self,
        write: &mut Write,
        it: &Scheduled,
        now: SystemTime,
    ) -> Result<Option<StoredSchedule>, Error> {
        let stored = write.schedule(&it.name).await?;
        if stored.is_some() || it.work.is_some() {
            return Ok(stored);
        }
        let stored = self.at_first(it, now)?;
        write.put_schedule(&stored, now).await?;
        Ok(Some(stored))
    }

    /// A schedule of which nothing was set.
    fn at_first(&self, it: &Scheduled, now: SystemTime) -> Result<StoredSchedule, Error> {
        let set = ScheduleSettings::default();
        let rule = it.rule(&set)?;
        Ok(StoredSchedule {
            name: it.name.to_string(),
            next_at: rule.next_after(now, &self.store.node().id, &it.name),
            set,
            enabled: true,
            last_at: None,
        })
    }

    /// All schedules as they stand.
    pub(crate) async fn schedules(&self) -> Result<Vec<ScheduleView>, Error> {
        let now = self.machine.clock.now();
        let mut last = self.store.last_runs().await?;
        let all = self.known_schedules().await?.into_iter();
        all.map(|(scheduled, stored)| {
            let stored = stored.map_or_else(|| self.at_first(&scheduled, now), Ok)?;
            Ok(ScheduleView {
                rule: scheduled.rule(&stored.set)?,
                last: last.remove(&*scheduled.name),
                scheduled,
                stored,
            })
        })
        .collect()
    }

    /// A schedule as it stands.
    pub(crate) async fn schedule(&self, name: &str) -> Result<ScheduleView, Error> {
        let scheduled = self.find_schedule(name).await?;
        let now = self.machine.clock.now();
        let stored = self.store.schedule(name).await?;
        let stored = stored.map_or_else(|| self.at_first(&scheduled, now), Ok)?;
        let filter = JobFilter {
            schedule: Some(name.to_owned()),
            ..JobFilter::default()
        };
        Ok(ScheduleView {
            rule: scheduled.rule(&stored.set)?,
            scheduled,
            stored,
            last: self.store.jobs(&filter, 1).await?.pop(),
        })
    }

    /// Set a schedule anew. When it runs next follows from that.
    pub(crate) async fn set_schedule(
        &self,
        name: &str,
        change: impl FnOnce(&mut StoredSchedule),
    ) -> Result<(), Error> {
        let it = self.find_schedule(name).await?;
        let now = self.machine.clock.now();
        let mut write = self.store.begin_write().await?;
        let stored = self.stored(&mut write, &it, now).await?;
        let mut stored = stored.ok_or_else(|| Error::NotFound {
            what: "schedule",
            name: name.to_owned(),
        })?;
        change(&mut stored);
        self.plan_next(&it, &mut stored, now)?;
        write.put_schedule(&stored, now).await?;
        Ok(write.commit().await?)
    }

    /// When it runs next, as it is set now.
    pub(super) fn plan_next(
        &self,
        it: &Scheduled,
        stored: &mut StoredSchedule,
        now: SystemTime,
    ) -> Result<(), Error> {
        let rule: Rule = it.rule(&stored.set)?;
        let next = rule.next_after(now, &self.store.node().id, &it.name);
        if next.is_none() && stored.enabled {
            return Err(super::RuleError::Never(rule.calendar.to_string()).into());
        }
        stored.next_at = next.filter(|_| stored.enabled);
        Ok(())
    }

    /// Run a schedule now, whatever its time.
    pub(crate) async fn run_schedule_now(
        self: &Arc<Self>,
        name: &str,
        origin: Origin,
    ) -> Result<Job, Error> {
        let ScheduleView {
            scheduled: it,
            rule,
            ..
        } = self.schedule(name).await?;
        let origin = Origin {
            schedule: Some(name.to_owned()),
            ..origin
        };
        let kind = jobs::find(it.kind).expect("a schedule's kind has a line in the table");
        let args = it.args(&rule);
        let object = kind.object(&args)?;
        let new = self.new_job(kind, args, object, &origin)?;
        let mut write = self.store.begin_write().await?;
        let detail = json!({ "schedule": it.name });
        self.add_job(&mut write, &new, &origin, None, detail)
            .await?;
        write.commit().await?;
        self.run_new_job(&new.id).await
    }
}

/// Whether a job runs that is of another schedule of its group.
fn group_is_busy(it: &Scheduled, all: &[Known], not_over: &[Job]) -> bool {
    let Some(group) = &it.group else { return false };
    let others = not_over.iter().filter(|job| job.state != JobState::Paused);
    let mut others = others
        .filter_map(|job| job.new.schedule.as_deref())
        .filter(|name| *name != it.name);
    others.any(|name| {
        let found = all.iter().find(|(it, _)| it.name == name);
        found.is_some_and(|(other, _)| other.group.as_ref() == Some(group))
    })
}

fn millis(at: SystemTime) -> u128 {
    at.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis()
}
