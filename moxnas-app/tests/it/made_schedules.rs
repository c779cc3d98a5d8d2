//! Schedules that somebody makes: snapshots that come and go by themselves, replicas that follow.

use std::time::Duration;

use moxnas_app::{
    Error,
    ops::{
        datasets::{DatasetDelete, DatasetRename, DatasetReplicate, SnapshotCreate},
        pools::{PoolDelete, PoolUnmount},
        schedules::{
            ScheduleChange, ScheduleDelete, ScheduleGet, ScheduleList, ScheduleReplica,
            ScheduleRun, ScheduleSnapshots, When,
        },
    },
    schedules::ScheduleView,
    store::{Job, JobFilter, JobState},
};
use moxnas_core::{sim::Fault, units::Bytes};
use moxnas_pool::{
    model::Filesystem,
    prune::{self, Keep, TimeZone, Timestamp},
};

use crate::{
    expected::make,
    jobs::{Box_, actor},
    wishes,
};

const AUTO: &str = "snapshots:data:photos:auto";

/// Pools of these filesystems, `data` and `backup`, and a dataset `photos` in the first.
async fn with_photos(filesystems: [Filesystem; 2]) -> Box_ {
    let box_ = Box_::with_arrays(&["tank", "attic"]).await;
    let pools = [("data", "tank"), ("backup", "attic")];
    for ((pool, on), filesystem) in pools.into_iter().zip(filesystems) {
        let pool = wishes::pool(pool, on, filesystem);
        make(&box_.app, pool).await.unwrap();
    }
    let photos = wishes::dataset("data", "photos");
    make(&box_.app, photos).await.unwrap();
    box_
}

const BTRFS: [Filesystem; 2] = [Filesystem::Btrfs, Filesystem::Btrfs];

fn when(expression: &str) -> When {
    When {
        expression: expression.to_owned(),
        timezone: Some("UTC".to_owned()),
    }
}

fn snapshots(keep: Keep) -> ScheduleSnapshots {
    ScheduleSnapshots {
        pool: "data".to_owned(),
        dataset: "photos".to_owned(),
        when: when("hourly"),
        prefix: "auto".parse().unwrap(),
        takes: true,
        keep,
    }
}

fn replica(overwrite: bool) -> ScheduleReplica {
    ScheduleReplica {
        replica: DatasetReplicate {
            pool: "data".to_owned(),
            dataset: "photos".to_owned(),
            to_pool: "backup".to_owned(),
            to: None,
            compare: false,
            target: None,
        },
        when: when("hourly"),
        overwrite,
    }
}

fn last(count: u32) -> Keep {
    Keep {
        last: Some(count),
        ..Keep::default()
    }
}

impl Box_ {
    /// Until the next full hour and a second, with all that is due then.
    async fn an_hour(&self) -> Vec<Job> {
        let now = Timestamp::try_from(self.app.machine.clock.now()).unwrap();
        let past = u64::try_from(now.as_second()).unwrap() % 3600;
        self.pass(Duration::from_secs(3601 - past)).await;
        self.run_due().await
    }

    /// What was due, until it is over.
    async fn run_due(&self) -> Vec<Job> {
        let mut over = Vec::new();
        for name in self.app.run_due_schedules().await {
            // The other schedules of the program.
            if name.contains(':') {
                let job = self.last_run(&name).await;
                over.push(self.until_over(&job.new.id).await);
            }
        }
        over
    }

    async fn last_run(&self, schedule: &str) -> Job {
        let filter = JobFilter {
            schedule: Some(schedule.to_owned()),
            ..JobFilter::default()
        };
        self.app.store.jobs(&filter, 1).await.unwrap().remove(0)
    }

