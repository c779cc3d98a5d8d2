//! What goes when a device goes: everything that cannot do without it.

use std::collections::BTreeSet;

use moxnas_core::disk::{BlockDevice, BlockKind, DeviceId};

use crate::{
    health::{Health, health},
    model::{Array, Inventory, Member},
    plan::without,
};

/// What device-mapper calls several ways to one disk: it is there while one of them is.
const MULTIPATH: &str = "mpath-";

/// The kernel names of the device and of all that goes with it: its partitions, arrays that lose
/// too much, and what stands on these. Where nobody can tell, such as of a logical volume of which
/// one part goes, it is taken to go.
pub(super) fn gone_with(seen: &Inventory, device: &BlockDevice) -> BTreeSet<String> {
    let mut gone = BTreeSet::from([device.name.clone()]);
    loop {
        let more: Vec<String> = seen
            .devices
            .by_name
            .values()
            .filter(|it| !gone.contains(&it.name) && goes_too(seen, it, &gone))
            .map(|it| it.name.clone())
            .collect();
        if more.is_empty() {
            return gone;
        }
        gone.extend(more);
    }
}

fn goes_too(seen: &Inventory, device: &BlockDevice, gone: &BTreeSet<String>) -> bool {
    let goes = |it: &String| gone.contains(it);
    match &device.kind {
        BlockKind::Md => {
            let array = array_of(seen, device);
            array.is_some_and(|it| is_lost(it, &without_all(it, &leaving_members(it, gone))))
        }
        BlockKind::Dm {
            uuid: Some(uuid), ..
        } if uuid.starts_with(MULTIPATH) => {
            !device.slaves.is_empty() && device.slaves.iter().all(goes)
        }
        BlockKind::Disk(_)
        | BlockKind::Partition { .. }
        | BlockKind::Dm { .. }
        | BlockKind::Other => device.slaves.iter().any(goes),
    }
}

/// The array that the device is.
pub(super) fn array_of<'a>(seen: &'a Inventory, device: &BlockDevice) -> Option<&'a Array> {
    let is_md = matches!(device.kind, BlockKind::Md);
    let found = seen.arrays.iter().find(|it| it.kernel_name == device.name);
    found.filter(|_| is_md)
}

/// The members of the array that are among these devices.
pub(super) fn leaving_members<'a>(array: &'a Array, gone: &BTreeSet<String>) -> Vec<&'a Member> {
    let leaves =
        |it: &&Member| gone.contains(&it.kernel_name) && !matches!(it.device, DeviceId::Gone(_));
    array.members.iter().filter(leaves).collect()
}

/// The array with these members thrown out and nothing put in their place yet.
pub(super) fn without_all(array: &Array, leaving: &[&Member]) -> Array {
    let start = array.clone();
    leaving
        .iter()
        .fold(start, |array, it| without(&array, &it.device))
}

/// Whether its data was complete before and is not any more.
pub(super) fn is_lost(before: &Array, after: &Array) -> bool {
    let is_failed = |array: &Array| matches!(health(array).0, Health::Failed { .. });
    !is_failed(before) && is_failed(after)
}
