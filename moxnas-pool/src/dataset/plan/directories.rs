//! Datasets of a folder of the host: plain folders.

use moxnas_core::plan::Plan;

use super::{Change, CreateDataset, Planner, Step};
use crate::{
    dataset::Refusal,
    directory::{Directory, Mark, Refusal as Why},
};

impl Planner<'_> {
    pub(super) fn in_directory(
        self,
        directory: &Directory,
        change: &Change,
        plan: &mut Plan<Step>,
    ) -> Result<(), Refusal> {
        // What is not the pool is left alone, whatever is in it.
        if self.contents.directory != Some(Mark::Ours) {
            return Err(Why::NotItself {
                pool: self.pool.name.clone(),
                path: directory.path.clone(),
            }
            .into());
        }
        match change {
            Change::TakeSnapshot { .. }
            | Change::DeleteSnapshot { .. }
            | Change::Hold { .. }
            | Change::Release { .. }
            | Change::Clone { .. }
            | Change::Rollback { .. }
            | Change::MountSnapshot { .. }
            | Change::UnmountSnapshot { .. } => self.has_snapshots(),
            Change::Create(wish) | Change::CreateWith { wish, .. } => {
                self.make_directory(wish, plan)
            }
            Change::Set {
                dataset,
                attributes,
            } => self.set(dataset, attributes, plan),
            Change::SetQuota { dataset, quota } => {
                self.dataset(dataset)?;
                match quota {
                    Some(_) => self.host_limits(),
                    None => Ok(()),
                }
            }
            Change::Rename { dataset, to } => self.rename(dataset, to, plan),
            Change::Delete { dataset } => {
                let dataset = self.dataset(dataset)?;
                self.evidence(dataset, plan);
                plan.steps.push(Step::DeleteFolder {
                    dataset: dataset.name.clone(),
                });
                self.destroys(dataset.name.as_str(), dataset.usage, plan);
                Ok(())
            }
        }
    }

    fn make_directory(self, wish: &CreateDataset, plan: &mut Plan<Step>) -> Result<(), Refusal> {
        self.free(&wish.name)?;
        if wish.quota.is_some() {
            return self.host_limits();
        }
        plan.steps.push(Step::MakeDirectory {
            dataset: wish.name.clone(),
        });
        Ok(())
    }

    pub(super) fn host_limits(self) -> Result<(), Refusal> {
        Err(Why::HostLimits(self.pool.name.clone()).into())
    }
}
