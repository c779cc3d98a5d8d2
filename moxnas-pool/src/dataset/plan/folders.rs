//! Datasets of ext4 and xfs: folders that are a project each, see xfs_quota(8).

use moxnas_core::{plan::Plan, units::Bytes};

use super::{Change, CreateDataset, Planner, Step, countable, warn_of_usage};
use crate::{
    dataset::{Counting, Dataset, DatasetName, Refusal},
    model::Filesystem,
};

/// Projects below are for whoever numbers by hand.
const FIRST: u32 = 1000;

impl Planner<'_> {
    pub(super) fn in_folders(self, change: &Change, plan: &mut Plan<Step>) -> Result<(), Refusal> {
        match change {
            Change::TakeSnapshot { .. }
            | Change::DeleteSnapshot { .. }
            | Change::Hold { .. }
            | Change::Release { .. }
            | Change::Clone { .. }
            | Change::Rollback { .. }
            | Change::MountSnapshot { .. }
            | Change::UnmountSnapshot { .. } => self.has_snapshots(),
            _ if self.contents.counting == Counting::Off => Err(Refusal::NoProjectQuota {
                pool: self.pool.name.clone(),
                filesystem: self.pool.filesystem,
            }),
            Change::Create(wish) | Change::CreateWith { wish, .. } => self.make_folder(wish, plan),
            Change::Set {
                dataset,
                attributes,
            } => self.set(dataset, attributes, plan),
            Change::SetQuota { dataset, quota } => self.limit_project(dataset, *quota, plan),
            Change::Rename { dataset, to } => self.rename(dataset, to, plan),
            Change::Delete { dataset } => self.delete_folder(dataset, plan),
        }
    }

    /// It has its name last: whoever sees it sees it with its quota.
    fn make_folder(self, wish: &CreateDataset, plan: &mut Plan<Step>) -> Result<(), Refusal> {
        self.free(&wish.name)?;
        let project = self.free_project();
        plan.steps.push(Step::MakeFolder {
            dataset: wish.name.clone(),
            project,
        });
        if wish.quota.is_some() {
            let quota = self.quota(wish.quota, plan)?;
            plan.steps.push(Step::LimitProject {
                dataset: wish.name.clone(),
                project,
                quota,
            });
        }
        plan.steps.push(Step::NameFolder {
            dataset: wish.name.clone(),
        });
        self.warn_of_size(wish, plan);
        Ok(())
    }

    /// The first number after all that are in use.
    fn free_project(self) -> u32 {
        let used = &self.contents.projects;
        let last = used.last().copied().unwrap_or(0);
        match last.checked_add(1) {
            Some(next) => next.max(FIRST),
            None => (FIRST..)
                .find(|it| !used.contains(it))
                .expect("nobody has so many folders"),
        }
    }

    /// The quota as the filesystem counts it.
    fn quota(self, quota: Option<Bytes>, plan: &mut Plan<Step>) -> Result<Option<Bytes>, Refusal> {
        let counted = countable(self.pool.filesystem, quota);
        if let Some(quota) = quota
            && counted == Some(Bytes(0))
        {
            return Err(Refusal::QuotaTooSmall { quota });
        }
        if counted.is_some() && self.pool.filesystem == Filesystem::Ext4 {
            plan.warnings
                .push("on ext4 root may write beyond a quota, everybody else may not".to_owned());
        }
        Ok(counted)
    }

    fn limit_project(
        self,
        dataset: &str,
        quota: Option<Bytes>,
        plan: &mut Plan<Step>,
    ) -> Result<(), Refusal> {
        let dataset = self.dataset(dataset)?;
        if dataset.quota == countable(self.pool.filesystem, quota) {
            return Ok(());
        }
        let project = self.own_project(dataset)?;
        self.evidence(dataset, plan);
        let quota = self.quota(quota, plan)?;
        plan.steps.push(Step::LimitProject {
            dataset: dataset.name.clone(),
            project,
            quota,
        });
        warn_of_usage(dataset, quota, plan);
        Ok(())
    }

    /// The limit goes first: an interrupted deletion is gone on with as long as there is a folder.
    fn delete_folder(self, dataset: &str, plan: &mut Plan<Step>) -> Result<(), Refusal> {
        let dataset = self.dataset(dataset)?;
        let project = self.own_project(dataset)?;
        self.evidence(dataset, plan);
        if dataset.quota.is_some() {
            plan.steps.push(Step::LimitProject {
                dataset: dataset.name.clone(),
                project,
                quota: None,
            });
        }
        plan.steps.push(Step::DeleteFolder {
            dataset: dataset.name.clone(),
        });
        self.destroys(dataset.name.as_str(), dataset.usage, plan);
        Ok(())
    }

    /// The number of its project, if no other dataset has the same.
    fn own_project(self, dataset: &Dataset) -> Result<u32, Refusal> {
        let project = u32::try_from(dataset.id).unwrap_or(u32::MAX);
        let all = self.contents.datasets.iter();
        let others = all.filter(|it| it.id == dataset.id && it.name != dataset.name);
        let others: Vec<&DatasetName> = others.map(|it| &it.name).collect();
        match others.is_empty() {
            true => Ok(project),
            false => Err(Refusal::ProjectShared {
                pool: self.pool.name.clone(),
                dataset: dataset.name.clone(),
                project,
                others: others.iter().map(ToString::to_string).collect(),
            }),
        }
    }
}
