//! What becomes of the quota that somebody wishes.

use moxnas_core::units::Bytes;

use crate::{
    dataset::Dataset,
    lvm::{Kind, whole_extents},
    model::{Filesystem, Pool},
};

/// What a filesystem makes of a quota: project quotas count whole blocks, of 4 KiB at most on the
/// processors that Debian is for.
#[must_use]
pub fn countable(filesystem: Filesystem, quota: Option<Bytes>) -> Option<Bytes> {
    match filesystem {
        Filesystem::Btrfs => quota,
        Filesystem::Ext4 | Filesystem::Xfs => quota.map(|it| Bytes(it.0 - it.0 % BLOCK)),
    }
}

/// Whether a dataset has the quota that was wished for. A thin volume always has a size.
#[must_use]
pub fn is_limited_to(pool: &Pool, dataset: &Dataset, wished: Option<Bytes>) -> bool {
    match (&pool.kind, wished) {
        (Kind::Filesystem | Kind::Devices(_), wished) => {
            dataset.quota == countable(pool.filesystem, wished)
        }
        (Kind::Thin(_), Some(wished)) => dataset.quota == Some(whole_extents(wished)),
        (Kind::Thin(_), None) => dataset.quota.is_some(),
        (Kind::Directory(_), wished) => dataset.quota == wished,
    }
}

/// The largest block of ext4 and xfs.
const BLOCK: u64 = 4096;
