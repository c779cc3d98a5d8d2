//! Arrays that grow, and members that come back.

use moxnas_core::{disk::DeviceId, sim::SimState, units::Bytes};

use super::{
    SuperRole, Superblock, busy,
    live::{Live, LiveMember, Sync},
};
use crate::{
    backend::BackendError,
    geometry,
    growth::{Grow, GrowWork, grown, new_slots},
    model::{Level, Role, SyncAction},
    shape::Consistency,
};

impl Live {
    /// How much a reshape goes through: of RAID 10 the array, of the others each member.
    pub(super) fn to_move(&self) -> Bytes {
        match self.superblock.level {
            Level::Raid10 => self.size(),
            _ => self.superblock.component,
        }
    }

    /// Take a member back that was away. Where nothing was written meanwhile it is complete at once.
    pub(super) fn take_back(
        &mut self,
        device: &DeviceId,
        state: &mut SimState,
    ) -> Result<(), BackendError> {
        let refused = || busy("re-add is not possible");
        let superblock = state.contents_of(device).superblock;
        let superblock: Option<Superblock> =
            superblock.and_then(|it| serde_json::from_value(it).ok());
        let superblock = superblock.ok_or_else(refused)?;
        let SuperRole::Active(slot) = superblock.role else {
            return Err(refused());
        };
        let is_known = superblock.uuid == self.superblock.uuid
            && superblock.events >= self.superblock.events_cleared
            && self.superblock.consistency == Consistency::Bitmap
            && self.missing().contains(&slot);
        let is_taken = |it: &LiveMember| it.slot() == Some(slot);
        let name = state
            .block_devices()
            .by_id(device)
            .map(|it| it.name.clone());
        let Some(name) = name.filter(|_| is_known && !self.members.iter().any(is_taken)) else {
            return Err(refused());
        };
        self.members.retain(|it| it.device != *device);
        let role = match self.is_written {
            true => Role::Recovering { slot },
            false => Role::Active { slot },
        };
        self.members.push(LiveMember {
            write_mostly: superblock.write_mostly,
            ..LiveMember::new(name, device.clone(), role)
        });
        self.wake(state);
        self.write_superblocks(state);
        Ok(())
    }

    pub(super) fn grow(
        &mut self,
        grow: &Grow,
        add: Vec<(String, DeviceId)>,
        state: &mut SimState,
    ) -> Result<(), BackendError> {
        let devices = state.block_devices();
        let filled = self.members.iter().filter(|it| it.slot().is_some());
        let usable = filled
            .filter_map(|it| devices.get(&it.kernel_name))
            .map(|it| self.superblock.usable(it.size))
            .min()
            .unwrap_or_default();
        let was = self.superblock.form(usable);
        let to = grown(&was, grow, usable)
            .map_err(|why| BackendError::Injected(format!("cannot grow: {why}")))?;
        let had_redundancy = geometry::is_redundant(&was.level);
        let filled = self.members.iter().filter_map(LiveMember::slot).collect();
        let moved = new_slots(&was, &to.now, &filled);
        for member in &mut self.members {
            if let Role::Active { slot } = &mut member.role {
                *slot = moved.get(slot).copied().unwrap_or(*slot);
            }
        }
        // The kernel takes what was added last first.
        let new = add.into_iter().rev();
        let new = new.map(|(name, id)| LiveMember::new(name, id, Role::Spare));
        self.members.extend(new);
        let it = &mut self.superblock;
        (it.level, it.slots) = (to.now.level.clone(), to.now.slots);
        (it.layout, it.chunk) = (to.now.layout, to.now.chunk);
        it.component = to.now.component;
        if !had_redundancy {
            it.consistency = Consistency::Resync;
        }
        match to.work {
            GrowWork::Fill => (),
            GrowWork::Resync { from } => it.resync_from = Some(from),
            GrowWork::Reshape(old) => {
                it.reshape = Some(old);
                it.reshape_at = Bytes(0);
                self.give_new_slots(was.level == to.now.level);
                self.sync = Some(Sync::new(SyncAction::Reshape, self.to_move()));
            }
        }
        self.consider_sync(state);
        self.write_superblocks(state);
        Ok(())
    }

    /// Spares take the new slots. Where nothing is on them yet they are complete; another level
    /// begins without its new member.
    fn give_new_slots(&mut self, are_complete: bool) {
        for slot in self.missing() {
            let waits = |it: &&mut LiveMember| it.role == Role::Spare;
            if let Some(spare) = self.members.iter_mut().rfind(waits) {
                spare.role = match are_complete {
                    true => Role::Active { slot },
                    false => Role::Recovering { slot },
                };
            }
        }
    }
}
