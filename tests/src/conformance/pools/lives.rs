//! Scenarios of whole lives of pools.

use anyhow::Result;
use moxnas_pool::model::Filesystem::{self, Btrfs, Ext4, Xfs};

use super::{Deed, PoolJournal};
use crate::conformance::Shutdown;

/// From a blank disk and back, over a restart. Each machine of the lab starts once more at most: that
/// takes most of the time.
fn lives_and_dies(it: &mut PoolJournal<'_>, filesystem: Filesystem) -> Result<()> {
    it.create(filesystem, "LABA", &["noatime"])?;
    it.write("", "a", 5)?;
    it.option("tank", "noatime")?;
    it.reboot()?;
    it.option("tank", "noatime")?;
    it.unmount("tank")?;
    it.mount("tank")?;
    it.mount("tank")?;
    it.delete("tank")
}

pub(super) fn a_pool_of_ext4_lives_and_dies(it: &mut PoolJournal<'_>) -> Result<()> {
    lives_and_dies(it, Ext4)
}

pub(super) fn a_pool_of_xfs_lives_and_dies(it: &mut PoolJournal<'_>) -> Result<()> {
    lives_and_dies(it, Xfs)
}

pub(super) fn a_pool_of_btrfs_lives_and_dies(it: &mut PoolJournal<'_>) -> Result<()> {
    lives_and_dies(it, Btrfs)
}

/// What was on the disk is there, and the quota holds.
fn power_is_cut(it: &mut PoolJournal<'_>, filesystem: Filesystem) -> Result<()> {
    it.create(filesystem, "LABA", &[])?;
    it.dataset("photos", Some(40))?;
    it.write("photos", "a", 20)?;
    it.power_cut()?;
    it.write("photos", "b", 30)?;
    it.write("photos", "b", 10)
}

pub(super) fn power_is_cut_on_ext4(it: &mut PoolJournal<'_>) -> Result<()> {
    power_is_cut(it, Ext4)
}

pub(super) fn power_is_cut_on_xfs(it: &mut PoolJournal<'_>) -> Result<()> {
    power_is_cut(it, Xfs)
}

pub(super) fn power_is_cut_on_btrfs(it: &mut PoolJournal<'_>) -> Result<()> {
    power_is_cut(it, Btrfs)
}

pub(super) fn a_pool_that_is_unmounted_stays_so(it: &mut PoolJournal<'_>) -> Result<()> {
    it.create(Ext4, "LABA", &[])?;
    it.create_named("other", Xfs, "LABB", &[])?;
    it.unmount("tank")?;
    it.unmount("tank")?;
    it.reboot()?;
    it.mount("tank")
}

pub(super) fn files_are_not_hidden(it: &mut PoolJournal<'_>) -> Result<()> {
    let pool = "tank";
    it.create(Ext4, "LABA", &[])?;
    it.unmount(pool)?;
    it.deed(Deed::Hide { pool })?;
    it.mount(pool)?;
    it.deed(Deed::Unhide { pool })?;
    it.mount(pool)
}

pub(super) fn what_is_on_a_disk_is_erased_first(it: &mut PoolJournal<'_>) -> Result<()> {
    let (serial, kind) = ("LABA", "ext4");
    it.deed(Deed::MakeForeign { serial, kind })?;
    it.create(Xfs, serial, &[])?;
    it.delete("tank")?;
    it.create(Btrfs, serial, &[])
}

pub(super) fn what_is_too_small_is_refused(it: &mut PoolJournal<'_>) -> Result<()> {
    it.create(Xfs, "LABC", &[])?;
    it.create(Btrfs, "LABC", &[])?;
    it.create(Ext4, "LABC", &[])?;
    it.write("", "a", 8)
}

pub(super) fn names_and_devices_that_are_taken(it: &mut PoolJournal<'_>) -> Result<()> {
    it.create(Xfs, "LABA", &[])?;
    it.create(Ext4, "LABB", &[])?;
    it.create_named("other", Ext4, "LABA", &[])?;
    it.import("other", "LABA", false, &[])?;
    it.import("other", "LABB", false, &[])?;
    it.unmount("tank")?;
    it.import("other", "LABA", false, &[])?;
    it.create(Ext4, "LABB", &[])?;
    it.create_named("other", Ext4, "LABB", &["nofail"])
}

/// 20 letters do not go into the superblock of ext4 or xfs, and into that of btrfs they do.
pub(super) fn a_name_that_is_too_long_for_a_label(it: &mut PoolJournal<'_>) -> Result<()> {
    it.create_named("a-name-of-20-letters", Xfs, "LABA", &[])?;
    it.create_named("another-of-20-letter", Btrfs, "LABB", &[])?;
    it.create_named("a-name-of-17-more", Ext4, "LABC", &[])
}

