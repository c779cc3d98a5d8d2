//! What there is: pools, and where they stand.

use std::{collections::BTreeMap, fmt, str::FromStr};

use moxnas_core::{
    disk::{BlockDevice, BlockDevices, DeviceId},
    units::Bytes,
};
use serde::{Deserialize, Serialize};

use crate::{
    dataset::{Contents, Dataset, DatasetName},
    devices::{self, DevicesUnit},
    directory::{Directory, FolderPath, NOTE_FOLDER, Note, Place},
    lvm::{self, Fill, Kind, VolumeUnit},
    unit::{MountUnit, UNIT_FOLDER, mount_point},
};

moxnas_core::name_type! {
    /// Name of a pool: the folder below [`POOL_FOLDER`](crate::unit::POOL_FOLDER) that it is mounted at.
    PoolName, "name of a pool", 32, |it| it.is_ascii_alphanumeric() || it == '-' || it == '_'
}

/// What MoxNAS makes a pool of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filesystem {
    /// ext4(5): the one that every rescue system reads.
    Ext4,
    /// xfs(5): large files and many writers at a time.
    Xfs,
    /// btrfs(5): checksums, snapshots, compression.
    Btrfs,
}

impl Filesystem {
    /// All of them.
    pub const ALL: [Filesystem; 3] = [Filesystem::Ext4, Filesystem::Xfs, Filesystem::Btrfs];

    /// As mount(8) and blkid(8) name it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Filesystem::Ext4 => "ext4",
            Filesystem::Xfs => "xfs",
            Filesystem::Btrfs => "btrfs",
        }
    }

    /// The longest label that fits into its superblock, in bytes.
    #[must_use]
    pub fn label_max(self) -> usize {
        match self {
            Filesystem::Ext4 => 16,
            Filesystem::Xfs => 12,
            Filesystem::Btrfs => 255,
        }
    }

    /// The smallest device that its mkfs takes: what mkfs.xfs 6.1 and mkfs.btrfs 6.2 ask for, and for
    /// ext4 what leaves room for a journal.
    #[must_use]
    pub fn smallest_device(self) -> Bytes {
        match self {
            Filesystem::Ext4 => Bytes(16 << 20),
            Filesystem::Xfs => Bytes(300 << 20),
            Filesystem::Btrfs => Bytes(109 << 20),
        }
    }

    /// Why somebody would choose it.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Filesystem::Ext4 => {
                "ext4 is the one that every rescue system reads; it has no snapshots and no \
                 checksums of data"
            }
            Filesystem::Xfs => {
                "xfs is made for large files and many writers at a time; it has no snapshots and no \
                 checksums of data, and cannot be made smaller"
            }
            Filesystem::Btrfs => {
                "btrfs has snapshots, checksums of data and compression; databases and disks of \
                 virtual machines are slow on it"
            }
        }
    }
}

impl fmt::Display for Filesystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A filesystem of which MoxNAS makes no pools.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is none of ext4, xfs and btrfs")]
pub struct OtherFilesystem(pub String);

impl FromStr for Filesystem {
    type Err = OtherFilesystem;

    fn from_str(text: &str) -> Result<Filesystem, OtherFilesystem> {
        let found = Filesystem::ALL.into_iter().find(|it| it.word() == text);
        found.ok_or_else(|| OtherFilesystem(text.to_owned()))
    }
}

