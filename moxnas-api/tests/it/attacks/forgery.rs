//! Names, addresses and origins that are not the client's own, and paths that lead out.

use moxnas_api::edges::{Edges, Hosts, Origins, Rates};
use serde_json::Value;

use super::{Site, get, header, is_problem, pipelined, post, rates, request, status};
use crate::client::soon;

const TOO_MANY: usize = 50;

fn behind(proxy: &str, rates: Rates) -> Edges {
    Edges {
        proxies: vec![proxy.parse().unwrap()],
        rates,
        ..Edges::default()
    }
}

fn bad_login(forwarded: &str) -> String {
    let body = r#"{"username":"admin","password":"not this one"}"#;
    post("/api/auth/login", forwarded, body)
}

#[tokio::test]
async fn a_forged_address_evades_no_limit_and_stands_in_no_record() {
    let site = Site::start(rates(1, 1)).await;
    let forged = |number: usize| {
        let line = format!("X-Forwarded-For: 203.0.113.{number}\r\n");
        let other = format!("Forwarded: for=203.0.113.{number}\r\nX-Real-IP: 203.0.113.9\r\n");
        line + &other
    };
    assert_eq!(status(&site.send(&bad_login(&forged(1))).await), 401);
    let audit = site.audit().await;
    assert!(
        audit.contains("127.0.0.1") && !audit.contains("203.0.113"),
        "{audit}"
    );

    let requests: String = (0..TOO_MANY)
        .map(|it| pipelined(1, "GET /api/auth/me", &forged(it)).replace(&get("/"), ""))
        .collect();
    let answers = site.send(&(requests + &get("/"))).await;
    assert!(answers.contains("HTTP/1.1 429 "), "{answers}");
    // A stale token does not hide it either.
    let site = Site::start(Edges::default()).await;
    let stale = format!("Authorization: Bearer stale\r\n{}", forged(1));
    assert_eq!(status(&site.send(&bad_login(&stale)).await), 401);
    let audit = site.audit().await;
    assert!(
        audit.contains("127.0.0.1") && !audit.contains("203.0.113"),
        "{audit}"
    );
}

#[tokio::test]
async fn a_trusted_proxy_speaks_for_its_clients() {
    let slow = Rates { api: 1, auth: 1 };
    let site = Site::start(behind("127.0.0.0/8", slow)).await;
    // What the client invented stands on the left.
    let said = "X-Forwarded-For: 198.51.100.1, 203.0.113.7\r\n";
    assert_eq!(status(&site.send(&bad_login(said)).await), 401);
    let audit = site.audit().await;
    assert!(
        audit.contains("203.0.113.7") && !audit.contains("198.51.100"),
        "{audit}"
    );

    let flood = pipelined(TOO_MANY, "GET /api/auth/me", said);
    assert!(site.send(&flood).await.contains("HTTP/1.1 429 "));
    let other = request("GET /api/auth/me", "X-Forwarded-For: 203.0.113.8\r\n");
    assert_eq!(status(&site.send(&other).await), 401);

    let secure = |proto: &str| {
        request(
            "GET /api/auth/me",
            &format!("X-Forwarded-For: 203.0.113.9\r\n{proto}"),
        )
    };
    let answer = site.send(&secure("X-Forwarded-Proto: https\r\n")).await;
    let always = header(&answer, "strict-transport-security");
    assert_eq!(always, Some("max-age=31536000; includeSubDomains"));
    let answer = site.send(&secure("")).await;
    assert_eq!(header(&answer, "strict-transport-security"), None);
    // Nobody else's word counts.
    let site = Site::start(Edges::default()).await;
    let answer = site.send(&secure("X-Forwarded-Proto: https\r\n")).await;
    assert_eq!(header(&answer, "strict-transport-security"), None);
}

