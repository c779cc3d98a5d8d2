//! Facts and a wish give steps, or the reason why not.

use std::fmt;

use moxnas_core::plan::{Danger, Plan};
use serde::{Deserialize, Serialize};

use super::model::{AtBoot, Load, NoSuchService, ServiceName, Services, Unit, UnitFacts};

/// What somebody wishes for a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// Have it run.
    Start,
    /// Have it not run.
    Stop,
    /// End it and start it anew.
    Restart,
    /// Have it read its files again, without ending what it is at.
    Reload,
    /// Have it come with the machine.
    Enable,
    /// Have it not come with the machine.
    Disable,
}

/// A wish, and what is known of who it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The name of a service.
    pub service: &'a str,
    /// What is to become of it.
    pub wish: Wish,
    /// How many are connected to it; `None`: nobody knows.
    pub sessions: Option<usize>,
    /// The service through which whoever asks is connected; `None`: through none of these, or
    /// nobody knows.
    pub through: Option<ServiceName>,
}

impl<'a> Asked<'a> {
    /// A wish of somebody of whom nothing is known.
    #[must_use]
    pub fn new(service: &'a str, wish: Wish) -> Asked<'a> {
        Asked {
            service,
            wish,
            sessions: None,
            through: None,
        }
    }
}

/// One thing done to one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What.
    pub act: Act,
    /// To which.
    pub unit: Unit,
}

/// What is done to a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Stop it if it runs, and start it.
    Restart,
    /// Have it read its files again.
    Reload,
    /// Have it come with the machine.
    Enable,
    /// Have it not.
    Disable,
    /// Have systemd forget that it failed, and how often it was started: after too many starts it
    /// would refuse the next.
    Forget,
}

impl Act {
    /// All there are.
    pub const ALL: [Act; 7] = [
        Act::Start,
        Act::Stop,
        Act::Restart,
        Act::Reload,
        Act::Enable,
        Act::Disable,
        Act::Forget,
    ];
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.unit;
        match self.act {
            Act::Start => write!(f, "start {unit}"),
            Act::Stop => write!(f, "stop {unit}"),
            Act::Restart => write!(f, "restart {unit}"),
            Act::Reload => write!(f, "have {unit} read its files again"),
            Act::Enable => write!(f, "have {unit} come with the machine"),
            Act::Disable => write!(f, "have {unit} not come with the machine"),
            Act::Forget => write!(f, "forget that {unit} failed"),
        }
    }
}

/// Why a wish is not granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No service has this name.
    #[error(transparent)]
    Unknown(#[from] NoSuchService),
    /// It is not on the machine.
    #[error("{0} is not installed")]
    NotInstalled(ServiceName),
    /// An administrator forbade it.
    #[error("{service} cannot be started: {unit} is masked")]
    Masked {
        /// The service.
        service: ServiceName,
        /// Its unit.
        unit: Unit,
    },
    /// Its unit file says nothing that could be done.
    #[error("{service} cannot be started: the file of {unit} is not right ({})", load.word())]
    Broken {
        /// The service.
        service: ServiceName,
        /// Its unit.
        unit: Unit,
        /// systemd's word for it.
        load: Load,
    },
    /// There is nobody to read files again.
    #[error("{0} does not run, so it cannot read its files again")]
    NotRunning(ServiceName),
    /// It has no way to read its files again.
    #[error("{0} reads its files only when it is started")]
    CannotReload(ServiceName),
    /// Its unit file does not say with what it would come.
    #[error("{service} does not come with the machine by itself: {unit} is {}", at_boot.word())]
    NotByItself {
        /// The service.
        service: ServiceName,
        /// Its unit.
        unit: Unit,
        /// systemd's word for it.
        at_boot: AtBoot,
    },
}

impl Refusal {
    /// A stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::Unknown(_) => "service_unknown",
            Refusal::NotInstalled(_) => "service_not_installed",
            Refusal::Masked { .. } => "service_masked",
            Refusal::Broken { .. } => "service_unit_broken",
            Refusal::NotRunning(_) => "service_not_running",
            Refusal::CannotReload(_) => "service_cannot_reload",
            Refusal::NotByItself { .. } => "service_not_by_itself",
        }
    }

    /// What would help.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Refusal::Unknown(_) => format!("there are {}", ServiceName::names()),
            Refusal::NotInstalled(service) => {
                format!("install it: apt-get install {}", service.package())
            }
            Refusal::Masked { unit, .. } => format!("`systemctl unmask {unit}` allows it again"),
            Refusal::Broken { unit, .. } => {
                format!("`systemd-analyze verify {unit}` says what is wrong with its file")
            }
            Refusal::NotRunning(_) => "start it: it reads its files then".to_owned(),
            Refusal::CannotReload(_) => {
                "restart it; whoever is connected is cut off then".to_owned()
            }
            Refusal::NotByItself { unit, .. } => {
                format!("`systemctl cat {unit}` shows what starts it")
            }
        }
    }
}

