//! Pools.

mod devices;
mod growth;

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use moxnas_app::{
    Seen,
    ops::{
        arrays::ArrayCreate,
        pools::{Base, PoolCheck, PoolCreate, PoolImport, PoolView},
    },
};
use moxnas_core::{
    disk::{BlockDevice, DeviceId},
    names::BadName,
};
use moxnas_pool::{devices as several, lvm::Kind, model as inside, plan::MountOption};
use poem_openapi::{Enum, Object};
use time::OffsetDateTime;

pub use self::{
    devices::{AddPoolDevice, BalancePool, RemovePoolDevice, ReplacePoolDevice},
    growth::PoolGrowth,
};
use super::{
    arrays::{Consistency, CreateArray, Layout, Level, Metadata},
    datasets::Space,
    timestamp,
};
use crate::problem::{Answer, Problem};

/// One page of pools
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct PoolPage {
    /// The pools, by name
    pub items: Vec<Pool>,
    /// Where the next page begins; left out on the last one
    pub next: Option<String>,
    /// What could not be read, in words
    pub errors: Vec<String>,
    /// When the machine was looked at
    pub as_of: OffsetDateTime,
}

/// A filesystem with a place in the tree
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Pool {
    /// Its name
    pub name: String,
    /// What it is; of thin volumes, what its datasets are made with; left out of a folder of the host
    pub filesystem: Option<Filesystem>,
    /// What it is made of
    pub kind: PoolKind,
    /// The folder of the host that it is; left out of others
    pub path: Option<String>,
    /// On what that folder is, in the word of the kernel, such as `zfs`; left out if nothing is mounted
    pub path_filesystem: Option<String>,
    /// The UUID of the filesystem, by which it is mounted; of thin volumes, that of its folder; of a
    /// folder of the host, that in its mark
    pub uuid: String,
    /// The device that the filesystem or the volume group is on; left out if no device has it
    pub device: Option<String>,
    /// The kernel name of that device
    pub kernel_name: Option<String>,
    /// Of one btrfs on several devices, all of them; left out of others
    pub members: Option<Vec<PoolMember>>,
    /// How data are to be put on them; left out of others, and if nobody has said
    pub profile: Option<Profile>,
    /// The size of the device, or of all devices that are there; the filesystem itself takes a part of it
    pub device_size_bytes: Option<u64>,
    /// How full it is; left out if it is not mounted, or could not be asked
    pub space: Option<Space>,
    /// How fast it grows; left out until it is known how full it was over a day, and if it is not mounted
    pub growth: Option<PoolGrowth>,
    /// Where it is mounted when it is; of a folder of the host, the link to it
    pub mount_point: String,
    /// With what options, beside `nofail`
    pub mount_options: Vec<String>,
    /// How it is
    pub standing: PoolStanding,
    /// Why it is not mounted as it should be, and why it could not be asked
    pub reasons: Vec<String>,
    /// When the machine was looked at
    pub as_of: OffsetDateTime,
}

/// One of the devices of a pool that has several
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct PoolMember {
    /// Its UUID among them
    pub uuid: String,
    /// The device; left out if it is not there
    pub device: Option<String>,
    /// Its kernel name
    pub kernel_name: Option<String>,
    /// Its size
    pub size_bytes: Option<u64>,
    /// Whether the kernel works with it; of a pool that is not mounted with none
    pub in_use: bool,
}

/// How a btrfs puts its data on several devices
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, clap::ValueEnum)]
#[oai(rename_all = "lowercase")]
pub enum Profile {
    /// One copy of data, two of metadata: no device may be lost
    Single,
    /// Two copies, on two devices
    Raid1,
    /// Two copies, in stripes over all devices
    Raid10,
    /// Three copies, on three devices
    Raid1c3,
    /// Four copies, on four devices
    Raid1c4,
    /// Parity; refused, as older data may be lost with what is being written when the power fails
    Raid5,
    /// Two parities; refused for the same reason
    Raid6,
}

/// What MoxNAS makes a pool of
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, clap::ValueEnum)]
#[oai(rename_all = "lowercase")]
pub enum Filesystem {
    /// What every rescue system reads
    Ext4,
    /// For large files and many writers at a time
    Xfs,
    /// Checksums, snapshots, compression
    Btrfs,
}

