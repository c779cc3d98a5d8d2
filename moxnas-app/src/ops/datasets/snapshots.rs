//! Snapshots: taken, deleted, cloned, and gone back to.

use moxnas_pool::dataset::{Change as Wish, Contents, CreateDataset};

use super::{
    DatasetChange, DatasetView, SnapshotClone, SnapshotCreate, SnapshotDelete, SnapshotRollback,
    SnapshotView, dataset_view, limited, not, snapshot_after,
};
use crate::{error::Error, seen::Seen};

impl DatasetChange for SnapshotCreate {
    fn pool(&self) -> &str {
        &self.pool
    }

    fn wish(&self) -> Wish {
        Wish::TakeSnapshot {
            dataset: self.dataset.clone(),
            snapshot: self.name.clone(),
        }
    }

    fn check(&self, after: &Seen, _: &Contents) -> Result<SnapshotView, Error> {
        let view = snapshot_after(after, [&self.pool, &self.dataset, self.name.as_str()])?;
        match view.snapshot.read_only {
            true => Ok(view),
            false => not(format!("the snapshot {} can be written", self.name)),
        }
    }
}

impl DatasetChange for SnapshotDelete {
    fn pool(&self) -> &str {
        &self.pool
    }

    fn wish(&self) -> Wish {
        Wish::DeleteSnapshot {
            dataset: self.dataset.clone(),
            snapshot: self.snapshot.clone(),
        }
    }

    fn check(&self, _: &Seen, contents: &Contents) -> Result<(), Error> {
        match contents.snapshot(&self.dataset, &self.snapshot) {
            None => Ok(()),
            Some(_) => not(format!("the snapshot {} is still there", self.snapshot)),
        }
    }
}

impl DatasetChange for SnapshotClone {
    fn pool(&self) -> &str {
        &self.pool
    }

    fn wish(&self) -> Wish {
        Wish::Clone {
            dataset: self.dataset.clone(),
            snapshot: self.snapshot.clone(),
            to: CreateDataset {
                name: self.to.clone(),
                quota: self.quota,
                filesystem: None,
            },
        }
    }

    fn check(&self, after: &Seen, contents: &Contents) -> Result<DatasetView, Error> {
        let made = limited(after, &self.pool, self.to.as_str(), self.quota)?;
        is_of(made, contents, &self.dataset, &self.snapshot)
    }
}

impl DatasetChange for SnapshotRollback {
    fn pool(&self) -> &str {
        &self.pool
    }

    fn wish(&self) -> Wish {
        Wish::Rollback {
            dataset: self.dataset.clone(),
            snapshot: self.snapshot.clone(),
        }
    }

    fn check(&self, after: &Seen, contents: &Contents) -> Result<DatasetView, Error> {
        let mut left = contents.replaced.iter();
        if left.any(|it| it.name.as_str() == self.dataset) {
            return not("what it was before is not a snapshot yet".to_owned());
        }
        let made = dataset_view(after, &self.pool, &self.dataset)?;
        is_of(made, contents, &self.dataset, &self.snapshot)
    }
}

/// A dataset that is a clone of that snapshot.
fn is_of(
    made: DatasetView,
    contents: &Contents,
    dataset: &str,
    snapshot: &str,
) -> Result<DatasetView, Error> {
    let of = contents.snapshot(dataset, snapshot);
    match of.map(|it| &it.uuid) == made.dataset.origin.as_ref() && of.is_some() {
        true => Ok(made),
        false => not(format!(
            "{} is no clone of the snapshot {snapshot}",
            made.dataset.name
        )),
    }
}
