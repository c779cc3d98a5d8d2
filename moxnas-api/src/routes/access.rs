//! Why somebody may do something with a file of a share, and what can work on this machine at all.

use moxnas_app::ops::capabilities::CapabilityList;
use poem::web::Data;
use poem_openapi::{OpenApi, payload::Json};

use super::Tag;
use crate::{Shared, caller::Caller, input::Input, problem::Answer, wire::access as wire};

/// Questions about what may and can be.
pub(crate) struct Access;

#[OpenApi]
impl Access {
    /// Explain whether somebody may do something with a path of a share
    ///
    /// The answer names the first rule that denies, and the least change by which it would not. It is
    /// made from what is meant to be offered, the users and groups, and the folders on the way.
    #[oai(
        path = "/shares/explain-access",
        method = "post",
        operation_id = "access_explain",
        tag = "Tag::Shares"
    )]
    async fn explain(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::ExplainAccess>,
    ) -> Answer<Json<wire::AccessExplanation>> {
        let explain = body.0.wish()?;
        Ok(Json(app.call(&caller.actor, explain).await?.into()))
    }

    /// Say of each thing that a storage server does whether it can work here
    ///
    /// In a container much is for the host to do; the remedy says what.
    #[oai(
        path = "/system/capabilities",
        method = "get",
        operation_id = "capability_list",
        tag = "Tag::System"
    )]
    async fn capabilities(
        &self,
        app: Data<&Shared>,
        caller: Caller,
    ) -> Answer<Json<wire::CapabilityPage>> {
        let all = app.call(&caller.actor, CapabilityList).await?;
        let items = all.iter().map(wire::CapabilityVerdict::from).collect();
        Ok(Json(wire::CapabilityPage { items }))
    }
}
