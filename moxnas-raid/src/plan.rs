//! The judgement: facts and a wish become steps, or a refusal with its reason. Pure.

mod at_once;
mod create;
mod device;
mod failover;
mod grow;
mod lifecycle;
mod members;
mod predict;
mod refusal;
mod scrub;
mod settings;
mod step;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use moxnas_core::{
    disk::DeviceId,
    names::ArrayName,
    plan::{Danger, Plan},
    units::Bytes,
};
use serde::{Deserialize, Serialize};

pub use at_once::at_once;
pub use create::made;
pub use device::usable;
pub use failover::failover;
pub(crate) use lifecycle::{MEMBER, colon_form};
pub(crate) use members::{needed_size, without};
pub use predict::predict;
pub(crate) use predict::refilled;
pub use refusal::Refusal;
pub use settings::{ArraySettings, GroupWish, SpeedWish, unset};
pub use step::{ArrayRef, NewArray, Scrub, Step};

use crate::{
    consequences::{change_what_is_there, lowest, outlook},
    growth::Grow,
    health::health,
    model::{Array, Inventory, Level},
    shape::{Consistency, Layout, Metadata},
};

/// Something that somebody wants of the arrays of a machine.
///
/// Arrays are named as [`Inventory::find`] takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum Change {
    /// Make a new array.
    Create(CreateArray),
    /// Give an array one more device, for an empty slot or as a spare.
    Add {
        /// The array.
        array: String,
        /// The device.
        device: DeviceId,
        /// It is to wait as a spare: refused where it would fill an empty slot at once.
        #[serde(default)]
        as_spare: bool,
    },
    /// Take a member back that was away or was thrown out: what changed meanwhile is filled.
    ReAdd {
        /// The array.
        array: String,
        /// The member.
        device: DeviceId,
    },
    /// Throw a member out.
    Fail {
        /// The array.
        array: String,
        /// The member.
        device: DeviceId,
    },
    /// Take a faulty member or a spare off the list.
    Remove {
        /// The array.
        array: String,
        /// The member.
        device: DeviceId,
    },
    /// Put another device in the place of a member; redundancy is kept meanwhile where the member
    /// still works.
    Replace {
        /// The array.
        array: String,
        /// The member.
        device: DeviceId,
        /// The new device; `None`: a spare of the array.
        with: Option<DeviceId>,
    },
    /// Read all of an array, or stop doing so.
    Scrub {
        /// The array.
        array: String,
        /// What to do.
        scrub: Scrub,
    },
    /// More members, more of each member, another level, layout or chunk.
    Grow {
        /// The array.
        array: String,
        /// What is to be different.
        grow: Grow,
        /// The devices that are given to it for that; spares that it has are taken too.
        add: Vec<DeviceId>,
    },
    /// What can be set while it runs.
    Set {
        /// The array.
        array: String,
        /// What is to be different.
        settings: ArraySettings,
    },
    /// Let a spare go where it is needed, from one array of a spare group to another.
    MoveSpare,
    /// Stop an array; its members keep everything.
    Stop {
        /// The array.
        array: String,
    },
    /// Start an array that is stopped or was started in part.
    Assemble {
        /// Its UUID, or its name as its members have it.
        array: String,
    },
    /// Stop an array and make its members forget it.
    Delete {
        /// The array.
        array: String,
    },
}

/// The wish for a new array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateArray {
    /// Its name.
    pub name: ArrayName,
    /// How data is spread.
    pub level: Level,
    /// The devices in the order of their slots.
    pub members: Vec<DeviceId>,
    /// Devices that wait.
    pub spares: Vec<DeviceId>,
    /// Bytes per chunk, a power of two of 4 KiB and more; `None`: 512 KiB where the level has
    /// chunks.
    #[serde(default)]
    pub chunk: Option<Bytes>,
    /// How parity or copies are laid out; `None`: as mdadm(8) would, left-symmetric or two near
    /// copies.
    #[serde(default)]
    pub layout: Option<Layout>,
    /// Where the members keep what they remember of the array.
    #[serde(default)]
    pub metadata: Metadata,
    /// How an unclean stop is healed; `None`: by a journal if one is named, else by a bitmap where
    /// the level has redundancy.
    #[serde(default)]
    pub consistency: Option<Consistency>,
    /// The device that a journal is kept on.
    #[serde(default)]
    pub journal: Option<DeviceId>,
    /// The members that are read only when nothing else can be. RAID 1 alone has them, and there
    /// they come after the others.
    #[serde(default)]
    pub write_mostly: BTreeSet<DeviceId>,
    /// Why copies and parity agree already, so that nothing has to be made to agree; `None`: they
    /// do not.
    #[serde(default)]
    pub assume_clean: Option<String>,
}

impl CreateArray {
    /// All devices that it names: members, spares, journal.
    pub fn devices(&self) -> impl Iterator<Item = &DeviceId> {
        let listed = self.members.iter().chain(&self.spares);
        listed.chain(&self.journal)
    }

    /// Without spares, in the usual shape.
    #[must_use]
    pub fn new(name: ArrayName, level: Level, members: Vec<DeviceId>) -> CreateArray {
        CreateArray {
            name,
            level,
            members,
            spares: Vec::new(),
            chunk: None,
            layout: None,
            metadata: Metadata::default(),
            consistency: None,
            journal: None,
            write_mostly: BTreeSet::new(),
            assume_clean: None,
        }
    }
}

