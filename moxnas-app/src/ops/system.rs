//! The machine as a whole: what it is, how it is.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use moxnas_core::{chain::chain, clock::Stopwatch};
use moxnas_pool::model::Standing;
use moxnas_raid::{Health, Reason, health};
use moxnas_shares::services::{Reason as Trouble, verdict};
use moxnas_telemetry::{HostInfo, Sample, rate};

use crate::{
    actor::{Actor, Role},
    app::{App, blocking},
    error::Error,
    events::Event,
    operation::{Effect, Operation, Query},
    seen::Seen,
    sharing::Serving,
};

/// How old a look may be before it is no answer any more.
const STALE: Duration = Duration::from_secs(120);

/// Whether everything works, in one word, for load balancers and people without a login.
#[derive(Clone, Copy, Debug)]
pub struct HealthBasic;

/// Whether the service runs at all.
#[derive(Clone, Copy, Debug)]
pub struct HealthLive;

/// Whether the service can do its work.
#[derive(Clone, Copy, Debug)]
pub struct HealthReady;

/// Whether everything works, with the causes.
#[derive(Clone, Copy, Debug)]
pub struct HealthDetailed;

/// What machine this is.
#[derive(Clone, Copy, Debug)]
pub struct SystemInfo;

/// Listen to what happens.
#[derive(Clone, Copy, Debug)]
pub struct EventStream {
    /// The last event that the caller has heard.
    pub after: Option<u64>,
}

/// Missed events, and those to come.
pub struct Listening {
    /// What happened since the event that the caller named.
    pub missed: Vec<Event>,
    /// What happens from now on.
    pub live: tokio::sync::broadcast::Receiver<Event>,
}

operation!(HealthBasic, "health_basic", None, Checks);
operation!(HealthLive, "health_live", None, Checks);
operation!(HealthReady, "health_ready", None, Checks);
operation!(
    HealthDetailed,
    "health_detailed",
    Some(Role::Viewer),
    Checks
);
operation!(SystemInfo, "system_info", Some(Role::Viewer), Info);
operation!(EventStream, "event_stream", Some(Role::Viewer), Listening);

/// How well something works. The worst of all parts is the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// As it should.
    Healthy,
    /// It cannot be told.
    Unknown,
    /// Not as it should, and still working.
    Degraded,
    /// Not.
    Unhealthy,
}

/// What was checked, and what came out.
#[derive(Clone, Debug)]
pub struct Checks {
    /// All of it.
    pub status: Status,
    /// When.
    pub at: SystemTime,
    /// The database.
    pub database: Database,
    /// The daemons that serve shares.
    pub services: Services,
    /// Arrays and disks.
    pub storage: Storage,
    /// Processor and memory.
    pub system: System,
}

/// Whether the database answers.
#[derive(Clone, Debug)]
pub struct Database {
    /// The verdict.
    pub status: Status,
    /// How long it took.
    pub response: Duration,
    /// What is wrong.
    pub causes: Vec<String>,
}

/// How the daemons are that serve shares.
#[derive(Clone, Debug)]
pub struct Services {
    /// The verdict.
    pub status: Status,
    /// How many should serve something, and run.
    pub running: u32,
    /// How many should serve something, and do not run.
    pub stopped: u32,
    /// What is wrong.
    pub causes: Vec<String>,
}

/// How arrays and disks are.
#[derive(Clone, Debug)]
pub struct Storage {
    /// The verdict.
    pub status: Status,
    /// How many arrays there are.
    pub arrays: u32,
    /// How many of them have every slot filled.
    pub optimal: u32,
    /// How many pools there are.
    pub pools: u32,
    /// How full all of them together are, 0 to 100; `None`: not all of them were asked yet.
    pub usage_percent: Option<f64>,
    /// When the machine was last looked at.
    pub as_of: SystemTime,
    /// What is wrong.
    pub causes: Vec<String>,
}

/// How busy the machine is.
#[derive(Clone, Debug)]
pub struct System {
    /// The verdict.
    pub status: Status,
    /// How busy the processors were since the sample before, 0 to 100.
    pub cpu_percent: Option<f64>,
    /// How much of the memory is in use, 0 to 100.
    pub memory_percent: Option<f64>,
    /// What is wrong, or not known.
    pub causes: Vec<String>,
}

/// What machine this is.
#[derive(Clone, Debug)]
pub struct Info {
    /// The machine.
    pub host: HostInfo,
    /// Figures of this moment.
    pub sample: Option<Sample>,
    /// The scenario, of a simulated machine.
    pub simulated: Option<String>,
    /// The machine's time.
    pub now: SystemTime,
}

