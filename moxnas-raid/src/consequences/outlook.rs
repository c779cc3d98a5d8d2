//! What each step of a plan leads to: redundancy, capacity, time, and what is lost.

use std::collections::{BTreeMap, BTreeSet};

use moxnas_core::{
    disk::{BlockDevices, DeviceId},
    units::Bytes,
};
use serde::{Deserialize, Serialize};

use super::estimate::{Work, estimate, working};
use crate::{
    health::{Health, health},
    model::{Array, Inventory, SyncAction, SyncState},
    plan::{Step, at_once, predict},
};

/// What one step leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepOutlook {
    /// The array that it changes; `None`: it changes none.
    pub array: Option<ArrayStage>,
    /// What it begins in the background.
    pub work: Option<Work>,
    /// What is lost with it, and was not lost with an earlier step.
    pub lost: Vec<LostContent>,
}

/// An array around a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrayStage {
    /// Its name.
    pub name: String,
    /// Before the step, while what earlier steps began still runs; `None`: it is not there.
    pub before: Option<Stage>,
    /// Right after the step, while what it began still runs; `None`: it is not there any more.
    pub at_once: Option<Stage>,
    /// Once nothing runs in the background any more.
    pub in_the_end: Option<Stage>,
}

/// How much an array holds, and how safe that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// The verdict, with how many members may fail.
    pub health: Health,
    /// Its size.
    pub size: Bytes,
}

/// Something that is lost with a step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LostContent {
    /// The device that it is on.
    pub device: DeviceId,
    /// What it is, as far as anybody can see.
    pub content: String,
}

/// The lowest redundancy that an array has while a plan is carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lowest {
    /// The array, which was there before.
    pub array: String,
    /// How many members may fail before the plan, whichever they are.
    pub before: u32,
    /// How many may fail at its worst moment.
    pub lowest: u32,
}

/// What the steps lead to, one after the other.
#[must_use]
pub fn outlook(seen: &Inventory, steps: &[Step]) -> Vec<StepOutlook> {
    let mut now = spoken_of(seen, steps);
    let mut end = now.clone();
    let mut lost = BTreeSet::new();
    let mut all = Vec::new();
    for step in steps {
        let mut lost_now = content_lost(seen, step);
        lost_now.retain(|it| lost.insert(it.device.clone()));
        let Some(name) = changed(step) else {
            all.push(StepOutlook {
                lost: lost_now,
                ..StepOutlook::default()
            });
            continue;
        };
        let (now_after, end_after) = (at_once(&now, step), predict(&end, step));
        let stage = |seen: &Inventory| find(seen, step).map(Stage::of);
        let array = ArrayStage {
            name: name.to_owned(),
            before: stage(&now),
            at_once: stage(&now_after),
            in_the_end: stage(&end_after),
        };
        all.push(StepOutlook {
            array: Some(array),
            work: work(seen, find(&now, step), find(&now_after, step)),
            lost: lost_now,
        });
        (now, end) = (now_after, end_after);
    }
    all
}

/// Whether the steps change an array that is there: what is new has nothing to lose.
pub(crate) fn change_what_is_there(seen: &Inventory, steps: &[Step]) -> bool {
    steps.iter().any(|it| find(seen, it).is_some())
}

/// The arrays that the steps change, and the devices that they touch: a machine may have a thousand
/// others, and each step makes a machine of its own.
fn spoken_of(seen: &Inventory, steps: &[Step]) -> Inventory {
    let names: BTreeSet<&str> = steps.iter().filter_map(changed).collect();
    let touched: BTreeSet<&DeviceId> = steps.iter().flat_map(Step::touches).collect();
    let is_changed = |it: &&Array| names.contains(it.name.as_str());
    let devices = seen.devices.by_name.iter();
    let devices = devices.filter(|(_, it)| touched.contains(&it.id));
    Inventory {
        arrays: seen.arrays.iter().filter(is_changed).cloned().collect(),
        devices: BlockDevices {
            by_name: devices
                .map(|(name, it)| (name.clone(), it.clone()))
                .collect(),
            errors: Vec::new(),
        },
        ..Inventory::default()
    }
}

