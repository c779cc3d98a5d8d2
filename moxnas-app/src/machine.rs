//! The machine under the service: real or simulated, chosen once, and nobody above knows which.

use std::{fmt, path::Path, sync::Arc};

use moxnas_core::{
    clock::{Clock, SystemClock},
    disk::{
        DeviceId, DiskId, DiskStep, DiskWork, NoSelfTests, SelfTests, SimDiskWork, SystemDiskWork,
        WorkError, work_argv,
    },
    names::SpareGroup,
    root::Root,
    sim::SimMachine,
};
use moxnas_pool::{
    self as pool,
    backend::PoolBackend,
    dataset,
    devices::{DevicesStep, DevicesUnit},
    directory::{self, DirectoryStep},
    lvm::{GroupStep, ThinUnit},
    model::Filesystem,
    real::SystemPools,
    remote::{self, SimTargets, SshTargets, TargetBackend},
    replica::Route,
    sim::SimPools,
};
use moxnas_raid::{
    self as raid, BackendError, Mdadm, RaidBackend, SimRaid,
    conf::{self, CONF_PATH},
    consequences::{LostContent, StepOutlook},
    initramfs::{IMAGE_FOLDER, releases},
    real::argv,
};
use moxnas_telemetry::{ProcSource, SimSource, Source};
use serde::Serialize;

use crate::{
    disk_plan,
    new_array::{NotThatArray, OnNewArray},
    report::{FileReport, StepReport},
    seen::Seen,
    settings::DATA_DIR,
    targets::key_folder,
};

/// The backends of one machine.
#[derive(Clone)]
pub struct Machine {
    /// Arrays and block devices.
    pub raid: Arc<dyn RaidBackend>,
    /// Pools.
    pub pools: Arc<dyn PoolBackend>,
    /// Other machines that take replicas.
    pub targets: Arc<dyn TargetBackend>,
    /// What is done to single disks.
    pub disks: Arc<dyn DiskWork>,
    /// Disks that test themselves.
    pub self_tests: Arc<dyn SelfTests>,
    /// Figures.
    pub figures: Arc<dyn Source>,
    /// The machine's time.
    pub clock: Arc<dyn Clock>,
    /// What only the operating system tells.
    pub host: Arc<dyn Host>,
    /// Whether its kernels start with an initramfs, as they did when this was made.
    pub has_initramfs: bool,
}

/// What only the operating system tells.
pub trait Host: Send + Sync {
    /// Another one after each start of the machine, random(4). `None` if the kernel does not say.
    fn boot_id(&self) -> Option<String>;

    /// The text of a configuration file; `None` if there is none, or it cannot be read as text.
    fn config_file(&self, path: &str) -> Option<String>;
}

impl Host for Root {
    fn boot_id(&self) -> Option<String> {
        let text = self.read("/proc/sys/kernel/random/boot_id");
        text.ok().flatten().map(|it| it.trim().to_owned())
    }

    fn config_file(&self, path: &str) -> Option<String> {
        self.read(path).ok().flatten()
    }
}

impl Host for SimMachine {
    fn boot_id(&self) -> Option<String> {
        Some(format!("start {}", self.starts()))
    }

    fn config_file(&self, path: &str) -> Option<String> {
        self.state().files.get(path).cloned()
    }
}

impl Machine {
    /// This very machine.
    #[must_use]
    pub fn system() -> Machine {
        let root = Root::system();
        Machine {
            raid: Arc::new(Mdadm::system()),
            pools: Arc::new(SystemPools::system()),
            targets: Arc::new(SshTargets::system(&key_folder(Path::new(DATA_DIR)))),
            disks: Arc::new(SystemDiskWork::system()),
            self_tests: Arc::new(NoSelfTests),
            has_initramfs: has_image(&root.list(IMAGE_FOLDER).unwrap_or_default()),
            figures: Arc::new(ProcSource::new(root, Arc::new(SystemClock))),
            clock: Arc::new(SystemClock),
            host: Arc::new(Root::system()),
        }
    }

