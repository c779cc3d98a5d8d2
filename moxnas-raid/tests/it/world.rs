//! Random machines on which random things happen.

use std::time::Duration;

use moxnas_core::{
    disk::{BlockDevice, DeviceId, Signature},
    plan::Plan,
    sim::{DiskSpec, SimMachine},
    units::Bytes,
};
use moxnas_raid::{
    Array, ArraySettings, Change, Consistency, CreateArray, Grow, Inventory, Layout, Level,
    Metadata, RaidBackend, SimRaid, Step, execute,
    geometry::{has_chunks, is_redundant, members_min},
    plan::{GroupWish, Scrub, SpeedWish, plan},
};
use proptest::prelude::*;

/// A disk to begin with.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    kind: usize,
    /// In MiB, and this many sectors more.
    size: (u64, u64),
    partitions: usize,
    failing: bool,
    foreign: bool,
}

/// Something that happens. Numbers choose among what is there, modulo how many there are.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// Somebody wants something, and gets it if the planner does not mind.
    Wish(Wish),
    Pull(usize),
    PlugBack(usize),
    Wait(u64),
    Reboot,
    PowerCut,
    Mount(usize),
    Umount,
    Swap(usize),
}

/// A wish in which nothing needs to exist yet.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    what: usize,
    array: usize,
    device: usize,
    other: usize,
    count: usize,
    level: usize,
    chunk: usize,
    shuffle: usize,
}

pub(crate) const LEVELS: [Level; 6] = [
    Level::Raid0,
    Level::Raid1,
    Level::Raid4,
    Level::Raid5,
    Level::Raid6,
    Level::Raid10,
];

/// Any disks. Those of a gibibyte and less are where the figures are not round.
pub(crate) fn any_disks() -> impl Strategy<Value = Vec<Disk>> {
    let sizes = prop::sample::select(vec![8_u64, 64, 128, 1024, 8200, 4_000_000]);
    let disk = (
        0_usize..5,
        sizes,
        0_u64..2000,
        0_usize..8,
        0_usize..10,
        0_usize..10,
    );
    let disk = disk.prop_map(|(kind, size, odd, partitions, failing, foreign)| Disk {
        kind,
        size: (size, odd),
        partitions: if partitions < 6 { 0 } else { partitions - 5 },
        failing: failing == 0,
        foreign: foreign == 0,
    });
    prop::collection::vec(disk, 4..9)
}

/// Disks on which arrays work for ever.
pub(crate) fn good_disks() -> impl Strategy<Value = Vec<Disk>> {
    any_disks().prop_map(|mut disks| {
        for disk in &mut disks {
            disk.failing = false;
            disk.size.0 = disk.size.0.max(64);
        }
        disks
    })
}

pub(crate) fn any_wish() -> impl Strategy<Value = Wish> {
    let number = || 0_usize..1000;
    let wish = (
        number(),
        number(),
        number(),
        number(),
        number(),
        number(),
        number(),
        number(),
    );
    wish.prop_map(
        |(what, array, device, other, count, level, chunk, shuffle)| Wish {
            what,
            array,
            device,
            other,
            count,
            level,
            chunk,
            shuffle,
        },
    )
}

pub(crate) fn any_events(count: usize) -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        8 => any_wish().prop_map(Event::Wish),
        2 => (0_usize..9).prop_map(Event::Pull),
        2 => (0_usize..9).prop_map(Event::PlugBack),
        3 => prop::sample::select(vec![1_u64, 31, 3600, 40_000]).prop_map(Event::Wait),
        1 => Just(Event::Reboot),
        1 => Just(Event::PowerCut),
        1 => (0_usize..9).prop_map(Event::Mount),
        1 => Just(Event::Umount),
        1 => (0_usize..30).prop_map(Event::Swap),
    ];
    // There is something to begin with.
    let create = any_wish().prop_map(|it| Event::Wish(Wish { what: 0, ..it }));
    let first = prop::collection::vec(create, 1..4);
    (first, prop::collection::vec(event, 0..count)).prop_map(|(mut first, more)| {
        first.extend(more);
        first
    })
}

