//! What arrays should be there, and agreeing to what is.

use std::sync::Arc;

use crate::{
    actor::{Actor, Role},
    app::App,
    error::Error,
    operation::{Effect, Operation, Query},
    seen::Seen,
};

/// What should be there, with the look that it is held against.
#[derive(Clone, Debug)]
pub struct ExpectedView {
    /// The look.
    pub seen: Arc<Seen>,
}

/// List what should be there, and what is not as it should be.
#[derive(Clone, Copy, Debug)]
pub struct ExpectedList;

/// Agree to what is there.
#[derive(Clone, Debug)]
pub struct ExpectedAccept {
    /// Of what.
    pub of: Accepted,
}

/// Of what somebody agrees to what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Of the array with this name or UUID. One that is not there is then expected no more.
    Array(String),
    /// Of the whole machine.
    All,
}

operation!(
    ExpectedList,
    "expected_list",
    Some(Role::Viewer),
    ExpectedView
);

impl Operation for ExpectedAccept {
    const NAME: &'static str = "expected_accept";
    const NEEDS: Option<Role> = Some(Role::Admin);
    type Output = ExpectedView;

    fn object(&self) -> Option<String> {
        Some(match &self.of {
            Accepted::Array(name) => name.clone(),
            Accepted::All => "all".to_owned(),
        })
    }
}

impl Query for ExpectedList {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<ExpectedView, Error> {
        Ok(ExpectedView { seen: app.seen() })
    }
}

impl Query for ExpectedAccept {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<ExpectedView, Error> {
        let array = match &self.of {
            Accepted::Array(name) => Some(&**name),
            Accepted::All => None,
        };
        let seen = app.accept(array, &actor.name).await?;
        Ok(ExpectedView { seen })
    }
}
