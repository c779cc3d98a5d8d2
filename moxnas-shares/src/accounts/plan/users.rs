//! What happens to users who are there.

use moxnas_core::plan::Plan;

use super::{
    ChangeUser, Database, Kind, Note, Refusal, Step, groups, in_care, managed, open_to_members,
    person, policy,
};
use crate::{
    accounts::{
        Day, Life, Secret, SshKey,
        model::{Account, Accounts, Password, Standing, is_coming},
    },
    model::{GroupName, UserName},
};

pub(super) fn change(seen: &Accounts, wish: &ChangeUser) -> Result<Plan<Step>, Refusal> {
    let user = managed(seen, &wish.user)?;
    let mut plan = about(user);
    let home = wish.home.as_ref();
    let home = home.map(|it| policy::home(Some(it))).transpose()?;
    let shell = wish.shell.as_deref();
    let shell = shell.map(|it| policy::shell(seen, Some(it))).transpose()?;
    let full_name = wish.full_name.clone();
    let step = Step::ChangeUser {
        user: user.name.clone(),
        full_name: full_name.filter(|it| it.as_str() != user.full_name),
        home: home.filter(|it| *it != user.home),
        shell: shell.filter(|it| *it != user.shell),
    };
    if let Step::ChangeUser { home: Some(to), .. } = &step {
        let from = &user.home;
        plan.warnings
            .push(format!("nothing is moved from {from} to {to}"));
    }
    plan.steps.extend(step.changes_something().then_some(step));
    if let Some(groups) = &wish.groups {
        join_and_leave(seen, (&user.name, &user.groups), groups, &mut plan)?;
    }
    if let Some(keys) = &wish.keys {
        let keys = once_each(keys);
        if keys != user.keys {
            let user = user.name.clone();
            plan.steps.push(Step::SetKeys { user, keys });
        }
    }
    Ok(plan)
}

/// Without those that are there already by another name.
fn once_each(keys: &[SshKey]) -> Vec<SshKey> {
    let mut once: Vec<SshKey> = Vec::new();
    for key in keys {
        if !once.iter().any(|it| it.is_same(key)) {
            once.push(key.clone());
        }
    }
    once
}

pub(super) fn set_password(
    user: &Account,
    password: &Secret,
    must_change: bool,
) -> Result<Plan<Step>, Refusal> {
    policy::check_password(user.name.as_str(), password)?;
    let mut plan = about(user);
    let samba = user.samba.is_some();
    begin_password(user, &mut plan.steps);
    plan.steps.push(Step::SetPassword {
        user: user.name.clone(),
        password: password.clone(),
        samba,
    });
    if must_change {
        for database in each_database(samba) {
            let user = user.name.clone();
            plan.steps.push(Step::ForceChange { user, database });
        }
        plan.warnings.push(where_to_change(samba));
    }
    plan.steps.push(note(user, Note::PasswordSettled));
    Ok(plan)
}

pub(super) fn add_to_samba(
    seen: &Accounts,
    user: &Account,
    password: &Secret,
) -> Result<Plan<Step>, Refusal> {
    if !seen.has_samba {
        return Err(Refusal::NoSamba);
    }
    policy::check_password(user.name.as_str(), password)?;
    let mut plan = about(user);
    begin_password(user, &mut plan.steps);
    let name = || user.name.clone();
    if user.samba.is_none() {
        plan.steps.push(Step::AddToSamba { user: name() });
    }
    plan.steps.push(Step::SetPassword {
        user: name(),
        password: password.clone(),
        samba: true,
    });
    let is_in = user.samba_standing() == Some(Standing::Enabled);
    // Whoever is disabled stays so.
    if user.system_standing() == Standing::Enabled && !is_in {
        plan.steps.push(Step::Enable {
            user: name(),
            database: Database::Samba,
            expires: user.wished_expiry(),
        });
    }
    plan.steps.push(note(user, Note::PasswordSettled));
    Ok(plan)
}

pub(super) fn remove_from_samba(user: &Account) -> Plan<Step> {
    let mut plan = about(user);
    if user.samba.is_some() {
        plan.steps.push(Step::RemoveFromSamba {
            user: user.name.to_string(),
        });
    }
    plan
}

pub(super) fn enable(user: &Account) -> Result<Plan<Step>, Refusal> {
    if user.given.as_ref().is_some_and(|it| it.in_doubt) {
        return Err(Refusal::PasswordInDoubt(user.name.clone()));
    }
    let mut plan = about(user);
    let standing = [
        (Database::Samba, user.samba_standing()),
        (
            Database::System {
                unlock: user.password == Password::Locked,
            },
            Some(user.system_standing()),
        ),
    ];
    for (database, standing) in standing {
        if standing.is_some_and(|it| it != Standing::Enabled) {
            plan.steps.push(Step::Enable {
                user: user.name.clone(),
                database,
                expires: user.wished_expiry(),
            });
        }
    }
    Ok(plan)
}

