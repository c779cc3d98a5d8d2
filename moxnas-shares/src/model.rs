//! What is offered, to whom and how: the intent that everything else is made from.

mod hosts;
mod names;
mod nfs;
mod settings;
mod smb;
mod transfer;

pub use hosts::{HostPattern, NetgroupName, NfsClient, SmbHost};
use moxnas_core::folder::FolderPath;
pub use names::{GroupName, Line, NetbiosName, Principal, ShareName, UserName};
pub use nfs::{Access, ClientOptions, Fsid, Nfs, NfsRule, Security, Squash};
use serde::{Deserialize, Serialize};
pub use settings::{
    DiscoverySettings, FtpSettings, NfsSettings, NfsVersion, PassivePorts, Settings, SmbProtocol,
    SmbSettings, TlsFiles, WebSettings,
};
pub use smb::{Encryption, Mode, NotAMode, Preset, PreviousVersions, Recycle, Smb, TimeMachine};
pub use transfer::{Transfer, TransferUser};

/// Everything that is offered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Intent {
    /// What holds for all shares.
    pub settings: Settings,
    /// The shares, in the order in which they are shown.
    pub shares: Vec<Share>,
}

/// A folder that is offered by one or several protocols.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// What it is known by, and what SMB clients see it as.
    pub name: ShareName,
    /// The folder.
    pub path: FolderPath,
    /// What it is for, as clients show it.
    #[serde(default)]
    pub description: Line,
    /// Whether it is offered at present.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// By SMB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smb: Option<Smb>,
    /// By NFS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nfs: Option<Nfs>,
    /// By FTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ftp: Option<Transfer>,
    /// By SFTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sftp: Option<Transfer>,
}

pub(crate) fn yes() -> bool {
    true
}

impl Share {
    /// A share that no protocol offers yet.
    #[must_use]
    pub fn new(name: ShareName, path: FolderPath) -> Share {
        Share {
            name,
            path,
            description: Line::default(),
            enabled: true,
            smb: None,
            nfs: None,
            ftp: None,
            sftp: None,
        }
    }
}

impl Intent {
    /// The shares that SMB offers at present.
    pub fn smb(&self) -> impl Iterator<Item = (&Share, &Smb)> {
        let offered = self.shares.iter().filter(|it| it.enabled);
        offered.filter_map(|it| Some((it, it.smb.as_ref()?)))
    }

    /// The shares that NFS offers at present.
    pub fn nfs(&self) -> impl Iterator<Item = (&Share, &Nfs)> {
        let offered = self.shares.iter().filter(|it| it.enabled);
        offered.filter_map(|it| Some((it, it.nfs.as_ref()?)))
    }

    /// The shares that FTP offers at present.
    pub fn ftp(&self) -> impl Iterator<Item = (&Share, &Transfer)> {
        let offered = self.shares.iter().filter(|it| it.enabled);
        offered.filter_map(|it| Some((it, it.ftp.as_ref()?)))
    }

    /// The shares that SFTP offers at present.
    pub fn sftp(&self) -> impl Iterator<Item = (&Share, &Transfer)> {
        let offered = self.shares.iter().filter(|it| it.enabled);
        offered.filter_map(|it| Some((it, it.sftp.as_ref()?)))
    }

    /// Whether other machines are told of any of this.
    #[must_use]
    pub fn is_announced(&self) -> bool {
        let is_offered = self.smb().next().is_some() || self.nfs().next().is_some();
        self.settings.discovery.enabled && is_offered
    }

    /// Bring the shares into the order of their names, in which files are written once they are meant.
    pub fn sort(&mut self) {
        self.shares.sort_by(|one, other| one.name.cmp(&other.name));
    }

    /// The share of this name, whatever its case.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Share> {
        let name = name.to_lowercase();
        self.shares.iter().find(|it| it.name.folded() == name)
    }
}
