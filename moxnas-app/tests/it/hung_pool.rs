//! A pool whose filesystem does not answer.

use std::{
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use moxnas_app::{
    App, Error,
    app::Simulation,
    disk_plan::WipeLevel,
    loops::keep_pools_known,
    machine::Machine,
    operation::Terms,
    ops::{
        datasets::{DatasetCreate, DatasetGet},
        disks::DiskWipe,
        jobs::JobCancel,
        pools::{PoolCheck, PoolMount, PoolUnmount},
    },
    scenario::Scenario,
    settings::Settings,
    store::JobState,
};
use moxnas_core::{
    disk::BlockDevices,
    sim::{DiskSpec, SimMachine},
    units::Bytes,
};
use moxnas_pool::{
    backend::{BackendError, PoolBackend},
    check::Checked,
    dataset::{AccountKind, AccountName, Contents},
    directory::{Folder, FolderPath},
    model::{Filesystem, Pool, Pools},
    plan::Step,
    replica::{self, Route},
    sim::SimPools,
};
use moxnas_raid::SimRaid;

use crate::{
    wishes,
    {expected::make, jobs::actor},
};

/// The pool that hangs.
const SLOW: &str = "slow";

struct Hung {
    pools: SimPools,
    gate: Arc<Gate>,
}

/// Whether it hangs, and how many wait for it.
#[derive(Default)]
struct Gate {
    state: Mutex<(bool, usize)>,
    moved: Condvar,
}

impl Gate {
    fn hang(&self, hangs: bool) {
        self.state.lock().unwrap().0 = hangs;
        self.moved.notify_all();
    }

    fn waiting(&self) -> usize {
        self.state.lock().unwrap().1
    }

    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.1 += 1;
        let mut state = self.moved.wait_while(state, |it| it.0).unwrap();
        state.1 -= 1;
    }
}

impl PoolBackend for Hung {
    fn observe(&self, devices: &BlockDevices) -> Result<Pools, BackendError> {
        self.pools.observe(devices)
    }

