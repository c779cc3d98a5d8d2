//! The audit log.

use std::time::{Duration, SystemTime};

use moxnas_app::{
    audit::{
        chain::{self, AnchorFound, Line, MarkFound},
        export,
    },
    store::{AuditOrder, Chains},
};
use poem_openapi::{Enum, Object};
use serde_json::Value;
use time::OffsetDateTime;

use super::timestamp;

/// A page of the audit log
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct AuditPage {
    /// The records, in the order that was asked for
    pub items: Vec<AuditRecord>,
    /// The `cursor` of the next page; left out on the last one
    pub next: Option<String>,
}

/// A record of the audit log
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct AuditRecord {
    /// Grows with every record
    pub id: i64,
    /// When
    pub at: OffsetDateTime,
    /// Who
    pub actor: String,
    /// How that was proved: `token`, `socket:UID`, `in-process`, …
    pub via: String,
    /// From where, if over a network
    pub address: Option<String>,
    /// The id of the operation
    pub operation: String,
    /// What it was done to
    pub object: Option<String>,
    /// `intent` before it was done, `outcome` after, `refused`, or `login`
    pub phase: String,
    /// `ok`, `failed`, or `unknown`: the service stopped in between
    pub result: Option<String>,
    /// The fingerprint of the plan
    pub fingerprint: Option<String>,
    /// The `X-Request-Id` of the request
    pub request_id: String,
    /// What else was written down, such as the steps of the plan
    pub detail: Value,
    /// The machine; left out like the two below for records from before there was a chain
    pub node: Option<String>,
    /// The place in the chain of the machine
    pub seq: Option<i64>,
    /// The hash over the record and the one before, in hexadecimal digits
    pub hash: Option<String>,
}

impl From<Line> for AuditRecord {
    fn from(it: Line) -> AuditRecord {
        let Line {
            id,
            node,
            seq,
            hash,
            at,
            actor,
            via,
            address,
            operation,
            object,
            phase,
            result,
            fingerprint,
            request_id,
            detail,
        } = it;
        let millis = Duration::from_millis(at.try_into().unwrap_or_default());
        AuditRecord {
            id,
            at: timestamp(SystemTime::UNIX_EPOCH + millis),
            actor,
            via,
            address,
            operation,
            object,
            phase,
            result,
            fingerprint,
            request_id,
            // What is no JSON was not written by the service, and is shown as it is.
            detail: serde_json::from_str(&detail).unwrap_or(Value::String(detail)),
            node,
            seq,
            hash: hash.map(|it| it.iter().map(|it| format!("{it:02x}")).collect()),
        }
    }
}

/// Which records come first
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, clap::ValueEnum)]
#[oai(rename_all = "kebab-case")]
pub enum Order {
    /// The newest
    NewestFirst,
    /// The oldest
    OldestFirst,
}

impl From<Order> for AuditOrder {
    fn from(it: Order) -> AuditOrder {
        match it {
            Order::NewestFirst => AuditOrder::NewestFirst,
            Order::OldestFirst => AuditOrder::OldestFirst,
        }
    }
}

/// How an export is written
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, clap::ValueEnum)]
#[oai(rename_all = "lowercase")]
pub enum ExportFormat {
    /// Everything, a record a line; it can be verified elsewhere
    Json,
    /// For spreadsheets
    Csv,
}

impl From<ExportFormat> for export::Format {
    fn from(it: ExportFormat) -> export::Format {
        match it {
            ExportFormat::Json => export::Format::Json,
            ExportFormat::Csv => export::Format::Csv,
        }
    }
}

/// Which chains of records are verified
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, clap::ValueEnum)]
#[oai(rename_all = "lowercase")]
pub enum WhichChains {
    /// That of this machine
    Own,
    /// Those of all machines that share the database
    All,
}

impl From<WhichChains> for Chains {
    fn from(it: WhichChains) -> Chains {
        match it {
            WhichChains::Own => Chains::Own,
            WhichChains::All => Chains::All,
        }
    }
}

/// Whether the audit log is as it was written
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct AuditVerdict {
    /// Whether nothing is wrong
    pub sound: bool,
    /// What is wrong; empty if nothing is
    pub causes: Vec<String>,
    /// How many records are as they were written
    pub records: u64,
    /// How many records are from before there was a chain; nothing is proven about them
    pub unchained: u64,
    /// Whether the end of the log is where it is known to have been
    pub mark: MarkState,
    /// Up to which record that is known
    pub marked_seq: Option<i64>,
    /// Machine by machine
    pub chains: Vec<AuditChain>,
}

/// Whether the end of the log is where it is known to have been
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum MarkState {
    /// It is
    Holds,
    /// It is not
    Fails,
    /// Nobody knows: there is no mark
    None,
}

/// The records of one machine
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct AuditChain {
    /// The machine
    pub node: String,
    /// How many are as they were written
    pub records: u64,
    /// The first of them
    pub from_seq: Option<i64>,
    /// The last of them
    pub to_seq: Option<i64>,
    /// The hash of the last of them, in hexadecimal digits: a later log that does not have it was
    /// written anew
    pub head: String,
    /// Whether older records were dropped, and by whom
    pub dropped: DroppedState,
    /// The first thing that is wrong; left out if nothing is
    pub broken: Option<String>,
}

/// Whether older records were dropped, and by whom
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum DroppedState {
    /// None were
    None,
    /// Some were, by this service
    Proven,
    /// Some were; by whom takes the key of that machine to tell
    Unproven,
}

impl From<chain::Verdict> for AuditVerdict {
    fn from(it: chain::Verdict) -> AuditVerdict {
        let (sound, records) = (it.is_sound(), it.records());
        let chain::Verdict {
            chains,
            unchained,
            broken,
            mark,
        } = it;
        let chains: Vec<AuditChain> = chains.into_iter().map(AuditChain::from).collect();
        let of_chains = chains.iter().filter_map(|it| it.broken.clone());
        let (mark, marked_seq) = match mark {
            MarkFound::None => (MarkState::None, None),
            MarkFound::Fails => (MarkState::Fails, None),
            MarkFound::Holds { seq } => (MarkState::Holds, Some(seq)),
        };
        AuditVerdict {
            sound,
            causes: of_chains.chain(broken.map(|it| it.to_string())).collect(),
            records,
            unchained,
            mark,
            marked_seq,
            chains,
        }
    }
}

impl From<chain::Verified> for AuditChain {
    fn from(it: chain::Verified) -> AuditChain {
        let chain::Verified {
            node,
            records,
            from_seq,
            to_seq,
            head: (_, head),
            anchor,
            broken,
        } = it;
        AuditChain {
            node,
            records,
            from_seq,
            to_seq,
            head: head.iter().map(|it| format!("{it:02x}")).collect(),
            dropped: match anchor {
                AnchorFound::None => DroppedState::None,
                AnchorFound::Proven => DroppedState::Proven,
                AnchorFound::Unproven => DroppedState::Unproven,
            },
            broken: broken.map(|it| it.to_string()),
        }
    }
}
