//! Datasets and snapshots: what is in the pools.

mod attributes;
mod holds;
mod looks;
mod prune;
mod replicate;
mod snapshots;

use std::sync::Arc;

use moxnas_core::{plan::Plan, units::Bytes};
use moxnas_pool::{
    dataset::{
        Attributes, Change as Wish, Contents, Dataset, DatasetName, Refusal, Sight, Snapshot,
        SnapshotName, Who, is_limited_to, plan,
    },
    model::{Filesystem, Pool, PoolName},
    plan::{Refusal as PoolRefusal, Step},
};

pub(crate) use self::replicate::sent;
pub use self::{
    attributes::DatasetSet,
    holds::{SnapshotHold, SnapshotRelease},
    looks::{SnapshotMount, SnapshotUnmount},
    prune::{PrunedView, SnapshotPrune},
    replicate::DatasetReplicate,
};
use super::pools::contents_of;
use crate::{
    actor::{Actor, Role},
    answers::{Asked, Question},
    app::App,
    error::Error,
    machine::AppStep,
    operation::{Change, Effect, Lane, Moved, Operation, Query},
    seen::Seen,
};

/// The look that datasets and snapshots come from.
#[derive(Clone, Debug)]
pub struct ContentsView {
    /// Where they were seen.
    pub seen: Arc<Seen>,
}

/// A dataset, with where it comes from.
#[derive(Clone, Debug)]
pub struct DatasetView {
    /// Its pool.
    pub pool: PoolName,
    /// The dataset.
    pub dataset: Dataset,
    /// How many snapshots it has.
    pub snapshots: usize,
    /// The filesystem of its own that it has, if it has one.
    pub filesystem: Option<Filesystem>,
    /// What is in its pool, and when that was asked.
    pub asked: Asked<Contents>,
}

/// A snapshot, with where it comes from.
#[derive(Clone, Debug)]
pub struct SnapshotView {
    /// Its pool.
    pub pool: PoolName,
    /// The snapshot.
    pub snapshot: Snapshot,
    /// How somebody comes to look into it.
    pub sight: Sight,
    /// What is in its pool, and when that was asked.
    pub asked: Asked<Contents>,
}

/// List all datasets, or those of one pool.
#[derive(Clone, Debug)]
pub struct DatasetList {
    /// Of this pool only.
    pub pool: Option<String>,
    /// Ask the pools first.
    pub fresh: bool,
}

/// Show one dataset.
#[derive(Clone, Debug)]
pub struct DatasetGet {
    /// Its pool.
    pub pool: String,
    /// Its name.
    pub dataset: String,
}

/// List all snapshots, or those of one pool.
#[derive(Clone, Debug)]
pub struct SnapshotList {
    /// Of this pool only.
    pub pool: Option<String>,
    /// Ask the pools first.
    pub fresh: bool,
}

/// Make a dataset.
#[derive(Clone, Debug)]
pub struct DatasetCreate {
    /// Its pool.
    pub pool: String,
    /// Its name.
    pub name: DatasetName,
    /// How much it may take; `None`: as much as the pool has.
    pub quota: Option<Bytes>,
    /// The filesystem of its own that it gets, where each dataset has one; `None`: that of the pool.
    pub filesystem: Option<Filesystem>,
    /// What is said of its folder.
    pub attributes: Attributes<Who>,
}

/// Say how much a dataset may take.
#[derive(Clone, Debug)]
pub struct DatasetQuota {
    /// Its pool.
    pub pool: String,
    /// Its name.
    pub dataset: String,
    /// How much; `None`: as much as the pool has.
    pub quota: Option<Bytes>,
}

/// Give a dataset another name.
#[derive(Clone, Debug)]
pub struct DatasetRename {
    /// Its pool.
    pub pool: String,
    /// Its name.
    pub dataset: String,
    /// Its name to be.
    pub to: DatasetName,
}

/// Delete a dataset and all that is in it.
#[derive(Clone, Debug)]
pub struct DatasetDelete {
    /// Its pool.
    pub pool: String,
    /// Its name.
    pub dataset: String,
}

/// Keep a dataset as it is now.
#[derive(Clone, Debug)]
pub struct SnapshotCreate {
    /// Its pool.
    pub pool: String,
    /// The dataset.
    pub dataset: String,
    /// The name that the snapshot gets.
    pub name: SnapshotName,
}

