//! The commands of LVM, see lvm(8) and lvmthin(7).
//!
//! They ask before they overwrite anything, and nobody answers: only what deletes is told `--yes`, and
//! what lets the metadata of a thin pool be read.

use moxnas_core::{
    cmd::{Accept, Cmd, Tool},
    units::Bytes,
};

use super::{CHECK_LIMIT, MOUNT, RESIZE2FS, UMOUNT, XFS_GROWFS, long, mkfs, path, systemctl};
use crate::{
    backend::BackendError,
    dataset::{dataset_path, snapshot_path},
    lvm::{self, GroupStep, METADATA, ROOT, ROOT_SIZE, THIN, Volume, VolumeStep, named},
    model::{Filesystem, PoolName},
    unit::unit_of,
};

const fn lvm2(name: &'static str) -> Tool {
    Tool::new(name).of("lvm2")
}

const VGCREATE: Tool = lvm2("vgcreate");
const VGCHANGE: Tool = lvm2("vgchange");
const VGREMOVE: Tool = lvm2("vgremove");
const VGS: Tool = lvm2("vgs");
const PVRESIZE: Tool = lvm2("pvresize");
/// What makes volumes.
pub const LVCREATE: Tool = lvm2("lvcreate");
/// What goes over the metadata of a thin pool; LVM has it done too before it activates one.
pub const THIN_CHECK: Tool = Tool::new("thin_check").of("thin-provisioning-tools");
const LVCHANGE: Tool = lvm2("lvchange");
const LVEXTEND: Tool = lvm2("lvextend");
const LVRENAME: Tool = lvm2("lvrename");
const LVREMOVE: Tool = lvm2("lvremove");
const LVS: Tool = lvm2("lvs");

/// The command of a step about the volumes of a pool as a whole.
pub(super) fn group(pool: &PoolName, step: &GroupStep) -> Result<Cmd, BackendError> {
    let group = lvm::group(pool);
    let thin = named(pool, &Volume::Thin);
    Ok(match step {
        GroupStep::MakeGroup { device } => long(VGCREATE).arg(group).arg(path(device)?),
        GroupStep::MakeThinPool => long(LVCREATE)
            .args(["--type", "thin-pool", "--extents", "100%FREE"])
            .args(["--name", THIN])
            .arg(group),
        GroupStep::RefuseWhenFull => long(LVCHANGE).args(["--errorwhenfull", "y"]).arg(thin),
        GroupStep::MakeRoot => make(pool, ROOT, ROOT_SIZE),
        GroupStep::WriteUnit { .. } => systemctl().arg("daemon-reload"),
        GroupStep::Activate => long(VGCHANGE).args(["--activate", "y"]).arg(group),
        GroupStep::Deactivate => long(VGCHANGE).args(["--activate", "n"]).arg(group),
        // It asks whether it is to be had read-only, which is how it is had.
        GroupStep::OpenMetadata => long(LVCHANGE)
            .args(["--yes", "--activate", "y"])
            .arg(format!("{group}/{METADATA}")),
        GroupStep::CheckMetadata => Cmd::new(THIN_CHECK)
            .limit(CHECK_LIMIT)
            .accept(Accept::Any)
            .arg(format!("/dev/{group}/{METADATA}")),
        GroupStep::CloseMetadata => long(LVCHANGE)
            .args(["--activate", "n"])
            .arg(format!("{group}/{METADATA}")),
        GroupStep::RemoveGroup => long(VGREMOVE).arg("--yes").arg(group),
        GroupStep::GrowDevice { device } => long(PVRESIZE).arg(path(device)?),
        GroupStep::GrowThinPool => long(LVEXTEND).args(["--extents", "+100%FREE"]).arg(thin),
    })
}

