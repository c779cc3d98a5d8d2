//! Each command does the same within its own process and through a service.

use serde_json::Value;

use crate::product::{Ran, Served, moxnas};

/// What depends on the moment of the question: times, how long the machine runs, how busy it is,
/// and how far something in the background has got in the meantime. Nothing else may differ.
const OF_THE_MOMENT: [&str; 17] = [
    "id",
    "actor",
    "created_at",
    "request_id",
    "as_of",
    "timestamp",
    "now",
    "response_time",
    "memory",
    "memory_available_bytes",
    "load_1m",
    "uptime_s",
    "service_resident_bytes",
    "done_bytes",
    "percent",
    "remaining_s",
    "speed_bytes_per_s",
];

/// A JSON value with [`OF_THE_MOMENT`] blanked out.
fn still(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            // How busy the processors were since the question before: left out at the first one.
            fields.remove("cpu");
            for (name, value) in fields {
                if OF_THE_MOMENT.contains(&name.as_str()) {
                    *value = Value::Null;
                } else {
                    still(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(still),
        _ => (),
    }
}

/// Text with [`OF_THE_MOMENT`] blanked out.
fn still_text(text: &str) -> String {
    if let Ok(mut value) = serde_json::from_str::<Value>(text) {
        still(&mut value);
        return value.to_string();
    }
    let line = |line: &str| match line.trim().split_once(": ") {
        Some((key, _)) if OF_THE_MOMENT.contains(&key) => key.to_owned(),
        // `resync 0.0 %, 6 h 10 min left`
        _ => match line.split_once(" %, ") {
            Some((before, _)) => before
                .trim_end_matches(|it: char| it == '.' || it.is_ascii_digit())
                .to_owned(),
            // `id          01a1f943ac04…`, of a job
            None => match line.split_once("  ") {
                Some((key, _)) if ["id", "created", "actor"].contains(&key) => key.to_owned(),
                _ => line.to_owned(),
            },
        },
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// A field whose value is known at one moment and not at another, such as how busy the processors
/// were since the question before, is left out altogether.
fn without_gaps(text: &str) -> String {
    let gap = |line: &&str| !line.trim_start().starts_with("cpu: ");
    text.lines().filter(gap).collect::<Vec<_>>().join("\n")
}

fn seen(ran: &Ran) -> (i32, String) {
    (ran.code, still_text(&without_gaps(&ran.out)))
}

/// Run a command both ways, for people and for programs; the service is as fresh as the process.
fn check(scenario: &str, command: &str) {
    let words: Vec<&str> = command.split(' ').collect();
    for output in ["table", "json"] {
        let words: Vec<&str> = words
            .iter()
            .copied()
            .chain(["--yes", "--output", output])
            .collect();
        let alone = moxnas(["--sim", scenario].iter().chain(&words)).run();
        let served = Served::start(scenario).moxnas(&words).run();
        assert_eq!(
            seen(&alone),
            seen(&served),
            "{command}\n{}\n{}",
            alone.err,
            served.err
        );
        let hint = |it: &Ran| {
            it.err
                .lines()
                .filter(|it| it.contains("error: ") || it.contains("hint: "))
                .collect::<Vec<_>>()
                .join("\n")
        };
        assert_eq!(hint(&alone), hint(&served), "{command}");
        assert!(
            alone
                .err
                .contains(&format!("SIMULATED MACHINE ({scenario})")),
            "{alone:?}"
        );
        assert!(
            served
                .err
                .contains(&format!("SIMULATED MACHINE ({scenario})")),
            "{served:?}"
        );
    }
}

/// The same for commands that change nothing: one service for all of them.
fn check_reads(scenario: &str, commands: &[&str]) {
    let service = Served::start(scenario);
    for command in commands {
        for output in ["table", "json"] {
            let words: Vec<&str> = command.split(' ').chain(["--output", output]).collect();
            let alone = moxnas(["--sim", scenario].iter().chain(&words)).run();
            let served = service.moxnas(&words).run();
            assert_eq!(
                seen(&alone),
                seen(&served),
                "{command}\n{}\n{}",
                alone.err,
                served.err
            );
        }
    }
}

#[test]
fn reads_are_the_same() {
    check_reads(
        "small-office",
        &[
            "disk list",
            "disk show ZGY1A003",
            "disk show none",
            "disk consequences WD-WX12D00A0001",
            "disk consequences nvme0n1",
            "disk consequences ZGY1A003",
            "disk consequences none",
            "array list",
            "array show media",
            "array show none",
            "system health",
            "system info",
            "sim show",
            "schedule list",
            "schedule show raid_scrub",
            "schedule history raid_scrub",
            "schedule show none",
            "job list",
            "job show none",
            "job log none",
        ],
    );
    check_reads(
        "raid5-dead",
        &[
            "array list",
            "array show projects",
            "system health",
            "disk list",
        ],
    );
    check_reads(
        "raid6-two-failed",
        &["array list", "array show archive", "system health"],
    );
    check_reads("blank", &["array list"]);
    check_reads("raid6-two-failed", &["disk consequences ZL2A-0003"]);
}

#[test]
fn plans_are_the_same() {
    check_reads(
        "small-office",
        &[
            "array create new --level raid1 --member 2240E6F00001 --member 2240E6F00002 --dry-run",
            "array add media ZGY1A003 --dry-run",
            "array fail media WD-WX12D00A0001 --dry-run",
            "array replace media WD-WX12D00A0001 --with ZGY1A003 --dry-run",
            "array scrub media --dry-run",
            "array delete media --dry-run",
            "array stop media --dry-run",
            "array assemble none --dry-run",
        ],
    );
}

#[test]
fn create_is_the_same() {
    check(
        "blank",
        "array create data --level raid6 --member BLANK-0001 --member BLANK-0002 --member BLANK-0003 --member BLANK-0004 --spare BLANK-0005",
    );
    check(
        "blank",
        "array create data --level raid6 --member BLANK-0001",
    );
}

#[test]
fn an_array_and_its_pool_in_one_step_are_the_same() {
    let create = "pool create tank --level raid1 --member BLANK-0001 --member BLANK-0002 --fs ext4";
    check("blank", create);
    check("blank", &format!("{create} --device BLANK-0003"));
}

#[test]
fn changes_of_members_are_the_same() {
    check("small-office", "array add media ZGY1A003");
    check("small-office", "array fail media WD-WX12D00A0001");
    check("raid6-two-failed", "array remove archive ZL2A-0002");
    check("small-office", "array remove media WD-WX12D00A0001");
    check(
        "small-office",
        "array replace media WD-WX12D00A0001 --with /dev/sde",
    );
}

#[test]
fn changes_of_arrays_are_the_same() {
    check("small-office", "array scrub media --action check --detach");
    check("sandbox", "array stop sandbox");
    check("sandbox", "array delete /dev/md/sandbox");
    check("sandbox", "array assemble sandbox");
    check("small-office", "array delete media");
}

#[test]
fn the_simulation_is_the_same() {
    check("sandbox", "sim fault pull --serial SANDBOX01");
    check("sandbox", "sim fault step-fails --step create");
    check("sandbox", "sim fault pull");
    check("sandbox", "sim advance 6h");
}

/// `--output json` is what the interface sent, and nothing else.
#[test]
fn json_is_the_wire_type() {
    let service = Served::start("small-office");
    for (command, path) in [
        ("disk show ZGY1A003", "/api/storage/disks/ZGY1A003"),
        ("disk list", "/api/storage/disks"),
        ("array list", "/api/storage/arrays"),
        ("array show media", "/api/storage/arrays/media"),
        ("system health", "/api/system/health/detailed"),
        ("system info", "/api/system/info"),
        ("sim show", "/api/sim"),
    ] {
        let words: Vec<&str> = command.split(' ').chain(["--output", "json"]).collect();
        let mut printed = service.moxnas(&words).run().json();
        let mut sent = service.get(path);
        for it in [&mut printed, &mut sent] {
            still(it);
        }
        assert_eq!(printed, sent, "{command}");
    }
    let plan = ["array", "scrub", "media", "--dry-run", "--output", "json"];
    let plan = service.moxnas(&plan).run().json();
    let body = serde_json::json!({
        "operation": "array_scrub", "path": { "array": "media" }, "body": { "action": "check" },
    });
    assert_eq!(plan, service.ask("POST", "/api/plans", Some(&body)).json());
}
