//! More members, more of each member, another level, layout or chunk.

use moxnas_core::{disk::DeviceId, plan::Plan, units::Bytes};

use super::{
    ArrayRef, Refusal, Step, array_evidence,
    device::{give_up, usable},
    members::check_fits,
    settings::{check_writable, wake_first},
};
use crate::{
    geometry,
    growth::{CannotGrow, Form, Grow, GrowWork, Grown, array_grown},
    health::health,
    model::{Array, Inventory, Level, SyncAction, SyncState},
    shape::{Consistency, Metadata},
};

pub(super) fn plan_grow(
    seen: &Inventory,
    array: &Array,
    grow: &Grow,
    add: &[DeviceId],
) -> Result<Plan<Step>, Refusal> {
    check_idle(array)?;
    let to = array_grown(array, grow).map_err(|why| cannot(array, why))?;
    check_room(array, &to)?;
    let mut plan = Plan {
        evidence: vec![array_evidence(array)],
        ..Plan::default()
    };
    // A try before this one may have come as far as to add it.
    let waits = |id: &DeviceId| array.spares().any(|it| it.device == *id);
    let add: Vec<DeviceId> = add.iter().filter(|it| !waits(it)).cloned().collect();
    check_spares(array, &to, add.len())?;
    let target = ArrayRef::of(array);
    wake_first(array, &mut plan);
    for (place, id) in add.iter().enumerate() {
        if add[..place].contains(id) {
            return Err(Refusal::Twice(id.clone()));
        }
        let device = usable(seen, id)?;
        check_fits(seen, array, device)?;
        give_up(&seen.devices, device, &mut plan);
        // An array without redundancy has no spares: it is given them as it grows.
        if geometry::is_redundant(&array.level) {
            plan.steps.push(Step::Add {
                array: target.clone(),
                device: id.clone(),
            });
        }
    }
    if let GrowWork::Resync { .. } = to.work
        && array.consistency == Consistency::Bitmap.word()
    {
        // A bit of the bitmap that covers the old end says that all it covers agrees, and md makes
        // nothing agree behind it. Seen with Linux 6.1: the parity of the new part was never made.
        plan.steps.push(Step::SetConsistency {
            array: target.clone(),
            was: Consistency::Bitmap,
            consistency: Consistency::Resync,
        });
        plan.warnings.push(format!(
            "the bitmap is taken off, because md would not make all of the new part agree with it; \
             `moxnas array set {} --consistency bitmap` puts it back when the resync is done",
            array.name
        ));
    }
    let is_level = matches!(grow, Grow::Level { .. });
    let slots = (is_level && to.now.slots != array.slots).then_some(to.now.slots);
    let is_given = !geometry::is_redundant(&array.level);
    plan.steps.push(Step::Grow {
        array: target,
        grow: grow.clone(),
        slots,
        add: if is_given { add } else { Vec::new() },
    });
    warn(&to, &mut plan);
    Ok(plan)
}

fn check_idle(array: &Array) -> Result<(), Refusal> {
    check_writable(array)?;
    if let Some(action) = array.sync.action() {
        return Err(Refusal::busy(array, action));
    }
    // What is to be filled may wait for the first write.
    if array.members.iter().any(|it| it.role.is_filled_now()) {
        return Err(Refusal::busy(array, SyncAction::Recover));
    }
    if array.resync_due {
        return Err(Refusal::busy(array, SyncAction::Resync));
    }
    if array.sync == SyncState::Frozen {
        return Err(Refusal::Paused(array.name.clone()));
    }
    Ok(())
}

fn cannot(array: &Array, why: CannotGrow) -> Refusal {
    match why {
        CannotGrow::Smaller => Refusal::WouldShrink(array.name.clone()),
        other => Refusal::CannotGrow {
            array: array.name.clone(),
            why: other,
        },
    }
}

/// Whether md can move data without a file beside the array: a part in front of the data is free.
fn check_room(array: &Array, to: &Grown) -> Result<(), Refusal> {
    let missing = array.missing();
    let is_shrinking_mirror = array.level == Level::Raid1 && to.now.slots < array.slots;
    if is_shrinking_mirror {
        let working = array.slots - missing;
        return match working > to.now.slots {
            true => Err(Refusal::MembersLeft {
                array: array.name.clone(),
                working,
            }),
            false => Ok(()),
        };
    }
    if missing > 0 || health(array).0.can_lose().is_none() {
        return Err(Refusal::degraded(array));
    }
    let refuse = |why| {
        Err(Refusal::CannotGrow {
            array: array.name.clone(),
            why: CannotGrow::NotOffered(why),
        })
    };
    let whole: Bytes = Form::of(array).size();
    if !geometry::is_redundant(&array.level) && array.size != whole {
        return refuse("its members differ in size, and md takes only those that are alike");
    }
    let is_moved = matches!(to.work, GrowWork::Reshape(_));
    let kept = [Consistency::Journal.word(), Consistency::Ppl.word()];
    if is_moved && kept.contains(&array.consistency.as_str()) {
        return refuse("md moves no data of an array with a journal or a partial parity log");
    }
    if is_moved && array.metadata == Metadata::V1_0.word() {
        return refuse("its members have no free room in front of the data (metadata 1.0)");
    }
    if is_moved && !array.metadata.starts_with("1.") {
        return refuse("its members have no free room in front of the data");
    }
    Ok(())
}

fn check_spares(array: &Array, to: &Grown, add: usize) -> Result<(), Refusal> {
    let need = to.now.slots.saturating_sub(array.slots) as usize;
    let has = array.spares().count() + add;
    if has < need {
        return Err(Refusal::TooFewSpares {
            array: array.name.clone(),
            need,
            has,
        });
    }
    match add > need {
        true => Err(Refusal::TooManyDevices {
            array: array.name.clone(),
            need,
        }),
        false => Ok(()),
    }
}

fn warn(to: &Grown, plan: &mut Plan<Step>) {
    match to.work {
        GrowWork::Reshape(_) => plan.warnings.push(
            "all data is moved: it goes on after a restart, it cannot be undone, and until it is \
             done nothing else can be changed"
                .to_owned(),
        ),
        GrowWork::Resync { .. } => plan
            .warnings
            .push("until the new part is made to agree the array counts as not in sync".to_owned()),
        GrowWork::Fill => (),
    }
}
