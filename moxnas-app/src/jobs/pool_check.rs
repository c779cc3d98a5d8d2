//! Going over the filesystem of a pool, or over those of its datasets and what its thin pool knows of them.

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
    check::{Checked, NotChecked, Outcome},
    devices::{Task, Underway},
    lvm::{GroupStep, THIN, group},
    model::Filesystem,
    plan::{Part, Step},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Done, Job, JobError, Run, Wanted, pool_devices::end};
use crate::{
    actor::Role, machine::AppStep, operation::Operation, ops::pools::PoolCheck, store::Level,
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
        let mut found = Vec::new();
        let mut goes_on = GoesOn::All;
        for step in steps {
            if !goes_on.with(&step) {
                continue;
            }
            // The count of errors that are still there is what shows the pool as damaged.
            if matches!(step, Step::ForgetErrors { .. }) && found.iter().any(Found::is_bad) {
                continue;
            }
            if step.is_check() {
                match self.go_over(run, step).await? {
                    None => goes_on = GoesOn::PutBack,
                    Some(it) => {
                        if it.is_of_metadata() && it.is_bad() {
                            goes_on = GoesOn::Close;
                        }
                        found.push(it);
                    }
                }
            } else {
                let step = AppStep::Pool(step);
                let done = run.app().with_machine(move |it| it.apply(&step)).await?;
                done.map_err(|err| JobError::step_failed(chain(&err), err.hint()))?;
            }
        }
        run.app().look().await?;
        if goes_on == GoesOn::PutBack {
            run.obey()?;
            let why = "it was ended before its time".to_owned();
            return Err(JobError::step_failed(why, None));
        }
        self.sum_up(&found)
    }
}

/// Which steps are still done. What was taken from the kernel to go over it is given back also where the
/// rest is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GoesOn {
    All,
    /// It is not wanted any more.
    PutBack,
    /// The metadata of the thin pool are damaged: LVM activates none of its volumes.
    Close,
}

impl GoesOn {
    fn with(self, step: &Step) -> bool {
        let step = match step {
            Step::Thin { step, .. } => Some(step),
            _ => None,
        };
        match self {
            GoesOn::All => true,
            GoesOn::PutBack => {
                matches!(step, Some(GroupStep::CloseMetadata | GroupStep::Activate))
            }
            GoesOn::Close => step == Some(&GroupStep::CloseMetadata),
        }
    }
}

/// What a program found, or why it did not look.
struct Found {
    step: Step,
    checked: Result<Checked, NotChecked>,
}

impl Found {
    fn is_of_metadata(&self) -> bool {
        matches!(self.step, Step::Thin { .. })
    }

    fn is_bad(&self) -> bool {
        let bad = |it: &Checked| it.outcome == Outcome::Errors;
        self.checked.as_ref().map_or(true, bad)
    }

    /// What it went over; `None`: all that there is.
    fn part(&self) -> Option<String> {
        match &self.step {
            Step::Thin { .. } => Some("the metadata of the thin pool".to_owned()),
            Step::Check { part, .. } => match part {
                Part::Whole => None,
                Part::Folder => Some("the folder of the pool".to_owned()),
                Part::Dataset(dataset) => Some(format!("dataset {dataset}")),
            },
            _ => None,
        }
    }

    /// What it came to, in a few words.
    fn words(&self) -> String {
        let words = match &self.checked {
            Ok(Checked { outcome, said }) => match outcome {
                Outcome::Clean => "no error".to_owned(),
                Outcome::Mended => "errors were put right".to_owned(),
                Outcome::Errors => said.last().map_or("", |it| it.trim()).to_owned(),
            },
            Err(why) => chain(why),
        };
        match self.part() {
            Some(part) => format!("{part}: {words}"),
            None => words,
        }
    }
}

