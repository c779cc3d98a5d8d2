//! What the kernel would know of arrays: who is in them, and what runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use moxnas_core::{disk::DeviceId, sim::SimState, units::Bytes};

use super::{SuperRole, Superblock, busy, counts_missing, member_signature};
use crate::{
    backend::BackendError,
    geometry,
    model::{Array, ArrayState, Level, Member, MemberFlag, Role, SyncAction, SyncState},
};

/// What md reaches on disks that spin, per member and second. A fair figure for the outer tracks
/// of a disk of 4 TB and more.
const SPEED_HDD: u64 = 180_000_000;
/// md's own default limit: `/proc/sys/dev/raid/speed_limit_max`, 200,000 KiB/s.
const SPEED_MAX: u64 = 200_000 * 1024;
/// How far a disk with media errors gets before it is thrown out, in hundredths of the way.
const FAILING_AT: u64 = 37;

/// Everything that is lost when power is cut.
#[derive(Debug)]
pub(super) struct Kernel {
    /// How many of the machine's events were seen.
    pub(super) cursor: usize,
    /// Up to when progress was made.
    at: SystemTime,
    /// By kernel name.
    pub(super) arrays: BTreeMap<String, Live>,
}

/// An assembled array.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) superblock: Superblock,
    pub(super) name: String,
    pub(super) started: bool,
    /// When udev's timer starts it although members are missing.
    pub(super) start_at: Option<SystemTime>,
    pub(super) broken: bool,
    /// Nothing is written, not even by md itself, until somebody writes to it: how Debian has md
    /// start every array (`start_ro=1` in /etc/modprobe.d/mdadm.conf).
    pub(super) read_auto: bool,
    pub(super) members: Vec<LiveMember>,
    pub(super) sync: Option<Sync>,
    mismatch: Bytes,
}

#[derive(Clone, Debug)]
pub(super) struct LiveMember {
    pub(super) kernel_name: String,
    pub(super) device: DeviceId,
    pub(super) role: Role,
    want_replacement: bool,
}

/// What runs in the background.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sync {
    action: SyncAction,
    done: Bytes,
    of: Bytes,
}

impl Sync {
    pub(super) fn new(action: SyncAction, of: Bytes) -> Sync {
        Sync {
            action,
            done: Bytes(0),
            of,
        }
    }
}

impl LiveMember {
    pub(super) fn new(kernel_name: String, device: DeviceId, role: Role) -> LiveMember {
        LiveMember {
            kernel_name,
            device,
            role,
            want_replacement: false,
        }
    }

    fn is_there(&self, state: &SimState) -> bool {
        state.id_of(&self.kernel_name).as_ref() == Some(&self.device)
    }

    /// Who it is to somebody who looks now.
    pub(super) fn device_now(&self, state: &SimState) -> DeviceId {
        match self.is_there(state) {
            true => self.device.clone(),
            false => DeviceId::Gone(self.kernel_name.clone()),
        }
    }
}

impl Kernel {
    pub(super) fn new(at: SystemTime) -> Kernel {
        Kernel {
            cursor: 0,
            at,
            arrays: BTreeMap::new(),
        }
    }

    pub(super) fn name_of(&self, uuid: &str, name: &str) -> Result<String, BackendError> {
        let found = self
            .arrays
            .iter()
            .find(|(_, it)| it.superblock.uuid == uuid);
        found
            .map(|(it, _)| it.clone())
            .ok_or_else(|| BackendError::ArrayGone(name.to_owned()))
    }

    pub(super) fn find_mut(&mut self, uuid: &str, name: &str) -> Result<&mut Live, BackendError> {
        let found = self
            .arrays
            .values_mut()
            .find(|it| it.superblock.uuid == uuid);
        found.ok_or_else(|| BackendError::ArrayGone(name.to_owned()))
    }

    /// The kernel counts names down from md127.
    pub(super) fn free_name(&self) -> String {
        let names = (0..=127).rev().chain(128..).map(|it| format!("md{it}"));
        names
            .into_iter()
            .find(|it| !self.arrays.contains_key(it))
            .expect("numbers do not end")
    }