    /// A machine that is not there.
    #[must_use]
    pub fn simulated(machine: &Arc<SimMachine>, raid: SimRaid) -> Machine {
        let clock: Arc<dyn Clock> = Arc::clone(machine) as Arc<dyn Clock>;
        let pools = Arc::new(SimPools::new(Arc::clone(machine)));
        Machine {
            raid: Arc::new(raid),
            targets: Arc::new(SimTargets::new(Arc::clone(&pools))),
            pools,
            disks: Arc::new(SimDiskWork::new(Arc::clone(machine))),
            self_tests: Arc::new(NoSelfTests),
            figures: Arc::new(SimSource::new(Arc::clone(&clock), 1)),
            clock,
            has_initramfs: has_image(&machine.state().folder(IMAGE_FOLDER)),
            host: Arc::clone(machine) as Arc<dyn Host>,
        }
    }

    /// Do one step.
    pub fn apply(&self, step: &AppStep) -> Result<(), ApplyError> {
        match step {
            AppStep::Raid(step) => Ok(self.raid.apply(step)?),
            AppStep::Disk(step) => Ok(self.disks.apply(step)?),
            AppStep::Pool(step) => Ok(self.pools.apply(step)?),
            AppStep::OnNewArray(it) => {
                let step = it.resolve(&self.raid.observe()?)?;
                Ok(self.pools.apply(&step)?)
            }
        }
    }
}

/// Whether a kernel starts with one of the files in the folder of images.
fn has_image(files: &[String]) -> bool {
    !releases(files).is_empty()
}

/// A backend did not do as it was told.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// That of arrays.
    #[error(transparent)]
    Raid(#[from] BackendError),
    /// That of single disks.
    #[error(transparent)]
    Disk(#[from] WorkError),
    /// That of pools.
    #[error(transparent)]
    Pool(#[from] pool::backend::BackendError),
    /// The array that a step before has made is not there.
    #[error(transparent)]
    NewArray(#[from] NotThatArray),
}

impl ApplyError {
    /// What would make it work, if that can be told.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            ApplyError::Raid(err) => err.hint(),
            ApplyError::Disk(err) => err.hint(),
            ApplyError::Pool(err) => err.hint(),
            ApplyError::NewArray(err) => Some(err.hint()),
        }
    }
}

/// A step of any crate, so that one plan may cross them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AppStep {
    /// Of arrays.
    Raid(raid::Step),
    /// Of single disks.
    Disk(DiskStep),
    /// Of pools.
    Pool(pool::plan::Step),
    /// Of pools, on the array that a step before has made.
    OnNewArray(OnNewArray),
}

impl fmt::Display for AppStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppStep::Raid(step) => step.fmt(f),
            AppStep::Disk(step) => step.fmt(f),
            AppStep::Pool(step) => step.fmt(f),
            AppStep::OnNewArray(it) => it.fmt(f),
        }
    }
}

impl AppStep {
    /// The step, if it is one of arrays.
    #[must_use]
    pub fn of_array(&self) -> Option<&raid::Step> {
        match self {
            AppStep::Raid(step) => Some(step),
            AppStep::Disk(_) | AppStep::Pool(_) | AppStep::OnNewArray(_) => None,
        }
    }

    /// What it is about that a job may work on, in the words of [`Job::object`](crate::jobs::Job::object).
    pub(crate) fn objects(&self) -> Vec<String> {
        let disks = self.disks().into_iter().map(|it| format!("disk:{it}"));
        let pool = match self {
            AppStep::Pool(step) => step.pool(),
            AppStep::Raid(_) | AppStep::Disk(_) | AppStep::OnNewArray(_) => None,
        };
        disks.chain(pool.map(|it| format!("pool:{it}"))).collect()
    }

    /// The devices on which it may write over what is there.
    pub(crate) fn writes_over(&self) -> Vec<&DeviceId> {
        match self {
            AppStep::Raid(step) => step.destroys(),
            AppStep::Disk(DiskStep::Locate { .. }) | AppStep::OnNewArray(_) => Vec::new(),
            AppStep::Disk(step) => vec![step.device()],
            AppStep::Pool(step) => step.touches(),
        }
    }

    /// The disks that it is about, or about a partition of which.
    fn disks(&self) -> Vec<&DiskId> {
        let devices = match self {
            AppStep::Raid(step) => step.touches(),
            other => other.writes_over(),
        };
        devices
            .into_iter()
            .filter_map(|it| match it {
                DeviceId::Disk(disk) | DeviceId::Partition(disk, _) => Some(disk),
                _ => None,
            })
            .collect()
    }

