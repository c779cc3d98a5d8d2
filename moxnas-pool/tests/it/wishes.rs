//! Snapshots and counts that nobody would think of.

use moxnas_pool::prune::{Decision, Keep, Rule, Snapshot, TimeZone, Timestamp, decide};
use proptest::{option, prelude::*, sample, strategy::Union};

/// Whole and half hours, both hemispheres, and clocks that are put back over midnight.
const ZONES: [&str; 7] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/St_Johns",
    "America/Havana",
];

const HOUR: i64 = 3600;

pub(crate) fn zone() -> impl Strategy<Value = TimeZone> {
    sample::select(&ZONES).prop_map(|it| TimeZone::get(it).unwrap())
}

/// Moments minutes, hours, days and weeks apart, some of them twice. The newest lie in weeks that begin
/// in October and end in November 1990, when in St. John's midnight came twice.
pub(crate) fn moment() -> impl Strategy<Value = Timestamp> {
    let back = |step: i64, steps: i64| (0..steps).prop_map(move |it| it * step).boxed();
    let back = Union::new([
        back(60, 3 * 60),
        back(HOUR, 3 * 24),
        back(4 * HOUR, 6 * 30),
        back(24 * HOUR, 300),
        back(24 * HOUR, 3 * 365),
    ]);
    let ends = sample::select(&["1990-10-28T04:00:00Z", "1990-11-04T20:00:00Z"]);
    (ends, back).prop_map(|(end, back)| {
        let end: Timestamp = end.parse().unwrap();
        Timestamp::from_second(end.as_second() - back).unwrap()
    })
}

pub(crate) fn snapshot() -> impl Strategy<Value = Snapshot> {
    let rarely = || prop::bool::weighted(0.15);
    (moment(), rarely(), rarely()).prop_map(|(taken, is_protected, is_unfinished)| Snapshot {
        taken,
        is_protected,
        is_finished: !is_unfinished,
    })
}

pub(crate) fn snapshots() -> impl Strategy<Value = Vec<Snapshot>> {
    prop::collection::vec(snapshot(), 0..60)
}

pub(crate) fn keep() -> impl Strategy<Value = Keep> {
    prop::array::uniform6(option::of(0..5u32)).prop_map(
        |[last, hourly, daily, weekly, monthly, yearly]| Keep {
            last,
            hourly,
            daily,
            weekly,
            monthly,
            yearly,
        },
    )
}

/// The place in which the count of a rule stands.
pub(crate) fn count(keep: &mut Keep, rule: Rule) -> &mut Option<u32> {
    match rule {
        Rule::Last => &mut keep.last,
        Rule::Hourly => &mut keep.hourly,
        Rule::Daily => &mut keep.daily,
        Rule::Weekly => &mut keep.weekly,
        Rule::Monthly => &mut keep.monthly,
        Rule::Yearly => &mut keep.yearly,
    }
}

/// Those that stay, in the order in which they are handed in.
pub(crate) fn kept(snapshots: &[Snapshot], keep: &Keep, zone: &TimeZone) -> Vec<Snapshot> {
    let decisions = decide(snapshots, keep, zone).into_iter();
    let stay = decisions.filter(|it| it.verdict.is_kept());
    stay.map(|it| it.snapshot).collect()
}

/// Those that stay, in the order in which they are handed in, with the reasons.
pub(crate) fn stay(snapshots: &[Snapshot], keep: &Keep, zone: &TimeZone) -> Vec<Decision> {
    let decisions = decide(snapshots, keep, zone).into_iter();
    decisions.filter(|it| it.verdict.is_kept()).collect()
}
