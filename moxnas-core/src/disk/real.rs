//! The block devices of a real machine, from sysfs, udev's database and `/proc`.
//!
//! Nothing here opens a device, so a disk that hangs delays nothing.

mod attrs;
mod direct;
mod facts;
mod identity;
mod lines;
mod md;
mod mounts;
mod passthrough;
mod sanitizing;
mod udev;
mod usage;
mod work;
pub mod work_argv;

use std::collections::BTreeMap;

use super::{BlockDevice, BlockDevices, BlockKind, DeviceId, DiskBackend, ObserveError, Signature};
use crate::{chain::chain, root::Root, units::Bytes};
use attrs::{Attrs, Errors};
pub(crate) use mounts::{MOUNTINFO, SWAPS};
pub use mounts::{Mount, mounts};
use udev::Entry;
pub use work::SystemDiskWork;

/// Reads block devices below a [`Root`].
#[derive(Clone, Debug)]
pub struct SystemDisks(Root);

impl SystemDisks {
    /// The machine whose `/` is at `root`.
    #[must_use]
    pub fn new(root: Root) -> SystemDisks {
        SystemDisks(root)
    }
}

impl DiskBackend for SystemDisks {
    fn devices(&self) -> Result<BlockDevices, ObserveError> {
        let errors = Errors::default();
        for (folder, what) in [
            ("/sys/block", "no device can be seen"),
            ("/run/udev/data", "what is on the devices is not known"),
        ] {
            if !self.0.exists(folder) {
                errors.add(format!("{folder} is not there: {what}"));
            }
        }
        let mut look = Look {
            root: &self.0,
            errors: &errors,
            devices: BTreeMap::new(),
            links: BTreeMap::new(),
            arrays: read_map(&self.0, &errors),
        };
        // Arrays come last: one may have to be told by its members.
        let (arrays, others): (Vec<String>, Vec<String>) = self
            .0
            .list("/sys/block")?
            .into_iter()
            .partition(|it| is_array(it));
        for name in others.iter().chain(&arrays) {
            look.whole(name);
        }
        let Look {
            mut devices, links, ..
        } = look;
        let mut named = usage::Named {
            root: &self.0,
            errors: &errors,
            devices: &mut devices,
            links: &links,
        };
        named.enter_mounts();
        named.enter_swaps();
        // A RAM disk with its own compression matters where it is swapped to.
        devices.retain(|name, it| !name.starts_with("zram") || it.swap);
        Ok(BlockDevices {
            by_name: devices,
            errors: errors.into_vec(),
        })
    }
}

/// What has been seen so far.
struct Look<'a> {
    root: &'a Root,
    errors: &'a Errors,
    devices: BTreeMap<String, BlockDevice>,
    /// Kernel names by link below `/dev`.
    links: BTreeMap<String, String>,
    /// mdadm's map of assembled arrays.
    arrays: Vec<md::MapLine>,
}

impl<'a> Look<'a> {
    /// Read a whole device and its partitions.
    fn whole(&mut self, name: &str) {
        let attrs = self.attrs(format!("/sys/block/{name}"));
        if is_left_out(name, &attrs) {
            return;
        }
        let Some(whole) = self.device(name, &attrs, None) else {
            return;
        };
        for part in attrs.list("").iter().filter(|it| it.starts_with(name)) {
            let below = attrs.below(part);
            let Some(number) = below.number("partition") else {
                continue;
            };
            if let Some(device) = self.device(part, &below, Some((&whole, number))) {
                self.devices.insert(part.clone(), device);
            }
        }
        self.devices.insert(name.to_owned(), whole);
    }

    /// Read a device, or a partition of another. `None` when it has no size, or has left.
    fn device(
        &mut self,
        name: &str,
        attrs: &Attrs<'_>,
        part_of: Option<(&BlockDevice, u32)>,
    ) -> Option<BlockDevice> {
        let size = Bytes::from_sectors(attrs.number("size")?);
        // An array that does not run has no size.
        if size == Bytes(0) && (part_of.is_some() || !is_array(name)) {
            return None;
        }
        let number = attrs.device_number()?;
        let text = self.udev_text(number);
        let entry = text.as_deref().map(|it| self.udev_entry(number, it));
        let (kind, slaves, id) = match part_of {
            Some((whole, number)) => (
                BlockKind::Partition { number },
                vec![whole.name.clone()],
                part_id(&whole.id, number),
            ),
            None => {
                let kind = kind(name, attrs, entry.as_ref());
                let slaves = slaves(attrs, &kind);
                let id = self.whole_id(attrs, &kind, &slaves, entry.as_ref());
                (kind, slaves, id)
            }
        };
        let signatures = match &entry {
            Some(entry) => signatures(entry, &kind),
            None if size == Bytes(0) => Vec::new(),
            None => vec![Signature::unknown()],
        };
        let entry = entry.unwrap_or_default();
        self.links.extend(
            entry
                .links
                .iter()
                .map(|it| ((*it).to_owned(), name.to_owned())),
        );
        let mut aliases: Vec<String> = entry.ids().map(str::to_owned).collect();
        aliases.sort_unstable();
        // A name with characters that udev lets into no link is no id.
        let id = id.filter(|it| it.to_string().parse().as_ref() == Ok(it));
        let device = BlockDevice {
            name: name.to_owned(),
            id: id.unwrap_or_else(|| DeviceId::Kernel(name.to_owned())),
            aliases,
            number,
            size,
            read_only: attrs.flag("ro").unwrap_or_default(),
            kind,
            slaves,
            signatures,
            mounts: Vec::new(),
            swap: false,
        };
        // What was read of a device that left meanwhile may be half the truth.
        attrs.exists("dev").then_some(device)
    }

