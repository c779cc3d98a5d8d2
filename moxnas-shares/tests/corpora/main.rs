//! Texts and lists that nobody here wrote.
//!
//! They are read from the folder that `MOXNAS_CORPORA` names, and are skipped without it.
#![expect(clippy::print_stdout, reason = "each test says how many cases hold")]
#![expect(clippy::unwrap_used, reason = "what fails here is a test")]

mod augeas;
mod names;
mod testparm;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folder of the outside texts, or a printed line saying why there is none.
fn corpus() -> Option<PathBuf> {
    let Some(root) = std::env::var_os("MOXNAS_CORPORA") else {
        println!("skipped: MOXNAS_CORPORA is not set");
        return None;
    };
    Some(Path::new(&root).join("shares"))
}

fn read(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_else(|it| panic!("{}: {it}", path.display()));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Every file below a folder beside which there is one with this ending, by its path below the
/// folder.
fn cases(root: &Path, truth: &str) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for folder in fs::read_dir(root).unwrap().map(|it| it.unwrap().path()) {
        let Ok(files) = fs::read_dir(&folder) else {
            continue;
        };
        for file in files.map(|it| it.unwrap().path()) {
            let name = file
                .strip_prefix(root)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            if let Some(name) = name.strip_suffix(truth) {
                found.push((name.to_owned(), root.join(name)));
            }
        }
    }
    found.sort();
    found
}
