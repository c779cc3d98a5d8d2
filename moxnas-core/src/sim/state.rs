//! Everything in a simulated machine.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::SystemTime,
};

use super::{Contents, DiskSpec, Event, Fault, NoSuchDisk, SimDisk, surface::Surface};
use crate::{
    disk::{BlockDevice, BlockDevices, BlockKind, Bus, DeviceId, DiskId},
    units::Bytes,
};

/// A block device that the kernel made out of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Who it is.
    pub id: DeviceId,
    /// What it is.
    pub kind: BlockKind,
    /// Its size.
    pub size: Bytes,
    /// Kernel names of the devices it is made of.
    pub slaves: Vec<String>,
}

/// The inside of a [`SimMachine`](super::SimMachine).
#[derive(Debug)]
pub struct SimState {
    /// The disks by serial number, plugged in or not.
    pub disks: BTreeMap<String, SimDisk>,
    /// Arrays and volumes by kernel name. Lost when power is cut.
    pub nodes: BTreeMap<String, Node>,
    /// What is on each device, by the text of its id.
    pub contents: BTreeMap<String, Contents>,
    /// Devices that are mounted, by the text of their id. Lost when power is cut, and mounted again
    /// at the start as far as the devices are there.
    pub mounts: Vec<(String, String)>,
    /// Devices that are swapped to, by the text of their id.
    pub swaps: Vec<String>,
    /// How often somebody has written to an array or a disk, by the text of its id.
    pub writes: BTreeMap<String, u64>,
    /// Configuration files by path. They survive a power cut.
    pub files: BTreeMap<String, String>,
    /// What happened so far, oldest first.
    pub events: Vec<(SystemTime, Event)>,
    /// What will go wrong.
    pub faults: Vec<Fault>,
    random: u64,
    /// Keys of `disks` by kernel name.
    names: BTreeMap<String, String>,
    /// How many names of a family are taken by disks, from the first on without a gap.
    taken: BTreeMap<&'static str, usize>,
}

impl SimState {
    /// The names of the files in a folder.
    #[must_use]
    pub fn folder(&self, path: &str) -> Vec<String> {
        let name = |it: &String| {
            let name = it.strip_prefix(path)?.strip_prefix('/')?;
            (!name.contains('/')).then(|| name.to_owned())
        };
        self.files.keys().filter_map(name).collect()
    }

    pub(super) fn new(seed: u64) -> SimState {
        SimState {
            disks: BTreeMap::new(),
            nodes: BTreeMap::new(),
            contents: BTreeMap::new(),
            mounts: Vec::new(),
            swaps: Vec::new(),
            writes: BTreeMap::new(),
            files: BTreeMap::new(),
            events: Vec::new(),
            faults: Vec::new(),
            random: seed,
            names: BTreeMap::new(),
            taken: BTreeMap::new(),
        }
    }

