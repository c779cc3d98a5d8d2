//! What is done to the disks of a real machine.

use std::{collections::BTreeMap, fs::OpenOptions, io, os::unix::fs::OpenOptionsExt, sync::Arc};

use nix::libc::{EBUSY, O_EXCL, O_NONBLOCK};

use super::{
    super::{
        Abilities, BlockDevice, BlockKind, Bus, DeviceId, DiskBackend, DiskStep, DiskWork,
        Language, Locator, ObserveError, OpenDisk, Sanitize, Signature, WorkError,
    },
    SystemDisks,
    direct::DirectDisk,
    sanitizing::{Talk, is_no_such_command, no_language},
    work_argv,
};
use crate::{
    cmd::{Runner, SystemRunner},
    root::Root,
    units::Bytes,
};

/// Works on the disks of a machine.
#[derive(Clone)]
pub struct SystemDiskWork {
    root: Root,
    runner: Arc<dyn Runner>,
}

impl SystemDiskWork {
    /// This machine.
    #[must_use]
    pub fn system() -> SystemDiskWork {
        SystemDiskWork::new(Root::system(), Arc::new(SystemRunner))
    }

    /// A machine whose files are below `root` and whose programs `runner` starts.
    #[must_use]
    pub fn new(root: Root, runner: Arc<dyn Runner>) -> SystemDiskWork {
        SystemDiskWork { root, runner }
    }

    /// The device as it is now.
    fn find(&self, device: &DeviceId) -> Result<BlockDevice, WorkError> {
        let seen = SystemDisks::new(self.root.clone()).devices()?;
        let found = seen.by_id(device).cloned();
        found.ok_or_else(|| WorkError::Gone(device.clone()))
    }

    /// A way to talk to a disk; in words why there is none.
    fn language(device: &BlockDevice) -> Result<Language, &'static str> {
        match &device.kind {
            BlockKind::Disk(disk) => match disk.bus {
                Bus::Ata => Ok(Language::Ata),
                Bus::Nvme => Ok(Language::Nvme),
                Bus::Scsi => Ok(Language::Scsi),
                Bus::Usb => Err("what its USB bridge makes of the command is anybody's guess"),
                Bus::Virtio => Err("it is a disk of a virtual machine"),
                Bus::Mmc => Err("it is a memory card"),
                Bus::Unknown => Err("how it is attached could not be told"),
            },
            _ => Err("it is no disk"),
        }
    }

    fn talk<T>(
        &self,
        device: &BlockDevice,
        language: Language,
        is_alone: bool,
        work: impl FnOnce(&Talk<'_>) -> Result<T, WorkError>,
    ) -> Result<T, WorkError> {
        let disk = &device.id;
        let path = disk.path().ok_or_else(|| WorkError::Gone(disk.clone()))?;
        let flags = if is_alone { O_EXCL } else { 0 };
        let opened = OpenOptions::new()
            .read(true)
            .write(is_alone)
            .custom_flags(O_NONBLOCK | flags)
            .open(self.root.path(path));
        let file = opened.map_err(|cause| match cause.raw_os_error() {
            Some(EBUSY) => WorkError::InUse(disk.clone()),
            _ if cause.kind() == io::ErrorKind::NotFound => WorkError::Gone(disk.clone()),
            _ => WorkError::Io {
                verb: "opened",
                disk: disk.clone(),
                cause,
            },
        })?;
        work(&Talk {
            file: &file,
            disk,
            language,
        })
    }

    /// A file of the kernel that holds a number.
    fn number(&self, path: &str) -> Option<u64> {
        self.root.read(path).ok()??.trim().parse().ok()
    }

    /// The slot of an enclosure, by the link that the kernel's driver of enclosures puts beside a
    /// disk: `device/enclosure_device:Slot 01`.
    fn slot(&self, name: &str) -> Option<Locator> {
        let device = format!("/sys/block/{name}/device");
        let names = self.root.list(&device).ok()?;
        let link = names
            .into_iter()
            .find(|it| it.starts_with("enclosure_device:"))?;
        let target = self.root.link(format!("{device}/{link}"))?;
        let part = |it: Option<&std::path::Path>| Some(it?.file_name()?.to_str()?.to_owned());
        let by = Locator::Slot {
            slot: part(Some(&target))?,
            enclosure: part(target.parent())?,
        };
        let file = by.file()?;
        self.root.exists(file).then_some(by)
    }

    fn locate(&self, step: &DiskStep) -> Result<(), WorkError> {
        let DiskStep::Locate { disk, by, on } = step else {
            return Ok(());
        };
        let Some(file) = by.file() else {
            return Ok(());
        };
        let name = self.find(disk)?.name;
        match self.slot(&name).as_ref() == Some(by) {
            true => Ok(self.root.poke(file, if *on { "1" } else { "0" })?),
            false => Err(WorkError::LightMoved(disk.clone())),
        }
    }
}

