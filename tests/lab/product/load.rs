//! A RAID 6 that loses two disks while it is written to, and comes back with every byte.

#![expect(clippy::print_stdout, reason = "prints what it sees, and when")]

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use moxnas_tests::lab::{Disk, Lab, MIB};

use super::nas::Nas;

const SIZE: u64 = 128 * MIB;
const PATIENCE: Duration = Duration::from_secs(300);

/// Writes files of 1 MiB until it is told to stop, each with its checksum in a list on another disk,
/// and reads each back at once.
const LOAD: &str = r#"
n=0
while [ ! -e /root/enough ]; do
    n=$((n + 1)); file=/srv/tank/file$((n % 60))
    head -c 1048576 /dev/urandom > /root/next
    sum=$(sha256sum < /root/next)
    cp /root/next $file && sync $file || { echo "write $n failed" >> /root/failed; break; }
    [ "$(sha256sum < $file)" = "$sum" ] || { echo "read of $n differs" >> /root/failed; break; }
    echo "$sum" > /root/sums/file$((n % 60)); echo $n > /root/written
    sleep 0.05
done
touch /root/ended
"#;

/// What is said, with when.
struct Log(Instant);

impl Log {
    fn say(&self, nas: &mut Nas, what: &str) -> Result<()> {
        let health = &nas.show()?["health"];
        let can_lose = health["can_lose"].clone();
        let verdict = health["verdict"].as_str().unwrap_or("?").to_owned();
        let written = nas.machine.sh("cat /root/written 2>/dev/null || echo 0")?;
        println!(
            "{:>6.1} s  {what}: {verdict}, can lose {can_lose}, {} files written",
            self.0.elapsed().as_secs_f32(),
            written.trim()
        );
        Ok(())
    }
}

fn written(nas: &mut Nas) -> Result<u64> {
    let text = nas.machine.sh("cat /root/written 2>/dev/null || echo 0")?;
    text.trim().parse().context("it is no number")
}

/// Until the load has written so many files more.
fn more(nas: &mut Nas, files: u64) -> Result<()> {
    let from = written(nas)?;
    let began = Instant::now();
    while written(nas)? < from + files {
        ensure!(
            began.elapsed() < PATIENCE,
            "the load stands still at {from}"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn verdict(nas: &mut Nas, verdict: &str, can_lose: u64) -> Result<()> {
    let health = nas.show()?["health"].clone();
    ensure!(
        health["verdict"] == verdict && health["can_lose"] == can_lose,
        "{health}"
    );
    Ok(())
}

#[test]
fn raid6_loses_two_disks_while_it_is_written_to() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let lab = lab.scsi(SIZE).scsi(SIZE).scsi(SIZE).scsi(SIZE);
    let mut nas = Nas::service(lab.start()?)?;
    let members = ["LABSCSI00", "LABSCSI01", "LABSCSI02", "LABSCSI03"];
    let mut create = vec!["array", "create", "tank", "--level", "raid6"];
    create.extend(members.iter().flat_map(|it| ["--member", *it]));
    nas.json(&create)?;
    nas.at_rest()?;
    nas.machine.sh(
        "mkfs.ext4 -q /dev/md/tank; mkdir -p /srv/tank /root/sums; mount /dev/md/tank /srv/tank",
    )?;
    let log = Log(Instant::now());
    log.say(&mut nas, "whole and mounted")?;
    verdict(&mut nas, "optimal", 2)?;

    let load = format!("cat > /root/load <<'END'\n{LOAD}\nEND\n");
    nas.machine.sh(&load)?;
    nas.machine
        .sh("systemd-run --quiet --unit=load bash /root/load")?;
    more(&mut nas, 20)?;
    log.say(&mut nas, "written to")?;

    nas.machine.pull("LABSCSI01")?;
    more(&mut nas, 20)?;
    log.say(&mut nas, "LABSCSI01 was pulled")?;
    verdict(&mut nas, "degraded", 1)?;
    nas.machine.pull("LABSCSI03")?;
    more(&mut nas, 20)?;
    log.say(&mut nas, "LABSCSI03 was pulled")?;
    verdict(&mut nas, "degraded", 0)?;

    for serial in ["LABNEW1", "LABNEW2"] {
        nas.machine.plug(Disk::scsi(SIZE).serial(serial))?;
        nas.json(&["array", "add", "tank", serial])?;
        log.say(&mut nas, &format!("{serial} was added"))?;
    }
    more(&mut nas, 20)?;
    log.say(&mut nas, "it is filled while it is written to")?;
    nas.at_rest()?;
    log.say(&mut nas, "both are filled")?;
    verdict(&mut nas, "optimal", 2)?;
    more(&mut nas, 20)?;
    nas.machine
        .sh("touch /root/enough; while [ ! -e /root/ended ]; do sleep 0.1; done")?;

    let failed = nas.machine.sh("cat /root/failed 2>/dev/null || true")?;
    ensure!(failed.is_empty(), "{failed}");
    // Nothing of it from memory.
    let checked = nas.machine.sh(
        "umount /srv/tank; e2fsck -fn /dev/md/tank > /dev/null || exit 1
         mount /dev/md/tank /srv/tank; cd /root/sums; ok=0
         for file in *; do
             [ \"$(sha256sum < /srv/tank/$file)\" = \"$(cat $file)\" ] || { echo $file differs; exit 1; }
             ok=$((ok + 1))
         done
         echo $ok",
    )?;
    println!("checksums of {} files agree", checked.trim());
    ensure!(checked.trim() == "60", "{checked}");
    nas.json(&["array", "scrub", "tank", "--detach"])?;
    let after = nas.at_rest()?;
    log.say(&mut nas, "read from end to end")?;
    println!(
        "the check found {} bytes different",
        after["mismatch_bytes"]
    );
    ensure!(after["mismatch_bytes"] == 0, "{after}");
    Ok(())
}
