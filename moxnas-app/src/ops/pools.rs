//! Pools: filesystems with a place in the tree.

mod check;
mod create;
mod devices;

use std::sync::Arc;

use moxnas_core::{disk::DeviceId, plan::Plan};
use moxnas_pool::{
    self as pool,
    devices::Profile,
    directory::FolderPath,
    lvm::Kind,
    model::{Filesystem, Pool, PoolName, Standing},
    plan::{Facts, ImportPool, MountOption, Refusal, Step},
};

pub use self::{
    check::PoolCheck,
    devices::{PoolBalance, PoolDeviceAdd, PoolDeviceRemove, PoolDeviceReplace},
};
use crate::{
    actor::{Actor, Role},
    answers::Question,
    app::App,
    error::Error,
    machine::AppStep,
    operation::{Change, Effect, Lane, Moved, Operation, Query},
    ops::arrays::ArrayCreate,
    seen::Seen,
};

/// A pool, with the look it comes from.
#[derive(Clone, Debug)]
pub struct PoolView {
    /// The pool.
    pub pool: Pool,
    /// Where it was seen.
    pub seen: Arc<Seen>,
}

/// All pools, with the look they come from.
#[derive(Clone, Debug)]
pub struct PoolsView {
    /// Where they were seen.
    pub seen: Arc<Seen>,
}

/// List all pools.
#[derive(Clone, Copy, Debug)]
pub struct PoolList;

/// Show one pool.
#[derive(Clone, Debug)]
pub struct PoolGet {
    /// Its name.
    pub pool: String,
}

/// Make a filesystem, and a pool of it.
#[derive(Clone, Debug)]
pub struct PoolCreate {
    /// Its name.
    pub name: PoolName,
    /// What it is made on.
    pub base: Base,
    /// What to make.
    pub filesystem: Filesystem,
    /// Whether its datasets are to be thin volumes with such a filesystem each.
    pub thin: bool,
    /// How to mount it.
    pub options: Vec<MountOption>,
}

/// What a pool is made on.
#[derive(Clone, Debug)]
pub enum Base {
    /// A device that is there, as people name it: also by the name of an array.
    Device(String),
    /// An array that is made first.
    Array(ArrayCreate),
    /// Several devices that are there, as people name them, for one btrfs.
    Devices {
        /// The devices.
        devices: Vec<String>,
        /// How data are put on them.
        profile: Profile,
    },
    /// A folder of the host, in which nothing is made: the filesystem says nothing then.
    Directory(FolderPath),
}

/// Make a pool of a filesystem that is there.
#[derive(Clone, Debug)]
pub struct PoolImport {
    /// The name that it gets.
    pub name: PoolName,
    /// The device, as people name it: also by the name of an array.
    pub device: String,
    /// Nothing may be written.
    pub read_only: bool,
    /// How to mount it.
    pub options: Vec<MountOption>,
}

/// Mount a pool, now and at each start.
#[derive(Clone, Debug)]
pub struct PoolMount {
    /// Its name.
    pub pool: String,
}

/// Unmount a pool, and leave it so.
#[derive(Clone, Debug)]
pub struct PoolUnmount {
    /// Its name.
    pub pool: String,
}

/// Forget a pool, and leave what is on it.
#[derive(Clone, Debug)]
pub struct PoolExport {
    /// Its name.
    pub pool: String,
}

/// Forget a pool, and what is on it.
#[derive(Clone, Debug)]
pub struct PoolDelete {
    /// Its name.
    pub pool: String,
}

/// Let the filesystem of a pool have all of a device that has become larger.
#[derive(Clone, Debug)]
pub struct PoolGrow {
    /// Its name.
    pub pool: String,
}

operation!(PoolList, "pool_list", Some(Role::Viewer), PoolsView);
operation!(PoolGet, "pool_get", Some(Role::Viewer), PoolView, pool);
operation!(PoolCreate, "pool_create", Some(Role::Admin), PoolView, name);
operation!(PoolImport, "pool_import", Some(Role::Admin), PoolView, name);
operation!(PoolMount, "pool_mount", Some(Role::Admin), PoolView, pool);
operation!(
    PoolUnmount,
    "pool_unmount",
    Some(Role::Admin),
    PoolView,
    pool
);
operation!(PoolGrow, "pool_grow", Some(Role::Admin), PoolView, pool);
operation!(PoolExport, "pool_export", Some(Role::Admin), (), pool);
operation!(PoolDelete, "pool_delete", Some(Role::Admin), (), pool);

