//! The one way in.

mod change;
mod expect;
mod record;
mod space;
mod spares;
mod start;

use std::{
    collections::BTreeMap,
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
    plan::Plan,
    sim::SimMachine,
};
use moxnas_pool::sim::SimPools;
use moxnas_shares::sim::SimShares;
use moxnas_telemetry::Sample;
use serde_json::json;
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

pub use self::start::StartError;
use crate::{
    actor::{Actor, Credential, Role, Via},
    answers::{self, Answers, PoolTurns, Question},
    audit::{AuditError, AuditLog},
    auth::{Auth, FirstStart, KeyError, Secret, SigningKey, Terminal},
    error::{Error, ReadOnly},
    event_count::EventCount,
    events::Events,
    expected::Expected,
    in_use::{InUse, InUseError},
    jobs::{Job, Jobs, Origin},
    machine::{AppStep, Machine},
    marked::LastRead,
    operation::{Change, Effect, Keys, Lane, LongChange, Operation, Query, Terms},
    ops::users::{Part, UserList},
    report::PlanReport,
    seal::{SealError, Sealer},
    seen::Seen,
    settings::{AuditSettings, Pace, Right, Settings},
    sharing::{Offered, Sharing},
    store::{self, Dropped, Entry, Login, Node, NodeError, Outcome, Phase, Store},
    targets::{Known, TargetError, Targets},
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
    /// The machines that replicas may be sent to.
    pub targets: Targets,
    /// What runs in the background.
    pub jobs: Jobs,
    /// Where it keeps its files; `None`: it keeps nothing.
    pub data_dir: Option<PathBuf>,
    pub(crate) audit_settings: AuditSettings,
    seen: RwLock<Arc<Seen>>,
    looks: AtomicU64,
    looked: Arc<EventCount>,
    looking: Arc<Semaphore>,
    pool_turns: PoolTurns,
    /// The hour in which it was last written down how full a pool is, by its UUID.
    noted_at: std::sync::Mutex<BTreeMap<String, u64>>,
    /// What should be there; `None` where nobody has agreed to anything and this process may not.
    expected: RwLock<Option<Arc<Expected>>>,
    expecting: Mutex<()>,
    /// What is meant to be offered to the network.
    offered: RwLock<Arc<Offered>>,
    /// How many changes of the machine are being made.
    changing: AtomicU64,
    pub(crate) login_lists: LastRead<UserList, Part<Login>>,
    figures: std::sync::Mutex<Option<Sample>>,
    right: Result<Option<MachineLock>, Right>,
    pace: Pace,
    storage: Mutex<()>,
    shares: Mutex<()>,
    /// The move of a spare that failed last.
    failed_move: Mutex<Option<String>>,
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
    /// Its daemons; `None`: they are something else's.
    pub shares: Option<Arc<SimShares>>,
    /// Its pools; `None`: they are something else's, and cannot be broken from outside.
    pub pools: Option<Arc<SimPools>>,
}