/// What has to be done for a wish. Pure: the same facts and the same wish give the same plan. What
/// is so already needs no steps.
///
/// The first unit of a service is always meant; others start with it only if they come with the
/// machine, as an administrator may do without them.
pub fn plan(seen: &Services, asked: &Asked<'_>) -> Result<Plan<Step>, Refusal> {
    let service: ServiceName = asked.service.parse()?;
    let units: Vec<(Unit, &UnitFacts)> = seen.installed(service).collect();
    let [(main, first), others @ ..] = units.as_slice() else {
        return Err(Refusal::NotInstalled(service));
    };
    let mut plan = Plan::default();
    let mut step = |act, unit| plan.steps.push(Step { act, unit });
    match asked.wish {
        Wish::Start => {
            can_start(service, *main, first)?;
            for (unit, facts) in meant(&units).filter(|(_, it)| !it.is_running()) {
                forget(unit, facts, &mut step);
                step(Act::Start, unit);
            }
        }
        Wish::Restart => {
            can_start(service, *main, first)?;
            forget(*main, first, &mut step);
            step(Act::Restart, *main);
            for (unit, _) in others.iter().filter(|(_, it)| it.is_running()) {
                step(Act::Restart, *unit);
            }
            end(&mut plan, service, asked, &units);
        }
        Wish::Stop => {
            // From the last: what starts the first again ends before it.
            for (unit, _) in units.iter().rev().filter(|(_, it)| !has_ended(it)) {
                step(Act::Stop, *unit);
            }
            if !plan.steps.is_empty() {
                end(&mut plan, service, asked, &units);
            }
        }
        Wish::Reload => {
            if !first.is_running() {
                return Err(Refusal::NotRunning(service));
            }
            if !first.can_reload {
                return Err(Refusal::CannotReload(service));
            }
            let running = units.iter().filter(|(_, it)| it.is_running());
            for (unit, _) in running.filter(|(_, it)| it.can_reload) {
                step(Act::Reload, *unit);
            }
        }
        Wish::Enable => {
            can_start(service, *main, first)?;
            by_itself(service, *main, first)?;
            for (unit, _) in units
                .iter()
                .filter(|(_, it)| it.at_boot == AtBoot::Disabled)
            {
                step(Act::Enable, *unit);
            }
        }
        Wish::Disable => {
            by_itself(service, *main, first)?;
            for (unit, _) in units.iter().filter(|(_, it)| it.at_boot == AtBoot::Enabled) {
                step(Act::Disable, *unit);
            }
            let is_done = plan.steps.is_empty();
            if !is_done && first.is_running() {
                plan.warnings
                    .push(format!("{service} runs on until it is stopped"));
            }
            if !is_done && service == ServiceName::Ssh {
                plan.warnings
                    .push("nobody can log in by ssh once the machine is started anew".to_owned());
            }
        }
    }
    if !plan.steps.is_empty() {
        let evidence = units.iter().map(|(unit, facts)| facts.evidence(*unit));
        plan.evidence.extend(evidence);
    }
    Ok(plan)
}

