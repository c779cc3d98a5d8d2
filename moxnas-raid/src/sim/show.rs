//! What somebody who looks at an assembled array sees.

use std::collections::BTreeSet;

use moxnas_core::{disk::BlockDevices, sim::SimState, units::Bytes};

use super::{
    counts_missing,
    live::{Live, LiveMember},
};
use crate::{
    geometry,
    model::{
        Array, ArrayState, Level, Member, MemberFlag, Role, SpeedLimit, SpeedLimits, SyncAction,
        SyncState,
    },
};

impl Live {
    /// What somebody who looks sees.
    pub(super) fn show(
        &self,
        kernel_name: &str,
        devices: &BlockDevices,
        state: &SimState,
    ) -> Array {
        let it = &self.superblock;
        let missing = u32::try_from(self.missing().len()).unwrap_or(u32::MAX);
        let mut array = Array {
            uuid: Some(it.uuid.clone()),
            name: self.name.clone(),
            kernel_name: kernel_name.to_owned(),
            level: it.level.clone(),
            metadata: it.metadata.word().to_owned(),
            state: self.array_state(),
            sync: self.sync_state(state),
            resync_due: self.started && it.resync_from.is_some(),
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
            members: self
                .members
                .iter()
                .map(|member| Member {
                    usable: devices
                        .get(&member.kernel_name)
                        .map(|it| self.superblock.usable(it.size)),
                    ..member.show(state)
                })
                .collect(),
            consistency: match self.started {
                true => it.consistency.word().to_owned(),
                false => "unknown".to_owned(),
            },
            mismatch: (self.started && counts_missing(&it.level)).then_some(self.mismatch),
            scrub_stopped_at: Some(self.scrub_from).filter(|it| it.0 > 0 && self.started),
            reshape: it.reshape.filter(|_| self.started),
            speed_limits: (self.started && counts_missing(&it.level)).then(|| self.limits()),
        };
        if !self.started {
            forget_shape(&mut array);
        }
        array.sort_members();
        array
    }

    fn array_state(&self) -> ArrayState {
        match (self.started, self.broken, self.read_only, self.read_auto) {
            (false, ..) => ArrayState::Inactive,
            (true, true, ..) => ArrayState::Broken,
            (true, false, true, _) => ArrayState::ReadOnly,
            (true, false, false, true) => ArrayState::ReadAuto,
            (true, false, false, false) => ArrayState::Clean,
        }
    }

    fn limits(&self) -> SpeedLimits {
        let limit = |own: Option<Bytes>, of_all| SpeedLimit {
            per_second: own.unwrap_or(Bytes::from_kib(of_all)),
            is_own: own.is_some(),
        };
        let (min, max) = self.speed_limits;
        SpeedLimits {
            min: limit(min, 1000),
            max: limit(max, 200_000),
        }
    }

    fn sync_state(&self, state: &SimState) -> SyncState {
        let waits = self.read_auto || self.read_only;
        let Some(sync) = self.sync else {
            return match self.superblock.resync_from {
                _ if self.paused => SyncState::Frozen,
                Some(_) if waits => SyncState::Pending {
                    action: SyncAction::Resync,
                },
                _ if waits && self.superblock.reshape.is_some() => SyncState::Pending {
                    action: SyncAction::Reshape,
                },
                _ => SyncState::Idle,
            };
        };
        if self.delayed {
            return SyncState::Delayed {
                action: sync.action,
            };
        }
        SyncState::Running {
            action: sync.action,
            done: Some(sync.done),
            of: Some(sync.of),
            speed: Some(Bytes(self.speed(state))),
        }
    }
}

impl LiveMember {
    fn show(&self, state: &SimState) -> Member {
        let mut flags = BTreeSet::new();
        if self.write_mostly {
            flags.insert(MemberFlag::WriteMostly);
        }
        if self.want_replacement {
            flags.insert(MemberFlag::WantReplacement);
        }
        Member {
            device: self.device_now(state),
            kernel_name: self.kernel_name.clone(),
            role: self.role,
            flags,
            errors: 0,
            usable: None,
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
