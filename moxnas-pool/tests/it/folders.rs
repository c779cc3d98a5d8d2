//! Datasets of ext4 and xfs, which are folders that are projects.

use moxnas_core::units::Bytes;
use moxnas_pool::{
    backend::PoolBackend,
    dataset::{Change, Counting, Step as Inside, plan},
    model::Filesystem,
    sim::WriteError,
};

use crate::datasets::{MB, Tank, create, delete, inside, rename, snapshot};

const BOTH: [Filesystem; 2] = [Filesystem::Ext4, Filesystem::Xfs];

fn set(quota: Option<u64>) -> Change {
    Change::SetQuota {
        dataset: "data".to_owned(),
        quota: quota.map(Bytes),
    }
}

/// With a dataset `data` of at most 100 MB that has a file of 10 MB.
fn with_data(filesystem: Filesystem) -> Tank {
    let tank = Tank::of(filesystem);
    tank.run(&create("data", Some(100 * MB)));
    tank.write("data", "file", 10).unwrap();
    tank
}

#[test]
fn a_folder_has_a_quota_that_bites() {
    for filesystem in BOTH {
        let tank = with_data(filesystem);
        let too_much = match filesystem {
            Filesystem::Xfs => WriteError::Full,
            _ => WriteError::Quota,
        };
        assert_eq!(tank.write("data", "more", 91), Err(too_much));
        tank.write("data", "more", 80).unwrap();
        let data = tank.contents().dataset("data").unwrap().clone();
        // A whole number of blocks, and no more than was said.
        assert_eq!(data.quota, Some(Bytes(100 * MB - 100 * MB % 4096)));
        assert_eq!(data.usage.unwrap().referenced, Bytes(90 * MB));
        assert_eq!((data.id, data.uuid), (1000, None));
        assert_eq!(tank.plan(&set(Some(100 * MB))).unwrap().steps, []);

        let plan = tank.plan(&set(Some(20 * MB))).unwrap();
        let warned = plan.warnings.iter().any(|it| it.contains("already"));
        assert!(warned, "{plan:?}");
        tank.run(&set(Some(20 * MB)));
        assert_eq!(tank.write("data", "new", 1), Err(too_much));
        tank.run(&set(None));
        tank.write("data", "new", 1).unwrap();

        tank.run(&rename("films"));
        assert_eq!(tank.files("films").unwrap().len(), 3);
        tank.run(&create("data", None));
        assert_eq!(tank.contents().dataset("data").unwrap().id, 1001);
        for name in ["films", "data"] {
            let plan = tank.plan(&delete(name)).unwrap();
            assert!(plan.needs_confirmation());
            tank.run(&delete(name));
        }
        let contents = tank.contents();
        assert_eq!((contents.datasets, contents.space.used), (vec![], Bytes(0)));
        assert_eq!(contents.projects.len(), 0);
    }
}

/// Stopped at any step, by a failure or by the power, and tried again.
#[test]
fn every_change_can_be_tried_again_after_a_failure_at_any_step() {
    let changes = [
        create("new", Some(MB)),
        set(Some(MB)),
        set(None),
        rename("films"),
        delete("data"),
    ];
    for (filesystem, change) in BOTH
        .iter()
        .flat_map(|it| changes.iter().map(move |c| (*it, c)))
    {
        let steps = with_data(filesystem).plan(change).unwrap().steps;
        for (at, cut) in (0..steps.len()).flat_map(|it| [(it, false), (it, true)]) {
            let tank = with_data(filesystem);
            tank.stop_at(&steps, at, cut);
            let is_whole = tank.files("data").is_some_and(|it| it.len() == 1);
            assert!(is_whole, "{change:?} at {at} lost something");
            let seen = tank.contents();
            assert!(seen.dataset("new").is_none_or(|it| it.quota.is_some()));
            tank.run(change);
            let again = tank.plan(change);
            let is_done = match change {
                Change::SetQuota { .. } => again.unwrap().steps.is_empty(),
                Change::Create(_) => again.unwrap_err().code() == "dataset_name_taken",
                _ => again.unwrap_err().code() == "dataset_not_found",
            };
            assert!(is_done, "{change:?} at {at}");
        }
    }
}

#[test]
fn each_refusal_has_a_code_and_a_hint() {
    for filesystem in BOTH {
        let tank = with_data(filesystem);
        tank.run(&create("b", None));
        let refused = [
            (create("data", None), "dataset_name_taken"),
            (create("x", Some(4095)), "quota_too_small"),
            (set(Some(1)), "quota_too_small"),
            (delete("none"), "dataset_not_found"),
            (rename("b"), "dataset_name_taken"),
            (snapshot("data", "x"), "no_snapshots"),
        ];
        for (change, code) in refused {
            let refusal = tank.plan(&change).unwrap_err();
            assert_eq!(refusal.code(), code, "{change:?}");
            assert!(refusal.hint().is_some(), "{change:?}");
        }

        let (_, pools) = tank.0.look();
        let pool = pools.find("tank").unwrap();
        let mut contents = tank.contents();
        contents.counting = Counting::Off;
        let refusal = plan(pool, &contents, &create("x", None)).unwrap_err();
        assert_eq!(refusal.code(), "no_project_quota");
        assert!(refusal.hint().unwrap().contains("prjquota"));

        // Somebody gave two folders one number.
        let same = Inside::MakeFolder {
            dataset: "c".parse().unwrap(),
            project: 1000,
        };
        let name = Inside::NameFolder {
            dataset: "c".parse().unwrap(),
        };
        for step in [same, name] {
            tank.0.pools.apply(&inside(&step)).unwrap();
        }
        tank.write("c", "file", 20).unwrap();
        let usage = |name: &str| tank.contents().dataset(name).unwrap().usage.unwrap();
        assert_eq!(usage("data").referenced, Bytes(30 * MB));
        assert_eq!(usage("data"), usage("c"));
        assert_eq!(tank.refused(&set(None)), "project_shared");
        assert_eq!(tank.refused(&delete("data")), "project_shared");
    }
}
