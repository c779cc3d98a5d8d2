//! Logins, as administrators see them, and their sessions.

use bytes::Bytes;
use moxnas_app::{
    auth::Secret,
    marked::Marked,
    ops::{
        sessions::{UserSessionList, UserSessionRevoke, UserSessionRevokeAll},
        totp::UserTotpReset,
        users::{UserChange, UserCreate, UserDelete, UserGet, UserList, UserPasswd},
    },
};
use poem::web::Data;
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use super::{Page, Tag, auth::Done};
use crate::{
    Shared,
    cached::{Cached, JsonBytes},
    caller::Caller,
    input::Input,
    pages::Of,
    problem::Answer,
    wire::{auth::NewPassword, sessions::SessionPage, users as wire},
};

/// Logins.
pub(crate) struct Users;

/// A login that was made.
#[derive(ApiResponse)]
pub(crate) enum Made {
    /// It was made
    #[oai(status = 201)]
    Made(
        Json<wire::UserAccount>,
        /// Where it is
        #[oai(header = "Location")]
        String,
    ),
}

#[OpenApi(prefix_path = "/users", tag = "Tag::Users")]
impl Users {
    /// List the logins
    #[oai(path = "/", method = "get", operation_id = "user_list")]
    async fn list(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// How many at most, 1 to 1000; 100 if left out
        limit: Query<Option<usize>>,
        /// `next` of the page before
        cursor: Query<Option<String>>,
    ) -> Answer<Cached<wire::UserPage>> {
        let page = Page::new(limit.0, cursor.0)?;
        let list = UserList {
            after: page.cursor.clone().unwrap_or_default(),
            limit: page.limit as u32,
        };
        let Marked { mark, content } = app.call(&caller.actor, list).await?;
        let text = || {
            let page = wire::UserPage::from(&*content);
            Bytes::from(serde_json::to_vec(&page).expect("pages are plain data"))
        };
        let (text, tag) = app.pages.get("users", &page, Of::Mark(mark), text);
        Ok(Cached::new(JsonBytes::new(text), tag))
    }

    /// Make a login
    ///
    /// Without a password nobody can log in with it until root gives it one on the machine itself.
    /// Not with an API key.
    #[oai(path = "/", method = "post", operation_id = "user_create")]
    async fn create(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::CreateUser>,
    ) -> Answer<Made> {
        let made = app.call(&caller.actor, UserCreate(body.0.into())).await?;
        let place = format!("/api/users/{}", made.username);
        Ok(Made::Made(Json(made.into()), place))
    }

    /// Show a login
    #[oai(path = "/:username", method = "get", operation_id = "user_get")]
    async fn get(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the login
        username: Path<String>,
    ) -> Answer<Json<wire::UserAccount>> {
        let username = username.0;
        Ok(Json(
            app.call(&caller.actor, UserGet { username }).await?.into(),
        ))
    }

    /// Change a login
    ///
    /// Nobody changes the role of their own login or disables it. The last enabled admin with a
    /// password stays one (`last_admin`). A login that is disabled is out at once: its sessions and
    /// API keys end, and do not come back when it is enabled again. Not with an API key.
    #[oai(path = "/:username", method = "patch", operation_id = "user_change")]
    async fn change(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the login
        username: Path<String>,
        body: Input<wire::ChangeUser>,
    ) -> Answer<Json<wire::UserAccount>> {
        let change = UserChange {
            username: username.0,
            change: body.0.into(),
        };
        Ok(Json(app.call(&caller.actor, change).await?.into()))
    }

    /// Delete a login
    ///
    /// With its sessions, API keys and second factor. Nobody deletes their own login, and the last
    /// enabled admin with a password stays (`last_admin`). Not with an API key.
    #[oai(path = "/:username", method = "delete", operation_id = "user_delete")]
    async fn delete(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the login
        username: Path<String>,
    ) -> Answer<Done> {
        let username = username.0;
        app.call(&caller.actor, UserDelete { username }).await?;
        Ok(Done::Done)
    }

    /// Give a login another password
    ///
    /// Only on the machine itself: over the Unix socket. All sessions of the login end.
    #[oai(
        path = "/:username/password",
        method = "put",
        operation_id = "user_passwd"
    )]
    async fn passwd(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the login
        username: Path<String>,
        body: Input<NewPassword>,
    ) -> Answer<Done> {
        let passwd = UserPasswd {
            username: username.0,
            password: Secret::from(body.0.password),
        };
        app.call(&caller.actor, passwd).await?;
        Ok(Done::Done)
    }

    /// Take the second factor of a login away
    ///
    /// For somebody who has lost it. Only on the machine itself: over the Unix socket.
    #[oai(
        path = "/:username/totp",
        method = "delete",
        operation_id = "user_totp_reset"
    )]
    async fn reset_totp(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the login
        username: Path<String>,
    ) -> Answer<Done> {
        let username = username.0;
        app.call(&caller.actor, UserTotpReset { username }).await?;
        Ok(Done::Done)
    }

    /// List the sessions of a login
    #[oai(
        path = "/:username/sessions",
        method = "get",
        operation_id = "user_session_list"
    )]
    async fn sessions(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the login
        username: Path<String>,
    ) -> Answer<Json<SessionPage>> {
        let list = UserSessionList {
            username: username.0,
        };
        Ok(Json(app.call(&caller.actor, list).await?.into()))
    }

    /// End all sessions of a login
    #[oai(
        path = "/:username/sessions",
        method = "delete",
        operation_id = "user_session_revoke_all"
    )]
    async fn revoke_all(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the login
        username: Path<String>,
    ) -> Answer<Done> {
        let revoke = UserSessionRevokeAll {
            username: username.0,
        };
        app.call(&caller.actor, revoke).await?;
        Ok(Done::Done)
    }

    /// End a session of a login
    #[oai(
        path = "/:username/sessions/:session",
        method = "delete",
        operation_id = "user_session_revoke"
    )]
    async fn revoke(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the login
        username: Path<String>,
        /// Id of the session
        session: Path<String>,
    ) -> Answer<Done> {
        let revoke = UserSessionRevoke {
            username: username.0,
            session: session.0,
        };
        app.call(&caller.actor, revoke).await?;
        Ok(Done::Done)
    }
}
