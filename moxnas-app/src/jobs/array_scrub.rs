//! Reading all of one array: a check, a repair, or the end of either.
//!
//! md does the work. The job starts it, says how far it is, and finds out how it ended. After a
//! restart of the service the kernel tells whether it still runs, and if not, how far it came
//! (`sync_min`): only what is known to have been read is called checked.

use std::time::Duration;

use moxnas_core::units::Bytes;
use moxnas_raid::{Array, Health, SyncAction, SyncState, health::health, plan::Scrub};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Done, Job, JobError, Run, Wanted};
use crate::{
    actor::Role,
    ops::arrays::ArrayScrub,
    store::{JobState, Level},
};

/// How often md is asked how far it is.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// At this share of the way md has certainly noted how far it came; see
/// [`Array::scrub_stopped_at`].
const NOTED: f64 = 1.0 / 8.0;

/// Read all of an array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrubArray {
    /// Its name when it was wished.
    pub name: String,
    /// Who it is.
    pub uuid: String,
    /// What to do.
    pub scrub: Scrub,
}

/// What the job needs to know after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Noted {
    /// The start of the machine in which md was told; md forgets a check when the machine stops.
    boot: Option<String>,
    /// md has begun. Otherwise it was about to be told.
    begun: bool,
    /// Stopped where it can go on.
    paused: bool,
}

impl Job for ScrubArray {
    const KIND: &'static str = "array_scrub";
    const NEEDS: Role = Role::Operator;

    fn object(&self) -> String {
        match self.scrub {
            // It ends the job that holds the array.
            Scrub::Idle => format!("scrub-end:{}", self.uuid),
            Scrub::Check | Scrub::Repair => format!("array:{}", self.uuid),
        }
    }

    async fn run(self, run: &mut Run) -> Result<Done, JobError> {
        if self.scrub == Scrub::Idle {
            return self.end_scrub(run).await;
        }
        let noted: Option<Noted> = run.noted()?;
        let boot = run.app().machine.host.boot_id();
        let began_in = boot.clone();
        let is_seen_from_start = match noted {
            // Begun in this start of the machine: md knows.
            Some(noted) if noted.begun && !noted.paused && noted.boot == boot => false,
            Some(noted) if noted.begun && !noted.paused => return Err(self.cut_short()),
            Some(noted) if !noted.begun && self.is_running(run).await? => {
                self.note(run, boot, true).await?;
                true
            }
            // Nothing was noted, it was not begun, or it was paused.
            _ => {
                self.note(run, boot.clone(), false).await?;
                self.start(run).await?;
                self.note(run, boot, true).await?;
                true
            }
        };
        self.follow(run, began_in, is_seen_from_start).await
    }
}

impl ScrubArray {
    async fn note(&self, run: &mut Run, boot: Option<String>, begun: bool) -> Result<(), JobError> {
        let paused = false;
        run.checkpoint(&Noted {
            boot,
            begun,
            paused,
        })
        .await
    }

    /// The array as it is now.
    async fn array(&self, run: &Run) -> Result<Array, JobError> {
        run.app().look().await?;
        self.last_seen(run)
    }

    /// The array as it was at the last look, whoever looked.
    fn last_seen(&self, run: &Run) -> Result<Array, JobError> {
        let seen = run.app().seen();
        let array = seen.raid.by_uuid(&self.uuid).cloned();
        array.ok_or_else(|| JobError::Failed {
            code: "array_gone",
            why: format!("array {} is not there any more", self.name),
        })
    }

    async fn is_running(&self, run: &Run) -> Result<bool, JobError> {
        Ok(scrubs(&self.array(run).await?))
    }

    async fn start(&self, run: &Run) -> Result<(), JobError> {
        let from = self.array(run).await?.scrub_stopped_at;
        run.app()
            .change_within_job(&self.change(self.scrub))
            .await?;
        let line = match from {
            Some(from) => format!("{} of {} goes on at {from}", self.scrub, self.name),
            None => format!("{} of {} was begun", self.scrub, self.name),
        };
        run.say(Level::Info, &line).await
    }

    fn change(&self, scrub: Scrub) -> ArrayScrub {
        ArrayScrub {
            array: self.uuid.clone(),
            scrub,
        }
    }

    fn cut_short(&self) -> JobError {
        JobError::Interrupted(format!(
            "the machine was restarted while {} was being read",
            self.name
        ))
    }