/// A simulated machine.
pub(crate) struct World {
    pub(crate) raid: SimRaid,
    disks: usize,
    names: usize,
}

impl World {
    pub(crate) fn new(disks: &[Disk]) -> World {
        let machine = SimMachine::new(7);
        for (place, disk) in disks.iter().enumerate() {
            let size = (disk.size.0 << 20) + disk.size.1 * 512;
            let serial = serial(place);
            let spec = match disk.kind {
                0 | 1 => DiskSpec::hdd(&serial, size),
                2 => DiskSpec::sas(&serial, size),
                3 => DiskSpec::nvme(&serial, size),
                _ => DiskSpec::ssd(&serial, size),
            };
            let part = Bytes((size / 4) & !511);
            let id = spec.link().unwrap().parse().unwrap();
            machine.plug(DiskSpec {
                partitions: vec![part; disk.partitions],
                failing: disk.failing,
                ..spec
            });
            let mut state = machine.state();
            let contents = state.contents_mut(&id);
            if disk.partitions > 0 {
                contents.signatures.push(Signature::new(
                    "gpt",
                    "6b1a594b-e379-8887-19c2-23a7b69e2f15",
                ));
            } else if disk.foreign {
                let label = Some("old \"data\" \\ö".to_owned());
                contents.signatures.push(Signature {
                    label,
                    ..Signature::new("ext4", "e1f3")
                });
            }
        }
        World {
            raid: SimRaid::new(machine),
            disks: disks.len(),
            names: 0,
        }
    }

    pub(crate) fn observe(&self) -> Inventory {
        self.raid.observe().unwrap()
    }

    /// Let everything that runs come to its end.
    pub(crate) fn settle(&self) {
        self.raid
            .machine()
            .advance(Duration::from_secs(90 * 24 * 3600));
        self.raid.observe().unwrap();
    }

    pub(crate) fn happen(&mut self, event: &Event) {
        let machine = self.raid.machine().clone();
        match event {
            Event::Wish(wish) => {
                let change = self.change(wish);
                if let Ok(plan) = plan(&self.observe(), &change)
                    && !is_nested(&plan)
                {
                    // The machine may say no: whether an array has enough members to start, only
                    // they know.
                    let _ = execute(&self.raid, &plan.steps);
                }
            }
            // That a disk is out already, or in, is part of life.
            Event::Pull(at) => _ = machine.pull(&serial(at % self.disks)),
            Event::PlugBack(at) => _ = machine.plug_back(&serial(at % self.disks)),
            Event::Wait(seconds) => machine.advance(Duration::from_secs(*seconds)),
            Event::Reboot => machine.reboot(),
            Event::PowerCut => machine.power_cut(),
            Event::Mount(at) => {
                let seen = self.observe();
                if let Some(array) = pick(&seen.arrays, *at)
                    && let Some(device) = seen.devices.get(&array.kernel_name)
                {
                    self.names += 1;
                    let at = format!("/srv/{} \\{}", array.name, self.names);
                    machine.state().mounts.push((device.id.to_string(), at));
                }
            }
            Event::Umount => {
                machine.state().mounts.clear();
                machine.state().swaps.clear();
            }
            Event::Swap(at) => {
                let seen = self.observe();
                let free = seen
                    .devices
                    .by_name
                    .values()
                    .filter(|it| seen.devices.uses(&it.name).is_empty());
                let free: Vec<_> = free.filter(|it| it.size > Bytes(0)).collect();
                if let Some(device) = pick(&free, *at).filter(|_| at.is_multiple_of(3)) {
                    machine.state().swaps.push(device.id.to_string());
                }
            }
        }
        // The kernel looks at once.
        self.observe();
    }

