//! Sending a dataset to another pool, of this machine or of another one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use moxnas_core::{
    chain::chain,
    plan::{Danger, Plan},
    units::Bytes,
};
use moxnas_pool::{
    backend::BackendError,
    dataset::{self, Contents, DatasetName, SnapshotName},
    model::PoolName,
    plan::Step,
    remote::{RemoteError, Target, TargetName},
    replica::{self, Route},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Done, Job, JobError, Run, Wanted};
use crate::{
    actor::Role,
    machine::{AppStep, Machine},
    operation::{Change, Lane, Operation},
    ops::{
        datasets::{DatasetReplicate, sent},
        targets::found,
    },
    store::Level,
};

/// How long nobody may look at the machine while it goes on.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Send a dataset to another pool, here or on another machine. After a restart of the service it goes on
/// with the first snapshot that did not arrive as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replication {
    /// Its pool.
    pub pool: String,
    /// Its name.
    pub dataset: String,
    /// The other pool.
    pub to_pool: String,
    /// What it is to be called there.
    pub to: DatasetName,
    /// Compare what arrived byte by byte with what was sent.
    pub compare: bool,
    /// The machine that has the other pool; `None`: this one.
    #[serde(default)]
    pub target: Option<TargetName>,
    /// The plan that was confirmed; `None`: it is the run of a schedule.
    pub fingerprint: Option<String>,
    /// Runs of the schedule may delete and overwrite files of the other dataset.
    #[serde(default)]
    pub overwrite: bool,
}

/// What the job needs to know after a restart.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Noted {
    /// The snapshots that it began to send. What is there of one that did not arrive as a whole may go.
    begun: Vec<SnapshotName>,
    /// That files of the other dataset are overwritten or deleted was confirmed, or it is this job's own.
    overwrites: bool,
    /// How much it has sent.
    sent: Bytes,
}

impl Job for Replication {
    const KIND: &'static str = DatasetReplicate::NAME;
    const NEEDS: Role = Role::Admin;

    fn object(&self) -> String {
        format!("replica:{}", self.end())
    }

    async fn run(self, run: &mut Run) -> Result<Done, JobError> {
        let wish = DatasetReplicate {
            pool: self.pool.clone(),
            dataset: self.dataset.clone(),
            to_pool: self.to_pool.clone(),
            to: Some(self.to.clone()),
            compare: self.compare,
            target: self.target.clone(),
        };
        let known = run.noted::<Noted>()?;
        let plan = match &known {
            None => match &self.fingerprint {
                Some(confirmed) => run.app().plan_again(&wish, confirmed).await?,
                None => self.unattended(wish.plan(&*run.app().look_for(&wish).await?)?)?,
            },
            Some(_) => wish.plan(&*run.app().look_for(&wish).await?)?,
        };
        let goes_on = known.is_some();
        let mut noted = known.unwrap_or_else(|| Noted {
            overwrites: !plan.dangers.is_empty(),
            ..Noted::default()
        });
        run.checkpoint(&noted).await?;
        let mut steps = self.steps_of(plan, goes_on, &noted)?;
        let (planned, number) = loop {
            let planned: Vec<SnapshotName> = steps.iter().filter_map(sent).cloned().collect();
            match self.carry_out(run, &wish, &mut noted, steps).await {
                Ok(number) => break (planned, number),
                Err(err) if !self.forget_pruned(run, &wish, &mut noted).await? => return Err(err),
                Err(err) => {
                    let why =
                        format!("{err}: it was pruned meanwhile; what is left is planned anew");
                    run.say(Level::Warning, &why).await?;
                }
            }
            let plan = wish.plan(&*run.app().look_for(&wish).await?)?;
            steps = self.steps_of(plan, true, &noted)?;
        };
        let after = run.app().look_for(&wish).await?;
        wish.verify_sent(&after, |it| !planned.contains(it))?;
        let of = format!("{}/{}", self.pool, self.dataset);
        let to = self.end();
        let message = match (number, noted.begun.len()) {
            (0, 0) => format!("{to} is a replica of {of}"),
            (_, 1) => format!("1 snapshot of {of} was sent to {to}"),
            (_, begun) => format!("{begun} snapshots of {of} were sent to {to}"),
        };
        let result = json!({
            "target": self.target,
            "pool": self.to_pool,
            "dataset": self.to,
            "snapshots": noted.begun,
            "sent_bytes": noted.sent.0,
        });
        Ok(Done { message, result })
    }
}

