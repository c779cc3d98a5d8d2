//! A machine that is not there offers shares: files, and daemons that read them when they are told to.
//!
//! It models consequences, not permission. A daemon serves what it read last, whatever its files say by now;
//! smbd reads ours only if smb.conf(5) includes it; what runs when power is cut reads its files at the next
//! start. A checker complains of lines that are none. The faults are those of the
//! [machine](moxnas_core::sim): a file that cannot be written, a daemon that does not reload, or says that
//! it did and did not.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    time::SystemTime,
};

use moxnas_core::{
    clock::Clock as _,
    sim::{Fault, SimMachine},
};

use crate::{
    backend::{BackendError, Daemon, Offer, Served, ShareBackend},
    escape::unescape,
    generation::Generation,
    model::TlsFiles,
    plan::{FileChange, includes, sections},
    render::{Places, Service},
};

/// The shares of a simulated machine, and its daemons.
#[derive(Debug)]
pub struct SimShares {
    machine: Arc<SimMachine>,
    places: Places,
    daemons: Mutex<Daemons>,
    /// The folders that are there; `None`: all that anybody names.
    folders: Mutex<Option<BTreeSet<String>>>,
}

#[derive(Debug, Default)]
struct Daemons {
    /// How often the machine was started when they were looked at last.
    starts: u64,
    all: BTreeMap<Service, SimDaemon>,
}

/// Why a daemon does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartTrouble {
    /// Somebody forbade it: nothing is even tried.
    Masked,
    /// Whoever starts it is told that it ended with this status.
    Refuses(i32),
    /// It ends with this status, and whoever started it is told that all went well.
    EndsAtOnce(i32),
    /// It never says that it is there.
    Hangs,
}

#[derive(Clone, Debug)]
pub(crate) struct SimDaemon {
    pub(crate) is_installed: bool,
    pub(crate) is_enabled: bool,
    pub(crate) is_running: bool,
    /// Since when it runs or does not.
    pub(crate) since: SystemTime,
    /// Why it does not start, if it does not.
    pub(crate) trouble: Option<StartTrouble>,
    /// The exit status with which it ended when it was started last, until somebody has seen it.
    pub(crate) ended: Option<i32>,
    /// Whether it was ended and started anew to read its files, until somebody has seen it.
    is_anew: bool,
    /// Whether the file of the unit said, when it was started, that it should read ours.
    is_ours: bool,
    /// What it read, by path.
    read: BTreeMap<String, String>,
    /// Who is connected. They go when it ends, and not when it reads its files again.
    sessions: Vec<String>,
}

impl Default for SimDaemon {
    fn default() -> SimDaemon {
        SimDaemon {
            is_installed: false,
            is_enabled: false,
            is_running: false,
            since: SystemTime::UNIX_EPOCH,
            trouble: None,
            ended: None,
            is_anew: false,
            is_ours: false,
            read: BTreeMap::new(),
            sessions: Vec::new(),
        }
    }
}

impl SimDaemon {
    fn run(&mut self, runs: bool, now: SystemTime, is_ours: bool) {
        if self.is_running != runs {
            self.since = now;
            self.is_ours = is_ours;
        }
        self.is_running = runs;
        if !runs {
            self.sessions.clear();
        }
    }
}

