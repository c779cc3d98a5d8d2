//! What is said of the folder of a dataset: whose it is, who may what, how its files are compressed,
//! and from when on somebody is told that it is large.
//!
//! All of it is kept by the folder itself, so it goes wherever the dataset goes: with its pool to another
//! machine, with a snapshot, and back with a rollback.

use std::{collections::BTreeMap, fmt, str::FromStr};

use moxnas_core::{names::BadName, units::Bytes};
use serde::{Deserialize, Serialize};

use super::{Acl, BadPerms, Perms, Whom};

moxnas_core::name_type! {
    /// Name of a user or a group, as nsswitch.conf(5) knows them; with that of a domain before or
    /// behind it, where there is one.
    AccountName, "name of a user or group", 128,
    |it| it.is_ascii_graphic() && !matches!(it, ':' | ',' | '/' | '"' | '\'')
}

/// What a name is the name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// A user.
    User,
    /// A group.
    Group,
}

impl AccountKind {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            AccountKind::User => "user",
            AccountKind::Group => "group",
        }
    }
}

/// A user or a group that somebody names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// By number. Nobody needs to know it.
    Id(u32),
    /// By name.
    Name(AccountName),
}

impl FromStr for Who {
    type Err = BadName;

    /// A text of digits is a number, as for chown(1). The largest one stands for nobody.
    fn from_str(text: &str) -> Result<Who, BadName> {
        match text.parse() {
            Ok(id) if id < u32::MAX => Ok(Who::Id(id)),
            _ => text.parse().map(Who::Name),
        }
    }
}

/// A user or a group: files have its number.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Account {
    /// Its number.
    pub id: u32,
    /// Its name, where somebody knows it.
    pub name: Option<String>,
}

/// By number: a name is only what the number is called.
impl PartialEq for Account {
    fn eq(&self, other: &Account) -> bool {
        self.id == other.id
    }
}

impl Eq for Account {}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} ({})", self.id),
            None => write!(f, "{}", self.id),
        }
    }
}

/// Whose a folder is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The user.
    pub user: Account,
    /// The group.
    pub group: Account,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user {}, group {}", self.user, self.group)
    }
}

/// Who may what in a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The three highest bits of mode(7): 4 set-user-ID, 2 set-group-ID, 1 sticky.
    pub special: u32,
    /// For the folder.
    pub acl: Acl,
    /// What is made in it begins with this; `None`: with what its maker says.
    pub default: Option<Acl>,
}

impl Access {
    /// As a mode says it.
    #[must_use]
    pub fn of_mode(mode: u32) -> Access {
        Access {
            special: mode >> 9 & 7,
            acl: Acl::of_mode(mode),
            default: None,
        }
    }

    /// As a mode. Its middle digit is what the group may, also where a list has a mask, which ls(1) shows
    /// there.
    #[must_use]
    pub fn mode(&self) -> u32 {
        let Acl {
            owner,
            group,
            other,
            ..
        } = self.acl;
        self.special << 9 | owner.bits() << 6 | group.bits() << 3 | other.bits()
    }

    /// The entries that a mode has no room for, in the short form of setfacl(1).
    #[must_use]
    pub fn entries(&self, names: &Names) -> Vec<String> {
        let mut all = Vec::new();
        names.list("", &self.acl, &mut all);
        if let Some(default) = &self.default {
            all.push(format!("default:user::{}", default.owner));
            all.push(format!("default:group::{}", default.group));
            all.push(format!("default:other::{}", default.other));
            names.list("default:", default, &mut all);
        }
        all
    }

    /// On one line.
    pub(crate) fn line(&self, names: &Names) -> String {
        let entries = self.entries(names);
        let entries = entries.iter().map(|it| format!(" {it}"));
        format!("{:04o}{}", self.mode(), entries.collect::<String>())
    }
}

/// What numbers are called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// Those of users.
    pub users: BTreeMap<u32, String>,
    /// Those of groups.
    pub groups: BTreeMap<u32, String>,
}

impl Names {
    /// Take in what somebody is called.
    pub(crate) fn learn(&mut self, kind: AccountKind, account: &Account) {
        if let Some(name) = &account.name {
            let names = match kind {
                AccountKind::User => &mut self.users,
                AccountKind::Group => &mut self.groups,
            };
            names.insert(account.id, name.clone());
        }
    }

    fn list(&self, before: &str, acl: &Acl, all: &mut Vec<String>) {
        let named = acl.named.iter().map(|(whom, perms)| {
            let (word, id, names) = match whom {
                Whom::User(id) => ("user", id, &self.users),
                Whom::Group(id) => ("group", id, &self.groups),
            };
            let name = names.get(id).cloned().unwrap_or_else(|| id.to_string());
            format!("{before}{word}:{name}:{perms}")
        });
        all.extend(named);
        // One that takes nothing away says nothing.
        let mut open = acl.clone();
        open.open_mask();
        if let (true, Some(mask)) = (acl.mask != open.mask, acl.mask) {
            all.push(format!("{before}mask::{mask}"));
        }
    }
}

