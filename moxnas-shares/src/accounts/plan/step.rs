//! The steps of a plan: small, closed, and complete in themselves.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    accounts::{Day, FullName, Life, Secret, SshKey},
    model::{GroupName, UserName},
};

/// One thing that a backend can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum Step {
    /// Write down something about a number of a user.
    NoteUser {
        /// The number.
        uid: u32,
        /// The name.
        user: UserName,
        /// What.
        note: Note,
    },
    /// Write down something about a number of a group.
    NoteGroup {
        /// The number.
        gid: u32,
        /// The name.
        group: GroupName,
        /// How far it came.
        life: Life,
    },
    /// Make a group.
    CreateGroup {
        /// The name.
        group: GroupName,
        /// The number.
        gid: u32,
    },
    /// Delete a group. That it is gone already is no failure: userdel(8) takes some along.
    DeleteGroup {
        /// The name.
        group: GroupName,
    },
    /// Make a user in the system: disabled, without a password, and no folder is made.
    CreateUser {
        /// The name.
        user: UserName,
        /// The number.
        uid: u32,
        /// The number of the group.
        gid: u32,
        /// The name of the person.
        full_name: FullName,
        /// The home.
        home: String,
        /// The shell.
        shell: String,
    },
    /// Change what `/etc/passwd` says.
    ChangeUser {
        /// The name.
        user: UserName,
        /// The name of the person, if it changes.
        full_name: Option<FullName>,
        /// The home, if it changes. Nothing is moved.
        home: Option<String>,
        /// The shell, if it changes.
        shell: Option<String>,
    },
    /// Have these public keys open SFTP for a user, and no others of those that MoxNAS keeps.
    SetKeys {
        /// The user.
        user: UserName,
        /// All of them.
        keys: Vec<SshKey>,
    },
    /// Delete a user of the system. Files stay.
    DeleteUser {
        /// The name.
        user: UserName,
    },
    /// Put a user into a group.
    AddMember {
        /// The group.
        group: GroupName,
        /// The user.
        user: UserName,
    },
    /// Take a user out of a group.
    RemoveMember {
        /// The group.
        group: GroupName,
        /// The user.
        user: UserName,
    },
    /// Have Samba know a user: disabled, and without a password.
    AddToSamba {
        /// The user.
        user: UserName,
    },
    /// Have Samba forget a user.
    RemoveFromSamba {
        /// The user. A name that only Samba knows may be any.
        user: String,
    },
    /// Set the password in all databases that know the user, or in none. It enables nobody.
    SetPassword {
        /// The user.
        user: UserName,
        /// The password.
        password: Secret,
        /// Whether Samba knows the user.
        samba: bool,
    },
    /// Let a user in again.
    Enable {
        /// The user.
        user: UserName,
        /// By which database.
        database: Database,
        /// For how long.
        expires: Option<Day>,
    },
    /// Let a user in no more.
    Disable {
        /// The user.
        user: UserName,
        /// By which database.
        database: Database,
    },
    /// Let a user in until a day comes.
    Expire {
        /// The user.
        user: UserName,
        /// By which database.
        database: Database,
        /// The first day on which the user is not let in; `None`: for ever.
        on: Option<Day>,
    },
    /// Want another password at the next login.
    ForceChange {
        /// The user.
        user: UserName,
        /// In which database.
        database: Database,
    },
}

/// What lets users in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Database {
    /// `/etc/shadow`, by which sshd and vsftpd go.
    System {
        /// Whether the password is locked, and is to be locked no more.
        unlock: bool,
    },
    /// Samba's own.
    Samba,
}

impl Database {
    /// The system's, for all that has nothing to do with a lock.
    pub const SYSTEM: Database = Database::System { unlock: false };
}

/// What is written down about a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// How far it came.
    Life(Life),
    /// When the user expires, while enabled.
    Expires(Option<Day>),
    /// A password is to be set.
    PasswordInDoubt,
    /// It was set.
    PasswordSettled,
}

impl Step {
    /// Whether it is any use: a change of nothing is none.
    pub(super) fn changes_something(&self) -> bool {
        !matches!(
            self,
            Step::ChangeUser {
                full_name: None,
                home: None,
                shell: None,
                ..
            }
        )
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Database::System { .. } => "the system",
            Database::Samba => "Samba",
        })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Life(life) => life_words(*life).fmt(f),
            Note::Expires(None) => write!(f, "does not expire"),
            Note::Expires(Some(day)) => write!(f, "expires on {day}"),
            Note::PasswordInDoubt => write!(f, "is about to get a password"),
            Note::PasswordSettled => write!(f, "has the password everywhere"),
        }
    }
}

fn life_words(life: Life) -> &'static str {
    match life {
        Life::Coming => "is being made",
        Life::Here => "is there",
        Life::Gone => "is gone",
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::NoteUser { uid, user, note } => {
                write!(f, "write down that user {user} ({uid}) {note}")
            }
            Step::NoteGroup { gid, group, life } => {
                let life = life_words(*life);
                write!(f, "write down that group {group} ({gid}) {life}")
            }
            Step::CreateGroup { group, gid } => write!(f, "make group {group} with number {gid}"),
            Step::DeleteGroup { group } => write!(f, "delete group {group}"),
            Step::CreateUser { user, uid, .. } => {
                write!(f, "make user {user} with number {uid}, disabled")
            }
            Step::ChangeUser {
                user,
                full_name,
                home,
                shell,
            } => {
                write!(f, "change user {user}:")?;
                if let Some(it) = full_name {
                    write!(f, " full name {:?}", it.as_str())?;
                }
                for (what, it) in [(" home", home), (" shell", shell)] {
                    if let Some(it) = it {
                        write!(f, "{what} {it}")?;
                    }
                }
                Ok(())
            }
            Step::SetKeys { user, keys } => match keys.as_slice() {
                [] => write!(f, "let no key in for {user}"),
                [_] => write!(f, "let one key in for {user}"),
                all => write!(f, "let {} keys in for {user}", all.len()),
            },
            Step::DeleteUser { user } => write!(f, "delete user {user}"),
            Step::AddMember { group, user } => write!(f, "put {user} into group {group}"),
            Step::RemoveMember { group, user } => write!(f, "take {user} out of group {group}"),
            Step::AddToSamba { user } => write!(f, "add {user} to Samba, disabled"),
            Step::RemoveFromSamba { user } => write!(f, "remove {user} from Samba"),
            Step::SetPassword { user, samba, .. } => match samba {
                true => write!(f, "set the password of {user} in the system and in Samba"),
                false => write!(f, "set the password of {user} in the system"),
            },
            Step::Enable {
                user,
                database,
                expires,
            } => match expires {
                None => write!(f, "enable {user} in {database}"),
                Some(day) => write!(f, "enable {user} in {database} until {day}"),
            },
            Step::Disable { user, database } => write!(f, "disable {user} in {database}"),
            Step::Expire {
                user,
                database,
                on: Some(day),
            } => write!(f, "have {user} expire on {day} in {database}"),
            Step::Expire { user, database, .. } => {
                write!(f, "have {user} not expire in {database}")
            }
            Step::ForceChange { user, database } => {
                write!(
                    f,
                    "have {user} change the password at the next login, in {database}"
                )
            }
        }
    }
}
