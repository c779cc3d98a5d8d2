//! Looking into snapshots.

use moxnas_pool::dataset::{Change as Wish, Contents, Sight};

use super::{DatasetChange, SnapshotView, not, snapshot_after};
use crate::{error::Error, seen::Seen};

/// Let somebody look into a snapshot, until the machine is started anew.
#[derive(Clone, Debug)]
pub struct SnapshotMount {
    /// Its pool.
    pub pool: String,
    /// The dataset.
    pub dataset: String,
    /// Its name.
    pub snapshot: String,
}

/// Nobody looks into a snapshot any more.
#[derive(Clone, Debug)]
pub struct SnapshotUnmount {
    /// Its pool.
    pub pool: String,
    /// The dataset.
    pub dataset: String,
    /// Its name.
    pub snapshot: String,
}

impl DatasetChange for SnapshotMount {
    fn pool(&self) -> &str {
        &self.pool
    }

    fn wish(&self) -> Wish {
        Wish::MountSnapshot {
            dataset: self.dataset.clone(),
            snapshot: self.snapshot.clone(),
        }
    }

    fn check(&self, after: &Seen, _: &Contents) -> Result<SnapshotView, Error> {
        let which = [self.pool.as_str(), &self.dataset, &self.snapshot];
        let view = snapshot_after(after, which)?;
        match view.sight {
            Sight::At(_) => Ok(view),
            Sight::After(_) => not(format!("the snapshot {} is not mounted", self.snapshot)),
        }
    }
}

impl DatasetChange for SnapshotUnmount {
    fn pool(&self) -> &str {
        &self.pool
    }

    fn wish(&self) -> Wish {
        Wish::UnmountSnapshot {
            dataset: self.dataset.clone(),
            snapshot: self.snapshot.clone(),
        }
    }

    fn check(&self, after: &Seen, _: &Contents) -> Result<SnapshotView, Error> {
        let which = [self.pool.as_str(), &self.dataset, &self.snapshot];
        let view = snapshot_after(after, which)?;
        match view.sight {
            Sight::At(at) => not(format!("{at} is still mounted")),
            Sight::After(_) => Ok(view),
        }
    }
}