    async fn follow(
        &self,
        run: &mut Run,
        boot: Option<String>,
        from_start: bool,
    ) -> Result<Done, JobError> {
        let was_at = run.was_at();
        let mut is_known = from_start || was_at >= NOTED;
        run.app().look().await?;
        loop {
            let array = self.last_seen(run)?;
            if run.app().machine.host.boot_id() != boot {
                // Under a service that goes on, as on a simulated machine.
                return Err(self.cut_short());
            }
            if !scrubs(&array) {
                return self.ended(run, &array, is_known).await;
            }
            is_known = true;
            if run.wanted() != Wanted::Run {
                return Err(self.stop(run).await?);
            }
            let share = share(&array.sync);
            let what = format!("{} of {}", self.scrub, self.name);
            run.progress(share, &what).await?;
            run.wait(ASK_EVERY).await?;
        }
    }

    /// Have md stop, because somebody wants that.
    async fn stop(&self, run: &mut Run) -> Result<JobError, JobError> {
        let wanted = run.wanted();
        match run.app().change_within_job(&self.change(Scrub::Idle)).await {
            // It came to its end at this very moment.
            Err(crate::Error::Refused(moxnas_raid::Refusal::NoScrub(_))) => (),
            done => {
                done?;
            }
        }
        if wanted == Wanted::Cancel {
            return Ok(JobError::Cancelled);
        }
        let boot = run.app().machine.host.boot_id();
        let noted = Noted {
            boot,
            begun: true,
            paused: true,
        };
        run.checkpoint(&noted).await?;
        run.say(Level::Info, "md was told to stop; it goes on where it was")
            .await?;
        Ok(JobError::Paused)
    }

    /// md does not read any more: did it come to the end? Where it was interrupted it says so, but
    /// for the first moments, which somebody must have seen (`is_known`).
    async fn ended(&self, run: &Run, array: &Array, is_known: bool) -> Result<Done, JobError> {
        let name = &self.name;
        if run.wanted() == Wanted::Cancel {
            return Err(JobError::Cancelled);
        }
        if let Some(at) = array.scrub_stopped_at {
            return Err(JobError::Interrupted(format!(
                "md was interrupted at {at} of {} on each member of {name}",
                array.component_size
            )));
        }
        if let (Health::Degraded { .. } | Health::Failed { .. }, reasons) = health(array) {
            let why: Vec<String> = reasons.iter().map(ToString::to_string).collect();
            return Err(JobError::Failed {
                code: "array_degraded",
                why: format!("{name} lost redundancy meanwhile: {}", why.join("; ")),
            });
        }
        if !is_known {
            return Err(JobError::Interrupted(format!(
                "it ended while the service did not run, and md cannot tell whether {name} was \
                 read to its end"
            )));
        }
        let mismatch = array.mismatch.unwrap_or(Bytes(0));
        let message = match (mismatch.0, self.scrub) {
            (0, _) => format!("all copies of {name} agree"),
            (_, Scrub::Repair) => format!("{mismatch} of {name} differed and were made equal"),
            _ => format!("{mismatch} of {name} differ between copies"),
        };
        let level = if mismatch.0 == 0 {
            Level::Info
        } else {
            Level::Warning
        };
        run.say(level, &message).await?;
        let result = json!({ "array": name, "uuid": self.uuid, "mismatch_bytes": mismatch.0 });
        Ok(Done { message, result })
    }

    /// End what runs, whoever began it.
    async fn end_scrub(&self, run: &mut Run) -> Result<Done, JobError> {
        let app = std::sync::Arc::clone(run.app());
        let holds = format!("array:{}", self.uuid);
        let jobs = app.store.jobs_not_over().await?;
        let ours = jobs.iter().find(|it| {
            it.new.kind == ScrubArray::KIND
                && it.new.object == holds
                && it.state == JobState::Running
        });
        if let Some(job) = ours {
            app.want(&job.new.id, Wanted::Cancel).await?;
            app.wait_for_job(&job.new.id).await?;
        }
        if self.is_running(run).await? {
            app.change_within_job(&self.change(Scrub::Idle)).await?;
        }
        Ok(Done::said(format!("nothing reads {} any more", self.name)))
    }
}

fn scrubs(array: &Array) -> bool {
    matches!(
        array.sync.action(),
        Some(SyncAction::Check | SyncAction::Repair)
    )
}

/// How far it is, if md says so.
#[expect(clippy::cast_precision_loss, reason = "a share for people")]
fn share(sync: &SyncState) -> Option<f64> {
    match sync {
        SyncState::Running {
            done: Some(done),
            of: Some(of),
            ..
        } if of.0 > 0 => Some(done.0 as f64 / of.0 as f64),
        _ => None,
    }
}
