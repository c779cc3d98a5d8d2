//! A fresh database on each engine that is there.

#![expect(clippy::print_stdout, reason = "says what was not tested")]

use std::sync::atomic::{AtomicU32, Ordering};

use moxnas_app::store::{DatabaseUrl, Store};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};

/// The address of a PostgreSQL server where databases may be made. `cargo xtask ci` and
/// `cargo xtask postgres` set it.
const POSTGRES: &str = "MOXNAS_TEST_POSTGRES";

/// An empty database on each engine.
pub(crate) async fn stores() -> Vec<Store> {
    let mut stores = Vec::new();
    for url in urls().await {
        stores.push(Store::open(&url).await.unwrap());
    }
    stores
}

/// Where an empty database is on each engine.
pub(crate) async fn urls() -> Vec<DatabaseUrl> {
    let mut urls = vec![DatabaseUrl::Memory];
    urls.extend(postgres().await);
    urls
}

/// An empty database on PostgreSQL, if there is a server.
pub(crate) async fn postgres() -> Option<DatabaseUrl> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let Ok(server) = std::env::var(POSTGRES) else {
        println!("{POSTGRES} is not set: only SQLite is tested");
        return None;
    };
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("test_{}_{number}", std::process::id());
    let mut admin = PgConnection::connect(&server).await.unwrap();
    // A process of an earlier run may have had the same number.
    for statement in ["DROP DATABASE IF EXISTS", "CREATE DATABASE"] {
        sqlx::query(AssertSqlSafe(format!("{statement} {name}")))
            .execute(&mut admin)
            .await
            .unwrap();
    }
    let (before, _) = server.rsplit_once('/').unwrap();
    Some(format!("{before}/{name}").parse().unwrap())
}

/// An empty database on each engine that others can open too, and a folder for what belongs to it.
pub(crate) async fn places() -> Vec<(DatabaseUrl, tempfile::TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    let mut places = vec![(DatabaseUrl::in_folder(folder.path()), folder)];
    if let Some(url) = postgres().await {
        places.push((url, tempfile::tempdir().unwrap()));
    }
    places
}

/// Somebody who gets at the database by other means.
pub(crate) enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Raw {
    pub(crate) async fn open(url: &DatabaseUrl) -> Raw {
        match url {
            DatabaseUrl::Postgres(_) => {
                // The tests' server asks for no password, so that nothing is hidden.
                Raw::Postgres(PgConnection::connect(&url.to_string()).await.unwrap())
            }
            _ => Raw::Sqlite(SqliteConnection::connect(&url.to_string()).await.unwrap()),
        }
    }

    /// An empty database, as a file without a table.
    pub(crate) async fn make(url: &DatabaseUrl) {
        let DatabaseUrl::File(path) = url else {
            panic!("{url} is no file")
        };
        std::fs::write(path, "").unwrap();
    }

    pub(crate) async fn execute(&mut self, statement: &str) -> Result<u64, sqlx::Error> {
        let statement = AssertSqlSafe(statement.to_owned());
        match self {
            Raw::Sqlite(it) => it.execute(statement).await.map(|it| it.rows_affected()),
            Raw::Postgres(it) => it.execute(statement).await.map(|it| it.rows_affected()),
        }
    }

    /// From here on the audit log can be changed.
    pub(crate) async fn drop_guards(&mut self) {
        match self {
            Raw::Sqlite(_) => {
                for name in ["update", "delete", "replace"] {
                    let statement = format!("DROP TRIGGER audit_refuses_{name}");
                    self.execute(&statement).await.unwrap();
                }
            }
            Raw::Postgres(_) => {
                for table in ["audit", "audit_anchor"] {
                    let statement = format!("ALTER TABLE {table} DISABLE TRIGGER ALL");
                    self.execute(&statement).await.unwrap();
                }
            }
        }
    }
}
