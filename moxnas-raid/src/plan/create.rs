//! A new array.

use std::collections::BTreeSet;

use moxnas_core::{
    disk::{BlockDevice, DeviceId},
    plan::Plan,
    units::Bytes,
};

use super::{
    CreateArray, NewArray, Refusal, Step,
    device::{give_up, usable},
    lifecycle::stopped_arrays,
};
use crate::{
    geometry,
    model::{Array, Inventory, Level},
    shape::{Consistency, Layout, Shape},
};

/// The chunk that mdadm(8) takes when none is named.
const CHUNK: Bytes = Bytes(512 << 10);

pub(super) fn plan_create(seen: &Inventory, want: &CreateArray) -> Result<Plan<Step>, Refusal> {
    let shape = check_shape(want)?;
    if seen.find(want.name.as_str()).is_some() {
        return unfinished(seen, want);
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
    for id in want.devices() {
        if !named.insert(id) {
            return Err(Refusal::Twice(id.clone()));
        }
        let device = usable(seen, id)?;
        // A disk would take its partitions along.
        let on_others = |it: &&BlockDevice| want.devices().any(|id| *id == it.id);
        if let Some(part) = seen.devices.holders(&device.name).find(on_others) {
            return Err(Refusal::Twice(part.id.clone()));
        }
        check_size(device, &shape)?;
        give_up(&seen.devices, device, &mut plan);
        if want.journal.as_ref() != Some(id) {
            sizes.push(device.size);
        }
    }
    warn(want, &sizes, &mut plan.warnings);
    // What mdadm is told applies to all devices named after it.
    let is_mostly_written = |it: &&DeviceId| want.write_mostly.contains(it);
    let (last, first): (Vec<_>, Vec<_>) = want.members.iter().partition(is_mostly_written);
    plan.steps.push(Step::Create(NewArray {
        name: want.name.clone(),
        shape,
        write_mostly: last.len(),
        members: first.into_iter().chain(last).cloned().collect(),
        spares: want.spares.clone(),
        journal: want.journal.clone(),
        assume_clean: want.assume_clean.is_some(),
    }));
    plan.steps.push(Step::Record {
        name: want.name.clone(),
    });
    Ok(plan)
}

/// What can be seen from the wish alone.
fn check_shape(want: &CreateArray) -> Result<Shape, Refusal> {
    let level = &want.level;
    let need = match level {
        // Gone from newer kernels.
        Level::Linear => None,
        level => geometry::members_min(level),
    };
    let need = need.ok_or_else(|| Refusal::LevelNotMade(level.clone()))?;
    let copies = want.layout.and_then(Layout::copies).map(u32::from);
    let need = need.max(copies.unwrap_or(0));
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
    check_options(want)?;
    Ok(Shape {
        level: level.clone(),
        layout: want.layout,
        chunk: chunk_of(want)?,
        metadata: want.metadata,
        consistency: consistency_of(want)?,
    })
}

fn chunk_of(want: &CreateArray) -> Result<Option<Bytes>, Refusal> {
    let has_chunks = geometry::has_chunks(&want.level);
    match want.chunk {
        None => Ok(has_chunks.then_some(CHUNK)),
        Some(it) if has_chunks && it.0 >= 4096 && it.0.is_power_of_two() => Ok(Some(it)),
        Some(chunk) => Err(Refusal::BadChunk {
            chunk,
            level: want.level.clone(),
        }),
    }
}

fn consistency_of(want: &CreateArray) -> Result<Consistency, Refusal> {
    let usual = match (&want.journal, geometry::is_redundant(&want.level)) {
        (Some(_), _) => Consistency::Journal,
        (None, true) => Consistency::Bitmap,
        (None, false) => Consistency::None,
    };
    let wished = want.consistency.unwrap_or(usual);
    let refuse = |why| {
        Err(Refusal::OptionUnfit {
            option: "consistency",
            level: want.level.clone(),
            why,
        })
    };
    match (wished, &want.journal) {
        (it, _) if !it.fits(&want.level) => refuse("the level cannot have it"),
        (Consistency::Journal, None) => refuse("a journal needs a device"),
        (Consistency::Journal, Some(_)) | (_, None) => Ok(wished),
        (_, Some(_)) => refuse("with a journal it is `journal`"),
    }
}

/// What not every level has.
fn check_options(want: &CreateArray) -> Result<(), Refusal> {
    let refuse = |option, why| {
        let level = want.level.clone();
        Err(Refusal::OptionUnfit { option, level, why })
    };
    if want.layout.is_some_and(|it| !it.fits(&want.level)) {
        return refuse("layout", "the level has no such layout");
    }
    if !want.write_mostly.is_empty() && want.level != Level::Raid1 {
        return refuse("write-mostly", "only a mirror can be read elsewhere");
    }
    if let Some(id) = want
        .write_mostly
        .iter()
        .find(|it| !want.members.contains(it))
    {
        return Err(Refusal::NotNamed(id.clone()));
    }
    if !want.write_mostly.is_empty() && !want.spares.is_empty() {
        // mdadm would mark them too.
        return refuse("write-mostly", "spares are added when the array is there");
    }
    if want.write_mostly.len() == want.members.len() && !want.members.is_empty() {
        return refuse("write-mostly", "some member has to be read");
    }
    match &want.assume_clean {
        Some(_) if !geometry::is_redundant(&want.level) => {
            refuse("assume-clean", "there is nothing that could agree")
        }
        Some(why) if why.trim().is_empty() => refuse("assume-clean", "it takes a reason"),
        _ => Ok(()),
    }
}

/// The array that a wish was granted with, if it is there: of its name, its shape as far as the wish
/// says it, and just its devices.
#[must_use]
pub fn made<'a>(seen: &'a Inventory, want: &CreateArray) -> Option<&'a Array> {
    let array = seen.find(want.name.as_str())?;
    let listed: BTreeSet<_> = array.members.iter().map(|it| &it.device).collect();
    let named: BTreeSet<_> = want.devices().collect();
    let is_same = array.level == want.level
        && array.slots as usize == want.members.len()
        && want.chunk.is_none_or(|it| array.chunk == Some(it))
        && want.layout.is_none_or(|it| array.layout == it.number())
        && array.metadata == want.metadata.word()
        && listed == named
        && array.name == want.name.as_str();
    is_same.then_some(array)
}

