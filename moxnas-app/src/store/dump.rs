//! Backups: the whole database as one file that belongs to no engine.
//!
//! The file holds one JSON value a line. The first says what it is:
//! `{"moxnas_backup":1,"schema":2,"node":…,"made_at":…,"engine":"sqlite"}`. Then comes each table of
//! the catalogue: `{"table":"login","columns":["id",…],"last":7}`, where `last` is the highest number
//! that the database ever gave to a row, if it gives any, and a list for each row, in the order of
//! the table's key. Bytes are hexadecimal digits. The last line counts the rows and holds the
//! SHA-256 of all lines before it.
//!
//! It is of one moment of the database, and made while the service runs. It holds password hashes
//! and sealed secrets, and so can be read by its owner alone. The keys that open the secrets are not
//! in it.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sqlx::{AssertSqlSafe, ColumnIndex, Decode, Row, Type};

use super::{
    Store, StoreError,
    catalogue::{Column, Kind, Table, tables_of},
    engine::{Tx, on_begun},
    failed,
    schema::newest_schema,
    snapshot::Snapshot,
    to_millis,
};
use crate::hex::{hex, unhex};

const FORMAT: u8 = 1;
/// A longer line is none of ours.
const LONGEST: u64 = 64 * 1024 * 1024;

/// Why a backup could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The file.
    #[error("the backup {} cannot be {verb}", path.display())]
    File {
        /// What was to be done with it.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is a file of that name.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is no backup, or one in a format of a later release.
    #[error("{} is no backup that this program knows", .0.display())]
    Foreign(PathBuf),
    /// A later release has made it.
    #[error("the backup has schema {backup}, this program knows {program}")]
    Newer {
        /// Schema of the backup.
        backup: i64,
        /// Newest schema known to this program.
        program: i64,
    },
    /// It is not as it was written.
    #[error("the backup {} is damaged: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// What a backup says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DumpHeader {
    moxnas_backup: u8,
    /// The schema of the database it is of.
    pub schema: i64,
    /// The machine that made it.
    pub node: String,
    /// When, in milliseconds since 1970.
    pub made_at: i64,
    /// The engine it came from; it can go to either.
    pub engine: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TableHeader {
    table: String,
    columns: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trailer {
    rows: BTreeMap<String, u64>,
    sha256: String,
}

/// What is in a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump {
    /// What it says about itself.
    pub header: DumpHeader,
    /// How many rows each table has.
    pub rows: BTreeMap<String, u64>,
    /// The SHA-256 of everything but the last line.
    pub sha256: String,
}

impl Store {
    /// Write the whole database to a new file. The service may run.
    pub async fn dump(&self, path: &Path, now: SystemTime) -> Result<Dump, DumpError> {
        let unwritten = |source| DumpError::File {
            verb: "written",
            path: path.to_owned(),
            source,
        };
        if path.exists() {
            return Err(DumpError::Exists(path.to_owned()));
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let beside = path.with_file_name(name);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)
            .map_err(unwritten)?;
        let mut lines = Lines {
            file: BufWriter::new(file),
            digest: Sha256::new(),
        };
        let done = self.write_dump(&mut lines, now, &unwritten).await;
        let done = done.and_then(|dump| {
            let file = lines
                .file
                .into_inner()
                .map_err(|it| unwritten(it.into_error()))?;
            file.sync_all().map_err(unwritten)?;
            // Not over a file that came meanwhile.
            fs::hard_link(&beside, path).map_err(unwritten)?;
            let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
            let folder = File::open(folder.unwrap_or(Path::new("."))).map_err(unwritten)?;
            folder.sync_all().map_err(unwritten)?;
            Ok(dump)
        });
        // Whatever came of it: this name is ours.
        let _ = fs::remove_file(&beside);
        done
    }

    async fn write_dump(
        &self,
        lines: &mut Lines,
        now: SystemTime,
        unwritten: &impl Fn(io::Error) -> DumpError,
    ) -> Result<Dump, DumpError> {
        let schema = self.schema().await?;
        let mut snapshot = self.snapshot().await?;
        let header = DumpHeader {
            moxnas_backup: FORMAT,
            schema,
            node: self.node().id.clone(),
            made_at: to_millis(now),
            engine: snapshot.tx.engine().to_owned(),
        };
        lines.put(&header).map_err(unwritten)?;
        let mut rows = BTreeMap::new();
        for table in tables_of(schema) {
            let columns: Vec<&Column> = table.columns_of(schema).collect();
            let last = match table.numbered {
                true => Some(last_number(&mut snapshot.tx, table).await?),
                false => None,
            };
            let header = TableHeader {
                table: table.name.to_owned(),
                columns: columns.iter().map(|it| it.name.to_owned()).collect(),
                last,
            };
            lines.put(&header).map_err(unwritten)?;
            let count = snapshot
                .write_table(table, &columns, lines, unwritten)
                .await?;
            rows.insert(table.name.to_owned(), count);
        }
        let sha256 = hex(&lines.digest.clone().finalize());
        let trailer = Trailer { rows, sha256 };
        lines.put(&trailer).map_err(unwritten)?;
        let Trailer { rows, sha256 } = trailer;
        Ok(Dump {
            header,
            rows,
            sha256,
        })
    }
}

struct Lines {
    file: BufWriter<File>,
    digest: Sha256,
}

impl Lines {
    fn put(&mut self, it: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(it)?;
        line.push(b'\n');
        self.digest.update(&line);
        self.file.write_all(&line)
    }
}

impl Snapshot {
    async fn write_table(
        &mut self,
        table: &Table,
        columns: &[&Column],
        lines: &mut Lines,
        unwritten: &impl Fn(io::Error) -> DumpError,
    ) -> Result<u64, DumpError> {
        let names: Vec<&str> = columns.iter().map(|it| it.name).collect();
        // All of these are names of the catalogue.
        let sql = format!(
            "SELECT {} FROM {} ORDER BY {}",
            names.join(", "),
            table.name,
            table.key.join(", ")
        );
        let mut count = 0;
        on_begun!(&mut self.tx, db => {
            let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(db);
            loop {
                let row = rows.try_next().await.map_err(failed("read a table"))?;
                let Some(row) = row else { break };
                let values = columns.iter().enumerate();
                let values: Result<Vec<Value>, _> =
                    values.map(|(at, it)| value(&row, at, it.kind)).collect();
                lines
                    .put(&values.map_err(failed("read a table"))?)
                    .map_err(unwritten)?;
                count += 1;
            }
        });
        Ok(count)
    }
}

/// The highest number that was ever given to a row.
async fn last_number(tx: &mut Tx, table: &Table) -> Result<i64, StoreError> {
    let last: Option<i64> = match tx {
        Tx::Sqlite(tx) => {
            sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = $1")
                .bind(table.name)
                .fetch_optional(&mut **tx)
                .await
        }
        Tx::Postgres(tx) => {
            let sql = format!(
                "SELECT greatest(CASE WHEN is_called THEN last_value ELSE 0 END,
                                 (SELECT max(id) FROM {name}))
                 FROM {name}_id_seq",
                name = table.name
            );
            sqlx::query_scalar(AssertSqlSafe(sql))
                .fetch_optional(&mut **tx)
                .await
        }
    }
    .map_err(failed("read the numbers it gave"))?;
    Ok(last.unwrap_or_default())
}

