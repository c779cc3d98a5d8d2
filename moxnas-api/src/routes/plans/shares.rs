//! Plans of what is offered to the network.

use std::{marker::PhantomData, sync::Arc};

use moxnas_app::{
    Actor, App, Operation,
    ops::shares::{
        DiscoverySettingsOf, FaceCreate, FaceDelete, FaceGet, FaceReplace, FaceSet, FtpSettingsOf,
        GenerationRevert, NfsSettingsOf, OfFtp, OfNfs, OfSftp, OfSmb, Protocol, SettingsGet,
        SettingsSet, ShareDelete, ShareImport, ShareReconcile, ShareView, SmbSettingsOf,
    },
};

use super::{Wish, done, wire};
use crate::{
    problem::{Answer, Problem},
    wire::shares::{
        ChangeDiscoverySettings, ChangeFtpSettings, ChangeNfsSettings, ChangeNfsShare,
        ChangeSmbSettings, ChangeSmbShare, ChangeTransferShare, CreateNfsShare, CreateSmbShare,
        CreateTransferShare, ImportShares,
    },
};

/// The share as it is now, which a change says the rest of.
async fn view<P: Protocol>(app: &Arc<App>, actor: &Actor, it: &mut Wish) -> Answer<ShareView> {
    let share = it.path("share")?;
    app.check_access::<FaceSet<P>>(actor, &share).await?;
    let get = FaceGet {
        share,
        protocol: PhantomData::<P>,
    };
    Ok(app.call(actor, get).await?)
}

async fn delete<P: Protocol>(app: &Arc<App>, actor: &Actor, mut it: Wish) -> Answer<wire::Plan> {
    let change = FaceDelete {
        share: it.path("share")?,
        protocol: PhantomData::<P>,
    };
    done(app, actor, it, change).await
}

