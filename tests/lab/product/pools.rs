//! Pools on real disks and arrays, mounted by a real systemd.

use anyhow::{Context as _, Result, ensure};
use moxnas_tests::lab::{Lab, MIB};
use serde_json::Value;

use super::nas::Nas;

/// mkfs.xfs takes nothing below 300 MiB.
const LARGE: u64 = 400 * MIB;

pub(super) fn standing(nas: &mut Nas, pool: &str) -> Result<String> {
    let shown = nas.json(&["pool", "show", pool])?;
    let standing = shown["standing"].as_str();
    Ok(standing.context(shown.to_string())?.to_owned())
}

/// The lab starts no more than it needs; a machine of somebody starts all that is wanted by this target.
pub(super) fn reboot(nas: &mut Nas) -> Result<()> {
    nas.kill_service()?;
    nas.machine.reboot()?;
    nas.machine.sh("systemctl start multi-user.target")?;
    nas.start_service()
}

/// Written before, and the same afterwards.
fn holds(nas: &mut Nas, pool: &str, text: &str) -> Result<()> {
    let found = nas.machine.sh(&format!("cat /srv/{pool}/file"))?;
    assert_eq!(found.trim(), text, "in {pool}");
    Ok(())
}

#[test]
fn a_pool_of_each_filesystem_lives_and_dies() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let lab = lab.nvme(LARGE).nvme(LARGE).scsi(LARGE).scsi(LARGE);
    let mut nas = Nas::service(lab.start()?)?;
    nas.json(&[
        "array",
        "create",
        "tank",
        "--level",
        "raid1",
        "--member",
        "LABNVME00",
        "--member",
        "LABNVME01",
    ])?;
    nas.at_rest()?;
    let made = [
        ("xfs", "tank"),
        ("ext4", "LABSCSI02"),
        ("btrfs", "LABSCSI03"),
    ];
    for (filesystem, device) in made {
        let name = format!("on-{filesystem}");
        let made = nas.json(&[
            "pool", "create", &name, "--device", device, "--fs", filesystem,
        ])?;
        assert_eq!(made["standing"], "mounted", "{made}");
        nas.machine
            .sh(&format!("echo {name} >/srv/{name}/file; sync"))?;
    }
    let mounted = nas
        .machine
        .sh("findmnt -rno TARGET,FSTYPE,OPTIONS | grep ^/srv/")?;
    assert_eq!(mounted.lines().count(), 3, "{mounted}");
    assert!(
        mounted.lines().all(|it| it.contains("noatime")),
        "{mounted}"
    );

    // Over a restart they come back by themselves, from their units.
    reboot(&mut nas)?;
    for (filesystem, _) in made {
        let name = format!("on-{filesystem}");
        assert_eq!(standing(&mut nas, &name)?, "mounted");
        holds(&mut nas, &name, &name)?;
    }

    // Somebody works in it: who it is is said, and it stays mounted over a restart.
    let busy = nas
        .machine
        .spawn(["sh", "-c", "cd /srv/on-ext4; exec sleep 1000"])?;
    let refused = nas.exec(&["--yes", "pool", "unmount", "on-ext4"])?;
    assert_ne!(refused.status, 0);
    assert!(
        refused.stderr.contains("sleep (process"),
        "{}",
        refused.stderr
    );
    assert_eq!(standing(&mut nas, "on-ext4")?, "mounted");
    nas.machine.kill(&busy, 9)?;
    let enabled = nas
        .machine
        .sh("systemctl is-enabled 'srv-on\\x2dext4.mount'")?;
    assert_eq!(enabled.trim(), "enabled");

    nas.json(&["pool", "unmount", "on-ext4"])?;
    assert_eq!(standing(&mut nas, "on-ext4")?, "unmounted");
    // Files that would be hidden by a mount.
    nas.machine.sh("echo x >/srv/on-ext4/lost")?;
    let refused = nas.exec(&["--yes", "pool", "mount", "on-ext4"])?;
    assert!(
        refused.stderr.contains("is not empty"),
        "{}",
        refused.stderr
    );
    nas.machine.sh("rm /srv/on-ext4/lost")?;
    nas.json(&["pool", "mount", "on-ext4"])?;
    holds(&mut nas, "on-ext4", "on-ext4")?;

    nas.moxnas(&["--yes", "pool", "export", "on-btrfs"])?;
    let taken = [
        "pool",
        "import",
        "old",
        "--device",
        "LABSCSI03",
        "--read-only",
    ];
    assert_eq!(nas.json(&taken)?["standing"], "mounted");
    holds(&mut nas, "old", "on-btrfs")?;
    let written = nas.machine.exec(["touch", "/srv/old/new"])?;
    assert!(written.stderr.contains("Read-only"), "{}", written.stderr);

    troubles_are_told(&mut nas)?;
    for pool in ["on-xfs", "on-ext4", "old"] {
        nas.moxnas(&["--yes", "pool", "delete", pool])?;
    }
    let left = nas.json(&["pool", "list"])?;
    assert_eq!(left["items"], Value::Array(Vec::new()), "{left}");
    let units = nas.machine.sh("ls -R /etc/systemd/system")?;
    assert!(!units.contains("srv-"), "{units}");
    for serial in ["LABSCSI02", "LABSCSI03"] {
        let node = nas.machine.node(serial)?;
        let signatures = nas.machine.sh(&format!("wipefs --noheadings {node}"))?;
        assert_eq!(signatures.trim(), "", "{serial}");
    }
    Ok(())
}

