//! A share as SMB offers it, in the terms of smb.conf(5).

use std::{fmt, num::NonZeroU16, str::FromStr};

use moxnas_core::{folder::FolderPath, units::Bytes};
use serde::{Deserialize, Serialize};

use super::{GroupName, Principal, SmbHost, UserName, yes};

/// How SMB offers a share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Smb {
    /// Nobody may write, but those in `write_list`.
    pub read_only: bool,
    /// Whoever does not log in, or has no account, gets in as the guest account.
    pub guest: bool,
    /// Whether it is in the list that clients show.
    pub browseable: bool,
    /// Who may connect; nobody named: everybody with an account.
    pub valid_users: Vec<Principal>,
    /// Who may not connect, whatever else is said.
    pub invalid_users: Vec<Principal>,
    /// Who may only read, although others may write.
    pub read_list: Vec<Principal>,
    /// Who may write, although others may only read.
    pub write_list: Vec<Principal>,
    /// From where alone it can be reached; nothing named: from anywhere.
    pub hosts_allow: Vec<SmbHost>,
    /// From where it cannot be reached; what is also in `hosts_allow` can.
    pub hosts_deny: Vec<SmbHost>,
    /// Which permissions a new file can have at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_mask: Option<Mode>,
    /// Which permissions a new folder can have at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory_mask: Option<Mode>,
    /// As whom everybody reads and writes, once let in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force_user: Option<UserName>,
    /// Of which group everybody is, once let in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force_group: Option<GroupName>,
    /// Whether what is sent is encrypted.
    pub encryption: Encryption,
    /// Where deleted files go instead of away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recycle: Option<Recycle>,
    /// Whether it is written down who opened, made, renamed and deleted what.
    pub audit: bool,
    /// Snapshots that clients show as previous versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_versions: Option<PreviousVersions>,
    /// Names and streams as macOS writes them (`vfs_fruit(8)`). All shares of a server should agree.
    pub apple: bool,
    /// A place for backups of Macs; wants `apple`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_machine: Option<TimeMachine>,
    /// How many may be connected at a time; `None`: as many as come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<NonZeroU16>,
}

/// Secure: no guests, and who may do what is left to the permissions of the files.
impl Default for Smb {
    fn default() -> Smb {
        Smb {
            read_only: false,
            guest: false,
            browseable: true,
            valid_users: Vec::new(),
            invalid_users: Vec::new(),
            read_list: Vec::new(),
            write_list: Vec::new(),
            hosts_allow: Vec::new(),
            hosts_deny: Vec::new(),
            create_mask: None,
            directory_mask: None,
            force_user: None,
            force_group: None,
            encryption: Encryption::Default,
            recycle: None,
            audit: false,
            previous_versions: None,
            apple: false,
            time_machine: None,
            max_connections: None,
        }
    }
}

/// Whether what is sent is encrypted, `smb encrypt` and `server smb encrypt` of smb.conf(5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encryption {
    /// If the client asks for it; of a share: as the server says.
    #[default]
    Default,
    /// If the client can.
    Desired,
    /// Always: a client that cannot is refused.
    Required,
    /// Never.
    Off,
}

/// Permissions in octal, as chmod(1) takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mode(u16);

/// A text that is no mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no mode in octal, such as 0660")]
pub struct NotAMode(String);

impl Mode {
    /// The bits; `None`: there are more than twelve.
    #[must_use]
    pub const fn new(bits: u16) -> Option<Mode> {
        match bits <= 0o7777 {
            true => Some(Mode(bits)),
            false => None,
        }
    }

    /// The bits.
    #[must_use]
    pub fn bits(self) -> u16 {
        self.0
    }
}

impl FromStr for Mode {
    type Err = NotAMode;

    fn from_str(text: &str) -> Result<Mode, NotAMode> {
        let is_octal = (3..=4).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
        let bits = u16::from_str_radix(text, 8).ok().filter(|_| is_octal);
        bits.and_then(Mode::new)
            .ok_or_else(|| NotAMode(text.to_owned()))
    }
}

moxnas_core::text_type!(Mode);

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In one go: it is in most lines of a large file.
        let digits = [9, 6, 3, 0].map(|place| b"01234567"[usize::from(self.0 >> place & 7)]);
        f.write_str(str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

/// A folder into which deleted files go, `vfs_recycle(8)`: `.recycle/USER` below the share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recycle {
    /// Whether a file keeps its folders there.
    pub keep_tree: bool,
    /// Whether a file of the same name is kept beside the one that is there.
    pub versions: bool,
    /// Files that are larger go away at once; `None`: none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_size: Option<Bytes>,
}

impl Default for Recycle {
    fn default() -> Recycle {
        Recycle {
            keep_tree: true,
            versions: true,
            max_size: None,
        }
    }
}

/// Snapshots that clients show as previous versions, `vfs_shadow_copy2(8)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviousVersions {
    /// The folder in which the snapshots are, a folder each.
    pub snapshots: FolderPath,
    /// The folder of which they are snapshots; the share is this folder or is below it.
    pub of: FolderPath,
}

/// A place for backups of Macs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeMachine {
    /// How large all backups together may become; `None`: as large as there is room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_size: Option<Bytes>,
}

/// What a share is for, which says most of how it should be offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Files that people work on together: deleted ones are kept, changes are written down.
    Documents,
    /// Films, music and pictures that many read and few write.
    Media,
    /// Backups of Macs.
    TimeMachine,
    /// Images of virtual machines, on shares that hypervisors mount.
    VmImages,
}

impl Preset {
    /// All there are.
    pub const ALL: [Preset; 4] = [
        Preset::Documents,
        Preset::Media,
        Preset::TimeMachine,
        Preset::VmImages,
    ];

    /// How SMB offers such a share.
    #[must_use]
    pub fn smb(self) -> Smb {
        let group_writes = Smb {
            create_mask: Mode::new(0o660),
            directory_mask: Mode::new(0o2770),
            ..Smb::default()
        };
        match self {
            Preset::Documents => Smb {
                recycle: Some(Recycle::default()),
                audit: true,
                ..group_writes
            },
            Preset::Media => Smb {
                read_only: true,
                create_mask: Mode::new(0o664),
                directory_mask: Mode::new(0o2775),
                ..Smb::default()
            },
            Preset::TimeMachine => Smb {
                apple: true,
                time_machine: Some(TimeMachine::default()),
                create_mask: Mode::new(0o600),
                directory_mask: Mode::new(0o700),
                ..Smb::default()
            },
            Preset::VmImages => Smb {
                browseable: yes(),
                encryption: Encryption::Desired,
                ..group_writes
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_octal() {
        for (text, bits) in [("0660", 0o660), ("2770", 0o2770), ("755", 0o755)] {
            assert_eq!(text.parse::<Mode>().unwrap().bits(), bits);
        }
        for bad in ["", "0", "68", "0888", "17777", "+660", "rwx"] {
            assert!(bad.parse::<Mode>().is_err(), "{bad:?}");
        }
    }
}
