//! Expressions in plain English.

use super::{
    list::{List, MICROS},
    wall::{Days, Join, OfMonth, Wall},
};

/// More times of day than this are told by hours and minutes.
const TIMES: usize = 6;

const ALL_DAYS: u64 = (1 << 32) - 2;
const ALL_MONTHS: u64 = (1 << 13) - 2;
const ALL_MINUTES: u64 = (1 << 60) - 1;

const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A sentence without a full stop: the days, the times, and the zone if it is not that of the
/// machine.
pub(super) fn describe(wall: &Wall, zone: Option<&str>) -> String {
    if !wall.is_possible() {
        return "never: there is no such date".into();
    }
    let days = days(wall);
    let when = match (times_of_day(wall), days) {
        (Some(times), days) => {
            let days = days.unwrap_or_else(|| "every day".into());
            format!("{days} at {times}")
        }
        (None, None) => within_days(wall),
        (None, Some(days)) => format!("{}, {days}", within_days(wall)),
    };
    match zone {
        None => when,
        Some("UTC") => format!("{when} UTC"),
        Some(zone) => format!("{when} ({zone})"),
    }
}

/// "01:00, 07:00 and 13:30", if they are few.
fn times_of_day(wall: &Wall) -> Option<String> {
    let seconds = few(&wall.seconds, TIMES)?;
    let (hours, minutes) = (members(wall.hours), members(wall.minutes));
    if hours.len() * minutes.len() * seconds.len() > TIMES {
        return None;
    }
    let mut times = Vec::new();
    for hour in &hours {
        for minute in &minutes {
            for second in &seconds {
                let second = match second {
                    0 => String::new(),
                    micros if *micros < 10 * MICROS => format!(":0{}", of_minute(*micros)),
                    micros => format!(":{}", of_minute(*micros)),
                };
                times.push(format!("{hour:02}:{minute:02}{second}"));
            }
        }
    }
    Some(and(&times))
}

/// "every 15 minutes", "at minute 5 of every hour", "every 10 seconds from 08:00 to 17:59".
fn within_days(wall: &Wall) -> String {
    let hours = members(wall.hours);
    let minutes = members(wall.minutes);
    let all_minutes = wall.minutes == ALL_MINUTES;
    let on_the_minute = wall.seconds == List::one(0);
    // Whole hours are told by themselves.
    if on_the_minute && minutes == [0] {
        return match cycle(&hours, 24) {
            Some(1) => "every hour".into(),
            Some(step) => format!("every {step} hours"),
            None => match *hours.as_slice() {
                [first, .., last] if is_run(&hours) => {
                    format!("every hour from {first:02}:00 to {last:02}:00")
                }
                _ => format!("at {}", groups_of_one(&hours, |it| format!("{it:02}:00"))),
            },
        };
    }
    let seconds = seconds(&wall.seconds);
    let (minutes, by_minute) = match cycle(&minutes, 60) {
        Some(1) if on_the_minute => ("every minute".to_owned(), true),
        Some(step) if step > 1 => (format!("every {step} minutes"), true),
        _ if all_minutes => (String::new(), true),
        _ => {
            let plural = if minutes.len() == 1 { "" } else { "s" };
            let numbers = runs(wall.minutes, |it| it.to_string());
            (format!("at minute{plural} {numbers}"), false)
        }
    };
    let hours = match (cycle(&hours, 24), hours.as_slice()) {
        (Some(1), _) if by_minute => String::new(),
        (Some(1), _) => "of every hour".into(),
        (Some(step), _) => format!("of every {}", ordinal(step, "hour")),
        (None, [first, .., last]) if is_run(hours.as_slice()) => {
            format!("from {first:02}:00 to {last:02}:59")
        }
        (None, [hour]) => format!("from {hour:02}:00 to {hour:02}:59"),
        (None, _) => format!("during hours {}", runs(wall.hours, |it| it.to_string())),
    };
    let parts = match seconds {
        None => [minutes, hours, String::new()],
        Some(Seconds::Often(often)) => [often, minutes, hours],
        Some(Seconds::At(at)) if minutes.is_empty() => ["every minute".into(), hours, at],
        Some(Seconds::At(at)) => [minutes, hours, at],
    };
    let told: Vec<_> = parts.into_iter().filter(|it| !it.is_empty()).collect();
    told.join(" ")
}

/// Seconds, as they are told before the minutes or behind them.
enum Seconds {
    /// "every 10 seconds".
    Often(String),
    /// "at second 30".
    At(String),
}

/// None if it is at the full minute.
fn seconds(list: &List) -> Option<Seconds> {
    if *list == List::one(0) {
        return None;
    }
    let Some(micros) = few(list, 61) else {
        return Some(Seconds::Often("several times a second".into()));
    };
    Some(match cycle(&micros, 60 * MICROS) {
        Some(MICROS) => Seconds::Often("every second".into()),
        Some(step) => Seconds::Often(format!("every {} seconds", of_minute(step))),
        None => {
            let plural = if micros.len() == 1 { "" } else { "s" };
            let numbers = groups_of_one(&micros, of_minute);
            Seconds::At(format!("at second{plural} {numbers}"))
        }
    })
}

