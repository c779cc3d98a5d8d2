//! Every command that is run on behalf of shares.

use std::time::Duration;

use moxnas_core::cmd::{Accept, Cmd, Tool};

use crate::model::ShareName;

pub(super) const SMBD: Tool = Tool::new("smbd").of("samba");
pub(super) const EXPORTFS: Tool = Tool::new("exportfs").of("nfs-kernel-server");
pub(super) const VSFTPD: Tool = Tool::new("vsftpd");
pub(super) const SSHD: Tool = Tool::new("sshd").of("openssh-server");
pub(super) const NGINX: Tool = Tool::new("nginx");
const TESTPARM: Tool = Tool::new("testparm").of("samba-common-bin");
const SMBCLIENT: Tool = Tool::new("smbclient");
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
        .limit(Duration::from_secs(3))
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
    Cmd::new(EXPORTFS).args(["-r", "-a"])
}

pub(super) fn daemon_reload() -> Cmd {
    Cmd::new(SYSTEMCTL).arg("daemon-reload")
}

pub(super) fn enable_now(unit: &str) -> Cmd {
    Cmd::new(SYSTEMCTL)
        .args(["enable", "--now", "--"])
        .arg(unit)
}

pub(super) fn reload(unit: &str) -> Cmd {
    Cmd::new(SYSTEMCTL).args(["reload", "--"]).arg(unit)
}

/// Ends who is connected: only where a daemon has to be taken over.
pub(super) fn restart(unit: &str) -> Cmd {
    Cmd::new(SYSTEMCTL).args(["restart", "--"]).arg(unit)
}

pub(super) fn stop(unit: &str) -> Cmd {
    Cmd::new(SYSTEMCTL).args(["stop", "--"]).arg(unit)
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
            verify_units(&units),
            smbclient(445, &share),
            exportfs_show(),
            exportfs_reload(),
            daemon_reload(),
            enable_now("smbd.service"),
            reload("smbd.service"),
            restart("vsftpd.service"),
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
                "systemd-analyze verify --man=no --recursive-errors=no /run/x.mount",
                "smbclient --configfile=/dev/null --max-protocol=SMB3 --user=% --port=445 \
                 --command=exit -- \"//127.0.0.1/R&D (2)\"",
                "exportfs -s",
                "exportfs -r -a",
                "systemctl daemon-reload",
                "systemctl enable --now -- smbd.service",
                "systemctl reload -- smbd.service",
                "systemctl restart -- vsftpd.service",
                "systemctl stop -- x.mount",
                "systemctl show --property=ActiveState,SubState,Result -- smbd.service",
            ]
        );
    }
}
