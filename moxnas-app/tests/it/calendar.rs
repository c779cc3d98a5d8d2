//! Calendar expressions give what systemd gives.
//!
//! Random expressions, most of them valid, are handed to `systemd-analyze calendar` and to us, with
//! a zone and a moment to begin at. Validity, normalized form and the next times have to agree.
//! `MOXNAS_CALENDAR_CASES` says how many (600 if it does not), `MOXNAS_CALENDAR_SEED` which.

#![expect(
    clippy::print_stdout,
    reason = "a test says what it compared, and that it was skipped"
)]

mod expressions;

use std::{collections::VecDeque, env, process::Command, sync::OnceLock, time::Duration};

use expressions::expression;
use moxnas_app::calendar::{Calendar, SignedDuration, TimeZone, Timestamp};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

const ZONES: [&str; 5] = [
    "Europe/Berlin",
    "America/New_York",
    "UTC",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
];

/// How many times of each expression are compared.
const TIMES: usize = 5;

/// How many expressions one process is asked about.
const BATCH: usize = 20;

/// What systemd says about one expression.
#[derive(Debug, PartialEq)]
struct Told {
    normalized: String,
    /// Whole seconds since 1970: it prints no fractions.
    times: Vec<i64>,
}

/// Its answer to one expression.
#[derive(Debug, PartialEq)]
enum Answer {
    Refused,
    /// Valid, but it took a thousand steps and did not come to an end.
    GaveUp,
    Told(Told),
}

/// One process, many expressions. No answer at all if there is no such program.
#[expect(clippy::disallowed_methods, reason = "the truth is in another program")]
fn ask_systemd(zone: &str, base: Timestamp, texts: &[String]) -> Option<Vec<Answer>> {
    let base = base.strftime("%Y-%m-%d %H:%M:%S%.6f UTC").to_string();
    let output = Command::new("systemd-analyze")
        .args(["calendar", &format!("--iterations={TIMES}")])
        .args([&format!("--base-time={base}"), "--"])
        .args(texts)
        .env("TZ", zone)
        .env("LC_ALL", "C")
        .output()
        .ok()?;
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let mut told = stdout
        .split("\n\n")
        .filter(|it| it.contains("Normalized form: "))
        .map(read_block);
    let failed = |line| -> Option<(&str, Answer)> {
        let refused = str::strip_prefix(line, "Failed to parse calendar specification '");
        let gave_up = line.strip_prefix("Failed to determine next elapse for '");
        let text = refused.or(gave_up)?.rsplit_once('\'').unwrap().0;
        let is_refused = refused.is_some();
        Some((
            text,
            if is_refused {
                Answer::Refused
            } else {
                Answer::GaveUp
            },
        ))
    };
    let mut failed: VecDeque<_> = stderr.lines().filter_map(failed).collect();
    let answers = texts.iter().map(|text| match failed.front() {
        Some((it, _)) if it == text => failed.pop_front().unwrap().1,
        _ => Answer::Told(told.next().unwrap_or_else(|| panic!("{text:?}: {stderr}"))),
    });
    let answers = answers.collect();
    assert!(told.next().is_none() && failed.is_empty(), "{stderr}");
    Some(answers)
}

fn read_block(block: &str) -> Told {
    let mut normalized = String::new();
    let mut times = Vec::new();
    for line in block.lines() {
        let Some((name, value)) = line.trim().split_once(": ") else {
            continue;
        };
        match name {
            "Normalized form" => normalized = value.to_owned(),
            // The same moment as in the line before, or that line if the zone is UTC.
            _ if name != "Original form" && value.ends_with(" UTC") => {
                let (_, date) = value.split_once(' ').unwrap();
                let at = format!("{}Z", date.trim_end_matches(" UTC"));
                times.push(at.parse::<Timestamp>().unwrap().as_second());
            }
            _ => {}
        }
    }
    Told { normalized, times }
}

fn ask_us(zone: &TimeZone, base: Timestamp, text: &str) -> Answer {
    let Ok(calendar @ Calendar::Event(_)) = text.parse() else {
        return Answer::Refused;
    };
    let times = calendar.upcoming(base, zone).take(TIMES);
    Answer::Told(Told {
        normalized: calendar.to_string(),
        times: times.map(|it| it.as_second()).collect(),
    })
}

/// A normalized expression with an end to each repetition: `04..12/6` for `04/6`.
///
/// When a repetition without an end runs over the end of its minute, day, month or year, systemd
/// begins the next one with what was left over: the minutes, the fraction of a second, or the state
/// of daylight saving time. It skips the first time then, is an hour off, or in a loop.
fn with_ends(normalized: &str) -> String {
    let mut words: Vec<_> = normalized.split(' ').map(str::to_owned).collect();
    let date = words
        .iter()
        .position(|it| it.contains(['-', '~']) && it.contains(['*', '0', '1', '2']))
        .unwrap();
    let (year, rest) = words[date].split_once('-').unwrap();
    words[date] = match rest.split_once('~') {
        Some((month, days)) => format!("{year}-{}~{}", ends(month, "12"), ends_back(days)),
        None => {
            let (month, days) = rest.split_once('-').unwrap();
            format!("{year}-{}-{}", ends(month, "12"), ends(days, "31"))
        }
    };
    let highs = ["23", "59", "59.999999"];
    let times = words[date + 1].split(':').zip(highs);
    words[date + 1] = times
        .map(|(it, high)| ends(it, high))
        .collect::<Vec<_>>()
        .join(":");
    words.join(" ")
}