    /// The next number of the seed. SplitMix64: short, and the same everywhere.
    pub fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let it = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        it ^ (it >> 31)
    }

    pub(super) fn plug_new(&mut self, spec: DiskSpec, now: SystemTime) -> String {
        // A disk that tells no serial number still has to be found again by the simulation.
        let key = match spec.serial.as_str() {
            "" => format!("anonymous-{}", self.disks.len()),
            serial => serial.to_owned(),
        };
        let name = self.free_name(spec.bus);
        let id = spec.link().and_then(|it| it.parse().ok());
        self.names.insert(name.clone(), key.clone());
        let disk = SimDisk {
            spec,
            kernel_name: Some(name.clone()),
            id,
            surface: Surface::default(),
            erasing: None,
            light: false,
            taken: false,
        };
        self.disks.insert(key, disk);
        self.events.push((now, Event::Plugged(name.clone())));
        name
    }

    pub(super) fn pull(&mut self, serial: &str, now: SystemTime) -> Result<(), NoSuchDisk> {
        let name = self.take_out(serial)?;
        self.events.push((now, Event::Pulled(name)));
        Ok(())
    }

    /// Take a disk out without the kernel noticing: for what happens while the machine is off.
    pub fn take_out(&mut self, serial: &str) -> Result<String, NoSuchDisk> {
        let disk = self.disk_mut(serial)?;
        let name = disk.kernel_name.take();
        disk.taken = false;
        let name = name.ok_or_else(|| NoSuchDisk::NotPlugged(serial.to_owned()))?;
        self.names.remove(&name);
        self.taken.clear();
        Ok(name)
    }

    pub(super) fn plug_back(
        &mut self,
        serial: &str,
        now: SystemTime,
    ) -> Result<String, NoSuchDisk> {
        let disk = self.disk_mut(serial)?;
        if disk.kernel_name.is_some() {
            return Err(NoSuchDisk::Plugged(serial.to_owned()));
        }
        let name = self.give_name(serial);
        self.events.push((now, Event::Plugged(name.clone())));
        Ok(name)
    }

    /// Let the kernel find the disk under its next free name.
    fn give_name(&mut self, serial: &str) -> String {
        let name = self.free_name(self.disks[serial].spec.bus);
        self.names.insert(name.clone(), serial.to_owned());
        if let Some(disk) = self.disks.get_mut(serial) {
            disk.kernel_name = Some(name.clone());
        }
        name
    }

    pub(super) fn restart(&mut self, clean: bool, now: SystemTime) {
        self.events.push((now, Event::Down { clean }));
        self.nodes.clear();
        // The kernel counts from the start again, in the order of the slots.
        let present: Vec<String> = self
            .present()
            .map(|(serial, ..)| serial.to_owned())
            .collect();
        self.names.clear();
        self.taken.clear();
        for disk in self.disks.values_mut() {
            disk.kernel_name = None;
            disk.taken = false;
        }
        for serial in present {
            self.give_name(&serial);
        }
        self.contents.values_mut().for_each(Contents::let_go);
        self.events.push((now, Event::Up));
    }

    fn disk_mut(&mut self, serial: &str) -> Result<&mut SimDisk, NoSuchDisk> {
        self.disks
            .get_mut(serial)
            .ok_or_else(|| NoSuchDisk::Unknown(serial.to_owned()))
    }

    fn present(&self) -> impl Iterator<Item = (&str, &SimDisk, &str)> {
        self.disks.iter().filter_map(|(serial, disk)| {
            disk.kernel_name
                .as_deref()
                .map(|name| (serial.as_str(), disk, name))
        })
    }

    /// The disk of this kernel name, or the one that the partition of this name is on.
    #[must_use]
    pub fn disk_named(&self, name: &str) -> Option<&SimDisk> {
        let names = &self.names;
        let serial = names.get(name).or_else(|| names.get(without_number(name)));
        self.disks.get(serial?)
    }

    /// The name the kernel gives to the next disk: the first that neither a disk has nor an array
    /// still lists for a disk that left, be it for one of its partitions only.
    fn free_name(&mut self, bus: Bus) -> String {
        let family = match bus {
            Bus::Nvme => "nvme",
            Bus::Virtio => "vd",
            Bus::Mmc => "mmcblk",
            Bus::Ata | Bus::Scsi | Bus::Usb | Bus::Unknown => "sd",
        };
        let name = |number: usize| match family {
            "nvme" => format!("nvme{number}n1"),
            "mmcblk" => format!("mmcblk{number}"),
            family => format!("{family}{}", letters(number)),
        };
        // A thousand disks that are plugged in one after the other need not be counted each time.
        let taken = self.taken.entry(family).or_default();
        while self.names.contains_key(&name(*taken)) {
            *taken += 1;
        }
        let held = self.nodes.values().flat_map(|node| &node.slaves);
        let held: BTreeSet<&str> = held.flat_map(|it| [it, without_number(it)]).collect();
        (*taken..)
            .map(name)
            .find(|it| !self.names.contains_key(it) && !held.contains(it.as_str()))
            .expect("numbers do not end")
    }

    /// The stable id of the device with this kernel name.
    #[must_use]
    pub fn id_of(&self, name: &str) -> Option<DeviceId> {
        if let Some(node) = self.nodes.get(name) {
            return Some(node.id.clone());
        }
        let disk = self.disk_named(name)?;
        let disk_name = disk.kernel_name.as_deref()?;
        let id = disk.device_id(disk_name);
        if disk_name == name {
            return Some(id);
        }
        let number = part_number(disk_name, name)?;
        let is_there = number as usize <= disk.spec.partitions.len();
        is_there.then(|| partition_id(&id, name, number))
    }

    /// The size of the device with this id; `None`: it is not there. All devices need not be put
    /// together for it.
    #[must_use]
    pub fn size_of(&self, id: &DeviceId) -> Option<Bytes> {
        let disk = |id: &DiskId| {
            let mut all = self.present().map(|(_, disk, _)| disk);
            all.find(|it| it.id.as_ref() == Some(id))
        };
        match id {
            DeviceId::Disk(id) => Some(disk(id)?.spec.size),
            DeviceId::Partition(id, number) => {
                let place = usize::try_from(*number).ok()?.checked_sub(1)?;
                disk(id)?.spec.partitions.get(place).copied()
            }
            other => match self.nodes.values().find(|it| it.id == *other) {
                Some(node) => Some(node.size),
                None => self.block_devices().by_id(other).map(|it| it.size),
            },
        }
    }

    /// What is on a device, to be changed.
    pub fn contents_mut(&mut self, id: &DeviceId) -> &mut Contents {
        self.contents.entry(id.to_string()).or_default()
    }

    /// What is on a device.
    #[must_use]
    pub fn contents_of(&self, id: &DeviceId) -> Contents {
        self.contents
            .get(&id.to_string())
            .cloned()
            .unwrap_or_default()
    }

    /// Whether the disk below this kernel name has media errors.
    #[must_use]
    pub fn is_failing(&self, name: &str) -> bool {
        self.disk_named(name).is_some_and(|it| it.spec.failing)
    }

    /// The fault that strikes a step of this text, which is then used up.
    pub fn take_fault(&mut self, step: &str) -> Option<Fault> {
        let at = self
            .faults
            .iter()
            .position(|it| step.contains(it.matching()))?;
        Some(self.faults.remove(at))
    }

    /// All block devices that are there, as a machine would see them.
    #[must_use]
    pub fn block_devices(&self) -> BlockDevices {
        let mut by_name = BTreeMap::new();
        for (place, (_, disk, name)) in (0_u32..).zip(self.present()) {
            let spec = &disk.spec;
            let id = disk.device_id(name);
            let kind = BlockKind::Disk(spec.facts());
            let number = (8, place * 16);
            let mut disk = self.device(name, id.clone(), kind, spec.size, number);
            disk.aliases = spec.links();
            for (number, size) in (1_u32..).zip(&spec.partitions) {
                let part = part_name(name, number);
                let id = partition_id(&id, &part, number);
                let kind = BlockKind::Partition { number };
                let mut part = self.device(&part, id, kind, *size, (8, place * 16 + number));
                part.slaves = vec![name.to_owned()];
                by_name.insert(part.name.clone(), part);
            }
            by_name.insert(name.to_owned(), disk);
        }
        for (place, (name, node)) in (0_u32..).zip(&self.nodes) {
            let number = (9, name.trim_start_matches("md").parse().unwrap_or(place));
            let mut it = self.device(name, node.id.clone(), node.kind.clone(), node.size, number);
            it.slaves.clone_from(&node.slaves);
            it.slaves
                .retain(|slave| by_name.contains_key(slave) || self.nodes.contains_key(slave));
            by_name.insert(name.clone(), it);
        }
        let mut mounts: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
        for (device, at) in &self.mounts {
            mounts.entry(device).or_default().push(at);
        }
        for it in by_name.values_mut() {
            let at = mounts.get(it.id.to_string().as_str());
            it.mounts = at.into_iter().flatten().copied().cloned().collect();
        }
        BlockDevices {
            by_name,
            errors: Vec::new(),
        }
    }

    /// Without what is mounted of it.
    fn device(
        &self,
        name: &str,
        id: DeviceId,
        kind: BlockKind,
        size: Bytes,
        number: (u32, u32),
    ) -> BlockDevice {
        let text = id.to_string();
        BlockDevice {
            name: name.to_owned(),
            aliases: Vec::new(),
            number,
            size,
            read_only: false,
            kind,
            slaves: Vec::new(),
            signatures: self
                .contents
                .get(&text)
                .map_or_else(Vec::new, |it| it.signatures.clone()),
            mounts: Vec::new(),
            swap: self.swaps.contains(&text),
            id,
        }
    }
}

