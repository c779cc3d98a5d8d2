//! The cases of Proxmox Backup's own tests of its pruning.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use moxnas_pool::prune::{Decision, Keep, Snapshot, TimeZone, decide};
use serde_json::Value;

/// Cases in the file. More are welcome, fewer are a file that is not whole.
const FLOOR: usize = 22;

#[test]
fn outside_prune_cases() {
    let Some(root) = std::env::var_os("MOXNAS_CORPORA") else {
        println!("skipped: MOXNAS_CORPORA is not set");
        return;
    };
    let path = Path::new(&root).join("sched/proxmox_backup/prune.json");
    let text = fs::read_to_string(&path).unwrap_or_else(|it| panic!("{}: {it}", path.display()));
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut failures = Vec::new();
    // Their tests run in the zone of whoever runs them, and were meant to hold there.
    for zone in ["UTC", "Europe/Berlin", "America/New_York"] {
        let zone = TimeZone::get(zone).unwrap();
        let wrong: Vec<String> = cases.iter().filter_map(|it| wrong(it, &zone)).collect();
        println!(
            "prune: {} of {} hold in {}",
            cases.len() - wrong.len(),
            cases.len(),
            zone.iana_name().unwrap_or_default()
        );
        failures.extend(wrong);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(
        cases.len() >= FLOOR,
        "{} cases, expected {FLOOR}",
        cases.len()
    );
}

/// What is wrong with what is decided in a case.
fn wrong(case: &Value, zone: &TimeZone) -> Option<String> {
    let names: Vec<&str> = list(&case["snapshots"])
        .map(|it| it["snapshot"].as_str().unwrap())
        .collect();
    let snapshots: Vec<Snapshot> = list(&case["snapshots"]).map(snapshot).collect();
    let decisions = decide(&snapshots, &keep(&case["options"]), zone);
    let wants_kept = match case["returns"].as_str().unwrap() {
        "kept" => true,
        "removed" => false,
        other => panic!("{other:?} is not known"),
    };
    let got: BTreeSet<&str> = names
        .into_iter()
        .zip(&decisions)
        .filter(|(_, it)| it.verdict.is_kept() == wants_kept)
        .map(|(name, _)| name)
        .collect();
    let wanted: BTreeSet<&str> = list(&case["expect"])
        .map(|it| it.as_str().unwrap())
        .collect();
    let reason = |it: &Decision| format!("\n  {}", it.verdict.explain(zone));
    let reasons: String = decisions.iter().map(reason).collect();
    let (test, options, returns) = (&case["test"], &case["options"], &case["returns"]);
    (got != wanted)
        .then(|| format!("{test} {options}: {returns}\n got {got:?}\n wanted {wanted:?}{reasons}"))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().unwrap().iter()
}

/// `host/elsa/2019-11-15T09:39:15Z` and two words.
fn snapshot(value: &Value) -> Snapshot {
    let (_, taken) = value["snapshot"]
        .as_str()
        .unwrap()
        .rsplit_once('/')
        .unwrap();
    Snapshot {
        taken: taken.parse().unwrap(),
        is_protected: value["protected"].as_bool().unwrap(),
        is_finished: !value["partial"].as_bool().unwrap(),
    }
}

fn keep(options: &Value) -> Keep {
    let mut options: BTreeMap<String, u32> = serde_json::from_value(options.clone()).unwrap();
    let keep = Keep {
        last: options.remove("keep_last"),
        hourly: options.remove("keep_hourly"),
        daily: options.remove("keep_daily"),
        weekly: options.remove("keep_weekly"),
        monthly: options.remove("keep_monthly"),
        yearly: options.remove("keep_yearly"),
    };
    assert!(options.is_empty(), "{options:?} are not known");
    keep
}