pub(super) fn disable(user: &Account) -> Plan<Step> {
    let mut plan = about(user);
    shut_out(user, &mut plan.steps);
    plan
}

/// Let a user in no more, but for where that is so already. When the user was to expire is written
/// down first.
pub(super) fn shut_out(user: &Account, steps: &mut Vec<Step>) {
    let wished = user.wished_expiry();
    if user.given.as_ref().is_some_and(|it| it.expires != wished) {
        steps.push(note(user, Note::Expires(wished)));
    }
    let standing = [
        (Database::Samba, user.samba_standing()),
        (Database::SYSTEM, Some(user.system_standing())),
    ];
    for (database, standing) in standing {
        if standing.is_some_and(|it| it != Standing::Disabled) {
            let user = user.name.clone();
            steps.push(Step::Disable { user, database });
        }
    }
}

pub(super) fn expire(user: &Account, on: Option<Day>) -> Result<Plan<Step>, Refusal> {
    check_expiry(on)?;
    let mut plan = about(user);
    if user.given.as_ref().is_some_and(|it| it.expires != on) {
        plan.steps.push(note(user, Note::Expires(on)));
    }
    let has = [
        (Database::Samba, user.samba.map(|it| it.expires)),
        (Database::SYSTEM, Some(user.expires)),
    ];
    for (database, has) in has {
        // What is disabled expires on another day, and gets this one when it is enabled.
        if has.is_some_and(|it| it != on && it != Some(Day::DISABLED)) {
            let user = user.name.clone();
            plan.steps.push(Step::Expire { user, database, on });
        }
    }
    Ok(plan)
}

pub(super) fn check_expiry(on: Option<Day>) -> Result<(), Refusal> {
    match on {
        Some(Day::DISABLED) => Err(Refusal::BadExpiry(Day::DISABLED)),
        _ => Ok(()),
    }
}

pub(super) fn force_change(user: &Account) -> Result<Plan<Step>, Refusal> {
    if user.password == Password::Unset {
        return Err(Refusal::PasswordNeeded(user.name.to_string()));
    }
    let mut plan = about(user);
    let wants = [
        (Database::Samba, user.samba.map(|it| it.must_change)),
        (Database::SYSTEM, Some(user.must_change)),
    ];
    for (database, wants) in wants {
        if wants == Some(false) {
            let user = user.name.clone();
            plan.steps.push(Step::ForceChange { user, database });
        }
    }
    if !plan.steps.is_empty() {
        plan.warnings.push(where_to_change(user.samba.is_some()));
    }
    Ok(plan)
}

/// What whoever wishes it has to know.
pub(super) fn where_to_change(samba: bool) -> String {
    match samba {
        true => {
            "a user changes the password where he logs in, and only there: by SMB that of Samba, in a \
             shell that of the system; setting it here changes both"
        }
        false => "FTP and SFTP let nobody in who has to change a password, and cannot change it",
    }
    .to_owned()
}

/// Files stay, and the number is not given again.
pub(super) fn delete(seen: &Accounts, name: &str) -> Result<Plan<Step>, Refusal> {
    let user = match person(seen, name) {
        Ok(_) => Some(in_care(seen, name)?),
        // A try before this one may have come that far.
        Err(Refusal::NotFound { .. }) if seen.record.users_named(name).next().is_some() => None,
        Err(refusal) => return Err(refusal),
    };
    let mut plan = user.map(about).unwrap_or_default();
    let name: UserName = match user {
        Some(it) => it.name.clone(),
        None => name.parse().map_err(|_| Refusal::NotFound {
            kind: Kind::User,
            name: name.to_owned(),
        })?,
    };
    if let Some(user) = user {
        if is_coming(user.given.as_ref()) {
            // Whose number it was must not be forgotten, should the next step be the last.
            plan.steps.push(note(user, Note::Life(Life::Here)));
        }
        shut_out(user, &mut plan.steps);
        if !user.keys.is_empty() {
            plan.steps.push(Step::SetKeys {
                user: name.clone(),
                keys: Vec::new(),
            });
        }
    }
    let is_left = seen.leftovers.contains(&name.as_str().to_ascii_lowercase());
    if is_left || user.is_some_and(|it| it.samba.is_some()) {
        plan.steps.push(Step::RemoveFromSamba {
            user: name.to_string(),
        });
    }
    if let Some(user) = user {
        plan.steps.push(Step::DeleteUser { user: name.clone() });
        plan.warnings.push(format!(
            "files of {name} stay, and belong to number {}, which nobody gets again",
            user.uid
        ));
    }
    own_group(seen, &name, user, &mut plan);
    for (uid, _) in seen.record.users_named(name.as_str()) {
        plan.steps.push(Step::NoteUser {
            uid,
            user: name.clone(),
            note: Note::Life(Life::Gone),
        });
    }
    Ok(plan)
}

