//! Datasets and snapshots on the simulation, and what is refused.

use std::{collections::BTreeMap, time::Duration};

use moxnas_core::{
    clock::Clock,
    plan::{Plan, execute, fail_at},
    sim::{DiskSpec, Fault},
    units::Bytes,
};
use moxnas_pool::{
    backend::{BackendError, PoolBackend},
    dataset::{
        Change, Contents, CreateDataset, Refusal, Retention, SnapshotPrefix, Step as Inside, plan,
        plan_prune,
    },
    model::Filesystem,
    plan::Step,
    prune::{Keep, TimeZone, Timestamp},
    real::argv::argv,
    sim::WriteError,
};
use proptest::prelude::*;

use crate::world::{GB, World, of, unmount};

pub(crate) const MB: u64 = 1_000_000;

/// A pool `tank` on disk A.
pub(crate) struct Tank(pub(crate) World);

impl Tank {
    fn new() -> Tank {
        Tank::of(Filesystem::Btrfs)
    }

    pub(crate) fn of(filesystem: Filesystem) -> Tank {
        let world = World::new();
        world.run(&world.create("tank", "A", filesystem));
        Tank(world)
    }

    /// With a dataset `data` of at most 100 MB that has a file.
    fn with_data() -> Tank {
        let tank = Tank::new();
        tank.run(&create("data", Some(100 * MB)));
        tank.write("data", "file", 10).unwrap();
        tank
    }

    pub(crate) fn contents(&self) -> Contents {
        let (_, pools) = self.0.look();
        self.0.pools.contents(pools.find("tank").unwrap()).unwrap()
    }

    pub(crate) fn plan(&self, change: &Change) -> Result<Plan<Step>, Refusal> {
        let (_, pools) = self.0.look();
        let pool = pools.find("tank").unwrap();
        let planned = plan(pool, &self.contents(), change)?;
        Ok(planned.map(|step| inside(&step)))
    }

    pub(crate) fn run(&self, change: &Change) {
        let plan = self.plan(change).unwrap();
        execute(&plan.steps, |step| self.0.pools.apply(step)).unwrap();
    }

    /// Stop at a step: with a failure, or with a power cut and a new start.
    pub(crate) fn stop_at(&self, steps: &[Step], at: usize, cut: bool) {
        let apply = |step: &Step| self.0.pools.apply(step);
        if cut {
            let matching = steps[at].to_string();
            let fault = Fault::PowerCut { matching };
            self.0.machine.state().faults.push(fault);
            execute(steps, apply).unwrap_err();
            self.0.machine.reboot();
        } else {
            let fail = || BackendError::Injected("told to".to_owned());
            execute(steps, fail_at(at, fail, apply)).unwrap_err();
        }
    }

    pub(crate) fn refused(&self, change: &Change) -> &'static str {
        self.plan(change).unwrap_err().code()
    }

    pub(crate) fn write(&self, place: &str, file: &str, mb: u64) -> Result<(), WriteError> {
        let pool = "tank".parse().unwrap();
        self.0.pools.write(&pool, place, file, Bytes(mb * MB))
    }

    pub(crate) fn files(&self, place: &str) -> Option<BTreeMap<String, u64>> {
        self.0.pools.files(&"tank".parse().unwrap(), place)
    }

    fn names(&self) -> (Vec<String>, Vec<String>) {
        let contents = self.contents();
        let datasets = contents.datasets.iter().map(|it| it.name.to_string());
        let snapshots = contents.snapshots.iter();
        let snapshots = snapshots.map(|it| format!("{}@{}", it.dataset, it.name));
        (datasets.collect(), snapshots.collect())
    }
}

pub(crate) fn inside(step: &Inside) -> Step {
    Step::Inside {
        pool: "tank".parse().unwrap(),
        step: step.clone(),
    }
}

fn wish(name: &str, quota: Option<u64>) -> CreateDataset {
    CreateDataset {
        name: name.parse().unwrap(),
        quota: quota.map(Bytes),
        filesystem: None,
    }
}

pub(crate) fn create(name: &str, quota: Option<u64>) -> Change {
    Change::Create(wish(name, quota))
}

pub(crate) fn snapshot(dataset: &str, name: &str) -> Change {
    Change::TakeSnapshot {
        dataset: dataset.to_owned(),
        snapshot: name.parse().unwrap(),
    }
}

fn rollback(name: &str) -> Change {
    Change::Rollback {
        dataset: "data".to_owned(),
        snapshot: name.to_owned(),
    }
}

