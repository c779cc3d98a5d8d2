//! The product's binary on real disks.

mod attributes;
mod devices;
mod directory;
mod disks;
mod heard;
mod initramfs;
mod kill;
mod load;
mod nas;
mod pool_check;
mod pools;
mod remote;
mod replicas;
mod schedules;
mod shares;
mod thin;
mod unit;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use moxnas_tests::lab::{Lab, MIB, Machine};
use serde_json::{Value, json};

use self::nas::Nas;

const SIZE: u64 = 64 * MIB;

/// From blank disks through all that happens to an array in its life. The last disk is not in the
/// array at first.
fn live_and_die(nas: &mut Nas, level: &str, disks: &[&str]) -> Result<()> {
    let (&new, members) = disks.split_last().context("no disks")?;
    let old = members[1];
    let mut create = vec!["array", "create", "tank", "--level", level];
    create.extend(members.iter().flat_map(|it| ["--member", it]));
    let created = nas.json(&create)?;
    assert_eq!(created["level"], level, "{created}");
    assert_eq!(created["in_mdadm_conf"], true, "{created}");
    let uuid = created["uuid"].clone();
    let whole = nas.at_rest()?;
    assert_eq!(whole["health"]["verdict"], "optimal", "{whole}");
    assert_eq!(roles(&whole), vec!["active"; members.len()]);

    nas.json(&["array", "fail", "tank", old])?;
    let failed = nas.show()?;
    assert_eq!(failed["health"]["verdict"], "degraded", "{failed}");
    assert_eq!(nas.differences()?, [""; 0], "it was wished");
    assert_eq!(role_of(&failed, old), "faulty", "{failed}");

    nas.json(&["array", "replace", "tank", old, "--with", new])?;
    let healed = nas.at_rest()?;
    assert_eq!(healed["health"], whole["health"], "{healed}");
    assert_eq!(healed["size_bytes"], whole["size_bytes"]);
    assert_eq!(role_of(&healed, new), "active", "{healed}");
    assert!(!healed.to_string().contains(old), "{healed}");
    assert_eq!(nas.differences()?, [""; 0]);

    nas.json(&["array", "scrub", "tank", "--detach"])?;
    assert_eq!(nas.at_rest()?["mismatch_bytes"], 0);
    nas.moxnas(&["--yes", "array", "stop", "tank"])?;
    assert_eq!(nas.json(&["array", "list"])?["items"], json!([]));
    assert_eq!(nas.differences()?, ["array_missing"]);
    nas.json(&["array", "assemble", "tank"])?;
    assert_eq!(nas.show()?["uuid"], uuid);
    assert_eq!(nas.differences()?, [""; 0]);

    nas.moxnas(&["--yes", "array", "delete", "tank"])?;
    assert_eq!(nas.json(&["array", "list"])?["items"], json!([]));
    assert_eq!(nas.json(&["array", "expected"])?["items"], json!([]));
    assert_eq!(nas.differences()?, [""; 0]);
    let left = nas
        .machine
        .sh("cat /etc/mdadm/mdadm.conf; cat /proc/mdstat")?;
    assert!(!left.contains("ARRAY") && !left.contains("md127"), "{left}");
    // What was taken out before is not the array's any more, and keeps what is on it.
    for &disk in disks.iter().filter(|it| **it != old) {
        let node = nas.machine.node(disk)?;
        assert_eq!(nas.machine.run(["wipefs", &node])?, "", "{disk}");
    }
    Ok(())
}

fn roles(array: &Value) -> Vec<&str> {
    let members = array["members"].as_array().map_or(&[][..], Vec::as_slice);
    members
        .iter()
        .filter_map(|it| it["role"].as_str())
        .collect()
}

fn role_of<'a>(array: &'a Value, serial: &str) -> &'a str {
    let members = array["members"].as_array().map_or(&[][..], Vec::as_slice);
    let found = members.iter().find(|it| it["serial"] == serial);
    found
        .and_then(|it| it["role"].as_str())
        .unwrap_or("not there")
}

