//! Pools, for people.

use moxnas_api::wire::{
    datasets::Space,
    pools::{Filesystem, Pool, PoolKind, PoolMember, PoolPage, PoolStanding},
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
            on(it),
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
        ("growth", growth(it)),
        ("mounted at", it.mount_point.clone()),
        ("options", it.mount_options.join(",")),
        ("uuid", it.uuid.clone()),
    ];
    let mut all: Vec<String> = Vec::new();
    for (key, value) in facts {
        if key == "device" && it.members.is_some() {
            all.extend(members(it));
            continue;
        }
        all.push(format!("{key:<12}{value}"));
        if key == "standing" {
            all.extend(it.reasons.iter().map(|it| format!("{:12}- {it}", "")));
        }
    }
    all.join("\n")
}

fn growth(it: &Pool) -> String {
    let Some(known) = &it.growth else {
        return "not known before there are figures of a day".to_owned();
    };
    let days = |it: f64| match it {
        it if it < 1.0 => "less than a day".to_owned(),
        it if it < 2.0 => "1 day".to_owned(),
        it => format!("{} days", it.floor()),
    };
    let per_day = known.bytes_per_day;
    let amount = bytes(whole(per_day.abs()));
    let full = known.days_until_full.map(days);
    let what = match (per_day, full) {
        (it, Some(full)) if it > 0.0 => format!("{amount} a day, full in {full}"),
        (it, _) if it >= 1.0 => format!("{amount} a day"),
        (it, _) if it <= -1.0 => format!("shrinks by {amount} a day"),
        _ => "none".to_owned(),
    };
    format!("{what} (over the last {})", days(known.over_days))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a size for people, which is not negative"
)]
fn whole(size: f64) -> u64 {
    size.round() as u64
}

/// The kernel names of what it is on.
fn on(it: &Pool) -> String {
    let missing = || "-".to_owned();
    match &it.members {
        None => it.kernel_name.clone().unwrap_or_else(missing),
        Some(all) => {
            let names = all.iter().map(|it| it.kernel_name.clone());
            let names: Vec<String> = names.map(|it| it.unwrap_or_else(missing)).collect();
            names.join(",")
        }
    }
}

/// A line for each device of several.
fn members(it: &Pool) -> Vec<String> {
    let of = |it: &PoolMember| {
        let text = match (&it.device, &it.kernel_name) {
            (Some(device), Some(name)) => format!("{name} ({device})"),
            (Some(device), None) => device.clone(),
            (None, _) => format!("NOT THERE ({})", it.uuid),
        };
        format!("{:<12}{text}", "device")
    };
    it.members.iter().flatten().map(of).collect()
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
        (PoolKind::Devices, _) => match it.profile {
            Some(profile) => format!("{filesystem}, {profile:?}").to_lowercase(),
            None => filesystem.to_owned(),
        },
        (PoolKind::Thin, _) => format!("thin, {filesystem}"),
        (PoolKind::Directory, Some(on)) => format!("folder on {on}"),
        (PoolKind::Directory, None) => "folder".to_owned(),
    }
}

pub(super) fn filesystem(it: Filesystem) -> &'static str {
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
