//! The machines that replicas may be sent to.

use moxnas_app::ops::targets::{TargetAdd, TargetCheck, TargetGet, TargetList, TargetRemove};
use poem::web::Data;
use poem_openapi::{ApiResponse, OpenApi, param::Path, payload::Json};

use super::{Tag, auth::Done};
use crate::{Shared, caller::Caller, input::Input, problem::Answer, wire::targets as wire};

/// Targets.
pub(crate) struct Targets;

/// A machine that replicas may be sent to from now on.
#[derive(ApiResponse)]
pub(crate) enum AddedTarget {
    /// It is known
    #[oai(status = 201)]
    Added(
        Json<wire::Target>,
        /// Where it is
        #[oai(header = "Location")]
        String,
    ),
}

#[OpenApi(prefix_path = "/storage/targets", tag = "Tag::Pools")]
impl Targets {
    /// List the machines that replicas may be sent to
    #[oai(path = "/", method = "get", operation_id = "target_list")]
    async fn list(&self, app: Data<&Shared>, caller: Caller) -> Answer<Json<wire::TargetPage>> {
        let all = app.call(&caller.actor, TargetList).await?;
        let items = all.into_iter().map(wire::Target::from).collect();
        Ok(Json(wire::TargetPage { items, next: None }))
    }

    /// Let replicas be sent to a machine
    ///
    /// It is asked for its host keys. Without `host_key` that is all, and the answer is 409 and names
    /// their fingerprints: one of them has to be compared on that machine itself, and sent.
    #[oai(path = "/", method = "post", operation_id = "target_add")]
    async fn add(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::AddTarget>,
    ) -> Answer<AddedTarget> {
        let add = TargetAdd::try_from(body.0)?;
        let added: wire::Target = app.call(&caller.actor, add).await?.into();
        let location = format!("/api/storage/targets/{}", added.name);
        Ok(AddedTarget::Added(Json(added), location))
    }

    /// Show a machine that replicas may be sent to
    #[oai(path = "/:target", method = "get", operation_id = "target_get")]
    async fn get(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// What it is called here
        target: Path<String>,
    ) -> Answer<Json<wire::Target>> {
        let get = TargetGet { target: target.0 };
        Ok(Json(app.call(&caller.actor, get).await?.into()))
    }

    /// Ask a machine whether it takes replicas
    #[oai(
        path = "/:target/check",
        method = "post",
        operation_id = "target_check"
    )]
    async fn check(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// What it is called here
        target: Path<String>,
    ) -> Answer<Json<wire::CheckedTarget>> {
        let check = TargetCheck { target: target.0 };
        Ok(Json(app.call(&caller.actor, check).await?.into()))
    }

    /// Send no more replicas to a machine
    ///
    /// What is there stays there, and so does the line in its authorized_keys.
    #[oai(path = "/:target", method = "delete", operation_id = "target_remove")]
    async fn remove(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// What it is called here
        target: Path<String>,
    ) -> Answer<Done> {
        let remove = TargetRemove { target: target.0 };
        app.call(&caller.actor, remove).await?;
        Ok(Done::Done)
    }
}
