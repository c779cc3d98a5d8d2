//! What becomes of simulated pools when disks leave, machines start and processes stay.

use std::time::Duration;

use moxnas_core::units::Bytes;
use moxnas_pool::{
    backend::{BackendError, PoolBackend, execute},
    model::{Filesystem, Standing},
    plan::{Change, Step},
    sim::WriteError,
};

use crate::world::{GB, World, mount, of, unmount};

fn standing(world: &World) -> Standing {
    let (_, pools) = world.look();
    pools.find("tank").unwrap().judge().standing
}

#[test]
fn a_mount_ends_with_its_disk_and_does_not_come_back_by_itself() {
    let world = World::with_tank();
    world.machine.pull("A").unwrap();
    assert_eq!(standing(&world), Standing::Missing);
    world.machine.plug_back("A").unwrap();
    assert_eq!(standing(&world), Standing::Unmounted);
    world.run(&of(mount));
    assert_eq!(standing(&world), Standing::Mounted);
}

/// A start waits for a disk for a while, and then no more.
#[test]
fn what_is_missing_at_a_start_is_mounted_if_it_comes_soon() {
    for (late, then) in [(60, Standing::Mounted), (120, Standing::Unmounted)] {
        let world = World::with_tank();
        world.machine.reboot();
        world.machine.state().take_out("A").unwrap();
        assert_eq!(standing(&world), Standing::Missing);
        world.machine.advance(Duration::from_secs(late));
        _ = standing(&world);
        world.machine.plug_back("A").unwrap();
        _ = standing(&world);
        assert_eq!(standing(&world), then, "after {late} s");
    }
}

#[test]
fn what_is_in_use_stays_mounted_and_what_would_hide_files_is_not() {
    let world = World::with_tank();
    let tank = "tank".parse().unwrap();
    world.pools.enter(&tank, "sleep (process 7)").unwrap();
    let steps = world.plan(&of(unmount)).unwrap().steps;
    let stopped = execute(&world.pools, &steps).unwrap_err();
    assert_eq!(stopped.done, 0);
    assert!(matches!(stopped.cause, BackendError::Busy { .. }));
    world.pools.leave(&tank);
    world.run(&of(unmount));

    let hidden = ("/srv/tank/file".to_owned(), String::new());
    world.machine.state().files.extend([hidden]);
    let refused = world.pools.apply(&Step::Mount { pool: tank });
    let refused = refused.unwrap_err();
    assert!(matches!(refused, BackendError::FolderNotEmpty { .. }));
}

#[test]
fn a_filesystem_has_the_rest_of_its_device_once_it_has_grown() {
    for filesystem in Filesystem::ALL {
        let world = World::new();
        world.run(&world.create("tank", "A", filesystem));
        let tank = "tank".parse().unwrap();
        let mut state = world.machine.state();
        state.disks.get_mut("A").unwrap().spec.size = Bytes(2 * GB);
        drop(state);
        let write = || world.pools.write(&tank, "", "file", Bytes(GB + GB / 2));
        assert_eq!(write(), Err(WriteError::Full));
        let pool = "tank".to_owned();
        world.run(&Change::Grow { pool });
        assert_eq!(write(), Ok(()));
    }
}
