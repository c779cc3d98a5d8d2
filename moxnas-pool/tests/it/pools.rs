//! Pools from blank disks to blank disks, and what is refused.

use moxnas_core::{
    disk::Signature,
    plan::fail_at,
    sim::{DiskSpec, Fault},
    units::Bytes,
};
use moxnas_pool::{
    backend::{BackendError, PoolBackend, execute},
    check::Outcome,
    dataset,
    model::{Filesystem, Standing},
    plan::{Change, CreatePool, ImportPool, Step},
    real::argv::argv,
    sim::WriteError,
    unit::MountUnit,
};

use crate::world::{GB, World, delete, export, mount, of, unmount};

fn standing(world: &World, pool: &str) -> Option<Standing> {
    let (_, pools) = world.look();
    pools.find(pool).map(|it| it.judge().standing)
}

#[test]
fn a_plan_names_each_command() {
    let world = World::new();
    let id = world.id("A");
    world.machine.state().contents_mut(&id).signatures = vec![Signature::new("ext4", "1-2")];
    let plan = world
        .plan(&world.create("tank", "A", Filesystem::Btrfs))
        .unwrap();
    let shown: Vec<String> = plan
        .steps
        .iter()
        .flat_map(|step| {
            let command = argv(step).unwrap().unwrap();
            [step.to_string(), format!("  {command}")]
        })
        .collect();
    let path = id.path().unwrap();
    assert_eq!(
        shown,
        [
            format!("erase all signatures on {id}"),
            format!("  wipefs --all {path}"),
            format!("make the filesystem btrfs on {id}"),
            format!("  mkfs.btrfs -q -L tank {path}"),
            "write the mount unit of pool tank".to_owned(),
            "  systemctl daemon-reload".to_owned(),
            "mount tank at /srv/tank, now and at each start".to_owned(),
            "  systemctl enable --now srv-tank.mount".to_owned(),
        ]
    );
    assert_eq!(plan.dangers.len(), 1);
    assert!(plan.dangers[0].to_string().contains("ext4"), "{plan:?}");
}

#[test]
fn a_pool_lives_and_dies() {
    for filesystem in Filesystem::ALL {
        let world = World::new();
        world.run(&world.create("tank", "A", filesystem));
        let (devices, pools) = world.look();
        let tank = pools.find("tank").unwrap();
        assert_eq!(tank.judge().standing, Standing::Mounted);
        assert_eq!(
            (tank.filesystem, tank.at.as_str()),
            (filesystem, "/srv/tank")
        );
        let device = devices.resolve("A").unwrap();
        assert_eq!(device.mounts, ["/srv/tank"]);
        assert_eq!(tank.device.as_ref(), Some(&device.id));

        world.machine.reboot();
        assert_eq!(standing(&world, "tank"), Some(Standing::Mounted));
        world.run(&of(unmount));
        assert_eq!(standing(&world, "tank"), Some(Standing::Unmounted));
        world.machine.reboot();
        assert_eq!(standing(&world, "tank"), Some(Standing::Unmounted));
        world.run(&of(mount));
        assert_eq!(world.plan(&of(mount)).unwrap().steps, []);

        world.run(&of(export));
        assert_eq!(standing(&world, "tank"), None);
        world.run(&world.import("tank", "A"));
        assert_eq!(world.look().1.find("tank").unwrap().uuid, tank.uuid);

        let plan = world.plan(&of(delete)).unwrap();
        assert_eq!(plan.dangers.len(), 2, "{plan:?}");
        execute(&world.pools, &plan.steps).unwrap();
        let (devices, pools) = world.look();
        assert_eq!(pools.all, []);
        assert!(devices.disks().all(|it| it.signatures.is_empty()));
    }
}

#[test]
fn a_disk_that_leaves_is_a_pool_that_is_missing() {
    let world = World::with_tank();
    world.machine.pull("A").unwrap();
    assert_eq!(standing(&world, "tank"), Some(Standing::Missing));
    for change in [of(mount), of(delete)] {
        let refused = world.plan(&change).unwrap_err();
        assert_eq!(refused.code(), "pool_device_missing");
        assert!(refused.hint().unwrap().contains("export tank"));
    }
    world.run(&of(export));
    assert_eq!(standing(&world, "tank"), None);
}

