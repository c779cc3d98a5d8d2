//! Devices of a btrfs that come, go and change places while the pool is mounted.

use moxnas_core::{
    disk::DeviceId,
    plan::{Danger, Plan, fail_at},
    sim::{DiskSpec, Fault},
    units::Bytes,
};
use moxnas_pool::{
    backend::{BackendError, PoolBackend, execute},
    devices::{self, Change as Wish, CreateOnDevices, Devices, DevicesStep, Old, Profile, Task},
    lvm::Kind,
    model::{Filesystem, Pool, Standing},
    plan::{Change, Facts, Refusal, Step},
    real::argv::{argv, catch_up},
};

use crate::world::{GB, World, export, mount, of, unmount};

const MB: u64 = 1_000_000;

fn made(serials: &[&str], profile: Profile) -> World {
    let world = World::new();
    world.run(&Change::CreateOnDevices(CreateOnDevices {
        name: "tank".parse().unwrap(),
        devices: serials.iter().map(|it| world.id(it)).collect(),
        filesystem: Filesystem::Btrfs,
        profile,
        options: Vec::new(),
    }));
    world
}

fn mirror() -> World {
    made(&["A", "B"], Profile::Raid1)
}

/// Mounted without its disk A, which is out, with something that was written since.
fn degraded() -> World {
    let world = mirror();
    write(&world, "before", 100);
    world.machine.pull("A").unwrap();
    world.run(&of(mount));
    write(&world, "after", 50);
    world
}

fn tank(world: &World) -> Pool {
    world.look().1.find("tank").unwrap().clone()
}

fn members(world: &World) -> Devices {
    match tank(world).kind {
        Kind::Devices(it) => it,
        other => panic!("{other:?}"),
    }
}

fn standing(world: &World) -> Standing {
    tank(world).judge().standing
}

fn write(world: &World, file: &str, mb: u64) {
    let pool = "tank".parse().unwrap();
    world.pools.write(&pool, "", file, Bytes(mb * MB)).unwrap();
}

fn planned(world: &World, wish: &Wish) -> Result<Plan<Step>, Refusal> {
    let (devices, pools) = world.look();
    let facts = Facts {
        devices: &devices,
        pools: &pools,
    };
    let pool = pools.find("tank").unwrap();
    let contents = world.pools.contents(pool).unwrap_or_default();
    devices::plan(facts, pool, &contents, wish)
}

fn run(world: &World, wish: &Wish) {
    let plan = planned(world, wish).unwrap();
    execute(&world.pools, &plan.steps).unwrap();
}

fn add(device: DeviceId) -> Wish {
    Wish::Add { device }
}

fn remove(device: DeviceId) -> Wish {
    let old = Old::Device(device);
    Wish::Remove { old }
}

fn replace(old: DeviceId, new: DeviceId) -> Wish {
    let old = Old::Device(old);
    Wish::Replace { old, new }
}

fn replace_missing(new: DeviceId) -> Wish {
    let old = Old::Missing;
    Wish::Replace { old, new }
}

fn balance(profile: Option<Profile>) -> Wish {
    Wish::Balance { profile }
}

fn path(id: &DeviceId) -> String {
    id.path().unwrap()
}

