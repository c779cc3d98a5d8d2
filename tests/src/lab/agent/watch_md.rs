//! Following an array through its states, faster than any tool could.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::lab::wire::{MdSample, WatchFrom, WatchMd};

pub(super) fn follow(watch: &WatchMd) -> Result<Vec<MdSample>> {
    let began = Instant::now();
    let mut seen: Vec<MdSample> = Vec::new();
    loop {
        let folder = md_folder(&watch.array);
        let sample = sample(&folder);
        if seen.last() != Some(&sample) {
            seen.push(sample);
        }
        let counts = watch.from == WatchFrom::Start || seen.len() > 1;
        if counts
            && watch
                .until
                .iter()
                .all(|(file, value)| read(&folder, file) == *value)
        {
            return Ok(seen);
        }
        if began.elapsed() > Duration::from_millis(watch.timeout_ms) {
            bail!(
                "{} did not get to {:?}, it went through {seen:?}",
                watch.array,
                watch.until
            );
        }
        thread::sleep(Duration::from_millis(watch.interval_ms));
    }
}

fn sample(folder: &Path) -> MdSample {
    MdSample {
        array_state: read(folder, "array_state"),
        sync_action: read(folder, "sync_action"),
        degraded: read(folder, "degraded"),
    }
}

fn read(folder: &Path, file: &str) -> String {
    fs::read_to_string(folder.join(file))
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// The array's folder in sysfs, whether it is there or not.
fn md_folder(array: &str) -> PathBuf {
    let node = fs::canonicalize(Path::new("/dev/md").join(array));
    let name = node
        .ok()
        .and_then(|it| it.file_name().map(ToOwned::to_owned));
    Path::new("/sys/block")
        .join(name.unwrap_or_else(|| array.into()))
        .join("md")
}
