//! Which schema a database has, and databases that are opened as they are.

use std::sync::Arc;

use sqlx::migrate::{MigrateError, Migrator};
use tokio::sync::watch;

use super::{DatabaseUrl, Node, POSTGRES, Pool, SQLITE, Store, StoreError, connect_as_is, failed};

/// The newest schema that this program knows.
#[must_use]
pub fn newest_schema() -> i64 {
    let newest = SQLITE.iter().map(|it| it.version).max();
    newest.unwrap_or_default()
}

/// What came of bringing the schema up to date.
pub(super) fn migrated(
    migrations: &Migrator,
    done: Result<(), MigrateError>,
) -> Result<(), StoreError> {
    let newest = migrations.iter().map(|it| it.version).max();
    let program = newest.unwrap_or_default();
    done.map_err(|error| match error {
        MigrateError::VersionMissing(database) if database > program => {
            StoreError::Newer { database, program }
        }
        MigrateError::VersionMissing(version) | MigrateError::VersionMismatch(version) => {
            StoreError::Foreign(version)
        }
        other => StoreError::Migrate(other),
    })
}

impl Store {
    /// Open a database that is there, and leave its schema as it is.
    ///
    /// A database of a newer release, or of another program, is refused.
    pub async fn open_as_is(url: &DatabaseUrl, node: Node) -> Result<Store, StoreError> {
        if let DatabaseUrl::File(path) = url
            && !path.exists()
        {
            return Err(StoreError::NotThere(url.clone()));
        }
        let store = Store {
            pool: connect_as_is(url).await?,
            writer: Arc::default(),
            turns: None,
            commits: Arc::default(),
            node: Arc::new(node),
            heads: Arc::new(watch::Sender::new(0)),
            marks: Arc::default(),
        };
        store.schema().await?;
        Ok(store)
    }

    /// The schema that the database has; 0: none, it is empty.
    pub async fn schema(&self) -> Result<i64, StoreError> {
        let _alone = self.turn().await;
        let applied: Vec<(i64, Vec<u8>)> = match &self.pool {
            Pool::Sqlite(pool) => {
                let there: i64 = sqlx::query_scalar(
                    "SELECT count(*) FROM sqlite_master WHERE name = '_sqlx_migrations'",
                )
                .fetch_one(pool)
                .await
                .map_err(failed("look for its schema"))?;
                match there {
                    0 => return Ok(0),
                    _ => sqlx::query_as(APPLIED).fetch_all(pool).await,
                }
            }
            Pool::Postgres(pool) => {
                let there: bool =
                    sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
                        .fetch_one(pool)
                        .await
                        .map_err(failed("look for its schema"))?;
                match there {
                    false => return Ok(0),
                    true => sqlx::query_as(APPLIED).fetch_all(pool).await,
                }
            }
        }
        .map_err(failed("tell its schema"))?;
        let ours = match &self.pool {
            Pool::Sqlite(_) => &SQLITE,
            Pool::Postgres(_) => &POSTGRES,
        };
        let program = newest_schema();
        for (version, checksum) in &applied {
            let known = ours.iter().find(|it| it.version == *version);
            match known {
                Some(known) if known.checksum[..] == checksum[..] => (),
                None if *version > program => {
                    let database = *version;
                    return Err(StoreError::Newer { database, program });
                }
                _ => return Err(StoreError::Foreign(*version)),
            }
        }
        Ok(applied.last().map_or(0, |it| it.0))
    }

    /// Bring the schema up to a version, which is not below the one that it has.
    pub async fn migrate_to(&self, version: i64) -> Result<(), StoreError> {
        match &self.pool {
            Pool::Sqlite(pool) => migrated(&SQLITE, SQLITE.run_to(version, pool).await),
            Pool::Postgres(pool) => migrated(&POSTGRES, POSTGRES.run_to(version, pool).await),
        }
    }

    /// Refuse to go on with a database whose schema is not the newest.
    pub async fn needs_newest_schema(&self) -> Result<(), StoreError> {
        let (database, program) = (self.schema().await?, newest_schema());
        match database == program {
            true => Ok(()),
            false => Err(StoreError::Older { database, program }),
        }
    }
}

const APPLIED: &str =
    "SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version";
