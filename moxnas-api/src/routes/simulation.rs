//! A simulated machine. In a document of its own: a real service has none of it.

use moxnas_app::ops::simulation::{SimAdvance, SimFault, SimShow};
use poem::web::Data;
use poem_openapi::{OpenApi, Tags, payload::Json};

use crate::{
    Shared,
    caller::Caller,
    input::Input,
    problem::{Answer, Problem},
    wire::simulation as wire,
};

/// The chapters of the document: an unused one in that of the service would be an empty chapter.
#[derive(Tags)]
enum Tag {
    /// Breaking a simulated machine, and moving its time
    Simulation,
}

/// A simulated machine.
pub(crate) struct Simulation;

#[OpenApi(tag = "Tag::Simulation")]
impl Simulation {
    /// Show the simulated machine
    #[oai(path = "/", method = "get", operation_id = "sim_show")]
    async fn show(&self, app: Data<&Shared>, caller: Caller) -> Answer<Json<wire::Simulation>> {
        Ok(Json(app.call(&caller.actor, SimShow).await?.into()))
    }

    /// Make something go wrong
    #[oai(path = "/faults", method = "post", operation_id = "sim_fault")]
    async fn fault(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::Fault>,
    ) -> Answer<Json<wire::Simulation>> {
        let lacks = |err: wire::BadFault| {
            let problem = Problem::invalid(err.to_string());
            match err {
                wire::BadFault::Lacks(field) => problem.field(field, "required"),
                wire::BadFault::Name(_) => problem.field("pool", "a name of a pool"),
            }
        };
        let fault = SimFault::try_from(body.0).map_err(lacks)?;
        Ok(Json(app.call(&caller.actor, fault).await?.into()))
    }

    /// Move the time of the simulated machine forward
    #[oai(path = "/clock", method = "post", operation_id = "sim_advance")]
    async fn advance(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::Advance>,
    ) -> Answer<Json<wire::Simulation>> {
        Ok(Json(
            app.call(&caller.actor, SimAdvance(body.0.duration()))
                .await?
                .into(),
        ))
    }
}