/// What a pool is made of
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum, clap::ValueEnum)]
#[oai(rename_all = "lowercase")]
pub enum PoolKind {
    /// One filesystem, in which all datasets are
    #[default]
    Filesystem,
    /// One btrfs on several devices
    Devices,
    /// Thin volumes of LVM: each dataset has a filesystem of its own, of the size of its quota, with
    /// snapshots also on ext4 and xfs
    Thin,
    /// A folder that the host of a container mounts into it: datasets are folders without quotas and
    /// snapshots
    Directory,
}

/// How a pool is
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum PoolStanding {
    /// It is mounted where it should be
    Mounted,
    /// It is mounted, and its filesystem has counted errors, or not all of its datasets are mounted
    Damaged,
    /// It is mounted, and the kernel lets nothing be written to it any more
    #[oai(rename = "read_only")]
    ReadOnly,
    /// Its device is there, and it is not mounted
    Unmounted,
    /// No device has its filesystem, or not all of its devices are there; or the host has not given its
    /// folder
    Missing,
    /// More than one device has its filesystem, or something else is mounted in its place
    Confused,
}

/// Make a filesystem and a pool of it: on a device that is there, or on an array that is made first; or
/// make a pool of a folder of the host. Exactly one of `device`, `devices`, `array` and `path`
#[derive(Clone, Debug, PartialEq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct CreatePool {
    /// Name of the new pool, which is mounted at /srv/NAME: letters, digits, `-` and `_`, 32 at most
    #[oai(validator(max_length = 32))]
    pub name: String,
    /// The device: the name of an array, or an id, serial number or path; all data on it is lost
    #[arg(skip)]
    #[oai(skip_serializing_if_is_none, validator(max_length = 256))]
    pub device: Option<String>,
    /// The device, or several for one btrfs on all of them: each the name of an array, or an id, serial
    /// number or path; all data on them is lost
    #[arg(long = "device", value_name = "DEVICE")]
    #[oai(default, validator(max_items = 64))]
    pub devices: Vec<String>,
    /// How data are put on several devices; raid1 if left out
    #[arg(long, value_enum)]
    #[oai(skip_serializing_if_is_none)]
    pub profile: Option<Profile>,
    /// The array that is made first; it gets the name of the pool
    #[command(flatten)]
    #[oai(skip_serializing_if_is_none)]
    pub array: Option<PoolArray>,
    /// The folder that is to be the pool, from / on, with `directory` as `kind`; nothing in it is changed
    #[arg(long)]
    #[oai(skip_serializing_if_is_none, validator(max_length = 512))]
    pub path: Option<String>,
    /// What to make on it; left out with a `path`
    #[arg(long = "fs", value_enum, required_unless_present = "path")]
    #[oai(skip_serializing_if_is_none)]
    pub filesystem: Option<Filesystem>,
    /// One filesystem for all datasets, or a thin volume with one for each; or a folder of the host
    #[arg(long, value_enum, default_value = "filesystem")]
    #[oai(default)]
    pub kind: PoolKind,
    /// Options of mount(8); `noatime` if none is given; none with a `path`
    #[arg(long = "option", value_name = "OPTION")]
    #[oai(default, validator(max_items = 32))]
    pub options: Vec<String>,
}

