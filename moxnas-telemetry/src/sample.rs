//! The figures of one moment, and where they come from.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use moxnas_core::units::Bytes;
use serde::{Deserialize, Serialize};

use crate::HostInfo;

/// Measures the machine.
pub trait Source: Send + Sync {
    /// The figures of this moment. One that cannot be had is `None` and named in
    /// [`Sample::missing`]; an error means that there is not one.
    fn sample(&self) -> Result<Sample, SampleError>;

    /// What machine this is.
    fn host(&self) -> HostInfo;
}

/// Figures taken at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// When.
    pub taken_at: SystemTime,
    /// What the processors have done since the machine started: `/proc/stat`.
    pub cpu: Option<CpuCounters>,
    /// Memory and swap: `/proc/meminfo`.
    pub memory: Option<Memory>,
    /// Load averages: `/proc/loadavg`.
    pub load: Option<Load>,
    /// How long the machine has been running: `/proc/uptime`.
    pub uptime: Option<Duration>,
    /// When the machine started: `btime` of `/proc/stat`, in whole seconds.
    pub booted_at: Option<SystemTime>,
    /// What this program itself uses: `/proc/self/status`.
    pub own: Option<OwnUse>,
    /// What could not be had.
    pub missing: Vec<Missing>,
}

/// Something that is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The field that is `None`.
    pub what: String,
    /// Why.
    pub why: String,
}

/// Counters of the processors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuCounters {
    /// All processors together.
    pub total: CpuTime,
    /// By the kernel's number. Processors that are switched off are absent.
    pub cores: BTreeMap<u32, CpuTime>,
}

/// Time spent since the machine started, in hundredths of a second (`USER_HZ`), see proc(5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuTime {
    /// In programs, guests included.
    pub user: u64,
    /// In programs of low priority, guests included.
    pub nice: u64,
    /// In the kernel.
    pub system: u64,
    /// Doing nothing.
    pub idle: u64,
    /// Doing nothing while a disk was being waited for.
    pub iowait: u64,
    /// Serving interrupts.
    pub irq: u64,
    /// Serving deferred interrupts.
    pub softirq: u64,
    /// Waiting for the hypervisor, which was running something else.
    pub steal: u64,
}

/// Memory of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// All of it that Linux may use.
    pub total: Bytes,
    /// What programs could get without swapping, as the kernel estimates it (since Linux 3.14).
    pub available: Option<Bytes>,
    /// All swap space.
    pub swap_total: Bytes,
    /// Swap space not in use.
    pub swap_free: Bytes,
}

/// Programs running or waiting for a disk, on average over some minutes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Over one minute.
    pub one: f32,
    /// Over five minutes.
    pub five: f32,
    /// Over fifteen minutes.
    pub fifteen: f32,
}

/// What this program uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnUse {
    /// Memory it holds (`VmRSS`).
    pub resident: Bytes,
}

/// Nothing at all could be measured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing could be measured: {}", why.first().map_or("", |it| it.why.as_str()))]
pub struct SampleError {
    /// Every figure, and why it could not be had.
    pub why: Vec<Missing>,
}

impl Sample {
    /// A sample in which nothing is known yet.
    pub(crate) fn empty(taken_at: SystemTime) -> Sample {
        Sample {
            taken_at,
            cpu: None,
            memory: None,
            load: None,
            uptime: None,
            booted_at: None,
            own: None,
            missing: Vec::new(),
        }
    }
}
