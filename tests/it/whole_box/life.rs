//! A life: events one after the other, each looked at when it is over or was cut short.

use std::sync::Arc;

use moxnas_app::{Actor, App, Error, store::Chains};
use moxnas_core::sim::DiskSpec;

use super::{
    checkers::{Attempt, Checkers, Event},
    engines::Engine,
    process::{Kill, Process, World},
    random::Random,
};

/// So few that they meet again and again.
pub(super) const DISKS: usize = 9;
const GIB: u64 = 1 << 30;

/// What a life was made of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) operations: u64,
    pub(super) faults: u64,
    pub(super) kills: u64,
    pub(super) restarts: u64,
    pub(super) jobs: u64,
    pub(super) schedule_runs: u64,
    /// Changes whose outcome nobody wrote down, because they were cut short.
    pub(super) cut: u64,
}

impl Counts {
    pub(super) fn add(&mut self, other: Counts) {
        self.operations += other.operations;
        self.faults += other.faults;
        self.kills += other.kills;
        self.restarts += other.restarts;
        self.jobs += other.jobs;
        self.schedule_runs += other.schedule_runs;
        self.cut += other.cut;
    }
}

/// A life.
pub(super) struct Life {
    // Before the world: it ends first.
    process: Option<Process>,
    pub(super) world: World,
    pub(super) random: Random,
    pub(super) checkers: Checkers,
    /// Arrays that somebody wanted to stop.
    pub(super) stopped: Vec<String>,
    /// What happened, in words; for people, and for the hash.
    pub(super) trace: Vec<String>,
    /// So many lines have no ids any more.
    named: usize,
    pub(super) counts: Counts,
    events: usize,
}

impl Life {
    pub(super) fn begin(seed: u64, engine: Engine) -> Life {
        let world = World::new(seed, engine);
        for number in 0..DISKS {
            // Two sizes, so that some do not fit.
            let size = if number % 4 == 3 {
                200 * GIB
            } else {
                400 * GIB
            };
            world.sim.plug(DiskSpec::hdd(&format!("BOX{number}"), size));
        }
        let process = Process::start(&world);
        let checkers = Checkers::new(process.app());
        Life {
            process: Some(process),
            world,
            random: Random(seed),
            checkers,
            stopped: Vec::new(),
            trace: Vec::new(),
            named: 0,
            counts: Counts::default(),
            events: 0,
        }
    }

    pub(super) fn app(&self) -> &Arc<App> {
        self.process.as_ref().unwrap().app()
    }

    pub(super) fn actor(&self) -> Actor {
        App::this_process(&format!("event-{}", self.events))
    }

