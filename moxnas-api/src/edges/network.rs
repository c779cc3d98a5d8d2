//! Networks as people write them: `192.0.2.0/24`, or a single address.

use std::{fmt, net::IpAddr, str::FromStr};

/// A range of addresses: those that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    prefix: u32,
}

/// A text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadNetwork {
    /// What stands before the slash.
    #[error("{0:?} does not begin with an address")]
    Address(String),
    /// What stands behind the slash.
    #[error("{0:?} does not end with a number of bits that such an address has")]
    Prefix(String),
    /// Either the address or the number of bits is not what was meant.
    #[error("{text:?} has bits behind its prefix; its network is {network}")]
    Beyond {
        /// As it was written.
        text: String,
        /// What it would be without them.
        network: Network,
    },
}

impl Network {
    /// Whether `address` is in it. An IPv4 address within IPv6 counts as the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(it)) => {
                let differing = first.to_bits() ^ it.to_bits();
                differing.checked_shr(32 - self.prefix).unwrap_or(0) == 0
            }
            (IpAddr::V6(first), IpAddr::V6(it)) => {
                let differing = first.to_bits() ^ it.to_bits();
                differing.checked_shr(128 - self.prefix).unwrap_or(0) == 0
            }
            _ => false,
        }
    }

    /// The network of `prefix` bits, which its kind of address has, around `address`.
    pub(super) fn around(address: IpAddr, prefix: u32) -> Network {
        let first = match address {
            IpAddr::V4(it) => {
                let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
                IpAddr::V4((it.to_bits() & mask).into())
            }
            IpAddr::V6(it) => {
                let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
                IpAddr::V6((it.to_bits() & mask).into())
            }
        };
        Network { first, prefix }
    }

    /// Its lowest address.
    pub(super) fn first(&self) -> IpAddr {
        self.first
    }
}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Network, BadNetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| BadNetwork::Address(text.to_owned()))?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix.map(str::parse) {
            None => bits,
            Some(Ok(prefix)) if prefix <= bits => prefix,
            Some(_) => return Err(BadNetwork::Prefix(text.to_owned())),
        };
        let network = Network::around(address, prefix);
        if network.first != address {
            let text = text.to_owned();
            return Err(BadNetwork::Beyond { text, network });
        }
        Ok(network)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_begins_alike() {
        let holds = |network: &str, address: &str| {
            let network: Network = network.parse().unwrap();
            network.contains(address.parse().unwrap())
        };
        assert!(holds("192.0.2.0/24", "192.0.2.255"));
        assert!(!holds("192.0.2.0/24", "192.0.3.0"));
        assert!(holds("192.0.2.0/24", "::ffff:192.0.2.7"));
        assert!(holds("192.0.2.7", "192.0.2.7") && !holds("192.0.2.7", "192.0.2.6"));
        assert!(holds("0.0.0.0/0", "255.255.255.255") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(!holds("2001:db8::/32", "2001:db9::"));
        assert!(holds("::/0", "ffff::") && holds("::1", "::1"));
    }

    #[test]
    fn says_what_is_wrong_with_a_text() {
        let said = |text: &str| text.parse::<Network>().unwrap_err().to_string();
        assert_eq!(said("nas/24"), "\"nas/24\" does not begin with an address");
        for text in ["192.0.2.0/33", "192.0.2.0/", "192.0.2.0/-1", "::/129"] {
            assert!(said(text).contains("number of bits"), "{text}");
        }
        assert_eq!(
            said("192.0.2.9/24"),
            "\"192.0.2.9/24\" has bits behind its prefix; its network is 192.0.2.0/24"
        );
    }
}
