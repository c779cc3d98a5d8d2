//! Scenarios of arrays.

use anyhow::Result;
use moxnas_raid::{Level, plan::Scrub};

use super::{Journal, Scenario, Shutdown, growth::*, running::*, shapes::*};

/// Calls a macro with the names of all scenarios: those of the short run on a second kernel first.
#[macro_export]
macro_rules! for_each_scenario {
    ($callback:ident) => {
        $callback! {
            smoke {
                raid5_loses_a_member_and_gets_another
                raid6_lives_and_is_deleted
                boot_with_a_missing_member
            }
            more {
                raid0_is_created
                raid1_is_created_and_scrubbed
                raid10_is_created
                raid6_fills_two_slots
                a_spare_takes_over
                a_member_is_replaced_with_redundancy_kept
                a_replacement_takes_a_spare
                stop_and_assemble
                a_pulled_disk_comes_back
                a_pulled_spare
                two_disks_leave_an_idle_raid5
                two_disks_leave_a_mounted_raid5
                a_disk_leaves_a_raid0
                a_clean_reboot
                a_clean_reboot_while_recovering
                power_is_cut_while_resyncing
                power_is_cut_while_recovering
                a_faulty_member_after_a_reboot
                a_faulty_member_after_a_power_cut
                a_removed_member_after_a_reboot
                a_replaced_member_after_a_reboot
                a_disk_leaves_an_idle_array_with_a_spare
                a_disk_leaves_a_mounted_array_with_a_spare
                devices_in_use_are_refused
                a_scrub_that_was_ended_goes_on
                a_failure_ends_a_check
                a_spare_is_filled_in_the_middle_of_a_check
                what_would_lose_data_is_refused
                a_check_of_an_array_that_has_to_be_filled
                shapes_that_cannot_be_are_refused
                raid1_of_three_is_created
                raid4_loses_a_member_and_gets_another
                raid10_with_far_copies
                raid10_with_offset_copies
                raid10_of_an_odd_number
                raid10_with_three_copies
                raid5_with_another_parity_layout
                raid6_with_its_parity_first
                metadata_at_the_end_of_members
                metadata_at_the_start_of_members
                power_is_cut_without_a_bitmap
                raid5_with_a_partial_parity_log
                raid6_with_a_journal
                a_journal_is_lost
                a_mirror_that_is_read_from_one_member
                nothing_is_made_to_agree_that_is_said_to
                options_that_do_not_fit_are_refused
                a_member_comes_back_with_a_bitmap
                a_member_that_missed_writes_comes_back
                a_member_comes_back_without_a_bitmap
                a_pulled_member_is_taken_back
                a_slot_that_was_taken_takes_no_member_back
                a_spare_has_to_wait
                a_mirror_grows_and_shrinks
                raid4_grows_by_a_member
                raid5_grows_by_a_member
                raid5_grows_by_two_members
                raid6_grows_by_a_member
                raid10_grows_by_a_member
                raid5_becomes_raid6
                a_mirror_becomes_raid5
                raid0_becomes_raid5
                raid0_becomes_raid10
                raid5_gets_other_chunks
                raid6_gets_another_layout
                a_mirror_gets_larger_members
                a_reshape_goes_on_after_a_reboot
                a_reshape_goes_on_after_a_power_cut
                a_disk_leaves_while_it_is_reshaped
                growth_that_cannot_be_is_refused
                an_array_is_read_only_for_a_while
                a_read_only_array_is_stopped_and_comes_back
                a_recovery_is_paused
                a_pause_holds_a_spare_up
                a_paused_recovery_waits_for_a_read_only_array
                a_resync_is_paused_and_ends_with_a_reboot
                a_bitmap_is_taken_off_and_put_back
                a_partial_parity_log_becomes_a_bitmap
                an_array_has_limits_of_its_own
                a_spare_goes_to_another_array_of_its_group
                two_arrays_on_the_same_disks_wait
                a_member_is_replaced_under_load
                both_disks_leave_a_mounted_mirror
                a_pair_leaves_a_mounted_raid10
                three_disks_leave_a_mounted_raid6
                a_replacement_goes_on_after_a_reboot
                a_replacement_that_is_found_first_goes_on
            }
        }
    };
}

