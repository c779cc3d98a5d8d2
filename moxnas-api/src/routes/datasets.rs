//! Datasets and snapshots.

use moxnas_app::ops::datasets::{
    DatasetCreate, DatasetDelete, DatasetGet, DatasetList, SnapshotCreate, SnapshotDelete,
    SnapshotList, SnapshotMount, SnapshotPrune, SnapshotRollback, SnapshotUnmount,
};
use poem::web::Data;
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};

use super::{Page, Tag, arrays::Done, jobs::Begun, page, terms};
use crate::{
    Shared,
    cached::Cached,
    caller::Caller,
    input::Input,
    pages::Of,
    problem::Answer,
    wire::{
        attributes::DatasetAttributes,
        datasets::{self as wire, After},
        replicas::{HoldSnapshot, ReplicateDataset},
    },
};

/// Datasets.
pub(crate) struct Datasets;

/// Snapshots.
pub(crate) struct Snapshots;

/// A new dataset.
#[derive(ApiResponse)]
pub(crate) enum CreatedDataset {
    /// It is there
    #[oai(status = 201)]
    Created(
        Json<wire::Dataset>,
        /// Where it is
        #[oai(header = "Location")]
        String,
    ),
}

/// A new snapshot.
#[derive(ApiResponse)]
pub(crate) enum CreatedSnapshot {
    /// It is there
    #[oai(status = 201)]
    Created(
        Json<wire::Snapshot>,
        /// Where it is
        #[oai(header = "Location")]
        String,
    ),
}

impl CreatedDataset {
    fn new(it: wire::Dataset) -> CreatedDataset {
        let location = format!("/api/storage/datasets/{}/{}", it.pool, it.name);
        CreatedDataset::Created(Json(it), location)
    }
}

impl CreatedSnapshot {
    fn new(it: wire::Snapshot) -> CreatedSnapshot {
        let (pool, dataset, name) = (&it.pool, &it.dataset, &it.name);
        let location = format!("/api/storage/snapshots/{pool}/{dataset}/{name}");
        CreatedSnapshot::Created(Json(it), location)
    }
}

#[OpenApi(prefix_path = "/storage/datasets", tag = "Tag::Pools")]
impl Datasets {
    /// List all datasets
    #[oai(path = "/", method = "get", operation_id = "dataset_list")]
    async fn list(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Those of this pool only
        pool: Query<Option<String>>,
        /// How many at most, 1 to 1000; 100 if left out
        limit: Query<Option<usize>>,
        /// `next` of the page before
        cursor: Query<Option<String>>,
        /// Ask the pools first, which takes as long as they take to answer
        fresh: Query<Option<bool>>,
    ) -> Answer<Cached<wire::DatasetPage>> {
        let wanted = Page::new(limit.0, cursor.0)?;
        let fresh = fresh.0.unwrap_or_default();
        let of = pool.0.clone();
        let found = app.call(&caller.actor, DatasetList { pool: of, fresh });
        let (seen, pool) = (found.await?.seen, pool.0.as_deref());
        let list = format!("datasets {pool:?}");
        Ok(page(&app, list, &wanted, Of::answers(&seen), || {
            let after = After::parse(wanted.cursor.as_deref());
            let (rest, errors) = wire::datasets(&seen, pool, after);
            let (items, next) =
                wanted.take(rest, |(pool, it, _)| format!("{}/{}", pool.name, it.name));
            wire::DatasetPage {
                items: items
                    .iter()
                    .map(|it| wire::dataset_row(it, &seen))
                    .collect(),
                next,
                errors,
                as_of: crate::wire::timestamp(seen.as_of),
            }
        }))
    }

