//! The real machine: units in `/etc/systemd/system`, filesystems made by their own programs.

pub mod argv;
mod attributes;
pub mod btrfs;
mod devices;
mod directory;
mod folders;
mod heard;
mod lvm;
mod projects;
mod receive;
mod transfer;
mod troubles;
mod usage;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use moxnas_core::{
    chain::chain,
    cmd::{Cause, CmdError, Output, Runner, SystemRunner},
    disk::{BlockDevices, DeviceId, DiskBackend, SystemDisks},
    root::Root,
    units::Bytes,
};

use self::heard::Heard;
pub use self::lvm::unit_file;
pub(crate) use self::{
    devices::devices_unit,
    heard::WHAT as HEARD,
    lvm::{group_unit, wanted},
};
use crate::{
    backend::{BackendError, PoolBackend},
    check::{Checked, NotChecked},
    dataset::{self, AccountKind, AccountName, Contents},
    directory::{Folder, FolderPath},
    lvm::Kind,
    model::{Filesystem, Pool, PoolName, Pools},
    plan::{Step, unit},
    replica::{self, Route},
    unit::{UNIT_FOLDER, is_uuid, mount_point, unit_of},
};

/// Pools of a real machine.
pub struct SystemPools {
    root: Root,
    runner: Arc<dyn Runner>,
    heard: Mutex<Heard>,
}

impl SystemPools {
    /// This machine.
    #[must_use]
    pub fn system() -> SystemPools {
        SystemPools::new(Root::system(), Arc::new(SystemRunner))
    }

    /// A machine whose files are below `root` and whose programs `runner` starts.
    #[must_use]
    pub fn new(root: Root, runner: Arc<dyn Runner>) -> SystemPools {
        SystemPools {
            root,
            runner,
            heard: Mutex::default(),
        }
    }

    /// udev's database may be behind: what libblkid finds at the last moment counts.
    fn check_blank(&self, device: &DeviceId) -> Result<(), BackendError> {
        let found = self.runner.run(&argv::probe(device)?)?.text();
        let kinds: Vec<&str> = found.split_whitespace().collect();
        match kinds.is_empty() {
            true => Ok(()),
            false => Err(BackendError::NotBlank {
                device: device.clone(),
                found: kinds.join(", "),
            }),
        }
    }

    fn write_unit(
        &self,
        pool: &PoolName,
        device: &DeviceId,
        filesystem: Filesystem,
        options: &[String],
    ) -> Result<(), BackendError> {
        let seen = SystemDisks::new(self.root.clone()).devices()?;
        let found = seen.by_id(device);
        let found = found.ok_or_else(|| BackendError::DeviceGone(device.clone()))?;
        let signature = found
            .signatures
            .iter()
            .find(|it| it.kind == filesystem.word());
        let uuid = signature.and_then(|it| it.uuid.clone());
        let uuid = uuid.filter(|it| is_uuid(it));
        let uuid = uuid.ok_or_else(|| BackendError::NoFilesystem {
            device: device.clone(),
            filesystem,
        })?;
        let text = unit(pool, filesystem, options, uuid).render();
        Ok(self.root.replace(path_of(pool), text.as_bytes(), 0o644)?)
    }

    /// Files that are there already would be hidden, and nobody would know where they went.
    fn check_folder(&self, at: String) -> Result<(), BackendError> {
        // Before it is asked whether it is mounted: systemd may mount it meanwhile, as it does a dataset
        // whose pool was mounted, and then what is found is what is in it.
        if self.root.list(&at)?.is_empty() {
            return Ok(());
        }
        let devices = SystemDisks::new(self.root.clone()).devices()?;
        let is_mounted = devices.by_name.values().any(|it| it.mounts.contains(&at));
        match is_mounted {
            true => Ok(()),
            false => Err(BackendError::FolderNotEmpty { at }),
        }
    }

