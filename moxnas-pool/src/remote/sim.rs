//! Another machine that is not there.
//!
//! It has pools of its own, and takes replicas in by the very code that a real one does
//! ([`serve`]). What can go wrong with it: it does not answer, has another host key,
//! does not know our key or not for that pool, has no MoxNAS, and the connection breaks after so many
//! bytes. A step that is struck by a fault of this machine ([`Fault`](moxnas_core::sim::Fault)) breaks
//! the connection half-way, too. What is not simulated: somebody in between.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex, MutexGuard, OnceLock},
};

use moxnas_core::{
    sim::{DiskSpec, SimMachine},
    units::Bytes,
};

use super::{
    Address, Answer, Facts, HostKey, RemoteError, Request, Target, TargetBackend,
    backend::{compare, granted, not_remote, odd, request_of},
    serve::{self, Receives},
};
use crate::{
    backend::{PoolBackend as _, execute},
    model::{Filesystem, PoolName},
    plan::{Change, CreatePool, Facts as PoolFacts, Step, plan},
    replica,
    sim::SimPools,
};

/// Where the machine is that is next to every simulated one.
pub const SIM_HOST: &str = "neighbour.sim";
/// The fingerprint of its host key.
pub const SIM_FINGERPRINT: &str = "SHA256:gNSIRW+2Iyiuvsdp/bgjy38bvWHw6wQm3tuoXrl3WjQ";
const HOST_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
/// The key of the machine that sends.
const OUR_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI moxnas@simulated";
/// The pool that it has.
const POOL: &str = "backup";
const SEED: u64 = 11;
const DISK: u64 = 4_000_000_000_000;

/// Other machines as a simulated one reaches them: there is one, [`SIM_HOST`].
#[derive(Debug)]
pub struct SimTargets {
    here: Arc<SimPools>,
    neighbour: OnceLock<Neighbour>,
}

/// The machine next to a simulated one, with a pool `backup` of btrfs.
#[derive(Debug)]
pub struct Neighbour {
    /// Its pools.
    pub pools: SimPools,
    /// How it is.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    answers: bool,
    host_key: HostKey,
    /// `None`: our key is not known there.
    lets_into: Option<BTreeSet<PoolName>>,
    has_moxnas: bool,
    /// After so many bytes the connection breaks, once.
    breaks_after: Option<usize>,
}

