//! Holds, which keep snapshots from being deleted.

use moxnas_pool::dataset::{Change as Wish, Contents, HoldName};

use super::{DatasetChange, SnapshotView, contents, known, not, snapshot_view};
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
    [pool, dataset, snapshot]: [&str; 3],
    hold: &HoldName,
    is_held: bool,
) -> Result<SnapshotView, Error> {
    let (found, asked) = known(after, pool)?;
    let it = contents(found, asked)?.snapshot(dataset, snapshot);
    match it {
        Some(it) if it.held.contains(hold) == is_held => Ok(snapshot_view(found, asked, it)),
        Some(_) if is_held => not(format!("{snapshot} is not held for {hold}")),
        Some(_) => not(format!("{snapshot} is still held for {hold}")),
        None => not(format!("there is no snapshot {snapshot}")),
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
