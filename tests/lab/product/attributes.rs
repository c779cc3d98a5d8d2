//! Whose datasets are, who may what in them, how they compress, and when somebody is told, on real
//! filesystems: what is said holds for real users.

use anyhow::Result;
use moxnas_tests::lab::{Lab, MIB};
use serde_json::Value;

use super::{
    nas::Nas,
    pools::{checksum, reboot},
};

const DATASET: &str = "/srv/data/photos";

/// Whether this works for a user of no group but these.
fn may(nas: &mut Nas, user: &str, groups: &str, what: &str) -> Result<bool> {
    let how = match groups {
        "" => "--clear-groups".to_owned(),
        groups => format!("--groups {groups}"),
    };
    let command =
        format!("setpriv --reuid {user} --regid nogroup {how} sh -c 'umask 077; {what}' 2>&1");
    Ok(nas.machine.exec(["sh", "-c", &command])?.status == 0)
}

/// As stat(1) says it.
fn status(nas: &mut Nas, path: &str) -> Result<String> {
    let said = nas.machine.sh(&format!("stat -c '%U %G %a' {path}"))?;
    Ok(said.trim().to_owned())
}

fn folder_of_a_group(nas: &mut Nas) -> Result<()> {
    let create = [
        "dataset",
        "create",
        "data",
        "photos",
        "--owner",
        "anna",
        "--group",
        "family",
        "--preset",
        "group",
        "--acl",
        "user:ben:r-x",
        "--acl",
        "default:user:ben:rwx",
        "--acl",
        "default:group::rwx",
    ];
    let made = nas.json(&create)?;
    assert_eq!(made["owner"], "anna", "{made}");
    assert_eq!(made["mode"], "2770", "{made}");
    assert_eq!(status(nas, DATASET)?, "anna family 2770");
    for (user, groups, what, works) in [
        ("anna", "", "echo one >file", true),
        ("ben", "", "ls", true),
        ("ben", "", "echo two >>file", true),
        ("ben", "", "echo >new", false),
        ("carla", "", "ls", false),
        ("carla", "family", "echo three >>file && echo >other", true),
    ] {
        let what = format!("cd {DATASET} && {what}");
        assert_eq!(may(nas, user, groups, &what)?, works, "{user}: {what}");
    }
    // Whoever made it, it belongs to the group.
    assert_eq!(
        nas.machine
            .sh(&format!("stat -c %G {DATASET}/other"))?
            .trim(),
        "family"
    );

    let set = ["dataset", "set", "data", "photos"];
    let closed = nas.json(&[&set[..], &["--mode", "700", "--acl", "none"]].concat())?;
    assert_eq!(closed["acl"], Value::Array(Vec::new()), "{closed}");
    assert_eq!(status(nas, DATASET)?, "anna family 700");
    let list = format!("ls {DATASET}");
    assert!(!may(nas, "ben", "family", &list)?);
    assert!(may(nas, "anna", "", &list)?);
    // Files stay as they are.
    assert_eq!(status(nas, &format!("{DATASET}/file"))?, "anna family 660");
    let given = nas.json(&[&set[..], &["--owner", "4711", "--group", "ben"]].concat())?;
    assert_eq!(given["owner_id"], 4711, "{given}");
    assert_eq!(given["owner"], Value::Null, "{given}");

    let refused = nas.exec(&[&set[..], &["--owner", "dora"]].concat())?;
    assert!(
        refused.stderr.contains("no user dora"),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("getent passwd"),
        "{}",
        refused.stderr
    );
    Ok(())
}

/// Nothing is refused, and somebody is told, also after the pool was elsewhere.
fn soft_quota(nas: &mut Nas, disk: &str, options: &[&str]) -> Result<()> {
    let set = ["dataset", "set", "data", "photos", "--soft-quota", "5MB"];
    nas.json(&set)?;
    let write = format!("head -c 8M /dev/urandom >{DATASET}/large; sync; sync -f {DATASET}");
    nas.machine.sh(&write)?;
    nas.moxnas(&["--yes", "pool", "export", "data"])?;
    let import = ["pool", "import", "data", "--device", disk];
    nas.json(&[&import[..], options].concat())?;
    let told = nas.json(&set)?;
    assert_eq!(told["soft_quota_bytes"], 5_000_000, "{told}");
    assert!(
        told["reasons"][0].to_string().contains("soft quota"),
        "{told}"
    );
    let pool = nas.json(&["pool", "show", "data"])?;
    assert_eq!(pool["standing"], "mounted", "{pool}");
    assert!(pool["reasons"].to_string().contains("photos"), "{pool}");
    let none = nas.json(&["dataset", "set", "data", "photos", "--soft-quota", "none"])?;
    assert_eq!(none["reasons"], Value::Array(Vec::new()), "{none}");
    Ok(())
}

/// Whether what is written now is compressed, by what filefrag(8) says of its extents.
fn is_compressed(nas: &mut Nas, file: &str) -> Result<bool> {
    let write =
        format!("head -c 4M < <(yes) >{DATASET}/{file}; sync; filefrag -v {DATASET}/{file}");
    Ok(nas.machine.sh(&write)?.contains("encoded"))
}