/// A filesystem with a place in the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Its name.
    pub name: PoolName,
    /// What it is; of thin volumes, what datasets are made with. It says nothing of a folder of the
    /// host, which may be on anything: its kind says on what.
    pub filesystem: Filesystem,
    /// What it is made of.
    #[serde(default)]
    pub kind: Kind,
    /// The UUID of the filesystem, by which it is mounted, or in the mark of a folder.
    pub uuid: String,
    /// The device that the filesystem is on, or the volume group; `None`: no device has it.
    pub device: Option<DeviceId>,
    /// More devices that have a filesystem of the same UUID, such as a clone of the disk. Which one
    /// would be mounted is chance.
    pub clones: Vec<DeviceId>,
    /// The size of the device.
    pub size: Option<Bytes>,
    /// Where it is mounted when it is.
    pub at: String,
    /// With what options, beside those of systemd.
    pub options: Vec<String>,
    /// Whether it is mounted there; of a folder, whether that place leads to it.
    pub is_mounted: bool,
    /// Something else that is mounted there in its place.
    pub covered_by: Option<DeviceId>,
    /// Whether it is to be mounted at each start of the machine.
    pub is_wanted: bool,
    /// The kernel lets nothing be written to it, though its unit says nothing of the kind: as after
    /// an error that the filesystem could not get over.
    pub is_forced_read_only: bool,
    /// The errors that its filesystem has counted, of kinds of which there were any.
    pub errors: Vec<ErrorCount>,
    /// The last that the kernel said of an error of it, where it says so in its log only.
    #[serde(default)]
    pub last_error: Option<String>,
}

/// Errors that a filesystem has counted since it was made or repaired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorCount {
    /// Which, in the word of the kernel: `errors_count` of ext4, or one of `error_stats` of btrfs,
    /// such as `corruption_errs`; in ours what xfs has said in the kernel's log, as it counts nothing.
    pub what: String,
    /// How many.
    pub count: u64,
}

/// What the crate knows of a machine, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pools {
    /// The pools, by name.
    pub all: Vec<Pool>,
    /// What could not be read, in words, beside all that could.
    pub errors: Vec<String>,
}

impl Pools {
    /// The pool of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Pool> {
        self.all.iter().find(|it| it.name.as_str() == name)
    }
}

/// How a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is mounted where it should be.
    Mounted,
    /// It is mounted, and its filesystem has counted errors, or not all of its datasets are mounted.
    Damaged,
    /// It is mounted, and nothing can be written to it any more.
    ReadOnly,
    /// Its device is there, and it is not mounted.
    Unmounted,
    /// No device has its filesystem, or not all of its devices are there; or the host has not given its
    /// folder.
    Missing,
    /// More than one device has its filesystem, or something else is mounted in its place.
    Confused,
}

/// How a pool is, with the reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The verdict.
    pub standing: Standing,
    /// Why it is not mounted as it should be, a sentence each.
    pub reasons: Vec<String>,
}

impl Pool {
    /// How it is.
    #[must_use]
    pub fn judge(&self) -> Verdict {
        let mut reasons = Vec::new();
        if let Kind::Directory(directory) = &self.kind {
            let standing = directory.judge(&self.at, &mut reasons);
            return Verdict { standing, reasons };
        }
        if let Some(other) = &self.covered_by {
            reasons.push(format!("{other} is mounted at {}", self.at));
        }
        if !self.clones.is_empty() {
            let all = self.device.iter().chain(&self.clones);
            let all: Vec<String> = all.map(ToString::to_string).collect();
            let (what, all) = (self.told_by(), all.join(", "));
            reasons.push(format!("{what} is on {all}: one is a copy"));
        }
        let standing = match (reasons.is_empty(), self.is_mounted, &self.device) {
            (false, ..) => Standing::Confused,
            (true, true, _) => self.judge_mounted(&mut reasons),
            (true, false, Some(_)) if self.lacks(&mut reasons) => Standing::Missing,
            (true, false, Some(_)) => {
                reasons.push(match self.is_wanted {
                    true => "it is not mounted, though it should be at each start".to_owned(),
                    false => "it is not mounted".to_owned(),
                });
                Standing::Unmounted
            }
            (true, false, None) => {
                reasons.push(format!("no device has {}", self.told_by()));
                Standing::Missing
            }
        };
        Verdict { standing, reasons }
    }

    /// Whether it is not mounted and not all of its devices are there, with the reasons.
    fn lacks(&self, reasons: &mut Vec<String>) -> bool {
        if let Kind::Devices(devices) = &self.kind {
            reasons.extend(devices.incomplete(&self.name, false));
        }
        !reasons.is_empty()
    }

