//! Changing the machine: planned on a fresh look, agreed to, carried out, looked at again.

use std::{collections::BTreeSet, sync::Arc};

use moxnas_core::{
    disk::{BlockKind, DeviceId},
    folder::is_in,
};
use moxnas_pool::{self as pool, unit::mount_point};
use moxnas_shares::model::Intent;
use moxnas_telemetry::capability::Level;
use tokio::sync::MutexGuard;

use super::{
    expect::{Beside, Changing, Offer},
    *,
};
use crate::{
    disk_plan::DiskRefusal,
    machine::Unfinished,
    operation::{Lane, Moved},
    ops::shares::verified,
    sharing::ShareError,
};

impl App {
    /// What would be done.
    pub async fn plan<C: Change>(
        self: &Arc<Self>,
        actor: &Actor,
        change: &C,
    ) -> Result<PlanReport, Error> {
        self.admit::<C>(actor, change.object()).await?;
        let seen = self.look_for(change).await?;
        let plan = self.plan_of(change, &seen).await?;
        Ok(PlanReport::new(C::NAME, &plan, &seen))
    }

    /// Change the machine.
    ///
    /// It runs in a task of its own: a caller that goes away stops waiting, not the change.
    pub async fn change<C: Change>(
        self: &Arc<Self>,
        actor: &Actor,
        change: C,
        terms: Terms,
    ) -> Result<C::Output, Error> {
        self.admit::<C>(actor, change.object()).await?;
        let (app, actor) = (Arc::clone(self), actor.clone());
        to_the_end(async move {
            let _one_at_a_time = app.alone(&change).await;
            let seen = app.look_for(&change).await?;
            let plan = match app.agree(&change, &seen, &terms).await {
                Ok(plan) => plan,
                Err(err) => {
                    // Asking for the plan is no attempt.
                    if !matches!(err, Error::ConfirmationRequired(_)) {
                        app.record_refusal::<C>(&actor, change.object(), &err)
                            .await?;
                    }
                    return Err(err);
                }
            };
            let fingerprint = plan.fingerprint().to_string();
            app.record::<C>(&actor, Phase::Intent, change.object(), |entry| {
                entry.fingerprint = Some(fingerprint.clone());
                entry.detail = json!({ "steps": words(&plan) });
            })
            .await?;
            let outcome = |done: &_| {
                Some(app.outcome::<C, _>(&actor, change.object(), Some(fingerprint), done))
            };
            app.make(&change, &plan, &seen, &actor.name, outcome).await
        })
        .await
    }

    /// Begin a change of the machine that takes long. The answer is the job that makes it.
    pub async fn begin<C: LongChange>(
        self: &Arc<Self>,
        actor: &Actor,
        change: C,
        terms: Terms,
    ) -> Result<store::Job, Error> {
        self.admit::<C>(actor, change.object()).await?;
        let (app, actor) = (Arc::clone(self), actor.clone());
        to_the_end(async move {
            let begun = app.begin_agreed(&actor, &change, &terms).await;
            if let Err(err) = &begun
                && !matches!(err, Error::ConfirmationRequired(_))
            {
                app.record_refusal::<C>(&actor, change.object(), err)
                    .await?;
            }
            app.run_new_job(&begun?).await
        })
        .await
    }

    /// The id of the job that will make the change.
    async fn begin_agreed<C: LongChange>(
        &self,
        actor: &Actor,
        change: &C,
        terms: &Terms,
    ) -> Result<String, Error> {
        let _one_at_a_time = self.alone(change).await;
        let seen = self.look_for(change).await?;
        let plan = self.agree(change, &seen, terms).await?;
        let work = change.job(&seen)?;
        let origin = Origin::caller(actor);
        let kind = crate::jobs::find(C::Job::KIND).expect("every kind has a line in the table");
        let args = serde_json::to_value(&work).expect("jobs are plain data");
        let new = self.new_job(kind, args, work.object(), &origin)?;
        let mut write = self.store.begin_write().await?;
        let detail = json!({ "steps": words(&plan) });
        let fingerprint = Some(plan.fingerprint().to_string());
        self.add_job(&mut write, &new, &origin, fingerprint, detail)
            .await?;
        write.commit().await?;
        Ok(new.id)
    }

