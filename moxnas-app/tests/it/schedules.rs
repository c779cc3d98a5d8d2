//! Schedules: due, missed, paused, and never forgotten.

use std::time::{Duration, SystemTime};

use moxnas_app::{
    ops::{
        jobs::JobCancel,
        schedules::{ScheduleChange, ScheduleGet, ScheduleTimeline},
    },
    store::{Ending, Job, JobFilter, JobState, NewJob},
};
use moxnas_core::clock::Clock;
use serde_json::json;

use crate::jobs::{Box_, actor};

const HOUR: Duration = Duration::from_secs(3600);

impl Box_ {
    async fn set(&self, change: ScheduleChange) {
        self.app.call(&actor(), change).await.unwrap();
    }

    /// In UTC, so that nothing depends on the machine that tests.
    async fn utc(&self, schedule: &str, expression: &str) {
        self.set(ScheduleChange {
            schedule: schedule.to_owned(),
            expression: Some(expression.to_owned()),
            timezone: Some("UTC".to_owned()),
            jitter_s: Some(0),
            ..ScheduleChange::default()
        })
        .await;
    }

    async fn runs(&self, schedule: &str) -> Vec<Job> {
        let filter = JobFilter {
            schedule: Some(schedule.to_owned()),
            ..JobFilter::default()
        };
        let mut runs = self.app.store.jobs(&filter, 100).await.unwrap();
        runs.reverse();
        runs
    }

    async fn next(&self, schedule: &str) -> Option<SystemTime> {
        let get = ScheduleGet {
            schedule: schedule.to_owned(),
        };
        let view = self.app.call(&actor(), get).await.unwrap();
        view.stored.next_at
    }

    /// Until the next full hour of the simulated clock.
    async fn to_the_hour(&self) {
        let now = self
            .sim
            .now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap();
        self.pass(Duration::from_secs(3600 - now.as_secs() % 3600))
            .await;
    }
}

#[tokio::test]
async fn what_is_due_runs_once_and_its_outcome_is_that_of_the_job() {
    let box_ = Box_::with_arrays(&["alpha"]).await;
    box_.to_the_hour().await;
    box_.utc("db_maintenance", "hourly").await;
    assert!(box_.app.run_due_schedules().await.is_empty(), "not yet");
    box_.pass(HOUR).await;
    assert_eq!(box_.app.run_due_schedules().await, ["db_maintenance"]);
    assert!(box_.app.run_due_schedules().await.is_empty(), "once");
    let runs = box_.runs("db_maintenance").await;
    assert_eq!(runs.len(), 1);
    let over = box_.until_over(&runs[0].new.id).await;
    assert_eq!(over.state, JobState::Succeeded, "{over:?}");
    assert_eq!(over.new.actor, "schedule:db_maintenance");
    assert_eq!(
        box_.next("db_maintenance").await,
        Some(box_.sim.now() + HOUR)
    );
}

#[tokio::test]
async fn what_was_missed_is_caught_up_with_once_even_after_a_restart() {
    let mut box_ = Box_::with_arrays(&[]).await;
    box_.utc("db_maintenance", "hourly").await;
    box_.restart().await;
    box_.pass(50 * HOUR).await;
    box_.restart().await;
    assert_eq!(box_.app.run_due_schedules().await, ["db_maintenance"]);
    box_.restart().await;
    assert!(box_.app.run_due_schedules().await.is_empty());
    assert_eq!(box_.runs("db_maintenance").await.len(), 1);
}

#[tokio::test]
async fn a_disabled_schedule_waits_and_goes_on_from_when_it_is_enabled() {
    let box_ = Box_::with_arrays(&[]).await;
    box_.utc("db_maintenance", "hourly").await;
    let enable = |enabled| ScheduleChange {
        schedule: "db_maintenance".to_owned(),
        enabled: Some(enabled),
        ..ScheduleChange::default()
    };
    box_.set(enable(false)).await;
    assert_eq!(box_.next("db_maintenance").await, None);
    box_.pass(5 * HOUR).await;
    assert!(box_.app.run_due_schedules().await.is_empty());
    box_.set(enable(true)).await;
    assert!(
        box_.app.run_due_schedules().await.is_empty(),
        "nothing to catch up with"
    );
    box_.pass(HOUR).await;
    assert_eq!(box_.app.run_due_schedules().await, ["db_maintenance"]);
}

