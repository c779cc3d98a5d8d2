//! The whole box under a random life: operations with right and wrong arguments, faults, time. After
//! each event everything that must always hold is looked at.
//!
//! `MOXNAS_SEEDS` says how many seeds are run; a failure names its seed, which then joins
//! `tests/seeds.txt`.

mod checkers;

use std::{sync::Arc, time::Duration};

use moxnas_app::{
    Actor, App, Change, Error,
    app::Simulation,
    machine::Machine,
    operation::Terms,
    ops::{
        arrays::{
            ArrayAssemble, ArrayCreate, ArrayDelete, ArrayScrub, ArrayStop, MemberAdd, MemberFail,
            MemberRemove, MemberReplace,
        },
        simulation::{SimAdvance, SimFault, Trouble},
    },
    scenario::Scenario,
    settings::Settings,
};
use moxnas_core::sim::{DiskSpec, Fault, SimMachine};
use moxnas_raid::{Level, Role, SimRaid, plan::Scrub};
use sha2::{Digest, Sha256};

use checkers::{Attempt, Checkers};

/// Events in a life.
const EVENTS: usize = 40;
/// Lives that are always lived.
const SEEDS: u64 = 60;
/// So few that they meet again and again.
const DISKS: usize = 9;
const GIB: u64 = 1 << 30;

/// SplitMix64: short, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let it = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        it ^ (it >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }
}

/// A life.
struct Life {
    app: Arc<App>,
    random: Random,
    checkers: Checkers,
    /// Arrays that somebody wanted to stop.
    stopped: Vec<String>,
    /// What happened, in words; for people, and for the hash.
    trace: Vec<String>,
}

async fn begin(seed: u64) -> Life {
    let machine = SimMachine::new(seed);
    for number in 0..DISKS {
        // Two sizes, so that some do not fit.
        let size = if number % 4 == 3 {
            200 * GIB
        } else {
            400 * GIB
        };
        machine.plug(DiskSpec::hdd(&format!("BOX{number}"), size));
    }
    let raid = SimRaid::new(Arc::clone(&machine));
    let simulation = Simulation {
        scenario: "whole-box".to_owned(),
        machine: Arc::clone(&machine),
    };
    let settings = Settings::simulated(Scenario::built_in("blank").unwrap());
    let box_ = Machine::simulated(&machine, raid);
    let app = App::start_on(box_, Some(simulation), &settings)
        .await
        .unwrap();
    let checkers = Checkers::new(&app);
    Life {
        app,
        random: Random(seed),
        checkers,
        stopped: Vec::new(),
        trace: Vec::new(),
    }
}

impl Life {
    fn actor(&self) -> Actor {
        App::this_process(&format!("event-{}", self.trace.len()))
    }

    /// An array, mostly one that is there.
    fn array(&mut self) -> String {
        let seen = self.app.seen();
        let there: Vec<String> = seen.raid.arrays.iter().map(|it| it.name.clone()).collect();
        if there.is_empty() || self.random.one_in(5) {
            return self
                .random
                .of(&["alpha", "beta", "gamma", "none"])
                .to_owned();
        }
        self.random.of(&there)
    }

    /// Disks that no array has, each once, in any order.
    fn free(&mut self) -> Vec<String> {
        let seen = self.app.seen();
        let free = |it: &&moxnas_core::disk::BlockDevice| {
            let has = |array: &moxnas_raid::Array| array.member(&it.id).is_some();
            !seen.raid.arrays.iter().any(has)
        };
        let mut free: Vec<String> = seen
            .raid
            .devices
            .disks()
            .filter(free)
            .map(|it| it.id.to_string())
            .collect();
        for at in (1..free.len()).rev() {
            free.swap(at, self.random.below(at + 1));
        }
        free
    }

    fn disk(&mut self) -> String {
        match self.random.below(20) {
            0 => "none".to_owned(),
            1 => "sda".to_owned(),
            _ => format!("BOX{}", self.random.below(DISKS)),
        }
    }

    /// A member of the array, if it has one and the wish is to be a sensible one.
    fn member(&mut self, array: &str) -> String {
        let seen = self.app.seen();
        let members: Vec<String> = seen
            .raid
            .find(array)
            .map(|it| it.members.iter().map(|it| it.device.to_string()).collect())
            .unwrap_or_default();
        if members.is_empty() || self.random.one_in(5) {
            self.disk()
        } else {
            self.random.of(&members)
        }
    }

    /// A member that does not work, if the array has one.
    fn idle(&mut self, array: &str) -> String {
        let seen = self.app.seen();
        let members = seen.raid.find(array).map(|it| it.members.clone());
        let idle: Vec<String> = members
            .unwrap_or_default()
            .iter()
            .filter(|it| matches!(it.role, Role::Faulty | Role::Spare))
            .map(|it| it.device.to_string())
            .collect();
        if idle.is_empty() {
            self.member(array)
        } else {
            self.random.of(&idle)
        }
    }

