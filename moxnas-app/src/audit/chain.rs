//! The chain: how each record of the audit log is tied to the one before it.
//!
//! Every machine has a chain of its own. Its records are numbered by `seq` from 1, without gaps,
//! and `hash` is the SHA-256 of these bytes:
//!
//! | bytes | what |
//! |---|---|
//! | 15 | `moxnas-audit-1` and a line feed |
//! | 32 | `hash` of the record before; zeros before the first |
//! | | then the fields, in this order: `node`, `seq`, `at`, `actor`, `via`, `address`, `operation`, `object`, `phase`, `result`, `fingerprint`, `request_id`, `detail` |
//!
//! `seq` and `at` (milliseconds since 1970) are 8 bytes, signed, the highest byte first. Each of the
//! others is text in UTF-8: the byte 1, its length in bytes as 8 bytes, and the text; or the single
//! byte 0 where there is none. `detail` is its JSON text, byte for byte as it is kept. `id`, the
//! place in the table, is not covered; it must only grow along the chain.
//!
//! Text with a NUL character, which PostgreSQL cannot hold, is kept with U+FFFD in its place.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::hex::{hex, unhex};

const VERSION: &[u8] = b"moxnas-audit-1\n";

/// The hash of a record.
pub type Hash = [u8; 32];

/// What stands before the first record.
pub const START: Hash = [0; 32];

/// A record as it is kept: what the chain covers, the hash, and the place in the table.
///
/// The words are as they stand in the database, whether or not this program knows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Grows with every record of all machines.
    pub id: i64,
    /// The machine; `None` like the two below: it is from before there was a chain.
    pub node: Option<String>,
    /// The place in the chain of the machine.
    pub seq: Option<i64>,
    /// The hash, 32 bytes.
    #[serde(with = "hexadecimal")]
    pub hash: Option<Vec<u8>>,
    /// Milliseconds since 1970.
    pub at: i64,
    /// Who.
    pub actor: String,
    /// How that was proved.
    pub via: String,
    /// From where.
    pub address: Option<String>,
    /// The id of the operation.
    pub operation: String,
    /// What it was done to.
    pub object: Option<String>,
    /// Which part of the story it is.
    pub phase: String,
    /// How it went.
    pub result: Option<String>,
    /// The plan that was confirmed.
    pub fingerprint: Option<String>,
    /// The request.
    pub request_id: String,
    /// JSON text.
    pub detail: String,
}

impl Line {
    /// The hash that the record must have behind one with the hash `before`.
    #[must_use]
    pub fn hash_after(&self, before: &Hash) -> Hash {
        let mut digest = Sha256::new();
        digest.update(VERSION);
        digest.update(before);
        put(&mut digest, self.node.as_deref());
        digest.update(self.seq.unwrap_or_default().to_be_bytes());
        digest.update(self.at.to_be_bytes());
        for text in [
            Some(&self.actor),
            Some(&self.via),
            self.address.as_ref(),
            Some(&self.operation),
            self.object.as_ref(),
            Some(&self.phase),
            self.result.as_ref(),
            self.fingerprint.as_ref(),
            Some(&self.request_id),
            Some(&self.detail),
        ] {
            put(&mut digest, text.map(String::as_str));
        }
        digest.finalize().into()
    }
}

fn put(digest: &mut Sha256, text: Option<&str>) {
    match text {
        None => digest.update([0]),
        Some(text) => {
            digest.update([1]);
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text);
        }
    }
}

/// Where a chain is broken. Whatever follows that place proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The record, if it is about one.
    pub seq: Option<i64>,
    /// What is wrong.
    pub why: Why,
}

/// What is wrong with a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is not what was written.
    Altered,
    /// It is not there, and later ones are.
    Missing,
    /// It stands before the place where the log begins.
    BeforeBeginning,
    /// Its id is not above that of the record before.
    OutOfOrder,
    /// It has only part of what ties a record to the chain.
    HalfTied {
        /// Its place in the table.
        id: i64,
    },
    /// It has no place in the chain, and is younger than the first record that has one.
    Untied {
        /// Its place in the table.
        id: i64,
    },
    /// The note of what retention dropped was not written by this service.
    AnchorForged,
    /// The log was longer when the mark was written.
    CutOff {
        /// The last record that the mark knows.
        marked: i64,
    },
    /// The record is not the one that the mark was written for.
    NotAsMarked,
    /// The file of the mark was not written by this service.
    MarkForged,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seq = self.seq.unwrap_or_default();
        match &self.why {
            Why::Altered => write!(f, "record {seq} is not what was written"),
            Why::Missing => write!(f, "record {seq} is missing"),
            Why::BeforeBeginning => {
                write!(
                    f,
                    "record {seq} stands before the place where the log begins"
                )
            }
            Why::OutOfOrder => write!(f, "record {seq} was put in later than the one after it"),
            Why::HalfTied { id } => write!(f, "the record with the id {id} is tied to nothing"),
            Why::Untied { id } => write!(
                f,
                "the record with the id {id} has no place in the chain and is not from before it"
            ),
            Why::AnchorForged => {
                f.write_str("the note of what retention dropped was not written by this service")
            }
            Why::CutOff { marked } => {
                write!(f, "the log ends before record {marked}, which was there")
            }
            Why::NotAsMarked => write!(f, "record {seq} is not the one that was there"),
            Why::MarkForged => f.write_str("the mark of the log was not written by this service"),
        }
    }
}

