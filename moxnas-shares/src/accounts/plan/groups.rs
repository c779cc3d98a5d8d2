//! What happens to groups.

use moxnas_core::plan::Plan;

use super::{Kind, Refusal, Step, group_of_people, ids, managed, open_to_members};
use crate::{
    accounts::{
        Life, LoginName,
        model::{Accounts, Group, is_coming},
    },
    model::GroupName,
};

pub(super) fn create(
    seen: &Accounts,
    name: &LoginName,
    wished: Option<u32>,
) -> Result<Plan<Step>, Refusal> {
    let group = name.group();
    let taken = |kind, name: &str| Refusal::NameTaken {
        kind,
        name: name.to_owned(),
    };
    if let Some(it) = seen.user(name.as_str()) {
        return Err(taken(Kind::User, it.name.as_str()));
    }
    let mut plan = Plan::default();
    let note = |gid, life| Step::NoteGroup {
        gid,
        group: group.clone(),
        life,
    };
    if let Some(it) = seen.group(name.as_str()) {
        let is_begun = is_coming(it.given.as_ref()) && wished.is_none_or(|gid| gid == it.gid);
        if !is_begun {
            return Err(taken(Kind::Group, it.name.as_str()));
        }
        plan.evidence.push(it.evidence());
        plan.steps.push(note(it.gid, Life::Here));
        return Ok(plan);
    }
    let mut begun = seen.record.groups.iter();
    let begun = begun.find(|(gid, it)| {
        it.name == name.as_str() && it.life == Life::Coming && seen.group_of(**gid).is_none()
    });
    let gid = match begun {
        Some((gid, _)) if wished.is_none_or(|it| it == *gid) => *gid,
        _ => {
            let gid = ids::choose(seen, (Kind::Group, name.as_str()), wished)?;
            plan.steps.push(note(gid, Life::Coming));
            gid
        }
    };
    plan.evidence.push(format!(
        "number {gid} for group {group}, which is not there"
    ));
    plan.steps.push(Step::CreateGroup {
        group: group.clone(),
        gid,
    });
    plan.steps.push(note(gid, Life::Here));
    Ok(plan)
}

pub(super) fn delete(seen: &Accounts, name: &str) -> Result<Plan<Step>, Refusal> {
    let group = match group_of_people(seen, name) {
        Ok(group) => group,
        // A try before this one may have come that far.
        Err(Refusal::NotFound { .. }) => return forget(seen, name),
        Err(refusal) => return Err(refusal),
    };
    in_care(group)?;
    if let Some(user) = seen.users.iter().find(|it| it.gid == group.gid) {
        return Err(Refusal::PrimaryGroupInUse {
            group: group.name.clone(),
            user: user.name.clone(),
        });
    }
    let mut plan = about(group);
    plan.warnings.push(format!(
        "files of group {name} stay, and belong to number {}, which no group gets again",
        group.gid
    ));
    plan.steps.push(Step::DeleteGroup {
        group: group.name.clone(),
    });
    plan.steps.push(Step::NoteGroup {
        gid: group.gid,
        group: group.name.clone(),
        life: Life::Gone,
    });
    Ok(plan)
}

fn forget(seen: &Accounts, name: &str) -> Result<Plan<Step>, Refusal> {
    let steps: Vec<Step> = forgotten(seen, name).collect();
    match steps.is_empty() {
        true => Err(Refusal::NotFound {
            kind: Kind::Group,
            name: name.to_owned(),
        }),
        false => Ok(Plan {
            steps,
            ..Plan::default()
        }),
    }
}

/// To write down that a group is gone which is not there.
pub(super) fn forgotten(seen: &Accounts, name: &str) -> impl Iterator<Item = Step> {
    let group: Option<GroupName> = name.parse().ok();
    let left = seen.record.groups.iter();
    let left = left.filter(move |(_, it)| it.name == name && it.life != Life::Gone);
    left.filter_map(move |(gid, _)| {
        Some(Step::NoteGroup {
            gid: *gid,
            group: group.clone()?,
            life: Life::Gone,
        })
    })
}

pub(super) fn add(seen: &Accounts, name: &str, users: &[String]) -> Result<Plan<Step>, Refusal> {
    let group = open_to_members(seen, name)?;
    let mut plan = about(group);
    for user in users {
        let user = managed(seen, user)?;
        let step = Step::AddMember {
            group: group.name.clone(),
            user: user.name.clone(),
        };
        if !group.members.contains(&user.name) && !plan.steps.contains(&step) {
            plan.evidence.push(user.evidence());
            plan.steps.push(step);
        }
    }
    Ok(plan)
}

/// Also users of others may be taken out of a group of ours, and names that nobody has any more.
pub(super) fn remove(seen: &Accounts, name: &str, users: &[String]) -> Result<Plan<Step>, Refusal> {
    let group = open_to_members(seen, name)?;
    let mut plan = about(group);
    for user in users {
        let member = group.members.iter().find(|it| it.as_str() == user);
        let Some(member) = member else {
            match seen.user(user) {
                Some(_) => continue,
                None => {
                    return Err(Refusal::NotFound {
                        kind: Kind::User,
                        name: user.clone(),
                    });
                }
            }
        };
        let step = Step::RemoveMember {
            group: group.name.clone(),
            user: member.clone(),
        };
        if !plan.steps.contains(&step) {
            plan.steps.push(step);
        }
    }
    Ok(plan)
}

pub(super) fn adopt(seen: &Accounts, name: &str) -> Result<Plan<Step>, Refusal> {
    let group = group_of_people(seen, name)?;
    match (&group.given, is_coming(group.given.as_ref())) {
        (Some(_), false) => return Ok(Plan::default()),
        (Some(_), true) => {
            return Err(Refusal::Unfinished {
                kind: Kind::Group,
                name: group.name.to_string(),
            });
        }
        (None, _) => (),
    }
    let mut plan = about(group);
    plan.steps.push(Step::NoteGroup {
        gid: group.gid,
        group: group.name.clone(),
        life: Life::Here,
    });
    Ok(plan)
}

fn in_care(group: &Group) -> Result<(), Refusal> {
    match group.given {
        Some(_) => Ok(()),
        None => Err(Refusal::NotManaged {
            kind: Kind::Group,
            name: group.name.to_string(),
        }),
    }
}

/// A plan that rests on what is known of a group.
fn about(group: &Group) -> Plan<Step> {
    Plan {
        evidence: vec![group.evidence()],
        ..Plan::default()
    }
}
