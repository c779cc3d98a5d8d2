//! Pools of a machine that is not there.
//!
//! Units are files of the machine, filesystems are what is on its devices, and what is mounted is what
//! its kernel knows. It obeys: whether a step is wise was settled by the planner.

mod attributes;
mod carry;
mod devices;
mod directory;
mod lvm;
mod past;
mod spread;
mod stream;
mod systemd;
mod troubles;
mod volume;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use moxnas_core::{
    clock::Clock,
    disk::{BlockDevices, DeviceId, Signature},
    sim::{Fault, SimMachine, SimState},
    units::Bytes,
};

use self::{
    directory::Given,
    lvm::Group,
    spread::Known,
    systemd::Systemd,
    volume::{Mounted, New, Volume},
};
pub use self::{past::Deed, volume::WriteError};
use crate::{
    backend::{BackendError, PoolBackend},
    check::{Checked, NotChecked},
    dataset::{self, AccountKind, AccountName, Contents},
    directory::{Folder, FolderPath},
    lvm::Kind,
    model::{Filesystem, Pool, PoolName, Pools},
    plan::{PROJECT_QUOTAS, Part, Step, unit},
    real::path_of,
    replica::{self, Route},
    unit::{MountUnit, UNIT_FOLDER, WANTED_FOLDER, mount_point, unit_of},
};

/// Pools of a [`SimMachine`].
#[derive(Debug)]
pub struct SimPools {
    machine: Arc<SimMachine>,
    /// What is on the filesystems, by their UUIDs. It survives a power cut.
    volumes: Mutex<BTreeMap<String, Volume>>,
    /// What was written last on any of them. What is sent from one to another stays the same data.
    last_extent: AtomicU64,
    systemd: Mutex<Systemd>,
    /// The volume groups, by the UUIDs of their physical volumes. They survive a power cut.
    groups: Mutex<BTreeMap<String, Group>>,
    /// What the host gives the machine, by where it is mounted.
    given: Mutex<BTreeMap<FolderPath, Given>>,
}

impl SimPools {
    /// The pools of the machine.
    #[must_use]
    pub fn new(machine: Arc<SimMachine>) -> SimPools {
        SimPools {
            machine,
            volumes: Mutex::default(),
            last_extent: AtomicU64::default(),
            systemd: Mutex::default(),
            groups: Mutex::default(),
            given: Mutex::default(),
        }
    }

    /// The simulated machine.
    #[must_use]
    pub fn machine(&self) -> &Arc<SimMachine> {
        &self.machine
    }

