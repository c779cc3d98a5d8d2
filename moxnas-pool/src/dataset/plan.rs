//! Facts and a wish about what is in a pool give steps, or the reason why not.

mod attributes;
mod change;
mod directories;
mod folders;
mod limits;
mod looks;
mod renames;
mod snapshots;
mod volumes;

use moxnas_core::{
    plan::{Danger, Plan},
    units::Bytes,
};

pub use change::{Change, CreateDataset};
pub use limits::{countable, is_limited_to};
pub use snapshots::plan_prune;

use super::{
    Contents, Counting, Dataset, DatasetName, Refusal, Snapshot, SnapshotName, Step, Usage,
};
use crate::{
    directory,
    lvm::Kind,
    model::{Filesystem, Pool},
};

/// What has to be done for a wish. Pure: the same facts and the same wish give the same plan.
pub fn plan(pool: &Pool, contents: &Contents, change: &Change) -> Result<Plan<Step>, Refusal> {
    let mut plan = match change {
        // It helps also where nothing can be written any more.
        Change::UnmountSnapshot { .. } => begin_to_look(pool)?,
        _ => begin(pool)?,
    };
    let planner = Planner { pool, contents };
    if let Change::CreateWith { wish, attributes } = change {
        let mut plan = self::plan(pool, contents, &Change::Create(wish.clone()))?;
        planner.give_new(wish, attributes, &mut plan)?;
        return Ok(plan);
    }
    if let Kind::Thin(thin) = &pool.kind {
        planner.in_volumes(thin, change, &mut plan)?;
        return Ok(plan);
    }
    if let Change::Create(wish) = change {
        planner.has_one_filesystem(wish)?;
    }
    if let Kind::Directory(directory) = &pool.kind {
        planner.in_directory(directory, change, &mut plan)?;
        return Ok(plan);
    }
    if pool.filesystem != Filesystem::Btrfs {
        planner.in_folders(change, &mut plan)?;
        return Ok(plan);
    }
    match change {
        Change::Create(wish) | Change::CreateWith { wish, .. } => {
            planner.create(wish, &mut plan)?
        }
        Change::Set {
            dataset,
            attributes,
        } => planner.set(dataset, attributes, &mut plan)?,
        Change::SetQuota { dataset, quota } => planner.set_quota(dataset, *quota, &mut plan)?,
        Change::Rename { dataset, to } => planner.rename(dataset, to, &mut plan)?,
        Change::Delete { dataset } => planner.delete(dataset, &mut plan)?,
        Change::TakeSnapshot { dataset, snapshot } => {
            planner.take_snapshot(dataset, snapshot, &mut plan)?;
        }
        Change::DeleteSnapshot { dataset, snapshot } => {
            planner.delete_snapshot(dataset, snapshot, &mut plan)?;
        }
        Change::Hold {
            dataset,
            snapshot,
            hold,
        } => planner.hold((dataset, snapshot), hold, true, &mut plan)?,
        Change::Release {
            dataset,
            snapshot,
            hold,
        } => planner.hold((dataset, snapshot), hold, false, &mut plan)?,
        Change::Clone {
            dataset,
            snapshot,
            to,
        } => planner.clone(dataset, snapshot, to, &mut plan)?,
        Change::Rollback { dataset, snapshot } => planner.rollback(dataset, snapshot, &mut plan)?,
        Change::MountSnapshot { dataset, snapshot } => {
            planner.is_always_there(dataset, snapshot, &mut plan)?;
        }
        Change::UnmountSnapshot { dataset, snapshot } => {
            planner.stays_there(dataset, snapshot)?;
        }
    }
    Ok(plan)
}

/// What every change in a pool needs.
pub(crate) fn begin(pool: &Pool) -> Result<Plan<Step>, Refusal> {
    let plan = begin_to_look(pool)?;
    if let Kind::Directory(directory) = &pool.kind
        && directory.is_read_only()
    {
        return Err(directory::Refusal::ReadOnly(directory.mount.clone()).into());
    }
    if pool.options.iter().any(|it| it == "ro") {
        return Err(Refusal::ReadOnly(pool.name.clone()));
    }
    if pool.is_forced_read_only {
        return Err(Refusal::ForcedReadOnly(pool.name.clone()));
    }
    Ok(plan)
}