    /// Do something that is not interrupted and has no effect.
    pub(super) fn ask<T, F>(&self, work: impl FnOnce(Arc<App>, Actor) -> F) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let actor = self.actor();
        let process = self.process.as_ref().unwrap();
        process.whole(|app| work(app, actor))
    }

    /// Do something; now and then the process is killed before it is done. Then look at
    /// everything.
    pub(super) fn act<F>(
        &mut self,
        what: String,
        attempt: Attempt,
        work: impl FnOnce(Arc<App>, Actor) -> F,
    ) where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let kill = self.random.one_in(8).then(|| self.kill());
        self.act_until(kill, what, attempt, work);
    }

    /// Do something until the process is killed.
    pub(super) fn act_until<F>(
        &mut self,
        kill: Option<Kill>,
        what: String,
        attempt: Attempt,
        work: impl FnOnce(Arc<App>, Actor) -> F,
    ) where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let actor = self.actor();
        let process = self.process.as_ref().unwrap();
        let done = process.run(kill, |app| {
            let work = work(Arc::clone(&app), actor);
            async move {
                let done = work.await;
                settle(&app).await;
                done
            }
        });
        let done = done.ok();
        self.trace.push(match &done {
            None => format!("{what} -> killed at {kill:?}"),
            Some(Ok(())) => format!("{what} -> done"),
            Some(Err(err)) => format!("{what} -> {}", outcome(err)),
        });
        if done.is_none() {
            self.counts.kills += 1;
            self.restart();
        }
        self.after(attempt, done);
    }

    /// Kill the process while nothing but jobs goes on.
    pub(super) fn kill_at_rest(&mut self) {
        self.trace.push("killed at rest".to_owned());
        self.counts.kills += 1;
        self.restart();
        self.after(Attempt::Silent, None);
    }

    fn kill(&mut self) -> Kill {
        let mut within = |end: usize| 1 + self.random.below(end) as u64;
        let (look, step, commit) = (within(5), within(3), within(7));
        // Few of what is attempted comes as far as a step.
        match self.random.below(8) {
            0 => Kill::Look(look),
            1 | 2 => Kill::BeforeStep(step),
            3 | 4 => Kill::AfterStep(step),
            _ => Kill::Commit(commit),
        }
    }

    /// Nothing is left of the process. Something may happen to the machine before there is another,
    /// which may die as well while it takes up what was left.
    fn restart(&mut self) {
        drop(self.process.take());
        let sim = &self.world.sim;
        match self.random.below(8) {
            0 => {
                sim.power_cut();
                self.counts.faults += 1;
            }
            1 => {
                sim.reboot();
                self.counts.faults += 1;
            }
            2 => {
                sim.advance(std::time::Duration::from_secs(6 * 3600));
                self.checkers.jobs.gap_if(true);
            }
            _ => (),
        }
        loop {
            self.world.until_let_go();
            // To stop and to start takes a moment.
            let moment = 1 + self.random.below(3) as u64;
            self.world
                .sim
                .advance(std::time::Duration::from_secs(moment));
            let process = Process::start(&self.world);
            self.counts.restarts += 1;
            self.checkers.restarted(process.app());
            let kill = self.random.one_in(6).then(|| self.kill());
            let process = self.process.insert(process);
            let up = process.run(kill, |app| async move {
                let resumed = app.resume_jobs().await.unwrap();
                settle(&app).await;
                resumed
            });
            match up {
                Ok(resumed) => {
                    self.nothing_was_forged();
                    self.trace.push(format!("restart: {resumed} jobs go on"));
                    return;
                }
                Err(_) => {
                    self.trace.push(format!("restart -> killed at {kill:?}"));
                    self.counts.kills += 1;
                    drop(self.process.take());
                }
            }
        }
    }

    /// However the process ended, the chain of the audit log goes on.
    fn nothing_was_forged(&self) {
        let verdict = self.ask(|app, _| async move { app.audit.verify(Chains::Own).await });
        let verdict = verdict.unwrap();
        assert!(verdict.is_sound(), "{verdict:?}");
    }

    fn after(&mut self, attempt: Attempt, done: Option<Result<(), Error>>) {
        self.counts.operations += 1;
        let event = Event {
            actor: self.actor(),
            attempt,
            done,
        };
        let mut checkers = std::mem::take(&mut self.checkers);
        let told = std::mem::take(&mut *self.world.told.lock().unwrap());
        let process = self.process.as_ref().unwrap();
        let (checkers, state) = process.whole(|app| async move {
            let state = checkers.check(&app, &event, told).await;
            (checkers, state)
        });
        self.checkers = checkers;
        // No id is the same in two lives.
        for line in &mut self.trace[self.named..] {
            *line = self.checkers.jobs.named(line);
        }
        self.trace.push(state);
        self.named = self.trace.len();
        self.counts.cut = self.checkers.cut;
        self.counts.jobs = self.checkers.jobs.begun;
        self.counts.schedule_runs = self.checkers.schedules.runs;
        assert!(
            self.counts.cut <= self.counts.kills,
            "more was cut short than kills explain"
        );
        self.events += 1;
    }
}

/// For whoever looks into a life, also one that failed: its trace, in a folder that this names.
const TRACES: &str = "MOXNAS_TRACES";

impl Drop for Life {
    fn drop(&mut self) {
        if let Ok(folder) = std::env::var(TRACES) {
            let thread = std::thread::current();
            let path = format!("{folder}/{} {:?}", thread.name().unwrap_or(""), thread.id());
            let _ = std::fs::write(path, self.trace.join("\n"));
        }
    }
}

/// Until nothing happens any more before time passes: as the loop would, look; then let the jobs
/// take in what was seen.
pub(super) async fn settle(app: &Arc<App>) {
    for _ in 0..2 {
        // Fails in a process that was just killed.
        let _ = app.look().await;
        app.jobs.all_rest().await;
    }
}

fn outcome(err: &Error) -> String {
    format!("{}: {}", err.code(), moxnas_core::chain::chain(err))
}
