//! From pool to pool: what btrfs-send(8) writes btrfs-receive(8) reads; rsync(1) copies and compares.

use std::fs::File;

use moxnas_core::{
    cmd::{Cause, CmdError, Runner},
    root::{FileError, Root},
    units::Bytes,
};
use nix::unistd::syncfs;

use super::{argv, folders};
use crate::{
    backend::BackendError,
    dataset::snapshot_folder,
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
    let ended = |err: CmdError| match err.cause {
        Cause::Ended => BackendError::Ended,
        _ => err.into(),
    };
    if let Some(target) = &route.target {
        return Err(BackendError::Elsewhere(target.clone()));
    }
    let (cmd, reader) = argv::transfer(route, step);
    if let Step::Send {
        snapshot, taken, ..
    } = step
    {
        folders::make_folder(root, &snapshot_folder(&route.to, &route.as_dataset))?;
        // Before it arrives: what is there as a whole has all that belongs to it.
        folders::rewrite(root, &route.to, &route.as_dataset, snapshot, |note| {
            note.taken = *taken;
        })?;
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
