//! Pools of thin volumes.

mod checks;
mod kinds;
mod looks;
mod rename;
mod retry;

use moxnas_core::{disk::DeviceId, plan::Plan, sim::DiskSpec, units::Bytes};
use moxnas_pool::{
    backend::{PoolBackend, execute},
    dataset::{self, Change as Wish, Contents, CreateDataset},
    model::{Filesystem, Pool, Standing},
    plan::{Change, CreatePool, Refusal, Step},
    real::argv::argv,
    sim::WriteError,
};

use crate::world::{GB, World, delete, export, mount, of, unmount};

const MIB: u64 = 1 << 20;

struct Thin(World);

fn create_on(world: &World, serial: &str, filesystem: Filesystem) -> Change {
    Change::Create(CreatePool {
        name: "tank".parse().unwrap(),
        device: world.id(serial),
        filesystem,
        thin: true,
        options: vec!["noatime".parse().unwrap()],
    })
}

impl Thin {
    fn of(filesystem: Filesystem) -> Thin {
        let world = World::new();
        world.run(&create_on(&world, "A", filesystem));
        Thin(world)
    }

    /// With a dataset `data` of 100 MiB that has a file, a snapshot `monday`, and has changed since.
    fn with_data(filesystem: Filesystem) -> Thin {
        let thin = Thin::of(filesystem);
        thin.run(&create("data", Some(400 * MIB)));
        thin.write("data", "file", 10).unwrap();
        thin.run(&snapshot("monday"));
        thin.write("data", "file", 20).unwrap();
        thin.write("data", "new", 5).unwrap();
        thin
    }

    fn pool(&self) -> Pool {
        let (_, pools) = self.0.look();
        assert_eq!(pools.errors, [""; 0]);
        pools.find("tank").unwrap().clone()
    }

    fn contents(&self) -> Contents {
        self.0.pools.contents(&self.pool()).unwrap()
    }

    fn plan(&self, wish: &Wish) -> Result<Plan<Step>, dataset::Refusal> {
        let plan = dataset::plan(&self.pool(), &self.contents(), wish)?;
        Ok(plan.map(|step| Step::Inside {
            pool: "tank".parse().unwrap(),
            step,
        }))
    }

    fn run(&self, wish: &Wish) {
        execute(&self.0.pools, &self.plan(wish).unwrap().steps).unwrap();
    }

    fn write(&self, dataset: &str, file: &str, mib: u64) -> Result<(), WriteError> {
        let pool = "tank".parse().unwrap();
        self.0.pools.write(&pool, dataset, file, Bytes(mib * MIB))
    }

    fn files(&self, place: &str) -> Option<Vec<(String, u64)>> {
        let files = self.0.pools.files(&"tank".parse().unwrap(), place);
        Some(files?.into_iter().collect())
    }

    fn standing(&self) -> Standing {
        self.pool().judge().standing
    }
}

fn create(name: &str, quota: Option<u64>) -> Wish {
    Wish::Create(CreateDataset {
        name: name.parse().unwrap(),
        quota: quota.map(Bytes),
        filesystem: None,
    })
}

fn snapshot(name: &str) -> Wish {
    Wish::TakeSnapshot {
        dataset: "data".to_owned(),
        snapshot: name.parse().unwrap(),
    }
}

fn rollback() -> Wish {
    Wish::Rollback {
        dataset: "data".to_owned(),
        snapshot: "monday".to_owned(),
    }
}

fn set(quota: u64) -> Wish {
    Wish::SetQuota {
        dataset: "data".to_owned(),
        quota: Some(Bytes(quota)),
    }
}

fn clone(to: &str) -> Wish {
    Wish::Clone {
        dataset: "data".to_owned(),
        snapshot: "monday".to_owned(),
        to: CreateDataset {
            name: to.parse().unwrap(),
            quota: None,
            filesystem: None,
        },
    }
}

