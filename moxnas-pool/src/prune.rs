//! Which snapshots to keep: the last N, and the last of each of N hours, days, weeks, months and
//! years.
//!
//! The rules are those of Proxmox Backup, which its manual describes under [pruning] and its source
//! settles (`pbs-datastore/src/prune.rs`):
//!
//! - Snapshots are looked at from the newest to the oldest, by the rules in the order last, hourly,
//!   daily, weekly, monthly, yearly.
//! - A rule keeps the newest snapshot of each of its periods, until it has as many as its count. A
//!   period of which an *earlier* rule keeps a snapshot is passed over and not counted.
//! - The other snapshots of a period that a rule counts go, and no later rule looks at them. So a week
//!   of which keep-weekly keeps Sunday, 1 March, takes the last days of February with it, and
//!   keep-monthly does not see them: a higher count may in the end keep fewer.
//! - A period without a snapshot is not counted: seven days are seven days with snapshots.
//! - A protected snapshot stays. No rule counts it, and it covers no period.
//! - A snapshot that was not finished stays if it is the newest of all, and is counted by no rule.
//!   Older ones that were not finished go.
//! - Where no count is given at all, everything stays. A count of 0 is given, and keeps nothing; whoever
//!   takes counts from people should refuse it, as Proxmox Backup does.
//!
//! Periods are those of the clocks and calendars of a zone. A day is 23 hours long where a clock is put
//! forward in it, and the hour that a clock shows twice when it is put back is one hour. Weeks are those
//! of ISO 8601: they begin on Monday, and 2026-W01 on 29 December 2025.
//!
//! What Proxmox Backup cannot have are two snapshots of the same moment. Here keep-last counts each.
//!
//! [pruning]: https://pbs.proxmox.com/docs/maintenance.html#pruning

mod covered;
mod decision;
mod entry;
mod keep;
mod mark;
mod period;
mod preview;

pub use decision::{Cover, Decision, Kept, Miss, Removed, Verdict};
pub use jiff::{Timestamp, tz::TimeZone};
pub use keep::{Keep, Rule};
pub use period::Period;
pub use preview::{Count, Preview, preview};

use serde::{Deserialize, Serialize};

use self::entry::Entry;

/// What pruning has to know of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// The moment that it holds.
    pub taken: Timestamp,
    /// Somebody said that it has to stay.
    pub is_protected: bool,
    /// All of it is there. One that is not is still being made, or its making was cut short.
    pub is_finished: bool,
}

impl Snapshot {
    /// A finished snapshot that nobody protects.
    #[must_use]
    pub fn at(taken: Timestamp) -> Snapshot {
        Snapshot {
            taken,
            is_protected: false,
            is_finished: true,
        }
    }
}

/// What is to become of each snapshot, and why; in the order in which they are handed in, which
/// changes nothing about the decisions.
///
/// Hours, days, weeks, months and years are those of `zone`.
#[must_use]
pub fn decide(snapshots: &[Snapshot], keep: &Keep, zone: &TimeZone) -> Vec<Decision> {
    let mut entries: Vec<(usize, Entry)> = snapshots
        .iter()
        .map(|it| Entry::new(*it, zone))
        .enumerate()
        .collect();
    entries.sort_by_key(|(_, entry)| entry.age());
    let (places, entries): (Vec<usize>, Vec<Entry>) = entries.into_iter().unzip();
    let decided = decision::decisions(&entries, keep);
    let mut placed: Vec<_> = places.into_iter().zip(decided).collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, decision)| decision).collect()
}

#[cfg(test)]
mod tests;
