//! The machine under the service: real or simulated, chosen once, and nobody above knows which.

mod paths;
mod told;

use std::{fmt, path::Path, sync::Arc};

use moxnas_core::{
    chain::chain,
    clock::{Clock, SystemClock},
    cmd::SystemRunner,
    disk::{
        DeviceId, DiskId, DiskStep, DiskWork, NoSelfTests, SelfTests, SimDiskWork, SystemDiskWork,
        WorkError,
    },
    plan::Stopped,
    root::Root,
    sim::SimMachine,
};
use moxnas_pool::{
    self as pool,
    backend::PoolBackend,
    real::SystemPools,
    remote::{SimTargets, SshTargets, TargetBackend},
    sim::SimPools,
};
use moxnas_raid::{
    self as raid, BackendError, Mdadm, RaidBackend, SimRaid,
    initramfs::{IMAGE_FOLDER, releases},
};
use moxnas_shares::{
    access::{PathBackend, real::SystemPaths},
    accounts::{self, AccountBackend, real::SystemAccounts, sim::SimAccounts},
    backend::ShareBackend,
    plan as shares,
    real::{SMB_PORT, SystemShares},
    render::{Places, Service},
    services::{self, ServiceBackend, real::SystemServices, sim::SimServices},
    sessions::{self, SessionBackend, real::SystemSessions, sim::SimSessions},
    sim::SimShares,
    transaction::{NotServed, serve, undo},
};
use moxnas_telemetry::{
    HostInfo, ProcSource, SimSource, Source,
    capability::{self, Feature, Profile, Verdict},
};
use serde::Serialize;

use self::paths::SimFolders;
use crate::{
    new_array::{NotThatArray, OnNewArray},
    settings::DATA_DIR,
    targets::key_folder,
};

/// The backends of one machine.
#[derive(Clone)]
pub struct Machine {
    /// Arrays and block devices.
    pub raid: Arc<dyn RaidBackend>,
    /// Pools.
    pub pools: Arc<dyn PoolBackend>,
    /// What is offered to the network.
    pub shares: Arc<dyn ShareBackend>,
    /// Where the files of the daemons belong that offer it.
    pub places: Arc<Places>,
    /// Users and groups.
    pub accounts: Arc<dyn AccountBackend>,
    /// The daemons, as systemd runs them.
    pub services: Arc<dyn ServiceBackend>,
    /// Who is connected to them.
    pub sessions: Arc<dyn SessionBackend>,
    /// What is on the way to a file of a share.
    pub paths: Arc<dyn PathBackend>,
    /// Other machines that take replicas.
    pub targets: Arc<dyn TargetBackend>,
    /// What is done to single disks.
    pub disks: Arc<dyn DiskWork>,
    /// Disks that test themselves.
    pub self_tests: Arc<dyn SelfTests>,
    /// Figures.
    pub figures: Arc<dyn Source>,
    /// The machine's time.
    pub clock: Arc<dyn Clock>,
    /// What only the operating system tells.
    pub host: Arc<dyn Host>,
    /// Whether its kernels start with an initramfs, as they did when this was made.
    pub has_initramfs: bool,
}

/// What only the operating system tells.
pub trait Host: Send + Sync {
    /// Another one after each start of the machine, random(4). `None` if the kernel does not say.
    fn boot_id(&self) -> Option<String>;

    /// The text of a configuration file; `None` if there is none, or it cannot be read as text.
    fn config_file(&self, path: &str) -> Option<String>;

    /// What can work here, and what cannot.
    fn capabilities(&self) -> Vec<Verdict>;
}

impl Host for Root {
    fn boot_id(&self) -> Option<String> {
        let text = self.read("/proc/sys/kernel/random/boot_id");
        text.ok().flatten().map(|it| it.trim().to_owned())
    }

    fn config_file(&self, path: &str) -> Option<String> {
        self.read(path).ok().flatten()
    }