fn clone(name: &str, to: &str) -> Change {
    Change::Clone {
        dataset: "data".to_owned(),
        snapshot: name.to_owned(),
        to: wish(to, None),
    }
}

pub(crate) fn rename(to: &str) -> Change {
    Change::Rename {
        dataset: "data".to_owned(),
        to: to.parse().unwrap(),
    }
}

pub(crate) fn delete(dataset: &str) -> Change {
    Change::Delete {
        dataset: dataset.to_owned(),
    }
}

fn delete_snapshot(dataset: &str, name: &str) -> Change {
    Change::DeleteSnapshot {
        dataset: dataset.to_owned(),
        snapshot: name.to_owned(),
    }
}

#[test]
fn a_plan_names_each_command() {
    let tank = Tank::with_data();
    tank.run(&snapshot("data", "monday"));
    let plan = tank.plan(&rollback("monday")).unwrap();
    let shown: Vec<String> = plan
        .steps
        .iter()
        .flat_map(|step| {
            let command = argv(step).unwrap();
            [
                step.to_string(),
                command.map_or_else(String::new, |it| it.to_string()),
            ]
        })
        .collect();
    assert_eq!(
        shown,
        [
            "in pool tank: clone the snapshot monday beside data",
            "btrfs subvolume snapshot /srv/tank/.snapshots/data/monday /srv/tank/.rollback-data",
            "in pool tank: let the clone beside data take at most 100.0 MB",
            "btrfs qgroup limit 100000000 /srv/tank/.rollback-data",
            "in pool tank: let the clone and data change places, at once",
            "",
            "in pool tank: let nothing be written to what was data until now",
            "btrfs property set -ts /srv/tank/.rollback-data ro true",
            "in pool tank: keep what was data until now as its snapshot before-monday",
            "btrfs subvolume snapshot -r /srv/tank/.rollback-data \
             /srv/tank/.snapshots/data/before-monday",
            "in pool tank: delete what is beside data",
            "btrfs subvolume delete --commit-after /srv/tank/.rollback-data",
        ]
    );
    assert!(plan.needs_confirmation());
}

#[test]
fn a_dataset_lives_and_dies() {
    let tank = Tank::with_data();
    assert_eq!(tank.write("data", "more", 91), Err(WriteError::Quota));
    tank.write("data", "more", 90).unwrap();
    let data = tank.contents().dataset("data").unwrap().clone();
    assert_eq!(data.quota, Some(Bytes(100 * MB)));
    assert_eq!(data.usage.unwrap().referenced, Bytes(100 * MB));

    let before = tank.files("data").unwrap();
    tank.run(&snapshot("data", "monday"));
    // What the snapshot holds is held, and counts for the pool and not for the dataset.
    tank.write("data", "file", 5).unwrap();
    tank.write("data", "more", 5).unwrap();
    let contents = tank.contents();
    assert_eq!(contents.space.used, Bytes(110 * MB));
    let monday = contents.snapshot("data", "monday").unwrap();
    assert_eq!(monday.usage.unwrap().exclusive, Bytes(100 * MB));
    assert!(monday.read_only);
    assert_eq!(
        tank.write(".snapshots/data/monday", "file", 1),
        Err(WriteError::ReadOnly)
    );

    let changed = tank.files("data").unwrap();
    tank.run(&rollback("monday"));
    assert_eq!(tank.files("data").unwrap(), before);
    assert_eq!(
        tank.files(".snapshots/data/before-monday").unwrap(),
        changed
    );
    let quota = tank.contents().dataset("data").unwrap().quota;
    assert_eq!(quota, Some(Bytes(100 * MB)));
    tank.run(&rollback("before-monday"));
    assert_eq!(tank.files("data").unwrap(), changed);

    tank.run(&clone("monday", "copy"));
    assert_eq!(tank.files("copy").unwrap(), before);
    tank.write("copy", "file", 1).unwrap();
    assert_eq!(tank.files(".snapshots/data/monday").unwrap(), before);

    tank.run(&rename("films"));
    let (datasets, snapshots) = tank.names();
    assert_eq!(datasets, ["copy", "films"]);
    assert_eq!(snapshots.len(), 3, "{snapshots:?}");
    assert!(snapshots.iter().all(|it| it.starts_with("films@")));

    assert_eq!(tank.refused(&delete("films")), "dataset_has_snapshots");
    for it in snapshots {
        let (_, name) = it.split_once('@').unwrap();
        tank.run(&delete_snapshot("films", name));
    }
    for it in datasets {
        tank.run(&delete(&it));
    }
    assert_eq!(tank.contents().space.used, Bytes(0));
}

