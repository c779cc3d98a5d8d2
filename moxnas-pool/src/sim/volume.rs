//! What is on a simulated filesystem: files made of extents that clones share, and subvolumes.

use std::{collections::BTreeMap, convert::Infallible, sync::Arc, time::SystemTime};

use moxnas_core::units::Bytes;
use serde::{Deserialize, Serialize};

use super::{attributes::Kept, spread::Spread};
use crate::{
    dataset::{
        Contents, Counting, Dataset, DatasetName, Found, NEW, Note, REPLACED, SNAPSHOTS, Snapshot,
        SnapshotName, Space, Step, Usage,
    },
    model::Filesystem,
};

/// The number of the first subvolume that is made, see btrfs-subvolume(8).
const FIRST: u64 = 256;

/// A filesystem. Subvolumes, or folders that are projects, are by their paths; the top of all is `""`.
#[derive(Clone, Debug, Default)]
pub(super) struct Volume {
    pub(super) subvolumes: BTreeMap<String, Subvolume>,
    /// What is written down of snapshots, by their paths.
    pub(super) notes: BTreeMap<String, Note>,
    /// `None`: it is as large as its device.
    pub(super) size: Option<Bytes>,
    last_id: u64,
    counts: bool,
    /// What projects may take, by their numbers.
    limits: BTreeMap<u32, Bytes>,
    /// How many errors it has come upon.
    pub(super) errors: u64,
    /// What they came from is there still.
    pub(super) is_damaged: bool,
    /// There is no other copy of what is damaged.
    pub(super) is_beyond_repair: bool,
    /// Nothing may be written any more until it is mounted anew.
    pub(super) is_forced_read_only: bool,
    pub(super) spread: Spread,
}

/// How a filesystem is mounted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mounted {
    pub(super) filesystem: Filesystem,
    /// Whether it counts what projects take.
    pub(super) counts_projects: bool,
    /// The size of its device.
    pub(super) size: Bytes,
}

#[derive(Clone, Debug)]
pub(super) struct Subvolume {
    pub(super) id: u64,
    pub(super) uuid: String,
    origin: Option<String>,
    pub(super) read_only: bool,
    created: SystemTime,
    /// The UUID of what it is a copy of, on another volume.
    pub(super) received: Option<String>,
    quota: Option<Bytes>,
    /// The project that its files belong to.
    project: Option<u32>,
    pub(super) kept: Kept,
    /// Shared with its snapshots until something is written.
    pub(super) files: Arc<BTreeMap<String, Extent>>,
}

/// Data of a file that is stored once, however many refer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Extent {
    id: u64,
    pub(super) size: Bytes,
}

/// Why a write into a simulated pool failed, by the name of its errno(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// `ENOENT`
    #[error("No such file or directory")]
    NotFound,
    /// `EROFS`
    #[error("Read-only file system")]
    ReadOnly,
    /// `EDQUOT`
    #[error("Disk quota exceeded")]
    Quota,
    /// `ENOSPC`
    #[error("No space left on device")]
    Full,
}

/// What a new subvolume is called and when it is made.
pub(super) struct New {
    pub(super) uuid: String,
    pub(super) at: SystemTime,
}

pub(super) fn dataset_at(dataset: &DatasetName) -> String {
    dataset.to_string()
}

pub(super) fn snapshot_at(dataset: &DatasetName, snapshot: &SnapshotName) -> String {
    format!("{SNAPSHOTS}/{dataset}/{snapshot}")
}

fn new_at(dataset: &DatasetName) -> String {
    format!("{NEW}{dataset}")
}

fn replaced_at(dataset: &DatasetName) -> String {
    format!("{REPLACED}{dataset}")
}

impl Volume {
    /// One that counts from the start.
    pub(super) fn counting() -> Volume {
        Volume {
            counts: true,
            ..Volume::default()
        }
    }

    /// What the files of a subvolume take.
    pub(super) fn referenced(&self, path: &str) -> Bytes {
        let it = self.subvolumes.get(path);
        let files = it.into_iter().flat_map(|it| it.files.values());
        files.map(|it| it.size).sum()
    }

    /// How much a subvolume may take.
    pub(super) fn quota(&self, path: &str) -> Option<Bytes> {
        self.subvolumes.get(path)?.quota
    }