    fn capabilities(&self) -> Vec<Verdict> {
        let container = HostInfo::read(self).virtualization.container;
        match capability::Facts::read(self, container) {
            Ok(facts) => capability::judge(&facts),
            Err(err) => {
                tracing::warn!("what can work here is not known: {}", chain(&err));
                Vec::new()
            }
        }
    }
}

impl Host for SimMachine {
    fn boot_id(&self) -> Option<String> {
        Some(format!("start {}", self.starts()))
    }

    fn config_file(&self, path: &str) -> Option<String> {
        self.state().files.get(path).cloned()
    }

    fn capabilities(&self) -> Vec<Verdict> {
        capability::judge(&Profile::Host.facts())
    }
}

impl Machine {
    /// This very machine, with the files of daemons where Debian has them.
    #[must_use]
    pub fn system() -> Machine {
        Machine::system_at(Places::default())
    }

    /// This very machine.
    #[must_use]
    pub fn system_at(places: Places) -> Machine {
        let root = Root::system();
        let runner = Arc::new(SystemRunner);
        Machine {
            shares: Arc::new(SystemShares::new(
                Root::system(),
                runner,
                places.clone(),
                SMB_PORT,
            )),
            places: Arc::new(places),
            accounts: Arc::new(SystemAccounts::system()),
            services: Arc::new(SystemServices::system()),
            sessions: Arc::new(SystemSessions::system()),
            paths: Arc::new(SystemPaths::new(Root::system())),
            raid: Arc::new(Mdadm::system()),
            pools: Arc::new(SystemPools::system()),
            targets: Arc::new(SshTargets::system(&key_folder(Path::new(DATA_DIR)))),
            disks: Arc::new(SystemDiskWork::system()),
            self_tests: Arc::new(NoSelfTests),
            has_initramfs: has_image(&root.list(IMAGE_FOLDER).unwrap_or_default()),
            figures: Arc::new(ProcSource::new(root, Arc::new(SystemClock))),
            clock: Arc::new(SystemClock),
            host: Arc::new(Root::system()),
        }
    }

    /// A machine that is not there.
    #[must_use]
    pub fn simulated(machine: &Arc<SimMachine>, raid: SimRaid) -> Machine {
        let pools = Arc::new(SimPools::new(Arc::clone(machine)));
        Machine::simulated_on(machine, raid, &pools)
    }

    /// The same, with these pools.
    #[must_use]
    pub fn simulated_on(
        machine: &Arc<SimMachine>,
        raid: SimRaid,
        pools: &Arc<SimPools>,
    ) -> Machine {
        let clock: Arc<dyn Clock> = Arc::clone(machine) as Arc<dyn Clock>;
        let pools = Arc::clone(pools);
        let places = Places::default();
        let shares = Arc::new(SimShares::new(Arc::clone(machine), places.clone()));
        Machine {
            services: Arc::new(SimServices::new(Arc::clone(&shares))),
            sessions: Arc::new(SimSessions::new(Arc::clone(&shares))),
            shares,
            paths: Arc::new(SimFolders::new(Arc::clone(&pools))),
            places: Arc::new(places),
            accounts: Arc::new(SimAccounts::new(Arc::clone(machine))),
            raid: Arc::new(raid),
            targets: Arc::new(SimTargets::new(Arc::clone(&pools))),
            pools,
            disks: Arc::new(SimDiskWork::new(Arc::clone(machine))),
            self_tests: Arc::new(NoSelfTests),
            figures: Arc::new(SimSource::new(Arc::clone(&clock), 1)),
            clock,
            has_initramfs: has_image(&machine.state().folder(IMAGE_FOLDER)),
            host: Arc::clone(machine) as Arc<dyn Host>,
        }
    }

