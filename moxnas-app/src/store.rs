//! The database: identity and history, never what the kernel can tell.
//!
//! SQL stands in the files below this one and nowhere else, as plain text with `$1` placeholders
//! that both SQLite and PostgreSQL read; nothing of sqlx shows outside. Reads are methods of
//! [`Store`]; changes are methods of [`Write`], a transaction that holds the write lock from its
//! first statement. A transaction that begins as a reader and writes later fails under load with
//! "database is locked", which no time limit cures.

mod audit;
mod logins;
mod sessions;
mod url;

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use sqlx::{
    ConnectOptions, Sqlite, SqlitePool, Transaction,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::{Mutex, OwnedMutexGuard};

pub use self::{
    audit::{Entry, Outcome, Phase, Record},
    logins::{Credentials, Login, NewLogin},
    sessions::{NewSession, Revoked, SessionState, StoredToken},
    url::{DatabaseUrl, DatabaseUrlError},
};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a statement waits for another process that writes.
const BUSY: Duration = Duration::from_secs(5);
/// Each connection is a thread; the hot paths do not read the database.
const CONNECTIONS: u32 = 4;

/// An open database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pool: SqlitePool,
    /// Writers of this process queue here, in order, rather than poll for SQLite's lock.
    writer: Arc<Mutex<()>>,
}

impl Store {
    /// Open the database, making it and bringing its schema up to date as needed.
    ///
    /// A new folder and a new file can be read by their owner alone; SQLite gives the file's mode
    /// to those it makes beside it.
    pub async fn open(url: &DatabaseUrl) -> Result<Store, StoreError> {
        let (pool, options) = match url {
            // A database in memory belongs to its connection: there is one, and it stays.
            DatabaseUrl::Memory => {
                let pool = SqlitePoolOptions::new()
                    .max_connections(1)
                    .min_connections(1);
                (
                    pool.idle_timeout(None).max_lifetime(None),
                    SqliteConnectOptions::new().in_memory(true),
                )
            }
            DatabaseUrl::File(path) => (
                SqlitePoolOptions::new().max_connections(CONNECTIONS),
                SqliteConnectOptions::new()
                    .filename(path)
                    .journal_mode(SqliteJournalMode::Wal),
            ),
        };
        let _alone = match url {
            DatabaseUrl::Memory => None,
            DatabaseUrl::File(path) => Some(prepare(path).await?),
        };
        let options = options
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .busy_timeout(BUSY)
            .optimize_on_close(true, None)
            .disable_statement_logging();
        let pool = pool
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .map_err(|source| StoreError::Open {
                url: url.clone(),
                source,
            })?;
        migrate(&pool).await?;
        Ok(Store {
            pool,
            writer: Arc::default(),
        })
    }

    /// Begin to change something. Nothing lasts before [`Write::commit`]; dropping takes it back.
    ///
    /// Do not read through the [`Store`] while holding this: a database in memory has a single
    /// connection, and what was just written is not yet seen by others.
    pub async fn begin_write(&self) -> Result<Write, StoreError> {
        let turn = Arc::clone(&self.writer).lock_owned().await;
        let tx = self
            .pool
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(failed("begin a change"))?;
        Ok(Write { tx, _turn: turn })
    }

    /// Finish what is under way and close the files.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// A change under way.
#[derive(Debug)]
pub struct Write {
    tx: Transaction<'static, Sqlite>,
    _turn: OwnedMutexGuard<()>,
}

impl Write {
    /// Make all of it last.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.tx.commit().await.map_err(failed("commit a change"))
    }
}

/// Why the database could not be opened or did not do as told.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder or the file could not be made or locked.
    #[error("no database can be kept at {}", path.display())]
    Place {
        /// What was to be made or locked.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process is opening the same database and does not come to an end.
    #[error("another program has been opening the database in {} for too long", folder.display())]
    Opening {
        /// The folder it holds.
        folder: PathBuf,
    },
    /// SQLite did not open the file.
    #[error("the database {url} cannot be opened")]
    Open {
        /// Which.
        url: DatabaseUrl,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// A later release has written this database.
    #[error(
        "the database was made by a newer release of MoxNAS: its schema is {database}, this program knows {program}"
    )]
    Newer {
        /// Schema of the database.
        database: i64,
        /// Newest schema known to this program.
        program: i64,
    },
    /// A migration that was applied is not the one of the same number in this program.
    #[error("the database was made by another program: its migration {0} is not ours")]
    Foreign(i64),
    /// A migration could not be applied; the database is as before it.
    #[error("the database could not be brought up to date")]
    Migrate(#[source] MigrateError),
    /// There is a login of this name.
    #[error("a login named {0} already exists")]
    NameTaken(String),
    /// A statement failed.
    #[error("the database could not {what}")]
    Statement {
        /// What it was to do.
        what: &'static str,
        /// What the database said.
        source: sqlx::Error,
    },
}

/// Make folder and file, and keep other processes from doing the same until the answer is dropped.
///
/// The lock is on the folder: closing any descriptor of the database file would drop the locks
/// that SQLite itself holds on it (<https://www.sqlite.org/howtocorrupt.html>, 2.2).
async fn prepare(path: &Path) -> Result<File, StoreError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let misplaced = |at: &Path| {
        let path = at.to_owned();
        move |source| StoreError::Place { path, source }
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(misplaced(&folder))?;
    let lock = File::open(&folder).map_err(misplaced(&folder))?;
    let locking = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock));
    let lock = match tokio::time::timeout(2 * BUSY, locking).await {
        Ok(done) => done
            .expect("locking does not panic")
            .map_err(misplaced(&folder))?,
        Err(_) => return Err(StoreError::Opening { folder }),
    };
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(misplaced(path)(error)),
        _ => Ok(lock),
    }
}

async fn migrate(pool: &SqlitePool) -> Result<(), StoreError> {
    let program = MIGRATIONS
        .iter()
        .map(|it| it.version)
        .max()
        .unwrap_or_default();
    MIGRATIONS.run(pool).await.map_err(|error| match error {
        MigrateError::VersionMissing(database) if database > program => {
            StoreError::Newer { database, program }
        }
        MigrateError::VersionMissing(version) | MigrateError::VersionMismatch(version) => {
            StoreError::Foreign(version)
        }
        other => StoreError::Migrate(other),
    })
}

/// Says what a statement was for, where it failed.
fn failed(what: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| StoreError::Statement { what, source }
}

/// Times before 1970 do not occur and become 1970.
fn to_millis(at: SystemTime) -> i64 {
    let since = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn from_millis(millis: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis.try_into().unwrap_or_default())
}
