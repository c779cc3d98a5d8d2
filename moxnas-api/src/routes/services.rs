//! The daemons that serve, and who is connected to them.

use moxnas_app::{
    Change,
    ops::{
        services::{
            LINES, ServiceDisable, ServiceEnable, ServiceGet, ServiceList, ServiceLog,
            ServiceReload, ServiceRestart, ServiceStart, ServiceStop,
        },
        share_sessions::{ShareSessionEnd, ShareSessionList},
    },
};
use poem::{http::StatusCode, web::Data};
use poem_openapi::{
    OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};

use super::{Tag, arrays::Done, look, terms};
use crate::{
    Shared,
    caller::Caller,
    problem::{Answer, Problem},
    wire::{services as wire, shares::one},
};

/// Services.
pub(crate) struct Services;

/// Make a change of a service, and show it then.
async fn changed<C: Change<Output = ()>>(
    app: &Shared,
    caller: &Caller,
    service: String,
    change: C,
    confirm: Option<String>,
) -> Answer<Json<wire::Service>> {
    let terms = terms(confirm, None)?;
    app.change(&caller.actor, change, terms).await?;
    shown(app, caller, service).await.map(Json)
}

async fn shown(app: &Shared, caller: &Caller, service: String) -> Answer<wire::Service> {
    let get = ServiceGet {
        service: service.clone(),
    };
    let view = app.call(&caller.actor, get).await?;
    wire::Service::named(&service, &view)
        .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "not_found").detail("no such service"))
}

#[OpenApi(prefix_path = "/services", tag = "Tag::Services")]
impl Services {
    /// List the services
    #[oai(path = "/", method = "get", operation_id = "service_list")]
    async fn list(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Look at the machine first
        fresh: Query<Option<bool>>,
    ) -> Answer<Json<wire::ServicePage>> {
        let view = app.call_after(look(fresh.0), &caller.actor, ServiceList);
        Ok(Json(view.await?.into()))
    }

    /// Show a service
    #[oai(path = "/:service", method = "get", operation_id = "service_get")]
    async fn get(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Its name: samba, nfs, ftp, ssh, web, discovery
        service: Path<String>,
    ) -> Answer<Json<wire::Service>> {
        shown(&app, &caller, service.0).await.map(Json)
    }

    /// Show what a service said last
    #[oai(path = "/:service/log", method = "get", operation_id = "service_log")]
    async fn log(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Its name
        service: Path<String>,
        /// How many lines of each of its units at most, 1 to 1000; 50 if left out
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        lines: Query<Option<u32>>,
    ) -> Answer<Json<wire::ServiceLogPage>> {
        let log = ServiceLog {
            service: service.0,
            lines: lines.0.unwrap_or(LINES),
        };
        let all = app.call(&caller.actor, log).await?;
        let items = all.into_iter().map(wire::ServiceLogLine::from).collect();
        Ok(Json(wire::ServiceLogPage { items }))
    }

    /// Have a service run
    #[oai(
        path = "/:service/start",
        method = "post",
        operation_id = "service_start"
    )]
    async fn start(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Its name
        service: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::Service>> {
        let wish = ServiceStart {
            service: service.0.clone(),
        };
        changed(&app, &caller, service.0, wish, confirm.0).await
    }

    /// Have a service not run
    ///
    /// Whoever is connected is cut off.
    #[oai(
        path = "/:service/stop",
        method = "post",
        operation_id = "service_stop"
    )]
    async fn stop(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Its name
        service: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::Service>> {
        let wish = ServiceStop {
            service: service.0.clone(),
        };
        changed(&app, &caller, service.0, wish, confirm.0).await
    }

    /// End a service and start it anew
    ///
    /// Whoever is connected is cut off.
    #[oai(
        path = "/:service/restart",
        method = "post",
        operation_id = "service_restart"
    )]
    async fn restart(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Its name
        service: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::Service>> {
        let wish = ServiceRestart {
            service: service.0.clone(),
        };
        changed(&app, &caller, service.0, wish, confirm.0).await
    }

    /// Have a service read its files again
    ///
    /// What it is at goes on.
    #[oai(
        path = "/:service/reload",
        method = "post",
        operation_id = "service_reload"
    )]
    async fn reload(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Its name
        service: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::Service>> {
        let wish = ServiceReload {
            service: service.0.clone(),
        };
        changed(&app, &caller, service.0, wish, confirm.0).await
    }

    /// Have a service come with the machine
    #[oai(
        path = "/:service/enable",
        method = "post",
        operation_id = "service_enable"
    )]
    async fn enable(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Its name
        service: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::Service>> {
        let wish = ServiceEnable {
            service: service.0.clone(),
        };
        changed(&app, &caller, service.0, wish, confirm.0).await
    }

    /// Have a service not come with the machine
    ///
    /// It runs on until it is stopped.
    #[oai(
        path = "/:service/disable",
        method = "post",
        operation_id = "service_disable"
    )]
    async fn disable(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Its name
        service: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::Service>> {
        let wish = ServiceDisable {
            service: service.0.clone(),
        };
        changed(&app, &caller, service.0, wish, confirm.0).await
    }
}

/// Who is connected.
pub(crate) struct ShareSessions;

#[OpenApi(prefix_path = "/shares/sessions", tag = "Tag::Shares")]
impl ShareSessions {
    /// List who is connected to shares
    #[oai(path = "/", method = "get", operation_id = "share_session_list")]
    async fn list(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Ask the daemons first
        fresh: Query<Option<bool>>,
    ) -> Answer<Json<wire::ShareSessionPage>> {
        let list = ShareSessionList {
            fresh: fresh.0 == Some(true),
        };
        Ok(Json(app.call(&caller.actor, list).await?.into()))
    }

    /// End a session
    ///
    /// What the client has not sent yet is lost, and it may come back at once.
    #[oai(
        path = "/:session",
        method = "delete",
        operation_id = "share_session_end"
    )]
    async fn end(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Its id
        session: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Done> {
        app.check_access::<ShareSessionEnd>(&caller.actor, &session.0)
            .await?;
        let session = one("session", &session.0)?;
        let terms = terms(confirm.0, None)?;
        app.change(&caller.actor, ShareSessionEnd { session }, terms)
            .await?;
        Ok(Done::Done)
    }
}
