//! Moving what is in a btrfs between its devices, which takes as long as there is data.
//!
//! The kernel does it. Where the service stops, it goes on; where the machine stops, a replacement and a
//! balance go on by themselves when the pool is mounted again. So a job that runs again waits until the
//! kernel is at nothing, plans anew, and does what is left.

use std::{sync::Arc, time::Duration};

use moxnas_core::chain::chain;
use moxnas_pool::{
    devices::{DevicesStep, Profile, Task, Underway},
    lvm::Kind,
    model::PoolName,
    plan::Step,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Done, Job, JobError, Run, Wanted};
use crate::{
    actor::Role,
    machine::AppStep,
    operation::{Change, Operation},
    ops::pools::{PoolBalance, PoolDeviceRemove, PoolDeviceReplace},
    store::Level,
};

/// How often it is asked how far it is.
const ASK_EVERY: Duration = Duration::from_secs(10);

/// Let a device of a pool go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveDevice {
    /// The pool.
    pub pool: String,
    /// The device, as it was named.
    pub device: String,
    /// The plan that was confirmed.
    pub fingerprint: String,
}

/// Put a device in the place of another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplaceDevice {
    /// The pool.
    pub pool: String,
    /// The device that goes, as it was named.
    pub old: String,
    /// The device that comes, as it was named.
    pub new: String,
    /// The plan that was confirmed.
    pub fingerprint: String,
}

/// Let all devices of a pool have their share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalancePool {
    /// The pool.
    pub pool: String,
    /// How data are to be put on them from now on.
    pub profile: Option<Profile>,
    /// The plan that was confirmed.
    pub fingerprint: String,
}

/// What a job needs to know after a restart.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Begun {
    /// What the kernel was told to do last.
    task: Option<Task>,
}

impl Job for RemoveDevice {
    const KIND: &'static str = PoolDeviceRemove::NAME;
    const NEEDS: Role = Role::Admin;

    fn object(&self) -> String {
        format!("pool:{}", self.pool)
    }

    async fn run(self, run: &mut Run) -> Result<Done, JobError> {
        let wish = PoolDeviceRemove {
            pool: self.pool.clone(),
            device: self.device.clone(),
        };
        Moving::new(run, &self.pool)?
            .carry_out(&wish, &self.fingerprint)
            .await?;
        let RemoveDevice { pool, device, .. } = self;
        Ok(Done {
            message: format!("pool {pool} does without {device}"),
            result: json!({ "pool": pool, "device": device }),
        })
    }
}

impl Job for ReplaceDevice {
    const KIND: &'static str = PoolDeviceReplace::NAME;
    const NEEDS: Role = Role::Admin;

    fn object(&self) -> String {
        format!("pool:{}", self.pool)
    }

    async fn run(self, run: &mut Run) -> Result<Done, JobError> {
        let wish = PoolDeviceReplace {
            pool: self.pool.clone(),
            old: self.old.clone(),
            new: self.new.clone(),
        };
        Moving::new(run, &self.pool)?
            .carry_out(&wish, &self.fingerprint)
            .await?;
        let ReplaceDevice { pool, old, new, .. } = self;
        Ok(Done {
            message: format!("{new} has the place of {old} in pool {pool}"),
            result: json!({ "pool": pool, "old": old, "new": new }),
        })
    }
}

impl Job for BalancePool {
    const KIND: &'static str = PoolBalance::NAME;
    const NEEDS: Role = Role::Admin;

    fn object(&self) -> String {
        format!("pool:{}", self.pool)
    }

    async fn run(self, run: &mut Run) -> Result<Done, JobError> {
        let wish = PoolBalance {
            pool: self.pool.clone(),
            profile: self.profile,
        };
        Moving::new(run, &self.pool)?
            .carry_out(&wish, &self.fingerprint)
            .await?;
        let pool = self.pool;
        Ok(Done {
            message: format!("the devices of pool {pool} have their share"),
            result: json!({ "pool": pool }),
        })
    }
}

/// A job that moves data, while it runs.
struct Moving<'a> {
    run: &'a mut Run,
    pool: PoolName,
    begun: Option<Begun>,
}

