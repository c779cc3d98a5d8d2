//! What is known of the machine when a question is answered.

use moxnas_core::acl::Acl;
use serde::{Deserialize, Serialize};

use crate::{accounts::model::Accounts, model::Intent};

/// Everything that an answer is made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// What is offered.
    pub intent: Intent,
    /// Who there is.
    pub accounts: Accounts,
    /// What is on the way.
    pub trail: Trail,
    /// Which numbers there are.
    pub ids: IdMap,
}

/// What is on the way from `/` to a path of a share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    /// Everything that was come to, `/` first. Symbolic links are followed by what they lead to.
    pub nodes: Vec<Node>,
    /// Which of them is the folder of the share.
    pub share: usize,
    /// How it ended.
    pub end: End,
    /// What room there is where it ended; `None`: the filesystem does not say.
    pub space: Option<Space>,
}

/// Something that was come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Where it is on the machine, no symbolic link before its last name.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Whose it is.
    pub uid: u32,
    /// Which group it belongs to.
    pub gid: u32,
    /// The lowest twelve bits of its mode, see inode(7).
    pub mode: u32,
    /// Who may what beside the mode, if anybody.
    pub acl: Option<Acl>,
    /// Its filesystem keeps lists of access.
    pub keeps_acl: bool,
    /// What chattr(1) says of it.
    pub flags: Flags,
    /// Which mount it is in: equal numbers, the same mount.
    pub mount: u64,
    /// That mount, or its filesystem, can be read only.
    pub is_read_only: bool,
}

/// What something is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A folder.
    Folder,
    /// A file.
    File,
    /// A symbolic link, with what it says.
    Link(String),
    /// A device, a pipe or a socket.
    Other,
}

/// What chattr(1) says of something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flags {
    /// Nobody may change it, root neither.
    pub immutable: bool,
    /// Only what is new may come: at the end of a file, or into a folder.
    pub append_only: bool,
}

/// How the way to a path ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// At what was asked for.
    #[default]
    Reached,
    /// There is no such name in the last folder that was come to.
    Missing {
        /// The name.
        name: String,
        /// It is the last of the path, so it could be made.
        is_last: bool,
    },
    /// The path goes on behind something that is no folder.
    NotAFolder,
    /// A symbolic link leads out of the share.
    LeavesShare,
    /// Symbolic links lead to each other.
    Circle,
    /// The folder of the share is not there.
    NoShare,
}

/// What room there is for whoever is not root. Where a folder has a quota, what that leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    /// In bytes.
    pub bytes: u64,
    /// For how many files; `None`: for as many as there are bytes for.
    pub files: Option<u64>,
}

/// Which numbers of users and groups there are: in a container not all, see user_namespaces(7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdMap {
    /// Those of users.
    pub uids: Vec<IdRange>,
    /// Those of groups.
    pub gids: Vec<IdRange>,
}

/// Numbers one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdRange {
    /// The first.
    pub first: u32,
    /// How many.
    pub count: u32,
}

/// All of them, as outside of containers.
impl Default for IdMap {
    fn default() -> IdMap {
        let all = vec![IdRange {
            first: 0,
            count: u32::MAX,
        }];
        IdMap {
            uids: all.clone(),
            gids: all,
        }
    }
}

impl IdMap {
    /// Read the lines of `/proc/self/uid_map` or `gid_map`: the first number within, the first one
    /// outside, how many. A line that is none is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Vec<IdRange>> {
        let line = |line: &str| {
            let mut words = line.split_whitespace().map(str::parse);
            let first = words.next()?.ok()?;
            let _outside: u32 = words.next()?.ok()?;
            let count = words.next()?.ok()?;
            words.next().is_none().then_some(IdRange { first, count })
        };
        text.lines().map(line).collect()
    }

    /// Whether these are all that there can be.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        *self == IdMap::default()
    }

    /// Whether there is a user of this number.
    #[must_use]
    pub fn has_user(&self, uid: u32) -> bool {
        self.uids.iter().any(|it| it.has(uid))
    }

    /// Whether there is a group of this number.
    #[must_use]
    pub fn has_group(&self, gid: u32) -> bool {
        self.gids.iter().any(|it| it.has(gid))
    }
}

impl IdRange {
    fn has(self, id: u32) -> bool {
        id.checked_sub(self.first).is_some_and(|it| it < self.count)
    }
}

impl Node {
    /// Whether it is a folder.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.kind == Kind::Folder
    }

    /// Whether only owners delete what is in it.
    #[must_use]
    pub fn is_sticky(&self) -> bool {
        self.mode & 0o1000 != 0
    }
}

impl Trail {
    /// The folder that something is in, by its path.
    #[must_use]
    pub fn parent(&self, of: &Node) -> Option<&Node> {
        let (above, _) = of.path.rsplit_once('/')?;
        let above = if above.is_empty() { "/" } else { above };
        self.nodes
            .iter()
            .find(|it| it.path == above && it.path != of.path)
    }

    /// Where the mount begins that something is in, as far as it was come to.
    #[must_use]
    pub fn mounted_at<'a>(&'a self, node: &'a Node) -> &'a str {
        let first = self.nodes.iter().find(|it| it.mount == node.mount);
        &first.unwrap_or(node).path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_container_are_known() {
        let whole = IdMap::parse("         0          0 4294967295\n").unwrap();
        let container = IdMap {
            uids: IdMap::parse("0 100000 1000\n1000 1000 1\n1001 101001 64535\n").unwrap(),
            gids: whole,
        };
        assert!(!container.is_whole() && IdMap::default().is_whole());
        for (uid, is_there) in [(0, true), (1000, true), (65535, true), (65536, false)] {
            assert_eq!(container.has_user(uid), is_there, "{uid}");
        }
        assert!(container.has_group(65536));
        for bad in ["0 1", "a 0 1", "0 0 1 2", "-1 0 1"] {
            assert_eq!(IdMap::parse(bad), None, "{bad:?}");
        }
    }
}
