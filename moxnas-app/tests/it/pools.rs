//! Pools through the one way in: confirmed, verified, audited.

use moxnas_app::{
    Error,
    operation::Terms,
    ops::{
        arrays::ArrayDelete,
        pools::{Base, PoolCheck, PoolCreate, PoolDelete, PoolList, PoolMount, PoolUnmount},
        system::{HealthDetailed, Status},
    },
    store::{Job, JobState},
};
use moxnas_core::{sim::Fault, units::Bytes};
use moxnas_pool::model::{Filesystem, Standing};

use crate::{
    expected::make,
    jobs::{Box_, actor},
    wishes::dataset,
};

fn on_tank() -> PoolCreate {
    PoolCreate {
        name: "data".parse().unwrap(),
        base: Base::Device("tank".to_owned()),
        filesystem: Filesystem::Btrfs,
        thin: false,
        options: Vec::new(),
    }
}

fn named() -> String {
    "data".to_owned()
}

#[tokio::test]
async fn what_is_lost_has_to_be_agreed_to() {
    let box_ = Box_::with_arrays(&["tank"]).await;
    let (app, by) = (&box_.app, actor());
    let change = app.change(&by, on_tank(), Terms::default());
    let err = change.await.unwrap_err();
    assert!(matches!(err, Error::ConfirmationRequired(_)), "{err}");
    assert_eq!(box_.app.look().await.unwrap().pools.all, []);

    let made = make(&box_.app, on_tank()).await.unwrap();
    assert_eq!(made.pool.judge().standing, Standing::Mounted);
    let pool = named();
    let change = app.change(&by, PoolUnmount { pool }, Terms::default());
    let err = change.await.unwrap_err();
    assert!(err.to_string().contains("/srv/data"), "{err}");
}

/// The array under a pool is in use, and free again once the pool is gone.
#[tokio::test]
async fn a_pool_holds_its_array() {
    let box_ = Box_::with_arrays(&["tank"]).await;
    make(&box_.app, on_tank()).await.unwrap();
    let array = || ArrayDelete {
        array: "tank".to_owned(),
    };
    let err = make(&box_.app, array()).await.unwrap_err();
    assert_eq!(err.code(), "array_in_use");
    make(&box_.app, PoolDelete { pool: named() }).await.unwrap();
    make(&box_.app, array()).await.unwrap();
    assert!(box_.app.seen().raid.arrays.is_empty());
}

#[tokio::test]
async fn a_step_that_lies_is_not_verified() {
    for (step, change) in [("mount data at", true), ("unmount data", false)] {
        let box_ = Box_::with_arrays(&["tank"]).await;
        if !change {
            make(&box_.app, on_tank()).await.unwrap();
        }
        let matching = step.to_owned();
        box_.sim.inject(Fault::StepLies { matching });
        let err = match change {
            true => make(&box_.app, on_tank()).await.unwrap_err(),
            false => {
                let wish = PoolUnmount { pool: named() };
                make(&box_.app, wish).await.unwrap_err()
            }
        };
        assert_eq!(err.code(), "not_verified", "{err}");
    }
}

/// Somebody has pulled the disks: it is told, and mounting is refused.
#[tokio::test]
async fn a_pool_whose_array_is_gone_is_missing() {
    let box_ = Box_::with_arrays(&["tank"]).await;
    make(&box_.app, on_tank()).await.unwrap();
    make(&box_.app, PoolUnmount { pool: named() })
        .await
        .unwrap();
    let array = "tank".to_owned();
    make(&box_.app, moxnas_app::ops::arrays::ArrayStop { array })
        .await
        .unwrap();
    let list = box_.app.call(&actor(), PoolList).await.unwrap();
    let pool = &list.seen.pools.all[0];
    assert_eq!(pool.judge().standing, Standing::Missing);
    let err = make(&box_.app, PoolMount { pool: named() })
        .await
        .unwrap_err();
    assert_eq!(err.code(), "pool_device_missing");
}

