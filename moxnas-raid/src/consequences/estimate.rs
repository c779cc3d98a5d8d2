//! How long md takes to read or fill the members of an array: between two bounds, and from what
//! they come.

use std::{collections::BTreeSet, fmt, time::Duration};

use moxnas_core::{
    disk::{Bus, DeviceId, Disk},
    units::Bytes,
};
use serde::{Deserialize, Serialize};

use crate::model::{Array, Inventory, Role, SyncAction, SyncState};

/// md's own default limit, `/proc/sys/dev/raid/speed_limit_max`: 200,000 KiB/s of each member.
const MD_LIMIT: u64 = 200_000 * 1024;

/// Something that md does in the background.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// What.
    pub action: SyncAction,
    /// How much of each member is read; on a member that is filled, written.
    pub per_member: Bytes,
    /// How long it takes.
    pub time: Estimate,
}

/// How long something takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Estimate {
    /// Between two bounds.
    Between {
        /// Not faster than this.
        at_least: Duration,
        /// Not slower than this, unless the disks have other work to do.
        at_most: Duration,
        /// What both were derived from.
        basis: Basis,
    },
    /// There is nothing to derive it from.
    Unknown {
        /// Why not, in words.
        because: String,
    },
}

/// What an estimate was derived from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "from")]
pub enum Basis {
    /// The speed that the kernel shows of what runs on the array now.
    Observed {
        /// What runs.
        action: SyncAction,
        /// Bytes per second of each member.
        speed: Bytes,
        /// Whether a member spins, so that its place on the platters matters.
        spins: bool,
    },
    /// What such disks usually reach.
    Assumed {
        /// Bytes per second of each member, where it is slowest.
        slowest: Bytes,
        /// Bytes per second of each member, where it is fastest.
        fastest: Bytes,
        /// What the members are.
        media: BTreeSet<Medium>,
    },
}

/// What a disk is made of, or how it is attached, whichever makes it slower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Medium {
    /// Platters.
    Spinning,
    /// Flash.
    Flash,
    /// Anything behind USB.
    Usb,
    /// A card, or eMMC.
    Card,
}

impl Medium {
    /// Bytes per second that such disks read and write all along, at their slowest and fastest.
    /// Faster than md's own limit is nothing.
    fn speeds(self) -> (u64, u64) {
        match self {
            Medium::Spinning => (80_000_000, MD_LIMIT),
            Medium::Flash => (100_000_000, MD_LIMIT),
            Medium::Usb => (30_000_000, MD_LIMIT),
            Medium::Card => (10_000_000, 90_000_000),
        }
    }

    /// What it is, and why it is that slow.
    fn why(self) -> &'static str {
        match self {
            Medium::Spinning => "disks that spin are half as fast on their inner tracks",
            Medium::Flash => "flash becomes slower when it is written for long",
            Medium::Usb => "USB 2 gives no more than the lower one",
            Medium::Card => "memory cards differ that much",
        }
    }

    /// What a device is; in words why it cannot be told.
    fn of(name: &str, disk: Option<&Disk>) -> Result<Medium, String> {
        let disk =
            disk.ok_or_else(|| format!("{name} is no disk, and what is under it may be any"))?;
        match (disk.bus, disk.rotational) {
            (Bus::Virtio, _) => Err(format!(
                "{name} is a disk of a virtual machine, and what is under it may be any"
            )),
            (Bus::Usb, _) => Ok(Medium::Usb),
            (Bus::Mmc, _) => Ok(Medium::Card),
            (_, Some(true)) => Ok(Medium::Spinning),
            (_, Some(false)) => Ok(Medium::Flash),
            (_, None) => Err(format!("{name} does not tell whether it spins")),
        }
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Basis::Observed {
                action,
                speed,
                spins,
            } => {
                write!(f, "from the {action} that runs at {speed}/s now")?;
                f.write_str(match spins {
                    true => ", and disks that spin are half as fast on their inner tracks",
                    false => ", or half as fast when flash is written for long",
                })
            }
            Basis::Assumed {
                slowest,
                fastest,
                media,
            } => {
                let why: Vec<&str> = media.iter().map(|it| it.why()).collect();
                write!(f, "assuming {slowest}/s to {fastest}/s: {}", why.join(", "))
            }
        }
    }
}

/// Bytes per second of each member.
struct Pace {
    slowest: u64,
    fastest: u64,
    basis: Basis,
}

