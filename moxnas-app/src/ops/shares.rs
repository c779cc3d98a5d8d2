//! Shares: what is offered to the network, and to whom.
//!
//! What is meant is in the database, what is served only a look says. A change is planned for the whole
//! intent as it would be, so that nothing else that is not as meant stays so unnoticed: it is part of the
//! plan then.

mod faces;
mod generations;
mod import;
mod settings;

use std::sync::Arc;

use moxnas_core::{
    folder::{FolderPath, is_in},
    plan::Plan,
};
use moxnas_pool::{
    dataset::{Dataset, dataset_path, snapshot_folder},
    directory::Is,
    lvm::Kind,
    model::{Filesystem, Pool},
    unit::mount_point,
};
use moxnas_shares::{
    model::{Intent, PreviousVersions, Share},
    plan::plan,
};

pub use self::{
    faces::{
        FaceCreate, FaceDelete, FaceGet, FaceList, FaceReplace, FaceSet, OfFtp, OfNfs, OfSftp,
        OfSmb, Protocol,
    },
    generations::{GenerationList, GenerationRevert},
    import::ShareImport,
    settings::{
        DiscoverySettingsOf, FtpSettingsOf, NfsSettingsOf, SettingsGet, SettingsOf, SettingsSet,
        SmbSettingsOf,
    },
};
use crate::{
    actor::{Actor, Role},
    answers::Question,
    app::App,
    error::Error,
    machine::AppStep,
    operation::{Change, Effect, Lane, Operation, Query},
    seen::Seen,
    sharing::{ShareError, Sharing},
};

/// Shares, with the look they come from.
#[derive(Clone, Debug)]
pub struct SharesView {
    /// Where they were seen.
    pub seen: Arc<Seen>,
}

/// A share, with the look it comes from.
#[derive(Clone, Debug)]
pub struct ShareView {
    /// The share.
    pub share: Share,
    /// Where it was seen.
    pub seen: Arc<Seen>,
}

/// List all shares, whatever offers them.
#[derive(Clone, Copy, Debug)]
pub struct ShareList;

/// Show a share with everything that offers it.
#[derive(Clone, Debug)]
pub struct ShareGet {
    /// Its name.
    pub share: String,
}

/// Stop sharing a folder altogether. What is in it stays.
#[derive(Clone, Debug)]
pub struct ShareDelete {
    /// The name of the share.
    pub share: String,
}

/// Tell what is served from what is meant.
#[derive(Clone, Copy, Debug)]
pub struct ShareStatus;

/// Have everything served as it is meant.
#[derive(Clone, Copy, Debug)]
pub struct ShareReconcile;

operation!(ShareList, "share_list", Some(Role::Viewer), SharesView);
operation!(ShareGet, "share_get", Some(Role::Viewer), ShareView, share);
operation!(ShareDelete, "share_delete", Some(Role::Admin), (), share);
operation!(ShareStatus, "share_status", Some(Role::Viewer), SharesView);
operation!(ShareReconcile, "share_reconcile", Some(Role::Admin), ());

impl Query for ShareList {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<SharesView, Error> {
        Ok(SharesView { seen: app.seen() })
    }
}

impl Query for ShareStatus {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<SharesView, Error> {
        Ok(SharesView { seen: app.seen() })
    }
}

impl Query for ShareGet {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<ShareView, Error> {
        let seen = app.seen();
        let share = found(&seen.sharing.offered.intent, &self.share)?.clone();
        Ok(ShareView { share, seen })
    }
}

/// The share of this name.
fn found<'a>(intent: &'a Intent, name: &str) -> Result<&'a Share, Error> {
    intent.find(name).ok_or_else(|| Error::NotFound {
        what: "share",
        name: name.to_owned(),
    })
}

/// A change of what is meant: all of them are planned, made and verified in the same way.
pub(crate) trait Edit {
    /// What will be meant.
    fn edited(&self, seen: &Seen) -> Result<Intent, Error>;

    /// What has to be asked before.
    fn folders(&self, _: &Seen) -> Vec<Question> {
        Vec::new()
    }
}

/// What follows for a change from how it edits what is meant.
macro_rules! change_by_edit {
    ($type:ty $(, $($generic:tt)+)?) => {
        impl$($($generic)+)? Change for $type {
            const LANE: Lane = Lane::Shares;

            fn asks(&self, seen: &Seen) -> Vec<Question> {
                self.folders(seen)
            }

            fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
                planned(seen, &self.edited(seen)?)
            }

            fn etag(&self, _: &Seen) -> Option<String> {
                None
            }

            fn offers(&self, seen: &Seen) -> Result<Option<Intent>, Error> {
                self.edited(seen).map(Some)
            }

            fn verify(&self, _: &Seen) -> Result<(), Error> {
                Ok(())
            }
        }
    };
}
use change_by_edit;