    /// Make a change as a part of a job, whose intent and outcome the audit log has already.
    pub(crate) async fn change_within_job<C: Change>(
        &self,
        change: &C,
    ) -> Result<C::Output, Error> {
        let _one_at_a_time = self.alone(change).await;
        let seen = self.look_for(change).await?;
        let plan = self.agree(change, &seen, &Terms::default()).await?;
        self.make(change, &plan, &seen, "job", |_| None).await
    }

    /// The same where whoever made the job has agreed to whatever has to be done.
    pub(crate) async fn change_as_agreed<C: Change>(&self, change: &C) -> Result<C::Output, Error> {
        let _one_at_a_time = self.alone(change).await;
        let seen = self.look_for(change).await?;
        let plan = change.plan(&seen)?;
        self.check_free(&plan, &seen).await?;
        self.make(change, &plan, &seen, "job", |_| None).await
    }

    /// Carry a plan out, and expect from then on what it led to, also if only what came after its
    /// arrays failed. `outcome` is what the audit log is to be told of it.
    async fn make<C: Change>(
        &self,
        change: &C,
        plan: &Plan<AppStep>,
        before: &Seen,
        by: &str,
        outcome: impl FnOnce(&Result<(C::Output, Arc<Seen>), Error>) -> Option<Entry>,
    ) -> Result<C::Output, Error> {
        let changing = Changing::new(&self.changing);
        let meant = change.offers(before)?;
        let done = self.carry_out(change, plan, meant.as_ref()).await;
        let entry = outcome(&done);
        let after = match &done {
            Ok((_, after)) => Some(Arc::clone(after)),
            Err(Error::Stopped(stopped)) => {
                has_made_its_arrays(plan, stopped.done).then(|| self.seen())
            }
            Err(_) => None,
        };
        let offer = meant.filter(|_| done.is_ok()).map(|intent| Offer {
            intent,
            operation: C::NAME,
            by,
            generation: plan.steps.iter().find_map(AppStep::generation),
        });
        let beside = Beside {
            entry: entry.as_ref(),
            offer,
        };
        let written = self
            .expect_what_was_done(before, after.as_deref(), by, beside)
            .await;
        drop(changing);
        self.judge_again();
        written?;
        if let (Ok(_), Some(moved)) = (&done, change.moved()) {
            self.schedules_follow(&moved).await?;
        }
        done.map(|(output, _)| output)
    }

    /// The plan that a job is about to carry out, if it is the one that was confirmed.
    pub(crate) async fn plan_again<C: Change>(
        &self,
        change: &C,
        confirmed: &str,
    ) -> Result<Plan<AppStep>, Error> {
        let (plan, seen) = self.plan_now(change).await?;
        match plan.fingerprint().to_string() == confirmed {
            true => Ok(plan),
            false => {
                let report = PlanReport::new(C::NAME, &plan, &seen);
                Err(Error::PlanChanged(Box::new(report)))
            }
        }
    }

    /// The plan of a job that had begun: what is left to do, by what is there now.
    pub(crate) async fn plan_anew<C: Change>(&self, change: &C) -> Result<Plan<AppStep>, Error> {
        self.plan_now(change).await.map(|(plan, _)| plan)
    }

    async fn plan_now<C: Change>(&self, change: &C) -> Result<(Plan<AppStep>, Arc<Seen>), Error> {
        let _one_at_a_time = self.alone(change).await;
        let seen = self.look_for(change).await?;
        Ok((change.plan(&seen)?, seen))
    }

