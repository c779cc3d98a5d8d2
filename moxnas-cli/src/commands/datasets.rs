//! Datasets and snapshots.

use moxnas_api::wire::{
    datasets::{Dataset, DatasetPage, LimitDataset, PrunedSnapshots, Snapshot, SnapshotPage},
    replicas::ReplicateDataset,
};
use poem::http::Method;
use poem_openapi::types::ToJSON;

use super::{all_pages, jobs, parse};
use crate::{
    cli::{DatasetVerb, Global, SnapshotVerb},
    confirm::{Outcome, Wish, carry_out},
    failure::Failure,
    print::Printer,
    transport::{Ask, Transport, segment},
};

const DATASETS: &str = "/api/storage/datasets";
const SNAPSHOTS: &str = "/api/storage/snapshots";

pub(super) async fn dataset(
    transport: &Transport,
    global: &Global,
    verb: DatasetVerb,
    printer: &Printer,
) -> Result<(), Failure> {
    let wish = match verb {
        DatasetVerb::List { pool, fresh } => {
            let path = filtered(DATASETS, &[("pool", pool), ("fresh", word(fresh))]);
            let text = all_pages(transport, &path).await?;
            match printer.is_json() {
                true => printer.json(&text),
                false => printer.datasets(&parse::<DatasetPage>(&text)?),
            }
            return Ok(());
        }
        DatasetVerb::Show { pool, dataset } => {
            let ask = Ask::get(at(DATASETS, &[&pool, &dataset], ""));
            return shown_dataset(&transport.raw(&ask).await?, printer);
        }
        DatasetVerb::Create(body) => {
            let at = DATASETS.to_owned();
            Wish::new("dataset_create", Method::POST, at, &[], body.to_json())
        }
        DatasetVerb::Set {
            pool,
            dataset,
            body,
        } => {
            let at = at(DATASETS, &[&pool, &dataset], "");
            let names = [("pool", pool.as_str()), ("dataset", dataset.as_str())];
            Wish::new("dataset_set", Method::PATCH, at, &names, body.to_json())
        }
        DatasetVerb::Quota {
            pool,
            dataset,
            size,
        } => {
            let body = LimitDataset {
                quota_bytes: size.0.map(|it| it.0),
            };
            let at = at(DATASETS, &[&pool, &dataset], "/quota");
            let names = [("pool", pool.as_str()), ("dataset", dataset.as_str())];
            Wish::new("dataset_quota", Method::PUT, at, &names, body.to_json())
        }
        DatasetVerb::Rename {
            pool,
            dataset,
            body,
        } => {
            let at = at(DATASETS, &[&pool, &dataset], "/rename");
            let names = [("pool", pool.as_str()), ("dataset", dataset.as_str())];
            Wish::new("dataset_rename", Method::POST, at, &names, body.to_json())
        }
        DatasetVerb::Replicate {
            pool,
            dataset,
            body,
            patience,
        } => {
            let at = at(DATASETS, &[&pool, &dataset], "/replicate");
            let names = [("pool", pool.as_str()), ("dataset", dataset.as_str())];
            let body = of_target(body).to_json();
            let wish = Wish::new("dataset_replicate", Method::POST, at, &names, body);
            return jobs::begin(transport, global, printer, wish, patience).await;
        }
        DatasetVerb::Delete { pool, dataset } => {
            let at = at(DATASETS, &[&pool, &dataset], "");
            let names = [("pool", pool.as_str()), ("dataset", dataset.as_str())];
            Wish::new("dataset_delete", Method::DELETE, at, &names, None)
        }
    };
    match carry_out(transport, global, printer, wish).await? {
        Outcome::Planned => Ok(()),
        Outcome::Done(text) if text.is_empty() => Ok(()),
        Outcome::Done(text) => shown_dataset(&text, printer),
    }
}

/// `TARGET:POOL` stands for both; a pool has no colon in its name.
pub(super) fn of_target(mut body: ReplicateDataset) -> ReplicateDataset {
    if let (None, Some((target, pool))) = (&body.target, body.to_pool.split_once(':')) {
        (body.target, body.to_pool) = (Some(target.to_owned()), pool.to_owned());
    }
    body
}

