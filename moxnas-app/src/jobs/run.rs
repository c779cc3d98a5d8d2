//! A job while it runs: what it may note, and what is wanted of it.

use std::{sync::Arc, time::Duration};

use moxnas_pool::dataset::Contents;
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::watch;

use super::{Job, JobError, runner::Origin};
use crate::{
    answers::Question,
    app::App,
    event_count::EventCount,
    settings::Pace,
    store::{Job as Row, JobState, Level},
};

/// How much progress, of 10,000, is written to the database. Listeners hear of all of it.
const SAVE_EVERY: u16 = 100;

/// What is wanted of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// That it goes on.
    Run,
    /// That it stops where it can go on later.
    Pause,
    /// That it stops.
    Cancel,
}

/// A job that runs.
pub struct Run {
    app: Arc<App>,
    row: Row,
    wanted: watch::Receiver<Wanted>,
    looked: Arc<EventCount>,
    /// How many looks it took in.
    taken_in: u64,
    saved: u16,
}

impl Run {
    pub(super) fn new(app: Arc<App>, row: Row, wanted: watch::Receiver<Wanted>) -> Run {
        let looked = app.looked();
        Run {
            app,
            row,
            wanted,
            taken_in: looked.now(),
            looked,
            saved: 0,
        }
    }

    /// What it runs in.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.row.new.id
    }

    /// On whose behalf it runs.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin::of(&self.row)
    }

    /// What it noted when it ran before. `None`: it has noted nothing, and so done nothing.
    pub fn noted<T: DeserializeOwned>(&self) -> Result<Option<T>, JobError> {
        let noted = self.row.checkpoint.clone();
        let read = noted.map(serde_json::from_value).transpose();
        read.map_err(|err| JobError::Failed {
            code: "job_not_understood",
            why: format!("what the job noted was written by another release: {err}"),
        })
    }

    /// Note what is needed to go on after a restart. It lasts when this returns.
    pub async fn checkpoint(&mut self, what: &impl Serialize) -> Result<(), JobError> {
        let value = serde_json::to_value(what).expect("checkpoints are plain data");
        let mut write = self.app.store.begin_write().await?;
        write.set_job_checkpoint(self.id(), &value).await?;
        write.commit().await?;
        self.row.checkpoint = Some(value);
        Ok(())
    }

    /// Say how far it is: a share from 0 to 1, `None` where nobody can tell.
    pub async fn progress(&mut self, share: Option<f64>, message: &str) -> Result<(), JobError> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to what fits"
        )]
        let progress = share.map(|it| (it.clamp(0.0, 1.0) * 10_000.0) as u16);
        let is_news = self.row.message.as_deref() != Some(message);
        if self.row.progress == progress && !is_news {
            return Ok(());
        }
        self.row.progress = progress;
        self.row.message = Some(message.to_owned());
        self.app.tell_job(&self.row);
        let at = progress.unwrap_or(0);
        if at.abs_diff(self.saved) < SAVE_EVERY && !is_news {
            return Ok(());
        }
        let mut write = self.app.store.begin_write().await?;
        write
            .set_job_progress(self.id(), progress, Some(message))
            .await?;
        write.commit().await?;
        self.saved = at;
        Ok(())
    }

    /// How far it had said that it was, from 0 to 1.
    #[must_use]
    pub fn was_at(&self) -> f64 {
        f64::from(self.row.progress.unwrap_or(0)) / 10_000.0
    }

    /// Add a line to its log.
    pub async fn say(&self, level: Level, line: &str) -> Result<(), JobError> {
        let mut write = self.app.store.begin_write().await?;
        let now = self.app.machine.clock.now();
        write.add_job_log(self.id(), now, level, line).await?;
        Ok(write.commit().await?)
    }

    /// What is wanted of it now.
    #[must_use]
    pub fn wanted(&self) -> Wanted {
        *self.wanted.borrow()
    }

    /// End here if something else is wanted of it than to go on.
    pub fn obey(&self) -> Result<(), JobError> {
        match self.wanted() {
            Wanted::Run => Ok(()),
            Wanted::Pause => Err(JobError::Paused),
            Wanted::Cancel => Err(JobError::Cancelled),
        }
    }

    /// Wait for the next look at the machine, or for something else to be wanted. If nobody looks
    /// for this long, look.
    pub async fn wait(&mut self, at_most: Duration) -> Result<(), JobError> {
        let rests = self.app.jobs.rest();
        let is_late = match self.app.pace() {
            Pace::Stepped(_) => {
                tokio::select! {
                    biased;
                    _ = self.wanted.changed() => false,
                    () = self.looked.beyond(&mut self.taken_in) => false,
                }
            }
            Pace::Usual => {
                tokio::select! {
                    _ = self.wanted.changed() => false,
                    () = self.looked.beyond(&mut self.taken_in) => false,
                    () = tokio::time::sleep(at_most) => true,
                }
            }
        };
        drop(rests);
        if is_late {
            self.app.look().await?;
        }
        Ok(())
    }

    /// Ask what is in a pool. `None`: it is not mounted, or does not answer, which is no reason for a job
    /// to fail.
    pub(super) async fn contents(&self, pool: &str) -> Option<Arc<Contents>> {
        let seen = self.app.seen();
        let pool = seen.pools.find(pool).filter(|it| it.is_mounted)?;
        let question = Question::Contents(Box::new(pool.clone()));
        let seen = self.app.ask(question).await.ok()?;
        seen.answers.contents.get(&pool.name)?.said.clone().ok()
    }

    /// Have another job do a part of this one, and wait for it. The same part is never begun
    /// twice, whatever restarts there are: `known` are the parts that there are already.
    pub async fn part<J: Job>(&mut self, part: &J, known: &[Row]) -> Result<Row, JobError> {
        let args = serde_json::to_value(part).expect("jobs are plain data");
        let there = known
            .iter()
            .find(|it| it.new.kind == J::KIND && it.new.args == args);
        let id = match there {
            Some(row) if row.state.is_over() => return Ok(row.clone()),
            Some(row) => {
                if row.state == JobState::Paused {
                    self.app.resume_job(&row.new.id).await?;
                }
                row.new.id.clone()
            }
            None => {
                let origin = Origin {
                    parent: Some(self.id().to_owned()),
                    ..self.origin()
                };
                self.app.begin_job(&origin, part).await?.new.id
            }
        };
        let app = Arc::clone(&self.app);
        let over = app.wait_for_job(&id);
        tokio::pin!(over);
        loop {
            tokio::select! {
                biased;
                row = &mut over => return Ok(row?),
                _ = self.wanted.changed() => match self.wanted() {
                    Wanted::Run => (),
                    wanted => self.app.want(&id, wanted).await?,
                },
            }
        }
    }
}
