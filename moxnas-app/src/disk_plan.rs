//! What may be done to a single disk, and why not. Pure.
//!
//! Whether anything uses a disk is judged where arrays judge it,
//! [`usable`]: what may not be given to an array may not be wiped either.

use std::fmt;

use moxnas_core::{
    disk::{
        BlockDevice, BlockDevices, BlockKind, DeviceId, Disk, DiskStep, Expected, Locator,
        Sanitize, SanitizeMethod, SanitizeState, expected, sanitize_command,
    },
    plan::{Danger, Plan},
    units::Bytes,
};
use moxnas_raid::{self as raid, plan::usable};
use serde::{Deserialize, Serialize};

use crate::seen::Seen;

/// The bytes that are written to all of a disk and read again, one pass after the other: those of
/// badblocks(8).
pub const PATTERNS: [u8; 4] = [0xaa, 0x55, 0xff, 0x00];

/// How thoroughly a disk is wiped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WipeLevel {
    /// Nothing is recognized on it any more. The data is there.
    Signatures,
    /// The disk is told that nobody needs what is on it.
    Discard,
    /// All that can be addressed is overwritten once.
    Overwrite,
    /// The disk erases itself, also what cannot be addressed.
    Sanitize,
}

impl fmt::Display for WipeLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            WipeLevel::Signatures => "signatures",
            WipeLevel::Discard => "discard",
            WipeLevel::Overwrite => "overwrite",
            WipeLevel::Sanitize => "sanitize",
        })
    }
}

/// Why something is not done to a disk.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DiskRefusal {
    /// Something uses it, or it cannot be told from another.
    #[error(transparent)]
    NotUsable(raid::Refusal),
    /// It is a partition, an array or a volume.
    #[error("{0} is no whole disk")]
    NotADisk(DeviceId),
    /// It is one of several ways to a disk.
    #[error("{device} is one of the paths to {map}")]
    IsPath {
        /// The path.
        device: String,
        /// The multipath device that all paths are joined in.
        map: String,
    },
    /// It does not discard.
    #[error("{0} does not discard: its discard_max_bytes is 0")]
    DiscardNotSupported(DeviceId),
    /// It does not erase itself, at all or in that way.
    #[error("{disk} cannot erase itself: {because}")]
    SanitizeNotSupported {
        /// The disk.
        disk: DeviceId,
        /// Why not, in words.
        because: String,
    },
    /// It does already.
    #[error("{0} erases itself already")]
    SanitizeRuns(DeviceId),
    /// Something else would be erased with it.
    #[error("{disk} shares its controller with {others}, which would be erased with it")]
    SanitizeHitsOthers {
        /// The disk.
        disk: DeviceId,
        /// Kernel names.
        others: String,
    },
    /// A way of erasing was named for a level that has none.
    #[error("only the level sanitize has methods")]
    MethodWithoutSanitize,
    /// Too few or too many.
    #[error("a burn-in has from 1 to {} passes, not {passes}", PATTERNS.len())]
    BadPasses {
        /// How many were wished.
        passes: u8,
    },
    /// There is nothing to switch.
    #[error("no light of {0} can be switched: no enclosure names its slot, and there is no ledctl")]
    NoLight(DeviceId),
    /// A job works on it.
    #[error("job {job} works on {disk} and is not over")]
    WorkedOn {
        /// The disk.
        disk: String,
        /// The job.
        job: String,
    },
}

