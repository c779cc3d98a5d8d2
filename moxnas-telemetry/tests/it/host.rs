//! What a captured machine says of itself.

use std::{fs, path::Path};

use moxnas_core::root::Root;
use moxnas_telemetry::{Container, HostInfo, Machine};

/// A virtual machine with Debian 12 and this kernel.
pub(crate) fn fixture() -> Root {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/6.18.44-fc-v657");
    Root::fixture(folder)
}

fn root_with(files: &[(&str, &str)]) -> (tempfile::TempDir, Root) {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        fs::write(path, text).unwrap();
    }
    let root = Root::fixture(dir.path());
    (dir, root)
}

fn yes(engine: &str, privileged: bool) -> Container {
    Container::Yes {
        engine: Some(engine.to_owned()),
        privileged: Some(privileged),
    }
}

fn by(hypervisor: &str) -> Machine {
    Machine::Virtual {
        hypervisor: Some(hypervisor.to_owned()),
    }
}

#[test]
fn a_captured_machine_says_what_it_is() {
    let host = HostInfo::read(&fixture());
    assert_eq!(host.missing, []);
    let os = host.os.unwrap();
    assert_eq!(os.name, "Debian GNU/Linux 12 (bookworm)");
    assert_eq!(
        (os.id.as_deref(), os.version.as_deref()),
        (Some("debian"), Some("12"))
    );
    assert_eq!(host.hostname.as_deref(), Some("nas"));
    assert_eq!(host.kernel.as_deref(), Some("6.18.44-fc-v657"));
    assert_eq!(host.architecture.as_deref(), Some("x86_64"));
    assert_eq!(host.cpu_model.as_deref(), Some("AMD EPYC"));
    assert_eq!(host.cores, Some(2));
    assert_eq!(
        host.virtualization.machine,
        Machine::Virtual { hypervisor: None }
    );
    assert_eq!(host.virtualization.container, Container::Unknown);
}

#[test]
fn nothing_known_is_nothing_told() {
    let (_dir, root) = root_with(&[]);
    let host = HostInfo::read(&root);
    assert_eq!(host.virtualization.container, Container::Unknown);
    assert_eq!(host.virtualization.machine, Machine::Unknown);
    let missing: Vec<&str> = host.missing.iter().map(|it| it.what.as_str()).collect();
    assert_eq!(
        missing,
        [
            "cores",
            "cpu_model",
            "hostname",
            "os",
            "kernel",
            "architecture"
        ]
    );
}

#[test]
fn containers_are_told_by_their_signs() {
    const WHOLE: &str = "         0          0 4294967295\n";
    const PART: &str = "         0     100000      65536\n";
    for (files, expect) in [
        (
            &[
                ("run/systemd/container", "lxc\n"),
                ("proc/self/uid_map", PART),
            ][..],
            yes("lxc", false),
        ),
        (
            &[
                ("run/systemd/container", "lxc"),
                ("proc/self/uid_map", WHOLE),
            ],
            yes("lxc", true),
        ),
        (
            &[
                ("proc/1/environ", "TERM=linux\0container=lxc\0"),
                ("proc/self/uid_map", PART),
            ],
            yes("lxc", false),
        ),
        (
            &[(".dockerenv", ""), ("proc/self/uid_map", WHOLE)],
            yes("docker", true),
        ),
        (
            &[("run/.containerenv", "")],
            Container::Yes {
                engine: Some("podman".to_owned()),
                privileged: None,
            },
        ),
        (
            &[("run/systemd/system/x", ""), ("proc/self/uid_map", WHOLE)],
            Container::No,
        ),
        (&[("proc/1/environ", "HOME=/\0")], Container::No),
        (&[("proc/self/uid_map", WHOLE)], Container::Unknown),
    ] {
        let (_dir, root) = root_with(files);
        let seen = HostInfo::read(&root).virtualization;
        assert_eq!(seen.container, expect, "{files:?}: {:?}", seen.evidence);
    }
}

#[test]
fn machines_are_told_by_dmi_and_processor() {
    const PLAIN: &str = "processor\t: 0\nmodel name\t: CPU\nflags\t\t: fpu vme\n\n";
    const GUEST: &str = "processor\t: 0\nflags\t\t: fpu hypervisor\n\n";
    for (files, expect) in [
        (
            &[
                ("sys/class/dmi/id/sys_vendor", "QEMU\n"),
                ("proc/cpuinfo", GUEST),
            ][..],
            by("qemu"),
        ),
        (
            &[("sys/class/dmi/id/product_name", "VMware7,1\n")],
            by("vmware"),
        ),
        (
            &[("sys/class/dmi/id/product_name", "Virtual Machine")],
            by("hyper-v"),
        ),
        (
            &[
                ("sys/class/dmi/id/sys_vendor", "Amazon EC2"),
                ("sys/class/dmi/id/product_name", "m5.metal"),
                ("proc/cpuinfo", PLAIN),
            ],
            Machine::Physical,
        ),
        (
            &[("sys/hypervisor/type", "xen\n"), ("proc/cpuinfo", GUEST)],
            by("xen"),
        ),
        (
            &[("proc/device-tree/hypervisor/compatible", "linux,kvm\0")],
            by("linux,kvm"),
        ),
        (
            &[("proc/cpuinfo", GUEST)],
            Machine::Virtual { hypervisor: None },
        ),
        (&[("proc/cpuinfo", PLAIN)], Machine::Physical),
        (
            &[("sys/class/dmi/id/sys_vendor", "Supermicro\n")],
            Machine::Physical,
        ),
        (
            &[("proc/cpuinfo", "processor\t: 0\nBogoMIPS\t: 48.00\n\n")],
            Machine::Unknown,
        ),
    ] {
        let (_dir, root) = root_with(files);
        let seen = HostInfo::read(&root).virtualization;
        assert_eq!(seen.machine, expect, "{files:?}: {:?}", seen.evidence);
        assert!(!seen.evidence.is_empty());
    }
}

#[test]
fn this_machine_says_what_it_is() {
    let host = HostInfo::read(&Root::system());
    assert!(host.kernel.is_some() && host.architecture.is_some() && host.cores > Some(0));
}
