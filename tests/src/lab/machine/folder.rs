//! The folder of a machine's files, which goes with the machine, or is swept by a later one.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

const PREFIX: &str = "moxnas-lab-";

#[derive(Debug)]
pub(super) struct Folder(TempDir);

impl Folder {
    pub(super) fn new() -> Result<Self> {
        sweep();
        let prefix = format!("{PREFIX}{}-", process::id());
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir();
        Ok(Self(
            folder.context("cannot make a folder for the machine")?,
        ))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// A test that was killed could not clean up; its folder's name tells whose it was.
fn sweep() {
    let entries = fs::read_dir(std::env::temp_dir())
        .into_iter()
        .flatten()
        .flatten();
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name
            .strip_prefix(PREFIX)
            .and_then(|it| it.split('-').next());
        let gone = |owner: &str| {
            owner.parse::<u32>().is_ok() && !PathBuf::from("/proc").join(owner).exists()
        };
        if owner.is_some_and(gone) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
