//! Pools of thin volumes on a real LVM.

use anyhow::Result;
use moxnas_tests::lab::{Lab, MIB};
use serde_json::Value;

use super::{
    nas::Nas,
    pools::{checksum, fill, reboot, replicate, standing},
};

const DATASET: &str = "/srv/data/photos";

/// More does not go into a dataset than its volume has room for.
fn is_full_at(nas: &mut Nas, quota: u64) -> Result<()> {
    let write = format!("head -c {quota}M /dev/urandom >{DATASET}/b");
    let refused = nas.machine.exec(["sh", "-c", &write])?;
    assert_ne!(refused.status, 0);
    assert!(
        refused.stderr.contains("No space left"),
        "{}",
        refused.stderr
    );
    nas.machine.sh(&format!("rm {DATASET}/b; sync"))?;
    Ok(())
}

/// How much can still be written into the dataset, in MiB.
fn room_in(nas: &mut Nas) -> Result<u64> {
    let room = format!("df --output=avail -B1M {DATASET} | tail -1");
    Ok(nas.machine.sh(&room)?.trim().parse()?)
}

/// What is in a snapshot, which the kernel has only while somebody looks into it.
fn checksum_of_snapshot(nas: &mut Nas, snapshot: &str, how: &str) -> Result<String> {
    let volume = format!("moxnas_data/s.photos.{snapshot}");
    nas.machine.sh(&format!(
        "lvchange --activate y --ignoreactivationskip {volume}; mkdir -p /mnt/look; \
         mount -o {how} /dev/{volume} /mnt/look"
    ))?;
    let sum = checksum(nas, "/mnt/look")?;
    nas.machine
        .sh(&format!("umount /mnt/look; lvchange --activate n {volume}"))?;
    Ok(sum)
}