impl Query for HealthLive {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<Checks, Error> {
        // That this is answered is all there is to say.
        let mut checks = check(app).await;
        checks.status = Status::Healthy;
        Ok(checks)
    }
}

impl Query for HealthReady {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<Checks, Error> {
        let mut checks = check(app).await;
        // A degraded array is no reason to take the service away.
        let can_work = checks.database.status == Status::Healthy && !is_stale(app, &app.seen());
        checks.status = if can_work {
            Status::Healthy
        } else {
            Status::Unhealthy
        };
        Ok(checks)
    }
}

impl Query for HealthBasic {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<Checks, Error> {
        Ok(check(app).await)
    }
}

impl Query for HealthDetailed {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<Checks, Error> {
        Ok(check(app).await)
    }
}

impl Query for SystemInfo {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<Info, Error> {
        let figures = Arc::clone(&app.machine.figures);
        let (host, sample) = blocking(move || (figures.host(), figures.sample().ok())).await?;
        let simulated = app.simulation.as_ref().map(|it| it.scenario.clone());
        Ok(Info {
            host,
            sample,
            simulated,
            now: app.machine.clock.now(),
        })
    }
}

impl Query for EventStream {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<Listening, Error> {
        let (missed, live) = app.events.listen(self.after);
        Ok(Listening { missed, live })
    }
}

async fn check(app: &App) -> Checks {
    let database = check_database(app).await;
    let seen = app.seen();
    let (services, storage) = (check_services(&seen), check_storage(app, &seen));
    let mut system = check_system(app).await;
    check_forwarding(app, &mut system);
    let parts = [
        database.status,
        services.status,
        storage.status,
        system.status,
    ];
    let status = parts.into_iter().max().unwrap_or(Status::Unknown);
    Checks {
        status,
        at: app.machine.clock.now(),
        database,
        services,
        storage,
        system,
    }
}

fn check_services(seen: &Seen) -> Services {
    let sharing = &seen.sharing;
    let count = |is_running: bool| {
        let all = sharing.daemons.iter();
        let count = all.filter(|it| it.is_running == is_running).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    };
    let stopped = count(false);
    Services {
        status: match (&sharing.served, stopped, sharing.faults.is_empty()) {
            (Err(_), ..) => Status::Unknown,
            (Ok(_), 0, true) => Status::Healthy,
            (Ok(_), 0, false) => Status::Degraded,
            (Ok(_), ..) => Status::Unhealthy,
        },
        running: count(true),
        stopped,
        causes: sharing
            .faults
            .iter()
            .cloned()
            .chain(sharing.daemons.iter().flat_map(|it| troubles(seen, it)))
            .collect(),
    }
}

/// What systemd says is wrong with a daemon that should serve something.
fn troubles(seen: &Seen, serving: &Serving) -> Vec<String> {
    let asked = seen.answers.services.as_ref();
    let services = asked.and_then(|it| it.said.as_ref().ok());
    let now = Timestamp::try_from(seen.as_of).unwrap_or(Timestamp::UNIX_EPOCH);
    let verdict = services
        .zip(serving.name())
        .map(|(all, name)| verdict(all, name, now));
    let reasons = verdict.into_iter().flat_map(|it| it.reasons);
    let wrong = reasons.filter(Trouble::is_trouble);
    wrong.map(|it| it.to_string()).collect()
}

