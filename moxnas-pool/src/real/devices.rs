//! Several devices of one filesystem: what of their steps is done without a program.

use moxnas_core::disk::{BlockDevice, DeviceId, DiskBackend as _, SystemDisks};

use super::{SystemPools, folders, path_of};
use crate::{
    backend::BackendError,
    devices::{self, DevicesStep, DevicesUnit, Profile},
    model::{Filesystem, PoolName},
    plan::unit,
    unit::mount_point,
};

impl SystemPools {
    pub(super) fn before_devices(
        &self,
        pool: &PoolName,
        step: &DevicesStep,
    ) -> Result<(), BackendError> {
        match step {
            DevicesStep::Make { devices, .. } => {
                devices.iter().try_for_each(|it| self.check_blank(it))
            }
            DevicesStep::WriteUnit {
                devices,
                profile,
                options,
                missing,
            } => {
                let mut noted = self.note_of(devices, *profile)?;
                noted.1.members.extend(missing.iter().cloned());
                self.write_unit_of(pool, noted, options)
            }
            DevicesStep::Add { device } | DevicesStep::Replace { device, .. } => {
                self.check_blank(device)
            }
            DevicesStep::Remove { .. }
            | DevicesStep::Balance { .. }
            | DevicesStep::Resize { .. }
            | DevicesStep::End { .. } => Ok(()),
            DevicesStep::MountDegraded { .. } => {
                self.check_folder(mount_point(pool))?;
                Ok(folders::make_folder(&self.root, &mount_point(pool))?)
            }
        }
    }

    fn note_of(
        &self,
        ids: &[DeviceId],
        profile: Option<Profile>,
    ) -> Result<(String, DevicesUnit), BackendError> {
        let seen = SystemDisks::new(self.root.clone()).devices()?;
        let mut found: Vec<&BlockDevice> = Vec::new();
        for id in ids {
            let device = seen.by_id(id);
            found.push(device.ok_or_else(|| BackendError::DeviceGone(id.clone()))?);
        }
        devices_unit(&found, ids, profile)
    }

    fn write_unit_of(
        &self,
        pool: &PoolName,
        (uuid, noted): (String, DevicesUnit),
        options: &[String],
    ) -> Result<(), BackendError> {
        let mut unit = unit(pool, Filesystem::Btrfs, options, uuid);
        unit.devices = Some(noted);
        let text = unit.render();
        Ok(self.root.replace(path_of(pool), text.as_bytes(), 0o644)?)
    }
}

/// What the unit says of these devices, if all of them are of one filesystem.
pub(crate) fn devices_unit(
    found: &[&BlockDevice],
    ids: &[DeviceId],
    profile: Option<Profile>,
) -> Result<(String, DevicesUnit), BackendError> {
    let not = |device: &DeviceId| BackendError::NoFilesystem {
        device: device.clone(),
        filesystem: Filesystem::Btrfs,
    };
    let first = ids.first().zip(found.first());
    let uuid = first.and_then(|(_, it)| {
        let mut all = it.signatures.iter();
        all.find(|it| it.kind == Filesystem::Btrfs.word())?
            .uuid
            .clone()
    });
    let (Some((id, _)), Some(uuid)) = (first, uuid) else {
        return Err(not(&ids
            .first()
            .cloned()
            .unwrap_or(DeviceId::Kernel(String::new()))));
    };
    let noted = devices::noted(found, &uuid).filter(|it| it.members.len() == ids.len());
    let mut noted = noted.ok_or_else(|| not(id))?;
    noted.profile = profile;
    Ok((uuid, noted))
}
