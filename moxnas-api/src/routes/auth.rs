//! Logins and sessions.

use moxnas_app::{
    auth::Secret,
    ops::{
        auth::{AuthLogin, AuthLogout, AuthMe, AuthPassword, AuthRefresh},
        sessions::{SessionList, SessionRevoke},
        totp::{TotpConfirm, TotpDisable, TotpEnrol},
    },
};
use poem::{Request, http::header::USER_AGENT, web::Data};
use poem_openapi::{ApiResponse, OpenApi, param::Path, payload::Json};

use super::Tag;
use crate::{
    Shared,
    caller::{Anybody, Caller, cookie},
    input::Input,
    problem::Answer,
    wire::{auth as wire, sessions::SessionPage},
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

/// A session that was begun.
#[derive(ApiResponse)]
pub(crate) enum LoggedIn {
    /// OK
    #[oai(status = 200)]
    Session(
        Json<wire::Tokens>,
        /// The cookie, where one was asked for
        #[oai(header = "Set-Cookie")]
        Option<String>,
    ),
}

/// A session that was ended.
#[derive(ApiResponse)]
pub(crate) enum LoggedOut {
    /// Done
    #[oai(status = 204)]
    Done(
        /// Takes the cookie away, where there was one
        #[oai(header = "Set-Cookie")]
        Option<String>,
    ),
}

#[OpenApi(tag = "Tag::Auth")]
impl Auth {
    /// Begin a session
    ///
    /// With `cookie` the answer also sets the cookie `moxnas_session`, which browsers send by
    /// themselves for twelve hours. Failures make the address wait: five are free, then 30 s, 1 min
    /// and so on up to 15 min for that name, and 50 within 15 min for all names.
    #[oai(path = "/auth/login", method = "post", operation_id = "auth_login")]
    async fn login(
        &self,
        app: Data<&Shared>,
        anybody: Anybody,
        request: &Request,
        body: Input<wire::Login>,
    ) -> Answer<LoggedIn> {
        let wire::Login {
            username,
            password,
            totp,
            cookie,
        } = body.0;
        let login = AuthLogin {
            username,
            password: Secret::from(password),
            code: totp.map(Secret::from),
            user_agent: request.header(USER_AGENT).map(str::to_owned),
            browser: cookie::wanted(cookie, request)?,
        };
        let session = app.call(&anybody.0, login).await?;
        let set = session.cookie.as_ref().map(|it| cookie::set(it, request));
        Ok(LoggedIn::Session(Json(session.into()), set))
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
    ///
    /// Its tokens and its cookie end at once. Not with an API key, which has no session.
    #[oai(path = "/auth/logout", method = "post", operation_id = "auth_logout")]
    async fn logout(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        request: &Request,
    ) -> Answer<LoggedOut> {
        app.call(&caller.actor, AuthLogout).await?;
        Ok(LoggedOut::Done(cookie::clear(request)))
    }

    /// Show who asks
    #[oai(path = "/auth/me", method = "get", operation_id = "auth_me")]
    async fn me(&self, app: Data<&Shared>, caller: Caller) -> Answer<Json<wire::Me>> {
        Ok(Json(app.call(&caller.actor, AuthMe).await?.into()))
    }

    /// Change one's own password
    ///
    /// The session that asks goes on; all others of the login end. Not with an API key. A wrong old
    /// password is 400 `wrong_password`, not 401: the session is good.
    #[oai(
        path = "/auth/password",
        method = "post",
        operation_id = "auth_password"
    )]
    async fn password(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::ChangePassword>,
    ) -> Answer<Done> {
        let wire::ChangePassword { old, new } = body.0;
        let change = AuthPassword {
            old: old.into(),
            new: new.into(),
        };
        app.call(&caller.actor, change).await?;
        Ok(Done::Done)
    }

    /// Begin to use a second factor
    ///
    /// Answers what an authenticator app needs. No code is asked for before the first one was
    /// confirmed. Not with an API key.
    #[oai(path = "/auth/totp", method = "post", operation_id = "totp_enrol")]
    async fn enrol_totp(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::EnrolTotp>,
    ) -> Answer<Json<wire::TotpSecret>> {
        let password = body.0.password.into();
        let enrol = TotpEnrol { password };
        Ok(Json(app.call(&caller.actor, enrol).await?.into()))
    }

    /// Confirm a second factor with its first code
    ///
    /// From then on each login takes a code. Answers ten recovery codes, each of which works once
    /// in place of a code, and which are shown this once. Not with an API key.
    #[oai(
        path = "/auth/totp/confirm",
        method = "post",
        operation_id = "totp_confirm"
    )]
    async fn confirm_totp(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::ConfirmTotp>,
    ) -> Answer<Json<wire::RecoveryCodes>> {
        let code = body.0.code.into();
        let codes = app.call(&caller.actor, TotpConfirm { code }).await?;
        Ok(Json(codes.into()))
    }

    /// Use no second factor any more
    ///
    /// Not with an API key.
    #[oai(path = "/auth/totp", method = "delete", operation_id = "totp_disable")]
    async fn disable_totp(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::DisableTotp>,
    ) -> Answer<Done> {
        let wire::DisableTotp { password, code } = body.0;
        let disable = TotpDisable {
            password: password.into(),
            code: code.into(),
        };
        app.call(&caller.actor, disable).await?;
        Ok(Done::Done)
    }

    /// List one's own sessions
    #[oai(path = "/auth/sessions", method = "get", operation_id = "session_list")]
    async fn sessions(&self, app: Data<&Shared>, caller: Caller) -> Answer<Json<SessionPage>> {
        Ok(Json(app.call(&caller.actor, SessionList).await?.into()))
    }

    /// End one of one's own sessions
    ///
    /// It ends at once.
    #[oai(
        path = "/auth/sessions/:session",
        method = "delete",
        operation_id = "session_revoke"
    )]
    async fn revoke_session(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Id of the session
        session: Path<String>,
    ) -> Answer<Done> {
        let session = session.0;
        app.call(&caller.actor, SessionRevoke { session }).await?;
        Ok(Done::Done)
    }
}
