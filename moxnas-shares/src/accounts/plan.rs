//! Facts and a wish give steps, or the reason why not.

mod create;
mod groups;
mod ids;
mod policy;
mod refusal;
mod step;
mod users;

use moxnas_core::{folder::FolderPath, plan::Plan};
use serde::{Deserialize, Serialize};

pub use refusal::{Kind, Refusal};
pub use step::{Database, Note, Step};

use super::{
    Day, FullName, LoginName, Secret, SshKey,
    model::{Account, Accounts, Group, USERS, is_coming},
};

/// What somebody wishes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum Change {
    /// Make a user.
    CreateUser(CreateUser),
    /// Change what is known of a user.
    ChangeUser(ChangeUser),
    /// Set a password everywhere at once.
    SetPassword {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
        /// Whether the user is to choose another at the next login.
        #[serde(default)]
        must_change: bool,
    },
    /// Have Samba know a user. Samba cannot know the password of the system, so that is set anew.
    AddToSamba {
        /// The user.
        user: String,
        /// The password, for both.
        password: Secret,
    },
    /// Have Samba forget a user.
    RemoveFromSamba {
        /// The user.
        user: String,
    },
    /// Let a user in again.
    EnableUser {
        /// The user.
        user: String,
    },
    /// Let a user in no more.
    DisableUser {
        /// The user.
        user: String,
    },
    /// Let a user in until a day comes.
    ExpireUser {
        /// The user.
        user: String,
        /// The first day on which the user is not let in; `None`: for ever.
        on: Option<Day>,
    },
    /// Have a user choose another password at the next login.
    ForceChange {
        /// The user.
        user: String,
    },
    /// Delete a user. Files stay.
    DeleteUser {
        /// The user.
        user: String,
    },
    /// Take a user over who was made by somebody else. Nothing of the user changes.
    AdoptUser {
        /// The user.
        user: String,
    },
    /// Make a group.
    CreateGroup {
        /// The name.
        name: LoginName,
        /// The number; `None`: one that nobody ever had.
        #[serde(default)]
        gid: Option<u32>,
    },
    /// Delete a group. Files stay.
    DeleteGroup {
        /// The group.
        group: String,
    },
    /// Put users into a group.
    AddMembers {
        /// The group.
        group: String,
        /// The users.
        users: Vec<String>,
    },
    /// Take users out of a group.
    RemoveMembers {
        /// The group.
        group: String,
        /// The users.
        users: Vec<String>,
    },
    /// Take a group over that was made by somebody else.
    AdoptGroup {
        /// The group.
        group: String,
    },
}

/// A user who is to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateUser {
    /// The name.
    pub name: LoginName,
    /// The number; `None`: one that nobody ever had.
    #[serde(default)]
    pub uid: Option<u32>,
    /// The name of the person.
    #[serde(default)]
    pub full_name: FullName,
    /// The home; `None`: none. The folder is not made.
    #[serde(default)]
    pub home: Option<FolderPath>,
    /// The shell; `None`: none that one could log in to.
    #[serde(default)]
    pub shell: Option<String>,
    /// The first group; `None`: one of the same name is made.
    #[serde(default)]
    pub primary_group: Option<String>,
    /// Further groups.
    #[serde(default)]
    pub groups: Vec<String>,
    /// The password; `None`: none fits.
    #[serde(default)]
    pub password: Option<Secret>,
    /// Whether Samba is to know the user.
    #[serde(default)]
    pub samba: bool,
    /// The first day on which the user is not let in.
    #[serde(default)]
    pub expires: Option<Day>,
    /// Whether the user is to choose another password at the first login.
    #[serde(default)]
    pub must_change: bool,
}

impl CreateUser {
    /// A user with nothing but a name.
    #[must_use]
    pub fn new(name: LoginName) -> CreateUser {
        CreateUser {
            name,
            uid: None,
            full_name: FullName::default(),
            home: None,
            shell: None,
            primary_group: None,
            groups: Vec::new(),
            password: None,
            samba: false,
            expires: None,
            must_change: false,
        }
    }
}

/// What is to be known of a user. What is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChangeUser {
    /// The user.
    pub user: String,
    /// The name of the person.
    pub full_name: Option<FullName>,
    /// The home. Nothing is moved.
    pub home: Option<FolderPath>,
    /// The shell.
    pub shell: Option<String>,
    /// All groups but the first. Those that MoxNAS has not in its care stay as they are.
    pub groups: Option<Vec<String>>,
    /// All public keys by which SFTP lets the user in without a password.
    pub keys: Option<Vec<SshKey>>,
}