impl CheckPool {
    /// Of one filesystem what it came to, of several what each of them came to.
    fn sum_up(&self, found: &[Found]) -> Result<Done, JobError> {
        let pool = &self.pool;
        let bad: Vec<&Found> = found.iter().filter(|it| it.is_bad()).collect();
        if let Some(first) = bad.first() {
            if let (None, Err(why)) = (first.part(), &first.checked) {
                let err = BackendError::NotChecked(why.clone());
                return Err(JobError::step_failed(chain(&err), err.hint()));
            }
            let words: Vec<String> = bad.iter().map(|it| it.words()).collect();
            let (words, next) = (words.join("; "), self.next(&first.step));
            return Err(JobError::Failed {
                code: match first.is_of_metadata() {
                    true => "thin_metadata_damaged",
                    false => "filesystem_has_errors",
                },
                why: format!("there are errors in pool {pool}: {words}; {next}"),
            });
        }
        let outcomes = found.iter().filter_map(|it| it.checked.as_ref().ok());
        let is_mended = |it: &&Checked| it.outcome == Outcome::Mended;
        let said = outcomes.clone().flat_map(|it| it.said.clone());
        let outcome = match outcomes.clone().find(is_mended) {
            Some(_) => Outcome::Mended,
            None => Outcome::Clean,
        };
        let parts: Vec<String> = found
            .iter()
            .filter(|it| it.part().is_some())
            .map(Found::words)
            .collect();
        let mut message = match outcome {
            Outcome::Mended => format!("errors of pool {pool} were found and put right"),
            _ => format!("no error was found in pool {pool}"),
        };
        if !parts.is_empty() {
            message = format!("{message}; {}", parts.join("; "));
        }
        let said: Vec<String> = said.collect();
        let result = json!({ "pool": pool, "outcome": outcome, "said": said, "parts": parts });
        Ok(Done { message, result })
    }

    /// What it found; `None`: it was not wanted any more.
    async fn go_over(&self, run: &mut Run, step: Step) -> Result<Option<Found>, JobError> {
        let writes = matches!(step, Step::Check { repair: true, .. });
        run.checkpoint(&Noted { writes }).await?;
        let words = step.to_string();
        run.say(Level::Info, &words).await?;
        run.progress(None, &words).await?;
        let scrubs = matches!(step, Step::Scrub { .. });
        let is_wanted = Arc::new(AtomicBool::new(true));
        let asks = Arc::clone(&is_wanted);
        let app = Arc::clone(run.app());
        let done = step.clone();
        let work =
            app.with_machine(move |it| it.pools.check(&done, &|| asks.load(Ordering::Relaxed)));
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
            } else if scrubs
                && let Some(share) = self.scrubbing(run).await.and_then(Underway::share)
            {
                run.progress(Some(share), &words).await?;
            }
        };
        let checked = match done {
            Ok(checked) => Ok(checked),
            Err(BackendError::NotChecked(why)) => Err(why),
            Err(BackendError::Ended) => return Ok(None),
            Err(err) => return Err(JobError::step_failed(chain(&err), err.hint())),
        };
        let said = checked.as_ref().map_or(&[][..], |it| it.said.as_slice());
        for line in said {
            run.say(Level::Info, line).await?;
        }
        Ok(Some(Found { step, checked }))
    }

    /// How far the filesystem is with a scrub, if it is at one.
    async fn scrubbing(&self, run: &Run) -> Option<Underway> {
        let underway = run.contents(&self.pool).await?.underway?;
        (underway.task == Task::Scrub).then_some(underway)
    }

    /// End the scrub that this job had begun before the service was started anew: it goes on, and there
    /// is one at a time.
    async fn end_former(&self, run: &Run) -> Result<(), JobError> {
        let had_begun = run.noted::<Noted>()?.is_some();
        if !had_begun || self.scrubbing(run).await.is_none() {
            return Ok(());
        }
        let Ok(pool) = self.pool.parse() else {
            return Ok(());
        };
        let step = end(pool, Task::Scrub);
        let done = run.app().with_machine(move |it| it.apply(&step)).await?;
        done.map_err(|err| JobError::step_failed(chain(&err), err.hint()))
    }

    /// What helps where a step has left errors.
    fn next(&self, step: &Step) -> String {
        let pool = &self.pool;
        match step {
            Step::Thin { pool, .. } => format!(
                "copy the device first; then `lvconvert --repair {}/{THIN}` writes them anew and keeps \
                 what they were as {THIN}_meta0, see lvmthin(7)",
                group(pool)
            ),
            Step::Scrub { repair: true, .. } => format!(
                "what has no other copy cannot be put right, and `journalctl -k` names the files: \
                 replace them from a backup, then `moxnas pool check {pool} --repair` again"
            ),
            Step::Check { repair: true, .. } => {
                "what is left cannot be put right: save what can be read, and make it anew"
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
