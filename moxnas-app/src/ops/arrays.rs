//! md arrays.

use std::sync::Arc;

use moxnas_core::{disk::DeviceId, names::ArrayName, plan::Plan, units::Bytes};
use moxnas_raid::{
    self as raid, Array, CreateArray, Level, Refusal, Role as MemberRole, SyncAction, plan::Scrub,
};

use crate::{
    actor::{Actor, Role},
    app::App,
    error::Error,
    machine::AppStep,
    operation::{Change, Effect, Lane, Operation, Query},
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
}

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

/// Name, role and answer of an operation.
macro_rules! operation {
    ($type:ty, $name:literal, $needs:expr, $output:ty $(, $object:ident)?) => {
        impl Operation for $type {
            const NAME: &'static str = $name;
            const NEEDS: Option<Role> = $needs;
            type Output = $output;
            $(fn object(&self) -> Option<String> {
                Some(self.$object.to_string())
            })?
        }
    };
}
pub(crate) use operation;

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
    async fn run(self, app: &App, _: &Actor) -> Result<ArraysView, Error> {
        Ok(ArraysView { seen: app.seen() })
    }
}

impl Query for RaidStatus {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &App, _: &Actor) -> Result<ArraysView, Error> {
        Ok(ArraysView { seen: app.seen() })
    }
}

impl Query for PlanCreate {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, _: &App, _: &Actor) -> Result<(), Error> {
        // Who may plan at all; `App::plan` asks for the role of the operation that is planned.
        Ok(())
    }
}

impl Query for ArrayGet {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &App, _: &Actor) -> Result<ArrayView, Error> {
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

/// Plan with the raid crate.
fn plan(seen: &Seen, change: &raid::Change) -> Result<Plan<AppStep>, Error> {
    Ok(raid::plan(&seen.raid, change)?.map(AppStep::Raid))
}

fn etag(seen: &Seen, array: &str) -> Option<String> {
    seen.raid.find(array).map(Seen::array_etag)
}

fn view(seen: &Seen, array: &Array) -> ArrayView {
    ArrayView {
        array: array.clone(),
        seen: Arc::new(seen.clone()),
    }
}

fn not_shown(what: String) -> Error {
    Error::NotVerified(what)
}

impl Change for ArrayCreate {
    const LANE: Lane = Lane::Storage;

    fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        let ids = |texts: &[String]| -> Result<Vec<DeviceId>, Error> {
            texts.iter().map(|it| Ok(seen.device(it)?)).collect()
        };
        let wish = CreateArray {
            name: self.name.clone(),
            level: self.level.clone(),
            members: ids(&self.members)?,
            spares: ids(&self.spares)?,
            chunk: self.chunk,
        };
        plan(seen, &raid::Change::Create(wish))
    }

    fn etag(&self, _: &Seen) -> Option<String> {
        None
    }

    fn verify(&self, after: &Seen) -> Result<ArrayView, Error> {
        let name = &self.name;
        let array = after.raid.find(name.as_str());
        let array = array.ok_or_else(|| not_shown(format!("there is no array {name}")))?;
        if array.level != self.level {
            return Err(not_shown(format!(
                "{name} is {}, not {}",
                array.level, self.level
            )));
        }
        for text in self.members.iter().chain(&self.spares) {
            let device = after.device(text)?;
            if array.member(&device).is_none() {
                return Err(not_shown(format!("{device} is not a member of {name}")));
            }
        }
        if array
            .uuid
            .as_ref()
            .is_none_or(|uuid| !after.raid.conf.names(uuid))
        {
            return Err(not_shown(format!("mdadm.conf does not name {name}")));
        }
        Ok(view(after, array))
    }
}

impl Change for ArrayDelete {
    const LANE: Lane = Lane::Storage;

    fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        plan(
            seen,
            &raid::Change::Delete {
                array: self.array.clone(),
            },
        )
    }

    fn etag(&self, seen: &Seen) -> Option<String> {
        etag(seen, &self.array)
    }

    fn verify(&self, after: &Seen) -> Result<(), Error> {
        match after.raid.find(&self.array) {
            None => Ok(()),
            Some(_) => Err(not_shown(format!("array {} is still there", self.array))),
        }
    }
}

impl Change for ArrayStop {
    const LANE: Lane = Lane::Storage;

    fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        plan(
            seen,
            &raid::Change::Stop {
                array: self.array.clone(),
            },
        )
    }

    fn etag(&self, seen: &Seen) -> Option<String> {
        etag(seen, &self.array)
    }

    fn verify(&self, after: &Seen) -> Result<(), Error> {
        match after.raid.find(&self.array) {
            None => Ok(()),
            Some(_) => Err(not_shown(format!("array {} is still there", self.array))),
        }
    }
}

