//! Whether this machine has what MoxNAS needs.

use std::{os::unix::net::UnixStream, path::PathBuf};

use moxnas_app::settings::SOCKET;
use moxnas_core::{cmd::Tool, root::Root};
use moxnas_pool::{
    model::Filesystem,
    real::argv::{LVCREATE, RSYNC, SSH, THIN_CHECK, mkfs},
};
use moxnas_raid::{
    initramfs::{IMAGE_FOLDER, releases},
    real::argv::{TOOLS, UNMKINITRAMFS, UPDATE_INITRAMFS},
};
use serde::Serialize;

use crate::{cli::Global, failure::Failure, print::Printer};

/// One thing that was looked at.
#[derive(Serialize)]
struct Finding {
    what: String,
    verdict: Verdict,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Good,
    Note,
    Missing,
}

pub(super) fn doctor(global: &Global, printer: &Printer) -> Result<(), Failure> {
    let mut findings: Vec<Finding> = TOOLS.iter().map(|it| tool(*it)).collect();
    findings.extend([md(), udev(), root(), service(global)]);
    findings.extend(initramfs());
    findings.extend(filesystems());
    findings.extend(thin_volumes());
    findings.push(useful(RSYNC, "files cannot be replicated"));
    findings.push(useful(SSH, "nothing can be replicated to another machine"));
    let of_shares = moxnas_shares::real::TOOLS.iter();
    findings.extend(of_shares.map(|(tool, without)| useful(*tool, without)));
    if printer.is_json() {
        let text = serde_json::to_string(&findings);
        printer.json(&text.map_err(|err| Failure::Broken(err.to_string()))?);
    } else {
        for it in &findings {
            let mark = match it.verdict {
                Verdict::Good => "ok     ",
                Verdict::Note => "note   ",
                Verdict::Missing => "MISSING",
            };
            printer.line(&format!("{mark}  {:<10} {}", it.what, it.found));
            if let Some(remedy) = &it.remedy {
                printer.line(&format!("{:20} remedy: {remedy}", ""));
            }
        }
    }
    match findings.iter().any(|it| it.verdict == Verdict::Missing) {
        true => Err(Failure::refused("something that MoxNAS needs is missing")),
        false => Ok(()),
    }
}

fn tool(tool: Tool) -> Finding {
    let name = tool.name();
    match tool.find() {
        Some(path) => good(name, path.display().to_string()),
        None => Finding {
            what: name.to_owned(),
            verdict: Verdict::Missing,
            found: format!("not in {}", moxnas_core::cmd::TOOL_FOLDERS.join(", ")),
            remedy: Some(tool.install()),
        },
    }
}

/// What reads and makes the images that the kernels of this machine start with.
fn initramfs() -> Vec<Finding> {
    let files = Root::system().list(IMAGE_FOLDER).unwrap_or_default();
    let Some(kernel) = releases(&files).pop() else {
        return Vec::new();
    };
    let image = kernel.image_path();
    let without = format!("nobody can tell what {image} knows of arrays");
    let both = [UNMKINITRAMFS, UPDATE_INITRAMFS];
    both.map(|it| useful(it, &without)).into()
}

fn filesystems() -> [Finding; 3] {
    Filesystem::ALL.map(|it| useful(mkfs(it), &format!("no pool of {it} can be made")))
}

/// The kernel starts `thin_check` by way of LVM, so it is named although MoxNAS never runs it.
fn thin_volumes() -> [Finding; 2] {
    let without = "no pool of thin volumes can be made";
    [LVCREATE, THIN_CHECK].map(|it| useful(it, without))
}

/// A program that MoxNAS needs for one thing only.
fn useful(it: Tool, without: &str) -> Finding {
    match tool(it) {
        it if it.verdict == Verdict::Good => it,
        missing => Finding {
            verdict: Verdict::Note,
            found: format!("missing: {without}"),
            ..missing
        },
    }
}

fn good(what: &str, found: impl Into<String>) -> Finding {
    Finding {
        what: what.to_owned(),
        verdict: Verdict::Good,
        found: found.into(),
        remedy: None,
    }
}

fn note(what: &str, found: &str, remedy: &str) -> Finding {
    Finding {
        what: what.to_owned(),
        verdict: Verdict::Note,
        found: found.to_owned(),
        remedy: Some(remedy.to_owned()),
    }
}

fn md() -> Finding {
    let root = Root::system();
    if root.exists("/proc/mdstat") {
        return good("md", "the kernel's md driver is loaded");
    }
    let is_container = root.exists("/run/systemd/container");
    note(
        "md",
        "the kernel's md driver is not loaded",
        if is_container {
            "in a container it is the host's: run `modprobe md_mod` there, and manage arrays there"
        } else {
            "it is loaded when an array is made; `modprobe md_mod` does it now"
        },
    )
}

fn udev() -> Finding {
    match Root::system().exists("/run/udev/data") {
        true => good("udev", "its database is there"),
        false => Finding {
            what: "udev".to_owned(),
            verdict: Verdict::Missing,
            found: "there is no /run/udev/data, so nobody knows what is on the disks".to_owned(),
            remedy: Some(
                "start systemd-udevd; in a container, manage disks on the host".to_owned(),
            ),
        },
    }
}

fn root() -> Finding {
    match nix::unistd::geteuid().is_root() {
        true => good("rights", "run by root"),
        false => note(
            "rights",
            "not run by root: may look, not change",
            "run it with sudo",
        ),
    }
}

fn service(global: &Global) -> Finding {
    let socket = global
        .socket
        .clone()
        .unwrap_or_else(|| PathBuf::from(SOCKET));
    match UnixStream::connect(&socket) {
        Ok(_) => good("service", format!("answers on {}", socket.display())),
        Err(err) => note(
            "service",
            &format!("{}: {err}", socket.display()),
            "start it with `moxnas serve`; commands work without it too",
        ),
    }
}
