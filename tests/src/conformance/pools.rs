//! Scenarios of pools that every backend must live through alike: the simulation in `cargo test`,
//! real filesystems under a real systemd in the lab.
//!
//! What each file holds is told by the number of the write that made it, so two machines agree when
//! the same data is at the same places. Sizes are told in whole MiB: scenarios write whole MiB, and
//! what a filesystem adds of its own for so few files is far below half of one. How full a pool is
//! is told only as far as it is full, as each filesystem keeps another share for itself.

pub mod deed;
mod journal;
mod lab_world;
mod lives;
mod sim_world;
pub mod told;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use moxnas_core::disk::BlockDevices;
use moxnas_pool::{
    check::Outcome,
    dataset::Contents,
    model::{Pool, Pools},
    plan::Step,
};

use self::lives::*;
pub use self::{
    deed::Deed, journal::PoolJournal, lab_world::LabPoolWorld, sim_world::SimPoolWorld,
};
use crate::lab::MIB;

/// A machine with pools, and hands that can reach it.
pub trait PoolWorld {
    /// What there is, at a moment when nothing is on its way.
    fn look(&mut self) -> Result<(BlockDevices, Pools)>;
    /// What is in a pool that is mounted, after all that was written or deleted is counted.
    fn contents(&mut self, pool: &Pool) -> Result<Contents>;
    /// Does one step of a plan; or the machine refuses, in the words of [`told`].
    fn apply(&mut self, step: &Step) -> Result<Told<()>>;
    /// Goes over a filesystem.
    fn check(&mut self, step: &Step) -> Result<Told<Outcome>>;
    /// Does something that no plan does; or the machine refuses, in the words of its kernel.
    fn deed(&mut self, deed: &Deed) -> Result<Told<()>>;
    /// The files of a folder of a pool, each with the number of the write that made it, counted from 1;
    /// 0: nobody knows it.
    fn files(&mut self, pool: &str, place: &str) -> Result<BTreeMap<String, usize>>;
    /// Whether a pool is mounted with this option of mount(8).
    fn has_option(&mut self, pool: &str, option: &str) -> Result<bool>;
}

/// What the machine did, or why not.
pub type Told<T> = Result<T, String>;

/// Disks of every scenario: serial, size. Two that are large enough for every filesystem, and one that
/// is not.
pub const DISKS: [(&str, u64); 3] = [("LABA", 400 * MIB), ("LABB", 400 * MIB), ("LABC", 64 * MIB)];

/// When every scenario begins, in seconds since the Unix epoch: a Monday at noon, UTC.
pub const BEGIN: u64 = 1_773_662_400;

/// A scenario of pools by name.
#[derive(Clone, Copy, Debug)]
pub struct PoolScenario {
    pub name: &'static str,
    pub run: fn(&mut PoolJournal<'_>) -> Result<()>,
}

impl PoolScenario {
    /// Runs it. Returns what was seen.
    pub fn journal(&self, world: &mut dyn PoolWorld) -> Result<String> {
        let mut journal = PoolJournal::new(world);
        let ended = (self.run)(&mut journal);
        let text = journal.text();
        ended.with_context(|| format!("scenario {}, which came to:\n{text}", self.name))?;
        Ok(text)
    }
}

/// Calls a macro with the names of all scenarios of pools.
#[macro_export]
macro_rules! for_each_pool_scenario {
    ($callback:ident) => {
        $callback! {
            a_pool_of_ext4_lives_and_dies
            a_pool_of_xfs_lives_and_dies
            a_pool_of_btrfs_lives_and_dies
        }
    };
}

macro_rules! list {
    ($($name:ident)*) => {
        pub const SCENARIOS: &[PoolScenario] = &[
            $(PoolScenario { name: stringify!($name), run: $name },)*
        ];
    };
}
for_each_pool_scenario!(list);

/// The scenario of this name.
#[must_use]
pub fn scenario(name: &str) -> Option<&'static PoolScenario> {
    SCENARIOS.iter().find(|it| it.name == name)
}