#[tokio::test]
async fn foreign_hosts_are_refused() {
    let site = Site::start(Edges::default()).await;
    let live = "GET /api/system/health/live HTTP/1.1\r\nConnection: close\r\n";
    for host in [
        "evil.example",
        "localhost.evil.example",
        "localhost@evil.example",
        "x y",
        "",
    ] {
        let answer = site.send(&format!("{live}Host: {host}\r\n\r\n")).await;
        assert_eq!(status(&answer), 400, "{host}: {answer}");
        assert!(!answer.contains("evil"), "{answer}");
    }
    let answer = site
        .send(&format!("{live}Host: evil.example\r\n\r\n"))
        .await;
    is_problem(&answer, 400, "host_not_allowed");
    assert!(answer.contains("`allowed_hosts`"), "{answer}");
    for hosts in ["", "Host: localhost\r\nHost: localhost\r\n"] {
        let answer = site.send(&format!("{live}{hosts}\r\n")).await;
        is_problem(&answer, 400, "invalid_request");
    }
    let absolute = live.replace("GET ", "GET http://evil.example");
    let answer = site
        .send(&format!("{absolute}Host: localhost\r\n\r\n"))
        .await;
    is_problem(&answer, 400, "host_not_allowed");
    // What names no site that a browser could be lured to, is fine; so is the socket.
    for host in ["127.0.0.1", "[::1]:8000", "LOCALHOST:1"] {
        let answer = site.send(&format!("{live}Host: {host}\r\n\r\n")).await;
        assert_eq!(status(&answer), 200, "{host}: {answer}");
    }
    let answer = site
        .send_local(&format!("{live}Host: evil.example\r\n\r\n"))
        .await;
    assert_eq!(status(&answer), 200, "{answer}");
    let configured = Edges {
        hosts: Hosts::with(["nas.example.com"]).unwrap(),
        ..Edges::default()
    };
    let site = Site::start(configured).await;
    let answer = site
        .send(&format!("{live}Host: nas.example.com\r\n\r\n"))
        .await;
    assert_eq!(status(&answer), 200, "{answer}");
}

/// There the host is no header.
#[tokio::test]
async fn foreign_hosts_are_refused_in_http_2_too() {
    let site = Site::start(Edges::default()).await;
    let (mut sender, connection) = hyper::client::conn::http2::handshake(
        hyper_util::rt::TokioExecutor::new(),
        hyper_util::rt::TokioIo::new(site.connect().await),
    )
    .await
    .unwrap();
    tokio::spawn(connection);
    for (host, header, expected) in [
        ("localhost", None, 200),
        ("evil.example", None, 400),
        ("localhost", Some("evil.example"), 400),
        ("evil.example", Some("localhost"), 400),
    ] {
        let url = format!("http://{host}/api/system/health/live");
        let mut request = hyper::Request::get(url);
        if let Some(header) = header {
            request = request.header("Host", header);
        }
        let request = request.body(String::new()).unwrap();
        let answer = soon(sender.send_request(request)).await.unwrap();
        assert_eq!(answer.status(), expected, "{host} {header:?}");
    }
}

#[tokio::test]
async fn pages_of_other_sites_are_kept_out() {
    let edges = Edges {
        origins: Origins::new(["https://panel.example.com"]).unwrap(),
        ..Edges::default()
    };
    let site = Site::start(edges).await;
    let ask = |method: &str, origin: &str, more: &str| {
        let line = format!("{method} /api/storage/arrays");
        request(&line, &format!("Origin: {origin}\r\n{more}"))
    };
    let wants = "Access-Control-Request-Method: PUT\r\n";
    for origin in [
        "https://evil.example",
        "null",
        "https://panel.example.com.evil.example",
    ] {
        let answer = site.send(&ask("OPTIONS", origin, wants)).await;
        is_problem(&answer, 403, "origin_not_allowed");
        assert!(!answer.contains("access-control-"), "{answer}");
        let answer = site.send(&ask("GET", origin, "")).await;
        assert_eq!(status(&answer), 401);
        assert!(!answer.contains("access-control-"), "{answer}");
        assert_eq!(header(&answer, "vary"), Some("Origin"));
    }
    let listed = "https://panel.example.com";
    let answer = site.send(&ask("OPTIONS", listed, wants)).await;
    assert_eq!(status(&answer), 204, "{answer}");
    let methods = header(&answer, "access-control-allow-methods").unwrap();
    assert!(methods.contains("PUT") && !methods.contains('*'));
    let headers = header(&answer, "access-control-allow-headers").unwrap();
    assert!(headers.contains("X-Confirm-Plan") && !headers.contains('*'));
    // Of a problem too, the page may see what is wrong.
    for answer in [answer, site.send(&ask("GET", listed, "")).await] {
        assert_eq!(header(&answer, "access-control-allow-origin"), Some(listed));
        assert_eq!(
            header(&answer, "access-control-allow-credentials"),
            Some("true")
        );
    }
    // Nobody is listed by default.
    let site = Site::start(Edges::default()).await;
    let answer = site.send(&ask("OPTIONS", listed, wants)).await;
    is_problem(&answer, 403, "origin_not_allowed");
    assert_eq!(
        header(&site.send(&ask("OPTIONS", listed, "")).await, "allow"),
        Some("GET, HEAD, OPTIONS, POST")
    );
}

