//! Whether a list is still what it was when somebody read it: its mark, see migration 3.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

use super::{Store, StoreError, engine::on_pool, failed};

const LOGINS: &str = "SELECT mark FROM mark WHERE list = 'login'";

/// How marks are read.
///
/// They are read at every request, and a connection of sqlx to SQLite is a thread: to wake it and
/// be woken by it takes twenty times as long as the read. So a file has a connection of its own
/// that is used where the caller runs, by one after the other. It does not wait for writers: in WAL
/// mode they keep no reader from reading, and where one does after all, sqlx is asked.
#[derive(Debug, Default)]
pub(super) struct Marks(Mutex<Option<Connection>>);

impl Marks {
    /// For a database in a file that is open by other connections already.
    pub(super) fn of_file(path: &Path) -> Result<Marks, rusqlite::Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::ZERO)?;
        Ok(Marks(Mutex::new(Some(connection))))
    }

    /// Whoever closes a database last, and it should be the pool, puts its log away.
    pub(super) fn close(&self) {
        self.0.lock().expect("no holder of this lock panics").take();
    }

    fn read(&self, statement: &'static str) -> Option<Arc<str>> {
        let connection = self.0.lock().expect("no holder of this lock panics");
        let mut statement = connection.as_ref()?.prepare_cached(statement).ok()?;
        statement.query_row([], |row| row.get(0)).ok()
    }
}

impl Store {
    /// The mark of the list of logins: another one after every change to it, whoever made it.
    pub async fn login_mark(&self) -> Result<Arc<str>, StoreError> {
        if let Some(mark) = self.marks.read(LOGINS) {
            return Ok(mark);
        }
        let mark: String = on_pool!(self, db => sqlx::query_scalar(LOGINS).fetch_one(db).await)
            .map_err(failed("read the mark of the logins"))?;
        Ok(Arc::from(mark))
    }
}