/// An array that is made for a pool, from whole disks or partitions
#[derive(Clone, Debug, PartialEq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct PoolArray {
    /// Make an array of this level first, of the name of the pool
    #[arg(long, value_enum, required = false, requires = "members")]
    pub level: Level,
    /// Devices of the array in the order of their slots, by id, serial number or path; all data on
    /// them is lost
    #[arg(
        long = "member",
        value_name = "DEVICE",
        required = false,
        requires = "level"
    )]
    #[oai(validator(max_items = 1024))]
    pub members: Vec<String>,
    /// Devices that wait for a member to fail; all data on them is lost
    #[arg(long = "spare", value_name = "DEVICE", requires = "level")]
    #[oai(default, validator(max_items = 1024))]
    pub spares: Vec<String>,
    /// Bytes per chunk, a power of two from 4096 up; 524288 if left out
    #[arg(long = "chunk", value_name = "BYTES", requires = "level")]
    #[oai(skip_serializing_if_is_none)]
    pub chunk_bytes: Option<u64>,
    /// How parity or copies are laid out; left-symmetric or n2 if left out
    #[arg(
        long,
        value_enum,
        hide_possible_values = true,
        value_name = "n2|f2|o2|left-symmetric|…",
        requires = "level"
    )]
    #[oai(skip_serializing_if_is_none)]
    pub layout: Option<Layout>,
    /// Where members keep what they remember of the array: 1.0 at their end, 1.1 at their start,
    /// 1.2 (if left out) 4 KiB behind it
    #[arg(
        long,
        value_enum,
        hide_possible_values = true,
        value_name = "1.0|1.1|1.2",
        requires = "level"
    )]
    #[oai(skip_serializing_if_is_none)]
    pub metadata: Option<Metadata>,
    /// How an unclean stop is healed; by a bitmap if left out, where there is redundancy
    #[arg(long, value_enum, requires = "level")]
    #[oai(skip_serializing_if_is_none)]
    pub consistency: Option<Consistency>,
    /// The device that a journal is kept on; all data on it is lost
    #[arg(long, value_name = "DEVICE", requires = "level")]
    #[oai(skip_serializing_if_is_none)]
    pub journal: Option<String>,
    /// Members of a mirror that are read only when no other can be: slow or remote ones
    #[arg(long = "write-mostly", value_name = "DEVICE", requires = "level")]
    #[oai(default, validator(max_items = 1024))]
    pub write_mostly: Vec<String>,
    /// Do not make copies or parity agree, because they do already: the reason. If they do not, a
    /// member that fails takes data with it
    #[arg(long = "assume-clean", value_name = "REASON", requires = "level")]
    #[oai(skip_serializing_if_is_none, validator(max_length = 200))]
    pub assume_clean: Option<String>,
}

/// How the filesystem of a pool is to be gone over
#[derive(Clone, Copy, Debug, PartialEq, Eq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct CheckPool {
    /// Put right what is wrong; of ext4 and xfs, what cannot be put right is lost
    #[arg(long)]
    #[oai(default)]
    pub repair: bool,
}

/// Make a pool of a filesystem that is there
#[derive(Clone, Debug, PartialEq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct ImportPool {
    /// Name that the pool gets, which is mounted at /srv/NAME: letters, digits, `-` and `_`, 32 at most
    #[oai(validator(max_length = 32))]
    pub name: String,
    /// The device: the name of an array, or an id, serial number or path
    #[arg(long)]
    #[oai(validator(max_length = 256))]
    pub device: String,
    /// Let nothing be written: to see first what is on it
    #[arg(long)]
    #[oai(default)]
    pub read_only: bool,
    /// Options of mount(8); `noatime` if none is given
    #[arg(long = "option", value_name = "OPTION")]
    #[oai(default, validator(max_items = 32))]
    pub options: Vec<String>,
}

fn options(given: &[String]) -> Result<Vec<MountOption>, BadName> {
    match given {
        [] => Ok(vec!["noatime".parse()?]),
        given => given.iter().map(|it| it.parse()).collect(),
    }
}

impl CreatePool {
    /// The operation.
    pub(crate) fn wish(self) -> Answer<PoolCreate> {
        let name = self.name.parse()?;
        let several = self.devices.len() > 1 || self.kind == PoolKind::Devices;
        let base = match (self.device, self.devices, self.array, self.path) {
            (Some(device), devices, None, None) if devices.is_empty() => Base::Device(device),
            (None, devices, None, None) if several && !devices.is_empty() => Base::Devices {
                devices,
                profile: self.profile.unwrap_or(Profile::Raid1).into(),
            },
            (None, devices, None, None) if !devices.is_empty() => Base::Device(devices.concat()),
            (None, devices, Some(array), None) if devices.is_empty() => {
                Base::Array(array.named(self.name)?)
            }
            (None, devices, None, Some(path)) if devices.is_empty() => {
                Base::Directory(path.parse()?)
            }
            _ => {
                let what = "say one of `device`, `array` and `path`: what the pool is made on";
                return Err(Problem::invalid(what).hint(
                    "`device` (--device) is something that is there, and `devices` are several; `array` \
                     (--level and --member) makes an array of the pool's name first; `path` (--path) is \
                     a folder of the host",
                ));
            }
        };
        let is_several = matches!(base, Base::Devices { .. });
        if is_several && self.kind == PoolKind::Thin {
            return Err(Problem::invalid("thin volumes are made on one device").hint(
                "`array` (--level and --member) makes one of several first; or leave the kind out",
            ));
        }
        if !is_several && self.profile.is_some() {
            return Err(Problem::invalid("a `profile` is for several devices").hint(
                "name several (--device A --device B), or leave the profile (--profile) out",
            ));
        }
        let is_folder = matches!(base, Base::Directory(_));
        if is_folder != (self.kind == PoolKind::Directory) {
            return Err(
                Problem::invalid("`path` and the kind `directory` go together").hint(
                    "`--kind directory --path FOLDER` makes a pool of a folder of the host; leave both \
                     out for a pool on a device",
                ),
            );
        }
        if is_folder && !(self.options.is_empty() && self.filesystem.is_none()) {
            return Err(Problem::invalid(
                "a folder of the host has no filesystem and no options to choose",
            )
            .hint("leave `filesystem` (--fs) and `options` (--option) out: they are the host's"));
        }
        let filesystem = match (self.filesystem, is_folder) {
            (Some(filesystem), _) => filesystem.into(),
            // It says nothing of a folder.
            (None, true) => inside::Filesystem::Ext4,
            (None, false) => {
                return Err(Problem::invalid("say what `filesystem` to make")
                    .hint("`filesystem` (--fs) is one of ext4, xfs and btrfs"));
            }
        };
        Ok(PoolCreate {
            name,
            base,
            filesystem,
            thin: self.kind == PoolKind::Thin,
            options: options(&self.options)?,
        })
    }
}

