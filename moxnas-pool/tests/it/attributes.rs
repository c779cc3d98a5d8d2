//! What is said of the folder of a dataset, on each kind of pool.

use moxnas_core::{plan::Plan, units::Bytes};
use moxnas_pool::{
    backend::{PoolBackend, execute},
    dataset::{
        Account, AccountKind, Attributes, Change, Compression, Counting, Folder, Refusal, Who, plan,
    },
    lvm::Kind,
    model::Filesystem,
    plan::{Change as PoolChange, CreatePool, Step},
    real::argv::argv,
};

use crate::{
    datasets::{MB, Tank, create, inside, rename, snapshot},
    world::{World, of, unmount},
};

/// A pool of each kind, with a dataset `data`.
fn each() -> Vec<(&'static str, Tank)> {
    let thin = World::new();
    thin.run(&PoolChange::Create(CreatePool {
        name: "tank".parse().unwrap(),
        device: thin.id("A"),
        filesystem: Filesystem::Ext4,
        thin: true,
        options: Vec::new(),
    }));
    let all = vec![
        ("btrfs", Tank::of(Filesystem::Btrfs)),
        ("ext4", Tank::of(Filesystem::Ext4)),
        ("xfs", Tank::of(Filesystem::Xfs)),
        ("thin", Tank(thin)),
    ];
    for (_, tank) in &all {
        tank.run(&create("data", Some(200 * MB)));
    }
    all
}

fn wish() -> Attributes<Who> {
    let entries = ["user:ben:r-x", "default:group:1234:rwx"];
    Attributes {
        owner: Some("anna".parse().unwrap()),
        group: Some("family".parse().unwrap()),
        mode: Some(0o2770),
        acl: Some(entries.iter().map(|it| it.parse().unwrap()).collect()),
        compression: None,
        soft_quota: Some(Some(Bytes(50 * MB))),
    }
}

fn known(tank: &Tank, wish: Attributes<Who>) -> Result<Attributes<Account>, Refusal> {
    wish.of(&mut |kind, who| match who {
        Who::Id(id) => Ok(Account { id, name: None }),
        Who::Name(name) => match tank.0.pools.account(kind, &name).unwrap() {
            Some(id) => Ok(Account {
                id,
                name: Some(name.to_string()),
            }),
            None => Err(Refusal::NoSuchAccount { kind, name }),
        },
    })
}

fn set(tank: &Tank, wish: Attributes<Who>) -> Change {
    Change::Set {
        dataset: "data".to_owned(),
        attributes: known(tank, wish).unwrap(),
    }
}

fn folder(tank: &Tank, dataset: &str) -> Folder {
    let contents = tank.contents();
    contents.dataset(dataset).unwrap().folder.clone().unwrap()
}

fn steps(plan: &Plan<Step>) -> Vec<String> {
    plan.steps.iter().map(ToString::to_string).collect()
}

#[test]
fn a_plan_says_what_is_and_what_is_to_be() {
    for (kind, tank) in each() {
        let plan = tank.plan(&set(&tank, wish())).unwrap();
        let shown = [
            "let the folder of data belong to user anna (1001), group family (1100), until now user \
             root (0), group root (0)",
            "let 2770 user:ben:r-x default:user::rwx default:group::rwx default:other::--- \
             default:group:1234:rwx hold for data, until now 0755",
            "let the soft quota of data be 50.0 MB, until now none",
        ];
        let said = steps(&plan);
        for (said, shown) in said.iter().zip(shown) {
            assert!(said.ends_with(shown), "{kind}: {said}");
        }
        assert_eq!(said.len(), shown.len(), "{kind}");
        assert!(plan.warnings[0].contains("stays as it is"), "{plan:?}");
        // No program has a hand in it.
        assert!(plan.steps.iter().all(|it| argv(it).unwrap().is_none()));

        tank.run(&set(&tank, wish()));
        let seen = folder(&tank, "data");
        assert_eq!(known(&tank, wish()).unwrap().differs(&seen), None, "{kind}");
        assert_eq!(seen.access.mode(), 0o2770);
        assert_eq!(tank.plan(&set(&tank, wish())).unwrap().steps, []);

        // What is not said of it stays.
        let other = Attributes {
            group: Some(Who::Id(4711)),
            ..Attributes::default()
        };
        tank.run(&set(&tank, other));
        let now = folder(&tank, "data");
        assert_eq!((now.owner.user.id, now.owner.group.id), (1001, 4711));
        assert_eq!((now.access, now.soft_quota), (seen.access, seen.soft_quota));
        let closed = Attributes {
            acl: Some(Vec::new()),
            soft_quota: Some(None),
            ..Attributes::default()
        };
        tank.run(&set(&tank, closed));
        let now = folder(&tank, "data");
        assert_eq!(now.access.entries(&now.names), [""; 0]);
        assert_eq!((now.access.mode(), now.soft_quota), (0o2770, None));
    }
}

