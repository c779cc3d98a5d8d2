//! Replicas on another machine through the one way in.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use moxnas_app::{
    Error,
    operation::Terms,
    ops::{
        datasets::{DatasetReplicate, SnapshotCreate},
        schedules::{ScheduleReplica, ScheduleRun, When},
        targets::{TargetAdd, TargetCheck, TargetGet, TargetList, TargetRemove, TargetView},
    },
    store::{Job, JobState},
};
use moxnas_core::units::Bytes;
use moxnas_pool::{
    model::{Filesystem, PoolName},
    plan::Step,
    remote::{
        Address, Facts, HostKey, RemoteError, SIM_FINGERPRINT, SIM_HOST, SimTargets, Target,
        TargetBackend,
    },
};

use crate::{
    expected::make,
    jobs::{Box_, actor},
    wishes,
};

fn pool(name: &str) -> PoolName {
    name.parse().unwrap()
}

fn address() -> Address {
    Address {
        host: SIM_HOST.parse().unwrap(),
        port: 22,
    }
}

async fn add(box_: &Box_, host_key: Option<&str>) -> Result<TargetView, Error> {
    let add = TargetAdd {
        name: "attic".parse().unwrap(),
        address: address(),
        user: "root".parse().unwrap(),
        pools: [pool("backup")].into(),
        host_key: host_key.map(str::to_owned),
    };
    box_.app.call(&actor(), add).await
}

/// A pool `data` with a dataset `photos` and two snapshots, and the target `attic`.
async fn with_target() -> Box_ {
    let box_ = Box_::with_arrays(&["tank"]).await;
    let create = wishes::pool("data", "tank", Filesystem::Btrfs);
    make(&box_.app, create).await.unwrap();
    let dataset = wishes::dataset("data", "photos");
    make(&box_.app, dataset).await.unwrap();
    for name in ["monday", "tuesday"] {
        let written = box_.pools.write(&pool("data"), "photos", name, Bytes(1000));
        written.unwrap();
        snapshot(&box_, name).await;
    }
    add(&box_, Some(SIM_FINGERPRINT)).await.unwrap();
    box_
}

async fn snapshot(box_: &Box_, name: &str) {
    let snapshot = SnapshotCreate {
        pool: "data".to_owned(),
        dataset: "photos".to_owned(),
        name: name.parse().unwrap(),
    };
    make(&box_.app, snapshot).await.unwrap();
}

fn wish() -> DatasetReplicate {
    DatasetReplicate {
        pool: "data".to_owned(),
        dataset: "photos".to_owned(),
        to_pool: "backup".to_owned(),
        to: None,
        compare: true,
        target: Some("attic".parse().unwrap()),
    }
}

async fn begin(box_: &Box_) -> Result<Job, Error> {
    let plan = box_.app.plan(&actor(), &wish()).await?;
    let terms = Terms {
        confirm: Some(plan.fingerprint.parse().unwrap()),
        ..Terms::default()
    };
    box_.app.begin(&actor(), wish(), terms).await
}

async fn replicate(box_: &Box_) -> Job {
    let id = begin(box_).await.unwrap().new.id;
    box_.until_over(&id).await
}

fn is_equal(box_: &Box_) -> bool {
    ["monday", "tuesday"].iter().all(|it| {
        let place = format!(".snapshots/photos/{it}");
        let there = &box_.targets.neighbour().pools;
        let here = box_.pools.files(&pool("data"), &place);
        here.is_some() && here == there.files(&pool("backup"), &place)
    })
}