fn compression(nas: &mut Nas) -> Result<()> {
    for (word, compresses) in [
        ("zstd", true),
        ("none", false),
        ("lzo", true),
        ("default", false),
    ] {
        let set = ["dataset", "set", "data", "photos", "--compression", word];
        let set = nas.json(&set)?;
        assert_eq!(set["compression"], word, "{set}");
        let property = format!("btrfs property get {DATASET} compression");
        let said = nas.machine.sh(&property)?;
        let is_said = match word {
            "default" => said.trim().is_empty(),
            word => said.trim() == format!("compression={word}"),
        };
        assert!(is_said, "{word}: {said}");
        assert_eq!(is_compressed(nas, word)?, compresses, "{word}");
    }
    Ok(())
}

/// A rollback brings back what was said of the folder then.
fn rolled_back(nas: &mut Nas) -> Result<()> {
    let set = ["dataset", "set", "data", "photos"];
    nas.json(&[&set[..], &["--owner", "anna", "--mode", "2750"]].concat())?;
    nas.json(&["snapshot", "create", "data", "photos", "monday"])?;
    nas.json(&[&set[..], &["--owner", "ben", "--mode", "700"]].concat())?;
    let back = nas.json(&["snapshot", "rollback", "data", "photos", "monday"])?;
    assert_eq!(
        (&back["owner"], &back["mode"]),
        (&"anna".into(), &"2750".into())
    );
    assert_eq!(status(nas, DATASET)?, "anna ben 2750");
    Ok(())
}

/// A volume, its snapshots, what they are held for, and its unit, over a restart.
fn renamed(nas: &mut Nas) -> Result<()> {
    let sum = |nas: &mut Nas, folder: &str| checksum(nas, folder);
    let before = sum(nas, DATASET)?;
    nas.json(&["snapshot", "hold", "data", "photos", "monday"])?;
    nas.json(&["dataset", "rename", "data", "photos", "films"])?;
    assert_eq!(sum(nas, "/srv/data/films")?, before);
    let all = nas.json(&["snapshot", "list"])?.to_string();
    assert!(!all.contains("photos") && all.contains("keep"), "{all}");
    reboot(nas)?;
    assert_eq!(sum(nas, "/srv/data/films")?, before);
    let left = nas
        .machine
        .sh("ls /srv/data; ls -R /etc/systemd/system; lvs")?;
    assert!(!left.contains("photos"), "{left}");
    nas.json(&["snapshot", "rollback", "data", "films", "monday"])?;
    assert_eq!(status(nas, "/srv/data/films")?, "anna ben 2750");
    nas.json(&["dataset", "rename", "data", "films", "photos"])?;
    nas.json(&["snapshot", "release", "data", "photos", "monday"])?;
    Ok(())
}

#[test]
fn folders_say_whose_they_are() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let lab = lab.scsi(512 * MIB);
    let mut nas = Nas::service(lab.start()?)?;
    nas.machine
        .sh("groupadd family; for it in anna ben carla; do useradd $it; done")?;
    let disk = "LABSCSI00";
    for (kind, words) in [
        ("btrfs", &["--fs", "btrfs"][..]),
        ("ext4", &["--fs", "ext4"]),
        ("xfs", &["--fs", "xfs", "--kind", "thin"]),
    ] {
        let create = ["pool", "create", "data", "--device", disk];
        nas.json(&[&create[..], words].concat())?;
        folder_of_a_group(&mut nas)?;
        let options: &[&str] = match kind {
            "ext4" => &["--option", "prjquota"],
            _ => &[],
        };
        soft_quota(&mut nas, disk, options)?;
        let compress = ["dataset", "set", "data", "photos", "--compression", "zstd"];
        match kind {
            "btrfs" => compression(&mut nas)?,
            _ => {
                let refused = nas.exec(&compress)?;
                assert!(refused.stderr.contains("does not compress"), "{refused:?}");
            }
        }
        if kind != "ext4" {
            rolled_back(&mut nas)?;
        }
        match kind {
            "btrfs" => without_lists(&mut nas, disk)?,
            "xfs" => renamed(&mut nas)?,
            _ => (),
        }
        nas.moxnas(&["--yes", "pool", "delete", "data"])?;
    }
    Ok(())
}

/// A filesystem can be mounted so that it keeps nothing but modes: btrfs, as the ext4 of Linux 6.1 knows
/// no such option any more.
fn without_lists(nas: &mut Nas, disk: &str) -> Result<()> {
    nas.moxnas(&["--yes", "pool", "export", "data"])?;
    let import = ["pool", "import", "data", "--device", disk];
    nas.json(&[&import[..], &["--option", "noacl"]].concat())?;
    let set = ["dataset", "set", "data", "photos"];
    let refused = nas.exec(&[&set[..], &["--preset", "group"]].concat())?;
    assert!(refused.stderr.contains("noacl"), "{}", refused.stderr);
    let set = nas.json(&[&set[..], &["--mode", "711"]].concat())?;
    assert_eq!(set["mode"], "0711", "{set}");
    Ok(())
}
