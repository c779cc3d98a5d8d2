//! What will be there in the days to come.

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::{Decision, Keep, Snapshot, decision::decisions, entry::Entry, mark::marks};

/// How it goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// How many there are after each time, in order.
    pub counts: Vec<Count>,
    /// What is there in the end and why, newest first.
    pub left: Vec<Decision>,
}

/// How many snapshots there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Count {
    /// After the snapshot of this moment was taken, and those that had to go were removed.
    pub at: Timestamp,
    /// So many, with those that no rule counts.
    pub kept: usize,
}

/// Takes a snapshot at each time and removes what then has to go, beginning with those that are
/// `present`. Times come in order. Without any nothing is removed, and `left` says what would be.
///
/// Costs as much as there are times, multiplied by as many snapshots as are kept.
#[must_use]
pub fn preview(
    present: &[Snapshot],
    times: impl IntoIterator<Item = Timestamp>,
    keep: &Keep,
    zone: &TimeZone,
) -> Preview {
    let mut entries: Vec<Entry> = present.iter().map(|it| Entry::new(*it, zone)).collect();
    entries.sort_by_key(Entry::age);
    let mut counts = Vec::new();
    for at in times {
        let taken = Entry::new(Snapshot::at(at), zone);
        let place = entries.partition_point(|it| it.age() <= taken.age());
        entries.insert(place, taken);
        if keep.has_rules() {
            let marks = marks(&entries, keep);
            let mut stay = marks.iter().map(|it| it.stays());
            entries.retain(|_| stay.next().unwrap_or(true));
        }
        counts.push(Count {
            at,
            kept: entries.len(),
        });
    }
    let mut left = decisions(&entries, keep);
    left.reverse();
    Preview { counts, left }
}
