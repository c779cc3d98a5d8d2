//! What can be set on an array that runs, without moving its data.

use moxnas_core::{names::SpareGroup, plan::Plan, units::Bytes};
use serde::{Deserialize, Serialize};

use super::{ArrayRef, Refusal, Step, array_evidence};
use crate::{
    geometry,
    health::health,
    model::{
        Array, ArrayState, Inventory, Member, Role, SpeedLimit, SpeedLimits, SyncAction, SyncState,
    },
    shape::Consistency,
};

/// What is to be different; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArraySettings {
    /// Nothing can be written.
    #[serde(default)]
    pub read_only: Option<bool>,
    /// Nothing is filled, made to agree or moved in the background.
    #[serde(default)]
    pub paused: Option<bool>,
    /// How an unclean stop is healed: by a bitmap, or by making all agree.
    #[serde(default)]
    pub consistency: Option<Consistency>,
    /// The lower bound of what runs in the background.
    #[serde(default)]
    pub speed_min: Option<SpeedWish>,
    /// The upper bound.
    #[serde(default)]
    pub speed_max: Option<SpeedWish>,
    /// The arrays that it shares spares with.
    #[serde(default)]
    pub spare_group: Option<GroupWish>,
}

/// A bound for this array alone, or that of all arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpeedWish {
    /// Bytes per second of each member, whole KiB.
    Own(Bytes),
    /// What `/proc/sys/dev/raid` says.
    OfAll,
}

/// In a spare group, or in none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupWish {
    /// In this one.
    Join(SpareGroup),
    /// In none.
    Leave,
}

pub(super) fn plan_settings(
    seen: &Inventory,
    array: &Array,
    want: &ArraySettings,
) -> Result<Plan<Step>, Refusal> {
    if !array.state.is_started() {
        return Err(Refusal::NotStarted(array.name.clone()));
    }
    let is_about_md = ArraySettings {
        spare_group: None,
        ..want.clone()
    } != ArraySettings::default();
    if is_about_md && health(array).0.can_lose().is_none() {
        return Err(Refusal::degraded(array));
    }
    let mut plan = Plan {
        evidence: vec![array_evidence(array), settings_evidence(array)],
        ..Plan::default()
    };
    if want.paused.is_some() && want.consistency.is_some() {
        return Err(Refusal::OptionUnfit {
            option: "consistency",
            level: array.level.clone(),
            why: "while it is paused it cannot be changed: set one after the other",
        });
    }
    // What is held up does not begin when the array is made writable; and what has to write comes
    // while it is.
    if want.paused == Some(true) {
        pause(array, true, &mut plan)?;
    }
    if want.read_only == Some(false) {
        read_only(seen, array, false, &mut plan)?;
    }
    if let Some(wished) = want.consistency {
        consistency(array, wished, want.read_only, &mut plan)?;
    }
    speed(array, want, &mut plan)?;
    // What goes on would be in the way of making it read-only.
    if want.read_only == Some(true) {
        read_only(seen, array, true, &mut plan)?;
    }
    if want.paused == Some(false) {
        pause(array, false, &mut plan)?;
    }
    if let Some(group) = &want.spare_group {
        spare_group(seen, array, group, &mut plan)?;
    }
    Ok(plan)
}

/// What of the settings is not as wished; `None`: nothing.
#[must_use]
pub fn unset(seen: &Inventory, array: &Array, want: &ArraySettings) -> Option<&'static str> {
    let is_read_only = array.state == ArrayState::ReadOnly;
    let is_paused = array.sync == SyncState::Frozen;
    let uuid = array.uuid.as_deref().unwrap_or_default();
    let group = seen.conf.spare_group(uuid);
    let limit = |wish: Option<SpeedWish>, of: fn(&SpeedLimits) -> SpeedLimit| {
        let now = array.speed_limits.as_ref().map(of);
        match wish {
            None => true,
            Some(SpeedWish::OfAll) => now.is_some_and(|it| !it.is_own),
            Some(SpeedWish::Own(it)) => now.is_some_and(|now| now.is_own && now.per_second == it),
        }
    };
    let all = [
        (
            want.read_only.is_none_or(|it| it == is_read_only),
            "read-only",
        ),
        (want.paused.is_none_or(|it| it == is_paused), "paused"),
        (
            want.consistency
                .is_none_or(|it| it.word() == array.consistency),
            "the consistency policy",
        ),
        (limit(want.speed_min, |it| it.min), "the lower speed limit"),
        (limit(want.speed_max, |it| it.max), "the upper speed limit"),
        (
            want.spare_group.as_ref().is_none_or(|it| match it {
                GroupWish::Leave => group.is_none(),
                GroupWish::Join(it) => group == Some(it.as_str()),
            }),
            "the spare group",
        ),
    ];
    let unset = all.iter().find(|(is_so, _)| !is_so);
    unset.map(|(_, what)| *what)
}

