//! The log as text: lines of JSON that can be verified elsewhere, and CSV for spreadsheets.
//!
//! An export in JSON is one object a line. The first says what it is and where the chains begin:
//! `{"moxnas_audit":1,"whole":true,"anchors":[{"node":…,"seq":…,"hash":…}]}`. The last says how many
//! records there are: `{"records":3}`. Each of those between is a [`Line`] and holds everything that
//! its hash covers; `hash` is in hexadecimal digits, and `detail` is the JSON text as it was
//! hashed, as a string. An export that holds a selection says `"whole":false`: there is nothing to
//! verify in it, because what was left out and what was removed look the same.

use std::{
    collections::BTreeMap,
    io::{self, BufRead},
};

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::chain::{AnchorFound, Broken, Line, MarkFound, START, Verdict, Walk, Why};
use crate::{
    hex::{hex, unhex},
    store::{AuditFilter, AuditOrder, Store, StoreError},
};

/// How many records are read at once.
const PAGE: u32 = 500;
/// A longer line is none of ours.
const LONGEST: u64 = 16 * 1024 * 1024;
const VERSION: u8 = 1;

/// How an export is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Everything, a record a line.
    Json,
    /// For spreadsheets, RFC 4180.
    Csv,
}

/// An export under way: ask for the next piece until there is none.
#[derive(Debug)]
pub struct Export {
    store: Store,
    filter: AuditFilter,
    format: Format,
    /// The last record that was there when the export began.
    to: i64,
    written: u64,
    at: At,
}

#[derive(Clone, Copy, Debug)]
enum At {
    Beginning,
    Behind(i64),
    End,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    moxnas_audit: u8,
    whole: bool,
    anchors: Vec<Beginning>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Beginning {
    node: String,
    seq: i64,
    hash: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    records: u64,
}

impl Export {
    /// Everything that is wanted of what is there now, oldest first.
    pub async fn begin(
        store: Store,
        filter: AuditFilter,
        format: Format,
    ) -> Result<Export, StoreError> {
        let newest = AuditFilter::default();
        let newest = store.audit_lines(&newest, AuditOrder::NewestFirst, None, 1);
        let to = newest.await?.first().map_or(0, |it| it.id);
        Ok(Export {
            store,
            filter,
            format,
            to,
            written: 0,
            at: At::Beginning,
        })
    }

    /// The next piece of text; `None`: that was all.
    pub async fn next(&mut self) -> Result<Option<String>, StoreError> {
        match self.at {
            At::End => Ok(None),
            At::Beginning => {
                self.at = At::Behind(i64::MIN);
                self.header().await.map(Some)
            }
            At::Behind(after) => self.page(after).await.map(Some),
        }
    }

    async fn header(&self) -> Result<String, StoreError> {
        if self.format == Format::Csv {
            return Ok(format!("{}\r\n", COLUMNS.join(",")));
        }
        let anchors = self.store.audit_anchors().await?;
        let anchors = anchors.into_iter().map(|(node, seq, hash)| Beginning {
            node,
            seq,
            hash: hex(&hash),
        });
        Ok(json(&Header {
            moxnas_audit: VERSION,
            whole: self.filter.is_everything(),
            anchors: anchors.collect(),
        }))
    }

    async fn page(&mut self, after: i64) -> Result<String, StoreError> {
        let order = AuditOrder::OldestFirst;
        let lines = self
            .store
            .audit_lines(&self.filter, order, Some(after), PAGE)
            .await?;
        let mut text = String::new();
        for line in lines.iter().filter(|it| it.id <= self.to) {
            self.written += 1;
            text += &match self.format {
                Format::Json => json(line),
                Format::Csv => csv(line),
            };
        }
        match lines.last() {
            Some(last) if last.id < self.to => self.at = At::Behind(last.id),
            _ => {
                self.at = At::End;
                if self.format == Format::Json {
                    text += &json(&End {
                        records: self.written,
                    });
                }
            }
        }
        Ok(text)
    }
}

fn json(it: &impl Serialize) -> String {
    let mut text = serde_json::to_string(it).expect("text and numbers are JSON");
    text.push('\n');
    text
}

const COLUMNS: [&str; 15] = [
    "id",
    "at",
    "actor",
    "via",
    "address",
    "operation",
    "object",
    "phase",
    "result",
    "fingerprint",
    "request_id",
    "detail",
    "node",
    "seq",
    "hash",
];

fn csv(line: &Line) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(line.at) * 1_000_000);
    let at = at.ok().and_then(|it| it.format(&Rfc3339).ok());
    let number = |it: i64| it.to_string();
    let fields = [
        number(line.id),
        at.unwrap_or_else(|| number(line.at)),
        field(&line.actor),
        field(&line.via),
        field(line.address.as_deref().unwrap_or_default()),
        field(&line.operation),
        field(line.object.as_deref().unwrap_or_default()),
        field(&line.phase),
        field(line.result.as_deref().unwrap_or_default()),
        field(line.fingerprint.as_deref().unwrap_or_default()),
        field(&line.request_id),
        field(&line.detail),
        field(line.node.as_deref().unwrap_or_default()),
        line.seq.map(number).unwrap_or_default(),
        line.hash.as_deref().map(hex).unwrap_or_default(),
    ];
    format!("{}\r\n", fields.join(","))
}

