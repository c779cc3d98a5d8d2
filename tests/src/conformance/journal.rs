//! What a scenario saw, in words that are the same on every machine.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use moxnas_core::{
    disk::{BlockKind, DeviceId},
    plan,
};
use moxnas_raid::{
    Array, ArraySettings, Change, CreateArray, Grow, Inventory, Level, SpeedLimit, Step,
    SyncAction, SyncState, health, plan as plan_change, plan::failover,
};

use super::{Shutdown, World};

/// A world and the record of what happens in it.
pub struct Journal<'w> {
    world: &'w mut dyn World,
    lines: Vec<String>,
    /// Serials by kernel name, as of the last time the disk was seen.
    serials: BTreeMap<String, String>,
    /// The operations that were carried out.
    done: BTreeSet<&'static str>,
}

impl<'w> Journal<'w> {
    pub(super) fn new(world: &'w mut dyn World) -> Self {
        Self {
            world,
            lines: Vec::new(),
            serials: BTreeMap::new(),
            done: BTreeSet::new(),
        }
    }

    pub(super) fn done(&self) -> BTreeSet<&'static str> {
        self.done.clone()
    }

    pub(super) fn text(&self) -> String {
        self.lines.iter().map(|it| format!("{it}\n")).collect()
    }

    /// Creates `tank` and writes down its facts.
    pub fn create(&mut self, level: Level, members: &[&str], spares: &[&str]) -> Result<()> {
        let seen = self.world.observe()?;
        let ids = |serials: &[&str]| -> Result<Vec<DeviceId>> {
            serials.iter().map(|it| id(&seen, it)).collect()
        };
        let wish = CreateArray {
            spares: ids(spares)?,
            ..CreateArray::new("tank".parse()?, level, ids(members)?)
        };
        self.wish(&Change::Create(wish))
    }

    /// Creates another array beside `tank`.
    pub fn create_beside(
        &mut self,
        name: &str,
        level: Level,
        members: &[&str],
        spares: &[&str],
    ) -> Result<()> {
        let seen = self.world.observe()?;
        let ids = |serials: &[&str]| -> Result<Vec<DeviceId>> {
            serials.iter().map(|it| id(&seen, it)).collect()
        };
        let wish = CreateArray {
            spares: ids(spares)?,
            ..CreateArray::new(name.parse()?, level, ids(members)?)
        };
        self.wish(&Change::Create(wish))
    }

    /// Creates `tank` of members in a shape that is not the usual one: `change` is told how devices
    /// are named.
    pub fn create_as(
        &mut self,
        level: Level,
        members: &[&str],
        change: impl FnOnce(&mut CreateArray, &dyn Fn(&str) -> DeviceId),
    ) -> Result<()> {
        let seen = self.world.observe()?;
        let named = |serial: &str| id(&seen, serial).expect("scenarios name disks that are there");
        let members = members.iter().map(|it| named(it)).collect();
        let mut wish = CreateArray::new("tank".parse()?, level, members);
        change(&mut wish, &named);
        self.wish(&Change::Create(wish))
    }

    pub fn add(&mut self, serial: &str) -> Result<()> {
        let device = self.id(serial)?;
        self.wish(&Change::Add {
            array: tank(),
            device,
            as_spare: false,
        })
    }

    pub fn add_spare(&mut self, serial: &str) -> Result<()> {
        let device = self.id(serial)?;
        self.wish(&Change::Add {
            array: tank(),
            device,
            as_spare: true,
        })
    }

    pub fn re_add(&mut self, serial: &str) -> Result<()> {
        let device = self.id(serial)?;
        self.wish(&Change::ReAdd {
            array: tank(),
            device,
        })
    }

    pub fn grow(&mut self, grow: Grow, add: &[&str]) -> Result<()> {
        let add = add.iter().map(|it| self.id(it)).collect::<Result<_>>()?;
        self.wish(&Change::Grow {
            array: tank(),
            grow,
            add,
        })
    }

    pub fn set(&mut self, settings: ArraySettings) -> Result<()> {
        self.set_on("tank", settings)
    }

    pub fn set_on(&mut self, array: &str, settings: ArraySettings) -> Result<()> {
        self.wish(&Change::Set {
            array: array.to_owned(),
            settings,
        })
    }

    /// Lets a spare of a group go where it is needed.
    pub fn failover(&mut self) -> Result<()> {
        let seen = self.world.observe()?;
        self.learn(&seen);
        let Some(plan) = failover(&seen) else {
            self.lines.push("no spare has to move".to_owned());
            return Ok(());
        };
        self.done.insert(operation(&Change::MoveSpare));
        self.carry_out(&seen, &plan.steps)
    }

    pub fn fail(&mut self, serial: &str) -> Result<()> {
        let device = self.id(serial)?;
        self.wish(&Change::Fail {
            array: tank(),
            device,
        })
    }

    pub fn remove(&mut self, serial: &str) -> Result<()> {
        let device = self.id(serial)?;
        self.wish(&Change::Remove {
            array: tank(),
            device,
        })
    }

    /// Removes the member whose disk has left.
    pub fn remove_gone(&mut self, serial: &str) -> Result<()> {
        let name = self.serials.iter().find(|(_, it)| *it == serial);
        let name = name.map(|(name, _)| name.clone());
        let device = DeviceId::Gone(name.with_context(|| format!("{serial} was never seen"))?);
        self.wish(&Change::Remove {
            array: tank(),
            device,
        })
    }

    pub fn replace(&mut self, serial: &str, with: Option<&str>) -> Result<()> {
        let device = self.id(serial)?;
        let with = with.map(|it| self.id(it)).transpose()?;
        self.wish(&Change::Replace {
            array: tank(),
            device,
            with,
        })
    }

    pub fn scrub(&mut self, scrub: moxnas_raid::plan::Scrub) -> Result<()> {
        self.wish(&Change::Scrub {
            array: tank(),
            scrub,
        })
    }

    pub fn stop(&mut self) -> Result<()> {
        self.wish(&Change::Stop { array: tank() })
    }

    pub fn assemble(&mut self) -> Result<()> {
        self.wish(&Change::Assemble { array: tank() })
    }

    pub fn delete(&mut self) -> Result<()> {
        self.wish(&Change::Delete { array: tank() })
    }

    pub fn settle(&mut self) -> Result<()> {
        self.world.settle()?;
        self.look("everything comes to its end")
    }

    /// Holds the scrub that runs up where md has noted how far it came.
    pub fn scrub_an_eighth(&mut self) -> Result<()> {
        self.world.scrub_an_eighth()?;
        self.look("an eighth has been read")?;
        self.scrub_mark()
    }

    /// Writes down whether md would go on, or what runs does: how far it came is chance.
    pub fn scrub_mark(&mut self) -> Result<()> {
        let seen = self.world.observe()?;
        let tank = seen.find("tank").context("no array")?;
        let stopped = tank.scrub_stopped_at;
        let runs = matches!(
            tank.sync.action(),
            Some(SyncAction::Check | SyncAction::Repair)
        );
        let at = if runs { self.world.scrub_at()? } else { None };
        self.lines.push(match (stopped, at) {
            (None, None) => "  a scrub would begin at the beginning".to_owned(),
            (Some(_), None) => "  a scrub would go on where the last one was stopped".to_owned(),
            (None, Some(_)) => "  it began at the beginning".to_owned(),
            (Some(from), Some(at)) if at >= from => {
                "  it went on where the last one was".to_owned()
            }
            (Some(_), Some(_)) => "  it began anew, where it could have gone on".to_owned(),
        });
        Ok(())
    }

    pub fn last_resort(&mut self) -> Result<()> {
        self.world.last_resort()?;
        self.look("30 s pass")
    }

    pub fn pull(&mut self, serial: &str) -> Result<()> {
        self.world.pull(serial)?;
        self.look(&format!("{serial} is pulled"))
    }

    pub fn plug_back(&mut self, serial: &str) -> Result<()> {
        self.world.plug_back(serial)?;
        self.look(&format!("{serial} is plugged back"))
    }

    pub fn restart(&mut self, how: Shutdown, without: &[&str]) -> Result<()> {
        self.world.restart(how, without)?;
        // The kernel counts disks anew.
        self.serials.clear();
        let how = match how {
            Shutdown::Clean => "the machine reboots",
            Shutdown::PowerCut => "the power is cut",
        };
        let without = match without {
            [] => String::new(),
            gone => format!(" and comes back without {}", gone.join(" and ")),
        };
        self.look(&format!("{how}{without}"))
    }

    pub fn mount(&mut self, device: &str) -> Result<()> {
        self.world.mount(device)?;
        self.look(&format!("{device} is mounted"))
    }

    pub fn write(&mut self, array: &str) -> Result<()> {
        self.world.write(array)?;
        self.look(&format!("{array} is written to"))
    }

    pub fn partition(&mut self, serial: &str) -> Result<()> {
        self.world.partition(serial)?;
        self.look(&format!("{serial} is partitioned"))
    }

    pub fn swap_on(&mut self, serial: &str) -> Result<()> {
        self.world.swap_on(serial)?;
        self.look(&format!("{serial} is swapped to"))
    }

    pub fn make_filesystem(&mut self, serial: &str) -> Result<()> {
        self.world.make_filesystem(serial)?;
        self.look(&format!("{serial} gets a filesystem"))
    }

    /// Plans and does it, and writes down both and what came of it.
    fn wish(&mut self, change: &Change) -> Result<()> {
        let seen = self.world.observe()?;
        self.learn(&seen);
        let plan = match plan_change(&seen, change) {
            Ok(plan) => plan,
            Err(refusal) => {
                let text = self.translate(&seen, &refusal.to_string());
                self.lines.push(format!("refused: {text}"));
                return Ok(());
            }
        };
        self.done.insert(operation(change));
        self.carry_out(&seen, &plan.steps)
    }

    fn carry_out(&mut self, seen: &Inventory, steps: &[Step]) -> Result<()> {
        for step in steps {
            let text = self.translate(seen, &step.to_string());
            self.lines.push(format!("do: {text}"));
        }
        if steps.is_empty() {
            self.lines.push("nothing has to be done".to_owned());
        }
        if let Err(stopped) = plan::execute(steps, |step| self.world.apply(step)) {
            let step = self.translate(seen, &stopped.step.to_string());
            // What the machine says differs from one version of mdadm to the next.
            return Err(stopped.cause).with_context(|| format!("the machine refuses to {step}"));
        }
        self.look("then")
    }

    /// Writes down all that a backend answers for.
    pub fn look(&mut self, moment: &str) -> Result<()> {
        let seen = self.world.observe()?;
        self.learn(&seen);
        self.lines.push(format!("{moment}:"));
        // Kernel names are chance.
        let mut arrays: Vec<&Array> = seen.arrays.iter().collect();
        arrays.sort_by(|a, b| a.name.cmp(&b.name));
        for array in arrays {
            let lines = [
                self.array(&seen, array),
                self.shape(array),
                self.members(&seen, array),
            ];
            self.lines.extend(lines.map(|it| format!("  {it}")));
        }
        if seen.arrays.is_empty() {
            self.lines.push("  no arrays".to_owned());
        }
        let marks = self.superblocks(&seen);
        self.lines.push(format!(
            "  superblocks on {marks}; mdadm.conf names {}",
            recorded(&seen)
        ));
        for error in &seen.errors {
            self.lines
                .push(format!("  error: {}", self.translate(&seen, error)));
        }
        Ok(())
    }

    /// `tank clean recover degraded=1: degraded …`: the state first, then the verdict.
    fn array(&self, seen: &Inventory, array: &Array) -> String {
        let sync = match &array.sync {
            SyncState::Idle => "idle".to_owned(),
            SyncState::Frozen => "frozen".to_owned(),
            SyncState::Running { action, .. } => action.to_string(),
            SyncState::Delayed { action } => format!("{action}-delayed"),
            SyncState::Pending { action } => format!("{action}-pending"),
        };
        let degraded = array
            .degraded
            .map_or("none".to_owned(), |it| it.to_string());
        let (verdict, reasons) = health(array);
        let can_lose = verdict.can_lose().map(|it| format!(", can lose {it}"));
        let mut reasons: Vec<String> = reasons
            .iter()
            .map(|it| self.translate(seen, &it.to_string()))
            .collect();
        // Some come in the order of kernel names, which are chance.
        reasons.sort();
        let text = format!(
            "{} {} {sync} degraded={degraded}: {}{}; {}",
            array.name,
            array.state,
            verdict.word(),
            can_lose.unwrap_or_default(),
            reasons.join(", "),
        );
        self.translate(seen, text.trim_end_matches("; "))
    }

    fn shape(&self, array: &Array) -> String {
        let bytes = |it: Option<moxnas_core::units::Bytes>| {
            it.map_or("none".to_owned(), |it| it.0.to_string())
        };
        let was = array.reshape.map_or(String::new(), |it| {
            let (slots, chunk) = (it.slots, bytes(it.chunk));
            format!(", was of {slots}, chunk {chunk}, layout {}", it.layout)
        });
        let own = |it: SpeedLimit| it.is_own.then_some(it.per_second);
        let limits = array
            .speed_limits
            .filter(|it| it.min.is_own || it.max.is_own);
        let limits = limits.map_or(String::new(), |it| {
            format!(", limits {} to {}", bytes(own(it.min)), bytes(own(it.max)))
        });
        format!(
            "{} of {}, size {}, of each member {}, chunk {}, layout {}, {}, mismatch {}{was}{limits}",
            array.level,
            array.slots,
            array.size.0,
            array.component_size.0,
            bytes(array.chunk),
            array.layout,
            array.consistency,
            bytes(array.mismatch),
        )
    }

    /// Members by slot and serial: kernel names and numbers of members are chance.
    fn members(&self, seen: &Inventory, array: &Array) -> String {
        let mut members: Vec<(u32, String)> = Vec::new();
        for member in &array.members {
            let slot = member.slot();
            let place = slot.map_or(String::new(), |it| format!("{it}:"));
            let who = self.translate(seen, &member.device.to_string());
            let mut text = format!("{place}{who} {}", member.role);
            for flag in &member.flags {
                text.push_str(&format!(" {flag:?}"));
            }
            members.push((slot.unwrap_or(u32::MAX), text));
        }
        members.sort();
        let members: Vec<String> = members.into_iter().map(|(_, text)| text).collect();
        members.join(", ")
    }

    fn superblocks(&self, seen: &Inventory) -> String {
        let marked = seen.devices.by_name.values().filter(|it| {
            it.signatures
                .iter()
                .any(|it| it.kind == "linux_raid_member")
        });
        let marked = marked.filter_map(|it| self.serials.get(&it.name));
        let mut serials: Vec<&str> = marked.map(String::as_str).collect();
        serials.sort_unstable();
        if serials.is_empty() {
            return "no disk".to_owned();
        }
        serials.join(" ")
    }

    fn learn(&mut self, seen: &Inventory) {
        for disk in seen.devices.disks() {
            if let Some(serial) = disk.serial() {
                self.serials.insert(disk.name.clone(), serial.to_owned());
            }
        }
        for (name, _, place) in partitions(seen) {
            self.serials.insert(name, place);
        }
    }

    fn id(&mut self, serial: &str) -> Result<DeviceId> {
        id(&self.world.observe()?, serial)
    }

    /// A text with serials for ids and kernel names of disks, and names for those of arrays.
    fn translate(&self, seen: &Inventory, text: &str) -> String {
        let mut words: Vec<(String, String)> = Vec::new();
        for device in seen.devices.by_name.values() {
            if let (BlockKind::Disk(_), Some(serial)) = (&device.kind, device.serial()) {
                words.push((device.id.to_string(), serial.to_owned()));
            }
        }
        words.extend(partitions(seen).map(|(_, id, place)| (id, place)));
        for array in &seen.arrays {
            words.push((array.kernel_name.clone(), array.name.clone()));
            words.extend(array.uuid.clone().map(|it| (it, array.name.clone())));
        }
        for (name, serial) in &self.serials {
            words.push((format!("gone:{name}"), format!("gone {serial}")));
            words.push((name.clone(), serial.clone()));
        }
        words.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
        words.iter().fold(text.to_owned(), |text, (word, with)| {
            replace_word(&text, word, with)
        })
    }
}