    /// Make a dataset
    #[oai(path = "/", method = "post", operation_id = "dataset_create")]
    async fn create(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::CreateDataset>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<CreatedDataset> {
        let wish = DatasetCreate::try_from(body.0)?;
        let terms = terms(confirm.0, None)?;
        let made = app.change(&caller.actor, wish, terms).await?;
        Ok(CreatedDataset::new(made.into()))
    }

    /// Show a dataset
    #[oai(path = "/:pool/:dataset", method = "get", operation_id = "dataset_get")]
    async fn get(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of its pool
        pool: Path<String>,
        /// Name of the dataset
        dataset: Path<String>,
    ) -> Answer<Json<wire::Dataset>> {
        let (pool, dataset) = (pool.0, dataset.0);
        let found = app
            .call(&caller.actor, DatasetGet { pool, dataset })
            .await?;
        Ok(Json(found.into()))
    }

    /// Delete a dataset and all that is in it
    ///
    /// Its data is lost, so the plan has to be confirmed. One that has snapshots is not deleted.
    #[oai(
        path = "/:pool/:dataset",
        method = "delete",
        operation_id = "dataset_delete"
    )]
    async fn delete(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of its pool
        pool: Path<String>,
        /// Name of the dataset
        dataset: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Done> {
        let (pool, dataset) = (pool.0, dataset.0);
        let terms = terms(confirm.0, None)?;
        let wish = DatasetDelete { pool, dataset };
        app.change(&caller.actor, wish, terms).await?;
        Ok(Done::Done)
    }

    /// Say whose a dataset is, who may what, how it compresses and when to warn
    ///
    /// All of it is about the folder of the dataset, and what is left out stays: files that are in it
    /// keep their owners, modes and lists. A rollback brings back what was said of it then.
    #[oai(
        path = "/:pool/:dataset",
        method = "patch",
        operation_id = "dataset_set"
    )]
    async fn set(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of its pool
        pool: Path<String>,
        /// Name of the dataset
        dataset: Path<String>,
        body: Input<DatasetAttributes>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::Dataset>> {
        let wish = body.0.of(pool.0, dataset.0)?;
        let terms = terms(confirm.0, None)?;
        let set = app.change(&caller.actor, wish, terms).await?;
        Ok(Json(set.into()))
    }

    /// Say how much a dataset may take
    #[oai(
        path = "/:pool/:dataset/quota",
        method = "put",
        operation_id = "dataset_quota"
    )]
    async fn quota(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of its pool
        pool: Path<String>,
        /// Name of the dataset
        dataset: Path<String>,
        body: Input<wire::LimitDataset>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::Dataset>> {
        let wish = body.0.of(pool.0, dataset.0);
        let terms = terms(confirm.0, None)?;
        let limited = app.change(&caller.actor, wish, terms).await?;
        Ok(Json(limited.into()))
    }

    /// Give a dataset another name, and its snapshots with it
    ///
    /// What has files of it open by the old path stops, so the plan has to be confirmed.
    #[oai(
        path = "/:pool/:dataset/rename",
        method = "post",
        operation_id = "dataset_rename"
    )]
    async fn rename(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of its pool
        pool: Path<String>,
        /// Name of the dataset
        dataset: Path<String>,
        body: Input<wire::RenameDataset>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::Dataset>> {
        let wish = body.0.of(pool.0, dataset.0)?;
        let terms = terms(confirm.0, None)?;
        let renamed = app.change(&caller.actor, wish, terms).await?;
        Ok(Json(renamed.into()))
    }

    /// Make a replica of a dataset in another pool, or bring it up to date
    ///
    /// The answer is the job that does it. From btrfs to btrfs the snapshots are sent that the other
    /// pool does not have yet, and are held here for the next time. Else files are copied and compared;
    /// where the other dataset is there already its files may be overwritten or deleted, so the plan has
    /// to be confirmed then. To another machine (`target`) only snapshots are sent.
    #[oai(
        path = "/:pool/:dataset/replicate",
        method = "post",
        operation_id = "dataset_replicate"
    )]
    async fn replicate(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of its pool
        pool: Path<String>,
        /// Name of the dataset
        dataset: Path<String>,
        body: Input<ReplicateDataset>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Begun> {
        let terms = terms(confirm.0, None)?;
        let wish = body.0.of(pool.0, dataset.0)?;
        Ok(app.begin(&caller.actor, wish, terms).await?.into())
    }
}

