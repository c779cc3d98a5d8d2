//! A copy of what cannot be made again: the database, and the settings of this machine.
//!
//! Each backup is a folder below `backups` in the data folder, named after its time. It is made
//! under another name, read back from end to end, and only then given its own: a folder with a
//! plain name is whole. `moxnas db restore` takes its `database.backup`.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use moxnas_core::chain::chain;
use moxnas_raid::conf::CONF_PATH;
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::{OffsetDateTime, macros::format_description};

use super::{Done, Job, JobError, Run};
use crate::{
    actor::Role,
    app::blocking,
    settings::CONFIG_PATH,
    store::{Level, verify_dump},
};

/// How many are kept.
const KEEP: usize = 14;
/// What is copied beside the database, and under which name.
const FILES: [(&str, &str); 2] = [(CONFIG_PATH, "moxnas.toml"), (CONF_PATH, "mdadm.conf")];
const DATABASE: &str = "database.backup";

/// Back up the database and the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackUp {}

/// The name of the folder, so that a run that was interrupted does not leave a second one.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Noted {
    name: String,
}

impl Job for BackUp {
    const KIND: &'static str = "config_backup";
    const NEEDS: Role = Role::Admin;

    fn object(&self) -> String {
        "backup".to_owned()
    }

    async fn run(self, run: &mut Run) -> Result<Done, JobError> {
        let app = std::sync::Arc::clone(run.app());
        let Some(data) = app.data_dir.clone() else {
            return Err(JobError::Failed {
                code: "no_data_folder",
                why: "this service keeps nothing, so there is nothing to back up and no place for \
                      it: start it with --data-dir"
                    .to_owned(),
            });
        };
        let backups = data.join("backups");
        let name = match run.noted::<Noted>()? {
            Some(noted) => noted.name,
            None => {
                let noted = Noted {
                    name: name_of(app.machine.clock.now()),
                };
                run.checkpoint(&noted).await?;
                noted.name
            }
        };
        let (whole, part) = (backups.join(&name), backups.join(format!(".{name}.part")));
        if !whole.exists() {
            run.progress(Some(0.1), "writing the database").await?;
            begin(&part).map_err(|err| failed(&part, &err))?;
            let now = app.machine.clock.now();
            let dumped = app.store.dump(&part.join(DATABASE), now).await;
            dumped.map_err(|err| not_written(&chain(&err)))?;
            for (path, name) in FILES {
                if let Some(text) = app.machine.host.config_file(path) {
                    let to = part.join(name);
                    write(&to, &text).map_err(|err| failed(&to, &err))?;
                }
            }
        }
        run.progress(Some(0.6), "reading it back").await?;
        let place = if whole.exists() { &whole } else { &part };
        let dump = place.join(DATABASE);
        let read = blocking(move || verify_dump(&dump)).await?;
        let read = read.map_err(|err| not_written(&chain(&err)))?;
        if !whole.exists() {
            fs::rename(&part, &whole).map_err(|err| failed(&whole, &err))?;
            let synced = fs::File::open(&backups).and_then(|it| it.sync_all());
            synced.map_err(|err| failed(&backups, &err))?;
        }
        let dropped = drop_old(&backups).map_err(|err| failed(&backups, &err))?;
        for it in &dropped {
            run.say(Level::Info, &format!("backup {it} was old and is gone"))
                .await?;
        }
        let rows: u64 = read.rows.values().sum();
        Ok(Done {
            message: format!("backup {name} holds {rows} rows and was read back"),
            result: json!({ "name": name, "rows": rows, "sha256": read.sha256 }),
        })
    }
}

/// Sorts by time.
fn name_of(at: std::time::SystemTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]-[minute]-[second]Z");
    let at = OffsetDateTime::from(at);
    at.format(format)
        .unwrap_or_else(|_| at.unix_timestamp().to_string())
}

/// An empty folder. What an interrupted run left in it was not whole.
fn begin(part: &Path) -> io::Result<()> {
    match fs::remove_dir_all(part) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
        _ => (),
    }
    DirBuilder::new().recursive(true).mode(0o700).create(part)
}

fn write(path: &PathBuf, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Keep the newest; the names of the others.
fn drop_old(backups: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(backups)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        // Ours, and whole.
        if name.starts_with(|it: char| it.is_ascii_digit()) && name.ends_with('Z') {
            names.push(name);
        }
    }
    names.sort();
    names.truncate(names.len().saturating_sub(KEEP));
    for it in &names {
        fs::remove_dir_all(backups.join(it))?;
    }
    Ok(names)
}

fn not_written(why: &str) -> JobError {
    JobError::Failed {
        code: "backup_failed",
        why: why.to_owned(),
    }
}

fn failed(path: &Path, err: &io::Error) -> JobError {
    not_written(&format!("{}: {err}", path.display()))
}
