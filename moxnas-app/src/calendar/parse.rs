//! Reads calendar expressions of systemd.
//!
//! The grammar is that of `systemd.time(7)`, "CALENDAR EVENTS", to the letter: one blank or more
//! between weekdays, date and time, exactly one before a zone, and none around the text.

use jiff::{Timestamp, tz::TimeZone};

use super::{
    cursor::{Cursor, Number},
    error::{CalendarError, Field},
    event::{Event, Parts},
    list::{Item, List, MICROS, bounds},
    zone::Zone,
};

/// The most items of a list that systemd reads.
const ITEMS: usize = 241;

/// Long names first, since short ones begin them. Monday is 0.
const WEEKDAYS: [(&str, u8); 14] = [
    ("monday", 0),
    ("mon", 0),
    ("tuesday", 1),
    ("tue", 1),
    ("wednesday", 2),
    ("wed", 2),
    ("thursday", 3),
    ("thu", 3),
    ("friday", 4),
    ("fri", 4),
    ("saturday", 5),
    ("sat", 5),
    ("sunday", 6),
    ("sun", 6),
];

/// All of a week.
pub(super) const ALL_WEEKDAYS: u8 = 0b111_1111;

/// Items of a list, each with the place where it was written: what it is a list of may be known
/// only behind it.
type Items<'a> = Vec<Written<'a>>;

/// An item of a list as it was written.
struct Written<'a> {
    start: Number<'a>,
    stop: Option<Number<'a>>,
    step: Option<u32>,
    text: &'a str,
}

/// The text as an expression of systemd.
pub(super) fn parse(text: &str) -> Result<Event, CalendarError> {
    let (when, zone) = Zone::split(text);
    if when.is_empty() {
        return Err(CalendarError::Empty);
    }
    let parts = match shorthand(when) {
        Some(parts) => Ok(parts),
        None => written_out(when),
    };
    match parts {
        Ok(parts) => Ok(Event::new(parts, zone)),
        Err(err) => Err(Zone::unknown(text, &err).unwrap_or_else(|| word(err))),
    }
}

/// Letters where no weekday is known are a word that was taken for one of ours.
fn word(err: CalendarError) -> CalendarError {
    match err {
        CalendarError::Unexpected { at, found, .. } if found.starts_with(char::is_alphabetic) => {
            CalendarError::UnknownWord { at, word: found }
        }
        err => err,
    }
}

/// What systemd abbreviates by a word; `anually` is one that it forgives.
fn shorthand(word: &str) -> Option<Parts> {
    let zero = || List::one(0);
    let one = || List::one(1);
    let midnight = Parts {
        hours: zero(),
        minutes: zero(),
        ..Parts::every_minute()
    };
    let months = |months: &[u32]| Parts {
        months: List::new(months.iter().map(|it| Item::one(*it)).collect()),
        days: one(),
        ..midnight.clone()
    };
    Some(match word.to_ascii_lowercase().as_str() {
        "minutely" => Parts::every_minute(),
        "hourly" => Parts {
            minutes: zero(),
            ..Parts::every_minute()
        },
        "daily" => midnight,
        "weekly" => Parts {
            weekdays: 1,
            ..midnight
        },
        "monthly" => Parts {
            days: one(),
            ..midnight
        },
        "quarterly" => months(&[1, 4, 7, 10]),
        "biannually" | "bi-annually" | "semiannually" | "semi-annually" => months(&[1, 7]),
        "annually" | "yearly" | "anually" => months(&[1]),
        _ => return None,
    })
}

fn written_out(text: &str) -> Result<Parts, CalendarError> {
    let mut cursor = Cursor::new(text);
    let weekdays = weekdays(&mut cursor)?;
    let mut parts = Parts {
        weekdays,
        ..Parts::every_minute()
    };
    if cursor.peek() == Some(b'@') {
        timestamp(&mut cursor, &mut parts)?;
    } else {
        date(&mut cursor, &mut parts)?;
        time(&mut cursor, &mut parts)?;
    }
    Ok(parts)
}

