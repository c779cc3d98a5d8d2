//! Days, as `/etc/shadow` counts them.

use std::{fmt, str::FromStr};

use jiff::{ToSpan, civil::Date};
use serde::{Deserialize, Serialize};

/// A day, counted from the first of 1970 in UTC. An account that expires on it cannot log in from
/// its first moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(u32);

/// A text or a number is no day that accounts can expire on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no day from 1970-01-02 to 2035-12-31, such as 2030-06-30")]
pub struct BadDay(String);

const FIRST: Date = Date::constant(1970, 1, 1);

impl Day {
    /// The day on which disabled accounts expired. Not the first of all: some programs take 0 for
    /// never.
    pub const DISABLED: Day = Day(1);

    /// 2035-12-31. Samba 4.17 keeps such moments in 32 bits, and says never by one in February
    /// 2036.
    pub const LAST: Day = Day(24_105);

    /// The day of this number.
    pub fn new(number: u32) -> Result<Day, BadDay> {
        match (1..=Day::LAST.0).contains(&number) {
            true => Ok(Day(number)),
            false => Err(BadDay(number.to_string())),
        }
    }

    /// How many days after the first of 1970 it is.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }

    /// Its first moment, in seconds since 1970.
    #[must_use]
    pub fn seconds(self) -> i64 {
        i64::from(self.0) * 86_400
    }
}

impl FromStr for Day {
    type Err = BadDay;

    fn from_str(text: &str) -> Result<Day, BadDay> {
        let bad = || BadDay(text.to_owned());
        let date: Date = text.parse().map_err(|_| bad())?;
        let days = date.duration_since(FIRST).as_hours() / 24;
        let day = u32::try_from(days).ok().and_then(|it| Day::new(it).ok());
        // A text with a time of day is a date to the parser.
        day.filter(|it| it.to_string() == text).ok_or_else(bad)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        FIRST.saturating_add(i64::from(self.0).days()).fmt(f)
    }
}

moxnas_core::text_type!(Day);