#[test]
fn a_dataset_is_made_with_all_that_is_said_of_it() {
    for (kind, tank) in each() {
        let Change::Create(wished) = create("new", Some(100 * MB)) else {
            panic!("it makes one");
        };
        let change = Change::CreateWith {
            wish: wished,
            attributes: known(&tank, wish()).unwrap(),
        };
        let made = tank.plan(&change).unwrap();
        tank.run(&change);
        let seen = folder(&tank, "new");
        assert_eq!(known(&tank, wish()).unwrap().differs(&seen), None, "{kind}");
        assert_eq!(tank.refused(&change), "dataset_name_taken");

        // Stopped at any step: it is made anew, or what is missing is said of it.
        for at in 0..made.steps.len() {
            let (_, tank) = each().into_iter().find(|it| it.0 == kind).unwrap();
            tank.stop_at(&made.steps, at, at % 2 == 1);
            match tank.plan(&change) {
                Ok(plan) => execute(&tank.0.pools, &plan.steps).unwrap(),
                Err(refusal) => {
                    assert!(refusal.hint().is_some(), "{kind} at {at}");
                    let is_mounted = match &tank.0.look().1.find("tank").unwrap().kind {
                        Kind::Thin(thin) => thin.is_mounted("new"),
                        Kind::Filesystem | Kind::Devices(_) | Kind::Directory(_) => true,
                    };
                    if is_mounted {
                        let again = Change::Set {
                            dataset: "new".to_owned(),
                            attributes: known(&tank, wish()).unwrap(),
                        };
                        tank.run(&again);
                        let now = folder(&tank, "new");
                        assert_eq!(known(&tank, wish()).unwrap().differs(&now), None);
                    } else {
                        assert_eq!(refusal.code(), "dataset_not_mounted", "{kind} at {at}");
                    }
                }
            }
        }
    }
}

#[test]
fn whatever_step_fails_the_same_again_ends_it() {
    for kind in 0..4 {
        let pick = || each().swap_remove(kind).1;
        let steps = pick().plan(&set(&pick(), wish())).unwrap().steps;
        for (at, cut) in (0..steps.len()).flat_map(|it| [(it, false), (it, true)]) {
            let tank = pick();
            tank.stop_at(&steps, at, cut);
            let change = set(&tank, wish());
            tank.run(&change);
            assert_eq!(tank.plan(&change).unwrap().steps, [], "{at}");
        }
    }
}

#[test]
fn all_of_it_goes_with_the_dataset() {
    for (kind, tank) in each() {
        tank.run(&set(&tank, wish()));
        let before = folder(&tank, "data");
        if kind != "thin" {
            tank.run(&rename("films"));
            assert_eq!(folder(&tank, "films"), before, "{kind}");
            tank.run(&Change::Rename {
                dataset: "films".to_owned(),
                to: "data".parse().unwrap(),
            });
        }
        if matches!(kind, "btrfs" | "thin") {
            tank.run(&snapshot("data", "monday"));
            let other = Attributes {
                mode: Some(0o700),
                soft_quota: Some(None),
                ..Attributes::default()
            };
            tank.run(&set(&tank, other));
            assert_ne!(folder(&tank, "data"), before);
            tank.run(&Change::Rollback {
                dataset: "data".to_owned(),
                snapshot: "monday".to_owned(),
            });
            assert_eq!(folder(&tank, "data"), before, "{kind}");
        }
        tank.0.machine.reboot();
        assert_eq!(folder(&tank, "data"), before, "{kind}");
    }
}

#[test]
fn whoever_takes_more_than_the_soft_quota_is_told_of() {
    for (kind, tank) in each() {
        tank.run(&set(&tank, wish()));
        let told = || {
            let (_, pools) = tank.0.look();
            let verdict = pools
                .find("tank")
                .unwrap()
                .judge_with(Some(&tank.contents()));
            verdict.reasons
        };
        tank.write("data", "file", 50).unwrap();
        assert_eq!(told(), [""; 0], "{kind}");
        // It refuses nothing.
        tank.write("data", "more", 1).unwrap();
        let reasons = told();
        assert_eq!(
            reasons,
            ["dataset data takes 51.0 MB, which is more than its soft quota of 50.0 MB"],
            "{kind}"
        );
        assert_eq!(tank.contents().dataset("data").unwrap().reasons(), reasons);
        if kind == "btrfs" {
            let mut contents = tank.contents();
            contents.counting = Counting::Off;
            contents.datasets[0].usage = None;
            let reasons = contents.datasets[0].reasons();
            assert!(reasons[0].contains("nobody has counted"), "{reasons:?}");
        }
    }
}

