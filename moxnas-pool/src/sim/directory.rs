//! Folders that the host of a simulated machine gives it.

use std::{collections::BTreeMap, sync::MutexGuard};

use moxnas_core::{sim::SimState, units::Bytes};

use super::{
    SimPools, new_uuid,
    volume::{Mounted, Volume},
};
use crate::{
    backend::{BackendError, PoolBackend},
    dataset::{Contents, Dataset},
    directory::{
        Directory, DirectoryStep, Folder, FolderPath, Is, Mark, NOTE_FOLDER, Note, Place, note_file,
    },
    lvm::Kind,
    model::{Filesystem, Pool, PoolName, Pools},
    unit::{MountUnit, mount_point},
};

/// What the text of a file begins with that stands for a link.
const LINK: &str = "link to ";

/// How much there is where the machine itself is.
const OWN: Bytes = Bytes(8_000_000_000);

/// A folder that the host mounts, or would have to.
#[derive(Clone, Debug)]
pub(super) struct Given {
    filesystem: String,
    size: Bytes,
    read_only: bool,
    /// Whether the host has mounted it. Where it does not, there is an empty folder.
    is_mounted: bool,
    /// The mark in it.
    mark: Option<String>,
    /// The mark in the folder that is there when nothing is mounted at it.
    mark_beneath: Option<String>,
}

impl Given {
    fn mark(&mut self) -> &mut Option<String> {
        match self.is_mounted {
            true => &mut self.mark,
            false => &mut self.mark_beneath,
        }
    }

    fn known(&self) -> Option<&String> {
        let mark = if self.is_mounted {
            &self.mark
        } else {
            &self.mark_beneath
        };
        mark.as_ref()
    }

    fn size(&self) -> Bytes {
        if self.is_mounted { self.size } else { OWN }
    }
}

impl SimPools {
    /// Let the host mount a folder of its own at a path: an empty one, or that which it has mounted there
    /// before. It does so again at each start.
    pub fn give_folder(&self, path: &FolderPath, filesystem: &str, size: Bytes) {
        let mut given = self.given();
        let it = given.entry(path.clone()).or_insert(Given {
            filesystem: filesystem.to_owned(),
            size,
            read_only: false,
            is_mounted: true,
            mark: None,
            mark_beneath: None,
        });
        (it.is_mounted, it.read_only) = (true, false);
    }

    /// Let the host not mount it any more: an empty folder is there.
    pub fn take_folder(&self, path: &FolderPath) {
        self.change_given(path, |it| it.is_mounted = false);
    }

    /// Let the host mount something else there.
    pub fn give_another_folder(&self, path: &FolderPath) {
        self.change_given(path, |it| it.mark = None);
    }

    /// Let the host mount it so that nothing can be written to it.
    pub fn give_read_only(&self, path: &FolderPath) {
        self.change_given(path, |it| it.read_only = true);
    }

    fn change_given(&self, path: &FolderPath, change: impl FnOnce(&mut Given)) {
        self.given().get_mut(path).map(change);
    }

    /// On what a path is.
    fn place_of(&self, path: &str) -> Place {
        let given = self.given();
        let above = |at: &FolderPath| {
            let rest = path.strip_prefix(at.as_str());
            rest.is_some_and(|it| it.is_empty() || it.starts_with('/'))
        };
        let mut mounted = given.iter().filter(|(at, it)| it.is_mounted && above(at));
        match mounted.next_back() {
            Some((at, it)) => Place {
                at: at.to_string(),
                filesystem: it.filesystem.clone(),
                read_only: it.read_only,
            },
            None => Place {
                at: "/".to_owned(),
                filesystem: "ext4".to_owned(),
                read_only: false,
            },
        }
    }

    pub(super) fn folder_at(&self, path: &FolderPath) -> Folder {
        let found = self.given().get(path).map(|it| it.known().cloned());
        let below = format!("{path}/");
        let is_above = self
            .given()
            .keys()
            .any(|it| it.as_str().starts_with(&below));
        Folder {
            path: path.clone(),
            is: match found.is_some() || is_above {
                true => Is::Folder,
                false => Is::Nothing,
            },
            on: Some(self.place_of(path.as_str())),
            mark: found.flatten(),
        }
    }

    /// What is at a path: also the top of a pool that is mounted, and a dataset in it.
    pub(super) fn folder_there(&self, path: &FolderPath) -> Result<Folder, BackendError> {
        let mut found = self.folder_at(path);
        if found.is != Is::Nothing {
            return Ok(found);
        }
        let devices = self.state().block_devices();
        for pool in self.observe(&devices)?.all {
            let top = mount_point(&pool.name);
            let rest = path.as_str().strip_prefix(&top);
            let Some(rest) = rest.filter(|it| it.is_empty() || it.starts_with('/')) else {
                continue;
            };
            if let Kind::Directory(it) = &pool.kind {
                found.is = Is::Link(format!("{}{rest}", it.path));
            } else if pool.is_mounted {
                let name = rest.trim_start_matches('/');
                let contents = self.contents(&pool)?;
                let is_dataset = contents.datasets.iter().any(|it| it.name.as_str() == name);
                if rest.is_empty() || is_dataset {
                    found.is = Is::Folder;
                }
            }
        }
        Ok(found)
    }