/// Which of the two would be mounted is chance.
#[test]
fn a_copy_of_a_disk_is_never_mounted_for_it() {
    let world = World::with_tank();
    world.run(&of(unmount));
    let (a, b) = (world.id("A"), world.id("B"));
    let signatures = world.machine.state().contents_of(&a).signatures;
    world.machine.state().contents_mut(&b).signatures = signatures;
    assert_eq!(standing(&world, "tank"), Some(Standing::Confused));
    for change in [of(mount), of(delete)] {
        assert_eq!(world.plan(&change).unwrap_err().code(), "pool_confused");
    }
    world.run(&of(export));
    let refused = world.plan(&world.import("tank", "B")).unwrap_err();
    assert_eq!(refused.code(), "filesystem_cloned");
}

#[test]
fn what_cannot_be_is_refused_with_a_reason_and_a_remedy() {
    let world = World::with_tank();
    world.machine.plug(DiskSpec::hdd("SMALL", 200_000_000));
    let d = world.id("D");
    let state = || world.machine.state();
    state()
        .mounts
        .push((d.to_string(), "/srv/other".to_owned()));
    let with = |option: &str| {
        Change::Create(CreatePool {
            name: "new".parse().unwrap(),
            device: world.id("B"),
            filesystem: Filesystem::Ext4,
            thin: false,
            options: vec![option.parse().unwrap()],
        })
    };
    for (change, code) in [
        (
            world.create("tank", "B", Filesystem::Ext4),
            "pool_name_taken",
        ),
        (
            world.create("other", "B", Filesystem::Ext4),
            "mount_point_taken",
        ),
        (world.create("new", "A", Filesystem::Ext4), "device_in_use"),
        (
            world.create("new", "SMALL", Filesystem::Xfs),
            "device_too_small",
        ),
        (world.import("new", "B"), "no_filesystem"),
        (world.import("new", "A"), "device_in_use"),
        (mount("nobody".to_owned()), "pool_not_found"),
        (with("x-systemd.automount"), "bad_mount_option"),
        (with("nofail"), "bad_mount_option"),
    ] {
        let refused = world.plan(&change).unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
        assert!(refused.hint().is_some_and(|it| !it.is_empty()), "{refused}");
    }
    let c = world.id("C").to_string();
    state().mounts.push((c, "/".to_owned()));
    let system = world.plan(&world.create("new", "C", Filesystem::Ext4));
    assert_eq!(system.unwrap_err().code(), "system_disk");
}

#[test]
fn what_is_taken_in_read_only_is_mounted_so() {
    let world = World::with_tank();
    world.run(&of(export));
    world.run(&Change::Import(ImportPool {
        name: "old".parse().unwrap(),
        device: world.id("A"),
        read_only: true,
        options: vec!["noatime".parse().unwrap()],
    }));
    let files = world.machine.state().files.clone();
    let unit = MountUnit::parse(&files["/etc/systemd/system/srv-old.mount"]);
    assert_eq!(unit.unwrap().unwrap().options, ["ro", "noatime"]);
}

#[test]
fn a_unit_that_somebody_broke_is_named() {
    let world = World::with_tank();
    let path = "/etc/systemd/system/srv-tank.mount";
    let text = world.machine.state().files[path].replace("Type=xfs", "Type=nfs");
    world.machine.state().files.insert(path.to_owned(), text);
    let (_, pools) = world.look();
    assert_eq!(pools.all, []);
    assert!(pools.errors[0].contains("Type=nfs"), "{:?}", pools.errors);
}

type Case = (fn() -> World, fn(&World) -> Change);

/// Each change, from where it makes sense.
fn changes() -> Vec<Case> {
    vec![
        (World::new, |it| it.create("tank", "A", Filesystem::Xfs)),
        (
            || {
                let world = World::with_tank();
                world.run(&of(export));
                world
            },
            |it| it.import("tank", "A"),
        ),
        (
            || {
                let world = World::with_tank();
                world.run(&of(unmount));
                world
            },
            |_| of(mount),
        ),
        (World::with_tank, |_| of(unmount)),
        (World::with_tank, |_| of(export)),
        (World::with_tank, |_| of(delete)),
    ]
}

