//! Block devices.

mod changes;

use std::sync::Arc;

use moxnas_core::disk::{BlockDevice, ResolveError};
use moxnas_raid::{Leaving, if_it_leaves};

pub use self::changes::{DiskBurnIn, DiskLocate, DiskWipe};

use crate::{
    actor::{Actor, Role},
    app::App,
    disk_plan,
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

/// What happens if a disk leaves now, with the look it comes from.
#[derive(Clone, Debug)]
pub struct ConsequencesView {
    /// The disk.
    pub device: BlockDevice,
    /// What happens.
    pub leaving: Leaving,
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

/// Say what happens if one disk leaves now.
#[derive(Clone, Debug)]
pub struct DiskConsequences {
    /// As people name devices.
    pub disk: String,
}

operation!(DiskList, "disk_list", Some(Role::Viewer), DisksView);
operation!(DiskGet, "disk_get", Some(Role::Viewer), DiskView, disk);
operation!(
    DiskConsequences,
    "disk_consequences",
    Some(Role::Viewer),
    ConsequencesView,
    disk
);

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
        let device = find(&seen, &self.disk)?.clone();
        Ok(DiskView { device, seen })
    }
}

impl Query for DiskConsequences {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<ConsequencesView, Error> {
        let seen = app.seen();
        let device = find(&seen, &self.disk)?.clone();
        Ok(ConsequencesView {
            leaving: if_it_leaves(&seen.raid, &device),
            device,
            seen,
        })
    }
}

fn find<'a>(seen: &'a Seen, text: &str) -> Result<&'a BlockDevice, Error> {
    seen.raid.devices.resolve(text).map_err(|err| match err {
        ResolveError::Unknown(name) => Error::NotFound { what: "disk", name },
        other => other.into(),
    })
}

/// Why a device cannot be given to an array; `None`: it can.
#[must_use]
pub fn why_not_usable(seen: &Seen, device: &BlockDevice) -> Option<(String, Option<String>)> {
    let refusal = disk_plan::why_not_usable(seen, device)?;
    Some((refusal.to_string(), refusal.hint()))
}
