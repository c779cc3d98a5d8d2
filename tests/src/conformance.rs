//! Scenarios that every backend must live through alike: the simulation in `cargo test`, real md,
//! real filesystems and real daemons in the lab.
//!
//! A scenario of arrays is a function over a [`World`], one of pools over a [`pools::PoolWorld`],
//! one of shares and accounts over a [`shares::ShareWorld`]. It looks, plans and does as the
//! product would, and writes down what it sees at moments that do not depend on speed. Two backends
//! are alike when their journals are the same text, not when both say that all went well.
//!
//! What runs in the background is held up: scenarios see it in progress, and then at its end. So
//! nothing in a journal depends on how fast a machine is.

#![expect(missing_docs, reason = "names say it, and only tests read them")]

mod growth;
mod journal;
mod lab_world;
pub mod pools;
pub mod raid;
mod running;
mod shapes;
pub mod shares;
mod sim_world;

use std::{collections::BTreeSet, fmt::Write as _};

use anyhow::{Context as _, Result, ensure};
use moxnas_core::units::Bytes;
use moxnas_raid::{Inventory, Step, SyncAction, SyncState};

pub use self::{journal::Journal, lab_world::LabWorld, sim_world::SimWorld};
use crate::lab::{Lab, MIB, Suite};

/// A machine with arrays, and hands that can reach it.
pub trait World {
    /// What there is, at a moment when nothing is on its way.
    fn observe(&mut self) -> Result<Inventory>;
    /// Does one step of a plan.
    fn apply(&mut self, step: &Step) -> Result<()>;
    /// Lets all that runs come to its end.
    fn settle(&mut self) -> Result<()>;
    /// Lets the check or repair that runs come past an eighth of its way, and holds it up there: md
    /// has noted by then how far it is.
    fn scrub_an_eighth(&mut self) -> Result<()>;
    /// How far the check or repair that runs has come on each member.
    fn scrub_at(&mut self) -> Result<Option<Bytes>>;
    /// Lets the time pass after which udev's timer starts arrays although members are missing.
    fn last_resort(&mut self) -> Result<()>;
    /// Takes a disk out while the machine runs.
    fn pull(&mut self, serial: &str) -> Result<()>;
    /// Puts a disk in that was taken out.
    fn plug_back(&mut self, serial: &str) -> Result<()>;
    /// Off and on again, some disks having been taken out meanwhile.
    fn restart(&mut self, how: Shutdown, without: &[&str]) -> Result<()>;
    /// Makes a filesystem on an array or a disk and mounts it.
    fn mount(&mut self, device: &str) -> Result<()>;
    /// Writes some data to the filesystem that is mounted from an array.
    fn write(&mut self, array: &str) -> Result<()>;
    /// Makes two partitions of 24 MiB on a disk.
    fn partition(&mut self, serial: &str) -> Result<()>;
    /// Makes a swap area on a disk and swaps to it.
    fn swap_on(&mut self, serial: &str) -> Result<()>;
    /// Makes a filesystem on a disk, which stays unused.
    fn make_filesystem(&mut self, serial: &str) -> Result<()>;
}

/// How far the first check or repair that runs has come, and how far it has to go.
fn scrub_in(seen: &Inventory) -> Option<(Bytes, Bytes)> {
    seen.arrays.iter().find_map(|it| match it.sync {
        SyncState::Running {
            action: SyncAction::Check | SyncAction::Repair,
            done: Some(done),
            of: Some(of),
            ..
        } => Some((done, of)),
        _ => None,
    })
}

/// The size of each of the two partitions that a scenario makes on a disk.
pub const PARTITION: Bytes = Bytes(24 * MIB);

/// How a machine goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    Clean,
    PowerCut,
}

/// Disks of every scenario: serial, size. The last two are bigger than the others.
pub const DISKS: [(&str, u64); 7] = [
    ("LABA", 64 * MIB),
    ("LABB", 64 * MIB),
    ("LABC", 64 * MIB),
    ("LABD", 64 * MIB),
    ("LABE", 64 * MIB),
    ("LABF", 80 * MIB),
    ("LABG", 80 * MIB),
];

/// A scenario by name.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    pub name: &'static str,
    pub run: fn(&mut Journal<'_>) -> Result<()>,
}

impl Scenario {
    /// The operations that it carries out on the simulation.
    pub fn operations(&self) -> Result<BTreeSet<&'static str>> {
        let mut world = SimWorld::new();
        let mut journal = Journal::new(&mut world);
        (self.run)(&mut journal)?;
        Ok(journal.done())
    }

    /// Runs it. Returns what was seen.
    pub fn journal(&self, world: &mut dyn World) -> Result<String> {
        let mut journal = Journal::new(world);
        let ended = (self.run)(&mut journal);
        let text = journal.text();
        ended.with_context(|| format!("scenario {}, which came to:\n{text}", self.name))?;
        Ok(text)
    }
}

