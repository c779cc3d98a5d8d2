//! Arrays of a machine that is not there.
//!
//! It holds what md and udev would hold: superblocks on the members, which survive a power cut,
//! and assembled arrays, which do not. It obeys: whether a step is wise was settled by the planner.
//! Time moves resync and recovery forward; what happened to the machine since the last call is
//! replayed first, in order.

mod assemble;
mod grow;
mod kernel;
mod live;
mod progress;
mod show;
mod superblock;

use std::sync::{Arc, Mutex, MutexGuard};

use moxnas_core::{
    clock::Clock,
    disk::{BlockDevices, DeviceId, Signature},
    names::SpareGroup,
    sim::{Event, Fault, Node, SimMachine, SimState},
    units::Bytes,
};

use crate::{
    backend::{BackendError, RaidBackend},
    conf::{self, CONF_PATH, Conf},
    geometry,
    initramfs::{Content, IMAGE_FOLDER, Image, KernelRelease, releases},
    model::{Inventory, Level, Role, SyncAction},
    plan::{NewArray, Scrub, SpeedWish, Step},
    shape::Shape,
};
use kernel::Kernel;
use live::LiveMember;
use superblock::{SuperRole, Superblock};

/// md arrays of a [`SimMachine`].
#[derive(Debug)]
pub struct SimRaid {
    machine: Arc<SimMachine>,
    kernel: Mutex<Kernel>,
}

impl SimRaid {
    /// The arrays of the machine, of which there are none yet.
    #[must_use]
    pub fn new(machine: Arc<SimMachine>) -> SimRaid {
        let kernel = Mutex::new(Kernel::new(machine.now()));
        SimRaid { machine, kernel }
    }

    /// The machine they are on.
    #[must_use]
    pub fn machine(&self) -> &Arc<SimMachine> {
        &self.machine
    }

    /// Let the kernel catch up with what happened to the machine.
    fn settled(&self) -> MutexGuard<'_, Kernel> {
        let mut kernel = self.kernel.lock().expect("no holder of this lock panics");
        let now = self.machine.now();
        let mut state = self.machine.state();
        let news = state
            .events
            .get(kernel.cursor..)
            .unwrap_or_default()
            .to_vec();
        kernel.cursor += news.len();
        for (at, event) in news {
            kernel.run_until(at, &mut state);
            match event {
                Event::Pulled(name) => kernel.member_left(&name, &mut state),
                Event::Plugged(name) => kernel.device_came(&name, &mut state, at),
                Event::Down { clean } => kernel.go_down(clean, &mut state),
                Event::Up => kernel.come_up(&mut state, at),
            }
        }
        kernel.notice_writes(&state);
        kernel.run_until(now, &mut state);
        publish(&kernel, &mut state);
        kernel
    }

    fn do_step(&self, step: &Step) -> Result<(), BackendError> {
        let mut kernel = self.settled();
        let now = self.machine.now();
        let mut state = self.machine.state();
        perform(step, &mut kernel, &mut state)?;
        kernel.run_until(now, &mut state);
        publish(&kernel, &mut state);
        Ok(())
    }
}

/// Show the arrays as block devices to everybody else.
fn publish(kernel: &Kernel, state: &mut SimState) {
    state.nodes.retain(|name, _| !name.starts_with("md"));
    for (name, array) in &kernel.arrays {
        let node = Node {
            id: array.id(),
            kind: moxnas_core::disk::BlockKind::Md,
            size: if array.started {
                array.size()
            } else {
                Bytes(0)
            },
            slaves: array
                .members
                .iter()
                .map(|it| it.kernel_name.clone())
                .collect(),
        };
        state.nodes.insert(name.clone(), node);
    }
}

impl RaidBackend for SimRaid {
    /// A step of this machine is done or not, there is nothing in between.
    fn tidy(&self) -> Result<(), BackendError> {
        Ok(())
    }

