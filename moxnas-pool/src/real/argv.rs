//! Every command that MoxNAS can run on behalf of this crate.
//!
//! Devices are named by their links under `/dev/disk/by-id`, so that a command means the same device
//! when it is shown and when it is run.

mod devices;
mod ssh;
mod thin;

use std::time::Duration;

use moxnas_core::{
    cmd::{Accept, Cmd, Tool, UDEVADM, WIPEFS},
    disk::DeviceId,
    units::Bytes,
};

use crate::{
    backend::BackendError,
    dataset,
    model::{Filesystem, PoolName},
    plan::Step,
    replica::{self, Route},
    unit::{mount_point, unit_of},
};

pub use devices::{progress, usage};
pub use ssh::{SSH, key_file, known_hosts, make_key, public_key, receive, scan, ssh};
pub use thin::{LVCREATE, THIN_CHECK, free_extents, volumes};

const SYSTEMCTL: Tool = Tool::new("systemctl").of("systemd");
const BTRFS: Tool = Tool::new("btrfs").of("btrfs-progs");
const RESIZE2FS: Tool = Tool::new("resize2fs").of("e2fsprogs");
const XFS_GROWFS: Tool = Tool::new("xfs_growfs").of("xfsprogs");
const JOURNALCTL: Tool = Tool::new("journalctl").of("systemd");
const MOUNT: Tool = Tool::new("mount");
const UMOUNT: Tool = Tool::new("umount").of("mount");
const CHATTR: Tool = Tool::new("chattr").of("e2fsprogs");
const LSATTR: Tool = Tool::new("lsattr").of("e2fsprogs");
const XFS_QUOTA: Tool = Tool::new("xfs_quota").of("xfsprogs");
const E2FSCK: Tool = Tool::new("e2fsck").of("e2fsprogs");
const XFS_REPAIR: Tool = Tool::new("xfs_repair").of("xfsprogs");
/// Copies and compares what btrfs cannot send.
pub const RSYNC: Tool = Tool::new("rsync");
const RM: Tool = Tool::new("rm").of("coreutils");
const MKFS_EXT4: Tool = Tool::new("mkfs.ext4").of("e2fsprogs");
const MKFS_XFS: Tool = Tool::new("mkfs.xfs").of("xfsprogs");
const MKFS_BTRFS: Tool = Tool::new("mkfs.btrfs").of("btrfs-progs");

/// A filesystem on a large device that discards slowly; a mount after an unclean stop.
const LIMIT: Duration = Duration::from_secs(600);
/// Many millions of files.
const DELETING_LIMIT: Duration = Duration::from_secs(12 * 3600);
/// All of a large pool to a slow one.
const TRANSFER_LIMIT: Duration = Duration::from_secs(14 * 24 * 3600);
/// All of a large pool, beside other work.
const CHECK_LIMIT: Duration = Duration::from_secs(14 * 24 * 3600);