#[test]
fn what_is_counted_late_is_not_known_before() {
    let tank = Tank::new();
    let plan = tank.plan(&create("data", None)).unwrap();
    assert_eq!(plan.steps[0], inside(&Inside::Count));
    tank.run(&create("data", None));
    let plan = tank.plan(&create("more", None)).unwrap();
    assert_eq!(plan.steps.len(), 1);
    let set = |quota| Change::SetQuota {
        dataset: "data".to_owned(),
        quota,
    };
    assert_eq!(tank.plan(&set(None)).unwrap().steps, []);
    tank.write("data", "file", 20).unwrap();
    let plan = tank.plan(&set(Some(Bytes(10 * MB)))).unwrap();
    assert!(plan.warnings[0].contains("already"), "{plan:?}");
    tank.run(&set(Some(Bytes(10 * MB))));
    assert_eq!(tank.write("data", "new", 1), Err(WriteError::Quota));
    tank.run(&set(None));
    tank.write("data", "new", 1).unwrap();
    assert_eq!(tank.write("data", "huge", 990), Err(WriteError::Full));
}

#[test]
fn each_refusal_has_a_code_and_a_hint() {
    let tank = Tank::with_data();
    tank.run(&snapshot("data", "monday"));
    tank.write("", "file", 1).unwrap();
    let set = Change::SetQuota {
        dataset: "none".to_owned(),
        quota: None,
    };
    let refused = [
        (create("data", None), "dataset_name_taken"),
        (set, "dataset_not_found"),
        (snapshot("none", "x"), "dataset_not_found"),
        (snapshot("data", "monday"), "snapshot_name_taken"),
        (rollback("none"), "snapshot_not_found"),
        (clone("none", "x"), "snapshot_not_found"),
        (clone("monday", "data"), "dataset_name_taken"),
        (delete("data"), "dataset_has_snapshots"),
        (delete_snapshot("data", "x"), "snapshot_not_found"),
    ];
    for (change, code) in refused {
        let refusal = tank.plan(&change).unwrap_err();
        assert_eq!(refusal.code(), code, "{change:?}");
        assert!(refusal.hint().is_some(), "{change:?}");
    }

    // Somebody deleted a dataset whose snapshots are still there.
    tank.run(&create("other", None));
    tank.run(&snapshot("other", "x"));
    let gone = inside(&Inside::Delete {
        dataset: "other".parse().unwrap(),
    });
    tank.0.pools.apply(&gone).unwrap();
    assert_eq!(tank.refused(&create("other", None)), "snapshots_of_another");
    assert_eq!(tank.refused(&rename("other")), "snapshots_of_another");

    let (_, pools) = tank.0.look();
    let tank_pool = pools.find("tank").unwrap().clone();
    let contents = tank.contents();
    tank.0.run(&of(unmount));
    let refusal = |pool, contents| plan(pool, contents, &snapshot("data", "x")).unwrap_err();
    let (_, pools) = tank.0.look();
    let unmounted = refusal(pools.find("tank").unwrap(), &contents);
    assert_eq!(unmounted.code(), "pool_not_mounted");
    assert!(tank.0.pools.contents(pools.find("tank").unwrap()).is_err());
    let mut other = tank_pool.clone();
    other.filesystem = Filesystem::Xfs;
    assert_eq!(refusal(&other, &contents).code(), "no_snapshots");
    let mut other = tank_pool;
    other.options = vec!["ro".to_owned()];
    assert_eq!(refusal(&other, &contents).code(), "pool_read_only");
    let mut nested = contents;
    nested.others = vec!["data/own".to_owned()];
    other.options = Vec::new();
    let refusal = plan(&other, &nested, &rollback("monday")).unwrap_err();
    assert_eq!(refusal.code(), "dataset_has_subvolumes");
}

