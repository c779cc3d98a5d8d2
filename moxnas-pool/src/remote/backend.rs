//! The seam between judgement and another machine.

use moxnas_core::{
    chain::chain,
    cmd::{Cause, CmdError},
    units::Bytes,
};

use super::{Address, Answer, Digest, Facts, HostKey, Place, Refused, Request, Target};
use crate::{
    backend::BackendError,
    dataset,
    model::PoolName,
    plan::Step,
    replica::{self, Counterpart, Route},
};

/// What this crate needs from a machine that reaches others.
pub trait TargetBackend: Send + Sync {
    /// By which keys the machine there says who it is. Nobody has compared them yet.
    fn host_keys(&self, address: &Address) -> Result<Vec<HostKey>, RemoteError>;

    /// The public half of the key by which this machine says who it is, as a line of a file
    /// authorized_keys, see sshd(8). It is made if there is none.
    fn public_key(&self) -> Result<String, RemoteError>;

    /// What is in a pool there.
    fn look(&self, target: &Target, pool: &PoolName) -> Result<Facts, RemoteError>;

    /// Do a step there, or one on the way there: for hours, if there is much to send, or for as long as
    /// it is wanted. `passed` is told now and then how many bytes went over.
    fn apply(
        &self,
        target: &Target,
        step: &Step,
        is_wanted: &dyn Fn() -> bool,
        passed: &dyn Fn(Bytes),
    ) -> Result<(), RemoteError>;
}

/// Why something was not done on another machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// There is no way to it.
    #[error("{address} does not answer: {why}")]
    Unreachable {
        /// Where it should be.
        address: String,
        /// In the words of ssh(1).
        why: String,
    },
    /// It may be another machine.
    #[error("{target} does not have the host key that was confirmed")]
    HostKeyChanged {
        /// What it is called here.
        target: String,
    },
    /// Our key is not known there.
    #[error("{target} does not let this machine in: {why}")]
    KeyRefused {
        /// What it is called here.
        target: String,
        /// In the words of ssh(1).
        why: String,
    },
    /// Something else is there.
    #[error("no MoxNAS that takes replicas answers on {target}: {why}")]
    NoMoxnas {
        /// What it is called here.
        target: String,
        /// What was said instead.
        why: String,
    },
    /// The network, or the other machine, went away.
    #[error("the connection to {target} broke: {why}")]
    Broken {
        /// What it is called here.
        target: String,
        /// In the words of ssh(1).
        why: String,
    },
    /// MoxNAS there does not do it.
    #[error("{target} says: {}", refused.message)]
    Refused {
        /// What it is called here.
        target: String,
        /// Why.
        refused: Refused,
    },
    /// What arrived is not what was sent.
    #[error(
        "{at} there is not what it is here: {} files and folders with {}, here {} with {}",
        there.entries, there.bytes, here.entries, here.bytes
    )]
    Differs {
        /// What.
        at: String,
        /// Here.
        here: Digest,
        /// There.
        there: Digest,
    },
    /// It was not wanted any more.
    #[error("it was ended before its time")]
    Ended,
    /// This machine did not do its part.
    #[error("{message}")]
    Here {
        /// In words.
        message: String,
        /// What would help.
        hint: Option<String>,
    },
}

/// Codes of refusals that are passed on as they are.
const KNOWN: &[&str] = &[
    "protocol_differs",
    "request_not_understood",
    "no_room_there",
    "pool_not_served",
    "pool_not_found",
    "pool_not_mounted",
    "replica_needs_btrfs",
    "replica_snapshot_differs",
    "snapshot_is_whole",
    "snapshot_not_whole",
    "hold_not_ours",
];

impl RemoteError {
    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            RemoteError::Unreachable { .. } => "target_unreachable",
            RemoteError::HostKeyChanged { .. } => "target_host_key_changed",
            RemoteError::KeyRefused { .. } => "target_key_refused",
            RemoteError::NoMoxnas { .. } => "target_without_moxnas",
            RemoteError::Broken { .. } => "target_connection_broke",
            RemoteError::Refused { refused, .. } => {
                let known = KNOWN.iter().find(|it| **it == refused.code);
                known.copied().unwrap_or("target_refused")
            }
            RemoteError::Differs { .. } => "replica_differs",
            RemoteError::Ended => "ended",
            RemoteError::Here { .. } => "step_failed",
        }
    }

    /// What would make it work, if that can be told.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            RemoteError::Unreachable { .. } => {
                "see that it runs, that its sshd does, and that no firewall is between".to_owned()
            }
            RemoteError::HostKeyChanged { target } => format!(
                "if it was installed anew, `moxnas target remove {target}` and add it again, and \
                 compare its key; if not, somebody may be in between"
            ),
            RemoteError::KeyRefused { target, .. } => format!(
                "add the line that `moxnas target show {target}` shows to authorized_keys there"
            ),
            RemoteError::NoMoxnas { target, .. } => format!(
                "install MoxNAS there, and see that authorized_keys has the very line that `moxnas \
                 target show {target}` shows"
            ),
            RemoteError::Broken { .. } => {
                "try again: it goes on with the first snapshot that did not arrive as a whole"
                    .to_owned()
            }
            RemoteError::Refused { refused, .. } => return refused.hint.clone(),
            RemoteError::Differs { .. } => {
                "look at the disks of both machines: `moxnas pool check`".to_owned()
            }
            RemoteError::Ended => return None,
            RemoteError::Here { hint, .. } => return hint.clone(),
        })
    }
}

