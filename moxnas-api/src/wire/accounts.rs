//! Users and groups of the machine.

use std::fmt;

use clap::Args;
use moxnas_app::ops::accounts::{
    AccountCreate, AccountPasswd, AccountSambaAdd, AccountSet, AccountView, AccountsView,
    GroupCreate, GroupMembers, HomeDataset,
};
use moxnas_core::units::Bytes;
use moxnas_shares::accounts::{
    Secret,
    model::{self, Accounts, Password, Standing},
    plan::{ChangeUser, CreateUser},
};
use poem_openapi::{Enum, Object};
use time::OffsetDateTime;

use super::{
    datasets::size,
    shares::{one, unless_empty, wrong},
    timestamp,
};
use crate::problem::Answer;

/// One page of users of the machine
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct AccountPage {
    /// The users, by name
    pub items: Vec<Account>,
    /// Where the next page begins; left out on the last one
    pub next: Option<String>,
    /// What could not be read, in words
    pub errors: Vec<String>,
    /// When the machine was asked
    pub as_of: OffsetDateTime,
}

/// A user of the machine, and what Samba knows of it
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Account {
    /// The name
    pub name: String,
    /// The number, to which files belong
    pub uid: u32,
    /// The number of the first group
    pub gid: u32,
    /// The name of the person
    pub full_name: String,
    /// The home; /run/vsftpd/empty: none
    pub home: String,
    /// The shell
    pub shell: String,
    /// Whether the user is let in
    pub standing: AccountStanding,
    /// How the password of the system is
    pub password: AccountPassword,
    /// The first day on which the user is not let in any more
    pub expires: Option<String>,
    /// Whether another password has to be chosen at the next login
    pub must_change: bool,
    /// Further groups
    pub groups: Vec<String>,
    /// Public keys by which SFTP lets the user in without a password, as lines of authorized_keys
    pub ssh_keys: Vec<String>,
    /// Whether Samba knows the user
    pub samba: bool,
    /// Whether MoxNAS made the user or took it over; it changes no others
    pub managed: bool,
}

/// Whether a user is let in
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum AccountStanding {
    /// By every database that knows the user
    Enabled,
    /// By none
    Disabled,
    /// By one and not by another
    Mixed,
}

/// How a password is. What it is nobody can tell
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum AccountPassword {
    /// There is one
    Set,
    /// There is one, and it is locked
    Locked,
    /// None fits
    Unset,
    /// None is needed: whoever knows the name is let in
    Open,
}

/// Make a user of the machine, in the system and in Samba
#[derive(Clone, PartialEq, Object, Args)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct CreateAccount {
    /// The name: a to z, digits, `-` and `_`, 32 at most, no digit at the beginning
    #[oai(validator(max_length = 32))]
    pub name: String,
    /// The password; left out: none fits, until one is set
    #[arg(skip)]
    #[oai(validator(max_length = 1024))]
    pub password: Option<String>,
    /// The name of the person
    #[arg(long, value_name = "NAME")]
    #[oai(validator(max_length = 100))]
    pub full_name: Option<String>,
    /// Whether Samba is to know the user, which needs a password
    #[arg(long, value_name = "true|false")]
    pub samba: Option<bool>,
    /// Further groups
    #[arg(long = "group", value_name = "GROUP")]
    #[oai(default, validator(max_items = 100))]
    pub groups: Vec<String>,
    /// The first group; left out: one of the same name is made
    #[arg(long, value_name = "GROUP")]
    #[oai(validator(max_length = 128))]
    pub primary_group: Option<String>,
    /// The home; left out: none. The folder is not made
    #[arg(long, value_name = "PATH")]
    #[oai(validator(max_length = 1024))]
    pub home: Option<String>,
    /// A dataset, as POOL/DATASET, that is made for the user and becomes the home; nobody else may look
    /// into it
    #[arg(long, value_name = "POOL/DATASET", conflicts_with = "home")]
    #[oai(validator(max_length = 128))]
    pub home_dataset: Option<String>,
    /// What that dataset may take; left out: as much as the pool has
    #[arg(long = "home-quota", value_name = "SIZE", value_parser = size, requires = "home_dataset")]
    #[oai(validator(minimum(value = "1")))]
    pub home_quota_bytes: Option<u64>,
    /// The shell; left out: none that one could log in to
    #[arg(long, value_name = "PATH")]
    #[oai(validator(max_length = 1024))]
    pub shell: Option<String>,
    /// The number; left out: one that nobody ever had
    #[arg(long, value_name = "NUMBER")]
    pub uid: Option<u32>,
    /// The first day on which the user is not let in any more, such as 2030-06-30
    #[arg(long, value_name = "DAY")]
    #[oai(validator(max_length = 10))]
    pub expires: Option<String>,
    /// Whether another password has to be chosen at the first login
    #[arg(long, value_name = "true|false")]
    pub must_change: Option<bool>,
}

