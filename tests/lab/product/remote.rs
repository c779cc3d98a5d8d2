//! Replicas on another machine, by a real ssh(1), sshd(8) and btrfs(8). The other machine is this one, by
//! its loopback address: to the product it makes no difference.

use anyhow::{Result, ensure};
use moxnas_tests::lab::{Lab, MIB};
use serde_json::Value;

use super::{
    nas::Nas,
    pools::{checksum, fill},
};

const LARGE: u64 = 400 * MIB;
const SEND: [&str; 6] = [
    "dataset",
    "replicate",
    "data",
    "photos",
    "--to",
    "attic:backup",
];

/// Start sshd; `options` come on top of what Debian has.
fn sshd(nas: &mut Nas, options: &str) -> Result<()> {
    let start = format!("mkdir -p /run/sshd && /usr/sbin/sshd -p 2222 {options}");
    nas.machine.sh(&start)?;
    nas.machine.wait_until("sshd listens", |it| {
        let probe = "ssh-keyscan -p 2222 127.0.0.1 2>/dev/null | grep -q ed25519";
        Ok(it.exec(["sh", "-c", probe])?.status == 0)
    })
}

/// What a command that must be refused says.
fn refused(nas: &mut Nas, arguments: &[&str]) -> Result<String> {
    let said = nas.exec(arguments)?;
    ensure!(said.status != 0, "{arguments:?} was done: {}", said.stdout);
    Ok(said.stdout + &said.stderr)
}

fn same(nas: &mut Nas, snapshot: &str) -> Result<()> {
    let place = format!(".snapshots/photos/{snapshot}");
    let here = checksum(nas, &format!("/srv/data/{place}"))?;
    let there = checksum(nas, &format!("/srv/backup/{place}"))?;
    ensure!(here == there, "{snapshot} is another one there");
    Ok(())
}

/// The target `attic`: this machine by its loopback address, with its key let in.
fn add_target(nas: &mut Nas) -> Result<()> {
    let add = [
        "target",
        "add",
        "attic",
        "127.0.0.1",
        "--port",
        "2222",
        "--pool",
        "backup",
    ];
    let said = refused(nas, &add)?;
    ensure!(said.contains("does not answer"), "{said}");
    sshd(nas, "")?;
    let said = refused(nas, &add)?;
    let print = "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2";
    let fingerprint = nas.machine.sh(print)?.trim().to_owned();
    ensure!(said.contains(&fingerprint), "{said}");
    let said = refused(nas, &[&add[..], &["--host-key", "SHA256:other"]].concat())?;
    ensure!(said.contains(&fingerprint), "{said}");
    let added = nas.json(&[&add[..], &["--host-key", &fingerprint]].concat())?;
    let line = added["authorized_line"].as_str().unwrap_or_default();
    ensure!(line.starts_with("restrict,command=\"moxnas replica serve --pool backup\" ssh-"));
    let files = nas
        .machine
        .sh("stat -c '%a %U %n' /var/lib/moxnas/ssh/*; stat -c %a /var/lib/moxnas/ssh")?;
    ensure!(
        files.contains("600 root /var/lib/moxnas/ssh/id_ed25519\n"),
        "{files}"
    );
    ensure!(files.trim().ends_with("700"), "{files}");
    let said = refused(nas, &["target", "check", "attic"])?;
    ensure!(said.contains("does not let this machine in"), "{said}");
    nas.machine.sh("mkdir -p -m 700 /root/.ssh")?;
    nas.machine
        .sh(&format!("echo '{line}' >/root/.ssh/authorized_keys"))?;
    let checked = nas.json(&["target", "check", "attic"])?;
    ensure!(checked["pools"][0]["pool"] == "backup", "{checked}");
    Ok(())
}

/// Whoever has the key gets no shell, no file, and nothing that is whole away.
fn the_key_does_nothing_else(nas: &mut Nas) -> Result<()> {
    let ssh = "ssh -F none -i /var/lib/moxnas/ssh/id_ed25519 -o BatchMode=yes -o \
               StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -p 2222 \
               root@127.0.0.1";
    for (request, code) in [
        ("id", "request_not_understood"),
        ("", "request_not_understood"),
        (
            "moxnas-replica 1 clear backup photos monday",
            "snapshot_is_whole",
        ),
        ("moxnas-replica 1 look data", "pool_not_served"),
        ("moxnas-replica 1 look backup; id", "request_not_understood"),
    ] {
        let said = nas
            .machine
            .exec(["sh", "-c", &format!("{ssh} '{request}' </dev/null")])?;
        ensure!(said.status == 3, "{request}: {said:?}");
        ensure!(said.stdout.contains(code), "{request}: {said:?}");
    }
    let tunnel = format!("{ssh} -W 127.0.0.1:8000 </dev/null");
    let said = nas.machine.exec(["sh", "-c", &tunnel])?;
    ensure!(said.status != 0, "{said:?}");
    same(nas, "monday")
}