/// Every command of these steps.
#[test]
fn each_step_is_one_command() {
    let world = World::new();
    let [a, b, c] = ["A", "B", "C"].map(|it| world.id(it));
    let (old, stay, device, number) = (Some(a.clone()), vec![b.clone()], c.clone(), 3);
    let steps = [
        DevicesStep::Add { device: c.clone() },
        DevicesStep::Remove {
            device: a.clone(),
            number,
            stay: stay.clone(),
        },
        DevicesStep::Replace {
            old,
            number,
            device: device.clone(),
            stay: stay.clone(),
        },
        DevicesStep::Replace {
            old: None,
            number,
            device,
            stay,
        },
        DevicesStep::Balance {
            convert: None,
            lowers: false,
        },
        DevicesStep::Balance {
            convert: Some(Profile::Raid1c3),
            lowers: false,
        },
        DevicesStep::Balance {
            convert: Some(Profile::Single),
            lowers: true,
        },
        DevicesStep::Resize { number },
        DevicesStep::End {
            task: Task::Replace,
        },
        DevicesStep::End { task: Task::Remove },
        DevicesStep::End {
            task: Task::Balance,
        },
        DevicesStep::End { task: Task::Scrub },
    ];
    let pool: moxnas_pool::model::PoolName = "tank".parse().unwrap();
    let commands = steps.clone().map(|step| {
        let pool = pool.clone();
        argv(&Step::Devices { pool, step })
            .unwrap()
            .unwrap()
            .to_string()
    });
    let (pa, pc) = (path(&a), path(&c));
    assert_eq!(
        commands,
        [
            format!("btrfs device add {pc} /srv/tank"),
            format!("btrfs device remove {pa} /srv/tank"),
            format!("btrfs replace start -B {pa} {pc} /srv/tank"),
            format!("btrfs replace start -B -r 3 {pc} /srv/tank"),
            "btrfs balance start --full-balance /srv/tank".to_owned(),
            "btrfs balance start -dconvert=raid1c3,soft -mconvert=raid1c3,soft /srv/tank"
                .to_owned(),
            "btrfs balance start -dconvert=single,soft -mconvert=raid1,soft --force /srv/tank"
                .to_owned(),
            "btrfs filesystem resize 3:max /srv/tank".to_owned(),
            "btrfs replace cancel /srv/tank".to_owned(),
            "btrfs device remove cancel /srv/tank".to_owned(),
            "btrfs balance cancel /srv/tank".to_owned(),
            "btrfs scrub cancel /srv/tank".to_owned(),
        ]
    );
    // udev looks at those that changed, and at those that are ready only now.
    let [_, _, replace, ..] = steps;
    let look = catch_up(&Step::Devices {
        pool: pool.clone(),
        step: replace,
    })
    .unwrap();
    let ids = [&a, &c, &b].map(path).join(" ");
    assert!(look[0].to_string().ends_with(&ids), "{look:?}");
    use moxnas_pool::real::argv::{progress, usage};
    assert_eq!(usage(&pool).to_string(), "btrfs device usage -b /srv/tank");
    let asks = [Task::Scrub, Task::Replace, Task::Balance, Task::Remove];
    let asks = asks.map(|it| progress(&pool, it).map(|it| it.to_string()));
    assert_eq!(
        asks.each_ref().map(Option::as_deref),
        [
            Some("btrfs scrub status /srv/tank"),
            Some("btrfs replace status -1 /srv/tank"),
            Some("btrfs balance status /srv/tank"),
            None,
        ]
    );
}

/// One command, and there are two copies of everything again.
#[test]
fn a_degraded_mirror_is_whole_again_by_one_command() {
    let world = degraded();
    let verdict = tank(&world).judge();
    assert_eq!(verdict.standing, Standing::Damaged);
    let remedy = "`moxnas pool device replace tank missing DEVICE`";
    assert!(verdict.reasons[0].contains(remedy), "{verdict:?}");
    let wish = replace_missing(world.id("C"));
    let plan = planned(&world, &wish).unwrap();
    assert!(plan.needs_confirmation());
    assert!(
        plan.warnings
            .iter()
            .any(|it| it.contains("must not come back"))
    );
    let words: Vec<String> = plan.steps.iter().map(ToString::to_string).collect();
    assert_eq!(
        words,
        [
            format!(
                "put {} in the place of the device that is missing in pool tank",
                world.id("C")
            ),
            "write what is not raid1 in pool tank anew as raid1".to_owned(),
        ]
    );
    execute(&world.pools, &plan.steps[..1]).unwrap();
    let verdict = tank(&world).judge();
    assert!(
        verdict.reasons[0].contains("`moxnas pool balance tank`"),
        "{verdict:?}"
    );
    execute(&world.pools, &plan.steps[1..]).unwrap();
    assert_eq!(standing(&world), Standing::Mounted);
    // It mounts by itself again, and the same wish finds nothing to do.
    world.machine.reboot();
    assert_eq!(standing(&world), Standing::Mounted);
    assert_eq!(planned(&world, &wish).unwrap().steps, []);
    let files = world.pools.files(&"tank".parse().unwrap(), "").unwrap();
    assert_eq!(files.len(), 2);
    // What was there comes back, and says that it is the same device.
    world.machine.plug_back("A").unwrap();
    assert_eq!(standing(&world), Standing::Confused);
    assert_eq!(
        planned(&world, &balance(None)).unwrap_err().code(),
        "pool_confused"
    );
}

