//! Block devices.

use std::sync::Arc;

use moxnas_core::disk::BlockDevice;
use moxnas_raid::plan::usable;

use crate::{
    actor::{Actor, Role},
    app::App,
    error::Error,
    operation::{Effect, Operation, Query},
    seen::Seen,
};

/// All disks, with the look they come from.
#[derive(Clone, Debug)]
pub struct DisksView {
    /// Where they were seen.
    pub seen: Arc<Seen>,
}

/// One block device, with the look it comes from.
#[derive(Clone, Debug)]
pub struct DiskView {
    /// The device.
    pub device: BlockDevice,
    /// Where it was seen.
    pub seen: Arc<Seen>,
}

/// List all disks.
#[derive(Clone, Copy, Debug)]
pub struct DiskList;

/// Show one disk.
#[derive(Clone, Debug)]
pub struct DiskGet {
    /// As people name devices.
    pub disk: String,
}

operation!(DiskList, "disk_list", Some(Role::Viewer), DisksView);
operation!(DiskGet, "disk_get", Some(Role::Viewer), DiskView, disk);

impl Query for DiskList {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<DisksView, Error> {
        Ok(DisksView { seen: app.seen() })
    }
}

impl Query for DiskGet {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<DiskView, Error> {
        let seen = app.seen();
        let found = seen
            .raid
            .devices
            .resolve(&self.disk)
            .map_err(|err| match err {
                moxnas_core::disk::ResolveError::Unknown(name) => {
                    Error::NotFound { what: "disk", name }
                }
                other => other.into(),
            })?;
        Ok(DiskView {
            device: found.clone(),
            seen: Arc::clone(&seen),
        })
    }
}

/// Why a device cannot be given to an array; `None`: it can.
#[must_use]
pub fn why_not_usable(seen: &Seen, device: &BlockDevice) -> Option<(String, Option<String>)> {
    let refusal = usable(&seen.raid, &device.id).err()?;
    Some((refusal.to_string(), refusal.hint()))
}
