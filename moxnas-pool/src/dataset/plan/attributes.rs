//! What is said of the folder of a dataset.

use moxnas_core::{plan::Plan, units::Bytes};

use super::{CreateDataset, Planner, Step};
use crate::{
    dataset::{
        Account, Attributes, Compression, Counting, DatasetName, Folder, Names, Owner, Refusal,
    },
    directory,
    lvm::{self, Kind},
    model::Filesystem,
};

impl Planner<'_> {
    /// It is given away as soon as it is there, while nothing is in it.
    pub(super) fn give_new(
        self,
        wish: &CreateDataset,
        attributes: &Attributes<Account>,
        plan: &mut Plan<Step>,
    ) -> Result<(), Refusal> {
        if attributes.soft_quota.flatten().is_some() && !plan.steps.contains(&Step::Count) {
            self.count(plan);
        }
        self.warn_of_order(attributes.soft_quota, wish.quota, plan);
        self.give(&wish.name, None, attributes, plan)
    }

    pub(super) fn set(
        self,
        dataset: &str,
        attributes: &Attributes<Account>,
        plan: &mut Plan<Step>,
    ) -> Result<(), Refusal> {
        let dataset = self.dataset(dataset)?;
        self.at_rest(&dataset.name)?;
        let folder = dataset.folder.as_ref().ok_or_else(|| {
            let (pool, dataset) = (self.pool.name.clone(), dataset.name.clone());
            match &self.pool.kind {
                Kind::Thin(thin) if !thin.is_mounted(dataset.as_str()) => {
                    lvm::Refusal::DatasetNotMounted { pool, dataset }.into()
                }
                _ => Refusal::FolderNotKnown { pool, dataset },
            }
        })?;
        if attributes.differs(folder).is_none() {
            return Ok(());
        }
        self.evidence(dataset, plan);
        if attributes.soft_quota.flatten().is_some() && self.pool.filesystem == Filesystem::Btrfs {
            self.count(plan);
        }
        self.give(&dataset.name, Some(folder), attributes, plan)?;
        self.warn_of_order(attributes.soft_quota, dataset.quota, plan);
        let is_about = |it: fn(&Step) -> bool| plan.steps.iter().any(it);
        let of_access = |it: &Step| matches!(it, Step::SetOwner { .. } | Step::SetAccess { .. });
        if is_about(of_access) {
            plan.warnings.push(
                "this is about the folder of the dataset: what is in it stays as it is".to_owned(),
            );
        }
        if is_about(|it| matches!(it, Step::SetCompression { .. })) {
            plan.warnings.push(
                "what is written from now on is compressed so, in files and folders that are made \
                 from now on: what is there stays as it is"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// The owner first: chown(2) may take away what a mode says.
    fn give(
        self,
        name: &DatasetName,
        folder: Option<&Folder>,
        attributes: &Attributes<Account>,
        plan: &mut Plan<Step>,
    ) -> Result<(), Refusal> {
        let fresh = Folder::fresh();
        let before = folder.unwrap_or(&fresh);
        let to = Owner {
            user: attributes
                .owner
                .clone()
                .unwrap_or(before.owner.user.clone()),
            group: attributes
                .group
                .clone()
                .unwrap_or(before.owner.group.clone()),
        };
        let is_owner_wished = attributes.owner.is_some() || attributes.group.is_some();
        if is_owner_wished && (folder.is_none() || to != before.owner) {
            plan.steps.push(Step::SetOwner {
                dataset: name.clone(),
                from: folder.map(|it| it.owner.clone()),
                to,
            });
        }
        let access = attributes.access(&before.access);
        if let Some(to) = access.filter(|it| folder.is_none() || *it != before.access) {
            let is_kept = folder.map_or_else(|| self.keeps_acl(), |it| it.has_acl);
            let has_list = !to.acl.named.is_empty() || to.default.is_some();
            if has_list && !is_kept {
                return Err(Refusal::NoAcl(self.pool.name.clone()));
            }
            let mut names = before.names.clone();
            attributes.learn(&mut names);
            plan.steps.push(Step::SetAccess {
                dataset: name.clone(),
                from: folder.map(|it| it.access.clone()),
                to,
                names,
            });
        }
        if let Some(to) = attributes.compression
            && to != before.compression
        {
            self.set_compression(name, before.compression, to, plan)?;
        }
        if let Some(to) = attributes.soft_quota
            && to != before.soft_quota
        {
            if self.is_directory() {
                return self.host_limits();
            }
            plan.steps.push(Step::SetSoftQuota {
                dataset: name.clone(),
                from: before.soft_quota,
                to,
            });
        }
        Ok(())
    }

    fn is_directory(self) -> bool {
        matches!(self.pool.kind, Kind::Directory(_))
    }

    /// What is said of a filesystem as long as nobody has looked at the folder.
    fn keeps_acl(self) -> bool {
        !self.pool.options.iter().any(|it| it == "noacl")
    }

    fn set_compression(
        self,
        name: &DatasetName,
        from: Option<Compression>,
        to: Option<Compression>,
        plan: &mut Plan<Step>,
    ) -> Result<(), Refusal> {
        let filesystem = self.pool.filesystem;
        if self.is_directory() {
            return Err(directory::Refusal::HostCompresses(self.pool.name.clone()).into());
        }
        if filesystem != Filesystem::Btrfs {
            return Err(Refusal::NoCompression {
                pool: self.pool.name.clone(),
                filesystem,
            });
        }
        plan.steps.push(Step::SetCompression {
            dataset: name.clone(),
            from,
            to,
        });
        Ok(())
    }

    /// Somebody who is told only when nothing can be written any more is told too late.
    fn warn_of_order(
        self,
        soft: Option<Option<Bytes>>,
        quota: Option<Bytes>,
        plan: &mut Plan<Step>,
    ) {
        if let (Some(soft), Some(quota)) = (soft.flatten(), quota)
            && soft >= quota
        {
            plan.warnings.push(format!(
                "its quota of {quota} refuses what is written before anybody is told"
            ));
        }
        if soft.flatten().is_some() && self.contents.counting == Counting::Rescan {
            plan.warnings
                .push("btrfs counts anew: until that is done nobody is told".to_owned());
        }
    }
}

impl Folder {
    /// One that was just made.
    pub(crate) fn fresh() -> Folder {
        let root = || crate::dataset::Account {
            id: 0,
            name: Some("root".to_owned()),
        };
        Folder {
            owner: Owner {
                user: root(),
                group: root(),
            },
            access: crate::dataset::Access::of_mode(0o755),
            has_acl: true,
            compresses: false,
            compression: None,
            soft_quota: None,
            names: Names::default(),
        }
    }
}
