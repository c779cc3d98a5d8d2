//! Filesystems that are damaged behind the back of the kernel, found out and repaired by their own
//! programs.

use anyhow::Result;
use moxnas_tests::lab::{Lab, MIB};

use super::{nas::Nas, pools::standing};

/// mkfs.xfs takes nothing below 300 MiB.
const LARGE: u64 = 400 * MIB;

/// What a check says that finds nothing.
fn is_well(nas: &mut Nas, pool: &str) -> Result<()> {
    let job = nas.json(&["pool", "check", pool])?;
    let said = format!("no error was found in pool {pool}");
    assert_eq!(job["message"], said.as_str(), "{job:#}");
    Ok(())
}

/// A check fails, and says what would help.
fn has_errors(nas: &mut Nas, pool: &str, words: &[&str]) -> Result<()> {
    let failed = nas.exec(&[&["--yes", "pool", "check", pool], words].concat())?;
    assert_ne!(failed.status, 0);
    let said = failed.stderr;
    assert!(said.contains("there are errors in pool"), "{said}");
    let hint = match words {
        [] => "--repair",
        _ => "journalctl -k",
    };
    assert!(said.contains(hint), "{said}");
    Ok(())
}

fn mended(nas: &mut Nas, pool: &str) -> Result<()> {
    let job = nas.json(&["pool", "check", pool, "--repair"])?;
    assert_eq!(job["result"]["outcome"], "mended", "{job:#}");
    is_well(nas, pool)
}

#[test]
fn damaged_filesystems_are_found_out_and_repaired() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let lab = lab.scsi(LARGE).scsi(LARGE).scsi(LARGE);
    let mut nas = Nas::service(lab.start()?)?;
    let made = [
        ("ext4", "LABSCSI00"),
        ("xfs", "LABSCSI01"),
        ("btrfs", "LABSCSI02"),
    ];
    for (name, device) in made {
        nas.json(&["pool", "create", name, "--device", device, "--fs", name])?;
        let write = "for i in 1 2 3; do head -c 2M /dev/urandom >file$i; done; sync";
        nas.machine.sh(&format!("cd /srv/{name} && {write}"))?;
    }
    at_rest_only(&mut nas, "ext4")?;
    at_rest_only(&mut nas, "xfs")?;
    let ext4 = nas.machine.node("LABSCSI00")?;
    let xfs = nas.machine.node("LABSCSI01")?;

    // An error that the kernel came upon is counted until it was gone over.
    nas.json(&["pool", "mount", "ext4"])?;
    let name = ext4.trim_start_matches("/dev/");
    nas.machine
        .sh(&format!("echo 1 >/sys/fs/ext4/{name}/trigger_fs_error"))?;
    assert_eq!(nas.json(&["pool", "mount", "ext4"])?["standing"], "damaged");
    nas.json(&["pool", "unmount", "ext4"])?;
    nas.machine
        .sh(&format!("debugfs -w -R 'clri file1' {ext4}"))?;
    has_errors(&mut nas, "ext4", &[])?;
    mended(&mut nas, "ext4")?;

    let files = nas
        .machine
        .sh(&format!("xfs_db -r -c 'blockget -n' -c ncheck {xfs}"))?;
    let file = files.lines().find(|it| it.trim().ends_with("file2"));
    let inode = file.and_then(|it| it.split_whitespace().next());
    let inode = inode.expect("it was written");
    nas.machine.sh(&format!(
        "xfs_db -x -c 'inode {inode}' -c 'write core.nlinkv2 7' {xfs}"
    ))?;
    has_errors(&mut nas, "xfs", &[])?;
    mended(&mut nas, "xfs")?;
    for pool in ["ext4", "xfs"] {
        assert_eq!(nas.json(&["pool", "mount", pool])?["standing"], "mounted");
    }
    btrfs(&mut nas)
}

/// What cannot be gone over while it is mounted is refused, and is well when it is not.
fn at_rest_only(nas: &mut Nas, pool: &str) -> Result<()> {
    let refused = nas.exec(&["pool", "check", pool])?;
    assert_ne!(refused.status, 0);
    let said = refused.stderr;
    assert!(
        said.contains("cannot be checked while it is mounted"),
        "{said}"
    );
    nas.json(&["pool", "unmount", pool])?;
    is_well(nas, pool)
}

/// Metadata has two copies, and data one: what is damaged of the first is put right, of the second
/// not.
fn btrfs(nas: &mut Nas) -> Result<()> {
    is_well(nas, "btrfs")?;
    let node = nas.machine.node("LABSCSI02")?;
    let physical = |mirror: u32, logical: &str| {
        format!("$(btrfs-map-logical -l {logical} {node} | awk '/mirror {mirror}/{{print $6}}')")
    };
    let noise = "dd if=/dev/urandom bs=4096 count=1 conv=notrunc oflag=seek_bytes";
    let root =
        format!("$(btrfs inspect-internal dump-super {node} | awk '$1==\"root\"{{print $2}}')");
    nas.json(&["pool", "unmount", "btrfs"])?;
    is_well(nas, "btrfs")?;
    let at = physical(2, &root);
    nas.machine.sh(&format!("{noise} of={node} seek={at}"))?;
    let refused = nas.exec(&["--yes", "pool", "check", "btrfs", "--repair"])?;
    assert!(
        refused.stderr.contains("may make it worse"),
        "{}",
        refused.stderr
    );
    nas.json(&["pool", "mount", "btrfs"])?;
    has_errors(nas, "btrfs", &[])?;
    mended(nas, "btrfs")?;
    assert_eq!(standing(nas, "btrfs")?, "mounted");

    let logical =
        "$(filefrag -v /srv/btrfs/file1 | awk '/^ *0:/{gsub(/\\./,\"\",$4); print $4*4096}')";
    let at = nas.machine.sh(&format!("echo {}", physical(1, logical)))?;
    nas.json(&["pool", "unmount", "btrfs"])?;
    nas.machine
        .sh(&format!("{noise} of={node} seek={}", at.trim()))?;
    nas.json(&["pool", "mount", "btrfs"])?;
    has_errors(nas, "btrfs", &[])?;
    has_errors(nas, "btrfs", &["--repair"])?;
    assert_eq!(
        nas.json(&["pool", "mount", "btrfs"])?["standing"],
        "damaged"
    );
    Ok(())
}
