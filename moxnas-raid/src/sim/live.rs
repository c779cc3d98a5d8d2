//! An assembled array: who is in it, and how members come, go and are told of it.

use std::{collections::BTreeSet, time::SystemTime};

use moxnas_core::{disk::DeviceId, sim::SimState, units::Bytes};

use super::{SuperRole, Superblock, busy, member_signature};
use crate::{
    backend::BackendError,
    geometry,
    model::{Level, Reshape, Role, SyncAction},
};

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
    /// Nothing is written until somebody says that it may.
    pub(super) read_only: bool,
    /// What runs in the background is held up.
    pub(super) paused: bool,
    /// Since when it does what it does in the background, in the order in which arrays began.
    pub(super) turn: Option<u64>,
    /// What it does waits for another array on the same disks.
    pub(super) delayed: bool,
    /// Bounds of its own for what runs in the background: lower, upper.
    pub(super) speed_limits: (Option<Bytes>, Option<Bytes>),
    /// Something was written since a member is missing.
    pub(super) is_written: bool,
    /// How often somebody has written to it, as far as was seen.
    pub(super) writes_seen: u64,
    pub(super) members: Vec<LiveMember>,
    pub(super) sync: Option<Sync>,
    pub(super) mismatch: Bytes,
    /// Where the next check or repair begins.
    pub(super) scrub_from: Bytes,
}

#[derive(Clone, Debug)]
pub(super) struct LiveMember {
    pub(super) kernel_name: String,
    pub(super) device: DeviceId,
    pub(super) role: Role,
    pub(super) want_replacement: bool,
    pub(super) write_mostly: bool,
}