impl DiskRefusal {
    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            DiskRefusal::NotUsable(refusal) => refusal.code(),
            DiskRefusal::NotADisk(_) => "not_a_disk",
            DiskRefusal::IsPath { .. } => "device_is_path",
            DiskRefusal::DiscardNotSupported(_) => "discard_not_supported",
            DiskRefusal::SanitizeNotSupported { .. } => "sanitize_not_supported",
            DiskRefusal::SanitizeRuns(_) => "sanitize_runs",
            DiskRefusal::SanitizeHitsOthers { .. } => "sanitize_hits_others",
            DiskRefusal::MethodWithoutSanitize => "method_without_sanitize",
            DiskRefusal::BadPasses { .. } => "bad_passes",
            DiskRefusal::NoLight(_) => "locate_not_supported",
            DiskRefusal::WorkedOn { .. } => "disk_worked_on",
        }
    }

    /// Whether the wish is wrong by itself, whatever the machine is like.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        matches!(
            self,
            DiskRefusal::MethodWithoutSanitize | DiskRefusal::BadPasses { .. }
        )
    }

    /// What the caller can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            DiskRefusal::NotUsable(refusal) => return refusal.hint(),
            DiskRefusal::NotADisk(_) => {
                "name the disk: `moxnas disk list` shows the disks".to_owned()
            }
            DiskRefusal::IsPath { map, .. } => {
                format!("use /dev/mapper/{map}, or take the paths apart: multipath -f {map}")
            }
            DiskRefusal::DiscardNotSupported(_) => "choose the level overwrite".to_owned(),
            DiskRefusal::SanitizeNotSupported { .. } => {
                "choose the level overwrite; where that is not enough, destroy the disk".to_owned()
            }
            DiskRefusal::SanitizeRuns(_) => "wait for it: no command ends it".to_owned(),
            DiskRefusal::SanitizeHitsOthers { .. } => {
                "choose the level overwrite for this one".to_owned()
            }
            DiskRefusal::MethodWithoutSanitize => "leave the method out".to_owned(),
            DiskRefusal::BadPasses { .. } => return None,
            DiskRefusal::NoLight(_) => {
                "apt-get install ledmon brings ledctl, which knows more backplanes".to_owned()
            }
            DiskRefusal::WorkedOn { job, .. } => {
                format!("wait for it, or end it with `moxnas job cancel {job}`")
            }
        })
    }
}

impl From<raid::Refusal> for DiskRefusal {
    fn from(it: raid::Refusal) -> DiskRefusal {
        DiskRefusal::NotUsable(it)
    }
}

/// The multipath device that a disk is a path of, by its name under `/dev/mapper`.
#[must_use]
pub fn multipath_of<'a>(devices: &'a BlockDevices, name: &'a str) -> Option<&'a str> {
    devices.holders(name).find_map(|it| match &it.kind {
        BlockKind::Dm {
            name,
            uuid: Some(uuid),
        } if uuid.starts_with("mpath-") => Some(name.as_str()),
        _ => None,
    })
}

/// The disk, if nothing is in the way of losing all that is on it.
fn free_disk<'a>(
    seen: &'a Seen,
    device: &'a BlockDevice,
) -> Result<(&'a BlockDevice, &'a Disk), DiskRefusal> {
    let BlockKind::Disk(disk) = &device.kind else {
        return Err(DiskRefusal::NotADisk(device.id.clone()));
    };
    if let Some(map) = multipath_of(&seen.raid.devices, &device.name) {
        return Err(DiskRefusal::IsPath {
            device: device.name.clone(),
            map: map.to_owned(),
        });
    }
    Ok((usable(&seen.raid, &device.id)?, disk))
}

/// Why a device is not offered for anything; `None`: it is.
#[must_use]
pub fn why_not_usable(seen: &Seen, device: &BlockDevice) -> Option<DiskRefusal> {
    match free_disk(seen, device) {
        // Partitions and volumes may be given to arrays.
        Err(DiskRefusal::NotADisk(id)) => usable(&seen.raid, &id).err().map(Into::into),
        other => other.err(),
    }
}

/// A disk that is to be wiped.
#[derive(Clone, Copy, Debug)]
pub struct Wipe<'a> {
    /// The disk.
    pub device: &'a BlockDevice,
    /// How thoroughly.
    pub level: WipeLevel,
    /// How it erases itself; `None`: the first of [`SanitizeMethod::ALL`] that it can.
    pub method: Option<SanitizeMethod>,
}

