//! Bringing the service up, and to its end.

use std::{path::Path, sync::Arc};

use moxnas_core::{
    clock::{Clock, SystemClock},
    lock::MachineLock,
};
use moxnas_pool::remote::SshTargets;
use moxnas_shares::{services::sim::SimServices, sessions::sim::SimSessions};
use serde_json::json;
use tokio::sync::{Mutex, Semaphore};

use super::*;
use crate::{settings::DATA_DIR, targets::key_folder};

/// The service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Something that every operation needs is missing.
    #[error(transparent)]
    App(#[from] Error),
    /// There is no key to sign tokens with.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// There is no key to seal secrets with.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// There is no id for this machine.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The data folder is being worked on.
    #[error(transparent)]
    InUse(#[from] InUseError),
    /// The audit log cannot be kept.
    #[error(transparent)]
    Audit(#[from] AuditError),
}

impl App {
    /// Bring the service up: open the database, take the lock, look at the machine.
    pub async fn start(settings: &Settings) -> Result<Arc<App>, StartError> {
        let (machine, simulation) = match &settings.scenario {
            None => {
                let folder = settings.data_dir.as_deref().unwrap_or(Path::new(DATA_DIR));
                let targets = SshTargets::system(&key_folder(folder));
                let machine = Machine {
                    targets: Arc::new(targets),
                    ..Machine::system_at(settings.places.clone())
                };
                (machine, None)
            }
            Some(scenario) => {
                let (sim, raid, pools) = scenario.build().map_err(Error::from)?;
                let pools = Arc::new(pools);
                let shares = SimShares::new(Arc::clone(&sim), settings.places.clone());
                let shares = Arc::new(shares);
                let machine = Machine {
                    services: Arc::new(SimServices::new(Arc::clone(&shares))),
                    sessions: Arc::new(SimSessions::new(Arc::clone(&shares))),
                    shares: Arc::clone(&shares) as _,
                    places: Arc::new(settings.places.clone()),
                    ..Machine::simulated_on(&sim, raid, &pools)
                };
                (
                    machine,
                    Some(Simulation {
                        scenario: scenario.name.clone(),
                        machine: sim,
                        shares: Some(shares),
                        pools: Some(pools),
                    }),
                )
            }
        };
        App::start_on(machine, simulation, settings).await
    }

    /// Bring the service up on a machine that the caller brings, whatever scenario the settings
    /// name. With a `simulation` it may be changed without right or lock.
    pub async fn start_on(
        machine: Machine,
        simulation: Option<Simulation>,
        settings: &Settings,
    ) -> Result<Arc<App>, StartError> {
        let right = match (&settings.right, &simulation) {
            (_, Some(_)) => Ok(None),
            (Right::Change(path), None) => {
                let lock = MachineLock::take(path);
                Ok(Some(
                    lock.map_err(|err| Error::ReadOnly(ReadOnly::Lock(err)))?,
                ))
            }
            (right, None) => Err(right.clone()),
        };
        if let Ok(Some(_)) = &right
            && let Err(err) = machine.raid.tidy()
        {
            tracing::warn!("{}", chain(&err));
        }
        let in_use = match &settings.data_dir {
            Some(folder) => Some(InUse::shared(folder)?),
            None => None,
        };
        let node = match &settings.data_dir {
            Some(folder) => Node::of_folder(folder, &host_name(&machine))?,
            None => Node::unnamed(),
        };
        let store = Store::open_at(&settings.pace, &settings.database, node)
            .await
            .map_err(Error::from)?;
        let now = SystemClock.now();
        store.register_node(now).await.map_err(Error::from)?;
        let key = match &settings.data_dir {
            Some(folder) => SigningKey::load_or_make(folder)?,
            None => SigningKey::random()?,
        };
        let sealer = match &settings.data_dir {
            Some(folder) => Sealer::load_or_make(folder)?,
            None => Sealer::random()?,
        };
        let audit = AuditLog::open(store.clone(), settings.data_dir.as_deref())?;
        if !audit.move_mark().await? {
            tracing::error!(
                "the audit log does not go on from where it was: run `moxnas audit verify`"
            );
        }
        // Tokens live by the wall clock, however far a simulated machine was moved forward.
        let auth = Auth::new(store.clone(), &key, sealer.clone(), Arc::new(SystemClock));
        let (shares, share_settings) = store.shares().await.map_err(Error::from)?;
        let mut offered = Offered::of(shares, share_settings);
        offered.is_unknown = simulation.is_none() && settings.data_dir.is_none();
        let offered = Arc::new(offered);
        let meant = Meant {
            expected: None,
            offered: Arc::clone(&offered),
        };
        let mut first = look(&settings.pace, &machine, 1, meant, None).await?;
        let mut expected = store.expected().await.map_err(Error::from)?;
        if expected.is_none() && right.is_ok() {
            expected = Some(App::expect_at_first(&store, &first, now).await?);
        }
        first.expected = expected.map(Arc::new);
        first.differences = first.compare();
        let targets = Targets::load(settings.data_dir.as_deref()).map_err(Error::from)?;
        first.targets = targets.known();
        first.capabilities = Arc::new(machine.host.capabilities());
        let app = Arc::new(App {
            machine,
            simulation,
            store,
            auth,
            audit,
            audit_settings: settings.audit.clone(),
            sealer,
            events: Events::default(),
            targets,
            jobs: Jobs::default(),
            data_dir: settings.data_dir.clone(),
            expected: RwLock::new(first.expected.clone()),
            expecting: Mutex::default(),
            offered: RwLock::new(offered),
            changing: AtomicU64::new(0),
            seen: RwLock::new(Arc::new(first)),
            looks: AtomicU64::new(1),
            looked: Arc::default(),
            looking: Arc::new(Semaphore::new(LOOKS_AT_ONCE)),
            pool_turns: PoolTurns::default(),
            noted_at: std::sync::Mutex::default(),
            login_lists: LastRead::default(),
            figures: std::sync::Mutex::default(),
            right,
            pace: settings.pace.clone(),
            storage: Mutex::default(),
            shares: Mutex::default(),
            failed_move: Mutex::default(),
            _in_use: in_use,
        });
        app.expect_since_boot().await?;
        Ok(app)
    }

    /// See to it that somebody can log in, see [`Auth::first_start`].
    pub async fn first_start(
        &self,
        given: Option<Secret>,
        terminal: Terminal,
    ) -> Result<FirstStart, Error> {
        let done = self.auth.first_start(given, terminal).await?;
        let made = match &done {
            FirstStart::AlreadySet | FirstStart::NoPasswordYet => None,
            FirstStart::MadeFromEnvironment => Some("given by whoever installed the service"),
            FirstStart::MadeRandom { .. } => Some("random"),
        };
        if let Some(password) = made {
            let actor = App::this_process("first-start");
            let mut entry = Entry::new(self.wall_now(), &actor, "login_create", Phase::Outcome);
            entry.object = Some("admin".to_owned());
            entry.result = Some(Outcome::Ok);
            entry.detail = json!({ "password": password });
            self.store.append_audit(&entry).await?;
        }
        Ok(done)
    }

    /// Drop audit records that are older than the settings say, as part of the daily maintenance.
    ///
    /// The answer is how many. What is not as it was written is kept, and said in the log.
    pub async fn maintain_audit(&self) -> Result<u64, Error> {
        let days = self.audit_settings.keep_days;
        let dropped = self.audit.drop_old(days, self.wall_now()).await?;
        let (result, count, detail) = match dropped {
            Dropped::Records(0) => return Ok(0),
            Dropped::Records(count) => (Outcome::Ok, count, json!({ "dropped": count })),
            Dropped::Kept(broken) => {
                tracing::error!("the audit log is kept as it is: {broken}");
                let detail = json!({ "causes": [broken.to_string()] });
                (Outcome::Failed, 0, detail)
            }
        };
        let actor = App::this_process("maintenance");
        let mut entry = Entry::new(self.wall_now(), &actor, "audit_retention", Phase::Outcome);
        entry.result = Some(result);
        entry.detail = detail;
        self.store.append_audit(&entry).await?;
        Ok(count)
    }

    /// Write down what has to be known at the next start. The service is about to end.
    pub async fn stop(&self) -> Result<(), Error> {
        self.audit.move_mark().await?;
        Ok(())
    }
}

fn host_name(machine: &Machine) -> String {
    let name = machine.figures.host().hostname;
    name.unwrap_or_else(|| "unnamed".to_owned())
}