/// The plan of one of these operations.
pub(super) async fn plan(
    app: &Arc<App>,
    actor: &Actor,
    operation: &str,
    wish: Wish,
) -> Answer<wire::Plan> {
    let mut it = wish;
    match operation {
        FaceCreate::<OfSmb>::NAME => {
            let change = it.body::<CreateSmbShare>()?.wish(&app.seen())?;
            done(app, actor, it, change).await
        }
        FaceCreate::<OfNfs>::NAME => {
            let change = it.body::<CreateNfsShare>()?.wish()?;
            done(app, actor, it, change).await
        }
        FaceCreate::<OfFtp>::NAME => {
            let change = it.body::<CreateTransferShare>()?.wish::<OfFtp>()?;
            done(app, actor, it, change).await
        }
        FaceCreate::<OfSftp>::NAME => {
            let change = it.body::<CreateTransferShare>()?.wish::<OfSftp>()?;
            done(app, actor, it, change).await
        }
        FaceSet::<OfSmb>::NAME => {
            let view = view::<OfSmb>(app, actor, &mut it).await?;
            let change = it.body::<ChangeSmbShare>()?.wish(view)?;
            done(app, actor, it, change).await
        }
        FaceSet::<OfNfs>::NAME => {
            let view = view::<OfNfs>(app, actor, &mut it).await?;
            let change = it.body::<ChangeNfsShare>()?.wish(view)?;
            done(app, actor, it, change).await
        }
        FaceSet::<OfFtp>::NAME => {
            let view = view::<OfFtp>(app, actor, &mut it).await?;
            let change = it.body::<ChangeTransferShare>()?.wish::<OfFtp>(view)?;
            done(app, actor, it, change).await
        }
        FaceSet::<OfSftp>::NAME => {
            let view = view::<OfSftp>(app, actor, &mut it).await?;
            let change = it.body::<ChangeTransferShare>()?.wish::<OfSftp>(view)?;
            done(app, actor, it, change).await
        }
        FaceReplace::<OfSmb>::NAME => {
            let share = it.path("share")?;
            let change = it.body::<ChangeSmbShare>()?.replace(share, &app.seen())?;
            done(app, actor, it, change).await
        }
        FaceReplace::<OfNfs>::NAME => {
            let share = it.path("share")?;
            let change = it.body::<ChangeNfsShare>()?.replace(share)?;
            done(app, actor, it, change).await
        }
        FaceReplace::<OfFtp>::NAME => {
            let share = it.path("share")?;
            let change = it.body::<ChangeTransferShare>()?.replace::<OfFtp>(share)?;
            done(app, actor, it, change).await
        }
        FaceReplace::<OfSftp>::NAME => {
            let share = it.path("share")?;
            let change = it.body::<ChangeTransferShare>()?.replace::<OfSftp>(share)?;
            done(app, actor, it, change).await
        }
        FaceDelete::<OfSmb>::NAME => delete::<OfSmb>(app, actor, it).await,
        FaceDelete::<OfNfs>::NAME => delete::<OfNfs>(app, actor, it).await,
        FaceDelete::<OfFtp>::NAME => delete::<OfFtp>(app, actor, it).await,
        FaceDelete::<OfSftp>::NAME => delete::<OfSftp>(app, actor, it).await,
        SettingsSet::<SmbSettingsOf>::NAME => {
            app.check_access::<SettingsSet<SmbSettingsOf>>(actor, "settings")
                .await?;
            let get = SettingsGet(PhantomData::<SmbSettingsOf>);
            let was = app.call(actor, get).await?;
            let now = it.body::<ChangeSmbSettings>()?.put_to(was.clone())?;
            done(app, actor, it, SettingsSet::<SmbSettingsOf> { was, now }).await
        }
        SettingsSet::<NfsSettingsOf>::NAME => {
            app.check_access::<SettingsSet<NfsSettingsOf>>(actor, "settings")
                .await?;
            let get = SettingsGet(PhantomData::<NfsSettingsOf>);
            let was = app.call(actor, get).await?;
            let now = it.body::<ChangeNfsSettings>()?.put_to(was.clone());
            done(app, actor, it, SettingsSet::<NfsSettingsOf> { was, now }).await
        }
        SettingsSet::<FtpSettingsOf>::NAME => {
            app.check_access::<SettingsSet<FtpSettingsOf>>(actor, "settings")
                .await?;
            let get = SettingsGet(PhantomData::<FtpSettingsOf>);
            let was = app.call(actor, get).await?;
            let now = it.body::<ChangeFtpSettings>()?.put_to(was.clone())?;
            done(app, actor, it, SettingsSet::<FtpSettingsOf> { was, now }).await
        }
        SettingsSet::<DiscoverySettingsOf>::NAME => {
            app.check_access::<SettingsSet<DiscoverySettingsOf>>(actor, "settings")
                .await?;
            let get = SettingsGet(PhantomData::<DiscoverySettingsOf>);
            let was = app.call(actor, get).await?;
            let now = it.body::<ChangeDiscoverySettings>()?.wish();
            done(
                app,
                actor,
                it,
                SettingsSet::<DiscoverySettingsOf> { was, now },
            )
            .await
        }
        ShareDelete::NAME => {
            let share = it.path("share")?;
            done(app, actor, it, ShareDelete { share }).await
        }
        ShareImport::NAME => {
            let change = it.body::<ImportShares>()?.wish();
            done(app, actor, it, change).await
        }
        GenerationRevert::NAME => {
            let number = it.path("number")?;
            app.check_access::<GenerationRevert>(actor, &number).await?;
            let number = number.parse().map_err(|_| {
                Problem::invalid("`path.number` is a number").field("path.number", "a number")
            })?;
            let change = GenerationRevert::to(app, number).await?;
            done(app, actor, it, change).await
        }
        _ => done(app, actor, it, ShareReconcile).await,
    }
}

/// The operations that can be planned here.
pub(super) const OPERATIONS: [&str; 24] = [
    FaceCreate::<OfFtp>::NAME,
    FaceDelete::<OfFtp>::NAME,
    FaceReplace::<OfFtp>::NAME,
    FaceSet::<OfFtp>::NAME,
    FaceCreate::<OfNfs>::NAME,
    FaceDelete::<OfNfs>::NAME,
    FaceReplace::<OfNfs>::NAME,
    FaceSet::<OfNfs>::NAME,
    FaceCreate::<OfSftp>::NAME,
    FaceDelete::<OfSftp>::NAME,
    FaceReplace::<OfSftp>::NAME,
    FaceSet::<OfSftp>::NAME,
    FaceCreate::<OfSmb>::NAME,
    FaceDelete::<OfSmb>::NAME,
    FaceReplace::<OfSmb>::NAME,
    FaceSet::<OfSmb>::NAME,
    SettingsSet::<DiscoverySettingsOf>::NAME,
    SettingsSet::<SmbSettingsOf>::NAME,
    SettingsSet::<NfsSettingsOf>::NAME,
    SettingsSet::<FtpSettingsOf>::NAME,
    ShareDelete::NAME,
    ShareImport::NAME,
    GenerationRevert::NAME,
    ShareReconcile::NAME,
];
