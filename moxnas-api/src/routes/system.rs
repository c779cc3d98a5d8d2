//! The machine as a whole.

use moxnas_app::ops::{
    initramfs::{InitramfsShow, InitramfsUpdate},
    system::{HealthBasic, HealthDetailed, HealthLive, HealthReady, SystemInfo},
};
use poem::web::Data;
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Header, Query},
    payload::Json,
};

use super::{Tag, jobs::Begun, look, terms};
use crate::{
    Shared,
    caller::{Anybody, Caller},
    problem::Answer,
    wire::{
        initramfs::Initramfs,
        system::{self as wire, Detail, Health, Status},
    },
};

/// The machine as a whole.
pub(crate) struct System;

/// The verdict, with a status that load balancers understand.
#[derive(ApiResponse)]
pub(crate) enum Verdict {
    /// It works, perhaps not as it should: see `status`
    #[oai(status = 200)]
    Works(Json<Health>),
    /// It does not
    #[oai(status = 503)]
    Fails(Json<Health>),
}

impl Verdict {
    fn new(health: Health) -> Verdict {
        match health.status {
            Status::Unhealthy => Verdict::Fails(Json(health)),
            Status::Healthy | Status::Unknown | Status::Degraded => Verdict::Works(Json(health)),
        }
    }
}

#[OpenApi(prefix_path = "/system", tag = "Tag::System")]
impl System {
    /// Show whether everything works
    ///
    /// Needs no login, and tells no causes.
    #[oai(path = "/health", method = "get", operation_id = "health_basic")]
    async fn health(&self, app: Data<&Shared>, anybody: Anybody) -> Answer<Json<Health>> {
        let checks = app.call(&anybody.0, HealthBasic).await?;
        Ok(Json(Health::new(checks, Detail::Verdicts)))
    }

    /// Show whether the service runs at all
    #[oai(path = "/health/live", method = "get", operation_id = "health_live")]
    async fn live(&self, app: Data<&Shared>, anybody: Anybody) -> Answer<Json<Health>> {
        let checks = app.call(&anybody.0, HealthLive).await?;
        Ok(Json(Health::new(checks, Detail::Verdicts)))
    }

    /// Show whether the service can do its work
    ///
    /// 503 while it cannot: the database does not answer, or the machine cannot be looked at.
    #[oai(path = "/health/ready", method = "get", operation_id = "health_ready")]
    async fn ready(&self, app: Data<&Shared>, anybody: Anybody) -> Answer<Verdict> {
        let checks = app.call(&anybody.0, HealthReady).await?;
        Ok(Verdict::new(Health::new(checks, Detail::Verdicts)))
    }

    /// Show whether everything works, and what does not
    #[oai(
        path = "/health/detailed",
        method = "get",
        operation_id = "health_detailed"
    )]
    async fn detailed(&self, app: Data<&Shared>, caller: Caller) -> Answer<Json<Health>> {
        let checks = app.call(&caller.actor, HealthDetailed).await?;
        Ok(Json(Health::new(checks, Detail::All)))
    }

    /// Show what the kernels know of arrays while they start
    ///
    /// An initramfs has the mdadm.conf of the day that it was made. Read when the service starts, and
    /// again when an image was written.
    #[oai(path = "/initramfs", method = "get", operation_id = "initramfs_show")]
    async fn initramfs(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Read now what was written since: that may take seconds
        fresh: Query<Option<bool>>,
    ) -> Answer<Json<Initramfs>> {
        let wish = InitramfsShow {
            fresh: fresh.0.unwrap_or(false),
        };
        let look = look(fresh.0);
        let view = app.call_after(look, &caller.actor, wish).await?;
        Ok(Json(view.into()))
    }

    /// Make every initramfs again that does not name the arrays as they are
    ///
    /// The answer is the job that does it. Refused where the machine starts without one, as a
    /// container does.
    #[oai(
        path = "/initramfs/update",
        method = "post",
        operation_id = "initramfs_update"
    )]
    async fn update_initramfs(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Begun> {
        let terms = terms(confirm.0, None)?;
        let job = app.begin(&caller.actor, InitramfsUpdate, terms).await?;
        Ok(job.into())
    }

    /// Show what machine this is
    #[oai(path = "/info", method = "get", operation_id = "system_info")]
    async fn info(&self, app: Data<&Shared>, caller: Caller) -> Answer<Json<wire::Info>> {
        Ok(Json(app.call(&caller.actor, SystemInfo).await?.into()))
    }
}
