//! Taking over what others offer in their files.

use moxnas_core::plan::Plan;
use moxnas_shares::{
    adopt::{Adoption, adopt, plan_adoption},
    import::Left,
    model::Intent,
};

use crate::{
    actor::Role,
    error::Error,
    machine::AppStep,
    operation::{Change, Lane, Operation},
    seen::Seen,
    sharing::ShareError,
};

/// Take over what others offer in their files, as it is.
#[derive(Clone, Debug)]
pub struct ShareImport {
    /// Which shares, by name; nothing named: all, and the settings of servers.
    pub shares: Vec<String>,
}

operation!(ShareImport, "share_import", Some(Role::Admin), ());

impl ShareImport {
    fn adoption(&self, seen: &Seen) -> Result<Adoption, Error> {
        let sharing = &seen.sharing;
        let served = sharing.served.as_ref();
        let served = served.map_err(|why| Error::NotTold(why.clone()))?;
        let known = &sharing.offered.intent;
        let mut adoption = adopt(served, known, &sharing.places, &self.shares);
        // As the next look has them.
        adoption.intent.sort();
        Ok(adoption)
    }
}

/// What was left, for people.
fn words(left: &Left) -> String {
    let mut text = left.file.clone();
    if let Some(line) = left.line {
        text.push_str(&format!(" line {line}"));
    }
    if let Some(section) = &left.section {
        text.push_str(&format!(" [{section}]"));
    }
    match &left.option {
        Some(option) => text.push_str(&format!(" {option} = {}", left.value)),
        None if left.value.is_empty() => (),
        None => text.push_str(&format!(" {}", left.value)),
    }
    format!("{text}: {}", left.why)
}

impl Change for ShareImport {
    const LANE: Lane = Lane::Shares;

    fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        let adoption = self.adoption(seen)?;
        if adoption.taken.is_empty() && adoption.intent == seen.sharing.offered.intent {
            return Err(
                ShareError::NothingToImport(adoption.left.iter().map(words).collect()).into(),
            );
        }
        let served = seen.sharing.served.as_ref();
        let served = served.map_err(|why| Error::NotTold(why.clone()))?;
        let mut plan = plan_adoption(served, &adoption, &seen.sharing.places)?;
        plan.warnings.extend(adoption.left.iter().map(words));
        Ok(plan.map(AppStep::Shares))
    }

    fn etag(&self, _: &Seen) -> Option<String> {
        None
    }

    fn offers(&self, seen: &Seen) -> Result<Option<Intent>, Error> {
        Ok(Some(self.adoption(seen)?.intent))
    }

    fn verify(&self, _: &Seen) -> Result<(), Error> {
        Ok(())
    }
}
