//! What both pools have, and a wish, give steps, or the reason why not.

use std::collections::BTreeSet;

use moxnas_core::plan::{Danger, Plan};

use super::{Counterpart, Refusal, Replicate, Route, Step};
use crate::{
    dataset::{
        self, Contents, CreateDataset, Dataset, DatasetName, HoldName, Refusal as InPool, Snapshot,
    },
    lvm::{self, Kind},
    model::{Filesystem, Pool, PoolName},
    plan::{Refusal as PoolRefusal, Step as PoolStep},
};

/// A pool, and what is in it.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// The pool.
    pub pool: &'a Pool,
    /// What is in it.
    pub contents: &'a Contents,
}

/// What the last snapshot is held for that a replica has: the next one is sent from it on.
#[must_use]
pub fn hold_of(pool: &PoolName, dataset: &DatasetName) -> HoldName {
    held_for(format!("replica:{pool}/{dataset}"))
}

fn held_for(mut name: String) -> HoldName {
    // Two names and that of a machine may not fit; the beginning of such a word tells enough.
    name.truncate(HoldName::MAX_LEN);
    name.parse().expect("it is made of names")
}

/// What the name of a hold begins with that keeps what arrived from another machine.
pub const SOURCE: &str = "source:";

fn hold_there(route: &Route) -> HoldName {
    held_for(format!("{SOURCE}{}/{}", route.from, route.dataset))
}

/// What has to be done for a wish. Pure: the same facts and the same wish give the same plan.
pub fn plan(from: Side<'_>, to: Side<'_>, wish: &Replicate) -> Result<Plan<PoolStep>, PoolRefusal> {
    if !from.pool.is_mounted {
        return Err(InPool::NotMounted(from.pool.name.clone()).into());
    }
    let mut plan = dataset::begin(to.pool)?.map(|step| inside(&to.pool.name, step));
    plan.evidence.push(format!("filesystem {}", from.pool.uuid));
    let dataset = name_of(from, &wish.dataset)?;
    if from.pool.uuid == to.pool.uuid {
        let pool = from.pool.name.clone();
        return Err(Refusal::SamePool { pool, dataset }.into());
    }
    let planner = Planner {
        from,
        to,
        wish,
        route: Route {
            from: from.pool.name.clone(),
            to: to.pool.name.clone(),
            as_dataset: target(from, to, wish)?,
            dataset,
            target: wish.target.clone(),
        },
    };
    let sends = [from, to]
        .iter()
        .all(|it| it.pool.filesystem == Filesystem::Btrfs);
    match (sends, &wish.target) {
        (true, _) => planner.send(&mut plan)?,
        (false, None) => planner.copy(&mut plan)?,
        (false, Some(target)) => {
            let target = target.clone();
            return Err(Refusal::OnlySent { target }.into());
        }
    }
    Ok(plan)
}

/// What the dataset is or will be in the other pool.
pub fn target(from: Side<'_>, to: Side<'_>, wish: &Replicate) -> Result<DatasetName, PoolRefusal> {
    let dataset = name_of(from, &wish.dataset)?;
    if let Some(name) = &wish.to {
        return Ok(name.clone());
    }
    // It may have had another name when it was sent first.
    let sent: BTreeSet<&str> = from
        .contents
        .snapshots_of(&wish.dataset)
        .map(Snapshot::identity)
        .collect();
    let mut there = to.contents.snapshots.iter();
    let known = there.find(|it| it.received.is_some() && sent.contains(it.identity()));
    Ok(known.map_or(dataset, |it| it.dataset.clone()))
}

/// Also a name under which only snapshots are: a replica may be what another is made from.
fn name_of(from: Side<'_>, dataset: &str) -> Result<DatasetName, InPool> {
    let found = from.contents.dataset(dataset).map(|it| &it.name);
    let kept = || Some(&from.contents.snapshots_of(dataset).next()?.dataset);
    let found = found.or_else(kept).cloned();
    found.ok_or_else(|| InPool::NoSuchDataset {
        pool: from.pool.name.clone(),
        dataset: dataset.to_owned(),
    })
}

fn inside(pool: &PoolName, step: dataset::Step) -> PoolStep {
    let pool = pool.clone();
    PoolStep::Inside { pool, step }
}

struct Planner<'a> {
    from: Side<'a>,
    to: Side<'a>,
    wish: &'a Replicate,
    route: Route,
}

impl<'a> Planner<'a> {
    fn step(&self, step: Step) -> PoolStep {
        PoolStep::Replicate {
            route: self.route.clone(),
            step,
        }
    }

