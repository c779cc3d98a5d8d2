//! An array and the pool on it as one change: one plan, and no way out of it that leads nowhere.

use std::sync::Arc;

use moxnas_app::{
    App, Error,
    machine::{AppStep, Machine},
    operation::{Change, Terms},
    ops::{
        arrays::{ArrayCreate, ArrayDelete},
        pools::{Base, PoolCreate, PoolDelete, PoolExport, PoolImport},
        simulation::{SimFault, Trouble},
    },
    report::PlanReport,
};
use moxnas_core::{
    disk::{DeviceId, Signature},
    plan::Fingerprint,
    sim::{DiskSpec, Fault},
};
use moxnas_pool::model::{Filesystem, Standing};
use moxnas_raid::{Inventory, Level, Metadata, SimRaid, Step};

use crate::{
    expected::make,
    jobs::{Box_, actor},
};

/// The disks A to E, and another array on two more.
async fn bench() -> Box_ {
    let box_ = Box_::with_arrays(&["other"]).await;
    for serial in ["A", "B", "C", "D", "E"] {
        box_.sim.plug(DiskSpec::hdd(serial, 100 << 30));
    }
    box_.app.look().await.unwrap();
    box_
}

fn mirror() -> ArrayCreate {
    let members = ["A", "B"].map(str::to_owned).to_vec();
    ArrayCreate {
        spares: vec!["C".to_owned()],
        ..ArrayCreate::new("tank".parse().unwrap(), Level::Raid1, members)
    }
}

fn on(base: Base) -> PoolCreate {
    PoolCreate {
        name: "tank".parse().unwrap(),
        base,
        filesystem: Filesystem::Btrfs,
        thin: false,
        options: vec!["noatime".parse().unwrap()],
    }
}

fn wish() -> PoolCreate {
    on(Base::Array(mirror()))
}

async fn planned(app: &Arc<App>, change: &PoolCreate) -> PlanReport {
    app.plan(&actor(), change).await.unwrap()
}

/// The steps in the words of the faults that strike them.
async fn steps(box_: &Box_) -> Vec<AppStep> {
    let seen = box_.app.look().await.unwrap();
    wish().plan(&seen).unwrap().steps
}

fn words(step: &AppStep) -> String {
    match step {
        // A fault strikes what the backend is told, and that knows the device.
        AppStep::OnNewArray(it) => match &it.step {
            moxnas_pool::plan::Step::WipeSignatures { .. } => {
                "erase all signatures on md-uuid".to_owned()
            }
            moxnas_pool::plan::Step::MakeFilesystem { .. } => {
                "make the filesystem btrfs on md-uuid".to_owned()
            }
            other => other.to_string(),
        },
        other => other.to_string(),
    }
}

/// The pool is on the array of its name, of which nothing is a surprise.
async fn is_there(app: &Arc<App>) {
    let seen = app.look().await.unwrap();
    let pool = seen.pools.find("tank").unwrap();
    assert_eq!(pool.judge().standing, Standing::Mounted);
    assert_eq!(pool.filesystem, Filesystem::Btrfs);
    let array = seen.raid.find("tank").unwrap();
    let node = &seen.raid.devices.get(&array.kernel_name).unwrap().id;
    assert_eq!(pool.device.as_ref(), Some(node));
    let devices: Vec<_> = array.members.iter().map(|it| &it.device).collect();
    assert_eq!(devices.len(), 3);
    for serial in ["A", "B", "C"] {
        assert!(devices.contains(&&seen.device(serial).unwrap()), "{serial}");
    }
    assert!(seen.raid.conf.names(array.uuid.as_ref().unwrap()));
}