    /// The names of the snapshots of a dataset, the oldest first.
    async fn names(&self, pool: &str, dataset: &str) -> Vec<String> {
        let seen = self.app.look().await.unwrap();
        let pool = seen.pools.find(pool).unwrap().clone();
        let contents = self.app.machine.pools.contents(&pool).unwrap();
        let found = contents.snapshots_of(dataset);
        found.map(|it| it.name.to_string()).collect()
    }

    async fn made(&self) -> Vec<ScheduleView> {
        let all = self.app.call(&actor(), ScheduleList).await.unwrap();
        all.into_iter()
            .filter(|it| it.scheduled.work.is_some())
            .collect()
    }

    async fn made_names(&self) -> Vec<String> {
        let made = self.made().await.into_iter();
        made.map(|it| it.scheduled.name.to_string()).collect()
    }
}

/// What is left after six days of hours is what the rules keep; what somebody took by hand stays.
#[tokio::test]
async fn snapshots_come_and_go_by_the_rules() {
    let box_ = with_photos(BTRFS).await;
    let by_hand = SnapshotCreate {
        pool: "data".to_owned(),
        dataset: "photos".to_owned(),
        name: "auto-before-the-upgrade".parse().unwrap(),
    };
    make(&box_.app, by_hand).await.unwrap();
    let keep = Keep {
        hourly: Some(5),
        daily: Some(3),
        ..Keep::default()
    };
    let made = box_.app.call(&actor(), snapshots(keep)).await.unwrap();
    assert_eq!(made.scheduled.name, AUTO);
    assert_eq!(
        made.scheduled.about,
        "Takes a snapshot of data/photos named auto-TIME, and deletes those that are not the last of \
         each of 5 hours and 3 days"
    );
    let mut taken = Vec::new();
    for _ in 0..6 * 24 {
        let ran = box_.an_hour().await;
        let [job] = ran.as_slice() else {
            panic!("{ran:?}");
        };
        assert_eq!(job.state, JobState::Succeeded, "{job:?}");
        let result = job.result.as_ref().unwrap();
        taken.push(result["taken"].as_str().unwrap().to_owned());
    }
    let times: Vec<prune::Snapshot> = taken
        .iter()
        .map(|it| {
            let (date, time) = it.strip_prefix("auto-").unwrap().split_once('T').unwrap();
            let at = format!("{date}T{}", time.replace('-', ":"));
            prune::Snapshot::at(at.parse().unwrap())
        })
        .collect();
    let decided = prune::decide(&times, &keep, &TimeZone::UTC);
    let kept = taken.iter().zip(decided);
    let kept = kept.filter(|(_, it)| it.verdict.is_kept());
    let mut kept: Vec<String> = kept.map(|(name, _)| name.clone()).collect();
    assert_eq!(kept.len(), 8);
    kept.insert(0, "auto-before-the-upgrade".to_owned());
    assert_eq!(box_.names("data", "photos").await, kept);
}

/// Killed anywhere in a run: each hour has one snapshot, and what is to go goes.
#[tokio::test]
async fn a_run_that_was_killed_goes_on_and_takes_nothing_twice() {
    let mut box_ = with_photos(BTRFS).await;
    let made = box_.app.call(&actor(), snapshots(last(3))).await;
    made.unwrap();
    for many in 0..25_u32 {
        let now = Timestamp::try_from(box_.app.machine.clock.now()).unwrap();
        let past = u64::try_from(now.as_second()).unwrap() % 3600;
        box_.pass(Duration::from_secs(3601 - past)).await;
        assert!(
            box_.app
                .run_due_schedules()
                .await
                .contains(&AUTO.to_owned())
        );
        for _ in 0..many {
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_micros(u64::from(many) * 40)).await;
        }
        let job = box_.last_run(AUTO).await;
        box_.restart().await;
        box_.app.resume_jobs().await.unwrap();
        let over = box_.until_over(&job.new.id).await;
        assert_eq!(over.state, JobState::Succeeded, "{over:?}");
        let left = box_.names("data", "photos").await;
        assert_eq!(left.len(), (many as usize + 1).min(3), "{left:?}");
        let result = over.result.unwrap();
        assert_eq!(left.last().unwrap(), result["taken"].as_str().unwrap());
    }
}

