//! Reading many small files at once: a picture of the machine for fixtures and for failed tests.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::lab::wire::Tree;

/// No file of sysfs, procfs or udev worth keeping is bigger.
const SIZE_MAX: usize = 64 * 1024;

pub(super) fn gather(patterns: &[String]) -> Tree {
    let mut tree = Tree::default();
    for path in patterns.iter().flat_map(|it| expand(it)) {
        let name = path.to_string_lossy().into_owned();
        if path.is_symlink() {
            if let Ok(target) = fs::canonicalize(&path) {
                tree.links
                    .insert(name, target.to_string_lossy().into_owned());
            }
        } else if path.is_file()
            && let Ok(bytes) = fs::read(&path)
            && bytes.len() <= SIZE_MAX
        {
            // Some files can only be written, some say "no such device": they are not there for us.
            tree.files
                .insert(name, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    tree
}

/// Paths that exist and fit. Links on the way are followed, the last part is not.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let parts = pattern.split('/').filter(|it| !it.is_empty());
    parts.fold(vec![PathBuf::from("/")], |folders, part| {
        folders
            .iter()
            .flat_map(|folder| step(folder, part))
            .collect()
    })
}

fn step(folder: &Path, part: &str) -> Vec<PathBuf> {
    let Some((head, tail)) = part.split_once('*') else {
        let path = folder.join(part);
        return if path.symlink_metadata().is_ok() {
            vec![path]
        } else {
            Vec::new()
        };
    };
    let fits = |name: &str| {
        name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail)
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|it| it.file_name().to_str().is_some_and(fits))
        .map(|it| it.path())
        .collect()
}
