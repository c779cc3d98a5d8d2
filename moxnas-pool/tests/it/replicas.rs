//! Replicas on the simulation: what is sent, held and refused, and what becomes of an interruption.

use std::collections::BTreeMap;

use moxnas_core::{
    plan::{Danger, Plan},
    sim::{DiskSpec, Fault},
    units::Bytes,
};
use moxnas_pool::{
    backend::{PoolBackend, execute},
    dataset::{self, Change, Contents, CreateDataset, HoldName, plan_prune},
    lvm::VolumeStep,
    model::{Filesystem, PoolName, Pools},
    plan::{Change as PoolChange, CreatePool, Refusal, Step},
    prune::{Keep, TimeZone},
    real::argv,
    replica::{self, Replicate, Side, hold_of},
};
use proptest::prelude::*;

use crate::{
    datasets::{MB, create, rename, snapshot},
    world::{GB, World},
};

/// The pools `tank` on disk A and `backup` on disk B; in `tank` a dataset `data` with a file.
struct Two(World);

impl Two {
    fn of(from: Filesystem, to: Filesystem) -> Two {
        let world = World::new();
        world.run(&world.create("tank", "A", from));
        world.run(&world.create("backup", "B", to));
        let two = Two(world);
        two.run("tank", &create("data", None));
        two.write("tank", "data", "file", 10);
        two
    }

    fn new() -> Two {
        Two::of(Filesystem::Btrfs, Filesystem::Btrfs)
    }

    /// With two snapshots that differ.
    fn with_snapshots() -> Two {
        let two = Two::new();
        two.run("tank", &snapshot("data", "monday"));
        two.write("tank", "data", "more", 20);
        two.run("tank", &snapshot("data", "tuesday"));
        two
    }

    fn look(&self) -> Pools {
        self.0.look().1
    }

    fn contents(&self, pool: &str) -> Contents {
        let pools = self.look();
        self.0.pools.contents(pools.find(pool).unwrap()).unwrap()
    }

    fn run(&self, pool: &str, change: &Change) {
        let pools = self.look();
        let found = pools.find(pool).unwrap();
        let plan = dataset::plan(found, &self.contents(pool), change).unwrap();
        execute(&self.0.pools, &inside(pool, &plan)).unwrap();
    }

    fn write(&self, pool: &str, place: &str, file: &str, mb: u64) {
        let written = self.0.pools.write(&name(pool), place, file, Bytes(mb * MB));
        written.unwrap();
    }

    fn files(&self, pool: &str, place: &str) -> Option<BTreeMap<String, u64>> {
        self.0.pools.files(&name(pool), place)
    }

    fn plan(&self, wish: &Replicate) -> Result<Plan<Step>, Refusal> {
        self.plan_from(("tank", "backup"), wish)
    }

    fn plan_from(&self, way: (&str, &str), wish: &Replicate) -> Result<Plan<Step>, Refusal> {
        let pools = self.look();
        let contents = [way.0, way.1].map(|it| {
            let pool = pools.find(it).unwrap();
            self.0.pools.contents(pool).unwrap_or_default()
        });
        let side = |pool, contents| Side {
            pool: pools.find(pool).unwrap(),
            contents,
        };
        replica::plan(side(way.0, &contents[0]), side(way.1, &contents[1]), wish)
    }

    fn replicate(&self) {
        let plan = self.plan(&data()).unwrap();
        execute(&self.0.pools, &plan.steps).unwrap();
    }

    fn refused(&self, wish: &Replicate) -> &'static str {
        let refusal = self.plan(wish).unwrap_err();
        assert!(refusal.hint().is_some(), "{refusal}");
        refusal.code()
    }

    fn snapshots(&self, pool: &str) -> Vec<String> {
        let contents = self.contents(pool);
        let shown = contents.snapshots.iter().map(|it| {
            let held: Vec<&str> = it.held.iter().map(HoldName::as_str).collect();
            format!("{}@{} {}", it.dataset, it.name, held.join(" "))
        });
        shown.map(|it| it.trim().to_owned()).collect()
    }
}

fn name(pool: &str) -> PoolName {
    pool.parse().unwrap()
}

fn inside(pool: &str, plan: &Plan<dataset::Step>) -> Vec<Step> {
    let step = |step: &dataset::Step| Step::Inside {
        pool: name(pool),
        step: step.clone(),
    };
    plan.steps.iter().map(step).collect()
}

fn data() -> Replicate {
    Replicate {
        dataset: "data".to_owned(),
        to: None,
        compare: true,
        target: None,
    }
}