/// How what is made in a folder is compressed, see btrfs(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// By zstd.
    Zstd,
    /// By LZO: quicker, and larger.
    Lzo,
    /// By zlib: slower than zstd, and no smaller.
    Zlib,
    /// Not at all, whatever the mount options say.
    None,
}

impl Compression {
    /// All of them.
    pub const ALL: [Compression; 4] = [
        Compression::Zstd,
        Compression::Lzo,
        Compression::Zlib,
        Compression::None,
    ];

    /// The word of btrfs for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Compression::Zstd => "zstd",
            Compression::Lzo => "lzo",
            Compression::Zlib => "zlib",
            Compression::None => "none",
        }
    }

    /// What a word of btrfs means. A level may stand behind it.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Compression> {
        let word = word.split(':').next()?;
        let word = if word == "no" { "none" } else { word };
        Compression::ALL.into_iter().find(|it| it.word() == word)
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The folder of a dataset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folder {
    /// Whose it is.
    pub owner: Owner,
    /// Who may what.
    pub access: Access,
    /// Its filesystem keeps lists of access.
    pub has_acl: bool,
    /// Its filesystem compresses.
    pub compresses: bool,
    /// How what is made in it is compressed; `None`: as its pool is mounted.
    pub compression: Option<Compression>,
    /// From here on somebody is told.
    pub soft_quota: Option<Bytes>,
    /// Who those are that it names.
    pub names: Names,
}

/// The extended attribute in which the soft quota is, in bytes. Only root reads and changes those that
/// begin with `trusted.`, see xattr(7).
pub(crate) const SOFT_QUOTA: &str = "trusted.moxnas.soft_quota";

/// What is to be said of the folder of a dataset. What is left out stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes<A> {
    /// The user that it is to belong to.
    pub owner: Option<A>,
    /// The group that it is to belong to.
    pub group: Option<A>,
    /// As chmod(1) takes it.
    pub mode: Option<u32>,
    /// All entries beside the mode; none at all: nobody is named.
    pub acl: Option<Vec<AclEntry<A>>>,
    /// How to compress; `Some(None)`: as the pool is mounted.
    pub compression: Option<Option<Compression>>,
    /// From when on somebody is told; `Some(None)`: never.
    pub soft_quota: Option<Option<Bytes>>,
}

/// Nothing.
impl<A> Default for Attributes<A> {
    fn default() -> Attributes<A> {
        Attributes {
            owner: None,
            group: None,
            mode: None,
            acl: None,
            compression: None,
            soft_quota: None,
        }
    }
}

/// A line of an access control list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AclEntry<A> {
    /// It is about what is made in the folder, and not about the folder.
    pub is_default: bool,
    /// Whom it is for.
    pub to: Subject<A>,
    /// What they may.
    pub perms: Perms,
}

/// Whom an entry is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject<A> {
    /// Whoever makes it.
    Owner,
    /// The group that it belongs to.
    OwningGroup,
    /// Everybody else.
    Other,
    /// This user.
    User(A),
    /// This group.
    Group(A),
}

/// A text that is no attribute.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAttribute {
    /// It names nobody.
    #[error(transparent)]
    Name(#[from] BadName),
    /// It is no mode.
    #[error("{0:?} is no mode: it is three or four digits from 0 to 7, such as 2770")]
    Mode(String),
    /// It is no entry.
    #[error(
        "{0:?} is no entry of an access control list: it is user:NAME:rwx or group:NAME:rwx, or the \
         same behind default:"
    )]
    Entry(String),
    /// It says what a mode says.
    #[error("{0:?} is what a mode says: only entries behind default: are for nobody by name")]
    IsMode(String),
    /// It allows something that there is not.
    #[error(transparent)]
    Perms(#[from] BadPerms),
    /// There is no such compression.
    #[error("{0:?} is no compression: there are zstd, lzo, zlib, none and default")]
    Compression(String),
}

/// What a text of octal digits means, see chmod(1).
pub fn parse_mode(text: &str) -> Result<u32, BadAttribute> {
    let is_octal = |it: u8| (b'0'..=b'7').contains(&it);
    let mode = u32::from_str_radix(text, 8);
    match (text.len(), mode) {
        (3 | 4, Ok(mode)) if text.bytes().all(is_octal) => Ok(mode),
        _ => Err(BadAttribute::Mode(text.to_owned())),
    }
}

/// As setfacl(1) takes one, in the short form or the long.
impl FromStr for AclEntry<Who> {
    type Err = BadAttribute;

    fn from_str(text: &str) -> Result<AclEntry<Who>, BadAttribute> {
        let bad = || BadAttribute::Entry(text.to_owned());
        let words: Vec<&str> = text.split(':').collect();
        let (is_default, words) = match words.as_slice() {
            ["default" | "d", rest @ ..] => (true, rest),
            all => (false, all),
        };
        let [kind, name, perms] = words else {
            return Err(bad());
        };
        let to = match (*kind, *name) {
            ("user" | "u", "") => Subject::Owner,
            ("group" | "g", "") => Subject::OwningGroup,
            ("other" | "o", "") => Subject::Other,
            ("user" | "u", name) => Subject::User(name.parse()?),
            ("group" | "g", name) => Subject::Group(name.parse()?),
            _ => return Err(bad()),
        };
        let is_named = matches!(to, Subject::User(_) | Subject::Group(_));
        if !is_default && !is_named {
            return Err(BadAttribute::IsMode(text.to_owned()));
        }
        Ok(AclEntry {
            is_default,
            to,
            perms: perms.parse()?,
        })
    }
}

