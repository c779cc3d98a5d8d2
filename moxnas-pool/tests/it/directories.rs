//! Pools that are a folder of the host.

use std::{fs, os::unix::fs::symlink, sync::Arc};

use moxnas_core::{
    cmd::SystemRunner,
    disk::BlockDevices,
    plan::{Plan, fail_at},
    root::Root,
    sim::Fault,
    units::Bytes,
};
use moxnas_pool::{
    backend::{BackendError, PoolBackend, execute},
    dataset::{self, Account, Attributes, Change as Wish, Compression, Contents, CreateDataset},
    directory::{CreateDirectory, FolderPath, Is, Mark},
    model::{Filesystem, Pool, Standing, Verdict},
    plan::{Change, Facts, Refusal, Step, plan},
    real::{SystemPools, argv::argv},
    replica::{self, Replicate, Side},
    sim::WriteError,
};

use crate::world::{GB, World, delete, export, mount, of, unmount};

const FOLDER: &str = "/mnt/data";
const MB: u64 = 1_000_000;

fn path(text: &str) -> FolderPath {
    text.parse().unwrap()
}

/// What the folder is by now goes into the wish.
fn wish(backend: &dyn PoolBackend, name: &str, at: &str) -> Change {
    Change::CreateDirectory(CreateDirectory {
        name: name.parse().unwrap(),
        folder: backend.folder(&path(at)).unwrap(),
    })
}

fn grow(pool: String) -> Change {
    Change::Grow { pool }
}

fn check(pool: String) -> Change {
    Change::Check {
        pool,
        repair: false,
    }
}

struct Host(World);

impl Host {
    /// A host that gives a folder of 1 GB on zfs.
    fn new() -> Host {
        let world = World::new();
        world.pools.give_folder(&path(FOLDER), "zfs", Bytes(GB));
        Host(world)
    }

    fn with_tank() -> Host {
        let host = Host::new();
        host.0.run(&host.create());
        host
    }

    fn create(&self) -> Change {
        wish(&self.0.pools, "tank", FOLDER)
    }

    fn pool(&self) -> Pool {
        let (_, pools) = self.0.look();
        assert_eq!(pools.errors, [""; 0]);
        pools.find("tank").unwrap().clone()
    }

    fn contents(&self) -> Contents {
        self.0.pools.contents(&self.pool()).unwrap()
    }

