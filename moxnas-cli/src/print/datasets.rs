//! Datasets and snapshots, for people.

use moxnas_api::wire::datasets::{Dataset, DatasetPage, Snapshot};
use time::OffsetDateTime;

use super::{bytes, jobs::at, lines};

/// What nobody counts is not 0.
fn known(count: Option<u64>) -> String {
    count.map_or_else(|| "-".to_owned(), bytes)
}

fn when(it: Option<OffsetDateTime>) -> String {
    it.map_or_else(|| "-".to_owned(), at)
}

fn quota(it: &Dataset) -> String {
    it.quota_bytes.map_or_else(|| "none".to_owned(), bytes)
}

pub(super) fn table(page: &DatasetPage) -> String {
    if page.items.is_empty() {
        return "there are no datasets".to_owned();
    }
    let mut table = super::table(&[
        "POOL",
        "NAME",
        "USED",
        "QUOTA",
        "OWNER",
        "COMPRESSION",
        "SNAPSHOTS",
        "PATH",
    ]);
    for it in &page.items {
        table.add_row([
            it.pool.clone(),
            it.name.clone(),
            known(it.referenced_bytes),
            quota(it),
            it.owner
                .clone()
                .unwrap_or_else(|| account(None, it.owner_id)),
            compression(it),
            it.snapshots.to_string(),
            it.path.clone(),
        ]);
    }
    lines(&table)
}

pub(super) fn sheet(it: &Dataset) -> String {
    let writable = if it.read_only { "no" } else { "yes" };
    let facts = [
        ("name", format!("{}/{}", it.pool, it.name)),
        ("path", it.path.clone()),
        ("used", known(it.referenced_bytes)),
        ("exclusive", known(it.exclusive_bytes)),
        ("quota", quota(it)),
        (
            "soft quota",
            it.soft_quota_bytes.map_or_else(|| "none".to_owned(), bytes),
        ),
        ("owner", account(it.owner.as_ref(), it.owner_id)),
        ("group", account(it.group.as_ref(), it.group_id)),
        ("mode", it.mode.clone().unwrap_or_else(|| "-".to_owned())),
        ("filesystem", filesystem(it)),
        ("compression", compression(it)),
        ("snapshots", it.snapshots.to_string()),
        ("writable", writable.to_owned()),
    ];
    let mut all = Vec::new();
    for (key, value) in facts {
        all.push(format!("{key:<12}{value}"));
        if key == "mode" {
            let entries = it.acl.iter().flatten();
            all.extend(entries.map(|it| format!("{:12}{it}", "")));
        }
    }
    all.extend(it.reasons.iter().map(|it| format!("{:12}- {it}", "")));
    all.join("\n")
}

/// A number without a name is all that there is of an account that was deleted.
fn account(name: Option<&String>, id: Option<u32>) -> String {
    match (name, id) {
        (Some(name), Some(id)) => format!("{name} ({id})"),
        (None, Some(id)) => id.to_string(),
        (_, None) => "-".to_owned(),
    }
}

fn filesystem(it: &Dataset) -> String {
    let own = it.filesystem.map(super::pools::filesystem);
    own.unwrap_or("that of its pool").to_owned()
}

fn compression(it: &Dataset) -> String {
    let of = it.compression.as_ref();
    of.map_or_else(|| "-".to_owned(), |it| it.word().to_owned())
}

pub(super) fn snapshot_table(items: &[Snapshot]) -> String {
    if items.is_empty() {
        return "there are no snapshots".to_owned();
    }
    let mut table = super::table(&[
        "POOL",
        "DATASET",
        "NAME",
        "CREATED",
        "USED",
        "EXCLUSIVE",
        "HELD FOR",
        "PATH",
    ]);
    for it in items {
        table.add_row([
            it.pool.clone(),
            it.dataset.clone(),
            it.name.clone(),
            when(it.created_at),
            known(it.referenced_bytes),
            known(it.exclusive_bytes),
            held(it),
            it.path.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    let hidden = items.iter().find_map(|it| it.mount_command.as_deref());
    match hidden {
        Some(command) => format!(
            "{}\nthose without a path are not mounted: `{command}` lets somebody look into one",
            lines(&table)
        ),
        None => lines(&table),
    }
}

/// Where it can be looked into, or how that is brought about.
fn place(it: &Snapshot) -> String {
    match (&it.path, &it.mount_command) {
        (Some(path), _) => path.clone(),
        (None, Some(command)) => format!("- (`{command}` lets somebody look into it)"),
        (None, None) => "-".to_owned(),
    }
}

fn held(it: &Snapshot) -> String {
    match it.held.is_empty() {
        true => "-".to_owned(),
        false => it.held.join(", "),
    }
}

pub(super) fn snapshot_sheet(it: &Snapshot) -> String {
    let facts = [
        (
            "snapshot",
            format!("{}/{}@{}", it.pool, it.dataset, it.name),
        ),
        ("path", place(it)),
        ("created", when(it.created_at)),
        (
            "copy of",
            it.received_uuid.clone().unwrap_or_else(|| "-".to_owned()),
        ),
        ("held for", held(it)),
        ("used", known(it.referenced_bytes)),
        ("exclusive", known(it.exclusive_bytes)),
    ];
    facts
        .map(|(key, value)| format!("{key:<12}{value}"))
        .join("\n")
}
