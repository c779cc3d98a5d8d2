//! What was meant before changes, and the way back to it.

use std::sync::Arc;

use moxnas_core::plan::Plan;
use moxnas_shares::model::Intent;

use super::{Edit, change_by_edit, planned};
use crate::{
    actor::{Actor, Role},
    answers::Question,
    app::App,
    error::Error,
    machine::AppStep,
    operation::{Change, Effect, Lane, Operation, Query},
    seen::Seen,
    sharing::ShareError,
    store::StoredGeneration,
};

/// List the changes of what is meant, the newest first.
#[derive(Clone, Copy, Debug)]
pub struct GenerationList;

/// Go back to what was meant before a change.
#[derive(Clone, Debug)]
pub struct GenerationRevert {
    /// Its number.
    pub number: u32,
    /// What was meant then.
    before: Intent,
}

impl GenerationRevert {
    /// The way back to what was meant before the change with this number, or before the one that made the
    /// generation of files with this number.
    pub async fn to(app: &App, number: u32) -> Result<GenerationRevert, Error> {
        let all = app.store.share_generations().await?;
        let known = all.into_iter().find(|it| it.number <= number);
        let before = known.ok_or(ShareError::NoGeneration(number))?.before;
        Ok(GenerationRevert { number, before })
    }
}

operation!(
    GenerationList,
    "share_generation_list",
    Some(Role::Viewer),
    Vec<StoredGeneration>
);
operation!(
    GenerationRevert,
    "share_generation_revert",
    Some(Role::Admin),
    (),
    number
);

impl Query for GenerationList {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<Vec<StoredGeneration>, Error> {
        Ok(app.store.share_generations().await?)
    }
}

impl Edit for GenerationRevert {
    fn edited(&self, _: &Seen) -> Result<Intent, Error> {
        Ok(self.before.clone())
    }
}

change_by_edit!(GenerationRevert);
