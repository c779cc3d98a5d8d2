//! What reads the files.

use serde::{Deserialize, Serialize};

/// What reads a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// systemd(1): what other daemons need before they serve.
    Systemd,
    /// smbd(8)
    Samba,
    /// exportfs(8) and nfsd(8)
    Nfs,
    /// vsftpd(8)
    Ftp,
    /// sshd(8)
    Ssh,
    /// nginx(8)
    Web,
    /// avahi-daemon(8), wsdd(8), wsdd2(8)
    Discovery,
}

impl Service {
    /// All there are, in the order in which they get new files.
    pub const ALL: [Service; 7] = [
        Service::Systemd,
        Service::Samba,
        Service::Nfs,
        Service::Ftp,
        Service::Ssh,
        Service::Web,
        Service::Discovery,
    ];

    /// The program, for people.
    #[must_use]
    pub fn daemon(self) -> &'static str {
        match self {
            Service::Systemd => "systemd",
            Service::Samba => "smbd",
            Service::Nfs => "nfsd",
            Service::Ftp => "vsftpd",
            Service::Ssh => "sshd",
            Service::Web => "nginx",
            Service::Discovery => "avahi-daemon",
        }
    }

    /// Its unit on Debian.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Service::Systemd => "init.scope",
            Service::Samba => "smbd.service",
            Service::Nfs => "nfs-server.service",
            Service::Ftp => "vsftpd.service",
            Service::Ssh => "ssh.service",
            Service::Web => "nginx.service",
            Service::Discovery => "avahi-daemon.service",
        }
    }

    /// The permissions of its files that come and go with shares: who may log in concerns nobody else.
    #[must_use]
    pub fn mode(self) -> u32 {
        match self {
            Service::Ftp | Service::Ssh => 0o600,
            Service::Systemd
            | Service::Samba
            | Service::Nfs
            | Service::Web
            | Service::Discovery => 0o644,
        }
    }

    /// The Debian package that brings it.
    #[must_use]
    pub fn package(self) -> &'static str {
        match self {
            Service::Systemd => "systemd",
            Service::Samba => "samba",
            Service::Nfs => "nfs-kernel-server",
            Service::Ftp => "vsftpd",
            Service::Ssh => "openssh-server",
            Service::Web => "nginx",
            Service::Discovery => "avahi-daemon",
        }
    }

    /// What goes over its files, for people.
    #[must_use]
    pub fn checker(self) -> &'static str {
        match self {
            Service::Systemd => "systemd-analyze verify",
            Service::Samba => "testparm -s",
            Service::Nfs => "exportfs -ra",
            Service::Ftp => "vsftpd",
            Service::Ssh => "sshd -t",
            Service::Web => "nginx -t",
            Service::Discovery => "xmllint --dtdvalid",
        }
    }
}