impl PoolArray {
    /// The array, which has the name of its pool.
    fn named(self, name: String) -> Result<ArrayCreate, BadName> {
        ArrayCreate::try_from(CreateArray {
            name,
            level: self.level,
            members: self.members,
            spares: self.spares,
            chunk_bytes: self.chunk_bytes,
            layout: self.layout,
            metadata: self.metadata,
            consistency: self.consistency,
            journal: self.journal,
            write_mostly: self.write_mostly,
            assume_clean: self.assume_clean,
        })
    }
}

impl CheckPool {
    /// The operation.
    #[must_use]
    pub fn of(self, pool: String) -> PoolCheck {
        let repair = self.repair;
        PoolCheck { pool, repair }
    }
}

impl TryFrom<ImportPool> for PoolImport {
    type Error = BadName;

    fn try_from(it: ImportPool) -> Result<PoolImport, BadName> {
        Ok(PoolImport {
            name: it.name.parse()?,
            device: it.device,
            read_only: it.read_only,
            options: options(&it.options)?,
        })
    }
}

impl From<Filesystem> for inside::Filesystem {
    fn from(it: Filesystem) -> inside::Filesystem {
        match it {
            Filesystem::Ext4 => inside::Filesystem::Ext4,
            Filesystem::Xfs => inside::Filesystem::Xfs,
            Filesystem::Btrfs => inside::Filesystem::Btrfs,
        }
    }
}

impl From<Profile> for several::Profile {
    fn from(it: Profile) -> several::Profile {
        match it {
            Profile::Single => several::Profile::Single,
            Profile::Raid1 => several::Profile::Raid1,
            Profile::Raid10 => several::Profile::Raid10,
            Profile::Raid1c3 => several::Profile::Raid1c3,
            Profile::Raid1c4 => several::Profile::Raid1c4,
            Profile::Raid5 => several::Profile::Raid5,
            Profile::Raid6 => several::Profile::Raid6,
        }
    }
}

impl From<several::Profile> for Profile {
    fn from(it: several::Profile) -> Profile {
        match it {
            several::Profile::Single => Profile::Single,
            several::Profile::Raid1 => Profile::Raid1,
            several::Profile::Raid10 => Profile::Raid10,
            several::Profile::Raid1c3 => Profile::Raid1c3,
            several::Profile::Raid1c4 => Profile::Raid1c4,
            several::Profile::Raid5 => Profile::Raid5,
            several::Profile::Raid6 => Profile::Raid6,
        }
    }
}

impl PoolMember {
    fn of(member: &several::Member, seen: &Seen) -> PoolMember {
        let node = member.device.as_ref();
        let node = node.and_then(|it| seen.raid.devices.by_id(it));
        PoolMember {
            uuid: member.uuid.clone(),
            device: member.device.as_ref().map(ToString::to_string),
            kernel_name: node.map(|it| it.name.clone()),
            size_bytes: member.size.map(|it| it.0),
            in_use: member.in_use,
        }
    }
}

