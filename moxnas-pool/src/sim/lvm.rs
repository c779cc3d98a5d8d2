//! Volume groups of a machine that is not there.
//!
//! The files of all volumes of a group are kept together, as what volumes share is stored once. A volume
//! is a block device while the device of its group is there: LVM activates whatever it finds.

mod check;
mod work;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::MutexGuard,
};

use moxnas_core::{
    clock::Clock as _,
    disk::{BlockKind, DeviceId, Signature},
    sim::{Node, SimState},
    units::Bytes,
};

use self::work::Work;
use super::{
    SimPools, WriteError, failed, free, new_uuid,
    volume::{Mounted, New, Volume as Files},
};
use crate::{
    backend::BackendError,
    dataset::{Contents, DatasetName, NEW, REPLACED, SNAPSHOTS, dataset_path},
    lvm::{
        self, EXTENT, Fill, GroupStep, PHYSICAL, ROOT_SIZE, Volume, VolumeStep, VolumeUnit, mapped,
    },
    model::{Filesystem, PoolName},
    real::{group_unit, path_of, unit_file, wanted},
    unit::mount_point,
};

/// What the names of the device mapper begin with that belong to pools.
const OURS: &str = "moxnas_";

/// A volume group with its volumes.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pool: PoolName,
    device: DeviceId,
    /// How much the thin pool has; `None`: there is none yet.
    size: Option<Bytes>,
    has_root: bool,
    /// The volumes by the paths that datasets, snapshots and what is beside them have on btrfs.
    pub(super) files: Files,
    /// How large the filesystem is on each of them.
    formatted: BTreeMap<String, Bytes>,
    /// The volumes whose filesystems have errors.
    damaged: BTreeSet<String>,
    /// The start of the machine in which the metadata of the thin pool were damaged: the kernel goes on
    /// with what it has, and LVM activates none.
    metadata_damaged: Option<usize>,
}

/// Where the files of a volume are kept.
fn place(volume: &Volume) -> String {
    match volume {
        Volume::Thin | Volume::Root => String::new(),
        Volume::Dataset(dataset) => dataset.to_string(),
        Volume::Snapshot(dataset, name) => format!("{SNAPSHOTS}/{dataset}/{name}"),
        Volume::Aside(dataset) => format!("{REPLACED}{dataset}"),
        Volume::New(dataset) => format!("{NEW}{dataset}"),
    }
}

impl Group {
    pub(super) fn space(&self) -> Mounted {
        Mounted {
            // Its volumes share what they have, as subvolumes do.
            filesystem: Filesystem::Btrfs,
            counts_projects: false,
            size: self.size.unwrap_or_default(),
        }
    }

    /// As the real machine shows it.
    pub(super) fn contents(&self) -> Contents {
        let mut contents = self.files.contents(self.space());
        for other in &mut contents.others {
            if let Some(name) = other.strip_prefix(NEW) {
                *other = format!("n.{name}");
            }
        }
        for snapshot in &mut contents.snapshots {
            snapshot.usage = None;
        }
        let Bytes(size) = contents.space.size;
        let data = contents.space.used.0 * 10_000 / size.max(1);
        contents.thin = self.size.map(|_| Fill {
            data: u32::try_from(data).unwrap_or(u32::MAX),
            metadata: 1_200,
            ..Fill::default()
        });
        contents
    }

    pub(super) fn files(&self, place: &str) -> Option<BTreeMap<String, u64>> {
        self.files.files(place)
    }

    /// Whether this is the device of one of its volumes.
    fn is_ours(&self, id: &str) -> bool {
        let root = mapped(&self.pool, &Volume::Root).to_string();
        id.starts_with(root.trim_end_matches("root"))
    }

