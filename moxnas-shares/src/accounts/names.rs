//! Names that new accounts may have.

use std::{fmt, str::FromStr};

use moxnas_core::names::{BadName, Why, check};
use serde::{Deserialize, Serialize};

use crate::model::{GroupName, UserName};

/// Name of a user or a group that is to be made: `[a-z_][a-z0-9_-]*`, at most 32 bytes, as Debian's
/// adduser(8) and systemd take it. Names that are there already may be others.
///
/// Samba takes a `$` at the end for a machine of a domain, so there is none, though useradd(8)
/// would take it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LoginName(String);

impl LoginName {
    /// The longest name: what utmp(5) has room for, and useradd(8) takes.
    pub const MAX_LEN: usize = 32;

    const KIND: &str = "name of a user or group";

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As a user.
    #[must_use]
    pub fn user(&self) -> UserName {
        self.0
            .parse()
            .expect("all its characters are allowed there")
    }

    /// As a group.
    #[must_use]
    pub fn group(&self) -> GroupName {
        self.0
            .parse()
            .expect("all its characters are allowed there")
    }
}

impl FromStr for LoginName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<LoginName, BadName> {
        check(Self::KIND, text, Self::MAX_LEN, |it| {
            it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_' || it == '-'
        })?;
        // Programs take what begins with a digit for a number.
        match text.chars().next() {
            Some(it) if it.is_ascii_digit() => Err(BadName {
                kind: Self::KIND,
                why: Why::Char(it),
                text: text.to_owned(),
            }),
            _ => Ok(LoginName(text.to_owned())),
        }
    }
}

/// Name of a person, as the fifth field of passwd(5) has it: no colon and no comma, which end it
/// there.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FullName(String);

impl FullName {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 100;

    const KIND: &str = "name of a person";

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FullName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<FullName, BadName> {
        if text.is_empty() {
            return Ok(FullName::default());
        }
        // finger(1) puts the login in place of an ampersand, chfn(1) keeps something behind `=`.
        check(Self::KIND, text, Self::MAX_LEN, |it| {
            !it.is_control() && !matches!(it, ':' | ',' | '=' | '&' | '"' | '\\')
        })?;
        match text.trim() == text {
            true => Ok(FullName(text.to_owned())),
            false => Err(BadName {
                kind: Self::KIND,
                why: Why::Char(' '),
                text: text.to_owned(),
            }),
        }
    }
}

moxnas_core::text_type!(LoginName, FullName);

impl fmt::Display for LoginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for FullName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
