//! A simulated machine.

use std::time::Duration;

use moxnas_app::ops::simulation::{PoolTrouble, SimFault, SimView, Trouble};
use moxnas_core::{names::BadName, sim, units::Bytes};
use poem_openapi::{Enum, Object};
use time::OffsetDateTime;

use super::timestamp;

/// A simulated machine
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Simulation {
    /// The name of its scenario
    pub scenario: String,
    /// Its time
    pub now: OffsetDateTime,
    /// Its disks, those that are out too
    pub disks: Vec<SimulatedDisk>,
    /// What will go wrong
    pub faults: Vec<String>,
}

/// A disk of a simulated machine
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct SimulatedDisk {
    /// Its serial number
    pub serial: String,
    /// What the kernel calls it; left out while it is out
    pub kernel_name: Option<String>,
}

impl From<SimView> for Simulation {
    fn from(it: SimView) -> Simulation {
        let SimView {
            scenario,
            now,
            disks,
            faults,
        } = it;
        let disk = |(serial, kernel_name)| SimulatedDisk {
            serial,
            kernel_name,
        };
        Simulation {
            scenario,
            now: timestamp(now),
            disks: disks.into_iter().map(disk).collect(),
            faults: faults.iter().map(|it| format!("{it:?}")).collect(),
        }
    }
}

/// How far to move the time of a simulated machine forward
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(deny_unknown_fields)]
pub struct Advance {
    /// Seconds, ten years at most
    #[oai(validator(maximum(value = "315360000")))]
    pub seconds: u64,
}

impl Advance {
    /// The time.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// Something that goes wrong
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct Fault {
    /// What
    pub kind: FaultKind,
    /// The serial number of the disk: `pull`, `plug-back`, `plug-new`, `failing`
    pub serial: Option<String>,
    /// The disk, as people name it: `signature`
    pub device: Option<String>,
    /// Size of the new disk: `plug-new`
    pub size_bytes: Option<u64>,
    /// What appears, such as `ext4`: `signature`
    pub signature: Option<String>,
    /// The pool: `filesystem-…`
    #[oai(validator(max_length = 32))]
    pub pool: Option<String>,
    /// Part of the text of the step that is struck; every step if left out: `step-…`
    pub step: Option<String>,
}

/// What goes wrong
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, clap::ValueEnum)]
#[oai(rename_all = "kebab-case")]
pub enum FaultKind {
    /// A disk is pulled out
    Pull,
    /// A disk that was pulled is put back
    PlugBack,
    /// A new empty disk is put in
    PlugNew,
    /// A disk begins to have media errors
    Failing,
    /// A foreign filesystem appears on a disk
    Signature,
    /// The filesystem of a pool comes upon an error, and lets nothing be written any more
    FilesystemError,
    /// It counts an error that it can get over
    FilesystemCounted,
    /// Its superblock is overwritten, which is noticed when it is to be mounted next
    FilesystemNoSuperblock,
    /// Somebody writes until there is no room left
    FilesystemFull,
    /// Power is cut and comes back
    PowerCut,
    /// The machine is restarted in good order
    Reboot,
    /// The next step fails
    StepFails,
    /// The next step hangs and is given up
    StepHangs,
    /// The next step reports success and does nothing
    StepLies,
    /// Power is cut before the next step
    StepPowerCut,
}

/// A fault lacks something, or it cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFault {
    /// A field has to be there.
    #[error("this fault needs `{0}`")]
    Lacks(&'static str),
    /// The name of the pool is none.
    #[error(transparent)]
    Name(#[from] BadName),
}

impl TryFrom<Fault> for SimFault {
    type Error = BadFault;

    fn try_from(it: Fault) -> Result<SimFault, BadFault> {
        let Fault {
            kind,
            serial,
            device,
            size_bytes,
            signature,
            pool,
            step,
        } = it;
        let serial = || serial.clone().ok_or(BadFault::Lacks("serial"));
        let trouble = |trouble| {
            let pool = pool.as_deref().ok_or(BadFault::Lacks("pool"))?.parse()?;
            Ok::<_, BadFault>(Trouble::Pool { pool, trouble })
        };
        let matching = step.unwrap_or_default();
        Ok(SimFault(match kind {
            FaultKind::Pull => Trouble::Pull { serial: serial()? },
            FaultKind::PlugBack => Trouble::PlugBack { serial: serial()? },
            FaultKind::PlugNew => Trouble::PlugNew {
                serial: serial()?,
                size: Bytes(size_bytes.ok_or(BadFault::Lacks("size_bytes"))?),
            },
            FaultKind::Failing => Trouble::Failing { serial: serial()? },
            FaultKind::Signature => Trouble::Signature {
                device: device.ok_or(BadFault::Lacks("device"))?,
                kind: signature.ok_or(BadFault::Lacks("signature"))?,
            },
            FaultKind::FilesystemError => trouble(PoolTrouble::Error)?,
            FaultKind::FilesystemCounted => trouble(PoolTrouble::Counted)?,
            FaultKind::FilesystemNoSuperblock => trouble(PoolTrouble::NoSuperblock)?,
            FaultKind::FilesystemFull => trouble(PoolTrouble::Full)?,
            FaultKind::PowerCut => Trouble::PowerCut,
            FaultKind::Reboot => Trouble::Reboot,
            FaultKind::StepFails => Trouble::Step(sim::Fault::StepFails { matching }),
            FaultKind::StepHangs => Trouble::Step(sim::Fault::StepHangs { matching }),
            FaultKind::StepLies => Trouble::Step(sim::Fault::StepLies { matching }),
            FaultKind::StepPowerCut => Trouble::Step(sim::Fault::PowerCut { matching }),
        }))
    }
}
