//! How much fits, and how much may fail: integer arithmetic on levels and layouts.

use std::collections::BTreeSet;

use moxnas_core::units::Bytes;

use crate::{
    model::Level,
    shape::{Consistency, Metadata, Shape},
};

/// The fewest members that mdadm(8) and the kernel take. `None`: MoxNAS does not make such arrays.
#[must_use]
pub fn members_min(level: &Level) -> Option<u32> {
    match level {
        Level::Linear | Level::Raid0 | Level::Raid1 | Level::Raid10 => Some(2),
        Level::Raid4 | Level::Raid5 => Some(3),
        Level::Raid6 => Some(4),
        Level::Container | Level::Other(_) => None,
    }
}

/// Whether the level survives the loss of any member at all.
#[must_use]
pub fn is_redundant(level: &Level) -> bool {
    matches!(
        level,
        Level::Raid1 | Level::Raid4 | Level::Raid5 | Level::Raid6 | Level::Raid10
    )
}

/// Whether the level keeps parity.
#[must_use]
pub fn has_parity(level: &Level) -> bool {
    matches!(level, Level::Raid4 | Level::Raid5 | Level::Raid6)
}

/// Whether the level spreads data in chunks.
#[must_use]
pub fn has_chunks(level: &Level) -> bool {
    matches!(
        level,
        Level::Raid0 | Level::Raid4 | Level::Raid5 | Level::Raid6 | Level::Raid10
    )
}

/// The layout that mdadm(8) takes when none is named: left-symmetric parity, two near copies.
#[must_use]
pub fn default_layout(level: &Level) -> u32 {
    match level {
        Level::Raid5 | Level::Raid6 => 2,
        Level::Raid10 => 0x102,
        _ => 0,
    }
}

/// The slot that a new array fills from the others, as `mdadm --create` has it: RAID 4 and 5 begin
/// without their last member, which is faster than to compute parity. A journal is counted among
/// the members there, and so it is the last but one beside a journal. `None`: the level has another
/// beginning.
#[must_use]
pub fn filled_first(level: &Level, slots: u32, keeps_journal: bool) -> Option<u32> {
    match level {
        Level::Raid4 | Level::Raid5 => slots.checked_sub(1 + u32::from(keeps_journal)),
        _ => None,
    }
}

/// How many more members may fail, whichever they are, when these slots are missing already.
/// `None` when the data is not complete any more.
///
/// For a container or an unknown level nothing may be missing, and nothing may fail.
#[must_use]
pub fn can_lose(level: &Level, layout: u32, slots: u32, missing: &BTreeSet<u32>) -> Option<u32> {
    let lost = u32::try_from(missing.len()).unwrap_or(u32::MAX);
    match level {
        Level::Linear | Level::Raid0 | Level::Container | Level::Other(_) => {
            0_u32.checked_sub(lost)
        }
        Level::Raid1 => slots.checked_sub(lost)?.checked_sub(1),
        Level::Raid4 | Level::Raid5 => 1_u32.checked_sub(lost),
        Level::Raid6 => 2_u32.checked_sub(lost),
        Level::Raid10 => {
            let left = |copies: &BTreeSet<u32>| copies.difference(missing).count();
            let fewest = copies_of_chunks(layout, slots).iter().map(left).min()?;
            u32::try_from(fewest).ok()?.checked_sub(1)
        }
    }
}

/// Which slots hold the copies of one chunk, for every arrangement a RAID 10 has.
///
/// The layout is `near | far << 8`, with bit 16 for the offset layout, as in raid10.c. Layouts
/// with "far sets" (bits 17 and 18), which mdadm does not make, are read as if without.
fn copies_of_chunks(layout: u32, slots: u32) -> Vec<BTreeSet<u32>> {
    let near = (layout & 0xff).max(1);
    let far = (layout >> 8 & 0xff).max(1);
    let slots = slots.max(1);
    // Near copies of chunk n start at slot n × near; that repeats after `slots` chunks at most.
    let first = |chunk: u32| chunk * near % slots;
    let copies = |chunk: u32| {
        let at = move |copy: u32, distance: u32| (first(chunk) + copy + distance * near) % slots;
        (0..near)
            .flat_map(move |copy| (0..far).map(move |distance| at(copy, distance)))
            .collect()
    };
    (0..slots).map(copies).collect()
}

/// The size of an array of members that give `component` each, which is whole chunks.
#[must_use]
pub fn array_size(
    level: &Level,
    layout: u32,
    chunk: Option<Bytes>,
    slots: u32,
    component: Bytes,
) -> Option<Bytes> {
    let of = |members: u32| Bytes(component.0.saturating_mul(u64::from(members)));
    Some(match level {
        Level::Linear | Level::Raid0 => of(slots),
        Level::Raid1 => component,
        Level::Raid4 | Level::Raid5 => of(slots.checked_sub(1)?),
        Level::Raid6 => of(slots.checked_sub(2)?),
        Level::Raid10 => raid10_size(layout, chunk, slots, component),
        Level::Container | Level::Other(_) => return None,
    })
}

/// As `raid10_size` in raid10.c does: in whole chunks, each division rounds down.
fn raid10_size(layout: u32, chunk: Option<Bytes>, slots: u32, component: Bytes) -> Bytes {
    let chunk = chunk.map_or(1, |it| it.0.max(1));
    let (near, far) = copies(layout);
    let chunks = component.0 / chunk / far * u64::from(slots) / near;
    Bytes(chunks * chunk)
}