/// The connection is cut while it sends; what arrived of that is no snapshot and goes.
fn a_cut_connection(nas: &mut Nas) -> Result<()> {
    fill(nas, "/srv/data/photos/c", 60, "three")?;
    nas.json(&["snapshot", "create", "data", "photos", "wednesday"])?;
    let job = nas.json(&[&SEND[..], &["--detach"]].concat())?;
    let id = job["id"].as_str().unwrap_or_default().to_owned();
    nas.machine.wait_until("a part has arrived", |it| {
        let found = it.sh("ls /srv/backup/.snapshots/photos")?;
        Ok(found.contains("wednesday"))
    })?;
    // Those of the connections, and not the one that listens.
    nas.machine
        .sh("pkill -9 -f '^sshd: root' || pkill -9 -f '^sshd-session: root' || true")?;
    let mut seen = Value::Null;
    nas.machine.wait_until("the job is over", |it| {
        let text = it.run(["moxnas", "--output", "json", "job", "show", &id])?;
        seen = serde_json::from_str(&text)?;
        Ok(seen["finished_at"].is_string())
    })?;
    if seen["state"] == "failed" {
        ensure!(seen["error_code"] == "target_connection_broke", "{seen}");
    }
    let job = nas.json(&[&SEND[..], &["--compare"]].concat())?;
    ensure!(job["state"] == "succeeded", "{job}");
    same(nas, "wednesday")
}

#[test]
fn a_dataset_is_replicated_to_another_machine_and_its_key_does_nothing_else() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut nas = Nas::service(lab.scsi(LARGE).scsi(LARGE).start()?)?;
    for (pool, disk) in [("data", "LABSCSI00"), ("backup", "LABSCSI01")] {
        nas.json(&["pool", "create", pool, "--device", disk, "--fs", "btrfs"])?;
    }
    nas.json(&["dataset", "create", "data", "photos"])?;
    fill(&mut nas, "/srv/data/photos/a", 20, "one")?;
    nas.json(&["snapshot", "create", "data", "photos", "monday"])?;
    fill(&mut nas, "/srv/data/photos/b", 5, "two")?;
    nas.machine
        .sh("cd /srv/data/photos; ln -s a soft; mkdir -p deep/er; touch deep/er/file; sync")?;
    nas.json(&["snapshot", "create", "data", "photos", "tuesday"])?;
    add_target(&mut nas)?;
    let job = nas.json(&[&SEND[..], &["--compare"]].concat())?;
    ensure!(job["state"] == "succeeded", "{job}");
    ensure!(job["result"]["snapshots"][1] == "tuesday", "{job}");
    let sent = job["result"]["sent_bytes"].as_u64().unwrap_or_default();
    ensure!((25 << 20..30 << 20).contains(&sent), "{job}");
    for snapshot in ["monday", "tuesday"] {
        same(&mut nas, snapshot)?;
    }
    let there = nas.json(&["snapshot", "list", "--pool", "backup", "--fresh"])?;
    let here = nas.json(&["snapshot", "list", "--pool", "data"])?;
    ensure!(
        there["items"][1]["held"][0] == "source:data/photos",
        "{there}"
    );
    ensure!(
        here["items"][1]["held"][0] == "replica:attic:backup/photos",
        "{here}"
    );
    ensure!(
        here["items"][0]["created_at"] == there["items"][0]["created_at"],
        "{there}"
    );
    the_key_does_nothing_else(&mut nas)?;
    a_cut_connection(&mut nas)?;
    // A byte is another one there: only a comparison finds it.
    let place = "/srv/backup/.snapshots/photos/wednesday";
    nas.machine.sh(&format!(
        "btrfs property set -f -ts {place} ro false; echo x >>{place}/deep/er/file; \
         btrfs property set -f -ts {place} ro true; sync"
    ))?;
    let job = nas.exec(&[&["--yes"], &SEND[..], &["--compare"]].concat())?;
    ensure!(job.status != 0, "{}", job.stdout);
    // Another machine, or somebody in between.
    nas.machine.sh(
        "pkill -o sshd; sleep 1; ssh-keygen -q -t ed25519 -N '' -f /root/other; mkdir -p /run/sshd; \
         /usr/sbin/sshd -p 2222 -o HostKey=/root/other",
    )?;
    nas.machine.wait_until("sshd has its other key", |it| {
        let said = it.exec(["moxnas", "target", "check", "attic"])?;
        Ok((said.stdout + &said.stderr).contains("does not have the host key"))
    })
}
