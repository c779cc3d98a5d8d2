//! A place to put data: pools, and which of its snapshots to keep.
//!
//! A pool is a filesystem on any block device (an array, a disk, a partition, a logical volume) with a
//! place in the tree, where a `.mount` unit puts it at each start of the machine. The unit is all that
//! is written down of it: what is there is what the machine says. [`plan`](plan::plan) turns facts and
//! a wish into steps or a refusal, and a [`PoolBackend`](backend::PoolBackend), real or simulated,
//! carries them out.
//!
//! [`prune`] decides by counts (the last three, one a day for a week) what stays and what goes, and
//! says why of each snapshot; it also shows in advance what will be there in a year. It is arithmetic
//! on what is handed in: it looks at no clock and removes nothing.
//!
//! ```
//! use moxnas_pool::prune::{Keep, Snapshot, TimeZone, decide};
//!
//! let snapshots: Vec<Snapshot> = ["2026-03-27T23:00:00Z", "2026-03-28T11:00:00Z", "2026-03-28T12:00:00Z"]
//!     .iter()
//!     .map(|it| it.parse().map(Snapshot::at))
//!     .collect::<Result<_, _>>()?;
//! let keep = Keep { daily: Some(7), ..Keep::default() };
//!
//! let berlin = TimeZone::get("Europe/Berlin")?;
//! let why: Vec<String> = decide(&snapshots, &keep, &berlin)
//!     .iter()
//!     .map(|it| it.verdict.explain(&berlin))
//!     .collect();
//! assert_eq!(why, [
//!     "its day 2026-03-28 has a newer one, 2026-03-28 13:00:00 CET of keep-daily",
//!     "its day 2026-03-28 has a newer one, 2026-03-28 13:00:00 CET of keep-daily",
//!     "keep-daily 1 of 7: 2026-03-28",
//! ]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod backend;
pub mod check;
pub mod dataset;
pub mod devices;
pub mod directory;
pub mod growth;
pub mod lvm;
pub mod model;
pub mod plan;
pub mod prune;
pub mod real;
pub mod remote;
pub mod replica;
pub mod sim;
pub mod unit;