/// `Mon`, `Mon,Wed`, `Mon..Fri`, and `Mon-Fri` as it once was. All of them if there is none.
fn weekdays(cursor: &mut Cursor<'_>) -> Result<u8, CalendarError> {
    let mut days = 0;
    // Where a range began, and with which day.
    let mut range: Option<(usize, u8)> = None;
    loop {
        let at = cursor.at();
        let Some((_, day)) = WEEKDAYS.iter().find(|it| cursor.eat_letters(it.0)) else {
            if days == 0 {
                return Ok(ALL_WEEKDAYS);
            }
            return Err(cursor.unexpected("a weekday"));
        };
        days |= match range {
            Some((at, first)) if first > *day => {
                let text = cursor.since(at).to_owned();
                let weekdays = true;
                return Err(CalendarError::Backward { at, text, weekdays });
            }
            Some((_, first)) => (first..=*day).fold(0, |days, it| days | 1 << it),
            None => 1 << day,
        };
        match cursor.peek() {
            None => return Ok(days),
            Some(b' ') => {
                cursor.eat_blanks();
                return Ok(days);
            }
            Some(b',') => {
                cursor.eat(",");
                range = None;
            }
            _ if range.is_none() && (cursor.eat("..") || cursor.eat("-")) => {
                range = Some((at, *day));
            }
            _ => return Err(cursor.unexpected("a blank, a comma or \"..\"")),
        }
        // A comma may trail, an open range may not.
        if range.is_none() && matches!(cursor.peek(), None | Some(b' ')) {
            cursor.eat_blanks();
            return Ok(days);
        }
    }
}

/// `@` and seconds since 1970: one moment, in UTC.
fn timestamp(cursor: &mut Cursor<'_>, parts: &mut Parts) -> Result<(), CalendarError> {
    cursor.eat("@");
    while cursor.eat(" ") {}
    cursor.eat("+");
    let at = cursor.at();
    let digits = cursor.digits();
    if digits.is_empty() || !cursor.at_end() {
        return Err(cursor.unexpected("seconds since 1970"));
    }
    let (low, high) = bounds(Field::Year);
    let moment = digits
        .parse()
        .ok()
        .and_then(|it| Timestamp::from_second(it).ok());
    let moment = moment.map(|it| TimeZone::UTC.to_datetime(it));
    let one = |it: i8| List::one(it.unsigned_abs().into());
    match moment.map(|it| (it, u32::from(it.year().unsigned_abs()))) {
        Some((moment, year)) if year <= high => {
            parts.years = List::one(year);
            parts.months = one(moment.month());
            parts.days = one(moment.day());
            parts.hours = one(moment.hour());
            parts.minutes = one(moment.minute());
            parts.seconds = List::one(u32::from(moment.second().unsigned_abs()) * MICROS);
            parts.in_utc = true;
            Ok(())
        }
        _ => Err(CalendarError::OutOfRange {
            at,
            text: digits.to_owned(),
            field: Field::Year,
            low,
            high,
        }),
    }
}

/// `YYYY-MM-DD`, `MM-DD`, with `~` before days that are counted from the end; nothing if what
/// comes is a time.
fn date(cursor: &mut Cursor<'_>, parts: &mut Parts) -> Result<(), CalendarError> {
    if cursor.at_end() {
        return Ok(());
    }
    let start = *cursor;
    let first = list(cursor, Field::Day)?;
    if matches!(cursor.peek(), None | Some(b':')) {
        *cursor = start;
        return Ok(());
    }
    let mut from_end = dash(cursor)?;
    let second = list(cursor, Field::Day)?;
    let (years, months, days) = if matches!(cursor.peek(), None | Some(b' ')) {
        (Vec::new(), first, second)
    } else if from_end {
        return Err(cursor.unexpected("the end of the date"));
    } else {
        from_end = dash(cursor)?;
        (first, second, list(cursor, Field::Day)?)
    };
    if !matches!(cursor.peek(), None | Some(b' ')) {
        return Err(cursor.unexpected("a blank before the time"));
    }
    cursor.eat_blanks();
    parts.years = checked(years, Field::Year)?;
    parts.months = checked(months, Field::Month)?;
    parts.from_end = from_end && !days.is_empty();
    let field = match parts.from_end {
        true => Field::DayFromEnd,
        false => Field::Day,
    };
    parts.days = checked(days, field)?;
    Ok(())
}

/// Whether what separates month and day is `~`.
fn dash(cursor: &mut Cursor<'_>) -> Result<bool, CalendarError> {
    match cursor.eat("~") {
        true => Ok(true),
        false if cursor.eat("-") => Ok(false),
        false => Err(cursor.unexpected("\"-\" or \"~\" in a date, or \":\" in a time")),
    }
}

