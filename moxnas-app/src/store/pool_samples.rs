//! How much was taken in pools.

use std::time::SystemTime;

use moxnas_core::units::Bytes;
use moxnas_pool::growth::Sample;

use super::{
    Store, StoreError, Write,
    engine::{on_pool, on_tx},
    failed, from_millis, to_millis,
};

impl Store {
    /// What was written down of a pool of this machine, the oldest first.
    pub async fn pool_samples(&self, pool: &str) -> Result<Vec<Sample>, StoreError> {
        let rows: Vec<(i64, i64)> = on_pool!(self, db => sqlx::query_as(
            "SELECT at, used FROM pool_sample WHERE node = $1 AND pool = $2 ORDER BY at",
        )
        .bind(&self.node.id)
        .bind(pool)
        .fetch_all(db)
        .await)
        .map_err(failed("read how a pool has grown"))?;
        let sample = |(at, used): (i64, i64)| Sample {
            at: from_millis(at),
            used: Bytes(used.try_into().unwrap_or_default()),
        };
        Ok(rows.into_iter().map(sample).collect())
    }
}

impl Write {
    /// Write down how much is taken in a pool, and forget what was before a moment.
    pub async fn add_pool_sample(
        &mut self,
        pool: &str,
        sample: Sample,
        forget: SystemTime,
    ) -> Result<(), StoreError> {
        let node = self.node.id.clone();
        let used = i64::try_from(sample.used.0).unwrap_or(i64::MAX);
        on_tx!(self, db => sqlx::query(
            "INSERT INTO pool_sample (node, pool, at, used) VALUES ($1, $2, $3, $4)
             ON CONFLICT (node, pool, at) DO NOTHING",
        )
        .bind(&node)
        .bind(pool)
        .bind(to_millis(sample.at))
        .bind(used)
        .execute(db)
        .await
        .map(|it| it.rows_affected()))
        .map_err(failed("write down how full a pool is"))?;
        on_tx!(self, db => sqlx::query(
            "DELETE FROM pool_sample WHERE node = $1 AND pool = $2 AND at < $3",
        )
        .bind(&node)
        .bind(pool)
        .bind(to_millis(forget))
        .execute(db)
        .await
        .map(|it| it.rows_affected()))
        .map_err(failed("forget how full a pool was"))?;
        Ok(())
    }
}
