//! Simulated machines as files: which disks, which arrays, which pools, what is broken.

mod pools;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use moxnas_core::{
    chain::chain,
    disk::{DeviceId, Signature},
    names::ArrayName,
    sim::{DiskSpec, SimMachine},
    units::Bytes,
};
use moxnas_pool::sim::SimPools;
use moxnas_raid::{
    Change, CreateArray, Inventory, Level, RaidBackend, SimRaid, Step, execute,
    initramfs::KernelRelease, plan,
};
use serde::Deserialize;

pub use self::pools::{Datasets, Pools};

/// Long enough for the largest disks to be filled.
const SETTLED: Duration = Duration::from_secs(30 * 24 * 3600);

/// The kernel whose image is there.
const KERNEL: &str = "6.1.0-40-amd64";

const BUILT_IN: [(&str, &str); 6] = [
    (
        "small-office",
        include_str!("../scenarios/small-office.toml"),
    ),
    ("sandbox", include_str!("../scenarios/sandbox.toml")),
    (
        "raid6-two-failed",
        include_str!("../scenarios/raid6-two-failed.toml"),
    ),
    ("raid5-dead", include_str!("../scenarios/raid5-dead.toml")),
    ("blank", include_str!("../scenarios/blank.toml")),
    ("large", include_str!("../scenarios/large.toml")),
];

/// A simulated machine.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What it is for, in one sentence.
    pub about: String,
    /// Everything random in it comes from this.
    #[serde(default = "one")]
    pub seed: u64,
    /// Its disks.
    #[serde(default)]
    pub disks: Vec<Disks>,
    /// Its arrays.
    #[serde(default)]
    pub arrays: Vec<Arrays>,
    /// Its pools.
    #[serde(default)]
    pub pools: Vec<Pools>,
    /// The folders that its host mounts into it, as in a container.
    #[serde(default)]
    pub folders: Vec<Folders>,
}

/// A folder that the host mounts.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folders {
    /// Where.
    pub path: String,
    /// On what it is, in the word of the kernel.
    pub filesystem: String,
    /// How much it has, in bytes.
    pub size: u64,
}

/// One disk, or several alike.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disks {
    /// Serial number; with a `count`, what comes before `-0001`.
    pub serial: String,
    /// How it is made.
    pub kind: DiskKind,
    /// Size in bytes.
    pub size: u64,
    /// Model.
    pub model: String,
    /// How many of them.
    #[serde(default = "one")]
    pub count: u64,
    /// Sizes of its partitions in bytes.
    #[serde(default)]
    pub partitions: Vec<u64>,
    /// Where partitions are mounted, by number.
    #[serde(default)]
    pub mounts: BTreeMap<String, String>,
    /// Whether it has media errors.
    #[serde(default)]
    pub failing: bool,
    /// The enclosure that they are in, one slot after the other, each with a light.
    pub enclosure: Option<String>,
}

/// How a disk is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DiskKind {
    /// Spinning, SATA.
    Hdd,
    /// Solid state, SATA.
    Ssd,
    /// NVMe.
    Nvme,
    /// Spinning, SAS.
    Sas,
}

/// One array, or several alike.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrays {
    /// Its name; with a `count`, what comes before `-001`.
    pub name: String,
    /// Its level.
    pub level: String,
    /// Serial numbers of its members. With a `count`, the prefix of the disks that are taken in
    /// order.
    pub members: Vec<String>,
    /// How many of them.
    #[serde(default = "one")]
    pub count: u64,
    /// With a `count`: how many members each.
    #[serde(default)]
    pub each: usize,
    /// Serial numbers of spares.
    #[serde(default)]
    pub spares: Vec<String>,
    /// A filesystem on it, and where it is mounted.
    pub filesystem: Option<Filesystem>,
    /// Members that were thrown out, in this order.
    #[serde(default)]
    pub fail: Vec<String>,
    /// Members whose disks were pulled afterwards, in this order.
    #[serde(default)]
    pub pull: Vec<String>,
}

/// A filesystem on an array.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filesystem {
    /// As libblkid names it.
    pub kind: String,
    /// Where it is mounted.
    pub mount: String,
}

fn one() -> u64 {
    1
}

/// A scenario cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// No built-in one of that name, and no such file.
    #[error("there is no scenario {name}: the built-in ones are {}", known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The file could not be read.
    #[error("the scenario {name} could not be read")]
    Read {
        /// The file.
        name: String,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// The text does not say what it should.
    #[error("the scenario {name} is not understood")]
    Parse {
        /// The file or the name.
        name: String,
        /// Where and why.
        #[source]
        cause: Box<toml::de::Error>,
    },
    /// It asks for something that cannot be.
    #[error("the scenario {name} cannot be built: {why}")]
    Impossible {
        /// The scenario.
        name: String,
        /// What cannot be.
        why: String,
    },
}

