//! The key of the audit log: what it authenticates was written by this service.
//!
//! `audit.key` in the data folder, 64 hexadecimal digits. Who can write to the database and not
//! read this file can neither drop records nor move the mark. It is not part of the ring of
//! `secrets.key`, because what it authenticates must be provable after keys there were dropped.

use std::{fmt, path::Path};

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::AuditError;
use crate::{
    hex::{hex, random_bytes, unhex},
    private_file,
};

const FILE: &str = "audit.key";

/// The key of the audit log.
#[derive(Clone)]
pub struct AuditKey([u8; 32]);

impl AuditKey {
    /// The key in this folder; made at the first call.
    pub fn load_or_make(folder: &Path) -> Result<AuditKey, AuditError> {
        if let Some(key) = AuditKey::load(folder)? {
            return Ok(key);
        }
        let key = AuditKey::random()?;
        private_file::make(&folder.join(FILE), format!("{}\n", hex(&key.0)).as_bytes())?;
        // Read it back: when two start at once, one of them made it.
        AuditKey::load(folder)?.ok_or_else(|| AuditError::Damaged(folder.join(FILE)))
    }

    /// The key in this folder, if there is one.
    pub fn load(folder: &Path) -> Result<Option<AuditKey>, AuditError> {
        let path = folder.join(FILE);
        let Some(bytes) = private_file::read(&path)? else {
            return Ok(None);
        };
        let text = String::from_utf8(bytes).ok();
        let key = text
            .as_deref()
            .and_then(|it| unhex(it.strip_suffix('\n')?)?.try_into().ok());
        match key {
            Some(key) => Ok(Some(AuditKey(key))),
            None => Err(AuditError::Damaged(path)),
        }
    }

    /// A key that ends with the process.
    pub fn random() -> Result<AuditKey, AuditError> {
        Ok(AuditKey(random_bytes().map_err(AuditError::Random)?))
    }

    /// Authenticates the parts, in their order, for one purpose.
    #[must_use]
    pub fn mac(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        self.begin(purpose, parts).finalize().into_bytes().into()
    }

    /// Whether the parts were authenticated for this purpose with this key.
    #[must_use]
    pub fn is_mac(&self, purpose: &str, parts: &[&[u8]], mac: &[u8]) -> bool {
        self.begin(purpose, parts).verify_slice(mac).is_ok()
    }

    fn begin(&self, purpose: &str, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key of any length will do");
        for part in [purpose.as_bytes()].iter().chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditKey(..)")
    }
}