impl Neighbour {
    fn new() -> Neighbour {
        let machine = SimMachine::new(SEED);
        machine.plug(DiskSpec::hdd("NEIGHBOUR", DISK));
        let pools = SimPools::new(Arc::clone(&machine));
        let devices = machine.state().block_devices();
        let name: PoolName = POOL.parse().expect("it is a name");
        let device = devices
            .resolve("NEIGHBOUR")
            .expect("it was plugged")
            .id
            .clone();
        let wish = Change::Create(CreatePool {
            name: name.clone(),
            device,
            filesystem: Filesystem::Btrfs,
            thin: false,
            options: Vec::new(),
        });
        let seen = pools.observe(&devices).expect("nothing is wrong with it");
        let facts = PoolFacts {
            devices: &devices,
            pools: &seen,
        };
        let steps = plan(facts, &wish).expect("its disk is blank").steps;
        execute(&pools, &steps).expect("no fault strikes it");
        Neighbour {
            pools,
            state: Mutex::new(State {
                answers: true,
                host_key: HOST_KEY.parse().expect("it is a key"),
                lets_into: Some(BTreeSet::from([name])),
                has_moxnas: true,
                breaks_after: None,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }

    /// Let it answer, or not.
    pub fn answers(&self, it: bool) {
        self.state().answers = it;
    }

    /// Install it anew: it has another host key.
    pub fn install_anew(&self) {
        self.state().host_key = OUR_KEY
            .rsplit_once(' ')
            .and_then(|(key, _)| key.parse().ok())
            .expect("it is a key");
    }

    /// What its authorized_keys says of our key: into which pools it lets; `None`: nothing.
    pub fn lets_into(&self, pools: Option<BTreeSet<PoolName>>) {
        self.state().lets_into = pools;
    }

    /// Whether MoxNAS is installed there.
    pub fn has_moxnas(&self, it: bool) {
        self.state().has_moxnas = it;
    }

    /// Let the connection break after so many bytes of what is sent next.
    pub fn break_after(&self, bytes: usize) {
        self.state().breaks_after = Some(bytes);
    }
}

impl SimTargets {
    /// Reached from the machine that has these pools.
    #[must_use]
    pub fn new(here: Arc<SimPools>) -> SimTargets {
        SimTargets {
            here,
            neighbour: OnceLock::new(),
        }
    }

    /// The machine next to it.
    pub fn neighbour(&self) -> &Neighbour {
        self.neighbour.get_or_init(Neighbour::new)
    }

    fn reached(&self, address: &Address) -> Result<&Neighbour, RemoteError> {
        let unreachable = |why: &str| RemoteError::Unreachable {
            address: address.to_string(),
            why: why.to_owned(),
        };
        if address.host.as_str() != SIM_HOST {
            let why = format!("Could not resolve hostname {}", address.host);
            return Err(unreachable(&why));
        }
        let neighbour = self.neighbour();
        let answers = neighbour.state().answers;
        match answers {
            true => Ok(neighbour),
            false => Err(unreachable("Connection timed out")),
        }
    }

    /// What the other machine answers to this.
    fn ask(
        &self,
        target: &Target,
        request: &Request,
        stream: Vec<u8>,
    ) -> Result<Answer, RemoteError> {
        let neighbour = self.reached(&target.address)?;
        let name = target.name.to_string();
        let pools: Vec<PoolName> = {
            let state = neighbour.state();
            if state.host_key != target.host_key {
                return Err(RemoteError::HostKeyChanged { target: name });
            }
            let Some(pools) = &state.lets_into else {
                let why = "Permission denied (publickey)".to_owned();
                return Err(RemoteError::KeyRefused { target: name, why });
            };
            if !state.has_moxnas {
                let why = "moxnas: command not found".to_owned();
                return Err(RemoteError::NoMoxnas { target: name, why });
            }
            pools.iter().cloned().collect()
        };
        let stream = Box::new(io::Cursor::new(stream));
        let said = serve::answer(&neighbour.pools, &pools, &request.to_string(), stream);
        granted(target, Answer::parse(&said.render()))
    }

    fn send(
        &self,
        target: &Target,
        (step, request): (&Step, &Request),
        passed: &dyn Fn(Bytes),
    ) -> Result<(), RemoteError> {
        let Step::Replicate {
            route,
            step: replica::Step::Send { snapshot, base, .. },
        } = step
        else {
            return Err(not_remote(step));
        };
        let struck = self.here.is_struck(step);
        if struck.as_ref().is_ok_and(|lies| *lies) {
            return Ok(());
        }
        let mut stream = self.here.send(route, snapshot, base.as_ref())?;
        let neighbour = self.reached(&target.address)?;
        let half = struck.as_ref().err().map(|_| stream.len() / 2);
        let cut = neighbour.state().breaks_after.take().or(half);
        let broke = cut.filter(|it| *it < stream.len());
        stream.truncate(broke.unwrap_or(stream.len()));
        passed(Bytes(stream.len() as u64));
        let answer = self.ask(target, request, stream);
        if broke.is_some() {
            // What the other side says of it is not heard any more.
            return Err(RemoteError::Broken {
                target: target.name.to_string(),
                why: "Connection reset by peer".to_owned(),
            });
        }
        struck?;
        match answer? {
            Answer::Received { .. } => Ok(()),
            _ => Err(odd(target)),
        }
    }
}

impl TargetBackend for SimTargets {
    fn host_keys(&self, address: &Address) -> Result<Vec<HostKey>, RemoteError> {
        Ok(vec![self.reached(address)?.state().host_key.clone()])
    }

    fn public_key(&self) -> Result<String, RemoteError> {
        Ok(OUR_KEY.to_owned())
    }

    fn look(&self, target: &Target, pool: &PoolName) -> Result<Facts, RemoteError> {
        let request = Request::Look { pool: pool.clone() };
        match self.ask(target, &request, Vec::new())? {
            Answer::Facts(facts) => Ok(*facts),
            _ => Err(odd(target)),
        }
    }

    /// Takes no time, however much there is to send.
    fn apply(
        &self,
        target: &Target,
        step: &Step,
        _: &dyn Fn() -> bool,
        passed: &dyn Fn(Bytes),
    ) -> Result<(), RemoteError> {
        let request = request_of(step).ok_or_else(|| not_remote(step))?;
        if let Request::Receive { .. } = request {
            return self.send(target, (step, &request), passed);
        }
        if self.here.is_struck(step)? {
            return Ok(());
        }
        let answer = self.ask(target, &request, Vec::new())?;
        match (answer, step, &request) {
            (Answer::Done, ..) => Ok(()),
            (Answer::Digest(there), Step::Replicate { route, step }, Request::Digest { at }) => {
                compare((route, step), &at.snapshot, there, |here| {
                    self.here.digest(here, &|| true)
                })
            }
            _ => Err(odd(target)),
        }
    }
}
