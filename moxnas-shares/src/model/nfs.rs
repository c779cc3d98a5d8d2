//! A share as NFS offers it, in the terms of exports(5).

use std::{fmt, str::FromStr};

use moxnas_core::names::{BadName, Why};
use serde::{Deserialize, Serialize};

use super::NfsClient;

/// How NFS offers a share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Nfs {
    /// To which machines, each in its own way. A machine that several rules fit gets what the
    /// kernel takes first: an address before a network, a name before a pattern.
    pub clients: Vec<NfsRule>,
    /// How the kernel tells this export from others; `None`: by the UUID of its filesystem, which
    /// not all have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fsid: Option<Fsid>,
}

/// Who may mount it, and what they may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NfsRule {
    /// Which machines.
    pub client: NfsClient,
    /// In which way.
    #[serde(default, flatten)]
    pub options: ClientOptions,
}

/// In which way an export is offered to some machines. The default lets nobody write and takes root
/// for nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientOptions {
    /// Whether they may write.
    pub access: Access,
    /// Who is taken for nobody.
    pub squash: Squash,
    /// Who nobody is; `None`: 65534.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anonuid: Option<u32>,
    /// Of which group nobody is; `None`: 65534.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anongid: Option<u32>,
    /// How they say who they are, the best first; nothing named: by number (`sys`).
    pub sec: Vec<Security>,
    /// Whether it is looked up at each access that a file is below the export.
    pub subtree_check: bool,
    /// Answer before a write is on the disk: faster, and a crash loses data that were said to be
    /// written.
    pub asynchronous: bool,
    /// Take requests from ports that any user of the client can have.
    pub insecure_ports: bool,
    /// Show what is mounted below the export too.
    pub crossmnt: bool,
}

/// Whether machines may write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// `ro`
    #[default]
    ReadOnly,
    /// `rw`
    ReadWrite,
}

/// Who is taken for nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Squash {
    /// Root: `root_squash`.
    #[default]
    Root,
    /// Everybody: `all_squash`.
    All,
    /// Nobody, so that root of each client may do everything: `no_root_squash`.
    None,
}

/// How a client says who its users are, `sec=` of exports(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// By number, unproved.
    Sys,
    /// Kerberos proves who it is.
    Krb5,
    /// And that nothing was changed on the way.
    Krb5i,
    /// And nobody can read it on the way.
    Krb5p,
}

impl Security {
    /// All there are.
    pub const ALL: [Security; 4] = [
        Security::Sys,
        Security::Krb5,
        Security::Krb5i,
        Security::Krb5p,
    ];

    /// The word of exports(5).
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Security::Sys => "sys",
            Security::Krb5 => "krb5",
            Security::Krb5i => "krb5i",
            Security::Krb5p => "krb5p",
        }
    }
}

/// How the kernel tells an export from others, `fsid=` of exports(5).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Fsid {
    /// The root of all exports of NFSv4: `0`.
    Root,
    /// A small number.
    Number(u32),
    /// A UUID: 32 hexadecimal digits, with dashes at their places. Without them exportfs would take
    /// one that is all decimal digits for a number.
    Uuid(String),
}

impl FromStr for Fsid {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Fsid, BadName> {
        if text == "root" || text == "0" {
            return Ok(Fsid::Root);
        }
        let digits: String = text.chars().filter(|it| *it != '-').collect();
        if digits.len() == 32 && digits.bytes().all(|it| it.is_ascii_hexdigit()) {
            return Ok(Fsid::Uuid(dashed(&digits.to_ascii_lowercase())));
        }
        let is_number = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
        let number = text.parse().ok().filter(|_| is_number);
        number.map(Fsid::Number).ok_or_else(|| BadName {
            kind: "fsid (root, a number, or a UUID)",
            why: text
                .chars()
                .find(|it| !it.is_ascii_hexdigit())
                .map_or(Why::TooLong(32), Why::Char),
            text: text.to_owned(),
        })
    }
}

/// With a dash behind the 8th, 12th, 16th and 20th digit.
fn dashed(digits: &str) -> String {
    let mut text = String::with_capacity(36);
    for (place, digit) in digits.chars().enumerate() {
        if matches!(place, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

impl fmt::Display for Fsid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fsid::Root => f.write_str("root"),
            Fsid::Number(it) => write!(f, "{it}"),
            Fsid::Uuid(it) => f.write_str(it),
        }
    }
}

moxnas_core::text_type!(Fsid);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_fsid_is_root_a_number_or_a_uuid() {
        let uuid = "c8f1a8e0-5b1a-4b0e-9d55-2d2b4a0b8a11";
        for (text, fsid) in [
            ("root", Fsid::Root),
            ("0", Fsid::Root),
            ("25", Fsid::Number(25)),
            (uuid, Fsid::Uuid(uuid.to_owned())),
        ] {
            assert_eq!(text.parse::<Fsid>().unwrap(), fsid);
        }
        let bare = "12345678901234567890123456789012".parse::<Fsid>().unwrap();
        assert_eq!(bare.to_string(), "12345678-9012-3456-7890-123456789012");
        for bad in ["", "-1", "+1", "x", "4294967296", "c8f1"] {
            assert!(bad.parse::<Fsid>().is_err(), "{bad:?}");
        }
    }
}