/// The lowest redundancy of each array that was there before and can be judged, by name. One that a
/// plan stops or deletes has none afterwards, and none to lose.
#[must_use]
pub fn lowest(outlook: &[StepOutlook]) -> Vec<Lowest> {
    let mut all: BTreeMap<&str, Lowest> = BTreeMap::new();
    for stage in outlook.iter().filter_map(|it| it.array.as_ref()) {
        let can_lose = |it: Option<Stage>| it.and_then(|it| it.health.can_lose());
        let before = can_lose(stage.before);
        if let Some(before) = before {
            let new = || Lowest {
                array: stage.name.clone(),
                before,
                lowest: before,
            };
            all.entry(&stage.name).or_insert_with(new);
        }
        if let (Some(low), Some(now)) = (all.get_mut(stage.name.as_str()), can_lose(stage.at_once))
        {
            low.lowest = low.lowest.min(now);
        }
    }
    all.into_values().collect()
}

impl Stage {
    fn of(array: &Array) -> Stage {
        Stage {
            health: health(array).0,
            size: array.size,
        }
    }
}

/// The name of the array that a step changes.
fn changed(step: &Step) -> Option<&str> {
    match step {
        Step::Create(new) => Some(new.name.as_str()),
        Step::Assemble { name, .. } => Some(name),
        other => other.array().map(|it| it.name.as_str()),
    }
}

/// The array that a step changes, as it is in this inventory.
fn find<'a>(seen: &'a Inventory, step: &Step) -> Option<&'a Array> {
    let name = changed(step)?;
    seen.arrays.iter().find(|it| it.name == name)
}

/// What a step begins. The speed that was seen before the plan is the one to count with.
fn work(seen: &Inventory, before: Option<&Array>, after: Option<&Array>) -> Option<Work> {
    let after = after?;
    let new = after.members.iter().any(|it| {
        let was = before.and_then(|array| array.member(&it.device));
        it.role.is_filled_now() && was.map(|it| it.role) != Some(it.role)
    });
    let runs = |it: &Array| match it.sync {
        SyncState::Running { action, .. } => Some(action),
        _ => None,
    };
    let action = match runs(after) {
        Some(action) if before.and_then(runs) != Some(action) => action,
        _ if new => SyncAction::Recover,
        _ => return None,
    };
    let done = match action {
        SyncAction::Check | SyncAction::Repair => after.scrub_stopped_at.unwrap_or_default(),
        SyncAction::Resync | SyncAction::Recover | SyncAction::Reshape => Bytes(0),
    };
    let per_member = Bytes(after.component_size.0.saturating_sub(done.0));
    let seen_before = seen.arrays.iter().find(|it| it.name == after.name);
    // What is moved is read and written on the same members.
    let most = match action {
        SyncAction::Reshape => Bytes(per_member.0.saturating_mul(2)),
        _ => per_member,
    };
    let time = estimate(seen, seen_before, &working(after), per_member, most);
    Some(Work {
        action,
        per_member,
        time,
    })
}

/// What is on the devices that a step destroys. Members without their superblocks are no array any
/// more: what is on it goes with the first of them.
fn content_lost(seen: &Inventory, step: &Step) -> Vec<LostContent> {
    let mut lost = Vec::new();
    for id in step.destroys() {
        let array = seen.arrays.iter().find(|it| it.member(id).is_some());
        if let (Step::ZeroSuperblock { .. }, Some(array)) = (step, array)
            && let Some(node) = seen.devices.get(&array.kernel_name)
        {
            lost.push(LostContent {
                device: node.id.clone(),
                content: node.content(),
            });
        }
        let content = seen.devices.by_id(id).map(|it| it.content());
        lost.push(LostContent {
            device: id.clone(),
            content: content.unwrap_or_else(|| "unknown".to_owned()),
        });
    }
    lost
}
