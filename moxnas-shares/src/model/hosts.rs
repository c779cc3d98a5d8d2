//! Which machines something is offered to.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;
use moxnas_core::names::{BadName, Why};
use serde::{Deserialize, Serialize};

/// Machines that an NFS export is offered to, see exports(5).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum NfsClient {
    /// Everybody: `*`.
    Anyone,
    /// One address.
    Address(IpAddr),
    /// All addresses of a network.
    Network(IpNet),
    /// A name, or all names that a pattern of `*`, `?` and `[…]` fits.
    Name(HostPattern),
    /// The hosts of a netgroup of NIS or LDAP.
    Netgroup(NetgroupName),
}

/// Machines that may, or may not, reach an SMB share, see `hosts allow` in smb.conf(5).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SmbHost {
    /// Everybody: `ALL`.
    Anyone,
    /// One address.
    Address(IpAddr),
    /// All addresses of a network.
    Network(IpNet),
    /// A name; with a dot before it, all names of a domain.
    Name(HostPattern),
    /// The hosts of a netgroup of NIS or LDAP.
    Netgroup(NetgroupName),
}

moxnas_core::name_type! {
    /// Name of a host, or a pattern for names.
    HostPattern, "name of a host or pattern for names", 253,
    |it| it.is_ascii_alphanumeric() || matches!(it, '.' | '-' | '_' | '*' | '?' | '[' | ']')
}

moxnas_core::name_type! {
    /// Name of a netgroup.
    NetgroupName, "name of a netgroup", 128,
    |it| it.is_ascii_alphanumeric() || matches!(it, '.' | '-' | '_')
}

fn bad(text: &str, why: Why) -> BadName {
    BadName {
        kind: "host, network or netgroup",
        why,
        text: text.to_owned(),
    }
}

/// An address or a network, if it is one. A network whose address goes on behind its mask is none: whoever
/// wrote it meant something else.
fn numeric(text: &str) -> Result<Option<Numeric>, BadName> {
    if let Ok(address) = text.parse() {
        return Ok(Some(Numeric::Address(address)));
    }
    let net = match text.split_once('/') {
        None => return Ok(None),
        Some((address, mask)) => match mask.parse::<IpAddr>() {
            // 192.168.0.0/255.255.0.0
            Ok(mask) => match address.parse::<IpAddr>() {
                Ok(address) => IpNet::with_netmask(address, mask).ok(),
                Err(_) => None,
            },
            Err(_) => text.parse().ok(),
        },
    };
    match net {
        Some(net) if net.trunc() == net => Ok(Some(Numeric::Network(net))),
        _ => Err(bad(text, Why::Char('/'))),
    }
}

enum Numeric {
    Address(IpAddr),
    Network(IpNet),
}

/// Whether the brackets of a pattern are pairs that hold something.
fn has_whole_brackets(text: &str) -> bool {
    let mut inside = None;
    for (place, it) in text.char_indices() {
        match (it, inside) {
            ('[', None) => inside = Some(place),
            (']', Some(from)) if place > from + 1 => inside = None,
            ('[' | ']', _) => return false,
            _ => (),
        }
    }
    inside.is_none()
}

impl FromStr for NfsClient {
    type Err = BadName;

    fn from_str(text: &str) -> Result<NfsClient, BadName> {
        if text == "*" {
            return Ok(NfsClient::Anyone);
        }
        if let Some(group) = text.strip_prefix('@') {
            return group.parse().map(NfsClient::Netgroup);
        }
        match numeric(text)? {
            Some(Numeric::Address(it)) => Ok(NfsClient::Address(it)),
            Some(Numeric::Network(it)) => Ok(NfsClient::Network(it)),
            None if !has_whole_brackets(text) => Err(bad(text, Why::Char('['))),
            None => text.parse().map(NfsClient::Name),
        }
    }
}

impl FromStr for SmbHost {
    type Err = BadName;

