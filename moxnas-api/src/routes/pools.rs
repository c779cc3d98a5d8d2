//! Pools.

use moxnas_app::ops::pools::{
    PoolDelete, PoolExport, PoolGet, PoolGrow, PoolImport, PoolList, PoolMount, PoolUnmount,
};
use poem::web::Data;
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};

use super::{Page, Tag, arrays::Done, jobs::Begun, look, page, terms};
use crate::{
    Shared, cached::Cached, caller::Caller, input::Input, pages::Of, problem::Answer,
    wire::pools as wire,
};

/// Pools.
pub(crate) struct Pools;

/// A new pool.
#[derive(ApiResponse)]
pub(crate) enum CreatedPool {
    /// It is there, and mounted
    #[oai(status = 201)]
    Created(
        Json<wire::Pool>,
        /// Where it is
        #[oai(header = "Location")]
        String,
    ),
}

impl CreatedPool {
    fn new(pool: wire::Pool) -> CreatedPool {
        let location = format!("/api/storage/pools/{}", pool.name);
        CreatedPool::Created(Json(pool), location)
    }
}

#[OpenApi(prefix_path = "/storage/pools", tag = "Tag::Pools")]
impl Pools {
    /// List all pools
    #[oai(path = "/", method = "get", operation_id = "pool_list")]
    async fn list(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// How many at most, 1 to 1000; 100 if left out
        limit: Query<Option<usize>>,
        /// `next` of the page before
        cursor: Query<Option<String>>,
        /// Look at the machine first
        fresh: Query<Option<bool>>,
    ) -> Answer<Cached<wire::PoolPage>> {
        let wanted = Page::new(limit.0, cursor.0)?;
        let found = app.call_after(look(fresh.0), &caller.actor, PoolList);
        let seen = found.await?.seen;
        Ok(page(&app, "pools", &wanted, Of::answers(&seen), || {
            let after = wanted.cursor.as_deref().unwrap_or_default();
            let all = &seen.pools.all;
            let from = all.partition_point(|it| it.name.as_str() <= after);
            let (items, next) = wanted.take(all[from..].iter(), |it| it.name.to_string());
            wire::PoolPage {
                items: wire::Pool::each(&items, &seen),
                next,
                errors: seen.pools.errors.clone(),
                as_of: crate::wire::timestamp(seen.as_of),
            }
        }))
    }

