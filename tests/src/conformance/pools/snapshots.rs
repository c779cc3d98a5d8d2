//! Scenarios of snapshots, clones and rollback, which btrfs has.

use anyhow::Result;
use moxnas_pool::{model::Filesystem::Btrfs, prune::Keep};

use super::{Deed, PoolJournal};

/// A pool with a dataset of 60 MiB at most, a file in it, and a snapshot that has another one.
fn prepared(it: &mut PoolJournal<'_>) -> Result<()> {
    it.create(Btrfs, "LABA", &[])?;
    it.dataset("photos", Some(60))?;
    it.write("photos", "a", 10)?;
    it.snapshot("photos", "monday")?;
    it.write("photos", "a", 5)
}

/// What was overwritten is held by the snapshot alone, and given back with it.
pub(super) fn a_snapshot_holds_what_was_changed(it: &mut PoolJournal<'_>) -> Result<()> {
    prepared(it)?;
    it.write("photos", "b", 20)?;
    it.snapshot("photos", "tuesday")?;
    it.snapshot("photos", "tuesday")?;
    it.remove("photos", "b")?;
    it.write(".snapshots/photos/monday", "a", 1)?;
    it.remove(".snapshots/photos/monday", "a")?;
    it.delete_dataset("photos")?;
    it.delete_snapshot("photos", "monday")?;
    it.delete_snapshot("photos", "monday")?;
    it.delete_snapshot("photos", "tuesday")?;
    it.delete_dataset("photos")
}

/// Snapshots count for the pool, and not for what a dataset may refer to.
pub(super) fn snapshots_do_not_count_for_a_quota(it: &mut PoolJournal<'_>) -> Result<()> {
    prepared(it)?;
    it.write("photos", "a", 40)?;
    it.snapshot("photos", "tuesday")?;
    it.remove("photos", "a")?;
    it.write("photos", "a", 40)?;
    it.write("photos", "b", 30)
}

pub(super) fn a_snapshot_is_cloned(it: &mut PoolJournal<'_>) -> Result<()> {
    prepared(it)?;
    it.clone_snapshot("photos", "monday", "photos", None)?;
    it.clone_snapshot("photos", "monday", "copy", None)?;
    it.write("copy", "b", 55)?;
    it.clone_snapshot("photos", "monday", "small", Some(20))?;
    it.write("small", "b", 15)?;
    it.write("copy", "a", 3)?;
    it.delete_snapshot("photos", "monday")?;
    it.delete_dataset("copy")
}

pub(super) fn a_dataset_is_rolled_back(it: &mut PoolJournal<'_>) -> Result<()> {
    prepared(it)?;
    it.write("photos", "b", 3)?;
    it.rollback("photos", "sunday")?;
    it.rollback("photos", "monday")?;
    it.write("photos", "c", 2)?;
    it.rollback("photos", "before-monday")?;
    it.rollback("photos", "monday")?;
    it.rollback("photos", "monday")
}

/// Stopped after each of its steps, and gone on with.
pub(super) fn a_rollback_is_cut_off_before_the_exchange(it: &mut PoolJournal<'_>) -> Result<()> {
    prepared(it)?;
    for steps in 1..=2 {
        it.rollback_until("photos", "monday", steps)?;
        it.rollback("photos", "monday")?;
        it.write("photos", "a", 4)?;
    }
    Ok(())
}

pub(super) fn a_rollback_is_cut_off_after_the_exchange(it: &mut PoolJournal<'_>) -> Result<()> {
    prepared(it)?;
    for steps in 3..=5 {
        it.rollback_until("photos", "monday", steps)?;
        it.rollback("photos", "monday")?;
        it.write("photos", "a", 4)?;
    }
    Ok(())
}

/// Nothing else is done to the dataset meanwhile, and another snapshot can be gone on with.
pub(super) fn a_rollback_is_gone_on_with_by_another(it: &mut PoolJournal<'_>) -> Result<()> {
    prepared(it)?;
    it.snapshot("photos", "tuesday")?;
    it.write("photos", "b", 2)?;
    it.rollback_until("photos", "monday", 3)?;
    it.delete_dataset("photos")?;
    it.rename("photos", "people")?;
    it.snapshot("photos", "wednesday")?;
    it.quota("photos", Some(70))?;
    it.rollback("photos", "tuesday")
}

pub(super) fn power_is_cut_while_a_dataset_is_rolled_back(it: &mut PoolJournal<'_>) -> Result<()> {
    prepared(it)?;
    it.rollback_until("photos", "monday", 3)?;
    it.power_cut()?;
    it.rollback("photos", "monday")?;
    it.write("photos", "b", 55)?;
    it.write("photos", "b", 10)
}

/// The quota is that of now, and not that of the snapshot.
pub(super) fn a_quota_survives_a_rollback_and_a_start(it: &mut PoolJournal<'_>) -> Result<()> {
    prepared(it)?;
    it.quota("photos", Some(30))?;
    it.rollback("photos", "monday")?;
    it.write("photos", "b", 25)?;
    it.reboot()?;
    it.write("photos", "b", 25)?;
    it.write("photos", "b", 15)
}

/// They go with the dataset.
pub(super) fn a_dataset_with_snapshots_is_renamed(it: &mut PoolJournal<'_>) -> Result<()> {
    prepared(it)?;
    it.rename("photos", "people")?;
    it.dataset("photos", None)?;
    it.rollback("people", "monday")?;
    it.delete_snapshot("people", "monday")?;
    it.delete_snapshot("people", "before-monday")?;
    it.rename("people", "films")?;
    it.rename("photos", "people")
}

/// Of each it is said why it stays or goes.
pub(super) fn snapshots_are_pruned(it: &mut PoolJournal<'_>) -> Result<()> {
    prepared(it)?;
    for name in ["tuesday", "wednesday", "thursday", "friday"] {
        it.deed(Deed::Days { days: 1 })?;
        it.snapshot("photos", name)?;
    }
    it.prune("photos", &Keep::default())?;
    let keep = Keep {
        last: Some(1),
        daily: Some(2),
        ..Keep::default()
    };
    it.prune("photos", &keep)?;
    it.prune("photos", &keep)?;
    it.prune("films", &keep)
}