    fn from_str(text: &str) -> Result<SmbHost, BadName> {
        if text.eq_ignore_ascii_case("all") {
            return Ok(SmbHost::Anyone);
        }
        // Words of hosts_access(5), which Samba takes for more than names.
        if ["local", "known", "unknown", "paranoid", "except", "fail"]
            .iter()
            .any(|it| text.eq_ignore_ascii_case(it))
        {
            return Err(bad(text, Why::Reserved));
        }
        if let Some(group) = text.strip_prefix('@') {
            return group.parse().map(SmbHost::Netgroup);
        }
        match numeric(text)? {
            Some(Numeric::Address(it)) => Ok(SmbHost::Address(it)),
            Some(Numeric::Network(it)) => Ok(SmbHost::Network(it)),
            // What ends with a dot is the beginning of an address, which a network says better.
            None if text.ends_with('.') => Err(bad(text, Why::Char('.'))),
            None => match text.chars().find(|it| matches!(it, '*' | '?' | '[' | ']')) {
                Some(it) => Err(bad(text, Why::Char(it))),
                None => text.parse().map(SmbHost::Name),
            },
        }
    }
}

impl fmt::Display for NfsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NfsClient::Anyone => f.write_str("*"),
            NfsClient::Address(it) => write_address(f, *it, None),
            NfsClient::Network(it) => write_address(f, it.addr(), Some(it.prefix_len())),
            NfsClient::Name(it) => write!(f, "{it}"),
            NfsClient::Netgroup(it) => write!(f, "@{it}"),
        }
    }
}

impl fmt::Display for SmbHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SmbHost::Anyone => f.write_str("ALL"),
            SmbHost::Address(it) => write_address(f, *it, None),
            SmbHost::Network(it) => write_address(f, it.addr(), Some(it.prefix_len())),
            SmbHost::Name(it) => write!(f, "{it}"),
            SmbHost::Netgroup(it) => write!(f, "@{it}"),
        }
    }
}

/// As the standard library writes it, in one go: an address is in most lines of a large file.
fn write_address(f: &mut fmt::Formatter<'_>, address: IpAddr, prefix: Option<u8>) -> fmt::Result {
    let IpAddr::V4(address) = address else {
        write!(f, "{address}")?;
        return prefix.map_or(Ok(()), |it| write!(f, "/{it}"));
    };
    let mut text = String::with_capacity("255.255.255.255/32".len());
    let [first, rest @ ..] = address.octets();
    push_number(&mut text, first);
    let rest = rest.into_iter().map(|it| ('.', it));
    for (sign, number) in rest.chain(prefix.map(|it| ('/', it))) {
        text.push(sign);
        push_number(&mut text, number);
    }
    f.write_str(&text)
}

fn push_number(text: &mut String, number: u8) {
    for unit in [100, 10, 1] {
        if number >= unit || unit == 1 {
            text.push(char::from(b'0' + number / unit % 10));
        }
    }
}

moxnas_core::text_type!(NfsClient, SmbHost);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_of_nfs_are_known_by_their_form() {
        for good in [
            "*",
            "192.168.1.10",
            "192.168.1.0/24",
            "2001:db8::/64",
            "fe80::1",
            "pc001",
            "*.example.com",
            "build[0-9].example.com",
            "@trusted",
            "gss-server",
        ] {
            assert_eq!(good.parse::<NfsClient>().unwrap().to_string(), good);
        }
        let masked: NfsClient = "172.31.0.0/255.255.0.0".parse().unwrap();
        assert_eq!(masked.to_string(), "172.31.0.0/16");
        for bad in [
            "",
            "@",
            "a b",
            "a(rw)",
            "192.168.1.1/24",
            "10.0.0.0/33",
            "a[",
            "a[]",
            "a/b",
            "-sync",
            "a,b",
            "#",
        ] {
            assert!(bad.parse::<NfsClient>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn addresses_are_written_as_by_everybody() {
        for text in [
            "0.0.0.0/0",
            "10.0.0.0/8",
            "192.168.100.0/24",
            "255.255.255.255",
            "100.10.1.9/32",
        ] {
            assert_eq!(text.parse::<NfsClient>().unwrap().to_string(), text);
        }
        for number in 0..=u8::MAX {
            let mut text = String::new();
            push_number(&mut text, number);
            assert_eq!(text, number.to_string());
        }
    }

    #[test]
    fn hosts_of_smb_are_known_by_their_form() {
        for good in [
            "ALL",
            "192.168.1.0/24",
            "::1",
            "pc1",
            ".example.com",
            "@trusted",
        ] {
            assert_eq!(good.parse::<SmbHost>().unwrap().to_string(), good);
        }
        for bad in ["", "192.168.", "EXCEPT", "pc*", "a b", "10.1.2.3/8", "%m"] {
            assert!(bad.parse::<SmbHost>().is_err(), "{bad:?}");
        }
    }
}
