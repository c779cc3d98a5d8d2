//! A machine that is not there offers shares: files, and daemons that read them when they are told to.
//!
//! It models consequences, not permission. A daemon serves what it read last, whatever its files say by now;
//! smbd reads ours only if smb.conf(5) includes it; what runs when power is cut reads its files at the next
//! start. A checker complains of lines that are none. The faults are those of the
//! [machine](moxnas_core::sim): a file that cannot be written, a daemon that does not reload, or says that
//! it did and did not.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use moxnas_core::sim::{Fault, SimMachine};

use crate::{
    backend::{BackendError, Daemon, Offer, Served, ShareBackend},
    escape::unescape,
    generation::Generation,
    plan::{FileChange, includes, sections},
    render::{Places, Service},
};

/// The shares of a simulated machine, and its daemons.
pub struct SimShares {
    machine: Arc<SimMachine>,
    places: Places,
    daemons: Mutex<Daemons>,
}

#[derive(Debug, Default)]
struct Daemons {
    /// How often the machine was started when they were looked at last.
    starts: u64,
    all: BTreeMap<Service, SimDaemon>,
}

#[derive(Clone, Debug, Default)]
struct SimDaemon {
    is_installed: bool,
    is_enabled: bool,
    is_running: bool,
    /// What it read, by path.
    read: BTreeMap<String, String>,
    /// Who is connected. They go when it ends, and not when it reads its files again.
    sessions: Vec<String>,
}

impl SimShares {
    /// A machine on which everything is installed as by Debian, and nothing offered.
    #[must_use]
    pub fn new(machine: Arc<SimMachine>, places: Places) -> SimShares {
        let starts = machine.starts();
        let all = Service::ALL.into_iter().map(|service| {
            let runs = !matches!(service, Service::Nfs);
            let daemon = SimDaemon {
                is_installed: true,
                is_enabled: runs,
                is_running: runs,
                ..SimDaemon::default()
            };
            (service, daemon)
        });
        let daemons = Daemons {
            starts,
            all: all.collect(),
        };
        if let Some(main) = &places.samba_main {
            let mut state = machine.state();
            state
                .files
                .entry(main.clone())
                .or_insert_with(|| "[global]\n\tlog level = 1\n".to_owned());
        }
        SimShares {
            machine,
            places,
            daemons: Mutex::new(daemons),
        }
    }

    /// The simulated machine.
    #[must_use]
    pub fn machine(&self) -> &Arc<SimMachine> {
        &self.machine
    }

    /// Let a daemon be missing, as where its package is not installed.
    pub fn uninstall(&self, service: Service) {
        self.daemons().all.insert(service, SimDaemon::default());
    }

    /// Let a daemon end, as if it had crashed.
    pub fn crash(&self, service: Service) {
        self.change(service, |it| {
            it.is_running = false;
            it.sessions.clear();
        });
    }

    /// Let somebody connect to a daemon that runs.
    pub fn connect(&self, service: Service, who: &str) {
        self.change(service, |it| {
            if it.is_running {
                it.sessions.push(who.to_owned());
            }
        });
    }

    /// Who is connected.
    #[must_use]
    pub fn sessions(&self, service: Service) -> Vec<String> {
        let daemons = self.daemons();
        daemons.all[&service].sessions.clone()
    }

    /// What a daemon read last, by path; `None`: it does not run.
    #[must_use]
    pub fn read(&self, service: Service) -> Option<BTreeMap<String, String>> {
        let daemons = self.daemons();
        let daemon = &daemons.all[&service];
        daemon.is_running.then(|| daemon.read.clone())
    }

    fn change(&self, service: Service, change: impl FnOnce(&mut SimDaemon)) {
        if let Some(it) = self.daemons().all.get_mut(&service) {
            change(it);
        }
    }

    /// The daemons as they are by now: those that are enabled were started with the machine.
    fn daemons(&self) -> MutexGuard<'_, Daemons> {
        let starts = self.machine.starts();
        let mut daemons = self.daemons.lock().expect("no holder of this lock panics");
        if daemons.starts != starts {
            daemons.starts = starts;
            for (service, daemon) in &mut daemons.all {
                daemon.is_running = daemon.is_enabled;
                daemon.sessions.clear();
                daemon.read = self.files_of(*service);
            }
        }
        daemons
    }

    /// What a daemon reads if it is told to.
    fn files_of(&self, service: Service) -> BTreeMap<String, String> {
        let state = self.machine.state();
        if service == Service::Samba
            && let Some(main) = &self.places.samba_main
            && !state
                .files
                .get(main)
                .is_some_and(|it| includes(it, &self.places.samba))
        {
            return BTreeMap::new();
        }
        let all = state.files.iter();
        let of = all.filter(|(path, _)| self.places.service_of(path) == Some(service));
        of.map(|(path, text)| (path.clone(), text.clone()))
            .collect()
    }

    /// Whether something was arranged to go wrong with this: it fails, or it says that it was done.
    fn is_struck(&self, what: &str) -> Result<bool, BackendError> {
        let fault = self.machine.state().take_fault(what);
        let injected = |why: &str| Err(BackendError::Injected(format!("`{what}` {why}")));
        match fault {
            None => Ok(false),
            Some(Fault::StepLies { .. }) => Ok(true),
            Some(Fault::StepFails { .. }) => injected("failed: the simulation was told so"),
            Some(Fault::StepHangs { .. }) => injected("was stopped after 30s"),
            Some(Fault::PowerCut { .. }) => {
                self.machine.power_cut();
                injected("was not reached: power was cut")
            }
        }
    }
}