/// What the kernel uses of each member of which `component` could be used: a RAID 10 whose copies
/// do not come out even leaves a rest (`calc_sectors` in raid10.c).
#[must_use]
pub fn used_component(
    level: &Level,
    layout: u32,
    chunk: Option<Bytes>,
    slots: u32,
    component: Bytes,
) -> Bytes {
    if *level != Level::Raid10 {
        return component;
    }
    let (near, far) = copies(layout);
    let chunk = chunk.map_or(1, |it| it.0.max(1));
    let chunks = raid10_size(layout, Some(Bytes(chunk)), slots, component).0 / chunk;
    Bytes((chunks * near * far).div_ceil(u64::from(slots.max(1))) * chunk)
}

/// Near and far copies of a RAID 10 layout.
fn copies(layout: u32) -> (u64, u64) {
    let near = u64::from(layout & 0xff).max(1);
    let far = u64::from(layout >> 8 & 0xff).max(1);
    (near, far)
}

/// How much of a device of this size a new member gives to the array.
///
/// As `validate_geometry1` in mdadm's super1.c has it. A superblock at the end (1.0) leaves room
/// for itself, the log of bad blocks, and the bitmap. In front of the data (1.1 and 1.2) there is
/// also room for later reshapes, up to 128 MiB or a thousandth of the device, all of it in whole
/// MiB.
#[must_use]
pub fn component_size(device: Bytes, shape: &Shape) -> Bytes {
    const MIB: u64 = 2048;
    let sectors = device.sectors();
    let chunk = shape.chunk.map_or(0, Bytes::sectors);
    let room = match shape.consistency {
        // MULTIPLE_PPL_AREA_SIZE_SUPER1 in mdadm.h.
        Consistency::Ppl => MIB,
        _ => bitmap_room(sectors),
    };
    let reserved = match shape.metadata {
        Metadata::V1_0 => sectors % 8 + 24 + room,
        Metadata::V1_1 | Metadata::V1_2 => {
            let mut headroom = 128 * MIB;
            while headroom << 10 > sectors && headroom >= (chunk * 4).max(1) {
                headroom >>= 1;
            }
            (24 + room + headroom).next_multiple_of(MIB)
        }
    };
    let usable = sectors.saturating_sub(reserved);
    // mdadm rounds down to whole chunks, and to 64 KiB where there are none.
    let unit = if chunk == 0 { 128 } else { chunk };
    Bytes::from_sectors(usable - usable % unit)
}

/// Sectors that mdadm reserves for the bitmap: `choose_bm_space` in super1.c.
fn bitmap_room(sectors: u64) -> u64 {
    const GIB: u64 = 2048 * 1024;
    match sectors {
        0..128 => 0,
        it if it - 128 >= 200 * GIB => 256,
        it if it - 128 > 8 * GIB => 128,
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subsets(slots: u32) -> impl Iterator<Item = BTreeSet<u32>> {
        (0..1_u32 << slots).map(move |bits| (0..slots).filter(|it| bits >> it & 1 == 1).collect())
    }

    /// Losing one more member than promised may be survived, losing as many as promised must be.
    #[test]
    fn the_promise_holds_for_every_loss() {
        let near2 = 0x102;
        let far2 = 0x201;
        let offset2 = 0x10201;
        let near3 = 0x103;
        for (level, layout) in [
            (Level::Raid0, 0),
            (Level::Raid1, 0),
            (Level::Raid5, 2),
            (Level::Raid6, 2),
            (Level::Raid10, near2),
            (Level::Raid10, far2),
            (Level::Raid10, offset2),
            (Level::Raid10, near3),
        ] {
            for slots in members_min(&level).unwrap()..=6 {
                for missing in subsets(slots) {
                    let promised = can_lose(&level, layout, slots, &missing);
                    for more in subsets(slots).filter(|it| it.is_disjoint(&missing)) {
                        let all = missing.union(&more).copied().collect();
                        let survives = can_lose(&level, layout, slots, &all).is_some();
                        let count = u32::try_from(more.len()).unwrap();
                        match promised {
                            Some(promised) if count <= promised => assert!(survives),
                            None => assert!(!survives, "{level} came back by losing more"),
                            Some(_) => (),
                        }
                    }
                }
            }
        }
    }

    /// Data offsets of real members: captured from mdadm 4.2 on disks of 128 MiB.
    #[test]
    fn members_give_what_mdadm_takes() {
        let disk = Bytes(128 << 20);
        let usable = |chunk: Option<u64>| {
            let shape = Shape {
                level: Level::Raid5,
                layout: None,
                chunk: chunk.map(Bytes),
                metadata: Metadata::V1_2,
                consistency: Consistency::Bitmap,
            };
            component_size(disk, &shape).sectors()
        };
        assert_eq!(usable(None), 260_096);
        assert_eq!(usable(Some(64 << 10)), 260_096);
        assert_eq!(usable(Some(512 << 10)), 258_048);
    }

    #[test]
    fn raid10_counts_copies_and_not_members() {
        let lose = |missing: &[u32]| {
            can_lose(&Level::Raid10, 0x102, 4, &missing.iter().copied().collect())
        };
        assert_eq!(lose(&[]), Some(1));
        assert_eq!(lose(&[0, 2]), Some(0));
        assert_eq!(lose(&[0, 1]), None);
        // Far copies stand on the next member, so neighbours at the end wrap around.
        let far = |missing: &[u32]| {
            can_lose(&Level::Raid10, 0x201, 3, &missing.iter().copied().collect())
        };
        assert_eq!(far(&[1]), Some(0));
        assert_eq!(far(&[0, 2]), None);
    }
}