/// Whoever mounts a pool, or unmounts it, is not told of it as a surprise.
#[tokio::test]
async fn a_pool_that_was_wished_for_is_expected() {
    let box_ = Box_::with_arrays(&["tank"]).await;
    let app = &box_.app;
    let differs = || async { app.look().await.unwrap().differences.clone() };
    assert_eq!(differs().await, []);
    make(app, on_tank()).await.unwrap();
    assert_eq!(differs().await, []);
    make(app, PoolUnmount { pool: named() }).await.unwrap();
    assert_eq!(differs().await, []);
    make(app, PoolMount { pool: named() }).await.unwrap();
    assert_eq!(differs().await, []);
    box_.sim.state().mounts.clear();
    assert_eq!(differs().await.len(), 1);
}

/// A pool that should be there and is not is no green light.
#[tokio::test]
async fn health_names_the_pools_that_are_not_well() {
    let box_ = Box_::with_arrays(&["tank"]).await;
    let app = &box_.app;
    make(app, on_tank()).await.unwrap();
    let health = || async {
        app.look().await.unwrap();
        let checks = app.call(&actor(), HealthDetailed).await.unwrap();
        (checks.storage.status, checks.storage.causes)
    };
    assert_eq!(health().await, (Status::Healthy, Vec::new()));
    make(app, PoolUnmount { pool: named() }).await.unwrap();
    assert_eq!(health().await, (Status::Healthy, Vec::new()));
    make(app, PoolMount { pool: named() }).await.unwrap();
    // As after a start at which its mount failed.
    box_.sim.state().mounts.clear();
    let (status, causes) = health().await;
    assert_eq!(status, Status::Unhealthy);
    let of_pool = "pool data: it is not mounted, though it should be at each start";
    assert_eq!(causes[0], of_pool, "{causes:?}");
}

/// Begin going over the pool, as somebody who agrees with the plan, and wait for what comes of it.
async fn check(box_: &Box_, repair: bool) -> Job {
    let wish = PoolCheck {
        pool: named(),
        repair,
    };
    let plan = box_.app.plan(&actor(), &wish).await.unwrap();
    let terms = Terms {
        confirm: Some(plan.fingerprint.parse().unwrap()),
        ..Terms::default()
    };
    let job = box_.app.begin(&actor(), wish, terms).await.unwrap();
    box_.until_over(&job.new.id).await
}

/// What is wrong is said of the dataset that has it; where the metadata are damaged nothing is put right.
#[tokio::test]
async fn each_dataset_of_a_thin_pool_is_gone_over() {
    let box_ = Box_::with_arrays(&["tank"]).await;
    let app = &box_.app;
    let wish = PoolCreate {
        filesystem: Filesystem::Ext4,
        thin: true,
        ..on_tank()
    };
    make(app, wish).await.unwrap();
    for name in ["photos", "films"] {
        let mut wish = dataset("data", name);
        wish.quota = Some(Bytes(400 << 20));
        wish.filesystem = (name == "films").then_some(Filesystem::Xfs);
        let made = make(app, wish).await.unwrap();
        assert_eq!(
            made.filesystem.is_some_and(|it| it == Filesystem::Xfs),
            name == "films"
        );
    }
    make(app, PoolUnmount { pool: named() }).await.unwrap();
    let well = check(&box_, false).await;
    assert_eq!(
        well.message.as_deref(),
        Some(
            "no error was found in pool data; the metadata of the thin pool: no error; the folder of \
             the pool: no error; dataset films: no error; dataset photos: no error"
        )
    );
    let (pool, films) = (named().parse().unwrap(), "films".parse().unwrap());
    box_.pools.damage_dataset(&pool, &films).unwrap();
    let bad = check(&box_, false).await;
    assert_eq!(bad.error_code.as_deref(), Some("filesystem_has_errors"));
    let error = bad.error.unwrap();
    assert!(
        error.contains("dataset films: 1 error was found"),
        "{error}"
    );
    assert!(!error.contains("photos"), "{error}");
    let mended = check(&box_, true).await;
    assert_eq!(mended.state, JobState::Succeeded, "{mended:#?}");
    let parts = mended.result.unwrap()["parts"].to_string();
    assert!(
        parts.contains("dataset films: errors were put right"),
        "{parts}"
    );
    make(app, PoolMount { pool: named() }).await.unwrap();
    make(app, PoolUnmount { pool: named() }).await.unwrap();

    box_.pools.damage_metadata(&pool).unwrap();
    box_.pools.damage_dataset(&pool, &films).unwrap();
    let bad = check(&box_, true).await;
    assert_eq!(bad.error_code.as_deref(), Some("thin_metadata_damaged"));
    let error = bad.error.unwrap();
    assert!(
        error.contains("lvconvert --repair moxnas_data/thin"),
        "{error}"
    );
    assert!(!error.contains("films"), "{error}");
    let again = check(&box_, false).await;
    assert_eq!(again.error_code.as_deref(), Some("thin_metadata_damaged"));
}

