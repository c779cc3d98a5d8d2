//! How fast pools grow: written down each hour, known after a day, and again after a restart.

use std::time::Duration;

use moxnas_app::ops::{datasets::DatasetList, pools::PoolUnmount};
use moxnas_core::units::Bytes;
use moxnas_pool::{
    growth::Growth,
    model::{Filesystem, PoolName},
};

use crate::{
    expected::make,
    jobs::{Box_, actor},
    wishes,
};

const HOUR: Duration = Duration::from_secs(3600);
const GB: u64 = 1_000_000_000;

fn data() -> PoolName {
    "data".parse().unwrap()
}

impl Box_ {
    /// As the service does it by itself: ask, and write down what was said.
    async fn note(&self) -> Option<Growth> {
        let list = DatasetList {
            pool: None,
            fresh: true,
        };
        self.app.call(&actor(), list).await.unwrap();
        let seen = self.app.seen();
        let pool = seen.pools.find("data").unwrap();
        self.app.note_space(pool).await.unwrap();
        self.app.seen().answers.growth.get(&data()).copied()
    }
}

async fn with_photos() -> Box_ {
    let box_ = Box_::with_arrays(&["tank"]).await;
    let pool = wishes::pool("data", "tank", Filesystem::Btrfs);
    make(&box_.app, pool).await.unwrap();
    let photos = wishes::dataset("data", "photos");
    make(&box_.app, photos).await.unwrap();
    box_
}

#[tokio::test]
async fn growth_is_known_after_a_day_and_after_a_restart() {
    let mut box_ = with_photos().await;
    for hour in 0..30_u64 {
        let known = box_.note().await;
        assert_eq!(known.is_some(), hour >= 24, "after {hour} hours");
        let file = format!("file{hour}");
        let written = box_.pools.write(&data(), "photos", &file, Bytes(GB));
        written.unwrap();
        box_.pass(HOUR).await;
    }
    let known = box_.note().await.unwrap();
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let per_day = (24 * GB) as f64;
    assert!(
        (known.per_day - per_day).abs() < per_day / 100.0,
        "{known:?}"
    );
    assert_eq!(known.over, 30 * HOUR);

    box_.restart().await;
    assert!(box_.app.seen().answers.growth.is_empty());
    assert_eq!(box_.note().await, Some(known));
    // Once an hour, however often it is asked.
    for _ in 0..5 {
        box_.pass(Duration::from_secs(60)).await;
        box_.note().await;
    }
    let seen = box_.app.seen();
    let uuid = &seen.pools.find("data").unwrap().uuid;
    let samples = box_.app.store.pool_samples(uuid).await.unwrap();
    assert_eq!(samples.len(), 31);

    let unmount = PoolUnmount {
        pool: "data".to_owned(),
    };
    make(&box_.app, unmount).await.unwrap();
    assert!(box_.app.seen().answers.growth.is_empty());
}

/// A month counts, and no more.
#[tokio::test]
async fn what_is_older_than_a_month_is_forgotten() {
    let box_ = with_photos().await;
    for _ in 0..40 {
        box_.note().await;
        box_.pass(24 * HOUR).await;
    }
    let known = box_.note().await.unwrap();
    assert_eq!(known.over, 30 * 24 * HOUR);
}

/// What a pool says changes nothing about what was made of a look.
#[tokio::test]
async fn an_answer_leaves_the_look_what_it_was() {
    let box_ = with_photos().await;
    let before = box_.app.look().await.unwrap();
    box_.pools
        .write(&data(), "photos", "file", Bytes(GB))
        .unwrap();
    box_.note().await;
    let after = box_.app.seen();
    assert_eq!(after.serial, before.serial);
    assert!(after.answered > before.answered);
    assert_eq!(
        after.answers.contents[&data()]
            .said
            .as_ref()
            .unwrap()
            .datasets[0]
            .usage
            .unwrap()
            .referenced,
        Bytes(GB)
    );
}
