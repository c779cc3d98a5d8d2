//! Sending a dataset to another pool.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use moxnas_core::{chain::chain, units::Bytes};
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
    ops::datasets::DatasetReplicate,
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
    /// The plan that was confirmed.
    pub fingerprint: String,
}

/// What the job needs to know after a restart.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Noted {
    /// The snapshots that it began to send. What is there of one that did not arrive as a whole may go.
    begun: Vec<SnapshotName>,
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
        let (mut noted, plan) = match run.noted::<Noted>()? {
            None => {
                let plan = run.app().plan_again(&wish, &self.fingerprint).await?;
                (Noted::default(), plan)
            }
            Some(noted) => {
                let seen = run.app().look_for(&wish).await?;
                (noted, wish.plan(&seen)?)
            }
        };
        let goes_on = run.noted::<Noted>()?.is_some();
        run.checkpoint(&noted).await?;
        let steps: Vec<Step> = plan.steps.into_iter().filter_map(of_pool).collect();
        let many = steps.iter().filter(|it| is_sent(it)).count();
        let mut number = 0;
        for step in steps {
            run.obey()?;
            if goes_on {
                self.only_own(&step, &noted)?;
            }
            match step {
                Step::Replicate { route, step } => {
                    number += usize::from(matches!(step, replica::Step::Send { .. }));
                    self.transfer(run, &mut noted, (route, step), (number, many))
                        .await?;
                }
                step => apply(run, step).await?,
            }
        }
        wish.verify(&*run.app().look_for(&wish).await?)?;
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
    fn target(&self) -> String {
        format!("{}/{}", self.to_pool, self.to)
    }

    async fn transfer(
        &self,
        run: &mut Run,
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
        // What arrived of it is of no use to anybody. If it cannot be deleted now the next try does it.
        if let Some(snapshot) = sent {
            let step = dataset::Step::DeleteSnapshot {
                dataset: route.as_dataset.clone(),
                snapshot,
            };
            let pool = route.to.clone();
            if let Err(err) = apply(run, Step::Inside { pool, step }).await {
                run.say(Level::Warning, &chain(&err)).await?;
            }
        }
        Err(match err {
            BackendError::Ended => {
                run.obey()?;
                JobError::step_failed("it was ended before its time".to_owned(), None)
            }
            err => JobError::step_failed(format!("{words}: {}", chain(&err)), err.hint()),
        })
    }

    /// After a restart nobody has confirmed anew what is deleted: only what this job has sent itself.
    fn only_own(&self, step: &Step, noted: &Noted) -> Result<(), JobError> {
        let Step::Inside { step, .. } = step else {
            return Ok(());
        };
        match step {
            dataset::Step::DeleteSnapshot { snapshot, .. } if !noted.begun.contains(snapshot) => {
                Err(JobError::Failed {
                    code: "plan_changed",
                    why: format!(
                        "{} has something named {snapshot} now that this job did not send: \
                         replicate again, which shows what would be deleted",
                        self.target()
                    ),
                })
            }
            _ => Ok(()),
        }
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

fn is_sent(step: &Step) -> bool {
    matches!(
        step,
        Step::Replicate {
            step: replica::Step::Send { .. },
            ..
        }
    )
}

/// By whole snapshots: how large one will be is not known before it is sent.
fn share(number: usize, many: usize) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    let share = number.checked_sub(1).map(|it| it as f64 / many as f64);
    share.filter(|_| many > 1)
}
