//! Every command that MoxNAS can run on behalf of this crate.
//!
//! Devices are named by their links under `/dev/disk/by-id`, so that a command means the same device
//! when it is shown and when it is run.

use std::time::Duration;

use moxnas_core::{
    cmd::{Cmd, Tool, UDEVADM, WIPEFS},
    disk::DeviceId,
};

use crate::{
    backend::BackendError,
    model::{Filesystem, PoolName},
    plan::Step,
    unit::{mount_point, unit_of},
};

const SYSTEMCTL: Tool = Tool::new("systemctl").of("systemd");
const JOURNALCTL: Tool = Tool::new("journalctl").of("systemd");
const MKFS_EXT4: Tool = Tool::new("mkfs.ext4").of("e2fsprogs");
const MKFS_XFS: Tool = Tool::new("mkfs.xfs").of("xfsprogs");
const MKFS_BTRFS: Tool = Tool::new("mkfs.btrfs").of("btrfs-progs");

/// A filesystem on a large device that discards slowly; a mount after an unclean stop.
const LIMIT: Duration = Duration::from_secs(600);

/// The command of a step.
pub fn argv(step: &Step) -> Result<Cmd, BackendError> {
    Ok(match step {
        Step::WipeSignatures { device } => wipefs().arg("--all").arg(path(device)?),
        Step::MakeFilesystem {
            device,
            filesystem,
            label,
        } => make(*filesystem, label.as_ref()).arg(path(device)?),
        Step::WriteUnit { .. } | Step::RemoveUnit { .. } => systemctl().arg("daemon-reload"),
        Step::Mount { pool } => systemctl().args(["enable", "--now"]).arg(unit(pool)),
        Step::Unmount { pool } => systemctl().arg("stop").arg(unit(pool)),
        Step::Disable { pool } => systemctl().arg("disable").arg(unit(pool)),
    })
}

fn wipefs() -> Cmd {
    Cmd::new(WIPEFS).limit(LIMIT)
}

fn systemctl() -> Cmd {
    Cmd::new(SYSTEMCTL).limit(LIMIT)
}

fn unit(pool: &PoolName) -> String {
    unit_of(&mount_point(pool))
}

/// What makes a filesystem.
#[must_use]
pub fn mkfs(filesystem: Filesystem) -> Tool {
    match filesystem {
        Filesystem::Ext4 => MKFS_EXT4,
        Filesystem::Xfs => MKFS_XFS,
        Filesystem::Btrfs => MKFS_BTRFS,
    }
}

fn make(filesystem: Filesystem, label: Option<&PoolName>) -> Cmd {
    let cmd = Cmd::new(mkfs(filesystem)).limit(LIMIT).arg("-q");
    match label {
        Some(label) => cmd.arg("-L").arg(label.as_str()),
        None => cmd,
    }
}

/// The command that tells whether a device holds anything. It writes nothing.
pub fn probe(device: &DeviceId) -> Result<Cmd, BackendError> {
    let cmd = wipefs().args(["--no-act", "--noheadings", "--output=TYPE"]);
    Ok(cmd.arg(path(device)?))
}

/// What systemd and mount(8) said of a pool last: systemctl(1) tells no reason why a unit failed.
#[must_use]
pub fn journal(pool: &PoolName) -> Cmd {
    let cmd = Cmd::new(JOURNALCTL).arg("--unit").arg(unit(pool));
    cmd.args([
        "--boot",
        "--output=cat",
        "--lines=3",
        "--no-pager",
        "--quiet",
    ])
}

/// What lets udev catch up with a step.
pub fn catch_up(step: &Step) -> Result<Vec<Cmd>, BackendError> {
    let settle = Cmd::new(UDEVADM).args(["settle", "--timeout=20"]);
    let Some(device) = step.destroys() else {
        return Ok(Vec::new());
    };
    let trigger = Cmd::new(UDEVADM).args(["trigger", "--settle", "--action=change"]);
    Ok(vec![trigger.arg(path(device)?), settle])
}

fn path(device: &DeviceId) -> Result<String, BackendError> {
    let path = device.path();
    path.ok_or_else(|| BackendError::DeviceGone(device.clone()))
}
