//! A dataset that is a volume gets another name, and its snapshots with it.

use moxnas_pool::{
    backend::execute,
    dataset::Change as Wish,
    model::{Filesystem, Standing},
};

use super::{MIB, Thin, create, rename, retry::stop_at, snapshot};
use crate::world::{mount, of};

/// With two snapshots of `data`, one of which is held.
fn prepared() -> Thin {
    let thin = Thin::with_data(Filesystem::Xfs);
    thin.run(&snapshot("tuesday"));
    thin.run(&Wish::Hold {
        dataset: "data".to_owned(),
        snapshot: "monday".to_owned(),
        hold: "keep".parse().unwrap(),
    });
    thin
}

fn is_renamed(thin: &Thin, files: &Option<Vec<(String, u64)>>) {
    assert_eq!(thin.files("films"), *files);
    let contents = thin.contents();
    assert!(contents.dataset("data").is_none());
    assert_eq!(contents.snapshots_of("data").count(), 0);
    assert_eq!(contents.snapshots_of("films").count(), 2);
    assert_eq!(contents.snapshot("films", "monday").unwrap().held.len(), 1);
    assert_eq!(thin.standing(), Standing::Mounted);
    assert_eq!(
        thin.plan(&rename("films", "films")).unwrap().steps,
        [],
        "{contents:?}"
    );
    let state = thin.0.machine.state();
    let left = state.files.keys().any(|it| it.contains("tank-data"));
    assert!(!left, "a unit of the old name is left");
}

#[test]
fn a_dataset_gets_another_name_and_its_snapshots_with_it() {
    let thin = prepared();
    let files = thin.files("data");
    let plan = thin.plan(&rename("data", "films")).unwrap();
    assert!(plan.needs_confirmation());
    thin.run(&rename("data", "films"));
    is_renamed(&thin, &files);
    thin.write("films", "more", 1).unwrap();
    thin.0.machine.reboot();
    assert_eq!(thin.files("films").unwrap().len(), files.unwrap().len() + 1);
    assert_eq!(thin.standing(), Standing::Mounted);
}

#[test]
fn whatever_step_fails_the_same_again_ends_it() {
    let steps = prepared().plan(&rename("data", "films")).unwrap().steps;
    assert_eq!(steps.len(), 7);
    for (at, cut) in (0..steps.len()).flat_map(|it| [(it, false), (it, true)]) {
        for mounted_between in [false, true] {
            let thin = prepared();
            let files = thin.files("data");
            stop_at(&thin.0, &steps, at, cut);
            let is_there = ["data", "films"].iter().any(|it| thin.files(it) == files);
            assert!(is_there, "stopped at {at} it is lost");
            if mounted_between {
                thin.0.run(&of(mount));
            }
            match thin.plan(&rename("data", "films")) {
                Ok(plan) => execute(&thin.0.pools, &plan.steps).unwrap(),
                // It is the other one by then, and mounted.
                Err(refused) => assert_eq!(refused.code(), "dataset_not_found", "{at}"),
            }
            is_renamed(&thin, &files);
        }
    }
}

#[test]
fn a_name_is_taken_or_has_snapshots_of_the_same_names() {
    let thin = prepared();
    thin.run(&create("films", Some(400 * MIB)));
    let refused = thin.plan(&rename("data", "films")).unwrap_err();
    assert_eq!(refused.code(), "dataset_name_taken");
    thin.run(&snapshot(&"s".repeat(60)));
    let refused = thin.plan(&rename("data", &"x".repeat(64))).unwrap_err();
    assert_eq!(refused.code(), "volume_name_too_long");
    // Half way, and then somebody takes a snapshot of a name that was moved.
    let thin = prepared();
    let steps = thin.plan(&rename("data", "films")).unwrap().steps;
    stop_at(&thin.0, &steps, 3, false);
    thin.0.run(&of(mount));
    let plan = thin.plan(&rename("data", "films")).unwrap();
    let is_said = |it: &String| it.contains("under the name films");
    assert!(plan.warnings.iter().any(is_said), "{plan:?}");
    thin.run(&snapshot("monday"));
    let refused = thin.plan(&rename("data", "films")).unwrap_err();
    assert_eq!(refused.code(), "snapshots_of_another");
}
