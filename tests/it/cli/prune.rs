//! Which snapshots would stay.

use serde_json::json;

use crate::product::{Run, file, moxnas};

const SNAPSHOTS: &str = "\
# tank/media
2026-03-27T22:00:00Z
2026-03-20T22:00:00Z protected
2026-03-28T10:00:00Z
2026-03-28T13:00:00+01:00   # noon in London
2026-02-28T12:00:00Z

2026-03-28T12:30:00Z incomplete
";

const KEEP: [&str; 6] = [
    "--keep-last",
    "1",
    "--keep-daily",
    "1",
    "--tz",
    "Europe/Berlin",
];

const JSON_IN_BERLIN: [&str; 4] = ["--output", "json", "--tz", "Europe/Berlin"];

fn simulate(words: &[&[&str]]) -> Run {
    moxnas([&["prune", "simulate"], words.concat().as_slice()].concat())
}

#[test]
fn every_snapshot_has_a_verdict_and_a_reason() {
    let (_folder, path) = file(SNAPSHOTS);
    let short = simulate(&[&["--times", &path], &KEEP]).run();
    assert_eq!(short.err, "");
    assert_eq!(
        short.ok(),
        "\
TAKEN                        VERDICT  BY
Sat 2026-03-28 13:30:00 CET  kept     incomplete
Sat 2026-03-28 13:00:00 CET  kept     keep-last
Sat 2026-03-28 11:00:00 CET  REMOVED  -
Fri 2026-03-27 23:00:00 CET  kept     keep-daily
Fri 2026-03-20 23:00:00 CET  kept     protected
Sat 2026-02-28 13:00:00 CET  REMOVED  -

4 kept, 2 removed
"
    );
    let from_input = simulate(&[&["--times", "-", "--explain"], &KEEP])
        .input(SNAPSHOTS)
        .run()
        .ok();
    for line in [
        "CET  kept     not finished, and the newest of all: it may still be in the making",
        "CET  kept     keep-last 1 of 1",
        "CET  REMOVED  no rule keeps it: keep-last has its 1, day 2026-03-28 is covered by \
         2026-03-28 13:00:00 CET of keep-last",
        "CET  kept     keep-daily 1 of 1: 2026-03-27",
        "CET  kept     protected; no rule counts it",
        "CET  REMOVED  no rule keeps it: keep-last has its 1, keep-daily has its 1",
    ] {
        assert!(
            from_input.lines().any(|it| it.ends_with(line)),
            "{from_input}"
        );
    }
}

#[test]
fn programs_get_the_parts_of_a_reason() {
    let all = simulate(&[&["--times", "-", "--keep-daily", "7"], &JSON_IN_BERLIN])
        .input("2026-03-28T10:00:00Z\n2026-03-28T12:00:00Z\n")
        .run()
        .json();
    assert_eq!(
        all,
        json!({
            "keep": { "keep_daily": 7 },
            "timezone": "Europe/Berlin",
            "kept": 1,
            "removed": 1,
            "snapshots": [
                {
                    "taken": "2026-03-28T12:00:00Z",
                    "protected": false,
                    "incomplete": false,
                    "kept": true,
                    "rule": "keep-daily",
                    "nth": 1,
                    "of": 7,
                    "period": "2026-03-28",
                    "why": "keep-daily 1 of 7: 2026-03-28",
                },
                {
                    "taken": "2026-03-28T10:00:00Z",
                    "protected": false,
                    "incomplete": false,
                    "kept": false,
                    "rule": "keep-daily",
                    "period": "2026-03-28",
                    "covered_by": "2026-03-28T12:00:00Z",
                    "why": "its day 2026-03-28 has a newer one, 2026-03-28 13:00:00 CET of keep-daily",
                },
            ],
        })
    );
}

#[test]
fn a_preview_tells_how_many_there_will_be() {
    let ahead = |more: &[&str]| {
        let from = ["--from", "2026-03-20T12:00:00", "--tz", "Europe/Berlin"];
        let keep = ["--keep-daily", "3", "--keep-weekly", "2"];
        simulate(&[&["--every", "Mon..Fri 20:00"], &from, &keep, more])
    };
    let table = ahead(&["--days", "20"]).run().ok();
    assert_eq!(
        table,
        "\
AT                            TAKEN  KEPT
Fri 2026-03-20 20:00:00 CET   1      1
Tue 2026-03-31 20:00:00 CEST  8      4
Wed 2026-04-08 20:00:00 CEST  14     5

14 taken, 5 kept in the end, at most 5

TAKEN                         VERDICT  BY
Wed 2026-04-08 20:00:00 CEST  kept     keep-daily
Tue 2026-04-07 20:00:00 CEST  kept     keep-daily
Mon 2026-04-06 20:00:00 CEST  kept     keep-daily
Fri 2026-04-03 20:00:00 CEST  kept     keep-weekly
Fri 2026-03-27 20:00:00 CET   kept     keep-weekly
"
    );
    let whole = ahead(&["--output", "json"]).run().json();
    assert_eq!(whole["taken"], 286, "400 days have 286 workdays");
    assert_eq!(whole["counts"].as_array().unwrap().len(), 286);
    assert_eq!(
        (&whole["kept"], &whole["most_kept"]),
        (&json!(5), &json!(5))
    );
    assert_eq!(whole["counts"][0]["at"], "2026-03-20T19:00:00Z");
    // What is there already is there at the start.
    let with_old = ahead(&["--days", "1", "--times", "-", "--output", "json"])
        .input("2026-03-01T00:00:00Z protected\n2026-03-19T00:00:00Z\n")
        .run()
        .json();
    assert_eq!(
        (&with_old["taken"], &with_old["kept"]),
        (&json!(1), &json!(3))
    );
}

#[test]
fn without_a_rule_it_warns_and_removes_nothing() {
    let ran = simulate(&[&["--times", "-"]]).input(SNAPSHOTS).run();
    assert_eq!(
        ran.err,
        "warning: no keep option is given, so that nothing would be removed\n"
    );
    assert!(ran.ok().ends_with("6 kept, 0 removed\n"));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let refused = |words: &[&str], input: &str, says: &[&str]| {
        simulate(&[words]).input(input).run().fails(1, says);
    };
    refused(
        &["--times", "-", "--keep-last", "1"],
        "2026-03-28T10:00:00Z\n2026-03-28\n\n2026-03-28T10:00:00Z protekted\n",
        &[
            "line 2: \"2026-03-28\" is no time with its offset",
            "line 4: \"protekted\" is neither `protected` nor `incomplete`",
            "2 lines of - are not understood",
        ],
    );
    // It would remove everything.
    refused(&["--times", "-", "--keep-last", "0"], "", &["--keep-last"]);
    refused(&["--keep-last", "1"], "", &["--times", "--every"]);
    refused(&["--times", "-", "--days", "3"], "", &["--every"]);
    refused(
        &["--every", "*-02-30", "--keep-last", "1"],
        "",
        &["it never comes within 400 days"],
    );
    refused(
        &["--every", "*:*:*", "--keep-last", "1"],
        "",
        &["it comes more than 1000000 times within 400 days"],
    );
    refused(&["--every", "dayly"], "", &["\"dayly\" at position 1"]);
    refused(
        &["--every", "daily", "--tz", "Berlin"],
        "",
        &["there is no time zone Berlin"],
    );
    refused(&["--times", "/none"], "", &["/none could not be read"]);
}