    /// As `mdadm --create` does it: RAID 4 and 5 begin degraded and fill their last member, the
    /// other levels with redundancy resync.
    pub(super) fn create(
        &mut self,
        mut superblock: Superblock,
        devices: &[(String, DeviceId)],
        state: &mut SimState,
    ) {
        let slots = superblock.slots;
        let fills_last = matches!(superblock.level, Level::Raid4 | Level::Raid5);
        if fills_last || !geometry::is_redundant(&superblock.level) {
            superblock.resync_from = None;
        }
        let role = |place: u32| match place {
            it if it >= slots => Role::Spare,
            it if fills_last && it == slots - 1 => Role::Spare,
            slot => Role::Active { slot },
        };
        let members = (0..)
            .zip(devices)
            .map(|(place, (name, id))| LiveMember::new(name.clone(), id.clone(), role(place)));
        let mut live = Live::new(superblock, members.collect());
        live.started = true;
        live.consider_sync(state);
        live.write_superblocks(state);
        self.arrays.insert(self.free_name(), live);
    }

    /// Let time pass for everything that runs.
    pub(super) fn run_until(&mut self, now: SystemTime, state: &mut SimState) {
        let mut left = now.duration_since(self.at).unwrap_or(Duration::ZERO);
        while !left.is_zero() {
            // From one thing that happens to the next, so that what comes after it is right too.
            let next = self
                .arrays
                .values()
                .filter_map(|it| it.next_change(self.at, state))
                .min();
            let step = next
                .map_or(left, |it| it.min(left))
                .max(Duration::from_nanos(1));
            self.at += step;
            left = left.saturating_sub(step);
            for array in self.arrays.values_mut() {
                array.run_for(step, self.at, state);
            }
        }
        self.at = self.at.max(now);
    }

    /// A disk left: udev tells md, which throws it out if the array can do without it.
    pub(super) fn member_left(&mut self, name: &str, state: &mut SimState) {
        let holds = |it: &Live| {
            it.members
                .iter()
                .any(|it| it.kernel_name == name || is_part(&it.kernel_name, name))
        };
        let held: Vec<String> = self
            .arrays
            .iter()
            .filter(|(_, it)| holds(it))
            .map(|(it, _)| it.clone())
            .collect();
        for array in held {
            let is_used = is_mounted(&self.arrays[&array], state);
            let Some(live) = self.arrays.get_mut(&array) else {
                continue;
            };
            if live.started && !is_used {
                live.rest();
            }
            let leaving: Vec<LiveMember> = live
                .members
                .iter()
                .filter(|it| it.kernel_name == name || is_part(&it.kernel_name, name))
                .cloned()
                .collect();
            for member in leaving {
                match member.role {
                    _ if !live.started => live
                        .members
                        .retain(|it| it.kernel_name != member.kernel_name),
                    Role::Spare => live
                        .members
                        .retain(|it| it.kernel_name != member.kernel_name),
                    // `mdadm --incremental --fail` marks it as faulty and removes it at once.
                    _ if live.survives_without(&member.device) => {
                        live.fail_member(&member.device, state);
                        live.members
                            .retain(|it| it.kernel_name != member.kernel_name);
                    }
                    _ => live.lose(&member.kernel_name),
                }
            }
            // An idle array that has lost too much is stopped by udev's rule.
            if live.broken && !is_used {
                self.arrays.remove(&array);
            }
        }
    }

    /// What is mounted or swapped to is written to.
    pub(super) fn notice_writes(&mut self, state: &SimState) {
        for live in self.arrays.values_mut().filter(|it| it.read_auto) {
            if is_mounted(live, state) {
                live.wake(state);
            }
        }
    }

    /// Power is gone, or the machine goes down in order.
    pub(super) fn go_down(&mut self, clean: bool, state: &mut SimState) {
        for live in self.arrays.values_mut().filter(|_| clean) {
            live.stop(state);
        }
        self.arrays.clear();
    }
}