impl<'a> Moving<'a> {
    fn new(run: &'a mut Run, pool: &str) -> Result<Moving<'a>, JobError> {
        let begun = run.noted()?;
        let pool = pool.parse().map_err(|err| JobError::Failed {
            code: "job_not_understood",
            why: chain(&err),
        })?;
        Ok(Moving { run, pool, begun })
    }

    async fn carry_out<C: Change>(mut self, wish: &C, confirmed: &str) -> Result<(), JobError> {
        let plan = match self.begun.clone() {
            None => self.run.app().plan_again(wish, confirmed).await?,
            Some(begun) => {
                let was_at_it = self.follow().await?;
                // A balance has no trace of what it did; all else is told by the devices.
                if was_at_it && begun.task == Some(Task::Balance) {
                    return self.is_done(wish).await;
                }
                let plan = self.run.app().plan_anew(wish).await?;
                // What was not there when somebody agreed is not erased.
                let is_wiped =
                    |it: &AppStep| matches!(it, AppStep::Pool(Step::WipeSignatures { .. }));
                match plan.steps.iter().any(is_wiped) {
                    true => self.run.app().plan_again(wish, confirmed).await?,
                    false => plan,
                }
            }
        };
        self.run.obey()?;
        self.run.checkpoint(&Begun { task: None }).await?;
        for step in plan.steps {
            self.one(step).await?;
        }
        self.is_done(wish).await
    }

    async fn is_done<C: Change>(&self, wish: &C) -> Result<(), JobError> {
        let after = self.run.app().look_for(wish).await?;
        wish.verify(&after)?;
        Ok(())
    }

    async fn one(&mut self, step: AppStep) -> Result<(), JobError> {
        let words = step.to_string();
        let task = task_of(&step);
        self.run.say(Level::Info, &words).await?;
        self.run.progress(None, &words).await?;
        self.run.checkpoint(&Begun { task }).await?;
        let before = match task {
            Some(Task::Remove) => self.allocated(&step).await,
            _ => None,
        };
        let leaves = before.map(|it| (number_of(&step), it));
        let app = Arc::clone(self.run.app());
        let work = app.with_machine(move |it| it.apply(&step));
        tokio::pin!(work);
        let mut is_told = false;
        let done = loop {
            tokio::select! {
                biased;
                done = &mut work => break done?,
                // A look that fails is no reason to leave alone what goes on.
                _ = self.run.wait(ASK_EVERY) => (),
            }
            match task {
                Some(_) if is_told => (),
                Some(task) if self.run.wanted() != Wanted::Run => {
                    self.end(task).await;
                    is_told = true;
                }
                Some(_) => self.tell(&words, leaves).await,
                None => (),
            }
        };
        if done.is_err() {
            self.run.obey()?;
        }
        done.map_err(|err| JobError::step_failed(chain(&err), err.hint()))
    }

    /// Wait until the kernel is at nothing. Says whether it was at something.
    async fn follow(&mut self) -> Result<bool, JobError> {
        let mut was_at_it = false;
        loop {
            self.run.app().look().await?;
            let pools = Arc::clone(&self.run.app().seen().pools);
            let busy = pools
                .find(self.pool.as_str())
                .and_then(|it| match &it.kind {
                    Kind::Devices(it) => it.busy.clone(),
                    _ => None,
                });
            let Some(busy) = busy else {
                return Ok(was_at_it);
            };
            was_at_it = true;
            if let (true, Some(task)) = (self.run.wanted() != Wanted::Run, Task::of_word(&busy)) {
                self.end(task).await;
            }
            self.run.obey()?;
            let words = format!("the kernel goes on with it: {busy}");
            self.tell(&words, None).await;
            // It would be asked again at each look else.
            self.run.wait(ASK_EVERY).await?;
        }
    }

    /// Say how far it is. `leaves`: a device that leaves, and what it had.
    async fn tell(&mut self, words: &str, leaves: Option<(u64, u64)>) {
        let Some(contents) = self.run.contents(self.pool.as_str()).await else {
            return;
        };
        let share = match leaves {
            Some((number, before)) => {
                let mut all = contents.devices.iter();
                let left = all.find(|it| it.number == number);
                left.map(|it| 1.0 - ratio(it.allocated.0, before))
            }
            None => contents.underway.and_then(Underway::share),
        };
        // What cannot be written down now is with the next.
        _ = self.run.progress(share, words).await;
    }

    /// How much is given away of the device that a step lets go.
    async fn allocated(&self, step: &AppStep) -> Option<u64> {
        let contents = self.run.contents(self.pool.as_str()).await?;
        let mut all = contents.devices.iter();
        let found = all.find(|it| it.number == number_of(step));
        Some(found?.allocated.0)
    }

    async fn end(&self, task: Task) {
        let step = end(self.pool.clone(), task);
        // It may have come to its end just now.
        _ = self.run.app().with_machine(move |it| it.apply(&step)).await;
    }
}

/// End what the kernel is at.
pub(super) fn end(pool: PoolName, task: Task) -> AppStep {
    let step = DevicesStep::End { task };
    AppStep::Pool(Step::Devices { pool, step })
}

/// What the kernel does for a step that takes long.
fn task_of(step: &AppStep) -> Option<Task> {
    let AppStep::Pool(Step::Devices { step, .. }) = step else {
        return None;
    };
    match step {
        DevicesStep::Remove { .. } => Some(Task::Remove),
        DevicesStep::Replace { .. } => Some(Task::Replace),
        DevicesStep::Balance { .. } => Some(Task::Balance),
        _ => None,
    }
}

fn number_of(step: &AppStep) -> u64 {
    match step {
        AppStep::Pool(Step::Devices {
            step: DevicesStep::Remove { number, .. },
            ..
        }) => *number,
        _ => 0,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share for people")]
fn ratio(left: u64, before: u64) -> f64 {
    left as f64 / before.max(1) as f64
}
