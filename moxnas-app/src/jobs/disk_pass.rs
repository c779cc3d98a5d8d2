//! Going over all of a disk, stretch by stretch: what wiping and burn-in share.
//!
//! A disk has one stretch at a time, in a thread of its own: one that hangs makes its job wait and
//! nothing else.

use std::time::{Duration, SystemTime};

use moxnas_core::{
    chain::chain,
    disk::{BadPlace, DeviceId, OpenDisk, Stretch, WorkError},
    units::Bytes,
};
use serde::{Deserialize, Serialize};

use super::{JobError, Run, Wanted};
use crate::{settings::Pace, store::Level};

const MIB: u64 = 1 << 20;
/// The longest stretch, in bytes: a second or two of most disks.
const STRETCH_MAX: u64 = 256 * MIB;
/// How long at most until what was done is noted.
const NOTE_EVERY: Duration = Duration::from_secs(30);
/// How long to wait where no time has passed on a simulated machine.
const WAIT: Duration = Duration::from_secs(1);
/// A disk that answers nothing for so long is worth a word.
const SILENCE: Duration = Duration::from_secs(30);
/// How often a disk is looked for that answered with an error.
const LEAVING_LOOKS: u32 = 3;
/// As many bad places are remembered; all are counted.
const REMEMBERED: usize = 16;
/// With so many bad places a disk is beyond doubt.
const TOO_BAD: u64 = 1000;
/// How often, and how long each time, a disk is waited for that somebody just had.
const OPEN_TRIES: u32 = 20;

/// What is done to a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Doing {
    /// It is filled with a byte.
    Fill(u8),
    /// It is read, and compared with a byte.
    Compare(u8),
}

/// How far it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Far {
    /// All before this is done.
    pub(super) at: Bytes,
    /// How long that took, by the machine's clock.
    pub(super) took_ms: u64,
    /// What did not work.
    pub(super) bad: Tally,
}

/// Bad places, counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Tally {
    /// How many.
    pub(super) places: u64,
    /// How much of the disk.
    pub(super) bytes: Bytes,
    /// The first of them.
    pub(super) first: Vec<BadPlace>,
}

impl Tally {
    fn add(&mut self, places: &[BadPlace]) {
        for it in places {
            self.places += 1;
            self.bytes = Bytes(self.bytes.0 + it.length.0);
            if self.first.len() < REMEMBERED {
                self.first.push(*it);
            }
        }
    }

    /// Both together.
    pub(super) fn and(mut self, other: &Tally) -> Tally {
        self.add(&other.first);
        self.places += other.places - other.first.len() as u64;
        let told: u64 = other.first.iter().map(|it| it.length.0).sum();
        self.bytes = Bytes(self.bytes.0 + other.bytes.0 - told);
        self
    }

    /// In words, where they are.
    pub(super) fn places_in_words(&self) -> String {
        let place = |it: &BadPlace| format!("{} bytes at {}", it.length.0, it.at.0);
        let mut words: Vec<String> = self.first.iter().map(place).collect();
        let more = self.places.saturating_sub(self.first.len() as u64);
        if more > 0 {
            words.push(format!("{more} more"));
        }
        words.join(", ")
    }
}

/// A disk that a job has for itself.
pub(super) struct Held {
    open: Option<Box<dyn OpenDisk>>,
    disk: DeviceId,
    size: Bytes,
}

/// What did not work is the disk's fault, or that of whoever uses it.
pub(super) fn failed(err: &WorkError) -> JobError {
    let code = match err {
        WorkError::Gone(_) | WorkError::OtherSize { .. } => "disk_gone",
        WorkError::InUse(_) => "device_in_use",
        _ => "step_failed",
    };
    JobError::Failed {
        code,
        why: chain(err),
    }
}