    fn whole_id(
        &self,
        attrs: &Attrs<'_>,
        kind: &BlockKind,
        slaves: &[String],
        entry: Option<&Entry<'_>>,
    ) -> Option<DeviceId> {
        match kind {
            BlockKind::Disk(disk) => match entry {
                Some(entry) => identity::from_links(entry.ids(), disk),
                None => identity::from_kernel(attrs, disk),
            }
            .map(DeviceId::Disk),
            BlockKind::Md => {
                let members = slaves.iter().filter_map(|it| self.devices.get(it));
                let marks = members.flat_map(|it| &it.signatures);
                md::uuid(attrs, entry, &self.arrays, marks).map(DeviceId::Md)
            }
            BlockKind::Dm { name, .. } => Some(DeviceId::Dm(name.clone())),
            BlockKind::Partition { .. } | BlockKind::Other => None,
        }
    }

    fn attrs(&self, folder: String) -> Attrs<'a> {
        Attrs {
            root: self.root,
            folder,
            errors: self.errors,
        }
    }

    fn udev_text(&self, (major, minor): (u32, u32)) -> Option<String> {
        let read = self.root.read(format!("/run/udev/data/b{major}:{minor}"));
        read.unwrap_or_else(|err| {
            self.errors.add(chain(&err));
            None
        })
    }

    fn udev_entry<'b>(&self, (major, minor): (u32, u32), text: &'b str) -> Entry<'b> {
        let (entry, bad) = Entry::parse(text);
        for bad in bad {
            self.errors
                .add(format!("/run/udev/data/b{major}:{minor}: {bad}"));
        }
        entry
    }
}

/// What is never a place to keep data, told without reading much.
fn is_left_out(name: &str, attrs: &Attrs<'_>) -> bool {
    let numbered = |prefix| {
        let rest = name.strip_prefix(prefix);
        rest.is_some_and(|it: &str| it.starts_with(|it: char| it.is_ascii_digit()))
    };
    if numbered("sr") || numbered("ram") || numbered("fd") {
        return true;
    }
    // One of the paths to `nvme0n1`, which is shown itself.
    let is_path = numbered("nvme") && attrs.flag("hidden") == Some(true);
    is_path || (numbered("loop") && !attrs.exists("loop/backing_file"))
}

/// `md127`, or `md_data` where mdadm.conf says `CREATE names=yes`.
fn is_array(name: &str) -> bool {
    name.starts_with("md")
}

fn kind(name: &str, attrs: &Attrs<'_>, entry: Option<&Entry<'_>>) -> BlockKind {
    if is_array(name) {
        return BlockKind::Md;
    }
    if name.starts_with("dm-")
        && let Some(name) = attrs.text("dm/name")
    {
        return BlockKind::Dm {
            name,
            uuid: attrs.text("dm/uuid"),
        };
    }
    // The boot areas of an eMMC are not the disk, although they answer with its serial number.
    let is_area = name
        .strip_prefix("mmcblk")
        .is_some_and(|it| it.contains(char::is_alphabetic));
    let is_disk = !is_area && attrs.exists("device");
    if is_disk {
        BlockKind::Disk(facts::disk(attrs, entry))
    } else {
        BlockKind::Other
    }
}

/// The members of an array, the parts of a volume. md also lists the members of an array that
/// does not run.
fn slaves(attrs: &Attrs<'_>, kind: &BlockKind) -> Vec<String> {
    let mut slaves = Vec::new();
    if !matches!(kind, BlockKind::Disk(_)) {
        slaves = attrs.list("slaves");
    }
    let about_array = if *kind == BlockKind::Md {
        attrs.list("md")
    } else {
        Vec::new()
    };
    for member in about_array.iter().filter(|it| it.starts_with("dev-")) {
        // The link of a member that has left leads nowhere.
        let block = format!("md/{member}/block");
        if attrs.exists(&block) {
            slaves.extend(attrs.root.link_name(attrs.path(&block)));
        }
    }
    slaves.sort_unstable();
    slaves.dedup();
    slaves
}

fn part_id(whole: &DeviceId, number: u32) -> Option<DeviceId> {
    match whole {
        DeviceId::Disk(disk) => Some(DeviceId::Partition(disk.clone(), number)),
        DeviceId::Md(uuid) => Some(DeviceId::MdPartition(uuid.clone(), number)),
        _ => None,
    }
}

/// What udev found on the device. Of a partition, `ID_PART_TABLE_…` is about the whole disk.
fn signatures(entry: &Entry<'_>, kind: &BlockKind) -> Vec<Signature> {
    let mut signatures = Vec::new();
    let mut add = |kind: &str, uuid: &str, label: &str| {
        if let Some(kind) = entry.get(kind) {
            let (uuid, label) = (entry.get_decoded(uuid), entry.get_decoded(label));
            // md members have such a one too, which mdadm tells better.
            let member = (kind == "btrfs").then(|| entry.get_decoded("ID_FS_UUID_SUB"));
            signatures.push(Signature {
                kind: kind.to_owned(),
                uuid,
                label,
                member: member.flatten(),
            });
        }
    };
    if !matches!(kind, BlockKind::Partition { .. }) {
        add("ID_PART_TABLE_TYPE", "ID_PART_TABLE_UUID", "");
    }
    add("ID_FS_TYPE", "ID_FS_UUID", "ID_FS_LABEL");
    signatures
}

fn read_map(root: &Root, errors: &Errors) -> Vec<md::MapLine> {
    let text = root.read("/run/mdadm/map").unwrap_or_else(|err| {
        errors.add(chain(&err));
        None
    });
    let lines = md::parse_map(&text.unwrap_or_default());
    for bad in lines.bad {
        errors.add(format!("/run/mdadm/map: {bad}"));
    }
    lines.items
}