/// One command, from blank disks to files that are there after a restart. The second time the array
/// brings the filesystem of the first along.
#[test]
fn a_mirror_and_its_pool_are_made_in_one_step() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut nas = Nas::service(lab.scsi(LARGE).scsi(LARGE).start()?)?;
    let create = [
        "pool",
        "create",
        "tank",
        "--level",
        "raid1",
        "--member",
        "LABSCSI00",
        "--member",
        "LABSCSI01",
        "--fs",
        "ext4",
    ];
    for time in ["first", "second"] {
        let made = nas.json(&create)?;
        assert_eq!(made["standing"], "mounted", "{made}");
        assert_eq!(nas.show()?["level"], "raid1");
        let left = nas.machine.sh("ls -A /srv/tank")?;
        assert_eq!(left.trim(), "lost+found", "{time}");
        nas.machine
            .sh(&format!("echo {time} >/srv/tank/file; sync"))?;
        nas.at_rest()?;
        reboot(&mut nas)?;
        assert_eq!(standing(&mut nas, "tank")?, "mounted");
        holds(&mut nas, "tank", time)?;
        assert_eq!(nas.differences()?, Vec::<String>::new());
        let refused = nas.exec(&[&["--yes"], create.as_slice()].concat())?;
        assert!(
            refused.stderr.contains("a pool named tank exists already"),
            "{}",
            refused.stderr
        );

        // Its array is there, and what is on it is not lost by asking for both again.
        nas.moxnas(&["--yes", "pool", "export", "tank"])?;
        let refused = nas.exec(&[&["--yes"], create.as_slice()].concat())?;
        assert!(
            refused
                .stderr
                .contains("array tank is there already, and holds: ext4"),
            "{}",
            refused.stderr
        );
        nas.moxnas(&["--yes", "array", "delete", "tank"])?;
    }
    Ok(())
}

