//! What a service and its processes have used, by the kernel's account.

use std::{collections::BTreeMap, fs, time::Duration};

use anyhow::{Context as _, Result};

/// `utime` and `stime` are counted in hundredths of a second on every Linux with a usual `USER_HZ`.
const TICK: Duration = Duration::from_millis(10);

/// User and system time of the process and all below it, those that have ended too.
pub(super) fn cpu(pid: u32) -> Result<Duration> {
    let mut ticks = 0;
    for pid in family(pid)? {
        // A child may have ended since; its parent has its time then.
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
            continue;
        };
        let stat = Stat::parse(&text).context("/proc/*/stat is not understood")?;
        ticks += stat.ticks;
    }
    Ok(TICK * u32::try_from(ticks)?)
}

/// Bytes of memory: the proportional set size, in which a page that three processes share counts a
/// third for each, summed over the process and all below it.
pub(super) fn memory(pid: u32) -> Result<u64> {
    let mut kibibytes = 0;
    for pid in family(pid)? {
        let path = format!("/proc/{pid}/smaps_rollup");
        let text = fs::read_to_string(&path).with_context(|| path.clone())?;
        let line = text.lines().find_map(|it| it.strip_prefix("Pss:"));
        let pss = line.and_then(|it| it.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kibibytes += pss.with_context(|| format!("{path} has no Pss"))?;
    }
    Ok(kibibytes * 1024)
}

struct Stat {
    parent: u32,
    /// Its own, and those of its children that ended.
    ticks: u64,
}

impl Stat {
    /// See proc_pid_stat(5). The name of the program, in brackets, may hold anything.
    fn parse(text: &str) -> Option<Stat> {
        let (_, rest) = text.rsplit_once(") ")?;
        let words: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |at: usize| words.get(at)?.parse::<u64>().ok();
        Some(Stat {
            parent: u32::try_from(number(1)?).ok()?,
            ticks: number(11)? + number(12)? + number(13)? + number(14)?,
        })
    }
}

/// The process and all below it.
fn family(pid: u32) -> Result<Vec<u32>> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|it| it.parse().ok()) else {
            continue;
        };
        let text = fs::read_to_string(format!("/proc/{pid}/stat"));
        if let Some(stat) = text.ok().and_then(|it| Stat::parse(&it)) {
            children.entry(stat.parent).or_default().push(pid);
        }
    }
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(pid) = family.get(next) {
        let below = children.remove(pid);
        family.extend(below.into_iter().flatten());
        next += 1;
    }
    Ok(family)
}

#[cfg(test)]
mod tests {
    use super::Stat;

    #[test]
    fn a_name_with_brackets_is_no_end_of_the_name() {
        let text = "71 (a) b) S 70 71 71 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0 5 6 7\n";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.parent, stat.ticks), (70, 127));
        assert!(Stat::parse("71 (a) S 70").is_none());
    }
}