fn is_part(member: &str, disk: &str) -> bool {
    member.strip_prefix(disk).is_some_and(|it| {
        let it = it.strip_prefix('p').unwrap_or(it);
        !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit())
    })
}

fn is_mounted(array: &Live, state: &SimState) -> bool {
    let id = array.id().to_string();
    state.mounts.iter().any(|(device, _)| *device == id) || state.swaps.contains(&id)
}

impl Live {
    pub(super) fn new(superblock: Superblock, members: Vec<LiveMember>) -> Live {
        Live {
            name: superblock.name.clone(),
            superblock,
            started: false,
            start_at: None,
            broken: false,
            read_auto: false,
            members,
            sync: None,
            mismatch: Bytes(0),
        }
    }

    pub(super) fn id(&self) -> DeviceId {
        DeviceId::Md(self.superblock.uuid.clone())
    }

    pub(super) fn size(&self) -> Bytes {
        let it = &self.superblock;
        match it.level {
            Level::Raid0 | Level::Linear => it.sizes.iter().copied().sum(),
            _ => geometry::array_size(&it.level, it.layout, it.slots, it.component)
                .unwrap_or_default(),
        }
    }

    fn missing(&self) -> BTreeSet<u32> {
        let filled: BTreeSet<u32> = self
            .members
            .iter()
            .filter_map(LiveMember::complete_slot)
            .collect();
        (0..self.superblock.slots)
            .filter(|it| !filled.contains(it))
            .collect()
    }

    fn is_complete_without(&self, missing: &BTreeSet<u32>) -> bool {
        let it = &self.superblock;
        geometry::can_lose(&it.level, it.layout, it.slots, missing).is_some()
    }

    /// Whether the data is still complete when this member is gone.
    pub(super) fn survives_without(&self, device: &DeviceId) -> bool {
        let mut missing = self.missing();
        let leaving = self.members.iter().filter(|it| it.device == *device);
        missing.extend(leaving.filter_map(LiveMember::complete_slot));
        self.is_complete_without(&missing)
    }

    /// A member that cannot be spared has left. Levels without redundancy never mark one as faulty.
    fn lose(&mut self, kernel_name: &str) {
        self.broken = true;
        self.sync = None;
        if geometry::is_redundant(&self.superblock.level) {
            for member in self
                .members
                .iter_mut()
                .filter(|it| it.kernel_name == kernel_name)
            {
                member.role = Role::Faulty;
            }
        }
    }

    /// Mark a member as faulty; a spare takes its place if there is one.
    pub(super) fn fail_member(&mut self, device: &DeviceId, state: &mut SimState) {
        for member in self.members.iter_mut().filter(|it| it.device == *device) {
            member.role = Role::Faulty;
        }
        // What was being read or filled begins anew or ends.
        if self.sync.is_some_and(|it| it.action != SyncAction::Resync) {
            self.sync = None;
        }
        self.consider_sync(state);
        self.write_superblocks(state);
    }

    /// A new device that waits; what is being filled begins anew together with it.
    pub(super) fn add_member(&mut self, name: String, device: DeviceId, state: &mut SimState) {
        self.members
            .push(LiveMember::new(name, device, Role::Spare));
        if self.sync.is_some_and(|it| it.action == SyncAction::Recover) {
            self.sync = None;
        }
        self.wake(state);
        self.write_superblocks(state);
    }

    /// Somebody writes to it, or changes it: md may write too.
    pub(super) fn wake(&mut self, state: &SimState) {
        self.read_auto = false;
        self.consider_sync(state);
    }

    /// Nothing is written until somebody does: what runs is put off. udev's rule has mdadm do that
    /// to an array that nobody uses when a member leaves (`IncrementalRemove` in Incremental.c).
    fn rest(&mut self) {
        if let Some(Sync {
            action: SyncAction::Resync,
            done,
            ..
        }) = self.sync
        {
            self.superblock.resync_from = Some(done);
        }
        self.sync = None;
        self.read_auto = true;
    }