/// An error that the kernel is told to come upon, and a filesystem that it lets nobody write any
/// more.
fn troubles_are_told(nas: &mut Nas) -> Result<()> {
    // A change that has nothing to do looks all the same.
    let look = ["pool", "mount", "on-ext4"];
    assert_eq!(nas.json(&look)?["standing"], "mounted");
    let node = nas.machine.node("LABSCSI02")?;
    let name = node.trim_start_matches("/dev/");
    nas.machine
        .sh(&format!("echo 1 >/sys/fs/ext4/{name}/trigger_fs_error"))?;
    let damaged = nas.json(&look)?;
    assert_eq!(damaged["standing"], "damaged");
    assert_eq!(damaged["reasons"][0], "ext4 counted 1 errors_count");
    // From here on the kernel says it in its log only.
    nas.machine.sh(&format!(
        "mount -o remount,errors=remount-ro /srv/on-ext4; echo 1 >/sys/fs/ext4/{name}/trigger_fs_error"
    ))?;
    nas.machine.sh("xfs_io -x -c shutdown /srv/on-xfs")?;
    for pool in ["on-ext4", "on-xfs"] {
        let refused = nas.exec(&["pool", "mount", pool])?;
        assert!(
            refused.stderr.contains("nothing be written"),
            "{pool}: {}",
            refused.stderr
        );
        assert_eq!(standing(nas, pool)?, "read_only");
    }
    let health = nas.json(&["system", "health"])?.to_string();
    assert!(health.contains("pool on-ext4: "), "{health}");
    let reasons = nas.json(&["pool", "show", "on-xfs"])?["reasons"].to_string();
    assert!(reasons.contains("the kernel says: XFS ("), "{reasons}");
    // Mounted anew it is well: its log was played back.
    nas.moxnas(&["--yes", "pool", "unmount", "on-xfs"])?;
    let mounted = nas.json(&["pool", "mount", "on-xfs"])?;
    assert_eq!(mounted["standing"], "mounted", "{mounted}");
    Ok(())
}

/// The start of the machine does not wait for it, and nothing is mounted in its place.
#[test]
fn a_pool_whose_disk_is_missing_holds_nothing_up() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut nas = Nas::service(lab.scsi(LARGE).start()?)?;
    nas.json(&[
        "pool",
        "create",
        "data",
        "--device",
        "LABSCSI00",
        "--fs",
        "ext4",
    ])?;
    // Another filesystem than the unit's: as good as a missing disk, and quicker.
    let node = nas.machine.node("LABSCSI00")?;
    nas.machine.sh(&format!(
        "systemctl stop srv-data.mount; wipefs -qa {node}; mkfs.ext4 -q {node}; udevadm settle"
    ))?;
    reboot(&mut nas)?;
    assert_eq!(standing(&mut nas, "data")?, "missing");
    let refused = nas.exec(&["--yes", "pool", "mount", "data"])?;
    assert!(refused.stderr.contains("export data"), "{}", refused.stderr);
    nas.moxnas(&["--yes", "pool", "export", "data"])?;
    assert!(nas.machine.sh("ls /srv/data")?.trim().is_empty());
    Ok(())
}

/// Data of a file that is as long and the same each time.
pub(super) fn fill(nas: &mut Nas, path: &str, mib: u64, seed: &str) -> Result<()> {
    let write = format!("head -c {mib}M < <(yes {seed}) >{path}; sync");
    nas.machine.sh(&write)?;
    Ok(())
}

/// 60 MiB do not go into what may take 40.
fn quota_bites(nas: &mut Nas) -> Result<()> {
    let write = "head -c 60M /dev/urandom >/srv/data/photos/b";
    let refused = nas.machine.exec(["sh", "-c", write])?;
    assert_ne!(refused.status, 0);
    assert!(refused.stderr.contains("quota"), "{}", refused.stderr);
    Ok(())
}

pub(super) fn checksum(nas: &mut Nas, folder: &str) -> Result<String> {
    let sums = format!("cd {folder} && find . -type f | sort | xargs sha256sum | sha256sum");
    Ok(nas.machine.sh(&sums)?.trim().to_owned())
}

/// A dataset goes to a new pool `backup` on this disk, and is compared there.
pub(super) fn replicate(
    nas: &mut Nas,
    pool: &str,
    dataset: &str,
    (disk, filesystem): (&str, &str),
) -> Result<()> {
    nas.json(&[
        "pool", "create", "backup", "--device", disk, "--fs", filesystem,
    ])?;
    let words = [
        "dataset",
        "replicate",
        pool,
        dataset,
        "--to",
        "backup",
        "--compare",
    ];
    let job = nas.json(&words)?;
    ensure!(job["state"] == "succeeded", "{job}");
    Ok(())
}