impl Wipe<'_> {
    /// What is done.
    pub fn plan(&self, seen: &Seen) -> Result<Plan<DiskStep>, DiskRefusal> {
        if self.method.is_some() && self.level != WipeLevel::Sanitize {
            return Err(DiskRefusal::MethodWithoutSanitize);
        }
        let (device, _) = free_disk(seen, self.device)?;
        let mut plan = Plan::default();
        give_up(seen, device, &mut plan);
        let disk = device.id.clone();
        match self.level {
            WipeLevel::Signatures => {
                plan.steps = wipe_signatures(seen, device);
                plan.warnings.push(
                    "only what says that something is on it is erased: the data can be read \
                     and found again"
                        .to_owned(),
                );
            }
            WipeLevel::Discard => {
                if seen.abilities_of(&device.name).discard_max == Bytes(0) {
                    return Err(DiskRefusal::DiscardNotSupported(disk));
                }
                plan.steps = wipe_signatures(seen, device);
                plan.steps.push(DiskStep::Discard {
                    disk,
                    at: Bytes(0),
                    length: device.size,
                });
                plan.warnings.push(
                    "the discard runs in pieces, so that it can be stopped; what was discarded \
                     may still be readable with the means of a laboratory, or at all: that is the \
                     disk's affair"
                        .to_owned(),
                );
            }
            WipeLevel::Overwrite => {
                plan.steps.push(DiskStep::Overwrite {
                    disk,
                    size: device.size,
                    byte: 0,
                });
                plan.warnings.push(
                    "what the disk has put aside, as bad sectors or as spare flash, is not \
                     reached"
                        .to_owned(),
                );
            }
            WipeLevel::Sanitize => {
                plan.steps.push(self.sanitize(seen, device)?);
                plan.warnings.push(
                    "once begun it cannot be stopped, not even by switching the machine off, and \
                     the disk answers nothing else until it is done"
                        .to_owned(),
                );
            }
        }
        Ok(plan)
    }

    fn sanitize(&self, seen: &Seen, device: &BlockDevice) -> Result<DiskStep, DiskRefusal> {
        let disk = device.id.clone();
        let not = |because: String| DiskRefusal::SanitizeNotSupported {
            disk: disk.clone(),
            because,
        };
        let asked = seen.answers.sanitize.get(&disk);
        let (methods, language, state) = match asked {
            Some(Ok(Sanitize::Can {
                methods,
                language,
                state,
            })) => (methods, language, state),
            Some(Ok(Sanitize::Cannot { because })) => return Err(not(because.clone())),
            Some(Err(why)) => return Err(not(why.clone())),
            None => return Err(not("it was not asked".to_owned())),
        };
        match state {
            SanitizeState::Running { .. } => return Err(DiskRefusal::SanitizeRuns(disk)),
            SanitizeState::Frozen => {
                return Err(not(
                    "its firmware has frozen that until it is switched off".to_owned()
                ));
            }
            SanitizeState::Idle | SanitizeState::Done | SanitizeState::Failed => (),
        }
        let can = |wanted: SanitizeMethod| methods.iter().any(|(it, _)| *it == wanted);
        let method = match self.method {
            Some(wanted) if !can(wanted) => {
                let can: Vec<&str> = methods.iter().map(|(it, _)| it.word()).collect();
                let wanted = wanted.word();
                return Err(not(format!("not by {wanted}, only by {}", can.join(", "))));
            }
            Some(wanted) => wanted,
            None => {
                let first = SanitizeMethod::ALL.into_iter().find(|it| can(*it));
                first.ok_or_else(|| not("it names no way".to_owned()))?
            }
        };
        let others = same_controller(&seen.raid.devices, &device.name);
        if !others.is_empty() {
            let others = others.join(", ");
            return Err(DiskRefusal::SanitizeHitsOthers { disk, others });
        }
        let command = sanitize_command(*language, method);
        Ok(DiskStep::Sanitize {
            disk,
            method,
            command,
        })
    }
}

/// The other namespaces of an NVMe controller: `nvme0n2` of `nvme0n1`.
fn same_controller(devices: &BlockDevices, name: &str) -> Vec<String> {
    let controller = |name: &str| {
        let (controller, _) = name.strip_prefix("nvme")?.split_once('n')?;
        Some(controller.to_owned())
    };
    let Some(own) = controller(name) else {
        return Vec::new();
    };
    let others = devices
        .disks()
        .filter(|it| it.name != name && controller(&it.name).as_ref() == Some(&own));
    others.map(|it| it.name.clone()).collect()
}

/// What stands on partitions would come back with a new partition table in the same place.
fn wipe_signatures(seen: &Seen, disk: &BlockDevice) -> Vec<DiskStep> {
    let parts = partitions(&seen.raid.devices, disk);
    let parts = parts.filter(|it| !it.signatures.is_empty() && it.id.is_stable());
    parts
        .chain([disk])
        .map(|it| DiskStep::WipeSignatures {
            device: it.id.clone(),
        })
        .collect()
}

fn partitions<'a>(
    devices: &'a BlockDevices,
    disk: &'a BlockDevice,
) -> impl Iterator<Item = &'a BlockDevice> {
    let is_part = |it: &&BlockDevice| matches!(it.kind, BlockKind::Partition { .. });
    devices.holders(&disk.name).filter(is_part)
}

