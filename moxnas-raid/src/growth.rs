//! What becomes of an array that grows: more members, more of each member, another level, layout or
//! chunk.
//!
//! What md(4) and mdadm(8) can do is more than is offered here. Left out is what needs a file beside
//! the array while it runs (no room in front of the data), what needs mdadm to stay and end it (RAID
//! 0 with more members, RAID 6 to 5), and what gives up redundancy.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use moxnas_core::units::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    geometry,
    model::{Array, Level, Reshape},
    shape::Layout,
};

/// What is to be different.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "grow")]
pub enum Grow {
    /// The number of members, spares not counted.
    Members {
        /// How many.
        slots: u32,
    },
    /// All that the smallest member has is used.
    Size,
    /// The level.
    Level {
        /// Which.
        level: Level,
    },
    /// Where parity stands.
    Layout {
        /// Which.
        layout: Layout,
    },
    /// Bytes per chunk.
    Chunk {
        /// How many.
        chunk: Bytes,
    },
}

impl fmt::Display for Grow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Grow::Members { slots } => write!(f, "to {slots} members"),
            Grow::Size => f.write_str("to all that its smallest member has"),
            Grow::Level { level } => write!(f, "to {level}"),
            Grow::Layout { layout } => write!(f, "to the layout {layout}"),
            Grow::Chunk { chunk } => write!(f, "to chunks of {chunk}"),
        }
    }
}

/// The numbers of an array that a change of it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// Its level.
    pub level: Level,
    /// How many members it has.
    pub slots: u32,
    /// The kernel's number of its layout.
    pub layout: u32,
    /// Bytes per chunk.
    pub chunk: Option<Bytes>,
    /// What is used of each member.
    pub component: Bytes,
}

impl Form {
    /// As the array is. Levels without redundancy do not say what they use of each member.
    #[must_use]
    pub fn of(array: &Array) -> Form {
        Form {
            level: array.level.clone(),
            slots: array.slots,
            layout: array.layout,
            chunk: array.chunk,
            component: match array.component_size {
                Bytes(0) => smallest(array).unwrap_or_default(),
                known => known,
            },
        }
    }

    /// What fits.
    #[must_use]
    pub fn size(&self) -> Bytes {
        geometry::array_size(
            &self.level,
            self.layout,
            self.chunk,
            self.slots,
            self.component,
        )
        .unwrap_or_default()
    }
}

/// What the member that can give least can give.
fn smallest(array: &Array) -> Option<Bytes> {
    let filled = array.members.iter().filter(|it| it.slot().is_some());
    filled
        .map(|it| it.usable)
        .min()
        .flatten()
        .map(|it| whole(array.chunk, it))
}

/// In whole chunks.
fn whole(chunk: Option<Bytes>, size: Bytes) -> Bytes {
    let unit = chunk.map_or(1024, |it| it.0.max(1));
    Bytes(size.0 - size.0 % unit)
}

/// What md makes of an array that grows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grown {
    /// From now on.
    pub now: Form,
    /// What md does to come to it.
    pub work: GrowWork,
}

/// What md does when an array grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrowWork {
    /// Nothing, or spares fill new slots.
    Fill,
    /// It makes what is new of each member agree.
    Resync {
        /// From here on.
        from: Bytes,
    },
    /// It moves all data.
    Reshape(Reshape),
}

/// Why an array cannot become that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotGrow {
    /// It is that already.
    #[error("it is so already")]
    Already,
    /// The data would not fit.
    #[error("it would become smaller, and what is on it has to be made smaller first")]
    Smaller,
    /// md cannot, or not without something beside it.
    #[error("{0}")]
    NotOffered(&'static str),
}

/// What becomes of an array that is there.
pub fn array_grown(array: &Array, grow: &Grow) -> Result<Grown, CannotGrow> {
    grown(&Form::of(array), grow, smallest(array).unwrap_or_default())
}

/// What becomes of an array. `usable` is what the member that can give least can give.
pub fn grown(was: &Form, grow: &Grow, usable: Bytes) -> Result<Grown, CannotGrow> {
    let reshape = Reshape {
        slots: was.slots,
        layout: was.layout,
        chunk: was.chunk,
    };
    match grow {
        Grow::Members { slots } => members(was, *slots, reshape),
        Grow::Size => size(was, usable),
        Grow::Level { level } => to_level(was, level),
        Grow::Layout { layout } => {
            let has_choice = matches!(was.level, Level::Raid5 | Level::Raid6);
            if !has_choice || !layout.fits(&was.level) {
                return refuse("only the parity of RAID 5 and 6 can be laid out anew");
            }
            let layout = layout.number();
            same_size(
                was,
                reshape,
                Form {
                    layout,
                    ..was.clone()
                },
            )
        }
        Grow::Chunk { chunk } => {
            if !geometry::has_parity(&was.level) {
                return refuse("only the chunks of RAID 4, 5 and 6 can be changed");
            }
            if chunk.0 < 4096 || !chunk.0.is_power_of_two() {
                return refuse("a chunk is a power of two from 4 KiB up");
            }
            if !was.component.0.is_multiple_of(chunk.0) {
                return refuse("what is used of each member is not a whole number of such chunks");
            }
            let chunk = Some(*chunk);
            same_size(
                was,
                reshape,
                Form {
                    chunk,
                    ..was.clone()
                },
            )
        }
    }
}

fn refuse<T>(why: &'static str) -> Result<T, CannotGrow> {
    Err(CannotGrow::NotOffered(why))
}

