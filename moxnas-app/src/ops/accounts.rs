//! Users and groups of the machine, and what Samba knows of them.

mod create;

use std::sync::Arc;

use moxnas_core::plan::Plan;
use moxnas_shares::{
    accounts::{
        self, Change as Wish, Refusal,
        model::{Account, Accounts, Group},
    },
    model::{Intent, Principal},
};

pub use self::create::{AccountCreate, HomeDataset};
use crate::{
    actor::{Actor, Role},
    answers::{Asked, Question},
    app::App,
    error::Error,
    machine::AppStep,
    operation::{Change, Effect, Lane, Operation, Query},
    seen::Seen,
};

/// List the users of the machine.
#[derive(Clone, Copy, Debug)]
pub struct AccountList;

/// Show a user of the machine.
#[derive(Clone, Debug)]
pub struct AccountGet {
    /// The name.
    pub user: String,
}

/// List the groups of the machine.
#[derive(Clone, Copy, Debug)]
pub struct GroupList;

/// Users and groups, as they were last asked for.
#[derive(Clone, Debug)]
pub struct AccountsView {
    /// What was said.
    pub asked: Asked<Accounts>,
}

/// A user, as last asked for.
#[derive(Clone, Debug)]
pub struct AccountView {
    /// The user.
    pub account: Account,
    /// Everything that was said.
    pub asked: Asked<Accounts>,
}

operation!(
    AccountList,
    "account_list",
    Some(Role::Viewer),
    AccountsView
);
operation!(
    AccountGet,
    "account_get",
    Some(Role::Viewer),
    AccountView,
    user
);
operation!(GroupList, "group_list", Some(Role::Viewer), AccountsView);

impl Seen {
    /// The users and groups, as they were last asked for.
    pub fn people(&self) -> Result<&Accounts, Error> {
        match &self.answers.people {
            Some(asked) => match &asked.said {
                Ok(people) => Ok(people),
                Err(why) => Err(Error::PeopleNotTold(why.clone())),
            },
            None => Err(Error::PeopleNotTold("nobody asked yet".to_owned())),
        }
    }
}

/// What was said last. Where nobody asked yet it is asked now.
async fn asked(app: &App) -> Result<Asked<Accounts>, Error> {
    let known = app.seen().answers.people.clone();
    let known = match known {
        Some(asked) => Some(asked),
        None => app.ask(Question::People).await?.answers.people.clone(),
    };
    let asked = known.ok_or_else(|| Error::PeopleNotTold("nobody asked yet".to_owned()))?;
    match &asked.said {
        Ok(_) => Ok(asked),
        Err(why) => Err(Error::PeopleNotTold(why.clone())),
    }
}

impl Query for AccountList {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<AccountsView, Error> {
        let asked = asked(app).await?;
        Ok(AccountsView { asked })
    }
}

impl Query for GroupList {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<AccountsView, Error> {
        let asked = asked(app).await?;
        Ok(AccountsView { asked })
    }
}

impl Query for AccountGet {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<AccountView, Error> {
        let asked = asked(app).await?;
        let found = asked.said.as_ref().ok().and_then(|it| it.user(&self.user));
        let account = found.cloned().ok_or(Error::NotFound {
            what: "user",
            name: self.user,
        })?;
        Ok(AccountView { account, asked })
    }
}

/// A change of users and groups that is made of wishes, one after the other.
pub(crate) trait Wishes {
    /// The wishes.
    fn wishes(&self) -> Vec<Wish>;
}

