//! How long it takes until clients hear what happened to the machine.

#![expect(clippy::print_stdout, reason = "prints what it measures")]

use std::{
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use moxnas_tests::lab::{Disk, Lab};

use super::{
    SIZE,
    nas::{Events, Nas},
};

/// A second is what a person gets; hosts of the lab do other things besides.
const PATIENCE: Duration = Duration::from_secs(3);

/// Longer than the service waits between looks without being woken.
const GIVE_UP: Duration = Duration::from_secs(40);

/// A stream of events that is read as it comes.
struct Listener(Receiver<(Instant, String)>);

impl Listener {
    fn new(mut events: Events) -> Self {
        let (sender, receiver) = channel();
        thread::spawn(move || {
            while let Ok(line) = events.line() {
                if line.is_empty() || sender.send((Instant::now(), line)).is_err() {
                    return;
                }
            }
        });
        Self(receiver)
    }

    /// How long after `began` a line came that has all of these in it.
    fn heard(&self, began: Instant, what: &str, parts: &[&str]) -> Result<Duration> {
        let mut heard = String::new();
        loop {
            let left = GIVE_UP.saturating_sub(began.elapsed());
            let next = self.0.recv_timeout(left);
            let (at, line) = next.with_context(|| format!("{what}: only\n{heard}"))?;
            if at >= began && parts.iter().all(|it| line.contains(it)) {
                let took = at.duration_since(began);
                println!("{what}: heard after {} ms", took.as_millis());
                return Ok(took);
            }
            heard.push_str(&line);
        }
    }
}

#[test]
fn what_happens_to_disks_and_arrays_is_heard_within_a_second() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let lab = lab.scsi(SIZE).scsi(SIZE).scsi(SIZE);
    let mut nas = Nas::service(lab.start()?)?;
    let create = ["array", "create", "tank", "--level", "raid1"];
    let members = ["--member", "LABSCSI00", "--member", "LABSCSI01"];
    nas.json(&[&create[..], &members].concat())?;
    nas.at_rest()?;
    let events = nas
        .http()?
        .log_in()?
        .listen("/api/events?kinds=array,disk")?;
    let listener = Listener::new(events);
    let mut took = Vec::new();

    let load = nas.machine.read_file("/proc/loadavg")?;
    println!("load of the guest: {}", load.trim());
    for round in 1..=3 {
        let began = Instant::now();
        nas.machine.pull("LABSCSI02")?;
        let parts = ["\"change\":\"left\"", "\"disk\""];
        took.push(listener.heard(began, &format!("pull {round}"), &parts)?);
        let began = Instant::now();
        nas.machine.plug_back("LABSCSI02")?;
        let parts = ["\"change\":\"appeared\"", "\"disk\""];
        took.push(listener.heard(began, &format!("plug {round}"), &parts)?);
    }
    let began = Instant::now();
    nas.machine.plug(Disk::scsi(SIZE).serial("LABNEW"))?;
    let parts = ["\"change\":\"appeared\"", "\"disk\""];
    took.push(listener.heard(began, "plug of a new disk", &parts)?);

    let node = nas.machine.node("LABSCSI01")?;
    nas.machine.sh("udevadm settle")?;
    let began = Instant::now();
    // Not through the service, which would know it anyhow.
    nas.machine
        .run(["mdadm", "--manage", "/dev/md/tank", "--fail", &node])?;
    let parts = ["\"change\":\"health\"", "degraded"];
    took.push(listener.heard(began, "failure of a member", &parts)?);

    let began = Instant::now();
    nas.machine
        .run(["mdadm", "--manage", "/dev/md/tank", "--remove", &node])?;
    let parts = ["\"change\":\"members\""];
    took.push(listener.heard(began, "removal of a member", &parts)?);

    let began = Instant::now();
    nas.machine.sh(
        "echo check > /sys/block/md127/md/sync_action 2>/dev/null || true
             mdadm --stop /dev/md/tank",
    )?;
    let parts = ["\"change\":\"left\"", "tank"];
    took.push(listener.heard(began, "stop of an array", &parts)?);

    let worst = took.iter().max().context("nothing was measured")?;
    println!("worst: {} ms", worst.as_millis());
    ensure!(*worst < PATIENCE, "it took {worst:?}");
    Ok(())
}
