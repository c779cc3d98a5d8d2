//! What there is: users, groups, and what Samba knows.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::{
    Day, Given, Life, Record, SshKey, key,
    record::{FIRST_OF_PEOPLE, LAST_ID},
};
use crate::model::{GroupName, UserName};

/// The shell of those who may not log in to one.
pub const NOLOGIN: &str = "/usr/sbin/nologin";
/// The home of those who have none: an empty folder of root. vsftpd goes to the home of whoever logs in before
/// it goes to where its file says, and lets nobody in whose home is not there; its unit makes this one.
pub const NO_HOME: &str = "/run/vsftpd/empty";
/// The group of the system that is open to people: all of them may be in it.
pub const USERS: &str = "users";

/// Everything there is to know, at one moment. It has no password and no hash of one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounts {
    /// The users of `/etc/passwd`, in its order.
    pub users: Vec<Account>,
    /// The groups of `/etc/group`, in its order.
    pub groups: Vec<Group>,
    /// Whether Samba is installed.
    pub has_samba: bool,
    /// Names that Samba knows and the system does not.
    pub leftovers: Vec<String>,
    /// Names that keys are kept for and that nobody has.
    #[serde(default)]
    pub keys_of_nobody: Vec<String>,
    /// The shells of `/etc/shells`.
    pub shells: Vec<String>,
    /// Whose numbers are whose, and were.
    pub record: Record,
    /// What could not be read, beside all that could.
    pub errors: Vec<String>,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The name.
    pub name: UserName,
    /// The number, to which files belong.
    pub uid: u32,
    /// The number of the group that is named in `/etc/passwd`.
    pub gid: u32,
    /// The name of the person.
    pub full_name: String,
    /// The home.
    pub home: String,
    /// The shell.
    pub shell: String,
    /// How the password of the system is.
    pub password: Password,
    /// From when on the system lets nobody in.
    pub expires: Option<Day>,
    /// Whether the system wants another password at the next login.
    pub must_change: bool,
    /// The groups that have the user among their members.
    pub groups: Vec<GroupName>,
    /// The public keys by which SFTP lets the user in, of those that MoxNAS keeps.
    #[serde(default)]
    pub keys: Vec<SshKey>,
    /// What Samba knows; `None`: nothing.
    pub samba: Option<SambaUser>,
    /// What the record says, if MoxNAS made the user or took it in.
    pub given: Option<Given>,
}

/// How a password is. What it is, or a hash of it, is never kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Password {
    /// None is needed: whoever knows the name is let in.
    Open,
    /// None fits.
    Unset,
    /// There is one, and it is locked.
    Locked,
    /// There is one.
    Set,
}

/// What Samba knows of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SambaUser {
    /// Whether it is marked as disabled.
    pub is_disabled: bool,
    /// From when on it lets nobody in.
    pub expires: Option<Day>,
    /// Whether it wants another password at the next login.
    pub must_change: bool,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The name.
    pub name: GroupName,
    /// The number.
    pub gid: u32,
    /// The members that are named in `/etc/group`; not those whose own group it is.
    pub members: Vec<UserName>,
    /// What the record says, if MoxNAS made the group or took it in.
    pub given: Option<Given>,
}

/// Whether a user is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// By every database that knows the user.
    Enabled,
    /// By none.
    Disabled,
    /// By one and not by another, or not for good.
    Mixed,
}

impl SambaUser {
    fn standing(self) -> Standing {
        match (self.is_disabled, self.expires == Some(Day::DISABLED)) {
            (true, true) => Standing::Disabled,
            (false, false) => Standing::Enabled,
            _ => Standing::Mixed,
        }
    }
}

