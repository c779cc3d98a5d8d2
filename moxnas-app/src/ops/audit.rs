//! The audit log: looking at it, proving it, taking it elsewhere.

use std::sync::Arc;

use crate::{
    actor::{Actor, Role},
    app::App,
    audit::{
        chain::{Line, Verdict},
        export::{Export, Format},
    },
    error::Error,
    operation::{Effect, Operation, Query},
    store::{AuditFilter, AuditOrder, Chains},
};

/// Look for records.
#[derive(Clone, Debug)]
pub struct AuditList {
    /// Which.
    pub filter: AuditFilter,
    /// Which first.
    pub order: AuditOrder,
    /// Behind the one with this id, in that order.
    pub after: Option<i64>,
    /// How many at most.
    pub limit: u32,
}

/// Prove that the log is as it was written.
#[derive(Clone, Copy, Debug)]
pub struct AuditVerify {
    /// Of which machines.
    pub chains: Chains,
}

/// Take the log elsewhere.
#[derive(Clone, Debug)]
pub struct AuditExport {
    /// Which records.
    pub filter: AuditFilter,
    /// As what.
    pub format: Format,
}

operation!(AuditList, "audit_list", Some(Role::Admin), Vec<Line>);
operation!(AuditVerify, "audit_verify", Some(Role::Admin), Verdict);
operation!(AuditExport, "audit_export", Some(Role::Admin), Export);

impl Query for AuditList {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<Vec<Line>, Error> {
        let AuditList {
            filter,
            order,
            after,
            limit,
        } = self;
        Ok(app.store.audit_lines(&filter, order, after, limit).await?)
    }
}

impl Query for AuditVerify {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<Verdict, Error> {
        let verdict = app.audit.verify(self.chains).await?;
        if verdict.is_sound() {
            app.audit.move_mark().await?;
        }
        Ok(verdict)
    }
}

impl Query for AuditExport {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<Export, Error> {
        let AuditExport { filter, format } = self;
        Ok(Export::begin(app.store.clone(), filter, format).await?)
    }
}