/// The command of a step; `None`: it needs none.
pub fn argv(step: &Step) -> Result<Option<Cmd>, BackendError> {
    Ok(Some(match step {
        Step::WipeSignatures { device } => wipefs().arg("--all").arg(path(device)?),
        Step::MakeFilesystem {
            device,
            filesystem,
            label,
        } => make(*filesystem, label.as_ref()).arg(path(device)?),
        Step::WriteUnit { .. } | Step::RemoveUnit { .. } => systemctl().arg("daemon-reload"),
        Step::Mount { pool } => systemctl().args(["enable", "--now"]).arg(unit(pool)),
        Step::Unmount { pool } => systemctl().arg("stop").arg(unit(pool)),
        Step::Disable { pool } => systemctl().arg("disable").arg(unit(pool)),
        Step::Grow {
            pool,
            device,
            filesystem,
        } => match filesystem {
            Filesystem::Ext4 => long(RESIZE2FS).arg(path(device)?),
            Filesystem::Xfs => long(XFS_GROWFS).arg(mount_point(pool)),
            Filesystem::Btrfs => btrfs(["filesystem", "resize", "max"]).arg(mount_point(pool)),
        },
        Step::Check {
            device,
            filesystem,
            repair,
            ..
        } => check(*filesystem, *repair).arg(path(device)?),
        Step::Scrub { pool, repair } => {
            let cmd = Cmd::new(BTRFS).limit(CHECK_LIMIT);
            let cmd = cmd.accept(Accept::Any).args(["scrub", "start", "-B", "-R"]);
            let cmd = if *repair { cmd } else { cmd.arg("-r") };
            cmd.arg(mount_point(pool))
        }
        Step::ForgetErrors { pool } => btrfs(["device", "stats", "-z"]).arg(mount_point(pool)),
        Step::Thin { pool, step } => thin::group(pool, step)?,
        Step::Devices { pool, step } => devices::argv(pool, step)?,
        Step::Directory { .. } => return Ok(None),
        Step::Inside { pool, step } => return Ok(inside(pool, step)),
        // By ssh(1), to a machine of which only whoever carries it out knows where it is.
        Step::There { .. } => return Ok(None),
        Step::Replicate { route, step } => transfer(route, step).0,
    }))
}

/// What does a step from pool to pool, and what reads what that writes, if anything does.
#[must_use]
pub fn transfer(route: &Route, step: &replica::Step) -> (Cmd, Option<Cmd>) {
    match step {
        replica::Step::Send { base, .. } => {
            let mut send = Cmd::new(BTRFS).limit(TRANSFER_LIMIT).arg("send");
            if let Some(base) = base {
                let base = dataset::snapshot_path(&route.from, &route.dataset, base);
                send = send.arg("-p").arg(base);
            }
            let receive = Cmd::new(BTRFS).limit(TRANSFER_LIMIT).arg("receive");
            let into = dataset::snapshot_folder(&route.to, &route.as_dataset);
            (send.arg(step.source(route)), Some(receive.arg(into)))
        }
        // A file that vanishes while it is copied is no failure.
        replica::Step::Copy { .. } => (
            rsync(route, step, &["--delete-delay"]).accept(Accept::AnyOf(&[0, 24])),
            None,
        ),
        replica::Step::Compare { .. } => {
            let options = ["--delete", "--checksum", "--dry-run", "--itemize-changes"];
            let cmd = rsync(route, step, &options);
            (cmd.accept(Accept::AnyOf(&[0, 24])), None)
        }
    }
}

/// All of a folder, with whatever hangs on its files, but for what only btrfs knows, and for what belongs
/// to the filesystem that a dataset of its own is.
fn rsync(route: &Route, step: &replica::Step, options: &[&str]) -> Cmd {
    Cmd::new(RSYNC)
        .limit(TRANSFER_LIMIT)
        .args(["--archive", "--hard-links", "--acls", "--xattrs"])
        .args(["--filter=-x btrfs.*", "--sparse", "--numeric-ids"])
        .args(["--one-file-system", "--exclude=/lost+found"])
        .args(options)
        .arg("--")
        .arg(format!("{}/", step.source(route)))
        .arg(format!("{}/", step.target(route)))
}

/// What goes over a filesystem that is not mounted. What its exit status means is for
/// [`Checked`](crate::check::Checked) to say.
fn check(filesystem: Filesystem, repair: bool) -> Cmd {
    let cmd = |tool| Cmd::new(tool).limit(CHECK_LIMIT).accept(Accept::Any);
    match (filesystem, repair) {
        (Filesystem::Ext4, false) => cmd(E2FSCK).args(["-f", "-n"]),
        (Filesystem::Ext4, true) => cmd(E2FSCK).args(["-f", "-y"]),
        (Filesystem::Xfs, false) => cmd(XFS_REPAIR).arg("-n"),
        (Filesystem::Xfs, true) => cmd(XFS_REPAIR).arg("-e"),
        (Filesystem::Btrfs, _) => cmd(BTRFS).args(["check", "--readonly"]),
    }
}

