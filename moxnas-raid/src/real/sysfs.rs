//! Arrays from `/sys/block/md*/md`, as Documentation/admin-guide/md.rst describes it.

use std::collections::BTreeSet;

use moxnas_core::{
    disk::{BlockDevices, DeviceId},
    root::{FileError, Root},
    units::Bytes,
};

use super::names;
use crate::{
    mdstat,
    model::{
        Array, ArrayState, Level, Member, MemberFlag, Reshape, Role, SpeedLimit, SpeedLimits,
        SyncAction, SyncState,
    },
};

/// All arrays, in the order of their kernel names, and what could not be read of them. An array
/// that is damaged never hides the others.
pub fn read_arrays(
    root: &Root,
    devices: &BlockDevices,
) -> Result<(Vec<Array>, Vec<String>), FileError> {
    let map = names::from_map(root);
    let progress = Progress::read(root);
    let mut arrays = Vec::new();
    let mut errors = Vec::new();
    for kernel_name in root.list("/sys/block")? {
        // Other devices have no such folder, and a machine may have a thousand of them to ask.
        if !kernel_name.starts_with("md") {
            continue;
        }
        let dir = format!("/sys/block/{kernel_name}/md");
        if !root.exists(&dir) {
            continue;
        }
        let folder = Folder { root, dir };
        match read_array(&folder, &kernel_name, devices) {
            Ok(Some(mut array)) => {
                let number = devices.get(&kernel_name).map(|it| it.number);
                let named = number.and_then(|it| names::from_udev(root, it));
                if let Some(name) = named.or_else(|| map.get(&kernel_name).cloned()) {
                    array.name = name;
                }
                progress.enter(&mut array);
                arrays.push(array);
            }
            Ok(None) => (),
            Err(err) => errors.push(format!("array {kernel_name}: {err}")),
        }
    }
    names::make_unique(&mut arrays);
    Ok((arrays, errors))
}

/// A file of an array says something that is not understood.
#[derive(Debug, thiserror::Error)]
pub enum SysfsError {
    /// It could not be read.
    #[error("{}", moxnas_core::chain::chain(.0))]
    File(#[from] FileError),
    /// It is not there, although the kernel makes it for every array.
    #[error("there is no file {0}")]
    Missing(String),
    /// It does not hold what it should.
    #[error("{file} holds {text:?}, which is not {expected}")]
    NotUnderstood {
        /// The file, relative to the array's folder.
        file: String,
        /// What it holds.
        text: String,
        /// What it should hold.
        expected: &'static str,
    },
}

/// One folder below `/sys`, whose files are read whole and trimmed.
struct Folder<'a> {
    root: &'a Root,
    dir: String,
}

impl Folder<'_> {
    fn text(&self, file: &str) -> Result<Option<String>, SysfsError> {
        let text = self.root.read(format!("{}/{file}", self.dir))?;
        Ok(text.map(|it| it.trim().to_owned()))
    }

    fn must(&self, file: &str) -> Result<String, SysfsError> {
        self.text(file)?
            .ok_or_else(|| SysfsError::Missing(file.to_owned()))
    }

    /// The first number: while an array is reshaped, some files say `4 (3)`. Of an array that was
    /// not started, some say nothing.
    fn number(&self, file: &str) -> Result<Option<u64>, SysfsError> {
        let Some(text) = self.text(file)?.filter(|it| !it.is_empty()) else {
            return Ok(None);
        };
        let number = text.split_whitespace().next().map(str::parse);
        match number {
            Some(Ok(number)) => Ok(Some(number)),
            _ => Err(not_understood(file, &text, "a number")),
        }
    }

    /// The number in brackets, which an array that is reshaped had before: `4 (3)`.
    fn old_number(&self, file: &str) -> Result<Option<u64>, SysfsError> {
        let Some(text) = self.text(file)? else {
            return Ok(None);
        };
        let Some((_, old)) = text.split_once('(') else {
            return Ok(None);
        };
        match old.trim_end_matches(')').parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(not_understood(file, &text, "two numbers")),
        }
    }

    /// `1000 (system)`, or `(local)`: KiB of each member and second.
    fn speed_limit(&self, file: &str) -> Result<Option<SpeedLimit>, SysfsError> {
        let Some(text) = self.text(file)?.filter(|it| !it.is_empty()) else {
            return Ok(None);
        };
        let kib = text.split_whitespace().next().map(str::parse);
        let Some(Ok(kib)) = kib else {
            return Err(not_understood(file, &text, "a speed"));
        };
        Ok(Some(SpeedLimit {
            per_second: Bytes::from_kib(kib),
            is_own: text.ends_with("(local)"),
        }))
    }

    /// RAID 0 says -1 while the kernel has not chosen one of its two layouts.
    fn layout(&self) -> Result<u32, SysfsError> {
        let text = self.text("layout")?.unwrap_or_default();
        match text.split_whitespace().next() {
            None | Some("-1") => Ok(0),
            Some(word) => word
                .parse()
                .map_err(|_| not_understood("layout", &text, "a number")),
        }
    }
}

