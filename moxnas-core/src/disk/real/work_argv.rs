//! Every command that MoxNAS can run on behalf of this crate.
//!
//! Disks are named by their links under `/dev/disk/by-id`, so that a command means the same disk
//! when it is shown and when it is run.

use std::time::Duration;

use super::super::{DeviceId, DiskStep, Locator, WorkError};
use crate::cmd::{Accept, Cmd, Tool, UDEVADM, WIPEFS};

const BLKDISCARD: Tool = Tool::new("blkdiscard").of("util-linux");
const LEDCTL: Tool = Tool::new("ledctl").of("ledmon");

/// The programs that are named here.
pub const TOOLS: [Tool; 4] = [WIPEFS, BLKDISCARD, LEDCTL, UDEVADM];

/// wipefs and ledctl take moments; this is for a disk in trouble.
const LIMIT: Duration = Duration::from_secs(120);
/// Some disks take minutes to discard what others do in a moment.
const DISCARD_LIMIT: Duration = Duration::from_secs(600);

/// The program that switches the lights of backplanes which the kernel does not know.
#[must_use]
pub fn ledctl() -> Tool {
    LEDCTL
}

/// The command of a step; `None` for those that run none.
pub fn argv(step: &DiskStep) -> Result<Option<Cmd>, WorkError> {
    Ok(match step {
        DiskStep::WipeSignatures { device } => Some(
            Cmd::new(WIPEFS)
                .limit(LIMIT)
                .arg("--all")
                .arg(path(device)?),
        ),
        DiskStep::Discard { disk, at, length } => Some(
            Cmd::new(BLKDISCARD)
                .limit(DISCARD_LIMIT)
                .args(["--offset".to_owned(), at.0.to_string()])
                .args(["--length".to_owned(), length.0.to_string()])
                .arg(path(disk)?),
        ),
        DiskStep::Locate {
            disk,
            by: Locator::Ledctl,
            on,
        } => {
            let verb = if *on { "locate" } else { "locate_off" };
            let disk = path(disk)?;
            Some(Cmd::new(LEDCTL).limit(LIMIT).arg(format!("{verb}={disk}")))
        }
        DiskStep::Locate {
            by: Locator::Slot { .. },
            ..
        }
        | DiskStep::Sanitize { .. }
        | DiskStep::Overwrite { .. }
        | DiskStep::WriteAndRead { .. }
        | DiskStep::SelfTest { .. } => None,
    })
}

/// What finds the signatures on a device without changing anything: a line for each, of its kind,
/// its UUID and its label, with commas between and nothing where there is none.
pub fn probe(device: &DeviceId) -> Result<Cmd, WorkError> {
    Ok(Cmd::new(WIPEFS)
        .limit(LIMIT)
        .args([
            "--no-act",
            "--noheadings",
            "--parsable",
            "--output",
            "TYPE,UUID,LABEL",
        ])
        .arg(path(device)?))
}

/// What waits until udev has read what was changed.
#[must_use]
pub fn settle() -> Cmd {
    // 1: udev was not done in time. It will be, and the next look says what it found.
    Cmd::new(UDEVADM)
        .limit(LIMIT)
        .args(["settle", "--timeout=30"])
        .accept(Accept::AnyOf(&[0, 1]))
}

fn path(device: &DeviceId) -> Result<String, WorkError> {
    device.path().ok_or_else(|| WorkError::Gone(device.clone()))
}
