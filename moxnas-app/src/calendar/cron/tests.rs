//! Cron against its manual page, and against a cron that looks at the clock every minute.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use proptest::prelude::*;

use super::super::{Calendar, CalendarError};

fn cron(text: &str) -> Calendar {
    let calendar: Calendar = text.parse().unwrap_or_else(|err| panic!("{text:?}: {err}"));
    assert!(matches!(calendar, Calendar::Cron(_)), "{text:?}");
    calendar
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

/// The next times as the clock shows them.
fn check(text: &str, zone_name: &str, after: &str, expect: &[&str]) {
    let zone = zone(zone_name);
    let cron = cron(text);
    let upcoming = cron
        .upcoming(after.parse().unwrap(), &zone)
        .take(expect.len());
    let told: Vec<_> = upcoming
        .map(|it| {
            it.to_zoned(zone.clone())
                .strftime("%a %Y-%m-%d %H:%M %z")
                .to_string()
        })
        .collect();
    assert_eq!(told, expect, "{text:?} in {zone_name}");
}

#[test]
fn the_manual_page_is_followed() {
    let utc = |text, expect: &[&str]| check(text, "UTC", "2026-01-01T00:00:00Z", expect);
    // Five minutes after midnight, every day.
    utc(
        "5 0 * * *",
        &["Thu 2026-01-01 00:05 +0000", "Fri 2026-01-02 00:05 +0000"],
    );
    utc(
        "15 14 1 * *",
        &["Thu 2026-01-01 14:15 +0000", "Sun 2026-02-01 14:15 +0000"],
    );
    utc(
        "0 22 * * 1-5",
        &["Thu 2026-01-01 22:00 +0000", "Fri 2026-01-02 22:00 +0000"],
    );
    utc(
        "23 0-23/2 * * *",
        &["Thu 2026-01-01 00:23 +0000", "Thu 2026-01-01 02:23 +0000"],
    );
    utc(
        "5 4 * * sun",
        &["Sun 2026-01-04 04:05 +0000", "Sun 2026-01-11 04:05 +0000"],
    );
    utc("0 0 * * 7", &["Sun 2026-01-04 00:00 +0000"]);
    utc(
        "0 0 * JAN-mar Fri-Sun",
        &["Fri 2026-01-02 00:00 +0000", "Sat 2026-01-03 00:00 +0000"],
    );
    utc(
        "*/20 * * * *",
        &["Thu 2026-01-01 00:20 +0000", "Thu 2026-01-01 00:40 +0000"],
    );
    utc("@weekly", &["Sun 2026-01-04 00:00 +0000"]);
    utc("@Midnight", &["Fri 2026-01-02 00:00 +0000"]);
    utc("0 0 30 2 *", &[]);
}

#[test]
fn a_day_is_either_of_both_unless_one_begins_with_a_star() {
    let utc = |text, expect: &[&str]| check(text, "UTC", "2026-02-01T12:00:00Z", expect);
    utc(
        "30 4 15 * 5",
        &[
            "Fri 2026-02-06 04:30 +0000",
            "Fri 2026-02-13 04:30 +0000",
            "Sun 2026-02-15 04:30 +0000",
        ],
    );
    utc(
        "30 4 */2 * 5",
        &["Fri 2026-02-13 04:30 +0000", "Fri 2026-02-27 04:30 +0000"],
    );
    utc(
        "30 4 15 * */3",
        &["Sun 2026-02-15 04:30 +0000", "Sun 2026-03-15 04:30 +0000"],
    );
    // What no month has, or a Friday.
    utc("0 0 31 2 5", &["Fri 2026-02-06 00:00 +0000"]);
}

#[test]
fn what_the_clock_skips_comes_right_after() {
    let berlin = |text, expect: &[&str]| {
        check(text, "Europe/Berlin", "2026-03-29T00:30:00Z", expect);
    };
    berlin(
        "30 2 * * *",
        &["Sun 2026-03-29 03:00 +0200", "Mon 2026-03-30 02:30 +0200"],
    );
    berlin(
        "0,30 2,3 * * *",
        &[
            "Sun 2026-03-29 03:00 +0200",
            "Sun 2026-03-29 03:30 +0200",
            "Mon 2026-03-30 02:00 +0200",
        ],
    );
    // Jobs of every hour or minute run by the clock.
    berlin("30 * * * *", &["Sun 2026-03-29 03:30 +0200"]);
    berlin("*/30 2 * * *", &["Mon 2026-03-30 02:00 +0200"]);
    // A day that never was is no change of the clock.
    check(
        "0 12 30 12 *",
        "Pacific/Apia",
        "2011-12-29T00:00:00Z",
        &["Sun 2012-12-30 12:00 +1400"],
    );
}

#[test]
fn what_the_clock_shows_twice_comes_once() {
    let berlin = |text, after, expect: &[&str]| check(text, "Europe/Berlin", after, expect);
    let before = "2026-10-24T23:59:00Z";
    berlin(
        "30 2 * * *",
        before,
        &["Sun 2026-10-25 02:30 +0200", "Mon 2026-10-26 02:30 +0100"],
    );
    // Between both times.
    berlin(
        "45 2 * * *",
        "2026-10-25T01:00:00Z",
        &["Mon 2026-10-26 02:45 +0100"],
    );
    berlin(
        "30 * * * *",
        before,
        &[
            "Sun 2026-10-25 02:30 +0200",
            "Sun 2026-10-25 02:30 +0100",
            "Sun 2026-10-25 03:30 +0100",
        ],
    );
}

#[test]
fn what_is_wrong_is_said() {
    let check = |text: &str, expect: &str, hint: &str| {
        let err = text.parse::<Calendar>().unwrap_err();
        assert_eq!(err.to_string(), expect, "{text:?}");
        assert!(err.hint().contains(hint), "{text:?}: {}", err.hint());
    };
    check(
        "60 * * * *",
        "minute 60 at position 1 is not between 0 and 59",
        "five fields",
    );
    check(
        "0 0 * * 8",
        "weekday 8 at position 9 is not between 0 and 7",
        "",
    );
    check(
        "0 0 31-1 * *",
        "the range \"31-1\" at position 5 ends before it begins",
        "two ranges",
    );
    check(
        "*/0 * * * *",
        "the step of \"*/0\" at position 1 is zero",
        "",
    );
    check(
        "5/10 * * * *",
        "\"/\" at position 2, where a range such as 5-59 before a step should be",
        "5-59/10",
    );
    let count = "cron needs 5 fields (minute, hour, day, month, weekday), here are ";
    check("0 0 * *", &format!("{count}4"), "five fields");
    check("0 5 0 ? * *", &format!("{count}6"), "five fields");
    check(
        "@reboot",
        "\"@reboot\" is an occasion, not a time",
        "choose a time",
    );
    check(
        "@never",
        "\"@never\" at position 1 is no word for a time",
        "daily",
    );
    assert!(matches!(
        "* * * * foo".parse::<Calendar>(),
        Err(CalendarError::Unexpected { at: 8, .. })
    ));
}

/// A field as it is written, and what it means.
fn field(low: u32, high: u32) -> impl Strategy<Value = (String, Vec<u32>)> {
    let item = prop_oneof![
        2 => (low..=high).prop_map(|it| (it.to_string(), vec![it])),
        1 => (low..=high, low..=high, 1..9_u32).prop_map(|(a, b, step)| {
            let (a, b) = (a.min(b), a.max(b));
            (format!("{a}-{b}/{step}"), (a..=b).step_by(step as usize).collect())
        }),
    ];
    let items = prop::collection::vec(item, 1..4).prop_map(|items| {
        let (texts, values): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        (texts.join(","), values.concat())
    });
    prop_oneof![
        2 => Just(("*".to_owned(), (low..=high).collect())),
        1 => (1..30_u32)
            .prop_map(move |it| (format!("*/{it}"), (low..=high).step_by(it as usize).collect())),
        3 => items,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A clock that is looked at every minute for three days, as cron does it.
    #[test]
    fn looking_every_minute_gives_the_same(
        fields in (field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6)),
        place in 0..4_usize,
        start in -2_000..500_i64,
    ) {
        let (minute, hour, day, month, weekday) = fields;
        let all = [&minute, &hour, &day, &month, &weekday];
        let text = all.map(|it| it.0.as_str()).join(" ");
        let star = |it: &(String, Vec<u32>)| it.0.starts_with('*');
        let matches = |at: jiff::civil::DateTime| {
            let has = |field: &(String, Vec<u32>), value: i8| field.1.contains(&(value as u32));
            let by_day = has(&day, at.day());
            let by_weekday = has(&weekday, at.weekday().to_sunday_zero_offset());
            let on_day = match star(&day) || star(&weekday) {
                true => by_day && by_weekday,
                false => by_day || by_weekday,
            };
            has(&minute, at.minute()) && has(&hour, at.hour()) && has(&month, at.month()) && on_day
        };
        let (name, change) = [
            ("Europe/Berlin", "2026-03-29T01:00:00Z"),
            ("Europe/Berlin", "2026-10-25T01:00:00Z"),
            ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
            ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
        ][place];
        let zone = zone(name);
        let change: Timestamp = change.parse().unwrap();
        let minutes = SignedDuration::from_mins;
        let (start, end) = (change + minutes(start), change + minutes(2_000));
        let offset = |at| zone.to_offset(at).seconds() / 60;
        let moved = i64::from(offset(change) - offset(change - minutes(1)));
        let mut expect = Vec::new();
        let mut at = start + minutes(1);
        while at <= end {
            let reading = zone.to_datetime(at);
            let is_second = at >= change && moved < 0 && at < change - minutes(moved);
            let skipped = (1..=moved).map(|it| reading - minutes(it));
            let found = match star(&minute) || star(&hour) {
                true => matches(reading),
                false if at == change => matches(reading) && !is_second || { skipped }.any(matches),
                false => matches(reading) && !is_second,
            };
            if found {
                expect.push(at);
            }
            at += minutes(1);
        }
        let calendar = cron(&text);
        let told: Vec<_> = calendar.upcoming(start, &zone).take_while(|it| *it <= end).collect();
        let first_wrong = told.iter().zip(&expect).find(|(told, expect)| told != expect);
        prop_assert_eq!(first_wrong, None, "{}", &text);
        prop_assert_eq!(told.len(), expect.len(), "{}", &text);
        prop_assert_eq!(&cron(&calendar.to_string()), &calendar);
        prop_assert!(!calendar.describe().is_empty());
    }
}