/// From blank disks and back, over a restart of the machine.
#[test]
fn a_raid6_with_btrfs_is_filled_rolled_back_and_grown() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let lab = (0..6).fold(lab, |lab, _| lab.scsi(256 * MIB));
    let mut nas = Nas::service(lab.start()?)?;
    let disks = ["LABSCSI00", "LABSCSI01", "LABSCSI02", "LABSCSI03"];
    let mut words = vec!["array", "create", "tank", "--level", "raid6"];
    words.extend(disks.iter().flat_map(|it| ["--member", it]));
    nas.json(&words)?;
    nas.at_rest()?;
    nas.json(&[
        "pool", "create", "data", "--device", "tank", "--fs", "btrfs",
    ])?;
    let made = nas.json(&["dataset", "create", "data", "photos", "--quota", "40MiB"])?;
    assert_eq!(made["quota_bytes"], 40 << 20, "{made}");

    fill(&mut nas, "/srv/data/photos/a", 20, "one")?;
    let before = checksum(&mut nas, "/srv/data/photos")?;
    quota_bites(&mut nas)?;
    nas.machine.sh("rm /srv/data/photos/b; sync")?;
    assert_eq!(checksum(&mut nas, "/srv/data/photos")?, before);

    nas.json(&["snapshot", "create", "data", "photos", "monday"])?;
    let refused = nas.exec(&["snapshot", "create", "data", "photos", "monday"])?;
    assert!(refused.stderr.contains("already"), "{}", refused.stderr);
    fill(&mut nas, "/srv/data/photos/a", 5, "two")?;
    let changed = checksum(&mut nas, "/srv/data/photos")?;
    assert_ne!(changed, before);
    let into = nas
        .machine
        .exec(["touch", "/srv/data/.snapshots/photos/monday/x"])?;
    assert!(into.stderr.contains("Read-only"), "{}", into.stderr);

    nas.json(&["snapshot", "rollback", "data", "photos", "monday"])?;
    assert_eq!(checksum(&mut nas, "/srv/data/photos")?, before);
    let kept = "/srv/data/.snapshots/photos/before-monday";
    assert_eq!(checksum(&mut nas, kept)?, changed);
    nas.machine.sh("echo x >/srv/data/photos/new")?;
    nas.machine.sh("rm /srv/data/photos/new; sync")?;
    let photos = nas.json(&["dataset", "show", "data", "photos"])?;
    assert_eq!(photos["quota_bytes"], 40 << 20, "{photos}");
    assert_eq!(photos["snapshots"], 2, "{photos}");

    // The array by a disk, and the pool with it.
    let small = nas.json(&["pool", "show", "data"])?["space"]["size_bytes"].clone();
    nas.json(&["array", "add", "tank", "LABSCSI04", "--spare"])?;
    nas.json(&["array", "grow", "tank", "--members", "5"])?;
    nas.at_rest()?;
    let grown = nas.json(&["pool", "grow", "data"])?;
    let large = grown["space"]["size_bytes"].as_u64();
    assert!(large > small.as_u64(), "{small} {grown}");

    reboot(&mut nas)?;
    assert_eq!(standing(&mut nas, "data")?, "mounted");
    assert_eq!(checksum(&mut nas, "/srv/data/photos")?, before);
    assert_eq!(checksum(&mut nas, kept)?, changed);
    quota_bites(&mut nas)?;
    nas.machine.sh("rm /srv/data/photos/b")?;

    replicate(&mut nas, "data", "photos", ("LABSCSI05", "btrfs"))?;
    let there = "/srv/backup/.snapshots/photos";
    assert_eq!(checksum(&mut nas, &format!("{there}/monday"))?, before);
    let found = checksum(&mut nas, &format!("{there}/before-monday"))?;
    assert_eq!(found, changed);
    nas.json(&[
        "snapshot",
        "release",
        "data",
        "photos",
        "before-monday",
        "--hold",
        "replica:backup/photos",
    ])?;
    nas.moxnas(&["--yes", "pool", "delete", "backup"])?;

    nas.json(&["dataset", "rename", "data", "photos", "people"])?;
    let listed = nas.json(&["snapshot", "list", "--dataset", "people"])?;
    let names: Vec<&str> = listed["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|it| it["name"].as_str())
        .collect();
    assert_eq!(names, ["before-monday", "monday"], "{listed}");
    nas.json(&[
        "snapshot",
        "clone",
        "data",
        "people",
        "before-monday",
        "copy",
    ])?;
    assert_eq!(checksum(&mut nas, "/srv/data/copy")?, changed);
    let refused = nas.exec(&["--yes", "dataset", "delete", "data", "people"])?;
    assert!(
        refused.stderr.contains("has 2 snapshots"),
        "{}",
        refused.stderr
    );
    // What was kept by the rollback is the later one.
    let left = nas.json(&["snapshot", "prune", "data", "people", "--keep-last", "1"])?;
    assert_eq!(left["items"][0]["name"], "before-monday", "{left}");
    assert_eq!(left["items"].as_array().map(Vec::len), Some(1), "{left}");
    nas.moxnas(&[
        "--yes",
        "snapshot",
        "delete",
        "data",
        "people",
        "before-monday",
    ])?;
    for dataset in ["people", "copy"] {
        nas.moxnas(&["--yes", "dataset", "delete", "data", dataset])?;
    }
    nas.moxnas(&["--yes", "pool", "delete", "data"])?;
    nas.moxnas(&["--yes", "array", "delete", "tank"])?;
    Ok(())
}

