//! Snapshots and counts that nobody would think of.

use moxnas_pool::prune::{Decision, Keep, Rule, Snapshot, TimeZone, Timestamp, decide};
use proptest::{option, prelude::*, sample, strategy::Union};

/// Whole and half hours, both hemispheres, and a clock that is put back over midnight.
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

/// Moments within hours, days, months and years of each other, some of them twice. In St. John's and
/// Havana of 1990 midnight came twice.
pub(crate) fn moment() -> impl Strategy<Value = Timestamp> {
    let begins: i64 = "1990-01-01T00:00:00Z"
        .parse::<Timestamp>()
        .unwrap()
        .as_second();
    let autumn: i64 = "1990-10-28T00:00:00Z"
        .parse::<Timestamp>()
        .unwrap()
        .as_second();
    let coarse = (0..1200i64, 0..24i64).prop_map(move |it| begins + it.0 * 24 * HOUR + it.1 * HOUR);
    let week = (0..14 * 24 * 12i64).prop_map(move |it| autumn - 7 * 24 * HOUR + it * 300);
    let seconds = Union::new([coarse.boxed(), week.boxed()]);
    seconds.prop_map(|it| Timestamp::from_second(it).unwrap())
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