impl Replication {
    /// The steps, none of which deletes what this job has not brought, where nobody has confirmed that.
    fn steps_of(
        &self,
        plan: Plan<AppStep>,
        goes_on: bool,
        noted: &Noted,
    ) -> Result<Vec<Step>, JobError> {
        let has_dangers = !plan.dangers.is_empty();
        let steps: Vec<Step> = plan.steps.into_iter().filter_map(of_pool).collect();
        if goes_on && has_dangers {
            for step in &steps {
                self.only_own(step, noted)?;
            }
        }
        Ok(steps)
    }

    /// Returns how many snapshots were to be sent.
    async fn carry_out(
        &self,
        run: &mut Run,
        wish: &DatasetReplicate,
        noted: &mut Noted,
        steps: Vec<Step>,
    ) -> Result<usize, JobError> {
        let many = steps.iter().filter_map(sent).count();
        let mut number = 0;
        // What may be copied once more, as files changed while they were.
        let mut copied = None;
        for step in steps {
            run.obey()?;
            match step {
                Step::Replicate { route, step } => {
                    number += usize::from(step.sent().is_some());
                    let again = match &step {
                        replica::Step::Copy { snapshot: None } => {
                            copied = Some(step.clone());
                            None
                        }
                        replica::Step::Compare { .. } => copied.take(),
                        _ => None,
                    };
                    let (place, may_differ) = ((number, many), again.is_some());
                    let what = (&route, &step, may_differ);
                    let is_same = self.transfer(run, wish, noted, what, place).await?;
                    if let (false, Some(copy)) = (is_same, again) {
                        let why = "files were changed while they were copied: once more";
                        run.say(Level::Warning, why).await?;
                        for step in [copy, step] {
                            let what = (&route, &step, false);
                            self.transfer(run, wish, noted, what, place).await?;
                        }
                    }
                }
                step => self.apply(run, step).await?,
            }
        }
        Ok(number)
    }

    /// Whether the snapshot that was sent last is not there any more: another schedule may have pruned it
    /// between the plan and its turn. Then it is none of those to be sent.
    async fn forget_pruned(
        &self,
        run: &mut Run,
        wish: &DatasetReplicate,
        noted: &mut Noted,
    ) -> Result<bool, JobError> {
        let Some(last) = noted.begun.last() else {
            return Ok(false);
        };
        let seen = run.app().look_for(wish).await?;
        let pool: Option<PoolName> = self.pool.parse().ok();
        let contents = pool.and_then(|it| seen.answers.contents.get(&it));
        let contents = contents.and_then(|it| it.said.as_ref().ok());
        let is_gone = |it: &Arc<Contents>| it.snapshot(&self.dataset, last.as_str()).is_none();
        if !contents.is_some_and(is_gone) {
            return Ok(false);
        }
        noted.begun.pop();
        run.checkpoint(noted).await?;
        Ok(true)
    }

    /// The plan of a run that nobody is asked about, if it loses only what may be lost.
    fn unattended(&self, plan: Plan<AppStep>) -> Result<Plan<AppStep>, JobError> {
        match plan.dangers.first() {
            Some(Danger::DestroysData { device, content }) if !self.overwrite => {
                Err(JobError::Failed {
                    code: "confirmation_required",
                    why: format!(
                        "{content} ({device}) would be lost: replicate by hand once, which shows \
                         the plan"
                    ),
                })
            }
            _ => Ok(plan),
        }
    }

    /// As `POOL/DATASET`, or `MACHINE:POOL/DATASET`.
    pub(crate) fn end(&self) -> String {
        let end = format!("{}/{}", self.to_pool, self.to);
        match &self.target {
            Some(target) => format!("{target}:{end}"),
            None => end,
        }
    }