/// Nobody but whoever is named in the wish is touched.
async fn others_are_untouched(app: &Arc<App>) {
    let seen = app.look().await.unwrap();
    let other = seen.raid.find("other").unwrap();
    assert!(seen.raid.devices.uses(&other.kernel_name).is_empty());
    for serial in ["D", "E"] {
        let disk = seen.raid.devices.resolve(serial).unwrap();
        assert!(disk.signatures.is_empty(), "{serial}");
        assert!(seen.raid.devices.uses(&disk.name).is_empty(), "{serial}");
    }
}

#[tokio::test]
async fn one_plan_says_all_that_comes() {
    let box_ = bench().await;
    let signature = Trouble::Signature {
        device: "C".to_owned(),
        kind: "xfs".to_owned(),
    };
    box_.app.call(&actor(), SimFault(signature)).await.unwrap();
    let plan = planned(&box_.app, &wish()).await;
    let what: Vec<&str> = plan.steps.iter().map(|it| &*it.what).collect();
    let expected = [
        "erase all signatures on ",
        "create raid1 array tank of 2 devices and 1 spares",
        "name tank in mdadm.conf",
        "erase all signatures on the new array tank",
        "make the filesystem btrfs on the new array tank",
        "write the mount unit of pool tank",
        "mount tank at /srv/tank, now and at each start",
    ];
    assert_eq!(what.len(), expected.len(), "{what:#?}");
    for (is, expected) in what.iter().zip(expected) {
        assert!(is.starts_with(expected), "{is}");
    }
    // Each device once, with what is on it; of the array only what is on its members is lost.
    assert_eq!(plan.dangers.len(), 3, "{:?}", plan.dangers);
    assert!(plan.dangers.iter().any(|it| it.contains("xfs")));
    assert!(!plan.dangers.iter().any(|it| it.contains("new array")));
    assert!(plan.warnings.iter().any(|it| it.contains("btrfs")));
    assert!(
        plan.steps
            .iter()
            .all(|it| it.command.is_some() || !it.files.is_empty())
    );
    assert_eq!(plan.after.len(), 1);
    let seen = box_.app.seen();
    let whole = wish().plan(&seen).unwrap();
    // The evidence is that of each member, and of what the array will be.
    assert_eq!(whole.evidence.len(), 4, "{:?}", whole.evidence);

    let by = actor();
    let change = box_.app.change(&by, wish(), Terms::default());
    let err = change.await.unwrap_err();
    assert!(matches!(err, Error::ConfirmationRequired(_)), "{err}");
    let made = make(&box_.app, wish()).await.unwrap();
    assert_eq!(made.pool.judge().standing, Standing::Mounted);
    is_there(&box_.app).await;
    others_are_untouched(&box_.app).await;
    assert_eq!(box_.app.seen().differences, [], "the array is expected");
    assert_eq!(
        plan.after[0].size_bytes,
        made.pool.size.unwrap().0,
        "as was foretold"
    );

    // Both are there: another is refused, and so is the same.
    let err = make(&box_.app, wish()).await.unwrap_err();
    assert_eq!(err.code(), "pool_name_taken");
}

/// What is agreed to is the whole: other data, other members, another filesystem are other plans.
#[tokio::test]
async fn the_fingerprint_covers_both_parts() {
    let box_ = bench().await;
    let of = |plan: &PlanReport| plan.fingerprint.clone();
    let first = planned(&box_.app, &wish()).await;
    assert_eq!(of(&first), of(&planned(&box_.app, &wish()).await));
    let xfs = PoolCreate {
        filesystem: Filesystem::Xfs,
        ..wish()
    };
    assert_ne!(of(&first), of(&planned(&box_.app, &xfs).await));
    let fewer = on(Base::Array(ArrayCreate {
        spares: Vec::new(),
        ..mirror()
    }));
    assert_ne!(of(&first), of(&planned(&box_.app, &fewer).await));
    let signature = Trouble::Signature {
        device: "A".to_owned(),
        kind: "ext4".to_owned(),
    };
    box_.app.call(&actor(), SimFault(signature)).await.unwrap();
    let confirm: Fingerprint = first.fingerprint.parse().unwrap();
    let terms = Terms {
        confirm: Some(confirm),
        if_match: None,
    };
    let late = box_.app.change(&actor(), wish(), terms).await.unwrap_err();
    assert!(matches!(late, Error::PlanChanged(_)), "{late}");
    assert!(box_.app.seen().raid.find("tank").is_none());
}

