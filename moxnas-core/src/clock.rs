//! Time, as something that is handed in.
//!
//! Nothing outside this file asks the system for the time, so that a simulated machine can be
//! moved forward and tests do not sleep.

use std::{
    sync::Mutex,
    time::{Duration, Instant, SystemTime},
};

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// The date and time of day.
    fn now(&self) -> SystemTime;
}

/// The clock of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// Runs with the wall clock, from some time ago, and can be moved forward: the clock of a simulated
/// machine that people use.
#[derive(Debug, Default)]
pub struct OffsetClock {
    behind: Duration,
    ahead: Mutex<Duration>,
}

impl OffsetClock {
    /// A clock that is behind the wall clock.
    #[must_use]
    pub fn behind(behind: Duration) -> OffsetClock {
        OffsetClock {
            behind,
            ahead: Mutex::default(),
        }
    }

    /// Move the clock forward.
    pub fn advance(&self, by: Duration) {
        *self.ahead.lock().expect("no holder of this lock panics") += by;
    }
}

impl Clock for OffsetClock {
    fn now(&self) -> SystemTime {
        let ahead = *self.ahead.lock().expect("no holder of this lock panics");
        SystemClock.now() + ahead - self.behind
    }
}

/// Stands still until told otherwise. Starts at the Unix epoch.
#[derive(Debug)]
pub struct ManualClock(Mutex<SystemTime>);

impl Default for ManualClock {
    fn default() -> ManualClock {
        ManualClock(Mutex::new(SystemTime::UNIX_EPOCH))
    }
}

impl ManualClock {
    /// Move the clock forward.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().expect("no holder of this lock panics") += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        *self.0.lock().expect("no holder of this lock panics")
    }
}

/// Measures how long something took; for figures that are shown and for how long to rest after it,
/// never for what is done.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Start measuring.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    /// Time since [`Stopwatch::start`].
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