    fn verdict(&self) -> Verdict {
        self.pool().judge_with(Some(&self.contents()))
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

    fn write(&self, dataset: &str, file: &str, mb: u64) -> Result<(), WriteError> {
        let pool = "tank".parse().unwrap();
        self.0.pools.write(&pool, dataset, file, Bytes(mb * MB))
    }
}

fn dataset(name: &str, quota: Option<u64>) -> Wish {
    Wish::Create(CreateDataset {
        name: name.parse().unwrap(),
        quota: quota.map(Bytes),
        filesystem: None,
    })
}

fn shown(plan: &Plan<Step>) -> Vec<String> {
    plan.steps.iter().map(ToString::to_string).collect()
}

#[test]
fn a_folder_becomes_a_pool_without_a_command() {
    let host = Host::new();
    let plan = host.0.plan(&host.create()).unwrap();
    assert_eq!(
        shown(&plan),
        [
            "mark the folder /mnt/data as a pool, by .moxnas-pool",
            "write down that pool tank is the folder /mnt/data",
            "let /srv/tank lead to /mnt/data",
        ]
    );
    assert!(plan.steps.iter().all(|it| argv(it).unwrap().is_none()));
    assert!(plan.dangers.is_empty(), "{plan:?}");
    host.0.run(&host.create());
    let export = host.0.plan(&of(export)).unwrap();
    assert_eq!(
        shown(&export),
        [
            "let /srv/tank lead to /mnt/data no more",
            "remove what is written down of pool tank",
        ]
    );
}

#[test]
fn a_folder_of_the_host_lives_and_is_forgotten() {
    let host = Host::with_tank();
    assert_eq!(host.verdict().standing, Standing::Mounted);
    assert_eq!(host.verdict().reasons, [""; 0]);
    let (pool, uuid) = (host.pool(), host.pool().uuid);
    assert_eq!((pool.at.as_str(), pool.device), ("/srv/tank", None));

    host.run(&dataset("data", None));
    host.write("data", "file", 10).unwrap();
    assert_eq!(host.write("data", "more", 991), Err(WriteError::Full));
    let contents = host.contents();
    assert_eq!(contents.space.size, Bytes(GB));
    assert_eq!(contents.space.used, Bytes(10 * MB));
    let data = contents.dataset("data").unwrap();
    // Nobody counted it: nothing is said.
    assert_eq!((data.quota, data.usage), (None, None));

    host.0.machine.reboot();
    assert_eq!(host.verdict().standing, Standing::Mounted);
    host.run(&Wish::Rename {
        dataset: "data".to_owned(),
        to: "films".parse().unwrap(),
    });
    let plan = host
        .plan(&Wish::Delete {
            dataset: "films".to_owned(),
        })
        .unwrap();
    assert_eq!(plan.dangers.len(), 1, "{plan:?}");

    host.0.run(&of(export));
    assert!(host.0.look().1.find("tank").is_none());
    host.0.run(&host.create());
    assert_eq!(host.pool().uuid, uuid);
    let files = host.0.pools.files(&"tank".parse().unwrap(), "films");
    assert_eq!(files.unwrap().len(), 1);
    execute(&host.0.pools, &plan.steps).unwrap();
    assert_eq!(host.contents().datasets, []);
}

/// The mount point is there, and it is empty.
#[test]
fn what_the_host_has_not_mounted_is_missing_and_never_well() {
    let host = Host::with_tank();
    host.run(&dataset("data", None));
    host.0.pools.take_folder(&path(FOLDER));
    let verdict = host.pool().judge();
    assert_eq!(verdict.standing, Standing::Missing);
    assert!(verdict.reasons[0].contains("the host has not given it"));
    let refused = host.0.plan(&of(mount)).unwrap_err();
    assert_eq!(refused.code(), "folder_not_given");
    assert!(refused.hint().unwrap().contains("pct config"));
    assert_eq!(host.write("data", "file", 1), Err(WriteError::NotFound));
    // It can be forgotten all the same, and comes back whole.
    host.0.pools.give_folder(&path(FOLDER), "zfs", Bytes(GB));
    assert_eq!(host.verdict().standing, Standing::Mounted);
    assert_eq!(host.contents().datasets.len(), 1);
    host.0.pools.take_folder(&path(FOLDER));
    host.0.run(&of(export));
    assert!(host.0.look().1.find("tank").is_none());
}

#[test]
fn another_folder_in_its_place_is_told_by_its_mark_and_left_alone() {
    let host = Host::with_tank();
    host.run(&dataset("data", None));
    host.0.pools.give_another_folder(&path(FOLDER));
    // The kernel cannot tell; until the folder is asked nothing better is said than that.
    let unasked = host.pool().judge_with(None);
    assert!(unasked.reasons[0].contains("not known"), "{unasked:?}");
    assert_eq!(host.contents().directory, Some(Mark::None));
    assert_eq!(host.contents().datasets, []);
    assert_eq!(host.verdict().standing, Standing::Missing);
    let refused = host.plan(&dataset("new", None)).unwrap_err();
    assert_eq!(refused.code(), "folder_not_itself");
    assert!(refused.hint().unwrap().contains("export tank"));
}

#[test]
fn what_only_the_host_can_do_is_refused_with_how() {
    let host = Host::with_tank();
    host.run(&dataset("data", None));
    for (change, code) in [
        (of(unmount), "host_mounts"),
        (of(grow), "host_grows"),
        (of(check), "host_checks"),
        (of(delete), "host_deletes"),
    ] {
        let refused = host.0.plan(&change).unwrap_err();
        assert_eq!(refused.code(), code);
        assert!(!refused.hint().unwrap().is_empty());
    }
    assert_eq!(host.0.plan(&of(mount)).unwrap().steps, []);
    let data = || "data".to_owned();
    for (wish, code) in [
        (dataset("new", Some(MB)), "host_limits"),
        (
            Wish::SetQuota {
                dataset: data(),
                quota: Some(Bytes(MB)),
            },
            "host_limits",
        ),
        (
            Wish::TakeSnapshot {
                dataset: data(),
                snapshot: "monday".parse().unwrap(),
            },
            "host_snapshots",
        ),
        (
            Wish::Rollback {
                dataset: data(),
                snapshot: "monday".to_owned(),
            },
            "host_snapshots",
        ),
        (dataset("data", None), "dataset_name_taken"),
    ] {
        let refused = host.plan(&wish).unwrap_err();
        assert_eq!(refused.code(), code, "{wish:?}");
        assert!(refused.hint().is_some());
    }
    let none = Wish::SetQuota {
        dataset: data(),
        quota: None,
    };
    assert_eq!(host.plan(&none).unwrap().steps, []);

    host.0.pools.give_read_only(&path(FOLDER));
    assert_eq!(host.pool().judge().standing, Standing::ReadOnly);
    let refused = host.plan(&dataset("new", None)).unwrap_err();
    assert_eq!(refused.code(), "host_read_only");
}

#[test]
fn not_every_folder_becomes_a_pool() {
    let host = Host::new();
    let world = &host.0;
    world.run(&world.create("disk", "A", Filesystem::Xfs));
    for at in ["/mnt/ro", "/mnt/two", "/srv/disk/in", "/srv/own"] {
        world.pools.give_folder(&path(at), "nfs4", Bytes(GB));
    }
    world.pools.give_read_only(&path("/mnt/ro"));
    world.run(&host.create());
    let code = |name: &str, at: &str| -> Result<(), &'static str> {
        let plan = world.plan(&wish(&world.pools, name, at));
        plan.map(drop).map_err(|refused: Refusal| {
            assert!(refused.hint().is_some(), "{refused}");
            refused.code()
        })
    };
    assert_eq!(code("x", "/mnt/none"), Err("folder_not_found"));
    assert_eq!(code("x", "/etc"), Err("system_folder"));
    assert_eq!(code("x", "/"), Err("system_folder"));
    assert_eq!(code("x", "/srv"), Err("system_folder"));
    assert_eq!(code("x", "/mnt/ro"), Err("host_read_only"));
    assert_eq!(code("x", "/srv/disk/in"), Err("folder_overlaps_pool"));
    // Above a pool that is a folder.
    assert_eq!(code("x", "/mnt"), Err("folder_overlaps_pool"));
    assert_eq!(code("x", FOLDER), Err("is_pool_already"));
    assert_eq!(code("disk", "/mnt/two"), Err("pool_name_taken"));
    assert_eq!(code("x", "/mnt/two"), Ok(()));

