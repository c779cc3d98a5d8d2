//! What proxies say about a request that they pass on: `X-Forwarded-For`, `X-Forwarded-Proto`, and
//! `Forwarded` (RFC 7239). To be read only when the peer is a trusted proxy.
//!
//! Each proxy appends to what it was sent, so the lists are read from the right, and what stands
//! left of the first address that is no trusted proxy may be anybody's invention. A proxy that
//! writes one of the headers may pass on the other as the client sent it, so where both are there
//! and disagree nothing is believed.

use std::net::{IpAddr, SocketAddr};

use poem::http::{
    HeaderMap, HeaderName,
    header::{FORWARDED, GetAll},
};

use super::Network;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What was said is not understood, or contradicts itself.
struct Unbelievable;

/// One element of `Forwarded`.
#[derive(Default)]
struct Hop {
    client: Option<String>,
    proto: Option<String>,
}

/// The rightmost address that is no trusted proxy; the leftmost if all are. `None` if nothing is
/// said, or nothing that can be believed.
pub(super) fn client(headers: &HeaderMap, proxies: &[Network]) -> Option<IpAddr> {
    let listed = elements(headers.get_all(X_FORWARDED_FOR)).and_then(|list| {
        let hops = list.iter().map(|it| address(it));
        walk(hops, proxies)
    });
    let forwarded = hops(headers).and_then(|list| {
        let hops = list.iter().map(|it| address(it.client.as_deref()?));
        walk(hops, proxies)
    });
    agreed(listed, forwarded)
}

/// Whether the nearest proxy was asked over TLS. `None` as for [`client`].
pub(super) fn is_secure(headers: &HeaderMap) -> Option<bool> {
    let is_https = |it: &str| it.eq_ignore_ascii_case("https");
    let listed =
        elements(headers.get_all(X_FORWARDED_PROTO)).map(|list| list.last().map(|it| is_https(it)));
    let forwarded =
        hops(headers).map(|list| list.last().and_then(|it| it.proto.as_deref().map(is_https)));
    agreed(listed, forwarded)
}

fn agreed<T: PartialEq>(
    one: Result<Option<T>, Unbelievable>,
    other: Result<Option<T>, Unbelievable>,
) -> Option<T> {
    match (one.ok()?, other.ok()?) {
        (Some(one), Some(other)) => (one == other).then_some(one),
        (one, other) => one.or(other),
    }
}

fn walk(
    hops: impl DoubleEndedIterator<Item = Option<IpAddr>>,
    proxies: &[Network],
) -> Result<Option<IpAddr>, Unbelievable> {
    let mut client = None;
    for hop in hops.rev() {
        let hop = hop.ok_or(Unbelievable)?;
        client = Some(hop);
        if !proxies.iter().any(|it| it.contains(hop)) {
            break;
        }
    }
    Ok(client)
}

/// The elements of a list that may be spread over several lines.
fn elements<'a>(lines: GetAll<'a, poem::http::HeaderValue>) -> Result<Vec<&'a str>, Unbelievable> {
    let mut all = Vec::new();
    for line in lines {
        let line = line.to_str().map_err(|_| Unbelievable)?;
        all.extend(split(line, ',')?);
    }
    Ok(all)
}

fn hops(headers: &HeaderMap) -> Result<Vec<Hop>, Unbelievable> {
    let list = elements(headers.get_all(FORWARDED))?;
    list.into_iter().map(hop).collect()
}

/// `for=192.0.2.60;proto=https;by=203.0.113.43`
fn hop(element: &str) -> Result<Hop, Unbelievable> {
    let mut hop = Hop::default();
    for pair in split(element, ';')? {
        if pair.is_empty() {
            continue;
        }
        let (name, value) = pair.split_once('=').ok_or(Unbelievable)?;
        let value = Some(value.trim_matches('"').to_owned());
        let place = match name.to_ascii_lowercase().as_str() {
            "for" => &mut hop.client,
            "proto" => &mut hop.proto,
            _ => continue,
        };
        if place.is_some() {
            return Err(Unbelievable);
        }
        *place = value;
    }
    Ok(hop)
}

/// The parts between separators that are not within quotes, without space around them.
fn split(text: &str, separator: char) -> Result<Vec<&str>, Unbelievable> {
    let mut quoted = false;
    let parts = text.split(|it| {
        quoted ^= it == '"';
        it == separator && !quoted
    });
    let parts = parts.map(str::trim).collect();
    if quoted { Err(Unbelievable) } else { Ok(parts) }
}

/// `192.0.2.1`, `192.0.2.1:1024`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:1024`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let address = match bare {
        Some(bare) => bare.parse().ok().map(IpAddr::V6),
        None => text
            .parse()
            .ok()
            .or_else(|| text.parse::<SocketAddr>().ok().map(|it| it.ip())),
    };
    address.map(|it| it.to_canonical())
}

#[cfg(test)]
mod tests;