pub(super) fn options_are_kept_over_a_start(it: &mut PoolJournal<'_>) -> Result<()> {
    it.create(Btrfs, "LABA", &["noatime", "compress=zstd"])?;
    it.create_named("other", Ext4, "LABB", &["nodiratime"])?;
    it.reboot()?;
    for option in ["noatime", "compress=zstd", "nodiratime"] {
        it.option("tank", option)?;
    }
    it.option("other", "nodiratime")?;
    it.option("other", "noatime")
}

fn imported(it: &mut PoolJournal<'_>, kind: &'static str) -> Result<()> {
    let serial = "LABA";
    it.import("tank", serial, true, &[])?;
    it.deed(Deed::MakeForeign { serial, kind })?;
    it.import("tank", serial, true, &[])?;
    it.option("tank", "ro")?;
    it.write("", "a", 5)?;
    it.dataset("photos", None)?;
    it.grow("tank")?;
    it.export("tank")?;
    it.import("tank", serial, false, &["noatime"])?;
    it.write("", "a", 5)?;
    it.dataset("photos", None)?;
    it.delete("tank")
}

pub(super) fn a_foreign_ext4_is_taken_in(it: &mut PoolJournal<'_>) -> Result<()> {
    imported(it, "ext4")
}

pub(super) fn a_foreign_xfs_is_taken_in(it: &mut PoolJournal<'_>) -> Result<()> {
    imported(it, "xfs")
}

pub(super) fn a_foreign_btrfs_is_taken_in(it: &mut PoolJournal<'_>) -> Result<()> {
    imported(it, "btrfs")
}

/// Under another name, with all that is in it.
fn exported(it: &mut PoolJournal<'_>, filesystem: Filesystem, options: &[&str]) -> Result<()> {
    it.create_named("old", filesystem, "LABA", &[])?;
    it.export("old")?;
    it.import("tank", "LABA", false, options)?;
    it.dataset("photos", Some(40))?;
    it.write("photos", "a", 10)?;
    it.export("tank")?;
    it.import("tank", "LABA", false, options)
}

pub(super) fn an_ext4_is_exported_and_comes_back(it: &mut PoolJournal<'_>) -> Result<()> {
    exported(it, Ext4, &["prjquota"])
}

pub(super) fn an_xfs_is_exported_and_comes_back(it: &mut PoolJournal<'_>) -> Result<()> {
    exported(it, Xfs, &["prjquota"])
}

pub(super) fn a_btrfs_is_exported_and_comes_back(it: &mut PoolJournal<'_>) -> Result<()> {
    exported(it, Btrfs, &[])
}

pub(super) fn a_process_keeps_a_pool_mounted(it: &mut PoolJournal<'_>) -> Result<()> {
    let pool = "tank";
    it.create(Ext4, "LABA", &[])?;
    it.deed(Deed::Enter { pool })?;
    it.unmount(pool)?;
    it.export(pool)?;
    it.delete(pool)?;
    it.deed(Deed::Leave { pool })?;
    it.unmount(pool)
}

pub(super) fn a_creation_that_was_cut_off(it: &mut PoolJournal<'_>) -> Result<()> {
    it.create_until(Xfs, "LABA", 1)?;
    it.create_until(Xfs, "LABA", 3)?;
    it.create(Xfs, "LABA", &[])?;
    it.mount("tank")
}

pub(super) fn a_deletion_that_was_cut_off(it: &mut PoolJournal<'_>) -> Result<()> {
    it.create(Btrfs, "LABA", &[])?;
    it.delete_until("tank", 1)?;
    let (how, without) = (Shutdown::PowerCut, &[][..]);
    it.deed(Deed::Restart { how, without })?;
    it.delete_until("tank", 2)?;
    it.delete_until("tank", 3)?;
    it.delete("tank")?;
    it.export("tank")
}

/// Whoever edits a unit is heard; what is no unit of ours any more is named.
pub(super) fn a_unit_that_somebody_edited(it: &mut PoolJournal<'_>) -> Result<()> {
    let pool = "tank";
    let edit = |from, to| Deed::EditUnit { pool, from, to };
    it.create(Ext4, "LABA", &[])?;
    it.deed(edit("Type=ext4", "Type=nfs"))?;
    it.unmount(pool)?;
    it.deed(edit("Type=nfs", "Type=ext4"))?;
    it.deed(edit("nofail", "nofail,noatime"))?;
    it.reboot()?;
    it.option(pool, "noatime")?;
    it.deed(edit("Where=/srv/tank", "Where=/srv/other"))
}

/// Something else is mounted where it should be.
pub(super) fn a_unit_of_another_filesystem(it: &mut PoolJournal<'_>) -> Result<()> {
    let pool = "tank";
    let edit = |from, to| Deed::EditUnit { pool, from, to };
    it.create(Ext4, "LABA", &[])?;
    it.deed(edit("Type=ext4", "Type=xfs"))?;
    it.mount(pool)?;
    it.check(pool, false)?;
    it.delete(pool)?;
    it.deed(edit("Type=xfs", "Type=ext4"))?;
    it.unmount(pool)
}
