//! A machine of 120 arrays and 1,000 disks, simulated and as files.

#[path = "../tests/it/render.rs"]
mod render;

use std::{
    collections::BTreeMap,
    fs::{self, File, FileTimes},
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use moxnas_core::{
    cmd::ScriptedRunner,
    disk::{Abilities, BlockDevice, DeviceId, DiskWork, SystemDiskWork},
    root::Root,
    sim::{DiskSpec, SimMachine},
};
use moxnas_raid::{
    Change, CreateArray, Inventory, Level, Mdadm, RaidBackend, SimRaid, execute, plan, plan::Scrub,
};
use tempfile::TempDir;

/// Disks of the machine.
pub(crate) const DISKS: usize = 1000;
/// Its running arrays.
pub(crate) const ARRAYS: usize = 120;
/// Members of each array. Eight more disks are those of an array that is stopped, and the rest free.
const MEMBERS: usize = 8;

/// The machine.
pub(crate) struct Machine {
    /// What is to be seen of it.
    pub(crate) seen: Inventory,
    mdadm: Mdadm,
    disks: SystemDiskWork,
    /// The files that a look reads.
    pub(crate) files: Vec<PathBuf>,
    /// Removes the tree when nobody needs it any more.
    _tree: TempDir,
}

impl Machine {
    /// Make it: every tenth array has lost a member, every fifth is being checked.
    pub(crate) fn new() -> Machine {
        let raid = arrays();
        let tree = scratch();
        render::render(&raid.observe().unwrap(), tree.path());
        let (root, runner) = (
            Root::fixture(tree.path()),
            Arc::new(ScriptedRunner::default()),
        );
        let disks = SystemDiskWork::new(root.clone(), Arc::clone(&runner) as _);
        let mdadm = Mdadm::new(root, runner);
        let files = files(tree.path());
        let seen = mdadm.observe().unwrap();
        assert_eq!(disks.abilities().unwrap().len(), DISKS);
        assert_eq!(seen.arrays.len(), ARRAYS);
        assert_eq!(seen.devices.by_name.len(), ARRAYS + DISKS);
        Machine {
            seen,
            mdadm,
            disks,
            files: read_ones(files),
            _tree: tree,
        }
    }

    /// One look at all of it: arrays, devices, and what the disks can do.
    pub(crate) fn look(&self) -> (Inventory, BTreeMap<String, Abilities>) {
        (
            self.mdadm.observe().unwrap(),
            self.disks.abilities().unwrap(),
        )
    }

    /// Read the very same files, and nothing more. Gives how many bytes they have.
    pub(crate) fn read(&self) -> usize {
        let mut buffer = [0; 4096];
        self.files.iter().map(|it| read(it, &mut buffer)).sum()
    }

    /// One wish of each kind that is granted, with words for it.
    pub(crate) fn wishes(&self) -> Vec<(&'static str, Change)> {
        let devices = &self.seen.devices;
        let is_free = |it: &&BlockDevice| {
            it.signatures.is_empty() && devices.holders(&it.name).next().is_none()
        };
        let free: Vec<DeviceId> = devices
            .disks()
            .filter(is_free)
            .map(|it| it.id.clone())
            .collect();
        let member = |array: &str| {
            self.seen
                .find(array)
                .unwrap()
                .members
                .last()
                .unwrap()
                .device
                .clone()
        };
        let (whole, degraded) = (|| "a1".to_owned(), || "a9".to_owned());
        let spare = free[0].clone();
        vec![
            (
                "create an array of every free disk",
                Change::Create(CreateArray::new(
                    "new".parse().unwrap(),
                    Level::Raid6,
                    free.clone(),
                )),
            ),
            (
                "add a disk",
                Change::Add {
                    array: degraded(),
                    device: spare.clone(),
                    as_spare: false,
                },
            ),
            (
                "fail a member",
                Change::Fail {
                    array: whole(),
                    device: member("a1"),
                },
            ),
            (
                "remove a member",
                Change::Remove {
                    array: degraded(),
                    device: member("a9"),
                },
            ),
            (
                "replace a member",
                Change::Replace {
                    array: whole(),
                    device: member("a1"),
                    with: Some(spare),
                },
            ),
            (
                "scrub an array",
                Change::Scrub {
                    array: whole(),
                    scrub: Scrub::Check,
                },
            ),
            ("stop an array", Change::Stop { array: whole() }),
            (
                "assemble an array",
                Change::Assemble {
                    array: format!("a{ARRAYS}"),
                },
            ),
            ("delete an array", Change::Delete { array: whole() }),
            (
                "delete a stopped array",
                Change::Delete {
                    array: format!("a{ARRAYS}"),
                },
            ),
        ]
    }
}

/// The simulated machine: what happens to it is what its look has to tell.
fn arrays() -> SimRaid {
    let machine = SimMachine::new(1);
    for number in 0..DISKS {
        let (serial, size) = (serial(number), 4 << 30);
        machine.plug(match number % 4 {
            0 => DiskSpec::ssd(&serial, size),
            1 => DiskSpec::sas(&serial, size),
            2 => DiskSpec::nvme(&serial, size),
            _ => DiskSpec::hdd(&serial, size),
        });
    }
    let raid = SimRaid::new(machine);
    let seen = raid.observe().unwrap();
    let disks: Vec<DeviceId> = (0..DISKS)
        .map(|it| seen.devices.resolve(&serial(it)).unwrap().id.clone())
        .collect();
    for (number, members) in disks.chunks(MEMBERS).take(ARRAYS + 1).enumerate() {
        let name = format!("a{number}").parse().unwrap();
        let want = CreateArray::new(name, Level::Raid6, members.to_vec());
        change(&raid, &Change::Create(want));
    }
    raid.machine().advance(Duration::from_secs(24 * 3600));
    for number in 0..ARRAYS {
        let array = format!("a{number}");
        if number % 10 == 9 {
            let device = disks[number * MEMBERS].clone();
            change(&raid, &Change::Fail { array, device });
        } else if number % 5 == 0 {
            let scrub = Scrub::Check;
            change(&raid, &Change::Scrub { array, scrub });
        }
    }
    let array = format!("a{ARRAYS}");
    change(&raid, &Change::Stop { array });
    raid
}

fn change(raid: &SimRaid, change: &Change) {
    let plan = plan(&raid.observe().unwrap(), change).unwrap();
    execute(raid, &plan.steps).unwrap();
}

fn serial(number: usize) -> String {
    format!("SERIAL{number:04}")
}

/// In memory, where the system has such a place: a disk's pace is not what is measured.
fn scratch() -> TempDir {
    TempDir::new_in("/dev/shm").unwrap_or_else(|_| TempDir::new().unwrap())
}

/// Every file below a folder, as one that nobody ever read. Links are not followed: they lead to files
/// that are found anyway.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap() {
            it if it.is_dir() => found.extend(files(&entry.path())),
            it if it.is_file() => {
                let never = FileTimes::new().set_accessed(SystemTime::UNIX_EPOCH);
                File::open(entry.path()).unwrap().set_times(never).unwrap();
                found.push(entry.path());
            }
            _ => (),
        }
    }
    found
}

/// Those of the files that were read since [`files`] listed them, told by their times: a list of what a
/// look reads would become old.
fn read_ones(mut files: Vec<PathBuf>) -> Vec<PathBuf> {
    files.retain(|it| fs::metadata(it).unwrap().accessed().unwrap() > SystemTime::UNIX_EPOCH);
    assert!(!files.is_empty(), "the times of reading are not kept there");
    files
}

/// The least that reading a file can cost: nothing is kept of it, nor is it asked for its size.
fn read(file: &Path, buffer: &mut [u8]) -> usize {
    let mut file = File::open(file).unwrap();
    let mut total = 0;
    loop {
        match file.read(buffer).unwrap() {
            0 => return total,
            some => total += some,
        }
    }
}
