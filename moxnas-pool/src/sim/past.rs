//! What happens in a simulated pool that no step does: who works in it, what somebody made by hand, what
//! its filesystem comes upon, and a past that it is given.

use std::time::SystemTime;

use moxnas_core::{clock::Clock as _, units::Bytes};

use super::{SimPools, failed, new_uuid, volume::New};
use crate::{backend::BackendError, dataset, model::PoolName, unit::mount_point};

/// Something that happened in a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A step.
    Step(dataset::Step),
    /// Somebody wrote a file, see [`SimPools::write`].
    Write {
        /// The path of a dataset in the pool, or `""`.
        place: String,
        /// The file.
        file: String,
        /// Its size.
        size: Bytes,
    },
}

impl SimPools {
    /// Let a process of this name work in a pool that is mounted, until the machine goes down.
    pub fn enter(&self, pool: &PoolName, process: &str) -> Result<(), BackendError> {
        self.mounted(&self.state(), pool)?;
        let works = (mount_point(pool), process.to_owned());
        self.systemd().working.push(works);
        Ok(())
    }

    /// The same in a folder of it, such as that of a snapshot that is mounted.
    pub fn enter_at(&self, pool: &PoolName, place: &str, process: &str) {
        let works = (format!("{}/{place}", mount_point(pool)), process.to_owned());
        self.systemd().working.push(works);
    }

    /// Let the processes that work in a pool end.
    pub fn leave(&self, pool: &PoolName) {
        let (at, below) = (mount_point(pool), format!("{}/", mount_point(pool)));
        let is_in = |it: &str| it == at || it.starts_with(&below);
        self.systemd().working.retain(|(it, _)| !is_in(it));
    }

    /// Make a subvolume by hand, at a path in a pool of btrfs that is mounted.
    pub fn make_subvolume(&self, pool: &PoolName, path: &str) -> Result<(), BackendError> {
        let at = self.machine.now();
        let mut state = self.state();
        let (unit, _) = self.mounted(&state, pool)?;
        let uuid = new_uuid(&mut state);
        let mut volumes = self.volumes();
        let volume = volumes.entry(unit.uuid).or_default();
        let made = volume.add(path.to_owned(), None, false, New { uuid, at });
        made.map_err(|why| failed(&why))
    }

    /// Give a pool that is mounted a past: each deed as if it had been done at its time. No fault
    /// strikes one, and the machine is looked at once for all of them, so that a scenario of many
    /// thousand snapshots is there at once.
    pub fn live_through(
        &self,
        pool: &PoolName,
        past: impl IntoIterator<Item = (SystemTime, Deed)>,
    ) -> Result<(), BackendError> {
        let mut state = self.state();
        let (unit, on) = self.mounted(&state, pool)?;
        let mut volumes = self.volumes();
        let volume = volumes.entry(unit.uuid).or_default();
        for (at, deed) in past {
            let done = match &deed {
                Deed::Step(step) => {
                    let uuid = new_uuid(&mut state);
                    volume.perform(step, New { uuid, at })
                }
                Deed::Write { place, file, size } => volume
                    .write(place, file, *size, self.extent(), on)
                    .map_err(|err| err.to_string()),
            };
            done.map_err(|why| failed(&why))?;
        }
        Ok(())
    }
}
