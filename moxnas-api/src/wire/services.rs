//! The daemons that serve, and who is connected to them.

use moxnas_app::{answers::Asked, ops::services::ServicesView};
use moxnas_shares::{
    services::{
        self, ServiceName, Services,
        model::{LogLine, UnitFacts},
        verdict,
    },
    sessions::{self, Sessions, model::Protection},
};
use poem_openapi::{Enum, Object};
use time::OffsetDateTime;

use super::{shares::ShareProtocol, timestamp};

/// All services
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ServicePage {
    /// The services
    pub items: Vec<Service>,
    /// There is one page
    pub next: Option<String>,
    /// When systemd was asked
    pub as_of: OffsetDateTime,
}

/// A service: one or more units of systemd
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Service {
    /// What it is known by; the same as `name`
    pub id: String,
    /// What it is known by
    pub name: String,
    /// How it stands
    pub standing: ServiceStanding,
    /// Why, a sentence each
    pub reasons: Vec<String>,
    /// What would help, for each reason
    pub hints: Vec<String>,
    /// Whether its first unit runs
    pub running: bool,
    /// Whether its first unit comes with the machine
    pub enabled: bool,
    /// Its units that are on the machine
    pub units: Vec<ServiceUnit>,
    /// When systemd was asked
    pub as_of: OffsetDateTime,
}

/// How a service stands
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum ServiceStanding {
    /// It is not on the machine
    NotInstalled,
    /// It does not run
    Stopped,
    /// It is about to start or to end
    Changing,
    /// It runs
    Running,
    /// It ends again and again
    Restarting,
    /// It ended, and not because somebody stopped it
    Failed,
}

/// A unit of systemd
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ServiceUnit {
    /// Its name
    pub unit: String,
    /// systemd's word for its state, such as `active`
    pub active: String,
    /// systemd's word for what that is for a unit of its type, such as `running`
    pub sub: String,
    /// systemd's word for whether it comes with the machine, such as `enabled`
    pub at_boot: String,
    /// When it entered its state; left out: it was in no other since the machine was started
    pub since: Option<OffsetDateTime>,
    /// Its main process; left out: there is none
    pub main_pid: Option<u32>,
    /// What its processes have in memory together
    pub memory_bytes: Option<u64>,
    /// Why that is not known
    pub memory_reason: Option<String>,
    /// How often systemd started it again by itself since somebody started it
    pub restarts: u32,
    /// systemd's word for how its last run ended, such as `success`
    pub result: String,
}

/// What a service said last
#[derive(Clone, Debug, PartialEq, Object)]
pub struct ServiceLogPage {
    /// The lines, the newest last
    pub items: Vec<ServiceLogLine>,
}

/// A line of the journal
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ServiceLogLine {
    /// When it was written
    pub at: OffsetDateTime,
    /// How grave it is, 0 (worst) to 7; left out: nobody said
    pub priority: Option<u8>,
    /// What wrote it
    pub by: Option<String>,
    /// What it says
    pub text: String,
}

/// Who is connected to shares
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ShareSessionPage {
    /// The sessions
    pub items: Vec<ShareSession>,
    /// There is one page
    pub next: Option<String>,
    /// What is not among them, and why
    pub unknown: Vec<String>,
    /// When the daemons were asked
    pub as_of: OffsetDateTime,
}

/// What one client holds with one daemon
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ShareSession {
    /// By which it is ended
    pub id: String,
    /// By which protocol
    pub protocol: ShareProtocol,
    /// Who logged in; left out: NFS tells machines only
    pub user: Option<String>,
    /// The address of the client
    pub address: Option<String>,
    /// What the client calls itself
    pub client: Option<String>,
    /// The shares in use, as far as the daemon tells
    pub shares: Vec<String>,
    /// Since when
    pub since: Option<OffsetDateTime>,
    /// The files that are held open, as far as the daemon tells
    pub files: Vec<ShareOpenFile>,
    /// The version that is spoken
    pub dialect: Option<String>,
    /// Whether what is sent can be read on the way: `none`, `partial`, `full`
    pub encrypted: Option<String>,
    /// Whether what is sent can be changed on the way: `none`, `partial`, `full`
    pub signed: Option<String>,
}

/// A file that is held open
#[derive(Clone, Debug, PartialEq, Object)]
pub struct ShareOpenFile {
    /// Which
    pub path: String,
    /// Whether it can be written through it
    pub writes: bool,
}

fn moment(it: jiff::Timestamp) -> OffsetDateTime {
    timestamp(it.into())
}

