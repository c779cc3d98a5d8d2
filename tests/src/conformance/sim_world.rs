//! The simulation as a world.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use moxnas_core::{
    disk::Signature,
    sim::{DiskSpec, SimMachine},
    units::Bytes,
};
use moxnas_raid::{Inventory, RaidBackend as _, SimRaid, Step};

use super::{DISKS, PARTITION, Shutdown, World, scrub_in};

/// Time stands still but for what scenarios let pass, so that what runs is in progress.
pub struct SimWorld {
    raid: SimRaid,
}

impl SimWorld {
    #[must_use]
    pub fn new() -> Self {
        let machine = SimMachine::new(1);
        for (place, (serial, size)) in DISKS.into_iter().enumerate() {
            machine.plug(match place % 2 {
                0 => DiskSpec::nvme(serial, size),
                _ => DiskSpec::sas(serial, size),
            });
        }
        Self {
            raid: SimRaid::new(machine),
        }
    }

    fn machine(&self) -> &Arc<SimMachine> {
        self.raid.machine()
    }

    /// The device by serial, or an array by name.
    fn id_of(&self, device: &str) -> Result<moxnas_core::disk::DeviceId> {
        let seen = self.raid.observe()?;
        let name = seen.find(device).map_or(device, |it| &it.kernel_name);
        Ok(seen.devices.resolve(name)?.id.clone())
    }

    fn put(&self, device: &str, kind: &str) -> Result<()> {
        let id = self.id_of(device)?;
        let signature = Signature::new(kind, "9f0c3f4e-0000-4000-8000-000000000000");
        self.machine().state().contents_mut(&id).signatures = vec![signature];
        Ok(())
    }
}

impl Default for SimWorld {
    fn default() -> Self {
        Self::new()
    }
}

impl World for SimWorld {
    fn observe(&mut self) -> Result<Inventory> {
        Ok(self.raid.observe()?)
    }

    fn apply(&mut self, step: &Step) -> Result<()> {
        Ok(self.raid.apply(step)?)
    }

    fn settle(&mut self) -> Result<()> {
        self.machine().advance(Duration::from_secs(3600));
        Ok(())
    }

    fn scrub_an_eighth(&mut self) -> Result<()> {
        while let Some((done, of)) = scrub_in(&self.raid.observe()?) {
            if done.0 >= of.0 / 8 {
                return Ok(());
            }
            self.machine().advance(Duration::from_millis(10));
        }
        bail!("no scrub runs")
    }

    fn scrub_at(&mut self) -> Result<Option<Bytes>> {
        Ok(scrub_in(&self.raid.observe()?).map(|(done, _)| done))
    }

    fn last_resort(&mut self) -> Result<()> {
        self.machine().advance(Duration::from_secs(30));
        Ok(())
    }

    fn pull(&mut self, serial: &str) -> Result<()> {
        Ok(self.machine().pull(serial)?)
    }

    fn plug_back(&mut self, serial: &str) -> Result<()> {
        self.machine().plug_back(serial)?;
        Ok(())
    }

    fn restart(&mut self, how: Shutdown, without: &[&str]) -> Result<()> {
        let machine = self.machine();
        machine.state().mounts.clear();
        machine.state().swaps.clear();
        match how {
            Shutdown::Clean => machine.reboot(),
            Shutdown::PowerCut => machine.power_cut(),
        }
        for serial in without {
            machine.state().take_out(serial)?;
        }
        Ok(())
    }

    fn mount(&mut self, device: &str) -> Result<()> {
        self.put(device, "ext4")?;
        let id = self.id_of(device)?.to_string();
        let at = format!("/srv/{device}");
        self.machine().state().mounts.push((id, at));
        Ok(())
    }

    fn write(&mut self, array: &str) -> Result<()> {
        let id = self.id_of(array)?.to_string();
        *self.machine().state().writes.entry(id).or_default() += 1;
        Ok(())
    }

    fn partition(&mut self, serial: &str) -> Result<()> {
        let mut state = self.machine().state();
        let disk = state.disks.get_mut(serial).context("no such disk")?;
        disk.spec.partitions = vec![PARTITION; 2];
        drop(state);
        self.put(serial, "gpt")
    }

    fn swap_on(&mut self, serial: &str) -> Result<()> {
        self.put(serial, "swap")?;
        let id = self.id_of(serial)?.to_string();
        self.machine().state().swaps.push(id);
        Ok(())
    }

    fn make_filesystem(&mut self, serial: &str) -> Result<()> {
        self.put(serial, "ext4").context("no filesystem")
    }
}
