//! md arrays.

mod changes;

use std::sync::Arc;

use moxnas_core::{names::ArrayName, units::Bytes};
use moxnas_raid::{
    Array, ArraySettings, Consistency, Grow, Layout, Level, Metadata, Refusal, plan::Scrub,
};

use crate::{
    actor::{Actor, Role},
    app::App,
    error::Error,
    operation::{Effect, Operation, Query},
    seen::Seen,
};

/// An array, with the look it comes from.
#[derive(Clone, Debug)]
pub struct ArrayView {
    /// The array.
    pub array: Array,
    /// Where it was seen.
    pub seen: Arc<Seen>,
}

/// All arrays, with the look they come from.
#[derive(Clone, Debug)]
pub struct ArraysView {
    /// Where they were seen.
    pub seen: Arc<Seen>,
}

/// List all arrays.
#[derive(Clone, Copy, Debug)]
pub struct ArrayList;

/// Show one array.
#[derive(Clone, Debug)]
pub struct ArrayGet {
    /// Its name.
    pub array: String,
}

/// The arrays in the words of the earlier systems.
#[derive(Clone, Copy, Debug)]
pub struct RaidStatus;

/// Plan a change without making it. Needs what the planned operation needs, and at least this.
#[derive(Clone, Copy, Debug)]
pub struct PlanCreate;

/// Make an array.
#[derive(Clone, Debug)]
pub struct ArrayCreate {
    /// Its name.
    pub name: ArrayName,
    /// Its level.
    pub level: Level,
    /// Its members, as people name devices.
    pub members: Vec<String>,
    /// Its spares, as people name devices.
    pub spares: Vec<String>,
    /// Bytes per chunk.
    pub chunk: Option<Bytes>,
    /// How parity or copies are laid out.
    pub layout: Option<Layout>,
    /// Where the members keep what they remember of the array.
    pub metadata: Metadata,
    /// How an unclean stop is healed.
    pub consistency: Option<Consistency>,
    /// The device that a journal is kept on, as people name devices.
    pub journal: Option<String>,
    /// The members that are read only when nothing else can be, as people name devices.
    pub write_mostly: Vec<String>,
    /// Why copies and parity agree already.
    pub assume_clean: Option<String>,
}

impl ArrayCreate {
    /// Without spares, in the usual shape.
    #[must_use]
    pub fn new(name: ArrayName, level: Level, members: Vec<String>) -> ArrayCreate {
        ArrayCreate {
            name,
            level,
            members,
            spares: Vec::new(),
            chunk: None,
            layout: None,
            metadata: Metadata::default(),
            consistency: None,
            journal: None,
            write_mostly: Vec::new(),
            assume_clean: None,
        }
    }
}

/// Stop an array and make its members forget it.
#[derive(Clone, Debug)]
pub struct ArrayDelete {
    /// Its name.
    pub array: String,
}

/// Stop an array.
#[derive(Clone, Debug)]
pub struct ArrayStop {
    /// Its name.
    pub array: String,
}

/// Start an array that is stopped.
#[derive(Clone, Debug)]
pub struct ArrayAssemble {
    /// Its name or UUID.
    pub array: String,
}

/// Begin or end a check or a repair.
#[derive(Clone, Debug)]
pub struct ArrayScrub {
    /// The array's name.
    pub array: String,
    /// What to do.
    pub scrub: Scrub,
}

/// Give an array one more device.
#[derive(Clone, Debug)]
pub struct MemberAdd {
    /// The array's name.
    pub array: String,
    /// The device, as people name it.
    pub device: String,
    /// It is to wait, and not to fill an empty slot.
    pub as_spare: bool,
}

/// Take a member back that was away.
#[derive(Clone, Debug)]
pub struct MemberReAdd {
    /// The array's name.
    pub array: String,
    /// The device, as people name it.
    pub device: String,
}