    /// By what its device is told from others.
    fn told_by(&self) -> String {
        match &self.kind {
            Kind::Filesystem | Kind::Devices(_) | Kind::Directory(_) => {
                format!("the filesystem {}", self.uuid)
            }
            Kind::Thin(thin) => format!("the physical volume {}", thin.physical),
        }
    }

    /// How it is, by what a look tells and by what is known of what is in it.
    #[must_use]
    pub fn judge_with(&self, contents: Option<&Contents>) -> Verdict {
        let mut verdict = self.judge();
        if let (Kind::Directory(directory), true) = (&self.kind, self.is_mounted) {
            let mark = contents.and_then(|it| it.directory.as_ref());
            let (standing, reason) = directory.judge_mark(mark);
            verdict.standing = standing.unwrap_or(verdict.standing);
            verdict.reasons.extend(reason);
        }
        let fill = contents.and_then(|it| it.thin.as_ref());
        if let (true, Some((standing, reasons))) = (self.is_mounted, fill.and_then(Fill::judge)) {
            verdict.reasons.extend(reasons);
            if matches!(verdict.standing, Standing::Mounted | Standing::Damaged)
                && standing != Standing::Mounted
            {
                verdict.standing = standing;
            }
        }
        let datasets = contents.map(|it| it.datasets.iter()).unwrap_or_default();
        if self.is_mounted {
            verdict.reasons.extend(datasets.flat_map(Dataset::reasons));
        }
        verdict
    }

    /// It is there; whether what is on it can be relied on is another question.
    fn judge_mounted(&self, reasons: &mut Vec<String>) -> Standing {
        let counted = self.errors.iter();
        reasons.extend(
            counted.map(|it| format!("{} counted {} {}", self.filesystem, it.count, it.what)),
        );
        let last = self.last_error.iter();
        reasons.extend(last.map(|it| format!("the kernel says: {it}")));
        let datasets = match &self.kind {
            Kind::Thin(thin) => thin.judge(reasons),
            Kind::Devices(devices) => devices.judge_mounted(&self.name, reasons),
            Kind::Filesystem | Kind::Directory(_) => Standing::Mounted,
        };
        if self.is_forced_read_only {
            reasons.insert(
                0,
                "the kernel lets nothing be written to it any more".to_owned(),
            );
            return Standing::ReadOnly;
        }
        match (datasets, self.errors.is_empty()) {
            (Standing::Mounted, false) => Standing::Damaged,
            (datasets, _) => datasets,
        }
    }
}

impl Pool {
    /// A pool that is a folder, as it was noted.
    pub(crate) fn of_note(note: Note, directory: Directory) -> Pool {
        Pool {
            at: mount_point(&note.pool),
            is_mounted: directory.is_there() && directory.is_linked,
            is_forced_read_only: false,
            name: note.pool,
            filesystem: Filesystem::Ext4,
            kind: Kind::Directory(directory),
            uuid: note.uuid,
            device: None,
            clones: Vec::new(),
            size: None,
            options: Vec::new(),
            covered_by: None,
            is_wanted: true,
            errors: Vec::new(),
            last_error: None,
        }
    }
}

impl Pools {
    /// Add the pools that are folders, of these files of the folder of notes.
    pub(crate) fn take_notes(
        &mut self,
        files: &[String],
        read: impl Fn(&str) -> Result<String, String>,
        on: impl Fn(&str) -> Option<Place>,
        is_linked: impl Fn(&PoolName, &FolderPath) -> bool,
    ) {
        for file in files {
            let text = match read(&format!("{NOTE_FOLDER}/{file}")) {
                Ok(text) => text,
                Err(why) => {
                    self.errors.push(why);
                    continue;
                }
            };
            match Note::parse(file, &text) {
                None => (),
                Some(Err(why)) => self.errors.push(why),
                Some(Ok(note)) if self.find(note.pool.as_str()).is_some() => {
                    self.errors.push(format!(
                        "{NOTE_FOLDER}/{file}: there is a mount unit of a pool of this name too"
                    ))
                }
                Some(Ok(note)) => {
                    let directory = Directory {
                        on: on(note.path.as_str()),
                        is_linked: is_linked(&note.pool, &note.path),
                        path: note.path.clone(),
                        mount: note.mount.clone(),
                    };
                    self.all.push(Pool::of_note(note, directory));
                }
            }
        }
        self.all.sort_by(|a, b| a.name.cmp(&b.name));
    }

