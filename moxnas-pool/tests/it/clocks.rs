//! Days on which a clock is put forward or back.

use moxnas_pool::prune::{Keep, Snapshot, TimeZone, Timestamp, decide};

fn hourly(count: u32) -> Keep {
    Keep {
        hourly: Some(count),
        ..Keep::default()
    }
}

fn daily(count: u32) -> Keep {
    Keep {
        daily: Some(count),
        ..Keep::default()
    }
}

/// Every half an hour, `count` times.
fn half_hours(from: &str, count: i64) -> Vec<Snapshot> {
    let from: Timestamp = from.parse().unwrap();
    let at = |it| Timestamp::from_second(from.as_second() + it * 1800);
    (0..count).map(|it| Snapshot::at(at(it).unwrap())).collect()
}

/// What is kept, as the clock shows it, with the reason.
fn kept(snapshots: &[Snapshot], keep: &Keep, zone: &str) -> Vec<String> {
    let zone = TimeZone::get(zone).unwrap();
    let decisions = decide(snapshots, keep, &zone).into_iter();
    let told = decisions.filter(|it| it.verdict.is_kept()).map(|it| {
        let shown = it.snapshot.taken.to_zoned(zone.clone());
        format!(
            "{}: {}",
            shown.strftime("%H:%M %Z"),
            it.verdict.explain(&zone)
        )
    });
    told.collect()
}

#[test]
fn the_hour_that_comes_twice_is_one_hour() {
    // 01:00 CEST to 03:30 CET; the clock is put back at 03:00 CEST.
    let berlin = half_hours("2026-10-24T23:00:00Z", 8);
    assert_eq!(
        kept(&berlin, &hourly(3), "Europe/Berlin"),
        [
            "01:30 CEST: keep-hourly 3 of 3: 2026-10-25 01:00",
            "02:30 CET: keep-hourly 2 of 3: 2026-10-25 02:00",
            "03:30 CET: keep-hourly 1 of 3: 2026-10-25 03:00",
        ]
    );
    // 00:00 EDT to 02:30 EST; the clock is put back at 02:00 EDT.
    let new_york = half_hours("2026-11-01T04:00:00Z", 8);
    assert_eq!(
        kept(&new_york, &hourly(3), "America/New_York"),
        [
            "00:30 EDT: keep-hourly 3 of 3: 2026-11-01 00:00",
            "01:30 EST: keep-hourly 2 of 3: 2026-11-01 01:00",
            "02:30 EST: keep-hourly 1 of 3: 2026-11-01 02:00",
        ]
    );
    // Where no clock is changed these are four hours.
    assert_eq!(kept(&berlin, &hourly(9), "UTC").len(), 4);
    assert_eq!(kept(&berlin, &hourly(9), "Europe/Berlin").len(), 3);
}

#[test]
fn the_hour_that_is_skipped_is_not_counted() {
    // 01:00 CET to 04:30 CEST; there is no 02:00.
    let berlin = half_hours("2026-03-29T00:00:00Z", 6);
    assert_eq!(
        kept(&berlin, &hourly(3), "Europe/Berlin"),
        [
            "01:30 CET: keep-hourly 3 of 3: 2026-03-29 01:00",
            "03:30 CEST: keep-hourly 2 of 3: 2026-03-29 03:00",
            "04:30 CEST: keep-hourly 1 of 3: 2026-03-29 04:00",
        ]
    );
    // 01:00 EST to 04:30 EDT.
    let new_york = half_hours("2026-03-08T06:00:00Z", 6);
    assert_eq!(
        kept(&new_york, &hourly(3), "America/New_York"),
        [
            "01:30 EST: keep-hourly 3 of 3: 2026-03-08 01:00",
            "03:30 EDT: keep-hourly 2 of 3: 2026-03-08 03:00",
            "04:30 EDT: keep-hourly 1 of 3: 2026-03-08 04:00",
        ]
    );
}

#[test]
fn a_day_is_as_long_as_its_clock_says() {
    // Three days from midnight to midnight, of which the second has 25 or 23 hours.
    for (zone, from, hours) in [
        ("Europe/Berlin", "2026-10-23T22:00:00Z", 73),
        ("Europe/Berlin", "2026-03-27T23:00:00Z", 71),
        ("America/New_York", "2026-10-31T04:00:00Z", 73),
        ("America/New_York", "2026-03-07T05:00:00Z", 71),
    ] {
        let all = half_hours(from, 2 * hours);
        let kept = kept(&all, &daily(9), zone);
        assert_eq!(kept.len(), 3, "{zone} {from}: {kept:?}");
        for it in &kept {
            assert!(it.starts_with("23:30 "), "{zone} {from}: {it}");
        }
    }
}

/// In 1990 clocks in St. John's were put back at one minute past midnight, so that the 28th of October
/// began, the 27th went on for an hour, and the 28th began again.
#[test]
fn a_day_that_begins_twice_is_one_day() {
    let all = [
        "1990-10-28T02:00:00Z",
        "1990-10-28T02:30:30Z",
        "1990-10-28T03:00:00Z",
        "1990-10-28T03:30:00Z",
    ]
    .map(|it| Snapshot::at(it.parse().unwrap()));
    assert_eq!(
        kept(&all, &daily(9), "America/St_Johns"),
        [
            "23:30 NST: keep-daily 2 of 9: 1990-10-27",
            "00:00 NST: keep-daily 1 of 9: 1990-10-28",
        ]
    );
    let whys: Vec<String> = {
        let zone = TimeZone::get("America/St_Johns").unwrap();
        let decisions = decide(&all, &daily(9), &zone);
        decisions
            .iter()
            .map(|it| it.verdict.explain(&zone))
            .collect()
    };
    assert_eq!(
        whys[..2],
        [
            "its day 1990-10-27 has a newer one, 1990-10-27 23:30:00 NST of keep-daily",
            "its day 1990-10-28 has a newer one, 1990-10-28 00:00:00 NST of keep-daily",
        ]
    );
}

#[test]
fn the_zone_says_which_day_it_is() {
    let all = ["2026-12-31T22:30:00Z", "2026-12-31T23:30:00Z"]
        .map(|it| Snapshot::at(it.parse().unwrap()));
    let keep = Keep {
        yearly: Some(5),
        ..Keep::default()
    };
    assert_eq!(
        kept(&all, &keep, "UTC"),
        ["23:30 UTC: keep-yearly 1 of 5: 2026"]
    );
    assert_eq!(
        kept(&all, &keep, "Europe/Berlin"),
        [
            "23:30 CET: keep-yearly 2 of 5: 2026",
            "00:30 CET: keep-yearly 1 of 5: 2027"
        ]
    );
}