/// Goes along a chain, record by record, and remembers only the last one.
#[derive(Clone, Debug)]
pub struct Walk {
    records: u64,
    first: Option<i64>,
    last: i64,
    hash: Hash,
    id: i64,
    broken: Option<Broken>,
}

impl Walk {
    /// Begin behind the record `seq` with that hash; 0 and [`START`] for the beginning.
    #[must_use]
    pub fn behind(seq: i64, hash: Hash) -> Walk {
        Walk {
            records: 0,
            first: None,
            last: seq,
            hash,
            id: 0,
            broken: None,
        }
    }

    /// Take the next record, in the order of `seq`. After the first that is broken nothing counts.
    pub fn step(&mut self, line: &Line) {
        if self.broken.is_some() {
            return;
        }
        let seq = line.seq.unwrap_or_default();
        let due = self.last + 1;
        let hash = line.hash_after(&self.hash);
        let wrong = if seq < due {
            Some((seq, Why::BeforeBeginning))
        } else if seq > due {
            Some((due, Why::Missing))
        } else if line.hash.as_deref() != Some(&hash[..]) {
            Some((seq, Why::Altered))
        } else if line.id <= self.id {
            Some((self.last, Why::OutOfOrder))
        } else {
            None
        };
        if let Some((seq, why)) = wrong {
            let seq = Some(seq);
            self.broken = Some(Broken { seq, why });
            return;
        }
        self.records += 1;
        self.first.get_or_insert(seq);
        (self.last, self.hash, self.id) = (seq, hash, line.id);
    }

    /// Say what is wrong before the first record.
    pub(crate) fn give_up(&mut self, why: Why) {
        self.broken = Some(Broken { seq: None, why });
    }

    /// Whether it is of no use to go on.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// The last record that is proven, and its hash.
    #[must_use]
    pub fn head(&self) -> (i64, Hash) {
        (self.last, self.hash)
    }

    /// What came of it.
    #[must_use]
    pub fn end(self, node: String) -> Verified {
        Verified {
            node,
            records: self.records,
            from_seq: self.first,
            to_seq: self.first.map(|_| self.last),
            head: (self.last, self.hash),
            anchor: AnchorFound::None,
            broken: self.broken,
        }
    }
}

/// What is proven of the chain of one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The machine.
    pub node: String,
    /// How many records are as they were written.
    pub records: u64,
    /// The first of them.
    pub from_seq: Option<i64>,
    /// The last of them.
    pub to_seq: Option<i64>,
    /// The last record that is proven and its hash, or where the chain begins.
    pub head: (i64, Hash),
    /// What is known of the records that retention dropped.
    pub anchor: AnchorFound,
    /// The first thing that is wrong.
    pub broken: Option<Broken>,
}

/// What is known of the records that retention dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnchorFound {
    /// None were dropped.
    None,
    /// This service dropped them.
    Proven,
    /// Some were dropped; by whom cannot be told without the key of that machine.
    Unproven,
}

/// What is proven of all chains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The chains, by machine.
    pub chains: Vec<Verified>,
    /// Records from before there was a chain; nothing is proven about them.
    pub unchained: u64,
    /// What is wrong with records outside all chains, or with the mark.
    pub broken: Option<Broken>,
    /// What the mark says.
    pub mark: MarkFound,
}

impl Verdict {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.broken.is_none() && self.chains.iter().all(|it| it.broken.is_none())
    }

    /// How many records are as they were written.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.chains.iter().map(|it| it.records).sum()
    }
}

/// What the mark says: how long the log is known to have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkFound {
    /// There is none, or it was not looked for: records cut off at the end would not be missed.
    None,
    /// The log goes on behind it.
    Holds {
        /// The record that it was written for.
        seq: i64,
    },
    /// The log is not what it was.
    Fails,
}

/// Text as every engine can hold it.
pub(crate) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

mod hexadecimal {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use super::{hex, unhex};

    #[expect(clippy::ref_option, reason = "the signature that serde asks for")]
    pub(super) fn serialize<S: Serializer>(
        it: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match it {
            Some(it) => serializer.serialize_str(&hex(it)),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|it| unhex(&it).ok_or_else(|| D::Error::custom("no hexadecimal digits")))
            .transpose()
    }
}
