//! How fast what is in a pool grows, and when it will be full.
//!
//! The slope is the median of the slopes between all pairs of samples ([Theil–Sen]): what was copied
//! or deleted once, however much, tells nothing of how fast a pool grows day by day, and does not count.
//!
//! [Theil–Sen]: https://en.wikipedia.org/wiki/Theil%E2%80%93Sen_estimator

use std::time::{Duration, SystemTime};

use moxnas_core::units::Bytes;
use serde::{Deserialize, Serialize};

use crate::dataset::Space;

/// How long samples count.
pub const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Over less than this nobody can tell.
pub const LEAST: Duration = Duration::from_secs(24 * 3600);
/// So many samples are taken of all that there are, evenly: the pairs of 720 would be a quarter of a
/// million.
const TAKEN: usize = 60;
const DAY: f64 = 24.0 * 3600.0;

/// How much was taken at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When.
    pub at: SystemTime,
    /// How much.
    pub used: Bytes,
}

/// How fast it grows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// Bytes a day; less than 0: it shrinks.
    pub per_day: f64,
    /// From the first to the last sample.
    pub over: Duration,
}

/// How fast it grows, of samples in the order of their times; `None`: they are of less than a day.
#[must_use]
pub fn growth(samples: &[Sample]) -> Option<Growth> {
    let over = samples
        .last()?
        .at
        .duration_since(samples.first()?.at)
        .ok()?;
    if over < LEAST {
        return None;
    }
    let taken = evenly(samples);
    let mut slopes = Vec::with_capacity(taken.len() * taken.len() / 2);
    for (number, one) in taken.iter().enumerate() {
        for other in &taken[number + 1..] {
            let Ok(between) = other.at.duration_since(one.at) else {
                continue;
            };
            if !between.is_zero() {
                let change = float(other.used) - float(one.used);
                slopes.push(change / (between.as_secs_f64() / DAY));
            }
        }
    }
    slopes.sort_by(f64::total_cmp);
    let per_day = median(&slopes)?;
    Some(Growth { per_day, over })
}

impl Growth {
    /// How many days until nothing can be written any more; `None`: it does not grow, or it takes
    /// longer than a hundred years.
    #[must_use]
    pub fn days_until_full(&self, space: &Space) -> Option<f64> {
        let days = float(space.available) / self.per_day;
        (self.per_day > 0.0 && days < 36_525.0).then_some(days)
    }
}

fn evenly(samples: &[Sample]) -> Vec<Sample> {
    let (many, taken) = (samples.len(), TAKEN.min(samples.len()));
    let at = |it: usize| samples[it * (many - 1) / (taken - 1).max(1)];
    (0..taken).map(at).collect()
}

fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle)?;
    match sorted.len() % 2 {
        1 => Some(*upper),
        _ => Some(f64::midpoint(sorted[middle - 1], *upper)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn float(bytes: Bytes) -> f64 {
    bytes.0 as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: u64 = 3600;
    const GB: u64 = 1_000_000_000;

    fn hourly(used: impl IntoIterator<Item = u64>) -> Vec<Sample> {
        let sample = |(hour, used)| Sample {
            at: SystemTime::UNIX_EPOCH + Duration::from_secs(hour * HOUR),
            used: Bytes(used),
        };
        (0..).zip(used).map(sample).collect()
    }

    fn is_near(one: f64, other: f64) -> bool {
        (one - other).abs() <= other.abs() * 0.02 + 1.0
    }

    #[test]
    fn less_than_a_day_tells_nothing() {
        assert_eq!(growth(&[]), None);
        assert_eq!(growth(&hourly(0..24)), None);
        assert!(growth(&hourly(0..25)).is_some());
    }

    #[test]
    fn what_grows_evenly_is_full_when_it_is() {
        // 24 GB a day.
        let samples = hourly((0..240).map(|hour| hour * GB));
        let growth = growth(&samples).unwrap();
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let per_day = (24 * GB) as f64;
        assert!(is_near(growth.per_day, per_day), "{growth:?}");
        let space = Space {
            available: Bytes(240 * GB),
            ..Space::default()
        };
        let days = growth.days_until_full(&space).unwrap();
        assert!((days - 10.0).abs() < 0.3, "{days}");
    }

    /// Two terabytes that were copied once in a month are no growth of 70 GB a day.
    #[test]
    fn what_happened_once_is_no_growth() {
        let once = hourly((0..720).map(|hour| if hour < 500 { 0 } else { 2000 * GB } + hour));
        let growth = growth(&once).unwrap();
        assert!(growth.per_day < 1000.0, "{growth:?}");
    }

    #[test]
    fn what_shrinks_is_never_full() {
        let samples = hourly((0..100).map(|hour| (1000 - hour) * GB));
        let growth = growth(&samples).unwrap();
        assert!(growth.per_day < 0.0);
        assert_eq!(growth.days_until_full(&Space::default()), None);
    }

    proptest! {
        /// Whatever is sampled, the answer is a number, and within what the samples allow.
        #[test]
        fn the_slope_lies_between_the_steepest(used in prop::collection::vec(0..u64::MAX, 25..300)) {
            let samples = hourly(used.iter().copied());
            let growth = growth(&samples).unwrap();
            prop_assert!(growth.per_day.is_finite());
            let steps = used.windows(2).map(|it| {
                (float(Bytes(it[1])) - float(Bytes(it[0]))) * 24.0
            });
            let (least, most) = steps.fold((f64::MAX, f64::MIN), |(least, most), it| {
                (least.min(it), most.max(it))
            });
            prop_assert!(growth.per_day >= least - least.abs() / 1e6 - 1.0);
            prop_assert!(growth.per_day <= most + most.abs() / 1e6 + 1.0);
        }

        /// Noise on a line, and one sample in ten far off, change little.
        #[test]
        fn a_tenth_that_is_far_off_does_not_count(
            noise in prop::collection::vec(0..GB / 10, 200..300),
            per_hour in 1..100_u64,
        ) {
            let used = (0..).zip(&noise).map(|(hour, noise)| match hour % 10 {
                3 => 5_000_000 * GB,
                _ => hour * per_hour * GB + noise,
            });
            let growth = growth(&hourly(used)).unwrap();
            #[expect(clippy::cast_precision_loss, reason = "a small number")]
            let per_day = (per_hour * 24 * GB) as f64;
            prop_assert!((growth.per_day - per_day).abs() < per_day * 0.35, "{growth:?} {per_day}");
        }
    }
}
