//! Disks.

use moxnas_app::ops::disks::{DiskConsequences, DiskGet, DiskList};
use poem::web::Data;
use poem_openapi::{
    OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};

use super::{Page, Tag, jobs::Begun, look, page, terms};
use crate::{
    Shared,
    cached::Cached,
    caller::Caller,
    input::Input,
    pages::Of,
    problem::Answer,
    wire::{consequences, disks as wire},
};

/// Disks.
pub(crate) struct Disks;

#[OpenApi(prefix_path = "/storage/disks", tag = "Tag::Disks")]
impl Disks {
    /// List all disks
    #[oai(path = "/", method = "get", operation_id = "disk_list")]
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
    ) -> Answer<Cached<wire::DiskPage>> {
        let wanted = Page::new(limit.0, cursor.0)?;
        let seen = app
            .call_after(look(fresh.0), &caller.actor, DiskList)
            .await?
            .seen;
        Ok(page(&app, "disks", &wanted, Of::answers(&seen), || {
            let all: Vec<_> = seen.raid.devices.disks().collect();
            // Two disks that claim one id are still two.
            let (items, next) = wanted.cut(all, |it| format!("{} {}", it.id, it.name));
            wire::DiskPage {
                items: items
                    .into_iter()
                    .map(|it| wire::Disk::new(it, &seen))
                    .collect(),
                next,
                as_of: crate::wire::timestamp(seen.as_of),
                errors: seen.raid.devices.errors.clone(),
            }
        }))
    }

    /// Show a disk
    #[oai(path = "/:disk", method = "get", operation_id = "disk_get")]
    async fn get(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Id, serial number or kernel name
        disk: Path<String>,
        /// Look at the machine first
        fresh: Query<Option<bool>>,
    ) -> Answer<Json<wire::Disk>> {
        let found = app
            .call_after(look(fresh.0), &caller.actor, DiskGet { disk: disk.0 })
            .await?;
        Ok(Json(found.into()))
    }

    /// Say what happens if a disk leaves now
    ///
    /// What still runs, what is at risk or lost, and how long the repair takes. Nothing is done.
    #[oai(
        path = "/:disk/consequences",
        method = "get",
        operation_id = "disk_consequences"
    )]
    async fn consequences(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Id, serial number or kernel name
        disk: Path<String>,
        /// Look at the machine first
        fresh: Query<Option<bool>>,
    ) -> Answer<Json<consequences::DiskConsequences>> {
        let wish = DiskConsequences { disk: disk.0 };
        let found = app.call_after(look(fresh.0), &caller.actor, wish).await?;
        Ok(Json(found.into()))
    }

    /// Wipe a disk
    ///
    /// All that is on it is lost: the plan has to be confirmed. The answer is the job that does it.
    /// Refused for a disk that anything uses.
    #[oai(path = "/:disk/wipe", method = "post", operation_id = "disk_wipe")]
    async fn wipe(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Id, serial number or kernel name
        disk: Path<String>,
        body: Input<wire::WipeDisk>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Begun> {
        let terms = terms(confirm.0, None)?;
        let job = app.begin(&caller.actor, body.0.of(disk.0), terms).await?;
        Ok(job.into())
    }

    /// Try out a disk: write and read all of it, then have it test itself
    ///
    /// All that is on it is lost: the plan has to be confirmed. The answer is the job that does it,
    /// which fails if there is a bad place.
    #[oai(
        path = "/:disk/burn-in",
        method = "post",
        operation_id = "disk_burn_in"
    )]
    async fn burn_in(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Id, serial number or kernel name
        disk: Path<String>,
        body: Input<wire::BurnInDisk>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Begun> {
        let terms = terms(confirm.0, None)?;
        let job = app.begin(&caller.actor, body.0.of(disk.0), terms).await?;
        Ok(job.into())
    }

    /// Switch the light of a disk's slot
    #[oai(path = "/:disk/locate", method = "post", operation_id = "disk_locate")]
    async fn locate(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Id, serial number or kernel name
        disk: Path<String>,
        body: Input<wire::LocateDisk>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::Disk>> {
        let terms = terms(confirm.0, None)?;
        let done = app.change(&caller.actor, body.0.of(disk.0), terms).await?;
        Ok(Json(done.into()))
    }
}