fn rename(dataset: &str, to: &str) -> Wish {
    Wish::Rename {
        dataset: dataset.to_owned(),
        to: to.parse().unwrap(),
    }
}

fn delete_dataset(dataset: &str) -> Wish {
    let dataset = dataset.to_owned();
    Wish::Delete { dataset }
}

fn delete_snapshot(snapshot: &str) -> Wish {
    Wish::DeleteSnapshot {
        dataset: "data".to_owned(),
        snapshot: snapshot.to_owned(),
    }
}

const BOTH: [Filesystem; 2] = [Filesystem::Ext4, Filesystem::Xfs];

/// Every command that a pool of thin volumes needs, as it is shown.
#[test]
fn every_command_is_shown_as_it_is_run() {
    let thin = Thin::with_data(Filesystem::Ext4);
    let mut shown = Vec::new();
    let mut show = |steps: &[Step]| {
        let commands = steps.iter().filter_map(|it| argv(it).unwrap());
        shown.extend(commands.map(|it| it.words().join(" ")));
    };
    let blank = World::new();
    let made = blank.plan(&create_on(&blank, "A", Filesystem::Ext4));
    show(&made.unwrap().steps);
    for wish in [
        create("new", Some(200 * MIB)),
        set(500 * MIB),
        snapshot("at:noon"),
        rollback(),
        clone("copy"),
        rename("data", "films"),
        delete_snapshot("monday"),
    ] {
        show(&thin.plan(&wish).unwrap().steps);
    }
    let grow = |pool| Change::Grow { pool };
    for change in [of(grow), of(delete)] {
        show(&thin.0.plan(&change).unwrap().steps);
    }
    let unmounted = Thin::with_data(Filesystem::Xfs);
    unmounted.0.run(&of(unmount));
    let check = |pool| Change::Check { pool, repair: true };
    show(&unmounted.0.plan(&of(check)).unwrap().steps);
    let xfs = Thin::with_data(Filesystem::Xfs);
    for thin in [&thin, &xfs] {
        show(&thin.plan(&looks::look()).unwrap().steps);
    }
    thin.run(&looks::look());
    show(&thin.plan(&looks::leave()).unwrap().steps);
    show(&xfs.plan(&create("new", Some(300 * MIB))).unwrap().steps);
    show(&xfs.plan(&set(500 * MIB)).unwrap().steps);
    let disk = blank.id("A").path().unwrap();
    let shown: Vec<String> = shown.iter().map(|it| it.replace(&disk, "DISK")).collect();
    assert_eq!(
        shown,
        include_str!("thin-commands.txt")
            .lines()
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_pool_of_thin_volumes_lives_and_dies() {
    for filesystem in BOTH {
        let thin = Thin::of(filesystem);
        let pool = thin.pool();
        assert_eq!(thin.standing(), Standing::Mounted);
        assert_eq!(
            (pool.filesystem, pool.at.as_str()),
            (filesystem, "/srv/tank")
        );
        assert_eq!(pool.device, Some(thin.0.id("A")));
        assert_eq!(pool.options, ["noatime"]);

        // Its size is its quota.
        thin.run(&create("data", Some(401 * MIB)));
        let data = thin.contents().dataset("data").unwrap().clone();
        assert_eq!(data.quota, Some(Bytes(400 * MIB)));
        thin.write("data", "file", 400).unwrap();
        assert_eq!(thin.write("data", "more", 1), Err(WriteError::Full));
        thin.write("data", "file", 10).unwrap();

        thin.run(&snapshot("monday"));
        let before = thin.files("data");
        thin.write("data", "file", 20).unwrap();
        let after = thin.files("data");
        thin.run(&rollback());
        assert_eq!(thin.files("data"), before);
        assert_eq!(thin.files(".snapshots/data/before-monday"), after);

        thin.run(&set(600 * MIB));
        thin.write("data", "more", 500).unwrap();
        thin.0.machine.reboot();
        assert_eq!(thin.standing(), Standing::Mounted);
        assert_eq!(thin.files("data").unwrap().len(), 2);
        assert_eq!(thin.contents().snapshots.len(), 2);

        thin.0.run(&of(unmount));
        assert_eq!(thin.standing(), Standing::Unmounted);
        thin.0.machine.reboot();
        assert_eq!(thin.standing(), Standing::Unmounted);
        thin.0.run(&of(mount));
        assert_eq!(thin.standing(), Standing::Mounted);
        assert_eq!(thin.0.plan(&of(mount)).unwrap().steps, []);
        assert_eq!(thin.files("data").unwrap().len(), 2);

        thin.0.run(&of(export));
        assert_eq!(thin.0.look().1.all, []);
        thin.0.run(&thin.0.import("tank", "A"));
        assert_eq!(thin.standing(), Standing::Mounted);
        assert_eq!(thin.files("data").unwrap().len(), 2);

        let plan = thin.0.plan(&of(delete)).unwrap();
        assert!(
            plan.dangers
                .iter()
                .any(|it| it.to_string().contains("moxnas_tank-d.data"))
        );
        execute(&thin.0.pools, &plan.steps).unwrap();
        let (devices, pools) = thin.0.look();
        assert_eq!(pools.all, []);
        assert!(devices.disks().all(|it| it.signatures.is_empty()));
        assert!(
            !thin
                .0
                .machine
                .state()
                .files
                .keys()
                .any(|it| it.contains("srv-"))
        );
    }
}

#[test]
fn a_pool_is_shown_while_its_device_is_away() {
    let thin = Thin::with_data(Filesystem::Ext4);
    thin.0.machine.pull("A").unwrap();
    thin.0.machine.reboot();
    assert_eq!(thin.standing(), Standing::Missing);
    let verdict = thin.pool().judge();
    assert!(
        verdict.reasons[0].contains("physical volume"),
        "{verdict:?}"
    );
    let refused = thin.0.plan(&of(mount)).unwrap_err();
    assert_eq!(refused.code(), "pool_device_missing");
    thin.0.machine.plug_back("A").unwrap();
    assert_eq!(thin.standing(), Standing::Mounted);
}

/// What was promised to all datasets together may be more than there is.
#[test]
fn a_full_pool_is_told_before_and_after() {
    let thin = Thin::of(Filesystem::Ext4);
    thin.run(&create("data", Some(600 * MIB)));
    let plan = thin.plan(&create("more", Some(600 * MIB))).unwrap();
    let warned = |it: &String| it.contains("together");
    assert!(plan.warnings.iter().any(warned), "{plan:?}");
    thin.run(&create("more", Some(600 * MIB)));
    thin.write("data", "file", 500).unwrap();
    let fill = |thin: &Thin| thin.pool().judge_with(Some(&thin.contents()));
    assert_eq!(fill(&thin).reasons, [""; 0]);
    assert_eq!(thin.write("more", "file", 500), Err(WriteError::Full));
    thin.write("more", "file", 300).unwrap();
    let verdict = fill(&thin);
    assert_eq!(verdict.standing, Standing::Mounted);
    assert!(verdict.reasons[0].contains("% full"), "{verdict:?}");
    // The rest, to the byte.
    let Bytes(left) = thin.contents().space.available;
    let tank = "tank".parse().unwrap();
    thin.0
        .pools
        .write(&tank, "more", "rest", Bytes(left))
        .unwrap();
    assert_eq!(fill(&thin).standing, Standing::ReadOnly);
    for wish in [snapshot("x"), create("x", Some(100 * MIB))] {
        let refused = thin.plan(&wish).unwrap_err();
        assert_eq!(refused.code(), "thin_pool_full");
        assert!(refused.hint().unwrap().contains("pool grow tank"));
    }
}

#[test]
fn each_refusal_has_a_code_and_a_hint() {
    let thin = Thin::with_data(Filesystem::Ext4);
    let long = "x".repeat(60);
    for (wish, code) in [
        (create("data", None), "dataset_name_taken"),
        (create("x", Some(15 * MIB)), "quota_too_small"),
        (set(100 * MIB), "quota_cannot_shrink"),
        (set(1), "quota_cannot_shrink"),
        (delete_dataset("data"), "dataset_has_snapshots"),
        (delete_dataset("none"), "dataset_not_found"),
        (snapshot("monday"), "snapshot_name_taken"),
        (delete_snapshot("none"), "snapshot_not_found"),
        (clone("data"), "dataset_name_taken"),
        (rename("none", "films"), "dataset_not_found"),
    ] {
        let refused = thin.plan(&wish).unwrap_err();
        assert_eq!(refused.code(), code, "{wish:?}");
        assert!(refused.hint().is_some_and(|it| !it.is_empty()), "{wish:?}");
    }
    thin.run(&create(&long, Some(100 * MIB)));
    let long = Wish::TakeSnapshot {
        dataset: long.clone(),
        snapshot: long.parse().unwrap(),
    };
    assert_eq!(thin.plan(&long).unwrap_err().code(), "volume_name_too_long");

    let world = World::new();
    world.machine.plug(DiskSpec::hdd("SMALL", 100_000_000));
    let check = |pool| Change::Check {
        pool,
        repair: false,
    };
    for (refused, code) in [
        (
            world.plan(&create_on(&world, "A", Filesystem::Btrfs)),
            "filesystem_not_on_thin",
        ),
        (
            world.plan(&create_on(&world, "SMALL", Filesystem::Ext4)),
            "device_too_small",
        ),
        (thin.0.plan(&of(check)), "check_needs_unmount"),
        (
            thin.0.plan(&create_on(&thin.0, "B", Filesystem::Ext4)),
            "pool_name_taken",
        ),
        (
            thin.0.plan(&thin.0.create("other", "A", Filesystem::Ext4)),
            "device_in_use",
        ),
    ] {
        let refused: Refusal = refused.unwrap_err();
        assert_eq!(refused.code(), code);
        assert!(refused.hint().is_some_and(|it| !it.is_empty()), "{refused}");
    }
    thin.0.run(&of(export));
    let refused = thin.0.plan(&thin.0.import("other", "A")).unwrap_err();
    assert_eq!(refused.code(), "not_a_thin_pool");
}

/// A group of another name is somebody's, be it mounted or not.
#[test]
fn no_group_is_deleted_but_that_of_the_name() {
    let thin = Thin::with_data(Filesystem::Ext4);
    thin.0.run(&of(export));
    let mut wish = create_on(&thin.0, "A", Filesystem::Ext4);
    let plan = thin.0.plan(&wish).unwrap();
    let shown = plan
        .dangers
        .iter()
        .any(|it| it.to_string().contains("moxnas_tank-d.data"));
    assert!(shown, "{plan:?}");
    if let Change::Create(wish) = &mut wish {
        wish.name = "other".parse().unwrap();
    }
    assert_eq!(thin.0.plan(&wish).unwrap_err().code(), "device_in_use");
}

/// A device of somebody else is not in the way of nobody's name.
#[test]
fn a_disk_of_another_machine_does_not_pass_for_a_pool() {
    let thin = Thin::with_data(Filesystem::Ext4);
    let b: DeviceId = thin.0.id("B");
    let a = thin.0.id("A");
    let signatures = thin.0.machine.state().contents_of(&a).signatures;
    thin.0.machine.state().contents_mut(&b).signatures = signatures;
    assert_eq!(thin.standing(), Standing::Confused);
    assert_eq!(
        thin.0.plan(&of(delete)).unwrap_err().code(),
        "pool_confused"
    );
    assert!(thin.0.look().0.disks().all(|it| it.size == Bytes(GB)));
}
