//! The seam between judgement and machine.

use moxnas_core::{cmd::CmdError, disk::ObserveError, root::FileError};

use crate::{initramfs::Image, model::Inventory, plan::Step};

/// What this crate needs from a machine that has md arrays.
///
/// A backend reports and obeys. It never decides whether a step is wise: that was settled by
/// [`plan`](crate::plan::plan()), and is the same for every backend.
pub trait RaidBackend: Send + Sync {
    /// Everything there is to know, at one moment. Never cached. What could not be read is named in
    /// [`Inventory::errors`], beside all that could.
    fn observe(&self) -> Result<Inventory, BackendError>;

    /// What the images know of arrays that the machine's kernels start with; none where it starts
    /// without, as a container does. Takes seconds for each that is not as `known`: it is unpacked.
    fn initramfs(&self, known: &[Image]) -> Result<Vec<Image>, BackendError>;

    /// Do one step. When this returns `Ok`, the next `observe` shows the effect.
    fn apply(&self, step: &Step) -> Result<(), BackendError>;

    /// Take away what a process left that was killed in the middle of a step. For the process alone
    /// that may change the machine, and before it does.
    fn tidy(&self) -> Result<(), BackendError>;
}

/// The machine did not do as it was told.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// A program failed.
    #[error(transparent)]
    Command(#[from] CmdError),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The block devices could not be listed.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// The array is not there any more, or another one has its kernel name now.
    #[error("the array {0} is not there any more")]
    ArrayGone(String),
    /// The device is not there any more, or cannot be named safely.
    #[error("the device {0} is not there")]
    DeviceGone(String),
    /// A device holds something that was not known when the plan was made.
    #[error("{device} holds something that the plan did not know of: {found}")]
    NotBlank {
        /// The device.
        device: String,
        /// What libblkid finds.
        found: String,
    },
    /// The simulation was told to fail here.
    #[error("{0}")]
    Injected(String),
}

/// Stopped part way through the steps of this crate.
pub type Stopped = moxnas_core::plan::Stopped<Step, BackendError>;

/// Carry out steps on a backend.
pub fn execute(backend: &dyn RaidBackend, steps: &[Step]) -> Result<(), Box<Stopped>> {
    moxnas_core::plan::execute(steps, |step| backend.apply(step))
}

impl BackendError {
    /// What would make it work, if that can be told.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            BackendError::Command(err) => err.hint(),
            BackendError::NotBlank { device, .. } => Some(format!(
                "`udevadm trigger {device}` lets udev look again; then plan again"
            )),
            _ => None,
        }
    }
}
