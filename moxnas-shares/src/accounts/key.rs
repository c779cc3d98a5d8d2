//! Public keys by which users prove who they are.

use std::{fmt, str::FromStr};

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

/// Where the keys of users are, a file each, as sshd(8) reads authorized_keys. Root owns them, so that nobody
/// who gets in by one can add another.
pub const KEYS_FOLDER: &str = "/etc/moxnas/ssh-keys";

/// Kinds of keys that the sshd of Debian 12 and 13 takes, see `ssh -Q PubkeyAcceptedAlgorithms`.
const KINDS: [&str; 7] = [
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    RSA,
];
const RSA: &str = "ssh-rsa";
/// Shorter moduli of RSA can be broken.
const RSA_BITS: usize = 2048;
/// What fits into a line that people still read. The longest key is RSA's of 16384 bits, 2.7 KiB.
const MAX_LEN: usize = 4096;

/// The public half of a user's key, with what the user calls it: a line of authorized_keys without options.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SshKey {
    kind: String,
    data: String,
    comment: String,
}

/// Why a text is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// The half that nobody else may have.
    #[error("this is a private key: keep it, and give the line of the file that ends with .pub")]
    Private,
    /// Not what `ssh-keygen` writes into a `.pub`.
    #[error(
        "this is no public key: one is a kind, the key and a comment, such as `ssh-ed25519 AAAA… me@laptop`"
    )]
    NotAKey,
    /// sshd does not take it.
    #[error("sshd takes no {0} any more; `ssh-keygen -t ed25519` makes a key that it takes")]
    Kind(String),
    /// RSA, and too short.
    #[error(
        "this key of RSA has {0} bits, and {RSA_BITS} are the least; `ssh-keygen -t ed25519` makes a better one"
    )]
    Short(usize),
}

impl SshKey {
    /// Whether both are the same key, whatever they are called.
    #[must_use]
    pub fn is_same(&self, other: &SshKey) -> bool {
        self.data == other.data
    }
}

impl FromStr for SshKey {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<SshKey, BadKey> {
        if text.contains("PRIVATE KEY") {
            return Err(BadKey::Private);
        }
        let text = text.trim();
        if text.len() > MAX_LEN || text.chars().any(char::is_control) {
            return Err(BadKey::NotAKey);
        }
        let mut words = text.split(' ').filter(|it| !it.is_empty());
        let (Some(kind), Some(data)) = (words.next(), words.next()) else {
            return Err(BadKey::NotAKey);
        };
        let bytes = BASE64.decode(data.as_bytes());
        let bytes = bytes.map_err(|_| BadKey::NotAKey)?;
        let parts: Vec<&[u8]> = Parts(&bytes).collect();
        let length: usize = parts.iter().map(|it| it.len() + 4).sum();
        // The key says once more what it is, and sshd goes by that.
        let [said, .., last] = parts[..] else {
            return Err(BadKey::NotAKey);
        };
        if said != kind.as_bytes() || last.is_empty() || length != bytes.len() {
            return Err(BadKey::NotAKey);
        }
        if !KINDS.contains(&kind) {
            return Err(BadKey::Kind(kind.to_owned()));
        }
        if kind == RSA {
            let bits = bits(last);
            if bits < RSA_BITS {
                return Err(BadKey::Short(bits));
            }
        }
        Ok(SshKey {
            kind: kind.to_owned(),
            data: data.to_owned(),
            comment: words.collect::<Vec<_>>().join(" "),
        })
    }
}

/// The strings that a key is made of, each behind its length, see RFC 4253, 6.6.
struct Parts<'a>(&'a [u8]);

impl<'a> Iterator for Parts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (part, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(part)
    }
}

/// How many bits a number has, the first byte of which is the highest.
fn bits(number: &[u8]) -> usize {
    let number = match number.iter().position(|it| *it != 0) {
        Some(at) => &number[at..],
        None => return 0,
    };
    let unused = number.first().map_or(0, |it| it.leading_zeros() as usize);
    number.len() * 8 - unused
}

/// As a line of authorized_keys.
impl fmt::Display for SshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.data)?;
        match self.comment.as_str() {
            "" => Ok(()),
            comment => write!(f, " {comment}"),
        }
    }
}

moxnas_core::text_type!(SshKey);

/// The file of a user. sshd takes a `#` at the beginning of a line for a remark.
#[must_use]
pub(super) fn render(keys: &[SshKey]) -> String {
    let head =
        "# Written by MoxNAS. Changes made here are lost: use `moxnas account set --ssh-key`.\n";
    let lines = keys.iter().map(|it| format!("{it}\n"));
    std::iter::once(head.to_owned()).chain(lines).collect()
}

/// What is in such a file, and its lines that are no keys.
pub(super) fn parse(text: &str) -> (Vec<SshKey>, Vec<&str>) {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|it| !it.is_empty() && !it.starts_with('#'));
    let (mut keys, mut odd) = (Vec::new(), Vec::new());
    for line in lines {
        match line.parse() {
            Ok(key) => keys.push(key),
            Err(_) => odd.push(line),
        }
    }
    (keys, odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By ssh-keygen of OpenSSH 9.2p1: `-t ed25519`, and `-t rsa -b 1024`.
    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK/bv8krnPyTKbXyULm6hwQps4IHOWxy7ylY6moQAMLU me@laptop";
    const SHORT: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC+HYkY4KQUSrEIZpQxq9iB8Ihrla2DnyDv1ZNTb8JZmwf+Ur8YZp6t/NnFh37AztWHSLEDJZ4mMjfyLcyo5QPl3A/3QIyLyXLEa5QMVN8gYc1sfdkYDewAQpJ+xLF37JsaAzTdClfJZUQmr3ktORTXsV6vUcD8io+UESnITvuWjw== old";

    #[test]
    fn what_ssh_keygen_writes_is_a_key() {
        let key: SshKey = ED25519.parse().unwrap();
        assert_eq!(key.to_string(), ED25519);
        let other: SshKey = format!("  {ED25519} 2\n").parse().unwrap();
        assert!(key.is_same(&other) && key != other);
        assert_eq!(
            parse(&render(&[key.clone(), other.clone()])),
            (vec![key, other], vec![])
        );
    }

    #[test]
    fn what_is_none_is_refused_with_its_reason() {
        let refused = |text: &str| text.parse::<SshKey>().unwrap_err();
        assert_eq!(refused(SHORT), BadKey::Short(1024));
        let private = "-----BEGIN OPENSSH PRIVATE KEY-----";
        assert_eq!(refused(private), BadKey::Private);
        let data = ED25519.split(' ').nth(1).unwrap();
        let dss = BASE64.encode(b"\0\0\0\x07ssh-dss\0\0\0\x01a");
        assert_eq!(
            refused(&format!("ssh-dss {dss}")),
            BadKey::Kind("ssh-dss".to_owned())
        );
        for odd in [
            "",
            "ssh-ed25519",
            "ssh-ed25519 AAAA",
            &format!("ssh-rsa {data}"),
            &format!("ssh-ed25519 {}", &data[..40]),
            &format!("command=\"/bin/sh\" ssh-ed25519 {data}"),
            &format!("ssh-ed25519 {data}\nssh-ed25519 {data}"),
            &format!("ssh-ed25519 {data} \u{1b}[2J"),
        ] {
            assert_eq!(refused(odd), BadKey::NotAKey, "{odd}");
        }
    }
}
