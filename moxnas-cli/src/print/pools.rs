//! Pools, for people.

use moxnas_api::wire::{
    datasets::Space,
    pools::{Filesystem, Pool, PoolKind, PoolPage, PoolStanding},
};

use super::{bytes, lines};

pub(super) fn table(page: &PoolPage) -> String {
    if page.items.is_empty() {
        return "there are no pools".to_owned();
    }
    let mut table = super::table(&[
        "NAME",
        "FILESYSTEM",
        "DEVICE",
        "SIZE",
        "USED",
        "FREE",
        "MOUNTED AT",
        "STANDING",
    ]);
    for it in &page.items {
        table.add_row([
            it.name.clone(),
            of(it),
            it.kernel_name.clone().unwrap_or_else(|| "-".to_owned()),
            it.device_size_bytes.map_or_else(|| "-".to_owned(), bytes),
            space(it, |it| it.used_bytes),
            space(it, |it| it.available_bytes),
            it.mount_point.clone(),
            standing(it.standing).to_owned(),
        ]);
    }
    lines(&table)
}

pub(super) fn sheet(it: &Pool) -> String {
    let device = it.device.clone().unwrap_or_else(|| "not there".to_owned());
    let device = match &it.path {
        Some(path) => ("folder", path.clone()),
        None => (
            "device",
            it.kernel_name
                .as_ref()
                .map_or_else(|| device.clone(), |name| format!("{name} ({device})")),
        ),
    };
    let facts = [
        ("name", it.name.clone()),
        ("standing", standing(it.standing).to_owned()),
        ("filesystem", of(it)),
        device,
        (
            "size",
            it.device_size_bytes.map_or_else(|| "-".to_owned(), bytes),
        ),
        ("used", space(it, |it| it.used_bytes)),
        ("free", space(it, |it| it.available_bytes)),
        ("mounted at", it.mount_point.clone()),
        ("options", it.mount_options.join(",")),
        ("uuid", it.uuid.clone()),
    ];
    let mut all: Vec<String> = Vec::new();
    for (key, value) in facts {
        all.push(format!("{key:<12}{value}"));
        if key == "standing" {
            all.extend(it.reasons.iter().map(|it| format!("{:12}- {it}", "")));
        }
    }
    all.join("\n")
}

/// What is not known is not 0.
fn space(it: &Pool, of: fn(&Space) -> u64) -> String {
    let space = it.space.as_ref();
    space.map_or_else(|| "-".to_owned(), |it| bytes(of(it)))
}

fn of(it: &Pool) -> String {
    let filesystem = it.filesystem.map_or("-", filesystem);
    match (it.kind, &it.path_filesystem) {
        (PoolKind::Filesystem, _) => filesystem.to_owned(),
        (PoolKind::Thin, _) => format!("thin, {filesystem}"),
        (PoolKind::Directory, Some(on)) => format!("folder on {on}"),
        (PoolKind::Directory, None) => "folder".to_owned(),
    }
}

fn filesystem(it: Filesystem) -> &'static str {
    match it {
        Filesystem::Ext4 => "ext4",
        Filesystem::Xfs => "xfs",
        Filesystem::Btrfs => "btrfs",
    }
}

/// Upper case for what must not be overlooked.
fn standing(it: PoolStanding) -> &'static str {
    match it {
        PoolStanding::Mounted => "mounted",
        PoolStanding::Damaged => "DAMAGED",
        PoolStanding::ReadOnly => "READ-ONLY",
        PoolStanding::Unmounted => "unmounted",
        PoolStanding::Missing => "MISSING",
        PoolStanding::Confused => "CONFUSED",
    }
}
