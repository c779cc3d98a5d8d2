//! Scenarios of arrays that are not of the usual shape.

use anyhow::Result;
use moxnas_core::units::Bytes;
use moxnas_raid::{Consistency, Layout, Level, Metadata, plan::Scrub};

use super::{Journal, Shutdown};

pub(super) fn raid1_of_three_is_created(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB", "LABC"], &[])?;
    it.settle()?;
    it.fail("LABA")?;
    it.fail("LABB")?;
    it.fail("LABC")?;
    it.delete()
}

pub(super) fn raid4_loses_a_member_and_gets_another(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid4, &["LABA", "LABB", "LABC"], &[])?;
    it.settle()?;
    it.fail("LABC")?;
    it.fail("LABA")?;
    it.remove("LABC")?;
    it.add("LABD")?;
    it.settle()?;
    it.scrub(Scrub::Check)?;
    it.settle()
}

pub(super) fn raid10_with_far_copies(it: &mut Journal<'_>) -> Result<()> {
    let members = ["LABA", "LABB", "LABC"];
    it.create_as(Level::Raid10, &members, |want, _| {
        want.layout = Some(Layout::Far(2));
    })?;
    it.settle()?;
    it.fail("LABB")?;
    it.fail("LABC")?;
    it.remove("LABB")?;
    it.add("LABD")?;
    it.settle()
}

pub(super) fn raid10_with_offset_copies(it: &mut Journal<'_>) -> Result<()> {
    let members = ["LABA", "LABB", "LABC", "LABD"];
    it.create_as(Level::Raid10, &members, |want, _| {
        want.layout = Some(Layout::Offset(2));
    })?;
    it.settle()?;
    it.fail("LABA")?;
    it.fail("LABC")?;
    it.fail("LABB")?;
    it.stop()?;
    it.assemble()?;
    it.add("LABE")?;
    it.settle()
}

pub(super) fn raid10_of_an_odd_number(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid10, &["LABA", "LABB", "LABC"], &["LABD"])?;
    it.settle()?;
    it.fail("LABC")?;
    it.settle()
}

pub(super) fn raid10_with_three_copies(it: &mut Journal<'_>) -> Result<()> {
    let members = ["LABA", "LABB", "LABC", "LABD"];
    it.create_as(Level::Raid10, &members, |want, _| {
        want.layout = Some(Layout::Near(3));
        want.chunk = Some(Bytes(64 << 10));
    })?;
    it.settle()?;
    it.fail("LABA")?;
    it.fail("LABB")?;
    it.fail("LABC")
}

pub(super) fn raid5_with_another_parity_layout(it: &mut Journal<'_>) -> Result<()> {
    let members = ["LABA", "LABB", "LABC", "LABD"];
    it.create_as(Level::Raid5, &members, |want, _| {
        want.layout = Some(Layout::RightAsymmetric);
    })?;
    it.settle()?;
    it.fail("LABD")?;
    it.stop()?;
    it.assemble()
}

pub(super) fn raid6_with_its_parity_first(it: &mut Journal<'_>) -> Result<()> {
    let members = ["LABA", "LABB", "LABC", "LABD"];
    it.create_as(Level::Raid6, &members, |want, _| {
        want.layout = Some(Layout::ParityFirst);
    })?;
    it.settle()?;
    it.fail("LABA")?;
    it.fail("LABB")
}

pub(super) fn metadata_at_the_end_of_members(it: &mut Journal<'_>) -> Result<()> {
    it.create_as(Level::Raid1, &["LABA", "LABB"], |want, _| {
        want.metadata = Metadata::V1_0;
    })?;
    it.settle()?;
    it.stop()?;
    it.assemble()?;
    it.restart(Shutdown::Clean, &[])?;
    it.add("LABF")?;
    it.fail("LABA")?;
    it.settle()?;
    it.delete()
}

