//! Where files belong.

use moxnas_core::systemd::unit_of;
use serde::{Deserialize, Serialize};

use super::Service;
use crate::accounts::KEYS_FOLDER;

/// Where files belong. What Debian 12 and 13 read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Places {
    /// Included by smb.conf(5).
    pub samba: String,
    /// smb.conf(5), which gets a line that includes ours; `None`: `samba` is the whole of it.
    pub samba_main: Option<String>,
    /// Read by exportfs(8), as its name ends with `.exports`.
    pub exports: String,
    /// exports(5), which is somebody else's.
    pub exports_main: String,
    /// Read by the tools of NFS after nfs.conf(5).
    pub nfs_settings: String,
    /// vsftpd.conf(5). Debian's own has no way to include another, so vsftpd is started with this one.
    pub vsftpd: String,
    /// The folder of a file for each user of FTP.
    pub vsftpd_users: String,
    /// Who may log in by FTP.
    pub vsftpd_allowed: String,
    /// How users of FTP prove who they are, see pam.d(5).
    pub pam_ftp: String,
    /// The certificate of FTP, if no other is named. It is made where there is none.
    pub ftp_certificate: String,
    /// Has systemd start vsftpd with our file.
    pub vsftpd_unit: String,
    /// Included by sshd_config(5).
    pub sshd: String,
    /// The folder of a file for each user with public keys.
    pub ssh_keys: String,
    /// Included by nginx.
    pub nginx: String,
    /// Read by avahi-daemon(8), as its name ends with `.service`.
    pub avahi: String,
    /// Has systemd start wsdd(8) with the names of Samba.
    pub wsdd_unit: String,
    /// Below this each user of FTP and SFTP has a folder, with a mount for each share. Users have to come
    /// through, so that it is not in the folder of the service, which is closed to them.
    pub jails: String,
    /// Units of systemd that an administrator made, or a program on behalf of one.
    pub units: String,
    /// What files were before each change.
    pub generations: String,
    /// Where files lie while they are checked.
    pub scratch: String,
}

impl Default for Places {
    fn default() -> Places {
        let it = str::to_owned;
        Places {
            samba: it("/etc/samba/moxnas.conf"),
            samba_main: Some(it("/etc/samba/smb.conf")),
            exports: it("/etc/exports.d/moxnas.exports"),
            exports_main: it("/etc/exports"),
            nfs_settings: it("/etc/nfs.conf.d/moxnas.conf"),
            vsftpd: it("/etc/moxnas/vsftpd.conf"),
            vsftpd_users: it("/etc/moxnas/vsftpd.users"),
            vsftpd_allowed: it("/etc/moxnas/vsftpd.allowed"),
            pam_ftp: it("/etc/pam.d/moxnas-ftp"),
            ftp_certificate: it("/etc/moxnas/tls/ftp.crt"),
            vsftpd_unit: it("/etc/systemd/system/vsftpd.service.d/moxnas.conf"),
            sshd: it("/etc/ssh/sshd_config.d/moxnas.conf"),
            ssh_keys: it(KEYS_FOLDER),
            nginx: it("/etc/nginx/conf.d/moxnas.conf"),
            avahi: it("/etc/avahi/services/moxnas.service"),
            wsdd_unit: it("/etc/systemd/system/wsdd.service.d/moxnas.conf"),
            jails: it("/var/lib/moxnas-jails"),
            units: it("/etc/systemd/system"),
            generations: it("/var/lib/moxnas/generations"),
            scratch: it("/run/moxnas/check"),
        }
    }
}

impl Places {
    /// Take over what the environment says, in the words of the earlier systems. Of other variables
    /// nothing.
    pub fn set(&mut self, name: &str, value: &str) {
        let value = value.to_owned();
        match name {
            "SAMBA_CONFIG_PATH" => {
                self.samba = value;
                self.samba_main = None;
            }
            "NFS_EXPORTS_PATH" => self.exports = value,
            "FTP_CONFIG_PATH" => self.vsftpd = value,
            _ => (),
        }
    }

    /// Files that lie at one place each, with who reads them.
    #[must_use]
    pub fn single(&self) -> Vec<(&str, Service)> {
        vec![
            (&self.samba, Service::Samba),
            (&self.exports, Service::Nfs),
            (&self.nfs_settings, Service::Nfs),
            (&self.vsftpd, Service::Ftp),
            (&self.vsftpd_allowed, Service::Ftp),
            (&self.pam_ftp, Service::Ftp),
            (&self.vsftpd_unit, Service::Systemd),
            (&self.sshd, Service::Ssh),
            (&self.nginx, Service::Web),
            (&self.avahi, Service::Discovery),
            (&self.wsdd_unit, Service::Discovery),
        ]
    }

    /// Files that are not of our text, which ours hang on or stand beside.
    pub fn theirs(&self) -> impl Iterator<Item = &str> {
        let main = self.samba_main.as_deref().into_iter();
        main.chain([self.exports_main.as_str(), &self.ftp_certificate])
    }

    /// Who reads a file; `None`: it lies at none of these places.
    #[must_use]
    pub fn service_of(&self, path: &str) -> Option<Service> {
        let single = self.single().into_iter().find(|(it, _)| *it == path);
        if let Some((_, service)) = single {
            return Some(service);
        }
        let below = |folder: &str| {
            let rest = path.strip_prefix(folder)?.strip_prefix('/')?;
            (!rest.contains('/')).then_some(rest)
        };
        if below(&self.vsftpd_users).is_some() {
            return Some(Service::Ftp);
        }
        let unit = below(&self.units)?;
        self.is_jail_mount(unit).then_some(Service::Systemd)
    }

    /// Whether a unit of this name mounts something below the folders of users.
    #[must_use]
    pub fn is_jail_mount(&self, unit: &str) -> bool {
        let whole = unit_of(&self.jails);
        let below = whole.strip_suffix(".mount").unwrap_or(&whole);
        let rest = unit.strip_prefix(below);
        rest.is_some_and(|it| it.starts_with('-') && it.ends_with(".mount"))
    }
}