/// Of each snapshot it is said why it stays or goes, and a second time nothing goes.
#[test]
fn what_the_rules_do_not_keep_goes() {
    let tank = Tank::with_data();
    let utc = TimeZone::UTC;
    for day in 1..=5 {
        let name = format!("day-{day}");
        tank.run(&snapshot("data", &name));
        tank.0.machine.advance(Duration::from_secs(86_400));
    }
    let prune = |keep: Keep| {
        let (_, pools) = tank.0.look();
        let pool = pools.find("tank").unwrap();
        let plan = plan_prune(pool, &tank.contents(), "data", &keep.into(), &utc).unwrap();
        plan.map(|step| inside(&step))
    };
    let nothing = prune(Keep::default());
    assert_eq!(nothing.steps, []);
    let keep = Keep {
        last: Some(1),
        daily: Some(2),
        ..Keep::default()
    };
    let plan = prune(keep);
    assert_eq!(plan.steps.len(), 2, "{plan:?}");
    assert!(plan.needs_confirmation());
    assert_eq!(plan.warnings.len(), 5, "{plan:?}");
    let why = |name: &str| {
        let found = plan.warnings.iter().find(|it| it.starts_with(name));
        found.unwrap().clone()
    };
    assert_eq!(why("day-5"), "day-5 stays: keep-last 1 of 1");
    assert!(why("day-4").starts_with("day-4 stays: keep-daily 1 of 2"));
    assert!(why("day-1").starts_with("day-1 goes: "));
    execute(&plan.steps, |step| tank.0.pools.apply(step)).unwrap();
    let (_, left) = tank.names();
    assert_eq!(left, ["data@day-3", "data@day-4", "data@day-5"]);
    assert_eq!(prune(keep).steps, []);

    let (_, pools) = tank.0.look();
    let pool = pools.find("tank").unwrap();
    let refusal = plan_prune(pool, &tank.contents(), "none", &keep.into(), &utc).unwrap_err();
    assert_eq!(refusal.code(), "dataset_not_found");
}

/// Only those of one schedule are counted and go.
#[test]
fn what_others_took_is_not_looked_at() {
    let tank = Tank::with_data();
    let prefix: SnapshotPrefix = "auto".parse().unwrap();
    tank.run(&snapshot("data", "auto-by-hand"));
    let mut taken = Vec::new();
    for _ in 0..4 {
        let now = Timestamp::try_from(tank.0.machine.now()).unwrap();
        taken.push(prefix.at(now));
        tank.run(&snapshot("data", taken.last().unwrap().as_str()));
        tank.0.machine.advance(Duration::from_secs(3600));
    }
    tank.run(&snapshot("data", "monday"));
    let keep = Keep {
        last: Some(1),
        ..Keep::default()
    };
    let retention = Retention {
        prefix: Some(prefix),
        keep,
    };
    let (_, pools) = tank.0.look();
    let pool = pools.find("tank").unwrap();
    let plan = plan_prune(pool, &tank.contents(), "data", &retention, &TimeZone::UTC).unwrap();
    let plan = plan.map(|step| inside(&step));
    assert_eq!(plan.warnings.len(), 4, "{plan:?}");
    execute(&plan.steps, |step| tank.0.pools.apply(step)).unwrap();
    let (_, left) = tank.names();
    let newest = format!("data@{}", taken[3]);
    assert_eq!(left, ["data@auto-by-hand", newest.as_str(), "data@monday"]);
}

/// Stopped at any step, by a failure or by the power, and tried again.
#[test]
fn every_change_can_be_tried_again_after_a_failure_at_any_step() {
    let changes = [
        create("new", Some(MB)),
        clone("monday", "new"),
        rename("films"),
        rollback("monday"),
        snapshot("data", "x"),
        delete_snapshot("data", "monday"),
    ];
    for change in changes {
        for cut in [false, true] {
            let steps = prepared().plan(&change).unwrap().steps;
            for at in 0..steps.len() {
                let tank = prepared();
                let now = tank.files("data").unwrap();
                tank.stop_at(&steps, at, cut);
                // Whatever has become of it, nothing that was written is lost.
                assert!(has(&tank, &now), "{change:?} at {at}");
                match tank.plan(&change) {
                    Ok(plan) => {
                        execute(&plan.steps, |it| tank.0.pools.apply(it)).unwrap();
                        assert!(tank.contents().replaced.is_empty());
                        assert!(has(&tank, &now), "{change:?} at {at}");
                        if change == rollback("monday") {
                            let data = tank.files("data").unwrap();
                            assert_eq!(Some(data), tank.files(".snapshots/data/monday"));
                        }
                    }
                    // It is there already, and the refusal says so.
                    Err(refusal) => assert_eq!(refusal.code(), "dataset_name_taken"),
                }
            }
        }
    }
}

/// `data`, with a snapshot that differs from it.
fn prepared() -> Tank {
    let tank = Tank::with_data();
    tank.run(&snapshot("data", "monday"));
    tank.write("data", "file", 20).unwrap();
    tank
}

fn has(tank: &Tank, files: &BTreeMap<String, u64>) -> bool {
    let contents = tank.contents();
    let datasets = contents.datasets.iter().map(|it| it.name.to_string());
    let replaced = contents.replaced.iter();
    let replaced = replaced.map(|it| format!(".rollback-{}", it.name));
    let snapshots = contents.snapshots.iter();
    let snapshots = snapshots.map(|it| format!(".snapshots/{}/{}", it.dataset, it.name));
    datasets
        .chain(replaced)
        .chain(snapshots)
        .any(|it| tank.files(&it).as_ref() == Some(files))
}