#[tokio::test]
async fn nothing_sent_becomes_a_header() {
    let site = Site::start(Edges::default()).await;
    // What no header may hold is refused before it is looked at.
    for value in [
        "a\r\n Set-Cookie: x=1",
        "a\0b",
        "a\rSet-Cookie: x=1",
        "a\u{7f}b",
    ] {
        for name in [
            "X-Request-Id",
            "Origin",
            "X-Forwarded-For",
            "X-Confirm-Plan",
            "If-Match",
        ] {
            let answer = site
                .send(&request("GET /", &format!("{name}: {value}\r\n")))
                .await;
            assert_eq!(status(&answer), 400, "{name}: {value:?}: {answer}");
            assert!(!answer.to_lowercase().contains("set-cookie"), "{answer}");
        }
    }
    for value in [
        "a%0d%0aSet-Cookie: x=1",
        "a b",
        "<script>",
        &"x".repeat(65),
        "\u{e4}",
    ] {
        let answer = site
            .send(&request("GET /", &format!("X-Request-Id: {value}\r\n")))
            .await;
        let id = header(&answer, "x-request-id").unwrap();
        assert!(
            id.len() == 16 && id.bytes().all(|it| it.is_ascii_hexdigit()),
            "{answer}"
        );
    }
    for path in [
        "/%0d%0aSet-Cookie:%20x=1",
        "/api/storage/arrays/%0d%0aSet-Cookie:%20x=1",
    ] {
        let answer = site.send_local(&get(path)).await;
        assert_eq!(header(&answer, "set-cookie"), None, "{answer}");
        assert!((400..500).contains(&status(&answer)), "{answer}");
    }
    let answer = site
        .send(&request("GET /", "X-Request-Id: mine-1.2_3\r\n"))
        .await;
    assert_eq!(header(&answer, "x-request-id"), Some("mine-1.2_3"));
}

const OUTSIDE: [&str; 9] = [
    "..",
    "../../../../etc/passwd",
    "..%2f..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..%252f..%252fetc%252fpasswd",
    "..%5c..%5cetc%5cpasswd",
    "....//....//etc/passwd",
    "%2fetc%2fpasswd",
    "passwd%00.json",
];

#[tokio::test]
async fn no_path_leads_out() {
    let site = Site::start(rates(0, 0)).await;
    for outside in OUTSIDE {
        for below in [
            "",
            "/api",
            "/api/docs",
            "/api/openapi.json",
            "/api/storage/arrays",
        ] {
            // As a login would see it, and as strangers do.
            let ask = get(&format!("{below}/{outside}"));
            for answer in [site.send_local(&ask).await, site.send(&ask).await] {
                assert!((400..500).contains(&status(&answer)), "{ask}{answer}");
                assert!(!answer.contains("root:"), "{ask}{answer}");
            }
        }
    }
    // Every parameter of every operation.
    let document: Value = serde_json::from_str(&moxnas_api::spec()).unwrap();
    let mut tried = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let Some((before, after)) = path.split_once('{') else {
            continue;
        };
        let (_, after) = after.split_once('}').unwrap();
        for method in operations.as_object().unwrap().keys() {
            for outside in OUTSIDE {
                let path = format!("/api{before}{outside}{after}").replace(['{', '}'], "");
                let body = "Content-Type: application/json\r\nContent-Length: 2\r\n";
                let line = format!("{} {path}", method.to_uppercase());
                let answer = site.send_local(&(request(&line, body) + "{}")).await;
                assert!((400..500).contains(&status(&answer)), "{line}: {answer}");
                assert!(!answer.contains("root:"), "{line}: {answer}");
                tried += 1;
            }
        }
    }
    assert!(tried > 50, "the document was read");
}
