//! Datasets that are thin volumes, see lvmthin(7): a filesystem each, whose size is the quota.

use moxnas_core::{plan::Plan, units::Bytes};

use super::{Change, CreateDataset, Planner, Step};
use crate::{
    dataset::{Dataset, DatasetName, Refusal, SnapshotName},
    lvm::{self, Thin, Volume, VolumeStep, whole_extents},
    model::Filesystem,
};

pub(super) fn push(plan: &mut Plan<Step>, step: VolumeStep) {
    plan.steps.push(Step::Volume { step });
}

fn grow_filesystem(name: &DatasetName, filesystem: Filesystem, plan: &mut Plan<Step>) {
    push(
        plan,
        VolumeStep::GrowFilesystem {
            dataset: name.clone(),
            filesystem,
        },
    );
}

impl Planner<'_> {
    pub(super) fn in_volumes(
        self,
        thin: &Thin,
        change: &Change,
        plan: &mut Plan<Step>,
    ) -> Result<(), Refusal> {
        match change {
            Change::Create(wish) | Change::CreateWith { wish, .. } => {
                self.make_volume(thin, wish, plan)
            }
            Change::Set {
                dataset,
                attributes,
            } => {
                self.whole(dataset)?;
                self.set(dataset, attributes, plan)
            }
            Change::SetQuota { dataset, quota } => self.grow_volume(thin, dataset, *quota, plan),
            Change::Rename { dataset, to } => self.rename_volume(thin, dataset, to, plan),
            Change::Delete { dataset } => self.delete_volume(thin, dataset, plan),
            Change::TakeSnapshot { dataset, snapshot } => {
                self.snapshot_volume(dataset, snapshot, plan)
            }
            Change::Hold {
                dataset,
                snapshot,
                hold,
            } => self.hold((dataset, snapshot), hold, true, plan),
            Change::Release {
                dataset,
                snapshot,
                hold,
            } => self.hold((dataset, snapshot), hold, false, plan),
            Change::DeleteSnapshot { dataset, snapshot } => {
                self.delete_snapshot(dataset, snapshot, plan)
            }
            Change::MountSnapshot { dataset, snapshot } => {
                self.mount_snapshot(thin, dataset, snapshot, plan)
            }
            Change::UnmountSnapshot { dataset, snapshot } => {
                self.unmount_snapshot(thin, dataset, snapshot, plan)
            }
            Change::Clone {
                dataset,
                snapshot,
                to,
            } => self.clone_volume(thin, dataset, snapshot, to, plan),
            Change::Rollback { dataset, snapshot } => {
                self.roll_volume_back(thin, dataset, snapshot, plan)
            }
        }
    }

    /// The dataset, if no rollback has it in hand. Between two steps of one there is none of the name.
    pub(super) fn whole(self, name: &str) -> Result<(), Refusal> {
        if let Some(left) = self
            .contents
            .replaced
            .iter()
            .find(|it| it.name.as_str() == name)
        {
            self.at_rest(&left.name)?;
        }
        self.dataset(name).map(drop)
    }

    /// What needs room in a thin pool that has none would fail half way.
    pub(super) fn has_room(self) -> Result<(), Refusal> {
        match self.contents.thin.as_ref().is_some_and(lvm::Fill::is_full) {
            true => Err(lvm::Refusal::Full(self.pool.name.clone()).into()),
            false => Ok(()),
        }
    }

    pub(super) fn fits(self, volume: &Volume) -> Result<(), Refusal> {
        match volume.fits(&self.pool.name) {
            true => Ok(()),
            false => Err(lvm::Refusal::NameTooLong(volume.to_string()).into()),
        }
    }

    /// How large the volume is for a quota; for none as large as the thin pool.
    fn size(
        self,
        quota: Option<Bytes>,
        filesystem: Filesystem,
        plan: &mut Plan<Step>,
    ) -> Result<Bytes, Refusal> {
        let all = self.contents.space.size;
        let size = whole_extents(quota.unwrap_or(all));
        let need = filesystem.smallest_device();
        if size < need {
            return Err(lvm::Refusal::TooSmall {
                quota: quota.unwrap_or(all),
                filesystem,
                need,
            }
            .into());
        }
        Ok(self.warn_of_promises(size, Bytes(0), plan))
    }

    /// What all datasets may take together, when one of `before` has `size`, may be more than there is.
    fn warn_of_promises(self, size: Bytes, before: Bytes, plan: &mut Plan<Step>) -> Bytes {
        let all = self.contents.space.size;
        let others = self.contents.datasets.iter().filter_map(|it| it.quota);
        let promised: Bytes = others.chain([size]).sum();
        let promised = Bytes(promised.0.saturating_sub(before.0));
        if promised > all {
            plan.warnings.push(format!(
                "datasets may take {promised} together, and the pool has {all}: when it is full, what \
                 is written to any of them is refused"
            ));
        }
        size
    }

    /// It has its name only when it is whole.
    fn make_volume(
        self,
        thin: &Thin,
        wish: &CreateDataset,
        plan: &mut Plan<Step>,
    ) -> Result<(), Refusal> {
        let name = &wish.name;
        self.may_be_made(thin, name)?;
        self.has_room()?;
        let filesystem = wish.filesystem.unwrap_or(self.pool.filesystem);
        if filesystem == Filesystem::Btrfs {
            return Err(lvm::Refusal::NotOnThin(filesystem).into());
        }
        let size = self.size(wish.quota, filesystem, plan)?;
        self.tidy_new(name, plan);
        push(
            plan,
            VolumeStep::Make {
                dataset: name.clone(),
                size,
            },
        );
        push(
            plan,
            VolumeStep::Format {
                dataset: name.clone(),
                filesystem,
            },
        );
        self.take_in(name, filesystem, plan);
        Ok(())
    }

    /// Whether the name is free. Where only mounting was missing in an earlier try, that is said.
    fn may_be_made(self, thin: &Thin, name: &DatasetName) -> Result<(), Refusal> {
        if self.contents.dataset(name.as_str()).is_some() && !thin.is_mounted(name.as_str()) {
            return Err(lvm::Refusal::DatasetNotMounted {
                pool: self.pool.name.clone(),
                dataset: name.clone(),
            }
            .into());
        }
        self.free(name)?;
        self.without_orphans(name)?;
        self.fits(&Volume::Dataset(name.clone()))
    }

    /// What an earlier try has left: nobody has seen it.
    fn tidy_new(self, name: &DatasetName, plan: &mut Plan<Step>) {
        let left = Volume::New(name.clone()).to_string();
        if self.contents.others.contains(&left) {
            push(
                plan,
                VolumeStep::RemoveNew {
                    dataset: name.clone(),
                },
            );
        }
    }

    /// What is on the volume of a dataset, and on those of its snapshots.
    pub(super) fn filesystem_of(self, thin: &Thin, dataset: &DatasetName) -> Filesystem {
        let found = thin.find(dataset.as_str());
        found.map_or(self.pool.filesystem, |it| it.filesystem)
    }

    fn take_in(self, name: &DatasetName, filesystem: Filesystem, plan: &mut Plan<Step>) {
        let dataset = name.clone();
        push(plan, VolumeStep::Name { dataset });
        push(
            plan,
            VolumeStep::WriteUnit {
                dataset: name.clone(),
                filesystem,
                options: self.pool.options.clone(),
            },
        );
        let dataset = name.clone();
        push(plan, VolumeStep::Mount { dataset });
    }

    /// Growing the filesystem is done also where the volume is as large already: an earlier try may have
    /// come as far as that.
    fn grow_volume(
        self,
        thin: &Thin,
        dataset: &str,
        quota: Option<Bytes>,
        plan: &mut Plan<Step>,
    ) -> Result<(), Refusal> {
        self.whole(dataset)?;
        let dataset = self.dataset(dataset)?;
        let has = dataset.quota.unwrap_or_default();
        let wished = whole_extents(quota.unwrap_or(self.contents.space.size.max(has)));
        if wished < has {
            return Err(lvm::Refusal::CannotShrink {
                pool: self.pool.name.clone(),
                dataset: dataset.name.clone(),
                has,
            }
            .into());
        }
        if !thin.is_mounted(dataset.name.as_str()) {
            return Err(lvm::Refusal::DatasetNotMounted {
                pool: self.pool.name.clone(),
                dataset: dataset.name.clone(),
            }
            .into());
        }
        self.has_room()?;
        self.evidence(dataset, plan);
        if wished > has {
            self.warn_of_promises(wished, has, plan);
            push(
                plan,
                VolumeStep::Grow {
                    dataset: dataset.name.clone(),
                    size: wished,
                },
            );
        }
        let filesystem = self.filesystem_of(thin, &dataset.name);
        grow_filesystem(&dataset.name, filesystem, plan);
        Ok(())
    }

    fn delete_volume(
        self,
        thin: &Thin,
        dataset: &str,
        plan: &mut Plan<Step>,
    ) -> Result<(), Refusal> {
        self.whole(dataset)?;
        let dataset = self.dataset(dataset)?;
        let name = &dataset.name;
        self.without_snapshots(name)?;
        self.evidence(dataset, plan);
        let one = || name.clone();
        if thin.is_mounted(name.as_str()) {
            push(plan, VolumeStep::Unmount { dataset: one() });
            self.stops(dataset, plan);
        }
        if thin.find(name.as_str()).is_some_and(|it| it.has_unit) {
            push(plan, VolumeStep::RemoveUnit { dataset: one() });
        }
        push(plan, VolumeStep::Remove { dataset: one() });
        self.destroys(name.as_str(), dataset.usage, plan);
        Ok(())
    }

    fn snapshot_volume(
        self,
        dataset: &str,
        snapshot: &SnapshotName,
        plan: &mut Plan<Step>,
    ) -> Result<(), Refusal> {
        self.whole(dataset)?;
        let dataset = self.dataset(dataset)?;
        let name = &dataset.name;
        self.free_snapshot(name, snapshot)?;
        self.fits(&Volume::Snapshot(name.clone(), snapshot.clone()))?;
        self.has_room()?;
        self.evidence(dataset, plan);
        push(
            plan,
            VolumeStep::TakeSnapshot {
                dataset: name.clone(),
                snapshot: snapshot.clone(),
            },
        );
        Ok(())
    }

    fn clone_volume(
        self,
        thin: &Thin,
        dataset: &str,
        snapshot: &str,
        to: &CreateDataset,
        plan: &mut Plan<Step>,
    ) -> Result<(), Refusal> {
        let snapshot = self.snapshot(dataset, snapshot)?;
        let name = &to.name;
        self.may_be_made(thin, name)?;
        self.has_room()?;
        plan.evidence.push(format!("snapshot {}", snapshot.uuid));
        self.tidy_new(name, plan);
        push(
            plan,
            VolumeStep::MakeOf {
                dataset: name.clone(),
                of: snapshot.dataset.clone(),
                snapshot: snapshot.name.clone(),
            },
        );
        // It is that of the snapshot, whatever else the pool makes.
        let filesystem = self.filesystem_of(thin, &snapshot.dataset);
        self.take_in(name, filesystem, plan);
        if to.quota.is_some() {
            let size = self.size(to.quota, filesystem, plan)?;
            push(
                plan,
                VolumeStep::Grow {
                    dataset: name.clone(),
                    size,
                },
            );
            grow_filesystem(name, filesystem, plan);
        }
        Ok(())
    }

    /// What the dataset is now is set aside under another name, and nothing of it is deleted before it
    /// is a snapshot. LVM cannot let two volumes change places, so for a moment there is no dataset; it is
    /// not mounted then, and the same wish again goes on from there.
    fn roll_volume_back(
        self,
        thin: &Thin,
        dataset: &str,
        snapshot: &str,
        plan: &mut Plan<Step>,
    ) -> Result<(), Refusal> {
        let left = self.contents.replaced.iter();
        let left = left
            .filter(|it| it.name.as_str() == dataset)
            .collect::<Vec<_>>();
        let there = self.contents.dataset(dataset);
        let (Some(before), left) = (there.or(left.first().copied()), left.first()) else {
            return self.dataset(dataset).map(drop);
        };
        let name = &before.name;
        let snapshot = self.snapshot(name.as_str(), snapshot)?;
        self.has_room()?;
        plan.evidence.push(format!("snapshot {}", snapshot.uuid));
        self.evidence(before, plan);
        let one = || name.clone();
        let is_mounted = thin.is_mounted(name.as_str());
        let filesystem = self.filesystem_of(thin, name);
        let mut number = 0;
        let mut keep = |plan: &mut Plan<Step>| -> Result<(), Refusal> {
            let kept = self.name_for_kept(snapshot, number > 0);
            number += 1;
            self.fits(&Volume::Snapshot(one(), kept.clone()))?;
            push(
                plan,
                VolumeStep::KeepAside {
                    dataset: one(),
                    snapshot: kept,
                },
            );
            push(plan, VolumeStep::RemoveAside { dataset: one() });
            Ok(())
        };
        let restore = |of: Option<&Dataset>, plan: &mut Plan<Step>| {
            push(
                plan,
                VolumeStep::Restore {
                    dataset: one(),
                    snapshot: snapshot.name.clone(),
                },
            );
            // The snapshot may be from a time when the dataset was smaller.
            let size = of.and_then(|it| it.quota);
            if let Some(size) = size {
                let dataset = one();
                push(plan, VolumeStep::Grow { dataset, size });
            }
            push(plan, VolumeStep::Mount { dataset: one() });
            grow_filesystem(name, filesystem, plan);
        };
        self.hide(thin, name.as_str(), snapshot.name.as_str(), plan);
        if let Some(left) = left {
            plan.evidence.push(format!("set aside {}", left.id));
            let Some(there) = there else {
                restore(Some(left), plan);
                return keep(plan);
            };
            if there.origin.as_deref() == Some(&snapshot.uuid) {
                plan.warnings
                    .push("an earlier try has done all but this".to_owned());
                let size = left.quota;
                if let Some(size) = size.filter(|it| Some(*it) != there.quota) {
                    let dataset = one();
                    push(plan, VolumeStep::Grow { dataset, size });
                }
                if !is_mounted {
                    push(plan, VolumeStep::Mount { dataset: one() });
                }
                grow_filesystem(name, filesystem, plan);
                return keep(plan);
            }
            keep(plan)?;
        }
        if is_mounted {
            push(plan, VolumeStep::Unmount { dataset: one() });
            self.stops(before, plan);
        }
        push(plan, VolumeStep::SetAside { dataset: one() });
        restore(Some(before), plan);
        keep(plan)
    }
}
