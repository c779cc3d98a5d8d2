//! Pools of another machine: replicas go there over ssh(1).
//!
//! On the other side there is MoxNAS too. What may be done there is what [`serve`] does, which sshd(8)
//! starts in place of whatever is asked for (`command=` in authorized_keys, with `restrict`): say what is
//! in a pool, take a snapshot in, hold one, compare one, remove what arrived in part. There is no shell
//! for whoever has the key, and nothing that is whole can be deleted or changed with it.
//!
//! The machine that sends decides nothing about the other but what is in its plan: the planner is that of
//! [`replica`](crate::replica), and one side of it comes from over there.

mod backend;
mod digest;
mod real;
mod request;
pub mod serve;
mod sim;

use std::{collections::BTreeSet, fmt, net::Ipv6Addr, str::FromStr};

use data_encoding::{BASE64, BASE64_NOPAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use backend::{RemoteError, TargetBackend};
pub use digest::{Digest, digest};
pub use real::{SshTargets, commands};
pub use request::{Answer, BadRequest, Facts, PROTOCOL, Place, Refused, Request};
pub use sim::{Neighbour, SIM_FINGERPRINT, SIM_HOST, SimTargets};

use crate::model::PoolName;

moxnas_core::name_type! {
    /// What another machine is called here.
    TargetName, "name of a target", 32, |it| it.is_ascii_alphanumeric() || it == '-' || it == '_'
}

moxnas_core::name_type! {
    /// Where a machine is: a name of the network, or an address.
    HostName, "name of a host", 253, |it| it.is_ascii_alphanumeric() || "-._:".contains(it)
}

moxnas_core::name_type! {
    /// As whom one logs in.
    UserName, "name of a user", 32, |it| it.is_ascii_alphanumeric() || "-._".contains(it)
}

/// Where sshd(8) listens if nothing else is said.
pub const SSH_PORT: u16 = 22;

/// Where a machine is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The machine.
    pub host: HostName,
    /// Where its sshd(8) listens.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.as_str().parse::<Ipv6Addr>() {
            Ok(host) => write!(f, "[{host}]:{}", self.port),
            Err(_) => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Another machine with MoxNAS that takes replicas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// What it is called here.
    pub name: TargetName,
    /// Where it is.
    pub address: Address,
    /// As whom one logs in: root, as nobody else may receive into a btrfs.
    pub user: UserName,
    /// The pools there that replicas may go to.
    pub pools: BTreeSet<PoolName>,
    /// By which it is known again: somebody has compared it with what the machine itself says.
    pub host_key: HostKey,
}

impl Target {
    /// The line that lets this machine in there, in the file authorized_keys of the user, see sshd(8):
    /// for replicas into these pools, and nothing else. `public` is the public half of our key.
    #[must_use]
    pub fn authorized_line(&self, public: &str) -> String {
        let pools: String = self
            .pools
            .iter()
            .map(|it| format!(" --pool {it}"))
            .collect();
        format!("restrict,command=\"moxnas replica serve{pools}\" {public}")
    }
}

/// The public half of the key by which a machine proves who it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct HostKey {
    kind: String,
    key: String,
}

/// A text that is no key of a host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no public key of a host")]
pub struct BadHostKey(pub String);

impl HostKey {
    /// As `ssh-keygen -l` shows it, and as people compare it: `SHA256:…`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let key = BASE64.decode(self.key.as_bytes()).unwrap_or_default();
        format!("SHA256:{}", BASE64_NOPAD.encode(&Sha256::digest(key)))
    }

    /// What sort of key: `ssh-ed25519`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }
}

/// Its kind and itself, as in known_hosts behind the name of the host, see sshd(8).
impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.key)
    }
}

impl FromStr for HostKey {
    type Err = BadHostKey;

    fn from_str(text: &str) -> Result<HostKey, BadHostKey> {
        let bad = || BadHostKey(text.to_owned());
        let mut words = text.split_ascii_whitespace();
        let (Some(kind), Some(key), None) = (words.next(), words.next(), words.next()) else {
            return Err(bad());
        };
        let is_kind = |it: char| it.is_ascii_alphanumeric() || "-@.".contains(it);
        let is_key = BASE64.decode(key.as_bytes()).is_ok_and(|it| !it.is_empty());
        match kind.starts_with(|it: char| it.is_ascii_lowercase())
            && kind.chars().all(is_kind)
            && is_key
        {
            true => Ok(HostKey {
                kind: kind.to_owned(),
                key: key.to_owned(),
            }),
            false => Err(bad()),
        }
    }
}

impl TryFrom<String> for HostKey {
    type Error = BadHostKey;

    fn try_from(text: String) -> Result<HostKey, BadHostKey> {
        text.parse()
    }
}

impl From<HostKey> for String {
    fn from(it: HostKey) -> String {
        it.to_string()
    }
}

/// The keys that ssh-keyscan(1) has found: lines of host, kind and key. Lines that are none are left
/// out, as the answer is shown to somebody who compares it.
#[must_use]
pub fn scanned(text: &str) -> Vec<HostKey> {
    let keys = text.lines().filter_map(|it| {
        let (_, key) = it.trim().split_once(' ')?;
        key.parse().ok()
    });
    let found: BTreeSet<HostKey> = keys.collect();
    let mut found: Vec<HostKey> = found.into_iter().collect();
    // The one that everybody has comes first.
    found.sort_by_key(|it| it.kind != "ssh-ed25519");
    found
}