    /// Make a filesystem on a device or a new array, and a pool of it
    ///
    /// Exactly one of `device` and `array` says what it is made on. With `array` one plan makes the
    /// array and the pool; where it stops after the array was made, the same request goes on with it.
    /// All data on the devices is lost, so the plan has to be confirmed: without `X-Confirm-Plan` the
    /// answer is 428 with the plan.
    #[oai(path = "/", method = "post", operation_id = "pool_create")]
    async fn create(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::CreatePool>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<CreatedPool> {
        let wish = body.0.wish()?;
        let terms = terms(confirm.0, None)?;
        let made = app.change(&caller.actor, wish, terms).await?;
        Ok(CreatedPool::new(made.into()))
    }

    /// Make a pool of a filesystem that is there
    ///
    /// Nothing on it is changed, but for what the filesystem itself writes when it is mounted.
    #[oai(path = "/import", method = "post", operation_id = "pool_import")]
    async fn import(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::ImportPool>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<CreatedPool> {
        let wish = PoolImport::try_from(body.0)?;
        let terms = terms(confirm.0, None)?;
        let made = app.change(&caller.actor, wish, terms).await?;
        Ok(CreatedPool::new(made.into()))
    }

    /// Show a pool
    #[oai(path = "/:pool", method = "get", operation_id = "pool_get")]
    async fn get(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the pool
        pool: Path<String>,
        /// Look at the machine first
        fresh: Query<Option<bool>>,
    ) -> Answer<Json<wire::Pool>> {
        let wish = PoolGet { pool: pool.0 };
        let found = app.call_after(look(fresh.0), &caller.actor, wish).await?;
        Ok(Json(found.into()))
    }

    /// Delete a pool and what is on it
    ///
    /// All data on it is lost, so the plan has to be confirmed.
    #[oai(path = "/:pool", method = "delete", operation_id = "pool_delete")]
    async fn delete(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the pool
        pool: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Done> {
        let wish = PoolDelete { pool: pool.0 };
        let terms = terms(confirm.0, None)?;
        app.change(&caller.actor, wish, terms).await?;
        Ok(Done::Done)
    }

    /// Mount a pool, now and at each start of the machine
    #[oai(path = "/:pool/mount", method = "post", operation_id = "pool_mount")]
    async fn mount(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the pool
        pool: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::Pool>> {
        let wish = PoolMount { pool: pool.0 };
        let terms = terms(confirm.0, None)?;
        let pool = app.change(&caller.actor, wish, terms).await?;
        Ok(Json(pool.into()))
    }

    /// Unmount a pool, and leave it so
    ///
    /// It stops answering, so the plan has to be confirmed.
    #[oai(
        path = "/:pool/unmount",
        method = "post",
        operation_id = "pool_unmount"
    )]
    async fn unmount(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the pool
        pool: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::Pool>> {
        let wish = PoolUnmount { pool: pool.0 };
        let terms = terms(confirm.0, None)?;
        let pool = app.change(&caller.actor, wish, terms).await?;
        Ok(Json(pool.into()))
    }

    /// Let the filesystem of a pool have all of its device, which has become larger
    ///
    /// It stays mounted.
    #[oai(path = "/:pool/grow", method = "post", operation_id = "pool_grow")]
    async fn grow(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the pool
        pool: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::Pool>> {
        let wish = PoolGrow { pool: pool.0 };
        let terms = terms(confirm.0, None)?;
        let pool = app.change(&caller.actor, wish, terms).await?;
        Ok(Json(pool.into()))
    }

    /// Go over the filesystem of a pool, or repair it
    ///
    /// The answer is the job that does it, which fails if there are errors in it still. ext4 and xfs
    /// have to be unmounted first; of them a repair may lose what cannot be put right, so its plan has
    /// to be confirmed. A btrfs that is mounted is read and compared with its checksums. Of thin volumes
    /// the metadata of the thin pool are gone over, and the filesystem of each dataset; the message says
    /// what each of them has.
    #[oai(path = "/:pool/check", method = "post", operation_id = "pool_check")]
    async fn check(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the pool
        pool: Path<String>,
        body: Input<wire::CheckPool>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Begun> {
        let terms = terms(confirm.0, None)?;
        let job = app.begin(&caller.actor, body.0.of(pool.0), terms).await?;
        Ok(job.into())
    }

    /// Take another device into a pool of btrfs
    ///
    /// All data on it is lost, so the plan has to be confirmed. What is in the pool stays where it is
    /// until the pool is balanced.
    #[oai(
        path = "/:pool/devices",
        method = "post",
        operation_id = "pool_device_add"
    )]
    async fn add_device(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the pool
        pool: Path<String>,
        body: Input<wire::AddPoolDevice>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::Pool>> {
        let terms = terms(confirm.0, None)?;
        let wish = body.0.of(pool.0);
        let pool = app.change(&caller.actor, wish, terms).await?;
        Ok(Json(pool.into()))
    }

    /// Let a device of a pool go, after what is on it was moved to the others
    ///
    /// The answer is the job that does it.
    #[oai(
        path = "/:pool/devices/remove",
        method = "post",
        operation_id = "pool_device_remove"
    )]
    async fn remove_device(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the pool
        pool: Path<String>,
        body: Input<wire::RemovePoolDevice>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Begun> {
        let terms = terms(confirm.0, None)?;
        let job = app.begin(&caller.actor, body.0.of(pool.0), terms).await?;
        Ok(job.into())
    }

    /// Put a device in the place of another one, be that there or missing
    ///
    /// All data on the one that comes is lost, so the plan has to be confirmed. The answer is the job that
    /// does it; what was written with fewer copies meanwhile has all of them when it is done.
    #[oai(
        path = "/:pool/devices/replace",
        method = "post",
        operation_id = "pool_device_replace"
    )]
    async fn replace_device(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the pool
        pool: Path<String>,
        body: Input<wire::ReplacePoolDevice>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Begun> {
        let terms = terms(confirm.0, None)?;
        let job = app.begin(&caller.actor, body.0.of(pool.0), terms).await?;
        Ok(job.into())
    }

    /// Let all devices of a pool have their share, or put its data on them in another way
    ///
    /// The answer is the job that does it. Fewer copies than before have to be confirmed.
    #[oai(
        path = "/:pool/balance",
        method = "post",
        operation_id = "pool_balance"
    )]
    async fn balance(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the pool
        pool: Path<String>,
        body: Input<wire::BalancePool>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Begun> {
        let terms = terms(confirm.0, None)?;
        let job = app.begin(&caller.actor, body.0.of(pool.0), terms).await?;
        Ok(job.into())
    }

    /// Forget a pool, and leave what is on it
    ///
    /// It is unmounted and stops answering, so the plan has to be confirmed.
    #[oai(path = "/:pool/export", method = "post", operation_id = "pool_export")]
    async fn export(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the pool
        pool: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Done> {
        let wish = PoolExport { pool: pool.0 };
        let terms = terms(confirm.0, None)?;
        app.change(&caller.actor, wish, terms).await?;
        Ok(Done::Done)
    }
}
