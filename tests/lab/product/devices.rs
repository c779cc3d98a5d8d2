//! One btrfs on several real disks, of which one goes.

use anyhow::Result;
use moxnas_tests::lab::{Lab, MIB};
use serde_json::Value;

use super::{
    nas::Nas,
    pools::{checksum, fill, reboot, standing},
};

const CREATE: [&str; 12] = [
    "pool",
    "create",
    "data",
    "--fs",
    "btrfs",
    "--device",
    "LABSCSI00",
    "--device",
    "LABSCSI01",
    "--profile",
    "raid1",
    "--option=noatime",
];

/// Without one of them, by agreement; whole again once it is back.
fn goes_on_without(nas: &mut Nas, serial: &str, before: &str) -> Result<()> {
    nas.machine.pull(serial)?;
    nas.machine.sh("udevadm settle")?;
    // The kernel goes on; systemd ends the mount, if it is the one that mountinfo names.
    let now = nas.json(&["pool", "show", "data"])?;
    let is = now["standing"].as_str().unwrap_or_default();
    assert!(["damaged", "missing"].contains(&is), "{now}");
    assert!(
        now["reasons"][0].to_string().contains("1 of its 2 devices"),
        "{now}"
    );
    if is == "missing" {
        let refused = nas.exec(&["pool", "mount", "data"])?;
        assert!(
            refused.stderr.contains("there is no terminal"),
            "{}",
            refused.stderr
        );
        let mounted = nas.json(&["pool", "mount", "data"])?;
        assert_eq!(mounted["standing"], "damaged", "{mounted}");
    }
    assert_eq!(checksum(nas, "/srv/data/photos")?, before);
    fill(nas, "/srv/data/photos/b", 5, serial)?;
    let changed = checksum(nas, "/srv/data/photos")?;

    nas.machine.plug_back(serial)?;
    nas.machine.sh("udevadm settle")?;
    assert_ne!(standing(nas, "data")?, "mounted");
    nas.json(&["pool", "unmount", "data"])?;
    nas.json(&["pool", "mount", "data"])?;
    nas.moxnas(&["--yes", "pool", "check", "data", "--repair"])?;
    assert_eq!(standing(nas, "data")?, "mounted");
    assert_eq!(checksum(nas, "/srv/data/photos")?, changed);
    nas.machine.sh("rm /srv/data/photos/b; sync")?;
    Ok(())
}

#[test]
fn a_mirror_of_btrfs_loses_each_of_its_disks_once() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let lab = (0..2).fold(lab, |lab, _| lab.scsi(256 * MIB));
    let mut nas = Nas::service(lab.start()?)?;
    let made = nas.json(&CREATE)?;
    assert_eq!(made["standing"], "mounted", "{made}");
    assert_eq!(
        (&made["kind"], &made["profile"]),
        (&"devices".into(), &"raid1".into()),
        "{made}"
    );
    let size = made["space"]["size_bytes"].as_u64();
    assert_eq!(size, Some(256 * MIB), "{made}");
    nas.json(&["dataset", "create", "data", "photos", "--quota", "100MiB"])?;
    fill(&mut nas, "/srv/data/photos/a", 20, "one")?;
    let before = checksum(&mut nas, "/srv/data/photos")?;
    reboot(&mut nas)?;
    assert_eq!(standing(&mut nas, "data")?, "mounted");
    assert_eq!(checksum(&mut nas, "/srv/data/photos")?, before);

    for serial in ["LABSCSI00", "LABSCSI01"] {
        goes_on_without(&mut nas, serial, &before)?;
    }

    nas.moxnas(&["--yes", "pool", "export", "data"])?;
    let taken = nas.json(&["pool", "import", "data", "--device", "LABSCSI01"])?;
    assert_eq!(
        taken["members"].as_array().map(Vec::len),
        Some(2),
        "{taken}"
    );
    assert_eq!(taken["standing"], "mounted", "{taken}");
    assert_eq!(checksum(&mut nas, "/srv/data/photos")?, before);
    nas.moxnas(&["--yes", "pool", "delete", "data"])?;
    let left = nas.json(&["pool", "list"])?;
    assert_eq!(left["items"], Value::Array(Vec::new()), "{left}");
    let left = nas
        .machine
        .sh("blkid | grep -c TYPE=.btrfs || true; ls /srv /etc/systemd/system")?;
    assert!(left.starts_with("0\n") && !left.contains("srv-"), "{left}");
    Ok(())
}

