//! A plan as people and programs are shown it.

use moxnas_core::{
    disk::Expected,
    plan::{Danger, Plan},
};
use moxnas_raid::{
    Inventory,
    consequences::{Lowest, StepOutlook, lowest, outlook},
    plan::predict,
};
use serde::{Deserialize, Serialize};

use crate::{machine::AppStep, seen::Seen};

/// A plan as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanReport {
    /// Names this very plan; sent back to confirm it.
    pub fingerprint: String,
    /// The operation that was planned.
    pub operation: String,
    /// What would be done, in this order.
    pub steps: Vec<StepReport>,
    /// What has to be confirmed; empty: nothing.
    pub dangers: Vec<String>,
    /// What the caller should know.
    pub warnings: Vec<String>,
    /// The arrays that would change, as they are.
    pub before: Vec<ArrayOutlook>,
    /// The same afterwards, once nothing runs in the background any more.
    pub after: Vec<ArrayOutlook>,
    /// How little redundancy arrays that are there have at the worst moment.
    pub lowest: Vec<Lowest>,
}

/// One step as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// In words.
    pub what: String,
    /// The program and its arguments; `None` for a step that runs none.
    pub command: Option<Vec<String>>,
    /// The command that goes to the disk itself, in hexadecimal; `None` for a step that sends none.
    pub command_block: Option<String>,
    /// The files that are written, with what changes in them.
    pub files: Vec<FileReport>,
    /// Ids of the devices whose data is lost.
    pub destroys: Vec<String>,
    /// Whether another step could undo it without loss.
    pub reversible: bool,
    /// How long it takes; `None`: moments, or `outlook` says.
    pub takes: Option<Expected>,
    /// What it leads to: redundancy, capacity, time, and what is lost.
    pub outlook: StepOutlook,
}

/// A file that a step writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileReport {
    /// The file.
    pub path: String,
    /// What is taken out and put in.
    pub diff: String,
}

/// An array in one line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArrayOutlook {
    /// Its name.
    pub name: String,
    /// Its level.
    pub level: String,
    /// Its size.
    pub size_bytes: u64,
    /// How it is: `optimal`, `degraded`, ….
    pub health: String,
    /// How many members may fail; `None` when that cannot be told.
    pub can_lose: Option<u32>,
    /// How many members it lists.
    pub members: u32,
}

impl PlanReport {
    /// Show a plan. `before` is what it was made on.
    #[must_use]
    pub fn new(operation: &str, plan: &Plan<AppStep>, before: &Seen) -> PlanReport {
        let raid_steps = plan.steps.iter().filter_map(AppStep::of_array);
        let raid_steps: Vec<_> = raid_steps.cloned().collect();
        let told = outlook(&before.raid, &raid_steps);
        let raid = raid_steps
            .iter()
            .fold(Inventory::clone(&before.raid), |seen, step| {
                predict(&seen, step)
            });
        let lowest = lowest(&told);
        let mut told = told.into_iter();
        let steps = plan.steps.iter().map(|it| {
            let told = it.of_array().and_then(|_| told.next());
            it.report(before, told.unwrap_or_default())
        });
        let steps: Vec<StepReport> = steps.collect();
        let (old, new) = (outlooks(&before.raid), outlooks(&raid));
        PlanReport {
            fingerprint: plan.fingerprint().to_string(),
            operation: operation.to_owned(),
            steps,
            dangers: plan.dangers.iter().map(Danger::to_string).collect(),
            warnings: plan.warnings.clone(),
            before: old.iter().filter(|it| !new.contains(it)).cloned().collect(),
            after: new.iter().filter(|it| !old.contains(it)).cloned().collect(),
            lowest,
        }
    }

    /// What has to be confirmed, in a few words.
    #[must_use]
    pub fn summary(&self) -> String {
        match self.dangers.as_slice() {
            [] => "nothing".to_owned(),
            [one] => one.clone(),
            [first, rest @ ..] => format!("{first}, and {} more", rest.len()),
        }
    }
}

fn outlooks(seen: &Inventory) -> Vec<ArrayOutlook> {
    let one = |it: &moxnas_raid::Array| {
        let health = moxnas_raid::health(it).0;
        ArrayOutlook {
            name: it.name.clone(),
            level: it.level.to_string(),
            size_bytes: it.size.0,
            health: health.word().to_owned(),
            can_lose: health.can_lose(),
            members: u32::try_from(it.members.len()).unwrap_or(u32::MAX),
        }
    };
    seen.arrays.iter().map(one).collect()
}