    pub(super) fn start_replacement(
        &mut self,
        device: &DeviceId,
        with: &DeviceId,
        state: &mut SimState,
    ) -> Result<(), BackendError> {
        let place = |id: &DeviceId| self.members.iter().position(|it| it.device == *id);
        let (Some(old), Some(new)) = (place(device), place(with)) else {
            return Err(busy("cannot replace"));
        };
        let (Role::Active { slot }, Role::Spare) = (self.members[old].role, self.members[new].role)
        else {
            return Err(busy("cannot replace"));
        };
        self.members[old].want_replacement = true;
        self.members[new].role = Role::Replacement { slot };
        self.read_auto = false;
        self.sync = Some(Sync::new(SyncAction::Recover, self.superblock.component));
        self.write_superblocks(state);
        Ok(())
    }

    /// A replacement of what has failed goes on as the only one in its slot.
    fn promote_replacements(&mut self) {
        let missing = self.missing();
        for member in &mut self.members {
            if let Role::Replacement { slot } = member.role
                && missing.contains(&slot)
            {
                member.role = Role::Recovering { slot };
            }
        }
    }

    /// Begin what is due: resync after an unclean stop, recovery of an empty slot.
    pub(super) fn consider_sync(&mut self, state: &SimState) {
        self.promote_replacements();
        if !self.started || self.sync.is_some() || self.broken || self.read_auto {
            return;
        }
        if let Some(from) = self.superblock.resync_from {
            let of = self.superblock.component;
            self.sync = Some(Sync {
                action: SyncAction::Resync,
                done: from,
                of,
            });
            return;
        }
        if !geometry::is_redundant(&self.superblock.level) {
            return;
        }
        let missing = self.missing();
        for member in &mut self.members {
            // What it was to replace is gone: it takes the slot like any other.
            if let Role::Replacement { slot } = member.role
                && missing.contains(&slot)
            {
                member.role = Role::Recovering { slot };
            }
        }
        let replaces = |it: &LiveMember| matches!(it.role, Role::Replacement { .. });
        let mut begins = self.members.iter().any(replaces);
        for slot in missing {
            let taken = |it: &LiveMember| it.role == (Role::Recovering { slot });
            if self.members.iter().any(taken) {
                begins = true;
                continue;
            }
            let waits = |it: &&mut LiveMember| it.role == Role::Spare && it.is_there(state);
            if let Some(spare) = self.members.iter_mut().find(waits) {
                spare.role = Role::Recovering { slot };
                begins = true;
            }
        }
        if begins {
            self.sync = Some(Sync::new(SyncAction::Recover, self.superblock.component));
        }
    }

    fn speed(&self, state: &SimState) -> u64 {
        let spins = |it: &LiveMember| {
            state
                .disk_named(&it.kernel_name)
                .is_some_and(|it| it.spec.rotational)
        };
        match self.members.iter().any(spins) {
            true => SPEED_HDD,
            false => SPEED_MAX,
        }
    }

    /// The member that will be thrown out before the end of what runs.
    fn failing_member(&self, state: &SimState) -> Option<DeviceId> {
        let fails = |it: &&LiveMember| {
            it.role != Role::Faulty && it.role != Role::Spare && state.is_failing(&it.kernel_name)
        };
        self.members.iter().find(fails).map(|it| it.device.clone())
    }

    /// How far what runs will come.
    fn goal(&self, sync: &Sync, state: &SimState) -> Bytes {
        let breaks_at = Bytes(sync.of.0 / 100 * FAILING_AT);
        let breaks = self
            .failing_member(state)
            .is_some_and(|it| self.survives_without(&it));
        if breaks && sync.done < breaks_at {
            breaks_at
        } else {
            sync.of
        }
    }

