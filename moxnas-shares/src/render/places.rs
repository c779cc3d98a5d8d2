//! Where files belong.

use serde::{Deserialize, Serialize};

/// Where files belong. What Debian 12 and 13 read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Places {
    /// Included by smb.conf(5).
    pub samba: String,
    /// Read by exportfs(8), as its name ends with `.exports`.
    pub exports: String,
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
    /// Has systemd start vsftpd with our file.
    pub vsftpd_unit: String,
    /// Included by sshd_config(5).
    pub sshd: String,
    /// Included by nginx.
    pub nginx: String,
    /// Below this each user of FTP and SFTP has a folder, with a mount for each share.
    pub jails: String,
    /// Units of systemd that an administrator made, or a program on behalf of one.
    pub units: String,
}

impl Default for Places {
    fn default() -> Places {
        let it = str::to_owned;
        Places {
            samba: it("/etc/samba/moxnas.conf"),
            exports: it("/etc/exports.d/moxnas.exports"),
            nfs_settings: it("/etc/nfs.conf.d/moxnas.conf"),
            vsftpd: it("/etc/moxnas/vsftpd.conf"),
            vsftpd_users: it("/etc/moxnas/vsftpd.users"),
            vsftpd_allowed: it("/etc/moxnas/vsftpd.allowed"),
            pam_ftp: it("/etc/pam.d/moxnas-ftp"),
            vsftpd_unit: it("/etc/systemd/system/vsftpd.service.d/moxnas.conf"),
            sshd: it("/etc/ssh/sshd_config.d/moxnas.conf"),
            nginx: it("/etc/nginx/conf.d/moxnas.conf"),
            jails: it("/var/lib/moxnas/jails"),
            units: it("/etc/systemd/system"),
        }
    }
}
