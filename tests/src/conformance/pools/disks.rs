//! Scenarios of disks that leave, come back, are copied and grow, and of going over what is on them.

use anyhow::Result;
use moxnas_pool::model::Filesystem::{self, Btrfs, Ext4, Xfs};

use super::{Deed, PoolJournal};
use crate::conformance::Shutdown;

const SERIAL: &str = "LABA";

/// The start does not wait for it for ever, and nothing is mounted behind anybody's back.
fn missing(it: &mut PoolJournal<'_>, filesystem: Filesystem) -> Result<()> {
    it.create(filesystem, SERIAL, &[])?;
    it.write("", "a", 5)?;
    let (how, without) = (Shutdown::Clean, &[SERIAL][..]);
    it.deed(Deed::Restart { how, without })?;
    it.mount("tank")?;
    it.delete("tank")?;
    it.deed(Deed::PlugBack { serial: SERIAL })?;
    it.mount("tank")
}

pub(super) fn an_ext4_is_missing_at_a_start(it: &mut PoolJournal<'_>) -> Result<()> {
    missing(it, Ext4)
}

pub(super) fn an_xfs_is_missing_at_a_start(it: &mut PoolJournal<'_>) -> Result<()> {
    missing(it, Xfs)
}

pub(super) fn a_btrfs_is_missing_at_a_start(it: &mut PoolJournal<'_>) -> Result<()> {
    missing(it, Btrfs)
}

fn pulled(it: &mut PoolJournal<'_>, filesystem: Filesystem) -> Result<()> {
    it.create(filesystem, SERIAL, &[])?;
    it.write("", "a", 5)?;
    it.deed(Deed::Pull { serial: SERIAL })?;
    it.export("nobody")?;
    it.mount("tank")?;
    it.deed(Deed::PlugBack { serial: SERIAL })?;
    it.mount("tank")?;
    it.write("", "b", 3)
}

pub(super) fn the_disk_of_an_ext4_is_pulled(it: &mut PoolJournal<'_>) -> Result<()> {
    pulled(it, Ext4)
}

pub(super) fn the_disk_of_an_xfs_is_pulled(it: &mut PoolJournal<'_>) -> Result<()> {
    pulled(it, Xfs)
}

pub(super) fn the_disk_of_a_btrfs_is_pulled(it: &mut PoolJournal<'_>) -> Result<()> {
    pulled(it, Btrfs)
}

pub(super) fn a_pool_whose_disk_is_out_is_forgotten(it: &mut PoolJournal<'_>) -> Result<()> {
    it.create(Xfs, SERIAL, &[])?;
    it.deed(Deed::Pull { serial: SERIAL })?;
    it.export("tank")?;
    it.deed(Deed::PlugBack { serial: SERIAL })?;
    it.import("tank", SERIAL, false, &[])
}

/// Which of two with one UUID would be mounted is chance, so none is.
fn copied(it: &mut PoolJournal<'_>, filesystem: Filesystem) -> Result<()> {
    let (from, to) = (SERIAL, "LABB");
    it.create(filesystem, from, &[])?;
    it.write("", "a", 5)?;
    it.deed(Deed::Copy { from, to })?;
    it.unmount("tank")?;
    it.mount("tank")?;
    it.check("tank", false)?;
    it.delete("tank")?;
    it.export("tank")?;
    it.import("tank", from, true, &[])?;
    it.import("tank", to, true, &[])?;
    it.deed(Deed::Pull { serial: to })?;
    it.import("tank", from, false, &[])?;
    it.deed(Deed::PlugBack { serial: to })
}

pub(super) fn the_disk_of_an_ext4_is_copied(it: &mut PoolJournal<'_>) -> Result<()> {
    copied(it, Ext4)
}

pub(super) fn the_disk_of_an_xfs_is_copied(it: &mut PoolJournal<'_>) -> Result<()> {
    copied(it, Xfs)
}

pub(super) fn the_disk_of_a_btrfs_is_copied(it: &mut PoolJournal<'_>) -> Result<()> {
    copied(it, Btrfs)
}

fn grown(it: &mut PoolJournal<'_>, filesystem: Filesystem) -> Result<()> {
    let (serial, mib) = (SERIAL, 600);
    it.create(filesystem, serial, &[])?;
    it.write("", "a", 5)?;
    it.deed(Deed::Enlarge { serial, mib })?;
    it.grow("tank")?;
    it.grow("tank")?;
    it.unmount("tank")?;
    it.grow("tank")
}

pub(super) fn an_ext4_grows_with_its_disk(it: &mut PoolJournal<'_>) -> Result<()> {
    grown(it, Ext4)
}

pub(super) fn an_xfs_grows_with_its_disk(it: &mut PoolJournal<'_>) -> Result<()> {
    grown(it, Xfs)
}

pub(super) fn a_btrfs_grows_with_its_disk(it: &mut PoolJournal<'_>) -> Result<()> {
    grown(it, Btrfs)
}

/// Nothing goes in any more, what is there stays, and there is space again afterwards.
fn filled(it: &mut PoolJournal<'_>, filesystem: Filesystem) -> Result<()> {
    let (pool, place) = ("tank", "");
    it.create(filesystem, SERIAL, &[])?;
    it.write(place, "a", 10)?;
    it.deed(Deed::Fill { pool, place })?;
    it.write(place, "b", 8)?;
    it.remove(place, "fill")?;
    it.write(place, "b", 8)
}

pub(super) fn an_ext4_is_filled(it: &mut PoolJournal<'_>) -> Result<()> {
    filled(it, Ext4)
}

pub(super) fn an_xfs_is_filled(it: &mut PoolJournal<'_>) -> Result<()> {
    filled(it, Xfs)
}

pub(super) fn a_btrfs_is_filled(it: &mut PoolJournal<'_>) -> Result<()> {
    filled(it, Btrfs)
}

/// Each is gone over by its own program, at the time when that can be.
fn checked(it: &mut PoolJournal<'_>, filesystem: Filesystem) -> Result<()> {
    it.create(filesystem, SERIAL, &[])?;
    it.write("", "a", 5)?;
    it.check("tank", false)?;
    it.check("tank", true)?;
    it.unmount("tank")?;
    it.check("tank", false)?;
    it.check("tank", true)?;
    it.mount("tank")
}

pub(super) fn an_ext4_is_gone_over(it: &mut PoolJournal<'_>) -> Result<()> {
    checked(it, Ext4)
}

pub(super) fn an_xfs_is_gone_over(it: &mut PoolJournal<'_>) -> Result<()> {
    checked(it, Xfs)
}

pub(super) fn a_btrfs_is_gone_over(it: &mut PoolJournal<'_>) -> Result<()> {
    checked(it, Btrfs)
}

/// It is counted until it was gone over.
///
/// With `errors=remount-ro` newer kernels take no writes after it, and say so in their log only: that is
/// in the test of the product.
pub(super) fn an_ext4_comes_upon_an_error(it: &mut PoolJournal<'_>) -> Result<()> {
    let pool = "tank";
    it.create(Ext4, SERIAL, &[])?;
    it.write("", "a", 5)?;
    it.deed(Deed::ComeUponError { pool })?;
    it.write("", "b", 3)?;
    it.grow(pool)?;
    it.unmount(pool)?;
    it.mount(pool)?;
    it.unmount(pool)?;
    it.check(pool, false)?;
    it.check(pool, true)?;
    it.mount(pool)
}