    fn observe(&self) -> Result<Inventory, BackendError> {
        let kernel = self.settled();
        let state = self.machine.state();
        let devices = state.block_devices();
        let mut arrays: Vec<_> = kernel
            .arrays
            .iter()
            .map(|(name, it)| it.show(name, &devices, &state))
            .collect();
        arrays.sort_by(|a, b| a.kernel_name.cmp(&b.kernel_name));
        let conf = state
            .files
            .get(CONF_PATH)
            .map(|it| Conf::parse(it))
            .unwrap_or_default();
        Ok(Inventory {
            arrays,
            devices,
            conf,
            errors: Vec::new(),
        })
    }

    /// An image is kept as the mdadm.conf that is in it. The newest is that of the kernel that runs.
    fn initramfs(&self, _: &[Image]) -> Result<Vec<Image>, BackendError> {
        let state = self.machine.state();
        let image = |kernel: KernelRelease| Image {
            is_running: false,
            stamp: String::new(),
            content: Ok(Content::Conf(Conf::parse(
                &state.files[&kernel.image_path()],
            ))),
            kernel,
        };
        let releases = releases(&state.folder(IMAGE_FOLDER));
        let mut images: Vec<Image> = releases.into_iter().map(image).collect();
        if let Some(last) = images.last_mut() {
            last.is_running = true;
        }
        Ok(images)
    }

    fn apply(&self, step: &Step) -> Result<(), BackendError> {
        let text = step.to_string();
        let fault = self.machine.state().take_fault(&text);
        let injected = |why: &str| Err(BackendError::Injected(format!("`{text}` {why}")));
        match fault {
            None => self.do_step(step),
            Some(Fault::StepLies { .. }) => Ok(()),
            Some(Fault::StepFails { .. }) => injected("failed: the simulation was told so"),
            Some(Fault::StepHangs { .. }) => injected("was stopped after 120s"),
            Some(Fault::PowerCut { .. }) => {
                self.machine.power_cut();
                injected("was not reached: power was cut")
            }
        }
    }
}

fn busy(what: &str) -> BackendError {
    BackendError::Injected(format!("{what}: Device or resource busy"))
}

