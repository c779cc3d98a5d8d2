//! The reasons, word by word.

use super::{Keep, Period, Rule, Snapshot, TimeZone, Timestamp, decide, preview};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn snapshots(texts: &[&str]) -> Vec<Snapshot> {
    texts.iter().map(|it| Snapshot::at(at(it))).collect()
}

#[track_caller]
fn check(snapshots: &[Snapshot], keep: Keep, reasons: &[&str]) {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let told: Vec<String> = decide(snapshots, &keep, &zone)
        .iter()
        .map(|it| it.verdict.explain(&zone))
        .collect();
    assert_eq!(told, reasons);
}

#[test]
fn each_snapshot_has_a_reason() {
    let keep = Keep {
        last: Some(1),
        hourly: Some(1),
        daily: Some(1),
        weekly: Some(1),
        monthly: Some(1),
        yearly: Some(1),
    };
    let all = snapshots(&[
        "2024-06-15T10:00:00Z",
        "2025-06-15T10:00:00Z",
        "2026-02-27T10:00:00Z",
        "2026-03-21T10:00:00Z",
        "2026-03-27T10:00:00Z",
        "2026-03-28T10:00:00Z",
        "2026-03-28T10:30:00Z",
        "2026-03-28T11:00:00Z",
        "2026-03-28T11:30:00Z",
    ]);
    check(
        &all,
        keep,
        &[
            "no rule keeps it: keep-last has its 1, keep-hourly has its 1, keep-daily has its 1, \
             keep-weekly has its 1, keep-monthly has its 1, keep-yearly has its 1",
            "keep-yearly 1 of 1: 2025",
            "keep-monthly 1 of 1: 2026-02",
            "keep-weekly 1 of 1: 2026-W12",
            "keep-daily 1 of 1: 2026-03-27",
            "its hour 2026-03-28 11:00 has a newer one, 2026-03-28 11:30:00 CET of keep-hourly",
            "keep-hourly 1 of 1: 2026-03-28 11:00",
            "no rule keeps it: keep-last has its 1, hour 2026-03-28 12:00 is covered by \
             2026-03-28 12:30:00 CET of keep-last, day 2026-03-28 is covered by \
             2026-03-28 12:30:00 CET of keep-last, week 2026-W13 is covered by \
             2026-03-28 12:30:00 CET of keep-last, month 2026-03 is covered by \
             2026-03-28 12:30:00 CET of keep-last, year 2026 is covered by \
             2026-03-28 12:30:00 CET of keep-last",
            "keep-last 1 of 1",
        ],
    );
}

#[test]
fn what_is_not_finished_stays_only_if_nothing_is_newer() {
    let mut all = snapshots(&[
        "2026-03-28T10:00:00Z",
        "2026-03-28T11:00:00Z",
        "2026-03-28T12:00:00Z",
        "2026-03-28T13:00:00Z",
    ]);
    for at in [0, 2, 3] {
        all[at].is_finished = false;
    }
    let keep = Keep {
        last: Some(5),
        ..Keep::default()
    };
    check(
        &all,
        keep,
        &[
            "not finished, and 2026-03-28 12:00:00 CET is newer",
            "keep-last 1 of 5",
            "not finished, and 2026-03-28 14:00:00 CET is newer",
            "not finished, and the newest of all: it may still be in the making",
        ],
    );
    all[0].is_protected = true;
    all[3].is_protected = true;
    check(
        &all,
        keep,
        &[
            "protected; no rule counts it",
            "keep-last 1 of 5",
            "not finished, and 2026-03-28 14:00:00 CET is newer",
            "protected; no rule counts it",
        ],
    );
}

#[test]
fn without_a_rule_everything_stays_and_a_count_of_none_keeps_none() {
    let mut all = snapshots(&["2026-03-28T10:00:00Z", "2026-03-28T11:00:00Z"]);
    all[0].is_finished = false;
    let why = "no keep option is given, so that nothing is removed";
    check(&all, Keep::default(), &[why, why]);
    let none = Keep {
        last: Some(0),
        ..Keep::default()
    };
    check(
        &all,
        none,
        &[
            "not finished, and 2026-03-28 12:00:00 CET is newer",
            "no rule keeps it: keep-last keeps none",
        ],
    );
}

#[test]
fn snapshots_of_one_moment_are_counted_each() {
    let keep = Keep {
        last: Some(2),
        daily: Some(1),
        ..Keep::default()
    };
    let all = snapshots(&["2026-03-28T10:00:00Z"; 3]);
    let zone = TimeZone::UTC;
    let kept = decide(&all, &keep, &zone);
    assert_eq!(kept.iter().filter(|it| it.verdict.is_kept()).count(), 2);
}

#[test]
fn periods_are_named_by_the_calendar() {
    let name = |rule, shown: &str| {
        let period = Period::of(rule, shown.parse().unwrap());
        period.map(|it| it.to_string())
    };
    assert_eq!(name(Rule::Last, "2026-03-28T14:59:59.9"), None);
    for (rule, shown, period) in [
        (Rule::Hourly, "2026-03-28T14:59:59.9", "2026-03-28 14:00"),
        (Rule::Daily, "2026-03-28T14:59:59", "2026-03-28"),
        (Rule::Weekly, "2026-03-28T14:59:59", "2026-W13"),
        // Weeks have the year of their Thursday.
        (Rule::Weekly, "2025-12-29T00:00:00", "2026-W01"),
        (Rule::Weekly, "2027-01-03T23:00:00", "2026-W53"),
        (Rule::Monthly, "2026-03-28T14:59:59", "2026-03"),
        (Rule::Yearly, "2026-03-28T14:59:59", "2026"),
        (Rule::Yearly, "0026-03-28T14:59:59", "0026"),
    ] {
        assert_eq!(name(rule, shown).as_deref(), Some(period));
    }
}

/// The calendar ends somewhere, and nothing may fall over its edge.
#[test]
fn the_first_and_the_last_moment_have_periods() {
    let keep = Keep {
        hourly: Some(9),
        weekly: Some(9),
        ..Keep::default()
    };
    let all = [Timestamp::MIN, Timestamp::MAX].map(Snapshot::at);
    for zone in ["Pacific/Kiritimati", "Pacific/Niue", "UTC"] {
        let zone = TimeZone::get(zone).unwrap();
        for decision in decide(&all, &keep, &zone) {
            assert!(decision.verdict.explain(&zone).starts_with("keep-hourly "));
        }
    }
}

#[test]
fn a_preview_without_times_removes_nothing() {
    let all = snapshots(&["2026-03-28T10:00:00Z", "2026-03-28T11:00:00Z"]);
    let keep = Keep {
        last: Some(1),
        ..Keep::default()
    };
    let preview = preview(&all, [], &keep, &TimeZone::UTC);
    assert_eq!(preview.counts, []);
    let stays: Vec<bool> = preview.left.iter().map(|it| it.verdict.is_kept()).collect();
    assert_eq!(stays, [true, false]);
}
