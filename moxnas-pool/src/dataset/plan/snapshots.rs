//! Snapshots: taken, held, cloned and deleted.

use std::collections::BTreeSet;

use moxnas_core::plan::Plan;

use super::{CreateDataset, Planner, begin, volumes::push};
use crate::{
    dataset::{Contents, HoldName, Refusal, Retention, Snapshot, SnapshotName, Step},
    lvm::{Kind, VolumeStep},
    model::Pool,
    prune::{self, TimeZone, Timestamp},
};

/// The snapshots of a dataset that the rules do not keep are deleted, each with the reason. Days are
/// those of the zone. One of which nobody knows when it was taken stays, and one that the retention is
/// not about is not looked at.
pub fn plan_prune(
    pool: &Pool,
    contents: &Contents,
    dataset: &str,
    retention: &Retention,
    zone: &TimeZone,
) -> Result<Plan<Step>, Refusal> {
    let mut plan = begin(pool)?;
    let planner = Planner { pool, contents };
    planner.has_snapshots()?;
    let all: Vec<&Snapshot> = contents.snapshots_of(dataset).collect();
    if all.is_empty() {
        planner.dataset(dataset)?;
    }
    let mut known = Vec::new();
    for it in all.into_iter().filter(|it| retention.is_about(it)) {
        match it.created.map(Timestamp::try_from) {
            Some(Ok(taken)) => known.push((it, prune::Snapshot::at(taken))),
            _ => plan
                .warnings
                .push(format!("{} stays: nobody knows when it was taken", it.name)),
        }
    }
    for (snapshot, moment) in &mut known {
        moment.is_protected = !snapshot.held.is_empty();
    }
    let moments: Vec<prune::Snapshot> = known.iter().map(|(_, it)| *it).collect();
    let decisions = prune::decide(&moments, &retention.keep, zone);
    for ((snapshot, _), decision) in known.iter().zip(&decisions) {
        let (name, why) = (&snapshot.name, decision.verdict.explain(zone));
        if !snapshot.held.is_empty() {
            let holds = names_of(&snapshot.held).join(", ");
            plan.warnings
                .push(format!("{name} stays: it is held for {holds}"));
        } else if decision.verdict.is_kept() {
            plan.warnings.push(format!("{name} stays: {why}"));
        } else {
            plan.warnings.push(format!("{name} goes: {why}"));
            planner.delete_snapshot(dataset, name.as_str(), &mut plan)?;
        }
    }
    Ok(plan)
}

impl Planner<'_> {
    pub(super) fn take_snapshot(
        self,
        dataset: &str,
        snapshot: &SnapshotName,
        plan: &mut Plan<Step>,
    ) -> Result<(), Refusal> {
        let dataset = self.dataset(dataset)?;
        self.at_rest(&dataset.name)?;
        self.free_snapshot(&dataset.name, snapshot)?;
        self.evidence(dataset, plan);
        if let Err(nested) = self.is_whole(&dataset.name) {
            plan.warnings
                .push(format!("{nested}, which are not in the snapshot"));
        }
        plan.steps.push(Step::TakeSnapshot {
            dataset: dataset.name.clone(),
            snapshot: snapshot.clone(),
        });
        Ok(())
    }

    pub(super) fn delete_snapshot(
        self,
        dataset: &str,
        snapshot: &str,
        plan: &mut Plan<Step>,
    ) -> Result<(), Refusal> {
        let snapshot = self.snapshot(dataset, snapshot)?;
        if !snapshot.held.is_empty() {
            return Err(Refusal::SnapshotHeld {
                pool: self.pool.name.clone(),
                dataset: snapshot.dataset.clone(),
                snapshot: snapshot.name.clone(),
                holds: names_of(&snapshot.held),
            });
        }
        plan.evidence.push(format!("snapshot {}", snapshot.uuid));
        let (of, name) = (snapshot.dataset.clone(), snapshot.name.clone());
        if let Kind::Thin(thin) = &self.pool.kind {
            self.hide(thin, dataset, name.as_str(), plan);
            push(
                plan,
                VolumeStep::RemoveSnapshot {
                    dataset: of,
                    snapshot: name,
                },
            );
        } else {
            plan.steps.push(Step::DeleteSnapshot {
                dataset: of,
                snapshot: name,
            });
        }
        let what = format!("{dataset}@{}", snapshot.name);
        self.destroys(&what, snapshot.usage, plan);
        Ok(())
    }

    /// Held for this from now on, or no more.
    pub(super) fn hold(
        self,
        (dataset, snapshot): (&str, &str),
        hold: &HoldName,
        is_held: bool,
        plan: &mut Plan<Step>,
    ) -> Result<(), Refusal> {
        let found = self.snapshot(dataset, snapshot)?;
        plan.evidence.push(format!("snapshot {}", found.uuid));
        if found.held.contains(hold) == is_held {
            return Ok(());
        }
        let (dataset, snapshot) = (found.dataset.clone(), found.name.clone());
        let hold = hold.clone();
        plan.steps.push(match is_held {
            true => Step::Hold {
                dataset,
                snapshot,
                hold,
            },
            false => Step::Release {
                dataset,
                snapshot,
                hold,
            },
        });
        Ok(())
    }

    pub(super) fn clone(
        self,
        dataset: &str,
        snapshot: &str,
        to: &CreateDataset,
        plan: &mut Plan<Step>,
    ) -> Result<(), Refusal> {
        let snapshot = self.snapshot(dataset, snapshot)?;
        self.free(&to.name)?;
        // What a dataset was, without the dataset: it is one again, with its snapshots.
        if to.name != snapshot.dataset {
            self.without_orphans(&to.name)?;
        }
        plan.evidence.push(format!("snapshot {}", snapshot.uuid));
        self.count(plan);
        plan.steps.push(Step::Clone {
            dataset: snapshot.dataset.clone(),
            snapshot: snapshot.name.clone(),
            to: to.name.clone(),
        });
        self.limit_new(to, true, plan);
        Ok(())
    }
}

fn names_of(holds: &BTreeSet<HoldName>) -> Vec<String> {
    holds.iter().map(ToString::to_string).collect()
}
