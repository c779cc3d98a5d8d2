//! Replicas through the one way in: a job that can be ended, and goes on after a restart.

use std::{
    ops::Deref,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use moxnas_app::{
    Error,
    operation::Terms,
    ops::{
        datasets::{
            DatasetReplicate, SnapshotCreate, SnapshotDelete, SnapshotHold, SnapshotRelease,
        },
        jobs::JobCancel,
    },
    store::{Job, JobState},
};
use moxnas_core::{disk::BlockDevices, sim::Fault, units::Bytes};
use moxnas_pool::{
    backend::{BackendError, PoolBackend},
    check::Checked,
    dataset::{self, AccountKind, AccountName, Contents},
    directory::{Folder, FolderPath},
    model::{Filesystem, Pool, PoolName, Pools},
    plan::Step,
    replica::{self, Route},
    sim::SimPools,
};

use crate::{
    expected::make,
    jobs::{Box_, actor},
    wishes,
};

/// Pools between which sending takes as long as somebody wants.
struct Slow {
    pools: Arc<SimPools>,
    /// Of what is sent only a part arrives, for as long as this is set.
    stops: AtomicBool,
    /// A snapshot that is pruned when its turn has come.
    pruned: Mutex<Option<&'static str>>,
    /// How often somebody writes before what was copied is compared.
    writes: AtomicUsize,
    is_dead: Mutex<bool>,
    died: Condvar,
}

impl Slow {
    /// As when the service and what it started are killed.
    fn die(&self) {
        *self.is_dead.lock().unwrap() = true;
        self.died.notify_all();
    }
}

/// Lets go at the end, whatever came of the test: the runtime waits for its threads.
struct LetGo(Arc<Slow>);

impl Deref for LetGo {
    type Target = Slow;

    fn deref(&self) -> &Slow {
        &self.0
    }
}

impl Drop for LetGo {
    fn drop(&mut self) {
        self.die();
    }
}

impl PoolBackend for Slow {
    fn observe(&self, devices: &BlockDevices) -> Result<Pools, BackendError> {
        self.pools.observe(devices)
    }

    fn contents(&self, pool: &Pool) -> Result<Contents, BackendError> {
        self.pools.contents(pool)
    }

    fn account(&self, kind: AccountKind, name: &AccountName) -> Result<Option<u32>, BackendError> {
        self.pools.account(kind, name)
    }

    fn folder(&self, path: &FolderPath) -> Result<Folder, BackendError> {
        self.pools.folder(path)
    }

    fn apply(&self, step: &Step) -> Result<(), BackendError> {
        self.pools.apply(step)
    }

    fn check(&self, step: &Step, is_wanted: &dyn Fn() -> bool) -> Result<Checked, BackendError> {
        self.pools.check(step, is_wanted)
    }

    fn transfer(
        &self,
        route: &Route,
        step: &replica::Step,
        is_wanted: &dyn Fn() -> bool,
        passed: &dyn Fn(Bytes),
    ) -> Result<(), BackendError> {
        let sends = |it: &mut &str| step.sent().is_some_and(|sent| sent.as_str() == *it);
        if let Some(snapshot) = self.pruned.lock().unwrap().take_if(sends) {
            let step = dataset::Step::DeleteSnapshot {
                dataset: "photos".parse().unwrap(),
                snapshot: snapshot.parse().unwrap(),
            };
            let pool = data();
            self.pools.apply(&Step::Inside { pool, step })?;
        }
        let left = self.writes.load(Ordering::Relaxed);
        if left > 0 && matches!(step, replica::Step::Compare { .. }) {
            self.writes.store(left - 1, Ordering::Relaxed);
            let written = self.pools.write(&data(), "photos", "late", Bytes(5));
            written.unwrap();
        }
        if !self.stops.load(Ordering::Relaxed) {
            return self.pools.transfer(route, step, is_wanted, passed);
        }
        self.pools.begin_transfer(route, step)?;
        passed(Bytes(1));
        let mut is_dead = self.is_dead.lock().unwrap();
        while !*is_dead && is_wanted() {
            let waited = self.died.wait_timeout(is_dead, Duration::from_millis(1));
            is_dead = waited.unwrap().0;
        }
        Err(BackendError::Ended)
    }
}

/// The pools `data` and `backup` on an array each; in `data` a dataset `photos` with two snapshots.
async fn two_pools() -> (Box_, LetGo) {
    let (box_, between) = pools_of(Filesystem::Btrfs).await;
    for (number, name) in ["monday", "tuesday"].into_iter().enumerate() {
        let file = format!("file{number}");
        let written = box_.pools.write(&data(), "photos", &file, Bytes(1000));
        written.unwrap();
        make(&box_.app, snapshot(name)).await.unwrap();
    }
    (box_, between)
}

async fn pools_of(filesystem: Filesystem) -> (Box_, LetGo) {
    let mut between = None;
    let box_ = Box_::with_pools(&["tank", "attic"], |pools| {
        let slow = Arc::new(Slow {
            pools,
            stops: AtomicBool::new(false),
            pruned: Mutex::new(None),
            writes: AtomicUsize::new(0),
            is_dead: Mutex::new(false),
            died: Condvar::new(),
        });
        between = Some(Arc::clone(&slow));
        slow
    })
    .await;
    for (pool, on) in [("data", "tank"), ("backup", "attic")] {
        let pool = wishes::pool(pool, on, filesystem);
        make(&box_.app, pool).await.unwrap();
    }
    let dataset = wishes::dataset("data", "photos");
    make(&box_.app, dataset).await.unwrap();
    (box_, LetGo(between.unwrap()))
}

fn data() -> PoolName {
    "data".parse().unwrap()
}

fn snapshot(name: &str) -> SnapshotCreate {
    SnapshotCreate {
        pool: "data".to_owned(),
        dataset: "photos".to_owned(),
        name: name.parse().unwrap(),
    }
}

fn wish() -> DatasetReplicate {
    DatasetReplicate {
        pool: "data".to_owned(),
        dataset: "photos".to_owned(),
        to_pool: "backup".to_owned(),
        to: None,
        compare: true,
        target: None,
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

/// Whether each snapshot is in the other pool as it is here.
fn is_equal(box_: &Box_) -> bool {
    ["monday", "tuesday"].iter().all(|it| {
        let place = format!(".snapshots/photos/{it}");
        let backup = "backup".parse().unwrap();
        let here = box_.pools.files(&data(), &place);
        here.is_some() && here == box_.pools.files(&backup, &place)
    })
}

#[tokio::test]
async fn a_dataset_is_replicated_and_what_lies_is_found() {
    let (box_, _) = two_pools().await;
    let id = begin(&box_).await.unwrap().new.id;
    let job = box_.until_over(&id).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
    let said = "2 snapshots of data/photos were sent to backup/photos";
    assert_eq!(job.message.as_deref(), Some(said));
    assert!(is_equal(&box_));

    // What it is to be sent from the next time stays.
    let delete = || SnapshotDelete {
        pool: "data".to_owned(),
        dataset: "photos".to_owned(),
        snapshot: "tuesday".to_owned(),
    };
    let err = make(&box_.app, delete()).await.unwrap_err();
    assert_eq!(err.code(), "snapshot_held");

    make(&box_.app, snapshot("friday")).await.unwrap();
    for (matching, code) in [
        ("send what", "step_failed"),
        ("hold the snapshot friday", "not_verified"),
    ] {
        let matching = matching.to_owned();
        box_.sim.inject(Fault::StepLies { matching });
        let id = begin(&box_).await.unwrap().new.id;
        let job = box_.until_over(&id).await;
        assert_eq!(job.state, JobState::Failed, "{job:#?}");
        assert_eq!(job.error_code.as_deref(), Some(code), "{job:#?}");
    }
    let id = begin(&box_).await.unwrap().new.id;
    assert_eq!(box_.until_over(&id).await.state, JobState::Succeeded);
    // Then the one before may go.
    make(&box_.app, delete()).await.unwrap();
}

/// Snapshots come and go by a schedule of their own while others are sent.
#[tokio::test]
async fn what_is_pruned_before_its_turn_is_not_missed() {
    for pruned in ["monday", "tuesday"] {
        let (box_, between) = two_pools().await;
        *between.pruned.lock().unwrap() = Some(pruned);
        let id = begin(&box_).await.unwrap().new.id;
        let job = box_.until_over(&id).await;
        assert_eq!(job.state, JobState::Succeeded, "{pruned}: {job:#?}");
        let said = "1 snapshot of data/photos was sent to backup/photos";
        assert_eq!(job.message.as_deref(), Some(said));
        let log = box_.app.store.job_log(&id, 0, 100).await.unwrap();
        let is_told = |line: &str| line.contains("it was pruned meanwhile");
        assert!(log.iter().any(|it| is_told(&it.line)), "{log:#?}");
    }
}

#[tokio::test]
async fn what_is_cancelled_leaves_nothing_behind() {
    let (box_, slow) = two_pools().await;
    slow.stops.store(true, Ordering::Relaxed);
    let id = begin(&box_).await.unwrap().new.id;
    let sends = |it: &Job| it.message.as_ref().is_some_and(|it| it.contains("so far"));
    box_.until(&id, sends).await;
    // It is sent once at a time.
    let again = begin(&box_).await.unwrap_err();
    assert_eq!(again.code(), "job_running", "{again}");
    let cancel = JobCancel { job: id.clone() };
    box_.app.call(&actor(), cancel).await.unwrap();
    assert_eq!(box_.until_over(&id).await.state, JobState::Cancelled);
    let backup = "backup".parse().unwrap();
    let left = box_.pools.files(&backup, ".snapshots/photos/monday");
    assert_eq!(left, None);
}

/// A service that was killed while it sent the first snapshot, and its job.
async fn killed() -> (Box_, String) {
    let (box_, slow) = two_pools().await;
    slow.stops.store(true, Ordering::Relaxed);
    let id = begin(&box_).await.unwrap().new.id;
    let sends = |it: &Job| it.message.as_ref().is_some_and(|it| it.contains("so far"));
    box_.until(&id, sends).await;
    box_.app.jobs.kill();
    slow.stops.store(false, Ordering::Relaxed);
    (box_, id)
}

#[tokio::test]
async fn it_goes_on_after_a_restart_with_what_did_not_arrive() {
    let (mut box_, id) = killed().await;
    let backup: PoolName = "backup".parse().unwrap();
    let part = box_.pools.files(&backup, ".snapshots/photos/monday");
    assert!(part.is_some(), "a part of it is there");
    box_.restart().await;
    assert_eq!(box_.app.resume_jobs().await.unwrap(), 1);
    let job = box_.until_over(&id).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
    assert!(is_equal(&box_));
}

/// Somebody works in it; the next moment may be a quieter one.
#[tokio::test]
async fn what_changes_while_it_is_copied_is_copied_once_more() {
    for (writes, state) in [(1, JobState::Succeeded), (2, JobState::Failed)] {
        let (box_, between) = pools_of(Filesystem::Xfs).await;
        between.writes.store(writes, Ordering::Relaxed);
        let id = begin(&box_).await.unwrap().new.id;
        let job = box_.until_over(&id).await;
        assert_eq!(job.state, state, "{job:#?}");
        let log = box_.app.store.job_log(&id, 0, 100).await.unwrap();
        let said = log.iter().filter(|it| it.line.contains("once more"));
        assert_eq!(said.count(), 1, "{log:#?}");
    }
}

/// What somebody else put there meanwhile is not deleted by a job that was confirmed before.
#[tokio::test]
async fn after_a_restart_nothing_is_deleted_that_nobody_has_seen() {
    let (mut box_, id) = killed().await;
    let route = Route {
        from: data(),
        dataset: "photos".parse().unwrap(),
        to: "backup".parse().unwrap(),
        as_dataset: "photos".parse().unwrap(),
        target: None,
    };
    let other = replica::Step::Send {
        snapshot: "tuesday".parse().unwrap(),
        base: None,
        taken: None,
    };
    box_.pools.begin_transfer(&route, &other).unwrap();
    box_.restart().await;
    assert_eq!(box_.app.resume_jobs().await.unwrap(), 1);
    let job = box_.until_over(&id).await;
    assert_eq!(job.error_code.as_deref(), Some("plan_changed"), "{job:#?}");
    let left = box_.pools.files(&route.to, ".snapshots/photos/tuesday");
    assert!(left.is_some());
    // Whoever sees what goes and agrees gets on.
    let id = begin(&box_).await.unwrap().new.id;
    assert_eq!(box_.until_over(&id).await.state, JobState::Succeeded);
    assert!(is_equal(&box_));
}

#[tokio::test]
async fn a_hold_is_made_and_let_go() {
    let (box_, _) = two_pools().await;
    let hold = || SnapshotHold {
        pool: "data".to_owned(),
        dataset: "photos".to_owned(),
        snapshot: "monday".to_owned(),
        hold: "audit-2026".parse().unwrap(),
    };
    let held = make(&box_.app, hold()).await.unwrap().snapshot;
    assert_eq!(held.held.len(), 1);
    // Again is as well.
    make(&box_.app, hold()).await.unwrap();
    let matching = "no more".to_owned();
    box_.sim.inject(Fault::StepLies { matching });
    let release = || SnapshotRelease {
        pool: "data".to_owned(),
        dataset: "photos".to_owned(),
        snapshot: "monday".to_owned(),
        hold: "audit-2026".parse().unwrap(),
    };
    let err = make(&box_.app, release()).await.unwrap_err();
    assert!(matches!(err, Error::NotVerified(_)), "{err}");
    let released = make(&box_.app, release()).await.unwrap().snapshot;
    assert!(released.held.is_empty());
}