/// What is needed also where nothing is written.
fn begin_to_look(pool: &Pool) -> Result<Plan<Step>, Refusal> {
    if !pool.is_mounted {
        return Err(Refusal::NotMounted(pool.name.clone()));
    }
    Ok(Plan {
        evidence: vec![format!("filesystem {}", pool.uuid)],
        ..Plan::default()
    })
}

#[derive(Clone, Copy)]
struct Planner<'a> {
    pool: &'a Pool,
    contents: &'a Contents,
}

impl<'a> Planner<'a> {
    fn has_snapshots(self) -> Result<(), Refusal> {
        match self.pool.filesystem {
            _ if matches!(self.pool.kind, Kind::Directory(_)) => {
                Err(directory::Refusal::HostSnapshots(self.pool.name.clone()).into())
            }
            Filesystem::Btrfs => Ok(()),
            _ if self.is_thin() => Ok(()),
            filesystem => Err(Refusal::NoSnapshots {
                pool: self.pool.name.clone(),
                filesystem,
            }),
        }
    }

    /// Where all datasets are in the filesystem of the pool there is no other for one of them.
    fn has_one_filesystem(self, wish: &CreateDataset) -> Result<(), Refusal> {
        let is_host = matches!(self.pool.kind, Kind::Directory(_));
        match wish.filesystem {
            Some(wished) if is_host || wished != self.pool.filesystem => {
                Err(Refusal::OneFilesystem {
                    pool: self.pool.name.clone(),
                    filesystem: wished,
                })
            }
            _ => Ok(()),
        }
    }

    fn is_thin(self) -> bool {
        matches!(self.pool.kind, Kind::Thin(_))
    }

