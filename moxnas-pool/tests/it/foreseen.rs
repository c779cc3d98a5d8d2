//! What a preview says is what comes.

use moxnas_pool::prune::{Keep, Kept, Snapshot, TimeZone, Timestamp, Verdict, preview};
use proptest::prelude::*;

use crate::wishes;

const HOUR: i64 = 3600;

fn hours(from: &str, count: i64) -> Vec<Timestamp> {
    let from: Timestamp = from.parse().unwrap();
    let at = |it| Timestamp::from_second(from.as_second() + it * HOUR).unwrap();
    (0..count).map(at).collect()
}

proptest! {
    #[test]
    fn a_preview_is_one_run_of_prune_after_each_snapshot(
        present in prop::collection::vec(wishes::snapshot(), 0..10),
        mut times in prop::collection::vec(wishes::moment(), 1..40),
        keep in wishes::keep(),
        zone in wishes::zone(),
    ) {
        times.sort();
        let mut there = present.clone();
        let mut counts = Vec::new();
        for at in &times {
            there.push(Snapshot::at(*at));
            there = wishes::kept(&there, &keep, &zone);
            counts.push((*at, there.len()));
        }
        let preview = preview(&present, times, &keep, &zone);
        let seen: Vec<_> = preview.counts.iter().map(|it| (it.at, it.kept)).collect();
        prop_assert_eq!(seen, counts);
        let of = |it: &Snapshot| (it.taken, it.is_protected, it.is_finished);
        let mut left: Vec<_> = preview.left.iter().map(|it| of(&it.snapshot)).collect();
        prop_assert!(left.iter().rev().is_sorted_by_key(|it| it.0), "newest first");
        let mut there: Vec<_> = there.iter().map(of).collect();
        left.sort();
        there.sort();
        prop_assert_eq!(left, there);
        prop_assert!(preview.left.iter().all(|it| it.verdict.is_kept()));
    }
}

/// Hours of more than a year, with counts as they are used.
#[test]
fn a_year_of_hours_ends_with_all_that_was_asked_for() {
    let keep = Keep {
        last: Some(3),
        hourly: Some(24),
        daily: Some(7),
        weekly: Some(4),
        monthly: Some(6),
        yearly: Some(1),
    };
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let preview = preview(&[], hours("2025-12-01T00:00:00Z", 9600), &keep, &zone);
    let kept: Vec<usize> = preview.counts.iter().map(|it| it.kept).collect();
    assert_eq!(kept.len(), 9600);
    assert_eq!(kept[..4], [1, 2, 3, 4]);
    assert_eq!(kept.iter().max(), Some(&45));
    assert_eq!(kept.last(), Some(&45));
    let oldest = preview.left.last().unwrap();
    assert_eq!(oldest.verdict.explain(&zone), "keep-yearly 1 of 1: 2025");
    let is_by_rule = |it: &Verdict| matches!(it, Verdict::Kept(Kept::By { .. }));
    assert!(preview.left.iter().all(|it| is_by_rule(&it.verdict)));
}

#[test]
fn without_rules_all_of_them_pile_up() {
    let times = hours("2026-01-01T00:00:00Z", 9600);
    let preview = preview(&[], times, &Keep::default(), &TimeZone::UTC);
    assert_eq!(preview.counts.last().unwrap().kept, 9600);
    assert_eq!(preview.left.len(), 9600);
}
