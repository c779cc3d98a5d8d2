//! The audit log: who did what, and what became of it.
//!
//! It only grows. There is no function here that changes or removes a record, and triggers in the
//! database refuse both to whoever gets at it by other means.

use std::time::SystemTime;

use serde_json::Value;
use sqlx::FromRow;

use super::{
    Store, StoreError, Write,
    engine::{on_pool, on_tx},
    failed, from_millis, to_millis,
};
use crate::actor::Actor;

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
        let rows: Vec<Row> = on_pool!(self, db => sqlx::query_as(
            "SELECT id, at, actor, via, address, operation, object, phase, result, fingerprint,
                    request_id, detail
             FROM audit WHERE id > $1 ORDER BY id LIMIT $2",
        )
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(db)
        .await)
        .map_err(failed("read the audit log"))?;
        rows.into_iter()
            .map(|it| it.read().map_err(failed("read the audit log")))
            .collect()
    }
}

impl Write {
    /// Add to the log, together with what else this transaction does.
    pub async fn append_audit(&mut self, entry: &Entry) -> Result<i64, StoreError> {
        on_tx!(self, db => sqlx::query_scalar(
            "INSERT INTO audit (at, actor, via, address, operation, object, phase, result,
                                fingerprint, request_id, detail)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id",
        )
        .bind(to_millis(entry.at))
        .bind(&entry.actor)
        .bind(&entry.via)
        .bind(&entry.address)
        .bind(&entry.operation)
        .bind(&entry.object)
        .bind(entry.phase.as_str())
        .bind(entry.result.map(Outcome::as_str))
        .bind(&entry.fingerprint)
        .bind(&entry.request_id)
        .bind(entry.detail.to_string())
        .fetch_one(db)
        .await)
        .map_err(failed("append to the audit log"))
    }
}

#[derive(FromRow)]
struct Row {
    id: i64,
    at: i64,
    actor: String,
    via: String,
    address: Option<String>,
    operation: String,
    object: Option<String>,
    phase: String,
    result: Option<String>,
    fingerprint: Option<String>,
    request_id: String,
    detail: String,
}

impl Row {
    fn read(self) -> Result<Record, sqlx::Error> {
        let word = |it: UnknownWord| sqlx::Error::Decode(Box::new(it));
        let entry = Entry {
            at: from_millis(self.at),
            actor: self.actor,
            via: self.via,
            address: self.address,
            operation: self.operation,
            object: self.object,
            phase: self.phase.parse().map_err(word)?,
            result: self.result.map(|it| it.parse()).transpose().map_err(word)?,
            fingerprint: self.fingerprint,
            request_id: self.request_id,
            detail: serde_json::from_str(&self.detail)
                .map_err(|it| sqlx::Error::Decode(Box::new(it)))?,
        };
        Ok(Record { id: self.id, entry })
    }
}
