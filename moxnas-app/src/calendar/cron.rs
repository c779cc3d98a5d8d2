//! Expressions of cron, as cronie reads and runs them.
//!
//! Five fields: minute, hour, day of the month, month, weekday. Each is a list of `*`, a number, a
//! range, or `*` or a range with a step. Months and weekdays may be words of three letters, also in
//! ranges; 0 and 7 are Sunday. If neither days of the month nor weekdays begin with `*`, a day has
//! to be but one of both; else it has to be both.
//!
//! Not read: `5/10` (cron's own programs disagree about it), `~` (a random number is no time),
//! `@reboot`, and what Quartz and others added.

use std::fmt;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{
    cursor::Cursor,
    error::{A_RANGE, CalendarError, Field},
    list::{List, bounds},
    wall::{Days, Join, OfMonth, Wall},
    zone::{Place, later, next_reading, place},
};

/// Cron takes a clock that is put forward by more for one that was wrong.
const CATCH_UP_SECONDS: i32 = 3 * 60 * 60;

const FIELDS: [Field; 5] = [
    Field::Minute,
    Field::Hour,
    Field::Day,
    Field::Month,
    Field::Weekday,
];

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// An expression of cron, such as `0 1 * * 0`.
///
/// `Display` prints five fields, with numbers in place of words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    fields: [Vec<Item>; 5],
    wall: Wall,
}

/// `*/2`, `5`, or `1-5/2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Item {
    star: bool,
    low: u32,
    high: u32,
    /// At least 1.
    step: u32,
}

/// Whether a text is meant for cron: five fields of its characters, or a word behind `@`.
pub(super) fn looks_like_cron(text: &str) -> bool {
    let is_cron = |it: char| it.is_ascii_alphanumeric() || "*,-/ \t".contains(it);
    text.starts_with('@') || (text.chars().all(is_cron) && text.split_whitespace().count() == 5)
}

/// That there are too few or too many fields, of a text that has fields of cron.
pub(super) fn miscounted(text: &str) -> Option<CalendarError> {
    let is_field = |it: char| it.is_ascii_alphanumeric() || "*,-/?#".contains(it);
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_cron = words.iter().all(|it| it.chars().all(is_field))
        && words.iter().any(|it| matches!(*it, "*" | "?"));
    let count = words.len();
    (is_cron && (2..=7).contains(&count)).then_some(CalendarError::FieldCount { count })
}

