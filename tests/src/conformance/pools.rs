//! Scenarios of pools that every backend must live through alike: the simulation in `cargo test`,
//! real filesystems under a real systemd in the lab.
//!
//! What each file holds is told by the number of the write that made it, so two machines agree when
//! the same data is at the same places. Sizes are told in whole MiB: scenarios write whole MiB, and
//! what a filesystem adds of its own for so few files is far below half of one. How full a pool is
//! is told only as far as it is full, as each filesystem keeps another share for itself.

pub mod deed;
mod disks;
mod folders;
mod journal;
mod lab_world;
mod lives;
mod several;
mod sim_world;
mod snapshots;
mod subvolumes;
mod thin;
pub mod told;
mod words;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use moxnas_core::disk::BlockDevices;
use moxnas_pool::{
    check::Outcome,
    dataset::Contents,
    model::{Pool, Pools},
    plan::Step,
};

pub use self::{
    deed::Deed, journal::PoolJournal, lab_world::LabPoolWorld, sim_world::SimPoolWorld,
};
use self::{disks::*, folders::*, lives::*, several::*, snapshots::*, subvolumes::*, thin::*};
use crate::lab::MIB;

/// A machine with pools, and hands that can reach it.
pub trait PoolWorld {
    /// What there is, at a moment when nothing is on its way.
    fn look(&mut self) -> Result<(BlockDevices, Pools)>;
    /// What is in a pool that is mounted, after all that was written or deleted is counted.
    fn contents(&mut self, pool: &Pool) -> Result<Contents>;
    /// Does one step of a plan; or the machine refuses, in the words of [`told`].
    fn apply(&mut self, step: &Step) -> Result<Told<()>>;
    /// Goes over a filesystem.
    fn check(&mut self, step: &Step) -> Result<Told<Outcome>>;
    /// Does something that no plan does; or the machine refuses, in the words of its kernel.
    fn deed(&mut self, deed: &Deed) -> Result<Told<()>>;
    /// The files of each of these folders of a pool, with the number of the write that made it, counted
    /// from 1; 0: nobody knows it.
    fn files(&mut self, pool: &str, places: &[String]) -> Result<Vec<BTreeMap<String, usize>>>;
    /// Whether a pool is mounted with this option of mount(8).
    fn has_option(&mut self, pool: &str, option: &str) -> Result<bool>;
}

/// What the machine did, or why not.
pub type Told<T> = Result<T, String>;

/// Disks of every scenario: serial, size. Three that are large enough for every filesystem, of which the
/// last is told of only where something is on it, and one that is not.
pub const DISKS: [(&str, u64); 4] = [
    ("LABA", 400 * MIB),
    ("LABB", 400 * MIB),
    ("LABC", 64 * MIB),
    ("LABD", 400 * MIB),
];

/// When every scenario begins, in seconds since the Unix epoch: a Monday at noon, UTC.
pub const BEGIN: u64 = 1_773_662_400;