    // The place of the pool may be the folder itself: then there is no link.
    world.run(&wish(&world.pools, "own", "/srv/own"));
    let (_, pools) = world.look();
    assert_eq!(
        pools.find("own").unwrap().judge().standing,
        Standing::Mounted
    );
    assert!(!world.machine.state().files.contains_key("/srv/own"));
}

/// Out of a folder and into one files are copied, and compared.
#[test]
fn what_is_in_a_folder_can_be_had_in_another_pool() {
    let host = Host::with_tank();
    host.run(&dataset("data", None));
    host.write("data", "file", 10).unwrap();
    let world = &host.0;
    world.run(&world.create("backup", "A", Filesystem::Xfs));
    for (from, to, name) in [("tank", "backup", "data"), ("backup", "tank", "back")] {
        let (_, pools) = world.look();
        let [one, other] = [from, to].map(|it| pools.find(it).unwrap());
        let [of, into] = [one, other].map(|it| world.pools.contents(it).unwrap());
        let side = |pool, contents| Side { pool, contents };
        let wish = Replicate {
            dataset: "data".to_owned(),
            to: Some(name.parse().unwrap()),
            compare: false,
            target: None,
        };
        let plan = replica::plan(side(one, &of), side(other, &into), &wish).unwrap();
        assert!(
            plan.warnings
                .iter()
                .any(|it| it.contains("has no snapshots")),
            "{plan:?}"
        );
        execute(&world.pools, &plan.steps).unwrap();
    }
    let files = |place| world.pools.files(&"tank".parse().unwrap(), place);
    assert_eq!(files("back"), files("data"));
}

