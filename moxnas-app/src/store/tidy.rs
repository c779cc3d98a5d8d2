//! What a database needs from time to time.

use super::{Store, StoreError, engine::Pool, failed};

impl Store {
    /// What is wrong with the database itself; empty if it is sound.
    pub async fn faults(&self) -> Result<Vec<String>, StoreError> {
        let check = failed("be checked");
        match &self.pool {
            Pool::Sqlite(pool) => {
                let said: Vec<String> = sqlx::query_scalar("PRAGMA quick_check")
                    .fetch_all(pool)
                    .await
                    .map_err(check)?;
                let foreign: Vec<(String, Option<i64>, String, i64)> =
                    sqlx::query_as("PRAGMA foreign_key_check")
                        .fetch_all(pool)
                        .await
                        .map_err(failed("be checked"))?;
                let foreign = foreign.into_iter().map(|(table, row, parent, _)| {
                    let row = row.unwrap_or_default();
                    format!("row {row} of {table} belongs to no row of {parent}")
                });
                let said = said.into_iter().filter(|it| it != "ok");
                Ok(said.chain(foreign).collect())
            }
            // The server checks what it reads; whether it answers is what can be asked here.
            Pool::Postgres(pool) => {
                sqlx::query("SELECT count(*) FROM login")
                    .execute(pool)
                    .await
                    .map_err(check)?;
                Ok(Vec::new())
            }
        }
    }

    /// Let the engine count anew what it plans by, and give back room that it no longer needs.
    pub async fn tidy(&self) -> Result<(), StoreError> {
        let what = failed("be tidied");
        match &self.pool {
            Pool::Sqlite(pool) => {
                for statement in ["PRAGMA optimize", "PRAGMA wal_checkpoint(TRUNCATE)"] {
                    sqlx::query(statement)
                        .execute(pool)
                        .await
                        .map_err(failed("be tidied"))?;
                }
            }
            Pool::Postgres(pool) => {
                sqlx::query("ANALYZE").execute(pool).await.map_err(what)?;
            }
        }
        Ok(())
    }
}
