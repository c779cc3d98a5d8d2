//! What there is: services, the units that they are made of, and what systemd says of each.

use std::{collections::BTreeMap, fmt, str::FromStr};

use jiff::Timestamp;
use moxnas_core::units::Bytes;
use serde::{Deserialize, Serialize};

/// A service, by the name that clients know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceName {
    /// SMB: smbd(8), nmbd(8).
    Samba,
    /// NFS: nfsd(8).
    Nfs,
    /// FTP: vsftpd(8).
    Ftp,
    /// SFTP, and logging in: sshd(8).
    Ssh,
    /// The web server in front of the interface: nginx(8).
    Web,
    /// Being found by other machines: avahi-daemon(8) for Macs, wsdd(8) or wsdd2(8) for Windows.
    Discovery,
}

/// No service has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no service {0:?}")]
pub struct NoSuchService(pub String);

impl ServiceName {
    /// All there are, in the order in which they are shown.
    pub const ALL: [ServiceName; 6] = [
        ServiceName::Samba,
        ServiceName::Nfs,
        ServiceName::Ftp,
        ServiceName::Ssh,
        ServiceName::Web,
        ServiceName::Discovery,
    ];

    /// What it is known by.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ServiceName::Samba => "samba",
            ServiceName::Nfs => "nfs",
            ServiceName::Ftp => "ftp",
            ServiceName::Ssh => "ssh",
            ServiceName::Web => "web",
            ServiceName::Discovery => "discovery",
        }
    }

    /// The names of all, for people.
    #[must_use]
    pub fn names() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }

    /// Its units: the first is the one without which there is no service.
    #[must_use]
    pub fn units(self) -> &'static [Unit] {
        match self {
            ServiceName::Samba => &[Unit::Smbd, Unit::Nmbd],
            ServiceName::Nfs => &[Unit::NfsServer],
            ServiceName::Ftp => &[Unit::Vsftpd],
            ServiceName::Ssh => &[Unit::Ssh],
            ServiceName::Web => &[Unit::Nginx],
            ServiceName::Discovery => &[Unit::Avahi, Unit::AvahiSocket, Unit::Wsdd, Unit::Wsdd2],
        }
    }

    /// The unit without which there is no service.
    #[must_use]
    pub fn main_unit(self) -> Unit {
        self.units()[0]
    }

    /// The Debian package that brings its first unit.
    #[must_use]
    pub fn package(self) -> &'static str {
        match self {
            ServiceName::Samba => "samba",
            ServiceName::Nfs => "nfs-kernel-server",
            ServiceName::Ftp => "vsftpd",
            ServiceName::Ssh => "openssh-server",
            ServiceName::Web => "nginx",
            ServiceName::Discovery => "avahi-daemon",
        }
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ServiceName {
    type Err = NoSuchService;

    fn from_str(text: &str) -> Result<ServiceName, NoSuchService> {
        let mut all = Self::ALL.into_iter();
        all.find(|it| it.as_str() == text)
            .ok_or_else(|| NoSuchService(text.to_owned()))
    }
}

/// A unit of systemd, as Debian 12 and 13 name it. There is no other that anything is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Unit {
    /// smbd(8)
    #[serde(rename = "smbd.service")]
    Smbd,
    /// nmbd(8): names of NetBIOS.
    #[serde(rename = "nmbd.service")]
    Nmbd,
    /// nfsd(8): threads of the kernel. Its program ends at once.
    #[serde(rename = "nfs-server.service")]
    NfsServer,
    /// vsftpd(8)
    #[serde(rename = "vsftpd.service")]
    Vsftpd,
    /// sshd(8)
    #[serde(rename = "ssh.service")]
    Ssh,
    /// nginx(8)
    #[serde(rename = "nginx.service")]
    Nginx,
    /// avahi-daemon(8)
    #[serde(rename = "avahi-daemon.service")]
    Avahi,
    /// Starts avahi-daemon(8) when somebody asks it for a name: as long as this is there, that
    /// comes back.
    #[serde(rename = "avahi-daemon.socket")]
    AvahiSocket,
    /// wsdd(8), in Debian 12.
    #[serde(rename = "wsdd.service")]
    Wsdd,
    /// wsdd2(8)
    #[serde(rename = "wsdd2.service")]
    Wsdd2,
}

