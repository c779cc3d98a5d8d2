//! Sending a dataset to another pool.

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
    dataset::{self, DatasetName, SnapshotName},
    plan::Step,
    replica::{self, Route},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Done, Job, JobError, Run, Wanted};
use crate::{
    actor::Role,
    machine::AppStep,
    operation::{Change, Lane, Operation},
    ops::datasets::{DatasetReplicate, sent},
    store::Level,
};

/// How long nobody may look at the machine while it goes on.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Send a dataset to another pool. After a restart of the service it goes on with the first snapshot
/// that did not arrive as a whole.
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
        format!("replica:{}", self.target())
    }

    async fn run(self, run: &mut Run) -> Result<Done, JobError> {
        let wish = DatasetReplicate {
            pool: self.pool.clone(),
            dataset: self.dataset.clone(),
            to_pool: self.to_pool.clone(),
            to: Some(self.to.clone()),
            compare: self.compare,
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
        let is_new = plan.dangers.is_empty();
        let steps: Vec<Step> = plan.steps.into_iter().filter_map(of_pool).collect();
        let planned: Vec<SnapshotName> = steps.iter().filter_map(sent).cloned().collect();
        let many = planned.len();
        let mut number = 0;
        for step in steps {
            run.obey()?;
            if goes_on && !is_new {
                self.only_own(&step, &noted)?;
            }
            match step {
                Step::Replicate { route, step } => {
                    number += usize::from(matches!(step, replica::Step::Send { .. }));
                    self.transfer(run, &wish, &mut noted, (route, step), (number, many))
                        .await?;
                }
                step => apply(run, step).await?,
            }
        }
        let after = run.app().look_for(&wish).await?;
        wish.verify_sent(&after, |it| !planned.contains(it))?;
        let of = format!("{}/{}", self.pool, self.dataset);
        let to = self.target();
        let message = match (number, noted.begun.len()) {
            (0, 0) => format!("{to} is a replica of {of}"),
            (_, 1) => format!("1 snapshot of {of} was sent to {to}"),
            (_, begun) => format!("{begun} snapshots of {of} were sent to {to}"),
        };
        let result = json!({
            "pool": self.to_pool,
            "dataset": self.to,
            "snapshots": noted.begun,
            "sent_bytes": noted.sent.0,
        });
        Ok(Done { message, result })
    }
}

impl Replication {
    /// As `POOL/DATASET`.
    pub(crate) fn target(&self) -> String {
        format!("{}/{}", self.to_pool, self.to)
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

    async fn transfer(
        &self,
        run: &mut Run,
        wish: &DatasetReplicate,
        noted: &mut Noted,
        (route, step): (Route, replica::Step),
        (number, many): (usize, usize),
    ) -> Result<(), JobError> {
        let words = step.describe(&route);
        let sent = match &step {
            replica::Step::Send { snapshot, .. } => Some(snapshot.clone()),
            _ => None,
        };
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
            it.pools.transfer(&way, &what, &is_wanted, &told)
        });
        tokio::pin!(work);
        let done = loop {
            let so_far = Bytes(passed.load(Ordering::Relaxed));
            let share = share(number, many);
            let line = match so_far {
                Bytes(0) => words.clone(),
                so_far => format!("{words}: {so_far} so far"),
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
            return run.checkpoint(noted).await;
        };
        if let Some(snapshot) = &sent
            && let Err(err) = self.clear(run, wish, snapshot).await
        {
            // The next try does it.
            run.say(Level::Warning, &chain(&err)).await?;
        }
        Err(match err {
            BackendError::Ended => {
                run.obey()?;
                JobError::step_failed("it was ended before its time".to_owned(), None)
            }
            err => JobError::step_failed(format!("{words}: {}", chain(&err)), err.hint()),
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
        let asked = seen.answers.contents.iter();
        let mut asked = asked.filter(|(pool, _)| pool.as_str() == self.to_pool);
        let found = asked.find_map(|(pool, asked)| {
            let contents = asked.said.as_ref().ok()?;
            let found = contents.snapshot(self.to.as_str(), snapshot.as_str())?;
            (!found.read_only && found.received.is_none()).then(|| pool.clone())
        });
        let Some(pool) = found else { return Ok(()) };
        let step = dataset::Step::DeleteSnapshot {
            dataset: self.to.clone(),
            snapshot: snapshot.clone(),
        };
        apply(run, Step::Inside { pool, step }).await
    }

    /// After a restart nobody has confirmed anew what is lost: only what this job has brought itself.
    fn only_own(&self, step: &Step, noted: &Noted) -> Result<(), JobError> {
        let found = match step {
            Step::Inside {
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
                self.target()
            ),
        })
    }
}

/// One that is soon done, while nothing else changes the machine.
async fn apply(run: &Run, step: Step) -> Result<(), JobError> {
    let app = run.app();
    let _one_at_a_time = app.lane(Lane::Storage).lock().await;
    let step = AppStep::Pool(step);
    let words = step.to_string();
    let done = app.with_machine(move |it| it.apply(&step)).await?;
    done.map_err(|err| JobError::step_failed(format!("{words}: {}", chain(&err)), err.hint()))
}

fn of_pool(step: AppStep) -> Option<Step> {
    match step {
        AppStep::Pool(step) => Some(step),
        _ => None,
    }
}

/// By whole snapshots: how large one will be is not known before it is sent.
fn share(number: usize, many: usize) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    let share = number.checked_sub(1).map(|it| it as f64 / many as f64);
    share.filter(|_| many > 1)
}