/// On a btrfs that does not count yet, counting comes first.
#[test]
fn what_is_told_of_is_counted() {
    let tank = Tank::of(Filesystem::Btrfs);
    tank.run(&create("data", None));
    let mut contents = tank.contents();
    contents.counting = Counting::Off;
    let (_, pools) = tank.0.look();
    let planned = plan(pools.find("tank").unwrap(), &contents, &set(&tank, wish())).unwrap();
    assert!(planned.steps[0].to_string().starts_with("count"));
}

#[test]
fn only_btrfs_compresses() {
    for (kind, tank) in each() {
        let compress = |to| {
            let wish = Attributes {
                compression: Some(to),
                ..Attributes::default()
            };
            set(&tank, wish)
        };
        if kind != "btrfs" {
            assert_eq!(
                tank.refused(&compress(Some(Compression::Zstd))),
                "compression_not_offered"
            );
            assert_eq!(tank.plan(&compress(None)).unwrap().steps, [], "{kind}");
            continue;
        }
        for to in [Some(Compression::Zstd), Some(Compression::None), None] {
            let plan = tank.plan(&compress(to)).unwrap();
            assert!(plan.warnings[0].contains("from now on"), "{plan:?}");
            tank.run(&compress(to));
            assert_eq!(folder(&tank, "data").compression, to);
        }
    }
}

#[test]
fn each_refusal_has_a_code_and_a_hint() {
    for (kind, tank) in each() {
        let nobody = Attributes {
            owner: Some("nobody-there".parse().unwrap()),
            ..Attributes::default()
        };
        let refusal = known(&tank, nobody).unwrap_err();
        assert_eq!(refusal.code(), "account_not_found");
        assert!(refusal.hint().unwrap().contains("getent passwd"));
        let unknown = Refusal::AccountNotKnown {
            kind: AccountKind::Group,
            name: "family".parse().unwrap(),
            why: "it does not answer".to_owned(),
        };
        assert!(unknown.hint().unwrap().contains("number"));

        let none = Change::Set {
            dataset: "none".to_owned(),
            attributes: known(&tank, wish()).unwrap(),
        };
        assert_eq!(tank.refused(&none), "dataset_not_found");

        let (_, pools) = tank.0.look();
        let mut pool = pools.find("tank").unwrap().clone();
        pool.options.push("noacl".to_owned());
        let contents = tank.0.pools.contents(&pool).unwrap();
        let change = set(&tank, wish());
        let refusal = plan(&pool, &contents, &change).unwrap_err();
        assert_eq!(refusal.code(), "acl_not_offered", "{kind}");
        let mode = Attributes {
            mode: Some(0o700),
            ..Attributes::default()
        };
        assert!(plan(&pool, &contents, &set(&tank, mode)).is_ok(), "{kind}");

        let mut contents = contents;
        contents.datasets[0].folder = None;
        let refusal = plan(&pool, &contents, &change).unwrap_err();
        assert_eq!(refusal.code(), "folder_not_known", "{kind}");
        assert!(refusal.hint().is_some());
        if let Kind::Thin(thin) = &mut pool.kind {
            thin.datasets[0].is_mounted = false;
            let refusal = plan(&pool, &contents, &change).unwrap_err();
            assert_eq!(refusal.code(), "dataset_not_mounted");
            let contents = tank.0.pools.contents(&pool).unwrap();
            assert_eq!(contents.datasets[0].folder, None);
        }
        tank.0.run(&of(unmount));
        let refusal = plan(tank.0.look().1.find("tank").unwrap(), &contents, &change);
        assert_eq!(refusal.unwrap_err().code(), "pool_not_mounted");
    }
}

/// A step that nobody could do says so.
#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let (_, tank) = each().swap_remove(0);
    let step = moxnas_pool::dataset::Step::SetSoftQuota {
        dataset: "none".parse().unwrap(),
        from: None,
        to: None,
    };
    assert!(tank.0.pools.apply(&inside(&step)).is_err());
}