/// The pool of this name.
fn find<'a>(seen: &'a Seen, pool: &str) -> Result<&'a Pool, Error> {
    let found = seen.pools.find(pool);
    Ok(found.ok_or_else(|| Refusal::NoSuchPool(pool.to_owned()))?)
}

fn view(seen: &Seen, pool: &str) -> Result<PoolView, Error> {
    Ok(PoolView {
        pool: find(seen, pool)?.clone(),
        seen: Arc::new(seen.clone()),
    })
}

impl Query for PoolList {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<PoolsView, Error> {
        Ok(PoolsView { seen: app.seen() })
    }
}

impl Query for PoolGet {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<PoolView, Error> {
        view(&app.seen(), &self.pool)
    }
}

/// What has to be done for a wish.
fn planned(seen: &Seen, change: &pool::plan::Change) -> Result<Plan<Step>, Error> {
    let facts = Facts {
        devices: &seen.raid.devices,
        pools: &seen.pools,
    };
    Ok(pool::plan::plan(facts, change)?)
}

/// A change that the pool crate plans.
trait PoolChange: Operation {
    /// The same in the words of the pool crate: names that people gave are devices now.
    fn wish(&self, seen: &Seen) -> Result<pool::plan::Change, Error>;

    /// What has to be asked.
    fn asks_of(&self, _: &Seen) -> Vec<Question> {
        Vec::new()
    }

    /// What the database has to follow.
    fn moved_of(&self) -> Option<Moved> {
        None
    }

    /// What to answer, if the machine is as promised.
    fn check(&self, after: &Seen) -> Result<Self::Output, Error>;
}

macro_rules! changes {
    ($($type:ty),*) => {$(
        impl Change for $type {
            const LANE: Lane = Lane::Storage;

            fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
                Ok(planned(seen, &self.wish(seen)?)?.map(AppStep::Pool))
            }

            fn asks(&self, seen: &Seen) -> Vec<Question> {
                self.asks_of(seen)
            }

            fn etag(&self, _: &Seen) -> Option<String> {
                None
            }

            fn moved(&self) -> Option<Moved> {
                self.moved_of()
            }

            fn verify(&self, after: &Seen) -> Result<Self::Output, Error> {
                self.check(after)
            }
        }
    )*};
}
changes!(
    PoolImport,
    PoolMount,
    PoolUnmount,
    PoolExport,
    PoolDelete,
    PoolGrow,
    PoolCheck
);

/// The device that a person means, who may name an array by its name.
fn device(seen: &Seen, text: &str) -> Result<DeviceId, Error> {
    let array = seen.raid.find(text);
    let node = array.and_then(|it| seen.raid.devices.get(&it.kernel_name));
    match node {
        Some(node) => Ok(node.id.clone()),
        None => Ok(seen.device(text)?),
    }
}

fn must_be(after: &Seen, pool: &str, wished: Standing) -> Result<PoolView, Error> {
    let not = |why| Err(Error::NotVerified(why));
    let Some(found) = after.pools.find(pool) else {
        return not(format!("there is no pool {pool}"));
    };
    // Whether a folder of the host is the right one only the folder tells.
    let verdict = match found.kind {
        Kind::Directory(_) => {
            let asked = after.answers.contents.get(&found.name);
            found.judge_with(asked.and_then(|it| it.said.as_deref().ok()))
        }
        _ => found.judge(),
    };
    // Errors that were counted long ago keep nobody from mounting it.
    let standing = match verdict.standing {
        Standing::Damaged => Standing::Mounted,
        other => other,
    };
    if standing != wished {
        let why = match verdict.reasons.as_slice() {
            [] => "it is mounted".to_owned(),
            reasons => reasons.join("; "),
        };
        return not(format!("pool {pool}: {why}"));
    }
    view(after, pool)
}

fn must_be_gone(after: &Seen, pool: &str) -> Result<(), Error> {
    match after.pools.find(pool) {
        None => Ok(()),
        Some(_) => Err(Error::NotVerified(format!("pool {pool} is still there"))),
    }
}

