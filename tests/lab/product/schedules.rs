//! Snapshots and replicas that come by themselves, on real filesystems, by the clock of the machine.

use anyhow::{Context as _, Result, ensure};
use moxnas_tests::lab::{Lab, MIB};
use serde_json::Value;

use super::{
    nas::Nas,
    pools::{checksum, fill},
};

const SIZE: u64 = 400 * MIB;
const AUTO: &str = "snapshots:data:photos:auto";

const BY_HAND: &str = "auto-by-hand";

/// The names of the snapshots of `photos` in a pool that a schedule took, the oldest first; the one by
/// hand has to be there.
fn names(nas: &mut Nas, pool: &str) -> Result<Vec<String>> {
    let listed = nas.json(&["snapshot", "list", "--pool", pool])?;
    let items = listed["items"].as_array().context("no list")?.iter();
    let names = items.filter_map(|it| it["name"].as_str().map(str::to_owned));
    let (by_hand, names): (Vec<_>, Vec<_>) = names.partition(|it| it == BY_HAND);
    let is_new = pool == "backup" && names.is_empty();
    ensure!(is_new || by_hand.len() == 1, "{listed}");
    Ok(names)
}

/// How often a schedule has run. A run that came while the one before it went on was skipped; none may
/// have failed.
fn runs(nas: &mut Nas, schedule: &str) -> Result<usize> {
    let history = nas.json(&["schedule", "history", schedule])?;
    let runs = history["items"].as_array().context("no history")?;
    let is = |it: &&Value, state: &str| it["state"] == state;
    ensure!(!runs.iter().any(|it| is(&it, "failed")), "{history}");
    Ok(runs.iter().filter(|it| is(it, "succeeded")).count())
}

/// Until it is so; `what` is asked each two seconds.
fn until(nas: &mut Nas, what: impl Fn(&mut Nas) -> Result<bool>) -> Result<()> {
    for _ in 0..120 {
        if what(nas)? {
            return Ok(());
        }
        nas.machine.sh("sleep 2")?;
    }
    anyhow::bail!("it has not come to that")
}

fn rests(nas: &mut Nas, schedule: &str) -> Result<()> {
    nas.json(&["schedule", "disable", schedule])?;
    until(nas, |it| {
        let shown = it.json(&["schedule", "show", schedule])?;
        Ok(shown["is_running"] == false)
    })
}

#[test]
fn snapshots_and_replicas_come_by_themselves() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut nas = Nas::service(lab.scsi(SIZE).scsi(SIZE).start()?)?;
    for (pool, disk) in [("data", "LABSCSI00"), ("backup", "LABSCSI01")] {
        nas.json(&["pool", "create", pool, "--device", disk, "--fs", "btrfs"])?;
    }
    nas.json(&["dataset", "create", "data", "photos"])?;
    fill(&mut nas, "/srv/data/photos/a", 5, "one")?;
    nas.json(&["snapshot", "create", "data", "photos", BY_HAND])?;
    let made = nas.json(&[
        "schedule",
        "snapshots",
        "data",
        "photos",
        "--at",
        "*:*:0/20",
        "--keep-last",
        "2",
    ])?;
    assert_eq!(made["name"], AUTO, "{made}");
    until(&mut nas, |it| Ok(runs(it, AUTO)? >= 3))?;
    rests(&mut nas, AUTO)?;
    let left = names(&mut nas, "data")?;
    assert_eq!(left.len(), 2, "{left:?}");

    // The service is killed, and knows it all still.
    nas.kill_service()?;
    nas.start_service()?;
    nas.json(&["schedule", "enable", AUTO])?;
    let made = nas.json(&[
        "schedule", "replica", "data", "photos", "--to", "backup", "--at", "*:*:0/30",
    ])?;
    let replica = made["name"].as_str().context("no name")?.to_owned();
    until(&mut nas, |it| Ok(runs(it, &replica)? >= 2))?;
    rests(&mut nas, AUTO)?;
    nas.moxnas(&["schedule", "delete", AUTO])?;
    let here = names(&mut nas, "data")?;
    let newest = here.last().context("no snapshot")?;
    until(&mut nas, |it| {
        Ok(names(it, "backup")?.last() == Some(newest))
    })?;
    rests(&mut nas, &replica)?;
    nas.moxnas(&["schedule", "delete", &replica])?;
    let place = format!(".snapshots/photos/{newest}");
    let one = checksum(&mut nas, &format!("/srv/data/{place}"))?;
    let other = checksum(&mut nas, &format!("/srv/backup/{place}"))?;
    assert_eq!(one, other);
    let held = nas.json(&["snapshot", "list", "--pool", "data"])?;
    ensure!(held.to_string().contains("replica:backup/photos"), "{held}");

    // Where they arrive, only what is old goes.
    let prune = [
        "schedule",
        "snapshots",
        "backup",
        "photos",
        "--prune-only",
        "--at",
        "daily",
        "--keep-last",
        "1",
    ];
    let made = nas.json(&prune)?;
    let prune = made["name"].as_str().context("no name")?.to_owned();
    let job = nas.json(&["schedule", "run", &prune])?;
    ensure!(job["state"] == "succeeded", "{job}");
    let left = names(&mut nas, "backup")?;
    assert_eq!(
        left,
        [newest.as_str()],
        "the one by hand is not its business"
    );
    Ok(())
}