impl App {
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
        let looking = Arc::clone(&self.looking).acquire_owned().await;
        let looking = looking.expect("nobody closes it");
        let number = self.looks.fetch_add(1, Ordering::Relaxed) + 1;
        let meant = Meant {
            expected: self.expected(),
            offered: self.offered(),
        };
        let mut new = look(&self.pace, &self.machine, number, meant, Some(looking)).await?;
        let mut seen = self.seen.write().expect("no holder of this lock panics");
        if new.look <= seen.look {
            // Somebody looked later than this look and was done earlier.
            return Ok(Arc::clone(&seen));
        }
        new.answers = seen.answers.still_there(&new.raid.devices, &new.pools);
        let is_said_of_what_left = !Arc::ptr_eq(&new.answers, &seen.answers);
        new.answered = seen.answered + u64::from(is_said_of_what_left);
        new.targets = self.targets.known();
        new.capabilities = Arc::clone(&seen.capabilities);
        self.judge(&seen, &mut new);
        self.events.publish(&seen.raid, &new.raid, new.as_of);
        self.events
            .publish_differences(&seen.differences, &new.differences, new.as_of);
        *seen = Arc::new(new);
        self.looked.add();
        Ok(Arc::clone(&seen))
    }

    /// Ask what no look asks. Whoever looks from now on sees the answer. What hangs takes one thread,
    /// however many ask for it, and keeps nobody waiting for ever.
    pub(crate) async fn ask(&self, question: Question) -> Result<Arc<Seen>, Error> {
        if let Pace::Stepped(_) = self.pace {
            return self.ask_now(question, None).await;
        }
        let late = answers::unanswered(&question, ANSWER_WITHIN, self.machine.clock.now());
        let asked = async {
            let turn = match &question {
                Question::Contents(pool) => Some(self.pool_turns.of(&pool.name).lock_owned().await),
                _ => None,
            };
            self.ask_now(question, turn).await
        };
        let Some(late) = late else {
            return asked.await;
        };
        match tokio::time::timeout(ANSWER_WITHIN, asked).await {
            Ok(seen) => seen,
            Err(_) => Ok(self.see_answer(late)),
        }
    }

    async fn ask_now(
        &self,
        question: Question,
        turn: Option<OwnedMutexGuard<()>>,
    ) -> Result<Arc<Seen>, Error> {
        let known = Arc::clone(&self.seen().answers);
        // Whoever asked may go away; the turn lasts until the answer is there and written down.
        let (write_down, _turn) = self
            .with_machine(move |it| (answers::ask(it, &known, question), turn))
            .await?;
        Ok(self.see_answer(write_down))
    }

    /// Put an answer beside what was last seen. That stays what it was, and so does whatever was made of
    /// it: pools are many, and each is asked each minute.
    fn see_answer(&self, write_down: impl FnOnce(&mut Answers)) -> Arc<Seen> {
        let mut seen = self.seen.write().expect("no holder of this lock panics");
        let mut new = Seen {
            answered: seen.answered + 1,
            ..Seen::clone(&seen)
        };
        write_down(Arc::make_mut(&mut new.answers));
        *seen = Arc::new(new);
        self.looked.add();
        Arc::clone(&seen)
    }

    /// Put something beside what was last seen, without looking again.
    fn see_anew(&self, change: impl FnOnce(&mut Seen)) -> Arc<Seen> {
        let serial = self.looks.fetch_add(1, Ordering::Relaxed) + 1;
        let mut seen = self.seen.write().expect("no holder of this lock panics");
        let mut new = Seen {
            serial,
            ..Seen::clone(&seen)
        };
        change(&mut new);
        self.judge(&seen, &mut new);
        self.events
            .publish_differences(&seen.differences, &new.differences, new.as_of);
        *seen = Arc::new(new);
        self.looked.add();
        Arc::clone(&seen)
    }

    /// Change what is known of the machines that replicas may be sent to.
    pub(crate) fn change_targets(
        &self,
        change: impl FnOnce(&mut Known) -> Result<(), TargetError>,
    ) -> Result<Arc<Known>, Error> {
        let known = self.targets.change(change)?;
        let now = Arc::clone(&known);
        self.see_anew(|new| new.targets = now);
        Ok(known)
    }

    /// Have the machine do something that may take a while.
    pub(crate) async fn with_machine<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Machine) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let machine = self.machine.clone();
        at_pace(&self.pace, move || work(&machine)).await
    }

    /// The same for what may hang as long as a filesystem does: there are few at a time, so that it takes no
    /// thread from others.
    pub(crate) async fn with_few<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Machine) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let few = Arc::clone(&self.looking).acquire_owned().await;
        let few = few.expect("nobody closes it");
        self.with_machine(move |it| {
            let _few = few;
            work(it)
        })
        .await
    }

    /// Counts the looks at the machine that brought something later than the one before.
    pub(crate) fn looked(&self) -> Arc<EventCount> {
        Arc::clone(&self.looked)
    }

    /// How the service gets on with its work.
    pub(crate) fn pace(&self) -> &Pace {
        &self.pace
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
            app.record_outcome::<Q, _>(&actor, object, &result).await?;
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

    /// Refuse a caller who may not do this, before anything is read that the operation is made of.
    pub async fn check_access<O: Operation>(
        &self,
        actor: &Actor,
        object: &str,
    ) -> Result<(), Error> {
        self.admit::<O>(actor, Some(object.to_owned())).await
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

    pub(crate) fn lane(&self, lane: Lane) -> &Mutex<()> {
        match lane {
            Lane::Storage => &self.storage,
            Lane::Shares => &self.shares,
        }
    }

    /// The time of day, whatever the machine's clock says.
    #[must_use]
    pub fn wall_now(&self) -> std::time::SystemTime {
        SystemClock.now()
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

/// What a look is held against.
struct Meant {
    expected: Option<Arc<Expected>>,
    offered: Arc<Offered>,
}

async fn look(
    pace: &Pace,
    machine: &Machine,
    look: u64,
    meant: Meant,
    looking: Option<OwnedSemaphorePermit>,
) -> Result<Seen, Error> {
    let machine = machine.clone();
    at_pace(pace, move || {
        // A caller may go away; the look goes on, and counts as long as it does.
        let _looking = looking;
        let as_of = machine.clock.now();
        let raid = machine.raid.observe().map_err(Error::Observe)?;
        let pools = machine.pools.observe(&raid.devices);
        let pools = pools.map_err(Error::ObservePools)?;
        let abilities = machine.disks.abilities();
        let abilities = abilities.map_err(|err| Error::Observe(err.into()))?;
        let served = machine.shares.observe(&machine.places);
        let sharing = Sharing::new(served, meant.offered, Arc::clone(&machine.places));
        let mut seen = Seen {
            raid: Arc::new(raid),
            pools: Arc::new(pools),
            sharing: Arc::new(sharing),
            abilities: Arc::new(abilities),
            answers: Arc::default(),
            has_initramfs: machine.has_initramfs,
            as_of,
            boot: machine.host.boot_id(),
            look,
            serial: look,
            answered: 0,
            expected: meant.expected,
            capabilities: Arc::default(),
            targets: Arc::default(),
            differences: Vec::new(),
        };
        seen.differences = seen.compare();
        Ok(seen)
    })
    .await?
}

/// Have the machine asked or changed.
async fn at_pace<T: Send + 'static>(
    pace: &Pace,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    match pace {
        Pace::Usual => blocking(work).await,
        Pace::Stepped(_) => Ok(work()),
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

/// How many looks there are at a time. A machine that hangs would otherwise take thread after thread
/// from those who ask for a look, until there is none for anybody.
const LOOKS_AT_ONCE: usize = 4;

/// How long a pool, or whoever knows a name, may take to answer before it counts as one that hangs.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// How long a look may be old before the loop looks again without having been woken.
pub const LOOK_EVERY: Duration = Duration::from_secs(30);
