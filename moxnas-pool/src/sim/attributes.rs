//! What is said of the folders of a machine that is not there, and who is known to it: users `root`,
//! `anna` (1001) and `ben` (1002), groups `root`, `users` (100) and `family` (1100).

use super::volume::{Volume, dataset_at, not_found};
use crate::{
    dataset::{
        Access, Account, AccountKind, AccountName, Compression, Contents, Folder, Names, Owner,
        Step, Whom,
    },
    model::{Filesystem, Pool},
};
use moxnas_core::units::Bytes;

const USERS: [(&str, u32); 3] = [("root", 0), ("anna", 1001), ("ben", 1002)];
const GROUPS: [(&str, u32); 3] = [("root", 0), ("users", 100), ("family", 1100)];

fn known(kind: AccountKind) -> [(&'static str, u32); 3] {
    match kind {
        AccountKind::User => USERS,
        AccountKind::Group => GROUPS,
    }
}

/// The number of whoever is called so.
pub(super) fn account(kind: AccountKind, name: &AccountName) -> Option<u32> {
    let found = known(kind).into_iter().find(|it| it.0 == name.as_str());
    found.map(|it| it.1)
}

fn named(kind: AccountKind, id: u32) -> Account {
    let found = known(kind).into_iter().find(|it| it.1 == id);
    Account {
        id,
        name: found.map(|it| it.0.to_owned()),
    }
}

/// What a folder keeps of itself.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    user: u32,
    group: u32,
    access: Access,
    compression: Option<Compression>,
    soft_quota: Option<Bytes>,
}

impl Default for Kept {
    fn default() -> Kept {
        Kept {
            user: 0,
            group: 0,
            access: Access::of_mode(0o755),
            compression: None,
            soft_quota: None,
        }
    }
}

impl Volume {
    /// Do a step that says something of a folder.
    pub(super) fn keep(&mut self, step: &Step) -> Result<(), String> {
        let (Step::SetOwner { dataset, .. }
        | Step::SetAccess { dataset, .. }
        | Step::SetCompression { dataset, .. }
        | Step::SetSoftQuota { dataset, .. }) = step
        else {
            return Err(format!("{step} says nothing of a folder"));
        };
        let path = dataset_at(dataset);
        let it = self.subvolumes.get_mut(&path);
        let it = it.ok_or_else(|| not_found(&path))?;
        if it.read_only {
            return Err("Read-only file system".to_owned());
        }
        let kept = &mut it.kept;
        match step {
            Step::SetOwner { to, .. } => (kept.user, kept.group) = (to.user.id, to.group.id),
            Step::SetAccess { to, .. } => kept.access = to.clone(),
            Step::SetCompression { to, .. } => kept.compression = *to,
            Step::SetSoftQuota { to, .. } => kept.soft_quota = *to,
            _ => (),
        }
        Ok(())
    }

    /// Say of each dataset what its folder keeps.
    pub(super) fn show_folders(&self, contents: &mut Contents) {
        for dataset in &mut contents.datasets {
            let found = self.subvolumes.get(&dataset_at(&dataset.name));
            dataset.folder = found.map(|it| it.kept.show());
        }
    }
}

impl Kept {
    fn show(&self) -> Folder {
        let mut names = Names::default();
        let lists = std::iter::once(&self.access.acl).chain(&self.access.default);
        for whom in lists.flat_map(|it| it.named.keys()) {
            let (kind, id) = match whom {
                Whom::User(id) => (AccountKind::User, *id),
                Whom::Group(id) => (AccountKind::Group, *id),
            };
            names.learn(kind, &named(kind, id));
        }
        Folder {
            owner: Owner {
                user: named(AccountKind::User, self.user),
                group: named(AccountKind::Group, self.group),
            },
            access: self.access.clone(),
            has_acl: true,
            compresses: false,
            compression: self.compression,
            soft_quota: self.soft_quota,
            names,
        }
    }
}

/// What can be seen of the folders of this pool: of those that are mounted, what its filesystem keeps.
pub(super) fn shown(mut contents: Contents, pool: &Pool) -> Contents {
    for dataset in &mut contents.datasets {
        let is_away = pool.kind.is_away(dataset.name.as_str());
        dataset.folder = dataset.folder.take().filter(|_| !is_away);
        if let Some(folder) = &mut dataset.folder {
            folder.has_acl = !pool.options.iter().any(|it| it == "noacl");
            folder.compresses = pool.filesystem == Filesystem::Btrfs;
        }
    }
    contents
}