/// The command of a step about one of its volumes.
pub(super) fn volume(pool: &PoolName, step: &VolumeStep) -> Cmd {
    use Volume::{Aside, New, Snapshot};
    let dataset = |it: &crate::dataset::DatasetName| Volume::Dataset(it.clone());
    let at = |it| dataset_path(pool, it);
    match step {
        VolumeStep::Make { dataset, size } => make(pool, &New(dataset.clone()).to_string(), *size),
        VolumeStep::MakeOf {
            dataset,
            of,
            snapshot,
        } => writable(
            pool,
            &Snapshot(of.clone(), snapshot.clone()),
            &New(dataset.clone()),
        ),
        VolumeStep::Format {
            dataset,
            filesystem,
        } => format(*filesystem).arg(lvm::path(pool, &New(dataset.clone()))),
        VolumeStep::Name { dataset: it } => rename(pool, &New(it.clone()), &dataset(it)),
        VolumeStep::RemoveNew { dataset } => remove(pool, &New(dataset.clone())),
        VolumeStep::WriteUnit { .. } | VolumeStep::RemoveUnit { .. } => {
            systemctl().arg("daemon-reload")
        }
        VolumeStep::Mount { dataset } => systemctl()
            .args(["enable", "--now"])
            .arg(unit_of(&at(dataset))),
        VolumeStep::Unmount { dataset } => systemctl().arg("stop").arg(unit_of(&at(dataset))),
        VolumeStep::Grow { dataset: it, size } => long(LVEXTEND)
            .arg("--size")
            .arg(bytes(*size))
            .arg(named(pool, &dataset(it))),
        VolumeStep::GrowFilesystem {
            dataset: it,
            filesystem: Filesystem::Xfs,
        } => long(XFS_GROWFS).arg(at(it)),
        VolumeStep::GrowFilesystem { dataset: it, .. } => {
            long(RESIZE2FS).arg(lvm::path(pool, &dataset(it)))
        }
        VolumeStep::RenameSnapshot {
            dataset,
            snapshot,
            to,
        } => rename(
            pool,
            &Snapshot(dataset.clone(), snapshot.clone()),
            &Snapshot(to.clone(), snapshot.clone()),
        ),
        VolumeStep::Rename { dataset: it, to } => rename(pool, &dataset(it), &dataset(to)),
        VolumeStep::Remove { dataset: it } => remove(pool, &dataset(it)),
        VolumeStep::TakeSnapshot {
            dataset: it,
            snapshot,
        } => keep(pool, &dataset(it), &Snapshot(it.clone(), snapshot.clone())),
        VolumeStep::RemoveSnapshot { dataset, snapshot } => {
            remove(pool, &Snapshot(dataset.clone(), snapshot.clone()))
        }
        VolumeStep::ActivateSnapshot { dataset, snapshot } => long(LVCHANGE)
            .args(["--activate", "y", "--ignoreactivationskip"])
            .arg(named(pool, &Snapshot(dataset.clone(), snapshot.clone()))),
        VolumeStep::MountSnapshot {
            dataset,
            snapshot,
            filesystem,
        } => long(MOUNT)
            .args(["-t", filesystem.word(), "-o", looking(*filesystem)])
            .arg(lvm::path(
                pool,
                &Snapshot(dataset.clone(), snapshot.clone()),
            ))
            .arg(snapshot_path(pool, dataset, snapshot)),
        VolumeStep::UnmountSnapshot { dataset, snapshot } => {
            long(UMOUNT).arg(snapshot_path(pool, dataset, snapshot))
        }
        VolumeStep::DeactivateSnapshot { dataset, snapshot } => long(LVCHANGE)
            .args(["--activate", "n"])
            .arg(named(pool, &Snapshot(dataset.clone(), snapshot.clone()))),
        VolumeStep::SetAside { dataset: it } => rename(pool, &dataset(it), &Aside(it.clone())),
        VolumeStep::Restore {
            dataset: it,
            snapshot,
        } => writable(pool, &Snapshot(it.clone(), snapshot.clone()), &dataset(it)),
        VolumeStep::KeepAside { dataset, snapshot } => keep(
            pool,
            &Aside(dataset.clone()),
            &Snapshot(dataset.clone(), snapshot.clone()),
        ),
        VolumeStep::RemoveAside { dataset } => remove(pool, &Aside(dataset.clone())),
    }
}

/// How a snapshot is mounted. Nothing can be written to its volume, so nothing of its log can be put in,
/// and xfs would not be mounted for that: a snapshot of a mounted one always has something in its log.
/// The UUID of its filesystem is that of the dataset, which xfs mounts once only (`nouuid`).
fn looking(filesystem: Filesystem) -> &'static str {
    match filesystem {
        Filesystem::Ext4 => "ro,noload",
        Filesystem::Xfs => "ro,norecovery,nouuid",
        Filesystem::Btrfs => "ro",
    }
}

fn bytes(size: Bytes) -> String {
    format!("{}b", size.0)
}

fn make(pool: &PoolName, name: &str, size: Bytes) -> Cmd {
    long(LVCREATE)
        .args(["--type", "thin", "--virtualsize", &bytes(size)])
        .args(["--thinpool", THIN, "--name", name])
        .arg(lvm::group(pool))
}

/// All of it is for data: a share of it that only root could have would not be what was promised.
fn format(filesystem: Filesystem) -> Cmd {
    let cmd = long(mkfs(filesystem)).arg("-q");
    match filesystem {
        Filesystem::Ext4 => cmd.args(["-m", "0"]),
        Filesystem::Xfs | Filesystem::Btrfs => cmd,
    }
}

/// A snapshot that nobody can write to, and that the kernel has only when it is asked to (`-ky`).
fn keep(pool: &PoolName, of: &Volume, snapshot: &Volume) -> Cmd {
    snapshot_of(
        pool,
        of,
        snapshot,
        ["--permission", "r", "--setactivationskip", "y"],
    )
}

fn writable(pool: &PoolName, of: &Volume, to: &Volume) -> Cmd {
    snapshot_of(
        pool,
        of,
        to,
        ["--permission", "rw", "--setactivationskip", "n"],
    )
}

fn snapshot_of(pool: &PoolName, of: &Volume, to: &Volume, how: [&str; 4]) -> Cmd {
    let cmd = long(LVCREATE).arg("--snapshot").args(how);
    cmd.args(["--name", &to.to_string()]).arg(named(pool, of))
}

fn rename(pool: &PoolName, from: &Volume, to: &Volume) -> Cmd {
    let cmd = long(LVRENAME).arg(lvm::group(pool));
    cmd.arg(from.to_string()).arg(to.to_string())
}

fn remove(pool: &PoolName, volume: &Volume) -> Cmd {
    long(LVREMOVE).arg("--yes").arg(named(pool, volume))
}

/// What is asked of the volumes of a pool. Sizes are in bytes, times in seconds since 1970.
#[must_use]
pub fn volumes(pool: &PoolName) -> Cmd {
    let fields = "lv_name,lv_uuid,lv_size,origin_uuid,data_percent,metadata_percent,lv_time,lv_active,\
                  lv_permissions,lv_health_status,lv_check_needed,thin_id";
    long(LVS)
        .args(["--reportformat", "json", "--units", "b", "--nosuffix"])
        .args(["--config", "report/time_format=\"%s\""])
        .args(["--options", fields])
        .arg(lvm::group(pool))
}

/// What asks how many extents of its group a pool does not use.
#[must_use]
pub fn free_extents(pool: &PoolName) -> Cmd {
    let cmd = long(VGS).args(["--noheadings", "--options", "vg_free_count"]);
    cmd.arg(lvm::group(pool))
}