    /// The machine, after all that systemd did about what happened to it.
    fn state(&self) -> MutexGuard<'_, SimState> {
        let now = self.machine.now();
        let mut state = self.machine.state();
        self.systemd().hear(&mut state);
        // LVM activates what it finds, before anything is mounted.
        self.activate(&mut state);
        let mounted = self.systemd().catch_up(&mut state, now, &self.known());
        for unit in mounted {
            if let Some(volume) = self.volumes().get_mut(&unit.uuid) {
                volume.is_mounted_anew(unit.filesystem);
            }
        }
        state
    }

    fn systemd(&self) -> MutexGuard<'_, Systemd> {
        self.systemd.lock().expect("no holder of this lock panics")
    }

    /// Write a file of this size into a pool that is mounted. `place` is a path in the pool: that of a
    /// dataset, or `""`.
    pub fn write(
        &self,
        pool: &PoolName,
        place: &str,
        file: &str,
        size: Bytes,
    ) -> Result<(), WriteError> {
        let on = self.mounted(&self.state(), pool);
        let (unit, on) = on.map_err(|_| WriteError::NotFound)?;
        if unit.options.iter().any(|it| it == "ro") {
            return Err(WriteError::ReadOnly);
        }
        if let Some(thin) = &unit.thin {
            return self.write_to_volume(pool, &thin.physical, place, file, size);
        }
        let mut volumes = self.volumes();
        let volume = volumes.entry(unit.uuid).or_default();
        volume.write(place, file, size, self.extent(), on)
    }

    /// The number of an extent that is to be written.
    fn extent(&self) -> u64 {
        self.last_extent.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Remove a file from a pool that is mounted. What a snapshot has of it stays.
    pub fn remove(&self, pool: &PoolName, place: &str, file: &str) -> Result<(), WriteError> {
        let (unit, _) = self
            .mounted(&self.state(), pool)
            .map_err(|_| WriteError::NotFound)?;
        if let Some(thin) = &unit.thin {
            return self.remove_from_volume(pool, &thin.physical, place, file);
        }
        let mut volumes = self.volumes();
        let volume = volumes.get_mut(&unit.uuid);
        volume.ok_or(WriteError::NotFound)?.remove(place, file)
    }

    /// The files of a dataset or a snapshot, by its path in the pool; each with a number that is
    /// another one when it was written anew. `None`: there is no such thing.
    #[must_use]
    pub fn files(&self, pool: &PoolName, place: &str) -> Option<BTreeMap<String, u64>> {
        let (unit, _) = self.mounted(&self.state(), pool).ok()?;
        if let Some(thin) = &unit.thin {
            return self.groups().get(&thin.physical)?.files(place);
        }
        self.volumes().get(&unit.uuid)?.files(place)
    }

    fn volumes(&self) -> MutexGuard<'_, BTreeMap<String, Volume>> {
        self.volumes.lock().expect("no holder of this lock panics")
    }

    /// The unit of a pool that is mounted, and how it is.
    fn mounted(
        &self,
        state: &SimState,
        pool: &PoolName,
    ) -> Result<(MountUnit, Mounted), BackendError> {
        if let Some(found) = self.given_to(state, pool) {
            return found;
        }
        let unit = unit_file(state, pool)?;
        let at = unit.at();
        let mut mounted = state.mounts.iter().filter(|(_, it)| *it == at);
        let size = mounted.find_map(|(device, _)| {
            let id = device.parse().ok()?;
            filesystem_uuid(state, &id, unit.filesystem)
                .filter(|it| *it == unit.uuid)
                .and_then(|_| state.size_of(&id))
        });
        let filesystem = unit.filesystem;
        let counts_projects =
            filesystem != Filesystem::Btrfs && unit.options.iter().any(|it| it == PROJECT_QUOTAS);
        match size {
            Some(device) => {
                let volumes = self.volumes();
                let size = volumes.get(&unit.uuid).and_then(|it| it.size);
                let on = Mounted {
                    filesystem,
                    counts_projects,
                    size: size.unwrap_or(device),
                };
                Ok((unit, on))
            }
            None => Err(BackendError::NotThere(pool.clone())),
        }
    }

    /// A filesystem is as large as its device was when it was made, or grown last.
    fn fit(&self, state: &SimState, device: &DeviceId, filesystem: Filesystem) {
        let uuid = filesystem_uuid(state, device, filesystem);
        if let (Some(uuid), Some(size)) = (uuid, state.size_of(device)) {
            self.volumes().entry(uuid).or_default().size = Some(size);
        }
    }

    /// Whether a step does nothing and says nothing of it; an error if something else strikes it.
    pub(crate) fn is_struck(&self, step: &Step) -> Result<bool, BackendError> {
        let text = step.to_string();
        let fault = self.state().take_fault(&text);
        let injected = |why: &str| Err(BackendError::Injected(format!("`{text}` {why}")));
        match fault {
            None => Ok(false),
            Some(Fault::StepLies { .. }) => Ok(true),
            Some(Fault::StepFails { .. }) => injected("failed: the simulation was told so"),
            Some(Fault::StepHangs { .. }) => injected("was stopped after 600s"),
            Some(Fault::PowerCut { .. }) => {
                self.machine.power_cut();
                injected("was not reached: power was cut")
            }
        }
    }

    fn go_over(&self, step: &Step) -> Result<Checked, BackendError> {
        match step {
            Step::Thin { pool, .. } => return self.go_over_metadata(pool),
            Step::Check {
                pool, part, repair, ..
            } if matches!(part, Part::Dataset(_)) => {
                return self.go_over_volume(pool, part, *repair);
            }
            _ => (),
        }
        let state = self.state();
        let (uuid, repairs) = match step {
            Step::Scrub { pool, repair } => (self.mounted(&state, pool)?.0.uuid, *repair),
            Step::Check {
                pool,
                device,
                filesystem,
                repair,
                ..
            } => {
                let unit = unit_file(&state, pool)?;
                let is_there =
                    filesystem_uuid(&state, device, *filesystem).as_ref() == Some(&unit.uuid);
                if !is_there || self.mounted(&state, pool).is_ok() {
                    return Err(failed(&format!("{device} is mounted, or is not there")));
                }
                (unit.uuid, *repair)
            }
            other => return Err(NotChecked::Failed(format!("{other} is no check")).into()),
        };
        let mut volumes = self.volumes();
        let volume = volumes.entry(uuid).or_default();
        Ok(volume.go_over(step, repairs))
    }

    fn perform_inside(&self, pool: &PoolName, step: &dataset::Step) -> Result<(), BackendError> {
        if let dataset::Step::Volume { step } = step {
            return self.perform_volume(pool, step);
        }
        let at = self.machine.now();
        let mut state = self.state();
        let (unit, _) = self.mounted(&state, pool)?;
        if unit.options.iter().any(|it| it == "ro") {
            return Err(failed("Read-only file system"));
        }
        let uuid = new_uuid(&mut state);
        drop(state);
        let (mut volumes, mut groups) = (self.volumes(), self.groups());
        let volume = match &unit.thin {
            Some(thin) => groups.get_mut(&thin.physical).map(|it| &mut it.files),
            None => Some(volumes.entry(unit.uuid).or_default()),
        };
        let volume = volume.ok_or_else(|| BackendError::NotThere(pool.clone()))?;
        volume
            .perform(step, New { uuid, at })
            .map_err(|why| failed(&why))
    }
}