/// A file as somebody who is not root, to whom quotas apply on every filesystem.
fn write_as_nobody(nas: &mut Nas, path: &str, mib: u64) -> Result<Result<(), String>> {
    let write = format!("head -c {mib}M /dev/urandom >{path} && sync");
    let words = ["runuser", "-u", "nobody", "--", "sh", "-c", &write];
    let done = nas.machine.exec(words)?;
    Ok(match done.status {
        0 => Ok(()),
        _ => Err(done.stderr),
    })
}

/// A dataset of 40 MiB takes no more, and what it takes is what is said.
fn project_quota_bites(nas: &mut Nas, pool: &str) -> Result<()> {
    let b = format!("/srv/{pool}/photos/b");
    let refused = write_as_nobody(nas, &b, 60)?.err().unwrap_or_default();
    let words = ["No space left", "quota exceeded"];
    assert!(words.iter().any(|it| refused.contains(it)), "{refused}");
    nas.machine.sh(&format!("rm {b}; sync"))?;
    // A change that has nothing to do asks all the same.
    let photos = nas.json(&["dataset", "quota", pool, "photos", "40MiB"])?;
    assert_eq!(photos["quota_bytes"], 40 << 20, "{photos}");
    let used = photos["referenced_bytes"].as_u64().unwrap_or_default();
    assert!((20 << 20..21 << 20).contains(&used), "{photos}");
    Ok(())
}

