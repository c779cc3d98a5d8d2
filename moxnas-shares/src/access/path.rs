//! A path within a share, checked once.

use std::{fmt, str::FromStr};

use moxnas_core::names::{BadName, Why};
use serde::{Deserialize, Serialize};

/// A path within a share: names and slashes between them, none of which is `.` or `..`, so that it
/// cannot say a place outside. The empty one is the share itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SharePath(String);

/// The longest one, in bytes: what the kernel takes at once (`PATH_MAX`).
const LONGEST: usize = 4096;

impl SharePath {
    /// The path, without a slash before it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its names, from the share on.
    pub fn names(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|it| !it.is_empty())
    }
}

impl FromStr for SharePath {
    type Err = BadName;

    fn from_str(text: &str) -> Result<SharePath, BadName> {
        let bad = |why| BadName {
            kind: "path within a share",
            why,
            text: text.to_owned(),
        };
        if text.len() > LONGEST {
            return Err(bad(Why::TooLong(LONGEST)));
        }
        let is_clean = |it: &str| !matches!(it, "" | "." | "..");
        let is_path = text.is_empty() || text.split('/').all(is_clean);
        match is_path && !text.contains('\0') {
            true => Ok(SharePath(text.to_owned())),
            false => Err(bad(Why::NotAPath)),
        }
    }
}

moxnas_core::text_type!(SharePath);

impl fmt::Display for SharePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_in_its_share() {
        for (text, names) in [("", vec![]), ("a", vec!["a"]), ("a b/c", vec!["a b", "c"])] {
            let path: SharePath = text.parse().unwrap();
            assert_eq!(path.names().collect::<Vec<_>>(), names);
        }
        let long = "a".repeat(LONGEST + 1);
        for bad in ["/", "/a", "a/", "a//b", "..", "a/../b", "./a", "a\0", &long] {
            assert!(bad.parse::<SharePath>().is_err(), "{bad:?}");
        }
    }
}
