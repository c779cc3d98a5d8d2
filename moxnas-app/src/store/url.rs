//! Where the database is, as the one string that settings and `DATABASE_URL` hold.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// Where the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A SQLite file: `sqlite://relative/path` or `sqlite:///absolute/path`.
    File(PathBuf),
    /// A SQLite database that ends with the process: `sqlite::memory:`.
    Memory,
}

impl DatabaseUrl {
    /// The default database of a data folder.
    #[must_use]
    pub fn in_folder(data: &Path) -> DatabaseUrl {
        DatabaseUrl::File(data.join("moxnas.db"))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DatabaseUrl::File(path) => write!(f, "sqlite://{}", path.display()),
            DatabaseUrl::Memory => f.write_str("sqlite::memory:"),
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<DatabaseUrl, DatabaseUrlError> {
        let (scheme, rest) = text.split_once(':').ok_or(DatabaseUrlError::NoScheme)?;
        match scheme {
            "sqlite" => {}
            "postgres" | "postgresql" => return Err(DatabaseUrlError::Postgres),
            other => return Err(DatabaseUrlError::Scheme(other.to_owned())),
        }
        if rest == ":memory:" {
            return Ok(DatabaseUrl::Memory);
        }
        match rest.strip_prefix("//") {
            None | Some("") => Err(DatabaseUrlError::NoPath),
            // Other programs read options or escapes here; a file of that odd name would surprise.
            Some(path) if path.contains(['?', '#', '%', '\0']) => Err(DatabaseUrlError::Options),
            Some(path) => Ok(DatabaseUrl::File(PathBuf::from(path))),
        }
    }
}

/// Why a string is not a [`DatabaseUrl`]. Never repeats the text, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// There is no `:`.
    #[error("a database url begins with `sqlite://`")]
    NoScheme,
    /// PostgreSQL.
    #[error("PostgreSQL comes with a later release: use a `sqlite://` url")]
    Postgres,
    /// Another database.
    #[error("there is no support for `{0}` databases: use a `sqlite://` url")]
    Scheme(String),
    /// `sqlite:` and nothing useful behind it.
    #[error("a SQLite url is `sqlite://PATH` or `sqlite::memory:`")]
    NoPath,
    /// Something beside the path.
    #[error("a SQLite url is a plain path, without `?`, `#` or `%`")]
    Options,
}