impl Unit {
    /// All there are.
    pub const ALL: [Unit; 10] = [
        Unit::Smbd,
        Unit::Nmbd,
        Unit::NfsServer,
        Unit::Vsftpd,
        Unit::Ssh,
        Unit::Nginx,
        Unit::Avahi,
        Unit::AvahiSocket,
        Unit::Wsdd,
        Unit::Wsdd2,
    ];

    /// Its name for systemd.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Unit::Smbd => "smbd.service",
            Unit::Nmbd => "nmbd.service",
            Unit::NfsServer => "nfs-server.service",
            Unit::Vsftpd => "vsftpd.service",
            Unit::Ssh => "ssh.service",
            Unit::Nginx => "nginx.service",
            Unit::Avahi => "avahi-daemon.service",
            Unit::AvahiSocket => "avahi-daemon.socket",
            Unit::Wsdd => "wsdd.service",
            Unit::Wsdd2 => "wsdd2.service",
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// All units of all services, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Services {
    /// What systemd says of each; also of those that are not there.
    pub units: BTreeMap<Unit, UnitFacts>,
}

impl Services {
    /// The units of a service that are on the machine.
    pub fn installed(&self, service: ServiceName) -> impl Iterator<Item = (Unit, &UnitFacts)> {
        let all = service.units().iter();
        let found = all.filter_map(|it| Some((*it, self.units.get(it)?)));
        found.filter(|(_, facts)| facts.load != Load::NotFound)
    }
}

/// What systemd says of a unit, see org.freedesktop.systemd1(5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitFacts {
    /// Whether there is a unit file (`LoadState`).
    pub load: Load,
    /// `ActiveState`.
    pub active: Active,
    /// `SubState`: a word that depends on the type of the unit, as `running`, `exited`,
    /// `auto-restart`.
    pub sub: String,
    /// Whether it comes with the machine (`UnitFileState`).
    pub at_boot: AtBoot,
    /// When it entered its state (`StateChangeTimestamp`), exact to the microsecond; `None`: it was
    /// in no other since the machine was started.
    pub since: Option<Timestamp>,
    /// The main process; `None`: there is none.
    pub main_pid: Option<u32>,
    /// What its processes have in memory together (`MemoryCurrent`); `None`: see
    /// [`why_no_memory`](UnitFacts::why_no_memory).
    pub memory: Option<Bytes>,
    /// How often systemd started it again by itself (`NRestarts`) since somebody started it.
    pub restarts: u32,
    /// How its last run ended, or that it did not end badly (`Result`).
    pub result: RunResult,
    /// How its main process ended the last time (`ExecMainCode`, `ExecMainStatus`); `None`: it did
    /// not.
    pub exit: Option<Exit>,
    /// Whether it can be told to read its files again (`CanReload`).
    pub can_reload: bool,
    /// Units that start it when somebody comes (`TriggeredBy`), in their order.
    pub triggered_by: Vec<String>,
}

impl UnitFacts {
    /// What is told of a unit without a file.
    #[must_use]
    pub fn not_found() -> UnitFacts {
        UnitFacts {
            load: Load::NotFound,
            active: Active::Inactive,
            sub: "dead".to_owned(),
            at_boot: AtBoot::None,
            since: None,
            main_pid: None,
            memory: None,
            restarts: 0,
            result: RunResult::Success,
            exit: None,
            can_reload: false,
            triggered_by: Vec::new(),
        }
    }

    /// Whether it serves: also while it reads its files again.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(
            self.active,
            Active::Active | Active::Reloading | Active::Refreshing
        )
    }

    /// Whether systemd waits a while and starts it again then.
    #[must_use]
    pub fn is_waiting_to_restart(&self) -> bool {
        self.active == Active::Activating && self.sub.starts_with("auto-restart")
    }

    /// Whether enabling or disabling it means anything.
    #[must_use]
    pub fn can_be_enabled(&self) -> bool {
        matches!(self.at_boot, AtBoot::Enabled | AtBoot::Disabled)
    }

    /// Why it is not told how much memory it takes; `None`: it is told.
    #[must_use]
    pub fn why_no_memory(&self) -> Option<&'static str> {
        match (self.memory, self.main_pid) {
            (Some(_), _) => None,
            (None, None) => Some("it has no process"),
            (None, Some(_)) => Some("systemd does not account for memory on this machine"),
        }
    }

    /// What was seen, for the evidence of a plan: not what changes by itself.
    #[must_use]
    pub fn evidence(&self, unit: Unit) -> String {
        let UnitFacts {
            load,
            active,
            sub,
            at_boot,
            since,
            main_pid,
            result,
            can_reload,
            memory: _,
            restarts: _,
            exit: _,
            triggered_by: _,
        } = self;
        format!(
            "{unit}: {load:?}, {active:?} ({sub}) since {since:?}, {at_boot:?}, process {main_pid:?}, \
             {result:?}, reload {can_reload}"
        )
    }
}

