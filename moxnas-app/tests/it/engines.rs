//! A fresh database on each engine that is there.

#![expect(clippy::print_stdout, reason = "says what was not tested")]

use std::sync::atomic::{AtomicU32, Ordering};

use moxnas_app::store::{DatabaseUrl, Store};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

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
