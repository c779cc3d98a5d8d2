//! A new array.

use std::collections::BTreeSet;

use moxnas_core::{disk::BlockDevice, plan::Plan, units::Bytes};

use super::{
    CreateArray, Refusal, Step,
    device::{give_up, usable},
    lifecycle::stopped_arrays,
};
use crate::{
    geometry,
    model::{Array, Inventory, Level},
};

/// The chunk that mdadm(8) takes when none is named.
const CHUNK: Bytes = Bytes(512 << 10);

pub(super) fn plan_create(seen: &Inventory, want: &CreateArray) -> Result<Plan<Step>, Refusal> {
    let chunk = check_shape(want)?;
    if let Some(array) = seen.find(want.name.as_str()) {
        return unfinished(seen, want, array);
    }
    if stopped_arrays(seen)
        .iter()
        .any(|it| it.name == want.name.as_str() && !it.is_within(want))
    {
        return Err(Refusal::NameTaken(want.name.clone()));
    }

    let mut plan = Plan::default();
    let mut named = BTreeSet::new();
    let mut sizes = Vec::new();
    for id in want.members.iter().chain(&want.spares) {
        if !named.insert(id) {
            return Err(Refusal::Twice(id.clone()));
        }
        let device = usable(seen, id)?;
        // A disk would take its partitions along.
        let on_others =
            |it: &&BlockDevice| want.members.contains(&it.id) || want.spares.contains(&it.id);
        if let Some(part) = seen.devices.holders(&device.name).find(on_others) {
            return Err(Refusal::Twice(part.id.clone()));
        }
        check_size(device, chunk)?;
        give_up(&seen.devices, device, &mut plan);
        sizes.push(device.size);
    }
    warn(want, &sizes, &mut plan.warnings);
    plan.steps.push(Step::Create {
        name: want.name.clone(),
        level: want.level.clone(),
        members: want.members.clone(),
        spares: want.spares.clone(),
        chunk,
        bitmap: geometry::is_redundant(&want.level),
    });
    plan.steps.push(Step::Record {
        name: want.name.clone(),
    });
    Ok(plan)
}

/// What can be seen from the wish alone. Gives the chunk.
fn check_shape(want: &CreateArray) -> Result<Option<Bytes>, Refusal> {
    let level = &want.level;
    let need = match level {
        // Gone from newer kernels.
        Level::Linear => None,
        level => geometry::members_min(level),
    };
    let need = need.ok_or_else(|| Refusal::LevelNotMade(level.clone()))?;
    if want.members.len() < need as usize {
        let got = want.members.len();
        return Err(Refusal::TooFewMembers {
            level: level.clone(),
            need,
            got,
        });
    }
    if !want.spares.is_empty() && !geometry::is_redundant(level) {
        return Err(Refusal::SparesUseless(level.clone()));
    }
    match want.chunk {
        None => Ok(geometry::has_chunks(level).then_some(CHUNK)),
        Some(it) if geometry::has_chunks(level) && it.0 >= 4096 && it.0.is_power_of_two() => {
            Ok(Some(it))
        }
        Some(chunk) => Err(Refusal::BadChunk {
            chunk,
            level: level.clone(),
        }),
    }
}

/// An array of that name is there. If it is just what was wished for and only its line in
/// mdadm.conf is missing, an earlier attempt stopped half way and is finished now.
fn unfinished(seen: &Inventory, want: &CreateArray, array: &Array) -> Result<Plan<Step>, Refusal> {
    let listed: BTreeSet<_> = array.members.iter().map(|it| &it.device).collect();
    let named: BTreeSet<_> = want.members.iter().chain(&want.spares).collect();
    let is_same = array.level == want.level
        && array.slots as usize == want.members.len()
        && listed == named
        && array.name == want.name.as_str();
    let is_recorded = array.uuid.as_ref().is_none_or(|uuid| seen.conf.names(uuid));
    if !is_same || is_recorded {
        return Err(Refusal::NameTaken(want.name.clone()));
    }
    Ok(Plan {
        steps: vec![Step::Record {
            name: want.name.clone(),
        }],
        evidence: vec![super::array_evidence(array)],
        warnings: vec![format!(
            "{} is there already, only mdadm.conf has to be written",
            want.name
        )],
        ..Plan::default()
    })
}

fn check_size(device: &BlockDevice, chunk: Option<Bytes>) -> Result<(), Refusal> {
    // One chunk beside the superblock and its room would do for md, and for nothing else.
    let need = Bytes(16 << 20);
    let usable = geometry::component_size(device.size, chunk);
    if device.size < need || usable.0 == 0 {
        return Err(Refusal::TooSmall {
            device: device.id.clone(),
            has: device.size,
            need,
        });
    }
    Ok(())
}

fn warn(want: &CreateArray, sizes: &[Bytes], warnings: &mut Vec<String>) {
    if !geometry::is_redundant(&want.level) {
        warnings.push(format!(
            "{} has no redundancy: the failure of any one member loses all data",
            want.level
        ));
    }
    let smallest = sizes.iter().min().copied().unwrap_or_default();
    let unused: Bytes = sizes.iter().map(|it| Bytes(it.0 - smallest.0)).sum();
    // Disks of one model differ by a few sectors.
    if unused.0 > smallest.0 / 100 && want.level != Level::Raid0 {
        warnings.push(format!(
            "the members differ in size: {unused} are not used, because the smallest has {smallest}"
        ));
    }
}