    /// Nothing that this change must not run beside runs while this is held.
    async fn alone<C: Change>(&self, change: &C) -> Vec<MutexGuard<'_, ()>> {
        let lanes: BTreeSet<Lane> = [C::LANE].into_iter().chain(change.also()).collect();
        let mut held = Vec::new();
        for lane in lanes {
            held.push(self.lane(lane).lock().await);
        }
        held
    }

    /// A fresh look, and what has to be asked for this change.
    pub(crate) async fn look_for<C: Change>(&self, change: &C) -> Result<Arc<Seen>, Error> {
        let mut seen = self.look().await?;
        for question in change.asks(&seen) {
            seen = self.ask(question).await?;
        }
        Ok(seen)
    }

    /// This process may change the machine, and no job works on a disk or a pool that the plan is about,
    /// or on a pool on a device that it writes over. A second job of the same is refused by the database.
    async fn check_free(&self, plan: &Plan<AppStep>, seen: &Seen) -> Result<(), Error> {
        self.check_right()?;
        let objects: BTreeSet<String> = plan.steps.iter().flat_map(AppStep::objects).collect();
        let written = with_partitions(seen, plan.steps.iter().flat_map(AppStep::writes_over));
        if objects.is_empty() && written.is_empty() {
            return Ok(());
        }
        for job in self.store.jobs_not_over().await? {
            let object = &job.new.object;
            let pool = object.strip_prefix("pool:");
            let is_on_it = pool
                .and_then(|it| seen.pools.find(it))
                .is_some_and(|it| it.devices().any(|it| written.contains(it)));
            if !objects.contains(object) && !is_on_it {
                continue;
            }
            let job = job.new.id.clone();
            return Err(match pool {
                Some(pool) => Error::PoolWorkedOn {
                    pool: pool.to_owned(),
                    job,
                },
                None => Error::Disk(DiskRefusal::WorkedOn {
                    disk: object.trim_start_matches("disk:").to_owned(),
                    job,
                }),
            });
        }
        Ok(())
    }

    /// What would be done, and what becomes of schedules, which the machine knows nothing of.
    async fn plan_of<C: Change>(&self, change: &C, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        let mut plan = change.plan(seen)?;
        let moved = change.moved();
        can_work(seen, &plan)?;
        leaves_shares(seen, &plan, moved.as_ref())?;
        if let Some(moved) = moved {
            for (it, after) in self.schedules_of(&moved).await? {
                plan.warnings.push(match after {
                    None => format!("its schedule {} goes with it", it.name),
                    Some(after) => format!("its schedule {} becomes {}", it.name, after.name()),
                });
            }
        }
        Ok(plan)
    }

    /// Plan on a fresh look, and hold it against what the caller agreed to and what jobs work on.
    async fn agree<C: Change>(
        &self,
        change: &C,
        seen: &Seen,
        terms: &Terms,
    ) -> Result<Plan<AppStep>, Error> {
        if let (Some(believed), Some(is)) = (&terms.if_match, change.etag(seen))
            && !is_listed(&is, believed)
        {
            return Err(Error::Stale(change.object().unwrap_or_default()));
        }
        let plan = self.plan_of(change, seen).await?;
        let report = || Box::new(PlanReport::new(C::NAME, &plan, seen));
        match &terms.confirm {
            Some(confirmed) if *confirmed != plan.fingerprint() => {
                return Err(Error::PlanChanged(report()));
            }
            None if plan.needs_confirmation() => {
                return Err(Error::ConfirmationRequired(report()));
            }
            _ => (),
        }
        self.check_free(&plan, seen).await?;
        Ok(plan)
    }

    /// Whether this process may change the machine and what is expected of it, or why not.
    pub(crate) fn check_right(&self) -> Result<(), Error> {
        match &self.right {
            Ok(_) => Ok(()),
            Err(Right::ServiceRuns(socket)) => Err(Error::ReadOnly(ReadOnly::ServiceRuns {
                socket: socket.display().to_string(),
            })),
            Err(_) => Err(Error::ReadOnly(ReadOnly::NotRoot)),
        }
    }

    /// The answer, and the look at which it was verified.
    async fn carry_out<C: Change>(
        &self,
        change: &C,
        plan: &Plan<AppStep>,
        meant: Option<&Intent>,
    ) -> Result<(C::Output, Arc<Seen>), Error> {
        let (machine, steps) = (self.machine.clone(), plan.steps.clone());
        let work = move || machine.carry_out(&steps);
        let done = at_pace(&self.pace, work).await?;
        // However it went, the snapshot shows what is there now.
        let after = self.look_for(change).await;
        done.map_err(|err| match err {
            Unfinished::Stopped(stopped) => Error::Stopped(stopped),
            Unfinished::Undone(stopped) => Error::Undone(stopped),
        })?;
        let after = after?;
        if let Some(intent) = meant {
            verified(&after, intent)?;
        }
        Ok((change.verify(&after)?, after))
    }
}

