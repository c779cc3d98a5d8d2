//! What a database needs from time to time.

use super::{Store, StoreError, engine::Pool, failed};

impl Store {
    /// Let the engine count anew what it plans by, and give back room that it no longer needs.
    pub async fn tidy(&self) -> Result<(), StoreError> {
        let _alone = self.turn().await;
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
