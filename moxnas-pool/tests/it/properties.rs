//! What holds for all snapshots and all counts.

use std::collections::BTreeSet;

use moxnas_pool::prune::{
    Cover, Decision, Keep, Kept, Miss, Period, Removed, Rule, Snapshot, TimeZone, Timestamp,
    Verdict, decide,
};
use proptest::prelude::*;

use crate::wishes;

/// How many each rule keeps, in the order of [`Rule::ALL`].
fn counts(decisions: &[Decision]) -> [u32; 6] {
    let by = |rule| {
        let is_by = |it: &&Decision| matches!(it.verdict, Verdict::Kept(Kept::By { rule: by, .. }) if by == rule);
        decisions.iter().filter(is_by).count().try_into().unwrap()
    };
    Rule::ALL.map(by)
}

fn moments(snapshots: &[Snapshot]) -> BTreeSet<Timestamp> {
    snapshots.iter().map(|it| it.taken).collect()
}

/// Whether a week that lies in two months or years may come between the rules.
fn weeks_interfere(keep: &Keep) -> bool {
    keep.weekly.is_some() && (keep.monthly.is_some() || keep.yearly.is_some())
}

proptest! {
    /// A reason names a rule that runs, a number up to its count that no other has, the period in
    /// which the snapshot lies, and snapshots that are there and stay.
    #[test]
    fn reasons_are_true(
        snapshots in wishes::snapshots(),
        keep in wishes::keep(),
        zone in wishes::zone(),
    ) {
        let decisions = decide(&snapshots, &keep, &zone);
        let counts = counts(&decisions);
        let period = |it: &Decision, rule| Period::of(rule, zone.to_datetime(it.snapshot.taken));
        let stays = |it: &Cover, rule: Rule| decisions.iter().any(|other| {
            let is_there = other.snapshot.taken == it.by && period(other, rule) == Some(it.period);
            is_there && matches!(other.verdict, Verdict::Kept(Kept::By { rule, .. }) if rule == it.rule)
        });
        let mut numbers = BTreeSet::new();
        for decision in &decisions {
            let Snapshot { is_protected, is_finished, taken } = decision.snapshot;
            match &decision.verdict {
                Verdict::Kept(Kept::NoRule) => prop_assert!(!keep.has_rules()),
                Verdict::Kept(Kept::Protected) => prop_assert!(is_protected),
                Verdict::Kept(Kept::Unfinished) => {
                    prop_assert!(!is_finished && !is_protected);
                    prop_assert!(snapshots.iter().all(|it| it.taken <= taken));
                }
                Verdict::Kept(Kept::By { rule, nth, of, period: named }) => {
                    prop_assert!(is_finished && !is_protected);
                    prop_assert_eq!(keep.count(*rule), Some(*of));
                    prop_assert!((1..=counts[*rule as usize]).contains(nth) && nth <= of);
                    prop_assert!(numbers.insert((*rule, *nth)));
                    prop_assert_eq!(*named, period(decision, *rule));
                }
                Verdict::Removed(Removed::Unfinished { newer }) => {
                    prop_assert!(!is_finished && !is_protected && *newer >= taken);
                    prop_assert!(moments(&snapshots).contains(newer));
                }
                Verdict::Removed(Removed::Covered(cover)) => {
                    prop_assert!(is_finished && !is_protected && cover.by >= taken);
                    prop_assert_eq!(Some(cover.period), period(decision, cover.rule));
                    prop_assert!(stays(cover, cover.rule));
                }
                Verdict::Removed(Removed::Missed(misses)) => {
                    prop_assert!(is_finished && !is_protected);
                    prop_assert_eq!(misses.len(), keep.rules().count());
                    for (miss, (rule, of)) in misses.iter().zip(keep.rules()) {
                        match miss {
                            Miss::Full { rule: full, of: all } => {
                                prop_assert_eq!((*full, *all), (rule, of));
                                prop_assert_eq!(counts[rule as usize], of);
                            }
                            Miss::Covered(cover) => {
                                prop_assert!(cover.rule < rule);
                                prop_assert_eq!(Some(cover.period), period(decision, rule));
                                prop_assert!(stays(cover, rule));
                            }
                        }
                    }
                }
            }
            let why = decision.verdict.explain(&zone);
            prop_assert!(!why.is_empty() && !why.ends_with('.'));
        }
    }

    #[test]
    fn what_stays_stays_again_for_the_same_reason(
        snapshots in wishes::snapshots(),
        keep in wishes::keep(),
        zone in wishes::zone(),
    ) {
        let once = wishes::stay(&snapshots, &keep, &zone);
        let left: Vec<Snapshot> = once.iter().map(|it| it.snapshot).collect();
        prop_assert_eq!(decide(&left, &keep, &zone), once);
    }

    #[test]
    fn protected_snapshots_stay_and_without_rules_all_do(
        snapshots in wishes::snapshots(),
        keep in wishes::keep(),
        zone in wishes::zone(),
    ) {
        for decision in decide(&snapshots, &keep, &zone) {
            prop_assert!(!decision.snapshot.is_protected || decision.verdict.is_kept());
        }
        let kept = wishes::kept(&snapshots, &Keep::default(), &zone);
        prop_assert_eq!(kept, snapshots);
    }

    /// Finished, that is: one that is not finished may be the reason why an older one is not waited for.
    #[test]
    fn what_is_protected_changes_nothing_for_the_others(
        snapshots in wishes::snapshots(),
        keep in wishes::keep(),
        zone in wishes::zone(),
    ) {
        let finished = |it: &&Snapshot| it.is_finished;
        let all: Vec<Snapshot> = snapshots.iter().filter(finished).copied().collect();
        let others: Vec<Snapshot> = all.iter().filter(|it| !it.is_protected).copied().collect();
        let mut decided = decide(&all, &keep, &zone);
        decided.retain(|it| !it.snapshot.is_protected);
        prop_assert_eq!(decided, decide(&others, &keep, &zone));
    }

    #[test]
    fn the_order_in_which_they_come_changes_nothing(
        (snapshots, shuffled) in wishes::snapshots()
            .prop_flat_map(|it| (Just(it.clone()), Just(it).prop_shuffle())),
        keep in wishes::keep(),
        zone in wishes::zone(),
    ) {
        let told = |it: &[Snapshot]| {
            let mut told: Vec<(Snapshot, String)> = decide(it, &keep, &zone)
                .iter()
                .map(|it| (it.snapshot, it.verdict.explain(&zone)))
                .collect();
            told.sort_by_key(|(it, why)| (it.taken, it.is_protected, it.is_finished, why.clone()));
            told
        };
        prop_assert_eq!(told(&snapshots), told(&shuffled));
        let in_order: Vec<Snapshot> = decide(&shuffled, &keep, &zone).iter().map(|it| it.snapshot).collect();
        prop_assert_eq!(in_order, shuffled);
    }

    /// Hours lie in days, days in months and weeks, months in years. Only weeks do not lie in months.
    #[test]
    fn a_higher_count_loses_nothing_unless_weeks_come_before_months(
        snapshots in wishes::snapshots(),
        keep in wishes::keep(),
        (rule, more) in (0..6usize, 1..4u32),
        zone in wishes::zone(),
    ) {
        let rule = Rule::ALL[rule];
        let mut higher = keep;
        let count = wishes::count(&mut higher, rule);
        *count = Some(count.unwrap_or(0) + more);
        prop_assume!(keep.has_rules());
        let (before, after) = (
            wishes::stay(&snapshots, &keep, &zone),
            wishes::stay(&snapshots, &higher, &zone),
        );
        let at = rule as usize;
        prop_assert!(counts(&after)[at] >= counts(&before)[at], "the rule itself keeps fewer");
        prop_assert_eq!(&counts(&after)[..at], &counts(&before)[..at], "the rules before it change");
        if !weeks_interfere(&higher) || rule > Rule::Weekly {
            let moments = |it: &[Decision]| -> BTreeSet<Timestamp> {
                it.iter().map(|it| it.snapshot.taken).collect()
            };
            prop_assert!(moments(&after).is_superset(&moments(&before)));
        }
    }
}

/// The week from 29 January to 4 February 2024 lies in two months. Once keep-weekly counts it, its
/// older snapshots are gone before keep-monthly looks for January.
#[test]
fn a_higher_weekly_count_may_keep_fewer() {
    let snapshots = ["2024-01-31T12:00:00Z", "2024-02-04T12:00:00Z"]
        .map(|it| Snapshot::at(it.parse().unwrap()));
    let mut keep = Keep {
        monthly: Some(2),
        ..Keep::default()
    };
    let zone = TimeZone::UTC;
    assert_eq!(wishes::kept(&snapshots, &keep, &zone), snapshots);
    keep.weekly = Some(1);
    assert_eq!(wishes::kept(&snapshots, &keep, &zone), snapshots[1..]);
}
