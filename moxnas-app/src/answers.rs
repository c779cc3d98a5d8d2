//! What no look finds out, because it opens a device, wakes an enclosure or takes long: asked when
//! something needs it, and kept until it is asked again.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use moxnas_core::{
    chain::chain,
    disk::{BlockDevices, DeviceId, Sanitize},
};
use moxnas_pool::{
    dataset::{AccountKind, AccountName, Contents},
    directory::{Folder, FolderPath},
    growth::Growth,
    model::{Pool, PoolName, Pools},
    remote::{Facts, RemoteError, Target, TargetName},
};
use moxnas_raid::initramfs::Image;
use moxnas_shares::{accounts::model::Accounts, services::Services, sessions::Sessions};

use crate::machine::Machine;

/// Something that no look asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// How a disk can erase itself.
    Sanitize(DeviceId),
    /// Whether the light of a disk's slot is on.
    Light(DeviceId),
    /// What the images know of arrays that the machine's kernels start with.
    Initramfs,
    /// What is in a pool.
    Contents(Box<Pool>),
    /// What number a user or a group of this name has.
    Account(AccountKind, AccountName),
    /// Which users and groups there are.
    People,
    /// How the daemons are.
    Services,
    /// Who is connected to them.
    Sessions,
    /// What is at a path that may become a pool.
    Folder(FolderPath),
    /// What is in a pool of another machine.
    Target(Box<Target>, PoolName),
}

/// What was answered last. A question that failed is answered with the reason, in words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    /// How disks can erase themselves.
    pub sanitize: BTreeMap<DeviceId, Result<Sanitize, String>>,
    /// Whether the lights of disks are on; `None`: nobody can tell.
    pub lights: BTreeMap<DeviceId, Result<Option<bool>, String>>,
    /// What the images know of arrays that the machine's kernels start with; `None`: not asked yet.
    pub initramfs: Option<Result<Vec<Image>, String>>,
    /// What is in the pools that are mounted.
    pub contents: BTreeMap<PoolName, Asked<Contents>>,
    /// How fast pools grow, of those of which it is known how full they were over a day or more.
    pub growth: BTreeMap<PoolName, Growth>,
    /// The numbers of users and groups that somebody named; `None`: the machine knows none.
    pub accounts: BTreeMap<(AccountKind, AccountName), Result<Option<u32>, String>>,
    /// The users and groups; `None`: not asked yet.
    pub people: Option<Asked<Accounts>>,
    /// The daemons, as systemd runs them; `None`: not asked yet.
    pub services: Option<Asked<Services>>,
    /// Who is connected to them; `None`: not asked yet.
    pub sessions: Option<Asked<Sessions>>,
    /// What was at the path that was asked for last. Nothing goes by it but the change that asked.
    pub folder: Option<(FolderPath, Result<Folder, String>)>,
    /// What is in pools of other machines, or why nobody knows.
    pub targets: BTreeMap<(TargetName, PoolName), Result<Arc<Facts>, RemoteError>>,
}

/// More names are not kept: whoever names one asks for it again.
const NAMES: usize = 1000;

/// An answer, with its time.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked<T> {
    /// What was said, or why nothing.
    pub said: Result<Arc<T>, String>,
    /// When, by the machine's clock.
    pub as_of: SystemTime,
}

impl Answers {
    pub(crate) fn know(
        &mut self,
        kind: AccountKind,
        name: AccountName,
        said: Result<Option<u32>, String>,
    ) {
        if self.accounts.len() >= NAMES {
            self.accounts.clear();
        }
        self.accounts.insert((kind, name), said);
    }

    /// Whether the light of a disk was on when that was last asked.
    #[must_use]
    pub fn light(&self, disk: &DeviceId) -> Option<bool> {
        self.lights.get(disk)?.clone().ok()?
    }

    /// The images that the machine's kernels start with; in words why they are not known.
    pub fn images(&self) -> Result<&[Image], String> {
        match &self.initramfs {
            Some(Ok(images)) => Ok(images),
            Some(Err(why)) => Err(why.clone()),
            None => Err("the images in /boot were not read yet".to_owned()),
        }
    }

    /// Without what was said of devices that are gone, as one that comes back may be in another slot,
    /// and of pools that are not mounted.
    pub(crate) fn still_there(
        self: &Arc<Answers>,
        devices: &BlockDevices,
        pools: &Pools,
    ) -> Arc<Answers> {
        let is_gone = |it: &DeviceId| devices.by_id(it).is_none();
        let is_mounted = |it: &PoolName| pools.find(it.as_str()).is_some_and(|it| it.is_mounted);
        let mut all = self.sanitize.keys().chain(self.lights.keys());
        if !all.any(is_gone) && self.contents.keys().all(is_mounted) {
            return Arc::clone(self);
        }
        let mut left = Answers::clone(self);
        left.sanitize.retain(|it, _| !is_gone(it));
        left.lights.retain(|it, _| !is_gone(it));
        left.contents.retain(|it, _| is_mounted(it));
        left.growth.retain(|it, _| is_mounted(it));
        Arc::new(left)
    }
}

