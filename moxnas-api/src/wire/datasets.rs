//! Datasets and snapshots.

mod prune;

use std::{cmp::Ordering, time::SystemTime};

use clap::Args;
use moxnas_app::{
    Error, Seen,
    answers::Asked,
    ops::datasets::{
        DatasetCreate, DatasetQuota, DatasetRename, DatasetView, SnapshotClone, SnapshotCreate,
        SnapshotView,
    },
};
use moxnas_core::{names::BadName, units};
use moxnas_pool::{
    dataset::{self as inside, Contents, Sight, dataset_path},
    directory::Mark,
    model::{self, Pool, PoolName},
};
use poem_openapi::Object;
use time::OffsetDateTime;

pub use self::prune::{KeepRules, PruneSnapshots, PrunedSnapshots};
use super::{
    attributes::{Compression, DatasetAttributes},
    pools::Filesystem,
    timestamp,
};

/// One page of datasets
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct DatasetPage {
    /// The datasets, by pool and name
    pub items: Vec<Dataset>,
    /// Where the next page begins; left out on the last one
    pub next: Option<String>,
    /// What could not be asked, in words
    pub errors: Vec<String>,
    /// When the machine was looked at
    pub as_of: OffsetDateTime,
}

/// A place for data of one kind in a pool
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Dataset {
    /// Its pool
    pub pool: String,
    /// Its name
    pub name: String,
    /// Where it is
    pub path: String,
    /// The filesystem of its own that it has; left out: it is in that of its pool
    pub filesystem: Option<Filesystem>,
    /// Nothing can be written to it
    pub read_only: bool,
    /// What it may take; a byte more is refused to whoever writes it. Left out: as much as the pool has
    pub quota_bytes: Option<u64>,
    /// What can be reached through it, whoever shares it; left out while nobody counts it
    pub referenced_bytes: Option<u64>,
    /// What only it refers to; left out while nobody counts it
    pub exclusive_bytes: Option<u64>,
    /// The user that its folder belongs to; left out if nobody knows the name, as all of the folder is
    /// while it is not mounted
    pub owner: Option<String>,
    /// The number of that user
    pub owner_id: Option<u32>,
    /// The group that its folder belongs to; left out if nobody knows the name
    pub group: Option<String>,
    /// The number of that group
    pub group_id: Option<u32>,
    /// Who may what in its folder, as chmod(1) takes it. Its middle digit is what the group may, also
    /// where ls(1) shows the mask of a list there
    pub mode: Option<String>,
    /// The entries of its access control list that a mode does not say; those behind `default:` are for
    /// what is made in it. A mask is listed where it takes something away
    pub acl: Option<Vec<String>>,
    /// How what is made in it is compressed; left out where the filesystem does not
    pub compression: Option<Compression>,
    /// Above this somebody is told, and nothing is refused; left out: never
    pub soft_quota_bytes: Option<u64>,
    /// What somebody should be told of it, a sentence each
    pub reasons: Vec<String>,
    /// How many snapshots it has
    pub snapshots: u64,
    /// When its pool was asked
    pub as_of: OffsetDateTime,
}

/// One page of snapshots
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct SnapshotPage {
    /// The snapshots, by pool, dataset and name
    pub items: Vec<Snapshot>,
    /// Where the next page begins; left out on the last one
    pub next: Option<String>,
    /// What could not be asked, in words
    pub errors: Vec<String>,
    /// When the machine was looked at
    pub as_of: OffsetDateTime,
}

/// A dataset as it was at one moment
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Snapshot {
    /// Its pool
    pub pool: String,
    /// Its dataset
    pub dataset: String,
    /// Its name
    pub name: String,
    /// Where it can be looked into; left out while it is not mounted, as those of thin volumes are only
    /// for as long as somebody wants them to be
    pub path: Option<String>,
    /// The command after which it can be looked into; left out while it can
    pub mount_command: Option<String>,
    /// Nothing can be written to it, as it should be
    pub read_only: bool,
    /// When it was taken; left out if nobody knows
    pub created_at: Option<OffsetDateTime>,
    /// UUID of the snapshot of another pool that it is a copy of; left out: it was taken here, or did
    /// not arrive as a whole
    pub received_uuid: Option<String>,
    /// What it is held for: it is not deleted as long as there is something
    pub held: Vec<String>,
    /// What can be reached through it, whoever shares it; left out while nobody counts it
    pub referenced_bytes: Option<u64>,
    /// What only it refers to, which deleting it gives back; left out while nobody counts it
    pub exclusive_bytes: Option<u64>,
    /// When its pool was asked
    pub as_of: OffsetDateTime,
}