/// More members, more of each member, another level, layout or chunk.
#[derive(Clone, Debug)]
pub struct ArrayGrow {
    /// Its name.
    pub array: String,
    /// What is to be different.
    pub grow: Grow,
    /// The devices that it is given for that, as people name them.
    pub add: Vec<String>,
}

/// What can be set while it runs.
#[derive(Clone, Debug)]
pub struct ArraySet {
    /// Its name.
    pub array: String,
    /// What is to be different.
    pub settings: ArraySettings,
}

/// Let a spare go where it is needed, from one array of a spare group to another.
#[derive(Clone, Copy, Debug)]
pub struct SpareMove;

/// Throw a member out.
#[derive(Clone, Debug)]
pub struct MemberFail {
    /// The array's name.
    pub array: String,
    /// The member, as people name it.
    pub device: String,
}

/// Take a faulty member or a spare off the list.
#[derive(Clone, Debug)]
pub struct MemberRemove {
    /// The array's name.
    pub array: String,
    /// The member, as people name it.
    pub device: String,
}

/// Put another device in the place of a member.
#[derive(Clone, Debug)]
pub struct MemberReplace {
    /// The array's name.
    pub array: String,
    /// The member, as people name it.
    pub device: String,
    /// The new device; `None`: a spare of the array.
    pub with: Option<String>,
}

operation!(ArrayList, "array_list", Some(Role::Viewer), ArraysView);
operation!(ArrayGet, "array_get", Some(Role::Viewer), ArrayView, array);
operation!(RaidStatus, "raid_status", Some(Role::Viewer), ArraysView);
operation!(PlanCreate, "plan_create", Some(Role::Viewer), ());
operation!(
    ArrayCreate,
    "array_create",
    Some(Role::Admin),
    ArrayView,
    name
);
operation!(ArrayDelete, "array_delete", Some(Role::Admin), (), array);
operation!(ArrayStop, "array_stop", Some(Role::Admin), (), array);
operation!(
    ArrayAssemble,
    "array_assemble",
    Some(Role::Admin),
    ArrayView,
    array
);
operation!(
    ArrayScrub,
    "array_scrub",
    Some(Role::Operator),
    ArrayView,
    array
);
operation!(MemberAdd, "member_add", Some(Role::Admin), ArrayView, array);
operation!(
    MemberReAdd,
    "member_re_add",
    Some(Role::Admin),
    ArrayView,
    array
);
operation!(ArrayGrow, "array_grow", Some(Role::Admin), ArrayView, array);
operation!(ArraySet, "array_set", Some(Role::Admin), ArrayView, array);
operation!(SpareMove, "spare_move", Some(Role::Admin), ArraysView);
operation!(
    MemberFail,
    "member_fail",
    Some(Role::Admin),
    ArrayView,
    array
);
operation!(
    MemberRemove,
    "member_remove",
    Some(Role::Admin),
    ArrayView,
    array
);
operation!(
    MemberReplace,
    "member_replace",
    Some(Role::Admin),
    ArrayView,
    array
);

impl Query for ArrayList {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<ArraysView, Error> {
        Ok(ArraysView { seen: app.seen() })
    }
}

impl Query for RaidStatus {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<ArraysView, Error> {
        Ok(ArraysView { seen: app.seen() })
    }
}

impl Query for PlanCreate {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, _: &Arc<App>, _: &Actor) -> Result<(), Error> {
        // Who may plan at all; `App::plan` asks for the role of the operation that is planned.
        Ok(())
    }
}

impl Query for ArrayGet {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<ArrayView, Error> {
        let seen = app.seen();
        let array = find(&seen, &self.array)?.clone();
        Ok(ArrayView { array, seen })
    }
}

fn find<'a>(seen: &'a Seen, text: &str) -> Result<&'a Array, Error> {
    seen.raid
        .find(text)
        .ok_or_else(|| Refusal::NoSuchArray(text.to_owned()).into())
}
