//! Simulations that are wrong on purpose.

use anyhow::Result;
use moxnas_core::units::Bytes;
use moxnas_raid::{Inventory, Role, Step, SyncState};
use moxnas_tests::conformance::{Shutdown, SimWorld, World, compare, raid};

/// A simulation whose looks are falsified.
struct Wrong {
    world: SimWorld,
    falsify: fn(&mut Inventory),
}

impl World for Wrong {
    fn observe(&mut self) -> Result<Inventory> {
        let mut seen = self.world.observe()?;
        (self.falsify)(&mut seen);
        Ok(seen)
    }
    fn apply(&mut self, step: &Step) -> Result<()> {
        self.world.apply(step)
    }
    fn settle(&mut self) -> Result<()> {
        self.world.settle()
    }
    fn scrub_an_eighth(&mut self) -> Result<()> {
        self.world.scrub_an_eighth()
    }
    fn scrub_at(&mut self) -> Result<Option<Bytes>> {
        self.world.scrub_at()
    }
    fn last_resort(&mut self) -> Result<()> {
        self.world.last_resort()
    }
    fn pull(&mut self, serial: &str) -> Result<()> {
        self.world.pull(serial)
    }
    fn plug_back(&mut self, serial: &str) -> Result<()> {
        self.world.plug_back(serial)
    }
    fn restart(&mut self, how: Shutdown, without: &[&str]) -> Result<()> {
        self.world.restart(how, without)
    }
    fn mount(&mut self, device: &str) -> Result<()> {
        self.world.mount(device)
    }
    fn write(&mut self, array: &str) -> Result<()> {
        self.world.write(array)
    }
    fn partition(&mut self, serial: &str) -> Result<()> {
        self.world.partition(serial)
    }
    fn swap_on(&mut self, serial: &str) -> Result<()> {
        self.world.swap_on(serial)
    }
    fn make_filesystem(&mut self, serial: &str) -> Result<()> {
        self.world.make_filesystem(serial)
    }
}

fn recovery_is_done_at_once(seen: &mut Inventory) {
    for array in &mut seen.arrays {
        array.sync = SyncState::Idle;
        for member in &mut array.members {
            if let Role::Recovering { slot } = member.role {
                member.role = Role::Active { slot };
            }
        }
        array.degraded = array.degraded.map(|_| 0);
    }
}

fn degraded_is_never_raised(seen: &mut Inventory) {
    for array in &mut seen.arrays {
        array.degraded = array.degraded.map(|_| 0);
    }
}

fn a_spare_does_nothing(seen: &mut Inventory) {
    for member in seen.arrays.iter_mut().flat_map(|it| &mut it.members) {
        if let Role::Recovering { .. } = member.role {
            member.role = Role::Spare;
        }
    }
}

fn faulty_members_vanish(seen: &mut Inventory) {
    for array in &mut seen.arrays {
        array.members.retain(|it| it.role != Role::Faulty);
    }
}

fn a_sector_is_lost(seen: &mut Inventory) {
    for array in &mut seen.arrays {
        array.size.0 -= 512;
    }
}

#[test]
fn a_wrong_simulation_is_found_out() -> Result<()> {
    let scenario = raid::scenario("raid5_loses_a_member_and_gets_another").expect("it is listed");
    let right = scenario.journal(&mut SimWorld::new())?;
    compare(&right, &scenario.journal(&mut SimWorld::new())?)?;
    for falsify in [
        recovery_is_done_at_once,
        degraded_is_never_raised,
        a_spare_does_nothing,
        faulty_members_vanish,
        a_sector_is_lost,
    ] {
        let mut wrong = Wrong {
            world: SimWorld::new(),
            falsify,
        };
        // One that is so wrong that the scenario cannot go on is found out as well.
        if let Ok(seen) = scenario.journal(&mut wrong) {
            assert!(
                compare(&right, &seen).is_err(),
                "it was taken for right:\n{seen}"
            );
        }
    }
    Ok(())
}