#[tokio::test]
async fn a_run_that_still_goes_on_makes_the_next_one_skipped_with_its_reason() {
    let box_ = Box_::with_arrays(&["alpha"]).await;
    box_.to_the_hour().await;
    box_.utc("raid_scrub", "*:0/5").await;
    box_.pass(Duration::from_secs(300)).await;
    assert_eq!(box_.app.run_due_schedules().await, ["raid_scrub"]);
    let first = box_.runs("raid_scrub").await.remove(0);
    box_.until(&first.new.id, |it| it.state == JobState::Running)
        .await;
    box_.pass(Duration::from_secs(300)).await;
    assert!(box_.app.run_due_schedules().await.is_empty());
    let runs = box_.runs("raid_scrub").await;
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[1].state, JobState::Skipped);
    assert_eq!(
        runs[1].message.as_deref(),
        Some("the run before it is not over")
    );
}

/// A box whose run of `raid_scrub` was paused with its part.
async fn paused() -> (Box_, Job, Job) {
    let box_ = Box_::with_arrays(&["alpha", "beta"]).await;
    let now = box_
        .sim
        .now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    box_.pass(Duration::from_secs(86_400 - now.as_secs() % 86_400))
        .await;
    box_.set(ScheduleChange {
        schedule: "raid_scrub".to_owned(),
        expression: Some("01:00".to_owned()),
        timezone: Some("UTC".to_owned()),
        // 100 GiB at 180 MB/s are ten minutes; not enough for either array.
        pause_at: Some("01:05".to_owned()),
        ..ScheduleChange::default()
    })
    .await;
    box_.pass(HOUR).await;
    assert_eq!(box_.app.run_due_schedules().await, ["raid_scrub"]);
    let run = box_.runs("raid_scrub").await.remove(0);
    let part = loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        box_.app.look().await.unwrap();
        let all = box_
            .app
            .store
            .jobs(&JobFilter::default(), 10)
            .await
            .unwrap();
        if let Some(part) = all
            .iter()
            .find(|it| it.new.parent.is_some() && it.progress.is_some())
        {
            break part.clone();
        }
    };
    box_.pass(Duration::from_secs(301)).await;
    box_.app.run_due_schedules().await;
    box_.until(&run.new.id, |it| it.state == JobState::Paused)
        .await;
    let part = box_
        .until(&part.new.id, |it| it.state == JobState::Paused)
        .await;
    (box_, run, part)
}

#[tokio::test]
async fn a_run_is_paused_when_its_window_closes_and_goes_on_in_the_next() {
    let (box_, _, paused) = paused().await;
    let seen = box_.app.seen();
    let name = paused.new.args["name"].as_str().unwrap();
    let array = seen.raid.find(name).unwrap();
    assert_eq!(array.sync.action(), None);
    assert!(array.scrub_stopped_at.is_some(), "md knows where it was");
    assert!(paused.progress > Some(1_000), "{paused:?}");

    // The next day: the same run, from where md was.
    box_.pass(24 * HOUR - Duration::from_secs(301)).await;
    assert_eq!(box_.app.run_due_schedules().await, ["raid_scrub"]);
    box_.until(&paused.new.id, |it| {
        it.state == JobState::Running && it.progress > Some(4_000)
    })
    .await;
    let runs = box_.runs("raid_scrub").await;
    assert_eq!(runs.len(), 1);
    // Running is what the job is before md was told.
    box_.until(&paused.new.id, |_| box_.checks(name)).await;
    // It waits for its part, and did not take the pause of yesterday for one of today.
    assert_eq!(runs[0].state, JobState::Running);
    box_.pass(Duration::from_secs(299)).await;
    assert_eq!(
        box_.until_over(&paused.new.id).await.state,
        JobState::Succeeded
    );
}

#[tokio::test]
async fn cancelling_a_paused_run_ends_its_part() {
    let (box_, run, part) = paused().await;
    let cancel = JobCancel {
        job: run.new.id.clone(),
    };
    box_.app.call(&actor(), cancel).await.unwrap();
    for id in [&run.new.id, &part.new.id] {
        let job = box_.app.store.job(id).await.unwrap().unwrap();
        assert_eq!(job.state, JobState::Cancelled, "{job:?}");
    }
}

#[tokio::test]
async fn a_paused_run_whose_cancelling_was_cut_short_is_cancelled_at_the_next_start() {
    let (mut box_, run, part) = paused().await;
    let mut write = box_.app.store.begin_write().await.unwrap();
    write
        .request_cancel(&run.new.id, box_.sim.now())
        .await
        .unwrap();
    write.commit().await.unwrap();
    box_.restart().await;
    box_.app.resume_jobs().await.unwrap();
    for id in [&run.new.id, &part.new.id] {
        assert_eq!(box_.until_over(id).await.state, JobState::Cancelled);
    }
}