#[tokio::test]
async fn what_either_planner_refuses_is_refused_before_anything_is_done() {
    let box_ = bench().await;
    let array = |array: ArrayCreate| on(Base::Array(array));
    let few = array(ArrayCreate {
        level: Level::Raid6,
        ..mirror()
    });
    let used = array(ArrayCreate {
        members: vec!["A".to_owned(), "other1".to_owned()],
        ..mirror()
    });
    let taken = array(ArrayCreate {
        name: "other".parse().unwrap(),
        ..mirror()
    });
    let option = PoolCreate {
        options: vec!["nofail".parse().unwrap()],
        ..wish()
    };
    for (change, code) in [
        (few, "too_few_members"),
        (used, "device_is_member"),
        (taken, "array_name_taken"),
        (option, "bad_mount_option"),
    ] {
        let err = make(&box_.app, change).await.unwrap_err();
        assert_eq!(err.code(), code, "{err}");
        assert!(err.hint().is_some(), "{err}");
    }
    make(&box_.app, on(Base::Device("D".to_owned())))
        .await
        .unwrap();
    let err = make(&box_.app, wish()).await.unwrap_err();
    assert_eq!(err.code(), "pool_name_taken");
    let seen = box_.app.look().await.unwrap();
    assert!(seen.raid.find("tank").is_none());
    assert!(
        seen.raid
            .devices
            .resolve("A")
            .unwrap()
            .signatures
            .is_empty()
    );
}

/// What the mirror needs is too small for some filesystem: that is seen before there is an array.
#[tokio::test]
async fn an_array_that_would_be_too_small_is_not_made() {
    let box_ = bench().await;
    for serial in ["S1", "S2"] {
        box_.sim.plug(DiskSpec::hdd(serial, 200 << 20));
    }
    let members = ["S1", "S2"].map(str::to_owned).to_vec();
    let small = ArrayCreate::new("tank".parse().unwrap(), Level::Raid1, members);
    let change = PoolCreate {
        filesystem: Filesystem::Xfs,
        ..on(Base::Array(small))
    };
    let err = make(&box_.app, change).await.unwrap_err();
    assert_eq!(err.code(), "device_too_small", "{err}");
    assert!(err.to_string().contains("of the new array"), "{err}");
    assert!(box_.app.look().await.unwrap().raid.find("tank").is_none());
}

/// Do it once more, and what is said then: in the end the pool is there.
async fn heal(app: &Arc<App>) {
    let Err(err) = make(app, wish()).await else {
        return;
    };
    assert_eq!(err.code(), "array_not_empty", "{err}");
    let hint = err.hint().unwrap();
    let remedies: Vec<&str> = hint.split('`').skip(1).step_by(2).collect();
    let expected = [
        "moxnas pool import tank --device tank",
        "moxnas pool create tank --device tank --fs btrfs",
    ];
    assert_eq!(remedies, expected);
    let device = "tank".to_owned();
    let import = PoolImport {
        name: "tank".parse().unwrap(),
        device: device.clone(),
        read_only: false,
        options: Vec::new(),
    };
    make(app, import).await.unwrap();
    let pool = "tank".to_owned();
    make(app, PoolDelete { pool }).await.unwrap();
    make(app, on(Base::Device(device))).await.unwrap();
}

