//! API keys: one's own, and for administrators those of all.

use std::sync::Arc;

use std::{net::IpAddr, time::SystemTime};

use super::{auth::own_login, users::Part, users::on_the_machine};
use crate::{
    actor::{Actor, Role},
    app::App,
    auth::{AuthError, KeyWish, MadeKey, Scope},
    error::Error,
    operation::{Effect, Keys, Operation, Query},
    store::OwnedKey,
};

/// A page of the keys that work, by number.
#[derive(Clone, Copy, Debug)]
pub struct ApiKeyList {
    /// The number that the page comes after.
    pub after: i64,
    /// How many at most.
    pub limit: u32,
}

/// Make a key.
#[derive(Clone, Debug)]
pub struct ApiKeyCreate {
    /// What its owner calls it.
    pub name: String,
    /// Whose, by name; `None`: the caller's. Of another only on the machine itself.
    pub username: Option<String>,
    /// What it may at most; `None`: what its owner may.
    pub role: Option<Role>,
    /// Patterns of operation ids.
    pub scopes: Vec<String>,
    /// Networks that it may be used from, as `10.0.0.0/8` or a single address; empty: everywhere.
    pub networks: Vec<String>,
    /// When it ends by itself.
    pub expires_at: Option<SystemTime>,
}

/// End a key.
#[derive(Clone, Copy, Debug)]
pub struct ApiKeyDelete {
    /// Its number.
    pub id: i64,
}

operation!(ApiKeyList, "api_key_list", Some(Role::User), Part<OwnedKey>);
operation!(ApiKeyCreate, "api_key_create", Some(Role::User), MadeKey, name; keys: MayNot);
operation!(ApiKeyDelete, "api_key_delete", Some(Role::User), (), id);

/// Whose keys a caller sees and ends: an administrator those of all.
fn reach(actor: &Actor) -> Result<Option<i64>, Error> {
    match actor.may(Role::Admin) {
        true => Ok(None),
        false => own_login(actor).map(Some),
    }
}

impl Query for ApiKeyList {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<Part<OwnedKey>, Error> {
        let (of, limit) = (reach(actor)?, self.limit.saturating_add(1));
        let found = app.store.api_keys(of, self.after, limit).await?;
        Ok(Part::of(found, self.limit))
    }
}

impl Query for ApiKeyCreate {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<MadeKey, Error> {
        let login = match &self.username {
            None => own_login(actor)?,
            Some(username) if *username == actor.name && actor.login().is_some() => {
                own_login(actor)?
            }
            Some(username) => {
                // What is done with it is recorded under the name of its owner.
                on_the_machine(
                    actor,
                    "keys of others are made on the machine itself: `moxnas key create --user`",
                )?;
                app.auth.named(username).await?.id
            }
        };
        let wish = KeyWish {
            name: self.name,
            role: self.role,
            scopes: scopes(&self.scopes)?,
            networks: networks(&self.networks)?,
            expires_at: self.expires_at,
        };
        Ok(app.auth.create_key(login, wish).await?)
    }
}

impl Query for ApiKeyDelete {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, actor: &Actor) -> Result<(), Error> {
        Ok(app.auth.delete_key(self.id, reach(actor)?).await?)
    }
}

/// A scope that covers no operation that a key opens is a slip.
fn scopes(all: &[String]) -> Result<Vec<Scope>, AuthError> {
    let operations = super::all();
    let one = |text: &String| -> Result<Scope, AuthError> {
        let scope: Scope = text.parse()?;
        let opens = |it: &super::OperationInfo| it.keys == Keys::May && scope.covers(it.name);
        match operations.iter().any(opens) {
            true => Ok(scope),
            false => Err(AuthError::BadKey(format!(
                "the scope {text} covers no operation that a key opens"
            ))),
        }
    };
    all.iter().map(one).collect()
}

fn networks(all: &[String]) -> Result<Vec<ipnet::IpNet>, AuthError> {
    let one = |text: &String| {
        let network = text.parse::<ipnet::IpNet>().map(|it| it.trunc());
        let network = network.or_else(|_| text.parse::<IpAddr>().map(ipnet::IpNet::from));
        network.map_err(|_| {
            AuthError::BadKey(format!("{text:?} is no network such as 192.168.1.0/24"))
        })
    };
    all.iter().map(one).collect()
}