/// Whatever step fails or is cut off, trying again ends where the first try would have, or says what
/// does.
#[test]
fn a_failure_at_any_step_is_healed_by_trying_again() {
    type Prepare = fn() -> Host;
    type Named = (Prepare, fn(&Host) -> Change);
    let changes: [Named; 2] = [(Host::new, Host::create), (Host::with_tank, |_| of(export))];
    for (prepare, change) in changes {
        let host = prepare();
        let steps = host.0.plan(&change(&host)).unwrap().steps;
        host.0.run(&change(&host));
        let outcome = |host: &Host| {
            let (_, pools) = host.0.look();
            let all = pools.all.iter().map(|it| (it.name.to_string(), it.judge()));
            (all.collect::<Vec<_>>(), pools.errors)
        };
        let expected = outcome(&host);
        for (at, cut) in (0..steps.len()).flat_map(|it| [(it, false), (it, true)]) {
            let host = prepare();
            let pools = &host.0.pools;
            let done = if cut {
                let matching = steps[at].to_string();
                host.0.machine.inject(Fault::PowerCut { matching });
                execute(pools, &steps).unwrap_err().done
            } else {
                let injected = || BackendError::Injected("told to".to_owned());
                let step = fail_at(at, injected, |it: &Step| pools.apply(it));
                moxnas_core::plan::execute(&steps, step).unwrap_err().done
            };
            assert_eq!(done, at);
            match host.0.plan(&change(&host)) {
                Ok(plan) => execute(pools, &plan.steps).unwrap(),
                Err(refused) => {
                    let hint = refused.hint().unwrap();
                    assert!(hint.contains("pool mount tank"), "{refused}: {hint}");
                    host.0.run(&of(mount));
                }
            }
            assert_eq!(outcome(&host), expected, "stopped at {at}");
        }
    }
}

#[test]
fn a_step_does_not_trust_what_the_plan_was_made_on() {
    let host = Host::new();
    let steps = host.0.plan(&host.create()).unwrap().steps;
    host.0.pools.apply(&steps[0]).unwrap();
    // The host takes it away between two steps.
    host.0.pools.take_folder(&path(FOLDER));
    let err = host.0.pools.apply(&steps[1]).unwrap_err();
    assert!(matches!(err, BackendError::NotThatFolder { .. }), "{err}");
    assert!(err.hint().is_some());
    assert!(host.0.look().1.find("tank").is_none());
}

