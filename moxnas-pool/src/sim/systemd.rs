//! What systemd and the kernel do by themselves about pools when disks and machines come and go, see
//! systemd.mount(5) and systemd.device(5).

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use moxnas_core::{
    disk::DeviceId,
    sim::{Event, SimState},
};

use super::{mount, spread::Known, unit_file, wanted};
use crate::{
    model::PoolName,
    unit::{MountUnit, UNIT_FOLDER, mount_point},
};

/// How long a start of the machine waits for a device, by default.
const PATIENCE: Duration = Duration::from_secs(90);

/// What it remembers while the machine runs.
#[derive(Debug, Default)]
pub(super) struct Systemd {
    /// How many events of the machine it has heard.
    heard: usize,
    /// The pools whose devices a start waits for, and until when; one that nobody looked at for longer
    /// is tried once.
    waiting: Vec<(PoolName, SystemTime)>,
    /// Where processes work, and their names.
    pub(super) working: Vec<(String, String)>,
    /// The snapshots that LVM was told to activate, by the text of the ids of their devices.
    pub(super) shown: BTreeSet<String>,
    /// The groups that LVM was told to deactivate, by their pools.
    pub(super) inactive: BTreeSet<PoolName>,
    /// Those of which it was told to activate the metadata by themselves.
    pub(super) open: BTreeSet<PoolName>,
    /// How often the machine was started since it was made.
    pub(super) starts: usize,
}

impl Systemd {
    /// Take in what happened to the machine.
    pub(super) fn hear(&mut self, state: &mut SimState) {
        if self.heard < state.events.len() {
            let news = state.events[self.heard..].to_vec();
            self.heard = state.events.len();
            for (at, event) in news {
                match event {
                    Event::Up => self.start(state, at + PATIENCE),
                    Event::Pulled(_) => let_go(state),
                    Event::Plugged(_) | Event::Down { .. } => (),
                }
            }
        }
    }

    /// Mount what is there by now. Gives the units of that.
    pub(super) fn catch_up(
        &mut self,
        state: &mut SimState,
        now: SystemTime,
        known: &Known,
    ) -> Vec<MountUnit> {
        let mut mounted = Vec::new();
        self.waiting.retain(|(pool, until)| {
            let unit = mount(state, pool, known);
            let is_done = unit.is_ok();
            mounted.extend(unit);
            !is_done && now < *until
        });
        mounted
    }

    /// Nothing is mounted any more, and what is wanted is waited for.
    fn start(&mut self, state: &mut SimState, until: SystemTime) {
        let pools = pools(state);
        let places: BTreeSet<String> = pools.iter().map(mount_point).collect();
        let is_below = |at: &str| places.iter().any(|it| at.starts_with(&format!("{it}/")));
        state
            .mounts
            .retain(|(_, at)| !places.contains(at) && !is_below(at));
        let pools = pools.into_iter();
        let is_wanted = |it: &PoolName| state.files.contains_key(&wanted(it));
        self.waiting = pools.filter(is_wanted).map(|it| (it, until)).collect();
        self.working.clear();
        self.shown.clear();
        self.inactive.clear();
        self.open.clear();
        self.starts += 1;
    }

    /// Who works at a place or below.
    pub(super) fn users(&self, at: &str) -> Vec<String> {
        let below = format!("{at}/");
        let is_here = |it: &str| it == at || it.starts_with(&below);
        let here = self.working.iter().filter(|(it, _)| is_here(it));
        here.map(|(_, process)| process.clone()).collect()
    }
}

/// A mount is bound to its device: without, it is stopped. Arrays outlive their disks.
fn let_go(state: &mut SimState) {
    let places: BTreeSet<String> = pools(state).iter().map(mount_point).collect();
    let gone: BTreeSet<String> = state
        .mounts
        .iter()
        .filter(|(device, at)| {
            let is_gone = |it: &DeviceId| {
                let is_disk = matches!(it, DeviceId::Disk(_) | DeviceId::Partition(..));
                is_disk && state.size_of(it).is_none()
            };
            places.contains(at) && device.parse().is_ok_and(|it| is_gone(&it))
        })
        .map(|(device, _)| device.clone())
        .collect();
    // Of a filesystem on several devices the kernel names one: with that one the mount ends.
    let mut named: BTreeMap<&String, &String> = BTreeMap::new();
    for (device, at) in &state.mounts {
        named.entry(at).or_insert(device);
    }
    let ended = named.into_iter().filter(|(_, it)| gone.contains(*it));
    let ended: BTreeSet<String> = ended.map(|(at, _)| at.clone()).collect();
    let is_left = |device: &String, at: &String| {
        !places.contains(at) || !(gone.contains(device) || ended.contains(at))
    };
    state.mounts.retain(|(device, at)| is_left(device, at));
}

/// The pools that there are units of.
fn pools(state: &SimState) -> Vec<PoolName> {
    let files = state.folder(UNIT_FOLDER).into_iter();
    let read = |file: String| {
        let text = state.files.get(&format!("{UNIT_FOLDER}/{file}"))?;
        Some(MountUnit::parse(text)?.ok()?.name)
    };
    let named = files.filter(|it| it.ends_with(".mount")).filter_map(read);
    named.filter(|it| unit_file(state, it).is_ok()).collect()
}
