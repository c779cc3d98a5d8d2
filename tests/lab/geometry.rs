//! How much fits and how much may fail, for every shape: the arithmetic beside real md.

#![expect(clippy::print_stderr, reason = "says how many shapes were compared")]

use std::{collections::BTreeSet, fmt::Write as _};

use anyhow::{Context as _, Result, ensure};
use moxnas_core::units::Bytes;
use moxnas_raid::{Consistency, Layout, Level, Metadata, Shape, geometry};
use moxnas_tests::lab::{Disk, Lab, MIB, Machine};

const DISKS: u32 = 8;
const SIZE: u64 = 64 * MIB;

/// A shape and how many members it has.
#[derive(Clone, Debug)]
struct Case {
    shape: Shape,
    members: u32,
}

impl Case {
    fn layout(&self) -> u32 {
        self.shape.layout_number()
    }

    /// What mdadm is told, but for the devices.
    fn options(&self) -> String {
        let Shape {
            level,
            layout,
            chunk,
            metadata,
            consistency,
        } = &self.shape;
        let (members, metadata) = (self.members, metadata.word());
        let mut options = format!("--level={level} --raid-devices={members} --metadata={metadata}");
        if let Some(layout) = layout {
            let _ = write!(options, " --layout={layout}");
        }
        if let Some(chunk) = chunk {
            let _ = write!(options, " --chunk={}K", chunk.kib());
        }
        options += match consistency {
            Consistency::Bitmap => " --bitmap=internal",
            Consistency::Resync => " --bitmap=none",
            Consistency::Ppl => " --consistency-policy=ppl",
            Consistency::None | Consistency::Journal => "",
        };
        options
    }

    /// What is used of each member, and the size of the array.
    fn expected(&self) -> (Bytes, Bytes) {
        let Shape { level, chunk, .. } = &self.shape;
        let given = geometry::component_size(Bytes(SIZE), &self.shape);
        let (layout, members) = (self.layout(), self.members);
        let used = geometry::used_component(level, layout, *chunk, members, given);
        let size = geometry::array_size(level, layout, *chunk, members, used);
        (used, size.unwrap_or_default())
    }
}

fn shape(level: Level, layout: Option<Layout>) -> Shape {
    let has_chunks = geometry::has_chunks(&level);
    let consistency = match geometry::is_redundant(&level) {
        true => Consistency::Bitmap,
        false => Consistency::None,
    };
    Shape {
        level,
        layout,
        chunk: has_chunks.then_some(Bytes(64 << 10)),
        metadata: Metadata::V1_2,
        consistency,
    }
}

/// Every level and layout.
fn shapes() -> Vec<Shape> {
    let levels = [
        Level::Raid0,
        Level::Raid1,
        Level::Raid4,
        Level::Raid5,
        Level::Raid6,
    ];
    let mut shapes: Vec<Shape> = levels.into_iter().map(|it| shape(it, None)).collect();
    let copies = [2, 3];
    for make in [Layout::Near, Layout::Far, Layout::Offset] {
        shapes.extend(copies.map(|it| shape(Level::Raid10, Some(make(it)))));
    }
    shapes
}

/// The shape with all numbers of members that it takes, up to a number.
fn cases(shape: &Shape, most: u32) -> impl Iterator<Item = Case> {
    let least = geometry::members_min(&shape.level).unwrap_or(2);
    let copies = shape.layout.and_then(Layout::copies).map_or(0, u32::from);
    (least.max(copies)..=most).map(|members| Case {
        shape: shape.clone(),
        members,
    })
}

fn start() -> Result<Option<(Machine, Vec<String>)>> {
    let Some(mut lab) = Lab::from_env()? else {
        return Ok(None);
    };
    let serials: Vec<String> = (0..DISKS).map(|it| format!("GEO{it}")).collect();
    for serial in &serials {
        lab = lab.disk(Disk::nvme(SIZE).serial(serial));
    }
    let mut machine = lab.start()?;
    // Nobody else puts anything together here.
    machine.sh("udevadm control --stop-exec-queue")?;
    let nodes = serials.iter().map(|it| machine.node(it));
    let nodes = nodes.collect::<Result<Vec<_>>>()?;
    Ok(Some((machine, nodes)))
}

/// Makes an array, says what `look` prints, and takes it apart.
fn script(options: &str, devices: &str, look: &str) -> String {
    format!(
        "mdadm --create /dev/md5 --run --assume-clean {options} {devices} >/dev/null 2>&1 || true
         {look}
         mdadm --stop /dev/md5 >/dev/null 2>&1 || true\n"
    )
}