/// From blank disks and back, over a restart of the machine.
fn live_and_die(nas: &mut Nas, filesystem: &str, quota: u64) -> Result<()> {
    let mut words = vec!["array", "create", "tank", "--level", "raid5"];
    let disks = ["LABSCSI00", "LABSCSI01", "LABSCSI02"];
    words.extend(disks.iter().flat_map(|it| ["--member", it]));
    nas.json(&words)?;
    nas.at_rest()?;
    let create = [
        "pool", "create", "data", "--device", "tank", "--kind", "thin", "--fs", filesystem,
    ];
    let made = nas.json(&create)?;
    assert_eq!(made["standing"], "mounted", "{made}");
    assert_eq!(made["kind"], "thin", "{made}");
    let size = format!("{quota}MiB");
    let made = nas.json(&["dataset", "create", "data", "photos", "--quota", &size])?;
    assert_eq!(made["quota_bytes"], quota << 20, "{made}");

    fill(nas, &format!("{DATASET}/a"), 20, "one")?;
    let before = checksum(nas, DATASET)?;
    is_full_at(nas, quota)?;
    assert_eq!(checksum(nas, DATASET)?, before);

    nas.json(&["snapshot", "create", "data", "photos", "monday"])?;
    fill(nas, &format!("{DATASET}/a"), 5, "two")?;
    let changed = checksum(nas, DATASET)?;
    assert_ne!(changed, before);

    // Somebody works in it: who it is is said, and nothing was done.
    let busy = nas
        .machine
        .spawn(["sh", "-c", "cd /srv/data/photos; exec sleep 1000"])?;
    let rollback = ["snapshot", "rollback", "data", "photos", "monday"];
    let refused = nas.exec(&[&["--yes"], rollback.as_slice()].concat())?;
    assert!(
        refused.stderr.contains("sleep (process"),
        "{}",
        refused.stderr
    );
    assert_eq!(checksum(nas, DATASET)?, changed);
    nas.machine.kill(&busy, 9)?;

    nas.json(&rollback)?;
    assert_eq!(checksum(nas, DATASET)?, before);
    let how = match filesystem {
        "xfs" => "ro,norecovery,nouuid",
        _ => "ro,noload",
    };
    assert_eq!(checksum_of_snapshot(nas, "before-monday", how)?, changed);
    assert_eq!(checksum_of_snapshot(nas, "monday", how)?, before);

    // The array by a disk, and the pool with it, and the dataset.
    let small = nas.json(&["pool", "show", "data"])?["space"]["size_bytes"].clone();
    nas.json(&["array", "add", "tank", "LABSCSI03", "--spare"])?;
    nas.json(&["array", "grow", "tank", "--members", "4"])?;
    nas.at_rest()?;
    for _ in 0..2 {
        let grown = nas.json(&["pool", "grow", "data"])?;
        let large = grown["space"]["size_bytes"].as_u64();
        assert!(large > small.as_u64(), "{small} {grown}");
    }
    let (more, room) = (quota + 20, room_in(nas)?);
    let size = format!("{more}MiB");
    let photos = nas.json(&["dataset", "quota", "data", "photos", &size])?;
    assert_eq!(photos["quota_bytes"], more << 20, "{photos}");
    let less = ["--yes", "dataset", "quota", "data", "photos", "16MiB"];
    let refused = nas.exec(&less)?;
    assert!(refused.stderr.contains("smaller"), "{}", refused.stderr);
    let now = room_in(nas)?;
    assert!(now >= room + 15, "{room} MiB, then {now} MiB");
    let fits = format!(
        "head -c {}M /dev/urandom >{DATASET}/c; sync; rm {DATASET}/c",
        room + 5
    );
    nas.machine.sh(&fits)?;

    reboot(nas)?;
    assert_eq!(standing(nas, "data")?, "mounted");
    assert_eq!(checksum(nas, DATASET)?, before);
    is_full_at(nas, more)?;
    let photos = nas.json(&["dataset", "show", "data", "photos"])?;
    assert_eq!(photos["snapshots"], 2, "{photos}");
    assert_eq!(checksum_of_snapshot(nas, "before-monday", how)?, changed);

    let clone = [
        "snapshot",
        "clone",
        "data",
        "photos",
        "before-monday",
        "copy",
    ];
    nas.json(&clone)?;
    assert_eq!(checksum(nas, "/srv/data/copy")?, changed);

    replicate(nas, "data", "photos", ("LABSCSI04", filesystem))?;
    assert_eq!(checksum(nas, "/srv/backup/photos")?, before);
    nas.moxnas(&["--yes", "pool", "delete", "backup"])?;

    nas.moxnas(&["--yes", "pool", "export", "data"])?;
    assert_eq!(nas.machine.sh("ls /srv/data")?.trim(), "");
    let taken = nas.json(&["pool", "import", "data", "--device", "tank"])?;
    assert_eq!(taken["standing"], "mounted", "{taken}");
    assert_eq!(checksum(nas, DATASET)?, before);
    nas.json(&["pool", "unmount", "data"])?;
    assert_eq!(standing(nas, "data")?, "unmounted");
    nas.json(&["pool", "mount", "data"])?;
    assert_eq!(checksum(nas, "/srv/data/copy")?, changed);

    nas.moxnas(&["--yes", "dataset", "delete", "data", "copy"])?;
    for snapshot in ["monday", "before-monday"] {
        let delete = ["--yes", "snapshot", "delete", "data", "photos", snapshot];
        nas.moxnas(&delete)?;
    }
    nas.moxnas(&["--yes", "pool", "delete", "data"])?;
    let left = nas.json(&["pool", "list"])?;
    assert_eq!(left["items"], Value::Array(Vec::new()), "{left}");
    let left = nas
        .machine
        .sh("ls -R /etc/systemd/system; vgs; pvs; ls /srv")?;
    assert!(
        !left.contains("srv-") && !left.contains("moxnas_"),
        "{left}"
    );
    nas.moxnas(&["--yes", "array", "delete", "tank"])?;
    Ok(())
}

