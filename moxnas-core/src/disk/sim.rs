//! The block devices of a simulated machine.

mod work;

use std::sync::Arc;

pub use work::SimDiskWork;

use super::{BlockDevices, DiskBackend, ObserveError};
use crate::sim::SimMachine;

/// Reads the block devices of a [`SimMachine`].
#[derive(Clone, Debug)]
pub struct SimDisks(Arc<SimMachine>);

impl SimDisks {
    /// A view of the machine.
    #[must_use]
    pub fn new(machine: Arc<SimMachine>) -> SimDisks {
        SimDisks(machine)
    }
}

impl DiskBackend for SimDisks {
    fn devices(&self) -> Result<BlockDevices, ObserveError> {
        Ok(self.0.state().block_devices())
    }
}
