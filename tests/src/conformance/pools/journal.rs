//! What a scenario of pools saw, in words that are the same on every machine.

use std::{collections::BTreeMap, fmt::Write as _};

use anyhow::{Context as _, Result};
use moxnas_core::{
    disk::{BlockDevices, DeviceId},
    plan::{Danger, Plan},
    units::Bytes,
};
use moxnas_pool::{
    dataset::{self, Contents, CreateDataset, Dataset, Snapshot},
    lvm::Kind,
    model::{Filesystem, Pool, Pools},
    plan::{Change, CreatePool, Facts, ImportPool, MountOption, Step, plan},
    prune::{Keep, TimeZone},
};

use super::{
    DISKS, Deed, PoolWorld,
    words::{counted, disk, mib, subvolume, told_files},
};
use crate::{conformance::Shutdown, lab::MIB};

/// A world and the record of what happens in it.
pub struct PoolJournal<'w> {
    pub(super) world: &'w mut dyn PoolWorld,
    lines: Vec<String>,
    /// What each UUID of a filesystem is called: after the disk that it was seen on first.
    pub(super) uuids: BTreeMap<String, String>,
    /// The sizes of pools as of the last look.
    sizes: BTreeMap<String, Bytes>,
}

impl<'w> PoolJournal<'w> {
    pub(super) fn new(world: &'w mut dyn PoolWorld) -> Self {
        Self {
            world,
            lines: Vec::new(),
            uuids: BTreeMap::new(),
            sizes: BTreeMap::new(),
        }
    }

    pub(super) fn text(&self) -> String {
        self.lines.iter().map(|it| format!("{it}\n")).collect()
    }

    /// Makes the pool `tank` on a disk.
    pub fn create(&mut self, filesystem: Filesystem, serial: &str, options: &[&str]) -> Result<()> {
        self.create_named("tank", filesystem, serial, options)
    }

    pub fn create_named(
        &mut self,
        name: &str,
        filesystem: Filesystem,
        serial: &str,
        options: &[&str],
    ) -> Result<()> {
        let wish = self.creation(name, filesystem, serial, options)?;
        self.wish(&wish)
    }

    /// Does the first steps of making `tank`, as if the rest had been cut off.
    pub fn create_until(
        &mut self,
        filesystem: Filesystem,
        serial: &str,
        steps: usize,
    ) -> Result<()> {
        let wish = self.creation("tank", filesystem, serial, &[])?;
        self.wish_until(&wish, steps)
    }

    pub(super) fn creation(
        &mut self,
        name: &str,
        filesystem: Filesystem,
        serial: &str,
        options: &[&str],
    ) -> Result<Change> {
        Ok(Change::Create(CreatePool {
            name: name.parse()?,
            device: self.id(serial)?,
            filesystem,
            options: parsed(options)?,
            thin: false,
        }))
    }

    pub fn import(
        &mut self,
        name: &str,
        serial: &str,
        read_only: bool,
        options: &[&str],
    ) -> Result<()> {
        let device = self.id(serial)?;
        self.wish(&Change::Import(ImportPool {
            name: name.parse()?,
            device,
            read_only,
            options: parsed(options)?,
        }))
    }

    pub fn mount(&mut self, pool: &str) -> Result<()> {
        let pool = pool.to_owned();
        self.wish(&Change::Mount { pool })
    }

    pub fn unmount(&mut self, pool: &str) -> Result<()> {
        let pool = pool.to_owned();
        self.wish(&Change::Unmount { pool })
    }

    pub fn export(&mut self, pool: &str) -> Result<()> {
        let pool = pool.to_owned();
        self.wish(&Change::Export { pool })
    }

    pub fn delete(&mut self, pool: &str) -> Result<()> {
        let pool = pool.to_owned();
        self.wish(&Change::Delete { pool })
    }

    /// Does the first steps of deleting a pool.
    pub fn delete_until(&mut self, pool: &str, steps: usize) -> Result<()> {
        let pool = pool.to_owned();
        self.wish_until(&Change::Delete { pool }, steps)
    }

    pub fn grow(&mut self, pool: &str) -> Result<()> {
        let pool = pool.to_owned();
        self.wish(&Change::Grow { pool })
    }

    /// Goes over the filesystem of a pool.
    pub fn check(&mut self, pool: &str, repair: bool) -> Result<()> {
        let pool = pool.to_owned();
        self.wish(&Change::Check { pool, repair })
    }

    /// Does something in `tank`.
    pub fn inside(&mut self, change: &dataset::Change) -> Result<()> {
        self.inside_until(change, usize::MAX)
    }