/// The first unit, and those that come with the machine.
fn meant<'a>(
    units: &'a [(Unit, &'a UnitFacts)],
) -> impl Iterator<Item = (Unit, &'a UnitFacts)> + 'a {
    let all = units.iter().enumerate();
    let meant = all.filter(|(place, (_, it))| *place == 0 || it.at_boot == AtBoot::Enabled);
    meant.map(|(_, it)| *it)
}

fn has_ended(facts: &UnitFacts) -> bool {
    use super::model::Active::{Failed, Inactive};
    matches!(facts.active, Failed | Inactive)
}

fn forget(unit: Unit, facts: &UnitFacts, step: &mut impl FnMut(Act, Unit)) {
    if facts.active == super::model::Active::Failed {
        step(Act::Forget, unit);
    }
}

fn can_start(service: ServiceName, unit: Unit, facts: &UnitFacts) -> Result<(), Refusal> {
    match &facts.load {
        Load::Loaded => Ok(()),
        Load::Masked => Err(Refusal::Masked { service, unit }),
        Load::NotFound => Err(Refusal::NotInstalled(service)),
        load => Err(Refusal::Broken {
            service,
            unit,
            load: load.clone(),
        }),
    }
}

fn by_itself(service: ServiceName, unit: Unit, facts: &UnitFacts) -> Result<(), Refusal> {
    match facts.can_be_enabled() || facts.at_boot == AtBoot::Masked {
        true => Ok(()),
        false => Err(Refusal::NotByItself {
            service,
            unit,
            at_boot: facts.at_boot.clone(),
        }),
    }
}

/// What it means that a service ends, if only for a moment.
fn end(
    plan: &mut Plan<Step>,
    service: ServiceName,
    asked: &Asked<'_>,
    units: &[(Unit, &UnitFacts)],
) {
    let was_running = units.iter().any(|(_, it)| it.is_running());
    if was_running {
        let cut = match asked.sessions {
            Some(0) => None,
            Some(1) => Some(format!(
                "1 client is connected to {service}, and is cut off"
            )),
            Some(it) => Some(format!(
                "{it} clients are connected to {service}, and are cut off"
            )),
            None => Some(format!("whoever is connected to {service} may be cut off")),
        };
        plan.warnings.extend(cut);
    }
    if asked.wish == Wish::Restart {
        return;
    }
    // sshd that was stopped lets those stay who are in, and nobody in: who loses the way in may not
    // get it back.
    let is_way_in = service == ServiceName::Ssh || asked.through == Some(service);
    if was_running && is_way_in {
        plan.dangers.push(Danger::Stops {
            object: service.to_string(),
        });
        let text = format!("{service} may be the only way to this machine, also for you");
        plan.warnings.push(text);
    }
    for (unit, facts) in units {
        let ours = |it: &&String| units.iter().all(|(unit, _)| unit.as_str() != **it);
        for by in facts.triggered_by.iter().filter(ours) {
            let text = format!("{by} starts {unit} again as soon as somebody asks for it");
            plan.warnings.push(text);
        }
    }
    if units.iter().any(|(_, it)| it.at_boot == AtBoot::Enabled) {
        let text = format!("{service} comes back when the machine is started anew");
        plan.warnings.push(text);
    }
}

/// A wish that did not come about although all steps were done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{unit} {why}")]
pub struct NotSo {
    /// The unit.
    pub unit: Unit,
    /// What is not as it should be.
    pub why: String,
}

impl NotSo {
    /// What would help.
    #[must_use]
    pub fn hint(&self) -> String {
        format!("`journalctl -u {}` says more", self.unit)
    }
}

/// Whether a wish came about: facts from before its steps, and from after.
pub fn verify(
    before: &Services,
    after: &Services,
    service: ServiceName,
    wish: Wish,
) -> Result<(), NotSo> {
    let units: Vec<(Unit, &UnitFacts)> = after.installed(service).collect();
    let not_so = |unit, why: String| Err(NotSo { unit, why });
    let run = |(unit, facts): (Unit, &UnitFacts)| match facts.is_running() {
        true => Ok(()),
        false => {
            let exit = facts.exit.map_or(String::new(), |it| format!(", {it}"));
            let (active, result) = (facts.active.word(), facts.result.word());
            not_so(unit, format!("does not run: {active}, {result}{exit}"))
        }
    };
    match wish {
        Wish::Start => meant(&units).try_for_each(run),
        Wish::Reload => units.iter().take(1).copied().try_for_each(run),
        Wish::Restart => units.iter().take(1).copied().try_for_each(|(unit, facts)| {
            run((unit, facts))?;
            let before = before.units.get(&unit);
            let is_same = |it: &&UnitFacts| {
                it.is_running() && it.since == facts.since && it.main_pid == facts.main_pid
            };
            match before.filter(is_same) {
                Some(_) => not_so(unit, "is still the one that ran before".to_owned()),
                None => Ok(()),
            }
        }),
        Wish::Stop => match units.iter().find(|(_, it)| !has_ended(it)) {
            Some((unit, facts)) => not_so(*unit, format!("is {}", facts.active.word())),
            None => Ok(()),
        },
        Wish::Enable | Wish::Disable => {
            let wrong = match wish {
                Wish::Enable => AtBoot::Disabled,
                _ => AtBoot::Enabled,
            };
            match units.iter().find(|(_, it)| it.at_boot == wrong) {
                Some((unit, _)) => not_so(*unit, format!("is {}", wrong.word())),
                None => Ok(()),
            }
        }
    }
}
