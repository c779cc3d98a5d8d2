//! The world that outlives a process of the service, and such a process: killed by dropping its
//! runtime, at a moment that the seed alone chooses.

use std::sync::{Arc, Mutex};

use moxnas_app::{
    App,
    app::Simulation,
    machine::Machine,
    scenario::Scenario,
    settings::{Pace, Settings},
    turns::Turns,
};
use moxnas_core::sim::SimMachine;
use moxnas_raid::{
    Array, BackendError, Inventory, RaidBackend, SimRaid, Step, SyncAction, initramfs::Image,
    plan::Scrub,
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::{Notify, watch},
};

use super::engines::{Database, Engine};

/// What a kill does not touch.
pub(super) struct World {
    pub(super) sim: Arc<SimMachine>,
    raid: Arc<SimRaid>,
    /// UUIDs of the arrays that md was told to check or to repair, since somebody last asked.
    pub(super) told: Arc<Mutex<Vec<String>>>,
    settings: Settings,
    // Dropped after all processes: the life that has the world drops its process first.
    database: Database,
    _folder: tempfile::TempDir,
}

/// When the process dies. Each is a moment of the program and none of the clock.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kill {
    /// At the so-manieth look at the machine.
    Look(u64),
    /// Before the so-manieth step has any effect.
    BeforeStep(u64),
    /// When it had its effect, and before anybody can know.
    AfterStep(u64),
    /// Once so much was made to last in the database.
    Commit(u64),
}

/// The process was killed in the middle.
#[derive(Debug)]
pub(super) struct Killed;

/// A process of the service.
pub(super) struct Process {
    runtime: Option<Runtime>,
    app: Option<Arc<App>>,
    hands: Arc<Hands>,
}

impl World {
    pub(super) fn new(seed: u64, engine: Engine) -> World {
        let folder = tempfile::tempdir().unwrap();
        // The delays of schedules are drawn from the id of the machine: the seed's, not chance's.
        std::fs::write(folder.path().join("node"), format!("{seed:032x}\n")).unwrap();
        let database = Database::new(engine, folder.path());
        let mut settings = Settings::simulated(Scenario::built_in("blank").unwrap());
        settings.database = database.url.clone();
        settings.data_dir = Some(folder.path().to_owned());
        let sim = SimMachine::new(seed);
        World {
            raid: Arc::new(SimRaid::new(Arc::clone(&sim))),
            sim,
            told: Arc::default(),
            settings,
            database,
            _folder: folder,
        }
    }

    /// The process is dead, and what it had told others to do is done.
    pub(super) fn until_let_go(&self) {
        self.database.until_let_go();
    }
}

impl Process {
    /// Start the service.
    pub(super) fn start(world: &World) -> Process {
        let turns = Turns::default();
        let idle = turns.clone();
        let runtime = Builder::new_current_thread()
            .enable_all()
            .on_thread_park(move || idle.idle())
            // Whoever waits for the death of the process comes before anything else.
            .event_interval(1)
            // What another thread has done is taken up when nothing else is left to do.
            .global_queue_interval(u32::MAX)
            .build()
            .unwrap();
        let hands = Arc::new(Hands {
            raid: Arc::clone(&world.raid),
            told: Arc::clone(&world.told),
            grip: Mutex::default(),
            died: Notify::new(),
        });
        let spare = SimRaid::new(Arc::clone(&world.sim));
        let machine = Machine {
            raid: Arc::clone(&hands) as Arc<dyn RaidBackend>,
            ..Machine::simulated(&world.sim, spare)
        };
        let simulation = Simulation {
            scenario: "whole-box".to_owned(),
            machine: Arc::clone(&world.sim),
            pools: None,
            shares: None,
        };
        let settings = Settings {
            pace: Pace::Stepped(turns),
            ..world.settings.clone()
        };
        let app = App::start_on(machine, Some(simulation), &settings);
        let app = runtime.block_on(app).unwrap();
        Process {
            runtime: Some(runtime),
            app: Some(app),
            hands,
        }
    }

    pub(super) fn app(&self) -> &Arc<App> {
        self.app.as_ref().unwrap()
    }

