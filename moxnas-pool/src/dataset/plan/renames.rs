//! Another name for a dataset that is a thin volume.

use moxnas_core::plan::Plan;

use super::{Planner, Step, volumes::push};
use crate::{
    dataset::{Dataset, DatasetName, Refusal, Snapshot},
    lvm::{Thin, Volume, VolumeStep},
    model::Filesystem,
};

impl<'a> Planner<'a> {
    /// Its unit goes first, as it names the volume, and its snapshots before the volume itself: the
    /// same wish again goes on from wherever it was stopped. It is not mounted meanwhile. Nothing is
    /// deleted but the unit.
    pub(super) fn rename_volume(
        self,
        thin: &Thin,
        dataset: &str,
        to: &DatasetName,
        plan: &mut Plan<Step>,
    ) -> Result<(), Refusal> {
        let there = self.contents.dataset(to.as_str());
        if let (None, Some(there)) = (self.contents.dataset(dataset), there) {
            let is_left = self.contents.snapshots_of(dataset).next().is_some();
            if !thin.is_mounted(to.as_str()) && !is_left {
                self.whole(to.as_str())?;
                plan.warnings.push(format!(
                    "there is no {dataset}, and {to} is not mounted: an earlier try has done all but this"
                ));
                self.evidence(there, plan);
                let filesystem = self.filesystem_of(thin, to);
                self.mount_renamed(thin, to, filesystem, plan);
                return Ok(());
            }
        }
        self.whole(dataset)?;
        let dataset = self.dataset(dataset)?;
        if dataset.name == *to {
            return Ok(());
        }
        self.free(to)?;
        self.fits(&Volume::Dataset(to.clone()))?;
        let snapshots = self.movable(dataset, to, plan)?;
        let name = &dataset.name;
        let one = || name.clone();
        self.evidence(dataset, plan);
        for it in &snapshots {
            self.hide(thin, name.as_str(), it.name.as_str(), plan);
        }
        if thin.is_mounted(name.as_str()) {
            push(plan, VolumeStep::Unmount { dataset: one() });
        }
        if thin.find(name.as_str()).is_some_and(|it| it.has_unit) {
            push(plan, VolumeStep::RemoveUnit { dataset: one() });
        }
        for it in snapshots {
            plan.evidence.push(format!("snapshot {}", it.uuid));
            push(
                plan,
                VolumeStep::RenameSnapshot {
                    dataset: one(),
                    snapshot: it.name.clone(),
                    to: to.clone(),
                },
            );
        }
        push(
            plan,
            VolumeStep::Rename {
                dataset: one(),
                to: to.clone(),
            },
        );
        let filesystem = self.filesystem_of(thin, name);
        self.mount_renamed(thin, to, filesystem, plan);
        self.stops(dataset, plan);
        Ok(())
    }

    /// The snapshots that go with it. Under the new name there may be those that an earlier try has moved.
    fn movable(
        self,
        dataset: &Dataset,
        to: &DatasetName,
        plan: &mut Plan<Step>,
    ) -> Result<Vec<&'a Snapshot>, Refusal> {
        let own: Vec<&'a Snapshot> = self.contents.snapshots_of(dataset.name.as_str()).collect();
        let mut there = self.contents.snapshots_of(to.as_str());
        let moved = there.len();
        let is_twice = |it: &Snapshot| own.iter().any(|own| own.name == it.name);
        if there.any(is_twice) {
            self.without_orphans(to)?;
        }
        if moved > 0 {
            plan.warnings.push(format!(
                "the {moved} snapshots under the name {to} are those of the dataset from then on"
            ));
        }
        for it in &own {
            self.fits(&Volume::Snapshot(to.clone(), it.name.clone()))?;
        }
        Ok(own)
    }

    fn mount_renamed(
        self,
        thin: &Thin,
        to: &DatasetName,
        filesystem: Filesystem,
        plan: &mut Plan<Step>,
    ) {
        if thin.find(to.as_str()).is_none_or(|it| !it.has_unit) {
            push(
                plan,
                VolumeStep::WriteUnit {
                    dataset: to.clone(),
                    filesystem,
                    options: self.pool.options.clone(),
                },
            );
        }
        push(
            plan,
            VolumeStep::Mount {
                dataset: to.clone(),
            },
        );
    }
}
