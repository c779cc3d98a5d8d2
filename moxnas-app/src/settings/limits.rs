//! What a client of the network may take.

use serde::Deserialize;

/// A number that is refused with its line in the file if it is out of bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub struct Within<const LEAST: u64, const MOST: u64>(u64);

/// A number is out of bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{number} is out of bounds: from {least} to {most}")]
pub struct OutOfBounds {
    number: u64,
    least: u64,
    most: u64,
}

impl<const LEAST: u64, const MOST: u64> Within<LEAST, MOST> {
    const fn usual(number: u64) -> Within<LEAST, MOST> {
        assert!(LEAST <= number && number <= MOST, "out of bounds");
        Within(number)
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

impl<const LEAST: u64, const MOST: u64> TryFrom<u64> for Within<LEAST, MOST> {
    type Error = OutOfBounds;

    fn try_from(number: u64) -> Result<Within<LEAST, MOST>, OutOfBounds> {
        if (LEAST..=MOST).contains(&number) {
            return Ok(Within(number));
        }
        Err(OutOfBounds {
            number,
            least: LEAST,
            most: MOST,
        })
    }
}

/// The table `[limits]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Length of a request's body.
    pub body_bytes: Within<1024, 1_073_741_824>,
    /// Time for the headers of a request, and for a TLS handshake.
    pub header_seconds: Within<1, 600>,
    /// Connections at a time, on the network and again on the Unix socket.
    pub connections: Within<1, 100_000>,
    /// Connections at a time of one client of the network; 0: all.
    pub connections_per_client: Within<0, 100_000>,
    /// Requests of one client of the network; 0: any number.
    pub requests_per_second: Within<0, 1_000_000>,
    /// Logins, and other changes without a credential, of one client of the network; 0: any number.
    pub auth_requests_per_second: Within<0, 1_000_000>,
}

/// The names of all of them.
#[cfg(test)]
pub(super) const NAMES: [&str; 6] = [
    "body_bytes",
    "header_seconds",
    "connections",
    "connections_per_client",
    "requests_per_second",
    "auth_requests_per_second",
];

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            body_bytes: Within::usual(1024 * 1024),
            header_seconds: Within::usual(10),
            connections: Within::usual(512),
            connections_per_client: Within::usual(64),
            requests_per_second: Within::usual(100),
            auth_requests_per_second: Within::usual(10),
        }
    }
}