impl fmt::Debug for CreateAccount {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateAccount")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What is to be different about a user of the machine; what is left out stays
#[derive(Clone, Debug, Default, PartialEq, Object, Args)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct ChangeAccount {
    /// The name of the person; empty: none
    #[arg(long, value_name = "NAME")]
    #[oai(validator(max_length = 100))]
    pub full_name: Option<String>,
    /// The home. Nothing is moved
    #[arg(long, value_name = "PATH")]
    #[oai(validator(max_length = 1024))]
    pub home: Option<String>,
    /// The shell
    #[arg(long, value_name = "PATH")]
    #[oai(validator(max_length = 1024))]
    pub shell: Option<String>,
    /// All groups but the first, of those that MoxNAS made or took over
    #[arg(long = "group", value_name = "GROUP")]
    #[oai(validator(max_items = 100))]
    pub groups: Option<Vec<String>>,
    /// All public keys by which SFTP lets the user in without a password, each as the line of the file
    /// that ends with .pub; empty: none
    #[arg(long = "ssh-key", value_name = "LINE")]
    #[oai(validator(max_items = 100))]
    pub ssh_keys: Option<Vec<String>>,
    /// Whether the user is let in, by every database
    #[arg(long, value_name = "true|false")]
    pub enabled: Option<bool>,
    /// The first day on which the user is not let in any more; empty: never
    #[arg(long, value_name = "DAY")]
    #[oai(validator(max_length = 10))]
    pub expires: Option<String>,
    /// Have another password chosen at the next login
    #[arg(long, value_name = "true|false")]
    pub must_change: Option<bool>,
}

/// A new password of a user of the machine, for the system and Samba at once
#[derive(Clone, PartialEq, Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct AccountNewPassword {
    /// The password
    #[oai(validator(max_length = 1024))]
    pub password: String,
    /// Whether another has to be chosen at the next login
    pub must_change: Option<bool>,
}

impl fmt::Debug for AccountNewPassword {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountNewPassword").finish_non_exhaustive()
    }
}

/// One page of groups of the machine
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct GroupPage {
    /// The groups, by name
    pub items: Vec<Group>,
    /// Where the next page begins; left out on the last one
    pub next: Option<String>,
    /// When the machine was asked
    pub as_of: OffsetDateTime,
}

/// A group of the machine
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Group {
    /// The name
    pub name: String,
    /// The number
    pub gid: u32,
    /// The members; not those whose first group it is
    pub members: Vec<String>,
    /// Whether MoxNAS made the group or took it over; it changes no others
    pub managed: bool,
}

/// Make a group of the machine
#[derive(Clone, Debug, PartialEq, Object, Args)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct CreateGroup {
    /// The name: a to z, digits, `-` and `_`, 32 at most, no digit at the beginning
    #[oai(validator(max_length = 32))]
    pub name: String,
    /// The number; left out: one that nobody ever had
    #[arg(long, value_name = "NUMBER")]
    pub gid: Option<u32>,
}

/// Who comes to a group of the machine, and who goes
#[derive(Clone, Debug, Default, PartialEq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct ChangeMembers {
    /// Who comes
    #[arg(long, value_name = "USER")]
    #[oai(default, validator(max_items = 1000))]
    pub add: Vec<String>,
    /// Who goes
    #[arg(long, value_name = "USER")]
    #[oai(default, validator(max_items = 1000))]
    pub remove: Vec<String>,
}

impl CreateAccount {
    /// The operation.
    pub fn wish(self) -> Answer<AccountCreate> {
        let home = self.home.as_ref().map(|it| one("home", it)).transpose()?;
        let dataset = match (&self.home_dataset, self.home_quota_bytes) {
            (Some(text), quota) => Some(home_dataset(text, quota)?),
            (None, None) => None,
            (None, Some(_)) => {
                let why = "it is what `home_dataset` may take, which is left out";
                return Err(wrong("home_quota_bytes", why));
            }
        };
        let wish = CreateUser {
            name: one("name", &self.name)?,
            uid: self.uid,
            full_name: one("full_name", self.full_name.as_deref().unwrap_or_default())?,
            home,
            shell: self.shell,
            primary_group: self.primary_group,
            groups: self.groups,
            password: self.password.map(Secret::new),
            samba: self.samba.unwrap_or(false),
            expires: unless_empty("expires", self.expires.as_deref().unwrap_or_default())?,
            must_change: self.must_change.unwrap_or(false),
        };
        Ok(AccountCreate {
            user: self.name,
            wish,
            home: dataset,
        })
    }
}

