//! Pools of one btrfs over several devices.

use moxnas_core::{
    disk::DeviceId,
    plan::{Danger, fail_at},
    sim::{DiskSpec, Fault},
    units::Bytes,
};
use moxnas_pool::{
    backend::{BackendError, PoolBackend, execute},
    devices::{CreateOnDevices, Devices, Profile},
    lvm::Kind,
    model::{Filesystem, Pool, Standing},
    plan::{Change, Step},
    real::argv::{argv, catch_up},
    sim::WriteError,
};

use crate::world::{GB, World, delete, export, mount, of, unmount};

const MB: u64 = 1_000_000;

fn on(world: &World, serials: &[&str], profile: Profile) -> CreateOnDevices {
    CreateOnDevices {
        name: "tank".parse().unwrap(),
        devices: serials.iter().map(|it| world.id(it)).collect(),
        filesystem: Filesystem::Btrfs,
        profile,
        options: vec!["noatime".parse().unwrap()],
    }
}

fn create(world: &World) -> Change {
    Change::CreateOnDevices(on(world, &["A", "B"], Profile::Raid1))
}

fn mirror() -> World {
    let world = World::new();
    world.run(&create(&world));
    world
}

fn tank(world: &World) -> Pool {
    let (_, pools) = world.look();
    assert_eq!(pools.errors, [""; 0]);
    pools.find("tank").unwrap().clone()
}

fn members(pool: &Pool) -> &Devices {
    match &pool.kind {
        Kind::Devices(it) => it,
        other => panic!("{other:?}"),
    }
}

fn standing(world: &World) -> Standing {
    tank(world).judge().standing
}

fn write(world: &World, file: &str, mb: u64) -> Result<(), WriteError> {
    let pool = "tank".parse().unwrap();
    world.pools.write(&pool, "", file, Bytes(mb * MB))
}

#[test]
fn a_plan_names_each_command() {
    let world = World::new();
    let (a, b) = (world.id("A"), world.id("B"));
    let plan = world.plan(&create(&world)).unwrap();
    let shown: Vec<String> = plan
        .steps
        .iter()
        .flat_map(|step| {
            let command = argv(step).unwrap().unwrap();
            [step.to_string(), format!("  {command}")]
        })
        .collect();
    let path = |it: &DeviceId| it.path().unwrap();
    assert_eq!(
        shown,
        [
            format!("make one btrfs, raid1, on {a}, {b}"),
            format!(
                "  mkfs.btrfs -q -d raid1 -m raid1 -L tank {} {}",
                path(&a),
                path(&b)
            ),
            "write the mount unit of pool tank".to_owned(),
            "  systemctl daemon-reload".to_owned(),
            "mount tank at /srv/tank, now and at each start".to_owned(),
            "  systemctl enable --now srv-tank.mount".to_owned(),
        ]
    );
    // What is lost is said of each of them, and udev looks at each.
    assert_eq!(plan.dangers.len(), 2, "{plan:?}");
    assert_eq!(plan.steps[0].destroys(), [&a, &b]);
    let look = catch_up(&plan.steps[0]).unwrap();
    assert!(
        look[0]
            .to_string()
            .ends_with(&format!("{} {}", path(&a), path(&b)))
    );
    assert!(
        plan.warnings
            .iter()
            .any(|it| it.contains("one device may be lost"))
    );
    let single = Change::CreateOnDevices(on(&world, &["A", "B"], Profile::Single));
    let single = world.plan(&single).unwrap();
    let make = argv(&single.steps[0]).unwrap().unwrap().to_string();
    assert!(make.contains("-d single -m raid1"), "{make}");
}