/// A scenario of any kind, with the two worlds that it is held to.
#[derive(Clone, Copy, Debug)]
pub enum AnyScenario {
    Arrays(&'static Scenario),
    Pools(&'static pools::PoolScenario),
    Shares(&'static shares::ShareScenario),
}

impl AnyScenario {
    /// All there are.
    pub fn all() -> impl Iterator<Item = Self> {
        let arrays = raid::SCENARIOS.iter().map(Self::Arrays);
        let pools = pools::SCENARIOS.iter().map(Self::Pools);
        let shares = shares::SCENARIOS.iter().map(Self::Shares);
        arrays.chain(pools).chain(shares)
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Arrays(it) => it.name,
            Self::Pools(it) => it.name,
            Self::Shares(it) => it.name,
        }
    }

    /// What the simulation shows.
    pub fn simulated(self) -> Result<String> {
        match self {
            Self::Arrays(it) => it.journal(&mut SimWorld::new()),
            Self::Pools(it) => it.journal(&mut pools::SimPoolWorld::new()),
            Self::Shares(it) => it.journal(&mut shares::SimShareWorld::new()),
        }
    }

    /// What a real machine shows.
    pub fn real(self, lab: Lab) -> Result<String> {
        match self {
            Self::Arrays(it) => it.journal(&mut LabWorld::start(lab)?),
            Self::Pools(it) => it.journal(&mut pools::LabPoolWorld::start(lab)?),
            Self::Shares(it) => it.journal(&mut shares::LabShareWorld::start(lab)?),
        }
    }
}

/// A line in which one suite's kernel is known to differ from the simulation.
struct Dialect {
    suite: Suite,
    scenario: &'static str,
    simulation: &'static str,
    real: &'static str,
}

/// Every difference between the simulation and a kernel that is accepted, with its reason. An entry
/// that does not apply fails the comparison.
const DIALECTS: &[Dialect] = &[
    // mdadm 4.4 names the layout of every RAID 0, mdadm 4.2 only where the members differ in size.
    Dialect {
        suite: Suite::Trixie,
        scenario: "a_disk_leaves_a_raid0",
        simulation: "layout 0, none",
        real: "layout 1, none",
    },
    Dialect {
        suite: Suite::Trixie,
        scenario: "raid0_becomes_raid5",
        simulation: "layout 0, none",
        real: "layout 1, none",
    },
    Dialect {
        suite: Suite::Trixie,
        scenario: "raid0_becomes_raid10",
        simulation: "layout 0, none",
        real: "layout 1, none",
    },
    // mdadm 4.4 removes a member whose disk has left even where it cannot be spared; to mdadm 4.2
    // the kernel refuses that, and it then stops the array if nobody uses it.
    Dialect {
        suite: Suite::Trixie,
        scenario: "two_disks_leave_a_mounted_raid5",
        simulation: "slot 1 is empty, the device LABB has left,",
        real: "slot 1 is empty,",
    },
    Dialect {
        suite: Suite::Trixie,
        scenario: "two_disks_leave_a_mounted_raid5",
        simulation: "2:LABC active, gone LABB faulty",
        real: "2:LABC active",
    },
    Dialect {
        suite: Suite::Trixie,
        scenario: "three_disks_leave_a_mounted_raid6",
        simulation: "slot 2 is empty, the device LABC has left,",
        real: "slot 2 is empty,",
    },
    Dialect {
        suite: Suite::Trixie,
        scenario: "three_disks_leave_a_mounted_raid6",
        simulation: "3:LABD active, gone LABC faulty",
        real: "3:LABD active",
    },
    Dialect {
        suite: Suite::Trixie,
        scenario: "two_disks_leave_an_idle_raid5",
        simulation: "  no arrays\n",
        real: "  tank read-auto idle degraded=2: failed; slot 0 is empty, slot 1 is empty
  raid5 of 3, size 130023424, of each member 65011712, chunk 524288, layout 2, bitmap, mismatch 0
  2:LABC active\n",
    },
];

/// The simulation's journal, told as the kernel of a suite would.
pub fn in_dialect(suite: Suite, scenario: &str, journal: &str) -> Result<String> {
    let mut told = journal.to_owned();
    for it in DIALECTS {
        if it.suite != suite || it.scenario != scenario {
            continue;
        }
        ensure!(
            told.contains(it.simulation),
            "the accepted difference {:?} of {scenario} on {suite} does not apply:\n{journal}",
            it.simulation
        );
        told = told.replace(it.simulation, it.real);
    }
    Ok(told)
}

/// Fails with the lines that differ unless the journals are the same.
pub fn compare(expected: &str, seen: &str) -> Result<()> {
    ensure!(
        expected == seen,
        "the journals differ:\n{}",
        difference(expected, seen)
    );
    Ok(())
}

/// Both texts line by line; lines of one side only are marked.
fn difference(expected: &str, seen: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), seen.lines().collect());
    // Length of the longest common part of what is left from each pair of places on.
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut text) = (0, 0, String::from("- expected, + seen\n"));
    while i < old.len() || j < new.len() {
        let (mark, line) = if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
            (' ', old[i - 1])
        } else if j >= new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            i += 1;
            ('-', old[i - 1])
        } else {
            j += 1;
            ('+', new[j - 1])
        };
        let _ = writeln!(text, "{mark} {line}");
    }
    text
}