    /// Do something, unless the process is killed before.
    pub(super) fn run<T, F>(
        &self,
        kill: Option<Kill>,
        work: impl FnOnce(Arc<App>) -> F,
    ) -> Result<T, Killed>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let work = work(Arc::clone(self.app()));
        let mut commits = self.app().store.commits();
        let last = match kill {
            Some(Kill::Commit(many)) => Some(*commits.borrow() + many),
            _ => None,
        };
        let mut grip = self.hands.grip();
        grip.kill = kill;
        grip.last_commit = last.map(|it| (commits.clone(), it));
        drop(grip);
        let done = self.runtime.as_ref().unwrap().block_on(async {
            let mut task = tokio::spawn(work);
            loop {
                tokio::select! {
                    biased;
                    () = self.hands.died.notified() => return None,
                    _ = commits.changed(), if last.is_some() => {
                        if Some(*commits.borrow_and_update()) >= last {
                            return None;
                        }
                    }
                    done = &mut task => return Some(done),
                }
            }
        });
        let mut grip = self.hands.grip();
        (grip.kill, grip.last_commit) = (None, None);
        match done {
            None => {
                grip.is_dead = true;
                Err(Killed)
            }
            Some(Ok(done)) => Ok(done),
            Some(Err(err)) => {
                drop(grip);
                std::panic::resume_unwind(err.into_panic())
            }
        }
    }

    /// Do something to its end.
    pub(super) fn whole<T, F>(&self, work: impl FnOnce(Arc<App>) -> F) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.run(None, work).unwrap()
    }
}

/// `kill -9`: nothing runs any more, wherever it was.
impl Drop for Process {
    fn drop(&mut self) {
        if let Ok(mut grip) = self.hands.grip.lock() {
            grip.is_dead = true;
        }
        let runtime = self.runtime.take();
        let within = runtime.as_ref().map(Runtime::enter);
        if let Some(app) = self.app.take() {
            app.jobs.kill();
        }
        drop(within);
        drop(runtime);
    }
}

/// The hands of one process on the machine that all share. Those of the dead do nothing.
struct Hands {
    raid: Arc<SimRaid>,
    told: Arc<Mutex<Vec<String>>>,
    grip: Mutex<Grip>,
    died: Notify,
}

#[derive(Default)]
struct Grip {
    kill: Option<Kill>,
    /// Nothing comes after this.
    last_commit: Option<(watch::Receiver<u64>, u64)>,
    is_dead: bool,
}

impl Hands {
    fn grip(&self) -> std::sync::MutexGuard<'_, Grip> {
        self.grip.lock().unwrap()
    }

    /// Whether the process is dead, or dies at this moment.
    fn die(&self, moment: impl FnOnce(&mut Kill) -> Option<&mut u64>) -> Result<(), BackendError> {
        let mut grip = self.grip();
        if !grip.is_dead
            && let Some(left) = grip.kill.as_mut().and_then(moment)
        {
            *left -= 1;
            if *left == 0 {
                grip.is_dead = true;
                self.died.notify_one();
            }
        }
        let last = grip.last_commit.as_ref();
        let is_last = last.is_some_and(|(commits, last)| *commits.borrow() >= *last);
        grip.is_dead |= is_last;
        match grip.is_dead {
            true => Err(BackendError::Injected("the process is dead".to_owned())),
            false => Ok(()),
        }
    }
}

fn scrubs(array: &Array) -> bool {
    matches!(
        array.sync.action(),
        Some(SyncAction::Check | SyncAction::Repair)
    )
}

impl RaidBackend for Hands {
    fn tidy(&self) -> Result<(), BackendError> {
        self.raid.tidy()
    }

    fn observe(&self) -> Result<Inventory, BackendError> {
        self.die(|it| match it {
            Kill::Look(left) => Some(left),
            _ => None,
        })?;
        self.raid.observe()
    }

    fn initramfs(&self, known: &[Image]) -> Result<Vec<Image>, BackendError> {
        self.raid.initramfs(known)
    }

    fn apply(&self, step: &Step) -> Result<(), BackendError> {
        self.die(|it| match it {
            Kill::BeforeStep(left) => Some(left),
            _ => None,
        })?;
        self.raid.apply(step)?;
        if let Step::Scrub { array, scrub } = step
            && *scrub != Scrub::Idle
            // A step may have been told to lie.
            && self.raid.observe()?.by_uuid(&array.uuid).is_some_and(scrubs)
        {
            self.told.lock().unwrap().push(array.uuid.clone());
        }
        self.die(|it| match it {
            Kill::AfterStep(left) => Some(left),
            _ => None,
        })
    }
}