/// What was not deleted is deleted by the next run, and the failure is told.
#[tokio::test]
async fn a_run_that_fails_says_so_and_the_next_one_makes_up_for_it() {
    let box_ = with_photos(BTRFS).await;
    box_.app.call(&actor(), snapshots(last(1))).await.unwrap();
    assert_eq!(box_.an_hour().await[0].state, JobState::Succeeded);
    let fails = |matching: &str| {
        let matching = matching.to_owned();
        box_.sim.inject(Fault::StepFails { matching });
    };
    fails("delete the snapshot");
    let failed = box_.an_hour().await.remove(0);
    assert_eq!(failed.state, JobState::Failed, "{failed:?}");
    assert_eq!(box_.names("data", "photos").await.len(), 2);
    let view = ScheduleGet {
        schedule: AUTO.to_owned(),
    };
    let view = box_.app.call(&actor(), view).await.unwrap();
    assert_eq!(view.last.unwrap().state, JobState::Failed);
    fails("take the snapshot");
    assert_eq!(box_.an_hour().await[0].state, JobState::Failed);
    // Nothing is deleted where nothing new could be taken.
    assert_eq!(box_.names("data", "photos").await.len(), 2);
    let well = box_.an_hour().await.remove(0);
    assert_eq!(well.state, JobState::Succeeded, "{well:?}");
    assert_eq!(box_.names("data", "photos").await.len(), 1);

    let unmount = PoolUnmount {
        pool: "data".to_owned(),
    };
    make(&box_.app, unmount).await.unwrap();
    let failed = box_.an_hour().await.remove(0);
    assert_eq!(failed.error_code.as_deref(), Some("pool_not_mounted"));
}

#[tokio::test]
async fn schedules_follow_their_datasets() {
    let box_ = with_photos(BTRFS).await;
    box_.app.call(&actor(), snapshots(last(3))).await.unwrap();
    box_.an_hour().await;
    box_.app.call(&actor(), replica(false)).await.unwrap();
    let disable = ScheduleChange {
        schedule: "replica:data:photos:backup:photos".to_owned(),
        enabled: Some(false),
        ..ScheduleChange::default()
    };
    box_.app.call(&actor(), disable).await.unwrap();
    let rename = DatasetRename {
        pool: "data".to_owned(),
        dataset: "photos".to_owned(),
        to: "pictures".parse().unwrap(),
    };
    let said = box_.app.plan(&actor(), &rename).await.unwrap().warnings;
    let line = "its schedule snapshots:data:photos:auto becomes snapshots:data:pictures:auto";
    assert!(said.contains(&line.to_owned()), "{said:?}");
    make(&box_.app, rename).await.unwrap();
    let made = box_.made().await;
    let names: Vec<&str> = made.iter().map(|it| &*it.scheduled.name).collect();
    let expected = [
        "replica:data:pictures:backup:photos",
        "snapshots:data:pictures:auto",
    ];
    assert_eq!(names, expected);
    assert_eq!(
        made.iter().map(|it| it.stored.enabled).collect::<Vec<_>>(),
        [false, true],
        "what was set of them stays"
    );
    let ran = box_.an_hour().await;
    assert_eq!(ran[0].state, JobState::Succeeded, "{ran:?}");
    assert_eq!(box_.names("data", "pictures").await.len(), 2);

    for snapshot in box_.names("data", "pictures").await {
        let delete = moxnas_app::ops::datasets::SnapshotDelete {
            pool: "data".to_owned(),
            dataset: "pictures".to_owned(),
            snapshot,
        };
        make(&box_.app, delete).await.unwrap();
    }
    let delete = DatasetDelete {
        pool: "data".to_owned(),
        dataset: "pictures".to_owned(),
    };
    let said = box_.app.plan(&actor(), &delete).await.unwrap().warnings;
    let line = "its schedule snapshots:data:pictures:auto goes with it".to_owned();
    assert!(said.contains(&line), "{said:?}");
    make(&box_.app, delete).await.unwrap();
    assert_eq!(box_.made_names().await, [""; 0]);
    assert!(box_.an_hour().await.is_empty());
}

