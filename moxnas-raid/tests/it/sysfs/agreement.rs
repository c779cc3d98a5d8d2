//! sysfs, `/proc/mdstat` and `mdadm --detail` of one moment say the same.
//!
//! Not compared, because they cannot be the same:
//!
//! - of an array that was not started the level, which mdadm reads from the members and the kernel
//!   does not know, and the size, for which mdstat adds up the members;
//! - how far a sync is, but for its direction: the texts were captured one after the other;
//! - members whose device has left, of which mdadm tells a number that nobody has any more.

use std::collections::{BTreeMap, BTreeSet};

use moxnas_core::disk::DeviceId;
use moxnas_raid::{
    Array, ArrayState, Inventory, Level, MemberFlag, Role, SyncAction, SyncState,
    detail::{self, Detail, Export, MemberWord},
    mdstat::{self, MdstatArray},
};

use crate::captured::{self, Captured};

struct Compare<'a> {
    at: &'a Captured,
    array: &'a Array,
    found: Vec<String>,
}

impl Compare<'_> {
    fn same<T: PartialEq + std::fmt::Debug>(&mut self, field: &str, sysfs: T, other: T) {
        if sysfs != other {
            let (at, name) = (self.at.title(), &self.array.kernel_name);
            self.found.push(format!(
                "{at} {name} {field}: sysfs {sysfs:?}, other {other:?}"
            ));
        }
    }
}

/// Roles as far as both can tell them.
type Roles = BTreeMap<String, &'static str>;

fn mdstat_says(it: &mut Compare<'_>, text: &MdstatArray) {
    let array = it.array;
    it.same(
        "started",
        array.state.is_started(),
        text.state != mdstat::State::Inactive,
    );
    it.same(
        "metadata",
        Some(array.metadata.clone()),
        text.metadata.as_ref().map(ToString::to_string),
    );
    let read_only = match text.read_only {
        mdstat::ReadOnly::No => None,
        mdstat::ReadOnly::ReadOnly => Some(ArrayState::ReadOnly),
        mdstat::ReadOnly::AutoReadOnly => Some(ArrayState::ReadAuto),
    };
    let waits = matches!(array.state, ArrayState::ReadOnly | ArrayState::ReadAuto);
    it.same("read-only", waits.then(|| array.state.clone()), read_only);

    let mut roles = Roles::new();
    for member in &array.members {
        roles.insert(
            member.kernel_name.clone(),
            match member.role {
                Role::Active { .. } | Role::Recovering { .. } => "in a slot",
                Role::Replacement { .. } => "replacement",
                Role::Spare => "spare",
                Role::Faulty => "faulty",
                Role::Journal => "journal",
            },
        );
    }
    let of_text = |it: &mdstat::MdstatMember| {
        use mdstat::MemberFlag::{Faulty, Journal, Replacement, Spare};
        let named = [
            (Faulty, "faulty"),
            (Journal, "journal"),
            (Spare, "spare"),
            (Replacement, "replacement"),
        ];
        let found = named.into_iter().find(|(flag, _)| it.flags.contains(flag));
        (
            it.device.clone(),
            found.map_or("in a slot", |(_, name)| name),
        )
    };
    it.same("roles", roles, text.members.iter().map(of_text).collect());
    let marked = array
        .members
        .iter()
        .filter(|it| it.flags.contains(&MemberFlag::WriteMostly));
    let marked: BTreeSet<String> = marked.map(|it| it.kernel_name.clone()).collect();
    let in_text = text
        .members
        .iter()
        .filter(|it| it.flags.contains(&mdstat::MemberFlag::WriteMostly));
    it.same(
        "write-mostly",
        marked,
        in_text.map(|it| it.device.clone()).collect(),
    );

    if !array.state.is_started() {
        // The sum of its members' sizes is no size, and the level is not known.
        it.same("size", 0, array.size.0);
        it.same("personality", None, text.personality.clone());
        return;
    }
    it.same("size", Some(array.size.kib()), text.blocks);
    it.same(
        "level",
        Some(array.level.to_string()),
        text.personality.clone(),
    );
    it.same("chunk", array.chunk.map(|it| it.kib()), text.chunk_kib);
    if let Some(mdstat::Layout::Parity { algorithm }) = text.layout {
        it.same("layout", array.layout, algorithm);
    }
    if let Some(mdstat::Layout::Copies(copies)) = text.layout {
        let number = copies.near | copies.far << 8 | u32::from(copies.offset) << 16;
        it.same("layout", array.layout, number);
    }
    it.same(
        "bitmap",
        array.consistency == "bitmap",
        text.bitmap.is_some(),
    );
    if text.raid_disks.is_some() {
        it.same("slots", Some(array.slots), text.raid_disks);
        it.same(
            "degraded",
            array.degraded,
            text.raid_disks
                .zip(text.in_sync)
                .map(|(all, here)| all - here),
        );
        let missing = array.missing_slots();
        let map = (0..array.slots).map(|slot| if missing.contains(&slot) { '_' } else { 'U' });
        it.same("map", Some(map.collect::<String>()), text.map.clone());
    }
    mdstat_sync(it, text);
}