macro_rules! list {
    (smoke { $($smoke:ident)* } more { $($more:ident)* }) => {
        pub const SCENARIOS: &[Scenario] = &[
            $(Scenario { name: stringify!($smoke), run: $smoke },)*
            $(Scenario { name: stringify!($more), run: $more },)*
        ];
    };
}
for_each_scenario!(list);

/// The scenario of this name.
#[must_use]
pub fn scenario(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|it| it.name == name)
}

pub fn raid0_is_created(it: &mut Journal<'_>) -> Result<()> {
    // Not of one size: stripes go on over the bigger one.
    it.create(Level::Raid0, &["LABA", "LABF"], &[])?;
    it.settle()?;
    it.delete()
}

pub fn raid1_is_created_and_scrubbed(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &[])?;
    it.scrub(Scrub::Check)?;
    it.settle()?;
    it.scrub(Scrub::Check)?;
    it.scrub(Scrub::Repair)?;
    it.scrub(Scrub::Idle)?;
    it.scrub(Scrub::Idle)?;
    it.scrub(Scrub::Repair)?;
    it.settle()
}

pub fn raid10_is_created(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid10, &["LABA", "LABB", "LABC", "LABD"], &[])?;
    it.settle()?;
    it.fail("LABB")?;
    it.fail("LABA")?;
    it.fail("LABC")
}

pub fn raid5_loses_a_member_and_gets_another(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB", "LABC"], &[])?;
    it.settle()?;
    it.fail("LABB")?;
    it.remove("LABB")?;
    it.add("LABD")?;
    it.settle()
}

pub fn raid6_lives_and_is_deleted(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid6, &["LABA", "LABB", "LABC", "LABD"], &[])?;
    it.settle()?;
    it.scrub(Scrub::Check)?;
    it.settle()?;
    it.stop()?;
    it.assemble()?;
    it.delete()
}

pub fn raid6_fills_two_slots(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid6, &["LABA", "LABB", "LABC", "LABD"], &[])?;
    it.settle()?;
    it.fail("LABA")?;
    it.fail("LABC")?;
    it.fail("LABD")?;
    it.add("LABE")?;
    it.add("LABF")?;
    it.settle()?;
    it.settle()?;
    it.remove("LABA")
}

pub fn a_spare_takes_over(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB", "LABC"], &["LABD"])?;
    it.settle()?;
    it.fail("LABA")?;
    it.settle()?;
    it.remove("LABA")
}

pub fn a_member_is_replaced_with_redundancy_kept(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB", "LABC"], &[])?;
    it.settle()?;
    it.replace("LABB", Some("LABD"))?;
    it.replace("LABC", Some("LABE"))?;
    it.settle()?;
    it.remove("LABB")
}

pub fn a_replacement_takes_a_spare(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &["LABC"])?;
    it.settle()?;
    it.replace("LABA", None)?;
    it.fail("LABB")?;
    it.settle()
}

pub fn stop_and_assemble(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &[])?;
    it.stop()?;
    it.assemble()?;
    it.settle()?;
    it.mount("tank")?;
    it.settle()?;
    it.stop()
}

pub fn a_pulled_disk_comes_back(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &[])?;
    it.settle()?;
    it.pull("LABB")?;
    it.plug_back("LABB")?;
    it.remove_gone("LABB")?;
    it.add("LABB")?;
    it.settle()
}

pub fn a_pulled_spare(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &["LABC"])?;
    it.settle()?;
    it.pull("LABC")?;
    it.pull("LABA")?;
    it.plug_back("LABC")?;
    it.settle()
}

pub fn two_disks_leave_an_idle_raid5(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB", "LABC"], &[])?;
    it.settle()?;
    it.pull("LABA")?;
    it.pull("LABB")
}