/// Delete a snapshot.
#[derive(Clone, Debug)]
pub struct SnapshotDelete {
    /// Its pool.
    pub pool: String,
    /// The dataset.
    pub dataset: String,
    /// Its name.
    pub snapshot: String,
}

/// Make a dataset of a snapshot.
#[derive(Clone, Debug)]
pub struct SnapshotClone {
    /// Its pool.
    pub pool: String,
    /// The dataset.
    pub dataset: String,
    /// Its name.
    pub snapshot: String,
    /// The name of the new dataset.
    pub to: DatasetName,
    /// How much that may take; `None`: as much as the pool has.
    pub quota: Option<Bytes>,
}

/// Make a dataset what it was.
#[derive(Clone, Debug)]
pub struct SnapshotRollback {
    /// Its pool.
    pub pool: String,
    /// The dataset.
    pub dataset: String,
    /// The snapshot that has what it was.
    pub snapshot: String,
}

macro_rules! objects {
    ($($type:ty, $name:literal, $role:expr, $output:ty, |$it:ident| $object:expr;)*) => {$(
        impl Operation for $type {
            const NAME: &'static str = $name;
            const NEEDS: Option<Role> = Some($role);
            type Output = $output;

            fn object(&self) -> Option<String> {
                let $it = self;
                Some($object)
            }
        }
    )*};
}

operation!(
    DatasetList,
    "dataset_list",
    Some(Role::Viewer),
    ContentsView
);
operation!(
    SnapshotList,
    "snapshot_list",
    Some(Role::Viewer),
    ContentsView
);
objects! {
    DatasetGet, "dataset_get", Role::Viewer, DatasetView, |it| of(&it.pool, &it.dataset);
    DatasetCreate, "dataset_create", Role::Admin, DatasetView, |it| of(&it.pool, it.name.as_str());
    DatasetSet, "dataset_set", Role::Admin, DatasetView, |it| of(&it.pool, &it.dataset);
    DatasetQuota, "dataset_quota", Role::Admin, DatasetView, |it| of(&it.pool, &it.dataset);
    DatasetRename, "dataset_rename", Role::Admin, DatasetView, |it| of(&it.pool, &it.dataset);
    DatasetDelete, "dataset_delete", Role::Admin, (), |it| of(&it.pool, &it.dataset);
    SnapshotCreate, "snapshot_create", Role::Operator, SnapshotView,
        |it| of_snapshot(&it.pool, &it.dataset, it.name.as_str());
    SnapshotDelete, "snapshot_delete", Role::Admin, (),
        |it| of_snapshot(&it.pool, &it.dataset, &it.snapshot);
    SnapshotHold, "snapshot_hold", Role::Operator, SnapshotView,
        |it| of_snapshot(&it.pool, &it.dataset, &it.snapshot);
    SnapshotRelease, "snapshot_release", Role::Admin, SnapshotView,
        |it| of_snapshot(&it.pool, &it.dataset, &it.snapshot);
    SnapshotMount, "snapshot_mount", Role::Operator, SnapshotView,
        |it| of_snapshot(&it.pool, &it.dataset, &it.snapshot);
    SnapshotUnmount, "snapshot_unmount", Role::Operator, SnapshotView,
        |it| of_snapshot(&it.pool, &it.dataset, &it.snapshot);
    DatasetReplicate, "dataset_replicate", Role::Admin, (), |it| of(&it.pool, &it.dataset);
    SnapshotPrune, "snapshot_prune", Role::Admin, PrunedView, |it| of(&it.pool, &it.dataset);
    SnapshotClone, "snapshot_clone", Role::Admin, DatasetView,
        |it| of_snapshot(&it.pool, &it.dataset, &it.snapshot);
    SnapshotRollback, "snapshot_rollback", Role::Admin, DatasetView,
        |it| of_snapshot(&it.pool, &it.dataset, &it.snapshot);
}

fn of(pool: &str, dataset: &str) -> String {
    format!("{pool}/{dataset}")
}

fn of_snapshot(pool: &str, dataset: &str, snapshot: &str) -> String {
    format!("{pool}/{dataset}@{snapshot}")
}

fn refused(refusal: Refusal) -> Error {
    Error::Pool(refusal.into())
}

