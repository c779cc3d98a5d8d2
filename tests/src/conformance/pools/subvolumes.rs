//! Scenarios of subvolumes that somebody made by hand, and of what is counted late.

use anyhow::Result;
use moxnas_pool::model::Filesystem::Btrfs;

use super::{Deed, PoolJournal};

fn nest(place: &'static str) -> Deed {
    let pool = "tank";
    Deed::Nest { pool, place }
}

/// No snapshot has it, so it is not lost with its dataset.
pub(super) fn a_subvolume_within_a_dataset(it: &mut PoolJournal<'_>) -> Result<()> {
    it.create(Btrfs, "LABA", &[])?;
    it.dataset("photos", None)?;
    it.write("photos", "a", 5)?;
    it.deed(nest("photos/own"))?;
    it.snapshot("photos", "monday")?;
    it.rollback("photos", "monday")?;
    it.rename("photos", "people")?;
    it.delete_snapshot("people", "monday")?;
    it.delete_dataset("people")
}

/// At the top it is a dataset, whoever made it; and what has a name that none can have is none.
pub(super) fn a_subvolume_at_the_top(it: &mut PoolJournal<'_>) -> Result<()> {
    it.create(Btrfs, "LABA", &[])?;
    it.deed(nest("films"))?;
    it.deed(nest("no.dataset"))?;
    it.write("films", "a", 5)?;
    it.quota("films", Some(20))?;
    it.write("films", "b", 30)?;
    it.snapshot("films", "monday")?;
    it.dataset("films", None)
}

/// What was there before is counted with the rest, once anything is.
pub(super) fn what_was_there_is_counted_later(it: &mut PoolJournal<'_>) -> Result<()> {
    it.create(Btrfs, "LABA", &[])?;
    it.deed(nest("films"))?;
    it.write("films", "a", 10)?;
    it.write("", "b", 5)?;
    it.snapshot("films", "monday")?;
    it.write("films", "a", 5)?;
    it.dataset("photos", None)?;
    it.clone_snapshot("films", "monday", "copy", Some(20))
}