impl Change for ArrayAssemble {
    const LANE: Lane = Lane::Storage;

    fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        plan(
            seen,
            &raid::Change::Assemble {
                array: self.array.clone(),
            },
        )
    }

    fn etag(&self, seen: &Seen) -> Option<String> {
        etag(seen, &self.array)
    }

    fn verify(&self, after: &Seen) -> Result<ArrayView, Error> {
        match after.raid.find(&self.array) {
            Some(array) if array.state.is_started() => Ok(view(after, array)),
            _ => Err(not_shown(format!("array {} is not started", self.array))),
        }
    }
}

impl Change for ArrayScrub {
    const LANE: Lane = Lane::Storage;

    fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        let array = self.array.clone();
        plan(
            seen,
            &raid::Change::Scrub {
                array,
                scrub: self.scrub,
            },
        )
    }

    fn etag(&self, seen: &Seen) -> Option<String> {
        etag(seen, &self.array)
    }

    fn verify(&self, after: &Seen) -> Result<ArrayView, Error> {
        let array = find(after, &self.array)?;
        let runs = matches!(
            array.sync.action(),
            Some(SyncAction::Check | SyncAction::Repair)
        );
        // A small array may have been read to its end by now; then nothing runs any more.
        match self.scrub {
            Scrub::Idle if runs => Err(not_shown("the scrub goes on".to_owned())),
            _ => Ok(view(after, array)),
        }
    }
}

impl Change for MemberAdd {
    const LANE: Lane = Lane::Storage;

    fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        let device = seen.device(&self.device)?;
        plan(
            seen,
            &raid::Change::Add {
                array: self.array.clone(),
                device,
            },
        )
    }

    fn etag(&self, seen: &Seen) -> Option<String> {
        etag(seen, &self.array)
    }

    fn verify(&self, after: &Seen) -> Result<ArrayView, Error> {
        let array = find(after, &self.array)?;
        let device = after.device(&self.device)?;
        match array.member(&device) {
            Some(_) => Ok(view(after, array)),
            None => Err(not_shown(format!(
                "{device} is not a member of {}",
                self.array
            ))),
        }
    }
}

impl Change for MemberFail {
    const LANE: Lane = Lane::Storage;

    fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        let device = seen.member(find(seen, &self.array)?, &self.device)?;
        plan(
            seen,
            &raid::Change::Fail {
                array: self.array.clone(),
                device,
            },
        )
    }

    fn etag(&self, seen: &Seen) -> Option<String> {
        etag(seen, &self.array)
    }

    fn verify(&self, after: &Seen) -> Result<ArrayView, Error> {
        let array = find(after, &self.array)?;
        let device = after.member(array, &self.device)?;
        match array.member(&device).map(|it| it.role) {
            None | Some(MemberRole::Faulty) => Ok(view(after, array)),
            Some(role) => Err(not_shown(format!("{device} is {role}"))),
        }
    }
}

impl Change for MemberRemove {
    const LANE: Lane = Lane::Storage;

    fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        let device = seen.member(find(seen, &self.array)?, &self.device)?;
        plan(
            seen,
            &raid::Change::Remove {
                array: self.array.clone(),
                device,
            },
        )
    }

    fn etag(&self, seen: &Seen) -> Option<String> {
        etag(seen, &self.array)
    }

    fn verify(&self, after: &Seen) -> Result<ArrayView, Error> {
        let array = find(after, &self.array)?;
        let device = after.member(array, &self.device);
        match device.ok().and_then(|it| array.member(&it)) {
            None => Ok(view(after, array)),
            Some(member) => Err(not_shown(format!("{} is still listed", member.device))),
        }
    }
}

impl Change for MemberReplace {
    const LANE: Lane = Lane::Storage;

    fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        let device = seen.member(find(seen, &self.array)?, &self.device)?;
        let with = self.with.as_ref().map(|it| seen.device(it)).transpose()?;
        plan(
            seen,
            &raid::Change::Replace {
                array: self.array.clone(),
                device,
                with,
            },
        )
    }

    fn etag(&self, seen: &Seen) -> Option<String> {
        etag(seen, &self.array)
    }

    fn verify(&self, after: &Seen) -> Result<ArrayView, Error> {
        let array = find(after, &self.array)?;
        let Some(with) = &self.with else {
            return Ok(view(after, array));
        };
        let with = after.device(with)?;
        match array.member(&with).map(|it| it.role) {
            Some(MemberRole::Spare | MemberRole::Faulty) | None => {
                Err(not_shown(format!("{with} does not take the place")))
            }
            Some(_) => Ok(view(after, array)),
        }
    }
}