#[test]
fn a_plan_names_each_command() {
    let two = Two::with_snapshots();
    let plan = two.plan(&data()).unwrap();
    let command = |step: &Step| match step {
        Step::Replicate { route, step } => {
            let (cmd, reader) = argv::transfer(route, step);
            let reader = reader.map(|it| format!(" | {it}"));
            format!("{cmd}{}", reader.unwrap_or_default())
        }
        _ => String::new(),
    };
    let shown: Vec<String> = plan
        .steps
        .iter()
        .flat_map(|it| [it.to_string(), command(it)])
        .collect();
    assert_eq!(
        shown,
        [
            "send all of tank/data@monday to backup/data",
            "btrfs send /srv/tank/.snapshots/data/monday | btrfs receive \
             /srv/backup/.snapshots/data",
            "send what tank/data@tuesday differs by from monday to backup/data",
            "btrfs send -p /srv/tank/.snapshots/data/monday /srv/tank/.snapshots/data/tuesday | \
             btrfs receive /srv/backup/.snapshots/data",
            "compare backup/data with tank/data@tuesday, byte by byte",
            "rsync --archive --hard-links --acls --xattrs \"--filter=-x btrfs.*\" --sparse \
             --numeric-ids --one-file-system --exclude=/lost+found --delete --checksum --dry-run --itemize-changes -- \
             /srv/tank/.snapshots/data/tuesday/ /srv/backup/.snapshots/data/tuesday/",
            "in pool tank: hold the snapshot tuesday of data for replica:backup/data",
            "",
        ]
    );
    assert!(!plan.needs_confirmation());
}

#[test]
fn only_what_is_new_is_sent() {
    let two = Two::with_snapshots();
    two.replicate();
    assert_eq!(
        two.snapshots("tank"),
        ["data@monday", "data@tuesday replica:backup/data"]
    );
    assert_eq!(two.snapshots("backup"), ["data@monday", "data@tuesday"]);
    for place in ["monday", "tuesday"].map(|it| format!(".snapshots/data/{it}")) {
        assert_eq!(two.files("backup", &place), two.files("tank", &place));
    }
    // It knows when it was taken, not only when it arrived.
    let taken = |pool: &str| {
        let contents = two.contents(pool);
        let all = contents.snapshots.iter().map(|it| it.created);
        all.collect::<Vec<_>>()
    };
    assert_eq!(taken("backup"), taken("tank"));
    let space = two.contents("backup").space.used;
    assert_eq!(
        space,
        Bytes(30 * MB),
        "what both snapshots have is there once"
    );

    // Nothing to do but to look whether it is the same.
    let plan = two.plan(&data()).unwrap();
    assert_eq!(plan.steps.len(), 1, "{:?}", plan.steps);
    execute(&two.0.pools, &plan.steps).unwrap();

    two.write("tank", "data", "file", 5);
    two.run("tank", &snapshot("data", "friday"));
    two.replicate();
    assert_eq!(
        two.snapshots("tank"),
        [
            "data@monday",
            "data@tuesday",
            "data@friday replica:backup/data"
        ]
    );
    assert_eq!(two.snapshots("backup").len(), 3);

    // Under another name here, it is the same replica.
    two.run("tank", &rename("films"));
    let films = Replicate {
        dataset: "films".to_owned(),
        ..data()
    };
    assert_eq!(two.plan(&films).unwrap().steps.len(), 1);
}

/// What the next one is to be sent from is not pruned away.
#[test]
fn what_is_held_stays() {
    let two = Two::with_snapshots();
    let delete = Change::DeleteSnapshot {
        dataset: "data".to_owned(),
        snapshot: "tuesday".to_owned(),
    };
    two.replicate();
    two.run("tank", &snapshot("data", "friday"));
    let pools = two.look();
    let tank = pools.find("tank").unwrap();
    let contents = two.contents("tank");
    let refusal = dataset::plan(tank, &contents, &delete).unwrap_err();
    assert_eq!(refusal.code(), "snapshot_held");
    assert_eq!(
        refusal.hint().unwrap(),
        "`moxnas snapshot release tank data tuesday --hold replica:backup/data`"
    );
    let keep = Keep {
        last: Some(1),
        ..Keep::default()
    };
    let plan = plan_prune(tank, &contents, "data", &keep.into(), &TimeZone::UTC).unwrap();
    let gone: Vec<String> = plan.steps.iter().map(ToString::to_string).collect();
    assert_eq!(gone, ["delete the snapshot monday of data"]);
    let why = "tuesday stays: it is held for replica:backup/data";
    assert!(plan.warnings.iter().any(|it| it == why), "{plan:?}");

    let hold = hold_of(&name("backup"), &"data".parse().unwrap());
    let release = Change::Release {
        dataset: "data".to_owned(),
        snapshot: "tuesday".to_owned(),
        hold,
    };
    two.run("tank", &release);
    two.run("tank", &delete);
    assert_eq!(two.snapshots("tank"), ["data@monday", "data@friday"]);
}