    async fn event(&mut self) {
        match self.random.below(29) {
            0..=4 => self.create().await,
            5..=6 => {
                let array = self.array();
                let device = self.disk();
                self.change(MemberAdd { array, device }).await;
            }
            7..=8 => {
                let array = self.array();
                let device = self.member(&array);
                self.change(MemberFail { array, device }).await;
            }
            9 | 27..=28 => {
                let array = self.array();
                let device = self.idle(&array);
                self.change(MemberRemove { array, device }).await;
            }
            10..=11 => {
                let array = self.array();
                let device = self.member(&array);
                let with = (!self.random.one_in(3)).then(|| self.disk());
                self.change(MemberReplace {
                    array,
                    device,
                    with,
                })
                .await;
            }
            12 => {
                let array = self.array();
                let scrub = self.random.of(&[Scrub::Check, Scrub::Repair, Scrub::Idle]);
                self.change(ArrayScrub { array, scrub }).await;
            }
            13 => {
                let array = self.array();
                self.stopped.push(array.clone());
                self.change(ArrayStop { array }).await;
            }
            14 | 26 => {
                // Mostly one that was stopped.
                let array = match self.stopped.pop() {
                    Some(stopped) if !self.random.one_in(4) => stopped,
                    _ => self.array(),
                };
                self.change(ArrayAssemble { array }).await;
            }
            15 => {
                let array = self.array();
                self.change(ArrayDelete { array }).await;
            }
            16..=20 => {
                let hours = self.random.of(&[0, 1, 3, 24]);
                let time = Duration::from_secs(hours * 3600 + 60);
                let done = self
                    .app
                    .call(&self.actor(), SimAdvance(time))
                    .await
                    .map(drop);
                self.after(format!("{hours} h pass"), Attempt::Call, done)
                    .await;
            }
            _ => {
                let trouble = self.trouble();
                let what = format!("{trouble:?}");
                let done = self
                    .app
                    .call(&self.actor(), SimFault(trouble))
                    .await
                    .map(drop);
                self.after(what, Attempt::Call, done).await;
            }
        }
    }

    fn trouble(&mut self) -> Trouble {
        let serial = format!("BOX{}", self.random.below(DISKS));
        let matching = self
            .random
            .of(&["", "create", "erase", "mdadm.conf", "faulty", "add "])
            .to_owned();
        match self.random.below(9) {
            0 => Trouble::Pull { serial },
            1..=2 => Trouble::PlugBack { serial },
            3 => Trouble::Step(Fault::StepFails { matching }),
            4 => Trouble::Step(Fault::StepLies { matching }),
            5 => Trouble::Step(Fault::StepHangs { matching }),
            6 => Trouble::Step(Fault::PowerCut { matching }),
            7 => Trouble::PowerCut,
            _ => Trouble::Reboot,
        }
    }

    async fn create(&mut self) {
        let name = self.random.of(&["alpha", "beta", "gamma"]).parse().unwrap();
        let levels = [
            Level::Raid0,
            Level::Raid1,
            Level::Raid5,
            Level::Raid6,
            Level::Raid10,
        ];
        let level = self.random.of(&levels);
        let count = 1 + self.random.below(5);
        let mut members: Vec<String> = if self.random.one_in(4) {
            (0..count).map(|_| self.disk()).collect()
        } else {
            self.free()
        };
        members.truncate(count.max(2));
        let spares = if self.random.one_in(4) {
            vec![self.disk()]
        } else {
            Vec::new()
        };
        self.change(ArrayCreate {
            name,
            level,
            members,
            spares,
            chunk: None,
        })
        .await;
    }

    /// Plan a change, agree, and make it; now and then without agreeing, or too late.
    async fn change<C: Change + std::fmt::Debug>(&mut self, change: C) {
        let what = format!("{change:?}");
        let planned = self.app.plan(&self.actor(), &change).await;
        let mut confirm = planned
            .as_ref()
            .ok()
            .map(|it| it.fingerprint.parse().unwrap());
        if self.random.one_in(10) {
            confirm = None;
        } else if self.random.one_in(12) {
            // Between the look and the change the machine becomes another one.
            let serial = format!("BOX{}", self.random.below(DISKS));
            let _ = self.app.simulation.as_ref().unwrap().machine.pull(&serial);
        }
        // What the change will be planned on: the same facts, so the same plan.
        let seen = self.app.look().await.unwrap();
        self.checkers.look();
        let plan = change.plan(&seen).ok();
        let confirmed = confirm.clone();
        let done = self
            .app
            .change(
                &self.actor(),
                change,
                Terms {
                    confirm,
                    if_match: None,
                },
            )
            .await;
        let fits = |plan: &moxnas_core::plan::Plan<_>| {
            confirmed
                .as_ref()
                .map_or(!plan.needs_confirmation(), |it| *it == plan.fingerprint())
        };
        let plan = plan.filter(fits);
        assert!(
            done.is_err() || plan.is_some(),
            "{what} was done without being agreed to"
        );
        self.after(what, Attempt::Change(plan), done.map(drop))
            .await;
    }

