//! The side that takes replicas in: what sshd(8) starts for whoever has the key.

use std::{
    any::Any,
    io::Read,
    time::{Duration, SystemTime},
};

use moxnas_core::{chain::chain, units::Bytes};

use super::{Answer, BadRequest, Digest, Facts, Place, Refused, Request};
use crate::{
    backend::{BackendError, PoolBackend},
    dataset::{self, Contents, DatasetName, HoldName, Snapshot, Step},
    model::{Filesystem, Pool, PoolName},
    plan::Step as PoolStep,
    replica::SOURCE,
};

/// How long nothing may come before whoever sends counts as gone. A difference is sent in silence while
/// what is the same is passed over.
pub const IDLE: Duration = Duration::from_secs(2 * 3600);

/// What a machine needs to be able to, beside what it does with its pools, to take replicas in.
pub trait Receives: PoolBackend {
    /// The pool of this name as it is now; `None`: there is none.
    fn pool(&self, name: &PoolName) -> Result<Option<Pool>, BackendError>;

    /// Be the one that changes this replica, for as long as the answer is kept. Whoever was it before
    /// is told to end, and waited for: its connection is the broken one.
    fn take_turn(
        &self,
        pool: &PoolName,
        dataset: &DatasetName,
    ) -> Result<Box<dyn Turn>, BackendError>;

    /// Take in what btrfs-send(8) wrote elsewhere; when this is done it survives a power cut. `taken` is
    /// written down before it arrives. Returns how much came.
    fn receive(
        &self,
        at: &Place,
        taken: Option<SystemTime>,
        stream: Box<dyn Read + Send>,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Bytes, BackendError>;

    /// Read all of a snapshot.
    fn digest(&self, at: &Place, is_wanted: &dyn Fn() -> bool) -> Result<Digest, BackendError>;
}

/// Being the one that changes a replica.
pub trait Turn: Any {
    /// Whether it still is.
    fn is_mine(&self) -> bool;
}

/// Do what was asked for, in these pools only, and say what came of it. What follows the request is read
/// from `stream`.
pub fn answer(
    machine: &dyn Receives,
    pools: &[PoolName],
    request: &str,
    stream: Box<dyn Read + Send>,
) -> Answer {
    let done = request
        .parse()
        .map_err(not_understood)
        .and_then(|it| Asked::new(machine, pools, &it)?.answer(it, stream));
    done.unwrap_or_else(Answer::Refused)
}

fn refused(code: &str, message: String, hint: Option<&str>) -> Refused {
    Refused {
        code: code.to_owned(),
        message,
        hint: hint.map(str::to_owned),
    }
}

fn not_understood(err: BadRequest) -> Refused {
    match err {
        BadRequest::Protocol(_) => refused(
            "protocol_differs",
            err.to_string(),
            Some("install the same release of MoxNAS on both machines"),
        ),
        BadRequest::Other(_) => refused("request_not_understood", err.to_string(), None),
    }
}

impl From<BackendError> for Refused {
    fn from(err: BackendError) -> Refused {
        let said = chain(&err);
        match said.contains("No space left on device") {
            true => refused(
                "no_room_there",
                said,
                Some("make room in that pool, such as by `moxnas snapshot prune` on that machine"),
            ),
            false => Refused {
                code: "step_failed".to_owned(),
                hint: err.hint(),
                message: said,
            },
        }
    }
}

/// A request for a pool that may be used.
struct Asked<'a> {
    machine: &'a dyn Receives,
    pool: Pool,
}

