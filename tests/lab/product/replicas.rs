//! Replicas between real filesystems, by real btrfs-send(8) and rsync(1).

use anyhow::{Result, ensure};
use moxnas_tests::lab::{Lab, MIB};
use serde_json::Value;

use super::{
    nas::Nas,
    pools::{checksum, fill},
};

const LARGE: u64 = 400 * MIB;

/// From `data` to `backup`; the job when it is over.
fn replicate(nas: &mut Nas, dataset: &str) -> Result<Value> {
    let words = ["dataset", "replicate", "data", dataset, "--to", "backup"];
    let job = nas.json(&[&words[..], &["--compare"]].concat())?;
    ensure!(job["state"] == "succeeded", "{job}");
    Ok(job)
}

fn snapshots(nas: &mut Nas, pool: &str) -> Result<Vec<Value>> {
    let listed = nas.json(&["snapshot", "list", "--pool", pool])?;
    Ok(listed["items"].as_array().cloned().unwrap_or_default())
}

#[test]
fn datasets_are_replicated_and_compared() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let lab = lab.scsi(LARGE).scsi(LARGE).scsi(LARGE).scsi(LARGE);
    let mut nas = Nas::service(lab.start()?)?;
    for (pool, disk, filesystem) in [
        ("data", "LABSCSI00", "btrfs"),
        ("backup", "LABSCSI01", "btrfs"),
        ("old", "LABSCSI02", "ext4"),
    ] {
        nas.json(&["pool", "create", pool, "--device", disk, "--fs", filesystem])?;
    }
    nas.json(&["dataset", "create", "data", "photos"])?;
    fill(&mut nas, "/srv/data/photos/a", 30, "one")?;
    let refused = nas.exec(&["dataset", "replicate", "data", "photos", "--to", "backup"])?;
    assert!(
        refused.stderr.contains("moxnas snapshot create"),
        "{}",
        refused.stderr
    );
    nas.json(&["snapshot", "create", "data", "photos", "monday"])?;
    fill(&mut nas, "/srv/data/photos/b", 5, "two")?;
    nas.json(&["snapshot", "create", "data", "photos", "tuesday"])?;
    let job = replicate(&mut nas, "photos")?;
    assert_eq!(job["result"]["snapshots"][1], "tuesday", "{job}");
    let sent = job["result"]["sent_bytes"].as_u64().unwrap_or_default();
    // Both files once, and the words that wrap them.
    assert!((35 << 20..40 << 20).contains(&sent), "{job}");
    for snapshot in ["monday", "tuesday"] {
        let place = format!(".snapshots/photos/{snapshot}");
        let here = checksum(&mut nas, &format!("/srv/data/{place}"))?;
        let there = checksum(&mut nas, &format!("/srv/backup/{place}"))?;
        assert_eq!(here, there, "{snapshot}");
    }
    let (here, there) = (snapshots(&mut nas, "data")?, snapshots(&mut nas, "backup")?);
    assert_eq!(here.len(), 2, "{here:?}");
    for (here, there) in here.iter().zip(&there) {
        assert_eq!(here["created_at"], there["created_at"], "{there}");
        assert!(there["received_uuid"].is_string(), "{there}");
        assert_eq!(there["read_only"], true, "{there}");
    }
    assert_eq!(here[1]["held"][0], "replica:backup/photos", "{here:?}");

    what_is_killed_is_sent_anew(&mut nas)?;

    // Somebody changes what arrived: it is no copy any more, and is not sent from.
    let place = "/srv/backup/.snapshots/photos/friday";
    nas.machine.sh(&format!(
        "btrfs property set -f -ts {place} ro false; echo x >{place}/a; sync"
    ))?;
    nas.json(&["snapshot", "list", "--pool", "backup"])?;
    nas.json(&["snapshot", "create", "data", "photos", "later"])?;
    let words = ["dataset", "replicate", "data", "photos", "--to", "backup"];
    let refused = nas.exec(&[&words[..], &["--dry-run"]].concat())?;
    assert!(
        (refused.stdout + &refused.stderr).contains("friday"),
        "a snapshot that was changed is named"
    );

    // To a filesystem of another kind: files, with what hangs on them.
    nas.machine.sh(
        "cd /srv/data/photos; ln a hard; ln -s a soft; mkfifo pipe; chmod 640 a; chown nobody a;
         setfattr -n user.colour -v blue a 2>/dev/null || true; truncate -s 300M sparse; sync",
    )?;
    nas.json(&["snapshot", "create", "data", "photos", "odd"])?;
    let words = ["dataset", "replicate", "data", "photos", "--to", "old"];
    let job = nas.json(&words)?;
    ensure!(job["state"] == "succeeded", "{job}");
    let listing = "find . -printf '%P %y %m %u %n %l %s\\n' | grep -v ' d ' | sort";
    let here = nas
        .machine
        .sh(&format!("cd /srv/data/.snapshots/photos/odd && {listing}"))?;
    let there = nas
        .machine
        .sh(&format!("cd /srv/old/photos && {listing}"))?;
    assert_eq!(here, there);
    // Again: what is only there goes, which has to be agreed to.
    nas.machine.sh("touch /srv/old/photos/own")?;
    let refused = nas.exec(&words)?;
    assert_ne!(refused.status, 0, "{}", refused.stdout);
    let job = nas.json(&words)?;
    ensure!(job["state"] == "succeeded", "{job}");
    let there = nas
        .machine
        .sh(&format!("cd /srv/old/photos && {listing}"))?;
    assert_eq!(here, there);
    Ok(())
}

/// The service and what it started are killed while it sends; the job goes on by itself.
fn what_is_killed_is_sent_anew(nas: &mut Nas) -> Result<()> {
    fill(nas, "/srv/data/photos/c", 60, "three")?;
    nas.json(&["snapshot", "create", "data", "photos", "friday"])?;
    let words = ["dataset", "replicate", "data", "photos", "--to", "backup"];
    let job = nas.json(&[&words[..], &["--detach"]].concat())?;
    let id = job["id"].as_str().unwrap_or_default().to_owned();
    nas.machine.wait_until("a part has arrived", |it| {
        let found = it.sh("ls /srv/backup/.snapshots/photos")?;
        Ok(found.contains("friday"))
    })?;
    nas.kill_service()?;
    let left = nas
        .machine
        .sh("btrfs subvolume list -r /srv/backup; pgrep -a btrfs || true")?;
    nas.start_service()?;
    let mut seen = Value::Null;
    nas.machine.wait_until("the job is over", |it| {
        let text = it.run(["moxnas", "--output", "json", "job", "show", &id])?;
        seen = serde_json::from_str(&text)?;
        Ok(seen["finished_at"].is_string())
    })?;
    ensure!(
        seen["state"] == "succeeded",
        "{seen}\nafter the kill: {left}"
    );
    let place = ".snapshots/photos/friday";
    let here = checksum(nas, &format!("/srv/data/{place}"))?;
    let there = checksum(nas, &format!("/srv/backup/{place}"))?;
    assert_eq!(here, there);
    Ok(())
}
