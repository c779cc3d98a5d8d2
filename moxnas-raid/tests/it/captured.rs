//! Machines that the lab captured: `fixtures/<suite>-<kernel>-<mdadm>/<state>/`, where `root`
//! stands for `/`.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use moxnas_core::{cmd::ScriptedRunner, root::Root};
use moxnas_raid::{Inventory, Mdadm, RaidBackend};
use tempfile::TempDir;

/// One captured state of one machine.
pub(crate) struct Captured {
    /// The first word of the suite's folder: the Debian release.
    pub(crate) suite: String,
    /// What state it is.
    pub(crate) state: String,
    /// Its folder.
    pub(crate) dir: PathBuf,
}

/// All of them, in order.
pub(crate) fn all() -> Vec<Captured> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut found = Vec::new();
    for suite in folders(&fixtures) {
        for dir in folders(&suite) {
            // The lab writes a state's folder bit by bit; without a root there is nothing to read.
            if !dir.join("root/sys/block").is_dir() {
                continue;
            }
            let suite = name(&suite);
            found.push(Captured {
                suite: suite.split('-').next().unwrap_or(&suite).to_owned(),
                state: name(&dir),
                dir,
            });
        }
    }
    assert!(!found.is_empty(), "there are no fixtures");
    found
}

/// Every captured state of this name, of whatever suite.
pub(crate) fn named(state: &str) -> Vec<Captured> {
    let mut found = all();
    found.retain(|it| it.state == state);
    assert!(!found.is_empty(), "no suite has a state {state}");
    found
}

impl Captured {
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// What the reader makes of it.
    pub(crate) fn observe(&self) -> Inventory {
        observe(&self.root())
    }

    /// A text beside the root, if it was captured.
    pub(crate) fn text(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.dir.join(file)).ok()
    }

    /// For messages.
    pub(crate) fn title(&self) -> String {
        format!("{}/{}", self.suite, self.state)
    }
}

/// What the reader makes of a machine whose `/` is there.
pub(crate) fn observe(root: &Path) -> Inventory {
    let mdadm = Mdadm::new(Root::fixture(root), Arc::new(ScriptedRunner::default()));
    mdadm.observe().expect("the folder can be listed")
}

/// A folder for a machine of hundreds of small files: in memory, where the system has such a place.
pub(crate) fn scratch() -> TempDir {
    TempDir::new_in("/dev/shm").unwrap_or_else(|_| TempDir::new().expect("files can be written"))
}

fn folders(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap_or_else(|it| panic!("{}: {it}", dir.display()));
    let paths = entries.map(|it| it.expect("the folder can be read").path());
    let mut found: Vec<PathBuf> = paths.filter(|it| it.is_dir()).collect();
    found.sort();
    found
}

fn name(dir: &Path) -> String {
    dir.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