    pub(super) fn take_notes(&self, state: &SimState, pools: &mut Pools) {
        pools.take_notes(
            &state.folder(NOTE_FOLDER),
            |path| Ok(state.files.get(path).cloned().unwrap_or_default()),
            |path| Some(self.place_of(path)),
            |pool, path| is_linked(state, pool, path),
        );
    }

    /// A pool that is a folder, as if it were mounted by a unit; `None`: it is none.
    pub(super) fn given_to(
        &self,
        state: &SimState,
        pool: &PoolName,
    ) -> Option<Result<(MountUnit, Mounted), BackendError>> {
        let file = note_file(pool);
        let name = file.rsplit('/').next()?;
        let note = Note::parse(name, state.files.get(&file)?)?.ok()?;
        let given = self.given();
        let it = given
            .get(&note.path)
            .filter(|_| is_linked(state, pool, &note.path));
        let it = it.filter(|it| it.known() == Some(&note.uuid));
        let Some(it) = it else {
            return Some(Err(BackendError::NotThere(pool.clone())));
        };
        let unit = MountUnit {
            name: pool.clone(),
            filesystem: Filesystem::Ext4,
            uuid: note.uuid,
            options: it.read_only.then(|| "ro".to_owned()).into_iter().collect(),
            thin: None,
            devices: None,
        };
        let on = Mounted {
            filesystem: Filesystem::Ext4,
            counts_projects: false,
            size: it.size(),
        };
        Some(Ok((unit, on)))
    }

    pub(super) fn in_directory(
        &self,
        pool: &Pool,
        directory: &Directory,
    ) -> Result<Contents, BackendError> {
        let mark = Mark::of(self.folder_at(&directory.path).mark, &pool.uuid);
        let mut contents = Contents::default();
        if mark == Mark::Ours {
            let (unit, on) = self.mounted(&self.state(), &pool.name)?;
            let volumes = self.volumes();
            let volume = volumes.get(&unit.uuid);
            contents = volume.unwrap_or(&Volume::default()).in_directory(on);
        }
        contents.directory = Some(mark);
        Ok(contents)
    }

    pub(super) fn perform_directory(
        &self,
        pool: &PoolName,
        path: &FolderPath,
        step: &DirectoryStep,
    ) -> Result<(), BackendError> {
        let not_that = |why: &str| BackendError::NotThatFolder {
            path: path.clone(),
            why: why.to_owned(),
        };
        let mut state = self.state();
        let place = mount_point(pool);
        let is_taken = state.files.contains_key(&place) && !is_linked(&state, pool, path);
        let found = self.folder_at(path);
        match step {
            DirectoryStep::Mark | DirectoryStep::Link if is_taken => {
                return Err(BackendError::PlaceTaken {
                    at: place,
                    path: path.clone(),
                });
            }
            DirectoryStep::Mark if found.is != Is::Folder => {
                return Err(not_that("it is no folder, or lies behind a link"));
            }
            DirectoryStep::Mark => {
                let uuid = new_uuid(&mut state);
                self.change_given(path, |it| _ = it.mark().get_or_insert(uuid));
            }
            DirectoryStep::Note { mount } => {
                let is_on = found.on.is_some_and(|it| it.at == *mount);
                let Some(uuid) = found.mark.filter(|_| is_on) else {
                    return Err(not_that("its mark is gone, or it is on something else"));
                };
                let note = Note {
                    pool: pool.clone(),
                    path: path.clone(),
                    mount: mount.clone(),
                    uuid,
                };
                state.files.insert(note_file(pool), note.render());
            }
            DirectoryStep::Link if path.as_str() == place => (),
            DirectoryStep::Link => _ = state.files.insert(place, format!("{LINK}{path}")),
            DirectoryStep::Unlink if path.as_str() == place || !is_linked(&state, pool, path) => (),
            DirectoryStep::Unlink => _ = state.files.remove(&place),
            DirectoryStep::Forget => _ = state.files.remove(&note_file(pool)),
        }
        Ok(())
    }

    fn given(&self) -> MutexGuard<'_, BTreeMap<FolderPath, Given>> {
        self.given.lock().expect("no holder of this lock panics")
    }
}

impl Volume {
    /// As plain folders, of which nothing is counted.
    fn in_directory(&self, on: Mounted) -> Contents {
        let mut contents = Contents {
            others: self.names_at_top().collect(),
            ..Contents::default()
        };
        contents.space = self.contents(on).space;
        for (path, it) in &self.subvolumes {
            if let Ok(name) = path.parse() {
                contents.datasets.push(Dataset::folder(name, it.id));
            }
        }
        self.show_folders(&mut contents);
        contents.sort();
        contents
    }
}

fn is_linked(state: &SimState, pool: &PoolName, path: &FolderPath) -> bool {
    let at = mount_point(pool);
    let link = state.files.get(&at).and_then(|it| it.strip_prefix(LINK));
    path.as_str() == at || link == Some(path.as_str())
}
