//! Names and texts that were checked once, at the edge, so that they mean the same in every file.

use std::{fmt, str::FromStr};

use moxnas_core::names::{BadName, Why, check};
use serde::{Deserialize, Serialize};

/// What clients see a share as, and what it is known by.
///
/// At most 80 characters, which is what the protocol has room for (`NNLEN` in MS-SRVS). No
/// character that clients or smb.conf(5) read as something else, and none of the names that Samba
/// gives a meaning of their own. Two names that differ by case only are one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ShareName(String);

/// Sections of smb.conf that are no shares, and shares that Samba makes by itself. It looks for
/// some of them without regard to blanks.
const RESERVED: [&str; 8] = [
    "global", "globals", "homes", "printers", "print$", "ipc$", "admin$", "netlogon",
];

/// Whether a text is in smb.conf what it is here: Samba makes one blank of several, and goes on
/// with the next line behind a backslash.
fn stays_as_it_is(text: &str) -> bool {
    !text.contains("  ") && !text.starts_with([' ', '\\']) && !text.ends_with([' ', '\\'])
}

impl ShareName {
    /// The longest name allowed, in characters.
    pub const MAX_CHARS: usize = 80;

    const KIND: &str = "name of a share";

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// By which names are compared: clients do not tell upper case from lower case.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

fn is_of_a_share(it: char) -> bool {
    it.is_alphanumeric() || " -_.$&'()!@^{}~".contains(it)
}

impl FromStr for ShareName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<ShareName, BadName> {
        // A character has at most four bytes.
        check(Self::KIND, text, 4 * Self::MAX_CHARS, is_of_a_share)?;
        let bad = |why| BadName {
            kind: Self::KIND,
            why,
            text: text.to_owned(),
        };
        if text.chars().count() > Self::MAX_CHARS {
            return Err(bad(Why::TooLong(Self::MAX_CHARS)));
        }
        if !stays_as_it_is(text) {
            return Err(bad(Why::Char(' ')));
        }
        // A folder of that name would not be seen, and Windows drops a dot at the end.
        if text.starts_with('.') || text.ends_with('.') {
            return Err(bad(Why::Char('.')));
        }
        let letters: String = text.to_lowercase().split(' ').collect();
        if RESERVED.contains(&letters.as_str()) {
            return Err(bad(Why::Reserved));
        }
        Ok(ShareName(text.to_owned()))
    }
}

/// Name of a user, with that of a domain and a backslash before it where there is one. Nothing that
/// Samba, vsftpd or sshd would read as a pattern, a list, a group or a variable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserName(String);

/// Name of a group, likewise; groups of domains may have a space in their name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GroupName(String);

fn is_of_a_user(it: char) -> bool {
    it.is_ascii_alphanumeric() || matches!(it, '.' | '_' | '$' | '-' | '\\')
}

fn is_of_a_group(it: char) -> bool {
    is_of_a_user(it) || it == ' '
}

/// A name of an account, which is what it is also at the end of a line of smb.conf.
fn account(kind: &'static str, text: &str, valid: fn(char) -> bool) -> Result<String, BadName> {
    const LONGEST: usize = 128;
    check(kind, text, LONGEST, valid)?;
    let blank_or_slash = |it: char| matches!(it, ' ' | '\\');
    match stays_as_it_is(text) {
        true => Ok(text.to_owned()),
        false => Err(BadName {
            kind,
            why: Why::Char(text.chars().rfind(|it| blank_or_slash(*it)).unwrap_or(' ')),
            text: text.to_owned(),
        }),
    }
}

impl FromStr for UserName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<UserName, BadName> {
        account("name of a user", text, is_of_a_user).map(UserName)
    }
}

impl FromStr for GroupName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<GroupName, BadName> {
        account("name of a group", text, is_of_a_group).map(GroupName)
    }
}

impl GroupName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl UserName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a name of this machine, not of a domain.
    #[must_use]
    pub fn is_local(&self) -> bool {
        !self.as_str().contains('\\')
    }
}

/// A user or a group, as they stand in a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Principal {
    /// One user.
    User(UserName),
    /// All members of a group of the system.
    Group(GroupName),
}

