//! Expressions in plain English.

use super::{
    list::{List, MICROS},
    wall::{Days, Join, OfMonth, Wall},
};

/// More times of day than this are told by hours and minutes.
const TIMES: usize = 6;

const ALL_DAYS: u64 = (1 << 32) - 2;
const ALL_MONTHS: u64 = (1 << 13) - 2;
const ALL_HOURS: u64 = (1 << 24) - 1;
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
                    micros => format!(":{}", of_minute(*micros)),
                };
                times.push(format!("{hour:02}:{minute:02}{second}"));
            }
        }
    }
    Some(and(&times))
}

/// "every 15 minutes", "every hour at minute 5", "every 10 seconds of hours 8 to 17".
fn within_days(wall: &Wall) -> String {
    let on_the_minute = wall.seconds == List::one(0);
    let minutes = members(wall.minutes);
    let mut text = match few(&wall.seconds, 61) {
        _ if on_the_minute => String::new(),
        Some(micros) => match micros.as_slice() {
            micros if micros.len() == 60 && micros.iter().all(|it| it % MICROS == 0) => {
                "every second".into()
            }
            micros => match cycle(micros, 60 * MICROS) {
                Some(step) if step % MICROS == 0 => format!("every {} seconds", step / MICROS),
                Some(step) => format!("every {} seconds", of_minute(step)),
                None => {
                    let seconds: Vec<_> = micros.iter().map(|it| of_minute(*it)).collect();
                    format!("at second {}", and(&seconds))
                }
            },
        },
        None => "several times a second".into(),
    };
    let all_hours = wall.hours == ALL_HOURS;
    let told = match (wall.minutes == ALL_MINUTES, cycle(&minutes, 60)) {
        (true, _) if on_the_minute => "every minute".into(),
        (true, _) => String::new(),
        (false, Some(step)) => format!("every {step} minutes"),
        (false, None) if minutes == [0] && on_the_minute => String::new(),
        (false, None) => format!("at minute {}", runs(wall.minutes, |it| it.to_string())),
    };
    let is_cycle = told.starts_with("every");
    join(&mut text, &told, " ");
    let hours = match (all_hours, cycle(&members(wall.hours), 24)) {
        (true, _) if is_cycle || wall.minutes == ALL_MINUTES => String::new(),
        (true, _) if text.is_empty() => "every hour".into(),
        (true, _) => "of every hour".into(),
        (false, Some(step)) if text.is_empty() => format!("every {step} hours"),
        (false, Some(step)) => format!("of every {}", ordinal(step, "hour")),
        (false, None) => {
            let hours = runs(wall.hours, |it| it.to_string());
            let plural = if wall.hours.count_ones() == 1 {
                ""
            } else {
                "s"
            };
            match text.is_empty() {
                true => format!("on the hour at {hours}"),
                false => format!("during hour{plural} {hours}"),
            }
        }
    };
    join(&mut text, &hours, " ");
    text
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
    let of = month.clone().unwrap_or_else(|| "every month".into());
    let numbers = match of_month {
        OfMonth::FromStart(ALL_DAYS) => None,
        OfMonth::FromStart(days) => Some(runs(days, |it| format!("{it}{}", ending(it)))),
        OfMonth::FromEnd(days) => Some(from_end(days)),
    };
    let in_month = month.map_or(String::new(), |it| format!(" in {it}"));
    let mut text = match (numbers, weekdays) {
        (None, None) if in_month.is_empty() => String::new(),
        (None, None) => format!("every day{in_month}"),
        (None, Some(weekdays)) => format!("every {weekdays}{in_month}"),
        (Some(days), None) => format!("on the {days} of {of}"),
        (Some(days), Some(weekdays)) if by == Join::Either => {
            format!("on the {days} of {of} and every {weekdays}{in_month}")
        }
        (Some(days), Some(weekdays)) => {
            format!("every {weekdays} that is the {days} of {of}")
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
        text.push_str(" in ");
        text.push_str(&groups(&years, |it| it.to_string()));
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

/// Microseconds as seconds: "05", "05.5".
fn of_minute(micros: u32) -> String {
    let text = format!("{:02}.{:06}", micros / MICROS, micros % MICROS);
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

fn and(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

fn join(text: &mut String, more: &str, between: &str) {
    if !text.is_empty() && !more.is_empty() {
        text.push_str(between);
    }
    text.push_str(more);
}