fn ends(list: &str, high: &str) -> String {
    let item = |it: &str| match it.split_once('/') {
        Some((start, step)) if !start.contains("..") => format!("{start}..{high}/{step}"),
        _ => it.to_owned(),
    };
    list.split(',').map(item).collect::<Vec<_>>().join(",")
}

/// Days from the end, where a repetition goes down.
fn ends_back(list: &str) -> String {
    let item = |it: &str| match it.split_once('/') {
        Some((start, step)) if !start.contains("..") => {
            let (start, step): (u32, u32) = (start.parse().unwrap(), step.parse().unwrap());
            format!("{}..{start}/{step}", start - (start - 1) / step * step)
        }
        _ => it.to_owned(),
    };
    list.split(',').map(item).collect::<Vec<_>>().join(",")
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

/// Whether the program is there; says so once if it is not.
fn has_systemd() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let base = Timestamp::UNIX_EPOCH;
        let found = ask_systemd("UTC", base, &["daily".into()]).is_some();
        if !found {
            println!("skipped: there is no systemd-analyze (package systemd)");
        }
        found
    })
}

/// How many expressions were what.
#[derive(Debug, Default)]
struct Count {
    all: usize,
    valid: usize,
    /// About which systemd changes its mind when repetitions are given their ends.
    asked_again: usize,
}

