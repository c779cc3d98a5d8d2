//! Whatever step fails, trying again heals or explains, and no file is lost meanwhile.

use moxnas_core::{plan::fail_at, sim::Fault, units::Bytes};
use moxnas_pool::{
    backend::{BackendError, PoolBackend, execute},
    dataset::Change as Wish,
    lvm::Kind,
    model::{Filesystem, Standing},
    plan::{Change, Step},
};

use super::{
    MIB, Thin, clone, create, create_on, delete_dataset, delete_snapshot, rollback, set, snapshot,
};
use crate::world::{World, delete, export, mount, of, unmount};

/// What there is in the end, but for names by which nobody goes.
fn outcome(world: &World) -> Vec<String> {
    let (devices, pools) = world.look();
    let disks = devices.disks().map(|it| {
        let kinds: Vec<&str> = it.signatures.iter().map(|it| it.kind.as_str()).collect();
        format!("{} {kinds:?}", it.name)
    });
    let mut all: Vec<String> = disks.collect();
    for pool in &pools.all {
        let Kind::Thin(thin) = &pool.kind else {
            panic!("{pool:?}");
        };
        all.push(format!("{:?} {:?}", pool.judge(), thin.datasets));
        let Ok(contents) = world.pools.contents(pool) else {
            continue;
        };
        for it in &contents.datasets {
            let files = world.pools.files(&pool.name, it.name.as_str());
            all.push(format!(
                "{} {:?} {:?}",
                it.name,
                it.quota,
                files.map(|it| it.len())
            ));
        }
        let kept = contents.snapshots.iter();
        let mut kept: Vec<&str> = kept.map(|it| it.name.as_str()).collect();
        kept.retain(|it| !it.starts_with("before-monday-"));
        kept.sort_unstable();
        all.push(format!(
            "{kept:?} {:?} {:?}",
            contents.replaced, contents.others
        ));
    }
    all
}

pub(super) fn stop_at(world: &World, steps: &[Step], at: usize, power_cut: bool) {
    let done = if power_cut {
        world.machine.inject(Fault::PowerCut {
            matching: steps[at].to_string(),
        });
        execute(&world.pools, steps).unwrap_err().done
    } else {
        let injected = || BackendError::Injected("told to".to_owned());
        let step = |it: &Step| world.pools.apply(it);
        moxnas_core::plan::execute(steps, fail_at(at, injected, step))
            .unwrap_err()
            .done
    };
    assert_eq!(done, at);
    // After a start LVM has to find its volumes first.
    world.look();
}

type Prepare = fn() -> World;
type Named = (Prepare, fn(&World) -> Change);

/// Whichever step fails or is cut off, trying again ends where the first try would have, or says what
/// to do; and that then does.
#[test]
fn every_change_of_a_pool_can_be_tried_again_after_a_failure_at_any_step() {
    let with_data: Prepare = || Thin::with_data(Filesystem::Ext4).0;
    let changes: [Named; 6] = [
        (World::new, |it| create_on(it, "A", Filesystem::Xfs)),
        (
            || {
                let thin = Thin::with_data(Filesystem::Ext4);
                thin.0.run(&of(export));
                thin.0
            },
            |it| it.import("tank", "A"),
        ),
        (
            || {
                let thin = Thin::with_data(Filesystem::Ext4);
                thin.0.run(&of(unmount));
                thin.0
            },
            |_| of(mount),
        ),
        (with_data, |_| of(unmount)),
        (with_data, |_| of(export)),
        (with_data, |_| of(delete)),
    ];
    for (prepare, wish) in changes {
        let world = prepare();
        let steps = world.plan(&wish(&world)).unwrap().steps;
        world.run(&wish(&world));
        let expected = outcome(&world);
        for (at, cut) in (0..steps.len()).flat_map(|it| [(it, false), (it, true)]) {
            let world = prepare();
            let change = wish(&world);
            stop_at(&world, &steps, at, cut);
            match world.plan(&change) {
                Ok(plan) => execute(&world.pools, &plan.steps).unwrap(),
                Err(refused) => {
                    let hint = refused.hint().unwrap();
                    world.run(&match hint {
                        it if it.contains("pool mount tank") => of(mount),
                        it if it.contains("pool export tank") => of(export),
                        other => panic!("{refused}: {other}"),
                    });
                }
            }
            assert_eq!(outcome(&world), expected, "{change:?} stopped at {at}");
        }
    }
}