/// "every Sunday", "on the 1st and 15th of every month"; none if it is every day.
fn days(wall: &Wall) -> Option<String> {
    let Days {
        of_month,
        weekdays,
        join: by,
    } = wall.days;
    let weekdays = match weekdays {
        0b111_1111 => None,
        days => Some(runs(days.into(), |it| WEEKDAYS[it as usize].to_owned())),
    };
    let month = match wall.months {
        ALL_MONTHS => None,
        months => Some(runs(months, |it| MONTHS[it as usize - 1].to_owned())),
    };
    let of = month.as_deref().unwrap_or("every month");
    let numbers = match of_month {
        OfMonth::FromStart(ALL_DAYS) => None,
        OfMonth::FromStart(days) => Some(runs(days, |it| format!("{it}{}", ending(it)))),
        OfMonth::FromEnd(days) => Some(from_end(days)),
    };
    let in_month = match month {
        None => String::new(),
        Some(_) => within(&members(wall.months), |it| {
            MONTHS[it as usize - 1].to_owned()
        }),
    };
    let mut text = match (numbers, weekdays) {
        (None, None) if in_month.is_empty() => String::new(),
        (None, None) => format!("every day{in_month}"),
        (None, Some(weekdays)) => format!("every {weekdays}{in_month}"),
        (Some(days), None) => format!("on the {days} of {of}"),
        (Some(days), Some(weekdays)) if by == Join::Either => {
            format!("on the {days} of {of} and every {weekdays}{in_month}")
        }
        (Some(days), Some(weekdays)) => {
            let (OfMonth::FromStart(bits) | OfMonth::FromEnd(bits)) = of_month;
            let which = match bits.count_ones() {
                1 => "that is",
                _ => "among",
            };
            format!("every {weekdays} {which} the {days} of {of}")
        }
    };
    if !wall.years.is_all() {
        let mut years = Vec::new();
        let mut from = 0;
        while let Some(year) = wall.years.next(from, super::wall::LAST_YEAR) {
            years.push(year);
            from = year + 1;
        }
        if text.is_empty() {
            text.push_str("every day");
        }
        text.push_str(&match *years.as_slice() {
            [first, second, .., last] if second > first + 1 && is_even(&years) => {
                format!(" every {} years from {first} to {last}", second - first)
            }
            _ => within(&years, |it| it.to_string()),
        });
    }
    (!text.is_empty()).then_some(text)
}

fn from_end(days: u64) -> String {
    let name = |it: u32| match it {
        1 => "last day".to_owned(),
        it => format!("{}-to-last day", ordinal(it, "").trim_end()),
    };
    // In the order in which they come.
    match members(days).as_slice() {
        days if days.len() > 2 && days.len() as u32 == days[days.len() - 1] => {
            format!("last {} days", days.len())
        }
        days => and(&days.iter().rev().map(|it| name(*it)).collect::<Vec<_>>()),
    }
}

/// "second hour", "3rd hour".
fn ordinal(number: u32, of: &str) -> String {
    match number {
        2 => format!("second {of}"),
        3 => format!("third {of}"),
        number => format!("{number}{} {of}", ending(number)),
    }
}

fn ending(number: u32) -> &'static str {
    match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    }
}

/// The step of numbers that begin at 0 and go round evenly, such as 0, 15, 30, 45 of 60.
fn cycle(numbers: &[u32], round: u32) -> Option<u32> {
    let [0, step, ..] = numbers else {
        return None;
    };
    let even = round.is_multiple_of(*step) && numbers.len() as u32 == round / step;
    (even && numbers.is_sorted_by_key(|it| it / step) && numbers.iter().all(|it| it % step == 0))
        .then_some(*step)
}

/// Whether each is one more than the one before.
fn is_run(numbers: &[u32]) -> bool {
    numbers.windows(2).all(|it| it[0] + 1 == it[1])
}

/// Whether they are equally far apart, and at least three.
fn is_even(numbers: &[u32]) -> bool {
    let mut steps = numbers.windows(2).map(|it| it[1] - it[0]);
    let first = steps.next();
    numbers.len() > 2 && steps.all(|it| Some(it) == first)
}

/// Microseconds as seconds: "5", "5.5".
fn of_minute(micros: u32) -> String {
    let text = format!("{}.{:06}", micros / MICROS, micros % MICROS);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The seconds of a list, unless they are more.
fn few(list: &List, limit: usize) -> Option<Vec<u32>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(value) = list.next(from, 60 * MICROS - 1) {
        if found.len() == limit {
            return None;
        }
        found.push(value);
        from = value + 1;
    }
    Some(found)
}

fn members(bits: u64) -> Vec<u32> {
    (0..64).filter(|it| bits >> it & 1 == 1).collect()
}

fn runs(bits: u64, name: impl Fn(u32) -> String) -> String {
    groups(&members(bits), name)
}

/// "1, 3 to 6 and 9".
fn groups(numbers: &[u32], name: impl Fn(u32) -> String) -> String {
    let mut told = Vec::new();
    for run in numbers.chunk_by(|a, b| a + 1 == *b) {
        match run {
            [first, _, .., last] => told.push(format!("{} to {}", name(*first), name(*last))),
            few => told.extend(few.iter().map(|it| name(*it))),
        }
    }
    and(&told)
}

/// Without runs: "1, 2, 3 and 4".
fn groups_of_one(numbers: &[u32], name: impl Fn(u32) -> String) -> String {
    and(&numbers.iter().map(|it| name(*it)).collect::<Vec<_>>())
}

/// " from June to August", " in May and July".
fn within(numbers: &[u32], name: impl Fn(u32) -> String) -> String {
    match *numbers {
        [first, _, .., last] if is_run(numbers) => {
            format!(" from {} to {}", name(first), name(last))
        }
        _ => format!(" in {}", groups(numbers, name)),
    }
}

fn and(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
