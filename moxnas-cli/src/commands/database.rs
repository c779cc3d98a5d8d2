//! The database, on the machine itself.

use std::path::{Path, PathBuf};

use moxnas_app::{
    offline::{self, Checked, OfflineError},
    settings::{ConfigFile, DATA_DIR},
    store::DatabaseUrl,
};
use moxnas_core::chain::chain;

use crate::{
    cli::{DatabasePlace, DbVerb, Global},
    failure::Failure,
    print::Printer,
};

pub(super) async fn database(
    global: &Global,
    verb: DbVerb,
    printer: &Printer,
) -> Result<(), Failure> {
    if global.server.is_some() || global.sim.is_some() {
        return Err(Failure::refused(
            "this works on the database of this machine: leave out --server and --sim",
        ));
    }
    match verb {
        DbVerb::Check(place) => {
            let (url, folder) = place.resolve()?;
            let checked = offline::check(&url, &folder).await.map_err(failure)?;
            return verdict(&url, &checked, printer);
        }
        DbVerb::Backup { file, place } => {
            let (url, folder) = place.resolve()?;
            let dump = offline::backup(&url, &folder, &file)
                .await
                .map_err(failure)?;
            let rows: u64 = dump.rows.values().sum();
            printer.line(&format!(
                "{} holds {rows} rows of {url}, sha256 {}",
                file.display(),
                dump.sha256
            ));
            printer.note("it holds password hashes and sealed secrets, and not the keys to those");
        }
        DbVerb::Restore { file, place } => {
            let (url, folder) = place.resolve()?;
            agree(&url, &file, global)?;
            let restored = offline::restore(&file, &url, &folder, |_| true)
                .await
                .map_err(failure)?;
            let rows: u64 = restored.dump.rows.values().sum();
            printer.line(&format!("{url} holds {rows} rows of {}", file.display()));
            if let Some(kept) = restored.kept {
                printer.line(&format!("the database from before is {}", kept.display()));
            }
        }
        DbVerb::Migrate(place) => {
            let (url, folder) = place.resolve()?;
            let done = offline::migrate(&url, &folder).await.map_err(failure)?;
            printer.line(&format!("{url} had schema {}, has {}", done.from, done.to));
        }
        DbVerb::RotateKeys(place) => {
            let (url, folder) = place.resolve()?;
            let sealed = offline::rotate_keys(&url, &folder).await.map_err(failure)?;
            printer.line(&format!("{sealed} secrets are sealed with a new key"));
        }
    }
    Ok(())
}

fn verdict(url: &DatabaseUrl, checked: &Checked, printer: &Printer) -> Result<(), Failure> {
    let records = checked.audit.as_ref().map(|it| it.records());
    match checked.findings.is_empty() {
        true => printer.line(&format!("{url} is sound")),
        false => printer.line(&format!("{url} IS NOT SOUND")),
    }
    for it in &checked.findings {
        printer.line(&format!("  {it}"));
    }
    match records {
        Some(records) => printer.line(&format!("audit log: {records} records proven")),
        None => printer.line("audit log: not proven, the data folder has no key for it"),
    }
    printer.line(&format!("secrets: {} can be opened", checked.secrets));
    match checked.findings.is_empty() {
        true => Ok(()),
        false => Err(Failure::Silent),
    }
}

/// What is in the database is replaced: that takes a yes.
fn agree(url: &DatabaseUrl, file: &Path, global: &Global) -> Result<(), Failure> {
    if global.yes {
        return Ok(());
    }
    Err(Failure::with_hint(
        format!("this puts {} in the place of {url}", file.display()),
        "agree with --yes; a SQLite database is kept under another name",
    ))
}

impl DatabasePlace {
    /// As the service would find it: options, environment, settings file.
    fn resolve(self) -> Result<(DatabaseUrl, PathBuf), Failure> {
        let refused = |err: &dyn std::error::Error| Failure::refused(chain(err));
        let file = ConfigFile::read(self.config.as_deref()).map_err(|err| refused(&err))?;
        let env = |name| std::env::var(name).ok().filter(|it| !it.is_empty());
        let folder = self
            .data_dir
            .or_else(|| env("MOXNAS_DATA_DIR").map(PathBuf::from))
            .or(file.data_dir)
            .unwrap_or_else(|| PathBuf::from(DATA_DIR));
        let url = self
            .database
            .or_else(|| env("DATABASE_URL"))
            .or(file.database_url);
        let url = match url {
            Some(url) => url.parse::<DatabaseUrl>().map_err(|err| refused(&err))?,
            None => DatabaseUrl::in_folder(&folder),
        };
        Ok((url, folder))
    }
}

fn failure(err: OfflineError) -> Failure {
    Failure::Refused {
        message: chain(&err),
        hint: err.hint().map(str::to_owned),
    }
}