impl From<inside::Filesystem> for Filesystem {
    fn from(it: inside::Filesystem) -> Filesystem {
        match it {
            inside::Filesystem::Ext4 => Filesystem::Ext4,
            inside::Filesystem::Xfs => Filesystem::Xfs,
            inside::Filesystem::Btrfs => Filesystem::Btrfs,
        }
    }
}

impl From<inside::Standing> for PoolStanding {
    fn from(it: inside::Standing) -> PoolStanding {
        match it {
            inside::Standing::Mounted => PoolStanding::Mounted,
            inside::Standing::Damaged => PoolStanding::Damaged,
            inside::Standing::ReadOnly => PoolStanding::ReadOnly,
            inside::Standing::Unmounted => PoolStanding::Unmounted,
            inside::Standing::Missing => PoolStanding::Missing,
            inside::Standing::Confused => PoolStanding::Confused,
        }
    }
}

impl Pool {
    /// A pool as it was seen.
    #[must_use]
    pub fn new(pool: &inside::Pool, seen: &Seen) -> Pool {
        let device = pool.device.as_ref();
        Pool::on(
            device.and_then(|it| seen.raid.devices.by_id(it)),
            pool,
            seen,
        )
    }

    /// The same of several. Their devices are found in one go through all that there are.
    pub(crate) fn each(pools: &[&inside::Pool], seen: &Seen) -> Vec<Pool> {
        let wanted: BTreeSet<&DeviceId> =
            pools.iter().filter_map(|it| it.device.as_ref()).collect();
        let mut nodes: BTreeMap<&DeviceId, Option<&BlockDevice>> = BTreeMap::new();
        let devices = seen.raid.devices.by_name.values();
        for it in devices.filter(|it| wanted.contains(&it.id)) {
            // Two devices with one id are nobody.
            let known = nodes.entry(&it.id);
            known.and_modify(|it| *it = None).or_insert(Some(it));
        }
        let node = |it: &inside::Pool| nodes.get(it.device.as_ref()?).copied().flatten();
        let all = pools.iter();
        all.map(|it| Pool::on(node(it), it, seen)).collect()
    }

    fn on(node: Option<&BlockDevice>, pool: &inside::Pool, seen: &Seen) -> Pool {
        let asked = seen.answers.contents.get(&pool.name);
        let verdict = pool.judge_with(asked.and_then(|it| it.said.as_deref().ok()));
        let mut reasons = verdict.reasons;
        let space = match Space::of(pool, seen) {
            Some(Err(why)) => {
                reasons.push(format!("how full it is is not known: {why}"));
                None
            }
            other => other.and_then(Result::ok),
        };
        let growth = PoolGrowth::of(pool, seen);
        let folder = match &pool.kind {
            Kind::Directory(it) => Some(it),
            _ => None,
        };
        let several = match &pool.kind {
            Kind::Devices(it) => Some(it),
            _ => None,
        };
        Pool {
            name: pool.name.to_string(),
            filesystem: folder.is_none().then(|| pool.filesystem.into()),
            kind: match pool.kind {
                Kind::Filesystem => PoolKind::Filesystem,
                Kind::Thin(_) => PoolKind::Thin,
                Kind::Directory(_) => PoolKind::Directory,
                Kind::Devices(_) => PoolKind::Devices,
            },
            members: several.map(|it| {
                let all = it.members.iter();
                all.map(|it| PoolMember::of(it, seen)).collect()
            }),
            profile: several.and_then(|it| it.profile).map(Profile::from),
            path: folder.map(|it| it.path.to_string()),
            path_filesystem: folder
                .and_then(|it| it.on.as_ref())
                .map(|it| it.filesystem.clone()),
            uuid: pool.uuid.clone(),
            device: pool.device.as_ref().map(ToString::to_string),
            kernel_name: node.map(|it| it.name.clone()),
            device_size_bytes: pool.size.map(|it| it.0),
            mount_point: pool.at.clone(),
            mount_options: pool.options.clone(),
            standing: verdict.standing.into(),
            reasons,
            space,
            growth,
            as_of: timestamp(seen.as_of),
        }
    }
}

impl From<PoolView> for Pool {
    fn from(view: PoolView) -> Pool {
        Pool::new(&view.pool, &view.seen)
    }
}