impl From<BackendError> for RemoteError {
    fn from(err: BackendError) -> RemoteError {
        match err {
            BackendError::Ended => RemoteError::Ended,
            err => RemoteError::Here {
                message: chain(&err),
                hint: err.hint(),
            },
        }
    }
}

impl RemoteError {
    /// Why ssh(1) to a target failed, see there for its exit status.
    pub(super) fn of_ssh(target: &Target, err: &CmdError) -> RemoteError {
        let name = target.name.to_string();
        let Cause::Exit {
            status,
            stdout,
            stderr,
        } = &err.cause
        else {
            return match &err.cause {
                Cause::Ended => RemoteError::Ended,
                Cause::TimedOut(_) => RemoteError::Broken {
                    target: name,
                    why: chain(&err.cause),
                },
                _ => RemoteError::Here {
                    message: chain(err),
                    hint: err.hint(),
                },
            };
        };
        if let Some(Answer::Refused(refused)) = Answer::parse(stdout) {
            return RemoteError::Refused {
                target: name,
                refused,
            };
        }
        let mut lines = stderr.lines().chain(stdout.lines()).map(str::trim);
        let first = lines.find(|it| !it.is_empty()).unwrap_or("no message");
        let why = first.to_owned();
        match status {
            255 if stderr.contains("Host key verification failed") => {
                RemoteError::HostKeyChanged { target: name }
            }
            255 if stderr.contains("Permission denied (") => {
                RemoteError::KeyRefused { target: name, why }
            }
            255 if stderr.contains("ssh: ") || stderr.contains("banner exchange") => {
                RemoteError::Unreachable {
                    address: target.address.to_string(),
                    why: why.trim_start_matches("ssh: ").to_owned(),
                }
            }
            255 => RemoteError::Broken { target: name, why },
            _ => RemoteError::NoMoxnas { target: name, why },
        }
    }
}

/// An answer that does not refuse.
pub(super) fn granted(target: &Target, answer: Option<Answer>) -> Result<Answer, RemoteError> {
    let target = target.name.to_string();
    match answer {
        Some(Answer::Refused(refused)) => Err(RemoteError::Refused { target, refused }),
        Some(answer) => Ok(answer),
        None => Err(RemoteError::NoMoxnas {
            target,
            why: "its answer is not understood".to_owned(),
        }),
    }
}

/// An answer of another kind than what was asked for.
pub(super) fn odd(target: &Target) -> RemoteError {
    RemoteError::NoMoxnas {
        target: target.name.to_string(),
        why: "it answers something else than what was asked".to_owned(),
    }
}

/// Where a snapshot of a route is there.
fn place(route: &Route, snapshot: &dataset::SnapshotName) -> Place {
    Place {
        pool: route.to.clone(),
        dataset: route.as_dataset.clone(),
        snapshot: snapshot.clone(),
    }
}

/// Compare a snapshot here with what the other machine says of its own, by `digest` of the one here.
pub(super) fn compare(
    (route, step): (&Route, &replica::Step),
    snapshot: &dataset::SnapshotName,
    there: Digest,
    digest: impl FnOnce(&Place) -> Result<Digest, BackendError>,
) -> Result<(), RemoteError> {
    let source = Place {
        pool: route.from.clone(),
        dataset: route.dataset.clone(),
        snapshot: snapshot.clone(),
    };
    let here = digest(&source)?;
    match here == there {
        true => Ok(()),
        false => Err(RemoteError::Differs {
            at: step.target(route),
            here,
            there,
        }),
    }
}

/// What a step asks of the other machine; `None`: it is none that has to do with another one.
#[must_use]
pub(crate) fn request_of(step: &Step) -> Option<Request> {
    Some(match step {
        Step::Replicate { route, step } => match step {
            replica::Step::Send {
                snapshot, taken, ..
            } => Request::Receive {
                at: place(route, snapshot),
                taken: *taken,
            },
            replica::Step::Compare {
                snapshot: Some(snapshot),
                with: Counterpart::Snapshot,
            } => Request::Digest {
                at: place(route, snapshot),
            },
            _ => return None,
        },
        Step::There { pool, step, .. } => {
            let at = |dataset: &dataset::DatasetName, snapshot: &dataset::SnapshotName| Place {
                pool: pool.clone(),
                dataset: dataset.clone(),
                snapshot: snapshot.clone(),
            };
            match step {
                dataset::Step::DeleteSnapshot { dataset, snapshot } => Request::Clear {
                    at: at(dataset, snapshot),
                },
                dataset::Step::Hold {
                    dataset,
                    snapshot,
                    hold,
                } => Request::Hold {
                    at: at(dataset, snapshot),
                    hold: hold.clone(),
                },
                dataset::Step::Release {
                    dataset,
                    snapshot,
                    hold,
                } => Request::Release {
                    at: at(dataset, snapshot),
                    hold: hold.clone(),
                },
                _ => return None,
            }
        }
        _ => return None,
    })
}

/// A step that no other machine does.
pub(super) fn not_remote(step: &Step) -> RemoteError {
    RemoteError::Here {
        message: format!("`{step}` is no step on another machine"),
        hint: None,
    }
}
