//! Making a user, and going on with one that was begun.

use moxnas_core::plan::Plan;

use super::{
    CreateUser, Database, Kind, Note, Refusal, Step, group_of_people, ids, policy,
    users::{check_expiry, each_database, join_and_leave, shut_out},
};
use crate::accounts::{
    Life,
    model::{Account, Accounts, Group, Password, USERS, is_coming},
};

/// The order is what makes it safe to stop anywhere: what is there is disabled in every database
/// until it has the password in all of them, and what was begun is written down from the first step
/// to the last.
pub(super) fn create(seen: &Accounts, wish: &CreateUser) -> Result<Plan<Step>, Refusal> {
    check(seen, wish)?;
    let begun = begun(seen, wish)?;
    let user = wish.name.user();
    let (existing, uid) = match begun {
        Begun::No(uid) | Begun::Number(uid) => (None, uid),
        Begun::User(it) => (Some(it), it.uid),
    };
    let mut plan = Plan::default();
    plan.evidence.push(match existing {
        Some(it) => it.evidence(),
        None => format!("number {uid} for {user}, who is not there"),
    });
    let note = |note| Step::NoteUser {
        uid,
        user: user.clone(),
        note,
    };
    if let Begun::No(_) = begun {
        plan.steps.push(note(Note::Life(Life::Coming)));
    }
    let gid = primary(seen, wish, uid, &mut plan)?;
    if seen.leftovers.contains(&user.to_string()) {
        // A user of that name once was: the password must not come back with the name.
        plan.steps.push(Step::RemoveFromSamba {
            user: user.to_string(),
        });
    }
    if seen.keys_of_nobody.contains(&user.to_string()) {
        // Nor may a key of that one.
        plan.steps.push(Step::SetKeys {
            user: user.clone(),
            keys: Vec::new(),
        });
    }
    let shell = policy::shell(seen, wish.shell.as_deref())?;
    let home = policy::home(wish.home.as_ref())?;
    match existing {
        None => plan.steps.push(Step::CreateUser {
            user: user.clone(),
            uid,
            gid,
            full_name: wish.full_name.clone(),
            home,
            shell,
        }),
        Some(it) => {
            go_on(it, wish, gid)?;
            shut_out(it, &mut plan.steps);
            let full_name = &wish.full_name;
            let step = Step::ChangeUser {
                user: user.clone(),
                full_name: (full_name.as_str() != it.full_name).then(|| full_name.clone()),
                home: (home != it.home).then_some(home),
                shell: (shell != it.shell).then_some(shell),
            };
            plan.steps.extend(step.changes_something().then_some(step));
        }
    }
    let member_of = existing.map_or(&[][..], |it| &it.groups);
    join_and_leave(seen, (&user, member_of), &wish.groups, &mut plan)?;
    let in_samba = existing.is_some_and(|it| it.samba.is_some());
    match (wish.samba, in_samba) {
        (true, false) => plan.steps.push(Step::AddToSamba { user: user.clone() }),
        (false, true) => plan.steps.push(Step::RemoveFromSamba {
            user: user.to_string(),
        }),
        _ => (),
    }
    if let Some(password) = &wish.password {
        plan.steps.push(Step::SetPassword {
            user: user.clone(),
            password: password.clone(),
            samba: wish.samba,
        });
    }
    if wish.must_change {
        for database in each_database(wish.samba) {
            let user = user.clone();
            plan.steps.push(Step::ForceChange { user, database });
        }
    }
    // What was of a former one of this name and number is forgotten with the first note.
    let given = seen.record.user(uid, user.as_str());
    let given = given.filter(|it| it.life != Life::Gone);
    if given.and_then(|it| it.expires) != wish.expires {
        plan.steps.push(note(Note::Expires(wish.expires)));
    }
    for database in each_database(wish.samba) {
        plan.steps.push(Step::Enable {
            user: user.clone(),
            database: match database {
                Database::Samba => Database::Samba,
                Database::System { .. } => Database::System {
                    unlock: wish.password.is_some(),
                },
            },
            expires: wish.expires,
        });
    }
    plan.steps.push(note(Note::Life(Life::Here)));
    warn(seen, wish, uid, &mut plan);
    Ok(plan)
}

/// What can be said of a wish by itself.
fn check(seen: &Accounts, wish: &CreateUser) -> Result<(), Refusal> {
    check_expiry(wish.expires)?;
    if wish.samba && !seen.has_samba {
        return Err(Refusal::NoSamba);
    }
    match &wish.password {
        Some(password) => policy::check_password(wish.name.as_str(), password),
        None if wish.samba || wish.must_change => {
            Err(Refusal::PasswordNeeded(wish.name.to_string()))
        }
        None => Ok(()),
    }
}