/// The pool of this name, and what is known of what is in it.
fn known<'a>(seen: &'a Seen, pool: &str) -> Result<(&'a Pool, &'a Asked<Contents>), Error> {
    let found = seen.pools.find(pool);
    let found = found.ok_or_else(|| PoolRefusal::NoSuchPool(pool.to_owned()))?;
    let name = || found.name.clone();
    match seen.answers.contents.get(&found.name) {
        Some(asked) => Ok((found, asked)),
        None if !found.is_mounted => Err(refused(Refusal::NotMounted(name()))),
        None => Err(refused(Refusal::NotKnown {
            pool: name(),
            why: "it was not asked yet".to_owned(),
        })),
    }
}

fn contents<'a>(pool: &Pool, asked: &'a Asked<Contents>) -> Result<&'a Contents, Error> {
    asked.said.as_deref().map_err(|why| {
        refused(Refusal::NotKnown {
            pool: pool.name.clone(),
            why: why.clone(),
        })
    })
}

/// Whether a dataset is there, as far as is known.
pub(crate) fn is_there(seen: &Seen, pool: &str, dataset: &str) -> bool {
    dataset_view(seen, pool, dataset).is_ok()
}

/// The snapshots of a dataset, as far as is known.
pub(crate) fn snapshots_of<'a>(seen: &'a Seen, pool: &str, dataset: &str) -> &'a [Snapshot] {
    let found = known(seen, pool).ok();
    let contents = found.and_then(|(_, asked)| asked.said.as_ref().ok());
    contents.map_or(&[], |it| it.snapshots_of(dataset).as_slice())
}

fn snapshot_view(pool: &Pool, asked: &Asked<Contents>, snapshot: &Snapshot) -> SnapshotView {
    SnapshotView {
        pool: pool.name.clone(),
        sight: pool.sight(&snapshot.dataset, &snapshot.name),
        snapshot: snapshot.clone(),
        asked: asked.clone(),
    }
}

/// The snapshot of this name, as it is after a change.
fn snapshot_after(
    after: &Seen,
    [pool, dataset, snapshot]: [&str; 3],
) -> Result<SnapshotView, Error> {
    let (pool, asked) = known(after, pool)?;
    match contents(pool, asked)?.snapshot(dataset, snapshot) {
        Some(it) => Ok(snapshot_view(pool, asked, it)),
        None => not(format!("there is no snapshot {snapshot}")),
    }
}

fn dataset_view(seen: &Seen, pool: &str, dataset: &str) -> Result<DatasetView, Error> {
    let (pool, asked) = known(seen, pool)?;
    let contents = contents(pool, asked)?;
    let found = contents.dataset(dataset).ok_or_else(|| {
        refused(Refusal::NoSuchDataset {
            pool: pool.name.clone(),
            dataset: dataset.to_owned(),
        })
    })?;
    Ok(DatasetView {
        pool: pool.name.clone(),
        dataset: found.clone(),
        snapshots: contents.snapshots_of(dataset).count(),
        filesystem: pool.filesystem_of(&found.name),
        asked: asked.clone(),
    })
}

/// What is known, or asked anew.
async fn all(app: &Arc<App>, pool: Option<&str>, fresh: bool) -> Result<ContentsView, Error> {
    if fresh {
        let seen = app.look().await?;
        let wanted = seen.pools.all.iter();
        let wanted = wanted.filter(|it| pool.is_none_or(|pool| it.name.as_str() == pool));
        for it in wanted.filter(|it| it.is_mounted) {
            app.ask(Question::Contents(Box::new(it.clone()))).await?;
        }
    }
    let seen = app.seen();
    match pool.filter(|it| seen.pools.find(it).is_none()) {
        None => Ok(ContentsView { seen }),
        Some(none) => Err(PoolRefusal::NoSuchPool(none.to_owned()).into()),
    }
}

impl Query for DatasetList {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<ContentsView, Error> {
        all(app, self.pool.as_deref(), self.fresh).await
    }
}

impl Query for SnapshotList {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<ContentsView, Error> {
        all(app, self.pool.as_deref(), self.fresh).await
    }
}

impl Query for DatasetGet {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<DatasetView, Error> {
        dataset_view(&app.seen(), &self.pool, &self.dataset)
    }
}

/// A change that the pool crate plans by what is in a pool.
trait DatasetChange: Operation {
    /// The pool.
    fn pool(&self) -> &str;

    /// The same in the words of the pool crate.
    fn wish(&self) -> Wish;

    /// What the database has to follow.
    fn moved_of(&self) -> Option<Moved> {
        None
    }

    /// What to answer, if the pool is as promised.
    fn check(&self, after: &Seen, contents: &Contents) -> Result<Self::Output, Error>;
}