#[tokio::test]
async fn what_is_old_is_not_forgotten_while_a_part_of_it_is_open() {
    let (box_, run, part) = paused().await;
    let done = Ending {
        state: JobState::Cancelled,
        message: None,
        result: None,
        error: None,
    };
    let now = box_.sim.now();
    let mut write = box_.app.store.begin_write().await.unwrap();
    assert!(write.end_job(&run.new.id, &done, now).await.unwrap());
    assert_eq!(write.drop_jobs_before(now + HOUR).await.unwrap(), 0);
    assert!(write.end_job(&part.new.id, &done, now).await.unwrap());
    assert_eq!(write.drop_jobs_before(now + HOUR).await.unwrap(), 2);
    write.commit().await.unwrap();
}

#[tokio::test]
async fn schedules_of_one_group_wait_for_each_other_and_stay_due() {
    let box_ = Box_::with_arrays(&[]).await;
    box_.utc("config_backup", "hourly").await;
    box_.set(ScheduleChange {
        schedule: "db_maintenance".to_owned(),
        enabled: Some(false),
        ..ScheduleChange::default()
    })
    .await;
    box_.to_the_hour().await;
    let due = box_.next("config_backup").await;

    // A run of the other schedule of the group that nobody does, so that it lasts.
    let at = box_.sim.now();
    let other = NewJob {
        id: "0".repeat(32),
        kind: "db_maintenance".to_owned(),
        object: "database".to_owned(),
        args: json!({}),
        parent: None,
        retry_of: None,
        attempt: 1,
        schedule: Some("db_maintenance".to_owned()),
        actor: "schedule:db_maintenance".to_owned(),
        via: "in-process".to_owned(),
        request_id: String::new(),
        at,
    };
    let mut write = box_.app.store.begin_write().await.unwrap();
    write.add_job(&other).await.unwrap();
    write.commit().await.unwrap();
    assert!(box_.app.run_due_schedules().await.is_empty());
    assert_eq!(box_.next("config_backup").await, due, "it stays due");
    assert!(box_.runs("config_backup").await.is_empty());

    let done = Ending {
        state: JobState::Succeeded,
        message: None,
        result: None,
        error: None,
    };
    let mut write = box_.app.store.begin_write().await.unwrap();
    assert!(write.end_job(&other.id, &done, at).await.unwrap());
    write.commit().await.unwrap();
    assert_eq!(box_.app.run_due_schedules().await, ["config_backup"]);
    assert_eq!(box_.runs("config_backup").await.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_its_reason() {
    let box_ = Box_::with_arrays(&[]).await;
    let change = |field: &str, text: &str| {
        let text = Some(text.to_owned());
        let mut change = ScheduleChange {
            schedule: "raid_scrub".to_owned(),
            ..ScheduleChange::default()
        };
        match field {
            "expression" => change.expression = text,
            "timezone" => change.timezone = text,
            _ => change.pause_at = text,
        }
        change
    };
    for (field, text) in [
        ("expression", "every now and then"),
        ("expression", "*-02-30"),
        ("timezone", "Europe/Atlantis"),
        ("pause_at", "25:00"),
    ] {
        let refused = box_
            .app
            .call(&actor(), change(field, text))
            .await
            .unwrap_err();
        assert_eq!(
            refused.code(),
            "schedule_invalid",
            "{field} {text}: {refused}"
        );
    }
    let next = box_.next("raid_scrub").await;
    assert!(next.is_some(), "what was refused has changed nothing");
}

#[tokio::test]
async fn the_timeline_shows_what_ran_and_what_will() {
    let box_ = Box_::with_arrays(&[]).await;
    box_.utc("db_maintenance", "hourly").await;
    box_.pass(HOUR).await;
    box_.app.run_due_schedules().await;
    let timeline = ScheduleTimeline {
        from: None,
        to: Some(box_.sim.now() + 10 * HOUR),
    };
    let entries = box_.app.call(&actor(), timeline).await.unwrap();
    let of = |ran: bool| {
        let ours = entries.iter().filter(|it| it.schedule == "db_maintenance");
        ours.filter(|it| it.job.is_some() == ran).count()
    };
    assert_eq!((of(true), of(false)), (1, 10));
    assert!(entries.is_sorted_by_key(|it| it.at));
}
