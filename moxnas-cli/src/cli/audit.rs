//! `moxnas audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use moxnas_api::wire::audit::ExportFormat;

#[derive(Debug, Subcommand)]
pub(crate) enum AuditVerb {
    /// List who did what, the newest first
    List {
        #[command(flatten)]
        filter: AuditFilter,
        /// How many at most
        #[arg(long, default_value = "100", value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// Prove that the log is as it was written; exit code 1 if it is not
    Verify(VerifyAudit),
    /// Write the log to the standard output
    Export {
        /// How it is written
        #[arg(long, value_enum, default_value = "json")]
        format: ExportFormat,
        #[command(flatten)]
        filter: AuditFilter,
    },
}

#[derive(Debug, Args)]
pub(crate) struct VerifyAudit {
    /// Verify the records of all machines that share the database
    #[arg(long)]
    pub(crate) all: bool,
    /// Verify an export instead; needs no machine
    #[arg(long, value_name = "FILE", conflicts_with_all = ["all", "database", "data_dir"])]
    pub(crate) file: Option<PathBuf>,
    /// Verify a database without the service; as in DATABASE_URL
    #[arg(long, value_name = "URL", requires = "data_dir")]
    pub(crate) database: Option<String>,
    /// The data folder that belongs to it, with its key
    #[arg(long, value_name = "DIR", requires = "database")]
    pub(crate) data_dir: Option<PathBuf>,
}

/// Which records.
#[derive(Debug, Args)]
pub(crate) struct AuditFilter {
    /// By this caller
    #[arg(long)]
    pub(crate) actor: Option<String>,
    /// By this operation
    #[arg(long)]
    pub(crate) operation: Option<String>,
    /// About this object
    #[arg(long)]
    pub(crate) object: Option<String>,
    /// intent, outcome, refused or login
    #[arg(long)]
    pub(crate) phase: Option<String>,
    /// ok, failed or unknown
    #[arg(long)]
    pub(crate) result: Option<String>,
    /// Of this request
    #[arg(long, value_name = "ID")]
    pub(crate) request_id: Option<String>,
    /// Not before, such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Before
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
}
