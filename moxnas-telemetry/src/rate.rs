//! What happened between two samples.

use crate::CpuTime;

/// How busy the processors were between two samples, from 0 to 100.
///
/// `None` when no time has passed, and when a counter went backwards: the machine was restarted,
/// the processor was switched off and on, or a counter started again from zero. There is no
/// figure then, and none is made up.
///
/// The kernel lets `iowait` shrink in favour of `idle` (see proc(5)), so the two count as one.
#[must_use]
pub fn cpu_percent(before: &CpuTime, after: &CpuTime) -> Option<f64> {
    let busy: u64 = busy(before)
        .into_iter()
        .zip(busy(after))
        .map(passed)
        .sum::<Option<u64>>()?;
    let idle = passed((idle(before)?, idle(after)?))?;
    let all = busy.checked_add(idle).filter(|it| *it > 0)?;
    Some(busy as f64 / all as f64 * 100.0)
}

fn passed((before, after): (u64, u64)) -> Option<u64> {
    // No processor gains half of all counts between two samples: that is a counter gone mad.
    after.checked_sub(before).filter(|it| *it < u64::MAX / 16)
}

fn busy(it: &CpuTime) -> [u64; 6] {
    [it.user, it.nice, it.system, it.irq, it.softirq, it.steal]
}

fn idle(it: &CpuTime) -> Option<u64> {
    it.idle.checked_add(it.iowait)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn time(user: u64, idle: u64, iowait: u64) -> CpuTime {
        CpuTime {
            user,
            idle,
            iowait,
            ..CpuTime::default()
        }
    }

    #[test]
    fn a_rate_is_the_share_of_time_that_was_not_idle() {
        let before = time(100, 1_000, 50);
        for (after, expect) in [
            (time(100, 1_100, 50), Some(0.0)),
            (time(200, 1_000, 50), Some(100.0)),
            (time(125, 1_050, 75), Some(25.0)),
            // iowait moved to idle.
            (time(125, 1_085, 40), Some(25.0)),
            // No time has passed.
            (before, None),
            // Restarted.
            (time(90, 10, 0), None),
            (time(101, 10, 0), None),
            (time(0, 2_000, 50), None),
            (time(u64::MAX, 1_000, 50), None),
        ] {
            assert_eq!(cpu_percent(&before, &after), expect, "{after:?}");
        }
    }

    fn any_time() -> impl Strategy<Value = CpuTime> {
        any::<[u64; 8]>().prop_map(|[user, nice, system, idle, iowait, irq, softirq, steal]| {
            CpuTime {
                user,
                nice,
                system,
                idle,
                iowait,
                irq,
                softirq,
                steal,
            }
        })
    }

    proptest! {
        #[test]
        fn no_counters_give_a_spike(before in any_time(), after in any_time()) {
            if let Some(percent) = cpu_percent(&before, &after) {
                prop_assert!((0.0..=100.0).contains(&percent));
            }
        }
    }
}
