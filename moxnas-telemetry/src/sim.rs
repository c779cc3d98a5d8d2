//! Figures of a machine that does not exist.

use std::{
    f64::consts::TAU,
    sync::Arc,
    time::{Duration, SystemTime},
};

use moxnas_core::{clock::Clock, units::Bytes};

use crate::{
    CpuCounters, CpuTime, HostInfo, Load, Memory, Missing, Os, OwnUse, Sample, SampleError, Source,
    Virtualization,
};

const CORES: u32 = 4;
const MEMORY: u64 = 16 << 30;
const SWAP: u64 = 2 << 30;

/// A quiet machine with four processors and 16 GiB.
///
/// Its figures are functions of the clock and the seed: the same time gives the same figures,
/// whenever and however often they are asked for. The machine starts when the source is made. In
/// every name it gives itself it says that it is simulated.
#[derive(Clone)]
pub struct SimSource {
    clock: Arc<dyn Clock>,
    seed: u64,
    booted_at: SystemTime,
}

impl SimSource {
    /// A machine that starts now, by this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, seed: u64) -> SimSource {
        let booted_at = clock.now();
        SimSource {
            clock,
            seed,
            booted_at,
        }
    }

    fn load(&self, seconds: f64, minutes: f64) -> f32 {
        let since = (seconds - minutes * 60.0).max(0.0);
        let work = |core| {
            let curve = Curve::new(self.seed, core);
            curve.busy_seconds(seconds) - curve.busy_seconds(since)
        };
        let mean = (0..CORES).map(work).sum::<f64>() / (minutes * 60.0);
        (mean * 100.0).round() as f32 / 100.0
    }
}

impl Source for SimSource {
    fn sample(&self) -> Result<Sample, SampleError> {
        let now = self.clock.now();
        let uptime = now.duration_since(self.booted_at).unwrap_or_default();
        let seconds = uptime.as_secs_f64();
        let cores = (0..CORES).map(|core| (core, Curve::new(self.seed, core).cpu_time(seconds)));
        let mut cpu = CpuCounters {
            cores: cores.collect(),
            ..CpuCounters::default()
        };
        for core in cpu.cores.values() {
            cpu.total.user += core.user;
            cpu.total.system += core.system;
            cpu.total.idle += core.idle;
            cpu.total.iowait += core.iowait;
        }
        let cache = Curve::new(self.seed, CORES).share(seconds);
        let available = (MEMORY as f64 * (0.8 - cache)) as u64;
        Ok(Sample {
            cpu: Some(cpu),
            memory: Some(Memory {
                total: Bytes(MEMORY),
                available: Some(Bytes(available / 4096 * 4096)),
                swap_total: Bytes(SWAP),
                swap_free: Bytes(SWAP),
            }),
            load: Some(Load {
                one: self.load(seconds, 1.0),
                five: self.load(seconds, 5.0),
                fifteen: self.load(seconds, 15.0),
            }),
            uptime: Some(Duration::from_millis(uptime.as_millis() as u64 / 10 * 10)),
            booted_at: Some(self.booted_at),
            own: Some(OwnUse {
                resident: Bytes(24 << 20),
            }),
            ..Sample::empty(now)
        })
    }

    fn host(&self) -> HostInfo {
        let why = "the machine is simulated".to_owned();
        let missing = ["kernel", "architecture"].map(|what| Missing {
            what: what.to_owned(),
            why: why.clone(),
        });
        HostInfo {
            hostname: Some("moxnas-simulated".to_owned()),
            os: Some(Os {
                name: "Simulated machine".to_owned(),
                id: Some("simulated".to_owned()),
                version: None,
            }),
            kernel: None,
            architecture: None,
            cpu_model: Some("Simulated processor".to_owned()),
            cores: Some(CORES as usize),
            virtualization: Virtualization {
                evidence: vec![why],
                ..Virtualization::default()
            },
            missing: missing.into(),
        }
    }
}

/// How busy one processor is over time: a calm level and two waves. The counters are its
/// integral, so they grow steadily and any two of them agree with the curve between.
struct Curve {
    /// Start of the waves, as a share of their length.
    start: [f64; 2],
}

impl Curve {
    const LEVEL: f64 = 0.14;
    /// Height, and length in seconds. Together they are lower than the level.
    const WAVES: [(f64, f64); 2] = [(0.08, 3_600.0), (0.05, 97.0)];

    fn new(seed: u64, core: u32) -> Curve {
        let mut state = seed ^ (u64::from(core) << 32);
        Curve {
            start: [(); 2].map(|()| split_mix(&mut state)),
        }
    }

    /// Busy share at a moment.
    fn share(&self, seconds: f64) -> f64 {
        let wave = |((high, long), start): ((f64, f64), f64)| {
            high * (TAU * (seconds / long + start)).sin()
        };
        Self::LEVEL
            + Self::WAVES
                .into_iter()
                .zip(self.start)
                .map(wave)
                .sum::<f64>()
    }

    /// Busy seconds since the start.
    fn busy_seconds(&self, seconds: f64) -> f64 {
        let wave = |((high, long), start): ((f64, f64), f64)| {
            let from = (TAU * start).cos();
            high * long / TAU * (from - (TAU * (seconds / long + start)).cos())
        };
        let waves = Self::WAVES
            .into_iter()
            .zip(self.start)
            .map(wave)
            .sum::<f64>();
        Self::LEVEL * seconds + waves
    }

    fn cpu_time(&self, seconds: f64) -> CpuTime {
        let busy = self.busy_seconds(seconds);
        let ticks = |seconds: f64| (seconds * 100.0) as u64;
        CpuTime {
            user: ticks(busy * 0.7),
            system: ticks(busy * 0.3),
            idle: ticks((seconds - busy) * 0.98),
            iowait: ticks((seconds - busy) * 0.02),
            ..CpuTime::default()
        }
    }
}

/// SplitMix64, as a share from 0 to 1.
fn split_mix(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut it = *state;
    it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (it ^ (it >> 31)) as f64 / u64::MAX as f64
}
