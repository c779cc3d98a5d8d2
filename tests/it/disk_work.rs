//! The list of what machines do when their disks are worked on, held against the simulation.

use std::time::Duration;

use anyhow::{Result, bail};
use moxnas_core::{
    disk::Signature,
    sim::{DiskSpec, SimMachine},
    units::Bytes,
};
use moxnas_tests::disk_work::{Disks, World, check};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::nas::{Nas, get, post};

const SIZE: u64 = 4 << 30;

struct Simulated {
    runtime: Runtime,
    nas: Nas,
}

impl Simulated {
    fn machine(&self) -> &SimMachine {
        &self.nas.app.simulation.as_ref().unwrap().machine
    }
}

impl World for Simulated {
    fn post(&mut self, path: &str, body: &Value, agreed: bool) -> Result<(u16, Value)> {
        self.runtime.block_on(async {
            let ask = || post(path, body.clone());
            let mut reply = self.nas.ask(ask()).await;
            if agreed && reply.status == 428 {
                let fingerprint = reply.json()["plan"]["fingerprint"].clone();
                let ask = ask().header("X-Confirm-Plan", fingerprint.as_str().unwrap());
                reply = self.nas.ask(ask).await;
            }
            Ok((reply.status.as_u16(), reply.json()))
        })
    }

    fn get(&mut self, path: &str) -> Result<Value> {
        Ok(self.runtime.block_on(self.nas.ok(get(path))))
    }

    fn until_over(&mut self, job: &str) -> Result<Value> {
        for _ in 0..2000 {
            let seen = self.get(&format!("/api/jobs/{job}"))?;
            if ["succeeded", "failed", "cancelled"]
                .iter()
                .any(|it| seen["state"] == *it)
            {
                return Ok(seen);
            }
            self.runtime.block_on(self.nas.app.jobs.all_rest());
            self.machine().advance(Duration::from_secs(2));
            self.runtime.block_on(self.nas.app.look()).unwrap();
        }
        bail!("job {job} does not end")
    }

    fn format(&mut self, disk: &str) -> Result<()> {
        let id = self.nas.app.seen().device(disk)?;
        let mut state = self.machine().state();
        let ext4 = Signature::new("ext4", "1234-5678");
        state.contents_mut(&id).signatures.push(ext4);
        Ok(())
    }
}

#[test]
fn the_simulation_goes_through_the_list() {
    let runtime = Runtime::new().unwrap();
    let nas = runtime.block_on(Nas::start("blank"));
    let mut world = Simulated { runtime, nas };
    let machine = world.machine();
    machine.plug(DiskSpec {
        sanitizes: Vec::new(),
        ..DiskSpec::ssd("FREE", SIZE)
    });
    let mounted = machine.plug(DiskSpec::hdd("MOUNTED", SIZE));
    let system = machine.plug(DiskSpec {
        partitions: vec![Bytes(SIZE / 2)],
        ..DiskSpec::ssd("SYSTEM", SIZE)
    });
    {
        let mut state = machine.state();
        let on = |name: &str| state.id_of(name).unwrap().to_string();
        let mounts = [
            (on(&mounted), "/srv/a".to_owned()),
            (on(&format!("{system}1")), "/".to_owned()),
        ];
        state.mounts.extend(mounts);
    }
    let disks = Disks {
        free: "FREE",
        mounted: "MOUNTED",
        system: "SYSTEM",
        size: SIZE,
    };
    world.get("/api/storage/disks?fresh=true").unwrap();
    check(&mut world, &disks).unwrap();
}
