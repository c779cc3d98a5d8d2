//! A database that outlives the processes of a life.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use moxnas_app::store::DatabaseUrl;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// The address of a PostgreSQL server where databases may be made.
pub(super) const POSTGRES: &str = "MOXNAS_TEST_POSTGRES";

/// What keeps the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    Sqlite,
    Postgres,
}

/// An empty database, gone when dropped.
pub(super) struct Database {
    pub(super) url: DatabaseUrl,
    /// On the server, if it is there.
    name: Option<String>,
    folder: PathBuf,
}

impl Database {
    pub(super) fn new(engine: Engine, folder: &Path) -> Database {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        if engine == Engine::Sqlite {
            let url = DatabaseUrl::in_folder(folder);
            return Database {
                url,
                name: None,
                folder: folder.to_owned(),
            };
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("life_{}_{number}", std::process::id());
        // A process of an earlier run may have had the same number.
        on_server(&[
            &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            &format!("CREATE DATABASE {name}"),
        ]);
        let server = std::env::var(POSTGRES).unwrap();
        let (before, _) = server.rsplit_once('/').unwrap();
        Database {
            url: format!("{before}/{name}").parse().unwrap(),
            name: Some(name),
            folder: folder.to_owned(),
        }
    }

    /// Wait until the engine has done the last that a dead process told it, and let go.
    pub(super) fn until_let_go(&self) {
        while self.is_held() {
            std::thread::yield_now();
        }
    }

    fn is_held(&self) -> bool {
        if let Some(name) = &self.name {
            return count_on_server(name) > 0;
        }
        // SQLite's thread has the file open for as long as it does anything.
        let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
        let mut open = open.filter_map(|it| std::fs::read_link(it.path()).ok());
        open.any(|it| it.starts_with(&self.folder))
    }
}

/// How many connections there are to a database.
fn count_on_server(name: &str) -> i64 {
    let runtime = runtime();
    runtime.block_on(async {
        let server = std::env::var(POSTGRES).unwrap();
        let mut admin = PgConnection::connect(&server).await.unwrap();
        sqlx::query_scalar("SELECT count(*) FROM pg_stat_activity WHERE datname = $1")
            .bind(name)
            .fetch_one(&mut admin)
            .await
            .unwrap()
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            on_server(&[&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")]);
        }
    }
}

fn on_server(statements: &[&str]) {
    let runtime = runtime();
    runtime.block_on(async {
        let server = std::env::var(POSTGRES).unwrap();
        let mut admin = PgConnection::connect(&server).await.unwrap();
        for statement in statements {
            sqlx::query(AssertSqlSafe((*statement).to_owned()))
                .execute(&mut admin)
                .await
                .unwrap();
        }
    });
}
