//! A span of every day or week in which something may run.

use jiff::{
    Timestamp, ToSpan,
    civil::{DateTime, Time},
    tz::TimeZone,
};

use super::{
    Calendar, CalendarError,
    cursor::Cursor,
    error::Field,
    list::{MICROS, bounds},
    zone::{Place, place},
};

/// Opens at the moments of an expression, and closes when the clock next shows a time of day:
/// "begin on Sundays at 01:00, pause at 07:00".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// When it opens.
    pub opens: Calendar,
    /// When it closes, in the zone of `opens`. If the clock skips this time, right after the change;
    /// if the clock shows it twice, the first time.
    pub closes: Time,
}

/// What a window is at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowState {
    /// It is open.
    Open {
        /// When it closes.
        until: Timestamp,
    },
    /// It is closed.
    Closed {
        /// When it opens; none if it never does again.
        until: Option<Timestamp>,
    },
}

impl Window {
    /// From texts: an expression, and a time of day as `07:00` or `07:00:30`.
    ///
    /// # Errors
    /// What is wrong with the one or the other; the position is that in its own text.
    pub fn parse(opens: &str, closes: &str) -> Result<Window, CalendarError> {
        Ok(Window {
            opens: opens.parse()?,
            closes: time_of_day(closes)?,
        })
    }

    /// Whether the window is open at `now`, and until when it stays so. It is open at the moment at
    /// which it opens, and no longer at the one at which it closes.
    ///
    /// If both are the same moment it is open for a day.
    #[must_use]
    pub fn state(&self, now: Timestamp, default: &TimeZone) -> WindowState {
        let zone = self.opens.zone(default);
        let today = zone.to_datetime(now).date().to_datetime(self.closes);
        // No change of a clock is longer than a day, so that three days have a closing on each side.
        let closings = (-3..=3).filter_map(|days| {
            let reading = today.checked_add(i64::from(days).days()).ok()?;
            moment(zone, reading)
        });
        let (past, future): (Vec<_>, Vec<_>) = closings.partition(|it| *it <= now);
        let opened = past.last().and_then(|closed| {
            let just_before = closed.checked_sub(1.microsecond()).ok()?;
            self.opens.next_after(just_before, default)
        });
        match (opened, future.first()) {
            (Some(opened), Some(until)) if opened <= now => WindowState::Open { until: *until },
            _ => WindowState::Closed {
                until: self.opens.next_after(now, default),
            },
        }
    }

    /// The window in plain English, such as "every Sunday at 01:00, until 07:00".
    #[must_use]
    pub fn describe(&self) -> String {
        let closes = self.closes.strftime(match self.closes.second() {
            0 => "%H:%M",
            _ => "%H:%M:%S",
        });
        format!("{}, until {closes}", self.opens.describe())
    }
}

/// When the clock shows this, or first would have.
fn moment(zone: &TimeZone, reading: DateTime) -> Option<Timestamp> {
    Some(match place(zone, reading)? {
        Place::Once(at) | Place::Twice(at, _) => at,
        Place::Skipped(gap) => gap.at,
    })
}

fn time_of_day(text: &str) -> Result<Time, CalendarError> {
    let mut cursor = Cursor::new(text);
    let hour = part(&mut cursor, Field::Hour)?;
    if !cursor.eat(":") {
        return Err(cursor.unexpected("\":\" in a time"));
    }
    let minute = part(&mut cursor, Field::Minute)?;
    let second = match cursor.eat(":") {
        true => part(&mut cursor, Field::Second)?,
        false => 0,
    };
    if !cursor.at_end() {
        return Err(cursor.unexpected("the end of the time"));
    }
    let small = |it: u32| i8::try_from(it).unwrap_or(i8::MAX);
    let nanos = i32::try_from(second % MICROS * 1_000).unwrap_or(i32::MAX);
    let time = Time::new(small(hour), small(minute), small(second / MICROS), nanos);
    Ok(time.expect("the parts are within the bounds of their fields"))
}

fn part(cursor: &mut Cursor<'_>, field: Field) -> Result<u32, CalendarError> {
    let (low, high) = bounds(field);
    let number = cursor.number(field)?;
    match number.value {
        value if (low..=high).contains(&value) => Ok(value),
        _ => Err(CalendarError::OutOfRange {
            at: number.at,
            text: number.text.to_owned(),
            field,
            low,
            high,
        }),
    }
}