#[test]
fn a_replica_becomes_a_dataset_again() {
    let two = Two::with_snapshots();
    two.replicate();
    let cloned = Change::Clone {
        dataset: "data".to_owned(),
        snapshot: "tuesday".to_owned(),
        to: CreateDataset {
            name: "data".parse().unwrap(),
            quota: None,
            filesystem: None,
        },
    };
    two.run("backup", &cloned);
    assert_eq!(two.files("backup", "data"), two.files("tank", "data"));
    // And is sent to whoever has nothing of it, as it is a replica of the same.
    two.0.run(&two.0.create("third", "C", Filesystem::Btrfs));
    let plan = two.plan_from(("backup", "third"), &data()).unwrap();
    execute(&two.0.pools, &plan.steps).unwrap();
    let plan = two.plan_from(("tank", "third"), &data()).unwrap();
    let sent = |it: &&Step| {
        matches!(
            it,
            Step::Replicate {
                step: replica::Step::Send { .. },
                ..
            }
        )
    };
    assert_eq!(plan.steps.iter().find(sent), None);
}

#[test]
fn what_cannot_be_a_replica_is_refused() {
    let two = Two::new();
    assert_eq!(two.refused(&data()), "no_snapshot_to_send");
    two.run("tank", &snapshot("data", "monday"));
    let none = Replicate {
        dataset: "none".to_owned(),
        ..data()
    };
    assert_eq!(two.refused(&none), "dataset_not_found");
    let within = two.plan_from(("tank", "tank"), &data()).unwrap_err();
    assert_eq!(within.code(), "replica_in_same_pool");

    two.run("backup", &create("data", None));
    assert_eq!(two.refused(&data()), "replica_has_nothing_in_common");
    let elsewhere = Replicate {
        to: Some("copy".parse().unwrap()),
        ..data()
    };
    let plan = two.plan(&elsewhere).unwrap();
    execute(&two.0.pools, &plan.steps).unwrap();
    assert_eq!(two.snapshots("backup"), ["copy@monday"]);
    // Somebody has a snapshot of the name that is to come.
    let cloned = Change::Clone {
        dataset: "copy".to_owned(),
        snapshot: "monday".to_owned(),
        to: CreateDataset {
            name: "copy".parse().unwrap(),
            quota: None,
            filesystem: None,
        },
    };
    two.run("backup", &cloned);
    two.run("backup", &snapshot("copy", "tuesday"));
    two.run("tank", &snapshot("data", "tuesday"));
    assert_eq!(two.refused(&elsewhere), "replica_snapshot_differs");

    two.0.run(&crate::world::unmount("backup".to_owned()));
    assert_eq!(two.refused(&data()), "pool_not_mounted");
}

#[test]
fn folders_are_copied_and_compared() {
    for (from, to) in [
        (Filesystem::Xfs, Filesystem::Ext4),
        (Filesystem::Ext4, Filesystem::Btrfs),
        (Filesystem::Btrfs, Filesystem::Xfs),
    ] {
        let two = Two::of(from, to);
        let source = match from {
            Filesystem::Btrfs => {
                two.run("tank", &snapshot("data", "monday"));
                ".snapshots/data/monday"
            }
            _ => "data",
        };
        let plan = two.plan(&data()).unwrap();
        assert!(!plan.needs_confirmation(), "{from} to {to}");
        execute(&two.0.pools, &plan.steps).unwrap();
        assert_eq!(two.files("backup", "data"), two.files("tank", source));
        // From then on files of the other pool may go: that is said.
        two.write("backup", "data", "own", 1);
        let plan = two.plan(&data()).unwrap();
        assert!(plan.needs_confirmation());
        execute(&two.0.pools, &plan.steps).unwrap();
        assert_eq!(two.files("backup", "data"), two.files("tank", source));
    }
}