impl Held {
    /// Take a disk. One that was just let go, by a service that was killed or by udev, is waited
    /// for.
    pub(super) async fn open(
        run: &mut Run,
        disk: &DeviceId,
        size: Bytes,
    ) -> Result<Held, JobError> {
        let mut tries = 0;
        let open = loop {
            let id = disk.clone();
            let opened = run.app().with_machine(move |it| it.disks.open(&id)).await?;
            match opened {
                Err(WorkError::InUse(_)) if tries < OPEN_TRIES => tries += 1,
                other => break other.map_err(|err| failed(&err))?,
            }
            run.wait(WAIT / 4).await?;
            run.obey()?;
        };
        if open.size() != size {
            let (was, is) = (size, open.size());
            let disk = disk.clone();
            return Err(failed(&WorkError::OtherSize { disk, was, is }));
        }
        Ok(Held {
            open: Some(open),
            disk: disk.clone(),
            size,
        })
    }

    /// One stretch, however long it takes.
    async fn once(
        &mut self,
        run: &mut Run,
        at: Bytes,
        length: Bytes,
        doing: Doing,
    ) -> Result<Stretch, JobError> {
        let Some(mut open) = self.open.take() else {
            return Err(failed(&WorkError::Gone(self.disk.clone())));
        };
        let app = std::sync::Arc::clone(run.app());
        let work = app.with_machine(move |_| {
            let done = match doing {
                Doing::Fill(byte) => open.fill(at, length, byte),
                Doing::Compare(byte) => open.compare(at, length, byte),
            };
            (open, done)
        });
        tokio::pin!(work);
        let mut silent = Duration::ZERO;
        let (open, done) = loop {
            if matches!(app.pace(), Pace::Stepped(_)) {
                break work.await?;
            }
            tokio::select! {
                done = &mut work => break done?,
                () = tokio::time::sleep(SILENCE) => {
                    silent += SILENCE;
                    let words = format!(
                        "{} has not answered for {} s",
                        self.disk,
                        silent.as_secs()
                    );
                    let share = run.was_at();
                    run.progress(Some(share), &words).await?;
                }
            }
        };
        self.open = Some(open);
        let Err(err) = done else {
            return done.map_err(|err| failed(&err));
        };
        // What a disk answers that was just pulled out is any error; a moment later it is gone.
        for _ in 0..LEAVING_LOOKS {
            let seen = run.app().look().await?;
            if seen.raid.devices.by_id(&self.disk).is_none() {
                return Err(failed(&WorkError::Gone(self.disk.clone())));
            }
            run.wait(WAIT).await?;
        }
        Err(failed(&err))
    }

    /// A stretch, all of it.
    pub(super) async fn whole(
        &mut self,
        run: &mut Run,
        at: Bytes,
        length: Bytes,
        doing: Doing,
    ) -> Result<Vec<BadPlace>, JobError> {
        let (mut done, mut bad) = (0, Vec::new());
        while done < length.0 {
            let left = Bytes(length.0 - done);
            let stretch = self.once(run, Bytes(at.0 + done), left, doing).await?;
            bad.extend(stretch.bad);
            done += stretch.done.0;
            if stretch.done.0 == 0 {
                run.wait(WAIT).await?;
                run.obey()?;
            }
        }
        Ok(bad)
    }

