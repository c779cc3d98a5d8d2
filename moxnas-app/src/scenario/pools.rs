//! The pools of a simulated machine, and the past of what is in them.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use moxnas_core::{chain::chain, clock::Clock, disk::DeviceId, sim::SimMachine, units::Bytes};
use moxnas_pool::{
    backend::{PoolBackend, execute},
    dataset::{self, Change as Inside, Contents, CreateDataset, DatasetName, SnapshotName},
    model::{self, Pool, PoolName},
    plan::{Change, CreatePool, Facts, plan},
    sim::{Deed, SimPools},
};
use moxnas_raid::{Inventory, RaidBackend, SimRaid};
use serde::Deserialize;

use super::{Arrays, Disks, Scenario, one};

/// One pool, or several alike.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pools {
    /// Its name; with a `count`, what comes before `-001`.
    pub name: String,
    /// What it is on: the name of an array, or the serial number of a disk. With a `count`, what
    /// several of them begin with, which are taken in order; of disks with partitions, those.
    pub on: String,
    /// Its filesystem.
    pub filesystem: String,
    /// How many of them.
    #[serde(default = "one")]
    pub count: u64,
    /// What is in it.
    #[serde(default)]
    pub datasets: Vec<Datasets>,
}

/// One dataset, or several alike.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Datasets {
    /// Its name; with a `count`, what comes before `-001`.
    pub name: String,
    /// How many of them.
    #[serde(default = "one")]
    pub count: u64,
    /// How many bytes it may take.
    pub quota: Option<u64>,
    /// Bytes that were written once.
    #[serde(default)]
    pub data: u64,
    /// Bytes that were written anew before each snapshot.
    #[serde(default)]
    pub changing: u64,
    /// How many snapshots it has, `auto-001` the oldest.
    #[serde(default)]
    pub snapshots: u64,
    /// How many hours lie between two of them, and between the last and now.
    #[serde(default = "day")]
    pub every_hours: u64,
}

fn day() -> u64 {
    24
}

/// A pool that is to be made.
struct Single<'a> {
    name: PoolName,
    device: DeviceId,
    of: &'a Pools,
}

/// Make the pools of the scenario. Like arrays they are planned on one look, and so are the datasets
/// of a pool, and then its snapshots: two of the same name or on the same device are noticed when the
/// second is made.
pub(super) fn make(scenario: &Scenario, raid: &SimRaid, pools: &SimPools) -> Result<(), String> {
    if scenario.pools.is_empty() {
        return Ok(());
    }
    let seen = raid.observe().map_err(|err| chain(&err))?;
    let mut all = Vec::new();
    for it in &scenario.pools {
        all.extend(it.each_one(scenario, &seen)?);
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = all.iter().find(|it| !names.insert(&it.name)) {
        return Err(format!("two pools are called {}", twice.name));
    }
    let facts = Facts {
        devices: &seen.devices,
        pools: &model::Pools::default(),
    };
    for it in &all {
        let wish = Change::Create(CreatePool {
            name: it.name.clone(),
            device: it.device.clone(),
            filesystem: it.of.filesystem.parse().map_err(|err| format!("{err}"))?,
            thin: false,
            options: Vec::new(),
        });
        let plan = plan(facts, &wish).map_err(|err| err.to_string())?;
        execute(pools, &plan.steps).map_err(|err| chain(&*err))?;
    }
    let devices = raid.machine().state().block_devices();
    let made = pools.observe(&devices).map_err(|err| chain(&err))?;
    for it in &all {
        let pool = made.find(it.name.as_str());
        let pool = pool.ok_or_else(|| format!("pool {} is gone", it.name))?;
        it.of.furnish(pool, pools, raid.machine())?;
    }
    Ok(())
}

impl Pools {
    /// One entry for each pool.
    fn each_one(&self, scenario: &Scenario, seen: &Inventory) -> Result<Vec<Single<'_>>, String> {
        let devices = match self.count {
            1 => vec![device(seen, &self.on)?],
            _ => self.devices(scenario, seen)?,
        };
        let (count, found) = (self.count, devices.len());
        if (found as u64) < count {
            let name = &self.name;
            return Err(format!(
                "{count} pools {name}, and {found} devices for them"
            ));
        }
        let named = numbered(&self.name, count).zip(devices);
        let single = |(name, device): (String, DeviceId)| {
            Ok(Single {
                name: name.parse().map_err(|err| format!("{err}"))?,
                device,
                of: self,
            })
        };
        named.map(single).collect()
    }

    /// The arrays and disks that are called so, in order.
    fn devices(&self, scenario: &Scenario, seen: &Inventory) -> Result<Vec<DeviceId>, String> {
        let mut found = Vec::new();
        let arrays = scenario.arrays.iter().filter(|it| it.name == self.on);
        for array in arrays.flat_map(|it: &Arrays| it.each_one(scenario)) {
            found.push(device(seen, &array.name)?);
        }
        for disks in scenario.disks.iter().filter(|it| it.serial == self.on) {
            for serial in disks.serials() {
                found.extend(parts(disks, device(seen, &serial)?));
            }
        }
        Ok(found)
    }

    /// Fill a pool that was made.
    fn furnish(&self, pool: &Pool, pools: &SimPools, machine: &SimMachine) -> Result<(), String> {
        let now = machine.now();
        for past in [Datasets::beginning, Datasets::life] {
            let contents = pools.contents(pool).map_err(|err| chain(&err))?;
            let within = Within {
                pool,
                contents: &contents,
                now,
            };
            let mut deeds = Vec::new();
            for it in &self.datasets {
                for name in numbered(&it.name, it.count) {
                    let name: DatasetName = name.parse().map_err(|err| format!("{err}"))?;
                    past(it, &name, &within, &mut deeds)?;
                }
            }
            // The order in which it happened is that of the numbers of subvolumes.
            deeds.sort_by_key(|(at, _)| *at);
            let done = pools.live_through(&pool.name, deeds);
            done.map_err(|err| chain(&err))?;
        }
        Ok(())
    }
}

