//! What goes wrong with simulated filesystems, and how it is told.

use moxnas_core::units::Bytes;
use moxnas_pool::{
    backend::PoolBackend,
    model::{Filesystem, PoolName, Standing},
    plan::Change,
    sim::WriteError,
};

use crate::{
    datasets::Tank,
    world::{mount, of, unmount},
};

const ALL: [Filesystem; 3] = Filesystem::ALL;

fn name() -> PoolName {
    "tank".parse().unwrap()
}

fn standing(tank: &Tank) -> (Standing, String) {
    let (_, pools) = tank.0.look();
    let verdict = pools.find("tank").unwrap().judge();
    (verdict.standing, verdict.reasons.join("; "))
}

/// The kernel has it in memory. Once it has to be read, there is nothing that could be mounted, and that
/// is said; nothing is made in its place.
#[test]
fn a_superblock_that_was_overwritten_is_missed_at_the_next_mount() {
    for filesystem in ALL {
        let tank = Tank::of(filesystem);
        tank.0.pools.lose_superblock(&name()).unwrap();
        assert_eq!(standing(&tank).0, Standing::Mounted, "{filesystem}");
        tank.0.pools.write(&name(), "", "file", Bytes(1)).unwrap();
        match filesystem {
            Filesystem::Xfs => {
                tank.0.run(&of(unmount));
            }
            Filesystem::Ext4 => tank.0.machine.power_cut(),
            Filesystem::Btrfs => tank.0.machine.reboot(),
        }
        tank.0.pools.settle();
        let (is, why) = standing(&tank);
        assert_eq!(is, Standing::Missing, "{filesystem}: {why}");
        assert!(why.contains("no device has the filesystem"), "{why}");
        let refusal = tank.0.plan(&of(mount)).unwrap_err();
        assert!(!refusal.hint().unwrap_or_default().is_empty(), "{refusal}");
        let check = Change::Check {
            pool: "tank".to_owned(),
            repair: true,
        };
        tank.0.plan(&check).unwrap_err();
    }
}

#[test]
fn a_pool_that_is_full_refuses_the_next_byte() {
    for filesystem in ALL {
        let tank = Tank::of(filesystem);
        tank.0.pools.fill(&name()).unwrap();
        let full = tank.0.pools.write(&name(), "", "one-more", Bytes(5000));
        assert_eq!(full, Err(WriteError::Full), "{filesystem}");
        let (_, pools) = tank.0.look();
        let contents = tank.0.pools.contents(pools.find("tank").unwrap()).unwrap();
        assert!(contents.space.available < Bytes(5000), "{filesystem}");
        tank.0.pools.remove(&name(), "", "filled").unwrap();
        let written = tank.0.pools.write(&name(), "", "one-more", Bytes(5000));
        assert_eq!(written, Ok(()), "{filesystem}");
    }
}