    /// As it is shown, with what it leads to.
    #[must_use]
    pub fn report(&self, seen: &Seen, outlook: StepOutlook) -> StepReport {
        let step = match self {
            AppStep::Raid(step) => step,
            AppStep::Disk(step) => return disk_report(step, seen),
            AppStep::Pool(step) => return pool_report(step, seen),
            AppStep::OnNewArray(it) => {
                return StepReport {
                    what: it.to_string(),
                    // What was on its members is lost with the steps before.
                    destroys: Vec::new(),
                    ..pool_report(&it.step, seen)
                };
            }
        };
        // A step that names a device without stable id has no command; the planner makes none.
        let command = argv::argv(step).ok().and_then(|it| it.into_iter().next());
        StepReport {
            what: step.to_string(),
            command: command.map(|it| it.words()),
            command_block: None,
            takes: None,
            file: conf_change(step, seen),
            destroys: step.destroys().iter().map(ToString::to_string).collect(),
            reversible: step.is_reversible(),
            outlook,
        }
    }
}

/// A file that a step writes anew.
fn written(path: String, text: &str) -> FileReport {
    let add = |all: String, line| all + "+" + line + "\n";
    FileReport {
        path,
        diff: text.lines().fold(String::new(), add),
    }
}

/// What sends, and what has another machine do something.
fn commands_there(target: &str, step: &pool::plan::Step, seen: &Seen) -> Option<Vec<String>> {
    let target = seen.targets.find(target)?;
    let (send, ssh) = remote::commands(&seen.targets.folder, target, step)?;
    let mut words = send.map(|it| it.words()).unwrap_or_default();
    if !words.is_empty() {
        words.push("|".to_owned());
    }
    words.extend(ssh.words());
    Some(words)
}

fn pool_report(step: &pool::plan::Step, seen: &Seen) -> StepReport {
    use pool::{plan::Step, real};
    let command = match step {
        Step::There { target, .. }
        | Step::Replicate {
            route: Route {
                target: Some(target),
                ..
            },
            ..
        } => commands_there(target.as_str(), step, seen),
        Step::Replicate { route, step } => {
            let (cmd, reader) = real::argv::transfer(route, step);
            let mut words = cmd.words();
            if let Some(reader) = reader {
                words.push("|".to_owned());
                words.extend(reader.words());
            }
            Some(words)
        }
        other => real::argv::argv(other).ok().flatten().map(|it| it.words()),
    };
    let file = match step {
        Step::WriteUnit {
            pool,
            filesystem,
            options,
            ..
        } => {
            let uuid = "(of the filesystem)".to_owned();
            let unit = pool::unit::MountUnit {
                name: pool.clone(),
                filesystem: *filesystem,
                uuid,
                options: options.clone(),
                thin: None,
                devices: None,
            };
            Some(written(real::path_of(pool), &unit.render()))
        }
        Step::Thin {
            pool,
            step:
                GroupStep::WriteUnit {
                    filesystem,
                    options,
                    ..
                },
        } => {
            let unit = pool::unit::MountUnit {
                name: pool.clone(),
                filesystem: Filesystem::Ext4,
                uuid: "(of the folder)".to_owned(),
                options: options.clone(),
                thin: Some(ThinUnit {
                    physical: "(of the device)".to_owned(),
                    filesystem: *filesystem,
                }),
                devices: None,
            };
            Some(written(real::path_of(pool), &unit.render()))
        }
        Step::Inside {
            pool,
            step: dataset::Step::Volume { step },
        } => step
            .unit(pool)
            .map(|it| written(real::unit_file(pool, &it.dataset), &it.render())),
        Step::Devices {
            pool,
            step:
                DevicesStep::WriteUnit {
                    devices,
                    profile,
                    options,
                    missing,
                },
        } => {
            let unit = pool::unit::MountUnit {
                name: pool.clone(),
                filesystem: Filesystem::Btrfs,
                uuid: "(of the filesystem)".to_owned(),
                options: options.clone(),
                thin: None,
                devices: Some(DevicesUnit {
                    profile: *profile,
                    members: devices
                        .iter()
                        .map(|it| format!("(of {it})"))
                        .chain(missing.iter().cloned())
                        .collect(),
                }),
            };
            Some(written(real::path_of(pool), &unit.render()))
        }
        Step::Directory {
            pool,
            path,
            step: DirectoryStep::Note { mount },
        } => {
            let text = directory::note_of(pool, path, mount, "(of the folder)");
            Some(written(directory::note_file(pool), &text))
        }
        Step::Directory {
            pool,
            step: DirectoryStep::Forget,
            ..
        } => Some(FileReport {
            path: directory::note_file(pool),
            diff: "(removed)".to_owned(),
        }),
        Step::RemoveUnit { pool } => Some(FileReport {
            path: real::path_of(pool),
            diff: "(removed)".to_owned(),
        }),
        _ => None,
    };
    let destroyed = step.destroys().into_iter();
    let lost = destroyed.filter_map(|it| {
        let device = seen.raid.devices.by_id(it)?;
        (!device.signatures.is_empty()).then(|| LostContent {
            device: it.clone(),
            content: disk_plan::content(&seen.raid.devices, device),
        })
    });
    StepReport {
        what: step.to_string(),
        command,
        command_block: None,
        takes: None,
        file,
        destroys: match step {
            Step::Inside { pool, step } => {
                let what = step.destroys();
                what.map(|it| format!("{it} in pool {pool}"))
                    .into_iter()
                    .collect()
            }
            Step::There { target, pool, step } => {
                let what = step.destroys();
                what.map(|it| format!("{it} in pool {pool} on {target}"))
                    .into_iter()
                    .collect()
            }
            other => other.destroys().iter().map(ToString::to_string).collect(),
        },
        reversible: step.is_reversible(),
        outlook: StepOutlook {
            lost: lost.collect(),
            ..StepOutlook::default()
        },
    }
}