pub(super) async fn snapshot(
    transport: &Transport,
    global: &Global,
    verb: SnapshotVerb,
    printer: &Printer,
) -> Result<(), Failure> {
    let of = |operation, method, [pool, dataset, snapshot]: [&str; 3], rest, body| {
        let at = at(SNAPSHOTS, &[pool, dataset, snapshot], rest);
        let names = [("pool", pool), ("dataset", dataset), ("snapshot", snapshot)];
        Wish::new(operation, method, at, &names, body)
    };
    let is_snapshot = matches!(
        verb,
        SnapshotVerb::Create(_)
            | SnapshotVerb::Hold { .. }
            | SnapshotVerb::Release { .. }
            | SnapshotVerb::Mount { .. }
            | SnapshotVerb::Unmount { .. }
    );
    let is_list = matches!(verb, SnapshotVerb::Prune(_));
    let wish = match verb {
        SnapshotVerb::List {
            pool,
            dataset,
            fresh,
        } => {
            let fresh = ("fresh", word(fresh));
            let path = filtered(SNAPSHOTS, &[("pool", pool), ("dataset", dataset), fresh]);
            let text = all_pages(transport, &path).await?;
            match printer.is_json() {
                true => printer.json(&text),
                false => printer.snapshots(&parse::<SnapshotPage>(&text)?),
            }
            return Ok(());
        }
        SnapshotVerb::Create(body) => {
            let at = SNAPSHOTS.to_owned();
            Wish::new("snapshot_create", Method::POST, at, &[], body.to_json())
        }
        SnapshotVerb::Prune(body) => {
            let at = format!("{SNAPSHOTS}/prune");
            Wish::new("snapshot_prune", Method::POST, at, &[], body.to_json())
        }
        SnapshotVerb::Delete {
            pool,
            dataset,
            snapshot,
        } => {
            let which = [pool.as_str(), &dataset, &snapshot];
            of("snapshot_delete", Method::DELETE, which, "", None)
        }
        SnapshotVerb::Hold {
            pool,
            dataset,
            snapshot,
            body,
        } => {
            let (which, body) = ([pool.as_str(), &dataset, &snapshot], body.to_json());
            of("snapshot_hold", Method::POST, which, "/hold", body)
        }
        SnapshotVerb::Release {
            pool,
            dataset,
            snapshot,
            body,
        } => {
            let (which, body) = ([pool.as_str(), &dataset, &snapshot], body.to_json());
            of("snapshot_release", Method::POST, which, "/release", body)
        }
        SnapshotVerb::Clone {
            pool,
            dataset,
            snapshot,
            body,
        } => {
            let which = [pool.as_str(), &dataset, &snapshot];
            of(
                "snapshot_clone",
                Method::POST,
                which,
                "/clone",
                body.to_json(),
            )
        }
        SnapshotVerb::Mount {
            pool,
            dataset,
            snapshot,
        } => {
            let which = [pool.as_str(), &dataset, &snapshot];
            of("snapshot_mount", Method::POST, which, "/mount", None)
        }
        SnapshotVerb::Unmount {
            pool,
            dataset,
            snapshot,
        } => {
            let which = [pool.as_str(), &dataset, &snapshot];
            of("snapshot_unmount", Method::POST, which, "/unmount", None)
        }
        SnapshotVerb::Rollback {
            pool,
            dataset,
            snapshot,
        } => {
            let which = [pool.as_str(), &dataset, &snapshot];
            of("snapshot_rollback", Method::POST, which, "/rollback", None)
        }
    };
    match carry_out(transport, global, printer, wish).await? {
        Outcome::Planned => Ok(()),
        Outcome::Done(text) if text.is_empty() => Ok(()),
        Outcome::Done(text) if is_list => {
            match printer.is_json() {
                true => printer.json(&text),
                false => printer.pruned_snapshots(&parse::<PrunedSnapshots>(&text)?),
            }
            Ok(())
        }
        Outcome::Done(text) if is_snapshot => {
            match printer.is_json() {
                true => printer.json(&text),
                false => printer.snapshot(&parse::<Snapshot>(&text)?),
            }
            Ok(())
        }
        Outcome::Done(text) => shown_dataset(&text, printer),
    }
}

fn shown_dataset(text: &str, printer: &Printer) -> Result<(), Failure> {
    match printer.is_json() {
        true => printer.json(text),
        false => printer.dataset(&parse::<Dataset>(text)?),
    }
    Ok(())
}

fn at(list: &str, names: &[&str], rest: &str) -> String {
    let names = names.iter().map(|it| format!("/{}", segment(it)));
    format!("{list}{}{rest}", names.collect::<String>())
}

/// A flag as a parameter of a request.
fn word(flag: bool) -> Option<String> {
    flag.then(|| "true".to_owned())
}

fn filtered(list: &str, filters: &[(&str, Option<String>)]) -> String {
    let given = filters
        .iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", segment(value.as_deref()?))));
    match given.collect::<Vec<_>>().join("&") {
        none if none.is_empty() => list.to_owned(),
        some => format!("{list}?{some}"),
    }
}
