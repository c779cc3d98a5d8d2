//! Going over the volumes of a group, and what is wrong with them.

use super::{
    super::{SimPools, failed},
    Volume, no_group, place,
};
use crate::{
    backend::BackendError,
    check::{Checked, Outcome},
    dataset::DatasetName,
    lvm::mapped,
    model::PoolName,
    plan::Part,
};

fn checked(is_damaged: bool, repairs: bool) -> Checked {
    let (outcome, said) = match (is_damaged, repairs) {
        (false, _) => (Outcome::Clean, "no error was found"),
        (true, true) => (Outcome::Mended, "1 error was put right"),
        (true, false) => (Outcome::Errors, "1 error was found"),
    };
    Checked {
        outcome,
        said: vec![said.to_owned()],
    }
}

impl SimPools {
    /// Let the filesystem of a dataset that is a volume have an error, which nobody comes upon before it is
    /// gone over.
    pub fn damage_dataset(
        &self,
        pool: &PoolName,
        dataset: &DatasetName,
    ) -> Result<(), BackendError> {
        let of = self.uuid_of(pool)?;
        let mut groups = self.groups();
        let group = groups.get_mut(&of).ok_or_else(|| no_group(pool))?;
        let place = place(&Volume::Dataset(dataset.clone()));
        group.damaged.insert(place);
        Ok(())
    }

    /// Let the metadata of a thin pool be damaged. The kernel goes on with what it has in memory; LVM
    /// activates the volumes no more.
    pub fn damage_metadata(&self, pool: &PoolName) -> Result<(), BackendError> {
        let of = self.uuid_of(pool)?;
        let starts = self.systemd().starts;
        let mut groups = self.groups();
        let group = groups.get_mut(&of).ok_or_else(|| no_group(pool))?;
        group.metadata_damaged = Some(starts);
        Ok(())
    }

    pub(in crate::sim) fn go_over_metadata(
        &self,
        pool: &PoolName,
    ) -> Result<Checked, BackendError> {
        if !self.systemd().open.contains(pool) {
            return Err(failed("No such file or directory"));
        }
        let of = self.uuid_of(pool)?;
        let groups = self.groups();
        let group = groups.get(&of).ok_or_else(|| no_group(pool))?;
        Ok(checked(group.metadata_damaged.is_some(), false))
    }

    /// Go over the filesystem of a volume that is active and not mounted.
    pub(in crate::sim) fn go_over_volume(
        &self,
        pool: &PoolName,
        part: &Part,
        repairs: bool,
    ) -> Result<Checked, BackendError> {
        let volume = match part {
            Part::Dataset(dataset) => Volume::Dataset(dataset.clone()),
            Part::Whole | Part::Folder => Volume::Root,
        };
        let id = mapped(pool, &volume);
        let state = self.state();
        let is_mounted = state.mounts.iter().any(|it| it.0 == id.to_string());
        if is_mounted || state.size_of(&id).is_none() {
            return Err(failed(&format!("{id} is mounted, or is not there")));
        }
        drop(state);
        let of = self.uuid_of(pool)?;
        let mut groups = self.groups();
        let group = groups.get_mut(&of).ok_or_else(|| no_group(pool))?;
        let place = place(&volume);
        let found = checked(group.damaged.contains(&place), repairs);
        if repairs {
            group.damaged.remove(&place);
        }
        Ok(found)
    }
}