    /// The volumes that are block devices: of snapshots those only that LVM was told to activate.
    fn active(&self, shown: &BTreeSet<String>) -> Vec<(Volume, Bytes)> {
        let contents = self.files.contents(self.space());
        let size = |it: &Volume| self.files.quota(&place(it)).unwrap_or_default();
        let datasets = contents.datasets.iter();
        let datasets = datasets.map(|it| Volume::Dataset(it.name.clone()));
        let aside = contents.replaced.iter();
        let aside = aside.map(|it| Volume::Aside(it.name.clone()));
        let new = contents.others.iter();
        let new = new.filter_map(|it| Some(Volume::New(it.strip_prefix(NEW)?.parse().ok()?)));
        let snapshots = contents.snapshots.iter();
        let snapshots = snapshots.map(|it| Volume::Snapshot(it.dataset.clone(), it.name.clone()));
        let snapshots = snapshots.filter(|it| shown.contains(&mapped(&self.pool, it).to_string()));
        let all = datasets.chain(aside).chain(new).chain(snapshots);
        let mut all: Vec<(Volume, Bytes)> = all.map(|it| (it.clone(), size(&it))).collect();
        if self.has_root {
            all.push((Volume::Root, ROOT_SIZE));
        }
        all
    }
}

impl SimPools {
    pub(super) fn groups(&self) -> MutexGuard<'_, BTreeMap<String, Group>> {
        self.groups.lock().expect("no holder of this lock panics")
    }

    /// Show the volumes as block devices, where their devices are.
    pub(super) fn activate(&self, state: &mut SimState) {
        let is_ours =
            |it: &Node| matches!(&it.kind, BlockKind::Dm { name, .. } if name.starts_with(OURS));
        let systemd = self.systemd();
        let mut groups = self.groups();
        if groups.is_empty() && !state.nodes.values().any(is_ours) {
            return;
        }
        state.nodes.retain(|_, it| !is_ours(it));
        let has = |state: &SimState, device: &DeviceId, uuid: &String| {
            let on = state.contents_of(device).signatures;
            on.iter()
                .any(|it| it.kind == PHYSICAL && it.uuid.as_ref() == Some(uuid))
        };
        groups.retain(|uuid, it| has(state, &it.device, uuid));
        let devices = state.block_devices();
        let names = (0..).map(|it| format!("dm-{it}"));
        let taken: BTreeSet<String> = state.nodes.keys().cloned().collect();
        let mut names = names.filter(|it| !taken.contains(it));
        for group in groups.values() {
            let Some(below) = devices.by_id(&group.device) else {
                continue;
            };
            let is_gone = group.metadata_damaged.is_some_and(|it| it < systemd.starts);
            let mut active: Vec<(DeviceId, Bytes)> = Vec::new();
            if systemd.open.contains(&group.pool) {
                active.push((lvm::mapped_metadata(&group.pool), Bytes(EXTENT)));
            } else if !is_gone && !systemd.inactive.contains(&group.pool) {
                let volumes = group.active(&systemd.shown).into_iter();
                active.extend(volumes.map(|(it, size)| (mapped(&group.pool, &it), size)));
            }
            for (id, size) in active {
                let name = id.to_string();
                let node = Node {
                    kind: BlockKind::Dm {
                        name: name.trim_start_matches("dm-name-").to_owned(),
                        uuid: None,
                    },
                    id,
                    size,
                    slaves: vec![below.name.clone()],
                };
                let name = names.next().expect("numbers do not end");
                state.nodes.insert(name, node);
            }
        }
    }

    pub(super) fn write_to_volume(
        &self,
        pool: &PoolName,
        physical: &str,
        place: &str,
        file: &str,
        size: Bytes,
    ) -> Result<(), WriteError> {
        self.may_write(pool, place)?;
        let mut groups = self.groups();
        let group = groups.get_mut(physical).ok_or(WriteError::NotFound)?;
        let on = group.space();
        let before = group.files.clone();
        let written = group.files.write(place, file, size, self.extent(), on);
        let formatted = group.formatted.get(place).copied().unwrap_or_default();
        let written = match written {
            Ok(()) if group.files.referenced(place) > formatted => Err(WriteError::Full),
            Err(WriteError::Quota) => Err(WriteError::Full),
            other => other,
        };
        if written.is_err() {
            group.files = before;
        }
        written
    }

    pub(super) fn remove_from_volume(
        &self,
        pool: &PoolName,
        physical: &str,
        place: &str,
        file: &str,
    ) -> Result<(), WriteError> {
        self.may_write(pool, place)?;
        let mut groups = self.groups();
        let group = groups.get_mut(physical).ok_or(WriteError::NotFound)?;
        group.files.remove(place, file)
    }

    /// Whether a volume is mounted that something can be written to.
    fn may_write(&self, pool: &PoolName, place: &str) -> Result<(), WriteError> {
        let at = format!("{}/{place}", mount_point(pool));
        let is_mounted = self.state().mounts.iter().any(|it| it.1 == at);
        match (is_mounted, place.parse::<DatasetName>()) {
            (true, Ok(_)) => Ok(()),
            (true, Err(_)) => Err(WriteError::ReadOnly),
            (false, _) => Err(WriteError::NotFound),
        }
    }

    pub(super) fn perform_group(
        &self,
        pool: &PoolName,
        step: &GroupStep,
    ) -> Result<(), BackendError> {
        let mut state = self.state();
        match step {
            GroupStep::MakeGroup { device } => self.make_group(pool, device, &mut state)?,
            GroupStep::WriteUnit {
                device,
                filesystem,
                options,
            } => {
                let seen = state.block_devices();
                let unit = group_unit(&seen, pool, device, *filesystem, options)?;
                state.files.insert(path_of(pool), unit.render());
            }
            GroupStep::RemoveGroup => {
                let of = self.uuid_of(pool)?;
                let mut groups = self.groups();
                let group = groups.get(&of).ok_or_else(|| no_group(pool))?;
                is_idle(group, &self.systemd().shown, &state)?;
                let prefix = mapped(pool, &Volume::Root).to_string();
                let prefix = prefix.trim_end_matches("root").to_owned();
                state.contents.retain(|id, _| !id.starts_with(&prefix));
                groups.remove(&of);
            }
            GroupStep::MakeThinPool | GroupStep::GrowThinPool => {
                let of = self.uuid_of(pool)?;
                let mut groups = self.groups();
                let group = groups.get_mut(&of).ok_or_else(|| no_group(pool))?;
                let size = state.size_of(&group.device).unwrap_or_default();
                // What LVM needs for itself, and for the metadata of the thin pool.
                let size = lvm::whole_extents(size).0.saturating_sub(3 * EXTENT);
                group.size = Some(Bytes(size));
            }
            GroupStep::MakeRoot => {
                let of = self.uuid_of(pool)?;
                if let Some(group) = self.groups().get_mut(&of) {
                    group.has_root = true;
                }
            }
            GroupStep::Activate => {
                let of = self.uuid_of(pool)?;
                let is_damaged = |it: &Group| it.metadata_damaged.is_some();
                if self.groups().get(&of).is_some_and(is_damaged) {
                    return Err(failed("Check of pool failed. Manual repair required!"));
                }
                let mut systemd = self.systemd();
                if systemd.open.contains(pool) {
                    return Err(failed("it is prohibited while its metadata are active"));
                }
                systemd.inactive.remove(pool);
            }
            GroupStep::Deactivate => {
                let of = self.uuid_of(pool)?;
                let mut systemd = self.systemd();
                let groups = self.groups();
                let group = groups.get(&of).ok_or_else(|| no_group(pool))?;
                is_idle(group, &systemd.shown, &state)?;
                systemd.inactive.insert(pool.clone());
                systemd.open.remove(pool);
                let ours = |it: &String| group.is_ours(it);
                systemd.shown.retain(|it| !ours(it));
            }
            GroupStep::OpenMetadata => {
                let of = self.uuid_of(pool)?;
                let mut systemd = self.systemd();
                let groups = self.groups();
                let is_damaged = groups
                    .get(&of)
                    .is_some_and(|it| it.metadata_damaged.is_some());
                match systemd.inactive.contains(pool) || is_damaged {
                    true => _ = systemd.open.insert(pool.clone()),
                    false => return Err(failed("Operation not permitted on hidden LV")),
                }
            }
            GroupStep::CloseMetadata => _ = self.systemd().open.remove(pool),
            // It says what it found.
            GroupStep::CheckMetadata => self.go_over_metadata(pool)?.done()?,
            GroupStep::RefuseWhenFull | GroupStep::GrowDevice { .. } => (),
        }
        self.activate(&mut state);
        Ok(())
    }

    fn make_group(
        &self,
        pool: &PoolName,
        device: &DeviceId,
        state: &mut SimState,
    ) -> Result<(), BackendError> {
        free(state, device)?;
        if let Some(found) = state.contents_of(device).signatures.first() {
            return Err(BackendError::NotBlank {
                device: device.clone(),
                found: found.kind.clone(),
            });
        }
        let uuid = new_uuid(state).replace('-', "");
        let parts = [0..6, 6..10, 10..14, 14..18, 18..22, 22..26, 26..32];
        let uuid = parts.map(|it| uuid[it].to_owned()).join("-");
        let signature = Signature::new(PHYSICAL, &uuid);
        state.contents_mut(device).signatures.push(signature);
        let group = Group {
            pool: pool.clone(),
            device: device.clone(),
            size: None,
            has_root: false,
            files: Files::counting(),
            formatted: BTreeMap::new(),
            damaged: BTreeSet::new(),
            metadata_damaged: None,
        };
        self.groups().insert(uuid, group);
        Ok(())
    }

    /// The physical volume of the group of this pool.
    fn uuid_of(&self, pool: &PoolName) -> Result<String, BackendError> {
        let groups = self.groups();
        let mut all = groups.iter();
        let found = all.find(|(_, it)| it.pool == *pool);
        found.map(|it| it.0.clone()).ok_or_else(|| no_group(pool))
    }

    pub(super) fn perform_volume(
        &self,
        pool: &PoolName,
        step: &VolumeStep,
    ) -> Result<(), BackendError> {
        let at = self.machine.now();
        // Files, for which no group needs to be there.
        match step {
            VolumeStep::WriteUnit { dataset, .. } => {
                let text = step.unit(pool).map(|it| it.render());
                let file = unit_file(pool, dataset);
                self.state().files.insert(file, text.unwrap_or_default());
                return Ok(());
            }
            VolumeStep::RemoveUnit { dataset } => {
                let mut state = self.state();
                state.files.remove(&wanted(pool, dataset));
                state.files.remove(&unit_file(pool, dataset));
                return Ok(());
            }
            _ => (),
        }
        let of = self.uuid_of(pool)?;
        let mut state = self.state();
        let uuid = new_uuid(&mut state);
        let mut groups = self.groups();
        let group = groups.get_mut(&of).ok_or_else(|| no_group(pool))?;
        let mut systemd = self.systemd();
        let mut work = Work {
            pool,
            group,
            state: &mut state,
            systemd: &mut systemd,
            new: New { uuid, at },
        };
        work.perform(step)?;
        drop((groups, systemd));
        self.activate(&mut state);
        Ok(())
    }
}

