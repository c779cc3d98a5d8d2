//! Looking into snapshots of thin volumes.

use moxnas_core::sim::SimMachine;
use moxnas_pool::{
    backend::{BackendError, execute},
    dataset::{self, Change as Wish, Contents, Sight},
    model::{Filesystem, Standing},
    plan::Change,
    prune::{Keep, TimeZone},
    sim::WriteError,
};

use super::{BOTH, MIB, Thin, create, delete_snapshot, rename, retry::stop_at, rollback, snapshot};
use crate::world::{World, delete, export, mount, of, unmount};

pub(super) fn look() -> Wish {
    Wish::MountSnapshot {
        dataset: "data".to_owned(),
        snapshot: "monday".to_owned(),
    }
}

pub(super) fn leave() -> Wish {
    Wish::UnmountSnapshot {
        dataset: "data".to_owned(),
        snapshot: "monday".to_owned(),
    }
}

const MONDAY: &str = ".snapshots/data/monday";

/// With a snapshot that somebody looks into.
fn looked_into(filesystem: Filesystem) -> Thin {
    let thin = Thin::with_data(filesystem);
    thin.run(&look());
    thin
}

/// Where the snapshot is, if it can be looked into.
fn place(thin: &Thin) -> Option<String> {
    let (dataset, snapshot) = ("data".parse().unwrap(), "monday".parse().unwrap());
    match thin.pool().sight(&dataset, &snapshot) {
        Sight::At(place) => Some(place),
        Sight::After(command) => {
            assert_eq!(command, "moxnas snapshot mount tank data monday");
            None
        }
    }
}

fn steps(thin: &Thin, wish: &Wish) -> Vec<String> {
    let steps = thin.plan(wish).unwrap().steps;
    steps.iter().map(ToString::to_string).collect()
}

#[test]
fn a_snapshot_is_looked_into_until_the_machine_starts_anew() {
    for filesystem in BOTH {
        let thin = Thin::with_data(filesystem);
        assert_eq!(place(&thin), None);
        assert_eq!(thin.plan(&leave()).unwrap().steps, []);
        let plan = thin.plan(&look()).unwrap();
        assert!(!plan.needs_confirmation());
        assert!(plan.warnings[0].contains("nothing mounts it"), "{plan:?}");
        let (was, standing) = (thin.files(MONDAY), thin.standing());
        thin.run(&look());
        assert_eq!(
            place(&thin).as_deref(),
            Some("/srv/tank/.snapshots/data/monday")
        );
        assert_eq!(thin.plan(&look()).unwrap().steps, []);
        assert_eq!(thin.standing(), standing);
        assert_eq!(thin.write(MONDAY, "x", 1), Err(WriteError::ReadOnly));
        thin.write("data", "file", 3).unwrap();
        assert_eq!(thin.files(MONDAY), was);

        thin.run(&leave());
        assert_eq!(place(&thin), None);
        assert_eq!(thin.plan(&leave()).unwrap().steps, []);
        assert_eq!(thin.write(MONDAY, "x", 1), Err(WriteError::NotFound));

        let kind = thin.pool().kind;
        for start in [SimMachine::reboot, SimMachine::power_cut] {
            thin.run(&look());
            start(&thin.0.machine);
            assert_eq!(place(&thin), None);
            assert_eq!(thin.standing(), Standing::Mounted);
            assert_eq!(thin.pool().kind, kind);
        }
    }
}