#[test]
fn devices_come_go_and_change_places() {
    let world = mirror();
    write(&world, "file", 500);
    run(&world, &add(world.id("C")));
    assert_eq!(members(&world).members.len(), 3);
    assert_eq!(standing(&world), Standing::Mounted);
    assert_eq!(planned(&world, &add(world.id("C"))).unwrap().steps, []);
    run(&world, &balance(None));
    run(&world, &remove(world.id("A")));
    let left = members(&world);
    assert_eq!(left.members.len(), 2);
    assert!(
        left.members.iter().all(|it| it.in_use && it.is_noted),
        "{left:?}"
    );
    run(&world, &replace(world.id("B"), world.id("D")));
    world.machine.reboot();
    assert_eq!(standing(&world), Standing::Mounted);
    let (devices, _) = world.look();
    for (serial, is_in) in [("A", false), ("B", false), ("C", true), ("D", true)] {
        let device = devices.resolve(serial).unwrap();
        assert_eq!(!device.signatures.is_empty(), is_in, "{serial}");
    }
    assert_eq!(
        world
            .pools
            .files(&"tank".parse().unwrap(), "")
            .unwrap()
            .len(),
        1
    );
    world.run(&of(export));
    world.run(&world.import("tank", "D"));
    assert_eq!(members(&world).members.len(), 2);
    assert_eq!(members(&world).wished(), Profile::Raid1);
}

#[test]
fn a_pool_on_one_device_gets_a_second_one_and_then_two_copies() {
    let world = World::new();
    world.run(&world.create("tank", "A", Filesystem::Btrfs));
    let plan = planned(&world, &add(world.id("B"))).unwrap();
    assert!(
        plan.warnings
            .iter()
            .any(|it| it.contains("pool balance tank --profile raid1"))
    );
    execute(&world.pools, &plan.steps).unwrap();
    assert_eq!(members(&world).profile, Some(Profile::Single));
    assert_eq!(standing(&world), Standing::Mounted);
    let plan = planned(&world, &balance(Some(Profile::Raid1))).unwrap();
    // Wherever it stops, the unit says what is to be.
    execute(&world.pools, &plan.steps[..1]).unwrap();
    assert_eq!(standing(&world), Standing::Damaged);
    run(&world, &balance(None));
    assert_eq!(members(&world).profiles, ["raid1"]);
    assert_eq!(standing(&world), Standing::Mounted);
    // Back again, which has to be agreed to.
    let plan = planned(&world, &balance(Some(Profile::Single))).unwrap();
    let lowers = |it: &Danger| {
        matches!(
            it,
            Danger::LowersRedundancy {
                before: 1,
                after: 0,
                ..
            }
        )
    };
    assert!(plan.dangers.iter().any(lowers), "{plan:?}");
}

/// One of three that is out: Linux would kill whoever looks at it afterwards.
#[test]
fn what_is_missing_is_not_let_go_without_another_in_its_place() {
    let world = made(&["A", "B", "C"], Profile::Raid1);
    world.machine.pull("A").unwrap();
    world.run(&of(mount));
    let gone = members(&world).missing().next().unwrap().uuid.clone();
    for old in [Old::Missing, Old::Member(gone)] {
        let refusal = planned(&world, &Wish::Remove { old }).unwrap_err();
        assert_eq!(refusal.code(), "removes_missing_device");
        let hint = refusal.hint().unwrap();
        assert!(
            hint.contains("device replace tank missing DEVICE"),
            "{hint}"
        );
    }
}

#[test]
fn a_pool_grows_with_its_devices() {
    let world = mirror();
    for serial in ["A", "B"] {
        let mut state = world.machine.state();
        state.disks.get_mut(serial).unwrap().spec.size = Bytes(2 * GB);
    }
    world.run(&Change::Grow {
        pool: "tank".to_owned(),
    });
    let contents = world.pools.contents(&tank(&world)).unwrap();
    assert_eq!(contents.space.size, Bytes(2 * GB));
    // A larger one in the place of another is used whole.
    world.machine.plug(DiskSpec::hdd("L", 3 * GB));
    let plan = planned(&world, &replace(world.id("A"), world.id("L"))).unwrap();
    assert!(
        plan.steps
            .iter()
            .any(|it| it.to_string().contains("all of its device 1")),
        "{plan:?}"
    );
}

