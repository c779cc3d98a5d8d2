//! Jobs: how they run, and what becomes of them when the service stops in the middle.

use std::{sync::Arc, time::Duration};

use moxnas_app::{
    Actor, App, Error,
    app::Simulation,
    jobs::{Origin, raid_scrub::ScrubAll},
    machine::Machine,
    operation::Terms,
    ops::{
        arrays::{ArrayCreate, ArrayScrub},
        jobs::{JobCancel, JobRetry},
    },
    scenario::Scenario,
    settings::Settings,
    store::{DatabaseUrl, Job, JobFilter, JobState, Outcome, Phase},
};
use moxnas_core::sim::{DiskSpec, SimMachine};
use moxnas_pool::{
    backend::PoolBackend,
    remote::{SimTargets, TargetBackend},
    sim::SimPools,
};
use moxnas_raid::{Level, SimRaid, SyncAction, plan::Scrub};

const GIB: u64 = 1 << 30;

/// A machine with arrays, and a service on it that can be killed and started again.
pub(crate) struct Box_ {
    pub(crate) sim: Arc<SimMachine>,
    pub(crate) pools: Arc<SimPools>,
    pub(crate) targets: Arc<SimTargets>,
    pub(crate) machine: Machine,
    settings: Settings,
    pub(crate) app: Arc<App>,
    _folder: tempfile::TempDir,
}

impl Box_ {
    /// With a mirror of two disks for each name.
    pub(crate) async fn with_arrays(names: &[&str]) -> Box_ {
        Box_::with_pools(names, |pools| pools).await
    }

    /// The same, with something between the service and the pools.
    pub(crate) async fn with_pools<P: PoolBackend + 'static>(
        names: &[&str],
        between: impl FnOnce(Arc<SimPools>) -> Arc<P>,
    ) -> Box_ {
        let sim = SimMachine::new(1);
        let pools = Arc::new(SimPools::new(Arc::clone(&sim)));
        let targets = Arc::new(SimTargets::new(Arc::clone(&pools)));
        let machine = Machine {
            pools: between(Arc::clone(&pools)),
            targets: Arc::clone(&targets) as Arc<dyn TargetBackend>,
            ..Machine::simulated(&sim, SimRaid::new(Arc::clone(&sim)))
        };
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::simulated(Scenario::built_in("blank").unwrap());
        settings.database = DatabaseUrl::in_folder(folder.path());
        settings.data_dir = Some(folder.path().to_owned());
        let app = start(&sim, &machine, &settings).await;
        let box_ = Box_ {
            sim,
            pools,
            targets,
            machine,
            settings,
            app,
            _folder: folder,
        };
        for name in names {
            let disks = [1, 2].map(|it| format!("{name}{it}"));
            for disk in &disks {
                box_.sim.plug(DiskSpec::hdd(disk, 100 * GIB));
            }
            let create = ArrayCreate::new(name.parse().unwrap(), Level::Raid1, disks.to_vec());
            let plan = box_.app.plan(&actor(), &create).await.unwrap();
            let terms = Terms {
                confirm: Some(plan.fingerprint.parse().unwrap()),
                if_match: None,
            };
            box_.app.change(&actor(), create, terms).await.unwrap();
        }
        box_.pass(Duration::from_secs(3600)).await;
        box_
    }

    /// As `kill -9` does it, and a new start.
    pub(crate) async fn restart(&mut self) {
        self.app.jobs.kill();
        self.app.store.close().await;
        self.app = start(&self.sim, &self.machine, &self.settings).await;
    }

    pub(crate) async fn pass(&self, time: Duration) {
        self.sim.advance(time);
        self.app.look().await.unwrap();
    }

    async fn scrub(&self, array: &str, scrub: Scrub) -> Result<Job, Error> {
        let wish = ArrayScrub {
            array: array.to_owned(),
            scrub,
        };
        self.app.begin(&actor(), wish, Terms::default()).await
    }

    /// Once the job has told md, and seen that it runs.
    async fn until_followed(&self, id: &str) {
        self.until(id, |it| it.message.is_some() && it.progress.is_some())
            .await;
    }

    pub(crate) async fn until(&self, id: &str, is_so: impl Fn(&Job) -> bool) -> Job {
        for _ in 0..2000 {
            let job = self.app.store.job(id).await.unwrap().unwrap();
            if is_so(&job) {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            self.app.look().await.unwrap();
        }
        panic!("{:#?}", self.app.store.job(id).await.unwrap());
    }

    pub(crate) async fn until_over(&self, id: &str) -> Job {
        self.until(id, |it| it.state.is_over()).await
    }

    /// Whether md reads it, as of the last look.
    pub(crate) fn checks(&self, array: &str) -> bool {
        let seen = self.app.seen();
        seen.raid.find(array).unwrap().sync.action() == Some(SyncAction::Check)
    }

    async fn jobs(&self) -> Vec<Job> {
        let all = JobFilter::default();
        self.app.store.jobs(&all, 100).await.unwrap()
    }
}