/// To thin volumes and from them, as to folders.
#[test]
fn thin_volumes_are_copied_and_held() {
    let two = Two::of(Filesystem::Xfs, Filesystem::Ext4);
    let thin = PoolChange::Create(CreatePool {
        name: "thin".parse().unwrap(),
        device: two.0.id("C"),
        filesystem: Filesystem::Ext4,
        thin: true,
        options: Vec::new(),
    });
    two.0.run(&thin);
    for way in [("tank", "thin"), ("thin", "backup")] {
        let plan = two.plan_from(way, &data()).unwrap();
        execute(&two.0.pools, &plan.steps).unwrap();
        assert_eq!(two.files(way.1, "data"), two.files("tank", "data"));
    }
    // What is in the folder of one that is not mounted is not what it has.
    let inside = |step| Step::Inside {
        pool: name("thin"),
        step: dataset::Step::Volume { step },
    };
    let dataset = || "data".parse().unwrap();
    let unmount = inside(VolumeStep::Unmount { dataset: dataset() });
    two.0.pools.apply(&unmount).unwrap();
    for way in [("tank", "thin"), ("thin", "backup")] {
        let refused = two.plan_from(way, &data()).unwrap_err();
        assert_eq!(refused.code(), "dataset_not_mounted");
    }
    let mount = inside(VolumeStep::Mount { dataset: dataset() });
    two.0.pools.apply(&mount).unwrap();
    two.run("thin", &snapshot("data", "monday"));
    let hold = Change::Hold {
        dataset: "data".to_owned(),
        snapshot: "monday".to_owned(),
        hold: "keep".parse().unwrap(),
    };
    two.run("thin", &hold);
    assert_eq!(two.snapshots("thin"), ["data@monday keep"]);
    let delete = Change::DeleteSnapshot {
        dataset: "data".to_owned(),
        snapshot: "monday".to_owned(),
    };
    let pools = two.look();
    let pool = pools.find("thin").unwrap();
    let refused = dataset::plan(pool, &two.contents("thin"), &delete).unwrap_err();
    assert_eq!(refused.code(), "snapshot_held");
}

/// What arrived in part is told from what arrived as a whole, and sent anew.
#[test]
fn whatever_step_stops_the_next_try_ends_it() {
    let prepare: [fn() -> Two; 3] = [
        Two::with_snapshots,
        || {
            let two = Two::with_snapshots();
            two.replicate();
            two.write("tank", "data", "file", 7);
            two.run("tank", &snapshot("data", "friday"));
            two
        },
        || Two::of(Filesystem::Xfs, Filesystem::Ext4),
    ];
    for (number, prepare) in prepare.into_iter().enumerate() {
        let steps = prepare().plan(&data()).unwrap().steps;
        for at in 0..steps.len() {
            for cut in [false, true] {
                let two = prepare();
                let matching = steps[at].to_string();
                two.0.machine.state().faults.push(match cut {
                    true => Fault::PowerCut { matching },
                    false => Fault::StepFails { matching },
                });
                let stopped = execute(&two.0.pools, &steps).unwrap_err();
                assert_eq!(stopped.done, at);
                if cut {
                    two.0.machine.reboot();
                    for pool in ["tank", "backup"] {
                        two.0.run(&crate::world::mount(pool.to_owned()));
                    }
                }
                let plan = two.plan(&data()).unwrap();
                execute(&two.0.pools, &plan.steps).unwrap();
                let source = match number {
                    2 => "data".to_owned(),
                    _ => {
                        let contents = two.contents("tank");
                        assert_eq!(contents.snapshots.len(), two.snapshots("backup").len());
                        let newest = contents.snapshots_of("data").last().unwrap();
                        assert_eq!(newest.held.len(), 1);
                        format!(".snapshots/data/{}", newest.name)
                    }
                };
                let target = if number == 2 { "data" } else { &source };
                assert_eq!(two.files("backup", target), two.files("tank", &source));
            }
        }
    }
}

#[test]
fn a_pool_that_is_full_says_so_and_keeps_what_it_has() {
    let two = Two::with_snapshots();
    two.replicate();
    two.write("backup", "", "other", 900);
    two.write("tank", "data", "large", 200);
    two.run("tank", &snapshot("data", "friday"));
    let plan = two.plan(&data()).unwrap();
    let err = execute(&two.0.pools, &plan.steps).unwrap_err();
    assert_eq!(err.cause.to_string(), "No space left on device");
    let contents = two.contents("backup");
    let friday = contents.snapshot("data", "friday").unwrap();
    assert!(!friday.read_only && friday.received.is_none());
    let plan = two.plan(&data()).unwrap();
    let dangers = &plan.dangers[..];
    assert!(
        matches!(dangers, [Danger::DestroysData { device, .. }] if device == "backup/data@friday"),
        "{dangers:?}"
    );
    two.write("backup", "", "other", 1);
    execute(&two.0.pools, &plan.steps).unwrap();
    let place = ".snapshots/data/friday";
    assert_eq!(two.files("backup", place), two.files("tank", place));
}

