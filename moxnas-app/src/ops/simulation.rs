//! Breaking a simulated machine, and moving its time.

use std::sync::Arc;

use std::time::{Duration, SystemTime};

use moxnas_core::{
    chain::chain,
    clock::Clock,
    disk::Signature,
    sim::{DiskSpec, Fault},
    units::Bytes,
};
use moxnas_pool::model::PoolName;

use crate::{
    actor::{Actor, Role},
    app::{App, Simulation},
    error::Error,
    operation::{Effect, Operation, Query},
};

/// What a simulated machine is.
#[derive(Clone, Debug)]
pub struct SimView {
    /// The name of its scenario.
    pub scenario: String,
    /// Its time.
    pub now: SystemTime,
    /// Its disks: serial number, and what the kernel calls it while it is in.
    pub disks: Vec<(String, Option<String>)>,
    /// What will go wrong.
    pub faults: Vec<Fault>,
}

/// Show the simulated machine.
#[derive(Clone, Copy, Debug)]
pub struct SimShow;

/// Something that goes wrong, now or at the next step.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// A disk is pulled out.
    Pull {
        /// Its serial number.
        serial: String,
    },
    /// A disk that was pulled is put back.
    PlugBack {
        /// Its serial number.
        serial: String,
    },
    /// A new empty disk is put in.
    PlugNew {
        /// Its serial number.
        serial: String,
        /// Its size in bytes.
        size: Bytes,
    },
    /// A foreign filesystem appears on a disk.
    Signature {
        /// The disk, as people name it.
        device: String,
        /// As libblkid names it.
        kind: String,
    },
    /// A disk begins to have media errors.
    Failing {
        /// Its serial number.
        serial: String,
    },
    /// Power is cut and comes back.
    PowerCut,
    /// The machine is restarted in good order.
    Reboot,
    /// Something is wrong with the filesystem of a pool.
    Pool {
        /// The pool.
        pool: PoolName,
        /// What.
        trouble: PoolTrouble,
    },
    /// A step will not do what it should.
    Step(Fault),
}

/// What goes wrong with a filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolTrouble {
    /// It comes upon an error, and lets nothing be written any more until it is mounted anew.
    Error,
    /// It counts an error that it can get over.
    Counted,
    /// Its superblock is overwritten, which is noticed when it is to be mounted next.
    NoSuperblock,
    /// Somebody writes until there is no room left.
    Full,
}

/// Make something go wrong.
#[derive(Clone, Debug)]
pub struct SimFault(pub Trouble);

/// Move the simulated machine's time forward.
#[derive(Clone, Copy, Debug)]
pub struct SimAdvance(pub Duration);

operation!(SimShow, "sim_show", Some(Role::Admin), SimView);
operation!(SimFault, "sim_fault", Some(Role::Admin), SimView);
operation!(SimAdvance, "sim_advance", Some(Role::Admin), SimView);

fn simulation(app: &App) -> Result<&Simulation, Error> {
    app.simulation.as_ref().ok_or(Error::NotSimulated)
}

fn show(simulation: &Simulation) -> SimView {
    let machine = &simulation.machine;
    let now = machine.now();
    let state = machine.state();
    let disks = state
        .disks
        .iter()
        .map(|(serial, it)| (serial.clone(), it.kernel_name.clone()));
    SimView {
        scenario: simulation.scenario.clone(),
        now,
        disks: disks.collect(),
        faults: state.faults.clone(),
    }
}

impl Query for SimShow {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<SimView, Error> {
        Ok(show(simulation(app)?))
    }
}

impl Query for SimAdvance {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<SimView, Error> {
        let simulation = simulation(app)?;
        simulation.machine.advance(self.0);
        app.look().await?;
        Ok(show(simulation))
    }
}

impl Query for SimFault {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<SimView, Error> {
        let simulation = simulation(app)?;
        let machine = &simulation.machine;
        match self.0 {
            Trouble::Pull { serial } => machine.pull(&serial)?,
            Trouble::PlugBack { serial } => drop(machine.plug_back(&serial)?),
            Trouble::PlugNew { serial, size } => {
                if serial.is_empty() || machine.state().disks.contains_key(&serial) {
                    return Err(Error::Invalid(format!(
                        "there is a disk {serial:?} already"
                    )));
                }
                machine.plug(DiskSpec::hdd(&serial, size.0));
            }
            Trouble::Signature { device, kind } => {
                let id = app.look().await?.device(&device)?;
                let mut state = machine.state();
                let uuid = format!("{:016x}", state.random());
                state
                    .contents_mut(&id)
                    .signatures
                    .push(Signature::new(&kind, &uuid));
            }
            Trouble::Failing { serial } => {
                let mut state = machine.state();
                let disk = state.disks.get_mut(&serial);
                let unknown = || Error::NotFound {
                    what: "disk",
                    name: serial.clone(),
                };
                disk.ok_or_else(unknown)?.spec.failing = true;
            }
            Trouble::PowerCut => machine.power_cut(),
            Trouble::Reboot => machine.reboot(),
            Trouble::Pool { pool, trouble } => {
                let pools = simulation.pools.as_ref().ok_or(Error::NotSimulated)?;
                let done = match trouble {
                    PoolTrouble::Error => pools.break_filesystem(&pool),
                    PoolTrouble::Counted => pools.count_error(&pool),
                    PoolTrouble::NoSuperblock => pools.lose_superblock(&pool),
                    PoolTrouble::Full => pools.fill(&pool),
                };
                done.map_err(|err| Error::Invalid(chain(&err)))?;
            }
            Trouble::Step(fault) => machine.inject(fault),
        }
        if let Some(pools) = &simulation.pools {
            pools.settle();
        }
        app.look().await?;
        Ok(show(simulation))
    }
}
