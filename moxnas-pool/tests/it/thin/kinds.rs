//! Datasets of another filesystem than their pool makes.

use moxnas_pool::{
    backend::execute,
    dataset::{Change as Wish, CreateDataset},
    lvm::Kind,
    model::{Filesystem, Standing},
    plan::{Change, Step},
};

use super::{MIB, Thin, clone, looks, rename, retry::stop_at, rollback, set, snapshot};
use crate::world::{World, export, mount, of, unmount};

fn create_with(name: &str, mib: u64, filesystem: Filesystem) -> Wish {
    Wish::Create(CreateDataset {
        name: name.parse().unwrap(),
        quota: Some(moxnas_core::units::Bytes(mib * MIB)),
        filesystem: Some(filesystem),
    })
}

/// A pool of ext4 with an xfs in it, which has a file and a snapshot.
fn mixed() -> Thin {
    let thin = Thin::of(Filesystem::Ext4);
    thin.run(&create_with("data", 400, Filesystem::Xfs));
    thin.write("data", "file", 10).unwrap();
    thin.run(&snapshot("monday"));
    thin
}

fn is(thin: &Thin, dataset: &str) -> Option<Filesystem> {
    thin.pool().filesystem_of(&dataset.parse().unwrap())
}

/// The filesystem that each step of a plan is told.
fn told(steps: &[Step]) -> Vec<String> {
    let text = serde_json::to_value(steps).unwrap();
    let found = |it: &serde_json::Value| {
        let step = &it["inside"]["volume"]["filesystem"];
        let step = step.as_str().or(it["filesystem"].as_str());
        step.map(str::to_owned)
    };
    text.as_array().unwrap().iter().filter_map(found).collect()
}

#[test]
fn a_dataset_is_what_was_wished_whatever_becomes_of_it() {
    let thin = mixed();
    assert_eq!(thin.pool().filesystem, Filesystem::Ext4);
    assert_eq!(is(&thin, "data"), Some(Filesystem::Xfs));
    for wish in [
        set(600 * MIB),
        clone("copy"),
        looks::look(),
        rename("data", "films"),
        rollback(),
    ] {
        let steps = thin.plan(&wish).unwrap().steps;
        let told = told(&steps);
        assert!(
            !told.is_empty() && told.iter().all(|it| it == "xfs"),
            "{wish:?}: {told:?}"
        );
    }
    thin.run(&clone("copy"));
    thin.run(&rename("data", "films"));
    for name in ["copy", "films"] {
        assert_eq!(is(&thin, name), Some(Filesystem::Xfs), "{name}");
    }
    thin.run(&super::create("plain", Some(20 * MIB)));
    assert_eq!(is(&thin, "plain"), Some(Filesystem::Ext4));
    thin.0.run(&of(unmount));
    let check = |pool| Change::Check {
        pool,
        repair: false,
    };
    let steps = thin.0.plan(&of(check)).unwrap().steps;
    assert_eq!(told(&steps), ["ext4", "xfs", "xfs", "ext4"]);
    thin.0.run(&of(mount));
    thin.0.run(&of(export));
    thin.0.run(&thin.0.import("tank", "A"));
    assert_eq!(thin.standing(), Standing::Mounted);
    assert_eq!(is(&thin, "films"), Some(Filesystem::Xfs));
    assert_eq!(is(&thin, "plain"), Some(Filesystem::Ext4));
    let state = thin.0.machine.state();
    let unit = &state.files["/etc/systemd/system/srv-tank-films.mount"];
    assert!(
        unit.contains("Type=xfs") && unit.contains("nouuid"),
        "{unit}"
    );
}

/// Of a volume that is not there its unit says what it is.
#[test]
fn while_a_rollback_has_it_in_hand_its_unit_says_what_it_is() {
    let thin = mixed();
    let steps = thin.plan(&rollback()).unwrap().steps;
    for at in 0..steps.len() {
        let thin = mixed();
        stop_at(&thin.0, &steps, at, false);
        let Kind::Thin(seen) = thin.pool().kind else {
            panic!("it is one of thin volumes");
        };
        assert_eq!(seen.datasets.len(), 1);
        assert_eq!(is(&thin, "data"), Some(Filesystem::Xfs), "stopped at {at}");
        let plan = thin.plan(&rollback()).unwrap();
        assert!(told(&plan.steps).iter().all(|it| it == "xfs"));
        execute(&thin.0.pools, &plan.steps).unwrap();
    }
}

#[test]
fn what_cannot_be_is_refused_with_the_reason() {
    let thin = mixed();
    let refused = |wish: &Wish| thin.plan(wish).unwrap_err().code();
    assert_eq!(
        refused(&create_with("x", 200, Filesystem::Btrfs)),
        "filesystem_not_on_thin"
    );
    assert_eq!(
        refused(&create_with("x", 100, Filesystem::Xfs)),
        "quota_too_small"
    );
    for filesystem in Filesystem::ALL {
        let world = World::new();
        world.run(&world.create("tank", "A", filesystem));
        let thin = Thin(world);
        for other in Filesystem::ALL {
            let plan = thin.plan(&create_with("x", 200, other));
            match plan {
                Ok(_) => assert_eq!(other, filesystem),
                Err(refused) => {
                    assert_eq!(refused.code(), "one_filesystem");
                    assert!(refused.hint().unwrap().contains("--kind thin"));
                    assert_ne!(other, filesystem);
                }
            }
        }
    }
}