/// The command of a step that stays within a pool. Moving from name to name needs none.
fn inside(pool: &PoolName, step: &dataset::Step) -> Option<Cmd> {
    use dataset::{Step, dataset_path, new_path, replaced_path, snapshot_path};
    let limit = |quota: &Option<Bytes>| {
        let quota = quota.map_or_else(|| "none".to_owned(), |it| it.0.to_string());
        btrfs(["qgroup", "limit"]).arg(quota)
    };
    Some(match step {
        Step::Count => btrfs(["quota", "enable"]).arg(mount_point(pool)),
        Step::Create { dataset } => btrfs(CREATE).arg(dataset_path(pool, dataset)),
        Step::Clone {
            dataset,
            snapshot,
            to,
        } => btrfs(SNAPSHOT)
            .arg(snapshot_path(pool, dataset, snapshot))
            .arg(dataset_path(pool, to)),
        Step::SetQuota { dataset, quota } => limit(quota).arg(dataset_path(pool, dataset)),
        Step::LimitBeside { dataset, quota } => limit(quota).arg(replaced_path(pool, dataset)),
        Step::Delete { dataset } => btrfs(DELETE).arg(dataset_path(pool, dataset)),
        Step::DeleteBeside { dataset } => btrfs(DELETE).arg(replaced_path(pool, dataset)),
        Step::TakeSnapshot { dataset, snapshot } => btrfs(SNAPSHOT)
            .arg("-r")
            .arg(dataset_path(pool, dataset))
            .arg(snapshot_path(pool, dataset, snapshot)),
        Step::DeleteSnapshot { dataset, snapshot } => {
            btrfs(DELETE).arg(snapshot_path(pool, dataset, snapshot))
        }
        Step::CloneBeside { dataset, snapshot } => btrfs(SNAPSHOT)
            .arg(snapshot_path(pool, dataset, snapshot))
            .arg(replaced_path(pool, dataset)),
        Step::FreezeReplaced { dataset } => btrfs(["property", "set", "-ts"])
            .arg(replaced_path(pool, dataset))
            .args(["ro", "true"]),
        Step::KeepReplaced { dataset, snapshot } => btrfs(SNAPSHOT)
            .arg("-r")
            .arg(replaced_path(pool, dataset))
            .arg(snapshot_path(pool, dataset, snapshot)),
        Step::MakeFolder { dataset, project } => long(CHATTR)
            .args(["-p", &project.to_string(), "+P"])
            .arg(new_path(pool, dataset)),
        Step::LimitProject { project, quota, .. } => {
            let quota = quota.map_or(0, |it| it.0);
            quotas(pool, &format!("limit -p bsoft=0 bhard={quota} {project}"))
        }
        Step::DeleteFolder { dataset } => Cmd::new(RM)
            .limit(DELETING_LIMIT)
            .args(["--recursive", "--one-file-system", "--"])
            .arg(dataset_path(pool, dataset)),
        Step::Volume { step } => thin::volume(pool, step),
        Step::RenameSnapshots { .. }
        | Step::Rename { .. }
        | Step::SetOwner { .. }
        | Step::SetAccess { .. }
        | Step::SetCompression { .. }
        | Step::SetSoftQuota { .. }
        | Step::Exchange { .. }
        | Step::Hold { .. }
        | Step::Release { .. }
        | Step::MakeDirectory { .. }
        | Step::NameFolder { .. } => return None,
    })
}

const CREATE: [&str; 2] = ["subvolume", "create"];
const SNAPSHOT: [&str; 2] = ["subvolume", "snapshot"];
/// Which is on the disk when the command has ended.
const DELETE: [&str; 3] = ["subvolume", "delete", "--commit-after"];

fn btrfs<const N: usize>(words: [&str; N]) -> Cmd {
    long(BTRFS).args(words)
}