/// On a mirror with xfs and on a disk with ext4, from blank disks and back, over a restart.
#[test]
fn datasets_of_xfs_and_ext4_are_limited() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let sizes = [LARGE, LARGE, LARGE + 200 * MIB, LARGE + 200 * MIB, LARGE];
    let lab = sizes.into_iter().fold(lab, Lab::scsi);
    let mut nas = Nas::service(lab.start()?)?;
    let words = ["array", "create", "tank", "--level", "raid1"];
    let members = ["--member", "LABSCSI00", "--member", "LABSCSI01"];
    nas.json(&[&words[..], &members[..]].concat())?;
    nas.at_rest()?;
    for (pool, device, filesystem) in [("data", "tank", "xfs"), ("old", "LABSCSI04", "ext4")] {
        nas.json(&[
            "pool", "create", pool, "--device", device, "--fs", filesystem,
        ])?;
        let made = nas.json(&["dataset", "create", pool, "photos", "--quota", "40MiB"])?;
        assert_eq!(made["quota_bytes"], 40 << 20, "{made}");
        let folder = format!("/srv/{pool}/photos");
        nas.machine.sh(&format!("chown nobody {folder}"))?;
        let written = write_as_nobody(&mut nas, &format!("{folder}/a"), 20)?;
        assert_eq!(written, Ok(()));
        project_quota_bites(&mut nas, pool)?;
        // Whoever sees the folder through a share sees how much it may take.
        let room = nas
            .machine
            .sh(&format!("df --output=size -BM {folder} | tail -1"))?;
        assert_eq!(room.trim(), "40M");

        let refused = nas.exec(&["snapshot", "create", pool, "photos", "monday"])?;
        assert!(
            refused.stderr.contains("has no snapshots"),
            "{}",
            refused.stderr
        );
        nas.json(&["dataset", "quota", pool, "photos", "100MiB"])?;
        let b = format!("{folder}/b");
        assert_eq!(write_as_nobody(&mut nas, &b, 60)?, Ok(()));
        nas.json(&["dataset", "quota", pool, "photos", "40MiB"])?;
        assert!(write_as_nobody(&mut nas, &format!("{folder}/c"), 1)?.is_err());
        nas.machine.sh(&format!("rm {folder}/[bc]; sync"))?;
    }
    let before = checksum(&mut nas, "/srv/data/photos")?;

    // The mirror by larger disks, and the pool with it.
    let small = nas.json(&["pool", "show", "data"])?["space"]["size_bytes"].clone();
    for (old, new) in [("LABSCSI00", "LABSCSI02"), ("LABSCSI01", "LABSCSI03")] {
        nas.json(&["array", "replace", "tank", old, "--with", new])?;
        nas.at_rest()?;
        nas.json(&["array", "remove", "tank", old])?;
    }
    nas.json(&["array", "grow", "tank", "--use-all"])?;
    nas.at_rest()?;
    let grown = nas.json(&["pool", "grow", "data"])?;
    let large = grown["space"]["size_bytes"].as_u64();
    assert!(large > small.as_u64(), "{small} {grown}");

    reboot(&mut nas)?;
    for pool in ["data", "old"] {
        assert_eq!(standing(&mut nas, pool)?, "mounted");
        project_quota_bites(&mut nas, pool)?;
        nas.json(&["dataset", "rename", pool, "photos", "people"])?;
    }
    assert_eq!(checksum(&mut nas, "/srv/data/people")?, before);
    replicate(&mut nas, "data", "people", ("LABSCSI00", "xfs"))?;
    assert_eq!(checksum(&mut nas, "/srv/backup/people")?, before);
    nas.moxnas(&["--yes", "pool", "delete", "backup"])?;

    // A second look at the same folder would lose its files with it.
    nas.machine
        .sh("mkdir /srv/data/people/in; mount --bind /srv/data/people /srv/data/people/in")?;
    let refused = nas.exec(&["--yes", "dataset", "delete", "data", "people"])?;
    assert!(
        refused.stderr.contains("is mounted in"),
        "{}",
        refused.stderr
    );
    nas.machine.sh("umount /srv/data/people/in")?;
    assert!(nas.machine.sh("ls /srv/data/people")?.contains('a'));
    for pool in ["data", "old"] {
        nas.moxnas(&["--yes", "dataset", "delete", pool, "people"])?;
        let left = nas
            .machine
            .sh(&format!("ls -A /srv/{pool} | grep -v lost+found || true"))?;
        assert_eq!(left.trim(), "");
        nas.moxnas(&["--yes", "pool", "delete", pool])?;
    }
    nas.moxnas(&["--yes", "array", "delete", "tank"])?;
    Ok(())
}
