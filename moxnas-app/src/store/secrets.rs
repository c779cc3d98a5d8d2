//! Sealed secrets: what the database holds of them.

use std::time::SystemTime;

use super::{
    Store, StoreError, Write,
    engine::{on_pool, on_tx},
    failed, from_millis, to_millis,
};
use crate::seal::Sealed;

/// A row of the table `secret`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSecret {
    /// Unique; part of what is authenticated.
    pub name: String,
    /// What [`crate::seal::Sealer::open`] takes.
    pub sealed: Sealed,
    /// When it was sealed.
    pub updated_at: SystemTime,
}

type Row = (String, String, Vec<u8>, i64);

fn read((name, key_id, bytes, updated_at): Row) -> StoredSecret {
    StoredSecret {
        name,
        sealed: Sealed { key_id, bytes },
        updated_at: from_millis(updated_at),
    }
}

impl Store {
    /// The secret of this name.
    pub async fn secret(&self, name: &str) -> Result<Option<StoredSecret>, StoreError> {
        let row: Option<Row> = on_pool!(self, db => sqlx::query_as(
            "SELECT name, key_id, sealed, updated_at FROM secret WHERE name = $1",
        )
        .bind(name)
        .fetch_optional(db)
        .await)
        .map_err(failed("read a secret"))?;
        Ok(row.map(read))
    }

    /// All secrets, by name.
    pub async fn secrets(&self) -> Result<Vec<StoredSecret>, StoreError> {
        let rows: Vec<Row> = on_pool!(self, db => sqlx::query_as(
            "SELECT name, key_id, sealed, updated_at FROM secret ORDER BY name",
        )
        .fetch_all(db)
        .await)
        .map_err(failed("read the secrets"))?;
        Ok(rows.into_iter().map(read).collect())
    }
}

impl Write {
    /// The secret of this name.
    pub async fn secret(&mut self, name: &str) -> Result<Option<StoredSecret>, StoreError> {
        let row: Option<Row> = on_tx!(self, db => sqlx::query_as(
            "SELECT name, key_id, sealed, updated_at FROM secret WHERE name = $1",
        )
        .bind(name)
        .fetch_optional(db)
        .await)
        .map_err(failed("read a secret"))?;
        Ok(row.map(read))
    }

    /// All secrets, by name.
    pub async fn secrets(&mut self) -> Result<Vec<StoredSecret>, StoreError> {
        let rows: Vec<Row> = on_tx!(self, db => sqlx::query_as(
            "SELECT name, key_id, sealed, updated_at FROM secret ORDER BY name",
        )
        .fetch_all(db)
        .await)
        .map_err(failed("read the secrets"))?;
        Ok(rows.into_iter().map(read).collect())
    }

    /// Keep a secret, in the place of one of the same name.
    pub async fn put_secret(
        &mut self,
        name: &str,
        sealed: &Sealed,
        at: SystemTime,
    ) -> Result<(), StoreError> {
        on_tx!(self, db => sqlx::query(
            "INSERT INTO secret (name, key_id, sealed, updated_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (name) DO UPDATE SET key_id = excluded.key_id, sealed = excluded.sealed,
                                              updated_at = excluded.updated_at",
        )
        .bind(name)
        .bind(&sealed.key_id)
        .bind(&sealed.bytes)
        .bind(to_millis(at))
        .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("keep a secret"))?;
        Ok(())
    }

    /// Forget a secret; the answer is whether there was one.
    pub async fn delete_secret(&mut self, name: &str) -> Result<bool, StoreError> {
        let deleted = on_tx!(self, db => sqlx::query("DELETE FROM secret WHERE name = $1")
            .bind(name)
            .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("forget a secret"))?;
        Ok(deleted > 0)
    }
}