    fn next_change(&self, now: SystemTime, state: &SimState) -> Option<Duration> {
        let start = self.start_at.filter(|_| !self.started);
        let start = start.map(|it| it.duration_since(now).unwrap_or(Duration::ZERO));
        let end = self.sync.as_ref().map(|sync| {
            let left = self.goal(sync, state).0.saturating_sub(sync.done.0);
            Duration::from_nanos(nanoseconds(left, self.speed(state)))
        });
        start.into_iter().chain(end).min()
    }

    fn run_for(&mut self, time: Duration, now: SystemTime, state: &mut SimState) {
        if !self.started && self.start_at.is_some_and(|it| it <= now) {
            self.start_at = None;
            self.start(state);
            return;
        }
        let Some(mut sync) = self.sync else { return };
        let goal = self.goal(&sync, state);
        let speed = u128::from(self.speed(state));
        let done = u64::try_from(time.as_nanos() * speed / 1_000_000_000).unwrap_or(u64::MAX);
        sync.done = Bytes(sync.done.0.saturating_add(done));
        // The last nanosecond is lost to rounding.
        let is_there = sync.done.0 + 1024 >= goal.0;
        sync.done = sync.done.min(goal);
        self.sync = Some(sync);
        if !is_there {
            return;
        }
        sync.done = goal;
        self.sync = Some(sync);
        match goal < sync.of {
            true => {
                if let Some(device) = self.failing_member(state) {
                    self.fail_member(&device, state);
                }
            }
            false => self.finish(sync.action, state),
        }
    }

    fn finish(&mut self, action: SyncAction, state: &mut SimState) {
        self.sync = None;
        match action {
            SyncAction::Resync => self.superblock.resync_from = None,
            SyncAction::Recover => {
                let replaced: Vec<u32> = self
                    .members
                    .iter()
                    .filter_map(|it| match it.role {
                        Role::Replacement { slot } => Some(slot),
                        _ => None,
                    })
                    .collect();
                for member in &mut self.members {
                    member.role = match member.role {
                        Role::Active { slot } if replaced.contains(&slot) => Role::Faulty,
                        Role::Recovering { slot } | Role::Replacement { slot } => {
                            Role::Active { slot }
                        }
                        other => other,
                    };
                    member.want_replacement = false;
                }
            }
            SyncAction::Check | SyncAction::Reshape => (),
            SyncAction::Repair => self.mismatch = Bytes(0),
        }
        self.consider_sync(state);
        self.write_superblocks(state);
    }

    /// Start with the members that are there. Says whether they are enough.
    pub(super) fn start(&mut self, state: &mut SimState) -> bool {
        if !self.is_complete_without(&self.missing()) {
            return false;
        }
        self.started = true;
        self.start_at = None;
        if self.superblock.dirty && geometry::is_redundant(&self.superblock.level) {
            self.superblock.resync_from.get_or_insert(Bytes(0));
        }
        self.superblock.dirty = false;
        self.read_auto = true;
        self.consider_sync(state);
        self.write_superblocks(state);
        true
    }

    /// Stop in good order: resync goes on where it was.
    pub(super) fn stop(&mut self, state: &mut SimState) {
        if let Some(Sync {
            action: SyncAction::Resync,
            done,
            ..
        }) = self.sync
        {
            self.superblock.resync_from = Some(done);
        }
        self.sync = None;
        if self.started {
            self.write_superblocks(state);
        }
        self.started = false;
    }

    /// Tell the members that are there what the array is now.
    pub(super) fn write_superblocks(&mut self, state: &mut SimState) {
        self.superblock.events += 1;
        self.superblock.in_sync = self
            .members
            .iter()
            .filter_map(LiveMember::complete_slot)
            .collect();
        for member in &self.members {
            let role = match member.role {
                Role::Active { slot } => SuperRole::Active(slot),
                Role::Recovering { slot } => SuperRole::Recovering(slot),
                Role::Replacement { slot } => SuperRole::Replacement(slot),
                Role::Spare | Role::Journal => SuperRole::Spare,
                Role::Faulty => continue,
            };
            if !member.is_there(state) {
                continue;
            }
            let superblock = Superblock {
                role,
                ..self.superblock.clone()
            };
            let signature = member_signature(&superblock);
            let contents = state.contents_mut(&member.device);
            contents.signatures = vec![signature];
            contents.superblock = serde_json::to_value(superblock).ok();
        }
    }

