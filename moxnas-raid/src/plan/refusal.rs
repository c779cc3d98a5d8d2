//! Why not. Said before anything was touched.

use moxnas_core::{
    disk::{DeviceId, Use},
    names::ArrayName,
    units::Bytes,
};

use crate::{
    geometry,
    growth::CannotGrow,
    model::{Array, Level, SyncAction},
};

/// Why a wish is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No kernel of the machine starts with an initramfs.
    #[error("there is no initramfs in /boot: this machine starts without one of its own")]
    NoInitramfs,
    /// What is in `/boot` could not be listed.
    #[error("what the initramfs in /boot know of arrays is not known: {0}")]
    InitramfsNotKnown(String),
    /// An array of that name is there, or lies stopped on some disks.
    #[error("an array named {0} exists already")]
    NameTaken(ArrayName),
    /// MoxNAS does not make arrays of that level.
    #[error("arrays of level {0} cannot be made")]
    LevelNotMade(Level),
    /// Too few for the level.
    #[error("{level} needs at least {need} members, got {got}")]
    TooFewMembers {
        /// The level.
        level: Level,
        /// How many it needs.
        need: u32,
        /// How many were named.
        got: usize,
    },
    /// Named more than once.
    #[error("{0} is named more than once")]
    Twice(DeviceId),
    /// Spares for a level that cannot use them.
    #[error("{0} has no redundancy and cannot use spares")]
    SparesUseless(Level),
    /// A chunk size that md does not take, or for a level without chunks.
    #[error("a chunk of {chunk} cannot be used with {level}")]
    BadChunk {
        /// The size.
        chunk: Bytes,
        /// The level.
        level: Level,
    },
    /// A wish that the level, or another wish, does not go with.
    #[error("{option} cannot be as wished with {level}: {why}")]
    OptionUnfit {
        /// What was wished for, by the name of its option.
        option: &'static str,
        /// The level.
        level: Level,
        /// Why not.
        why: &'static str,
    },
    /// It is named for what only members can be.
    #[error("{0} is not named as a member")]
    NotNamed(DeviceId),
    /// No such device.
    #[error("there is no device {0}")]
    NoSuchDevice(DeviceId),
    /// More than one device has that id.
    #[error("{device} may be any of {}", names.join(", "))]
    NotUnique {
        /// The id.
        device: DeviceId,
        /// The kernel names of the devices.
        names: Vec<String>,
    },
    /// The device has neither WWN nor serial number.
    #[error("{0} tells neither WWN nor serial number, so it could be taken for another disk")]
    Unidentified(DeviceId),
    /// The kernel refuses writes to it.
    #[error("{0} is read-only")]
    ReadOnly(DeviceId),
    /// The running system stands on it.
    #[error("{device} carries the running system: {of}")]
    SystemDisk {
        /// The device.
        device: DeviceId,
        /// What of the system.
        of: Use,
    },
    /// Somebody uses it.
    #[error("{device} is in use: {of}")]
    InUse {
        /// The device.
        device: DeviceId,
        /// By whom.
        of: Use,
    },
    /// It is a member of an assembled array.
    #[error("{device} is a member of array {array}")]
    MemberOf {
        /// The device.
        device: DeviceId,
        /// The array.
        array: String,
    },
    /// An array cannot be made of itself.
    #[error("{device} stands on array {array} itself")]
    StandsOnArray {
        /// The device.
        device: DeviceId,
        /// The array.
        array: String,
    },
    /// It does not hold enough.
    #[error("{device} holds {has}, at least {need} are needed")]
    TooSmall {
        /// The device.
        device: DeviceId,
        /// Its size.
        has: Bytes,
        /// What it would need.
        need: Bytes,
    },
    /// No such array.
    #[error("there is no array {0}")]
    NoSuchArray(String),
    /// Nothing tells which array it is.
    #[error("array {array} has no UUID that can be read, so it could be taken for another one")]
    NoIdentity {
        /// The array.
        array: String,
    },
    /// Its superblock is in a format that MoxNAS only shows.
    #[error("array {array} has {metadata} metadata, which is shown but not changed")]
    ForeignMetadata {
        /// The array.
        array: String,
        /// The format.
        metadata: String,
    },
    /// No such member.
    #[error("{device} is not a member of array {array}")]
    NoSuchMember {
        /// The array.
        array: String,
        /// The device.
        device: DeviceId,
    },
    /// A working member cannot just be taken away.
    #[error("{device} is an active member of array {array}")]
    MemberActive {
        /// The array.
        array: String,
        /// The member.
        device: DeviceId,
    },
    /// It is faulty already.
    #[error("{device} is faulty in array {array} already")]
    AlreadyFaulty {
        /// The array.
        array: String,
        /// The member.
        device: DeviceId,
    },
    /// The data would not be complete any more.
    #[error(
        "array {array} would lose redundancy it does not have: without {device} its data is lost"
    )]
    WouldLoseData {
        /// The array.
        array: String,
        /// The member.
        device: DeviceId,
    },
    /// The level has nothing to compare and no place to put more.
    #[error("array {array} is {level}, which has no redundancy")]
    NotRedundant {
        /// The array.
        array: String,
        /// Its level.
        level: Level,
    },
    /// It is not started.
    #[error("array {0} is not started")]
    NotStarted(String),
    /// It is started already.
    #[error("array {0} is running already")]
    AlreadyStarted(String),
    /// Something runs that must not be disturbed.
    #[error("array {array} is busy with a {action}")]
    Busy {
        /// The array.
        array: String,
        /// What runs.
        action: SyncAction,
    },
    /// Members are missing.
    #[error("array {array} has {missing} members missing")]
    Degraded {
        /// The array.
        array: String,
        /// How many.
        missing: u32,
    },
    /// Nothing runs that could be ended.
    #[error("no check or repair runs on array {0}")]
    NoScrub(String),
    /// It was made read-only.
    #[error("array {0} is read-only")]
    ArrayReadOnly(String),
    /// What runs in the background is held up.
    #[error("what runs on array {0} in the background is paused")]
    Paused(String),
    /// It cannot become what it is to be.
    #[error("array {array} cannot grow like that: {why}")]
    CannotGrow {
        /// The array.
        array: String,
        /// Why not.
        why: CannotGrow,
    },
    /// It would hold less.
    #[error("array {0} would become smaller, and MoxNAS cannot see that what is on it would fit")]
    WouldShrink(String),
    /// A mirror gets rid of slots, not of members that work.
    #[error("array {array} has {working} members that work, more than it is to have")]
    MembersLeft {
        /// The array.
        array: String,
        /// How many work.
        working: u32,
    },
    /// New slots need members.
    #[error("array {array} needs {need} more members for that, and {has} were named or are spares")]
    TooFewSpares {
        /// The array.
        array: String,
        /// How many it needs.
        need: usize,
        /// How many there are.
        has: usize,
    },
    /// More devices than it has a place for.
    #[error("array {array} takes {need} devices for that, more were named")]
    TooManyDevices {
        /// The array.
        array: String,
        /// How many it takes.
        need: usize,
    },
    /// It would not wait.
    #[error("{device} would not wait in array {array}: it would fill slot {slot} at once")]
    WouldFill {
        /// The device.
        device: DeviceId,
        /// The array.
        array: String,
        /// The empty slot.
        slot: u32,
    },
    /// It cannot be taken back, only be added as a new one.
    #[error("{device} cannot be taken back into array {array}: {why}")]
    NotTakenBack {
        /// The device.
        device: DeviceId,
        /// The array.
        array: String,
        /// Why not.
        why: &'static str,
    },
    /// A bound that md does not take.
    #[error("array {array} cannot be limited like that: {why}")]
    BadSpeed {
        /// The array.
        array: String,
        /// Why not.
        why: &'static str,
    },
    /// No array of a spare group is short of a member that another one has a spare for.
    #[error("no array of a spare group needs a spare that another one could give")]
    NoSpareHasToMove,
    /// Its line in mdadm.conf is somebody else's, or there is none.
    #[error("array {0} has no line of MoxNAS in mdadm.conf")]
    NotInOurConf(String),
    /// No device to put in place.
    #[error("array {0} has no spare")]
    NoSpare(String),
    /// Somebody uses the array.
    #[error("array {array} is in use: {of}")]
    ArrayInUse {
        /// The array.
        array: String,
        /// By whom.
        of: Use,
    },
    /// No member of such an array was found.
    #[error("no device carries a member of an array {0} that is not assembled")]
    NothingToAssemble(String),
}