/// Read-only and until the machine starts anew, beside the dataset, by commands and over HTTP.
fn look_into(nas: &mut Nas, disk: &str, filesystem: &str) -> Result<()> {
    let create = [
        "pool", "create", "data", "--device", disk, "--kind", "thin", "--fs", filesystem,
    ];
    nas.json(&create)?;
    nas.json(&["dataset", "create", "data", "photos", "--quota", "320MiB"])?;
    fill(nas, &format!("{DATASET}/a"), 5, "one")?;
    // Whoever has a file open that is deleted makes the filesystem keep it.
    nas.machine.sh(&format!("echo x >{DATASET}/open"))?;
    let open = format!("exec 7<{DATASET}/open; rm {DATASET}/open; exec sleep 1000");
    let open = nas.machine.spawn(["sh", "-c", &open])?;
    nas.machine.wait_until("it is deleted", |machine| {
        Ok(machine
            .exec(["test", "-e", &format!("{DATASET}/open")])?
            .status
            != 0)
    })?;
    let before = checksum(nas, DATASET)?;
    let taken = nas.json(&["snapshot", "create", "data", "photos", "at:noon"])?;
    nas.machine.kill(&open, 9)?;
    let mount = ["snapshot", "mount", "data", "photos", "at:noon"];
    let unmount = ["snapshot", "unmount", "data", "photos", "at:noon"];
    assert_eq!(taken["path"], Value::Null, "{taken}");
    assert_eq!(
        taken["mount_command"],
        "moxnas snapshot mount data photos at:noon"
    );
    fill(nas, &format!("{DATASET}/a"), 3, "two")?;
    let changed = checksum(nas, DATASET)?;

    let place = "/srv/data/.snapshots/photos/at:noon";
    for _ in 0..2 {
        let shown = nas.json(&mount)?;
        assert_eq!(shown["path"], place, "{shown}");
        assert_eq!(shown["mount_command"], Value::Null, "{shown}");
        assert_eq!(checksum(nas, place)?, before);
    }
    let listed = nas.json(&["snapshot", "list"])?;
    assert_eq!(listed["items"][0]["path"], place, "{listed}");
    let refused = nas.machine.exec(["touch", &format!("{place}/x")])?;
    assert!(refused.stderr.contains("Read-only"), "{}", refused.stderr);
    assert_eq!(checksum(nas, DATASET)?, changed);
    assert_eq!(standing(nas, "data")?, "mounted");

    // Somebody works in it: who it is is said, and nothing was done.
    let works = format!("cd {place}; exec sleep 1000");
    let busy = nas.machine.spawn(["sh", "-c", &works])?;
    nas.machine.wait_until("it works there", |machine| {
        let cwd = machine.sh(&format!("readlink /proc/{}/cwd", busy.pid))?;
        Ok(cwd.trim() == place)
    })?;
    for command in [
        &unmount[..],
        &["--yes", "snapshot", "delete", "data", "photos", "at:noon"],
        &["--yes", "snapshot", "rollback", "data", "photos", "at:noon"],
        &["--yes", "pool", "unmount", "data"],
    ] {
        let refused = nas.exec(command)?;
        assert!(
            refused.stderr.contains("sleep (process"),
            "{command:?}: {}",
            refused.stderr
        );
    }
    assert_eq!(checksum(nas, place)?, before);
    assert_eq!(checksum(nas, DATASET)?, changed);
    nas.machine.kill(&busy, 9)?;

    let hidden = nas.json(&unmount)?;
    assert_eq!(hidden["path"], Value::Null, "{hidden}");
    let left = nas
        .machine
        .sh("ls -A /srv/data/.snapshots/photos; lvs --noheadings -o lv_name -S lv_active=active")?;
    assert!(!left.contains("noon"), "{left}");

    nas.json(&mount)?;
    reboot(nas)?;
    let listed = nas.json(&["snapshot", "list", "--fresh"])?;
    assert_eq!(listed["items"][0]["path"], Value::Null, "{listed}");
    assert_eq!(standing(nas, "data")?, "mounted");
    let health = nas.json(&["system", "health"])?;
    assert!(!health.to_string().contains("at:noon"), "{health}");

    // What is done to it unmounts it.
    nas.json(&mount)?;
    nas.json(&["dataset", "rename", "data", "photos", "films"])?;
    let listed = nas.json(&["snapshot", "list"])?;
    assert_eq!(
        listed["items"][0]["mount_command"], "moxnas snapshot mount data films at:noon",
        "{listed}"
    );
    nas.json(&["dataset", "rename", "data", "films", "photos"])?;
    nas.json(&mount)?;
    nas.json(&["snapshot", "rollback", "data", "photos", "at:noon"])?;
    assert_eq!(checksum(nas, DATASET)?, before);
    nas.json(&mount)?;
    assert_eq!(checksum(nas, place)?, before);
    nas.json(&["pool", "unmount", "data"])?;
    assert_eq!(standing(nas, "data")?, "unmounted");
    nas.json(&["pool", "mount", "data"])?;
    nas.json(&mount)?;
    nas.moxnas(&["--yes", "snapshot", "delete", "data", "photos", "at:noon"])?;
    nas.json(&["snapshot", "mount", "data", "photos", "before-at:noon"])?;
    nas.moxnas(&["--yes", "pool", "delete", "data"])?;
    Ok(())
}