/// What would be done for a wish, or why not.
///
/// The same facts and the same wish give the same plan. No step touches a device that the wish
/// does not name, or that is not a member of the array that it names.
pub fn plan(seen: &Inventory, change: &Change) -> Result<Plan<Step>, Refusal> {
    match change {
        Change::Create(want) => create::plan_create(seen, want),
        Change::Add {
            array,
            device,
            as_spare,
        } => members::plan_add(seen, changeable(seen, array)?, device, *as_spare),
        Change::ReAdd { array, device } => {
            members::plan_readd(seen, changeable(seen, array)?, device)
        }
        Change::Fail { array, device } => members::plan_fail(changeable(seen, array)?, device),
        Change::Remove { array, device } => members::plan_remove(changeable(seen, array)?, device),
        Change::Replace {
            array,
            device,
            with,
        } => members::plan_replace(seen, changeable(seen, array)?, device, with.as_ref()),
        Change::Scrub { array, scrub } => scrub::plan_scrub(changeable(seen, array)?, *scrub),
        Change::Grow { array, grow, add } => {
            grow::plan_grow(seen, changeable(seen, array)?, grow, add)
        }
        Change::Set { array, settings } => {
            settings::plan_settings(seen, changeable(seen, array)?, settings)
        }
        Change::MoveSpare => failover(seen).ok_or(Refusal::NoSpareHasToMove),
        Change::Stop { array } => lifecycle::plan_stop(seen, changeable(seen, array)?),
        Change::Assemble { array } => lifecycle::plan_assemble(seen, array),
        Change::Delete { array } if seen.find(array).is_none() => {
            lifecycle::plan_delete_stopped(seen, array)
        }
        Change::Delete { array } => lifecycle::plan_delete(seen, changeable(seen, array)?),
    }
    .map(|plan| heal_conf(seen, change, plan))
    .map(|plan| own_up(seen, plan))
}

/// The array, if this program may change it.
fn changeable<'a>(seen: &'a Inventory, text: &str) -> Result<&'a Array, Refusal> {
    let array = seen
        .find(text)
        .ok_or_else(|| Refusal::NoSuchArray(text.to_owned()))?;
    if array.uuid.is_none() {
        return Err(Refusal::NoIdentity {
            array: array.name.clone(),
        });
    }
    if array.level == Level::Container || array.metadata.starts_with("external") {
        let metadata = array.metadata.clone();
        return Err(Refusal::ForeignMetadata {
            array: array.name.clone(),
            metadata,
        });
    }
    Ok(array)
}

/// An array of ours that mdadm.conf does not name comes back under another name after the next
/// boot. Any change to it writes the missing line.
fn heal_conf(seen: &Inventory, change: &Change, mut plan: Plan<Step>) -> Plan<Step> {
    let (Change::Add { array, .. }
    | Change::ReAdd { array, .. }
    | Change::Grow { array, .. }
    | Change::Replace { array, .. }
    | Change::Scrub { array, .. }) = change
    else {
        return plan;
    };
    if let Some(array) = seen.find(array)
        && let Some(uuid) = &array.uuid
        && !seen.conf.names(uuid)
        && let Ok(name) = array.name.parse::<ArrayName>()
    {
        plan.warnings
            .push(format!("mdadm.conf did not name {name}, the line is added"));
        plan.steps.push(Step::Record { name });
    }
    plan
}

/// A plan that would leave an array with less redundancy than it has, be it for one step only, says
/// so, and how far: that is what its caller confirms.
fn own_up(seen: &Inventory, mut plan: Plan<Step>) -> Plan<Step> {
    if !change_what_is_there(seen, &plan.steps) {
        return plan;
    }
    for low in lowest(&outlook(seen, &plan.steps)) {
        let is_said = plan.dangers.iter().any(|it| match it {
            Danger::LowersRedundancy { object, after, .. } => {
                *object == low.array && *after <= low.lowest
            }
            Danger::DestroysData { .. } | Danger::GivesUpDamaged { .. } | Danger::Stops { .. } => {
                false
            }
        });
        if low.lowest < low.before && !is_said {
            plan.dangers.push(Danger::LowersRedundancy {
                object: low.array,
                before: low.before,
                after: low.lowest,
            });
        }
    }
    plan
}

/// What was seen of an array, as far as it matters to a plan: not its progress.
fn array_evidence(array: &Array) -> String {
    let mut members: Vec<String> = array
        .members
        .iter()
        .map(|it| format!("{} {} {:?}", it.device, it.role, it.slot()))
        .collect();
    members.sort_unstable();
    format!(
        "array {} {} {} started={} slots={} size={} members=[{}]",
        array.uuid.as_deref().unwrap_or("?"),
        array.name,
        array.level,
        array.state.is_started(),
        array.slots,
        array.size.0,
        members.join(", ")
    )
}

/// What throwing a member out means. It is a danger even where no redundancy is left to lose.
fn lowered_redundancy(before: &Array, after: &Array) -> Danger {
    let can = |array: &Array| health(array).0.can_lose().unwrap_or(0);
    Danger::LowersRedundancy {
        object: before.name.clone(),
        before: can(before),
        after: can(after),
    }
}