/// What somebody wishes of users and groups: an operation for each.
macro_rules! account_operation {
    ($(#[$doc:meta])* $type:ident $name:literal { $($(#[$field_doc:meta])* $field:ident: $field_type:ty,)* } $object:ident => |$it:ident| $wishes:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $type {
            $($(#[$field_doc])* pub $field: $field_type,)*
        }

        operation!($type, $name, Some(Role::Admin), (), $object);

        impl Wishes for $type {
            fn wishes(&self) -> Vec<Wish> {
                let $it = self;
                $wishes
            }
        }

        impl Change for $type {
            const LANE: Lane = Lane::Shares;

            fn asks(&self, _: &Seen) -> Vec<Question> {
                vec![Question::People]
            }

            fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
                planned(seen, &self.wishes())
            }

            fn etag(&self, _: &Seen) -> Option<String> {
                None
            }

            fn verify(&self, after: &Seen) -> Result<(), Error> {
                self.wishes().iter().try_for_each(|it| verified(after, it))
            }
        }
    };
}

account_operation! {
    /// Change what is known of a user, and whether one is let in.
    AccountSet "account_set" {
        /// The user.
        user: String,
        /// What is to be known.
        change: accounts::plan::ChangeUser,
        /// Whether the user is let in; `None`: as before.
        enabled: Option<bool>,
        /// The first day on which the user is not let in any more; `Some(None)`: never.
        expires: Option<Option<accounts::Day>>,
        /// Whether the user has to choose another password at the next login.
        must_change: bool,
    } user => |it| {
        let user = it.user.clone();
        let change = accounts::plan::ChangeUser { user: user.clone(), ..it.change.clone() };
        let mut all = Vec::new();
        if change != (accounts::plan::ChangeUser { user: user.clone(), ..Default::default() }) {
            all.push(Wish::ChangeUser(change));
        }
        if let Some(on) = it.expires {
            all.push(Wish::ExpireUser { user: user.clone(), on });
        }
        if it.must_change {
            all.push(Wish::ForceChange { user: user.clone() });
        }
        match it.enabled {
            Some(true) => all.push(Wish::EnableUser { user }),
            Some(false) => all.push(Wish::DisableUser { user }),
            None => (),
        }
        all
    }
}

account_operation! {
    /// Set a password in the system and in Samba at once.
    AccountPasswd "account_passwd" {
        /// The user.
        user: String,
        /// The password.
        password: accounts::Secret,
        /// Whether the user has to choose another at the next login.
        must_change: bool,
    } user => |it| vec![Wish::SetPassword {
        user: it.user.clone(),
        password: it.password.clone(),
        must_change: it.must_change,
    }]
}

account_operation! {
    /// Have Samba know a user.
    AccountSambaAdd "account_samba_add" {
        /// The user.
        user: String,
        /// The password, for the system too.
        password: accounts::Secret,
    } user => |it| vec![Wish::AddToSamba { user: it.user.clone(), password: it.password.clone() }]
}

account_operation! {
    /// Have Samba forget a user.
    AccountSambaRemove "account_samba_remove" {
        /// The user.
        user: String,
    } user => |it| vec![Wish::RemoveFromSamba { user: it.user.clone() }]
}

account_operation! {
    /// Delete a user. Files stay, and the number is never given again.
    AccountDelete "account_delete" {
        /// The user.
        user: String,
    } user => |it| vec![Wish::DeleteUser { user: it.user.clone() }]
}

account_operation! {
    /// Take a user over who was made by somebody else.
    AccountAdopt "account_adopt" {
        /// The user.
        user: String,
    } user => |it| vec![Wish::AdoptUser { user: it.user.clone() }]
}

account_operation! {
    /// Make a group.
    GroupCreate "group_create" {
        /// The name.
        name: accounts::LoginName,
        /// The number; `None`: one that nobody ever had.
        gid: Option<u32>,
    } name => |it| vec![Wish::CreateGroup { name: it.name.clone(), gid: it.gid }]
}

account_operation! {
    /// Put users into a group, and take others out.
    GroupMembers "group_members" {
        /// The group.
        group: String,
        /// Who comes.
        add: Vec<String>,
        /// Who goes.
        remove: Vec<String>,
    } group => |it| {
        let mut all = Vec::new();
        if !it.add.is_empty() {
            all.push(Wish::AddMembers { group: it.group.clone(), users: it.add.clone() });
        }
        if !it.remove.is_empty() {
            all.push(Wish::RemoveMembers { group: it.group.clone(), users: it.remove.clone() });
        }
        all
    }
}

account_operation! {
    /// Delete a group. Files stay, and the number is never given again.
    GroupDelete "group_delete" {
        /// The group.
        group: String,
    } group => |it| vec![Wish::DeleteGroup { group: it.group.clone() }]
}

account_operation! {
    /// Take a group over that was made by somebody else.
    GroupAdopt "group_adopt" {
        /// The group.
        group: String,
    } group => |it| vec![Wish::AdoptGroup { group: it.group.clone() }]
}

fn planned(seen: &Seen, wishes: &[Wish]) -> Result<Plan<AppStep>, Error> {
    let people = seen.people()?;
    let mut plan = Plan::default();
    for wish in wishes {
        plan = plan.then(accounts::plan(people, wish)?);
        if let Wish::DeleteUser { user } = wish {
            let intent = &seen.sharing.offered.intent;
            plan.warnings.extend(names(intent, user));
        }
    }
    Ok(plan.map(AppStep::Account))
}

/// Shares that name a user who is to be gone.
fn names(intent: &Intent, user: &str) -> Vec<String> {
    let all = intent.shares.iter().filter(|share| {
        let smb = share.smb.iter().flat_map(|it| {
            [
                &it.valid_users,
                &it.read_list,
                &it.write_list,
                &it.invalid_users,
            ]
        });
        let by_smb = smb
            .flatten()
            .any(|it| matches!(it, Principal::User(it) if it.as_str() == user));
        let transfers = share.ftp.iter().chain(&share.sftp);
        by_smb
            || transfers
                .flat_map(|it| &it.users)
                .any(|it| it.user.as_str() == user)
    });
    all.map(|it| format!("share {} still names {user}", it.name))
        .collect()
}

/// Whether it shows that a wish was done. That a password is the one that was wished shows nowhere.
fn verified(after: &Seen, wish: &Wish) -> Result<(), Error> {
    let people = after.people()?;
    let not = |what: String| Err(Error::NotVerified(what));
    match wish {
        Wish::SetPassword { .. } | Wish::ForceChange { .. } => Ok(()),
        Wish::AddToSamba { user, .. } => match people.user(user) {
            Some(it) if it.samba.is_some() => Ok(()),
            _ => not(format!("Samba does not know {user}")),
        },
        Wish::CreateUser(it) => match people.user(it.name.as_str()) {
            Some(_) => Ok(()),
            None => not(format!("there is no user {}", it.name.as_str())),
        },
        Wish::CreateGroup { name, .. } => match people.group(name.as_str()) {
            Some(_) => Ok(()),
            None => not(format!("there is no group {}", name.as_str())),
        },
        Wish::DeleteUser { user } => match people.user(user) {
            None => Ok(()),
            Some(_) => not(format!("user {user} is still there")),
        },
        Wish::DeleteGroup { group } => match people.group(group) {
            None => Ok(()),
            Some(_) => not(format!("group {group} is still there")),
        },
        other => match accounts::plan(people, other) {
            Ok(plan) if plan.steps.is_empty() => Ok(()),
            Ok(plan) => not(format!("it would still have to {}", plan.steps[0])),
            Err(refusal) => Err(Refusal::into(refusal)),
        },
    }
}

/// The group of this name among all.
pub fn group<'a>(people: &'a Accounts, name: &str) -> Result<&'a Group, Error> {
    people.group(name).ok_or_else(|| Error::NotFound {
        what: "group",
        name: name.to_owned(),
    })
}