impl PoolBackend for SimPools {
    fn observe(&self, devices: &BlockDevices) -> Result<Pools, BackendError> {
        let state = self.state();
        // Volumes may have been found, and what is on several devices mounted or ended, only after the
        // look at the devices.
        let is_late = !self.groups().is_empty() || devices::are_several(&state);
        let found = is_late.then(|| state.block_devices());
        let devices = found.as_ref().unwrap_or(devices);
        let files = state.folder(UNIT_FOLDER);
        let mut pools = Pools::assemble(devices, &files, |path| {
            Ok(state.files.get(path).cloned().unwrap_or_default())
        });
        let volumes = self.volumes();
        for pool in &mut pools.all {
            pool.is_wanted = state.files.contains_key(&wanted(&pool.name));
            if let (true, Some(volume)) = (pool.is_mounted, volumes.get(&pool.uuid)) {
                pool.errors = volume.errors(pool.filesystem);
                pool.is_forced_read_only = volume.is_forced_read_only;
                pool.last_error = volume.last_error(pool.filesystem);
            }
        }
        drop(volumes);
        self.take_notes(&state, &mut pools);
        self.take_spread(&mut pools);
        Ok(pools)
    }

    fn contents(&self, pool: &Pool) -> Result<Contents, BackendError> {
        if let Kind::Directory(it) = &pool.kind {
            return self.in_directory(pool, it);
        }
        let state = self.state();
        let (unit, on) = self.mounted(&state, &pool.name)?;
        let devices = state.block_devices();
        drop(state);
        if let Some(thin) = &unit.thin {
            let groups = self.groups();
            let group = groups.get(&thin.physical);
            let group = group.ok_or_else(|| BackendError::NotThere(pool.name.clone()))?;
            return Ok(attributes::shown(group.contents(), pool));
        }
        let volume = self.volumes().get(&unit.uuid).cloned();
        let mut contents = volume.unwrap_or_default().contents(on);
        self.told_of_devices(pool, &devices, &mut contents);
        Ok(attributes::shown(contents, pool))
    }

    fn account(&self, kind: AccountKind, name: &AccountName) -> Result<Option<u32>, BackendError> {
        Ok(attributes::account(kind, name))
    }

    fn folder(&self, path: &FolderPath) -> Result<Folder, BackendError> {
        self.folder_there(path)
    }

    /// Takes no time, however large the filesystem is.
    fn check(&self, step: &Step, _: &dyn Fn() -> bool) -> Result<Checked, BackendError> {
        match self.is_struck(step)? {
            // Nothing was looked at, and all is well.
            true => Ok(Checked::default()),
            false => self.go_over(step),
        }
    }

