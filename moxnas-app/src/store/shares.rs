//! What is offered to the network, as somebody has meant it.

use std::time::SystemTime;

use moxnas_shares::model::{Intent, Settings, Share};
use serde::de::DeserializeOwned;
use sqlx::FromRow;

use super::{
    Store, StoreError, Write,
    engine::{on_pool, on_tx},
    failed, from_millis, to_millis,
};

/// A share, with its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredShare {
    /// The share.
    pub share: Share,
    /// When it was made.
    pub created_at: SystemTime,
    /// When it was made otherwise last.
    pub updated_at: SystemTime,
}

/// What was meant before a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredGeneration {
    /// The number of the first generation of files that the change made.
    pub number: u32,
    /// When the change was made.
    pub at: SystemTime,
    /// By whom.
    pub by: String,
    /// The operation.
    pub operation: String,
    /// What was meant before it.
    pub before: Intent,
}

impl Store {
    /// The shares of this machine by name, and what holds for all of them.
    pub async fn shares(&self) -> Result<(Vec<StoredShare>, Settings), StoreError> {
        let rows: Vec<ShareRow> = on_pool!(self, db => sqlx::query_as(
            "SELECT body, created_at, updated_at FROM share WHERE node = $1 ORDER BY name",
        )
        .bind(&self.node.id)
        .fetch_all(db)
        .await)
        .map_err(failed("list the shares"))?;
        let settings: Option<String> = on_pool!(self, db => sqlx::query_scalar(
            "SELECT body FROM share_settings WHERE node = $1",
        )
        .bind(&self.node.id)
        .fetch_optional(db)
        .await)
        .map_err(failed("read the settings of shares"))?;
        let settings = settings
            .as_deref()
            .map(|it| read(it, "read the settings of shares"));
        let shares: Result<Vec<StoredShare>, StoreError> =
            rows.into_iter().map(StoredShare::try_from).collect();
        Ok((shares?, settings.transpose()?.unwrap_or_default()))
    }

    /// What was meant before changes, the newest first.
    pub async fn share_generations(&self) -> Result<Vec<StoredGeneration>, StoreError> {
        let rows: Vec<GenerationRow> = on_pool!(self, db => sqlx::query_as(
            "SELECT number, at, made_by, operation, before FROM share_generation
             WHERE node = $1 ORDER BY number DESC",
        )
        .bind(&self.node.id)
        .fetch_all(db)
        .await)
        .map_err(failed("list what shares were"))?;
        rows.into_iter().map(StoredGeneration::try_from).collect()
    }
}

impl Write {
    /// Mean a share from now on, or otherwise than before.
    pub async fn put_share(&mut self, share: &Share, at: SystemTime) -> Result<(), StoreError> {
        let node = self.node.id.clone();
        on_tx!(self, db => sqlx::query(
            "INSERT INTO share (node, name, body, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $4)
             ON CONFLICT (node, name) DO UPDATE SET
                body = excluded.body, updated_at = excluded.updated_at",
        )
        .bind(&node)
        .bind(share.name.as_str())
        .bind(text(share))
        .bind(to_millis(at))
        .execute(db)
        .await
        .map(|it| it.rows_affected()))
        .map_err(failed("keep a share"))?;
        Ok(())
    }

    /// Mean a share no more.
    pub async fn delete_share(&mut self, name: &str) -> Result<(), StoreError> {
        let node = self.node.id.clone();
        on_tx!(self, db => sqlx::query("DELETE FROM share WHERE node = $1 AND name = $2")
            .bind(&node)
            .bind(name)
            .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("forget a share"))?;
        Ok(())
    }

    /// Let something else hold for all shares.
    pub async fn put_share_settings(
        &mut self,
        settings: &Settings,
        at: SystemTime,
    ) -> Result<(), StoreError> {
        let node = self.node.id.clone();
        on_tx!(self, db => sqlx::query(
            "INSERT INTO share_settings (node, body, updated_at) VALUES ($1, $2, $3)
             ON CONFLICT (node) DO UPDATE SET
                body = excluded.body, updated_at = excluded.updated_at",
        )
        .bind(&node)
        .bind(text(settings))
        .bind(to_millis(at))
        .execute(db)
        .await
        .map(|it| it.rows_affected()))
        .map_err(failed("keep the settings of shares"))?;
        Ok(())
    }

    /// Keep what was meant before a change, and forget those before `oldest`.
    pub async fn add_share_generation(
        &mut self,
        generation: &StoredGeneration,
        oldest: u32,
    ) -> Result<(), StoreError> {
        let node = self.node.id.clone();
        on_tx!(self, db => sqlx::query(
            "INSERT INTO share_generation (node, number, at, made_by, operation, before)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (node, number) DO UPDATE SET
                at = excluded.at, made_by = excluded.made_by, operation = excluded.operation,
                before = excluded.before",
        )
        .bind(&node)
        .bind(i64::from(generation.number))
        .bind(to_millis(generation.at))
        .bind(&generation.by)
        .bind(&generation.operation)
        .bind(text(&generation.before))
        .execute(db)
        .await
        .map(|it| it.rows_affected()))
        .map_err(failed("keep what shares were"))?;
        on_tx!(self, db => sqlx::query("DELETE FROM share_generation WHERE node = $1 AND number < $2")
            .bind(&node)
            .bind(i64::from(oldest))
            .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("forget what shares were"))?;
        Ok(())
    }
}

fn text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("shares are plain data")
}

/// What stands in a column. One that is not as it was written is an error and no default.
fn read<T: DeserializeOwned>(text: &str, what: &'static str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|err| failed(what)(sqlx::Error::Decode(Box::new(err))))
}

#[derive(FromRow)]
struct ShareRow {
    body: String,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<ShareRow> for StoredShare {
    type Error = StoreError;

    fn try_from(row: ShareRow) -> Result<StoredShare, StoreError> {
        Ok(StoredShare {
            share: read(&row.body, "read a share")?,
            created_at: from_millis(row.created_at),
            updated_at: from_millis(row.updated_at),
        })
    }
}

#[derive(FromRow)]
struct GenerationRow {
    number: i64,
    at: i64,
    made_by: String,
    operation: String,
    before: String,
}

impl TryFrom<GenerationRow> for StoredGeneration {
    type Error = StoreError;

    fn try_from(row: GenerationRow) -> Result<StoredGeneration, StoreError> {
        Ok(StoredGeneration {
            number: u32::try_from(row.number).unwrap_or(u32::MAX),
            at: from_millis(row.at),
            by: row.made_by,
            operation: row.operation,
            before: read(&row.before, "read what shares were")?,
        })
    }
}
