//! The seam between judgement and machine.

use std::time::Duration;

use moxnas_core::cmd::CmdError;

use super::{
    model::{LogLine, Services, Unit},
    plan::Step,
};

/// What this crate needs from a machine that runs daemons.
///
/// A backend reports and obeys. It never decides whether a step is wise: that was settled by
/// [`plan`](super::plan::plan()), and is the same for every backend.
pub trait ServiceBackend: Send + Sync {
    /// What is so of every unit of [`Unit::ALL`], also of those that are not there.
    fn observe(&self) -> Result<Services, BackendError>;

    /// Do one step, and wait until systemd says that it was done. When this returns `Ok`, the next
    /// look shows the effect, if the daemon did not end in between.
    fn apply(&self, step: &Step) -> Result<(), BackendError>;

    /// The last lines that a unit wrote, the oldest first; at most so many. Nothing, if it wrote
    /// none.
    fn log(&self, unit: Unit, lines: u32) -> Result<Vec<LogLine>, BackendError>;
}

/// The machine did not do as it was told.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// Nothing runs daemons here that could be asked.
    #[error("systemd does not run on this machine")]
    NoSystemd,
    /// A program failed.
    #[error(transparent)]
    Command(#[from] CmdError),
    /// systemd refused, or says that it went wrong.
    #[error("systemd says of {unit}: {why}")]
    Denied {
        /// The unit.
        unit: Unit,
        /// What it says.
        why: String,
    },
    /// The bus was there, and then it was not.
    #[error("systemd was asked and did not answer: {0}")]
    Bus(String),
    /// What it answered is not what it is documented to.
    #[error("what systemd says of {unit} cannot be read: {why}")]
    Unreadable {
        /// The unit.
        unit: Unit,
        /// What is wrong with it.
        why: String,
    },
    /// A job of systemd ended, and not well.
    #[error("{unit} did not do as it was told: {result}")]
    Job {
        /// The unit.
        unit: Unit,
        /// systemd's word: `failed`, `timeout`, `dependency`, `canceled`, ...
        result: String,
    },
    /// It takes longer than anybody should wait.
    #[error("{unit} is not done after {}s", .after.as_secs())]
    Hangs {
        /// The unit.
        unit: Unit,
        /// How long it was waited for.
        after: Duration,
    },
    /// Something was arranged to go wrong.
    #[error("{0}")]
    Injected(String),
}

impl BackendError {
    /// A stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            BackendError::NoSystemd => "no_systemd",
            BackendError::Command(_) => "service_command_failed",
            BackendError::Denied { .. } => "service_denied",
            BackendError::Bus(_) => "service_bus_failed",
            BackendError::Unreadable { .. } => "service_unreadable",
            BackendError::Job { .. } => "service_job_failed",
            BackendError::Hangs { .. } => "service_hangs",
            BackendError::Injected(_) => "injected",
        }
    }

    /// What would help.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            BackendError::NoSystemd => Some(
                "run MoxNAS on a machine or in a container that starts with systemd; in this one whoever \
                 started the daemons has to care for them"
                    .to_owned(),
            ),
            BackendError::Command(err) => err.hint(),
            BackendError::Denied { unit, .. } => Some(format!(
                "`systemctl status {unit}` says more; only root may change services"
            )),
            BackendError::Bus(_) => {
                Some("try again; `systemctl status dbus.service` says how the bus is".to_owned())
            }
            BackendError::Unreadable { unit, .. } => {
                Some(format!("`systemctl show {unit}` says what there is to read"))
            }
            BackendError::Job { unit, .. } => Some(format!("`journalctl -u {unit}` says more")),
            BackendError::Hangs { unit, .. } => Some(format!(
                "`systemctl list-jobs` shows what it waits for, `systemctl cancel` ends that; \
                 `journalctl -u {unit}` says more"
            )),
            BackendError::Injected(_) => None,
        }
    }
}

/// Stopped part way through the steps of this module.
pub type Stopped = moxnas_core::plan::Stopped<Step, BackendError>;

/// Carry out steps on a backend.
pub fn execute(backend: &dyn ServiceBackend, steps: &[Step]) -> Result<(), Box<Stopped>> {
    moxnas_core::plan::execute(steps, |step| backend.apply(step))
}
