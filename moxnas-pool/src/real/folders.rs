//! What of a pool is done without a program: how full it is, and moving from name to name.

use std::{fs, io, path::Path};

use moxnas_core::{
    disk::mounts,
    root::{FileError, Root},
    units::Bytes,
};
use nix::{
    fcntl::{AT_FDCWD, RenameFlags, renameat2},
    sys::statvfs::statvfs,
};

use crate::{
    backend::BackendError,
    dataset::{Inodes, Space, Step, dataset_path, new_path, replaced_path, snapshot_folder},
    model::PoolName,
};

/// How full the filesystem is that is mounted there.
pub(super) fn space(root: &Root, at: &str) -> Result<Space, FileError> {
    let path = root.path(at);
    let said = statvfs(&path).map_err(|err| FileError {
        verb: "measured",
        path: path.clone(),
        cause: err.into(),
    })?;
    let unit = said.fragment_size();
    let bytes = |blocks: u64| Bytes(blocks.saturating_mul(unit));
    let used = said.blocks().saturating_sub(said.blocks_free());
    // btrfs makes inodes as it needs them, and says 0.
    let inodes = (said.files() > 0).then(|| Inodes {
        total: said.files(),
        used: said.files().saturating_sub(said.files_free()),
    });
    Ok(Space {
        size: bytes(said.blocks()),
        used: bytes(used),
        available: bytes(said.blocks_available()),
        inodes,
    })
}

/// The part of a step that moves something, and the folders that its command needs.
pub(super) fn move_inside(root: &Root, pool: &PoolName, step: &Step) -> Result<(), BackendError> {
    let rename = |from: String, to: String, flags| -> Result<(), BackendError> {
        let done = renameat2(
            AT_FDCWD,
            &root.path(&from),
            AT_FDCWD,
            &root.path(&to),
            flags,
        );
        done.map_err(|err| BackendError::NotMoved {
            from,
            to,
            source: io::Error::from(err),
        })
    };
    match step {
        Step::TakeSnapshot { dataset, .. } | Step::KeepReplaced { dataset, .. } => {
            make_folder(root, &snapshot_folder(pool, dataset))?
        }
        Step::MakeFolder { dataset, .. } => make_folder(root, &new_path(pool, dataset))?,
        Step::NameFolder { dataset } => {
            let (from, to) = (new_path(pool, dataset), dataset_path(pool, dataset));
            rename(from, to, RenameFlags::RENAME_NOREPLACE)?;
        }
        Step::DeleteFolder { dataset } => {
            check_nothing_mounted(root, &dataset_path(pool, dataset))?
        }
        Step::RenameSnapshots { dataset, to } => {
            let (from, to) = (snapshot_folder(pool, dataset), snapshot_folder(pool, to));
            // An empty folder, such as is left when all snapshots were deleted.
            _ = fs::remove_dir(root.path(&to));
            rename(from, to, RenameFlags::RENAME_NOREPLACE)?;
        }
        Step::Rename { dataset, to } => {
            let (from, to) = (dataset_path(pool, dataset), dataset_path(pool, to));
            rename(from, to, RenameFlags::RENAME_NOREPLACE)?;
        }
        Step::Exchange { dataset } => {
            let (from, to) = (replaced_path(pool, dataset), dataset_path(pool, dataset));
            rename(from, to, RenameFlags::RENAME_EXCHANGE)?;
        }
        Step::Count
        | Step::Create { .. }
        | Step::Clone { .. }
        | Step::SetQuota { .. }
        | Step::LimitProject { .. }
        | Step::LimitBeside { .. }
        | Step::Delete { .. }
        | Step::DeleteBeside { .. }
        | Step::DeleteSnapshot { .. }
        | Step::CloneBeside { .. }
        | Step::Volume { .. }
        | Step::FreezeReplaced { .. } => (),
    }
    Ok(())
}

/// rm(1) would go through a folder of the same filesystem that somebody mounted there a second time.
fn check_nothing_mounted(root: &Root, folder: &str) -> Result<(), BackendError> {
    let below = format!("{folder}/");
    let mounts = mounts(root)?;
    let found = mounts
        .iter()
        .find(|it| it.at.starts_with(&below) || it.at == folder);
    match found {
        None => Ok(()),
        Some(found) => Err(BackendError::MountedInside {
            folder: folder.to_owned(),
            at: found.at.clone(),
        }),
    }
}

fn make_folder(root: &Root, folder: &str) -> Result<(), FileError> {
    let path = root.path(folder);
    fs::create_dir_all(&path).map_err(|cause| FileError {
        verb: "made",
        path: Path::new(&path).to_owned(),
        cause,
    })
}
