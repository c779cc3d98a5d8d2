//! The simulation as a world of pools.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use moxnas_core::{
    disk::{BlockDevices, Signature},
    sim::{DiskSpec, SimMachine},
    units::Bytes,
};
use moxnas_pool::{
    backend::PoolBackend as _,
    check::Outcome,
    dataset::Contents,
    model::{Pool, PoolName, Pools},
    plan::Step,
    real::path_of,
    sim::SimPools,
};

use super::{BEGIN, DISKS, Deed, PoolWorld, Told, deed::days, told::told};
use crate::{conformance::Shutdown, lab::MIB};

/// Time stands still but for what scenarios let pass.
pub struct SimPoolWorld {
    machine: Arc<SimMachine>,
    pools: SimPools,
    /// The numbers of writes, by those of the simulation.
    writes: BTreeMap<u64, usize>,
}

impl SimPoolWorld {
    #[must_use]
    pub fn new() -> Self {
        let machine = SimMachine::new(1);
        machine.advance(Duration::from_secs(BEGIN));
        for (serial, size) in DISKS {
            machine.plug(DiskSpec::sas(serial, size));
        }
        Self {
            pools: SimPools::new(Arc::clone(&machine)),
            machine,
            writes: BTreeMap::new(),
        }
    }

    fn write(&mut self, pool: &PoolName, place: &str, file: &str, size: Bytes) -> Result<Told<()>> {
        if let Err(why) = self.pools.write(pool, place, file, size) {
            return Ok(Err(why.to_string()));
        }
        let files = self.pools.files(pool, place).context("no such place")?;
        let number = self.writes.len() + 1;
        self.writes.insert(files[file], number);
        Ok(Ok(()))
    }

    /// As a program that writes until it cannot.
    fn fill(&self, pool: &PoolName, place: &str) -> Result<Told<()>> {
        let write = |size: u64| self.pools.write(pool, place, "fill", Bytes(size));
        let (mut fits, mut too_much) = (0, 1 << 40);
        let mut why = write(too_much);
        while too_much - fits > 1 {
            let size = fits.midpoint(too_much);
            match write(size) {
                Ok(()) => fits = size,
                refused => (too_much, why) = (size, refused),
            }
        }
        Ok(why.map_err(|err| err.to_string()))
    }

    fn hidden(pool: &str) -> String {
        format!("/srv/{pool}/hidden")
    }

    /// A UUID that no scenario of this world had before.
    fn uuid(&self) -> String {
        let number = self.machine.state().random() >> 16;
        format!("00000000-0000-4000-8000-{number:012x}")
    }
}

impl Default for SimPoolWorld {
    fn default() -> Self {
        Self::new()
    }
}

impl PoolWorld for SimPoolWorld {
    fn look(&mut self) -> Result<(BlockDevices, Pools)> {
        let devices = || self.machine.state().block_devices();
        // What systemd does at a start is seen by the look after it.
        self.pools.observe(&devices())?;
        let devices = devices();
        let pools = self.pools.observe(&devices)?;
        Ok((devices, pools))
    }

    fn contents(&mut self, pool: &Pool) -> Result<Contents> {
        Ok(self.pools.contents(pool)?)
    }

    fn apply(&mut self, step: &Step) -> Result<Told<()>> {
        Ok(self.pools.apply(step).map_err(|err| told(&err)))
    }

    fn check(&mut self, step: &Step) -> Result<Told<Outcome>> {
        let checked = self.pools.check(step, &|| true);
        Ok(checked.map(|it| it.outcome).map_err(|err| told(&err)))
    }

    fn deed(&mut self, deed: &Deed) -> Result<Told<()>> {
        match *deed {
            Deed::Write {
                pool,
                place,
                file,
                mib,
            } => return self.write(&pool.parse()?, place, file, Bytes(mib * MIB)),
            Deed::Remove { pool, place, file } => {
                let removed = self.pools.remove(&pool.parse()?, place, file);
                return Ok(removed.map_err(|err| err.to_string()));
            }
            Deed::Fill { pool, place } => return self.fill(&pool.parse()?, place),
            Deed::Enter { pool } => self.pools.enter(&pool.parse()?, "sleep")?,
            Deed::Leave { pool } => self.pools.leave(&pool.parse()?),
            Deed::Hide { pool } => {
                let mut state = self.machine.state();
                state.files.insert(Self::hidden(pool), String::new());
            }
            Deed::Unhide { pool } => {
                self.machine.state().files.remove(&Self::hidden(pool));
            }
            Deed::Pull { serial } => self.machine.pull(serial)?,
            Deed::PlugBack { serial } => _ = self.machine.plug_back(serial)?,
            Deed::MakeForeign { serial, kind } => {
                let (devices, _) = self.look()?;
                let id = devices.resolve(serial)?.id.clone();
                let signature = Signature::new(kind, &self.uuid());
                self.machine.state().contents_mut(&id).signatures = vec![signature];
            }
            Deed::Copy { from, to } => {
                let (devices, _) = self.look()?;
                let mut state = self.machine.state();
                let contents = state.contents_of(&devices.resolve(from)?.id);
                *state.contents_mut(&devices.resolve(to)?.id) = contents;
            }
            Deed::Enlarge { serial, mib } => {
                let mut state = self.machine.state();
                let disk = state.disks.get_mut(serial).context("no such disk")?;
                disk.spec.size = Bytes(mib * MIB);
            }
            Deed::EditUnit { pool, from, to } => {
                let path = path_of(&pool.parse()?);
                let mut state = self.machine.state();
                let text = state.files.get_mut(&path).context("no such unit")?;
                *text = text.replace(from, to);
            }
            Deed::Nest { pool, place } => self.pools.make_subvolume(&pool.parse()?, place)?,
            Deed::Days { days: number } => self.machine.advance(days(number)),
            Deed::ComeUponError { pool } => self.pools.count_error(&pool.parse()?)?,
            Deed::Restart { how, without } => {
                match how {
                    Shutdown::Clean => self.machine.reboot(),
                    Shutdown::PowerCut => self.machine.power_cut(),
                }
                for serial in without {
                    self.machine.state().take_out(serial)?;
                }
                self.look()?;
                // A start gives up what is missing after a while.
                self.machine.advance(Duration::from_secs(90));
            }
        }
        Ok(Ok(()))
    }

    fn files(&mut self, pool: &str, places: &[String]) -> Result<Vec<BTreeMap<String, usize>>> {
        let pool = pool.parse()?;
        let number = |id: u64| self.writes.get(&id).copied().unwrap_or(0);
        let in_one = |place: &String| -> BTreeMap<String, usize> {
            let files = self.pools.files(&pool, place).unwrap_or_default();
            let files = files.into_iter();
            files.map(|(file, id)| (file, number(id))).collect()
        };
        Ok(places.iter().map(in_one).collect())
    }

    fn has_option(&mut self, pool: &str, option: &str) -> Result<bool> {
        let (_, pools) = self.look()?;
        let pool = pools.find(pool).context("no such pool")?;
        Ok(pool.options.iter().any(|it| it == option))
    }
}