/// How full the filesystem of a pool is
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Space {
    /// What it holds, without what its own structures take
    pub size_bytes: u64,
    /// What is taken
    pub used_bytes: u64,
    /// What somebody who is not root can still write
    pub available_bytes: u64,
    /// How many files there can be; left out where as many as there is space for
    pub inodes: Option<u64>,
    /// How many files there are, where that is limited
    pub inodes_used: Option<u64>,
    /// When it was asked
    pub as_of: OffsetDateTime,
}

/// Make a dataset
#[derive(Clone, Debug, PartialEq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct CreateDataset {
    /// The pool that it is to be in
    #[oai(validator(max_length = 32))]
    pub pool: String,
    /// Its name: letters, digits, `-` and `_`, 64 at most
    #[oai(validator(max_length = 64))]
    pub name: String,
    /// What it may take; left out: as much as the pool has
    #[arg(long = "quota", value_name = "SIZE", value_parser = size)]
    #[oai(validator(minimum(value = "1")))]
    pub quota_bytes: Option<u64>,
    /// The filesystem that it gets, in a pool of thin volumes, where each dataset has one of its own; left
    /// out: that of its pool
    #[arg(long = "fs", value_enum)]
    pub filesystem: Option<Filesystem>,
    /// What is said of its folder; left out: it is root's, and everybody may read it
    #[command(flatten)]
    pub attributes: Option<DatasetAttributes>,
}

/// Say how much a dataset may take
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(deny_unknown_fields)]
pub struct LimitDataset {
    /// What it may take; left out: as much as the pool has
    #[oai(validator(minimum(value = "1")))]
    pub quota_bytes: Option<u64>,
}

/// Give a dataset another name
#[derive(Clone, Debug, PartialEq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct RenameDataset {
    /// Its name to be: letters, digits, `-` and `_`, 64 at most
    #[oai(validator(max_length = 64))]
    pub to: String,
}

/// Keep a dataset as it is now
#[derive(Clone, Debug, PartialEq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct CreateSnapshot {
    /// Its pool
    #[oai(validator(max_length = 32))]
    pub pool: String,
    /// The dataset
    #[oai(validator(max_length = 64))]
    pub dataset: String,
    /// Name of the snapshot: letters, digits, `-`, `_` and `:`, 64 at most
    #[oai(validator(max_length = 64))]
    pub name: String,
}

/// Make a dataset of a snapshot
#[derive(Clone, Debug, PartialEq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct CloneSnapshot {
    /// Name of the new dataset: letters, digits, `-` and `_`, 64 at most
    #[oai(validator(max_length = 64))]
    pub to: String,
    /// What it may take; left out: as much as the pool has
    #[arg(long = "quota", value_name = "SIZE", value_parser = size)]
    #[oai(validator(minimum(value = "1")))]
    pub quota_bytes: Option<u64>,
}

/// An amount as people write it, in bytes.
pub(super) fn size(text: &str) -> Result<u64, units::BadBytes> {
    text.parse().map(|it: units::Bytes| it.0)
}

impl TryFrom<CreateDataset> for DatasetCreate {
    type Error = Error;

    fn try_from(it: CreateDataset) -> Result<DatasetCreate, Error> {
        Ok(DatasetCreate {
            pool: it.pool,
            name: it.name.parse()?,
            quota: it.quota_bytes.map(units::Bytes),
            filesystem: it.filesystem.map(Into::into),
            attributes: match it.attributes {
                Some(attributes) => attributes.try_into()?,
                None => inside::Attributes::default(),
            },
        })
    }
}

impl TryFrom<CreateSnapshot> for SnapshotCreate {
    type Error = BadName;

    fn try_from(it: CreateSnapshot) -> Result<SnapshotCreate, BadName> {
        Ok(SnapshotCreate {
            pool: it.pool,
            dataset: it.dataset,
            name: it.name.parse()?,
        })
    }
}

impl LimitDataset {
    /// The wish for this dataset.
    #[must_use]
    pub fn of(self, pool: String, dataset: String) -> DatasetQuota {
        DatasetQuota {
            pool,
            dataset,
            quota: self.quota_bytes.map(units::Bytes),
        }
    }
}

impl RenameDataset {
    /// The wish for this dataset.
    pub fn of(self, pool: String, dataset: String) -> Result<DatasetRename, BadName> {
        Ok(DatasetRename {
            pool,
            dataset,
            to: self.to.parse()?,
        })
    }
}

impl CloneSnapshot {
    /// The wish for this snapshot.
    pub fn of(
        self,
        pool: String,
        dataset: String,
        snapshot: String,
    ) -> Result<SnapshotClone, BadName> {
        Ok(SnapshotClone {
            pool,
            dataset,
            snapshot,
            to: self.to.parse()?,
            quota: self.quota_bytes.map(units::Bytes),
        })
    }
}