fn not_understood(file: &str, text: &str, expected: &'static str) -> SysfsError {
    SysfsError::NotUnderstood {
        file: file.to_owned(),
        text: text.to_owned(),
        expected,
    }
}

/// `None` for a node without an array in it: `clear` and without a level.
fn read_array(
    folder: &Folder<'_>,
    kernel_name: &str,
    devices: &BlockDevices,
) -> Result<Option<Array>, SysfsError> {
    let state = ArrayState::from(folder.must("array_state")?);
    if state == ArrayState::Clear {
        return Ok(None);
    }
    let metadata = metadata(&folder.must("metadata_version")?);
    let level = level(folder.must("level")?, &metadata);
    let uuid = devices.get(kernel_name).and_then(|it| match &it.id {
        DeviceId::Md(uuid) => Some(uuid.clone()),
        _ => None,
    });
    let slots = match folder.number("raid_disks")? {
        Some(slots) => slots,
        // Without slots nothing would be missing, whoever is gone.
        None if state.is_started() => {
            let text = folder.must("raid_disks")?;
            return Err(not_understood("raid_disks", &text, "a number of slots"));
        }
        None => 0,
    };
    let chunk = folder.number("chunk_size")?.filter(|it| *it > 0).map(Bytes);
    let mut array = Array {
        uuid,
        name: kernel_name.to_owned(),
        kernel_name: kernel_name.to_owned(),
        chunk: chunk.filter(|_| crate::geometry::has_chunks(&level)),
        level,
        metadata,
        sync: read_sync(folder, &state)?,
        resync_due: state.is_started() && wants_resync(folder)?,
        slots: u32::try_from(slots)
            .map_err(|_| not_understood("raid_disks", &slots.to_string(), "a number of slots"))?,
        degraded: folder
            .number("degraded")?
            .map(|it| u32::try_from(it).unwrap_or(u32::MAX)),
        size: Bytes::from_sectors(folder.number("../size")?.unwrap_or(0)),
        component_size: Bytes::from_kib(folder.number("component_size")?.unwrap_or(0)),
        layout: folder.layout()?,
        members: read_members(folder, devices)?,
        consistency: folder.text("consistency_policy")?.unwrap_or_default(),
        mismatch: folder.number("mismatch_cnt")?.map(Bytes::from_sectors),
        scrub_stopped_at: folder
            .number("sync_min")?
            .filter(|it| *it > 0)
            .map(Bytes::from_sectors),
        reshape: None,
        speed_limits: read_speed_limits(folder)?,
        state,
    };
    array.reshape = read_reshape(folder, &array)?;
    array.sort_members();
    Ok(Some(array))
}

