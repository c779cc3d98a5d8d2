//! Restoring a backup, to either engine.
//!
//! The backup is read from end to end before anything is made of it. A SQLite database is built
//! beside the old one, checked, and put in its place in one step; the old one stays under another
//! name. A PostgreSQL database must be empty, and is filled in one transaction. Wherever it stops,
//! what was there before is there.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use sqlx::AssertSqlSafe;

use super::{
    DatabaseUrl, Node, POSTGRES, SQLITE, Store, StoreError,
    catalogue::Table,
    check::Finding,
    dump::{Cell, Dump, DumpError, Part, Reader, verify_dump},
    engine::{Tx, on_begun},
    failed,
    schema::{migrated, newest_schema},
    to_millis,
};

/// What has been done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The backup is as it was written.
    Verified,
    /// The new database holds all of it.
    Loaded,
    /// The new database is sound.
    Checked,
    /// The old database has another name as well.
    Kept,
}

impl Step {
    /// All of them, in their order.
    pub const ALL: [Step; 4] = [Step::Verified, Step::Loaded, Step::Checked, Step::Kept];
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What was restored.
    pub dump: Dump,
    /// Where the old database is, if there was one.
    pub kept: Option<PathBuf>,
}

/// Why a backup was not restored. What was there before is there.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup.
    #[error(transparent)]
    Dump(#[from] DumpError),
    /// The new database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file beside the database.
    #[error("{} cannot be made or renamed", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A database in memory ends with this process.
    #[error("a backup cannot be restored to memory")]
    Memory,
    /// Another process has it open.
    #[error("another process has the database {} open", .0.display())]
    InUse(PathBuf),
    /// There is something in it.
    #[error("the database {0} is not empty")]
    NotEmpty(DatabaseUrl),
    /// What was built is not sound.
    #[error("the database made from the backup is not sound: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    NotSound(Vec<Finding>),
    /// The caller wanted it to stop.
    #[error("it was stopped")]
    Stopped,
}

impl RestoreError {
    /// What can be done about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            RestoreError::NotEmpty(_) => Some(
                "create another database, point DATABASE_URL at it, and restore there: createdb NAME",
            ),
            RestoreError::InUse(_) => Some("stop the service first: systemctl stop moxnas"),
            RestoreError::Dump(DumpError::Newer { .. }) => {
                Some("install the release that made it, or a later one")
            }
            _ => None,
        }
    }
}

/// Restore a backup. `go_on` is asked after each step.
pub async fn restore(
    backup: &Path,
    url: &DatabaseUrl,
    node: &Node,
    now: SystemTime,
    mut go_on: impl FnMut(Step) -> bool,
) -> Result<Restored, RestoreError> {
    let mut go_on = |step| match go_on(step) {
        true => Ok(()),
        false => Err(RestoreError::Stopped),
    };
    let dump = verify_dump(backup)?;
    go_on(Step::Verified)?;
    let kept = match url {
        DatabaseUrl::Memory => return Err(RestoreError::Memory),
        DatabaseUrl::Postgres(_) => {
            let store = Store::open_as_is(url, node.clone()).await?;
            let done = fill_server(&store, url, backup, &mut go_on).await;
            store.close().await;
            done?;
            None
        }
        DatabaseUrl::File(path) => {
            let new = Building::new(path);
            new.remove();
            let done = replace(&new, path, node, backup, now, &mut go_on).await;
            // Nothing is there of it once it is in place.
            new.remove();
            done?
        }
    };
    Ok(Restored { dump, kept })
}

async fn fill_server(
    store: &Store,
    url: &DatabaseUrl,
    backup: &Path,
    go_on: &mut impl FnMut(Step) -> Result<(), RestoreError>,
) -> Result<(), RestoreError> {
    if store.schema().await? != 0 {
        return Err(RestoreError::NotEmpty(url.clone()));
    }
    let mut write = store.begin_write().await?;
    load(&mut write.tx, backup).await?;
    go_on(Step::Loaded)?;
    let findings = write.tx.check().await?;
    if !findings.is_empty() {
        return Err(RestoreError::NotSound(findings));
    }
    go_on(Step::Checked)?;
    go_on(Step::Kept)?;
    Ok(write.commit().await?)
}

/// A database that is being built beside the one that it will replace.
struct Building(PathBuf);

impl Building {
    fn new(path: &Path) -> Building {
        Building(beside(path, ".restoring"))
    }

    fn remove(&self) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            // Not there, or not ours to remove: then making it fails, and says so.
            let _ = fs::remove_file(beside(&self.0, suffix));
        }
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

async fn replace(
    new: &Building,
    path: &Path,
    node: &Node,
    backup: &Path,
    now: SystemTime,
    go_on: &mut impl FnMut(Step) -> Result<(), RestoreError>,
) -> Result<Option<PathBuf>, RestoreError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new.0)
        .map_err(at(&new.0))?;
    let store = Store::open_as_is(&DatabaseUrl::File(new.0.clone()), node.clone()).await?;
    let built = fill_file(&store, backup, go_on).await;
    store.close().await;
    built?;
    File::open(&new.0)
        .and_then(|it| it.sync_all())
        .map_err(at(&new.0))?;
    let kept = keep_old(path, node, now).await?;
    go_on(Step::Kept)?;
    fs::rename(&new.0, path).map_err(at(path))?;
    sync_folder(path)?;
    Ok(kept)
}

async fn fill_file(
    store: &Store,
    backup: &Path,
    go_on: &mut impl FnMut(Step) -> Result<(), RestoreError>,
) -> Result<(), RestoreError> {
    let mut write = store.begin_write().await?;
    load(&mut write.tx, backup).await?;
    write.commit().await?;
    go_on(Step::Loaded)?;
    let findings = store.check().await?;
    if !findings.is_empty() {
        return Err(RestoreError::NotSound(findings));
    }
    go_on(Step::Checked)
}