    /// What somebody who looks sees.
    pub(super) fn show(&self, kernel_name: &str, state: &SimState) -> Array {
        let it = &self.superblock;
        let missing = u32::try_from(self.missing().len()).unwrap_or(u32::MAX);
        let mut array = Array {
            uuid: Some(it.uuid.clone()),
            name: self.name.clone(),
            kernel_name: kernel_name.to_owned(),
            level: it.level.clone(),
            metadata: "1.2".to_owned(),
            state: self.array_state(),
            sync: self.sync_state(state),
            slots: it.slots,
            degraded: (self.started && counts_missing(&it.level)).then_some(missing),
            size: if self.started { self.size() } else { Bytes(0) },
            component_size: if geometry::is_redundant(&it.level) {
                it.component
            } else {
                Bytes(0)
            },
            chunk: it.chunk,
            layout: it.layout,
            members: self.members.iter().map(|it| it.show(state)).collect(),
            consistency: match (geometry::is_redundant(&it.level), it.bitmap) {
                _ if !self.started => "unknown",
                (false, _) => "none",
                (true, true) => "bitmap",
                (true, false) => "resync",
            }
            .to_owned(),
            mismatch: (self.started && counts_missing(&it.level)).then_some(self.mismatch),
        };
        if !self.started {
            forget_shape(&mut array);
        }
        array.sort_members();
        array
    }

    fn array_state(&self) -> ArrayState {
        match (self.started, self.broken, self.read_auto) {
            (false, ..) => ArrayState::Inactive,
            (true, true, _) => ArrayState::Broken,
            (true, false, true) => ArrayState::ReadAuto,
            (true, false, false) => ArrayState::Clean,
        }
    }

    fn sync_state(&self, state: &SimState) -> SyncState {
        let Some(sync) = self.sync else {
            let action = SyncAction::Resync;
            let waits = self.read_auto && self.superblock.resync_from.is_some();
            return match waits {
                true => SyncState::Pending { action },
                false => SyncState::Idle,
            };
        };
        SyncState::Running {
            action: sync.action,
            done: Some(sync.done),
            of: Some(sync.of),
            speed: Some(Bytes(self.speed(state))),
        }
    }
}

impl LiveMember {
    /// The slot it fills, completely or not yet.
    pub(super) fn slot(&self) -> Option<u32> {
        match self.role {
            Role::Active { slot } | Role::Recovering { slot } | Role::Replacement { slot } => {
                Some(slot)
            }
            Role::Spare | Role::Faulty | Role::Journal => None,
        }
    }

    /// The slot it fills completely.
    fn complete_slot(&self) -> Option<u32> {
        match self.role {
            Role::Active { slot } => Some(slot),
            _ => None,
        }
    }

    fn show(&self, state: &SimState) -> Member {
        let mut flags = BTreeSet::new();
        if self.want_replacement {
            flags.insert(MemberFlag::WantReplacement);
        }
        Member {
            device: self.device_now(state),
            kernel_name: self.kernel_name.clone(),
            role: self.role,
            flags,
            errors: 0,
        }
    }
}

/// The kernel reads what the members remember when it starts an array, and not before.
fn forget_shape(array: &mut Array) {
    array.level = Level::Other("unknown".to_owned());
    array.slots = 0;
    array.chunk = None;
    array.layout = 0;
    for member in &mut array.members {
        member.role = Role::Spare;
    }
}

fn nanoseconds(bytes: u64, per_second: u64) -> u64 {
    u64::try_from(u128::from(bytes) * 1_000_000_000 / u128::from(per_second.max(1)))
        .unwrap_or(u64::MAX)
}
