//! Wishes that change an array that is there.

use clap::Args;
use moxnas_app::ops::arrays::{ArrayGrow, ArraySet};
use moxnas_core::units::Bytes;
use moxnas_raid::{
    self as raid, ArraySettings,
    plan::{GroupWish, SpeedWish},
};
use poem_openapi::Object;

use super::{Consistency, Layout, Level};
use crate::problem::{Answer, Problem};

/// Grow an array: say one of `members`, `use_all`, `level`, `layout` and `chunk_bytes`
#[derive(Clone, Debug, PartialEq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct GrowArray {
    /// How many members it is to have, spares not counted. Of a mirror it may be fewer than it has,
    /// if no more than that work
    #[arg(long, value_name = "NUMBER", group = "what")]
    #[oai(
        skip_serializing_if_is_none,
        validator(minimum(value = "2"), maximum(value = "1024"))
    )]
    pub members: Option<u32>,
    /// Use all that the smallest member has: after all of them were replaced by larger ones
    #[arg(long = "use-all", group = "what")]
    #[oai(default)]
    pub use_all: bool,
    /// The level: raid1 of two members and raid0 become raid5, raid5 becomes raid6, raid0 becomes
    /// raid10
    #[arg(long, value_enum, group = "what")]
    #[oai(skip_serializing_if_is_none)]
    pub level: Option<Level>,
    /// Where parity stands, of RAID 5 and 6
    #[arg(
        long,
        value_enum,
        group = "what",
        hide_possible_values = true,
        value_name = "left-symmetric|…"
    )]
    #[oai(skip_serializing_if_is_none)]
    pub layout: Option<Layout>,
    /// Bytes per chunk, of RAID 4, 5 and 6: a power of two from 4096 up
    #[arg(long = "chunk", value_name = "BYTES", group = "what")]
    #[oai(skip_serializing_if_is_none)]
    pub chunk_bytes: Option<u64>,
    /// Devices that it is given for that, beside the spares it has; all data on them is lost
    #[arg(long = "add", value_name = "DEVICE")]
    #[oai(default, validator(max_items = 1024))]
    pub add: Vec<String>,
}

impl GrowArray {
    /// The operation for an array.
    pub(crate) fn of(self, array: String) -> Answer<ArrayGrow> {
        let members = self.members.map(|slots| raid::Grow::Members { slots });
        let level = self.level.map(|it| raid::Grow::Level { level: it.into() });
        let layout = self
            .layout
            .map(|it| raid::Grow::Layout { layout: it.into() });
        let chunk = self
            .chunk_bytes
            .map(|it| raid::Grow::Chunk { chunk: Bytes(it) });
        let size = self.use_all.then_some(raid::Grow::Size);
        let mut named = [members, size, level, layout, chunk].into_iter().flatten();
        match (named.next(), named.next()) {
            (Some(grow), None) => Ok(ArrayGrow {
                array,
                grow,
                add: self.add,
            }),
            _ => Err(Problem::invalid(
                "say one of `members`, `use_all`, `level`, `layout` and `chunk_bytes`",
            )
            .hint("one thing after the other: md does one at a time")),
        }
    }
}

/// Set what can be set while an array runs; what is left out stays as it is
#[derive(Clone, Debug, PartialEq, Object, Args)]
#[oai(deny_unknown_fields)]
pub struct SetArray {
    /// Let nothing be written, or let it be written again. An array that was just assembled waits for
    /// its first write: `false` lets what waits begin
    #[arg(long = "read-only", value_name = "true|false")]
    #[oai(skip_serializing_if_is_none)]
    pub read_only: Option<bool>,
    /// Hold up what runs in the background, or let it go on
    #[arg(long, value_name = "true|false")]
    #[oai(skip_serializing_if_is_none)]
    pub paused: Option<bool>,
    /// How an unclean stop is healed: bitmap or resync
    #[arg(long, value_enum)]
    #[oai(skip_serializing_if_is_none)]
    pub consistency: Option<Consistency>,
    /// Bytes per second of each member that what runs in the background takes at least; 0: as for
    /// all arrays. Rounded down to whole KiB
    #[arg(long = "speed-min", value_name = "BYTES")]
    #[oai(skip_serializing_if_is_none)]
    pub speed_min_bytes_per_s: Option<u64>,
    /// The same at most
    #[arg(long = "speed-max", value_name = "BYTES")]
    #[oai(skip_serializing_if_is_none)]
    pub speed_max_bytes_per_s: Option<u64>,
    /// The arrays that it shares spares with, by the name of their group; empty: with none
    #[arg(long = "spare-group", value_name = "NAME")]
    #[oai(skip_serializing_if_is_none, validator(max_length = 32))]
    pub spare_group: Option<String>,
}

impl SetArray {
    /// The operation for an array.
    pub(crate) fn of(self, array: String) -> Answer<ArraySet> {
        let speed = |it: u64| match it {
            0 => SpeedWish::OfAll,
            // md counts in KiB.
            own => SpeedWish::Own(Bytes(own - own % 1024)),
        };
        let group = match self.spare_group.as_deref() {
            None => None,
            Some("") => Some(GroupWish::Leave),
            Some(name) => Some(GroupWish::Join(name.parse().map_err(
                |err: moxnas_core::names::BadName| {
                    Problem::invalid(err.to_string()).field("spare_group", err.why.to_string())
                },
            )?)),
        };
        Ok(ArraySet {
            array,
            settings: ArraySettings {
                read_only: self.read_only,
                paused: self.paused,
                consistency: self.consistency.map(Into::into),
                speed_min: self.speed_min_bytes_per_s.map(speed),
                speed_max: self.speed_max_bytes_per_s.map(speed),
                spare_group: group,
            },
        })
    }
}
