//! A simulated machine with disks and pools.

use std::sync::Arc;

use moxnas_core::{
    disk::{BlockDevices, DeviceId},
    plan::Plan,
    sim::{DiskSpec, SimMachine},
};
use moxnas_pool::{
    backend::{PoolBackend, execute},
    model::{Filesystem, Pools},
    plan::{Change, CreatePool, Facts, ImportPool, Refusal, Step, plan},
    sim::SimPools,
};

pub(crate) const GB: u64 = 1_000_000_000;

pub(crate) struct World {
    pub(crate) machine: Arc<SimMachine>,
    pub(crate) pools: SimPools,
}

impl World {
    /// Disks A to D of 1 GB.
    pub(crate) fn new() -> World {
        let machine = SimMachine::new(7);
        for serial in ["A", "B", "C", "D"] {
            machine.plug(DiskSpec::hdd(serial, GB));
        }
        World {
            pools: SimPools::new(Arc::clone(&machine)),
            machine,
        }
    }

    pub(crate) fn look(&self) -> (BlockDevices, Pools) {
        let devices = self.machine.state().block_devices();
        let pools = self.pools.observe(&devices).unwrap();
        (devices, pools)
    }

    pub(crate) fn id(&self, serial: &str) -> DeviceId {
        let (devices, _) = self.look();
        devices.resolve(serial).unwrap().id.clone()
    }

    pub(crate) fn plan(&self, change: &Change) -> Result<Plan<Step>, Refusal> {
        let (devices, pools) = self.look();
        plan(
            Facts {
                devices: &devices,
                pools: &pools,
            },
            change,
        )
    }

    pub(crate) fn run(&self, change: &Change) {
        let plan = self.plan(change).unwrap();
        execute(&self.pools, &plan.steps).unwrap();
    }

    pub(crate) fn create(&self, name: &str, serial: &str, filesystem: Filesystem) -> Change {
        Change::Create(CreatePool {
            name: name.parse().unwrap(),
            device: self.id(serial),
            filesystem,
            thin: false,
            options: Vec::new(),
        })
    }

    pub(crate) fn import(&self, name: &str, serial: &str) -> Change {
        Change::Import(ImportPool {
            name: name.parse().unwrap(),
            device: self.id(serial),
            read_only: false,
            options: Vec::new(),
        })
    }

    /// With a pool `tank` on disk A.
    pub(crate) fn with_tank() -> World {
        let world = World::new();
        world.run(&world.create("tank", "A", Filesystem::Xfs));
        world
    }
}

pub(crate) fn of(change: fn(String) -> Change) -> Change {
    change("tank".to_owned())
}

pub(crate) fn mount(pool: String) -> Change {
    Change::Mount { pool }
}

pub(crate) fn unmount(pool: String) -> Change {
    Change::Unmount { pool }
}

pub(crate) fn export(pool: String) -> Change {
    Change::Export { pool }
}

pub(crate) fn delete(pool: String) -> Change {
    Change::Delete { pool }
}
