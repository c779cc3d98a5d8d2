//! A lab machine as a world of pools: real filesystems and a real systemd, asked and told by the
//! agent.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use moxnas_core::disk::BlockDevices;
use moxnas_pool::{
    check::Outcome,
    dataset::Contents,
    model::{Filesystem, Pool, Pools},
    plan::Step,
    real::path_of,
};

use super::{BEGIN, DISKS, Deed, PoolWorld, Told};
use crate::{
    conformance::Shutdown,
    lab::{Disk, Job, Lab, MIB, Machine, wire::Request},
};

/// Between two looks that must show the same.
const PAUSE: Duration = Duration::from_millis(150);
const PATIENCE: Duration = Duration::from_secs(60);
/// For a step on a loaded machine.
const STEP_PATIENCE: Duration = Duration::from_secs(180);
/// A start of the machine waits for a device for so many seconds: it would be 90.
const QUICK: &str = "[Manager]\nDefaultTimeoutStartSec=6s\nDefaultDeviceTimeoutSec=6s\n";

pub struct LabPoolWorld {
    machine: Machine,
    /// The numbers of writes, by the checksums of what was written.
    writes: BTreeMap<String, usize>,
    /// What works in pools.
    working: Vec<Job>,
}

impl LabPoolWorld {
    pub fn start(lab: Lab) -> Result<Self> {
        let disks = DISKS.into_iter();
        let lab = disks.fold(lab, |lab, (serial, size)| {
            lab.disk(Disk::scsi(size).serial(serial))
        });
        let mut machine = lab.start()?;
        machine.write_file("/etc/systemd/system.conf.d/lab.conf", QUICK)?;
        machine.sh(&format!("date -s @{BEGIN}"))?;
        Ok(Self {
            machine,
            writes: BTreeMap::new(),
            working: Vec::new(),
        })
    }

    fn ask_once(&mut self) -> Result<(BlockDevices, Pools)> {
        self.machine.ask(&Request::ObservePools)
    }

    /// Lets systemd come to its end with what it has to do about pools.
    fn settle(&mut self) -> Result<()> {
        self.machine.sh(
            "udevadm settle --timeout=60
             for i in $(seq 600); do systemctl list-jobs --no-legend | grep -q srv- || exit 0; sleep 0.1; done
             exit 1",
        )?;
        Ok(())
    }

    /// Somebody who is not root writes: quotas and what is kept for root apply to them.
    fn write(&mut self, pool: &str, place: &str, file: &str, mib: u64) -> Result<Told<()>> {
        let folder = folder(pool, place);
        let path = format!("{folder}/{file}");
        let write =
            format!("dd if=/dev/urandom of={path} bs=1M count={mib} iflag=fullblock conv=fsync");
        if let Err(why) = self.as_nobody(&folder, &write)? {
            // What does not go in whole is taken away again; from what is read-only nothing is.
            self.machine.exec(["rm", "-f", &path])?;
            return Ok(Err(why));
        }
        let number = self.writes.len() + 1;
        let sum = self.machine.sh(&format!("md5sum <{path}"))?;
        self.writes.insert(sum.trim().to_owned(), number);
        Ok(Ok(()))
    }

    /// Runs a command that may fail with an error of the kernel as its last words.
    fn as_nobody(&mut self, folder: &str, command: &str) -> Result<Told<()>> {
        let script =
            format!("chmod 1777 {folder} 2>/dev/null; runuser -u nobody -- sh -c '{command}' 2>&1");
        let said = self.machine.exec(["bash", "-c", &script])?;
        if said.status == 0 {
            return Ok(Ok(()));
        }
        let mut errors = said.stdout.lines().filter(|it| it.contains(": "));
        let error = errors.next().with_context(|| said.stdout.clone())?;
        let why = error.rsplit(": ").next().unwrap_or(error);
        Ok(Err(why.to_owned()))
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
        // The lab starts no more than it needs; a machine of somebody starts all of this target.
        self.machine
            .sh("systemctl start --no-block multi-user.target; sleep 0.2")?;
        self.working.clear();
        self.settle()
    }
}

fn folder(pool: &str, place: &str) -> String {
    match place {
        "" => format!("/srv/{pool}"),
        place => format!("/srv/{pool}/{place}"),
    }
}

impl PoolWorld for LabPoolWorld {
    fn look(&mut self) -> Result<(BlockDevices, Pools)> {
        self.machine.run(["udevadm", "settle", "--timeout=60"])?;
        let began = Instant::now();
        let mut before = self.ask_once()?;
        loop {
            thread::sleep(PAUSE);
            let now = self.ask_once()?;
            if now == before || began.elapsed() > PATIENCE {
                return Ok(now);
            }
            before = now;
        }
    }

    fn contents(&mut self, pool: &Pool) -> Result<Contents> {
        let at = &pool.at;
        // What was deleted is given back by and by; what is counted anew is waited for.
        self.machine.sh(&match pool.filesystem {
            Filesystem::Ext4 | Filesystem::Xfs => format!("sync -f {at}"),
            Filesystem::Btrfs => format!(
                "sync -f {at}; btrfs subvolume sync {at}; sync -f {at}
                 cd /sys/fs/btrfs/{}; [ -d qgroups ] || exit 0
                 if [ $(cat qgroups/inconsistent) = 1 ]; then btrfs quota rescan -w {at}; fi",
                pool.uuid
            ),
        })?;
        self.machine
            .request(&Request::PoolContents { pool: pool.clone() }, STEP_PATIENCE)
    }

    fn apply(&mut self, step: &Step) -> Result<Told<()>> {
        let request = Request::ApplyToPool { step: step.clone() };
        self.machine.request(&request, STEP_PATIENCE)
    }