/// Give the old database another name as well. It keeps the one that it has until the new one
/// takes it.
async fn keep_old(
    path: &Path,
    node: &Node,
    now: SystemTime,
) -> Result<Option<PathBuf>, RestoreError> {
    if !path.exists() {
        return Ok(None);
    }
    let kept = beside(path, &format!(".before-restore-{}", to_millis(now)));
    // Opened and closed, it is whole in one file. One that is damaged is kept as it is.
    if let Ok(old) = Store::open_as_is(&DatabaseUrl::File(path.to_owned()), node.clone()).await {
        old.close().await;
        if beside(path, "-wal").exists() {
            return Err(RestoreError::InUse(path.to_owned()));
        }
    }
    for suffix in ["-wal", "-shm"] {
        let from = beside(path, suffix);
        if from.exists() {
            // The new database must not take the old one's log for its own.
            fs::rename(&from, beside(&kept, suffix)).map_err(at(&from))?;
        }
    }
    fs::hard_link(path, &kept).map_err(at(&kept))?;
    sync_folder(path)?;
    Ok(Some(kept))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> RestoreError {
    let path = path.to_owned();
    move |source| RestoreError::File { path, source }
}

fn sync_folder(path: &Path) -> Result<(), RestoreError> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let synced = File::open(folder).and_then(|it| it.sync_all());
    synced.map_err(at(folder))
}

/// Make the schema of the backup, fill it, and bring it up to date.
async fn load(tx: &mut Tx, backup: &Path) -> Result<(), RestoreError> {
    let mut reader = Reader::open(backup)?;
    tx.migrate_to(reader.header.schema).await?;
    let mut current: Option<&'static Table> = None;
    let mut later = Vec::new();
    loop {
        match reader.next(current)? {
            Part::Table(table, last) => {
                finish(tx, &mut later).await?;
                if let Some(last) = last {
                    tx.go_on_behind(table, last).await?;
                }
                current = Some(table);
            }
            Part::Row(cells) => {
                let Some(table) = current else { continue };
                insert(tx, table, reader.header.schema, cells, &mut later).await?;
            }
            Part::End(..) => break,
        }
    }
    finish(tx, &mut later).await?;
    Ok(tx.migrate_to(newest_schema()).await?)
}

/// A reference within a table, to be filled in when all rows are there.
struct Later {
    statement: String,
    key: Cell,
    value: Cell,
}

async fn insert(
    tx: &mut Tx,
    table: &Table,
    schema: i64,
    mut cells: Vec<Cell>,
    later: &mut Vec<Later>,
) -> Result<(), StoreError> {
    let names: Vec<&str> = table.columns_of(schema).map(|it| it.name).collect();
    let place = |name: &str| names.iter().position(|it| *it == name);
    if let Some(own) = table.refers_to_itself
        && let (Some(key), Some(value)) = (place(table.key[0]), place(own))
        && cells[value] != Cell::Text(None)
    {
        let value = std::mem::replace(&mut cells[value], Cell::Text(None));
        later.push(Later {
            statement: format!(
                "UPDATE {} SET {own} = $1 WHERE {} = $2",
                table.name, table.key[0]
            ),
            key: cells[key].clone(),
            value,
        });
    }
    let places: Vec<String> = (1..=names.len()).map(|it| format!("${it}")).collect();
    let statement = format!(
        "INSERT INTO {} ({}) VALUES ({})",
        table.name,
        names.join(", "),
        places.join(", ")
    );
    execute(tx, statement, cells).await
}

async fn finish(tx: &mut Tx, later: &mut Vec<Later>) -> Result<(), StoreError> {
    for Later {
        statement,
        key,
        value,
    } in later.drain(..)
    {
        execute(tx, statement, vec![value, key]).await?;
    }
    Ok(())
}

async fn execute(tx: &mut Tx, statement: String, cells: Vec<Cell>) -> Result<(), StoreError> {
    on_begun!(tx, db => {
        let mut query = sqlx::query(AssertSqlSafe(statement));
        for cell in cells {
            query = match cell {
                Cell::Integer(it) => query.bind(it),
                Cell::Flag(it) => query.bind(it),
                Cell::Text(it) => query.bind(it),
                Cell::Bytes(it) => query.bind(it),
            };
        }
        query.execute(db).await.map(|it| it.rows_affected())
    })
    .map_err(failed("take a row of the backup"))?;
    Ok(())
}

impl Tx {
    async fn migrate_to(&mut self, version: i64) -> Result<(), StoreError> {
        match self {
            Tx::Sqlite(tx) => migrated(&SQLITE, SQLITE.run_to(version, &mut **tx).await),
            Tx::Postgres(tx) => migrated(&POSTGRES, POSTGRES.run_to(version, &mut **tx).await),
        }
    }

    /// No row gets a number again that one of the old database had. Before the first row.
    async fn go_on_behind(&mut self, table: &Table, last: i64) -> Result<(), StoreError> {
        match self {
            // Rows that are put in with their numbers raise this, and never lower it.
            Tx::Sqlite(tx) => {
                sqlx::query("INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)")
                    .bind(table.name)
                    .bind(last)
                    .execute(&mut **tx)
                    .await
                    .map(|it| it.rows_affected())
            }
            Tx::Postgres(tx) => {
                sqlx::query("SELECT setval(pg_get_serial_sequence($1, 'id'), $2, $3)")
                    .bind(table.name)
                    .bind(last.max(1))
                    .bind(last > 0)
                    .execute(&mut **tx)
                    .await
                    .map(|it| it.rows_affected())
            }
        }
        .map_err(failed("go on behind the numbers it gave"))?;
        Ok(())
    }
}
