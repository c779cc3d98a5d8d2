//! The real machine: facts from sysfs, steps through mdadm(8).

pub mod argv;
mod initramfs;
mod names;
pub mod sysfs;

use std::sync::Arc;

use moxnas_core::{
    cmd::{Runner, SystemRunner},
    disk::{DiskBackend, SystemDisks},
    names::SpareGroup,
    root::Root,
};

use crate::{
    backend::{BackendError, RaidBackend},
    conf::{self, CONF_PATH, Conf},
    initramfs::Image,
    model::Inventory,
    plan::{ArrayRef, SpeedWish, Step},
};

/// md arrays of a real machine.
///
/// Looking reads sysfs, udev's database and mdadm.conf, opens no disk and starts no program.
/// [`RaidBackend::initramfs`] is no part of a look.
/// Doing runs the commands of [`argv::argv`] and waits until udev has caught up.
pub struct Mdadm {
    root: Root,
    runner: Arc<dyn Runner>,
}

impl Mdadm {
    /// This machine.
    #[must_use]
    pub fn system() -> Mdadm {
        Mdadm::new(Root::system(), Arc::new(SystemRunner))
    }

    /// A machine whose files are below `root` and whose programs `runner` starts.
    #[must_use]
    pub fn new(root: Root, runner: Arc<dyn Runner>) -> Mdadm {
        Mdadm { root, runner }
    }

    /// The array a step speaks of must still have the kernel name that the step will use.
    fn check_identity(&self, array: &ArrayRef) -> Result<(), BackendError> {
        let seen = self.observe()?;
        let found = seen.by_uuid(&array.uuid);
        match found.is_some_and(|it| it.kernel_name == array.kernel_name) {
            true => Ok(()),
            false => Err(BackendError::ArrayGone(array.name.clone())),
        }
    }

    /// A device that is given away must hold nothing by now: what the plan knew of was wiped by
    /// the steps before, and what udev did not know of would be lost without having been shown.
    fn check_blank(&self, step: &Step) -> Result<(), BackendError> {
        for cmd in argv::probes(step)? {
            let found = self.runner.run(&cmd)?.text();
            let kinds: Vec<&str> = found.split_whitespace().collect();
            if !kinds.is_empty() {
                let device = cmd.words().pop().unwrap_or_default();
                let found = kinds.join(", ");
                return Err(BackendError::NotBlank { device, found });
            }
        }
        Ok(())
    }

    fn edit_conf(&self, edit: impl FnOnce(&str) -> String) -> Result<(), BackendError> {
        let text = self.root.read(CONF_PATH)?.unwrap_or_default();
        let edited = edit(&text);
        if edited != text {
            self.root.replace(CONF_PATH, edited.as_bytes(), 0o644)?;
        }
        Ok(())
    }

    /// Writing the lower bound above the upper one is refused by nobody, and then the upper one does
    /// not hold; the plan has compared them.
    fn set_speed(
        &self,
        array: &ArrayRef,
        min: Option<SpeedWish>,
        max: Option<SpeedWish>,
    ) -> Result<(), BackendError> {
        for (file, wish) in [("sync_speed_min", min), ("sync_speed_max", max)] {
            let text = match wish {
                None => continue,
                Some(SpeedWish::Own(it)) => it.kib().to_string(),
                Some(SpeedWish::OfAll) => "system".to_owned(),
            };
            let path = format!("/sys/block/{}/md/{file}", array.kernel_name);
            self.root.poke(path, &text)?;
        }
        Ok(())
    }

    fn record(&self, name: &str) -> Result<(), BackendError> {
        let gone = || BackendError::ArrayGone(name.to_owned());
        let seen = self.observe()?;
        let uuid = seen
            .find(name)
            .and_then(|it| it.uuid.clone())
            .ok_or_else(gone)?;
        self.edit_conf(|text| conf::with_array(text, &uuid, &format!("/dev/md/{name}")))
    }
}

impl RaidBackend for Mdadm {
    fn observe(&self) -> Result<Inventory, BackendError> {
        let devices = SystemDisks::new(self.root.clone()).devices()?;
        let (arrays, mut errors) = sysfs::read_arrays(&self.root, &devices)?;
        let conf = match self.root.read(CONF_PATH) {
            Ok(text) => Conf::parse(&text.unwrap_or_default()),
            Err(err) => {
                errors.push(moxnas_core::chain::chain(&err));
                Conf::default()
            }
        };
        Ok(Inventory {
            arrays,
            devices,
            conf,
            errors,
        })
    }

    fn initramfs(&self, known: &[Image]) -> Result<Vec<Image>, BackendError> {
        initramfs::images(&self.root, &*self.runner, known)
    }

    fn apply(&self, step: &Step) -> Result<(), BackendError> {
        if let Some(array) = step.array() {
            self.check_identity(array)?;
        }
        match step {
            Step::Record { name } => return self.record(name.as_str()),
            Step::Forget { uuid } => return self.edit_conf(|it| conf::without_array(it, uuid)),
            Step::SetSpareGroup { array, group } => {
                let group = group.as_ref().map(SpareGroup::as_str);
                return self.edit_conf(|it| conf::with_spare_group(it, &array.uuid, group));
            }
            Step::SetSpeed { array, min, max } => return self.set_speed(array, *min, *max),
            _ => (),
        }
        self.check_blank(step)?;
        for cmd in argv::argv(step)? {
            self.runner.run(&cmd)?;
        }
        for cmd in argv::catch_up(step)? {
            self.runner.run(&cmd)?;
        }
        Ok(())
    }

    fn tidy(&self) -> Result<(), BackendError> {
        self.root.forget_unfinished(CONF_PATH)?;
        initramfs::tidy(&self.root)
    }
}