pub fn two_disks_leave_a_mounted_raid5(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB", "LABC"], &[])?;
    it.settle()?;
    it.mount("tank")?;
    it.pull("LABA")?;
    it.pull("LABB")
}

pub fn a_disk_leaves_a_raid0(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid0, &["LABA", "LABB"], &[])?;
    it.mount("tank")?;
    it.pull("LABA")
}

/// Without a spare: one that is found after the others makes md write to the array.
pub fn a_clean_reboot(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB", "LABC"], &[])?;
    it.settle()?;
    it.restart(Shutdown::Clean, &[])?;
    it.fail("LABA")?;
    it.add("LABD")?;
    it.settle()
}

pub fn a_clean_reboot_while_recovering(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB", "LABC"], &[])?;
    it.restart(Shutdown::Clean, &[])?;
    it.mount("tank")?;
    it.settle()
}

pub fn boot_with_a_missing_member(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &[])?;
    it.settle()?;
    it.restart(Shutdown::Clean, &["LABB"])?;
    it.last_resort()?;
    it.plug_back("LABB")?;
    it.settle()
}

pub fn power_is_cut_while_resyncing(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &[])?;
    it.restart(Shutdown::PowerCut, &[])?;
    it.mount("tank")?;
    it.settle()
}

/// The old member is out: what becomes of it depends on which disk is found first.
pub fn power_is_cut_while_recovering(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid6, &["LABA", "LABB", "LABC", "LABD"], &[])?;
    it.settle()?;
    it.fail("LABD")?;
    it.remove("LABD")?;
    it.add("LABE")?;
    it.restart(Shutdown::PowerCut, &["LABD"])?;
    it.mount("tank")?;
    it.settle()
}

/// An old member that is found together with the others may be taken as a spare or be left out,
/// whichever disk udev sees first; so it comes when the array runs, in this and the next ones.
pub fn a_faulty_member_after_a_reboot(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &[])?;
    it.settle()?;
    it.fail("LABB")?;
    it.restart(Shutdown::Clean, &["LABB"])?;
    it.plug_back("LABB")
}

pub fn a_faulty_member_after_a_power_cut(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &[])?;
    it.settle()?;
    it.mount("tank")?;
    it.fail("LABB")?;
    it.restart(Shutdown::PowerCut, &["LABB"])?;
    it.plug_back("LABB")
}

pub fn a_removed_member_after_a_reboot(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &[])?;
    it.settle()?;
    it.fail("LABB")?;
    it.remove("LABB")?;
    it.restart(Shutdown::Clean, &["LABB"])?;
    it.plug_back("LABB")
}

pub fn a_replaced_member_after_a_reboot(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB", "LABC"], &[])?;
    it.settle()?;
    it.replace("LABB", Some("LABD"))?;
    it.settle()?;
    it.remove("LABB")?;
    it.restart(Shutdown::Clean, &["LABB"])?;
    it.plug_back("LABB")
}

pub fn a_replacement_goes_on_after_a_reboot(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB", "LABC"], &[])?;
    it.settle()?;
    it.replace("LABB", Some("LABD"))?;
    it.restart(Shutdown::Clean, &[])?;
    it.mount("tank")?;
    it.settle()
}

/// Before the member whose slot it is to take.
pub fn a_replacement_that_is_found_first_goes_on(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABB", "LABC"], &[])?;
    it.settle()?;
    it.replace("LABB", Some("LABA"))?;
    it.restart(Shutdown::Clean, &[])?;
    it.mount("tank")?;
    it.settle()
}

pub fn a_disk_leaves_an_idle_array_with_a_spare(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &["LABC"])?;
    it.settle()?;
    it.pull("LABA")?;
    it.settle()?;
    it.mount("tank")?;
    it.settle()
}

pub fn a_disk_leaves_a_mounted_array_with_a_spare(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB", "LABC"], &["LABD"])?;
    it.settle()?;
    it.mount("tank")?;
    it.pull("LABA")?;
    it.settle()?;
    it.plug_back("LABA")
}