impl Scenario {
    /// The names and purposes of the built-in scenarios.
    #[must_use]
    pub fn all_built_in() -> Vec<Scenario> {
        let known = BUILT_IN.iter().map(|(name, _)| Scenario::built_in(name));
        known
            .map(|it| it.expect("built-in scenarios are tested"))
            .collect()
    }

    /// A built-in scenario.
    pub fn built_in(name: &str) -> Result<Scenario, ScenarioError> {
        let found = BUILT_IN.iter().find(|(it, _)| *it == name);
        let (name, text) = found.ok_or_else(|| ScenarioError::Unknown {
            name: name.to_owned(),
            known: BUILT_IN.iter().map(|(it, _)| (*it).to_owned()).collect(),
        })?;
        Scenario::parse(name, text)
    }

    /// A built-in scenario, or one from a file: a name with a dot or a slash.
    pub fn load(name: &str) -> Result<Scenario, ScenarioError> {
        if !name.contains(['/', '.']) {
            return Scenario::built_in(name);
        }
        let read = std::fs::read_to_string(Path::new(name));
        let text = read.map_err(|cause| ScenarioError::Read {
            name: name.to_owned(),
            cause,
        })?;
        Scenario::parse(name, &text)
    }

    fn parse(name: &str, text: &str) -> Result<Scenario, ScenarioError> {
        let wrap = |cause| ScenarioError::Parse {
            name: name.to_owned(),
            cause: Box::new(cause),
        };
        toml::from_str(text).map_err(wrap)
    }

    /// Build the machine: put the disks in, make the arrays, let them settle, make the pools, break
    /// what is to be broken. Its clock runs with the wall clock.
    pub fn build(&self) -> Result<(Arc<SimMachine>, SimRaid, SimPools), ScenarioError> {
        let machine = SimMachine::live(self.seed, SETTLED);
        let raid = SimRaid::new(Arc::clone(&machine));
        let pools = SimPools::new(Arc::clone(&machine));
        self.furnish(&raid, &pools)
            .map_err(|why| ScenarioError::Impossible {
                name: self.name.clone(),
                why,
            })?;
        Ok((machine, raid, pools))
    }

    fn furnish(&self, raid: &SimRaid, pools: &SimPools) -> Result<(), String> {
        let machine = raid.machine();
        for disks in &self.disks {
            disks.plug(machine);
        }
        let arrays: Vec<Arrays> = self
            .arrays
            .iter()
            .flat_map(|it| it.each_one(self))
            .collect();
        // Hundreds of arrays are planned on one look at a thousand disks, so no plan sees the arrays
        // before it. That a disk is in two of them is noticed when the second is created.
        let mut names = BTreeSet::new();
        if let Some(twice) = arrays.iter().find(|it| !names.insert(&it.name)) {
            return Err(format!("two arrays are called {}", twice.name));
        }
        let seen = raid.observe().map_err(|err| chain(&err))?;
        for array in &arrays {
            array.create(&seen, raid)?;
        }
        machine.advance(SETTLED);
        let seen = raid.observe().map_err(|err| chain(&err))?;
        for array in &arrays {
            array.fill(&seen, machine)?;
        }
        for it in &self.folders {
            let path = it.path.parse().map_err(|err| format!("{err}"))?;
            pools.give_folder(&path, &it.filesystem, Bytes(it.size));
        }
        pools::make(self, raid, pools)?;
        for array in &arrays {
            array.spoil(raid)?;
        }
        let kernel = KernelRelease::new(KERNEL).expect("it is a release");
        let made = raid.apply(&Step::UpdateInitramfs { kernel });
        made.map_err(|err| chain(&err))
    }
}

impl Disks {
    fn serials(&self) -> Vec<String> {
        match self.count {
            1 => vec![self.serial.clone()],
            count => (1..=count)
                .map(|it| format!("{}-{it:04}", self.serial))
                .collect(),
        }
    }

    fn plug(&self, machine: &SimMachine) {
        for (slot, serial) in (1..).zip(self.serials()) {
            let slot = self
                .enclosure
                .as_ref()
                .map(|it| (it.clone(), format!("Slot {slot:02}")));
            let spec = match self.kind {
                DiskKind::Hdd => DiskSpec::hdd(&serial, self.size),
                DiskKind::Ssd => DiskSpec::ssd(&serial, self.size),
                DiskKind::Nvme => DiskSpec::nvme(&serial, self.size),
                DiskKind::Sas => DiskSpec::sas(&serial, self.size),
            };
            let partitions = self.partitions.iter().copied().map(Bytes).collect();
            let model = self.model.clone();
            let name = machine.plug(DiskSpec {
                model,
                partitions,
                failing: self.failing,
                slot,
                ..spec
            });
            self.furnish(&name, machine);
        }
    }

