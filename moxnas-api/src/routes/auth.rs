//! Logins and sessions.

use moxnas_app::{
    auth::Secret,
    ops::auth::{AuthLogin, AuthLogout, AuthMe, AuthRefresh, UserPasswd},
};
use poem::web::Data;
use poem_openapi::{ApiResponse, OpenApi, param::Path, payload::Json};

use super::Tag;
use crate::{
    Shared,
    caller::{Anybody, Caller},
    input::Input,
    problem::Answer,
    wire::auth as wire,
};

/// Logins and sessions.
pub(crate) struct Auth;

/// Nothing to say.
#[derive(ApiResponse)]
pub(crate) enum Done {
    /// Done
    #[oai(status = 204)]
    Done,
}

#[OpenApi(tag = "Tag::Auth")]
impl Auth {
    /// Begin a session
    #[oai(path = "/auth/login", method = "post", operation_id = "auth_login")]
    async fn login(
        &self,
        app: Data<&Shared>,
        anybody: Anybody,
        body: Input<wire::Login>,
    ) -> Answer<Json<wire::Tokens>> {
        let wire::Login { username, password } = body.0;
        let login = AuthLogin {
            username,
            password: Secret::from(password),
        };
        Ok(Json(app.call(&anybody.0, login).await?.into()))
    }

    /// Go on with a session
    ///
    /// A refresh token works once. One that is used again ends the session: somebody has stolen it.
    #[oai(path = "/auth/refresh", method = "post", operation_id = "auth_refresh")]
    async fn refresh(
        &self,
        app: Data<&Shared>,
        anybody: Anybody,
        body: Input<wire::Refresh>,
    ) -> Answer<Json<wire::Tokens>> {
        let refresh = AuthRefresh {
            refresh_token: Secret::from(body.0.refresh_token),
        };
        Ok(Json(app.call(&anybody.0, refresh).await?.into()))
    }

    /// End the session
    #[oai(path = "/auth/logout", method = "post", operation_id = "auth_logout")]
    async fn logout(&self, app: Data<&Shared>, caller: Caller) -> Answer<Done> {
        let session = caller.session.clone();
        app.call(&caller.actor, AuthLogout { session }).await?;
        Ok(Done::Done)
    }

    /// Show who asks
    #[oai(path = "/auth/me", method = "get", operation_id = "auth_me")]
    async fn me(&self, app: Data<&Shared>, caller: Caller) -> Answer<Json<wire::Me>> {
        Ok(Json(app.call(&caller.actor, AuthMe).await?.into()))
    }

    /// Give a login another password
    ///
    /// Only on the machine itself: over the Unix socket. All sessions of the login end.
    #[oai(
        path = "/users/:username/password",
        method = "put",
        operation_id = "user_passwd"
    )]
    async fn passwd(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the login
        username: Path<String>,
        body: Input<wire::NewPassword>,
    ) -> Answer<Done> {
        let password = Secret::from(body.0.password);
        app.call(
            &caller.actor,
            UserPasswd {
                username: username.0,
                password,
            },
        )
        .await?;
        Ok(Done::Done)
    }
}
