//! FTP and SFTP: vsftpd.conf(5), sshd_config(5), and the folders that their users see.
//!
//! vsftpd and sshd let a user out of no folder that the user could not write to. So each has one that
//! belongs to root, and in it a mount for each share: what may only be read is mounted so.

use std::collections::BTreeMap;

use askama::Template;
use moxnas_core::{systemd::unit_of, units::Bytes};

use super::{
    ConfigSet, Places, RenderError, Service, add,
    unit::{quoted, specifiers},
};
use crate::model::{FtpSettings, Intent, Share, Transfer, UserName};

#[derive(Template)]
#[template(path = "vsftpd.conf")]
struct Vsftpd<'a> {
    settings: &'a FtpSettings,
    places: &'a Places,
    tls: &'static str,
    max_rate: u64,
}

#[derive(Template)]
#[template(path = "vsftpd-user.conf")]
struct FtpUser<'a> {
    jail: &'a str,
    write: &'static str,
    max_rate: Option<u64>,
}

#[derive(Template)]
#[template(path = "allowed.list")]
struct Allowed<'a> {
    users: Vec<&'a UserName>,
}

#[derive(Template)]
#[template(path = "ftp.pam")]
struct Pam;

#[derive(Template)]
#[template(path = "vsftpd.service")]
struct VsftpdUnit<'a> {
    places: &'a Places,
}

#[derive(Template)]
#[template(path = "sshd.conf")]
struct Sshd<'a> {
    users: Vec<&'a UserName>,
    places: &'a Places,
}

#[derive(Template)]
#[template(path = "jail-mount.service")]
struct JailMount<'a> {
    what: String,
    quoted: String,
    at: String,
    user: &'a UserName,
    options: &'static str,
}

/// The folders that a user sees: of each share whether it can be written.
type Seen<'a> = BTreeMap<&'a UserName, BTreeMap<&'a str, (&'a Share, bool)>>;

pub(super) fn render(
    intent: &Intent,
    places: &Places,
    files: &mut ConfigSet,
) -> Result<(), RenderError> {
    let ftp = seen(intent.ftp());
    let sftp = seen(intent.sftp());
    let (by_ftp, by_sftp) = (ftp.len(), sftp.len());
    let settings = &intent.settings.ftp;
    let view = Vsftpd {
        settings,
        places,
        tls: match settings.plaintext {
            true => "NO",
            false => "YES",
        },
        max_rate: settings.max_rate.map_or(0, rate),
    };
    add(files, (&places.vsftpd, 0o600, Service::Ftp), by_ftp, &view)?;
    let view = Allowed {
        users: ftp.keys().copied().collect(),
    };
    add(
        files,
        (&places.vsftpd_allowed, 0o600, Service::Ftp),
        by_ftp,
        &view,
    )?;
    add(files, (&places.pam_ftp, 0o644, Service::Ftp), by_ftp, &Pam)?;
    let view = VsftpdUnit { places };
    add(
        files,
        (&places.vsftpd_unit, 0o644, Service::Systemd),
        by_ftp,
        &view,
    )?;
    for (user, shares) in &ftp {
        let view = FtpUser {
            jail: &jail(places, user),
            write: match shares.values().any(|(_, write)| *write) {
                true => "YES",
                false => "NO",
            },
            max_rate: settings.max_rate_of.get(*user).copied().map(rate),
        };
        let path = format!("{}/{user}", places.vsftpd_users);
        add(files, (&path, 0o600, Service::Ftp), 1, &view)?;
    }
    let view = Sshd {
        users: sftp.keys().copied().collect(),
        places,
    };
    add(files, (&places.sshd, 0o600, Service::Ssh), by_sftp, &view)?;
    mounts(ftp, sftp, places, files)
}

fn seen<'a>(offered: impl Iterator<Item = (&'a Share, &'a Transfer)>) -> Seen<'a> {
    let mut seen = Seen::new();
    for (share, transfer) in offered {
        for it in &transfer.users {
            let shares = seen.entry(&it.user).or_default();
            shares.insert(share.name.as_str(), (share, it.write));
        }
    }
    seen
}

/// A mount for each share that a user reaches by FTP or SFTP, or both.
fn mounts(
    ftp: Seen<'_>,
    sftp: Seen<'_>,
    places: &Places,
    files: &mut ConfigSet,
) -> Result<(), RenderError> {
    let mut all = ftp;
    for (user, shares) in sftp {
        let known = all.entry(user).or_default();
        for (name, (share, write)) in shares {
            let both = known.entry(name).or_insert((share, write));
            both.1 |= write;
        }
    }
    for (user, shares) in all {
        for (share, write) in shares.into_values() {
            let at = format!("{}/{}", jail(places, user), share.name);
            let view = JailMount {
                quoted: quoted(share.path.as_str()),
                what: specifiers(share.path.as_str()),
                at: specifiers(&at),
                user,
                options: match write {
                    true => "bind,nosuid,nodev",
                    false => "bind,ro,nosuid,nodev",
                },
            };
            let path = format!("{}/{}", places.units, unit_of(&at));
            add(files, (&path, 0o644, Service::Systemd), 1, &view)?;
        }
    }
    Ok(())
}

/// vsftpd has 32 bits for it, and would take what is more for what is left of it there.
fn rate(most: Bytes) -> u64 {
    most.0.min(u64::from(u32::MAX))
}

/// The folder that a user sees as the top.
fn jail(places: &Places, user: &UserName) -> String {
    format!("{}/{user}", places.jails)
}
