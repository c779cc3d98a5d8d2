//! What pruning costs, at leisure: `cargo bench -p moxnas-pool`. The baseline of each is to find out
//! what a clock shows at the same moments, which has to be done whatever the rules are.
#![expect(clippy::unwrap_used, reason = "what fails here is the measurement")]

use std::sync::LazyLock;

use divan::Bencher;
use moxnas_pool::prune::{Decision, Keep, Preview, Snapshot, TimeZone, Timestamp, decide, preview};

/// Hours of 400 days.
const HOURS: i64 = 9600;

/// As somebody would choose them, and so many that nothing ever goes.
const COUNTS: [u32; 2] = [24, 9600];

static ZONE: LazyLock<TimeZone> = LazyLock::new(|| TimeZone::get("Europe/Berlin").unwrap());

fn main() {
    divan::main();
}

fn moments() -> Vec<Timestamp> {
    let from: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let at = |hour| Timestamp::from_second(from.as_second() + hour * 3600);
    (0..HOURS).map(|it| at(it).unwrap()).collect()
}

fn keep(hourly: u32) -> Keep {
    Keep {
        last: Some(3),
        hourly: Some(hourly),
        daily: Some(7),
        weekly: Some(4),
        monthly: Some(6),
        yearly: Some(1),
    }
}

#[divan::bench(args = COUNTS)]
fn decide_on_400_days(bencher: Bencher, hourly: u32) {
    let all: Vec<Snapshot> = moments().into_iter().map(Snapshot::at).collect();
    bencher.bench_local(|| -> Vec<Decision> { decide(&all, &keep(hourly), &ZONE) });
}

#[divan::bench(args = COUNTS, sample_count = 10)]
fn preview_of_400_days(bencher: Bencher, hourly: u32) {
    let moments = moments();
    bencher
        .bench_local(|| -> Preview { preview(&[], moments.iter().copied(), &keep(hourly), &ZONE) });
}

#[divan::bench]
fn look_at_the_clock_of_400_days(bencher: Bencher) {
    let moments = moments();
    bencher.bench_local(|| -> u64 {
        let hours = moments.iter().map(|it| ZONE.to_datetime(*it).hour());
        hours.map(|it| u64::from(it.unsigned_abs())).sum()
    });
}
