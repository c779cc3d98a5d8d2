//! The whole box under a random life: operations with right and wrong arguments, jobs, schedules,
//! logins, faults, time, and processes that are killed and started again. After each event
//! everything that must always hold is looked at.
//!
//! A failure names its seed, which then joins `tests/seeds.txt`.
//!
//! # The same seed is the same life
//!
//! Not only for the machine, which is simulated, but for every moment at which the service is
//! killed. Nothing here depends on the wall clock or on which thread was faster:
//!
//! - The service runs at [`Pace::Stepped`]: the machine is asked on the caller's thread, and no job
//!   wakes up by itself. The runtime has one thread. Whoever wants something of the database waits
//!   for its turn, which is given when nothing else is left to do. So what happens elsewhere is one
//!   thing at a time, nothing happens here meanwhile, and it does not matter how long it takes.
//! - An event is over when all jobs wait: for one another, or for the next look at the machine.
//! - A process dies at a moment that is counted and not measured: at the n-th look, before or after
//!   the n-th step, once the n-th transaction has been committed. Then its runtime is dropped with
//!   all that was under way, and its hands on the machine do nothing any more.
//! - Ids of jobs are random. The trace numbers them.
//!
//! [`Pace::Stepped`]: moxnas_app::settings::Pace::Stepped

mod checkers;
mod engines;
mod events;
mod life;
mod process;
mod random;
mod soak;
mod wishes;

use std::{sync::mpsc, time::Duration};

use sha2::{Digest, Sha256};

use self::{
    engines::{Engine, POSTGRES},
    life::{Counts, Life},
};

/// Events in a life.
const EVENTS: usize = 60;
/// And in that of a seed that once failed.
const EVENTS_OF_KEPT: usize = 200;
/// Lives that are always lived.
const SEEDS: u64 = 40;
/// The same on a server.
const SEEDS_ON_POSTGRES: u64 = 5;
/// Every so-manieth seed is lived twice.
const TWICE: u64 = 10;
/// A life that takes longer hangs.
const LONGEST: Duration = Duration::from_secs(600);

/// What came of a life.
struct Lived {
    /// The hash of its trace.
    hash: String,
    counts: Counts,
}

/// Live a life.
fn live(seed: u64, engine: Engine, events: usize) -> Lived {
    let mut life = Life::begin(seed, engine);
    for _ in 0..events {
        life.event();
    }
    let hash = Sha256::digest(life.trace.join("\n"));
    Lived {
        hash: hash.iter().map(|it| format!("{it:02x}")).collect(),
        counts: life.counts,
    }
}

/// The test's own thread must survive a life that fails or hangs, to name its seed.
fn run(seed: u64, engine: Engine, events: usize) -> Result<Lived, String> {
    let (done, lived) = mpsc::channel();
    let thread = std::thread::Builder::new().name(format!("seed {seed} on {engine:?}"));
    thread
        .spawn(move || done.send(live(seed, engine, events)))
        .unwrap();
    lived.recv_timeout(LONGEST).map_err(|err| match err {
        mpsc::RecvTimeoutError::Timeout => format!("seed {seed} on {engine:?} hangs"),
        mpsc::RecvTimeoutError::Disconnected => format!("seed {seed} on {engine:?} failed"),
    })
}

/// The same, and for every so-manieth seed the proof that it is the same life again. Whether it was
/// lived twice.
fn run_and_repeat(
    seed: u64,
    engine: Engine,
    events: usize,
    twice: u64,
) -> Result<(Lived, bool), String> {
    let lived = run(seed, engine, events)?;
    let is_repeated = seed.is_multiple_of(twice);
    if is_repeated && run(seed, engine, events)?.hash != lived.hash {
        return Err(format!("seed {seed} on {engine:?} was another life again"));
    }
    Ok((lived, is_repeated))
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

fn all_keep_the_rules(engine: Engine, seeds: u64) {
    // What once failed is always lived twice.
    let kept = kept().into_iter().map(|seed| (seed, EVENTS_OF_KEPT, 1));
    let others = (0..seeds).map(|seed| (seed, EVENTS, TWICE));
    let seeds: Vec<(u64, usize, u64)> = kept.chain(others).collect();
    // Two at a time: each life is one thread.
    let half = seeds.len().div_ceil(2);
    let failed: Vec<String> = std::thread::scope(|scope| {
        let live = |part: &[(u64, usize, u64)]| {
            let failed = |(seed, events, twice): &(u64, usize, u64)| {
                run_and_repeat(*seed, engine, *events, *twice).err()
            };
            part.iter().filter_map(failed).collect::<Vec<_>>()
        };
        let parts = seeds.chunks(half);
        let threads: Vec<_> = parts.map(|part| scope.spawn(move || live(part))).collect();
        let failed = threads.into_iter().flat_map(|it| it.join().unwrap());
        failed.collect()
    });
    assert!(
        failed.is_empty(),
        "put these into tests/seeds.txt: {failed:#?}"
    );
}

#[test]
fn every_life_keeps_the_rules() {
    all_keep_the_rules(Engine::Sqlite, SEEDS);
}

#[test]
#[expect(clippy::print_stdout, reason = "says what was not tested")]
fn every_life_on_postgresql_keeps_the_rules() {
    if std::env::var(POSTGRES).is_err() {
        println!("{POSTGRES} is not set: only SQLite is tested");
        return;
    }
    all_keep_the_rules(Engine::Postgres, SEEDS_ON_POSTGRES);
}

#[test]
fn another_seed_is_another_life() {
    let hash = |seed| run(seed, Engine::Sqlite, 20).unwrap().hash;
    assert_eq!(hash(1), hash(1));
    assert_ne!(hash(1), hash(2));
}
