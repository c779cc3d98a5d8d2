//! A systemd that is not there, on the machine of [`SimShares`]: what is stopped here serves no
//! share there.
//!
//! It models consequences, not permission: a unit that is masked does not start, one that ends by
//! itself is started again where its file says so, five times at most, and one that needs another
//! ends with it. Time comes from the machine.
//!
//! The faults are those of the [machine](moxnas_core::sim), by the text of a step, and [`Trouble`]
//! of a single daemon. Not injected: a systemd that says of a unit what is not so.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::SystemTime,
};

use jiff::Timestamp;
use moxnas_core::{
    clock::Clock as _,
    sim::{Fault, SimMachine},
    units::Bytes,
};

use super::{
    backend::{BackendError, ServiceBackend},
    model::{Active, AtBoot, Exit, Load, LogLine, RunResult, Services, Unit, UnitFacts},
    plan::{Act, Step},
    real::argv::PATIENCE,
};
use crate::{
    render::Service,
    sim::{SimShares, StartTrouble},
};

/// What is wrong with a daemon, until it is put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It ends with this exit status before it says that it is there, as of a file that it cannot
    /// read.
    RefusesToStart(i32),
    /// It ends with this exit status as soon as it was started.
    EndsAtOnce(i32),
    /// It never says that it is there.
    Hangs,
}

/// Services of a simulated machine.
pub struct SimServices {
    shares: Arc<SimShares>,
    kept: Mutex<Kept>,
}

struct Kept {
    /// How often the machine was started when it was looked at last.
    starts: u64,
    next_pid: u32,
    units: BTreeMap<Unit, SimUnit>,
}

#[derive(Clone)]
struct SimUnit {
    is_masked: bool,
    trouble: Option<Trouble>,
    log: Vec<LogLine>,
    facts: UnitFacts,
}

/// How often systemd starts a unit within ten seconds, see systemd.unit(5).
const START_LIMIT: u32 = 5;

/// The daemon of shares that a unit is; the others are here alone.
fn daemon(unit: Unit) -> Option<Service> {
    match unit {
        Unit::Smbd => Some(Service::Samba),
        Unit::NfsServer => Some(Service::Nfs),
        Unit::Vsftpd => Some(Service::Ftp),
        Unit::Ssh => Some(Service::Ssh),
        Unit::Nginx => Some(Service::Web),
        Unit::Avahi => Some(Service::Discovery),
        Unit::Nmbd | Unit::AvahiSocket | Unit::Wsdd | Unit::Wsdd2 => None,
    }
}

/// Whether its file on Debian says `Restart=on-failure`.
fn is_started_again(unit: Unit) -> bool {
    matches!(unit, Unit::Ssh | Unit::Wsdd2)
}

impl SimServices {
    /// The services of a machine that offers shares, all installed as by Debian, but for wsdd(8):
    /// that and wsdd2(8) do the same.
    #[must_use]
    pub fn new(shares: Arc<SimShares>) -> SimServices {
        let mut kept = Kept {
            starts: shares.machine().starts(),
            next_pid: 1000,
            units: BTreeMap::new(),
        };
        let now = timestamp(shares.machine().now());
        for unit in Unit::ALL {
            let mut facts = UnitFacts::not_found();
            if unit != Unit::Wsdd {
                facts.load = Load::Loaded;
                facts.at_boot = AtBoot::Enabled;
                facts.can_reload = unit != Unit::AvahiSocket;
                facts.since = Some(now);
            }
            if unit == Unit::Avahi {
                facts.triggered_by = vec!["avahi-daemon.socket".to_owned()];
            }
            if facts.load == Load::Loaded && daemon(unit).is_none() {
                kept.run(unit, &mut facts);
            }
            let unit_is = SimUnit {
                is_masked: false,
                trouble: None,
                log: Vec::new(),
                facts,
            };
            kept.units.insert(unit, unit_is);
        }
        let services = SimServices {
            shares,
            kept: Mutex::new(kept),
        };
        // What ends from here on ends, and was not always so.
        drop(services.kept());
        services
    }

    /// The shares of the same machine.
    #[must_use]
    pub fn shares(&self) -> &Arc<SimShares> {
        &self.shares
    }

    fn machine(&self) -> &SimMachine {
        self.shares.machine()
    }

    /// Let something be wrong with a daemon; `None`: put it right.
    pub fn arrange(&self, unit: Unit, trouble: Option<Trouble>) {
        self.change(unit, |it| it.trouble = trouble);
        self.tell_shares(unit);
    }