    fn contents(&self, pool: &Pool) -> Result<Contents, BackendError> {
        if pool.name.as_str() == SLOW {
            self.gate.pass();
        }
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

    /// Hangs for as long as it is wanted.
    fn check(&self, step: &Step, is_wanted: &dyn Fn() -> bool) -> Result<Checked, BackendError> {
        let mut state = self.gate.state.lock().unwrap();
        while state.0 {
            if !is_wanted() {
                return Err(BackendError::Ended);
            }
            let waited = self
                .gate
                .moved
                .wait_timeout(state, Duration::from_millis(1));
            state = waited.unwrap().0;
        }
        drop(state);
        self.pools.check(step, is_wanted)
    }

    fn transfer(
        &self,
        route: &Route,
        step: &replica::Step,
        is_wanted: &dyn Fn() -> bool,
        passed: &dyn Fn(Bytes),
    ) -> Result<(), BackendError> {
        self.pools.transfer(route, step, is_wanted, passed)
    }
}

/// Lets go at the end, whatever came of the test: the runtime waits for its threads.
struct LetGo(Arc<Gate>);

impl Drop for LetGo {
    fn drop(&mut self) {
        self.0.hang(false);
    }
}

/// Two pools with a dataset `photos` each.
async fn two_pools() -> (Arc<App>, Arc<Gate>) {
    let sim = SimMachine::new(1);
    let gate = Arc::new(Gate::default());
    let pools = Hung {
        pools: SimPools::new(Arc::clone(&sim)),
        gate: Arc::clone(&gate),
    };
    let machine = Machine {
        pools: Arc::new(pools),
        ..Machine::simulated(&sim, SimRaid::new(Arc::clone(&sim)))
    };
    let simulation = Simulation {
        scenario: "test".to_owned(),
        machine: Arc::clone(&sim),
        pools: None,
        shares: None,
    };
    for serial in [SLOW, "quick"] {
        sim.plug(DiskSpec::hdd(serial, 100 << 30));
    }
    let settings = Settings::simulated(Scenario::built_in("blank").unwrap());
    let app = App::start_on(machine, Some(simulation), &settings).await;
    let app = app.unwrap();
    for name in [SLOW, "quick"] {
        let pool = wishes::pool(name, name, Filesystem::Btrfs);
        make(&app, pool).await.unwrap();
        make(&app, create(name, "photos")).await.unwrap();
    }
    (app, gate)
}

fn create(pool: &str, name: &str) -> DatasetCreate {
    wishes::dataset(pool, name)
}

async fn until(it: impl Fn() -> bool) {
    while !it() {
        tokio::task::yield_now().await;
    }
}

/// However many want to know of it, one thread waits; its answer becomes that it does not answer, and
/// changes in other pools go on.
#[tokio::test]
async fn a_pool_that_hangs_takes_one_thread_and_no_change_from_others() {
    let (app, gate) = two_pools().await;
    let _let_go = LetGo(Arc::clone(&gate));
    gate.hang(true);
    keep_pools_known(&app);
    until(|| gate.waiting() == 1).await;
    tokio::time::pause();
    // This one holds the lane of all that is about storage until its question is given up.
    let stuck = {
        let app = Arc::clone(&app);
        tokio::spawn(async move { make(&app, create(SLOW, "music")).await })
    };
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
    assert!(!stuck.is_finished());
    assert_eq!(gate.waiting(), 1);
    tokio::time::advance(Duration::from_secs(61)).await;
    let refused = stuck.await.unwrap().unwrap_err();
    assert!(
        refused.to_string().contains("does not answer within 60 s"),
        "{refused}"
    );
    tokio::time::resume();
    make(&app, create("quick", "music")).await.unwrap();
    let get = |pool: &str| DatasetGet {
        pool: pool.to_owned(),
        dataset: "photos".to_owned(),
    };
    assert!(app.call(&actor(), get("quick")).await.is_ok());
    let unknown = app.call(&actor(), get(SLOW)).await.unwrap_err();
    assert!(matches!(unknown, Error::Pool(_)), "{unknown:?}");
    assert_eq!(gate.waiting(), 1);

    gate.hang(false);
    make(&app, create(SLOW, "music")).await.unwrap();
    assert!(app.call(&actor(), get(SLOW)).await.is_ok());
}

/// While a pool is gone over nothing else is done with it, and who does not want that any more gets it
/// back.
#[tokio::test]
async fn a_check_that_is_cancelled_lets_the_pool_go() {
    let (app, gate) = two_pools().await;
    let _let_go = LetGo(Arc::clone(&gate));
    let pool = || "quick".to_owned();
    make(&app, PoolUnmount { pool: pool() }).await.unwrap();
    gate.hang(true);
    let wish = PoolCheck {
        pool: pool(),
        repair: false,
    };
    let begun = app.begin(&actor(), wish.clone(), Terms::default()).await;
    let job = begun.unwrap().new.id;
    let row = || async { app.store.job(&job).await.unwrap().unwrap() };
    while row().await.message.is_none() {
        tokio::task::yield_now().await;
    }
    let refused = make(&app, PoolMount { pool: pool() }).await.unwrap_err();
    assert_eq!(refused.code(), "pool_worked_on");
    assert!(refused.hint().unwrap().contains(&job));
    let again = app.begin(&actor(), wish, Terms::default()).await;
    assert_eq!(again.unwrap_err().code(), "pool_worked_on");
    // Nor is its disk written over.
    let wipe = DiskWipe {
        disk: "quick".to_owned(),
        level: WipeLevel::Signatures,
        method: None,
    };
    let plan = app.plan(&actor(), &wipe).await.unwrap();
    let terms = Terms {
        confirm: Some(plan.fingerprint.parse().unwrap()),
        ..Terms::default()
    };
    let wiped = app.begin(&actor(), wipe, terms).await;
    assert_eq!(wiped.unwrap_err().code(), "pool_worked_on");

    let cancel = JobCancel { job: job.clone() };
    app.call(&actor(), cancel).await.unwrap();
    while !row().await.state.is_over() {
        tokio::task::yield_now().await;
    }
    assert_eq!(row().await.state, JobState::Cancelled);
    make(&app, PoolMount { pool: pool() }).await.unwrap();
}
