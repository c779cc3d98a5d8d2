//! Names of snapshots that are taken by a schedule, and which of them a prune is about.
//!
//! Such a name says who took the snapshot and when: `auto-2026-11-21T01-00-00Z`. The time is in UTC,
//! so that no hour comes twice and the names are in order; it has no colon, which Windows does not
//! allow in names.

use serde::{Deserialize, Serialize};

use super::{Snapshot, SnapshotName};
use crate::prune::{Keep, Timestamp};

moxnas_core::name_type! {
    /// What the names of snapshots of one schedule begin with. The time follows.
    SnapshotPrefix, "prefix of snapshots", 40,
    |it| it.is_ascii_alphanumeric() || it == '-' || it == '_'
}

/// How the time is written behind the prefix, see strftime(3).
const STAMP: &str = "%Y-%m-%dT%H-%M-%SZ";

impl SnapshotPrefix {
    /// The name of a snapshot that is taken at this moment.
    ///
    /// # Panics
    /// Never: a prefix and a time of four digits for the year are a name.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> SnapshotName {
        let name = format!("{self}-{}", at.strftime(STAMP));
        name.parse().expect("a prefix and a time are a name")
    }

    /// Whether a snapshot has a name of this prefix and a time. Others that only begin with it are
    /// somebody's own.
    #[must_use]
    pub fn is_of(&self, name: &SnapshotName) -> bool {
        let stamp = name.as_str().strip_prefix(self.as_str());
        let stamp = stamp.and_then(|it| it.strip_prefix('-'));
        stamp.is_some_and(|it| jiff::civil::DateTime::strptime(STAMP, it).is_ok())
    }
}

/// Which snapshots of a dataset stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// Only those that schedules of this prefix took are counted and may go; `None`: all.
    pub prefix: Option<SnapshotPrefix>,
    /// How many of them stay.
    pub keep: Keep,
}

impl From<Keep> for Retention {
    fn from(keep: Keep) -> Retention {
        Retention { prefix: None, keep }
    }
}

impl Retention {
    /// Whether it is about this snapshot.
    #[must_use]
    pub fn is_about(&self, it: &Snapshot) -> bool {
        self.prefix
            .as_ref()
            .is_none_or(|prefix| prefix.is_of(&it.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_prefix_and_its_time() {
        let prefix: SnapshotPrefix = "auto".parse().unwrap();
        let at: Timestamp = "2026-11-21T01:00:00.7Z".parse().unwrap();
        let name = prefix.at(at);
        assert_eq!(name.as_str(), "auto-2026-11-21T01-00-00Z");
        assert!(prefix.is_of(&name));
        for other in [
            "auto",
            "auto-",
            "auto-before-the-upgrade",
            "auto-2026-11-21",
            "auto-2026-11-21T01-00-00Z-2",
            "auto-2026-13-21T01-00-00Z",
            "auto2026-11-21T01-00-00Z",
            "auto-auto-2026-11-21T01-00-00Z",
            "daily-2026-11-21T01-00-00Z",
        ] {
            assert!(!prefix.is_of(&other.parse().unwrap()), "{other}");
        }
        let longest: SnapshotPrefix = "a".repeat(40).parse().unwrap();
        assert!(longest.is_of(&longest.at(at)));
    }
}
