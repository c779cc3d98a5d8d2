//! Holds, which keep snapshots from being deleted.

use moxnas_pool::dataset::{Change as Wish, Contents, HoldName};

use super::{DatasetChange, SnapshotView, not, snapshot_after};
use crate::{error::Error, seen::Seen};

/// Let a snapshot not be deleted as long as it is held for this.
#[derive(Clone, Debug)]
pub struct SnapshotHold {
    /// Its pool.
    pub pool: String,
    /// The dataset.
    pub dataset: String,
    /// Its name.
    pub snapshot: String,
    /// What for.
    pub hold: HoldName,
}

/// Hold a snapshot for this no more.
#[derive(Clone, Debug)]
pub struct SnapshotRelease {
    /// Its pool.
    pub pool: String,
    /// The dataset.
    pub dataset: String,
    /// Its name.
    pub snapshot: String,
    /// What for.
    pub hold: HoldName,
}

/// The snapshot, if it is held for this, or is not.
fn held(
    after: &Seen,
    which: [&str; 3],
    hold: &HoldName,
    is_held: bool,
) -> Result<SnapshotView, Error> {
    let view = snapshot_after(after, which)?;
    let name = &view.snapshot.name;
    match (view.snapshot.held.contains(hold), is_held) {
        (true, false) => not(format!("{name} is still held for {hold}")),
        (false, true) => not(format!("{name} is not held for {hold}")),
        _ => Ok(view),
    }
}

impl DatasetChange for SnapshotHold {
    fn pool(&self) -> &str {
        &self.pool
    }

    fn wish(&self) -> Wish {
        Wish::Hold {
            dataset: self.dataset.clone(),
            snapshot: self.snapshot.clone(),
            hold: self.hold.clone(),
        }
    }

    fn check(&self, after: &Seen, _: &Contents) -> Result<SnapshotView, Error> {
        let which = [self.pool.as_str(), &self.dataset, &self.snapshot];
        held(after, which, &self.hold, true)
    }
}

impl DatasetChange for SnapshotRelease {
    fn pool(&self) -> &str {
        &self.pool
    }

    fn wish(&self) -> Wish {
        Wish::Release {
            dataset: self.dataset.clone(),
            snapshot: self.snapshot.clone(),
            hold: self.hold.clone(),
        }
    }

    fn check(&self, after: &Seen, _: &Contents) -> Result<SnapshotView, Error> {
        let which = [self.pool.as_str(), &self.dataset, &self.snapshot];
        held(after, which, &self.hold, false)
    }
}