/// Each of these plans begins with what takes the snapshot away from whoever looks into it.
#[test]
fn what_is_done_to_a_snapshot_unmounts_it_first() {
    let begins = |steps: &[String]| {
        let first: Vec<&str> = steps.iter().take(2).map(String::as_str).collect();
        assert!(first[0].contains("unmount the snapshot data@monday"));
        assert!(first[1].contains("have the snapshot data@monday no more"));
    };
    for wish in [
        delete_snapshot("monday"),
        rollback(),
        rename("data", "films"),
    ] {
        let thin = looked_into(Filesystem::Xfs);
        begins(&steps(&thin, &wish));
        thin.run(&wish);
        assert_eq!(place(&thin), None, "{wish:?}");
        assert_eq!(thin.standing(), Standing::Mounted, "{wish:?}");
    }
    for change in [unmount, export, delete] {
        let thin = looked_into(Filesystem::Ext4);
        let plan = thin.0.plan(&of(change)).unwrap();
        begins(
            &plan
                .steps
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
        );
        execute(&thin.0.pools, &plan.steps).unwrap();
        assert_eq!(thin.0.machine.state().mounts, []);
    }
    let thin = looked_into(Filesystem::Ext4);
    thin.run(&snapshot("tuesday"));
    let keep = Keep {
        last: Some(1),
        ..Keep::default()
    };
    let plan = dataset::plan_prune(
        &thin.pool(),
        &thin.contents(),
        "data",
        &keep.into(),
        &TimeZone::UTC,
    );
    let plan = plan.unwrap().steps;
    begins(&plan.iter().map(ToString::to_string).collect::<Vec<_>>());
    // Others are left alone.
    thin.run(&delete_snapshot("tuesday"));
    thin.run(&create("other", Some(50 * MIB)));
    assert!(place(&thin).is_some());
    // Nothing is done to a snapshot of which a clone is made.
    thin.run(&super::clone("copy"));
    assert!(place(&thin).is_some());
}

#[test]
fn whoever_has_files_of_it_open_is_named() {
    let thin = looked_into(Filesystem::Ext4);
    let tank = "tank".parse().unwrap();
    thin.0.pools.enter_at(&tank, MONDAY, "less (process 7)");
    let (was, files) = (thin.contents(), thin.files("data"));
    for steps in [
        thin.plan(&leave()).unwrap().steps,
        thin.plan(&delete_snapshot("monday")).unwrap().steps,
        thin.plan(&rollback()).unwrap().steps,
        thin.0.plan(&of(unmount)).unwrap().steps,
    ] {
        let stopped = execute(&thin.0.pools, &steps).unwrap_err();
        let BackendError::Busy { at, by } = &stopped.cause else {
            panic!("{stopped:?}");
        };
        assert_eq!(at, "/srv/tank/.snapshots/data/monday");
        assert_eq!(by, &["less (process 7)"]);
        assert_eq!(
            (thin.contents(), thin.files("data")),
            (was.clone(), files.clone())
        );
        assert!(place(&thin).is_some());
    }
    thin.0.pools.leave(&tank);
    thin.run(&leave());
    assert_eq!(place(&thin), None);
}

/// Nothing is left behind that would keep a later try from its end.
#[test]
fn whatever_step_fails_the_same_again_ends_it() {
    type Prepare = fn() -> Thin;
    let plain: Prepare = || Thin::with_data(Filesystem::Xfs);
    let looked: Prepare = || looked_into(Filesystem::Xfs);
    let inside: [(Prepare, Wish, usize); 5] = [
        (plain, look(), 2),
        (looked, leave(), 2),
        (looked, delete_snapshot("monday"), 3),
        (looked, rename("data", "films"), 8),
        (looked, rollback(), 10),
    ];
    for (prepare, wish, count) in inside {
        let steps = prepare().plan(&wish).unwrap().steps;
        assert_eq!(steps.len(), count, "{steps:?}");
        let ended = prepare();
        ended.run(&wish);
        for (at, cut) in (0..count).flat_map(|it| [(it, false), (it, true)]) {
            let thin = prepare();
            stop_at(&thin.0, &steps, at, cut);
            thin.run(&wish);
            assert_eq!(
                thin.pool().kind,
                ended.pool().kind,
                "{wish:?} at {at}, {cut}"
            );
            let names = |it: &Contents| {
                let all = it.snapshots.iter();
                let names = all.map(|it| it.name.as_str().to_owned());
                // A rollback that was stopped late keeps one more.
                let names = names.filter(|it| it != "before-monday-2");
                names.collect::<Vec<_>>()
            };
            assert_eq!(
                names(&thin.contents()),
                names(&ended.contents()),
                "{wish:?} at {at}"
            );
        }
    }
    let changes: [fn(String) -> Change; 2] = [unmount, export];
    for change in changes {
        let steps = looked().0.plan(&of(change)).unwrap().steps;
        for (at, cut) in (0..steps.len()).flat_map(|it| [(it, false), (it, true)]) {
            let thin = looked();
            stop_at(&thin.0, &steps, at, cut);
            thin.0.run(&of(change));
            let state = thin.0.machine.state();
            assert_eq!(state.mounts, [], "stopped at {at}");
            drop(state);
            assert!(
                thin.0.look().1.all.iter().all(|it| !it.is_mounted),
                "stopped at {at}"
            );
        }
    }
}