pub fn devices_in_use_are_refused(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &[])?;
    it.mount("LABC")?;
    it.swap_on("LABD")?;
    it.make_filesystem("LABE")?;
    it.add("LABC")?;
    it.add("LABD")?;
    it.add("LABA")?;
    it.add("LABE")?;
    it.mount("tank")?;
    it.stop()?;
    it.delete()
}

/// md remembers how far a check or a repair came, whichever of them goes on, until one comes to its
/// end or the array is stopped.
pub fn a_scrub_that_was_ended_goes_on(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &[])?;
    it.settle()?;
    it.scrub_mark()?;
    it.scrub(Scrub::Check)?;
    it.scrub_an_eighth()?;
    it.scrub(Scrub::Idle)?;
    it.scrub_mark()?;
    it.scrub(Scrub::Repair)?;
    it.scrub_mark()?;
    it.scrub(Scrub::Idle)?;
    it.scrub_mark()?;
    it.scrub(Scrub::Check)?;
    it.scrub_mark()?;
    it.settle()?;
    it.scrub_mark()?;
    it.scrub(Scrub::Check)?;
    it.settle()?;
    it.scrub_mark()?;
    it.scrub(Scrub::Check)?;
    it.scrub_an_eighth()?;
    it.scrub(Scrub::Idle)?;
    it.scrub_mark()?;
    it.stop()?;
    it.assemble()?;
    it.scrub_mark()
}

pub fn a_failure_ends_a_check(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB", "LABC"], &[])?;
    it.settle()?;
    it.scrub(Scrub::Check)?;
    it.scrub_an_eighth()?;
    it.fail("LABB")?;
    it.scrub_mark()?;
    it.remove("LABB")?;
    it.add("LABD")?;
    it.scrub_mark()?;
    it.settle()?;
    it.scrub_mark()?;
    it.scrub(Scrub::Check)?;
    it.scrub_mark()?;
    it.settle()?;
    it.scrub_mark()
}

/// Of a new spare nothing is to be filled, and the check goes on; of a needed one it has to wait.
pub fn a_spare_is_filled_in_the_middle_of_a_check(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &[])?;
    it.settle()?;
    it.scrub(Scrub::Check)?;
    it.scrub_an_eighth()?;
    it.add("LABC")?;
    it.scrub_mark()?;
    it.fail("LABA")?;
    it.scrub_mark()?;
    it.settle()?;
    it.scrub_mark()?;
    it.scrub(Scrub::Check)?;
    it.settle()?;
    it.scrub_mark()
}

/// It was stopped while a member was being replaced, and waits for the first write since.
pub fn a_check_of_an_array_that_has_to_be_filled(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &[])?;
    it.settle()?;
    it.replace("LABA", Some("LABC"))?;
    it.stop()?;
    it.assemble()?;
    it.scrub(Scrub::Check)?;
    it.settle()
}

pub fn what_would_lose_data_is_refused(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB", "LABC"], &[])?;
    it.fail("LABA")?;
    it.settle()?;
    it.remove("LABA")?;
    it.fail("LABA")?;
    it.fail("LABB")?;
    it.fail("LABA")?;
    it.scrub(Scrub::Check)?;
    it.replace("LABC", Some("LABD"))
}

pub fn shapes_that_cannot_be_are_refused(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB"], &[])?;
    it.create(Level::Raid6, &["LABA", "LABB", "LABC"], &[])?;
    it.create(Level::Raid0, &["LABA", "LABB"], &["LABC"])?;
    it.create(Level::Raid1, &["LABA", "LABA"], &[])?;
    it.create(Level::Linear, &["LABA", "LABB"], &[])?;
    it.create(Level::Raid1, &["LABE", "LABF"], &[])?;
    it.settle()?;
    it.create(Level::Raid1, &["LABC", "LABD"], &[])?;
    it.fail("LABE")?;
    it.remove("LABE")?;
    it.create(Level::Raid1, &["LABC", "LABE"], &[])?;
    it.add("LABD")
}
