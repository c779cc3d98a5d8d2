//! How what runs in the background gets on as time passes.

use std::time::{Duration, SystemTime};

use moxnas_core::{disk::DeviceId, sim::SimState, units::Bytes};

use super::live::{Live, LiveMember, Sync};
use crate::model::{Role, SyncAction};

/// What md reaches on disks that spin, per member and second. A fair figure for the outer tracks
/// of a disk of 4 TB and more.
const SPEED_HDD: u64 = 180_000_000;
/// md's own default limit: `/proc/sys/dev/raid/speed_limit_max`, 200,000 KiB/s.
const SPEED_MAX: u64 = 200_000 * 1024;
/// How far a disk with media errors gets before it is thrown out, in hundredths of the way.
const FAILING_AT: u64 = 37;

impl Live {
    pub(super) fn speed(&self, state: &SimState) -> u64 {
        let spins = |it: &LiveMember| {
            state
                .disk_named(&it.kernel_name)
                .is_some_and(|it| it.spec.rotational)
        };
        let speed = match self.members.iter().any(spins) {
            true => SPEED_HDD,
            false => SPEED_MAX,
        };
        let (_, max) = self.speed_limits;
        speed.min(max.map_or(SPEED_MAX, |it| it.0))
    }

    /// The member that will be thrown out before the end of what runs.
    pub(super) fn failing_member(&self, state: &SimState) -> Option<DeviceId> {
        let fails = |it: &&LiveMember| {
            it.role != Role::Faulty && it.role != Role::Spare && state.is_failing(&it.kernel_name)
        };
        self.members.iter().find(fails).map(|it| it.device.clone())
    }

    /// How far what runs will come.
    pub(super) fn goal(&self, sync: &Sync, state: &SimState) -> Bytes {
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

    pub(super) fn next_change(&self, now: SystemTime, state: &SimState) -> Option<Duration> {
        let start = self.start_at.filter(|_| !self.started);
        let start = start.map(|it| it.duration_since(now).unwrap_or(Duration::ZERO));
        let running = self.sync.as_ref().filter(|_| !self.delayed);
        let end = running.map(|sync| {
            let left = self.goal(sync, state).0.saturating_sub(sync.done.0);
            Duration::from_nanos(nanoseconds(left, self.speed(state)))
        });
        start.into_iter().chain(end).min()
    }

    pub(super) fn run_for(&mut self, time: Duration, now: SystemTime, state: &mut SimState) {
        if !self.started && self.start_at.is_some_and(|it| it <= now) {
            self.start_at = None;
            self.start(state);
            return;
        }
        let Some(mut sync) = self.sync.filter(|_| !self.delayed) else {
            return;
        };
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

    pub(super) fn finish(&mut self, action: SyncAction, state: &mut SimState) {
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
                    if let Role::Active { slot } = member.role
                        && replaced.contains(&slot)
                    {
                        member.role = Role::Faulty;
                    }
                    member.want_replacement = false;
                }
                self.complete_filled();
            }
            SyncAction::Reshape => {
                self.superblock.reshape = None;
                self.superblock.reshape_at = Bytes(0);
                self.complete_filled();
            }
            SyncAction::Check => self.scrub_from = Bytes(0),
            SyncAction::Repair => {
                self.scrub_from = Bytes(0);
                self.mismatch = Bytes(0);
            }
        }
        self.consider_sync(state);
        self.write_superblocks(state);
    }
}

impl Live {
    fn complete_filled(&mut self) {
        for member in &mut self.members {
            if let Role::Recovering { slot } | Role::Replacement { slot } = member.role {
                member.role = Role::Active { slot };
            }
        }
    }
}

fn nanoseconds(bytes: u64, per_second: u64) -> u64 {
    u64::try_from(u128::from(bytes) * 1_000_000_000 / u128::from(per_second.max(1)))
        .unwrap_or(u64::MAX)
}
