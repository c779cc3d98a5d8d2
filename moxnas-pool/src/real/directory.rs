//! Folders of the host: what is there, what is noted, and the link to it.

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt as _, symlink},
    path::Path,
};

use moxnas_core::{
    chain::chain,
    disk::mounts,
    root::{FileError, Root},
};

use super::folders;
use crate::{
    backend::BackendError,
    dataset::{Contents, Dataset},
    directory::{
        Directory, DirectoryStep, Folder, FolderPath, Is, MARK_FILE, Mark, NOTE_FOLDER, Note,
        Place, note_file, parse_mark, render_mark,
    },
    model::{Pool, PoolName, Pools},
    unit::mount_point,
};

/// A UUID of the kernel's, another one at each reading, see random(4).
const NEW_UUID: &str = "/proc/sys/kernel/random/uuid";

/// Add the pools that are noted, by what the kernel says is mounted where.
pub(super) fn find(root: &Root, pools: &mut Pools) -> Result<(), FileError> {
    let files = root.list(NOTE_FOLDER)?;
    if files.is_empty() {
        return Ok(());
    }
    let mounts = mounts(root)?;
    pools.take_notes(
        &files,
        |path| {
            let text = root.read(path);
            text.map(Option::unwrap_or_default)
                .map_err(|err| chain(&err))
        },
        |path| Place::of(path, &mounts),
        |pool, path| is_linked(root, pool, path),
    );
    Ok(())
}

/// Whether the place of a pool leads to this folder, or is it. The folder itself is not looked at.
fn is_linked(root: &Root, pool: &PoolName, path: &FolderPath) -> bool {
    let at = mount_point(pool);
    path.as_str() == at
        || root
            .link(&at)
            .is_some_and(|it| it == Path::new(path.as_str()))
}

fn mark(root: &Root, path: &FolderPath) -> Result<Option<String>, FileError> {
    let text = root.read(format!("{path}/{MARK_FILE}"))?;
    Ok(text.and_then(|it| parse_mark(&it)))
}

/// What is at a path.
pub(super) fn folder(root: &Root, path: &FolderPath) -> Result<Folder, BackendError> {
    let place = root.path(path.as_str());
    let wrap = |cause| FileError {
        verb: "looked at",
        path: place.clone(),
        cause,
    };
    let is = match fs::canonicalize(&place) {
        Ok(real) => match root.within(&real) {
            Some(real) if real == path.as_str() => {
                match fs::symlink_metadata(&place).map_err(wrap)?.is_dir() {
                    true => Is::Folder,
                    false => Is::Other,
                }
            }
            real => Is::Link(real.unwrap_or_else(|| "elsewhere".to_owned())),
        },
        Err(err) if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Is::Nothing
        }
        Err(err) => return Err(wrap(err).into()),
    };
    let mark = match is {
        Is::Folder => mark(root, path)?,
        _ => None,
    };
    Ok(Folder {
        path: path.clone(),
        on: Place::of(path.as_str(), &mounts(root)?),
        is,
        mark,
    })
}

/// What is in a folder that is a pool: its folders are the datasets. Of one that is not the pool nothing
/// is said but that.
pub(super) fn contents(
    root: &Root,
    pool: &Pool,
    directory: &Directory,
) -> Result<Contents, BackendError> {
    let path = &directory.path;
    let mark = Mark::of(mark(root, path)?, &pool.uuid);
    let mut contents = Contents {
        directory: Some(mark),
        ..Contents::default()
    };
    if contents.directory != Some(Mark::Ours) {
        return Ok(contents);
    }
    contents.space = folders::space(root, path.as_str())?;
    let names = root.list(path.as_str())?;
    for name in names.into_iter().filter(|it| !it.starts_with('.')) {
        let said = fs::symlink_metadata(root.path(format!("{path}/{name}")));
        match (said, name.parse()) {
            (Ok(said), Ok(name)) if said.is_dir() => {
                contents.datasets.push(Dataset::folder(name, said.ino()));
            }
            _ => contents.others.push(name),
        }
    }
    contents.sort();
    Ok(contents)
}

/// Do a step. Each of them can be done again.
pub(super) fn apply(
    root: &Root,
    pool: &PoolName,
    path: &FolderPath,
    step: &DirectoryStep,
) -> Result<(), BackendError> {
    match step {
        DirectoryStep::Mark => {
            let found = folder(root, path)?;
            if found.is != Is::Folder {
                return Err(not_that(path, "it is no folder, or lies behind a link"));
            }
            if !is_linked(root, pool, path) {
                make_way(root, pool, path)?;
            }
            match found.mark {
                Some(_) => Ok(()),
                None => write_mark(root, path),
            }
        }
        DirectoryStep::Note { mount } => {
            let found = folder(root, path)?;
            let is_on = found.on.is_some_and(|it| it.at == *mount);
            let Some(uuid) = found.mark.filter(|_| is_on) else {
                return Err(not_that(
                    path,
                    "its mark is gone, or it is on something else",
                ));
            };
            let note = Note {
                pool: pool.clone(),
                path: path.clone(),
                mount: mount.clone(),
                uuid,
            };
            Ok(root.replace(note_file(pool), note.render().as_bytes(), 0o644)?)
        }
        DirectoryStep::Link if is_linked(root, pool, path) => Ok(()),
        DirectoryStep::Link => {
            make_way(root, pool, path)?;
            let at = root.path(mount_point(pool));
            Ok(symlink(path.as_str(), &at).map_err(|cause| failed("made", &at, cause))?)
        }
        DirectoryStep::Unlink => match root.link(mount_point(pool)) {
            Some(it) if it == Path::new(path.as_str()) => Ok(root.remove(mount_point(pool))?),
            _ => Ok(()),
        },
        DirectoryStep::Forget => Ok(root.remove(note_file(pool))?),
    }
}

fn write_mark(root: &Root, path: &FolderPath) -> Result<(), BackendError> {
    let uuid = root.read(NEW_UUID)?.unwrap_or_default();
    let text = render_mark(uuid.trim());
    // Less than a UUID would be read as no mark.
    if parse_mark(&text).is_none() {
        return Err(not_that(path, "the kernel gives no UUID for it"));
    }
    let written = root.replace(format!("{path}/{MARK_FILE}"), text.as_bytes(), 0o644);
    written.map_err(|source| match source.cause.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => BackendError::NotOurs {
            path: path.clone(),
            source,
        },
        _ => source.into(),
    })
}

/// An empty folder at the place of a pool, such as systemd leaves there, gives way; anything else does
/// not.
fn make_way(root: &Root, pool: &PoolName, path: &FolderPath) -> Result<(), BackendError> {
    let at = mount_point(pool);
    let place = root.path(&at);
    match fs::symlink_metadata(&place) {
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(()),
        Ok(it) if it.is_dir() && fs::remove_dir(&place).is_ok() => Ok(()),
        _ => Err(BackendError::PlaceTaken {
            at,
            path: path.clone(),
        }),
    }
}

fn not_that(path: &FolderPath, why: &str) -> BackendError {
    BackendError::NotThatFolder {
        path: path.clone(),
        why: why.to_owned(),
    }
}

fn failed(verb: &'static str, path: &Path, cause: io::Error) -> FileError {
    FileError {
        verb,
        path: path.to_owned(),
        cause,
    }
}