    /// The other machine, as it is known now.
    fn there(&self, run: &Run) -> Result<Option<Target>, JobError> {
        let Some(name) = &self.target else {
            return Ok(None);
        };
        let seen = run.app().seen();
        Ok(Some(found(&seen.targets, name.as_str())?.clone()))
    }

    /// Returns whether what was compared is the same; where it may not differ that is an error.
    async fn transfer(
        &self,
        run: &mut Run,
        wish: &DatasetReplicate,
        noted: &mut Noted,
        (route, step, may_differ): (&Route, &replica::Step, bool),
        (number, many): (usize, usize),
    ) -> Result<bool, JobError> {
        let words = step.describe(route);
        let whole = whole(run, route, step);
        let there = self.there(run)?;
        let sent = step.sent().cloned();
        // Before it begins: what is there of it from now on is this job's.
        if let Some(snapshot) = &sent
            && !noted.begun.contains(snapshot)
        {
            noted.begun.push(snapshot.clone());
            run.checkpoint(noted).await?;
        }
        if matches!(step, replica::Step::Copy { .. }) {
            noted.overwrites = true;
            run.checkpoint(noted).await?;
        }
        run.say(Level::Info, &words).await?;
        let (is_wanted, passed) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU64::new(0)));
        let (asks, tells) = (Arc::clone(&is_wanted), Arc::clone(&passed));
        let (way, what) = (route.clone(), step.clone());
        let app = Arc::clone(run.app());
        let work = app.with_machine(move |it| {
            let is_wanted = || asks.load(Ordering::Relaxed);
            let told = |it: Bytes| tells.store(it.0, Ordering::Relaxed);
            match there {
                None => it
                    .pools
                    .transfer(&way, &what, &is_wanted, &told)
                    .map_err(NotDone::Here),
                Some(there) => {
                    let step = Step::Replicate {
                        route: way,
                        step: what,
                    };
                    it.targets
                        .apply(&there, &step, &is_wanted, &told)
                        .map_err(NotDone::There)
                }
            }
        });
        tokio::pin!(work);
        let done = loop {
            let so_far = Bytes(passed.load(Ordering::Relaxed));
            let share = share((number, many), so_far, whole);
            let line = match (so_far, whole) {
                (Bytes(0), _) => words.clone(),
                (so_far, None) => format!("{words}: {so_far} so far"),
                (so_far, Some(whole)) => format!("{words}: {so_far} of about {whole} so far"),
            };
            run.progress(share, &line).await?;
            tokio::select! {
                biased;
                done = &mut work => break done?,
                _ = run.wait(LOOK_EVERY) => (),
            }
            if run.wanted() != Wanted::Run {
                is_wanted.store(false, Ordering::Relaxed);
            }
        };
        noted.sent = Bytes(noted.sent.0 + passed.load(Ordering::Relaxed));
        let Err(err) = done else {
            run.checkpoint(noted).await?;
            return Ok(true);
        };
        if let (true, NotDone::Here(BackendError::Differs { .. })) = (may_differ, &err) {
            return Ok(false);
        }
        if let Some(snapshot) = &sent
            && let Err(err) = self.clear(run, wish, snapshot).await
        {
            // The next try does it.
            run.say(Level::Warning, &chain(&err)).await?;
        }
        Err(match err {
            NotDone::Here(BackendError::Ended) | NotDone::There(RemoteError::Ended) => {
                run.obey()?;
                JobError::step_failed("it was ended before its time".to_owned(), None)
            }
            err => err.fails(&words),
        })
    }

    /// What arrived of a snapshot is of no use to anybody. One that arrived as a whole is.
    async fn clear(
        &self,
        run: &Run,
        wish: &DatasetReplicate,
        snapshot: &SnapshotName,
    ) -> Result<(), JobError> {
        let seen = run.app().look_for(wish).await?;
        let Ok(pool) = self.to_pool.parse::<PoolName>() else {
            return Ok(());
        };
        let is_in_part = |contents: &Contents| {
            let found = contents.snapshot(self.to.as_str(), snapshot.as_str());
            found.is_some_and(|it| !it.read_only && it.received.is_none())
        };
        let is_left = match &self.target {
            Some(target) => is_in_part(&seen.there(target, &pool)?.contents),
            None => {
                let asked = seen.answers.contents.get(&pool);
                asked
                    .and_then(|it| it.said.as_ref().ok())
                    .is_some_and(|it| is_in_part(it))
            }
        };
        if !is_left {
            return Ok(());
        }
        let step = dataset::Step::DeleteSnapshot {
            dataset: self.to.clone(),
            snapshot: snapshot.clone(),
        };
        let step = match self.target.clone() {
            None => Step::Inside { pool, step },
            Some(target) => Step::There { target, pool, step },
        };
        self.apply(run, step).await
    }

    /// After a restart nobody has confirmed anew what is lost: only what this job has brought itself.
    fn only_own(&self, step: &Step, noted: &Noted) -> Result<(), JobError> {
        let found = match step {
            Step::Inside {
                step: dataset::Step::DeleteSnapshot { snapshot, .. },
                ..
            }
            | Step::There {
                step: dataset::Step::DeleteSnapshot { snapshot, .. },
                ..
            } if !noted.begun.contains(snapshot) => format!("something named {snapshot}"),
            Step::Replicate {
                step: replica::Step::Copy { .. },
                ..
            } if !noted.overwrites => "files".to_owned(),
            _ => return Ok(()),
        };
        Err(JobError::Failed {
            code: "plan_changed",
            why: format!(
                "{} has {found} now that this job did not bring: replicate again, which shows what \
                 would be lost",
                self.end()
            ),
        })
    }

    /// One that is soon done: while nothing else changes the machine, if it is this one.
    async fn apply(&self, run: &Run, step: Step) -> Result<(), JobError> {
        let app = run.app();
        if let (Step::There { .. }, Some(there)) = (&step, self.there(run)?) {
            let words = step.to_string();
            let work = move |it: &Machine| it.targets.apply(&there, &step, &|| true, &|_| ());
            let done = app.with_machine(work).await?;
            return done.map_err(|err| NotDone::There(err).fails(&words));
        }
        let _one_at_a_time = app.lane(Lane::Storage).lock().await;
        let step = AppStep::Pool(step);
        let words = step.to_string();
        let done = app.with_machine(move |it| it.apply(&step)).await?;
        done.map_err(|err| JobError::step_failed(format!("{words}: {}", chain(&err)), err.hint()))
    }
}

