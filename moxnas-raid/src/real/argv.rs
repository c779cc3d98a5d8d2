//! Every command that MoxNAS can run on behalf of this crate.
//!
//! Disks are named by their links under `/dev/disk/by-id`, so that a command means the same disk
//! when it is shown and when it is run. Arrays are named by their kernel name, because inactive
//! ones have no link; the backend compares their UUID just before.

use std::time::Duration;

use moxnas_core::{
    cmd::{Cmd, Tool, UDEVADM, WIPEFS},
    disk::DeviceId,
};

use crate::{
    backend::BackendError,
    geometry,
    growth::Grow,
    plan::{ArrayRef, NewArray, Step},
    shape::Consistency,
};

const MDADM: Tool = Tool::new("mdadm");
/// Unpacks an initramfs; only where a kernel starts with one.
pub const UNMKINITRAMFS: Tool = Tool::new("unmkinitramfs").of("initramfs-tools-core");
/// Makes an initramfs; only where a kernel starts with one.
pub const UPDATE_INITRAMFS: Tool = Tool::new("update-initramfs").of("initramfs-tools");

/// The programs that [`argv`] names, and the one that waits for udev.
pub const TOOLS: [Tool; 3] = [MDADM, WIPEFS, UDEVADM];

/// mdadm waits for udev and for members to be written; this is for a machine in trouble.
const LIMIT: Duration = Duration::from_secs(120);
/// An image is compressed as well as it goes.
const IMAGE_LIMIT: Duration = Duration::from_secs(900);

/// The commands for a step; none for those that write a file.
pub fn argv(step: &Step) -> Result<Vec<Cmd>, BackendError> {
    let mdadm = || Cmd::new(MDADM).limit(LIMIT);
    let manage = |array: &ArrayRef| mdadm().arg("--manage").arg(node(array));
    Ok(vec![match step {
        Step::WipeSignatures { device } => Cmd::new(WIPEFS)
            .limit(LIMIT)
            .arg("--all")
            .arg(path(device)?),
        Step::Create(new) => create(mdadm(), new)?,
        Step::Add { array, device } => manage(array).arg("--add").arg(path(device)?),
        Step::ReAdd { array, device } => manage(array).arg("--re-add").arg(path(device)?),
        Step::Grow {
            array,
            grow,
            slots,
            add,
        } => growing(mdadm(), array, grow, *slots, add)?,
        Step::SetReadOnly { array, read_only } => {
            let word = if *read_only {
                "--readonly"
            } else {
                "--readwrite"
            };
            mdadm().arg(word).arg(node(array))
        }
        Step::SetPaused { array, paused } => {
            let word = if *paused { "frozen" } else { "idle" };
            mdadm().arg(format!("--action={word}")).arg(node(array))
        }
        Step::SetConsistency {
            array,
            was,
            consistency,
        } => {
            let cmd = mdadm().arg("--grow").arg(node(array));
            match (was, consistency) {
                (_, Consistency::Bitmap) => cmd.arg("--bitmap=internal"),
                (Consistency::Bitmap, _) => cmd.arg("--bitmap=none"),
                _ => cmd.arg("--consistency-policy=resync"),
            }
        }
        Step::Fail { array, device } => manage(array).arg("--fail").arg(listed(device)?),
        Step::Remove { array, device } => manage(array).arg("--remove").arg(listed(device)?),
        Step::Replace {
            array,
            device,
            with,
        } => manage(array)
            .arg("--replace")
            .arg(path(device)?)
            .arg("--with")
            .arg(path(with)?),
        Step::Scrub { array, scrub } => mdadm().arg(format!("--action={scrub}")).arg(node(array)),
        Step::Stop { array } => mdadm().arg("--stop").arg(node(array)),
        Step::Start { array } => mdadm().arg("--run").arg(node(array)),
        Step::Assemble {
            uuid,
            name,
            members,
        } => mdadm()
            .arg("--assemble")
            .arg(format!("/dev/md/{name}"))
            .arg(format!("--uuid={uuid}"))
            .args(paths(members.iter())?),
        Step::ZeroSuperblock { device } => mdadm().arg("--zero-superblock").arg(path(device)?),
        Step::UpdateInitramfs { kernel } => {
            Cmd::new(UPDATE_INITRAMFS)
                .limit(IMAGE_LIMIT)
                .args(["-u", "-k", kernel.as_str()])
        }
        // Files of the kernel and of mdadm.
        Step::SetSpeed { .. }
        | Step::SetSpareGroup { .. }
        | Step::Record { .. }
        | Step::Forget { .. } => return Ok(Vec::new()),
    }])
}

