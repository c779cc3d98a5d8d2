//! When a schedule runs: pure.

use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use crate::calendar::{Calendar, CalendarError, TimeZone, Timestamp, Window, WindowState};

/// When a schedule runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// When.
    pub calendar: Calendar,
    /// Where the hours of an expression without a zone are meant.
    pub zone: TimeZone,
    /// Until when a run may go on.
    pub window: Option<Window>,
    /// Longest delay.
    pub jitter: Duration,
}

/// A schedule cannot be as it was wished.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RuleError {
    /// The expression or the time of day cannot be read.
    #[error("the {field} cannot be read")]
    Calendar {
        /// Which.
        field: &'static str,
        /// Why.
        #[source]
        cause: CalendarError,
    },
    /// It never comes.
    #[error("{0} never comes")]
    Never(String),
    /// There is no such zone.
    #[error("there is no time zone {0}")]
    Zone(String),
    /// The delay is longer than a day.
    #[error("a delay of {0} s is longer than a day")]
    Jitter(u64),
}

impl Rule {
    /// From texts. Without a zone it is that of the machine.
    pub fn new(
        expression: &str,
        zone: Option<&str>,
        pause_at: Option<&str>,
        jitter: Duration,
    ) -> Result<Rule, RuleError> {
        let unread = |field| move |cause| RuleError::Calendar { field, cause };
        let calendar: Calendar = expression.parse().map_err(unread("expression"))?;
        let zone = match zone {
            None => TimeZone::system(),
            Some(name) => TimeZone::get(name).map_err(|_| RuleError::Zone(name.to_owned()))?,
        };
        let window = pause_at.map(|it| Window::parse(expression, it));
        if jitter > Duration::from_secs(24 * 3600) {
            return Err(RuleError::Jitter(jitter.as_secs()));
        }
        Ok(Rule {
            calendar,
            zone,
            window: window.transpose().map_err(unread("time to pause at"))?,
            jitter,
        })
    }

    /// The name of the zone that counts.
    #[must_use]
    pub fn zone_name(&self) -> String {
        let zone = self.calendar.zone(&self.zone);
        zone.iana_name().unwrap_or("the machine's").to_owned()
    }

    /// The first time after `now` on the machine `node`. The delay is drawn once for a machine and
    /// a schedule: runs keep their distance, and machines do not all run at once.
    #[must_use]
    pub fn next_after(&self, now: SystemTime, node: &str, name: &str) -> Option<SystemTime> {
        let delay = self.delay(node, name);
        let base = Timestamp::try_from(now - delay).ok()?;
        let next = self.calendar.next_after(base, &self.zone)?;
        Some(SystemTime::from(next) + delay)
    }

    /// The times within a span, at most `limit`.
    #[must_use]
    pub fn between(
        &self,
        (from, to): (SystemTime, SystemTime),
        limit: usize,
        node: &str,
        name: &str,
    ) -> Vec<SystemTime> {
        let next = |at: &SystemTime| self.next_after(*at, node, name);
        std::iter::successors(next(&from), next)
            .take_while(|it| *it <= to)
            .take(limit)
            .collect()
    }

    /// Whether a run may begin or go on now.
    #[must_use]
    pub fn is_open(&self, now: SystemTime) -> bool {
        let (Some(window), Ok(now)) = (&self.window, Timestamp::try_from(now)) else {
            return true;
        };
        matches!(window.state(now, &self.zone), WindowState::Open { .. })
    }

    fn delay(&self, node: &str, name: &str) -> Duration {
        let longest = self.jitter.as_secs();
        if longest == 0 {
            return Duration::ZERO;
        }
        let hash = Sha256::digest(format!("{node} {name}"));
        let drawn = hash[..8]
            .iter()
            .fold(0, |all, it| all << 8 | u64::from(*it));
        Duration::from_secs(drawn % (longest + 1))
    }
}
