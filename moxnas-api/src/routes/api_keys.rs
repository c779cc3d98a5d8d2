//! API keys.

use moxnas_app::ops::api_keys::{ApiKeyDelete, ApiKeyList};
use poem::web::Data;
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use super::{Page, Tag, auth::Done};
use crate::{
    Shared,
    caller::Caller,
    input::Input,
    problem::{Answer, Problem},
    wire::api_keys as wire,
};

/// API keys.
pub(crate) struct ApiKeys;

/// A key that was made.
#[derive(ApiResponse)]
pub(crate) enum Made {
    /// It was made, and is shown this once
    #[oai(status = 201)]
    Made(Json<wire::NewApiKey>),
}

#[OpenApi(prefix_path = "/api-keys", tag = "Tag::Users")]
impl ApiKeys {
    /// List the API keys
    ///
    /// One's own; for an admin, those of all logins.
    #[oai(path = "/", method = "get", operation_id = "api_key_list")]
    async fn list(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// How many at most, 1 to 1000; 100 if left out
        limit: Query<Option<usize>>,
        /// `next` of the page before
        cursor: Query<Option<String>>,
    ) -> Answer<Json<wire::ApiKeyPage>> {
        let Page { limit, cursor } = Page::new(limit.0, cursor.0)?;
        let after = cursor.map(|it| it.parse()).transpose();
        let after = after.map_err(|_| {
            Problem::invalid("`cursor` is not one of this list").field("cursor", "not a number")
        })?;
        let list = ApiKeyList {
            after: after.unwrap_or_default(),
            limit: limit as u32,
        };
        Ok(Json(app.call(&caller.actor, list).await?.into()))
    }

    /// Make an API key
    ///
    /// It is shown in this answer and never again. It opens the operations that its scopes cover,
    /// from its networks, until it expires, with at most its own role and at most the one its owner
    /// has at that moment. No key opens what makes or changes logins, passwords, second factors or
    /// keys (`key_may_not`).
    #[oai(path = "/", method = "post", operation_id = "api_key_create")]
    async fn create(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::CreateApiKey>,
    ) -> Answer<Made> {
        let create = moxnas_app::ops::api_keys::ApiKeyCreate::from(body.0);
        let made = app.call(&caller.actor, create).await?;
        Ok(Made::Made(Json(made.into())))
    }

    /// End an API key
    ///
    /// One's own; for an admin, that of any login. It ends at once.
    #[oai(path = "/:key", method = "delete", operation_id = "api_key_delete")]
    async fn delete(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Number of the key
        key: Path<i64>,
    ) -> Answer<Done> {
        app.call(&caller.actor, ApiKeyDelete { id: key.0 }).await?;
        Ok(Done::Done)
    }
}