fn settings_evidence(array: &Array) -> String {
    let paused = array.sync == SyncState::Frozen;
    let (state, consistency) = (&array.state, &array.consistency);
    let read_only = matches!(state, ArrayState::ReadOnly);
    format!("read-only={read_only} paused={paused} consistency={consistency}")
}

fn read_only(
    seen: &Inventory,
    array: &Array,
    wished: bool,
    plan: &mut Plan<Step>,
) -> Result<(), Refusal> {
    let is_so = match wished {
        true => array.state == ArrayState::ReadOnly,
        false => !matches!(array.state, ArrayState::ReadOnly | ArrayState::ReadAuto),
    };
    if is_so {
        return Ok(());
    }
    if wished {
        // Who has it open for writing would find its writes lost; md refuses it too.
        if let Some(of) = seen.devices.uses(&array.kernel_name).into_iter().next() {
            return Err(Refusal::ArrayInUse {
                array: array.name.clone(),
                of,
            });
        }
        if let SyncState::Running { action, .. } | SyncState::Delayed { action } = array.sync {
            return Err(Refusal::busy(array, action));
        }
    } else if let SyncState::Pending { action } = array.sync {
        plan.warnings
            .push(format!("the {action} that waits begins with it"));
    }
    plan.steps.push(Step::SetReadOnly {
        array: ArrayRef::of(array),
        read_only: wished,
    });
    Ok(())
}

fn consistency(
    array: &Array,
    wished: Consistency,
    becomes_read_only: Option<bool>,
    plan: &mut Plan<Step>,
) -> Result<(), Refusal> {
    if array.consistency == wished.word() {
        return Ok(());
    }
    let refuse = |why| {
        Err(Refusal::OptionUnfit {
            option: "consistency",
            level: array.level.clone(),
            why,
        })
    };
    let now = array.consistency.as_str();
    let known = [Consistency::Bitmap, Consistency::Resync, Consistency::Ppl];
    let Some(was) = known.into_iter().find(|it| it.word() == now) else {
        return refuse("of an array with a journal, or without redundancy, it cannot be changed");
    };
    match wished {
        Consistency::Bitmap | Consistency::Resync => (),
        Consistency::Ppl => return refuse("its room is made when the array is made"),
        Consistency::Journal => return refuse("a journal is given to an array when it is made"),
        Consistency::None => return refuse("an array with redundancy has to be healed somehow"),
    }
    let becomes_writable = becomes_read_only == Some(false);
    if !becomes_writable {
        check_writable(array)?;
    }
    if let Some(action) = array.sync.action() {
        return Err(Refusal::busy(array, action));
    }
    if array.sync == SyncState::Frozen {
        return Err(Refusal::Paused(array.name.clone()));
    }
    if array.missing() > 0 {
        // What a bitmap knows of a member that is away goes with it.
        return Err(Refusal::degraded(array));
    }
    let is_filling = |it: &Member| matches!(it.role, Role::Replacement { .. });
    if becomes_read_only == Some(true) && array.members.iter().any(is_filling) {
        return refuse("the replacement of a member goes on with it: make it read-only after that");
    }
    if !becomes_writable {
        wake_first(array, plan);
    }
    let set = |was, consistency| Step::SetConsistency {
        array: ArrayRef::of(array),
        was,
        consistency,
    };
    // There is no way straight from one to the other.
    let between = match (was, wished) {
        (Consistency::Ppl, Consistency::Bitmap) => {
            plan.steps.push(set(was, Consistency::Resync));
            Consistency::Resync
        }
        _ => was,
    };
    plan.steps.push(set(between, wished));
    if wished == Consistency::Resync {
        plan.warnings.push(
            "without a bitmap all of the array is made to agree after an unclean stop, and a member \
             that comes back is filled anew"
                .to_owned(),
        );
    }
    Ok(())
}

