//! A snapshot with the periods in which it lies.

use jiff::{Timestamp, tz::TimeZone};

use super::{Period, Rule, Snapshot};

/// What the zone says of a snapshot, looked up once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) snapshot: Snapshot,
    /// By rule, in the order of [`Rule::ALL`].
    periods: [Option<Period>; Rule::ALL.len()],
}

impl Entry {
    pub(super) fn new(snapshot: Snapshot, zone: &TimeZone) -> Entry {
        let shown = zone.to_datetime(snapshot.taken);
        Entry {
            snapshot,
            periods: Rule::ALL.map(|rule| Period::of(rule, shown)),
        }
    }

    /// The period of a rule; none for [`Rule::Last`].
    pub(super) fn period(&self, rule: Rule) -> Option<Period> {
        self.periods[rule as usize]
    }

    /// By what entries are sorted, oldest first. Of the same moment, one that is not finished is newer:
    /// it may still be in the making.
    pub(super) fn age(&self) -> (Timestamp, bool, bool) {
        let it = self.snapshot;
        (it.taken, !it.is_finished, it.is_protected)
    }
}
