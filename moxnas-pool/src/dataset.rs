//! What is in a pool: datasets and their snapshots.
//!
//! A dataset is a subvolume of btrfs at the top of its pool, `/srv/POOL/DATASET`, and a snapshot a
//! read-only one at `/srv/POOL/.snapshots/DATASET/NAME`. On ext4 and xfs a dataset is a folder that is a
//! project, whose quota the kernel keeps; they have no snapshots, and none are faked.

mod attributes;
mod model;
mod note;
mod plan;
mod refusal;
mod retention;
mod shown;
mod step;

pub(crate) use attributes::SOFT_QUOTA;
pub use attributes::{
    Access, Account, AccountKind, AccountName, AclEntry, Attributes, BadAttribute, Compression,
    Folder, Names, Owner, Subject, Who, parse_mode,
};
pub use model::{
    Contents, Counting, Dataset, DatasetName, Inodes, Snapshot, SnapshotName, Space, Usage,
    dataset_path, new_path, replaced_path, snapshot_folder, snapshot_path,
};
pub(crate) use model::{Found, NEW, REPLACED, SNAPSHOTS};
pub use moxnas_core::acl::{Acl, BadAcl, BadPerms, Perms, Whom};
pub use note::{HoldName, Note, note_path};
pub(crate) use plan::begin;
pub use plan::{Change, CreateDataset, countable, is_limited_to, plan, plan_prune};
pub use refusal::Refusal;
pub use retention::{Retention, SnapshotPrefix};
pub use shown::Sight;
pub use step::Step;