fn same_size(was: &Form, reshape: Reshape, now: Form) -> Result<Grown, CannotGrow> {
    if now == *was {
        return Err(CannotGrow::Already);
    }
    let work = GrowWork::Reshape(reshape);
    Ok(Grown { now, work })
}

/// Whether copies stand in another part of the members (`far` in raid10.c, without `offset`).
fn is_far(form: &Form) -> bool {
    form.level == Level::Raid10 && form.layout >> 8 & 0xff > 1 && form.layout >> 16 & 1 == 0
}

fn members(was: &Form, slots: u32, reshape: Reshape) -> Result<Grown, CannotGrow> {
    let now = Form {
        slots,
        ..was.clone()
    };
    match was.level {
        _ if slots == was.slots => Err(CannotGrow::Already),
        Level::Raid1 if slots < 2 => refuse("a mirror has two members at least"),
        Level::Raid1 => Ok(Grown {
            now,
            work: GrowWork::Fill,
        }),
        _ if slots < was.slots => Err(CannotGrow::Smaller),
        Level::Raid10 if is_far(was) => refuse("md cannot move far copies"),
        Level::Raid4 | Level::Raid5 | Level::Raid6 | Level::Raid10 => Ok(Grown {
            now,
            work: GrowWork::Reshape(reshape),
        }),
        Level::Raid0 => refuse(
            "a RAID 0 has no redundancy to keep meanwhile: make it raid5 or raid10, which takes \
             more members too",
        ),
        Level::Linear | Level::Container | Level::Other(_) => refuse("the level cannot grow"),
    }
}

fn size(was: &Form, usable: Bytes) -> Result<Grown, CannotGrow> {
    let component = whole(was.chunk, usable);
    if !geometry::is_redundant(&was.level) {
        return refuse("the level uses what its members had when it was made");
    }
    if is_far(was) {
        return refuse("md cannot move far copies");
    }
    let component =
        geometry::used_component(&was.level, was.layout, was.chunk, was.slots, component);
    if component <= was.component {
        return Err(CannotGrow::Already);
    }
    Ok(Grown {
        now: Form {
            component,
            ..was.clone()
        },
        work: GrowWork::Resync {
            from: was.component,
        },
    })
}

/// The parity of a RAID 5 layout with the second one on a member of its own: `ALGORITHM_*_6` in
/// raid5.h.
const SECOND_APART: u32 = 16;
const LEFT_SYMMETRIC: u32 = 2;
const PARITY_LAST: u32 = 5;
const TWO_NEAR: u32 = 0x102;
/// What mdadm takes for a mirror that becomes a RAID 5, at most.
const CHUNK_OF_MIRROR: Bytes = Bytes(64 << 10);

fn to_level(was: &Form, level: &Level) -> Result<Grown, CannotGrow> {
    let reshaped = |slots, layout: u32, old_layout| {
        let now = Form {
            level: level.clone(),
            slots,
            layout,
            ..was.clone()
        };
        let old = Reshape {
            slots,
            layout: old_layout,
            chunk: was.chunk,
        };
        Ok(Grown {
            now,
            work: GrowWork::Reshape(old),
        })
    };
    match (&was.level, level) {
        (old, new) if old == new => Err(CannotGrow::Already),
        (Level::Raid1, Level::Raid5) if was.slots != 2 => {
            refuse("a mirror of two members becomes a RAID 5, a larger one does not")
        }
        (Level::Raid1, Level::Raid5) if !was.component.0.is_multiple_of(CHUNK_OF_MIRROR.0) => {
            refuse("what is used of each member is not a whole number of chunks of 64 KiB")
        }
        (Level::Raid1, Level::Raid5) => Ok(Grown {
            now: Form {
                level: Level::Raid5,
                layout: LEFT_SYMMETRIC,
                chunk: Some(CHUNK_OF_MIRROR),
                ..was.clone()
            },
            work: GrowWork::Fill,
        }),
        (Level::Raid5, Level::Raid6) if was.layout > PARITY_LAST => {
            refuse("its layout is none that mdadm has a name for")
        }
        (Level::Raid5, Level::Raid6) => {
            reshaped(was.slots + 1, was.layout, was.layout + SECOND_APART)
        }
        (Level::Raid0, Level::Raid5) => reshaped(was.slots + 1, LEFT_SYMMETRIC, PARITY_LAST),
        (Level::Raid0, Level::Raid10) => Ok(Grown {
            now: Form {
                level: Level::Raid10,
                slots: was.slots * 2,
                layout: TWO_NEAR,
                ..was.clone()
            },
            work: GrowWork::Fill,
        }),
        (Level::Raid6, Level::Raid5) => refuse(
            "it would give up a parity, and md would need mdadm to stay and end it: make a new array",
        ),
        (_, Level::Raid0) => refuse("it would give up all redundancy: make a new array"),
        _ => refuse("md has no way from one to the other: make a new array and copy"),
    }
}

/// The slot that each member has afterwards, by the one it fills.
#[must_use]
pub fn new_slots(was: &Form, now: &Form, filled: &BTreeSet<u32>) -> BTreeMap<u32, u32> {
    let moved: Box<dyn Fn(u32, u32) -> u32> = match (&was.level, &now.level) {
        // The second copy of each chunk is what is new.
        (Level::Raid0, Level::Raid10) => Box::new(|_, slot| slot * 2),
        // Of a mirror that has fewer members those that are left move up (`raid1_reshape`).
        (Level::Raid1, Level::Raid1) if now.slots < was.slots => Box::new(|place, _| place),
        _ => Box::new(|_, slot| slot),
    };
    let places = (0..).zip(filled);
    places
        .map(|(place, slot)| (*slot, moved(place, *slot)))
        .collect()
}
