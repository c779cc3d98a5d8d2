//! The second factor of one's own login, and its reset for somebody who has lost it.

use std::sync::Arc;

use super::{auth::own_login, users::on_the_machine};
use crate::{
    actor::{Actor, Role},
    app::App,
    auth::{Enrolment, Secret},
    error::Error,
    operation::{Effect, Operation, Query},
};

/// Begin to use a second factor.
#[derive(Clone, Debug)]
pub struct TotpEnrol {
    /// The password, again.
    pub password: Secret,
}

/// Show that the app has the secret. The answer is the recovery codes.
#[derive(Clone, Debug)]
pub struct TotpConfirm {
    /// What the app shows.
    pub code: Secret,
}

/// Use no second factor any more.
#[derive(Clone, Debug)]
pub struct TotpDisable {
    /// The password, again.
    pub password: Secret,
    /// A code or a recovery code; not looked at as long as the factor is not confirmed.
    pub code: Secret,
}

/// Take the second factor of a login away, on the machine itself.
#[derive(Clone, Debug)]
pub struct UserTotpReset {
    /// Name of the login.
    pub username: String,
}

operation!(TotpEnrol, "totp_enrol", Some(Role::User), Enrolment; keys: MayNot);
operation!(TotpConfirm, "totp_confirm", Some(Role::User), Vec<Secret>; keys: MayNot);
operation!(TotpDisable, "totp_disable", Some(Role::User), (); keys: MayNot);
operation!(UserTotpReset, "user_totp_reset", Some(Role::Admin), (), username; keys: MayNot);

impl Query for TotpEnrol {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<Enrolment, Error> {
        let issuer = format!("MoxNAS {}", app.store.node().name);
        let (login, password) = (own_login(actor)?, self.password.expose());
        Ok(app.auth.enrol_totp(login, password, &issuer).await?)
    }
}

impl Query for TotpConfirm {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<Vec<Secret>, Error> {
        let (login, code) = (own_login(actor)?, self.code.expose());
        Ok(app.auth.confirm_totp(login, code).await?)
    }
}

impl Query for TotpDisable {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<(), Error> {
        let (password, code) = (self.password.expose(), self.code.expose());
        let login = own_login(actor)?;
        Ok(app.auth.disable_totp(login, password, code).await?)
    }
}

impl Query for UserTotpReset {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<(), Error> {
        on_the_machine(
            actor,
            "second factors of others are reset on the machine itself: `moxnas user totp reset`",
        )?;
        let login = app.auth.named(&self.username).await?.id;
        Ok(app.auth.reset_totp(login).await?)
    }
}