#[test]
fn a_pool_on_several_devices_lives_and_dies() {
    let world = mirror();
    let pool = tank(&world);
    assert_eq!(pool.judge().standing, Standing::Mounted, "{pool:?}");
    assert_eq!(pool.clones, []);
    assert_eq!(pool.size, Some(Bytes(2 * GB)));
    assert!(members(&pool).members.iter().all(|it| it.in_use));
    // Two copies of everything: half of it is there to be used.
    write(&world, "file", 990).unwrap();
    assert_eq!(write(&world, "more", 20), Err(WriteError::Full));

    world.machine.reboot();
    assert_eq!(standing(&world), Standing::Mounted);
    world.run(&of(unmount));
    assert_eq!(standing(&world), Standing::Unmounted);
    world.run(&of(mount));
    assert_eq!(world.plan(&of(mount)).unwrap().steps, []);
    world.run(&of(export));
    // By any of its devices.
    world.run(&world.import("tank", "B"));
    assert_eq!(tank(&world).uuid, pool.uuid);
    assert_eq!(members(&tank(&world)).members.len(), 2);
    assert_eq!(standing(&world), Standing::Mounted);

    world.run(&of(export));
    let Change::Import(mut import) = world.import("tank", "A") else {
        unreachable!();
    };
    import.read_only = true;
    world.run(&Change::Import(import));
    assert_eq!(tank(&world).options, ["ro"]);
    assert_eq!(write(&world, "new", 1), Err(WriteError::ReadOnly));

    let plan = world.plan(&of(delete)).unwrap();
    let lost = plan.dangers.iter();
    let lost = lost.filter(|it| matches!(it, Danger::DestroysData { .. }));
    assert_eq!(lost.count(), 2, "{plan:?}");
    execute(&world.pools, &plan.steps).unwrap();
    let (devices, pools) = world.look();
    assert_eq!(pools.all, []);
    assert!(devices.disks().all(|it| it.signatures.is_empty()));
}

/// The kernel names one of them for the mount, and systemd ends the mount with that one.
#[test]
fn a_device_that_goes_is_told_whether_the_mount_ends_with_it_or_not() {
    let world = mirror();
    write(&world, "file", 10).unwrap();
    world.machine.pull("B").unwrap();
    let verdict = tank(&world).judge();
    assert_eq!(verdict.standing, Standing::Damaged);
    assert!(
        verdict.reasons[0].contains("1 of its 2 devices not there"),
        "{verdict:?}"
    );
    write(&world, "more", 10).unwrap();
    // It comes back, and is not used before the pool is mounted again.
    world.machine.plug_back("B").unwrap();
    let verdict = tank(&world).judge();
    assert_eq!(verdict.standing, Standing::Damaged);
    assert!(verdict.reasons[0].contains("is not used"), "{verdict:?}");
    world.run(&of(unmount));
    world.run(&of(mount));
    assert_eq!(standing(&world), Standing::Mounted);

    world.machine.pull("A").unwrap();
    let verdict = tank(&world).judge();
    assert_eq!(verdict.standing, Standing::Missing, "{verdict:?}");
    assert!(
        verdict.reasons[0].contains("1 of its 2 devices"),
        "{verdict:?}"
    );
}

/// Somebody has to agree, each time; a start of the machine does not mount it.
#[test]
fn what_lacks_a_device_is_mounted_by_agreement_only() {
    let world = mirror();
    write(&world, "file", 10).unwrap();
    world.machine.pull("A").unwrap();
    world.machine.reboot();
    assert_eq!(standing(&world), Standing::Missing);
    let plan = world.plan(&of(mount)).unwrap();
    assert!(plan.needs_confirmation());
    let step = &plan.steps[0];
    let path = world.id("B").path().unwrap();
    assert_eq!(
        argv(step).unwrap().unwrap().to_string(),
        format!("mount -t btrfs -o noatime,degraded {path} /srv/tank")
    );
    execute(&world.pools, &plan.steps).unwrap();
    assert_eq!(standing(&world), Standing::Damaged);
    let files = world.pools.files(&"tank".parse().unwrap(), "");
    assert_eq!(files.unwrap().len(), 1);
    world.machine.reboot();
    assert_eq!(standing(&world), Standing::Missing);
    world.machine.plug_back("A").unwrap();
    world.run(&of(mount));
    assert_eq!(standing(&world), Standing::Mounted);
}

#[test]
fn what_is_nowhere_else_is_not_given_up() {
    let world = World::new();
    world.run(&Change::CreateOnDevices(on(
        &world,
        &["A", "B", "C"],
        Profile::Single,
    )));
    world.machine.pull("C").unwrap();
    world.run(&of(unmount));
    let refused = world.plan(&of(mount)).unwrap_err();
    assert_eq!(refused.code(), "too_many_devices_missing");
    assert!(refused.hint().unwrap().contains("put the disks back in"));
    // What is there can be deleted; what is not keeps what is on it.
    let plan = world.plan(&of(delete)).unwrap();
    assert!(
        plan.warnings
            .iter()
            .any(|it| it.contains("1 of its devices")),
        "{plan:?}"
    );
    execute(&world.pools, &plan.steps).unwrap();
    assert!(world.look().1.all.is_empty());
}