/// A scenario of pools by name.
#[derive(Clone, Copy, Debug)]
pub struct PoolScenario {
    pub name: &'static str,
    pub run: fn(&mut PoolJournal<'_>) -> Result<()>,
}

impl PoolScenario {
    /// Runs it. Returns what was seen.
    pub fn journal(&self, world: &mut dyn PoolWorld) -> Result<String> {
        let mut journal = PoolJournal::new(world);
        let ended = (self.run)(&mut journal);
        let text = journal.text();
        ended.with_context(|| format!("scenario {}, which came to:\n{text}", self.name))?;
        Ok(text)
    }
}

/// Calls a macro with the names of all scenarios of pools.
#[macro_export]
macro_rules! for_each_pool_scenario {
    ($callback:ident) => {
        $callback! {
            a_pool_of_ext4_lives_and_dies
            a_pool_of_xfs_lives_and_dies
            a_pool_of_btrfs_lives_and_dies
            power_is_cut_on_ext4
            power_is_cut_on_xfs
            power_is_cut_on_btrfs
            a_pool_that_is_unmounted_stays_so
            files_are_not_hidden
            what_is_on_a_disk_is_erased_first
            what_is_too_small_is_refused
            names_and_devices_that_are_taken
            a_name_that_is_too_long_for_a_label
            options_are_kept_over_a_start
            a_foreign_ext4_is_taken_in
            a_foreign_xfs_is_taken_in
            a_foreign_btrfs_is_taken_in
            an_ext4_is_exported_and_comes_back
            an_xfs_is_exported_and_comes_back
            a_btrfs_is_exported_and_comes_back
            a_process_keeps_a_pool_mounted
            a_creation_that_was_cut_off
            a_deletion_that_was_cut_off
            a_unit_that_somebody_edited
            a_unit_of_another_filesystem
            datasets_of_ext4_are_limited
            datasets_of_xfs_are_limited
            datasets_of_btrfs_are_limited
            a_dataset_of_ext4_is_full
            a_dataset_of_xfs_is_full
            a_dataset_of_btrfs_is_full
            datasets_of_ext4_are_renamed_and_deleted
            datasets_of_xfs_are_renamed_and_deleted
            datasets_of_btrfs_are_renamed_and_deleted
            a_file_is_in_the_way_on_ext4
            a_file_is_in_the_way_on_xfs
            a_file_is_in_the_way_on_btrfs
            ext4_has_no_snapshots
            xfs_has_no_snapshots
            a_snapshot_holds_what_was_changed
            snapshots_do_not_count_for_a_quota
            a_snapshot_is_cloned
            a_dataset_is_rolled_back
            a_rollback_is_cut_off_before_the_exchange
            a_rollback_is_cut_off_after_the_exchange
            a_rollback_is_gone_on_with_by_another
            power_is_cut_while_a_dataset_is_rolled_back
            a_quota_survives_a_rollback_and_a_start
            a_dataset_with_snapshots_is_renamed
            snapshots_are_pruned
            a_subvolume_within_a_dataset
            a_subvolume_at_the_top
            what_was_there_is_counted_later
            an_ext4_is_missing_at_a_start
            an_xfs_is_missing_at_a_start
            a_btrfs_is_missing_at_a_start
            the_disk_of_an_ext4_is_pulled
            the_disk_of_an_xfs_is_pulled
            the_disk_of_a_btrfs_is_pulled
            a_pool_whose_disk_is_out_is_forgotten
            the_disk_of_an_ext4_is_copied
            the_disk_of_an_xfs_is_copied
            the_disk_of_a_btrfs_is_copied
            an_ext4_grows_with_its_disk
            an_xfs_grows_with_its_disk
            a_btrfs_grows_with_its_disk
            an_ext4_is_filled
            an_xfs_is_filled
            a_btrfs_is_filled
            an_ext4_is_gone_over
            an_xfs_is_gone_over
            a_btrfs_is_gone_over
            an_ext4_comes_upon_an_error
            a_mirror_of_btrfs_lives_and_dies
            a_mirror_of_btrfs_is_exported_and_comes_back
            a_mirror_that_lacks_a_disk_is_mounted_by_agreement
            a_missing_disk_of_a_mirror_is_replaced
            a_disk_of_a_mirror_is_replaced
            disks_of_a_mirror_come_and_go
            power_is_cut_after_a_disk_was_removed
            power_is_cut_after_a_disk_was_added
            a_btrfs_on_one_disk_becomes_a_mirror
            a_mirror_grows_with_its_disks
            what_a_mirror_cannot_do_is_refused
            thin_volumes_live_and_die
            power_is_cut_on_thin_volumes
            a_thin_volume_is_full
            a_thin_volume_is_rolled_back
            a_rollback_of_a_thin_volume_is_cut_off
            a_thin_snapshot_is_cloned
            somebody_looks_into_a_thin_snapshot
            a_thin_volume_is_renamed
            thin_volumes_are_exported_and_come_back
            thin_volumes_are_checked
            what_thin_volumes_cannot_do_is_refused
        }
    };
}

macro_rules! list {
    ($($name:ident)*) => {
        pub const SCENARIOS: &[PoolScenario] = &[
            $(PoolScenario { name: stringify!($name), run: $name },)*
        ];
    };
}
for_each_pool_scenario!(list);

/// The scenario of this name.
#[must_use]
pub fn scenario(name: &str) -> Option<&'static PoolScenario> {
    SCENARIOS.iter().find(|it| it.name == name)
}
