//! Why a wish is not granted.

use crate::{
    accounts::{
        Day,
        plan::policy::{PASSWORD_LONGEST, PASSWORD_SHORTEST},
        record::{FIRST_OF_PEOPLE, LAST_ID},
    },
    model::{GroupName, UserName},
};

/// A user or a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A user.
    User,
    /// A group.
    Group,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::User => "user",
            Kind::Group => "group",
        }
    }
}

/// Why a wish is not granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is called so already.
    #[error("a {} named {name} exists already", kind.word())]
    NameTaken {
        /// What it is.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// No user or group of that name.
    #[error("there is no {} {name} on this machine", kind.word())]
    NotFound {
        /// What was looked for.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// It is the system's own.
    #[error("{} {name} ({id}) belongs to the system", kind.word())]
    OfSystem {
        /// What it is.
        kind: Kind,
        /// Its name.
        name: String,
        /// Its number.
        id: u32,
    },
    /// Somebody else made it.
    #[error("{} {name} was not made by MoxNAS", kind.word())]
    NotManaged {
        /// What it is.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// It is in a directory of a network.
    #[error("{0} is a user of a domain")]
    DomainUser(String),
    /// It is half made.
    #[error("{} {name} is not made to the end", kind.word())]
    Unfinished {
        /// What it is.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// It is half made, and otherwise than is wished.
    #[error("user {name} is made in part, with {has} in place of {wished}")]
    BegunOtherwise {
        /// Its name.
        name: UserName,
        /// What it has.
        has: String,
        /// What was wished.
        wished: String,
    },
    /// It is half deleted.
    #[error("user {0} is not deleted to the end: a group of that name is left")]
    HalfDeleted(String),
    /// Services may go by different passwords.
    #[error(
        "whether {0} has the same password everywhere is not known: a change of it was cut short"
    )]
    PasswordInDoubt(UserName),
    /// There is none, and there has to be one.
    #[error("{0} needs a password: Samba has none that it could go by")]
    PasswordNeeded(String),
    /// Too easy to guess.
    #[error("a password has at least {PASSWORD_SHORTEST} characters")]
    PasswordTooShort,
    /// Some of the programs would cut it.
    #[error("a password has at most {PASSWORD_LONGEST} bytes")]
    PasswordTooLong,
    /// The first that somebody would try.
    #[error("a password is not the name of its user")]
    PasswordIsName,
    /// It would end the line, or cannot be typed.
    #[error("a password has no line breaks or other control characters")]
    PasswordNotText,
    /// No shell that the system knows.
    #[error("{0} is no shell of this machine")]
    BadShell(String),
    /// A home that cannot be written down, or should not be.
    #[error("{home} cannot be a home: {why}")]
    BadHome {
        /// The path.
        home: String,
        /// Why.
        why: &'static str,
    },
    /// Somebody has it.
    #[error("number {id} belongs to {} {name}", kind.word())]
    IdTaken {
        /// What has it.
        kind: Kind,
        /// The number.
        id: u32,
        /// Whose it is.
        name: String,
    },
    /// Somebody had it, and may have left files.
    #[error("number {id} belonged to {} {name}, whose files would have a new owner", kind.word())]
    IdRetired {
        /// What had it.
        kind: Kind,
        /// The number.
        id: u32,
        /// Whose it was.
        name: String,
    },
    /// It is not for people.
    #[error("number {0} is not one of {FIRST_OF_PEOPLE} to {LAST_ID}, which are for people")]
    IdOutOfRange(u32),
    /// All were given.
    #[error("no number is left: all up to {LAST_ID} were given")]
    NoIdsLeft,
    /// A user cannot be without it.
    #[error("group {group} is the first group of {user}")]
    PrimaryGroupInUse {
        /// The group.
        group: GroupName,
        /// One of those who need it.
        user: UserName,
    },
    /// That day says that an account is disabled.
    #[error("no account expires on {0}: that day marks those that are disabled")]
    BadExpiry(Day),
    /// There is no database to put the user in.
    #[error("Samba is not installed")]
    NoSamba,
}

impl Refusal {
    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::NameTaken { .. } => "account_name_taken",
            Refusal::NotFound {
                kind: Kind::User, ..
            } => "user_not_found",
            Refusal::NotFound { .. } => "group_not_found",
            Refusal::OfSystem { .. } => "account_of_system",
            Refusal::NotManaged { .. } => "account_not_managed",
            Refusal::DomainUser(_) => "domain_user",
            Refusal::Unfinished { .. } => "account_unfinished",
            Refusal::BegunOtherwise { .. } => "account_begun_otherwise",
            Refusal::HalfDeleted(_) => "account_half_deleted",
            Refusal::PasswordInDoubt(_) => "password_in_doubt",
            Refusal::PasswordNeeded(_) => "password_needed",
            Refusal::PasswordTooShort => "password_too_short",
            Refusal::PasswordTooLong => "password_too_long",
            Refusal::PasswordIsName => "password_is_name",
            Refusal::PasswordNotText => "password_not_text",
            Refusal::BadShell(_) => "bad_shell",
            Refusal::BadHome { .. } => "bad_home",
            Refusal::IdTaken { .. } => "id_taken",
            Refusal::IdRetired { .. } => "id_retired",
            Refusal::IdOutOfRange(_) => "id_out_of_range",
            Refusal::NoIdsLeft => "no_ids_left",
            Refusal::PrimaryGroupInUse { .. } => "primary_group_in_use",
            Refusal::BadExpiry(_) => "bad_expiry",
            Refusal::NoSamba => "no_samba",
        }
    }

    /// What would help.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Refusal::NameTaken { .. } => "choose another name".to_owned(),
            Refusal::NotFound { kind, .. } => {
                let word = kind.word();
                format!("`moxnas {word} list` shows the {word}s")
            }
            Refusal::OfSystem { .. } => {
                "leave it as it is; the group users is there for people of all sorts".to_owned()
            }
            Refusal::NotManaged { kind, name } => {
                format!(
                    "`moxnas {} adopt {name}` hands it over to MoxNAS",
                    kind.word()
                )
            }
            Refusal::DomainUser(_) => "change the user where the domain is kept".to_owned(),
            Refusal::Unfinished { kind, name } => {
                let word = kind.word();
                format!("create {word} {name} again, which goes on with it, or delete it")
            }
            Refusal::BegunOtherwise { name, .. } => {
                format!("`moxnas user delete {name}`, then create it again")
            }
            Refusal::HalfDeleted(name) => format!("`moxnas user delete {name}` again"),
            Refusal::PasswordInDoubt(name) => format!("set the password of {name} again"),
            Refusal::PasswordNeeded(_) => "give one, which is set in the system too".to_owned(),
            Refusal::PasswordTooShort
            | Refusal::PasswordTooLong
            | Refusal::PasswordIsName
            | Refusal::PasswordNotText => "choose another password".to_owned(),
            Refusal::BadShell(_) => {
                "/usr/sbin/nologin is for those who need none; /etc/shells has the others"
                    .to_owned()
            }
            Refusal::BadHome { .. } => "choose a folder of a pool, or none".to_owned(),
            Refusal::IdTaken { .. } | Refusal::IdRetired { .. } | Refusal::IdOutOfRange(_) => {
                "choose another number, or none: MoxNAS finds one".to_owned()
            }
            Refusal::NoIdsLeft => {
                format!("give numbers yourself, from {FIRST_OF_PEOPLE} on")
            }
            Refusal::PrimaryGroupInUse { user, .. } => {
                format!("delete user {user} first, or give it another first group")
            }
            Refusal::BadExpiry(_) => "choose another day, or disable the account".to_owned(),
            Refusal::NoSamba => "`apt-get install samba`".to_owned(),
        })
    }
}