fn mdstat_sync(it: &mut Compare<'_>, text: &MdstatArray) {
    let array = it.array;
    let word = |action| match action {
        SyncAction::Resync => mdstat::SyncAction::Resync,
        SyncAction::Recover => mdstat::SyncAction::Recovery,
        SyncAction::Check => mdstat::SyncAction::Check,
        SyncAction::Repair => mdstat::SyncAction::Repair,
        SyncAction::Reshape => mdstat::SyncAction::Reshape,
    };
    it.same(
        "action",
        array.sync.action().map(word),
        text.sync.as_ref().map(|it| it.action),
    );
    match (&array.sync, text.sync.as_ref().map(|it| &it.state)) {
        (SyncState::Running { done, of, .. }, Some(mdstat::SyncState::Running(progress))) => {
            it.same("sync total", of.map(|it| it.kib()), Some(progress.total));
            let done = done.map_or(0, |it| it.kib());
            let fits = (progress.done..=progress.total).contains(&done);
            it.same("sync done", (fits, done), (true, done));
        }
        (sync, state) => {
            let waits = (
                matches!(sync, SyncState::Delayed { .. }),
                matches!(sync, SyncState::Pending { .. }),
            );
            let in_text = (
                matches!(state, Some(mdstat::SyncState::Delayed)),
                matches!(state, Some(mdstat::SyncState::Pending)),
            );
            it.same("sync waits", waits, in_text);
        }
    }
}

fn detail_says(it: &mut Compare<'_>, seen: &Inventory, text: &Detail) {
    let array = it.array;
    if array.metadata.starts_with("external") {
        // mdadm finds it on the members, and of some formats only for `--export`.
    } else {
        it.same("UUID", array.uuid.clone(), text.uuid.clone());
    }
    if let Some(name) = &text.name {
        let local = name
            .local_host
            .as_ref()
            .and_then(|it| name.text.strip_prefix(&format!("{it}:")));
        it.same("name", array.name.as_str(), local.unwrap_or(&name.text));
    }
    if let Some(version) = &text.version {
        let metadata = array
            .metadata
            .strip_prefix("external:")
            .unwrap_or(&array.metadata);
        it.same("version", metadata, version);
    }
    let is_started = array.state.is_started();
    if is_started || array.level == Level::Container {
        it.same(
            "level",
            Some(array.level.to_string()),
            text.raid_level.clone(),
        );
    }
    if is_started {
        it.same("size", Some(array.size.kib()), text.array_size_kib);
        it.same("slots", Some(array.slots), text.raid_devices);
        it.same("chunk", array.chunk.map(|it| it.kib()), text.chunk_size_kib);
        it.same(
            "consistency",
            Some(array.consistency.clone()),
            text.consistency_policy.clone(),
        );
        let named = |word: &str| text.state.iter().any(|it| it == word);
        let missing = !array.missing_slots().is_empty();
        it.same("degraded", missing, named("degraded") || named("FAILED"));
    }
    if text.used_dev_size_kib.is_some() {
        it.same(
            "component",
            Some(array.component_size.kib()),
            text.used_dev_size_kib,
        );
    }
    it.same(
        "total",
        Some(array.members.len() as u64),
        text.total_devices.map(u64::from),
    );
    let count = |role: fn(&Role) -> bool| {
        let members = array.members.iter().filter(|it| role(&it.role));
        u32::try_from(members.count()).ok()
    };
    if text.failed_devices.is_some() {
        it.same(
            "failed",
            count(|it| *it == Role::Faulty),
            text.failed_devices,
        );
    }
    if text.active_devices.is_some() {
        it.same(
            "active",
            count(|it| matches!(it, Role::Active { .. })),
            text.active_devices,
        );
    }
    if text.spare_devices.is_some() {
        let waits = |it: &Role| {
            matches!(
                it,
                Role::Spare | Role::Recovering { .. } | Role::Replacement { .. }
            )
        };
        it.same("spare", count(waits), text.spare_devices);
    }
    let mut rows = rows(text, is_started);
    rows.retain(|number, _| seen.devices.by_name.values().any(|it| it.number == *number));
    it.same("members", members(array, seen), rows);
}

