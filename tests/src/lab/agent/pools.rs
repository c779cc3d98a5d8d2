//! The product's own eyes and hands for pools, in the guest.

use anyhow::{Context as _, Result};
use moxnas_core::{
    disk::{BlockDevices, DiskBackend as _, SystemDisks},
    root::Root,
};
use moxnas_pool::{
    backend::PoolBackend as _,
    check::Outcome,
    dataset::Contents,
    model::{Pool, Pools},
    plan::Step,
    real::SystemPools,
};

use super::guard::lab_disk;
use crate::conformance::pools::{Told, told::told};

pub(super) fn observe() -> Result<(BlockDevices, Pools)> {
    let devices = SystemDisks::new(Root::system()).devices()?;
    let pools = SystemPools::system().observe(&devices)?;
    Ok((devices, pools))
}

pub(super) fn contents(pool: &Pool) -> Result<Contents> {
    let contents = SystemPools::system().contents(pool);
    contents.with_context(|| format!("what is in {} is not known", pool.name))
}

pub(super) fn apply(step: &Step) -> Result<Told<()>> {
    require_lab_disk(step)?;
    let done = SystemPools::system().apply(step);
    Ok(done.map_err(|err| told(&err)))
}

pub(super) fn check(step: &Step) -> Result<Told<Outcome>> {
    require_lab_disk(step)?;
    let checked = SystemPools::system().check(step, &|| true);
    Ok(checked.map(|it| it.outcome).map_err(|err| told(&err)))
}

/// Third lock: the devices that the step touches are of the lab.
fn require_lab_disk(step: &Step) -> Result<()> {
    let (devices, _) = observe()?;
    // One that has left cannot be destroyed any more.
    let touched = step.touches().into_iter();
    let mut there = touched.filter_map(|it| devices.by_id(it));
    there.try_for_each(|it| lab_disk(&it.name))
}