async fn start(sim: &Arc<SimMachine>, machine: &Machine, settings: &Settings) -> Arc<App> {
    let simulation = Simulation {
        scenario: "test".to_owned(),
        machine: Arc::clone(sim),
        pools: None,
        shares: None,
    };
    App::start_on(machine.clone(), Some(simulation), settings)
        .await
        .unwrap()
}

pub(crate) fn actor() -> Actor {
    App::this_process("test")
}

#[tokio::test]
async fn a_check_is_a_job_that_follows_md() {
    let box_ = Box_::with_arrays(&["alpha"]).await;
    let job = box_.scrub("alpha", Scrub::Check).await.unwrap();
    assert_eq!(
        (job.new.kind.as_str(), job.state),
        ("array_scrub", JobState::Queued)
    );
    box_.until_followed(&job.new.id).await;
    assert!(box_.checks("alpha"));

    let refused = box_.scrub("alpha", Scrub::Check).await.unwrap_err();
    assert_eq!(refused.code(), "array_busy", "{refused}");

    box_.pass(Duration::from_secs(200)).await;
    let half = box_
        .until(&job.new.id, |it| it.progress > Some(2_000))
        .await;
    assert!(half.progress < Some(9_000), "{half:?}");
    box_.pass(Duration::from_secs(3600)).await;
    let over = box_.until_over(&job.new.id).await;
    assert_eq!(over.state, JobState::Succeeded);
    assert_eq!(over.progress, Some(10_000));
    assert_eq!(over.message.as_deref(), Some("all copies of alpha agree"));

    let audit = box_.app.store.audit(0, 1000).await.unwrap();
    let told: Vec<_> = audit
        .iter()
        .filter(|it| it.entry.detail["job"] == job.new.id.as_str())
        .map(|it| {
            (
                it.entry.phase,
                it.entry.result,
                it.entry.fingerprint.is_some(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (Phase::Intent, None, true),
            (Phase::Outcome, Some(Outcome::Ok), false)
        ]
    );
}

#[tokio::test]
async fn a_job_that_was_killed_before_it_began_is_begun() {
    let mut box_ = Box_::with_arrays(&["alpha"]).await;
    let job = box_.scrub("alpha", Scrub::Check).await.unwrap();
    // On one thread nothing of it has run yet.
    box_.restart().await;
    assert!(!box_.checks("alpha"));
    assert_eq!(box_.app.resume_jobs().await.unwrap(), 1);
    box_.until_followed(&job.new.id).await;
    assert!(box_.checks("alpha"));
}

#[tokio::test]
async fn a_job_that_was_killed_goes_on_with_what_md_does() {
    let mut box_ = Box_::with_arrays(&["alpha"]).await;
    let job = box_.scrub("alpha", Scrub::Check).await.unwrap();
    box_.until_followed(&job.new.id).await;
    box_.pass(Duration::from_secs(200)).await;
    box_.restart().await;
    assert_eq!(box_.app.resume_jobs().await.unwrap(), 1);
    assert_eq!(box_.app.resume_jobs().await.unwrap(), 0, "once is enough");
    box_.until(&job.new.id, |it| it.progress > Some(2_000))
        .await;
    box_.pass(Duration::from_secs(3600)).await;
    let over = box_.until_over(&job.new.id).await;
    assert_eq!(over.state, JobState::Succeeded, "{over:?}");
    let log = box_.app.store.job_log(&job.new.id, 0, 100).await.unwrap();
    let begun = log
        .iter()
        .filter(|it| it.line.contains("was begun"))
        .count();
    assert_eq!(begun, 1, "md was told once: {log:?}");
}

#[tokio::test]
async fn a_check_that_ended_meanwhile_is_found_out_about() {
    let mut box_ = Box_::with_arrays(&["alpha"]).await;
    let job = box_.scrub("alpha", Scrub::Check).await.unwrap();
    box_.until_followed(&job.new.id).await;
    // Seen beyond the point from which on md notes an interruption.
    box_.pass(Duration::from_secs(200)).await;
    box_.until(&job.new.id, |it| it.progress > Some(2_000))
        .await;
    box_.restart().await;
    box_.pass(Duration::from_secs(3600)).await;
    box_.app.resume_jobs().await.unwrap();
    let over = box_.until_over(&job.new.id).await;
    assert_eq!(over.state, JobState::Succeeded, "{over:?}");
}

#[tokio::test]
async fn a_check_that_nobody_can_vouch_for_is_not_called_done() {
    let mut box_ = Box_::with_arrays(&["alpha"]).await;
    let job = box_.scrub("alpha", Scrub::Check).await.unwrap();
    box_.until_followed(&job.new.id).await;
    box_.restart().await;
    box_.pass(Duration::from_secs(3600)).await;
    box_.app.resume_jobs().await.unwrap();
    let over = box_.until_over(&job.new.id).await;
    assert_eq!(over.state, JobState::Failed);
    assert_eq!(over.error_code.as_deref(), Some("interrupted"));
    assert!(over.error.unwrap().contains("cannot tell"));

    let retry = JobRetry {
        job: job.new.id.clone(),
    };
    let again = box_.app.call(&actor(), retry).await.unwrap();
    assert_eq!(
        (again.new.attempt, again.new.retry_of),
        (2, Some(job.new.id))
    );
    box_.until_followed(&again.new.id).await;
    assert!(box_.checks("alpha"));
}

#[tokio::test]
async fn a_check_that_somebody_ended_says_where() {
    let mut box_ = Box_::with_arrays(&["alpha"]).await;
    let job = box_.scrub("alpha", Scrub::Check).await.unwrap();
    box_.until_followed(&job.new.id).await;
    box_.pass(Duration::from_secs(300)).await;
    box_.restart().await;
    // Behind the service's back.
    let wish = ArrayScrub {
        array: "alpha".to_owned(),
        scrub: Scrub::Idle,
    };
    box_.app
        .change(&actor(), wish, Terms::default())
        .await
        .unwrap();
    box_.app.resume_jobs().await.unwrap();
    let over = box_.until_over(&job.new.id).await;
    assert_eq!(over.error_code.as_deref(), Some("interrupted"), "{over:?}");
    assert!(over.error.unwrap().contains("md was interrupted at"));
}

#[tokio::test]
async fn a_restart_of_the_machine_ends_a_check() {
    let mut box_ = Box_::with_arrays(&["alpha"]).await;
    let job = box_.scrub("alpha", Scrub::Check).await.unwrap();
    box_.until_followed(&job.new.id).await;
    box_.sim.power_cut();
    box_.restart().await;
    box_.pass(Duration::from_secs(60)).await;
    box_.app.resume_jobs().await.unwrap();
    let over = box_.until_over(&job.new.id).await;
    assert_eq!(over.state, JobState::Failed);
    assert!(over.error.unwrap().contains("machine was restarted"));
}

// Found by seed 1072 of the whole-box test.
#[tokio::test]
async fn a_check_does_not_outlive_the_machine_although_the_service_does() {
    let box_ = Box_::with_arrays(&["alpha"]).await;
    let job = box_.scrub("alpha", Scrub::Check).await.unwrap();
    box_.until_followed(&job.new.id).await;
    box_.sim.power_cut();
    let over = box_.until_over(&job.new.id).await;
    assert_eq!(over.state, JobState::Failed, "{over:?}");
    assert!(over.error.unwrap().contains("machine was restarted"));
}

#[tokio::test]
async fn a_cancelled_check_has_md_stop() {
    let box_ = Box_::with_arrays(&["alpha"]).await;
    let job = box_.scrub("alpha", Scrub::Check).await.unwrap();
    box_.until_followed(&job.new.id).await;
    let cancel = JobCancel {
        job: job.new.id.clone(),
    };
    box_.app.call(&actor(), cancel.clone()).await.unwrap();
    let over = box_.until_over(&job.new.id).await;
    assert_eq!(over.state, JobState::Cancelled);
    assert!(!box_.checks("alpha"));
    let again = box_.app.call(&actor(), cancel).await.unwrap_err();
    assert_eq!(again.code(), "job_is_over");
}

#[tokio::test]
async fn idle_ends_the_job_that_follows_the_check() {
    let box_ = Box_::with_arrays(&["alpha"]).await;
    let job = box_.scrub("alpha", Scrub::Check).await.unwrap();
    box_.until_followed(&job.new.id).await;
    let end = box_.scrub("alpha", Scrub::Idle).await.unwrap();
    assert_eq!(
        box_.until_over(&end.new.id).await.state,
        JobState::Succeeded
    );
    assert_eq!(
        box_.until_over(&job.new.id).await.state,
        JobState::Cancelled
    );
    assert!(!box_.checks("alpha"));
}

#[tokio::test]
async fn all_arrays_are_checked_one_after_the_other_whatever_restarts_there_are() {
    let mut box_ = Box_::with_arrays(&["alpha", "beta", "gamma"]).await;
    let origin = Origin::caller(&actor());
    let all = box_.app.begin_job(&origin, &ScrubAll {}).await.unwrap();
    let mut checked = 0;
    for _ in 0..200 {
        box_.restart().await;
        box_.app.resume_jobs().await.unwrap();
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(2)).await;
            box_.app.look().await.unwrap();
        }
        let running = box_
            .jobs()
            .await
            .iter()
            .filter(|it| it.new.kind == "array_scrub" && it.state == JobState::Running)
            .count();
        assert!(running <= 1, "{:#?}", box_.jobs().await);
        box_.pass(Duration::from_secs(100)).await;
        checked = box_
            .jobs()
            .await
            .iter()
            .filter(|it| it.new.parent.is_some())
            .count();
        let parent = box_.app.store.job(&all.new.id).await.unwrap().unwrap();
        if parent.state.is_over() {
            break;
        }
    }
    let over = box_.until_over(&all.new.id).await;
    assert_eq!(over.state, JobState::Succeeded, "{:#?}", box_.jobs().await);
    assert_eq!(over.message.as_deref(), Some("3 arrays were checked"));
    assert_eq!(checked, 3, "each part once");
}

#[tokio::test]
async fn cancelling_the_whole_ends_its_part() {
    let box_ = Box_::with_arrays(&["alpha", "beta"]).await;
    let origin = Origin::caller(&actor());
    let all = box_.app.begin_job(&origin, &ScrubAll {}).await.unwrap();
    let part = loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        if let Some(part) = box_
            .jobs()
            .await
            .iter()
            .find(|it| it.progress.is_some() && it.new.parent.is_some())
        {
            break part.new.id.clone();
        }
    };
    let cancel = JobCancel {
        job: all.new.id.clone(),
    };
    box_.app.call(&actor(), cancel).await.unwrap();
    assert_eq!(box_.until_over(&part).await.state, JobState::Cancelled);
    assert_eq!(
        box_.until_over(&all.new.id).await.state,
        JobState::Cancelled
    );
    assert!(!box_.checks("alpha") && !box_.checks("beta"));
}