    /// What keeps a unit from starting keeps shares from starting its daemon.
    fn tell_shares(&self, unit: Unit) {
        let Some(service) = daemon(unit) else { return };
        let kept = self.kept();
        let Some(it) = kept.units.get(&unit) else {
            return;
        };
        let trouble = match (it.is_masked, it.trouble) {
            (true, _) => Some(StartTrouble::Masked),
            (false, None) => None,
            (false, Some(Trouble::RefusesToStart(status))) => Some(StartTrouble::Refuses(status)),
            (false, Some(Trouble::EndsAtOnce(status))) => Some(StartTrouble::EndsAtOnce(status)),
            (false, Some(Trouble::Hangs)) => Some(StartTrouble::Hangs),
        };
        self.shares.trouble(service, trouble);
    }

    /// Let a unit be missing, as where its package is not installed.
    pub fn uninstall(&self, unit: Unit) {
        if let Some(service) = daemon(unit) {
            self.shares.uninstall(service);
        }
        self.change(unit, |it| it.facts = UnitFacts::not_found());
    }

    /// What `systemctl mask` does.
    pub fn mask(&self, unit: Unit) {
        self.change(unit, |it| {
            it.is_masked = true;
            it.facts.load = Load::Masked;
            it.facts.at_boot = AtBoot::Masked;
        });
        self.tell_shares(unit);
    }

    /// What `systemctl unmask` does.
    pub fn unmask(&self, unit: Unit) {
        self.change(unit, |it| {
            it.is_masked = false;
            it.facts.load = Load::Loaded;
            it.facts.at_boot = AtBoot::Enabled;
        });
        self.tell_shares(unit);
    }

    /// Let a daemon end by itself.
    pub fn crash(&self, unit: Unit, exit: Exit) {
        let mut kept = self.kept();
        let Some(it) = kept.units.get(&unit).filter(|it| it.facts.is_running()) else {
            return;
        };
        let ends_again = matches!(
            it.trouble,
            Some(Trouble::RefusesToStart(_) | Trouble::EndsAtOnce(_))
        );
        let restarts = it.facts.restarts;
        self.end(&mut kept, unit, Some(exit));
        if !is_started_again(unit) {
            return;
        }
        let Some(it) = kept.units.get_mut(&unit) else {
            return;
        };
        if ends_again {
            it.facts.restarts = START_LIMIT;
            return;
        }
        self.begin(&mut kept, unit);
        if let Some(it) = kept.units.get_mut(&unit) {
            it.facts.restarts = restarts + 1;
        }
    }

    fn change(&self, unit: Unit, change: impl FnOnce(&mut SimUnit)) {
        if let Some(it) = self.kept().units.get_mut(&unit) {
            change(it);
        }
    }

    fn now(&self) -> Timestamp {
        timestamp(self.machine().now())
    }