/// Types whose values are words of systemd: a word that is none of these is kept as it is.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum $name {
            $($(#[$of])* $variant,)+
            /// A word that was not known when this was written.
            Other(String),
        }

        impl $name {
            /// systemd's word.
            #[must_use]
            pub fn word(&self) -> &str {
                match self {
                    $($name::$variant => $word,)+
                    $name::Other(word) => word,
                }
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> $name {
                match word.as_str() {
                    $($word => $name::$variant,)+
                    _ => $name::Other(word),
                }
            }
        }

        impl From<$name> for String {
            fn from(it: $name) -> String {
                it.word().to_owned()
            }
        }
    };
}

words! {
    /// Whether there is a unit file that can be used.
    Load {
        /// It was read.
        Loaded = "loaded",
        /// There is none: the package is not installed.
        NotFound = "not-found",
        /// An administrator forbade that it is started.
        Masked = "masked",
        /// It says nothing that would start anything.
        BadSetting = "bad-setting",
        /// It could not be read.
        Error = "error",
    }
}

words! {
    /// Whether it runs.
    Active {
        /// It does.
        Active = "active",
        /// It does, and reads its files again.
        Reloading = "reloading",
        /// It does not.
        Inactive = "inactive",
        /// It does not, and not because somebody stopped it.
        Failed = "failed",
        /// It is about to, or waits to be started again.
        Activating = "activating",
        /// It is about to end.
        Deactivating = "deactivating",
        /// It is cleaned up after.
        Maintenance = "maintenance",
        /// It does, and its view of the machine is made anew.
        Refreshing = "refreshing",
    }
}

words! {
    /// Whether it comes with the machine.
    AtBoot {
        /// It does.
        Enabled = "enabled",
        /// It does not.
        Disabled = "disabled",
        /// Only with something that needs it: its file does not say when.
        Static = "static",
        /// An administrator forbade it.
        Masked = "masked",
        /// It is somebody else's other name.
        Alias = "alias",
        /// Something else starts it.
        Indirect = "indirect",
        /// A program made it for this run of the machine.
        Generated = "generated",
        /// There is no file.
        None = "",
    }
}

words! {
    /// How the last run ended.
    RunResult {
        /// Well, or not yet.
        Success = "success",
        /// With an exit status that says so.
        ExitCode = "exit-code",
        /// By a signal.
        Signal = "signal",
        /// By a signal, and what was in memory was kept.
        CoreDump = "core-dump",
        /// It took too long to start or to stop.
        Timeout = "timeout",
        /// It did not say in time that it is alive.
        Watchdog = "watchdog",
        /// It was started too often in a short time.
        StartLimit = "start-limit-hit",
        /// The kernel ended it for want of memory.
        OutOfMemory = "oom-kill",
        /// Something was missing that systemd has to give it.
        Resources = "resources",
        /// It did not do as its unit file says.
        Protocol = "protocol",
        /// A condition of its unit file was not met.
        Condition = "exec-condition",
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// By itself, with this exit status.
    Status(i32),
    /// By this signal.
    Signal(i32),
    /// By this signal, and what was in memory was kept.
    Dumped(i32),
}

impl Exit {
    /// From `ExecMainCode` and `ExecMainStatus`, which are those of waitid(2): 1, 2 and 3 for how
    /// it ended; 0: it did not.
    #[must_use]
    pub fn of(code: i32, status: i32) -> Option<Exit> {
        match code {
            1 => Some(Exit::Status(status)),
            2 => Some(Exit::Signal(status)),
            3 => Some(Exit::Dumped(status)),
            _ => None,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Status(it) => write!(f, "exit status {it}"),
            Exit::Signal(it) => write!(f, "signal {it}"),
            Exit::Dumped(it) => write!(f, "signal {it}, with a core dump"),
        }
    }
}

/// A line of the journal, see systemd.journal-fields(7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When it was written.
    pub at: Timestamp,
    /// How grave it is: 0 (worst) to 7, see syslog(3); `None`: nobody said.
    pub priority: Option<u8>,
    /// What wrote it; `None`: nobody said.
    pub by: Option<String>,
    /// What it says. Bytes that are no text are replaced.
    pub text: String,
}