/// Whichever step fails or is cut off, trying again ends where the first try would have, or says what
/// to do; and that then does.
#[test]
fn every_change_can_be_tried_again_after_a_failure_at_any_step() {
    for (prepare, wish) in changes() {
        let steps = {
            let world = prepare();
            world.plan(&wish(&world)).unwrap().steps
        };
        let expected = {
            let world = prepare();
            world.run(&wish(&world));
            outcome(&world)
        };
        for at in 0..steps.len() {
            for power_cut in [false, true] {
                let world = prepare();
                let change = wish(&world);
                stop_at(&world, &change, at, power_cut);
                heal(&world, &change);
                assert_eq!(outcome(&world), expected, "{change:?} stopped at {at}");
            }
        }
    }
}

fn stop_at(world: &World, change: &Change, at: usize, power_cut: bool) {
    let steps = world.plan(change).unwrap().steps;
    let done = if power_cut {
        world.machine.inject(Fault::PowerCut {
            matching: steps[at].to_string(),
        });
        execute(&world.pools, &steps).unwrap_err().done
    } else {
        let injected = || BackendError::Injected("told to".to_owned());
        let step = |it: &Step| world.pools.apply(it);
        let stopped = moxnas_core::plan::execute(&steps, fail_at(at, injected, step));
        stopped.unwrap_err().done
    };
    assert_eq!(done, at);
}

fn heal(world: &World, change: &Change) {
    match world.plan(change) {
        Ok(plan) => execute(&world.pools, &plan.steps).unwrap(),
        Err(refused) => {
            let hint = refused.hint().unwrap();
            let change = match hint.split('`').nth(1).unwrap() {
                "moxnas pool mount tank" => of(mount),
                "moxnas pool export tank" => of(export),
                other => panic!("{refused}: {other}"),
            };
            world.run(&change);
        }
    }
}

/// What is there, but for the UUID of what was made anew.
fn outcome(world: &World) -> Vec<String> {
    let (devices, pools) = world.look();
    let disks = devices.disks().map(|it| {
        let kinds: Vec<&str> = it.signatures.iter().map(|it| it.kind.as_str()).collect();
        format!("{} {kinds:?} {:?}", it.name, it.mounts)
    });
    let all = pools
        .all
        .iter()
        .map(|it| format!("{} {} {:?}", it.name, it.filesystem, it.judge().standing));
    disks.chain(all).collect()
}

#[test]
fn a_step_that_lies_is_seen_by_the_next_look() {
    let world = World::new();
    world.machine.inject(Fault::StepLies {
        matching: "mount tank at".to_owned(),
    });
    world.run(&world.create("tank", "A", Filesystem::Ext4));
    assert_eq!(standing(&world, "tank"), Some(Standing::Unmounted));
    assert_eq!(world.look().0.disks().count(), 4);
    assert!(world.look().0.disks().all(|it| it.size.0 == GB));
}

/// A filesystem that came upon an error is there, and is not called well.
#[test]
fn what_came_upon_an_error_is_said_until_it_was_checked() {
    for filesystem in Filesystem::ALL {
        let world = World::new();
        world.run(&world.create("tank", "A", filesystem));
        let name = "tank".parse().unwrap();
        let pool = || world.look().1.all.remove(0);
        assert!(pool().is_wanted);
        assert_eq!(pool().judge().standing, Standing::Mounted);

        world.pools.break_filesystem(&name).unwrap();
        let verdict = pool().judge();
        assert_eq!(verdict.standing, Standing::ReadOnly);
        assert!(verdict.reasons[0].contains("written"), "{verdict:?}");
        // What xfs comes upon is in the kernel's log only.
        let in_its_words = verdict
            .reasons
            .iter()
            .any(|it| it.starts_with("the kernel says: XFS"));
        assert_eq!(in_its_words, filesystem == Filesystem::Xfs, "{verdict:?}");
        let write = world.pools.write(&name, "", "file", Bytes(1));
        assert_eq!(write, Err(WriteError::ReadOnly));
        let grow = |pool| Change::Grow { pool };
        let refusal = world.plan(&of(grow)).unwrap_err();
        assert_eq!(refusal.code(), "pool_damaged");
        assert!(refusal.hint().is_some());
        let contents = world.pools.contents(&pool()).unwrap();
        let wish = dataset::Change::Create(dataset::CreateDataset {
            name: "data".parse().unwrap(),
            quota: None,
            filesystem: None,
        });
        let refusal = dataset::plan(&pool(), &contents, &wish).unwrap_err();
        assert_eq!(refusal.code(), "pool_forced_read_only");
        assert!(refusal.hint().is_some());

        world.run(&of(unmount));
        assert_eq!(pool().judge().standing, Standing::Unmounted);
        assert!(!pool().is_wanted);
        world.run(&of(mount));
        // xfs counts nothing, and what it said was before it was mounted.
        let (standing, counted) = match filesystem {
            Filesystem::Xfs => (Standing::Mounted, 0),
            _ => (Standing::Damaged, 1),
        };
        let verdict = pool().judge();
        assert_eq!(
            (verdict.standing, verdict.reasons.len()),
            (standing, counted)
        );
    }
}