#[tokio::test]
async fn a_target_is_told_by_its_host_key_and_stays_known() {
    let mut box_ = Box_::with_arrays(&[]).await;
    let err = add(&box_, None).await.unwrap_err();
    assert_eq!(err.code(), "host_key_not_confirmed");
    assert!(err.to_string().contains(SIM_FINGERPRINT), "{err}");
    let err = add(&box_, Some("SHA256:other")).await.unwrap_err();
    assert_eq!(err.code(), "host_key_differs");
    assert!(err.hint().is_some());
    let view = add(&box_, Some(SIM_FINGERPRINT)).await.unwrap();
    let line = "restrict,command=\"moxnas replica serve --pool backup\" ssh-ed25519 ";
    assert!(
        view.authorized_line.starts_with(line),
        "{}",
        view.authorized_line
    );
    let err = add(&box_, Some(SIM_FINGERPRINT)).await.unwrap_err();
    assert_eq!(err.code(), "target_name_taken");
    box_.restart().await;
    let all = box_.app.call(&actor(), TargetList).await.unwrap();
    assert_eq!(all.len(), 1);
    let target = || "attic".to_owned();
    let check = async || {
        let check = TargetCheck { target: target() };
        box_.app.call(&actor(), check).await
    };
    let checked = check().await.unwrap();
    assert_eq!(checked.pools[0].pool.name, pool("backup"));
    box_.targets.neighbour().answers(false);
    assert_eq!(check().await.unwrap_err().code(), "target_unreachable");
    let remove = TargetRemove { target: target() };
    box_.app.call(&actor(), remove).await.unwrap();
    let get = TargetGet { target: target() };
    let err = box_.app.call(&actor(), get).await.unwrap_err();
    assert_eq!(err.code(), "not_found");
}

