//! What scenarios do beside all plans.

use std::fmt;

use moxnas_shares::services::Unit;
use serde::{Deserialize, Serialize};

use super::{Key, TOP};
use crate::conformance::Shutdown;

/// Something that a person does, or that befalls a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A folder below [`TOP`], of somebody, with these permissions.
    Folder {
        folder: &'static str,
        owner: &'static str,
        group: &'static str,
        mode: u32,
    },
    /// A folder below [`TOP`] goes, with what is in it.
    NoFolder { folder: &'static str },
    /// Somebody writes a file by hand; `None`: removes it.
    Write {
        path: &'static str,
        text: Option<&'static str>,
    },
    /// Somebody edits a file by hand.
    Edit {
        path: &'static str,
        from: &'static str,
        to: &'static str,
    },
    /// Somebody types `passwd`.
    Passwd { user: &'static str, key: Key },
    /// Somebody types `useradd`.
    UserAdd { user: &'static str, uid: u32 },
    /// The main process of a daemon is killed.
    Crash { unit: Unit },
    /// Something is wrong with a daemon, until it is put right.
    Arrange { unit: Unit, trouble: Option<Ill> },
    /// What `systemctl mask` does.
    Mask { unit: Unit },
    /// What `systemctl unmask` does.
    Unmask { unit: Unit },
    /// What `systemctl stop` does.
    Stop { unit: Unit },
    /// What removing the package of a daemon does.
    Uninstall { unit: Unit },
    /// Days go by.
    Days { days: u64 },
    /// Off and on again.
    Restart { how: Shutdown },
}

/// What is wrong with a daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ill {
    /// It ends with this exit status before it says that it is there.
    RefusesToStart(i32),
    /// It says at once that it is there, and ends with this exit status.
    EndsAtOnce(i32),
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Deed::Folder {
                folder,
                owner,
                group,
                mode,
            } => write!(f, "{TOP}/{folder} is made for {owner}:{group}, {mode:o}"),
            Deed::NoFolder { folder } => write!(f, "{TOP}/{folder} is removed"),
            Deed::Write {
                path,
                text: Some(_),
            } => write!(f, "somebody writes {path}"),
            Deed::Write { path, text: None } => write!(f, "somebody removes {path}"),
            Deed::Edit { path, from, to } => write!(f, "in {path} {from:?} becomes {to:?}"),
            Deed::Passwd { user, key } => write!(f, "passwd gives {user} {}", key.word()),
            Deed::UserAdd { user, uid } => write!(f, "useradd makes {user} with number {uid}"),
            Deed::Crash { unit } => write!(f, "{unit} is killed"),
            Deed::Arrange {
                unit,
                trouble: None,
            } => write!(f, "{unit} is put right"),
            Deed::Arrange {
                unit,
                trouble: Some(Ill::RefusesToStart(status)),
            } => write!(f, "{unit} will refuse to start with status {status}"),
            Deed::Arrange {
                unit,
                trouble: Some(Ill::EndsAtOnce(status)),
            } => write!(f, "{unit} will end with status {status} once started"),
            Deed::Mask { unit } => write!(f, "{unit} is masked"),
            Deed::Unmask { unit } => write!(f, "{unit} is unmasked"),
            Deed::Stop { unit } => write!(f, "somebody stops {unit}"),
            Deed::Uninstall { unit } => write!(f, "the package of {unit} is removed"),
            Deed::Days { days } => write!(f, "{days} days go by"),
            Deed::Restart {
                how: Shutdown::Clean,
            } => f.write_str("the machine reboots"),
            Deed::Restart {
                how: Shutdown::PowerCut,
            } => f.write_str("the power is cut"),
        }
    }
}