#[test]
fn what_cannot_be_is_refused_with_a_remedy() {
    fn refused(world: &World, wish: &Wish, code: &str) {
        let refusal = planned(world, wish).unwrap_err();
        assert_eq!(refusal.code(), code, "{refusal}");
        assert!(refusal.hint().is_some(), "{refusal}");
    }
    let world = mirror();
    let [a, b, c] = ["A", "B", "C"].map(|it| world.id(it));
    world.machine.plug(DiskSpec::hdd("S", 300 * MB));
    world.run(&world.create("other", "D", Filesystem::Xfs));
    refused(&world, &remove(a.clone()), "too_few_devices_left");
    refused(&world, &remove(c.clone()), "no_such_pool_device");
    refused(
        &world,
        &Wish::Remove { old: Old::Missing },
        "no_such_pool_device",
    );
    refused(&world, &replace_missing(c.clone()), "no_such_pool_device");
    refused(&world, &replace(a.clone(), b), "device_in_use");
    refused(&world, &replace(a.clone(), world.id("D")), "device_in_use");
    refused(
        &world,
        &replace(a.clone(), world.id("S")),
        "replacement_too_small",
    );
    refused(&world, &add(world.id("D")), "device_in_use");
    refused(
        &world,
        &balance(Some(Profile::Raid1c3)),
        "too_few_devices_left",
    );
    refused(&world, &balance(Some(Profile::Raid6)), "profile_not_safe");
    run(&world, &add(world.id("S")));
    write(&world, "file", 1100);
    refused(&world, &remove(a), "too_little_room_left");
    world.run(&of(unmount));
    refused(&world, &add(c), "pool_not_mounted");

    let world = degraded();
    refused(&world, &add(world.id("C")), "pool_lacks_devices");
    refused(&world, &balance(None), "pool_lacks_devices");
    let grow = Change::Grow {
        pool: "tank".to_owned(),
    };
    assert_eq!(world.plan(&grow).unwrap_err().code(), "pool_lacks_devices");
    world.machine.plug_back("A").unwrap();
    refused(
        &world,
        &replace(world.id("A"), world.id("C")),
        "pool_device_idle",
    );

    let world = World::new();
    world.run(&world.create("tank", "A", Filesystem::Btrfs));
    refused(&world, &balance(None), "not_several_devices");

    let mut pool = tank(&mirror());
    if let Kind::Devices(it) = &mut pool.kind {
        it.busy = Some("balance".to_owned());
    }
    let (devices, pools) = world.look();
    let facts = Facts {
        devices: &devices,
        pools: &pools,
    };
    let busy = devices::plan(facts, &pool, &Default::default(), &balance(None)).unwrap_err();
    assert_eq!(busy.code(), "pool_busy");
    assert!(busy.hint().is_some());
}

/// Whatever step fails or is cut off, the same wish goes on from there.
#[test]
fn a_failure_at_any_step_is_healed_by_trying_again() {
    type Named = (fn() -> World, fn(&World) -> Wish);
    let three = || made(&["A", "B", "C"], Profile::Raid1);
    let one = || {
        let world = World::new();
        world.run(&world.create("tank", "A", Filesystem::Btrfs));
        world
    };
    let used = || {
        let world = mirror();
        world.run(&world.create("other", "C", Filesystem::Xfs));
        world.run(&Change::Export {
            pool: "other".to_owned(),
        });
        world
    };
    let cases: [Named; 7] = [
        (used, |it| add(it.id("C"))),
        (one, |it| add(it.id("B"))),
        (three, |it| remove(it.id("B"))),
        (used, |it| replace(it.id("B"), it.id("C"))),
        (degraded, |it| replace_missing(it.id("C"))),
        (mirror, |_| balance(None)),
        (three, |_| balance(Some(Profile::Raid1c3))),
    ];
    for (prepare, wish) in cases {
        let outcome = |world: &World| {
            let (devices, _) = world.look();
            let disks = devices.disks().map(|it| it.signatures.len());
            let members = members(world);
            let uses = members.members.iter().map(|it| (it.in_use, it.is_noted));
            let uses: Vec<_> = uses.collect();
            (
                disks.collect::<Vec<_>>(),
                uses,
                members.profiles,
                standing(world),
            )
        };
        let world = prepare();
        let change = wish(&world);
        let steps = planned(&world, &change).unwrap().steps;
        execute(&world.pools, &steps).unwrap();
        let expected = outcome(&world);
        assert_eq!(expected.3, Standing::Mounted, "{change:?}");
        for (at, cut) in (0..steps.len()).flat_map(|it| [(it, false), (it, true)]) {
            let world = prepare();
            let pools = &world.pools;
            if cut {
                let matching = steps[at].to_string();
                world.machine.inject(Fault::PowerCut { matching });
                assert_eq!(execute(pools, &steps).unwrap_err().done, at);
                // What lacks a device waits for somebody to agree.
                if standing(&world) == Standing::Missing {
                    world.run(&of(mount));
                }
            } else {
                let injected = || BackendError::Injected("told to".to_owned());
                let step = fail_at(at, injected, |it: &Step| pools.apply(it));
                let done = moxnas_core::plan::execute(&steps, step).unwrap_err().done;
                assert_eq!(done, at);
            }
            let again = planned(&world, &change).unwrap();
            execute(pools, &again.steps).unwrap();
            assert_eq!(
                outcome(&world),
                expected,
                "{change:?} stopped at {at}, {cut}"
            );
        }
    }
}