impl FromStr for Principal {
    type Err = BadName;

    /// `@` before a name makes it one of a group.
    fn from_str(text: &str) -> Result<Principal, BadName> {
        match text.strip_prefix('@') {
            Some(group) => group.parse().map(Principal::Group),
            None => text.parse().map(Principal::User),
        }
    }
}

impl Principal {
    /// The name alone.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Principal::User(name) => name.as_str(),
            Principal::Group(name) => name.as_str(),
        }
    }

    /// What tells a group from a user: `@` before its name.
    #[must_use]
    pub fn sign(&self) -> &'static str {
        match self {
            Principal::User(_) => "",
            Principal::Group(_) => "@",
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sign())?;
        f.write_str(self.name())
    }
}

/// A text for people, on one line: a description, the name of the server.
///
/// Samba takes a percent sign for a variable, quotes for its own, and has no way to say otherwise;
/// so none of these is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Line(String);

impl Line {
    /// The longest text allowed, in bytes: what `NetShareEnum` has room for.
    pub const MAX_LEN: usize = 255;

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for Line {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Line, BadName> {
        const KIND: &str = "text of one line";
        let bad = |why| BadName {
            kind: KIND,
            why,
            text: text.to_owned(),
        };
        if text.is_empty() {
            return Ok(Line::default());
        }
        if text.len() > Self::MAX_LEN {
            return Err(bad(Why::TooLong(Self::MAX_LEN)));
        }
        let is_bad = |it: char| it.is_control() || matches!(it, '%' | '"' | '\\');
        if let Some(it) = text.chars().find(|it| is_bad(*it)) {
            return Err(bad(Why::Char(it)));
        }
        match text.trim() == text && stays_as_it_is(text) {
            true => Ok(Line(text.to_owned())),
            false => Err(bad(Why::Char(' '))),
        }
    }
}

moxnas_core::name_type! {
    /// Name of the machine among those of a network: 15 characters are what NetBIOS has room for.
    NetbiosName, "NetBIOS name", 15, |it| it.is_ascii_alphanumeric() || it == '-' || it == '_'
}

moxnas_core::text_type!(ShareName, UserName, GroupName, Principal, Line);

impl fmt::Display for ShareName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_shares_mean_the_same_everywhere() {
        for good in [
            "photos",
            "My Photos",
            "büro",
            "a.b",
            "scans$",
            "R&D",
            "写真",
        ] {
            assert_eq!(good.parse::<ShareName>().unwrap().to_string(), good);
        }
        let long = "x".repeat(81);
        for bad in [
            "",
            "Global",
            "homes",
            "IPC$",
            "a]b",
            "a/b",
            "a\nb",
            "a\\b",
            "%U",
            "a;b",
            "a=b",
            " a",
            "a ",
            ".a",
            "a.",
            "..",
            "-a",
            "a  b",
            "Glo bals",
            "globals",
            "print ers",
            &long,
        ] {
            assert!(bad.parse::<ShareName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn lists_are_of_users_and_groups() {
        for good in [
            "alice",
            "@family",
            "EXAMPLE\\alice",
            "@EXAMPLE\\domain users",
            "x-1$",
        ] {
            assert_eq!(good.parse::<Principal>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "@",
            "alice bob",
            "alice,bob",
            "%U",
            "+staff",
            "&staff",
            "a\\",
            "@a ",
            "-x",
            "*",
            "@a  b",
        ] {
            assert!(bad.parse::<Principal>().is_err(), "{bad:?}");
        }
        for bad in ["a\\", "\\a", "a b", ""] {
            assert!(bad.parse::<UserName>().is_err(), "{bad:?}");
        }
        for bad in [" a", "a ", "a  b", "a\\"] {
            assert!(bad.parse::<GroupName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn texts_are_one_line() {
        for good in ["", "All our photos; since 1998", "# 1", "Büro"] {
            assert_eq!(good.parse::<Line>().unwrap().to_string(), good);
        }
        for bad in ["a\nb", "100 %", "a\\", " a", "\"a\"", "\u{7f}", "a  b"] {
            assert!(bad.parse::<Line>().is_err(), "{bad:?}");
        }
    }
}