/// Each dataset and the metadata of the thin pool are gone over, and what is wrong is said of each.
fn check_volumes(nas: &mut Nas, disk: &str, filesystem: &str) -> Result<()> {
    // The other one has a filesystem of its own.
    let create = [
        "pool", "create", "data", "--device", disk, "--kind", "thin", "--fs", "ext4",
    ];
    nas.json(&create)?;
    for dataset in ["photos", "films"] {
        let of = match dataset {
            "films" => filesystem,
            _ => "ext4",
        };
        let create = [
            "dataset", "create", "data", dataset, "--quota", "320MiB", "--fs", of,
        ];
        let made = nas.json(&create)?;
        assert_eq!(made["filesystem"], of, "{made}");
        fill(nas, &format!("/srv/data/{dataset}/a"), 5, dataset)?;
    }
    let before = checksum(nas, DATASET)?;
    let check = ["--yes", "pool", "check", "data"];
    let refused = nas.exec(&check)?;
    assert!(
        refused.stderr.contains("while it is mounted"),
        "{}",
        refused.stderr
    );
    nas.json(&["pool", "unmount", "data"])?;
    let clean = nas.moxnas(&check)?;
    for part in [
        "the metadata of the thin pool: no error",
        "the folder of the pool: no error",
        "dataset films: no error",
        "dataset photos: no error",
    ] {
        assert!(clean.contains(part), "{part} in {clean}");
    }

    // A free list or a table that does not say what is.
    let damage = match filesystem {
        "xfs" => "xfs_db -x -c 'agf 0' -c 'write -d freeblks 7' /dev/moxnas_data/d.films",
        _ => "debugfs -w -R 'clri a' /dev/moxnas_data/d.films",
    };
    nas.machine.sh(damage)?;
    let found = nas.exec(&check)?;
    assert_ne!(found.status, 0);
    let said = format!("{}{}", found.stdout, found.stderr);
    assert!(
        said.contains("dataset films:") && !said.contains("dataset photos:"),
        "{said}"
    );
    assert!(said.contains("pool check data --repair"), "{said}");
    let mended = nas.moxnas(&["--yes", "pool", "check", "data", "--repair"])?;
    assert!(
        mended.contains("dataset films: errors were put right"),
        "{mended}"
    );
    assert!(mended.contains("dataset photos: no error"), "{mended}");
    nas.moxnas(&check)?;
    nas.json(&["pool", "mount", "data"])?;
    assert_eq!(standing(nas, "data")?, "mounted");
    assert_eq!(checksum(nas, DATASET)?, before);

    // What the thin pool knows of its volumes, on the disk itself.
    nas.json(&["pool", "unmount", "data"])?;
    nas.machine.sh(
        "vgchange -an moxnas_data; lvchange --yes -ay moxnas_data/thin_tmeta
         set -- $(dmsetup table moxnas_data-thin_tmeta)
         lvchange -an moxnas_data/thin_tmeta
         for block in 2 3 4 5 6 7 8; do
         dd if=/dev/zero of=/dev/block/$4 bs=512 seek=$(($5 + block * 8)) count=1 conv=notrunc,fsync
         done",
    )?;
    let found = nas.exec(&check)?;
    assert_ne!(found.status, 0);
    let said = format!("{}{}", found.stdout, found.stderr);
    assert!(said.contains("the metadata of the thin pool:"), "{said}");
    assert!(
        said.contains("lvconvert --repair moxnas_data/thin"),
        "{said}"
    );
    let refused = nas.exec(&["--yes", "pool", "mount", "data"])?;
    let said = refused.stderr;
    assert!(
        said.contains("`vgchange --activate y moxnas_data` failed"),
        "{said}"
    );
    // As it was said.
    nas.machine
        .sh("lvconvert --yes --repair moxnas_data/thin")?;
    nas.json(&["pool", "mount", "data"])?;
    assert_eq!(checksum(nas, DATASET)?, before);
    nas.moxnas(&["--yes", "pool", "delete", "data"])?;
    Ok(())
}

#[test]
fn thin_volumes_are_gone_over() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut nas = Nas::service(lab.scsi(900 * MIB).scsi(900 * MIB).start()?)?;
    check_volumes(&mut nas, "LABSCSI00", "ext4")?;
    check_volumes(&mut nas, "LABSCSI01", "xfs")
}

#[test]
fn snapshots_of_thin_volumes_are_looked_into() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut nas = Nas::service(lab.scsi(600 * MIB).scsi(600 * MIB).start()?)?;
    look_into(&mut nas, "LABSCSI00", "xfs")?;
    look_into(&mut nas, "LABSCSI01", "ext4")
}

#[test]
fn a_raid5_with_thin_ext4_is_filled_rolled_back_and_grown() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let lab = (0..5).fold(lab, |lab, _| lab.scsi(256 * MIB));
    live_and_die(&mut Nas::service(lab.start()?)?, "ext4", 40)
}

#[test]
fn a_raid5_with_thin_xfs_is_filled_rolled_back_and_grown() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let lab = (0..5).fold(lab, |lab, _| lab.scsi(512 * MIB));
    live_and_die(&mut Nas::service(lab.start()?)?, "xfs", 320)
}