/// The name of the disk of a partition: of `sdp1` and `nvme0n1p1`, `sdp` and `nvme0n1`.
fn without_number(name: &str) -> &str {
    let disk = name.trim_end_matches(|it: char| it.is_ascii_digit());
    match disk.strip_suffix('p') {
        Some(short) if short.ends_with(|it: char| it.is_ascii_digit()) => short,
        _ => disk,
    }
}

/// `a` to `z`, `aa`, `ab`, …: how the kernel counts disks.
fn letters(mut number: usize) -> String {
    let mut text = String::new();
    loop {
        let letter = u8::try_from(number % 26).expect("below 26");
        text.insert(0, char::from(b'a' + letter));
        if number < 26 {
            return text;
        }
        number = number / 26 - 1;
    }
}

fn part_name(disk: &str, number: u32) -> String {
    match disk.ends_with(|it: char| it.is_ascii_digit()) {
        true => format!("{disk}p{number}"),
        false => format!("{disk}{number}"),
    }
}

fn part_number(disk: &str, name: &str) -> Option<u32> {
    let number = name
        .strip_prefix(disk)?
        .trim_start_matches('p')
        .parse()
        .ok()?;
    (part_name(disk, number) == name).then_some(number)
}

impl SimDisk {
    fn device_id(&self, name: &str) -> DeviceId {
        let unnamed = || DeviceId::Kernel(name.to_owned());
        self.id.clone().map_or_else(unnamed, DeviceId::Disk)
    }
}

