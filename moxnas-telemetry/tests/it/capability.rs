//! What can work, by profile, and in a namespace of this machine for real.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use moxnas_core::root::Root;
use moxnas_telemetry::{
    Container, HostInfo,
    capability::{Facts, Feature, Level, Profile, judge},
};

fn levels(facts: &Facts) -> BTreeMap<Feature, Level> {
    let all = judge(facts).into_iter();
    all.map(|it| (it.feature, it.level)).collect()
}

#[test]
fn each_profile_has_what_it_can_have() {
    use Level::{Degraded, Impossible, Works};
    let of = Profile::ALL.map(|it| levels(&it.facts()));
    for (feature, host, privileged, unprivileged) in [
        (Feature::MdArrays, Works, Impossible, Impossible),
        (Feature::Mounts, Works, Degraded, Impossible),
        (Feature::BindMounts, Works, Degraded, Degraded),
        (Feature::NfsServer, Works, Degraded, Impossible),
        (Feature::SmbServer, Works, Works, Works),
        (Feature::FtpServer, Works, Degraded, Degraded),
        (Feature::SftpServer, Works, Degraded, Degraded),
        (Feature::Smart, Works, Impossible, Impossible),
        (Feature::DiskEvents, Works, Degraded, Degraded),
        (Feature::PosixAcl, Works, Works, Works),
        (Feature::ProjectQuotas, Works, Works, Impossible),
        (Feature::UserIds, Works, Works, Degraded),
        (Feature::LowPorts, Works, Works, Works),
        (Feature::Clock, Works, Impossible, Impossible),
        (Feature::Systemd, Works, Works, Works),
        (Feature::KernelLog, Works, Degraded, Degraded),
        (Feature::Fuse, Works, Impossible, Impossible),
    ] {
        let seen = of.each_ref().map(|it| it[&feature]);
        assert_eq!(seen, [host, privileged, unprivileged], "{feature:?}");
    }
    assert_eq!(of[0].len(), Feature::ALL.len());
}

/// Whatever does not work says what would help, and what works needs no help.
#[test]
fn what_does_not_work_says_what_would_help() {
    for profile in Profile::ALL {
        for rights in [0, u64::MAX, profile.facts().capabilities] {
            let facts = Facts {
                capabilities: rights,
                ..profile.facts()
            };
            for it in judge(&facts) {
                assert_eq!(it.level == Level::Works, it.remedy.is_none(), "{it:?}");
                assert!(!it.reason.is_empty());
            }
        }
    }
}

#[test]
fn one_option_of_a_container_is_enough_for_what_it_is_for() {
    let mut facts = Profile::UnprivilegedContainer.facts();
    let fuse = |facts: &Facts| {
        judge(facts)
            .into_iter()
            .find(|it| it.feature == Feature::Fuse)
    };
    let said = fuse(&facts).unwrap();
    assert_eq!(said.remedy.as_deref(), Some("pct set ID --features fuse=1"));
    facts.has_fuse = true;
    assert_eq!(fuse(&facts).unwrap().level, Level::Works);
}

#[expect(clippy::disallowed_methods, reason = "a namespace needs a program")]
fn run(namespaces: &[&str], script: &str) -> Option<String> {
    let output = Command::new("unshare")
        .args(namespaces)
        .args(["sh", "-c", script])
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(said)
}

/// As root of nothing but namespaces.
fn unshared(script: &str) -> Option<String> {
    let all = [
        "--user",
        "--map-root-user",
        "--mount",
        "--net",
        "--pid",
        "--fork",
    ];
    run(&all, script)
}

/// What the kernel says in a namespace is what is said of it: what works is done, what is
/// impossible fails.
#[test]
fn a_namespace_does_what_is_said_of_it() {
    let Some(map) = unshared("cat /proc/self/uid_map") else {
        println!("skipped: no namespaces for users");
        return;
    };
    let status = unshared("cat /proc/self/status").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        fs::write(path, text).unwrap();
    };
    write("proc/self/uid_map", &map);
    write("proc/self/status", &status);
    for path in ["/proc/filesystems", "/proc/sys/kernel/dmesg_restrict"] {
        write(
            path.trim_start_matches('/'),
            &fs::read_to_string(path).unwrap(),
        );
    }
    let container = Container::Yes {
        engine: None,
        privileged: Some(false),
    };
    let facts = Facts::read(&Root::fixture(dir.path()), container).unwrap();
    assert!(!facts.has_all_ids && facts.ids == 1);
    let levels = levels(&facts);
    let image = dir.path().join("image");
    fs::write(&image, vec![0; 1 << 20]).unwrap();
    let at = dir.path().join("at");
    fs::create_dir(&at).unwrap();
    let (image, at) = (image.display(), at.display());
    let listen = "import socket; socket.socket().bind((\"127.0.0.1\", 21))";
    let mut failed = 0;
    for (feature, script) in [
        (
            Feature::BindMounts,
            format!("mount --bind /usr {at} && test -d {at}/bin"),
        ),
        (
            Feature::LowPorts,
            format!("ip link set lo up && python3 -c '{listen}'"),
        ),
        (
            Feature::Mounts,
            format!("mkfs.ext4 -q -F {image} && mount -o loop {image} {at}"),
        ),
        (Feature::UserIds, format!("chown 1000 {at}")),
        (Feature::ProjectQuotas, format!("chattr -p 7 {at}")),
    ] {
        // What root of the machine cannot do either says nothing of namespaces.
        if run(&["--mount", "--net"], &script).is_none() {
            println!("skipped: {feature:?}, which does not work outside either");
            continue;
        }
        let is_done = unshared(&script).is_some();
        assert_ne!(levels[&feature], Level::Degraded, "{feature:?}");
        assert_eq!(levels[&feature] == Level::Works, is_done, "{feature:?}");
        failed += usize::from(!is_done);
    }
    println!("{failed} of it cannot be done in the namespace");
    assert_eq!(levels[&Feature::Clock], Level::Impossible);
    assert!(unshared("date --set=\"$(date)\"").is_none());
}

/// Of this machine it says what its files say, whatever that is.
#[test]
fn this_machine_is_judged() {
    let root = Root::system();
    let container = HostInfo::read(&root).virtualization.container;
    let facts = Facts::read(&root, container).unwrap();
    assert_eq!(judge(&facts).len(), Feature::ALL.len());
    assert!(facts.filesystems.contains("proc"));
    assert!(facts.ids > 0);
}
