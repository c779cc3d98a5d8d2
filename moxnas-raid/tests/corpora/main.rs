//! The parsers against texts that nobody here wrote.
//!
//! `mdstat` and `mdadm` read a folder of outside texts, named by `MOXNAS_CORPORA`, and are skipped
//! without it. `fixtures` reads the texts this project's own lab captured.
#![expect(clippy::print_stdout, reason = "each test says how many cases hold")]

mod fixtures;
mod mdadm;
mod mdstat;
mod unread;

use std::fs;
use std::path::{Path, PathBuf};

/// A folder of the outside texts, or a printed line saying why there is none.
fn corpus(name: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("MOXNAS_CORPORA") else {
        println!("skipped: MOXNAS_CORPORA is not set");
        return None;
    };
    Some(Path::new(&root).join(name))
}

/// Every file under a folder whose name ends so, with its path below the folder, in order.
fn files(root: &Path, ending: &str) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|it| panic!("{}: {it}", folder.display()))
        {
            let entry = entry.expect("the folder can be read");
            let path = entry.path();
            let below = path
                .strip_prefix(root)
                .expect("it was found below the root");
            let name = below.to_string_lossy().into_owned();
            // A link is not followed: captured parts of sysfs have loops.
            if entry.file_type().expect("it has just been listed").is_dir() {
                folders.push(path);
            } else if name.ends_with(ending) {
                found.push((name, path));
            }
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|it| panic!("{}: {it}", path.display()))
}