#[test]
fn capacities_are_those_of_real_md() -> Result<()> {
    let Some((mut machine, nodes)) = start()? else {
        return Ok(());
    };
    let mut all: Vec<Case> = shapes()
        .iter()
        .flat_map(|shape| cases(shape, DISKS))
        .collect();
    for metadata in [Metadata::V1_0, Metadata::V1_1] {
        for level in [Level::Raid1, Level::Raid5, Level::Raid10] {
            let shape = Shape {
                metadata,
                ..shape(level, None)
            };
            all.extend(cases(&shape, 4));
        }
    }
    let others = [
        Shape {
            consistency: Consistency::Ppl,
            ..shape(Level::Raid5, None)
        },
        Shape {
            consistency: Consistency::Resync,
            ..shape(Level::Raid6, None)
        },
        Shape {
            chunk: Some(Bytes(512 << 10)),
            ..shape(Level::Raid10, Some(Layout::Near(2)))
        },
        Shape {
            chunk: Some(Bytes(1 << 20)),
            ..shape(Level::Raid10, Some(Layout::Far(3)))
        },
        Shape {
            chunk: Some(Bytes(4096)),
            ..shape(Level::Raid5, None)
        },
    ];
    all.extend(others.iter().flat_map(|it| cases(it, 5)));
    let look = "echo $(cat /sys/block/md5/md/component_size) $(cat /sys/block/md5/size)";
    let mut text = String::from("export MDADM_NO_UDEV=1\n");
    for case in &all {
        let devices = nodes[..case.members as usize].join(" ");
        text += &script(&case.options(), &devices, look);
    }
    let told = machine.sh(&text)?;
    let told: Vec<&str> = told.lines().collect();
    ensure!(told.len() == all.len(), "{told:?}");
    let mut wrong = Vec::new();
    for (case, line) in all.iter().zip(told) {
        let mut numbers = line.split(' ').map(str::parse::<u64>);
        let mut next = || numbers.next().context(line.to_owned());
        let (used, size) = (Bytes::from_kib(next()??), Bytes::from_sectors(next()??));
        let expected = case.expected();
        // The kernel shows none for levels without redundancy.
        let used = if used.0 == 0 { expected.0 } else { used };
        if (used, size) != expected {
            wrong.push(format!("{case:?}: md {used:?} {size:?}, here {expected:?}"));
        }
    }
    ensure!(wrong.is_empty(), "of {}: {wrong:#?}", all.len());
    eprintln!("{} shapes have the capacity of real md", all.len());
    Ok(())
}

#[test]
fn what_may_be_lost_may_be_lost_on_real_md() -> Result<()> {
    let Some((mut machine, nodes)) = start()? else {
        return Ok(());
    };
    let mut all: Vec<(Case, BTreeSet<u32>)> = Vec::new();
    for shape in shapes()
        .into_iter()
        .filter(|it| geometry::is_redundant(&it.level))
    {
        for case in cases(&shape, 4) {
            for bits in 1..(1_u32 << case.members) - 1 {
                let missing = (0..case.members).filter(|it| bits >> it & 1 == 1).collect();
                all.push((case.clone(), missing));
            }
        }
    }
    let look = "cat /sys/block/md5/md/array_state 2>/dev/null || echo none";
    let mut text = String::from("export MDADM_NO_UDEV=1\n");
    for (case, missing) in &all {
        let device = |slot: u32| match missing.contains(&slot) {
            true => "missing".to_owned(),
            false => nodes[slot as usize].clone(),
        };
        let devices: Vec<String> = (0..case.members).map(device).collect();
        text += &script(&case.options(), &devices.join(" "), look);
    }
    let told = machine.sh(&text)?;
    let told: Vec<&str> = told.lines().collect();
    ensure!(told.len() == all.len(), "{told:?}");
    let mut wrong = Vec::new();
    for ((case, missing), state) in all.iter().zip(told) {
        let runs = !matches!(state, "none" | "clear" | "inactive");
        let (level, layout) = (&case.shape.level, case.layout());
        let survives = geometry::can_lose(level, layout, case.members, missing).is_some();
        if runs != survives {
            wrong.push(format!("{case:?} without {missing:?}: md {state}"));
        }
    }
    ensure!(wrong.is_empty(), "of {}: {wrong:#?}", all.len());
    eprintln!("{} losses end as on real md", all.len());
    Ok(())
}
