//! What a step leaves behind, if it did its work.

use super::{
    Step,
    model::{Account, Accounts, Password, Standing},
    plan::{Database, Note},
};

/// Whether a look after a step shows what it was for.
#[must_use]
pub fn shows(seen: &Accounts, step: &Step) -> bool {
    let user = |name: &str| seen.users.iter().find(|it| it.name.as_str() == name);
    let group = |name: &str| seen.groups.iter().find(|it| it.name.as_str() == name);
    match step {
        Step::NoteUser { uid, user, note } => {
            let given = seen.record.user(*uid, user.as_str());
            given.is_some_and(|it| match note {
                Note::Life(life) => it.life == *life,
                Note::Expires(day) => it.expires == *day,
                Note::PasswordInDoubt => it.in_doubt,
                Note::PasswordSettled => !it.in_doubt,
            })
        }
        Step::NoteGroup { gid, group, life } => {
            let given = seen.record.group(*gid, group.as_str());
            given.is_some_and(|it| it.life == *life)
        }
        Step::CreateGroup { group: it, gid } => group(it.as_str()).is_some_and(|it| it.gid == *gid),
        Step::DeleteGroup { group: it } => group(it.as_str()).is_none(),
        Step::CreateUser {
            user: it,
            uid,
            gid,
            full_name,
            home,
            shell,
        } => user(it.as_str()).is_some_and(|it| {
            (it.uid, it.gid, &it.home, &it.shell) == (*uid, *gid, home, shell)
                && it.full_name == full_name.as_str()
                && it.system_standing() == Standing::Disabled
                && it.password == Password::Unset
        }),
        Step::ChangeUser {
            user: it,
            full_name,
            home,
            shell,
        } => user(it.as_str()).is_some_and(|it| {
            let full_name = full_name.as_ref();
            full_name.is_none_or(|name| name.as_str() == it.full_name)
                && home.as_ref().is_none_or(|home| *home == it.home)
                && shell.as_ref().is_none_or(|shell| *shell == it.shell)
        }),
        Step::SetKeys { user: it, keys } => {
            let nobody =
                || keys.is_empty() && !seen.keys_of_nobody.iter().any(|name| it.as_str() == name);
            user(it.as_str()).map_or_else(nobody, |it| it.keys == *keys)
        }
        Step::DeleteUser { user: it } => user(it.as_str()).is_none(),
        Step::AddMember { group: it, user } => {
            group(it.as_str()).is_some_and(|it| it.members.contains(user))
        }
        Step::RemoveMember { group: it, user } => {
            group(it.as_str()).is_some_and(|it| !it.members.contains(user))
        }
        Step::AddToSamba { user: it } => {
            let user = user(it.as_str());
            user.is_some_and(|it| it.samba_standing() == Some(Standing::Disabled))
        }
        Step::RemoveFromSamba { user: name } => {
            let is_left = seen.leftovers.contains(&name.to_ascii_lowercase());
            !is_left && user(name).is_none_or(|it| it.samba.is_none())
        }
        Step::SetPassword {
            user: it, samba, ..
        } => user(it.as_str()).is_some_and(|it| {
            let is_set = matches!(it.password, Password::Set | Password::Locked);
            is_set && !it.must_change && (!*samba || it.samba.is_some_and(|it| !it.must_change))
        }),
        Step::Enable {
            user: it,
            database,
            expires,
        } => user(it.as_str()).is_some_and(|it| {
            is(it, *database, Standing::Enabled) && expiry(it, *database) == Some(*expires)
        }),
        Step::Disable { user: it, database } => {
            user(it.as_str()).is_some_and(|it| is(it, *database, Standing::Disabled))
        }
        Step::Expire {
            user: it,
            database,
            on,
        } => user(it.as_str()).is_some_and(|it| expiry(it, *database) == Some(*on)),
        Step::ForceChange { user: it, database } => {
            user(it.as_str()).is_some_and(|it| match database {
                Database::System { .. } => it.must_change,
                Database::Samba => it.samba.is_some_and(|it| it.must_change),
            })
        }
    }
}

fn is(user: &Account, database: Database, standing: Standing) -> bool {
    match database {
        Database::System { .. } => user.system_standing() == standing,
        Database::Samba => user.samba_standing() == Some(standing),
    }
}

fn expiry(user: &Account, database: Database) -> Option<Option<super::Day>> {
    match database {
        Database::System { .. } => Some(user.expires),
        Database::Samba => user.samba.map(|it| it.expires),
    }
}
