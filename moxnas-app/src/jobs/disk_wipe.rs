//! Wiping one disk.
//!
//! What was confirmed is looked at again before the first step, in the lane of the storage; then
//! the disk is worked on without the lane, held by its job. An overwrite goes on after a restart
//! from where it was noted. Of a sanitize the disk itself tells what became of it.

use std::time::Duration;

use moxnas_core::{
    chain::chain,
    disk::{DeviceId, DiskId, DiskStep, Sanitize, SanitizeMethod, SanitizeState},
    units::Bytes,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Done, Job, JobError, Run, Wanted,
    disk_pass::{Doing, Far, Held, failed, share, speed},
};
use crate::{
    actor::Role, disk_plan::WipeLevel, machine::AppStep, ops::disks::DiskWipe, store::Level,
};

/// How often a disk that erases itself is asked how far it is.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// How many places are read back. A hole is found for certain where it is longer than their distance.
const SAMPLES: u64 = 256;
/// How long each is.
const SAMPLE: u64 = 1 << 20;
/// A discard is done in so many pieces.
const PIECES: u64 = 32;

/// Wipe a disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WipeDisk {
    /// The disk.
    pub disk: DiskId,
    /// Its size.
    pub size: Bytes,
    /// How thoroughly.
    pub level: WipeLevel,
    /// How it erases itself, if somebody said so.
    pub method: Option<SanitizeMethod>,
    /// The plan that was confirmed, with what was on the disk.
    pub fingerprint: String,
}

/// What the job needs to know after a restart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Noted {
    /// The steps that were agreed to.
    steps: Vec<DiskStep>,
    /// How far the step is that goes over the disk.
    far: Far,
    /// The disk was told, or is about to be told, to erase itself.
    sent: bool,
}

/// What was read back of some places.
struct Samples {
    read: u64,
    differ: u64,
    bytes: u64,
}

impl Job for WipeDisk {
    const KIND: &'static str = "disk_wipe";
    const NEEDS: Role = Role::Admin;

    fn object(&self) -> String {
        format!("disk:{}", self.disk)
    }

    fn why_not_stopped(&self, noted: Option<&Value>) -> Option<String> {
        let sent = noted.is_some_and(|it| it["sent"] == true);
        sent.then(|| {
            format!(
                "{} was told to erase itself, and no command ends that",
                self.disk
            )
        })
    }

    async fn run(self, run: &mut Run) -> Result<Done, JobError> {
        let noted = match run.noted::<Noted>()? {
            Some(noted) => noted,
            None => self.agreed(run).await?,
        };
        let done = match self.level {
            WipeLevel::Signatures => self.signatures(run, &noted).await,
            WipeLevel::Discard => self.discard(run, noted).await,
            WipeLevel::Overwrite => self.overwrite(run, noted).await,
            WipeLevel::Sanitize => self.sanitize(run, noted).await,
        };
        // However it went, the snapshot shows what is there now.
        run.app().look().await?;
        done
    }
}

impl WipeDisk {
    fn id(&self) -> DeviceId {
        DeviceId::Disk(self.disk.clone())
    }

    /// What was agreed to, if it still is what would be done.
    async fn agreed(&self, run: &mut Run) -> Result<Noted, JobError> {
        let wish = DiskWipe {
            disk: self.disk.to_string(),
            level: self.level,
            method: self.method,
        };
        let plan = run.app().plan_again(&wish, &self.fingerprint).await?;
        let steps = plan.steps.into_iter().filter_map(|it| match it {
            AppStep::Disk(step) => Some(step),
            _ => None,
        });
        let noted = Noted {
            steps: steps.collect(),
            far: Far::default(),
            sent: false,
        };
        run.obey()?;
        run.checkpoint(&noted).await?;
        Ok(noted)
    }

    async fn apply(&self, run: &Run, step: &DiskStep) -> Result<(), JobError> {
        let words = step.to_string();
        let step = step.clone();
        let applied = run
            .app()
            .with_machine(move |it| it.disks.apply(&step))
            .await?;
        applied.map_err(|err| failed(&err))?;
        run.say(Level::Info, &words).await
    }

    async fn wipe_signatures(&self, run: &Run, noted: &Noted) -> Result<(), JobError> {
        let wipes = |it: &&DiskStep| matches!(it, DiskStep::WipeSignatures { .. });
        for step in noted.steps.iter().filter(wipes) {
            run.obey()?;
            match self.apply(run, step).await {
                // A partition that went with the table before: it was wiped when that was.
                Err(_) if self.is_gone(run, step.device()).await? => (),
                done => done?,
            }
        }
        Ok(())
    }

