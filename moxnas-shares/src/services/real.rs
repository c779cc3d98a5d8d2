//! The real machine: systemd over D-Bus, and systemctl(1) where there is no bus.

pub mod argv;
mod bus;
pub mod parse;

use std::sync::Arc;

use moxnas_core::{
    cmd::{Cause, CmdError, Runner, SystemRunner},
    root::Root,
};

use self::bus::Bus;
use super::{
    backend::{BackendError, ServiceBackend},
    model::{LogLine, Services, Unit},
    plan::Step,
};

/// systemd runs, as sd_booted(3) finds out.
const BOOTED: &str = "/run/systemd/system";

/// Services of a real machine.
pub struct SystemServices {
    root: Root,
    runner: Arc<dyn Runner>,
}

impl SystemServices {
    /// This machine.
    #[must_use]
    pub fn system() -> SystemServices {
        SystemServices::new(Root::system(), Arc::new(SystemRunner))
    }

    /// A machine whose files, the socket of its bus among them, are below `root` and whose programs
    /// `runner` starts.
    #[must_use]
    pub fn new(root: Root, runner: Arc<dyn Runner>) -> SystemServices {
        SystemServices { root, runner }
    }

    /// The facts without the bus, as they are had where there is none.
    pub fn observe_without_bus(&self) -> Result<Services, BackendError> {
        parse::shown(&self.runner.run(&argv::show())?.text())
    }

    /// What is told differently over the bus and without it, unit by unit: nothing, if both are
    /// right. Where there is no bus there is nothing to compare. What changes from one moment to
    /// the next, as memory, is not compared.
    pub fn compare(&self) -> Result<Vec<String>, BackendError> {
        let Some(bus) = Bus::connect(&self.root) else {
            return Ok(vec!["there is no bus to compare with".to_owned()]);
        };
        let still = |mut all: Services| {
            for it in all.units.values_mut() {
                it.memory = it.memory.map(|_| moxnas_core::units::Bytes(0));
            }
            all
        };
        let over = still(bus.observe()?);
        let without = still(self.observe_without_bus()?);
        let differ = Unit::ALL.into_iter().filter_map(|unit| {
            let (a, b) = (over.units.get(&unit), without.units.get(&unit));
            (a != b).then(|| format!("{unit}: over the bus {a:?}, without {b:?}"))
        });
        Ok(differ.collect())
    }

    fn is_booted(&self) -> Result<(), BackendError> {
        match self.root.exists(BOOTED) {
            true => Ok(()),
            false => Err(BackendError::NoSystemd),
        }
    }
}

impl ServiceBackend for SystemServices {
    fn observe(&self) -> Result<Services, BackendError> {
        self.is_booted()?;
        match Bus::connect(&self.root) {
            Some(bus) => bus.observe(),
            None => self.observe_without_bus(),
        }
    }

    fn apply(&self, step: &Step) -> Result<(), BackendError> {
        self.is_booted()?;
        match Bus::connect(&self.root) {
            Some(bus) => bus.apply(step),
            None => match self.runner.run(&argv::argv(step)) {
                Ok(_) => Ok(()),
                Err(err) => Err(failed(step.unit, err)),
            },
        }
    }

    fn log(&self, unit: Unit, lines: u32) -> Result<Vec<LogLine>, BackendError> {
        self.is_booted()?;
        let said = self.runner.run(&argv::log(unit, lines))?;
        parse::journal(unit, &said.text())
    }
}

/// What systemctl(1) says of a unit, in the words that are there for the bus.
fn failed(unit: Unit, err: CmdError) -> BackendError {
    match &err.cause {
        Cause::TimedOut(after) => BackendError::Hangs {
            unit,
            after: *after,
        },
        Cause::Exit { stderr, .. } => BackendError::Denied {
            unit,
            why: stderr.lines().next().unwrap_or_default().to_owned(),
        },
        _ => err.into(),
    }
}