fn check(repair: bool) -> Change {
    let pool = "tank".to_owned();
    Change::Check { pool, repair }
}

/// While it is mounted or while it is not, as its kind wants it; and then it is well again.
#[test]
fn a_damaged_filesystem_is_found_out_and_repaired() {
    for filesystem in Filesystem::ALL {
        let world = World::new();
        world.run(&world.create("tank", "A", filesystem));
        let name = "tank".parse().unwrap();
        let standing = || world.look().1.all[0].judge().standing;
        let refused = |repair| world.plan(&check(repair)).unwrap_err();
        world.pools.break_filesystem(&name).unwrap();
        let is_btrfs = filesystem == Filesystem::Btrfs;
        let code = match is_btrfs {
            true => "pool_forced_read_only",
            false => "check_needs_unmount",
        };
        assert_eq!(refused(true).code(), code);
        assert!(refused(true).hint().is_some());
        world.run(&of(unmount));
        if is_btrfs {
            assert_eq!(refused(true).code(), "no_safe_repair");
            assert!(refused(true).hint().is_some());
        }

        let look_over = |repair| {
            let plan = world.plan(&check(repair)).unwrap();
            let went_over = world.pools.check(&plan.steps[0], &|| true).unwrap();
            assert!(plan.steps[0].pool().is_some() && !went_over.said.is_empty());
            // What is damaged beyond repair is cut off; btrfs leaves it as it is.
            assert_eq!(plan.needs_confirmation(), repair && !is_btrfs);
            (plan.steps, went_over.outcome)
        };
        let (steps, outcome) = look_over(false);
        assert_eq!(outcome, Outcome::Errors);
        let stopped = execute(&world.pools, &steps).unwrap_err();
        assert!(matches!(stopped.cause, BackendError::HasErrors(_)));

        if is_btrfs {
            world.run(&of(mount));
            assert_eq!(look_over(false).1, Outcome::Errors);
        }
        let (steps, outcome) = look_over(true);
        assert_eq!(outcome, Outcome::Mended);
        execute(&world.pools, &steps).unwrap();
        assert_eq!(look_over(false).1, Outcome::Clean);
        world.run(&of(mount));
        assert_eq!(standing(), Standing::Mounted);
    }
}

#[test]
fn each_kind_is_gone_over_by_its_own_program() {
    let said = |filesystem, is_mounted: bool, repair| {
        let world = World::new();
        world.run(&world.create("tank", "A", filesystem));
        if !is_mounted {
            world.run(&of(unmount));
        }
        let steps = world.plan(&check(repair)).unwrap().steps;
        let all = steps.iter().map(|it| argv(it).unwrap().unwrap().words());
        let all = all.map(|it| it[..it.len() - 1].join(" "));
        all.collect::<Vec<_>>().join("; ")
    };
    use Filesystem::{Btrfs, Ext4, Xfs};
    assert_eq!(said(Ext4, false, false), "e2fsck -f -n");
    assert_eq!(said(Ext4, false, true), "e2fsck -f -y");
    assert_eq!(said(Xfs, false, false), "xfs_repair -n");
    assert_eq!(said(Xfs, false, true), "xfs_repair -e");
    assert_eq!(said(Btrfs, false, false), "btrfs check --readonly");
    assert_eq!(said(Btrfs, true, false), "btrfs scrub start -B -R -r");
    assert_eq!(
        said(Btrfs, true, true),
        "btrfs scrub start -B -R; btrfs device stats -z"
    );
}