/// Why something on the way did not come to its end.
enum NotDone {
    /// On this machine.
    Here(BackendError),
    /// Between this one and another.
    There(RemoteError),
}

impl NotDone {
    fn fails(self, words: &str) -> JobError {
        match self {
            NotDone::Here(err) => {
                JobError::step_failed(format!("{words}: {}", chain(&err)), err.hint())
            }
            NotDone::There(err) => {
                JobError::failed(err.code(), format!("{words}: {err}"), err.hint())
            }
        }
    }
}

fn of_pool(step: AppStep) -> Option<Step> {
    match step {
        AppStep::Pool(step) => Some(step),
        _ => None,
    }
}

/// About how much goes over, where all of a snapshot does and its pool counts what it takes. By how much
/// two differ nobody knows before it is sent.
fn whole(run: &Run, route: &Route, step: &replica::Step) -> Option<Bytes> {
    let replica::Step::Send {
        snapshot,
        base: None,
        ..
    } = step
    else {
        return None;
    };
    let seen = run.app().seen();
    let asked = seen.answers.contents.get(&route.from)?;
    let contents = asked.said.as_ref().ok()?;
    let found = contents.snapshot(route.dataset.as_str(), snapshot.as_str())?;
    Some(found.usage?.referenced).filter(|it| it.0 > 0)
}

/// By whole snapshots, and within one only where its size is known.
fn share((number, many): (usize, usize), so_far: Bytes, whole: Option<Bytes>) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    let [number, many, so_far, whole] = [
        number.checked_sub(1)? as f64,
        many as f64,
        so_far.0 as f64,
        whole.map_or(0.0, |it| it.0 as f64),
    ];
    // What wraps the files goes over too, so it may be more.
    let within = if whole > 0.0 {
        (so_far / whole).min(0.99)
    } else {
        0.0
    };
    (many > 1.0 || whole > 0.0).then(|| (number + within) / many)
}
