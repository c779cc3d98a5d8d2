//! The one way in.

use std::{
    path::PathBuf,
    sync::{
        Arc, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use moxnas_core::{
    chain::{causes, chain},
    clock::{Clock, SystemClock},
    lock::MachineLock,
    plan::{Plan, execute},
    sim::SimMachine,
};
use moxnas_raid as raid;
use moxnas_telemetry::Sample;
use serde_json::json;
use tokio::sync::{Mutex, watch};

use crate::{
    actor::{Actor, Credential, Role, Via},
    audit::{AuditError, AuditLog},
    auth::{Auth, FirstStart, KeyError, Secret, SigningKey, Terminal},
    error::{Error, ReadOnly},
    events::Events,
    in_use::{InUse, InUseError},
    jobs::{Job, Jobs, Origin},
    machine::{AppStep, Machine},
    operation::{Change, Effect, Keys, Lane, LongChange, Operation, Query, Terms},
    report::PlanReport,
    seal::{SealError, Sealer},
    seen::Seen,
    settings::{AuditSettings, Pace, Right, Settings},
    store::{self, Dropped, Entry, Node, NodeError, Outcome, Phase, Store},
};

/// Everything the service is.
pub struct App {
    /// The machine it serves.
    pub machine: Machine,
    /// The simulated machine itself, to break things in; `None`: the machine is real.
    pub simulation: Option<Simulation>,
    /// Logins and history.
    pub store: Store,
    /// Who someone is.
    pub auth: Auth,
    /// The history of who did what, and how far it is proven.
    pub audit: AuditLog,
    /// Seals what has to be read again in clear.
    pub sealer: Sealer,
    /// What happens.
    pub events: Events,
    /// What runs in the background.
    pub jobs: Jobs,
    /// Where it keeps its files; `None`: it keeps nothing.
    pub data_dir: Option<PathBuf>,
    pub(crate) audit_settings: AuditSettings,
    seen: RwLock<Arc<Seen>>,
    looks: AtomicU64,
    looked: watch::Sender<u64>,
    figures: std::sync::Mutex<Option<Sample>>,
    right: Result<Option<MachineLock>, Right>,
    pace: Pace,
    storage: Mutex<()>,
    _in_use: Option<InUse>,
}

/// What a query is answered from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// What was last seen.
    Last,
    /// What is seen now.
    Fresh,
}

/// A machine that is not there, and what it is called.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// The name of its scenario.
    pub scenario: String,
    /// The machine.
    pub machine: Arc<SimMachine>,
}

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
            None => (Machine::system(), None),
            Some(scenario) => {
                let (sim, raid) = scenario.build().map_err(Error::from)?;
                let machine = Machine::simulated(&sim, raid);
                (
                    machine,
                    Some(Simulation {
                        scenario: scenario.name.clone(),
                        machine: sim,
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
        let in_use = match &settings.data_dir {
            Some(folder) => Some(InUse::shared(folder)?),
            None => None,
        };
        let node = match &settings.data_dir {
            Some(folder) => Node::of_folder(folder, &host_name(&machine))?,
            None => Node::unnamed(),
        };
        let store = Store::open_at(settings.pace, &settings.database, node)
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
        let first = look(settings.pace, &machine, 1).await?;
        Ok(Arc::new(App {
            machine,
            simulation,
            store,
            auth,
            audit,
            audit_settings: settings.audit.clone(),
            sealer,
            events: Events::default(),
            jobs: Jobs::default(),
            data_dir: settings.data_dir.clone(),
            seen: RwLock::new(Arc::new(first)),
            looks: AtomicU64::new(1),
            looked: watch::channel(1).0,
            figures: std::sync::Mutex::default(),
            right,
            pace: settings.pace,
            storage: Mutex::default(),
            _in_use: in_use,
        }))
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

    /// The service itself, or root at the console.
    #[must_use]
    pub fn this_process(request_id: &str) -> Actor {
        Actor {
            name: "local".to_owned(),
            role: Some(Role::Admin),
            via: Via::InProcess,
            address: None,
            request_id: request_id.to_owned(),
            credential: Credential::None,
        }
    }

    /// What was last seen of the machine. Never waits for it.
    #[must_use]
    pub fn seen(&self) -> Arc<Seen> {
        Arc::clone(&self.seen.read().expect("no holder of this lock panics"))
    }

    /// Look at the machine now, and tell listeners what is new.
    pub async fn look(&self) -> Result<Arc<Seen>, Error> {
        let number = self.looks.fetch_add(1, Ordering::Relaxed) + 1;
        let mut new = look(self.pace, &self.machine, number).await?;
        let mut seen = self.seen.write().expect("no holder of this lock panics");
        if new.look <= seen.look {
            // Somebody looked later than this look and was done earlier.
            return Ok(Arc::clone(&seen));
        }
        self.events.publish(&seen.raid, &new.raid, new.as_of);
        if seen.raid == new.raid {
            new.serial = seen.serial;
        }
        *seen = Arc::new(new);
        self.looked.send_replace(number);
        Ok(Arc::clone(&seen))
    }

    /// Tells whoever waits that the machine was looked at again.
    pub(crate) fn looked(&self) -> watch::Receiver<u64> {
        self.looked.subscribe()
    }

    /// How the service gets on with its work.
    pub(crate) fn pace(&self) -> Pace {
        self.pace
    }

    /// Whether this process may change the machine.
    #[must_use]
    pub fn may_change(&self) -> bool {
        self.right.is_ok()
    }

    /// The sample before this one, which is kept for the next. Rates need two.
    pub(crate) fn figures_before(&self, sample: &Sample) -> Option<Sample> {
        let mut last = self.figures.lock().expect("no holder of this lock panics");
        last.replace(sample.clone())
    }

    /// Ask for something that does not change the machine.
    pub async fn call<Q: Query>(
        self: &Arc<Self>,
        actor: &Actor,
        query: Q,
    ) -> Result<Q::Output, Error> {
        self.admit::<Q>(actor, query.object()).await?;
        if Q::EFFECT == Effect::Read {
            return query.run(self, actor).await;
        }
        let (app, actor) = (Arc::clone(self), actor.clone());
        to_the_end(async move {
            let object = query.object();
            app.record::<Q>(&actor, Phase::Intent, object.clone(), |_| ())
                .await?;
            let result = query.run(&app, &actor).await;
            app.record_outcome::<Q, _>(&actor, object, None, &result)
                .await?;
            result
        })
        .await
    }

    /// The same, after a look at the machine if the caller insists.
    pub async fn call_after<Q: Query>(
        self: &Arc<Self>,
        look: Look,
        actor: &Actor,
        query: Q,
    ) -> Result<Q::Output, Error> {
        if look == Look::Fresh {
            // A look costs more than a question: nobody who may not ask has one made.
            self.admit::<Q>(actor, query.object()).await?;
            self.look().await?;
        }
        self.call(actor, query).await
    }

    /// What would be done.
    pub async fn plan<C: Change>(
        self: &Arc<Self>,
        actor: &Actor,
        change: &C,
    ) -> Result<PlanReport, Error> {
        self.admit::<C>(actor, change.object()).await?;
        let seen = self.look().await?;
        Ok(PlanReport::new(C::NAME, &change.plan(&seen)?, &seen))
    }

    /// Change the machine.
    ///
    /// It runs in a task of its own: a caller that goes away stops waiting, not the change.
    pub async fn change<C: Change>(
        self: &Arc<Self>,
        actor: &Actor,
        change: C,
        terms: Terms,
    ) -> Result<C::Output, Error> {
        self.admit::<C>(actor, change.object()).await?;
        let (app, actor) = (Arc::clone(self), actor.clone());
        to_the_end(async move {
            let _one_at_a_time = app.lane(C::LANE).lock().await;
            let seen = app.look().await?;
            let plan = match app.agree(&change, &seen, &terms) {
                Ok(plan) => plan,
                Err(err) => {
                    // Asking for the plan is no attempt.
                    if !matches!(err, Error::ConfirmationRequired(_)) {
                        app.record_refusal::<C>(&actor, change.object(), &err)
                            .await?;
                    }
                    return Err(err);
                }
            };
            let fingerprint = plan.fingerprint().to_string();
            app.record::<C>(&actor, Phase::Intent, change.object(), |entry| {
                entry.fingerprint = Some(fingerprint.clone());
                entry.detail = json!({ "steps": words(&plan) });
            })
            .await?;
            let result = app.carry_out(&change, &plan).await;
            let object = change.object();
            app.record_outcome::<C, _>(&actor, object, Some(fingerprint), &result)
                .await?;
            result
        })
        .await
    }

    /// Begin a change of the machine that takes long. The answer is the job that makes it.
    pub async fn begin<C: LongChange>(
        self: &Arc<Self>,
        actor: &Actor,
        change: C,
        terms: Terms,
    ) -> Result<store::Job, Error> {
        self.admit::<C>(actor, change.object()).await?;
        let (app, actor) = (Arc::clone(self), actor.clone());
        to_the_end(async move {
            let begun = app.begin_agreed(&actor, &change, &terms).await;
            if let Err(err) = &begun
                && !matches!(err, Error::ConfirmationRequired(_))
            {
                app.record_refusal::<C>(&actor, change.object(), err)
                    .await?;
            }
            app.run_new_job(&begun?).await
        })
        .await
    }

    /// The id of the job that will make the change.
    async fn begin_agreed<C: LongChange>(
        &self,
        actor: &Actor,
        change: &C,
        terms: &Terms,
    ) -> Result<String, Error> {
        let _one_at_a_time = self.lane(C::LANE).lock().await;
        let seen = self.look().await?;
        let plan = self.agree(change, &seen, terms)?;
        let work = change.job(&seen)?;
        let origin = Origin::caller(actor);
        let kind = crate::jobs::find(C::Job::KIND).expect("every kind has a line in the table");
        let args = serde_json::to_value(&work).expect("jobs are plain data");
        let new = self.new_job(kind, args, work.object(), &origin)?;
        let mut write = self.store.begin_write().await?;
        let detail = json!({ "steps": words(&plan) });
        let fingerprint = Some(plan.fingerprint().to_string());
        self.add_job(&mut write, &new, &origin, fingerprint, detail)
            .await?;
        write.commit().await?;
        Ok(new.id)
    }

    /// Make a change as a part of a job, whose intent and outcome the audit log has already.
    pub(crate) async fn change_within_job<C: Change>(
        &self,
        change: &C,
    ) -> Result<C::Output, Error> {
        let _one_at_a_time = self.lane(C::LANE).lock().await;
        let seen = self.look().await?;
        let plan = self.agree(change, &seen, &Terms::default())?;
        self.carry_out(change, &plan).await
    }

    /// Plan on a fresh look, and hold it against what the caller agreed to.
    fn agree<C: Change>(
        &self,
        change: &C,
        seen: &Seen,
        terms: &Terms,
    ) -> Result<Plan<AppStep>, Error> {
        if let (Some(believed), Some(is)) = (&terms.if_match, change.etag(seen))
            && !is_listed(&is, believed)
        {
            return Err(Error::Stale(change.object().unwrap_or_default()));
        }
        let plan = change.plan(seen)?;
        let report = || Box::new(PlanReport::new(C::NAME, &plan, seen));
        match &terms.confirm {
            Some(confirmed) if *confirmed != plan.fingerprint() => {
                return Err(Error::PlanChanged(report()));
            }
            None if plan.needs_confirmation() => {
                return Err(Error::ConfirmationRequired(report()));
            }
            _ => (),
        }
        match &self.right {
            Ok(_) => Ok(plan),
            Err(Right::ServiceRuns(socket)) => Err(Error::ReadOnly(ReadOnly::ServiceRuns {
                socket: socket.display().to_string(),
            })),
            Err(_) => Err(Error::ReadOnly(ReadOnly::NotRoot)),
        }
    }

    async fn carry_out<C: Change>(
        &self,
        change: &C,
        plan: &Plan<AppStep>,
    ) -> Result<C::Output, Error> {
        let (machine, steps) = (self.machine.clone(), plan.steps.clone());
        let work = move || execute(&steps, |step| machine.apply(step));
        let done = at_pace(self.pace, work).await?;
        // However it went, the snapshot shows what is there now.
        let after = self.look().await;
        done.map_err(|stopped| Error::Stopped(Box::new(raid_stop(*stopped))))?;
        change.verify(&*after?)
    }

    async fn admit<O: Operation>(
        &self,
        actor: &Actor,
        object: Option<String>,
    ) -> Result<(), Error> {
        let Some(needs) = O::NEEDS else { return Ok(()) };
        let refusal = match actor.role {
            None => Error::Unauthenticated,
            Some(_) if !actor.may(needs) => Error::Forbidden {
                actor: actor.name.clone(),
                needs,
            },
            Some(_) => match beyond_its_key::<O>(actor) {
                None => return Ok(()),
                Some(refusal) => refusal,
            },
        };
        // Nobody at all is turned away by the thousand; somebody who tries is worth a line.
        if actor.role.is_some() {
            self.record_refusal::<O>(actor, object, &refusal).await?;
        }
        Err(refusal)
    }

    fn lane(&self, lane: Lane) -> &Mutex<()> {
        match lane {
            Lane::Storage => &self.storage,
        }
    }

    /// The time of day, whatever the machine's clock says.
    #[must_use]
    pub fn wall_now(&self) -> std::time::SystemTime {
        SystemClock.now()
    }

    async fn record<O: Operation>(
        &self,
        actor: &Actor,
        phase: Phase,
        object: Option<String>,
        more: impl FnOnce(&mut Entry),
    ) -> Result<(), Error> {
        let mut entry = Entry::new(self.wall_now(), actor, O::NAME, phase);
        entry.object = object;
        more(&mut entry);
        self.store.append_audit(&entry).await?;
        Ok(())
    }

    async fn record_refusal<O: Operation>(
        &self,
        actor: &Actor,
        object: Option<String>,
        refusal: &Error,
    ) -> Result<(), Error> {
        self.record::<O>(actor, Phase::Refused, object, |entry| {
            entry.result = Some(Outcome::Failed);
            entry.detail = json!({ "code": refusal.code(), "causes": causes(refusal) });
        })
        .await
    }

    async fn record_outcome<O: Operation, T>(
        &self,
        actor: &Actor,
        object: Option<String>,
        fingerprint: Option<String>,
        result: &Result<T, Error>,
    ) -> Result<(), Error> {
        self.record::<O>(actor, Phase::Outcome, object, |entry| {
            entry.fingerprint = fingerprint;
            entry.result = Some(if result.is_ok() {
                Outcome::Ok
            } else {
                Outcome::Failed
            });
            if let Err(err) = result {
                tracing::warn!(
                    operation = O::NAME,
                    request_id = actor.request_id,
                    "{}",
                    chain(err)
                );
                entry.detail = json!({ "code": err.code(), "causes": causes(err) });
            }
        })
        .await
    }
}

/// Why an operation is not open to the API key of a caller whose role would do.
fn beyond_its_key<O: Operation>(actor: &Actor) -> Option<Error> {
    let Credential::ApiKey { name, scopes, .. } = &actor.credential else {
        return None;
    };
    let (key, operation) = (name.clone(), O::NAME);
    if O::KEYS == Keys::MayNot {
        return Some(Error::KeyMayNot { key, operation });
    }
    (!scopes.cover(operation)).then(|| Error::ScopeMissing {
        key,
        operation,
        scopes: scopes.to_string(),
    })
}

/// Whether `If-Match` has the tag: it may list several, and `*` stands for whatever is there (RFC
/// 9110 13.1.1).
fn is_listed(tag: &str, list: &str) -> bool {
    list.split(',')
        .map(str::trim)
        .any(|it| it == "*" || it == tag)
}

fn words(plan: &Plan<AppStep>) -> Vec<String> {
    plan.steps
        .iter()
        .map(|AppStep::Raid(step)| step.to_string())
        .collect()
}

fn raid_stop(stopped: moxnas_core::plan::Stopped<AppStep, raid::BackendError>) -> raid::Stopped {
    let AppStep::Raid(step) = stopped.step;
    raid::Stopped {
        done: stopped.done,
        of: stopped.of,
        step,
        cause: stopped.cause,
    }
}

fn host_name(machine: &Machine) -> String {
    let name = machine.figures.host().hostname;
    name.unwrap_or_else(|| "unnamed".to_owned())
}

async fn look(pace: Pace, machine: &Machine, look: u64) -> Result<Seen, Error> {
    let machine = machine.clone();
    at_pace(pace, move || {
        let as_of = machine.clock.now();
        let raid = machine.raid.observe().map_err(Error::Observe)?;
        Ok(Seen {
            raid,
            as_of,
            look,
            serial: look,
        })
    })
    .await?
}

/// Have the machine asked or changed.
async fn at_pace<T: Send + 'static>(
    pace: Pace,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    match pace {
        Pace::Usual => blocking(work).await,
        Pace::Stepped => {
            let done = work();
            pace.turn().await;
            Ok(done)
        }
    }
}

/// Backends block; the runtime must not.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(Error::Bug)
}

async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    tokio::spawn(work).await.map_err(Error::Bug)?
}

/// How long a look may be old before the loop looks again without having been woken.
pub const LOOK_EVERY: Duration = Duration::from_secs(30);