#[test]
fn where_it_cannot_be_done_it_is_said() {
    let thin = looked_into(Filesystem::Ext4);
    let none = Wish::MountSnapshot {
        dataset: "data".to_owned(),
        snapshot: "none".to_owned(),
    };
    assert_eq!(thin.plan(&none).unwrap_err().code(), "snapshot_not_found");
    thin.run(&snapshot("tuesday"));
    // A folder would have to be made for it; to leave is possible always.
    let mib = thin.contents().space.available.0 / MIB;
    thin.run(&create("more", Some((mib + 4) * MIB)));
    thin.write("more", "all", mib).unwrap();
    let (mut contents, mut pool) = (thin.contents(), thin.pool());
    contents.thin.as_mut().unwrap().data = 10_000;
    let other = Wish::MountSnapshot {
        dataset: "data".to_owned(),
        snapshot: "tuesday".to_owned(),
    };
    let refused = dataset::plan(&pool, &contents, &other).unwrap_err();
    assert_eq!(refused.code(), "thin_pool_full");
    assert_eq!(
        dataset::plan(&pool, &contents, &leave())
            .unwrap()
            .steps
            .len(),
        2
    );
    pool.is_forced_read_only = true;
    let refused = dataset::plan(&pool, &contents, &other).unwrap_err();
    assert_eq!(refused.code(), "pool_forced_read_only");
    assert_eq!(
        dataset::plan(&pool, &contents, &leave())
            .unwrap()
            .steps
            .len(),
        2
    );
    thin.0.run(&of(unmount));
    let refused = dataset::plan(&thin.pool(), &contents, &leave()).unwrap_err();
    assert_eq!(refused.code(), "pool_not_mounted");
    thin.0.run(&of(mount));
    assert_eq!(place(&thin), None);
}

/// Those of btrfs are always there, and other kinds of pools have none.
#[test]
fn other_pools_say_how_it_is_there() {
    for (filesystem, mounted, unmounted) in [
        (Filesystem::Btrfs, None, "snapshot_always_there"),
        (Filesystem::Ext4, Some("no_snapshots"), "no_snapshots"),
    ] {
        let world = World::new();
        world.run(&world.create("tank", "A", filesystem));
        let thin = Thin(world);
        thin.run(&create("data", None));
        if filesystem == Filesystem::Btrfs {
            thin.run(&snapshot("monday"));
            let plan = thin.plan(&look()).unwrap();
            assert_eq!(plan.steps, []);
            assert!(plan.warnings[0].ends_with("always there: /srv/tank/.snapshots/data/monday"));
            assert!(place(&thin).is_some());
        }
        let code = |wish: &Wish| thin.plan(wish).err().map(|it| it.code());
        assert_eq!(code(&look()), mounted);
        assert_eq!(code(&leave()), Some(unmounted));
        assert!(thin.plan(&leave()).unwrap_err().hint().is_some());
    }
}
