//! What the daemons' own checkers say of what is rendered, laid out as on a machine: nothing that matters; and that
//! they say something of what is broken.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, symlink},
    path::Path,
    sync::Arc,
};

use moxnas_core::{cmd::SystemRunner, root::Root};
use moxnas_shares::{
    backend::{BackendError, ShareBackend},
    model::{Intent, TlsFiles, WebSettings},
    plan::FileChange,
    real::{SMB_PORT, SystemShares},
    render::{ConfigFile, Places, Service, render},
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

/// exportfs(8) cannot check without doing; what it says is held in `readback`.
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
