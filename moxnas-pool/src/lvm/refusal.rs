//! Why not. Said before anything was touched.

use moxnas_core::units::Bytes;

use crate::{
    dataset::DatasetName,
    model::{Filesystem, PoolName},
};

/// Why a wish about thin volumes is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It would do twice what once is enough for.
    #[error("{0} has snapshots of its own, and is not put on thin volumes")]
    NotOnThin(Filesystem),
    /// LVM or device-mapper has no room for it.
    #[error("the volume {0} would have a longer name than device-mapper takes")]
    NameTooLong(String),
    /// No filesystem fits.
    #[error("a quota of {quota} is a volume on which no {filesystem} fits: it needs {need}")]
    TooSmall {
        /// What was wished.
        quota: Bytes,
        /// What is made on volumes of the pool.
        filesystem: Filesystem,
        /// How much it needs.
        need: Bytes,
    },
    /// Filesystems on volumes become larger only.
    #[error("{pool}/{dataset} is a volume of {has}, which is not made smaller")]
    CannotShrink {
        /// The pool.
        pool: PoolName,
        /// The dataset.
        dataset: DatasetName,
        /// How large it is.
        has: Bytes,
    },
    /// It has to be mounted for that.
    #[error("{pool}/{dataset} is there, and is not mounted")]
    DatasetNotMounted {
        /// The pool.
        pool: PoolName,
        /// The dataset.
        dataset: DatasetName,
    },
    /// What needs room would fail half way.
    #[error("pool {0} is full: its thin pool has no room left")]
    Full(PoolName),
    /// The kernel does not have its volumes.
    #[error("the volumes of {0} are not active: what is on them cannot be seen")]
    NotActive(String),
    /// The volumes on a device are not what MoxNAS makes.
    #[error("{device} has no volume {volume}: it was not a pool of that name")]
    NotAPool {
        /// The device.
        device: String,
        /// What a pool of that name would have.
        volume: String,
    },
}

impl Refusal {
    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::NotOnThin(_) => "filesystem_not_on_thin",
            Refusal::NameTooLong(_) => "volume_name_too_long",
            Refusal::TooSmall { .. } => "quota_too_small",
            Refusal::CannotShrink { .. } => "quota_cannot_shrink",
            Refusal::DatasetNotMounted { .. } => "dataset_not_mounted",
            Refusal::Full(_) => "thin_pool_full",
            Refusal::NotActive(_) => "volumes_not_active",
            Refusal::NotAPool { .. } => "not_a_thin_pool",
        }
    }

    /// What would help.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Refusal::NotOnThin(_) => {
                "choose ext4 or xfs, or make the pool without `--kind thin`".to_owned()
            }
            Refusal::NameTooLong(_) => "choose a shorter name".to_owned(),
            Refusal::TooSmall { need, .. } => format!("allow {need} at least"),
            Refusal::CannotShrink { pool, .. } => format!(
                "`moxnas dataset create {pool} …` makes a smaller one, into which its files can be \
                 copied"
            ),
            Refusal::DatasetNotMounted { pool, .. } => {
                format!("`moxnas pool mount {pool}` mounts all of its datasets")
            }
            Refusal::Full(pool) => format!(
                "delete snapshots or files, or let it have a larger device: `moxnas pool grow {pool}`"
            ),
            Refusal::NotActive(group) => format!("`vgchange --activate y {group}` activates them"),
            Refusal::NotAPool { .. } => {
                "take it in under the name that it had: `vgs` shows groups, which are named \
                 moxnas_POOL"
                    .to_owned()
            }
        }
    }
}
