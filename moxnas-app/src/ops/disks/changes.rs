//! Changes of single disks.

use std::sync::Arc;

use moxnas_core::{
    disk::{DeviceId, DiskId, SanitizeMethod},
    plan::Plan,
};
use moxnas_raid::Refusal;

use super::{DiskView, find};
use crate::{
    actor::Role,
    answers::Question,
    disk_plan::{Wipe, WipeLevel, plan_burn_in, plan_locate},
    error::Error,
    jobs::{disk_burn_in::BurnIn, disk_wipe::WipeDisk},
    machine::AppStep,
    operation::{Change, Lane, LongChange, Operation},
    seen::Seen,
};

/// Wipe a disk.
#[derive(Clone, Debug)]
pub struct DiskWipe {
    /// As people name devices.
    pub disk: String,
    /// How thoroughly.
    pub level: WipeLevel,
    /// How it erases itself; `None`: as it likes best.
    pub method: Option<SanitizeMethod>,
}

/// Try out a disk.
#[derive(Clone, Debug)]
pub struct DiskBurnIn {
    /// As people name devices.
    pub disk: String,
    /// How often all of it is written and read.
    pub passes: u8,
}

/// Switch the light of a disk's slot.
#[derive(Clone, Debug)]
pub struct DiskLocate {
    /// As people name devices.
    pub disk: String,
    /// On or off.
    pub on: bool,
}

operation!(DiskWipe, "disk_wipe", Some(Role::Admin), (), disk);
operation!(DiskBurnIn, "disk_burn_in", Some(Role::Admin), (), disk);
operation!(
    DiskLocate,
    "disk_locate",
    Some(Role::Operator),
    DiskView,
    disk
);

/// The stable name of a disk, by which its job holds it.
fn disk_id(id: &DeviceId) -> Result<DiskId, Error> {
    match id {
        DeviceId::Disk(disk) => Ok(disk.clone()),
        other => Err(Refusal::Unidentified(other.clone()).into()),
    }
}

/// The disk has to be there still; what was done to it is verified by the job that did it.
fn must_be_there(after: &Seen, disk: &str) -> Result<(), Error> {
    find(after, disk).map(drop)
}

impl Change for DiskWipe {
    const LANE: Lane = Lane::Storage;

    fn asks(&self, seen: &Seen) -> Vec<Question> {
        match find(seen, &self.disk) {
            Ok(device) if self.level == WipeLevel::Sanitize => {
                vec![Question::Sanitize(device.id.clone())]
            }
            _ => Vec::new(),
        }
    }

    fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        let wipe = Wipe {
            device: find(seen, &self.disk)?,
            level: self.level,
            method: self.method,
        };
        Ok(wipe.plan(seen)?.map(AppStep::Disk))
    }

    fn etag(&self, _: &Seen) -> Option<String> {
        None
    }

    fn verify(&self, after: &Seen) -> Result<(), Error> {
        must_be_there(after, &self.disk)
    }
}

impl LongChange for DiskWipe {
    type Job = WipeDisk;

    fn job(&self, seen: &Seen) -> Result<WipeDisk, Error> {
        let device = find(seen, &self.disk)?;
        Ok(WipeDisk {
            disk: disk_id(&device.id)?,
            size: device.size,
            level: self.level,
            method: self.method,
            fingerprint: self.plan(seen)?.fingerprint().to_string(),
        })
    }
}

impl Change for DiskBurnIn {
    const LANE: Lane = Lane::Storage;

    fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        let plan = plan_burn_in(seen, find(seen, &self.disk)?, self.passes)?;
        Ok(plan.map(AppStep::Disk))
    }

    fn etag(&self, _: &Seen) -> Option<String> {
        None
    }

    fn verify(&self, after: &Seen) -> Result<(), Error> {
        must_be_there(after, &self.disk)
    }
}

impl LongChange for DiskBurnIn {
    type Job = BurnIn;

    fn job(&self, seen: &Seen) -> Result<BurnIn, Error> {
        let device = find(seen, &self.disk)?;
        Ok(BurnIn {
            disk: disk_id(&device.id)?,
            size: device.size,
            passes: self.passes,
            fingerprint: self.plan(seen)?.fingerprint().to_string(),
        })
    }
}

impl Change for DiskLocate {
    const LANE: Lane = Lane::Storage;

    fn asks(&self, seen: &Seen) -> Vec<Question> {
        let device = find(seen, &self.disk).ok();
        let device = device.filter(|it| seen.abilities_of(&it.name).locator.is_some());
        device
            .map(|it| Question::Light(it.id.clone()))
            .into_iter()
            .collect()
    }

    fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
        let plan = plan_locate(seen, find(seen, &self.disk)?, self.on)?;
        Ok(plan.map(AppStep::Disk))
    }

    fn etag(&self, _: &Seen) -> Option<String> {
        None
    }

    fn verify(&self, after: &Seen) -> Result<DiskView, Error> {
        let device = find(after, &self.disk)?;
        let disk = &device.id;
        let light = after.answers.light(disk);
        if light.is_some_and(|it| it != self.on) {
            let word = if self.on { "off" } else { "on" };
            return Err(Error::NotVerified(format!("the light of {disk} is {word}")));
        }
        Ok(DiskView {
            device: device.clone(),
            seen: Arc::new(after.clone()),
        })
    }
}
