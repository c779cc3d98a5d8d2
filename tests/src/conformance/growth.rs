//! Scenarios of arrays that grow, and of members that come back.

use anyhow::Result;
use moxnas_core::units::Bytes;
use moxnas_raid::{Consistency, Grow, Layout, Level};

use super::{Journal, Shutdown};

fn members(slots: u32) -> Grow {
    Grow::Members { slots }
}

fn to(level: Level) -> Grow {
    Grow::Level { level }
}

pub(super) fn a_member_comes_back_with_a_bitmap(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB", "LABC"], &[])?;
    it.settle()?;
    it.re_add("LABB")?;
    it.fail("LABB")?;
    it.remove("LABB")?;
    it.re_add("LABD")?;
    it.re_add("LABB")?;
    it.settle()?;
    it.fail("LABA")?;
    it.re_add("LABA")?;
    it.settle()
}

pub(super) fn a_member_that_missed_writes_comes_back(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &[])?;
    it.settle()?;
    it.mount("tank")?;
    it.fail("LABB")?;
    it.remove("LABB")?;
    it.write("tank")?;
    it.re_add("LABB")?;
    it.settle()
}

pub(super) fn a_member_comes_back_without_a_bitmap(it: &mut Journal<'_>) -> Result<()> {
    it.create_as(Level::Raid1, &["LABA", "LABB"], |want, _| {
        want.consistency = Some(Consistency::Resync);
    })?;
    it.settle()?;
    it.fail("LABB")?;
    it.remove("LABB")?;
    it.re_add("LABB")?;
    it.add("LABB")?;
    it.settle()
}

pub(super) fn a_pulled_member_is_taken_back(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid6, &["LABA", "LABB", "LABC", "LABD"], &[])?;
    it.settle()?;
    it.mount("tank")?;
    it.pull("LABC")?;
    it.write("tank")?;
    it.plug_back("LABC")?;
    it.re_add("LABC")?;
    it.settle()
}

pub(super) fn a_slot_that_was_taken_takes_no_member_back(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &["LABC"])?;
    it.settle()?;
    it.fail("LABA")?;
    it.settle()?;
    it.re_add("LABA")
}

pub(super) fn a_spare_has_to_wait(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &[])?;
    it.settle()?;
    it.add_spare("LABC")?;
    it.remove("LABC")?;
    it.fail("LABB")?;
    it.add_spare("LABC")
}

pub(super) fn a_mirror_grows_and_shrinks(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &[])?;
    it.settle()?;
    it.grow(members(3), &[])?;
    it.grow(members(3), &["LABC"])?;
    it.settle()?;
    it.grow(members(2), &[])?;
    it.fail("LABA")?;
    it.remove("LABA")?;
    it.grow(members(2), &[])?;
    it.restart(Shutdown::Clean, &["LABA"])
}

pub(super) fn raid4_grows_by_a_member(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid4, &["LABA", "LABB", "LABC"], &[])?;
    it.settle()?;
    it.grow(members(4), &["LABD"])?;
    it.settle()
}

pub(super) fn raid5_grows_by_a_member(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB", "LABC"], &[])?;
    it.settle()?;
    it.grow(members(4), &["LABD"])?;
    it.add("LABE")?;
    it.settle()?;
    it.fail("LABD")?;
    it.stop()?;
    it.assemble()
}

pub(super) fn raid5_grows_by_two_members(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB", "LABC"], &["LABD"])?;
    it.settle()?;
    it.grow(members(5), &[])?;
    it.grow(members(5), &["LABE"])?;
    it.settle()
}

pub(super) fn raid6_grows_by_a_member(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid6, &["LABA", "LABB", "LABC", "LABD"], &[])?;
    it.settle()?;
    it.grow(members(5), &["LABE"])?;
    it.settle()
}

pub(super) fn raid10_grows_by_a_member(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid10, &["LABA", "LABB", "LABC", "LABD"], &[])?;
    it.settle()?;
    it.grow(members(5), &["LABE"])?;
    it.settle()
}

pub(super) fn raid5_becomes_raid6(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB", "LABC"], &[])?;
    it.settle()?;
    it.grow(to(Level::Raid6), &[])?;
    it.grow(to(Level::Raid6), &["LABD"])?;
    it.settle()?;
    it.fail("LABA")?;
    it.fail("LABB")
}

pub(super) fn a_mirror_becomes_raid5(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &[])?;
    it.settle()?;
    it.grow(to(Level::Raid5), &[])?;
    it.stop()?;
    it.assemble()
}

pub(super) fn raid0_becomes_raid5(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid0, &["LABA", "LABB"], &[])?;
    it.grow(to(Level::Raid5), &["LABC"])?;
    it.settle()
}

pub(super) fn raid0_becomes_raid10(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid0, &["LABA", "LABB"], &[])?;
    it.grow(to(Level::Raid10), &["LABC", "LABD"])?;
    it.settle()
}

pub(super) fn raid5_gets_other_chunks(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB", "LABC"], &[])?;
    it.settle()?;
    it.grow(
        Grow::Chunk {
            chunk: Bytes(64 << 10),
        },
        &[],
    )?;
    it.settle()
}

pub(super) fn raid6_gets_another_layout(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid6, &["LABA", "LABB", "LABC", "LABD"], &[])?;
    it.settle()?;
    it.grow(
        Grow::Layout {
            layout: Layout::RightAsymmetric,
        },
        &[],
    )?;
    it.settle()
}

pub(super) fn a_mirror_gets_larger_members(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &[])?;
    it.settle()?;
    it.grow(Grow::Size, &[])?;
    it.replace("LABA", Some("LABF"))?;
    it.settle()?;
    it.remove("LABA")?;
    it.replace("LABB", Some("LABG"))?;
    it.settle()?;
    it.remove("LABB")?;
    it.grow(Grow::Size, &[])?;
    it.settle()
}

pub(super) fn a_reshape_goes_on_after_a_reboot(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB", "LABC"], &[])?;
    it.settle()?;
    it.grow(members(4), &["LABD"])?;
    it.restart(Shutdown::Clean, &[])?;
    it.mount("tank")?;
    it.settle()
}

pub(super) fn a_reshape_goes_on_after_a_power_cut(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB", "LABC"], &[])?;
    it.settle()?;
    it.grow(members(4), &["LABD"])?;
    it.restart(Shutdown::PowerCut, &[])?;
    it.mount("tank")?;
    it.settle()
}

pub(super) fn a_disk_leaves_while_it_is_reshaped(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB", "LABC"], &[])?;
    it.settle()?;
    it.mount("tank")?;
    it.grow(members(4), &["LABD"])?;
    it.pull("LABB")?;
    it.settle()
}

pub(super) fn growth_that_cannot_be_is_refused(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB", "LABC"], &["LABD"])?;
    it.grow(members(4), &[])?;
    it.settle()?;
    it.grow(members(2), &[])?;
    it.grow(members(3), &[])?;
    it.grow(members(4), &["LABE"])?;
    it.grow(members(4), &["LABE", "LABF"])?;
    it.grow(to(Level::Raid0), &[])?;
    it.grow(to(Level::Raid10), &[])?;
    it.grow(Grow::Size, &[])?;
    it.grow(
        Grow::Chunk {
            chunk: Bytes(100_000),
        },
        &[],
    )?;
    it.fail("LABA")?;
    it.settle()?;
    it.fail("LABB")?;
    it.grow(members(4), &["LABE"])
}
