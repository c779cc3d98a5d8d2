//! Tables: what expressions mean, when the clock is changed, and what people are told.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

use super::{Calendar, CalendarError, Window, WindowState};

fn calendar(text: &str) -> Calendar {
    text.parse().unwrap_or_else(|err| panic!("{text:?}: {err}"))
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn expressions_have_a_normal_form() {
    let rows = [
        (
            "Sat,Thu,Mon..Wed,Sat..Sun",
            "Mon..Thu,Sat,Sun *-*-* 00:00:00",
        ),
        ("Mon,Sun 12-*-* 2,1:23", "Mon,Sun 2012-*-* 01,02:23:00"),
        ("Wed *-1", "Wed *-*-01 00:00:00"),
        ("Wed..Wed,Wed *-1", "Wed *-*-01 00:00:00"),
        ("Wed, 17:48", "Wed *-*-* 17:48:00"),
        (
            "Wed..Sat,Tue 12-10-15 1:2:3",
            "Tue..Sat 2012-10-15 01:02:03",
        ),
        ("*-*-7 0:0:0", "*-*-07 00:00:00"),
        ("10-15", "*-10-15 00:00:00"),
        ("monday *-12-* 17:00", "Mon *-12-* 17:00:00"),
        ("Mon,Fri *-*-3,1,2 *:30:45", "Mon,Fri *-*-01,02,03 *:30:45"),
        ("12,14,13,12:20,10,30", "*-*-* 12,13,14:10,20,30:00"),
        ("12..14:10,20,30", "*-*-* 12..14:10,20,30:00"),
        ("mon,fri *-1/2-1,3 *:30:45", "Mon,Fri *-01/2-01,03 *:30:45"),
        ("03-05 08:05:40", "*-03-05 08:05:40"),
        ("Sat,Sun 12-05 08:05:40", "Sat,Sun *-12-05 08:05:40"),
        ("2003-03-05 05:40", "2003-03-05 05:40:00"),
        (
            "05:40:23.4200004/3.1700005",
            "*-*-* 05:40:23.420000/3.170001",
        ),
        ("2003-02..04-05", "2003-02..04-05 00:00:00"),
        ("2003-03-05 05:40 UTC", "2003-03-05 05:40:00 UTC"),
        ("*-02~03", "*-02~03 00:00:00"),
        ("Mon *-05~07/1", "Mon *-05~07/1 00:00:00"),
        ("5..5:0", "*-*-* 05:00:00"),
        ("*:*:*", "*-*-* *:*:*"),
        ("*:0/10", "*-*-* *:00/10:00"),
        ("weekly Europe/Berlin", "Mon *-*-* 00:00:00 Europe/Berlin"),
        ("semi-annually", "*-01,07-01 00:00:00"),
        ("@1395716396", "2014-03-25 02:59:56 UTC"),
        // systemd says "*" and loses the halves.
        ("*:*:0/1,0.5", "*-*-* *:*:00/1,00.500000"),
        // systemd refuses it: it lowers its bound of 28 by 3 for every item.
        ("*-*~1,26", "*-*~01,26 00:00:00"),
        ("0 5 * * mon", "0 5 * * 1"),
        ("@daily", "0 0 * * *"),
    ];
    for (text, expect) in rows {
        let found = calendar(text);
        assert_eq!(found.to_string(), expect, "{text:?}");
        assert_eq!(calendar(expect), found, "{text:?}");
    }
}

/// The next times as the clock of the zone shows them.
fn check(text: &str, zone_name: &str, after: &str, expect: &[&str]) {
    let zone = zone(zone_name);
    let calendar = calendar(text);
    let upcoming = calendar
        .upcoming(at(after), &zone)
        .take(expect.len().max(1));
    let told: Vec<_> = upcoming
        .map(|it| {
            it.to_zoned(zone.clone())
                .strftime("%Y-%m-%d %H:%M:%S%.f %z")
                .to_string()
        })
        .collect();
    assert_eq!(told, expect, "{text:?} in {zone_name}");
}

#[test]
fn times_come_strictly_after() {
    let utc = |text, after, expect: &[&str]| check(text, "UTC", after, expect);
    utc(
        "daily",
        "2026-01-01T00:00:00Z",
        &["2026-01-02 00:00:00 +0000"],
    );
    utc(
        "daily",
        "2025-12-31T23:59:59.9999999Z",
        &["2026-01-01 00:00:00 +0000"],
    );
    utc(
        "*:*:0.000001",
        "2026-01-01T00:00:00Z",
        &["2026-01-01 00:00:00.000001 +0000"],
    );
    utc(
        "*:*:0/0.4",
        "2026-01-01T00:00:59Z",
        &[
            "2026-01-01 00:00:59.2 +0000",
            "2026-01-01 00:00:59.6 +0000",
            "2026-01-01 00:01:00 +0000",
        ],
    );
    // systemd comes to 0.2 once.
    utc(
        "*:*:0.2,40.5/15",
        "2026-01-01T00:00:41Z",
        &["2026-01-01 00:00:55.5 +0000", "2026-01-01 00:01:00.2 +0000"],
    );
    utc(
        "2199-12-31 23:59:59",
        "2026-01-01T00:00:00Z",
        &["2199-12-31 23:59:59 +0000"],
    );
    utc("daily", "2199-12-31T00:00:00Z", &[]);
    utc("daily", "9998-12-31T00:00:00Z", &[]);
    utc(
        "1970-01-01",
        "1969-01-01T00:00:00Z",
        &["1970-01-01 00:00:00 +0000"],
    );
    utc("*-02-30", "2026-01-01T00:00:00Z", &[]);
    utc(
        "Mon *-02-29",
        "2026-01-01T00:00:00Z",
        &[
            "2044-02-29 00:00:00 +0000",
            "2072-02-29 00:00:00 +0000",
            "2112-02-29 00:00:00 +0000",
        ],
    );
}

#[test]
fn days_are_counted_from_the_end() {
    let utc = |text, expect: &[&str]| check(text, "UTC", "2026-01-30T12:00:00Z", expect);
    utc(
        "*-*~01",
        &["2026-01-31 00:00:00 +0000", "2026-02-28 00:00:00 +0000"],
    );
    utc(
        "*-02~03",
        &[
            "2026-02-26 00:00:00 +0000",
            "2027-02-26 00:00:00 +0000",
            "2028-02-27 00:00:00 +0000",
        ],
    );
    // The last Monday in May.
    utc(
        "Mon *-05~07/1",
        &["2026-05-25 00:00:00 +0000", "2027-05-31 00:00:00 +0000"],
    );
    utc(
        "*-02~2..6/2",
        &[
            "2026-02-23 00:00:00 +0000",
            "2026-02-25 00:00:00 +0000",
            "2026-02-27 00:00:00 +0000",
        ],
    );
    utc("*-02~28", &["2026-02-01 00:00:00 +0000"]);
}

#[test]
fn what_the_clock_skips_is_left_out() {
    let berlin =
        |text, expect: &[&str]| check(text, "Europe/Berlin", "2026-03-29T00:15:00Z", expect);
    berlin("02:30", &["2026-03-30 02:30:00 +0200"]);
    berlin(
        "*:30",
        &["2026-03-29 01:30:00 +0100", "2026-03-29 03:30:00 +0200"],
    );
    berlin("2,3:0", &["2026-03-29 03:00:00 +0200"]);
    check(
        "Sun *-03-25..31 02:30 Europe/Berlin",
        "UTC",
        "2026-01-01T00:00:00Z",
        &[],
    );
    // By half an hour.
    check(
        "2:0/10",
        "Australia/Lord_Howe",
        "2026-10-03T15:00:00Z",
        &["2026-10-04 02:30:00 +1100"],
    );
}

#[test]
fn what_the_clock_shows_twice_comes_once() {
    let berlin = |text, after, expect: &[&str]| check(text, "Europe/Berlin", after, expect);
    let first = "2026-10-25T00:15:00Z";
    berlin(
        "02:30",
        first,
        &["2026-10-25 02:30:00 +0200", "2026-10-26 02:30:00 +0100"],
    );
    berlin(
        "*:0/30",
        first,
        &["2026-10-25 02:30:00 +0200", "2026-10-25 03:00:00 +0100"],
    );
    berlin(
        "*:0/30",
        "2026-10-25T01:15:00Z",
        &["2026-10-25 02:30:00 +0100"],
    );
    berlin("02:30 UTC", first, &["2026-10-25 03:30:00 +0100"]);
}

#[test]
fn what_is_wrong_is_said() {
    let check = |text: &str, expect: &str, hint: &str| {
        let err = text.parse::<Calendar>().unwrap_err();
        assert_eq!(err.to_string(), expect, "{text:?}");
        assert!(err.hint().contains(hint), "{text:?}: {}", err.hint());
    };
    check("", "the expression says no time", "daily");
    check(" UTC", "the expression says no time", "");
    check("25:00", "hour 25 at position 1 is not between 0 and 23", "");
    check(
        "2026-13-01",
        "month 13 at position 6 is not between 1 and 12",
        "",
    );
    check(
        "*-*~29",
        "day before the end of the month 29 at position 5 is not between 1 and 28",
        "~01",
    );
    check(
        "Sat..Thu",
        "the range \"Sat..Thu\" at position 1 ends before it begins",
        "Monday",
    );
    check(
        "22..5:00",
        "the range \"22..5\" at position 1 ends before it begins",
        "22..23,0..5",
    );
    check("0/0:00", "the step of \"0/0\" at position 1 is zero", "");
    check(
        "20/5:00",
        "\"20/5\" at position 1 never comes to another hour",
        "shorter",
    );
    check(
        "12:00 Mars/Base",
        "\"Mars/Base\" at position 7 is no time zone",
        "Europe/Berlin",
    );
    check(
        "12:00 europe/berlin",
        "\"europe/berlin\" at position 7 is no time zone",
        "write Europe/Berlin",
    );
    check(
        " 12:00",
        "\" \" at position 1, where a number should be",
        "one blank",
    );
    check(
        "*/5:00",
        "\"/\" at position 2, where \"-\" or \"~\" in a date, or \":\" in a time should be",
        "0/5",
    );
    check(
        "Mon 12",
        "the text ends at position 7, where \":\" in a time should be",
        "",
    );
    check(
        "every day",
        "\"every\" at position 1 is no word for a time",
        "daily",
    );
    check("Mon foo", "\"foo\" at position 5 is no time zone", "");
}

#[test]
fn expressions_are_told_in_words() {
    let rows = [
        ("Sun 01:00", "every Sunday at 01:00"),
        ("daily", "every day at 00:00"),
        ("hourly", "every hour"),
        ("minutely", "every minute"),
        ("*:0/15", "every 15 minutes"),
        ("Mon..Fri 02:30 UTC", "every Monday to Friday at 02:30 UTC"),
        (
            "Mon,Thu 1,13:00 Europe/Berlin",
            "every Monday and Thursday at 01:00 and 13:00 (Europe/Berlin)",
        ),
        ("monthly", "on the 1st of every month at 00:00"),
        (
            "*-1,7-15 3:0:30.5",
            "on the 15th of January and July at 03:00:30.5",
        ),
        ("*-*~1 22:00", "on the last day of every month at 22:00"),
        (
            "*-*~2,1 22:00",
            "on the second-to-last day and last day of every month at 22:00",
        ),
        (
            "Mon *-05~07/1",
            "every Monday among the last 7 days of May at 00:00",
        ),
        (
            "Sun *-*-1..7 4:00",
            "every Sunday among the 1st to 7th of every month at 04:00",
        ),
        (
            "2026-12-24 18:00",
            "on the 24th of December in 2026 at 18:00",
        ),
        ("*-6..8-* 5:00", "every day from June to August at 05:00"),
        ("*:5", "at minute 5 of every hour"),
        ("8..17:0/10", "every 10 minutes from 08:00 to 17:59"),
        ("0/2:00", "every 2 hours"),
        ("*:*:0/10", "every 10 seconds"),
        ("*:*:*", "every second"),
        ("Sat *:0/30", "every 30 minutes, every Saturday"),
        ("*:5,35", "at minutes 5 and 35 of every hour"),
        ("9..17:00", "every hour from 09:00 to 17:00"),
        ("0/2:30", "at minute 30 of every second hour"),
        ("*:0/15:30", "every 15 minutes at second 30"),
        ("*:*:5", "every minute at second 5"),
        ("5:*:0/10", "every 10 seconds from 05:00 to 05:59"),
        (
            "2020..2030-*-* 1:00",
            "every day from 2020 to 2030 at 01:00",
        ),
        (
            "2020/2-1-1",
            "on the 1st of January every 2 years from 2020 to 2198 at 00:00",
        ),
        ("*-02-30", "never: there is no such date"),
        (
            "30 4 1,15 * 5",
            "on the 1st and 15th of every month and every Friday at 04:30",
        ),
        ("*/5 * * * *", "every 5 minutes"),
        ("@hourly", "every hour"),
    ];
    for (text, expect) in rows {
        assert_eq!(calendar(text).describe(), expect, "{text:?}");
    }
}

fn window(opens: &str, closes: &str, now: &str) -> WindowState {
    let window = Window::parse(opens, closes).unwrap();
    window.state(at(now), &zone("Europe/Berlin"))
}

fn open(until: &str) -> WindowState {
    WindowState::Open { until: at(until) }
}

fn closed(until: &str) -> WindowState {
    let until = Some(at(until));
    WindowState::Closed { until }
}

#[test]
fn a_window_is_open_until_its_time_of_day() {
    let sundays = |now| window("Sun 01:00", "07:00", now);
    assert_eq!(
        sundays("2026-01-03T23:59:59Z"),
        closed("2026-01-04T00:00:00Z")
    );
    assert_eq!(
        sundays("2026-01-04T00:00:00Z"),
        open("2026-01-04T06:00:00Z")
    );
    assert_eq!(
        sundays("2026-01-04T05:59:59.999Z"),
        open("2026-01-04T06:00:00Z")
    );
    assert_eq!(
        sundays("2026-01-04T06:00:00Z"),
        closed("2026-01-11T00:00:00Z")
    );
    // Over midnight.
    let nights = |now| window("Mon..Fri 22:00", "06:00", now);
    assert_eq!(nights("2026-01-03T04:00:00Z"), open("2026-01-03T05:00:00Z"));
    assert_eq!(
        nights("2026-01-03T23:00:00Z"),
        closed("2026-01-05T21:00:00Z")
    );
    // In the zone of the expression; and for a whole day.
    assert_eq!(
        window("daily UTC", "00:00", "2026-01-03T23:00:00Z"),
        open("2026-01-04T00:00:00Z")
    );
    assert_eq!(
        window("*-02-30", "07:00", "2026-01-01T00:00:00Z"),
        WindowState::Closed { until: None }
    );
}

#[test]
fn a_window_closes_when_its_time_is_skipped_or_comes_twice() {
    let nights = |now| window("00:30", "02:30", now);
    assert_eq!(nights("2026-03-29T00:00:00Z"), open("2026-03-29T01:00:00Z"));
    assert_eq!(
        nights("2026-03-29T01:00:00Z"),
        closed("2026-03-29T22:30:00Z")
    );
    assert_eq!(nights("2026-10-25T00:00:00Z"), open("2026-10-25T00:30:00Z"));
    assert_eq!(
        nights("2026-10-25T01:15:00Z"),
        closed("2026-10-25T23:30:00Z")
    );
    let err = Window::parse("daily", "24:00").unwrap_err();
    assert!(matches!(err, CalendarError::OutOfRange { at: 0, .. }));
    let told = Window::parse("Sun 01:00", "7:00").unwrap().describe();
    assert_eq!(told, "every Sunday at 01:00, until 07:00");
}

/// The best of some, and generous, since this is not optimized and the machine may be busy: released, it is a hundred
/// microseconds at worst.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "how long it takes is what is tested"
)]
fn no_expression_is_slow() {
    let items: Vec<_> = (1970..2199).map(|it| it.to_string()).collect();
    let rows = [
        "Mon *-02-29".to_owned(),
        "*-02-30".to_owned(),
        "Sun *-03-25..31 02:30 Europe/Berlin".to_owned(),
        "Mon 2199-12-30 23:59:59.999999".to_owned(),
        format!("{}-04,06,09,11-31 1:2:3/0.000001", items.join(",")),
    ];
    for text in rows {
        let calendar = calendar(&text);
        let once = |_| {
            let began = std::time::Instant::now();
            let next = calendar.next_after(at("1996-01-01T00:00:00Z"), &TimeZone::UTC);
            std::hint::black_box(next);
            began.elapsed()
        };
        let took = (0..20).map(once).min().unwrap();
        assert!(took < Duration::from_millis(50), "{took:?} for {text}");
    }
}
