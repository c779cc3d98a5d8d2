//! Schedules that somebody has made.

use std::time::SystemTime;

use serde_json::Value;
use sqlx::FromRow;

use super::{
    Store, StoreError, Write,
    engine::{on_pool, on_tx},
    failed, from_millis, to_millis,
};

/// A schedule that somebody has made; when it runs is in its
/// [`StoredSchedule`](super::StoredSchedule).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeSchedule {
    /// Its name.
    pub name: String,
    /// When it runs, unless something else was set since: a calendar expression.
    pub expression: String,
    /// The kind of its jobs.
    pub kind: String,
    /// What they take.
    pub args: Value,
    /// When it was made, or made anew.
    pub made_at: SystemTime,
    /// By whom.
    pub made_by: String,
}

macro_rules! of_machine {
    () => {
        "SELECT name, expression, kind, args, made_at, made_by
         FROM made_schedule WHERE node = $1"
    };
}

impl Store {
    /// All of this machine, by name.
    pub async fn made_schedules(&self) -> Result<Vec<MadeSchedule>, StoreError> {
        let rows: Vec<Row> = on_pool!(self, db => sqlx::query_as(
            concat!(of_machine!(), " ORDER BY name"),
        )
        .bind(&self.node.id)
        .fetch_all(db)
        .await)
        .map_err(failed("list the schedules that were made"))?;
        rows.into_iter().map(MadeSchedule::try_from).collect()
    }

    /// The one of this name.
    pub async fn made_schedule(&self, name: &str) -> Result<Option<MadeSchedule>, StoreError> {
        let row: Option<Row> = on_pool!(self, db => sqlx::query_as(
            concat!(of_machine!(), " AND name = $2"),
        )
        .bind(&self.node.id)
        .bind(name)
        .fetch_optional(db)
        .await)
        .map_err(failed("read a schedule that was made"))?;
        row.map(MadeSchedule::try_from).transpose()
    }
}

impl Write {
    /// Make a schedule, or make it anew.
    pub async fn put_made_schedule(&mut self, made: &MadeSchedule) -> Result<(), StoreError> {
        let node = self.node.id.clone();
        on_tx!(self, db => sqlx::query(
            "INSERT INTO made_schedule (node, name, expression, kind, args, made_at, made_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (node, name) DO UPDATE SET
                expression = excluded.expression, kind = excluded.kind, args = excluded.args,
                made_at = excluded.made_at, made_by = excluded.made_by",
        )
        .bind(&node)
        .bind(&made.name)
        .bind(&made.expression)
        .bind(&made.kind)
        .bind(made.args.to_string())
        .bind(to_millis(made.made_at))
        .bind(&made.made_by)
        .execute(db)
        .await
        .map(|it| it.rows_affected()))
        .map_err(failed("make a schedule"))?;
        Ok(())
    }

    /// Forget a schedule that somebody has made, and when it would have run. Whether there was one.
    pub async fn delete_made_schedule(&mut self, name: &str) -> Result<bool, StoreError> {
        let node = self.node.id.clone();
        let gone = on_tx!(self, db => sqlx::query(
            "DELETE FROM made_schedule WHERE node = $1 AND name = $2",
        )
        .bind(&node)
        .bind(name)
        .execute(db)
        .await
        .map(|it| it.rows_affected()))
        .map_err(failed("delete a schedule"))?;
        on_tx!(self, db => sqlx::query("DELETE FROM schedule WHERE node = $1 AND name = $2")
            .bind(&node)
            .bind(name)
            .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("delete a schedule"))?;
        Ok(gone > 0)
    }
}

#[derive(FromRow)]
struct Row {
    name: String,
    expression: String,
    kind: String,
    args: String,
    made_at: i64,
    made_by: String,
}

impl TryFrom<Row> for MadeSchedule {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<MadeSchedule, StoreError> {
        let args = serde_json::from_str(&row.args);
        let damaged = |err| failed("read what a schedule does")(sqlx::Error::Decode(Box::new(err)));
        Ok(MadeSchedule {
            name: row.name,
            expression: row.expression,
            kind: row.kind,
            args: args.map_err(damaged)?,
            made_at: from_millis(row.made_at),
            made_by: row.made_by,
        })
    }
}