fn partition_id(disk: &DeviceId, name: &str, number: u32) -> DeviceId {
    match disk {
        DeviceId::Disk(disk) => DeviceId::Partition(disk.clone(), number),
        _ => DeviceId::Kernel(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn disks_are_named_as_the_kernel_would() {
        assert_eq!(
            ["a", "z", "aa", "az", "ba", "zz", "aaa"],
            [0, 25, 26, 51, 52, 701, 702]
                .map(letters)
                .each_ref()
                .map(String::as_str)
        );
        let mut state = SimState::new(1);
        let now = SystemTime::UNIX_EPOCH;
        assert_eq!(state.plug_new(DiskSpec::hdd("A", 1 << 30), now), "sda");
        assert_eq!(state.plug_new(DiskSpec::nvme("N", 1 << 30), now), "nvme0n1");
        assert_eq!(state.plug_new(DiskSpec::ssd("B", 1 << 30), now), "sdb");
        state.pull("A", now).unwrap();
        assert_eq!(
            state.pull("A", now),
            Err(NoSuchDisk::NotPlugged("A".to_owned()))
        );
        assert_eq!(state.plug_back("A", now).unwrap(), "sda");
        assert_eq!(
            state.plug_back("X", now),
            Err(NoSuchDisk::Unknown("X".to_owned()))
        );
    }

    #[test]
    fn a_name_that_an_array_holds_goes_to_no_other_disk() {
        let now = SystemTime::UNIX_EPOCH;
        // The one it lists, and the disk of the partition it lists.
        for slave in ["sda", "sda2"] {
            let mut state = SimState::new(1);
            state.plug_new(DiskSpec::hdd("A", 1 << 30), now);
            let node = Node {
                id: "md-uuid-63cbe1e4:59320dd7:044c3cd7:f43c661c"
                    .parse()
                    .unwrap(),
                kind: BlockKind::Md,
                size: Bytes(1 << 30),
                slaves: vec![slave.to_owned()],
            };
            state.nodes.insert("md127".to_owned(), node);
            state.pull("A", now).unwrap();
            assert_eq!(state.plug_back("A", now).unwrap(), "sdb");
            state.nodes.clear();
            state.pull("A", now).unwrap();
            assert_eq!(state.plug_back("A", now).unwrap(), "sda");
        }
    }

    #[test]
    fn the_sixteenth_disk_has_partitions_too() {
        assert_eq!(
            ["sdp", "sdp1", "sdap12", "nvme0n1p1", "mmcblk0p2"].map(without_number),
            ["sdp", "sdp", "sdap", "nvme0n1", "mmcblk0"]
        );
    }

    #[test]
    fn partitions_and_what_is_on_them_are_found() {
        let mut state = SimState::new(1);
        let spec = DiskSpec {
            partitions: vec![Bytes(512), Bytes(1024)],
            ..DiskSpec::nvme("N", 4096)
        };
        state.plug_new(spec, SystemTime::UNIX_EPOCH);
        let id = state.id_of("nvme0n1p2").unwrap();
        assert_eq!(state.id_of("nvme0n1p3"), None);
        state.mounts.push((id.to_string(), "/".to_owned()));
        let seen = state.block_devices();
        let uses = seen.uses("nvme0n1");
        assert_eq!(uses.len(), 1, "{uses:?}");
        assert!(uses[0].is_system());
        assert_eq!(seen.resolve("N").unwrap().name, "nvme0n1");
        assert_eq!(seen.resolve("/dev/nvme0n1p2").unwrap().id, id);
    }
}
