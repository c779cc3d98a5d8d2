//! What is asked: who, by which way, from where, what, and what for.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};

use super::SharePath;
use crate::{
    accounts::model::Accounts,
    model::{Security, ShareName, UserName},
};

/// May somebody do something with a path of a share?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Who.
    pub who: Who,
    /// By which way.
    pub by: Protocol,
    /// From which machine; `None`: from any that is let in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Machine>,
    /// How a client of NFS says who its users are. Other protocols do not ask.
    #[serde(default = "by_number")]
    pub security: Security,
    /// Of which share.
    pub share: ShareName,
    /// What of it.
    #[serde(default)]
    pub path: SharePath,
    /// What for.
    pub wish: Wish,
}

fn by_number() -> Security {
    Security::Sys
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// A user, by name.
    User(UserName),
    /// Nobody who logged in.
    Guest,
    /// Numbers, as a client of NFS says them of its users, or a process has them.
    Ids(Ids),
}

/// What the kernel knows of whoever does something, see credentials(7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// Further groups.
    #[serde(default)]
    pub groups: Vec<u32>,
}

impl Ids {
    /// Those of a user; `None`: the machine has no user of that name.
    #[must_use]
    pub fn of(accounts: &Accounts, name: &UserName) -> Option<Ids> {
        let user = accounts.user(name.as_str())?;
        let gid = |name: &crate::model::GroupName| Some(accounts.group(name.as_str())?.gid);
        Some(Ids {
            uid: user.uid,
            gid: user.gid,
            groups: user.groups.iter().filter_map(gid).collect(),
        })
    }

    /// Whether a group is one of theirs.
    #[must_use]
    pub fn has_group(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }
}

impl fmt::Display for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user {}, group {}", self.uid, self.gid)?;
        match self.groups.len() {
            0 => Ok(()),
            1 => f.write_str(" and one more"),
            more => write!(f, " and {more} more"),
        }
    }
}

/// By which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// smbd(8)
    Smb,
    /// nfsd(8)
    Nfs,
    /// vsftpd(8)
    Ftp,
    /// sshd(8), with the folders of [`Ftp`](Protocol::Ftp)
    Sftp,
    /// None: a process on the machine itself.
    Local,
}

impl Protocol {
    /// What it is called.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Protocol::Smb => "SMB",
            Protocol::Nfs => "NFS",
            Protocol::Ftp => "FTP",
            Protocol::Sftp => "SFTP",
            Protocol::Local => "the machine itself",
        }
    }
}

/// From where somebody asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The address that the daemon sees.
    pub address: IpAddr,
    /// The name that this address has for the server; `None`: it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// See what is in a folder.
    List,
    /// Read a file.
    Read,
    /// Change a file, or make something in a folder. Of a path that is not there: make it.
    Write,
    /// Delete a file or a folder.
    Delete,
}

impl Wish {
    /// All there are.
    pub const ALL: [Wish; 4] = [Wish::List, Wish::Read, Wish::Write, Wish::Delete];

    /// Whether anything is changed by it.
    #[must_use]
    pub fn changes(self) -> bool {
        matches!(self, Wish::Write | Wish::Delete)
    }

    /// Whether it is about what a symbolic link leads to, or about the link.
    #[must_use]
    pub fn last(self) -> Last {
        match self {
            Wish::Delete => Last::Keep,
            Wish::List | Wish::Read | Wish::Write => Last::Follow,
        }
    }

    /// What it is called.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Wish::List => "list",
            Wish::Read => "read",
            Wish::Write => "write",
            Wish::Delete => "delete",
        }
    }
}

/// What becomes of a symbolic link at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Last {
    /// What it leads to is meant.
    Follow,
    /// It is meant itself.
    Keep,
}