    /// The wish among what is there now.
    pub(crate) fn change(&mut self, wish: &Wish) -> Change {
        let seen = self.observe();
        let array = pick(&seen.arrays, wish.array);
        let name = array.map_or("nobody".to_owned(), |it| it.name.clone());
        let devices: Vec<DeviceId> = seen
            .devices
            .by_name
            .values()
            .map(|it| it.id.clone())
            .collect();
        let device = pick(&devices, wish.device)
            .cloned()
            .unwrap_or(DeviceId::Gone("sdz".to_owned()));
        let members: Vec<DeviceId> = array
            .iter()
            .flat_map(|it| &it.members)
            .map(|it| it.device.clone())
            .collect();
        let member = pick(&members, wish.other).unwrap_or(&device).clone();
        match wish.what % 16 {
            0..3 => self.create(wish, &seen),
            3 => Change::Add {
                array: name,
                device,
                as_spare: wish.count.is_multiple_of(3),
            },
            12 => Change::ReAdd {
                array: name,
                device: if wish.count.is_multiple_of(2) {
                    member
                } else {
                    device
                },
            },
            13 | 14 => grow(wish, array, &seen),
            15 => Change::Set {
                array: name,
                settings: settings(wish),
            },
            4 => Change::Fail {
                array: name,
                device: member,
            },
            5 => Change::Remove {
                array: name,
                device: member,
            },
            6 => Change::Replace {
                array: name,
                device: member,
                with: Some(device),
            },
            7 => Change::Replace {
                array: name,
                device: member,
                with: None,
            },
            8 => Change::Scrub {
                array: name,
                scrub: [Scrub::Check, Scrub::Repair, Scrub::Idle][wish.count % 3],
            },
            9 => Change::Stop { array: name },
            10 => {
                let labels = seen.devices.by_name.values().flat_map(|it| &it.signatures);
                let labels = labels
                    .filter_map(|it| it.label.as_deref()?.rsplit(':').next().map(str::to_owned));
                let labels: Vec<String> = labels.collect();
                Change::Assemble {
                    array: pick(&labels, wish.device).cloned().unwrap_or(name),
                }
            }
            _ if wish.count.is_multiple_of(4) => Change::MoveSpare,
            _ => Change::Delete { array: name },
        }
    }

    /// Of four wishes, three are wise.
    fn create(&mut self, wish: &Wish, seen: &Inventory) -> Change {
        let is_wise = !wish.shuffle.is_multiple_of(4);
        let level = LEVELS[wish.level % 6].clone();
        let devices = &seen.devices;
        // A disk, or the partitions of a disk: both at once is not wise.
        let is_free = |it: &&BlockDevice| {
            devices.uses(&it.name).is_empty() && devices.holders(&it.name).next().is_none()
        };
        let mut free: Vec<DeviceId> = devices
            .by_name
            .values()
            .filter(|it| !is_wise || is_free(it))
            .map(|it| it.id.clone())
            .collect();
        let turn = wish.device % free.len().max(1);
        free.rotate_left(turn);
        let least = if is_wise {
            members_min(&level).unwrap_or(2) as usize
        } else {
            1
        };
        let members: Vec<DeviceId> = free.iter().take(least + wish.count % 3).cloned().collect();
        let redundant = !is_wise || is_redundant(&level);
        let spares = if redundant { wish.other % 3 } else { 0 };
        let spares = free.iter().skip(members.len()).take(spares).cloned();
        let chunk = [None, None, Some(Bytes(4096)), Some(Bytes(1 << 20))][wish.chunk % 4];
        self.names += 1;
        let name = format!("a{}", self.names).parse().unwrap();
        let layout = [
            None,
            Some(Layout::Near(2)),
            Some(Layout::Far(2)),
            Some(Layout::Offset(2)),
            Some(Layout::RightSymmetric),
        ][(wish.chunk + wish.other) % 5];
        let consistency = [None, Some(Consistency::Resync), Some(Consistency::Ppl)][wish.other % 3];
        let spares: Vec<DeviceId> = spares.collect();
        let journal = free.get(members.len() + spares.len()).cloned();
        let journal = journal.filter(|_| wish.chunk % 5 == 1);
        let consistency = match &journal {
            Some(_) if is_wise => None,
            _ => consistency.filter(|it| !is_wise || it.fits(&level)),
        };
        let keeps_journal = |_: &DeviceId| !is_wise || Consistency::Journal.fits(&level);
        let is_mostly =
            wish.chunk % 3 == 2 && (!is_wise || level == Level::Raid1 && spares.is_empty());
        Change::Create(CreateArray {
            layout: layout.filter(|it| !is_wise || it.fits(&level)),
            metadata: [Metadata::V1_2, Metadata::V1_0, Metadata::V1_1][wish.count % 3],
            consistency,
            journal: journal.filter(keeps_journal),
            write_mostly: members
                .iter()
                .take(usize::from(is_mostly))
                .cloned()
                .collect(),
            assume_clean: (wish.other % 4 == 3 && redundant).then(|| "a test".to_owned()),
            spares,
            chunk: chunk.filter(|_| !is_wise || has_chunks(&level)),
            ..CreateArray::new(name, level, members)
        })
    }
}

