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
    /// A PostgreSQL database: `postgresql://USER:PASSWORD@HOST:PORT/NAME`.
    Postgres(ServerUrl),
}

/// Where a PostgreSQL database is, password and all. Shows itself without it.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl(String);

impl ServerUrl {
    /// The whole text, for who connects.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Options may hold a password too.
        let shown = self.0.split_once('?').map_or(self.0.as_str(), |it| it.0);
        let (scheme, rest) = shown.split_once("://").unwrap_or(("postgresql", shown));
        match rest.rsplit_once('@') {
            None => write!(f, "{scheme}://{rest}"),
            Some((user, host)) => {
                let user = user.split_once(':').map_or(user, |it| it.0);
                write!(f, "{scheme}://{user}@{host}")
            }
        }
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerUrl({self})")
    }
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
            DatabaseUrl::Postgres(server) => server.fmt(f),
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<DatabaseUrl, DatabaseUrlError> {
        let (scheme, rest) = text.split_once(':').ok_or(DatabaseUrlError::NoScheme)?;
        match scheme {
            "sqlite" => {}
            "postgres" | "postgresql" => {
                // Also of its own kind: what cannot be an address is said here, not at the start.
                return match text.parse::<sqlx::postgres::PgConnectOptions>() {
                    Ok(_) if rest.starts_with("//") => {
                        Ok(DatabaseUrl::Postgres(ServerUrl(text.to_owned())))
                    }
                    _ => Err(DatabaseUrlError::Server),
                };
            }
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
    #[error("a database url begins with `sqlite://` or `postgresql://`")]
    NoScheme,
    /// Not an address of a PostgreSQL database.
    #[error("a PostgreSQL url is `postgresql://USER:PASSWORD@HOST:PORT/NAME`")]
    Server,
    /// Another database.
    #[error("there is no support for `{0}` databases: use a `sqlite://` or `postgresql://` url")]
    Scheme(String),
    /// `sqlite:` and nothing useful behind it.
    #[error("a SQLite url is `sqlite://PATH` or `sqlite::memory:`")]
    NoPath,
    /// Something beside the path.
    #[error("a SQLite url is a plain path, without `?`, `#` or `%`")]
    Options,
}