    /// Does the first steps of something in `tank`, as if the rest had been cut off.
    pub fn inside_until(&mut self, change: &dataset::Change, steps: usize) -> Result<()> {
        let (devices, pools) = self.learn()?;
        let tank = pools.find("tank").context("no pool tank")?.clone();
        let contents = match tank.is_mounted {
            true => self.world.contents(&tank)?,
            false => Contents::default(),
        };
        let plan = dataset::plan(&tank, &contents, change);
        let told = |err: &dataset::Refusal| (err.code(), err.to_string());
        self.carry_out_inside(&devices, &tank, plan.map_err(|err| told(&err)), steps)
    }

    /// Deletes the snapshots of a dataset of `tank` that the rules do not keep. Days are those of UTC.
    pub fn prune(&mut self, dataset: &str, keep: &Keep) -> Result<()> {
        let (devices, pools) = self.learn()?;
        let tank = pools.find("tank").context("no pool tank")?.clone();
        let contents = self.world.contents(&tank)?;
        let plan = dataset::plan_prune(&tank, &contents, dataset, &(*keep).into(), &TimeZone::UTC);
        for warning in plan.iter().flat_map(|it| &it.warnings) {
            // What comes after may be a time of day, which is chance.
            let why = warning.split(", ").next().unwrap_or(warning);
            self.lines.push(format!("note: {why}"));
        }
        let plan = plan.map_err(|err| (err.code(), err.to_string()));
        self.carry_out_inside(&devices, &tank, plan, usize::MAX)
    }

