//! What is done to a single disk: wiping, writing and reading all of it, its light.
//!
//! Nothing here decides whether that is wise. A backend reports what a disk can do and does single
//! steps; whoever plans them has looked at what uses the disk.

use std::{collections::BTreeMap, fmt, io};

use serde::{Deserialize, Serialize};

use super::{DeviceId, ObserveError, Sanitize, SanitizeMethod, Signature};
use crate::{cmd::CmdError, root::FileError, units::Bytes};

/// What this crate needs from a machine whose disks are worked on.
pub trait DiskWork: Send + Sync {
    /// What the disks can do, by kernel name, without opening any of them or asking an enclosure.
    fn abilities(&self) -> Result<BTreeMap<String, Abilities>, ObserveError>;

    /// Ask a disk how it can erase itself, and whether it does. Opens it: one that hangs delays
    /// the answer.
    fn sanitize(&self, disk: &DeviceId) -> Result<Sanitize, WorkError>;

    /// Whether the light of a disk's slot is on; `None`: nobody can tell. The enclosure is asked: one
    /// that hangs delays the answer.
    fn light(&self, disk: &DeviceId) -> Result<Option<bool>, WorkError>;

    /// What stands on a device now, as found by reading it.
    fn probe(&self, device: &DeviceId) -> Result<Vec<Signature>, WorkError>;

    /// Do one step that ends soon. A [pass](DiskStep::is_pass) over a whole disk does not: it is
    /// refused here, and done piece by piece through [`DiskWork::open`].
    fn apply(&self, step: &DiskStep) -> Result<(), WorkError>;

    /// Take a disk for oneself, to write and read it. Nothing else may be using it, and nothing
    /// else can begin to until the answer is dropped.
    fn open(&self, disk: &DeviceId) -> Result<Box<dyn OpenDisk>, WorkError>;
}

/// A disk that nobody else uses.
pub trait OpenDisk: Send {
    /// Its size.
    fn size(&self) -> Bytes;

    /// Fill a stretch with one byte. What is reported as done is on the disk, not in a cache, but
    /// for the places that are named as bad. Less than asked may be done; nothing, if no time has
    /// passed.
    fn fill(&mut self, at: Bytes, length: Bytes, byte: u8) -> Result<Stretch, WorkError>;

    /// Read a stretch and compare all of it with one byte.
    fn compare(&mut self, at: Bytes, length: Bytes, byte: u8) -> Result<Stretch, WorkError>;
}

/// How far a stretch was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// How much was gone over, bad places included.
    pub done: Bytes,
    /// Where it did not work.
    pub bad: Vec<BadPlace>,
}

/// A place on a disk that does not do what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadPlace {
    /// Where it begins.
    pub at: Bytes,
    /// How long it is.
    pub length: Bytes,
    /// What is wrong.
    pub fault: BadFault,
}

/// What is wrong with a place on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BadFault {
    /// It could not be written.
    NotWritten,
    /// It could not be read.
    NotRead,
    /// It reads as something else than was written.
    Differs,
}

/// What a disk can do, as far as the kernel tells without opening it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abilities {
    /// How much it discards at a time, `queue/discard_max_bytes`; 0: it does not.
    pub discard_max: Bytes,
    /// How its light is switched; `None`: there is no way.
    pub locator: Option<Locator>,
}

/// What switches the light of a disk's slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Locator {
    /// The kernel, by the slot of an enclosure: `/sys/class/enclosure/…/…/locate`.
    Slot {
        /// The enclosure, such as `0:0:8:0`.
        enclosure: String,
        /// The slot, such as `Slot 01`.
        slot: String,
    },
    /// The program ledctl.
    Ledctl,
}

impl Locator {
    /// The file that switches the light, where it is a file.
    #[must_use]
    pub fn file(&self) -> Option<String> {
        match self {
            Locator::Slot { enclosure, slot } => {
                Some(format!("/sys/class/enclosure/{enclosure}/{slot}/locate"))
            }
            Locator::Ledctl => None,
        }
    }
}

/// Something that is done to one disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum DiskStep {
    /// Erase what says that something is on a device; the data itself stays.
    WipeSignatures {
        /// The disk, or a partition of it.
        device: DeviceId,
    },
    /// Tell a disk that nobody needs what is in a stretch of it.
    Discard {
        /// The disk.
        disk: DeviceId,
        /// Where it begins.
        at: Bytes,
        /// How long it is.
        length: Bytes,
    },
    /// Have a disk erase itself.
    Sanitize {
        /// The disk.
        disk: DeviceId,
        /// How.
        method: SanitizeMethod,
        /// The very command that is sent.
        command: super::CommandBlock,
    },
    /// Switch the light of a disk's slot.
    Locate {
        /// The disk.
        disk: DeviceId,
        /// By what.
        by: Locator,
        /// On or off.
        on: bool,
    },
    /// Fill all of a disk with one byte.
    Overwrite {
        /// The disk.
        disk: DeviceId,
        /// Its size.
        size: Bytes,
        /// The byte.
        byte: u8,
    },
    /// Fill all of a disk with one byte, then read all of it and compare.
    WriteAndRead {
        /// The disk.
        disk: DeviceId,
        /// Its size.
        size: Bytes,
        /// The byte.
        byte: u8,
    },
    /// Have a disk test itself, all of it.
    SelfTest {
        /// The disk.
        disk: DeviceId,
    },
}

