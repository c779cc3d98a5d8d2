//! Who the client is: the peer, or whom a trusted proxy says it speaks for.

use std::net::IpAddr;

use poem::{Request, http::uri::Scheme};

use super::{Network, forwarded};
use crate::server::Peer;

/// In the extensions of every request from the network: the address of the client, for the log,
/// the audit record and all limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// In the extensions of every request from the network: whether the client speaks TLS, with this
/// service or with a trusted proxy in front of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IsSecure(pub bool);

/// What limits take for one client: an IPv4 address, or the 64 bits of an IPv6 address that a
/// provider gives to a household at the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientKey(IpAddr);

impl From<IpAddr> for ClientKey {
    fn from(address: IpAddr) -> ClientKey {
        match address.to_canonical() {
            address @ IpAddr::V4(_) => ClientKey(address),
            address @ IpAddr::V6(_) => ClientKey(Network::around(address, 64).first()),
        }
    }
}

/// See [`super::Guard::introduce`].
pub(super) fn introduce(request: &mut Request, proxies: &[Network]) {
    let Some(Peer::Tcp(peer)) = request.extensions().get::<Peer>().copied() else {
        return;
    };
    let peer = peer.ip().to_canonical();
    let is_tls = *request.scheme() == Scheme::HTTPS;
    let (client, is_secure) = if proxies.iter().any(|it| it.contains(peer)) {
        let headers = request.headers();
        let client = forwarded::client(headers, proxies).unwrap_or(peer);
        (client, forwarded::is_secure(headers).unwrap_or(is_tls))
    } else {
        (peer, is_tls)
    };
    request.extensions_mut().insert(ClientAddress(client));
    request.extensions_mut().insert(IsSecure(is_secure));
}
