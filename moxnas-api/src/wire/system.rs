//! The machine as a whole.

use moxnas_app::ops::system as inside;
use moxnas_telemetry::{Container, HostInfo, Machine};
use poem_openapi::{Enum, Object};
use time::OffsetDateTime;

use super::timestamp;

/// Whether it works
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Health {
    /// The worst of all checks
    pub status: Status,
    /// When
    pub timestamp: OffsetDateTime,
    /// Check by check
    pub checks: Checks,
}

/// How well something works
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum Status {
    /// As it should
    Healthy,
    /// It cannot be told
    Unknown,
    /// Not as it should, and still working
    Degraded,
    /// Not
    Unhealthy,
}

/// Check by check
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Checks {
    /// The database
    pub database: DatabaseCheck,
    /// The services that serve shares
    pub services: ServicesCheck,
    /// Arrays and disks
    pub storage: StorageCheck,
    /// Processor and memory
    pub system: SystemCheck,
}

/// The database
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct DatabaseCheck {
    /// The verdict
    pub status: Status,
    /// How long it took to answer, in milliseconds
    pub response_time: f64,
    /// What is wrong; only for those who are logged in
    pub causes: Option<Vec<String>>,
}

/// The services that serve shares
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ServicesCheck {
    /// The verdict
    pub status: Status,
    /// How many should serve shares, and run; only for those who are logged in
    pub running: Option<u32>,
    /// How many should serve shares, and do not run; only for those who are logged in
    pub stopped: Option<u32>,
    /// What is wrong; only for those who are logged in
    pub causes: Option<Vec<String>>,
}

/// Arrays and disks
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct StorageCheck {
    /// The verdict
    pub status: Status,
    /// How many arrays there are; only for those who are logged in
    pub arrays: Option<u32>,
    /// How many of them have every slot filled; only for those who are logged in
    pub optimal: Option<u32>,
    /// How many pools there are; only for those who are logged in
    pub pools: Option<u32>,
    /// How full those are together that are mounted, 0 to 100; only for those who are logged in, and left
    /// out while one of them was not asked yet
    pub usage: Option<f64>,
    /// When the machine was looked at
    pub as_of: OffsetDateTime,
    /// What is wrong; only for those who are logged in
    pub causes: Option<Vec<String>>,
}

/// Processor and memory
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct SystemCheck {
    /// The verdict
    pub status: Status,
    /// How busy the processors are, 0 to 100; left out until there were two samples
    pub cpu: Option<f64>,
    /// How much of the memory is in use, 0 to 100; left out if unknown
    pub memory: Option<f64>,
    /// What is not known; only for those who are logged in
    pub causes: Option<Vec<String>>,
}

impl From<inside::Status> for Status {
    fn from(it: inside::Status) -> Status {
        match it {
            inside::Status::Healthy => Status::Healthy,
            inside::Status::Unknown => Status::Unknown,
            inside::Status::Degraded => Status::Degraded,
            inside::Status::Unhealthy => Status::Unhealthy,
        }
    }
}

/// Who may see more than the verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Anybody: no causes, no counts.
    Verdicts,
    /// Somebody who is logged in.
    All,
}

impl Health {
    /// What a check found, as far as the caller may see it.
    #[must_use]
    pub fn new(it: inside::Checks, detail: Detail) -> Health {
        let inside::Checks {
            status,
            at,
            database,
            services,
            storage,
            system,
        } = it;
        let is_all = detail == Detail::All;
        let causes = |causes: Vec<String>| is_all.then_some(causes);
        Health {
            status: status.into(),
            timestamp: timestamp(at),
            checks: Checks {
                database: DatabaseCheck {
                    status: database.status.into(),
                    response_time: (database.response.as_secs_f64() * 1e6).round() / 1e3,
                    causes: causes(database.causes),
                },
                services: ServicesCheck {
                    status: services.status.into(),
                    running: is_all.then_some(services.running),
                    stopped: is_all.then_some(services.stopped),
                    causes: causes(services.causes),
                },
                storage: StorageCheck {
                    status: storage.status.into(),
                    arrays: is_all.then_some(storage.arrays),
                    optimal: is_all.then_some(storage.optimal),
                    pools: is_all.then_some(storage.pools),
                    usage: storage.usage_percent.filter(|_| is_all).map(tenths),
                    as_of: timestamp(storage.as_of),
                    causes: causes(storage.causes),
                },
                system: SystemCheck {
                    status: system.status.into(),
                    cpu: system.cpu_percent.map(tenths),
                    memory: system.memory_percent.map(tenths),
                    causes: causes(system.causes),
                },
            },
        }
    }
}

