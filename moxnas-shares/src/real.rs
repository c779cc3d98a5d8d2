//! The machine: files below a root, and the programs of Debian's packages.

mod argv;
mod check;
mod harmless;
mod probe;

use std::{sync::Arc, time::Duration};

use moxnas_core::{
    cmd::{Runner, Tool},
    disk::mounts,
    root::Root,
};

pub use self::harmless::HARMLESS;
use crate::{
    backend::{BackendError, Daemon, Offer, Served, ShareBackend},
    generation::Generation,
    plan::FileChange,
    render::{Places, Service},
};

/// A machine that offers shares.
pub struct SystemShares {
    root: Root,
    runner: Arc<dyn Runner>,
    places: Places,
    smb_port: u16,
}

/// Where smbd(8) listens if nothing else is said.
pub const SMB_PORT: u16 = 445;

/// How long a daemon may take to be there after it was told to.
const PATIENCE: Duration = Duration::from_secs(10);

impl SystemShares {
    /// A machine whose files are below `root` and whose programs `runner` starts; its smbd is asked on a port.
    pub fn new(root: Root, runner: Arc<dyn Runner>, places: Places, smb_port: u16) -> SystemShares {
        SystemShares {
            root,
            runner,
            places,
            smb_port,
        }
    }

    /// Whether a unit of systemd has processes. Its control group says so without a program.
    fn is_running(&self, service: Service) -> Result<bool, BackendError> {
        if service == Service::Systemd {
            return Ok(true);
        }
        if service == Service::Nfs {
            let threads = self.root.read("/proc/fs/nfsd/threads")?;
            return Ok(threads.is_some_and(|it| !matches!(it.trim(), "" | "0")));
        }
        Ok(!self.processes(service)?.is_empty())
    }

    /// The processes of a unit, by their numbers.
    fn processes(&self, service: Service) -> Result<Vec<String>, BackendError> {
        for tree in ["/sys/fs/cgroup", "/sys/fs/cgroup/systemd"] {
            let file = format!("{tree}/system.slice/{}/cgroup.procs", service.unit());
            if let Some(text) = self.root.read(file)? {
                return Ok(text.lines().map(str::to_owned).collect());
            }
        }
        Ok(Vec::new())
    }

    /// Whether a vsftpd that runs was started with our file. Debian's reads its own again, whatever we write.
    fn is_vsftpd_ours(&self) -> Result<bool, BackendError> {
        for process in self.processes(Service::Ftp)? {
            let words = self.root.read(format!("/proc/{process}/cmdline"))?;
            let mut words = words.iter().flat_map(|it| it.split('\0'));
            if words.any(|it| it == self.places.vsftpd) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Mount what the units say that users see, and unmount what none says any more.
    fn reload_jails(&self) -> Result<(), BackendError> {
        self.runner.run(&argv::daemon_reload())?;
        let units = self.root.list(&self.places.units)?;
        let units: Vec<String> = units
            .into_iter()
            .filter(|it| self.places.is_jail_mount(it))
            .collect();
        let below = format!("{}/", self.places.jails);
        let mounted = mounts(&self.root)?.into_iter();
        let mounted = mounted.filter(|it| it.at.starts_with(&below));
        let mounted: Vec<String> = mounted
            .map(|it| moxnas_core::systemd::unit_of(&it.at))
            .collect();
        for unit in mounted.iter().filter(|it| !units.contains(it)) {
            self.runner.run(&argv::stop(unit))?;
        }
        let wants = format!("{}/multi-user.target.wants", self.places.units);
        for link in self.root.list(&wants)? {
            if self.places.is_jail_mount(&link) && !units.contains(&link) {
                self.root.remove(format!("{wants}/{link}"))?;
            }
        }
        for unit in units.iter().filter(|it| !mounted.contains(it)) {
            self.runner.run(&argv::enable_now(unit))?;
        }
        Ok(())
    }
}

impl ShareBackend for SystemShares {
    fn observe(&self, places: &Places) -> Result<Served, BackendError> {
        let mut served = Served::default();
        let single = places.single().into_iter().map(|(path, _)| path.to_owned());
        let theirs = places.theirs().map(str::to_owned);
        let mut paths: Vec<String> = single.chain(theirs).collect();
        let users = self.root.list(&places.vsftpd_users)?;
        paths.extend(
            users
                .iter()
                .map(|it| format!("{}/{it}", places.vsftpd_users)),
        );
        let units = self.root.list(&places.units)?.into_iter();
        let units = units.filter(|it| places.is_jail_mount(it));
        paths.extend(units.map(|it| format!("{}/{it}", places.units)));
        for path in paths {
            if let Some(text) = self.root.read(&path)? {
                served.files.insert(path, text);
            }
        }
        for service in Service::ALL {
            let daemon = Daemon {
                is_installed: tool(service).is_none_or(|it| it.find().is_some()),
                is_running: self.is_running(service)?,
            };
            served.daemons.insert(service, daemon);
        }
        let kept = self.root.list(&places.generations)?.into_iter();
        served.generations = kept.filter_map(|it| Generation::number_of(&it)).collect();
        served.generations.sort_unstable();
        Ok(served)
    }

    fn check(
        &self,
        places: &Places,
        service: Service,
        changes: &[FileChange],
    ) -> Result<(), BackendError> {
        check::Scratch::new(&self.root, self.runner.as_ref(), places).check(service, changes)
    }

    fn replace(&self, path: &str, text: Option<&str>, mode: u32) -> Result<(), BackendError> {
        match text {
            Some(text) => self.root.replace(path, text.as_bytes(), mode)?,
            None => self.root.remove(path)?,
        }
        Ok(())
    }

    fn reload(&self, service: Service) -> Result<(), BackendError> {
        if service == Service::Systemd {
            return self.reload_jails();
        }
        if !self.is_running(service)? {
            self.runner.run(&argv::enable_now(service.unit()))?;
            return Ok(());
        }
        match service {
            // What `systemctl reload` does, but nobody would see what it complains of.
            Service::Nfs => {
                let output = self.runner.run(&argv::exportfs_reload())?;
                harmless::none_but(service, &output)
            }
            Service::Ftp if !self.is_vsftpd_ours()? => {
                self.runner.run(&argv::restart(service.unit()))?;
                Ok(())
            }
            _ => {
                self.runner.run(&argv::reload(service.unit()))?;
                Ok(())
            }
        }
    }

    fn probe(&self, service: Service, offers: &[Offer]) -> Result<(), BackendError> {
        if service == Service::Systemd {
            return Ok(());
        }
        self.until(|| match self.is_running(service)? {
            true => Ok(()),
            false => Err(BackendError::NotRunning {
                service,
                why: self.why_not_running(service),
            }),
        })?;
        match service {
            Service::Samba => self.until(|| self.probe_smb(offers)),
            Service::Nfs => self.probe_nfs(offers),
            Service::Ftp => self.until(|| self.probe_ftp()),
            Service::Systemd | Service::Ssh | Service::Web => Ok(()),
        }
    }
}

/// The program by which it is told whether a daemon is installed.
fn tool(service: Service) -> Option<Tool> {
    match service {
        Service::Systemd => None,
        Service::Samba => Some(argv::SMBD),
        Service::Nfs => Some(argv::EXPORTFS),
        Service::Ftp => Some(argv::VSFTPD),
        Service::Ssh => Some(argv::SSHD),
        Service::Web => Some(argv::NGINX),
    }
}
