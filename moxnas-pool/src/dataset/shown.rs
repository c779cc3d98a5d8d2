//! What a look at a pool tells of what is in it: whether a snapshot can be looked into, and which
//! filesystem a dataset is.

use super::{DatasetName, SnapshotName, snapshot_path};
use crate::{
    lvm::Kind,
    model::{Filesystem, Pool},
};

/// How somebody comes to look into a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// It is there, at this path.
    At(String),
    /// Nothing is there before this command.
    After(String),
}

impl Pool {
    /// The filesystem of its own that a dataset has, if it has one.
    #[must_use]
    pub fn filesystem_of(&self, dataset: &DatasetName) -> Option<Filesystem> {
        match &self.kind {
            Kind::Thin(thin) => thin.find(dataset.as_str()).map(|it| it.filesystem),
            Kind::Filesystem | Kind::Devices(_) | Kind::Directory(_) => None,
        }
    }

    /// How somebody comes to look into a snapshot that is in it.
    #[must_use]
    pub fn sight(&self, dataset: &DatasetName, snapshot: &SnapshotName) -> Sight {
        let is_there = match &self.kind {
            Kind::Thin(thin) => {
                let shown = thin.shown(dataset.as_str(), snapshot.as_str());
                shown.is_some_and(|it| it.is_mounted)
            }
            Kind::Filesystem | Kind::Devices(_) | Kind::Directory(_) => true,
        };
        let pool = &self.name;
        match is_there {
            true => Sight::At(snapshot_path(pool, dataset, snapshot)),
            false => Sight::After(format!("moxnas snapshot mount {pool} {dataset} {snapshot}")),
        }
    }
}