impl Attributes<Who> {
    /// Who is asked for by name.
    #[must_use]
    pub fn names(&self) -> Vec<(AccountKind, AccountName)> {
        let mut all = Vec::new();
        _ = self.clone().of(&mut |kind, who: Who| {
            if let Who::Name(name) = who {
                all.push((kind, name));
            }
            Ok::<_, std::convert::Infallible>(())
        });
        all
    }
}

impl<A> Attributes<A> {
    /// The same, with each that is named by `who`.
    pub fn of<B, E>(
        self,
        who: &mut impl FnMut(AccountKind, A) -> Result<B, E>,
    ) -> Result<Attributes<B>, E> {
        let owner = self
            .owner
            .map(|it| who(AccountKind::User, it))
            .transpose()?;
        let group = self
            .group
            .map(|it| who(AccountKind::Group, it))
            .transpose()?;
        let mut entry = |it: AclEntry<A>| {
            Ok(AclEntry {
                is_default: it.is_default,
                to: match it.to {
                    Subject::User(it) => Subject::User(who(AccountKind::User, it)?),
                    Subject::Group(it) => Subject::Group(who(AccountKind::Group, it)?),
                    Subject::Owner => Subject::Owner,
                    Subject::OwningGroup => Subject::OwningGroup,
                    Subject::Other => Subject::Other,
                },
                perms: it.perms,
            })
        };
        let acl = self.acl.map(|it| it.into_iter().map(&mut entry).collect());
        Ok(Attributes {
            owner,
            group,
            mode: self.mode,
            acl: acl.transpose()?,
            compression: self.compression,
            soft_quota: self.soft_quota,
        })
    }
}

impl Attributes<Account> {
    /// Who may what by then, where something of it is wished.
    pub(crate) fn access(&self, before: &Access) -> Option<Access> {
        if self.mode.is_none() && self.acl.is_none() {
            return None;
        }
        let mut access = before.clone();
        if let Some(mode) = self.mode {
            let of_mode = Access::of_mode(mode);
            access.special = of_mode.special;
            (access.acl.owner, access.acl.group) = (of_mode.acl.owner, of_mode.acl.group);
            access.acl.other = of_mode.acl.other;
        }
        if let Some(entries) = &self.acl {
            access.acl.named.clear();
            access.default = None;
            // What a default does not say of owner, group and others is what the folder says.
            let begun = access.acl.clone();
            for it in entries {
                let acl = match it.is_default {
                    true => access.default.get_or_insert_with(|| begun.clone()),
                    false => &mut access.acl,
                };
                match &it.to {
                    Subject::Owner => acl.owner = it.perms,
                    Subject::OwningGroup => acl.group = it.perms,
                    Subject::Other => acl.other = it.perms,
                    Subject::User(it_is) => _ = acl.named.insert(Whom::User(it_is.id), it.perms),
                    Subject::Group(it_is) => _ = acl.named.insert(Whom::Group(it_is.id), it.perms),
                }
            }
        }
        access.acl.open_mask();
        if let Some(default) = &mut access.default {
            default.open_mask();
        }
        Some(access)
    }

    /// What those are called that it names.
    pub(crate) fn learn(&self, names: &mut Names) {
        for it in self.acl.iter().flatten() {
            match &it.to {
                Subject::User(it) => names.learn(AccountKind::User, it),
                Subject::Group(it) => names.learn(AccountKind::Group, it),
                Subject::Owner | Subject::OwningGroup | Subject::Other => (),
            }
        }
    }

    /// What of it does not hold of a folder, in words; `None`: all of it does.
    #[must_use]
    pub fn differs(&self, folder: &Folder) -> Option<String> {
        let Folder {
            owner,
            access,
            compression,
            soft_quota,
            names,
            ..
        } = folder;
        let is_not = |it: &Option<Account>, is: &Account| it.as_ref().is_some_and(|it| it != is);
        if is_not(&self.owner, &owner.user) || is_not(&self.group, &owner.group) {
            return Some(format!("it belongs to {owner}"));
        }
        if self.access(access).is_some_and(|it| it != *access) {
            return Some(format!("who may what is {}", access.line(names)));
        }
        if self.compression.is_some_and(|it| it != *compression) {
            let is = compression.map_or("default", Compression::word);
            return Some(format!("its compression is {is}"));
        }
        match self.soft_quota.is_some_and(|it| it != *soft_quota) {
            true => Some("its soft quota is another one".to_owned()),
            false => None,
        }
    }
}

#[cfg(test)]
mod tests;
