//! Datasets through the one way in: asked before they are planned, verified, and from memory.

use moxnas_app::{
    Error,
    operation::Terms,
    ops::{
        datasets::{
            DatasetCreate, DatasetGet, DatasetList, SnapshotCreate, SnapshotDelete,
            SnapshotRollback,
        },
        pools::{PoolMount, PoolUnmount},
    },
};
use moxnas_core::{sim::Fault, units::Bytes};
use moxnas_pool::model::Filesystem;

use crate::{
    expected::make,
    jobs::{Box_, actor},
    wishes,
};

/// A pool `data` on an array, with a dataset `photos`.
async fn with_photos() -> Box_ {
    let box_ = Box_::with_arrays(&["tank"]).await;
    let pool = wishes::pool("data", "tank", Filesystem::Btrfs);
    make(&box_.app, pool).await.unwrap();
    let dataset = DatasetCreate {
        quota: Some(Bytes(5_000_000)),
        ..wishes::dataset("data", "photos")
    };
    let made = make(&box_.app, dataset).await.unwrap();
    assert_eq!(made.dataset.quota, Some(Bytes(5_000_000)));
    box_
}

fn snapshot(name: &str) -> SnapshotCreate {
    SnapshotCreate {
        pool: "data".to_owned(),
        dataset: "photos".to_owned(),
        name: name.parse().unwrap(),
    }
}

fn get() -> DatasetGet {
    DatasetGet {
        pool: "data".to_owned(),
        dataset: "photos".to_owned(),
    }
}

#[tokio::test]
async fn a_step_that_lies_is_found() {
    let box_ = with_photos().await;
    make(&box_.app, snapshot("monday")).await.unwrap();
    let lies = |matching: &str| {
        let matching = matching.to_owned();
        box_.sim.inject(Fault::StepLies { matching });
    };
    lies("take the snapshot");
    let err = make(&box_.app, snapshot("tuesday")).await.unwrap_err();
    assert!(matches!(err, Error::NotVerified(_)), "{err}");
    lies("change places");
    let rollback = SnapshotRollback {
        pool: "data".to_owned(),
        dataset: "photos".to_owned(),
        snapshot: "monday".to_owned(),
    };
    let err = make(&box_.app, rollback.clone()).await.unwrap_err();
    assert!(matches!(err, Error::NotVerified(_)), "{err}");
    lies("delete the snapshot");
    let delete = SnapshotDelete {
        pool: "data".to_owned(),
        dataset: "photos".to_owned(),
        snapshot: "monday".to_owned(),
    };
    let err = make(&box_.app, delete).await.unwrap_err();
    assert!(matches!(err, Error::NotVerified(_)), "{err}");
    let now = make(&box_.app, rollback).await.unwrap();
    assert_eq!(now.dataset.quota, Some(Bytes(5_000_000)));
}

/// What is in a pool that is not mounted is not known, and not what it was.
#[tokio::test]
async fn what_was_asked_of_a_pool_goes_when_it_is_unmounted() {
    let box_ = with_photos().await;
    let (app, by) = (&box_.app, actor());
    assert_eq!(app.call(&by, get()).await.unwrap().snapshots, 0);
    let pool = || "data".to_owned();
    make(app, PoolUnmount { pool: pool() }).await.unwrap();
    let err = app.call(&by, get()).await.unwrap_err();
    assert_eq!(err.code(), "pool_not_mounted");
    let change = app.change(&by, snapshot("x"), Terms::default());
    assert_eq!(change.await.unwrap_err().code(), "pool_not_mounted");

    make(app, PoolMount { pool: pool() }).await.unwrap();
    assert_eq!(app.call(&by, get()).await.unwrap().snapshots, 0);
    let list = |pool: &str| DatasetList {
        pool: Some(pool.to_owned()),
        fresh: true,
    };
    app.call(&by, list("data")).await.unwrap();
    let err = app.call(&by, list("none")).await.unwrap_err();
    assert_eq!(err.code(), "pool_not_found");
    let photos = app.call(&by, get()).await.unwrap();
    assert_eq!(photos.dataset.quota, Some(Bytes(5_000_000)));
}
