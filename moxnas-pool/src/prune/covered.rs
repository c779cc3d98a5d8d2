//! Periods of which a snapshot stays.

use super::Period;

/// Periods, each with the place of the newest of its snapshots that stays; the latest period first.
///
/// Filled from the newest snapshot on, so that what is added nearly always belongs to the end. Only a
/// clock that is put back over midnight shows a later day before an earlier one.
#[derive(Default)]
pub(super) struct Covered(Vec<(Period, usize)>);

impl Covered {
    /// The snapshot that stays for a period.
    pub(super) fn get(&self, period: Period) -> Option<usize> {
        let place = self.place(period).ok()?;
        Some(self.0[place].1)
    }

    /// That of a period which has none so far; one that it has is newer.
    pub(super) fn add(&mut self, period: Period, at: usize) {
        if let Err(place) = self.place(period) {
            self.0.insert(place, (period, at));
        }
    }

    /// Where a period stands, or would.
    fn place(&self, period: Period) -> Result<usize, usize> {
        match self.0.last() {
            Some((last, _)) if period < *last => Err(self.0.len()),
            _ => self.0.binary_search_by(|(it, _)| period.cmp(it)),
        }
    }
}