#[OpenApi(prefix_path = "/storage/snapshots", tag = "Tag::Pools")]
impl Snapshots {
    /// List all snapshots
    #[oai(path = "/", method = "get", operation_id = "snapshot_list")]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the request"
    )]
    async fn list(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Those of this pool only
        pool: Query<Option<String>>,
        /// Those of datasets of this name only
        dataset: Query<Option<String>>,
        /// How many at most, 1 to 1000; 100 if left out
        limit: Query<Option<usize>>,
        /// `next` of the page before
        cursor: Query<Option<String>>,
        /// Ask the pools first, which takes as long as they take to answer
        fresh: Query<Option<bool>>,
    ) -> Answer<Cached<wire::SnapshotPage>> {
        let wanted = Page::new(limit.0, cursor.0)?;
        let fresh = fresh.0.unwrap_or_default();
        let of = pool.0.clone();
        let found = app.call(&caller.actor, SnapshotList { pool: of, fresh });
        let seen = found.await?.seen;
        let (pool, dataset) = (pool.0.as_deref(), dataset.0.as_deref());
        let list = format!("snapshots {pool:?} {dataset:?}");
        Ok(page(&app, list, &wanted, Of::answers(&seen), || {
            let after = After::parse(wanted.cursor.as_deref());
            let (rest, errors) = wire::snapshots(&seen, pool, dataset, after);
            let (items, next) = wanted.take(rest, |(pool, it, _)| {
                format!("{}/{}@{}", pool.name, it.dataset, it.name)
            });
            wire::SnapshotPage {
                items: items.iter().map(wire::snapshot_row).collect(),
                next,
                errors,
                as_of: crate::wire::timestamp(seen.as_of),
            }
        }))
    }

    /// Keep a dataset as it is now
    #[oai(path = "/", method = "post", operation_id = "snapshot_create")]
    async fn create(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::CreateSnapshot>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<CreatedSnapshot> {
        let wish = SnapshotCreate::try_from(body.0)?;
        let terms = terms(confirm.0, None)?;
        let made = app.change(&caller.actor, wish, terms).await?;
        Ok(CreatedSnapshot::new(made.into()))
    }

    /// Delete the snapshots of a dataset that the rules do not keep
    ///
    /// The rules are those of Proxmox Backup. The plan says of each snapshot why it stays or goes.
    #[oai(path = "/prune", method = "post", operation_id = "snapshot_prune")]
    async fn prune(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::PruneSnapshots>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::PrunedSnapshots>> {
        let terms = terms(confirm.0, None)?;
        let left = app.change(&caller.actor, SnapshotPrune::try_from(body.0)?, terms);
        Ok(Json(left.await?.into()))
    }

    /// Delete a snapshot
    ///
    /// What only it has is lost, so the plan has to be confirmed.
    #[oai(
        path = "/:pool/:dataset/:snapshot",
        method = "delete",
        operation_id = "snapshot_delete"
    )]
    async fn delete(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the pool
        pool: Path<String>,
        /// Name of the dataset
        dataset: Path<String>,
        /// Name of the snapshot
        snapshot: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Done> {
        let wish = SnapshotDelete {
            pool: pool.0,
            dataset: dataset.0,
            snapshot: snapshot.0,
        };
        let terms = terms(confirm.0, None)?;
        app.change(&caller.actor, wish, terms).await?;
        Ok(Done::Done)
    }

    /// Hold a snapshot, so that it is not deleted
    #[oai(
        path = "/:pool/:dataset/:snapshot/hold",
        method = "post",
        operation_id = "snapshot_hold"
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the request"
    )]
    async fn hold(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the pool
        pool: Path<String>,
        /// Name of the dataset
        dataset: Path<String>,
        /// Name of the snapshot
        snapshot: Path<String>,
        body: Input<HoldSnapshot>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::Snapshot>> {
        let wish = body.0.hold(pool.0, dataset.0, snapshot.0)?;
        let terms = terms(confirm.0, None)?;
        let held = app.change(&caller.actor, wish, terms).await?;
        Ok(Json(held.into()))
    }

    /// Hold a snapshot no more
    #[oai(
        path = "/:pool/:dataset/:snapshot/release",
        method = "post",
        operation_id = "snapshot_release"
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the request"
    )]
    async fn release(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the pool
        pool: Path<String>,
        /// Name of the dataset
        dataset: Path<String>,
        /// Name of the snapshot
        snapshot: Path<String>,
        body: Input<HoldSnapshot>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::Snapshot>> {
        let wish = body.0.release(pool.0, dataset.0, snapshot.0)?;
        let terms = terms(confirm.0, None)?;
        let released = app.change(&caller.actor, wish, terms).await?;
        Ok(Json(released.into()))
    }

    /// Mount a snapshot, so that it can be looked into
    ///
    /// That of a thin volume is mounted read-only below the folder of its pool, until it is unmounted or
    /// the machine is started anew. Those of btrfs are always there, and nothing has to be done.
    #[oai(
        path = "/:pool/:dataset/:snapshot/mount",
        method = "post",
        operation_id = "snapshot_mount"
    )]
    async fn mount(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the pool
        pool: Path<String>,
        /// Name of the dataset
        dataset: Path<String>,
        /// Name of the snapshot
        snapshot: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::Snapshot>> {
        let wish = SnapshotMount {
            pool: pool.0,
            dataset: dataset.0,
            snapshot: snapshot.0,
        };
        let terms = terms(confirm.0, None)?;
        let mounted = app.change(&caller.actor, wish, terms).await?;
        Ok(Json(mounted.into()))
    }

    /// Unmount a snapshot that was mounted to be looked into
    ///
    /// It is not taken away from whoever has files of it open: who that is is said.
    #[oai(
        path = "/:pool/:dataset/:snapshot/unmount",
        method = "post",
        operation_id = "snapshot_unmount"
    )]
    async fn unmount(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the pool
        pool: Path<String>,
        /// Name of the dataset
        dataset: Path<String>,
        /// Name of the snapshot
        snapshot: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::Snapshot>> {
        let wish = SnapshotUnmount {
            pool: pool.0,
            dataset: dataset.0,
            snapshot: snapshot.0,
        };
        let terms = terms(confirm.0, None)?;
        let unmounted = app.change(&caller.actor, wish, terms).await?;
        Ok(Json(unmounted.into()))
    }

    /// Make a dataset of a snapshot, which shares all data with it at first
    #[oai(
        path = "/:pool/:dataset/:snapshot/clone",
        method = "post",
        operation_id = "snapshot_clone"
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the request"
    )]
    async fn make_clone(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the pool
        pool: Path<String>,
        /// Name of the dataset
        dataset: Path<String>,
        /// Name of the snapshot
        snapshot: Path<String>,
        body: Input<wire::CloneSnapshot>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<CreatedDataset> {
        let wish = body.0.of(pool.0, dataset.0, snapshot.0)?;
        let terms = terms(confirm.0, None)?;
        let made = app.change(&caller.actor, wish, terms).await?;
        Ok(CreatedDataset::new(made.into()))
    }

    /// Make a dataset what it was when the snapshot was taken
    ///
    /// What it is now is kept as a snapshot named `before-SNAPSHOT`. What has files of it open goes on
    /// with those, so the plan has to be confirmed.
    #[oai(
        path = "/:pool/:dataset/:snapshot/rollback",
        method = "post",
        operation_id = "snapshot_rollback"
    )]
    async fn rollback(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the pool
        pool: Path<String>,
        /// Name of the dataset
        dataset: Path<String>,
        /// Name of the snapshot
        snapshot: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::Dataset>> {
        let wish = SnapshotRollback {
            pool: pool.0,
            dataset: dataset.0,
            snapshot: snapshot.0,
        };
        let terms = terms(confirm.0, None)?;
        let now = app.change(&caller.actor, wish, terms).await?;
        Ok(Json(now.into()))
    }
}