/// Whichever step fails, hangs or is cut off with the power, the same command again ends where the
/// first would have, or says what does.
#[tokio::test]
async fn whatever_step_fails_the_same_again_heals_or_says_what_does() {
    let all = steps(&bench().await).await;
    assert_eq!(all.len(), 6);
    for step in &all {
        let matching = || words(step);
        let faults = [
            Fault::StepFails {
                matching: matching(),
            },
            Fault::StepHangs {
                matching: matching(),
            },
            Fault::PowerCut {
                matching: matching(),
            },
        ];
        for fault in faults {
            let was_cut = matches!(fault, Fault::PowerCut { .. });
            let box_ = bench().await;
            box_.sim.inject(fault.clone());
            let err = make(&box_.app, wish()).await.unwrap_err();
            assert_eq!(err.code(), "step_failed", "{fault:?}: {err}");
            if matches!(step, AppStep::OnNewArray(_)) {
                let hint = err.hint().unwrap();
                assert!(hint.contains("array tank stays"), "{fault:?}: {hint}");
            }
            let is_made = !matches!(step, AppStep::Raid(_));
            let seen = box_.app.look().await.unwrap();
            if is_made && !was_cut {
                assert_eq!(seen.differences, [], "{fault:?}: somebody wished for it");
            }
            heal(&box_.app).await;
            is_there(&box_.app).await;
            others_are_untouched(&box_.app).await;
            let told = &box_.app.seen().differences;
            assert!(told.is_empty() || was_cut, "{fault:?}: {told:?}");
        }
    }
}

/// A step that says it was done and was not is found: by a later step, or by the look afterwards.
#[tokio::test]
async fn a_step_that_lies_is_found() {
    for step in steps(&bench().await).await {
        let box_ = bench().await;
        let matching = words(&step);
        let is_wipe = matching.contains("erase all");
        box_.sim.inject(Fault::StepLies {
            matching: matching.clone(),
        });
        match make(&box_.app, wish()).await {
            // There was nothing to erase.
            Ok(_) => assert!(is_wipe, "{matching}"),
            Err(err) => {
                let found = ["step_failed", "not_verified"];
                assert!(found.contains(&err.code()), "{matching}: {err}");
                heal(&box_.app).await;
            }
        }
        is_there(&box_.app).await;
        others_are_untouched(&box_.app).await;
    }
}

/// Somebody puts a filesystem on the array before the same is asked for again.
#[tokio::test]
async fn what_is_on_the_array_by_then_is_not_lost() {
    let box_ = bench().await;
    box_.sim.inject(Fault::StepFails {
        matching: "erase all signatures on md-uuid".to_owned(),
    });
    make(&box_.app, wish()).await.unwrap_err();
    let node = node_of_tank(&box_.app.look().await.unwrap().raid);
    let signature = Signature::new("ext4", "somebody-s");
    box_.sim
        .state()
        .contents_mut(&node)
        .signatures
        .push(signature);
    let err = make(&box_.app, wish()).await.unwrap_err();
    assert_eq!(err.code(), "array_not_empty", "{err}");
    assert!(err.to_string().contains("ext4"), "{err}");
}

/// Where the members were in such an array before, its filesystem comes back with it: that was on
/// the members, and is erased.
#[tokio::test]
async fn what_comes_back_with_the_array_is_erased() {
    let box_ = bench().await;
    let machine = Machine::simulated(&box_.sim, SimRaid::new(Arc::clone(&box_.sim)));
    let plan = wish().plan(&box_.app.look().await.unwrap()).unwrap();
    let node = || node_of_tank(&machine.raid.observe().unwrap());
    for step in &plan.steps {
        machine.apply(step).unwrap();
        if let AppStep::Raid(Step::Create(_)) = step {
            let old = Signature::new("ext4", "of-long-ago");
            let node = node();
            let mut state = box_.sim.state();
            state.contents_mut(&node).signatures.push(old);
        }
    }
    let devices = machine.raid.observe().unwrap().devices;
    let array = devices.by_id(&node()).unwrap();
    let kinds: Vec<&str> = array.signatures.iter().map(|it| &*it.kind).collect();
    assert_eq!(kinds, ["btrfs"]);
    assert_eq!(array.mounts, ["/srv/tank"]);
}