#[test]
fn raid1_by_command_line() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let lab = lab.nvme(SIZE).scsi(SIZE).virtio(SIZE);
    let mut nas = Nas::local(lab.start()?)?;
    live_and_die(
        &mut nas,
        "raid1",
        &["LABNVME00", "LABSCSI01", "LABVIRTIO02"],
    )
}

#[test]
fn raid6_by_command_line() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let lab = lab.nvme(SIZE).scsi(SIZE).scsi(SIZE).scsi(SIZE).scsi(SIZE);
    let mut nas = Nas::local(lab.start()?)?;
    let disks = [
        "LABNVME00",
        "LABSCSI01",
        "LABSCSI02",
        "LABSCSI03",
        "LABSCSI04",
    ];
    live_and_die(&mut nas, "raid6", &disks)
}

#[test]
fn smoke_raid5_through_the_service() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let lab = lab.nvme(SIZE).nvme(SIZE).scsi(SIZE).scsi(SIZE);
    let mut nas = Nas::service(lab.start()?)?;
    let disks = ["LABNVME00", "LABNVME01", "LABSCSI02", "LABSCSI03"];
    live_and_die(&mut nas, "raid5", &disks)?;

    // Beside the service, a process of its own may look and not change.
    let create = "array create tank --level raid1 --member LABNVME00 --member LABNVME01";
    let create = format!("moxnas --local --yes {create}");
    let refused = nas.machine.exec(create.split(' '))?;
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(
        refused.stderr.contains("/run/moxnas/moxnas.sock"),
        "{refused:?}"
    );
    Ok(())
}

#[test]
fn smoke_rest_asks_for_confirmation_of_what_was_seen() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut nas = Nas::service(lab.nvme(SIZE).scsi(SIZE).start()?)?;
    let http = nas.http()?;
    assert_eq!(http.get("/api/storage/disks")?.status, 401);
    let http = http.log_in()?;
    let disks = http.get("/api/storage/disks")?.body;
    assert!(disks.to_string().contains("LABNVME00"), "{disks}");

    let body = json!({"name": "tank", "level": "raid1", "members": ["LABNVME00", "LABSCSI01"]});
    let wish = json!({"operation": "array_create", "body": &body});
    let plan = http.post("/api/plans", &wish, None)?;
    assert_eq!(plan.status, 200, "{plan:?}");
    let fingerprint = plan.fingerprint()?;
    let unconfirmed = http.post("/api/storage/arrays", &body, None)?;
    assert_eq!(unconfirmed.status, 428, "{unconfirmed:?}");
    assert_eq!(
        unconfirmed.body["plan"]["fingerprint"],
        fingerprint.as_str()
    );

    let node = nas.machine.node("LABSCSI01")?;
    nas.machine
        .sh(&format!("mkfs.ext4 -q {node}; udevadm settle"))?;
    let changed = http.post("/api/storage/arrays", &body, Some(&fingerprint))?;
    assert_eq!(
        (changed.status, &changed.body["code"]),
        (409, &json!("plan_changed"))
    );
    assert!(
        changed.body["plan"].to_string().contains("ext4"),
        "{changed:?}"
    );

    let fingerprint = changed.body["plan"]["fingerprint"]
        .as_str()
        .context("no plan")?;
    let created = http.post("/api/storage/arrays", &body, Some(fingerprint))?;
    assert_eq!(created.status, 201, "{created:?}");
    assert_eq!(created.header("location"), Some("/api/storage/arrays/tank"));
    assert_eq!(http.get("/api/storage/arrays/tank")?.body["level"], "raid1");
    Ok(())
}