/// A copy has the UUIDs of the device; a member has one of its own.
#[test]
fn copies_are_told_from_members() {
    let world = mirror();
    world.run(&of(unmount));
    let (a, c) = (world.id("A"), world.id("C"));
    let signatures = world.machine.state().contents_of(&a).signatures;
    world.machine.state().contents_mut(&c).signatures = signatures;
    let pool = tank(&world);
    assert_eq!(pool.judge().standing, Standing::Confused, "{pool:?}");
    assert_eq!(pool.clones.len(), 1);
    for change in [of(mount), of(delete)] {
        assert_eq!(world.plan(&change).unwrap_err().code(), "pool_confused");
    }
    world.run(&of(export));
    let refused = world.plan(&world.import("tank", "A")).unwrap_err();
    assert_eq!(refused.code(), "filesystem_cloned");
}

#[test]
fn what_cannot_be_is_refused_with_a_reason_and_a_remedy() {
    let world = World::new();
    world.machine.plug(DiskSpec::hdd("S", 100 * MB));
    world.run(&world.create("other", "D", Filesystem::Xfs));
    let check = |wish: CreateOnDevices, code: &str| {
        let refused = world.plan(&Change::CreateOnDevices(wish)).unwrap_err();
        assert_eq!(refused.code(), code);
        assert!(refused.hint().is_some());
    };
    check(
        on(&world, &["A", "B", "C"], Profile::Raid5),
        "profile_not_safe",
    );
    check(
        on(&world, &["A", "B", "C"], Profile::Raid6),
        "profile_not_safe",
    );
    check(on(&world, &["A"], Profile::Raid1), "too_few_devices");
    check(on(&world, &["A", "B"], Profile::Raid1c3), "too_few_devices");
    check(
        on(&world, &["A", "A"], Profile::Raid1),
        "device_named_twice",
    );
    check(on(&world, &["A", "S"], Profile::Raid1), "device_too_small");
    check(on(&world, &["A", "D"], Profile::Raid1), "device_in_use");
    let xfs = CreateOnDevices {
        filesystem: Filesystem::Xfs,
        ..on(&world, &["A", "B"], Profile::Raid1)
    };
    check(xfs, "filesystem_on_one_device");
}

/// Whatever step fails or is cut off, trying again ends where the first try would have, or says what
/// does.
#[test]
fn a_failure_at_any_step_is_healed_by_trying_again() {
    type Named = (fn() -> World, fn(&World) -> Change);
    let unmounted = || {
        let world = mirror();
        world.run(&of(unmount));
        world
    };
    let exported = || {
        let world = mirror();
        world.run(&of(export));
        world
    };
    let lacking = || {
        let world = mirror();
        world.machine.pull("A").unwrap();
        world.look();
        world
    };
    let changes: [Named; 6] = [
        (World::new, create),
        (exported, |it| it.import("tank", "A")),
        (unmounted, |_| of(mount)),
        (lacking, |_| of(mount)),
        (mirror, |_| of(export)),
        (mirror, |_| of(delete)),
    ];
    for (prepare, wish) in changes {
        let outcome = |world: &World| {
            let (devices, pools) = world.look();
            let disks = devices.disks().map(|it| it.signatures.len());
            let all = pools.all.iter().map(|it| it.judge().standing);
            (disks.collect::<Vec<_>>(), all.collect::<Vec<_>>())
        };
        let world = prepare();
        let change = wish(&world);
        let steps = world.plan(&change).unwrap().steps;
        execute(&world.pools, &steps).unwrap();
        let expected = outcome(&world);
        for (at, cut) in (0..steps.len()).flat_map(|it| [(it, false), (it, true)]) {
            let world = prepare();
            let pools = &world.pools;
            let done = if cut {
                let matching = steps[at].to_string();
                world.machine.inject(Fault::PowerCut { matching });
                execute(pools, &steps).unwrap_err().done
            } else {
                let injected = || BackendError::Injected("told to".to_owned());
                let step = fail_at(at, injected, |it: &Step| pools.apply(it));
                moxnas_core::plan::execute(&steps, step).unwrap_err().done
            };
            assert_eq!(done, at);
            match world.plan(&wish(&world)) {
                Ok(plan) => execute(pools, &plan.steps).unwrap(),
                Err(refused) => {
                    let hint = refused.hint().unwrap();
                    world.run(&match hint {
                        it if it.contains("pool mount tank") => of(mount),
                        it if it.contains("pool export tank") => of(export),
                        other => panic!("{refused}: {other}"),
                    });
                }
            }
            assert_eq!(
                outcome(&world),
                expected,
                "{change:?} stopped at {at}, {cut}"
            );
        }
    }
}