    fn check(&mut self, step: &Step) -> Result<Told<Outcome>> {
        let request = Request::CheckPool { step: step.clone() };
        self.machine.request(&request, STEP_PATIENCE)
    }

    fn deed(&mut self, deed: &Deed) -> Result<Told<()>> {
        match *deed {
            Deed::Write {
                pool,
                place,
                file,
                mib,
            } => return self.write(pool, place, file, mib),
            Deed::Remove { pool, place, file } => {
                let folder = folder(pool, place);
                return self.as_nobody(&folder, &format!("rm {folder}/{file}"));
            }
            Deed::Fill { pool, place } => {
                let folder = folder(pool, place);
                let write = format!("dd if=/dev/zero of={folder}/fill bs=1M conv=fsync");
                return self.as_nobody(&folder, &write);
            }
            Deed::Enter { pool } => {
                let works = format!("cd /srv/{pool}; exec sleep 10000");
                let job = self.machine.spawn(["sh", "-c", &works])?;
                let place = format!("readlink /proc/{}/cwd; cat /proc/{}/comm", job.pid, job.pid);
                self.machine.wait_until("it works there", |machine| {
                    let said = machine.sh(&place)?;
                    Ok(said.contains(&format!("/srv/{pool}")) && said.contains("sleep"))
                })?;
                self.working.push(job);
            }
            Deed::Leave { .. } => {
                for job in std::mem::take(&mut self.working) {
                    self.machine.kill(&job, 9)?;
                }
            }
            Deed::Hide { pool } => _ = self.machine.sh(&format!("echo x >/srv/{pool}/hidden"))?,
            Deed::Unhide { pool } => _ = self.machine.sh(&format!("rm /srv/{pool}/hidden"))?,
            Deed::Pull { serial } => {
                self.machine.pull(serial)?;
                self.settle()?;
            }
            Deed::PlugBack { serial } => {
                self.machine.plug_back(serial)?;
                self.settle()?;
            }
            Deed::MakeForeign { serial, kind } => {
                let node = self.machine.node(serial)?;
                self.machine.sh(&format!(
                    "wipefs -qa {node}; mkfs.{kind} -q {node}; udevadm trigger --settle {node}"
                ))?;
            }
            Deed::Copy { from, to } => {
                let (from, to) = (self.machine.node(from)?, self.machine.node(to)?);
                self.machine.sh(&format!(
                    "sync; dd if={from} of={to} bs=1M conv=sparse,fsync status=none
                     udevadm trigger --settle {to}"
                ))?;
            }
            Deed::Enlarge { serial, mib } => {
                self.machine.grow_disk(serial, mib * MIB)?;
                let name = self.machine.disk(serial)?;
                let rescan = format!("echo 1 >/sys/block/{name}/device/rescan");
                self.machine.sh(&rescan)?;
                let size = format!("cat /sys/block/{name}/size");
                self.machine.wait_until("the disk is larger", |machine| {
                    let sectors: u64 = machine.sh(&size)?.trim().parse()?;
                    Ok(sectors * 512 == mib * MIB)
                })?;
            }
            Deed::EditUnit { pool, from, to } => {
                let path = path_of(&pool.parse()?);
                let text = self.machine.read_file(&path)?;
                ensure!(text.contains(from), "{path} has no {from:?}:\n{text}");
                self.machine.write_file(&path, &text.replace(from, to))?;
                self.machine.run(["systemctl", "daemon-reload"])?;
            }
            Deed::Nest { pool, place } => {
                let path = folder(pool, place);
                self.machine.run(["btrfs", "subvolume", "create", &path])?;
            }
            Deed::Days { days } => _ = self.machine.sh(&format!("date -s '+{days} days'"))?,
            Deed::ComeUponError { pool } => {
                let (devices, pools) = self.ask_once()?;
                let device = pools.find(pool).and_then(|it| it.device.clone());
                let Some(device) = device.and_then(|it| devices.by_id(&it)) else {
                    bail!("{pool} is not there");
                };
                let file = format!("/sys/fs/ext4/{}/trigger_fs_error", device.name);
                self.machine.sh(&format!("echo 1 >{file}"))?;
            }
            Deed::Restart { how, without } => self.restart(how, without)?,
        }
        Ok(Ok(()))
    }

    fn files(&mut self, pool: &str, places: &[String]) -> Result<Vec<BTreeMap<String, usize>>> {
        let folders: Vec<String> = places.iter().map(|it| folder(pool, it)).collect();
        let said = self.machine.sh(&format!(
            "for at in {}; do cd $at
             for i in *; do if [ -f \"$i\" ]; then echo \"$i $(md5sum <\"$i\")\"; fi; done
             echo; done",
            folders.join(" ")
        ))?;
        let mut found = vec![BTreeMap::new()];
        for line in said.lines() {
            if line.is_empty() {
                found.push(BTreeMap::new());
                continue;
            }
            let (file, sum) = line.split_once(' ').context("it is no checksum")?;
            let number = self.writes.get(sum).copied().unwrap_or(0);
            if let Some(last) = found.last_mut() {
                last.insert(file.to_owned(), number);
            }
        }
        found.truncate(places.len());
        Ok(found)
    }

    fn has_option(&mut self, pool: &str, option: &str) -> Result<bool> {
        let said = self
            .machine
            .sh(&format!("findmnt -rno OPTIONS /srv/{pool}"))?;
        // btrfs says `compress=zstd:3` of `compress=zstd`.
        let level = format!("{option}:");
        let mut all = said.trim().split(',');
        Ok(all.any(|it| it == option || it.starts_with(&level)))
    }
}
