//! Time zones: their names in expressions, and what becomes of a reading that a clock skips or shows
//! twice.

use jiff::{
    Timestamp, ToSpan,
    civil::DateTime,
    tz::{self, AmbiguousOffset, Offset, TimeZone},
};

use super::{error::CalendarError, wall::Wall};

/// The zone in which an expression is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    /// That of the machine, which the caller knows.
    Default,
    /// The one that is behind the expression, under its name in the database of time zones.
    Named(String, TimeZone),
}

impl Zone {
    pub(super) fn utc() -> Zone {
        Zone::Named("UTC".into(), TimeZone::UTC)
    }

    pub(super) fn or<'a>(&'a self, default: &'a TimeZone) -> &'a TimeZone {
        match self {
            Zone::Default => default,
            Zone::Named(_, zone) => zone,
        }
    }

    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Zone::Default => None,
            Zone::Named(name, _) => Some(name),
        }
    }

    /// The expression, and the zone that is its last word. `UTC` may be small, other names are
    /// spelt as in the database.
    pub(super) fn split(text: &str) -> (&str, Zone) {
        let Some((when, name)) = text.rsplit_once(' ') else {
            return (text, Zone::Default);
        };
        if name.eq_ignore_ascii_case("UTC") {
            return (when, Zone::utc());
        }
        match find(name) {
            Some((spelt, zone)) if spelt == name => (when, Zone::Named(spelt, zone)),
            _ => (text, Zone::Default),
        }
    }

    /// That the last word should have been a zone, if the text is wrong there.
    pub(super) fn unknown(text: &str, err: &CalendarError) -> Option<CalendarError> {
        let (when, name) = text.rsplit_once(' ')?;
        let (at, wrong) = (when.len() + 1, err.at());
        let is_here = wrong + 1 >= at && name.starts_with(|it: char| it.is_alphabetic());
        (is_here && matches!(err, CalendarError::Unexpected { .. })).then(|| {
            CalendarError::UnknownZone {
                at,
                name: name.chars().take(40).collect(),
                alike: find(name).map(|it| it.0),
            }
        })
    }
}

/// The zone of this name, and how the name is spelt.
fn find(name: &str) -> Option<(String, TimeZone)> {
    let is_name = |it: char| it.is_ascii_alphanumeric() || "-_+/".contains(it);
    if !name.starts_with(|it: char| it.is_ascii_alphabetic()) || !name.chars().all(is_name) {
        return None;
    }
    let zone = tz::db().get(name).ok()?;
    Some((zone.iana_name()?.to_owned(), zone))
}

/// Where a reading of the clock is in time.
pub(super) enum Place {
    /// Once.
    Once(Timestamp),
    /// Twice: the clock is put back.
    Twice(Timestamp, Timestamp),
    /// Nowhere: the clock is put forward.
    Skipped(Gap),
}

/// What a clock skips.
pub(super) struct Gap {
    /// The moment at which the clock is put forward.
    pub(super) at: Timestamp,
    /// What it then reads.
    pub(super) resumes: DateTime,
    /// By how many seconds it is put forward.
    pub(super) seconds: i32,
}

/// Where a reading is; none where time itself ends.
pub(super) fn place(zone: &TimeZone, reading: DateTime) -> Option<Place> {
    let at = |offset: Offset| offset.to_timestamp(reading).ok();
    Some(match zone.to_ambiguous_timestamp(reading).offset() {
        AmbiguousOffset::Unambiguous { offset } => Place::Once(at(offset)?),
        AmbiguousOffset::Fold { before, after } => Place::Twice(at(before)?, at(after)?),
        AmbiguousOffset::Gap { before, after } => {
            // Read with the old offset it is behind the change.
            let behind = at(before)?.checked_add(1.nanosecond()).ok()?;
            let change = zone.preceding(behind).next()?.timestamp();
            // The search goes on from here, so it has to be later whatever the database says.
            let least = reading.checked_add(1.microsecond()).ok()?;
            Place::Skipped(Gap {
                at: change,
                resumes: after.to_datetime(change).max(least),
                seconds: after.seconds() - before.seconds(),
            })
        }
    })
}

/// The first microsecond that is later than `after` and not before 1970.
pub(super) fn later(after: Timestamp) -> Option<Timestamp> {
    let micros = after.as_nanosecond().div_euclid(1_000) + 1;
    Timestamp::from_microsecond(i64::try_from(micros.max(0)).ok()?).ok()
}

/// The next moment after `after` at which a clock of this zone shows one of the readings, as systemd
/// finds it.
///
/// systemd looks for the next *reading* and then for its moment. So a reading that the clock skips
/// is left out, and when the clock is put back, what it shows a second time comes no second time,
/// not even if it is every minute; unless `after` is in the repetition, which is gone through then.
pub(super) fn next_reading(wall: &Wall, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let mut from = zone.to_datetime(later(after)?);
    loop {
        let reading = wall.next(from)?;
        match place(zone, reading)? {
            Place::Once(at) => return Some(at),
            Place::Twice(first, second) if first > after => return Some(first.min(second)),
            Place::Twice(_, second) => return Some(second),
            Place::Skipped(gap) => from = gap.resumes,
        }
    }
}
