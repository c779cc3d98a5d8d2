//! vsftpd is ended and started anew only where it does not read our file yet.

use std::sync::Arc;

use moxnas_core::{cmd::ScriptedRunner, root::Root};
use moxnas_shares::{
    backend::ShareBackend as _,
    real::{SMB_PORT, SystemShares},
    render::{Places, Service},
};

/// What systemd is asked to do with a vsftpd whose process says this of itself.
fn asked(title: &str, file_of_debian: &str, command: &str) {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::fixture(folder.path());
    let procs = "/sys/fs/cgroup/system.slice/vsftpd.service/cgroup.procs";
    for (path, text) in [
        (procs, "812\n"),
        ("/proc/812/cmdline", title),
        ("/etc/vsftpd.conf", file_of_debian),
    ] {
        root.replace(path, text.as_bytes(), 0o644).unwrap();
    }
    let runner = Arc::new(ScriptedRunner::default().expect(command, ""));
    let asked = Arc::clone(&runner);
    let shares = SystemShares::new(root, runner, Places::default(), SMB_PORT);
    shares.reload(Service::Ftp).unwrap();
    assert_eq!(asked.left(), 0, "{title:?}");
}

#[test]
fn nobody_is_cut_off_by_a_change_once_vsftpd_reads_our_file() {
    let (reload, restart) = (
        "systemctl reload -- vsftpd.service",
        "systemctl restart -- vsftpd.service",
    );
    let debian = "listen=NO\nlisten_ipv6=YES\n";
    asked("/usr/sbin/vsftpd\0/etc/vsftpd.conf\0", debian, restart);
    asked(
        "/usr/sbin/vsftpd\0/etc/moxnas/vsftpd.conf\0",
        debian,
        reload,
    );
    // Our file has it write over these words, as nobody else's does unless they say so.
    asked("vsftpd: LISTENER", debian, reload);
    asked("vsftpd: LISTENER", "setproctitle_enable=YES\n", restart);
}