#[derive(Clone, Debug)]
enum Deed {
    Write(u64),
    Snapshot(u8),
    Delete(u8),
    Replicate,
    Interrupted(usize, bool),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => (1..40_u64).prop_map(Deed::Write),
        3 => (0..9_u8).prop_map(Deed::Snapshot),
        2 => (0..9_u8).prop_map(Deed::Delete),
        1 => Just(Deed::Replicate),
        2 => (0..6_usize, any::<bool>()).prop_map(|(at, cut)| Deed::Interrupted(at, cut)),
    ]
}

proptest! {
    /// Whatever happened, a replica that comes to its end has the newest snapshot, and each of its
    /// snapshots is what was sent; what was whole there stays.
    #[test]
    fn a_replica_is_what_was_sent(deeds in prop::collection::vec(deed(), 1..40)) {
        let two = Two::new();
        two.0.machine.plug(DiskSpec::hdd("E", GB));
        // What each snapshot was when it was taken.
        let mut known = BTreeMap::new();
        for deed in deeds.into_iter().chain([Deed::Replicate]) {
            let whole = |it: &Contents| -> Vec<String> {
                let all = it.snapshots.iter().filter(|it| it.read_only);
                all.map(|it| it.uuid.clone()).collect()
            };
            let before = whole(&two.contents("backup"));
            match deed {
                Deed::Write(mb) => two.write("tank", "data", &format!("f{}", mb % 4), mb),
                Deed::Snapshot(number) => {
                    let name = format!("s{number}");
                    if two.contents("tank").snapshot("data", &name).is_none() {
                        two.run("tank", &snapshot("data", &name));
                        let contents = two.contents("tank");
                        let uuid = contents.snapshot("data", &name).unwrap().uuid.clone();
                        let place = format!(".snapshots/data/{name}");
                        known.insert(uuid, two.files("tank", &place).unwrap());
                    }
                }
                Deed::Delete(number) => {
                    let pools = two.look();
                    let change = Change::DeleteSnapshot {
                        dataset: "data".to_owned(),
                        snapshot: format!("s{number}"),
                    };
                    let tank = pools.find("tank").unwrap();
                    if let Ok(plan) = dataset::plan(tank, &two.contents("tank"), &change) {
                        execute(&two.0.pools, &inside("tank", &plan)).unwrap();
                    }
                }
                Deed::Interrupted(at, cut) => {
                    let Ok(plan) = two.plan(&data()) else { continue };
                    let Some(step) = plan.steps.get(at) else { continue };
                    let matching = step.to_string();
                    two.0.machine.state().faults.push(match cut {
                        true => Fault::PowerCut { matching },
                        false => Fault::StepFails { matching },
                    });
                    execute(&two.0.pools, &plan.steps).unwrap_err();
                    if cut {
                        two.0.machine.reboot();
                        for pool in ["tank", "backup"] {
                            two.0.run(&crate::world::mount(pool.to_owned()));
                        }
                    }
                }
                Deed::Replicate => match two.plan(&data()) {
                    Err(refusal) => {
                        // A name that was used again: said, and nothing is touched.
                        let code = refusal.code();
                        prop_assert!(
                            ["no_snapshot_to_send", "replica_snapshot_differs"].contains(&code)
                                || code == "replica_has_nothing_in_common",
                            "{refusal}"
                        );
                    }
                    Ok(plan) => {
                        execute(&two.0.pools, &plan.steps).unwrap();
                        let (tank, backup) = (two.contents("tank"), two.contents("backup"));
                        let newest = tank.snapshots_of("data").last().unwrap();
                        let copy = backup.snapshot("data", newest.name.as_str()).unwrap();
                        prop_assert_eq!(copy.received.as_ref(), Some(&newest.uuid));
                        prop_assert_eq!(newest.held.len(), 1);
                        let held = tank.snapshots.iter().filter(|it| !it.held.is_empty());
                        prop_assert_eq!(held.count(), 1);
                    }
                },
            }
            let contents = two.contents("backup");
            let after = whole(&contents);
            prop_assert!(before.iter().all(|it| after.contains(it)), "a whole one is gone");
            for it in contents.snapshots.iter().filter(|it| it.read_only) {
                let place = format!(".snapshots/data/{}", it.name);
                let files = two.files("backup", &place).unwrap();
                prop_assert_eq!(&known[it.received.as_ref().unwrap()], &files);
            }
        }
    }
}
