//! Trying a disk out: everything is written and read, several times; then it tests itself.

use std::time::Duration;

use moxnas_core::{
    disk::{DeviceId, DiskId, DiskStep, SelfTest},
    units::Bytes,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Done, Job, JobError, Run,
    disk_pass::{Doing, Far, Held, Tally, share, speed},
};
use crate::{actor::Role, machine::AppStep, ops::disks::DiskBurnIn, store::Level};

/// How often a disk that tests itself is asked how far it is.
const ASK_EVERY: Duration = Duration::from_secs(30);
/// The share of the whole that writing and reading are; the self-test is the rest.
const PASSES: f64 = 0.95;

/// Try out a disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BurnIn {
    /// The disk.
    pub disk: DiskId,
    /// Its size.
    pub size: Bytes,
    /// How often all of it is written and read.
    pub passes: u8,
    /// The plan that was confirmed, with what was on the disk.
    pub fingerprint: String,
}

/// What the job needs to know after a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Noted {
    /// The bytes that were agreed to.
    bytes: Vec<u8>,
    /// Halves of passes that are done: even ones are written, odd ones are read.
    done: Vec<Far>,
    /// How far the next one is.
    far: Far,
    /// The self-test was begun.
    tests: bool,
}

impl Job for BurnIn {
    const KIND: &'static str = "disk_burn_in";
    const NEEDS: Role = Role::Admin;

    fn object(&self) -> String {
        format!("disk:{}", self.disk)
    }

    async fn run(self, run: &mut Run) -> Result<Done, JobError> {
        let mut noted = match run.noted::<Noted>()? {
            Some(noted) => noted,
            None => self.agreed(run).await?,
        };
        let over = self.over(run, &mut noted).await;
        run.app().look().await?;
        over?;
        let test = self.self_test(run, &mut noted).await?;
        self.judged(run, &noted, &test).await
    }
}

impl BurnIn {
    fn id(&self) -> DeviceId {
        DeviceId::Disk(self.disk.clone())
    }

    /// What was agreed to, if it still is what would be done.
    async fn agreed(&self, run: &mut Run) -> Result<Noted, JobError> {
        let wish = DiskBurnIn {
            disk: self.disk.to_string(),
            passes: self.passes,
        };
        let plan = run.app().plan_again(&wish, &self.fingerprint).await?;
        let bytes = plan.steps.iter().filter_map(|it| match it {
            AppStep::Disk(DiskStep::WriteAndRead { byte, .. }) => Some(*byte),
            _ => None,
        });
        let noted = Noted {
            bytes: bytes.collect(),
            ..Noted::default()
        };
        run.obey()?;
        run.checkpoint(&noted).await?;
        Ok(noted)
    }

    /// All that is left to be written and read.
    async fn over(&self, run: &mut Run, noted: &mut Noted) -> Result<(), JobError> {
        let halves: Vec<Doing> = noted
            .bytes
            .iter()
            .flat_map(|byte| [Doing::Fill(*byte), Doing::Compare(*byte)])
            .collect();
        if noted.done.len() >= halves.len() {
            return Ok(());
        }
        let mut held = Held::open(run, &self.id(), self.size).await?;
        while let Some(doing) = halves.get(noted.done.len()) {
            let at = noted.done.len();
            let shown = |half: usize| PASSES * share(half as u64, halves.len() as u64);
            let note = |far: &Far| Noted {
                far: far.clone(),
                ..noted.clone()
            };
            let far = held
                .go_over(
                    run,
                    *doing,
                    noted.far.clone(),
                    (shown(at), shown(at + 1)),
                    note,
                )
                .await?;
            noted.done.push(far);
            noted.far = Far::default();
            run.checkpoint(&*noted).await?;
        }
        Ok(())
    }

    async fn self_test(&self, run: &mut Run, noted: &mut Noted) -> Result<SelfTest, JobError> {
        let id = self.id();
        let begun = noted.tests;
        noted.tests = true;
        run.checkpoint(&*noted).await?;
        let words = format!("{} tests itself", self.disk);
        let mut test = {
            let id = id.clone();
            run.app()
                .with_machine(move |it| match begun {
                    true => it.self_tests.state(&id),
                    false => it.self_tests.begin_long(&id),
                })
                .await?
        };
        while let SelfTest::Running { percent } = test {
            let share = percent.map(|it| PASSES + (1.0 - PASSES) * f64::from(it) / 100.0);
            run.progress(share, &words).await?;
            run.wait(ASK_EVERY).await?;
            run.obey()?;
            let id = id.clone();
            test = run
                .app()
                .with_machine(move |it| it.self_tests.state(&id))
                .await?;
        }
        Ok(test)
    }

    async fn judged(&self, run: &Run, noted: &Noted, test: &SelfTest) -> Result<Done, JobError> {
        let bad = noted
            .done
            .iter()
            .fold(Tally::default(), |all, it| all.and(&it.bad));
        let tested = match test {
            SelfTest::NotRun { because } => format!("self-test not run: {because}"),
            SelfTest::Running { .. } => "its self-test runs".to_owned(),
            SelfTest::Passed => "its self-test found nothing".to_owned(),
            SelfTest::Failed { why } => format!("its self-test failed: {why}"),
        };
        run.say(Level::Info, &tested).await?;
        let failed = |why: String| JobError::Failed {
            code: "disk_has_errors",
            why,
        };
        if bad.places > 0 {
            return Err(failed(format!(
                "{} has {} bad places, {}: {}; {tested}",
                self.disk,
                bad.places,
                bad.bytes,
                bad.places_in_words()
            )));
        }
        if let SelfTest::Failed { .. } = test {
            return Err(failed(format!("{}: {tested}", self.disk)));
        }
        let passes = noted.done.chunks(2).zip(&noted.bytes);
        let passes: Vec<Value> = passes
            .map(|(halves, byte)| {
                let half = |index: usize| halves.get(index).cloned().unwrap_or_default();
                let (written, read) = (half(0), half(1));
                json!({
                    "byte": byte,
                    "written_bytes": written.at.0,
                    "write_ms": written.took_ms,
                    "write_bytes_per_second": speed(written.at, written.took_ms),
                    "read_bytes": read.at.0,
                    "read_ms": read.took_ms,
                    "read_bytes_per_second": speed(read.at, read.took_ms),
                })
            })
            .collect();
        let message = format!(
            "{}: all {} were written and read {} times without a fault; {tested}",
            self.disk,
            self.size,
            passes.len()
        );
        let result = json!({
            "disk": self.disk,
            "size_bytes": self.size.0,
            "passes": passes,
            "bad_places": 0,
            "self_test": test,
        });
        Ok(Done { message, result })
    }
}