#[tokio::test]
async fn schedules_go_with_their_pool() {
    let box_ = with_photos(BTRFS).await;
    box_.app.call(&actor(), snapshots(last(3))).await.unwrap();
    let pool = || "data".to_owned();
    make(&box_.app, PoolUnmount { pool: pool() }).await.unwrap();
    assert_eq!(box_.made_names().await, [AUTO]);
    make(&box_.app, PoolDelete { pool: pool() }).await.unwrap();
    assert_eq!(box_.made_names().await, [""; 0]);
}

#[tokio::test]
async fn a_replica_follows_by_itself() {
    let box_ = with_photos(BTRFS).await;
    let early = box_.app.call(&actor(), replica(false)).await.unwrap_err();
    assert_eq!(early.code(), "no_snapshot_to_send", "{early}");
    box_.app.call(&actor(), snapshots(last(2))).await.unwrap();
    box_.an_hour().await;
    let made = box_.app.call(&actor(), replica(false)).await.unwrap();
    assert_eq!(
        made.scheduled.about,
        "Sends what is new of data/photos to backup/photos"
    );
    for hours in 1..=4 {
        let ran = box_.an_hour().await;
        assert_eq!(ran.len(), 2, "{ran:?}");
        for job in ran {
            assert_eq!(job.state, JobState::Succeeded, "{job:?}");
        }
        // Nothing deletes them there.
        let there = box_.names("backup", "photos").await;
        assert!(there.len() >= hours, "{there:?}");
    }
    // Only deleting, where snapshots arrive from elsewhere.
    let prune = ScheduleSnapshots {
        pool: "backup".to_owned(),
        takes: false,
        ..snapshots(last(2))
    };
    let made = box_.app.call(&actor(), prune).await.unwrap();
    let run = ScheduleRun {
        schedule: made.scheduled.name.to_string(),
    };
    let job = box_.app.call(&actor(), run).await.unwrap();
    let over = box_.until_over(&job.new.id).await;
    assert_eq!(over.state, JobState::Succeeded, "{over:?}");
    assert_eq!(box_.names("backup", "photos").await.len(), 2);
    // The newest that both have is there still.
    for job in box_.an_hour().await {
        assert_eq!(job.state, JobState::Succeeded, "{job:?}");
    }
}

/// Files of a copy are deleted and overwritten only if that was said.
#[tokio::test]
async fn a_copy_that_overwrites_has_to_be_meant() {
    let box_ = with_photos([Filesystem::Btrfs, Filesystem::Xfs]).await;
    box_.app.call(&actor(), snapshots(last(2))).await.unwrap();
    box_.an_hour().await;
    let err = box_.app.call(&actor(), replica(false)).await.unwrap_err();
    assert_eq!(err.code(), "schedule_overwrites", "{err}");
    assert!(err.hint().unwrap().contains("--overwrite"));
    box_.app.call(&actor(), replica(true)).await.unwrap();
    let data = "data".parse().unwrap();
    for hour in 0..3 {
        let file = format!("file{hour}");
        let written = box_.pools.write(&data, "photos", &file, Bytes(1000));
        written.unwrap();
        for job in box_.an_hour().await {
            assert_eq!(job.state, JobState::Succeeded, "{job:?}");
        }
    }
    let run = ScheduleRun {
        schedule: "replica:data:photos:backup:photos".to_owned(),
    };
    let job = box_.app.call(&actor(), run).await.unwrap();
    let over = box_.until_over(&job.new.id).await;
    assert_eq!(over.state, JobState::Succeeded, "{over:?}");
    let backup = "backup".parse().unwrap();
    let there = box_.pools.files(&backup, "photos");
    assert_eq!(there, box_.pools.files(&data, "photos"));
}

