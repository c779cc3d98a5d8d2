//! Pools that are a folder of the host: here of somebody who mounts it by hand.

use anyhow::Result;
use moxnas_tests::lab::{Lab, MIB};
use serde_json::Value;

use super::{
    nas::Nas,
    pools::{checksum, fill, reboot, standing},
};

const MOUNT: &str = "mkdir -p /mnt/data; mount -o noatime /dev/disk/by-label/host /mnt/data";

#[test]
fn a_folder_of_the_host_lives_is_missed_and_comes_back() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut nas = Nas::service(lab.scsi(128 * MIB).start()?)?;
    nas.machine.sh(&format!(
        "mkfs.ext4 -q -L host /dev/disk/by-id/scsi-*0; udevadm settle; {MOUNT}; \
         mkdir /mnt/data/films; ln -s /mnt/data /mnt/link"
    ))?;
    let create = |path| {
        [
            "pool",
            "create",
            "data",
            "--kind",
            "directory",
            "--path",
            path,
        ]
    };
    let refused = nas.exec(&[&["--yes"], create("/mnt/link").as_slice()].concat())?;
    assert!(
        refused.stderr.contains("/mnt/data in truth"),
        "{}",
        refused.stderr
    );
    let made = nas.json(&create("/mnt/data"))?;
    assert_eq!(made["standing"], "mounted", "{made}");
    assert_eq!(made["path_filesystem"], "ext4", "{made}");
    let size = made["space"]["size_bytes"].as_u64();
    assert!(
        size.is_some_and(|it| it > 100 << 20 && it < 128 << 20),
        "{made}"
    );

    nas.json(&["dataset", "create", "data", "photos"])?;
    fill(&mut nas, "/srv/data/photos/a", 5, "one")?;
    let before = checksum(&mut nas, "/mnt/data/photos")?;
    let listed = nas.json(&["dataset", "list", "--pool", "data"])?;
    assert_eq!(
        listed["items"].as_array().map(Vec::len),
        Some(2),
        "{listed}"
    );

    // Not mounted by the host: the mount point is an empty folder, and is not taken for the pool.
    nas.machine.sh("umount /mnt/data")?;
    let refused = nas.exec(&["pool", "mount", "data"])?;
    assert!(refused.stderr.contains("pct config"), "{}", refused.stderr);
    assert_eq!(standing(&mut nas, "data")?, "missing");
    let refused = nas.exec(&["--yes", "dataset", "create", "data", "lost"])?;
    assert_ne!(refused.status, 0);
    assert_eq!(nas.machine.sh("ls -A /mnt/data")?.trim(), "");
    reboot(&mut nas)?;
    assert_eq!(standing(&mut nas, "data")?, "missing");

    nas.machine.sh(MOUNT)?;
    nas.json(&["pool", "mount", "data"])?;
    assert_eq!(standing(&mut nas, "data")?, "mounted");
    assert_eq!(checksum(&mut nas, "/srv/data/photos")?, before);

    // Another one in its place.
    nas.machine
        .sh("umount /mnt/data; mount -t tmpfs other /mnt/data")?;
    let refused = nas.exec(&["--yes", "pool", "mount", "data"])?;
    assert!(
        refused.stderr.contains("has no .moxnas-pool"),
        "{}",
        refused.stderr
    );
    assert_eq!(standing(&mut nas, "data")?, "missing");
    let listed = nas.json(&["dataset", "list", "--pool", "data"])?;
    assert_eq!(listed["items"], Value::Array(Vec::new()));
    nas.machine.sh(&format!("umount /mnt/data; {MOUNT}"))?;
    nas.json(&["pool", "mount", "data"])?;
    nas.moxnas(&["--yes", "dataset", "delete", "data", "photos"])?;
    nas.moxnas(&["--yes", "pool", "export", "data"])?;
    let left = nas
        .machine
        .sh("ls /srv /etc/moxnas/pools; ls -A /mnt/data")?;
    assert!(!left.contains("data") && left.contains("films"), "{left}");
    assert!(left.contains(".moxnas-pool"), "{left}");
    Ok(())
}

/// Root of a user namespace may not mount anything, as in an unprivileged container.
#[test]
fn whoever_may_not_mount_can_have_one() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut nas = Nas::local(lab.scsi(128 * MIB).start()?)?;
    nas.machine.sh(&format!(
        "mkfs.ext4 -q -L host /dev/disk/by-id/scsi-*0; udevadm settle; {MOUNT}"
    ))?;
    let moxnas = "unshare --user --map-root-user -- moxnas --local --yes";
    let cannot = "unshare --user --map-root-user -- mount --bind /mnt/data /srv";
    assert_ne!(nas.machine.exec(["sh", "-c", cannot])?.status, 0);
    nas.machine.sh(&format!(
        "{moxnas} pool create data --kind directory --path /mnt/data && \
         {moxnas} dataset create data photos && echo x >/srv/data/photos/file && \
         {moxnas} dataset rename data photos films && cat /mnt/data/films/file"
    ))?;
    assert_eq!(standing(&mut nas, "data")?, "mounted");
    nas.machine.sh(&format!(
        "{moxnas} dataset delete data films && {moxnas} pool export data && ! ls /mnt/data/films"
    ))?;
    Ok(())
}
