//! API keys.

use std::time::SystemTime;

use moxnas_app::{
    auth::MadeKey,
    ops::{api_keys::ApiKeyCreate, users::Part},
    store::OwnedKey,
};
use poem_openapi::Object;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{auth::Role, timestamp};

/// An API key
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ApiKey {
    /// Its number
    pub id: i64,
    /// What its owner calls it
    pub name: String,
    /// Its first characters, to tell keys apart
    pub prefix: String,
    /// Whose it is
    pub username: String,
    /// What it may at most; never more than its owner may at that moment
    pub role: Role,
    /// The operations that it opens: ids, where `*` stands for any part
    pub scopes: Vec<String>,
    /// Networks that it may be used from; empty: from everywhere
    pub networks: Vec<String>,
    /// When it was made
    pub created_at: OffsetDateTime,
    /// When it ends by itself; left out if it does not
    pub expires_at: Option<OffsetDateTime>,
    /// When it was last used, to the minute; left out if it never was
    pub last_used_at: Option<OffsetDateTime>,
    /// Where it was last used from; left out if that is not known
    pub last_used_from: Option<String>,
}

/// A page of API keys
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ApiKeyPage {
    /// The keys that were not ended, by number
    pub items: Vec<ApiKey>,
    /// The `cursor` of the next page; left out on the last one
    pub next: Option<String>,
}

/// An API key that was made
#[derive(Clone, PartialEq, Eq, Object)]
pub struct NewApiKey {
    /// The key itself: `Authorization: Bearer mxk_…`. It is shown this once
    pub secret: String,
    /// All else about it
    pub key: ApiKey,
}

/// An API key to be made
#[derive(Clone, Debug, PartialEq, Eq, Object, clap::Args)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct CreateApiKey {
    /// What you call it
    #[oai(validator(max_length = 256))]
    pub name: String,
    /// The operations that it opens: ids, where `*` stands for any part, such as `array_*`, `*_list`
    /// or `*`
    #[arg(long = "scope", required = true)]
    pub scopes: Vec<String>,
    /// What it may at most; what its owner may if left out
    #[arg(long, value_enum)]
    pub role: Option<Role>,
    /// When it ends by itself, such as 2030-01-31T00:00:00Z; never if left out
    #[arg(long = "expires", value_name = "TIME", value_parser = time)]
    pub expires_at: Option<OffsetDateTime>,
    /// Networks that it may be used from, such as 192.168.1.0/24; everywhere if left out
    #[oai(default)]
    #[arg(long = "network")]
    pub networks: Vec<String>,
    /// Whose it is; one's own if left out. Of another login only on the machine itself
    #[oai(validator(max_length = 64))]
    #[arg(long = "user", value_name = "USERNAME")]
    pub username: Option<String>,
}

fn time(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|err| err.to_string())
}

impl From<OwnedKey> for ApiKey {
    fn from(it: OwnedKey) -> ApiKey {
        let moxnas_app::store::ApiKey {
            id,
            name,
            prefix,
            role,
            scopes,
            networks,
            created_at,
            expires_at,
            last_used_at,
            last_used_from,
            revoked_at: _,
        } = it.key;
        ApiKey {
            id,
            name,
            prefix,
            username: it.owner.username,
            role: role.into(),
            scopes,
            networks,
            created_at: timestamp(created_at),
            expires_at: expires_at.map(timestamp),
            last_used_at: last_used_at.map(timestamp),
            last_used_from,
        }
    }
}

impl From<Part<OwnedKey>> for ApiKeyPage {
    fn from(it: Part<OwnedKey>) -> ApiKeyPage {
        let last = it.items.last().filter(|_| it.is_cut);
        ApiKeyPage {
            next: last.map(|it| it.key.id.to_string()),
            items: it.items.into_iter().map(ApiKey::from).collect(),
        }
    }
}

impl From<MadeKey> for NewApiKey {
    fn from(it: MadeKey) -> NewApiKey {
        NewApiKey {
            secret: it.secret.expose().to_owned(),
            key: it.key.into(),
        }
    }
}

impl From<CreateApiKey> for ApiKeyCreate {
    fn from(it: CreateApiKey) -> ApiKeyCreate {
        let CreateApiKey {
            name,
            scopes,
            role,
            expires_at,
            networks,
            username,
        } = it;
        ApiKeyCreate {
            name,
            username,
            role: role.map(moxnas_app::Role::from),
            scopes,
            networks,
            expires_at: expires_at.map(SystemTime::from),
        }
    }
}
