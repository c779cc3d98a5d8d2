//! md arrays.

use moxnas_app::ops::arrays::{
    ArrayAssemble, ArrayCreate, ArrayDelete, ArrayGet, ArrayList, ArrayStop, MemberFail,
    MemberReAdd, MemberRemove, MemberReplace, RaidStatus, SpareMove,
};
use moxnas_app::{Change, Seen};
use poem::web::Data;
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};

use super::{Page, Tag, jobs::Begun, look, page, terms};
use crate::{
    Shared,
    cached::{Cached, ETag, JsonBytes},
    caller::Caller,
    input::Input,
    pages::Of,
    problem::Answer,
    wire::arrays as wire,
};

/// md arrays.
pub(crate) struct Arrays;

/// A new array.
#[derive(ApiResponse)]
pub(crate) enum Created {
    /// It is there, and may still be filled in the background
    #[oai(status = 201)]
    Created(
        Json<wire::Array>,
        /// Where it is
        #[oai(header = "Location")]
        String,
        /// For `If-Match`
        #[oai(header = "ETag")]
        String,
    ),
}

/// Nothing to say.
#[derive(ApiResponse)]
pub(crate) enum Done {
    /// It is done
    #[oai(status = 204)]
    Done,
}

/// Make a change and show the array it was made to.
async fn change<C>(
    app: &Shared,
    caller: Caller,
    change: C,
    confirm: Header<Option<String>>,
    if_match: Header<Option<String>>,
) -> Answer<Json<wire::Array>>
where
    C: Change,
    C::Output: Into<wire::Array>,
{
    let terms = terms(confirm.0, if_match.0)?;
    Ok(Json(app.change(&caller.actor, change, terms).await?.into()))
}

