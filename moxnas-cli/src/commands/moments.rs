//! Times, zones and calendar expressions as people write them.

use std::time::SystemTime;

use moxnas_app::calendar::{Calendar, CalendarError, TimeZone, Timestamp};

use crate::failure::Failure;

pub(super) fn calendar(expression: &str) -> Result<Calendar, Failure> {
    expression.parse().map_err(|err: CalendarError| {
        Failure::with_hint(format!("{expression:?}: {err}"), err.hint())
    })
}

/// The zone of a name, or that of this machine.
pub(super) fn zone(name: Option<&str>) -> Result<TimeZone, Failure> {
    let Some(name) = name else {
        return Ok(TimeZone::system());
    };
    TimeZone::get(name).map_err(|_| {
        Failure::with_hint(
            format!("there is no time zone {name}"),
            "names are those of IANA, such as Europe/Berlin",
        )
    })
}

/// A moment, or now: `2026-03-01T00:00:00Z`, or without `Z` as the clocks of the zone show it.
pub(super) fn moment(text: Option<&str>, zone: &TimeZone) -> Result<Timestamp, Failure> {
    let Some(text) = text.map(str::trim) else {
        return Timestamp::try_from(now()).map_err(|err| Failure::Broken(err.to_string()));
    };
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let local = text.parse::<jiff::civil::DateTime>();
    let at = local.and_then(|it| zone.to_ambiguous_timestamp(it).compatible());
    at.map_err(|_| {
        Failure::with_hint(
            format!("{text:?} is no moment"),
            "such as 2026-03-01T06:00:00Z, or 2026-03-01T06:00:00 in the zone of --tz",
        )
    })
}

fn now() -> SystemTime {
    use moxnas_core::clock::Clock;
    moxnas_core::clock::SystemClock.now()
}