/// How far an earlier try came.
enum Begun<'a> {
    /// There was none. The number is new.
    No(u32),
    /// As far as the number.
    Number(u32),
    /// As far as a user.
    User(&'a Account),
}

fn begun<'a>(seen: &'a Accounts, wish: &CreateUser) -> Result<Begun<'a>, Refusal> {
    let name = wish.name.as_str();
    let taken = |kind, name: &str| Refusal::NameTaken {
        kind,
        name: name.to_owned(),
    };
    let begun = match seen.user(name) {
        Some(it) if is_coming(it.given.as_ref()) => Begun::User(it),
        Some(it) => return Err(taken(Kind::User, it.name.as_str())),
        None => match (ids::begun(seen, name), wish.uid) {
            (Some(begun), wished) if wished.is_none_or(|it| it == begun) => Begun::Number(begun),
            _ => Begun::No(ids::choose(seen, (Kind::User, name), wish.uid)?),
        },
    };
    let is_ours = |it: &Group| it.given.is_some() && !matches!(begun, Begun::No(_));
    match seen.group(name) {
        Some(it) if !is_ours(it) => Err(match seen.record.users_named(name).next() {
            Some(_) if it.given.is_some() => Refusal::HalfDeleted(name.to_owned()),
            _ => taken(Kind::Group, it.name.as_str()),
        }),
        _ => Ok(begun),
    }
}

/// Whether what an earlier try made can become what is wished now.
fn go_on(has: &Account, wish: &CreateUser, gid: u32) -> Result<(), Refusal> {
    let otherwise = |has_it: String, wished: String| Refusal::BegunOtherwise {
        name: has.name.clone(),
        has: has_it,
        wished,
    };
    if let Some(uid) = wish.uid.filter(|it| *it != has.uid) {
        return Err(otherwise(format!("number {}", has.uid), format!("{uid}")));
    }
    if has.gid != gid {
        return Err(otherwise(
            format!("first group {}", has.gid),
            format!("{gid}"),
        ));
    }
    match (has.password, &wish.password) {
        (Password::Locked | Password::Set | Password::Open, None) => {
            Err(otherwise("a password".to_owned(), "none".to_owned()))
        }
        _ => Ok(()),
    }
}

/// The number of the first group, which is made if need be.
fn primary(
    seen: &Accounts,
    wish: &CreateUser,
    uid: u32,
    plan: &mut Plan<Step>,
) -> Result<u32, Refusal> {
    if let Some(name) = &wish.primary_group {
        let group = match name.as_str() {
            USERS => super::group(seen, USERS)?,
            name => group_of_people(seen, name)?,
        };
        plan.evidence.push(group.evidence());
        return Ok(group.gid);
    }
    let group = wish.name.group();
    let note = |gid, life| Step::NoteGroup {
        gid,
        group: group.clone(),
        life,
    };
    if let Some(it) = seen.group(group.as_str()) {
        plan.evidence.push(it.evidence());
        if is_coming(it.given.as_ref()) {
            plan.steps.push(note(it.gid, Life::Here));
        }
        return Ok(it.gid);
    }
    let has_it = |gid| seen.group_of(gid).is_some();
    let had_it = |gid| {
        seen.record
            .groups
            .get(&gid)
            .is_some_and(|it| it.name != group.as_str())
    };
    let gid = match has_it(uid) || had_it(uid) {
        true => ids::choose(seen, (Kind::Group, group.as_str()), None)?,
        false => uid,
    };
    plan.steps.push(note(gid, Life::Coming));
    plan.steps.push(Step::CreateGroup {
        group: group.clone(),
        gid,
    });
    plan.steps.push(note(gid, Life::Here));
    Ok(gid)
}

fn warn(seen: &Accounts, wish: &CreateUser, uid: u32, plan: &mut Plan<Step>) {
    let former = ids::former(seen, wish.name.as_str());
    for id in former {
        plan.warnings.push(match id == uid {
            true => format!("files of the former {} belong to the new one", wish.name),
            false => format!(
                "files of the former {} belong to number {id}, and not to the new one",
                wish.name
            ),
        });
    }
    if wish.must_change {
        plan.warnings
            .push(super::users::where_to_change(wish.samba));
    }
}
