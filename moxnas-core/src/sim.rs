//! One simulated machine that every crate's simulated backend shares, so that a disk pulled here
//! is gone from arrays, SMART and figures alike.
//!
//! It models consequences, not permission: a backend does what it is told, wise or not, and a
//! planner that is wrong is found out by its tests.
//!
//! Two sorts of state are kept apart. What is on the disks ([`Contents`]: signatures and
//! superblocks) survives a power cut; what the kernel knows ([`Node`]s, mounts, swap) does not.
//! Upper layers such as md keep their superblock as an opaque value in the contents and read the
//! [`Event`]s that happened since they last looked.
//!
//! Time stands still until [`SimMachine::advance`], or runs with the wall clock plus what was
//! advanced in a machine made with [`SimMachine::live`]. Nothing sleeps. Randomness comes from the
//! seed.
//!
//! Faults it injects: a disk vanishes; a disk returns; a disk has media errors; a step fails; a
//! step hangs past its limit; a step reports success and did nothing; power is cut before a step;
//! a foreign signature appears. Work on one disk is struck like a step, at a share of its way: its
//! text says at how many percent it is. It never makes the kernel lie about what it wrote.

mod disk;
mod event;
mod state;
mod surface;

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime},
};

pub use disk::{Contents, DiskSpec, SimDisk};
pub use event::{Event, Fault};
pub use state::{Node, SimState};
pub use surface::{Erasing, Surface};

use crate::clock::{Clock, ManualClock, OffsetClock};

/// A machine that is not there.
#[derive(Debug)]
pub struct SimMachine {
    clock: SimClock,
    state: Mutex<SimState>,
}

#[derive(Debug)]
enum SimClock {
    Manual(ManualClock),
    Live(OffsetClock),
}

/// There is no such disk in the simulated machine, or not where it would have to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSuchDisk {
    /// No disk of that serial number was ever there.
    #[error("the simulated machine has no disk with the serial number {0}")]
    Unknown(String),
    /// It is out already.
    #[error("disk {0} is not plugged in")]
    NotPlugged(String),
    /// It is in already.
    #[error("disk {0} is plugged in")]
    Plugged(String),
}

impl SimMachine {
    /// A machine without disks whose clock stands still at the Unix epoch.
    #[must_use]
    pub fn new(seed: u64) -> Arc<SimMachine> {
        SimMachine::with_clock(seed, SimClock::Manual(ManualClock::default()))
    }

    /// A machine without disks whose clock runs with the wall clock, behind it by so much: time
    /// to build it up before it is the present.
    #[must_use]
    pub fn live(seed: u64, behind: Duration) -> Arc<SimMachine> {
        SimMachine::with_clock(seed, SimClock::Live(OffsetClock::behind(behind)))
    }

    fn with_clock(seed: u64, clock: SimClock) -> Arc<SimMachine> {
        Arc::new(SimMachine {
            clock,
            state: Mutex::new(SimState::new(seed)),
        })
    }

    /// Everything in it. Held for a moment only: all backends of the machine wait for it.
    pub fn state(&self) -> MutexGuard<'_, SimState> {
        self.state.lock().expect("no holder of this lock panics")
    }

    /// Let time pass.
    pub fn advance(&self, by: Duration) {
        match &self.clock {
            SimClock::Manual(clock) => clock.advance(by),
            SimClock::Live(clock) => clock.advance(by),
        }
    }

    /// Put a new disk in. Gives the kernel's name for it.
    pub fn plug(&self, spec: DiskSpec) -> String {
        let now = self.now();
        self.state().plug_new(spec, now)
    }

    /// Pull a disk out while the machine runs.
    pub fn pull(&self, serial: &str) -> Result<(), NoSuchDisk> {
        let now = self.now();
        self.state().pull(serial, now)
    }

    /// Put a disk back that was pulled. Gives the kernel's new name for it.
    pub fn plug_back(&self, serial: &str) -> Result<String, NoSuchDisk> {
        let now = self.now();
        self.state().plug_back(serial, now)
    }

    /// Cut the power and switch it on again: what the kernel knew is lost.
    pub fn power_cut(&self) {
        let now = self.now();
        self.state().restart(false, now);
    }

    /// Shut down in good order and start again.
    pub fn reboot(&self) {
        let now = self.now();
        self.state().restart(true, now);
    }

    /// How often it was started, the first time included.
    #[must_use]
    pub fn starts(&self) -> u64 {
        let state = self.state();
        let ends = state.events.iter();
        1 + ends
            .filter(|(_, it)| matches!(it, Event::Down { .. }))
            .count() as u64
    }

    /// Arrange for something to go wrong.
    pub fn inject(&self, fault: Fault) {
        self.state().faults.push(fault);
    }
}

impl Clock for SimMachine {
    fn now(&self) -> SystemTime {
        match &self.clock {
            SimClock::Manual(clock) => clock.now(),
            SimClock::Live(clock) => clock.now(),
        }
    }
}