fn tenths(it: f64) -> f64 {
    (it * 10.0).round() / 10.0
}

/// What machine this is
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Info {
    /// Version of MoxNAS
    pub version: String,
    /// The scenario, if this machine is simulated
    pub simulated: Option<String>,
    /// The machine's time
    pub now: OffsetDateTime,
    /// Its name in the network
    pub hostname: Option<String>,
    /// The distribution
    pub os: Option<String>,
    /// Release of the kernel
    pub kernel: Option<String>,
    /// Architecture
    pub architecture: Option<String>,
    /// What the processor calls itself
    pub cpu_model: Option<String>,
    /// Logical processors that are switched on
    pub cores: Option<u64>,
    /// `no`, `unknown`, or the engine with `privileged` or `unprivileged`
    pub container: String,
    /// `physical`, `unknown`, or the hypervisor
    pub machine: String,
    /// What that was concluded from
    pub evidence: Vec<String>,
    /// All memory
    pub memory_total_bytes: Option<u64>,
    /// Memory that programs could get
    pub memory_available_bytes: Option<u64>,
    /// Programs running or waiting for a disk, on average over one minute
    pub load_1m: Option<f64>,
    /// Seconds since the machine started
    pub uptime_s: Option<u64>,
    /// Memory that this service holds
    pub service_resident_bytes: Option<u64>,
    /// What is not known, and why
    pub unknown: Vec<String>,
}

impl From<inside::Info> for Info {
    fn from(it: inside::Info) -> Info {
        let inside::Info {
            host,
            sample,
            simulated,
            now,
        } = it;
        let HostInfo {
            hostname,
            os,
            kernel,
            architecture,
            cpu_model,
            cores,
            virtualization,
            missing,
        } = host;
        let memory = sample.as_ref().and_then(|it| it.memory);
        let unmeasured = sample.iter().flat_map(|it| it.missing.clone());
        let unknown = missing.into_iter().chain(unmeasured);
        let unknown = unknown
            .map(|it| format!("{}: {}", it.what, it.why))
            .collect();
        Info {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            simulated,
            now: timestamp(now),
            hostname,
            os: os.map(|it| it.name),
            kernel,
            architecture,
            cpu_model,
            cores: cores.and_then(|it| u64::try_from(it).ok()),
            container: container(&virtualization.container),
            machine: machine(&virtualization.machine),
            evidence: virtualization.evidence,
            memory_total_bytes: memory.map(|it| it.total.0),
            memory_available_bytes: memory.and_then(|it| it.available).map(|it| it.0),
            load_1m: sample
                .as_ref()
                .and_then(|it| it.load)
                .map(|it| f64::from(it.one)),
            uptime_s: sample
                .as_ref()
                .and_then(|it| it.uptime)
                .map(|it| it.as_secs()),
            service_resident_bytes: sample.and_then(|it| it.own).map(|it| it.resident.0),
            unknown,
        }
    }
}

fn container(it: &Container) -> String {
    match it {
        Container::No => "no".to_owned(),
        Container::Unknown => "unknown".to_owned(),
        Container::Yes { engine, privileged } => {
            let engine = engine.as_deref().unwrap_or("container");
            match privileged {
                Some(true) => format!("{engine}, privileged"),
                Some(false) => format!("{engine}, unprivileged"),
                None => engine.to_owned(),
            }
        }
    }
}

fn machine(it: &Machine) -> String {
    match it {
        Machine::Physical => "physical".to_owned(),
        Machine::Unknown => "unknown".to_owned(),
        Machine::Virtual { hypervisor } => {
            hypervisor.clone().unwrap_or_else(|| "virtual".to_owned())
        }
    }
}