/// Most of them cannot be: then it is refused.
fn grow(wish: &Wish, array: Option<&Array>, seen: &Inventory) -> Change {
    let slots = array.map_or(3, |it| it.slots);
    let grow = match wish.level % 8 {
        0..3 => Grow::Members {
            slots: slots + 1 + u32::from(wish.count.is_multiple_of(3)),
        },
        3 => Grow::Size,
        4 => Grow::Members {
            slots: slots.saturating_sub(1),
        },
        5 => Grow::Layout {
            layout: [Layout::RightSymmetric, Layout::LeftSymmetric][wish.count % 2],
        },
        6 => Grow::Chunk {
            chunk: Bytes([64 << 10, 128 << 10][wish.count % 2]),
        },
        _ => Grow::Level {
            level: LEVELS[wish.chunk % LEVELS.len()].clone(),
        },
    };
    let free = seen.devices.by_name.values().filter(|it| {
        seen.devices.uses(&it.name).is_empty() && seen.devices.holders(&it.name).next().is_none()
    });
    let add = free.skip(wish.device % 3).take(wish.other % 4);
    Change::Grow {
        array: array.map_or("nobody".to_owned(), |it| it.name.clone()),
        grow,
        add: add.map(|it| it.id.clone()).collect(),
    }
}

fn settings(wish: &Wish) -> ArraySettings {
    let consistency = [
        None,
        Some(Consistency::Bitmap),
        Some(Consistency::Resync),
        Some(Consistency::Ppl),
    ];
    let speed = [
        None,
        Some(SpeedWish::OfAll),
        Some(SpeedWish::Own(Bytes::from_kib(50_000))),
    ];
    let group = [
        None,
        Some(GroupWish::Leave),
        Some(GroupWish::Join("attic".parse().unwrap())),
    ];
    ArraySettings {
        read_only: [None, Some(true), Some(false)][wish.count % 3],
        paused: [None, Some(true), Some(false), None][wish.level % 4],
        consistency: consistency[wish.chunk % 4],
        speed_min: speed[wish.device % 3],
        speed_max: speed[wish.other % 3],
        spare_group: group[wish.shuffle % 3].clone(),
    }
}

/// Whether arrays would be made of arrays, of which the simulation knows little.
pub(crate) fn is_nested(plan: &Plan<Step>) -> bool {
    let touched = plan.steps.iter().flat_map(Step::touches);
    touched
        .into_iter()
        .any(|it| matches!(it, DeviceId::Md(_) | DeviceId::MdPartition(..)))
}

fn serial(place: usize) -> String {
    format!("DISK{place}")
}

fn pick<T>(list: &[T], at: usize) -> Option<&T> {
    list.get(at.checked_rem(list.len())?)
}
