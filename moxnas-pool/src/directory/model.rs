//! What a look tells of a folder of the host, and what only its filesystem tells.

use moxnas_core::{disk::Mount, folder::is_in};
use serde::{Deserialize, Serialize};

use super::FolderPath;
use crate::model::Standing;

/// The folder that a pool is, as far as the kernel tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    /// Which folder.
    pub path: FolderPath,
    /// Where what it is on was mounted when it became a pool.
    pub mount: String,
    /// On what it is.
    pub on: Option<Place>,
    /// Whether the place of the pool leads to it.
    pub is_linked: bool,
}

/// What is mounted somewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Where.
    pub at: String,
    /// What, in the word of the kernel, such as `zfs` or `nfs4`.
    pub filesystem: String,
    /// Whether nothing can be written to it there.
    pub read_only: bool,
}

/// A folder that may become a pool, as its filesystem shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folder {
    /// Which.
    pub path: FolderPath,
    /// What is there.
    pub is: Is,
    /// On what it is.
    pub on: Option<Place>,
    /// The UUID in the mark of a pool, if it has one.
    pub mark: Option<String>,
}

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Is {
    /// A folder.
    Folder,
    /// It leads to this path in truth: it or a folder above it is a link.
    Link(String),
    /// Something else.
    Other,
    /// Nothing.
    Nothing,
}

/// Whether the folder of a pool is the one that was made a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// It has the mark.
    Ours,
    /// It has no mark: an empty mount point has none.
    None,
    /// It is another pool, with this UUID.
    Other(String),
}

impl Mark {
    /// The mark that was found in the folder of the pool of this UUID.
    pub(crate) fn of(found: Option<String>, uuid: &str) -> Mark {
        match found {
            Some(it) if it == uuid => Mark::Ours,
            Some(it) => Mark::Other(it),
            None => Mark::None,
        }
    }
}

impl Place {
    /// What a path is on, among all that is mounted: the last at the longest way to it.
    pub(crate) fn of(path: &str, mounts: &[Mount]) -> Option<Place> {
        let above = mounts.iter().filter(|it| is_in(path, &it.at));
        // Of equals the last one.
        let found = above.max_by_key(|it| it.at.len())?;
        Some(Place {
            at: found.at.clone(),
            filesystem: found.filesystem.clone(),
            read_only: found.read_only,
        })
    }
}

impl Directory {
    /// Whether what it was on is mounted where it was.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.on.as_ref().is_some_and(|it| it.at == self.mount)
    }

    /// Whether the host lets nothing be written to it.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.on.as_ref().is_some_and(|it| it.read_only)
    }

    /// How a pool is that is such a folder, which is to be at this place.
    pub(crate) fn judge(&self, place: &str, reasons: &mut Vec<String>) -> Standing {
        let (path, mount) = (&self.path, &self.mount);
        if let Some(on) = &self.on
            && on.at.len() > mount.len()
        {
            let Place { at, filesystem, .. } = on;
            reasons.push(format!("{filesystem} is mounted at {at} in its place"));
            return Standing::Confused;
        }
        if !self.is_there() {
            reasons.push(format!(
                "nothing is mounted at {mount}, which the folder {path} was on: the host has not given \
                 it to this machine"
            ));
            return Standing::Missing;
        }
        if !self.is_linked {
            reasons.push(format!("{place} does not lead to the folder {path}"));
            return Standing::Unmounted;
        }
        match self.is_read_only() {
            true => {
                reasons.push("the host lets nothing be written to it".to_owned());
                Standing::ReadOnly
            }
            false => Standing::Mounted,
        }
    }

    /// What its filesystem adds to that; `None`: it was not asked.
    pub(crate) fn judge_mark(&self, mark: Option<&Mark>) -> (Option<Standing>, Option<String>) {
        let path = &self.path;
        match mark {
            Some(Mark::Ours) => (None, None),
            Some(Mark::None) => (
                Some(Standing::Missing),
                Some(format!(
                    "the folder {path} has no {}: it is not the one that was made a pool",
                    super::MARK_FILE
                )),
            ),
            Some(Mark::Other(uuid)) => (
                Some(Standing::Confused),
                Some(format!("the folder {path} is another pool, {uuid}")),
            ),
            None => (
                None,
                Some(format!(
                    "whether {path} is the folder that was made a pool is not known: it was not asked, \
                     or does not answer"
                )),
            ),
        }
    }
}