    /// Do one step.
    pub fn apply(&self, step: &AppStep) -> Result<(), ApplyError> {
        match step {
            AppStep::Raid(step) => Ok(self.raid.apply(step)?),
            AppStep::Disk(step) => Ok(self.disks.apply(step)?),
            AppStep::Pool(step) => Ok(self.pools.apply(step)?),
            AppStep::Shares(step) => Ok(serve(self.shares.as_ref(), &self.places, step)?),
            AppStep::Account(step) => Ok(self.accounts.apply(step)?),
            AppStep::Service(step) => Ok(self.services.apply(step)?),
            AppStep::Session(step) => Ok(self.sessions.disconnect(step.session)?),
            AppStep::OnNewArray(it) => {
                let step = it.resolve(&self.raid.observe()?)?;
                Ok(self.pools.apply(&step)?)
            }
        }
    }
}

/// What became of steps that were not all done.
#[derive(Debug)]
pub enum Unfinished {
    /// What was done stays done.
    Stopped(Box<Stopped<AppStep, ApplyError>>),
    /// What was done is undone.
    Undone(Box<Stopped<AppStep, ApplyError>>),
}

impl Machine {
    /// Do steps in their order. Steps that give daemons new files are all done or none is.
    pub fn carry_out(&self, steps: &[AppStep]) -> Result<(), Unfinished> {
        let stopped = match moxnas_core::plan::execute(steps, |step| self.apply(step)) {
            Ok(()) => return Ok(()),
            Err(stopped) => stopped,
        };
        let of_shares = |it: &AppStep| matches!(it, AppStep::Shares(_));
        if !steps.iter().all(of_shares) {
            return Err(Unfinished::Stopped(stopped));
        }
        let mut is_undone = match &stopped.cause {
            ApplyError::Shares(err) => err.not_put_back.is_empty(),
            _ => true,
        };
        for step in steps[..stopped.done].iter().rev() {
            let AppStep::Shares(step) = step else {
                continue;
            };
            if let Err(err) = undo(self.shares.as_ref(), &self.places, step) {
                tracing::error!("{} was not undone: {}", step.service.daemon(), chain(&err));
                is_undone = false;
            }
        }
        Err(match is_undone {
            true => Unfinished::Undone(stopped),
            false => Unfinished::Stopped(stopped),
        })
    }
}

/// Whether a kernel starts with one of the files in the folder of images.
fn has_image(files: &[String]) -> bool {
    !releases(files).is_empty()
}

