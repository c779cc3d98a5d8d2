//! What each protocol offers: the same paths for all of them.

use std::marker::PhantomData;

use moxnas_app::{
    Seen,
    ops::shares::{
        FaceCreate, FaceDelete, FaceGet, FaceList, FaceReplace, FaceSet, OfFtp, OfNfs, OfSftp,
        OfSmb,
    },
};
use poem::{http::StatusCode, web::Data};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};

use super::segment;
use crate::{
    Shared,
    cached::Cached,
    caller::Caller,
    input::Input,
    pages::Of,
    problem::{Answer, Problem},
    routes::{Page, Tag, arrays::Done, look, page, terms},
    wire::{shares as wire, timestamp},
};

/// A share that was there when it was looked for, and is not offered any more by now.
fn shown<T>(share: Option<T>) -> Answer<T> {
    share.ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, "not_found").detail("the share is not offered any more")
    })
}

/// The paths of a protocol. What poem-openapi reads has to be there as it is, and cannot be put together.
macro_rules! shares_of {
    (
        $api:ident, $of:ty, $prefix:tt, $created:ident,
        $share:ident, $page:ident, $create_body:ident, $change_body:ident, $view:expr,
        $make:expr, $remake:expr,
        list $list:tt $list_doc:tt,
        create $create:tt $create_doc:tt,
        get $get:tt $get_doc:tt,
        set $set:tt $set_doc:tt,
        replace $replace:tt $replace_doc:tt,
        delete $delete:tt $delete_doc:tt,
    ) => {
        /// The shares of a protocol.
        pub(crate) struct $api;

        /// A share that is offered from now on.
        #[derive(ApiResponse)]
        pub(crate) enum $created {
            /// It is offered
            #[oai(status = 201)]
            Created(
                Json<wire::$share>,
                /// Where it is
                #[oai(header = "Location")]
                String,
            ),
        }

        #[OpenApi(prefix_path = $prefix, tag = "Tag::Shares")]
        impl $api {
            #[doc = $list_doc]
            #[oai(path = "/", method = "get", operation_id = $list)]
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
            ) -> Answer<Cached<wire::$page>> {
                let wanted = Page::new(limit.0, cursor.0)?;
                let list = FaceList(PhantomData::<$of>);
                let seen = app
                    .call_after(look(fresh.0), &caller.actor, list)
                    .await?
                    .seen;
                Ok(page(&app, $prefix, &wanted, Of::look(&seen), || {
                    let shares = &seen.sharing.offered.intent.shares;
                    let after = wanted.cursor.as_deref().unwrap_or_default();
                    let from = shares.partition_point(|it| it.name.as_str() <= after);
                    let all = shares[from..].iter().filter_map(|it| $view(it, &seen));
                    let (items, next) = wanted.take(all, |it| it.name.clone());
                    let as_of = timestamp(seen.as_of);
                    wire::$page { items, next, as_of }
                }))
            }

            #[doc = $create_doc]
            ///
            /// It may be one that another protocol offers already: then the name says which, and the path may be
            /// left out.
            #[oai(path = "/", method = "post", operation_id = $create)]
            async fn create(
                &self,
                app: Data<&Shared>,
                caller: Caller,
                body: Input<wire::$create_body>,
                /// Fingerprint of the plan that you agree with
                #[oai(name = "X-Confirm-Plan")]
                confirm: Header<Option<String>>,
            ) -> Answer<$created> {
                let wish = ($make)(&body.0, &app.seen())?;
                let share = wish.name.to_string();
                let terms = terms(confirm.0, None)?;
                app.change(&caller.actor, wish, terms).await?;
                let made = self.shown(&app, &caller, share).await?;
                let location = format!("/api{}/{}", $prefix, segment(&made.name));
                Ok($created::Created(Json(made), location))
            }

            #[doc = $get_doc]
            #[oai(path = "/:share", method = "get", operation_id = $get)]
            async fn get(
                &self,
                app: Data<&Shared>,
                caller: Caller,
                /// Name of the share
                share: Path<String>,
                /// Look at the machine first
                fresh: Query<Option<bool>>,
            ) -> Answer<Json<wire::$share>> {
                let get = FaceGet {
                    share: share.0,
                    protocol: PhantomData::<$of>,
                };
                let view = app.call_after(look(fresh.0), &caller.actor, get).await?;
                shown($view(&view.share, &view.seen)).map(Json)
            }

            #[doc = $set_doc]
            ///
            /// What is left out stays as it is. Path, description and whether it is offered go for all protocols
            /// that offer it.
            #[oai(path = "/:share", method = "patch", operation_id = $set)]
            async fn set(
                &self,
                app: Data<&Shared>,
                caller: Caller,
                /// Name of the share
                share: Path<String>,
                body: Input<wire::$change_body>,
                /// Fingerprint of the plan that you agree with
                #[oai(name = "X-Confirm-Plan")]
                confirm: Header<Option<String>>,
            ) -> Answer<Json<wire::$share>> {
                app.check_access::<FaceSet<$of>>(&caller.actor, &share.0)
                    .await?;
                let get = FaceGet {
                    share: share.0,
                    protocol: PhantomData::<$of>,
                };
                let view = app.call(&caller.actor, get).await?;
                let name = view.share.name.to_string();
                let wish: FaceSet<$of> = body.0.wish(view)?;
                let terms = terms(confirm.0, None)?;
                app.change(&caller.actor, wish, terms).await?;
                self.shown(&app, &caller, name).await.map(Json)
            }

            #[doc = $replace_doc]
            ///
            /// What is left out is as it would be of a new share, but for the path, which stays.
            #[oai(path = "/:share", method = "put", operation_id = $replace)]
            async fn replace(
                &self,
                app: Data<&Shared>,
                caller: Caller,
                /// Name of the share
                share: Path<String>,
                body: Input<wire::$change_body>,
                /// Fingerprint of the plan that you agree with
                #[oai(name = "X-Confirm-Plan")]
                confirm: Header<Option<String>>,
            ) -> Answer<Json<wire::$share>> {
                let wish = ($remake)(&body.0, share.0.clone(), &app.seen())?;
                let terms = terms(confirm.0, None)?;
                app.change(&caller.actor, wish, terms).await?;
                self.shown(&app, &caller, share.0).await.map(Json)
            }

            #[doc = $delete_doc]
            ///
            /// One that no other protocol offers is forgotten. What is in the folder stays.
            #[oai(path = "/:share", method = "delete", operation_id = $delete)]
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
                let wish = FaceDelete {
                    share: share.0,
                    protocol: PhantomData::<$of>,
                };
                let terms = terms(confirm.0, None)?;
                app.change(&caller.actor, wish, terms).await?;
                Ok(Done::Done)
            }
        }

        impl $api {
            async fn shown(
                &self,
                app: &Shared,
                caller: &Caller,
                share: String,
            ) -> Answer<wire::$share> {
                let get = FaceGet {
                    share,
                    protocol: PhantomData::<$of>,
                };
                let view = app.call(&caller.actor, get).await?;
                shown($view(&view.share, &view.seen))
            }
        }
    };
}

