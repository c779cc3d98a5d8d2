//! Linux md arrays: what they are, what may be done to them, and doing it.
//!
//! A change is *look, plan, do*. A [`RaidBackend`] observes an [`Inventory`]; [`plan()`] turns it
//! and a [`Change`] into a list of [`Step`]s or a [`Refusal`] with its reason; [`execute`] has the
//! backend do the steps. Everything is synchronous and there is no global state.
//!
//! ```
//! use moxnas_core::{disk::DeviceId, sim::{DiskSpec, SimMachine}};
//! use moxnas_raid::{Change, CreateArray, Level, RaidBackend, SimRaid, execute, plan};
//!
//! let machine = SimMachine::new(1);
//! for serial in ["A", "B", "C", "D"] {
//!     machine.plug(DiskSpec::hdd(serial, 4_000_787_030_016));
//! }
//! let raid = SimRaid::new(machine);
//! let seen = raid.observe()?;
//! let members: Vec<DeviceId> = seen.devices.disks().map(|it| it.id.clone()).collect();
//! let wish = Change::Create(CreateArray::new("tank".parse()?, Level::Raid6, members));
//!
//! let plan = plan(&seen, &wish)?;
//! assert!(plan.needs_confirmation());
//! execute(&raid, &plan.steps)?;
//! assert_eq!(raid.observe()?.find("tank").unwrap().size.to_string(), "8.0 TB");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What it deliberately does not do: it keeps no record of its own (the kernel and the members
//! are the truth), it does not roll back (observe and plan again), and it never runs a shell.

pub mod backend;
pub mod conf;
pub mod consequences;
pub mod detail;
pub mod expected;
pub mod geometry;
pub mod growth;
pub mod health;
pub mod initramfs;
pub mod mdstat;
pub mod model;
pub mod parsed;
pub mod plan;
pub mod real;
pub mod shape;
pub mod sim;

pub use backend::{BackendError, RaidBackend, Stopped, execute};
pub use consequences::{Leaving, if_it_leaves};
pub use expected::{Difference, ExpectedArray};
pub use growth::Grow;
pub use health::{Health, Reason, health};
pub use model::{
    Array, ArrayState, Inventory, Level, Member, MemberFlag, Reshape, Role, SpeedLimit,
    SpeedLimits, SyncAction, SyncState,
};
pub use plan::{ArraySettings, Change, CreateArray, Refusal, Step, plan};
pub use real::Mdadm;
pub use shape::{Consistency, Layout, Metadata, Shape};
pub use sim::SimRaid;