    async fn is_gone(&self, run: &Run, device: &DeviceId) -> Result<bool, JobError> {
        let is_part = matches!(device, DeviceId::Partition(..));
        let seen = run.app().look().await?;
        Ok(is_part && seen.raid.devices.by_id(device).is_none())
    }

    /// Nothing is recognized on it any more.
    async fn must_be_blank(&self, run: &Run) -> Result<(), JobError> {
        let id = self.id();
        let probed = run
            .app()
            .with_machine(move |it| it.disks.probe(&id))
            .await?;
        let found = probed.map_err(|err| failed(&err))?;
        if found.is_empty() {
            return Ok(());
        }
        let found: Vec<String> = found.iter().map(|it| it.describe()).collect();
        Err(not_verified(format!(
            "{} still carries {}",
            self.disk,
            found.join(", ")
        )))
    }

    async fn signatures(&self, run: &mut Run, noted: &Noted) -> Result<Done, JobError> {
        self.wipe_signatures(run, noted).await?;
        self.must_be_blank(run).await?;
        Ok(self.done(
            "no signature is left; the data itself was not erased",
            json!({ "signatures_left": 0 }),
        ))
    }

    async fn discard(&self, run: &mut Run, mut noted: Noted) -> Result<Done, JobError> {
        self.wipe_signatures(run, &noted).await?;
        let piece = (self.size.0 / PIECES / SAMPLE * SAMPLE).max(SAMPLE);
        let words = format!("discarding {}", self.disk);
        let mut since = run.app().machine.clock.now();
        while noted.far.at < self.size {
            run.obey()?;
            let at = noted.far.at;
            let length = Bytes(piece.min(self.size.0 - at.0));
            let disk = self.id();
            let step = DiskStep::Discard { disk, at, length };
            let applied = run
                .app()
                .with_machine(move |it| it.disks.apply(&step))
                .await?;
            applied.map_err(|err| failed(&err))?;
            let now = run.app().machine.clock.now();
            let took = now.duration_since(since).unwrap_or_default().as_millis();
            since = now;
            noted.far.at = Bytes(at.0 + length.0);
            noted.far.took_ms += u64::try_from(took).unwrap_or(u64::MAX);
            run.checkpoint(&noted).await?;
            run.progress(Some(share(noted.far.at.0, self.size.0)), &words)
                .await?;
        }
        self.must_be_blank(run).await?;
        let mut held = Held::open(run, &self.id(), self.size).await?;
        let samples = self.read_back(run, &mut held).await?;
        drop(held);
        let zeros = samples.read - samples.differ;
        let message = format!(
            "all {} were discarded, and {zeros} of {} places read as zeros; that the rest cannot \
             be read by other means is not known",
            self.size, samples.read
        );
        Ok(self.done(
            &message,
            json!({
                "discarded_bytes": noted.far.at.0,
                "took_ms": noted.far.took_ms,
                "samples": samples.read,
                "sample_bytes": samples.bytes,
                "samples_zero": zeros,
            }),
        ))
    }

    async fn overwrite(&self, run: &mut Run, noted: Noted) -> Result<Done, JobError> {
        let mut held = Held::open(run, &self.id(), self.size).await?;
        if noted.far.at.0 > 0 {
            let line = format!("goes on at {} of {}", noted.far.at, self.size);
            run.say(Level::Info, &line).await?;
        }
        let note = |far: &Far| Noted {
            far: far.clone(),
            ..noted.clone()
        };
        let far = held
            .go_over(run, Doing::Fill(0), noted.far.clone(), (0.0, 0.99), note)
            .await?;
        let samples = self.read_back(run, &mut held).await?;
        drop(held);
        if far.bad.places > 0 {
            return Err(JobError::Failed {
                code: "not_all_written",
                why: format!(
                    "{} of {} could not be written, and may hold what was there: {}",
                    far.bad.bytes,
                    self.disk,
                    far.bad.places_in_words()
                ),
            });
        }
        if samples.differ > 0 {
            return Err(not_verified(format!(
                "{} of {} places of {} do not read as zeros",
                samples.differ, samples.read, self.disk
            )));
        }
        self.must_be_blank(run).await?;
        let message = format!(
            "all {} were overwritten with zeros, and {} places read back are zero",
            self.size, samples.read
        );
        Ok(self.done(
            &message,
            json!({
                "written_bytes": far.at.0,
                "took_ms": far.took_ms,
                "bytes_per_second": speed(far.at, far.took_ms),
                "samples": samples.read,
                "sample_bytes": samples.bytes,
                "samples_differ": samples.differ,
            }),
        ))
    }

