//! The steps by which a folder becomes a pool, and is one no more.

use serde::{Deserialize, Serialize};

use super::{FolderPath, MARK_FILE};
use crate::{model::PoolName, unit::mount_point};

/// One thing that a backend can do about a folder that is a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum DirectoryStep {
    /// Write the mark into the folder, if it has none. A path that is no folder, or leads elsewhere, is
    /// an error, and so is a place of the pool that is taken.
    Mark,
    /// Write down which folder the pool is, with the UUID that is in its mark by then.
    Note {
        /// Where what it is on is mounted.
        mount: String,
    },
    /// Let the place of the pool lead to the folder. Nothing, if it is that folder itself.
    Link,
    /// Let the place of the pool lead to the folder no more.
    Unlink,
    /// Remove what is written down of the pool.
    Forget,
}

impl DirectoryStep {
    /// In words, for plans that are shown.
    #[must_use]
    pub fn describe(&self, pool: &PoolName, path: &FolderPath) -> String {
        let at = mount_point(pool);
        match self {
            DirectoryStep::Mark => format!("mark the folder {path} as a pool, by {MARK_FILE}"),
            DirectoryStep::Note { .. } => {
                format!("write down that pool {pool} is the folder {path}")
            }
            DirectoryStep::Link => format!("let {at} lead to {path}"),
            DirectoryStep::Unlink => format!("let {at} lead to {path} no more"),
            DirectoryStep::Forget => format!("remove what is written down of pool {pool}"),
        }
    }
}
