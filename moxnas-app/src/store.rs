//! The database: identity and history, never what the kernel can tell.
//!
//! There are two engines: SQLite, in a file or in memory, and PostgreSQL. SQL stands in the files
//! below this one and nowhere else, as plain text with `$1` placeholders that both read (see
//! `engine`); nothing of sqlx shows outside. Reads are methods of
//! [`Store`]; changes are methods of [`Write`], a transaction that holds the write lock from its
//! first statement. A transaction that begins as a reader and writes later fails under load with
//! "database is locked", which no time limit cures.

mod api_keys;
mod audit;
pub mod catalogue;
mod check;
mod dump;
mod engine;
mod expected;
mod jobs;
mod logins;
mod made_schedules;
mod marks;
mod node;
mod pool_samples;
mod restore;
mod schedules;
mod schema;
mod second_factor;
mod secrets;
mod session_list;
mod sessions;
mod shares;
mod snapshot;
mod tidy;
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
    ConnectOptions, PgPool, SqlitePool,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

pub use self::{
    api_keys::{ApiKey, NewApiKey, OwnedKey},
    audit::{Anchor, AuditFilter, AuditOrder, Chains, Dropped, Entry, Outcome, Phase, Record},
    check::Finding,
    dump::{Dump, DumpError, DumpHeader, verify_dump},
    jobs::{Ending, Job, JobFilter, JobState, Level, LogLine, NewJob},
    logins::{Credentials, Login, NewLogin},
    made_schedules::MadeSchedule,
    node::{Node, NodeError},
    restore::{RestoreError, Restored, Step, restore},
    schedules::{ScheduleSettings, StoredSchedule},
    schema::newest_schema,
    second_factor::{SecondFactor, secret_name},
    secrets::StoredSecret,
    session_list::StandingSession,
    sessions::{NewSession, Revoked, SessionState, StoredToken},
    shares::{StoredGeneration, StoredShare},
    url::{DatabaseUrl, DatabaseUrlError, ServerUrl},
};
use self::{
    engine::{Pool, Tx},
    marks::Marks,
    schema::migrated,
};
use crate::{
    settings::Pace,
    turns::{Turn, Turns},
};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// How long a statement waits for another process that writes.
const BUSY: Duration = Duration::from_secs(5);
/// Each connection to SQLite is a thread; the hot paths do not read the database.
const CONNECTIONS: u32 = 4;
/// How long a request waits for a PostgreSQL that does not answer.
const SERVER: Duration = Duration::from_secs(10);
/// Taken by all writers of a PostgreSQL database, so that they come one after the other as they do
/// in SQLite: `moxnas` in ASCII.
const WRITERS: i64 = 0x6d6f_786e_6173;

/// An open database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pool: Pool,
    /// Writers of this process queue here, in order, rather than poll for SQLite's lock.
    writer: Arc<Mutex<()>>,
    /// Who may use it next, where one comes after the other.
    turns: Option<Turns>,
    /// Counts what was made to last.
    commits: Arc<watch::Sender<u64>>,
    node: Arc<Node>,
    /// The last audit record that this process committed.
    heads: Arc<watch::Sender<i64>>,
    marks: Arc<Marks>,
}

impl Store {
    /// Open the database for a machine of its own, for tests and for what ends with the process.
    pub async fn open(url: &DatabaseUrl) -> Result<Store, StoreError> {
        Store::open_on(url, Node::unnamed()).await
    }

    /// Open the database, making it and bringing its schema up to date as needed.
    ///
    /// A new folder and a new file can be read by their owner alone; SQLite gives the file's mode
    /// to those it makes beside it. A PostgreSQL database must be there.
    pub async fn open_on(url: &DatabaseUrl, node: Node) -> Result<Store, StoreError> {
        Store::open_at(&Pace::Usual, url, node).await
    }

    /// The same, with as many connections as fit the pace.
    pub(crate) async fn open_at(
        pace: &Pace,
        url: &DatabaseUrl,
        node: Node,
    ) -> Result<Store, StoreError> {
        let (connections, turns) = match pace {
            Pace::Usual => (CONNECTIONS, None),
            Pace::Stepped(turns) => (1, Some(turns.clone())),
        };
        let pool = match url {
            DatabaseUrl::Memory => Pool::Sqlite(open_memory(url).await?),
            DatabaseUrl::File(path) => Pool::Sqlite(open_file(url, path, connections).await?),
            DatabaseUrl::Postgres(server) => {
                Pool::Postgres(open_server(url, server, connections).await?)
            }
        };
        let marks = match (url, pace) {
            (DatabaseUrl::File(path), Pace::Usual) => Marks::of_file(path)
                .map_err(|err| not_opened(url)(sqlx::Error::Io(io::Error::other(err))))?,
            _ => Marks::default(),
        };
        Ok(Store {
            pool,
            writer: Arc::default(),
            turns,
            commits: Arc::default(),
            node: Arc::new(node),
            heads: Arc::new(watch::Sender::new(0)),
            marks: Arc::new(marks),
        })
    }