/// Two disks, one of which is lost: degraded by agreement, then one command, and all is there twice.
#[test]
fn a_mirror_that_lost_a_disk_is_whole_again_by_one_command() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let lab = (0..4).fold(lab, |lab, _| lab.scsi(256 * MIB));
    let mut nas = Nas::service(lab.start()?)?;
    nas.json(&CREATE)?;
    fill(&mut nas, "/srv/data/a", 20, "one")?;
    nas.machine.sh("sync")?;
    nas.machine.pull("LABSCSI01")?;
    reboot(&mut nas)?;
    let now = nas.json(&["pool", "show", "data"])?;
    assert_eq!(now["standing"], "missing", "{now}");
    let mounted = nas.json(&["pool", "mount", "data"])?;
    assert_eq!(mounted["standing"], "damaged", "{mounted}");
    let remedy = "`moxnas pool device replace data missing DEVICE`";
    assert!(
        mounted["reasons"][0].to_string().contains(remedy),
        "{mounted}"
    );
    fill(&mut nas, "/srv/data/b", 20, "two")?;
    let before = checksum(&mut nas, "/srv/data")?;

    let job = nas.json(&["pool", "device", "replace", "data", "missing", "LABSCSI02"])?;
    assert_eq!(job["state"], "succeeded", "{job}");
    assert_eq!(standing(&mut nas, "data")?, "mounted");
    let usage = nas.machine.sh("btrfs device usage -b /srv/data")?;
    assert!(
        !usage.contains("single") && !usage.contains("missing"),
        "{usage}"
    );
    let job = nas.json(&["pool", "check", "data"])?;
    assert_eq!(job["message"], "no error was found in pool data", "{job}");
    assert_eq!(checksum(&mut nas, "/srv/data")?, before);
    // A start of the machine mounts it by itself again.
    reboot(&mut nas)?;
    assert_eq!(standing(&mut nas, "data")?, "mounted");

    // One more, all spread; one less; one larger.
    nas.json(&["pool", "device", "add", "data", "LABSCSI03"])?;
    nas.json(&["pool", "balance", "data"])?;
    nas.json(&["pool", "device", "remove", "data", "LABSCSI00"])?;
    let now = nas.json(&["pool", "show", "data"])?;
    assert_eq!(now["members"].as_array().map(Vec::len), Some(2), "{now}");
    assert_eq!(now["standing"], "mounted", "{now}");
    for serial in ["LABSCSI02", "LABSCSI03"] {
        nas.machine.grow_disk(serial, 400 * MIB)?;
        let name = nas.machine.disk(serial)?;
        nas.machine.sh(&format!(
            "echo 1 >/sys/block/{name}/device/rescan; udevadm settle"
        ))?;
    }
    let grown = nas.json(&["pool", "grow", "data"])?;
    assert_eq!(
        grown["space"]["size_bytes"].as_u64(),
        Some(400 * MIB),
        "{grown}"
    );
    nas.json(&[
        "pool",
        "device",
        "replace",
        "data",
        "LABSCSI02",
        "LABSCSI00",
    ])
    .expect_err("it is smaller");
    reboot(&mut nas)?;
    assert_eq!(standing(&mut nas, "data")?, "mounted");
    assert_eq!(checksum(&mut nas, "/srv/data")?, before);
    Ok(())
}
