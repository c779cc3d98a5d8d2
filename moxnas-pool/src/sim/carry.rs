//! What goes from one simulated filesystem to another.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use moxnas_core::{clock::Clock as _, units::Bytes};

use super::{
    SimPools, failed, new_uuid,
    volume::{Extent, Mounted, New, Volume, dataset_at, snapshot_at},
};
use crate::{
    backend::BackendError,
    replica::{Counterpart, Route, Step},
};

/// Why something did not arrive.
enum NotTaken {
    /// How many files differ, and some of them.
    Differs(usize, Vec<String>),
    /// In the words of a program.
    Failed(String),
}

impl SimPools {
    /// Let only a part of what a step brings arrive, as when it is ended before its time.
    pub fn begin_transfer(&self, route: &Route, step: &Step) -> Result<(), BackendError> {
        self.carry_over(route, step, false, &|_| ())
    }

    /// From one volume to another; only the beginning of it where it does not come to its end.
    pub(super) fn carry_over(
        &self,
        route: &Route,
        step: &Step,
        to_its_end: bool,
        passed: &dyn Fn(Bytes),
    ) -> Result<(), BackendError> {
        if let Some(target) = &route.target {
            return Err(BackendError::Elsewhere(target.clone()));
        }
        let at = self.machine.now();
        let mut state = self.state();
        let (from, _) = self.mounted(&state, &route.from)?;
        let (to, on) = self.mounted(&state, &route.to)?;
        let uuid = new_uuid(&mut state);
        drop(state);
        let (mut volumes, mut groups) = (self.volumes(), self.groups());
        let source = match &from.thin {
            Some(thin) => groups.get(&thin.physical).map(|it| it.files.clone()),
            None => volumes.get(&from.uuid).cloned(),
        };
        let source = source.unwrap_or_default();
        let (target, on) = match to.thin {
            Some(thin) => {
                let group = groups.get_mut(&thin.physical);
                let group = group.ok_or_else(|| BackendError::NotThere(route.to.clone()))?;
                let on = group.space();
                (&mut group.files, on)
            }
            None => (volumes.entry(to.uuid).or_default(), on),
        };
        let bytes = target
            .take_over(&source, (route, step), to_its_end, New { uuid, at }, on)
            .map_err(|why| match why {
                NotTaken::Differs(count, first) => BackendError::Differs {
                    source_path: step.source(route),
                    target: step.target(route),
                    count,
                    first,
                },
                NotTaken::Failed(why) => failed(&why),
            })?;
        passed(bytes);
        Ok(())
    }
}

type Files = Arc<BTreeMap<String, Extent>>;

impl Volume {
    /// Take over what a step brings from another volume; only the beginning of it if it does not come
    /// to its end. Returns how much went over.
    fn take_over(
        &mut self,
        from: &Volume,
        (route, step): (&Route, &Step),
        to_its_end: bool,
        new: New,
        on: Mounted,
    ) -> Result<Bytes, NotTaken> {
        let failed = |why: &str| NotTaken::Failed(why.to_owned());
        if self.is_forced_read_only && !matches!(step, Step::Compare { .. }) {
            return Err(failed("Read-only file system"));
        }
        let place = |it: &Option<_>| match it {
            Some(snapshot) => snapshot_at(&route.dataset, snapshot),
            None => dataset_at(&route.dataset),
        };
        match step {
            Step::Send {
                snapshot,
                base,
                taken,
            } => {
                let source = from.at(&snapshot_at(&route.dataset, snapshot))?;
                if !source.read_only {
                    return Err(failed("subvolume is not read-only"));
                }
                let has = match base {
                    Some(base) => {
                        let base = from.at(&snapshot_at(&route.dataset, base))?;
                        let known = base.received.as_ref().unwrap_or(&base.uuid);
                        let mut here = self.subvolumes.values();
                        if !here.any(|it| it.read_only && it.received.as_ref() == Some(known)) {
                            return Err(failed("cannot find parent subvolume"));
                        }
                        Arc::clone(&base.files)
                    }
                    None => Files::default(),
                };
                let path = snapshot_at(&route.as_dataset, snapshot);
                self.notes.entry(path.clone()).or_default().taken = *taken;
                self.add(path.clone(), None, false, new)
                    .map_err(NotTaken::Failed)?;
                let received = source.received.clone().unwrap_or(source.uuid.clone());
                self.fill(&path, &source.files, to_its_end, on)?;
                if to_its_end && let Some(it) = self.subvolumes.get_mut(&path) {
                    it.kept = source.kept.clone();
                    (it.read_only, it.received) = (true, Some(received));
                }
                let changed = source
                    .files
                    .iter()
                    .filter(|(name, it)| has.get(*name) != Some(*it));
                Ok(changed.map(|(_, it)| it.size).sum())
            }
            Step::Copy { snapshot } => {
                let source = from.at(&place(snapshot))?;
                let (files, kept) = (Arc::clone(&source.files), source.kept.clone());
                let path = dataset_at(&route.as_dataset);
                let before = Arc::clone(&self.at(&path)?.files);
                self.fill(&path, &files, to_its_end, on)?;
                if to_its_end && let Some(it) = self.subvolumes.get_mut(&path) {
                    it.kept = kept;
                }
                let changed = files
                    .iter()
                    .filter(|(name, it)| before.get(*name) != Some(*it));
                Ok(changed.map(|(_, it)| it.size).sum())
            }
            Step::Compare { snapshot, with } => {
                let here = match (with, snapshot) {
                    (Counterpart::Snapshot, Some(it)) => snapshot_at(&route.as_dataset, it),
                    _ => dataset_at(&route.as_dataset),
                };
                let (one, other) = (&from.at(&place(snapshot))?.files, &self.at(&here)?.files);
                let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
                let differs = |it: &&String| one.get(*it) != other.get(*it);
                let differing: Vec<String> = names.into_iter().filter(differs).cloned().collect();
                match differing.len() {
                    0 => Ok(Bytes(0)),
                    count => Err(NotTaken::Differs(count, differing)),
                }
            }
        }
    }

    fn at(&self, path: &str) -> Result<&super::volume::Subvolume, NotTaken> {
        let found = self.subvolumes.get(path);
        found.ok_or_else(|| NotTaken::Failed(format!("{path}: No such file or directory")))
    }

    /// Make the files of a subvolume these: file by file, so that a part of them is there when there
    /// is no space for all.
    fn fill(
        &mut self,
        path: &str,
        files: &Files,
        to_its_end: bool,
        on: Mounted,
    ) -> Result<(), NotTaken> {
        let many = if to_its_end {
            files.len()
        } else {
            files.len() / 2
        };
        for (name, extent) in files.iter().take(many) {
            let before = self.at(path)?.files.get(name).copied();
            self.put(path, name, Some(*extent));
            if let Err(err) = self.check_limits(path, on) {
                self.put(path, name, before);
                return Err(NotTaken::Failed(err.to_string()));
            }
        }
        if to_its_end {
            let gone: Vec<String> = self.at(path)?.files.keys().cloned().collect();
            for name in gone.iter().filter(|it| !files.contains_key(*it)) {
                self.put(path, name, None);
            }
        }
        Ok(())
    }

    pub(super) fn put(&mut self, path: &str, name: &str, extent: Option<Extent>) {
        if let Some(it) = self.subvolumes.get_mut(path) {
            let files = Arc::make_mut(&mut it.files);
            match extent {
                Some(extent) => _ = files.insert(name.to_owned(), extent),
                None => _ = files.remove(name),
            }
        }
    }
}
