//! An array and the pool on it by one command.

use crate::{
    product::{Served, moxnas},
    source::golden,
};

const CREATE: &str = "pool create tank --level raid6 --member BLANK-0001 --member BLANK-0002 \
                      --member BLANK-0003 --member BLANK-0004 --spare BLANK-0005 --fs btrfs";

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// Golden: `tests/it/cli/one_step.txt`.
#[test]
fn the_plan_is_shown_as_committed() {
    let line = format!("{CREATE} --dry-run");
    let mut all = vec!["--sim", "blank"];
    all.extend(words(&line));
    let shown = moxnas(all).run().ok();
    golden(
        "tests/it/cli/one_step.txt",
        &format!("$ moxnas {}\n{shown}", words(&line).join(" ")),
    );
}

/// Nothing without a yes; with one, all of it; and where it stops, the same again is the remedy.
#[test]
fn one_command_is_enough_also_after_it_stopped() {
    let service = Served::start("blank");
    let run = |line: &str| service.moxnas(&words(line)).run();
    run(CREATE).fails(1, &["there is no terminal to ask at", "DANGER:"]);
    let fault = serde_json::json!({ "kind": "step-fails", "step": "make the filesystem btrfs" });
    let told = service.ask("POST", "/api/sim/faults", Some(&fault));
    assert_eq!(told.status, 200);
    run(&format!("{CREATE} --yes")).fails(
        2,
        &[
            "because: stopped after 3 of 6 steps, at: make the filesystem btrfs on the new array tank",
            "hint: array tank stays: the same command goes on with it",
        ],
    );
    assert_eq!(
        service.get("/api/storage/arrays")["items"][0]["name"],
        "tank"
    );
    let again = run(&format!("{CREATE} --dry-run")).ok();
    assert!(
        again.contains("array tank is there already as it was wished"),
        "{again}"
    );
    assert!(!again.contains("mdadm --create"), "{again}");
    let made = run(&format!("{CREATE} --yes --output json")).json();
    assert_eq!(made["standing"], "mounted", "{made}");
    run(&format!("{CREATE} --yes")).fails(1, &["a pool named tank exists already"]);
}