pub(super) fn metadata_at_the_start_of_members(it: &mut Journal<'_>) -> Result<()> {
    it.create_as(Level::Raid5, &["LABA", "LABB", "LABC"], |want, _| {
        want.metadata = Metadata::V1_1;
    })?;
    it.settle()?;
    it.restart(Shutdown::Clean, &[])?;
    it.delete()
}

pub(super) fn power_is_cut_without_a_bitmap(it: &mut Journal<'_>) -> Result<()> {
    it.create_as(Level::Raid1, &["LABA", "LABB"], |want, _| {
        want.consistency = Some(Consistency::Resync);
    })?;
    it.settle()?;
    it.restart(Shutdown::PowerCut, &[])?;
    it.mount("tank")?;
    it.settle()
}

pub(super) fn raid5_with_a_partial_parity_log(it: &mut Journal<'_>) -> Result<()> {
    it.create_as(Level::Raid5, &["LABA", "LABB", "LABC"], |want, _| {
        want.consistency = Some(Consistency::Ppl);
    })?;
    it.settle()?;
    it.fail("LABB")?;
    it.remove("LABB")?;
    it.add("LABD")?;
    it.settle()?;
    it.restart(Shutdown::Clean, &["LABB"])
}

pub(super) fn raid6_with_a_journal(it: &mut Journal<'_>) -> Result<()> {
    let members = ["LABA", "LABB", "LABC", "LABD"];
    it.create_as(Level::Raid6, &members, |want, named| {
        want.journal = Some(named("LABE"));
    })?;
    it.settle()?;
    it.remove("LABE")?;
    it.fail("LABA")?;
    it.stop()?;
    it.assemble()?;
    it.delete()
}

pub(super) fn a_journal_is_lost(it: &mut Journal<'_>) -> Result<()> {
    it.create_as(Level::Raid5, &["LABA", "LABB", "LABC"], |want, named| {
        want.journal = Some(named("LABD"));
    })?;
    it.settle()?;
    it.mount("tank")?;
    it.pull("LABD")
}

pub(super) fn a_mirror_that_is_read_from_one_member(it: &mut Journal<'_>) -> Result<()> {
    it.create_as(Level::Raid1, &["LABA", "LABB", "LABC"], |want, named| {
        want.write_mostly = [named("LABA"), named("LABC")].into();
    })?;
    it.settle()?;
    it.restart(Shutdown::Clean, &[])?;
    it.fail("LABB")?;
    it.fail("LABC")
}

pub(super) fn nothing_is_made_to_agree_that_is_said_to(it: &mut Journal<'_>) -> Result<()> {
    it.create_as(Level::Raid5, &["LABA", "LABB", "LABC"], |want, _| {
        want.assume_clean = Some("the disks are blank".to_owned());
    })?;
    it.scrub(Scrub::Check)?;
    it.settle()
}

pub(super) fn options_that_do_not_fit_are_refused(it: &mut Journal<'_>) -> Result<()> {
    let members = ["LABA", "LABB", "LABC"];
    it.create_as(Level::Raid5, &members, |want, _| {
        want.layout = Some(Layout::Near(2));
    })?;
    it.create_as(Level::Raid10, &members, |want, _| {
        want.layout = Some(Layout::Far(4));
    })?;
    it.create_as(Level::Raid1, &members, |want, _| {
        want.consistency = Some(Consistency::Ppl);
    })?;
    it.create_as(Level::Raid5, &members, |want, _| {
        want.consistency = Some(Consistency::Journal);
    })?;
    it.create_as(Level::Raid1, &members, |want, named| {
        want.journal = Some(named("LABD"));
    })?;
    it.create_as(Level::Raid5, &members, |want, named| {
        want.write_mostly = [named("LABA")].into();
    })?;
    it.create_as(Level::Raid1, &members, |want, named| {
        want.write_mostly = [named("LABD")].into();
    })?;
    it.create_as(Level::Raid0, &members, |want, _| {
        want.assume_clean = Some("nothing is on them".to_owned());
    })?;
    it.create_as(Level::Raid5, &members, |want, named| {
        want.journal = Some(named("LABA"));
    })
}