    /// Takes no time, however much there is to send.
    fn transfer(
        &self,
        route: &Route,
        step: &replica::Step,
        _: &dyn Fn() -> bool,
        passed: &dyn Fn(Bytes),
    ) -> Result<(), BackendError> {
        let whole = Step::Replicate {
            route: route.clone(),
            step: step.clone(),
        };
        match self.is_struck(&whole) {
            Ok(false) => self.carry_over(route, step, true, passed),
            Ok(true) => Ok(()),
            // A part of it has arrived; what that is nobody knows.
            Err(err) => {
                _ = self.carry_over(route, step, false, passed);
                Err(err)
            }
        }
    }

    fn apply(&self, step: &Step) -> Result<(), BackendError> {
        if let Step::Replicate { route, step } = step {
            return self.transfer(route, step, &|| true, &|_| ());
        }
        if let Step::There { target, .. } = step {
            return Err(BackendError::Elsewhere(target.clone()));
        }
        if self.is_struck(step)? {
            return Ok(());
        }
        match step {
            Step::Inside { pool, step } => self.perform_inside(pool, step),
            Step::Thin { pool, step } => self.perform_group(pool, step),
            Step::Devices { pool, step } => self.perform_devices(pool, step),
            Step::Directory { pool, path, step } => self.perform_directory(pool, path, step),
            Step::Mount { pool } => {
                let mut state = self.state();
                check_folder(&state, pool)?;
                let unit = mount(&mut state, pool, &self.known())?;
                if let Some(volume) = self.volumes().get_mut(&unit.uuid) {
                    volume.is_mounted_anew(unit.filesystem);
                }
                Ok(())
            }
            Step::Unmount { pool } => {
                let mut state = self.state();
                let at = mount_point(pool);
                let by = self.systemd().users(&at);
                if !by.is_empty() {
                    return Err(BackendError::Busy { at, by });
                }
                perform(step, &mut state)
            }
            Step::Check { .. } | Step::Scrub { .. } => self.go_over(step)?.done(),
            Step::ForgetErrors { pool } => {
                let (unit, _) = self.mounted(&self.state(), pool)?;
                if let Some(volume) = self.volumes().get_mut(&unit.uuid) {
                    volume.forget_errors();
                }
                Ok(())
            }
            Step::MakeFilesystem {
                device, filesystem, ..
            }
            | Step::Grow {
                device, filesystem, ..
            } => {
                let mut state = self.state();
                perform(step, &mut state)?;
                self.fit(&state, device, *filesystem);
                Ok(())
            }
            other => perform(other, &mut self.state()),
        }
    }
}

fn perform(step: &Step, state: &mut SimState) -> Result<(), BackendError> {
    match step {
        Step::WipeSignatures { device } => {
            free(state, device)?;
            state.contents_mut(device).signatures.clear();
        }
        Step::MakeFilesystem {
            device,
            filesystem,
            label,
        } => {
            free(state, device)?;
            let found = state.contents_of(device).signatures;
            if let Some(found) = found.first() {
                return Err(BackendError::NotBlank {
                    device: device.clone(),
                    found: found.kind.clone(),
                });
            }
            let signature = Signature {
                kind: filesystem.word().to_owned(),
                uuid: Some(new_uuid(state)),
                label: label.as_ref().map(ToString::to_string),
                member: (*filesystem == Filesystem::Btrfs).then(|| new_uuid(state)),
            };
            state.contents_mut(device).signatures.push(signature);
        }
        Step::WriteUnit {
            pool,
            device,
            filesystem,
            options,
        } => {
            let uuid = uuid_on(state, device, *filesystem)?;
            let text = unit(pool, *filesystem, options, uuid).render();
            state.files.insert(path_of(pool), text);
        }
        Step::Unmount { pool } => {
            let at = mount_point(pool);
            // What is mounted in it goes first, as systemd sees to.
            let below = format!("{at}/");
            let is_below = |it: &str| it == at || it.starts_with(&below);
            let gone = state.mounts.extract_if(.., |(_, it)| is_below(it));
            for (device, _) in gone.collect::<Vec<_>>() {
                if let Some(content) = state.contents.get_mut(&device) {
                    content.let_go();
                }
            }
        }
        Step::Disable { pool } => _ = state.files.remove(&wanted(pool)),
        Step::RemoveUnit { pool } => _ = state.files.remove(&path_of(pool)),
        // What is done to what is on the device, and not to the device.
        Step::Grow { .. }
        | Step::Inside { .. }
        | Step::There { .. }
        | Step::Replicate { .. }
        | Step::Thin { .. }
        | Step::Devices { .. }
        | Step::Directory { .. }
        | Step::Mount { .. }
        | Step::Check { .. }
        | Step::Scrub { .. }
        | Step::ForgetErrors { .. } => (),
    }
    Ok(())
}

