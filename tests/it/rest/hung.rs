//! A machine that hangs while it is looked at.

use std::{
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use moxnas_app::{App, app::Simulation, machine::Machine, scenario::Scenario, settings::Settings};
use moxnas_raid::{BackendError, Inventory, RaidBackend, SimRaid, Step, initramfs::Image};

use crate::nas::{ARRAYS, Nas, get};

/// A backend that does not come back from a look while it hangs.
struct Hung {
    raid: SimRaid,
    disk: Arc<Disk>,
}

#[derive(Default)]
struct Disk {
    /// Whether it hangs, and how many looks wait for it.
    state: Mutex<(bool, usize)>,
    moved: Condvar,
}

impl Disk {
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

impl RaidBackend for Hung {
    fn tidy(&self) -> Result<(), BackendError> {
        self.raid.tidy()
    }

    fn observe(&self) -> Result<Inventory, BackendError> {
        self.disk.pass();
        self.raid.observe()
    }

    fn initramfs(&self, known: &[Image]) -> Result<Vec<Image>, BackendError> {
        self.raid.initramfs(known)
    }

    fn apply(&self, step: &Step) -> Result<(), BackendError> {
        self.raid.apply(step)
    }
}

async fn hung() -> (Nas, Arc<Disk>) {
    let scenario = Scenario::built_in("small-office").unwrap();
    let (sim, raid, _) = scenario.build().unwrap();
    let disk = Arc::new(Disk::default());
    let backend = Hung {
        raid: SimRaid::new(Arc::clone(&sim)),
        disk: Arc::clone(&disk),
    };
    let machine = Machine {
        raid: Arc::new(backend),
        ..Machine::simulated(&sim, raid)
    };
    let simulation = Simulation {
        scenario: "hung".to_owned(),
        machine: sim,
        pools: None,
        shares: None,
    };
    let settings = Settings::simulated(scenario);
    let app = App::start_on(machine, Some(simulation), &settings)
        .await
        .unwrap();
    (Nas::of(app).await, disk)
}

/// Lets go at the end, whatever came of the test: the runtime waits for its threads.
struct LetGo(Arc<Disk>);

impl Drop for LetGo {
    fn drop(&mut self) {
        self.0.hang(false);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_that_hangs_delays_no_answer() {
    let (nas, disk) = hung().await;
    let nas = Arc::new(nas);
    let _let_go = LetGo(Arc::clone(&disk));
    disk.hang(true);
    // More than the runtime has threads for.
    for _ in 0..600 {
        let nas = Arc::clone(&nas);
        let fresh = get(format!("{ARRAYS}?fresh=true"));
        tokio::spawn(async move { nas.open(fresh).await });
    }
    while disk.waiting() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for path in [
        ARRAYS.to_owned(),
        format!("{ARRAYS}/media"),
        format!("{ARRAYS}/expected"),
        "/api/storage/disks".to_owned(),
        "/api/system/health/detailed".to_owned(),
        "/api/system/raid/status".to_owned(),
        "/api/system/info".to_owned(),
        "/api/jobs".to_owned(),
    ] {
        let answer = tokio::time::timeout(Duration::from_secs(5), nas.ok(get(&path)));
        assert!(answer.await.is_ok(), "{path} waits");
    }
    assert!(disk.waiting() < 10, "{} looks wait", disk.waiting());
}