/// A field as RFC 4180 has it. What a spreadsheet would take for a formula gets an apostrophe in
/// front, by which spreadsheets know text.
fn field(text: &str) -> String {
    let is_formula =
        text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let text = match is_formula {
        true => format!("'{text}"),
        false => text.to_owned(),
    };
    match text.contains(['"', ',', '\r', '\n', '\'']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

/// An export that cannot be verified.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It could not be read.
    #[error("the export cannot be read")]
    Read(#[source] io::Error),
    /// A line is not what it should be.
    #[error("line {line} of the export is not understood")]
    Line {
        /// Which.
        line: u64,
        /// Why.
        #[source]
        cause: serde_json::Error,
    },
    /// Not an export, or one of a later release.
    #[error(
        "this is no export that this program knows: its first line does not say `moxnas_audit` 1"
    )]
    Foreign,
    /// What is left out and what was removed look the same.
    #[error("the export holds a selection of the log: only a whole one can be verified")]
    Selection,
    /// The last line is missing, or does not go with the others.
    #[error("the export is not complete: it says that it holds {says} records, and holds {holds}")]
    Incomplete {
        /// What its last line says; 0: there is no last line.
        says: u64,
        /// What is there.
        holds: u64,
    },
}

/// Verify an export, without the machine it is from. Only the chains: who dropped older records,
/// and whether later ones were cut off before the export was made, cannot be told.
pub fn verify(mut export: impl BufRead) -> Result<Verdict, ExportError> {
    let mut number = 0;
    let mut next = || -> Result<Option<Vec<u8>>, ExportError> {
        number += 1;
        let mut line = Vec::new();
        io::Read::take(&mut export, LONGEST)
            .read_until(b'\n', &mut line)
            .map_err(ExportError::Read)?;
        Ok((!line.is_empty()).then_some(line))
    };
    let first = next()?.unwrap_or_default();
    let header: Header = serde_json::from_slice(&first).map_err(|_| ExportError::Foreign)?;
    if header.moxnas_audit != VERSION {
        return Err(ExportError::Foreign);
    }
    if !header.whole {
        return Err(ExportError::Selection);
    }
    let mut chains: BTreeMap<String, Walk> = BTreeMap::new();
    let mut anchored = Vec::new();
    for Beginning { node, seq, hash } in header.anchors {
        let hash = unhex(&hash).and_then(|it| it.try_into().ok());
        let walk = Walk::behind(seq, hash.ok_or(ExportError::Foreign)?);
        anchored.push(node.clone());
        chains.insert(node, walk);
    }
    let (mut holds, mut unchained, mut broken) = (0, 0, None);
    let mut chained = false;
    let says = loop {
        let Some(text) = next()? else { break 0 };
        if let Ok(End { records }) = serde_json::from_slice(&text) {
            break records;
        }
        let line: Line = serde_json::from_slice(&text).map_err(|cause| ExportError::Line {
            line: holds + 2,
            cause,
        })?;
        holds += 1;
        match (&line.node, line.seq, &line.hash) {
            (Some(node), Some(_), Some(_)) => {
                chained = true;
                let begin = || Walk::behind(0, START);
                chains.entry(node.clone()).or_insert_with(begin).step(&line);
            }
            (None, None, None) if !chained => unchained += 1,
            (None, None, None) => {
                let why = Why::Untied { id: line.id };
                broken.get_or_insert(Broken { seq: None, why });
            }
            _ => {
                let why = Why::HalfTied { id: line.id };
                broken.get_or_insert(Broken { seq: None, why });
            }
        }
    };
    if says != holds || next()?.is_some() {
        return Err(ExportError::Incomplete { says, holds });
    }
    let chains = chains.into_iter().map(|(node, walk)| {
        let mut verified = walk.end(node);
        if anchored.contains(&verified.node) {
            verified.anchor = AnchorFound::Unproven;
        }
        verified
    });
    Ok(Verdict {
        chains: chains.collect(),
        unchained,
        broken,
        mark: MarkFound::None,
    })
}