fn node_of_tank(seen: &Inventory) -> DeviceId {
    let array = seen.find("tank").unwrap();
    seen.devices.get(&array.kernel_name).unwrap().id.clone()
}

/// An array of that name, but not that array.
#[tokio::test]
async fn an_array_of_another_shape_is_not_taken() {
    let box_ = bench().await;
    let others = [
        ArrayCreate {
            members: vec!["A".to_owned(), "D".to_owned()],
            ..mirror()
        },
        ArrayCreate {
            members: vec!["A".to_owned(), "B".to_owned(), "C".to_owned()],
            spares: Vec::new(),
            ..mirror()
        },
        ArrayCreate {
            metadata: Metadata::V1_0,
            ..mirror()
        },
    ];
    for other in others {
        make(&box_.app, other.clone()).await.unwrap();
        let err = make(&box_.app, wish()).await.unwrap_err();
        assert_eq!(err.code(), "array_name_taken", "{other:?}");
        let array = "tank".to_owned();
        make(&box_.app, ArrayDelete { array }).await.unwrap();
    }
}

/// A pool that was taken off its array, with all that is on it: the command that made both does not
/// make it anew.
#[tokio::test]
async fn the_same_command_again_loses_nobodys_data() {
    let box_ = bench().await;
    make(&box_.app, wish()).await.unwrap();
    let pool = "tank".to_owned();
    make(&box_.app, PoolExport { pool }).await.unwrap();
    let err = make(&box_.app, wish()).await.unwrap_err();
    assert_eq!(err.code(), "array_not_empty", "{err}");
    heal(&box_.app).await;
    is_there(&box_.app).await;
}

/// While the plan is carried out somebody puts another array in the place of the new one.
#[tokio::test]
async fn another_array_is_never_written_to() {
    let box_ = bench().await;
    let seen = box_.app.look().await.unwrap();
    let plan = wish().plan(&seen).unwrap();
    let later: Vec<_> = plan
        .steps
        .iter()
        .filter_map(|it| match it {
            AppStep::OnNewArray(it) => Some(it.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(later.len(), 3);
    for step in &later {
        let err = step.resolve(&seen.raid).unwrap_err();
        assert_eq!(err.to_string(), "there is no array tank");
    }
    let other = ArrayCreate {
        members: vec!["D".to_owned(), "E".to_owned()],
        spares: Vec::new(),
        ..mirror()
    };
    make(&box_.app, other).await.unwrap();
    let seen = box_.app.look().await.unwrap();
    for step in &later {
        let err = step.resolve(&seen.raid).unwrap_err();
        assert!(err.to_string().contains("another one"), "{err}");
    }
    let array = "tank".to_owned();
    make(&box_.app, ArrayDelete { array }).await.unwrap();
    make(&box_.app, mirror()).await.unwrap();
    let seen = box_.app.look().await.unwrap();
    let array = seen.raid.find("tank").unwrap();
    let node = &seen.raid.devices.get(&array.kernel_name).unwrap().id;
    for step in &later {
        assert_eq!(step.resolve(&seen.raid).unwrap().touches(), [node]);
    }
}

/// Its unit has an option more than was said, by which its datasets count.
#[tokio::test]
async fn a_pool_of_xfs_that_was_not_mounted_is_gone_on_with() {
    let box_ = bench().await;
    let wish = PoolCreate {
        filesystem: Filesystem::Xfs,
        ..wish()
    };
    let matching = "mount tank at".to_owned();
    box_.sim.inject(Fault::StepFails { matching });
    make(&box_.app, wish.clone()).await.unwrap_err();
    let pool = make(&box_.app, wish).await.unwrap().pool;
    assert_eq!(pool.judge().standing, Standing::Mounted);
    assert_eq!(pool.options, ["noatime", "prjquota"]);
}
