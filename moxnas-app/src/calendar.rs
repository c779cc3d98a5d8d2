//! When something is to happen: calendar expressions of systemd and of cron.
//!
//! A text is read as an expression of systemd ([`systemd.time(7)`], "CALENDAR EVENTS") if it is one.
//! If it is not, and has five fields of cron's characters or begins with `@`, it is read as
//! [`crontab(5)`]. No text is both: systemd has at most four words, and what it allows behind `@` is
//! a number.
//!
//! Everything here is arithmetic on what is handed in: an instant, and the zone in which an
//! expression without one is meant. Zones are looked up in the system's database of time zones, or
//! in a bundled one where the system has none.
//!
//! # When the clock is changed
//!
//! | | put forward | put back |
//! |---|---|---|
//! | systemd | what is skipped is left out: `02:30` does not come that day | the first time only, whatever the expression |
//! | cron, `30 2 * * *` | comes right after the change | the first time only |
//! | cron, minute or hour begins with `*` | what is skipped is left out | both times |
//!
//! Both are what the originals do, systemd 252 and cronie. Beware of the upper right corner: where
//! the clock goes from 03:00 back to 02:00, `*:0/10` pauses for an hour.
//!
//! # Where this differs from systemd 252
//!
//! What the manual page describes is the same; these are accidents that are not repeated.
//!
//! - A repetition without an end that does not go evenly, such as `*:0/7` or `*:*:0.2,40.5/15`,
//!   makes systemd miss what comes first after midnight, or at the beginning of the next minute. With
//!   months, such as `*-4/6-01` and weekdays, it may find nothing at all. Here nothing is missed.
//! - Every date up to 2199 is found. systemd gives up after a thousand steps.
//! - systemd prints `0/1,0.5` seconds as `*`. Here what is printed reads back as the same.
//! - systemd lowers the bound of 28 days before the end of the month by 3 for each further item of
//!   a list, and refuses `*-*~1,26`.
//! - Abbreviations of the local zone (`CEST` where `Europe/Berlin` is local) are not known. `CET` is
//!   the zone of that name in the database of zones.
//! - Days that are counted from the end come the first time in the hour that comes twice. In systemd
//!   they come the second time if the search begins within that hour. Where midnight itself comes
//!   twice or is skipped, systemd depends on what it computed before; the rules above hold here.
//!
//! [`systemd.time(7)`]: https://www.freedesktop.org/software/systemd/man/252/systemd.time.html
//! [`crontab(5)`]: https://man7.org/linux/man-pages/man5/crontab.5.html

mod cron;
mod cursor;
mod describe;
mod error;
mod event;
mod list;
mod parse;
mod wall;
mod window;
mod zone;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

pub use cron::Cron;
pub use error::{CalendarError, Field};
pub use event::Event;
pub use jiff::{SignedDuration, Timestamp, civil::Time, tz::TimeZone};
pub use window::{Window, WindowState};

/// When something is to happen, again and again.
///
/// `Display` prints a normal form that reads back as the same. Serializes as that text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Calendar {
    /// An expression of systemd.
    Event(Event),
    /// Five fields of cron, or one of its words.
    Cron(Cron),
}

impl Calendar {
    /// The first moment strictly after `after`, to the microsecond; none after the year 2199, and
    /// for dates that there are not, such as `*-02-30`.
    ///
    /// `default` is the zone of an expression that names none. What happens when a clock is changed
    /// is said in the documentation of this [module](self). Moments before 1970 are not looked at.
    #[must_use]
    pub fn next_after(&self, after: Timestamp, default: &TimeZone) -> Option<Timestamp> {
        match self {
            Calendar::Event(event) => event.next_after(after, default),
            Calendar::Cron(cron) => cron.next_after(after, default),
        }
    }

    /// All moments after `after`, in order.
    pub fn upcoming(
        &self,
        after: Timestamp,
        default: &TimeZone,
    ) -> impl Iterator<Item = Timestamp> {
        let next = |after: &Timestamp| self.next_after(*after, default);
        std::iter::successors(self.next_after(after, default), next)
    }

    /// The zone in which the expression is read.
    #[must_use]
    pub fn zone<'a>(&'a self, default: &'a TimeZone) -> &'a TimeZone {
        match self {
            Calendar::Event(event) => event.zone().or(default),
            Calendar::Cron(_) => default,
        }
    }

    /// The expression in plain English, such as "every Sunday at 01:00".
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Calendar::Event(event) => describe::describe(event.wall(), event.zone().name()),
            Calendar::Cron(cron) => describe::describe(cron.wall(), None),
        }
    }
}

impl FromStr for Calendar {
    type Err = CalendarError;

    fn from_str(text: &str) -> Result<Calendar, CalendarError> {
        match parse::parse(text) {
            Ok(event) => Ok(Calendar::Event(event)),
            Err(_) if cron::looks_like_cron(text) => Ok(Calendar::Cron(cron::parse(text)?)),
            Err(err) => Err(cron::miscounted(text).unwrap_or(err)),
        }
    }
}

impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Calendar::Event(event) => event.fmt(f),
            Calendar::Cron(cron) => cron.fmt(f),
        }
    }
}

impl TryFrom<String> for Calendar {
    type Error = CalendarError;

    fn try_from(text: String) -> Result<Calendar, CalendarError> {
        text.parse()
    }
}

impl From<Calendar> for String {
    fn from(calendar: Calendar) -> String {
        calendar.to_string()
    }
}

#[cfg(test)]
mod tests;
