//! Who is connected to shares, and ending that.

use std::sync::Arc;

use moxnas_core::plan::Plan;
use moxnas_shares::sessions::{
    SessionId, Sessions,
    plan::{is_gone, plan},
};

use crate::{
    actor::{Actor, Role},
    answers::{Asked, Question},
    app::App,
    error::Error,
    machine::AppStep,
    operation::{Change, Effect, Lane, Operation, Query},
    seen::Seen,
};

/// List who is connected to shares.
#[derive(Clone, Copy, Debug)]
pub struct ShareSessionList {
    /// Ask the daemons first, rather than answer what they said last.
    pub fresh: bool,
}

/// End a session. The client may come back at once.
#[derive(Clone, Copy, Debug)]
pub struct ShareSessionEnd {
    /// Which.
    pub session: SessionId,
}

operation!(
    ShareSessionList,
    "share_session_list",
    Some(Role::Viewer),
    Asked<Sessions>
);
operation!(
    ShareSessionEnd,
    "share_session_end",
    Some(Role::Admin),
    (),
    session
);

impl Query for ShareSessionList {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<Asked<Sessions>, Error> {
        let mut seen = app.seen();
        if self.fresh || seen.answers.sessions.is_none() {
            seen = app.ask(Question::Sessions).await?;
        }
        known(&seen)?;
        let asked = seen.answers.sessions.clone();
        asked.ok_or_else(|| Error::SessionsNotTold("nobody asked yet".to_owned()))
    }
}

fn known(seen: &Seen) -> Result<&Sessions, Error> {
    match &seen.answers.sessions {
        Some(asked) => match &asked.said {
            Ok(sessions) => Ok(sessions),
            Err(why) => Err(Error::SessionsNotTold(why.clone())),
        },
        None => Err(Error::SessionsNotTold("nobody asked yet".to_owned())),
    }
}

impl Change for ShareSessionEnd {
    const LANE: Lane = Lane::Shares;

    fn asks(&self, _: &Seen) -> Vec<Question> {
        vec![Question::Sessions]
    }

    fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        Ok(plan(known(seen)?, self.session)?.map(AppStep::Session))
    }

    fn etag(&self, _: &Seen) -> Option<String> {
        None
    }

    fn verify(&self, after: &Seen) -> Result<(), Error> {
        match is_gone(known(after)?, self.session) {
            true => Ok(()),
            false => Err(Error::NotVerified(format!(
                "session {} is still there",
                self.session
            ))),
        }
    }
}