/// What is asked about the subvolumes of a pool: all that there are, those that are read-only, and
/// those that are snapshots.
#[must_use]
pub fn subvolumes(pool: &PoolName) -> [Cmd; 3] {
    ["-pcuqR", "-r", "-s"].map(|it| btrfs(["subvolume", "list", it]).arg(mount_point(pool)))
}

/// What xfs_quota(8) does with the quotas of a pool, be it of xfs or, by `-f`, of ext4. Its exit status
/// says nothing.
fn quotas(pool: &PoolName, what: &str) -> Cmd {
    let cmd = long(XFS_QUOTA).args(["-f", "-x", "-c", what]);
    cmd.arg(mount_point(pool))
}

/// What asks for the projects of a pool: what their files take and how much they may, in KiB.
#[must_use]
pub fn projects(pool: &PoolName) -> Cmd {
    quotas(pool, "report -p -n -N -b")
}

/// What asks which project each of these folders is.
#[must_use]
pub fn projects_of(folders: &[String]) -> Cmd {
    long(LSATTR).args(["-d", "-p", "--"]).args(folders)
}

fn long(tool: Tool) -> Cmd {
    Cmd::new(tool).limit(LIMIT)
}

fn wipefs() -> Cmd {
    long(WIPEFS)
}

fn systemctl() -> Cmd {
    long(SYSTEMCTL)
}

fn unit(pool: &PoolName) -> String {
    unit_of(&mount_point(pool))
}

/// What makes a filesystem.
#[must_use]
pub fn mkfs(filesystem: Filesystem) -> Tool {
    match filesystem {
        Filesystem::Ext4 => MKFS_EXT4,
        Filesystem::Xfs => MKFS_XFS,
        Filesystem::Btrfs => MKFS_BTRFS,
    }
}

fn make(filesystem: Filesystem, label: Option<&PoolName>) -> Cmd {
    let cmd = long(mkfs(filesystem)).arg("-q");
    // Project quotas can be had later only while it is not mounted.
    let cmd = match filesystem {
        Filesystem::Ext4 => cmd.args(["-O", "quota,project", "-E", "quotatype=prjquota"]),
        Filesystem::Xfs | Filesystem::Btrfs => cmd,
    };
    match label {
        Some(label) => cmd.arg("-L").arg(label.as_str()),
        None => cmd,
    }
}

/// The command that tells whether a device holds anything. It writes nothing.
pub fn probe(device: &DeviceId) -> Result<Cmd, BackendError> {
    let cmd = wipefs().args(["--no-act", "--noheadings", "--output=TYPE"]);
    Ok(cmd.arg(path(device)?))
}

/// What systemd and mount(8) said of a mount point last: systemctl(1) tells no reason why a unit failed.
#[must_use]
pub fn journal(at: &str) -> Cmd {
    let cmd = Cmd::new(JOURNALCTL).arg("--unit").arg(unit_of(at));
    cmd.args([
        "--boot",
        "--output=cat",
        "--lines=3",
        "--no-pager",
        "--quiet",
    ])
}

/// What lets udev catch up with a step.
pub fn catch_up(step: &Step) -> Result<Vec<Cmd>, BackendError> {
    let settle = Cmd::new(UDEVADM).args(["settle", "--timeout=20"]);
    let devices = match step {
        Step::Devices { step, .. } => step.changes(),
        other => other.destroys(),
    };
    if devices.is_empty() {
        return Ok(Vec::new());
    }
    let mut trigger = Cmd::new(UDEVADM).args(["trigger", "--settle", "--action=change"]);
    for device in devices {
        trigger = trigger.arg(path(device)?);
    }
    Ok(vec![trigger, settle])
}

fn path(device: &DeviceId) -> Result<String, BackendError> {
    let path = device.path();
    path.ok_or_else(|| BackendError::DeviceGone(device.clone()))
}