#[OpenApi(prefix_path = "/storage/arrays", tag = "Tag::Arrays")]
impl Arrays {
    /// List all arrays
    #[oai(path = "/", method = "get", operation_id = "array_list")]
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
    ) -> Answer<Cached<wire::ArrayPage>> {
        let wanted = Page::new(limit.0, cursor.0)?;
        let seen = app
            .call_after(look(fresh.0), &caller.actor, ArrayList)
            .await?
            .seen;
        Ok(page(&app, "arrays", &wanted, Of::look(&seen), || {
            let all: Vec<_> = seen.raid.arrays.iter().collect();
            let (items, next) = wanted.cut(all, |it| it.name.clone());
            wire::ArrayPage {
                items: items
                    .into_iter()
                    .map(|it| wire::Array::new(it, &seen))
                    .collect(),
                next,
                as_of: crate::wire::timestamp(seen.as_of),
                errors: seen.raid.errors.clone(),
            }
        }))
    }

    /// Create an array
    ///
    /// All data on the devices is lost, so the plan has to be confirmed: without `X-Confirm-Plan`
    /// the answer is 428 with the plan.
    #[oai(path = "/", method = "post", operation_id = "array_create")]
    async fn create(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::CreateArray>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Created> {
        let wish = ArrayCreate::try_from(body.0)?;
        let made = app
            .change(&caller.actor, wish, terms(confirm.0, None)?)
            .await?;
        let tag = Seen::array_etag(&made.array);
        let location = format!("/api/storage/arrays/{}", made.array.name);
        Ok(Created::Created(Json(made.into()), location, tag))
    }

    /// Show an array
    ///
    /// The `ETag` is over its configuration: it does not change with progress or health. Whoever
    /// follows those must not send `If-None-Match`.
    #[oai(path = "/:array", method = "get", operation_id = "array_get")]
    async fn get(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name, UUID or kernel name
        array: Path<String>,
        /// Look at the machine first
        fresh: Query<Option<bool>>,
    ) -> Answer<Cached<wire::Array>> {
        let found = app
            .call_after(look(fresh.0), &caller.actor, ArrayGet { array: array.0 })
            .await?;
        let tag = ETag::quoted(&Seen::array_etag(&found.array));
        Ok(Cached::new(JsonBytes::of(&wire::Array::from(found)), tag))
    }

    /// Delete an array
    ///
    /// Unmounts nothing and is refused while the array is in use. Its data is lost: the plan has
    /// to be confirmed.
    #[oai(path = "/:array", method = "delete", operation_id = "array_delete")]
    async fn delete(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name, UUID or kernel name
        array: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
        /// The `ETag` that was read
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Answer<Done> {
        let terms = terms(confirm.0, if_match.0)?;
        app.change(&caller.actor, ArrayDelete { array: array.0 }, terms)
            .await?;
        Ok(Done::Done)
    }

    /// Stop an array
    ///
    /// Its members keep everything; it can be assembled again.
    #[oai(path = "/:array/stop", method = "post", operation_id = "array_stop")]
    async fn stop(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name, UUID or kernel name
        array: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
        /// The `ETag` that was read
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Answer<Done> {
        let terms = terms(confirm.0, if_match.0)?;
        app.change(&caller.actor, ArrayStop { array: array.0 }, terms)
            .await?;
        Ok(Done::Done)
    }

    /// Start an array that is stopped, or was started in part
    #[oai(path = "/assemble", method = "post", operation_id = "array_assemble")]
    async fn assemble(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::AssembleArray>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
        /// The `ETag` that was read
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Answer<Json<wire::Array>> {
        let wish = ArrayAssemble {
            array: body.0.array,
        };
        change(&app, caller, wish, confirm, if_match).await
    }

    /// Begin or end a check or a repair
    ///
    /// The answer is the job that has md do it and follows it to its end. `idle` ends what runs.
    #[oai(path = "/:array/scrub", method = "post", operation_id = "array_scrub")]
    async fn scrub(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name, UUID or kernel name
        array: Path<String>,
        body: Input<wire::ScrubArray>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
        /// The `ETag` that was read
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Answer<Begun> {
        let terms = terms(confirm.0, if_match.0)?;
        let job = app.begin(&caller.actor, body.0.of(array.0), terms).await?;
        Ok(job.into())
    }

    /// Add a device to an array
    ///
    /// It fills an empty slot at once, or waits as a spare. All data on it is lost: the plan has to
    /// be confirmed.
    #[oai(path = "/:array/members", method = "post", operation_id = "member_add")]
    async fn add(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name, UUID or kernel name
        array: Path<String>,
        body: Input<wire::AddMember>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
        /// The `ETag` that was read
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Answer<Json<wire::Array>> {
        change(&app, caller, body.0.of(array.0), confirm, if_match).await
    }

    /// Take a member back
    ///
    /// One that was away or was thrown out, with what it holds: where the array has a bitmap only
    /// what changed meanwhile is filled.
    #[oai(
        path = "/:array/members/:device/re-add",
        method = "post",
        operation_id = "member_re_add"
    )]
    async fn re_add(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name, UUID or kernel name
        array: Path<String>,
        /// The member, by id, serial number or kernel name
        device: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
        /// The `ETag` that was read
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Answer<Json<wire::Array>> {
        let wish = MemberReAdd {
            array: array.0,
            device: device.0,
        };
        change(&app, caller, wish, confirm, if_match).await
    }

    /// Grow an array
    ///
    /// More members, more of each member, another level, layout or chunk. Where data has to be moved
    /// md does it in the background, for hours, and goes on after a restart.
    #[oai(path = "/:array/grow", method = "post", operation_id = "array_grow")]
    async fn grow(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name, UUID or kernel name
        array: Path<String>,
        body: Input<wire::GrowArray>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
        /// The `ETag` that was read
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Answer<Json<wire::Array>> {
        change(&app, caller, body.0.of(array.0)?, confirm, if_match).await
    }

    /// Set what can be set while an array runs
    #[oai(path = "/:array", method = "patch", operation_id = "array_set")]
    async fn set(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name, UUID or kernel name
        array: Path<String>,
        body: Input<wire::SetArray>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
        /// The `ETag` that was read
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Answer<Json<wire::Array>> {
        change(&app, caller, body.0.of(array.0)?, confirm, if_match).await
    }

    /// Move a spare within its group
    ///
    /// The service does it by itself when an array of a spare group has an empty slot and no spare,
    /// and another one has; here it is done at once.
    #[oai(path = "/move-spare", method = "post", operation_id = "spare_move")]
    async fn move_spare(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Done> {
        let terms = terms(confirm.0, None)?;
        app.change(&caller.actor, SpareMove, terms).await?;
        Ok(Done::Done)
    }

    /// Remove a faulty member or a spare
    #[oai(
        path = "/:array/members/:device",
        method = "delete",
        operation_id = "member_remove"
    )]
    async fn remove(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name, UUID or kernel name
        array: Path<String>,
        /// The member, by id, serial number or kernel name
        device: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
        /// The `ETag` that was read
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Answer<Json<wire::Array>> {
        let wish = MemberRemove {
            array: array.0,
            device: device.0,
        };
        change(&app, caller, wish, confirm, if_match).await
    }

    /// Mark a member as faulty
    ///
    /// Refused where the data would not be complete any more. It lowers redundancy: the plan has
    /// to be confirmed.
    #[oai(
        path = "/:array/members/:device/fail",
        method = "post",
        operation_id = "member_fail"
    )]
    async fn fail(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name, UUID or kernel name
        array: Path<String>,
        /// The member, by id, serial number or kernel name
        device: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
        /// The `ETag` that was read
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Answer<Json<wire::Array>> {
        let wish = MemberFail {
            array: array.0,
            device: device.0,
        };
        change(&app, caller, wish, confirm, if_match).await
    }

    /// Replace a member
    ///
    /// A member that works stays until the new one is filled, so that redundancy is kept.
    #[oai(
        path = "/:array/members/:device/replace",
        method = "post",
        operation_id = "member_replace"
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the request"
    )]
    async fn replace(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name, UUID or kernel name
        array: Path<String>,
        /// The member, by id, serial number or kernel name
        device: Path<String>,
        body: Input<wire::ReplaceMember>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
        /// The `ETag` that was read
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Answer<Json<wire::Array>> {
        let wish = MemberReplace {
            array: array.0,
            device: device.0,
            with: body.0.with,
        };
        change(&app, caller, wish, confirm, if_match).await
    }
}

/// The words of the earlier systems.
pub(crate) struct Status;

#[OpenApi(prefix_path = "/system/raid", tag = "Tag::Arrays")]
impl Status {
    /// Show all arrays in the words of the earlier systems
    #[oai(path = "/status", method = "get", operation_id = "raid_status")]
    async fn status(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Look at the machine first
        fresh: Query<Option<bool>>,
    ) -> Answer<Json<wire::RaidStatus>> {
        let seen = app
            .call_after(look(fresh.0), &caller.actor, RaidStatus)
            .await?
            .seen;
        Ok(Json(wire::RaidStatus::new(&seen)))
    }
}
