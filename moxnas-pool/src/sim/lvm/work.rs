//! What a step does to the volumes of a group.

use moxnas_core::{disk::Signature, sim::SimState, units::Bytes};

use super::{
    super::{failed, new_uuid, systemd::Systemd, volume::New},
    Group, place,
};
use crate::{
    backend::BackendError,
    dataset::{DatasetName, dataset_path, snapshot_path},
    lvm::{self, Volume, VolumeStep, mapped},
    model::PoolName,
    real::{unit_file, wanted},
};

/// What a step is done to.
pub(super) struct Work<'a> {
    pub(super) pool: &'a PoolName,
    pub(super) group: &'a mut Group,
    pub(super) state: &'a mut SimState,
    pub(super) systemd: &'a mut Systemd,
    pub(super) new: New,
}

impl Work<'_> {
    pub(super) fn perform(&mut self, step: &VolumeStep) -> Result<(), BackendError> {
        let d = |it: &DatasetName| Volume::Dataset(it.clone());
        let r = |it: &DatasetName| Volume::Aside(it.clone());
        let n = |it: &DatasetName| Volume::New(it.clone());
        match step {
            VolumeStep::Make { dataset, size } => {
                let path = place(&n(dataset));
                let added = self
                    .group
                    .files
                    .add(path.clone(), None, false, self.fresh());
                added.map_err(|why| failed(&why))?;
                self.resize(&path, *size)
            }
            VolumeStep::MakeOf {
                dataset,
                of,
                snapshot,
            } => self.copy(
                &Volume::Snapshot(of.clone(), snapshot.clone()),
                &n(dataset),
                false,
            ),
            VolumeStep::Format {
                dataset,
                filesystem,
            } => {
                let volume = n(dataset);
                let uuid = new_uuid(self.state);
                let signature = Signature::new(filesystem.word(), &uuid);
                let id = mapped(self.pool, &volume);
                self.state.contents_mut(&id).signatures = vec![signature];
                self.fill(&place(&volume))
            }
            VolumeStep::Name { dataset } => self.rename(&n(dataset), &d(dataset)),
            VolumeStep::RemoveNew { dataset } => self.remove(&n(dataset)),
            VolumeStep::WriteUnit { .. } | VolumeStep::RemoveUnit { .. } => Ok(()),
            VolumeStep::Mount { dataset } => self.mount(dataset),
            VolumeStep::Unmount { dataset } => self.unmount(dataset_path(self.pool, dataset)),
            VolumeStep::Grow { dataset, size } => {
                let path = place(&d(dataset));
                match self.group.files.quota(&path).is_some_and(|it| it >= *size) {
                    true => Ok(()),
                    false => self.resize(&path, *size),
                }
            }
            VolumeStep::GrowFilesystem { dataset, .. } => self.fill(&place(&d(dataset))),
            VolumeStep::RenameSnapshot {
                dataset,
                snapshot,
                to,
            } => {
                let [from, to] =
                    [dataset, to].map(|it| Volume::Snapshot(it.clone(), snapshot.clone()));
                self.rename(&from, &to)?;
                let notes = &mut self.group.files.notes;
                if let Some(note) = notes.remove(&place(&from)) {
                    notes.insert(place(&to), note);
                }
                Ok(())
            }
            VolumeStep::Rename { dataset, to } => self.rename(&d(dataset), &d(to)),
            VolumeStep::Remove { dataset } => self.remove(&d(dataset)),
            VolumeStep::TakeSnapshot { dataset, snapshot } => {
                let to = Volume::Snapshot(dataset.clone(), snapshot.clone());
                self.copy(&d(dataset), &to, true)
            }
            VolumeStep::RemoveSnapshot { dataset, snapshot } => {
                let volume = Volume::Snapshot(dataset.clone(), snapshot.clone());
                self.remove(&volume)?;
                self.group.files.notes.remove(&place(&volume));
                Ok(())
            }
            VolumeStep::ActivateSnapshot { dataset, snapshot } => {
                let volume = Volume::Snapshot(dataset.clone(), snapshot.clone());
                let is_there = self.group.files.quota(&place(&volume)).is_some();
                let id = mapped(self.pool, &volume).to_string();
                match is_there {
                    true => _ = self.systemd.shown.insert(id),
                    false => return Err(failed(&format!("{id}: no such volume"))),
                }
                Ok(())
            }
            VolumeStep::MountSnapshot {
                dataset, snapshot, ..
            } => {
                let id = mapped(
                    self.pool,
                    &Volume::Snapshot(dataset.clone(), snapshot.clone()),
                );
                let id = id.to_string();
                if !self.systemd.shown.contains(&id) {
                    return Err(failed(&format!("{id}: special device does not exist")));
                }
                let mount = (id, snapshot_path(self.pool, dataset, snapshot));
                if !self.state.mounts.contains(&mount) {
                    self.state.mounts.push(mount);
                }
                Ok(())
            }
            VolumeStep::UnmountSnapshot { dataset, snapshot } => {
                self.unmount(snapshot_path(self.pool, dataset, snapshot))
            }
            VolumeStep::DeactivateSnapshot { dataset, snapshot } => {
                let volume = Volume::Snapshot(dataset.clone(), snapshot.clone());
                let id = mapped(self.pool, &volume).to_string();
                self.is_free(&id)?;
                self.systemd.shown.remove(&id);
                Ok(())
            }
            VolumeStep::SetAside { dataset } => self.rename(&d(dataset), &r(dataset)),
            VolumeStep::Restore { dataset, snapshot } => {
                let of = Volume::Snapshot(dataset.clone(), snapshot.clone());
                self.copy(&of, &d(dataset), false)
            }
            VolumeStep::KeepAside { dataset, snapshot } => {
                let to = Volume::Snapshot(dataset.clone(), snapshot.clone());
                self.copy(&r(dataset), &to, true)
            }
            VolumeStep::RemoveAside { dataset } => self.remove(&r(dataset)),
        }
    }

    fn fresh(&self) -> New {
        New {
            uuid: self.new.uuid.clone(),
            at: self.new.at,
        }
    }

    fn resize(&mut self, path: &str, size: Bytes) -> Result<(), BackendError> {
        let size = Some(lvm::whole_extents(size));
        let done = self.group.files.limit(path, size);
        done.map_err(|why| failed(&why))
    }

    /// Its filesystem has all of a volume.
    fn fill(&mut self, path: &str) -> Result<(), BackendError> {
        let size = self.group.files.quota(path);
        let size = size.ok_or_else(|| failed(&format!("{path}: no such volume")))?;
        self.group.formatted.insert(path.to_owned(), size);
        Ok(())
    }

    fn copy(&mut self, from: &Volume, to: &Volume, read_only: bool) -> Result<(), BackendError> {
        let (of, path) = (place(from), place(to));
        let added = self
            .group
            .files
            .add(path.clone(), Some(&of), read_only, self.fresh());
        added.map_err(|why| failed(&why))?;
        let formatted = self.group.formatted.get(&of).copied().unwrap_or_default();
        self.group.formatted.insert(path, formatted);
        let on = self.state.contents_of(&mapped(self.pool, from));
        *self.state.contents_mut(&mapped(self.pool, to)) = on;
        Ok(())
    }

    fn rename(&mut self, from: &Volume, to: &Volume) -> Result<(), BackendError> {
        let (of, path) = (place(from), place(to));
        let done = self.group.files.rename(&of, path.clone());
        done.map_err(|why| failed(&why))?;
        let formatted = self.group.formatted.remove(&of).unwrap_or_default();
        self.group.formatted.insert(path, formatted);
        let [from, to] = [from, to].map(|it| mapped(self.pool, it).to_string());
        let on = self.state.contents.remove(&from).unwrap_or_default();
        self.state.contents.insert(to.clone(), on);
        if self.systemd.shown.remove(&from) {
            self.systemd.shown.insert(to.clone());
        }
        for (id, _) in &mut self.state.mounts {
            if *id == from {
                id.clone_from(&to);
            }
        }
        Ok(())
    }

    fn remove(&mut self, volume: &Volume) -> Result<(), BackendError> {
        let id = mapped(self.pool, volume).to_string();
        self.is_free(&id)?;
        self.systemd.shown.remove(&id);
        let path = place(volume);
        let done = self.group.files.delete(&path);
        done.map_err(|why| failed(&why))?;
        self.group.formatted.remove(&path);
        self.state.contents.remove(&id);
        Ok(())
    }

    fn is_free(&self, id: &str) -> Result<(), BackendError> {
        match self.state.mounts.iter().any(|it| it.0 == id) {
            true => Err(failed(&format!("{id} contains a filesystem in use"))),
            false => Ok(()),
        }
    }

    fn unmount(&mut self, at: String) -> Result<(), BackendError> {
        let by = self.systemd.users(&at);
        if !by.is_empty() {
            return Err(BackendError::Busy { at, by });
        }
        self.state.mounts.retain(|(_, it)| *it != at);
        Ok(())
    }

    fn mount(&mut self, dataset: &DatasetName) -> Result<(), BackendError> {
        let file = unit_file(self.pool, dataset);
        let id = mapped(self.pool, &Volume::Dataset(dataset.clone()));
        let is_there = self.state.files.contains_key(&file)
            && !self.state.contents_of(&id).signatures.is_empty()
            && self
                .group
                .files
                .quota(&place(&Volume::Dataset(dataset.clone())))
                .is_some();
        if !is_there {
            return Err(failed(&format!("{file}: a job for its device timed out")));
        }
        let mount = (id.to_string(), dataset_path(self.pool, dataset));
        if !self.state.mounts.contains(&mount) {
            self.state.mounts.push(mount);
        }
        let link = wanted(self.pool, dataset);
        self.state.files.insert(link, file);
        Ok(())
    }
}
