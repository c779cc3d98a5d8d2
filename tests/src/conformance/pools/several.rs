//! Scenarios of one btrfs over several devices.
//!
//! No disk is pulled while such a pool is mounted: of which disk systemd ends the mount is chance.

use anyhow::{Context as _, Result};
use moxnas_core::disk::BlockDevice;
use moxnas_pool::{
    dataset::Contents,
    devices::{self, Change as Wish, CreateOnDevices, Old, Profile},
    model::Filesystem,
    plan::{Change, Facts},
};

use super::{Deed, PoolJournal};
use crate::conformance::Shutdown;

const TANK: &str = "tank";

impl PoolJournal<'_> {
    /// What each UUID is called that a device has among others.
    pub(super) fn learn_members(&mut self, device: &BlockDevice) {
        for uuid in device.signatures.iter().filter_map(|it| it.member.clone()) {
            let taken = self.uuids.values().filter(|it| it.starts_with("PART"));
            let name = format!("PART-{}", taken.count());
            self.uuids.entry(uuid).or_insert(name);
        }
    }

    fn mirror(&mut self) -> Result<()> {
        self.create_on(&["LABA", "LABB"], Profile::Raid1)?;
        self.write("", "a", 20)
    }

    fn create_on(&mut self, serials: &[&str], profile: Profile) -> Result<()> {
        let devices = serials
            .iter()
            .map(|it| self.id(it))
            .collect::<Result<_>>()?;
        self.wish(&Change::CreateOnDevices(CreateOnDevices {
            name: TANK.parse()?,
            devices,
            filesystem: Filesystem::Btrfs,
            profile,
            options: Vec::new(),
        }))
    }

    /// The machine starts, and this disk is out.
    fn without(&mut self, without: &'static [&'static str]) -> Result<()> {
        let how = Shutdown::Clean;
        self.deed(Deed::Restart { how, without })
    }

    fn devices(&mut self, wish: &Wish) -> Result<()> {
        self.devices_until(wish, usize::MAX)
    }

    /// Does the first steps of a change of devices, as if the rest had been cut off.
    fn devices_until(&mut self, wish: &Wish, steps: usize) -> Result<()> {
        let (devices, pools) = self.learn()?;
        let tank = pools.find(TANK).context("no pool tank")?;
        let contents = match tank.is_mounted {
            true => self.world.contents(tank)?,
            false => Contents::default(),
        };
        let facts = Facts {
            devices: &devices,
            pools: &pools,
        };
        let plan = devices::plan(facts, tank, &contents, wish);
        let plan = plan.map_err(|err| (err.code(), err.to_string()));
        self.carry_out(&devices, plan, steps)
    }

    fn add(&mut self, serial: &str) -> Result<Wish> {
        let device = self.id(serial)?;
        Ok(Wish::Add { device })
    }

    fn removal(&mut self, serial: &str) -> Result<Wish> {
        let old = Old::Device(self.id(serial)?);
        Ok(Wish::Remove { old })
    }

    fn replacement(&mut self, old: Option<&str>, new: &str) -> Result<Wish> {
        let old = match old {
            Some(serial) => Old::Device(self.id(serial)?),
            None => Old::Missing,
        };
        let new = self.id(new)?;
        Ok(Wish::Replace { old, new })
    }
}

pub(super) fn a_mirror_of_btrfs_lives_and_dies(it: &mut PoolJournal<'_>) -> Result<()> {
    it.mirror()?;
    it.unmount(TANK)?;
    it.mount(TANK)?;
    it.write("", "b", 5)?;
    it.reboot()?;
    it.power_cut()?;
    it.delete(TANK)
}

/// By any of its disks.
pub(super) fn a_mirror_of_btrfs_is_exported_and_comes_back(it: &mut PoolJournal<'_>) -> Result<()> {
    it.mirror()?;
    it.export(TANK)?;
    it.import(TANK, "LABB", true, &[])?;
    it.export(TANK)?;
    it.import(TANK, "LABA", false, &[])?;
    it.reboot()
}