    /// A table on a disk with partitions, a filesystem on each that is mounted.
    fn furnish(&self, name: &str, machine: &SimMachine) {
        if self.partitions.is_empty() {
            return;
        }
        let mut state = machine.state();
        let devices = state.block_devices();
        let parts: Vec<_> = devices
            .holders(name)
            .map(|it| (it.id.clone(), it.kind.clone()))
            .collect();
        if !parts.is_empty()
            && let Some(id) = state.id_of(name)
        {
            let uuid = uuid(state.random());
            state
                .contents_mut(&id)
                .signatures
                .push(Signature::new("gpt", &uuid));
        }
        for (id, kind) in parts {
            let moxnas_core::disk::BlockKind::Partition { number } = kind else {
                continue;
            };
            let Some(at) = self.mounts.get(&number.to_string()) else {
                continue;
            };
            let kind = if at.starts_with("/boot/efi") {
                "vfat"
            } else {
                "ext4"
            };
            let uuid = uuid(state.random());
            state
                .contents_mut(&id)
                .signatures
                .push(Signature::new(kind, &uuid));
            state.mounts.push((id.to_string(), at.clone()));
        }
    }
}

fn uuid(random: u64) -> String {
    let text = format!("{random:016x}{:016x}", random.rotate_left(29) ^ 0x5bd1_e995);
    format!(
        "{}-{}-{}-{}-{}",
        &text[..8],
        &text[8..12],
        &text[12..16],
        &text[16..20],
        &text[20..]
    )
}

impl Arrays {
    /// One entry for each array.
    fn each_one(&self, scenario: &Scenario) -> Vec<Arrays> {
        if self.count == 1 {
            return vec![self.clone()];
        }
        let disks: Vec<String> = scenario
            .disks
            .iter()
            .filter(|it| self.members.contains(&it.serial))
            .flat_map(Disks::serials)
            .collect();
        let chunks = disks.chunks_exact(self.each.max(1));
        (1..=self.count)
            .zip(chunks)
            .map(|(number, members)| Arrays {
                name: format!("{}-{number:03}", self.name),
                members: members.to_vec(),
                count: 1,
                ..self.clone()
            })
            .collect()
    }

    fn create(&self, seen: &Inventory, raid: &SimRaid) -> Result<(), String> {
        let ids = |serials: &[String]| -> Result<Vec<DeviceId>, String> {
            let id = |it: &String| seen.devices.resolve(it).map(|it| it.id.clone());
            serials
                .iter()
                .map(id)
                .collect::<Result<_, _>>()
                .map_err(|err| err.to_string())
        };
        let name: ArrayName = self.name.parse().map_err(|err| format!("{err}"))?;
        let wish = CreateArray {
            spares: ids(&self.spares)?,
            ..CreateArray::new(name, Level::from(self.level.clone()), ids(&self.members)?)
        };
        let plan = plan(seen, &Change::Create(wish)).map_err(|err| err.to_string())?;
        execute(raid, &plan.steps).map_err(|err| chain(&*err))
    }

    fn fill(&self, seen: &Inventory, machine: &SimMachine) -> Result<(), String> {
        let Some(filesystem) = &self.filesystem else {
            return Ok(());
        };
        let array = seen.find(&self.name).and_then(|it| it.uuid.clone());
        let id = DeviceId::Md(array.ok_or_else(|| format!("array {} is gone", self.name))?);
        let mut state = machine.state();
        let uuid = uuid(state.random());
        let mut signature = Signature::new(&filesystem.kind, &uuid);
        signature.label = Some(self.name.clone());
        state.contents_mut(&id).signatures.push(signature);
        state
            .mounts
            .push((id.to_string(), filesystem.mount.clone()));
        Ok(())
    }