    async fn after(&mut self, what: String, attempt: Attempt, done: Result<(), Error>) {
        let outcome = match &done {
            Ok(()) => "done".to_owned(),
            Err(err) => format!("{}: {}", err.code(), moxnas_core::chain::chain(err)),
        };
        let actor = self.actor();
        self.trace.push(format!("{what} -> {outcome}"));
        let state = self
            .checkers
            .check(&self.app, &actor, &attempt, &done)
            .await;
        self.trace.push(state);
    }
}

/// Live a life. The hash of its trace.
async fn live(seed: u64, events: usize) -> String {
    let mut life = begin(seed).await;
    for _ in 0..events {
        life.event().await;
    }
    let hash = Sha256::digest(life.trace.join("\n"));
    hash.iter().map(|it| format!("{it:02x}")).collect()
}

/// The test's own thread must survive a life that fails, to name its seed.
fn run(seed: u64) -> String {
    let life = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(live(seed, EVENTS))
    });
    life.join()
        .unwrap_or_else(|_| panic!("seed {seed} failed: put it into tests/seeds.txt"))
}

/// The seeds that once failed.
fn kept() -> Vec<u64> {
    let text = include_str!("../seeds.txt");
    let numbers = text
        .lines()
        .filter_map(|it| it.split('#').next())
        .map(str::trim);
    numbers
        .filter(|it| !it.is_empty())
        .map(|it| it.parse().unwrap())
        .collect()
}

#[test]
fn every_life_keeps_the_rules() {
    let count = std::env::var("MOXNAS_SEEDS")
        .ok()
        .map_or(SEEDS, |it| it.parse().unwrap());
    let seeds: Vec<u64> = kept().into_iter().chain(0..count).collect();
    // Two at a time: each life is one thread.
    let half = seeds.len().div_ceil(2);
    std::thread::scope(|scope| {
        for part in seeds.chunks(half) {
            scope.spawn(move || part.iter().for_each(|seed| drop(run(*seed))));
        }
    });
}

#[test]
fn the_same_seed_is_the_same_life() {
    for seed in [1, 2, 3] {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
    assert_ne!(run(1), run(2));
}

/// The checkers themselves: a device that no plan names is written.
#[test]
#[should_panic(expected = "was in no plan")]
fn a_foreign_hand_is_seen() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut life = runtime.block_on(begin(1));
    let write = Trouble::Signature {
        device: "BOX1".to_owned(),
        kind: "ext4".to_owned(),
    };
    runtime.block_on(async {
        let done = life
            .app
            .call(&life.actor(), SimFault(write))
            .await
            .map(drop);
        life.after("a foreign hand".to_owned(), Attempt::Call, done)
            .await;
    });
}

/// The checkers themselves: something is done that nobody reports.
#[test]
#[should_panic(expected = "nobody asked for")]
fn an_event_that_nobody_reports_is_seen() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut life = runtime.block_on(begin(1));
    runtime.block_on(async {
        life.app
            .call(&App::this_process("hidden"), SimFault(Trouble::Reboot))
            .await
            .unwrap();
        let done = life
            .app
            .call(&life.actor(), SimAdvance(Duration::ZERO))
            .await
            .map(drop);
        life.after("nothing".to_owned(), Attempt::Call, done).await;
    });
}

/// A life in which nothing ever works would keep every rule.
#[test]
fn lives_are_full() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut trace = String::new();
    for seed in 0..30 {
        let mut life = runtime.block_on(begin(seed));
        for _ in 0..EVENTS {
            runtime.block_on(life.event());
        }
        trace.push_str(&life.trace.join("\n"));
    }
    for kind in [
        "ArrayCreate",
        "ArrayDelete",
        "ArrayStop",
        "ArrayAssemble",
        "ArrayScrub",
        "MemberAdd",
        "MemberFail",
        "MemberRemove",
        "MemberReplace",
    ] {
        let of_kind = trace
            .lines()
            .filter(|it| it.starts_with(kind))
            .collect::<Vec<_>>();
        let done = of_kind.iter().filter(|it| it.ends_with("-> done")).count();
        assert!(done > 0, "{kind}: none was done: {of_kind:#?}");
        assert!(
            done < of_kind.len(),
            "{kind}: all {} were done",
            of_kind.len()
        );
    }
    for word in [
        "plan_changed",
        "confirmation_required",
        "step_failed",
        "not_verified",
        "failed",
        "degraded",
    ] {
        assert!(trace.contains(word), "{word} never happened");
    }
}