impl Dataset {
    fn new(
        pool: &PoolName,
        it: &inside::Dataset,
        filesystem: Option<model::Filesystem>,
        snapshots: usize,
        as_of: SystemTime,
    ) -> Dataset {
        let folder = it.folder.as_ref();
        Dataset {
            pool: pool.to_string(),
            name: it.name.to_string(),
            path: dataset_path(pool, &it.name),
            filesystem: filesystem.map(Into::into),
            read_only: it.read_only,
            quota_bytes: it.quota.map(|it| it.0),
            referenced_bytes: it.usage.map(|it| it.referenced.0),
            exclusive_bytes: it.usage.map(|it| it.exclusive.0),
            owner: folder.and_then(|it| it.owner.user.name.clone()),
            owner_id: folder.map(|it| it.owner.user.id),
            group: folder.and_then(|it| it.owner.group.name.clone()),
            group_id: folder.map(|it| it.owner.group.id),
            mode: folder.map(|it| format!("{:04o}", it.access.mode())),
            acl: folder.map(|it| it.access.entries(&it.names)),
            compression: folder
                .filter(|it| it.compresses)
                .map(|it| it.compression.into()),
            soft_quota_bytes: folder.and_then(|it| it.soft_quota).map(|it| it.0),
            reasons: it.reasons(),
            snapshots: snapshots as u64,
            as_of: timestamp(as_of),
        }
    }
}

impl From<DatasetView> for Dataset {
    fn from(view: DatasetView) -> Dataset {
        let DatasetView {
            pool,
            dataset,
            snapshots,
            filesystem,
            asked,
        } = view;
        Dataset::new(&pool, &dataset, filesystem, snapshots, asked.as_of)
    }
}

impl Snapshot {
    fn new(pool: &PoolName, it: &inside::Snapshot, sight: Sight, as_of: SystemTime) -> Snapshot {
        let (path, mount_command) = match sight {
            Sight::At(path) => (Some(path), None),
            Sight::After(command) => (None, Some(command)),
        };
        Snapshot {
            pool: pool.to_string(),
            dataset: it.dataset.to_string(),
            name: it.name.to_string(),
            path,
            mount_command,
            read_only: it.read_only,
            created_at: it.created.map(timestamp),
            received_uuid: it.received.clone(),
            held: it.held.iter().map(ToString::to_string).collect(),
            referenced_bytes: it.usage.map(|it| it.referenced.0),
            exclusive_bytes: it.usage.map(|it| it.exclusive.0),
            as_of: timestamp(as_of),
        }
    }
}

impl From<SnapshotView> for Snapshot {
    fn from(view: SnapshotView) -> Snapshot {
        Snapshot::new(&view.pool, &view.snapshot, view.sight, view.asked.as_of)
    }
}

impl Space {
    /// That of a pool, or why it is not known; `None`: it is not mounted.
    #[must_use]
    pub fn of(pool: &Pool, seen: &Seen) -> Option<Result<Space, String>> {
        if !pool.is_mounted {
            return None;
        }
        let Some(asked) = seen.answers.contents.get(&pool.name) else {
            return Some(Err("it was not asked yet".to_owned()));
        };
        let space = |it: &std::sync::Arc<Contents>| Space {
            size_bytes: it.space.size.0,
            used_bytes: it.space.used.0,
            available_bytes: it.space.available.0,
            inodes: it.space.inodes.map(|it| it.total),
            inodes_used: it.space.inodes.map(|it| it.used),
            as_of: timestamp(asked.as_of),
        };
        if let Ok(it) = &asked.said
            && it.directory.as_ref().is_some_and(|it| *it != Mark::Ours)
        {
            return Some(Err("its folder is another one".to_owned()));
        }
        Some(asked.said.as_ref().map(space).map_err(Clone::clone))
    }
}

/// What is known of what is in the pools, and why it is not known of the others.
struct Known<'a> {
    pools: Vec<(&'a Pool, &'a Contents, SystemTime)>,
    errors: Vec<String>,
}

/// Of one pool, or of all.
fn known<'a>(seen: &'a Seen, pool: Option<&str>) -> Known<'a> {
    let mut known = Known {
        pools: Vec::new(),
        errors: seen.pools.errors.clone(),
    };
    let wanted = seen.pools.all.iter();
    let wanted =
        wanted.filter(|it| it.is_mounted && pool.is_none_or(|pool| it.name.as_str() == pool));
    for it in wanted {
        match seen.answers.contents.get(&it.name) {
            None => known
                .errors
                .push(format!("pool {}: it was not asked yet", it.name)),
            Some(Asked { said: Err(why), .. }) => {
                known.errors.push(format!("pool {}: {why}", it.name));
            }
            Some(Asked {
                said: Ok(contents),
                as_of,
            }) => known.pools.push((it, contents, *as_of)),
        }
    }
    known
}

