//! Too many requests, and too many connections.

use moxnas_api::{edges::Edges, server::Limits};
use tokio::io::AsyncWriteExt;

use super::{Site, first_with, get, header, is_problem, pipelined, post, rates, request, status};
use crate::{
    client::{exchange, soon},
    nas::SHORT,
};

const LIVE: &str = "GET /api/system/health/live";

/// One a second: of fifty in a row some are too many, however slow the machine.
const TOO_MANY: usize = 50;

#[tokio::test]
async fn too_many_requests() {
    let site = Site::start(rates(1, 0)).await;
    let answers = site
        .send(&pipelined(TOO_MANY, "GET /api/auth/me", ""))
        .await;
    assert!(answers.starts_with("HTTP/1.1 401 "), "{answers}");
    let limited = first_with(&answers, 429);
    is_problem(limited, 429, "rate_limited");
    let wait: u64 = header(limited, "retry-after").unwrap().parse().unwrap();
    assert!((1..=2).contains(&wait), "{limited}");

    // Who watches whether it lives, other clients, and root are not concerned.
    assert_eq!(status(&site.send(&request(LIVE, "")).await), 200);
    let mut other = site.connect_from([127, 0, 0, 2]).await;
    assert_eq!(
        status(&exchange(&mut other, &get("/api/auth/me")).await),
        401
    );
    let local = site
        .send_local(&pipelined(TOO_MANY, "GET /api/auth/me", ""))
        .await;
    assert_eq!(local.matches("HTTP/1.1 200 ").count(), TOO_MANY);
}

#[tokio::test]
async fn too_many_logins() {
    let site = Site::start(rates(0, 1)).await;
    // Refused before the password is looked at: this takes no time.
    let login = "POST /api/auth/login";
    let answers = site
        .send(&pipelined(TOO_MANY, login, "Content-Length: 0\r\n"))
        .await;
    assert!(answers.contains("HTTP/1.1 429 "), "{answers}");
    let limited = first_with(&answers, 429);
    is_problem(limited, 429, "rate_limited");
    assert!(header(limited, "retry-after").is_some());
    // Other ways to write the path lead nowhere, and all else goes on.
    for path in ["/api/auth/login/", "/api/auth/refresh", "/api/plans"] {
        let flood = pipelined(TOO_MANY, &format!("POST {path}"), "Content-Length: 0\r\n");
        assert!(site.send(&flood).await.contains("HTTP/1.1 429 "), "{path}");
    }
    // With a credential, however bad, it is no try to get in without.
    let plan = post("/api/plans", "Authorization: Bearer x\r\n", "{}");
    assert_eq!(status(&site.send(&plan).await), 401);
    let shows = "Authorization: Bearer x\r\nContent-Length: 0\r\n";
    let answers = site.send(&pipelined(TOO_MANY, login, shows)).await;
    assert!(answers.contains("HTTP/1.1 429 "), "{answers}");
    assert_eq!(status(&site.send(&get("/api/auth/me")).await), 401);
}

#[tokio::test]
async fn no_limit_is_no_limit() {
    let site = Site::start(rates(0, 0)).await;
    let answers = site.send(&pipelined(500, "GET /api/auth/me", "")).await;
    assert_eq!(answers.matches("HTTP/1.1 401 ").count(), 500);
}

/// Half-open connections of one client, and then of many.
#[tokio::test]
async fn connections_at_the_cap() {
    let limits = Limits {
        connections: 6,
        connections_per_client: 3,
        ..Limits::default()
    };
    let site = Site::limited(Edges::default(), limits).await;
    let live = request(LIVE, "");
    let half = |mut wire: tokio::net::TcpStream| async move {
        let _ = wire.write_all(b"GET / HTTP/1.1\r\nHo").await;
        wire
    };
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(half(site.connect().await).await);
    }
    // One more of this client is closed unanswered, others are served.
    let mut more = site.connect().await;
    let _ = more.write_all(live.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = soon(tokio::io::AsyncReadExt::read_to_end(&mut more, &mut answer)).await;
    assert!(answer.is_empty());
    let mut other = site.connect_from([127, 0, 0, 2]).await;
    assert_eq!(status(&exchange(&mut other, &live).await), 200);

    // All places are taken: the network waits, root does not.
    for _ in 0..3 {
        held.push(half(site.connect_from([127, 0, 0, 3]).await).await);
    }
    let mut waiting = site.connect_from([127, 0, 0, 4]).await;
    let _ = waiting.write_all(live.as_bytes()).await;
    assert_eq!(status(&site.send_local(&live).await), 200);
    drop(held);
    assert_eq!(status(&crate::client::rest(&mut waiting).await), 200);
    for _ in 0..5 {
        assert_eq!(status(&site.send(&live).await), 200);
    }
}

/// A client that asks for much and reads nothing of it.
#[tokio::test]
async fn who_does_not_read_is_not_waited_for() {
    let limits = Limits {
        connections: 1,
        stall: SHORT,
        ..Limits::default()
    };
    let site = Site::limited(Edges::default(), limits).await;
    let mut deaf = site.connect().await;
    // More than the kernel holds for a connection, and fewer than are too many.
    let docs = "GET /api/docs HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(50);
    deaf.write_all(docs.as_bytes()).await.unwrap();
    assert_eq!(status(&site.send(&request(LIVE, "")).await), 200);
    drop(deaf);
}
