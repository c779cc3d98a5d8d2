//! What the daemons' own checkers say of what is rendered, laid out as on a machine: nothing that matters; and that
//! they say something of what is broken.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::Path,
    sync::Arc,
};

use moxnas_core::{cmd::SystemRunner, folder::FolderPath, root::Root};
use moxnas_shares::{
    backend::{BackendError, ShareBackend},
    model::{Intent, TlsFiles, WebSettings},
    plan::FileChange,
    real::{SMB_PORT, SystemShares},
    render::{ConfigFile, Places, Service, UNIT_PATH, render, unit},
};
use tempfile::TempDir;

use crate::intents::everything;

struct World {
    folder: TempDir,
    shares: SystemShares,
    places: Places,
}

impl World {
    /// `None`: whoever runs the tests may not be these daemons.
    fn new() -> Option<World> {
        if fs::metadata("/proc/self").unwrap().uid() != 0 {
            println!("skipped: daemons run as root");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        // Below the folder its own path leads to itself: for the programs it is that of this machine.
        let top = folder.path().components().nth(1).unwrap();
        symlink(Path::new("/").join(top), folder.path().join(top)).unwrap();
        let root = Root::fixture(folder.path());
        let places = Places::default();
        root.replace("/etc/samba/smb.conf", b"[global]\n", 0o644)
            .unwrap();
        // sshd looks for it on this machine, whatever stands for / here.
        fs::create_dir_all("/run/sshd").unwrap();
        let runner = Arc::new(SystemRunner);
        Some(World {
            shares: SystemShares::new(root, runner, places.clone(), SMB_PORT),
            folder,
            places,
        })
    }

    /// Everything, with a certificate that is there.
    fn intent(&self) -> Intent {
        let made = rcgen::generate_simple_self_signed(["nas.example.com".to_owned()]).unwrap();
        let write = |name: &str, text: String| {
            let path = self.folder.path().join(name);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().parse().unwrap()
        };
        let tls = TlsFiles {
            certificate: write("tls.crt", made.cert.pem()),
            key: write("tls.key", made.signing_key.serialize_pem()),
        };
        let mut intent = everything();
        intent.settings.ftp.tls = tls.clone();
        intent.settings.web = Some(WebSettings {
            server_names: vec!["nas.example.com".parse().unwrap()],
            tls,
            redirect: true,
        });
        intent
    }

    fn check(&self, service: Service, files: &[ConfigFile]) -> Result<(), BackendError> {
        let of = files.iter().filter(|it| it.service == service);
        let changes = of.map(|it| FileChange {
            path: it.path.clone(),
            mode: it.mode,
            before: None,
            after: Some(it.text.clone()),
        });
        let changes: Vec<FileChange> = changes.collect();
        assert!(!changes.is_empty(), "{service:?} has files");
        self.shares.check(&self.places, service, &changes)
    }
}

#[test]
fn vsftpd_takes_the_certificate_that_is_made_for_it() {
    let Some(world) = World::new() else {
        return;
    };
    let mut intent = everything();
    let made = intent.settings.ftp.tls.clone();
    // vsftpd reads from the machine, whatever stands for / here.
    let read = |it: &FolderPath| format!("{}{it}", world.folder.path().display());
    intent.settings.ftp.tls = TlsFiles {
        certificate: read(&made.certificate).parse().unwrap(),
        key: read(&made.key).parse().unwrap(),
    };
    let files = render(&intent, &world.places).unwrap();
    let missing = world.check(Service::Ftp, &files).unwrap_err().to_string();
    assert!(missing.contains("ftp.crt is not there"), "{missing}");

    world.shares.certify(&made).unwrap();
    world.check(Service::Ftp, &files).unwrap();
    let key = fs::metadata(read(&made.key)).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
}

/// exportfs(8) reads the files of this machine; what it says is held in `readback`.
const CHECKED: [Service; 5] = [
    Service::Systemd,
    Service::Samba,
    Service::Ftp,
    Service::Ssh,
    Service::Web,
];

#[test]
fn no_checker_has_anything_to_say() {
    let Some(world) = World::new() else {
        return;
    };
    let files = render(&world.intent(), &world.places).unwrap();
    for service in CHECKED {
        let said = world.check(service, &files).map_err(|it| it.to_string());
        println!("{} of {}: {said:?}", service.checker(), service.daemon());
        assert_eq!(said, Ok(()));
    }
}

/// A line that none of them knows.
#[test]
fn every_checker_finds_what_is_broken() {
    let Some(world) = World::new() else {
        return;
    };
    let whole = render(&world.intent(), &world.places).unwrap();
    for service in CHECKED {
        let mut files = whole.clone();
        for file in files.iter_mut().filter(|it| it.service == service) {
            file.text.push_str("\n[Nonsense\nno_such_option=maybe\n");
        }
        let err = world.check(service, &files).unwrap_err();
        println!("{}: {err}", service.checker());
        assert!(matches!(err, BackendError::Refused { .. }), "{err}");
    }
}

/// vsftpd would start, and turn everybody away.
#[test]
fn a_certificate_that_is_missing_is_found_before() {
    let Some(world) = World::new() else {
        return;
    };
    let intent = world.intent();
    fs::remove_file(world.folder.path().join("tls.crt")).unwrap();
    let files = render(&intent, &world.places).unwrap();
    for service in [Service::Ftp, Service::Web] {
        let err = world.check(service, &files).unwrap_err();
        println!("{}: {err}", service.checker());
        assert!(err.to_string().contains("tls.crt"), "{err}");
    }
}

/// Together with the unit that it adds to.
#[test]
fn what_adds_to_a_unit_is_gone_over_with_it() {
    let Some(world) = World::new() else {
        return;
    };
    let root = Root::fixture(world.folder.path());
    let base = "[Service]\nExecStart=/usr/bin/env\n";
    root.replace("/lib/systemd/system/vsftpd.service", base.as_bytes(), 0o644)
        .unwrap();
    let check = |text: &str| {
        let change = FileChange {
            path: world.places.vsftpd_unit.clone(),
            mode: 0o644,
            before: None,
            after: Some(text.to_owned()),
        };
        let done = world
            .shares
            .check(&world.places, Service::Systemd, &[change]);
        done.map_err(|err| err.to_string())
    };
    let text = "[Service]\nExecStart=\nExecStart=/usr/bin/env true\n";
    assert_eq!(check(text), Ok(()));
    let section = check(&text.replace("Service", "Servcie")).unwrap_err();
    assert!(section.contains("Servcie"), "{section}");
    let program = check(&text.replace("/env true", "/vne")).unwrap_err();
    assert!(program.contains("vne"), "{program}");
}

#[test]
fn systemd_takes_the_unit_of_the_service() {
    let Some(world) = World::new() else {
        return;
    };
    let check = |text: String| {
        let change = FileChange {
            path: UNIT_PATH.to_owned(),
            mode: 0o644,
            before: None,
            after: Some(text),
        };
        world
            .shares
            .check(&world.places, Service::Systemd, &[change])
    };
    // It has to be there.
    let text = unit(&"/usr/bin/env".parse().unwrap(), None).unwrap();
    check(text.clone()).unwrap();
    let err = check(text.replace("Type=", "Typ=")).unwrap_err();
    println!("{err}");
    assert!(matches!(err, BackendError::Refused { .. }), "{err}");
}

/// Nobody else sees what it makes of them.
#[test]
fn exportfs_goes_over_exports_where_nobody_looks() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        println!("skipped: exportfs runs as root");
        return;
    }
    let alone = || nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS);
    if let Err(err) = std::thread::spawn(alone).join().unwrap() {
        println!("skipped: nothing can be mounted here: {err}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().display();
    let places = Places {
        // So that no folder has to be made on this machine.
        exports: "/etc/exports".to_owned(),
        scratch: format!("{at}/scratch"),
        ..Places::default()
    };
    let runner = Arc::new(SystemRunner);
    let shares = SystemShares::new(Root::system(), runner, places.clone(), SMB_PORT);
    let known = "/var/lib/nfs/etab";
    let before = fs::read(known).unwrap();
    let check = |line: &str| {
        let change = FileChange {
            path: places.exports.clone(),
            mode: 0o644,
            before: None,
            after: Some(format!("{line}\n")),
        };
        let done = shares.check(&places, Service::Nfs, &[change]);
        done.map_err(|err| err.to_string())
    };
    let good = format!("{at} 192.0.2.0/24(ro,no_subtree_check,fsid=7)");
    assert_eq!(check(&good), Ok(()));
    let missing = check(&good.replace(" ", "/nothing ")).unwrap_err();
    assert!(missing.contains("Failed to stat"), "{missing}");
    let unknown = check(&good.replace("fsid=7", "no_such_option")).unwrap_err();
    assert!(unknown.contains("no_such_option"), "{unknown}");
    assert_eq!(fs::read(known).unwrap(), before, "what is exported");
}