/// While a rollback is not at its end, nothing else is done to the dataset.
#[test]
fn an_interrupted_rollback_is_ended_by_the_next() {
    let tank = prepared();
    let steps = tank.plan(&rollback("monday")).unwrap().steps;
    let now = tank.files("data").unwrap();
    for step in &steps[..3] {
        tank.0.pools.apply(step).unwrap();
    }
    assert_eq!(tank.refused(&delete("data")), "rollback_unfinished");
    assert_eq!(tank.refused(&rename("films")), "rollback_unfinished");
    assert_eq!(tank.refused(&snapshot("data", "x")), "rollback_unfinished");
    let monday = tank.contents();
    let monday = monday.snapshot("data", "monday").unwrap();
    assert_eq!(
        tank.contents().dataset("data").unwrap().origin.as_ref(),
        Some(&monday.uuid)
    );
    let plan = tank.plan(&rollback("monday")).unwrap();
    assert_eq!(plan.steps.len(), 3, "{plan:?}");
    execute(&plan.steps, |it| tank.0.pools.apply(it)).unwrap();
    assert_eq!(tank.files(".snapshots/data/before-monday"), Some(now));
    assert_eq!(tank.contents().replaced, []);
}

fn any_change() -> impl Strategy<Value = Change> {
    let dataset = prop::sample::select(vec!["data", "b", "c"]);
    let name = prop::sample::select(vec!["x", "y", "before-x"]);
    let quota = prop::option::of(1..200_u64);
    (0..8_u8, dataset.clone(), dataset, name, quota).prop_map(|(kind, dataset, to, name, quota)| {
        let quota = quota.map(|it| it * MB);
        let (dataset, snapshot) = (dataset.to_owned(), name.to_owned());
        match kind {
            0 => create(&dataset, quota),
            1 => Change::SetQuota {
                dataset,
                quota: quota.map(Bytes),
            },
            2 => Change::Rename {
                dataset,
                to: to.parse().unwrap(),
            },
            3 => Change::Delete { dataset },
            4 => Change::TakeSnapshot {
                dataset,
                snapshot: name.parse().unwrap(),
            },
            5 => Change::DeleteSnapshot { dataset, snapshot },
            6 => Change::Clone {
                dataset,
                snapshot,
                to: wish(to, quota),
            },
            _ => Change::Rollback { dataset, snapshot },
        }
    })
}

proptest! {
    /// What is not refused can be done, leaves nothing behind, and destroys only what it says.
    #[test]
    fn a_plan_can_be_carried_out_and_destroys_what_it_says(
        changes in prop::collection::vec((any_change(), 0..60_u64), 1..25),
    ) {
        let tank = Tank::new();
        tank.0.machine.plug(DiskSpec::hdd("E", GB));
        for (change, mb) in &changes {
            let before: Vec<_> = all(&tank);
            let Ok(plan) = tank.plan(change) else { continue };
            let again = tank.plan(change).unwrap();
            prop_assert_eq!(plan.fingerprint(), again.fingerprint());
            let done = execute(&plan.steps, |it| tank.0.pools.apply(it));
            prop_assert!(done.is_ok(), "{change:?}\n{:?}\n{done:?}", plan.steps);
            prop_assert!(tank.contents().replaced.is_empty());
            let after = all(&tank);
            let is_lost = before.iter().any(|it| !after.contains(it));
            prop_assert!(!is_lost || plan.needs_confirmation(), "{change:?}");
            let deletes = matches!(change, Change::Delete { .. } | Change::DeleteSnapshot { .. });
            prop_assert!(!is_lost || deletes, "{change:?} lost something");
            if let Change::Rollback { dataset, snapshot } = change {
                let place = format!(".snapshots/{dataset}/{snapshot}");
                prop_assert_eq!(tank.files(dataset), tank.files(&place));
            }
            _ = tank.write("data", "file", *mb);
            _ = tank.write("b", "file", *mb);
        }
    }
}

/// The files of everything, without its name.
fn all(tank: &Tank) -> Vec<BTreeMap<String, u64>> {
    let contents = tank.contents();
    let datasets = contents.datasets.iter().map(|it| it.name.to_string());
    let snapshots = contents.snapshots.iter();
    let snapshots = snapshots.map(|it| format!(".snapshots/{}/{}", it.dataset, it.name));
    let places = datasets.chain(snapshots);
    places.filter_map(|it| tank.files(&it)).collect()
}
