//! The commands of steps that are about several devices.

use moxnas_core::{
    cmd::{Accept, Cmd},
    disk::DeviceId,
};

use super::{BTRFS, MKFS_BTRFS, MOUNT, TRANSFER_LIMIT, btrfs, long, path, systemctl};
use crate::{
    backend::BackendError,
    devices::{DevicesStep, Task},
    model::{Filesystem, PoolName},
    unit::mount_point,
};

pub(super) fn argv(pool: &PoolName, step: &DevicesStep) -> Result<Cmd, BackendError> {
    Ok(match step {
        DevicesStep::Make { devices, profile } => {
            let (data, metadata) = (profile.word(), profile.of_metadata().word());
            let cmd = long(MKFS_BTRFS).args(["-q", "-d", data, "-m", metadata]);
            let cmd = match pool.as_str().len() <= Filesystem::Btrfs.label_max() {
                true => cmd.arg("-L").arg(pool.as_str()),
                false => cmd,
            };
            let mut all = cmd;
            for device in devices {
                all = all.arg(path(device)?);
            }
            all
        }
        DevicesStep::WriteUnit { .. } => systemctl().arg("daemon-reload"),
        DevicesStep::Add { device } => btrfs(["device", "add"])
            .arg(path(device)?)
            .arg(mount_point(pool)),
        DevicesStep::Remove { device, number, .. } => lasting(["device", "remove"])
            .arg(named(Some(device), *number)?)
            .arg(mount_point(pool)),
        DevicesStep::Replace {
            old,
            number,
            device,
            ..
        } => {
            let cmd = lasting(["replace", "start"]).arg("-B");
            let cmd = match old {
                Some(_) => cmd,
                None => cmd.arg("-r"),
            };
            cmd.arg(named(old.as_ref(), *number)?)
                .arg(path(device)?)
                .arg(mount_point(pool))
        }
        DevicesStep::Balance { convert, lowers } => {
            let cmd = lasting(["balance", "start"]);
            let cmd = match convert {
                None => cmd.arg("--full-balance"),
                // Of metadata also goes for what btrfs calls system.
                Some(profile) => cmd
                    .arg(format!("-dconvert={profile},soft"))
                    .arg(format!("-mconvert={},soft", profile.of_metadata())),
            };
            let cmd = if *lowers { cmd.arg("--force") } else { cmd };
            cmd.arg(mount_point(pool))
        }
        DevicesStep::Resize { number } => btrfs(["filesystem", "resize"])
            .arg(format!("{number}:max"))
            .arg(mount_point(pool)),
        DevicesStep::End { task } => end(*task).arg(mount_point(pool)),
        DevicesStep::MountDegraded { device, options } => {
            let options: Vec<&str> = options.iter().map(String::as_str).collect();
            let options = [&options[..], &["degraded"]].concat().join(",");
            long(MOUNT)
                .args(["-t", "btrfs", "-o", &options])
                .arg(path(device)?)
                .arg(mount_point(pool))
        }
    })
}

/// What takes as long as there is data.
fn lasting(words: [&str; 2]) -> Cmd {
    Cmd::new(BTRFS).limit(TRANSFER_LIMIT).args(words)
}

/// A device that is there, or the number of one that is not.
fn named(device: Option<&DeviceId>, number: u64) -> Result<String, BackendError> {
    device.map_or_else(|| Ok(number.to_string()), path)
}

fn end(task: Task) -> Cmd {
    match task {
        Task::Scrub => btrfs(["scrub", "cancel"]),
        Task::Replace => btrfs(["replace", "cancel"]),
        Task::Remove => btrfs(["device", "remove", "cancel"]),
        Task::Balance => btrfs(["balance", "cancel"]),
    }
}

/// What asks for the devices of a pool: their numbers and what is given away of each, in bytes.
#[must_use]
pub fn usage(pool: &PoolName) -> Cmd {
    btrfs(["device", "usage", "-b"]).arg(mount_point(pool))
}

/// What asks how far a btrfs is; `None`: nothing tells. A balance that runs is an exit status of 1.
#[must_use]
pub fn progress(pool: &PoolName, task: Task) -> Option<Cmd> {
    let cmd = match task {
        Task::Scrub => btrfs(["scrub", "status"]),
        Task::Replace => btrfs(["replace", "status", "-1"]),
        Task::Balance => btrfs(["balance", "status"]).accept(Accept::AnyOf(&[0, 1])),
        Task::Remove => return None,
    };
    Some(cmd.arg(mount_point(pool)))
}