/// Something in a pool, and when that was asked.
type Row<'a, T> = (&'a Pool, &'a T, SystemTime);

/// What a page comes behind: the name of a dataset or of a snapshot, as `POOL/DATASET@SNAPSHOT`. What
/// is left out of it is before all that there can be.
#[derive(Clone, Copy, Default)]
pub(crate) struct After<'a> {
    pool: &'a str,
    dataset: &'a str,
    snapshot: &'a str,
}

impl<'a> After<'a> {
    pub(crate) fn parse(cursor: Option<&'a str>) -> After<'a> {
        let cursor = cursor.unwrap_or_default();
        let (pool, rest) = cursor.split_once('/').unwrap_or((cursor, ""));
        let (dataset, snapshot) = rest.split_once('@').unwrap_or((rest, ""));
        After {
            pool,
            dataset,
            snapshot,
        }
    }

    /// The same within a pool; `None`: the page comes behind all of it.
    fn within(self, pool: &PoolName) -> Option<After<'a>> {
        match pool.as_str().cmp(self.pool) {
            Ordering::Less => None,
            Ordering::Equal => Some(self),
            Ordering::Greater => Some(After::default()),
        }
    }
}

/// The datasets of one pool or of all behind a cursor, in order, and what could not be asked.
pub(crate) fn datasets<'a>(
    seen: &'a Seen,
    pool: Option<&str>,
    after: After<'a>,
) -> (impl Iterator<Item = Row<'a, inside::Dataset>>, Vec<String>) {
    let known = known(seen, pool);
    let rows = known.pools.into_iter().flat_map(move |(pool, it, as_of)| {
        let rest = after.within(&pool.name).map(|after| {
            let before = |it: &inside::Dataset| it.name.as_str() <= after.dataset;
            &it.datasets[it.datasets.partition_point(before)..]
        });
        let rest = rest.unwrap_or_default().iter();
        rest.map(move |it| (pool, it, as_of))
    });
    (rows, known.errors)
}

/// The snapshots of one pool or of all, of one dataset or of all, behind a cursor and in order, and
/// what could not be asked.
pub(crate) fn snapshots<'a>(
    seen: &'a Seen,
    pool: Option<&str>,
    dataset: Option<&'a str>,
    after: After<'a>,
) -> (impl Iterator<Item = Row<'a, inside::Snapshot>>, Vec<String>) {
    let known = known(seen, pool);
    let rows = known.pools.into_iter().flat_map(move |(pool, it, as_of)| {
        let after = after.within(&pool.name);
        let rest = after.map(|after| {
            let from = dataset.map_or(after.dataset, |it| it.max(after.dataset));
            (it.snapshots_from(from), after)
        });
        let (rest, after) = rest.unwrap_or_default();
        rest.chunk_by(|one, other| one.dataset == other.dataset)
            .take_while(move |it| dataset.is_none_or(|of| it[0].dataset.as_str() == of))
            .flat_map(move |it| by_name(it, after))
            .map(move |it| (pool, it, as_of))
    });
    (rows, known.errors)
}

/// The snapshots of one dataset behind a cursor, which come by age.
fn by_name<'a>(all: &'a [inside::Snapshot], after: After<'_>) -> Vec<&'a inside::Snapshot> {
    let is_cut = |it: &inside::Snapshot| it.dataset.as_str() == after.dataset;
    let rest = all.iter();
    let rest = rest.filter(|it| !is_cut(it) || it.name.as_str() > after.snapshot);
    let mut rest: Vec<_> = rest.collect();
    rest.sort_by(|one, other| one.name.cmp(&other.name));
    rest
}

/// As it is sent.
pub(crate) fn dataset_row(row: &Row<'_, inside::Dataset>, seen: &Seen) -> Dataset {
    let (pool, it, as_of) = *row;
    let asked = seen.answers.contents.get(&pool.name);
    let contents = asked.and_then(|it| it.said.as_ref().ok());
    let snapshots = contents.map_or(0, |all| all.snapshots_of(it.name.as_str()).len());
    Dataset::new(
        &pool.name,
        it,
        pool.filesystem_of(&it.name),
        snapshots,
        as_of,
    )
}

/// As it is sent.
pub(crate) fn snapshot_row(row: &Row<'_, inside::Snapshot>) -> Snapshot {
    let (pool, it, as_of) = *row;
    let sight = pool.sight(&it.dataset, &it.name);
    Snapshot::new(&pool.name, it, sight, as_of)
}
