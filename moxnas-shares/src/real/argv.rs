//! Every command that is run on behalf of shares.

use std::time::Duration;

use moxnas_core::cmd::{Accept, Cmd, Tool};

use crate::{model::ShareName, services::real::argv::PATIENCE};

pub(super) const SMBD: Tool = Tool::new("smbd").of("samba");
pub(super) const EXPORTFS: Tool = Tool::new("exportfs").of("nfs-kernel-server");
pub(super) const VSFTPD: Tool = Tool::new("vsftpd");
pub(super) const SSHD: Tool = Tool::new("sshd").of("openssh-server");
pub(super) const NGINX: Tool = Tool::new("nginx");
pub(super) const TESTPARM: Tool = Tool::new("testparm").of("samba-common-bin");
pub(super) const SMBCLIENT: Tool = Tool::new("smbclient");
pub(super) const AVAHI: Tool = Tool::new("avahi-daemon");
pub(super) const WSDD: Tool = Tool::new("wsdd");
pub(super) const WSDD2: Tool = Tool::new("wsdd2");
pub(super) const XMLLINT: Tool = Tool::new("xmllint").of("libxml2-utils");
const SYSTEMCTL: Tool = Tool::new("systemctl").of("systemd");
const ANALYZE: Tool = Tool::new("systemd-analyze").of("systemd");

/// Read an smb.conf(5) as smbd does, and print what it says. It complains on standard error and still ends
/// with 0.
pub(super) fn testparm(file: &str) -> Cmd {
    Cmd::new(TESTPARM)
        .args(["-s", "--suppress-prompt"])
        .arg(file)
        .accept(Accept::Any)
}

/// Have vsftpd serve by a file for a moment. It does not end by itself unless it refuses the file.
pub(super) fn vsftpd(file: &str) -> Cmd {
    Cmd::new(VSFTPD)
        .arg(file)
        .limit(Duration::from_secs(20))
        .accept(Accept::Any)
}

/// Go over an sshd_config(5).
pub(super) fn sshd(file: &str) -> Cmd {
    Cmd::new(SSHD)
        .args(["-t", "-f"])
        .arg(file)
        .accept(Accept::Any)
}

/// Go over an nginx.conf.
pub(super) fn nginx(file: &str) -> Cmd {
    Cmd::new(NGINX)
        .args(["-t", "-q", "-c"])
        .arg(file)
        .accept(Accept::Any)
}

/// Go over an avahi.service(5), by what avahi-daemon brings.
pub(super) fn xmllint(file: &str) -> Cmd {
    Cmd::new(XMLLINT)
        .args(["--noout", "--nonet", "--dtdvalid"])
        .args(["/usr/share/avahi/avahi-service.dtd", file])
        .accept(Accept::Any)
}

/// Go over units.
pub(super) fn verify_units(files: &[String]) -> Cmd {
    Cmd::new(ANALYZE)
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .args(files)
        .accept(Accept::Any)
}

/// Connect to a share without an account: whether it is there is told either way.
pub(super) fn smbclient(port: u16, share: &ShareName) -> Cmd {
    Cmd::new(SMBCLIENT)
        .args(["--configfile=/dev/null", "--max-protocol=SMB3", "--user=%"])
        .arg(format!("--port={port}"))
        .args(["--command=exit", "--"])
        .arg(format!("//127.0.0.1/{share}"))
        .limit(Duration::from_secs(10))
        .accept(Accept::Any)
}

/// What the kernel was told to export.
pub(super) fn exportfs_show() -> Cmd {
    Cmd::new(EXPORTFS).arg("-s")
}

/// Have the kernel export what the files say.
pub(super) fn exportfs_reload() -> Cmd {
    Cmd::new(EXPORTFS).args(["-r", "-a"]).accept(Accept::Any)
}

pub(super) fn daemon_reload() -> Cmd {
    Cmd::new(SYSTEMCTL).arg("daemon-reload")
}

/// Whoever stops waiting before systemd does hears nothing of why a unit failed.
fn of_a_unit() -> Cmd {
    Cmd::new(SYSTEMCTL).limit(PATIENCE)
}

pub(super) fn enable_now(unit: &str) -> Cmd {
    of_a_unit().args(["enable", "--now", "--"]).arg(unit)
}

pub(super) fn reload(unit: &str) -> Cmd {
    of_a_unit().args(["reload", "--"]).arg(unit)
}

/// Ends who is connected: only where a daemon has to be taken over.
pub(super) fn restart(unit: &str) -> Cmd {
    of_a_unit().args(["restart", "--"]).arg(unit)
}

/// Likewise, of what runs at all: these keep nobody.
pub(super) fn try_restart(unit: &str) -> Cmd {
    of_a_unit().args(["try-restart", "--"]).arg(unit)
}

pub(super) fn stop(unit: &str) -> Cmd {
    of_a_unit().args(["stop", "--"]).arg(unit)
}

/// Why a unit does not run, as systemd knows it.
pub(super) fn show(unit: &str) -> Cmd {
    Cmd::new(SYSTEMCTL)
        .args(["show", "--property=ActiveState,SubState,Result", "--"])
        .arg(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All there are.
    #[test]
    fn the_commands_are_these() {
        let share = "R&D (2)".parse().unwrap();
        let units = ["/run/x.mount".to_owned()];
        let all = [
            testparm("/run/smb.conf"),
            vsftpd("/run/vsftpd.conf"),
            sshd("/run/sshd.conf"),
            nginx("/run/nginx.conf"),
            xmllint("/run/moxnas.service"),
            verify_units(&units),
            smbclient(445, &share),
            exportfs_show(),
            exportfs_reload(),
            daemon_reload(),
            enable_now("smbd.service"),
            reload("smbd.service"),
            restart("vsftpd.service"),
            try_restart("wsdd.service"),
            stop("x.mount"),
            show("smbd.service"),
        ];
        let all: Vec<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(
            all,
            [
                "testparm -s --suppress-prompt /run/smb.conf",
                "vsftpd /run/vsftpd.conf",
                "sshd -t -f /run/sshd.conf",
                "nginx -t -q -c /run/nginx.conf",
                "xmllint --noout --nonet --dtdvalid /usr/share/avahi/avahi-service.dtd \
                 /run/moxnas.service",
                "systemd-analyze verify --man=no --recursive-errors=no /run/x.mount",
                "smbclient --configfile=/dev/null --max-protocol=SMB3 --user=% --port=445 \
                 --command=exit -- \"//127.0.0.1/R&D (2)\"",
                "exportfs -s",
                "exportfs -r -a",
                "systemctl daemon-reload",
                "systemctl enable --now -- smbd.service",
                "systemctl reload -- smbd.service",
                "systemctl restart -- vsftpd.service",
                "systemctl try-restart -- wsdd.service",
                "systemctl stop -- x.mount",
                "systemctl show --property=ActiveState,SubState,Result -- smbd.service",
            ]
        );
    }
}