/// What runs in the background.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sync {
    pub(super) action: SyncAction,
    pub(super) done: Bytes,
    pub(super) of: Bytes,
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
            write_mostly: false,
        }
    }

    pub(super) fn is_there(&self, state: &SimState) -> bool {
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

impl Live {
    pub(super) fn new(superblock: Superblock, members: Vec<LiveMember>) -> Live {
        Live {
            name: superblock.name.clone(),
            superblock,
            started: false,
            start_at: None,
            broken: false,
            read_auto: false,
            read_only: false,
            paused: false,
            turn: None,
            delayed: false,
            speed_limits: (None, None),
            is_written: false,
            writes_seen: 0,
            members,
            sync: None,
            mismatch: Bytes(0),
            scrub_from: Bytes(0),
        }
    }

    pub(super) fn id(&self) -> DeviceId {
        DeviceId::Md(self.superblock.uuid.clone())
    }

    pub(super) fn size(&self) -> Bytes {
        let it = &self.superblock;
        match it.level {
            Level::Raid0 | Level::Linear => it.sizes.iter().copied().sum(),
            _ => {
                // What is new comes when all data is moved.
                let reshape = it.reshape.unwrap_or(Reshape {
                    slots: it.slots,
                    layout: it.layout,
                    chunk: it.chunk,
                });
                let (layout, chunk, slots) = (reshape.layout, reshape.chunk, reshape.slots);
                geometry::array_size(&it.level, layout, chunk, slots, it.component)
                    .unwrap_or_default()
            }
        }
    }

    pub(super) fn missing(&self) -> BTreeSet<u32> {
        let filled: BTreeSet<u32> = self
            .members
            .iter()
            .filter_map(LiveMember::complete_slot)
            .collect();
        (0..self.superblock.slots)
            .filter(|it| !filled.contains(it))
            .collect()
    }

    pub(super) fn is_complete_without(&self, missing: &BTreeSet<u32>) -> bool {
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

    /// A member that cannot be spared has left. Only levels with parity mark it as faulty: the last
    /// one of a mirror md keeps as it is (`raid1_error` in raid1.c).
    pub(super) fn lose(&mut self, kernel_name: &str) {
        self.broken = true;
        self.sync = None;
        if geometry::has_parity(&self.superblock.level) {
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
        self.interrupt(state);
        self.consider_sync(state);
        self.write_superblocks(state);
    }

    /// What runs ends before its end. Of all but a recovery md knows how far it came.
    pub(super) fn interrupt(&mut self, state: &SimState) {
        self.note_resync();
        if let Some(Sync {
            action: SyncAction::Check | SyncAction::Repair,
            done,
            of,
        }) = self.sync
        {
            let noted_every = (of.0 / 16).min(10 * self.speed(state)).max(1);
            let noted = Bytes(done.0 - done.0 % noted_every);
            self.scrub_from = Bytes::from_sectors(noted.sectors());
        }
        if let Some(Sync {
            action: SyncAction::Reshape,
            done,
            ..
        }) = self.sync
        {
            self.superblock.reshape_at = done;
        }
        self.sync = None;
    }

    /// Read everything, from where the last one was interrupted.
    pub(super) fn scrub(&mut self, action: SyncAction) {
        self.sync = Some(Sync {
            done: self.scrub_from,
            ..Sync::new(action, self.superblock.component)
        });
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
    pub(super) fn rest(&mut self, state: &SimState) {
        self.interrupt(state);
        self.read_auto = true;
    }

    /// Hold up what runs, or let it go on where it was.
    pub(super) fn pause(&mut self, paused: bool, state: &SimState) {
        if paused {
            self.interrupt(state);
        }
        self.paused = paused;
        self.read_auto = false;
        self.consider_sync(state);
    }

    /// Let nothing be written, or again.
    pub(super) fn set_read_only(&mut self, read_only: bool, state: &SimState) {
        if read_only {
            self.interrupt(state);
        }
        self.read_only = read_only;
        self.read_auto = false;
        self.consider_sync(state);
    }

    fn note_resync(&mut self) {
        if let Some(Sync {
            action: SyncAction::Resync,
            done,
            ..
        }) = self.sync
        {
            self.superblock.resync_from = Some(done);
        }
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
    pub(super) fn promote_replacements(&mut self) {
        let missing = self.missing();
        for member in &mut self.members {
            if let Role::Replacement { slot } = member.role
                && missing.contains(&slot)
            {
                member.role = Role::Recovering { slot };
            }
        }
    }

    /// Begin what is due. A spare that can be filled comes before a resync, see `md_check_recovery` in
    /// drivers/md/md.c.
    pub(super) fn consider_sync(&mut self, state: &SimState) {
        self.promote_replacements();
        let holds_still = self.read_auto || self.read_only || self.paused;
        if !self.started || self.sync.is_some() || self.broken || holds_still {
            return;
        }
        if self.superblock.reshape.is_some() {
            self.sync = Some(Sync {
                done: self.superblock.reshape_at,
                ..Sync::new(SyncAction::Reshape, self.to_move())
            });
            return;
        }
        if self.fills_slots(state) {
            self.sync = Some(Sync::new(SyncAction::Recover, self.superblock.component));
        } else if let Some(from) = self.superblock.resync_from {
            self.sync = Some(Sync {
                done: from,
                ..Sync::new(SyncAction::Resync, self.superblock.component)
            });
        }
    }

    /// Give every slot that is empty a spare, as far as there are any, and say whether any slot is to be
    /// filled.
    fn fills_slots(&mut self, state: &SimState) -> bool {
        if !geometry::is_redundant(&self.superblock.level) {
            return false;
        }
        let missing = self.missing();
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
        begins
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

    /// Stop in good order: resync and reshape go on where they were.
    pub(super) fn stop(&mut self, state: &mut SimState) {
        self.interrupt(state);
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
        if self.missing().is_empty() {
            self.superblock.events_cleared = self.superblock.events;
            self.is_written = false;
        }
        for member in &self.members {
            let role = match member.role {
                Role::Active { slot } => SuperRole::Active(slot),
                Role::Recovering { slot } => SuperRole::Recovering(slot),
                Role::Replacement { slot } => SuperRole::Replacement(slot),
                Role::Spare => SuperRole::Spare,
                Role::Journal => SuperRole::Journal,
                Role::Faulty => continue,
            };
            if !member.is_there(state) {
                continue;
            }
            let superblock = Superblock {
                role,
                write_mostly: member.write_mostly,
                ..self.superblock.clone()
            };
            let signature = member_signature(&superblock);
            let contents = state.contents_mut(&member.device);
            contents.signatures = vec![signature];
            contents.superblock = serde_json::to_value(superblock).ok();
        }
    }
}

impl LiveMember {
    /// The slot it fills, completely or not yet.
    pub(super) fn slot(&self) -> Option<u32> {
        self.role.slot()
    }

    /// The slot it fills completely.
    pub(super) fn complete_slot(&self) -> Option<u32> {
        match self.role {
            Role::Active { slot } => Some(slot),
            _ => None,
        }
    }
}
