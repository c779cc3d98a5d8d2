//! `moxnas db`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum DbVerb {
    /// Check the database, its audit log and its secrets; exit code 1 if something is wrong
    Check(DatabasePlace),
    /// Write the whole database to a new file, while the service runs or not
    ///
    /// The file goes to SQLite and to PostgreSQL. It holds password hashes and sealed secrets: keep
    /// it as safe as the database. The keys in the data folder are not in it; keep them elsewhere.
    Backup {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        place: DatabasePlace,
    },
    /// Put a backup in the place of the database; the service must not run
    ///
    /// A SQLite database is kept under another name. A PostgreSQL database must be empty.
    Restore {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        place: DatabasePlace,
    },
    /// Bring the schema of the database up to date, as the start of the service does
    Migrate(DatabasePlace),
    /// Seal all secrets with a new key, and forget the old ones; the service must not run
    ///
    /// A backup from before can be restored, but its secrets cannot be opened any more. Keep a copy
    /// of secrets.key with a backup whose secrets matter.
    RotateKeys(DatabasePlace),
}

/// Where the database is. Without these the settings of the service count.
#[derive(Debug, Args)]
pub(crate) struct DatabasePlace {
    /// The database, as in DATABASE_URL
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// The data folder that belongs to it
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The settings file; /etc/moxnas/moxnas.toml if it is there
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}
