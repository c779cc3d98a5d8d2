//! A password on its way.

use std::{fmt, hint::black_box};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// What is shown of every password.
const HIDDEN: &str = "[hidden]";

/// A password on its way to the databases. Nothing shows it: neither `{:?}` nor a plan as JSON nor
/// a fingerprint, which would let somebody guess at it. Its bytes are overwritten when it is
/// dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Take a text for a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into().into_bytes())
    }

    /// The text, for those who check it and those who hand it on.
    #[must_use]
    pub fn reveal(&self) -> &str {
        std::str::from_utf8(&self.0).expect("it was made of text")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.fill(0);
        // Else the compiler may leave out what nobody reads again.
        black_box(&self.0);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// Two passwords give the same text, so that no hash of it tells one from the other.
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(HIDDEN)
    }
}

/// What was hidden once cannot be read back, and must not become the password of somebody.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        match String::deserialize(from)? {
            text if text == HIDDEN => Err(D::Error::custom("the password was hidden")),
            text => Ok(Secret::new(text)),
        }
    }
}
