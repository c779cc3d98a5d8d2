//! What the tests of pools have in common.

use moxnas_app::ops::{
    datasets::DatasetCreate,
    pools::{Base, PoolCreate},
};
use moxnas_pool::{dataset::Attributes, model::Filesystem};

/// A pool on an array or a disk.
pub(crate) fn pool(name: &str, on: &str, filesystem: Filesystem) -> PoolCreate {
    PoolCreate {
        name: name.parse().unwrap(),
        base: Base::Device(on.to_owned()),
        filesystem,
        thin: false,
        options: Vec::new(),
    }
}

/// A dataset without a quota, of which nothing is said.
pub(crate) fn dataset(pool: &str, name: &str) -> DatasetCreate {
    DatasetCreate {
        pool: pool.to_owned(),
        name: name.parse().unwrap(),
        quota: None,
        filesystem: None,
        attributes: Attributes::default(),
    }
}