/// What cannot work on this machine is refused before anything is tried, with what would help.
fn can_work(seen: &Seen, plan: &Plan<AppStep>) -> Result<(), Error> {
    for feature in plan.steps.iter().filter_map(AppStep::needs) {
        let mut all = seen.capabilities.iter();
        let verdict = all.find(|it| it.feature == feature);
        if let Some(it) = verdict.filter(|it| it.level == Level::Impossible) {
            return Err(Error::Impossible {
                reason: it.reason.clone(),
                remedy: it.remedy.clone(),
            });
        }
    }
    Ok(())
}

/// What is offered to the network keeps its folder: clients would write to what is beneath it.
fn leaves_shares(
    seen: &Seen,
    plan: &Plan<AppStep>,
    moved: Option<&Moved>,
) -> Result<(), ShareError> {
    let unmounted = plan.steps.iter().filter_map(|it| match it {
        AppStep::Pool(pool::plan::Step::Unmount { pool }) => Some(mount_point(pool)),
        _ => None,
    });
    let moved = moved.map(|it| match it {
        Moved::Renamed { pool, from, .. } => (pool, Some(from)),
        Moved::Gone { pool, dataset } => (pool, dataset.as_ref()),
    });
    let moved = moved.and_then(|(pool, dataset)| {
        let top = mount_point(&seen.pools.find(pool)?.name);
        Some(dataset.map_or_else(|| top.clone(), |it| format!("{top}/{it}")))
    });
    for path in unmounted.chain(moved) {
        let shares = &seen.sharing.offered.intent.shares;
        let mut shared = shares.iter().filter(|it| it.enabled);
        if let Some(share) = shared.find(|it| is_in(it.path.as_str(), &path)) {
            return Err(ShareError::InUse {
                share: share.name.clone(),
                path: share.path.clone(),
            });
        }
    }
    Ok(())
}

/// Whether `If-Match` has the tag: it may list several, and `*` stands for whatever is there (RFC
/// 9110 13.1.1).
fn is_listed(tag: &str, list: &str) -> bool {
    list.split(',')
        .map(str::trim)
        .any(|it| it == "*" || it == tag)
}

/// Whether a plan that stopped after so many steps had done all that it does to arrays.
fn has_made_its_arrays(plan: &Plan<AppStep>, done: usize) -> bool {
    let is_of_array = |it: &AppStep| it.of_array().is_some();
    let (done, left) = plan.steps.split_at(done);
    done.iter().any(is_of_array) && !left.iter().any(is_of_array)
}

/// These devices, and the partitions on them.
fn with_partitions<'a>(
    seen: &Seen,
    devices: impl Iterator<Item = &'a DeviceId>,
) -> BTreeSet<DeviceId> {
    let known = &seen.raid.devices;
    let mut all = BTreeSet::new();
    for id in devices {
        let holders = known.by_id(id).map(|it| known.holders(&it.name));
        let on_it = holders.into_iter().flatten();
        let parts = on_it.filter(|it| matches!(it.kind, BlockKind::Partition { .. }));
        all.extend(parts.map(|it| it.id.clone()));
        all.insert(id.clone());
    }
    all
}

fn words(plan: &Plan<AppStep>) -> Vec<String> {
    plan.steps.iter().map(ToString::to_string).collect()
}