    /// The machine that the rows of this process belong to.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Tells whoever waits how much was made to last through this handle and its clones.
    #[must_use]
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }

    /// To be held while the database is used.
    async fn turn(&self) -> Option<Turn> {
        match &self.turns {
            None => None,
            Some(turns) => Some(turns.take().await),
        }
    }

    /// Begin to change something. Nothing lasts before [`Write::commit`]; dropping takes it back.
    ///
    /// Do not read through the [`Store`] while holding this: a database in memory has a single
    /// connection, and what was just written is not yet seen by others.
    pub async fn begin_write(&self) -> Result<Write, StoreError> {
        let alone = self.turn().await;
        let turn = Arc::clone(&self.writer).lock_owned().await;
        let begun = failed("begin a change");
        let tx = match &self.pool {
            Pool::Sqlite(pool) => {
                Tx::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await.map_err(begun)?)
            }
            Pool::Postgres(pool) => {
                // Whatever the server's default: what is read must be from after the lock.
                let begin = "BEGIN ISOLATION LEVEL READ COMMITTED";
                let mut tx = pool.begin_with(begin).await.map_err(begun)?;
                sqlx::query("SELECT pg_advisory_xact_lock($1)")
                    .bind(WRITERS)
                    .execute(&mut *tx)
                    .await
                    .map_err(failed("wait for its turn to write"))?;
                Tx::Postgres(tx)
            }
        };
        Ok(Write {
            tx,
            commits: Arc::clone(&self.commits),
            node: Arc::clone(&self.node),
            appended: None,
            heads: Arc::clone(&self.heads),
            _turn: turn,
            _alone: alone,
        })
    }

    /// Finish what is under way and close the files.
    pub async fn close(&self) {
        self.marks.close();
        match &self.pool {
            Pool::Sqlite(pool) => pool.close().await,
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}

/// A change under way.
///
/// After a failure it can only be dropped: PostgreSQL does nothing more in a transaction that had
/// one.
#[derive(Debug)]
pub struct Write {
    tx: Tx,
    commits: Arc<watch::Sender<u64>>,
    node: Arc<Node>,
    /// The last audit record of this transaction.
    appended: Option<i64>,
    heads: Arc<watch::Sender<i64>>,
    _turn: OwnedMutexGuard<()>,
    _alone: Option<Turn>,
}

impl Write {
    /// Make all of it last.
    pub async fn commit(self) -> Result<(), StoreError> {
        let done = match self.tx {
            Tx::Sqlite(tx) => tx.commit().await,
            Tx::Postgres(tx) => tx.commit().await,
        };
        done.map_err(failed("commit a change"))?;
        if let Some(seq) = self.appended {
            self.heads.send_replace(seq);
        }
        self.commits.send_modify(|it| *it += 1);
        Ok(())
    }
}

/// A database in memory belongs to its connection: there is one, and it stays.
async fn open_memory(url: &DatabaseUrl) -> Result<SqlitePool, StoreError> {
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None);
    connect(url, pool, SqliteConnectOptions::new().in_memory(true)).await
}

async fn open_file(
    url: &DatabaseUrl,
    path: &Path,
    connections: u32,
) -> Result<SqlitePool, StoreError> {
    let _alone = prepare(path).await?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal);
    let pool = SqlitePoolOptions::new().max_connections(connections);
    connect(url, pool, options).await
}

async fn connect(
    url: &DatabaseUrl,
    pool: SqlitePoolOptions,
    options: SqliteConnectOptions,
) -> Result<SqlitePool, StoreError> {
    let pool = connect_sqlite(url, pool, options).await?;
    migrated(&SQLITE, SQLITE.run(&pool).await)?;
    Ok(pool)
}

async fn connect_sqlite(
    url: &DatabaseUrl,
    pool: SqlitePoolOptions,
    options: SqliteConnectOptions,
) -> Result<SqlitePool, StoreError> {
    let options = options
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .optimize_on_close(true, None)
        .disable_statement_logging();
    let pool = pool.test_before_acquire(false);
    pool.connect_with(options).await.map_err(not_opened(url))
}

async fn open_server(
    url: &DatabaseUrl,
    server: &ServerUrl,
    connections: u32,
) -> Result<PgPool, StoreError> {
    let pool = connect_server(url, server, connections).await?;
    migrated(&POSTGRES, POSTGRES.run(&pool).await)?;
    Ok(pool)
}

async fn connect_server(
    url: &DatabaseUrl,
    server: &ServerUrl,
    connections: u32,
) -> Result<PgPool, StoreError> {
    let options: PgConnectOptions = server.expose().parse().map_err(not_opened(url))?;
    let options = options
        .application_name("moxnas")
        .disable_statement_logging();
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(SERVER)
        .connect_with(options)
        .await
        .map_err(not_opened(url))
}

/// Connect to what is there; the schema stays as it is.
async fn connect_as_is(url: &DatabaseUrl) -> Result<Pool, StoreError> {
    let file = |path: &Path| {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal);
        let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS);
        connect_sqlite(url, pool, options)
    };
    Ok(match url {
        DatabaseUrl::Memory => return Err(StoreError::NotThere(url.clone())),
        DatabaseUrl::File(path) => Pool::Sqlite(file(path).await?),
        DatabaseUrl::Postgres(server) => {
            Pool::Postgres(connect_server(url, server, CONNECTIONS).await?)
        }
    })
}

fn not_opened(url: &DatabaseUrl) -> impl FnOnce(sqlx::Error) -> StoreError {
    let url = url.clone();
    move |source| StoreError::Open { url, source }
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
    /// The engine did not open it.
    #[error("the database {url} cannot be opened")]
    Open {
        /// Which.
        url: DatabaseUrl,
        /// What the engine said.
        source: sqlx::Error,
    },
    /// There is no such database.
    #[error("there is no database {0}")]
    NotThere(DatabaseUrl),
    /// An earlier release has written this database.
    #[error("the schema of the database is {database}, and this takes {program}")]
    Older {
        /// Schema of the database.
        database: i64,
        /// Newest schema known to this program.
        program: i64,
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
    /// Another job holds what this one would.
    #[error("job {holder} holds {object} and is not over")]
    Held {
        /// What both want.
        object: String,
        /// Who has it.
        holder: String,
    },
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