/// A pool of which something is planned.
struct Within<'a> {
    pool: &'a Pool,
    contents: &'a Contents,
    now: SystemTime,
}

impl Within<'_> {
    fn steps(&self, wish: &Inside) -> Result<Vec<Deed>, String> {
        let plan = dataset::plan(self.pool, self.contents, wish).map_err(|err| err.to_string())?;
        Ok(plan.steps.into_iter().map(Deed::Step).collect())
    }
}

type Deeds = Vec<(SystemTime, Deed)>;

impl Datasets {
    /// When it was made, or one of its snapshots was taken.
    fn at(&self, snapshot: u64, now: SystemTime) -> SystemTime {
        let hours = self.every_hours * (self.snapshots + 1 - snapshot);
        now - Duration::from_secs(hours * 3600)
    }

    /// It is made, and what stays the same is written.
    fn beginning(
        &self,
        name: &DatasetName,
        within: &Within<'_>,
        deeds: &mut Deeds,
    ) -> Result<(), String> {
        let wish = Inside::Create(CreateDataset {
            name: name.clone(),
            quota: self.quota.map(Bytes),
            filesystem: None,
        });
        let steps = within.steps(&wish)?;
        let written = written(name, "archive", self.data);
        let all = steps.into_iter().chain(written);
        let at = self.at(0, within.now);
        deeds.extend(all.map(|deed| (at, deed)));
        Ok(())
    }

    /// It is written to, and snapshots are taken of it.
    fn life(
        &self,
        name: &DatasetName,
        within: &Within<'_>,
        deeds: &mut Deeds,
    ) -> Result<(), String> {
        for number in 1..=self.snapshots {
            let snapshot = format!("auto-{number:03}");
            let snapshot: SnapshotName = snapshot.parse().map_err(|err| format!("{err}"))?;
            let steps = within.steps(&Inside::TakeSnapshot {
                dataset: name.to_string(),
                snapshot,
            })?;
            let written = written(name, "journal", self.changing);
            let at = self.at(number, within.now);
            deeds.extend(written.into_iter().chain(steps).map(|deed| (at, deed)));
        }
        Ok(())
    }
}

fn written(name: &DatasetName, file: &str, size: u64) -> Option<Deed> {
    (size > 0).then(|| Deed::Write {
        place: name.to_string(),
        file: file.to_owned(),
        size: Bytes(size),
    })
}

/// The name of one, or of each of several.
fn numbered(name: &str, count: u64) -> impl Iterator<Item = String> {
    (1..=count).map(move |number| match count {
        1 => name.to_owned(),
        _ => format!("{name}-{number:03}"),
    })
}

/// An array by its name, or a disk by its serial number.
fn device(seen: &Inventory, text: &str) -> Result<DeviceId, String> {
    let array = seen.find(text);
    let node = array.and_then(|it| seen.devices.get(&it.kernel_name));
    let node = match node {
        Some(node) => node,
        None => seen.devices.resolve(text).map_err(|err| err.to_string())?,
    };
    Ok(node.id.clone())
}

/// The partitions of a disk, or the disk if it has none.
fn parts(disks: &Disks, disk: DeviceId) -> Vec<DeviceId> {
    match disk {
        DeviceId::Disk(id) if !disks.partitions.is_empty() => (1_u32..)
            .zip(&disks.partitions)
            .map(|(number, _)| DeviceId::Partition(id.clone(), number))
            .collect(),
        disk => vec![disk],
    }
}
