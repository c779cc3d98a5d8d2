//! The rules a second time: as the documentation has them, with periods that are texts, one snapshot
//! after the other.

use std::collections::BTreeSet;

use moxnas_pool::prune::{Keep, Rule, Snapshot, TimeZone};
use proptest::prelude::*;

use crate::wishes;

/// Which of the snapshots stay. They come newest first, no two of the same moment.
fn stay(snapshots: &[Snapshot], keep: &Keep, zone: &TimeZone) -> Vec<bool> {
    if !keep.has_rules() {
        return vec![true; snapshots.len()];
    }
    let (mut stays, mut goes) = (BTreeSet::new(), BTreeSet::new());
    for (at, it) in snapshots.iter().enumerate() {
        if !it.is_finished && at > 0 {
            goes.insert(at);
        }
    }
    for rule in Rule::ALL {
        let Some(count) = keep.count(rule) else {
            continue;
        };
        let text = |it: &Snapshot| {
            let shown = it.taken.to_zoned(zone.clone());
            match rule {
                Rule::Last => it.taken.to_string(),
                Rule::Hourly => shown.strftime("%Y/%m/%d/%H").to_string(),
                Rule::Daily => shown.strftime("%Y/%m/%d").to_string(),
                Rule::Weekly => shown.strftime("%G/%V").to_string(),
                Rule::Monthly => shown.strftime("%Y/%m").to_string(),
                Rule::Yearly => shown.strftime("%Y").to_string(),
            }
        };
        let before: BTreeSet<String> = stays.iter().map(|at| text(&snapshots[*at])).collect();
        let mut counted = BTreeSet::new();
        for (at, it) in snapshots.iter().enumerate() {
            let is_ruled = it.is_finished && !it.is_protected;
            if !is_ruled || stays.contains(&at) || goes.contains(&at) || before.contains(&text(it))
            {
                continue;
            }
            if counted.contains(&text(it)) {
                goes.insert(at);
                continue;
            }
            if counted.len() == count as usize {
                break;
            }
            counted.insert(text(it));
            stays.insert(at);
        }
    }
    let stays = |(at, it): (usize, &Snapshot)| {
        let is_newest = at == 0;
        it.is_protected || stays.contains(&at) || (is_newest && !it.is_finished)
    };
    snapshots.iter().enumerate().map(stays).collect()
}

proptest! {
    #[test]
    fn what_is_decided_is_what_the_rules_say(
        mut snapshots in wishes::snapshots(),
        keep in wishes::keep(),
        zone in wishes::zone(),
    ) {
        snapshots.sort_by_key(|it| std::cmp::Reverse(it.taken));
        snapshots.dedup_by_key(|it| it.taken);
        let stays = stay(&snapshots, &keep, &zone).into_iter();
        let wanted: Vec<Snapshot> = snapshots
            .iter()
            .zip(stays)
            .filter(|it| it.1)
            .map(|it| *it.0)
            .collect();
        prop_assert_eq!(wishes::kept(&snapshots, &keep, &zone), wanted);
    }
}