/// Nothing is left to mdadm to choose that the plan has shown.
fn growing(
    mdadm: Cmd,
    array: &ArrayRef,
    grow: &Grow,
    slots: Option<u32>,
    add: &[DeviceId],
) -> Result<Cmd, BackendError> {
    let mut cmd = mdadm.arg("--grow").arg(node(array));
    cmd = match grow {
        Grow::Members { slots } => cmd.arg(format!("--raid-devices={slots}")),
        Grow::Size => cmd.arg("--size=max"),
        Grow::Level { level } => {
            cmd = cmd.arg(format!("--level={level}"));
            match slots {
                Some(slots) => cmd.arg(format!("--raid-devices={slots}")),
                None => cmd,
            }
        }
        Grow::Layout { layout } => cmd.arg(format!("--layout={layout}")),
        Grow::Chunk { chunk } => cmd.arg(format!("--chunk={}", chunk.kib())),
    };
    match add {
        [] => Ok(cmd),
        add => Ok(cmd.arg("--add").args(paths(add.iter())?)),
    }
}

/// Options that hold for the devices after them come last.
fn create(mdadm: Cmd, new: &NewArray) -> Result<Cmd, BackendError> {
    let NewArray {
        name,
        shape,
        members,
        spares,
        journal,
        ..
    } = new;
    let level = &shape.level;
    let mut cmd = mdadm
        .arg("--create")
        .arg(format!("/dev/md/{name}"))
        .arg("--run")
        .arg(format!("--level={level}"))
        .arg(format!("--metadata={}", shape.metadata.word()))
        .arg(format!("--name={name}"))
        .arg(format!("--raid-devices={}", members.len()));
    if !spares.is_empty() {
        cmd = cmd.arg(format!("--spare-devices={}", spares.len()));
    }
    if let Some(chunk) = shape.chunk.filter(|_| geometry::has_chunks(level)) {
        cmd = cmd.arg(format!("--chunk={}K", chunk.kib()));
    }
    if let Some(layout) = shape.layout {
        cmd = cmd.arg(format!("--layout={layout}"));
    }
    cmd = match shape.consistency {
        Consistency::None => cmd,
        Consistency::Resync => cmd.arg("--bitmap=none"),
        Consistency::Bitmap => cmd.arg("--bitmap=internal"),
        Consistency::Ppl => cmd.arg("--consistency-policy=ppl"),
        Consistency::Journal => cmd,
    };
    if let Some(journal) = journal {
        cmd = cmd.arg(format!("--write-journal={}", path(journal)?));
    }
    if new.assume_clean {
        cmd = cmd.arg("--assume-clean");
    }
    let (first, last) = members.split_at(new.first_write_mostly());
    cmd = cmd.args(paths(first.iter())?);
    if !last.is_empty() {
        cmd = cmd.arg("--write-mostly").args(paths(last.iter())?);
    }
    Ok(cmd.args(paths(spares.iter())?))
}

/// The commands that tell whether the devices a step gives away hold anything. They write nothing.
pub fn probes(step: &Step) -> Result<Vec<Cmd>, BackendError> {
    let devices: Vec<&DeviceId> = match step {
        Step::Create(_) | Step::Add { .. } | Step::Grow { .. } => step.destroys(),
        _ => Vec::new(),
    };
    let probe = |device: &DeviceId| {
        let cmd = Cmd::new(WIPEFS).args(["--no-act", "--noheadings", "--output=TYPE"]);
        Ok(cmd.arg(path(device)?))
    };
    devices.into_iter().map(probe).collect()
}

/// The commands after a step that have udev catch up: the links and the database that the next
/// look reads are made by it.
///
/// It looks at a disk again when whoever wrote to it closes it, and under load it was seen to miss
/// a superblock that way; so it is told to look at every device that was written to.
pub fn catch_up(step: &Step) -> Result<Vec<Cmd>, BackendError> {
    let settle = Cmd::new(UDEVADM).args(["settle", "--timeout=20"]);
    let written = paths(step.destroys().into_iter())?;
    if written.is_empty() {
        return Ok(vec![settle]);
    }
    let trigger = Cmd::new(UDEVADM).args(["trigger", "--settle", "--action=change"]);
    Ok(vec![trigger.args(written), settle])
}

fn node(array: &ArrayRef) -> String {
    format!("/dev/{}", array.kernel_name)
}

fn path(device: &DeviceId) -> Result<String, BackendError> {
    device
        .path()
        .ok_or_else(|| BackendError::DeviceGone(device.to_string()))
}

fn paths<'a>(devices: impl Iterator<Item = &'a DeviceId>) -> Result<Vec<String>, BackendError> {
    devices.map(path).collect()
}

/// A member as mdadm finds it in the array's own list, for which a bare kernel name does. mdadm
/// takes some bare words for more than one member, and none of those is the name of a device.
fn listed(device: &DeviceId) -> Result<String, BackendError> {
    const SEVERAL: [&str; 4] = ["failed", "faulty", "detached", "missing"];
    match device {
        DeviceId::Gone(name) => {
            let is_name = name.starts_with(|it: char| it.is_ascii_alphabetic())
                && !SEVERAL.contains(&name.as_str());
            match is_name {
                true => Ok(name.clone()),
                false => Err(BackendError::DeviceGone(device.to_string())),
            }
        }
        other => path(other),
    }
}