/// What a change is called in the interface.
fn operation(change: &Change) -> &'static str {
    match change {
        Change::Create(_) => "array_create",
        Change::Add { .. } => "member_add",
        Change::ReAdd { .. } => "member_re_add",
        Change::Fail { .. } => "member_fail",
        Change::Remove { .. } => "member_remove",
        Change::Replace { .. } => "member_replace",
        Change::Scrub { .. } => "array_scrub",
        Change::Grow { .. } => "array_grow",
        Change::Set { .. } => "array_set",
        Change::MoveSpare => "spare_move",
        Change::Stop { .. } => "array_stop",
        Change::Assemble { .. } => "array_assemble",
        Change::Delete { .. } => "array_delete",
    }
}

fn tank() -> String {
    "tank".to_owned()
}

/// A disk by its serial number, or a partition as `LABA/1`.
fn id(seen: &Inventory, place: &str) -> Result<DeviceId> {
    if let Some((_, id, _)) = partitions(seen).find(|it| it.2 == place) {
        return Ok(seen.devices.resolve(&id)?.id.clone());
    }
    Ok(seen.devices.resolve(place)?.id.clone())
}

/// Kernel name, id and place of every partition.
fn partitions(seen: &Inventory) -> impl Iterator<Item = (String, String, String)> {
    seen.devices.by_name.values().filter_map(|it| {
        let BlockKind::Partition { number } = it.kind else {
            return None;
        };
        let disk = seen.devices.get(it.slaves.first()?)?;
        let place = format!("{}/{number}", disk.serial()?);
        Some((it.name.clone(), it.id.to_string(), place))
    })
}

fn recorded(seen: &Inventory) -> String {
    let ours = seen.conf.ours.values();
    let mut names: Vec<&str> = ours.filter_map(|it| it.strip_prefix("/dev/md/")).collect();
    // By UUID they came, which is chance.
    names.sort_unstable();
    let groups: BTreeSet<&String> = seen.conf.spare_groups.values().collect();
    let mut text = if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(" ")
    };
    for group in groups {
        let in_it = seen.conf.spare_groups.values().filter(|it| *it == group);
        text.push_str(&format!(", {} in the spare group {group}", in_it.count()));
    }
    text
}

fn replace_word(text: &str, word: &str, with: &str) -> String {
    let is_part = |it: char| it.is_ascii_alphanumeric() || "-_:.".contains(it);
    let mut left = text;
    let mut replaced = String::new();
    while let Some(at) = left.find(word) {
        let (before, rest) = left.split_at(at);
        let after = &rest[word.len()..];
        let begins = !before.ends_with(is_part) || word.starts_with("gone:");
        // A colon may end a word, as in "sda: ...".
        let ends = !after.starts_with(|it| is_part(it) && it != ':');
        replaced.push_str(before);
        replaced.push_str(if begins && ends { with } else { word });
        left = after;
    }
    replaced + left
}
