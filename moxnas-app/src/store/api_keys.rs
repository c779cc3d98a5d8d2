//! API keys: a login's right, or part of it, for a program. Only hashes of them are stored.

use std::time::SystemTime;

use sqlx::FromRow;

use super::{
    Credentials, Login, Store, StoreError, Write,
    engine::{on_pool, on_tx},
    failed, from_millis,
    logins::{self, login_columns},
    to_millis,
};
use crate::actor::Role;

macro_rules! key_columns {
    () => {
        "api_key.id AS key_id, api_key.name, api_key.prefix, api_key.role AS key_role,
         api_key.scopes, api_key.networks, api_key.created_at AS key_created_at,
         api_key.expires_at, api_key.last_used_at, api_key.last_used_from, api_key.revoked_at"
    };
}

/// An API key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Never used again, even when the key is gone.
    pub id: i64,
    /// What its owner calls it.
    pub name: String,
    /// The part that is shown.
    pub prefix: String,
    /// What it may at most, whatever its owner may.
    pub role: Role,
    /// Patterns of operation ids.
    pub scopes: Vec<String>,
    /// Where it may be used from; empty: from everywhere.
    pub networks: Vec<String>,
    /// When it was made.
    pub created_at: SystemTime,
    /// When it ends by itself.
    pub expires_at: Option<SystemTime>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<SystemTime>,
    /// Where from.
    pub last_used_from: Option<String>,
    /// When it was ended.
    pub revoked_at: Option<SystemTime>,
}

/// A key and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedKey {
    /// The key.
    pub key: ApiKey,
    /// Its owner, as it is at this moment.
    pub owner: Login,
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// Whose.
    pub login: i64,
    /// What its owner calls it.
    pub name: String,
    /// The part that is shown; unique.
    pub prefix: String,
    /// SHA-256 of the whole text.
    pub hash: [u8; 32],
    /// What it may at most.
    pub role: Role,
    /// Patterns of operation ids.
    pub scopes: Vec<String>,
    /// Where it may be used from.
    pub networks: Vec<String>,
    /// The time now.
    pub at: SystemTime,
    /// When it ends by itself.
    pub expires_at: Option<SystemTime>,
}

impl Store {
    /// The key with this hash, and whose it is.
    pub async fn api_key(&self, hash: &[u8; 32]) -> Result<Option<OwnedKey>, StoreError> {
        let row: Option<Row> = on_pool!(self, db => sqlx::query_as(concat!(
            "SELECT ", login_columns!(), ", ", key_columns!(),
            " FROM api_key JOIN login ON login.id = api_key.login_id
             WHERE api_key.secret_hash = $1"
        ))
        .bind(&hash[..])
        .fetch_optional(db)
        .await)
        .map_err(failed("read an API key"))?;
        row.map(|it| it.read().map_err(failed("read an API key")))
            .transpose()
    }

    /// Up to `limit` keys that were not ended, after the one numbered `after`; of one login, or of
    /// all.
    pub async fn api_keys(
        &self,
        of: Option<i64>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<OwnedKey>, StoreError> {
        let rows: Vec<Row> = on_pool!(self, db => sqlx::query_as(concat!(
            "SELECT ", login_columns!(), ", ", key_columns!(),
            " FROM api_key JOIN login ON login.id = api_key.login_id
             WHERE api_key.revoked_at IS NULL AND api_key.id > $2
               AND ($1 < 0 OR api_key.login_id = $1)
             ORDER BY api_key.id LIMIT $3"
        ))
        .bind(of.unwrap_or(-1))
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(db)
        .await)
        .map_err(failed("list the API keys"))?;
        rows.into_iter()
            .map(|it| it.read().map_err(failed("list the API keys")))
            .collect()
    }

    /// Remember that a key is in use.
    pub async fn touch_api_key(
        &self,
        id: i64,
        from: Option<&str>,
        at: SystemTime,
    ) -> Result<(), StoreError> {
        let mut write = self.begin_write().await?;
        on_tx!(write, db => sqlx::query(
            "UPDATE api_key SET last_used_at = $2, last_used_from = $3 WHERE id = $1",
        )
        .bind(id)
        .bind(to_millis(at))
        .bind(from)
        .execute(db)
        .await
        .map(|it| it.rows_affected()))
        .map_err(failed("remember that an API key is used"))?;
        write.commit().await
    }
}

impl Write {
    /// Make a key; the answer is its number.
    pub async fn create_api_key(&mut self, new: &NewApiKey) -> Result<i64, StoreError> {
        let list = |it: &[String]| serde_json::json!(it).to_string();
        on_tx!(self, db => sqlx::query_scalar(
            "INSERT INTO api_key (login_id, name, prefix, secret_hash, role, scopes, networks,
                                  created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
        )
        .bind(new.login)
        .bind(&new.name)
        .bind(&new.prefix)
        .bind(&new.hash[..])
        .bind(new.role.as_str())
        .bind(list(&new.scopes))
        .bind(list(&new.networks))
        .bind(to_millis(new.at))
        .bind(new.expires_at.map(to_millis))
        .fetch_one(db)
        .await)
        .map_err(failed("make an API key"))
    }

    /// End a key, of one login or whosever it is; the answer is whether it stood.
    pub async fn revoke_api_key(
        &mut self,
        id: i64,
        of: Option<i64>,
        at: SystemTime,
    ) -> Result<bool, StoreError> {
        let done = on_tx!(self, db => sqlx::query(
            "UPDATE api_key SET revoked_at = $3
             WHERE id = $1 AND ($2 < 0 OR login_id = $2) AND revoked_at IS NULL",
        )
        .bind(id)
        .bind(of.unwrap_or(-1))
        .bind(to_millis(at))
        .execute(db)
        .await
        .map(|it| it.rows_affected()))
        .map_err(failed("end an API key"))?;
        Ok(done > 0)
    }

    /// End all keys of a login; the answer is how many stood.
    pub async fn revoke_api_keys_of(
        &mut self,
        login: i64,
        at: SystemTime,
    ) -> Result<u64, StoreError> {
        on_tx!(self, db => sqlx::query(
            "UPDATE api_key SET revoked_at = $2 WHERE login_id = $1 AND revoked_at IS NULL",
        )
        .bind(login)
        .bind(to_millis(at))
        .execute(db)
        .await
        .map(|it| it.rows_affected()))
        .map_err(failed("end the API keys of a login"))
    }
}

#[derive(FromRow)]
struct Row {
    #[sqlx(flatten)]
    login: logins::Row,
    key_id: i64,
    name: String,
    prefix: String,
    #[sqlx(try_from = "String")]
    key_role: Role,
    scopes: String,
    networks: String,
    key_created_at: i64,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
    last_used_from: Option<String>,
    revoked_at: Option<i64>,
}

impl Row {
    fn read(self) -> Result<OwnedKey, sqlx::Error> {
        let list = |text: &str| -> Result<Vec<String>, sqlx::Error> {
            serde_json::from_str(text).map_err(|it| sqlx::Error::Decode(Box::new(it)))
        };
        let key = ApiKey {
            id: self.key_id,
            name: self.name,
            prefix: self.prefix,
            role: self.key_role,
            scopes: list(&self.scopes)?,
            networks: list(&self.networks)?,
            created_at: from_millis(self.key_created_at),
            expires_at: self.expires_at.map(from_millis),
            last_used_at: self.last_used_at.map(from_millis),
            last_used_from: self.last_used_from,
            revoked_at: self.revoked_at.map(from_millis),
        };
        Ok(OwnedKey {
            key,
            owner: Credentials::from(self.login).login,
        })
    }
}