    /// The units as they are by now: what came with the machine, and what shares did to daemons.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        let mut kept = self.kept.lock().expect("no holder of this lock panics");
        let starts = self.machine().starts();
        let is_new = kept.starts != starts;
        kept.starts = starts;
        for unit in Unit::ALL {
            let Some(mut it) = kept.units.get(&unit).cloned() else {
                continue;
            };
            if it.facts.load == Load::NotFound {
                continue;
            }
            let shared = daemon(unit).map(|service| self.shares.daemon(service));
            if is_new {
                let was = it.facts.clone();
                it.facts = UnitFacts {
                    load: was.load,
                    at_boot: was.at_boot,
                    can_reload: was.can_reload,
                    triggered_by: was.triggered_by,
                    since: Some(self.now()),
                    ..UnitFacts::not_found()
                };
                if shared.is_none() && it.facts.at_boot == AtBoot::Enabled {
                    kept.run(unit, &mut it.facts);
                }
            }
            if let Some(shared) = shared {
                if !shared.is_installed {
                    it.facts = UnitFacts::not_found();
                } else if shared.is_running != it.facts.is_running() {
                    match shared.is_running {
                        true => kept.run(unit, &mut it.facts),
                        false => ended(&mut it.facts, Some(Exit::Signal(11))),
                    }
                    it.facts.since = Some(timestamp(shared.since));
                } else if shared.is_running
                    && daemon(unit).is_some_and(|it| self.shares.take_anew(it))
                {
                    kept.run(unit, &mut it.facts);
                    it.facts.since = Some(timestamp(shared.since));
                }
                let status = daemon(unit).and_then(|service| self.shares.take_ended(service));
                if let Some(status) = status {
                    ended(&mut it.facts, Some(Exit::Status(status)));
                    it.facts.since = Some(self.now());
                }
                if !it.is_masked && it.facts.load != Load::NotFound {
                    it.facts.at_boot = match shared.is_enabled {
                        true => AtBoot::Enabled,
                        false => AtBoot::Disabled,
                    };
                }
            }
            kept.units.insert(unit, it);
        }
        kept
    }

    /// Let a daemon run. What systemd and the daemon log goes to the journal.
    fn begin(&self, kept: &mut Kept, unit: Unit) {
        if let Some(service) = daemon(unit) {
            self.shares.restart(service);
        }
        let now = self.now();
        if let Some(mut it) = kept.units.get(&unit).cloned() {
            kept.run(unit, &mut it.facts);
            it.facts.since = Some(now);
            it.say(now, 6, format!("Started {unit}."));
            kept.units.insert(unit, it);
        }
    }

    /// Let a daemon end; `None`: because it was told to.
    fn end(&self, kept: &mut Kept, unit: Unit, exit: Option<Exit>) {
        if let Some(service) = daemon(unit) {
            self.shares.run(service, false);
        }
        let now = self.now();
        if let Some(it) = kept.units.get_mut(&unit) {
            ended(&mut it.facts, exit);
            it.facts.since = Some(now);
            match exit {
                None => it.say(now, 6, format!("Stopped {unit}.")),
                Some(exit) => it.say(now, 4, format!("{unit}: main process ended: {exit}")),
            }
        }
        // Their files say `BindsTo=smbd.service` and `Requires=avahi-daemon.socket`.
        let follower = match unit {
            Unit::Smbd => Some(Unit::Wsdd2),
            Unit::AvahiSocket => Some(Unit::Avahi),
            _ => None,
        };
        if let Some(follower) = follower
            && let Some(it) = kept.units.get(&follower)
            && it.facts.is_running()
        {
            self.end(kept, follower, None);
        }
    }

    fn start(&self, kept: &mut Kept, unit: Unit) -> Result<(), BackendError> {
        let failed = |result: &str| BackendError::Job {
            unit,
            result: result.to_owned(),
        };
        let Some(it) = kept.units.get_mut(&unit) else {
            return Err(failed("invalid"));
        };
        if it.facts.load != Load::Loaded {
            let why = format!("Unit {unit} is {}.", it.facts.load.word());
            return Err(BackendError::Denied { unit, why });
        }
        match it.trouble {
            Some(Trouble::Hangs) => {
                it.facts.active = Active::Activating;
                it.facts.sub = "start".to_owned();
                Err(BackendError::Hangs {
                    unit,
                    after: PATIENCE,
                })
            }
            Some(Trouble::RefusesToStart(status)) => {
                self.end(kept, unit, Some(Exit::Status(status)));
                Err(failed("failed"))
            }
            Some(Trouble::EndsAtOnce(status)) => {
                self.begin(kept, unit);
                self.end(kept, unit, Some(Exit::Status(status)));
                if let Some(it) = kept.units.get_mut(&unit).filter(|_| is_started_again(unit)) {
                    it.facts.restarts = START_LIMIT;
                }
                Ok(())
            }
            None => {
                self.begin(kept, unit);
                Ok(())
            }
        }
    }

    fn perform(&self, step: &Step) -> Result<(), BackendError> {
        let unit = step.unit;
        let mut kept = self.kept();
        let is_running = kept.units[&unit].facts.is_running();
        match step.act {
            Act::Start if is_running => Ok(()),
            Act::Start => self.start(&mut kept, unit),
            Act::Stop => {
                self.end(&mut kept, unit, None);
                // Somebody always asks for a name.
                let socket = &kept.units[&Unit::AvahiSocket];
                if unit == Unit::Avahi && socket.facts.is_running() {
                    self.begin(&mut kept, unit);
                }
                Ok(())
            }
            Act::Restart => {
                if is_running {
                    self.end(&mut kept, unit, None);
                }
                self.start(&mut kept, unit)
            }
            Act::Reload if is_running => {
                if let Some(service) = daemon(unit) {
                    self.shares.run(service, true);
                }
                Ok(())
            }
            Act::Reload => Err(BackendError::Denied {
                unit,
                why: format!("{unit} is not active, cannot reload."),
            }),
            Act::Enable | Act::Disable => {
                let with_machine = step.act == Act::Enable;
                if let Some(service) = daemon(unit) {
                    self.shares.enable(service, with_machine);
                }
                if let Some(it) = kept.units.get_mut(&unit) {
                    it.facts.at_boot = match with_machine {
                        true => AtBoot::Enabled,
                        false => AtBoot::Disabled,
                    };
                }
                Ok(())
            }
            Act::Forget => {
                if let Some(it) = kept.units.get_mut(&unit) {
                    it.facts.restarts = 0;
                    it.facts.result = RunResult::Success;
                    if it.facts.active == Active::Failed {
                        it.facts.active = Active::Inactive;
                        it.facts.sub = "dead".to_owned();
                    }
                }
                Ok(())
            }
        }
    }

    /// Whether a step does nothing and says nothing of it; an error if something else strikes it.
    fn is_struck(&self, step: &Step) -> Result<bool, BackendError> {
        let text = step.to_string();
        let fault = self.machine().state().take_fault(&text);
        let injected = |why: &str| Err(BackendError::Injected(format!("`{text}` {why}")));
        match fault {
            None => Ok(false),
            Some(Fault::StepLies { .. }) => Ok(true),
            Some(Fault::StepFails { .. }) => injected("failed: the simulation was told so"),
            Some(Fault::StepHangs { .. }) => Err(BackendError::Hangs {
                unit: step.unit,
                after: PATIENCE,
            }),
            Some(Fault::PowerCut { .. }) => {
                self.machine().power_cut();
                injected("was not reached: power was cut")
            }
        }
    }
}

