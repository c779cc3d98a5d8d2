//! Logins, as administrators see them.

use std::sync::Arc;

use super::auth::own_login;
use crate::{
    actor::{Actor, Role},
    app::App,
    auth::{AuthError, LoginChange, LoginName, LoginWish, Secret},
    error::Error,
    marked::Marked,
    operation::{Effect, Operation, Query},
    store::Login,
};

/// A page of the logins, by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UserList {
    /// The name that the page comes after; empty: it is the first.
    pub after: String,
    /// How many at most.
    pub limit: u32,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<T> {
    /// What is in it.
    pub items: Vec<T>,
    /// Whether something comes after it.
    pub is_cut: bool,
}

impl<T> Part<T> {
    /// Of one item more than was wanted, if there are so many.
    pub(super) fn of(mut items: Vec<T>, limit: u32) -> Part<T> {
        let limit = limit as usize;
        let is_cut = items.len() > limit;
        items.truncate(limit);
        Part { items, is_cut }
    }
}

/// One login.
#[derive(Clone, Debug)]
pub struct UserGet {
    /// Its name.
    pub username: String,
}

/// Make a login.
#[derive(Clone, Debug)]
pub struct UserCreate(pub LoginWish);

/// Change role, account or whether it is let in.
#[derive(Clone, Debug)]
pub struct UserChange {
    /// Name of the login.
    pub username: String,
    /// What is to be different.
    pub change: LoginChange,
}

/// Remove a login with its sessions, keys and second factor.
#[derive(Clone, Debug)]
pub struct UserDelete {
    /// Name of the login.
    pub username: String,
}

/// Give a login another password, on the machine itself. Its sessions end.
#[derive(Clone, Debug)]
pub struct UserPasswd {
    /// Name of the login.
    pub username: String,
    /// The new password.
    pub password: Secret,
}

operation!(
    UserList,
    "user_list",
    Some(Role::Admin),
    Marked<Part<Login>>
);
operation!(UserGet, "user_get", Some(Role::Admin), Login, username);
operation!(UserChange, "user_change", Some(Role::Admin), Login, username; keys: MayNot);
operation!(UserDelete, "user_delete", Some(Role::Admin), (), username; keys: MayNot);
operation!(UserPasswd, "user_passwd", Some(Role::Admin), (), username; keys: MayNot);

impl Operation for UserCreate {
    const NAME: &'static str = "user_create";
    const NEEDS: Option<Role> = Some(Role::Admin);
    const KEYS: crate::operation::Keys = crate::operation::Keys::MayNot;
    type Output = Login;

    fn object(&self) -> Option<String> {
        Some(self.0.username.chars().take(32).collect())
    }
}

impl Query for UserList {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<Marked<Part<Login>>, Error> {
        // The mark first: what changes between the two reads makes the next caller read again.
        let mark = app.store.login_mark().await?;
        if let Some(known) = app.login_lists.get(&self, &mark) {
            return Ok(known);
        }
        let found = app
            .store
            .logins_after(&self.after, self.limit.saturating_add(1))
            .await?;
        let part = Part::of(found, self.limit);
        Ok(app.login_lists.keep(self, mark, part))
    }
}

impl Query for UserGet {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<Login, Error> {
        Ok(app.auth.named(&self.username).await?)
    }
}

impl Query for UserCreate {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<Login, Error> {
        Ok(app.auth.make_login(self.0).await?)
    }
}

impl Query for UserChange {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<Login, Error> {
        let LoginChange { role, disabled, .. } = &self.change;
        if role.is_some() || *disabled == Some(true) {
            not_oneself(actor, &self.username)?;
        }
        Ok(app.auth.alter_login(&self.username, self.change).await?)
    }
}

impl Query for UserDelete {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<(), Error> {
        not_oneself(actor, &self.username)?;
        Ok(app.auth.delete_login(&self.username).await?)
    }
}

impl Query for UserPasswd {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<(), Error> {
        on_the_machine(
            actor,
            "passwords of others are set on the machine itself: `moxnas user passwd`",
        )?;
        let password = self.password.expose();
        Ok(app.auth.set_password(&self.username, password).await?)
    }
}

/// Whoever stole a session must not be able to take the machine over with it.
pub(super) fn on_the_machine(actor: &Actor, else_: &'static str) -> Result<(), Error> {
    match actor.is_on_this_machine() {
        true => Ok(()),
        false => Err(Error::OnTheMachine(else_)),
    }
}

/// Nobody locks themselves out by a slip.
fn not_oneself(actor: &Actor, username: &str) -> Result<(), Error> {
    let name = LoginName::existing(username)?;
    match own_login(actor) {
        Ok(_) if actor.name == name.as_str() => Err(AuthError::OwnLogin(name.to_string()).into()),
        _ => Ok(()),
    }
}
