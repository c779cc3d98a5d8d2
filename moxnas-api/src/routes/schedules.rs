//! Schedules.

use moxnas_app::ops::schedules::{
    ScheduleDelete, ScheduleGet, ScheduleHistory, ScheduleList, ScheduleReplica, ScheduleRetry,
    ScheduleRun, ScheduleSnapshots, ScheduleTimeline, ScheduleToggle,
};
use poem::web::Data;
use poem_openapi::{
    OpenApi,
    param::{Path, Query},
    payload::Json,
};
use time::OffsetDateTime;

use super::{
    Page, Tag,
    auth::Done,
    jobs::{Begun, page_of},
};
use crate::{
    Shared,
    caller::Caller,
    input::Input,
    problem::Answer,
    wire::{jobs::JobPage, schedules as wire},
};

/// Schedules.
pub(crate) struct Schedules;

#[OpenApi(prefix_path = "/schedulers", tag = "Tag::Schedules")]
impl Schedules {
    /// List all schedules
    #[oai(path = "/", method = "get", operation_id = "schedule_list")]
    async fn list(&self, app: Data<&Shared>, caller: Caller) -> Answer<Json<wire::SchedulePage>> {
        let views = app.call(&caller.actor, ScheduleList).await?;
        let items = views.into_iter().map(wire::Schedule::from).collect();
        Ok(Json(wire::SchedulePage { items, next: None }))
    }

    /// Show what ran and what will run
    #[oai(path = "/timeline", method = "get", operation_id = "schedule_timeline")]
    async fn timeline(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// From when; a day ago if left out
        from: Query<Option<OffsetDateTime>>,
        /// Until when, at most 400 days later; a week ahead if left out
        to: Query<Option<OffsetDateTime>>,
    ) -> Answer<Json<wire::Timeline>> {
        let timeline = ScheduleTimeline {
            from: from.0.map(Into::into),
            to: to.0.map(Into::into),
        };
        let runs = app.call(&caller.actor, timeline).await?;
        let items = runs.into_iter().map(wire::TimelineRun::from).collect();
        Ok(Json(wire::Timeline { items }))
    }

    /// Have snapshots of a dataset taken, and deleted
    ///
    /// A snapshot is named after its prefix and its time. Those of the prefix that the rules do not keep
    /// are deleted after each run; who makes the schedule agrees to that. A schedule of the same dataset
    /// and the same prefix is set anew.
    #[oai(
        path = "/snapshots",
        method = "post",
        operation_id = "schedule_snapshots"
    )]
    async fn snapshots(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::MakeSnapshotSchedule>,
    ) -> Answer<Json<wire::Schedule>> {
        let make = ScheduleSnapshots::try_from(body.0)?;
        Ok(Json(app.call(&caller.actor, make).await?.into()))
    }

    /// Have a replica of a dataset brought up to date
    ///
    /// A run that would lose anything that nobody has agreed to fails and says so. A schedule of the same
    /// replica is set anew.
    #[oai(path = "/replicas", method = "post", operation_id = "schedule_replica")]
    async fn replica(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::MakeReplicaSchedule>,
    ) -> Answer<Json<wire::Schedule>> {
        let make = ScheduleReplica::try_from(body.0)?;
        Ok(Json(app.call(&caller.actor, make).await?.into()))
    }

    /// Delete a schedule that somebody has made
    ///
    /// The snapshots and replicas stay. What runs of it goes on.
    #[oai(
        path = "/:schedule",
        method = "delete",
        operation_id = "schedule_delete"
    )]
    async fn delete(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the schedule
        schedule: Path<String>,
    ) -> Answer<Done> {
        let delete = ScheduleDelete {
            schedule: schedule.0,
        };
        app.call(&caller.actor, delete).await?;
        Ok(Done::Done)
    }

    /// Show a schedule
    #[oai(path = "/:schedule", method = "get", operation_id = "schedule_get")]
    async fn get(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the schedule
        schedule: Path<String>,
    ) -> Answer<Json<wire::Schedule>> {
        let get = ScheduleGet {
            schedule: schedule.0,
        };
        Ok(Json(app.call(&caller.actor, get).await?.into()))
    }

    /// Set a schedule anew
    #[oai(
        path = "/:schedule",
        method = "patch",
        operation_id = "schedule_change"
    )]
    async fn change(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the schedule
        schedule: Path<String>,
        body: Input<wire::ChangeSchedule>,
    ) -> Answer<Json<wire::Schedule>> {
        let change = body.0.of(schedule.0);
        Ok(Json(app.call(&caller.actor, change).await?.into()))
    }

    /// Enable or disable a schedule
    #[oai(
        path = "/:schedule/toggle",
        method = "post",
        operation_id = "schedule_toggle"
    )]
    async fn toggle(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the schedule
        schedule: Path<String>,
        body: Input<wire::ToggleSchedule>,
    ) -> Answer<Json<wire::Schedule>> {
        let change = ScheduleToggle {
            schedule: schedule.0,
            enabled: body.0.enabled,
        };
        Ok(Json(app.call(&caller.actor, change).await?.into()))
    }

    /// Run a schedule now
    #[oai(
        path = "/:schedule/run-now",
        method = "post",
        operation_id = "schedule_run"
    )]
    async fn run(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the schedule
        schedule: Path<String>,
    ) -> Answer<Begun> {
        let run = ScheduleRun {
            schedule: schedule.0,
        };
        Ok(app.call(&caller.actor, run).await?.into())
    }

    /// Repeat the last run of a schedule, which failed
    #[oai(
        path = "/:schedule/retry",
        method = "post",
        operation_id = "schedule_retry"
    )]
    async fn retry(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the schedule
        schedule: Path<String>,
    ) -> Answer<Begun> {
        let retry = ScheduleRetry {
            schedule: schedule.0,
        };
        Ok(app.call(&caller.actor, retry).await?.into())
    }

    /// List the runs of a schedule, newest first
    #[oai(
        path = "/:schedule/history",
        method = "get",
        operation_id = "schedule_history"
    )]
    async fn history(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the schedule
        schedule: Path<String>,
        /// How many at most, 1 to 1000; 100 if left out
        limit: Query<Option<usize>>,
        /// `next` of the page before
        cursor: Query<Option<String>>,
    ) -> Answer<Json<JobPage>> {
        let page = Page::new(limit.0, cursor.0)?;
        let history = ScheduleHistory {
            schedule: schedule.0,
            limit: page.one_more(),
            before: page.cursor,
        };
        let runs = app.call(&caller.actor, history).await?;
        Ok(Json(page_of(runs, page.limit)))
    }
}
