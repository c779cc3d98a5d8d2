//! What is in a pool: datasets and their snapshots.
//!
//! A dataset is a subvolume of btrfs at the top of its pool, `/srv/POOL/DATASET`, and a snapshot a
//! read-only one at `/srv/POOL/.snapshots/DATASET/NAME`. Other filesystems have neither, and nothing is
//! faked there.

mod model;
mod plan;
mod refusal;
mod step;

pub use model::{
    Contents, Counting, Dataset, DatasetName, Inodes, Snapshot, SnapshotName, Space, Usage,
    dataset_path, replaced_path, snapshot_folder, snapshot_path,
};
pub(crate) use model::{Found, REPLACED, SNAPSHOTS};
pub use plan::{Change, CreateDataset, plan, plan_prune};
pub use refusal::Refusal;
pub use step::Step;
