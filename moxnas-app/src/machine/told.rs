//! Steps as they are shown.

use moxnas_core::{
    cmd::Cmd,
    disk::{DeviceId, DiskStep, work_argv},
    names::SpareGroup,
};
use moxnas_pool::{
    self as pool, dataset,
    devices::{DevicesStep, DevicesUnit},
    directory::{self, DirectoryStep},
    lvm::{GroupStep, ThinUnit},
    model::Filesystem,
    remote,
    replica::Route,
};
use moxnas_raid::{
    self as raid,
    conf::{self, CONF_PATH},
    consequences::{LostContent, StepOutlook},
    real::argv,
};
use moxnas_shares::{accounts, plan as shares, services};
use similar::TextDiff;

use super::AppStep;
use crate::{
    disk_plan,
    report::{FileReport, StepReport},
    seen::Seen,
};

impl AppStep {
    /// As it is shown, with what it leads to.
    #[must_use]
    pub fn report(&self, seen: &Seen, outlook: StepOutlook) -> StepReport {
        let step = match self {
            AppStep::Raid(step) => step,
            AppStep::Disk(step) => return disk_report(step, seen),
            AppStep::Pool(step) => return pool_report(step, seen),
            AppStep::Shares(step) => return shares_report(step),
            AppStep::Account(step) => return account_report(step),
            AppStep::Service(step) => {
                return plain_report(step.to_string(), Some(services::real::argv::argv(step)));
            }
            AppStep::Session(step) => return plain_report(step.to_string(), None),
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
            files: conf_change(step, seen).into_iter().collect(),
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
        files: file.into_iter().collect(),
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
        files: file.into_iter().collect(),
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

/// A step that can be taken back by another, and writes no file.
fn plain_report(what: String, command: Option<Cmd>) -> StepReport {
    StepReport {
        what,
        command: command.map(|it| it.words()),
        command_block: None,
        takes: None,
        files: Vec::new(),
        destroys: Vec::new(),
        reversible: true,
        outlook: StepOutlook::default(),
    }
}

/// A daemon that gets new files.
fn shares_report(step: &shares::Step) -> StepReport {
    let files = step.changes.iter().map(|it| FileReport {
        path: it.path.clone(),
        diff: difference(
            it.before.as_deref().unwrap_or_default(),
            it.after.as_deref().unwrap_or_default(),
        ),
    });
    StepReport {
        what: step.to_string(),
        command: None,
        command_block: None,
        takes: None,
        files: files.collect(),
        destroys: Vec::new(),
        reversible: true,
        outlook: StepOutlook::default(),
    }
}

/// What is taken out of a text and put in, with the lines around it, as diff(1) shows it with `-u`.
fn difference(before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    let text = diff.unified_diff().context_radius(2).to_string();
    text.trim_end().to_owned()
}

fn account_report(step: &accounts::Step) -> StepReport {
    let commands = accounts::real::argv::argv(step);
    let commands: Vec<Vec<String>> = commands.iter().map(Cmd::words).collect();
    let gives_up = matches!(
        step,
        accounts::Step::DeleteUser { .. }
            | accounts::Step::DeleteGroup { .. }
            | accounts::Step::SetPassword { .. }
            | accounts::Step::RemoveFromSamba { .. }
    );
    StepReport {
        what: step.to_string(),
        command: (!commands.is_empty()).then(|| commands.join(&"&&".to_owned())),
        command_block: None,
        takes: None,
        files: Vec::new(),
        destroys: Vec::new(),
        reversible: !gives_up,
        outlook: StepOutlook::default(),
    }
}
