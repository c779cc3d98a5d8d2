//! Figures of a real machine, from `/proc`.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use moxnas_core::{chain::chain, clock::Clock, root::Root, units::Bytes};
use procfs::{ExplicitSystemInfo, FromBufRead, FromBufReadSI, FromRead};

use crate::{
    CpuCounters, CpuTime, HostInfo, Load, Memory, Missing, OwnUse, Sample, SampleError, Source,
};

/// Reads `/proc` below a [`Root`].
#[derive(Clone)]
pub struct ProcSource {
    root: Root,
    clock: Arc<dyn Clock>,
}

impl ProcSource {
    /// The machine whose `/` is at `root`.
    #[must_use]
    pub fn new(root: Root, clock: Arc<dyn Clock>) -> ProcSource {
        ProcSource { root, clock }
    }
}

impl Source for ProcSource {
    fn sample(&self) -> Result<Sample, SampleError> {
        let mut sample = Sample::empty(self.clock.now());
        let mut read = Reading {
            root: &self.root,
            missing: Vec::new(),
        };
        let stat = read.parsed("cpu", "/proc/stat", parse_stat);
        if stat.is_none() {
            read.missing("booted_at", "it stands in /proc/stat as well");
        }
        (sample.cpu, sample.booted_at) = stat.unzip();
        sample.memory = read.parsed("memory", "/proc/meminfo", parse_meminfo);
        if sample.memory.is_some_and(|it| it.available.is_none()) {
            read.missing("memory.available", "/proc/meminfo has no MemAvailable");
        }
        sample.load = read.parsed("load", "/proc/loadavg", parse_loadavg);
        sample.uptime = read.parsed("uptime", "/proc/uptime", parse_uptime);
        sample.own = read.parsed("own", "/proc/self/status", parse_status);
        let nothing = sample.cpu.is_none()
            && sample.memory.is_none()
            && sample.load.is_none()
            && sample.uptime.is_none()
            && sample.own.is_none();
        if nothing {
            return Err(SampleError { why: read.missing });
        }
        sample.missing = read.missing;
        Ok(sample)
    }

    fn host(&self) -> HostInfo {
        HostInfo::read(&self.root)
    }
}

/// Files read so far, and what was not to be had from them.
pub(crate) struct Reading<'a> {
    pub(crate) root: &'a Root,
    pub(crate) missing: Vec<Missing>,
}

impl Reading<'_> {
    /// What a file says; if it says nothing, `what` is missing.
    pub(crate) fn parsed<T>(
        &mut self,
        what: &str,
        path: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let why = match self.root.read(path) {
            Ok(Some(text)) => match parse(&text) {
                Some(value) => return Some(value),
                None => format!("{path} was not understood"),
            },
            Ok(None) => format!("there is no {path}"),
            Err(err) => chain(&err),
        };
        self.missing(what, why);
        None
    }

    pub(crate) fn missing(&mut self, what: &str, why: impl Into<String>) {
        self.missing.push(Missing {
            what: what.to_owned(),
            why: why.into(),
        });
    }
}

/// The unit of `/proc/stat`. It is the same on all architectures that run a NAS, and only
/// procfs' conversions, which are not used, depend on it.
const TICKS_PER_SECOND: u64 = 100;

fn parse_stat(text: &str) -> Option<(CpuCounters, SystemTime)> {
    let system = ExplicitSystemInfo {
        boot_time_secs: 0,
        ticks_per_second: TICKS_PER_SECOND,
        page_size: 4096,
        is_little_endian: true,
    };
    let stat = procfs::KernelStats::from_buf_read(text.as_bytes(), &system).ok()?;
    // The crate drops the numbers of the processors, of which some may be switched off.
    let is_core = |it: &&str| it.starts_with("cpu") && !it.starts_with("cpu ");
    let numbers = text.lines().filter(is_core).map(|it| {
        let number = it.split_whitespace().next()?.strip_prefix("cpu")?;
        number.parse().ok()
    });
    let numbers = numbers.collect::<Option<Vec<u32>>>()?;
    let cores: BTreeMap<u32, CpuTime> = numbers
        .into_iter()
        .zip(stat.cpu_time.iter().map(cpu_time))
        .collect();
    let booted_at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(stat.btime))?;
    Some((
        CpuCounters {
            total: cpu_time(&stat.total),
            cores,
        },
        booted_at,
    ))
}

/// Columns that older kernels do not have count as zero: nothing was accounted to them.
fn cpu_time(it: &procfs::CpuTime) -> CpuTime {
    CpuTime {
        user: it.user,
        nice: it.nice,
        system: it.system,
        idle: it.idle,
        iowait: it.iowait.unwrap_or_default(),
        irq: it.irq.unwrap_or_default(),
        softirq: it.softirq.unwrap_or_default(),
        steal: it.steal.unwrap_or_default(),
    }
}

fn parse_meminfo(text: &str) -> Option<Memory> {
    // procfs cuts the last two bytes of a line off, wherever a character begins.
    let plain = Some(text).filter(|it| it.is_ascii())?;
    let memory = procfs::Meminfo::from_buf_read(plain.as_bytes()).ok()?;
    Some(Memory {
        total: Bytes(memory.mem_total),
        available: memory.mem_available.map(Bytes),
        swap_total: Bytes(memory.swap_total),
        swap_free: Bytes(memory.swap_free),
    })
}

fn parse_loadavg(text: &str) -> Option<Load> {
    let load = procfs::LoadAverage::from_read(text.as_bytes()).ok()?;
    Some(Load {
        one: load.one,
        five: load.five,
        fifteen: load.fifteen,
    })
}

fn parse_uptime(text: &str) -> Option<Duration> {
    let uptime = procfs::Uptime::from_read(text.as_bytes()).ok()?.uptime;
    Duration::try_from_secs_f64(uptime).ok()
}

fn parse_status(text: &str) -> Option<OwnUse> {
    let line = text.lines().find_map(|it| it.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(OwnUse {
        resident: Bytes::from_kib(kib),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn processors_keep_their_numbers() {
        let text = "cpu  40 0 8 400 1 0 0 0 0 0\ncpu0 10 0 2 100 1\ncpu3 30 0 6 300\n\
            intr 1\nctxt 1\nbtime 1700000000\nprocesses 1\n";
        let (cpu, booted_at) = parse_stat(text).unwrap();
        assert_eq!(cpu.cores.keys().copied().collect::<Vec<_>>(), [0, 3]);
        assert_eq!((cpu.cores[&3].user, cpu.total.idle), (30, 400));
        assert_eq!(
            booted_at,
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
        );
    }

    #[test]
    fn a_character_of_several_bytes_is_survived() {
        assert!(parse_meminfo("MemTotal: 1 \u{c50f5}`").is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(?s).{0,200}") {
            parse_stat(&text);
            parse_meminfo(&text);
            parse_loadavg(&text);
            parse_uptime(&text);
            parse_status(&text);
        }

        #[test]
        fn any_numbers_are_survived(text in "(cpu[0-9]{0,2}|btime|ctxt|processes|VmRSS:|MemTotal:)( [-0-9.e]{1,22}){0,11}( kB)?\n") {
            parse_stat(&text);
            parse_meminfo(&text);
            parse_loadavg(&text);
            parse_uptime(&text);
            parse_status(&text);
        }
    }
}
