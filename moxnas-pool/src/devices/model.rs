//! What a look tells of a filesystem over several devices.

use moxnas_core::{disk::DeviceId, units::Bytes};
use serde::{Deserialize, Serialize};

use super::Profile;
use crate::{
    lvm::Kind,
    model::{Pool, Standing},
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
}

/// What the unit of a pool says of its devices, in a section that systemd passes over.
#[derive(Clone, Debug, PartialEq, Eq)]
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

    /// Why not all of it is there, with what to do; nothing, if all is.
    pub(crate) fn incomplete(&self, is_mounted: bool) -> Vec<String> {
        let of = self.members.len();
        let mut reasons = Vec::new();
        let missing: Vec<&str> = self.missing().map(|it| it.uuid.as_str()).collect();
        if !missing.is_empty() {
            let (count, missing) = (missing.len(), missing.join(", "));
            let rest = match is_mounted {
                true => "what is written has fewer copies",
                false => "it is not mounted without by itself",
            };
            reasons.push(format!(
                "{count} of its {of} devices not there ({missing}): {rest}"
            ));
        }
        if is_mounted {
            let idle = self.members.iter().filter(|it| !it.in_use);
            reasons.extend(idle.filter_map(|it| it.device.as_ref()).map(|it| {
                format!(
                    "{it} is one of its devices and is not used: it came back, which counts when the \
                     pool is mounted again; a check with repair makes it agree then"
                )
            }));
        }
        reasons
    }

    /// How a pool is for it that is mounted.
    pub(crate) fn judge_mounted(&self, at: &str, reasons: &mut Vec<String>) -> Standing {
        let before = reasons.len();
        reasons.extend(self.incomplete(true));
        if let Some(profile) = self.profile {
            let others = self.profiles.iter().filter(|it| *it != profile.word());
            let others: Vec<&str> = others.map(String::as_str).collect();
            if !others.is_empty() {
                let metadata = profile.of_metadata();
                reasons.push(format!(
                    "some of its data have the profile {}, not {profile}: `btrfs balance start \
                     -dconvert={profile},soft -mconvert={metadata},soft {at}` puts that right",
                    others.join(" and ")
                ));
            }
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
