//! `cargo xtask lab doctor`: is this host fit for the lab?

use std::{
    fs,
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result};
use moxnas_tests::lab::{Accelerator, qemu_version, workspace};

use super::command::run;

const HOST_PACKAGES: &str = "xtask/lab/host-packages.sh";
/// Programs the lab starts on the host, and the package each comes from.
const PROGRAMS: [(&str, &str); 9] = [
    ("mmdebstrap", "mmdebstrap"),
    ("arch-test", "arch-test"),
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("qemu-img", "qemu-utils"),
    ("mke2fs", "e2fsprogs"),
    ("dpkg-deb", "dpkg"),
    ("xz", "xz-utils"),
    ("gcc", "gcc libc6-dev"),
    ("setpriv", "util-linux"),
];

#[derive(clap::Args)]
pub(crate) struct Doctor {
    /// Install what is missing with apt; needs root, asks nothing.
    #[arg(long)]
    install: bool,
}

impl Doctor {
    pub(crate) fn run(self) -> Result<ExitCode> {
        if self.install {
            let status = Command::new("sh")
                .arg(workspace().join(HOST_PACKAGES))
                .status();
            let status = status.context("cannot start sh")?;
            println!("{HOST_PACKAGES}: {status}");
        }
        println!("accelerator: {}", accelerator());
        if let Ok(version) = qemu_version() {
            println!("qemu: {version}");
        }
        let missing: Vec<_> = PROGRAMS
            .iter()
            .filter(|(program, _)| !installed(program))
            .collect();
        for (program, package) in &missing {
            println!("missing: {program} (package {package})");
        }
        if missing.is_empty() {
            println!("every program the lab needs is there");
            return Ok(ExitCode::SUCCESS);
        }
        println!("install them with `cargo xtask lab doctor --install` or {HOST_PACKAGES}");
        Ok(ExitCode::FAILURE)
    }
}

fn accelerator() -> &'static str {
    if Accelerator::of_this_machine() == Accelerator::Kvm {
        return "kvm";
    }
    let flags = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    if !flags
        .split_whitespace()
        .any(|it| it == "vmx" || it == "svm")
    {
        return "tcg (the processor offers neither vmx nor svm, so a /dev/kvm would be no help)";
    }
    "tcg (/dev/kvm is not there, or cannot be opened, or MOXNAS_LAB_ACCEL says so)"
}

fn installed(program: &str) -> bool {
    run(Command::new("sh").args(["-c", "command -v \"$1\"", "sh", program])).is_ok()
}