impl<'a> Asked<'a> {
    fn new(
        machine: &'a dyn Receives,
        pools: &[PoolName],
        request: &Request,
    ) -> Result<Asked<'a>, Refused> {
        let name = request.pool();
        if !pools.contains(name) {
            return Err(refused(
                "pool_not_served",
                format!("replicas are not taken into pool {name} there"),
                Some("the line in authorized_keys on that machine says which pools are"),
            ));
        }
        let Some(pool) = machine.pool(name)? else {
            return Err(refused(
                "pool_not_found",
                format!("there is no pool {name} there"),
                Some("`moxnas pool list` on that machine shows the pools"),
            ));
        };
        if !pool.is_mounted {
            return Err(refused(
                "pool_not_mounted",
                format!("pool {name} is not mounted there"),
                Some("mount it on that machine: `moxnas pool mount`"),
            ));
        }
        if pool.filesystem != Filesystem::Btrfs {
            return Err(refused(
                "replica_needs_btrfs",
                format!("pool {name} there is {}, not btrfs", pool.filesystem),
                Some("only snapshots are sent to another machine: choose a pool of btrfs"),
            ));
        }
        Ok(Asked { machine, pool })
    }

    fn contents(&self) -> Result<Contents, Refused> {
        Ok(self.machine.contents(&self.pool)?)
    }

    fn find(&self, at: &Place) -> Result<Option<Snapshot>, Refused> {
        let contents = self.contents()?;
        let found = contents.snapshot(at.dataset.as_str(), at.snapshot.as_str());
        Ok(found.cloned())
    }

    fn apply(&self, at: &Place, step: Step) -> Result<Answer, Refused> {
        let pool = at.pool.clone();
        self.machine.apply(&PoolStep::Inside { pool, step })?;
        Ok(Answer::Done)
    }

    fn take_turn(&self, at: &Place) -> Result<Box<dyn Turn>, Refused> {
        Ok(self.machine.take_turn(&at.pool, &at.dataset)?)
    }

    fn answer(&self, request: Request, stream: Box<dyn Read + Send>) -> Result<Answer, Refused> {
        match request {
            Request::Look { .. } => Ok(Answer::Facts(Box::new(Facts {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                contents: self.contents()?,
                pool: self.pool.clone(),
            }))),
            Request::Receive { at, taken } => self.receive(&at, taken, stream),
            Request::Digest { at } => {
                self.whole(&at)?;
                Ok(Answer::Digest(self.machine.digest(&at, &|| true)?))
            }
            Request::Clear { at } => self.clear(&at),
            Request::Hold { at, hold } => {
                check_hold(&hold)?;
                self.whole(&at)?;
                let (dataset, snapshot) = (at.dataset.clone(), at.snapshot.clone());
                let step = Step::Hold {
                    dataset,
                    snapshot,
                    hold,
                };
                self.apply(&at, step)
            }
            Request::Release { at, hold } => {
                check_hold(&hold)?;
                if self.find(&at)?.is_none_or(|it| !it.held.contains(&hold)) {
                    return Ok(Answer::Done);
                }
                let (dataset, snapshot) = (at.dataset.clone(), at.snapshot.clone());
                let step = Step::Release {
                    dataset,
                    snapshot,
                    hold,
                };
                self.apply(&at, step)
            }
        }
    }

    fn receive(
        &self,
        at: &Place,
        taken: Option<SystemTime>,
        stream: Box<dyn Read + Send>,
    ) -> Result<Answer, Refused> {
        let turn = self.take_turn(at)?;
        if self.find(at)?.is_some() {
            return Err(refused(
                "replica_snapshot_differs",
                format!("there is something at {at} there already"),
                Some("look at both machines again: plan the replication anew"),
            ));
        }
        let bytes = self
            .machine
            .receive(at, taken, stream, &|| turn.is_mine())?;
        self.whole(at)?;
        Ok(Answer::Received { bytes })
    }

    /// Only what cannot have arrived as a whole is removed, by whoever it was begun.
    fn clear(&self, at: &Place) -> Result<Answer, Refused> {
        let _turn = self.take_turn(at)?;
        match self.find(at)? {
            None => Ok(Answer::Done),
            Some(it) if is_whole(&it) => Err(refused(
                "snapshot_is_whole",
                format!("{at} is there as a whole, and not removed from elsewhere"),
                Some("look at what it is on that machine, and delete it there"),
            )),
            Some(it) => {
                let (dataset, snapshot) = (it.dataset, it.name);
                self.apply(at, dataset::Step::DeleteSnapshot { dataset, snapshot })
            }
        }
    }

    fn whole(&self, at: &Place) -> Result<Snapshot, Refused> {
        let found = self
            .find(at)?
            .filter(|it| it.read_only && it.received.is_some());
        found.ok_or_else(|| {
            refused(
                "snapshot_not_whole",
                format!("{at} is not there as a whole"),
                Some("replicate again: what arrived in part is sent anew"),
            )
        })
    }
}

/// What somebody there holds is not for others to let go.
fn check_hold(hold: &HoldName) -> Result<(), Refused> {
    match hold.as_str().starts_with(SOURCE) {
        true => Ok(()),
        false => Err(refused(
            "hold_not_ours",
            format!("a replica is held for `{SOURCE}…` from elsewhere, not for {hold}"),
            None,
        )),
    }
}

/// What arrived in part can be written, and has no UUID of an origin.
fn is_whole(it: &Snapshot) -> bool {
    it.read_only || it.received.is_some()
}
