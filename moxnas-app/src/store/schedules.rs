//! Schedules: when they run next, and what was set of them.

use std::time::SystemTime;

use sqlx::FromRow;

use super::{
    Store, StoreError, Write,
    engine::{on_pool, on_tx},
    failed, from_millis, to_millis,
};

/// What the database knows of a schedule; the rest is in the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSchedule {
    /// Its name.
    pub name: String,
    /// What an administrator set instead of the program's own.
    pub set: ScheduleSettings,
    /// Whether it runs.
    pub enabled: bool,
    /// When it runs next; `None`: never.
    pub next_at: Option<SystemTime>,
    /// When it last ran.
    pub last_at: Option<SystemTime>,
}

/// What an administrator set; `None` stands for the program's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScheduleSettings {
    /// When it runs, as a calendar expression.
    pub expression: Option<String>,
    /// Where the expression's hours are meant, as an IANA name.
    pub timezone: Option<String>,
    /// When a run is paused, as a calendar expression; empty for never.
    pub pause_at: Option<String>,
    /// Longest random delay, in seconds.
    pub jitter_s: Option<i64>,
}

macro_rules! of_machine {
    () => {
        "SELECT name, expression, timezone, pause_at, jitter_s, enabled, next_at, last_at
         FROM schedule WHERE node = $1"
    };
}

impl Store {
    /// All schedules of this machine, by name.
    pub async fn schedules(&self) -> Result<Vec<StoredSchedule>, StoreError> {
        let rows: Vec<Row> = on_pool!(self, db => sqlx::query_as(
            concat!(of_machine!(), " ORDER BY name"),
        )
        .bind(&self.node.id)
        .fetch_all(db)
        .await)
        .map_err(failed("list the schedules"))?;
        Ok(rows.into_iter().map(StoredSchedule::from).collect())
    }

    /// The schedule of this name.
    pub async fn schedule(&self, name: &str) -> Result<Option<StoredSchedule>, StoreError> {
        let row: Option<Row> = on_pool!(self, db => sqlx::query_as(
            concat!(of_machine!(), " AND name = $2"),
        )
        .bind(&self.node.id)
        .bind(name)
        .fetch_optional(db)
        .await)
        .map_err(failed("read a schedule"))?;
        Ok(row.map(StoredSchedule::from))
    }
}

impl Write {
    /// The schedule of this name.
    pub async fn schedule(&mut self, name: &str) -> Result<Option<StoredSchedule>, StoreError> {
        let node = self.node.id.clone();
        let row: Option<Row> = on_tx!(self, db => sqlx::query_as(
            concat!(of_machine!(), " AND name = $2"),
        )
        .bind(&node)
        .bind(name)
        .fetch_optional(db)
        .await)
        .map_err(failed("read a schedule"))?;
        Ok(row.map(StoredSchedule::from))
    }

    /// Make a schedule or change it.
    pub async fn put_schedule(
        &mut self,
        schedule: &StoredSchedule,
        at: SystemTime,
    ) -> Result<(), StoreError> {
        let node = self.node.id.clone();
        let StoredSchedule {
            name,
            set,
            enabled,
            next_at,
            last_at,
        } = schedule;
        on_tx!(self, db => sqlx::query(
            "INSERT INTO schedule (node, name, expression, timezone, pause_at, jitter_s, enabled,
                                   next_at, last_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (node, name) DO UPDATE SET
                expression = excluded.expression, timezone = excluded.timezone,
                pause_at = excluded.pause_at, jitter_s = excluded.jitter_s,
                enabled = excluded.enabled, next_at = excluded.next_at,
                last_at = excluded.last_at, updated_at = excluded.updated_at",
        )
        .bind(&node)
        .bind(name)
        .bind(&set.expression)
        .bind(&set.timezone)
        .bind(&set.pause_at)
        .bind(set.jitter_s)
        .bind(enabled)
        .bind(next_at.map(to_millis))
        .bind(last_at.map(to_millis))
        .bind(to_millis(at))
        .execute(db)
        .await
        .map(|it| it.rows_affected()))
        .map_err(failed("keep a schedule"))?;
        Ok(())
    }
}

#[derive(FromRow)]
struct Row {
    name: String,
    expression: Option<String>,
    timezone: Option<String>,
    pause_at: Option<String>,
    jitter_s: Option<i64>,
    enabled: bool,
    next_at: Option<i64>,
    last_at: Option<i64>,
}

impl From<Row> for StoredSchedule {
    fn from(row: Row) -> StoredSchedule {
        let Row {
            name,
            expression,
            timezone,
            pause_at,
            jitter_s,
            enabled,
            next_at,
            last_at,
        } = row;
        StoredSchedule {
            name,
            set: ScheduleSettings {
                expression,
                timezone,
                pause_at,
                jitter_s,
            },
            enabled,
            next_at: next_at.map(from_millis),
            last_at: last_at.map(from_millis),
        }
    }
}
