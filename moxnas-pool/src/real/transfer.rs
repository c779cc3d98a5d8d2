//! From pool to pool: what btrfs-send(8) writes btrfs-receive(8) reads; rsync(1) copies and compares.

use std::{fs::File, time::SystemTime};

use moxnas_core::{
    cmd::{Cause, CmdError, Runner},
    root::{FileError, Root},
    units::Bytes,
};
use nix::unistd::syncfs;

use super::{argv, folders};
use crate::{
    backend::BackendError,
    dataset::{DatasetName, SnapshotName, snapshot_folder},
    model::PoolName,
    replica::{Route, Step},
    unit::mount_point,
};

/// How many files that differ are named.
const NAMED: usize = 5;

pub(super) fn carry_out(
    root: &Root,
    runner: &dyn Runner,
    (route, step): (&Route, &Step),
    is_wanted: &dyn Fn() -> bool,
    passed: &dyn Fn(Bytes),
) -> Result<(), BackendError> {
    if let Some(target) = &route.target {
        return Err(BackendError::Elsewhere(target.clone()));
    }
    let (cmd, reader) = argv::transfer(route, step);
    if let Step::Send {
        snapshot, taken, ..
    } = step
    {
        announce(root, (&route.to, &route.as_dataset, snapshot), *taken)?;
    }
    let said = match reader {
        Some(reader) => runner.pipe(&cmd, &reader, is_wanted, &|it| passed(Bytes(it))),
        None => runner.run_while(&cmd, is_wanted),
    };
    let said = said.map_err(ended)?.text();
    match step {
        Step::Send { .. } | Step::Copy { .. } => sync(root, &route.to),
        Step::Compare { .. } => {
            let differing: Vec<&str> = said.lines().map(str::trim).collect();
            match differing.is_empty() {
                true => Ok(()),
                false => Err(BackendError::Differs {
                    source_path: step.source(route),
                    target: step.target(route),
                    count: differing.len(),
                    first: differing
                        .iter()
                        .take(NAMED)
                        .map(ToString::to_string)
                        .collect(),
                }),
            }
        }
    }
}

/// Make the folder that a snapshot is to arrive in, and note when it was taken. Before it arrives: what
/// is there as a whole has all that belongs to it.
pub(super) fn announce(
    root: &Root,
    (pool, dataset, snapshot): (&PoolName, &DatasetName, &SnapshotName),
    taken: Option<SystemTime>,
) -> Result<(), BackendError> {
    folders::make_folder(root, &snapshot_folder(pool, dataset))?;
    Ok(folders::rewrite(root, pool, dataset, snapshot, |note| {
        note.taken = taken;
    })?)
}

/// A program that was ended as it was not wanted any more has not failed.
pub(super) fn ended(err: CmdError) -> BackendError {
    match err.cause {
        Cause::Ended => BackendError::Ended,
        _ => err.into(),
    }
}

/// What arrived survives a power cut from now on, syncfs(2).
pub(super) fn sync(root: &Root, pool: &PoolName) -> Result<(), BackendError> {
    let path = root.path(mount_point(pool));
    let synced = File::open(&path).and_then(|it| Ok(syncfs(it)?));
    Ok(synced.map_err(|cause| FileError {
        verb: "synced",
        path,
        cause,
    })?)
}