/// How full all pools are that are mounted; `None`: one was not asked yet, or there is none.
fn usage(seen: &Seen) -> Option<f64> {
    let (mut size, mut used) = (0, 0);
    for pool in seen.pools.all.iter().filter(|it| it.is_mounted) {
        let asked = seen.answers.contents.get(&pool.name)?;
        let space = asked.said.as_ref().ok()?.space;
        size += space.size.0;
        used += space.used.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a percentage")]
    let percent = used as f64 / size as f64 * 100.0;
    percent.is_finite().then_some(percent)
}

async fn check_database(app: &App) -> Database {
    let watch = Stopwatch::start();
    let answer = app.store.count_logins().await;
    let response = watch.elapsed();
    match answer {
        Ok(_) => Database {
            status: Status::Healthy,
            response,
            causes: Vec::new(),
        },
        Err(err) => Database {
            status: Status::Unhealthy,
            response,
            causes: vec![chain(&err)],
        },
    }
}

fn is_stale(app: &App, seen: &Seen) -> bool {
    app.machine
        .clock
        .now()
        .duration_since(seen.as_of)
        .is_ok_and(|age| age > STALE)
        && app.simulation.is_none()
}

fn check_storage(app: &App, seen: &Seen) -> Storage {
    let mut storage = Storage {
        status: Status::Healthy,
        arrays: 0,
        optimal: 0,
        pools: u32::try_from(seen.pools.all.len()).unwrap_or(u32::MAX),
        usage_percent: usage(seen),
        as_of: seen.as_of,
        causes: Vec::new(),
    };
    for array in &seen.raid.arrays {
        let (health, reasons) = health(array);
        storage.arrays += 1;
        let status = match health {
            Health::Optimal { .. } => {
                storage.optimal += 1;
                Status::Healthy
            }
            Health::Degraded { .. } => Status::Degraded,
            Health::Inactive | Health::Unknown => Status::Degraded,
            Health::Failed { .. } => Status::Unhealthy,
        };
        storage.status = storage.status.max(status);
        if status > Status::Healthy {
            let reasons: Vec<String> = reasons.iter().map(Reason::to_string).collect();
            let text = format!(
                "array {} is {}: {}",
                array.name,
                health.word(),
                reasons.join(", ")
            );
            storage.causes.push(text);
        }
    }
    for pool in &seen.pools.all {
        let asked = seen.answers.contents.get(&pool.name);
        let contents = asked.and_then(|it| it.said.as_deref().ok());
        let verdict = pool.judge_with(contents);
        let status = match verdict.standing {
            Standing::Mounted => Status::Healthy,
            // Somebody has unmounted it, and meant it.
            Standing::Unmounted | Standing::Missing if !pool.is_wanted => continue,
            Standing::Damaged | Standing::Confused => Status::Degraded,
            Standing::Unmounted | Standing::Missing | Standing::ReadOnly => Status::Unhealthy,
        };
        storage.status = storage.status.max(status);
        // Also what is no fault yet: a pool that is almost full, or a dataset above its soft quota.
        if !verdict.reasons.is_empty() {
            let reasons = verdict.reasons.join("; ");
            storage
                .causes
                .push(format!("pool {}: {reasons}", pool.name));
        }
    }
    for difference in &seen.differences {
        if difference.is_fault() {
            storage.status = storage.status.max(Status::Degraded);
        }
        storage.causes.push(difference.to_string());
    }
    let unread = seen.raid.errors.iter().chain(&seen.raid.devices.errors);
    for error in unread.chain(&seen.pools.errors) {
        storage.status = storage.status.max(Status::Degraded);
        storage.causes.push(error.clone());
    }
    if is_stale(app, seen) {
        storage.status = storage.status.max(Status::Unknown);
        storage
            .causes
            .push("the machine was not looked at for two minutes".to_owned());
    }
    storage
}

/// A syslog that is gone makes nothing stop, but somebody relies on it.
fn check_forwarding(app: &App, system: &mut System) {
    let Some(forwarding) = app.audit.forwarding() else {
        return;
    };
    let lost = (forwarding.lost > 0).then(|| {
        let lost = forwarding.lost;
        format!("{lost} audit records were dropped before they could be sent")
    });
    for cause in forwarding.failure.into_iter().chain(lost) {
        system.status = system.status.max(Status::Degraded);
        system.causes.push(cause);
    }
}

/// A busy machine is no sick one: only what cannot be measured counts against it.
async fn check_system(app: &App) -> System {
    let figures = Arc::clone(&app.machine.figures);
    let sample = blocking(move || figures.sample()).await;
    let unknown = |why: String| System {
        status: Status::Unknown,
        cpu_percent: None,
        memory_percent: None,
        causes: vec![why],
    };
    let sample = match sample {
        Ok(Ok(sample)) => sample,
        Ok(Err(err)) => return unknown(chain(&err)),
        Err(err) => return unknown(chain(&err)),
    };
    let before = app.figures_before(&sample);
    let cpu_percent = match (&before.and_then(|it| it.cpu), &sample.cpu) {
        (Some(before), Some(after)) => rate::cpu_percent(&before.total, &after.total),
        _ => None,
    };
    let memory_percent = sample.memory.and_then(|it| {
        let used = it.total.0.checked_sub(it.available?.0)?;
        #[expect(clippy::cast_precision_loss, reason = "a percentage")]
        let percent = used as f64 / it.total.0 as f64 * 100.0;
        percent.is_finite().then_some(percent)
    });
    let causes = sample
        .missing
        .iter()
        .map(|it| format!("{}: {}", it.what, it.why))
        .collect();
    System {
        status: Status::Healthy,
        cpu_percent,
        memory_percent,
        causes,
    }
}