    fn subvolumes(&self, pool: &Pool) -> Result<Contents, BackendError> {
        let said = argv::subvolumes(&pool.name);
        let said = said.map(|it| self.runner.run(&it).map(|it| it.text()));
        let [all, read_only, snapshots] = said;
        let (all, read_only, snapshots) = (all?, read_only?, snapshots?);
        let lists = btrfs::Lists {
            all: &all,
            read_only: &read_only,
            snapshots: &snapshots,
        };
        let counting = btrfs::counting(&self.root, &pool.uuid)?;
        let counted = |id| btrfs::counted(&self.root, &pool.uuid, id, counting);
        let mut contents = btrfs::contents(lists, counted)??;
        contents.counting = counting;
        // What is no subvolume has its name all the same.
        for name in self.root.list(&pool.at)? {
            let is_known = contents.dataset(&name).is_some() || contents.others.contains(&name);
            if !is_known && !name.starts_with('.') {
                contents.others.push(name);
            }
        }
        contents.take_notes(|it| folders::note(&self.root, &pool.name, it))?;
        contents.sort();
        Ok(contents)
    }

    /// Why systemd did not mount what is at this place in a pool, where the journal says it.
    fn not_mounted(&self, pool: &PoolName, at: &str, err: CmdError) -> BackendError {
        let said = self.runner.run(&argv::journal(at));
        let said = said.map(|it| it.text()).unwrap_or_default();
        let lines: Vec<&str> = said.lines().map(str::trim).collect();
        match lines.is_empty() {
            true => err.into(),
            false => BackendError::NotMounted {
                pool: pool.clone(),
                why: lines.join("; "),
                source: err,
            },
        }
    }

    /// Who keeps something from being unmounted, in place of an error that does not say it.
    fn busy(&self, at: String, err: CmdError) -> BackendError {
        let by: Vec<String> = users(&self.root, &at).into_iter().collect();
        match by.is_empty() {
            true => err.into(),
            false => BackendError::Busy { at, by },
        }
    }
}

/// Where the unit of a pool is.
#[must_use]
pub fn path_of(pool: &PoolName) -> String {
    format!("{UNIT_FOLDER}/{}", unit_of(&mount_point(pool)))
}

/// The processes that have a file or a folder below `at` open, or work in it.
fn users(root: &Root, at: &str) -> BTreeSet<String> {
    let below = format!("{at}/");
    let is_in = |path: &str| {
        let link = root.link(path);
        let link = link.as_deref().and_then(|it| it.to_str());
        link.is_some_and(|it| it == at || it.starts_with(&below))
    };
    let processes = root.list("/proc").unwrap_or_default();
    let numbers = processes
        .iter()
        .filter(|it| it.bytes().all(|it| it.is_ascii_digit()));
    numbers
        .filter(|it| {
            let files = root.list(format!("/proc/{it}/fd")).unwrap_or_default();
            let files = files.iter().map(|fd| format!("/proc/{it}/fd/{fd}"));
            let works = ["cwd", "root", "exe"].map(|what| format!("/proc/{it}/{what}"));
            works.into_iter().chain(files).any(|it| is_in(&it))
        })
        .map(|it| {
            let name = root.read(format!("/proc/{it}/comm")).ok().flatten();
            let name = name.unwrap_or_default();
            format!("{} (process {it})", name.trim())
        })
        .collect()
}

impl PoolBackend for SystemPools {
    fn observe(&self, devices: &BlockDevices) -> Result<Pools, BackendError> {
        let files = self.root.list(UNIT_FOLDER)?;
        let mut pools = Pools::assemble(devices, &files, |path| {
            let text = self.root.read(path);
            text.map(Option::unwrap_or_default)
                .map_err(|err| chain(&err))
        });
        troubles::find(&self.root, devices, &mut pools, &self.heard)?;
        directory::find(&self.root, &mut pools)?;
        Ok(pools)
    }

    fn contents(&self, pool: &Pool) -> Result<Contents, BackendError> {
        if !pool.is_mounted {
            return Err(BackendError::NotThere(pool.name.clone()));
        }
        match &pool.kind {
            Kind::Thin(_) => {
                let mut contents = self.volumes(pool)?;
                attributes::look_into(&self.root, pool, &mut contents);
                return Ok(contents);
            }
            Kind::Directory(it) => {
                let mut contents = directory::contents(&self.root, pool, it)?;
                attributes::look_into(&self.root, pool, &mut contents);
                return Ok(contents);
            }
            Kind::Filesystem | Kind::Devices(_) => (),
        }
        let mut contents = match pool.filesystem {
            Filesystem::Btrfs => self.subvolumes(pool)?,
            Filesystem::Ext4 | Filesystem::Xfs => {
                projects::contents(&self.root, self.runner.as_ref(), pool)?
            }
        };
        self.ask_devices(pool, &mut contents)?;
        contents.space = folders::space(&self.root, &pool.at)?;
        attributes::look_into(&self.root, pool, &mut contents);
        Ok(contents)
    }

