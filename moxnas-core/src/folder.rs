//! The path of a folder, checked once.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::names::{BadName, Why};

/// The path of a folder from the top on, without `.`, `..`, doubled or closing slashes, and control
/// characters: one line of a note, and nothing that leads elsewhere than it says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FolderPath(String);

/// The longest one, in bytes; names below it have to fit into `PATH_MAX` (4096).
const LONGEST: usize = 512;

/// Of which, and below which, nothing is made a pool or a share: the system's own.
const OF_THE_SYSTEM: [&str; 16] = [
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/root",
    "/run", "/sbin", "/sys", "/tmp", "/usr", "/var",
];

/// Of which nothing is made a pool or a share, as other things are below them.
const SHARED: [&str; 4] = ["/", "/home", "/opt", "/srv"];

impl FolderPath {
    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder of the system that it is or is below, if any.
    #[must_use]
    pub fn of_the_system(&self) -> Option<&'static str> {
        let below = OF_THE_SYSTEM.into_iter().find(|it| is_in(&self.0, it));
        below.or_else(|| SHARED.into_iter().find(|it| self.0 == *it))
    }
}

/// Whether a path is this folder or below it.
#[must_use]
pub fn is_in(path: &str, folder: &str) -> bool {
    match path.strip_prefix(folder) {
        Some(rest) => rest.is_empty() || rest.starts_with('/') || folder == "/",
        None => false,
    }
}

impl FromStr for FolderPath {
    type Err = BadName;

    fn from_str(text: &str) -> Result<FolderPath, BadName> {
        let bad = |why| BadName {
            kind: "path of a folder",
            why,
            text: text.to_owned(),
        };
        if text.is_empty() {
            return Err(bad(Why::Empty));
        }
        if text.len() > LONGEST {
            return Err(bad(Why::TooLong(LONGEST)));
        }
        let is_clean = |it: &str| !matches!(it, "" | "." | "..");
        let below = text.strip_prefix('/');
        let is_path = below.is_some_and(|it| it.is_empty() || it.split('/').all(is_clean));
        match is_path && !text.chars().any(char::is_control) && text.trim() == text {
            true => Ok(FolderPath(text.to_owned())),
            false => Err(bad(Why::NotAPath)),
        }
    }
}

crate::text_type!(FolderPath);

impl fmt::Display for FolderPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_where_it_says() {
        for good in ["/mnt/data", "/mnt/my data", "/", "/data/ä", "/srv/tank"] {
            assert_eq!(good.parse::<FolderPath>().unwrap().as_str(), good);
        }
        let long = format!("/{}", "a".repeat(LONGEST));
        for bad in [
            "",
            "mnt",
            "./mnt",
            "/mnt/",
            "//mnt",
            "/mnt/../etc",
            "/mnt/./x",
            "/mnt\n",
            "/mnt/ ",
            &long,
        ] {
            assert!(bad.parse::<FolderPath>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_belongs_to_the_system_is_known() {
        let of = |text: &str| text.parse::<FolderPath>().unwrap().of_the_system();
        assert_eq!(of("/etc/x"), Some("/etc"));
        assert_eq!(of("/var"), Some("/var"));
        assert_eq!(of("/"), Some("/"));
        assert_eq!(of("/srv"), Some("/srv"));
        for free in ["/mnt", "/mnt/etc", "/srv/tank", "/variable", "/data"] {
            assert_eq!(of(free), None, "{free}");
        }
    }
}