impl SimShares {
    /// A machine on which everything is installed as by Debian, and nothing offered.
    #[must_use]
    pub fn new(machine: Arc<SimMachine>, places: Places) -> SimShares {
        let starts = machine.starts();
        let all = Service::ALL.into_iter().map(|service| {
            let daemon = SimDaemon {
                is_installed: true,
                is_enabled: true,
                is_running: true,
                since: machine.now(),
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
            folders: Mutex::new(None),
        }
    }

    /// The simulated machine.
    #[must_use]
    pub fn machine(&self) -> &Arc<SimMachine> {
        &self.machine
    }

    /// Let these folders be there and no others.
    pub fn only_folders(&self, folders: impl IntoIterator<Item = String>) {
        let mut all = self.folders.lock().expect("no holder of this lock panics");
        *all = Some(folders.into_iter().collect());
    }

    /// The folders of exports that are not there, of which exportfs(8) complains.
    fn missing_folders(&self, exports: &str) -> Vec<String> {
        let folders = self.folders.lock().expect("no holder of this lock panics");
        let Some(folders) = folders.as_ref() else {
            return Vec::new();
        };
        let lines = exports.lines().filter(|it| it.starts_with(['/', '"']));
        let paths = lines.filter_map(|it| it.split(' ').next()).map(unescape);
        paths.filter(|it| !folders.contains(it)).collect()
    }

    /// Of what exportfs(8) would complain of files that it does not of those that there are.
    fn complained(&self, changes: &[FileChange]) -> Vec<String> {
        let path = &self.places.exports;
        let Some(change) = changes.iter().find(|it| it.path == *path) else {
            return Vec::new();
        };
        let before = self.machine.state().files.get(path).cloned();
        let known = self.missing_folders(&before.unwrap_or_default());
        let all = self.missing_folders(change.after.as_deref().unwrap_or_default());
        let new = all.iter().filter(|it| !known.contains(it));
        new.map(|it| format!("exportfs: Failed to stat {it}: No such file or directory"))
            .collect()
    }

    /// Let a daemon be missing, as where its package is not installed.
    pub fn uninstall(&self, service: Service) {
        self.daemons().all.insert(service, SimDaemon::default());
    }

    /// Let a daemon end, as if it had crashed.
    pub fn crash(&self, service: Service) {
        let now = self.machine.now();
        self.change(service, |it| it.run(false, now, false));
    }

    /// How a daemon stands by now, for who starts and stops it.
    pub(crate) fn daemon(&self, service: Service) -> SimDaemon {
        self.daemons().all[&service].clone()
    }

    /// Start a daemon, or have one that runs read its files again; or end it.
    pub(crate) fn run(&self, service: Service, runs: bool) {
        let now = self.machine.now();
        let read = self.files_of(service);
        let is_ours = self.would_be_ours();
        self.change(service, |it| {
            it.run(runs, now, is_ours);
            it.read = read;
        });
    }

    /// Whether vsftpd would be started with our file by now.
    fn would_be_ours(&self) -> bool {
        let state = self.machine.state();
        state.files.contains_key(&self.places.vsftpd_unit)
    }

    /// End a daemon and start it anew.
    pub(crate) fn restart(&self, service: Service) {
        let now = self.machine.now();
        self.run(service, false);
        self.run(service, true);
        self.change(service, |it| it.since = now);
    }

    /// Let something keep a daemon from starting, or nothing any more.
    pub(crate) fn trouble(&self, service: Service, trouble: Option<StartTrouble>) {
        self.change(service, |it| it.trouble = trouble);
    }

    /// With which status a daemon ended when it was started last, if nobody has asked yet.
    pub(crate) fn take_ended(&self, service: Service) -> Option<i32> {
        let mut daemons = self.daemons();
        daemons.all.get_mut(&service)?.ended.take()
    }

    /// Whether a daemon was started anew to read its files, if nobody has asked yet.
    pub(crate) fn take_anew(&self, service: Service) -> bool {
        let mut daemons = self.daemons();
        let daemon = daemons.all.get_mut(&service);
        daemon.is_some_and(|it| std::mem::take(&mut it.is_anew))
    }

    /// Have a daemon come with the machine, or not.
    pub(crate) fn enable(&self, service: Service, with_machine: bool) {
        self.change(service, |it| it.is_enabled = with_machine);
    }

    /// Let somebody connect to a daemon that runs.
    pub fn connect(&self, service: Service, who: &str) {
        self.change(service, |it| {
            if it.is_running {
                it.sessions.push(who.to_owned());
            }
        });
    }

    /// Let somebody go who is connected.
    pub(crate) fn hang_up(&self, service: Service, who: &str) {
        self.change(service, |it| it.sessions.retain(|it| it != who));
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
            let is_ours = self.would_be_ours();
            for (service, daemon) in &mut daemons.all {
                daemon.is_running = daemon.is_enabled;
                daemon.is_ours = is_ours;
                daemon.since = self.machine.now();
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

    fn certify(&self, files: &TlsFiles) -> Result<(), BackendError> {
        self.replace(files.key.as_str(), Some("a key\n"), 0o600)?;
        self.replace(files.certificate.as_str(), Some("a certificate\n"), 0o644)
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
        let mut said: Vec<String> = bad
            .map(|it| {
                format!(
                    "Ignoring badly formed line in configuration file: {}",
                    it.trim()
                )
            })
            .collect();
        if service == Service::Nfs {
            said.extend(self.complained(changes));
        }
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
        let now = self.machine.now();
        let is_ours = self.would_be_ours();
        let mut trouble = None;
        self.change(service, |it| {
            // Debian's vsftpd reads its own file again, whatever we write.
            let is_theirs = service == Service::Ftp && it.is_running && !it.is_ours;
            if is_theirs {
                it.run(false, now, false);
            }
            // What keeps it from starting does not keep one that runs from reading its files.
            trouble = it.trouble.filter(|_| !it.is_running);
            if trouble != Some(StartTrouble::Masked) {
                it.is_enabled = true;
            }
            if let Some(StartTrouble::Refuses(status) | StartTrouble::EndsAtOnce(status)) = trouble
            {
                it.ended = Some(status);
            }
            if trouble.is_none() {
                it.run(true, now, is_ours);
                it.is_anew = is_theirs;
                it.read = read;
            }
        });
        match trouble {
            None | Some(StartTrouble::EndsAtOnce(_)) => Ok(()),
            Some(_) => {
                let why = format!("{} does not start", service.daemon());
                Err(BackendError::Injected(why))
            }
        }
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
