//! Shares: what is offered to the network.

mod faces;

use std::marker::PhantomData;

use moxnas_app::ops::shares::{
    DiscoverySettingsOf, FtpSettingsOf, GenerationList, GenerationRevert, NfsSettingsOf,
    SettingsGet, SettingsSet, ShareDelete, ShareGet, ShareList, ShareReconcile, ShareStatus,
    SmbSettingsOf,
};
use poem::web::Data;
use poem_openapi::{
    OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};

pub(crate) use self::faces::{FtpShares, NfsShares, SftpShares, SmbShares};
use super::{Page, Tag, arrays::Done, look, page, terms};
use crate::{
    Shared,
    cached::Cached,
    caller::Caller,
    input::Input,
    pages::Of,
    problem::Answer,
    wire::{shares as wire, timestamp},
};

/// Shares, whatever offers them.
pub(crate) struct Shares;

/// A name as a part of a path.
pub(super) fn segment(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encoded = text.bytes().map(|byte| match keep(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    encoded.collect()
}

#[OpenApi(prefix_path = "/shares", tag = "Tag::Shares")]
impl Shares {
    /// List all shares, whatever offers them
    #[oai(path = "/", method = "get", operation_id = "share_list")]
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
    ) -> Answer<Cached<wire::SharePage>> {
        let wanted = Page::new(limit.0, cursor.0)?;
        let found = app.call_after(look(fresh.0), &caller.actor, ShareList);
        let seen = found.await?.seen;
        Ok(page(&app, "shares", &wanted, Of::look(&seen), || {
            let shares = &seen.sharing.offered.intent.shares;
            let after = wanted.cursor.as_deref().unwrap_or_default();
            let from = shares.partition_point(|it| it.name.as_str() <= after);
            let (some, next) = wanted.take(shares[from..].iter(), |it| it.name.to_string());
            wire::SharePage {
                items: some.iter().map(|it| wire::Share::of(it, &seen)).collect(),
                next,
                errors: seen.sharing.faults.clone(),
                as_of: timestamp(seen.as_of),
            }
        }))
    }

    /// Show a share, whatever offers it
    #[oai(path = "/named/:share", method = "get", operation_id = "share_get")]
    async fn get(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the share
        share: Path<String>,
        /// Look at the machine first
        fresh: Query<Option<bool>>,
    ) -> Answer<Json<wire::Share>> {
        let get = ShareGet { share: share.0 };
        let view = app.call_after(look(fresh.0), &caller.actor, get).await?;
        Ok(Json(view.into()))
    }

    /// Stop sharing a folder altogether
    ///
    /// What is in it stays.
    #[oai(
        path = "/named/:share",
        method = "delete",
        operation_id = "share_delete"
    )]
    async fn delete(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the share
        share: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Done> {
        let wish = ShareDelete { share: share.0 };
        let terms = terms(confirm.0, None)?;
        app.change(&caller.actor, wish, terms).await?;
        Ok(Done::Done)
    }

    /// Tell what is served from what is meant
    ///
    /// Whatever is offered by SMB and NFS, also by others in files of theirs.
    #[oai(path = "/status", method = "get", operation_id = "share_status")]
    async fn status(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Look at the machine first
        fresh: Query<Option<bool>>,
    ) -> Answer<Json<wire::ShareStatus>> {
        let found = app.call_after(look(fresh.0), &caller.actor, ShareStatus);
        let seen = found.await?.seen;
        Ok(Json(wire::ShareStatus::of(&seen)))
    }

    /// Have everything served as it is meant
    ///
    /// Files of ours that somebody changed are written anew; files of others stay.
    #[oai(path = "/reconcile", method = "post", operation_id = "share_reconcile")]
    async fn reconcile(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::ShareStatus>> {
        let terms = terms(confirm.0, None)?;
        app.change(&caller.actor, ShareReconcile, terms).await?;
        Ok(Json(wire::ShareStatus::of(&app.seen())))
    }

    /// Take over what others offer in their files
    ///
    /// Shares of smb.conf and exports become ours, and the lines there become comments. What cannot be
    /// said as it was is named in the warnings of the plan; what would be open to more than before is not
    /// taken over.
    #[oai(path = "/import", method = "post", operation_id = "share_import")]
    async fn import(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::ImportShares>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::ShareStatus>> {
        let terms = terms(confirm.0, None)?;
        app.change(&caller.actor, body.0.wish(), terms).await?;
        Ok(Json(wire::ShareStatus::of(&app.seen())))
    }

    /// List the changes of shares and settings from which one can go back
    #[oai(
        path = "/generations",
        method = "get",
        operation_id = "share_generation_list"
    )]
    async fn generations(
        &self,
        app: Data<&Shared>,
        caller: Caller,
    ) -> Answer<Json<wire::ShareGenerationPage>> {
        let all = app.call(&caller.actor, GenerationList).await?;
        let items = all.into_iter().map(Into::into).collect();
        Ok(Json(wire::ShareGenerationPage { items, next: None }))
    }

    /// Go back to what was meant before a change
    ///
    /// Also that is a change, from which one can go back.
    #[oai(
        path = "/generations/:number/revert",
        method = "post",
        operation_id = "share_generation_revert"
    )]
    async fn revert(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Number of the change
        number: Path<u32>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::ShareStatus>> {
        let object = number.0.to_string();
        app.check_access::<GenerationRevert>(&caller.actor, &object)
            .await?;
        let wish = GenerationRevert::to(&app, number.0).await?;
        let terms = terms(confirm.0, None)?;
        app.change(&caller.actor, wish, terms).await?;
        Ok(Json(wire::ShareStatus::of(&app.seen())))
    }

    /// Show what holds for all shares of SMB
    #[oai(
        path = "/settings/smb",
        method = "get",
        operation_id = "smb_settings_get"
    )]
    async fn smb_settings(
        &self,
        app: Data<&Shared>,
        caller: Caller,
    ) -> Answer<Json<wire::SmbSettings>> {
        let get = SettingsGet(PhantomData::<SmbSettingsOf>);
        Ok(Json(app.call(&caller.actor, get).await?.into()))
    }

    /// Change what holds for all shares of SMB
    #[oai(
        path = "/settings/smb",
        method = "patch",
        operation_id = "smb_settings_set"
    )]
    async fn set_smb_settings(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::ChangeSmbSettings>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::SmbSettings>> {
        app.check_access::<SettingsSet<SmbSettingsOf>>(&caller.actor, "settings")
            .await?;
        let get = SettingsGet(PhantomData::<SmbSettingsOf>);
        let was = app.call(&caller.actor, get).await?;
        let now = body.0.put_to(was.clone())?;
        let wish = SettingsSet::<SmbSettingsOf> { was, now };
        let terms = terms(confirm.0, None)?;
        app.change(&caller.actor, wish, terms).await?;
        Ok(Json(app.call(&caller.actor, get).await?.into()))
    }

    /// Show what holds for all shares of NFS
    #[oai(
        path = "/settings/nfs",
        method = "get",
        operation_id = "nfs_settings_get"
    )]
    async fn nfs_settings(
        &self,
        app: Data<&Shared>,
        caller: Caller,
    ) -> Answer<Json<wire::NfsSettings>> {
        let get = SettingsGet(PhantomData::<NfsSettingsOf>);
        Ok(Json(app.call(&caller.actor, get).await?.into()))
    }

    /// Change what holds for all shares of NFS
    #[oai(
        path = "/settings/nfs",
        method = "patch",
        operation_id = "nfs_settings_set"
    )]
    async fn set_nfs_settings(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::ChangeNfsSettings>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::NfsSettings>> {
        app.check_access::<SettingsSet<NfsSettingsOf>>(&caller.actor, "settings")
            .await?;
        let get = SettingsGet(PhantomData::<NfsSettingsOf>);
        let was = app.call(&caller.actor, get).await?;
        let now = body.0.put_to(was.clone());
        let wish = SettingsSet::<NfsSettingsOf> { was, now };
        let terms = terms(confirm.0, None)?;
        app.change(&caller.actor, wish, terms).await?;
        Ok(Json(app.call(&caller.actor, get).await?.into()))
    }

    /// Show what holds for all shares of FTP
    #[oai(
        path = "/settings/ftp",
        method = "get",
        operation_id = "ftp_settings_get"
    )]
    async fn ftp_settings(
        &self,
        app: Data<&Shared>,
        caller: Caller,
    ) -> Answer<Json<wire::FtpSettings>> {
        let get = SettingsGet(PhantomData::<FtpSettingsOf>);
        Ok(Json(app.call(&caller.actor, get).await?.into()))
    }

    /// Change what holds for all shares of FTP
    #[oai(
        path = "/settings/ftp",
        method = "patch",
        operation_id = "ftp_settings_set"
    )]
    async fn set_ftp_settings(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::ChangeFtpSettings>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::FtpSettings>> {
        app.check_access::<SettingsSet<FtpSettingsOf>>(&caller.actor, "settings")
            .await?;
        let get = SettingsGet(PhantomData::<FtpSettingsOf>);
        let was = app.call(&caller.actor, get).await?;
        let now = body.0.put_to(was.clone())?;
        let wish = SettingsSet::<FtpSettingsOf> { was, now };
        let terms = terms(confirm.0, None)?;
        app.change(&caller.actor, wish, terms).await?;
        Ok(Json(app.call(&caller.actor, get).await?.into()))
    }

    /// Show whether other machines find this one by themselves
    #[oai(
        path = "/settings/discovery",
        method = "get",
        operation_id = "discovery_settings_get"
    )]
    async fn discovery_settings(
        &self,
        app: Data<&Shared>,
        caller: Caller,
    ) -> Answer<Json<wire::DiscoverySettings>> {
        let get = SettingsGet(PhantomData::<DiscoverySettingsOf>);
        Ok(Json(app.call(&caller.actor, get).await?.into()))
    }

    /// Say whether other machines are to find this one by themselves
    #[oai(
        path = "/settings/discovery",
        method = "patch",
        operation_id = "discovery_settings_set"
    )]
    async fn set_discovery_settings(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::ChangeDiscoverySettings>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::DiscoverySettings>> {
        app.check_access::<SettingsSet<DiscoverySettingsOf>>(&caller.actor, "settings")
            .await?;
        let get = SettingsGet(PhantomData::<DiscoverySettingsOf>);
        let was = app.call(&caller.actor, get).await?;
        let now = body.0.wish();
        let wish = SettingsSet::<DiscoverySettingsOf> { was, now };
        let terms = terms(confirm.0, None)?;
        app.change(&caller.actor, wish, terms).await?;
        Ok(Json(app.call(&caller.actor, get).await?.into()))
    }
}