/// The unit of a pool wants those of its datasets: they are mounted with it, where their volumes are.
pub(super) fn mount_wanted(state: &mut SimState, pool: &PoolName) {
    let texts = state.files.values();
    let owners = texts.filter_map(|it| VolumeUnit::owner(it));
    let datasets: Vec<DatasetName> = owners
        .filter(|(of, dataset)| of == pool && state.files.contains_key(&wanted(pool, dataset)))
        .map(|(_, dataset)| dataset)
        .collect();
    for dataset in datasets {
        let id = mapped(pool, &Volume::Dataset(dataset.clone()));
        let mount = (id.to_string(), dataset_path(pool, &dataset));
        let has_filesystem = !state.contents_of(&id).signatures.is_empty();
        if has_filesystem && state.size_of(&id).is_some() && !state.mounts.contains(&mount) {
            state.mounts.push(mount);
        }
    }
}

/// Nothing of it is mounted: LVM refuses else.
fn is_idle(group: &Group, shown: &BTreeSet<String>, state: &SimState) -> Result<(), BackendError> {
    let ids = group.active(shown).into_iter();
    let ids: Vec<String> = ids
        .map(|it| mapped(&group.pool, &it.0).to_string())
        .collect();
    match state.mounts.iter().find(|it| ids.contains(&it.0)) {
        Some((id, _)) => Err(failed(&format!("{id} contains a filesystem in use"))),
        None => Ok(()),
    }
}

fn no_group(pool: &PoolName) -> BackendError {
    failed(&format!("Volume group {:?} not found", lvm::group(pool)))
}