fn speed(array: &Array, want: &ArraySettings, plan: &mut Plan<Step>) -> Result<(), Refusal> {
    if want.speed_min.is_none() && want.speed_max.is_none() {
        return Ok(());
    }
    let Some(now) = array.speed_limits else {
        return Err(Refusal::NotRedundant {
            array: array.name.clone(),
            level: array.level.clone(),
        });
    };
    let bad = |why| Refusal::BadSpeed {
        array: array.name.clone(),
        why,
    };
    for wish in want.speed_min.iter().chain(&want.speed_max) {
        if let SpeedWish::Own(it) = wish
            && (it.0 < 1024 || it.0 % 1024 != 0 || it.kib() > i32::MAX as u64)
        {
            return Err(bad("a limit is a whole number of KiB per second, from 1"));
        }
    }
    // A bound of all arrays is whatever it is then; two of this array can be compared.
    let own = |wish: Option<SpeedWish>, now: SpeedLimit| match wish {
        Some(SpeedWish::Own(it)) => Some(it),
        Some(SpeedWish::OfAll) => None,
        None => now.is_own.then_some(now.per_second),
    };
    if let (Some(min), Some(max)) = (own(want.speed_min, now.min), own(want.speed_max, now.max))
        && min > max
    {
        return Err(bad("the lower limit is above the upper one"));
    }
    plan.steps.push(Step::SetSpeed {
        array: ArrayRef::of(array),
        min: want.speed_min,
        max: want.speed_max,
    });
    plan.warnings
        .push("md forgets limits of its own when the array stops".to_owned());
    Ok(())
}

fn pause(array: &Array, paused: bool, plan: &mut Plan<Step>) -> Result<(), Refusal> {
    let name = || array.name.clone();
    if !geometry::is_redundant(&array.level) {
        return Err(Refusal::NotRedundant {
            array: name(),
            level: array.level.clone(),
        });
    }
    if paused == (array.sync == SyncState::Frozen) {
        return Ok(());
    }
    if paused {
        // Its job is what pauses it: md would begin it anew.
        if let Some(action @ (SyncAction::Check | SyncAction::Repair)) = array.sync.action() {
            return Err(Refusal::busy(array, action));
        }
        plan.warnings.push(
            "while it is paused no spare takes over for a member that fails; a restart resumes it"
                .to_owned(),
        );
    }
    plan.steps.push(Step::SetPaused {
        array: ArrayRef::of(array),
        paused,
    });
    Ok(())
}

fn spare_group(
    seen: &Inventory,
    array: &Array,
    wish: &GroupWish,
    plan: &mut Plan<Step>,
) -> Result<(), Refusal> {
    let uuid = array.uuid.clone().unwrap_or_default();
    let group = match wish {
        GroupWish::Join(group) => Some(group.clone()),
        GroupWish::Leave => None,
    };
    let now = seen.conf.spare_group(&uuid);
    if now == group.as_ref().map(SpareGroup::as_str) {
        return Ok(());
    }
    if !geometry::is_redundant(&array.level) {
        return Err(Refusal::SparesUseless(array.level.clone()));
    }
    if !seen.conf.ours.contains_key(&uuid) {
        return Err(Refusal::NotInOurConf(array.name.clone()));
    }
    plan.steps.push(Step::SetSpareGroup {
        array: ArrayRef::of(array),
        group,
    });
    Ok(())
}

/// Whether md may write to the array, if only itself.
pub(super) fn check_writable(array: &Array) -> Result<(), Refusal> {
    match array.state {
        _ if !array.state.is_started() => Err(Refusal::NotStarted(array.name.clone())),
        ArrayState::ReadOnly => Err(Refusal::ArrayReadOnly(array.name.clone())),
        _ => Ok(()),
    }
}

/// An array that waits for its first write is told that it may be written: what is to be changed of
/// it has to be written down on its members.
pub(super) fn wake_first(array: &Array, plan: &mut Plan<Step>) {
    if array.state == ArrayState::ReadAuto {
        plan.steps.push(Step::SetReadOnly {
            array: ArrayRef::of(array),
            read_only: false,
        });
    }
}
