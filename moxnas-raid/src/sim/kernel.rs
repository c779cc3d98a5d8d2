//! What the kernel would know of arrays: which there are, and what happens to them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use moxnas_core::sim::SimState;

use super::{
    Superblock,
    live::{Live, LiveMember},
};
use crate::{backend::BackendError, geometry, model::Role};

/// Everything that is lost when power is cut.
#[derive(Debug)]
pub(super) struct Kernel {
    /// How many of the machine's events were seen.
    pub(super) cursor: usize,
    /// Up to when progress was made.
    at: SystemTime,
    /// How often an array began to do something in the background.
    turns: u64,
    /// By kernel name.
    pub(super) arrays: BTreeMap<String, Live>,
}

impl Kernel {
    pub(super) fn new(at: SystemTime) -> Kernel {
        Kernel {
            cursor: 0,
            at,
            turns: 0,
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

    /// As `mdadm --create` does it: RAID 4 and 5 begin degraded and fill a member, the other
    /// levels with redundancy resync.
    pub(super) fn create(
        &mut self,
        mut superblock: Superblock,
        mut members: Vec<LiveMember>,
        assume_clean: bool,
        state: &mut SimState,
    ) {
        let keeps_journal = members.iter().any(|it| it.role == Role::Journal);
        let filled = geometry::filled_first(&superblock.level, superblock.slots, keeps_journal);
        let filled = filled.filter(|_| !assume_clean);
        for member in &mut members {
            if filled.is_some() && member.role.slot() == filled {
                member.role = Role::Spare;
            }
        }
        if filled.is_some() || !geometry::is_redundant(&superblock.level) {
            superblock.resync_from = None;
        }
        let mut live = Live::new(superblock, members);
        live.started = true;
        live.consider_sync(state);
        live.write_superblocks(state);
        self.arrays.insert(self.free_name(), live);
    }

    /// Of arrays on the same disks one works at a time, the one that began first (`md_do_sync`).
    fn take_turns(&mut self, state: &SimState) {
        for live in self.arrays.values_mut() {
            let begins = live.sync.is_some() && live.turn.is_none();
            match live.sync {
                None => live.turn = None,
                Some(_) if begins => {
                    self.turns += 1;
                    live.turn = Some(self.turns);
                }
                Some(_) => (),
            }
        }
        let mut order: Vec<(u64, String)> = self
            .arrays
            .iter()
            .filter_map(|(name, it)| Some((it.turn?, name.clone())))
            .collect();
        order.sort_unstable();
        let mut busy: BTreeSet<String> = BTreeSet::new();
        for (_, name) in order {
            let Some(live) = self.arrays.get_mut(&name) else {
                continue;
            };
            let disk_of = |name: &str| {
                let disk = state.disk_named(name).and_then(|it| it.kernel_name.clone());
                disk.unwrap_or_else(|| name.to_owned())
            };
            let members = live.members.iter();
            let disks: BTreeSet<String> = members.map(|it| disk_of(&it.kernel_name)).collect();
            live.delayed = !disks.is_disjoint(&busy);
            if !live.delayed {
                busy.extend(disks);
            }
        }
    }

    /// Let time pass for everything that runs.
    pub(super) fn run_until(&mut self, now: SystemTime, state: &mut SimState) {
        self.take_turns(state);
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
            // An array that was started late may be mounted already.
            self.notice_writes(state);
            self.take_turns(state);
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
                live.rest(state);
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
                    // `mdadm --incremental --fail` marks it as faulty and removes it at once, which
                    // md refuses while it moves data.
                    _ if live.survives_without(&member.device) => {
                        let is_moved = live.superblock.reshape.is_some();
                        live.fail_member(&member.device, state);
                        live.members
                            .retain(|it| is_moved || it.kernel_name != member.kernel_name);
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
        for live in self.arrays.values_mut() {
            let writes = state.writes.get(&live.id().to_string()).copied();
            let is_written = writes.unwrap_or(0) > live.writes_seen;
            live.writes_seen = writes.unwrap_or(0);
            live.is_written |= is_written && !live.missing().is_empty();
            if live.read_auto && (is_written || is_mounted(live, state)) {
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

pub(super) fn is_part(member: &str, disk: &str) -> bool {
    member.strip_prefix(disk).is_some_and(|it| {
        let it = it.strip_prefix('p').unwrap_or(it);
        !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit())
    })
}

fn is_mounted(array: &Live, state: &SimState) -> bool {
    let id = array.id().to_string();
    state.mounts.iter().any(|(device, _)| *device == id) || state.swaps.contains(&id)
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use moxnas_core::{
        disk::DeviceId,
        sim::{DiskSpec, SimMachine},
        units::Bytes,
    };

    use crate::{
        Change, CreateArray, Health, Level, RaidBackend, SimRaid, SyncAction, SyncState, execute,
        health, plan,
    };

    /// Three disks: a mirror of two, whose first is the device, and a spare.
    fn mirror_with_spare() -> (Arc<SimMachine>, SimRaid, DeviceId) {
        let machine = SimMachine::new(1);
        for serial in ["A", "B", "C"] {
            machine.plug(DiskSpec::hdd(serial, 4_000_000_000_000));
        }
        let raid = SimRaid::new(Arc::clone(&machine));
        let seen = raid.observe().unwrap();
        let [a, b, c] = ["A", "B", "C"].map(|it| seen.devices.resolve(it).unwrap().id.clone());
        let wish = CreateArray {
            spares: vec![c],
            ..CreateArray::new("tank".parse().unwrap(), Level::Raid1, vec![a.clone(), b])
        };
        let plan = plan(&seen, &Change::Create(wish)).unwrap();
        execute(&raid, &plan.steps).unwrap();
        (machine, raid, a)
    }

    /// The timer starts a degraded array half a minute after the machine, and mounting it wakes it.
    #[test]
    fn an_array_that_is_started_late_and_mounted_goes_on_by_itself() {
        let (machine, raid, _) = mirror_with_spare();
        let month = Duration::from_secs(30 * 24 * 3600);
        machine.advance(month);
        let array = raid.observe().unwrap().arrays.remove(0);
        let id = format!("md-uuid-{}", array.uuid.unwrap());
        machine.state().mounts.push((id, "/srv/tank".to_owned()));
        machine.reboot();
        machine.state().take_out("B").unwrap();
        raid.observe().unwrap();
        machine.advance(month);
        let array = raid.observe().unwrap().arrays.remove(0);
        let (is, reasons) = health(&array);
        assert_eq!(
            is,
            Health::Optimal { can_lose: 1 },
            "{reasons:?} {array:#?}"
        );
    }

    /// As on Linux 6.1: `recovery = 2.3%` follows `--fail` within a second, `resync_start` stays where
    /// the resync was.
    #[test]
    fn a_spare_is_filled_before_the_resync_goes_on() {
        let (machine, raid, a) = mirror_with_spare();
        let found = || raid.observe().unwrap().arrays.remove(0);
        machine.advance(Duration::from_secs(3600));
        let done = |it: &crate::Array| match it.sync {
            SyncState::Running { done, .. } => done,
            _ => None,
        };
        let before = done(&found());
        let fail = Change::Fail {
            array: "tank".to_owned(),
            device: a,
        };
        let plan = plan(&raid.observe().unwrap(), &fail).unwrap();
        execute(&raid, &plan.steps).unwrap();
        let array = found();
        assert_eq!(array.sync.action(), Some(SyncAction::Recover));
        assert!(array.resync_due);
        while found().sync.action() == Some(SyncAction::Recover) {
            machine.advance(Duration::from_secs(60));
        }
        let array = found();
        assert_eq!(array.sync.action(), Some(SyncAction::Resync));
        assert!(
            before > Some(Bytes(0)) && done(&array) >= before,
            "{array:#?}"
        );
        assert_eq!(array.degraded, Some(0));
    }
}