fn perform(step: &Step, kernel: &mut Kernel, state: &mut SimState) -> Result<(), BackendError> {
    match step {
        Step::WipeSignatures { device } => {
            let name = free_device(device, kernel, state)?;
            *state.contents_mut(device) = Default::default();
            forget_partitions(&name, state);
        }
        Step::ZeroSuperblock { device } => {
            free_device(device, kernel, state)?;
            let contents = state.contents_mut(device);
            contents.superblock = None;
            contents
                .signatures
                .retain(|it| it.kind != superblock::SIGNATURE);
        }
        Step::Create(new) => create(new, kernel, state)?,
        Step::Add { array, device } => {
            let name = free_device(device, kernel, state)?;
            check_blank(device, state)?;
            let live = kernel.find_mut(&array.uuid, &array.name)?;
            live.add_member(name, device.clone(), state);
        }
        Step::ReAdd { array, device } => {
            let live = kernel.find_mut(&array.uuid, &array.name)?;
            live.take_back(device, state)?;
        }
        Step::Grow {
            array, grow, add, ..
        } => {
            let mut names = Vec::new();
            for device in add {
                names.push((free_device(device, kernel, state)?, device.clone()));
                check_blank(device, state)?;
            }
            let live = kernel.find_mut(&array.uuid, &array.name)?;
            live.grow(grow, names, state)?;
        }
        Step::SetReadOnly { array, read_only } => {
            let name = kernel.name_of(&array.uuid, &array.name)?;
            let is_used = !state.block_devices().uses(&name).is_empty();
            if *read_only && is_used {
                return Err(busy("failed to set readonly"));
            }
            let live = kernel.find_mut(&array.uuid, &array.name)?;
            live.set_read_only(*read_only, state);
        }
        Step::SetPaused { array, paused } => {
            let live = kernel.find_mut(&array.uuid, &array.name)?;
            live.pause(*paused, state);
        }
        Step::SetConsistency {
            array, consistency, ..
        } => {
            let live = kernel.find_mut(&array.uuid, &array.name)?;
            live.superblock.consistency = *consistency;
            live.write_superblocks(state);
        }
        Step::SetSpeed { array, min, max } => {
            let live = kernel.find_mut(&array.uuid, &array.name)?;
            let (own_min, own_max) = &mut live.speed_limits;
            for (limit, wish) in [(own_min, min), (own_max, max)] {
                match wish {
                    None => (),
                    Some(SpeedWish::Own(it)) => *limit = Some(*it),
                    Some(SpeedWish::OfAll) => *limit = None,
                }
            }
        }
        Step::SetSpareGroup { array, group } => {
            let group = group.as_ref().map(SpareGroup::as_str);
            edit_conf(state, |it| conf::with_spare_group(it, &array.uuid, group));
        }
        Step::Fail { array, device } => {
            let live = kernel.find_mut(&array.uuid, &array.name)?;
            if !live.survives_without(device) {
                return Err(busy("set device faulty failed"));
            }
            live.fail_member(device, state);
        }
        Step::Remove { array, device } => {
            let live = kernel.find_mut(&array.uuid, &array.name)?;
            let waits = |it: &LiveMember| matches!(it.role, Role::Faulty | Role::Spare);
            if !live
                .members
                .iter()
                .any(|it| it.device_now(state) == *device && waits(it))
            {
                return Err(busy("hot remove failed"));
            }
            live.members.retain(|it| it.device_now(state) != *device);
            live.write_superblocks(state);
        }
        Step::Replace {
            array,
            device,
            with,
        } => {
            let live = kernel.find_mut(&array.uuid, &array.name)?;
            live.start_replacement(device, with, state)?;
        }
        Step::Scrub { array, scrub } => {
            let live = kernel.find_mut(&array.uuid, &array.name)?;
            let action = match scrub {
                Scrub::Check => Some(SyncAction::Check),
                Scrub::Repair => Some(SyncAction::Repair),
                Scrub::Idle => None,
            };
            match action {
                Some(action) => {
                    // What has to be filled goes first (`md_check_recovery` in md.c).
                    live.wake(state);
                    if live.sync.is_none() {
                        live.scrub(action);
                    }
                }
                None => {
                    live.interrupt(state);
                    live.read_auto = false;
                }
            }
        }
        Step::Stop { array } => {
            let name = kernel.name_of(&array.uuid, &array.name)?;
            if !state.block_devices().uses(&name).is_empty() {
                return Err(busy("failed to stop array"));
            }
            if let Some(mut live) = kernel.arrays.remove(&name) {
                live.stop(state);
            }
        }
        Step::Start { array } => {
            let live = kernel.find_mut(&array.uuid, &array.name)?;
            if !live.start(state) {
                return Err(BackendError::Injected(
                    "failed to start array: Input/output error".to_owned(),
                ));
            }
        }
        Step::Assemble {
            uuid,
            name,
            members,
        } => kernel.assemble(uuid, name, members, state)?,
        Step::Record { name } => {
            let live = kernel.arrays.values().find(|it| it.name == name.as_str());
            let gone = || BackendError::ArrayGone(name.to_string());
            let uuid = live.map(|it| it.superblock.uuid.clone()).ok_or_else(gone)?;
            edit_conf(state, |it| {
                conf::with_array(it, &uuid, &format!("/dev/md/{name}"))
            });
        }
        Step::Forget { uuid } => edit_conf(state, |it| conf::without_array(it, uuid)),
        Step::UpdateInitramfs { kernel } => {
            let text = state.files.get(CONF_PATH).cloned().unwrap_or_default();
            state.files.insert(kernel.image_path(), text);
        }
    }
    Ok(())
}