#[tokio::test]
async fn what_cannot_be_scheduled_is_refused_with_what_can() {
    let box_ = with_photos([Filesystem::Xfs, Filesystem::Btrfs]).await;
    let refused = async |it: ScheduleSnapshots| -> Error {
        let err = box_.app.call(&actor(), it).await.unwrap_err();
        assert!(err.hint().is_some(), "{err}");
        err
    };
    let none = ScheduleSnapshots {
        takes: false,
        ..snapshots(Keep::default())
    };
    assert_eq!(refused(none).await.code(), "schedule_does_nothing");
    let err = refused(snapshots(last(1))).await;
    assert_eq!(err.code(), "no_snapshots", "{err}");
    let elsewhere = ScheduleSnapshots {
        pool: "backup".to_owned(),
        ..snapshots(last(1))
    };
    assert_eq!(refused(elsewhere).await.code(), "dataset_not_found");

    let box_ = with_photos(BTRFS).await;
    let refused = async |when: When| {
        let it = ScheduleSnapshots {
            when,
            ..snapshots(last(1))
        };
        box_.app.call(&actor(), it).await.unwrap_err()
    };
    assert_eq!(
        refused(when("when pigs fly")).await.code(),
        "schedule_invalid"
    );
    let nowhere = When {
        timezone: Some("Middle/Earth".to_owned()),
        ..when("hourly")
    };
    assert_eq!(refused(nowhere).await.code(), "schedule_invalid");
    assert_eq!(box_.made_names().await, [""; 0]);

    let delete = |schedule: &str| ScheduleDelete {
        schedule: schedule.to_owned(),
    };
    let err = box_.app.call(&actor(), delete("raid_scrub")).await;
    assert_eq!(err.unwrap_err().code(), "schedule_of_the_program");
    let err = box_.app.call(&actor(), delete(AUTO)).await.unwrap_err();
    assert_eq!(err.code(), "not_found");
    box_.app.call(&actor(), snapshots(last(1))).await.unwrap();
    // Set anew, it is the same one with other rules.
    box_.app.call(&actor(), snapshots(last(9))).await.unwrap();
    assert_eq!(box_.made_names().await, [AUTO]);
    box_.app.call(&actor(), delete(AUTO)).await.unwrap();
    assert_eq!(box_.made_names().await, [""; 0]);
    assert!(box_.an_hour().await.is_empty());
}

/// By whose days it prunes is by whose clock it runs.
#[tokio::test]
async fn days_are_those_of_the_zone_of_the_schedule() {
    let box_ = with_photos(BTRFS).await;
    let keep = Keep {
        daily: Some(400),
        ..Keep::default()
    };
    let auckland = ScheduleSnapshots {
        when: When {
            expression: "hourly".to_owned(),
            timezone: Some("Pacific/Auckland".to_owned()),
        },
        ..snapshots(keep)
    };
    box_.app.call(&actor(), auckland).await.unwrap();
    for _ in 0..30 {
        box_.an_hour().await;
    }
    let zone = TimeZone::get("Pacific/Auckland").unwrap();
    let days: Vec<_> = box_
        .names("data", "photos")
        .await
        .iter()
        .map(|it| {
            let (date, time) = it.strip_prefix("auto-").unwrap().split_once('T').unwrap();
            let at = format!("{date}T{}", time.replace('-', ":"));
            at.parse::<Timestamp>().unwrap().to_zoned(zone.clone())
        })
        .collect();
    let (newest, full) = days.split_last().unwrap();
    assert!(!full.is_empty());
    for day in full {
        assert_eq!(day.hour(), 23, "the last of its day: {day}");
    }
    assert!(newest > full.last().unwrap());
}