    /// The snapshots that can be sent, the oldest first.
    fn snapshots(&self) -> Result<Vec<&'a Snapshot>, Refusal> {
        let all = self.from.contents.snapshots_of(&self.wish.dataset);
        let all: Vec<&Snapshot> = all.filter(|it| it.read_only).collect();
        match all.is_empty() {
            false => Ok(all),
            true => Err(Refusal::NoSnapshot {
                pool: self.route.from.clone(),
                dataset: self.route.dataset.clone(),
            }),
        }
    }

    /// The snapshot there of which this one is known to be the same.
    fn copy_of(&self, snapshot: &Snapshot) -> Option<&'a Snapshot> {
        let mut there = self
            .to
            .contents
            .snapshots_of(self.route.as_dataset.as_str());
        there.find(|it| it.read_only && it.identity() == snapshot.identity())
    }

    fn send(&self, plan: &mut Plan<PoolStep>) -> Result<(), PoolRefusal> {
        let all = self.snapshots()?;
        let last_common = all.iter().rposition(|it| self.copy_of(it).is_some());
        self.check_common(last_common.is_some())?;
        let mut base = last_common.map(|it| all[it]);
        self.check_room(&all, base)?;
        let new = &all[last_common.map_or(0, |it| it + 1)..];
        for snapshot in new {
            plan.evidence.push(format!("snapshot {}", snapshot.uuid));
            self.make_room(snapshot, plan)?;
            plan.steps.push(self.step(Step::Send {
                snapshot: snapshot.name.clone(),
                base: base.map(|it| it.name.clone()),
                taken: snapshot.created,
            }));
            base = Some(snapshot);
        }
        let newest = base.expect("there is at least one snapshot");
        if self.wish.compare {
            plan.steps.push(self.step(Step::Compare {
                snapshot: Some(newest.name.clone()),
                with: Counterpart::Snapshot,
            }));
        }
        self.hold_there(newest, plan);
        self.hold(&all, newest, plan);
        self.release_there(newest, plan);
        Ok(())
    }

    /// What is sent as a whole is known to be at least as large as its files. How much two snapshots
    /// differ by nobody knows before it is sent.
    fn check_room(&self, all: &[&Snapshot], base: Option<&Snapshot>) -> Result<(), Refusal> {
        let Some(target) = self.wish.target.clone().filter(|_| base.is_none()) else {
            return Ok(());
        };
        let need = all.first().and_then(|it| it.usage).map(|it| it.referenced);
        let has = self.to.contents.space.available;
        match need {
            Some(need) if need > has => Err(Refusal::NoRoom {
                end: format!("{target}:{}", self.route.to),
                need,
                has,
            }),
            _ => Ok(()),
        }
    }

    /// A step in the other pool, wherever that is.
    fn in_other(&self, step: dataset::Step) -> PoolStep {
        match &self.route.target {
            None => inside(&self.route.to, step),
            Some(target) => PoolStep::There {
                target: target.clone(),
                pool: self.route.to.clone(),
                step,
            },
        }
    }

    /// Whoever prunes on the other machine does not know what is sent next. On this one the pools are
    /// pruned by the same hand.
    fn hold_there(&self, newest: &Snapshot, plan: &mut Plan<PoolStep>) {
        let hold = hold_there(&self.route);
        let is_held = |it: &Snapshot| it.held.contains(&hold);
        if self.route.target.is_none() || self.copy_of(newest).is_some_and(is_held) {
            return;
        }
        plan.steps.push(self.in_other(dataset::Step::Hold {
            dataset: self.route.as_dataset.clone(),
            snapshot: self.copy_of(newest).unwrap_or(newest).name.clone(),
            hold,
        }));
    }

    fn release_there(&self, newest: &Snapshot, plan: &mut Plan<PoolStep>) {
        if self.route.target.is_none() {
            return;
        }
        let hold = hold_there(&self.route);
        let there = self
            .to
            .contents
            .snapshots_of(self.route.as_dataset.as_str());
        let earlier =
            there.filter(|it| it.identity() != newest.identity() && it.held.contains(&hold));
        plan.steps.extend(earlier.map(|it| {
            self.in_other(dataset::Step::Release {
                dataset: it.dataset.clone(),
                snapshot: it.name.clone(),
                hold: hold.clone(),
            })
        }));
    }

    /// What is there under the name came from here.
    fn check_common(&self, has_common: bool) -> Result<(), Refusal> {
        let there = self.to.contents;
        let name = self.route.as_dataset.as_str();
        // What did not arrive as a whole says nothing.
        let is_other = there.dataset(name).is_some()
            || there
                .snapshots_of(name)
                .any(|it| it.read_only || it.received.is_some());
        match is_other && !has_common {
            true => Err(Refusal::NothingInCommon {
                pool: self.route.to.clone(),
                dataset: self.route.as_dataset.clone(),
                of: format!("{}/{}", self.route.from, self.route.dataset),
            }),
            false => Ok(()),
        }
    }

    /// What an interrupted try has left goes; anything else stays.
    fn make_room(&self, for_it: &Snapshot, plan: &mut Plan<PoolStep>) -> Result<(), PoolRefusal> {
        let (dataset, snapshot) = (&self.route.as_dataset, &for_it.name);
        let there = self
            .to
            .contents
            .snapshot(dataset.as_str(), snapshot.as_str());
        let Some(there) = there else {
            return Ok(());
        };
        if there.read_only || there.received.is_some() {
            return Err(Refusal::SnapshotDiffers {
                pool: self.route.to.clone(),
                dataset: dataset.clone(),
                snapshot: snapshot.clone(),
            }
            .into());
        }
        plan.evidence.push(format!("snapshot {}", there.uuid));
        plan.dangers.push(Danger::DestroysData {
            device: format!("{}@{snapshot}", self.route.end()),
            content: "what arrived of it before it was interrupted".to_owned(),
        });
        let step = dataset::Step::DeleteSnapshot {
            dataset: dataset.clone(),
            snapshot: snapshot.clone(),
        };
        plan.steps.push(self.in_other(step));
        Ok(())
    }

    /// The newest that both have stays, so that the next can be sent from it on; the one before need
    /// not stay any more.
    fn hold(&self, all: &[&Snapshot], newest: &Snapshot, plan: &mut Plan<PoolStep>) {
        let hold = held_for(format!("replica:{}", self.route.end()));
        let is_kept_from_writing = self.from.pool.is_forced_read_only
            || self.from.pool.options.iter().any(|it| it == "ro");
        if is_kept_from_writing {
            plan.warnings.push(format!(
                "pool {} is read-only: {} is not held there",
                self.route.from, newest.name
            ));
            return;
        }
        let step = |snapshot: &Snapshot| (snapshot.dataset.clone(), snapshot.name.clone());
        if !newest.held.contains(&hold) {
            let (dataset, snapshot) = step(newest);
            let step = dataset::Step::Hold {
                dataset,
                snapshot,
                hold: hold.clone(),
            };
            plan.steps.push(inside(&self.route.from, step));
        }
        let earlier = all.iter().filter(|it| it.name != newest.name);
        for it in earlier.filter(|it| it.held.contains(&hold)) {
            let (dataset, snapshot) = step(it);
            let step = dataset::Step::Release {
                dataset,
                snapshot,
                hold: hold.clone(),
            };
            plan.steps.push(inside(&self.route.from, step));
        }
    }

    /// In the folder of a thin volume that is not mounted are not its files.
    fn check_mounted(side: Side<'_>, dataset: &DatasetName) -> Result<(), InPool> {
        let Kind::Thin(thin) = &side.pool.kind else {
            return Ok(());
        };
        let is_there = side.contents.dataset(dataset.as_str()).is_some();
        match is_there && !thin.is_mounted(dataset.as_str()) {
            true => Err(lvm::Refusal::DatasetNotMounted {
                pool: side.pool.name.clone(),
                dataset: dataset.clone(),
            }
            .into()),
            false => Ok(()),
        }
    }

    fn copy(&self, plan: &mut Plan<PoolStep>) -> Result<(), PoolRefusal> {
        Self::check_mounted(self.from, &self.route.dataset)?;
        Self::check_mounted(self.to, &self.route.as_dataset)?;
        // Where there are snapshots, one of them: all of its files are of one moment.
        let snapshot = match self.from.pool.filesystem {
            _ if matches!(self.from.pool.kind, Kind::Directory(_)) => {
                plan.warnings.push(
                    "a folder of the host has no snapshots: what is changed while it is copied may be \
                     of different moments"
                        .to_owned(),
                );
                None
            }
            Filesystem::Btrfs => self.snapshots()?.last().map(|it| it.name.clone()),
            Filesystem::Ext4 | Filesystem::Xfs => {
                plan.warnings.push(format!(
                    "{} has no snapshots: what is changed while it is copied may be of different \
                     moments",
                    self.from.pool.filesystem
                ));
                None
            }
        };
        let there = self.to.contents.dataset(self.route.as_dataset.as_str());
        match there {
            Some(there) => self.overwrite(there, plan),
            None => {
                let wish = dataset::Change::Create(CreateDataset {
                    name: self.route.as_dataset.clone(),
                    quota: None,
                    filesystem: None,
                });
                let made = dataset::plan(self.to.pool, self.to.contents, &wish)?;
                let made = made.map(|step| inside(&self.route.to, step));
                plan.steps.extend(made.steps);
                plan.warnings.extend(made.warnings);
            }
        }
        plan.steps.push(self.step(Step::Copy {
            snapshot: snapshot.clone(),
        }));
        plan.steps.push(self.step(Step::Compare {
            snapshot,
            with: Counterpart::Dataset,
        }));
        Ok(())
    }

    fn overwrite(&self, there: &Dataset, plan: &mut Plan<PoolStep>) {
        plan.evidence.push(match &there.uuid {
            Some(uuid) => format!("dataset {uuid}"),
            None => format!("project {}", there.id),
        });
        plan.dangers.push(Danger::DestroysData {
            device: format!("{}/{}", self.route.to, there.name),
            content: format!(
                "files that {}/{} does not have, or has otherwise",
                self.route.from, self.route.dataset
            ),
        });
    }
}
