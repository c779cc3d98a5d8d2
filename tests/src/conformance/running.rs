//! Scenarios of what is set while an array runs, and of arrays that share something.

use anyhow::Result;
use moxnas_core::units::Bytes;
use moxnas_raid::{
    ArraySettings, Consistency, Level,
    plan::{GroupWish, Scrub, SpeedWish},
};

use super::{Journal, Shutdown};

fn read_only(it: bool) -> ArraySettings {
    ArraySettings {
        read_only: Some(it),
        ..ArraySettings::default()
    }
}

fn paused(it: bool) -> ArraySettings {
    ArraySettings {
        paused: Some(it),
        ..ArraySettings::default()
    }
}

fn heals_by(it: Consistency) -> ArraySettings {
    ArraySettings {
        consistency: Some(it),
        ..ArraySettings::default()
    }
}

fn in_group(group: GroupWish) -> ArraySettings {
    ArraySettings {
        spare_group: Some(group),
        ..ArraySettings::default()
    }
}

pub(super) fn an_array_is_read_only_for_a_while(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB", "LABC"], &["LABD"])?;
    it.set(read_only(true))?;
    it.settle()?;
    it.set(read_only(true))?;
    it.add("LABE")?;
    it.fail("LABA")?;
    it.scrub(Scrub::Check)?;
    it.set(read_only(false))?;
    it.mount("tank")?;
    it.set(read_only(true))?;
    it.fail("LABA")
}

pub(super) fn a_read_only_array_is_stopped_and_comes_back(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &[])?;
    it.settle()?;
    it.set(read_only(true))?;
    it.stop()?;
    it.assemble()?;
    it.set(read_only(false))
}

pub(super) fn a_recovery_is_paused(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid6, &["LABA", "LABB", "LABC", "LABD"], &[])?;
    it.settle()?;
    it.fail("LABB")?;
    it.remove("LABB")?;
    it.add("LABE")?;
    it.set(paused(true))?;
    it.scrub(Scrub::Check)?;
    it.settle()?;
    it.set(paused(false))?;
    it.settle()
}

pub(super) fn a_pause_holds_a_spare_up(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &["LABC"])?;
    it.settle()?;
    it.set(paused(true))?;
    it.fail("LABA")?;
    it.settle()?;
    it.set(paused(false))?;
    it.settle()
}

pub(super) fn a_paused_recovery_waits_for_a_read_only_array(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB", "LABC"], &[])?;
    it.settle()?;
    it.fail("LABB")?;
    it.remove("LABB")?;
    it.add("LABD")?;
    it.set(paused(true))?;
    it.set(ArraySettings {
        read_only: Some(true),
        ..paused(false)
    })?;
    it.settle()?;
    it.set(read_only(false))?;
    it.settle()
}

pub(super) fn a_resync_is_paused_and_ends_with_a_reboot(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &[])?;
    it.set(paused(true))?;
    it.restart(Shutdown::Clean, &[])?;
    it.mount("tank")?;
    it.settle()
}

pub(super) fn a_bitmap_is_taken_off_and_put_back(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB", "LABC"], &[])?;
    it.set(heals_by(Consistency::Resync))?;
    it.settle()?;
    it.set(heals_by(Consistency::Resync))?;
    it.set(heals_by(Consistency::Bitmap))?;
    it.set(heals_by(Consistency::Ppl))?;
    it.set(heals_by(Consistency::Journal))?;
    it.stop()?;
    it.assemble()?;
    it.set(heals_by(Consistency::Resync))
}

pub(super) fn a_partial_parity_log_becomes_a_bitmap(it: &mut Journal<'_>) -> Result<()> {
    it.create_as(Level::Raid5, &["LABA", "LABB", "LABC"], |want, _| {
        want.consistency = Some(Consistency::Ppl);
    })?;
    it.settle()?;
    it.set(heals_by(Consistency::Bitmap))
}

pub(super) fn an_array_has_limits_of_its_own(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &[])?;
    let limits = |min, max| ArraySettings {
        speed_min: min,
        speed_max: max,
        ..ArraySettings::default()
    };
    let own = |kib| Some(SpeedWish::Own(Bytes::from_kib(kib)));
    it.set(limits(own(50), own(90)))?;
    it.set(limits(own(200), None))?;
    it.set(limits(None, own(0)))?;
    it.set(limits(None, Some(SpeedWish::OfAll)))?;
    it.stop()?;
    it.assemble()
}

pub(super) fn a_spare_goes_to_another_array_of_its_group(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &[])?;
    it.create_beside("data", Level::Raid1, &["LABC", "LABD"], &["LABE"])?;
    it.settle()?;
    let attic = || in_group(GroupWish::Join("attic".parse().expect("it is a name")));
    it.set(attic())?;
    it.fail("LABA")?;
    it.failover()?;
    it.set_on("data", attic())?;
    it.failover()?;
    it.settle()?;
    it.failover()?;
    it.set(in_group(GroupWish::Leave))
}

pub(super) fn two_arrays_on_the_same_disks_wait(it: &mut Journal<'_>) -> Result<()> {
    it.partition("LABA")?;
    it.partition("LABB")?;
    it.create(Level::Raid1, &["LABA/1", "LABB/1"], &[])?;
    it.create_beside("data", Level::Raid1, &["LABA/2", "LABB/2"], &[])?;
    it.settle()
}

pub(super) fn a_member_is_replaced_under_load(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid5, &["LABA", "LABB", "LABC"], &[])?;
    it.settle()?;
    it.mount("tank")?;
    it.write("tank")?;
    it.replace("LABB", Some("LABD"))?;
    it.write("tank")?;
    it.settle()?;
    it.write("tank")
}

pub(super) fn both_disks_leave_a_mounted_mirror(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid1, &["LABA", "LABB"], &[])?;
    it.settle()?;
    it.mount("tank")?;
    it.pull("LABA")?;
    it.pull("LABB")
}

pub(super) fn a_pair_leaves_a_mounted_raid10(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid10, &["LABA", "LABB", "LABC", "LABD"], &[])?;
    it.settle()?;
    it.mount("tank")?;
    it.pull("LABC")?;
    it.pull("LABA")?;
    it.pull("LABB")
}

pub(super) fn three_disks_leave_a_mounted_raid6(it: &mut Journal<'_>) -> Result<()> {
    it.create(Level::Raid6, &["LABA", "LABB", "LABC", "LABD"], &[])?;
    it.settle()?;
    it.mount("tank")?;
    it.pull("LABA")?;
    it.pull("LABB")?;
    it.pull("LABC")
}
