//! What a member remembers of its array.

use std::collections::BTreeSet;

use moxnas_core::units::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    geometry,
    growth::Form,
    model::{Level, Reshape},
    shape::{Consistency, Metadata, Shape},
};

/// What libblkid calls a device with an md superblock.
pub(super) const SIGNATURE: &str = "linux_raid_member";

/// A superblock, as far as it has consequences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Superblock {
    pub(super) uuid: String,
    /// Without the name of the machine. An array of another machine has `other:` before it.
    pub(super) name: String,
    pub(super) level: Level,
    pub(super) layout: u32,
    pub(super) chunk: Option<Bytes>,
    pub(super) slots: u32,
    pub(super) component: Bytes,
    /// What each slot gives, for the levels that use members of different size to the end.
    pub(super) sizes: Vec<Bytes>,
    pub(super) metadata: Metadata,
    pub(super) consistency: Consistency,
    /// Counts changes; a member with a lower count missed something.
    pub(super) events: u64,
    /// The slots that were complete when this was written.
    pub(super) in_sync: BTreeSet<u32>,
    /// What this member was then.
    pub(super) role: SuperRole,
    /// Whether this member is read only when nothing else can be.
    pub(super) write_mostly: bool,
    /// Whether the array was being written.
    pub(super) dirty: bool,
    /// From where copies and parity have to be made to agree; `None`: they do.
    pub(super) resync_from: Option<Bytes>,
    /// What was there before the reshape that is not at its end.
    pub(super) reshape: Option<Reshape>,
    /// How far it came.
    pub(super) reshape_at: Bytes,
    /// The count of changes at which no member missed anything: a member that has it, or more, finds
    /// in the bitmap what it misses.
    pub(super) events_cleared: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum SuperRole {
    Active(u32),
    /// Was being filled for a slot.
    Recovering(u32),
    /// Was being filled for a slot that another member holds.
    Replacement(u32),
    Spare,
    Journal,
}

impl Superblock {
    /// The numbers that a change of the array is about.
    pub(super) fn form(&self, usable: Bytes) -> Form {
        Form {
            level: self.level.clone(),
            slots: self.slots,
            layout: self.layout,
            chunk: self.chunk,
            component: match geometry::is_redundant(&self.level) {
                true => self.component,
                false => usable,
            },
        }
    }

    /// What a device of this size can give.
    pub(super) fn usable(&self, device: Bytes) -> Bytes {
        let shape = Shape {
            level: self.level.clone(),
            layout: None,
            chunk: self.chunk,
            metadata: self.metadata,
            consistency: self.consistency,
        };
        geometry::component_size(device, &shape)
    }

    /// The name as the superblock has it, with the machine before it.
    pub(super) fn full_name(&self) -> String {
        if self.name.contains(':') {
            self.name.clone()
        } else {
            format!("moxnas-sim:{}", self.name)
        }
    }
}