#[test]
fn devices_in_use_are_refused_by_name() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let lab = lab.nvme(SIZE).scsi(SIZE).scsi(SIZE).scsi(SIZE);
    let mut nas = Nas::service(lab.start()?)?;
    let (mounted, swap) = (
        nas.machine.node("LABSCSI01")?,
        nas.machine.node("LABSCSI02")?,
    );
    let parted = nas.machine.node("LABSCSI03")?;
    nas.machine.sh(&format!(
        "mkfs.ext4 -q {mounted}; mkdir /srv/a /srv/b; mount {mounted} /srv/a
         mkswap {swap}; swapon {swap}
         printf 'size=40M\\n' | sfdisk -q {parted}; udevadm settle
         mkfs.ext4 -q {parted}1; mount {parted}1 /srv/b; udevadm settle"
    ))?;
    let http = nas.http()?.log_in()?;
    for (device, code) in [
        ("LABSCSI01", "device_in_use"),
        ("LABSCSI02", "system_disk"),
        ("LABSCSI03", "device_in_use"),
        ("/dev/vda", "system_disk"),
        ("LABNVME00", "device_named_twice"),
        ("no-such-disk", "device_not_found"),
    ] {
        let body = json!({"name": "tank", "level": "raid1", "members": ["LABNVME00", device]});
        let wish = json!({"operation": "array_create", "body": body});
        let refused = http.post("/api/plans", &wish, None)?;
        assert_eq!(refused.body["code"], code, "{device}: {refused:?}");
    }
    Ok(())
}

#[test]
fn a_failure_that_would_lose_data_is_refused() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut nas = Nas::local(lab.scsi(SIZE).scsi(SIZE).start()?)?;
    let members = ["--member", "LABSCSI00", "--member", "LABSCSI01"];
    nas.json(
        &[
            &["array", "create", "tank", "--level", "raid1"],
            &members[..],
        ]
        .concat(),
    )?;
    nas.at_rest()?;
    nas.json(&["array", "fail", "tank", "LABSCSI00"])?;
    let refused = nas.exec(&["--yes", "array", "fail", "tank", "LABSCSI01"])?;
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(refused.stderr.contains("its data is lost"), "{refused:?}");
    assert_eq!(role_of(&nas.show()?, "LABSCSI01"), "active");
    Ok(())
}

#[test]
fn data_survives_a_disk_pulled_under_load() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let lab = lab.nvme(SIZE).nvme(SIZE).scsi(SIZE).scsi(SIZE);
    let mut nas = Nas::local(lab.start()?)?;
    let members = ["LABNVME00", "LABNVME01", "LABSCSI02"]
        .map(|it| ["--member", it])
        .concat();
    nas.json(
        &[
            &["array", "create", "tank", "--level", "raid5"],
            &members[..],
        ]
        .concat(),
    )?;
    nas.at_rest()?;
    nas.machine.sh(
        "head -c 20M /dev/urandom > /root/data; sha256sum < /root/data > /root/sum
         mkfs.ext4 -q /dev/md/tank; mkdir /srv/tank; mount /dev/md/tank /srv/tank",
    )?;
    // Round after round, so that the disk leaves in the middle of one.
    let load = nas.machine.spawn([
        "bash",
        "-c",
        "for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
             cp /root/data /srv/tank/$((n % 3)) && sync /srv/tank/$((n % 3)) || exit 1; echo $n
         done",
    ])?;
    nas.machine.wait_until("the load runs", |it| {
        Ok(!it.read_file(&load.output)?.is_empty())
    })?;
    nas.machine.pull("LABNVME01")?;
    assert_eq!(nas.machine.status(&load)?, None, "the load ended too early");
    nas.machine
        .wait_until("the load ends", |it| Ok(it.status(&load)? == Some(0)))?;

    let degraded = nas.show()?;
    assert_eq!(degraded["health"]["verdict"], "degraded", "{degraded}");
    nas.json(&["array", "add", "tank", "LABSCSI03"])?;
    let healed = nas.at_rest()?;
    assert_eq!(healed["health"]["verdict"], "optimal", "{healed}");
    nas.machine
        .sh("umount /srv/tank; mount /dev/md/tank /srv/tank
         for n in 0 1 2; do sha256sum --check --status /root/sum < /srv/tank/$n; done
         umount /srv/tank; fsck.ext4 -nf /dev/md/tank")?;
    Ok(())
}