    fn carry_out_inside(
        &mut self,
        devices: &BlockDevices,
        tank: &Pool,
        plan: Result<Plan<dataset::Step>, (&'static str, String)>,
        steps: usize,
    ) -> Result<()> {
        let pool = tank.name.clone();
        let plan = plan.map(|it| {
            it.map(|step| Step::Inside {
                pool: pool.clone(),
                step,
            })
        });
        self.carry_out(devices, plan, steps)
    }

    pub fn dataset(&mut self, name: &str, quota_mib: Option<u64>) -> Result<()> {
        self.inside(&dataset::Change::Create(new(name, quota_mib)?))
    }

    pub fn quota(&mut self, dataset: &str, quota_mib: Option<u64>) -> Result<()> {
        self.inside(&dataset::Change::SetQuota {
            dataset: dataset.to_owned(),
            quota: quota_mib.map(|it| Bytes(it * MIB)),
        })
    }

    pub fn rename(&mut self, dataset: &str, to: &str) -> Result<()> {
        let (dataset, to) = (dataset.to_owned(), to.parse()?);
        self.inside(&dataset::Change::Rename { dataset, to })
    }

    pub fn delete_dataset(&mut self, dataset: &str) -> Result<()> {
        let dataset = dataset.to_owned();
        self.inside(&dataset::Change::Delete { dataset })
    }

    pub fn snapshot(&mut self, dataset: &str, snapshot: &str) -> Result<()> {
        let (dataset, snapshot) = (dataset.to_owned(), snapshot.parse()?);
        self.inside(&dataset::Change::TakeSnapshot { dataset, snapshot })
    }

    pub fn delete_snapshot(&mut self, dataset: &str, snapshot: &str) -> Result<()> {
        let (dataset, snapshot) = (dataset.to_owned(), snapshot.to_owned());
        self.inside(&dataset::Change::DeleteSnapshot { dataset, snapshot })
    }

    pub fn clone_snapshot(
        &mut self,
        dataset: &str,
        snapshot: &str,
        to: &str,
        quota_mib: Option<u64>,
    ) -> Result<()> {
        self.inside(&dataset::Change::Clone {
            dataset: dataset.to_owned(),
            snapshot: snapshot.to_owned(),
            to: new(to, quota_mib)?,
        })
    }

    pub fn rollback(&mut self, dataset: &str, snapshot: &str) -> Result<()> {
        self.rollback_until(dataset, snapshot, usize::MAX)
    }

    /// A rollback that ends after so many steps.
    pub fn rollback_until(&mut self, dataset: &str, snapshot: &str, steps: usize) -> Result<()> {
        let (dataset, snapshot) = (dataset.to_owned(), snapshot.to_owned());
        self.inside_until(&dataset::Change::Rollback { dataset, snapshot }, steps)
    }

    pub fn write(&mut self, place: &'static str, file: &'static str, mib: u64) -> Result<()> {
        let pool = "tank";
        self.deed(Deed::Write {
            pool,
            place,
            file,
            mib,
        })
    }

    pub fn remove(&mut self, place: &'static str, file: &'static str) -> Result<()> {
        let pool = "tank";
        self.deed(Deed::Remove { pool, place, file })
    }

    pub fn reboot(&mut self) -> Result<()> {
        let (how, without) = (Shutdown::Clean, &[][..]);
        self.deed(Deed::Restart { how, without })
    }

    pub fn power_cut(&mut self) -> Result<()> {
        let (how, without) = (Shutdown::PowerCut, &[][..]);
        self.deed(Deed::Restart { how, without })
    }

    /// Does it, and writes down what came of it.
    pub fn deed(&mut self, deed: Deed) -> Result<()> {
        let done = self.world.deed(&deed)?;
        if let Err(why) = done {
            self.lines.push(format!("{deed}: {why}"));
            return self.look("then");
        }
        self.look(&deed.to_string())
    }

    /// Writes down whether a pool is mounted with an option.
    pub fn option(&mut self, pool: &str, option: &str) -> Result<()> {
        let word = match self.world.has_option(pool, option)? {
            true => "is",
            false => "is not",
        };
        self.lines
            .push(format!("  {pool} {word} mounted with {option}"));
        Ok(())
    }

    /// Plans and does it, and writes down both and what came of it.
    pub(super) fn wish(&mut self, change: &Change) -> Result<()> {
        self.wish_until(change, usize::MAX)
    }

    fn wish_until(&mut self, change: &Change, steps: usize) -> Result<()> {
        let (devices, pools) = self.learn()?;
        let facts = Facts {
            devices: &devices,
            pools: &pools,
        };
        let plan = plan(facts, change).map_err(|err| (err.code(), err.to_string()));
        self.carry_out(&devices, plan, steps)
    }

    pub(super) fn carry_out(
        &mut self,
        devices: &BlockDevices,
        plan: Result<Plan<Step>, (&'static str, String)>,
        at_most: usize,
    ) -> Result<()> {
        let plan = match plan {
            Ok(plan) => plan,
            Err((code, text)) => {
                let text = self.translate(devices, &text);
                self.lines.push(format!("refused, {code}: {text}"));
                return Ok(());
            }
        };
        for danger in &plan.dangers {
            let text = match danger {
                // What is on it is told in bytes, to the last.
                Danger::DestroysData { device, .. } => format!("all data on {device} is lost"),
                other => other.to_string(),
            };
            let text = self.translate(devices, &text);
            self.lines.push(format!("danger: {text}"));
        }
        if plan.steps.is_empty() {
            self.lines.push("nothing has to be done".to_owned());
        }
        for step in plan.steps.iter().take(at_most) {
            let text = self.translate(devices, &step.to_string());
            let done = match step {
                it if it.is_check() => {
                    let outcome = self.world.check(step)?;
                    outcome.map(|it| format!(" ({it:?})").to_lowercase())
                }
                _ => self.world.apply(step)?.map(|()| String::new()),
            };
            match done {
                Ok(outcome) => self.lines.push(format!("do: {text}{outcome}")),
                Err(why) => {
                    let why = self.translate(devices, &why);
                    self.lines.push(format!("do: {text}, but: {why}"));
                    break;
                }
            }
        }
        if at_most < plan.steps.len() {
            self.lines.push("and no further".to_owned());
        }
        self.look("then")
    }

    /// Writes down all that a backend answers for.
    pub fn look(&mut self, moment: &str) -> Result<()> {
        let (devices, pools) = self.learn()?;
        self.lines.push(format!("{moment}:"));
        // A later pool of the same name is another, and has not grown.
        self.sizes.retain(|name, _| pools.find(name).is_some());
        for pool in &pools.all {
            let line = self.pool(&devices, pool);
            self.lines.push(line);
            if pool.is_mounted {
                self.contents(pool)?;
            }
        }
        if pools.all.is_empty() {
            self.lines.push("  no pools".to_owned());
        }
        for error in &pools.errors {
            let error = self.translate(&devices, error);
            self.lines.push(format!("  error: {error}"));
        }
        let disks = DISKS.iter().map(|(serial, _)| disk(&devices, serial));
        let disks = disks.filter(|it| it != "LABD blank");
        let disks: Vec<String> = disks.collect();
        self.lines.push(format!("  disks: {}", disks.join("; ")));
        Ok(())
    }

    fn pool(&self, devices: &BlockDevices, pool: &Pool) -> String {
        let verdict = pool.judge();
        let wanted = match pool.is_wanted {
            true => "at each start",
            false => "not at a start",
        };
        let options = pool.options.join(",");
        let mut text = format!(
            "  {} is {:?}: {} of {} MiB, {wanted}, options {options:?}",
            pool.name,
            verdict.standing,
            pool.filesystem,
            pool.size.map_or(0, mib),
        );
        if !verdict.reasons.is_empty() {
            let _ = write!(text, "; {}", verdict.reasons.join("; "));
        }
        self.translate(devices, &text)
    }

    pub(super) fn say(&mut self, line: String) {
        self.lines.push(line);
    }

    fn contents(&mut self, pool: &Pool) -> Result<()> {
        let seen = self.world.contents(pool)?;
        if let Kind::Thin(_) = pool.kind {
            return self.volumes(pool, &seen);
        }
        let Contents {
            space,
            counting,
            datasets,
            snapshots,
            replaced,
            others,
            projects,
            thin: _,
            directory: _,
            // No two kernels give away of devices alike.
            devices: _,
            underway: _,
        } = &seen;
        let before = self.sizes.insert(pool.name.to_string(), space.size);
        let mut text = match before {
            Some(before) if space.size.0 > before.0 => {
                // Each filesystem keeps another share for itself.
                let by = (space.size.0 - before.0 + 25 * MIB) / (50 * MIB) * 50;
                format!("    it has about {by} MiB more; ")
            }
            _ => "    ".to_owned(),
        };
        let is_full = space.available.0 < space.size.0 / 20;
        text.push_str(if is_full { "full" } else { "not full" });
        let _ = write!(
            text,
            ", counting {}",
            format!("{counting:?}").to_lowercase()
        );
        let mut others: Vec<&str> = others.iter().map(String::as_str).collect();
        others.sort_unstable();
        if !others.is_empty() {
            let _ = write!(text, ", beside: {}", others.join(" "));
        }
        if !projects.is_empty() {
            let numbers: Vec<String> = projects.iter().map(ToString::to_string).collect();
            let _ = write!(text, ", projects {}", numbers.join(" "));
        }
        let all = datasets.iter().map(|it| (it, it.name.to_string()));
        let in_hand = replaced.iter();
        let in_hand = in_hand.map(|it| (it, format!(".rollback-{}", it.name)));
        let subvolumes: Vec<(&Dataset, String)> = all.chain(in_hand).collect();
        let place = |it: &Snapshot| format!(".snapshots/{}/{}", it.dataset, it.name);
        let mut places = vec![String::new()];
        places.extend(subvolumes.iter().map(|(_, place)| place.clone()));
        places.extend(snapshots.iter().map(place));
        let files = self.world.files(pool.name.as_str(), &places)?;
        let mut files = files.iter().map(told_files);
        text.extend(files.next());
        self.lines.push(text);
        for (dataset, place) in &subvolumes {
            let mut text = subvolume(&seen, dataset, place);
            text.extend(files.next());
            self.lines.push(text);
        }
        for it in snapshots {
            let mut text = format!("    {}@{}", it.dataset, it.name);
            if !it.read_only {
                text.push_str(" can be written");
            }
            text.push_str(&counted(it.usage));
            text.extend(files.next());
            self.lines.push(text);
        }
        Ok(())
    }

    pub(super) fn learn(&mut self) -> Result<(BlockDevices, Pools)> {
        let (devices, pools) = self.world.look()?;
        for (serial, _) in DISKS {
            let Ok(device) = devices.resolve(serial) else {
                continue;
            };
            for uuid in device.signatures.iter().filter_map(|it| it.uuid.clone()) {
                let taken = self.uuids.values();
                let taken = taken.filter(|it| it.starts_with(serial)).count();
                let name = match taken {
                    0 => format!("{serial}-FIRST"),
                    number => format!("{serial}-NEXT-{number}"),
                };
                self.uuids.entry(uuid).or_insert(name);
            }
            self.learn_members(device);
        }
        Ok((devices, pools))
    }

    pub(super) fn id(&mut self, serial: &str) -> Result<DeviceId> {
        let (devices, _) = self.learn()?;
        Ok(devices.resolve(serial)?.id.clone())
    }

    /// A text with serials for the ids of disks, and with names for UUIDs.
    fn translate(&self, devices: &BlockDevices, text: &str) -> String {
        let mut text = text.to_owned();
        for (serial, _) in DISKS {
            if let Ok(device) = devices.resolve(serial) {
                text = text.replace(&device.id.to_string(), serial);
            }
        }
        for (uuid, name) in &self.uuids {
            text = text.replace(uuid, name);
        }
        text
    }
}

fn parsed(options: &[&str]) -> Result<Vec<MountOption>> {
    options.iter().map(|it| Ok(it.parse()?)).collect()
}

fn new(name: &str, quota_mib: Option<u64>) -> Result<CreateDataset> {
    Ok(CreateDataset {
        name: name.parse()?,
        quota: quota_mib.map(|it| Bytes(it * MIB)),
        filesystem: None,
    })
}
