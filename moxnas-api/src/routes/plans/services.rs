//! Plans of the daemons, and of those who are connected to them.

use std::sync::Arc;

use moxnas_app::{
    Actor, App, Operation,
    ops::{
        services::{
            ServiceDisable, ServiceEnable, ServiceReload, ServiceRestart, ServiceStart, ServiceStop,
        },
        share_sessions::ShareSessionEnd,
    },
};

use super::{Wish, done, wire};
use crate::{problem::Answer, wire::shares::one};

/// The plan of one of these operations.
pub(super) async fn plan(
    app: &Arc<App>,
    actor: &Actor,
    operation: &str,
    wish: Wish,
) -> Answer<wire::Plan> {
    let mut it = wish;
    if operation == ShareSessionEnd::NAME {
        let session = it.path("session")?;
        app.check_access::<ShareSessionEnd>(actor, &session).await?;
        let session = one("session", &session)?;
        return done(app, actor, it, ShareSessionEnd { session }).await;
    }
    let service = it.path("service")?;
    match operation {
        ServiceStart::NAME => done(app, actor, it, ServiceStart { service }).await,
        ServiceStop::NAME => done(app, actor, it, ServiceStop { service }).await,
        ServiceRestart::NAME => done(app, actor, it, ServiceRestart { service }).await,
        ServiceReload::NAME => done(app, actor, it, ServiceReload { service }).await,
        ServiceEnable::NAME => done(app, actor, it, ServiceEnable { service }).await,
        _ => done(app, actor, it, ServiceDisable { service }).await,
    }
}

/// The operations that can be planned here.
pub(super) const OPERATIONS: [&str; 7] = [
    ServiceDisable::NAME,
    ServiceEnable::NAME,
    ServiceReload::NAME,
    ServiceRestart::NAME,
    ServiceStart::NAME,
    ServiceStop::NAME,
    ShareSessionEnd::NAME,
];