/// Each time anew: no start of the machine does it.
pub(super) fn a_mirror_that_lacks_a_disk_is_mounted_by_agreement(
    it: &mut PoolJournal<'_>,
) -> Result<()> {
    it.mirror()?;
    it.without(&["LABB"])?;
    it.mount(TANK)?;
    it.write("", "b", 5)?;
    it.grow(TANK)?;
    it.reboot()?;
    it.mount(TANK)
}

/// What was written meanwhile has two copies as well, and it is mounted at the next start.
pub(super) fn a_missing_disk_of_a_mirror_is_replaced(it: &mut PoolJournal<'_>) -> Result<()> {
    it.mirror()?;
    it.without(&["LABB"])?;
    it.mount(TANK)?;
    it.write("", "b", 5)?;
    let wish = it.replacement(None, "LABD")?;
    it.devices(&wish)?;
    it.devices(&wish)?;
    it.check(TANK, false)?;
    it.reboot()?;
    it.write("", "c", 5)
}

pub(super) fn a_disk_of_a_mirror_is_replaced(it: &mut PoolJournal<'_>) -> Result<()> {
    it.mirror()?;
    let wish = it.replacement(Some("LABA"), "LABD")?;
    it.devices(&wish)?;
    it.devices(&wish)?;
    it.power_cut()?;
    it.check(TANK, false)?;
    it.export(TANK)?;
    it.import(TANK, "LABD", false, &[])
}

pub(super) fn disks_of_a_mirror_come_and_go(it: &mut PoolJournal<'_>) -> Result<()> {
    it.mirror()?;
    let add = it.add("LABD")?;
    it.devices(&add)?;
    it.devices(&add)?;
    it.devices(&Wish::Balance { profile: None })?;
    let profile = Some(Profile::Raid1c3);
    it.devices(&Wish::Balance { profile })?;
    let remove = it.removal("LABA")?;
    it.devices(&remove)?;
    let profile = Some(Profile::Raid1);
    it.devices(&Wish::Balance { profile })?;
    it.devices(&remove)?;
    it.devices(&remove)?;
    it.reboot()
}

pub(super) fn power_is_cut_after_a_disk_was_removed(it: &mut PoolJournal<'_>) -> Result<()> {
    it.create_on(&["LABA", "LABB", "LABD"], Profile::Raid1)?;
    it.write("", "a", 20)?;
    let remove = it.removal("LABB")?;
    it.devices_until(&remove, 1)?;
    it.power_cut()?;
    it.devices(&remove)?;
    it.reboot()
}

pub(super) fn power_is_cut_after_a_disk_was_added(it: &mut PoolJournal<'_>) -> Result<()> {
    it.mirror()?;
    let add = it.add("LABD")?;
    it.devices_until(&add, 1)?;
    it.power_cut()?;
    it.devices(&add)?;
    it.reboot()
}

pub(super) fn a_btrfs_on_one_disk_becomes_a_mirror(it: &mut PoolJournal<'_>) -> Result<()> {
    it.create(Filesystem::Btrfs, "LABA", &[])?;
    it.write("", "a", 20)?;
    let add = it.add("LABD")?;
    it.devices(&add)?;
    let profile = Some(Profile::Raid1);
    it.devices_until(&Wish::Balance { profile }, 1)?;
    it.devices(&Wish::Balance { profile: None })?;
    it.reboot()
}

pub(super) fn a_mirror_grows_with_its_disks(it: &mut PoolJournal<'_>) -> Result<()> {
    it.mirror()?;
    for serial in ["LABA", "LABB"] {
        it.deed(Deed::Enlarge { serial, mib: 600 })?;
    }
    it.grow(TANK)
}

pub(super) fn what_a_mirror_cannot_do_is_refused(it: &mut PoolJournal<'_>) -> Result<()> {
    it.mirror()?;
    let remove = it.removal("LABA")?;
    it.devices(&remove)?;
    let small = it.replacement(Some("LABA"), "LABC")?;
    it.devices(&small)?;
    let profile = Some(Profile::Raid1c3);
    it.devices(&Wish::Balance { profile })?;
    let add = it.add("LABC")?;
    it.devices(&add)?;
    it.unmount(TANK)?;
    it.devices(&Wish::Balance { profile: None })
}
