//! A lab machine as a world: real md, asked and told by the agent.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use moxnas_core::units::Bytes;
use moxnas_raid::{ArrayState, Inventory, MemberFlag, Step, SyncState};

use super::{DISKS, PARTITION, Shutdown, World, scrub_in};
use crate::lab::{Disk, Lab, MIB, Machine, wire::Request};

/// Between two looks that must show the same.
const PAUSE: Duration = Duration::from_millis(150);
/// For a state that passes by itself: md calls an array active until 0.2 s after a write.
const CALM_PATIENCE: Duration = Duration::from_secs(30);
/// For a resync of the small disks at full speed, on a loaded machine.
const SYNC_PATIENCE: Duration = Duration::from_secs(180);
/// KiB a second of each member: slow enough to be seen in progress for ten minutes.
const SLOW: u32 = 100;
const FAST: u32 = 1_000_000;
/// KiB a second at which a scrub passes an eighth in two seconds, and can be held up well before its
/// end.
const STEADY: u32 = 4000;

pub struct LabWorld {
    machine: Machine,
}

impl LabWorld {
    pub fn start(lab: Lab) -> Result<Self> {
        let mut lab = lab;
        for (place, (serial, size)) in DISKS.into_iter().enumerate() {
            let disk = match place % 2 {
                0 => Disk::nvme(size),
                _ => Disk::scsi(size),
            };
            lab = lab.disk(disk.serial(serial));
        }
        let mut machine = lab.start()?;
        limit_speed(&mut machine, SLOW)?;
        Ok(Self { machine })
    }

    fn ask_once(&mut self) -> Result<Inventory> {
        self.machine.ask(&Request::Observe)
    }

    fn settle_udev(&mut self) -> Result<()> {
        self.machine.run(["udevadm", "settle", "--timeout=60"])?;
        Ok(())
    }

    /// `/dev/…` of a disk by serial, or of an array by name.
    fn node(&mut self, device: &str) -> Result<String> {
        match self.ask_once()?.find(device) {
            Some(array) => Ok(array.node()),
            None => self.machine.node(device),
        }
    }
}

fn limit_speed(machine: &mut Machine, kib: u32) -> Result<()> {
    // The lower limit must never be above the upper one.
    machine.sh(&format!(
        "cd /proc/sys/dev/raid; modprobe -a md_mod raid0 raid1 raid10 raid456
         echo 1 > speed_limit_min; echo {kib} > speed_limit_max; echo {kib} > speed_limit_min"
    ))?;
    Ok(())
}

impl World for LabWorld {
    fn observe(&mut self) -> Result<Inventory> {
        self.settle_udev()?;
        let began = Instant::now();
        let mut before = still(self.ask_once()?);
        loop {
            thread::sleep(PAUSE);
            let now = still(self.ask_once()?);
            if (now == before && is_calm(&now)) || began.elapsed() > CALM_PATIENCE {
                return Ok(now);
            }
            before = now;
        }
    }

    fn apply(&mut self, step: &Step) -> Result<()> {
        let request = Request::Apply { step: step.clone() };
        self.machine.request(&request, Duration::from_secs(180))
    }

    fn settle(&mut self) -> Result<()> {
        limit_speed(&mut self.machine, FAST)?;
        let began = Instant::now();
        while self.observe()?.arrays.iter().any(|it| is_running(&it.sync)) {
            ensure!(began.elapsed() < SYNC_PATIENCE, "what runs comes to no end");
        }
        limit_speed(&mut self.machine, SLOW)
    }

    fn scrub_an_eighth(&mut self) -> Result<()> {
        limit_speed(&mut self.machine, STEADY)?;
        self.machine
            .wait_until("the scrub comes past an eighth", |machine| {
                let seen: Inventory = machine.ask(&Request::Observe)?;
                let at = scrub_in(&seen);
                Ok(at.is_some_and(|(done, of)| done.0 >= of.0 / 8))
            })?;
        limit_speed(&mut self.machine, SLOW)
    }

    fn scrub_at(&mut self) -> Result<Option<Bytes>> {
        Ok(scrub_in(&self.ask_once()?).map(|(done, _)| done))
    }

    fn last_resort(&mut self) -> Result<()> {
        self.machine
            .wait_until("the timer starts the arrays", |machine| {
                let seen: Inventory = machine.ask(&Request::Observe)?;
                thread::sleep(PAUSE);
                Ok(seen.arrays.iter().all(|it| it.state.is_started()))
            })
    }

    fn pull(&mut self, serial: &str) -> Result<()> {
        self.machine.pull(serial)
    }

    fn plug_back(&mut self, serial: &str) -> Result<()> {
        self.machine.plug_back(serial)
    }

    fn restart(&mut self, how: Shutdown, without: &[&str]) -> Result<()> {
        // What was written to the root disk by now is not what scenarios are about.
        self.machine.run(["sync"])?;
        match how {
            Shutdown::Clean => self.machine.power_off()?,
            Shutdown::PowerCut => self.machine.power_cut()?,
        }
        for serial in without {
            self.machine.without(serial)?;
        }
        self.machine.boot_again()?;
        limit_speed(&mut self.machine, SLOW)
    }

    fn mount(&mut self, device: &str) -> Result<()> {
        let node = self.node(device)?;
        self.machine.sh(&format!(
            "mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 {node}
             mkdir -p /srv/{device}; mount {node} /srv/{device}; sync; udevadm settle"
        ))?;
        Ok(())
    }

    fn write(&mut self, array: &str) -> Result<()> {
        self.machine.sh(&format!(
            "dd if=/dev/urandom of=/srv/{array}/data bs=1M count=4 conv=fsync status=none; sync"
        ))?;
        Ok(())
    }

    fn partition(&mut self, serial: &str) -> Result<()> {
        let node = self.node(serial)?;
        let mib = PARTITION.0 / MIB;
        self.machine.sh(&format!(
            "printf 'label: gpt\n,{mib}M\n,{mib}M\n' | sfdisk -q {node}; udevadm settle"
        ))?;
        Ok(())
    }

    fn swap_on(&mut self, serial: &str) -> Result<()> {
        let node = self.node(serial)?;
        self.machine
            .sh(&format!("mkswap -q {node}; swapon {node}; udevadm settle"))?;
        Ok(())
    }

    fn make_filesystem(&mut self, serial: &str) -> Result<()> {
        let node = self.node(serial)?;
        self.machine
            .sh(&format!("mkfs.ext4 -q -F {node}; udevadm settle"))?;
        Ok(())
    }
}

/// Without what changes from moment to moment.
fn still(mut seen: Inventory) -> Inventory {
    for array in &mut seen.arrays {
        if let SyncState::Running {
            done, of, speed, ..
        } = &mut array.sync
        {
            (*done, *of, *speed) = (None, None, None);
        }
    }
    seen
}

fn is_calm(seen: &Inventory) -> bool {
    seen.arrays.iter().all(|array| {
        let passes = matches!(
            array.state,
            ArrayState::Active | ArrayState::ActiveIdle | ArrayState::WritePending
        );
        let blocked = |it: &moxnas_raid::Member| it.flags.contains(&MemberFlag::Blocked);
        !passes && !array.members.iter().any(blocked)
    })
}

fn is_running(sync: &SyncState) -> bool {
    matches!(sync, SyncState::Running { .. } | SyncState::Delayed { .. })
}
