//! What a look tells of a filesystem over several devices.

use moxnas_core::{disk::DeviceId, units::Bytes};
use serde::{Deserialize, Serialize};

use super::Profile;
use crate::{
    lvm::Kind,
    model::{Pool, PoolName, Standing},
};

/// The devices of a pool that has several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Devices {
    /// How its data are to be put on them; `None`: it was not made here, and nobody has said.
    pub profile: Option<Profile>,
    /// The devices, as they were noted; then those that nobody has noted.
    pub members: Vec<Member>,
    /// The profiles that its data have in truth, in the words of the kernel; none while it is not
    /// mounted.
    pub profiles: Vec<String>,
    /// The numbers of all that the kernel knows of, be they there or not; none while it is not mounted.
    #[serde(default)]
    pub numbers: Vec<u64>,
    /// What the kernel does with them as a whole, in its words, such as `device replace`; `None`:
    /// nothing.
    #[serde(default)]
    pub busy: Option<String>,
}

/// One of the devices of a filesystem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its UUID among them, which blkid(8) calls `UUID_SUB`.
    pub uuid: String,
    /// The device; `None`: it is not there.
    pub device: Option<DeviceId>,
    /// Its size.
    pub size: Option<Bytes>,
    /// Whether the kernel works with it, as the filesystem is mounted.
    pub in_use: bool,
    /// Whether the unit notes it.
    pub is_noted: bool,
}

/// What the unit of a pool says of its devices, in a section that systemd passes over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DevicesUnit {
    /// How its data are to be put on them.
    pub profile: Option<Profile>,
    /// The UUIDs of the devices among them.
    pub members: Vec<String>,
}

impl Devices {
    /// The devices that are there.
    pub fn there(&self) -> impl Iterator<Item = &DeviceId> {
        self.members.iter().filter_map(|it| it.device.as_ref())
    }

    /// The members that are not there.
    pub fn missing(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|it| it.device.is_none())
    }

    /// How many that the kernel knows of are not there, of a pool that is mounted.
    #[must_use]
    pub fn lost(&self) -> usize {
        if self.numbers.is_empty() {
            return self.missing().count();
        }
        let in_use = self.members.iter().filter(|it| it.in_use).count();
        self.numbers.len().saturating_sub(in_use)
    }

    /// How its data should be put on them: as was said, or as most copies of them are.
    #[must_use]
    pub fn wished(&self) -> Profile {
        let seen = self.profiles.iter().filter_map(|it| it.parse().ok());
        let most = seen.max_by_key(|it: &Profile| it.may_lose());
        self.profile.or(most).unwrap_or(Profile::Single)
    }

    /// The profiles that some of its data have and should not.
    pub(crate) fn others(&self) -> Vec<&str> {
        let wished = self.wished().word();
        let others = self.profiles.iter().map(String::as_str);
        others.filter(|it| *it != wished).collect()
    }

    /// Why not all of it is there, with what to do; nothing, if all is.
    pub(crate) fn incomplete(&self, pool: &PoolName, is_mounted: bool) -> Vec<String> {
        let of = self.members.len();
        let mut reasons = Vec::new();
        let missing: Vec<&str> = self.missing().map(|it| it.uuid.as_str()).collect();
        if !missing.is_empty() {
            let (count, missing) = (missing.len(), missing.join(", "));
            reasons.push(match (is_mounted, self.lost()) {
                (true, 0) => format!(
                    "{count} of its {of} devices not there ({missing}), which it does without: \
                     `moxnas pool device remove {pool} missing` forgets it"
                ),
                (true, _) => format!(
                    "{count} of its {of} devices not there ({missing}): what is written has fewer \
                     copies; `moxnas pool device replace {pool} missing DEVICE` puts another one in \
                     its place"
                ),
                (false, _) => format!(
                    "{count} of its {of} devices not there ({missing}): it is not mounted without by \
                     itself; `moxnas pool mount {pool}` does, with fewer copies"
                ),
            });
        }
        if is_mounted {
            let idle = self.members.iter().filter(|it| !it.in_use);
            let idle = idle.filter_map(|it| Some((it.device.as_ref()?, it.is_noted)));
            reasons.extend(idle.map(|(device, is_noted)| match is_noted {
                true => format!(
                    "{device} is one of its devices and is not used: it came back, which counts when \
                     the pool is mounted again; a check with repair makes it agree then"
                ),
                false => format!(
                    "{device} was one of its devices and is none any more: `moxnas disk wipe` erases \
                     what it has of it"
                ),
            }));
        }
        reasons
    }

    /// How a pool is for it that is mounted.
    pub(crate) fn judge_mounted(&self, pool: &PoolName, reasons: &mut Vec<String>) -> Standing {
        let before = reasons.len();
        reasons.extend(self.incomplete(pool, true));
        let (wished, others) = (self.wished(), self.others());
        if !others.is_empty() {
            reasons.push(format!(
                "some of its data have the profile {}, not {wished}: `moxnas pool balance {pool}` puts \
                 that right",
                others.join(" and ")
            ));
        }
        match reasons.len() > before {
            true => Standing::Damaged,
            false => Standing::Mounted,
        }
    }
}

impl Pool {
    /// The devices that it is on, as far as they are there: also those of which one is a copy of the
    /// other.
    pub fn devices(&self) -> impl Iterator<Item = &DeviceId> {
        let members = match &self.kind {
            Kind::Devices(it) => it.members.as_slice(),
            Kind::Filesystem | Kind::Thin(_) | Kind::Directory(_) => &[],
        };
        let members = members.iter().filter_map(|it| it.device.as_ref());
        self.device.iter().chain(&self.clones).chain(members)
    }
}