shares_of! {
    SmbShares, OfSmb, "/shares/smb", CreatedSmbShare,
    SmbShare, SmbSharePage, CreateSmbShare, ChangeSmbShare, wire::SmbShare::of,
    wire::CreateSmbShare::wish,
    |body: &wire::ChangeSmbShare, share, seen: &Seen| body.replace(share, seen),
    list "smb_share_list" "List the shares of SMB",
    create "smb_share_create" "Offer a folder by SMB",
    get "smb_share_get" "Show a share of SMB",
    set "smb_share_set" "Change how SMB offers a share",
    replace "smb_share_replace" "Have SMB offer a share in another way",
    delete "smb_share_delete" "Offer a share no more by SMB",
}

shares_of! {
    NfsShares, OfNfs, "/shares/nfs", CreatedNfsShare,
    NfsShare, NfsSharePage, CreateNfsShare, ChangeNfsShare, wire::NfsShare::of,
    |body: &wire::CreateNfsShare, _: &Seen| body.wish(),
    |body: &wire::ChangeNfsShare, share, _: &Seen| body.replace(share),
    list "nfs_share_list" "List the shares of NFS",
    create "nfs_share_create" "Offer a folder by NFS",
    get "nfs_share_get" "Show a share of NFS",
    set "nfs_share_set" "Change how NFS offers a share",
    replace "nfs_share_replace" "Have NFS offer a share in another way",
    delete "nfs_share_delete" "Offer a share no more by NFS",
}

shares_of! {
    FtpShares, OfFtp, "/shares/ftp", CreatedFtpShare,
    TransferShare, TransferSharePage, CreateTransferShare, ChangeTransferShare, wire::TransferShare::of::<OfFtp>,
    |body: &wire::CreateTransferShare, _: &Seen| -> Answer<FaceCreate<OfFtp>> { body.wish() },
    |body: &wire::ChangeTransferShare, share, _: &Seen| -> Answer<FaceReplace<OfFtp>> { body.replace(share) },
    list "ftp_share_list" "List the shares of FTP",
    create "ftp_share_create" "Offer a folder by FTP",
    get "ftp_share_get" "Show a share of FTP",
    set "ftp_share_set" "Change how FTP offers a share",
    replace "ftp_share_replace" "Have FTP offer a share in another way",
    delete "ftp_share_delete" "Offer a share no more by FTP",
}

shares_of! {
    SftpShares, OfSftp, "/shares/sftp", CreatedSftpShare,
    TransferShare, TransferSharePage, CreateTransferShare, ChangeTransferShare, wire::TransferShare::of::<OfSftp>,
    |body: &wire::CreateTransferShare, _: &Seen| -> Answer<FaceCreate<OfSftp>> { body.wish() },
    |body: &wire::ChangeTransferShare, share, _: &Seen| -> Answer<FaceReplace<OfSftp>> { body.replace(share) },
    list "sftp_share_list" "List the shares of SFTP",
    create "sftp_share_create" "Offer a folder by SFTP",
    get "sftp_share_get" "Show a share of SFTP",
    set "sftp_share_set" "Change how SFTP offers a share",
    replace "sftp_share_replace" "Have SFTP offer a share in another way",
    delete "sftp_share_delete" "Offer a share no more by SFTP",
}