fn export_says(it: &mut Compare<'_>, text: &Export) {
    let array = it.array;
    it.same("exported UUID", array.uuid.clone(), text.uuid.clone());
    it.same(
        "exported name",
        Some(array.name.clone()),
        text.devname.clone(),
    );
    if array.state.is_started() {
        it.same(
            "exported level",
            Some(array.level.to_string()),
            text.level.clone(),
        );
        it.same("exported slots", Some(array.slots), text.devices);
    }
}

/// Of each device its slot, and what it does there.
type Members = BTreeMap<(u32, u32), (Option<u32>, BTreeSet<&'static str>)>;

fn members(array: &Array, seen: &Inventory) -> Members {
    let mut members = Members::new();
    for it in array
        .members
        .iter()
        .filter(|it| !matches!(it.device, DeviceId::Gone(_)))
    {
        let number = seen.devices.get(&it.kernel_name).unwrap().number;
        let mut words = BTreeSet::from([match it.role {
            Role::Active { .. } => "active",
            Role::Recovering { .. } | Role::Replacement { .. } => "filled",
            Role::Spare => "spare",
            Role::Faulty => "faulty",
            Role::Journal => "journal",
        }]);
        if it.flags.contains(&MemberFlag::WriteMostly) {
            words.insert("write-mostly");
        }
        members.insert(number, (it.slot(), words));
    }
    members
}

fn rows(text: &Detail, is_started: bool) -> Members {
    let mut members = Members::new();
    for row in text.members.iter().filter(|it| it.major != 0) {
        let mut words = BTreeSet::from([match row {
            it if it.is(MemberWord::Faulty) => "faulty",
            it if it.is(MemberWord::Journal) => "journal",
            it if it.is(MemberWord::Rebuilding) => "filled",
            it if it.is(MemberWord::Spare) => "spare",
            it if it.is(MemberWord::Active) && it.is(MemberWord::Sync) => "active",
            // mdadm says nothing of members without a role yet.
            it if it.state.is_empty() && !is_started => "spare",
            _ => "something else",
        }]);
        if row.is(MemberWord::WriteMostly) {
            words.insert("write-mostly");
        }
        let slot = row
            .raid_device
            .filter(|_| !row.is(MemberWord::Faulty) && !row.is(MemberWord::Journal));
        members.insert((row.major, row.minor), (slot, words));
    }
    members
}

#[test]
fn three_views_of_one_machine_agree() {
    let mut found = Vec::new();
    let mut compared = 0;
    for at in captured::all() {
        let seen = at.observe();
        let text = at.text("mdstat.txt").expect("every state has it");
        let text = mdstat::parse(&text).strict().unwrap();
        assert_eq!(text.arrays.len(), seen.arrays.len(), "{}", at.title());
        for array in &seen.arrays {
            let mut it = Compare {
                at: &at,
                array,
                found: Vec::new(),
            };
            mdstat_says(
                &mut it,
                text.array(&array.kernel_name)
                    .expect("mdstat has the array"),
            );
            if let Some(text) = at.text(&format!("detail-{}.txt", array.kernel_name)) {
                let text = detail::parse_detail(&text).strict().unwrap();
                detail_says(&mut it, &seen, &text.arrays[0]);
                compared += 1;
            }
            if let Some(text) = at.text(&format!("detail-export-{}.txt", array.kernel_name)) {
                export_says(&mut it, &detail::parse_export(&text).strict().unwrap());
            }
            found.extend(it.found);
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(compared > 0);
}
