//! Two things measured side by side.
#![expect(
    clippy::disallowed_methods,
    reason = "to measure is to look at the clock"
)]

use std::time::{Duration, Instant};

/// How often something is done.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    /// In a round, between two looks at the clock.
    pub(crate) times: u32,
    pub(crate) rounds: usize,
}

/// How long each of the two takes.
pub(crate) struct Pair {
    pub(crate) figure: Duration,
    pub(crate) baseline: Duration,
}

impl Pair {
    pub(crate) fn ratio(&self) -> f64 {
        self.figure.as_secs_f64() / self.baseline.as_secs_f64()
    }
}

/// The best round of each, by turns. Whatever else runs on the machine only ever adds to a round, and
/// falls on both alike.
pub(crate) fn beside(pace: Pace, mut figure: impl FnMut(), mut baseline: impl FnMut()) -> Pair {
    let mut best = Pair {
        figure: Duration::MAX,
        baseline: Duration::MAX,
    };
    for _ in 0..pace.rounds {
        best.figure = best.figure.min(round(pace.times, &mut figure));
        best.baseline = best.baseline.min(round(pace.times, &mut baseline));
    }
    best
}

fn round(times: u32, mut it: impl FnMut()) -> Duration {
    let began = Instant::now();
    for _ in 0..times {
        it();
    }
    began.elapsed() / times
}
