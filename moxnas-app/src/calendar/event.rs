//! Calendar expressions of systemd.

use std::fmt;

use jiff::{Timestamp, tz::TimeZone};

use super::{
    error::Field,
    list::List,
    parse::ALL_WEEKDAYS,
    wall::{Days, Join, OfMonth, Wall},
    zone::{Zone, next_reading},
};

/// A calendar expression of systemd, such as `Sun *-*-* 01:00:00`.
///
/// `Display` prints the normalized form, as `systemd-analyze calendar` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    parts: Parts,
    zone: Zone,
    wall: Wall,
}

/// An expression without its zone, as it is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    /// Bit 0 is Monday.
    pub(super) weekdays: u8,
    pub(super) years: List,
    pub(super) months: List,
    pub(super) days: List,
    /// Days are counted from the end of the month.
    pub(super) from_end: bool,
    pub(super) hours: List,
    pub(super) minutes: List,
    /// In microseconds of a minute.
    pub(super) seconds: List,
    /// It is a moment by number, and no zone changes that.
    pub(super) in_utc: bool,
}

impl Parts {
    pub(super) fn every_minute() -> Parts {
        Parts {
            weekdays: ALL_WEEKDAYS,
            years: List::default(),
            months: List::default(),
            days: List::default(),
            from_end: false,
            hours: List::default(),
            minutes: List::default(),
            seconds: List::one(0),
            in_utc: false,
        }
    }
}

impl Event {
    pub(super) fn new(mut parts: Parts, zone: Zone) -> Event {
        let zone = match std::mem::take(&mut parts.in_utc) {
            true => Zone::utc(),
            false => zone,
        };
        let of_month = match parts.from_end {
            true => OfMonth::FromEnd(parts.days.bits_from_end()),
            false => OfMonth::FromStart(parts.days.bits(Field::Day)),
        };
        let wall = Wall {
            years: parts.years.clone(),
            months: parts.months.bits(Field::Month),
            days: Days {
                of_month,
                weekdays: parts.weekdays,
                join: Join::Both,
            },
            hours: parts.hours.bits(Field::Hour),
            minutes: parts.minutes.bits(Field::Minute),
            seconds: parts.seconds.clone(),
        };
        Event { parts, zone, wall }
    }

    /// See [`super::Calendar::next_after`].
    pub(super) fn next_after(&self, after: Timestamp, default: &TimeZone) -> Option<Timestamp> {
        next_reading(&self.wall, self.zone.or(default), after)
    }

    pub(super) fn zone(&self) -> &Zone {
        &self.zone
    }

    pub(super) fn wall(&self) -> &Wall {
        &self.wall
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = &self.parts;
        if parts.weekdays != ALL_WEEKDAYS {
            print_weekdays(f, parts.weekdays)?;
            f.write_str(" ")?;
        }
        parts.years.print(f, 4)?;
        f.write_str("-")?;
        parts.months.print(f, 2)?;
        f.write_str(if parts.from_end { "~" } else { "-" })?;
        parts.days.print(f, 2)?;
        f.write_str(" ")?;
        parts.hours.print(f, 2)?;
        f.write_str(":")?;
        parts.minutes.print(f, 2)?;
        f.write_str(":")?;
        parts.seconds.print_seconds(f)?;
        match self.zone.name() {
            Some(name) => write!(f, " {name}"),
            None => Ok(()),
        }
    }
}

/// Two days that follow each other are a list, three are a range.
fn print_weekdays(f: &mut fmt::Formatter<'_>, days: u8) -> fmt::Result {
    const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let mut day = 0;
    let mut comma = "";
    while day < 7 {
        let run = (days >> day).trailing_ones() as usize;
        let dots = match run {
            0 => {
                day += 1;
                continue;
            }
            1 => None,
            2 => Some(","),
            _ => Some(".."),
        };
        write!(f, "{comma}{}", NAMES[day])?;
        if let Some(dots) = dots {
            write!(f, "{dots}{}", NAMES[day + run - 1])?;
        }
        comma = ",";
        day += run;
    }
    Ok(())
}
