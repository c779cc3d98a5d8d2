//! Scenarios of datasets of every filesystem: quotas and names.

use anyhow::Result;
use moxnas_pool::model::Filesystem::{self, Btrfs, Ext4, Xfs};

use super::{Deed, PoolJournal};

/// Reached, raised, lowered under what is used, and taken away.
fn limited(it: &mut PoolJournal<'_>, filesystem: Filesystem) -> Result<()> {
    it.create(filesystem, "LABA", &[])?;
    it.dataset("photos", Some(40))?;
    it.write("photos", "a", 20)?;
    it.write("photos", "b", 30)?;
    it.quota("photos", Some(80))?;
    it.quota("photos", Some(80))?;
    it.write("photos", "b", 30)?;
    it.quota("photos", Some(30))?;
    it.write("photos", "c", 5)?;
    it.remove("photos", "b")?;
    it.write("photos", "c", 5)?;
    it.quota("photos", None)?;
    it.write("photos", "b", 60)?;
    it.dataset("films", None)?;
    it.quota("films", Some(10))?;
    it.write("films", "a", 15)
}

pub(super) fn datasets_of_ext4_are_limited(it: &mut PoolJournal<'_>) -> Result<()> {
    limited(it, Ext4)
}

pub(super) fn datasets_of_xfs_are_limited(it: &mut PoolJournal<'_>) -> Result<()> {
    limited(it, Xfs)
}

pub(super) fn datasets_of_btrfs_are_limited(it: &mut PoolJournal<'_>) -> Result<()> {
    limited(it, Btrfs)
}

/// What is full to its quota leaves the others their space.
fn full(it: &mut PoolJournal<'_>, filesystem: Filesystem) -> Result<()> {
    let (pool, place) = ("tank", "photos");
    it.create(filesystem, "LABA", &[])?;
    it.dataset("photos", Some(20))?;
    it.dataset("films", None)?;
    it.deed(Deed::Fill { pool, place })?;
    it.write("photos", "a", 5)?;
    it.write("films", "a", 5)?;
    it.remove("photos", "fill")?;
    it.write("photos", "a", 5)
}

pub(super) fn a_dataset_of_ext4_is_full(it: &mut PoolJournal<'_>) -> Result<()> {
    full(it, Ext4)
}

pub(super) fn a_dataset_of_xfs_is_full(it: &mut PoolJournal<'_>) -> Result<()> {
    full(it, Xfs)
}

pub(super) fn a_dataset_of_btrfs_is_full(it: &mut PoolJournal<'_>) -> Result<()> {
    full(it, Btrfs)
}

/// The number of a project is used anew when nothing belongs to it any more.
fn renamed(it: &mut PoolJournal<'_>, filesystem: Filesystem) -> Result<()> {
    it.create(filesystem, "LABA", &[])?;
    it.dataset("photos", Some(40))?;
    it.dataset("films", Some(50))?;
    it.write("photos", "a", 10)?;
    it.dataset("films", None)?;
    it.rename("photos", "people")?;
    it.rename("people", "people")?;
    it.rename("people", "films")?;
    it.rename("photos", "music")?;
    it.write("people", "b", 35)?;
    it.delete_dataset("films")?;
    it.dataset("music", None)?;
    it.write("music", "a", 5)?;
    it.delete_dataset("people")?;
    it.delete_dataset("people")?;
    it.dataset("photos", Some(20))?;
    it.write("photos", "a", 10)
}

pub(super) fn datasets_of_ext4_are_renamed_and_deleted(it: &mut PoolJournal<'_>) -> Result<()> {
    renamed(it, Ext4)
}

pub(super) fn datasets_of_xfs_are_renamed_and_deleted(it: &mut PoolJournal<'_>) -> Result<()> {
    renamed(it, Xfs)
}

pub(super) fn datasets_of_btrfs_are_renamed_and_deleted(it: &mut PoolJournal<'_>) -> Result<()> {
    renamed(it, Btrfs)
}

/// What is no dataset is listed, and keeps its name.
fn in_the_way(it: &mut PoolJournal<'_>, filesystem: Filesystem) -> Result<()> {
    it.create(filesystem, "LABA", &[])?;
    it.write("", "photos", 5)?;
    it.dataset("photos", None)?;
    it.dataset("films", None)?;
    it.rename("films", "photos")?;
    it.delete_dataset("photos")?;
    it.remove("", "photos")?;
    it.rename("films", "photos")
}

pub(super) fn a_file_is_in_the_way_on_ext4(it: &mut PoolJournal<'_>) -> Result<()> {
    in_the_way(it, Ext4)
}

pub(super) fn a_file_is_in_the_way_on_xfs(it: &mut PoolJournal<'_>) -> Result<()> {
    in_the_way(it, Xfs)
}

pub(super) fn a_file_is_in_the_way_on_btrfs(it: &mut PoolJournal<'_>) -> Result<()> {
    in_the_way(it, Btrfs)
}

/// They have none, and none are faked.
fn without_snapshots(it: &mut PoolJournal<'_>, filesystem: Filesystem) -> Result<()> {
    it.create(filesystem, "LABA", &[])?;
    it.dataset("photos", None)?;
    it.snapshot("photos", "monday")?;
    it.rollback("photos", "monday")?;
    it.clone_snapshot("photos", "monday", "copy", None)?;
    it.delete_snapshot("photos", "monday")?;
    it.prune("photos", &moxnas_pool::prune::Keep::default())?;
    it.unmount("tank")?;
    it.dataset("films", None)
}

pub(super) fn ext4_has_no_snapshots(it: &mut PoolJournal<'_>) -> Result<()> {
    without_snapshots(it, Ext4)
}

pub(super) fn xfs_has_no_snapshots(it: &mut PoolJournal<'_>) -> Result<()> {
    without_snapshots(it, Xfs)
}