    fn account(&self, kind: AccountKind, name: &AccountName) -> Result<Option<u32>, BackendError> {
        attributes::account(kind, name)
    }

    fn folder(&self, path: &FolderPath) -> Result<Folder, BackendError> {
        directory::folder(&self.root, path)
    }

    fn check(&self, step: &Step, is_wanted: &dyn Fn() -> bool) -> Result<Checked, BackendError> {
        let run = || -> Result<Output, BackendError> {
            let Some(cmd) = argv::argv(step)? else {
                return Ok(Output::default());
            };
            self.runner
                .run_while(&cmd, is_wanted)
                .map_err(|err| match err.cause {
                    Cause::Ended => BackendError::Ended,
                    _ => err.into(),
                })
        };
        match step {
            Step::Check { filesystem, .. } => Ok(Checked::of_check(*filesystem, &run()?)?),
            Step::Scrub { repair, .. } => Ok(Checked::of_scrub(*repair, &run()?)?),
            step if step.is_check() => Ok(Checked::of_metadata(&run()?)?),
            other => Err(NotChecked::Failed(format!("{other} is no check")).into()),
        }
    }

    fn transfer(
        &self,
        route: &Route,
        step: &replica::Step,
        is_wanted: &dyn Fn() -> bool,
        passed: &dyn Fn(Bytes),
    ) -> Result<(), BackendError> {
        transfer::carry_out(
            &self.root,
            self.runner.as_ref(),
            (route, step),
            is_wanted,
            passed,
        )
    }

    fn apply(&self, step: &Step) -> Result<(), BackendError> {
        match step {
            Step::Replicate { route, step } => {
                return self.transfer(route, step, &|| true, &|_| ());
            }
            Step::There { target, .. } => return Err(BackendError::Elsewhere(target.clone())),
            step if step.is_check() => return self.check(step, &|| true)?.done(),
            Step::MakeFilesystem { device, .. } => self.check_blank(device)?,
            Step::WriteUnit {
                pool,
                device,
                filesystem,
                options,
            } => self.write_unit(pool, device, *filesystem, options)?,
            Step::RemoveUnit { pool } => self.root.remove(path_of(pool))?,
            Step::Mount { pool } => self.check_folder(mount_point(pool))?,
            Step::Devices { pool, step } => self.before_devices(pool, step)?,
            Step::Directory { pool, path, step } => {
                directory::apply(&self.root, pool, path, step)?;
            }
            Step::Thin { pool, step } => match self.before_group(pool, step)? {
                true => (),
                false => return Ok(()),
            },
            Step::Inside {
                pool,
                step: dataset::Step::Volume { step },
            } => match self.before_volume(pool, step)? {
                true => (),
                false => return Ok(()),
            },
            Step::Inside { pool, step } => folders::move_inside(&self.root, pool, step)?,
            Step::Unmount { .. }
            | Step::Disable { .. }
            | Step::WipeSignatures { .. }
            | Step::ForgetErrors { .. }
            | Step::Check { .. }
            | Step::Scrub { .. }
            | Step::Grow { .. } => (),
        }
        if let Some(cmd) = argv::argv(step)? {
            let done = self.runner.run(&cmd);
            if done.is_err() && matches!(step, Step::Devices { .. }) {
                // Also what was ended in the middle has changed what is on devices.
                for cmd in argv::catch_up(step)? {
                    _ = self.runner.run(&cmd);
                }
            }
            done.map_err(|err| match step {
                Step::Unmount { pool } => self.busy(mount_point(pool), err),
                Step::Mount { pool } => self.not_mounted(pool, &mount_point(pool), err),
                Step::Inside {
                    pool,
                    step: dataset::Step::Volume { step },
                } => self.volume_failed(pool, step, err),
                _ => err.into(),
            })?;
        }
        for cmd in argv::catch_up(step)? {
            self.runner.run(&cmd)?;
        }
        if let Step::Inside { pool, step } = step {
            folders::tidy_inside(&self.root, pool, step)?;
        }
        Ok(())
    }
}