/// What has to be done for a wish. Pure: the same facts and the same wish give the same plan. What
/// is so already needs no steps.
pub fn plan(seen: &Accounts, change: &Change) -> Result<Plan<Step>, Refusal> {
    match change {
        Change::CreateUser(wish) => create::create(seen, wish),
        Change::ChangeUser(wish) => users::change(seen, wish),
        Change::SetPassword {
            user,
            password,
            must_change,
        } => users::set_password(managed(seen, user)?, password, *must_change),
        Change::AddToSamba { user, password } => {
            users::add_to_samba(seen, managed(seen, user)?, password)
        }
        Change::RemoveFromSamba { user } => Ok(users::remove_from_samba(managed(seen, user)?)),
        Change::EnableUser { user } => users::enable(managed(seen, user)?),
        Change::DisableUser { user } => Ok(users::disable(in_care(seen, user)?)),
        Change::ExpireUser { user, on } => users::expire(managed(seen, user)?, *on),
        Change::ForceChange { user } => users::force_change(managed(seen, user)?),
        Change::DeleteUser { user } => users::delete(seen, user),
        Change::AdoptUser { user } => users::adopt(seen, user),
        Change::CreateGroup { name, gid } => groups::create(seen, name, *gid),
        Change::DeleteGroup { group } => groups::delete(seen, group),
        Change::AddMembers { group, users } => groups::add(seen, group, users),
        Change::RemoveMembers { group, users } => groups::remove(seen, group, users),
        Change::AdoptGroup { group } => groups::adopt(seen, group),
    }
}

/// The user of this name, if it is not one of the system's.
fn person<'a>(seen: &'a Accounts, name: &str) -> Result<&'a Account, Refusal> {
    if name.contains(['\\', '@']) {
        return Err(Refusal::DomainUser(name.to_owned()));
    }
    let user = seen.user(name).ok_or_else(|| Refusal::NotFound {
        kind: Kind::User,
        name: name.to_owned(),
    })?;
    match user.is_of_system() {
        true => Err(Refusal::OfSystem {
            kind: Kind::User,
            name: user.name.to_string(),
            id: user.uid,
        }),
        false => Ok(user),
    }
}

/// One that MoxNAS made or took over, to the end or not.
fn in_care<'a>(seen: &'a Accounts, name: &str) -> Result<&'a Account, Refusal> {
    let user = person(seen, name)?;
    match user.given.is_some() {
        true => Ok(user),
        false => Err(Refusal::NotManaged {
            kind: Kind::User,
            name: user.name.to_string(),
        }),
    }
}

/// One that MoxNAS made or took over to the end.
fn managed<'a>(seen: &'a Accounts, name: &str) -> Result<&'a Account, Refusal> {
    let user = in_care(seen, name)?;
    match is_coming(user.given.as_ref()) {
        true => Err(Refusal::Unfinished {
            kind: Kind::User,
            name: user.name.to_string(),
        }),
        false => Ok(user),
    }
}

/// The group of this name.
fn group<'a>(seen: &'a Accounts, name: &str) -> Result<&'a Group, Refusal> {
    seen.group(name).ok_or_else(|| Refusal::NotFound {
        kind: Kind::Group,
        name: name.to_owned(),
    })
}

/// The group of this name, if it is not one of the system's.
fn group_of_people<'a>(seen: &'a Accounts, name: &str) -> Result<&'a Group, Refusal> {
    let group = group(seen, name)?;
    match group.is_of_system() {
        true => Err(Refusal::OfSystem {
            kind: Kind::Group,
            name: group.name.to_string(),
            id: group.gid,
        }),
        false => Ok(group),
    }
}

/// One whose members MoxNAS may change: to be in one of the system, such as `sudo`, `disk` or
/// `docker`, is to be an administrator, and that is not for sharing files.
fn open_to_members<'a>(seen: &'a Accounts, name: &str) -> Result<&'a Group, Refusal> {
    if name == USERS {
        return group(seen, name);
    }
    let group = group_of_people(seen, name)?;
    match (&group.given, is_coming(group.given.as_ref())) {
        (None, _) => Err(Refusal::NotManaged {
            kind: Kind::Group,
            name: group.name.to_string(),
        }),
        (_, true) => Err(Refusal::Unfinished {
            kind: Kind::Group,
            name: group.name.to_string(),
        }),
        _ => Ok(group),
    }
}