fn value<'r, R: Row>(row: &'r R, at: usize, kind: Kind) -> Result<Value, sqlx::Error>
where
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
{
    Ok(match kind {
        Kind::Integer => row.try_get::<Option<i64>, _>(at)?.into(),
        Kind::Flag => row.try_get::<Option<bool>, _>(at)?.into(),
        Kind::Text => row.try_get::<Option<String>, _>(at)?.into(),
        Kind::Bytes => {
            let bytes = row.try_get::<Option<Vec<u8>>, _>(at)?;
            bytes.map(|it| hex(&it)).into()
        }
    })
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Integer(Option<i64>),
    Flag(Option<bool>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

impl Cell {
    fn new(value: Value, kind: Kind) -> Option<Cell> {
        Some(match (kind, value) {
            (Kind::Integer, Value::Null) => Cell::Integer(None),
            (Kind::Flag, Value::Null) => Cell::Flag(None),
            (Kind::Text, Value::Null) => Cell::Text(None),
            (Kind::Bytes, Value::Null) => Cell::Bytes(None),
            (Kind::Integer, it) => Cell::Integer(Some(it.as_i64()?)),
            (Kind::Flag, Value::Bool(it)) => Cell::Flag(Some(it)),
            (Kind::Text, Value::String(it)) => Cell::Text(Some(it)),
            (Kind::Bytes, Value::String(it)) => Cell::Bytes(Some(unhex(&it)?)),
            _ => return None,
        })
    }
}

/// Goes through a backup, part by part.
pub(super) struct Reader {
    path: PathBuf,
    file: BufReader<File>,
    digest: Sha256,
    number: u64,
    pub(super) header: DumpHeader,
}

/// A part of a backup.
pub(super) enum Part {
    /// A table begins; the last number that it gave.
    Table(&'static Table, Option<i64>),
    /// A row of the table that began last.
    Row(Vec<Cell>),
    /// That was all, and the digest is right.
    End(BTreeMap<String, u64>, String),
}

impl Reader {
    /// Open a backup that this program can read.
    pub(super) fn open(path: &Path) -> Result<Reader, DumpError> {
        let file = File::open(path).map_err(|source| DumpError::File {
            verb: "read",
            path: path.to_owned(),
            source,
        })?;
        let mut reader = Reader {
            path: path.to_owned(),
            file: BufReader::new(file),
            digest: Sha256::new(),
            number: 0,
            header: DumpHeader {
                moxnas_backup: FORMAT,
                schema: 0,
                node: String::new(),
                made_at: 0,
                engine: String::new(),
            },
        };
        let line = reader.line()?;
        let header: DumpHeader =
            serde_json::from_slice(&line).map_err(|_| DumpError::Foreign(path.to_owned()))?;
        if header.moxnas_backup != FORMAT || header.schema < 1 {
            return Err(DumpError::Foreign(path.to_owned()));
        }
        let (backup, program) = (header.schema, newest_schema());
        if backup > program {
            return Err(DumpError::Newer { backup, program });
        }
        reader.digest.update(&line);
        reader.header = header;
        Ok(reader)
    }

    fn line(&mut self) -> Result<Vec<u8>, DumpError> {
        let mut line = Vec::new();
        self.number += 1;
        let mut part = io::Read::by_ref(&mut self.file).take(LONGEST);
        part.read_until(b'\n', &mut line)
            .map_err(|source| DumpError::File {
                verb: "read",
                path: self.path.clone(),
                source,
            })?;
        match line.ends_with(b"\n") {
            true => Ok(line),
            false => Err(self.damaged("it ends too early")),
        }
    }

    fn damaged(&self, why: &str) -> DumpError {
        DumpError::Damaged {
            path: self.path.clone(),
            why: format!("line {}: {why}", self.number),
        }
    }

    /// The next part, a row being one of `table`.
    pub(super) fn next(&mut self, table: Option<&Table>) -> Result<Part, DumpError> {
        let line = self.line()?;
        let odd = || self.damaged("it is not what it should be");
        if line.starts_with(b"[") {
            let table = table.ok_or_else(odd)?;
            let values: Vec<Value> = serde_json::from_slice(&line).map_err(|_| odd())?;
            let columns: Vec<_> = table.columns_of(self.header.schema).collect();
            if values.len() != columns.len() {
                return Err(odd());
            }
            let cells = values.into_iter().zip(columns);
            let cells: Option<Vec<Cell>> = cells
                .map(|(it, column)| Cell::new(it, column.kind))
                .collect();
            let cells = cells.ok_or_else(odd)?;
            self.digest.update(&line);
            return Ok(Part::Row(cells));
        }
        if let Ok(Trailer { rows, sha256 }) = serde_json::from_slice(&line) {
            if sha256 != hex(&self.digest.clone().finalize()) {
                return Err(self.damaged("what is above it is not what was written"));
            }
            let mut more = [0];
            if !matches!(self.file.read(&mut more), Ok(0)) {
                return Err(self.damaged("there is more below it"));
            }
            return Ok(Part::End(rows, sha256));
        }
        let header: TableHeader = serde_json::from_slice(&line).map_err(|_| odd())?;
        let schema = self.header.schema;
        let table = tables_of(schema).find(|it| it.name == header.table);
        let table = table.ok_or_else(odd)?;
        if !table
            .columns_of(schema)
            .map(|it| it.name)
            .eq(header.columns)
        {
            return Err(odd());
        }
        self.digest.update(&line);
        Ok(Part::Table(table, header.last))
    }
}

/// Read a backup from end to end, and believe nothing of it before.
pub fn verify_dump(path: &Path) -> Result<Dump, DumpError> {
    let mut reader = Reader::open(path)?;
    let mut tables = tables_of(reader.header.schema);
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    let mut current = None;
    loop {
        match reader.next(current)? {
            Part::Table(table, _) => {
                if tables.next() != Some(table) {
                    return Err(reader.damaged("a table is missing"));
                }
                counted.insert(table.name.to_owned(), 0);
                current = Some(table);
            }
            Part::Row(_) => {
                let name = current.map_or("", |it| it.name);
                *counted.entry(name.to_owned()).or_default() += 1;
            }
            Part::End(rows, sha256) => {
                if rows != counted || tables.next().is_some() {
                    return Err(reader.damaged("it counts other rows than there are"));
                }
                let header = reader.header;
                return Ok(Dump {
                    header,
                    rows,
                    sha256,
                });
            }
        }
    }
}