/// The kernel has no word for the level of an array that was not started. Of these, containers
/// never are, and name a format without a place in another container.
fn level(word: String, metadata: &str) -> Level {
    let format = metadata.strip_prefix("external:");
    match word.as_str() {
        "" if format.is_some_and(|it| !it.starts_with(['/', '-'])) => Level::Container,
        "" => Level::Other("unknown".to_owned()),
        _ => Level::from(word),
    }
}

/// The kernel says `none` for 0.90 without persistent superblock, and versions as they are.
fn metadata(text: &str) -> String {
    match text {
        "none" => "non-persistent".to_owned(),
        other => other.to_owned(),
    }
}

fn wants_resync(folder: &Folder<'_>) -> Result<bool, SysfsError> {
    let resync_start = folder.text("resync_start")?.unwrap_or_default();
    Ok(!matches!(resync_start.as_str(), "" | "none"))
}

fn read_sync(folder: &Folder<'_>, state: &ArrayState) -> Result<SyncState, SysfsError> {
    // Levels without redundancy have no such file, and stopped arrays nothing in it.
    let word = folder.text("sync_action")?.unwrap_or_default();
    let is_waiting = matches!(state, ArrayState::ReadOnly | ArrayState::ReadAuto);
    match word.as_str() {
        "" | "idle" if is_waiting && wants_resync(folder)? => {
            return Ok(SyncState::Pending {
                action: SyncAction::Resync,
            });
        }
        "" | "idle" if is_waiting && is_reshaped(folder)? => {
            return Ok(SyncState::Pending {
                action: SyncAction::Reshape,
            });
        }
        "" | "idle" => return Ok(SyncState::Idle),
        "frozen" => return Ok(SyncState::Frozen),
        _ => (),
    }
    let action: SyncAction = word
        .parse()
        .map_err(|_| not_understood("sync_action", &word, "an action"))?;
    if is_waiting {
        return Ok(SyncState::Pending { action });
    }
    let completed = folder.text("sync_completed")?.unwrap_or_default();
    if completed == "delayed" {
        return Ok(SyncState::Delayed { action });
    }
    let progress = completed.split_once('/').map(|(done, of)| {
        let sectors = |text: &str| text.trim().parse().ok().map(Bytes::from_sectors);
        (sectors(done), sectors(of))
    });
    let (done, of) = progress.unwrap_or_default();
    let speed = folder
        .text("sync_speed")?
        .and_then(|it| it.parse().ok())
        .map(Bytes::from_kib);
    Ok(SyncState::Running {
        action,
        done,
        of,
        speed,
    })
}

fn is_reshaped(folder: &Folder<'_>) -> Result<bool, SysfsError> {
    let position = folder.text("reshape_position")?.unwrap_or_default();
    Ok(!matches!(position.as_str(), "" | "none"))
}

/// What an array was before the reshape that is not at its end.
fn read_reshape(folder: &Folder<'_>, array: &Array) -> Result<Option<Reshape>, SysfsError> {
    if !is_reshaped(folder)? {
        return Ok(None);
    }
    let small = |file| -> Result<Option<u32>, SysfsError> {
        let number = folder.old_number(file)?.map(u32::try_from);
        number.transpose().map_err(|_| {
            let text = "(a number)".to_owned();
            not_understood(file, &text, "two small numbers")
        })
    };
    let chunk = folder.old_number("chunk_size")?.map(Bytes);
    Ok(Some(Reshape {
        slots: small("raid_disks")?.unwrap_or(array.slots),
        layout: small("layout")?.unwrap_or(array.layout),
        chunk: chunk.or(array.chunk),
    }))
}

fn read_speed_limits(folder: &Folder<'_>) -> Result<Option<SpeedLimits>, SysfsError> {
    let min = folder.speed_limit("sync_speed_min")?;
    let max = folder.speed_limit("sync_speed_max")?;
    Ok(min.zip(max).map(|(min, max)| SpeedLimits { min, max }))
}