    fn spoil(&self, raid: &SimRaid) -> Result<(), String> {
        for serial in &self.fail {
            let seen = raid.observe().map_err(|err| chain(&err))?;
            let device = seen
                .devices
                .resolve(serial)
                .map_err(|err| err.to_string())?
                .id
                .clone();
            let change = Change::Fail {
                array: self.name.clone(),
                device,
            };
            let plan = plan(&seen, &change).map_err(|err| err.to_string())?;
            execute(raid, &plan.steps).map_err(|err| chain(&*err))?;
        }
        for serial in &self.pull {
            raid.machine().pull(serial).map_err(|err| err.to_string())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use moxnas_core::clock::Clock;
    use moxnas_pool::{backend::PoolBackend, dataset::Contents};
    use moxnas_raid::{Health, health};

    use super::*;

    fn healths(name: &str) -> Vec<(String, Health)> {
        let (_, raid, _) = Scenario::built_in(name).unwrap().build().unwrap();
        let seen = raid.observe().unwrap();
        seen.arrays
            .iter()
            .map(|it| (it.name.clone(), health(it).0))
            .collect()
    }

    #[test]
    fn every_built_in_scenario_is_what_its_name_says() {
        assert!(healths("blank").is_empty());
        let optimal = Health::Optimal { can_lose: 1 };
        assert_eq!(healths("small-office"), [("media".to_owned(), optimal)]);
        assert_eq!(healths("sandbox"), [("sandbox".to_owned(), optimal)]);
        let two = Health::Degraded {
            missing: 2,
            can_lose: 0,
        };
        assert_eq!(healths("raid6-two-failed"), [("archive".to_owned(), two)]);
        let dead = Health::Failed { missing: 2 };
        assert_eq!(healths("raid5-dead"), [("projects".to_owned(), dead)]);
        assert_eq!(healths("large").len(), 120);
    }

    #[test]
    fn pools_have_what_their_scenario_says() {
        let counts = |name: &str| {
            let (machine, _, pools) = Scenario::built_in(name).unwrap().build().unwrap();
            let devices = machine.state().block_devices();
            let seen = pools.observe(&devices).unwrap();
            let all: Vec<Contents> = seen
                .all
                .iter()
                .map(|it| pools.contents(it).unwrap())
                .collect();
            let datasets = all.iter().map(|it| it.datasets.len()).sum();
            let snapshots = all.iter().map(|it| it.snapshots.len()).sum();
            [all.len(), datasets, snapshots]
        };
        assert_eq!(counts("blank"), [0, 0, 0]);
        assert_eq!(counts("small-office"), [1, 3, 20]);
        assert_eq!(counts("large"), [200, 5000, 50_000]);
    }

    #[test]
    fn snapshots_are_of_the_past_each_with_what_was_there_then() {
        let (machine, _, pools) = Scenario::built_in("small-office").unwrap().build().unwrap();
        let now = machine.now();
        let devices = machine.state().block_devices();
        let seen = pools.observe(&devices).unwrap();
        let work = seen.find("work").unwrap();
        let contents = pools.contents(work).unwrap();
        let documents: Vec<_> = contents.snapshots_of("documents").collect();
        let days = |it: Option<SystemTime>| {
            now.duration_since(it.unwrap()).unwrap().as_secs() / (24 * 3600)
        };
        let age: Vec<u64> = documents.iter().map(|it| days(it.created)).collect();
        assert_eq!(age, (1..=14).rev().collect::<Vec<_>>());
        let files = |at: &str| pools.files(&work.name, at).unwrap();
        let (old, new) = (
            files(".snapshots/documents/auto-001"),
            files(".snapshots/documents/auto-014"),
        );
        assert_eq!(old["archive"], new["archive"]);
        assert_ne!(old["journal"], new["journal"]);
        assert_eq!(new, files("documents"));
    }

    #[test]
    fn a_scenario_that_cannot_be_says_why() {
        let blank = Scenario::built_in("blank").unwrap();
        let pools = |name: &str, on: &str, count: u64| Pools {
            name: name.to_owned(),
            on: on.to_owned(),
            filesystem: "btrfs".to_owned(),
            count,
            datasets: Vec::new(),
        };
        let why = |pools: Vec<Pools>| {
            let scenario = Scenario {
                pools,
                ..blank.clone()
            };
            chain(&scenario.build().map(drop).unwrap_err())
        };
        for (pools, said) in [
            (
                vec![pools("x", "BLANK", 13)],
                "13 pools x, and 12 devices for them",
            ),
            (vec![pools("x", "NONE", 1)], "NONE"),
            (vec![pools("x/y", "BLANK-0001", 1)], "x/y"),
            (
                vec![pools("x", "BLANK-0001", 1), pools("y", "BLANK-0001", 1)],
                "resource busy",
            ),
            (
                vec![pools("x", "BLANK-0001", 1), pools("x", "BLANK-0002", 1)],
                "two pools are called x",
            ),
        ] {
            let text = why(pools);
            assert!(text.contains(said), "{text}");
        }
    }

    #[test]
    fn an_unknown_scenario_names_those_there_are() {
        let text = Scenario::load("smal-office").unwrap_err().to_string();
        assert!(text.contains("small-office, sandbox"), "{text}");
        assert!(Scenario::load("./none.toml").is_err());
    }
}