/// An array of that name is there. If it is just what was wished for and only its line in
/// mdadm.conf is missing, an earlier attempt stopped half way and is finished now.
fn unfinished(seen: &Inventory, want: &CreateArray) -> Result<Plan<Step>, Refusal> {
    let is_recorded = |it: &Array| it.uuid.as_ref().is_none_or(|uuid| seen.conf.names(uuid));
    let array = made(seen, want).filter(|it| !is_recorded(it));
    let array = array.ok_or_else(|| Refusal::NameTaken(want.name.clone()))?;
    Ok(Plan {
        steps: vec![Step::Record {
            name: want.name.clone(),
        }],
        evidence: vec![super::array_evidence(array)],
        warnings: vec![format!(
            "array {} is there already, what is missing is its line in mdadm.conf",
            want.name
        )],
        ..Plan::default()
    })
}

fn check_size(device: &BlockDevice, shape: &Shape) -> Result<(), Refusal> {
    // One chunk beside the superblock and its room would do for md, and for nothing else.
    let need = Bytes(16 << 20);
    let usable = geometry::component_size(device.size, shape);
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
    if let Some(why) = &want.assume_clean {
        warnings.push(format!(
            "copies and parity are taken to agree, as is said: {why}. If they do not, a member that \
             fails takes data with it; a check shows it"
        ));
    }
    if want.consistency == Some(Consistency::Resync) {
        warnings.push(
            "without a bitmap all of the array is made to agree after an unclean stop, and a member \
             that comes back is filled anew"
                .to_owned(),
        );
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