/// How far everything is by `/proc/mdstat`. `sync_completed` says only what members were told, which
/// is every sixteenth of the way or every ten minutes (`md_do_sync` in md.c).
struct Progress(mdstat::Mdstat);

impl Progress {
    /// Nothing but the progress is taken from the text, so that what cannot be read does no harm.
    fn read(root: &Root) -> Progress {
        let text = root.read("/proc/mdstat").ok().flatten();
        Progress(mdstat::parse(&text.unwrap_or_default()).value)
    }

    fn enter(&self, array: &mut Array) {
        let Some(mdstat::SyncState::Running(progress)) = self
            .0
            .array(&array.kernel_name)
            .and_then(|it| Some(&it.sync.as_ref()?.state))
        else {
            return;
        };
        if let SyncState::Running { done, of, .. } = &mut array.sync
            && of.is_some_and(|it| it.kib() == progress.total)
        {
            *done = Some(Bytes::from_kib(progress.done)).max(*done);
        }
    }
}

fn read_members(folder: &Folder<'_>, devices: &BlockDevices) -> Result<Vec<Member>, SysfsError> {
    let mut members = Vec::new();
    for entry in folder.root.list(&folder.dir)? {
        let Some(name) = entry.strip_prefix("dev-") else {
            continue;
        };
        // A slash in a kernel name is shown as `!` in sysfs.
        let kernel_name = name.replace('!', "/");
        let Some(state) = folder.text(&format!("{entry}/state"))? else {
            continue;
        };
        let slot = folder.text(&format!("{entry}/slot"))?.unwrap_or_default();
        let errors = folder.number(&format!("{entry}/errors"))?.unwrap_or(0);
        // The link of a member that has left is gone with it, and its name may be another's by now.
        let is_there = folder.root.exists(format!("{}/{entry}/block", folder.dir));
        let device = devices.get(&kernel_name).filter(|_| is_there);
        let device = device.map(|it| it.id.clone());
        let words: Vec<&str> = state.split(',').filter(|it| !it.is_empty()).collect();
        members.push(Member {
            device: device.unwrap_or_else(|| DeviceId::Gone(kernel_name.clone())),
            kernel_name,
            role: role(&words, &slot).ok_or_else(|| {
                not_understood(&format!("{entry}/slot"), &slot, "a slot, none or journal")
            })?,
            flags: flags(&words),
            errors,
            usable: folder
                .number(&format!("{entry}/size"))?
                .filter(|it| *it > 0)
                .map(Bytes::from_kib),
        });
    }
    Ok(members)
}

fn role(words: &[&str], slot: &str) -> Option<Role> {
    let has = |word| words.contains(&word);
    if has("faulty") {
        return Some(Role::Faulty);
    }
    if has("journal") {
        return Some(Role::Journal);
    }
    Some(match slot {
        "none" | "" => Role::Spare,
        "journal" => Role::Journal,
        number => {
            let slot = number.parse().ok()?;
            match (has("replacement"), has("in_sync")) {
                (true, _) => Role::Replacement { slot },
                (false, true) => Role::Active { slot },
                (false, false) => Role::Recovering { slot },
            }
        }
    })
}

fn flags(words: &[&str]) -> BTreeSet<MemberFlag> {
    let flag = |word: &&str| match *word {
        // Told by the role.
        "faulty" | "in_sync" | "spare" | "journal" | "replacement" => None,
        "writemostly" | "write_mostly" => Some(MemberFlag::WriteMostly),
        "blocked" => Some(MemberFlag::Blocked),
        "write_error" => Some(MemberFlag::WriteError),
        "want_replacement" => Some(MemberFlag::WantReplacement),
        "external_bbl" => Some(MemberFlag::ExternalBbl),
        "failfast" => Some(MemberFlag::Failfast),
        other => Some(MemberFlag::Other(other.to_owned())),
    };
    words.iter().filter_map(flag).collect()
}