/// The group of the same name goes with the user, if nobody else is in it.
fn own_group(seen: &Accounts, name: &UserName, user: Option<&Account>, plan: &mut Plan<Step>) {
    let mut groups = seen.groups.iter();
    let Some(group) = groups.find(|it| it.name.as_str() == name.as_str()) else {
        // userdel(8) took it along, and then it went no further.
        plan.steps.extend(groups::forgotten(seen, name.as_str()));
        return;
    };
    if group.given.is_none() {
        return;
    }
    let is_own = user.is_none_or(|it| it.gid == group.gid);
    let mut others = seen.users.iter().filter(|it| it.name != *name);
    let is_used = group.members.iter().any(|it| it != name) || others.any(|it| it.gid == group.gid);
    if is_own && !is_used {
        plan.evidence.push(group.evidence());
        plan.steps.push(Step::DeleteGroup {
            group: group.name.clone(),
        });
        plan.steps.push(Step::NoteGroup {
            gid: group.gid,
            group: group.name.clone(),
            life: Life::Gone,
        });
    }
}

pub(super) fn adopt(seen: &Accounts, name: &str) -> Result<Plan<Step>, Refusal> {
    let user = person(seen, name)?;
    if user.given.is_some() {
        return managed(seen, name).map(|_| Plan::default());
    }
    let mut plan = about(user);
    plan.steps.push(note(user, Note::Life(Life::Here)));
    if let Some(day) = user.wished_expiry() {
        plan.steps.push(note(user, Note::Expires(Some(day))));
    }
    let own = seen.group_of(user.gid);
    let own = own.filter(|it| it.name.as_str() == user.name.as_str());
    if let Some(group) = own.filter(|it| it.given.is_none() && !it.is_of_system()) {
        plan.evidence.push(group.evidence());
        plan.steps.push(Step::NoteGroup {
            gid: group.gid,
            group: group.name.clone(),
            life: Life::Here,
        });
    }
    if user.password == Password::Open {
        let name = &user.name;
        plan.warnings
            .push(format!("{name} needs no password to log in; set one"));
    }
    Ok(plan)
}

/// From the groups that a user is in to those that are wished. Those that are not in the care of
/// MoxNAS are not left.
pub(super) fn join_and_leave(
    seen: &Accounts,
    (user, has): (&UserName, &[GroupName]),
    wished: &[String],
    plan: &mut Plan<Step>,
) -> Result<(), Refusal> {
    let mut stays = Vec::new();
    for name in wished {
        let group = match has.iter().find(|it| it.as_str() == name) {
            Some(group) => group,
            None => {
                let group = open_to_members(seen, name)?;
                if !has.contains(&group.name) && !stays.contains(&&group.name) {
                    plan.evidence.push(group.evidence());
                    plan.steps.push(Step::AddMember {
                        group: group.name.clone(),
                        user: user.clone(),
                    });
                }
                &group.name
            }
        };
        stays.push(group);
    }
    for group in has {
        let is_open = open_to_members(seen, group.as_str()).is_ok();
        if !stays.contains(&group) && is_open {
            plan.steps.push(Step::RemoveMember {
                group: group.clone(),
                user: user.clone(),
            });
        }
    }
    Ok(())
}

/// The databases that know a user. The system last: what it says is what is shown first.
pub(super) fn each_database(samba: bool) -> impl Iterator<Item = Database> {
    let of_samba = samba.then_some(Database::Samba);
    of_samba.into_iter().chain([Database::SYSTEM])
}

fn begin_password(user: &Account, steps: &mut Vec<Step>) {
    if !user.given.as_ref().is_some_and(|it| it.in_doubt) {
        steps.push(note(user, Note::PasswordInDoubt));
    }
}

fn note(user: &Account, note: Note) -> Step {
    Step::NoteUser {
        uid: user.uid,
        user: user.name.clone(),
        note,
    }
}

/// A plan that rests on what is known of a user.
fn about(user: &Account) -> Plan<Step> {
    Plan {
        evidence: vec![user.evidence()],
        ..Plan::default()
    }
}