    /// The pools of the units among these files of [`UNIT_FOLDER`], on these devices. `read` gives the
    /// text of a path, or why it cannot be read.
    pub(crate) fn assemble(
        devices: &BlockDevices,
        files: &[String],
        read: impl Fn(&str) -> Result<String, String>,
    ) -> Pools {
        let mut pools = Pools::default();
        let places = Places::of(devices);
        let mut of_datasets: BTreeMap<PoolName, Vec<WithUnit>> = BTreeMap::new();
        let mut units = Vec::new();
        for file in files.iter().filter(|it| it.ends_with(".mount")) {
            let path = format!("{UNIT_FOLDER}/{file}");
            let text = match read(&path) {
                Ok(text) => text,
                Err(why) => {
                    pools.errors.push(why);
                    continue;
                }
            };
            if let Some((pool, dataset)) = VolumeUnit::owner(&text) {
                let it = (dataset, VolumeUnit::filesystem(&text));
                of_datasets.entry(pool).or_default().push(it);
            }
            match MountUnit::parse(&text) {
                None => (),
                Some(Ok(unit)) => units.push(unit),
                Some(Err(why)) => pools.errors.push(format!("{path}: {why}")),
            }
        }
        for mut unit in units {
            pools.all.push(match unit.thin.take() {
                None => places.pool(unit),
                Some(thin) => {
                    let with_unit = of_datasets.remove(&unit.name).unwrap_or_default();
                    lvm::pool(devices, unit, thin, &with_unit)
                }
            });
        }
        for (pool, datasets) in of_datasets {
            let datasets: Vec<&str> = datasets.iter().map(|it| it.0.as_str()).collect();
            pools.errors.push(format!(
                "{} have units, and there is no pool {pool} that they were in",
                datasets.join(", ")
            ));
        }
        pools.all.sort_by(|a, b| a.name.cmp(&b.name));
        pools
    }
}

/// A dataset that has a unit, and what is on its volume by that.
type WithUnit = (DatasetName, Option<Filesystem>);

/// What a unit may be about, found once for all of them: hundreds of pools are looked for among a
/// thousand devices.
struct Places<'a> {
    /// The devices with a filesystem, by its UUID.
    with: BTreeMap<&'a str, Vec<&'a BlockDevice>>,
    /// The devices that are mounted somewhere, by where.
    at: BTreeMap<&'a str, Vec<&'a BlockDevice>>,
}

impl<'a> Places<'a> {
    fn of(devices: &'a BlockDevices) -> Places<'a> {
        let mut places = Places {
            with: BTreeMap::new(),
            at: BTreeMap::new(),
        };
        for device in devices.by_name.values() {
            let uuids = device.signatures.iter().filter_map(|it| it.uuid.as_deref());
            for uuid in uuids {
                places.with.entry(uuid).or_default().push(device);
            }
            for at in &device.mounts {
                places.at.entry(at).or_default().push(device);
            }
        }
        places
    }

    fn pool(&self, mut unit: MountUnit) -> Pool {
        let at = unit.at();
        let is_at = |it: &&BlockDevice| it.mounts.contains(&at);
        let with = self.with.get(unit.uuid.as_str()).into_iter().flatten();
        let with = with.filter(|it| has(it, unit.filesystem, &unit.uuid));
        // The one that is mounted first, if any: it is the pool, whatever the others are.
        let mut on: Vec<&BlockDevice> = with.copied().collect();
        on.sort_by_key(|it| (!is_at(it), it.id.to_string()));
        on.dedup_by(|one, other| one.name == other.name);
        let is_mounted = on.iter().any(is_at);
        let is_ours = |it: &&&BlockDevice| on.iter().any(|on| on.name == it.name);
        let covering = self.at.get(at.as_str()).into_iter().flatten();
        let covered_by = covering.filter(|it| !is_ours(it)).map(|it| it.id.clone());
        let covered_by = covered_by.min_by_key(ToString::to_string);
        // Somebody may have added a device by hand: that is no copy.
        let noted: Option<DevicesUnit> = unit.devices.take();
        if noted.is_some() || devices::noted(&on, &unit.uuid).is_some() {
            return devices::pool(&on, covered_by, unit, noted.unwrap_or_default());
        }
        Pool {
            covered_by,
            device: on.first().map(|it| it.id.clone()),
            clones: on.iter().skip(1).map(|it| it.id.clone()).collect(),
            size: on.first().map(|it| it.size),
            is_mounted,
            name: unit.name,
            filesystem: unit.filesystem,
            kind: Kind::Filesystem,
            uuid: unit.uuid,
            options: unit.options,
            at,
            is_wanted: false,
            is_forced_read_only: false,
            errors: Vec::new(),
            last_error: None,
        }
    }
}

/// The devices with this filesystem.
pub(crate) fn devices_with<'a>(
    devices: &'a BlockDevices,
    filesystem: Filesystem,
    uuid: &'a str,
) -> impl Iterator<Item = &'a BlockDevice> {
    let all = devices.by_name.values();
    all.filter(move |it| has(it, filesystem, uuid))
}

