//! Lists as proxies and clients write them, and who the client is.

use poem::http::{HeaderMap, HeaderName, HeaderValue};

use super::*;

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let lines = lines.iter().map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
    });
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(name, value);
    }
    headers
}

#[track_caller]
fn check(lines: &[(&str, &str)], expected: Option<&str>) {
    let proxies: Vec<Network> = ["10.0.0.0/8", "2001:db8:1::/48"]
        .map(|it| it.parse().unwrap())
        .into();
    let found = client(&headers(lines), &proxies).map(|it| it.to_string());
    assert_eq!(found.as_deref(), expected, "{lines:?}");
}

#[test]
fn the_rightmost_that_is_no_trusted_proxy_is_the_client() {
    check(&[], None);
    check(&[("x-forwarded-for", "192.0.2.1")], Some("192.0.2.1"));
    check(
        &[("x-forwarded-for", "198.51.100.1, 192.0.2.1, 10.0.0.9")],
        Some("192.0.2.1"),
    );
    // Over several lines, as RFC 9110 5.3 joins them.
    check(
        &[
            ("x-forwarded-for", "198.51.100.1"),
            ("x-forwarded-for", "192.0.2.1,10.0.0.9"),
        ],
        Some("192.0.2.1"),
    );
    // What a client invented stands further left, however it is written.
    check(&[("x-forwarded-for", "\u{fc}, 192.0.2.1")], None);
    check(
        &[("x-forwarded-for", "nobody, 192.0.2.1")],
        Some("192.0.2.1"),
    );
    check(
        &[("x-forwarded-for", "10.1.1.1, 10.0.0.9")],
        Some("10.1.1.1"),
    );
}

#[test]
fn addresses_are_read_as_proxies_write_them() {
    for (written, expected) in [
        ("192.0.2.1:4711", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
    ] {
        check(&[("x-forwarded-for", written)], Some(expected));
        check(
            &[("forwarded", &format!("for=\"{written}\""))],
            Some(expected),
        );
    }
    check(
        &[(
            "forwarded",
            "for=192.0.2.1;proto=http;by=10.0.0.1, For=10.0.0.9",
        )],
        Some("192.0.2.1"),
    );
    check(
        &[("forwarded", r#"for="[2001:db8::1]:80";host="a,b;c""#)],
        Some("2001:db8::1"),
    );
}

#[test]
fn what_is_not_understood_is_not_believed() {
    for written in [
        "unknown",
        "",
        "192.0.2.1.5",
        "192.0.2.1, ",
        "1",
        "0x7f.1",
        "[192.0.2.1]",
    ] {
        check(&[("x-forwarded-for", written)], None);
    }
    for written in [
        "for=unknown",
        "for=_hidden",
        "for=\"192.0.2.1",
        "for",
        "proto=https",
        "for=192.0.2.1;for=192.0.2.2",
        "",
    ] {
        check(&[("forwarded", written)], None);
    }
}

/// The proxy writes one of the two, and the client has sent the other one.
#[test]
fn two_headers_that_disagree_are_not_believed() {
    let listed = ("x-forwarded-for", "192.0.2.1");
    check(&[listed, ("forwarded", "for=192.0.2.1")], Some("192.0.2.1"));
    check(&[listed, ("forwarded", "for=198.51.100.1")], None);
    check(&[listed, ("forwarded", "nonsense")], None);
}

#[test]
fn the_nearest_proxy_says_whether_it_was_asked_over_tls() {
    let said = |lines: &[(&str, &str)]| is_secure(&headers(lines));
    assert_eq!(said(&[]), None);
    assert_eq!(said(&[("x-forwarded-proto", "HTTPS")]), Some(true));
    assert_eq!(said(&[("x-forwarded-proto", "https, http")]), Some(false));
    assert_eq!(said(&[("forwarded", "for=a;proto=https")]), Some(true));
    assert_eq!(said(&[("forwarded", "proto=https, for=a")]), None);
    let both = [("x-forwarded-proto", "http"), ("forwarded", "proto=https")];
    assert_eq!(said(&both), None);
}