/// The real thing, in a folder of its own: it needs no program and no rights.
#[test]
fn real_folders_are_marked_linked_and_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let at = |it: &str| dir.path().join(it.trim_start_matches('/'));
    for folder in [
        "proc/self",
        "proc/sys/kernel/random",
        "mnt/data/films",
        "srv",
        "mnt/other",
    ] {
        fs::create_dir_all(at(folder)).unwrap();
    }
    let mounts = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n";
    let with = format!("{mounts}31 27 0:34 / /mnt/data rw - zfs rpool/data rw\n");
    fs::write(at("proc/self/mountinfo"), &with).unwrap();
    fs::write(
        at("proc/sys/kernel/random/uuid"),
        "0f3c7a54-7d3e-4d9a-9d8e-0a6b6b0c1d2e\n",
    )
    .unwrap();
    fs::write(at("mnt/data/file"), "x").unwrap();
    symlink("/mnt/data", at("mnt/link")).unwrap();

    let pools = SystemPools::new(Root::fixture(dir.path()), Arc::new(SystemRunner));
    let devices = BlockDevices::default();
    let run = |change: &Change| {
        let seen = pools.observe(&devices).unwrap();
        let facts = Facts {
            devices: &devices,
            pools: &seen,
        };
        let plan = plan(facts, change).unwrap();
        execute(&pools, &plan.steps).map_err(|err| err.cause)
    };
    let is = |it: &str| pools.folder(&path(it)).unwrap().is;
    assert_eq!(is("/mnt/none"), Is::Nothing);
    assert_eq!(is("/mnt/data/file"), Is::Other);
    assert_eq!(is("/mnt/data/file/in"), Is::Nothing);

    // Somebody's folder is at the place of the pool: nothing was done.
    fs::create_dir_all(at("srv/tank/full")).unwrap();
    let taken = run(&wish(&pools, "tank", FOLDER)).unwrap_err();
    assert!(matches!(taken, BackendError::PlaceTaken { .. }), "{taken}");
    assert!(!at("mnt/data/.moxnas-pool").exists());
    fs::remove_dir(at("srv/tank/full")).unwrap();

    run(&wish(&pools, "tank", FOLDER)).unwrap();
    assert_eq!(
        fs::read_link(at("srv/tank")).unwrap().to_str(),
        Some(FOLDER)
    );
    let look = || pools.observe(&devices).unwrap();
    let tank = look().find("tank").unwrap().clone();
    let contents = pools.contents(&tank).unwrap();
    assert_eq!(tank.judge_with(Some(&contents)).standing, Standing::Mounted);
    assert_eq!(contents.datasets.len(), 1);
    assert_eq!(contents.others, ["file"]);
    assert!(contents.space.size > Bytes(0));
    let make = dataset::plan(&tank, &contents, &dataset("music", None)).unwrap();
    let inside = |step| Step::Inside {
        pool: tank.name.clone(),
        step,
    };
    // The link leads out of the fixture: what is in it is made at the folder itself on a real machine.
    assert_eq!(
        shown(&make.map(inside)),
        ["in pool tank: make the folder music"]
    );

    // The host does not mount it: the kernel says so.
    fs::write(at("proc/self/mountinfo"), mounts).unwrap();
    assert_eq!(
        look().find("tank").unwrap().judge().standing,
        Standing::Missing
    );
    fs::write(at("proc/self/mountinfo"), &with).unwrap();
    // Another one is mounted there: the folder says so.
    fs::rename(at("mnt/data"), at("mnt/kept")).unwrap();
    fs::rename(at("mnt/other"), at("mnt/data")).unwrap();
    let contents = pools.contents(&tank).unwrap();
    assert_eq!(contents.directory, Some(Mark::None));
    fs::write(at("mnt/data/.moxnas-pool"), "UUID=1-2\n").unwrap();
    let contents = pools.contents(&tank).unwrap();
    assert_eq!(
        tank.judge_with(Some(&contents)).standing,
        Standing::Confused
    );
    fs::rename(at("mnt/data"), at("mnt/other")).unwrap();
    fs::rename(at("mnt/kept"), at("mnt/data")).unwrap();

    fs::remove_file(at("srv/tank")).unwrap();
    assert_eq!(
        look().find("tank").unwrap().judge().standing,
        Standing::Unmounted
    );
    run(&of(mount)).unwrap();
    assert_eq!(
        look().find("tank").unwrap().judge().standing,
        Standing::Mounted
    );

    // What is damaged is said, and nothing is made up.
    fs::write(at("etc/moxnas/pools/other.directory"), "Path=/mnt").unwrap();
    assert!(
        look().errors[0].contains("other.directory"),
        "{:?}",
        look().errors
    );
    assert_eq!(look().all.len(), 1);

    run(&of(export)).unwrap();
    assert!(!at("srv/tank").exists() && at("mnt/data/film").parent().unwrap().exists());
    assert_eq!(pools.folder(&path(FOLDER)).unwrap().mark, Some(tank.uuid));
}

/// Owners and modes are those of any folder; what only the host can do is refused with how.
#[test]
fn folders_of_the_host_belong_to_somebody() {
    let host = Host::with_tank();
    let said = Attributes::<Account> {
        owner: Some(Account {
            id: 1000,
            name: None,
        }),
        mode: Some(0o2770),
        ..Attributes::default()
    };
    let create = CreateDataset {
        name: "data".parse().unwrap(),
        quota: None,
        filesystem: None,
    };
    let wish = Wish::CreateWith {
        wish: create,
        attributes: said.clone(),
    };
    let steps = dataset::plan(&host.pool(), &host.contents(), &wish).unwrap();
    for step in steps.steps {
        let pool = "tank".parse().unwrap();
        let step = Step::Inside { pool, step };
        host.0.pools.apply(&step).unwrap();
    }
    let made = host.contents();
    let folder = made.dataset("data").unwrap().folder.clone().unwrap();
    assert_eq!(folder.owner.user.id, 1000);
    assert_eq!(said.differs(&folder), None, "{folder:?}");
    let refused = |attributes: Attributes<Account>| {
        let dataset = "data".to_owned();
        let wish = Wish::Set {
            dataset,
            attributes,
        };
        let refusal = dataset::plan(&host.pool(), &host.contents(), &wish).unwrap_err();
        assert!(
            refusal.hint().is_some_and(|it| it.contains("host")),
            "{refusal}"
        );
        refusal.code()
    };
    let soft = Attributes {
        soft_quota: Some(Some(Bytes(MB))),
        ..Attributes::default()
    };
    assert_eq!(refused(soft), "host_limits");
    let compressed = Attributes {
        compression: Some(Some(Compression::Zstd)),
        ..Attributes::default()
    };
    assert_eq!(refused(compressed), "host_compresses");
}
