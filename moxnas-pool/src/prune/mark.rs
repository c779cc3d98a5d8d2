//! The rules, gone through.

use super::{Keep, Period, Rule, covered::Covered, entry::Entry};

/// What becomes of an entry. Others are named by their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// No rule has taken or removed it.
    Open,
    /// No rule runs.
    Untouched,
    Protected,
    /// Not finished, and the newest of all.
    Unfinished,
    /// The rule's `nth` that it keeps, counted from 1.
    Kept {
        rule: Rule,
        nth: u32,
    },
    /// Not finished, and `newer` is.
    Abandoned {
        newer: usize,
    },
    /// In a period for which its rule keeps `by`.
    Covered {
        period: Period,
        by: usize,
    },
}

impl Mark {
    pub(super) fn stays(self) -> bool {
        match self {
            Mark::Untouched | Mark::Protected | Mark::Unfinished | Mark::Kept { .. } => true,
            Mark::Open | Mark::Abandoned { .. } | Mark::Covered { .. } => false,
        }
    }
}

/// A mark for each entry. Entries come oldest first.
pub(super) fn marks(entries: &[Entry], keep: &Keep) -> Vec<Mark> {
    if !keep.has_rules() {
        return vec![Mark::Untouched; entries.len()];
    }
    let unruled = |(at, entry): (usize, &Entry)| match entry.snapshot {
        it if it.is_protected => Mark::Protected,
        it if it.is_finished => Mark::Open,
        _ if at + 1 == entries.len() => Mark::Unfinished,
        _ => Mark::Abandoned { newer: at + 1 },
    };
    let mut marks: Vec<Mark> = entries.iter().enumerate().map(unruled).collect();
    for (rule, count) in keep.rules() {
        if !marks.contains(&Mark::Open) {
            break;
        }
        run(rule, count, entries, &mut marks);
    }
    marks
}

/// One rule, over what those before it left open.
fn run(rule: Rule, count: u32, entries: &[Entry], marks: &mut [Mark]) {
    let covered = covered_before(rule, entries, marks);
    let mut own = Covered::default();
    let mut kept = 0;
    for at in (0..entries.len()).rev() {
        if marks[at] != Mark::Open {
            continue;
        }
        let period = entries[at].period(rule);
        if period.is_some_and(|it| covered.get(it).is_some()) {
            continue;
        }
        let newer = period.and_then(|period| Some((period, own.get(period)?)));
        if let Some((period, by)) = newer {
            marks[at] = Mark::Covered { period, by };
            continue;
        }
        if kept == count {
            return;
        }
        kept += 1;
        marks[at] = Mark::Kept { rule, nth: kept };
        if let Some(period) = period {
            own.add(period, at);
        }
    }
}

/// The periods of a rule of which a rule before it keeps a snapshot, with the newest of these.
pub(super) fn covered_before(rule: Rule, entries: &[Entry], marks: &[Mark]) -> Covered {
    let mut covered = Covered::default();
    for (at, (entry, mark)) in entries.iter().zip(marks).enumerate().rev() {
        if matches!(mark, Mark::Kept { rule: by, .. } if *by < rule)
            && let Some(period) = entry.period(rule)
        {
            covered.add(period, at);
        }
    }
    covered
}