fn has(device: &BlockDevice, filesystem: Filesystem, uuid: &str) -> bool {
    let mut signatures = device.signatures.iter();
    signatures.any(|it| it.kind == filesystem.word() && it.uuid.as_deref() == Some(uuid))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool() -> Pool {
        Pool {
            name: "tank".parse().unwrap(),
            filesystem: Filesystem::Xfs,
            kind: Kind::Filesystem,
            uuid: "U".to_owned(),
            device: Some(DeviceId::Md("1:2:3:4".to_owned())),
            clones: Vec::new(),
            size: None,
            at: "/srv/tank".to_owned(),
            options: Vec::new(),
            is_mounted: true,
            covered_by: None,
            is_wanted: true,
            is_forced_read_only: false,
            errors: Vec::new(),
            last_error: None,
        }
    }

    #[test]
    fn what_cannot_be_relied_on_is_not_called_well() {
        let count = ErrorCount {
            what: "corruption_errs".to_owned(),
            count: 3,
        };
        let damaged = Pool {
            errors: vec![count],
            ..pool()
        };
        let verdict = damaged.judge();
        assert_eq!(verdict.standing, Standing::Damaged);
        assert_eq!(verdict.reasons, ["xfs counted 3 corruption_errs"]);
        let read_only = Pool {
            is_forced_read_only: true,
            ..damaged
        };
        assert_eq!(read_only.judge().standing, Standing::ReadOnly);
        assert_eq!(read_only.judge().reasons.len(), 2);
    }

    #[test]
    fn a_name_is_a_folder_and_no_way_out_of_one() {
        for good in ["tank", "a", "Data-2_x"] {
            assert_eq!(good.parse::<PoolName>().unwrap().as_str(), good);
        }
        for bad in ["", "-x", ".", "..", ".hidden", "a/b", "a b", "ä", "a\n"] {
            assert!(bad.parse::<PoolName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_pool_that_is_not_there_is_never_well() {
        let standing = |it: &Pool| it.judge().standing;
        assert_eq!(standing(&pool()), Standing::Mounted);
        assert_eq!(pool().judge().reasons, Vec::<String>::new());
        let unmounted = Pool {
            is_mounted: false,
            ..pool()
        };
        assert_eq!(standing(&unmounted), Standing::Unmounted);
        let missing = Pool {
            device: None,
            ..unmounted.clone()
        };
        assert_eq!(standing(&missing), Standing::Missing);
        let other = DeviceId::Md("5:6:7:8".to_owned());
        let covered = Pool {
            covered_by: Some(other.clone()),
            ..unmounted
        };
        assert_eq!(standing(&covered), Standing::Confused);
        let cloned = Pool {
            clones: vec![other],
            ..pool()
        };
        assert_eq!(standing(&cloned), Standing::Confused);
        assert_eq!(cloned.judge().reasons.len(), 1);
    }
}