#[test]
fn a_boot_with_a_missing_member_ends_degraded() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut nas = Nas::local(lab.nvme(SIZE).scsi(SIZE).start()?)?;
    let members = ["--member", "LABNVME00", "--member", "LABSCSI01"];
    nas.json(
        &[
            &["array", "create", "tank", "--level", "raid1"],
            &members[..],
        ]
        .concat(),
    )?;
    nas.at_rest()?;
    nas.machine.power_off()?;
    nas.machine.without("LABSCSI01")?;
    nas.machine.boot_again()?;

    let waits = nas.show()?;
    assert_eq!(waits["health"]["verdict"], "inactive", "{waits}");
    let assembled = nas.moxnas(&["--yes", "array", "assemble", "tank"])?;
    assert!(assembled.contains("degraded"), "{assembled}");
    let degraded = nas.show()?;
    assert_eq!(degraded["health"]["verdict"], "degraded", "{degraded}");
    assert_eq!(degraded["name"], "tank");
    assert_eq!(nas.differences()?, ["degraded_at_boot", "member_missing"]);
    nas.json(&["array", "accept", "tank"])?;
    assert_eq!(nas.differences()?, [""; 0]);
    Ok(())
}

#[test]
fn a_failure_is_told_within_two_seconds() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut nas = Nas::service(lab.nvme(SIZE).scsi(SIZE).start()?)?;
    let members = ["--member", "LABNVME00", "--member", "LABSCSI01"];
    nas.json(
        &[
            &["array", "create", "tank", "--level", "raid1"],
            &members[..],
        ]
        .concat(),
    )?;
    nas.at_rest()?;
    let http = nas.http()?.log_in()?;
    let events = http.listen("/api/events?kinds=array")?;
    // Not through the service, which would know it anyhow.
    let node = nas.machine.node("LABSCSI01")?;
    nas.machine
        .run(["mdadm", "--manage", "/dev/md/tank", "--fail", &node])?;
    let failed = Instant::now();
    let heard = events.until("\"change\":\"health\"")?;
    let took = failed.elapsed();
    assert!(took < Duration::from_secs(2), "it took {took:?}:\n{heard}");
    Ok(())
}

/// Whatever happens between two steps, trying again makes it whole.
#[test]
fn a_create_that_was_cut_short_is_finished_by_the_next() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut nas = Nas::local(lab.nvme(SIZE).scsi(SIZE).start()?)?;
    kill_after_create(&mut nas.machine)?;
    let create = ["array", "create", "tank", "--level", "raid1"];
    let create = [
        &create[..],
        &["--member", "LABNVME00", "--member", "LABSCSI01"],
    ]
    .concat();
    let killed = nas.exec(&[&["--yes"], &create[..]].concat())?;
    assert_eq!(killed.status, 128 + 9, "{killed:?}");
    nas.machine
        .sh("mv /usr/sbin/mdadm.real /usr/sbin/mdadm; sync")?;
    nas.machine.power_cut()?;
    nas.machine.boot_again()?;

    assert_eq!(nas.show()?["in_mdadm_conf"], false);
    let healed = nas.json(&create)?;
    assert_eq!(healed["in_mdadm_conf"], true, "{healed}");
    let conf = nas.machine.read_file("/etc/mdadm/mdadm.conf")?;
    assert_eq!(conf.matches("ARRAY /dev/md/tank").count(), 1, "{conf}");
    let again = nas.exec(&[&["--yes"], &create[..]].concat())?;
    ensure!(
        again.status == 1 && again.stderr.contains("exists already"),
        "{again:?}"
    );
    Ok(())
}

/// The array is there, and the process that made it dies before it does anything else.
fn kill_after_create(machine: &mut Machine) -> Result<()> {
    let script = "#!/bin/bash\n\
        /usr/sbin/mdadm.real \"$@\"; status=$?\n\
        if [ \"$1\" = --create ]; then sync; kill -9 $PPID; fi\n\
        exit $status\n";
    machine.sh("mv /usr/sbin/mdadm /usr/sbin/mdadm.real")?;
    machine.write_file("/usr/sbin/mdadm", script)?;
    machine.sh("chmod 755 /usr/sbin/mdadm").map(drop)
}
