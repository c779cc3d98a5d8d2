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
    let kernel_name = it.kernel_name.as_ref();
    let facts = [
        ("name", it.name.clone()),
        ("standing", standing(it.standing).to_owned()),
        ("filesystem", of(it)),
        (
            "device",
            kernel_name.map_or_else(|| device.clone(), |name| format!("{name} ({device})")),
        ),
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

/// What is not known is not 0.
fn space(it: &Pool, of: fn(&Space) -> u64) -> String {
    let space = it.space.as_ref();
    space.map_or_else(|| "-".to_owned(), |it| bytes(of(it)))
}

fn of(it: &Pool) -> String {
    let filesystem = filesystem(it.filesystem);
    match it.kind {
        PoolKind::Filesystem => filesystem.to_owned(),
        PoolKind::Thin => format!("thin, {filesystem}"),
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
