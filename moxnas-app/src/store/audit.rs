//! The audit log: who did what, and what became of it.
//!
//! It only grows, and its records are tied to each other (see [`crate::audit::chain`]). There is no
//! function here that changes a record, and only retention removes any; triggers in the database
//! refuse both to whoever gets at it by other means.

mod list;
mod retention;
mod verify;

use std::time::SystemTime;

use serde_json::Value;

pub(super) use self::verify::verify_chains;
pub use self::{
    list::{AuditFilter, AuditOrder},
    retention::{Anchor, Dropped},
    verify::Chains,
};
use super::{
    Store, StoreError, Write,
    engine::{Tx, on_begun, on_pool, on_tx},
    failed, from_millis, to_millis,
};
use crate::{
    actor::Actor,
    audit::chain::{Hash, Line, START, storable},
};

/// The columns of [`Line`].
macro_rules! line_columns {
    () => {
        "id, node, seq, hash, at, actor, via, address, operation, object, phase, result,
         fingerprint, request_id, detail"
    };
}
pub(super) use line_columns;

/// Something to be recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When.
    pub at: SystemTime,
    /// Name of the caller.
    pub actor: String,
    /// How the caller proved who it is, as [`crate::actor::Via`] prints it.
    pub via: String,
    /// Where the caller was.
    pub address: Option<String>,
    /// Id of the operation.
    pub operation: String,
    /// What it was done to.
    pub object: Option<String>,
    /// Which part of the story this is.
    pub phase: Phase,
    /// How it went; `None` for an intent.
    pub result: Option<Outcome>,
    /// The plan that was confirmed.
    pub fingerprint: Option<String>,
    /// Ties intent and outcome to each other and to the log.
    pub request_id: String,
    /// What else is worth keeping; never a secret.
    pub detail: Value,
}

impl Entry {
    /// A record about a call by `actor`, with the optional parts left out.
    #[must_use]
    pub fn new(at: SystemTime, actor: &Actor, operation: &str, phase: Phase) -> Entry {
        Entry {
            at,
            actor: actor.name.clone(),
            via: actor.via.to_string(),
            address: actor.address.clone(),
            operation: operation.to_owned(),
            object: None,
            phase,
            result: None,
            fingerprint: None,
            request_id: actor.request_id.clone(),
            detail: Value::Object(serde_json::Map::new()),
        }
    }
}

/// An entry with its place in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Grows with every record, and is never used again.
    pub id: i64,
    /// What was recorded.
    pub entry: Entry,
}

/// A closed set of words in a column.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// The word used on the wire and in the database.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::store::audit::UnknownWord;

            fn from_str(text: &str) -> Result<$name, $crate::store::audit::UnknownWord> {
                match text {
                    $($word => Ok($name::$variant),)+
                    other => Err($crate::store::audit::UnknownWord(other.to_owned())),
                }
            }
        }
    };
}

pub(super) use words;

words! {
    /// Which part of a call's story a record tells.
    Phase {
        /// It is about to run.
        Intent = "intent",
        /// It ran.
        Outcome = "outcome",
        /// The caller may not.
        Refused = "refused",
        /// Someone tried to log in.
        Login = "login",
    }
}

words! {
    /// How it went.
    Outcome {
        /// As asked.
        Ok = "ok",
        /// It did not; `detail` says why.
        Failed = "failed",
        /// The service stopped in between.
        Unknown = "unknown",
    }
}

/// A word in the database that this program does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the database holds a word that is not known here: `{0}`")]
pub struct UnknownWord(pub(super) String);

impl Store {
    /// Add to the log; the answer is the record's number.
    pub async fn append_audit(&self, entry: &Entry) -> Result<i64, StoreError> {
        let mut write = self.begin_write().await?;
        let id = write.append_audit(entry).await?;
        write.commit().await?;
        Ok(id)
    }

    /// Up to `limit` records after the one numbered `after`, oldest first; 0 begins at the start.
    pub async fn audit(&self, after: i64, limit: u32) -> Result<Vec<Record>, StoreError> {
        let rows: Vec<Line> = on_pool!(self, db => sqlx::query_as(
            concat!("SELECT ", line_columns!(), " FROM audit WHERE id > $1 ORDER BY id LIMIT $2"),
        )
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(db)
        .await)
        .map_err(failed("read the audit log"))?;
        rows.into_iter()
            .map(|it| read(it).map_err(failed("read the audit log")))
            .collect()
    }

