//! Whatever step fails, planning again heals or explains.

use moxnas_core::{
    plan::{execute, fail_at},
    sim::Fault,
};

use super::*;
use crate::backend::BackendError;

/// Whichever step fails, trying again from what is there then ends where the first try would have.
#[test]
fn create_can_be_retried_after_a_failure_at_any_step() {
    let prepare = || {
        let raid = six_disks();
        let b = id(&raid, "B");
        raid.machine()
            .state()
            .contents_mut(&b)
            .signatures
            .push(Signature::new("ext4", "1"));
        raid
    };
    let steps = {
        let raid = prepare();
        let change = create(&raid, Level::Raid5, &["A", "B", "C"]);
        plan(&raid.observe().unwrap(), &change).unwrap().steps
    };
    for at in 0..steps.len() {
        let raid = prepare();
        let change = create(&raid, Level::Raid5, &["A", "B", "C"]);
        let injected = || BackendError::Injected("told to".to_owned());
        let stopped = execute(&steps, fail_at(at, injected, |it| raid.apply(it))).unwrap_err();
        assert_eq!(stopped.done, at);
        run(&raid, &change);
        let seen = raid.observe().unwrap();
        let tank = seen.find("tank").unwrap();
        assert_eq!(tank.members.len(), 3);
        assert!(
            seen.conf.names(tank.uuid.as_ref().unwrap()),
            "not in mdadm.conf after step {at}"
        );
        let d = seen.devices.resolve("D").unwrap();
        assert!(d.signatures.is_empty(), "a device nobody named was touched");
    }
}

#[test]
fn delete_can_be_retried_after_a_power_cut_at_any_step() {
    let delete = Change::Delete { array: on("tank") };
    let count = plan(&raid5().observe().unwrap(), &delete)
        .unwrap()
        .steps
        .len();
    for at in 0..count {
        let raid = raid5();
        let steps = plan(&raid.observe().unwrap(), &delete).unwrap().steps;
        raid.machine().inject(Fault::PowerCut {
            matching: steps[at].to_string(),
        });
        assert_eq!(crate::execute(&raid, &steps).unwrap_err().done, at);
        // What is left of the array comes up again in part, or not at all.
        while let Some(left) = raid.observe().unwrap().arrays.first() {
            let array = left.kernel_name.clone();
            run(&raid, &Change::Delete { array });
        }
        let seen = raid.observe().unwrap();
        assert!(
            seen.devices.disks().all(|it| it.signatures.is_empty()),
            "after step {at}"
        );
    }
}

/// A deletion that stopped after the array itself was gone is finished by asking again.
#[test]
fn delete_can_be_retried_after_a_failure_at_any_step() {
    let delete = Change::Delete { array: on("tank") };
    let count = plan(&raid5().observe().unwrap(), &delete)
        .unwrap()
        .steps
        .len();
    for at in 0..count {
        let raid = raid5();
        let steps = plan(&raid.observe().unwrap(), &delete).unwrap().steps;
        let injected = || BackendError::Injected("told to".to_owned());
        execute(&steps, fail_at(at, injected, |it| raid.apply(it))).unwrap_err();
        run(&raid, &delete);
        let seen = raid.observe().unwrap();
        assert!(
            seen.arrays.is_empty() && seen.conf.ours.is_empty(),
            "after step {at}"
        );
        assert!(
            seen.devices.disks().all(|it| it.signatures.is_empty()),
            "after step {at}"
        );
        assert_eq!(refusal(&raid, &delete), "there is no array tank");
    }
}
