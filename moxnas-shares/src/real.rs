//! The machine: files below a root, and the programs of Debian's packages.

mod argv;
mod certificate;
mod check;
mod harmless;
mod private;
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
    model::TlsFiles,
    plan::FileChange,
    render::{Places, Service},
};

/// The programs that are needed to offer something, and what cannot be done without each.
pub const TOOLS: [(Tool, &str); 7] = [
    (argv::SMBD, "nothing is offered by SMB"),
    (
        argv::TESTPARM,
        "what SMB is to offer cannot be checked, so it is refused",
    ),
    (
        argv::SMBCLIENT,
        "what SMB offers cannot be asked for, so it is refused",
    ),
    (argv::EXPORTFS, "nothing is offered by NFS"),
    (argv::VSFTPD, "nothing is offered by FTP"),
    (argv::SSHD, "nothing is offered by SFTP"),
    (argv::AVAHI, "Macs do not find the machine by themselves"),
];

/// A machine that offers shares.
pub struct SystemShares {
    root: Root,
    runner: Arc<dyn Runner>,
    places: Places,
    smb_port: u16,
}

/// Where smbd(8) listens if nothing else is said.
pub const SMB_PORT: u16 = 445;

/// What Debian's unit starts vsftpd with.
const VSFTPD_OF_DEBIAN: &str = "/etc/vsftpd.conf";

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

    /// Whether a vsftpd that runs was started with our file. Debian's reads its own again, whatever
    /// we write. By our file it writes what it does over the words that it was started with; where
    /// Debian's has it do that too, nobody can tell.
    fn is_vsftpd_ours(&self) -> Result<bool, BackendError> {
        let theirs = self.root.read(VSFTPD_OF_DEBIAN)?.unwrap_or_default();
        let mut theirs = theirs.lines();
        let is_told = !theirs.any(|it| it.starts_with("setproctitle_enable="));
        for process in self.processes(Service::Ftp)? {
            let title = self.root.read(format!("/proc/{process}/cmdline"))?;
            let title = title.unwrap_or_default();
            let mut words = title.split('\0');
            let is_ours = words.any(|it| it == self.places.vsftpd);
            if is_ours || (is_told && title.starts_with("vsftpd: ")) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Have those that are installed tell other machines what there is by now. They keep nobody, so
    /// that wsdd and wsdd2, which read nothing again, are started anew.
    fn reload_discovery(&self) -> Result<(), BackendError> {
        self.runner.run(&argv::daemon_reload())?;
        let unit = Service::Discovery.unit();
        if argv::AVAHI.find().is_some() {
            match self.is_running(Service::Discovery)? {
                true => self.runner.run(&argv::reload(unit))?,
                false => self.runner.run(&argv::enable_now(unit))?,
            };
        }
        for (tool, unit) in [(argv::WSDD, "wsdd.service"), (argv::WSDD2, "wsdd2.service")] {
            if tool.find().is_some() {
                self.runner.run(&argv::try_restart(unit))?;
            }
        }
        Ok(())
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
                is_installed: is_installed(service),
                is_running: self.is_running(service)?,
            };
            served.daemons.insert(service, daemon);
        }
        let kept = self.root.list(&places.generations)?.into_iter();
        served.generations = kept.filter_map(|it| Generation::number_of(&it)).collect();
        served.generations.sort_unstable();
        Ok(served)
    }

    fn certify(&self, files: &TlsFiles) -> Result<(), BackendError> {
        certificate::make(&self.root, files)
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
        if service == Service::Discovery {
            return self.reload_discovery();
        }
        if !self.is_running(service)? {
            self.runner.run(&argv::enable_now(service.unit()))?;
            return Ok(());
        }
        match service {
            // What `systemctl reload` does, but nobody would see what it complains of.
            Service::Nfs => {
                let output = self.runner.run(&argv::exportfs_reload())?;
                harmless::none_but_away(&output)
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
        let is_wsdd_alone = service == Service::Discovery && argv::AVAHI.find().is_none();
        if service == Service::Systemd || is_wsdd_alone {
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
            Service::Systemd | Service::Ssh | Service::Web | Service::Discovery => Ok(()),
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
        Service::Discovery => Some(argv::AVAHI),
    }
}

/// Of those that make a machine be found any is enough.
fn is_installed(service: Service) -> bool {
    let is_there = |it: Tool| it.find().is_some();
    let is_found =
        service == Service::Discovery && [argv::WSDD, argv::WSDD2].into_iter().any(is_there);
    is_found || tool(service).is_none_or(is_there)
}
