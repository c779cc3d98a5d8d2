//! The database as it is at one moment, whatever is written meanwhile.

use super::{
    Store, StoreError,
    engine::{Pool, Tx},
    failed,
};
use crate::turns::Turn;

/// Reads of one moment. Dropping it ends it.
///
/// Do not use the [`Store`] while holding this: a database in memory has a single connection.
pub(super) struct Snapshot {
    pub(super) tx: Tx,
    _alone: Option<Turn>,
}

impl Store {
    /// Begin to read. It sees nothing of what is committed after its first statement.
    pub(super) async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let alone = self.turn().await;
        let begun = failed("begin to read");
        let tx = match &self.pool {
            Pool::Sqlite(pool) => Tx::Sqlite(pool.begin().await.map_err(begun)?),
            Pool::Postgres(pool) => {
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                Tx::Postgres(pool.begin_with(begin).await.map_err(begun)?)
            }
        };
        Ok(Snapshot { tx, _alone: alone })
    }
}