fn disk_report(step: &DiskStep, seen: &Seen) -> StepReport {
    let command = work_argv::argv(step).ok().flatten();
    let file = match step {
        DiskStep::Locate { by, on, .. } => by.file().map(|path| FileReport {
            path,
            diff: if *on { "1" } else { "0" }.to_owned(),
        }),
        _ => None,
    };
    let destroyed = step.is_destructive().then(|| step.device());
    let content = |it: &DeviceId| {
        let device = seen.raid.devices.by_id(it);
        device.map(|it| disk_plan::content(&seen.raid.devices, it))
    };
    let lost = destroyed.and_then(|it| {
        Some(LostContent {
            device: it.clone(),
            content: content(it)?,
        })
    });
    StepReport {
        what: step.to_string(),
        command: command.map(|it| it.words()),
        command_block: match step {
            DiskStep::Sanitize { command, .. } => Some(command.hex()),
            _ => None,
        },
        file,
        destroys: destroyed.iter().map(ToString::to_string).collect(),
        reversible: !step.is_destructive(),
        takes: disk_plan::takes(seen, step),
        outlook: StepOutlook {
            lost: lost.into_iter().collect(),
            ..StepOutlook::default()
        },
    }
}

/// What a step changes in mdadm.conf. A new array has no UUID before it is made.
fn conf_change(step: &raid::Step, seen: &Seen) -> Option<FileReport> {
    let known = &seen.raid.conf;
    let line = |uuid: &str, device: &str| conf::array_line(uuid, device, known.spare_group(uuid));
    let diff = match step {
        raid::Step::Record { name } => {
            let uuid = seen.raid.find(name.as_str()).and_then(|it| it.uuid.clone());
            let uuid = uuid.unwrap_or_else(|| "(of the new array)".to_owned());
            format!("+{}", line(&uuid, &format!("/dev/md/{name}")))
        }
        raid::Step::Forget { uuid } => {
            format!("-{}", line(uuid, seen.raid.conf.ours.get(uuid)?))
        }
        raid::Step::SetSpareGroup { array, group } => {
            let device = seen.raid.conf.ours.get(&array.uuid)?;
            let group = group.as_ref().map(SpareGroup::as_str);
            let new = conf::array_line(&array.uuid, device, group);
            format!("-{}\n+{new}", line(&array.uuid, device))
        }
        _ => return None,
    };
    Some(FileReport {
        path: CONF_PATH.to_owned(),
        diff,
    })
}