    fn dataset(self, name: &str) -> Result<&'a Dataset, Refusal> {
        let found = self.contents.dataset(name);
        found.ok_or_else(|| Refusal::NoSuchDataset {
            pool: self.pool.name.clone(),
            dataset: name.to_owned(),
        })
    }

    fn snapshot(self, dataset: &str, name: &str) -> Result<&'a Snapshot, Refusal> {
        let found = self.contents.snapshot(dataset, name);
        found.ok_or_else(|| Refusal::NoSuchSnapshot {
            pool: self.pool.name.clone(),
            dataset: dataset.to_owned(),
            snapshot: name.to_owned(),
        })
    }

    fn replaced(self, dataset: &DatasetName) -> Option<&'a Dataset> {
        let mut all = self.contents.replaced.iter();
        all.find(|it| it.name == *dataset)
    }

    /// No rollback has the dataset in hand.
    fn at_rest(self, dataset: &DatasetName) -> Result<(), Refusal> {
        match self.replaced(dataset) {
            None => Ok(()),
            Some(_) => Err(Refusal::RollbackUnfinished {
                pool: self.pool.name.clone(),
                dataset: dataset.clone(),
            }),
        }
    }

    /// The name is free.
    fn free(self, name: &DatasetName) -> Result<(), Refusal> {
        let (pool, dataset) = (self.pool.name.clone(), name.clone());
        if self.contents.dataset(name.as_str()).is_some() {
            return Err(Refusal::DatasetExists { pool, dataset });
        }
        match self.contents.others.iter().any(|it| it == name.as_str()) {
            true => Err(Refusal::PlaceTaken { pool, dataset }),
            false => self.at_rest(name),
        }
    }

    /// No snapshots are under the name whose dataset is gone.
    fn without_orphans(self, name: &DatasetName) -> Result<(), Refusal> {
        match self.contents.snapshots_of(name.as_str()).next() {
            None => Ok(()),
            Some(first) => Err(Refusal::SnapshotsOfAnother {
                pool: self.pool.name.clone(),
                dataset: name.clone(),
                first: first.name.clone(),
            }),
        }
    }

    /// Deleting it leaves no snapshots without it.
    fn without_snapshots(self, name: &DatasetName) -> Result<(), Refusal> {
        let mut snapshots = self.contents.snapshots_of(name.as_str());
        match snapshots.next() {
            None => Ok(()),
            Some(first) => Err(Refusal::HasSnapshots {
                pool: self.pool.name.clone(),
                dataset: name.clone(),
                count: 1 + snapshots.count(),
                first: first.name.clone(),
            }),
        }
    }

    /// The name of a snapshot is free.
    fn free_snapshot(self, dataset: &DatasetName, name: &SnapshotName) -> Result<(), Refusal> {
        match self.contents.snapshot(dataset.as_str(), name.as_str()) {
            None => Ok(()),
            Some(_) => Err(Refusal::SnapshotExists {
                pool: self.pool.name.clone(),
                dataset: dataset.clone(),
                snapshot: name.clone(),
            }),
        }
    }

    /// Nobody made subvolumes in it.
    fn is_whole(self, dataset: &DatasetName) -> Result<(), Refusal> {
        let below = format!("{dataset}/");
        let paths: Vec<String> = self
            .contents
            .others
            .iter()
            .filter(|it| it.starts_with(&below))
            .cloned()
            .collect();
        match paths.is_empty() {
            true => Ok(()),
            false => Err(Refusal::HasSubvolumes {
                pool: self.pool.name.clone(),
                dataset: dataset.clone(),
                paths,
            }),
        }
    }

    fn count(self, plan: &mut Plan<Step>) {
        if self.contents.counting == Counting::Off {
            plan.steps.push(Step::Count);
            plan.warnings.push(
                "btrfs counts what each dataset takes from now on, which makes deleting snapshots \
                 slower"
                    .to_owned(),
            );
        }
    }

    fn create(self, wish: &CreateDataset, plan: &mut Plan<Step>) -> Result<(), Refusal> {
        self.free(&wish.name)?;
        self.without_orphans(&wish.name)?;
        self.count(plan);
        plan.steps.push(Step::Create {
            dataset: wish.name.clone(),
        });
        self.limit_new(wish, false, plan);
        Ok(())
    }

    /// What is cloned has the quota of what it was cloned from.
    fn limit_new(self, wish: &CreateDataset, is_clone: bool, plan: &mut Plan<Step>) {
        if wish.quota.is_some() || is_clone {
            plan.steps.push(Step::SetQuota {
                dataset: wish.name.clone(),
                quota: wish.quota,
            });
        }
        self.warn_of_size(wish, plan);
    }

    fn warn_of_size(self, wish: &CreateDataset, plan: &mut Plan<Step>) {
        let size = self.contents.space.size;
        if let Some(quota) = wish.quota
            && quota > size
        {
            plan.warnings
                .push(format!("the pool has {size}: it is full before that"));
        }
    }

    fn set_quota(
        self,
        dataset: &str,
        quota: Option<Bytes>,
        plan: &mut Plan<Step>,
    ) -> Result<(), Refusal> {
        let dataset = self.dataset(dataset)?;
        if dataset.quota == quota {
            return Ok(());
        }
        self.evidence(dataset, plan);
        self.count(plan);
        plan.steps.push(Step::SetQuota {
            dataset: dataset.name.clone(),
            quota,
        });
        warn_of_usage(dataset, quota, plan);
        Ok(())
    }

    fn rename(self, dataset: &str, to: &DatasetName, plan: &mut Plan<Step>) -> Result<(), Refusal> {
        let dataset = self.dataset(dataset)?;
        if dataset.name == *to {
            return Ok(());
        }
        self.at_rest(&dataset.name)?;
        self.free(to)?;
        self.evidence(dataset, plan);
        let own = self.contents.snapshots_of(dataset.name.as_str()).count();
        let there = self.contents.snapshots_of(to.as_str()).count();
        match (own, there) {
            (0, 0) => (),
            // An earlier try was stopped between the steps.
            (0, there) => plan.warnings.push(format!(
                "the {there} snapshots under the name {to} are those of the dataset from then on"
            )),
            (_, 0) => plan.steps.push(Step::RenameSnapshots {
                dataset: dataset.name.clone(),
                to: to.clone(),
            }),
            _ => self.without_orphans(to)?,
        }
        plan.steps.push(Step::Rename {
            dataset: dataset.name.clone(),
            to: to.clone(),
        });
        self.stops(dataset, plan);
        Ok(())
    }

    fn delete(self, dataset: &str, plan: &mut Plan<Step>) -> Result<(), Refusal> {
        let dataset = self.dataset(dataset)?;
        let name = &dataset.name;
        self.at_rest(name)?;
        self.is_whole(name)?;
        self.without_snapshots(name)?;
        self.evidence(dataset, plan);
        plan.steps.push(Step::Delete {
            dataset: name.clone(),
        });
        self.destroys(&format!("{name}"), dataset.usage, plan);
        Ok(())
    }

    /// Nothing is lost at any step: what the dataset is now keeps all its files, under one name or
    /// the other, and is a snapshot in the end.
    fn rollback(self, dataset: &str, snapshot: &str, plan: &mut Plan<Step>) -> Result<(), Refusal> {
        let dataset = self.dataset(dataset)?;
        let name = &dataset.name;
        let snapshot = self.snapshot(name.as_str(), snapshot)?;
        self.is_whole(name)?;
        self.evidence(dataset, plan);
        plan.evidence.push(format!("snapshot {}", snapshot.uuid));
        let keep = |plan: &mut Plan<Step>| {
            let taken = plan.steps.iter().any(is_kept);
            plan.steps.extend([
                Step::FreezeReplaced {
                    dataset: name.clone(),
                },
                Step::KeepReplaced {
                    dataset: name.clone(),
                    snapshot: self.name_for_kept(snapshot, taken),
                },
                Step::DeleteBeside {
                    dataset: name.clone(),
                },
            ]);
        };
        if let Some(left) = self.replaced(name) {
            plan.evidence.push(format!("replaced {}", left.id));
            // The later one is the clone: they have not changed places yet.
            if left.id > dataset.id {
                plan.steps.push(Step::DeleteBeside {
                    dataset: name.clone(),
                });
            } else {
                keep(plan);
                if dataset.origin.as_deref() == Some(&snapshot.uuid) {
                    plan.warnings
                        .push("an earlier try has done all but this".to_owned());
                    return Ok(());
                }
            }
        }
        plan.steps.push(Step::CloneBeside {
            dataset: name.clone(),
            snapshot: snapshot.name.clone(),
        });
        if self.contents.counting != Counting::Off {
            plan.steps.push(Step::LimitBeside {
                dataset: name.clone(),
                quota: dataset.quota,
            });
        }
        plan.steps.push(Step::Exchange {
            dataset: name.clone(),
        });
        keep(plan);
        if !snapshot.read_only {
            plan.warnings.push(format!(
                "the snapshot {} can be written: somebody may have changed it",
                snapshot.name
            ));
        }
        self.stops(dataset, plan);
        Ok(())
    }

    /// `before-NAME`, or with the first number that is free. `already`: the plan takes one itself.
    fn name_for_kept(self, snapshot: &Snapshot, already: bool) -> SnapshotName {
        let of = snapshot.name.as_str();
        let of = &of[..of.len().min(48)];
        let names = (1..).map(|number| match number {
            1 => format!("before-{of}"),
            number => format!("before-{of}-{number}"),
        });
        let taken = |it: &str| {
            self.contents
                .snapshot(snapshot.dataset.as_str(), it)
                .is_some()
        };
        let mut free = names.filter(|it| !taken(it)).skip(usize::from(already));
        let name = free.next().expect("numbers do not end");
        name.parse().expect("it is made of a name, and short")
    }

    fn evidence(self, dataset: &Dataset, plan: &mut Plan<Step>) {
        plan.evidence.push(match &dataset.uuid {
            Some(uuid) => format!("dataset {uuid}"),
            None if matches!(self.pool.kind, Kind::Directory(_)) => {
                format!("folder {} of inode {}", dataset.name, dataset.id)
            }
            None => format!("project {}", dataset.id),
        });
    }

    fn stops(self, dataset: &Dataset, plan: &mut Plan<Step>) {
        plan.dangers.push(Danger::Stops {
            object: format!("what has files of {}/{} open", self.pool.name, dataset.name),
        });
    }

    fn destroys(self, what: &str, usage: Option<Usage>, plan: &mut Plan<Step>) {
        let content = match usage {
            Some(usage) if self.is_thin() => {
                format!("{}, of which others may have a part too", usage.referenced)
            }
            Some(usage) => format!(
                "{}, of which {} are nowhere else",
                usage.referenced, usage.exclusive
            ),
            None => "nobody has counted how much".to_owned(),
        };
        plan.dangers.push(Danger::DestroysData {
            device: format!("{}/{what}", self.pool.name),
            content,
        });
    }
}

fn warn_of_usage(dataset: &Dataset, quota: Option<Bytes>, plan: &mut Plan<Step>) {
    if let (Some(quota), Some(usage)) = (quota, dataset.usage)
        && usage.referenced >= quota
    {
        let used = usage.referenced;
        plan.warnings.push(format!(
            "it takes {used} already: nothing more can be written until something is deleted"
        ));
    }
}

fn is_kept(step: &Step) -> bool {
    matches!(step, Step::KeepReplaced { .. })
}
