//! The devices of a filesystem among the block devices of a look.

use std::collections::BTreeMap;

use moxnas_core::{
    disk::{BlockDevice, DeviceId},
    units::Bytes,
};

use super::{Devices, DevicesUnit, Member};
use crate::{
    lvm::Kind,
    model::{Filesystem, Pool},
    unit::MountUnit,
};

/// What a unit would note of these devices, if they are several of one filesystem and not copies of one.
pub(crate) fn noted(with: &[&BlockDevice], uuid: &str) -> Option<DevicesUnit> {
    let members: BTreeMap<&str, &BlockDevice> = with
        .iter()
        .filter_map(|it| Some((member_of(it, uuid)?, *it)))
        .collect();
    (members.len() > 1).then(|| DevicesUnit {
        profile: None,
        members: members.into_keys().map(str::to_owned).collect(),
    })
}

/// Which of the devices of this btrfs a device is.
pub(super) fn member_of<'a>(device: &'a BlockDevice, uuid: &str) -> Option<&'a str> {
    let mut all = device.signatures.iter();
    let found =
        all.find(|it| it.kind == Filesystem::Btrfs.word() && it.uuid.as_deref() == Some(uuid));
    found?.member.as_deref()
}

/// A pool of several devices, of all devices that have its filesystem.
pub(crate) fn pool(
    with: &[&BlockDevice],
    covered_by: Option<DeviceId>,
    unit: MountUnit,
    noted: DevicesUnit,
) -> Pool {
    let at = unit.at();
    let is_at = |it: &BlockDevice| it.mounts.contains(&at);
    let mut names = noted.members;
    let known = names.len();
    for it in with.iter().filter_map(|it| member_of(it, &unit.uuid)) {
        if !names.iter().any(|known| known == it) {
            names.push(it.to_owned());
        }
    }
    let mut clones = Vec::new();
    let one = |(place, uuid): (usize, String)| {
        let mut on: Vec<&&BlockDevice> = with
            .iter()
            .filter(|it| member_of(it, &unit.uuid) == Some(&uuid))
            .collect();
        // The one that is mounted first, if any: it is the member, whatever the others are.
        on.sort_by_key(|it| (!is_at(it), it.id.to_string()));
        clones.extend(on.iter().skip(1).map(|it| it.id.clone()));
        let first = on.first();
        Member {
            uuid,
            device: first.map(|it| it.id.clone()),
            size: first.map(|it| it.size),
            in_use: first.is_some_and(|it| is_at(it)),
            is_noted: place < known,
        }
    };
    let members: Vec<Member> = names.into_iter().enumerate().map(one).collect();
    let sizes = members.iter().filter_map(|it| it.size);
    let size: Bytes = sizes.sum();
    let device = members.iter().find(|it| it.in_use);
    let device = device.or_else(|| members.iter().find(|it| it.device.is_some()));
    Pool {
        covered_by,
        size: device.is_some().then_some(size),
        device: device.and_then(|it| it.device.clone()),
        is_mounted: members.iter().any(|it| it.in_use),
        kind: Kind::Devices(Devices {
            profile: noted.profile,
            profiles: Vec::new(),
            numbers: Vec::new(),
            busy: None,
            members,
        }),
        clones,
        name: unit.name,
        filesystem: unit.filesystem,
        uuid: unit.uuid,
        options: unit.options,
        at,
        is_wanted: false,
        is_forced_read_only: false,
        errors: Vec::new(),
        last_error: None,
    }
}
