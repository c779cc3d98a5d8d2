//! What holds for all shares of a protocol.

use std::{collections::BTreeMap, net::Ipv4Addr};

use moxnas_core::{folder::FolderPath, units::Bytes};
use serde::{Deserialize, Serialize};

use super::{Encryption, Line, NetbiosName, UserName, yes};

/// What holds for all shares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// SMB.
    pub smb: SmbSettings,
    /// NFS.
    pub nfs: NfsSettings,
    /// FTP.
    pub ftp: FtpSettings,
    /// Being found by other machines.
    pub discovery: DiscoverySettings,
    /// The web server in front of the interface; `None`: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web: Option<WebSettings>,
}

/// The `[global]` section of smb.conf(5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmbSettings {
    /// Among which machines it is shown.
    pub workgroup: NetbiosName,
    /// What clients show beside its name.
    pub server_string: Line,
    /// Its name.
    pub netbios_name: NetbiosName,
    /// The oldest version of the protocol that is spoken.
    pub min_protocol: SmbProtocol,
    /// Whether each message has to be signed; else it is where the client can.
    pub signing_required: bool,
    /// Whether what is sent is encrypted, where a share says nothing else.
    pub encryption: Encryption,
    /// The account of whoever is let in as a guest.
    pub guest_account: UserName,
    /// Whether Macs are spoken to in their own way, also where a share does not ask for it.
    pub apple: bool,
}

impl Default for SmbSettings {
    fn default() -> SmbSettings {
        SmbSettings {
            workgroup: checked("WORKGROUP"),
            server_string: checked("MoxNAS Server"),
            netbios_name: checked("MOXNAS"),
            min_protocol: SmbProtocol::Smb3,
            signing_required: true,
            encryption: Encryption::Default,
            guest_account: checked("nobody"),
            apple: false,
        }
    }
}

/// A text that stands in this crate and is known to be right.
fn checked<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().expect("a test goes over all of them")
}

/// A version of SMB. What is older than these is not spoken: SMB 1 has no protection worth the
/// name, and 2.0 cannot say which versions there are without being lied to on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmbProtocol {
    /// 2.1: Windows 7, and players of old.
    Smb2_10,
    /// 3.0 and newer.
    Smb3,
    /// 3.1.1 alone: Windows 10 and newer.
    Smb3_11,
}

impl SmbProtocol {
    /// The word of `server min protocol` in smb.conf(5). `SMB3` alone would be the newest of all,
    /// 3.1.1.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            SmbProtocol::Smb2_10 => "SMB2_10",
            SmbProtocol::Smb3 => "SMB3_00",
            SmbProtocol::Smb3_11 => "SMB3_11",
        }
    }
}

/// `nfsd` of nfs.conf(5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NfsSettings {
    /// Which versions are spoken.
    pub versions: Vec<NfsVersion>,
    /// How many threads of the kernel serve; 1 to 1024.
    pub threads: u16,
}

impl Default for NfsSettings {
    fn default() -> NfsSettings {
        NfsSettings {
            versions: vec![NfsVersion::V3, NfsVersion::V4],
            threads: 8,
        }
    }
}

/// A version of NFS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NfsVersion {
    /// 3, which needs rpcbind(8) and more ports.
    V3,
    /// 4.0 to 4.2.
    V4,
}

/// vsftpd.conf(5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FtpSettings {
    /// The port on which it listens.
    pub port: u16,
    /// Ports on which data go.
    pub passive_ports: PassivePorts,
    /// The address that is told for them where there is a router in between; `None`: its own.
    /// `PASV` has room for IPv4 alone; whoever speaks IPv6 is told a port only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passive_address: Option<Ipv4Addr>,
    /// The certificate and its key. If no other is named, one is made that nobody has signed.
    pub tls: TlsFiles,
    /// Let users log in and send their password unencrypted. Anybody on the way can read both.
    pub plaintext: bool,
    /// What is said to whoever connects.
    pub banner: Line,
    /// How many may be connected at a time; 0: as many as come.
    pub max_clients: u32,
    /// How many from one address; 0: as many as come.
    pub max_per_address: u32,
    /// After how many seconds without a command somebody is let go.
    pub idle_s: u32,
    /// How many bytes a second each user gets; `None`: as many as there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rate: Option<Bytes>,
    /// The same for single users.
    pub max_rate_of: BTreeMap<UserName, Bytes>,
}

impl Default for FtpSettings {
    fn default() -> FtpSettings {
        FtpSettings {
            port: 21,
            passive_ports: PassivePorts {
                from: 20000,
                to: 20100,
            },
            passive_address: None,
            tls: TlsFiles {
                certificate: checked("/etc/moxnas/tls/ftp.crt"),
                key: checked("/etc/moxnas/tls/ftp.key"),
            },
            plaintext: false,
            banner: checked("MoxNAS Server"),
            max_clients: 50,
            max_per_address: 10,
            idle_s: 300,
            max_rate: None,
            max_rate_of: BTreeMap::new(),
        }
    }
}

/// Whether other machines are told what is offered here, by those of avahi-daemon(8), wsdd(8) and
/// wsdd2(8) that are installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiscoverySettings {
    /// They are told, as long as anything is offered by SMB or NFS.
    pub enabled: bool,
}

impl Default for DiscoverySettings {
    fn default() -> DiscoverySettings {
        DiscoverySettings { enabled: true }
    }
}

/// A range of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassivePorts {
    /// The first.
    pub from: u16,
    /// The last.
    pub to: u16,
}

/// A certificate and its key, in PEM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate, and those that vouch for it.
    pub certificate: FolderPath,
    /// Its key.
    pub key: FolderPath,
}

/// nginx in front of the interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebSettings {
    /// By which names it is reached; nothing named: by any.
    #[serde(default)]
    pub server_names: Vec<super::HostPattern>,
    /// The certificate and its key.
    pub tls: TlsFiles,
    /// Whether what comes without TLS is sent to where it is with.
    #[serde(default = "yes")]
    pub redirect: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What clients of the earlier systems know.
    #[test]
    fn what_nobody_said_is_known() {
        let Settings {
            smb,
            nfs,
            ftp,
            discovery,
            web,
        } = Settings::default();
        assert!(discovery.enabled);
        assert_eq!(smb.workgroup.as_str(), "WORKGROUP");
        assert_eq!(smb.server_string.as_str(), "MoxNAS Server");
        assert_eq!(smb.netbios_name.as_str(), "MOXNAS");
        assert_eq!(smb.guest_account.as_str(), "nobody");
        assert_eq!(nfs.threads, 8);
        assert_eq!(
            (ftp.passive_ports.from, ftp.passive_ports.to),
            (20000, 20100)
        );
        assert_eq!(web, None);
    }
}