    /// Read some places, evenly spread, the first and the last among them.
    async fn read_back(&self, run: &mut Run, held: &mut Held) -> Result<Samples, JobError> {
        let words = format!("reading back some of {}", self.disk);
        run.progress(Some(0.99), &words).await?;
        let places = self.size.0.div_ceil(SAMPLE);
        let count = places.min(SAMPLES);
        let mut samples = Samples {
            read: 0,
            differ: 0,
            bytes: 0,
        };
        for number in 0..count {
            let place = match count {
                1 => 0,
                _ => number * (places - 1) / (count - 1),
            };
            let at = place * SAMPLE;
            let length = SAMPLE.min(self.size.0 - at);
            let bad = held
                .whole(run, Bytes(at), Bytes(length), Doing::Compare(0))
                .await?;
            samples.read += 1;
            samples.bytes += length;
            samples.differ += u64::from(!bad.is_empty());
            run.obey()?;
        }
        Ok(samples)
    }

    async fn sanitize(&self, run: &mut Run, mut noted: Noted) -> Result<Done, JobError> {
        let sends = |it: &&DiskStep| matches!(it, DiskStep::Sanitize { .. });
        let Some(step) = noted.steps.iter().find(sends).cloned() else {
            return Err(JobError::Failed {
                code: "job_not_understood",
                why: "the plan has no sanitize".to_owned(),
            });
        };
        let runs = matches!(self.state(run).await, Ok(SanitizeState::Running { .. }));
        let was_sent = noted.sent;
        if !(was_sent && runs) {
            if !was_sent {
                run.obey()?;
            }
            let state = if was_sent {
                self.state(run).await?
            } else {
                SanitizeState::Idle
            };
            // After a restart a disk that is done by now says so; one that says nothing is told
            // again, which changes nothing but the time it takes.
            if !(was_sent && state == SanitizeState::Done) {
                noted.sent = true;
                run.checkpoint(&noted).await?;
                self.apply(run, &step).await?;
            }
        }
        let since = run.app().machine.clock.now();
        self.follow(run).await?;
        let now = run.app().machine.clock.now();
        let took = now.duration_since(since).unwrap_or_default().as_millis();
        self.must_be_blank(run).await?;
        let DiskStep::Sanitize { method, .. } = step else {
            return Err(not_verified("the plan has no sanitize".to_owned()));
        };
        Ok(self.done(
            "the disk says that it has erased itself",
            json!({
                "method": method.word(),
                "followed_ms": u64::try_from(took).unwrap_or(u64::MAX),
            }),
        ))
    }

    async fn state(&self, run: &Run) -> Result<SanitizeState, JobError> {
        let id = self.id();
        let asked = run
            .app()
            .with_machine(move |it| it.disks.sanitize(&id))
            .await?;
        match asked {
            Ok(Sanitize::Can { state, .. }) => Ok(state),
            Ok(Sanitize::Cannot { because }) => Err(JobError::Failed {
                code: "sanitize_not_supported",
                why: format!("{} cannot erase itself any more: {because}", self.disk),
            }),
            Err(err) => Err(failed(&err)),
        }
    }

    /// Until the disk says that it is done. Nothing stops it, so nothing stops this either.
    async fn follow(&self, run: &mut Run) -> Result<(), JobError> {
        let words = format!("{} erases itself", self.disk);
        let mut silent = 0_u32;
        let mut was_told = false;
        loop {
            match self.state(run).await {
                Ok(SanitizeState::Running { done }) => {
                    silent = 0;
                    let share = done.map(|it| f64::from(it) / 65_536.0);
                    run.progress(share, &words).await?;
                }
                // SCSI keeps no record of one that succeeded: it just is over.
                Ok(SanitizeState::Done | SanitizeState::Idle) => return Ok(()),
                Ok(SanitizeState::Failed | SanitizeState::Frozen) => {
                    return Err(JobError::Failed {
                        code: "sanitize_failed",
                        why: format!(
                            "{} says that it could not erase itself, and may hold what was there",
                            self.disk
                        ),
                    });
                }
                Err(err) => {
                    silent += 1;
                    if silent > 60 {
                        return Err(err);
                    }
                    let line = format!("{} does not say how far it is: {}", self.disk, chain(&err));
                    run.progress(None, &line).await?;
                }
            }
            if run.wanted() != Wanted::Run && !was_told {
                was_told = true;
                run.say(Level::Warning, "a sanitize cannot be stopped: it goes on")
                    .await?;
            }
            run.wait(ASK_EVERY).await?;
        }
    }

    fn done(&self, message: &str, mut result: Value) -> Done {
        result["disk"] = json!(self.disk);
        result["level"] = json!(self.level);
        result["size_bytes"] = json!(self.size.0);
        Done {
            message: format!("{}: {message}", self.disk),
            result,
        }
    }
}

fn not_verified(why: String) -> JobError {
    JobError::Failed {
        code: "not_verified",
        why,
    }
}