/// `HH:MM`, `HH:MM:SS`, or midnight if there is nothing.
fn time(cursor: &mut Cursor<'_>, parts: &mut Parts) -> Result<(), CalendarError> {
    if cursor.at_end() {
        parts.hours = List::one(0);
        parts.minutes = List::one(0);
        return Ok(());
    }
    let hours = list(cursor, Field::Hour)?;
    if !cursor.eat(":") {
        return Err(cursor.unexpected("\":\" in a time"));
    }
    let minutes = list(cursor, Field::Minute)?;
    if cursor.eat(":") {
        let seconds = list(cursor, Field::Second)?;
        parts.seconds = match seconds.is_empty() {
            true => List::every_second(),
            false => List::of_seconds(items(seconds, Field::Second)?),
        };
    }
    if !cursor.at_end() {
        return Err(cursor.unexpected("the end of the time"));
    }
    parts.hours = checked(hours, Field::Hour)?;
    parts.minutes = checked(minutes, Field::Minute)?;
    Ok(())
}

/// `*` (which is no items) or items with commas between them.
fn list<'a>(cursor: &mut Cursor<'a>, field: Field) -> Result<Items<'a>, CalendarError> {
    if cursor.eat("*") {
        return Ok(Vec::new());
    }
    let at = cursor.at();
    let mut items = Vec::new();
    loop {
        items.push(item(cursor, field)?);
        if !cursor.eat(",") {
            return Ok(items);
        }
        if items.len() == ITEMS {
            return Err(CalendarError::TooMany { at, limit: ITEMS });
        }
    }
}

fn item<'a>(cursor: &mut Cursor<'a>, field: Field) -> Result<Written<'a>, CalendarError> {
    let at = cursor.at();
    let start = cursor.number(field)?;
    let stop = match cursor.eat("..") {
        true => Some(cursor.number(field)?),
        false => None,
    };
    let step = match cursor.eat("/") {
        true => Some(cursor.number(field)?.value),
        false => None,
    };
    let text = cursor.since(at);
    if step == Some(0) {
        let text = text.to_owned();
        return Err(CalendarError::NoStep { at, text });
    }
    if step.is_some_and(|it| i32::try_from(it).is_err()) {
        let text = text.to_owned();
        return Err(CalendarError::StepTooLong { at, text, field });
    }
    if !matches!(cursor.peek(), None | Some(b' ' | b',' | b'-' | b'~' | b':')) {
        return Err(cursor.unexpected("\",\", \"..\", \"/\" or the next part"));
    }
    Ok(Written {
        start,
        stop,
        step,
        text,
    })
}

fn checked(written: Items<'_>, field: Field) -> Result<List, CalendarError> {
    Ok(List::new(items(written, field)?))
}

fn items(written: Items<'_>, field: Field) -> Result<Vec<Item>, CalendarError> {
    let items = written.iter().map(|it| it.checked(field));
    items.collect()
}

impl Written<'_> {
    /// The item, if such a field can have it and a step is ever taken.
    fn checked(&self, field: Field) -> Result<Item, CalendarError> {
        let (low, high) = bounds(field);
        let (at, text) = (self.start.at, || self.text.to_owned());
        let backward = |at| CalendarError::Backward {
            at,
            text: text(),
            weekdays: false,
        };
        let bounded = |value, it: &Number<'_>| match (low..=high).contains(&value) {
            true => Ok(()),
            false => Err(CalendarError::OutOfRange {
                at: it.at,
                text: it.text.to_owned(),
                field,
                low,
                high,
            }),
        };
        let start = century(self.start.value, field);
        bounded(start, &self.start)?;
        let stop = self.stop.as_ref().map(|it| century(it.value, field));
        let unit = if field == Field::Second { MICROS } else { 1 };
        // Of seconds, a range without a step goes by whole ones and has to hold two.
        if let Some(stop) = stop
            && (stop < start || self.step.is_none() && unit > 1 && stop - start < unit)
        {
            return Err(backward(at));
        }
        let step = self.step.unwrap_or(if stop.is_some() { unit } else { 0 });
        let item = Item { start, stop, step }.normalized();
        // Only then: 2..14/10 is 2 and 12, and good for months.
        if let (Some(stop), Some(written)) = (item.stop, &self.stop) {
            bounded(stop, written)?;
        }
        let room = match (item.stop, field) {
            (Some(stop), _) => stop - start,
            // Days from the end are counted down by a step.
            (None, Field::DayFromEnd) => start - low,
            (None, _) => high - start,
        };
        if item.step > room {
            let text = text();
            return Err(CalendarError::StepTooLong { at, text, field });
        }
        Ok(item)
    }
}

/// Years of two digits are from 1970 to 2069.
fn century(value: u32, field: Field) -> u32 {
    match value {
        0..70 if field == Field::Year => value + 2000,
        70..100 if field == Field::Year => value + 1900,
        _ => value,
    }
}