fn create(new: &NewArray, kernel: &mut Kernel, state: &mut SimState) -> Result<(), BackendError> {
    let NewArray { shape, members, .. } = new;
    let sizes = state.block_devices();
    let mut devices = Vec::new();
    for device in new.devices() {
        devices.push((free_in(&sizes, device, kernel)?, device.clone()));
        check_blank(device, state)?;
    }
    let usable = |it: &(String, DeviceId)| {
        let size = sizes.get(&it.0).map_or(Bytes(0), |it| it.size);
        geometry::component_size(size, shape)
    };
    // The journal comes last, and gives nothing.
    let data = &devices[..members.len() + new.spares.len()];
    let given: Vec<Bytes> = data.iter().map(usable).collect();
    let smallest = given.iter().copied().min().unwrap_or_default();
    let layout = layout(shape, &given);
    let slots = u32::try_from(members.len()).unwrap_or(u32::MAX);
    let template = Superblock {
        uuid: new_uuid(state),
        name: new.name.to_string(),
        level: shape.level.clone(),
        layout,
        chunk: shape.chunk,
        slots,
        component: geometry::used_component(&shape.level, layout, shape.chunk, slots, smallest),
        sizes: given,
        metadata: shape.metadata,
        consistency: shape.consistency,
        events: 0,
        in_sync: Default::default(),
        role: SuperRole::Spare,
        write_mostly: false,
        dirty: false,
        resync_from: (!new.assume_clean).then_some(Bytes(0)),
        reshape: None,
        reshape_at: Bytes(0),
        events_cleared: 0,
    };
    let last = new.first_write_mostly()..members.len();
    let members = devices.into_iter().enumerate().map(|(place, (name, id))| {
        let role = match u32::try_from(place) {
            _ if new.journal.as_ref() == Some(&id) => Role::Journal,
            Ok(slot) if slot < slots => Role::Active { slot },
            _ => Role::Spare,
        };
        LiveMember {
            write_mostly: last.contains(&place),
            ..LiveMember::new(name, id, role)
        }
    });
    kernel.create(template, members.collect(), new.assume_clean, state);
    Ok(())
}

fn edit_conf(state: &mut SimState, edit: impl FnOnce(&str) -> String) {
    let text = state.files.entry(CONF_PATH.to_owned()).or_default();
    *text = edit(text);
}

/// The kernel name of a device that nobody holds.
fn free_device(
    device: &DeviceId,
    kernel: &Kernel,
    state: &SimState,
) -> Result<String, BackendError> {
    free_in(&state.block_devices(), device, kernel)
}

fn free_in(
    devices: &BlockDevices,
    device: &DeviceId,
    kernel: &Kernel,
) -> Result<String, BackendError> {
    let found = devices.by_id(device);
    let name = found.map(|it| it.name.clone());
    let name = name.ok_or_else(|| BackendError::DeviceGone(device.to_string()))?;
    let is_member = kernel
        .arrays
        .values()
        .flat_map(|it| &it.members)
        .any(|it| it.kernel_name == name);
    match is_member || !devices.uses(&name).is_empty() {
        true => Err(busy(&format!("cannot open {device}"))),
        false => Ok(name),
    }
}

/// As the real backend probes a device at the last moment.
fn check_blank(device: &DeviceId, state: &SimState) -> Result<(), BackendError> {
    let kinds: Vec<String> = state
        .contents_of(device)
        .signatures
        .into_iter()
        .map(|it| it.kind)
        .collect();
    if kinds.is_empty() {
        return Ok(());
    }
    Err(BackendError::NotBlank {
        device: device.to_string(),
        found: kinds.join(", "),
    })
}

/// A disk whose table is gone has no partitions any more.
fn forget_partitions(name: &str, state: &mut SimState) {
    for disk in state.disks.values_mut() {
        if disk.kernel_name.as_deref() == Some(name) {
            disk.spec.partitions.clear();
        }
    }
}

/// mdadm(8) names one of the two layouts of RAID 0 only where they differ: with members of different
/// size.
fn layout(shape: &Shape, given: &[Bytes]) -> u32 {
    const ORIGINAL: u32 = 1;
    let differ = given.iter().any(|it| *it != given[0]);
    match shape.level {
        Level::Raid0 if differ => ORIGINAL,
        _ => shape.layout_number(),
    }
}

fn new_uuid(state: &mut SimState) -> String {
    let (a, b) = (state.random(), state.random());
    let word = |it: u64| format!("{:08x}:{:08x}", it >> 32, it & 0xffff_ffff);
    format!("{}:{}", word(a), word(b))
}

/// What is on a member besides its data.
fn member_signature(superblock: &Superblock) -> Signature {
    Signature {
        kind: superblock::SIGNATURE.to_owned(),
        uuid: Some(superblock.uuid.clone()),
        label: Some(superblock.full_name()),
        member: None,
    }
}

/// Whether the kernel keeps a count of missing members for the level.
fn counts_missing(level: &Level) -> bool {
    geometry::is_redundant(level)
}
