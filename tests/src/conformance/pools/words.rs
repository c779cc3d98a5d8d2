//! Disks, datasets and files, in words that are the same on every machine.

use std::{collections::BTreeMap, fmt::Write as _};

use moxnas_core::{disk::BlockDevices, units::Bytes};
use moxnas_pool::dataset::{Contents, Dataset, Snapshot, Usage};

use crate::lab::MIB;

/// `LABA ext4 "tank" at /srv/tank`.
pub(super) fn disk(devices: &BlockDevices, serial: &str) -> String {
    let Ok(device) = devices.resolve(serial) else {
        return format!("{serial} is out");
    };
    let mut text = serial.to_owned();
    for it in &device.signatures {
        let _ = write!(text, " {}", it.kind);
        if let Some(label) = &it.label {
            let _ = write!(text, " {label:?}");
        }
    }
    if device.signatures.is_empty() {
        text.push_str(" blank");
    }
    for at in &device.mounts {
        let _ = write!(text, " at {at}");
    }
    text
}

pub(super) fn subvolume(seen: &Contents, dataset: &Dataset, place: &str) -> String {
    let mut text = format!("    {place}");
    if dataset.uuid.is_none() {
        let _ = write!(text, " project {}", dataset.id);
    }
    if let Some(origin) = &dataset.origin {
        let _ = write!(text, " of {}", named(seen, origin));
    }
    if dataset.read_only {
        text.push_str(" read-only");
    }
    if let Some(quota) = dataset.quota {
        let _ = write!(text, " at most {} MiB", mib(quota));
    }
    text + &counted(dataset.usage)
}

pub(super) fn told_files(files: &BTreeMap<String, usize>) -> String {
    let one = |(file, write): (&String, &usize)| match write {
        0 => format!(", {file}"),
        write => format!(", {file} of write {write}"),
    };
    files.iter().map(one).collect()
}

/// The dataset or snapshot of this UUID.
fn named(seen: &Contents, uuid: &str) -> String {
    let snapshot = |it: &&Snapshot| it.uuid == uuid;
    let snapshot = seen.snapshots.iter().find(snapshot);
    let dataset = seen
        .datasets
        .iter()
        .find(|it| it.uuid.as_deref() == Some(uuid));
    match (snapshot, dataset) {
        (Some(it), _) => format!("{}@{}", it.dataset, it.name),
        (None, Some(it)) => it.name.to_string(),
        (None, None) => "what is gone".to_owned(),
    }
}

pub(super) fn counted(usage: Option<Usage>) -> String {
    match usage {
        None => " nobody counts".to_owned(),
        Some(it) => format!(
            " takes {} MiB, {} alone",
            mib(it.referenced),
            mib(it.exclusive)
        ),
    }
}

/// To the nearest.
pub(super) fn mib(bytes: Bytes) -> u64 {
    (bytes.0 + MIB / 2) / MIB
}
