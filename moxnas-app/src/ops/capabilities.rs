//! What can work on this machine, and what cannot.

use std::sync::Arc;

use moxnas_telemetry::capability::Verdict;

use crate::{
    actor::{Actor, Role},
    app::App,
    error::Error,
    operation::{Effect, Operation, Query},
};

/// Say of each thing that a storage server does whether it can work here, and what would help.
#[derive(Clone, Copy, Debug)]
pub struct CapabilityList;

operation!(
    CapabilityList,
    "capability_list",
    Some(Role::Viewer),
    Arc<Vec<Verdict>>
);

impl Query for CapabilityList {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<Arc<Vec<Verdict>>, Error> {
        Ok(Arc::clone(&app.seen().capabilities))
    }
}