impl Edit for ShareDelete {
    fn edited(&self, seen: &Seen) -> Result<Intent, Error> {
        let mut intent = seen.sharing.offered.intent.clone();
        let gone = found(&intent, &self.share)?.name.clone();
        intent.shares.retain(|it| it.name != gone);
        Ok(intent)
    }
}

change_by_edit!(ShareDelete);

impl Edit for ShareReconcile {
    fn edited(&self, seen: &Seen) -> Result<Intent, Error> {
        Ok(seen.sharing.offered.intent.clone())
    }
}

change_by_edit!(ShareReconcile);

/// What has to be done so that the machine serves what will be meant.
fn planned(seen: &Seen, intent: &Intent) -> Result<Plan<AppStep>, Error> {
    let Sharing { served, places, .. } = seen.sharing.as_ref();
    let served = served.as_ref().map_err(|why| Error::NotTold(why.clone()))?;
    let mut plan = plan(served, intent, places)?;
    plan.warnings.extend(outside_of_pools(seen, intent));
    Ok(plan.map(AppStep::Shares))
}

/// What is served must be what is meant.
pub(crate) fn verified(after: &Seen, intent: &Intent) -> Result<(), Error> {
    let left = planned(after, intent)?.steps;
    match left.first() {
        None => Ok(()),
        Some(step) => Err(Error::NotVerified(format!("it would still have to {step}"))),
    }
}

/// Shares that are not in a pool which is mounted: if one should be there, whoever writes writes to the
/// disk of the system.
fn outside_of_pools(seen: &Seen, intent: &Intent) -> Vec<String> {
    let old = &seen.sharing.offered.intent.shares;
    let new = intent
        .shares
        .iter()
        .filter(|it| it.enabled && !old.contains(it));
    let outside = new.filter(|it| pool_of(seen, it.path.as_str()).is_none());
    outside
        .map(|it| {
            format!(
                "share {}: {} is in no pool that is mounted",
                it.name, it.path
            )
        })
        .collect()
}

/// The pool that a path is in, if it is mounted.
#[must_use]
pub fn pool_of<'a>(seen: &'a Seen, path: &str) -> Option<&'a str> {
    let mounted = seen.pools.all.iter().filter(|it| it.is_mounted);
    let mut names = mounted.map(|it| it.name.as_str());
    names.find(|name| {
        let pool = seen.pools.find(name);
        pool.is_some_and(|it| is_in(path, &top(it)))
    })
}

/// Where a pool is.
fn top(pool: &Pool) -> String {
    match &pool.kind {
        Kind::Directory(it) => it.path.to_string(),
        _ => mount_point(&pool.name),
    }
}

/// The dataset that a path is in, and its pool, as that was asked last; `None`: in none that is known.
#[must_use]
pub fn dataset_of<'a>(seen: &'a Seen, path: &str) -> Option<(&'a Pool, &'a Dataset)> {
    let pool = pool_of(seen, path).and_then(|it| seen.pools.find(it))?;
    let contents = seen.answers.contents.get(&pool.name)?.said.as_ref().ok()?;
    let within = path.strip_prefix(&top(pool))?.strip_prefix('/')?;
    let mut datasets = contents.datasets.iter();
    let dataset = datasets.find(|it| is_in(within, it.name.as_str()))?;
    Some((pool, dataset))
}

/// Where the snapshots are of what is at a path.
pub fn previous_versions(seen: &Seen, path: &str) -> Result<PreviousVersions, Error> {
    let has_snapshots = |(pool, _): &(&Pool, _)| {
        let is_whole = matches!(pool.kind, Kind::Filesystem | Kind::Devices(_));
        pool.filesystem == Filesystem::Btrfs && is_whole
    };
    let found = dataset_of(seen, path).filter(has_snapshots);
    let (pool, dataset) = found.ok_or_else(|| ShareError::NoSnapshots(path.to_owned()))?;
    let folder = |text: String| text.parse::<FolderPath>().map_err(Error::from);
    Ok(PreviousVersions {
        snapshots: folder(snapshot_folder(&pool.name, &dataset.name))?,
        of: folder(dataset_path(&pool.name, &dataset.name))?,
    })
}

/// A folder that is to be shared has to be there, and to be what it is called.
fn check_folder(seen: &Seen, share: &Share) -> Result<(), Error> {
    let asked = seen.answers.folder.as_ref();
    let Some((_, said)) = asked.filter(|(path, _)| *path == share.path) else {
        return Err(Error::NotTold(format!("what is at {}", share.path)));
    };
    let is = match said {
        Ok(folder) => &folder.is,
        Err(why) => return Err(Error::NotTold(why.clone())),
    };
    let why = match is {
        Is::Folder => return Ok(()),
        Is::Nothing => "nothing is there".to_owned(),
        Is::Other => "it is no folder".to_owned(),
        Is::Link(to) => format!("it leads to {to}"),
    };
    Err(ShareError::NoFolder {
        path: share.path.clone(),
        why,
    }
    .into())
}