/// The dataset that `POOL/DATASET` names.
fn home_dataset(text: &str, quota_bytes: Option<u64>) -> Answer<HomeDataset> {
    let (pool, name) = text.split_once('/').unwrap_or((text, ""));
    Ok(HomeDataset {
        pool: pool.to_owned(),
        name: one("home_dataset", name)?,
        quota: quota_bytes.map(Bytes),
    })
}

impl ChangeAccount {
    /// The operation for a user.
    pub fn of(self, user: String) -> Answer<AccountSet> {
        let full_name = self.full_name.as_ref();
        let full_name = full_name.map(|it| one("full_name", it)).transpose()?;
        let home = self.home.as_ref().map(|it| one("home", it)).transpose()?;
        let expires = self.expires.as_ref();
        let expires = expires.map(|it| unless_empty("expires", it)).transpose()?;
        let keys = self.ssh_keys.map(|all| {
            let named = all.iter().filter(|it| !it.is_empty());
            named.map(|it| one("ssh_keys", it)).collect()
        });
        Ok(AccountSet {
            change: ChangeUser {
                user: user.clone(),
                full_name,
                home,
                shell: self.shell,
                groups: self.groups,
                keys: keys.transpose()?,
            },
            user,
            enabled: self.enabled,
            expires,
            must_change: self.must_change.unwrap_or(false),
        })
    }
}

impl AccountNewPassword {
    /// The operation that sets it.
    #[must_use]
    pub fn of(self, user: String) -> AccountPasswd {
        AccountPasswd {
            user,
            password: Secret::new(self.password),
            must_change: self.must_change.unwrap_or(false),
        }
    }

    /// The operation that has Samba know the user.
    #[must_use]
    pub fn add_to_samba(self, user: String) -> AccountSambaAdd {
        AccountSambaAdd {
            user,
            password: Secret::new(self.password),
        }
    }
}

impl CreateGroup {
    /// The operation.
    pub fn wish(&self) -> Answer<GroupCreate> {
        Ok(GroupCreate {
            name: one("name", &self.name)?,
            gid: self.gid,
        })
    }
}

impl ChangeMembers {
    /// The operation for a group.
    #[must_use]
    pub fn of(self, group: String) -> GroupMembers {
        let ChangeMembers { add, remove } = self;
        GroupMembers { group, add, remove }
    }
}

impl From<&model::Account> for Account {
    fn from(it: &model::Account) -> Account {
        Account {
            name: it.name.to_string(),
            uid: it.uid,
            gid: it.gid,
            full_name: it.full_name.clone(),
            home: it.home.clone(),
            shell: it.shell.clone(),
            standing: match it.standing() {
                Standing::Enabled => AccountStanding::Enabled,
                Standing::Disabled => AccountStanding::Disabled,
                Standing::Mixed => AccountStanding::Mixed,
            },
            password: match it.password {
                Password::Set => AccountPassword::Set,
                Password::Locked => AccountPassword::Locked,
                Password::Unset => AccountPassword::Unset,
                Password::Open => AccountPassword::Open,
            },
            expires: it.wished_expiry().map(|it| it.to_string()),
            must_change: it.must_change || it.samba.is_some_and(|it| it.must_change),
            groups: it.groups.iter().map(ToString::to_string).collect(),
            ssh_keys: it.keys.iter().map(ToString::to_string).collect(),
            samba: it.samba.is_some(),
            managed: it.given.is_some(),
        }
    }
}

impl From<AccountView> for Account {
    fn from(it: AccountView) -> Account {
        Account::from(&it.account)
    }
}

impl From<&model::Group> for Group {
    fn from(it: &model::Group) -> Group {
        Group {
            name: it.name.to_string(),
            gid: it.gid,
            members: it.members.iter().map(ToString::to_string).collect(),
            managed: it.given.is_some(),
        }
    }
}

/// What was asked, which whoever lists it has checked to be there.
pub(crate) fn people(view: &AccountsView) -> (&Accounts, OffsetDateTime) {
    static NONE: std::sync::LazyLock<Accounts> = std::sync::LazyLock::new(Accounts::default);
    let people = view.asked.said.as_deref().unwrap_or(&NONE);
    (people, timestamp(view.asked.as_of))
}
