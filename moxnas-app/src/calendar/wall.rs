//! The readings of a clock that an expression names, without any zone.

use jiff::civil::{Date, DateTime, Time};

use super::list::{List, MICROS};

/// The last year of systemd, of which every search has an end.
pub(super) const LAST_YEAR: u32 = 2199;

/// Dates and times of day as sets: bit 1 is month 1, and so on.
///
/// Finding the next one looks at each month at most once, so that a search through all years takes
/// some thousand steps of a few machine instructions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wall {
    pub(super) years: List,
    pub(super) months: u64,
    pub(super) days: Days,
    pub(super) hours: u64,
    pub(super) minutes: u64,
    /// In microseconds of a minute. Never without a value.
    pub(super) seconds: List,
}

/// Days of a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Days {
    pub(super) of_month: OfMonth,
    /// Bit 0 is Monday.
    pub(super) weekdays: u8,
    pub(super) join: Join,
}

/// Days by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OfMonth {
    /// From the first.
    FromStart(u64),
    /// From the last, which is bit 1.
    FromEnd(u64),
}

/// How days by number and days of the week go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Join {
    /// A day has to be both.
    Both,
    /// Cron, if neither field begins with `*`: a day may be either.
    Either,
}

impl Wall {
    /// The first reading that is not before this one, to the microsecond; none after [`LAST_YEAR`].
    pub(super) fn next(&self, from: DateTime) -> Option<DateTime> {
        let mut day = self.day(from.date())?;
        if day == from.date() {
            if let Some(time) = self.time(from.time()) {
                return Some(day.to_datetime(time));
            }
            day = self.day(from.date().tomorrow().ok()?)?;
        }
        Some(day.to_datetime(self.time(Time::midnight())?))
    }

    /// Whether there is any such date.
    pub(super) fn is_possible(&self) -> bool {
        self.day(Date::constant(1970, 1, 1)).is_some()
    }

    fn day(&self, from: Date) -> Option<Date> {
        let start = u32::from(from.year().unsigned_abs());
        let (mut month, mut day) = (number(from.month()), number(from.day()));
        let mut year = self.years.next(start, LAST_YEAR)?;
        if year != start {
            (month, day) = (1, 1);
        }
        loop {
            while let Some(found) = next_bit(self.months, month) {
                if found != month {
                    day = 1;
                }
                let first = Date::new(i16::try_from(year).ok()?, small(found), 1).ok()?;
                if let Some(day) = next_bit(self.days.in_month(first), day) {
                    return Date::new(first.year(), first.month(), small(day)).ok();
                }
                (month, day) = (found + 1, 1);
            }
            year = self.years.next(year + 1, LAST_YEAR)?;
            (month, day) = (1, 1);
        }
    }

    fn time(&self, from: Time) -> Option<Time> {
        let first_second = || self.second(0);
        let mut hour = next_bit(self.hours, number(from.hour()))?;
        if hour == number(from.hour()) {
            let start = number(from.minute());
            if next_bit(self.minutes, start) == Some(start) {
                let micros = number(from.second()) * MICROS
                    + from.subsec_nanosecond().unsigned_abs() / 1_000;
                if let Some(second) = self.second(micros) {
                    return time(hour, start, second);
                }
            }
            let start = match next_bit(self.minutes, start) {
                Some(minute) if minute == start => next_bit(self.minutes, start + 1),
                later => later,
            };
            if let Some(minute) = start {
                return time(hour, minute, first_second()?);
            }
            hour = next_bit(self.hours, hour + 1)?;
        }
        time(hour, next_bit(self.minutes, 0)?, first_second()?)
    }

    fn second(&self, from: u32) -> Option<u32> {
        self.seconds.next(from, 60 * MICROS - 1)
    }
}

impl Days {
    /// Those of the month that begins with this date.
    fn in_month(&self, first: Date) -> u64 {
        let length = number(first.days_in_month());
        let by_number = match self.of_month {
            OfMonth::FromStart(bits) => bits,
            // Bit 1 becomes the bit of the last day.
            OfMonth::FromEnd(bits) => bits.reverse_bits() >> (63 - length - 1),
        };
        let begins = first.weekday().to_monday_zero_offset().unsigned_abs();
        let week = u64::from(self.weekdays);
        let week = (week >> begins | week << (7 - begins)) & 0b111_1111;
        let by_weekday = (0..5).fold(0, |days, it| days | week << (7 * it + 1));
        let days = match self.join {
            Join::Both => by_number & by_weekday,
            Join::Either => by_number | by_weekday,
        };
        days & ((1 << (length + 1)) - 2)
    }
}

/// The smallest member of a set that is not below.
fn next_bit(bits: u64, from: u32) -> Option<u32> {
    let rest = bits.checked_shr(from)?;
    (rest != 0).then(|| from + rest.trailing_zeros())
}

/// A part of a date or time, none of which is negative.
fn number(part: i8) -> u32 {
    part.unsigned_abs().into()
}

/// A part of a date or time, all of which are below 64.
fn small(part: u32) -> i8 {
    i8::try_from(part).unwrap_or(i8::MAX)
}

fn time(hour: u32, minute: u32, micros: u32) -> Option<Time> {
    let nanos = i32::try_from(micros % MICROS * 1_000).ok()?;
    Time::new(small(hour), small(minute), small(micros / MICROS), nanos).ok()
}
