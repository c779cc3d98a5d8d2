//! A place to put data: for now, which of its snapshots to keep.
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
//!
//! Filesystems, mounts, datasets and snapshots themselves follow.

pub mod prune;
