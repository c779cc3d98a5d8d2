//! Why somebody may do something with a file of a share, or not.

use std::{sync::Arc, time::Duration};

use moxnas_core::chain::chain;
use moxnas_shares::access::{Explanation, Facts, Question as Asked, TrailError, explain};

use crate::{
    actor::{Actor, Role},
    answers::Question,
    app::App,
    error::Error,
    operation::{Effect, Operation, Query},
};

/// How long the folders of a share may take to say whose they are.
const WITHIN: Duration = Duration::from_secs(20);

/// Explain whether somebody may do something with a path of a share: the first rule that denies, and the
/// least change that would allow it.
#[derive(Clone, Debug)]
pub struct AccessExplain {
    /// What is asked.
    pub question: Asked,
}

operation!(
    AccessExplain,
    "access_explain",
    Some(Role::Viewer),
    Explanation
);

impl Query for AccessExplain {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<Explanation, Error> {
        let seen = app.ask(Question::People).await?;
        let accounts = seen.people()?.clone();
        let intent = seen.sharing.offered.intent.clone();
        let question = self.question;
        let share = intent.find(question.share.as_str());
        let share = share.ok_or_else(|| Error::NotFound {
            what: "share",
            name: question.share.to_string(),
        })?;
        let (folder, path) = (share.path.clone(), question.path.clone());
        let last = question.wish.last();
        let looked = app.with_few(move |it| {
            let trail = it.paths.trail(&folder, &path, last)?;
            Ok::<_, TrailError>((trail, it.paths.ids()?))
        });
        let Ok(looked) = tokio::time::timeout(WITHIN, looked).await else {
            let (share, seconds) = (&question.share, WITHIN.as_secs());
            return Err(Error::NotTold(format!(
                "the folders of {share} do not answer within {seconds} s"
            )));
        };
        let (trail, ids) = looked?.map_err(|err| Error::NotTold(chain(&err)))?;
        let facts = Facts {
            intent,
            accounts,
            trail,
            ids,
        };
        Ok(explain(&question, &facts))
    }
}