impl ShareBackend for SimShares {
    fn observe(&self, places: &Places) -> Result<Served, BackendError> {
        let mut served = Served::default();
        for (service, daemon) in &self.daemons().all {
            let SimDaemon {
                is_installed,
                is_running,
                ..
            } = *daemon;
            let daemon = Daemon {
                is_installed,
                is_running,
            };
            served.daemons.insert(*service, daemon);
        }
        for (path, text) in &self.machine.state().files {
            if places.service_of(path).is_some() || places.theirs().any(|it| it == path) {
                served.files.insert(path.clone(), text.clone());
            } else if let Some(name) = path.strip_prefix(&format!("{}/", places.generations)) {
                served.generations.extend(Generation::number_of(name));
            }
        }
        Ok(served)
    }

    fn check(
        &self,
        places: &Places,
        service: Service,
        changes: &[FileChange],
    ) -> Result<(), BackendError> {
        if self.is_struck(&format!("check {}", service.daemon()))? {
            return Ok(());
        }
        let read = changes
            .iter()
            .filter(|it| service == Service::Samba && places.service_of(&it.path) == Some(service));
        let lines = read.flat_map(|it| it.after.as_deref().unwrap_or("").lines());
        let bad = lines.filter(|line| {
            let line = line.trim();
            let is_section = line.starts_with('[') && line.ends_with(']');
            !(line.is_empty() || line.starts_with(['#', ';']) || is_section || line.contains('='))
        });
        let said: Vec<String> = bad
            .map(|it| {
                format!(
                    "Ignoring badly formed line in configuration file: {}",
                    it.trim()
                )
            })
            .collect();
        match said.is_empty() {
            true => Ok(()),
            false => Err(BackendError::Refused { service, said }),
        }
    }

    fn replace(&self, path: &str, text: Option<&str>, _: u32) -> Result<(), BackendError> {
        if self.is_struck(&format!("write {path}"))? {
            return Ok(());
        }
        let mut state = self.machine.state();
        match text {
            Some(text) => state.files.insert(path.to_owned(), text.to_owned()),
            None => state.files.remove(path),
        };
        Ok(())
    }

    fn reload(&self, service: Service) -> Result<(), BackendError> {
        if self.is_struck(&format!("reload {}", service.daemon()))? {
            return Ok(());
        }
        let read = self.files_of(service);
        self.change(service, |it| {
            it.is_enabled = true;
            it.is_running = true;
            it.read = read;
        });
        Ok(())
    }

    fn probe(&self, service: Service, offers: &[Offer]) -> Result<(), BackendError> {
        if self.is_struck(&format!("ask {}", service.daemon()))? {
            return Ok(());
        }
        let Some(read) = self.read(service) else {
            return Err(BackendError::NotRunning {
                service,
                why: "ActiveState=failed".to_owned(),
            });
        };
        for offer in offers {
            if let Some(why) = is_missed(&self.places, &read, offer) {
                return Err(BackendError::NotOffered { service, why });
            }
        }
        Ok(())
    }
}

/// What is not as it should be, if anything.
fn is_missed(places: &Places, read: &BTreeMap<String, String>, offer: &Offer) -> Option<String> {
    let text = |path: &str| read.get(path).map_or("", String::as_str);
    let offers = |name: &str| sections(text(&places.samba)).contains_key(name);
    match offer {
        Offer::Share(name) if !offers(name.as_str()) => Some(format!("does not offer {name}")),
        Offer::NoShare(name) if offers(name.as_str()) => Some(format!("still offers {name}")),
        Offer::Share(_) | Offer::NoShare(_) => None,
        Offer::Export { path, client } => {
            let rule = format!("{client}(");
            let is_it = |line: &str| {
                let mut words = line.split(' ');
                words.next().is_some_and(|it| unescape(it) == *path)
                    && words.any(|it| it.starts_with(&rule))
            };
            let is_there = text(&places.exports).lines().any(is_it);
            (!is_there).then(|| format!("does not export {path} to {client}"))
        }
    }
}
