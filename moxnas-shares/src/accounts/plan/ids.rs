//! Which number a new user or group gets.

use super::{Kind, Refusal};
use crate::accounts::{
    Life, Record,
    model::Accounts,
    record::{FIRST_ID, FIRST_OF_PEOPLE, LAST_ID},
};

/// The number that is wished, or the lowest that nobody ever had, neither a user nor a group: so a
/// user and the group of the same name can have one number.
pub(super) fn choose(
    seen: &Accounts,
    (kind, name): (Kind, &str),
    wished: Option<u32>,
) -> Result<u32, Refusal> {
    match wished {
        Some(id) => {
            check(seen, kind, name, id)?;
            Ok(id)
        }
        None => {
            let id = (FIRST_ID..=LAST_ID).find(|id| is_new(seen, *id));
            id.ok_or(Refusal::NoIdsLeft)
        }
    }
}

/// Whether nobody has it or had it.
pub(super) fn is_new(seen: &Accounts, id: u32) -> bool {
    let record = &seen.record;
    let was_given = record.users.contains_key(&id) || record.groups.contains_key(&id);
    !was_given
        && !seen.users.iter().any(|it| it.uid == id || it.gid == id)
        && !seen.groups.iter().any(|it| it.gid == id)
}

/// A number that somebody chose. It may be that of a former account of the same name: that is how a
/// user gets his files back.
fn check(seen: &Accounts, kind: Kind, name: &str, id: u32) -> Result<(), Refusal> {
    if !(FIRST_OF_PEOPLE..=LAST_ID).contains(&id) {
        return Err(Refusal::IdOutOfRange(id));
    }
    let has_it = match kind {
        Kind::User => {
            let user = seen.users.iter().find(|it| it.uid == id);
            user.map(|it| it.name.to_string())
        }
        Kind::Group => seen.group_of(id).map(|it| it.name.to_string()),
    };
    if let Some(name) = has_it {
        return Err(Refusal::IdTaken { kind, id, name });
    }
    match had(&seen.record, kind, id) {
        Some(had) if had != name => Err(Refusal::IdRetired {
            kind,
            id,
            name: had.to_owned(),
        }),
        _ => Ok(()),
    }
}

fn had(record: &Record, kind: Kind, id: u32) -> Option<&str> {
    let of = match kind {
        Kind::User => &record.users,
        Kind::Group => &record.groups,
    };
    of.get(&id).map(|it| it.name.as_str())
}

/// The number that was given to a user who was never made.
pub(super) fn begun(seen: &Accounts, name: &str) -> Option<u32> {
    let mut all = seen.record.users_named(name);
    let is_free = |id| !seen.users.iter().any(|it| it.uid == id);
    all.find(|(id, it)| it.life == Life::Coming && is_free(*id))
        .map(|(id, _)| id)
}

/// The numbers that users of this name had, the latest last.
pub(super) fn former(seen: &Accounts, name: &str) -> Vec<u32> {
    let all = seen.record.users.iter();
    let former =
        all.filter(|(id, it)| it.name == name && !seen.users.iter().any(|it| it.uid == **id));
    former
        .filter(|(_, it)| it.life != Life::Coming)
        .map(|(id, _)| *id)
        .collect()
}
