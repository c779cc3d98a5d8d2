//! The commands of steps that are about several devices.

use moxnas_core::cmd::Cmd;

use super::{MKFS_BTRFS, MOUNT, long, path, systemctl};
use crate::{
    backend::BackendError,
    devices::DevicesStep,
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
