//! Looking into snapshots.

use moxnas_pool::dataset::{Change as Wish, Contents, Sight};

use super::{DatasetChange, SnapshotView, known, not, snapshot_view};
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

fn view(
    after: &Seen,
    contents: &Contents,
    [pool, dataset, snapshot]: [&str; 3],
) -> Result<SnapshotView, Error> {
    let (pool, asked) = known(after, pool)?;
    match contents.snapshot(dataset, snapshot) {
        Some(it) => Ok(snapshot_view(pool, asked, it)),
        None => not(format!("there is no snapshot {snapshot}")),
    }
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

    fn check(&self, after: &Seen, contents: &Contents) -> Result<SnapshotView, Error> {
        let which = [self.pool.as_str(), &self.dataset, &self.snapshot];
        let view = view(after, contents, which)?;
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

    fn check(&self, after: &Seen, contents: &Contents) -> Result<SnapshotView, Error> {
        let which = [self.pool.as_str(), &self.dataset, &self.snapshot];
        let view = view(after, contents, which)?;
        match view.sight {
            Sight::At(at) => not(format!("{at} is still mounted")),
            Sight::After(_) => Ok(view),
        }
    }
}