    /// Do a step; an error in the words of the program.
    pub(super) fn perform(&mut self, step: &Step, new: New) -> Result<(), String> {
        if self.is_forced_read_only {
            return Err("Read-only file system".to_owned());
        }
        match step {
            Step::Count => self.counts = true,
            Step::Create { dataset } | Step::MakeDirectory { dataset } => {
                self.add(dataset_at(dataset), None, false, new)?
            }
            Step::Clone {
                dataset,
                snapshot,
                to,
            } => {
                let from = snapshot_at(dataset, snapshot);
                self.add(dataset_at(to), Some(&from), false, new)?;
            }
            Step::CloneBeside { dataset, snapshot } => {
                let from = snapshot_at(dataset, snapshot);
                self.add(replaced_at(dataset), Some(&from), false, new)?;
            }
            Step::TakeSnapshot { dataset, snapshot } => {
                let (from, to) = (dataset_at(dataset), snapshot_at(dataset, snapshot));
                self.add(to, Some(&from), true, new)?;
            }
            Step::SetQuota { dataset, quota } => self.limit(&dataset_at(dataset), *quota)?,
            Step::LimitBeside { dataset, quota } => self.limit(&replaced_at(dataset), *quota)?,
            Step::MakeFolder { dataset, project } => {
                let path = new_at(dataset);
                if !self.subvolumes.contains_key(&path) {
                    self.add(path.clone(), None, false, new)?;
                }
                let it = self.subvolumes.get_mut(&path);
                it.ok_or_else(|| not_found(&path))?.project = Some(*project);
            }
            Step::LimitProject { project, quota, .. } => match quota {
                Some(quota) => _ = self.limits.insert(*project, *quota),
                None => _ = self.limits.remove(project),
            },
            Step::NameFolder { dataset } => {
                self.rename(&new_at(dataset), dataset_at(dataset))?;
            }
            Step::Delete { dataset } | Step::DeleteFolder { dataset } => {
                self.delete(&dataset_at(dataset))?;
            }
            Step::DeleteBeside { dataset } => self.delete(&replaced_at(dataset))?,
            Step::DeleteSnapshot { dataset, snapshot } => {
                let path = snapshot_at(dataset, snapshot);
                self.delete(&path)?;
                self.notes.remove(&path);
            }
            Step::Hold {
                dataset,
                snapshot,
                hold,
            } => {
                let note = self.notes.entry(snapshot_at(dataset, snapshot));
                note.or_default().held.insert(hold.clone());
            }
            Step::Release {
                dataset,
                snapshot,
                hold,
            } => {
                let note = self.notes.entry(snapshot_at(dataset, snapshot));
                note.or_default().held.remove(hold);
            }
            Step::Rename { dataset, to } => self.rename(&dataset_at(dataset), dataset_at(to))?,
            Step::RenameSnapshots { dataset, to } => {
                let below = format!("{SNAPSHOTS}/{dataset}/");
                let all: Vec<String> = self.subvolumes.keys().cloned().collect();
                for path in all {
                    if let Some(name) = path.strip_prefix(&below) {
                        let to = format!("{SNAPSHOTS}/{to}/{name}");
                        if let Some(note) = self.notes.remove(&path) {
                            self.notes.insert(to.clone(), note);
                        }
                        self.rename(&path, to)?;
                    }
                }
            }
            Step::Exchange { dataset } => {
                let (one, other) = (dataset_at(dataset), replaced_at(dataset));
                let [a, b] = [&one, &other].map(|it| self.subvolumes.get(it).cloned());
                let (Some(a), Some(b)) = (a, b) else {
                    return Err(not_found(&other));
                };
                self.subvolumes.insert(one, b);
                self.subvolumes.insert(other, a);
            }
            Step::SetOwner { .. }
            | Step::SetAccess { .. }
            | Step::SetCompression { .. }
            | Step::SetSoftQuota { .. } => self.keep(step)?,
            Step::Volume { .. } => return Err("there are no volumes in a filesystem".to_owned()),
            Step::FreezeReplaced { dataset } => {
                let path = replaced_at(dataset);
                let it = self.subvolumes.get_mut(&path);
                it.ok_or_else(|| not_found(&path))?.read_only = true;
            }
            Step::KeepReplaced { dataset, snapshot } => {
                let (from, to) = (replaced_at(dataset), snapshot_at(dataset, snapshot));
                self.add(to, Some(&from), true, new)?;
            }
        }
        Ok(())
    }

    pub(super) fn add(
        &mut self,
        path: String,
        of: Option<&str>,
        read_only: bool,
        new: New,
    ) -> Result<(), String> {
        if self.subvolumes.contains_key(&path) {
            return Err(format!("target path already exists: {path}"));
        }
        let of = match of {
            Some(of) => Some(self.subvolumes.get(of).ok_or_else(|| not_found(of))?),
            None => None,
        };
        let made = Subvolume {
            id: self.last_id.max(FIRST - 1) + 1,
            uuid: new.uuid,
            origin: of.map(|it| it.uuid.clone()),
            read_only,
            created: new.at,
            received: None,
            quota: of.and_then(|it| it.quota),
            project: None,
            kept: of.map(|it| it.kept.clone()).unwrap_or_default(),
            files: of.map(|it| it.files.clone()).unwrap_or_default(),
        };
        self.last_id = made.id;
        self.subvolumes.insert(path, made);
        Ok(())
    }