/// A backend did not do as it was told.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// That of arrays.
    #[error(transparent)]
    Raid(#[from] BackendError),
    /// That of single disks.
    #[error(transparent)]
    Disk(#[from] WorkError),
    /// That of pools.
    #[error(transparent)]
    Pool(#[from] pool::backend::BackendError),
    /// A daemon did not get its new files.
    #[error(transparent)]
    Shares(#[from] NotServed),
    /// That of users and groups.
    #[error(transparent)]
    Account(#[from] accounts::BackendError),
    /// systemd did not do as it was told.
    #[error(transparent)]
    Service(#[from] services::BackendError),
    /// A session was not ended.
    #[error(transparent)]
    Session(#[from] sessions::BackendError),
    /// The array that a step before has made is not there.
    #[error(transparent)]
    NewArray(#[from] NotThatArray),
}

impl ApplyError {
    /// What would make it work, if that can be told.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            ApplyError::Raid(err) => err.hint(),
            ApplyError::Disk(err) => err.hint(),
            ApplyError::Pool(err) => err.hint(),
            ApplyError::Shares(err) => err.cause.hint(),
            ApplyError::Account(err) => err.hint(),
            ApplyError::Service(err) => err.hint(),
            ApplyError::Session(err) => err.hint(),
            ApplyError::NewArray(err) => Some(err.hint()),
        }
    }
}

/// A step of any crate, so that one plan may cross them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AppStep {
    /// Of arrays.
    Raid(raid::Step),
    /// Of single disks.
    Disk(DiskStep),
    /// Of pools.
    Pool(pool::plan::Step),
    /// Of pools, on the array that a step before has made.
    OnNewArray(OnNewArray),
    /// Of what is offered to the network.
    Shares(shares::Step),
    /// Of users and groups.
    Account(accounts::Step),
    /// Of the daemons.
    Service(services::Step),
    /// Of those who are connected to them.
    Session(sessions::Step),
}

impl fmt::Display for AppStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppStep::Raid(step) => step.fmt(f),
            AppStep::Disk(step) => step.fmt(f),
            AppStep::Pool(step) => step.fmt(f),
            AppStep::Shares(step) => step.fmt(f),
            AppStep::Account(step) => step.fmt(f),
            AppStep::Service(step) => step.fmt(f),
            AppStep::Session(step) => step.fmt(f),
            AppStep::OnNewArray(it) => it.fmt(f),
        }
    }
}

impl AppStep {
    /// The step, if it is one of arrays.
    #[must_use]
    pub fn of_array(&self) -> Option<&raid::Step> {
        match self {
            AppStep::Raid(step) => Some(step),
            _ => None,
        }
    }

    /// What has to work on a machine for it.
    pub(crate) fn needs(&self) -> Option<Feature> {
        use pool::plan::Step;
        match self {
            AppStep::Raid(_) => Some(Feature::MdArrays),
            AppStep::Pool(Step::Mount { .. } | Step::MakeFilesystem { .. })
            | AppStep::OnNewArray(_) => Some(Feature::Mounts),
            // What is taken away needs nothing.
            AppStep::Shares(step) if step.changes.iter().all(|it| it.after.is_none()) => None,
            AppStep::Shares(step) => match step.service {
                Service::Systemd => Some(Feature::BindMounts),
                Service::Samba => Some(Feature::SmbServer),
                Service::Nfs => Some(Feature::NfsServer),
                Service::Ftp => Some(Feature::FtpServer),
                Service::Ssh => Some(Feature::SftpServer),
                Service::Web | Service::Discovery => None,
            },
            AppStep::Account(_) => Some(Feature::UserIds),
            AppStep::Service(_) => Some(Feature::Systemd),
            AppStep::Pool(_) | AppStep::Disk(_) | AppStep::Session(_) => None,
        }
    }

    /// The number under which is kept what files were before it.
    pub(crate) fn generation(&self) -> Option<u32> {
        match self {
            AppStep::Shares(step) => Some(step.generation),
            _ => None,
        }
    }

    /// What it is about that a job may work on, in the words of [`Job::object`](crate::jobs::Job::object).
    pub(crate) fn objects(&self) -> Vec<String> {
        let disks = self.disks().into_iter().map(|it| format!("disk:{it}"));
        let pool = match self {
            AppStep::Pool(step) => step.pool(),
            _ => None,
        };
        disks.chain(pool.map(|it| format!("pool:{it}"))).collect()
    }

    /// The devices on which it may write over what is there.
    pub(crate) fn writes_over(&self) -> Vec<&DeviceId> {
        match self {
            AppStep::Raid(step) => step.destroys(),
            AppStep::Disk(DiskStep::Locate { .. })
            | AppStep::OnNewArray(_)
            | AppStep::Shares(_)
            | AppStep::Account(_)
            | AppStep::Service(_)
            | AppStep::Session(_) => Vec::new(),
            AppStep::Disk(step) => vec![step.device()],
            AppStep::Pool(step) => step.touches(),
        }
    }

    /// The disks that it is about, or about a partition of which.
    fn disks(&self) -> Vec<&DiskId> {
        let devices = match self {
            AppStep::Raid(step) => step.touches(),
            other => other.writes_over(),
        };
        devices
            .into_iter()
            .filter_map(|it| match it {
                DeviceId::Disk(disk) | DeviceId::Partition(disk, _) => Some(disk),
                _ => None,
            })
            .collect()
    }
}