/// The same of what is in it. No file is lost meanwhile.
#[test]
fn every_change_in_a_pool_can_be_tried_again_after_a_failure_at_any_step() {
    for wish in [
        create("new", Some(100 * MIB)),
        set(500 * MIB),
        snapshot("tuesday"),
        clone("copy"),
        rollback(),
        delete_snapshot("monday"),
    ] {
        let thin = Thin::with_data(Filesystem::Ext4);
        let steps = thin.plan(&wish).unwrap().steps;
        let (was, old) = (thin.files("data"), thin.files(".snapshots/data/monday"));
        thin.run(&wish);
        let expected = outcome(&thin.0);
        for (at, cut) in (0..steps.len()).flat_map(|it| [(it, false), (it, true)]) {
            let thin = Thin::with_data(Filesystem::Ext4);
            stop_at(&thin.0, &steps, at, cut);
            let held = |files: &Option<Vec<(String, u64)>>| {
                let places = ["data", ".rollback-data", ".snapshots/data/before-monday"];
                let old = ".snapshots/data/monday";
                places
                    .into_iter()
                    .chain([old])
                    .any(|it| thin.files(it) == *files)
            };
            assert!(held(&was), "{wish:?} at {at} lost something");
            if !matches!(wish, Wish::DeleteSnapshot { .. }) {
                assert!(held(&old), "{wish:?} at {at} lost the snapshot");
            }
            match thin.plan(&wish) {
                Ok(plan) => execute(&thin.0.pools, &plan.steps).unwrap(),
                Err(refused) if refused.code() == "dataset_not_mounted" => thin.0.run(&of(mount)),
                Err(refused) => {
                    assert!(
                        refused.code() == "dataset_name_taken",
                        "{wish:?} at {at}: {refused}"
                    );
                }
            }
            assert_eq!(
                outcome(&thin.0),
                expected,
                "{wish:?} stopped at {at}, {cut}"
            );
            assert!(held(&was), "{wish:?} at {at} lost something in the end");
        }
    }
}

#[test]
fn deleting_a_dataset_can_be_tried_again_after_a_failure_at_any_step() {
    let prepare = || {
        let thin = Thin::of(Filesystem::Ext4);
        thin.run(&create("data", Some(100 * MIB)));
        thin.write("data", "file", 10).unwrap();
        thin
    };
    let steps = prepare().plan(&delete_dataset("data")).unwrap().steps;
    for (at, cut) in (0..steps.len()).flat_map(|it| [(it, false), (it, true)]) {
        let thin = prepare();
        stop_at(&thin.0, &steps, at, cut);
        thin.run(&delete_dataset("data"));
        assert_eq!(thin.contents().datasets, []);
        assert_eq!(thin.standing(), Standing::Mounted, "stopped at {at}");
        assert_eq!(thin.contents().space.used, Bytes(0));
    }
}

/// A rollback that was interrupted is ended by any rollback of the dataset, and by nothing else.
#[test]
fn an_interrupted_rollback_keeps_its_dataset_to_itself() {
    let thin = Thin::with_data(Filesystem::Ext4);
    let was = thin.files("data");
    let steps = thin.plan(&rollback()).unwrap().steps;
    let at = steps.iter().position(|it| it.to_string().contains("anew"));
    stop_at(&thin.0, &steps, at.unwrap(), true);
    for wish in [
        set(800 * MIB),
        snapshot("x"),
        create("data", None),
        delete_dataset("data"),
    ] {
        let refused = thin.plan(&wish).unwrap_err();
        assert_eq!(refused.code(), "rollback_unfinished", "{wish:?}");
        assert!(
            refused
                .hint()
                .unwrap()
                .contains("snapshot rollback tank data")
        );
    }
    thin.run(&rollback());
    assert_eq!(thin.files(".snapshots/data/before-monday"), was);
    assert!(thin.contents().replaced.is_empty());
}