    /// Go over the disk from where it was left to its end. `shown` is the share of the whole job
    /// that this is, from and to; `note` makes of how far it is what has to be noted.
    pub(super) async fn go_over<N: Serialize>(
        &mut self,
        run: &mut Run,
        doing: Doing,
        mut far: Far,
        shown: (f64, f64),
        note: impl Fn(&Far) -> N,
    ) -> Result<Far, JobError> {
        let words = match doing {
            Doing::Fill(byte) => format!("writing 0x{byte:02x} to {}", self.disk),
            Doing::Compare(byte) => format!("reading {}, comparing with 0x{byte:02x}", self.disk),
        };
        let size = self.size.0;
        let length = (size / 128 / MIB * MIB).clamp(MIB, STRETCH_MAX);
        let percent = |at: Bytes| at.0.saturating_mul(100) / size.max(1);
        let mut since = now(run);
        let mut noted = (since, percent(far.at));
        while far.at.0 < size {
            if run.wanted() != Wanted::Run {
                run.checkpoint(&note(&far)).await?;
                run.obey()?;
            }
            let left = Bytes(length.min(size - far.at.0));
            let stretch = self.once(run, far.at, left, doing).await?;
            let at = now(run);
            let took = at.duration_since(since).unwrap_or_default();
            since = at;
            far.at = Bytes(far.at.0 + stretch.done.0);
            far.took_ms += u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            far.bad.add(&stretch.bad);
            must_be_there(run, &self.disk, self.size, &stretch).await?;
            for it in stretch.bad.iter().take(REMEMBERED) {
                let line = format!("{} bytes at {} of {}", it.length.0, it.at.0, self.disk);
                let what = serde_json::to_value(it.fault).unwrap_or_default();
                let what = what.as_str().unwrap_or_default().replace('_', " ");
                run.say(Level::Warning, &format!("{line}: {what}")).await?;
            }
            let is_due = at.duration_since(noted.0).unwrap_or_default() >= NOTE_EVERY;
            if is_due || percent(far.at) != noted.1 || !stretch.bad.is_empty() {
                run.checkpoint(&note(&far)).await?;
                noted = (at, percent(far.at));
            }
            if far.bad.places >= TOO_BAD {
                return Err(JobError::Failed {
                    code: "disk_has_errors",
                    why: format!(
                        "{} has {} bad places in its first {}, and was given up",
                        self.disk, far.bad.places, far.at
                    ),
                });
            }
            let share = share(far.at.0, size);
            let shown = shown.0 + (shown.1 - shown.0) * share;
            run.progress(Some(shown), &words).await?;
            if stretch.done.0 == 0 {
                run.wait(WAIT).await?;
            }
        }
        run.checkpoint(&note(&far)).await?;
        Ok(far)
    }
}

/// A disk that was pulled out fails everywhere: that is no bad place of it.
async fn must_be_there(
    run: &Run,
    disk: &DeviceId,
    size: Bytes,
    stretch: &Stretch,
) -> Result<(), JobError> {
    if stretch.bad.is_empty() {
        return Ok(());
    }
    let seen = run.app().look().await?;
    let device = seen.raid.devices.by_id(disk);
    if device.is_none_or(|it| it.size != size) {
        return Err(failed(&WorkError::Gone(disk.clone())));
    }
    let bad: u64 = stretch.bad.iter().map(|it| it.length.0).sum();
    if bad < stretch.done.0 {
        return Ok(());
    }
    Err(JobError::Failed {
        code: "disk_has_errors",
        why: format!(
            "nothing of a stretch of {} of {} works, and it was given up",
            stretch.done, disk
        ),
    })
}

#[expect(clippy::cast_precision_loss, reason = "a share for people")]
pub(super) fn share(at: u64, of: u64) -> f64 {
    at as f64 / of.max(1) as f64
}

fn now(run: &Run) -> SystemTime {
    run.app().machine.clock.now()
}

/// Bytes per second, as measured; `None`: it was too quick to tell.
pub(super) fn speed(bytes: Bytes, took_ms: u64) -> Option<u64> {
    let per_second = u128::from(bytes.0) * 1000 / u128::from(took_ms.max(1));
    (took_ms > 0).then(|| u64::try_from(per_second).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use moxnas_core::disk::BadFault;

    use super::*;

    #[test]
    fn all_bad_places_are_counted_and_a_few_remembered() {
        let place = |at: u64| BadPlace {
            at: Bytes(at),
            length: Bytes(4096),
            fault: BadFault::NotRead,
        };
        let mut tally = Tally::default();
        tally.add(&(0..20).map(place).collect::<Vec<_>>());
        assert_eq!((tally.places, tally.bytes), (20, Bytes(20 * 4096)));
        assert!(tally.places_in_words().ends_with("4 more"));
        let twice = tally.clone().and(&tally);
        assert_eq!((twice.places, twice.bytes), (40, Bytes(40 * 4096)));
        assert_eq!(twice.first.len(), REMEMBERED);
    }
}