/// Add to a plan what losing all of a disk means: the danger, and the evidence.
fn give_up(seen: &Seen, device: &BlockDevice, plan: &mut Plan<DiskStep>) {
    let devices = &seen.raid.devices;
    plan.dangers.push(Danger::DestroysData {
        device: device.id.to_string(),
        content: content(devices, device),
    });
    let tower: Vec<String> = devices
        .tower(&device.name)
        .iter()
        .map(|it| format!("{} {} {}", it.id, it.size.0, it.content()))
        .collect();
    plan.evidence
        .push(format!("disk {} [{}]", device.id, tower.join(", ")));
}

/// What is on a disk and its partitions, as far as anybody can see.
#[must_use]
pub fn content(devices: &BlockDevices, disk: &BlockDevice) -> String {
    let parts = partitions(devices, disk).filter(|it| !it.signatures.is_empty());
    let parts = parts.map(|it| format!("{}: {}", it.name, it.content()));
    let all: Vec<String> = std::iter::once(disk.content()).chain(parts).collect();
    all.join("; ")
}

/// Every place of a disk is written and read again, so many times; then it tests itself.
pub fn plan_burn_in(
    seen: &Seen,
    device: &BlockDevice,
    passes: u8,
) -> Result<Plan<DiskStep>, DiskRefusal> {
    let bytes = PATTERNS.iter().take(passes.into());
    if passes == 0 || bytes.len() != usize::from(passes) {
        return Err(DiskRefusal::BadPasses { passes });
    }
    let (device, _) = free_disk(seen, device)?;
    let mut plan = Plan::default();
    give_up(seen, device, &mut plan);
    plan.steps.extend(bytes.map(|byte| DiskStep::WriteAndRead {
        disk: device.id.clone(),
        size: device.size,
        byte: *byte,
    }));
    plan.steps.push(DiskStep::SelfTest {
        disk: device.id.clone(),
    });
    Ok(plan)
}

/// The light of a disk's slot is switched.
pub fn plan_locate(
    seen: &Seen,
    device: &BlockDevice,
    on: bool,
) -> Result<Plan<DiskStep>, DiskRefusal> {
    if !matches!(device.kind, BlockKind::Disk(_)) {
        return Err(DiskRefusal::NotADisk(device.id.clone()));
    }
    if !device.id.is_stable() {
        return Err(raid::Refusal::Unidentified(device.id.clone()).into());
    }
    let can = seen.abilities_of(&device.name);
    let by = can
        .locator
        .ok_or_else(|| DiskRefusal::NoLight(device.id.clone()))?;
    let mut plan = Plan::default();
    if seen.answers.light(&device.id) == Some(on) {
        return Ok(plan);
    }
    if by == Locator::Ledctl {
        plan.warnings.push(
            "whether ledctl knows this backplane shows when it is run, and nobody can tell \
             whether the light is on"
                .to_owned(),
        );
    }
    plan.steps.push(DiskStep::Locate {
        disk: device.id.clone(),
        by,
        on,
    });
    Ok(plan)
}

/// How long a step takes; `None`: moments.
#[must_use]
pub fn takes(seen: &Seen, step: &DiskStep) -> Option<Expected> {
    let device = seen.raid.devices.by_id(step.device())?;
    let disk = seen.raid.devices.disk_below(&device.name)?;
    match step {
        DiskStep::Overwrite { size, .. } => Some(expected(disk, *size)),
        // Once to write it, once to read it.
        DiskStep::WriteAndRead { size, .. } => Some(expected(disk, Bytes(size.0 * 2))),
        DiskStep::Discard { .. } => Some(Expected::unknown(
            "from a second to an hour: disks differ that much, and none says",
        )),
        DiskStep::Sanitize { method, .. } => {
            let told = match seen.answers.sanitize.get(step.device()) {
                Some(Ok(Sanitize::Can { methods, .. })) => {
                    methods.iter().find(|(it, _)| it == method)?.1
                }
                _ => None,
            };
            Some(match (told, method) {
                (Some(time), _) => Expected::told(time, "as the disk says itself"),
                (None, SanitizeMethod::Overwrite) => Expected {
                    because: format!(
                        "the disk does not say; {}",
                        expected(disk, device.size).because
                    ),
                    ..expected(disk, device.size)
                },
                (None, _) => Expected::unknown("the disk does not say"),
            })
        }
        DiskStep::SelfTest { .. } => Some(Expected::unknown("the disk knows, and was not asked")),
        DiskStep::WipeSignatures { .. } | DiskStep::Locate { .. } => None,
    }
}