/// What has to be done in a pool for a wish.
fn plan_in(seen: &Seen, pool: &str, wish: &Wish) -> Result<Plan<AppStep>, Error> {
    let (pool, asked) = known(seen, pool)?;
    let plan = plan(pool, contents(pool, asked)?, wish).map_err(refused)?;
    Ok(plan.map(|step| {
        let pool = pool.name.clone();
        AppStep::Pool(Step::Inside { pool, step })
    }))
}

macro_rules! changes {
    ($($type:ty),*) => {$(
        impl Change for $type {
            const LANE: Lane = Lane::Storage;

            fn asks(&self, seen: &Seen) -> Vec<Question> {
                contents_of(seen, &self.pool)
            }

            fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
                plan_in(seen, self.pool(), &self.wish())
            }

            fn etag(&self, _: &Seen) -> Option<String> {
                None
            }

            fn moved(&self) -> Option<Moved> {
                self.moved_of()
            }

            fn verify(&self, after: &Seen) -> Result<Self::Output, Error> {
                let (pool, asked) = known(after, self.pool())?;
                self.check(after, contents(pool, asked)?)
            }
        }
    )*};
}
changes!(
    DatasetQuota,
    DatasetRename,
    DatasetDelete,
    SnapshotCreate,
    SnapshotDelete,
    SnapshotHold,
    SnapshotRelease,
    SnapshotMount,
    SnapshotUnmount,
    SnapshotClone,
    SnapshotRollback
);

fn not<T>(why: String) -> Result<T, Error> {
    Err(Error::NotVerified(why))
}

/// The dataset, if it may take that much now.
fn limited(
    after: &Seen,
    pool: &str,
    dataset: &str,
    quota: Option<Bytes>,
) -> Result<DatasetView, Error> {
    let view = dataset_view(after, pool, dataset)?;
    let (found, _) = known(after, pool)?;
    match view.dataset.quota {
        _ if is_limited_to(found, &view.dataset, quota) => Ok(view),
        Some(is) => not(format!("{pool}/{dataset} may take {is}")),
        None => not(format!("{pool}/{dataset} has no quota")),
    }
}

impl DatasetChange for DatasetQuota {
    fn pool(&self) -> &str {
        &self.pool
    }

    fn wish(&self) -> Wish {
        Wish::SetQuota {
            dataset: self.dataset.clone(),
            quota: self.quota,
        }
    }

    fn check(&self, after: &Seen, _: &Contents) -> Result<DatasetView, Error> {
        limited(after, &self.pool, &self.dataset, self.quota)
    }
}

impl DatasetChange for DatasetRename {
    fn pool(&self) -> &str {
        &self.pool
    }

    fn wish(&self) -> Wish {
        Wish::Rename {
            dataset: self.dataset.clone(),
            to: self.to.clone(),
        }
    }

    fn moved_of(&self) -> Option<Moved> {
        Some(Moved::Renamed {
            pool: self.pool.clone(),
            from: self.dataset.clone(),
            to: self.to.clone(),
        })
    }

    fn check(&self, after: &Seen, contents: &Contents) -> Result<DatasetView, Error> {
        let is_left = self.dataset != self.to.as_str()
            && (contents.dataset(&self.dataset).is_some()
                || contents.snapshots_of(&self.dataset).next().is_some());
        match is_left {
            true => not(format!("there is still something named {}", self.dataset)),
            false => match is_away(after, &self.pool, self.to.as_str()) {
                true => not(format!("{} is not mounted", self.to)),
                false => dataset_view(after, &self.pool, self.to.as_str()),
            },
        }
    }
}

/// Whether it is a volume that is not mounted.
fn is_away(seen: &Seen, pool: &str, dataset: &str) -> bool {
    let pool = seen.pools.find(pool);
    pool.is_some_and(|it| it.kind.is_away(dataset))
}

impl DatasetChange for DatasetDelete {
    fn pool(&self) -> &str {
        &self.pool
    }

    fn wish(&self) -> Wish {
        Wish::Delete {
            dataset: self.dataset.clone(),
        }
    }

    fn moved_of(&self) -> Option<Moved> {
        Some(Moved::Gone {
            pool: self.pool.clone(),
            dataset: Some(self.dataset.clone()),
        })
    }

    fn check(&self, _: &Seen, contents: &Contents) -> Result<(), Error> {
        match contents.dataset(&self.dataset) {
            None => Ok(()),
            Some(_) => not(format!("{}/{} is still there", self.pool, self.dataset)),
        }
    }
}
