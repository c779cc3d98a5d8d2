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

use super::attributes;
use crate::{
    backend::BackendError,
    dataset::{
        DatasetName, Inodes, Note, Snapshot, SnapshotName, Space, Step, dataset_path, new_path,
        note_path, replaced_path, snapshot_folder, snapshot_path,
    },
    lvm::VolumeStep,
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
        Step::MakeDirectory { dataset } => {
            let path = root.path(dataset_path(pool, dataset));
            fs::create_dir(&path).map_err(|cause| FileError {
                verb: "made",
                path,
                cause,
            })?;
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
        Step::Hold {
            dataset,
            snapshot,
            hold,
        } => rewrite(root, pool, dataset, snapshot, |it| {
            it.held.insert(hold.clone());
        })?,
        Step::Release {
            dataset,
            snapshot,
            hold,
        } => rewrite(root, pool, dataset, snapshot, |it| {
            it.held.remove(hold);
        })?,
        Step::Exchange { dataset } => {
            let (from, to) = (replaced_path(pool, dataset), dataset_path(pool, dataset));
            rename(from, to, RenameFlags::RENAME_EXCHANGE)?;
        }
        Step::SetOwner { dataset, .. }
        | Step::SetAccess { dataset, .. }
        | Step::SetCompression { dataset, .. }
        | Step::SetSoftQuota { dataset, .. } => {
            attributes::set(root, &dataset_path(pool, dataset), step)?;
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

/// What is left to do when the command of a step has ended.
pub(super) fn tidy_inside(root: &Root, pool: &PoolName, step: &Step) -> Result<(), FileError> {
    match step {
        // The next one of that name begins without a note.
        Step::DeleteSnapshot { dataset, snapshot } => {
            root.remove(note_path(pool, dataset, snapshot))
        }
        Step::Volume {
            step: VolumeStep::RemoveSnapshot { dataset, snapshot },
        } => {
            leave(root, pool, dataset, snapshot);
            root.remove(note_path(pool, dataset, snapshot))
        }
        Step::Volume {
            step: VolumeStep::UnmountSnapshot { dataset, snapshot },
        } => {
            leave(root, pool, dataset, snapshot);
            Ok(())
        }
        Step::Volume {
            step: VolumeStep::RenameSnapshot {
                dataset, snapshot, ..
            },
        } => {
            leave(root, pool, dataset, snapshot);
            root.remove(note_path(pool, dataset, snapshot))?;
            // An empty one only.
            _ = fs::remove_dir(root.path(snapshot_folder(pool, dataset)));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Take the folder away that a snapshot was mounted at, also where a start of the machine has unmounted
/// it. Only one that is empty goes: else it is none, and nothing is lost.
fn leave(root: &Root, pool: &PoolName, dataset: &DatasetName, snapshot: &SnapshotName) {
    _ = fs::remove_dir(root.path(snapshot_path(pool, dataset, snapshot)));
}

/// Write the same down of a snapshot under another name of its dataset; none where there is none.
pub(super) fn copy_note(
    root: &Root,
    pool: &PoolName,
    snapshot: &SnapshotName,
    [from, to]: [&DatasetName; 2],
) -> Result<(), FileError> {
    let path = note_path(pool, to, snapshot);
    match root.read(note_path(pool, from, snapshot))? {
        Some(text) => root.replace(path, text.as_bytes(), 0o644),
        None => root.remove(path),
    }
}

/// What is written down of a snapshot.
pub(super) fn note(root: &Root, pool: &PoolName, of: &Snapshot) -> Result<Note, FileError> {
    let text = root.read(note_path(pool, &of.dataset, &of.name))?;
    Ok(text.map(|it| Note::parse(&it)).unwrap_or_default())
}

/// Write something else down of a snapshot.
pub(super) fn rewrite(
    root: &Root,
    pool: &PoolName,
    dataset: &DatasetName,
    snapshot: &SnapshotName,
    change: impl FnOnce(&mut Note),
) -> Result<(), FileError> {
    let path = note_path(pool, dataset, snapshot);
    let text = root.read(&path)?.unwrap_or_default();
    let mut note = Note::parse(&text);
    change(&mut note);
    match note.is_empty() {
        true => root.remove(path),
        false => root.replace(path, note.render().as_bytes(), 0o644),
    }
}

/// rm(1) would go through a folder of the same filesystem that somebody mounted there a second time.
fn check_nothing_mounted(root: &Root, folder: &str) -> Result<(), BackendError> {
    // The place of a pool may be a link.
    let real = fs::canonicalize(root.path(folder)).ok();
    let real = real.and_then(|it| root.within(&it));
    let real = real.as_deref().unwrap_or(folder);
    let below = format!("{real}/");
    let mounts = mounts(root)?;
    let found = mounts
        .iter()
        .find(|it| it.at.starts_with(&below) || it.at == real);
    match found {
        None => Ok(()),
        Some(found) => Err(BackendError::MountedInside {
            folder: folder.to_owned(),
            at: found.at.clone(),
        }),
    }
}

pub(super) fn make_folder(root: &Root, folder: &str) -> Result<(), FileError> {
    let path = root.path(folder);
    fs::create_dir_all(&path).map_err(|cause| FileError {
        verb: "made",
        path: Path::new(&path).to_owned(),
        cause,
    })
}
