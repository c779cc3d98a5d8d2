//! Shows the arrays of this machine, then plans one on a machine that is not there.
//!
//! It changes nothing and needs no rights: `cargo run -p moxnas-raid --example show`.
#![expect(clippy::print_stdout, reason = "showing is what it is for")]

use std::error::Error;

use moxnas_core::{
    disk::DeviceId,
    sim::{DiskSpec, SimMachine},
};
use moxnas_raid::{
    Change, CreateArray, Inventory, Level, Mdadm, RaidBackend, SimRaid, health, plan,
    real::argv::argv,
};

fn main() -> Result<(), Box<dyn Error>> {
    println!("Arrays of this machine:");
    show(&Mdadm::system().observe()?);

    println!("\nA RAID 6 on a simulated machine:");
    let machine = SimMachine::new(1);
    for serial in ["A", "B", "C", "D"] {
        machine.plug(DiskSpec::hdd(serial, 4_000_787_030_016));
    }
    let raid = SimRaid::new(machine);
    let seen = raid.observe()?;
    let members: Vec<DeviceId> = seen.devices.disks().map(|it| it.id.clone()).collect();
    let wish = Change::Create(CreateArray::new("tank".parse()?, Level::Raid6, members));
    let plan = plan(&seen, &wish)?;
    for danger in &plan.dangers {
        println!("  danger: {danger}");
    }
    for step in &plan.steps {
        println!("  step: {step}");
        for cmd in argv(step)? {
            println!("    {cmd}");
        }
    }
    println!("  confirm with: {}", plan.fingerprint());

    moxnas_raid::execute(&raid, &plan.steps)?;
    println!("\nAfterwards:");
    show(&raid.observe()?);
    Ok(())
}

fn show(seen: &Inventory) {
    if seen.arrays.is_empty() {
        println!("  there are none");
    }
    for array in &seen.arrays {
        let (health, reasons) = health(array);
        let (name, level, size) = (&array.name, &array.level, array.size);
        println!("  {name}: {level}, {size}, {}", health.word());
        for reason in reasons {
            println!("    {reason}");
        }
        for member in &array.members {
            println!("    {} {}", member.role, member.device);
        }
    }
    for error in seen.errors.iter().chain(&seen.devices.errors) {
        println!("  could not be read: {error}");
    }
}