    /// The last record of this machine, and its hash; [`START`] and 0 if there is none.
    pub async fn audit_head(&self) -> Result<(i64, Hash), StoreError> {
        let mut snapshot = self.snapshot().await?;
        head_of(&mut snapshot.tx, &self.node.id).await
    }

    /// Tells the number of the last record of this process whenever one was committed.
    #[must_use]
    pub fn audit_grows(&self) -> tokio::sync::watch::Receiver<i64> {
        self.heads.subscribe()
    }
}

/// The last record of a machine.
const HEAD: &str = "SELECT seq, hash FROM audit WHERE node = $1 AND seq IS NOT NULL
    ORDER BY seq DESC LIMIT 1";
/// Where retention has dropped them all, the last of those.
const DROPPED: &str = "SELECT seq, hash FROM audit_anchor WHERE node = $1";

/// The last record of a machine and its hash; [`START`] and 0 if there is none.
async fn head_of(tx: &mut Tx, node: &str) -> Result<(i64, Hash), StoreError> {
    for statement in [HEAD, DROPPED] {
        let row: Option<(i64, Vec<u8>)> = on_begun!(&mut *tx, db => sqlx::query_as(statement)
            .bind(node)
            .fetch_optional(db)
            .await)
        .map_err(failed("read the end of the audit log"))?;
        if let Some((seq, hash)) = row {
            // A hash that was cut is found by a verification; the log goes on all the same.
            return Ok((seq, Hash::try_from(hash).unwrap_or(START)));
        }
    }
    Ok((0, START))
}

impl Write {
    /// Add to the log, together with what else this transaction does.
    pub async fn append_audit(&mut self, entry: &Entry) -> Result<i64, StoreError> {
        let node = self.node.id.clone();
        let (last, before) = head_of(&mut self.tx, &node).await?;
        let line = tied(entry, node, last + 1, &before);
        let id = self.put_line(&line).await?;
        self.appended = line.seq;
        Ok(id)
    }

    async fn put_line(&mut self, line: &Line) -> Result<i64, StoreError> {
        on_tx!(self, db => sqlx::query_scalar(
            "INSERT INTO audit (at, actor, via, address, operation, object, phase, result,
                                fingerprint, request_id, detail, node, seq, hash)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id",
        )
        .bind(line.at)
        .bind(&line.actor)
        .bind(&line.via)
        .bind(&line.address)
        .bind(&line.operation)
        .bind(&line.object)
        .bind(&line.phase)
        .bind(&line.result)
        .bind(&line.fingerprint)
        .bind(&line.request_id)
        .bind(&line.detail)
        .bind(&line.node)
        .bind(line.seq)
        .bind(&line.hash)
        .fetch_one(db)
        .await)
        .map_err(failed("append to the audit log"))
    }
}

fn tied(entry: &Entry, node: String, seq: i64, before: &Hash) -> Line {
    let text = |it: &Option<String>| it.as_deref().map(storable);
    let mut line = Line {
        id: 0,
        node: Some(node),
        seq: Some(seq),
        hash: None,
        at: to_millis(entry.at),
        actor: storable(&entry.actor),
        via: storable(&entry.via),
        address: text(&entry.address),
        operation: storable(&entry.operation),
        object: text(&entry.object),
        phase: entry.phase.to_string(),
        result: entry.result.map(|it| it.to_string()),
        fingerprint: text(&entry.fingerprint),
        request_id: storable(&entry.request_id),
        detail: entry.detail.to_string(),
    };
    line.hash = Some(line.hash_after(before).to_vec());
    line
}

fn read(line: Line) -> Result<Record, sqlx::Error> {
    let word = |it: UnknownWord| sqlx::Error::Decode(Box::new(it));
    let entry = Entry {
        at: from_millis(line.at),
        actor: line.actor,
        via: line.via,
        address: line.address,
        operation: line.operation,
        object: line.object,
        phase: line.phase.parse().map_err(word)?,
        result: line.result.map(|it| it.parse()).transpose().map_err(word)?,
        fingerprint: line.fingerprint,
        request_id: line.request_id,
        detail: serde_json::from_str(&line.detail)
            .map_err(|it| sqlx::Error::Decode(Box::new(it)))?,
    };
    Ok(Record { id: line.id, entry })
}