impl Service {
    fn of(name: ServiceName, services: &Services, view: &ServicesView) -> Service {
        let now = jiff::Timestamp::try_from(view.seen.as_of);
        let verdict = verdict(services, name, now.unwrap_or(jiff::Timestamp::UNIX_EPOCH));
        let main = services.units.get(&name.main_unit());
        Service {
            id: name.to_string(),
            name: name.to_string(),
            standing: match verdict.standing {
                services::Standing::NotInstalled => ServiceStanding::NotInstalled,
                services::Standing::Stopped => ServiceStanding::Stopped,
                services::Standing::Changing => ServiceStanding::Changing,
                services::Standing::Running => ServiceStanding::Running,
                services::Standing::Restarting => ServiceStanding::Restarting,
                services::Standing::Failed => ServiceStanding::Failed,
            },
            reasons: verdict.reasons.iter().map(ToString::to_string).collect(),
            hints: verdict.reasons.iter().map(services::Reason::hint).collect(),
            running: main.is_some_and(UnitFacts::is_running),
            enabled: main.is_some_and(|it| it.at_boot.word() == "enabled"),
            units: services
                .installed(name)
                .map(|(unit, facts)| ServiceUnit {
                    unit: unit.to_string(),
                    active: facts.active.word().to_owned(),
                    sub: facts.sub.clone(),
                    at_boot: facts.at_boot.word().to_owned(),
                    since: facts.since.map(moment),
                    main_pid: facts.main_pid,
                    memory_bytes: facts.memory.map(|it| it.0),
                    memory_reason: facts.why_no_memory().map(str::to_owned),
                    restarts: facts.restarts,
                    result: facts.result.word().to_owned(),
                })
                .collect(),
            as_of: timestamp(view.as_of),
        }
    }

    /// The service of this name.
    #[must_use]
    pub fn named(name: &str, view: &ServicesView) -> Option<Service> {
        let name = name.parse().ok()?;
        Some(Service::of(name, &view.services, view))
    }
}

impl From<ServicesView> for ServicePage {
    fn from(it: ServicesView) -> ServicePage {
        let all = ServiceName::ALL.into_iter();
        ServicePage {
            items: all
                .map(|name| Service::of(name, &it.services, &it))
                .collect(),
            next: None,
            as_of: timestamp(it.as_of),
        }
    }
}

impl From<LogLine> for ServiceLogLine {
    fn from(it: LogLine) -> ServiceLogLine {
        let LogLine {
            at,
            priority,
            by,
            text,
        } = it;
        ServiceLogLine {
            at: moment(at),
            priority,
            by,
            text,
        }
    }
}

fn protection(it: &Protection) -> String {
    let word = match it {
        Protection::None => "none",
        Protection::Partial => "partial",
        Protection::Full => "full",
    };
    word.to_owned()
}

impl From<&sessions::Session> for ShareSession {
    fn from(it: &sessions::Session) -> ShareSession {
        ShareSession {
            id: it.id.to_string(),
            protocol: match it.id.protocol() {
                sessions::Protocol::Smb => ShareProtocol::Smb,
                sessions::Protocol::Nfs => ShareProtocol::Nfs,
                sessions::Protocol::Ftp => ShareProtocol::Ftp,
                sessions::Protocol::Sftp => ShareProtocol::Sftp,
            },
            user: it.user.clone(),
            address: it.address.map(|it| it.to_string()),
            client: it.client.clone(),
            shares: it.shares.iter().map(|it| it.share.clone()).collect(),
            since: it.since.map(moment),
            files: it
                .files
                .iter()
                .map(|it| ShareOpenFile {
                    path: it.path.clone(),
                    writes: it.writes,
                })
                .collect(),
            dialect: it.dialect.clone(),
            encrypted: it.encrypted.as_ref().map(protection),
            signed: it.signed.as_ref().map(protection),
        }
    }
}

impl From<Asked<Sessions>> for ShareSessionPage {
    fn from(it: Asked<Sessions>) -> ShareSessionPage {
        let none = Sessions::default();
        let sessions = it.said.as_deref().unwrap_or(&none);
        let unknown = sessions.unknown.iter();
        ShareSessionPage {
            items: sessions.sessions.iter().map(ShareSession::from).collect(),
            next: None,
            unknown: unknown
                .map(|it| format!("{}: {}", it.protocol.word(), it.why))
                .collect(),
            as_of: timestamp(it.as_of),
        }
    }
}