impl DiskStep {
    /// The device that it is about.
    #[must_use]
    pub fn device(&self) -> &DeviceId {
        match self {
            DiskStep::WipeSignatures { device } => device,
            DiskStep::Discard { disk, .. }
            | DiskStep::Sanitize { disk, .. }
            | DiskStep::Locate { disk, .. }
            | DiskStep::Overwrite { disk, .. }
            | DiskStep::WriteAndRead { disk, .. }
            | DiskStep::SelfTest { disk } => disk,
        }
    }

    /// Whether it loses what is on the device.
    #[must_use]
    pub fn is_destructive(&self) -> bool {
        !matches!(self, DiskStep::Locate { .. } | DiskStep::SelfTest { .. })
    }

    /// Whether it goes over a whole disk, which takes hours.
    #[must_use]
    pub fn is_pass(&self) -> bool {
        matches!(
            self,
            DiskStep::Overwrite { .. } | DiskStep::WriteAndRead { .. } | DiskStep::SelfTest { .. }
        )
    }
}

impl fmt::Display for DiskStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DiskStep::WipeSignatures { device } => write!(f, "wipe all signatures off {device}"),
            DiskStep::Discard { disk, at, length } if at.0 == 0 => {
                write!(f, "discard the first {length} of {disk}")
            }
            DiskStep::Discard { disk, at, length } => {
                write!(f, "discard {length} of {disk} from {at} on")
            }
            DiskStep::Sanitize { disk, method, .. } => write!(f, "have {disk} {method}"),
            DiskStep::Locate { disk, on, .. } => {
                let word = if *on { "on" } else { "off" };
                write!(f, "switch the light of {disk} {word}")
            }
            DiskStep::Overwrite { disk, size, byte } => {
                write!(f, "overwrite all {size} of {disk} with 0x{byte:02x}")
            }
            DiskStep::WriteAndRead { disk, size, byte } => write!(
                f,
                "write 0x{byte:02x} to all {size} of {disk}, then read and compare all of it"
            ),
            DiskStep::SelfTest { disk } => write!(f, "have {disk} do its long self-test"),
        }
    }
}

/// A disk did not do as it was told.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// It is not there any more, or cannot be named safely.
    #[error("the device {0} is not there")]
    Gone(DeviceId),
    /// Something else uses it, or began to.
    #[error("{0} is in use")]
    InUse(DeviceId),
    /// Another size than when it was looked at: it is another disk.
    #[error("{disk} has {is}, not {was}: it is another disk now")]
    OtherSize {
        /// The disk.
        disk: DeviceId,
        /// What was seen.
        was: Bytes,
        /// What it is.
        is: Bytes,
    },
    /// A program failed.
    #[error(transparent)]
    Command(#[from] CmdError),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The devices could not be listed.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// The kernel refused.
    #[error("{disk} could not be {verb}")]
    Io {
        /// Opened, written, asked.
        verb: &'static str,
        /// The disk.
        disk: DeviceId,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The disk refused.
    #[error("{disk} did not take the command: {why}")]
    Refused {
        /// The disk.
        disk: DeviceId,
        /// In its own words.
        why: String,
    },
    /// It has to be done piece by piece.
    #[error("`{0}` goes over a whole disk: it is the work of a job")]
    IsPass(String),
    /// Its light is not switched that way any more.
    #[error("the light of {0} is not where it was")]
    LightMoved(DeviceId),
    /// The simulation was told to fail here.
    #[error("{0}")]
    Injected(String),
}

impl WorkError {
    /// What would make it work, if that can be told.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            WorkError::Command(err) => err.hint(),
            WorkError::InUse(_) => {
                Some("`moxnas disk show` says what uses it, if it can be told".to_owned())
            }
            _ => None,
        }
    }
}

/// A disk tests itself.
///
/// What a disk says of itself comes with another part of the product; until then nothing runs, and
/// says so.
pub trait SelfTests: Send + Sync {
    /// Begin the long self-test.
    fn begin_long(&self, disk: &DeviceId) -> SelfTest;

    /// How it gets on.
    fn state(&self, disk: &DeviceId) -> SelfTest;
}

/// How a self-test gets on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum SelfTest {
    /// It was not run.
    NotRun {
        /// Why, in words.
        because: String,
    },
    /// It runs.
    Running {
        /// How far it is, in percent; `None`: the disk does not say.
        percent: Option<u8>,
    },
    /// It found nothing.
    Passed,
    /// It found something.
    Failed {
        /// What, in words.
        why: String,
    },
}

/// This release cannot have disks test themselves.
#[derive(Clone, Copy, Debug)]
pub struct NoSelfTests;

impl SelfTests for NoSelfTests {
    fn begin_long(&self, disk: &DeviceId) -> SelfTest {
        self.state(disk)
    }

    fn state(&self, _: &DeviceId) -> SelfTest {
        SelfTest::NotRun {
            because: "this release does not read SMART".to_owned(),
        }
    }
}
