//! Looking into a snapshot. Those of btrfs are always there; one of a thin volume is mounted for it, and
//! nothing mounts it again when the machine is started anew.

use moxnas_core::plan::Plan;

use super::{Planner, Step, volumes::push};
use crate::{
    dataset::{Refusal, Snapshot, snapshot_path},
    lvm::{Thin, VolumeStep},
};

impl<'a> Planner<'a> {
    /// The snapshot, which is what the plan is about.
    fn evident(
        self,
        dataset: &str,
        snapshot: &str,
        plan: &mut Plan<Step>,
    ) -> Result<&'a Snapshot, Refusal> {
        let found = self.snapshot(dataset, snapshot)?;
        plan.evidence.push(format!("snapshot {}", found.uuid));
        Ok(found)
    }

    /// Nothing has to be done for a snapshot of btrfs.
    pub(super) fn is_always_there(
        self,
        dataset: &str,
        snapshot: &str,
        plan: &mut Plan<Step>,
    ) -> Result<(), Refusal> {
        let found = self.evident(dataset, snapshot, plan)?;
        let at = snapshot_path(&self.pool.name, &found.dataset, &found.name);
        plan.warnings
            .push(format!("snapshots of btrfs are always there: {at}"));
        Ok(())
    }

    /// Nor can it be taken away without deleting it.
    pub(super) fn stays_there(self, dataset: &str, snapshot: &str) -> Result<(), Refusal> {
        let found = self.snapshot(dataset, snapshot)?;
        Err(Refusal::SnapshotAlwaysThere {
            pool: self.pool.name.clone(),
            dataset: found.dataset.clone(),
            snapshot: found.name.clone(),
        })
    }

    /// The folder that it is mounted at has to be made, for which a pool that is full has no room.
    pub(super) fn mount_snapshot(
        self,
        thin: &Thin,
        dataset: &str,
        snapshot: &str,
        plan: &mut Plan<Step>,
    ) -> Result<(), Refusal> {
        let found = self.evident(dataset, snapshot, plan)?;
        let shown = thin.shown(dataset, snapshot);
        if shown.is_some_and(|it| it.is_mounted) {
            return Ok(());
        }
        self.has_room()?;
        let (dataset, snapshot) = (found.dataset.clone(), found.name.clone());
        if shown.is_none() {
            let (dataset, snapshot) = (dataset.clone(), snapshot.clone());
            push(plan, VolumeStep::ActivateSnapshot { dataset, snapshot });
        }
        let step = VolumeStep::MountSnapshot {
            dataset,
            snapshot,
            filesystem: self.filesystem_of(thin, &found.dataset),
        };
        push(plan, step);
        plan.warnings.push(
            "it is mounted until it is unmounted or the machine is started anew: nothing mounts it \
             at a start"
                .to_owned(),
        );
        Ok(())
    }

    pub(super) fn unmount_snapshot(
        self,
        thin: &Thin,
        dataset: &str,
        snapshot: &str,
        plan: &mut Plan<Step>,
    ) -> Result<(), Refusal> {
        self.evident(dataset, snapshot, plan)?;
        self.hide(thin, dataset, snapshot, plan);
        Ok(())
    }

    /// What comes before anything is done to a snapshot that somebody looks into. It is not taken away
    /// from whoever has files of it open: then this fails, and says who that is.
    pub(super) fn hide(self, thin: &Thin, dataset: &str, snapshot: &str, plan: &mut Plan<Step>) {
        if let Some(shown) = thin.shown(dataset, snapshot) {
            crate::lvm::hide(shown, |step| push(plan, step));
        }
    }
}
