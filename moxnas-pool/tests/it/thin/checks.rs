//! Going over pools of thin volumes.

use moxnas_core::{plan::fail_at, sim::Fault};
use moxnas_pool::{
    backend::{BackendError, PoolBackend},
    check::Outcome,
    lvm::{GroupStep, Kind},
    model::{Filesystem, Standing},
    plan::{Change, Step},
};

use super::{MIB, Thin, create};
use crate::world::{World, mount, of, unmount};

fn check(pool: String) -> Change {
    Change::Check {
        pool,
        repair: false,
    }
}

fn repair(pool: String) -> Change {
    Change::Check { pool, repair: true }
}

/// With two datasets, unmounted.
fn at_rest() -> Thin {
    let thin = Thin::with_data(Filesystem::Ext4);
    thin.run(&create("films", Some(50 * MIB)));
    thin.0.run(&of(unmount));
    thin
}

/// What each step that goes over something found, as a job would do it.
fn outcomes(world: &World, change: fn(String) -> Change) -> Vec<(String, Outcome)> {
    let mut found = Vec::new();
    for step in world.plan(&of(change)).unwrap().steps {
        match step.is_check() {
            true => {
                let checked = world.pools.check(&step, &|| true).unwrap();
                found.push((step.to_string(), checked.outcome));
            }
            false => world.pools.apply(&step).unwrap(),
        }
    }
    found
}

#[test]
fn the_metadata_come_first_and_then_each_dataset() {
    let thin = at_rest();
    let clean = [
        "check the metadata of the thin pool",
        "check the ext4 of the folder of pool tank",
        "check the ext4 of dataset data in pool tank",
        "check the ext4 of dataset films in pool tank",
    ];
    let found = outcomes(&thin.0, check);
    let expected = clean.map(|it| (it.to_owned(), Outcome::Clean));
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert!(found.0.ends_with(&expected.0), "{found:?}");
        assert_eq!(found.1, expected.1);
    }
    let plan = thin.0.plan(&of(repair)).unwrap();
    assert!(plan.needs_confirmation() && plan.warnings[0].contains("metadata"));
    // It is as it was before: unmounted, and there.
    assert_eq!(thin.standing(), Standing::Unmounted);
    thin.0.run(&of(mount));
    assert_eq!(thin.standing(), Standing::Mounted);
}

#[test]
fn what_is_damaged_is_found_and_mended_where_it_is() {
    let thin = at_rest();
    let (tank, films) = ("tank".parse().unwrap(), "films".parse().unwrap());
    thin.0.pools.damage_dataset(&tank, &films).unwrap();
    let bad = |change, outcome: Outcome| {
        let found = outcomes(&thin.0, change);
        let bad = found.iter().filter(|it| it.1 != Outcome::Clean);
        let bad: Vec<_> = bad.collect();
        assert_eq!(bad.len(), 1, "{found:?}");
        assert!(bad[0].0.contains("films") && bad[0].1 == outcome, "{bad:?}");
    };
    bad(check, Outcome::Errors);
    bad(repair, Outcome::Mended);
    assert!(
        outcomes(&thin.0, check)
            .iter()
            .all(|it| it.1 == Outcome::Clean)
    );

    thin.0.pools.damage_metadata(&tank).unwrap();
    let steps = thin.0.plan(&of(check)).unwrap().steps;
    let mut done = Vec::new();
    let stopped = moxnas_core::plan::execute(&steps, |step| {
        done.push(step.to_string());
        thin.0.pools.apply(step)
    })
    .unwrap_err();
    let BackendError::HasErrors(_) = &stopped.cause else {
        panic!("{stopped:?}");
    };
    assert!(done.last().unwrap().contains("check the metadata"));
    // LVM activates none of it, and says so.
    let refused = moxnas_core::plan::execute(&thin.0.plan(&of(mount)).unwrap().steps, |it| {
        thin.0.pools.apply(it)
    });
    assert!(
        refused
            .unwrap_err()
            .cause
            .to_string()
            .contains("Manual repair")
    );
    thin.0.machine.reboot();
    assert_eq!(thin.standing(), Standing::Unmounted);
    let Kind::Thin(seen) = thin.pool().kind else {
        panic!("it is one of thin volumes");
    };
    assert!(!seen.is_active && !seen.is_open);
}

/// What was taken from the kernel is given back by whatever comes next.
#[test]
fn whatever_step_fails_the_pool_is_mounted_or_checked_again() {
    let steps = at_rest().0.plan(&of(check)).unwrap().steps;
    assert_eq!(steps.len(), 8);
    for (at, cut) in (0..steps.len()).flat_map(|it| [(it, false), (it, true)]) {
        for next in [check, mount] {
            let thin = at_rest();
            if cut {
                let matching = steps[at].to_string();
                thin.0.machine.inject(Fault::PowerCut { matching });
            }
            let injected = || BackendError::Injected("told to".to_owned());
            let apply = |it: &Step| thin.0.pools.apply(it);
            let stopped = match cut {
                true => moxnas_core::plan::execute(&steps, apply),
                false => moxnas_core::plan::execute(&steps, fail_at(at, injected, apply)),
            };
            assert_eq!(stopped.unwrap_err().done, at);
            thin.0.look();
            let again = thin.0.plan(&of(check)).unwrap();
            assert_eq!(
                again.steps, steps,
                "the job goes on with what was confirmed"
            );
            thin.0.run(&of(next));
            thin.0.run(&of(mount));
            assert_eq!(thin.standing(), Standing::Mounted, "{at} {cut}");
            assert_eq!(thin.files("data").unwrap().len(), 2);
        }
    }
    let close =
        |it: &Step| matches!(it, Step::Thin { step, .. } if *step == GroupStep::CloseMetadata);
    assert!(steps.iter().any(close));
}

#[test]
fn nobody_may_use_it_meanwhile() {
    let thin = Thin::with_data(Filesystem::Xfs);
    let refused = thin.0.plan(&of(check)).unwrap_err();
    assert_eq!(refused.code(), "check_needs_unmount");
    thin.0.run(&of(unmount));
    let root = "dm-name-moxnas_tank-d.data".to_owned();
    let elsewhere = (root, "/mnt".to_owned());
    thin.0.machine.state().mounts.push(elsewhere);
    let refused = thin.0.plan(&of(check)).unwrap_err();
    assert_eq!(refused.code(), "mounted_elsewhere");
    assert!(refused.hint().unwrap().contains("/mnt"));
    thin.0.machine.state().mounts.clear();
    thin.0.machine.pull("A").unwrap();
    let refused = thin.0.plan(&of(check)).unwrap_err();
    assert_eq!(refused.code(), "pool_device_missing");
}