    pub(super) fn limit(&mut self, path: &str, quota: Option<Bytes>) -> Result<(), String> {
        if !self.counts {
            return Err("unable to limit requested quota group: quotas not enabled".to_owned());
        }
        let it = self.subvolumes.get_mut(path);
        it.ok_or_else(|| not_found(path))?.quota = quota;
        Ok(())
    }

    pub(super) fn delete(&mut self, path: &str) -> Result<(), String> {
        let gone = self.subvolumes.remove(path);
        gone.map(drop).ok_or_else(|| not_found(path))
    }

    pub(super) fn rename(&mut self, from: &str, to: String) -> Result<(), String> {
        if self.subvolumes.contains_key(&to) {
            return Err(format!("{to}: File exists"));
        }
        let it = self.subvolumes.remove(from);
        let it = it.ok_or_else(|| not_found(from))?;
        // What is in it goes with it.
        let below = format!("{from}/");
        let behind = self.subvolumes.range(below.clone()..);
        let inside = behind.take_while(|(path, _)| path.starts_with(&below));
        let inside: Vec<String> = inside.map(|(path, _)| path.clone()).collect();
        for path in inside {
            let moved = format!("{to}/{}", &path[below.len()..]);
            if let Some(it) = self.subvolumes.remove(&path) {
                self.subvolumes.insert(moved, it);
            }
        }
        self.subvolumes.insert(to, it);
        Ok(())
    }

    /// Write a file anew. What was it before stays where a snapshot has it.
    pub(super) fn write(
        &mut self,
        path: &str,
        file: &str,
        size: Bytes,
        extent: u64,
        on: Mounted,
    ) -> Result<(), WriteError> {
        if self.is_forced_read_only {
            return Err(WriteError::ReadOnly);
        }
        if path.is_empty() {
            self.subvolumes.entry(String::new()).or_insert(Subvolume {
                id: 5,
                uuid: String::new(),
                origin: None,
                read_only: false,
                created: SystemTime::UNIX_EPOCH,
                received: None,
                quota: None,
                project: None,
                kept: Kept::default(),
                files: Arc::default(),
            });
        }
        let it = self.subvolumes.get_mut(path);
        let it = it.ok_or(WriteError::NotFound)?;
        if it.read_only {
            return Err(WriteError::ReadOnly);
        }
        let before = Arc::clone(&it.files);
        let extent = Extent { id: extent, size };
        Arc::make_mut(&mut it.files).insert(file.to_owned(), extent);
        if let Err(refused) = self.check_limits(path, on) {
            if let Some(it) = self.subvolumes.get_mut(path) {
                it.files = before;
            }
            return Err(refused);
        }
        Ok(())
    }

    /// Remove a file.
    pub(super) fn remove(&mut self, path: &str, file: &str) -> Result<(), WriteError> {
        if self.is_forced_read_only {
            return Err(WriteError::ReadOnly);
        }
        let it = self.subvolumes.get_mut(path).ok_or(WriteError::NotFound)?;
        if it.read_only {
            return Err(WriteError::ReadOnly);
        }
        let gone = Arc::make_mut(&mut it.files).remove(file);
        gone.map(drop).ok_or(WriteError::NotFound)
    }

    /// Whether no more is written than may be.
    pub(super) fn check_limits(&self, path: &str, on: Mounted) -> Result<(), WriteError> {
        let it = self.subvolumes.get(path).ok_or(WriteError::NotFound)?;
        let referenced: Bytes = it.files.values().map(|it| it.size).sum();
        if it.quota.is_some_and(|quota| referenced > quota) {
            return Err(WriteError::Quota);
        }
        if on.counts_projects && !self.within_limit(it) {
            // xfs says of a project that it is full, as of a device.
            return Err(match on.filesystem {
                Filesystem::Xfs => WriteError::Full,
                _ => WriteError::Quota,
            });
        }
        match self.used() > on.size {
            true => Err(WriteError::Full),
            false => Ok(()),
        }
    }

    /// The files of a subvolume, each with a number that changes with its data.
    pub(super) fn files(&self, path: &str) -> Option<BTreeMap<String, u64>> {
        let files = &self.subvolumes.get(path)?.files;
        Some(
            files
                .iter()
                .map(|(name, it)| (name.clone(), it.id))
                .collect(),
        )
    }

    fn used(&self) -> Bytes {
        self.holders().keys().map(|it| it.size).sum()
    }