/// How long md takes for this many bytes of each member: `least` if what was done already counts,
/// `most` if it begins anew. `array` is as it is now, `devices` are those that are read or filled.
pub(super) fn estimate(
    seen: &Inventory,
    array: Option<&Array>,
    devices: &[DeviceId],
    least: Bytes,
    most: Bytes,
) -> Estimate {
    let is_alike = |it: &&Array| match (media(seen, &working(it)), media(seen, devices)) {
        (Ok(now), Ok(then)) => now == then,
        _ => true,
    };
    let observed = array.filter(is_alike);
    let observed = observed.and_then(|it| observed_of(it, is_spinning(seen, devices)));
    // Faster than its limit no array gets.
    let limit = array
        .and_then(|it| it.speed_limits)
        .map_or(u64::MAX, |it| it.max.per_second.0);
    let limited = |mut pace: Pace| {
        pace.slowest = pace.slowest.min(limit);
        pace.fastest = pace.fastest.min(limit);
        pace
    };
    let pace = observed.map_or_else(|| assumed(seen, devices), Ok);
    match pace.map(limited) {
        Ok(pace) => Estimate::Between {
            at_least: Duration::from_secs(least.0 / pace.fastest.max(1)),
            at_most: Duration::from_secs(most.0.div_ceil(pace.slowest.max(1))),
            basis: pace.basis,
        },
        Err(because) => Estimate::Unknown { because },
    }
}

/// What runs tells how fast this array is, as long as none leaves that all others wait for. The speed of a
/// reshape means something else.
fn observed_of(array: &Array, spins: bool) -> Option<Pace> {
    let SyncState::Running {
        action,
        done,
        of,
        speed: Some(speed),
    } = array.sync
    else {
        return None;
    };
    if speed.0 == 0 || action == SyncAction::Reshape {
        return None;
    }
    let (slowest, fastest) = match (spins, done.zip(of)) {
        (false, _) => (speed.0 / 2, speed.0),
        // From the outermost track to the innermost, speed falls evenly to a half.
        (true, Some((done, of))) if done <= of && of.0 > 0 => {
            let left = u128::from(of.0) * 2 - u128::from(done.0);
            let outer = u128::from(speed.0) * u128::from(of.0) * 2 / left;
            let outer = u64::try_from(outer).unwrap_or(u64::MAX);
            (outer / 2, outer)
        }
        (true, _) => (speed.0 / 2, speed.0.saturating_mul(2)),
    };
    let basis = Basis::Observed {
        action,
        speed,
        spins,
    };
    Some(Pace {
        slowest,
        fastest,
        basis,
    })
}

/// Whether one of them spins. What does not tell may.
fn is_spinning(seen: &Inventory, devices: &[DeviceId]) -> bool {
    let spins = |id: &DeviceId| {
        let disk = disk_of(seen, id).1;
        disk.and_then(|it| it.rotational).unwrap_or(true)
    };
    devices.iter().any(spins)
}

/// What the devices are.
fn media(seen: &Inventory, devices: &[DeviceId]) -> Result<BTreeSet<Medium>, String> {
    let disks = devices.iter().map(|it| disk_of(seen, it));
    disks.map(|(name, disk)| Medium::of(&name, disk)).collect()
}

/// The slowest member makes all others wait.
fn assumed(seen: &Inventory, devices: &[DeviceId]) -> Result<Pace, String> {
    let media = media(seen, devices)?;
    let speeds = || media.iter().map(|it| it.speeds());
    let (Some(slowest), Some(fastest)) =
        (speeds().map(|it| it.0).min(), speeds().map(|it| it.1).min())
    else {
        return Err("no member is left that could be read".to_owned());
    };
    let basis = Basis::Assumed {
        slowest: Bytes(slowest),
        fastest: Bytes(fastest),
        media,
    };
    Ok(Pace {
        slowest,
        fastest,
        basis,
    })
}

/// What people call a device, and the disk that it is or is a part of.
fn disk_of<'a>(seen: &'a Inventory, id: &DeviceId) -> (String, Option<&'a Disk>) {
    // Of two devices with one id, either will do: they are clones.
    match seen.devices.same_id(id).next() {
        Some(device) => (device.name.clone(), seen.devices.disk_below(&device.name)),
        None => (id.to_string(), None),
    }
}

/// The members that are read or filled when md works on all of an array.
pub(super) fn working(array: &Array) -> Vec<DeviceId> {
    let is_used = |role: Role| !matches!(role, Role::Faulty | Role::Journal);
    let there = array.members.iter().filter(|it| is_used(it.role));
    there
        .filter(|it| !matches!(it.device, DeviceId::Gone(_)))
        .map(|it| it.device.clone())
        .collect()
}

/// How much of each member is left to do of what fills members now; `None`: nothing does.
pub(super) fn left_to_fill(array: &Array) -> Option<Bytes> {
    match array.sync {
        SyncState::Running {
            action: SyncAction::Recover,
            done: Some(done),
            of: Some(of),
            ..
        } => Some(Bytes(of.0.saturating_sub(done.0))),
        _ => None,
    }
}
