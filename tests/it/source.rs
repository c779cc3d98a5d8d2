//! The project as files.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// All files below a folder of the workspace, by their path in it. What is not part of the project
/// is left out.
pub(crate) fn files(below: &str) -> Vec<String> {
    let root = root();
    let mut found = Vec::new();
    let mut todo = vec![root.join(below)];
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let path = entry.path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name == "target" || name == ".git" {
                continue;
            }
            // Captured `/sys` trees are full of links that lead in circles.
            if entry.file_type().unwrap().is_dir() {
                todo.push(path);
            } else if entry.file_type().unwrap().is_file() {
                let path = path.strip_prefix(&root).unwrap();
                found.push(path.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

/// The Rust sources of the project, with their text.
pub(crate) fn sources() -> Vec<(String, String)> {
    let mut sources = Vec::new();
    for member in members() {
        for path in files(&member).into_iter().filter(|it| it.ends_with(".rs")) {
            let text = fs::read_to_string(root().join(&path)).unwrap();
            sources.push((path, text));
        }
    }
    sources
}

/// The folders of the workspace's packages.
pub(crate) fn members() -> Vec<String> {
    let folders = fs::read_dir(root()).unwrap().map(|it| it.unwrap().path());
    let packages = folders.filter(|it| it.join("Cargo.toml").exists());
    let mut members: Vec<String> = packages
        .map(|it| it.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    members.sort();
    assert!(members.len() >= 8, "{members:?}");
    members
}

/// Hold `text` against a committed file, or write the file if `MOXNAS_BLESS` is set.
#[track_caller]
pub(crate) fn golden(path: &str, text: &str) {
    let at = root().join(path);
    if std::env::var_os("MOXNAS_BLESS").is_some() {
        fs::write(&at, text).unwrap();
        return;
    }
    let committed = fs::read_to_string(&at).unwrap_or_default();
    if committed == text {
        return;
    }
    let differs = committed
        .lines()
        .zip(text.lines())
        .position(|(a, b)| a != b);
    let line = differs.unwrap_or_else(|| committed.lines().count().min(text.lines().count()));
    panic!(
        "{path} is not as committed, from line {} on:\n  committed: {:?}\n  now:       {:?}\n\
         if the change is meant, write it with `cargo xtask gen` and review it",
        line + 1,
        committed.lines().nth(line),
        text.lines().nth(line),
    );
}
