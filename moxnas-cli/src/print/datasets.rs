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
    let mut table = super::table(&["POOL", "NAME", "USED", "QUOTA", "SNAPSHOTS", "PATH"]);
    for it in &page.items {
        table.add_row([
            it.pool.clone(),
            it.name.clone(),
            known(it.referenced_bytes),
            quota(it),
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
        ("snapshots", it.snapshots.to_string()),
        ("writable", writable.to_owned()),
    ];
    facts
        .map(|(key, value)| format!("{key:<12}{value}"))
        .join("\n")
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
        ]);
    }
    lines(&table)
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
        ("path", it.path.clone()),
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
