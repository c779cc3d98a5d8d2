//! The machine MoxNAS runs on, seen through a few small types.
//!
//! This crate is the bottom of the workspace: it knows commands, files, block devices, time and
//! plans, and nothing of arrays, shares, databases or HTTP.
//!
//! Every change in MoxNAS is *look, plan, do*: a backend observes facts, a pure function turns
//! facts and a wish into steps or a refusal, and [`plan::execute`] does the steps.
//!
//! ```
//! use moxnas_core::{disk::DiskBackend, sim::{DiskSpec, SimMachine}};
//!
//! let machine = SimMachine::new(1);
//! machine.plug(DiskSpec::hdd("ZGY0A001", 4_000_787_030_016));
//! let seen = moxnas_core::disk::SimDisks::new(machine).devices()?;
//! assert_eq!(seen.disks().count(), 1);
//! # Ok::<(), moxnas_core::disk::ObserveError>(())
//! ```
//!
//! What it deliberately does not do: it has no shell, no global state, and no list of what is
//! wise. Judgement belongs to the planners of the crates above.

pub mod acl;
pub mod chain;
pub mod clock;
pub mod cmd;
pub mod disk;
pub mod folder;
pub mod kernel_log;
pub mod lock;
pub mod names;
pub mod plan;
pub mod root;
pub mod sim;
pub mod systemd;
pub mod units;
pub mod watch;
