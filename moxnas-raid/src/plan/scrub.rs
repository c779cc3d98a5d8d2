//! Reading all of an array.

use moxnas_core::plan::Plan;

use super::{ArrayRef, Refusal, Scrub, Step, array_evidence, settings::check_writable};
use crate::{
    geometry,
    health::{Health, health},
    model::{Array, SyncAction, SyncState},
};

pub(super) fn plan_scrub(array: &Array, scrub: Scrub) -> Result<Plan<Step>, Refusal> {
    let name = || array.name.clone();
    if !array.state.is_started() {
        return Err(Refusal::NotStarted(name()));
    }
    if !geometry::is_redundant(&array.level) {
        return Err(Refusal::NotRedundant {
            array: name(),
            level: array.level.clone(),
        });
    }
    check_writable(array)?;
    if array.sync == SyncState::Frozen {
        return Err(Refusal::Paused(name()));
    }
    let running = array.sync.action();
    match (scrub, running) {
        (Scrub::Idle, Some(SyncAction::Check | SyncAction::Repair)) => (),
        (Scrub::Idle, Some(action)) => {
            return Err(Refusal::busy(array, action));
        }
        (Scrub::Idle, None) => return Err(Refusal::NoScrub(name())),
        (_, Some(action)) => {
            return Err(Refusal::busy(array, action));
        }
        (_, None) => {
            if let Health::Degraded { missing, .. } | Health::Failed { missing } = health(array).0 {
                return Err(Refusal::Degraded {
                    array: name(),
                    missing,
                });
            }
        }
    }
    let mut plan = Plan {
        evidence: vec![array_evidence(array)],
        ..Plan::default()
    };
    if scrub == Scrub::Repair {
        plan.warnings.push(
            "where copies differ, repair makes them equal, it cannot know which one is right"
                .to_owned(),
        );
    }
    plan.steps.push(Step::Scrub {
        array: ArrayRef::of(array),
        scrub,
    });
    Ok(plan)
}