/// Pools are asked one question at a time each, so that the later answer is the newer one.
#[derive(Debug, Default)]
pub(crate) struct PoolTurns(Mutex<BTreeMap<PoolName, Arc<tokio::sync::Mutex<()>>>>);

impl PoolTurns {
    /// What is held by whoever asks this pool.
    pub(crate) fn of(&self, pool: &PoolName) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.0.lock().expect("no holder of this lock panics");
        Arc::clone(turns.entry(pool.clone()).or_default())
    }
}

/// Writes down what was answered.
pub(crate) type Writing = Box<dyn FnOnce(&mut Answers) + Send>;

/// Ask. It may take as long as a device takes to answer.
pub(crate) fn ask(machine: &Machine, known: &Answers, question: Question) -> Writing {
    match question {
        Question::Sanitize(disk) => {
            let said = machine.disks.sanitize(&disk).map_err(|err| chain(&err));
            Box::new(move |it| drop(it.sanitize.insert(disk, said)))
        }
        Question::Light(disk) => {
            let said = machine.disks.light(&disk).map_err(|err| chain(&err));
            Box::new(move |it| drop(it.lights.insert(disk, said)))
        }
        Question::Initramfs => {
            let said = machine.raid.initramfs(known.images().unwrap_or_default());
            let said = said.map_err(|err| chain(&err));
            Box::new(move |it| it.initramfs = Some(said))
        }
        Question::People => {
            let as_of = machine.clock.now();
            let said = machine.accounts.observe();
            let said = said.map(Arc::new).map_err(|err| chain(&err));
            Box::new(move |it| it.people = Some(Asked { said, as_of }))
        }
        Question::Services => {
            let as_of = machine.clock.now();
            let said = machine.services.observe();
            let said = said.map(Arc::new).map_err(|err| chain(&err));
            Box::new(move |it| it.services = Some(Asked { said, as_of }))
        }
        Question::Sessions => {
            let as_of = machine.clock.now();
            let said = machine.sessions.observe();
            let said = said.map(Arc::new).map_err(|err| chain(&err));
            Box::new(move |it| it.sessions = Some(Asked { said, as_of }))
        }
        Question::Folder(path) => {
            let said = machine.pools.folder(&path).map_err(|err| chain(&err));
            Box::new(move |it| it.folder = Some((path, said)))
        }
        Question::Target(target, pool) => {
            let said = machine.targets.look(&target, &pool).map(Arc::new);
            Box::new(move |it| drop(it.targets.insert((target.name, pool), said)))
        }
        Question::Contents(pool) => {
            let as_of = machine.clock.now();
            let said = machine.pools.contents(&pool);
            let said = said.map(Arc::new).map_err(|err| chain(&err));
            Box::new(move |it| drop(it.contents.insert(pool.name, Asked { said, as_of })))
        }
        Question::Account(kind, name) => {
            let said = machine.pools.account(kind, &name);
            let said = said.map_err(|err| chain(&err));
            Box::new(move |it| it.know(kind, name, said))
        }
    }
}

/// What is written down of a question that nobody answers in time: that a filesystem hangs, or another
/// machine that knows the names. `None`: it takes as long as a device takes.
pub(crate) fn unanswered(
    question: &Question,
    within: Duration,
    as_of: SystemTime,
) -> Option<Writing> {
    let why = format!("it does not answer within {} s", within.as_secs());
    Some(match question.clone() {
        Question::Contents(pool) => {
            let said = Err(why);
            Box::new(move |it| drop(it.contents.insert(pool.name, Asked { said, as_of })))
        }
        Question::Folder(path) => Box::new(move |it| it.folder = Some((path, Err(why)))),
        Question::Services => {
            let said = Err(why);
            Box::new(move |it| it.services = Some(Asked { said, as_of }))
        }
        Question::Sessions => {
            let said = Err(why);
            Box::new(move |it| it.sessions = Some(Asked { said, as_of }))
        }
        Question::People => {
            let said = Err(why);
            Box::new(move |it| it.people = Some(Asked { said, as_of }))
        }
        Question::Account(kind, name) => Box::new(move |it| it.know(kind, name, Err(why))),
        Question::Sanitize(_) | Question::Light(_) | Question::Initramfs | Question::Target(..) => {
            return None;
        }
    })
}