impl DiskWork for SystemDiskWork {
    fn abilities(&self) -> Result<BTreeMap<String, Abilities>, ObserveError> {
        let ledctl = work_argv::ledctl().find().map(|_| Locator::Ledctl);
        // Few machines have one, and to find a disk's slot is to list all that is known of the disk.
        let has_slots = self.root.list("/sys/class/enclosure");
        let has_slots = has_slots.is_ok_and(|it| !it.is_empty());
        let names = self.root.list("/sys/block")?;
        let disks = names
            .into_iter()
            .filter(|it| self.root.exists(format!("/sys/block/{it}/device")));
        Ok(disks
            .map(|it| {
                let discard_max = self.number(&format!("/sys/block/{it}/queue/discard_max_bytes"));
                let slot = has_slots.then(|| self.slot(&it)).flatten();
                let can = Abilities {
                    discard_max: Bytes(discard_max.unwrap_or(0)),
                    locator: slot.or_else(|| ledctl.clone()),
                };
                (it, can)
            })
            .collect())
    }

    fn light(&self, disk: &DeviceId) -> Result<Option<bool>, WorkError> {
        let name = self.find(disk)?.name;
        let file = self.slot(&name).as_ref().and_then(Locator::file);
        Ok(file.and_then(|it| self.number(&it)).map(|it| it != 0))
    }

    fn sanitize(&self, disk: &DeviceId) -> Result<Sanitize, WorkError> {
        let device = self.find(disk)?;
        let language = match SystemDiskWork::language(&device) {
            Ok(language) => language,
            Err(why) => return Ok(no_language(why)),
        };
        match self.talk(&device, language, false, |it| it.ask()) {
            Err(WorkError::Io { cause, .. }) if is_no_such_command(&cause) => {
                Ok(no_language("its controller takes no such commands"))
            }
            other => other,
        }
    }

    fn probe(&self, device: &DeviceId) -> Result<Vec<Signature>, WorkError> {
        let text = self.runner.run(&work_argv::probe(device)?)?.text();
        Ok(text.lines().filter_map(signature).collect())
    }

    fn apply(&self, step: &DiskStep) -> Result<(), WorkError> {
        if step.is_pass() {
            return Err(WorkError::IsPass(step.to_string()));
        }
        if let Some(cmd) = work_argv::argv(step)? {
            self.runner.run(&cmd)?;
        }
        match step {
            DiskStep::Sanitize { disk, command, .. } => {
                let device = self.find(disk)?;
                self.talk(&device, command.language, true, |it| it.begin(command))?;
            }
            DiskStep::Locate { .. } => self.locate(step)?,
            _ => {
                self.runner.run(&work_argv::settle())?;
            }
        }
        Ok(())
    }

    fn open(&self, disk: &DeviceId) -> Result<Box<dyn OpenDisk>, WorkError> {
        let device = self.find(disk)?;
        let path = disk.path().ok_or_else(|| WorkError::Gone(disk.clone()))?;
        let open = DirectDisk::open(&self.root.path(path), disk, device.size)?;
        Ok(Box::new(open))
    }
}

/// A line of `wipefs --parsable`: kind, UUID, label. A line of more or less is a signature too.
fn signature(line: &str) -> Option<Signature> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let mut parts = line.split(',').map(str::trim);
    let mut part = || parts.next().filter(|it| !it.is_empty()).map(str::to_owned);
    Some(Signature {
        kind: part().unwrap_or_else(|| "unknown".to_owned()),
        uuid: part(),
        label: part(),
        member: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_wipefs_is_overlooked() {
        assert_eq!(signature(""), None);
        assert_eq!(signature("# type,uuid,label"), None);
        let ext4 = signature("ext4,1234,media").unwrap();
        assert_eq!(ext4.describe(), "ext4 \"media\" 1234");
        assert_eq!(signature("dos,,").unwrap().describe(), "dos");
        assert_eq!(signature(",x").unwrap().kind, "unknown");
    }
}
