//! Going over the filesystem of a pool.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use moxnas_core::chain::chain;
use moxnas_pool::{
    backend::BackendError,
    check::{Checked, Outcome},
    devices::{DevicesStep, Task, Underway},
    model::Filesystem,
    plan::Step,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Done, Job, JobError, Run, Wanted};
use crate::{
    actor::Role, answers::Question, machine::AppStep, operation::Operation, ops::pools::PoolCheck,
    store::Level,
};

/// How long nobody may look at the machine while it goes on.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Go over a filesystem. It begins anew after a restart of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckPool {
    /// The pool.
    pub pool: String,
    /// Put right what is wrong.
    pub repair: bool,
    /// The plan that was confirmed.
    pub fingerprint: String,
}

/// What the job needs to know after a restart.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Noted {
    /// A program that writes to the filesystem as a whole has begun.
    writes: bool,
}

impl Job for CheckPool {
    const KIND: &'static str = PoolCheck::NAME;
    const NEEDS: Role = Role::Admin;

    fn object(&self) -> String {
        format!("pool:{}", self.pool)
    }

    fn why_not_stopped(&self, noted: Option<&Value>) -> Option<String> {
        let noted: Noted = serde_json::from_value(noted?.clone()).ok()?;
        noted.writes.then(|| {
            "a repair that is ended in the middle may leave the filesystem worse than it was"
                .to_owned()
        })
    }

    async fn run(self, run: &mut Run) -> Result<Done, JobError> {
        let wish = PoolCheck {
            pool: self.pool.clone(),
            repair: self.repair,
        };
        let plan = run.app().plan_again(&wish, &self.fingerprint).await?;
        run.obey()?;
        self.end_former(run).await?;
        let steps = plan.steps.into_iter().filter_map(|it| match it {
            AppStep::Pool(step) => Some(step),
            _ => None,
        });
        let mut checked = Checked::default();
        for step in steps {
            let is_check = matches!(step, Step::Check { .. } | Step::Scrub { .. });
            if is_check {
                checked = self.go_over(run, step).await?;
            } else {
                let step = AppStep::Pool(step);
                let done = run.app().with_machine(move |it| it.apply(&step)).await?;
                done.map_err(|err| JobError::step_failed(chain(&err), err.hint()))?;
            }
        }
        run.app().look().await?;
        let message = match checked.outcome {
            Outcome::Mended => format!("errors of pool {} were found and put right", self.pool),
            _ => format!("no error was found in pool {}", self.pool),
        };
        let result = json!({ "pool": self.pool, "outcome": checked.outcome, "said": checked.said });
        Ok(Done { message, result })
    }
}

impl CheckPool {
    async fn go_over(&self, run: &mut Run, step: Step) -> Result<Checked, JobError> {
        let writes = matches!(step, Step::Check { repair: true, .. });
        run.checkpoint(&Noted { writes }).await?;
        let words = step.to_string();
        run.say(Level::Info, &words).await?;
        run.progress(None, &words).await?;
        let next = self.next(&step);
        let scrubs = matches!(step, Step::Scrub { .. });
        let is_wanted = Arc::new(AtomicBool::new(true));
        let asks = Arc::clone(&is_wanted);
        let app = Arc::clone(run.app());
        let work =
            app.with_machine(move |it| it.pools.check(&step, &|| asks.load(Ordering::Relaxed)));
        tokio::pin!(work);
        let done = loop {
            tokio::select! {
                biased;
                done = &mut work => break done?,
                // A look that fails is no reason to leave a program alone that writes.
                _ = run.wait(LOOK_EVERY) => (),
            }
            if run.wanted() != Wanted::Run && !writes {
                is_wanted.store(false, Ordering::Relaxed);
            } else if scrubs && let Some(share) = self.share(run).await {
                run.progress(Some(share), &words).await?;
            }
        };
        let checked = match done {
            Ok(checked) => checked,
            Err(BackendError::Ended) => {
                run.obey()?;
                return Err(JobError::step_failed(
                    "it was ended before its time".to_owned(),
                    None,
                ));
            }
            Err(err) => return Err(JobError::step_failed(chain(&err), err.hint())),
        };
        for line in &checked.said {
            run.say(Level::Info, line).await?;
        }
        if checked.outcome != Outcome::Errors {
            return Ok(checked);
        }
        run.app().look().await?;
        let (pool, last) = (&self.pool, checked.said.last());
        let last = last.map_or("", |it| it.trim());
        Err(JobError::Failed {
            code: "filesystem_has_errors",
            why: format!("there are errors in pool {pool}: {last}; {next}"),
        })
    }

    /// How much of a scrub is done, where the filesystem says it.
    async fn share(&self, run: &Run) -> Option<f64> {
        let underway = self.underway(run).await?;
        let permille = underway.permille.filter(|_| underway.task == Task::Scrub);
        permille.map(|it| f64::from(it) / 1000.0)
    }

    async fn underway(&self, run: &Run) -> Option<Underway> {
        let seen = run.app().seen();
        let pool = seen.pools.find(&self.pool).filter(|it| it.is_mounted)?;
        let question = Question::Contents(Box::new(pool.clone()));
        let seen = run.app().ask(question).await.ok()?;
        let asked = seen.answers.contents.get(&pool.name)?;
        asked.said.as_ref().ok()?.underway
    }

    /// End the scrub that this job had begun before the service was started anew: it goes on, and there
    /// is one at a time.
    async fn end_former(&self, run: &Run) -> Result<(), JobError> {
        let is_there = |it: Underway| it.task == Task::Scrub;
        let had_begun = run.noted::<Noted>()?.is_some();
        if !had_begun || !self.underway(run).await.is_some_and(is_there) {
            return Ok(());
        }
        let Ok(pool) = self.pool.parse() else {
            return Ok(());
        };
        let task = Task::Scrub;
        let step = DevicesStep::End { task };
        let step = AppStep::Pool(Step::Devices { pool, step });
        let done = run.app().with_machine(move |it| it.apply(&step)).await?;
        done.map_err(|err| JobError::step_failed(chain(&err), err.hint()))
    }

    /// What helps where a step has left errors.
    fn next(&self, step: &Step) -> String {
        let pool = &self.pool;
        match step {
            Step::Scrub { repair: true, .. } => format!(
                "what has no other copy cannot be put right, and `journalctl -k` names the files: \
                 replace them from a backup, then `moxnas pool check {pool} --repair` again"
            ),
            Step::Check { repair: true, .. } => {
                "what is left cannot be put right: save what can be read, and make the pool anew"
                    .to_owned()
            }
            Step::Check {
                filesystem: Filesystem::Btrfs,
                ..
            } => format!("`moxnas pool mount {pool}`, then `moxnas pool check {pool} --repair`"),
            _ => format!("`moxnas pool check {pool} --repair` puts right what can be"),
        }
    }
}
