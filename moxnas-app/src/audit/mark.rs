//! The mark: how long the log is known to have been.
//!
//! A chain cannot miss what was cut off its end. So the last record and its hash are kept in a
//! file as well, `audit.mark` in the data folder, authenticated with the key of the log. It only
//! ever moves on along the same chain: a log that does not hold what the mark says leaves it as it
//! is, and every verification says so, until somebody restores the database or, having understood
//! what happened, removes the file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{AuditError, AuditKey, chain::Hash};
use crate::{
    hex::{hex, unhex},
    private_file,
};

const FILE: &str = "audit.mark";
const PURPOSE: &str = "moxnas audit mark 1";

/// The last record that the log was known to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The machine.
    pub node: String,
    /// Its place in the chain.
    pub seq: i64,
    /// Its hash.
    pub hash: Hash,
}

/// What is in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarkRead {
    /// There is no file.
    None,
    /// The mark.
    Mark(Mark),
    /// It was not written with this key.
    Forged,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    version: u8,
    node: String,
    seq: i64,
    hash: String,
    mac: String,
}

impl Mark {
    /// Where the mark of a data folder is.
    #[must_use]
    pub fn path(folder: &Path) -> PathBuf {
        folder.join(FILE)
    }

    /// Read the mark.
    pub fn read(path: &Path, key: &AuditKey) -> Result<MarkRead, AuditError> {
        let Some(bytes) = private_file::read(path)? else {
            return Ok(MarkRead::None);
        };
        let read = || {
            let text: Text = serde_json::from_slice(&bytes).ok()?;
            let mark = Mark {
                node: text.node,
                seq: text.seq,
                hash: unhex(&text.hash)?.try_into().ok()?,
            };
            let seq = mark.seq.to_be_bytes();
            let parts = [mark.node.as_bytes(), &seq, &mark.hash];
            let is_ours = key.is_mac(PURPOSE, &parts, &unhex(&text.mac)?);
            (is_ours && text.version == 1).then_some(mark)
        };
        Ok(read().map_or(MarkRead::Forged, MarkRead::Mark))
    }

    /// Write the mark, over one that is there.
    pub fn write(&self, path: &Path, key: &AuditKey) -> Result<(), AuditError> {
        let seq = self.seq.to_be_bytes();
        let text = Text {
            version: 1,
            node: self.node.clone(),
            seq: self.seq,
            hash: hex(&self.hash),
            mac: hex(&key.mac(PURPOSE, &[self.node.as_bytes(), &seq, &self.hash])),
        };
        let mut text = serde_json::to_vec(&text).expect("text and numbers are JSON");
        text.push(b'\n');
        Ok(private_file::replace(path, &text)?)
    }
}