/// Panics unless both say the same about every expression.
fn compare(zone_name: &str, base: Timestamp, texts: &[String], count: &mut Count) {
    let zone = zone(zone_name);
    let theirs = ask_systemd(zone_name, base, texts).unwrap();
    let mut wrong = Vec::new();
    for (text, theirs) in texts.iter().zip(theirs) {
        let ours = ask_us(&zone, base, text);
        count.all += 1;
        count.valid += usize::from(theirs != Answer::Refused);
        if ours == theirs {
            continue;
        }
        count.asked_again += 1;
        if !agrees_again(&ours, &theirs, zone_name, base) {
            wrong.push(format!(
                "TZ={zone_name} base {base}: {text:?}\n  systemd {theirs:?}\n  we      {ours:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether they differ but in what is known of systemd.
fn agrees_again(ours: &Answer, theirs: &Answer, zone_name: &str, base: Timestamp) -> bool {
    let Answer::Told(ours) = ours else {
        return false;
    };
    if let Answer::Told(theirs) = theirs
        && (theirs.normalized != ours.normalized || same_readings(ours, theirs, zone_name))
    {
        return theirs.normalized == ours.normalized;
    }
    let text = with_ends(&ours.normalized);
    match &ask_systemd(zone_name, base, &[text]).unwrap()[0] {
        Answer::Told(theirs) => {
            theirs.times == ours.times || same_readings(ours, theirs, zone_name)
        }
        // A date that there is not: both say never.
        Answer::GaveUp => ours.times.is_empty(),
        Answer::Refused => false,
    }
}

/// Within the hour that comes twice, an expression with days from the end gets the second: looking
/// for the end of the month makes systemd think of winter.
fn same_readings(ours: &Told, theirs: &Told, zone_name: &str) -> bool {
    let calendar: Calendar = ours.normalized.parse().unwrap();
    let default = zone(zone_name);
    let zone = calendar.zone(&default);
    let reading = |at: &i64| zone.to_datetime(Timestamp::from_second(*at).unwrap());
    let readings = |told: &Told| told.times.iter().map(reading).collect::<Vec<_>>();
    ours.normalized.contains('~') && readings(ours) == readings(theirs)
}

/// Any time, or near a change of the clock. From 1990 on in zones that once changed it at midnight:
/// systemd does not get over a midnight that the clock skips.
fn base(zone: &TimeZone, any: u64, near: i64) -> Timestamp {
    let from = |second: u64| Timestamp::from_second(i64::try_from(second).unwrap()).unwrap();
    // 2026 and the decades around it, or all that systemd allows.
    let some = match any % 3 {
        0 => from(any % 7_200_000_000),
        _ => from(1_500_000_000 + any % 1_000_000_000),
    };
    let some = match zone.iana_name() {
        Some("Asia/Kathmandu" | "Australia/Lord_Howe") => some.max(from(631_152_000)),
        _ => some,
    };
    let micros = Duration::from_micros(any % 1_000_000);
    let change = zone.following(some).next().map(|it| it.timestamp());
    let change = change.map(|it| it + SignedDuration::from_secs(near));
    match change {
        Some(change) if any.is_multiple_of(2) => change + micros,
        _ => some + micros,
    }
}

fn runner() -> TestRunner {
    let seed = env::var("MOXNAS_CALENDAR_SEED").map_or(0, |it| it.parse().unwrap());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    TestRunner::new_with_rng(Config::default(), rng)
}

#[test]
fn random_expressions_agree_with_systemd() {
    if !has_systemd() {
        return;
    }
    let cases = env::var("MOXNAS_CALENDAR_CASES").map_or(600, |it| it.parse().unwrap());
    let mut runner = runner();
    let sample = |runner: &mut TestRunner| expression().new_tree(runner).unwrap().current();
    let places = (0..ZONES.len(), any::<u64>(), -9_000..9_000_i64);
    let mut count = Count::default();
    while count.all < cases {
        let texts: Vec<_> = (0..BATCH).map(|_| sample(&mut runner)).collect();
        let (index, any, near) = places.new_tree(&mut runner).unwrap().current();
        let name = ZONES[index];
        compare(name, base(&zone(name), any, near), &texts, &mut count);
    }
    println!("agreed: {count:?}");
    assert!(
        count.valid * 2 > count.all && count.asked_again * 20 < count.all,
        "{count:?}"
    );
}

/// Around each change of the clock, before it, in it and behind it.
#[test]
fn changes_of_the_clock_agree_with_systemd() {
    if !has_systemd() {
        return;
    }
    let texts = [
        "02:30",
        "2:00",
        "3:00",
        "1:45",
        "1,2,3:0/15",
        "*:0/12",
        "*:30",
        "*:*:30",
        "*:0:0",
        "daily",
        "hourly",
        "Sun 2:15",
        "*-*-29 2:30",
        "2..3:10..50/20",
        "*-03,10-* 02:59:59.999999",
        "2:30 Europe/Berlin",
        "1:30 America/New_York",
        "*:0/10 Australia/Lord_Howe",
        "0/3:30",
        "Mon 0:0",
        "23:45",
        "02:30 UTC",
        "*-*-1/1",
        "*-*-1..7 1:59:59",
        "02:0/5:0/20",
    ]
    .map(str::to_owned);
    let changes = [
        ("Europe/Berlin", "2026-03-29T01:00:00Z"),
        ("Europe/Berlin", "2026-10-25T01:00:00Z"),
        ("America/New_York", "2027-03-14T07:00:00Z"),
        ("America/New_York", "2027-11-07T06:00:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
        ("Europe/Berlin", "2090-10-29T01:00:00Z"),
        ("Asia/Kathmandu", "2026-03-29T01:00:00Z"),
    ];
    let mut count = Count::default();
    for (zone, change) in changes {
        let change: Timestamp = change.parse().unwrap();
        for minutes in [-181, -90, -60, -31, -15, -1, 0, 1, 15, 31, 59, 61, 120] {
            compare(
                zone,
                change + SignedDuration::from_mins(minutes),
                &texts,
                &mut count,
            );
        }
    }
    println!("agreed: {count:?}");
    assert_eq!(count.asked_again, 0, "{count:?}");
}

proptest! {
    #![proptest_config(Config::with_cases(2_000))]

    #[test]
    fn what_is_printed_reads_back_as_the_same(text in expression()) {
        if let Ok(calendar) = text.parse::<Calendar>() {
            let printed = calendar.to_string();
            prop_assert_eq!(printed.parse::<Calendar>(), Ok(calendar.clone()), "{}", &printed);
            let json = serde_json::to_string(&calendar).unwrap();
            prop_assert_eq!(serde_json::from_str::<Calendar>(&json).unwrap(), calendar);
        }
    }

    #[test]
    fn no_text_makes_it_panic(
        text in prop_oneof![
            any::<String>(),
            "[-0-9*~:/., @MonSuUTCé\t]{0,40}",
            "([-0-9*/,a-z]{1,9} ){4}[-0-9*/,a-z]{1,9}",
        ],
        after in any::<i64>(),
    ) {
        match text.parse::<Calendar>() {
            Ok(calendar) => {
                let after = Timestamp::from_second(after % 253_402_207_200).unwrap();
                let next = calendar.next_after(after, &TimeZone::UTC);
                prop_assert!(next.is_none_or(|it| it > after));
                prop_assert!(!calendar.describe().is_empty());
            }
            Err(err) => {
                prop_assert!(err.at() <= text.len() && text.is_char_boundary(err.at()));
                prop_assert!(!err.to_string().is_empty() && !err.hint().is_empty());
            }
        }
    }

    #[test]
    fn times_are_later_and_match(text in expression(), any in any::<u64>(), near in -9_000..9_000_i64) {
        let zone = zone(ZONES[usize::try_from(any % 5).unwrap()]);
        if let Ok(calendar) = text.parse::<Calendar>() {
            let mut before = base(&zone, any, near);
            for at in calendar.upcoming(before, &zone).take(3) {
                prop_assert!(at > before);
                // From just before it, it is the next.
                let just_before = at - Duration::from_micros(1);
                prop_assert_eq!(calendar.next_after(just_before, &zone), Some(at));
                before = at;
            }
        }
    }
}
