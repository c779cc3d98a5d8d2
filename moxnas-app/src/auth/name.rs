//! Names of logins.

use std::{fmt, str::FromStr};

use super::AuthError;

/// A name that a login may have: 1 to 32 of `a-z 0-9 . _ -`, beginning with a letter or digit.
///
/// Upper case is read and becomes lower case, so `Admin` and `admin` are one login. The set is
/// that of the accounts of Unix and Samba, so that a login can be linked to one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoginName(String);

impl LoginName {
    const MAX: usize = 32;

    /// The name of a login that should be there. None has a name that cannot be.
    pub(crate) fn existing(text: &str) -> Result<LoginName, AuthError> {
        let shown = || text.chars().take(LoginName::MAX).collect();
        text.parse().map_err(|_| AuthError::NoSuchLogin(shown()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LoginName {
    type Err = LoginNameError;

    fn from_str(text: &str) -> Result<LoginName, LoginNameError> {
        let first = text.bytes().next().ok_or(LoginNameError::Empty)?;
        if text.len() > LoginName::MAX {
            return Err(LoginNameError::Long);
        }
        let odd = |it: &char| !(it.is_ascii_alphanumeric() || matches!(it, '.' | '_' | '-'));
        if let Some(odd) = text.chars().find(odd) {
            return Err(LoginNameError::Character(odd));
        }
        if !first.is_ascii_alphanumeric() {
            return Err(LoginNameError::Beginning);
        }
        Ok(LoginName(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for LoginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why a login cannot have a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginNameError {
    /// There is none.
    #[error("the name of a login is empty")]
    Empty,
    /// Longer than those of Unix.
    #[error("the name of a login is longer than {} characters", LoginName::MAX)]
    Long,
    /// A character that is not in the set.
    #[error(
        "the name of a login contains {0:?}: letters a-z, digits, `.`, `_` and `-` are allowed"
    )]
    Character(char),
    /// It begins with a dot, dash or underscore.
    #[error("the name of a login begins with something other than a letter or digit")]
    Beginning,
}
