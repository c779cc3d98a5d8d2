//! What the machine is doing, in figures somebody measured.
//!
//! A [`Source`] takes [`Sample`]s: raw counters and gauges of one moment. What needs two moments,
//! such as how busy the processors were, is computed by [`rate`]. [`HostInfo`] says what machine
//! it is. A figure that could not be had is `None`, with the reason beside it in `missing`.
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use moxnas_core::clock::ManualClock;
//! use moxnas_telemetry::{SimSource, Source, rate};
//!
//! let clock = Arc::new(ManualClock::default());
//! let source = SimSource::new(clock.clone(), 1);
//! let before = source.sample()?;
//! clock.advance(Duration::from_secs(60));
//! let after = source.sample()?;
//!
//! let total = |it: moxnas_telemetry::Sample| it.cpu.map(|it| it.total);
//! let (before, after) = (total(before).unwrap(), total(after).unwrap());
//! let busy = rate::cpu_percent(&before, &after).unwrap();
//! assert!((0.0..=100.0).contains(&busy));
//! # Ok::<(), moxnas_telemetry::SampleError>(())
//! ```
//!
//! What can work on it at all, [`capability`] says: in a container not everything does.
//!
//! What it deliberately does not do: it keeps no history, smooths nothing and judges no figure.

pub mod capability;
mod host;
pub mod rate;
mod real;
mod sample;
mod sim;

pub use host::{
    HostInfo, Os,
    virtualization::{Container, Machine, Virtualization},
};
pub use real::ProcSource;
pub use sample::{
    CpuCounters, CpuTime, Load, Memory, Missing, OwnUse, Sample, SampleError, Source,
};
pub use sim::SimSource;