pub(super) fn parse(text: &str) -> Result<Cron, CalendarError> {
    if let Some(word) = text.strip_prefix('@') {
        return at_word(word);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let words: [&str; 5] = words
        .try_into()
        .map_err(|it: Vec<&str>| CalendarError::FieldCount { count: it.len() })?;
    let mut cursor = Cursor::new(text);
    let mut fields: [Vec<Item>; 5] = Default::default();
    for ((into, field), word) in fields.iter_mut().zip(FIELDS).zip(words) {
        while cursor.eat(" ") || cursor.eat("\t") {}
        let end = cursor.at() + word.len();
        *into = list(&mut cursor, field)?;
        if cursor.at() != end {
            return Err(cursor.unexpected("\",\", \"-\" or the next field"));
        }
    }
    Ok(Cron::new(fields))
}

fn at_word(word: &str) -> Result<Cron, CalendarError> {
    let fields = match word.to_ascii_lowercase().as_str() {
        "yearly" | "annually" => "0 0 1 1 *",
        "monthly" => "0 0 1 * *",
        "weekly" => "0 0 * * 0",
        "daily" | "midnight" => "0 0 * * *",
        "hourly" => "0 * * * *",
        "reboot" => return Err(CalendarError::Reboot),
        _ => {
            let word = format!("@{}", word.chars().take(40).collect::<String>());
            return Err(CalendarError::UnknownWord { at: 0, word });
        }
    };
    parse(fields)
}

fn list(cursor: &mut Cursor<'_>, field: Field) -> Result<Vec<Item>, CalendarError> {
    let mut items = Vec::new();
    loop {
        items.push(item(cursor, field)?);
        if !cursor.eat(",") {
            return Ok(items);
        }
    }
}

fn item(cursor: &mut Cursor<'_>, field: Field) -> Result<Item, CalendarError> {
    let at = cursor.at();
    let (first, last) = bounds(field);
    let star = cursor.eat("*");
    let (low, high) = match star {
        // 7 is the same Sunday as 0, and would be counted twice by a step.
        true if field == Field::Weekday => (first, 6),
        true => (first, last),
        false => {
            let low = number(cursor, field)?;
            let high = match cursor.eat("-") {
                true => Some(number(cursor, field)?),
                false => None,
            };
            match high {
                // A week may end on Sunday, as in Fri-Sun.
                Some(0) if field == Field::Weekday && low > 0 => (low, 7),
                high => (low, high.unwrap_or(low)),
            }
        }
    };
    let text = cursor.since(at).to_owned();
    if high < low {
        let weekdays = field == Field::Weekday;
        return Err(CalendarError::Backward { at, text, weekdays });
    }
    if !star && high == low && cursor.peek() == Some(b'/') && !text.contains('-') {
        return Err(cursor.unexpected(A_RANGE));
    }
    let step = match cursor.eat("/") {
        true => cursor.number(Field::Minute)?.value,
        false => 1,
    };
    if step == 0 {
        let text = cursor.since(at).to_owned();
        return Err(CalendarError::NoStep { at, text });
    }
    // A step of its own for what has but one value is none.
    let step = if high == low { 1 } else { step };
    Ok(Item {
        star,
        low,
        high,
        step,
    })
}

/// A number or, of months and weekdays, a word.
fn number(cursor: &mut Cursor<'_>, field: Field) -> Result<u32, CalendarError> {
    let (words, first): (&[&str], u32) = match field {
        Field::Month => (&MONTHS, 1),
        Field::Weekday => (&WEEKDAYS, 0),
        _ => (&[], 0),
    };
    let named = (first..).zip(words).find(|it| cursor.eat_letters(it.1));
    if let Some((value, _)) = named {
        return Ok(value);
    }
    let number = cursor.number(field)?;
    let (low, high) = bounds(field);
    if (low..=high).contains(&number.value) {
        return Ok(number.value);
    }
    Err(CalendarError::OutOfRange {
        at: number.at,
        text: number.text.to_owned(),
        field,
        low,
        high,
    })
}

impl Cron {
    fn new(fields: [Vec<Item>; 5]) -> Cron {
        let [minutes, hours, days, months, weekdays] = &fields;
        // Sunday is bit 0 and bit 7 there, and bit 6 here.
        let sunday_first = bits(weekdays) | bits(weekdays) >> 7;
        let monday_first = (sunday_first >> 1 | sunday_first << 6) & 0b111_1111;
        let join = match begins_with_star(days) || begins_with_star(weekdays) {
            true => Join::Both,
            false => Join::Either,
        };
        let wall = Wall {
            years: List::default(),
            months: bits(months),
            days: Days {
                of_month: OfMonth::FromStart(bits(days)),
                weekdays: u8::try_from(monday_first).unwrap_or(u8::MAX),
                join,
            },
            hours: bits(hours),
            minutes: bits(minutes),
            seconds: List::one(0),
        };
        Cron { fields, wall }
    }

    pub(super) fn wall(&self) -> &Wall {
        &self.wall
    }

    /// See [`super::Calendar::next_after`].
    pub(super) fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let [minutes, hours, ..] = &self.fields;
        if begins_with_star(minutes) || begins_with_star(hours) {
            let next = next_reading(&self.wall, zone, after);
            let again = self.second_time(after, zone);
            return again.into_iter().chain(next).min();
        }
        self.once(after, zone)
    }

    /// What comes right after the change if the clock skips it, and once if the clock shows it twice.
    fn once(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut from = zone.to_datetime(later(after)?);
        loop {
            let reading = self.wall.next(from)?;
            match place(zone, reading)? {
                Place::Once(at) => return Some(at),
                Place::Twice(first, _) if first > after => return Some(first),
                Place::Twice(..) => {
                    from = reading.checked_add(SignedDuration::from_secs(60)).ok()?
                }
                Place::Skipped(gap) if gap.seconds <= CATCH_UP_SECONDS && gap.at > after => {
                    return Some(gap.at);
                }
                Place::Skipped(gap) => from = gap.resumes,
            }
        }
    }

    /// The first match in what the clock shows a second time, if `after` is in the first time.
    fn second_time(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let start = later(after)?;
        let Place::Twice(first, _) = place(zone, zone.to_datetime(start))? else {
            return None;
        };
        if first != start {
            return None;
        }
        let change = zone.following(start).next()?.timestamp();
        let reading = self.wall.next(zone.to_datetime(change))?;
        match place(zone, reading)? {
            Place::Twice(_, second) => Some(second),
            Place::Once(_) | Place::Skipped(_) => None,
        }
    }
}

fn begins_with_star(items: &[Item]) -> bool {
    items.first().is_some_and(|it| it.star)
}

fn bits(items: &[Item]) -> u64 {
    let values = items
        .iter()
        .flat_map(|it| (it.low..=it.high).step_by(it.step as usize));
    values.fold(0, |bits, value| bits | 1 << value)
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, items) in self.fields.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    f.write_str(",")?;
                }
                match item {
                    Item { star: true, .. } => f.write_str("*")?,
                    Item { low, high, .. } if low == high => write!(f, "{low}")?,
                    Item { low, high, .. } => write!(f, "{low}-{high}")?,
                }
                if item.step > 1 {
                    write!(f, "/{}", item.step)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