#[tokio::test]
async fn a_dataset_is_replicated_to_another_machine() {
    let box_ = with_target().await;
    let plan = box_.app.plan(&actor(), &wish()).await.unwrap();
    let commands: Vec<String> = plan
        .steps
        .iter()
        .filter_map(|it| it.command.as_ref().map(|it| it.join(" ")))
        .collect();
    assert!(
        commands[0].starts_with("btrfs send /srv/data/"),
        "{commands:#?}"
    );
    assert!(commands[0].contains("| ssh -F none -T"), "{commands:#?}");
    let job = replicate(&box_).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
    let said = "2 snapshots of data/photos were sent to attic:backup/photos";
    assert_eq!(job.message.as_deref(), Some(said));
    assert!(is_equal(&box_));
    let seen = box_.app.seen();
    let held = |contents: &moxnas_pool::dataset::Contents| {
        let newest = contents.snapshot("photos", "tuesday").unwrap();
        newest
            .held
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let here = seen.answers.contents[&pool("data")].said.clone().unwrap();
    assert_eq!(held(&here), ["replica:attic:backup/photos"]);
    let there = seen
        .there(&"attic".parse().unwrap(), &pool("backup"))
        .unwrap();
    assert_eq!(held(&there.contents), ["source:data/photos"]);
    let job = replicate(&box_).await;
    let said = "attic:backup/photos is a replica of data/photos";
    assert_eq!(job.message.as_deref(), Some(said), "{job:#?}");
}

#[tokio::test]
async fn a_connection_that_breaks_is_told_and_the_next_try_goes_on() {
    let box_ = with_target().await;
    box_.targets.neighbour().break_after(100);
    let job = replicate(&box_).await;
    assert_eq!(job.state, JobState::Failed);
    let code = job.error_code.as_deref();
    assert_eq!(code, Some("target_connection_broke"), "{job:#?}");
    // What arrived in part is gone already, so nothing has to be confirmed.
    let plan = box_.app.plan(&actor(), &wish()).await.unwrap();
    assert!(plan.dangers.is_empty(), "{:?}", plan.dangers);
    let job = replicate(&box_).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
    assert!(is_equal(&box_));
}

#[tokio::test]
async fn what_is_wrong_with_the_other_machine_is_a_refusal() {
    let box_ = with_target().await;
    let there = box_.targets.neighbour();
    let refused = async || {
        let err = begin(&box_).await.unwrap_err();
        assert!(err.hint().is_some(), "{err}");
        err.code()
    };
    there.answers(false);
    assert_eq!(refused().await, "target_unreachable");
    there.answers(true);
    there.has_moxnas(false);
    assert_eq!(refused().await, "target_without_moxnas");
    there.has_moxnas(true);
    there.lets_into(None);
    assert_eq!(refused().await, "target_key_refused");
    there.lets_into(Some([pool("backup")].into()));
    there.install_anew();
    assert_eq!(refused().await, "target_host_key_changed");
    for (target, to_pool, code) in [
        ("nobody", "backup", "not_found"),
        ("attic", "other", "pool_not_of_target"),
    ] {
        let wish = DatasetReplicate {
            target: Some(target.parse().unwrap()),
            to_pool: to_pool.to_owned(),
            ..wish()
        };
        let err = box_.app.plan(&actor(), &wish).await.unwrap_err();
        assert_eq!(err.code(), code);
    }
}

/// What is sent hangs half-way until the service is killed.
struct Hangs {
    targets: Arc<SimTargets>,
    hangs: AtomicBool,
    is_dead: AtomicBool,
}

impl TargetBackend for Hangs {
    fn host_keys(&self, address: &Address) -> Result<Vec<HostKey>, RemoteError> {
        self.targets.host_keys(address)
    }

    fn public_key(&self) -> Result<String, RemoteError> {
        self.targets.public_key()
    }

    fn look(&self, target: &Target, pool: &PoolName) -> Result<Facts, RemoteError> {
        self.targets.look(target, pool)
    }

    fn apply(
        &self,
        target: &Target,
        step: &Step,
        is_wanted: &dyn Fn() -> bool,
        passed: &dyn Fn(Bytes),
    ) -> Result<(), RemoteError> {
        if !self.hangs.load(Ordering::Relaxed) {
            return self.targets.apply(target, step, is_wanted, passed);
        }
        self.targets.neighbour().break_after(100);
        let _ = self.targets.apply(target, step, is_wanted, passed);
        while !self.is_dead.load(Ordering::Relaxed) && is_wanted() {
            thread::park_timeout(Duration::from_millis(1));
        }
        Err(RemoteError::Ended)
    }
}

#[tokio::test]
async fn after_a_restart_it_goes_on_with_what_did_not_arrive() {
    let mut box_ = with_target().await;
    let hangs = Arc::new(Hangs {
        targets: Arc::clone(&box_.targets),
        hangs: AtomicBool::new(true),
        is_dead: AtomicBool::new(false),
    });
    box_.machine.targets = Arc::clone(&hangs) as Arc<dyn TargetBackend>;
    box_.restart().await;
    let id = begin(&box_).await.unwrap().new.id;
    let there = |box_: &Box_| {
        let place = ".snapshots/photos/monday";
        box_.targets.neighbour().pools.files(&pool("backup"), place)
    };
    while there(&box_).is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    hangs.hangs.store(false, Ordering::Relaxed);
    box_.restart().await;
    hangs.is_dead.store(true, Ordering::Relaxed);
    assert_eq!(box_.app.resume_jobs().await.unwrap(), 1);
    let job = box_.until_over(&id).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
    assert!(is_equal(&box_));
}

/// By a schedule too: a machine that does not answer is a run that failed, and the next one makes up for
/// it.
#[tokio::test]
async fn a_schedule_replicates_to_another_machine() {
    let box_ = with_target().await;
    let schedule = ScheduleReplica {
        replica: wish(),
        when: When {
            expression: "hourly".to_owned(),
            timezone: None,
        },
        overwrite: false,
    };
    box_.targets.neighbour().answers(false);
    let err = box_.app.call(&actor(), schedule.clone()).await.unwrap_err();
    assert_eq!(err.code(), "target_unreachable", "{err}");
    box_.targets.neighbour().answers(true);
    let made = box_.app.call(&actor(), schedule).await.unwrap();
    let name = "replica:data:photos:attic:backup:photos";
    assert_eq!(made.scheduled.name, name);
    let run = async || {
        let run = ScheduleRun {
            schedule: name.to_owned(),
        };
        let id = box_.app.call(&actor(), run).await.unwrap().new.id;
        box_.until_over(&id).await
    };
    box_.targets.neighbour().answers(false);
    let failed = run().await;
    assert_eq!(failed.error_code.as_deref(), Some("target_unreachable"));
    box_.targets.neighbour().answers(true);
    let job = run().await;
    assert_eq!(job.state, JobState::Succeeded, "{job:?}");
    assert!(is_equal(&box_));
}