    /// How many subvolumes refer to each extent.
    fn holders(&self) -> BTreeMap<Extent, u32> {
        let mut holders = BTreeMap::new();
        for it in self.subvolumes.values() {
            // Each extent is one write of one file.
            for extent in it.files.values() {
                *holders.entry(*extent).or_default() += 1;
            }
        }
        holders
    }

    /// Whether the project of a folder takes what it may at most.
    fn within_limit(&self, folder: &Subvolume) -> bool {
        folder.project.is_none_or(|project| {
            let limit = self.limits.get(&project);
            limit.is_none_or(|it| self.taken_by(project) <= *it)
        })
    }

    fn taken_by(&self, project: u32) -> Bytes {
        let all = self.subvolumes.values();
        let own = all.filter(|it| it.project == Some(project));
        own.flat_map(|it| it.files.values()).map(|it| it.size).sum()
    }

    /// As the real machine shows it.
    pub(super) fn contents(&self, on: Mounted) -> Contents {
        let holders = self.holders();
        let used: Bytes = holders.keys().map(|it| it.size).sum();
        let free = Bytes(on.size.0.saturating_sub(used.0));
        let space = Space {
            size: on.size,
            used,
            available: free,
            inodes: None,
        };
        let mut contents = match on.filesystem {
            Filesystem::Btrfs => self.in_subvolumes(space, &holders),
            Filesystem::Ext4 | Filesystem::Xfs => self.in_folders(space, on),
        };
        self.show_folders(&mut contents);
        contents
    }

    /// The names at the top that do not begin with a dot, and are no subvolumes or folders.
    pub(super) fn names_at_top(&self) -> impl Iterator<Item = String> {
        let top = self.subvolumes.get("");
        let names = top.into_iter().flat_map(|it| it.files.keys());
        names.filter(|it| !it.starts_with('.')).cloned()
    }

    fn in_folders(&self, space: Space, on: Mounted) -> Contents {
        let counts = on.counts_projects;
        let mut contents = Contents {
            space,
            others: self.names_at_top().collect(),
            ..Contents::default()
        };
        if on.filesystem == Filesystem::Ext4 {
            contents.others.push("lost+found".to_owned());
        }
        let used = self.subvolumes.values().filter_map(|it| it.project);
        if counts {
            contents.counting = Counting::On;
            contents.projects = used.chain(self.limits.keys().copied()).collect();
        }
        for (path, it) in self
            .subvolumes
            .iter()
            .filter(|(path, _)| !path.starts_with('.'))
        {
            match (path.parse(), it.project.filter(|_| counts)) {
                (Ok(name), Some(project)) => {
                    let used = self.taken_by(project);
                    contents.datasets.push(Dataset {
                        name,
                        id: project.into(),
                        uuid: None,
                        origin: None,
                        read_only: false,
                        quota: self.limits.get(&project).copied(),
                        usage: Some(Usage {
                            referenced: used,
                            exclusive: used,
                        }),
                        folder: None,
                    });
                }
                _ if path.is_empty() => (),
                _ => contents.others.push(path.clone()),
            }
        }
        contents.sort();
        contents
    }

    fn in_subvolumes(&self, space: Space, holders: &BTreeMap<Extent, u32>) -> Contents {
        let mut contents = Contents {
            space,
            counting: match self.counts {
                true => Counting::On,
                false => Counting::Off,
            },
            others: self.names_at_top().collect(),
            ..Contents::default()
        };
        for (path, it) in self.subvolumes.iter().filter(|(path, _)| !path.is_empty()) {
            contents.take_in(Found {
                path: path.clone(),
                id: it.id,
                uuid: it.uuid.clone(),
                origin: it.origin.clone(),
                read_only: it.read_only,
                created: Some(it.created),
                received: it.received.clone(),
                quota: it.quota.filter(|_| self.counts),
                usage: self.counts.then(|| it.usage(holders)),
            });
        }
        let note = |it: &Snapshot| -> Result<Note, Infallible> {
            let note = self.notes.get(&snapshot_at(&it.dataset, &it.name));
            Ok(note.cloned().unwrap_or_default())
        };
        contents
            .take_notes(note)
            .unwrap_or_else(|never| match never {});
        contents.sort();
        contents
    }
}

impl Subvolume {
    fn usage(&self, holders: &BTreeMap<Extent, u32>) -> Usage {
        let own = self.files.values().filter(|it| holders[*it] == 1);
        Usage {
            referenced: self.files.values().map(|it| it.size).sum(),
            exclusive: own.map(|it| it.size).sum(),
        }
    }
}

pub(super) fn not_found(path: &str) -> String {
    format!("cannot access '{path}': No such file or directory")
}
