//! What is asked of another machine, and what it answers.
//!
//! A request is what ssh(1) would have a shell do: a line of words, which the other side reads from
//! `SSH_ORIGINAL_COMMAND`. It begins with a word that is no program, so that a key that somebody let in
//! without `command=` runs nothing. An answer is one line of JSON.

use std::{fmt, str::FromStr, time::SystemTime};

use moxnas_core::units::Bytes;
use serde::{Deserialize, Serialize};

use super::Digest;
use crate::{
    dataset::{Contents, DatasetName, HoldName, SnapshotName},
    model::{Pool, PoolName},
    prune::Timestamp,
};

/// Another number means that machines do not understand each other.
pub const PROTOCOL: u32 = 1;

/// The first word of a request.
const WORD: &str = "moxnas-replica";

/// A snapshot of a replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The pool.
    pub pool: PoolName,
    /// The dataset.
    pub dataset: DatasetName,
    /// The snapshot.
    pub snapshot: SnapshotName,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place {
            pool,
            dataset,
            snapshot,
        } = self;
        write!(f, "{pool}/{dataset}@{snapshot}")
    }
}

/// What may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// What is in a pool.
    Look {
        /// The pool.
        pool: PoolName,
    },
    /// Take in a snapshot, which comes behind the request.
    Receive {
        /// Where to.
        at: Place,
        /// When it was taken.
        taken: Option<SystemTime>,
    },
    /// Read a snapshot, and say what it is by a checksum.
    Digest {
        /// Which.
        at: Place,
    },
    /// Remove what arrived of a snapshot, if that is not all of it.
    Clear {
        /// Which.
        at: Place,
    },
    /// Let a snapshot not be deleted as long as it is held for this.
    Hold {
        /// Which.
        at: Place,
        /// What for.
        hold: HoldName,
    },
    /// Hold a snapshot for this no more.
    Release {
        /// Which.
        at: Place,
        /// What for.
        hold: HoldName,
    },
}

impl Request {
    /// The pool that it is about.
    #[must_use]
    pub fn pool(&self) -> &PoolName {
        match self {
            Request::Look { pool } => pool,
            Request::Receive { at, .. }
            | Request::Digest { at }
            | Request::Clear { at }
            | Request::Hold { at, .. }
            | Request::Release { at, .. } => &at.pool,
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{WORD} {PROTOCOL} ")?;
        let words = |it: &Place| format!("{} {} {}", it.pool, it.dataset, it.snapshot);
        match self {
            Request::Look { pool } => write!(f, "look {pool}"),
            Request::Receive { at, taken } => {
                let taken = taken.and_then(|it| Timestamp::try_from(it).ok());
                let taken = taken.map_or_else(|| "unknown".to_owned(), |it| it.to_string());
                write!(f, "receive {} {taken}", words(at))
            }
            Request::Digest { at } => write!(f, "digest {}", words(at)),
            Request::Clear { at } => write!(f, "clear {}", words(at)),
            Request::Hold { at, hold } => write!(f, "hold {} {hold}", words(at)),
            Request::Release { at, hold } => write!(f, "release {} {hold}", words(at)),
        }
    }
}

/// A request that is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// The other machine has another release.
    #[error("it speaks protocol {0}, and this machine {PROTOCOL}")]
    Protocol(String),
    /// Anything else.
    #[error("{0:?} is nothing that is done for a replica")]
    Other(String),
}

impl FromStr for Request {
    type Err = BadRequest;

    fn from_str(text: &str) -> Result<Request, BadRequest> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let other = || BadRequest::Other(text.chars().take(200).collect());
        let rest = match words.as_slice() {
            [word, protocol, rest @ ..] if *word == WORD => {
                if *protocol != PROTOCOL.to_string() {
                    return Err(BadRequest::Protocol(protocol.chars().take(20).collect()));
                }
                rest
            }
            _ => return Err(other()),
        };
        let place = |pool: &str, dataset: &str, snapshot: &str| {
            Some(Place {
                pool: pool.parse().ok()?,
                dataset: dataset.parse().ok()?,
                snapshot: snapshot.parse().ok()?,
            })
        };
        let read = || {
            Some(match rest {
                ["look", pool] => Request::Look {
                    pool: pool.parse().ok()?,
                },
                ["receive", pool, dataset, snapshot, taken] => Request::Receive {
                    at: place(pool, dataset, snapshot)?,
                    taken: match *taken {
                        "unknown" => None,
                        at => Some(at.parse::<Timestamp>().ok()?.into()),
                    },
                },
                ["digest", pool, dataset, snapshot] => Request::Digest {
                    at: place(pool, dataset, snapshot)?,
                },
                ["clear", pool, dataset, snapshot] => Request::Clear {
                    at: place(pool, dataset, snapshot)?,
                },
                ["hold", pool, dataset, snapshot, hold] => Request::Hold {
                    at: place(pool, dataset, snapshot)?,
                    hold: hold.parse().ok()?,
                },
                ["release", pool, dataset, snapshot, hold] => Request::Release {
                    at: place(pool, dataset, snapshot)?,
                    hold: hold.parse().ok()?,
                },
                _ => return None,
            })
        };
        read().ok_or_else(other)
    }
}

/// What another machine says of a pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The release of MoxNAS there.
    pub version: String,
    /// The pool.
    pub pool: Pool,
    /// What is in it.
    pub contents: Contents,
}

/// What another machine answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "answer")]
pub enum Answer {
    /// What is there.
    Facts(Box<Facts>),
    /// It is done.
    Done,
    /// A snapshot has arrived as a whole.
    Received {
        /// How many bytes came.
        bytes: Bytes,
    },
    /// What a snapshot is.
    Digest(Digest),
    /// It is not done.
    Refused(Refused),
}

/// Why the other machine does not do it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// A stable word for programs.
    pub code: String,
    /// In words.
    pub message: String,
    /// What would make it possible.
    pub hint: Option<String>,
}

impl Answer {
    /// As it is written: one line.
    #[must_use]
    pub fn render(&self) -> String {
        let text = serde_json::to_string(self).expect("answers are plain data");
        text + "\n"
    }

    /// Read one. `None`: it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Answer> {
        serde_json::from_str(text.trim()).ok()
    }

    /// The exit status of whoever gives it: what sends has to know that nobody reads on.
    #[must_use]
    pub fn status(&self) -> i32 {
        match self {
            Answer::Refused(_) => REFUSED,
            _ => 0,
        }
    }
}

/// The exit status of an answer that refuses.
pub(crate) const REFUSED: i32 = 3;