impl PoolChange for PoolImport {
    fn wish(&self, seen: &Seen) -> Result<pool::plan::Change, Error> {
        Ok(pool::plan::Change::Import(ImportPool {
            name: self.name.clone(),
            device: device(seen, &self.device)?,
            read_only: self.read_only,
            options: self.options.clone(),
        }))
    }

    fn asks_of(&self, seen: &Seen) -> Vec<Question> {
        contents_of(seen, self.name.as_str())
    }

    fn check(&self, after: &Seen) -> Result<PoolView, Error> {
        must_be(after, self.name.as_str(), Standing::Mounted)
    }
}

impl PoolChange for PoolMount {
    fn wish(&self, _: &Seen) -> Result<pool::plan::Change, Error> {
        let pool = self.pool.clone();
        Ok(pool::plan::Change::Mount { pool })
    }

    fn asks_of(&self, seen: &Seen) -> Vec<Question> {
        contents_of(seen, &self.pool)
    }

    fn check(&self, after: &Seen) -> Result<PoolView, Error> {
        must_be(after, &self.pool, Standing::Mounted)
    }
}

impl PoolChange for PoolUnmount {
    fn wish(&self, _: &Seen) -> Result<pool::plan::Change, Error> {
        let pool = self.pool.clone();
        Ok(pool::plan::Change::Unmount { pool })
    }

    fn check(&self, after: &Seen) -> Result<PoolView, Error> {
        match find(after, &self.pool)?.is_mounted {
            false => view(after, &self.pool),
            true => must_be(after, &self.pool, Standing::Unmounted),
        }
    }
}

/// A filesystem that has all of its device takes as much for its own structures at most: a log of xfs,
/// tables and a journal of ext4.
const OVERHEAD: f64 = 0.15;

impl PoolChange for PoolGrow {
    fn wish(&self, _: &Seen) -> Result<pool::plan::Change, Error> {
        let pool = self.pool.clone();
        Ok(pool::plan::Change::Grow { pool })
    }

    fn asks_of(&self, seen: &Seen) -> Vec<Question> {
        contents_of(seen, &self.pool)
    }

    fn check(&self, after: &Seen) -> Result<PoolView, Error> {
        let view = must_be(after, &self.pool, Standing::Mounted)?;
        let asked = after.answers.contents.get(&view.pool.name);
        let said = asked.map(|it| it.said.clone());
        let not = |why: String| Err(Error::NotVerified(why));
        let space = match said {
            Some(Ok(contents)) => contents.space.size,
            Some(Err(why)) => return not(why),
            None => return not("it was not asked".to_owned()),
        };
        let device = match &view.pool.kind {
            Kind::Devices(it) => {
                let sizes: Vec<_> = it.members.iter().filter_map(|it| it.size).collect();
                it.wished().room(&sizes)
            }
            _ => view.pool.size.unwrap_or_default(),
        };
        #[expect(clippy::cast_precision_loss, reason = "compared roughly")]
        let is_all = space.0 as f64 >= device.0 as f64 * (1.0 - OVERHEAD);
        match is_all {
            true => Ok(view),
            false => not(format!("its filesystem has {space} of {device}")),
        }
    }
}

/// The question what is in a pool, if it can be asked.
pub(super) fn contents_of(seen: &Seen, pool: &str) -> Vec<Question> {
    let pool = seen.pools.find(pool).filter(|it| it.is_mounted);
    pool.map(|it| Question::Contents(Box::new(it.clone())))
        .into_iter()
        .collect()
}

impl PoolChange for PoolExport {
    fn wish(&self, _: &Seen) -> Result<pool::plan::Change, Error> {
        let pool = self.pool.clone();
        Ok(pool::plan::Change::Export { pool })
    }

    fn check(&self, after: &Seen) -> Result<(), Error> {
        must_be_gone(after, &self.pool)
    }
}

impl PoolChange for PoolDelete {
    fn wish(&self, _: &Seen) -> Result<pool::plan::Change, Error> {
        let pool = self.pool.clone();
        Ok(pool::plan::Change::Delete { pool })
    }

    fn moved_of(&self) -> Option<Moved> {
        Some(Moved::Gone {
            pool: self.pool.clone(),
            dataset: None,
        })
    }

    fn check(&self, after: &Seen) -> Result<(), Error> {
        must_be_gone(after, &self.pool)
    }
}