impl Account {
    /// Whether the user is let in.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match self.samba {
            None => self.system_standing(),
            Some(it) if it.standing() == self.system_standing() => it.standing(),
            Some(_) => Standing::Mixed,
        }
    }

    /// By the system alone.
    #[must_use]
    pub fn system_standing(&self) -> Standing {
        let is_expired = self.expires == Some(Day::DISABLED);
        match (is_expired, self.password) {
            (true, Password::Locked | Password::Unset) => Standing::Disabled,
            (false, Password::Set | Password::Unset | Password::Open) => Standing::Enabled,
            _ => Standing::Mixed,
        }
    }

    /// By Samba alone; `None`: it does not know the user.
    #[must_use]
    pub fn samba_standing(&self) -> Option<Standing> {
        self.samba.map(SambaUser::standing)
    }

    /// Whether it belongs to the system and not to a person.
    #[must_use]
    pub fn is_of_system(&self) -> bool {
        is_of_system(self.uid)
    }

    /// The day from which on the user is not to be let in, whatever the databases say of one who is
    /// disabled.
    #[must_use]
    pub fn wished_expiry(&self) -> Option<Day> {
        match (&self.given, self.expires) {
            (Some(given), Some(Day::DISABLED)) => given.expires,
            (None, Some(Day::DISABLED)) => None,
            (_, day) => day,
        }
    }

    /// What was seen, for the evidence of a plan.
    #[must_use]
    pub fn evidence(&self) -> String {
        // Spelled out, so that a field that is added is not forgotten.
        let Account {
            name,
            uid,
            gid,
            full_name,
            home,
            shell,
            password,
            expires,
            must_change,
            groups,
            keys,
            samba,
            given,
        } = self;
        format!(
            "user {name}: {uid}:{gid}, {full_name:?}, {home:?}, {shell:?}, password {password:?}, expires \
             {expires:?}, must change {must_change}, groups {groups:?}, keys {keys:?}, samba {samba:?}, record {given:?}"
        )
    }
}

impl Group {
    /// Whether it belongs to the system.
    #[must_use]
    pub fn is_of_system(&self) -> bool {
        is_of_system(self.gid)
    }

    /// What was seen, for the evidence of a plan.
    #[must_use]
    pub fn evidence(&self) -> String {
        let Group {
            name,
            gid,
            members,
            given,
        } = self;
        format!("group {name}: gid {gid}, members {members:?}, record {given:?}")
    }
}

/// Numbers below 1000 are the system's; those above 59999 belong to systemd, to nobody, or to
/// containers.
fn is_of_system(id: u32) -> bool {
    !(FIRST_OF_PEOPLE..=LAST_ID).contains(&id)
}

impl Accounts {
    /// The user of this name, whatever its case: Samba and the people who type it tell none apart.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<&Account> {
        let exact = self.users.iter().find(|it| it.name.as_str() == name);
        exact.or_else(|| {
            let mut all = self.users.iter();
            all.find(|it| it.name.as_str().eq_ignore_ascii_case(name))
        })
    }

    /// The group of this name, likewise.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&Group> {
        let exact = self.groups.iter().find(|it| it.name.as_str() == name);
        exact.or_else(|| {
            let mut all = self.groups.iter();
            all.find(|it| it.name.as_str().eq_ignore_ascii_case(name))
        })
    }

    /// The group of this number.
    #[must_use]
    pub fn group_of(&self, gid: u32) -> Option<&Group> {
        self.groups.iter().find(|it| it.gid == gid)
    }

    /// What the databases say, put together. Names that Samba knows in another case are the same.
    #[must_use]
    pub fn assemble(
        mut self,
        samba: Option<BTreeMap<String, SambaUser>>,
        record: Record,
    ) -> Accounts {
        self.has_samba = samba.is_some();
        let mut samba = samba.unwrap_or_default();
        for group in &mut self.groups {
            group.given = record.group(group.gid, group.name.as_str()).cloned();
        }
        for user in &mut self.users {
            user.given = record.user(user.uid, user.name.as_str()).cloned();
            user.samba = samba.remove(&user.name.as_str().to_ascii_lowercase());
            let has_it = |it: &&Group| it.members.contains(&user.name);
            let groups = self.groups.iter().filter(has_it);
            user.groups = groups.map(|it| it.name.clone()).collect();
        }
        self.leftovers = samba.into_keys().collect();
        self.record = record;
        self
    }

    /// The same, with what the files of keys say, by user.
    #[must_use]
    pub fn with_keys<'a>(
        mut self,
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Accounts {
        for (name, text) in files {
            let user = self.users.iter_mut().find(|it| it.name.as_str() == name);
            let Some(user) = user else {
                self.keys_of_nobody.push(name.to_owned());
                continue;
            };
            let (keys, odd) = key::parse(text);
            user.keys = keys;
            let odd = odd
                .iter()
                .map(|line| format!("{name} has a key that is none: {line}"));
            self.errors.extend(odd);
        }
        self
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Standing::Enabled => "enabled",
            Standing::Disabled => "disabled",
            Standing::Mixed => "enabled in part",
        })
    }
}

/// Whether an account that is there is to be finished first.
pub(super) fn is_coming(given: Option<&Given>) -> bool {
    given.is_some_and(|it| it.life == Life::Coming)
}