impl Refusal {
    /// Something runs on the array that must not be disturbed.
    pub(super) fn busy(array: &Array, action: SyncAction) -> Refusal {
        Refusal::Busy {
            array: array.name.clone(),
            action,
        }
    }

    /// Members of the array are missing.
    pub(super) fn degraded(array: &Array) -> Refusal {
        Refusal::Degraded {
            array: array.name.clone(),
            missing: array.missing(),
        }
    }

    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::NoInitramfs => "no_initramfs",
            Refusal::InitramfsNotKnown(_) => "initramfs_not_known",
            Refusal::NameTaken(_) => "array_name_taken",
            Refusal::LevelNotMade(_) => "level_not_made",
            Refusal::TooFewMembers { .. } => "too_few_members",
            Refusal::Twice(_) => "device_named_twice",
            Refusal::SparesUseless(_) => "spares_useless",
            Refusal::BadChunk { .. } => "bad_chunk",
            Refusal::OptionUnfit { .. } => "option_unfit",
            Refusal::NotNamed(_) => "device_not_named",
            Refusal::NoSuchDevice(_) => "device_not_found",
            Refusal::NotUnique { .. } => "device_not_unique",
            Refusal::Unidentified(_) => "device_unidentified",
            Refusal::ReadOnly(_) => "device_read_only",
            Refusal::SystemDisk { .. } => "system_disk",
            Refusal::InUse { .. } => "device_in_use",
            Refusal::MemberOf { .. } => "device_is_member",
            Refusal::StandsOnArray { .. } => "device_stands_on_array",
            Refusal::TooSmall { .. } => "device_too_small",
            Refusal::NoSuchArray(_) => "array_not_found",
            Refusal::NoIdentity { .. } => "array_unidentified",
            Refusal::ForeignMetadata { .. } => "array_foreign_metadata",
            Refusal::NoSuchMember { .. } => "member_not_found",
            Refusal::MemberActive { .. } => "member_active",
            Refusal::AlreadyFaulty { .. } => "member_already_faulty",
            Refusal::WouldLoseData { .. } => "would_lose_data",
            Refusal::NotRedundant { .. } => "array_not_redundant",
            Refusal::NotStarted(_) => "array_not_started",
            Refusal::AlreadyStarted(_) => "array_already_started",
            Refusal::Busy { .. } => "array_busy",
            Refusal::Degraded { .. } => "array_degraded",
            Refusal::NoScrub(_) => "no_scrub_running",
            Refusal::ArrayReadOnly(_) => "array_read_only",
            Refusal::Paused(_) => "array_paused",
            Refusal::CannotGrow { .. } => "cannot_grow",
            Refusal::WouldShrink(_) => "would_shrink",
            Refusal::MembersLeft { .. } => "members_left",
            Refusal::TooFewSpares { .. } => "too_few_spares",
            Refusal::TooManyDevices { .. } => "too_many_devices",
            Refusal::WouldFill { .. } => "would_fill_slot",
            Refusal::NotTakenBack { .. } => "not_taken_back",
            Refusal::BadSpeed { .. } => "bad_speed_limit",
            Refusal::NoSpareHasToMove => "no_spare_has_to_move",
            Refusal::NotInOurConf(_) => "not_in_our_conf",
            Refusal::NoSpare(_) => "no_spare",
            Refusal::ArrayInUse { .. } => "array_in_use",
            Refusal::NothingToAssemble(_) => "nothing_to_assemble",
        }
    }

    /// What the caller can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Refusal::NoInitramfs => {
                "a container starts with the kernel of its host: run `update-initramfs -u` there if \
                 the host is to know the arrays"
                    .to_owned()
            }
            Refusal::InitramfsNotKnown(_) => {
                "`moxnas system initramfs` reads them again".to_owned()
            }
            Refusal::NameTaken(_) => "choose another name, or delete that array first".to_owned(),
            Refusal::LevelNotMade(_) => {
                "raid0, raid1, raid4, raid5, raid6 and raid10 can".to_owned()
            }
            Refusal::TooFewMembers { got, .. } => {
                let fits = [Level::Raid1, Level::Raid5, Level::Raid6]
                    .into_iter()
                    .rev()
                    .find(|it| geometry::members_min(it).is_some_and(|need| need as usize <= *got));
                format!("name more devices, or choose {}", fits?)
            }
            Refusal::Twice(_) => "name every device once".to_owned(),
            Refusal::BadChunk { .. } => {
                "use a power of two from 4 KiB up, with a striped level".to_owned()
            }
            Refusal::NoSuchDevice(_) => "`moxnas disk list` shows the devices".to_owned(),
            Refusal::NotUnique { .. } => {
                "take one of them out: md cannot tell them apart".to_owned()
            }
            Refusal::Unidentified(_) => {
                "attach it so that it tells its serial number, without a bridge that hides it"
                    .to_owned()
            }
            Refusal::SystemDisk { .. } => "choose a disk that the system is not on".to_owned(),
            Refusal::InUse {
                of: Use::Mount { at, .. },
                ..
            }
            | Refusal::ArrayInUse {
                of: Use::Mount { at, .. },
                ..
            } => format!("unmount {at} first"),
            Refusal::InUse {
                of: Use::Swap { device },
                ..
            }
            | Refusal::ArrayInUse {
                of: Use::Swap { device },
                ..
            } => {
                format!("swapoff /dev/{device} first")
            }
            Refusal::InUse {
                of: Use::Holder { device },
                ..
            }
            | Refusal::ArrayInUse {
                of: Use::Holder { device },
                ..
            } => {
                format!("take {device} down first")
            }
            Refusal::MemberOf { array, .. } => format!("remove it from {array} first"),
            Refusal::NoSuchArray(_) => "`moxnas array list` shows the arrays".to_owned(),
            Refusal::ForeignMetadata { .. } => "use the firmware's own tool".to_owned(),
            Refusal::NoSuchMember { array, .. } => {
                format!("`moxnas array show {array}` shows its members")
            }
            Refusal::MemberActive { array, device } => {
                format!("`moxnas array replace {array} {device}` keeps redundancy meanwhile")
            }
            Refusal::AlreadyFaulty { array, device } => {
                format!("`moxnas array remove {array} {device}` takes it off the list")
            }
            Refusal::WouldLoseData { array, .. } => {
                format!("add a device to {array} and wait until it is filled")
            }
            Refusal::NotStarted(array) => format!("`moxnas array assemble {array}` starts it"),
            Refusal::Busy {
                action: SyncAction::Check | SyncAction::Repair,
                array,
            } => {
                format!("`moxnas array scrub {array} --action idle` ends it")
            }
            Refusal::Busy { .. } => "wait until it is done".to_owned(),
            Refusal::Degraded { array, .. } => format!("`moxnas array add {array} DEVICE` first"),
            Refusal::ArrayReadOnly(array) => {
                format!("`moxnas array set {array} --read-only false` lets it be written")
            }
            Refusal::Paused(array) => {
                format!("`moxnas array set {array} --paused false` lets it go on")
            }
            Refusal::WouldShrink(_) => {
                "make a smaller array of other disks and copy what is on this one".to_owned()
            }
            Refusal::MembersLeft { array, .. } => {
                format!("`moxnas array fail {array} DEVICE` and remove it first")
            }
            Refusal::TooFewSpares { .. } => "name devices with --add".to_owned(),
            Refusal::TooManyDevices { array, .. } => {
                format!("`moxnas array add {array} DEVICE --spare` gives it spares")
            }
            Refusal::WouldFill { array, device, .. } => {
                format!("`moxnas array add {array} {device}` lets it")
            }
            Refusal::NotTakenBack { array, device, .. } => {
                format!("`moxnas array add {array} {device}` adds it as a new member")
            }
            Refusal::NotInOurConf(array) => {
                format!(
                    "take the line of {array} out of mdadm.conf, then add a device or begin a scrub: MoxNAS writes its own"
                )
            }
            Refusal::NoSpare(_) => "name a device with --with".to_owned(),
            Refusal::NotNamed(_) => {
                "write-mostly devices are members too: name it there".to_owned()
            }
            Refusal::SparesUseless(_)
            | Refusal::CannotGrow { .. }
            | Refusal::BadSpeed { .. }
            | Refusal::NoSpareHasToMove
            | Refusal::OptionUnfit { .. }
            | Refusal::ReadOnly(_)
            | Refusal::StandsOnArray { .. }
            | Refusal::TooSmall { .. }
            | Refusal::NoIdentity { .. }
            | Refusal::NotRedundant { .. }
            | Refusal::AlreadyStarted(_)
            | Refusal::NoScrub(_)
            | Refusal::NothingToAssemble(_) => return None,
        };
        Some(text)
    }
}
