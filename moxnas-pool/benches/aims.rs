//! What a look at pools costs, beside a baseline of the same run: `cargo xtask bench --pools`. Whoever
//! misses the limit ends in failure.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "it talks to a terminal, and what fails here is the measurement"
)]

#[path = "../../moxnas-raid/benches/stopwatch.rs"]
mod stopwatch;

use std::{
    fs::{self, File},
    hint::black_box,
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use moxnas_core::{
    cmd::ScriptedRunner,
    disk::BlockDevices,
    root::Root,
    sim::{DiskSpec, SimMachine},
};
use moxnas_pool::{
    backend::{PoolBackend, execute},
    model::{Filesystem, Pools, Standing},
    plan::{Change, CreatePool, Facts, plan},
    real::SystemPools,
    sim::SimPools,
    unit::UNIT_FOLDER,
};
use tempfile::TempDir;

use self::stopwatch::{Pace, beside};

const DISKS: usize = 1000;
const POOLS: usize = 200;
/// A look may cost so many times what reading its files costs.
const LOOK_LIMIT: f64 = 2.0;

fn main() -> ExitCode {
    let machine = Machine::new();
    let pair = beside(
        Pace {
            times: 1,
            rounds: 500,
        },
        || drop(black_box(machine.look())),
        || _ = black_box(machine.read()),
    );
    let [figure, baseline] = [pair.figure, pair.baseline].map(|it| it.as_secs_f64() * 1e3);
    let (ratio, is_met) = (pair.ratio(), pair.ratio() <= LOOK_LIMIT);
    println!(
        "look at {POOLS} pools among {DISKS} disks  {figure:.2} ms  list its {} folders, \
         read its {} files: {baseline:.2} ms  ratio {ratio:.2}  limit {LOOK_LIMIT}: {}",
        machine.folders.len(),
        machine.files.len(),
        if is_met { "met" } else { "MISSED" }
    );
    match is_met {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Pools, as files of units and as the devices that a look at arrays has found already.
struct Machine {
    devices: BlockDevices,
    pools: SystemPools,
    /// The files that a look reads.
    files: Vec<PathBuf>,
    /// The folders that it lists.
    folders: Vec<PathBuf>,
    /// Removes the tree when nobody needs it any more.
    _tree: TempDir,
}

impl Machine {
    fn new() -> Machine {
        let sim = SimMachine::new(1);
        for number in 0..DISKS {
            sim.plug(DiskSpec::hdd(&serial(number), 4 << 30));
        }
        make(&sim);
        let tree = TempDir::new_in("/dev/shm").unwrap_or_else(|_| TempDir::new().unwrap());
        let mut files = write_units(&sim, tree.path());
        let counters = write_counters(&sim, tree.path());
        let folder = |it: &PathBuf| it.ancestors().nth(2).unwrap().to_owned();
        let mut folders: Vec<PathBuf> = counters.iter().map(folder).collect();
        folders.push(tree.path().join(UNIT_FOLDER.trim_start_matches('/')));
        files.extend(counters);
        let root = Root::fixture(tree.path());
        let machine = Machine {
            devices: sim.state().block_devices(),
            pools: SystemPools::new(root, Arc::new(ScriptedRunner::default())),
            files,
            folders,
            _tree: tree,
        };
        let seen = machine.look();
        let is_mounted = |it| matches!(it, Standing::Mounted);
        assert!(seen.all.iter().all(|it| is_mounted(it.judge().standing)));
        assert_eq!((seen.all.len(), machine.files.len()), (POOLS, 2 * POOLS));
        machine
    }

    fn look(&self) -> Pools {
        self.pools.observe(black_box(&self.devices)).unwrap()
    }

    /// List the very same folders and read the very same files, and nothing more. Gives how many
    /// names and bytes they have.
    fn read(&self) -> usize {
        let mut buffer = [0; 4096];
        let list = |it: &PathBuf| fs::read_dir(it).unwrap().count();
        let listed: usize = self.folders.iter().map(list).sum();
        let read = |it: &PathBuf| File::open(it).unwrap().read(&mut buffer).unwrap();
        listed + self.files.iter().map(read).sum::<usize>()
    }
}

fn serial(number: usize) -> String {
    format!("SERIAL{number:04}")
}

/// A pool on every fifth disk.
fn make(sim: &Arc<SimMachine>) {
    let pools = SimPools::new(Arc::clone(sim));
    let devices = sim.state().block_devices();
    let facts = Facts {
        devices: &devices,
        pools: &Pools::default(),
    };
    for number in 0..POOLS {
        let disk = serial(number * DISKS / POOLS);
        let wish = Change::Create(CreatePool {
            name: format!("tank-{number:03}").parse().unwrap(),
            device: devices.resolve(&disk).unwrap().id.clone(),
            filesystem: Filesystem::Btrfs,
            thin: false,
            options: Vec::new(),
        });
        execute(&pools, &plan(facts, &wish).unwrap().steps).unwrap();
    }
}

/// The units of the simulated machine as files below a folder.
fn write_units(sim: &SimMachine, tree: &Path) -> Vec<PathBuf> {
    fs::create_dir_all(tree.join(UNIT_FOLDER.trim_start_matches('/'))).unwrap();
    let state = sim.state();
    let write = |name: String| {
        let path = format!("{UNIT_FOLDER}/{name}");
        let copy = tree.join(path.trim_start_matches('/'));
        fs::write(&copy, &state.files[&path]).unwrap();
        copy
    };
    let units = state.folder(UNIT_FOLDER).into_iter();
    units.map(write).collect()
}

/// What the kernel shows of each filesystem in sysfs.
fn write_counters(sim: &SimMachine, tree: &Path) -> Vec<PathBuf> {
    let devices = sim.state().block_devices();
    let signatures = devices.by_name.values().flat_map(|it| &it.signatures);
    let write = |uuid: &String| {
        let folder = tree.join(format!("sys/fs/btrfs/{uuid}/devinfo/1"));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("error_stats");
        let kinds = ["write", "read", "flush", "corruption", "generation"];
        fs::write(&path, kinds.map(|it| format!("{it}_errs 0\n")).concat()).unwrap();
        path
    };
    signatures
        .filter_map(|it| it.uuid.as_ref())
        .map(write)
        .collect()
}