/// The count of errors begins anew only where none is left: else a pool that lost data looks well.
#[tokio::test]
async fn errors_that_cannot_be_put_right_stay_counted() {
    let box_ = Box_::with_arrays(&["tank"]).await;
    make(&box_.app, on_tank()).await.unwrap();
    let pool = named().parse().unwrap();
    let standing = || async {
        let seen = box_.app.look().await.unwrap();
        seen.pools.find(&named()).unwrap().judge().standing
    };
    box_.pools.count_error(&pool).unwrap();
    assert_eq!(standing().await, Standing::Damaged);
    assert_eq!(check(&box_, true).await.state, JobState::Succeeded);
    assert_eq!(standing().await, Standing::Mounted);

    box_.pools.lose_block(&pool).unwrap();
    let bad = check(&box_, true).await;
    assert_eq!(bad.error_code.as_deref(), Some("filesystem_has_errors"));
    assert_eq!(standing().await, Standing::Damaged);
}

/// Errors are a job that failed, with what would put them right; then that is done, and all is well.
#[tokio::test]
async fn a_pool_is_checked_and_repaired() {
    let box_ = Box_::with_arrays(&["tank"]).await;
    let app = &box_.app;
    let wish = PoolCreate {
        filesystem: Filesystem::Ext4,
        ..on_tank()
    };
    make(app, wish).await.unwrap();
    let unmount = || PoolUnmount { pool: named() };
    let mounted = PoolCheck {
        pool: named(),
        repair: false,
    };
    let refused = app.plan(&actor(), &mounted).await.unwrap_err();
    assert_eq!(refused.code(), "check_needs_unmount");
    make(app, unmount()).await.unwrap();
    let well = check(&box_, false).await;
    assert_eq!(
        well.message.as_deref(),
        Some("no error was found in pool data")
    );
    make(app, PoolMount { pool: named() }).await.unwrap();

    box_.pools
        .break_filesystem(&named().parse().unwrap())
        .unwrap();
    make(app, unmount()).await.unwrap();
    let bad = check(&box_, false).await;
    assert_eq!(bad.state, JobState::Failed);
    assert_eq!(bad.error_code.as_deref(), Some("filesystem_has_errors"));
    let error = bad.error.unwrap();
    assert!(error.contains("moxnas pool check data --repair"), "{error}");
    let mended = check(&box_, true).await;
    assert_eq!(mended.state, JobState::Succeeded, "{mended:#?}");
    assert_eq!(mended.result.unwrap()["outcome"], "mended");
    let mounted = make(app, PoolMount { pool: named() }).await.unwrap();
    assert_eq!(mounted.pool.judge().standing, Standing::Mounted);

    // What the machine does not do is no success.
    make(app, unmount()).await.unwrap();
    let matching = "check the ext4".to_owned();
    box_.sim.state().faults.push(Fault::StepFails { matching });
    assert_eq!(check(&box_, false).await.state, JobState::Failed);
}