/// Nothing uses the device: mkfs and wipefs refuse else.
fn free(state: &SimState, device: &DeviceId) -> Result<(), BackendError> {
    let devices = state.block_devices();
    let found = devices.by_id(device);
    let found = found.ok_or_else(|| BackendError::DeviceGone(device.clone()))?;
    match devices.uses(&found.name).first() {
        None => Ok(()),
        Some(of) => Err(failed(&format!("{device}: Device or resource busy ({of})"))),
    }
}

fn uuid_on(
    state: &SimState,
    device: &DeviceId,
    filesystem: Filesystem,
) -> Result<String, BackendError> {
    let gone = || BackendError::DeviceGone(device.clone());
    state.size_of(device).ok_or_else(gone)?;
    let uuid = filesystem_uuid(state, device, filesystem);
    uuid.ok_or_else(|| BackendError::NoFilesystem {
        device: device.clone(),
        filesystem,
    })
}

/// The UUID of a filesystem on a device, be the device there or not.
fn filesystem_uuid(state: &SimState, device: &DeviceId, kind: Filesystem) -> Option<String> {
    let on = state.contents.get(&device.to_string())?;
    let found = on.signatures.iter().find(|it| it.kind == kind.word());
    found?.uuid.clone()
}

fn unit_file(state: &SimState, pool: &PoolName) -> Result<MountUnit, BackendError> {
    let unit = state.files.get(&path_of(pool));
    let unit = unit.and_then(|it| MountUnit::parse(it)?.ok());
    unit.ok_or_else(|| failed(&format!("{}: no such unit", path_of(pool))))
}

/// The link that `systemctl enable` makes.
fn wanted(pool: &PoolName) -> String {
    format!("{WANTED_FOLDER}/{}", unit_of(&mount_point(pool)))
}

/// Files that are there already would be hidden. systemd does not mind when it mounts by itself.
fn check_folder(state: &SimState, pool: &PoolName) -> Result<(), BackendError> {
    let at = mount_point(pool);
    let below = format!("{at}/");
    let is_mounted = state.mounts.iter().any(|(_, it)| *it == at);
    match is_mounted || !state.files.keys().any(|it| it.starts_with(&below)) {
        true => Ok(()),
        false => Err(BackendError::FolderNotEmpty { at }),
    }
}

fn mount(state: &mut SimState, pool: &PoolName, known: &Known) -> Result<MountUnit, BackendError> {
    let unit = unit_file(state, pool)?;
    if unit.devices.is_some() || known.contains_key(&unit.uuid) {
        devices::mount_all(state, &unit, known)?;
        state.files.insert(wanted(pool), path_of(pool));
        return Ok(unit);
    }
    let mut devices = state.contents.iter().filter(|(_, it)| {
        let mut on = it.signatures.iter();
        on.any(|it| it.kind == unit.filesystem.word() && it.uuid.as_ref() == Some(&unit.uuid))
    });
    let is_there = |it: &DeviceId| state.size_of(it).is_some();
    let found = devices.find_map(|(id, _)| id.parse().ok().filter(is_there));
    let device = found.ok_or_else(|| failed("a job for its device timed out"))?;
    let mount = (device.to_string(), unit.at());
    if !state.mounts.contains(&mount) {
        state.mounts.push(mount);
    }
    state.files.insert(wanted(pool), path_of(pool));
    lvm::mount_wanted(state, pool);
    Ok(unit)
}

fn failed(why: &str) -> BackendError {
    BackendError::Injected(why.to_owned())
}

fn new_uuid(state: &mut SimState) -> String {
    let (a, b) = (state.random(), state.random());
    let hex = format!("{a:016x}{b:016x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    parts.map(|it| hex[it].to_owned()).join("-")
}