impl Kept {
    /// The facts of a unit that was just started.
    fn run(&mut self, unit: Unit, facts: &mut UnitFacts) {
        facts.active = Active::Active;
        facts.restarts = 0;
        facts.result = RunResult::Success;
        facts.exit = None;
        if unit == Unit::NfsServer {
            // Threads of the kernel: its program did its work and is gone.
            facts.sub = "exited".to_owned();
            facts.exit = Some(Exit::Status(0));
            return;
        }
        facts.sub = "running".to_owned();
        if unit == Unit::AvahiSocket {
            return;
        }
        facts.main_pid = Some(self.next_pid);
        facts.memory = Some(Bytes(8 << 20));
        self.next_pid += 1;
    }
}

impl SimUnit {
    fn say(&mut self, at: Timestamp, priority: u8, text: String) {
        self.log.push(LogLine {
            at,
            priority: Some(priority),
            by: Some("systemd".to_owned()),
            text,
        });
    }
}

/// The facts of a unit that ended; `None`: because it was told to.
fn ended(facts: &mut UnitFacts, exit: Option<Exit>) {
    let (active, sub, result) = match exit {
        None | Some(Exit::Status(0)) => (Active::Inactive, "dead", RunResult::Success),
        Some(Exit::Status(_)) => (Active::Failed, "failed", RunResult::ExitCode),
        Some(Exit::Signal(_)) => (Active::Failed, "failed", RunResult::Signal),
        Some(Exit::Dumped(_)) => (Active::Failed, "failed", RunResult::CoreDump),
    };
    facts.active = active;
    facts.sub = sub.to_owned();
    facts.result = result;
    facts.exit = Some(exit.unwrap_or(Exit::Status(0)));
    facts.main_pid = None;
    facts.memory = None;
}

fn timestamp(at: SystemTime) -> Timestamp {
    Timestamp::try_from(at).expect("a simulated machine lives within a few thousand years")
}

impl ServiceBackend for SimServices {
    fn observe(&self) -> Result<Services, BackendError> {
        let kept = self.kept();
        let all = kept.units.iter();
        Ok(Services {
            units: all.map(|(unit, it)| (*unit, it.facts.clone())).collect(),
        })
    }

    fn apply(&self, step: &Step) -> Result<(), BackendError> {
        match self.is_struck(step)? {
            true => Ok(()),
            false => self.perform(step),
        }
    }

    fn log(&self, unit: Unit, lines: u32) -> Result<Vec<LogLine>, BackendError> {
        let kept = self.kept();
        let all = &kept.units[&unit].log;
        let surplus = all.len().saturating_sub(lines as usize);
        Ok(all[surplus..].to_vec())
    }
}
